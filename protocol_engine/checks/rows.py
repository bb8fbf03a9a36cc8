"""Does at most one row take an act, can each act be offered at all, and does nothing close as soon as it opens?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations

from attrs import define, field

from protocol_engine.checks.cells import cells_of, truth_of
from protocol_engine.checks.compiled import Compiled
from protocol_engine.checks.graph import written_at
from protocol_engine.checks.outline import Outline
from protocol_engine.errors import Mark, Problem
from protocol_engine.model.conditions import Condition
from protocol_engine.model.protocol import Allocate, Decide
from protocol_engine.model.table import ActLabel, Guard, Place, Row
from protocol_engine.model.truth import Truth

MOST_FOR_ROWS = 4_000
"""Combinations beyond which two rows are not compared; each table has been looked through by itself."""
Guards = tuple[Guard, ...]


@define
class _Together:
    """Whether some patient of whom all is known passes several guards; each question is answered once."""

    compiled: Compiled
    known: dict[Guards, bool] = field(factory=dict)

    def pass_(self, guards: Guards) -> bool:
        """Yes also where there are too many patients to look at."""
        if guards not in self.known:
            cells = cells_of(self.compiled.table, [guard.condition for guard in guards])
            self.known[guards] = cells.are_more_than(MOST_FOR_ROWS) or any(
                truth_of(cells.evaluation(combination), guards) is Truth.TRUE for combination in cells.known()
            )
        return self.known[guards]


def _marks(guards: Iterable[Guard]) -> list[Mark]:
    return [test.mark for guard in guards for test in guard.condition.tests]


def _rows_of_tables(outline: Outline, *, several: bool = True) -> dict[Mark, tuple[Mark, int]]:
    """The table and the number of the row that a test stands in; ``several``: also where more than one may hold."""
    tables: list[tuple[Mark, list[Condition]]] = [
        (table.mark, [row.if_ for row in table.rows])
        for _, table in outline.of(Decide)
        if several or table.several is None
    ]
    tables += [
        (table.mark, [line.if_ for line in table.menu or ()])
        for _, table in outline.of(Allocate)
        if several or table.several is None
    ]
    return {
        test.mark: (mark, number)
        for mark, rows in tables
        for number, condition in enumerate(rows)
        for test in condition.tests
    }


def _at(compiled: Compiled, marks: list[Mark], place: Place) -> tuple[str, Mark]:
    """Path and mark of the first of some tests, or of the step that a place was made from."""
    item = written_at(compiled, place)
    if not marks:
        return item.path, item.node.mark
    paths = (path for asked in compiled.outline.conditions for path, test in asked.tests if test.mark == marks[0])
    return next(paths, item.path), marks[0]


def _words(act: ActLabel) -> str:
    """An act as a message names it."""
    day = f", day {act.day}" if act.day is not None else ""
    return f"the {act.kind} {act.name}{day}"


# --- one row for an act --------------------------------------------------------------------------------------------


def one_row_takes_an_act(compiled: Compiled) -> Iterator[Problem]:
    """In no place can two rows take the same act; rows of one decision table are compared there.

    Rows of a table of which several may hold are compared here: who acts must show which of them was taken.
    """
    within, together = _rows_of_tables(compiled.outline, several=False), _Together(compiled)
    found: dict[tuple[Mark, str], list[tuple[Place, str]]] = {}
    for place, acts in compiled.table.offers_of.items():
        for rows in acts.values():
            for one, other in combinations(rows, 2):
                if other.act is None or _counted_apart(one, other) or _same_table(within, one, other):
                    continue
                if together.pass_((*one.guards, *other.guards)):
                    marks = [mark for mark in _marks(other.guards) if mark not in _marks(one.guards)]
                    path, mark = _at(compiled, marks, compiled.table.places[other.target])
                    found.setdefault((mark, _words(other.act)), []).append((compiled.table.places[place], path))
    for (mark, act), places in found.items():
        first, path = places[0]
        more = len({place.id for place, _ in places}) - 1
        words = f"behind {first.element}" + (f" and in {more} more places" if more else "")
        message = f"{words}, two rows can take {act}; let their conditions exclude each other"
        yield compiled.outline.problem("two-rows", path, mark, message)


def _counted_apart(one: Row, other: Row) -> bool:
    """Whether the cycles given let only one of the rows pass."""
    return any(
        low.below is not None and high.at_least is not None and low.below <= high.at_least
        for low, high in ((one, other), (other, one))
    )


def _same_table(within: dict[Mark, tuple[Mark, int]], one: Row, other: Row) -> bool:
    first = dict(within[mark] for mark in _marks(one.guards) if mark in within)
    second = dict(within[mark] for mark in _marks(other.guards) if mark in within)
    return any(table in second and second[table] != number for table, number in first.items())


# --- acts that can be offered --------------------------------------------------------------------------------------


def every_act_can_be_offered(compiled: Compiled) -> Iterator[Problem]:
    """What leads to an act, what it needs and what refutes it do not contradict each other."""
    within, together = _rows_of_tables(compiled.outline), _Together(compiled)
    for row in compiled.table.rows:
        if row.act is None or len(row.guards) == 1:  # one guard alone is looked at where it is written
            continue
        beside = [guard for guard in row.guards if not any(mark in within for mark in _marks([guard]))]
        groups = [*((guard,) for guard in beside), tuple(guard for guard in row.guards if guard not in beside)]
        if not all(together.pass_(group) for group in groups) or together.pass_(row.guards):
            continue
        marks = [mark for mark in _marks(row.guards) if mark in within] or _marks(row.guards)
        path, mark = _at(compiled, marks, compiled.table.places[row.target])
        message = f"{_words(row.act)} is never offered: what leads to it and what it needs contradict each other"
        yield compiled.outline.problem("never-offered", path, mark, message)


# --- elements that close at once -----------------------------------------------------------------------------------


def elements_do_not_close_at_once(compiled: Compiled) -> Iterator[Problem]:
    """What led into an element does not close it: an ``until`` must be able to be false when its element begins."""
    table = compiled.table
    yield from _left_at_once(compiled)
    closing: dict[str, list[Guards]] = {}
    for rows in table.falls.values():
        for row in rows:
            closing.setdefault(row.target, []).append(row.guards)
    for row in table.rows:
        target = table.places[row.target]
        if row.effect not in ("enter", "enter_anew") and not (row.kind == "fall" and target.kind == "observing"):
            continue
        source = table.places.get(row.source)
        before = closing.get(row.source, []) if source is not None and source.kind in ("closed", "instead") else []
        for fall in table.falls.get(row.target, ()):
            if any(_closes(compiled, (*row.guards, *guards), fall) for guards in before or [()]):
                path, mark = _at(compiled, _marks(fall.guards), target)
                message = (
                    f"what leads into {target.element} holds already and closes it at once; count from here: "
                    f"`since: element`"
                )
                yield compiled.outline.problem("false-start", path, mark, message)


def _left_at_once(compiled: Compiled) -> Iterator[Problem]:
    """Elements whose number of cycles nobody knows, with a stretch without treatment behind them."""
    for place in compiled.table.places.values():
        falls = compiled.table.falls.get(place.id, ()) if place.kind == "giving" else ()
        open_falls = [row.target for row in falls if not row.guards and row.at_least is None]
        if any(compiled.table.places[target].kind == "observing" for target in open_falls):
            item = written_at(compiled, place)
            message = (
                f"what follows {place.element} comes by itself after its first dose, since the number of cycles is "
                f"not stated; put a choice before it, or close {place.element} by an `until`"
            )
            yield compiled.outline.problem("false-start", item.path, item.node.mark, message)


def _closes(compiled: Compiled, entering: Guards, fall: Row) -> bool:
    """Whether every patient who enters, of whom all is known, makes the fall true."""
    if not entering or not fall.guards:
        return False
    cells = cells_of(compiled.table, [guard.condition for guard in (*entering, *fall.guards)])
    if cells.are_more_than(MOST_FOR_ROWS):
        return False
    enters = [c for c in cells.known() if truth_of(cells.evaluation(c), entering) is Truth.TRUE]
    closes = (truth_of(cells.evaluation(c, entering=True), fall.guards) is Truth.TRUE for c in enters)
    return bool(enters) and all(closes)
