"""What a diagram shows of a compiled protocol: boxes and arrows, whatever they are then drawn with.

One box stands for each place that can be reached, or for several that cannot be told apart by their words and by what
follows them, such as surgery after this and after that regimen. A choice gets a box of its own between the place and
the options. What can happen anywhere in an arm starts from one box, not from every place. Days within a cycle are left
out; one more cycle of the same element is a mark on its box. The ends that hold in every protocol are told in a note.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from attrs import evolve, frozen

from protocol_engine.adapters.diagram_beside import Beside, rules_beside
from protocol_engine.adapters.diagram_words import (
    Line,
    arrow_lines,
    choice_lines,
    choice_of,
    notes,
    one_line,
    place_lines,
    readings_line,
)
from protocol_engine.engine.wording import words
from protocol_engine.model.table import BUILT_IN_SCOPES, Place, Row, Table, claim_order

BoxKind = Literal["gate", "arm", "giving", "choice", "option", "procedure", "wait", "end", "anywhere"]
BOX_KINDS: dict[str, BoxKind] = {
    "waiting": "wait",
    "start": "gate",
    "consented": "gate",
    "eligible": "gate",
    "allocated": "arm",
    "giving": "giving",
    "observing": "wait",
    "chosen": "option",
    "assigned": "option",
    "performed": "procedure",
    "closed": "wait",
    "stopped": "wait",
    "instead": "wait",
    "ended": "end",
}
ALIKE = ("choice", "option", "procedure", "wait")
"""Boxes that are drawn once where several say the same and lead to the same."""
MANY = 2
"""So many places of an arm that offer one choice beside treatment are drawn as one box."""


@frozen
class Box:
    """A box: its lines, the ids of the places it stands for, the arm it is drawn in, and if cycles repeat in it."""

    id: str
    kind: BoxKind
    lines: tuple[Line, ...]
    places: tuple[str, ...] = ()
    arm: str | None = None
    repeats: bool = False


@frozen
class Reason:
    """What stands beside an arrow: the claims of its rows, the first in bold, and the condition, a test a line."""

    claims: tuple[str, ...]
    tests: tuple[str, ...]


@frozen
class Arrow:
    """An arrow for one or more rows. ``falls`` if it is taken by itself, as soon as its condition is true."""

    source: str
    target: str
    reasons: tuple[Reason, ...]
    rows: tuple[str, ...]
    falls: bool = False


@frozen
class View:
    """A whole diagram: boxes in the order in which they are first reached, arrows, notes below, and rules beside.

    Each track of an arm is drawn like an arm of its own, behind it: ``arm/track``.
    """

    protocol: str
    title: str
    subtitle: str
    arms: tuple[str, ...]
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    notes: tuple[str, ...]
    beside: tuple[Beside, ...] = ()


def view_of(table: Table) -> View:
    """The view of a table; equal tables give equal views."""
    drawing = _Drawing(table)
    drawing.put_places()
    drawing.put_choices()
    drawing.gather_choices_beside()
    drawing.merge_alike()
    drawing.stack_options()
    drawing.assign_arms()
    drawing.gather_stops()
    subtitle = f"Record of {table.version}. {readings_line(table)}"
    return View(
        table.protocol,
        one_line(table.title),
        one_line(subtitle),
        tuple(name for arm in table.arms for name in (arm, *(f"{arm}/{track}" for track in table.tracks.get(arm, ())))),
        tuple(drawing.boxes.values()),
        tuple(drawing.merged_arrows()),
        notes(table),
        rules_beside(table),
    )


class _Drawing:
    """The diagram while it is being made."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.boxes: dict[str, Box] = {}
        self.arrows: list[Arrow] = []

    # --- places and rows -------------------------------------------------------------------------------------------

    def put_places(self) -> None:
        """A box for each place that can be reached, an arrow for each row that leaves its place."""
        queue = [self.table.start]
        seen = {self.table.start}
        while queue:
            name = queue.pop(0)
            self.boxes[name] = self._box(self.table.places[name])
            for start, arrow in self._tracks_begun(name):
                self.arrows.append(arrow)
                seen.add(start)
                queue.append(start)
            for row in (*self.table.offers.get(name, ()), *self._falls_in(name)):
                if row.target == name:
                    continue
                arrow = self._arrow(row, name)
                if arrow not in self.arrows:
                    self.arrows.append(arrow)
                if row.target not in seen:
                    seen.add(row.target)
                    queue.append(row.target)

    def _tracks_begun(self, name: str) -> Iterable[tuple[str, Arrow]]:
        """Where tracks begin, behind the allocation to an arm."""
        place = self.table.places[name]
        for track in self.table.tracks.get(place.arm or "", {}).values() if place.kind == "allocated" else ():
            yield track.start, Arrow(name, track.start, (Reason(track.cites, ()),), ())

    def _falls_in(self, name: str) -> Iterable[Row]:
        for scope in self.table.places[name].scopes:
            if scope not in BUILT_IN_SCOPES:
                yield from self.table.falls.get(scope, ())

    def _arrow(self, row: Row, place: str) -> Arrow:
        _, _, arm = row.source.partition("@")
        source = self._anywhere(arm) if arm else place
        return Arrow(source, row.target, (self._reason(row),), (row.id,), row.kind == "fall")

    def _anywhere(self, arm: str) -> str:
        """The box of what can happen in every place of an arm."""
        key = f"anywhere@{arm}"
        if key not in self.boxes:
            self.boxes[key] = Box(
                key, "anywhere", (Line(f"at any time in {words(arm).replace('/', ', ')}", "strong"),), arm=arm
            )
        return key

    def _reason(self, row: Row) -> Reason:
        claims = tuple(claim for claim in row.cites if claim[:1] in "RAG")
        return Reason(claims, arrow_lines(self.table, row, row.guards))

    def _box(self, place: Place) -> Box:
        repeats = any(row.effect == "again" for row in self.table.offers.get(place.id, ()))
        arm = _drawn_in(place) if place.kind != "ended" or place.track is not None else None
        return Box(place.id, BOX_KINDS[place.kind], place_lines(self.table, place), (place.id,), arm, repeats)

    # --- choices ---------------------------------------------------------------------------------------------------

    def put_choices(self) -> None:
        """A box between a place and the options that are offered in it; places that offer the same share it."""
        rows = {row.id: row for row in self.table.rows}
        menus = self._menus(rows)
        offered: dict[tuple[str, str, tuple[Reason, ...]], list[tuple[Arrow, tuple[Reason, ...]]]] = {}
        kept = []
        for arrow in self.arrows:
            row = rows[arrow.rows[0]] if arrow.rows else None
            choice = choice_of(row) if row is not None else None
            if row is None or choice is None:
                kept.append(arrow)
                continue
            shared, own = self._split(row, menus.get((arrow.source, choice)))
            offered.setdefault((arrow.source, choice, shared or arrow.reasons), []).append((arrow, own))
        self.arrows = kept
        for (source, choice, reasons), ways in offered.items():
            key = f"choice {choice}: {' '.join(arrow.target for arrow, _ in ways)}"
            if key not in self.boxes:
                lines = choice_lines(self.table, choice, source)
                self.boxes[key] = Box(key, "choice", lines, arm=_drawn_in(self.table.places[source]))
                self.arrows += [Arrow(key, arrow.target, own, ()) for arrow, own in ways]
            ids = tuple(row for arrow, _ in ways for row in arrow.rows)
            self.arrows.append(Arrow(source, key, reasons, ids))

    def _menus(self, rows: Mapping[str, Row]) -> dict[tuple[str, str], list[Row]]:
        """The rows of choices whose options open one by one, by the box that they leave.

        A choice that leaves a box in two ways is none of them: whose condition is whose could not be told.
        """
        found: dict[tuple[str, str], list[Row]] = {}
        for arrow in self.arrows:
            row = rows[arrow.rows[0]] if arrow.rows else None
            choice = choice_of(row) if row is not None else None
            if row is not None and choice is not None:
                found.setdefault((arrow.source, choice), []).append(row)
        return {
            key: menu
            for key, menu in found.items()
            if any(row.while_unknown for row in menu) and len({row.trigger for row in menu}) == len(menu)
        }

    def _split(self, row: Row, menu: Sequence[Row] | None) -> tuple[tuple[Reason, ...], tuple[Reason, ...]]:
        """What all options of a menu ask, to stand before its box, and what this one asks alone, to stand behind it."""
        if menu is None:
            return (), ()
        shared = tuple(guard for guard in row.guards if all(guard in other.guards for other in menu))
        own = tuple(guard for guard in row.guards if guard not in shared)
        cited = [claim for claim in row.cites if claim[:1] in "RAG"]
        common = tuple(claim for claim in cited if all(claim in other.cites for other in menu))
        before = Reason(common, arrow_lines(self.table, row, shared))
        behind = Reason(
            tuple(claim for claim in cited if claim not in common),
            arrow_lines(self.table, evolve(row, window=None, among=()), own),
        )
        return (before,), (behind,) if own else ()

    def gather_choices_beside(self) -> None:
        """A choice that many places of an arm offer beside treatment starts from one box."""
        rows = {row.id: row for row in self.table.rows}
        for key in [name for name, box in self.boxes.items() if box.kind == "choice"]:
            into = [arrow for arrow in self.arrows if arrow.target == key]
            sources = {arrow.source for arrow in into}
            arm = self.boxes[key].arm
            beside = all(rows[row].strength != "required" for arrow in into for row in arrow.rows)
            if len(sources) < MANY or arm is None or not beside:
                continue
            plainest = {source: min((a for a in into if a.source == source), key=_length) for source in sources}
            reasons = tuple(dict.fromkeys(arrow.reasons[0] for arrow in into if plainest[arrow.source] == arrow))
            ids = tuple(row for arrow in into for row in arrow.rows)
            self.arrows = [arrow for arrow in self.arrows if arrow.target != key]
            self.arrows.append(Arrow(self._anywhere(arm), key, reasons, ids))

    # --- what cannot be told apart ---------------------------------------------------------------------------------

    def merge_alike(self) -> None:
        """Draw boxes once that say the same and lead to the same."""
        group = {key: repr((box.kind, box.lines)) if box.kind in ALIKE else key for key, box in self.boxes.items()}
        while True:
            finer = {key: repr((group[key], sorted(self._ways_on(key, group)))) for key in self.boxes}
            if len(set(finer.values())) == len(set(group.values())):
                break
            group = finer
        first: dict[str, str] = {}
        for key in self.boxes:
            first.setdefault(group[key], key)
        self._replace({key: first[group[key]] for key in self.boxes})

    def _ways_on(self, key: str, group: dict[str, str]) -> set[str]:
        return {
            repr((arrow.falls, [reason.tests for reason in arrow.reasons], group[arrow.target]))
            for arrow in self.arrows
            if arrow.source == key
        }

    def _replace(self, by: dict[str, str]) -> None:
        """Put boxes in the place of others, which they then stand for."""
        for key, kept in by.items():
            if kept != key:
                stands_for = dict.fromkeys((*self.boxes[kept].places, *self.boxes[key].places))
                self.boxes[kept] = evolve(self.boxes[kept], places=tuple(stands_for))
        self.boxes = {key: box for key, box in self.boxes.items() if by.get(key, key) == key}
        self.arrows = [
            evolve(arrow, source=by.get(arrow.source, arrow.source), target=by.get(arrow.target, arrow.target))
            for arrow in self.arrows
        ]

    def stack_options(self) -> None:
        """Options of a choice that lead to the same become one list; if all do, it is in the box of the choice."""
        for key in [name for name, box in self.boxes.items() if box.kind == "choice"]:
            options = [arrow.target for arrow in self.arrows if arrow.source == key]
            same = {name: name for name in self.boxes}
            stacks: dict[str, list[str]] = {}
            for option in dict.fromkeys(options):
                alone = all(arrow.source == key for arrow in self.arrows if arrow.target == option)
                asked = [repr(arrow.reasons) for arrow in self.arrows if arrow.target == option]
                signature = repr((sorted(self._ways_on(option, same)), self.boxes[option].lines[1:], asked))
                stacks.setdefault(signature if alone else option, []).append(option)
            for stack in stacks.values():
                self._stack(key, stack, absorb=len(stacks) == 1)

    def _stack(self, key: str, stack: list[str], *, absorb: bool) -> None:
        if len(stack) == 1:
            return
        *most, last = (self.boxes[option].lines[0].text for option in stack)
        names = Line(f"{', '.join(most)} or {last}", "strong")
        rest = self.boxes[stack[0]].lines[1:]
        if absorb:
            first, *asked = self.boxes[key].lines
            lines = (evolve(first, weight="plain"), *asked, names, *rest)
            self.boxes[key] = evolve(self.boxes[key], lines=lines)
            self._replace(dict.fromkeys(stack, key))
            self.arrows = [arrow for arrow in self.arrows if (arrow.source, arrow.target) != (key, key)]
        else:
            self.boxes[stack[0]] = evolve(self.boxes[stack[0]], lines=(names, *rest))
            self._replace(dict.fromkeys(stack, stack[0]))

    # --- arms ------------------------------------------------------------------------------------------------------

    def gather_stops(self) -> None:
        """What leads out of an arm from anywhere in it starts from one box for all arms, and says in which arm."""
        starts = {f"anywhere@{arm}": arm for arm in self.table.arms}
        kept, gathered = [], dict[tuple[str, tuple[str, ...]], list[Arrow]]()
        for arrow in self.arrows:
            if arrow.source in starts and self.boxes[arrow.target].arm is None:
                tests = tuple(test for reason in arrow.reasons for test in reason.tests)
                gathered.setdefault((arrow.target, tests), []).append(arrow)
            else:
                kept.append(arrow)
        if not gathered:
            return
        self.boxes["anywhere"] = Box("anywhere", "anywhere", (Line("at any time after allocation", "strong"),))
        self.arrows = kept
        for arrows in gathered.values():
            arms = [starts[arrow.source] for arrow in arrows]
            everywhere = set(arms) == set(self.table.arms)
            for arrow, arm in zip(arrows, arms, strict=True):
                reasons = arrow.reasons if everywhere else tuple(_in_arm(reason, arm) for reason in arrow.reasons)
                self.arrows.append(evolve(arrow, source="anywhere", reasons=reasons))
        left = {arrow.source for arrow in self.arrows}
        self.boxes = {key: box for key, box in self.boxes.items() if key not in starts or key in left}

    def assign_arms(self) -> None:
        """Draw a box in an arm if it is reached through that arm and no other."""
        found: dict[str, set[str]] = {key: set() for key in self.boxes}
        for key, box in self.boxes.items():
            if box.kind == "arm" or key.startswith("anywhere@"):
                found[key] = {box.arm or ""}
        beside = {track.start for tracks in self.table.tracks.values() for track in tracks.values()} & self.boxes.keys()
        found |= {key: {self.boxes[key].arm or ""} for key in beside}
        changed = True
        while changed:
            changed = False
            for arrow in (arrow for arrow in self.arrows if arrow.target not in beside):
                if not found[arrow.source] <= found[arrow.target]:
                    found[arrow.target] |= found[arrow.source]
                    changed = True
        for key, arms in found.items():
            self.boxes[key] = evolve(self.boxes[key], arm=next(iter(arms)) if len(arms) == 1 else None)

    def merged_arrows(self) -> Iterable[Arrow]:
        """One arrow between two boxes, with every reason once."""
        together: dict[tuple[str, str, bool], list[Arrow]] = {}
        for arrow in self.arrows:
            together.setdefault((arrow.source, arrow.target, arrow.falls), []).append(arrow)
        for (source, target, falls), arrows in together.items():
            reasons: dict[tuple[str, ...], tuple[str, ...]] = {}
            for reason in (reason for arrow in arrows for reason in arrow.reasons):
                claims = {*reasons.get(reason.tests, ()), *reason.claims}
                reasons[reason.tests] = tuple(sorted(claims, key=claim_order))
            ids = tuple(dict.fromkeys(row for arrow in arrows for row in arrow.rows))
            yield Arrow(source, target, tuple(Reason(claims, tests) for tests, claims in reasons.items()), ids, falls)


def _drawn_in(place: Place) -> str | None:
    """The arm that a place is drawn in, or the track of it."""
    return place.arm if place.track is None else f"{place.arm}/{place.track}"


def _in_arm(reason: Reason, arm: str) -> Reason:
    first, *others = reason.tests or ("always",)
    return evolve(reason, tests=(f"in {arm}: {first}", *others))


def _length(arrow: Arrow) -> int:
    return sum(len(reason.tests) for reason in arrow.reasons)
