"""Courses on which the core once went wrong, each named by what it shows. The dates are worked out by hand."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from protocol_engine import Course, Machine, Problems, compile_protocol, load_protocol, parse_action, parse_events
from protocol_engine.model.decision import Answer, Decision

Wire = dict[str, Any]


@cache
def machine_for(protocol: str, *readings: str) -> Machine:
    return compile_protocol(load_protocol(protocol, dict(reading.split("=") for reading in readings)))


def event(name: str, on: str, kind: str, **more: Any) -> Wire:
    """An event of 2026, its date written as month-day; dates among the other fields likewise."""
    issued = {"issued": f"2026-{more.pop('issued')}"} if "issued" in more else {}
    return {"id": name, "kind": kind, "effective": f"2026-{on}"} | issued | more


def gates(arm: str) -> tuple[Wire, ...]:
    """Consent, eligibility and allocation on the first three days of 2026."""
    return (
        event("a1", "01-01", "consent"),
        event("a2", "01-02", "eligibility", met=True),
        event("a3", "01-03", "allocation", arm=arm),
    )


def course(protocol: str, *events: Wire) -> Course:
    """A course; readings may stand behind the protocol: ``"NCT07151586 A3=shifted"``."""
    found = Course(machine_for(*protocol.split()))
    return found.record_all(parse_events([json.dumps(wire) for wire in events]))


def asked(of: Course, on: str, kind: str, **more: Any) -> Answer:
    wire = event("", on, kind, **more)
    del wire["id"]
    return of.propose(parse_action(json.dumps(wire)))


def offered(decision: Decision) -> list[str]:
    """What a decision offers, a word or two for each action."""
    found = []
    for action in decision.actions:
        content = action.content
        match action.kind:
            case "administer":
                found.append(f"{content['regimen']} C{content['cycle']} d{content['day']}")
            case "choose":
                found.append(f"choose {content['choice']}")
            case "perform":
                found.append(str(content["procedure"]))
            case "assess":
                found.append(f"assess {content['fact']} {content['timepoint']}")
            case _:
                found.append(action.kind)
    return found


def dues(decision: Decision) -> list[str]:
    return [action.due for action in decision.actions]


def deviations(decision: Decision) -> dict[str, str]:
    return {found.event: found.verdict for found in decision.deviations}


def dose(name: str, on: str, regimen: str, cycle: int | None = None, day: int | None = None, **more: Any) -> Wire:
    """A dose, its numbers left out where they are None."""
    numbers = {key: value for key, value in (("cycle", cycle), ("day", day)) if value is not None}
    return event(name, on, "administration", regimen=regimen, **numbers, **more)


# --- numbers of cycles and days ------------------------------------------------------------------------------------


def test_a_later_day_that_is_settled_or_does_not_apply_can_be_reported_without_an_error() -> None:
    """G4: day 8 of a cycle not begun, and day 15 of an agent that has none, are deviations that move nothing."""
    ahead = course(
        "NCT07151586",
        *gates("alternating"),
        dose("e1", "01-05", "sg", 1, 1),
        dose("e2", "01-12", "sg", 1, 8),
        dose("e3", "02-02", "sg", 2, 8),
    ).decide()
    assert deviations(ahead) == {"e3": "order"}
    assert (offered(ahead), dues(ahead)) == (["sg C2 d1"], ["2026-01-26"])
    letrozole = course(
        "NCT05861830",
        *gates("dalpiciclib_et"),
        event("f1", "01-03", "observation", fact="sex", value="male"),
        event("k1", "01-04", "choice", choice="endocrine_agent", option="letrozole"),
        dose("e1", "01-05", "dalpiciclib_et", 1, 1),
        dose("e2", "01-19", "dalpiciclib_et", 1, 15),
    ).decide()
    assert deviations(letrozole) == {"e2": "order"}
    assert offered(letrozole) == ["dalpiciclib_et C2 d1"]


SG_TWICE = (*gates("alternating"), dose("e1", "01-05", "sg", 1, 1), dose("e2", "01-26", "sg", 2, 1))


def test_a_day_of_another_cycle_settles_no_day_of_the_running_one() -> None:
    """R3, G4: day 8 of cycle 1, given or left out after cycle 2 began, leaves day 8 of cycle 2 to be given."""
    given = course("NCT07151586", *SG_TWICE, dose("e3", "01-27", "sg", 1, 8)).decide()
    assert deviations(given) == {"e3": "order"}
    late = event("o1", "01-27", "omission", regimen="sg", cycle=1, day=8, reason="neutropenia")
    omitted = course("NCT07151586", *SG_TWICE, late).decide()
    assert deviations(omitted) == {}
    assert any("cycle 1 day 8 was left out" in notice for notice in omitted.notices)
    ahead = event("o1", "01-27", "omission", regimen="sg", cycle=3, day=8, reason="neutropenia")
    announced = course("NCT07151586", *SG_TWICE, ahead).decide()
    assert deviations(announced) == {"o1": "order"}
    for decision in (given, omitted, announced):
        assert (offered(decision), dues(decision)) == (["sg C2 d8", "tdxd C3 d1"], ["2026-02-02", "2026-02-16"])


def test_a_second_report_without_numbers_on_the_day_of_a_dose_is_a_duplicate() -> None:
    """R3: it is not day 8 a week before its day, so day 8 stays to be given."""
    for cycle in (None, 1):
        again = dose("e2", "01-05", "sg", cycle)
        decision = course("NCT07151586", *gates("alternating"), dose("e1", "01-05", "sg", 1, 1), again).decide()
        assert deviations(decision) == {"e2": "duplicate"}
        assert offered(decision) == ["sg C1 d8", "sg C2 d1"]


def test_a_cycle_of_an_earlier_block_reported_again_never_leads_back() -> None:
    """R2: cycle 2 of SG, reported again under a date in the T-DXd block; also a number already used by another drug."""
    block = (*SG_TWICE, dose("e3", "02-16", "tdxd", 3, 1))
    again = course("NCT07151586", *block, dose("e4", "02-18", "sg", 2, 1)).decide()
    assert deviations(again) == {"e4": "duplicate"}
    assert (again.place["element"], offered(again)) == ("tdxd", ["tdxd C4 d1"])
    start = (*gates("adaptive"), dose("e1", "01-05", "nab_p_hp"), dose("e2", "01-26", "nab_p_hp"))
    used = course("NCT07239271", *start, dose("e3", "02-16", "everoht", 2, 1)).decide()
    assert deviations(used) == {"e3": "unknown"}
    assert (used.place["element"], used.place["cycle"]) == ("everoht", 3)
    sample = event("s1", "01-24", "observation", fact="ctdna", timepoint="after_cycle_1", value="negative")
    baseline = event("s0", "01-04", "observation", fact="ctdna", timepoint="baseline", value="negative")
    scans = [
        event("i1", "02-14", "observation", fact="response", timepoint="after_cycle_2", value="PR"),
        event("i2", "03-28", "observation", fact="response", timepoint="after_cycle_4", value="SD"),
    ]
    four = (*start, sample, baseline, *scans, dose("e3", "02-16", "nab_p_hp"), dose("e4", "03-09", "nab_p_hp"))
    unchosen = course("NCT07239271", *four, dose("e5", "03-30", "adc", 1, 1)).decide()
    assert (deviations(unchosen), offered(unchosen)) == ({"e5": "order"}, ["adc C6 d1", "surgery"])


def test_a_dose_beside_the_course_that_is_reported_twice_is_a_duplicate() -> None:
    """R3, N5: the GnRH analogue has its own numbers; a second report of one dose is no second dose."""
    woman = (
        event("f1", "01-03", "observation", fact="sex", value="female"),
        event("f2", "01-03", "observation", fact="menopause", value="pre"),
        event("k1", "01-04", "choice", choice="endocrine_agent", option="letrozole"),
        dose("g1", "01-05", "gnrh"),
    )
    for second in (dose("g2", "01-05", "gnrh"), dose("g2", "01-07", "gnrh", 1, 1)):
        decision = course("NCT05861830", *gates("dalpiciclib_et"), *woman, second).decide()
        assert deviations(decision) == {"g2": "duplicate"}
        assert offered(decision) == ["dalpiciclib_et C1 d1", "bilateral_oophorectomy", "gnrh C2 d1"]


@pytest.mark.parametrize(
    ("number", "verdicts", "now"),
    [(2, {}, "ibi354 C3 d1"), (None, {"e2": "duplicate"}, "ibi354 C2 d1"), (3, {"e2": "duplicate"}, "ibi354 C2 d1")],
)
def test_the_next_cycle_of_the_same_day_counts_only_under_its_own_number(
    number: int | None, verdicts: dict[str, str], now: str
) -> None:
    """IBI354 N3: it is offered without a date, so on that day too; without its number it is a second report."""
    begun, again = (*gates("ibi354"), dose("e1", "01-05", "ibi354")), dose("e2", "01-05", "ibi354", number)
    decision = course("NCT07377643", *begun, again).decide()
    assert (deviations(decision), offered(decision)) == (verdicts, [now])
    told = [text for text in decision.notices if "day of the cycle before it" in text]
    assert len(told) == (number == 2)
    assert all(text.startswith("e2: IBI354, cycle 2 ") and "states no interval" in text for text in told)
    numbers = {"cycle": number} if number is not None else {}
    answer = asked(course("NCT07377643", *begun), "01-05", "administration", regimen="ibi354", **numbers)
    assert answer.allowed == (number == 2)


def test_a_gnrh_analogue_given_again_on_its_day_counts_under_its_own_number() -> None:
    """DAWNA-FES N5: its interval is not stated either."""
    woman = (
        event("f1", "01-03", "observation", fact="sex", value="female"),
        event("f2", "01-03", "observation", fact="menopause", value="pre"),
        event("k1", "01-04", "choice", choice="endocrine_agent", option="letrozole"),
        dose("g1", "01-05", "gnrh"),
    )
    again = course("NCT05861830", *gates("dalpiciclib_et"), *woman, dose("g2", "01-05", "gnrh", 2)).decide()
    assert (deviations(again), "gnrh C3 d1" in offered(again)) == ({}, True)
    assert any(text.startswith("g2: ") and "states no interval" in text for text in again.notices)


def test_the_next_cycle_of_the_same_day_is_a_duplicate_where_it_is_not_offered_or_has_its_day() -> None:
    """ALTER R3 states three weeks; NCT07239271 A6 gives no cycle 3 before its results."""
    sg = course("NCT07151586", *gates("sg_alone"), dose("e1", "01-05", "sg", 1, 1), dose("e2", "01-05", "sg", 2, 1))
    assert deviations(sg.decide()) == {"e2": "duplicate"}
    start = (*gates("adaptive"), dose("e1", "01-05", "nab_p_hp"), dose("e2", "01-26", "nab_p_hp"))
    third = course("NCT07239271", *start, dose("e3", "01-26", "nab_p_hp", 3)).decide()
    assert (deviations(third), third.place["cycle"]) == ({"e3": "duplicate"}, 2)


# --- landing -------------------------------------------------------------------------------------------------------


def test_a_choice_before_its_time_leads_over_no_dose() -> None:
    """R2, R8, G4: choosing the ADC during cycle 1, or before allocation, is a deviation, and Nab-P+HP stays due."""
    chosen = event("k1", "01-20", "choice", choice="after_c4_switch", option="adc")
    early = course("NCT07239271", *gates("adaptive"), dose("e1", "01-05", "nab_p_hp"), chosen).decide()
    assert deviations(early) == {"k1": "order"}
    assert offered(early) == ["nab_p_hp C2 d1", "assess ctdna after_cycle_1"]
    before = course("NCT07239271", *gates("adaptive"), chosen | {"effective": "2026-01-02"}).decide()
    assert deviations(before) == {"k1": "order"}
    assert offered(before) == ["nab_p_hp C1 d1", "assess ctdna baseline"]
    third = course(
        "NCT07239271",
        *gates("adaptive"),
        dose("e1", "01-05", "nab_p_hp"),
        dose("e2", "01-26", "nab_p_hp"),
        dose("e3", "02-16", "nab_p_hp"),
        chosen | {"effective": "2026-02-20"},
    ).decide()
    assert deviations(third) == {"e3": "unknown", "k1": "condition"}
    assert offered(third) == ["nab_p_hp C4 d1"]
    sequence = (
        *gates("cohort_2")[:2],
        event("h1", "01-02", "observation", fact="her2_ihc", value="1+"),
        *gates("cohort_2")[2:],
        dose("e1", "01-05", "sg"),
    )
    opened = event("k1", "01-20", "choice", choice="open_second_adc", option="open")
    adc = course("IIT2025006 A1=may_open", *sequence, opened).decide()
    assert (deviations(adc), offered(adc)) == ({"k1": "order"}, ["sg C2 d1"])


def test_a_regimen_begun_without_its_choice_asks_for_it_and_is_not_offered_without_that_drug() -> None:
    """IBI354 R1, DAWNA-FES R1: THP without a taxane, or dalpiciclib without an endocrine agent, is no complete dose."""
    for protocol, arm, regimen, choice, drug in (
        ("NCT07377643", "thp", "thp", "taxane", "docetaxel"),
        ("NCT05861830", "dalpiciclib_et", "dalpiciclib_et", "endocrine_agent", "letrozole"),
    ):
        man = event("f1", "01-03", "observation", fact="sex", value="male")
        known = (man,) if protocol == "NCT05861830" else ()
        begun = (*gates(arm), *known, dose("e1", "01-05", regimen))
        decision = course(protocol, *begun).decide()
        assert deviations(decision) == {"e1": "order"}
        assert [(action.kind, action.content["choice"], action.strength) for action in decision.actions] == [
            ("choose", choice, "required")
        ]
        answer = asked(course(protocol, *begun), "02-02", "administration", regimen=regimen)
        assert (answer.verdict, "not chosen" in answer.because[0]) == ("unknown", True)
        chosen = course(protocol, *begun, event("k1", "01-06", "choice", choice=choice, option=drug)).decide()
        assert deviations(chosen) == {"e1": "order"}
        (next_cycle,) = chosen.actions
        assert drug in [line["drug"] for line in next_cycle.content["administrations"]]
        assert not any(refusal.action["kind"] == "choose" for refusal in chosen.not_allowed)


# --- the day of an end, and the order within a day -----------------------------------------------------------------


def test_an_end_bears_the_date_of_the_result_that_brought_it() -> None:
    """R6, A12: a scan of the 8th read on the 10th, with a weight of the 10th beside it, is progression on the 8th."""
    scan = event("i1", "01-08", "observation", fact="response", value="PD", issued="01-10")
    weight = event("w1", "01-10", "observation", fact="weight", value="60", unit="kg")
    ended = course("NCT07151586", *gates("alternating"), dose("e1", "01-05", "sg"), scan, weight).decide().ended
    assert ended == {"reason": "progression", "date": "2026-01-08"}
    sample = event("s1", "01-09", "observation", fact="ctdna", value="negative", issued="01-10")
    stopped = course("NCT07239271", *gates("control"), dose("e1", "01-05", "tcbhp"), scan, sample).decide()
    assert any("protocol treatment ended on 2026-01-08" in notice for notice in stopped.notices)


def test_events_that_have_a_time_keep_its_order_beside_others_that_have_none() -> None:
    """R6: a weight without a time does not put the scan of the afternoon before the dose of the morning."""
    begun = (*gates("alternating"), dose("e1", "01-05", "sg", 1, 1))
    weight = event("w1", "01-12", "observation", fact="weight", value="63", unit="kg")
    morning = dose("e2", "01-12T09:00:00+01:00", "sg", 1, 8)
    afternoon = event("i1", "01-12T15:00:00+01:00", "observation", fact="response", value="PD")
    before = course("NCT07151586", *begun, weight, morning, afternoon).decide()
    assert (deviations(before), before.ended) == ({}, {"reason": "progression", "date": "2026-01-12"})
    reaction = event("q1", "01-12T08:00:00+01:00", "adverse_event", term="shock", unacceptable=True, drug="sg")
    after = course("NCT07151586", *begun, weight, morning, reaction).decide()
    assert deviations(after) == {"e2": "order"}
    untimed = dose("e2", "01-12", "sg", 1, 8)
    assert deviations(course("NCT07151586", *begun, weight, untimed, afternoon).decide()) == {"e2": "order"}


def test_an_act_that_answers_a_stop_of_its_day_is_no_deviation() -> None:
    """A12: surgery on the day of the toxicity that ended treatment, neither with a time; and a dose of that day too."""
    begun = (*gates("adaptive"), dose("e1", "01-05", "nab_p_hp"))
    toxic = event("q1", "01-26", "adverse_event", term="neutropenia", grade=4, unacceptable=True)
    surgery = course("NCT07239271", *begun, toxic, event("z1", "01-26", "procedure", procedure="surgery")).decide()
    assert (deviations(surgery), surgery.ended) == ({}, {"reason": "completed", "date": "2026-01-26"})
    assert deviations(course("NCT07239271", *begun, toxic, dose("e2", "01-26", "nab_p_hp")).decide()) == {}


def test_of_two_words_on_eligibility_of_one_day_the_one_that_bars_holds() -> None:
    """G1: which of two ids comes first decides nothing."""
    for yes, no in (("z1", "z2"), ("z2", "z1")):
        words = (event(yes, "01-06", "eligibility", met=True), event(no, "01-06", "eligibility", met=False))
        assert offered(course("NCT07151586", *gates("alternating"), *words).decide()) == []


# --- stops, and answers to them --------------------------------------------------------------------------------------


def test_to_go_on_answers_what_was_known_and_nothing_else() -> None:
    """A12: a toxicity of that very morning is answered, one of last week that is reported tomorrow is not."""
    begun = (*gates("control"), dose("e1", "01-05", "tcbhp"))
    toxic = event("q1", "01-20T09:00:00+01:00", "adverse_event", term="shock", grade=4, unacceptable=True)
    go_on = event("k1", "01-20T15:00:00+01:00", "choice", choice="treatment_goes_on", option="go_on")
    for morning, answer in ((toxic, go_on), (toxic | {"effective": "2026-01-20"}, go_on | {"effective": "2026-01-20"})):
        answered = course("NCT07239271 A12=investigator_decides", *begun, morning, answer)
        assert (deviations(answered.decide()), offered(answered.decide())) == ({}, ["tcbhp C2 d1", "surgery"])
    late = event("q2", "01-18", "adverse_event", term="colitis", grade=4, unacceptable=True, issued="01-22")
    scan = event("i1", "01-18", "observation", fact="response", value="PD", issued="01-22")
    for report in (late, scan):
        decision = course("NCT07239271 A12=investigator_decides", *begun, toxic, go_on, report).decide()
        assert sorted(offered(decision)) == ["choose treatment_goes_on", "surgery"]


SECOND_LINE = (
    *gates("cohort_2")[:2],
    event("h1", "01-02", "observation", fact="her2_ihc", value="1+"),
    *gates("cohort_2")[2:],
    dose("e1", "01-05", "sg"),
)


def test_a_stop_of_the_first_adc_that_opens_the_second_does_not_end_the_course_and_a_second_stop_does() -> None:
    """IIT2025006 A1: under `may_open` a discontinuation of treatment asks, and one of the second ADC ends it."""
    stopped = (*SECOND_LINE, event("q1", "01-20", "discontinuation", scope="treatment", reason="choice"))
    decision = course("IIT2025006 A1=may_open", *stopped).decide()
    assert (decision.ended, offered(decision)) == (None, ["choose open_second_adc"])
    opened = (*stopped, event("k1", "01-22", "choice", choice="open_second_adc", option="open"))
    second = (*opened, dose("e2", "01-26", "tdxd"))
    assert offered(course("IIT2025006 A1=may_open", *second).decide()) == ["tdxd C2 d1"]
    again = event("q2", "02-01", "discontinuation", scope="treatment", reason="choice")
    ended = course("IIT2025006 A1=may_open", *second, again).decide()
    assert ended.ended == {"reason": "discontinuation", "date": "2026-02-01"}
    default = course("IIT2025006", *stopped).decide()
    assert default.ended == {"reason": "stopped_before_progression", "date": "2026-01-20"}


PROGRESSED = (*SECOND_LINE, event("i1", "01-20", "observation", fact="response", value="PD"))
OVER = "this is about first ADC, which is over, and ends nothing else"


def stop_of(on: str, issued: str, scope: str = "treatment") -> Wire:
    return event("q1", on, "discontinuation", scope=scope, reason="progression", issued=issued)


@pytest.mark.parametrize("scope", ["treatment", "sg"])
@pytest.mark.parametrize(("on", "issued"), [("01-20", "01-20"), ("01-20", "01-22"), ("01-22", "01-22")])
@pytest.mark.parametrize("reading", ["", " A1=may_open"])
def test_a_first_adc_that_is_stopped_because_of_progression_leaves_the_second_open(
    scope: str, on: str, issued: str, reading: str
) -> None:
    """IIT2025006 R3: progression opens it; that the first is given no longer follows from that, and is no new stop."""
    decision = course(f"IIT2025006{reading}", *PROGRESSED, stop_of(on, issued, scope)).decide()
    assert (decision.ended, offered(decision)) == (None, ["tdxd C1 d1"])
    (told,) = [text for text in decision.notices if text.startswith("q1: ")]
    assert told.endswith(OVER)
    begun = course(f"IIT2025006{reading}", *PROGRESSED, stop_of(on, issued, scope), dose("e2", "01-26", "tdxd"))
    assert (deviations(begun.decide()), offered(begun.decide())) == ({}, ["tdxd C2 d1"])


@pytest.mark.parametrize(
    "stop",
    [
        stop_of("01-18", "01-22"),
        stop_of("01-18", "01-22", "sg"),
        event("q1", "01-18", "adverse_event", term="colitis", unacceptable=True, issued="01-22"),
    ],
    ids=["treatment", "drug", "toxicity"],
)
def test_a_first_adc_that_was_stopped_before_progression_closes_the_second_also_when_that_is_told_later(
    stop: Wire,
) -> None:
    """IIT2025006 A1: what came first to the patient decides, as when it is told in that order."""
    in_order = (*SECOND_LINE, stop | {"issued": "2026-01-18"}, PROGRESSED[-1])
    for events in ((*PROGRESSED, stop), in_order):
        default = course("IIT2025006", *events).decide()
        assert default.ended == {"reason": "stopped_before_progression", "date": "2026-01-18"}
        asks = course("IIT2025006 A1=may_open", *events).decide()
        assert (asks.ended, offered(asks)) == (None, ["choose open_second_adc"])


@pytest.mark.parametrize(("on", "ends"), [("01-22", False), ("01-26", True), ("02-01", True)])
def test_once_the_second_adc_is_given_a_stop_of_that_day_or_later_is_of_the_second(on: str, ends: bool) -> None:
    """IIT2025006 A4: dated before its first dose and told afterwards, it is still about the first."""
    second = (*PROGRESSED, dose("e2", "01-26", "tdxd"), stop_of(on, "02-01"))
    decision = course("IIT2025006", *second).decide()
    if ends:
        assert decision.ended == {"reason": "discontinuation", "date": f"2026-{on}"}
    else:
        assert (decision.ended, offered(decision)) == (None, ["tdxd C2 d1"])
        assert any(text.startswith("q1: ") and text.endswith(OVER) for text in decision.notices)
        other = course("IIT2025006", *second[:-1], stop_of(on, "02-01", "sg")).decide()
        assert [text.endswith(OVER) for text in other.notices if text.startswith("q1: ")] == [True]


def test_the_stop_that_follows_a_toxicity_of_the_first_adc_ends_no_question() -> None:
    """IIT2025006 A1 may_open: the investigator is asked, and the formal stop of the first ADC answers nothing."""
    toxic = event("q0", "01-18", "adverse_event", term="colitis", unacceptable=True)
    asking = (*SECOND_LINE, toxic, stop_of("01-20", "01-20"))
    assert offered(course("IIT2025006 A1=may_open", *asking).decide()) == ["choose open_second_adc"]
    opened = event("k1", "01-22", "choice", choice="open_second_adc", option="open")
    waiting = (*SECOND_LINE, toxic, opened, stop_of("01-23", "01-23"))
    assert offered(course("IIT2025006 A1=may_open", *waiting).decide()) == ["tdxd C1 d1"]


def test_a_stop_of_treatment_ends_it_where_no_element_says_what_follows() -> None:
    """ALTER A2: SG is given up and T-DXd is offered alone; then treatment is stopped for good."""
    begun = (
        *gates("alternating"),
        dose("e1", "01-05", "sg"),
        event("q0", "01-10", "adverse_event", term="colitis", unacceptable=True, drug="sg"),
    )
    assert offered(course("NCT07151586 A2=go_on_with_other", *begun).decide()) == ["tdxd C2 d1"]
    ended = course("NCT07151586 A2=go_on_with_other", *begun, stop_of("01-11", "01-11")).decide().ended
    assert ended == {"reason": "discontinuation", "date": "2026-01-11"}


def test_a_progression_that_is_contradicted_opens_no_second_adc() -> None:
    """IIT2025006 R3, G3: two readings of one day differ, so it waits until one of them is corrected or retracted."""
    other = event("i2", "01-20", "observation", fact="response", value="SD", issued="01-22")
    decision = course("IIT2025006", *PROGRESSED, other).decide()
    assert (decision.ended, offered(decision)) == (None, [])
    assert [(wait.fact, "i1, i2" in wait.why) for wait in decision.awaiting] == [("response", True)]


# --- an end that is in doubt -----------------------------------------------------------------------------------------


def scan(name: str, on: str, value: str, **more: Any) -> Wire:
    return event(name, on, "observation", fact="response", value=value, **more)


ENDS = [
    ("NCT07151586", "sg_alone", "sg", {}, "the course ended on 2026-01-20", []),
    ("NCT07377643", "ibi354", "ibi354", {}, "the course ended on 2026-01-20", []),
    ("NCT07239271", "control", "tcbhp", {}, "protocol treatment ended on 2026-01-20", ["surgery"]),
    ("NCT07239271", "adaptive", "nab_p_hp", {}, "protocol treatment ended on 2026-01-20", ["surgery"]),
    (
        "NCT07239271 A5=off_protocol",
        "adaptive",
        "nab_p_hp",
        {"timepoint": "after_cycle_2"},
        "the course ended on 2026-01-20",
        [],
    ),
]


@pytest.mark.parametrize(("protocol", "arm", "regimen", "label", "end", "open_still"), ENDS)
def test_a_result_that_contradicts_the_one_that_ended_treatment_is_told_and_moves_nothing(
    protocol: str, arm: str, regimen: str, label: dict[str, str], end: str, open_still: list[str]
) -> None:
    """R6, A12, A2, A5: two readings of one scan differ; what was ended by the first stays so until one is put right."""
    begun = (*gates(arm), dose("e1", "01-05", regimen, 1, 1), scan("i1", "01-20", "PD", **label))
    other = scan("i2", "01-20", "SD", issued="01-23", **label)
    weight = event("z1", "01-29", "adverse_event", term="cough", unacceptable=False)
    for more in ((), (weight,)):
        decision = course(protocol, *begun, other, *more).decide()
        assert offered(decision) == open_still
        (told,) = [text for text in decision.notices if text.startswith("i2: ") and "i1" in text]
        assert "is SD here and PD in i1" in told
        assert end in told
        assert "a correction or retraction of i1 reopens it" in told
    agreeing = course(protocol, *begun, other | {"value": "PD"}).decide()
    assert not any(text.startswith("i2: ") and "i1" in text for text in agreeing.notices)
    wrong = event("x1", "01-25", "retraction", retracts="i1", reason="another patient")
    again = course(protocol, *begun, other, wrong).decide()
    assert again.ended is None
    assert any(regimen in what for what in offered(again))
    assert not any("i1" in text for text in again.notices)
    right = event("x1", "01-25", "retraction", retracts="i2", reason="another patient")
    assert not any("i2" in text for text in course(protocol, *begun, other, right).decide().notices)


def test_a_result_of_another_day_puts_no_end_in_doubt() -> None:
    """R6: stable disease a week before, or after, is another scan."""
    for on in ("01-13", "01-27"):
        decision = course(
            "NCT07151586",
            *gates("sg_alone"),
            dose("e1", "01-05", "sg", 1, 1),
            scan("i1", "01-20", "PD"),
            scan("i2", on, "SD", issued="01-28"),
        ).decide()
        assert decision.ended == {"reason": "progression", "date": "2026-01-20"}
        assert not any("i2" in text for text in decision.notices)


def test_a_progression_before_the_stop_that_ended_the_course_is_told_if_it_comes_late() -> None:
    """IIT2025006 A1: as known on the 20th the first ADC was stopped before progression; a scan of the 18th says no."""
    stop = event("q1", "01-20", "discontinuation", scope="treatment", reason="choice")
    for on, told in (("01-18", True), ("01-20", True), ("01-23", False)):
        late = scan("i1", on, "PD", issued="01-25")
        decision = course("IIT2025006", *SECOND_LINE, stop, late).decide()
        assert decision.ended == {"reason": "stopped_before_progression", "date": "2026-01-20"}
        notices = [text for text in decision.notices if text.startswith("i1: ")]
        assert len(notices) == told
        assert all("speaks against it" in text and "retraction of q1" in text for text in notices)


# --- what happened at another time -----------------------------------------------------------------------------------

BEFORE = "before the first dose, so it is no toxicity of this treatment and changes nothing"


def toxicity(name: str, on: str, drug: str | None = None, unacceptable: bool | None = True, **more: Any) -> Wire:
    word = {"unacceptable": unacceptable} if unacceptable is not None else {}
    return event(name, on, "adverse_event", term="colitis", **word, **({"drug": drug} if drug else {}), **more)


@pytest.mark.parametrize(
    "early", [toxicity("q1", "01-04", "sg"), toxicity("q1", "01-04"), toxicity("q1", "01-04", "sg", None)]
)
def test_a_toxicity_before_the_first_dose_gives_up_no_drug_and_is_told(early: Wire) -> None:
    """ALTER A2: nobody is kept on the drug that did not cause it before one was given; nor after, for that event."""
    reading = "NCT07151586 A2=go_on_with_other"
    begun = (*gates("alternating"), early, dose("e1", "01-05", "sg", 1, 1))
    for events, now in ((begun[:-1], ["sg C1 d1"]), (begun, ["sg C1 d8", "sg C2 d1"])):
        decision = course(reading, *events).decide()
        assert (decision.ended, offered(decision)) == (None, now)
        assert [text for text in decision.notices if text.startswith("q1: ") and text.endswith(BEFORE)]
    lung = course(reading, *begun, toxicity("q2", "01-08", "tdxd")).decide()
    assert (lung.ended, lung.place["element"], offered(lung)) == (None, "sg", ["sg C1 d8", "sg C2 d1"])
    colon = course(reading, *begun, toxicity("q2", "01-08", "sg")).decide()
    assert (colon.ended, offered(colon)) == (None, ["tdxd C2 d1"])


def test_a_toxicity_of_the_day_of_the_first_dose_is_one_of_treatment() -> None:
    """ALTER A2: what happens to a patient on a day comes after what is done on it."""
    same_day = (*gates("alternating"), dose("e1", "01-05", "sg", 1, 1), toxicity("q1", "01-05", "sg"))
    decision = course("NCT07151586 A2=go_on_with_other", *same_day).decide()
    assert (offered(decision), any(BEFORE in text for text in decision.notices)) == (["tdxd C2 d1"], False)


@pytest.mark.parametrize(
    ("protocol", "arm", "reason"),
    [
        ("NCT07151586", "alternating", "toxicity"),
        ("NCT07151586", "sg_alone", "toxicity"),
        ("NCT07151586 A2=go_on_with_other", "sg_alone", "toxicity"),
        ("NCT07377643", "ibi354", "toxicity"),
        ("NCT07239271", "control", None),
    ],
)
def test_where_a_toxicity_ends_treatment_one_after_allocation_does_and_is_not_told_to_change_nothing(
    protocol: str, arm: str, reason: str | None
) -> None:
    """R6, A2, A12: an end errs on the side of no dose; what was stopped by mistake is opened by a correction."""
    drug = "sg" if protocol.startswith("NCT07151586") else None
    decision = course(protocol, *gates(arm), toxicity("q1", "01-04", drug)).decide()
    assert (decision.ended or {}).get("reason") == reason
    assert offered(decision) == (["surgery"] if reason is None else [])
    assert not any(BEFORE in text for text in decision.notices)


def test_a_toxicity_that_is_older_than_the_drug_being_given_is_told_if_it_comes_late() -> None:
    """IIT2025006 A1, A4: before any dose, or of the first ADC and told when the second was begun, it ends nothing."""
    early = (*SECOND_LINE[:-1], toxicity("q1", "01-04"), SECOND_LINE[-1])
    decision = course("IIT2025006", *early).decide()
    assert offered(decision) == ["sg C2 d1"]
    assert any(text.startswith("q1: ") and BEFORE in text for text in decision.notices)
    second = (*PROGRESSED, dose("e2", "01-26", "tdxd"), toxicity("q1", "01-22", issued="02-01"))
    decision = course("IIT2025006", *second).decide()
    assert (decision.ended, offered(decision)) == (None, ["tdxd C2 d1"])
    assert any(text.startswith("q1: ") and "before the first dose of second ADC" in text for text in decision.notices)


def test_stopping_a_drug_that_is_not_being_given_does_not_stop_this_one() -> None:
    """IIT2025006 A1 reads the stop of this ADC: that T-DXd is out of the question leaves SG as it is."""
    other = event("q1", "01-20", "discontinuation", scope="tdxd", reason="heart failure")
    decision = course("IIT2025006", *SECOND_LINE, other).decide()
    assert (decision.ended, offered(decision)) == (None, ["sg C2 d1"])
    progressed = event("i1", "01-25", "observation", fact="response", value="PD")
    assert offered(course("IIT2025006", *SECOND_LINE, other, progressed).decide()) == []


# --- what cannot be ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fact", ["er_percent", "pr_percent"])
@pytest.mark.parametrize("value", ["-1", "100.5"])
def test_a_percentage_outside_0_to_100_cannot_be_reported(fact: str, value: str) -> None:
    """ALTER R8 reads it: -1 % would pass for below 10 %."""
    with pytest.raises(Problems, match=f"must be at least 0 and at most 100, not {value}"):
        course("NCT07151586", event("f1", "01-01", "observation", fact=fact, value=value, unit="%"))


# --- what a reader is told -------------------------------------------------------------------------------------------


def test_a_refusal_of_what_is_not_offered_names_the_exit_that_is_not_passed() -> None:
    """The cycles that are still to be given, the progression that opens the second ADC, the choice that comes first."""
    progression = asked(course("IIT2025006", *SECOND_LINE), "01-26", "administration", regimen="tdxd")
    assert progression.because[1:] == ("R3: progression on this ADC must be yes; it is no",)
    begun = course("NCT07239271", *gates("adaptive"), dose("e1", "01-05", "nab_p_hp"))
    surgery = asked(begun, "01-26", "procedure", procedure="surgery")
    assert (surgery.verdict, surgery.because[1:]) == ("order", ("R2: start goes on for 2 cycles, and 1 is given",))
    taxane = asked(course("NCT07377643", *gates("thp")), "01-05", "administration", regimen="thp")
    assert taxane.because[1:] == ("R1, A1: the choice taxane comes before it",)


def test_a_drug_that_is_no_part_of_a_regimen_cannot_be_left_out_of_it() -> None:
    """R2: carboplatin is no part of Nab-P+HP; pertuzumab is."""
    begun = (*gates("adaptive"), dose("e1", "01-05", "nab_p_hp"))
    for drug, verdict in (("carboplatin", {"o1": "content"}), ("pertuzumab", {})):
        left_out = event("o1", "01-05", "omission", regimen="nab_p_hp", cycle=1, day=1, drug=drug, reason="LVEF")
        assert deviations(course("NCT07239271", *begun, left_out).decide()) == verdict


def test_an_amount_keeps_every_digit() -> None:
    """R4: 5.4 mg/kg for a weight with thirty digits."""
    weight = event("w1", "01-04", "observation", fact="weight", value="123456789012345.123456789012345", unit="kg")
    (action,) = course("NCT07151586 A1=tdxd_first", *gates("alternating"), weight).decide().actions
    assert action.content["administrations"][0]["amount"]["value"] == "666666660666663.666666660666663"


def test_a_day_with_more_acts_than_orders_can_be_tried_blames_nobody() -> None:
    """DAWNA-FES R3: eight acts without times, ovarian suppression among them, from consent to the first dose."""
    day = "01-05"
    acts = (
        dose("y1", day, "dalpiciclib_et"),
        event("y2", day, "choice", choice="endocrine_agent", option="letrozole"),
        event("y3", day, "allocation", arm="dalpiciclib_et"),
        event("y4", day, "eligibility", met=True),
        event("y5", day, "consent"),
        dose("y6", day, "gnrh"),
        event("y7", day, "omission", regimen="dalpiciclib_et", cycle=1, day=1, drug="letrozole", reason="not in stock"),
        event("y8", day, "other_treatment", drugs=["denosumab"]),
        event("f1", day, "observation", fact="sex", value="female"),
        event("f2", day, "observation", fact="menopause", value="pre"),
    )
    assert deviations(course("NCT05861830", *acts).decide()) == {}
    unknown = deviations(course("NCT05861830", *acts[:8]).decide())  # R3 cannot be judged: nothing was observed
    assert set(unknown.values()) == {"unknown"}


def test_an_act_before_its_gates_that_ends_the_course_dates_the_end() -> None:
    """R9, G1: surgery on the 1st, reported before an allocation on the 3rd, completed the course on the 1st."""
    early = event("z1", "01-01", "procedure", procedure="surgery")
    decision = course("NCT07239271", early, *gates("adaptive")).decide()
    assert (deviations(decision), decision.ended) == ({"z1": "order"}, {"reason": "completed", "date": "2026-01-01"})


def refusals(decision: Decision) -> dict[str, tuple[str, ...]]:
    """What is not allowed and why, by regimen, procedure or option."""
    names = ("regimen", "procedure", "option", "arm", "drug")
    return {
        next(str(refusal.action[name]) for name in names if name in refusal.action): refusal.because
        for refusal in decision.not_allowed
    }


def test_a_refusal_gives_no_reason_of_another_row() -> None:
    """R3, G3: the operation is not needed; that it is not done is no reason. An unknown need refuses nothing."""
    woman = event("f1", "01-03", "observation", fact="sex", value="female")
    assert refusals(course("NCT05861830", *gates("dalpiciclib_et"), woman).decide()) == {}
    after = event("f2", "01-03", "observation", fact="menopause", value="post")
    needless = ("R3: ovarian function suppression needed must be yes; it is no (f1, f2)",)
    told = refusals(course("NCT05861830", *gates("dalpiciclib_et"), woman, after).decide())
    assert told == {"bilateral_oophorectomy": needless, "gnrh": needless}


def test_a_refusal_cites_what_holds_a_dose_back() -> None:
    """G4: a drug of the regimen was stopped."""
    stopped = event("q1", "01-06", "discontinuation", scope="trastuzumab")
    decision = course("NCT07239271", *gates("control"), dose("e1", "01-05", "tcbhp"), stopped).decide()
    (refusal,) = decision.not_allowed
    assert (refusal.action["regimen"], refusal.cites) == ("tcbhp", ("G4", "R1"))


def test_a_refusal_says_that_treatment_has_ended_or_that_another_arm_has_the_regimen() -> None:
    """A12, R5: not merely that something else comes next."""
    toxic = event("q1", "01-10", "adverse_event", term="shock", unacceptable=True)
    stopped = course("NCT07239271", *gates("control"), dose("e1", "01-05", "tcbhp"), toxic)
    answer = asked(stopped, "01-26", "administration", regimen="tcbhp")
    assert answer.because == ("A12: protocol treatment ended on 2026-01-10",)
    other = asked(course("NCT07151586", *gates("sg_alone")), "01-05", "administration", regimen="tdxd")
    assert other.because == ("R1, R5, A5: T-DXd is no part of SG alone",)


def test_a_treatment_that_the_investigator_stops_is_told_to_have_ended() -> None:
    """A12: by the choice as by the default stop, with the surgery that stays open; a later dose is refused for it."""
    toxic = event("q1", "01-10", "adverse_event", term="shock", unacceptable=True)
    stop = event("k1", "01-12", "choice", choice="treatment_goes_on", option="stop")
    begun = (*gates("control"), dose("e1", "01-05", "tcbhp"), toxic)
    for readings, more, day in (("", (), "2026-01-10"), (" A12=investigator_decides", (stop,), "2026-01-12")):
        stopped = course(f"NCT07239271{readings}", *begun, *more)
        told = f"protocol treatment ended on {day} (A12); surgery of the breast stays open"
        assert told in stopped.decide().notices
        answer = asked(stopped, "01-26", "administration", regimen="tcbhp")
        assert answer.because == (f"A12: protocol treatment ended on {day}",)


def test_a_wait_for_a_missing_baseline_names_the_assumption_that_waits() -> None:
    """A10: it is waited for, unless PAM mutations after cycle 1 decide without it."""
    start = (*gates("adaptive"), dose("e1", "01-05", "nab_p_hp"), dose("e2", "01-26", "nab_p_hp"))
    known = (
        event("s1", "01-24", "observation", fact="ctdna", timepoint="after_cycle_1", value="negative"),
        event("i1", "02-14", "observation", fact="response", timepoint="after_cycle_2", value="PR"),
    )
    (wait,) = course("NCT07239271", *start, *known).decide().awaiting
    assert (wait.fact, wait.timepoint, wait.dead) == ("ctdna", "baseline", True)
    assert {"R3", "R6", "A10"} <= set(wait.needed_by)
    sample = course("NCT07239271", *start, event("s0", "01-04", "observation", fact="ctdna", value="negative")).decide()
    assert not any("A10" in wait.needed_by for wait in sample.awaiting)


def test_a_decision_rests_on_an_assumption_only_while_it_matters() -> None:
    """IIT2025006 A5 at entry and for the second ADC, DAWNA-FES A4 while, or once, the regimen is off the list."""
    consent, met, allocated = gates("cohort_2")
    score = event("h1", "01-02", "observation", fact="her2_ihc", value="1+")
    scan = event("i1", "01-25", "observation", fact="response", value="PD")
    sequence = ((consent, True), (met, False), (score, False), (allocated, False), (dose("e1", "01-05", "sg"), False))
    events: list[Wire] = []
    for wire, rests in (*sequence, (scan, True), (dose("e2", "01-26", "tdxd"), True)):
        events.append(wire)
        assert ("A5" in course("IIT2025006", *events).decide().assumptions) == rests
    arm = gates("chemotherapy")
    assert "A4" in course("NCT05861830", *arm).decide().assumptions
    listed = event("k1", "01-04", "choice", choice="chemotherapy", option="capecitabine")
    own = listed | {"option": "own_choice", "name": "vinorelbine"}
    for chosen, rests in ((listed, False), (own, True)):
        for more in ((), (dose("e1", "01-05", chosen["option"]),)):
            assert ("A4" in course("NCT05861830", *arm, chosen, *more).decide().assumptions) == rests


def test_a_choice_that_is_recorded_twice_is_a_duplicate_and_another_option_is_not() -> None:
    """R1, A1: the taxane, sent again; and the other one, under the reading that it may not change."""
    first = event("k1", "01-04", "choice", choice="taxane", option="docetaxel")
    for option, verdict in (("docetaxel", "duplicate"), ("paclitaxel", "order")):
        again = event("k2", "01-06", "choice", choice="taxane", option=option)
        assert deviations(course("NCT07377643", *gates("thp"), first, again).decide()) == {"k2": verdict}


def test_a_drug_that_goes_on_alone_keeps_the_open_day_of_its_running_cycle() -> None:
    """ALTER A2: T-DXd is given up between day 1 and day 8 of an SG cycle; day 8 is not lost with it."""
    begun = (
        *gates("alternating"),
        dose("e1", "01-05", "sg"),
        event("q1", "01-08", "adverse_event", term="ILD", unacceptable=True, drug="tdxd"),
    )
    decision = course("NCT07151586 A2=go_on_with_other", *begun).decide()
    assert (offered(decision), dues(decision)) == (["sg C1 d8", "sg C2 d1"], ["2026-01-12", "2026-01-26"])
    given = course("NCT07151586 A2=go_on_with_other", *begun, dose("e2", "01-12", "sg"), dose("e3", "01-26", "sg"))
    assert (deviations(given.decide()), offered(given.decide())) == ({}, ["sg C2 d8", "sg C3 d1"])
    toxic = event("q1", "02-18", "adverse_event", term="ILD", unacceptable=True, drug="tdxd")
    late = course("NCT07151586 A2=go_on_with_other", *SG_TWICE, dose("e3", "02-16", "tdxd"), toxic)
    assert offered(late.decide()) == ["sg C4 d1"]


def test_a_treatment_that_was_stopped_before_allocation_is_history() -> None:
    """G2, G4: an end of treatment is the end of the study's treatment."""
    earlier = event("q1", "01-01", "discontinuation", scope="treatment", reason="progression on chemotherapy")
    decision = course("NCT07151586", earlier, *gates("sg_alone")).decide()
    assert (decision.ended, offered(decision)) == (None, ["sg C1 d1"])


# --- nothing is dropped without a word -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("protocol", "choice", "option", "words"),
    [
        ("NCT05861830", "chemotherapy", "capecitabine", "leave the name out, or take own_choice"),
        ("NCT05861830", "endocrine_agent", "letrozole", "leave the name out"),
        ("NCT07377643", "taxane", "docetaxel", "leave the name out"),
    ],
)
def test_a_name_beside_an_option_of_the_list_is_refused(protocol: str, choice: str, option: str, words: str) -> None:
    """NCT05861830 R2 and R4, NCT07377643 R1: the list says what its options are, and a name something else."""
    wire = event("c1", "01-05", "choice", choice=choice, option=option) | {"name": "vinorelbine"}
    with pytest.raises(Problems) as caught:
        course(protocol, wire)
    (problem,) = caught.value.problems
    assert (problem.code, problem.path) == ("unreadable-event", "c1.name")
    assert problem.message.endswith(f"{option} stands on it; {words}")
    correction = event("c2", "01-09", "correction", corrects="c1", reason="x", event={**wire})
    del correction["event"]["id"]
    with pytest.raises(Problems, match=r"c2\.event\.name"):
        course(protocol, {key: item for key, item in wire.items() if key != "name"}, correction)


@pytest.mark.parametrize("name", ["capecitabine", " Capecitabine", "paclitaxel carboplatin", "paclitaxel_carboplatin"])
def test_a_name_that_stands_on_the_list_is_that_option(name: str) -> None:
    """NCT05861830 A4: the investigator's own choice is one off the list."""
    wire = event("c1", "01-05", "choice", choice="chemotherapy") | {"name": name}
    with pytest.raises(Problems, match=r"c1\.name stands on the list; give \w+ as the option"):
        course("NCT05861830", wire)


def test_an_other_treatment_names_what_was_given() -> None:
    """G4."""
    with pytest.raises(Problems, match=r"o1\.drugs names nothing"):
        course("NCT07151586", event("o1", "01-05", "other_treatment", drugs=[]))


def test_the_open_option_keeps_its_name() -> None:
    """NCT05861830 A4."""
    wire = event("c1", "01-05", "choice", choice="chemotherapy", option="own_choice") | {"name": "vinorelbine"}
    assert offered(course("NCT05861830", *gates("chemotherapy"), wire).decide()) == ["own_choice C1 d1"]


def test_a_label_of_a_fact_without_timepoints_is_kept_and_told() -> None:
    """A weight has no named timepoints: the label decides nothing, and every decision says so with the event."""
    wire = event("e1", "01-04", "observation", fact="weight", value="62.5", unit="kg", timepoint="baseline")
    found = course("NCT07151586", *gates("sg_alone"), wire)
    said = "weight has no named timepoints, so its label baseline is kept and decides nothing"
    assert [notice for notice in found.decide().notices if said in notice] == [f"e1: {said}"]
    plain = course("NCT07151586", *gates("sg_alone"), {k: v for k, v in wire.items() if k != "timepoint"})
    assert offered(found.decide()) == offered(plain.decide())
    assert not any("label" in notice for notice in plain.decide().notices)


def test_what_is_held_by_an_unjudged_report_is_awaited_and_not_called_not_allowed() -> None:
    """R3, A12: Nab-P+HP is cycle 3 unless the rash is unacceptable. That the first two cycles are over is no reason."""
    known = (
        *gates("adaptive"),
        event("s0", "01-04", "observation", fact="ctdna", timepoint="baseline", value="negative"),
        dose("e1", "01-05", "nab_p_hp"),
        event("s1", "01-24", "observation", fact="ctdna", timepoint="after_cycle_1", value="negative"),
        dose("e2", "01-26", "nab_p_hp"),
        event("i1", "02-14", "observation", fact="response", timepoint="after_cycle_2", value="PR"),
    )
    rash = event("q1", "02-15", "adverse_event", term="rash")
    held = course("NCT07239271", *known, rash)
    assert set(refusals(held.decide())) == {"tcbhp", "pyroht", "everoht"}
    assert [(wait.fact, wait.component, wait.needed_by) for wait in held.decide().awaiting] == [
        ("adverse_event", "unacceptable", ("A12",))
    ]
    answer = asked(held, "02-16", "administration", regimen="nab_p_hp")
    assert (answer.verdict, len(answer.because), "(q1)" in answer.because[0]) == ("unknown", 1, True)
    for regimen, because in refusals(held.decide()).items():
        assert asked(held, "02-16", "administration", regimen=regimen).because == because
    stopped = event("d1", "02-15", "discontinuation", scope="pertuzumab")
    for more in ((stopped,), (rash, stopped)):
        refused = course("NCT07239271", *known, *more)
        because = asked(refused, "02-16", "administration", regimen="nab_p_hp").because
        assert refusals(refused.decide())["nab_p_hp"] == because
        assert not any("ends after 2 cycles" in sentence for sentence in because)


def test_what_awaits_a_result_is_not_called_not_allowed() -> None:
    """R3 to R6, G3: before the imaging each regimen that a result could still lead to is awaited, Nab-P+HP as well."""
    begun = (*gates("adaptive"), dose("e1", "01-05", "nab_p_hp"), dose("e2", "01-26", "nab_p_hp"))
    assert refusals(course("NCT07239271", *begun).decide()) == {}


@pytest.mark.parametrize("named", [{}, {"drug": "sg"}, {"drug": "tdxd"}])
def test_where_no_other_drug_is_left_any_unacceptable_toxicity_ends_treatment(named: Wire) -> None:
    """R5, R6: the SG-alone arm has nothing to go on with under any reading of A2."""
    for reading in ("ends_treatment", "go_on_with_other"):
        toxic = event("q1", "01-20", "adverse_event", term="colitis", unacceptable=True, **named)
        begun = (*gates("sg_alone"), dose("e1", "01-05", "sg", 1, 1), toxic)
        decision = course(f"NCT07151586 A2={reading}", *begun).decide()
        assert (decision.ended, offered(decision)) == ({"reason": "toxicity", "date": "2026-01-20"}, [])
        assert decision.awaiting == ()


@pytest.mark.parametrize(
    ("drug", "offers", "refused"),
    [
        ("dalpiciclib", ["dalpiciclib_et C1 d15"], [1]),
        ("fulvestrant", [], [1, 15]),
        ("letrozole", ["dalpiciclib_et C1 d15", "dalpiciclib_et C2 d1"], []),
    ],
)
def test_a_drug_that_was_stopped_holds_the_days_that_give_it_and_no_others(
    drug: str, offers: list[str], refused: list[int]
) -> None:
    """R1, R2, G4: day 15 is fulvestrant alone. Each reason is given once, although fulvestrant has two lines."""
    stopped = course(
        "NCT05861830",
        *gates("dalpiciclib_et"),
        event("f1", "01-03", "observation", fact="sex", value="male"),
        event("k1", "01-04", "choice", choice="endocrine_agent", option="fulvestrant"),
        dose("e1", "01-05", "dalpiciclib_et", 1, 1),
        event("d1", "01-10", "discontinuation", scope=drug),
    )
    assert offered(stopped.decide()) == offers
    told = [item for item in stopped.decide().not_allowed if item.action.get("regimen") == "dalpiciclib_et"]
    assert sorted(item.action["day"] for item in told) == refused
    because = f"G4: {drug} was stopped on 2026-01-10 (d1); what follows is not stated in the record"
    for day, on in ((15, "01-19"), (1, "02-02")):
        answer = asked(stopped, on, "administration", regimen="dalpiciclib_et", day=day)
        assert answer.because == ((because,) if day in refused else ())


def test_a_stopped_drug_is_known_under_the_name_that_the_investigator_gave_it() -> None:
    """A4, G4."""
    begun = (
        *gates("chemotherapy"),
        event("k1", "01-04", "choice", choice="chemotherapy") | {"name": "Paclitaxel and cisplatin"},
        dose("e1", "01-05", "own_choice"),
    )
    for drug, offers in (("paclitaxel", []), ("carboplatin", ["own_choice C2 d1"])):
        stopped = course("NCT05861830", *begun, event("d1", "01-10", "discontinuation", scope=drug))
        assert offered(stopped.decide()) == offers


SHIFTED = "NCT07151586 A3=shifted"
DAY_1 = (*gates("alternating"), dose("e1", "01-05", "sg", 1, 1))
DAY_8_LEFT_OUT = event("o1", "01-12", "omission", regimen="sg", cycle=1, day=8, reason="fever")


def test_an_omission_of_the_only_drug_of_a_day_closes_the_day() -> None:
    """R3: SG is all of day 8. In words it is the day that was left out, also without its number."""
    for named in ({"cycle": 1, "day": 8, "drug": "sg"}, {"drug": "sg"}):
        left_out = event("o1", "01-12", "omission", regimen="sg", reason="fever", **named)
        decision = course("NCT07151586", *DAY_1, left_out).decide()
        assert (deviations(decision), offered(decision), dues(decision)) == ({}, ["sg C2 d1"], ["2026-01-26"])
        assert any("SG, cycle 1 day 8 was left out on 2026-01-12: fever" in notice for notice in decision.notices)


def test_an_omission_of_one_drug_of_several_leaves_the_day_to_be_given() -> None:
    """DAWNA-FES R1, R2: day 1 holds dalpiciclib too; day 15 is fulvestrant alone."""
    begun = (
        *gates("dalpiciclib_et"),
        event("f1", "01-03", "observation", fact="sex", value="male"),
        event("k1", "01-04", "choice", choice="endocrine_agent", option="fulvestrant"),
    )
    first = event("o1", "01-05", "omission", regimen="dalpiciclib_et", cycle=1, day=1, drug="fulvestrant", reason="-")
    assert offered(course("NCT05861830", *begun, first).decide()) == ["dalpiciclib_et C1 d1"]
    given = (*begun, dose("e1", "01-05", "dalpiciclib_et", 1, 1))
    later = event("o1", "01-19", "omission", regimen="dalpiciclib_et", cycle=1, day=15, drug="fulvestrant", reason="-")
    assert offered(course("NCT05861830", *given, later).decide()) == ["dalpiciclib_et C2 d1"]
    for drug, day, verdict in (
        ("dalpiciclib", 15, None),  # taken on days 1 to 21, begun on day 1
        ("dalpiciclib", 6, None),
        ("dalpiciclib", 22, "order"),
        ("letrozole", 15, "content"),  # not the agent that was chosen
    ):
        pill = event("o1", "01-20", "omission", regimen="dalpiciclib_et", cycle=1, day=day, drug=drug, reason="-")
        decision = course("NCT05861830", *given, pill).decide()
        assert deviations(decision).get("o1") == verdict
        assert offered(decision) == ["dalpiciclib_et C1 d15", "dalpiciclib_et C2 d1"]


def test_the_investigators_own_drug_can_be_left_out_by_its_name() -> None:
    """A4: vinorelbine is all of the day; with two drugs it is not."""
    for named, verdict in (("vinorelbine", None), ("vinorelbine and cisplatin", None), ("eribulin", "content")):
        left_out = event("o1", "01-05", "omission", regimen="own_choice", cycle=1, drug="Vinorelbine", reason="-")
        chosen = event("k1", "01-04", "choice", choice="chemotherapy") | {"name": named}
        decision = course("NCT05861830", *gates("chemotherapy"), chosen, left_out).decide()
        assert (deviations(decision).get("o1"), offered(decision)) == (verdict, ["own_choice C1 d1"])


def test_a_day_that_was_left_out_and_is_given_after_all_counts_as_given() -> None:
    """R3, A3, G4: day 8 on the 14th puts cycle 2 on the 28th; without its numbers it may be another day."""
    after_all = course(SHIFTED, *DAY_1, DAY_8_LEFT_OUT, dose("e2", "01-14", "sg", 1, 8)).decide()
    assert deviations(after_all) == {"e2": "order"}
    assert (after_all.place["day"], offered(after_all), dues(after_all)) == (8, ["sg C2 d1"], ["2026-01-28"])
    (deviation,) = after_all.deviations
    assert deviation.because == (
        "SG, cycle 1 day 8 was reported as left out on 2026-01-12, and was given on 2026-01-14 after all",
    )
    for cycle in (None, 1):
        doubtful = course(SHIFTED, *DAY_1, DAY_8_LEFT_OUT, dose("e2", "01-14", "sg", cycle)).decide()
        assert deviations(doubtful) == {"e2": "unknown"}
        assert (offered(doubtful), dues(doubtful)) == (["sg C2 d1"], ["2026-01-26"])
    next_cycle = course(SHIFTED, *DAY_1, DAY_8_LEFT_OUT, dose("e2", "01-26", "sg")).decide()
    assert (deviations(next_cycle), next_cycle.place["cycle"]) == ({}, 2)
    ahead = DAY_8_LEFT_OUT | {"effective": "2026-01-07"}  # announced, and then given before its day
    early = course(SHIFTED, *DAY_1, ahead, dose("e2", "01-10", "sg", 1, 8)).decide()
    assert deviations(early) == {"e2": "early"}
    assert [len(found.because) for found in early.deviations] == [2]


def test_a_day_is_not_left_out_twice_nor_after_it_was_given() -> None:
    """G4: of two reports that contradict each other the second moves nothing."""
    again = DAY_8_LEFT_OUT | {"id": "o2", "effective": "2026-01-13"}
    assert deviations(course(SHIFTED, *DAY_1, DAY_8_LEFT_OUT, again).decide()) == {"o2": "duplicate"}
    without_day = {key: value for key, value in DAY_8_LEFT_OUT.items() if key not in ("cycle", "day")} | {"id": "o2"}
    assert deviations(course(SHIFTED, *DAY_1, DAY_8_LEFT_OUT, without_day).decide()) == {"o2": "duplicate"}
    given = course(SHIFTED, *DAY_1, dose("e2", "01-12", "sg", 1, 8), again).decide()
    assert (deviations(given), given.place["day"]) == ({"o2": "order"}, 8)
    first = DAY_8_LEFT_OUT | {"day": 1}
    assert deviations(course(SHIFTED, *DAY_1, first).decide()) == {"o1": "order"}


def test_a_day_that_is_not_open_is_named_once() -> None:
    """G4: the sentence names the regimen and its day, and nothing twice."""
    begun = course("NCT07151586", *gates("sg_alone"), dose("e1", "01-05", "sg", 1, 1), dose("e2", "01-12", "sg", 1, 8))
    assert asked(begun, "01-20", "administration", regimen="sg", day=8).because == (
        "SG, day 8 is not open in this cycle",
    )


def test_an_omitted_day_1_says_nothing_of_the_cycle_that_is_still_running() -> None:
    """R3: day 8 of cycle 1 may still be given; it was not passed over."""
    left_out = event("o1", "01-26", "omission", regimen="sg", cycle=2, day=1, reason="fever")
    decision = course("NCT07151586", *DAY_1, left_out).decide()
    assert offered(decision) == ["sg C1 d8", "sg C2 d1"]
    assert not any("neither given nor reported" in notice for notice in decision.notices)


@pytest.mark.parametrize(("arm", "regimen"), [("control", "tcbhp"), ("adaptive", "nab_p_hp")])
@pytest.mark.parametrize("option", ["go_on", "stop"])
def test_a_choice_that_another_reading_asks_for_cites_the_assumption(arm: str, regimen: str, option: str) -> None:
    """NCT07239271 A12: by default nobody is asked whether treatment goes on; the word moves nothing."""
    word = event("k1", "01-10", "choice", choice="treatment_goes_on", option=option)
    decision = course("NCT07239271", *gates(arm), dose("e1", "01-05", regimen), word).decide()
    (deviation,) = decision.deviations
    assert (deviation.event, deviation.verdict, deviation.cites) == ("k1", "order", ("A12",))
    assert "A12 is read as ends_surgery_open" in deviation.because[0]
    assert f"{regimen} C2 d1" in offered(decision)
    asked_for = course("NCT07239271 A12=investigator_decides", *gates(arm), dose("e1", "01-05", regimen), word).decide()
    assert deviations(asked_for) == {"k1": "condition"}


# --- two words on one choice -----------------------------------------------------------------------------------------


def chosen(name: str, on: str, choice: str, option: str, **more: Any) -> Wire:
    return event(name, on, "choice", choice=choice, option=option) | more


@pytest.mark.parametrize(("first", "second"), [("b1", "z1"), ("z1", "b1")])
def test_which_of_two_words_of_one_day_was_the_last_is_asked_and_not_read_off_an_id(first: str, second: str) -> None:
    """DAWNA-FES A2, R4: neither of two agents, nor of two regimens, is offered before that is known."""
    agent = "endocrine_agent"
    begun = (
        *gates("dalpiciclib_et"),
        event("f1", "01-03", "observation", fact="sex", value="male"),
        chosen("k1", "01-04", agent, "letrozole"),
        dose("e1", "01-05", "dalpiciclib_et", 1, 1),
    )
    words = (chosen(first, "01-20", agent, "fulvestrant"), chosen(second, "01-20", agent, "tamoxifen"))
    doubtful = course("NCT05861830 A2=may_change", *begun, *words)
    decision = doubtful.decide()
    assert (deviations(decision), offered(decision)) == ({}, ["choose endocrine_agent"])
    assert [(wait.fact, wait.needed_by) for wait in decision.awaiting] == [("choice.endocrine_agent", ("R1", "R2"))]
    assert asked(doubtful, "02-02", "administration", regimen="dalpiciclib_et").verdict == "unknown"
    again = course("NCT05861830 A2=may_change", *begun, *words, chosen("k9", "01-21", agent, "tamoxifen")).decide()
    assert offered(again) == ["dalpiciclib_et C2 d1", "choose endocrine_agent"]
    back = event("x1", "01-21", "retraction", retracts=second, reason="another patient")
    assert offered(course("NCT05861830 A2=may_change", *begun, *words, back).decide())[0] == "dalpiciclib_et C2 d1"
    lines = ("capecitabine", "platinum")
    two = [chosen(name, "01-05", "chemotherapy", option) for name, option in zip((first, second), lines, strict=True)]
    either = course("NCT05861830", *gates("chemotherapy"), *two).decide()
    assert (list(deviations(either).values()), offered(either)) == (["order"], [])
    assert [wait.fact for wait in either.awaiting] == ["choice.chemotherapy"]


def test_words_that_agree_have_times_or_are_of_different_days_leave_no_doubt() -> None:
    """IBI354 A1."""
    twice = [chosen(name, "01-05", "taxane", "docetaxel") for name in ("k1", "k2")]
    for reading, verdicts in (("may_not_change", {"k2": "duplicate"}), ("may_change", {})):
        same = course(f"NCT07377643 A1={reading}", *gates("thp"), *twice).decide()
        assert (deviations(same), offered(same)[0], same.awaiting) == (verdicts, "thp C1 d1", ())
    timed = (
        chosen("k1", "01-05T15:00:00Z", "taxane", "paclitaxel"),
        chosen("k2", "01-05T09:00:00Z", "taxane", "docetaxel"),
    )
    (thp, _) = course("NCT07377643 A1=may_change", *gates("thp"), *timed).decide().actions
    assert thp.content["administrations"][0]["drug"] == "paclitaxel"
    later = (chosen("k1", "01-05", "taxane", "docetaxel"), chosen("k2", "01-06", "taxane", "paclitaxel"))
    once = course("NCT07377643", *gates("thp"), *later).decide()
    assert (deviations(once), offered(once)) == ({"k2": "order"}, ["thp C1 d1"])


@pytest.mark.parametrize("option", ["open", "end"])
def test_a_branch_against_its_rule_is_told_with_the_rule_that_held_in_the_element_it_left(option: str) -> None:
    """IIT2025006 R3, A1: after an ordinary progression nobody is asked; T-DXd is next by R3, and the notice says so."""
    decision = course(
        "IIT2025006 A1=may_open",
        event("a1", "01-01", "consent"),
        event("a2", "01-02", "eligibility", met=True),
        event("h1", "01-02", "observation", fact="her2_ihc", value="1+"),
        event("a3", "01-03", "allocation", arm="cohort_2"),
        dose("e1", "01-05", "sg", 1),
        event("p1", "02-05", "observation", fact="response", value="PD"),
        event("k1", "02-06", "choice", choice="open_second_adc", option=option),
    ).decide()
    assert deviations(decision) == {"k1": "condition"}
    assert any(text.startswith("k1: ") and "as known now it would be T-DXd by R3" in text for text in decision.notices)
