"""Masking beside what is not hidden: doses that move, tracks, hours, a second draw, steps instead of others.

Random courses of two protocols are lived through twice, on either arm. Whoever must not know the arm gets the same
answers to the byte, on the day of each event and some weeks later, when the calendar has moved something.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from course_lines import machine, read
from course_promises import Walked

from protocol_engine import event_json
from protocol_engine.engine.blinding import Steps, decide_as
from protocol_engine.model.events import PatientEvent

Wire = dict[str, Any]
SWAPPED: Mapping[str, Mapping[str, str]] = {
    "GINKGO-1": {"leafin": "blank", "meal_leafin": "meal_placebo"},
    "HYSSOP-1": {"hyssopin": "blank", "with_hyssopin": "with_placebo"},
}
ARMS: Mapping[str, tuple[str, str]] = {"GINKGO-1": ("leafin", "placebo"), "HYSSOP-1": ("hyssopin", "placebo")}
ROLES: Mapping[str, tuple[str, str]] = {"GINKGO-1": ("patient", "investigator"), "HYSSOP-1": ("patient", "assessor")}
DOSES = {"100 mg": "1 mL", "1 mL": "100 mg"}
"""Of what is injected in HYSSOP-1; the tablets of GINKGO-1 are 5 mg each."""


def swapped(protocol: str, wire: Any) -> Any:
    """The same event on the other arm."""
    if isinstance(wire, list):
        return [swapped(protocol, item) for item in wire]
    if not isinstance(wire, dict):
        return wire
    one, other = ARMS[protocol]
    names = {**SWAPPED[protocol], **{new: old for old, new in SWAPPED[protocol].items()}}
    found: Wire = {}
    for key, value in wire.items():
        if key == "arm":
            found[key] = {one: other, other: one}.get(value, value)
        elif key in ("regimen", "drug", "scope"):
            found[key] = names.get(value, value)
        else:
            found[key] = swapped(protocol, value)
    if wire.get("drug") in names and "dose" in wire:
        dose = DOSES.get(f"{wire['dose']} {wire['unit']}", f"{wire['dose']} {wire['unit']}")
        found["dose"], found["unit"] = dose.split(" ")
    return found


def lived(protocol: str, seed: int) -> list[PatientEvent]:
    walked = Walked(protocol, {}, Random(f"{protocol} {seed}"), lambda _: None)  # noqa: S311  # the same everywhere
    for _ in range(14):
        walked.goes_on()
    walked.lives_through_a_day()
    for _ in range(4):
        walked.goes_on()
    return walked.arrived


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("protocol", sorted(ARMS))
def test_nothing_that_is_shown_depends_on_the_arm(protocol: str, seed: int) -> None:
    used = machine(protocol)
    events = lived(protocol, seed)
    for role in ROLES[protocol]:
        one, other = Steps(used, role), Steps(used, role)
        for event in events:
            left, right = one.take(event)[1], other.take(read(swapped(protocol, event_json(event))))[1]
            assert (left is None) == (right is None)
            if left is not None and right is not None:
                assert left.decision.as_json() == right.decision.as_json()
        later = (one.state.as_of or events[-1].issued.day) + timedelta(days=30)
        views = [decide_as(used, steps.state, role, later).as_json() for steps in (one, other)]
        assert views[0] == views[1]
