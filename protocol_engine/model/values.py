"""Named values: what a protocol reads off the history of a patient.

``last`` is open-world (unknown until somebody reports); ``ever`` is closed-world (no until somebody reports);
``holds`` names a condition, and ``prefer`` takes the best of several sources. Over several results go ``take`` (the
first, the highest, how many, how many in a row),
``confirmation`` (was it seen again?), ``change`` (against another value) and ``members`` (over a set, such as lesions).
There are no variables: nothing is remembered but events.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Literal

from attrs import field, frozen

from protocol_engine.model.claims import Node
from protocol_engine.model.conditions import Condition, Presence, Test
from protocol_engine.model.facts import DAY_PATTERN, NO_CITES, NO_NAMES, Cites, Names
from protocol_engine.model.units import Duration, Length


class NamedValue:
    """Anything that stands under ``values``. A class without keys, so that no file can write it."""

    __slots__ = ()

    @property
    def is_yes_no(self) -> bool:
        """Whether it is yes or no whatever it reads."""
        return False


class WorkedOut(NamedValue):
    """A value that is worked out: from several results, from other values, from doses, or from where a track stands."""

    __slots__ = ()


@frozen(kw_only=True)
class Last(NamedValue, Node):
    """The newest result of ``fact``, ``fact.part`` or ``choice.name`` by the day it was taken.

    ``at`` narrows to a named timepoint, ``where`` to reports with these details, such as those of one assessor.
    ``within`` asks for a result no older than that when it is used: an older one is unknown, and stale.
    ``if_missing`` replaces an absent result (never two results that disagree) and must rest on an assumption.
    """

    last: str
    at: str | None = None
    where: dict[str, Names] = field(factory=dict)
    within: Length | None = None
    if_missing: str | None = None
    label: str | None = None
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class Ever(NamedValue, Node):
    """Whether it was ever so.

    A fact at one of the levels in ``is``, an ``adverse_event`` or ``discontinuation`` that matches, or an act such as
    ``procedure.surgery`` or ``administration.gnrh``. Of an adverse event ``is`` names the ``term``, the ``grade``, the
    ``drug``, or that it is ``unacceptable``; one that was judged acceptable counts where its grade or term is asked.
    ``at``/``not_at`` keep or drop results of those timepoints, and ``where`` keeps the reports with these details.
    ``since`` counts only what comes after the latest of the named acts (``allocation``, ``first_dose`` of the course,
    ``element`` for the first act of the element): results dated on a later day, and adverse events and discontinuations
    from the day of the act on, since within a day they come after it. After ``choice.x.y`` counts what was not known
    when that choice was made, whenever it happened. A ``discontinuation`` without ``is`` is one of treatment, or of a
    drug of the regimen that is being given. ``before`` names another value of this kind, which reads results: only
    adverse events and discontinuations of a day before the first result that makes it so count; all while none does.
    """

    ever: Names
    is_: dict[str, tuple[str, ...]] | None = None
    at: Names = NO_NAMES
    not_at: Names = NO_NAMES
    where: dict[str, Names] = field(factory=dict)
    since: Names = NO_NAMES
    before: str | None = None
    label: str | None = None
    cite: Cites = NO_CITES

    @property
    def is_yes_no(self) -> bool:
        """Yes or no: no until somebody reports."""
        return True


@frozen(kw_only=True)
class Holds(NamedValue, Node):
    """A yes/no name for a condition."""

    holds: Condition
    label: str | None = None
    cite: Cites = NO_CITES

    @property
    def is_yes_no(self) -> bool:
        """Yes or no, as the condition holds or not."""
        return True


ANY_RESULT = Presence("any_result")
Head = Literal["first", "previous", "highest", "lowest", "mean", "sum", "count", "run"]


@frozen(kw_only=True)
class Take(WorkedOut, Node):
    """One value out of several results of a fact, each moment once, in the order in which they were taken.

    ``first``, ``previous`` (the one before the newest), ``highest`` and ``lowest`` are results; ``mean`` and ``sum``
    are numbers; all of these are unknown until there is one. ``count`` is how many meet ``is``, and ``run`` how many of
    the newest meet it in an unbroken row; both are 0 until somebody reports. In a run a result is counted only if it is
    ``apart`` from the one counted before it; one that comes sooner neither counts nor breaks the row.
    A count may also be ``of`` acts: ``dose.x`` and ``cycle.x`` of a regimen, or ``drug.x``; several are added up.
    ``since`` an act, ``where`` and ``within`` narrow what is looked at, as they do for other values; acts are counted
    from the day of that act on.
    """

    take: Head
    of: Names
    is_: Test = ANY_RESULT
    since: str | None = None
    where: dict[str, Names] = field(factory=dict)
    within: Duration | None = None
    apart: Duration | None = None
    label: str | None = None
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class Confirmation(WorkedOut, Node):
    """Whether a result that meets ``is`` was seen again: ``none``, ``unconfirmed`` or ``confirmed``.

    It is confirmed by another such result ``after`` that time, and no later than ``within`` if that is given, without
    one in between that does not meet it: that one leads back to ``none``. Once confirmed it stays so.
    """

    confirmation: str
    is_: Test
    after: Duration
    within: Duration | None = None
    since: str | None = None
    where: dict[str, Names] = field(factory=dict)
    label: str | None = None
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class Change(WorkedOut, Node):
    """How far a number is ``from`` another, both of them values or facts.

    ``difference`` is in their own unit, ``ratio`` a number, ``percent`` a hundredth of the other; lower is negative.
    A ratio or a percentage from 0 is unknown.
    """

    change: Literal["difference", "ratio", "percent"]
    of: str
    from_: str
    label: str | None = None
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class Members(WorkedOut, Node):
    """Whether ``every`` or ``some`` member of a set has a value that meets ``is``, or the ``number`` of those that do.

    ``over`` is a fact that is reported for each member; the set is of those reported at the timepoint ``at``, or else
    in the first report of all; with ``at: ever`` it grows with each member that is reported. A member that was not
    reported since is unknown, never left out: the number then lies between those that surely meet it and those that
    may.
    """

    members: Literal["every", "some", "number"]
    of: str
    over: str
    at: str | None = None
    is_: Test
    label: str | None = None
    cite: Cites = NO_CITES

    @property
    def is_yes_no(self) -> bool:
        """Yes or no unless it is a number of members."""
        return self.members != "number"


@frozen(kw_only=True)
class Span(Node):
    """A length of time that is ``times`` as long as that from one day to another; part of a day counts as a day."""

    times: str
    from_: str
    to: str


@frozen(kw_only=True)
class Date(WorkedOut, Node):
    """A day worked out from other days: of acts, of facts that are dates, of values, and of the calendar.

    ``due`` is the day on which the next dose of the course is due, and ``last_day`` the last day for it; both move with
    what is given. ``element.x`` is the day of the first dose of an element.
    Of a value that asks what ever was so it is the first day on which it was, of a confirmation the day of the first of
    the two results. Of several days it is the ``earliest`` that is known, or the ``latest``, for which all must be.
    ``plus`` and ``as_long_as`` are added to it; then it is no earlier than ``not_before``, and no later than
    ``not_after``. Until all of these are known it is unknown.
    """

    date: Names
    of_several: Literal["earliest", "latest"] = "earliest"
    plus: Duration | None = None
    as_long_as: Span | None = None
    not_before: str | None = None
    not_after: str | None = None
    label: str | None = None
    cite: Cites = NO_CITES


MAIN, WAITING, STOPPED = "main", "waiting", "stopped"
"""The name of the course of an arm among its tracks; how a track stands before anything of it was done, and behind a
stop of its own that leaves steps."""


@frozen(kw_only=True)
class TrackState(WorkedOut, Node):
    """Where a ``track`` stands, ``main`` being the course of the arm: the act that was done last, by its name.

    That is the element, the procedure or the choice; ``waiting`` before any, and the reason once the track has ended.
    """

    track: str
    label: str | None = None
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class Level(WorkedOut, Node):
    """The level at which a ladder stands; before the first dose the one that it starts at."""

    level_of: str
    label: str | None = None
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class Prefer(WorkedOut, Node):
    """The first of several values or facts that is known, such as a central result before a local one.

    What stands first counts as soon as it is there; until then the answer is provisional. One that is in doubt is not
    passed over: the whole is in doubt.
    """

    prefer: Names
    label: str | None = None
    cite: Cites = NO_CITES


@cache
def calendar_day(name: str) -> date | None:
    """The day of the calendar that a name is, such as ``2026-05-01``; None for any other name."""
    if not DAY_PATTERN.fullmatch(name):
        return None
    try:
        return date.fromisoformat(name)
    except ValueError:
        return None


Worked = Take | Confirmation | Change | Members | Date | Level | TrackState
"""What is worked out otherwise than by taking the first source that is known, for matches that must name every kind."""
Value = Last | Ever | Holds | Worked | Prefer
ONE_RESULT = ("first", "previous", "highest", "lowest")
"""What takes one of the results as it is."""
CONFIRMED = ("none", "unconfirmed", "confirmed")
ACTS = ("dose", "cycle", "drug")
"""What a count may be of, beside results."""
AHEAD = ("due", "last_day")
"""What a date may count from that lies ahead: the day on which the next dose is due, and the last day for it."""
EVER_REPORTED = "ever"
"""Under ``at``, the members of a set that were ever reported: it grows."""


def is_narrowed(value: Last) -> bool:
    """Whether it reads only some reports, or only new ones, so that it may differ from the last result of all."""
    return bool(value.where) or value.within is not None


def facts_of(value: Worked | Prefer) -> tuple[str, ...]:
    """The facts, with a part after a dot, that a value worked out reads itself; acts are left out."""
    match value:
        case Take():
            return tuple(name for name in value.of if name.partition(".")[0] not in ACTS)
        case Confirmation():
            return (value.confirmation,)
        case Members():
            return (value.over,)
        case Change() | Date() | Level() | TrackState() | Prefer():
            return ()


def names_of(value: Worked | Prefer) -> tuple[str, ...]:
    """The values, facts or acts that a value worked out reads by name."""
    match value:
        case Prefer():
            return value.prefer
        case Change():
            return value.of, value.from_
        case Members():
            return (value.of,)
        case Date():
            span = (value.as_long_as.from_, value.as_long_as.to) if value.as_long_as is not None else ()
            ends = (name for name in (value.not_before, value.not_after) if name is not None)
            return (*value.date, *span, *ends)
        case _:
            return ()
