"""Several rows at once, better sources and advice where no journey reaches: ELDER-1 with one thing changed."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from course_lines import action, events, offered

from protocol_engine import Course, compile_protocol
from protocol_engine.adapters.decision_prose import action_words
from protocol_engine.model.decision import Decision
from protocol_engine.reader import read_protocol

ELDER = (Path(__file__).parent / "protocols" / "ELDER-1.yaml").read_text(encoding="utf-8")
GATES = """
e1 2026-01-02 consent
e2 2026-01-03 eligibility met=true
e3 2026-01-04 observation fact=genes value=[PTEN]
"""
IN_FERN = f"""{GATES}
e4 2026-01-04 observation fact=moss_test value=wild
e5 2026-01-05 allocation arm=fern
e6 2026-01-06 administration regimen=fernib cycle=1 day=1
e7 2026-01-27 administration regimen=fernib cycle=2 day=1
"""
IN_MOSS = """
e1 2026-01-02 consent
e2 2026-01-03 eligibility met=true
e3 2026-01-04 observation fact=genes value=[]
e4 2026-01-04 observation fact=moss_test value=mutated
e5 2026-01-05 allocation arm=moss
"""


def elder(lines: str, *changes: tuple[str, str]) -> Course:
    """A course under ELDER-1 with some of its text changed."""
    text = ELDER
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    found = Course(compile_protocol(read_protocol(text, "ELDER-1.yaml")))
    for event in events(lines):
        found.record(event)
    return found


def ways(decision: Decision) -> dict[str, str]:
    """What is offered, with its strength."""
    return dict(zip(offered(decision), (found.strength for found in decision.actions), strict=True))


def awaited(decision: Decision) -> dict[str, tuple[str, ...]]:
    return {wait.fact: wait.needed_by for wait in decision.awaiting}


def test_rows_of_a_table_wait_for_each_other_unless_it_says_otherwise() -> None:
    known = f"{IN_FERN}\ne8 2026-02-01 observation fact=ring_local value=high"
    waiting = ("        while_unknown: offer\n", "")
    course = elder(known, waiting)
    assert ways(course.decide(date(2026, 2, 1))) == {}
    assert awaited(course.decide(date(2026, 2, 1))) == {"bark": ("R5",)}
    assert course.propose(action("2026-02-17 administration regimen=fern_ring")).verdict == "unknown"
    for bark, expected in (("raised", "option"), ("normal", "required")):
        after = elder(f"{known}\ne9 2026-02-02 observation fact=bark value={bark}", waiting).decide(date(2026, 2, 2))
        assert ways(after)["administer fern_ring C3 d1"] == expected


def test_arms_that_are_known_can_be_offered_while_others_are_not() -> None:
    course = elder(GATES, ("    several: offer\n    menu:", "    several: offer\n    while_unknown: offer\n    menu:"))
    decision = course.decide(date(2026, 1, 4))
    assert [found.content.get("arms") for found in decision.actions] == [["fern"]]
    assert awaited(decision) == {"moss_test": ("R1", "R3")}
    assert any("while it is not known whether allocation to moss" in notice for notice in decision.notices)
    assert course.propose(action("2026-01-04 allocation arm=moss")).verdict == "unknown"
    assert course.propose(action("2026-01-04 allocation arm=fern")).allowed


def test_a_row_that_begins_with_a_choice_is_an_option_beside_a_dose() -> None:
    row = "then: [{give: fern_bark, element: with_barkol, cycles: 2, cite: R5}]"
    chosen = (
        "then: [{choose: how, by: surgeon, options: {slow: [], fast: []}, cite: R5}, "
        "{give: fern_bark, element: with_barkol, cycles: 2, cite: R5}]"
    )
    known = f"{IN_FERN}\ne8 2026-02-01 observation fact=ring_local value=high"
    course = elder(f"{known}\ne9 2026-02-01 observation fact=bark value=raised", (row, chosen))
    decision = course.decide(date(2026, 2, 1))
    assert ways(decision) == {"administer fern_ring C3 d1": "option", "choose how": "option"}
    assert any(
        "fern_ring (R5); the choice how (R5); the protocol gives no priority" in told for told in decision.notices
    )


def test_a_source_that_has_grown_old_is_passed_over_and_the_next_one_is_provisional() -> None:
    fresh = "ring_fresh: {label: fresh central ring level, last: ring_central, within: 2 weeks, cite: R4}\n  ring: "
    ranked = ("prefer: [ring_central, ring_local]", "prefer: [ring_fresh, ring_local]")
    known = f"""{IN_FERN}
    e8 2026-02-01 observation fact=ring_local value=low
    e9 2026-02-01 observation fact=ring_central value=high
    e10 2026-02-01 observation fact=bark value=normal"""
    course = elder(known, ("  ring:     ", f"  {fresh}    "), ranked)
    on_the_last_day, on_the_next = course.decide(date(2026, 2, 15)), course.decide(date(2026, 2, 16))
    assert offered(on_the_last_day) == ["administer fern_ring C3 d1"]
    assert not any("provisional" in notice for notice in on_the_last_day.notices)
    assert offered(on_the_next) == ["administer fernib C3 d1"]
    assert any("provisional: local ring level is low" in notice for notice in on_the_next.notices)


def test_the_offer_of_a_choice_says_what_is_advised_and_what_needs_a_reason() -> None:
    (free,) = elder(IN_MOSS).decide(date(2026, 1, 5)).actions
    assert (free.content["advised"], free.content["needs_reason"]) == (None, [])
    course = elder(f"{IN_MOSS}\ne6 2026-01-06 observation fact=spores value=10 unit=1")
    (choose,) = course.decide(date(2026, 1, 6)).actions
    assert (choose.content["advised"], choose.content["needs_reason"]) == ("primol", ["barkol", "declined"])
    assert action_words(course.machine.table, choose).endswith("; advised: primol (another option needs a reason)")


def test_advice_that_became_known_only_after_the_choice_blames_nobody() -> None:
    chosen = f"{IN_MOSS}\ne6 2026-01-08 choice choice=primer option=declined\n"
    for issued, deviations in (("2026-01-09", 0), ("2026-01-07", 1)):  # told later, or known then and recorded late
        told = f"e7 2026-01-06 observation fact=spores value=10 unit=1 issued={issued}"
        course = elder(chosen + told)
        assert len(course.state.deviations) == deviations
        assert offered(course.decide(date(2026, 1, 9))) == ["administer mossib C1 d1"]
