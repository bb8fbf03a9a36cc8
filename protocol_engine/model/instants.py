"""How many hours lie between two times, of which either may be a day without a time.

A day is read at the offset of the time that it is held against. A test on hours is decided if every time of that day
gives the same answer, and unknown otherwise.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from protocol_engine.model.events import EventTime
from protocol_engine.model.truth import FALSE, TRUE, UNKNOWN, Truth
from protocol_engine.model.units import Duration

NOTHING = timedelta(0)


def _stretch(told: EventTime, beside: EventTime) -> tuple[datetime, datetime]:
    """The first and the last instant that a time may stand for."""
    if told.instant is not None:
        return told.instant, told.instant
    zone = beside.instant.tzinfo if beside.instant is not None else UTC
    return datetime.combine(told.day, time.min, zone), datetime.combine(told.day, time.max, zone)


def elapsed(since: EventTime, at: EventTime) -> tuple[timedelta, timedelta]:
    """The least and the greatest time that may lie between something done and a later time."""
    begun, ended = _stretch(since, at), _stretch(at, since)
    return max(ended[0] - begun[1], NOTHING), max(ended[1] - begun[0], NOTHING)


def length_of(hours: Duration) -> timedelta:
    """A number of hours as a length of time."""
    return timedelta(hours=hours.count)


def too_early(hours: Duration, since: EventTime, at: EventTime) -> Truth:
    """Whether fewer hours than these have gone by."""
    least, most = elapsed(since, at)
    return _decided(most < length_of(hours), least >= length_of(hours))


def too_late(hours: Duration, since: EventTime, at: EventTime) -> Truth:
    """Whether more hours than these have gone by."""
    least, most = elapsed(since, at)
    return _decided(least > length_of(hours), most <= length_of(hours))


def _decided(sure: bool, out: bool) -> Truth:
    return TRUE if sure else FALSE if out else UNKNOWN


def instant_after(since: EventTime, hours: Duration) -> datetime | None:
    """The instant so many hours after another; None where that is only a day."""
    return since.instant + length_of(hours) if since.instant is not None else None


def first_whole_day(since: date, hours: Duration) -> date:
    """The first day of which every time is at least so many hours after every time of a day."""
    end = datetime.combine(since, time.min) + timedelta(days=1) + length_of(hours)
    return end.date() if end.time() == time.min else end.date() + timedelta(days=1)


def last_whole_day(since: date, hours: Duration) -> date:
    """The last day of which every time is at most so many hours after every time of a day."""
    return (datetime.combine(since, time.min) + length_of(hours)).date() - timedelta(days=1)
