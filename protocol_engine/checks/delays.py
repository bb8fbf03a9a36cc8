"""Can doses be delayed and left out as it is written, and does every word about it change something?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from protocol_engine.checks.outline import Outline
from protocol_engine.checks.regimens import lines_of
from protocol_engine.checks.windows import SOME_DAYS
from protocol_engine.errors import Problem
from protocol_engine.model.conditions import Condition
from protocol_engine.model.protocol import Delay, Regimen
from protocol_engine.model.units import DayPoints, Duration
from protocol_engine.model.values import AHEAD, Date, Holds, Worked, names_of

Fault = tuple[str, str, str]
"""Code, key and message."""


def delays_can_be_kept(outline: Outline) -> Iterator[Problem]:
    """A delay is of a dose that is due, is longer than what is possible anyway, and does not wait for itself."""
    for name, regimen in outline.protocol.regimens.items():
        days = _days(outline, name)
        for number, delay in enumerate(regimen.delays):
            for code, key, message in _faults(outline, regimen, days, number, delay):
                path = f"regimens.{name}.delays[{number}]"
                yield outline.problem(code, f"{path}.{key}" if key else path, delay.mark, message)


def omissions_can_be_told(outline: Outline) -> Iterator[Problem]:
    """What is said of doses that are left out is of doses that there are, and of cycles that have a planned day."""
    for name, regimen in outline.protocol.regimens.items():
        said, path = regimen.omitted, f"regimens.{name}.omitted"
        if said is None:
            continue
        if said.day_1 != "made_up" and regimen.cycle is None:
            message = "a cycle that runs without its day 1 runs from the day on which that was due; give `cycle`"
            yield outline.problem("no-such-day", f"{path}.day_1", said.mark, message)
        if said.later_days != "skipped" and _days(outline, name) == {1}:
            message = "this regimen has no later days; leave `later_days` out"
            yield outline.problem("ignored", f"{path}.later_days", said.mark, message)


def _days(outline: Outline, name: str) -> set[int]:
    """The days of a cycle on which something is given or started."""
    points = (line.written.days for line in lines_of(outline.protocol, name))
    return {1, *(day for days in points if isinstance(days, DayPoints) for day in days.days)}


def _faults(outline: Outline, regimen: Regimen, days: set[int], number: int, delay: Delay) -> Iterator[Fault]:
    later = delay.doses == "later_days"
    if days == {1} and (later or regimen.cycle is None):
        yield "empty-window", "", "no day of this regimen is due; give it a cycle or several days, or leave this out"
    elif delay.doses == "day_1" and regimen.cycle is None:
        yield "empty-window", "doses", "no day 1 of this regimen is due; give it a cycle, or leave this out"
    after = regimen.tolerance.after if regimen.tolerance is not None else None
    if after is not None and all(_end(delay.up_to, day) <= _end(after, day) for day in SOME_DAYS):
        yield "ignored", "up_to", f"a dose may come {after} late for any reason, so this delay changes nothing"
    if any(_same(delay, other) for other in regimen.delays[:number]):
        yield "name-twice", "if", "another delay is for the same reason; keep the one with the right limit"
    ahead = _reads_ahead(outline, delay.if_)
    if ahead is not None:
        message = f"reads {ahead}, which depends on how long a dose may be delayed; test what the reason itself is"
        yield "circular-value", "if", message


def _end(length: Duration, day: date) -> date:
    return length.after(day)


def _same(one: Delay, other: Delay) -> bool:
    return one.if_ == other.if_ and (one.doses == other.doses or None in (one.doses, other.doses))


def _reads_ahead(outline: Outline, condition: Condition) -> str | None:
    """The value of a condition that counts from a dose that is still to be given, directly or through others."""
    values, seen = outline.protocol.values, set[str]()
    left = [(test.name, test.name) for test in condition.tests]
    while left:
        name, first = left.pop()
        value = values.get(name)
        if value is None or name in seen:
            continue
        seen.add(name)
        if isinstance(value, Date) and any(other in AHEAD for other in names_of(value)):
            return first
        inner = [test.name for test in value.holds.tests] if isinstance(value, Holds) else []
        left += [(other, first) for other in (*inner, *(names_of(value) if isinstance(value, Worked) else ()))]
    return None
