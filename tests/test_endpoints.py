"""Ends and endpoints on the journeys of the five protocols, and over a cohort. All days are counted by hand.

The months of 2026 have 31, 28, 31, 30, 31, 30, 31, 31, 30 and 31 days up to October: from 2 January to 10 March there
are 29 days of January, 28 of February and 10 of March, which is 67.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from course_lines import events, machine
from journey_transcripts import read_transcript
from test_cli import answer, prose, run

from protocol_engine import Course, compile_protocol, parse_events
from protocol_engine.engine.endpoints import completed_months
from protocol_engine.engine.survival import curve
from protocol_engine.model.outcomes import Outcomes
from protocol_engine.reader import read_protocol

TESTS = Path(__file__).parent
PLUM = TESTS / "protocols" / "PLUM-1.yaml"


def outcomes(journey: str, day: str, **readings: str) -> Outcomes:
    """The answer to a journey of the five protocols, under its own readings and these."""
    transcript = read_transcript(TESTS / "journeys" / f"{journey}.txt")
    course = Course(machine(transcript.protocol, {**transcript.readings, **readings}))
    lines = [json.dumps(event) for event in transcript.events]
    return course.record_all(parse_events(lines)).outcomes(date.fromisoformat(day))


def said(found: Outcomes) -> dict[str, str]:
    """Each endpoint in few words: its state, and where there is one its day, the days and the completed months."""
    return {
        item.name: " ".join(str(part) for part in (item.state, item.on, item.days, item.months) if part is not None)
        for item in found.endpoints
    }


# --- IIT2025006: the one protocol of the five whose record defines endpoints -----------------------------------------

IN_FULL = {
    # consent 01-02, cohort 01-12, PD 03-10, second ADC 03-17, PD 05-04, death 09-01. From 01-12 to 09-01:
    # 19 + 28 + 31 + 30 + 31 + 30 + 31 + 31 + 1 = 232. Nothing but SD and PD was seen, and the dead respond no more.
    ("cohort-1-waits-for-fish-then-both-adcs", "2026-09-01"): {
        "PFS1": "event 2026-03-10 67 2",
        "PFS2": "event 2026-05-04 48 1",
        "PFS_total": "event 2026-03-10 67 2",
        "OS": "event 2026-09-01 232 7",
        "ORR": "no",
    },
    # PD 04-01 on the first ADC: 29 + 28 + 31 + 1 = 89 days, and 3 months are over on 04-02. The response of 02-16 was
    # not seen again before the progression, and the patient lives.
    ("cohort-2-second-adc-stopped-for-toxicity", "2026-05-11"): {
        "PFS1": "event 2026-04-01 89 2",
        "PFS2": "censoring_not_stated",
        "PFS_total": "event 2026-04-01 89 2",
        "OS": "censoring_not_stated",
        "ORR": "not_yet",
    },
    # PD 02-10: 29 + 10 = 39. Second ADC 02-12, death 03-12: 16 + 12 = 28, a whole month. Cohort 01-07: 24 + 28 + 12.
    ("death-in-mid-cycle", "2026-03-12"): {
        "PFS1": "event 2026-02-10 39 1",
        "PFS2": "event 2026-03-12 28 1",
        "PFS_total": "event 2026-02-10 39 1",
        "OS": "event 2026-03-12 64 2",
        "ORR": "no",
    },
    # A cycle is reported for a day after the death: one of the two reports is wrong. What came before stands.
    ("death-in-mid-cycle", "2026-03-26"): {
        "PFS1": "event 2026-02-10 39 1",
        "PFS2": "unknown",
        "PFS_total": "event 2026-02-10 39 1",
        "OS": "unknown",
        "ORR": "unknown",
    },
    # The first ADC was stopped on 02-12 without progression; the second never began under the protocol.
    ("first-adc-stopped-by-choice-second-stays-closed", "2026-02-19"): {
        "PFS1": "censoring_not_stated",
        "PFS2": "not_begun",
        "PFS_total": "censoring_not_stated",
        "OS": "censoring_not_stated",
        "ORR": "not_yet",
    },
    # PD 02-17: 29 + 17 = 46.
    ("progression-retracted-after-second-adc", "2026-02-19"): {
        "PFS1": "event 2026-02-17 46 1",
        "PFS2": "censoring_not_stated",
        "PFS_total": "event 2026-02-17 46 1",
        "OS": "censoring_not_stated",
        "ORR": "not_yet",
    },
    # Taken back on 02-26, there was none.
    ("progression-retracted-after-second-adc", "2026-02-26"): {
        "PFS1": "censoring_not_stated",
        "PFS2": "censoring_not_stated",
        "PFS_total": "censoring_not_stated",
        "OS": "censoring_not_stated",
        "ORR": "not_yet",
    },
    # PD 04-20 is the first after either beginning: 29 + 28 + 31 + 20 = 108, and from 02-19 9 + 31 + 20 = 60.
    ("progression-retracted-after-second-adc", "2026-04-20"): {
        "PFS1": "event 2026-04-20 108 3",
        "PFS2": "event 2026-04-20 60 2",
        "PFS_total": "event 2026-04-20 108 3",
        "OS": "censoring_not_stated",
        "ORR": "not_yet",
    },
    # PD 03-02 after a withdrawal from treatment: 29 + 28 + 2 = 59. Off the study, nobody looks for a response any more.
    ("withdrawal-from-treatment-then-from-study", "2026-06-01"): {
        "PFS1": "event 2026-03-02 59 2",
        "PFS2": "not_begun",
        "PFS_total": "event 2026-03-02 59 2",
        "OS": "censoring_not_stated",
        "ORR": "no",
    },
    # Under four other readings: PFS-total ends with the PD of 04-21 on the second ADC, 29 + 28 + 31 + 21 = 109; OS runs
    # from consent, 29 + 28 + 31 + 30 + 31 + 30 + 31 + 31 + 30 + 1 = 272; the PR of 02-10 counts unconfirmed.
    ("other-readings-of-the-endpoints-change-no-decision", "2026-10-01"): {
        "PFS1": "event 2026-03-10 67 2",
        "PFS2": "event 2026-04-21 40 1",
        "PFS_total": "event 2026-04-21 109 3",
        "OS": "event 2026-10-01 272 8",
        "ORR": "yes 2026-02-10",
    },
}


@pytest.mark.parametrize(("journey", "day"), IN_FULL, ids=" ".join)
def test_the_endpoints_of_a_journey(journey: str, day: str) -> None:
    assert said(outcomes(f"IIT2025006/{journey}", day)) == IN_FULL[journey, day]


def test_a_patient_is_censored_at_the_stop_under_the_other_reading_alone() -> None:
    """A7: the first ADC was stopped on 02-12, 29 + 12 = 41 days after consent; who was not stopped is not censored."""
    journey = "IIT2025006/first-adc-stopped-by-choice-second-stays-closed"
    stopped = outcomes(journey, "2026-02-19", A7="censored_at_stop")
    assert said(stopped)["PFS1"] == "censored 2026-02-12 41 1"
    before = outcomes(journey, "2026-02-11", A7="censored_at_stop")
    assert said(before)["PFS1"] == "open"


def test_the_default_readings_count_otherwise() -> None:
    """The same events as above: OS from the cohort on 01-07, five days fewer; the PR was not seen again."""
    journey = "IIT2025006/other-readings-of-the-endpoints-change-no-decision"
    defaults = {"A2": "from_allocation", "A3": "as_written", "A6": "confirmed", "A7": "any_later_time"}
    found = said(outcomes(journey, "2026-10-01", **defaults))
    assert (found["PFS_total"], found["OS"], found["ORR"]) == ("event 2026-03-10 67 2", "event 2026-10-01 267 8", "no")


def test_an_answer_says_on_what_it_rests() -> None:
    found = {item.name: item for item in outcomes("IIT2025006/death-in-mid-cycle", "2026-03-26").endpoints}
    assert found["PFS1"].events == ("e1", "e6")
    assert found["PFS1"].basis == ("R5", "A7")
    assert found["OS"].missing == ("the day of death is in doubt: e9, e10 cannot all be right; correct or retract one",)
    silent = outcomes("IIT2025006/cohort-2-second-adc-stopped-for-toxicity", "2026-05-11").endpoints
    assert [item.not_stated for item in silent] == [(), ("N5",), (), ("N5",), ()]


# --- the ends of the five protocols ----------------------------------------------------------------------------------

ENDS = [
    # of these no record defines an endpoint, so a course has its ends and nothing more
    ("NCT05861830/postmenopausal-letrozole-until-progression", "2026-03-19",
     "ongoing", "ongoing", "not_begun"),
    ("NCT05861830/postmenopausal-letrozole-until-progression", "2026-03-20",
     "ended progression 2026-03-20", "ongoing", "not_stated"),
    ("NCT05861830/toxicity-not-judged-holds-treatment", "2026-02-02",
     "ended progression 2026-02-02", "ongoing", "not_stated"),
    ("NCT05861830/toxicity-not-judged-holds-treatment", "2026-02-05",
     "ongoing", "ongoing", "not_begun"),
    ("NCT05861830/toxicity-not-judged-holds-treatment", "2026-02-20",
     "ended discontinuation 2026-02-20", "ongoing", "not_stated"),
    ("NCT05861830/gnrh-stopped-for-good-then-oophorectomy", "2026-02-09",
     "ongoing", "ongoing", "not_begun"),
    ("NCT07151586/withdrawal-from-treatment-then-from-the-study", "2026-01-12",
     "ended withdrawal 2026-01-05", "ongoing", "open None 2026-01-05"),
    ("NCT07151586/withdrawal-from-treatment-then-from-the-study", "2026-03-01",
     "ended withdrawal 2026-01-05", "ended off_study 2026-03-01", "closed off_study 2026-03-01"),
    ("NCT07151586/alternating-two-sg-two-tdxd-until-progression", "2026-04-03",
     "ended progression 2026-04-03", "ongoing", "not_stated"),
    ("NCT07151586/sg-alone-without-end-until-study-closure", "2026-03-12",
     "ended study_closure 2026-03-12", "ended study_closure 2026-03-12", "closed study_closure 2026-03-12"),
    ("NCT07239271/death-in-mid-cycle", "2026-02-24",
     "ended death 2026-02-24", "ended death 2026-02-24", "closed death 2026-02-24"),
    ("NCT07239271/toxicity-ends-treatment-surgery-stays-open", "2026-02-25",
     "ended stopped 2026-02-25", "ongoing", "not_stated"),
    ("NCT07239271/toxicity-ends-treatment-surgery-stays-open", "2026-02-27",
     "ongoing", "ongoing", "not_begun"),
    ("NCT07239271/toxicity-ends-treatment-surgery-stays-open", "2026-04-14",
     "ended stopped 2026-03-20", "ongoing", "not_stated"),
    ("NCT07239271/control-six-cycles-then-surgery", "2026-05-19",
     "ended completed 2026-05-19", "ongoing", "not_stated"),
    ("NCT07377643/withdrawal-from-treatment-then-from-the-study", "2026-02-16",
     "ended withdrawal 2026-02-01", "ongoing", "open None 2026-02-01"),
    ("NCT07377643/group-a-ibi354-with-pertuzumab-until-progression", "2026-03-27",
     "ended progression 2026-03-27", "ongoing", "not_stated"),
    ("NCT07377643/group-c-taxane-may-change", "2026-03-01",
     "ended discontinuation 2026-03-01", "ongoing", "not_stated"),
    # survival is followed after the second ADC (A4), and treatment keeps its own end when the patient dies
    ("IIT2025006/cohort-2-second-adc-stopped-for-toxicity", "2026-05-11",
     "ended toxicity 2026-05-11", "ongoing", "open None 2026-05-11"),
    ("IIT2025006/cohort-1-waits-for-fish-then-both-adcs", "2026-09-01",
     "ended progression 2026-05-04", "ended death 2026-09-01", "closed death 2026-09-01"),
]  # fmt: skip
SILENT = {"NCT05861830": ("N6",), "NCT07151586": ("N6",), "NCT07239271": ("N7",), "NCT07377643": ("N6",)}


@pytest.mark.parametrize(("journey", "day", "treatment", "study", "follow_up"), ENDS)
def test_the_ends_of_a_journey(journey: str, day: str, treatment: str, study: str, follow_up: str) -> None:
    found = outcomes(journey, day)
    told = [end_words(end.as_json()) for end in (found.ends.treatment, found.ends.study, found.ends.survival_follow_up)]
    assert told == [treatment, study, follow_up]
    silent = SILENT.get(journey.partition("/")[0])
    assert silent is None or (found.endpoints, found.not_stated) == ((), silent)


def end_words(end: Mapping[str, str | None]) -> str:
    return end["state"] + (f" {end['reason']} {end['date']}" if end["date"] is not None else "") if end["state"] else ""


# --- many patients ---------------------------------------------------------------------------------------------------


def patient(name: str, **last: str) -> dict[str, Any]:
    gates = [("consent", {}), ("eligibility", {"met": True}), ("allocation", {"arm": "plum"})]
    events = [{"id": kind, "kind": kind, "effective": "2026-01-01", **more} for kind, more in gates]
    return {"patient": name, "events": [*events, {"id": "last", **last}]}


FIVE = [
    # days from 1 January: death on day 10, seen alive on day 20, death on days 20 and 30, seen alive on day 40
    patient("p1", kind="death", effective="2026-01-11"),
    patient("p2", kind="contact", effective="2026-01-21"),
    patient("p3", kind="death", effective="2026-01-21"),
    patient("p4", kind="death", effective="2026-01-31"),
    patient("p5", kind="contact", effective="2026-02-10"),
]
# 4 of 5 live on after day 10; of the 4 at risk on day 20 one dies: 4/5 x 3/4 = 3/5; then 3/5 x 1/2 = 3/10.
STEPS = [(10, 5, 1, 0, "4/5"), (20, 4, 1, 1, "3/5"), (30, 2, 1, 0, "3/10"), (40, 1, 0, 1, "3/10")]


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    path = tmp_path / "cohort.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in FIVE), encoding="utf-8")
    return path


def test_the_steps_of_five_patients(cohort: Path) -> None:
    found = answer("endpoints", PLUM, cohort, "--cohort", "--endpoint", "OS", "--format", "json")
    (overall,) = found["endpoints"]
    assert [tuple(point.values()) for point in overall["curve"]] == STEPS
    assert (overall["counts"], overall["median_days"]) == ({"censored": 2, "event": 3}, 30)
    assert [row["endpoints"][0]["days"] for row in found["patients"]] == [10, 20, 20, 30, 40]
    page = prose("endpoints", PLUM, cohort, "--cohort")
    assert "3/5, 0.6" in page
    assert "no curve is drawn, since not everybody is with the event or censored: 2 censoring not stated" in page


def test_the_picture_of_five_patients(cohort: Path) -> None:
    """600 units are 42 days and 300 units all patients: day 10 is 70 + 600 x 10 / 42 = 212.86, 4/5 is 50 + 60."""
    picture = run("endpoints", PLUM, cohort, "--cohort", "--endpoint", "OS", "--format", "svg")
    assert picture.exit_code == 0
    assert 'd="M70 50H212.86V110H355.71V170H498.57V260H641.43"' in picture.output
    assert [picture.output.count(f"<title>day {day}: 1 censored</title>") for day in (10, 20, 30, 40)] == [0, 1, 0, 1]
    at_risk = [line for line in picture.output.splitlines() if 'y="410"' in line]
    assert [line.partition(">")[2].partition("<")[0] for line in at_risk] == [*"5542210", "at risk"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--cohort", "--format", "svg"), "a picture is of one time to an event: choose it with --endpoint (PFS, OS"),
        (("--cohort", "--endpoint", "TTF", "--format", "svg"), "TTF: no curve is drawn"),
        (("--endpoint", "PFS3"), "defines no such endpoint; there are: PFS, OS"),
        (("--format", "svg"), "a picture is of many patients: add --cohort"),
        ((), "kind is missing"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_a_line(cohort: Path, options: tuple[str, ...], told: str) -> None:
    found = run("endpoints", PLUM, cohort, *options)
    assert found.exit_code == 2
    assert told in found.stderr


def test_a_slip_in_a_cohort_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "cohort.jsonl"
    lines = [FIVE[0], patient("p2", kind="observation", effective="2026-02-01", fact="weigth", value="1")]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    found = run("endpoints", PLUM, path, "--cohort")
    assert found.exit_code == 2
    assert "cohort.jsonl:2" in found.stderr
    assert "weigth" in found.stderr


def test_without_anybody_there_is_no_step() -> None:
    assert curve([]) == ()
    assert [point.share for point in curve([(5, False), (5, True)])] == [Fraction(1, 2)]


# --- one patient, as a page ------------------------------------------------------------------------------------------


def test_a_page_tells_the_ends_and_the_endpoints(tmp_path: Path) -> None:
    transcript = read_transcript(TESTS / "invented" / "PLUM-1" / "confirmed-progression-then-survival.txt")
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join(json.dumps(event) for event in transcript.events), encoding="utf-8")
    page = prose("endpoints", PLUM, path, "--as-of", "2026-12-31")
    for told in (
        "ended: progression 2026-07-27",
        "open since 2026-07-27",
        "capecitabine, from 2026-08-01",
        "event on 2026-06-22, after 168 days (5 completed months)",
        "1 event issued after 2026-12-31 left aside",
    ):
        assert told in page
    silent = TESTS / "protocols" / "ROWAN-1.yaml"
    empty = tmp_path / "none.jsonl"
    empty.write_text("", encoding="utf-8")
    page = prose("endpoints", silent, empty)
    assert "The file defines no endpoints. [not stated: N1]" in page
    assert "no day: nothing has happened" in page


@pytest.mark.parametrize(
    ("begin", "end", "months"),
    [
        ("2026-01-31", "2026-02-27", 0),
        ("2026-01-31", "2026-02-28", 1),  # a month after the 31st is the last day of a shorter month
        ("2026-01-31", "2026-03-30", 1),
        ("2026-01-31", "2026-03-31", 2),
        ("2026-03-15", "2026-03-15", 0),
        ("2024-02-29", "2025-02-28", 12),
    ],
)
def test_a_month_is_completed_on_its_day(begin: str, end: str, months: int) -> None:
    assert completed_months(date.fromisoformat(begin), date.fromisoformat(end)) == months


def test_a_patient_who_stands_twice_in_a_cohort_is_counted_by_nobody(tmp_path: Path) -> None:
    path = tmp_path / "cohort.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in (*FIVE, FIVE[0])), encoding="utf-8")
    found = run("endpoints", PLUM, path, "--cohort")
    assert found.exit_code == 2
    assert f"{path}:6 {FIVE[0]['patient']} stands in line 1 already" in found.stderr


def test_a_cohort_of_nobody_has_no_picture_and_no_day(tmp_path: Path) -> None:
    path = tmp_path / "cohort.jsonl"
    path.write_text("", encoding="utf-8")
    found = run("endpoints", PLUM, path, "--cohort", "--endpoint", "OS", "--format", "svg")
    assert (found.exit_code, "there is no patient" in found.stderr) == (2, True)
    assert "0001" not in run("endpoints", PLUM, path).output


TRACKED = """
e1 2026-01-02 consent
e2 2026-01-02 eligibility met=true
e3 2026-01-05 allocation arm=tablets
e4 2026-01-06 administration regimen=poplarin cycle=1 day=1
e5 2026-01-08 administration regimen=aspenib cycle=1 day=1
"""


@pytest.mark.parametrize(
    ("begins", "on"),
    [
        ("date_of: first_dose", "2026-01-06"),
        ("start_of: daily", "2026-01-06"),
        ("date_of: since_daily", "2026-01-06"),
        ("start_of: infusions", "2026-01-08"),
    ],
)
def test_a_dose_in_a_track_is_a_first_dose_and_begins_its_element(begins: str, on: str) -> None:
    """Poplarin of 6 January is given in a track, two days before the first dose of the course of the arm."""
    text = (TESTS / "protocols" / "ASPEN-1.yaml").read_text(encoding="utf-8")
    survival = f"endpoints:\n  OS: {{from: {{{begins}}}, to: {{date_of: death}}, censoring: from, cite: R1}}\n"
    named = "values:\n  since_daily: {label: first poplarin, date: element.daily, cite: R6}\n"
    text = text.replace("endpoints_see: N1\n", survival).replace("\nvalues:\n", f"\n{named}")
    course = Course(compile_protocol(read_protocol(text, "ASPEN-1.yaml"))).record_all(events(TRACKED))
    (found,) = course.outcomes().endpoints
    assert (found.state, str(found.begin)) == ("censored", on)
