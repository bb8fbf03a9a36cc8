"""A course with what comes late: the same as derived from the beginning, and not as dear."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from random import Random

import pytest
from attrs import evolve
from call_counts import calls_of
from course_lines import machine, read
from journey_transcripts import Transcript, WireEvent, read_transcript

from protocol_engine import begin, parse_events, replay, step
from protocol_engine.engine.course import derived
from protocol_engine.engine.standing import Standing
from protocol_engine.model.events import PatientEvent

JOURNEYS = sorted((Path(__file__).parent / "journeys").glob("*/*.txt"))


@pytest.mark.parametrize("path", JOURNEYS, ids=lambda path: "/".join(path.with_suffix("").parts[-2:]))
def test_each_step_of_a_journey_is_what_derives_from_its_events_in_whatever_order_they_arrive(path: Path) -> None:
    transcript: Transcript = read_transcript(path)
    used = machine(transcript.protocol, transcript.readings)
    told = parse_events(json.dumps(event) for event in transcript.events)
    for seed in range(3):
        state = begin(used)
        for event in Random(seed).sample(told, len(told)):  # noqa: S311  # the same on every machine
            state = step(used, state, event).state
            again, _ = derived(used, state.events)
            assert again == evolve(state, group=tuple(sorted(state.group, key=lambda event: event.id)))


@pytest.mark.parametrize("path", JOURNEYS, ids=lambda path: "/".join(path.with_suffix("").parts[-2:]))
def test_what_was_kept_of_earlier_readings_is_what_reading_again_gives(path: Path) -> None:
    transcript: Transcript = read_transcript(path)
    used = machine(transcript.protocol, transcript.readings)
    for taken in replay(used, parse_events(json.dumps(event) for event in transcript.events)):
        kept = taken.state.now.standing
        again = Standing(used.table, taken.state.now.position, taken.state.now.history)
        for name in (*used.table.values, *used.table.facts):
            assert kept.evaluation.value(name) == again.evaluation.value(name)
        for row in (*kept.falls, *used.table.offers.get(kept.place.id, ())):
            assert (kept.truth(row), kept.tried(row)) == (again.truth(row), again.tried(row))
        assert (kept.offers, kept.falling, kept.holds) == (again.offers, again.falling, again.holds)


# --- what it costs ----------------------------------------------------------------------------------------------------

FIRST = date(2026, 1, 5)


def on(number: int) -> str:
    return (FIRST + timedelta(days=number)).isoformat()


def weight(number: int, value: str = "62.5") -> WireEvent:
    return {
        "id": f"w{number}",
        "kind": "observation",
        "effective": on(number),
        "fact": "weight",
        "value": value,
        "unit": "kg",
    }


def dose(number: int) -> WireEvent:
    return {
        "id": f"d{number}",
        "kind": "administration",
        "effective": on(number),
        "regimen": "sg",
        "cycle": number // 21 + 1,
        "day": 1,
    }


def without_id(event: WireEvent) -> WireEvent:
    return {key: value for key, value in event.items() if key != "id"}


def daily(days: int, each: Callable[[int], list[WireEvent]]) -> list[PatientEvent]:
    """A course of NCT07151586 with a dose every third week, a weight on every other day, and more on some days."""
    gates: list[WireEvent] = [
        {"id": "e1", "kind": "consent", "effective": "2026-01-02"},
        {"id": "e2", "kind": "eligibility", "effective": "2026-01-03", "met": True},
        {"id": "e3", "kind": "allocation", "effective": "2026-01-04", "arm": "sg_alone"},
    ]
    found = [*gates]
    for number in range(days):
        found += [dose(number) if number % 21 == 0 else weight(number), *each(number)]
    return [read(event) for event in found]


def nothing_late(_: int) -> list[WireEvent]:
    return []


def corrected(number: int) -> list[WireEvent]:
    """Every tenth day the last dose, or the last weight, is corrected."""
    if number % 10 != 9:
        return []
    old = dose(number // 21 * 21) if number % 20 == 19 else weight(number, "63.5")
    more = {"given": [{"drug": "sg"}]} if old["kind"] == "administration" else {}
    rewrite = {"id": f"c{number}", "kind": "correction", "corrects": old["id"], "effective": on(number)}
    return [{**rewrite, "event": without_id(old) | more, "reason": "misread"}]


def told_late(number: int) -> list[WireEvent]:
    """Every tenth day a weight of three days before is told."""
    return [weight(number - 3) | {"id": f"l{number}"}] if number % 10 == 9 else []


def cost(days: int, each: Callable[[int], list[WireEvent]]) -> int:
    told, used = daily(days, each), machine("NCT07151586")
    deque(replay(used, told), maxlen=0)
    return calls_of(lambda: deque(replay(used, told), maxlen=0))


@pytest.mark.parametrize("each", [corrected, told_late])
def test_a_course_of_twice_the_length_costs_little_more_than_twice_as_much(
    each: Callable[[int], list[WireEvent]],
) -> None:
    """Each event that comes late derives a few days again, not the course; a little is looked up in all events."""
    assert cost(240, each) < 2.5 * cost(120, each)


def test_late_events_do_not_cost_many_times_what_the_others_cost() -> None:
    plain = cost(240, nothing_late)
    assert cost(240, corrected) < 3 * plain
    assert cost(240, told_late) < 3 * plain
