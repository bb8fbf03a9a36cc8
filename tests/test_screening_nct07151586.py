"""ALTER: every criterion of the record at its limits, on both sides of its windows and alone.

The eligible patient is ``tests/screening/NCT07151586.jsonl``, asked about on 2026-02-01: a woman of 41 before
menopause, with HER2 IHC 2+ and negative ISH, samples of 2026-01-26 and a negative pregnancy test of 2026-01-29. What is
expected is worked out by hand from the record.
"""

from __future__ import annotations

from typing import Any

import pytest

from protocol_engine.engine.patient_screening import PatientScreening
from tests import screened

PROTOCOL = "NCT07151586"
Facts = dict[str, Any]
"""Facts by name, or by ``name@day``; a number is a tuple of it, its unit and, where it has one, its upper limit."""


def report(name: str, value: Any) -> screened.Wire:
    """The report of a fact, of 2026-01-30 unless its name says another day."""
    fact, _, day = name.partition("@")
    number, unit, *limit = value if isinstance(value, tuple) else (value, None)
    more = ({"unit": unit} if unit is not None else {}) | ({"components": {"uln": limit[0]}} if limit else {})
    return screened.observed(fact, number, day or "2026-01-30", **more)


def found(facts: Facts, *without: str, **readings: str) -> PatientScreening:
    """The eligible patient with other facts, and without some."""
    events = [report(name, value) for name, value in facts.items()]
    return screened.screened(PROTOCOL, screened.changed(PROTOCOL, *events, without=without), readings=readings)


def answers(facts: Facts, *without: str, **readings: str) -> dict[str, str]:
    return screened.outcomes(found(facts, *without, **readings))


def undecided(patient: PatientScreening) -> set[str]:
    return {answer.id for answer in patient.screening.undecided}


def test_the_documented_patient_is_eligible_by_every_criterion() -> None:
    patient = found({})
    assert patient.screening.answer == "eligible"
    assert (patient.unreadable, patient.skipped) == ((), 0)
    for name, outcome in screened.outcomes(patient).items():
        assert outcome == ("not_met" if name.startswith("E") else "met"), name


# --- limits ----------------------------------------------------------------------------------------------------------

LIVER, GILBERT, MAN = {"liver_metastases": True}, {"gilbert_syndrome": True}, {"sex": "male"}
BOTH_BREASTS = {"bilateral_breast_cancer": True, "other_breast_same_type": True}
AT_40 = {"birth_date": "1985-06-01"}

NUMBERS: list[tuple[str, str, Facts, dict[tuple[str, ...], str]]] = [
    # criterion, fact, other facts, {(unit, upper limit): "failing values; passing values"}
    ("I3.2", "er_percent", {}, {("%",): "10 10.01; 9.99", ("1",): "0.1 0.1001; 0.0999"}),
    ("I3.2", "pr_percent", {}, {("%",): "10 10.01; 9.99", ("1",): "0.1 0.1001; 0.0999"}),
    ("I3.2", "er_percent", BOTH_BREASTS, {("%",): "10; 9.99"}),
    ("I3.2", "pr_percent", BOTH_BREASTS, {("%",): "10; 9.99"}),
    ("I7.1", "hemoglobin", {}, {("g/L",): "89.9; 90 90.1", ("g/dL",): "8.99; 9 9.01"}),
    (
        "I7.2", "neutrophils", {},
        {("10*9/L",): "1.499; 1.5 1.501", ("/mm3",): "1499; 1500 1501", ("10*3/uL",): "1.49; 1.5"},
    ),
    (
        "I7.3", "platelets", {},
        {("10*9/L",): "99.9; 100 100.1", ("/mm3",): "99999; 100000 100001", ("/uL",): "99999; 100000"},
    ),
    ("I7.4", "bilirubin", {}, {("umol/L", "21"): "31.51; 31.5 31.49", ("mg/dL", "1.2"): "1.801; 1.8 1.799"}),
    ("I7.4", "bilirubin", LIVER, {("umol/L", "21"): "63 63.01; 62.99", ("mg/dL", "1.2"): "3.6 3.601; 3.599"}),
    ("I7.4", "bilirubin", GILBERT, {("umol/L", "21"): "63 63.01; 62.99", ("mg/dL", "1.2"): "3.6 3.601; 3.599"}),
    ("I7.5", "alt", {}, {("U/L", "35"): "105.1; 105 104.9", ("ukat/L", "0.6"): "1.801; 1.8 1.799"}),
    ("I7.5", "ast", {}, {("U/L", "35"): "105.1; 105 104.9", ("ukat/L", "0.6"): "1.801; 1.8 1.799"}),
    ("I7.5", "alt", LIVER, {("U/L", "35"): "175 175.1; 174.9", ("ukat/L", "0.6"): "3 3.01; 2.99"}),
    ("I7.5", "ast", LIVER, {("U/L", "35"): "175 175.1; 174.9", ("ukat/L", "0.6"): "3 3.01; 2.99"}),
    ("I7.5", "alt", GILBERT, {("U/L", "35"): "105.1; 105"}),
    ("I7.6", "albumin", {}, {("g/L",): "24.9; 25 25.1", ("g/dL",): "2.49; 2.5 2.51"}),
    # (140 - 40) x weight x 0.85 / (72 x 1.7 mg/dL) is 30 at 43.2 kg; 170 umol/L are 1.92304 mg/dL, so 30 at 48.86784 kg
    ("I7.7", "weight", {**AT_40, "creatinine": ("1.7", "mg/dL")}, {("kg",): "43.19; 43.2", ("g",): "43199; 43200"}),
    ("I7.7", "weight", {**AT_40, "creatinine": ("170", "umol/L")}, {("kg",): "48.86783; 48.86784 48.86785"}),
    (
        "I7.7", "creatinine", {**AT_40, "weight": ("43.2", "kg")},
        {("mg/dL",): "1.701; 1.7 1.699", ("umol/L",): "150.3; 150.2"},
    ),
    # without the factor for women: 100 x weight / (72 x 2 mg/dL)
    ("I7.7", "weight", {**AT_40, "sex": "male", "creatinine": ("2", "mg/dL")}, {("kg",): "43.19; 43.2 43.21"}),
    ("I8", "lvef", {}, {("%",): "54.9; 55 55.1", ("1",): "0.549; 0.55 0.551"}),
    # a month of contraception is a twelfth of 365.25 days: 7 are 213.0625 days, 4 are 121.75
    ("I6", "contraception_after_last_dose", {}, {("mo",): "6.9; 7 7.1", ("wk",): "30; 31", ("d",): "213; 214"}),
    ("I6", "contraception_after_last_dose", MAN, {("mo",): "3.9; 4 4.1", ("wk",): "17; 18", ("d",): "121; 122"}),
]  # fmt: skip
TRIED = [
    (criterion, {**facts, fact: (value, *form)}, outcome)
    for criterion, fact, facts, forms in NUMBERS
    for form, values in forms.items()
    for outcome, some in zip(("not_met", "met"), values.split(";"), strict=True)
    for value in some.split()
]


@pytest.mark.parametrize(("criterion", "facts", "expected"), TRIED)
def test_limit(criterion: str, facts: Facts, expected: str) -> None:
    patient = found(facts)
    assert patient.unreadable == ()
    assert screened.outcomes(patient)[criterion] == expected


LEVELS: list[tuple[str, Facts, str]] = [
    ("I5", {"ecog": "0"}, "met"),
    ("I5", {"ecog": "1"}, "met"),
    ("I5", {"ecog": "2"}, "not_met"),
    # whole years on the day of consent, 2026-01-05
    ("I2", {"birth_date": "2008-01-04"}, "met"),
    ("I2", {"birth_date": "2008-01-05"}, "met"),
    ("I2", {"birth_date": "2008-01-06"}, "not_met"),
    ("H1", {"birth_date": "2008-01-05"}, "met"),
    ("H1", {"birth_date": "2008-01-06"}, "not_met"),
    # whole years on the day asked about: a clearance of 30 mL/min at 40, of 29.7 at 41
    ("I7.7", {"birth_date": "1985-02-02", "weight": ("43.2", "kg"), "creatinine": ("1.7", "mg/dL")}, "met"),
    ("I7.7", {"birth_date": "1985-02-01", "weight": ("43.2", "kg"), "creatinine": ("1.7", "mg/dL")}, "not_met"),
    ("I6", {"contraception": "refused"}, "not_met"),
    ("I6", {"contraception": "effective"}, "met"),
    ("I6", {"contraception": "refused", "sex": "male"}, "not_met"),
    ("I7.5", {**LIVER, "alt": ("174", "U/L", "35"), "ast": ("175", "U/L", "35")}, "not_met"),
    ("I7.5", {"alt": ("36", "U/L", "35"), "ast": ("106", "U/L", "35")}, "not_met"),
    ("I3", {"disease_extent": "locally_advanced_inoperable"}, "met"),
    ("I3", {"disease_extent": "locally_advanced_operable"}, "not_met"),
    ("I3.2", BOTH_BREASTS, "met"),
    ("I3.2", {"bilateral_breast_cancer": True}, "not_met"),
    ("E4", {"ild_status": "past"}, "not_met"),
    ("E4", {"ild_status": "past", "ild_steroids": True}, "met"),
    ("E9", {"other_trial": "follow_up"}, "not_met"),
    ("E9", {"other_trial": "observational"}, "not_met"),
]


@pytest.mark.parametrize(("criterion", "facts", "expected"), LEVELS)
def test_level(criterion: str, facts: Facts, expected: str) -> None:
    assert answers(facts)[criterion] == expected


HER2 = [
    # IHC, ISH (None: no report), I3.1
    ("0", None, "not_met"),
    ("0", "negative", "not_met"),
    ("1+", None, "met"),
    ("1+", "negative", "met"),
    ("1+", "positive", "not_met"),
    ("1+", "not_evaluable", "unknown"),  # tested, and without a result: neither negative nor untested
    ("2+", "negative", "met"),
    ("2+", "positive", "not_met"),
    ("2+", None, "unknown"),
    ("3+", "negative", "not_met"),
    ("not_evaluable", "negative", "unknown"),
    ("not_evaluable", "positive", "not_met"),
]


@pytest.mark.parametrize(("ihc", "ish", "expected"), HER2)
def test_i3_1_her2_low(ihc: str, ish: str | None, expected: str) -> None:
    facts = {"her2_ihc": ihc} | ({"her2_ish": ish} if ish is not None else {})
    assert answers(facts, "her2_ish")["I3.1"] == expected


CAN_BEAR: list[tuple[Facts, bool]] = [
    # a woman who refuses contraception, and whether she could bear children: I6
    ({}, True),
    ({"birth_date": "1966-01-06"}, True),
    ({"birth_date": "1966-01-05"}, False),  # 60 on the day of consent
    ({"last_menstruation": "2025-02-02"}, True),
    ({"last_menstruation": "2025-02-01"}, False),  # just 12 months ago
    ({"last_menstruation": "2024-05-09", "amenorrhea_other_cause": True}, True),
    ({"last_menstruation": "never"}, True),
    ({"sterilization": "tubes_removed"}, True),
    ({"sterilization": "ovaries_removed"}, False),
    ({"sterilization": "uterus_removed"}, False),
    ({"sterilization": "uterus_and_ovaries_removed"}, False),
]


@pytest.mark.parametrize(("facts", "can_bear"), CAN_BEAR)
def test_childbearing_potential(facts: Facts, can_bear: bool) -> None:
    untested = found({**facts, "contraception": "refused"}, "pregnancy_test")
    assert screened.outcomes(untested)["I6"] == ("not_met" if can_bear else "met")
    assert screened.outcomes(untested)["I9"] == ("unknown" if can_bear else "met")
    assert screened.outcomes(untested)["E10"] == ("unknown" if can_bear else "not_met")


# --- windows ---------------------------------------------------------------------------------------------------------

LABORATORY: Facts = {
    "hemoglobin": ("112", "g/L"), "neutrophils": ("3.4", "10*9/L"), "platelets": ("231", "10*9/L"),
    "bilirubin": ("9", "umol/L", "21"), "alt": ("28", "U/L", "35"), "ast": ("31", "U/L", "35"),
    "albumin": ("39", "g/L"), "creatinine": ("68", "umol/L"), "weight": ("61.5", "kg"),
}  # fmt: skip


@pytest.mark.parametrize("fact", LABORATORY)
def test_i7_a_result_may_be_28_days_old(fact: str) -> None:
    assert found({f"{fact}@2026-01-04": LABORATORY[fact]}).screening.answer == "eligible"
    stale = found({f"{fact}@2026-01-03": LABORATORY[fact]})
    assert undecided(stale) == {"I7"}
    assert {(item.fact, item.why) for item in stale.screening.lacking} == {(fact, "stale")}


def test_i7_the_newest_result_counts_however_often_it_was_repeated() -> None:
    failed = {"hemoglobin@2026-01-08": ("80", "g/L"), "hemoglobin@2026-01-15": ("85", "g/L")}
    assert answers({**failed, "hemoglobin@2026-01-26": ("90", "g/L")})["I7.1"] == "met"
    assert answers({**failed, "hemoglobin@2026-01-01": ("120", "g/L")})["I7.1"] == "not_met"


BEFORE_SAMPLE = [
    # criterion, fact, the sample of 2026-01-26
    ("I7.1", "last_red_cell_transfusion", "hemoglobin"),
    ("I7.2", "last_gcsf", "neutrophils"),
    ("I7.3", "last_platelet_transfusion", "platelets"),
]


@pytest.mark.parametrize(("criterion", "fact", "sample"), BEFORE_SAMPLE)
def test_i7_nothing_in_the_week_before_the_sample(criterion: str, fact: str, sample: str) -> None:
    for day, expected in (("2026-01-26", "not_met"), ("2026-01-19", "not_met"), ("2026-01-18", "met")):
        assert answers({fact: day})[criterion] == expected
    # said before the sample: more may have been given since, unless what is said is enough to fail
    assert answers({f"{fact}@2026-01-25": "never"})[criterion] == "unknown"
    assert answers({f"{fact}@2026-01-25": "2026-01-10"})[criterion] == "unknown"
    assert answers({f"{fact}@2026-01-25": "2026-01-20"})[criterion] == "not_met"
    assert answers({f"{fact}@2026-01-26": "never"})[criterion] == "met"
    assert answers({}, sample)[criterion] == "unknown"


@pytest.mark.parametrize(("criterion", "fact"), [("I7.1", "last_red_cell_transfusion"), ("I7.2", "last_gcsf")])
def test_i7_what_was_given_after_the_sample_may_hide_what_was_given_before(criterion: str, fact: str) -> None:
    """The samples are of 26 January."""
    assert answers({fact: "2026-01-28"})[criterion] == "unknown"
    assert answers({f"{fact}@2026-01-26": "2026-01-10", fact: "2026-01-28"})[criterion] == "met"


def test_i9_a_pregnancy_test_may_be_7_days_old() -> None:
    for result in ("serum_negative", "urine_negative"):
        assert found({"pregnancy_test@2026-01-25": result}).screening.answer == "eligible"
        stale = found({"pregnancy_test@2026-01-24": result})
        assert undecided(stale) == {"I9"}
        assert [item.why for item in stale.screening.lacking] == ["stale"]
    assert screened.barring(found({"pregnancy_test@2026-01-24": "urine_positive"})) == ("E10",)


BRAIN: Facts = {
    "brain_metastases": "asymptomatic", "brain_metastases_stable_since": "2025-11-20",
    "brain_metastases_steroids": False, "last_brain_surgery": "2025-09-01", "last_brain_radiotherapy": "2025-10-01",
}  # fmt: skip
TIMES = [
    # criterion, other facts, the date, its last day that keeps out, the first that does not
    ("E3", BRAIN, "last_brain_surgery", "2026-01-18", "2026-01-17"),
    ("E3", BRAIN, "last_brain_radiotherapy", "2026-01-18", "2026-01-17"),
    ("E9", {}, "last_other_trial_treatment", "2026-01-02", "2026-01-01"),
    ("E9", {}, "last_other_trial_enrollment", "2026-01-02", "2026-01-01"),
]


@pytest.mark.parametrize(("criterion", "facts", "fact", "inside", "outside"), TIMES)
def test_time(criterion: str, facts: Facts, fact: str, inside: str, outside: str) -> None:
    for day in (inside, "2026-01-30"):
        assert answers({**facts, fact: day})[criterion] == "met"
    for day in (outside, "never"):
        assert answers({**facts, fact: day})[criterion] == "not_met"


# --- one criterion alone ---------------------------------------------------------------------------------------------

UNTREATED = {**BRAIN, "last_brain_surgery": "never", "last_brain_radiotherapy": "never"}
ALONE: list[tuple[str, Facts]] = [
    ("I2 H1", {"birth_date": "2009-05-05"}),  # the age limit stands twice
    ("I3", {"pathology_confirmation": "cytology"}),
    ("I3 H3", {"pathology_confirmation": "none"}),  # who has no cancer lacks its histology too
    ("I3", {"disease_extent": "early"}),
    ("I3", {"her2_ihc": "0"}),
    ("I3", {"her2_ish": "positive"}),
    ("I3", {"er_percent": ("10", "%")}),
    ("I3", {"pr_percent": ("40", "%")}),
    ("I3", {"bilateral_breast_cancer": True}),
    ("I5", {"ecog": "2"}),
    ("I6", {"contraception": "refused"}),
    ("I6", {"contraception_after_last_dose": ("6", "mo")}),
    ("I6", {"sex": "male", "contraception_after_last_dose": ("3", "mo")}),
    ("I7", {"hemoglobin": ("8.2", "g/dL")}),
    ("I7", {"last_red_cell_transfusion": "2026-01-24"}),
    ("I7", {"neutrophils": ("1.1", "10*9/L")}),
    ("I7", {"last_gcsf": "2026-01-22"}),
    ("I7", {"platelets": ("86", "10*9/L")}),
    ("I7", {"last_platelet_transfusion": "2026-01-27"}),
    ("I7", {"bilirubin": ("40", "umol/L", "21")}),
    ("I7", {"alt": ("130", "U/L", "35")}),
    ("I7", {"ast": ("130", "U/L", "35")}),
    ("I7", {"albumin": ("2.3", "g/dL")}),
    ("I7", {"creatinine": ("320", "umol/L")}),
    ("I8", {"lvef": ("50", "%")}),
    ("I9 E10", {"pregnancy_test": "serum_positive"}),  # the test that fails I9 shows what E10 names
    ("E1", {"prior_adc_her2_or_trop2": True}),
    ("E3", UNTREATED),
    ("E3", {**BRAIN, "brain_metastases": "symptomatic"}),
    ("E3", {**BRAIN, "brain_metastases_steroids": True}),
    ("E3", {**BRAIN, "brain_metastases_stable_since": "never"}),
    ("E3", {**BRAIN, "last_brain_radiotherapy": "2026-01-25"}),
    ("E4", {"ild_status": "current"}),
    ("E4", {"ild_status": "suspected"}),
    ("E4", {"ild_status": "past", "ild_steroids": True}),
    ("E9", {"other_trial": "on_treatment"}),
    ("E9", {"last_other_trial_treatment": "2026-01-15"}),
    ("E9", {"last_other_trial_enrollment": "2026-01-15"}),
    ("E10", {"breast_feeding": True}),
    ("E10", {"pregnancy_planned": True}),
    ("E10", {"last_menstruation": "2024-12-01", "pregnancy_test": "urine_positive"}),  # I9 asks her for no test
    ("E10", {"last_menstruation": "2024-12-01", "pregnancy_test": "serum_positive"}),
]  # fmt: skip
ASKED = ("I1", "I4", "I10", "I11", "E2", "E5", "E6", "E7", "E8", "E11", "E12")


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
    assert undecided(silent) == {criterion}
    assert screened.outcomes(silent)[criterion] == "needs_attestation"


def test_i1_no_consent_yet() -> None:
    events = [event for event in screened.eligible(PROTOCOL) if event["kind"] != "consent"]
    assert undecided(screened.screened(PROTOCOL, events)) == {"I1"}


FAILING_PARTS: list[tuple[str, Facts]] = [
    ("I3.1", {"her2_ihc": "3+"}),
    ("I3.2", {"er_percent": ("30", "%")}),
    ("I7.1", {"hemoglobin": ("70", "g/L")}),
    ("I7.2", {"neutrophils": ("900", "/uL")}),
    ("I7.3", {"platelets": ("50000", "/mm3")}),
    ("I7.4", {"bilirubin": ("70", "umol/L", "21")}),
    ("I7.5", {"ast": ("300", "U/L", "35")}),
    ("I7.6", {"albumin": ("20", "g/L")}),
    ("I7.7", {"creatinine": ("4", "mg/dL")}),
]


@pytest.mark.parametrize(("part", "facts"), FAILING_PARTS)
def test_a_sub_item_fails_alone(part: str, facts: Facts) -> None:
    outcomes = answers(facts)
    failed = [name for name, outcome in outcomes.items() if name.startswith("I") and outcome == "not_met"]
    assert failed == [part.partition(".")[0], part]


HARMLESS: list[Facts] = [
    {"sex": "male", "contraception_after_last_dose": ("4", "mo")},
    {"sex": "male", "pregnancy_test": "urine_positive"},
    {"her2_ihc": "1+"},
    {"er_percent": ("9", "%"), "pr_percent": ("5", "%")},
    {"bilirubin": ("60", "umol/L", "21"), "gilbert_syndrome": True},
    {"bilirubin": ("60", "umol/L", "21"), "alt": ("160", "U/L", "35"), "liver_metastases": True},
    BRAIN,
    {**BRAIN, "last_brain_surgery": "never"},
    {**BRAIN, "last_brain_radiotherapy": "never"},
    {"birth_date": "1955-03-03", "contraception": "refused", "pregnancy_planned": True},
    {"pregnancy_test": "urine_negative"},
    {
        "last_menstruation": "2024-12-01",
        "pregnancy_test@2025-06-01": "serum_positive",
        "pregnancy_test": "urine_negative",
    },
]


@pytest.mark.parametrize("facts", HARMLESS)
def test_what_keeps_nobody_out(facts: Facts) -> None:
    assert found(facts).screening.answer == "eligible"


# --- readings --------------------------------------------------------------------------------------------------------

OLD: Facts = {"birth_date": "1955-03-03", "contraception": "refused"}
NO_UTERUS: Facts = {"sterilization": "uterus_removed", "contraception": "refused"}
EARLY_SAMPLE: Facts = {"platelets@2026-01-10": ("231", "10*9/L")}
WAS_LOW: Facts = {"her2_ihc@2023-04-04": "2+", "her2_ihc": "0"}
STABLE: Facts = {**BRAIN, "brain_metastases": "symptomatic"}
READINGS: list[tuple[str, Facts, str, str]] = [
    # assumption, facts, criteria that bar under the first reading and under the other
    ("A6 either_suffices", OLD, "", "I6"),
    ("A6 either_suffices", NO_UTERUS, "", "I6"),
    ("A6 either_suffices", {**OLD, "sterilization": "uterus_removed"}, "", ""),
    ("A6 either_suffices", {**OLD, "sterilization": "ovaries_removed"}, "", "I6"),
    ("A6 either_suffices", {**OLD, "sterilization": "tubes_removed"}, "", "I6"),
    ("A6 either_suffices", {**NO_UTERUS, "sterilization": "uterus_and_ovaries_removed"}, "", ""),
    ("A6 either_suffices", {**OLD, "sex": "male"}, "I6", "I6"),
    ("A7 registration_only", {"last_platelet_transfusion": "2026-01-24"}, "I7", ""),
    ("A7 registration_only", {"last_platelet_transfusion": "2026-01-19"}, "I7", ""),
    ("A7 registration_only", {"last_platelet_transfusion": "2026-01-18"}, "", ""),
    ("A7 registration_only", {"last_platelet_transfusion": "2026-01-25"}, "I7", "I7"),
    ("A7 registration_only", {**EARLY_SAMPLE, "last_platelet_transfusion": "2026-01-25"}, "I7", "I7"),
    ("A7 registration_only", {**EARLY_SAMPLE, "last_platelet_transfusion": "2026-01-24"}, "", ""),
    ("A8 day_of_enrolment", {"other_trial": "on_treatment"}, "E9", ""),
    ("A8 day_of_enrolment", {"last_other_trial_treatment": "2026-01-15"}, "E9", ""),
    ("A8 day_of_enrolment", {"last_other_trial_enrollment": "2026-01-15"}, "E9", "E9"),
    ("A9 any_sample", WAS_LOW, "I3", ""),
    ("A9 any_sample", {**WAS_LOW, "her2_ish": "positive"}, "I3", "I3"),
    ("A9 any_sample", {"her2_ihc@2023-04-04": "1+", "her2_ihc": "3+"}, "I3", ""),
    ("A9 any_sample", {"her2_ihc@2023-04-04": "0", "her2_ihc": "3+"}, "I3", "I3"),
    ("A10 clinically_stable_enough", STABLE, "E3", ""),
    ("A10 clinically_stable_enough", {**UNTREATED, "brain_metastases": "symptomatic"}, "E3", "E3"),
    ("A10 clinically_stable_enough", {**STABLE, "brain_metastases_stable_since": "never"}, "E3", "E3"),
    ("A10 clinically_stable_enough", {**STABLE, "last_brain_surgery": "2026-01-18"}, "E3", "E3"),
]


@pytest.mark.parametrize(("reading", "facts", "first", "other"), READINGS)
def test_reading(reading: str, facts: Facts, first: str, other: str) -> None:
    name, selected = reading.split()
    assert screened.barring(found(facts)) == tuple(first.split())
    assert screened.barring(found(facts, **{name: selected})) == tuple(other.split())


def test_a6_a_man_needs_no_pregnancy_test_in_either_reading() -> None:
    for reading in ("both_needed", "either_suffices"):
        man = found({"sex": "male"}, "pregnancy_test", "sterilization", "last_menstruation", A6=reading)
        assert man.screening.answer == "eligible"


def test_a9_an_untested_1_plus_of_any_sample_is_low_and_an_untested_2_plus_is_open() -> None:
    for older, expected in (("1+", "met"), ("2+", "unknown")):
        facts = {"her2_ihc@2023-04-04": older, "her2_ihc": "0"}
        assert answers(facts, "her2_ish", A9="any_sample")["I3.1"] == expected
        assert answers(facts, "her2_ish")["I3.1"] == "not_met"


# --- unknown ---------------------------------------------------------------------------------------------------------

NEEDED_BY = {
    "weight": "I7", "her2_ihc": "I3", "her2_ish": "I3", "er_percent": "I3", "pr_percent": "I3",
    "pathology_confirmation": "I3 H3", "disease_extent": "I3",
    "bilateral_breast_cancer": "I3", "other_breast_same_type": "",
    "liver_metastases": "", "brain_metastases": "E3", "brain_metastases_stable_since": "",
    "brain_metastases_steroids": "", "last_brain_surgery": "", "last_brain_radiotherapy": "",
    "prior_adc_her2_or_trop2": "E1",
    "other_trial": "E9", "last_other_trial_treatment": "E9", "last_other_trial_enrollment": "E9",
    "sex": "I7", "birth_date": "I2 I7 H1", "ecog": "I5", "lvef": "I8", "ild_status": "E4", "ild_steroids": "",
    "hemoglobin": "I7", "neutrophils": "I7", "platelets": "I7",
    "last_red_cell_transfusion": "I7", "last_gcsf": "I7", "last_platelet_transfusion": "I7",
    "bilirubin": "I7", "gilbert_syndrome": "", "alt": "I7", "ast": "I7", "albumin": "I7", "creatinine": "I7",
    "pregnancy_test": "I9 E10", "breast_feeding": "E10", "pregnancy_planned": "E10",
    "sterilization": "", "last_menstruation": "", "amenorrhea_other_cause": "",
    "contraception": "I6", "contraception_after_last_dose": "I6",
}  # fmt: skip
"""Of each fact of the eligible patient: the criteria that stay open without it, as hers are decided by another."""


def test_what_stays_open_without_each_fact() -> None:
    assert set(NEEDED_BY) == {event["fact"] for event in screened.eligible(PROTOCOL) if "fact" in event}
    for fact, criteria in NEEDED_BY.items():
        patient = found({}, fact)
        assert undecided(patient) == set(criteria.split()), fact
        assert patient.screening.barring == ()
        assert fact in {item.fact for item in patient.screening.lacking} or not criteria


OPEN: list[tuple[Facts, str, str]] = [
    # facts, facts that are left out, criteria that stay open: what another fact no longer decides
    ({"bilirubin": ("40", "umol/L", "21")}, "gilbert_syndrome", "I7"),
    ({"bilirubin": ("40", "umol/L", "21")}, "liver_metastases", "I7"),
    ({"bilirubin": ("40", "umol/L", "21"), "gilbert_syndrome": True}, "liver_metastases", ""),
    ({"bilirubin": ("63", "umol/L", "21")}, "liver_metastases gilbert_syndrome", ""),
    ({"bilirubin": ("9", "umol/L")}, "", "I7"),
    ({"alt": ("130", "U/L", "35")}, "liver_metastases", "I7"),
    ({"alt": ("130", "U/L")}, "", "I7"),
    ({"bilateral_breast_cancer": True}, "other_breast_same_type", "I3"),
    ({"contraception": "refused"}, "sterilization", "I6"),
    ({"contraception": "refused"}, "last_menstruation", "I6"),
    ({"contraception": "refused", "last_menstruation": "2024-05-09"}, "amenorrhea_other_cause", "I6"),
    ({"contraception": "refused", "birth_date": "1955-03-03"}, "last_menstruation amenorrhea_other_cause", ""),
    ({"ild_status": "past"}, "ild_steroids", "E4"),
    (BRAIN, "brain_metastases_stable_since", "E3"),
    (BRAIN, "brain_metastases_steroids", "E3"),
    (BRAIN, "last_brain_surgery", "E3"),
    (BRAIN, "last_brain_radiotherapy", "E3"),
    ({"sex": "male"}, "pregnancy_test sterilization last_menstruation breast_feeding", ""),
    ({"hemoglobin": ("112", "mg")}, "", "I7"),
    ({"platelets": ("231", "g/L")}, "", "I7"),
]


@pytest.mark.parametrize(("facts", "without", "criteria"), OPEN)
def test_open(facts: Facts, without: str, criteria: str) -> None:
    left = {name: value for name, value in facts.items() if name not in without.split()}
    assert undecided(found(left, *without.split())) == set(criteria.split())


def test_without_any_fact_nothing_is_decided_but_the_sex() -> None:
    word = screened.attested("I4", met=True)
    outcomes = screened.outcomes(screened.screened(PROTOCOL, [word]))
    assert [name for name, outcome in outcomes.items() if outcome in ("met", "not_met")] == ["I4", "H2"]
