"""Conditions as compiled: readings settled, limits on levels written out, and the assumptions they rest on."""

from __future__ import annotations

from attrs import evolve

from protocol_engine.model.conditions import AnyOf, Clause, Condition, Elapsed, InSet, Not, OneOf, Range, Test
from protocol_engine.model.protocol import Protocol
from protocol_engine.model.screening import Derived
from protocol_engine.model.table import Guard, claim_order
from protocol_engine.model.values import (
    CONFIRMED,
    ONE_RESULT,
    Confirmation,
    Ever,
    Holds,
    Last,
    Level,
    Members,
    Prefer,
    Take,
    Value,
    WorkedOut,
    facts_of,
    names_of,
)


def joined(*groups: tuple[str, ...]) -> tuple[str, ...]:
    """The claims of several groups, each once, in the order in which claims are read."""
    return tuple(sorted(dict.fromkeys(claim for group in groups for claim in group), key=claim_order))


class Conditions:
    """Compiles the conditions of one protocol."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self._known: dict[str, tuple[str, ...]] = {}

    def guard(self, condition: Condition, cites: tuple[str, ...], *, refutes: bool = False) -> Guard:
        """A guard with its condition compiled."""
        condition = self.folded(condition)
        return Guard(condition, tuple(cites), refutes, self.rests(condition))

    def folded(self, condition: Condition) -> Condition:
        """The condition without its tests on readings: those are settled when the file is read."""
        clauses = []
        for clause in condition.clauses:
            settled = [test for test in clause.tests if test.name in self.protocol.assumptions]
            if all(isinstance(t.test, OneOf) and self.protocol.readings[t.name] in t.test.values for t in settled):
                rests = joined(clause.rests, tuple(test.name for test in settled))
                tests = tuple(
                    evolve(t, test=self._plain_test(t.name, t.test)) for t in clause.tests if t not in settled
                )
                clauses.append(Clause(tests, rests))
        always = [clause for clause in clauses if not clause.tests]
        return Condition((always[0],) if always else tuple(clauses))

    def value(self, value: Value) -> Value:
        """A named value with its condition, or its test, compiled."""
        match value:
            case Holds():
                return evolve(value, holds=self.folded(value.holds))
            case Take():
                return evolve(value, is_=self._plain_test(value.of[0], value.is_))
            case Confirmation():
                return evolve(value, is_=self._plain_test(value.confirmation, value.is_))
            case Members():
                return evolve(value, is_=self._plain_test(value.of, value.is_))
            case _:
                return value

    def _plain_test(self, name: str, test: Test) -> Test:
        """Limits on an ordered level become the list of levels within them."""
        if isinstance(test, Not):
            inner = self._plain_test(name, test.test)
            return Not(inner) if isinstance(inner, OneOf | Range | InSet | Elapsed | AnyOf) else test
        if isinstance(test, AnyOf):
            inner_tests = (self._plain_test(name, item) for item in test.tests)
            return AnyOf(tuple(item for item in inner_tests if isinstance(item, OneOf | Range | Elapsed)))
        levels = self._levels(name)
        if not isinstance(test, Range) or levels is None:
            return test
        rank = {level: number for number, level in enumerate(levels)}
        return OneOf(tuple(level for level in levels if _within(rank[level], test, rank)))

    def _levels(self, name: str) -> tuple[str, ...] | None:
        value = self.protocol.values.get(name)
        if isinstance(value, Confirmation):
            return CONFIRMED
        if isinstance(value, Prefer):  # the sources have the same levels
            return self._levels(value.prefer[0])
        if isinstance(value, Level):
            return self.protocol.ladders[value.level_of].ascending
        fact_name = name if value is None else ""
        if isinstance(value, Last):
            fact_name = value.last
        elif isinstance(value, Take) and value.take in ONE_RESULT:
            fact_name = value.of[0]
        fact = self.protocol.facts.get(fact_name)
        return fact.levels if fact is not None else None

    def rests(self, condition: Condition) -> tuple[str, ...]:
        """The assumptions a condition rests on: selected inside it, or inside a value or set it reads."""
        sets = [test.test.set_name for test in condition.tests if isinstance(test.test, InSet)]
        named = [self.protocol.sets[name] for name in sets if name in self.protocol.sets]
        cited = [(*item.rests, *(claim for claim in item.cite if claim.startswith("A"))) for item in named]
        return joined(condition.rests, *cited, *(self._value_rests(test.name) for test in condition.tests))

    def _value_rests(self, name: str) -> tuple[str, ...]:
        """The assumptions a named value rests on, through every value and fact it reads."""
        if name not in self._known:
            self._known[name] = ()
            value: Value | Derived | None = self.protocol.values.get(name, self.protocol.derived.get(name))
            own = (*value.rests, *(claim for claim in value.cite if claim.startswith("A"))) if value is not None else ()
            match value:
                case Holds():
                    inner = self.rests(value.holds)
                case Last():
                    inner = self._fact_rests(value.last)
                case Ever() if value.before is not None:
                    inner = self._value_rests(value.before)
                case Level():
                    ladder = self.protocol.ladders[value.level_of]
                    inner = joined(ladder.rests, tuple(claim for claim in ladder.cite if claim.startswith("A")))
                case WorkedOut():
                    facts = (self._fact_rests(fact) for fact in facts_of(value))
                    inner = joined(*facts, *(self._value_rests(other) for other in names_of(value)))
                case None:
                    inner = self._fact_rests(name)
                case _:
                    inner = ()
            rests = joined(own, inner)
            self._known[name] = rests
        return self._known[name]

    def _fact_rests(self, name: str) -> tuple[str, ...]:
        fact_name, _, part = name.partition(".")
        fact = self.protocol.facts.get(fact_name)
        if fact is None:
            return ()
        return joined(fact.rests, fact.parts[part].rests if part in fact.parts else ())


def always(condition: Condition) -> bool:
    """Whether the condition asks for nothing, as it does when the selected reading settles it."""
    return any(not clause.tests for clause in condition.clauses)


def _within(rank: int, limits: Range, ranks: dict[str, int]) -> bool:
    """Whether a level of that rank lies within limits that are levels of the same fact."""
    return not (
        (limits.at_least is not None and rank < ranks[limits.at_least])
        or (limits.above is not None and rank <= ranks[limits.above])
        or (limits.at_most is not None and rank > ranks[limits.at_most])
        or (limits.below is not None and rank >= ranks[limits.below])
    )
