"""The 18 criteria of IIT2025006, on one eligible patient and on what becomes of her when something is otherwise.

All expectations are worked out from the record. She is asked about on 2026-02-01, four weeks after consent, is 54 years
old, and has an IHC of 2+ with a negative FISH, ER of 90 % and PR of 0 %. A line says what is otherwise (``told``).
"""

from __future__ import annotations

import pytest
from screened import attested, bars, changed, eligible, machine, outcomes, screened, told, undecided

from protocol_engine.engine.patient_screening import PatientScreening

PROTOCOL = "IIT2025006"
CRITERIA = (*(f"I{n}" for n in range(1, 8)), *(f"E{n}" for n in range(1, 10)), "H1", "H2")
ASKED = ("I6", "E2", "E5", "E7")


def asked(line: str, **readings: str) -> PatientScreening:
    return screened(PROTOCOL, told(PROTOCOL, line), readings=readings)


def test_the_eligible_patient_meets_what_must_be_met_and_nothing_else() -> None:
    found = screened(PROTOCOL, eligible(PROTOCOL))
    assert found.screening.answer == "eligible"
    assert outcomes(found) == {name: "not_met" if name.startswith("E") else "met" for name in CRITERIA}
    assert not found.unreadable


# What keeps the patient out: alone, save where the record says the same thing twice (I1 and H1 the age, I2 and H2 the
# disease). I7 cannot fail: without a signed form it is open.
FAILS = [
    ("birth_date 2010-01-01", "I1 H1"),
    ("pathology_confirmation none", "I2 H2"),
    ("pathology_confirmation histology_in_situ", "I2"),
    ("disease_extent early", "I2"),
    ("disease_extent locally_advanced_operable", "I2"),
    ("er_percent 0 %", "I2"),
    ("her2_ihc 3+", "I2"),
    ("her2_ihc 3+; -her2_fish", "I2"),
    ("her2_fish positive", "I2"),
    ("-her2_fish; her2_ish positive", "I2"),
    ("cdk46_with_endocrine never; cdk46_progression none", "I3"),
    ("cdk46_with_endocrine adjuvant_only", "I3"),
    ("cdk46_progression clinical_only", "I3"),
    ("cdk46_progression none", "I3"),
    ("evaluable_lesion no", "I4"),
    ("chemotherapy_lines_advanced 3 1", "I5"),
    ("ecog 3", "I6"),
    ("ecog 4", "I6"),
    ("I6 no", "I6"),
    ("prior_top1_inhibitor chemotherapy_only", "E1"),
    ("prior_top1_inhibitor antibody_drug_conjugate", "E1"),
    ("E2 yes", "E2"),
    ("ild_status past; ild_severity moderate; pulmonary_insufficiency yes", "E3"),
    ("ild_status current; ild_severity severe; pulmonary_insufficiency yes", "E3"),
    ("brain_metastases symptomatic", "E4"),
    ("E5 yes", "E5"),
    ("inflammatory_bowel_disease active", "E6"),
    ("bowel_obstruction past", "E6"),
    ("bowel_obstruction current", "E6"),
    ("gi_perforation healed", "E6"),
    ("gi_perforation unhealed", "E6"),
    ("nyha_class III", "E7"),
    ("nyha_class IV", "E7"),
    ("last_myocardial_infarction 2025-12-01", "E7"),
    ("E7 yes", "E7"),
    ("infection_grade 1", "E8"),
    ("hiv positive", "E8"),
    ("hbsag positive", "E8"),
    ("hcv_rna detected", "E8"),
    ("pregnancy_test serum_positive", "E9"),
    ("menopause peri; pregnancy_test urine_positive", "E9"),
    ("menopause post; pregnancy_test serum_positive", "E9"),  # a positive test counts whatever she was held to be
    ("sterilization tubes_removed; pregnancy_test urine_positive", "E9"),
    ("-menopause; -sterilization; pregnancy_test serum_positive", "E9"),
    ("breast_feeding yes", "E9"),
    ("menopause post; breast_feeding yes", "E9"),
]
# One of several is known to keep the patient out, and what is not known of the others does not matter.
FAILS_WHATEVER_ELSE = [
    ("er_percent 0 %; -her2_ihc; -her2_fish; -disease_extent", "I2"),
    ("-cdk46_with_endocrine; cdk46_progression none", "I3"),
    ("-ecog; I6 no", "I6"),
    ("ecog 3; -I6", "I6"),
    ("-bowel_obstruction; gi_perforation healed; -inflammatory_bowel_disease", "E6"),
    ("-nyha_class; -last_myocardial_infarction; E7 yes", "E7"),
    ("nyha_class III; -last_myocardial_infarction; -E7", "E7"),
    ("-infection_grade; -hiv; -hbsag; hcv_rna detected", "E8"),
    ("-menopause; -sterilization; -pregnancy_test; breast_feeding yes", "E9"),
]


@pytest.mark.parametrize(("line", "expected"), [*FAILS, *FAILS_WHATEVER_ELSE])
def test_a_criterion_keeps_the_patient_out_alone(line: str, expected: str) -> None:
    found = asked(line)
    assert bars(found) == set(expected.split())
    assert undecided(found) == set()
    assert found.screening.answer == "not_eligible"


def test_every_criterion_fails_alone_somewhere() -> None:
    assert {name for _, expected in FAILS for name in expected.split()} == set(CRITERIA) - {"I7"}


FITS = [
    "pathology_confirmation cytology",
    "disease_extent locally_advanced_inoperable",
    "er_percent 0 %; pr_percent 90 %",
    "her2_ihc 0; -her2_fish",
    "her2_ihc 1+; -her2_fish",
    "her2_ihc 2+; -her2_fish; her2_ish negative",  # FISH is an ISH (A11)
    "chemotherapy_lines_advanced 0 1",
    "ild_status past; ild_severity mild; pulmonary_insufficiency yes",
    "ild_status past; ild_severity severe; pulmonary_insufficiency no",
    "ild_status suspected; ild_severity severe; pulmonary_insufficiency yes",
    "ild_status none; pulmonary_insufficiency yes",
    "brain_metastases asymptomatic",
    "inflammatory_bowel_disease inactive",
    "menopause post; -pregnancy_test",
    "sterilization uterus_removed; -pregnancy_test",
    "sterilization tubes_removed; -pregnancy_test",
    "sex male; -menopause; -sterilization; -pregnancy_test; -breast_feeding",
]


@pytest.mark.parametrize("line", FITS)
def test_what_the_record_lets_in(line: str) -> None:
    assert asked(line).screening.answer == "eligible"


# Limits: just below, at and just above; then the criteria that keep out, by reading if another one than the default.
LIMITS = [
    # the age is that of the day of consent, 2026-01-05
    ("birth_date 2008-01-06", "I1 H1"),
    ("birth_date 2008-01-05", ""),
    ("birth_date 2008-01-04", ""),
    ("er_percent 0.9 %", "I2"),
    ("er_percent 1 %", ""),
    ("er_percent 1.1 %", ""),
    ("er_percent 0.009 1", "I2"),
    ("er_percent 0.01 1", ""),
    ("er_percent 0.011 1", ""),
    ("er_percent 0 %; pr_percent 0.9 %", "I2"),
    ("er_percent 0 %; pr_percent 1 %", ""),
    ("er_percent 0 %; pr_percent 1.1 %", ""),
    ("er_percent 0 %; pr_percent 0.009 1", "I2"),
    ("er_percent 0 %; pr_percent 0.01 1", ""),
    ("chemotherapy_lines_advanced 1 1", ""),
    ("chemotherapy_lines_advanced 2 1", ""),
    ("chemotherapy_lines_advanced 3 1", "I5"),
    ("ecog 1", ""),
    ("ecog 2", ""),
    ("ecog 3", "I6"),
    ("nyha_class II", ""),
    ("nyha_class III", "E7"),
    ("infection_grade 0", ""),
    ("infection_grade 1", "E8"),
    # six months before 2026-02-01, the day itself still inside
    ("last_myocardial_infarction 2025-07-31", ""),
    ("last_myocardial_infarction 2025-08-01", "E7"),
    ("last_myocardial_infarction 2025-08-02", "E7"),
    ("last_myocardial_infarction 2026-02-01", "E7"),
]


@pytest.mark.parametrize(("line", "expected"), LIMITS)
def test_limits(line: str, expected: str) -> None:
    found = asked(line)
    assert (bars(found), undecided(found)) == (set(expected.split()), set())


READINGS = [
    ("A11", "fish_only", "-her2_fish; her2_ish positive", "I2", ""),
    ("A8", "er_only", "er_percent 0 %; pr_percent 90 %", "", "I2"),
    ("A8", "er_only", "er_percent 0.9 %; pr_percent 1 %", "", "I2"),
    ("A8", "er_only", "er_percent 1 %; pr_percent 0 %", "", ""),
    ("A9", "any_setting", "cdk46_with_endocrine adjuvant_only", "I3", ""),
    ("A9", "any_setting", "cdk46_with_endocrine never", "I3", "I3"),
    ("A9", "any_setting", "cdk46_with_endocrine adjuvant_only; cdk46_progression clinical_only", "I3", "I3"),
    ("A10", "viral_load", "hbsag positive; hbv_dna 0 [IU]/mL", "E8", ""),
    ("A10", "viral_load", "hbsag positive; hbv_dna 1 [IU]/mL", "E8", "E8"),
    ("A10", "viral_load", "hbsag positive; hbv_dna 1 [IU]/L", "E8", "E8"),
    ("A10", "viral_load", "hbsag negative; hbv_dna 1 [IU]/mL", "", ""),
    ("A10", "viral_load", "hbsag negative; hcv_rna detected", "E8", "E8"),
]


@pytest.mark.parametrize(("assumption", "reading", "line", "by_default", "otherwise"), READINGS)
def test_the_readings_of_an_assumption(
    assumption: str, reading: str, line: str, by_default: str, otherwise: str
) -> None:
    assert bars(asked(line)) == set(by_default.split())
    assert bars(asked(line, **{assumption: reading})) == set(otherwise.split())


# What stays open without a fact. What is not named leaves nothing open: the answer stands on what else is known of her.
OPEN_WITHOUT = {
    "birth_date": "I1 H1",
    "pathology_confirmation": "I2 H2",
    "disease_extent": "I2",
    "er_percent": "I2",
    "her2_ihc": "I2",
    "her2_fish": "I2",
    "cdk46_with_endocrine": "I3",
    "cdk46_progression": "I3",
    "evaluable_lesion": "I4",
    "chemotherapy_lines_advanced": "I5",
    "ecog": "I6",
    "prior_top1_inhibitor": "E1",
    "brain_metastases": "E4",
    "inflammatory_bowel_disease": "E6",
    "bowel_obstruction": "E6",
    "gi_perforation": "E6",
    "nyha_class": "E7",
    "last_myocardial_infarction": "E7",
    "infection_grade": "E8",
    "hiv": "E8",
    "hbsag": "E8",
    "hcv_rna": "E8",
    "pregnancy_test": "E9",
    "breast_feeding": "E9",
}
KNOWN = [event["fact"] for event in eligible(PROTOCOL) if "fact" in event]


@pytest.mark.parametrize("fact", KNOWN)
def test_without_a_fact_what_needs_it_is_open(fact: str) -> None:
    found = asked(f"-{fact}")
    assert undecided(found) == set(OPEN_WITHOUT.get(fact, "").split())
    assert bars(found) == set()
    assert found.screening.answer == ("not_yet_decidable" if fact in OPEN_WITHOUT else "eligible")
    lacking = {item.fact for item in found.screening.lacking}
    assert lacking == ({fact} if fact in OPEN_WITHOUT else set())


def test_every_fact_is_known_of_her_or_only_matters_to_others() -> None:
    read = {fact for item in machine(PROTOCOL).table.criteria.values() if item.condition for fact in _read(item)}
    assert read - set(KNOWN) == {"ild_severity"}  # she has no interstitial lung disease
    assert set(OPEN_WITHOUT) <= set(KNOWN)


def _read(item: object) -> frozenset[str]:
    return frozenset(machine(PROTOCOL).table.facts_read(item.condition))  # type: ignore[attr-defined]


UNKNOWN = [
    ("-ild_status; ild_severity severe; pulmonary_insufficiency yes", "E3"),
    ("ild_status past; ild_severity severe; -pulmonary_insufficiency", "E3"),
    ("ild_status past; pulmonary_insufficiency yes", "E3"),
    ("-sex; pregnancy_test serum_positive", "E9"),
    ("er_percent 0 %; -pr_percent", "I2"),
    ("her2_ihc not_evaluable", "I2"),
    ("her2_fish not_evaluable", "I2"),
    ("last_myocardial_infarction 2026-02-02", "E7"),  # dated after the day asked about
    ("chemotherapy_lines_advanced 1 mg", "I5"),  # in a unit that counts nothing
]


@pytest.mark.parametrize(("line", "expected"), UNKNOWN)
def test_what_is_not_known_leaves_a_criterion_open(line: str, expected: str) -> None:
    found = asked(line)
    assert (undecided(found), bars(found)) == ({expected}, set())
    assert outcomes(found)[expected] == "unknown"
    assert found.screening.answer == "not_yet_decidable"


def test_hepatitis_b_without_dna_is_open_only_where_the_dna_decides() -> None:
    assert undecided(asked("hbsag positive; -hbv_dna", A10="viral_load")) == {"E8"}
    assert bars(asked("hbsag positive; -hbv_dna")) == {"E8"}


@pytest.mark.parametrize("criterion", ASKED)
def test_without_a_word_on_it_a_question_stays_open(criterion: str) -> None:
    found = asked(f"-{criterion}")
    assert outcomes(found)[criterion] == "needs_attestation"
    assert undecided(found) == {criterion}
    assert [answer.id for answer in found.screening.questions] == [criterion]


def test_two_words_of_one_day_that_differ_are_none() -> None:
    words = attested("E2", met=False), attested("E2", met=True)
    assert undecided(screened(PROTOCOL, changed(PROTOCOL, *words))) == {"E2"}


def test_without_a_signed_form_nobody_is_eligible() -> None:
    events = [event for event in eligible(PROTOCOL) if event["kind"] != "consent"]
    found = screened(PROTOCOL, events)
    assert (outcomes(found)["I7"], found.screening.answer) == ("unknown", "not_yet_decidable")
    assert undecided(found) == {"I7"}
