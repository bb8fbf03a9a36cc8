"""DAWNA-FES: every criterion of the record at its limits, on both sides of its windows and alone.

The eligible patient is ``tests/screening/NCT05861830.jsonl``, asked about on 2026-02-01: a woman of 59 who consented on
2026-01-05, with a tumour of ER 85 %, PR 0 %, HER2 IHC 2+ and negative ISH that progressed on a CDK4/6 inhibitor given
for metastatic disease. What is expected is worked out by hand from the record.
"""

from __future__ import annotations

from typing import Any

import pytest

from protocol_engine.engine.patient_screening import PatientScreening
from tests import screened

PROTOCOL = "NCT05861830"
Facts = dict[str, Any]
"""Facts by name; a number is a pair of the number and its unit."""


def found(facts: Facts, *without: str, **readings: str) -> PatientScreening:
    """The eligible patient with other facts, and without some."""
    events = []
    for name, value in facts.items():
        number, unit = value if isinstance(value, tuple) else (value, None)
        events.append(screened.observed(name, number, **({"unit": unit} if unit is not None else {})))
    return screened.screened(PROTOCOL, screened.changed(PROTOCOL, *events, without=without), readings=readings)


def answers(facts: Facts, *without: str, **readings: str) -> dict[str, str]:
    return screened.outcomes(found(facts, *without, **readings))


def undecided(facts: Facts, *without: str) -> set[str]:
    return {answer.id for answer in found(facts, *without).screening.undecided}


def test_the_documented_patient_is_eligible_by_every_criterion() -> None:
    patient = found({})
    assert patient.screening.answer == "eligible"
    assert (patient.unreadable, patient.skipped) == ((), 0)
    for name, outcome in screened.outcomes(patient).items():
        assert outcome == ("not_met" if name.startswith("E") else "met"), name


# --- limits ----------------------------------------------------------------------------------------------------------

PERCENT_LIMITS = [
    # reading of A6, share of cells, unit, I1
    ("one_percent", "0.99", "%", "not_met"),
    ("one_percent", "1", "%", "met"),
    ("one_percent", "1.01", "%", "met"),
    ("one_percent", "0.0099", "1", "not_met"),
    ("one_percent", "0.01", "1", "met"),
    ("ten_percent", "9.99", "%", "not_met"),
    ("ten_percent", "10", "%", "met"),
    ("ten_percent", "10.01", "%", "met"),
    ("ten_percent", "0.0999", "1", "not_met"),
    ("ten_percent", "0.1", "1", "met"),
]


@pytest.mark.parametrize(("reading", "share", "unit", "expected"), PERCENT_LIMITS)
def test_i1_one_receptor_at_the_limit_is_enough(reading: str, share: str, unit: str, expected: str) -> None:
    for tested, other in (("er_percent", "pr_percent"), ("pr_percent", "er_percent")):
        assert answers({tested: (share, unit), other: ("0", "%")}, A6=reading)["I1"] == expected


HER2 = [
    # IHC, ISH (None: no report), I1
    ("0", None, "met"),
    ("1+", None, "met"),
    ("1+", "positive", "met"),
    ("2+", "negative", "met"),
    ("2+", "positive", "not_met"),
    ("2+", None, "unknown"),
    ("2+", "not_evaluable", "unknown"),
    ("3+", "negative", "not_met"),
    ("3+", None, "not_met"),
    ("not_evaluable", "negative", "unknown"),
    ("not_evaluable", "positive", "unknown"),
]


@pytest.mark.parametrize(("ihc", "ish", "expected"), HER2)
def test_i1_her2_negative(ihc: str, ish: str | None, expected: str) -> None:
    facts = {"her2_ihc": ihc} | ({"her2_ish": ish} if ish is not None else {})
    assert answers(facts, "her2_ish")["I1"] == expected


LIMITS = [
    # criterion, facts, outcome: below, at and above each limit
    ("I3", {"ecog": "0"}, "met"),
    ("I3", {"ecog": "2"}, "met"),
    ("I3", {"ecog": "3"}, "not_met"),
    ("I5.3", {"chemotherapy_lines_advanced": ("0", "1")}, "met"),
    ("I5.3", {"chemotherapy_lines_advanced": ("1", "1")}, "met"),
    ("I5.3", {"chemotherapy_lines_advanced": ("2", "1")}, "not_met"),
    ("I5.4", {"endocrine_lines_advanced": ("2", "1")}, "met"),
    ("I5.4", {"endocrine_lines_advanced": ("3", "1")}, "met"),
    ("I5.4", {"endocrine_lines_advanced": ("4", "1")}, "not_met"),
    ("I9", {"residual_toxicity": "0"}, "met"),
    ("I9", {"residual_toxicity": "1"}, "met"),
    ("I9", {"residual_toxicity": "2"}, "not_met"),
    # whole years on the day of consent, 2026-01-05
    ("H1", {"birth_date": "2008-01-06"}, "not_met"),
    ("H1", {"birth_date": "2008-01-05"}, "met"),
    ("H1", {"birth_date": "2008-01-04"}, "met"),
    ("H1", {"birth_date": "1946-01-04"}, "met"),
    ("H1", {"birth_date": "1945-01-06"}, "met"),
    ("H1", {"birth_date": "1945-01-05"}, "not_met"),
    ("E6", {"pleural_effusion": "asymptomatic"}, "not_met"),
    ("E6", {"pleural_effusion": "symptomatic"}, "met"),
    ("E6", {"pleural_effusion": "drainage_needed"}, "met"),
    ("E6", {"ascites": "asymptomatic"}, "met"),
    ("E6", {"pericardial_effusion": "symptomatic"}, "not_met"),
    ("E6", {"pericardial_effusion": "drainage_needed"}, "met"),
]


@pytest.mark.parametrize(("criterion", "facts", "expected"), LIMITS)
def test_limit(criterion: str, facts: Facts, expected: str) -> None:
    assert answers(facts)[criterion] == expected


def test_without_consent_the_age_is_that_of_the_day_asked_about() -> None:
    events = [event for event in screened.eligible(PROTOCOL) if event["kind"] != "consent"]
    for birth_date, expected in (("2008-02-01", "met"), ("2008-02-02", "not_met")):
        others = [event for event in events if event.get("fact") != "birth_date"]
        patient = screened.screened(PROTOCOL, [*others, screened.observed("birth_date", birth_date)])
        assert screened.outcomes(patient)["H1"] == expected


# --- times -----------------------------------------------------------------------------------------------------------

EFFUSION = {"pericardial_effusion": "asymptomatic"}
OTHER_CANCER = {"other_malignancy": "other"}
UNCURED = {"other_malignancy": "nonmelanoma_skin", "other_malignancy_cured": False}

TIMES = [
    # criterion, other facts, the date, its last day that keeps out, the first that does not
    ("E6", EFFUSION, "last_effusion_drainage", "2026-01-04", "2026-01-03"),
    ("E8", OTHER_CANCER, "other_malignancy_diagnosed", "2021-02-01", "2021-01-31"),
    ("E8", UNCURED, "other_malignancy_diagnosed", "2021-02-01", "2021-01-31"),
    ("E9", {}, "last_major_surgery", "2026-01-04", "2026-01-03"),
]


@pytest.mark.parametrize(("criterion", "facts", "fact", "inside", "outside"), TIMES)
def test_time(criterion: str, facts: Facts, fact: str, inside: str, outside: str) -> None:
    assert answers({**facts, fact: inside})[criterion] == "met"
    assert answers({**facts, fact: "2026-02-01"})[criterion] == "met"
    assert answers({**facts, fact: outside})[criterion] == "not_met"
    assert answers({**facts, fact: "never"})[criterion] == "not_met"


def test_a_date_after_the_day_asked_about_decides_nothing() -> None:
    later = screened.observed("last_major_surgery", "2026-02-02", on="2026-01-30")
    patient = screened.screened(PROTOCOL, screened.changed(PROTOCOL, later))
    assert screened.outcomes(patient)["E9"] == "unknown"


# --- one criterion alone ---------------------------------------------------------------------------------------------

ALONE: list[tuple[str, Facts]] = [
    ("I1", {"er_percent": ("0", "%")}),
    ("I1", {"her2_ihc": "3+"}),
    ("I1", {"her2_ish": "positive"}),
    ("I2 E1", {"fes_pet": "all_negative"}),  # the one scan that fails I2 is the one that E1 names
    ("I3", {"ecog": "4"}),
    ("I5", {"cdk46_advanced": "no_progression"}),
    ("I5", {"cdk46_advanced": "not_given"}),
    ("I5", {"chemotherapy_lines_advanced": ("2", "1")}),
    ("I5", {"endocrine_lines_advanced": ("4", "1")}),
    ("I7", {"measurable_lesion_outside_cns": False}),
    ("I9", {"residual_toxicity": "3"}),
    ("E2", {"prior_dalpiciclib": True}),
    ("E3", {"leptomeningeal_metastases": "current"}),
    ("E3", {"leptomeningeal_metastases": "past"}),
    ("E4", {"brain_metastases": "asymptomatic"}),
    ("E4", {"brain_metastases": "symptomatic"}),
    ("E4", {"spinal_cord_metastases": True}),
    ("E6", {"ascites": "symptomatic"}),
    ("E6", {"pleural_effusion": "symptomatic"}),
    ("E6", {"pericardial_effusion": "drainage_needed"}),
    ("E6", {"pericardial_effusion": "asymptomatic", "last_effusion_drainage": "2026-01-20"}),
    ("E7", {"able_to_swallow": False}),
    ("E7", {"bowel_obstruction": "current"}),
    ("E8", {"other_malignancy": "other"}),
    ("E8", {"other_malignancy": "superficial_bladder"}),
    ("E8", {"other_malignancy": "other_in_situ"}),
    ("E8", {"other_malignancy_cured": False}),
    ("E8", {"other_malignancy": "cervical_in_situ", "other_malignancy_cured": False}),
    ("E8", {"other_malignancy": "papillary_thyroid", "other_malignancy_cured": False}),
    ("E9", {"last_major_surgery": "2026-01-21"}),
    ("E9", {"major_surgery_expected": True}),
    ("H1", {"birth_date": "2010-01-01"}),
    ("H1", {"birth_date": "1940-01-01"}),
    ("H3", {"pathology_confirmation": "none"}),
]
ASKED = ("I4", "I6", "I8", "E5", "E7", "E10")


@pytest.mark.parametrize(("criteria", "facts"), ALONE)
def test_alone(criteria: str, facts: Facts) -> None:
    patient = found(facts)
    assert screened.barring(patient) == tuple(criteria.split())
    assert patient.screening.answer == "not_eligible"
    assert patient.screening.undecided == ()


@pytest.mark.parametrize("criterion", ASKED)
def test_a_word_on_a_criterion_alone(criterion: str) -> None:
    word = screened.attested(criterion, met=criterion.startswith("E"))
    assert screened.barring(screened.screened(PROTOCOL, screened.changed(PROTOCOL, word))) == (criterion,)
    silent = screened.screened(PROTOCOL, screened.changed(PROTOCOL, without=(criterion,)))
    assert [answer.id for answer in silent.screening.undecided] == [criterion]
    assert screened.outcomes(silent)[criterion] == "needs_attestation"


HARMLESS: list[Facts] = [
    {"er_percent": ("0", "%"), "pr_percent": ("40", "%")},
    {"cdk46_adjuvant": "relapse", "cdk46_advanced": "not_given"},
    {"bowel_obstruction": "past"},
    {"other_malignancy": "cervical_in_situ"},
    {"other_malignancy": "papillary_thyroid"},
    {"other_malignancy": "other", "other_malignancy_diagnosed": "2016-08-08", "other_malignancy_cured": False},
    {"other_malignancy": "none", "other_malignancy_diagnosed": "never"},
    {"last_effusion_drainage": "2026-01-20"},  # drained, and no effusion of the pericardium
    {"sex": "male"},
    {"pathology_confirmation": "cytology"},
    {"menopause": "pre"},
]


@pytest.mark.parametrize("facts", HARMLESS)
def test_what_keeps_nobody_out(facts: Facts) -> None:
    assert found(facts).screening.answer == "eligible"


# --- readings --------------------------------------------------------------------------------------------------------

READINGS: list[tuple[str, Facts, str, str]] = [
    # assumption, facts, criteria that bar under the first reading and under the other
    ("A5 women_only", {"sex": "male"}, "", "H2"),
    ("A6 ten_percent", {"er_percent": ("5", "%"), "pr_percent": ("9", "%")}, "", "I1"),
    ("A7 all_four", {}, "", "I5"),
    ("A7 all_four", {"cdk46_adjuvant": "relapse", "cdk46_advanced": "not_given"}, "", "I5"),
    ("A7 all_four", {"cdk46_adjuvant": "relapse"}, "", ""),
    ("A8 treatment_is_enough", {"cdk46_adjuvant": "not_given", "cdk46_advanced": "progression"}, "", ""),
    ("A8 treatment_is_enough", {"cdk46_adjuvant": "relapse", "cdk46_advanced": "not_given"}, "", ""),
    ("A8 treatment_is_enough", {"cdk46_advanced": "no_progression"}, "I5", ""),
    ("A8 treatment_is_enough", {"cdk46_adjuvant": "no_relapse", "cdk46_advanced": "not_given"}, "I5", ""),
    ("A8 treatment_is_enough", {"cdk46_advanced": "not_given"}, "I5", "I5"),
    ("A9 symptomatic_ascites", {"ascites": "asymptomatic"}, "E6", ""),
    ("A9 symptomatic_ascites", {"ascites": "symptomatic"}, "E6", "E6"),
    ("A10 needed_only", {"pericardial_effusion": "symptomatic", "last_effusion_drainage": "2026-01-20"}, "E6", ""),
    ("A10 needed_only", {"pericardial_effusion": "drainage_needed"}, "E6", "E6"),
    ("A11 skin_cured_only", {"other_malignancy": "cervical_in_situ", "other_malignancy_cured": False}, "E8", ""),
    ("A11 skin_cured_only", {"other_malignancy": "papillary_thyroid", "other_malignancy_cured": False}, "E8", ""),
    ("A11 skin_cured_only", {"other_malignancy_cured": False}, "E8", "E8"),
]


@pytest.mark.parametrize(("reading", "facts", "first", "other"), READINGS)
def test_reading(reading: str, facts: Facts, first: str, other: str) -> None:
    name, selected = reading.split()
    assert screened.barring(found(facts)) == tuple(first.split())
    assert screened.barring(found(facts, **{name: selected})) == tuple(other.split())


ALL_FOUR: list[tuple[Facts, str]] = [
    ({"cdk46_adjuvant": "not_given"}, "I5.1"),
    ({"cdk46_adjuvant": "relapse", "cdk46_advanced": "no_progression"}, "I5.2"),
    ({"cdk46_adjuvant": "relapse", "chemotherapy_lines_advanced": ("2", "1")}, "I5.3"),
    ({"cdk46_adjuvant": "relapse", "endocrine_lines_advanced": ("4", "1")}, "I5.4"),
]


@pytest.mark.parametrize(("facts", "failing"), ALL_FOUR)
def test_each_sub_item_of_i5_fails_alone(facts: Facts, failing: str) -> None:
    """As alternatives (A7) the first two stand and fall together; as two of four, each fails by itself."""
    parts = {name: outcome for name, outcome in answers(facts, A7="all_four").items() if name.startswith("I5.")}
    assert [name for name, outcome in parts.items() if outcome == "not_met"] == [failing]
    alternatives = answers(facts)
    assert alternatives["I5.1"] == alternatives["I5.2"]


# --- unknown ---------------------------------------------------------------------------------------------------------

NEEDED_BY = {
    "sex": "", "birth_date": "H1", "menopause": "", "pathology_confirmation": "H3",
    "her2_ihc": "I1", "her2_ish": "I1", "er_percent": "I1", "pr_percent": "",
    "fes_pet": "I2 E1", "measurable_lesion_outside_cns": "I7",
    "leptomeningeal_metastases": "E3", "brain_metastases": "E4", "spinal_cord_metastases": "E4",
    "ecog": "I3", "residual_toxicity": "I9",
    "ascites": "E6", "pleural_effusion": "E6", "pericardial_effusion": "E6", "last_effusion_drainage": "",
    "able_to_swallow": "E7", "bowel_obstruction": "E7",
    "cdk46_adjuvant": "", "cdk46_advanced": "I5", "chemotherapy_lines_advanced": "I5", "endocrine_lines_advanced": "I5",
    "prior_dalpiciclib": "E2", "last_major_surgery": "E9", "major_surgery_expected": "E9",
    "other_malignancy": "E8", "other_malignancy_diagnosed": "", "other_malignancy_cured": "E8",
}  # fmt: skip
"""Of each fact of the eligible patient: the criteria that stay open without it, as hers are decided by another."""


def test_what_stays_open_without_each_fact() -> None:
    assert set(NEEDED_BY) == {event["fact"] for event in screened.eligible(PROTOCOL) if "fact" in event}
    for fact, criteria in NEEDED_BY.items():
        patient = found({}, fact)
        assert {answer.id for answer in patient.screening.undecided} == set(criteria.split()), fact
        assert patient.screening.barring == ()
        assert {item.fact for item in patient.screening.lacking} == ({fact} if criteria else set())


OPEN: list[tuple[Facts, tuple[str, ...], str]] = [
    # facts, facts that are left out, criteria that stay open: what another fact no longer decides
    ({"er_percent": ("0", "%")}, ("pr_percent",), "I1"),
    ({"cdk46_advanced": "not_given"}, ("cdk46_adjuvant",), "I5"),
    ({"pericardial_effusion": "asymptomatic"}, ("last_effusion_drainage",), "E6"),
    ({"other_malignancy": "other"}, ("other_malignancy_diagnosed",), "E8"),
    ({"other_malignancy": "none"}, ("other_malignancy_diagnosed", "other_malignancy_cured"), ""),
    ({"ascites": "symptomatic"}, ("pleural_effusion", "pericardial_effusion"), ""),
    ({"fes_pet": "not_evaluable"}, (), "I2 E1"),
]


@pytest.mark.parametrize(("facts", "without", "criteria"), OPEN)
def test_open(facts: Facts, without: tuple[str, ...], criteria: str) -> None:
    assert undecided(facts, *without) == set(criteria.split())


def test_without_any_fact_nothing_is_decided_but_the_sex() -> None:
    word = screened.attested("I4", met=True)
    open_ones = screened.screened(PROTOCOL, [word])
    decided = [name for name, outcome in screened.outcomes(open_ones).items() if outcome in ("met", "not_met")]
    assert decided == ["I4", "H2"]
