"""One eligible patient of each protocol, and what becomes of the answer when a fact of hers is another.

The eligible patients stand in ``tests/screening/<protocol>.jsonl``, all of them asked about on 2026-02-01.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from protocol_engine import Machine, compile_protocol, load_protocol, parse_events
from protocol_engine.engine.patient_screening import PatientScreening, screen_patient

FOLDER = Path(__file__).parent / "screening"
TODAY = date(2026, 2, 1)
Wire = dict[str, Any]


@cache
def machine(protocol: str, readings: tuple[tuple[str, str], ...] = ()) -> Machine:
    """The protocol under some readings."""
    return compile_protocol(load_protocol(protocol, dict(readings)))


def eligible(protocol: str) -> list[Wire]:
    """The events of the eligible patient."""
    lines = (FOLDER / f"{protocol}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]


def observed(fact: str, value: Any, on: str = "2026-01-30", **more: Any) -> Wire:
    """A result, as an event with an id of its own."""
    return {"id": f"{fact}-{on}-{value}", "kind": "observation", "effective": on, "fact": fact, "value": value, **more}


def attested(criterion: str, *, met: bool, on: str = "2026-01-30") -> Wire:
    """Somebody's word on a criterion."""
    event = {"id": f"{criterion}-{on}-{met}", "kind": "attestation", "effective": on}
    return {**event, "criterion": criterion, "met": met, "by": "investigator"}


def changed(protocol: str, *new: Wire, without: tuple[str, ...] = ()) -> list[Wire]:
    """The eligible patient with other results: the new ones replace all she has of these facts and criteria."""
    replaced = {event.get("fact", event.get("criterion")) for event in new} | set(without)
    kept = [event for event in eligible(protocol) if event.get("fact", event.get("criterion", "")) not in replaced]
    return [*kept, *new]


def screened(
    protocol: str, events: list[Wire], on: date = TODAY, readings: Mapping[str, str] | None = None
) -> PatientScreening:
    """The answer on a day, under some readings."""
    table = machine(protocol, tuple(sorted((readings or {}).items()))).table
    return screen_patient(table, parse_events(json.dumps(event) for event in events), on)


def outcomes(found: PatientScreening) -> dict[str, str]:
    """The outcome of each criterion."""
    return {name: answer.outcome for name, answer in found.screening.answers.items()}


def barring(found: PatientScreening) -> tuple[str, ...]:
    """The criteria that keep the patient out."""
    return tuple(answer.id for answer in found.screening.barring)


def told(protocol: str, line: str) -> list[Wire]:
    """The eligible patient with what the line says instead.

    Its parts, between semicolons: ``fact value [unit] [part=number] [on day]``, a criterion and ``yes`` or ``no`` for
    an attestation, ``-fact`` or ``-criterion`` for nothing known of it. A line may report a fact several times.
    """
    new: list[Wire] = []
    without: list[str] = []
    for part in filter(None, line.split(";")):
        said, _, day = part.strip().partition(" on ")
        if said.startswith("-"):
            without.append(said[1:])
            continue
        name, value, *units = said.split()
        on = {"on": day} if day else {}
        if name[0].isupper():
            new.append(attested(name, met=value == "yes", **on))
            continue
        components = dict(unit.split("=") for unit in units if "=" in unit)
        more: Wire = {"components": components} if components else {}
        more |= {"unit": units[0]} if units and "=" not in units[0] else {}
        new.append(observed(name, {"yes": True, "no": False}.get(value, value), **on, **more))
    return changed(protocol, *new, without=tuple(without))


def bars(found: PatientScreening) -> set[str]:
    """All that keeps the patient out, sub-items too."""
    return {name for name, answer in found.screening.answers.items() if answer.bars}


def undecided(found: PatientScreening) -> set[str]:
    """All that is not decided, sub-items too."""
    return {name for name, answer in found.screening.answers.items() if answer.open}
