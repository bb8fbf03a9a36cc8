"""An amendment as compiled: from which version it leads a course, when, and where each place of the old one goes on."""

from __future__ import annotations

from typing import Literal

from attrs import field, frozen

from protocol_engine.model.table import Guard, Table


@frozen
class Move:
    """A line of the map: the places of ``arm`` (None: every arm) that are called ``place`` (None: all of them).

    They go on at ``to`` of ``to_arm`` (None: under the name that they have), or, with ``stays``, not at all.
    """

    arm: str | None
    place: str | None
    to_arm: str | None
    to: str | None
    stays: bool
    cites: tuple[str, ...] = ()


@frozen
class Amendment:
    """What a version says of the one that it amends: its ``version``, when a course moves over, and the map."""

    version: str
    guard: Guard
    strength: Literal["required", "permitted"]
    moves: tuple[Move, ...]
    cites: tuple[str, ...] = ()
    rests: tuple[str, ...] = ()
    see: tuple[str, ...] = ()
    basis: tuple[str, ...] = field(init=False, eq=False, repr=False)
    """The claims that a move rests on."""

    @basis.default
    def _claims(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.cites, *self.guard.cites, *self.rests, *self.guard.rests)))


@frozen
class Crossing:
    """From one version to the next: by place the place where the course goes on, and by row the same row there.

    ``staying`` are the places from which nobody moves, each with the claims that say so; a place in neither has no
    counterpart, and the pair is not compiled. ``elements`` are the elements that have another name there.
    """

    places: dict[str, str]
    rows: dict[str, str]
    staying: dict[str, tuple[str, ...]]
    elements: dict[str, str]


@frozen
class Kin:
    """What a version has to know of the others that a course may be under.

    ``versions`` are all of them in order, ``counted`` the acts that any of them counts, ``criteria`` those of all.
    ``counted_by_day``, ``hourly``, ``doses_kept`` and ``graded`` are what any of them has to have kept from before the
    move: days of acts, times of acts, the doses of each drug, and adverse events that only a grade makes count.
    ``following`` is the version that amends this one, ``crossing`` the way there; ``announcing`` are the facts that
    only that one reads and that its amendment asks for: until one of them is reported, nothing is said of it.
    """

    versions: tuple[str, ...]
    counted: frozenset[str] = frozenset()
    criteria: frozenset[str] = frozenset()
    counted_by_day: frozenset[str] = frozenset()
    hourly: frozenset[str] = frozenset()
    doses_kept: bool = False
    graded: bool = False
    following: Table | None = None
    crossing: Crossing | None = None
    announcing: frozenset[str] = frozenset()


def qualified(claim: str, version: str) -> str:
    """A claim as another version of the protocol names it: ``R3@1``. A general rule is that of every version."""
    return claim if claim.startswith("G") or "@" in claim else f"{claim}@{version}"
