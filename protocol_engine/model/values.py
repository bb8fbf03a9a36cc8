"""Named values: what a protocol reads off the history of a patient.

``last`` is open-world (unknown until somebody reports); ``ever`` is closed-world (no until somebody reports);
``holds`` names a condition. There are no variables: nothing is remembered but events.
"""

from __future__ import annotations

from attrs import frozen

from protocol_engine.model.claims import Node
from protocol_engine.model.conditions import Condition
from protocol_engine.model.facts import NO_CITES, NO_NAMES, Cites, Names


@frozen(kw_only=True)
class Last(Node):
    """The newest result of ``fact``, ``fact.part`` or ``choice.name`` by the day it was taken.

    ``at`` narrows to a named timepoint.
    ``if_missing`` replaces an absent result (never two results that disagree) and must rest on an assumption.
    """

    last: str
    at: str | None = None
    if_missing: str | None = None
    label: str | None = None
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class Ever(Node):
    """Whether it was ever so.

    A fact at one of the levels in ``is``, an ``adverse_event`` or ``discontinuation`` that matches, or an act such as
    ``procedure.surgery`` or ``administration.gnrh``. ``at``/``not_at`` keep or drop results of those timepoints.
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
    since: Names = NO_NAMES
    before: str | None = None
    label: str | None = None
    cite: Cites = NO_CITES


@frozen(kw_only=True)
class Holds(Node):
    """A yes/no name for a condition."""

    holds: Condition
    label: str | None = None
    cite: Cites = NO_CITES


Value = Last | Ever | Holds
