"""Conditions: tests on named values, joined by *and* within a line group and by *or* between groups.

A condition is data. Every test looks at one named value; there is no negation of a whole condition and no
comparison of two names, so each name has a finite partition and every table can be checked for gaps.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Literal

from attrs import field, frozen

from protocol_engine.errors import Mark
from protocol_engine.model.units import Duration


@frozen
class OneOf:
    """The value is one of these levels; for a yes/no value, ``yes`` or ``no``."""

    values: tuple[str, ...]


@lru_cache(maxsize=4096)
def _exact(limit: str) -> Fraction:
    """The number that a limit is; there are as many as files write."""
    return Fraction(limit)


@frozen
class Range:
    """Limits on an ordered level or a quantity; what is not limited is None. Limits are written as text.

    The numbers that a quantity can be are a range too: its domain.
    """

    at_least: str | None = None
    above: str | None = None
    at_most: str | None = None
    below: str | None = None

    @property
    def limits(self) -> dict[str, str]:
        """The limits that are given, by their key."""
        found = {"at_least": self.at_least, "above": self.above, "at_most": self.at_most, "below": self.below}
        return {key: limit for key, limit in found.items() if limit is not None}

    @property
    def words(self) -> str:
        """The limits in a sentence; empty where there is none."""
        return " and ".join(f"{key.replace('_', ' ')} {limit}" for key, limit in self.limits.items())

    def includes(self, number: Decimal | Fraction) -> bool:
        """Whether the number is within the limits, which are numbers. Nothing is rounded."""
        exact = Fraction(number)
        return not (
            (self.at_least is not None and exact < _exact(self.at_least))
            or (self.above is not None and exact <= _exact(self.above))
            or (self.at_most is not None and exact > _exact(self.at_most))
            or (self.below is not None and exact >= _exact(self.below))
        )

    def meets(self, other: Range) -> bool:
        """Whether some number is within these limits and within the others, all of which are numbers."""
        lows = [(_exact(a), False) for r in (self, other) if (a := r.at_least) is not None]
        lows += [(_exact(a), True) for r in (self, other) if (a := r.above) is not None]
        highs = [(_exact(a), True) for r in (self, other) if (a := r.at_most) is not None]
        highs += [(_exact(a), False) for r in (self, other) if (a := r.below) is not None]
        if not lows or not highs:
            return True
        (low, left_out), (high, included) = max(lows), min(highs)
        return low < high or (low == high and included and not left_out)


@frozen
class Presence:
    """Whether there is a result at all, or whether the day that it names has come.

    ``any_result`` (some result is known), ``irrelevant`` (always holds), ``reached`` (the day that a date names has
    begun), and the two tests that read absence: ``not_reported`` (nobody reported) and ``reported_without_result``.
    """

    word: Literal["any_result", "irrelevant", "reached", "not_reported", "reported_without_result"]


@frozen
class InSet:
    """Some, all or none of the members of the named set are in the reported set."""

    how: Literal["some_in", "all_in", "none_in"]
    set_name: str


@frozen
class Elapsed:
    """How long ago a date lies: ``within`` a time, or ``at_least_ago``; both take in the day that is just so long ago.

    Counted back from the day asked about, or from ``before``: the date that a date fact holds, the day on which the
    result of another fact was taken, or ``consent``. What never happened is neither.
    """

    within: Duration | None = None
    at_least_ago: Duration | None = None
    before: str | None = None


@frozen
class AnyOf:
    """One of several tests of the same name holds."""

    tests: tuple[OneOf | Range | Elapsed, ...]


@frozen
class Not:
    """The opposite of one test; unknown stays unknown."""

    test: OneOf | Range | InSet | Elapsed | AnyOf


Test = OneOf | Range | Presence | InSet | Elapsed | AnyOf | Not


def inner_tests(test: Test) -> Iterator[Test]:
    """The tests that a test is made of; itself if of no others."""
    match test:
        case Not(inner):
            yield from inner_tests(inner)
        case AnyOf(tests):
            for inner in tests:
                yield from inner_tests(inner)
        case _:
            yield test


@frozen
class NamedTest:
    """A test on the value of that name. ``mark`` is where it is written."""

    name: str
    test: Test
    mark: Mark = field(default=Mark(), eq=False, repr=False)


@frozen
class Clause:
    """Tests that must all hold."""

    tests: tuple[NamedTest, ...]
    rests: tuple[str, ...] = ()


@frozen
class Condition:
    """Clauses of which one must hold. No clause at all is false; a clause without tests is true."""

    clauses: tuple[Clause, ...]
    tests: tuple[NamedTest, ...] = field(init=False, eq=False, repr=False)
    """All tests of all clauses, in the order written."""

    @tests.default
    def _of_all_clauses(self) -> tuple[NamedTest, ...]:
        return tuple(test for clause in self.clauses for test in clause.tests)

    @property
    def rests(self) -> tuple[str, ...]:
        """The assumptions whose selected reading stands in this condition."""
        return tuple(dict.fromkeys(name for clause in self.clauses for name in clause.rests))


ALWAYS = Condition((Clause(()),))
