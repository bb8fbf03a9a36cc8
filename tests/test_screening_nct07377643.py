"""IBI354: every criterion of the record at its limits, on both sides of its windows and alone.

The eligible patient is ``tests/screening/NCT07377643.jsonl``, asked about on 2026-02-01: a woman of 48, not past
menopause, who consented on 2026-01-05. Her metastases were found on 2025-11-20 while she took tamoxifen, after
neoadjuvant and adjuvant treatment that ended on 2023-06-30. Her blood was drawn on 2026-01-28; what `told` says without
a day is of 2026-01-30. What is expected is worked out by hand from the record.
"""

from __future__ import annotations

from datetime import date

import pytest

from protocol_engine.engine.patient_screening import PatientScreening
from protocol_engine.model.screening import above
from tests import screened

PROTOCOL = "NCT07377643"


def found(line: str, **readings: str) -> PatientScreening:
    return screened.screened(PROTOCOL, screened.told(PROTOCOL, line), readings=readings)


def eligible_on(day: date) -> PatientScreening:
    return screened.screened(PROTOCOL, screened.eligible(PROTOCOL), day)


def named(criteria: str) -> set[str]:
    """The criteria of a line, with those that they belong to."""
    ids = criteria.split()
    return {*ids, *(head for name in ids if (head := above(name)) is not None)}


def test_the_documented_patient_is_eligible_by_every_criterion() -> None:
    patient = found("")
    assert patient.screening.answer == "eligible"
    assert (patient.unreadable, patient.skipped) == ((), 0)
    for name, outcome in screened.outcomes(patient).items():
        assert outcome == ("not_met" if name.startswith("E") else "met"), name


# --- limits ----------------------------------------------------------------------------------------------------------

NORMAL_BILIRUBIN, HIGH_RATIO = "uln=20", "sex male; creatinine 92 umol/L uln=60"
FORTY_KILOS = "weight 40 kg"
CORE_ONLY = "hbc_antibody positive; hbs_antibody negative"

LIMITS = [
    # criteria, facts beside it, fact, unit and part, numbers that fail, numbers that do not
    ("I9", "", "lvef", "%", "0 49.9", "50 50.1 100"),
    ("I9", "", "lvef", "1", "0.499", "0.5 0.501"),
    ("I4", "", "chemotherapy_lines_advanced", "1", "1 2", "0"),
    ("I4", "", "her2_lines_advanced", "1", "1 2", "0"),
    ("I4", "", "endocrine_lines_advanced", "1", "2", "0 1"),
    ("I8", "", "largest_target_lesion", "mm", "9.9", "10 10.1"),
    ("I8", "", "largest_target_lesion", "cm", "0.99", "1 1.01"),
    ("I8", "largest_target_lesion 9 mm", "largest_target_node", "mm", "14.9", "15 15.1"),
    ("I8", "largest_target_lesion 9 mm", "largest_target_node", "cm", "1.49", "1.5 1.51"),
    ("I10.1", "", "hemoglobin", "g/L", "89.9", "90 90.1"),
    ("I10.1", "", "hemoglobin", "g/dL", "8.99", "9 9.01"),
    ("I10.2", "", "neutrophils", "10*9/L lln=1.8", "1.49", "1.5 1.51"),
    ("I10.2", "", "neutrophils", "/uL lln=1800", "1499", "1500 1501"),
    ("I10.2", "", "neutrophils", "/mm3 lln=1800", "1499", "1500 1501"),
    ("I10.2", "", "neutrophils", "10*9/L lln=1.2", "1.19", "1.2 1.21 1.49"),
    ("I10.2", "", "neutrophils", "10*3/uL lln=1.2", "1.19", "1.2 1.21"),
    ("I10.3", "", "platelets", "10*9/L", "89.9", "90 90.1"),
    ("I10.3", "", "platelets", "/mm3", "89999", "90000 90001"),
    ("I10.3", "", "platelets", "/uL", "89999", "90000 90001"),
    ("I10.4", "", "bilirubin", f"umol/L {NORMAL_BILIRUBIN}", "30.1", "29.9 30"),
    ("I10.4", "", "bilirubin", "mg/dL uln=1.2", "1.81", "1.79 1.8"),
    ("I10.4", "gilbert_syndrome yes", "bilirubin", f"umol/L {NORMAL_BILIRUBIN}", "60 60.1", "30.1 59.9"),
    ("I10.4", "gilbert_syndrome yes", "bilirubin", "mg/dL uln=1.2", "3.6 3.61", "3.59"),
    ("I10.4", "liver_metastases yes", "bilirubin", f"umol/L {NORMAL_BILIRUBIN}", "60 60.1", "30.1 59.9"),
    ("I10.4", "liver_metastases yes", "bilirubin", "mg/dL uln=1.2", "3.6 3.61", "3.59"),
    ("I10.5", "", "alt", "U/L uln=40", "120.1", "119.9 120"),
    ("I10.5", "", "ast", "U/L uln=40", "120.1", "119.9 120"),
    ("I10.5", "", "alt", "ukat/L uln=0.6", "1.81", "1.79 1.8"),
    ("I10.5", "", "ast", "ukat/L uln=0.6", "1.81", "1.79 1.8"),
    ("I10.5", "gilbert_syndrome yes", "alt", "U/L uln=40", "120.1", "120"),
    ("I10.5", "liver_metastases yes", "alt", "U/L uln=40", "200 200.1", "120.1 199.9"),
    ("I10.5", "liver_metastases yes", "ast", "U/L uln=40", "200 200.1", "120.1 199.9"),
    ("I10.5", "liver_metastases yes", "alt", "ukat/L uln=0.6", "3 3.01", "2.99"),
    ("I10.5", "liver_metastases yes", "ast", "ukat/L uln=0.6", "3 3.01", "2.99"),
    ("I10.6", "", "albumin", "g/L", "24.9", "25 25.1"),
    ("I10.6", "", "albumin", "g/dL", "2.49", "2.5 2.51"),
    # 48 years, 40 kg and a creatinine of 120 umol/L are a clearance of 32 mL/min, so the multiple decides
    ("I10.7", FORTY_KILOS, "creatinine", "umol/L uln=80", "120.1", "119.9 120"),
    ("I10.7", FORTY_KILOS, "creatinine", "mg/dL uln=0.9", "1.36", "1.34 1.35"),
    # with the multiple above 1.5 the clearance decides. A woman of 48: 92 x 43.2 x 0.85 / (72 x 0.782) = 60
    ("I10.7", "creatinine 0.782 mg/dL uln=0.5", "weight", "kg", "43.19", "43.2 43.21"),
    ("I10.7", "creatinine 0.782 mg/dL uln=0.5", "weight", "g", "43199", "43200 43201"),
    # a man of 48 with 92 umol/L, which are 1.040704 mg/dL: 92 x 48.86784 / (72 x 1.040704) = 60
    ("I10.7", HIGH_RATIO, "weight", "kg", "48.86783", "48.86784 48.86785"),
    ("I10.7", "urine_protein_dipstick 3+", "urine_protein_24h", "g/d", "1 1.01", "0.99"),
    ("I10.7", "urine_protein_dipstick 3+", "urine_protein_24h", "mg/d", "1000 1001", "999"),
    ("I10.7", "urine_protein_dipstick negative", "urine_protein_24h", "g/d", "1", "0.99"),
    ("", "-urine_protein_24h", "urine_protein_dipstick", "", "", "negative trace 1+"),
    ("I10.8", "", "inr", "1 uln=1.2", "1.81", "1.79 1.8"),
    ("I10.8", "", "pt", "s uln=14", "21.1", "20.9 21"),
    ("I10.8", "", "aptt", "s uln=38", "57.1", "56.9 57"),
    ("I12", "", "contraception_after_last_dose", "mo", "5.9", "6 6.1"),
    ("I12", "", "contraception_after_last_dose", "d", "182", "183"),
    ("E2.1", "infarction_ruled_out no", "troponin", "ng/L uln=14", "14.1", "13.9 14"),
    ("E2.1", "infarction_ruled_out no", "troponin", "ug/L uln=0.014", "0.0141", "0.0139 0.014"),
    ("E2.2", "", "systolic_bp", "mm[Hg]", "160 161", "159"),
    ("E2.2", "", "systolic_bp", "kPa", "21.33152 21.4", "21.33151"),
    ("E2.2", "", "diastolic_bp", "mm[Hg]", "100 101", "99"),
    ("E2.2", "", "diastolic_bp", "kPa", "13.3322 13.4", "13.3321"),
    ("E5.3", "", "irradiated_marrow", "%", "30.1", "29.9 30"),
    ("E5.3", "", "irradiated_marrow", "1", "0.301", "0.299 0.3"),
    # 26 days are 624 h
    ("E5.4", "last_oral_anticancer_drug 2026-01-06", "oral_anticancer_drug_half_life", "h", "124.8 124.9", "124.7"),
    ("E5.4", "last_oral_anticancer_drug 2026-01-06", "oral_anticancer_drug_half_life", "d", "5.2 5.3", "5.1"),
    ("E5.6", "last_cyp3a4_modifier 2026-01-06", "cyp3a4_modifier_half_life", "h", "124.8 124.9", "124.7"),
    ("E5.6", "last_cyp3a4_modifier 2026-01-06", "cyp3a4_modifier_half_life", "d", "5.2 5.3", "5.1"),
    ("E6", "last_systemic_corticosteroid 2026-01-20", "corticosteroid_dose", "mg/d", "10 10.1", "9.9"),
    ("E6", "last_systemic_corticosteroid 2026-01-20", "corticosteroid_dose", "g/d", "0.01", "0.0099"),
    ("E7", "brain_metastases asymptomatic; brain_metastases_stable_since 2025-12-01", "largest_brain_metastasis",
     "mm", "15.1", "14.9 15"),
    ("E7", "brain_metastases asymptomatic; brain_metastases_stable_since 2025-12-01", "largest_brain_metastasis",
     "cm", "1.51", "1.49 1.5"),
    ("E15", "biliary_obstruction relieved", "bilirubin", f"umol/L {NORMAL_BILIRUBIN}", "30", "29.9"),
    ("I10.4 E15", "biliary_obstruction relieved", "bilirubin", f"umol/L {NORMAL_BILIRUBIN}", "30.1", "29.9"),
    ("E15", "biliary_obstruction relieved", "bilirubin", "mg/dL uln=1.2", "1.8", "1.79"),
    ("E18.3", "hbsag positive", "hbv_dna", "[IU]/mL", "2000 2001", "0 1999"),
    ("E18.3", "hbsag positive", "hbv_dna", "{copies}/mL", "10000 10001", "9999"),
    ("E18.3", CORE_ONLY, "hbv_dna", "[IU]/mL", "2000 2001", "0 1999"),
    ("E18.3", CORE_ONLY, "hbv_dna", "{copies}/mL", "10000 10001", "9999"),
    # ordered levels
    ("I5", "", "ecog", "", "2 3 4", "0 1"),
    ("E4", "", "other_lung_disease", "", "significant", "none mild"),
    ("E8", "", "residual_toxicity_above_baseline", "", "2 3 4", "0 1"),
    ("E8", "grade_2_toxicity_stable_since 2025-06-01", "residual_toxicity_above_baseline", "", "3 4", "0 1 2"),
    ("E11", "", "ascites", "", "drainage_needed", "none asymptomatic symptomatic"),
    ("E11", "", "pleural_effusion", "", "drainage_needed", "none asymptomatic symptomatic"),
    ("E11", "", "pericardial_effusion", "", "drainage_needed", "none asymptomatic symptomatic"),
    ("E12", "", "varices", "", "high immediate_intervention", "none low"),
    ("E16", "", "child_pugh", "", "B C", "no_cirrhosis A"),
    ("I12", "", "contraception", "", "refused", "effective highly_effective"),
    ("E1", "", "prior_top1_inhibitor", "", "antibody_drug_conjugate", "never chemotherapy_only"),
]  # fmt: skip


@pytest.mark.parametrize(("criteria", "beside", "fact", "unit", "failing", "fitting"), LIMITS)
def test_limit(criteria: str, beside: str, fact: str, unit: str, failing: str, fitting: str) -> None:
    for values, expected in ((failing, named(criteria)), (fitting, set())):
        for value in values.split():
            patient = found(f"{beside}; {fact} {value} {unit}")
            assert screened.bars(patient) == expected, value
            assert screened.undecided(patient) == set(), value
            assert patient.unreadable == ()


AGES = [
    # birth date, what bars: whole years count, on the day of consent
    ("2008-01-04", ""),
    ("2008-01-05", ""),
    ("2008-01-06", "I2 H2"),
    ("2008-02-01", "I2 H2"),
    ("1931-07-07", ""),
]


@pytest.mark.parametrize(("born", "criteria"), AGES)
def test_age(born: str, criteria: str) -> None:
    """I2 and the header's limit ask for the same age, so that neither fails alone."""
    assert screened.bars(found(f"birth_date {born}")) == named(criteria)


def test_without_consent_the_age_is_that_of_the_day_asked_about() -> None:
    events = [event for event in screened.told(PROTOCOL, "birth_date 2008-02-01") if event["kind"] != "consent"]
    patient = screened.screened(PROTOCOL, events)
    assert screened.outcomes(patient)["I2"] == "met"
    assert screened.undecided(patient) == {"I1"}


RECEPTORS = [
    # facts, what bars, what is open: a documented result is asked for, positive from 1 % on or negative
    ("er_percent 1 %; -pr_percent", "", ""),
    ("er_percent 0.01 1; -pr_percent", "", ""),
    ("er_percent 1.1 %; -pr_percent", "", ""),
    ("er_percent 0.99 %; -pr_percent", "", "I3.2"),
    ("er_percent 0.009 1; -pr_percent", "", "I3.2"),
    ("-er_percent; pr_percent 1 %", "", ""),
    ("-er_percent; pr_percent 0.01 1", "", ""),
    ("-er_percent; pr_percent 0.99 %", "", "I3.2"),
    ("er_percent 0 %; pr_percent 0 %", "", ""),
    ("er_percent 0 %; pr_percent 0 %; hormone_receptor_sample primary_disease", "I3.2", ""),
    ("hormone_receptor_sample other", "I3.2", ""),
    # HER2-positive: IHC 3+, or ISH positive whatever the IHC
    ("her2_ihc 3+; her2_ish negative", "", ""),
    ("her2_ihc 3+; her2_ish not_evaluable", "", ""),
    ("her2_ihc 2+; her2_ish positive", "", ""),
    ("her2_ihc 0; her2_ish positive", "", ""),
    ("her2_ihc not_evaluable; her2_ish positive", "", ""),
    ("her2_ihc 2+; her2_ish negative", "I3.1", ""),
    ("her2_ihc 2+; -her2_ish", "", "I3.1"),
    ("her2_ihc not_evaluable; her2_ish negative", "", "I3.1"),
    ("her2_sample other", "I3.1", ""),
]


@pytest.mark.parametrize(("line", "criteria", "undecided"), RECEPTORS)
def test_receptors(line: str, criteria: str, undecided: str) -> None:
    patient = found(line)
    assert screened.bars(patient) == named(criteria)
    assert screened.undecided(patient) == named(undecided)


# RR of 512 ms is the cube of 0.8 in seconds, so that QTcF is QT / 0.8.
ECGS = [
    # the ECGs of the patient: QT and RR, outcome of E2.6
    ("384 512", "not_met"),
    ("384.1 512", "unknown"),
    ("479 1000", "not_met"),
    ("480 1000", "not_met"),
    ("481 1000", "unknown"),
    ("481 1000; 480 1000; 480 1000", "unknown"),
    ("481 1000; 470 1000; 480 1000; 489 1000", "not_met"),
    ("481 1000; 470 1000; 480 1000; 490 1000", "not_met"),
    ("481 1000; 470 1000; 480 1000; 490.1 1000", "met"),
    ("481 1000; 490.1 1000; 480 1000; 470 1000", "met"),
    ("470 1000; 490 1000; 470 1000; 480.1 1000", "unknown"),  # two of the three are there
    ("470 1000; 490 1000; 490 1000; 470 1000; 480.1 1000", "met"),
    ("500 1000; 384 512; 384 512; 384 512", "not_met"),
    ("500 1000; 384.1 512; 384.1 512; 384.1 512", "met"),
    ("470 1000; 481 1000", "unknown"),
    ("470 1000; 500 1000; 460 1000; 465 1000; 470 1000", "not_met"),
    ("450 1000; 500 1000; 470 1000; 460 1000", "unknown"),
    ("470 1000; 465 1000", "not_met"),
    ("450 1000; 500 1000; 450 1000", "unknown"),  # one above 480 asks for three more, whichever it is
    ("450 1000; 500 1000; 450 1000; 470 1000; 465 1000", "not_met"),
    ("450 1000; 500 1000; 490 1000; 490 1000; 470 1000", "met"),
]


@pytest.mark.parametrize(("ecgs", "expected"), ECGS)
def test_e2_6_one_ecg_above_480_ms_asks_for_three_more(ecgs: str, expected: str) -> None:
    for unit, scale in (("ms", 1), ("s", 1000)):
        told = []
        for number, ecg in enumerate(ecgs.split(";"), start=10):
            qt, rr = (f"{float(part) / scale:.7f}" for part in ecg.split())
            told.append(f"qt_interval {qt} {unit} rr={rr} on 2026-01-{number}")
        patient = found("; ".join(told))
        assert screened.outcomes(patient)["E2.6"] == expected, unit
        assert screened.undecided(patient) == (named("E2.6") if expected == "unknown" else set())
        assert screened.bars(patient) == (named("E2.6") if expected == "met" else set())


def test_e2_6_ecgs_of_one_day_without_times() -> None:
    """The one above 480 ms asks for the others, whatever their ids are; times tell which came before it."""
    names = ("d", "a", "b", "c")
    for hours, expected in (("", "not_met"), ("T08 T09 T10 T11", "not_met"), ("T11 T08 T09 T10", "unknown")):
        told = [
            screened.observed("qt_interval", qt, unit="ms", components={"rr": "1000"})
            | {"id": name, "effective": "2026-01-12" + (f"{hour}:00:00Z" if hour else "")}
            for qt, name, hour in zip(
                ("490", "470", "475", "480"), names, hours.split() or ("", "", "", ""), strict=True
            )
        ]
        patient = screened.screened(PROTOCOL, screened.changed(PROTOCOL, *told))
        assert screened.outcomes(patient)["E2.6"] == expected, hours


def test_e2_6_an_ecg_of_years_ago_is_none_of_screening() -> None:
    old = "qt_interval 500 ms rr=1000 on 2023-03-03"
    for line, expected in ((old, "unknown"), (f"{old}; qt_interval 450 ms rr=1000 on 2026-01-12", "not_met")):
        assert screened.outcomes(found(line))["E2.6"] == expected


# --- times -----------------------------------------------------------------------------------------------------------

SPOT = "brain_metastases asymptomatic; largest_brain_metastasis 9 mm"
STABLE = f"{SPOT}; brain_metastases_stable_since 2025-10-01"
OTHER_CANCER = "other_malignancy other; other_malignancy_diagnosed 2019-05-05"
SHORT = "oral_anticancer_drug_half_life 1 h; cyp3a4_modifier_half_life 5 h"

TIMES = [
    # criteria, other facts, the date, its last day that keeps out, the first that does not
    ("E2.1 E2.3", "", "last_myocardial_infarction", "2025-08-01", "2025-07-31"),
    ("E2.1", "", "last_heart_failure", "2025-08-01", "2025-07-31"),
    ("E2.1", "", "last_uncontrolled_myocarditis", "2025-08-01", "2025-07-31"),
    ("E2.3", "", "last_arterial_event", "2025-08-01", "2025-07-31"),
    ("E2.4", "", "last_deep_vein_thrombosis", "2025-11-01", "2025-10-31"),
    ("E2.4 E4", "", "last_pulmonary_embolism", "2025-11-01", "2025-10-31"),  # both name it
    ("E5.1", "", "last_antibody_therapy", "2026-01-04", "2026-01-03"),
    ("E5.2", "", "last_hormonal_or_immunotherapy", "2026-01-11", "2026-01-10"),
    ("E5.3", "", "last_limited_field_radiotherapy", "2026-01-18", "2026-01-17"),
    ("E5.3", "", "last_wide_field_radiotherapy", "2026-01-04", "2026-01-03"),
    ("E5.4", SHORT, "last_oral_anticancer_drug", "2026-01-18", "2026-01-17"),
    ("E5.4", "oral_anticancer_drug_half_life 120 h", "last_oral_anticancer_drug", "2026-01-07", "2026-01-06"),
    ("E5.4", "", "last_herbal_anticancer_medicine", "2026-01-18", "2026-01-17"),
    ("E5.5", "", "last_major_surgery", "2026-01-04", "2026-01-03"),
    ("E5.6", SHORT, "last_cyp3a4_modifier", "2026-01-18", "2026-01-17"),
    ("E5.6", "cyp3a4_modifier_half_life 120 h", "last_cyp3a4_modifier", "2026-01-07", "2026-01-06"),
    ("E5.7", "", "last_live_vaccine", "2026-01-04", "2026-01-03"),
    ("E6", "corticosteroid_dose 10 mg/d", "last_systemic_corticosteroid", "2026-01-18", "2026-01-17"),
    ("E6", "", "last_immunosuppressant", "2026-01-18", "2026-01-17"),
    ("E7", STABLE, "last_cns_medication", "2026-01-19", "2026-01-18"),
    ("E7", STABLE, "last_brain_radiotherapy", "2026-01-19", "2026-01-18"),
    ("E10", "", "last_serious_bleeding", "2025-11-01", "2025-10-31"),
    ("E11", "", "last_effusion_drainage", "2026-01-26", "2026-01-25"),
    ("E17", "", "last_parenteral_nutrition", "2026-01-04", "2026-01-03"),
    ("E18.4", "", "last_tuberculosis_treatment", "2025-02-01", "2025-01-31"),
    ("E24", OTHER_CANCER, "other_malignancy_last_evidence", "2023-02-01", "2023-01-31"),
]


@pytest.mark.parametrize(("criteria", "beside", "fact", "inside", "outside"), TIMES)
def test_time(criteria: str, beside: str, fact: str, inside: str, outside: str) -> None:
    for day in (inside, "2026-02-01"):
        assert screened.bars(found(f"{beside}; {fact} {day}")) == named(criteria)
    for day in (outside, "never"):
        patient = found(f"{beside}; {fact} {day}")
        assert (screened.bars(patient), screened.undecided(patient)) == (set(), set())


AT_LEAST = [
    # criteria, other facts, the date that must lie so far back, its last day that does, the first that does not
    ("E7", SPOT, "brain_metastases_stable_since", "2026-01-04", "2026-01-05"),
    ("E8", "residual_toxicity_above_baseline 2", "grade_2_toxicity_stable_since", "2025-11-01", "2025-11-02"),
    # more than 6 months from the end of adjuvant therapy to the advanced disease of 2025-11-20
    ("I4", "", "adjuvant_therapy_completed", "2025-05-19", "2025-05-20"),
    ("I4", "", "adjuvant_therapy_completed", "2025-05-19", "2025-11-20"),
    ("I4", "", "adjuvant_therapy_completed", "2025-05-19", "2025-12-24"),
]


@pytest.mark.parametrize(("criteria", "beside", "fact", "far", "near"), AT_LEAST)
def test_time_that_must_have_passed(criteria: str, beside: str, fact: str, far: str, near: str) -> None:
    assert screened.bars(found(f"{beside}; {fact} {far}")) == set()
    assert screened.bars(found(f"{beside}; {fact} {near}")) == named(criteria)
    never = found(f"{beside}; {fact} never")  # no adjuvant therapy is fine, no stability is not
    assert screened.bars(never) == (named(criteria) if criteria.startswith("E") else set())


def test_e12_asks_for_an_endoscopy_within_3_months() -> None:
    for day, criteria in (("2025-11-01", ""), ("2025-10-31", "E12"), ("never", "E12")):
        assert screened.bars(found(f"varices high; last_upper_endoscopy {day}")) == named(criteria)


@pytest.mark.parametrize("beside", ["", "menopause peri; "])
def test_i11_a_negative_test_of_urine_leaves_the_one_of_serum_open(beside: str) -> None:
    patient = found(f"{beside}pregnancy_test urine_negative")
    assert (screened.bars(patient), screened.undecided(patient)) == (set(), {"I11"})
    assert [(item.fact, item.why) for item in patient.screening.lacking] == [("pregnancy_test", "other")]


SUPPORT = [
    ("I10.1", "", "last_red_cell_transfusion"),
    ("I10.1", "", "last_erythropoietin"),
    ("I10.2", "neutrophils 1.5 10*9/L lln=1.8 on 2026-01-28", "last_gcsf"),
    ("I10.2", "neutrophils 1.3 10*9/L lln=1.2 on 2026-01-28", "last_gcsf"),
    ("I10.3", "", "last_platelet_transfusion"),
    ("I10.3", "", "last_thrombopoietin"),
]


@pytest.mark.parametrize(("criterion", "beside", "fact"), SUPPORT)
def test_support_in_the_week_before_the_sample_of_2026_01_28(criterion: str, beside: str, fact: str) -> None:
    for day, bars in (("2026-01-20", ""), ("2026-01-21", criterion), ("2026-01-28", criterion)):
        patient = found(f"{beside}; {fact} {day}")
        assert (screened.bars(patient), screened.undecided(patient)) == (named(bars), set()), day
    # the last one came after the sample: whether there was one before it is known only if that was told too
    for before, undecided in (("", criterion), (f"{fact} 2026-01-20 on 2026-01-28; ", "")):
        patient = found(f"{beside}; {before}{fact} 2026-01-29")
        assert (screened.bars(patient), screened.undecided(patient)) == (set(), named(undecided)), before
    # what was said the day before the sample leaves that day open, unless it lies in the week already
    for told, bars, undecided in (
        ("never", "", criterion),
        ("2026-01-20", "", criterion),
        ("2026-01-21", criterion, ""),
    ):
        patient = found(f"{beside}; {fact} {told} on 2026-01-27")
        assert (screened.bars(patient), screened.undecided(patient)) == (named(bars), named(undecided)), told


SAMPLES = [
    ("I9", "lvef 60 %", "2026-01-04", "2026-01-03"),
    ("I10.1", "hemoglobin 120 g/L", "2026-01-25", "2026-01-24"),
    ("I10.1", "hemoglobin_support no", "2026-01-25", "2026-01-24"),
    ("I10.2", "neutrophils 3 10*9/L lln=1.8", "2026-01-25", "2026-01-24"),
    ("I10.3", "platelets 200 10*9/L", "2026-01-25", "2026-01-24"),
    ("I10.3", "platelet_support no", "2026-01-25", "2026-01-24"),
    ("I10.4", "bilirubin 9 umol/L uln=20", "2026-01-25", "2026-01-24"),
    ("I10.5", "alt 30 U/L uln=40", "2026-01-25", "2026-01-24"),
    ("I10.5", "ast 30 U/L uln=40", "2026-01-25", "2026-01-24"),
    ("I10.6", "albumin 40 g/L", "2026-01-25", "2026-01-24"),
    ("I10.7", "creatinine 62 umol/L uln=84", "2026-01-25", "2026-01-24"),
    ("I10.7", "creatinine 0.782 mg/dL uln=0.5; weight 62 kg", "2026-01-25", "2026-01-24"),
    ("I10.7", "-urine_protein_dipstick; urine_protein_24h 0.1 g/d", "2026-01-25", "2026-01-24"),
    ("I10.7", "-urine_protein_24h; urine_protein_dipstick trace", "2026-01-25", "2026-01-24"),
    ("I10.8", "inr 1 1 uln=1.2", "2026-01-25", "2026-01-24"),
    ("I10.8", "pt 12 s uln=14", "2026-01-25", "2026-01-24"),
    ("I10.8", "aptt 30 s uln=38", "2026-01-25", "2026-01-24"),
]


@pytest.mark.parametrize(("criterion", "result", "oldest", "stale"), SAMPLES)
def test_a_result_that_is_too_old_is_unknown(criterion: str, result: str, oldest: str, stale: str) -> None:
    fresh = found(f"{result} on {oldest}")
    assert (screened.bars(fresh), screened.undecided(fresh)) == (set(), set())
    old = found(f"{result} on {stale}")
    assert (screened.bars(old), screened.undecided(old)) == (set(), named(criterion))
    assert "stale" in {item.why for item in old.screening.lacking}


RETESTS = [
    # hemoglobin in g/L and its days, outcome of I10.1: one repeat is allowed, of what was drawn since consent
    ("85 on 2026-01-26; 95 on 2026-01-28", "met"),
    ("85 on 2026-01-12; 95 on 2026-01-28", "met"),
    ("85 on 2026-01-26; 89.9 on 2026-01-28", "not_met"),
    ("85 on 2026-01-12; 86 on 2026-01-26; 95 on 2026-01-28", "not_met"),
    ("85 on 2026-01-12; 95 on 2026-01-26; 95 on 2026-01-28", "met"),
    ("85 on 2026-01-05; 86 on 2026-01-26; 95 on 2026-01-28", "not_met"),
    ("85 on 2026-01-04; 86 on 2026-01-26; 95 on 2026-01-28", "met"),
    ("95 on 2026-01-12; 85 on 2026-01-28", "not_met"),
    ("95 on 2026-01-12; 95 on 2026-01-14; 95 on 2026-01-28", "met"),
    ("85 on 2026-01-12", "unknown"),  # too old, and there is a retest left
    ("85 on 2026-01-12; 86 on 2026-01-14", "not_met"),  # too old both, and no third one would count
    ("85 on 2026-01-04; 86 on 2026-01-14", "unknown"),
]


@pytest.mark.parametrize(("samples", "expected"), RETESTS)
def test_a_failed_test_may_be_repeated_once(samples: str, expected: str) -> None:
    line = "; ".join(f"hemoglobin {sample.strip().replace(' ', ' g/L ', 1)}" for sample in samples.split(";"))
    patient = found(line)
    assert screened.outcomes(patient)["I10.1"] == expected
    assert screened.bars(patient) == (named("I10.1") if expected == "not_met" else set())


def test_without_consent_no_result_is_a_retest() -> None:
    line = "hemoglobin 85 g/L on 2020-03-01; hemoglobin 85 g/L on 2020-04-01; hemoglobin 95 g/L on 2026-01-28"
    events = [event for event in screened.told(PROTOCOL, line) if event["kind"] != "consent"]
    patient = screened.screened(PROTOCOL, events)
    assert (screened.bars(patient), screened.undecided(patient)) == (set(), {"I1"})


ALT_FAILS, AST_FAILS = "alt 200 U/L uln=40 on", "ast 300 U/L uln=40 on"
ALT_FITS, AST_FITS = "alt 30 U/L uln=40 on", "ast 30 U/L uln=40 on"
RETESTS_OF_TWO = [
    # each of the two has its own retest, and a day on which only the other one was drawn is none
    (f"{ALT_FAILS} 2026-01-26; {AST_FITS} 2026-01-27; {ALT_FITS} 2026-01-28", "met"),
    (f"{ALT_FAILS} 2026-01-26; {AST_FAILS} 2026-01-27; {ALT_FITS} 2026-01-28; {AST_FITS} 2026-01-29", "met"),
    (f"{ALT_FAILS} 2026-01-26; {ALT_FAILS} 2026-01-27; {ALT_FITS} 2026-01-28; {AST_FITS} 2026-01-28", "not_met"),
    (f"{ALT_FAILS} 2026-01-26; {AST_FITS} 2026-01-26; {ALT_FAILS} 2026-01-28; {AST_FITS} 2026-01-28", "not_met"),
]


@pytest.mark.parametrize(("line", "expected"), RETESTS_OF_TWO)
def test_a_retest_is_one_of_the_test_that_failed(line: str, expected: str) -> None:
    assert screened.outcomes(found(line))["I10.5"] == expected


def test_i10_7_urine_of_24_hours_that_is_too_old_leaves_the_dipstick_to_decide() -> None:
    for dipstick, expected in (("1+", "met"), ("2+", "unknown")):
        patient = found(f"urine_protein_24h 3 g/d on 2026-01-04; urine_protein_dipstick {dipstick} on 2026-01-28")
        assert screened.outcomes(patient)["I10.7"] == expected


TOLD_TOO_LONG_AGO = [
    ("E7", "brain_metastases_stable_since 2025-10-01 on {day}", "2026-01-04", "2026-01-03"),
    ("E7", "last_cns_medication never on {day}", "2026-01-19", "2026-01-18"),
    (
        "E8",
        "residual_toxicity_above_baseline 2; grade_2_toxicity_stable_since 2025-06-01 on {day}",
        "2025-11-01",
        "2025-10-31",
    ),
    ("E11", "last_effusion_drainage never on {day}", "2026-01-26", "2026-01-25"),
]


@pytest.mark.parametrize(("criterion", "line", "late_enough", "too_early"), TOLD_TOO_LONG_AGO)
def test_what_was_said_before_the_time_that_must_have_passed_says_nothing_of_it(
    criterion: str, line: str, late_enough: str, too_early: str
) -> None:
    treated = f"{SPOT}; last_brain_radiotherapy 2025-09-09; "
    treated += "" if "stable_since 2025-10" in line else "brain_metastases_stable_since 2025-10-01; "
    assert screened.undecided(found(treated + line.format(day=late_enough))) == set()
    early = found(treated + line.format(day=too_early))
    assert (screened.undecided(early), screened.bars(early)) == ({criterion}, set())
    assert {item.why for item in early.screening.lacking} == {"stale"}


def test_each_test_of_i10_has_its_own_retest() -> None:
    pairs = "hemoglobin 85 g/L on 2026-01-26; hemoglobin 95 g/L; albumin 20 g/L on 2026-01-27; albumin 30 g/L"
    assert found(pairs).screening.answer == "eligible"


# --- one criterion alone ---------------------------------------------------------------------------------------------

MAN = "sex male; fertile_partner yes"
TREATED = f"{STABLE}; last_brain_radiotherapy 2025-09-09"

ALONE = [
    ("I3 H3", "pathology_confirmation none"),  # the header's patients are those whom pathology confirms
    ("I3.1", "disease_extent early"),
    ("I3.1", "disease_extent locally_advanced_operable"),
    ("I6", "progression_after_last_therapy none"),
    ("I10.1", "hemoglobin_support yes"),
    ("I10.3", "platelet_support yes"),
    ("I12", "fertile_partner no; contraception refused"),
    ("I12", f"{MAN}; contraception refused"),
    ("I11 E21", "pregnancy_test serum_positive"),  # one result fails the test asked for and shows the pregnancy
    ("I11 E21", "pregnancy_test urine_positive"),
    ("I11", "pregnancy_test serum_positive on 2026-01-14; pregnancy_test urine_negative on 2026-01-31"),
    ("E21", "menopause post; pregnancy_test serum_positive"),  # whatever her potential was said to be
    ("E21", "sterilization tubes_removed; pregnancy_test urine_positive"),
    ("I11 E21", "pregnancy_test serum_negative on 2026-01-14; pregnancy_test serum_positive on 2026-01-31"),
    ("E2.2", "antihypertensive_treatment yes; systolic_bp 170 mm[Hg]"),
    ("E2.5", "ventricular_arrhythmia symptomatic_or_treated"),
    ("E2.5", "ventricular_arrhythmia asymptomatic_sustained_tachycardia"),
    ("E2.5", "atrial_fibrillation symptomatic"),
    ("E2.5", "atrial_fibrillation uncontrolled"),
    ("E2.7", "qt_drug_risk yes"),
    ("E2.8", "long_qt_history yes"),
    ("E3", "ild_status past"),
    ("E3", "ild_status suspected"),
    ("E3", "ild_status current"),
    ("E3 E4", "other_lung_disease uncontrolled"),  # what is out of control is significant too
    ("E4", "autoimmune_lung_involvement suspected"),
    ("E4", "autoimmune_lung_involvement confirmed"),
    ("E5.5", "major_surgery_expected yes"),
    ("E5.5", "unhealed_wound yes"),
    ("E7", "brain_metastases symptomatic"),
    ("E7", "spinal_cord_compression yes"),
    ("E7", "spinal_cord_metastases yes"),
    ("E7", "leptomeningeal_metastases past"),
    ("E7", "leptomeningeal_metastases current"),
    ("E7", f"{STABLE}; measurable_lesion_outside_cns no"),
    ("E7", f"{STABLE}; brainstem_or_cerebellar_metastases yes"),
    ("E7", f"{TREATED}; measurable_lesion_outside_cns no"),
    ("E7", f"{TREATED}; brainstem_or_cerebellar_metastases yes"),
    ("E7", f"{TREATED}; brain_metastases_stable_since 2026-01-20 on 2026-01-31"),
    ("E7", f"{TREATED}; radiotherapy_toxicity_recovered no"),
    ("E9", "tumor_invasion great_vessels"),
    ("E9", "tumor_invasion other_organs"),
    ("E12", "varices immediate_intervention; last_upper_endoscopy 2026-01-20"),
    ("E13", "bowel_obstruction current"),
    ("E13", "gi_perforation unhealed"),
    ("E13", "gi_fistula unhealed"),
    ("E13", "gi_perforation_risk yes"),
    ("E13", "bowel_resection yes"),
    ("E13", "inflammatory_bowel_disease inactive"),
    ("E13", "inflammatory_bowel_disease active"),
    ("E14", "tracheal_stent yes"),
    ("E14", "digestive_stent impaired_function"),
    ("E15", "biliary_obstruction not_relieved"),
    ("E16", "liver_failure yes"),
    ("E18.1", "systemic_anti_infective yes"),
    ("E18.2", "hiv positive"),
    ("E18.3", f"-hbsag; {CORE_ONLY}; hbv_dna 5000 [IU]/mL"),  # whatever the surface antigen is
    ("E18.3", "hcv_antibody positive; hcv_rna detected"),
    ("E18.4", "active_tuberculosis yes"),
    ("E18.5", "syphilis active"),
    ("E18.5", "syphilis latent_to_be_treated"),
    ("E19", "immunodeficiency yes"),
    ("E20", "transplantation yes"),
    ("E21", "pregnancy_planned yes"),
    ("E21", "breast_feeding yes"),
    ("E24", "other_malignancy other; other_malignancy_cured no"),
    ("E24", "other_malignancy superficial_bladder; other_malignancy_cured no"),
    ("E24", "other_malignancy nonmelanoma_skin; other_malignancy_cured no"),
    ("E24", "other_malignancy cervical_in_situ; other_malignancy_cured no"),
    ("E24", "other_malignancy other_in_situ; other_malignancy_cured no"),
    ("E24", "other_malignancy superficial_bladder; other_malignancy_last_evidence 2025-01-01"),
    ("E25", "other_trial on_treatment"),
    ("E26", "substance_abuse current"),
]
ASKED = ("I1", "I7", "I8", "E2", "E4", "E18", "E22", "E23", "E26", "E27")


@pytest.mark.parametrize(("criteria", "line"), ALONE)
def test_alone(criteria: str, line: str) -> None:
    patient = found(line)
    assert screened.bars(patient) == named(criteria)
    assert screened.undecided(patient) == set()
    assert patient.screening.answer == "not_eligible"


@pytest.mark.parametrize("criterion", ASKED)
def test_a_word_on_a_criterion_alone(criterion: str) -> None:
    assert screened.bars(found(f"{criterion} {'yes' if criterion.startswith('E') else 'no'}")) == {criterion}
    silent = found(f"-{criterion}")
    assert screened.undecided(silent) == {criterion}
    assert screened.outcomes(silent)[criterion] == "needs_attestation"


def test_every_criterion_keeps_somebody_out_alone() -> None:
    tables = ((row[0] for row in table) for table in (LIMITS, TIMES, AT_LEAST, SUPPORT, ALONE))
    alone = {criteria for table in tables for criteria in table if criteria and " " not in criteria}
    alone |= {"I10", "E5", *ASKED}  # these two are what their sub-items are
    by_other_tests = {"E2.6", "I3.2"}
    only_together = {"I2", "H2", "I3", "H3"}
    never_fails = {"H1"}
    assert alone | by_other_tests | only_together | never_fails == set(screened.outcomes(found("")))


HARMLESS = [
    "sex male; fertile_partner no; contraception refused; -pregnancy_test; -menopause; -sterilization; -breast_feeding",
    f"{MAN}; -pregnancy_test",
    "menopause post; -pregnancy_test; contraception refused",
    "sterilization tubes_removed; -pregnancy_test; contraception refused",
    "sterilization ovaries_removed; -pregnancy_test; contraception refused",
    "sterilization uterus_removed; -pregnancy_test; contraception refused",
    "sterilization uterus_and_ovaries_removed; -pregnancy_test; contraception refused",
    "menopause peri",
    "menopause post; breast_feeding no; pregnancy_planned no",
    "pregnancy_test serum_negative on 2026-01-14; pregnancy_test urine_negative on 2026-01-31",
    "pathology_confirmation cytology",
    "disease_extent locally_advanced_inoperable",
    "adjuvant_therapy_completed never; -advanced_disease_diagnosed",
    "progression_after_last_therapy no_prior_therapy",
    "largest_target_lesion 4 mm; largest_target_node 22 mm",
    "urine_protein_24h 0.4 g/d; urine_protein_dipstick 4+",
    "troponin 88 ng/L uln=14; infarction_ruled_out yes",
    "ventricular_arrhythmia asymptomatic_untreated",
    "ventricular_arrhythmia controlled_by_pacemaker",
    "atrial_fibrillation controlled",
    "ild_steroids yes",
    "last_systemic_corticosteroid 2026-01-30; corticosteroid_dose 5 mg/d",
    "last_oral_anticancer_drug never; -oral_anticancer_drug_half_life",
    "last_cyp3a4_modifier never; -cyp3a4_modifier_half_life",
    STABLE,
    f"{STABLE}; radiotherapy_toxicity_recovered no",  # there was none
    TREATED,
    f"{TREATED}; largest_brain_metastasis 30 mm; last_cns_medication 2025-12-24",
    f"{STABLE}; last_brain_surgery 2026-01-02; largest_brain_metastasis 30 mm",
    "residual_toxicity_above_baseline 2; grade_2_toxicity_stable_since 2025-08-08",
    "bowel_obstruction past; gi_perforation healed; gi_fistula healed",
    "digestive_stent normal_function",
    "biliary_obstruction relieved",
    "hbsag positive; hbv_dna 150 [IU]/mL",
    f"{CORE_ONLY}; hbv_dna 0 [IU]/mL",
    "hbs_antibody negative; hbv_dna 5000 [IU]/mL",  # without core antibody
    "hbc_antibody positive; hbv_dna 5000 [IU]/mL",  # with antibodies to the surface antigen
    f"{CORE_ONLY}; hbe_antibody positive; hbv_dna 5000 [IU]/mL",
    "hcv_antibody positive; hcv_rna not_detected",
    "syphilis treated",
    "other_malignancy papillary_thyroid; other_malignancy_last_evidence 2026-01-01; other_malignancy_cured no",
    "other_malignancy nonmelanoma_skin; other_malignancy_last_evidence 2025-12-01",
    "other_malignancy cervical_in_situ; other_malignancy_last_evidence 2025-12-01",
    "other_malignancy other_in_situ; other_malignancy_last_evidence 2025-12-01",
    OTHER_CANCER,
    "other_trial follow_up",
    "other_trial observational",
    "substance_abuse past",
]


@pytest.mark.parametrize("line", HARMLESS)
def test_what_keeps_nobody_out(line: str) -> None:
    patient = found(line)
    assert (screened.bars(patient), screened.undecided(patient)) == (set(), set())
    assert patient.screening.answer == "eligible"


# --- readings --------------------------------------------------------------------------------------------------------

CLEARED = "creatinine 62 umol/L uln=84; urine_protein_24h 2 g/d"
BY_CLEARANCE = "creatinine 0.782 mg/dL uln=0.5; weight 62 kg; urine_protein_24h 2 g/d"

READINGS = [
    # assumption and its other reading, facts, what bars under the first reading and under the other
    ("A3 any_number", "endocrine_lines_advanced 2 1", "I4", ""),
    ("A4 always_needed", "progression_after_last_therapy no_prior_therapy", "", "I6"),
    ("A4 always_needed", "progression_after_last_therapy none", "I6", "I6"),
    ("A5 with_clearance_only", CLEARED, "I10.7", ""),
    ("A5 with_clearance_only", BY_CLEARANCE, "I10.7", "I10.7"),
    ("A6 one_suffices", "aptt 60 s uln=38", "I10.8", ""),
    ("A6 one_suffices", "pt 30 s uln=14", "I10.8", ""),
    ("A6 one_suffices", "aptt 60 s uln=38; pt 30 s uln=14", "I10.8", "I10.8"),
    ("A6 one_suffices", "inr 2 1 uln=1.2", "I10.8", "I10.8"),
    ("A7 either_suffices", "menopause post; pregnancy_test serum_positive", "E21", "I11 E21"),
    ("A7 either_suffices", "menopause post; contraception refused", "", "I12"),
    ("A7 either_suffices", "sterilization tubes_removed; contraception refused", "", "I12"),
    ("A7 either_suffices", "menopause post; pregnancy_planned yes", "", "E21"),
    ("A7 either_suffices", "menopause post; sterilization uterus_removed; contraception refused", "", ""),
    ("A7 either_suffices", f"{MAN}; pregnancy_test urine_negative", "", ""),
    ("A8 sexually_active_only", "fertile_partner no; pregnancy_test urine_positive", "I11 E21", "E21"),
    ("A8 sexually_active_only", "fertile_partner yes; pregnancy_test urine_positive", "I11 E21", "I11 E21"),
    ("A9 treated_only", "systolic_bp 170 mm[Hg]", "E2.2", ""),
    ("A9 treated_only", "diastolic_bp 101 mm[Hg]", "E2.2", ""),
    ("A9 treated_only", "systolic_bp 170 mm[Hg]; antihypertensive_treatment yes", "E2.2", "E2.2"),
    ("A9 treated_only", "diastolic_bp 101 mm[Hg]; antihypertensive_treatment yes", "E2.2", "E2.2"),
    ("A10 steroids_needed", "ild_status past", "E3", ""),
    ("A10 steroids_needed", "ild_status past; ild_steroids yes", "E3", "E3"),
    ("A10 steroids_needed", "ild_status current", "E3", "E3"),
    ("A10 steroids_needed", "ild_status suspected", "E3", "E3"),
    ("A11 treated_only", f"{STABLE}; measurable_lesion_outside_cns no", "E7", ""),
    ("A11 treated_only", f"{STABLE}; brainstem_or_cerebellar_metastases yes", "E7", ""),
    ("A11 treated_only", f"{SPOT}; brain_metastases_stable_since never", "E7", ""),
    ("A11 treated_only", f"{TREATED}; measurable_lesion_outside_cns no", "E7", "E7"),
    ("A11 treated_only", f"{TREATED}; brain_metastases_stable_since never on 2026-01-31", "E7", "E7"),
    ("A11 treated_only", f"{SPOT}; last_cns_medication 2026-01-30", "E7", "E7"),
    ("A12 all_excluded", "varices high; last_upper_endoscopy 2026-01-20", "", "E12"),
    ("A12 all_excluded", "varices low", "", ""),
    ("A13 both_together", "tracheal_stent yes", "E14", ""),
    ("A13 both_together", "digestive_stent impaired_function", "E14", ""),
    ("A13 both_together", "tracheal_stent yes; digestive_stent impaired_function", "E14", "E14"),
    ("A13 both_together", "tracheal_stent yes; digestive_stent normal_function", "E14", ""),
    ("A14 antigen_alone", "hbsag positive; hbv_dna 20 [IU]/mL", "", "E18.3"),
    ("A14 antigen_alone", f"{CORE_ONLY}; hbv_dna 20 [IU]/mL", "", ""),
    ("A15 myocarditis_only", "last_myocardial_infarction 2019-03-03", "", "E2.1"),
    ("A15 myocarditis_only", "last_heart_failure 2019-03-03", "", "E2.1"),
    ("A15 myocarditis_only", "last_uncontrolled_myocarditis 2019-03-03", "", ""),
    ("A16 diagnosis", f"{OTHER_CANCER}; other_malignancy_last_evidence 2024-04-04", "E24", ""),
    ("A16 diagnosis", "other_malignancy other; other_malignancy_diagnosed 2023-02-01", "", "E24"),
    ("A16 diagnosis", "other_malignancy other; other_malignancy_diagnosed 2023-01-31", "", ""),
]


@pytest.mark.parametrize(("reading", "line", "first", "other"), READINGS)
def test_reading(reading: str, line: str, first: str, other: str) -> None:
    name, selected = reading.split()
    assert screened.bars(found(line)) == named(first)
    under = found(line, **{name: selected})
    assert screened.bars(under) == named(other)
    assert screened.undecided(under) == set()
    assert under.readings[name] == selected


# --- unknown ---------------------------------------------------------------------------------------------------------

NEEDED = {
    "I2 H2": "birth_date",
    "I3 H3": "pathology_confirmation",
    "I3.1": "disease_extent her2_sample",
    "I3.2": "hormone_receptor_sample",
    "I4": "chemotherapy_lines_advanced her2_lines_advanced endocrine_lines_advanced adjuvant_therapy_completed "
    "advanced_disease_diagnosed",
    "I5": "ecog",
    "I6": "progression_after_last_therapy",
    "I8": "largest_target_lesion",
    "I9": "lvef",
    "I10.1": "hemoglobin last_red_cell_transfusion last_erythropoietin hemoglobin_support",
    "I10.2": "neutrophils last_gcsf",
    "I10.3": "platelets last_platelet_transfusion last_thrombopoietin platelet_support",
    "I10.4": "bilirubin",
    "I10.5": "alt ast",
    "I10.6": "albumin",
    "I10.7": "creatinine",
    "I10.8": "inr pt aptt",
    "I11 E21": "pregnancy_test",
    "I12": "contraception contraception_after_last_dose",
    "E1": "prior_top1_inhibitor",
    "E2.1": "last_heart_failure last_uncontrolled_myocarditis",
    "E2.1 E2.3": "last_myocardial_infarction",
    "E2.2": "systolic_bp diastolic_bp",
    "E2.3": "last_arterial_event",
    "E2.4": "last_deep_vein_thrombosis",
    "E2.4 E4": "last_pulmonary_embolism",
    "E2.5": "ventricular_arrhythmia atrial_fibrillation",
    "E2.6": "qt_interval",
    "E2.7": "qt_drug_risk",
    "E2.8": "long_qt_history",
    "E3": "ild_status",
    "E3 E4": "other_lung_disease",
    "E4": "autoimmune_lung_involvement",
    "E5.1": "last_antibody_therapy",
    "E5.2": "last_hormonal_or_immunotherapy",
    "E5.3": "last_limited_field_radiotherapy last_wide_field_radiotherapy irradiated_marrow",
    "E5.4": "last_oral_anticancer_drug oral_anticancer_drug_half_life last_herbal_anticancer_medicine",
    "E5.5": "last_major_surgery major_surgery_expected unhealed_wound",
    "E5.6": "last_cyp3a4_modifier cyp3a4_modifier_half_life",
    "E5.7": "last_live_vaccine",
    "E6": "last_systemic_corticosteroid last_immunosuppressant",
    "E7": "brain_metastases leptomeningeal_metastases spinal_cord_metastases spinal_cord_compression",
    "E8": "residual_toxicity_above_baseline",
    "E9": "tumor_invasion",
    "E10": "last_serious_bleeding",
    "E11": "ascites pleural_effusion pericardial_effusion last_effusion_drainage",
    "E12": "varices",
    "E13": "bowel_obstruction gi_perforation gi_fistula gi_perforation_risk bowel_resection inflammatory_bowel_disease",
    "E14": "tracheal_stent digestive_stent",
    "E15": "biliary_obstruction",
    "E16": "liver_failure child_pugh",
    "E17": "last_parenteral_nutrition",
    "E18.1": "systemic_anti_infective",
    "E18.2": "hiv",
    "E18.4": "active_tuberculosis last_tuberculosis_treatment",
    "E18.5": "syphilis",
    "E19": "immunodeficiency",
    "E20": "transplantation",
    "E21": "breast_feeding pregnancy_planned",
    "E25": "other_trial",
    "E26": "substance_abuse",
    # what another fact of hers decides: both sexes may enter, her test is negative, the quantity of 24 hours counts, …
    "": "sex weight menopause sterilization fertile_partner her2_ihc her2_ish er_percent pr_percent "
    "largest_target_node liver_metastases gilbert_syndrome urine_protein_24h urine_protein_dipstick troponin "
    "antihypertensive_treatment infarction_ruled_out ild_steroids corticosteroid_dose last_cns_medication "
    "measurable_lesion_outside_cns brainstem_or_cerebellar_metastases largest_brain_metastasis last_brain_surgery "
    "brain_metastases_stable_since last_brain_radiotherapy radiotherapy_toxicity_recovered last_upper_endoscopy "
    "grade_2_toxicity_stable_since hbsag hbs_antibody hbc_antibody hbe_antibody hbv_dna hcv_antibody hcv_rna "
    "other_malignancy other_malignancy_diagnosed other_malignancy_last_evidence other_malignancy_cured",
}
"""Of each fact of the eligible patient: the criteria that stay open without it."""


def test_what_stays_open_without_each_fact() -> None:
    needed = {fact: criteria for criteria, facts in NEEDED.items() for fact in facts.split()}
    assert set(needed) == {event["fact"] for event in screened.eligible(PROTOCOL) if "fact" in event}
    for fact, criteria in needed.items():
        patient = found(f"-{fact}")
        assert screened.undecided(patient) == named(criteria), fact
        assert screened.bars(patient) == set()
        assert patient.screening.answer == ("not_yet_decidable" if criteria else "eligible")
        assert {item.fact for item in patient.screening.lacking} == ({fact} if criteria else set())


OPEN = [
    # facts, some left out, and the criteria that stay open: what another fact no longer decides
    ("-her2_ihc; -her2_ish", "I3.1"),
    ("largest_target_lesion 4 mm; -largest_target_node", "I8"),
    ("bilirubin 40 umol/L uln=20; -gilbert_syndrome; -liver_metastases", "I10.4"),
    ("bilirubin 61 umol/L uln=20; -gilbert_syndrome; -liver_metastases", ""),
    ("alt 150 U/L uln=40; -liver_metastases", "I10.5"),
    ("bilirubin 9 umol/L", "I10.4"),
    ("neutrophils 1.4 10*9/L", "I10.2"),
    ("neutrophils 1.5 10*9/L", ""),
    ("creatinine 0.782 mg/dL uln=0.5; -weight", "I10.7"),
    ("creatinine 0.782 mg/dL uln=0.5; -sex", "I10.7"),
    ("creatinine 0.782 mg/dL uln=0.5; -birth_date", "I2 I10.7 H2"),
    ("-urine_protein_24h; -urine_protein_dipstick", "I10.7"),
    ("-urine_protein_24h; urine_protein_dipstick 2+", "I10.7"),  # 24 hours are to be collected now
    ("-urine_protein_24h; urine_protein_dipstick 4+", "I10.7"),
    ("-pregnancy_test; -menopause", "I11 E21"),
    ("-pregnancy_test; -sex", "I11 E21"),
    ("contraception refused; -sterilization", "I12"),
    ("troponin 15 ng/L uln=14; -infarction_ruled_out", "E2.1"),
    ("last_systemic_corticosteroid 2026-01-30; -corticosteroid_dose", "E6"),
    (f"{SPOT}; -brain_metastases_stable_since", "E7"),
    (f"{STABLE}; -last_cns_medication", "E7"),
    ("brain_metastases asymptomatic; brain_metastases_stable_since 2025-10-01; -largest_brain_metastasis", "E7"),
    (f"{STABLE}; -measurable_lesion_outside_cns", "E7"),
    (f"{STABLE}; -last_brain_surgery", ""),  # small enough, treated or not
    (f"{STABLE}; largest_brain_metastasis 30 mm; -last_brain_surgery", "E7"),
    (f"{TREATED}; -radiotherapy_toxicity_recovered", "E7"),
    ("residual_toxicity_above_baseline 2; -grade_2_toxicity_stable_since", "E8"),
    ("varices high; -last_upper_endoscopy", "E12"),
    ("biliary_obstruction relieved; -bilirubin", "I10.4 E15"),
    ("hbsag positive; -hbv_dna", "E18.3"),
    (f"{CORE_ONLY}; -hbv_dna", "E18.3"),
    ("hcv_antibody positive; -hcv_rna", "E18.3"),
    ("other_malignancy other; -other_malignancy_last_evidence", "E24"),
    ("other_malignancy other; -other_malignancy_cured", "E24"),
    ("last_major_surgery 2026-02-02 on 2026-01-30", "E5.5"),  # a day yet to come
    ("hemoglobin 7.6 mmol/L", "I10.1"),  # no molar mass is declared for it
]


@pytest.mark.parametrize(("line", "criteria"), OPEN)
def test_open(line: str, criteria: str) -> None:
    patient = found(line)
    undecided = screened.undecided(patient)
    assert undecided == named(criteria)
    assert not screened.bars(patient) & undecided


def test_without_any_fact_nothing_is_decided_but_the_sex() -> None:
    patient = screened.screened(PROTOCOL, [screened.attested("I7", met=True)])
    decided = [name for name, outcome in screened.outcomes(patient).items() if outcome in ("met", "not_met")]
    assert decided == ["I7", "H1"]


def test_the_answer_of_yesterday_may_be_stale_tomorrow() -> None:
    """The blood of 2026-01-28 serves up to 2026-02-04, the heart of 2026-01-14 up to 2026-02-11."""
    assert eligible_on(date(2026, 2, 4)).screening.answer == "eligible"
    stale = eligible_on(date(2026, 2, 5))
    assert {name for name in screened.undecided(stale) if name.startswith("I10.")} == {
        "I10.1", "I10.2", "I10.3", "I10.4", "I10.5", "I10.6", "I10.7", "I10.8",
    }  # fmt: skip
    assert "I9" not in screened.undecided(eligible_on(date(2026, 2, 11)))
    assert "I9" in screened.undecided(eligible_on(date(2026, 2, 12)))
