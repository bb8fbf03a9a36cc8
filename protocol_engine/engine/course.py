"""The one door: a course is a value, and :func:`step` gives the next one with a decision. Nothing here has a clock.

:func:`propose` answers "may this be done now?", :func:`decide` "what comes next?"; :func:`replay` derives a course.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from attrs import field, frozen

from protocol_engine.engine.day_order import ACT_KINDS, FoldedEvent
from protocol_engine.engine.deciding import Decider
from protocol_engine.engine.folding import Fold, Folder, Remark, Trace
from protocol_engine.engine.intake import accept_one
from protocol_engine.engine.judging import judge
from protocol_engine.engine.rewriting import is_named, known_too_early, rewrites_in, rewritten
from protocol_engine.errors import InputError, cut
from protocol_engine.machine import PlaceMachine
from protocol_engine.model.decision import Answer, Decision, Verdict, each_once
from protocol_engine.model.events import ActEvent, CorrectionEvent, PatientEvent, RetractionEvent
from protocol_engine.model.table import Table


class Machine:
    """A compiled protocol, ready to decide: its table, and what is worked out from it once."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.places = PlaceMachine(table)
        self.folder = Folder(table, self.places)
        self.decider = Decider(table)
        self.begun = self.folder.begun()


@frozen
class State:
    """A course: every event received, by id, in the order of arrival, and what is derived from them.

    ``standing`` are the acts and reports that stand, as rewritten by all that is known; ``base`` is the fold of them up
    to the last day, ``group`` the events of that day, ``now`` the fold with them.
    ``deviations`` are verdicts as known then; ``hindsight`` names acts that were right then and would not be now.
    """

    events: dict[str, PatientEvent]
    standing: Mapping[str, FoldedEvent]
    base: Fold
    now: Fold
    group: tuple[FoldedEvent, ...] = ()
    day: date | None = None
    as_of: date | None = None
    rewritten_until: date | None = None
    deviations: tuple[Verdict, ...] = ()
    hindsight: tuple[Remark, ...] = ()


@frozen
class Step:
    """What one event did: the new course, the decision after it, the trace, and what a late event changed.

    ``place_before`` and ``place_after`` are places of the course. The trace is of the event in its turn, which for a
    late one lies behind the course.
    """

    event: PatientEvent
    state: State
    decision: Decision
    trace: Trace
    place_before: str
    repeated: bool = False
    changed: tuple[str, ...] = field(default=())

    @property
    def place_after(self) -> str:
        """Where the course is with the event."""
        return self.state.now.position.place


def begin(machine: Machine) -> State:
    """A course in which nothing has happened yet."""
    return State({}, {}, machine.begun, machine.begun)


def step(machine: Machine, state: State, event: PatientEvent) -> Step:
    """Take one event into the course. The state is not changed; the new one is in the answer.

    The same id with the same content changes nothing; with other content it is an :class:`InputError`, and so is an
    event that the protocol cannot read, or a correction or retraction issued before the event that it names.
    """
    event = accept_one(machine.table, event)
    known, place = state.events.get(event.id), state.now.position.place
    if known is not None:
        if known != event:
            raise InputError(
                f"{cut(event.id)}: this id was reported before with other content; correct that event instead"
            )
        return Step(event, state, decide(machine, state), Trace(place, place), place, repeated=True)
    for fault in known_too_early(event, state.events, state.rewritten_until is not None):
        raise InputError(fault)
    events = {**state.events, event.id: event}
    as_of = max(event.issued.day, state.as_of) if state.as_of is not None else event.issued.day
    changed: tuple[str, ...] = ()
    if not isinstance(event, CorrectionEvent | RetractionEvent) and _comes_next(state, event):
        new, trace = _appended(machine, state, event, events, as_of)
    else:
        new, trace = derived(machine, events, event.id)
        changed = _changes(state, new, event)
    return Step(event, new, decide(machine, new), trace, place, changed=changed)


def _comes_next(state: State, event: FoldedEvent) -> bool:
    """Whether the event can be folded after all others without deriving the course again."""
    day = event.known.day
    if state.rewritten_until is not None:
        return (
            not is_named(event, state.events)
            and day >= state.rewritten_until
            and (state.day is None or day > state.day)
        )
    return state.day is None or day >= state.day


def _appended(
    machine: Machine, state: State, event: FoldedEvent, events: dict[str, PatientEvent], as_of: date
) -> tuple[State, Trace]:
    day = event.known.day
    same = day == state.day
    base = state.base if same else state.now
    group = (*state.group, event) if same else (event,)
    now, trace = machine.folder.day(base, group, event.id)
    deviations = now.deviations
    if state.rewritten_until is not None:
        deviations = (*state.deviations, *now.deviations[len(base.deviations) :])
    end_known = now.position.over_known
    hindsight = state.hindsight
    standing = {**state.standing, event.id: event}
    if now.position.ended != state.now.position.ended or (end_known is not None and day <= end_known):
        if state.rewritten_until is not None:
            return derived(machine, events, event.id)
        hindsight = _after_the_end(now, deviations, standing)
    new = State(events, standing, base, now, group, day, as_of, state.rewritten_until, deviations, hindsight)
    return new, trace or Trace(base.position.place, now.position.place)


def derived(machine: Machine, events: Mapping[str, PatientEvent], watched: str | None = None) -> tuple[State, Trace]:
    """The whole course from its events, in whatever order they came; the trace is that of the event ``watched``.

    An act is traced where it is judged: in what was known on its day.
    """
    standing = rewritten(events, None)
    days = _days(standing.values())
    base, trace = machine.begun, None
    now = base
    for group in days:
        base = now
        now, found = machine.folder.day(base, group, watched)
        trace = found or trace
    rewrites = rewrites_in(events)
    deviations = now.deviations
    if rewrites:
        deviations, judged = _as_known_then(machine, events, standing, watched)
        trace = judged or trace
    hindsight = (*_after_the_end(now, deviations, standing), *_in_hindsight(now, deviations))
    last_group = days[-1] if days else ()
    state = State(
        events=dict(events),
        standing=standing,
        base=base,
        now=now,
        group=last_group,
        day=last_group[0].known.day if last_group else None,
        as_of=max((event.issued.day for event in events.values()), default=None),
        rewritten_until=rewrites[-1].issued.day if rewrites else None,
        deviations=deviations,
        hindsight=hindsight,
    )
    return state, trace or Trace(now.position.place, now.position.place)


def _days(events: Iterable[FoldedEvent]) -> list[tuple[FoldedEvent, ...]]:
    """The events in the order of knowing, a group for each day; within a day by id, so that arrival cannot matter."""
    groups: dict[date, list[FoldedEvent]] = {}
    for event in events:
        groups.setdefault(event.known.day, []).append(event)
    return [tuple(sorted(groups[day], key=lambda event: event.id)) for day in sorted(groups)]


def _as_known_then(
    machine: Machine, events: Mapping[str, PatientEvent], standing: Mapping[str, FoldedEvent], watched: str | None
) -> tuple[tuple[Verdict, ...], Trace | None]:
    """Each act's verdict in the fold of what had been issued, with the corrections issued, by its own day.

    An act that was itself corrected is judged as what it really was, since that is what was done. The trace is that of
    the act ``watched``.
    """
    trace = None
    boundaries = sorted({rewrite.issued.day for rewrite in rewrites_in(events)})
    found: dict[str, Verdict] = {}
    for number in range(len(boundaries) + 1):
        begins = boundaries[number - 1] if number else date.min
        ends = boundaries[number] if number < len(boundaries) else date.max
        acts = {
            name: e for name, e in standing.items() if isinstance(e, ACT_KINDS) and begins <= e.effective.day < ends
        }
        if not acts:
            continue
        known = rewritten(events, begins if number else date.min)
        own = {name for name, act in acts.items() if known.get(name) != act}
        for names, versions in [
            (acts.keys() - own, known),
            *(({name}, {**known, name: acts[name]}) for name in sorted(own)),
        ]:
            fold = machine.begun
            for group in _days(versions.values()):
                if group[0].known.day < ends:
                    fold, seen = machine.folder.day(fold, group, watched if watched in names else None)
                    trace = seen or trace
            found |= {verdict.event: verdict for verdict in fold.deviations if verdict.event in names}
    order = {event.id: rank for rank, event in enumerate(e for group in _days(standing.values()) for e in group)}
    return tuple(sorted(found.values(), key=lambda verdict: order[verdict.event])), trace


def _in_hindsight(now: Fold, then: tuple[Verdict, ...]) -> tuple[Remark, ...]:
    deviating = {verdict.event for verdict in then}
    return tuple(
        Remark(verdict.event, f"allowed, in hindsight not: {'; '.join(verdict.because)}")
        for verdict in now.deviations
        if verdict.event not in deviating
    )


def _after_the_end(now: Fold, then: tuple[Verdict, ...], standing: Mapping[str, FoldedEvent]) -> tuple[Remark, ...]:
    """Acts dated after the day that ended the course, although the end was known only later.

    What was done when the end was known was judged with it, and is no matter of hindsight.
    """
    since, known = now.position.over_since, now.position.over_known
    if since is None or known is None:
        return ()
    deviating = {verdict.event for verdict in (*then, *now.deviations)}
    return tuple(
        Remark(event.id, f"allowed, in hindsight not: dated {event.effective.day}, after the end on {since}")
        for event in sorted(standing.values(), key=lambda event: (event.effective.day, event.id))
        if isinstance(event, ACT_KINDS) and since < event.effective.day <= known and event.id not in deviating
    )


def _changes(old: State, new: State, event: PatientEvent) -> tuple[str, ...]:
    """What a late event, a correction or a retraction changed in what was said before."""
    before, after = _verdicts(old), _verdicts(new)
    found = [
        f"{name}: {_said(old, name, before)} before, {_said(new, name, after)} now"
        for name in sorted(before.keys() | after.keys())
        if name in old.events and before.get(name) != after.get(name)
    ]
    moves_by_itself = isinstance(event, ACT_KINDS)
    if not moves_by_itself and old.now.position.place != new.now.position.place:
        found.append(f"the place was {old.now.position.place} and is {new.now.position.place}")
    if old.now.position.ended != new.now.position.ended:
        found.append("whether and when the course ended has changed")
    return tuple(found)


def _verdicts(state: State) -> dict[str, str]:
    """The verdict on every act that stands."""
    found = {name: "allowed" for name, event in state.standing.items() if isinstance(event, ACT_KINDS)}
    return found | {deviation.event: deviation.verdict for deviation in state.deviations}


def _said(state: State, name: str, verdicts: Mapping[str, str]) -> str:
    """What was said of an event in one or two words: its verdict, or why it has none."""
    if name in verdicts:
        return verdicts[name]
    event = state.standing.get(name, state.events[name])
    if isinstance(event, CorrectionEvent | RetractionEvent):
        return f"a {event.kind}"
    return "a report" if name in state.standing else "retracted"


def known_by(machine: Machine, state: State, day: date) -> tuple[State, int]:
    """The course of what had been issued by that day, and how many later events it leaves out."""
    if state.as_of is None or day >= state.as_of:
        return state, 0
    events = {name: event for name, event in state.events.items() if event.issued.day <= day}
    return derived(machine, events)[0], len(state.events) - len(events)


def decide(machine: Machine, state: State, as_of: date | None = None) -> Decision:
    """What comes next as of a day (default: the last date among the events), from what had been issued by then."""
    day = as_of if as_of is not None else state.as_of
    left_out = 0
    if as_of is not None:
        state, left_out = known_by(machine, state, as_of)
    extra = [f"{left_out} {'event' if left_out == 1 else 'events'} issued after {as_of} left aside"] if left_out else []
    return machine.decider.decide(state.now, day, state.deviations, state.hindsight, extra)


def propose(machine: Machine, state: State, event: PatientEvent) -> Answer:
    """May this be done on its day, as known at the end of that day? Changes nothing. Reports are always taken."""
    event = accept_one(machine.table, event)
    if not isinstance(event, ACT_KINDS):
        if isinstance(event, CorrectionEvent | RetractionEvent):
            raise InputError(f"a {event.kind} is recorded, not proposed")
        return Answer(True, "allowed", (), ())
    state, _ = known_by(machine, state, event.effective.day)
    return _answer(state, event)


def _answer(state: State, event: ActEvent) -> Answer:
    judged = judge(state.now.standing, event)
    tried = each_once(judged.tried, state.now.standing.ways())
    return Answer(judged.verdict == "allowed", judged.verdict, judged.because, judged.cites, tried)


def replay(machine: Machine, events: Iterable[PatientEvent]) -> Iterator[Step]:
    """Every step of a course, in the order in which its events arrived."""
    state = begin(machine)
    for event in events:
        taken = step(machine, state, event)
        state = taken.state
        yield taken
