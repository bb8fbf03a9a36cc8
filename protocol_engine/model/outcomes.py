"""What is answered of the ends and the endpoints of a course, as of a day. Fields are named as in the JSON form."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal

from attrs import frozen

EndpointState = Literal[
    "event",
    "censored",
    "open",
    "censoring_not_stated",
    "not_begun",
    "yes",
    "no",
    "not_yet",
    "not_evaluable",
    "unknown",
    "in_words",
]
"""Of a time to event: it came; the patient is censored; neither, and none of the days of censoring has come; neither,
and the file states no censoring; its beginning has not come. Of a rate: it counts; it does not, and nothing can change
that; it may still; nothing was found until it was closed. ``unknown`` is what turns on something in doubt."""


@frozen
class EndpointAnswer:
    """One endpoint of one patient as of a day.

    ``begin`` is the day from which time is counted; ``on`` that of the event, of censoring, or of the first result that
    counts; ``until`` the last day that was looked at. ``because`` says it in sentences, ``events`` are those used, and
    ``missing`` is what must be known, completed or corrected where the answer is unknown.
    """

    name: str
    title: str | None
    kind: Literal["time", "rate", "words"]
    state: EndpointState
    begin: date | None = None
    on: date | None = None
    until: date | None = None
    months: int | None = None
    confirmation: str | None = None
    because: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    basis: tuple[str, ...] = ()
    not_stated: tuple[str, ...] = ()

    @property
    def days(self) -> int | None:
        """The days from the beginning to the event or to censoring, exactly; None where there is neither."""
        return (self.on - self.begin).days if self.begin is not None and self.on is not None else None

    def as_json(self) -> dict[str, Any]:
        """The answer as JSON; every key is always there."""
        return {
            "endpoint": self.name,
            "title": self.title,
            "kind": self.kind,
            "state": self.state,
            "from": day_text(self.begin),
            "on": day_text(self.on),
            "until": day_text(self.until),
            "days": self.days,
            "months": self.months,
            "confirmation": self.confirmation,
            "because": list(self.because),
            "events": list(self.events),
            "missing": list(self.missing),
            "basis": list(self.basis),
            "not_stated": list(self.not_stated),
        }


@frozen
class EndState:
    """One of the ends of a course: how it stands, and why and since when if it is over."""

    state: Literal["not_begun", "ongoing", "ended", "open", "closed", "lost", "not_stated"]
    reason: str | None = None
    on: date | None = None

    def as_json(self) -> dict[str, str | None]:
        """The state as JSON."""
        return {"state": self.state, "reason": self.reason, "date": day_text(self.on)}


@frozen
class Ends:
    """The ends of a course, each by itself: of protocol treatment, of the study, of survival follow-up.

    ``new_therapy`` is the first therapy that is no part of the protocol: its day, and which it is.
    ``last_contact`` is the last day on which the patient is known to have been alive. ``doubts`` are sentences about
    reports that cannot all be right; what they bear on is told as they have it first.
    """

    treatment: EndState
    study: EndState
    survival_follow_up: EndState
    new_therapy: tuple[date, str] | None = None
    last_contact: date | None = None
    death: date | None = None
    doubts: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The ends as JSON."""
        new = self.new_therapy
        return {
            "treatment": self.treatment.as_json(),
            "study": self.study.as_json(),
            "survival_follow_up": self.survival_follow_up.as_json(),
            "new_therapy": {"date": day_text(new[0]), "therapy": new[1]} if new is not None else None,
            "last_contact": day_text(self.last_contact),
            "death": day_text(self.death),
            "doubts": list(self.doubts),
        }


@frozen
class Outcomes:
    """The ends and the endpoints of one patient, as of a day, under one protocol."""

    protocol: Mapping[str, str]
    as_of: date | None
    ends: Ends
    endpoints: tuple[EndpointAnswer, ...]
    not_stated: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The whole answer as JSON."""
        return {
            "protocol": dict(self.protocol),
            "as_of": day_text(self.as_of),
            "ends": self.ends.as_json(),
            "endpoints": [answer.as_json() for answer in self.endpoints],
            "not_stated": list(self.not_stated),
        }


def day_text(day: date | None) -> str | None:
    """A day as it is written; None stays None."""
    return day.isoformat() if day is not None else None
