"""The course of a trial itself: what its patients' courses announce to it, and what it announces to them.

CLOVER-1 is a dose escalation with two levels. Its rules are in the two files; the days below are counted by hand: a
patient whose first dose is on 5 January has been observed for 21 days on 26 January.
"""

from __future__ import annotations

import json
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from test_cli import run

from protocol_engine import Course, compile_protocol, load_protocol, parse_events
from protocol_engine.codec import event_json
from protocol_engine.engine.course import Machine
from protocol_engine.engine.intake import accepted
from protocol_engine.engine.trial import announcements, misfits

FILES = Path(__file__).parent / "protocols"
PATIENTS, TRIAL = FILES / "CLOVER-1.yaml", FILES / "CLOVER-1-TRIAL.yaml"
Wire = dict[str, Any]
OPENED = date(2026, 1, 1)


@cache
def machine(path: Path) -> Machine:
    return compile_protocol(load_protocol(str(path)))


def course_at(level: int, first_dose: str, *more: Wire) -> list[Wire]:
    return [
        {"id": "e1", "kind": "consent", "effective": "2026-01-01"},
        {"id": "e2", "kind": "eligibility", "effective": "2026-01-01", "met": True},
        {"id": "e3", "kind": "observation", "effective": first_dose, "fact": "level_1_open", "value": True},
        {"id": "e4", "kind": "observation", "effective": first_dose, "fact": "level_2_open", "value": level == 2},
        {"id": "e5", "kind": "allocation", "effective": first_dose, "arm": f"level_{level}"},
        {"id": "e6", "kind": "administration", "effective": first_dose, "regimen": f"clover_{level}0"},
        *more,
    ]


def toxicity(day: str, *, issued: str | None = None) -> Wire:
    told = {"id": "t1", "kind": "adverse_event", "effective": day, "term": "rash", "unacceptable": True}
    return told | ({"issued": issued} if issued is not None else {})


def no_toxicity(of: Wire, issued: str) -> Wire:
    return {
        "id": "c1",
        "kind": "correction",
        "effective": issued,
        "corrects": of["id"],
        "reason": "graded again",
        "event": {key: said for key, said in of.items() if key != "id"} | {"unacceptable": False},
    }


THREE_CLEAN = {
    "p1": course_at(1, "2026-01-05"),
    "p2": course_at(1, "2026-01-06"),
    "p3": course_at(1, "2026-01-07"),
}
BOARD: list[Wire] = [{"id": "b1", "kind": "choice", "effective": "2026-02-02", "choice": "level_2", "option": "open"}]


def told_to_the_trial(courses: dict[str, list[Wire]], until: str) -> list[Wire]:
    found = []
    for patient, wire in courses.items():
        events = parse_events([json.dumps(event) for event in wire])
        heard = announcements(
            machine(PATIENTS), machine(TRIAL).table, events, patient=patient, until=date.fromisoformat(until)
        )
        found += [event_json(event) for event in heard]
    return found


def announced(courses: dict[str, list[Wire]], board: list[Wire], until: str) -> list[tuple[str, str, bool]]:
    wire = [*told_to_the_trial(courses, until), *board]
    events, _ = accepted(machine(TRIAL).table, parse_events([json.dumps(event) for event in wire]))
    day = date.fromisoformat(until)
    said = announcements(machine(TRIAL), machine(PATIENTS).table, events, since=OPENED, until=day)
    return [(event.effective.text, event.fact, event.value) for event in said if event.kind == "observation"]


def trial_on(courses: dict[str, list[Wire]], board: list[Wire], until: str) -> Wire:
    wire = [*told_to_the_trial(courses, until), *board]
    course = Course(machine(TRIAL)).record_all(parse_events([json.dumps(event) for event in wire]))
    return course.decide(date.fromisoformat(until)).as_json()


AT_FIRST = [("2026-01-01", "level_1_open", True), ("2026-01-01", "level_2_open", False)]


def test_a_course_says_what_it_announces_on_the_day_on_which_it_holds() -> None:
    told = told_to_the_trial({"p1": course_at(1, "2026-01-05")}, "2026-01-30")
    assert {(event["effective"], event["fact"], event["value"]) for event in told} == {
        ("2026-01-01", "toxic_1", False),
        ("2026-01-01", "toxic_2", False),
        ("2026-01-01", "clean_1", False),
        ("2026-01-01", "clean_2", False),
        ("2026-01-26", "clean_1", True),
    }
    assert len({event["id"] for event in told}) == len(told)
    assert {event["components"]["patient"] for event in told} == {"p1"}


def test_a_level_opens_when_the_board_says_so_and_closes_with_the_second_toxicity() -> None:
    courses = THREE_CLEAN | {
        "p4": course_at(2, "2026-02-03", toxicity("2026-02-10")),
        "p5": course_at(2, "2026-02-04", toxicity("2026-02-20")),
    }
    assert announced(courses, BOARD, "2026-03-30") == [
        *AT_FIRST,
        ("2026-02-02", "level_2_open", True),
        ("2026-02-20", "level_2_open", False),
    ]


def test_the_board_is_asked_once_three_patients_were_observed() -> None:
    assert trial_on(THREE_CLEAN, [], "2026-01-27")["actions"] == []
    asked = trial_on(THREE_CLEAN, [], "2026-01-28")["actions"]
    assert [(action["kind"], action["choice"], action["options"], action["by"]) for action in asked] == [
        ("choose", "level_2", ["open", "leave_closed"], "safety board")
    ]


def test_one_toxicity_asks_for_five_patients_without() -> None:
    courses = THREE_CLEAN | {"p4": course_at(1, "2026-01-06", toxicity("2026-01-09"))}
    assert trial_on(courses, [], "2026-02-28")["actions"] == []
    courses |= {"p5": course_at(1, "2026-02-01"), "p6": course_at(1, "2026-02-02")}
    assert trial_on(courses, [], "2026-02-22")["actions"] == []
    assert [action["kind"] for action in trial_on(courses, [], "2026-02-23")["actions"]] == ["choose"]


def test_two_toxicities_at_level_1_end_the_trial() -> None:
    courses = {f"p{n}": course_at(1, "2026-01-05", toxicity(f"2026-01-1{n}")) for n in (1, 2)}
    assert announced(courses, [], "2026-01-30") == [*AT_FIRST, ("2026-01-12", "level_1_open", False)]
    ended = trial_on(courses, [], "2026-01-30")["ended"]
    assert (ended["reason"], ended["date"]) == ("not_tolerated", "2026-01-12")


def test_what_is_told_late_is_announced_on_the_day_on_which_it_is_told() -> None:
    courses = {
        "p1": course_at(1, "2026-01-05", toxicity("2026-01-11")),
        "p2": course_at(1, "2026-01-05", toxicity("2026-01-12", issued="2026-01-20")),
    }
    assert announced(courses, [], "2026-01-30") == [*AT_FIRST, ("2026-01-20", "level_1_open", False)]


def test_a_toxicity_that_was_none_opens_no_level_again() -> None:
    """The level was closed as known then, for good (R3); patients were not allocated to it meanwhile."""
    second = toxicity("2026-02-20")
    courses = THREE_CLEAN | {
        "p4": course_at(2, "2026-02-03", toxicity("2026-02-10")),
        "p5": course_at(2, "2026-02-04", second, no_toxicity(second, "2026-03-01")),
    }
    assert announced(courses, BOARD, "2026-03-30")[-1] == ("2026-02-20", "level_2_open", False)
    told = [event for event in told_to_the_trial(courses, "2026-03-30") if event["id"].startswith("p5.toxic_2")]
    assert [(event["effective"], event["value"]) for event in told][-2:] == [
        ("2026-02-20", True),
        ("2026-03-01", False),
    ]


def test_an_announcement_opens_the_arm_of_a_patient() -> None:
    consented = [event for event in course_at(2, "2026-02-03") if event["kind"] in ("consent", "eligibility")]
    waiting = Course(machine(PATIENTS)).record_all(parse_events([json.dumps(event) for event in consented]))
    assert {item["fact"] for item in waiting.decide(date(2026, 2, 3)).as_json()["awaiting"]} == {
        "level_1_open",
        "level_2_open",
    }
    wire = [*told_to_the_trial(THREE_CLEAN, "2026-02-03"), *BOARD]
    events = parse_events([json.dumps(event) for event in wire])
    said = announcements(machine(TRIAL), machine(PATIENTS).table, events, since=OPENED, until=date(2026, 2, 3))
    (action,) = waiting.record_all(said).decide(date(2026, 2, 3)).as_json()["actions"]
    assert (action["kind"], action["arms"]) == ("allocate", ["level_2"])


def test_files_that_do_not_belong_together_are_told() -> None:
    patients, trial = machine(PATIENTS).table, machine(TRIAL).table
    assert misfits(trial, patients) == ()
    assert misfits(patients, patients) == ("CLOVER-1 is the course of a patient; give a file with `subject: trial`",)
    assert misfits(trial, trial) == ("CLOVER-1-TRIAL is the course of a trial; give the file of its patients",)
    other = machine(FILES / "ROWAN-1.yaml").table
    assert "level_1_open is announced, and is no fact of ROWAN-1" in misfits(trial, other)
    assert "toxic_1 is announced by nobody: ROWAN-1 has no such announcement" in misfits(trial, other)


# --- the command ---------------------------------------------------------------------------------------------------


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    lines = [json.dumps({"patient": name, "events": events}) for name, events in THREE_CLEAN.items()]
    path = tmp_path / "patients.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_the_command_tells_where_the_trial_is_and_what_it_announces(cohort: Path, tmp_path: Path) -> None:
    board = tmp_path / "board.jsonl"
    board.write_text(json.dumps(BOARD[0]) + "\n", encoding="utf-8")
    page = run("trial", TRIAL, PATIENTS, cohort, "--opened", "2026-01-01", "--as-of", "2026-01-28").output
    assert "Where the trial is" in page
    assert "safety board" in page
    told = run("trial", TRIAL, PATIENTS, cohort, "--decided", board, "--opened", "2026-01-01", "--format", "events")
    said = [json.loads(line) for line in told.output.splitlines()]
    assert [(event["effective"], event["fact"], event["value"]) for event in said] == [
        *AT_FIRST,
        ("2026-02-02", "level_2_open", True),
    ]


def test_the_command_refuses_what_cannot_be_in_one_line(cohort: Path, tmp_path: Path) -> None:
    twice = tmp_path / "twice.jsonl"
    twice.write_text(cohort.read_text(encoding="utf-8") * 2, encoding="utf-8")
    for arguments, message in (
        ((TRIAL, PATIENTS, twice), "p1 stands in line 1 already"),
        ((PATIENTS, PATIENTS, cohort), "is the course of a patient"),
        ((TRIAL, TRIAL, cohort), "is the course of a trial"),
        ((TRIAL, PATIENTS, tmp_path / "none.jsonl"), "cannot be read"),
        ((TRIAL, PATIENTS, cohort, "--decided", cohort), "patient"),
    ):
        refused = run("trial", *arguments)
        assert refused.exit_code == 2
        assert message in refused.stderr
        assert "Traceback" not in refused.stderr
