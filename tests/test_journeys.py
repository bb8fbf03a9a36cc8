"""Every journey under tests/journeys, and those of invented protocols under tests/invented, asked of the engine.

A failure names the line of the transcript and prints the engine's whole answer in the transcript's own words.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from course_lines import machine
from journey_checks import Answer, report, wrong_with_decision, wrong_with_reply
from journey_transcripts import RULE, Checkpoint, Transcript, TranscriptError, WireEvent, read_transcript

from protocol_engine import Course, parse_action, parse_events

JOURNEYS = Path(__file__).parent / "journeys"
INVENTED = Path(__file__).parent / "invented"
PAGES = Path(__file__).parents[1] / "docs" / "protocols"
PROTOCOLS = ("IIT2025006", "NCT05861830", "NCT07151586", "NCT07239271", "NCT07377643")


# --- the engine: all that this file knows of its Python API ----------------------------------------------


@cache
def machine_for(protocol: str, readings: tuple[tuple[str, str], ...]) -> Any:
    return machine(protocol, dict(readings))


def lines_of(events: Iterable[WireEvent]) -> list[str]:
    return [json.dumps(event) for event in events]


def answer_to(transcript: Transcript, checkpoint: Checkpoint) -> Answer:
    """The engine's answer in its wire form: a decision, or the answer to a proposal."""
    machine = machine_for(transcript.protocol, tuple(sorted(transcript.readings.items())))
    course = Course(machine).record_all(parse_events(lines_of(checkpoint.events)))
    action = parse_action(json.dumps(checkpoint.action)) if checkpoint.action is not None else None
    if action is None and checkpoint.role is None:
        outcomes = course.outcomes(checkpoint.as_of).as_json()
        decided = course.decide(as_of=checkpoint.as_of).as_json()
        return decided | {"ends": outcomes["ends"], "endpoints": outcomes["endpoints"]}
    if action is None:
        found: Any = course.decide_as(checkpoint.role, checkpoint.as_of)
    else:
        found = course.propose(action) if checkpoint.role is None else course.propose_as(checkpoint.role, action)
    wire: Answer = found.as_json()
    return wire


# --- the journeys ----------------------------------------------------------------------------------------


def paths_of(protocol: str) -> list[Path]:
    return sorted((JOURNEYS / protocol).glob("*.txt"))


ALL_PATHS = sorted([*JOURNEYS.glob("*/*.txt"), *INVENTED.glob("*/*.txt")])


def readable() -> list[Transcript]:
    transcripts = []
    for path in ALL_PATHS:
        try:
            transcripts.append(read_transcript(path))
        except TranscriptError:
            continue  # test_a_transcript_can_be_read says what is wrong with it
    return transcripts


TRANSCRIPTS = readable()


def name_of(path: Path) -> str:
    return "/".join(path.with_suffix("").parts[-2:])


@pytest.mark.parametrize("path", ALL_PATHS, ids=name_of)
def test_a_transcript_can_be_read(path: Path) -> None:
    try:
        transcript = read_transcript(path)
    except TranscriptError as wrong:
        pytest.fail(str(wrong), pytrace=False)
    assert transcript.protocol == path.parent.name
    assert len(transcript.checkpoints) >= 3, "a journey is asked about at least three times"


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda transcript: name_of(transcript.path))
def test_every_event_is_read_from_the_wire(transcript: Transcript) -> None:
    read = {event.id for event in parse_events(lines_of(transcript.events))}
    assert read == {event["id"] for event in transcript.events}
    for checkpoint in transcript.checkpoints:
        if checkpoint.action is not None:
            assert parse_action(json.dumps(checkpoint.action)).kind == checkpoint.action["kind"]


@pytest.mark.parametrize(
    ("transcript", "checkpoint"),
    [
        pytest.param(transcript, checkpoint, id=f"{name_of(transcript.path)}:{checkpoint.number}")
        for transcript in TRANSCRIPTS
        for checkpoint in transcript.checkpoints
    ],
)
def test_the_engine_says_what_the_transcript_expects(transcript: Transcript, checkpoint: Checkpoint) -> None:
    answer = answer_to(transcript, checkpoint)
    wrong = wrong_with_decision if checkpoint.action is None else wrong_with_reply
    complaints = wrong(checkpoint, answer)
    if complaints:
        pytest.fail(report(transcript, complaints, answer), pytrace=False)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_has_eight_journeys(protocol: str) -> None:
    assert len(paths_of(protocol)) >= 8


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_line_of_the_rule_page_has_a_journey(protocol: str) -> None:
    page = (PAGES / f"{protocol}.md").read_text(encoding="utf-8")
    stated = {line.split("**")[1] for line in page.splitlines() if line.startswith("- **")}
    lines = {name for name in stated if RULE.fullmatch(name)}
    shown = {rule for transcript in TRANSCRIPTS if transcript.protocol == protocol for rule in transcript.rules}
    # what a criterion rests on is tried in the test of that protocol's screening; a journey may show it too
    screened = {claim for item in machine_for(protocol, ()).table.criteria.values() for claim in item.rests}
    assert lines, "the rule page states its lines as `- **R1** ...`"
    assert (lines - shown - screened, shown - lines) == (set(), set()), "(without a journey, named by a journey only)"
