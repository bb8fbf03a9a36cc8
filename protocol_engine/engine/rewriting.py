"""Corrections and retractions: what each event says, as rewritten by what was known on a day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from protocol_engine.engine.folding import FoldedEvent
from protocol_engine.errors import InputError
from protocol_engine.model.events import CorrectionEvent, PatientEvent, RetractionEvent, Rewrite, renamed


def named_by(rewrite: Rewrite) -> str:
    """The id of the event that a correction or retraction rewrites."""
    return rewrite.corrects if isinstance(rewrite, CorrectionEvent) else rewrite.retracts


def rewrites_in(events: Mapping[str, PatientEvent]) -> list[Rewrite]:
    """All corrections and retractions among the events, in the order in which they became known."""
    found = [event for event in events.values() if isinstance(event, CorrectionEvent | RetractionEvent)]
    return sorted(found, key=_known)


def _known(event: Rewrite) -> tuple[date, str, str]:
    return (
        event.issued.day,
        event.issued.instant.isoformat() if event.issued.instant is not None else "",
        event.id,
    )


def rewritten(events: Mapping[str, PatientEvent], known_by: date | None) -> dict[str, FoldedEvent]:
    """The events that stand, as rewritten by what had been issued by ``known_by`` (None: by everything known)."""
    rewrites = [r for r in rewrites_in(events) if known_by is None or r.issued.day <= known_by]
    if not rewrites:
        return {
            name: event for name, event in events.items() if not isinstance(event, CorrectionEvent | RetractionEvent)
        }
    naming: dict[str, list[str]] = {}
    for rewrite in rewrites:
        naming.setdefault(named_by(rewrite), []).append(rewrite.id)
    settled: dict[str, PatientEvent | None] = {}
    found: dict[str, FoldedEvent] = {}
    for name in events:
        event = _standing(name, events, naming, settled, ())
        if event is not None and not isinstance(event, CorrectionEvent | RetractionEvent):
            found[name] = event
    return found


def _standing(
    name: str,
    events: Mapping[str, PatientEvent],
    naming: Mapping[str, list[str]],
    settled: dict[str, PatientEvent | None],
    above: tuple[str, ...],
) -> PatientEvent | None:
    """What the event of that name says now; None if it was retracted."""
    if name in settled:
        return settled[name]
    if name in above:
        raise InputError(f"{', '.join(above)} correct or retract each other in a circle")
    event: PatientEvent | None = events[name]
    for rewriting in naming.get(name, ()):
        rewrite = _standing(rewriting, events, naming, settled, (*above, name))
        if isinstance(rewrite, CorrectionEvent) and rewrite.corrects == name:
            event = renamed(rewrite.event, name)
        elif isinstance(rewrite, RetractionEvent) and rewrite.retracts == name:
            event = None
    settled[name] = event
    return event
