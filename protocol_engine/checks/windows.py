"""Do windows count from something that is done, in their own order, and apart from one another?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import islice, pairwise

from protocol_engine.checks.names import acts_of, elements_of
from protocol_engine.checks.outline import Outline, hint
from protocol_engine.checks.worked import MARKS
from protocol_engine.errors import Problem
from protocol_engine.model.facts import Calendar
from protocol_engine.model.protocol import Regimen, Window
from protocol_engine.model.units import DayPoints, Duration

SOME_DAYS = (date(2025, 1, 31), date(2025, 2, 28), date(2025, 8, 31))
"""Days from which two lengths of time are compared: months are of several lengths."""


def windows_count_from_something(outline: Outline) -> Iterator[Problem]:
    """A window names an act of the protocol, and says when."""
    marks = (*MARKS, *elements_of(outline), *acts_of(outline))
    for item, window in outline.of(Window):
        if window.from_ not in marks:
            message = f"{window.from_!r} is no act to count from; {hint(window.from_, marks)}"
            yield outline.problem("unknown-name", f"{item.path}.from", window.mark, message)
        given = [(key, length) for key, length in _lengths(window) if length is not None]
        if not given:
            message = "says no time; give one of earliest, due and latest"
            yield outline.problem("empty-window", item.path, window.mark, message)
        for (one, first), (other, second) in pairwise(given):
            if _is_longer(first, second):
                message = f"is over before it begins: {one} is {first} and {other} is {second}; correct one of them"
                yield outline.problem("windows-collide", f"{item.path}.{other}", window.mark, message)


def _is_longer(one: Duration, other: Duration) -> bool:
    """Whether a length of time is longer than another, whatever the day."""
    if one.unit == other.unit == "hours":
        return one.count > other.count
    return all(one.after(day) > other.after(day) for day in SOME_DAYS)


def calendars_can_be_kept(outline: Outline) -> Iterator[Problem]:
    """A calendar counts from an act, and a result belongs to one of its visits."""
    marks = (*MARKS, *elements_of(outline), *acts_of(outline))
    for item, calendar in outline.of(Calendar):
        if calendar.from_ not in marks:
            message = f"{calendar.from_!r} is no act to count from; {hint(calendar.from_, marks)}"
            yield outline.problem("unknown-name", f"{item.path}.from", calendar.mark, message)
        if calendar.then_every is not None and calendar.for_ is None:
            message = "never begins: say under `for` how long the first interval holds"
            yield outline.problem("empty-window", f"{item.path}.then_every", calendar.mark, message)
        if calendar.every.count == 0 or (calendar.then_every is not None and calendar.then_every.count == 0):
            message = "is a visit every day and none: give an interval of a day or more"
            yield outline.problem("empty-window", item.path, calendar.mark, message)
            continue
        for day in SOME_DAYS:
            visits = islice(calendar.visits(day), 40)
            if any(calendar.window(one)[1] >= calendar.window(other)[0] for one, other in pairwise(visits)):
                message = "the windows of two visits meet, so a result could belong to either; narrow them"
                yield outline.problem("windows-collide", item.path, calendar.mark, message)
                break


def _lengths(window: Window) -> tuple[tuple[str, Duration | None], ...]:
    return ("earliest", window.earliest), ("due", window.due), ("latest", window.latest)


def tolerances_are_apart(outline: Outline) -> Iterator[Problem]:
    """No day can be both late for one dose of a regimen and early for the next."""
    for name, regimen in outline.protocol.regimens.items():
        if regimen.tolerance is None:
            continue
        path, mark = f"regimens.{name}.tolerance", regimen.tolerance.mark
        lengths = [length for length in (regimen.tolerance.before, regimen.tolerance.after) if length is not None]
        gaps = list(_gaps(regimen))
        if not lengths:
            message = "says no time; give `before`, `after` or both"
            yield outline.problem("empty-window", path, mark, message)
        elif any(length.unit in ("months", "years") for length in lengths):
            yield outline.problem("length-in-months", path, mark, "is counted in days or weeks")
        elif not gaps:
            message = "no day of this regimen is due: give it a cycle or several days, or leave the tolerance out"
            yield outline.problem("empty-window", path, mark, message)
        elif sum(length.days for length in lengths) >= min(gaps):
            message = f"the windows of two doses {min(gaps)} days apart meet; narrow it"
            yield outline.problem("windows-collide", path, mark, message)


def _gaps(regimen: Regimen) -> Iterator[int]:
    """The days between two doses of the regimen."""
    days = sorted({1, *(day for line in regimen.gives if isinstance(line.days, DayPoints) for day in line.days.days)})
    yield from (later - earlier for earlier, later in pairwise(days))
    if regimen.cycle is not None and regimen.cycle.unit in ("days", "weeks"):
        yield regimen.cycle.days + 1 - days[-1]
