"""Every patient that some conditions can tell apart: combinations of the facts they read, known and unknown.

A value is only ever compared with constants, which cut what it reads into finitely many cells. The cells are those of
the *base* facts: named values are evaluated as they are for a patient, so what two of them have in common stays in
common. A part of a fact is known only where the fact is; what was ever so is cut where the values that ask it overlap;
of two dates that are counted from the same day the later one is not reached before the other.
Beyond that facts are taken as independent, which can report a combination that no patient has, and never hides one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from itertools import permutations, product
from math import prod

from attrs import define, field, frozen

from protocol_engine.checks.inputs import (
    ABSENCE,
    REACHED,
    Atom,
    Input,
    ResultKey,
    atoms_of,
    ever_input,
    result_input,
    worked_input,
)
from protocol_engine.model.conditions import Condition, Presence, Test
from protocol_engine.model.evaluation import NO, YES, Evaluation, Outcome, Why
from protocol_engine.model.table import Guard, Table
from protocol_engine.model.truth import Truth
from protocol_engine.model.values import (
    CONFIRMED,
    Confirmation,
    Date,
    Ever,
    Holds,
    Last,
    Prefer,
    Take,
    Worked,
    calendar_day,
    is_narrowed,
)

MOST_COMBINATIONS = 20_000
"""Combinations beyond which not all of them are looked at."""

Combination = tuple[int, ...]
"""The number of the cell that each input has."""


@frozen
class _CellLeaves:
    """Leaves of one combination."""

    last_of: dict[ResultKey, Outcome]
    ever_of: dict[int, Outcome]
    worked_of: dict[int, Outcome]

    def last(self, value: Last) -> Outcome:
        return self.worked_of[id(value)] if is_narrowed(value) else self.last_of[(value.last, value.at)]

    def ever(self, value: Ever) -> Outcome:
        return self.ever_of[id(value)]

    def worked(self, name: str, value: Worked, by: Evaluation) -> Outcome:  # noqa: ARG002  # it has cells of its own
        return self.worked_of[id(value)]

    def reached(self, outcome: Outcome) -> Truth:
        """A date is a day long past, or one that never comes."""
        return Truth.UNKNOWN if outcome.value is None else Truth.of(outcome.value == REACHED)

    def built_in(self, name: str) -> Outcome:  # noqa: ARG002  # death and the like end a course before any other row
        return Outcome(NO)


@define
class Cells:
    """The inputs of some conditions, and their combinations.

    ``evers`` are, by value of what was ever so, the inputs of which one must be; ``fresh`` are the values that count
    from the beginning of the element.
    """

    table: Table
    inputs: tuple[Input, ...]
    evers: dict[int, tuple[int, ...]] = field(factory=dict)
    fresh: frozenset[int] = frozenset()
    ordered: tuple[tuple[int, int, bool], ...] = ()
    """Pairs of inputs that are dates, the first never later than the second; and whether both are known together."""

    def are_more_than(self, number: int) -> bool:
        """Whether there are more combinations of known cells than a number."""
        return prod(sum(cell.known for cell in item.cells) for item in self.inputs) > number

    def known(self) -> Iterator[Combination]:
        """Every combination in which all is known."""
        options = (tuple(n for n, cell in enumerate(item.cells) if cell.known) for item in self.inputs)
        return filter(self._in_order, product(*options))

    def whole(self) -> Iterator[Combination]:
        """Every combination, unknown cells included; of one input at a time, where all together would be too many."""
        if prod(len(item.cells) for item in self.inputs) <= MOST_COMBINATIONS:
            yield from filter(self._possible, product(*(range(len(item.cells)) for item in self.inputs)))
            return
        yield from self.known()
        for place, item in enumerate(self.inputs):
            if all(cell.known for cell in item.cells):
                continue
            options = [
                tuple(n for n, cell in enumerate(other.cells) if cell.known != (place in (number, other.of)))
                for number, other in enumerate(self.inputs)
            ]
            yield from filter(self._possible, product(*options))

    def _in_order(self, combination: Combination) -> bool:
        """The later of two dates is not reached before the earlier one."""
        for earlier, later, together in self.ordered:
            first, second = (self.inputs[at].cells[combination[at]] for at in (earlier, later))
            if together and first.known != second.known:
                return False
            if first.known and first.outcome.value != REACHED and second.outcome.value == REACHED:
                return False
        return True

    def _possible(self, combination: Combination) -> bool:
        """A part is unknown where its fact is, and for the same reason; where the fact is known, it has a result."""
        if not self._in_order(combination):
            return False
        for number, item in zip(combination, self.inputs, strict=True):
            if item.of is None:
                continue
            whole, part = self.inputs[item.of].cells[combination[item.of]], item.cells[number]
            if whole.known and part.outcome.why == "no_result":
                return False
            if not whole.known and (part.outcome.value is not None or part.outcome.why != whole.outcome.why):
                return False
        return True

    def completions(self, combination: Combination) -> Iterator[Combination]:
        """What the combination may turn out to be when everything is known."""
        options = (
            tuple(n for n, cell in enumerate(item.cells) if n == number or item.cells[number].may_turn_out(cell))
            for number, item in zip(combination, self.inputs, strict=True)
        )
        return (found for found in product(*options) if not self.unknown(found) and self._in_order(found))

    def unknown(self, combination: Combination) -> tuple[Input, ...]:
        """The inputs that are unknown in a combination; a part is not named beside the fact that it is a part of."""
        return tuple(
            item
            for number, item in zip(combination, self.inputs, strict=True)
            if not item.cells[number].known
            and (item.of is None or self.inputs[item.of].cells[combination[item.of]].known)
        )

    def evaluation(self, combination: Combination, *, entering: bool = False) -> Evaluation:
        """The values of a patient who has this combination; ``entering`` an element, nothing was so since it began."""
        outcomes = [item.cells[number].outcome for number, item in zip(combination, self.inputs, strict=True)]
        last_of = {
            item.key: outcome
            for item, outcome in zip(self.inputs, outcomes, strict=True)
            if isinstance(item.key, tuple)
        }
        ever_of = {name: _any_of([outcomes[number] for number in numbers]) for name, numbers in self.evers.items()}
        ever_of |= dict.fromkeys(self.fresh, Outcome(NO)) if entering else {}
        worked_of = {
            id(self.table.values[item.key]): outcome
            for item, outcome in zip(self.inputs, outcomes, strict=True)
            if isinstance(item.key, str)
        }
        if entering:
            worked_of |= {id(value): none for value, none in self._none_yet()}
        return Evaluation(self.table, _CellLeaves(last_of, ever_of, worked_of))

    def _none_yet(self) -> Iterator[tuple[Worked, Outcome]]:
        """The values that count from the beginning of an element, as they are when it begins."""
        for item in self.inputs:
            value = self.table.values[item.key] if isinstance(item.key, str) else None
            if isinstance(value, Take) and value.since == "element" and value.take in ("count", "run"):
                yield value, Outcome(Decimal(0))
            elif isinstance(value, Confirmation) and value.since == "element":
                yield value, Outcome(CONFIRMED[0])

    def patient(self, combination: Combination) -> str:
        """The combination in words: everything that is read, with its value."""
        told = [
            f"{item.name} = {item.cells[number].words}"
            for number, item in zip(combination, self.inputs, strict=True)
            if item.of is None or self.inputs[item.of].cells[combination[item.of]].known
        ]
        return ", ".join(told) or "any facts"

    def cubes(self, found: Iterable[Combination]) -> list[tuple[Combination, tuple[Input, ...]]]:
        """A few of the combinations, each with the inputs that do not matter to it, so that all are covered.

        An input does not matter where every known cell of it, the others kept, is among the combinations too.
        """
        left = dict.fromkeys(found)
        among = frozenset(left)
        cubes = []
        while left:
            first = next(iter(left))
            sides: list[tuple[int, ...]] = [(number,) for number in first]
            idle: list[Input] = []
            for place, item in enumerate(self.inputs):
                every = tuple(n for n, cell in enumerate(item.cells) if cell.known)
                wider = [*sides[:place], every, *sides[place + 1 :]]
                if len(every) > 1 and all(combination in among for combination in product(*wider)):
                    sides, idle = wider, [*idle, item]
            for combination in product(*sides):
                left.pop(combination, None)
            cubes.append((first, tuple(idle)))
        return cubes


def _any_of(outcomes: list[Outcome]) -> Outcome:
    for outcome in outcomes:
        if outcome.value == YES:
            return outcome
    return next((outcome for outcome in outcomes if outcome.value is None), Outcome(NO))


def truth_of(evaluation: Evaluation, guards: Iterable[Guard]) -> Truth:
    """Whether all guards let their row pass."""
    return min((evaluation.guard(guard) for guard in guards), default=Truth.TRUE)


# --- what conditions read ------------------------------------------------------------------------------------------


def cells_of(table: Table, conditions: Iterable[Condition]) -> Cells:
    """The cells that some compiled conditions can tell apart."""
    read = _Read(table)
    for condition in conditions:
        read.condition(condition)
    inputs: list[Input] = []
    numbers: dict[ResultKey, int] = {}
    for key in read.in_order():
        fact = (key[0].partition(".")[0], key[1])
        of = numbers.get(fact) if fact != key else None
        numbers[key] = len(inputs)
        inputs.append(result_input(table, key, read.results[key], of, read.whys(key, fact)))
    atoms = {name: atoms_of(table, value) for name, value in read.evers.items()}
    together: dict[tuple[int, ...], list[Atom]] = {}
    for atom in sorted({atom for some in atoms.values() for atom in some}):
        together.setdefault(tuple(name for name, some in atoms.items() if atom in some), []).append(atom)
    evers: dict[int, tuple[int, ...]] = dict.fromkeys(atoms, ())
    for names, some in together.items():
        for name in names:
            evers[name] = (*evers[name], len(inputs))
        inputs.append(ever_input(table, frozenset(some)))
    inputs += [worked_input(table, name, value, tests) for name, (value, tests) in read.worked.items()]
    fresh = frozenset(name for name, value in read.evers.items() if "element" in value.since)
    return Cells(table, tuple(inputs), evers, fresh, tuple(_dates_in_order(table, inputs)))


def _dates_in_order(table: Table, inputs: list[Input]) -> Iterator[tuple[int, int, bool]]:
    """The pairs of dates of which the first is never later: of the calendar, or so long after the same day."""
    dates = [(at, table.values[item.key]) for at, item in enumerate(inputs) if isinstance(item.key, str)]
    for (at, one), (other_at, other) in permutations(dates, 2):
        if not (isinstance(one, Date) and isinstance(other, Date)) or one == other:
            continue
        here, there = _of_the_calendar(one), _of_the_calendar(other)
        if here is not None and there is not None:
            if here <= there:
                yield at, other_at, True
        elif _anchor(one) is not None and _anchor(one) == _anchor(other) and _length(one) <= _length(other):
            yield at, other_at, True


def _of_the_calendar(value: Date) -> date | None:
    """The day that is written in a date of the calendar; None for any other date."""
    days = [day for name in value.date if (day := calendar_day(name)) is not None]
    if len(days) < len(value.date) or _anchor(value) is None:
        return None
    found = min(days) if value.of_several == "earliest" else max(days)
    return value.plus.after(found) if value.plus is not None else found


def _anchor(value: Date) -> tuple[object, ...] | None:
    """What a date is counted from, and whether in days or in months; None where it has a floor, a cap or a span."""
    if value.as_long_as is not None or value.not_before is not None or value.not_after is not None:
        return None
    by_months = value.plus is not None and value.plus.unit in ("months", "years")
    by_hours = value.plus is not None and value.plus.unit == "hours"
    return None if by_hours else (value.date, value.of_several, by_months)


def _length(value: Date) -> int:
    """How long after its anchor a date is, in days or in months."""
    if value.plus is None:
        return 0
    return value.plus.count * {"weeks": 7, "years": 12}.get(value.plus.unit, 1)


@define
class _Read:
    """What conditions read, directly and through named values: results with the tests on them, and what was ever so."""

    table: Table
    results: dict[ResultKey, list[Test]] = field(factory=dict)
    evers: dict[int, Ever] = field(factory=dict)
    worked: dict[str, tuple[Worked | Last, list[Test]]] = field(factory=dict)
    seen: set[str] = field(factory=set)
    replaced: set[ResultKey] = field(factory=set)
    reads_absence: bool = False

    def condition(self, condition: Condition) -> None:
        for named in condition.tests:
            self._name(named.name, named.test)

    def _name(self, name: str, test: Test) -> None:
        value = self.table.values.get(name)
        if isinstance(test, Presence) and test.word in ABSENCE:
            self.reads_absence = True
        if isinstance(value, Holds | Prefer):
            self._behind(name, value, test)
        elif isinstance(value, Ever):
            self.evers[id(value)] = value
        elif isinstance(value, Last) and is_narrowed(value):
            self.worked.setdefault(name, (value, []))[1].append(test)
        elif isinstance(value, Last):
            self.results.setdefault((value.last, value.at), []).append(test)
            if value.if_missing not in (None, "unknown"):
                self.replaced.add((value.last, value.at))
        elif value is not None:
            self.worked.setdefault(name, (value, []))[1].append(test)
        elif name in self.table.facts:
            self.results.setdefault((name, None), []).append(test)

    def _behind(self, name: str, value: Holds | Prefer, test: Test) -> None:
        """What stands behind a value: the names of a condition, or several sources."""
        if isinstance(value, Prefer):
            self.reads_absence = True  # a source that is in doubt is told apart from one with nothing to say
            for source in value.prefer:
                self._name(source, test)
        elif name not in self.seen:
            self.seen.add(name)
            self.condition(value.holds)

    def in_order(self) -> list[ResultKey]:
        """The results in the order in which they are asked for, a fact before its parts."""
        found: dict[ResultKey, None] = {}
        for key in self.results:
            fact = (key[0].partition(".")[0], key[1])
            if fact in self.results:
                found[fact] = None
            found[key] = None
        return list(found)

    def whys(self, key: ResultKey, fact: ResultKey) -> tuple[Why, ...]:
        """The reasons for which a result may be unknown: told apart only where some value or test does so."""
        if key[0].startswith(("choice.", "allocation.")) or not (self.reads_absence or {key, fact} & self.replaced):
            return ("absent",)
        definition = self.table.facts[fact[0]]
        return ("absent", "no_result", "muddled") if definition.no_result else ("absent", "muddled")
