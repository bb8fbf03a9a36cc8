"""What a criterion is worth on the facts of one patient, and the whole, on an invented protocol."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol_engine import Course, InputError, Machine, compile_protocol, load_protocol, parse_events
from protocol_engine.engine.patient_screening import PatientScreening, screen_patient
from protocol_engine.reader import read_protocol

PATH = Path(__file__).parent / "protocols" / "SCREEN1.yaml"
TODAY = date(2026, 2, 1)
Wire = dict[str, Any]


@cache
def machine(reading: str = "either") -> Machine:
    return compile_protocol(load_protocol(str(PATH), {"A1": reading}))


def observed(fact: str, value: Any, on: str = "2026-01-30", **more: Any) -> Wire:
    return {
        "id": f"{fact} {on} {value} {more}",
        "kind": "observation",
        "effective": on,
        "fact": fact,
        "value": value,
    } | more


def said(criterion: str, met: bool, on: str = "2026-01-30", **more: Any) -> Wire:
    event = {"id": f"{criterion} {on} {met}", "kind": "attestation", "effective": on, "criterion": criterion}
    return event | {"met": met, "by": "investigator"} | more


def ecg(qt: str, on: str, rr: str = "1000") -> Wire:
    return observed("qt_interval", qt, on, unit="ms", components={"rr": rr})


CONSENT = {"id": "consent", "kind": "consent", "effective": "2026-01-05"}
FIT = [
    CONSENT,
    said("I1", met=True),
    said("E4", met=False),
    said("E5", met=False),
    observed("birth_date", "1970-02-01"),
    observed("sex", "female"),
    observed("weight", "60", unit="kg"),
    observed("hemoglobin", "120", unit="g/L"),
    observed("transfusion", "never"),
    observed("bilirubin", "10", unit="umol/L", components={"uln": "20"}),
    observed("liver_metastases", False),
    observed("creatinine", "70", unit="umol/L", components={"uln": "100"}),
    observed("performance", "1"),
    observed("infarction", "never"),
    ecg("400", "2026-01-30"),
    observed("pill", "never"),
    observed("virus", "0", unit="[IU]/mL"),
    observed("stable_since", "2025-06-01"),
]


def without(*names: str) -> list[Wire]:
    return [event for event in FIT if event.get("fact", event.get("criterion", event["id"])) not in names]


def replaced(*new: Wire) -> list[Wire]:
    return [*without(*(event.get("fact", event.get("criterion")) for event in new)), *new]


def screened(events: Iterable[Wire], on: date = TODAY, reading: str = "either") -> PatientScreening:
    return screen_patient(machine(reading).table, parse_events(json.dumps(event) for event in events), on)


def outcome(criterion: str, *new: Wire, on: date = TODAY, reading: str = "either") -> str:
    return screened(replaced(*new), on, reading).screening.answers[criterion].outcome


# --- the whole -------------------------------------------------------------------------------------------------------


def test_somebody_who_meets_everything_is_eligible() -> None:
    found = screened(FIT).screening
    assert found.answer == "eligible"
    assert {name: answer.outcome for name, answer in found.answers.items()} == {
        name: "not_met" if name.startswith("E") else "met" for name in machine().table.criteria
    }


def test_nothing_reported_decides_nothing() -> None:
    found = screened([CONSENT]).screening
    assert found.answer == "not_yet_decidable"
    outcomes = {name: answer.outcome for name, answer in found.answers.items()}
    assert outcomes.pop("I1") == outcomes.pop("E5") == "needs_attestation"
    assert set(outcomes.values()) == {"unknown"}


def test_one_criterion_that_bars_is_enough_whatever_is_unknown() -> None:
    found = screened([CONSENT, observed("infarction", "2026-01-01")]).screening
    assert found.answer == "not_eligible"
    assert [answer.id for answer in found.barring] == ["E1"]


# --- polarity, attestation -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("criterion", "word", "found"),
    [("I1", True, "met"), ("I1", False, "not_met"), ("E5", True, "met"), ("E5", False, "not_met")],
)
def test_a_word_says_that_a_criterion_is_met(criterion: str, word: bool, found: str) -> None:
    answer = screened(replaced(said(criterion, met=word))).screening
    assert answer.answers[criterion].outcome == found
    assert (answer.answer == "eligible") == ((criterion == "I1") == word)


def test_a_word_alone_is_not_enough_where_data_are_asked_too() -> None:
    """Inclusion: both must hold. Exclusion: one is enough, and data that exclude need no word."""
    assert screened([said("I1", met=True)]).screening.answers["I1"].outcome == "unknown"
    assert outcome("E4", observed("virus", "2000", unit="[IU]/mL"), said("E4", met=False)) == "met"
    assert outcome("E4", said("E4", met=True)) == "met"
    assert screened(without("virus")).screening.answers["E4"].outcome == "unknown"
    assert screened(without("E4")).screening.answers["E4"].outcome == "needs_attestation"


def test_a_word_where_nobody_is_asked_counts_for_nothing_and_is_told() -> None:
    answer = screened([*without("performance"), said("I4", met=True)]).screening.answers["I4"]
    assert (answer.outcome, answer.attested) == ("unknown", None)
    assert answer.because == ("I4: nobody is asked, so the word of I4 2026-01-30 True counts for nothing",)


def test_a_word_that_names_no_protocol_counts_only_where_there_is_one() -> None:
    named = [event | {"protocol": "SCREEN1"} if event["kind"] == "attestation" else event for event in FIT]
    for events, answer in ((FIT, "not_yet_decidable"), (named, "eligible")):
        read = parse_events(json.dumps(event) for event in events)
        found = screen_patient(machine().table, read, TODAY, alone=False)
        assert found.screening.answer == answer
        assert len(found.nameless) == (3 if events is FIT else 0)


def test_the_newest_word_counts_and_two_of_one_day_that_differ_count_for_nothing() -> None:
    assert outcome("E5", said("E5", met=True, on="2026-01-10"), said("E5", met=False, on="2026-01-20")) == "not_met"
    torn = screened(replaced(said("E5", met=True), said("E5", met=False))).screening.answers["E5"]
    assert torn.outcome == "needs_attestation"
    assert "differ" in torn.because[0]


def test_a_word_for_another_protocol_is_no_word_here() -> None:
    found = screened(replaced(said("E5", met=False, protocol="OTHER")))
    assert found.screening.answers["E5"].outcome == "needs_attestation"
    assert found.skipped == 1


# --- three values ----------------------------------------------------------------------------------------------------


def test_an_unknown_alternative_does_not_spoil_one_that_decides() -> None:
    """1.5 times the limit is met whatever the liver; above it the liver decides; from 3 times on nothing helps."""
    for value, liver, found in (
        ("30", None, "met"), ("30.1", None, "unknown"), ("30.1", True, "met"), ("30.1", False, "not_met"),
        ("59.9", True, "met"), ("60", True, "not_met"), ("60", None, "not_met"),
    ):  # fmt: skip
        lab = observed("bilirubin", value, unit="umol/L", components={"uln": "20"})
        known = [] if liver is None else [observed("liver_metastases", liver)]
        events = [*without("bilirubin", "liver_metastases"), lab, *known]
        assert screened(events).screening.answers["I3.2"].outcome == found, (value, liver)


def test_what_is_missing_is_named_and_the_smallest_set_comes_first() -> None:
    """One fact decides the performance; creatinine alone may decide the kidney, though three would do too."""
    found = screened(without("performance", "creatinine", "weight", "sex")).screening
    assert [(item.fact, item.needed_by) for item in found.lacking][:2] == [
        ("performance", ("I4",)),
        ("creatinine", ("I3.3",)),
    ]
    assert {item.fact for item in found.lacking} == {"performance", "creatinine", "weight", "sex"}


@pytest.mark.parametrize(("reading", "found"), [("either", "met"), ("both", "not_met")])
def test_a_reading_decides_how_two_rules_are_joined(reading: str, found: str) -> None:
    """51 years, 40 kg, 100 umol/L: by hand 89 x 40 x 0.85 / (72 x 1.1312) = 37.15 mL/min, and once the limit."""
    events = (
        observed("weight", "40", unit="kg"),
        observed("creatinine", "100", unit="umol/L", components={"uln": "100"}),
    )
    assert outcome("I3.3", *events, reading=reading) == found


# --- windows and times -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("on", "found"), [("2026-01-18", "met"), ("2026-01-17", "unknown")])
def test_a_result_counts_on_the_last_day_of_its_window_and_not_the_day_before(on: str, found: str) -> None:
    """14 days before 1 February is 18 January."""
    answer = screened(replaced(observed("hemoglobin", "120", on, unit="g/L"))).screening.answers["I3.1"]
    assert answer.outcome == found
    assert [item.why for item in answer.lacking] == ([] if found == "met" else ["stale"])


def test_what_lasts_does_not_go_stale() -> None:
    assert outcome("I3.2", observed("liver_metastases", False, "2020-01-01")) == "met"
    assert outcome("I3.3", observed("sex", "female", "2020-01-01")) == "met"


@pytest.mark.parametrize(
    ("last", "found"),
    [
        ("2026-01-23", "not_met"),
        ("2026-01-22", "met"),
        ("2026-01-30", "not_met"),
        ("2026-01-31", "unknown"),
        ("never", "met"),
    ],
)
def test_a_time_before_a_sample_takes_in_both_ends(last: str, found: str) -> None:
    """The sample is of 30 January; its week begins on the 23rd. A later one hides whether there was another."""
    assert outcome("I3.1", observed("transfusion", last, "2026-02-01")) == found


@pytest.mark.parametrize(
    ("earlier", "reported", "found"),
    [
        ("2026-01-22", "2026-01-30", "met"),
        ("2026-01-23", "2026-01-30", "not_met"),
        ("never", "2026-01-30", "met"),
        ("never", "2026-01-29", "unknown"),
    ],
)
def test_what_a_later_date_hides_may_have_been_reported_before_it(earlier: str, reported: str, found: str) -> None:
    """On the day of the sample, 30 January, the last transfusion was known; that of the 31st came after it."""
    events = (observed("transfusion", earlier, reported), observed("transfusion", "2026-01-31", "2026-02-01"))
    assert outcome("I3.1", *events) == found


def test_a_report_older_than_the_sample_says_nothing_of_the_days_between() -> None:
    assert outcome("I3.1", observed("transfusion", "never", "2026-01-29")) == "unknown"
    assert outcome("I3.1", observed("transfusion", "2026-01-25", "2026-01-29")) == "not_met"


@pytest.mark.parametrize(("reported", "found"), [("2026-01-18", "not_met"), ("2026-01-17", "unknown")])
def test_a_report_older_than_the_whole_time_says_nothing_of_it(reported: str, found: str) -> None:
    """Two weeks before 1 February begin on 18 January: "never", said on the 17th, is about none of their days."""
    assert outcome("E3", observed("pill", "never", reported)) == found


@pytest.mark.parametrize(
    ("last", "on", "found"),
    [
        ("2025-08-01", date(2026, 2, 1), "met"),
        ("2025-07-31", date(2026, 2, 1), "not_met"),
        ("2025-08-31", date(2026, 2, 28), "met"),
        ("2025-08-30", date(2026, 2, 28), "met"),
        ("2025-08-28", date(2026, 2, 28), "met"),
        ("2025-08-27", date(2026, 2, 28), "not_met"),
        ("never", date(2026, 2, 1), "not_met"),
    ],
)
def test_months_are_months_of_the_calendar(last: str, on: date, found: str) -> None:
    """Half a year before 1 February is 1 August; before 28 February it is 28 August."""
    assert outcome("E1", observed("infarction", last), on=on) == found


@pytest.mark.parametrize(("since", "found"), [("2025-11-01", "met"), ("2025-11-02", "not_met"), ("never", "not_met")])
def test_at_least_so_long_ago_takes_in_the_day_itself(since: str, found: str) -> None:
    assert outcome("I5", observed("stable_since", since)) == found


def test_a_date_after_the_day_asked_about_is_in_doubt() -> None:
    assert outcome("E1", observed("infarction", "2026-03-01")) == "unknown"


def test_what_was_issued_later_is_left_aside() -> None:
    late = observed("infarction", "2026-01-20", "2026-01-31", issued="2026-02-05")
    assert screened([*FIT, late]).screening.answer == "eligible"
    assert screened([*FIT, late]).ignored == 1
    assert screened([*FIT, late], date(2026, 2, 5)).screening.answers["E1"].outcome == "met"


# --- derived numbers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("born", "found"),
    [("2008-01-05", "met"), ("2008-01-06", "not_met"), ("1950-01-06", "met"), ("1949-01-05", "not_met")],
)
def test_age_is_that_on_the_day_of_consent(born: str, found: str) -> None:
    """Consent is of 5 January 2026: 18 on that day, and one day short of it; 75, and 77."""
    assert outcome("I2", observed("birth_date", born)) == found


def test_clearance_at_the_limit() -> None:
    """84 x 60 x 0.85 / (72 x c) = 60 where c = 119/120 mg/dL; the age on the day asked about is 56."""
    limit = observed("creatinine", "0.9916", unit="mg/dL", components={"uln": "0.5"})
    above = observed("creatinine", "0.9917", unit="mg/dL", components={"uln": "0.5"})
    assert outcome("I3.3", limit) == "met"
    assert outcome("I3.3", above) == "not_met"


@pytest.mark.parametrize(
    ("ecgs", "found"),
    [
        ([("480", "2026-01-20")], "not_met"),
        ([("481", "2026-01-20")], "unknown"),
        ([("481", "2026-01-20"), ("470", "2026-01-21"), ("480", "2026-01-22")], "unknown"),
        ([("481", "2026-01-20"), ("470", "2026-01-21"), ("480", "2026-01-22"), ("490", "2026-01-23")], "not_met"),
        ([("481", "2026-01-20"), ("470", "2026-01-21"), ("480", "2026-01-22"), ("491", "2026-01-23")], "met"),
    ],
)
def test_a_long_qt_is_confirmed_by_the_mean_of_three_more(ecgs: list[tuple[str, str]], found: str) -> None:
    """At a heart rate of 60 (RR 1000 ms) QTcF is QT. The mean of 470, 480 and 490 is 480, which is not above it."""
    assert outcome("E2", *(ecg(qt, on) for qt, on in ecgs)) == found


def test_fridericia_at_another_heart_rate() -> None:
    """QT 360 at RR 512 ms: the cube root of 0.512 is 0.8, so QTcF is 450. QT 384.1 is then above 480."""
    number = screened(replaced(ecg("360", "2026-01-30", "512"))).screening.answers["E2"].numbers["first_qtcf"]
    assert number == "450"
    assert outcome("E2", ecg("384", "2026-01-30", "512")) == "not_met"
    assert outcome("E2", ecg("384.1", "2026-01-30", "512")) == "unknown"


@pytest.mark.parametrize(
    ("last", "half_life", "found"),
    [
        ("2026-01-18", "24", "met"), ("2026-01-17", "24", "not_met"),
        ("2026-01-02", "144", "not_met"), ("2026-01-03", "144", "met"), ("2026-01-02", None, "unknown"),
        ("never", None, "not_met"),
    ],
)  # fmt: skip
def test_two_weeks_or_five_half_lives_whichever_is_longer(last: str, half_life: str | None, found: str) -> None:
    """Five half-lives of 144 h are 30 days: on 1 February over after a last pill of 2 January, not of the 3rd."""
    known = [] if half_life is None else [observed("pill_half_life", half_life, unit="h")]
    assert outcome("E3", observed("pill", last), *known) == found


def test_one_retest_and_no_more() -> None:
    low, high = ("89", "91")
    days = ["2026-01-20", "2026-01-24", "2026-01-28"]
    twice = [observed("hemoglobin", value, day, unit="g/L") for value, day in zip((low, high), days[1:], strict=True)]
    thrice = [observed("hemoglobin", value, day, unit="g/L") for value, day in zip((low, low, high), days, strict=True)]
    assert outcome("I3.1", *twice) == "met"
    found = screened(replaced(*thrice)).screening.answers["I3.1"]
    assert (found.outcome, found.because) == (
        "not_met",
        ("I3.1: was not met on 2026-01-20, 2026-01-24, and only 1 retest is allowed",),
    )


# --- in words --------------------------------------------------------------------------------------------------------


def because(criterion: str, *new: Wire) -> tuple[str, ...]:
    return screened(replaced(*new)).screening.answers[criterion].because


def test_an_exclusion_that_is_not_met_tells_what_rules_it_out() -> None:
    assert because("E1") == ("E1: last infarction is never (infarction 2026-01-30 never {})",)
    assert [words.partition(" (")[0] for words in because("E3")] == [
        "E3: last pill is never",
        "E3: half-lives since the last pill is never",
    ]


def test_of_alternatives_that_fail_none_is_passed_over() -> None:
    """2 times normal: too much without liver metastases, and there are none."""
    (words,) = because("I3.2", observed("bilirubin", "40", unit="umol/L", components={"uln": "20"}))
    for part in ("must be at most 1.5; it is 2 (", "; or liver metastases must be yes; it is no ("):
        assert part in words


def test_a_number_just_beyond_its_limit_is_not_rounded_to_it() -> None:
    (words,) = because("I3.2", observed("bilirubin", "30.01", unit="umol/L", components={"uln": "20"}))
    assert "it is 1.5005 (" in words  # 30.01 / 20


def test_a_stale_result_is_told_with_its_day_and_what_to_do() -> None:
    found = screened(replaced(observed("hemoglobin", "120", "2026-01-17", unit="g/L"))).screening
    (words,) = (item.because for item in found.lacking if item.fact == "hemoglobin")
    assert words.endswith("of 2026-01-17): too old on the day asked about; report it anew, no older than 14 days")


def test_an_upper_limit_of_0_is_in_doubt() -> None:
    found = screened(replaced(observed("bilirubin", "10", unit="umol/L", components={"uln": "0"}))).screening
    assert [(item.fact, item.component, item.why) for item in found.lacking] == [("bilirubin", "uln", "muddled")]


def test_a_date_that_was_said_before_the_sample_is_asked_again() -> None:
    found = screened(replaced(observed("transfusion", "never", "2026-01-29"))).screening
    (words,) = (item.because for item in found.lacking)
    assert words.endswith("of 2026-01-29): said too early to cover the time asked about; ask again")


# --- units -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "unit", "found"),
    [
        ("89.9", "g/L", "not_met"), ("90", "g/L", "met"), ("8.99", "g/dL", "not_met"), ("9", "g/dL", "met"),
        ("9000", "mg/dL", "met"), ("90", "kg/m3", "met"), ("0.09", "g/mL", "met"),
    ],
)  # fmt: skip
def test_a_unit_does_not_change_an_answer(value: str, unit: str, found: str) -> None:
    assert outcome("I3.1", observed("hemoglobin", value, unit=unit)) == found


def test_a_declared_factor_converts_what_physics_does_not() -> None:
    """10 000 copies are 2000 international units by the factor that the fact declares."""
    assert outcome("E4", observed("virus", "10000", unit="{copies}/mL")) == "met"
    assert outcome("E4", observed("virus", "9999", unit="{copies}/mL")) == "not_met"


@pytest.mark.parametrize(
    ("value", "unit"), [("90", "mmol/L"), ("90", "stone"), ("90", None), ("-1", "g/L"), ("high", "g/L")]
)
def test_what_cannot_be_read_spoils_its_fact_alone(value: str, unit: str | None) -> None:
    more = {} if unit is None else {"unit": unit}
    found = screened([*FIT, observed("hemoglobin", value, "2026-01-31", **more)])
    assert [item.fact for item in found.unreadable] == ["hemoglobin"]
    assert [answer.id for answer in found.screening.answers.values() if answer.open] == ["I3", "I3.1"]
    assert found.screening.lacking[0].why == "unreadable"


def test_a_later_report_that_can_be_read_heals_the_fact() -> None:
    events = [
        *replaced(observed("hemoglobin", "90", "2026-01-20", unit="stone")),
        observed("hemoglobin", "120", "2026-01-21", unit="g/L"),
    ]
    assert screened(events).screening.answers["I3.1"].outcome == "met"


# --- what may never happen -------------------------------------------------------------------------------------------


@given(order=st.permutations(FIT))
def test_the_order_of_facts_does_not_matter(order: list[Wire]) -> None:
    assert screened(order).as_json() == screened(FIT).as_json()


OTHERS = [
    observed("hemoglobin", "80", "2026-01-29", unit="g/L"),
    observed("transfusion", "2026-01-28", "2026-01-30"),
    observed("bilirubin", "50", "2026-01-29", unit="umol/L", components={"uln": "20"}),
    observed("liver_metastases", True, "2026-01-29"),
    observed("performance", "2", "2026-01-29"),
    observed("infarction", "2025-12-01", "2026-01-29"),
    ecg("500", "2026-01-29"),
    observed("pill", "2026-01-29", "2026-01-30"),
    observed("birth_date", "1940-01-01", "2026-01-29"),
    said("E5", met=True, on="2026-01-29"),
]


@given(
    kept=st.sets(st.sampled_from(range(len(FIT) + len(OTHERS)))), more=st.sampled_from(range(len(FIT) + len(OTHERS)))
)
def test_a_new_fact_never_leaves_open_what_was_decided(kept: set[int], more: int) -> None:
    """Unless it contradicts another of its day, or makes another date late: so one report of each fact at most."""
    pool = [*FIT, *OTHERS]
    facts: dict[str, Wire] = {}
    for number in sorted(kept):
        facts.setdefault(pool[number].get("fact", pool[number].get("criterion", "consent")), pool[number])
    new = pool[more]
    if new.get("fact", new.get("criterion", "consent")) in facts or new.get("fact") in ("hemoglobin", "qt_interval"):
        return
    before = screened(facts.values()).screening.answers
    after = screened([*facts.values(), new]).screening.answers
    assert [name for name in before if not before[name].open and after[name].open] == []


@given(value=st.integers(min_value=0, max_value=3000), places=st.integers(min_value=0, max_value=2))
def test_the_same_amount_in_two_units_gives_the_same_answer(value: int, places: int) -> None:
    grams = f"{value / 10**places:.{places}f}" if places else str(value)
    tenth = f"{value / 10 ** (places + 1):.{places + 1}f}"
    assert outcome("I3.1", observed("hemoglobin", grams, unit="g/L")) == outcome(
        "I3.1", observed("hemoglobin", tenth, unit="g/dL")
    )


# --- in the machine --------------------------------------------------------------------------------------------------


def course(events: Iterable[Wire]) -> Course:
    found = Course(machine())
    for event in parse_events(json.dumps(event) for event in events):
        found.record(event)
    return found


def eligibility(on: str = "2026-01-31") -> Wire:
    return {"id": "yes", "kind": "eligibility", "effective": on, "met": True}


def kinds(events: Iterable[Wire]) -> list[str]:
    return [action.kind for action in course(events).decide().actions]


def test_until_screening_begins_eligibility_is_attested() -> None:
    """Weight is read by doses too, so it begins no screening."""
    assert kinds([CONSENT, observed("weight", "60", unit="kg")]) == ["confirm_eligibility"]
    assert course([CONSENT, eligibility()]).state.deviations == ()


def test_eligibility_is_offered_where_everything_is_decided_and_not_before() -> None:
    assert kinds(FIT) == ["confirm_eligibility"]
    open_ones = course(without("performance", "E5")).decide()
    asked = [(action.kind, action.content.get("fact", action.content.get("criterion"))) for action in open_ones.actions]
    assert asked == [("assess", "performance"), ("attest", "E5")]
    assert [(wait.fact, wait.needed_by) for wait in open_ones.awaiting] == [("performance", ("I4",))]


def test_whoever_is_kept_out_is_offered_nothing_and_told_why() -> None:
    decision = course(replaced(observed("infarction", "2026-01-01"))).decide()
    assert decision.actions == ()
    (refusal,) = [item for item in decision.not_allowed if item.action["kind"] == "confirm_eligibility"]
    assert refusal.because[0].startswith("E1: last infarction is 2026-01-01")
    assert "E1" in refusal.cites


@pytest.mark.parametrize(
    ("events", "verdict", "cited"),
    [
        (FIT, None, None),
        (replaced(observed("infarction", "2026-01-01")), "condition", "E1"),
        (without("performance"), "unknown", "I4"),
        (replaced(observed("hemoglobin", "89", unit="g/L")), "condition", "I3.1"),
        (without("E5"), "unknown", "E5"),
    ],
)
def test_enrolment_against_the_answer_moves_the_course_and_is_a_deviation(
    events: list[Wire], verdict: str | None, cited: str | None
) -> None:
    found = course([*events, eligibility()])
    assert found.state.now.position.place == "eligible"
    assert [item.verdict for item in found.state.deviations] == ([] if verdict is None else [verdict])
    assert verdict is None or cited in found.state.deviations[0].cites
    (asked,) = parse_events([json.dumps(eligibility())])
    assert course(events).propose(asked).allowed == (verdict is None)


def test_allocation_that_nobody_confirmed_names_the_criteria_against_it() -> None:
    allocated = {"id": "arm", "kind": "allocation", "effective": "2026-01-31", "arm": "only"}
    for events, cited in ((FIT, []), (replaced(observed("infarction", "2026-01-01")), ["E1"])):
        (deviation,) = course([*events, allocated]).state.deviations
        assert (deviation.verdict, [name for name in deviation.cites if name != "G1"]) == ("order", cited)


def test_a_window_closes_as_days_go_by() -> None:
    """The values of 30 January are good until 13 February."""
    found = course(FIT)
    assert [action.kind for action in found.decide(date(2026, 2, 13)).actions] == ["confirm_eligibility"]
    later = found.decide(date(2026, 2, 14))
    assert "confirm_eligibility" not in [action.kind for action in later.actions]
    assert "hemoglobin" in [wait.fact for wait in later.awaiting]


def test_a_result_that_comes_after_enrolment_makes_no_deviation_of_it() -> None:
    late = observed("infarction", "2026-01-10", "2026-01-20", issued="2026-02-10")
    assert course([*FIT, eligibility(), late]).state.deviations == ()


def test_a_correction_before_enrolment_counts() -> None:
    event = next(event for event in FIT if event.get("fact") == "performance")
    corrected = {key: value for key, value in event.items() if key != "id"} | {"value": "2"}
    correction = {"id": "c", "kind": "correction", "effective": "2026-01-31", "corrects": event["id"]}
    correction |= {"event": corrected, "reason": "misread"}
    assert screened([*FIT, correction]).screening.answers["I4"].outcome == "not_met"
    assert [item.verdict for item in course([*FIT, correction, eligibility()]).state.deviations] == ["condition"]


# --- misuse ----------------------------------------------------------------------------------------------------------


def test_no_event_and_no_day_is_a_question_without_a_day() -> None:
    with pytest.raises(InputError, match="which day"):
        screen_patient(machine().table, [])
    assert screen_patient(machine().table, [], TODAY).screening.answer == "not_yet_decidable"


def test_nobody_is_eligible_for_a_protocol_without_criteria() -> None:
    text = (Path(__file__).parent / "bad_protocols" / "good.yaml").read_text(encoding="utf-8")
    table = compile_protocol(read_protocol(text, "good.yaml")).table
    with pytest.raises(InputError, match="no criteria"):
        screen_patient(table, parse_events([json.dumps(CONSENT)]), TODAY)


def test_one_id_with_two_contents_is_refused() -> None:
    other = FIT[6] | {"value": "61"}
    with pytest.raises(InputError, match="this id stands for another event"):
        screened([*FIT, other])


def test_every_day_of_a_window_and_no_other() -> None:
    days = [(TODAY - timedelta(days=number)).isoformat() for number in range(20)]
    none = observed("transfusion", "never", TODAY.isoformat())
    found = [outcome("I3.1", none, observed("hemoglobin", "120", day, unit="g/L")) for day in days]
    assert found == ["met"] * 15 + ["unknown"] * 5
