"""What a condition is worth on what is known: three truth values, and the facts that decided or are missing.

The same evaluation serves a patient's history and the checks, which put every combination of values under a table:
only the leaves differ (:class:`Leaves`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Literal, Protocol, assert_never

from attrs import frozen

from protocol_engine.errors import BrokenInvariant
from protocol_engine.model.conditions import (
    AnyOf,
    Condition,
    Elapsed,
    InSet,
    NamedTest,
    Not,
    OneOf,
    Presence,
    Range,
    Test,
)
from protocol_engine.model.facts import FactValue
from protocol_engine.model.table import Guard, Table
from protocol_engine.model.truth import FALSE, TRUE, UNKNOWN, Truth
from protocol_engine.model.values import Ever, Holds, Last, Prefer, Worked, WorkedOut
from protocol_engine.model.worked import (
    Between,
)

Why = Literal["known", "absent", "no_result", "muddled", "stale", "unreadable", "other", "too_few", "untimed"]


@frozen
class Missing:
    """A detail that would help to decide: which one, why it is missing, and the reports in question."""

    fact: str
    timepoint: str | None
    component: str | None
    why: Why
    sources: tuple[str, ...] = ()


@frozen
class MemberSet:
    """A reported set of names: ``tested`` is None where every name outside ``listed`` counts as absent."""

    listed: frozenset[str]
    tested: frozenset[str] | None = None

    def has(self, name: str) -> Truth:
        """Whether the name is in the set."""
        if name in self.listed:
            return TRUE
        return FALSE if self.tested is None or name in self.tested else UNKNOWN


@frozen
class Outcome:
    """The value of a name, or why it is unknown. ``sources`` are the events it was read from."""

    value: FactValue | MemberSet | Between | None
    why: Why = "known"
    sources: tuple[str, ...] = ()
    missing: tuple[Missing, ...] = ()


YES, NO = "yes", "no"
PASSED_OVER: tuple[Why, ...] = ("absent", "no_result", "stale")
"""For these reasons a source has nothing to say, and the next one is asked."""


@cache
def _newest_of(fact: str) -> Last:
    """The newest result of a fact. There is one for each fact that a protocol reads."""
    return Last(last=fact)


class Leaves(Protocol):
    """Where values are read from in the end."""

    def last(self, value: Last) -> Outcome:
        """The newest result."""

    def ever(self, value: Ever) -> Outcome:
        """Whether it was ever so."""

    def worked(self, name: str, value: Worked, by: Evaluation) -> Outcome:
        """A value that is worked out from several results, or from other values that ``by`` reads."""

    def reached(self, outcome: Outcome) -> Truth:
        """Whether the day that a date names has begun."""

    def built_in(self, name: str) -> Outcome:
        """The value of a built-in name."""


class Evaluation:
    """Values, tests and conditions of a table over some leaves. Each value is read once."""

    __slots__ = ("_known", "_truths", "leaves", "table")

    def __init__(self, table: Table, leaves: Leaves) -> None:
        self.table = table
        self.leaves = leaves
        self._known: dict[str, Outcome] = {}
        self._truths: dict[int, tuple[Guard, Truth]] = {}

    def keep(self, before: Evaluation, changed: frozenset[str]) -> None:
        """Take over the values that were read before, but those that have changed."""
        self._known = {name: outcome for name, outcome in before._known.items() if name not in changed}

    def value(self, name: str) -> Outcome:
        """The value of a name: a named value, a fact (its last result), or a built-in."""
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = self._read(name)
        return known

    def _read(self, name: str) -> Outcome:
        value = self.table.values.get(name)
        match value:
            case Last():
                outcome = self.leaves.last(value)
                if value.if_missing not in (None, "unknown") and outcome.why in ("absent", "no_result"):
                    return Outcome(value.if_missing, sources=outcome.sources)
                return outcome
            case Ever():
                return self.leaves.ever(value)
            case Holds():
                return self._holds(value.holds)
            case Prefer():
                return self._preferred(value)
            case WorkedOut():
                return self.leaves.worked(name, value, self)
            case None:
                if name in self.table.facts:
                    return self.leaves.last(_newest_of(name))
                return self.leaves.built_in(name)
            case _:
                assert_never(value)

    def _holds(self, condition: Condition) -> Outcome:
        truth = self.condition(condition)
        if truth is UNKNOWN:
            missing = self.missing(condition)
            why: Why = "muddled" if any(item.why == "muddled" for item in missing) else "absent"
            return Outcome(None, why, self.sources(condition), missing)
        return Outcome(YES if truth is TRUE else NO, sources=self.sources(condition))

    def source(self, value: Prefer) -> str | None:
        """Which of several sources answers; None while the first that was reported is in doubt, or none is."""
        for name in value.prefer:
            outcome = self.value(name)
            if outcome.value is not None:
                return name
            if outcome.why not in PASSED_OVER:
                return None
        return None

    def _preferred(self, value: Prefer) -> Outcome:
        """The first of several sources that is known; one that is in doubt is not passed over."""
        missing: dict[Missing, None] = {}
        sources: dict[str, None] = {}
        why: Why = "absent"
        for name in value.prefer:
            outcome = self.value(name)
            if outcome.value is not None:
                return outcome
            if outcome.why not in PASSED_OVER:
                return outcome
            missing |= dict.fromkeys(outcome.missing)
            sources |= dict.fromkeys(outcome.sources)
            why = outcome.why if why == "absent" else why
        told_first = sorted(missing, key=lambda item: item.why == "absent")  # a report that is too old is not no report
        return Outcome(None, why, tuple(sources), tuple(told_first))

    # --- truth -----------------------------------------------------------------------------------------------------

    def guard(self, guard: Guard) -> Truth:
        """Whether a guard lets its row pass."""
        known = self._truths.get(id(guard))
        if known is not None:
            return known[1]
        truth = self.condition(guard.condition)
        if guard.refutes:
            truth = FALSE if truth is TRUE else TRUE
        self._truths[id(guard)] = guard, truth  # the guard is kept, so that its id stays its own
        return truth

    def condition(self, condition: Condition) -> Truth:
        """The greatest of its clauses."""
        best = FALSE
        for clause in condition.clauses:
            worst = TRUE
            for named in clause.tests:
                truth = self._tested(self.value(named.name), named.test)
                if truth is not TRUE:
                    worst = truth
                    if truth is FALSE:
                        break
            if worst is TRUE:
                return worst
            if worst is UNKNOWN:
                best = worst
        return best

    def test(self, named: NamedTest) -> Truth:
        """One test on one name."""
        return self._tested(self.value(named.name), named.test)

    def meets(self, test: Test) -> Callable[[FactValue], bool]:
        """A test, to be held against results one by one."""
        return lambda value: self._tested(Outcome(value), test) is TRUE

    def _tested(self, outcome: Outcome, test: Test) -> Truth:
        if type(test) is OneOf:  # nearly every test is one, and a walk through the cases costs more than the answer
            if outcome.value is None:
                return UNKNOWN
            return TRUE if outcome.value in test.values else FALSE
        match test:
            case Presence(word):
                return self.leaves.reached(outcome) if word == "reached" else _present(outcome, word)
            case Not(inner):
                return Truth(-self._tested(outcome, inner))
            case _ if outcome.value is None:
                return UNKNOWN
            case OneOf(values):
                return TRUE if outcome.value in values else FALSE
            case Range():
                return _in_range(outcome.value, test)
            case InSet(how, name):
                return self._in_set(outcome.value, how, tuple(self.table.sets[name].are))
            case AnyOf() | Elapsed():
                return self._screened(outcome, test)
            case _:
                assert_never(test)

    def _screened(self, outcome: Outcome, test: AnyOf | Elapsed) -> Truth:
        """What only criteria ask; how long ago something was, they answer for the day asked about."""
        if isinstance(test, AnyOf):
            return max(self._tested(outcome, inner) for inner in test.tests)
        raise BrokenInvariant("a date is held against the calendar where no day is asked about")

    def _in_set(self, value: FactValue | MemberSet | Between, how: str, names: tuple[str, ...]) -> Truth:
        members = (
            value if isinstance(value, MemberSet) else MemberSet(value if isinstance(value, frozenset) else frozenset())
        )
        found = [members.has(name) for name in names]
        if how == "all_in":
            return min(found, default=TRUE)
        some = max(found, default=FALSE)
        return some if how == "some_in" else Truth(-some)

    # --- why -------------------------------------------------------------------------------------------------------

    def missing(self, condition: Condition) -> tuple[Missing, ...]:
        """What would have to be known to decide an undecided condition: from every clause that is not false."""
        found: dict[Missing, None] = {}
        for clause in condition.clauses:
            truths = [(named, self.test(named)) for named in clause.tests]
            if all(truth is not FALSE for _, truth in truths):
                for named, truth in truths:
                    if truth is UNKNOWN:
                        found |= dict.fromkeys(self.value(named.name).missing)
        return tuple(found)

    def sources(self, condition: Condition) -> tuple[str, ...]:
        """The events that the names of a condition were read from."""
        return self.read_from([named.name for named in condition.tests])

    def read_from(self, names: Iterable[str]) -> tuple[str, ...]:
        """The events that some names were read from, each once."""
        return tuple(dict.fromkeys([source for name in names for source in self.value(name).sources]))

    def failing(self, condition: Condition) -> tuple[NamedTest, ...]:
        """Of a false condition, the tests that are false, of the clause that comes nearest to holding."""
        best: tuple[NamedTest, ...] | None = None
        for clause in condition.clauses:
            failing = tuple(named for named in clause.tests if self.test(named) is FALSE)
            if best is None or len(failing) < len(best):
                best = failing
        return best or ()


def _present(outcome: Outcome, word: str) -> Truth:
    match word:
        case "irrelevant":
            return TRUE
        case "any_result":
            return TRUE if outcome.value is not None else UNKNOWN
        case "not_reported":
            return TRUE if outcome.why == "absent" else FALSE
        case _:
            return TRUE if outcome.why == "no_result" else FALSE


def _in_range(value: FactValue | MemberSet | Between, limits: Range) -> Truth:
    if isinstance(value, Between):
        found = {limits.includes(Decimal(number)) for number in range(value.low, value.high + 1)}
        return UNKNOWN if len(found) > 1 else TRUE if True in found else FALSE
    number = value if isinstance(value, Decimal | Fraction) else Decimal(str(value))
    return TRUE if limits.includes(number) else FALSE
