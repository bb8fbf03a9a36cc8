"""What passes between a trial and its patients: by the calendar, taken back, in another unit; and wrong input."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

from course_lines import events
from test_cli import answer, errors

from protocol_engine import compile_protocol, event_json
from protocol_engine.checks import check_protocol
from protocol_engine.engine.trial import announcements
from protocol_engine.reader import read_protocol

PROTOCOLS = Path(__file__).parent / "protocols"
TRIAL, PATIENTS = str(PROTOCOLS / "CLOVER-1-TRIAL.yaml"), str(PROTOCOLS / "CLOVER-1.yaml")
TREATED = """
e1 2026-01-01 consent
e2 2026-01-02 observation fact=level_1_open value=true
e3 2026-01-02 observation fact=level_2_open value=false
e4 2026-01-02 eligibility met=true
e5 2026-01-03 allocation arm=level_1
e6 2026-01-04 administration regimen=clover_10
"""


def cohort(tmp_path: Path, **courses: str) -> str:
    """A file of patients, each with a course of lines."""
    lines = [json.dumps({"patient": name, "events": [event_json(e) for e in events(t)]}) for name, t in courses.items()]
    path = tmp_path / "cohort.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


def reported(*arguments: str) -> dict[str, object]:
    """What the trial was told, by the id of the announcement: the day and the value."""
    found = answer("trial", TRIAL, PATIENTS, *arguments, "--format", "json")["reported"]
    return {item["id"]: (item["effective"], item.get("value")) for item in found}


def test_a_course_announces_by_the_calendar_up_to_the_last_day_of_all_patients(tmp_path: Path) -> None:
    """21 days from the dose of 4 January are over on the 25th, long after the last event of p1; p2 comes in March."""
    both = cohort(tmp_path, p1=TREATED, p2="e1 2026-03-01 consent")
    assert reported(both)["p1.clean_1.2"] == ("2026-01-25", True)
    assert "p1.clean_1.2" not in reported(both, "--as-of", "2026-01-24")
    assert reported(both) == reported(both, "--as-of", "2026-03-01")


def test_the_order_of_patients_and_of_their_events_changes_nothing(tmp_path: Path) -> None:
    backwards = "\n".join(reversed(TREATED.strip().splitlines()))
    one = reported(cohort(tmp_path, p1=TREATED, p2=TREATED))
    assert one == reported(cohort(tmp_path, p2=backwards, p1=backwards))


def test_what_is_known_no_longer_leaves_nothing_that_was_announced_before() -> None:
    """Low, then high, then too old to count: after that neither of the two may be heard."""
    text = Path(PATIENTS).read_text(encoding="utf-8")
    for old, new in (
        ("\ndrugs:", "  stage: {label: stage, levels: [low, high], cite: R1}\n\ndrugs:"),
        ("\ncourse:", "  stage_now: {label: stage, last: stage, within: 10 days, cite: R1}\n\ncourse:"),
        ("announces:\n", "announces:\n  stage_said: {value: stage_now, cite: R1}\n"),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    heard = Path(TRIAL).read_text(encoding="utf-8")
    fact = "  stage_said: {label: stage, levels: [low, high], each: patient, cite: R1}\n\ndrugs: {}"
    patients = read_protocol(text, "patients.yaml")
    assert [problem.code for problem in check_protocol(patients)] == []
    trial = compile_protocol(read_protocol(heard.replace("\ndrugs: {}", fact), "trial.yaml"))
    course = events("a 2026-01-01 observation fact=stage value=low\nb 2026-01-05 observation fact=stage value=high")
    told = announcements(compile_protocol(patients), trial.table, course, patient="p1", until=date(2026, 2, 1))
    found = [(item.effective.text, event_json(item).get("value"), event_json(item).get("retracts")) for item in told]
    assert [item for item in found if item[1] is not False] == [
        ("2026-01-01", "low", None),
        ("2026-01-05", "high", None),
        ("2026-01-16", None, "p1.stage_said.2"),
        ("2026-01-16", None, "p1.stage_said.1"),
    ]


def test_what_is_announced_in_another_unit_is_refused_before_anybody_reads_it(tmp_path: Path) -> None:
    """A weight in kg that a trial would read in g is a thousand times too small."""
    files = []
    for path, facts, announced in (
        (PATIENTS, "  weight: {label: weight, quantity: kg, cite: R1}\n", "  heavy: {value: weight, cite: R3}\n"),
        (TRIAL, "  heavy: {label: weight, quantity: g, each: patient, cite: R1}\n", ""),
    ):
        text = Path(path).read_text(encoding="utf-8")
        text = text.replace("\ndrugs:", f"{facts}\ndrugs:").replace("announces:\n", f"announces:\n{announced}")
        files.append(tmp_path / Path(path).name)
        files[-1].write_text(text, encoding="utf-8")
    told = errors("trial", str(files[1]), str(files[0]), cohort(tmp_path, p1=TREATED))
    assert len(told) == 1
    assert "announced-otherwise announces.heavy.value" in told[0]
    assert "it is in kg, and read there in g" in told[0]
