"""The facts a protocol reads: their types, and what a reported value of each type is.

A fact has exactly one type: ordered ``levels``, unordered ``one_of``, ``yes_no``, a ``quantity`` in a UCUM unit, a
``date`` or a ``set_of`` names. Values listed under ``no_result`` may be reported and still leave the fact unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from itertools import count, takewhile
from typing import NewType

from attrs import field, frozen

from protocol_engine.errors import cut, shortened, shown
from protocol_engine.model.claims import Node
from protocol_engine.model.conditions import Range
from protocol_engine.model.ucum import factor
from protocol_engine.model.units import Duration, Quantity, exact, plain

Cites = NewType("Cites", tuple[str, ...])
"""Ids of claims; in a file one id, or a list of them."""
Name = NewType("Name", str)
"""What a file, an element or a choice is called: letters, digits and ``_ + . -``, beginning with a letter or digit."""
Names = NewType("Names", tuple[str, ...])
"""One name, or a list of them."""
NO_CITES = Cites(())
NO_NAMES = Names(())

DECIMAL_PATTERN = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")
DAY_PATTERN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
ONE_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
MEMBER_PATTERN = re.compile(r"[A-Z][A-Z0-9-]{1,15}")


@frozen(kw_only=True)
class FactPart(Node):
    """A detail reported together with a fact: a set of names, one of several words, or a number.

    Such as the genes found mutated in a ctDNA sample, who assessed an image, or the upper limit of normal of the
    laboratory, in the unit that the report is in. ``not_listed``
    says what a name outside the reported set means: ``absent`` (the list is complete) or ``unknown``,
    unless the set in the part ``unless_in`` (what was tested) names it.
    """

    set_of: str | None = None
    one_of: tuple[str, ...] | None = None
    quantity: str | None = None
    not_listed: str = "absent"
    unless_in: str | None = None
    label: str | None = None
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class Timepoint(Node):
    """A named moment at which a fact is to be assessed, relative to the cycles of the arm.

    ``before_cycle: n`` closes when cycle n begins; ``after_cycle: n`` opens with cycle n.
    """

    before_cycle: int | None = None
    after_cycle: int | None = None
    label: str | None = None
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class Calendar(Node):
    """Visits at which a fact is assessed: ``every`` so long after an act, whatever becomes of the cycles.

    After ``for`` that time they come ``then_every`` so long, or not at all. ``before`` and ``after`` are how long
    before and after its day a visit may be.
    """

    from_: str
    every: Duration
    for_: Duration | None = None
    then_every: Duration | None = None
    before: Duration | None = None
    after: Duration | None = None
    cite: Cites = NO_CITES

    def visits(self, since: date) -> Iterator[date]:
        """The days of the visits, the first one ``every`` after the day they are counted from; perhaps without end."""
        last = self.for_.after(since) if self.for_ is not None else date.max
        days = (self.every.times(number).after(since) for number in count(1))
        yield from takewhile(lambda day: day <= last, days)
        if self.then_every is not None:
            yield from (self.then_every.times(number).after(last) for number in count(1))

    def window(self, day: date) -> tuple[date, date]:
        """The first and the last day on which the visit of a day may be."""
        first = self.before.before(day) if self.before is not None else day
        return first, self.after.after(day) if self.after is not None else day


@frozen(kw_only=True)
class Conversion(Node):
    """Another unit that a fact may be reported in, and what a number in it is multiplied by."""

    unit: str
    times: Decimal
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class FactDefinition(Node):
    """One fact that the protocol reads; see the module for the types.

    ``at_least``, ``above``, ``at_most`` and ``below`` limit a quantity: a number outside them cannot be reported.
    ``molar_mass`` turns an amount of substance into a mass, ``also_in`` names other units where no physics
    gives the factor. With ``never: yes`` a date may be reported as ``never``.
    ``also_called`` are other names under which it is reported, as FISH is for a test that may be any ISH.
    ``lasting: yes`` marks what does not go stale once it is known, such as a date of birth. ``each`` says what it is
    reported of, such as each ``lesion``: every report then says in a component of that name of which one it is.
    ``of_study: yes`` marks what is told of the study and not of the patient, such as that an arm is open.
    """

    label: str | None = None
    also_called: Names = NO_NAMES
    levels: tuple[str, ...] | None = None
    one_of: tuple[str, ...] | None = None
    yes_no: bool = False
    quantity: str | None = None
    at_least: Decimal | None = None
    above: Decimal | None = None
    at_most: Decimal | None = None
    below: Decimal | None = None
    molar_mass: Quantity | None = None
    also_in: tuple[Conversion, ...] = ()
    date: bool = False
    never: bool = False
    set_of: str | None = None
    lasting: bool = False
    of_study: bool = False
    each: Name | None = None
    no_result: tuple[str, ...] = ()
    parts: dict[str, FactPart] = field(factory=dict)
    taken: dict[str, Timepoint] = field(factory=dict)
    calendar: Calendar | None = None
    codes: dict[str, str] = field(factory=dict)
    see: Cites = NO_CITES
    cite: Cites = NO_CITES

    @property
    def kinds(self) -> tuple[str, ...]:
        """The types declared; a well-formed fact declares exactly one."""
        declared = {
            "levels": self.levels is not None,
            "one_of": self.one_of is not None,
            "yes_no": self.yes_no,
            "quantity": self.quantity is not None,
            "date": self.date,
            "set_of": self.set_of is not None,
        }
        return tuple(kind for kind, is_declared in declared.items() if is_declared)

    @cached_property
    def domain(self) -> Range:
        """The numbers that a quantity can be."""
        limits = (self.at_least, self.above, self.at_most, self.below)
        return Range(*(None if limit is None else plain(limit) for limit in limits))

    @property
    def values(self) -> tuple[str, ...] | None:
        """The finite domain, worst or lowest level first where ordered; None for quantities, dates and sets."""
        if self.yes_no:
            return ("no", "yes")
        return self.levels if self.levels is not None else self.one_of


NEVER = "never"
FactValue = str | Decimal | Fraction | date | frozenset[str]
PartValue = Decimal | Fraction | frozenset[str] | str


def read_value(fact: FactDefinition, value: object, unit: str | None) -> FactValue | None:
    """The typed value of a report, or None where it is reported and still no result.

    Raises ValueError, with a sentence for the reader, if the value is outside the domain of the fact.
    """
    if isinstance(value, str) and value in fact.no_result:
        return None
    if fact.quantity is not None:
        return _read_quantity(fact, value, unit)
    if unit is not None:
        raise ValueError("has no unit; leave `unit` out")
    if fact.yes_no:
        if not isinstance(value, bool):
            raise ValueError(f"must be true or false, not {shown(value)}")
        return "yes" if value else "no"
    if fact.date:
        return NEVER if fact.never and value == NEVER else _read_day(value)
    if fact.set_of is not None:
        return read_members(value)
    domain = fact.values or ()
    if not isinstance(value, str) or value not in domain:
        raise ValueError(f"must be one of {', '.join((*domain, *fact.no_result))}, not {shown(value)}")
    return value


def read_part(fact: FactDefinition, name: str, value: object, unit: str | None) -> PartValue:
    """The typed value of a detail; a number is in the unit of its report. ValueError as in :func:`read_value`."""
    if name == fact.each:
        return _read_member(value)
    part = fact.parts[name]
    if part.one_of is not None:
        return _read_word(part.one_of, value)
    if part.quantity is None:
        return read_members(value)
    number = _number(value)
    return _converted(number, unit if fact.quantity is not None else part.quantity, part.quantity, fact)


def _read_word(words: tuple[str, ...], value: object) -> str:
    if not isinstance(value, str) or value not in words:
        raise ValueError(f"must be one of {', '.join(words)}, not {shown(value)}")
    return value


def _read_member(value: object) -> str:
    if not isinstance(value, str) or not ONE_PATTERN.fullmatch(value):
        raise ValueError(f"must be a name such as L1, of letters, digits, - and _, not {shown(value)}")
    return value


def _number(value: object) -> Decimal:
    if not isinstance(value, str) or not DECIMAL_PATTERN.fullmatch(value):
        raise ValueError(f'must be a decimal number in a string, such as "62.5", not {shown(value)}')
    return Decimal(value)


def _converted(number: Decimal, unit: str | None, to: str, fact: FactDefinition) -> Decimal | Fraction:
    """The number in the unit that is read, exactly: a decimal where it has an end, else a fraction."""
    if unit == to:
        return number
    if unit is None:
        raise ValueError(f"is read in {to}, and the unit given is missing")
    declared = next((other.times for other in fact.also_in if other.unit == unit), None)
    if declared is not None:
        return exact(Fraction(number) * Fraction(declared))
    mass = fact.molar_mass.fraction if fact.molar_mass is not None else None
    try:
        found = Fraction(number) * factor(unit, to, mass)
    except ValueError as error:
        raise ValueError(f"is read in {to}, and the unit given is {cut(unit)}: {shortened(str(error))}") from None
    return exact(found)


def _read_quantity(fact: FactDefinition, value: object, unit: str | None) -> Decimal | Fraction:
    number = _converted(_number(value), unit, fact.quantity or "1", fact)
    if not fact.domain.includes(number):
        raise ValueError(f"must be {fact.domain.words}, not {value}")
    return number


def _read_day(value: object) -> date:
    if not isinstance(value, str) or not DAY_PATTERN.fullmatch(value):
        raise ValueError(f"must be a date such as 2026-01-31, not {shown(value)}")
    return date.fromisoformat(value)


def read_members(value: object) -> frozenset[str]:
    """A reported set of names in capitals (gene symbols); ValueError for anything else."""
    if not isinstance(value, list) or not all(
        isinstance(name, str) and MEMBER_PATTERN.fullmatch(name) for name in value
    ):
        raise ValueError(f"must be a list of symbols in capitals, such as PIK3CA, not {shown(value)}")
    return frozenset(value)
