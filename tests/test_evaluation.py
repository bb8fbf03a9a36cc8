"""Three truth values: what is unknown, what a muddle is, and what is missing to decide."""

from __future__ import annotations

from decimal import Decimal

import pytest
from attrs import frozen
from course_lines import begun, course, machine

from protocol_engine.codec import CODEC
from protocol_engine.engine.standing import Standing
from protocol_engine.model.conditions import Condition
from protocol_engine.model.evaluation import Evaluation, MemberSet, Missing, Outcome
from protocol_engine.model.table import Guard
from protocol_engine.model.truth import Truth
from protocol_engine.model.values import Ever, Last

T, U, F = Truth.TRUE, Truth.UNKNOWN, Truth.FALSE
VALUE = {T: "yes", U: None, F: "no"}


@frozen
class Given:
    """Leaves that hold what a test puts there."""

    outcomes: dict[str, Outcome]

    def last(self, value: Last) -> Outcome:
        return self.outcomes[value.last]

    def ever(self, value: Ever) -> Outcome:
        return self.outcomes[value.ever[0]]

    def built_in(self, name: str) -> Outcome:
        return self.outcomes[name]


def outcome(value: object, name: str = "x") -> Outcome:
    """A known value; for None one that nobody reported."""
    if value is None:
        return Outcome(None, "absent", missing=(Missing(name, None, None, "absent"),))
    return Outcome(value, sources=(f"e-{name}",))  # type: ignore[arg-type]


def evaluation(**values: object) -> Evaluation:
    found = {name: v if isinstance(v, Outcome) else outcome(v, name) for name, v in values.items()}
    return Evaluation(machine("NCT07239271").table, Given(found))


def condition(written: object) -> Condition:
    found: Condition = CODEC.structure(written, Condition)
    return found


def truth(written: object, **values: object) -> Truth:
    return evaluation(**values).condition(condition(written))


# --- Kleene ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("p", "q", "both", "either"),
    [
        (T, T, T, T),
        (T, U, U, T),
        (T, F, F, T),
        (U, T, U, T),
        (U, U, U, U),
        (U, F, F, U),
        (F, T, F, T),
        (F, U, F, U),
        (F, F, F, F),
    ],
)
def test_and_is_the_least_and_or_the_greatest(p: Truth, q: Truth, both: Truth, either: Truth) -> None:
    values = {"p": VALUE[p], "q": VALUE[q]}
    assert truth({"p": "yes", "q": "yes"}, **values) is both
    assert truth([{"p": "yes"}, {"q": "yes"}], **values) is either


@pytest.mark.parametrize(("p", "negated"), [(T, F), (U, U), (F, T)])
def test_not_leaves_the_unknown_unknown(p: Truth, negated: Truth) -> None:
    assert truth({"p": {"not": "yes"}}, p=VALUE[p]) is negated


@pytest.mark.parametrize(("p", "passes"), [(T, F), (U, T), (F, T)])
def test_a_refutation_closes_only_when_it_is_known(p: Truth, passes: Truth) -> None:
    guard = Guard(condition({"p": "yes"}), refutes=True)
    assert evaluation(p=VALUE[p]).guard(guard) is passes
    assert evaluation(p=VALUE[p]).guard(Guard(condition({"p": "yes"}))) is p


def test_no_clause_is_false_and_a_clause_without_tests_is_true() -> None:
    assert evaluation().condition(Condition(())) is F
    assert T.word, U.word == ("true", "unknown")
    assert F.word == "false"


# --- tests ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("test", "value", "holds"),
    [
        ("PR", "PR", T),
        ("PR", "SD", F),
        (["PR", "CR"], "CR", T),
        (["PR", "CR"], None, U),
        ({"at_least": "10"}, Decimal(10), T),
        ({"above": "10"}, Decimal(10), F),
        ({"at_most": "10"}, Decimal("10.000"), T),
        ({"below": "10"}, Decimal(10), F),
        ({"at_least": "1", "below": "10"}, Decimal("9.99"), T),
        ({"at_least": "1", "below": "10"}, Decimal("0.99"), F),
        ({"at_most": "10"}, Decimal("10.01"), F),
        ({"above": "10"}, Decimal("10.01"), T),
        ({"at_least": "10"}, None, U),
        ({"not": {"at_least": "10"}}, Decimal(9), T),
        ("irrelevant", None, T),
        ("irrelevant", "PD", T),
        ("any_result", "PD", T),
        ("any_result", None, U),
        ("not_reported", None, T),
        ("not_reported", "PD", F),
        ("reported_without_result", None, F),
    ],
    ids=repr,
)
def test_one_test(test: object, value: object, holds: Truth) -> None:
    assert truth({"x": test}, x=value) is holds


@pytest.mark.parametrize(
    ("word", "why", "holds"),
    [
        ("not_reported", "no_result", F),
        ("reported_without_result", "no_result", T),
        ("reported_without_result", "muddled", F),
        ("not_reported", "muddled", F),
        ("any_result", "muddled", U),
        ("any_result", "no_result", U),
    ],
)
def test_absence_is_told_from_no_result_and_from_a_muddle(word: str, why: str, holds: Truth) -> None:
    assert truth({"x": word}, x=Outcome(None, why)) is holds  # type: ignore[arg-type]


PAM = frozenset({"PIK3CA", "PIK3R1", "AKT1", "AKT2", "AKT3", "PTEN", "MTOR", "TSC1", "TSC2"})
"""The nine genes of NCT07239271 A11."""


@pytest.mark.parametrize(
    ("listed", "tested", "some", "every", "none"),
    [
        ({"PTEN"}, None, T, F, F),
        ({"TP53"}, None, F, F, T),
        (set(), None, F, F, T),
        (PAM, None, T, T, F),
        ({"PTEN"}, frozenset(), T, U, F),
        ({"TP53"}, frozenset(), U, U, U),
        (set(), PAM, F, F, T),
        (set(), PAM - {"TSC2"}, U, F, U),
    ],
    ids=["found", "another", "empty list", "all", "found, rest not tested", "not tested", "all tested", "one untested"],
)
def test_a_set_says_of_each_name_whether_it_is_in(
    listed: set[str], tested: frozenset[str] | None, some: Truth, every: Truth, none: Truth
) -> None:
    reported = MemberSet(frozenset(listed), tested)
    for how, expected in (("some_in", some), ("all_in", every), ("none_in", none)):
        assert truth({"x": {how: "pam_genes"}}, x=Outcome(reported)) is expected


def test_a_plain_set_is_a_complete_one() -> None:
    assert truth({"x": {"some_in": "pam_genes"}}, x=frozenset({"AKT1"})) is T
    assert truth({"x": {"none_in": "pam_genes"}}, x=frozenset({"TP53"})) is T


# --- why ------------------------------------------------------------------------------------------------------------


def test_missing_is_what_would_decide_and_nothing_else() -> None:
    """A clause that is false already is decided by nothing; what is known in a clause is not missing."""
    found = evaluation(p=None, q=None, known="yes", other="no")
    assert found.missing(condition([{"p": "yes", "known": "yes"}, {"q": "yes", "other": "yes"}])) == (
        Missing("p", None, None, "absent"),
    )


def test_sources_are_the_events_that_were_read() -> None:
    found = evaluation(p="yes", q="no", r=None)
    assert found.sources(condition([{"p": "yes", "r": "yes"}, {"q": "yes"}])) == ("e-p", "e-q")


def test_failing_are_the_tests_of_the_nearest_clause() -> None:
    found = evaluation(a="no", b="no", c="no")
    failing = found.failing(condition([{"a": "yes", "b": "yes"}, {"c": "yes"}]))
    assert [test.name for test in failing] == ["c"]
    assert found.failing(Condition(())) == ()


# --- values read off a course ----------------------------------------------------------------------------------------


def standing(lines: str, readings: dict[str, str] | None = None) -> Standing:
    return begun("NCT07239271", "adaptive", lines, readings).state.now.standing


def value(lines: str, name: str, readings: dict[str, str] | None = None) -> Outcome:
    return standing(lines, readings).evaluation.value(name)


BASELINE = "e4 2026-01-04 observation fact=ctdna timepoint=baseline value={} {}\n"
ENROLLED = "e1 2026-01-02 consent\ne2 2026-01-03 eligibility met=true\n"


def test_two_results_that_differ_are_a_muddle_and_two_that_agree_are_not() -> None:
    twice = BASELINE + BASELINE.replace("e4", "e5")
    same = value(twice.format("positive", "", "positive", ""), "ctdna_baseline")
    assert (same.value, same.sources) == ("positive", ("e4", "e5"))
    differing = value(twice.format("positive", "", "negative", ""), "ctdna_baseline")
    assert (differing.value, differing.why) == (None, "muddled")
    assert differing.missing == (Missing("ctdna", "baseline", None, "muddled", ("e4", "e5")),)


def test_a_result_beside_a_failed_test_is_a_result() -> None:
    twice = BASELINE + BASELINE.replace("e4", "e5")
    assert value(twice.format("not_evaluable", "", "positive", ""), "ctdna_baseline").value == "positive"
    assert value(BASELINE.format("not_evaluable", ""), "ctdna_baseline").why == "no_result"
    assert value("", "ctdna_baseline").why == "absent"


def test_a_missing_result_may_be_read_as_an_assumption_says_and_a_muddle_never() -> None:
    """A10: c1_alone reads a missing baseline as negative; two baselines that differ are not missing."""
    reading = {"A10": "c1_alone"}
    twice = BASELINE + BASELINE.replace("e4", "e5")
    assert value("", "ctdna_baseline", reading).value == "negative"
    assert value(BASELINE.format("not_evaluable", ""), "ctdna_baseline", reading).value == "negative"
    assert value(twice.format("positive", "", "negative", ""), "ctdna_baseline", reading).value is None


@pytest.mark.parametrize(
    ("genes", "pam"),
    [
        ("mutated_genes=PTEN", "yes"),
        ("mutated_genes=TP53", "no"),
        ("mutated_genes=", "no"),
        ("", None),
    ],
)
def test_a_component_of_a_positive_sample(genes: str, pam: str | None) -> None:
    found = value(BASELINE.format("positive", genes), "pam_baseline")
    assert found.value == pam
    if pam is None:
        assert found.missing == (Missing("ctdna", "baseline", "mutated_genes", "absent", ("e4",)),)


FIRST_ADC = "e4 2026-01-05 administration regimen=sg\n"
SCAN = "{} {} observation fact=response value={} issued=2026-02-01\n"
STOP = "q1 {} discontinuation scope=treatment issued=2026-02-02\n"


@pytest.mark.parametrize(
    ("scans", "stopped", "first"),
    [
        ((), "2026-01-18", "yes"),
        ((("i1", "2026-01-20", "SD"),), "2026-01-18", "yes"),
        ((("i1", "2026-01-20", "PD"),), "2026-01-19", "yes"),
        ((("i1", "2026-01-20", "PD"),), "2026-01-20", "no"),
        ((("i1", "2026-01-20", "PD"), ("i2", "2026-01-25", "PD")), "2026-01-22", "no"),
        ((("i1", "2026-01-20", "PD"), ("i2", "2026-01-20", "SD")), "2026-01-18", "yes"),
        ((("i1", "2026-01-20", "PD"), ("i2", "2026-01-20", "SD")), "2026-01-22", None),
        ((("i1", "2026-01-20", "PD"), ("i2", "2026-01-20", "SD"), ("i3", "2026-01-21", "PD")), "2026-01-22", "no"),
        ((("i1", "2026-01-05", "PD"), ("i2", "2026-01-20", "PD")), "2026-01-18", "yes"),
    ],
    ids=[
        "no scan",
        "stable",
        "day before",
        "same day",
        "two scans",
        "before a doubt",
        "after a doubt",
        "sure",
        "first dose",
    ],
)
def test_a_report_before_a_result_is_told_by_the_days_on_which_both_happened(
    scans: tuple[tuple[str, str, str], ...], stopped: str, first: str | None
) -> None:
    """IIT2025006 A1: a scan of the day of the first dose is before the treatment, and the first progression counts."""
    lines = FIRST_ADC + "".join(SCAN.format(*scan) for scan in scans)
    position = begun("IIT2025006", "cohort_2", FIRST_ADC).state.now.position
    history = begun("IIT2025006", "cohort_2", lines + STOP.format(stopped)).state.now.history
    found = Standing(machine("IIT2025006").table, position, history).evaluation.value("stopped_first")
    assert found.value == first
    if first is None:
        assert found.missing == (Missing("response", None, None, "muddled", ("i1", "i2")),)


def test_components_that_differ_are_a_muddle() -> None:
    lines = BASELINE.format("positive", "mutated_genes=PTEN")
    lines += BASELINE.replace("e4", "e5").format("positive", "mutated_genes=TP53")
    found = value(lines, "pam_baseline")
    assert (found.value, found.why) == (None, "muddled")
    assert found.missing[0].component == "mutated_genes"


def test_a_gene_outside_the_tested_ones_is_unknown_if_the_list_is_of_tested_genes_only() -> None:
    reading = {"A13": "tested_genes_only"}
    assert value(BASELINE.format("positive", "mutated_genes=TP53"), "pam_baseline", reading).value is None
    tested = f"tested_genes={','.join(sorted(PAM))}"
    assert value(BASELINE.format("positive", f"mutated_genes=TP53 {tested}"), "pam_baseline", reading).value == "no"


def test_nobody_said_so_is_no_for_ever_and_unknown_for_last() -> None:
    found = standing("").evaluation
    assert found.value("progressed_outside").value == "no"
    assert found.value("ctdna_baseline").value is None


@pytest.mark.parametrize(("day", "progressed"), [("2026-01-03", "no"), ("2026-01-04", "no"), ("2026-01-05", "yes")])
def test_a_result_counts_when_it_is_dated_after_the_act_that_it_is_read_since(day: str, progressed: str) -> None:
    """Allocation is on 4 January: what was observed on that day came before it."""
    assert value(f"e4 {day} observation fact=response value=PD", "progressed").value == progressed


@pytest.mark.parametrize(("day", "toxic"), [("2026-01-03", "no"), ("2026-01-04", "yes"), ("2026-01-05", "yes")])
def test_an_adverse_event_counts_from_the_day_of_the_act_on(day: str, toxic: str) -> None:
    """Within a day, what happens to the patient comes after what is done."""
    assert value(f'e4 {day} adverse_event term="rash" unacceptable=true', "too_toxic").value == toxic


@pytest.mark.parametrize(
    ("words", "toxic", "component"),
    [
        ("unacceptable=true drug=sg", "yes", None),
        ("unacceptable=true drug=tdxd", "no", None),
        ("unacceptable=false", "no", None),
        ("unacceptable=true", None, "drug"),
        ("drug=sg", None, "unacceptable"),
        ("", None, "unacceptable"),
    ],
)
def test_an_adverse_event_that_says_too_little_is_a_muddle(
    words: str, toxic: str | None, component: str | None
) -> None:
    lines = f'e4 2026-01-05 administration regimen=sg cycle=1 day=1\ne5 2026-01-09 adverse_event term="rash" {words}'
    readings = {"A2": "go_on_with_other"}
    found = begun("NCT07151586", "alternating", lines, readings).state.now.standing.evaluation.value("caused_by_sg")
    assert found.value == toxic
    assert [missing.component for missing in found.missing] == ([component] if component else [])


def test_a_progression_in_a_muddle_is_in_doubt() -> None:
    lines = "e4 2026-01-05 observation fact=response value=PD\ne5 2026-01-05 observation fact=response value=SD"
    found = value(lines, "progressed")
    assert (found.value, found.why, found.sources) == (None, "muddled", ("e4", "e5"))
    assert value(lines.replace("PD", "PR"), "progressed").value == "no", "whichever it was, it was no progression"


def test_before_allocation_nothing_was_ever_so_since_allocation() -> None:
    found = course("NCT07239271", ENROLLED + "e4 2026-01-05 observation fact=response value=PD")
    assert found.state.now.standing.evaluation.value("progressed").value == "no"


def test_the_newest_result_by_the_day_it_was_taken_stands() -> None:
    lines = "e4 2026-01-08 observation fact=her2_ihc value=1+\ne5 2026-01-03 observation fact=her2_ihc value=2+"
    found = course("IIT2025006", ENROLLED + lines).state.now.standing.evaluation.value("her2_ihc")
    assert (found.value, found.sources) == ("1+", ("e4",))
    later = lines + "\ne6 2026-01-09 observation fact=her2_ihc value=not_evaluable"
    assert course("IIT2025006", ENROLLED + later).state.now.standing.evaluation.value("her2_ihc").value == "1+"


@pytest.mark.parametrize(
    ("line", "name", "known"),
    [
        ("e9 2026-02-01 death", "death", "yes"),
        ("e9 2026-02-01 study_closure", "study_closed", "yes"),
        ("e9 2026-02-01 withdrawal scope=treatment", "withdrawn_from", "treatment"),
        ("e9 2026-02-01 withdrawal scope=study", "withdrawn_from", "study"),
        ("e9 2026-02-01 discontinuation scope=treatment", "discontinued", "treatment"),
        ("e9 2026-02-01 discontinuation scope=trastuzumab", "discontinued", "no"),
    ],
)
def test_what_ends_every_protocol_is_built_in(line: str, name: str, known: str) -> None:
    found = value(line, name)
    assert found.value == known
    assert found.sources == (() if known == "no" else ("e9",))
    assert value("", name).value == "no"


def test_a_withdrawal_from_the_study_is_more_than_one_from_treatment() -> None:
    lines = "e8 2026-02-01 withdrawal scope=treatment\ne9 2026-02-02 withdrawal scope=study"
    assert value(lines, "withdrawn_from").value == "study"


def test_a_choice_is_the_option_taken_last() -> None:
    leaves = begun("NCT07377643", "thp", "e4 2026-01-05 choice choice=taxane option=docetaxel").state.now.standing
    assert leaves.evaluation.leaves.last(Last(last="choice.taxane")) == Outcome("docetaxel", sources=("e4",))
    none = begun("NCT07377643", "thp").state.now.standing.evaluation.leaves.last(Last(last="choice.taxane"))
    assert (none.value, none.why) == (None, "absent")


def test_an_act_was_done_or_was_not() -> None:
    """R3 of NCT05861830: suppression is in place once either of two things was done."""
    oophorectomy = "e4 2026-01-05 procedure procedure=bilateral_oophorectomy"
    found = begun("NCT05861830", "dalpiciclib_et", oophorectomy).state.now.standing.evaluation
    assert found.value("ofs_given") == Outcome("yes", sources=("e4",))
    assert begun("NCT05861830", "dalpiciclib_et").state.now.standing.evaluation.value("ofs_given").value == "no"


def test_a_value_is_read_once() -> None:
    asked: list[str] = []

    @frozen
    class Counting(Given):
        def built_in(self, name: str) -> Outcome:
            asked.append(name)
            return super().built_in(name)

    found = Evaluation(machine("NCT07239271").table, Counting({"p": outcome("yes")}))
    assert [found.condition(condition({"p": "yes"})) for _ in range(3)] == [T, T, T]
    assert asked == ["p"]
