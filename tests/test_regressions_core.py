"""Courses on which the core once went wrong, each named by what it shows. The dates are worked out by hand."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from protocol_engine import Course, Machine, compile_protocol, load_protocol, parse_action, parse_events
from protocol_engine.model.decision import Answer, Decision

Wire = dict[str, Any]


@cache
def machine_for(protocol: str, *readings: str) -> Machine:
    return compile_protocol(load_protocol(protocol, dict(reading.split("=") for reading in readings)))


def event(name: str, on: str, kind: str, **more: Any) -> Wire:
    """An event of 2026, its date written as month-day; dates among the other fields likewise."""
    issued = {"issued": f"2026-{more.pop('issued')}"} if "issued" in more else {}
    return {"id": name, "kind": kind, "effective": f"2026-{on}"} | issued | more


def gates(arm: str) -> tuple[Wire, ...]:
    """Consent, eligibility and allocation on the first three days of 2026."""
    return (
        event("a1", "01-01", "consent"),
        event("a2", "01-02", "eligibility", met=True),
        event("a3", "01-03", "allocation", arm=arm),
    )


def course(protocol: str, *events: Wire) -> Course:
    """A course; readings may stand behind the protocol: ``"NCT07151586 A3=shifted"``."""
    found = Course(machine_for(*protocol.split()))
    return found.record_all(parse_events([json.dumps(wire) for wire in events]))


def asked(of: Course, on: str, kind: str, **more: Any) -> Answer:
    wire = event("", on, kind, **more)
    del wire["id"]
    return of.propose(parse_action(json.dumps(wire)))


def offered(decision: Decision) -> list[str]:
    """What a decision offers, a word or two for each action."""
    found = []
    for action in decision.actions:
        content = action.content
        match action.kind:
            case "administer":
                found.append(f"{content['regimen']} C{content['cycle']} d{content['day']}")
            case "choose":
                found.append(f"choose {content['choice']}")
            case "perform":
                found.append(str(content["procedure"]))
            case "assess":
                found.append(f"assess {content['fact']} {content['timepoint']}")
            case _:
                found.append(action.kind)
    return found


def dues(decision: Decision) -> list[str]:
    return [action.due for action in decision.actions]


def deviations(decision: Decision) -> dict[str, str]:
    return {found.event: found.verdict for found in decision.deviations}


def dose(name: str, on: str, regimen: str, cycle: int | None = None, day: int | None = None, **more: Any) -> Wire:
    """A dose, its numbers left out where they are None."""
    numbers = {key: value for key, value in (("cycle", cycle), ("day", day)) if value is not None}
    return event(name, on, "administration", regimen=regimen, **numbers, **more)


# --- numbers of cycles and days ------------------------------------------------------------------------------------


def test_a_later_day_that_is_settled_or_does_not_apply_can_be_reported_without_an_error() -> None:
    """G4: day 8 of a cycle not begun, and day 15 of an agent that has none, are deviations that move nothing."""
    ahead = course(
        "NCT07151586",
        *gates("alternating"),
        dose("e1", "01-05", "sg", 1, 1),
        dose("e2", "01-12", "sg", 1, 8),
        dose("e3", "02-02", "sg", 2, 8),
    ).decide()
    assert deviations(ahead) == {"e3": "order"}
    assert (offered(ahead), dues(ahead)) == (["sg C2 d1"], ["2026-01-26"])
    letrozole = course(
        "NCT05861830",
        *gates("dalpiciclib_et"),
        event("f1", "01-03", "observation", fact="sex", value="male"),
        event("k1", "01-04", "choice", choice="endocrine_agent", option="letrozole"),
        dose("e1", "01-05", "dalpiciclib_et", 1, 1),
        dose("e2", "01-19", "dalpiciclib_et", 1, 15),
    ).decide()
    assert deviations(letrozole) == {"e2": "order"}
    assert offered(letrozole) == ["dalpiciclib_et C2 d1"]
