"""A whole course as a page: a line for each step, and what late reports changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from attrs import frozen

from protocol_engine.adapters.blocks import Grid, Heading, Item, Items, Page, section
from protocol_engine.adapters.decision_prose import VERDICTS
from protocol_engine.adapters.phrases import capital, counted, event_words
from protocol_engine.codec import CODEC
from protocol_engine.model.decision import Verdict
from protocol_engine.model.events import PatientEvent
from protocol_engine.model.table import Table


@frozen
class CourseLine:
    """One step of a course: the event, its verdict (None for a report), the place after it, and what it changed."""

    event: PatientEvent
    verdict: Verdict | None
    repeated: bool
    place: dict[str, Any]
    ended: dict[str, str] | None
    changed: tuple[str, ...] = ()


def course_page(table: Table, lines: Sequence[CourseLine]) -> Page:
    """Every step of a course, in the order in which the events arrived."""
    rows = tuple(
        (
            str(number),
            line.event.id,
            line.event.effective.text,
            line.event.issued.text if line.event.issued != line.event.effective else "",
            capital(event_words(table, line.event)),
            "repeated, nothing changes" if line.repeated else _judged(line.verdict),
            _short_place(line),
        )
        for number, line in enumerate(lines, 1)
    )
    changes = tuple(Item(line.event.id, "; ".join(line.changed)) for line in lines if line.changed)
    headers = ("", "Event", "Happened", "Known", "What", "Judged", "Then at")
    return (
        Heading(f"{table.protocol}: {table.title}", 1),
        *section(f"The course, {counted(len(lines), 'event')}", *((Grid(headers, rows),) if rows else ())),
        *section("What late reports, corrections and retractions changed", *((Items(changes),) if changes else ())),
    )


def _judged(verdict: Verdict | None) -> str:
    if verdict is None:
        return "taken as reported"
    return verdict.verdict if verdict.allowed else f"deviation: {VERDICTS[verdict.verdict]}"


def _short_place(line: CourseLine) -> str:
    if line.ended is not None:
        return f"ended: {line.ended['reason']}"
    arm, element = line.place["arm"], line.place["element"]
    if arm is None:
        return "-"
    at = f"{arm}/{element}" if element is not None else str(arm)
    beside = (f"; {name}: {track['state']}{_last(track)}" for name, track in line.place.get("tracks", {}).items())
    return at + _last(line.place) + "".join(beside)


def _last(place: dict[str, Any]) -> str:
    return f" C{place['cycle']} d{place['day']}" if place["day"] is not None else ""


def record_grid(table: Table, records: Iterable[dict[str, Any]]) -> Grid:
    """The records of an audit log, or of a view of one, a line each."""
    return Grid(("", "Record", "Of", "What", "Judged", "Then at"), tuple(_record_row(table, it) for it in records))


def _record_row(table: Table, record: dict[str, Any]) -> tuple[str, ...]:
    number, kind = str(record["sequence"]), record["kind"]
    if "event" not in record:
        return number, kind, "", "not shown", "", ""
    wire, verdict = record["event"], record["verdict"]
    if kind == "decision":
        return number, kind, str(wire["as_of"] or ""), "what comes next", "", record["place_after"]
    event: PatientEvent = CODEC.structure({"id": "proposed", **wire}, PatientEvent)
    judged = "taken as reported" if verdict is None else str(verdict["verdict"])
    return number, kind, event.id, capital(event_words(table, event)), judged, record["place_after"]
