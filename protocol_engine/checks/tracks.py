"""Do the tracks of each arm begin, keep to their own acts, read what there is, and wait for what can come?"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define, field, frozen

from protocol_engine.checks.cells import Cells
from protocol_engine.checks.compiled import Compiled
from protocol_engine.checks.graph import ONWARD, written_at
from protocol_engine.checks.outline import Outline, Written
from protocol_engine.checks.track_states import states_in, states_of_track, tracks_of_arm
from protocol_engine.errors import Mark, Problem
from protocol_engine.model.conditions import Condition, NamedTest
from protocol_engine.model.evaluation import NO, YES, Evaluation
from protocol_engine.model.protocol import End, Need, Stop, Track
from protocol_engine.model.table import Guard, Place, Row, Table
from protocol_engine.model.values import MAIN, STOPPED, WAITING, Holds, TrackState

MOST_TOGETHER = 20_000
"""Ways in which all tracks of an arm can stand together beyond which not all of them are looked at."""
Together = tuple[str, ...]
"""A place for the course of the arm, and one for each of its tracks."""
KINDS = {"administration": "the regimen", "choice": "the choice", "procedure": "the procedure"}


# --- as they are written -------------------------------------------------------------------------------------------


def tracks_have_their_own_names(outline: Outline) -> Iterator[Problem]:
    """A track is not called like another of its arm, and each way in which it can stand has one name."""
    protocol = outline.protocol
    for item, track in outline.of(Track):
        name = item.path.rpartition(".")[2]
        if name == MAIN:
            message = "is what the course of the arm is called among its tracks; take another name"
            yield outline.problem("name-taken", item.path, track.mark, message)
        elif item.arm is not None and name in protocol.tracks:
            message = f"{name} is a track of every arm (line {protocol.tracks[name].mark.line}); take another name"
            yield outline.problem("name-taken", item.path, track.mark, message)
        seen: dict[str, str] = {WAITING: "wait", STOPPED: "stop"}
        for what, state in states_of_track(track):
            if seen.setdefault(state, what) != what:
                message = f"{state} names more than one way in which this track can stand; take another name for one"
                yield outline.problem("name-taken", item.path, track.mark, message)
                break
    for arm, content in protocol.arms.items():
        taken = {state for what, state in states_in(content.course) if what == "element"}
        taken |= {s for t in content.tracks.values() for what, s in states_of_track(t) if what == "element"}
        for name, track in protocol.tracks.items():
            for state in (s for what, s in states_of_track(track) if what == "element" and s in taken):
                message = f"{state} is an element of the arm {arm} too; take another name"
                yield outline.problem("name-twice", f"tracks.{name}", track.mark, message)


def tracks_are_not_left(outline: Outline) -> Iterator[Problem]:
    """A stop of a track ends it, or leaves steps behind it; other treatment in its place is behind an `until`."""
    for item, track in outline.of(Track):
        for number, stop in enumerate(track.stops):
            if stop.instead is not None:
                message = (
                    "a stop cannot leave a track for other steps; write them behind an `until` of what they replace"
                )
                yield outline.problem("track-instead", f"{item.path}.stops[{number}].instead", stop.mark, message)


def tracks_end_alone(outline: Outline) -> Iterator[Problem]:
    """What is followed up is told where the course ends: a track that ends leaves the course as it is."""
    for item in outline.nodes:
        node = item.node
        if (
            isinstance(node, End | Stop)
            and node.follow_up is not None
            and any(isinstance(around, Track) for around in item.around)
        ):
            message = "has no effect where a track ends: say what is followed where the course of the arm ends"
            yield outline.problem("ignored", f"{item.path}.follow_up", node.mark, message)


# --- as they are compiled ------------------------------------------------------------------------------------------


def acts_stay_in_one_track(compiled: Compiled) -> Iterator[Problem]:
    """A regimen, a choice and a procedure belong to one track of an arm: no report says which of two was meant."""
    table = compiled.table
    first: dict[tuple[str, str, str], Place] = {}
    told: set[tuple[str, str, str]] = set()
    for row in table.rows:
        place = table.places.get(row.source)
        if row.act is None or place is None or place.arm not in table.tracks:
            continue
        key = (place.arm, row.act.kind, row.act.name.partition("=")[0])
        known = first.setdefault(key, place)
        if known.track == place.track or key in told:
            continue
        told.add(key)
        at, other = (place, known) if place.track is not None else (known, place)
        item = _track_at(compiled, at)
        message = (
            f"{KINDS[row.act.kind]} {key[2]} belongs to {_called(at)} and to {_called(other)} of the arm {key[0]}; "
            f"keep it in one, since a report of it does not say which was meant"
        )
        yield compiled.outline.problem("act-in-two-tracks", item.path, item.node.mark, message)


def tracks_are_read_where_they_are(compiled: Compiled) -> Iterator[Problem]:
    """Where a track is read, the arm has it: anywhere else it would wait for ever."""
    table = compiled.table
    told: set[Mark] = set()
    for place in table.places.values() if table.subject == "patient" else ():
        known = {MAIN, *table.tracks[place.arm]} if place.arm in table.tracks else set()
        for row in (*table.offers.get(place.id, ()), *table.falls_at[place.id][1]):
            for test in (test for guard in row.guards for test in guard.condition.tests):
                missing = [track for track in _tracks_behind(table, test.name, ()) if track not in known]
                if missing and test.mark not in told:
                    told.add(test.mark)
                    where = f"in the arm {place.arm}" if place.arm is not None else "before allocation"
                    path = next((p for a in compiled.outline.conditions for p, t in a.tests if t.mark == test.mark), "")
                    message = f"reads the track {missing[0]}, and there is none {where}; it would wait for ever"
                    yield compiled.outline.problem("track-elsewhere", path, test.mark, message)


def _tracks_behind(table: Table, name: str, above: tuple[str, ...]) -> Iterator[str]:
    value = table.values.get(name)
    if isinstance(value, TrackState):
        yield value.track
    elif isinstance(value, Holds) and name not in above:
        for test in value.holds.tests:
            yield from _tracks_behind(table, test.name, (*above, name))


def tracks_do_not_wait_for_ever(compiled: Compiled) -> Iterator[Problem]:
    """Every track begins, each place of it can be reached, and the course of the arm never waits for what cannot come.

    All ways in which the tracks of an arm can stand together are walked; whatever else a row asks for may be so.
    """
    for arm in compiled.table.tracks:
        walk = _Walk(compiled, arm)
        if not walk.done:
            item = written_at(compiled, compiled.table.places[walk.start[0]])
            message = f"the tracks of {arm} stand together in too many ways to look whether they wait for each other"
            yield compiled.outline.notice("table-too-large", item.path, item.node.mark, message)
            continue
        yield from walk.faults()


@frozen
class _Way:
    """A row that leads on, and where; ``sure`` if nothing but the tracks decides it, and it is taken by itself."""

    row: Row
    target: str
    sure: bool


@define
class _Walk:
    """Every way in which the tracks of one arm can stand together, from allocation on, and what can follow each."""

    compiled: Compiled
    arm: str
    plain: Evaluation = field(init=False)
    names: tuple[str | None, ...] = field(init=False)
    start: Together = field(init=False)
    seen: dict[Together, tuple[Together, ...]] = field(init=False, factory=dict)
    done: bool = field(init=False, default=True)

    def __attrs_post_init__(self) -> None:
        table = self.compiled.table
        tracks = table.tracks[self.arm]
        self.plain = Cells(table, ()).evaluation(())
        self.names = (None, *tracks)
        allocated = next(p.id for p in table.places.values() if p.arm == self.arm and p.kind == "allocated")
        self.start = (allocated, *(track.start for track in tracks.values()))
        ahead = [self.start]
        self.seen[self.start] = ()
        while ahead:
            together = ahead.pop()
            following = tuple(dict.fromkeys(self._following(together)))
            self.seen[together] = following
            for other in following:
                if other not in self.seen:
                    self.seen[other] = ()
                    ahead.append(other)
            if len(self.seen) > MOST_TOGETHER:
                self.done = False
                return

    # --- what can follow -------------------------------------------------------------------------------------------

    def is_over(self, together: Together) -> bool:
        """Whether the course has ended, or left treatment."""
        main = self.compiled.table.places[together[0]]
        return main.kind == "ended" or main.off_treatment

    def _following(self, together: Together) -> Iterator[Together]:
        if self.is_over(together):
            return
        ways = [(number, way) for number in range(len(together)) for way in self.open_ways(together, number)]
        sure = [way for way in ways if way[1].sure][:1]
        for number, way in sure or ways:
            yield (*together[:number], way.target, *together[number + 1 :])

    def ways(self, place: str) -> Iterator[_Way]:
        """The rows that lead on from a place by themselves or by an act: no stop of the file or of the arm."""
        table = self.compiled.table
        for row in table.offers.get(place, ()):
            if row.effect in ONWARD:
                yield _Way(row, row.target, sure=False)
        for row in table.falls_at[place][1]:
            if not row.source.startswith(("protocol@", "arm@")):
                yield _Way(row, row.target, row.at_least is None and self._by_tracks_alone(row))

    def open_ways(self, together: Together, number: int) -> Iterator[_Way]:
        """Those of them that can be taken where the tracks stand so."""
        states = self._states(together)
        for way in self.ways(together[number]):
            if all(self._may_pass(guard, states) for guard in way.row.guards):
                yield way

    def _states(self, together: Together) -> dict[str, str]:
        places = self.compiled.table.places
        return {name or MAIN: places[place].state for name, place in zip(self.names, together, strict=True)}

    def _by_tracks_alone(self, row: Row) -> bool:
        table = self.compiled.table
        names = [test.name for guard in row.guards for test in guard.condition.tests]
        return all(isinstance(table.values.get(name), TrackState) for name in names)

    def _may_pass(self, guard: Guard, states: dict[str, str]) -> bool:
        return self._may_be(guard.condition, states, (), wanted=not guard.refutes)

    def _may_be(self, condition: Condition, states: dict[str, str], above: tuple[str, ...], *, wanted: bool) -> bool:
        """Whether a condition may be true, or false, where the tracks stand so; anything else may be either."""
        if wanted:
            return any(all(self._test_may(t, states, above, wanted=True) for t in c.tests) for c in condition.clauses)
        return all(any(self._test_may(t, states, above, wanted=False) for t in c.tests) for c in condition.clauses)

    def _test_may(self, named: NamedTest, states: dict[str, str], above: tuple[str, ...], *, wanted: bool) -> bool:
        table = self.compiled.table
        value = table.values.get(named.name)
        if isinstance(value, TrackState):
            return self.plain.meets(named.test)(states.get(value.track, WAITING)) is wanted
        if isinstance(value, Holds) and named.name not in above:
            inside = (*above, named.name)
            return any(
                self._may_be(value.holds, states, inside, wanted=answer is YES)
                for answer in (YES, NO)
                if self.plain.meets(named.test)(answer) is wanted
            )
        return True

    # --- what is wrong ---------------------------------------------------------------------------------------------

    def faults(self) -> Iterator[Problem]:
        """Tracks that never begin, places that are never reached, and a course that stays for ever."""
        table, outline = self.compiled.table, self.compiled.outline
        open_rows = {way.row.id for t in self.seen for number in range(len(t)) for way in self.open_ways(t, number)}
        needed = {test.mark for one in outline.asked_by(Need, Track) for test in one.condition.tests}
        stuck = self._stuck()
        if stuck is not None:
            together, row = stuck
            others = [f"{n} is {state}" for n, state in self._states(together).items() if n != MAIN]
            message = f"is never reached once {' and '.join(others)}: the course of {self.arm} waits for ever"
            yield self._waiting(row, message)
            return
        for number, name in enumerate(self.names):
            for place in dict.fromkeys(together[number] for together in self.seen):
                rows = [way.row for way in self.ways(place)]
                closed = [row for row in rows if row.id not in open_rows]
                if name is not None and place == self.start[number] and closed and closed == rows:
                    item = _track_at(self.compiled, table.places[place])
                    message = f"never begins in the arm {self.arm}: what it waits for in another track never comes"
                    yield outline.problem("track-never-begins", item.path, item.node.mark, message)
                    continue
                asked = [row for row in closed if any(mark in needed for mark in _marks(row))]
                for row in asked or (closed[:1] if closed == rows else []):
                    yield self._waiting(row, "is never reached: what it waits for in another track never comes")

    def _stuck(self) -> tuple[Together, Row] | None:
        """The first way to stand from which the course of the arm never goes on, with a row that it waits for."""
        before: dict[Together, list[Together]] = {together: [] for together in self.seen}
        for together, following in self.seen.items():
            for other in following:
                before[other].append(together)
        good = [t for t in self.seen if self.is_over(t) or self._goes_on(t)]
        reached = set(good)
        while good:
            for other in before[good.pop()]:
                if other not in reached:
                    reached.add(other)
                    good.append(other)
        for together in self.seen:
            rows = [way.row for way in self.ways(together[0]) if way.row.below is None]
            if together not in reached and rows:
                return together, rows[0]
        return None

    def _goes_on(self, together: Together) -> bool:
        """Whether the course of the arm can go on: one more of a given number of cycles is no way on."""
        return any(way.row.below is None for way in self.open_ways(together, 0))

    def _waiting(self, row: Row, message: str) -> Problem:
        """A problem of a row that waits for another track, where its test on that track stands."""
        compiled = self.compiled
        table = compiled.table
        tests = [test for guard in row.guards for test in guard.condition.tests]
        reading = [test for test in tests if any(_tracks_behind(table, test.name, ()))]
        item = written_at(compiled, table.places[row.target])
        path, mark = item.path, item.node.mark
        if reading:
            mark = reading[0].mark
            path = next((p for a in compiled.outline.conditions for p, t in a.tests if t.mark == mark), path)
        return compiled.outline.problem("tracks-wait", path, mark, message)


def _marks(row: Row) -> Iterator[Mark]:
    return (test.mark for guard in row.guards for test in guard.condition.tests)


def _called(place: Place) -> str:
    return f"the track {place.track}" if place.track is not None else "the course"


def _track_at(compiled: Compiled, place: Place) -> Written:
    """Where the track of a place is written."""
    arm = place.arm or ""
    track = tracks_of_arm(compiled.outline.protocol, arm)[place.track or ""]
    return next(item for item, node in compiled.outline.of(Track) if node is track)
