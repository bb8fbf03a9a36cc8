"""Protocols and decisions as pages: everything that the file says is on the page, in words and with its ids."""

from __future__ import annotations

import io
import itertools
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import pytest
from journey_transcripts import Checkpoint, Transcript, read_transcript

from protocol_engine import Course, compile_protocol, load_protocol, parse_action, parse_events, readings_of
from protocol_engine import replay as replay_course
from protocol_engine.adapters.blocks import Grid, Heading, Item, Items, Page, Paragraph, section
from protocol_engine.adapters.decision_prose import answer_page, decision_page, place_words
from protocol_engine.adapters.file_form import protocol_json
from protocol_engine.adapters.phrases import applied, capital, cites, claim_words, event_words, listed
from protocol_engine.adapters.prose import protocol_page
from protocol_engine.adapters.replay_prose import CourseLine, course_page
from protocol_engine.adapters.screening_prose import decided_by
from protocol_engine.engine.course import Machine
from protocol_engine.entrypoints.layout import laid_out
from protocol_engine.model.claims import GENERAL_RULES
from protocol_engine.model.conditions import Condition
from protocol_engine.model.protocol import Protocol
from protocol_engine.reader import read_protocol

PROTOCOLS = ("IIT2025006", "NCT05861830", "NCT07151586", "NCT07239271", "NCT07377643")
JOURNEYS = sorted((Path(__file__).parent / "journeys").glob("*/*.txt"))
CLAIM = re.compile(r"\b[RANG][1-9]\d?\b")


@cache
def loaded(name: str, *readings: str) -> Protocol:
    return load_protocol(name, dict(reading.split("=") for reading in readings))


@cache
def machine(name: str, *readings: str) -> Machine:
    return compile_protocol(loaded(name, *readings))


def text(page: Page) -> str:
    """The page as it goes into a pipe, with single spaces, so that only the words count."""
    return "\n".join(" ".join(line.split()) for line in laid_out(page, io.StringIO()).splitlines())


@cache
def page_of(name: str, *readings: str) -> str:
    return text(protocol_page(loaded(name, *readings)))


def part(page: str, heading: str) -> str:
    """What stands under a heading, up to the next empty line that a heading follows."""
    body = page.partition(f"\n{heading}")[2]
    return re.split(r"\n\n(?=[A-Z][a-z])", body)[0]


def row_with(page: str, *cells: str) -> str:
    """The one line that begins with these cells."""
    found = [line for line in page.splitlines() if line.startswith(" ".join(cells))]
    assert len(found) == 1, found
    return found[0]


# --- a protocol -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_claim_of_the_file_is_on_the_page_in_words(name: str) -> None:
    protocol, page = loaded(name), page_of(name)
    for claim, words in {**protocol.rules, **GENERAL_RULES}.items():
        assert f"{claim} {words}" in page
    for claim, assumption in protocol.assumptions.items():
        assert f"{claim} {assumption.asks}" in page
        for reading, words in assumption.readings.items():
            mark = " (default, selected)" if reading == assumption.default else ""
            assert f"{reading}{mark}: {words}" in page
    for claim, silence in protocol.not_stated.items():
        assert f"{claim} {silence.what}" in part(page, "Not stated in the record")


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_claim_is_cited_beyond_the_lists_and_no_other_is(name: str) -> None:
    protocol, page = loaded(name), page_of(name)
    declared = {*protocol.rules, *protocol.assumptions, *protocol.not_stated, *GENERAL_RULES}
    assert set(CLAIM.findall(page)) <= declared
    once = {claim for claim in declared if len(re.findall(rf"\b{claim}\b", page)) < 2}
    assert once <= {"G3", "G4"}  # they hold for the language, and need not stand at any step


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_name_is_on_the_page_with_its_id(name: str) -> None:
    protocol, page = loaded(name), page_of(name)
    for arm, content in protocol.arms.items():
        assert f"\nArm {arm}: {content.title} [" in page
    for names in (protocol.regimens, protocol.drugs, protocol.procedures, protocol.facts, protocol.values):
        for identifier in names:
            assert re.search(rf"\b{re.escape(identifier)}\b", page), identifier
    for endpoint in protocol.endpoints:
        assert f"\n{endpoint} " in page


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_criterion_is_on_the_page_with_what_decides_it(name: str) -> None:
    protocol, page = loaded(name), page_of(name)
    for criterion, item in protocol.criteria.items():
        assert f"\n{criterion} {item.text} {decided_by(protocol, criterion, item)}" in page
    for identifier in protocol.derived:
        assert re.search(rf"\b{re.escape(identifier)}\b", part(page, "What the criteria read")), identifier


@cache
def invented_page(name: str) -> str:
    return text(protocol_page(load_protocol(str(Path(__file__).parent / "protocols" / f"{name}.yaml"))))


def test_what_closes_a_step_is_told_also_where_the_step_stands_in_one_line() -> None:
    """In the cell of a table, behind a stop, behind an ``until``, in an option and in an arm drawn later."""
    rest = "- Rest after progression (element rest):\n- It ends as soon as it is known that there is fit for treatment;"
    assert rest in invented_page("OLIVE-1")
    assert (
        "- Aspen syrup in pregnancy (element aspen):\n"
        "- It ends as soon as it is known that there is no pregnancy; then the course ends (delivered). [R3]\n"
        "- It ends as soon as it is known that there is swelling; then visit at the clinic (visit), then"
    ) in invented_page("WILLOW-1")
    cedar = invented_page("CEDAR-1")
    for element in ("Lignin (element lignin_by_draw)", "Balsam (element balsam)"):
        assert f"- {element}:\n- It ends as soon as it is known that there is progression since then;" in cedar
    assert "- These steps together:\n- It ends as soon as it is known that benefit is no;" in cedar
    assert "- Resin beyond progression (element beyond):\n- Every dose needs: benefit attested in the last" in cedar
    sparse = "With ringol (element with_ringol):\n- It ends as soon as it is known that ring level is low; then ringol"
    assert f"- {sparse}" in invented_page("ELDER-1")


def test_what_a_result_is_reported_of_and_how_it_may_be_converted_is_told() -> None:
    assert row_with(invented_page("PINE-1"), "size of a spot").endswith("at least 0; of each spot any day R12")
    assert "a number in umol/L, above 0; also as an amount of substance, at 113.12 g/mol" in page_of("NCT07151586")
    assert "a number in [IU]/mL, at least 0; or in {copies}/mL, times 0.2" in page_of("NCT07239271")
    assert row_with(page_of("IIT2025006"), "birth date").startswith("birth date (birth_date) a date; lasting any day")


def test_ends_that_the_file_cites_and_the_beginning_of_an_element_are_told() -> None:
    assert "- The end by study closure rests on claims of this protocol too. [R6]" in page_of("NCT07151586")
    assert "in an unbroken row are at least 10 ng/mL, after the beginning of the element" in invented_page("OLIVE-1")
    assert "not later than 30 hours after the first dose of the element infusion" in invented_page("SORREL-1")


def test_a_label_that_is_a_sentence_stays_one() -> None:
    trial = invented_page("CLOVER-1-TRIAL")
    assert "It ends as soon as it is known that level 1 is known well enough; then what follows comes next." in trial
    assert "- If level 2 is open: arm level_2. [R1]" in invented_page("CLOVER-1")
    assert "the number of patients, among those reported at any time, of which dose-limiting toxicity" in trial


def test_doses_that_move_are_told_apart_from_how_often_they_are_given() -> None:
    page = invented_page("MAPLE-1")
    assert "the level of the ladder lumi of (80 mg if body weight is below 60 kg; 120 mg if" in page
    assert "160 mg if body weight is at least 90 kg), once a day" in page
    assert (
        "Too low (too_low): if, after a dose of stipa, urate is below 2 mg/dL; or there is rash due to stipa, then"
        in page
    )
    assert "mabtuz, neutrophils is below 0.5 10*9/L, then it is held until" in invented_page("BIRCH-1")


def test_a_criterion_names_its_assumptions_and_a_count_has_no_unit() -> None:
    page = page_of("NCT05861830")
    assert row_with(page, "E6").endswith(" last drainage of an effusion is within 4 weeks [A9, A10]")
    assert row_with(page, "I5.4").endswith(" data number of endocrine lines for advanced disease is at most 3")


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_reading_gives_a_page_that_marks_it(name: str) -> None:
    for assumption, options in readings_of(name).items():
        for reading in options[1:]:
            page = page_of(name, f"{assumption}={reading}")
            assert f"- {reading} (selected): " in page
            assert f"- {options[0]} (default): " in page


def test_a_randomised_study_says_its_ratio_or_that_it_is_not_stated() -> None:
    assert "Phase 3, randomised 1 control to 3 adaptive, open label, 2000 patients planned." in page_of("NCT07239271")
    assert "randomised in a ratio that is not stated, open label, 260 patients planned. [not stated: N1]" in page_of(
        "NCT07151586"
    )
    assert "Phase 4, allocated by rule, open label, 40 patients planned." in page_of("IIT2025006")


@pytest.mark.parametrize(
    ("tests", "then", "claims"),
    [  # R3 to R6, read by default: A1 counts the baseline for a PAM mutation, A2 reads the sample after cycle 1
        ("any result yes no at least PR", "Nab-P+HP goes on (element goes_on): Nab-P+HP (nab_p_hp) is given", "R3"),
        ("any result yes no below PR", "TCbHP (tcbhp) is given", "R4"),
        ("any result no any result yes", "PyroHT (pyroht) is given", "R5"),
        ("any result yes any result", "EveroHT (everoht) is given", "R6"),
    ],
)
def test_the_branch_after_cycle_2_is_a_table(tests: str, then: str, claims: str) -> None:
    line = row_with(page_of("NCT07239271"), tests, then)
    assert "for 2 cycles" in line
    assert claims in CLAIM.findall(line)


def test_the_switch_after_cycle_4_names_both_options_and_who_chooses() -> None:
    page = page_of("NCT07239271")
    line = row_with(page, "below PR", "The investigator chooses (after_c4_switch):")
    for option in ("ADC (adc)", "AC+H (ac_h)"):
        assert f"{option} is given for a number of cycles that is not stated" in line
    assert {"R8", "A9", "A14", "N4"} <= set(CLAIM.findall(line))
    assert "R7" in row_with(page, "at least PR The same regimen for two more cycles")


@pytest.mark.parametrize(
    ("name", "cells", "claims"),
    [
        ("NCT07151586", "SG (sg) 21 days sacituzumab govitecan (sg) 10 mg/kg IV days 1 and 8", {"R3"}),
        ("NCT07151586", "T-DXd (tdxd) 21 days trastuzumab deruxtecan (tdxd) 5.4 mg/kg IV day 1", {"R4"}),
        (
            "NCT05861830",
            "dalpiciclib with an endocrine agent (dalpiciclib_et) 28 days dalpiciclib 150 mg once a day PO days 1 to",
            {"R1"},
        ),
        ("NCT05861830", "letrozole, if chosen (endocrine_agent) 2.5 mg once a day PO every day", {"R2"}),
        ("NCT05861830", "anastrozole, if chosen (endocrine_agent) 1.0 mg once a day PO every day", {"R2"}),
        ("NCT05861830", "exemestane, if chosen (endocrine_agent) 25 mg once a day PO every day", {"R2"}),
        ("NCT05861830", "fulvestrant, if chosen (endocrine_agent) 500 mg IM day 1", {"R2", "A2"}),
        ("NCT05861830", "fulvestrant, if chosen (endocrine_agent) 500 mg IM day 15, in cycle 1 only", {"R2", "A2"}),
        ("NCT05861830", "tamoxifen, if chosen (endocrine_agent) 10 to 20 mg twice a day PO every day", {"R2"}),
        ("NCT07239271", "ADC (adc) not stated antibody-drug conjugate, not named (adc) not stated", {"R8", "N1", "N2"}),
        ("NCT07377643", "THP (thp) not stated docetaxel, if chosen (taxane) not stated not stated", {"R1", "N2", "N3"}),
    ],
)
def test_doses_are_on_the_page_as_the_record_states_them(name: str, cells: str, claims: set[str]) -> None:
    lines = [line for line in part(page_of(name), "Regimens").splitlines() if line.startswith(cells)]
    assert lines
    assert claims <= set(CLAIM.findall(lines[0]))


def test_the_next_cycle_of_sg_is_read_from_day_8_under_the_other_reading() -> None:
    page = page_of("NCT07151586", "A3=shifted")
    assert "SG (sg) 21 days, the next 14 days after day 8 if that is later sacituzumab govitecan" in page


def test_an_alternation_is_written_as_steps_that_repeat() -> None:
    page = part(page_of("NCT07151586"), "Arm alternating")
    assert "1. These steps are repeated without end. [R2]" in page
    first = "1. SG block (element sg): SG (sg) is given for 2 cycles. [R2, R3, A1, A4]"
    second = "2. T-DXd block (element tdxd): T-DXd (tdxd) is given for 2 cycles. [R2, R4, A1, A4]"
    assert page.index(first) < page.index(second)
    other = part(page_of("NCT07151586", "A1=tdxd_first"), "Arm alternating")
    assert other.index("1. T-DXd block (element tdxd)") < other.index("2. SG block (element sg)")


def test_a_stop_says_what_ends_and_what_stays_open() -> None:
    page = part(page_of("NCT07239271"), "Wherever the patient is")
    assert (
        "As soon as it is known that there is unacceptable toxicity: protocol treatment ends, and what stays open is: "
        "surgery of the breast (surgery), then the course ends (completed). [R9, A12; not stated: N5]"
    ) in page
    assert "Death, withdrawal from the study and closure of the study end the course" in page


def test_what_needs_a_reading_that_is_not_selected_says_so() -> None:
    aside = "(only with A12 as investigator_decides, which is not selected)"
    by_default, other = page_of("NCT07239271"), page_of("NCT07239271", "A12=investigator_decides")
    may = "If there is unacceptable toxicity or progression, the investigator may choose (treatment_goes_on): "
    assert any(may in line and aside in line for line in by_default.splitlines())
    assert any(may in line and aside not in line for line in other.splitlines())
    assert "No dose needs anything more, since A12 is read as ends_surgery_open. [A12]" in by_default
    assert "Every dose needs: there is no unacceptable toxicity or progression. [A12]" in other


def test_assignment_by_ihc_is_written_out() -> None:
    page = part(page_of("IIT2025006"), "Before treatment")
    assert "If HER2 IHC is 2+ and HER2 FISH is negative: arm cohort_1. [R1, R4]" in page
    assert "If HER2 IHC is at most 1+: arm cohort_2. [R1]" in page
    assert "If HER2 IHC is 3+; or HER2 IHC is 2+ and HER2 FISH is positive: the course ends (no_cohort). [R4]" in page


def test_eligibility_says_what_contradicts_it() -> None:
    page = part(page_of("NCT07151586"), "Before treatment")
    assert "Not while it is known that there is no HER2-low. [R7]" in page
    assert (
        "Not while it is known that ER is at least 10 %; or PR (progesterone receptor) is at least 10 %. [R8]" in page
    )


def test_ovarian_suppression_is_asked_for_in_words() -> None:
    page = part(page_of("NCT05861830"), "Arm dalpiciclib_et")
    assert "Every dose needs: ovarian function suppression is settled. [R3, A3]" in page
    needed = "If ovarian function suppression is needed and ovarian function suppression is not in place, "
    assert f"{needed}bilateral oophorectomy (bilateral_oophorectomy) may be performed. [R3]" in page
    assert f"{needed}GnRH analogue (gnrh) may be given also. [R3; not stated: N5]" in page


def test_a_drug_that_nobody_is_given_is_named() -> None:
    assert "Nobody in this arm is given pertuzumab under the protocol. [R2]" in part(
        page_of("NCT07377643"), "Arm ibi354:"
    )
    assert "Nobody in this arm is given IBI354 (ibi354) under the protocol. [R2]" in part(
        page_of("NCT07377643"), "Arm thp:"
    )


def test_endpoints_are_sentences() -> None:
    page = page_of("IIT2025006")
    assert (
        "PFS1 Progression-free survival on the first ADC; from consent to the first response on imaging of PD after "
        "the first ADC began or death, whichever comes first; followed up to 24 months; censoring not stated "
        "[R5, A7; not stated: N5]"
    ) in page
    assert "OS Overall survival; from allocation to death; followed up to 60 months" in page
    assert "OS Overall survival; from consent to death" in page_of("IIT2025006", "A2=from_consent")
    assert "response on imaging of PR or CR, seen again at least 4 weeks later [R5, A6]" in page
    assert "seen again" not in part(page_of("IIT2025006", "A6=unconfirmed_counts"), "Endpoints")
    assert "censored at discontinuation" in page_of("IIT2025006", "A7=censored_at_stop")
    assert "None is defined in the file. [not stated: N7]" in page_of("NCT07239271")


def test_results_say_their_values_and_when_they_are_taken() -> None:
    page = part(page_of("NCT07239271"), "Results that are read")
    ctdna = row_with(page, "ctDNA (ctdna) negative, positive; not_evaluable: no result before cycle 1 (baseline)")
    assert "after cycle 1 (after_cycle_1) [R2]" in ctdna
    assert "PD < SD < PR < CR; NE: no result" in page
    assert "a set of gene names; those not listed are absent A13" in page
    other = page_of("NCT07239271", "A13=tested_genes_only")
    assert "those not listed are unknown, unless they are among the tested genes" in other
    assert "HER2 ISH (her2_ish), also called her2_fish negative, positive" in page_of("NCT07151586")
    assert "last G-CSF (last_gcsf) a date, or never" in page_of("NCT07151586")
    assert "a number in kg, above 0 any day loinc 29463-7" in page_of("NCT07151586")


def test_the_words_of_conditions_are_explained() -> None:
    page = part(page_of("NCT07239271"), "What the words above mean")
    assert (
        "PAM mutation after cycle 1 (pam_c1): ctDNA after cycle 1 is positive and genes mutated after cycle 1 include "
        "at least one of the pam genes"
    ) in page
    assert "ctDNA (-) (negative): ctDNA after cycle 1 is negative [A2]" in page
    assert (
        "progression at the planned imaging (progressed_at_imaging): response on imaging was ever PD in the result"
        in page
    )
    c1_alone = page_of("NCT07239271", "A10=c1_alone")
    assert "the newest result of ctDNA taken at baseline; where there is none it is negative [A10]" in c1_alone


# --- the form of the file ---------------------------------------------------------------------------------------------


def as_yaml(value: Any) -> Any:
    """JSON as a protocol file writes it: yes and no for true and false."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return {key: as_yaml(item) for key, item in value.items()}
    return [as_yaml(item) for item in value] if isinstance(value, list) else value


def bare(value: Any) -> Any:
    """The protocol without the marks of where something stood and which reading put it there."""
    if isinstance(value, Protocol):
        value = attrs.evolve(value, readings={})
    if attrs.has(type(value)):
        fields = (f.name for f in attrs.fields(type(value)) if f.eq and f.name != "rests")
        return (type(value), *((name, bare(getattr(value, name))) for name in fields))
    if isinstance(value, dict):
        return [(key, bare(item)) for key, item in value.items()]
    return [bare(item) for item in value] if isinstance(value, tuple | list) else value


def selections(name: str) -> list[tuple[str, ...]]:
    """The defaults, and each other reading by itself."""
    return [(), *((f"{a}={reading}",) for a, options in readings_of(name).items() for reading in options[1:])]


@pytest.mark.parametrize(
    ("name", "readings"), [(name, selection) for name in PROTOCOLS for selection in selections(name)]
)
def test_the_json_of_a_protocol_reads_as_the_same_protocol(name: str, readings: tuple[str, ...]) -> None:
    protocol = loaded(name, *readings)
    form = protocol_json(protocol)
    assert form.pop("readings") == protocol.readings
    again = read_protocol(json.dumps(as_yaml(form)), "again.yaml")
    assert bare(again) == bare(protocol)


# --- decisions --------------------------------------------------------------------------------------------------------


ALTERNATING = (
    {"id": "e1", "kind": "consent", "effective": "2026-02-23"},
    {"id": "e2", "kind": "eligibility", "effective": "2026-02-25", "met": True},
    {"id": "e3", "kind": "allocation", "effective": "2026-02-26", "arm": "alternating"},
    {"id": "e4", "kind": "observation", "effective": "2026-03-02", "fact": "weight", "value": "62.5", "unit": "kg"},
    {"id": "e5", "kind": "administration", "effective": "2026-03-02", "regimen": "sg", "cycle": 1, "day": 1},
)
ADAPTIVE = (
    {"id": "e1", "kind": "consent", "effective": "2026-01-02"},
    {"id": "e2", "kind": "eligibility", "effective": "2026-01-03", "met": True},
    {"id": "e3", "kind": "allocation", "effective": "2026-01-04", "arm": "adaptive"},
    {"id": "e5", "kind": "administration", "effective": "2026-01-05", "regimen": "nab_p_hp"},
    {"id": "e6", "kind": "administration", "effective": "2026-01-26", "regimen": "nab_p_hp"},
)


def course_of(name: str, events: Any, *readings: str) -> Course:
    return Course(machine(name, *readings)).record_all(parse_events([json.dumps(event) for event in events]))


def decided(name: str, events: Any, *readings: str) -> str:
    course = course_of(name, events, *readings)
    return text(decision_page(course.machine.table, course.decide()))


def test_a_course_that_has_not_begun_asks_for_consent() -> None:
    page = decided("NCT07151586", ())
    assert "Before the first event, by version 2025-09-03 of the record" in page
    assert "Not allocated to an arm." in page
    assert "1 Obtain written consent not stated not stated not stated required G1" in page
    assert "required: it is the only way on." in page
    assert f"G1 {GENERAL_RULES['G1']}" in part(page, "Because")


def test_a_dose_has_its_day_its_route_and_its_amount() -> None:
    # R3: SG 10 mg/kg on days 1 and 8; 62.5 kg makes 625 mg; day 8 of 2 March is 9 March.
    page = decided("NCT07151586", ALTERNATING)
    assert "Arm alternating (SG and T-DXd, two cycles each in turn); SG block (sg); last done: cycle 1 day 1." in page
    assert "1 Give SG (sg), cycle 1 day 8 2026-03-09 2026-03-09 not stated required" in page
    assert "1 sacituzumab govitecan (sg) 10 mg/kg IV day 8 625 mg, for 62.5 kg weighed on 2026-03-02" in page
    # The next cycle may begin on 23 March even if day 8 is left out (A3).
    assert "2 Give SG (sg), cycle 2 day 1 2026-03-23 2026-03-23 not stated permitted" in page
    assert "required: it is the only way on; permitted: it may be done beside the rest." in page
    assert "R3 SG is 10 mg/kg IV on days 1 and 8 of a 3-week cycle." in part(page, "Because")
    assert "A3 Day 8 was late or left out. When is the next cycle due?" in page
    assert "read as from_day_1 (the default): 21 days after day 1" in page
    assert "could be shifted: as much later as day 8 was late" in page
    assert "N2 windows of the dosing days" in part(page, "Not stated in the record")


def test_without_a_weight_there_is_no_amount() -> None:
    page = decided("NCT07151586", [event for event in ALTERNATING if event["id"] != "e4"])
    assert "10 mg/kg IV day 8 no weight is known" in page
    assert "no weight is known" in part(page, "Notices")


def test_what_is_awaited_names_the_result_and_the_rules_in_words() -> None:
    page = decided("NCT07239271", ADAPTIVE)
    assert "Assess response on imaging after cycle 2 (response, after_cycle_2)" in page
    awaited = part(page, "What is awaited")
    assert "ctDNA after cycle 1 (ctdna, after_cycle_1)" in awaited
    assert "ctDNA at baseline (ctdna, baseline)" in awaited
    assert "it can no longer be taken" in awaited
    assert "R3 ctDNA negative and at least PR, Nab-P+HP goes on." in page
    assert "Not allowed now, and why" not in page  # each of the four regimens may yet be cycle 3


def test_a_choice_that_is_in_doubt_is_awaited_in_words() -> None:
    begun = [event for event in ADAPTIVE if event["id"] in ("e1", "e2")]
    words = [
        {"id": name, "kind": "choice", "effective": "2026-01-05", "choice": "taxane", "option": option}
        for name, option in (("e4", "docetaxel"), ("e5", "paclitaxel"))
    ]
    page = decided("NCT07377643", (*begun, {**ADAPTIVE[2], "arm": "thp"}, *words))
    awaited = part(page, "What is awaited")
    assert "The choice taxane (choice.taxane)" in awaited
    assert "e4, e5 of one day differ" in awaited


def test_what_is_not_allowed_says_why() -> None:
    genes = {"value": "positive", "components": {"mutated_genes": ["PIK3CA"]}}
    sample = {"id": "e7", "kind": "observation", "effective": "2026-01-26", "fact": "ctdna", **genes}
    page = decided("NCT07239271", (*ADAPTIVE, sample))
    refused = part(page, "Not allowed now, and why")
    assert "Give Nab-P+HP (nab_p_hp), cycle 3 day 1" in refused
    assert "R2: start ends after 2 cycles, and 2 are given" in refused


def test_a_course_that_has_ended_says_why_and_when() -> None:
    death = {"id": "e9", "kind": "death", "effective": "2026-03-12"}
    late = {"id": "[e10]", "kind": "administration", "effective": "2026-03-16", "regimen": "sg", "cycle": 1, "day": 8}
    page = decided("NCT07151586", (*ALTERNATING, death, late))
    assert "The course ended on 2026-03-12: death. Before: arm alternating" in page
    assert "Nothing is offered: the course has ended." in page
    assert "[e10] Not at this point of the course (order)" in part(page, "Deviations so far")


def test_selected_readings_are_named() -> None:
    page = decided("NCT07239271", ADAPTIVE, "A1=c1_decides", "A6=imaging_for_r3_r4")
    assert "Selected readings: A1 as c1_decides and A6 as imaging_for_r3_r4; all others by default." in page
    assert "read as c1_decides: R3 or R4, the later sample decides" in page
    assert "could be baseline_counts (the default): R6, because it names the baseline" in page


def test_a_choice_names_its_options_and_who_makes_it() -> None:
    arm = {"id": "e3", "kind": "allocation", "effective": "2026-01-04", "arm": "dalpiciclib_et"}
    page = decided("NCT05861830", (*ADAPTIVE[:2], arm))
    assert (
        "Choose endocrine agent (endocrine_agent, by the physician): "
        "letrozole, anastrozole, exemestane, fulvestrant or tamoxifen"
    ) in page
    taxane = {**arm, "arm": "thp"}
    assert "Choose taxane (taxane, by the investigator): docetaxel or paclitaxel" in decided(
        "NCT07377643", (*ADAPTIVE[:2], taxane)
    )


def test_allocation_names_every_arm_with_its_title() -> None:
    page = decided("NCT07239271", ADAPTIVE[:2])
    assert "Allocate to control (TCbHP) or adaptive (Nab-P+HP, adapted to ctDNA and imaging)" in page


def test_a_dose_by_mouth_has_its_range_and_its_times_a_day() -> None:
    # R2: tamoxifen 10 to 20 mg twice a day, every day of 28; R1: dalpiciclib once a day on days 1 to 21.
    events = (
        *ADAPTIVE[:2],
        {"id": "e3", "kind": "allocation", "effective": "2026-01-04", "arm": "dalpiciclib_et"},
        {"id": "e4", "kind": "observation", "effective": "2026-01-04", "fact": "sex", "value": "male"},
        {"id": "e5", "kind": "choice", "effective": "2026-01-05", "choice": "endocrine_agent", "option": "tamoxifen"},
    )
    page = decided("NCT05861830", events)
    assert "dalpiciclib 150 mg once a day PO days 1 to 21 as the dose" in page
    assert "tamoxifen 10 to 20 mg twice a day PO days 1 to 28 as the dose" in page


# --- proposals and courses --------------------------------------------------------------------------------------------


def answered(name: str, events: Any, action: dict[str, Any]) -> str:
    course = course_of(name, events)
    event = parse_action(json.dumps(action))
    where = course.decide(event.effective.day)
    return text(answer_page(course.machine.table, course.propose(event), event, where, ("1 event left aside",)))


def test_a_refusal_says_what_why_and_by_which_rules() -> None:
    page = answered(
        "NCT07151586",
        ALTERNATING,
        {"kind": "administration", "effective": "2026-03-07", "regimen": "sg", "cycle": 1, "day": 8},
    )
    assert page.startswith("Refused, before its day (early): SG (sg), cycle 1 day 8, on 2026-03-07\n")
    assert "no tolerance is stated" in part(page, "Why")
    assert "R3 SG is 10 mg/kg IV on days 1 and 8 of a 3-week cycle." in page
    assert "1 event left aside" in part(page, "Notices")


def test_an_allowed_act_says_so() -> None:
    page = answered(
        "NCT07151586",
        ALTERNATING,
        {"kind": "administration", "effective": "2026-03-09", "regimen": "sg", "cycle": 1, "day": 8},
    )
    assert page.startswith("Allowed: SG (sg), cycle 1 day 8, on 2026-03-09\n")
    assert "The protocol offers it where the patient is." in page
    report = {"kind": "observation", "effective": "2026-03-09", "fact": "response", "value": "SD"}
    assert "A report is always taken; nothing of it is judged." in answered("NCT07151586", ALTERNATING, report)


def test_a_course_is_a_table_of_its_steps() -> None:
    early = {"id": "e6", "kind": "administration", "effective": "2026-03-07", "regimen": "sg", "cycle": 1, "day": 8}
    events = parse_events([json.dumps(event) for event in (*ALTERNATING, ALTERNATING[0], early)])
    lines = [
        CourseLine(s.event, s.trace.verdict, s.repeated, s.decision.place, s.decision.ended, ("what changed",))
        for s in replay_course(machine("NCT07151586"), events)
    ]
    page = text(course_page(machine("NCT07151586").table, lines))
    assert "The course, 7 events" in page
    assert "1 e1 2026-02-23 Written consent allowed -" in page
    assert "4 e4 2026-03-02 Body weight (weight): 62.5 kg taken as reported" in page
    assert "5 e5 2026-03-02 SG (sg), cycle 1 day 1 allowed alternating/sg C1 d1" in page
    assert "6 e1 2026-02-23 Written consent repeated, nothing changes" in page
    assert "7 e6 2026-03-07 SG (sg), cycle 1 day 8 deviation: before its day (early) alternating/sg C1 d8" in page
    assert "e6 what changed" in page
    assert "The course, 0 events" not in text(course_page(machine("NCT07151586").table, ()))


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"kind": "eligibility", "met": False}, "eligibility not met"),
        ({"kind": "allocation", "arm": "sg_alone"}, "allocation to sg_alone"),
        ({"kind": "observation", "fact": "her2_ihc", "value": "1+"}, "HER2 IHC (her2_ihc): 1+"),
        (
            {"kind": "omission", "regimen": "sg", "cycle": 2, "day": 8, "drug": "sg", "reason": "fever"},
            "sacituzumab govitecan (sg) of SG (sg), cycle 2 day 8 left out: fever",
        ),
        ({"kind": "omission", "regimen": "tdxd", "reason": "holiday"}, "T-DXd (tdxd) left out: holiday"),
        (
            {"kind": "other_treatment", "drugs": ["tdxd", "x"]},
            "trastuzumab deruxtecan (tdxd) and x given outside the protocol",
        ),
        (
            {"kind": "adverse_event", "term": "rash", "grade": 2, "unacceptable": False, "drug": "sg"},
            "adverse event rash, grade 2, acceptable (sg)",
        ),
        ({"kind": "adverse_event", "term": "rash"}, "adverse event rash, not judged"),
        ({"kind": "discontinuation", "scope": "treatment"}, "treatment stopped for good"),
        ({"kind": "discontinuation", "scope": "sg"}, "sacituzumab govitecan (sg) stopped for good"),
        ({"kind": "withdrawal", "scope": "study"}, "withdrawal from the study"),
        ({"kind": "withdrawal", "scope": "treatment"}, "withdrawal from treatment"),
        ({"kind": "death"}, "death"),
        ({"kind": "study_closure"}, "closure of the study"),
        ({"kind": "retraction", "retracts": "e4", "reason": "wrong tube"}, "retraction of e4: wrong tube"),
        (
            {
                "kind": "correction",
                "corrects": "e4",
                "reason": "typo",
                "event": {"kind": "consent", "effective": "2026-01-01"},
            },
            "correction of e4: written consent on 2026-01-01",
        ),
    ],
)
def test_every_kind_of_event_has_words(event: dict[str, Any], words: str) -> None:
    read = parse_action(json.dumps({"effective": "2026-01-02", **event}))
    assert event_words(machine("NCT07151586").table, read) == words


def test_choices_procedures_and_lists_have_words() -> None:
    table = machine("NCT05861830").table
    choice = {
        "kind": "choice",
        "effective": "2026-01-02",
        "choice": "chemotherapy",
        "option": "own_choice",
        "name": "x",
    }
    assert event_words(table, parse_action(json.dumps(choice))) == (
        "choice chemotherapy: chemotherapy of the investigator's own choice (own_choice), x"
    )
    done = {"kind": "procedure", "effective": "2026-01-02", "procedure": "bilateral_oophorectomy"}
    assert event_words(table, parse_action(json.dumps(done))) == "bilateral oophorectomy (bilateral_oophorectomy)"
    genes = {
        "kind": "observation",
        "effective": "2026-01-02",
        "fact": "ctdna",
        "timepoint": "baseline",
        "value": "positive",
    }
    for listed_genes, words in ((["PIK3CA", "TP53"], "PIK3CA, TP53"), ([], "none")):
        event = parse_action(json.dumps({**genes, "components": {"mutated_genes": listed_genes}}))
        said = event_words(machine("NCT07239271").table, event)
        assert said == f"ctDNA at baseline (ctdna, baseline): positive; mutated genes {words}"


# --- every journey ----------------------------------------------------------------------------------------------------


@cache
def transcript_of(path: Path) -> Transcript:
    return read_transcript(path)


def checkpoint_page(transcript: Transcript, checkpoint: Checkpoint) -> str:
    readings = tuple(f"{name}={reading}" for name, reading in transcript.readings.items())
    course = course_of(transcript.protocol, checkpoint.events, *readings)
    if checkpoint.action is None:
        return text(decision_page(course.machine.table, course.decide(checkpoint.as_of)))
    event = parse_action(json.dumps(checkpoint.action))
    where = course.decide(event.effective.day)
    return text(answer_page(course.machine.table, course.propose(event), event, where))


@pytest.mark.parametrize("path", JOURNEYS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_answer_of_every_journey_can_be_read(path: Path) -> None:
    transcript = transcript_of(path)
    table = machine(transcript.protocol).table
    declared = {*table.rules, *table.assumptions, *table.not_stated, *GENERAL_RULES}
    for checkpoint in transcript.checkpoints:
        page = checkpoint_page(transcript, checkpoint)
        in_words = {claim for line in page.splitlines() if (claim := line.partition(" ")[0]) in declared}
        others = (line for line in page.splitlines() if not re.match(r"[RANG]\d|read as |could be ", line))
        named = {claim for line in others for claim in CLAIM.findall(line)} & declared
        assert named <= in_words, f"named and never put into words: {named - in_words}\n{page}"
        assert "None" not in page
        assert "{" not in page


# --- pieces -----------------------------------------------------------------------------------------------------------


def test_citations_are_sorted_and_silences_stand_apart() -> None:
    assert cites(("A2", "R10"), ("R2",), silent=("N3",)) == " [R2, R10, A2; not stated: N3]"
    assert cites(silent=("N3",)) == " [not stated: N3]"
    assert cites(()) == ""


def test_lists_read_like_sentences() -> None:
    assert [listed(names) for names in ((), ("a",), ("a", "b"), ("a", "b", "c"))] == ["", "a", "a and b", "a, b and c"]
    assert capital("progression ended it") == "Progression ended it"
    assert capital("ctDNA is negative") == "ctDNA is negative"
    assert capital("") == ""


def test_every_kind_of_claim_has_words_and_a_stranger_says_so() -> None:
    table = machine("NCT07151586").table
    assert claim_words(table, "R8") == "ER and PR are each below 10 %."
    assert claim_words(table, "G4") == GENERAL_RULES["G4"]
    assert claim_words(table, "N1") == "not stated: allocation ratio"
    assert claim_words(table, "A5").endswith("Read as sg_only: SG only, as the arm's own description says")
    assert claim_words(table, "R99") == "this claim is not written in the file"


def test_a_condition_without_clauses_never_holds_and_says_so() -> None:
    assert applied(loaded("NCT07151586"), Condition(())).told == "never"


def test_a_place_without_an_element_is_told() -> None:
    table = machine("NCT07151586").table
    assert place_words(table, {"arm": "sg_alone", "element": None, "cycle": None, "day": None}) == (
        "arm sg_alone (SG alone); no treatment begun."
    )


def test_a_grid_is_rectangular() -> None:
    with pytest.raises(ValueError, match="2 cells"):
        Grid(("a", "b"), (("1",),))


def test_an_empty_section_has_no_heading() -> None:
    assert section("Title") == ()
    assert section("Title", Paragraph("x")) == (Heading("Title"), Paragraph("x"))


# --- layout -----------------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


PAGE: Page = (
    Heading("Title", 1),
    Item("[bold]e1[/bold]", "a \x1b[31mred\x07 :smile: thing\nwith two lines", (Paragraph("inner"),)),
    Grid(("Head", "Tail"), (("x " * 200, "y"),)),
    Items((Item("1.", "after"),)),
)


def test_nothing_is_read_as_markup_and_nothing_steers_the_terminal() -> None:
    page = laid_out(PAGE, io.StringIO())
    assert "[bold]e1[/bold]" in page
    assert "a \\x1b[31mred\\x07 :smile: thing\\nwith two lines" in page
    assert "\x1b" not in page


def test_a_pipe_gets_whole_lines_and_a_terminal_gets_its_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    piped = laid_out(PAGE, io.StringIO())
    assert "x " * 199 + "x" in piped
    assert all(line == line.rstrip() for line in piped.splitlines())
    shown = laid_out(PAGE, Terminal())
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert max(map(len, plain.splitlines())) <= 60
    assert plain.count("x") == piped.count("x")  # wrapped, and nothing is cut
    assert "\x1b[1m" in shown


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    colours = re.findall(r"\x1b\[([0-9;]*)m", laid_out(PAGE, Terminal()))
    assert not [code for code in itertools.chain.from_iterable(c.split(";") for c in colours) if code[:1] in "349"]


def test_a_stream_without_line_drawing_gets_letters_only() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    laid_out(PAGE, stream).encode("ascii")
