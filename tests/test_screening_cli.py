"""The commands about eligibility: screen, criteria, synthesize; for a reader, for a program, and with wrong input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from test_cli import answer, errors, jsonl, prose, run
from test_screening import CONSENT, FIT, PATH, observed, replaced, without

from protocol_engine import load_protocol, shipped_protocols

DAY = ("--as-of", "2026-02-01")


def test_the_exit_code_is_whether_the_patient_is_eligible() -> None:
    found = answer("screen", PATH, "-", *DAY, stdin=jsonl(*FIT))
    assert (found["answer"], found["barring"], found["undecided"]) == ("eligible", [], [])
    assert answer("screen", PATH, "-", *DAY, stdin=jsonl(*without("E5")), code=1)["answer"] == "not_yet_decidable"
    out = answer("screen", PATH, "-", *DAY, stdin=jsonl(*replaced(observed("performance", "2"))), code=1)
    assert (out["answer"], out["barring"]) == ("not_eligible", ["I4"])


def test_each_answer_says_what_it_used_and_what_it_lacks() -> None:
    found = answer("screen", PATH, "-", *DAY, stdin=jsonl(*without("performance")), code=1)
    of = {item["id"]: item for item in found["criteria"]}
    assert of["I3.1"]["values"][0] == {
        "fact": "hemoglobin",
        "value": "120",
        "unit": "g/L",
        "date": "2026-01-30",
        "event": "hemoglobin 2026-01-30 120 {'unit': 'g/L'}",
    }
    assert of["I2"]["derived"] == {"age": "55"}
    assert of["I4"]["missing"] == [
        {
            "fact": "performance",
            "component": None,
            "why": "absent",
            "because": "performance is not reported",
            "needed_by": ["I4"],
        }
    ]
    assert of["I1"]["attested"]["by"] == "investigator"
    assert (found["protocol"]["id"], found["as_of"]) == ("SCREEN1", "2026-02-01")


def test_a_reader_finds_what_keeps_out_first() -> None:
    page = prose("screen", PATH, "-", *DAY, stdin=jsonl(*replaced(observed("performance", "2"))), code=1)
    assert "On 2026-02-01: not eligible, by I4." in page
    assert page.index("What keeps the patient out") < page.index("All criteria")
    assert "performance must be 0 or 1; it is 2" in page
    assert "hemoglobin 120 g/L of 2026-01-30" in page
    assert "bilirubin 10 umol/L (uln 20) of 2026-01-30" in page


def test_what_cannot_be_read_is_told_and_the_rest_is_answered() -> None:
    stdin = jsonl(*replaced(observed("hemoglobin", "7", unit="stone")))
    found = answer("screen", PATH, "-", *DAY, stdin=stdin, code=1)
    assert found["unreadable"][0]["fact"] == "hemoglobin"
    assert "stone" in found["unreadable"][0]["message"]
    assert found["undecided"] == ["I3"]
    assert "What could not be read" in prose("screen", PATH, "-", *DAY, stdin=stdin, code=1)


def test_a_fact_that_nobody_reads_is_a_slip_unless_it_is_skipped() -> None:
    stdin = jsonl(*FIT, observed("hemoglobine", "7", unit="g/L"))
    assert "did you mean hemoglobin?" in errors("screen", PATH, "-", stdin=stdin)[0]
    assert answer("screen", PATH, "-", *DAY, "--skip-unknown-facts", stdin=stdin)["skipped_unknown_facts"] == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("screen", PATH), "give PROTOCOL and FACTS"),
        (("screen", "--all", PATH, "-"), "give FACTS alone"),
        (("screen", "--all", "-", "--reading", "A1=both"), "a reading belongs to one protocol"),
        (("screen", "NO_SUCH", "-"), "no such protocol"),
        (("screen", PATH, "no-such-file.jsonl"), "cannot be read"),
        (("screen", PATH, "-"), "which day is asked about"),
        (("screen", PATH, "-", "--as-of", "tomorrow"), "is not a date"),
        (("criteria", "NO_SUCH"), "no such protocol"),
        (("synthesize", "NO_SUCH"), "no such protocol"),
        (("synthesize", PATH, "--patients", "0"), "0 is not in the range"),
    ],
)
def test_misuse_is_told_in_a_line(arguments: tuple[object, ...], said: str) -> None:
    assert any(said in line for line in errors(*arguments, stdin=""))


def test_lines_that_are_no_events_are_told_with_their_number() -> None:
    assert errors("screen", PATH, "-", stdin=jsonl(CONSENT) + "{}\n")[0].startswith("standard input:2")


# --- many patients ---------------------------------------------------------------------------------------------------


def cohort(tmp_path: Path, *patients: dict[str, Any]) -> Path:
    path = tmp_path / "cohort.jsonl"
    path.write_text(jsonl(*patients), encoding="utf-8")
    return path


def test_a_cohort_is_counted_and_listed(tmp_path: Path) -> None:
    path = cohort(
        tmp_path,
        {"patient": "p1", "events": FIT},
        {"patient": "p2", "events": replaced(observed("performance", "2"))},
        {"patient": "p3", "events": [CONSENT]},
    )
    rows = answer("screen", PATH, "--cohort", path, *DAY)
    assert [(row["patient"], row["answer"]) for row in rows] == [
        ("p1", "eligible"),
        ("p2", "not_eligible"),
        ("p3", "not_yet_decidable"),
    ]
    page = prose("screen", PATH, "--cohort", path, *DAY)
    assert "3 patients screened" in page
    assert "SCREEN1 1 1 1 I4 (1)" in page


def test_a_slip_in_a_cohort_is_told_with_its_line(tmp_path: Path) -> None:
    path = cohort(
        tmp_path,
        {"patient": "p1", "events": FIT},
        {"patient": "p2", "events": [CONSENT, {**observed("hemoglobine", "120", unit="g/L"), "id": "h"}]},
    )
    assert errors("screen", PATH, "--cohort", path, *DAY)[0].startswith(f"{path}:2: h 'hemoglobine' is no fact")
    rows = answer("screen", PATH, "--cohort", path, *DAY, "--skip-unknown-facts")
    assert [row["skipped_unknown_facts"] for row in rows] == [0, 1]


def test_synthetic_patients_are_screened_for_every_protocol(tmp_path: Path) -> None:
    """Their words are for the protocol that they were made for."""
    path = tmp_path / "patients.jsonl"
    path.write_text(run("synthesize", "NCT05861830", "--patients", "20", "--seed", "2").stdout, encoding="utf-8")
    rows = answer("screen", "--all", "--cohort", path, *DAY)
    assert len(rows) == 20 * len(shipped_protocols())
    assert {row["protocol"] for row in rows if row["answer"] == "eligible"} == {"NCT05861830"}


@pytest.mark.parametrize(
    "line", ["[]", '{"patient": 1, "events": []}', '{"events": []}', "x", '{"patient":"p","events":[{}]}']
)
def test_a_line_of_a_cohort_that_is_no_patient(tmp_path: Path, line: str) -> None:
    path = tmp_path / "cohort.jsonl"
    path.write_text(line + "\n", encoding="utf-8")
    assert errors("screen", PATH, "--cohort", path, *DAY)[0].startswith(f"{path}:1")


def test_synthetic_patients_are_the_same_for_a_seed_and_all_can_be_read(tmp_path: Path) -> None:
    made = run("synthesize", PATH, "--patients", "60", "--seed", "3").stdout
    assert made == run("synthesize", PATH, "--patients", "60", "--seed", "3").stdout
    assert made != run("synthesize", PATH, "--patients", "60", "--seed", "4").stdout
    path = tmp_path / "patients.jsonl"
    path.write_text(made, encoding="utf-8")
    rows = answer("screen", PATH, "--cohort", path, *DAY)
    assert len(rows) == len({row["patient"] for row in rows}) == 60
    assert {row["answer"] for row in rows} == {"eligible", "not_eligible", "not_yet_decidable"}
    assert all(row["unreadable"] == [] for row in rows)


# --- criteria --------------------------------------------------------------------------------------------------------


def test_criteria_are_listed_with_what_decides_them() -> None:
    found = {item["id"]: item for item in answer("criteria", PATH)}
    assert list(found) == list(load_protocol(str(PATH)).criteria)
    assert found["I1"]["decided_by"] == "data and attestation"
    assert found["E4"]["decided_by"] == "data or attestation"
    assert found["I3"]["decided_by"] == "its sub-items"
    assert found["E5"]["question"] == "Is there another reason against it?"
    assert (found["I3"]["window"], found["I3"]["retests"], found["I3"]["must_be_met"]) == ("14 days", 1, True)
    page = prose("criteria", PATH)
    assert "I3.1 hemoglobin without transfusion data" in page
    assert page.index("Inclusion") < page.index("Exclusion") < page.index("Limits in the header")


# --- the shipped protocols -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", shipped_protocols())
def test_every_shipped_protocol_lists_its_criteria_and_makes_patients(name: str, tmp_path: Path) -> None:
    assert [item["id"] for item in answer("criteria", name)] == list(load_protocol(name).criteria)
    path = tmp_path / "patients.jsonl"
    path.write_text(run("synthesize", name, "--patients", "40").stdout, encoding="utf-8")
    rows = answer("screen", name, "--cohort", path, *DAY)
    assert len(rows) == 40
    assert {"eligible", "not_eligible"} <= {row["answer"] for row in rows}
    assert all(row["unreadable"] == [] for row in rows)


def test_the_history_of_a_synthetic_patient_fits_together() -> None:
    """Two in five have nothing against them, lines of treatment are counted, and what is not there was not treated."""
    read = map(json.loads, run("synthesize", "NCT07377643", "--patients", "100", "--seed", "5").stdout.splitlines())
    patients = [{event["fact"]: event["value"] for event in one["events"] if "fact" in event} for one in read]
    for patient in patients:
        lines = [value for name, value in patient.items() if name.endswith("_lines_advanced")]
        assert all(value.isdigit() for value in lines)
        if patient.get("brain_metastases") == "none":
            assert {patient.get("last_brain_surgery"), patient.get("last_brain_radiotherapy")} <= {"never", None}
            assert "largest_brain_metastasis" not in patient
    dates = "adjuvant_therapy_completed", "advanced_disease_diagnosed"
    both = [[patient[name] for name in dates] for patient in patients if patient.keys() >= {*dates}]
    assert both
    assert all(completed < found for completed, found in both)


def test_one_report_of_fish_or_ish_answers_every_protocol() -> None:
    """FISH is an in situ hybridisation; IHC 2+ without it is open in each of the five, and with a negative one low."""
    ihc = observed("her2_ihc", "2+")
    for name in ("her2_fish", "her2_ish"):
        found = answer("screen", "--all", "-", *DAY, stdin=jsonl(CONSENT, ihc, observed(name, "negative")), code=1)
        assert all(item["fact"] not in ("her2_fish", "her2_ish") for patient in found for item in patient["missing"])
    lacking = answer("screen", "--all", "-", *DAY, stdin=jsonl(CONSENT, ihc), code=1)
    asked = [{item["fact"] for item in patient["missing"]} & {"her2_fish", "her2_ish"} for patient in lacking]
    assert [*map(sorted, asked)] == [["her2_fish"], *[["her2_ish"]] * 4]


def test_a_word_on_a_criterion_that_is_not_there_is_a_slip() -> None:
    for protocol in ({}, {"protocol": "SCREEN1"}):
        event = {"id": "a", "kind": "attestation", "effective": "2026-01-30", "criterion": "E9", "met": True, "by": "x"}
        assert errors("screen", PATH, "-", *DAY, stdin=jsonl(*FIT, event | protocol)) == [
            "standard input: a 'E9' is no criterion of SCREEN1"
        ]
    elsewhere = {**event, "protocol": "NCT07151586"}
    assert answer("screen", PATH, "-", *DAY, stdin=jsonl(*FIT, elsewhere))["skipped_unknown_facts"] == 1


def test_a_word_for_one_protocol_decides_no_other() -> None:
    """E5 of ALTER asks for anything against the study, that of IIT2025006 for an allergy."""
    word = {"id": "a", "kind": "attestation", "effective": "2026-01-30", "criterion": "E5", "met": False, "by": "x"}
    for event, decided in ((word, []), (word | {"protocol": "NCT07151586"}, ["NCT07151586"])):
        found = answer("screen", "--all", "-", *DAY, stdin=jsonl(CONSENT, event), code=1)
        attested = [
            item["protocol"]["id"]
            for item in found
            for one in item["criteria"]
            if one["id"] == "E5" and one["attested"]
        ]
        assert attested == decided
        assert [item["nameless_attestations"] for item in found] == [[] if decided else ["a"]] * 5
    assert "1 attestation left aside: a." in prose("screen", "--all", "-", *DAY, stdin=jsonl(CONSENT, word), code=1)


def test_one_patient_against_all_protocols() -> None:
    events = jsonl(
        CONSENT,
        {"id": "b", "kind": "observation", "effective": "2026-01-30", "fact": "birth_date", "value": "1940-01-01"},
    )
    found = answer("screen", "--all", "-", *DAY, stdin=events, code=1)
    assert [item["protocol"]["id"] for item in found] == list(shipped_protocols())
    assert "One patient, every protocol" in prose("screen", "--all", "-", *DAY, stdin=events, code=1)
