"""Amounts, doses, durations and days as they are written in a protocol: exact, with their unit.

Numbers are :class:`decimal.Decimal`, never floats; units are UCUM codes. ``NOT_STATED`` is the literal for what
the record leaves out: it is printed as such and can never be compared with anything.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Final, Literal, NewType

from attrs import frozen

LIMIT_PATTERN = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15}|/[1-9][0-9]{0,14})?")
"""A limit as it is written: a decimal number, or a fraction such as ``2/3``."""
NOT_STATED_WORD: Final = "not_stated"


class NotStated(Enum):
    """The one value that stands for "the record does not say"."""

    NOT_STATED = NOT_STATED_WORD


NOT_STATED: Final = NotStated.NOT_STATED

UcumUnit = NewType("UcumUnit", str)
"""A UCUM code that :func:`protocol_engine.model.ucum.unit_of` reads."""
Route = Literal["IV", "PO", "IM", "SC"]
"""How a drug is given: into a vein, by mouth, into a muscle, under the skin."""


@frozen
class Quantity:
    """A number with its UCUM unit, such as ``10 mg/kg``. ``value`` keeps the digits as written."""

    value: Decimal
    unit: str

    @property
    def fraction(self) -> Fraction:
        """The number, for exact arithmetic."""
        return Fraction(self.value)


@frozen
class QuantityRange:
    """A permitted range, both ends inside, in one unit: ``{from: 10 mg, to: 20 mg}``."""

    from_: Quantity
    to: Quantity


PlainDose = Quantity | QuantityRange


@frozen
class Share:
    """A part of a dose, or so many times a dose, as written: ``3/4``, ``1``, ``1.5``."""

    written: str

    @property
    def fraction(self) -> Fraction:
        """The number, for exact arithmetic."""
        return Fraction(self.written)


@frozen
class Duration:
    """A whole number of hours, days, weeks, months or years, as written; ``days`` converts days and weeks exactly.

    Hours are a length of time between two instants; all others are counted on the calendar, in days.
    """

    count: int
    unit: Literal["hours", "days", "weeks", "months", "years"]

    @property
    def days(self) -> int:
        """Length in calendar days. Hours are none, months and years have no fixed length: for them a ValueError."""
        if self.unit in ("hours", "months", "years"):
            raise ValueError(f"{self.unit} have no fixed number of days")
        return self.count * (7 if self.unit == "weeks" else 1)

    def before(self, day: date) -> date:
        """The day that lies so long before; a month back from the 31st is the last day of a shorter month.

        Before the first day of the calendar there is only that day, and behind its last day only that one. Of hours it
        is the day on which so many of them before its beginning lie.
        """
        return self._away(day, -self.count)

    def after(self, day: date) -> date:
        """The day that lies so long after, as in :meth:`before`."""
        return self._away(day, self.count)

    def _away(self, day: date, number: int) -> date:
        try:
            if self.unit == "hours":
                return day + timedelta(hours=number)
            if self.unit not in ("months", "years"):
                return day + timedelta(days=number * (7 if self.unit == "weeks" else 1))
            months = day.year * 12 + day.month - 1 + number * (12 if self.unit == "years" else 1)
            year, month = divmod(months, 12)
            return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
        except (OverflowError, ValueError):
            return date.max if number > 0 else date.min

    def times(self, number: int) -> Duration:
        """So many times as long."""
        return Duration(self.count * number, self.unit)

    def __str__(self) -> str:
        return f"{self.count} {self.unit.removesuffix('s') if self.count == 1 else self.unit}"


Length = NewType("Length", Duration)
"""A length of time that may be written in hours too."""


@frozen
class DayPoints:
    """Separate days of a cycle, counted from 1: ``[1, 8]``."""

    days: tuple[int, ...]


@frozen
class DaySpan:
    """Every day from ``first`` to ``last`` of a cycle; ``last`` is None for "every day of the cycle"."""

    first: int
    last: int | None


DoseDays = DayPoints | DaySpan


def plain(number: Decimal | Fraction) -> str:
    """The number in plain digits without trailing zeros: ``625.0`` is ``625``, ``1E+2`` is ``100``; else a fraction."""
    if isinstance(number, Fraction):
        found = exact(number)
        return f"{found.numerator}/{found.denominator}" if isinstance(found, Fraction) else plain(found)
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def exact(number: Fraction) -> Decimal | Fraction:
    """The number as a decimal if it has an end as one, else as it is."""
    rest, digits = number.denominator, 0
    for prime in (2, 5):
        power = 0
        while rest % prime == 0:
            rest, power = rest // prime, power + 1
        digits = max(digits, power)
    if rest != 1:
        return number
    return Decimal(f"{number.numerator * 10**digits // number.denominator}E-{digits}")
