"""A patient's place in the table, with the marks that rows read. All of it is derived from the events."""

from __future__ import annotations

from datetime import date
from typing import Any

from attrs import field, frozen

from protocol_engine.model.altering import altered
from protocol_engine.model.dosage import NOTHING_GIVEN, Dosage
from protocol_engine.model.events import ActEvent
from protocol_engine.model.values import MAIN


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


Reason = tuple[str, int, int]
"""A reason for which a dose is delayed: its regimen, the day of the cycle, and which of the regimen's delays it is."""


@frozen(slots=False)
class Position:
    """Where the patient is: a ``place`` of the table; ``cycle``, ``day`` and ``element`` are those of the last act.

    ``entered`` is the day of the first act of the element, ``given`` the cycles given in it, ``cycle_start`` day 1 of
    the running cycle, ``cycle_days`` the day-1 dates of all cycles of the arm in order, ``marks`` the days of consent,
    eligibility and allocation. ``elements`` are those that doses were given in, or none was, in order. ``paused`` says
    that a stretch without treatment lies between the last dose and now. ``answered`` are
    discontinuations of what was given in an element that says itself what follows: they end nothing else. ``grounds``
    are those of the end or stop that came last, ``over_since`` is the earliest day on which something ended the course,
    ``over_known`` the day on which that was first known. ``first_end`` is the end that came first: a later one, such
    as death, takes the place of ``ended`` and leaves it. ``planned`` is the planned day 1 of the running cycle, where
    cycles keep to their plan; ``delayed`` are the reasons that held since a dose was due; ``left_out`` is how many
    cycles of the element began without their day 1 and are not among those given, and ``before_omission`` where the
    patient was before the last of them, in case it was given after all. ``version`` counts the amendments that the
    course moved over to, so that it says which version of the protocol the place belongs to. ``dosage`` is kept where
    doses move.

    In an arm with tracks ``track`` is the one from which the patient is seen (None: the course of the arm), ``tracks``
    the positions in the others by name, ``cut_off`` says that the course was left for steps that take its place, so
    that nothing goes on beside it any more, and everything but arm, marks, eligibility, parts, doses, what is parked
    and what is answered is that of the track.
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
    paused: bool = False
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
    first_end: Ended | None = None
    end_cites: tuple[str, ...] = ()
    planned: date | None = None
    delayed: tuple[Reason, ...] = ()
    left_out: int = 0
    before_omission: Position | None = None
    version: int = 0
    dosage: Dosage = NOTHING_GIVEN
    track: str | None = None
    tracks: dict[str, Position] = field(factory=dict)
    cut_off: bool = False

    def of_track(self, track: str | None) -> Position:
        """The same patient, seen from a track, or from the course of the arm (None)."""
        if track == self.track:
            return self
        others = {**self.tracks, self.track or MAIN: altered(self, tracks={}, **_ALONE)}
        found = others.pop(track or MAIN)
        return altered(found, tracks=others, **{name: getattr(self, name) for name in _ALONE})

    def brought_up_to_now(self, before: Position) -> Position:
        """A place of the same track that was left, with what is of the patient and of the other tracks as it is now."""
        here = altered(before, track=self.track, tracks=self.tracks, cut_off=self.cut_off)
        return altered(here, **{name: getattr(self, name) for name in _ALONE})

    @property
    def everywhere(self) -> tuple[Position, ...]:
        """The position, and those in the other tracks."""
        return (self, *self.tracks.values())

    @property
    def main(self) -> Position:
        """Where the patient is in the course of the arm."""
        return self if self.track is None else self.tracks[MAIN]

    @property
    def first_dose(self) -> date | None:
        """The day of the first dose of all, in whatever track it was given."""
        days = (position.cycle_days[0] for position in self.everywhere if position.cycle_days)
        return min(days, default=None)

    @property
    def all_places(self) -> str:
        """The place, and behind it that of each track."""
        if not self.tracks:
            return self.place
        return "; ".join([self.place, *(f"{name}: {other.place}" for name, other in sorted(self.tracks.items()))])

    @property
    def is_left_out(self) -> bool:
        """Whether the last day that is known of the running cycle is its day 1, and that was left out."""
        return self.day == 1 and not self.day_1_given

    @property
    def day_1_given(self) -> bool:
        """Whether the running cycle began with its dose."""
        return all(closed.given for closed in self.closed_days if closed.day == 1)


_ALONE: dict[str, Any] = {
    "arm": None,
    "marks": {},
    "eligible": None,
    "parked": (),
    "answered": (),
    "parts": {},
    "version": 0,
    "dosage": NOTHING_GIVEN,
}
"""What is of the patient and not of a track: it is kept once, in the track from which the patient is seen."""
