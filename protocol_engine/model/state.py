"""A patient's place in the table, with the marks that rows read. All of it is derived from the events."""

from __future__ import annotations

from datetime import date

from attrs import field, frozen

from protocol_engine.model.dosage import NOTHING_GIVEN, Dosage
from protocol_engine.model.events import ActEvent


@frozen
class ClosedDay:
    """A day of the running cycle that is settled: given (with its date) or omitted."""

    day: int
    on: date
    given: bool = True


@frozen
class Ended:
    """Why and when the course ended: the date is that of the event which ended it."""

    reason: str
    on: date


@frozen
class Entered:
    """An element of which a cycle was given: its place, and the day of its first dose."""

    place: str
    on: date


@frozen
class Grounds:
    """On what treatment, or the course, ended: the row that was taken, and the events that decided it."""

    row: str
    events: tuple[str, ...]


@frozen
class Against:
    """A branch that was entered although its row did not hold: the row, where it was taken, and the act.

    ``entered`` is the day of the first act of the element that was left: what its rows count since then, they go on
    counting from that day.
    """

    row: str
    source: str
    event_id: str
    entered: date | None = None


@frozen
class ChosenPart:
    """The option taken last in a choice that fills a part of a regimen.

    ``cycles`` counts the cycles begun with each option, however often the choice was made between; ``running`` is the
    option with which the running cycle began.
    """

    option: str
    cycles: dict[str, int] = field(factory=dict)
    running: str | None = None


@frozen(slots=False)
class Position:
    """Where the patient is: a ``place`` of the table; ``cycle``, ``day`` and ``element`` are those of the last act.

    ``entered`` is the day of the first act of the element, ``given`` the cycles given in it, ``cycle_start`` day 1 of
    the running cycle, ``cycle_days`` the day-1 dates of all cycles of the arm in order, ``marks`` the days of consent,
    eligibility and allocation. ``elements`` are those that doses were given in, in order. ``answered`` are
    discontinuations of what was given in an element that says itself what follows: they end nothing else. ``grounds``
    are those of the end or stop that came last, ``over_since`` is the earliest day on which something ended the course,
    ``over_known`` the day on which that was first known. ``dosage`` is kept where doses move.
    """

    place: str
    arm: str | None = None
    element: str | None = None
    entered: date | None = None
    given: int = 0
    elements: tuple[Entered, ...] = ()
    regimen: str | None = None
    cycle: int | None = None
    day: int | None = None
    cycle_start: date | None = None
    closed_days: tuple[ClosedDay, ...] = ()
    cycle_days: tuple[date, ...] = ()
    parts: dict[str, ChosenPart] = field(factory=dict)
    marks: dict[str, date] = field(factory=dict)
    eligible: bool | None = None
    against: tuple[Against, ...] = ()
    parked: tuple[ActEvent, ...] = ()
    answered: tuple[str, ...] = ()
    stopped: tuple[str, date] | None = None
    ended: Ended | None = None
    grounds: Grounds | None = None
    over_since: date | None = None
    over_known: date | None = None
    end_cites: tuple[str, ...] = ()
    dosage: Dosage = NOTHING_GIVEN
