"""What a role may see never depends on the arm: two patients whose courses differ in the names that are hidden alone.

Each random course is lived through twice, on yewane and, under the mirrored names, on placebo. Every view of the two is
the same to the byte, whatever was done, late, wrong or taken back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache
from io import StringIO
from pathlib import Path
from random import Random
from typing import Any

import pytest
from course_lines import action, machine, read

from protocol_engine import InputError, Problems, Step, event_json
from protocol_engine.adapters.decision_prose import decision_page
from protocol_engine.audit import Chain
from protocol_engine.engine.blinding import Steps, decide_as, propose_as, table_seen
from protocol_engine.entrypoints.layout import laid_out
from protocol_engine.model.decision import Decision
from protocol_engine.model.events import PatientEvent, UnblindingEvent

YEW = Path(__file__).parent / "protocols" / "YEW-1.yaml"
Wire = dict[str, Any]
FIRST = date(2026, 1, 1)
MIRRORED: Mapping[str, Mapping[str, str]] = {
    "arm": {"yewane": "placebo", "placebo": "yewane"},
    "regimen": {"yewane": "placebo", "placebo": "yewane"},
    "drug": {"yewane": "saline", "saline": "yewane"},
    "scope": {"yewane": "saline", "saline": "yewane"},
    "unit": {"mg": "mL", "mL": "mg"},
    "dose": {"300": "60", "60": "300"},  # at 60 kg, 5 mg/kg of the one and 1 mL/kg of the other
}
SEEDS = range(16)
TELLING = re.compile(r"placebo|saline|yewane(?!_open| openly)", re.IGNORECASE)


def mirrored(wire: Any) -> Any:
    """The same event on the other arm."""
    if isinstance(wire, list):
        return [mirrored(item) for item in wire]
    if not isinstance(wire, dict):
        return wire
    return {
        key: MIRRORED[key].get(value, value) if key in MIRRORED and isinstance(value, str) else mirrored(value)
        for key, value in wire.items()
    }


def dose(random: Random) -> Wire:
    """A dose under some name, with its content or without, or left out."""
    regimen = random.choice(("study_treatment",) * 4 + ("yewane", "yewane", "placebo", "yewane_open"))
    wire: Wire = {"kind": "administration", "regimen": regimen}
    wire |= {"cycle": random.choice((1, 2, 3))} if random.random() < 0.6 else {}
    wire |= {"day": random.choice((1, 8, 8, 3))} if random.random() < 0.7 else {}
    drug = random.choice(("study_drug", "yewane", "saline"))
    if random.random() < 0.2:
        left_out = {"drug": drug} if random.random() < 0.5 else {}
        return {**wire, "kind": "omission", "reason": f"no {drug}", **left_out}
    if random.random() < 0.4:
        amount = {"yewane": ("300", "mg"), "saline": ("60", "mL")}.get(drug)
        known = {"dose": amount[0], "unit": amount[1]} if amount is not None and random.random() < 0.7 else {}
        wire["given"] = [{"drug": drug, "route": "IV", **known}]
    return wire


def report(random: Random) -> Wire:
    """Something that is told, and perhaps changes what may be done."""
    drug = random.choice(("study_drug", "yewane", "saline"))
    reports: tuple[Wire, ...] = (
        {"kind": "observation", "fact": "heart_rate", "value": random.choice(("70", "70", "45")), "unit": "/min"},
        {"kind": "observation", "fact": "response", "value": random.choice(("PD", "SD", "PR"))},
        {"kind": "adverse_event", "term": f"rash of {drug}", "grade": 2, "unacceptable": False, "drug": drug},
        {"kind": "adverse_event", "term": "rash", "drug": drug},
        {"kind": "adverse_event", "term": "shock", "unacceptable": True, "drug": drug},
        {"kind": "discontinuation", "scope": drug, "reason": "her wish"},
        {"kind": "choice", "choice": "rinse", "option": random.choice(("mint", "sage"))},
        {"kind": "other_treatment", "drugs": [drug]},
        {"kind": "unblinding", "to": "patient", "by": f"{drug} office", "reason": f"it is {drug}"},
    )
    return random.choice(reports)


def offered(random: Random, decision: Decision, day: date) -> tuple[Wire, date]:
    """What somebody does who sees a view and follows it, on the day from which it may be done."""
    actions = [action for action in decision.actions if action.kind != "follow_up"]
    if not actions:
        return report(random), day
    action = random.choice(actions)
    if action.earliest != "not_stated":
        day = max(day, date.fromisoformat(action.earliest))
    match action.kind:
        case "administer":
            regimen = random.choice(("study_treatment",) * 5 + ("yewane",) * 2 + ("placebo",))
            numbers = {key: action.content[key] for key in ("cycle", "day")}
            return {"kind": "administration", "regimen": regimen, **numbers}, day
        case "choose":
            return {"kind": "choice", "choice": "rinse", "option": "mint"}, day
        case "assess":
            return {"kind": "observation", "fact": "response", "timepoint": "after_cycle_2", "value": "PR"}, day
        case _:
            return report(random), day


@cache
def lived(seed: int) -> list[PatientEvent]:
    """A course on yewane, event by event in the order of arrival; what the engine cannot read is left out."""
    random = Random(seed)  # noqa: S311  # the same on every machine
    gates: list[Wire] = [
        {"kind": "consent"},
        {"kind": "eligibility", "met": True},
        {"kind": "allocation", "arm": "yewane"},
        {"kind": "observation", "fact": "weight", "value": "60", "unit": "kg"},
        {"kind": "observation", "fact": "heart_rate", "value": "70", "unit": "/min"},
    ]
    if random.random() < 0.2:
        gates.insert(random.randrange(3), dose(random))
    steps, found = Steps(machine("YEW-1"), "investigator"), list[Wire]()
    day = FIRST
    for number in range(24):
        day += timedelta(days=random.choice((0, 0, 1, 3)))
        if number < len(gates):
            wire, day = gates[number], day + timedelta(days=1)
        elif random.random() < 0.6:
            wire, day = offered(random, steps.decision(), day)
        else:
            wire = random.choice((dose, report))(random)
        on = day - timedelta(days=random.choice((0, 0, 0, 4)))
        wire = {"id": f"e{number}", "effective": on.isoformat(), **wire}
        if found and random.random() < 0.1:
            wire = rewrite(random, random.choice(found), wire, day)
        try:
            steps.take(read(wire))
        except (InputError, Problems):
            continue
        found.append(wire)
    return [read(wire) for wire in found]


def rewrite(random: Random, old: Wire, wire: Wire, day: date) -> Wire:
    """A correction of an old event into another one, or its retraction."""
    told = {"id": wire["id"], "effective": day.isoformat()}
    if random.random() < 0.5:
        return {**told, "kind": "retraction", "retracts": old["id"], "reason": "meant for placebo"}
    event = {**{key: item for key, item in wire.items() if key != "id"}, "effective": old["effective"]}
    return {**told, "kind": "correction", "corrects": old["id"], "reason": "yewane all along", "event": event}


def other_side(event: PatientEvent) -> PatientEvent:
    return read(mirrored(event_json(event)))


def recorded(steps: Steps, seen: Step | None) -> bytes:
    """All that a step shows: the record of it that a view of the log has."""
    if seen is None:
        return b""
    line = Chain.begin(steps.seen, "course").step(seen).line
    assert TELLING.search(line.decode()) is None, line
    return line


def page(steps: Steps) -> str:
    """The page of what comes next."""
    decision = steps.decision()
    return laid_out(decision_page(table_seen(steps.machine, decision), decision), StringIO())


def asked(steps: Steps, role: str, days: int) -> list[object]:
    """What a role is answered that asks about an earlier day, and about acts to come."""
    machine, state = steps.machine, steps.state
    day = (FIRST + timedelta(days=days)).isoformat()
    acts = ("administration regimen=study_treatment cycle=2 day=1", "allocation arm=blinded")
    answers = [propose_as(machine, state, action(f"{day} {act}"), role).as_json() for act in acts]
    return [decide_as(machine, state, role, date.fromisoformat(day)).as_json(), *answers]


@pytest.mark.parametrize("seed", SEEDS)
def test_two_courses_that_mirror_each_other_look_alike_at_every_step(seed: int) -> None:
    events = lived(seed)
    for role in ("investigator", "patient"):
        one, other = Steps(machine("YEW-1"), role), Steps(machine("YEW-1"), role)
        for event in events:
            left, right = one.take(event)[1], other.take(other_side(event))[1]
            assert one.view.blinded == other.view.blinded
            if one.view.blinded:
                assert recorded(one, left) == recorded(other, right)
        if one.view.blinded:
            assert asked(one, role, seed) == asked(other, role, seed)
            assert page(one) == page(other)


def test_the_random_courses_are_lived_and_reach_what_can_be_hidden() -> None:
    """The walk above is worth something: doses are given under either name, views are cut, and some are told."""
    places, cut, told = set(), 0, 0
    for seed in SEEDS:
        steps = Steps(machine("YEW-1"), "investigator")
        for event in lived(seed):
            taken, seen = steps.take(event)
            places.add(taken.place_after)
            cut += seen is not None and any("not shown, since" in notice for notice in seen.decision.notices)
            told += isinstance(event, UnblindingEvent)
    assert {"yewane/first", "yewane/more", "ended:toxicity"} <= places
    assert cut > 10
    assert told > 5
