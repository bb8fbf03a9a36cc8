"""Doses that are more than a number: levels of a ladder, bands, loading doses and parts of the patient's own dose.

A ladder and the rules that move it belong to the patient, and not to a place of the course: they survive a change of
regimen, element or arm.
"""

from __future__ import annotations

from typing import Literal

from attrs import frozen

from protocol_engine.model.claims import Node
from protocol_engine.model.conditions import Condition
from protocol_engine.model.facts import NO_CITES, Cites, Names
from protocol_engine.model.units import Duration, NotStated, PlainDose, Quantity, Share, plain

Rung = Quantity | Share
"""A level of a ladder: a dose, or a part of the written dose."""


@frozen(kw_only=True)
class Ladder(Node):
    """The levels of the dose of a drug, from the first on, and which way they may be moved.

    ``of`` is the drug. ``starts`` is the level of the first dose, if not the first one written. ``past_last`` says what
    becomes of a dose that is to be lowered below the lowest level.
    """

    of: str
    levels: tuple[Rung, ...]
    moves: Literal["down", "up", "both"]
    starts: str | None = None
    past_last: Literal["discontinue", "stays"] | NotStated | None = None
    see: Cites = NO_CITES
    cite: Cites = NO_CITES

    @property
    def start(self) -> int:
        """The number of the level of the first dose, counted from 0."""
        words = [rung_words(rung) for rung in self.levels]
        return words.index(self.starts) if self.starts in words else 0

    def lower(self, number: int) -> int | None:
        """The next lower level; None below the lowest."""
        return self._next(number, -1)

    def higher(self, number: int) -> int | None:
        """The next higher level; None above the highest."""
        return self._next(number, 1)

    def _next(self, number: int, step: int) -> int | None:
        found = number + (step if self.levels[0].fraction < self.levels[-1].fraction else -step)
        return found if 0 <= found < len(self.levels) else None

    @property
    def ascending(self) -> tuple[str, ...]:
        """The levels in words, the lowest first."""
        return tuple(rung_words(rung) for rung in sorted(self.levels, key=lambda rung: rung.fraction))


def rung_words(rung: Rung) -> str:
    """A level as it is written and tested: ``100 mg``, or ``3/4``."""
    return rung.written if isinstance(rung, Share) else f"{plain(rung.value)} {rung.unit}"


@frozen(kw_only=True)
class Modification(Node):
    """A rule that holds a drug, moves its level, or stops it, as soon as ``when`` holds after its first dose.

    ``of`` is the drug, or several, each by itself. With ``until`` the drug is held from then on until that condition
    holds by what is reported later. ``do`` acts once, as the rule begins to hold.
    """

    of: Names
    when: Condition
    until: Condition | None = None
    do: Literal["lower", "raise", "discontinue"] | None = None
    label: str | None = None
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class LevelDose(Node):
    """A dose that is the level of a ladder; ``of`` is the dose that the levels are parts of, if they are."""

    level_of: str
    of: BaseDose | None = None


@frozen(kw_only=True)
class Loading(Node):
    """A ``loading`` dose first, and ``then`` another. ``reload_after`` so long without a dose it is loaded again."""

    loading: Quantity
    then: Quantity
    reload_after: Duration | None = None


@frozen(kw_only=True)
class Band(Node):
    """The ``dose`` for patients of whom the condition holds."""

    if_: Condition
    dose: PlainDose
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class Bands(Node):
    """A dose that depends on something: exactly one of the ``bands`` must hold for every patient."""

    bands: tuple[Band, ...]


@frozen(kw_only=True)
class PartOf(Node):
    """So many ``times`` the dose that a fact says, such as the patient's own standard dose. ``of`` is the fact."""

    times: Share
    of: str


BaseDose = Quantity | Loading | Bands | PartOf
"""What the parts of a ladder can be parts of."""
Dose = Quantity | Loading | Bands | PartOf | LevelDose | PlainDose


def inner_doses(dose: Dose | None) -> tuple[Quantity, ...]:
    """The doses that are written in a dose, of whatever form; those of levels stand in their ladder."""
    match dose:
        case Quantity():
            return (dose,)
        case Loading():
            return dose.loading, dose.then
        case Bands():
            return tuple(inner for band in dose.bands for inner in inner_doses(band.dose))
        case LevelDose():
            return inner_doses(dose.of)
        case PartOf() | None:
            return ()
        case _:
            return dose.from_, dose.to


def nodes_in(dose: Dose | None) -> tuple[Node, ...]:
    """The constructs that a dose is made of."""
    match dose:
        case LevelDose():
            return dose, *nodes_in(dose.of)
        case Bands():
            return dose, *dose.bands
        case Loading() | PartOf():
            return (dose,)
        case _:
            return ()


def is_plain(dose: Dose | None) -> bool:
    """Whether the dose is the same for everybody at any time: a number with its unit, or a range."""
    return not isinstance(dose, Node)
