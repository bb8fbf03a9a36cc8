"""Does every patient find exactly one row in every decision table, and what becomes of what is not known?"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from attrs import define, field, frozen

from protocol_engine.checks.cells import MOST_COMBINATIONS, Cells, Combination, cells_of
from protocol_engine.checks.compiled import Compiled
from protocol_engine.checks.inputs import ABSENCE, Input
from protocol_engine.checks.outline import Asked, Outline, Written
from protocol_engine.checks.trails import trails_of
from protocol_engine.compiler.conditions import Conditions, always
from protocol_engine.errors import Mark, Problem
from protocol_engine.model.claims import Node
from protocol_engine.model.conditions import Clause, Condition, NamedTest, Presence, Test
from protocol_engine.model.doses import Modification
from protocol_engine.model.protocol import (
    Advice,
    Allocate,
    ArmRule,
    Decide,
    DecisionRow,
    May,
    Need,
    OpenIf,
    Refutation,
    Stop,
    Track,
    Until,
)
from protocol_engine.model.truth import Truth
from protocol_engine.model.values import Holds, Last, Prefer

MOST_REPORTED = 8
"""Witnesses of one kind that are reported for one table."""


@frozen
class TableRow:
    """A row of a decision table or of an allocation by rule that the selected readings leave in."""

    path: str
    written: DecisionRow | ArmRule
    condition: Condition

    @property
    def mark(self) -> Mark:
        """Where its first test stands."""
        tests = self.written.if_.tests
        return tests[0].mark if tests else self.written.mark

    @property
    def words(self) -> str:
        """How a message speaks of the row."""
        return f"the row of line {self.written.mark.line}"


@define
class DecisionTable:
    """A table, the cells its rows tell apart, and the rows that are true or unknown in each combination."""

    compiled: Compiled
    path: str
    node: Decide | Allocate
    rows: tuple[TableRow, ...]
    context: tuple[Condition, ...]
    cells: Cells
    truths: dict[Combination, tuple[Truth, ...]] = field(factory=dict)

    def holding(self, combination: Combination) -> list[int]:
        """The numbers of the rows that hold."""
        return [number for number, truth in enumerate(self.truths[combination]) if truth is Truth.TRUE]

    def known(self) -> list[Combination]:
        """The combinations of known facts that can come to the table."""
        return [combination for combination in self.cells.known() if combination in self.truths]


def tables_decide(compiled: Compiled) -> Iterator[Problem]:
    """Every decision table and every allocation by rule is looked through, for everything in ``ON_ONE_TABLE``."""
    for table in tables_of(compiled):
        if table.cells.are_more_than(MOST_COMBINATIONS):
            message = "tells too many patients apart to be looked through; its gaps and overlaps are not known"
            yield compiled.outline.notice("table-too-large", table.path, table.node.mark, message)
            continue
        for check in ON_ONE_TABLE:
            yield from check(table)


def tables_of(compiled: Compiled) -> Iterator[DecisionTable]:
    """The decision tables and the allocations by rule, each looked through unless it tells too many patients apart."""
    for table in tables_written(compiled):
        if not table.cells.are_more_than(MOST_COMBINATIONS):
            _look_through(table)
        yield table


def tables_written(compiled: Compiled) -> Iterator[DecisionTable]:
    """The decision tables and the allocations by rule, each row with its readings settled; no patient looked at yet."""
    fold = Conditions(compiled.outline.protocol).folded
    for item, key, node in _written_tables(compiled.outline):
        written: tuple[DecisionRow | ArmRule, ...] = node.rows if isinstance(node, Decide) else node.menu or ()
        folded = [(number, row, fold(row.if_)) for number, row in enumerate(written)]
        rows = tuple(
            TableRow(f"{item.path}.{key}[{number}]", row, condition)
            for number, row, condition in folded
            if condition.clauses
        )
        if not rows:
            continue
        context = tuple(fold(condition) for condition in _context(item))
        cells = cells_of(compiled.table, (*(row.condition for row in rows), *context))
        yield DecisionTable(compiled, item.path, node, rows, context, cells)


def _written_tables(outline: Outline) -> Iterator[tuple[Written, str, Decide | Allocate]]:
    for item in outline.nodes:
        if isinstance(item.node, Decide | Allocate):
            yield item, "rows" if isinstance(item.node, Decide) else "menu", item.node


def _context(item: Written) -> Iterator[Condition]:
    """The conditions that hold wherever the table is read: of the rows and closings that it is the first step of."""
    inner: Node = item.node
    for node in reversed(item.around):
        if isinstance(node, DecisionRow | Until):
            if not node.then or node.then[0] is not inner:
                return
            yield node.if_
            if isinstance(node, Until):
                return
        elif not isinstance(node, Decide):
            return
        inner = node


def _look_through(table: DecisionTable) -> None:
    for combination in table.cells.whole():
        evaluation = table.cells.evaluation(combination)
        if all(evaluation.condition(condition) is Truth.TRUE for condition in table.context):
            table.truths[combination] = tuple(evaluation.condition(row.condition) for row in table.rows)


# --- checks --------------------------------------------------------------------------------------------------------


def has_no_gap(table: DecisionTable) -> Iterator[Problem]:
    """Some row holds for every patient of whom everything is known; with something unknown, some row can still hold."""
    empty = [combination for combination in table.known() if not table.holding(combination)]
    cubes = table.cells.cubes(empty)
    for first, idle in cubes[:MOST_REPORTED]:
        yield _gap(table, first, idle)
    if len(cubes) > MOST_REPORTED:
        message = f"and no row holds in {len(cubes) - MOST_REPORTED} more groups of combinations"
        yield table.compiled.outline.problem("table-gap", table.path, table.node.mark, message)
    covered = frozenset(empty)
    for combination, truths in table.truths.items():
        shut = set(truths) == {Truth.FALSE} and table.cells.unknown(combination)
        if shut and covered.isdisjoint(table.cells.completions(combination)):
            yield _gap(table, combination, ())
            return


def _gap(table: DecisionTable, combination: Combination, idle: tuple[Input, ...]) -> Problem:
    message = (
        f"no row holds for a patient with {table.cells.patient(combination)}{whatever(idle)}; add a row, or widen one"
    )
    return table.compiled.outline.problem("table-gap", table.path, table.node.mark, message)


def whatever(idle: tuple[Input, ...]) -> str:
    """The inputs that a witness does not depend on."""
    if not idle:
        return ""
    return f" (the same whatever {' and '.join(item.name for item in idle)} {'is' if len(idle) == 1 else 'are'})"


def has_no_overlap(table: DecisionTable) -> Iterator[Problem]:
    """No two rows hold for one patient; where several may, none of them ends the course by itself."""
    both: dict[tuple[int, int], list[Combination]] = {}
    for combination in table.truths:
        for pair in combinations(table.holding(combination), 2):
            both.setdefault(pair, []).append(combination)
    ending = _ends_by_itself(table) if table.node.several is not None else frozenset(range(len(table.rows)))
    for (one, other), found in both.items():
        if ending.isdisjoint((one, other)):
            continue
        known = [combination for combination in found if not table.cells.unknown(combination)]
        first, idle = table.cells.cubes(known)[0] if known else (found[0], ())
        message = (
            f"this row and {table.rows[one].words} both hold for a patient with {table.cells.patient(first)}"
            f"{whatever(idle)}; narrow one of them"
        )
        if table.node.several is not None:
            message += ": where one of them ends the course by itself, nobody could take the other"
        row = table.rows[other]
        yield table.compiled.outline.problem("table-overlap", f"{row.path}.if", row.mark, message)


def _ends_by_itself(table: DecisionTable) -> frozenset[int]:
    """The numbers of the rows that lead on without an act."""
    rows = (row for row in table.compiled.table.rows if row.kind == "fall")
    marks = {test.mark for row in rows for guard in row.guards for test in guard.condition.tests}
    return frozenset(n for n, row in enumerate(table.rows) if any(test.mark in marks for test in row.condition.tests))


def has_no_idle_row(table: DecisionTable) -> Iterator[Problem]:
    """Each row holds for some patient."""
    held = {number for combination in table.truths for number in table.holding(combination)}
    for number, row in enumerate(table.rows):
        if table.truths and number not in held:
            message = "holds for no patient, so what stands behind it is never reached; correct the test or take it out"
            yield table.compiled.outline.problem("never-true", f"{row.path}.if", row.mark, message)


def opens_nothing_unknown(table: DecisionTable) -> Iterator[Problem]:
    """What is unknown makes no row true that the facts could make false, unless an assumption says so."""
    told: set[int] = set()
    for combination in table.truths:
        unknown = table.cells.unknown(combination)
        for number in table.holding(combination) if unknown else ():
            if number in told or not _could_turn(table, combination, number):
                continue
            told.add(number)
            row, patient = table.rows[number], table.cells.patient(combination)
            claims = (*_claims_of(row.written), *row.written.if_.rests)
            yield _opened(table.compiled, patient, f"{row.path}.if", row.mark, (row.written.if_, claims))


def _could_turn(table: DecisionTable, combination: Combination, number: int) -> bool:
    """Whether the row, which holds, would not hold with everything known in some way."""
    turned = (table.truths.get(completion) for completion in table.cells.completions(combination))
    return any(truths is not None and truths[number] is not Truth.TRUE for truths in turned)


def _opened(
    compiled: Compiled, patient: str, path: str, mark: Mark, asked: tuple[Condition, tuple[str, ...]]
) -> Problem:
    words = f"holds for a patient with {patient}, and with all known it might not"
    claims = _assumptions_on_absence(compiled, *asked)
    if claims is None:
        message = f"{words}; an unknown opens nothing: cite the assumption that allows it, or test what is known"
        return compiled.outline.problem("unknown-opens", path, mark, message)
    return compiled.outline.notice("unknown-replaced", path, mark, f"{words}; this rests on {', '.join(claims)}")


def _assumptions_on_absence(
    compiled: Compiled, condition: Condition, claims: tuple[str, ...]
) -> tuple[str, ...] | None:
    """The assumptions behind each word of a condition that reads absence; None if one of them has none."""
    found: dict[str, None] = {}
    ahead = [(condition, claims)]
    seen: set[str] = set()
    while ahead:
        condition, claims = ahead.pop()
        for named in condition.tests:
            value = compiled.table.values.get(named.name)
            own = tuple(claim for claim in claims if claim.startswith("A"))
            replaces = isinstance(value, Last) and value.if_missing not in (None, "unknown")
            if replaces and value is not None:
                own = tuple(claim for claim in _claims_of(value) if claim.startswith("A"))
            if isinstance(value, Prefer) and named.name not in seen:
                seen.add(named.name)
                found |= dict.fromkeys(claim for claim in _claims_of(value) if claim[:1] in "RA")
                ahead += [(_tested(name, named.test), _claims_of(value)) for name in value.prefer]
            if replaces or (isinstance(named.test, Presence) and named.test.word in ABSENCE):
                if not own:
                    return None
                found |= dict.fromkeys(own)
            if isinstance(value, Holds) and named.name not in seen:
                seen.add(named.name)
                ahead.append((value.holds, (*_claims_of(value), *value.holds.rests)))
    return tuple(found)


def _tested(name: str, test: Test) -> Condition:
    return Condition((Clause((NamedTest(name, test),)),))


def waits_can_end(table: DecisionTable) -> Iterator[Problem]:
    """A table does not wait for a sample that can no longer be taken, nor for one that is not yet asked for."""
    facts = table.compiled.table.facts
    in_track = table.path.startswith("tracks.") or ".tracks." in table.path
    trails = trails_of(table.compiled.outline).at(table.node) if not in_track else frozenset()  # no cycle of the arm's
    for place, item in enumerate(table.cells.inputs):
        if not isinstance(item.key, tuple) or item.key[1] is None or item.of is not None:
            continue
        fact, timepoint = item.key[0].partition(".")[0], item.key[1]
        moment = facts[fact].taken[timepoint]
        if not _waits(table, place):
            continue
        before, after = moment.before_cycle, moment.after_cycle
        if before is not None and any(trail.least >= before for trail in trails):
            message = (
                f"waits for {fact} at {timepoint}, which can no longer be taken here, since cycle {before} has begun: "
                f"a patient without it stays where she is"
            )
            yield table.compiled.outline.notice("dead-wait", table.path, table.node.mark, message)
        if after is not None and trails and all(trail.most is not None and trail.most < after for trail in trails):
            message = (
                f"waits for {fact} at {timepoint}, which is asked for from cycle {after} on, and no more than "
                f"{max(trail.most or 0 for trail in trails)} cycles have begun here; read another timepoint"
            )
            yield table.compiled.outline.problem("reads-too-early", table.path, table.node.mark, message)


def _waits(table: DecisionTable, place: int) -> bool:
    """Whether some patient of whom only this is unknown finds no row that holds and one that may."""
    for combination, truths in table.truths.items():
        item = table.cells.inputs[place]
        absent = item.cells[combination[place]].outcome.why in ("absent", "no_result")  # a muddle can still be settled
        waits = max(truths) is Truth.UNKNOWN
        if table.node.several is not None and table.node.while_unknown == "wait":
            waits = Truth.UNKNOWN in truths
        if absent and table.cells.unknown(combination) == (item,) and waits:
            return True
    return False


ON_ONE_TABLE = (has_no_gap, has_no_overlap, has_no_idle_row, opens_nothing_unknown, waits_can_end)


def conditions_can_hold(compiled: Compiled) -> Iterator[Problem]:
    """What closes, stops, allows or is needed can come to hold; not from the beginning, nor for want of a fact."""
    outline = compiled.outline
    fold = Conditions(outline.protocol).folded
    for asked in outline.asked_by(Until, Stop, Need, May, OpenIf, Refutation, Track, Advice, Modification):
        condition = fold(asked.condition)
        if not condition.clauses or (always(condition) and _tests_readings(compiled, asked.condition)):
            continue
        cells = cells_of(compiled.table, [condition])
        if not cells.are_more_than(MOST_COMBINATIONS):
            yield from _condition_faults(compiled, asked, cells, condition)


def _condition_faults(compiled: Compiled, asked: Asked, cells: Cells, condition: Condition) -> Iterator[Problem]:
    outline, owner = compiled.outline, asked.owner.node
    truths = {combination: cells.evaluation(combination).condition(condition) for combination in cells.whole()}
    if Truth.TRUE not in truths.values():
        message = f"never holds, whatever is known; {_never_words(owner)}"
        yield outline.problem("never-true", asked.path, asked.mark, message)
    elif set(truths.values()) == {Truth.TRUE} and isinstance(owner, Until | Stop):
        message = "holds from the beginning, so nothing is ever given here; test something that can come to be"
        yield outline.problem("always-true", asked.path, asked.mark, message)
    for combination, truth in truths.items():
        turned = (truths.get(completion) for completion in cells.completions(combination))
        if truth is Truth.TRUE and cells.unknown(combination) and any(other is Truth.FALSE for other in turned):
            claims = (*_claims_of(owner), *asked.condition.rests)
            yield _opened(compiled, cells.patient(combination), asked.path, asked.mark, (asked.condition, claims))
            return


def _claims_of(node: Node) -> tuple[str, ...]:
    cite: tuple[str, ...] = getattr(node, "cite", ())
    return (*cite, *node.rests)


def _tests_readings(compiled: Compiled, condition: Condition) -> bool:
    return any(test.name in compiled.outline.protocol.assumptions for test in condition.tests)


def _never_words(node: Node) -> str:
    match node:
        case Need():
            return "so nothing that needs it is ever given: correct the test"
        case Advice():
            return "so nobody is ever advised: correct the test, or take it out"
        case May():
            return "so nobody can do what it allows: correct the test, or take it out"
        case OpenIf():
            return "so what it opens is never open: correct the test, or take it out"
        case _:
            return "so it changes nothing: correct the test, or take it out"
