"""Delays, omissions and hours where no journey looks: what is noted on which day, and what hours can be told."""

from __future__ import annotations

from pathlib import Path

import pytest
from course_lines import ask, begun, course, offered, verdicts

from protocol_engine import Course, Problems, compile_protocol
from protocol_engine.model.events import EventTime
from protocol_engine.model.instants import too_early, too_late
from protocol_engine.model.truth import FALSE, TRUE, UNKNOWN, Truth
from protocol_engine.model.units import Duration
from protocol_engine.reader import read_protocol

PROTOCOLS = Path(__file__).parent / "protocols"
PINE = (PROTOCOLS / "PINE-1.yaml").read_text(encoding="utf-8")
SORREL = (PROTOCOLS / "SORREL-1.yaml").read_text(encoding="utf-8")

FIRST_CYCLE = """
e04 2026-01-05 observation fact=counts value=good
e05 2026-01-05 administration regimen=pinib cycle=1 day=1
e06 2026-01-12 administration regimen=pinib cycle=1 day=8
e07 2026-01-13 observation fact=away value=false
"""


@pytest.mark.parametrize(
    ("lines", "verdict"),
    [
        ("a 2026-01-20 observation fact=counts value=low\nb 2026-01-25 observation fact=counts value=good", "late"),
        ("a 2026-01-20 observation fact=counts value=low\nb 2026-01-26 observation fact=counts value=good", "allowed"),
        ("a 2026-01-26 observation fact=counts value=low\nb 2026-01-27 observation fact=counts value=good", "allowed"),
        ("a 2026-01-26 observation fact=counts value=low\nb 2026-01-28 retraction retracts=a reason=x", "late"),
    ],
    ids=["over before the dose was due", "over on that day", "begun on that day", "never so"],
)
def test_a_reason_counts_from_the_beginning_of_the_day_on_which_the_dose_is_due(lines: str, verdict: str) -> None:
    found = begun("PINE-1", "planned", FIRST_CYCLE + lines)
    assert ask(found, "2026-01-28 administration regimen=pinib cycle=2").allowed
    for day in ("2026-01-29", "2026-02-09"):
        assert ask(found, f"{day} administration regimen=pinib cycle=2").verdict == verdict
    assert ask(found, "2026-02-10 administration regimen=pinib cycle=2").verdict == "late"


def test_a_cycle_number_that_is_skipped_skips_a_cycle_of_the_plan() -> None:
    found = begun("PINE-1", "planned", f"{FIRST_CYCLE}e08 2026-02-10 administration regimen=pinib cycle=3 day=1")
    assert verdicts(found) == {"e08": "late"}
    assert "what happened to cycle 2?" in found.decide().deviations[0].because[-1]
    assert (found.state.now.position.planned, found.state.now.position.cycle) == (
        EventTime.of("2026-02-16").day,
        3,
    )


def test_a_cycle_that_runs_without_its_day_1_says_so_until_another_day_is_given() -> None:
    left_out = "e08 2026-01-26 omission regimen=pinib cycle=2 day=1 reason=x\n"
    found = begun("PINE-1", "planned", FIRST_CYCLE + left_out)
    assert found.decide().place == {"arm": "planned", "element": "doses", "cycle": 2, "day": 1, "left_out": True}
    given = begun(
        "PINE-1", "planned", f"{FIRST_CYCLE}{left_out}e09 2026-02-02 administration regimen=pinib cycle=2 day=8"
    )
    assert given.decide().place == {"arm": "planned", "element": "doses", "cycle": 2, "day": 8}
    assert offered(given.decide()) == ["administer pinib C3 d1"]


def test_the_first_dose_of_an_element_is_always_made_up() -> None:
    found = begun("PINE-1", "from_dose_to_dose", "e04 2026-01-05 omission regimen=pinax cycle=1 day=1 reason=x")
    assert offered(found.decide()) == ["administer pinax C1 d1"]
    assert verdicts(found) == {}


def test_a_dose_that_is_given_under_the_plan_is_due_by_it_again_whatever_was_late() -> None:
    late = f"{FIRST_CYCLE}e08 2026-02-20 administration regimen=pinib cycle=2 day=1"
    found = begun("PINE-1", "planned", late)
    assert [(action.content["day"], action.due) for action in found.decide().actions] == [
        (1, "2026-02-21"),  # planned for the 16th, and not on the day of another dose
        (8, "2026-02-27"),
    ]


def test_a_first_dose_with_a_due_day_needs_no_regimen_before_it() -> None:
    window = "window: {from: allocation, latest: 96 hours, cite: R2}"
    text = SORREL.replace(window, "window: {from: allocation, due: 3 days, cite: R2}").replace("within: 48 hours, ", "")
    found = Course(compile_protocol(read_protocol(text, "x.yaml")))
    for event in course(
        "SORREL-1", "e0 2026-01-01 observation fact=creatinine value=80 unit=umol/L"
    ).state.events.values():
        found.record(event)
    for event in begun("SORREL-1", "sorrel").state.events.values():
        found.record(event)
    assert [action.due for action in found.decide().actions] == ["2026-01-07"]


def test_what_a_reading_says_of_a_delay_is_named_where_the_dose_is_offered() -> None:
    assumption = "assumptions: {A1: {asks: How long?, default: short, readings: {short: 4 days, long: 6 days}}}"
    limit = "up_to: {reading_of: A1, short: 4 days, long: 6 days}, cite: R4"
    text = PINE.replace("assumptions: {}", assumption).replace("up_to: 4 days, cite: R4", limit)
    found = Course(compile_protocol(read_protocol(text, "x.yaml", {"A1": "long"})))
    for event in begun("PINE-1", "planned", FIRST_CYCLE).state.events.values():
        found.record(event)
    assert found.decide().assumptions == ("A1",)


# --- hours -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("since", "at", "early", "late"),
    [
        ("2026-03-02T20:00:00+01:00", "2026-03-03T08:00:00+01:00", FALSE, FALSE),
        ("2026-03-02T20:00:00+01:00", "2026-03-03T06:59:59Z", TRUE, FALSE),
        ("2026-03-02T20:00:00+01:00", "2026-03-03T07:00:01Z", FALSE, TRUE),
        ("2026-03-02T20:00:00+01:00", "2026-03-03", UNKNOWN, UNKNOWN),
        ("2026-03-02T20:00:00+01:00", "2026-03-02", TRUE, FALSE),
        ("2026-03-02T20:00:00+01:00", "2026-03-04", FALSE, TRUE),
        ("2026-03-02", "2026-03-02T11:00:00+01:00", TRUE, FALSE),
        ("2026-03-02", "2026-03-03T13:00:00+01:00", FALSE, TRUE),
        ("2026-03-02", "2026-03-02", UNKNOWN, UNKNOWN),
        ("2026-03-02", "2026-03-03", UNKNOWN, UNKNOWN),
        ("2026-03-02", "2026-03-04", FALSE, TRUE),
    ],
)
def test_whether_12_hours_have_gone_by_is_decided_where_every_time_of_a_day_agrees(
    since: str, at: str, early: Truth, late: Truth
) -> None:
    hours = Duration(12, "hours")
    assert (
        too_early(hours, EventTime.of(since), EventTime.of(at)),
        too_late(hours, EventTime.of(since), EventTime.of(at)),
    ) == (
        early,
        late,
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("cycle: 21 days", "cycle: 504 hours"),
        ("tolerance: {before: 1 day", "tolerance: {before: 12 hours"),
        ("up_to: 14 days", "up_to: 12 hours"),
        ("plus: 1 day", "plus: 12 hours"),
        ("within: 9 weeks", "within: 12 hours"),
    ],
)
def test_where_only_days_make_sense_hours_are_refused_in_one_sentence(old: str, new: str) -> None:
    assert PINE.count(old) == 1
    with pytest.raises(Problems) as found:
        read_protocol(PINE.replace(old, new), "x.yaml")
    (problem,) = found.value.problems
    assert problem.code == "duration-expected"
    assert "hours can stand in a `window`, and under `within` of a `last`" in problem.message


def test_the_time_of_an_act_is_that_of_the_newest_of_its_name() -> None:
    lines = """
e01 2026-03-01T08:00:00+01:00 consent
e02 2026-03-01T09:00:00+01:00 eligibility met=true
e03 2026-03-02T10:00:00+01:00 allocation arm=sorrel
e04 2026-03-02T11:00:00+01:00 observation fact=creatinine value=80 unit=umol/L
e05 2026-03-02T14:00:00+01:00 administration regimen=first_infusion
e06 2026-03-02T20:00:00+01:00 administration regimen=first_infusion cycle=2
"""
    found = course("SORREL-1", lines)
    times = {name: time.text for name, time in found.state.now.history.times.items()}
    assert times == {
        "consent": "2026-03-01T08:00:00+01:00",
        "allocation": "2026-03-02T10:00:00+01:00",
        "first_dose": "2026-03-02T14:00:00+01:00",
        "element.infusion": "2026-03-02T14:00:00+01:00",
    }
