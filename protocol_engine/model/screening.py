"""Screening as it is written: the criteria of a record, and the numbers and names that they are decided by.

A criterion is met, not met, or not yet known; what only a person can say is asked. Inclusion criteria (``I``) and the
limits of the record's header (``H``) must be met, exclusion criteria (``E``) must not be.
"""

from __future__ import annotations

from typing import Literal

from attrs import frozen

from protocol_engine.model.claims import Node
from protocol_engine.model.conditions import Condition
from protocol_engine.model.facts import NO_CITES, Cites, Names
from protocol_engine.model.units import Duration
from protocol_engine.model.values import Holds


@frozen(kw_only=True)
class Ratio(Node):
    """How many times a fact, or a part of it, is another, such as the multiple of an upper limit of normal."""

    ratio: str
    to: str
    label: str | None = None
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class Formula(Node):
    """A number that a formula gives from facts of fixed names: see :mod:`protocol_engine.model.formulas`.

    ``results`` says which result of the window is put in: the ``newest``, the ``first``, or the one with the
    ``highest`` number. ``mean_of: n`` is the mean over the newest n results; with ``after_first: yes`` the first in the
    window is left aside, with ``after_above`` all up to the first that gave more than that.
    """

    formula: Literal["age_in_years", "cockcroft_gault", "fridericia"]
    results: Literal["newest", "first", "highest"] = "newest"
    mean_of: int | None = None
    after_first: bool = False
    after_above: int | None = None
    label: str | None = None
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class HalfLives(Node):
    """How many half-lives of a drug have gone by ``since`` the date that a fact holds."""

    half_lives: str
    since: str
    label: str | None = None
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class Newest(Node):
    """The newest result of a fact that is one of some levels; unknown where only others were reported."""

    newest: str
    among: Names
    label: str | None = None
    cite: Cites = NO_CITES


Derived = Ratio | Formula | HalfLives | Newest | Holds
"""What a criterion may read beside facts."""


@frozen(kw_only=True)
class Criterion(Node):
    """One criterion in words, and what decides it.

    A condition over facts (``if``), a question to a person (``ask``), its sub-items, or several of these. ``if`` says
    when the criterion is met, and yes to ``ask`` means that it is. Of several all must hold where the criterion must be
    met, and one is enough where it must not be; ``joins`` says otherwise. ``window`` is how old a result may be on the
    day asked about. With ``retests: n`` a failed result may be repeated n times. Sub-items have both from the criterion
    they belong to.
    """

    text: str
    if_: Condition | None = None
    ask: str | None = None
    joins: Literal["all", "any"] | None = None
    window: Duration | None = None
    retests: int | None = None
    see: Cites = NO_CITES
    cite: Cites = NO_CITES


@frozen
class CriterionContent:
    """A criterion as compiled. ``must_hold`` is its polarity, ``parts`` the ids of its sub-items.

    ``join_all`` says that all that decides it must hold for it to be met, else one is enough. ``window`` and
    ``retests`` are its own or those of the criterion it belongs to; ``rests`` the assumptions in it.
    """

    id: str
    text: str
    must_hold: bool
    join_all: bool
    condition: Condition | None
    ask: str | None
    parts: tuple[str, ...]
    window: Duration | None
    retests: int | None
    rests: tuple[str, ...]
    cites: tuple[str, ...]


def above(criterion: str) -> str | None:
    """The criterion that a sub-item belongs to: ``I10`` for ``I10.4``."""
    head, dot, _ = criterion.rpartition(".")
    return head if dot else None


def must_hold(criterion: str) -> bool:
    """Whether a criterion must be met, by its letter; an exclusion must not."""
    return not criterion.startswith("E")
