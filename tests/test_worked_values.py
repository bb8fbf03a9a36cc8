"""Values worked out from several results: what each is worth at its edges, and what is found wrong with it.

All of it on the invented protocol LARCH-1, with one more value. What is expected is counted by hand.
"""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest
from journey_transcripts import read_event

from protocol_engine import Course, Machine, Problem, Problems, compile_protocol, parse_events
from protocol_engine.checks import check_protocol
from protocol_engine.engine.patient_screening import screen_patient
from protocol_engine.model.evaluation import Outcome
from protocol_engine.model.units import Duration
from protocol_engine.model.worked import Between, Moment, grown_old
from protocol_engine.reader import read_protocol

SCREEN1 = (Path(__file__).parent / "protocols" / "SCREEN1.yaml").read_text(encoding="utf-8")
LARCH = (Path(__file__).parent / "protocols" / "LARCH-1.yaml").read_text(encoding="utf-8")
BEGUN = (
    "e01 2026-01-02 consent",
    "e02 2026-01-02 eligibility met=true",
    "e03 2026-01-03 allocation arm=larch",
)


def with_value(written: str) -> str:
    """LARCH-1 with one more value, named ``it``."""
    return LARCH.replace("values:\n", f"values:\n  it: {written}\n", 1)


@cache
def machine(written: str) -> Machine:
    return compile_protocol(read_protocol(with_value(written), "LARCH-1.yaml"))


def course(written: str, *lines: str) -> Course:
    events = [read_event(line) for line in (*BEGUN, *lines)]
    return Course(machine(written)).record_all(parse_events(json.dumps(event) for event in events))


def seen(fact: str, *days: str) -> list[str]:
    """Results of a fact: ``05 60`` is 60 on 5 January, with what else is said of it behind."""
    unit = {"marker": " unit=U/mL", "neutrophils": " unit=10*9/L", "lesion_size": " unit=mm"}.get(fact, "")
    told = []
    for number, text in enumerate(days):
        day, value, *more = text.split()
        told.append(f"f{number} 2026-01-{day} observation fact={fact} value={value}{unit} {' '.join(more)}".strip())
    return told


def worth(written: str, *lines: str, on: str = "2026-01-31") -> Outcome:
    """The value as it is used on a day."""
    found = course(written, *lines)
    fold = found.machine.folder.on(found.state.now, date.fromisoformat(on))
    return fold.standing.evaluation.value("it")


MARKERS = seen("marker", "05 60", "08 40", "12 90", "20 50")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{take: first, of: marker}", Decimal(60)),
        ("{take: previous, of: marker}", Decimal(90)),
        ("{take: highest, of: marker}", Decimal(90)),
        ("{take: lowest, of: marker}", Decimal(40)),
        ("{take: mean, of: marker}", Fraction(60)),
        ("{take: sum, of: marker}", Fraction(240)),
        ("{take: count, of: marker}", Decimal(4)),
        ("{take: count, of: marker, is: {at_least: 50}}", Decimal(3)),
        ("{take: count, of: marker, is: {above: 50}}", Decimal(2)),
        ("{take: run, of: marker, is: {at_least: 50}}", Decimal(2)),
        ("{take: run, of: marker, is: {below: 50}}", Decimal(0)),
        ("{take: run, of: marker, is: {at_least: 50}, apart: 9 days}", Decimal(1)),
        ("{take: run, of: marker, is: {at_least: 50}, apart: 8 days}", Decimal(2)),
        ("{take: mean, of: marker, within: 20 days}", Fraction(70)),
        ("{take: mean, of: marker, within: 19 days}", Fraction(70)),
        ("{take: mean, of: marker, within: 18 days}", Fraction(50)),
        ("{last: marker, within: 11 days}", Decimal(50)),
        ("{change: difference, of: marker, from: peak}", Fraction(-40)),
        ("{change: ratio, of: marker, from: peak}", Fraction(5, 9)),
        ("{change: percent, of: marker, from: peak}", Fraction(-400, 9)),
    ],
)
def test_of_four_markers(written: str, expected: Decimal | Fraction) -> None:
    """60, 40, 90 and 50 on 5, 8, 12 and 20 January; used on the 31st, 19 days after the third."""
    assert worth(written, *MARKERS).value == expected


@pytest.mark.parametrize(
    ("written", "expected", "why"),
    [
        ("{take: first, of: marker}", None, "absent"),
        ("{take: mean, of: marker}", None, "absent"),
        ("{take: count, of: marker}", 0, "known"),
        ("{take: run, of: marker, is: {above: 1}}", 0, "known"),
        ("{take: count, of: dose.larixan}", 0, "known"),
        ("{change: percent, of: marker, from: peak}", None, "absent"),
        ("{confirmation: response, is: PD, after: 4 weeks}", "none", "known"),
        ("{members: some, of: lesion_size, over: lesion_size, is: {above: 1}}", None, "absent"),
    ],
)
def test_while_nobody_has_reported(written: str, expected: object, why: str) -> None:
    """What is counted is 0, what is read is unknown."""
    found = worth(written)
    assert (found.value, found.why) == (expected, why)


def test_the_one_before_the_newest_needs_two() -> None:
    assert worth("{take: previous, of: marker}", *MARKERS[:1]).why == "absent"


def test_a_result_too_old_is_stale_and_names_itself() -> None:
    found = worth("{last: marker, within: 10 days}", *MARKERS)
    assert (found.value, found.why, found.sources) == (None, "stale", ("f3",))
    assert [(item.fact, item.why) for item in found.missing] == [("marker", "stale")]


@pytest.mark.parametrize(("counted", "told"), [("2026-01-24", True), ("2026-01-25", True), ("2026-01-26", False)])
def test_what_will_be_too_old_when_the_dose_is_due_is_told(counted: str, told: bool) -> None:
    """Cycle 2 is due on 28 January, and a count is good for 2 days."""
    lines = (
        "a1 2026-01-06 observation fact=neutrophils value=2 unit=10*9/L",
        "a2 2026-01-07 administration regimen=larixan cycle=1 day=1",
        f"a3 {counted} observation fact=neutrophils value=2 unit=10*9/L",
    )
    decision = course("{take: first, of: marker}", *lines).decide()
    assert [action.content.get("regimen") for action in decision.actions] == ["larixan"]
    notices = [text for text in decision.notices if "too old" in text]
    day = date.fromisoformat(counted) + timedelta(3)
    wanted = f"neutrophil count of the last 2 days: what is known will be too old from {day} on"
    assert [text.partition(";")[0] for text in notices] == ([wanted] if told else [])


@pytest.mark.parametrize(("change", "expected"), [("difference", 0), ("ratio", None), ("percent", None)])
def test_nothing_is_so_many_times_zero(change: str, expected: int | None) -> None:
    found = worth(f"{{change: {change}, of: marker, from: peak}}", *seen("marker", "05 0"))
    assert found.value == expected
    assert found.why == ("known" if expected is not None else "muddled")


def test_what_is_in_doubt_may_count_or_not() -> None:
    """Two markers of 12 January differ: of the row only the newest is sure, and of the count all but that day."""
    lines = [*MARKERS, "g1 2026-01-12 observation fact=marker value=10 unit=U/mL"]
    row = worth("{take: run, of: marker, is: {at_least: 50}}", *lines)
    assert (row.value, [item.sources for item in row.missing]) == (Between(1, 2), [("f2", "g1")])
    assert worth("{take: count, of: marker, is: {at_least: 50}}", *lines).value == Between(2, 3)
    for taken in ("highest", "mean"):
        found = worth(f"{{take: {taken}, of: marker}}", *lines)
        assert (found.value, found.why) == (None, "muddled")
    assert worth("{take: first, of: marker}", *lines).value == Decimal(60)


def test_of_what_lies_between_only_the_limits_decide() -> None:
    held = "{holds: {high_markers: {at_least: 1}}}", "{holds: {high_markers: {at_least: 2}}}"
    lines = [*seen("marker", "05 60", "12 90"), "g1 2026-01-05 observation fact=marker value=10 unit=U/mL"]
    assert [worth(written, *lines).value for written in held] == ["yes", None]


RESPONSES = "{confirmation: response, is: PD, after: 14 days, within: 21 days}"


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        (["05 PD"], "unconfirmed"),
        (["05 PD", "18 PD"], "unconfirmed"),
        (["05 PD", "19 PD"], "confirmed"),
        (["05 PD", "26 PD"], "confirmed"),
        (["05 PD", "27 PD"], "unconfirmed"),
        (["05 PD", "12 PD", "26 PD"], "confirmed"),
        (["05 PD", "12 SD", "19 PD"], "unconfirmed"),
        (["05 PD", "12 NE", "19 PD"], "confirmed"),
        (["05 PD", "19 SD"], "none"),
        (["05 PD", "19 PD", "26 SD"], "confirmed"),
    ],
)
def test_a_result_is_confirmed_by_another_in_its_time(results: list[str], expected: str) -> None:
    """14 days after 5 January is the 19th, and 21 days after it the 26th."""
    assert worth(RESPONSES, *seen("response", *results)).value == expected


def test_a_confirmation_that_turns_on_what_is_in_doubt_is_unknown() -> None:
    differing = ["g1 2026-01-12 observation fact=response value=SD"]
    assert worth(RESPONSES, *seen("response", "05 PD", "12 PD", "19 PD"), *differing).why == "muddled"
    assert worth(RESPONSES, *seen("response", "05 PD", "12 PD", "19 SD"), *differing).value == "none"


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        (["05 PD assessor=central", "06 SD assessor=investigator"], "yes"),
        (["05 SD assessor=central", "06 PD assessor=investigator"], "no"),
        (["05 PD assessor=investigator", "05 SD assessor=central"], "no"),
        (["05 PD", "06 SD assessor=central"], None),
        (["05 PD", "06 PD assessor=central"], "yes"),
    ],
)
def test_only_what_one_assessor_said(results: list[str], expected: str | None) -> None:
    """A report that does not say whose it is may be either's."""
    found = worth("{ever: response, is: PD, where: {assessor: central}}", *seen("response", *results))
    assert found.value == expected
    assert [item.component for item in found.missing] == ([] if expected else ["assessor"])


CENTRAL = "{ever: response, is: PD, where: {assessor: central}, since: allocation}"


def test_a_date_is_that_of_the_reports_that_are_meant() -> None:
    """The investigator saw it on 5 January and the central readers on the 9th."""
    lines = seen("response", "05 PD assessor=investigator", "09 PD assessor=central")
    text = with_value(CENTRAL).replace("values:\n", "values:\n  on: {date: it}\n", 1)
    events = [read_event(line) for line in (*BEGUN, *lines)]
    found = Course(compile_protocol(read_protocol(text, "LARCH-1.yaml")))
    told = found.record_all(parse_events(json.dumps(event) for event in events))
    assert told.state.now.standing.evaluation.value("on").value == date(2026, 1, 9)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("{last: response, where: {assessor: central}}", "{last: response, where: {assessor: investigator}}"),
        (
            "{ever: response, is: PD, where: {assessor: central}}",
            "{ever: response, is: PD, where: {assessor: investigator}}",
        ),
        ("{last: response, where: {assessor: central}}", "{last: response}"),
    ],
)
def test_what_two_assessors_said_may_differ_in_a_table(one: str, other: str) -> None:
    """A patient with PD by the first and not by the second finds no row."""
    level = "PD" if one.startswith("{last") else "yes"
    rest = "[SD, PR, CR]" if one.startswith("{last") else "no"
    text = LARCH.replace("values:\n", f"values:\n  one: {one}\n  other: {other}\n", 1)
    text = text.replace("if: {all_smaller: yes}", f"if: {{one: {level}, other: {level}}}")
    text = text.replace("if: {all_smaller: no}", f"if: {{one: {rest}, other: {rest}}}")
    assert "table-gap" in {problem.code for problem in found_in(text)}


@pytest.mark.parametrize("times", ["999999999999999", "1"])
def test_a_date_beyond_the_calendar_is_its_last_day(times: str) -> None:
    span = f"{{times: {times}, from: consent, to: allocation}}"
    assert worth(f"{{date: consent, plus: 9999 years, as_long_as: {span}}}").value == date.max


@pytest.mark.parametrize(
    ("length", "day"),
    [
        (Duration(2, "days"), date(2026, 1, 29)),
        (Duration(1, "months"), date(2026, 3, 1)),
        (Duration(9999, "years"), None),
    ],
)
def test_the_first_day_on_which_a_result_is_too_old(length: Duration, day: date | None) -> None:
    """Of a result of 26 January 2 days old is the 28th. One of 31 January is a month old on the last of February."""
    taken = date(2026, 1, 31) if length.unit == "months" else date(2026, 1, 26)
    assert grown_old((Moment(taken, "PD", ("e1",)),), length, taken) == day


LESIONS = [
    *seen("lesion_size", "05 30 timepoint=baseline lesion=L1", "05 20 timepoint=baseline lesion=L2"),
    "a1 2026-01-06 administration regimen=larixan cycle=1 day=1",
    "g1 2026-01-12 observation fact=lesion_size value=9 unit=mm lesion=new",
]


@pytest.mark.parametrize(
    ("later", "every", "some", "number"),
    [
        ([], None, None, Between(0, 2)),
        (["26 20 lesion=L1"], None, "yes", Between(1, 2)),
        (["26 21 lesion=L1"], "no", None, Between(0, 1)),
        (["26 20 lesion=L1", "26 13 lesion=L2"], "yes", "yes", 2),
        (["26 21 lesion=L1", "26 14 lesion=L2"], "no", "no", 0),
    ],
)
def test_of_the_lesions_measured_before(later: list[str], every: object, some: object, number: object) -> None:
    """Two thirds of 30 are 20, of 20 a little less than 14; a lesion that came later is none of them."""
    told = [text.replace("lesion=", "timepoint=after_cycle_2 lesion=") for text in later]
    lines = [*LESIONS, *(line.replace("f", "h", 1) for line in seen("lesion_size", *told))]
    for members, expected in (("every", every), ("some", some), ("number", number)):
        written = f"{{members: {members}, of: size_change, over: lesion_size, at: baseline, is: {{at_most: 2/3}}}}"
        found = worth(written, *lines)
        assert found.value == expected, members
        if expected is None:
            assert {item.component for item in found.missing} <= {"L1", "L2"}


def test_a_report_says_of_which_lesion_it_is() -> None:
    with pytest.raises(Problems, match=r"components\.lesion is missing: say of which lesion"):
        course("{take: first, of: marker}", *seen("lesion_size", "05 30"))
    with pytest.raises(Problems, match=r"components\.lesion must be a name such as L1"):
        course("{take: first, of: marker}", *seen("lesion_size", "05 30 lesion=?"))


DOSES = (
    "a1 2026-01-05 administration regimen=larixan cycle=1 day=1",
    "a2 2026-01-26 administration regimen=both cycle=2 day=1",
    'a3 2026-01-27 administration regimen=both cycle=3 day=1 given="larixan"',
    "a4 2026-01-27 administration regimen=both cycle=3 day=1",
)


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        ("dose.larixan", 1),
        ("[dose.larixan, dose.both]", 3),
        ("[cycle.larixan, cycle.both]", 3),
        ("drug.larixan", 3),
        ("drug.tamaracin", 1),
    ],
)
def test_what_was_given_is_counted_allowed_or_not_and_once(of: str, expected: int) -> None:
    """The last line is a second report of the third dose, in which tamaracin was left out."""
    assert worth(f"{{take: count, of: {of}}}", *DOSES).value == expected


@pytest.mark.parametrize(("counted", "found"), [("2026-01-29", "met"), ("2026-01-28", "unknown")])
def test_a_criterion_too_reads_no_result_that_is_too_old(counted: str, found: str) -> None:
    """Asked about on 1 February, with 3 days allowed."""
    text = SCREEN1.replace("values:\n", "values:\n  fresh: {last: hemoglobin, within: 3 days}\n", 1)
    text = text.replace(
        'I4:   {text: performance 0 or 1, if: {performance: {at_most: "1"}}}', "I4: {text: x, if: {fresh: {above: 1}}}"
    )
    table = compile_protocol(read_protocol(text.replace("cite: I4}", "cite: R1}"), "SCREEN1.yaml")).table
    told = {"id": "a", "kind": "observation", "effective": counted, "fact": "hemoglobin", "value": "90", "unit": "g/L"}
    screened = screen_patient(table, parse_events([json.dumps(told)]), date(2026, 2, 1))
    assert screened.screening.answers["I4"].outcome == found


# --- what is found wrong ---------------------------------------------------------------------------------------------


def found_in(text: str) -> list[Problem]:
    try:
        found = check_protocol(read_protocol(text, "LARCH-1.yaml"))
    except Problems as problems:
        found = problems.problems
    return [problem for problem in found if problem.severity == "problem"]


@pytest.mark.parametrize(
    ("written", "code", "path", "words"),
    [
        ("{take: first, of: markers}", "unknown-name", "of", "did you mean marker?"),
        ("{take: first, of: [marker, neutrophils]}", "wrong-test", "of", "one fact is read at a time"),
        ("{take: mean, of: response}", "wrong-test", "take", "response is no number"),
        ("{take: first, of: marker, is: {above: 1}}", "wrong-test", "is", "leave `is` out, or count"),
        ("{take: count, of: marker, is: high}", "wrong-test", "is", "give limits"),
        ("{take: count, of: marker, is: {above: 1}, apart: 1 week}", "wrong-test", "apart", "take: run"),
        ("{take: count, of: response, is: XX}", "unknown-level", "is", "response is never 'XX'"),
        ("{take: count, of: dose.larix}", "unknown-name", "of", "did you mean dose.larixan?"),
        ("{take: sum, of: dose.larixan}", "wrong-test", "take", "are counted"),
        ("{take: count, of: dose.larixan, since: alocation}", "unknown-name", "since", "did you mean allocation?"),
        ("{take: first, of: marker, since: lunch}", "unknown-name", "since", "no act to count from"),
        ("{last: response, where: {reader: central}}", "unknown-name", "where.reader", "assessor"),
        ("{last: response, where: {assessor: centre}}", "unknown-level", "where.assessor", "central"),
        ("{ever: response, is: PD, where: {assessor: me}}", "unknown-level", "where.assessor", "central"),
        ("{confirmation: response, is: XX, after: 4 weeks}", "unknown-level", "is", "response is never"),
        ("{confirmation: answer, is: PD, after: 4 weeks}", "unknown-name", "confirmation", "no fact or part"),
        ("{change: percent, of: response, from: marker}", "wrong-test", "of", "response is no number"),
        ("{change: percent, of: marker, from: nothing}", "unknown-name", "from", "no value or fact"),
        ("{members: every, of: size_change, over: marker, is: {above: 1}}", "unknown-name", "over", "lesion_size"),
        ("{members: every, of: marker, over: lesion_size, is: {above: 1}}", "wrong-test", "of", "the same for every"),
        (
            "{date: consent, as_long_as: {times: -1, from: consent, to: element}}",
            "wrong-test",
            "as_long_as.times",
            "above 0",
        ),
        ("{date: lunch}", "unknown-name", "date", "no act, date or value"),
        ("{date: marker}", "wrong-test", "date", "marker is no date"),
        (
            "{members: some, of: size_change, over: lesion_size, at: later, is: {above: 1}}",
            "unknown-name",
            "at",
            "no timepoint",
        ),
    ],
)
def test_a_value_that_cannot_be_worked_out_is_named(written: str, code: str, path: str, words: str) -> None:
    found = [problem for problem in found_in(with_value(written)) if problem.path.startswith("values.it")]
    assert [(problem.code, problem.path) for problem in found] == [(code, f"values.it.{path}")]
    assert words in found[0].message


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ("all_smaller: no}", "all_smaller: yes}", "table-gap", "all_smaller = no"),
        ("{pd: confirmed}", "{pd: surely}", "unknown-level", "pd is never 'surely'"),
        (
            "if: {enough: yes}",
            "if: {size_change: {at_least: 1}}",
            "wrong-test",
            "reported for each lesion; say",
        ),
        ("when: {high_markers: {at_least: 3}}", "when: {high_markers: {below: 0}}", "never-true", "never holds"),
        (
            "if: {all_smaller: no}",
            "if: {tamaracins: {at_least: 2}, all_smaller: no}",
            "table-gap",
            "all_smaller = no, tamaracins = below 2",
        ),
        (
            "peak:          {label: highest marker, take: highest, of: marker",
            "peak: {change: ratio, of: marker_change, from: marker",
            "circular-value",
            "reads",
        ),
    ],
)
def test_rows_that_misread_a_value_are_named(old: str, new: str, code: str, words: str) -> None:
    assert LARCH.count(old) == 1
    found = found_in(LARCH.replace(old, new))
    assert any(problem.code == code and words in problem.message for problem in found), [str(p) for p in found]
