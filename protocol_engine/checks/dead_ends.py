"""Does every place lead on, for every patient of whom all is known: by an offer, or by an end?

A place leads on where, its cycles given, some row out of it holds: an offer of what comes next, or a fall that the file
writes. A patient for whom none holds, and whom no stop ends, would stay there for ever. Nobody is counted who finds no
row in a decision table (that gap is reported of the table), and what a dose only waits for, as for a new result, is
taken to come; a need that can never hold again is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product

from attrs import define, field, frozen

from protocol_engine.checks.cells import MOST_COMBINATIONS, Cells, Combination, cells_of, truth_of
from protocol_engine.checks.compiled import Compiled
from protocol_engine.checks.graph import falls_out_of, here, offers_onward, written_at
from protocol_engine.checks.tables import DecisionTable, tables_written, whatever
from protocol_engine.errors import Mark, Problem
from protocol_engine.model.evaluation import YES
from protocol_engine.model.protocol import Need, OpenIf, Track
from protocol_engine.model.table import Guard, Place, Row
from protocol_engine.model.truth import Truth

TOO_MANY = "too many"
"""Said of a place with more patients than can be looked at one by one."""


@frozen
class _Way:
    """A row out of a place: what must hold for it, and the needs that must not be lost."""

    guards: tuple[Guard, ...]
    needs: tuple[Guard, ...]


def places_lead_on(compiled: Compiled) -> Iterator[Problem]:
    """Out of every place that is no end, something is offered or ends, for every patient of whom all is known."""
    looking = _Looking(compiled)
    for place in compiled.table.places.values():
        if place.kind == "ended" or waits_for_its_turn(compiled, place):
            continue
        behind = f"behind {place.element}" if place.element else "here"
        falls, onward = falls_out_of(compiled, place), offers_onward(compiled, place)
        if not falls and not onward and place.kind != "observing":
            message = f"{behind} nothing is offered and nothing ends the course; write what follows, or an `end`"
            yield here(compiled, place, "dead-end", message)
            continue
        if place.kind == "observing":  # one waits there until something changes
            continue
        found = looking.stranded(place, onward, falls)
        if found == TOO_MANY:
            item = written_at(compiled, place)
            message = f"{behind} too many patients are told apart to look whether each of them finds a way on"
            yield compiled.outline.notice("table-too-large", item.path, item.node.mark, message)
        elif found:
            message = f"{behind} nothing is offered, awaited or ended for a patient with {found}"
            yield here(compiled, place, "dead-end", f"{message}; write what follows, or an `end`")


def waits_for_its_turn(compiled: Compiled, place: Place) -> bool:
    """Whether a track has not begun here and says when it does: there are patients for whom it never begins."""
    if place.kind != "waiting":
        return False
    node = written_at(compiled, place).node
    return isinstance(node, Track) and node.when is not None


@define
class _Looking:
    """Looks for patients whom no way leads on; each set of ways is looked at once."""

    compiled: Compiled
    need_marks: frozenset[Mark] = field(init=False)
    tables: tuple[DecisionTable, ...] = field(init=False)
    closing: dict[str, frozenset[_Way]] = field(factory=dict)
    """What made a patient fall into a place; it holds of everybody there."""
    known: dict[tuple[frozenset[_Way], ...], str] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        asked = self.compiled.outline.asked_by(Need, OpenIf)
        self.need_marks = frozenset(test.mark for one in asked for test in one.condition.tests)
        self.tables = tuple(tables_written(self.compiled))
        for row in self.compiled.table.rows:
            if row.kind == "fall":
                self.closing[row.target] = self.closing.get(row.target, frozenset()) | {self.way(row)}

    def stranded(self, place: Place, onward: list[Row], falls: list[Row]) -> str:
        """A patient whom nothing leads on from a place, in words; empty if there is none."""
        offers = self.compiled.table.offers.get(place.id, ())
        running = [row for row in offers if row.at_least is None and row.effect in ("again", "enter", "arrive")]
        for rows, given in ((onward, True), (running, False)):
            own = [row for row in falls if row.source == place.id and (given or row.at_least is None)]
            outer = [row for row in falls if row.source != place.id]
            ways, stops = frozenset(map(self.way, (*rows, *own))), frozenset(map(self.way, outer))
            asked = ways, stops, self.closing.get(place.id, frozenset())
            if asked not in self.known:
                self.known[asked] = self.witness(ways, frozenset(), asked[2]) and self.witness(*asked)
            if self.known[asked]:
                return self.known[asked]
            if place.cycles in (None, 1):  # all of them have been given, from the first day on
                break
        return ""

    def way(self, row: Row) -> _Way:
        """What decides whether a row leads on: known contradictions apart, which nobody gets past by waiting."""
        needs = tuple(g for g in row.guards if any(test.mark in self.need_marks for test in g.condition.tests))
        return _Way(tuple(g for g in row.guards if g not in needs and not g.refutes), needs)

    def witness(self, ways: frozenset[_Way], stops: frozenset[_Way], closing: frozenset[_Way]) -> str:
        """A patient for whom none of the ways holds and no stop either, in words."""
        ahead = [*ways, *stops]
        if any(not way.guards and not way.needs for way in ahead):
            return ""
        guards = [guard for way in (*ahead, *closing) for guard in way.guards]
        tables = self.asked(guards)
        if any(table.cells.are_more_than(MOST_COMBINATIONS) for table in tables):
            return ""  # that is said of the table
        needs = [need for way in ahead for need in way.needs]
        conditions = [guard.condition for guard in (*guards, *needs)]
        for table in tables:
            conditions += [*(row.condition for row in table.rows), *table.context]
        cells = cells_of(self.compiled.table, conditions)
        if cells.are_more_than(MOST_COMBINATIONS):
            return TOO_MANY
        lost = {need: _Lost(self.compiled, cells, need) for need in needs}
        found = [
            combination
            for combination in cells.known()
            if (not closing or any(_holds(cells, combination, way) for way in closing))
            and not any(_holds(cells, combination, way) and not _lacks(lost, combination, way) for way in ahead)
            and not _in_a_gap(tables, cells, combination)
        ]
        if not found:
            return ""
        first, idle = cells.cubes(found)[0]
        return f"{cells.patient(first)}{whatever(idle)}"

    def asked(self, guards: Iterable[Guard]) -> list[DecisionTable]:
        """The tables of which some row stands among the guards."""
        marks = {test.mark for guard in guards for test in guard.condition.tests}
        return [t for t in self.tables if any(test.mark in marks for row in t.rows for test in row.condition.tests)]


def _holds(cells: Cells, combination: Combination, way: _Way) -> bool:
    return truth_of(cells.evaluation(combination), way.guards) is Truth.TRUE


def _lacks(lost: dict[Guard, _Lost], combination: Combination, way: _Way) -> bool:
    return any(lost[need].at(combination) for need in way.needs)


def _in_a_gap(tables: list[DecisionTable], cells: Cells, combination: Combination) -> bool:
    """Whether the patient comes to a table and finds no row in it, which is reported of the table."""
    evaluation = cells.evaluation(combination)
    return any(
        all(evaluation.condition(condition) is Truth.TRUE for condition in table.context)
        and not any(evaluation.condition(row.condition) is Truth.TRUE for row in table.rows)
        for table in tables
    )


@define
class _Lost:
    """Whether a need can never hold again: what was ever so stays so, and every other result may still change.

    One that holds for nobody is reported as never true, and not as lost.
    """

    compiled: Compiled
    cells: Cells
    need: Guard
    own: Cells = field(init=False)
    known: dict[tuple[bool, ...], bool] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.own = cells_of(self.compiled.table, [self.need.condition])

    def at(self, combination: Combination) -> bool:
        """For a patient of the wider cells."""
        outcomes = [item.cells[number].outcome for number, item in zip(combination, self.cells.inputs, strict=True)]
        was_so = [
            item.key
            for item, outcome in zip(self.cells.inputs, outcomes, strict=True)
            if isinstance(item.key, frozenset) and outcome.value == YES
        ]
        so = tuple(
            isinstance(item.key, frozenset) and any(key <= item.key for key in was_so) for item in self.own.inputs
        )
        return self._can_hold(tuple(False for _ in so)) and not self._can_hold(so)

    def _can_hold(self, so: tuple[bool, ...]) -> bool:
        if so not in self.known:
            self.known[so] = self.own.are_more_than(MOST_COMBINATIONS) or any(
                self.own.evaluation(later).condition(self.need.condition) is Truth.TRUE for later in self._later(so)
            )
        return self.known[so]

    def _later(self, so: tuple[bool, ...]) -> Iterator[Combination]:
        options = (
            tuple(n for n, cell in enumerate(item.cells) if cell.known and (not fixed or cell.outcome.value == YES))
            for fixed, item in zip(so, self.own.inputs, strict=True)
        )
        return product(*options)
