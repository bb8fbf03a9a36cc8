"""Courses for unit tests, written in the lines of a journey transcript."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from journey_transcripts import read_action, read_event

from protocol_engine import Course, Machine, compile_amended, load_protocol, parse_action, parse_events
from protocol_engine.model.decision import Answer, Decision
from protocol_engine.model.events import PatientEvent

BEGUN = """
e1 2026-01-02 consent
e2 2026-01-03 eligibility met=true
e3 2026-01-04 allocation arm={arm}
"""


TESTS = Path(__file__).parent


def files_of(protocol: str) -> list[str]:
    """The files of an invented protocol: of `FIR-1.v2` those of both versions; of a shipped protocol its id."""
    if (TESTS / "amendments" / f"{protocol}.yaml").exists():
        first, _, last = protocol.rpartition(".v")
        later = [TESTS / "amendments" / f"{first}.v{number}.yaml" for number in range(2, int(last) + 1)]
        return [str(TESTS / "protocols" / f"{first}.yaml"), *map(str, later)]
    invented = TESTS / "protocols" / f"{protocol}.yaml"
    return [str(invented) if invented.exists() else protocol]


@cache
def machine_for(protocol: str, readings: tuple[tuple[str, str], ...] = ()) -> Machine:
    return compile_amended([load_protocol(name, dict(readings)) for name in files_of(protocol)])


def machine(protocol: str, readings: Mapping[str, str] | None = None) -> Machine:
    """The machine of a shipped protocol, or of an invented one in tests; it is compiled once. See `files_of`."""
    return machine_for(protocol, tuple(sorted((readings or {}).items())))


def events(lines: str) -> list[PatientEvent]:
    """The events of transcript lines such as `e1 2026-01-02 consent`."""
    written = [line.strip() for line in lines.splitlines() if line.strip()]
    return parse_events([json.dumps(read_event(line)) for line in written])


def read(wire: Mapping[str, Any]) -> PatientEvent:
    """The event of a wire form, for what a line cannot say."""
    (event,) = parse_events([json.dumps(wire)])
    return event


def action(line: str) -> PatientEvent:
    """An act that is asked about, such as `2026-01-05 administration regimen=sg`."""
    return parse_action(json.dumps(read_action(line)))


def course(protocol: str, lines: str, readings: Mapping[str, str] | None = None) -> Course:
    """A course recorded event by event, in the order of the lines."""
    found = Course(machine(protocol, readings))
    for event in events(lines):
        found.record(event)
    return found


def begun(protocol: str, arm: str, lines: str = "", readings: Mapping[str, str] | None = None) -> Course:
    """A course with consent, eligibility and allocation from 2 to 4 January 2026 (e1 to e3), and then the lines."""
    return course(protocol, BEGUN.format(arm=arm) + lines, readings)


def verdicts(found: Course) -> dict[str, str]:
    """The deviations of a course: verdict by event."""
    return {deviation.event: deviation.verdict for deviation in found.state.deviations}


def offered(decision: Decision) -> list[str]:
    """The actions of a decision, shortly: `administer sg C2 d1`, `choose taxane`, `assess ctdna baseline`."""
    return [_shortly(action.kind, action.content) for action in decision.actions]


def _shortly(kind: str, content: Mapping[str, Any]) -> str:
    match kind:
        case "administer":
            return f"administer {content['regimen']} C{content['cycle']} d{content['day']}"
        case "choose":
            return f"choose {content['choice']}"
        case "perform":
            return f"perform {content['procedure']}"
        case "assess":
            return f"assess {content['fact']} {content['timepoint']}"
        case _:
            return kind


def ask(found: Course, line: str) -> Answer:
    """The answer to "may this be done?"."""
    return found.propose(action(line))
