"""Stretches without treatment, later allocations, menus: what the journeys of OLIVE-1 and CEDAR-1 cannot reach.

Each test changes one of the two files, or the example of the checks, and walks a short course under it.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

from course_lines import BEGUN, ask, events, offered, verdicts

from protocol_engine import Course, compile_protocol
from protocol_engine.adapters.decision_prose import action_words
from protocol_engine.checks import check_protocol
from protocol_engine.reader import read_protocol

TESTS = Path(__file__).parent
OLIVE = (TESTS / "protocols" / "OLIVE-1.yaml").read_text(encoding="utf-8")
CEDAR = (TESTS / "protocols" / "CEDAR-1.yaml").read_text(encoding="utf-8")
GOOD = (TESTS / "bad_protocols" / "good.yaml").read_text(encoding="utf-8")
PAUSED = """
d1 2026-01-05 administration regimen=oleastin cycle=1 day=1
m1 2026-01-10 observation fact=drupe value=1 unit=ng/mL
"""
PLAIN = """
e1 2026-01-02 consent
e2 2026-01-03 eligibility met=true
e3 2026-01-03 observation fact=site value=north
e4 2026-01-04 allocation arm=plain
d1 2026-01-05 administration regimen=cedrin cycle=1 day=1
d2 2026-01-26 administration regimen=cedrin cycle=2 day=1
"""


def walked(text: str, changes: tuple[tuple[str, str], ...], lines: str) -> Course:
    """A course under a changed file, which has no problem."""
    for old, new in changes:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
        text = text.replace(old, new)
    protocol = read_protocol(text, "changed.yaml")
    assert [problem for problem in check_protocol(protocol) if problem.severity == "problem"] == []
    found = Course(compile_protocol(protocol))
    for event in events(lines):
        found.record(event)
    return found


# --- stretches without treatment -----------------------------------------------------------------------------------


def test_a_pause_of_a_fixed_length_is_over_on_its_day() -> None:
    weeks = (
        ("  progressed:      {", "  rested: {date: element, plus: 8 weeks, cite: R3}\n  progressed:      {"),
        ('until: [{if: {high_here: {at_least: "2"}}, cite: R3}]', "until: [{if: {rested: reached}, cite: R3}]"),
    )
    course = walked(OLIVE, weeks, BEGUN.format(arm="olive") + PAUSED)
    assert "administer oleastin C2 d1" not in offered(course.decide(date(2026, 3, 6)))
    assert "administer oleastin C2 d1" in offered(course.decide(date(2026, 3, 7)))


def test_what_opens_a_stretch_is_awaited_also_where_no_act_does() -> None:
    first = "      - {give: one, element: first, cycles: 2, cite: R1}\n"
    table = """\
      - decide: opens
        rows:
          - if: {scan_two: {at_least: same}}
            then: [{observe: rest, until: [{if: {at_risk: yes}, cite: R2}], cite: R2}]
            cite: R2
          - {if: {scan_two: worse}, then: [{end: worse, cite: R2}], cite: R2}
        cite: R2
"""
    doses = """
    d1 2026-01-05 administration regimen=one cycle=1 day=1
    d2 2026-01-12 administration regimen=one cycle=1 day=8
    d3 2026-01-26 administration regimen=one cycle=2 day=1
    """
    course = walked(GOOD, ((first, first + table),), BEGUN.format(arm="only") + doses)
    assert [(wait.fact, wait.timepoint) for wait in course.decide().awaiting] == [("markers", None)]  # surgery may be
    (last,) = events("d4 2026-02-02 administration regimen=one cycle=2 day=8")
    course.record(last)
    waits = {(wait.fact, wait.timepoint): wait.needed_by for wait in course.decide().awaiting}
    assert waits[("scan", "after_two")] == ("R2",)


def test_a_day_that_a_pause_made_void_may_be_reported_as_left_out() -> None:
    told = "o1 2026-01-12 omission regimen=oleastin cycle=1 day=8 reason=pause"
    course = walked(OLIVE, (), BEGUN.format(arm="olive") + PAUSED + told)
    assert verdicts(course) == {}
    assert course.decide().place["element"] == "pause"
    (wrong,) = events("o2 2026-01-13 omission regimen=oleastin cycle=2 day=8 reason=pause")
    course.record(wrong)
    assert verdicts(course) == {"o2": "order"}


def test_a_stop_in_a_pause_that_says_itself_what_follows_is_about_the_pause() -> None:
    until = 'until: [{if: {high_here: {at_least: "2"}}, cite: R3}'
    says = (
        ("  progressed:      {", "  stopped: {ever: discontinuation, since: element, cite: R7}\n  progressed:      {"),
        (until, f"{until}, {{if: {{stopped: yes}}, then: [{{end: given_up, cite: R7}}], cite: R7}}"),
    )
    for scope in ("treatment", "oleastin"):
        told = f"s1 2026-02-01 discontinuation scope={scope} reason=wish"
        course = walked(OLIVE, says, BEGUN.format(arm="olive") + PAUSED + told)
        ended = course.decide().ended
        assert ended == {"reason": "given_up", "date": "2026-02-01"}
    course = walked(
        OLIVE, (), BEGUN.format(arm="olive") + PAUSED + "s1 2026-02-01 discontinuation scope=tannin reason=x"
    )
    assert course.decide().ended is None


def test_a_stop_may_lead_into_a_stretch_without_treatment() -> None:
    until = "until: [{if: {fit: yes}, then: [{end: recovered, cite: R7}], cite: R7}]"
    watch = f"then: [{{observe: recovering, {until}, cite: R7}}]"
    course = walked(
        OLIVE,
        (("end: toxicity, cite: R7", f"{watch}, cite: R7"),),
        BEGUN.format(arm="olive") + PAUSED + "a1 2026-01-20 adverse_event term=rash unacceptable=true",
    )
    decision = course.decide()
    assert decision.place["element"] == "recovering"
    assert [wait.fact for wait in decision.awaiting] == ["fit"]
    assert any("no treatment is due in recovering since 2026-01-20" in notice for notice in decision.notices)
    assert any(notice.startswith("protocol treatment ended on 2026-01-20 (R7)") for notice in decision.notices)
    (fit,) = events("f1 2026-02-20 observation fact=fit value=true")
    course.record(fit)
    assert course.decide().ended == {"reason": "recovered", "date": "2026-02-20"}


def test_an_arm_may_begin_without_treatment() -> None:
    first = "      - {give: one, element: first, cycles: 2, cite: R1}\n"
    wait = "      - {observe: waiting, until: [{if: {at_risk: yes}, cite: R1}], cite: R1}\n"
    course = walked(GOOD, ((first, wait + first),), BEGUN.format(arm="only"))
    decision = course.decide()
    assert decision.place == {"arm": "only", "element": "waiting", "cycle": None, "day": None}
    assert [wait.fact for wait in decision.awaiting] == ["markers"]
    assert offered(decision) == []


def test_a_count_since_the_element_is_not_there_when_the_next_one_begins() -> None:
    same = (('if: {high_here: {at_least: "2"}}, cite: R3', 'if: {low_here: {at_least: "1"}}, cite: R3'),)
    low = "m2 2026-01-20 observation fact=drupe value=1 unit=ng/mL"
    course = walked(OLIVE, same, BEGUN.format(arm="olive") + PAUSED)
    assert course.decide().place["element"] == "pause"
    (again,) = events(low)
    course.record(again)
    assert "administer oleastin C2 d1" in offered(course.decide())


# --- later allocations and menus -----------------------------------------------------------------------------------


def test_what_was_drawn_later_is_an_act_to_count_from() -> None:
    value = "  since_draw: {ever: response, is: PD, since: allocation.maintenance, cite: R5}\n"
    until = "title: watched without treatment, until: [{if: {progressed: yes}"
    since = (
        ("  progressed:    {", f"{value}  progressed:    {{"),
        (until, until.replace("progressed", "since_draw")),
    )
    drawn = """
    s1 2026-02-10 observation fact=scan timepoint=after_cycle_2 value=SD
    l1 2026-02-10 observation fact=liver value=false
    r1 2026-02-11 observation fact=response value=PD
    a1 2026-02-12 allocation arm=watch
    """
    course = walked(CEDAR, since, PLAIN + drawn)
    assert course.decide().place["element"] == "watched"
    (later,) = events("r2 2026-03-11 observation fact=response value=PD")
    course.record(later)
    assert "administer resin C3 d1" in offered(course.decide())


def test_a_later_allocation_has_a_window_and_a_silence_of_its_own() -> None:
    window = "window: {from: administration.cedrin, latest: 4 weeks, cite: R3}"
    silence = "  N2: {what: when imaging is done}"
    changes = (
        ("ratio: {lignin_drawn: 2, watch: 1}\n", f"ratio: not_stated\n      see: N3\n      {window}\n"),
        (silence, f"{silence}\n  N3: {{what: the ratio of the second draw}}"),
    )
    known = """
    s1 2026-02-10 observation fact=scan timepoint=after_cycle_2 value=SD
    l1 2026-02-10 observation fact=liver value=false
    """
    course = walked(CEDAR, changes, PLAIN + known)
    (action,) = course.decide().actions
    assert (action.content["allocation"], action.latest) == ("maintenance", "2026-02-23")
    assert "N3" in course.decide().not_stated
    assert ask(course, "2026-02-23 allocation arm=watch").allowed
    assert ask(course, "2026-02-24 allocation arm=watch").verdict == "late"


def test_an_option_that_may_come_to_be_open_is_named() -> None:
    worse = "s1 2026-02-10 observation fact=scan timepoint=after_cycle_2 value=PD"
    course = walked(CEDAR, (), PLAIN + worse)
    decision = course.decide()
    (choice,) = [action for action in decision.actions if action.kind == "choose"]
    assert (choice.content["options"], choice.content["unknown"]) == (["balsam", "best_care"], ["pitch"])
    assert action_words(course.machine.table, choice).endswith("; not known to be open: pitch")


def test_an_arm_that_only_another_reading_has_can_be_reported() -> None:
    asks = "A1: {asks: How is it watched?, default: one_way, readings: {one_way: in one way, two_ways: in two}}"
    arms = CEDAR.partition("      arms:\n")[2].partition("      arm_if:")[0]
    within = arms.replace("        ", "          ")
    long = "          watch_long: [{observe: watched_long, until: [{if: {progressed: yes}, cite: R5}], cite: R3}]\n"
    both = f"        reading_of: A1\n        one_way:\n{within}        two_ways:\n{within}{long}"
    changes = (
        ("assumptions: {}", f"assumptions:\n  {asks}"),
        (arms, both),
        ("ratio: {lignin_drawn: 2, watch: 1}\n      cite: R3\n", "cite: [R3, A1]\n"),
    )
    drawn = """
    s1 2026-02-10 observation fact=scan timepoint=after_cycle_2 value=SD
    l1 2026-02-10 observation fact=liver value=false
    a1 2026-02-12 allocation arm=watch_long
    """
    course = walked(CEDAR, changes, PLAIN + drawn)
    assert verdicts(course) == {"a1": "order"}
    assert course.decide().deviations[0].cites == ("A1",)
