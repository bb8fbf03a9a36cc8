"""What may never happen when patients are screened for the shipped protocols, on synthetic patients."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from functools import cache
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from screened import machine, outcomes

from protocol_engine import parse_events, shipped_protocols
from protocol_engine.adapters.synthetic_patients import ASKED_DAY, Synthesizer
from protocol_engine.engine.patient_screening import PatientScreening, screen_patient
from protocol_engine.model.conditions import inner_tests
from protocol_engine.model.formulas import INPUTS
from protocol_engine.model.screening import Formula

Wire = dict[str, Any]
PATIENTS = 60
OTHER_UNITS: dict[str, tuple[str, int]] = {
    "g/L": ("mg/L", 1000),
    "g/dL": ("g/L", 10),
    "10*9/L": ("/uL", 1000),
    "umol/L": ("nmol/L", 1000),
    "mm": ("um", 1000),
    "kg": ("g", 1000),
    "ms": ("us", 1000),
    "s": ("ms", 1000),
    "d": ("h", 24),
}
"""A unit, a smaller one, and how many of it make one; by the definitions of the prefixes, the hour and the day."""


@cache
def patients(protocol: str) -> list[list[Wire]]:
    return [events for _, events in Synthesizer(machine(protocol).table, 11).patients(PATIENTS)]


def screened(protocol: str, events: Iterable[Wire]) -> PatientScreening:
    return screen_patient(machine(protocol).table, parse_events(map(json.dumps, events)), ASKED_DAY)


@cache
def samples(protocol: str) -> frozenset[str]:
    """Facts whose day others are held against, or of which several results count: a new one may leave those behind."""
    table = machine(protocol).table
    conditions = [item.condition for item in table.criteria.values() if item.condition is not None]
    conditions += [item.holds for item in table.derived.values() if hasattr(item, "holds")]
    anchors = {
        getattr(test, "before", None)
        for condition in conditions
        for n in condition.tests
        for test in inner_tests(n.test)
    }
    several = {
        fact
        for item in table.derived.values()
        if isinstance(item, Formula) and item.mean_of
        for fact in INPUTS[item.formula]
    }
    return frozenset({name for name in anchors if name} | several)


any_patient = st.tuples(st.sampled_from(shipped_protocols()), st.integers(0, PATIENTS - 1))


@given(any_patient, st.data())
def test_a_new_fact_never_leaves_open_what_was_decided(chosen: tuple[str, int], data: st.DataObject) -> None:
    protocol, number = chosen
    everything = patients(protocol)[number]
    known = data.draw(st.lists(st.sampled_from(everything), unique_by=lambda event: event["id"]))
    new = data.draw(st.sampled_from(everything))
    if new in known or new.get("fact") in samples(protocol):
        return
    before, after = outcomes(screened(protocol, known)), outcomes(screened(protocol, [*known, new]))
    undone = [
        name
        for name, outcome in before.items()
        if outcome in ("met", "not_met") and after[name] not in ("met", "not_met")
    ]
    assert undone == []


@given(any_patient, st.randoms())
def test_the_order_of_facts_does_not_matter(chosen: tuple[str, int], chance: Any) -> None:
    protocol, number = chosen
    events = list(patients(protocol)[number])
    chance.shuffle(events)
    assert screened(protocol, events).as_json() == screened(protocol, patients(protocol)[number]).as_json()


def in_other_units(event: Wire) -> Wire:
    """The same amounts in smaller units."""
    unit = event.get("unit")
    if unit not in OTHER_UNITS:
        return event
    other, times = OTHER_UNITS[unit]
    changed = event | {"value": str(Decimal(event["value"]) * times), "unit": other}
    parts = {name: str(Decimal(value) * times) for name, value in event.get("components", {}).items()}
    return changed | ({"components": parts} if parts else {})


@given(any_patient)
def test_units_do_not_matter(chosen: tuple[str, int]) -> None:
    protocol, number = chosen
    events = patients(protocol)[number]
    others = [in_other_units(event) for event in events]
    assert outcomes(screened(protocol, others)) == outcomes(screened(protocol, events))


@given(any_patient, st.data())
def test_what_is_said_to_be_missing_decides(chosen: tuple[str, int], data: st.DataObject) -> None:
    """A criterion that is open names a fact that it lacks, or the word that somebody has to give."""
    protocol, number = chosen
    known = data.draw(st.lists(st.sampled_from(patients(protocol)[number]), unique_by=lambda event: event["id"]))
    found = screened(protocol, known).screening
    for answer in found.answers.values():
        parts = [other for other in found.answers if other.startswith(f"{answer.id}.")]
        if answer.outcome == "unknown" and not parts:
            assert answer.lacking, answer.id
        if answer.outcome == "needs_attestation" and not parts:
            assert answer.question
