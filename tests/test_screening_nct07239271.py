"""The 43 criteria of NCT07239271, on one eligible patient and on what becomes of her when something is otherwise.

All expectations are worked out from the record. She is asked about on 2026-02-01, four weeks after consent, is 47 years
old and premenopausal, and has an early tumour, T2 N1 M0 of 32 mm with one focus, IHC 2+ and ISH positive. Her blood was
taken on 2026-01-28. A line says what is otherwise (``told``); the sets name sub-items beside their criterion.
"""

from __future__ import annotations

import pytest
from screened import attested, bars, changed, eligible, machine, outcomes, screened, told, undecided

from protocol_engine.engine.patient_screening import PatientScreening

PROTOCOL = "NCT07239271"
SUB_ITEMS = {"I9": 4, "E9": 6}
MAIN = (*(f"I{n}" for n in range(1, 14)), *(f"E{n}" for n in range(1, 18)), "H1", "H2", "H3")
CRITERIA = {*MAIN, *(f"{main}.{n}" for main, count in SUB_ITEMS.items() for n in range(1, count + 1))}
ASKED = ("I8", "I10", "I12", "I13", "E9", "E10", "E13", "E14", "E17")


def asked(line: str, **readings: str) -> PatientScreening:
    return screened(PROTOCOL, told(PROTOCOL, line), readings=readings)


def named(line: str) -> set[str]:
    """The criteria of a line, and with a sub-item the one it belongs to."""
    return {name for word in line.split() for name in (word, word.partition(".")[0])}


def test_the_eligible_patient_meets_what_must_be_met_and_nothing_else() -> None:
    found = screened(PROTOCOL, eligible(PROTOCOL))
    assert found.screening.answer == "eligible"
    assert outcomes(found) == {name: "not_met" if name.startswith("E") else "met" for name in CRITERIA}
    assert not found.unreadable


# What keeps the patient out, alone save where the record says a thing twice: I1 with H1 or H2 (age and sex), I4 with I3
# and H3 (no proof at all), E1 with I3 or I5 (metastases), I9.4 with E9.2 (ejection fraction), E9.2 with E9.3 (NYHA II),
# E5 with E15 (treatment elsewhere), I11 with E16 (pregnancy, breast-feeding, contraception). I7 is known or open.
FAILS = [
    ("birth_date 2010-01-01", "I1 H1"),
    ("birth_date 1950-01-01", "I1 H1"),
    ("sex male", "I1 H2"),
    ("ecog 2", "I2"),
    ("ecog 4", "I2"),
    ("pathology_confirmation cytology", "I3"),
    ("pathology_confirmation histology_in_situ", "I3"),
    ("tumor_size 15 mm", "I3"),
    ("t_category T4; tumor_size 15 mm", "I3"),
    ("disease_extent locally_advanced_inoperable", "I3"),
    ("tumor_foci multifocal_one_quadrant; all_foci_her2_positive no", "I4"),
    ("pathology_confirmation none", "I3 I4 H3"),
    ("t_category T0", "I5"),
    ("t_category Tis", "I5"),
    ("t_category T1", "I5"),
    ("her2_ihc 0", "I6"),
    ("her2_ihc 1+", "I6"),
    ("her2_ish negative", "I6"),
    ("I8 no", "I8"),
    ("neutrophils 1.2 10*9/L", "I9.1"),
    ("platelets 80 10*9/L", "I9.1"),
    ("hemoglobin 82 g/L", "I9.1"),
    ("leukocytes 2 10*9/L", "I9.1"),
    ("last_red_cell_transfusion 2026-01-25", "I9.1"),
    ("last_platelet_transfusion 2026-01-25", "I9.1"),
    ("bilirubin 50 umol/L uln=21", "I9.2"),
    ("alt 150 U/L uln=40", "I9.2"),
    ("ast 150 U/L uln=35", "I9.2"),
    ("creatinine 200 umol/L uln=84", "I9.2"),
    ("pt 30 s uln=14", "I9.3"),
    ("aptt 80 s uln=37", "I9.3"),
    ("inr 2.5 1 uln=1.2", "I9.3"),
    ("pt 30 s uln=14; anticoagulation yes; pt_in_anticoagulant_range no", "I9.3"),
    ("lvef 50 %", "I9.4 E9.2"),
    ("I10 no", "I10"),
    ("contraception effective", "I11"),
    ("contraception_after_last_dose 3 mo", "I11"),
    ("menopause post; pregnancy_test serum_positive", "I11 E16"),  # a positive test counts whatever she was held to be
    ("sterilization uterus_removed; pregnancy_test urine_positive", "I11 E16"),
    ("I12 no", "I12"),
    ("I13 no", "I13"),
    ("disease_extent metastatic", "E1 I3"),
    ("m_category M1", "E1 I5"),
    ("t_category T4; m_category M1", "E1 I5"),
    ("tumor_foci more_quadrants", "E2"),
    ("tumor_foci more_quadrants; all_foci_her2_positive no", "E2"),
    ("bilateral_breast_cancer yes", "E2"),
    ("prior_antitumor_therapy yes", "E3"),
    ("prior_breast_surgery cancer", "E3"),
    ("prior_breast_surgery benign_disease", "E3"),
    ("other_malignancy other; other_malignancy_last_evidence 2025-06-01", "E4"),
    ("other_malignancy other_in_situ; other_malignancy_last_evidence 2025-06-01", "E4"),
    ("other_malignancy papillary_thyroid; other_malignancy_last_evidence 2025-06-01", "E4"),
    ("other_malignancy cervical_in_situ; other_malignancy_cured no; other_malignancy_last_evidence 2026-01-20", "E4"),
    ("other_malignancy nonmelanoma_skin; other_malignancy_cured no; other_malignancy_last_evidence 2026-01-20", "E4"),
    (
        "other_malignancy superficial_bladder; other_malignancy_cured no; other_malignancy_last_evidence 2026-01-20",
        "E4",
    ),
    ("other_trial on_treatment", "E5 E15"),
    ("last_major_surgery 2026-01-20", "E6"),
    ("last_incisional_biopsy 2026-01-20", "E6"),
    ("unhealed_wound yes", "E7"),
    ("substance_abuse current", "E8"),
    ("psychiatric_disorder yes", "E8"),
    ("E9 yes", "E9"),
    ("hypertensive_crisis yes", "E9.1"),
    ("systolic_bp 170 mm[Hg]", "E9.1"),
    ("diastolic_bp 110 mm[Hg]", "E9.1"),
    ("last_heart_failure 2015-05-05", "E9.2"),
    ("nyha_class I", "E9.2"),
    ("nyha_class II", "E9.2 E9.3"),
    ("myocardial_ischemia_grade 3", "E9.3"),
    ("arrhythmia_grade 1", "E9.3"),
    ("qt_interval 500 ms rr=1000", "E9.3"),
    ("angina_medication yes", "E9.4"),
    ("valve_disease yes", "E9.5"),
    ("hcv_antibody positive", "E9.6"),
    ("hiv positive", "E9.6"),
    ("treponemal_antibody positive", "E9.6"),
    ("hbsag positive", "E9.6"),
    ("hbv_dna 500 [IU]/mL uln=20", "E9.6"),
    ("tumor_invasion great_vessels", "E10"),
    ("E10 yes", "E10"),
    ("last_autoimmune_treatment 2025-02-01", "E11"),
    ("immunodeficiency yes", "E12"),
    ("last_systemic_corticosteroid 2026-01-28; corticosteroid_dose 40 mg/d", "E12"),
    ("last_immunosuppressant 2026-01-28", "E12"),
    ("other_lung_disease significant", "E13"),
    ("other_lung_disease uncontrolled", "E13"),
    ("pulmonary_insufficiency yes", "E13"),
    ("infection_grade 3", "E13"),
    ("E13 yes", "E13"),
    ("E14 yes", "E14"),
    ("last_other_trial_treatment 2026-01-20", "E15"),
    ("pregnancy_test serum_positive", "E16 I11"),
    ("menopause peri; pregnancy_test urine_positive", "E16 I11"),
    ("breast_feeding yes", "E16 I11"),
    ("menopause post; breast_feeding yes", "E16 I11"),
    ("contraception refused", "E16 I11"),
    ("E17 yes", "E17"),
]
# What is not known of the others does not matter.
FAILS_WHATEVER_ELSE = [
    ("her2_ihc 1+; -her2_ish", "I6"),
    ("hemoglobin 82 g/L; -platelets; -neutrophils; -last_red_cell_transfusion", "I9.1"),
    ("inr 2.5 1 uln=1.2; -pt; -aptt", "I9.3"),
    ("-menopause; -sterilization; contraception refused; breast_feeding yes", "E16 I11"),
    ("E9 yes; -valve_disease; -hiv", "E9"),
    ("-E9; valve_disease yes; -hiv", "E9.5"),
    ("-hcv_antibody; -hiv; treponemal_antibody positive; -hbv_dna", "E9.6"),
    ("-E10; tumor_invasion great_vessels", "E10"),
    ("E10 yes; -tumor_invasion", "E10"),
    ("-infection_grade; -other_lung_disease; pulmonary_insufficiency yes; -E13", "E13"),
    ("-last_systemic_corticosteroid; -corticosteroid_dose; last_immunosuppressant 2026-01-28", "E12"),
]


@pytest.mark.parametrize(("line", "expected"), FAILS)
def test_a_criterion_keeps_the_patient_out_alone(line: str, expected: str) -> None:
    found = asked(line)
    assert bars(found) == named(expected)
    assert undecided(found) == set()
    assert found.screening.answer == "not_eligible"


@pytest.mark.parametrize(("line", "expected"), FAILS_WHATEVER_ELSE)
def test_a_criterion_is_decided_by_one_of_several_whatever_is_unknown(line: str, expected: str) -> None:
    found = asked(line)
    assert bars(found) == named(expected)
    assert found.screening.answer == "not_eligible"


def test_every_criterion_fails_somewhere() -> None:
    assert {name for _, expected in FAILS for name in named(expected)} == CRITERIA - {"I7"}


def test_e16_alone_by_a_test_that_is_too_old_for_i11() -> None:
    found = asked("pregnancy_test serum_positive on 2026-01-10")
    assert (bars(found), undecided(found)) == ({"E16"}, {"I11"})


FITS = [
    "disease_extent locally_advanced_operable; t_category T3; n_category N3; tumor_size 70 mm",
    "t_category T4; n_category N0",
    "t_category T4; -n_category",
    "t_category T4; n_category NX",
    "tumor_foci multifocal_one_quadrant",
    "all_foci_her2_positive no",
    "her2_ihc 3+; -her2_ish",
    "her2_ihc 3+; her2_ish negative",
    "er_percent 0 %; pr_percent 0 %; ki67 0 %",
    "gilbert_syndrome yes; bilirubin 40 umol/L uln=21",
    "-gilbert_syndrome",
    "anticoagulation yes; pt_in_anticoagulant_range yes; pt 30 s uln=14; aptt 80 s uln=37; inr 2.5 1 uln=1.2",
    "anticoagulation yes; pt_in_anticoagulant_range yes; -pt; -aptt; -inr",
    "anticoagulation yes; pt_in_anticoagulant_range no",  # the limits for those without an anticoagulant are kept
    "menopause post; contraception refused; -contraception_after_last_dose; pregnancy_test urine_negative",
    "sterilization tubes_removed; contraception refused",
    "other_malignancy other; other_malignancy_last_evidence 2019-04-01",
    "other_malignancy cervical_in_situ; other_malignancy_cured yes; other_malignancy_last_evidence 2025-12-01",
    "other_malignancy nonmelanoma_skin; other_malignancy_cured yes; other_malignancy_last_evidence 2025-12-01",
    "other_malignancy superficial_bladder; other_malignancy_cured yes; other_malignancy_last_evidence 2025-12-01",
    "other_trial follow_up",
    "other_trial observational",
    "substance_abuse past",
    "systolic_bp 140 mm[Hg]; antihypertensive_treatment yes",
    "tumor_invasion other_organs",
    "last_systemic_corticosteroid 2026-01-28; corticosteroid_dose 5 mg/d",
    "last_systemic_corticosteroid 2025-11-01; corticosteroid_dose 60 mg/d",
    "other_lung_disease mild",
]


@pytest.mark.parametrize("line", FITS)
def test_what_the_record_lets_in(line: str) -> None:
    assert asked(line).screening.answer == "eligible"


# Just below, at and just above each limit.
LIMITS = [
    # the age is that of the day of consent, 2026-01-05
    ("birth_date 2008-01-06", "I1 H1"),
    ("birth_date 2008-01-05", ""),
    ("birth_date 2008-01-04", ""),
    ("birth_date 1956-01-05", ""),
    ("birth_date 1955-01-20", ""),  # 71 by the day asked about, and 70 at consent
    ("birth_date 1955-01-06", ""),
    ("birth_date 1955-01-05", "I1 H1"),
    ("ecog 1", ""),
    ("ecog 2", "I2"),
    ("tumor_size 19.9 mm", "I3"),
    ("tumor_size 20 mm", "I3"),
    ("tumor_size 20.1 mm", ""),
    ("tumor_size 1.99 cm", "I3"),
    ("tumor_size 2 cm", "I3"),
    ("tumor_size 2.01 cm", ""),
    ("neutrophils 1.49 10*9/L", "I9.1"),
    ("neutrophils 1.5 10*9/L", ""),
    ("neutrophils 1.51 10*9/L", ""),
    ("neutrophils 1499 /uL", "I9.1"),
    ("neutrophils 1500 /uL", ""),
    ("neutrophils 1499 /mm3", "I9.1"),
    ("neutrophils 1500 /mm3", ""),
    ("platelets 99 10*9/L", "I9.1"),
    ("platelets 100 10*9/L", ""),
    ("platelets 101 10*9/L", ""),
    ("platelets 99999 /mm3", "I9.1"),
    ("platelets 100000 /mm3", ""),
    ("platelets 99.9 10*3/uL", "I9.1"),
    ("platelets 100 10*3/uL", ""),
    ("hemoglobin 89 g/L", "I9.1"),
    ("hemoglobin 90 g/L", ""),
    ("hemoglobin 91 g/L", ""),
    ("hemoglobin 8.9 g/dL", "I9.1"),
    ("hemoglobin 9 g/dL", ""),
    ("hemoglobin 9.1 g/dL", ""),
    ("leukocytes 2.49 10*9/L", "I9.1"),
    ("leukocytes 2.5 10*9/L", ""),
    ("leukocytes 2.51 10*9/L", ""),
    ("leukocytes 2499 /uL", "I9.1"),
    ("leukocytes 2500 /mm3", ""),
    ("bilirubin 29.9 umol/L uln=20", ""),
    ("bilirubin 30 umol/L uln=20", ""),
    ("bilirubin 30.1 umol/L uln=20", "I9.2"),
    ("bilirubin 1.79 mg/dL uln=1.2", ""),
    ("bilirubin 1.8 mg/dL uln=1.2", ""),
    ("bilirubin 1.81 mg/dL uln=1.2", "I9.2"),
    ("gilbert_syndrome yes; bilirubin 39.9 umol/L uln=20", ""),
    ("gilbert_syndrome yes; bilirubin 40 umol/L uln=20", ""),
    ("gilbert_syndrome yes; bilirubin 40.1 umol/L uln=20", "I9.2"),
    ("gilbert_syndrome yes; bilirubin 2.4 mg/dL uln=1.2", ""),
    ("gilbert_syndrome yes; bilirubin 2.41 mg/dL uln=1.2", "I9.2"),
    ("gilbert_syndrome yes; bilirubin 40 umol/L uln=20; alt 100 U/L uln=40; ast 101 U/L uln=40", "I9.2"),
    ("gilbert_syndrome yes; bilirubin 40 umol/L uln=20; alt 101 U/L uln=40; ast 100 U/L uln=40", "I9.2"),
    ("gilbert_syndrome yes; bilirubin 40 umol/L uln=20; alt 100 U/L uln=40; ast 100 U/L uln=40", ""),
    ("gilbert_syndrome yes; bilirubin 40 umol/L uln=20; creatinine 120 umol/L uln=80", ""),
    ("gilbert_syndrome yes; bilirubin 40 umol/L uln=20; creatinine 121 umol/L uln=80", "I9.2"),
    ("alt 99 U/L uln=40", ""),
    ("alt 100 U/L uln=40", ""),
    ("alt 101 U/L uln=40", "I9.2"),
    ("alt 1.5 ukat/L uln=0.6", ""),
    ("alt 1.51 ukat/L uln=0.6", "I9.2"),
    ("ast 99 U/L uln=40", ""),
    ("ast 100 U/L uln=40", ""),
    ("ast 101 U/L uln=40", "I9.2"),
    ("ast 1.5 ukat/L uln=0.6", ""),
    ("ast 1.51 ukat/L uln=0.6", "I9.2"),
    ("creatinine 119 umol/L uln=80", ""),
    ("creatinine 120 umol/L uln=80", ""),
    ("creatinine 121 umol/L uln=80", "I9.2"),
    ("creatinine 1.34 mg/dL uln=0.9", ""),
    ("creatinine 1.35 mg/dL uln=0.9", ""),
    ("creatinine 1.36 mg/dL uln=0.9", "I9.2"),
    ("pt 20.9 s uln=14", ""),
    ("pt 21 s uln=14", ""),
    ("pt 21.1 s uln=14", "I9.3"),
    ("aptt 53.9 s uln=36", ""),
    ("aptt 54 s uln=36", ""),
    ("aptt 54.1 s uln=36", "I9.3"),
    ("inr 1.79 1 uln=1.2", ""),
    ("inr 1.8 1 uln=1.2", ""),
    ("inr 1.81 1 uln=1.2", "I9.3"),
    ("lvef 54.9 %", "I9.4 E9.2"),
    ("lvef 55 %", ""),
    ("lvef 55.1 %", ""),
    ("lvef 0.549 1", "I9.4 E9.2"),
    ("lvef 0.55 1", ""),
    ("contraception_after_last_dose 5.9 mo", "I11"),
    ("contraception_after_last_dose 6 mo", ""),
    ("contraception_after_last_dose 6.1 mo", ""),
    ("contraception_after_last_dose 0.49 a", "I11"),
    ("contraception_after_last_dose 0.5 a", ""),
    ("systolic_bp 149 mm[Hg]", ""),
    ("systolic_bp 150 mm[Hg]", ""),
    ("systolic_bp 151 mm[Hg]", "E9.1"),
    ("systolic_bp 19.9983 kPa", ""),  # 150 times 0.133322
    ("systolic_bp 19.9984 kPa", "E9.1"),
    ("diastolic_bp 99 mm[Hg]", ""),
    ("diastolic_bp 100 mm[Hg]", ""),
    ("diastolic_bp 101 mm[Hg]", "E9.1"),
    ("diastolic_bp 13.3322 kPa", ""),
    ("diastolic_bp 13.3323 kPa", "E9.1"),
    ("myocardial_ischemia_grade 1", ""),
    ("myocardial_ischemia_grade 2", "E9.3"),
    ("arrhythmia_grade 0", ""),
    ("arrhythmia_grade 1", "E9.3"),
    ("qt_interval 469.9 ms rr=1000", ""),
    ("qt_interval 470 ms rr=1000", "E9.3"),
    ("qt_interval 470.1 ms rr=1000", "E9.3"),
    ("qt_interval 0.4699 s rr=1", ""),
    ("qt_interval 0.47 s rr=1", "E9.3"),
    ("qt_interval 375.9 ms rr=512", ""),  # the cube root of 0.512 is 0.8
    ("qt_interval 376 ms rr=512", "E9.3"),
    ("hbv_dna 19.9 [IU]/mL uln=20", ""),
    ("hbv_dna 20 [IU]/mL uln=20", ""),
    ("hbv_dna 20.1 [IU]/mL uln=20", "E9.6"),
    ("hbv_dna 100 {copies}/mL uln=100", ""),
    ("hbv_dna 101 {copies}/mL uln=100", "E9.6"),
    ("last_systemic_corticosteroid 2026-01-28; corticosteroid_dose 9.9 mg/d", ""),
    ("last_systemic_corticosteroid 2026-01-28; corticosteroid_dose 10 mg/d", ""),
    ("last_systemic_corticosteroid 2026-01-28; corticosteroid_dose 10.1 mg/d", "E12"),
    ("last_systemic_corticosteroid 2026-01-28; corticosteroid_dose 0.01 g/d", ""),
    ("last_systemic_corticosteroid 2026-01-28; corticosteroid_dose 0.0101 g/d", "E12"),
    ("infection_grade 1", ""),
    ("infection_grade 2", "E13"),
]
# The first day outside and the last inside, counted back from 2026-02-01; the day that lies just so long ago is inside.
WINDOWS = [
    ("last_red_cell_transfusion 2026-01-13", ""),  # 14 days before the sample of 2026-01-28 is 2026-01-14
    ("last_red_cell_transfusion 2026-01-14", "I9.1"),
    ("last_red_cell_transfusion 2026-01-28", "I9.1"),
    ("last_red_cell_transfusion 2026-01-30", "I9.1"),  # after the sample
    ("last_platelet_transfusion 2026-01-13", ""),
    ("last_platelet_transfusion 2026-01-14", "I9.1"),
    ("last_platelet_transfusion 2026-01-30", "I9.1"),
    ("hemoglobin 128 g/L on 2026-01-08; last_red_cell_transfusion 2026-01-18", "I9.1"),
    ("platelets 265 10*9/L on 2026-01-08; last_platelet_transfusion 2026-01-18", "I9.1"),
    ("other_malignancy other; other_malignancy_last_evidence 2023-01-31", ""),
    ("other_malignancy other; other_malignancy_last_evidence 2023-02-01", "E4"),
    ("other_malignancy nonmelanoma_skin; other_malignancy_cured no; other_malignancy_last_evidence 2023-01-31", ""),
    ("other_malignancy nonmelanoma_skin; other_malignancy_cured no; other_malignancy_last_evidence 2023-02-01", "E4"),
    ("last_major_surgery 2026-01-03", ""),
    ("last_major_surgery 2026-01-04", "E6"),
    ("last_incisional_biopsy 2026-01-03", ""),
    ("last_incisional_biopsy 2026-01-04", "E6"),
    ("last_autoimmune_treatment 2024-01-31", ""),
    ("last_autoimmune_treatment 2024-02-01", "E11"),
    ("last_systemic_corticosteroid 2026-01-17; corticosteroid_dose 40 mg/d", ""),
    ("last_systemic_corticosteroid 2026-01-18; corticosteroid_dose 40 mg/d", "E12"),
    ("last_immunosuppressant 2026-01-17", ""),
    ("last_immunosuppressant 2026-01-18", "E12"),
    ("last_other_trial_treatment 2026-01-03", ""),
    ("last_other_trial_treatment 2026-01-04", "E15"),
    ("pregnancy_test serum_negative on 2026-01-25", ""),
    ("pregnancy_test urine_negative on 2026-01-25", ""),
]


@pytest.mark.parametrize(("line", "expected"), [*LIMITS, *WINDOWS])
def test_limits_and_windows(line: str, expected: str) -> None:
    found = asked(line)
    assert (bars(found), undecided(found)) == (named(expected), set())


@pytest.mark.parametrize(
    ("sample", "fact"),
    [("hemoglobin 128 g/L", "last_red_cell_transfusion"), ("platelets 265 10*9/L", "last_platelet_transfusion")],
)
def test_a_transfusion_after_the_sample_may_hide_one_before_it(sample: str, fact: str) -> None:
    """The last one, of 17 January, is 15 days ago; the 14 days before the sample begin on 25 December."""
    for before, expected in (("", {"I9", "I9.1"}), (f"{fact} 2025-12-24 on 2026-01-08; ", set())):
        found = asked(f"{sample} on 2026-01-08; {before}{fact} 2026-01-17")
        assert (bars(found), undecided(found)) == (set(), expected)


def test_a_pregnancy_test_of_more_than_seven_days_ago_is_stale() -> None:
    found = asked("pregnancy_test serum_negative on 2026-01-24")
    assert (bars(found), undecided(found)) == (set(), {"I11"})
    assert [(item.fact, item.why) for item in found.screening.lacking] == [("pregnancy_test", "stale")]
    again = asked("pregnancy_test serum_negative on 2026-01-24; pregnancy_test urine_negative on 2026-01-31")
    assert again.screening.answer == "eligible"


def test_what_has_no_window_does_not_go_stale() -> None:
    assert asked("hemoglobin 128 g/L on 2025-09-01; lvef 60 % on 2025-03-01").screening.answer == "eligible"


def test_the_newest_result_decides_however_often_a_test_was_repeated() -> None:
    days = ("2026-01-10", "2026-01-15", "2026-01-20")
    low = "; ".join(f"hemoglobin 80 g/L on {day}" for day in days)
    assert bars(asked(low)) == {"I9", "I9.1"}
    assert asked(f"{low}; hemoglobin 95 g/L on 2026-01-28").screening.answer == "eligible"


# The criteria that keep out by the default reading, and by the other one.
READINGS = [
    ("A16", "recommended_only", "tumor_foci multifocal_one_quadrant; all_foci_her2_positive no", "I4", ""),
    ("A16", "recommended_only", "pathology_confirmation none", "I3 I4 H3", "I3 I4 H3"),
    ("A17", "any_multifocal", "tumor_foci multifocal_one_quadrant", "", "E2"),
    ("A17", "any_multifocal", "tumor_foci more_quadrants", "E2", "E2"),
    ("A18", "operable_early_only", "disease_extent locally_advanced_inoperable", "I3", ""),
    ("A18", "operable_early_only", "disease_extent metastatic", "I3 E1", "I3 E1"),
    ("A19", "today_only", "last_red_cell_transfusion 2026-01-14", "I9.1", ""),
    ("A19", "today_only", "last_red_cell_transfusion 2026-01-17", "I9.1", ""),
    ("A19", "today_only", "last_red_cell_transfusion 2026-01-18", "I9.1", "I9.1"),
    ("A19", "today_only", "last_platelet_transfusion 2026-01-17", "I9.1", ""),
    ("A19", "today_only", "last_platelet_transfusion 2026-01-18", "I9.1", "I9.1"),
    ("A20", "childbearing_only", "menopause post; pregnancy_test serum_positive", "I11 E16", "E16"),
    ("A20", "childbearing_only", "pregnancy_test serum_positive", "I11 E16", "I11 E16"),
    ("A20", "childbearing_only", "menopause post; breast_feeding yes", "I11 E16", "I11 E16"),
    ("A23", "for_cancer_only", "prior_breast_surgery benign_disease", "E3", ""),
    ("A23", "for_cancer_only", "prior_breast_surgery cancer", "E3", "E3"),
    ("A24", "treated_only", "systolic_bp 151 mm[Hg]", "E9.1", ""),
    ("A24", "treated_only", "diastolic_bp 101 mm[Hg]", "E9.1", ""),
    ("A24", "treated_only", "systolic_bp 151 mm[Hg]; antihypertensive_treatment yes", "E9.1", "E9.1"),
    ("A24", "treated_only", "diastolic_bp 101 mm[Hg]; antihypertensive_treatment yes", "E9.1", "E9.1"),
    ("A24", "treated_only", "diastolic_bp 100 mm[Hg]; antihypertensive_treatment yes", "", ""),
    ("A24", "treated_only", "hypertensive_crisis yes", "E9.1", "E9.1"),
    ("A25", "both_limits", "sex male; qt_interval 449.9 ms rr=1000", "I1 H2", "I1 H2"),
    ("A25", "both_limits", "sex male; qt_interval 450 ms rr=1000", "I1 H2", "I1 H2 E9.3"),
    ("A25", "both_limits", "sex male; qt_interval 450.1 ms rr=1000", "I1 H2", "I1 H2 E9.3"),
    ("A25", "both_limits", "sex male; qt_interval 0.45 s rr=1", "I1 H2", "I1 H2 E9.3"),
    ("A25", "both_limits", "qt_interval 460 ms rr=1000", "", ""),
    ("A25", "both_limits", "qt_interval 470 ms rr=1000", "E9.3", "E9.3"),
    ("A26", "reported", "qtc 469 ms", "", ""),
    ("A26", "reported", "qtc 470 ms", "", "E9.3"),
    ("A26", "reported", "qtc 471 ms", "", "E9.3"),
    ("A26", "reported", "qtc 0.469 s", "", ""),
    ("A26", "reported", "qtc 0.47 s", "", "E9.3"),
    ("A26", "reported", "qt_interval 470 ms rr=1000", "E9.3", ""),
    ("A27", "grade_2", "arrhythmia_grade 1", "E9.3", ""),
    ("A27", "grade_2", "arrhythmia_grade 2", "E9.3", "E9.3"),
    ("A28", "antigen_with_dna", "hbsag positive", "E9.6", ""),
    ("A28", "antigen_with_dna", "hbv_dna 30 [IU]/mL uln=20", "E9.6", ""),
    ("A28", "antigen_with_dna", "hbsag positive; hbv_dna 20 [IU]/mL uln=20", "E9.6", ""),
    ("A28", "antigen_with_dna", "hbsag positive; hbv_dna 20.1 [IU]/mL uln=20", "E9.6", "E9.6"),
    ("A28", "antigen_with_dna", "hcv_antibody positive", "E9.6", "E9.6"),
    ("A29", "any_participation", "other_trial follow_up", "", "E15"),
    ("A29", "any_participation", "other_trial observational", "", ""),
    ("A29", "any_participation", "other_trial on_treatment", "E5 E15", "E5 E15"),
    ("A29", "any_participation", "last_other_trial_treatment 2026-01-04", "E15", "E15"),
]
OTHER_CANCERS = [
    # kind, treated by one operation alone, cured, last evidence, readings in which it keeps out (A21, A22)
    ("other", "no", "yes", "2020-01-01", "any_time"),
    ("other", "no", "yes", "2024-01-01", "three_years any_time"),
    ("other", "yes", "yes", "2020-01-01", ""),
    ("other", "yes", "yes", "2021-02-01", ""),  # 5 years to the day
    ("other", "yes", "yes", "2021-02-02", "any_time"),
    ("other", "yes", "yes", "2022-06-01", "any_time"),
    ("other", "yes", "yes", "2024-01-01", "three_years any_time"),
    ("nonmelanoma_skin", "no", "yes", "2025-12-01", ""),
    ("nonmelanoma_skin", "no", "no", "2025-12-01", "three_years any_time"),
    ("nonmelanoma_skin", "no", "no", "2020-01-01", "any_time"),
    ("superficial_bladder", "no", "no", "2025-12-01", "three_years any_time"),
    ("cervical_in_situ", "no", "no", "2025-12-01", "three_years any_time cured_cervix_only"),
    ("cervical_in_situ", "no", "yes", "2025-12-01", ""),
]


@pytest.mark.parametrize(("assumption", "reading", "line", "by_default", "otherwise"), READINGS)
def test_the_readings_of_an_assumption(
    assumption: str, reading: str, line: str, by_default: str, otherwise: str
) -> None:
    assert bars(asked(line)) == named(by_default)
    assert bars(asked(line, **{assumption: reading})) == named(otherwise)


@pytest.mark.parametrize(
    ("qtc", "expected"),
    [("449 ms", ""), ("450 ms", "E9.3"), ("451 ms", "E9.3"), ("0.449 s", ""), ("0.45 s", "E9.3")],
)
def test_a_reported_qtc_of_a_man_where_his_limit_holds(qtc: str, expected: str) -> None:
    found = asked(f"sex male; qtc {qtc}; qt_interval 380 ms rr=1000", A25="both_limits", A26="reported")
    assert bars(found) == named(f"I1 H2 {expected}")
    assert bars(asked(f"sex male; qtc {qtc}; qt_interval 380 ms rr=1000", A26="reported")) == named("I1 H2")


@pytest.mark.parametrize(("kind", "operation", "cured", "evidence", "keeps_out"), OTHER_CANCERS)
def test_the_readings_of_another_cancer(kind: str, operation: str, cured: str, evidence: str, keeps_out: str) -> None:
    line = f"other_malignancy {kind}; other_malignancy_single_operation {operation}; other_malignancy_cured {cured}"
    line += f"; other_malignancy_last_evidence {evidence}"
    by_reading = {
        "three_years": asked(line),
        "any_time": asked(line, A21="any_time"),
        "cured_cervix_only": asked(line, A22="cured_cervix_only"),
    }
    if kind == "other":  # of which nothing is said that A22 concerns
        by_reading.pop("cured_cervix_only")
    assert {reading for reading, found in by_reading.items() if bars(found)} == set(keeps_out.split())
    assert all(bars(found) <= {"E4"} and not undecided(found) for found in by_reading.values())


MISSED_LIMITS = [
    ("I9.1", "hemoglobin 82 g/L"),
    ("I9.2", "alt 150 U/L uln=40"),
    ("I9.3", "inr 2.5 1 uln=1.2"),
]


@pytest.mark.parametrize(("criterion", "line"), MISSED_LIMITS)
def test_who_decides_on_organ_function(criterion: str, line: str) -> None:
    """A15: a limit that is not kept keeps the patient out, or is left to the investigator."""
    readings = {"A15": "investigator_decides"}
    assert bars(asked(f"{line}; {criterion} yes")) == {"I9", criterion}
    assert undecided(asked(line, **readings)) == {"I9", criterion}
    assert outcomes(asked(line, **readings))[criterion] == "needs_attestation"
    assert asked(f"{line}; {criterion} yes", **readings).screening.answer == "eligible"
    assert bars(asked(f"{line}; {criterion} no", **readings)) == {"I9", criterion}
    assert asked("", **readings).screening.answer == "eligible"


@pytest.mark.parametrize(("share", "open_until_judged"), [("54.9", True), ("55", False), ("55.1", False)])
def test_an_ejection_fraction_is_left_to_the_investigator_below_the_limit(
    share: str, *, open_until_judged: bool
) -> None:
    found = asked(f"lvef {share} %", A15="investigator_decides")
    assert undecided(found) == ({"I9", "I9.4"} if open_until_judged else set())


def test_an_ejection_fraction_that_was_accepted_still_excludes_by_e9_2() -> None:
    assert bars(asked("lvef 54 %; I9.4 yes", A15="investigator_decides")) == {"E9", "E9.2"}
    assert bars(asked("lvef 54 %; I9.4 no", A15="investigator_decides")) == {"I9", "I9.4", "E9", "E9.2"}


def test_a_woman_after_menopause_needs_a_pregnancy_test_by_one_reading_only() -> None:
    line = "menopause post; -pregnancy_test; -contraception; -contraception_after_last_dose"
    assert undecided(asked(line)) == {"I11"}
    assert asked(line, A20="childbearing_only").screening.answer == "eligible"


# What stays open without a fact. What is not named leaves nothing open: the answer stands on what else is known of her.
OPEN_WITHOUT = {
    "sex": "I1 H2",
    "birth_date": "I1 H1",
    "contraception": "I11 E16",
    "contraception_after_last_dose": "I11",
    "breast_feeding": "I11 E16",
    "pregnancy_test": "I11 E16",
    "ecog": "I2",
    "pathology_confirmation": "I3 I4 H3",
    "er_percent": "I7",
    "pr_percent": "I7",
    "ki67": "I7",
    "her2_ihc": "I6",
    "her2_ish": "I6",
    "disease_extent": "I3 E1",
    "tumor_size": "I3",
    "t_category": "I5",
    "n_category": "I5",
    "m_category": "I5 E1",
    "tumor_foci": "E2",
    "bilateral_breast_cancer": "E2",
    "tumor_invasion": "E10",
    "neutrophils": "I9.1",
    "platelets": "I9.1",
    "hemoglobin": "I9.1",
    "leukocytes": "I9.1",
    "last_red_cell_transfusion": "I9.1",
    "last_platelet_transfusion": "I9.1",
    "bilirubin": "I9.2",
    "alt": "I9.2",
    "ast": "I9.2",
    "creatinine": "I9.2",
    "pt": "I9.3",
    "aptt": "I9.3",
    "inr": "I9.3",
    "lvef": "I9.4 E9.2",
    "systolic_bp": "E9.1",
    "diastolic_bp": "E9.1",
    "hypertensive_crisis": "E9.1",
    "nyha_class": "E9.2 E9.3",
    "last_heart_failure": "E9.2",
    "myocardial_ischemia_grade": "E9.3",
    "arrhythmia_grade": "E9.3",
    "qt_interval": "E9.3",
    "angina_medication": "E9.4",
    "valve_disease": "E9.5",
    "prior_antitumor_therapy": "E3",
    "prior_breast_surgery": "E3",
    "other_trial": "E5 E15",
    "last_other_trial_treatment": "E15",
    "last_major_surgery": "E6",
    "last_incisional_biopsy": "E6",
    "unhealed_wound": "E7",
    "substance_abuse": "E8",
    "psychiatric_disorder": "E8",
    "hcv_antibody": "E9.6",
    "hiv": "E9.6",
    "treponemal_antibody": "E9.6",
    "hbsag": "E9.6",
    "hbv_dna": "E9.6",
    "last_autoimmune_treatment": "E11",
    "immunodeficiency": "E12",
    "last_immunosuppressant": "E12",
    "other_lung_disease": "E13",
    "pulmonary_insufficiency": "E13",
    "infection_grade": "E13",
}
KNOWN = [event["fact"] for event in eligible(PROTOCOL) if "fact" in event]


@pytest.mark.parametrize("fact", KNOWN)
def test_without_a_fact_what_needs_it_is_open(fact: str) -> None:
    found = asked(f"-{fact}")
    assert undecided(found) == named(OPEN_WITHOUT.get(fact, ""))
    assert bars(found) == set()
    assert found.screening.answer == ("not_yet_decidable" if fact in OPEN_WITHOUT else "eligible")
    assert {item.fact for item in found.screening.lacking} == ({fact} if fact in OPEN_WITHOUT else set())


def test_every_fact_is_known_of_her_or_only_matters_to_others() -> None:
    table = machine(PROTOCOL).table
    read = {fact for item in table.criteria.values() if item.condition for fact in table.facts_read(item.condition)}
    others = {
        "other_malignancy_cured",
        "pt_in_anticoagulant_range",
    }  # of a cancer, and of a drug, that she does not have
    assert read - set(KNOWN) == others
    assert set(OPEN_WITHOUT) <= set(KNOWN)


UNKNOWN = [
    ("alt 24 U/L", "I9.2"),  # without the limit of the laboratory
    ("inr 1.0 1", "I9.3"),
    ("hbv_dna 5 [IU]/mL", "E9.6"),
    ("qt_interval 390 ms", "E9.3"),  # without the RR interval
    ("-sex; qt_interval 480 ms rr=1000", "I1 H2 E9.3"),
    ("bilirubin 40 umol/L uln=21; -gilbert_syndrome", "I9.2"),
    ("pt 30 s uln=14; anticoagulation yes", "I9.3"),
    ("pt 30 s uln=14; -anticoagulation; pt_in_anticoagulant_range yes", "I9.3"),
    ("tumor_foci multifocal_one_quadrant; -all_foci_her2_positive", "I4"),
    ("-tumor_foci; all_foci_her2_positive no", "I4 E2"),
    ("t_category TX", "I5"),
    ("n_category NX", "I5"),
    ("m_category MX", "I5 E1"),
    ("her2_ish not_evaluable", "I6"),
    ("her2_ihc not_evaluable", "I6"),
    ("-menopause; pregnancy_test serum_negative; contraception refused", "I11 E16"),
    ("other_malignancy other; -other_malignancy_last_evidence", "E4"),
    ("other_malignancy nonmelanoma_skin; other_malignancy_last_evidence 2025-12-01", "E4"),
    ("last_systemic_corticosteroid 2026-01-28; -corticosteroid_dose", "E12"),
    ("-last_systemic_corticosteroid; corticosteroid_dose 20 mg/d", "E12"),
    ("last_red_cell_transfusion never on 2026-01-20", "I9.1"),  # said before the sample of 2026-01-28 was taken
    ("last_platelet_transfusion 2025-12-01 on 2026-01-20", "I9.1"),
    ("last_major_surgery 2026-02-02", "E6"),  # dated after the day asked about
    ("hemoglobin 128 mg", "I9.1"),  # in a unit that is none of a concentration
]


@pytest.mark.parametrize(("line", "expected"), UNKNOWN)
def test_what_is_not_known_leaves_a_criterion_open(line: str, expected: str) -> None:
    found = asked(line)
    assert (undecided(found), bars(found)) == (named(expected), set())
    assert {outcomes(found)[name] for name in named(expected)} == {"unknown"}


def test_said_before_the_sample_it_is_enough_where_only_today_counts() -> None:
    line = "last_red_cell_transfusion never on 2026-01-20; last_platelet_transfusion never on 2026-01-20"
    assert asked(line, A19="today_only").screening.answer == "eligible"


@pytest.mark.parametrize("criterion", ASKED)
def test_without_a_word_on_it_a_question_stays_open(criterion: str) -> None:
    found = asked(f"-{criterion}")
    assert outcomes(found)[criterion] == "needs_attestation"
    assert undecided(found) == {criterion}
    assert [answer.id for answer in found.screening.questions] == [criterion]


def test_two_words_of_one_day_that_differ_are_none() -> None:
    words = attested("E17", met=False), attested("E17", met=True)
    assert undecided(screened(PROTOCOL, changed(PROTOCOL, *words))) == {"E17"}


def test_without_a_signed_form_nobody_is_eligible() -> None:
    events = [event for event in eligible(PROTOCOL) if event["kind"] != "consent"]
    found = screened(PROTOCOL, events)
    assert undecided(found) == {"I13"}
    assert found.screening.answer == "not_yet_decidable"
