"""Many patients' answers to one endpoint: how many of each kind, and the share without the event, exactly.

The share is the product-limit estimate of Kaplan and Meier, in fractions. On a day on which one has the event and
another is censored, the event comes first, so that who is censored that day was still at risk.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

from attrs import frozen

from protocol_engine.model.outcomes import EndpointAnswer

PLACED = ("event", "censored")
NOT_BEGUN = "not_begun"
HALF = Fraction(1, 2)


@frozen
class Point:
    """A day, counted from the beginning, on which somebody has the event or is censored.

    ``at_risk`` is how many were without either until then, ``share`` how many of all are without the event after it.
    """

    day: int
    at_risk: int
    events: int
    censored: int
    share: Fraction

    def as_json(self) -> dict[str, Any]:
        """The point as JSON; the share as a fraction in lowest terms."""
        return {
            "day": self.day,
            "at_risk": self.at_risk,
            "events": self.events,
            "censored": self.censored,
            "share": str(self.share),
        }


@frozen
class Tally:
    """One endpoint over many patients: ``counts`` by state, and the points of the curve of a time to an event.

    ``curve`` is None of a rate, and where somebody who has begun is neither with the event nor censored: a curve
    without them would not be the patients' curve, and ``why_no_curve`` says how many they are.
    """

    name: str
    title: str | None
    kind: str
    patients: int
    counts: dict[str, int]
    curve: tuple[Point, ...] | None = None
    why_no_curve: str | None = None

    @property
    def median(self) -> int | None:
        """The first day after which at most half are without the event; None if it is not reached, or not known."""
        return next((point.day for point in self.curve or () if point.share <= HALF), None)

    def as_json(self) -> dict[str, Any]:
        """The tally as JSON."""
        return {
            "endpoint": self.name,
            "title": self.title,
            "kind": self.kind,
            "patients": self.patients,
            "counts": self.counts,
            "median_days": self.median,
            "curve": [point.as_json() for point in self.curve] if self.curve is not None else None,
            "why_no_curve": self.why_no_curve,
        }


def tally(answers: Sequence[EndpointAnswer]) -> Tally:
    """The answers of many patients to one endpoint."""
    first = answers[0]
    counts = Counter(answer.state for answer in answers)
    known = {str(state): counts[state] for state in sorted(counts)}
    found = Tally(first.name, first.title, first.kind, len(answers), known)
    if first.kind != "time":
        return found
    unplaced = {state: number for state, number in known.items() if state not in (*PLACED, NOT_BEGUN)}
    if unplaced:
        told = ", ".join(f"{number} {state.replace('_', ' ')}" for state, number in unplaced.items())
        why = f"no curve is drawn, since not everybody is with the event or censored: {told}"
        return Tally(first.name, first.title, first.kind, len(answers), known, None, why)
    times = [(answer.days, answer.state == "event") for answer in answers if answer.days is not None]
    return Tally(first.name, first.title, first.kind, len(answers), known, curve(times))


def curve(times: Iterable[tuple[int, bool]]) -> tuple[Point, ...]:
    """The points of the curve, from the days of each patient and whether they end with the event."""
    days = sorted(times)
    share, at_risk = Fraction(1), len(days)
    found = []
    for day in sorted({day for day, _ in days}):
        events = sum(1 for other, event in days if other == day and event)
        gone = sum(1 for other, _ in days if other == day)
        share *= Fraction(at_risk - events, at_risk)
        found.append(Point(day, at_risk, events, gone - events, share))
        at_risk -= gone
    return tuple(found)
