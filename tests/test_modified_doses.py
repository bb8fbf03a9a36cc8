"""Doses that move, where a journey does not reach: readings, the calendar, how a decision says a dose was found."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from course_lines import begun, events
from test_checks import changed, problems_of

from protocol_engine import Course, compile_protocol
from protocol_engine.model.decision import Decision
from protocol_engine.reader import read_protocol

BIRCH = (Path(__file__).parent / "protocols" / "BIRCH-1.yaml").read_text(encoding="utf-8")
MAPLE = (Path(__file__).parent / "protocols" / "MAPLE-1.yaml").read_text(encoding="utf-8")
FIRST_DOSE = "e4 2026-01-09 administration regimen=three cycle=1 day=1\n"
LOW = "e5 2026-01-12 observation fact=anc value=0.9 unit=10*9/L\n"
BEGINNING = (
    "e1 2026-01-02 consent\ne2 2026-01-03 eligibility met=true\ne3 2026-01-04 allocation arm=birch\n" + FIRST_DOSE
)


def course_of(text: str, lines: str, **readings: str) -> Course:
    found = Course(compile_protocol(read_protocol(text, "birch.yaml", readings)))
    for event in events(lines):
        found.record(event)
    return found


def next_cycle(decision: Decision) -> dict[str, Any]:
    (found,) = [
        action.content for action in decision.actions if action.kind == "administer" and action.content["day"] == 1
    ]
    return found


def drugs(decision: Decision) -> list[str]:
    return [line["drug"] for line in next_cycle(decision)["administrations"]]


# --- readings --------------------------------------------------------------------------------------------------------

ASSUMED = (
    ("assumptions: {}\n", "assumptions:\n  A1: {asks: Is it held?, default: held, readings: {held: yes, free: no}}\n"),
    ('when: {anc: {below: "1.0"}}', 'when: {A1: held, anc: {below: "1.0"}}'),
)


def test_a_rule_that_rests_on_a_reading_names_it_and_is_gone_under_another() -> None:
    text = changed(BIRCH, *ASSUMED)
    assert problems_of(text) == []
    held, free = (course_of(text, BEGINNING + LOW, A1=reading) for reading in ("held", "free"))
    assert drugs(held.decide()) == ["cordine", "mabtuz"]
    assert "A1" in held.decide().assumptions
    assert drugs(free.decide()) == ["palotin", "cordine", "mabtuz"]
    assert "A1" not in free.decide().assumptions
    assert "low_count" not in free.machine.table.modifications


def test_a_dose_that_a_reading_puts_into_a_band_names_it() -> None:
    band = "{reading_of: A1, low: 80 mg, high: 90 mg}"
    text = changed(
        MAPLE,
        (
            "assumptions: {}\n",
            "assumptions:\n  A1: {asks: Which?, default: low, readings: {low: 80 mg, high: 90 mg}}\n",
        ),
        ('{if: {weight: {below: "60"}}, dose: 80 mg}', f'{{if: {{weight: {{below: "60"}}}}, dose: {band}}}'),
    )
    assert problems_of(text) == []
    lines = BEGINNING.replace("birch", "maple").replace(FIRST_DOSE, "")
    lines += "e4 2026-01-05 observation fact=weight value=50 unit=kg\n"
    lines += "e5 2026-01-05 observation fact=own_dose value=4 unit=mg\n"
    found = course_of(text, lines, A1="high").decide()
    assert next_cycle(found)["administrations"][0]["dose"] == "90"
    assert "A1" in found.assumptions


# --- the calendar ----------------------------------------------------------------------------------------------------


def test_a_hold_is_released_on_a_day_that_is_worked_out() -> None:
    text = changed(
        BIRCH,
        ('{infected: yes}, until: {anc: {at_least: "1.5"}}', "{infected: yes}, until: {recovered: reached}"),
        ("  palotin_off:", "  recovered: {date: infected, plus: 2 weeks}\n  palotin_off:"),
    )
    assert problems_of(text) == []
    found = course_of(text, BEGINNING + "e5 2026-01-14 adverse_event term=sepsis grade=3\n")
    assert drugs(found.decide(date(2026, 1, 27))) == ["palotin", "mabtuz"]
    assert drugs(found.decide(date(2026, 1, 28))) == ["palotin", "cordine", "mabtuz"]


# --- one day ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["0.9", "0.4"])
def test_a_result_of_the_day_of_the_first_dose_is_before_it(value: str) -> None:
    found = begun("BIRCH-1", "birch", FIRST_DOSE + f"e5 2026-01-09 observation fact=anc value={value} unit=10*9/L\n")
    assert drugs(found.decide()) == ["palotin", "cordine", "mabtuz"]


def test_an_adverse_event_of_the_day_of_the_first_dose_comes_after_it() -> None:
    event = 'e5 2026-01-09 adverse_event term="peripheral neuropathy" grade=3\n'
    found = begun("BIRCH-1", "birch", FIRST_DOSE + event)
    assert next_cycle(found.decide())["administrations"][1]["dose"] == "60"


def test_two_counts_of_one_day_that_differ_keep_the_drug_waiting() -> None:
    found = begun("BIRCH-1", "birch", FIRST_DOSE + LOW + LOW.replace("e5", "e6").replace("0.9", "3.0")).decide()
    assert not [action for action in found.actions if action.kind == "administer"]
    assert {wait.fact for wait in found.awaiting} == {"anc"}


# --- what a decision says --------------------------------------------------------------------------------------------


def test_a_decision_says_how_a_dose_was_found_and_what_is_not_given() -> None:
    lines = FIRST_DOSE + LOW + "e6 2026-01-13 observation fact=anc value=1.7 unit=10*9/L\n"
    lines += "e7 2026-01-13 observation fact=lvef value=40 unit=%\n"
    found = next_cycle(begun("BIRCH-1", "birch", lines).decide())
    told = {line["drug"]: line["dose_from"] for line in found["administrations"]}
    assert told == {
        "palotin": {"ladder": "palo", "level": "100 mg", "since": "2026-01-12", "rules": ["low_count"]},
        "cordine": {"ladder": "cordi", "level": "1"},
    }
    held = {"drug": "mabtuz", "name": "mabtuz", "why": "held", "rule": "weak_heart", "since": "2026-01-13"}
    assert found["without"] == [{**held, "cites": ["R7"]}]


# --- what is checked -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("moves: down, past_last: discontinue", "moves: up, past_last: discontinue, starts: 75 mg"), "ignored"),
        (("dose: {level_of: cordi, of: 80 mg/m2}", "dose: {level_of: cordi}"), "ladder-line"),
        (("do: discontinue, label", "do: discontinue, until: {anc: any_result}, label"), "ignored"),
        (("past_last: discontinue, cite", "past_last: discontinue, starts: 90 mg, cite"), "unknown-level"),
        (("levels: [1, 3/4, 1/2]", "levels: [1, 3/4, 3/4]"), "ladder-levels"),
    ],
)
def test_what_no_rule_could_follow_is_found(change: tuple[str, str], code: str) -> None:
    assert code in {problem.code for problem in problems_of(changed(BIRCH, change))}
