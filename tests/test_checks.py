"""What the checks find, where they say it is, and that they never raise.

Each file of ``bad_protocols`` is ``good.yaml`` with one thing wrong; its first line says what must be found. The
witnesses of what is changed in the shipped protocols are worked out by hand from the rule pages.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from protocol_engine import (
    Course,
    Problem,
    Problems,
    compile_protocol,
    load_protocol,
    parse_events,
    shipped_protocols,
)
from protocol_engine.checks import (
    ON_NAMES,
    ON_PROTOCOL,
    ON_TABLE,
    check_amendment,
    check_protocol,
    check_text,
    counting,
    graph,
)
from protocol_engine.checks.cells import Combination
from protocol_engine.checks.compiled import Compiled
from protocol_engine.checks.outline import Outline
from protocol_engine.checks.selections import selections
from protocol_engine.checks.tables import DecisionTable, tables_of
from protocol_engine.checks.trails import trails_of
from protocol_engine.compiler import compile_protocol as table_of
from protocol_engine.model.conditions import Not, OneOf, Presence, Range, Test
from protocol_engine.model.evaluation import MemberSet
from protocol_engine.reader import read_protocol, written_protocol
from protocol_engine.service import protocol_text

BAD = Path(__file__).parent / "bad_protocols"
GOOD = (BAD / "good.yaml").read_text(encoding="utf-8")
EXPECTED = re.compile(r"# expects: ([a-z0-9-]+) (\d+):(\d+) (.+)")
BAD_FILES = sorted(path for path in BAD.glob("*.yaml") if path.name != "good.yaml")
BAD_AMENDMENTS = sorted((Path(__file__).parent / "bad_amendments").glob("*.yaml"))


def problems_of(text: str, **readings: str) -> list[Problem]:
    return [
        problem for problem in check_protocol(read_protocol(text, "x.yaml", readings)) if problem.severity == "problem"
    ]


@cache
def found_in(name: str) -> tuple[Problem, ...]:
    """Everything found in a shipped protocol, for all its readings."""
    return check_text(*protocol_text(name))


def changed(text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
        text = text.replace(old, new)
    return text


def shipped(name: str, *changes: tuple[str, str]) -> str:
    return changed(protocol_text(name)[0], *changes)


# --- one thing wrong -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", BAD_FILES, ids=lambda path: path.stem)
def test_one_thing_wrong_is_found_where_it_stands_and_nothing_else(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    expected = EXPECTED.match(text)
    assert expected is not None, "the first line must be `# expects: code line:column part of the message`"
    code, line, column, words = expected.groups()
    found = check_protocol(read_protocol(text, path.name))
    named = [problem for problem in found if problem.code == code]
    assert [(p.mark.line, p.mark.column) for p in named] == [(int(line), int(column))]
    assert words in named[0].message
    assert [problem for problem in found if problem.severity == "problem" and problem.code != code] == []


@pytest.mark.parametrize("path", BAD_AMENDMENTS, ids=lambda path: path.stem)
def test_one_thing_wrong_between_two_versions_is_found_where_it_stands(path: Path) -> None:
    """Each is the second version of FIR-1 with one thing wrong, and sound by itself."""
    text = path.read_text(encoding="utf-8")
    expected = EXPECTED.match(text)
    assert expected is not None
    code, line, column, words = expected.groups()
    assert problems_of(text) == []
    old = load_protocol(str(path.parents[1] / "protocols" / "FIR-1.yaml"))
    found = check_amendment(old, read_protocol(text, path.name))
    named = [problem for problem in found if problem.code == code]
    assert [(p.mark.line, p.mark.column) for p in named] == [(int(line), int(column))]
    assert words in named[0].message
    assert [problem for problem in found if problem.severity == "problem" and problem.code != code] == []


def test_the_good_one_has_nothing_to_be_said_of_it() -> None:
    assert check_text(GOOD, "good.yaml") == ()


def test_every_finding_can_be_met() -> None:
    """Each code that the checks can give is the subject of a file, or of a test of its own here."""
    sources = "".join(path.read_text(encoding="utf-8") for path in Path(graph.__file__).parent.glob("*.py"))
    codes = set(re.findall(r'"([a-z]+(?:-[a-z0-9]+)+|ignored|unreachable)"', sources))
    bad = [*BAD_FILES, *BAD_AMENDMENTS]
    met = {EXPECTED.match(path.read_text(encoding="utf-8")).group(1) for path in bad}  # type: ignore[union-attr]
    here = Path(__file__).read_text(encoding="utf-8").partition("def test_every_finding")[2]
    pairs = ("test_amending_kept.py", "test_trial_announcements.py")  # what two files get wrong between them
    tests = here + "".join((Path(__file__).parent / name).read_text(encoding="utf-8") for name in pairs)
    assert {code for code in codes - met if not re.search(rf'"{code}["\s]', tests)} == set()
    assert met - codes == set()


@pytest.mark.parametrize(
    ("test", "levels"),
    [
        (OneOf(("unconfirmed",)), {"unconfirmed"}),
        (Not(OneOf(("none",))), {"unconfirmed", "confirmed"}),
        (Range(at_least="unconfirmed"), {"unconfirmed", "confirmed"}),
        (Range(above="unconfirmed"), {"confirmed"}),
        (Range(at_most="unconfirmed"), {"none", "unconfirmed"}),
        (Range(below="unconfirmed"), {"none"}),
        (Presence("any_result"), {"none", "unconfirmed", "confirmed"}),
    ],
)
def test_at_which_levels_of_a_confirmation_a_test_holds(test: Test, levels: set[str]) -> None:
    assert counting._levels(test) == levels


BY_DATE = """
          - if: {spring_come: no}
            then: [{give: one, element: early, cycles: 2, cite: R2}]
            cite: R2
          - if: {spring_come: yes, autumn_come: no}
            then: [{give: one, element: more, cycles: 2, cite: R2}]
            cite: R2
          - if: {autumn_come: yes}
"""


@pytest.mark.parametrize(
    ("spring", "autumn", "sound"),
    [
        ('date: "2026-03-01"', 'date: "2026-09-01"', True),
        ('date: "2026-09-01"', 'date: "2026-03-01"', False),
        ("date: first_dose, plus: 6 weeks", "date: first_dose, plus: 50 days", True),
        ("date: first_dose, plus: 6 weeks", "date: first_dose, plus: 40 days", False),
        ("date: first_dose, plus: 6 weeks", "date: allocation, plus: 50 days", False),
    ],
    ids=["by the calendar", "the calendar backwards", "from one day", "from one day backwards", "from two days"],
)
def test_a_table_by_dates_knows_which_of_them_comes_first(spring: str, autumn: str, sound: bool) -> None:
    """That the autumn has come and the spring has not is no patient, where the one is known to come first."""
    first = GOOD.index("          - if: {scan_two: {at_least: same}}")
    old = GOOD[first : GOOD.index("            then:\n              - {choose: partner")]
    dates = f"values:\n  spring: {{{spring}, cite: R2}}\n  autumn: {{{autumn}, cite: R2}}\n"
    dates += "".join(f"  {name}_come: {{holds: {{{name}: reached}}}}\n" for name in ("spring", "autumn"))
    found = problems_of(changed(GOOD, (old, BY_DATE[1:]), ("values:\n", dates)))
    assert ("table-overlap" not in {problem.code for problem in found}) is sound


BIRCH, CLOVER = (Path(__file__).parent / "protocols" / f"{name}.yaml" for name in ("BIRCH-1", "CLOVER-1-TRIAL"))


def test_a_level_that_would_be_another_dose_after_an_amendment_is_found() -> None:
    old = BIRCH.read_text(encoding="utf-8")
    version_2 = changed(
        old,
        ('version: "1"}', 'version: "2"}\namends: {version: "1", when: {activated: yes}, cite: R9}'),
        ("facts:\n", "facts:\n  activated: {yes_no: yes, cite: R9}\n"),
    )
    lower = changed(version_2, ("[125 mg, 100 mg, 75 mg]", "[100 mg, 75 mg, 50 mg]"))
    before = read_protocol(old, "1.yaml")
    assert check_amendment(before, read_protocol(version_2, "2.yaml")) == ()
    (found,) = check_amendment(before, read_protocol(lower, "2.yaml"))
    assert (found.code, found.path) == ("misread-level", "ladders.palo")


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("course:\n", "course:\n  - {consent: written, cite: R1}\n", "course[0]"),
        (
            "{open: [],",
            "{open: [{give: x, element: x, cycles: 1, cite: R1}],",
            "course[1].options.open[0]",
        ),
        ("arms: {}", "arms: {a: {title: A, course: [{end: done, cite: R1}], cite: R1}}", "arms.a"),
    ],
    ids=["a gate", "a dose", "an arm"],
)
def test_nobody_is_treated_in_the_course_of_a_trial(old: str, new: str, path: str) -> None:
    text = changed(CLOVER.read_text(encoding="utf-8"), (old, new))
    found = check_protocol(read_protocol(text, "x.yaml"))
    assert [problem.path for problem in found if problem.code == "trial-course"] == [path]


def test_an_element_that_gives_something_else_is_pointed_out() -> None:
    """Firolib has another dose in version 2, and maintenance gives another regimen than upkeep did."""
    tests = Path(__file__).parent
    old, new = (load_protocol(str(tests / name)) for name in ("protocols/FIR-1.yaml", "amendments/FIR-1.v2.yaml"))
    found = check_amendment(old, new)
    assert {(p.code, p.severity) for p in found} == {("running-cycle", "notice")}
    assert found[0].message.startswith("fir/induction goes on here, and firolib is not what it was")
    assert found[1].message.startswith("fir/upkeep goes on at fir/maintenance, and needlib_low is given there")
    assert check_amendment(old, old)[0].code == "amends-another"


def test_an_option_that_is_gone_must_not_be_read_any_more() -> None:
    """EXAMPLE1 without drug three among the partners, while a value asks which partner was chosen."""
    amends = 'amends: {version: "1", when: {moved: yes}, map: [{from: partner=three, to: first, cite: R1}], cite: R1}\n'
    text = changed(
        GOOD,
        ('record: {registry: an example, version: "1"}\n', f'record: {{registry: an example, version: "2"}}\n{amends}'),
        ("facts:\n", "facts:\n  moved: {yes_no: yes, cite: R1}\n"),
        ("      three: {gives: [{drug: three, dose: 1 mg, route: PO, days: every}], cite: R2}\n", ""),
        ("options: {three: [], one: []}", "options: {one: []}"),
        ("values:\n", "values:\n  partner_is: {last: choice.partner}\n"),
        ("may: [{perform: surgery, if: {at_risk: yes}", "may: [{perform: surgery, if: {at_risk: yes, partner_is: one}"),
    )
    found = check_amendment(read_protocol(GOOD, "1.yaml"), read_protocol(text, "2.yaml"))
    assert [(p.code, p.path) for p in found if p.severity == "problem"] == [("lost-option", "values.partner_is.last")]


# --- what is right and must not be found ---------------------------------------------------------------------------


def without_problems(*changes: tuple[str, str]) -> bool:
    return problems_of(changed(GOOD, *changes)) == []


def test_a_table_inside_a_row_is_asked_only_of_those_who_pass_the_row() -> None:
    inner = """\
            then:
              - decide: inner
                rows:
                  - {if: {scan_two: same}, then: [{give: one, element: more, cycles: 2, cite: R2}], cite: R2}
                  - {if: {scan_two: better}, then: [], cite: R2}
"""
    assert without_problems(("            then: [{give: one, element: more, cycles: 2, cite: R2}]\n", inner))


def test_a_table_behind_a_closing_is_asked_only_of_those_whom_it_closed() -> None:
    give = "{give: one, element: bridging, cycles: 1, cite: R2}"
    rows = f"{{if: {{scan_two: worse}}, then: [], cite: R2}}, {{if: {{scan_two: same}}, then: [{give}], cite: R2}}"
    until = f"until: [{{if: {{scan_two: [worse, same]}}, then: [{{decide: why, rows: [{rows}]}}], cite: R2}}]"
    step = "{give: one, element: first, cycles: 2, cite: R1}"
    assert without_problems((step, step.replace("cycles: 2", f"cycles: 2, {until}")))


def test_a_date_a_choice_and_the_timepoints_of_a_fact_can_be_read() -> None:
    facts = "  born: {date: yes, cite: R1}\n  markers: {set_of"
    values = (
        "  partner_is: {last: choice.partner}\n  later: {ever: scan, is: worse, not_at: after_two, since: element}\n"
    )
    until = "until: [{if: {partner_is: three, born: any_result, markers: any_result, later: yes}, cite: R2}], cite: R2}"
    step = "{give: two, element: other, cycles: 2, cite: R2}"
    assert without_problems(
        ("  markers: {set_of", facts),
        ("  at_risk: {holds", values + "  at_risk: {holds"),
        (step, step.replace("cite: R2}", until)),
    )


def test_the_limits_of_a_quantity_are_its_domain() -> None:
    """Two rows that cover 1 to 300 kg leave no gap in a weight of 1 to 300, and one at 300 in a weight above 1."""
    low, high = '{weight: {below: "70"}}', '{weight: {at_least: "70", below: "300"}}'
    rows = (("if: {scan_two: {at_least: same}}", f"if: {low}"), ("if: {scan_two: worse}", f"if: {high}"))
    weight = 'weight: {quantity: kg, above: "0", cite: R1}'
    assert without_problems((weight, 'weight: {quantity: kg, at_least: "1", below: "300", cite: R1}'), *rows)
    wider = 'weight: {quantity: kg, above: "1", at_most: "300", cite: R1}'
    (gap,) = problems_of(changed(GOOD, (weight, wider), *rows))
    assert (gap.code, "a patient with weight = 300" in gap.message) == ("table-gap", True)


def test_a_repetition_that_begins_with_a_repetition_holds_an_act() -> None:
    inner = "{repeat: without_end, steps: [{give: one, element: more, cycles: 1, cite: R2}], "
    inner += "until: [{if: {at_risk: yes}, cite: R2}], cite: R2}"
    assert without_problems(
        ("{give: one, element: more, cycles: 2, cite: R2}", f"{{repeat: without_end, steps: [{inner}], cite: R2}}")
    )


def test_ways_that_multiply_are_followed_by_what_is_sure_on_all_of_them() -> None:
    """Twelve tables in a row, each with a way of another length: 4,096 ways to what stands behind them."""
    rows = "rows: [{{if: {{at_risk: yes}}, then: [{{give: one, element: e{0}, cycles: {1}, cite: R1}}], cite: R1}},"
    rows += " {{if: {{at_risk: no}}, then: [{{choose: c{0}, by: x, options: {{a: []}}, cite: R1}}], cite: R1}}]"
    steps = "".join(f"      - {{decide: d{n}, {rows.format(n, n % 3 + 1)}}}\n" for n in range(12))
    outline = Outline(
        read_protocol(changed(GOOD, ("      - {end: completed", steps + "      - {end: completed")), "x.yaml")
    )
    end = outline.protocol.arms["only"].course[-1]
    trails = trails_of(outline).at(end)
    assert 0 < len(trails) <= 200
    assert {trail.regimen for trail in trails} == {"one", "two"}
    assert min(trail.least for trail in trails) == 4
    assert max(trail.most or 0 for trail in trails) == 4 + 2 * 12


# --- the shipped protocols -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", shipped_protocols())
def test_a_shipped_protocol_has_no_problem_in_any_reading(name: str) -> None:
    found = found_in(name)
    assert [str(problem) for problem in found if problem.severity == "problem"] == []
    assert {problem.code for problem in found} <= {"one-reading", "dead-wait", "unknown-replaced"}


def test_the_dead_wait_of_the_baseline_is_pointed_out() -> None:
    """NCT07239271 A10: a baseline nobody took before cycle 1 is waited for at the table after cycle 2, in vain."""
    waits = [p for p in found_in("NCT07239271") if p.code == "dead-wait"]
    assert [p.path for p in waits] == ["arms.adaptive.course[1]"]
    assert "ctdna at baseline" in waits[0].message
    assert waits[0].message.endswith("(not with A10=c1_alone)")


def test_a_replaced_unknown_names_its_assumption_for_each_row_that_it_opens() -> None:
    """NCT07239271 A10 c1_alone reads a missing baseline as negative: R3, R4 and R5 can rest on that, R6 cannot."""
    found = [p for p in found_in("NCT07239271") if p.code == "unknown-replaced"]
    assert [p.path for p in found] == [f"arms.adaptive.course[1].rows[{number}].if" for number in (0, 1, 2)]
    assert all("rests on A10 (with A10=c1_alone)" in p.message for p in found)


def test_assumptions_with_one_reading_are_notices() -> None:
    found = [p for p in found_in("NCT07377643") if p.code == "one-reading"]
    assert [p.path for p in found] == ["assumptions.A2"]
    assert found[0].severity == "notice"


# --- shipped protocols with one thing changed ----------------------------------------------------------------------

R4_ROW = """\
          - if: {ctdna_c1: any_result, negative: yes, pam_found: no, response_c2: {below: PR}}
            then: [{give: tcbhp, element: tcbhp, title: TCbHP, cycles: 2, cite: [R4, A6]}]
            cite: [R4, A4, A5]
"""
R5_TEST = "{reading_of: A6, both_results: any_result, imaging_for_r3_r4: irrelevant}}\n            then: [{give: pyroht"


def test_without_the_row_of_r4_a_negative_patient_with_less_than_pr_falls_through() -> None:
    """Negative after cycle 1, no PAM: the baseline negative, whatever its genes, or positive without such a gene."""
    text = shipped("NCT07239271", (R4_ROW, ""))
    found = problems_of(text)
    assert [(p.code, p.path) for p in found] == [("table-gap", "arms.adaptive.course[1]")] * 2
    negative = "ctdna at after_cycle_1 = negative, ctdna at baseline = negative"
    genes = "mutated_genes of ctdna at baseline"
    last = "mutated_genes of ctdna at after_cycle_1 = none of pam_genes, response at after_cycle_2 = PD or SD"
    assert (
        f"{negative}, {genes} = none of pam_genes, {last} (the same whatever ctdna at baseline and" in found[0].message
    )
    assert f"{negative}, {genes} = PIK3CA, {last} (the same whatever {genes} and" in found[1].message


def test_with_sd_in_r3_it_overlaps_with_r4_at_sd_alone() -> None:
    row = "negative: yes, pam_found: no, response_c2: {at_least: PR}"
    text = shipped("NCT07239271", (row, row.replace("at_least: PR", "at_least: SD")))
    (found,) = problems_of(text)
    line = text[: text.index("response_c2: {at_least: SD}")].count("\n") + 1
    assert (found.code, found.path) == ("table-overlap", "arms.adaptive.course[1].rows[1].if")
    assert (
        f"this row and the row of line {line} both hold for a patient with ctdna at after_cycle_1 = negative"
        in found.message
    )
    assert "response at after_cycle_2 = SD" in found.message
    assert found.mark.line == line + 3


def test_a_gap_of_one_reading_names_the_reading() -> None:
    """A6 imaging_for_r3_r4 with R5 only from PR on: positive, no PAM mutation, PD or SD finds no row."""
    text = shipped("NCT07239271", (R5_TEST, R5_TEST.replace("irrelevant", "{at_least: PR}")))
    assert problems_of(text) == []
    found = [p for p in check_text(text, "x.yaml") if p.severity == "problem"]
    assert {p.code for p in found} == {"table-gap"}
    assert all("A6=imaging_for_r3_r4)" in p.message for p in found)
    assert all("response at after_cycle_2 = PD or SD" in p.message for p in found)


def test_a_gap_and_an_overlap_of_several_readings_are_told_once_with_the_readings() -> None:
    """NCT07239271 without R4, or with SD in R3 too: the patients are others where A1 or A2 reads other samples."""
    row = "negative: yes, pam_found: no, response_c2: {at_least: PR}"
    for change, code, number in (
        ((R4_ROW, ""), "table-gap", 2),
        ((row, row.replace("at_least: PR", "at_least: SD")), "table-overlap", 1),
    ):
        found = [p for p in check_text(shipped("NCT07239271", change), "x.yaml") if p.severity == "problem"]
        assert [p.code for p in found] == [code] * number
        assert all(p.message.endswith("(for other patients with A1=c1_decides or A2=either_sample)") for p in found)


def test_a_row_that_lost_its_citation_is_found() -> None:
    text = shipped("NCT07239271", ("            cite: [R5, A2]\n", ""))
    (found,) = problems_of(text)
    assert (found.code, found.path) == ("no-citation", "arms.adaptive.course[1].rows[2]")


def test_a_rule_that_lost_its_rows_is_found() -> None:
    """NCT07377643 R2 acts by `never` alone."""
    text = shipped(
        "NCT07377643",
        ("    never: [{drug: pertuzumab, cite: R2}]\n", ""),
        ("    never: [{drug: ibi354, cite: R2}]\n", ""),
    )
    assert [(p.code, p.path) for p in problems_of(text)] == [("uncited-rule", "rules.R2")]


def test_a_renamed_fact_is_missed_wherever_it_was_read() -> None:
    text = shipped(
        "NCT07239271", ("  response:\n    label: response on imaging", "  imaging:\n    label: response on imaging")
    )
    found = problems_of(text)
    assert {p.code for p in found} == {"unknown-name"}
    assert [p.path for p in found] == [
        "values.response_c2.last",
        "values.response_c4.last",
        "values.progressed_at_imaging.ever",
        "values.progressed_outside.ever",
        "values.progressed.ever",
    ]


def test_a_menu_without_a_positive_fish_has_a_gap_there() -> None:
    """IIT2025006 R4: 2+ with a positive FISH enters no cohort."""
    text = shipped("IIT2025006", ('[{her2_ihc: "3+"}, {her2_ihc: "2+", her2_fish: positive}]', '{her2_ihc: "3+"}'))
    (found,) = problems_of(text)
    assert (found.code, found.path) == ("table-gap", "course[2]")
    assert "a patient with her2_ihc = 2+, her2_fish = positive; add a row" in found.message


def test_a_menu_that_takes_2_plus_into_both_cohorts_overlaps_with_both_its_neighbours() -> None:
    text = shipped("IIT2025006", ('{at_most: "1+"}}, arm', '{at_most: "2+"}}, arm'))
    found = problems_of(text)
    assert [(p.code, p.path) for p in found] == [
        ("table-overlap", "course[2].menu[1].if"),
        ("table-overlap", "course[2].menu[2].if"),
    ]
    assert "her2_ihc = 2+, her2_fish = negative" in found[0].message
    assert "her2_ihc = 2+, her2_fish = positive" in found[1].message


def test_a_progression_that_opened_the_second_adc_must_not_close_it() -> None:
    text = shipped(
        "IIT2025006", ("ever: response, is: PD, since: element", "ever: response, is: PD, since: allocation")
    )
    found = problems_of(text)
    assert {(p.code, p.path) for p in found} == {("false-start", "arms.cohort_1.course[1].until[0].if.progressed_here")}


def test_without_its_stops_nothing_ends_a_treatment_without_end() -> None:
    stops = (
        "stops:\n"
        "  - {when: {progressed: yes}, end: progression, cite: A2}\n"
        "  - {when: {too_toxic: yes}, end: toxicity, cite: A2}\n"
    )
    found = problems_of(shipped("NCT07377643", (stops, "")))
    assert [p.code for p in found] == ["no-exit"] * 3


def test_four_cycles_with_nothing_behind_them_leave_everybody_there_who_does_not_progress() -> None:
    """NCT07377643 with `cycles: 4` in group B: its stops, progression and toxicity, are no way on."""
    give = "{give: ibi354, element: ibi354, cycles: "
    (found,) = problems_of(shipped("NCT07377643", (give + "without_end", give + "4")))
    assert (found.code, found.path) == ("dead-end", "arms.ibi354.course[0]")
    patient = "ever unacceptable adverse_event since allocation = no, ever response PD since allocation = no"
    assert found.message.startswith(
        f"behind ibi354 nothing is offered, awaited or ended for a patient with {patient}; write what follows"
    )


def test_without_surgery_nothing_follows_the_last_cycle_of_the_adaptive_arm() -> None:
    """NCT07239271: two more cycles of the same regimen, and then nothing, whatever the readings."""
    text = protocol_text("NCT07239271")[0]
    last = text.rindex("      - {use: surgery}\n")
    text = text[:last] + text[last:].replace("      - {use: surgery}\n", "", 1)
    found = [p for p in check_text(text, "x.yaml") if p.severity == "problem"]
    assert [(p.code, p.path) for p in found] == [("dead-end", "arms.adaptive.course[2].rows[0].then[0]")]
    assert found[0].message.startswith("behind same_again nothing is offered, awaited or ended for a patient with")
    assert "ever response PD at elsewhere since allocation" in found[0].message
    assert found[0].message.endswith("(for other patients with A5=off_protocol)")
    with pytest.raises(Problems):
        compile_protocol(read_protocol(text, "x.yaml"))


def test_a_need_that_may_come_to_hold_again_is_no_dead_end() -> None:
    """A scan that is not worse may be made again; an operation can be done, and never undone."""
    give = "{give: one, element: more, cycles: 2, cite: R2}"
    operated = ("  at_risk: {holds", "  operated: {ever: procedure.surgery}\n  at_risk: {holds")
    for need in ("{markers: {none_in: risky}}", "{operated: yes}"):
        assert without_problems((give, give.replace("cite", f"needs: [{{if: {need}, cite: R2}}], cite")), operated)
    lost = changed(GOOD, (give, give.replace("cite", "needs: [{if: {operated: no}, cite: R2}], cite")), operated)
    assert [(p.code, p.path) for p in problems_of(lost)] == [
        ("dead-end", "arms.only.course[0]"),
        ("dead-end", "arms.only.course[1].rows[0].then[0]"),
    ]


def test_ends_that_cover_everybody_are_a_way_on() -> None:
    end = "      - {end: completed, cite: A1}\n"
    rows = "{if: {at_risk: yes}, then: [{end: x, cite: R1}], cite: R1}, {if: {at_risk: no}, then: [{end: y, cite: R1}]"
    assert without_problems((end, f"      - {{decide: last, rows: [{rows}, cite: R1}}]}}\n"))


def test_a_place_with_very_many_patients_is_not_looked_through_and_that_is_said() -> None:
    """Fifteen closings, each by a fact of its own, of an element with nothing behind it."""
    facts = "".join(f"  f{number}: {{yes_no: yes, cite: R1}}\n" for number in range(15))
    until = ", ".join(f"{{if: {{f{n}: yes}}, then: [{{end: x, cite: R1}}], cite: R1}}" for n in range(15))
    text = changed(
        GOOD,
        ("  markers: {set_of", facts + "  markers: {set_of"),
        (
            "      - {end: completed, cite: A1}\n",
            f"      - {{give: one, element: z, cycles: 1, until: [{until}], cite: A1}}\n",
        ),
    )
    found = check_protocol(read_protocol(text, "x.yaml"))
    assert [(p.code, p.path, p.severity) for p in found] == [("table-too-large", "arms.only.course[2]", "notice")]


def test_what_stands_behind_an_element_without_end_is_unreachable_wherever_it_stands() -> None:
    """Behind a table of which every row goes on for ever, in an option, and behind a repetition that nothing closes."""
    more, other = (
        "{give: one, element: more, cycles: 2, cite: R2}",
        "{give: two, element: other, cycles: 2, cite: R2}",
    )
    forever = [(give, give.replace("cycles: 2", "cycles: without_end")) for give in (more, other)]
    found = problems_of(changed(GOOD, *forever))
    assert [(p.code, p.path) for p in found] == [("unreachable", "arms.only.course[2]")]
    option = "three: [{give: one, element: x, cycles: without_end, cite: R2}, {perform: surgery, cite: R2}]"
    found = problems_of(changed(GOOD, ("three: [],", f"{option},")))
    assert [(p.code, p.path.rpartition(".")[2]) for p in found] == [("unreachable", "three[1]")]
    again = f"{{repeat: without_end, steps: [{more}], cite: R2}}"
    found = problems_of(changed(GOOD, (f"then: [{more}]", f"then: [{again}, {{perform: surgery, cite: R2}}]")))
    assert [(p.code, p.path) for p in found] == [("unreachable", "arms.only.course[1].rows[0].then[1]")]


def test_a_day_15_in_a_cycle_of_14_days_is_found() -> None:
    regimen = "    name: dalpiciclib with an endocrine agent\n    cycle: "
    text = shipped("NCT05861830", (regimen + "28 days", regimen + "14 days"))
    found = problems_of(text)
    assert [(p.code, p.path) for p in found] == [
        ("day-beyond-cycle", "parts.endocrine.options.fulvestrant.gives[1].days"),
        ("day-beyond-cycle", "regimens.dalpiciclib_et.gives[0].days"),
    ]


def test_an_agent_without_its_doses_is_found() -> None:
    text = shipped(
        "NCT05861830", ("options: {letrozole: [], anastrozole: []", "options: {letrozole: [], toremifene: []")
    )
    found = problems_of(text)
    assert [(p.code, p.path) for p in found] == [
        ("part-options", "parts.endocrine.options"),
        ("part-options", "parts.endocrine.options.anastrozole"),
    ]


def test_a_protocol_with_a_problem_does_not_compile_and_one_with_notices_does() -> None:
    text = shipped("NCT07239271", (R4_ROW, ""))
    with pytest.raises(Problems) as caught:
        compile_protocol(read_protocol(text, "x.yaml"))
    assert {p.code for p in caught.value.problems} == {"table-gap"}
    assert compile_protocol(load_protocol("NCT07239271")).table.digest


# --- the cells are patients ----------------------------------------------------------------------------------------

REGIMENS = ("nab_p_hp", "tcbhp", "pyroht", "everoht")


def course_of(table: DecisionTable, combination: Combination) -> list[str]:
    """Events of a patient of NCT07239271 who has, after cycle 2, what the combination says."""
    events: list[dict[str, Any]] = [
        {"kind": "consent", "effective": "2026-01-02"},
        {"kind": "eligibility", "effective": "2026-01-03", "met": True},
        {"kind": "allocation", "effective": "2026-01-03", "arm": "adaptive"},
        {"kind": "administration", "effective": "2026-01-05", "regimen": "nab_p_hp", "cycle": 1, "day": 1},
        {"kind": "administration", "effective": "2026-01-26", "regimen": "nab_p_hp", "cycle": 2, "day": 1},
    ]
    read = {item.key: item.cells[n].outcome for n, item in zip(combination, table.cells.inputs, strict=True)}
    for (name, timepoint), outcome in read.items():
        if "." in name:
            continue
        values = {"absent": [], "no_result": ["not_evaluable"], "muddled": ["negative", "positive"]}.get(
            outcome.why, [outcome.value]
        )
        genes = read.get((f"{name}.mutated_genes", timepoint))
        components = {}
        if genes is not None and isinstance(genes.value, MemberSet):
            tested = genes.value.tested
            components["mutated_genes"] = sorted(genes.value.listed)
            components["tested_genes"] = sorted(
                table.compiled.table.sets["pam_genes"].are if tested is None else tested
            )
        report = {"kind": "observation", "effective": "2026-02-10", "fact": name, "timepoint": timepoint}
        events += [{**report, "value": value, "components": components} for value in values]
    return [json.dumps({"id": f"e{number}", **event}) for number, event in enumerate(events)]


@pytest.mark.parametrize("readings", [{}, {"A10": "c1_alone"}, {"A13": "tested_genes_only"}, {"A2": "either_sample"}])
def test_the_engine_decides_as_the_cells_say(readings: dict[str, str]) -> None:
    """Each combination that the table after cycle 2 was looked through for, as a course: what holds is offered."""
    protocol = load_protocol("NCT07239271", readings)
    machine = compile_protocol(protocol)
    table = next(tables_of(Compiled(Outline(protocol), table_of(protocol))))
    for combination in table.truths:
        decision = Course(machine).record_all(parse_events(course_of(table, combination))).decide().as_json()
        offered = [action["regimen"] for action in decision["actions"] if action["kind"] == "administer"]
        assert offered == [REGIMENS[number] for number in table.holding(combination)], table.cells.patient(combination)


# --- whole files ---------------------------------------------------------------------------------------------------


def test_what_the_reader_finds_is_among_the_findings() -> None:
    found = check_text(changed(GOOD, ("design: {phase: 2,", "design: {phase: two,")), "x.yaml")
    assert [(p.code, p.path, p.source) for p in found] == [("whole-number-expected", "design.phase", "x.yaml")]


def test_a_reading_that_is_not_written_is_found_although_it_is_not_the_default() -> None:
    text = changed(GOOD, ("title: Everybody", "title: {reading_of: A1, until_progression: Everybody}"))
    (found,) = check_text(text, "x.yaml")
    assert found.code == "missing-reading"
    assert found.message.endswith("(with A1=fixed)")


@pytest.mark.parametrize(
    "text", ["", "a: [", "- 1", "protocol: x", "\x00", "a: &b 1", "assumptions: {A1: {readings: {}}}"]
)
def test_no_text_makes_it_raise(text: str) -> None:
    found = check_text(text, "x.yaml")
    assert found
    assert all(problem.message for problem in found)


def test_each_other_reading_is_looked_at_alone_and_in_pairs() -> None:
    declared = {"A1": ("a", "b", "c"), "A2": ("d", "e"), "A3": ("f",)}
    b, c, e = ("A1", "b"), ("A1", "c"), ("A2", "e")
    assert list(selections(declared)) == [(), (b,), (c,), (e,), (b, e), (c, e)]
    many = {f"A{number}": ("x", "y") for number in range(1, 31)}
    assert len(list(selections(many))) == 31
    assert list(selections(declared, ("A1", "A2"))) == [(), (b,), (c,), (e,), (b, e), (c, e)]
    assert list(selections(declared, ("A1",))) == [(), (b,), (c,), (e,)]


def test_readings_that_only_criteria_ask_are_looked_at_one_at_a_time() -> None:
    text, source = protocol_text("NCT07377643")
    assert written_protocol(text, source).asked_by_the_course == {"A1"}


# --- what no file can show -----------------------------------------------------------------------------------------


def test_falls_in_a_circle_are_found() -> None:
    """The compiler makes none; a table that has one is refused all the same."""
    outline = Outline(read_protocol(GOOD, "x.yaml"))
    table = table_of(outline.protocol)
    fall = next(row for row in table.rows if row.kind == "fall" and row.target == "ended:toxicity")
    circle = (
        evolve(fall, source="only/first", target="only/more"),
        evolve(fall, source="only/more", target="only/first"),
    )
    found = list(graph.nothing_falls_in_a_circle(Compiled(outline, evolve(table, rows=(*table.rows, *circle)))))
    assert [problem.code for problem in found] == ["fall-circle"]
    assert list(graph.nothing_falls_in_a_circle(Compiled(outline, table))) == []


def test_a_course_that_is_too_long_to_be_followed_is_refused() -> None:
    steps = "".join(f"      - {{give: one, element: e{number}, cycles: 1, cite: R1}}\n" for number in range(120))
    found = problems_of(changed(GOOD, ("      - decide: by_scan\n", steps + "      - decide: by_scan\n")))
    assert [problem.code for problem in found] == ["too-long"]


def test_values_too_deep_to_be_followed_are_refused() -> None:
    chain = "".join(f"  v{number}: {{holds: {{v{number + 1}: yes}}}}\n" for number in range(400))
    text = changed(GOOD, ("values:\n", f"values:\n{chain}  v400: {{holds: {{at_risk: yes}}}}\n"))
    assert [problem.code for problem in problems_of(text)] == ["too-long"]


def test_a_table_of_very_many_patients_is_not_looked_through_and_that_is_said() -> None:
    facts = "".join(f"  f{number}: {{yes_no: yes, cite: R1}}\n" for number in range(16))
    test = ", ".join(f"f{number}: yes" for number in range(16))
    text = changed(
        GOOD,
        ("  markers: {set_of", facts + "  markers: {set_of"),
        ("{scan_two: worse}", f"{{scan_two: worse, {test}}}"),
    )
    found = check_protocol(read_protocol(text, "x.yaml"))
    assert [(p.code, p.severity) for p in found] == [("table-too-large", "notice")]


def test_of_very_many_patients_one_unknown_at_a_time_is_looked_at() -> None:
    """2**12 patients of whom all is known, and 3**12 with the unknown: too many, so unknowns are taken one by one."""
    facts = "".join(f"  f{number}: {{yes_no: yes, cite: R1}}\n" for number in range(12))
    test = ", ".join(f"f{number}: yes" for number in range(12))
    rows = f"{{scan_two: worse, {test}}}"
    text = changed(GOOD, ("  markers: {set_of", facts + "  markers: {set_of"), ("{scan_two: worse}", rows))
    found = check_protocol(read_protocol(text, "x.yaml"))
    assert {p.code for p in found} == {"table-gap"}
    assert len(found) == 9
    assert found[-1].message == "and no row holds in 4 more groups of combinations"


def test_of_a_set_of_which_not_all_was_tested_nothing_is_sure() -> None:
    """The gene is listed, or it may be among those that were not tested: only what is listed opens a row."""
    genes = "{set_of: gene, not_listed: unknown, unless_in: tested, cite: R1}"
    part = f"    parts: {{genes: {genes}, tested: {{set_of: gene, cite: R1}}}}\n"
    text = changed(
        GOOD,
        ("    no_result: [blurred]\n", "    no_result: [blurred]\n" + part),
        ("  at_risk: {holds: {markers:", "  genes: {last: scan.genes, at: after_two}\n  at_risk: {holds: {genes:"),
        ("{scan_two: {at_least: same}}", "{at_risk: yes}"),
        ("{scan_two: worse}", "{at_risk: no}"),
    )
    protocol = read_protocol(text, "x.yaml")
    assert problems_of(text) == []
    table = next(tables_of(Compiled(Outline(protocol), table_of(protocol))))
    held = {table.cells.patient(combination): table.holding(combination) for combination in table.truths}
    name = "genes of scan at after_two"
    assert held == {
        f"{name} = none of risky": [1],
        f"{name} = none of risky, others not tested": [],
        f"{name} = TP53": [0],
        f"{name} = TP53, others not tested": [0],
        f"{name} = not reported": [],
    }


def test_a_fact_without_a_type_is_reported_once_and_not_where_it_is_read() -> None:
    text = changed(
        GOOD,
        ("    levels: [worse, same, better]\n", ""),
        (
            "    to: {earliest: [{first: scan, is: [worse], since: first}, {date_of: death}]}",
            "    to: {date_of: death}",
        ),
    )
    assert [(p.code, p.path) for p in problems_of(text)] == [("fact-type", "facts.scan")]


def test_a_patient_of_cells_is_alive() -> None:
    protocol = read_protocol(GOOD, "x.yaml")
    table = next(tables_of(Compiled(Outline(protocol), table_of(protocol))))
    assert table.cells.evaluation(next(iter(table.truths))).value("death").value == "no"


def test_the_lists_of_checks_hold_every_check_once() -> None:
    checks = [*ON_NAMES, *ON_PROTOCOL, *ON_TABLE]
    assert len(set(checks)) == len(checks)


# --- never raises --------------------------------------------------------------------------------------------------

NAMES = re.compile(r"(?<=[ {\[])[a-z][a-z0-9_]*(?=[,:}\] ])|\b[RAGN]\d\b|\b\d+\b")


@given(st.data())
def test_names_put_in_the_wrong_places_give_findings_and_never_a_traceback(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([GOOD, *(protocol_text(name)[0] for name in shipped_protocols())]))
    words = [
        match
        for match in NAMES.finditer(text)
        if "#" not in text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
    ]
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(words))
        word = data.draw(st.sampled_from(words))
        if text[place.start() : place.end()] == place.group():
            text = text[: place.start()] + word.group() + text[place.end() :]
    readings = data.draw(st.sampled_from([{}, {"A12": "investigator_decides"}, {"A1": "may_open"}]))
    try:
        protocol = read_protocol(text, "x.yaml", readings)
    except Problems:
        return
    if not [problem for problem in check_protocol(protocol) if problem.severity == "problem"]:
        assert compile_protocol(protocol).table.digest
