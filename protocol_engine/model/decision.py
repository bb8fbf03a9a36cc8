"""What the engine answers: a value that a clinician, a program and an auditor can all read.

Names of fields are the names of the JSON form. Dates are ISO 8601 days or ``not_stated``; doses are decimal text.
"""

from __future__ import annotations

from typing import Any, Literal

from attrs import field, frozen

ActionKind = Literal[
    "obtain_consent",
    "confirm_eligibility",
    "allocate",
    "administer",
    "assess",
    "attest",
    "choose",
    "perform",
    "amend",
    "end_treatment",
    "follow_up",
]
VerdictKind = Literal["allowed", "order", "condition", "unknown", "early", "late", "content", "duplicate"]
"""``allowed``, or why not: no such act in this place; its condition is false, or unknown; before its day, or after
the last day for it; other drugs or doses than the protocol's; reported already."""


@frozen
class Action:
    """One act that may be done: when, how binding, on which claims, and its ``content`` (keys by kind)."""

    kind: ActionKind
    earliest: str
    due: str
    latest: str
    strength: Literal["required", "option", "permitted"]
    basis: tuple[str, ...]
    content: dict[str, Any] = field(factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The action with its content beside the common keys."""
        return {
            "kind": self.kind,
            "earliest": self.earliest,
            "due": self.due,
            "latest": self.latest,
            "strength": self.strength,
            "basis": list(self.basis),
            **self.content,
        }


@frozen
class Awaiting:
    """A fact that some rule waits for. ``dead``: it can no longer be obtained as the protocol asks for it."""

    fact: str
    timepoint: str | None
    component: str | None
    needed_by: tuple[str, ...]
    dead: bool
    why: str

    def as_json(self) -> dict[str, Any]:
        """The wait; ``component`` only where a part of the fact is missing."""
        found: dict[str, Any] = {
            "fact": self.fact,
            "timepoint": self.timepoint,
            "needed_by": list(self.needed_by),
            "dead": self.dead,
            "why": self.why,
        }
        return found if self.component is None else {**found, "component": self.component}


@frozen
class Refusal:
    """An act that is not allowed, and why, in sentences; ``cites`` are the claims behind them."""

    action: dict[str, Any]
    because: tuple[str, ...]
    cites: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The refusal as JSON."""
        return {"action": self.action, "because": list(self.because), "cites": list(self.cites)}


@frozen
class TriedRow:
    """A row that was tried for an event or for a decision: its truth, and the events that decided it."""

    row: str
    truth: str
    facts: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The row as JSON."""
        return {"row": self.row, "outcome": self.truth, "facts": list(self.facts)}


def each_once(first: tuple[TriedRow, ...], then: tuple[TriedRow, ...]) -> tuple[TriedRow, ...]:
    """Rows tried first, and then: one that was tried both times stands again only if its worth was another."""
    return tuple(dict.fromkeys((*first, *then))) if first else then


@frozen
class Verdict:
    """How an act was judged, as known on its day: allowed, or a deviation with its reasons and claims.

    ``version`` is that of the protocol it was judged by, where a course has been under more than one.
    """

    event: str
    verdict: VerdictKind
    because: tuple[str, ...] = ()
    cites: tuple[str, ...] = ()
    version: str | None = None

    @property
    def allowed(self) -> bool:
        """Whether the protocol allowed it."""
        return self.verdict == "allowed"

    def as_json(self) -> dict[str, Any]:
        """The verdict as JSON."""
        found: dict[str, Any] = {
            "event": self.event,
            "verdict": self.verdict,
            "because": list(self.because),
            "cites": list(self.cites),
        }
        return found if self.version is None else {**found, "version": self.version}


@frozen
class Decision:
    """Where the patient is, what may be done next, what is awaited, what is not allowed and why, as of a day.

    ``tried`` are the rows that it rests on. They are no part of its JSON form; an audit record tells them. ``view``
    says as whom it is seen, and whether names stand in it for what is hidden, where it was asked for in a role.
    """

    protocol: dict[str, str]
    engine_version: str
    as_of: str | None
    place: dict[str, Any]
    ended: dict[str, str] | None
    actions: tuple[Action, ...]
    awaiting: tuple[Awaiting, ...]
    not_allowed: tuple[Refusal, ...]
    assumptions: tuple[str, ...]
    readings: dict[str, str]
    not_stated: tuple[str, ...]
    deviations: tuple[Verdict, ...]
    notices: tuple[str, ...]
    tried: tuple[TriedRow, ...] = ()
    view: dict[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """The decision as plain JSON; ``view`` only where it was asked for in a role."""
        view = {} if self.view is None else {"view": self.view}
        return view | {
            "protocol": self.protocol,
            "engine_version": self.engine_version,
            "as_of": self.as_of,
            "place": self.place,
            "ended": self.ended,
            "actions": [action.as_json() for action in self.actions],
            "awaiting": [wait.as_json() for wait in self.awaiting],
            "not_allowed": [refusal.as_json() for refusal in self.not_allowed],
            "assumptions": list(self.assumptions),
            "readings": self.readings,
            "not_stated": list(self.not_stated),
            "deviations": [verdict.as_json() for verdict in self.deviations],
            "notices": list(self.notices),
        }


@frozen
class Answer:
    """The answer to "may this be done now?". ``tried`` are the rows tried for the act, then those that lead on."""

    allowed: bool
    verdict: VerdictKind
    because: tuple[str, ...]
    cites: tuple[str, ...]
    tried: tuple[TriedRow, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The answer as plain JSON."""
        return {
            "allowed": self.allowed,
            "verdict": self.verdict,
            "because": list(self.because),
            "cites": list(self.cites),
        }
