"""Corrections and retractions: what each event says, as rewritten by what was known on a day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date

from protocol_engine.engine.day_order import FoldedEvent
from protocol_engine.errors import InputError, cut
from protocol_engine.model.events import (
    CorrectionEvent,
    PatientEvent,
    RetractionEvent,
    Rewrite,
    renamed,
    rewrites_told,
)


def named_in(rewrites: Iterable[Rewrite]) -> frozenset[str]:
    """The ids that corrections and retractions name, or would name if they were themselves corrected."""
    return frozenset(told.named for rewrite in rewrites for told in rewrites_told(rewrite))


def known_too_early(
    event: PatientEvent, events: Mapping[str, PatientEvent], rewrites: Iterable[Rewrite]
) -> Iterator[str]:
    """Why an event cannot stand beside the others: one rewrites the other before that was issued.

    Such a rewrite would let a day know what became known later. ``rewrites`` are those that may name the event.
    """
    for told in rewrites_told(event):
        if told.named in events:
            yield from too_early(event, told, events[told.named])
    for rewrite in rewrites:
        for told in rewrites_told(rewrite):
            if told.named == event.id:
                yield from too_early(rewrite, told, event)


def too_early(rewrite: PatientEvent, told: Rewrite, named: PatientEvent) -> Iterator[str]:
    """Why a rewrite, told by ``rewrite``, cannot stand: it was issued before the event that it names."""
    if told.issued.day < named.issued.day:
        what = cut(told.id) if told is rewrite else f"the {told.kind} inside {cut(rewrite.id)}"
        yield (
            f"{what} was issued on {told.issued.day}, and {cut(named.id)}, which it names, only on {named.issued.day}; "
            f"give as `issued` the day on which the {told.kind} became known"
        )


def rewrites_in(events: Mapping[str, PatientEvent]) -> list[Rewrite]:
    """All corrections and retractions among the events, in the order in which they became known."""
    found = [event for event in events.values() if isinstance(event, Rewrite)]
    return sorted(found, key=_known)


def _known(event: PatientEvent) -> tuple[date, str, str]:
    instant = event.issued.instant
    return event.issued.day, instant.astimezone(UTC).isoformat() if instant is not None else "", event.id


def rewritten(events: Mapping[str, PatientEvent], known_by: date | None) -> dict[str, FoldedEvent]:
    """The events that stand, as rewritten by what had been issued by ``known_by`` (None: by everything known).

    Of several rewrites of one event the last that became known stands. :class:`InputError` if they go in a circle.
    """
    naming: dict[str, dict[str, None]] = {}
    for rewrite in rewrites_in(events):
        if known_by is None or rewrite.issued.day <= known_by:
            for told in rewrites_told(rewrite):
                if told.id in events:
                    naming.setdefault(told.named, {})[told.id] = None
    settled: dict[str, PatientEvent | None] = {name: event for name, event in events.items() if name not in naming}
    for name in events:
        if name not in settled:
            _settle(name, events, naming, settled)
    return {name: event for name, event in settled.items() if event is not None and not isinstance(event, Rewrite)}


def _settle(
    wanted: str,
    events: Mapping[str, PatientEvent],
    naming: Mapping[str, dict[str, None]],
    settled: dict[str, PatientEvent | None],
) -> None:
    """Note what the event of that name says now (None: retracted), and before it every rewrite that may rewrite it."""
    ahead = {wanted: None}
    while ahead:
        name = next(reversed(ahead))
        waiting = next((rewrite for rewrite in naming.get(name, ()) if rewrite not in settled), None)
        if waiting in ahead:
            raise InputError(f"{', '.join(map(cut, ahead))} correct or retract each other in a circle")
        if waiting is not None:
            ahead[waiting] = None
            continue
        settled[name] = _said(name, events, naming, settled)
        del ahead[name]


def _said(
    name: str,
    events: Mapping[str, PatientEvent],
    naming: Mapping[str, dict[str, None]],
    settled: Mapping[str, PatientEvent | None],
) -> PatientEvent | None:
    event: PatientEvent | None = events[name]
    for rewriting in sorted(naming.get(name, ()), key=lambda rewrite: _known(events[rewrite])):
        rewrite = settled[rewriting]
        if isinstance(rewrite, CorrectionEvent) and rewrite.corrects == name:
            event = renamed(rewrite.event, name)
        elif isinstance(rewrite, RetractionEvent) and rewrite.retracts == name:
            event = None
    return event
