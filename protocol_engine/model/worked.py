"""Values that are worked out from several results of one patient: taken from a row of them, confirmed, compared.

A row of results is read as *moments*, the oldest first: results of one timepoint, or of one day, are one moment. A
moment whose results disagree, or lack a detail that is asked for, is in doubt; so is what would turn on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil

from attrs import frozen

from protocol_engine.model.events import EventTime
from protocol_engine.model.facts import FactValue
from protocol_engine.model.history import FactHistory, Result
from protocol_engine.model.units import Duration
from protocol_engine.model.values import CONFIRMED, Change, Confirmation, Span, Take


@frozen
class Between:
    """A whole number that is not quite known: at least ``low``, which is sure, and at most ``high``."""

    low: int
    high: int


@frozen
class Moment:
    """Results of one moment: their value, None while they are at odds or lack the detail ``component``."""

    day: date
    value: FactValue | None
    sources: tuple[str, ...]
    timepoint: str | None = None
    component: str | None = None
    at: EventTime | None = None


def moments_of(
    known: FactHistory, part: str = "", where: Mapping[str, tuple[str, ...]] | None = None
) -> tuple[Moment, ...]:
    """The moments of a fact, or of a part of it, of the reports that have the details asked for."""
    found = (_moment(group, part, where or {}) for group in known.groups.values())
    return tuple(sorted((item for item in found if item is not None), key=lambda item: (item.day, item.sources)))


def _moment(group: tuple[Result, ...], part: str, where: Mapping[str, tuple[str, ...]]) -> Moment | None:
    told = [result for result in group if result.value is not None]
    lacking = [name for name in where if any(name not in result.parts for result in told)]
    meant = [r for r in told if all(r.parts.get(name) in (None, *wanted) for name, wanted in where.items())]
    if not meant:
        return None
    day, sources = max(result.day for result in meant), tuple(result.event.id for result in meant)
    values = {result.parts.get(part) if part else result.value for result in meant}
    unsure = next((name for name in lacking if any(name not in result.parts for result in meant)), None)
    if unsure is None and part and None in values:
        unsure = part
    value = values.pop() if unsure is None and len(values) == 1 else None
    return Moment(day, value, sources, meant[0].timepoint, unsure, _told_at(meant, day))


def _told_at(results: list[Result], day: date) -> EventTime:
    """The newest time of several results of a day; the day alone where one of them has no time."""
    times = [result.event.effective for result in results if result.day == day]
    instants = {time.instant: time for time in times if time.instant is not None}
    untimed = [time for time in times if time.instant is None]
    return untimed[0] if untimed else instants[max(instants)]


def within(moments: tuple[Moment, ...], length: Duration | None, today: date | None) -> tuple[Moment, ...]:
    """The moments no older than a length of time today."""
    if length is None or today is None:
        return moments
    since = length.before(today)
    return tuple(item for item in moments if item.day >= since)


def doubtful(moments: tuple[Moment, ...]) -> tuple[Moment, ...]:
    """The moments in doubt."""
    return tuple(item for item in moments if item.value is None)


def taken(value: Take, moments: tuple[Moment, ...], rank: Callable[[FactValue], Fraction]) -> Moment | None:
    """The one moment that is taken; None if there are too few. ``rank`` orders results."""
    match value.take:
        case "first":
            return moments[0] if moments else None
        case "previous":
            return moments[-2] if len(moments) > 1 else None
        case _:
            sure = [item for item in moments if item.value is not None]
            if len(sure) < len(moments) or not sure:
                return next(iter(doubtful(moments)), None)
            of = max if value.take == "highest" else min
            return of(sure, key=lambda item: rank(item.value) if item.value is not None else Fraction(0))


def total(value: Take, moments: tuple[Moment, ...]) -> FactValue | None:
    """The sum, or the mean, of numbers; None if there is none, or one is in doubt."""
    numbers = [Fraction(item.value) for item in moments if isinstance(item.value, Decimal | Fraction)]
    if not numbers or len(numbers) < len(moments):
        return None
    added = sum(numbers, Fraction(0))
    return added / len(numbers) if value.take == "mean" else added


def count(moments: tuple[Moment, ...], meets: Callable[[FactValue], bool]) -> Between:
    """How many moments meet a test."""
    sure = sum(item.value is not None and meets(item.value) for item in moments)
    return Between(sure, sure + len(doubtful(moments)))


def run(moments: tuple[Moment, ...], meets: Callable[[FactValue], bool], apart: Duration | None) -> Between:
    """How many of the newest moments meet a test in an unbroken row."""
    least, most = (_length(way, apart) for way in _ways(moments, meets))
    return Between(least, most)


def _length(row: list[tuple[date, bool]], apart: Duration | None) -> int:
    unbroken: list[date] = []
    for day, met in reversed(row):
        if not met:
            break
        unbroken.append(day)
    counted: list[date] = []
    for day in reversed(unbroken):
        if not counted or apart is None or apart.before(day) >= counted[-1]:
            counted.append(day)
    return len(counted)


def confirmed(
    value: Confirmation, moments: tuple[Moment, ...], meets: Callable[[FactValue], bool]
) -> tuple[str, date | None] | None:
    """``none``, ``unconfirmed`` or ``confirmed``, and since when; None where it turns on what is in doubt."""
    least, most = (_confirmed(value, way) for way in _ways(moments, meets))
    return least if least[0] == most[0] else None


def confirmed_ways(
    value: Confirmation, moments: tuple[Moment, ...], meets: Callable[[FactValue], bool]
) -> tuple[tuple[str, date | None], tuple[str, date | None]]:
    """The same, if nothing that is in doubt meets the test, and if all of it does."""
    least, most = (_confirmed(value, way) for way in _ways(moments, meets))
    return least, most


def _confirmed(value: Confirmation, row: list[tuple[date, bool]]) -> tuple[str, date | None]:
    seen: list[date] = []
    for day, met in row:
        if not met:
            seen = []
            continue
        since = value.within.before(day) if value.within is not None else date.min
        first = next((first for first in seen if since <= first <= value.after.before(day)), None)
        if first is not None:
            return CONFIRMED[2], first
        seen.append(day)
    return (CONFIRMED[1], seen[0]) if seen else (CONFIRMED[0], None)


def _ways(moments: tuple[Moment, ...], meets: Callable[[FactValue], bool]) -> Iterator[list[tuple[date, bool]]]:
    """The day of each moment and whether it meets the test: none of those in doubt, then all of them.

    One more that meets it never makes a row shorter, nor a result less confirmed, so these are the two extremes.
    """
    for settled in (False, True):
        yield [(item.day, settled if item.value is None else meets(item.value)) for item in moments]


def spanned(value: Span, begun: date, start: date, end: date) -> date:
    """So many times the days from one day to another after a day, part of a day counted as a day."""
    return Duration(ceil(Fraction(value.times) * (end - start).days), "days").after(begun)


def grown_old(moments: tuple[Moment, ...], length: Duration, after: date) -> date | None:
    """The first day behind another on which one of the moments is older than a length of time."""
    return first_too_old((item.day for item in moments), length, after)


def first_too_old(days: Iterable[date], length: Duration, after: date) -> date | None:
    """The first day behind another on which one of some days lies further back than a length of time."""
    old = (_too_old_on(day, length) for day in days)
    return min((day for day in old if day is not None and day > after), default=None)


def _too_old_on(day: date, length: Duration) -> date | None:
    """The first day on which a day lies further back; None if the calendar ends before."""
    found = length.after(day)
    while found < date.max and length.before(found) <= day:
        found += timedelta(days=1)
    return found if found < date.max else None


def changed(value: Change, number: Fraction, base: Fraction) -> Fraction | None:
    """How far a number is from another; None for a ratio or a percentage from 0."""
    if value.change == "difference":
        return number - base
    if base == 0:
        return None
    return number / base if value.change == "ratio" else (number - base) / base * 100
