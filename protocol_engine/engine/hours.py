"""Windows that count hours: from which instant to which an act may be done, and whether a time lies within.

Instants are compared where both times are known. Where one is only a day, the window is what is surely within it, and
whether a time lies before or behind it may be unknown: then the time must be given.
"""

from __future__ import annotations

from datetime import date, datetime

from attrs import frozen

from protocol_engine.model import instants
from protocol_engine.model.evaluation import Missing
from protocol_engine.model.events import EventTime
from protocol_engine.model.history import History
from protocol_engine.model.protocol import Window
from protocol_engine.model.state import Position
from protocol_engine.model.table import ELEMENT, Table
from protocol_engine.model.truth import FALSE, TRUE, UNKNOWN, Truth
from protocol_engine.model.units import NOT_STATED_WORD, Duration


@frozen
class Bound:
    """One end of a window: its day, and the instant where it is known; None is not stated."""

    day: date | None = None
    instant: datetime | None = None

    @property
    def text(self) -> str:
        """The instant, or else the day, as a decision says it."""
        if self.instant is not None:
            return self.instant.isoformat()
        return self.day.isoformat() if self.day is not None else NOT_STATED_WORD


NO_BOUND = Bound()


@frozen
class Hours:
    """A window that counts hours, and whether the time asked about lies before it (``early``) or behind it (``late``).

    ``missing`` is the time of the act that it counts from, where only its day is known.
    """

    earliest: Bound
    due: Bound
    latest: Bound
    early: Truth
    late: Truth
    missing: tuple[Missing, ...] = ()


def read(window: Window, since: EventTime, day: date | None, at: EventTime | None) -> Hours:
    """The window from an act on, for a time, or (``at`` is None) for a whole day on which nobody has asked yet."""
    opens = window.earliest if window.earliest is not None else window.due
    earliest, due, latest = _opening(opens, since), _opening(window.due, since), _closing(window.latest, since)
    missing = () if since.instant is not None else (Missing(window.from_, None, "time", "untimed"),)
    asked = at if at is not None else EventTime.of(day.isoformat()) if day is not None else None
    early = _before(opens, since, asked)
    late = _behind(window.latest, since, asked)
    if at is None:
        early = FALSE  # what opens on a later day, or later on this one, is offered from then on
        never = earliest.day is not None and latest.day is not None and earliest.day > latest.day
        if since.instant is not None and late is UNKNOWN:
            late = FALSE
        elif missing and never and late is FALSE:
            late = UNKNOWN
    return Hours(earliest, due, latest, early, late, missing)


def _opening(length: Duration | None, since: EventTime) -> Bound:
    if length is None:
        return NO_BOUND
    if length.unit != "hours":
        return Bound(length.after(since.day))
    instant = instants.instant_after(since, length)
    return Bound(instant.date() if instant else instants.first_whole_day(since.day, length), instant)


def _closing(length: Duration | None, since: EventTime) -> Bound:
    if length is None or length.unit != "hours":
        return _opening(length, since)
    instant = instants.instant_after(since, length)
    return Bound(instant.date() if instant else instants.last_whole_day(since.day, length), instant)


def _before(length: Duration | None, since: EventTime, at: EventTime | None) -> Truth:
    if length is None or at is None:
        return FALSE
    if length.unit == "hours":
        return instants.too_early(length, since, at)
    return TRUE if at.day < length.after(since.day) else FALSE


def _behind(length: Duration | None, since: EventTime, at: EventTime | None) -> Truth:
    if length is None or at is None:
        return FALSE
    if length.unit == "hours":
        return instants.too_late(length, since, at)
    return TRUE if at.day > length.after(since.day) else FALSE


# --- the times of acts -----------------------------------------------------------------------------------------------


def noted(
    table: Table, before: tuple[Position, History], after: tuple[Position, History], event_id: str, time: EventTime
) -> History:
    """The history with the time of an act, under each name from which some window counts hours."""
    new = (name for name in table.times_kept if _is_new(table, name, before, after, event_id))
    found = {name_in_track(name, after[0]): time for name in new}
    history = after[1]
    return history.with_times(found) if found else history


def name_in_track(name: str, position: Position) -> str:
    """Under which name the time of an act is kept: each track has an element of its own."""
    return f"{name} of {position.track}" if name == "element" and position.track is not None else name


def _is_new(
    table: Table, name: str, before: tuple[Position, History], after: tuple[Position, History], event_id: str
) -> bool:
    """Whether an act was the one that a name stands for from now on."""
    (was, known), (now, history) = before, after
    if name == "first_dose":
        return was.first_dose is None and now.first_dose is not None
    entered = len(now.elements) > len(was.elements)
    if name == "element":
        return entered or (now.place != was.place and now.day is None)
    if name.startswith(ELEMENT):
        return entered and table.places[now.elements[-1].place].element == name.removeprefix(ELEMENT)
    if name in ("consent", "eligibility", "allocation"):
        return was.marks.get(name) != now.marks.get(name)
    done = history.done.get(name)
    return done is not None and done is not known.done.get(name) and done.event_id == event_id
