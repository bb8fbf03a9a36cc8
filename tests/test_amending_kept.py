"""What a course takes along to the next version: what only that one asks for, and what would mean another thing."""

from __future__ import annotations

import pytest
from course_lines import TESTS, events, machine

from protocol_engine import Course, Problems, compile_amended
from protocol_engine.reader import read_protocol

FIRST = """
protocol: MYRTLE-1
title: Myrtin, which is no medicine
record: {registry: invented, version: "1"}
design: {phase: 2, allocation: randomised, ratio: not_stated, see: N1, masking: open_label, planned: 20}
rules:
  R1: Myrtin is 6 mg/kg IV every three weeks for six cycles.
assumptions: {}
not_stated:
  N1: {what: the allocation ratio}
facts:
  weight: {label: body weight, quantity: kg, above: "0", cite: R1}
drugs:
  myrtin: {name: myrtin, codes: {local: myrtin}}
regimens:
  myrtin: {name: myrtin, cycle: 21 days, gives: [{drug: myrtin, dose: 6 mg/kg, route: IV, days: [1]}], cite: R1}
values: {}
course:
  - {consent: written, cite: R1}
  - {eligibility: met, cite: R1}
  - {allocate: arm, cite: R1}
arms:
  myrtle:
    title: Myrtin
    cite: R1
    course:
      - {give: myrtin, element: lead_in, cycles: 1, cite: R1}
      - {give: myrtin, element: doses, cycles: 5, cite: R1}
      - {end: completed, cite: R1}
endpoints_see: N1
"""
BEGUN = """
e1 2026-01-02 consent
e2 2026-01-02 eligibility met=true
e3 2026-01-05 allocation arm=myrtle
e4 2026-01-05 observation fact=weight value=50 unit=kg
e5 2026-01-05 administration regimen=myrtin cycle=1 day=1
"""
SECOND_DOSE = "e6 2026-01-26 administration regimen=myrtin cycle=2 day=1\n"
NERVES = "a1 2026-01-10 adverse_event term=neuropathy grade=3 unacceptable=false\n"
ON = "m1 {0} observation fact=moved value=true\nm2 {0} amendment version=2\n"


def changed(text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def second(*changes: tuple[str, str], first: str = FIRST, lines: str = " []") -> str:
    """A version as its own second one, with changes and lines of the map."""
    amends = f'version: "2"}}\namends:\n  version: "1"\n  when: {{moved: yes}}\n  map:{lines}\n  cite: R1\n'
    own = (('version: "1"}\n', amends), ("\nfacts:\n", "\nfacts:\n  moved: {yes_no: yes, cite: R1}\n"))
    return changed(first, *own, *changes)


def both(text: str, first: str = FIRST) -> Course:
    return Course(compile_amended([read_protocol(first, "1.yaml"), read_protocol(text, "2.yaml")]))


def dose(course: Course) -> tuple[str, str]:
    (action,) = (action for action in course.decide().actions if action.kind == "administer")
    (line,) = action.content["administrations"]
    return line["drug"], line["dose"]


# --- what only the second version asks for is known from before ----------------------------------------------------


def test_a_loading_dose_is_not_given_to_somebody_who_had_the_drug_before_the_move() -> None:
    """6 mg/kg on 5 January was her first dose: the second version begins with 8, and she has begun."""
    loading = second(("dose: 6 mg/kg", "dose: {loading: 8 mg/kg, then: 6 mg/kg, reload_after: 6 weeks}"))
    course = both(loading).record_all(events(BEGUN + ON.format("2026-01-20")))
    assert course.decide().protocol["version"] == "2"
    assert dose(course) == ("myrtin", "6")
    anew = both(loading).record_all(events(BEGUN + ON.format("2026-01-20") + "w 2026-02-17 contact"))
    assert dose(anew) == ("myrtin", "8")  # more than 6 weeks after 5 January


RULE = (
    ("values: {}\n", ("values: {nerves: {ever: adverse_event, is: {grade: 3}, since: allocation, cite: R1}}\n"
     "ladders: {myrt: {of: myrtin, levels: [6 mg/kg, 4 mg/kg, 2 mg/kg], moves: down, past_last: stays, cite: R1}}\n"
     "modifications: {nerve: {of: myrtin, when: {nerves: yes}, do: lower, cite: R1}}\n")),
    ("dose: 6 mg/kg", "dose: {level_of: myrt}"),
)  # fmt: skip


def test_a_rule_of_the_second_version_acts_at_the_move_by_what_was_told_before_as_a_stop_does() -> None:
    """The first version reads no grade, and keeps one for the second all the same."""
    course = both(second(*RULE)).record_all(events(BEGUN + NERVES + ON.format("2026-01-20")))
    assert dose(course) == ("myrtin", "4")
    before = both(second(*RULE)).record_all(events(BEGUN + NERVES))
    alone = Course(compile_amended([read_protocol(FIRST, "1.yaml")])).record_all(events(BEGUN + NERVES))
    assert before.decide().as_json() == alone.decide().as_json()


def test_what_was_told_before_the_first_dose_is_kept_for_the_second_version_without_a_word() -> None:
    early = NERVES.replace("2026-01-10", "2026-01-05")
    lines = BEGUN.partition("e5")[0] + early
    alone = Course(compile_amended([read_protocol(FIRST, "1.yaml")])).record_all(events(lines))
    assert both(second(*RULE)).record_all(events(lines)).decide().as_json() == alone.decide().as_json()


def test_doses_of_before_count_in_a_time_that_only_the_second_version_counts() -> None:
    """Two doses in six weeks, of which one was before the move, end treatment under the second version."""
    counting = second(
        ("values: {}\n", ("values: {many: {take: count, of: dose.myrtin, within: 6 weeks, cite: R1}}\n"
         "stops: [{when: {many: {at_least: 2}}, end: enough, cite: R1}]\n")),
    )  # fmt: skip
    course = both(counting).record_all(events(BEGUN + ON.format("2026-01-20") + SECOND_DOSE))
    ended = course.decide().ended
    assert ended is not None
    assert (ended["reason"], ended["date"]) == ("enough", "2026-01-26")


# --- what would not mean the same is refused ------------------------------------------------------------------------


def faults(text: str, first: str) -> list[tuple[str, str]]:
    with pytest.raises(Problems) as found:
        both(text, first)
    return [(problem.code, problem.message) for problem in found.value.problems]


def test_a_rule_that_is_gone_or_has_another_name_is_refused() -> None:
    """What it did would be done again by the same report, or rest on a rule that is not there."""
    first = changed(FIRST, *RULE)
    renamed = second(("modifications: {nerve:", "modifications: {nervous:"), first=first)
    ((code, message),) = faults(renamed, first)
    assert code == "lost-rule"
    assert "the rule nerve of version 1 is not here" in message


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("levels: [6 mg/kg, 4 mg/kg, 2 mg/kg]", "levels: [6 mg/kg, 4 mg/kg, 1 mg/kg]"), "other levels"),
        (("moves: down, past_last: stays", "moves: both, starts: 4 mg/kg, past_last: stays"), "another start"),
    ],
)
def test_levels_that_would_be_other_doses_are_refused(change: tuple[str, str], told: str) -> None:
    first = changed(FIRST, *RULE)
    ((code, message),) = faults(second(change, first=first), first)
    assert code == "misread-level"
    assert told in message


def test_a_drug_whose_dose_was_moved_does_not_go_back_to_a_fixed_one() -> None:
    first = changed(FIRST, *RULE)
    found = faults(second(first=FIRST), first)
    assert [code for code, _ in found] == ["misread-level", "lost-rule"]
    assert "given the first one again" in found[0][1]


DRAWN = (
    ("      - {give: myrtin, element: doses, cycles: 5, cite: R1}\n",
     ("      - allocate: upkeep\n        ratio: not_stated\n        see: N1\n        cite: R1\n"
     "        arms:\n          on: [{give: myrtin, element: doses, cycles: 5, cite: R1}]\n          off: []\n")),
    ("values: {}\n", "values: {drawn: {last: allocation.upkeep, cite: R1}}\n"),
    ("\ncourse:\n", "\nneeds: [{if: [{drawn: on}, {drawn: off}, {drawn: irrelevant}], cite: R1}]\ncourse:\n"),
)  # fmt: skip


def test_an_arm_of_a_later_allocation_that_a_value_reads_is_kept() -> None:
    first = changed(FIRST, *DRAWN[:2], (
        "arms:\n  myrtle", "stops: [{when: {drawn: off}, end: done, cite: R1}]\narms:\n  myrtle"
    ))  # fmt: skip
    other = second(("          off: []\n", "          none: []\n"), ("drawn: off", "drawn: none"), first=first)
    found = faults(other, first)
    assert ("lost-option", ("reads the allocation upkeep, whose arm off of version 1 is not here; keep it, or read "
            "another allocation")) in found  # fmt: skip


def test_a_draw_of_the_first_version_is_read_by_a_second_that_has_none() -> None:
    first = changed(FIRST, DRAWN[0])
    lines = "\n    - {from: upkeep=on, to: doses, cite: R1}\n    - {from: upkeep=off, stays: yes, cite: R1}"
    course = both(second(lines=lines), first)
    told = BEGUN + "d1 2026-01-12 allocation arm=on\n" + SECOND_DOSE + ON.format("2026-02-01")
    course.record_all(events(told))
    assert course.decide().protocol["version"] == "2"
    assert dose(course) == ("myrtin", "6")
    assert course.decide().deviations == ()


def test_a_role_that_may_have_been_told_the_arm_is_kept() -> None:
    """Without masking a report of an unblinding could not be read any more."""
    yew = (TESTS / "protocols" / "YEW-1.yaml").read_text(encoding="utf-8")
    other = second(("hidden_from: [patient, investigator]", "hidden_from: [investigator]"), first=yew)
    ((code, message),) = faults(other, yew)
    assert code == "lost-role"
    assert "names patient, and there is no such role here" in message


# --- stretches without treatment ------------------------------------------------------------------------------------

PAUSE = (
    "      - {give: myrtin, element: doses, cycles: 5, cite: R1}\n",
    (
        "      - {observe: pause, until: [{if: {weight: {above: '60'}}, cite: R1}], cite: R1}\n"
        "      - {give: myrtin, element: doses, cycles: 5, cite: R1}\n"
    ),
)
STARTED = (
    "endpoints_see: N1\n",
    "endpoints:\n  OS: {from: {start_of: doses}, to: {date_of: death}, censoring: last_contact, cite: R1}\n",
)


def test_treatment_that_goes_on_in_a_pause_pauses_from_the_move_on() -> None:
    """The doses were begun on 26 January, and the pause on the day of the move; nothing of the cycle is left open."""
    course = both(second(PAUSE, STARTED, lines="\n    - {from: doses, to: pause, cite: R1}"), changed(FIRST, STARTED))
    course.record_all(events(BEGUN + SECOND_DOSE + ON.format("2026-02-20")))
    decision = course.decide()
    assert decision.actions == ()
    assert any("no treatment is due in pause since 2026-02-20" in notice for notice in decision.notices)
    assert str(course.outcomes().endpoints[0].begin) == "2026-01-26"
    course.record_all(events("w 2026-02-21 observation fact=weight value=61 unit=kg"))
    (action,) = course.decide().actions
    assert (action.content["cycle"], action.earliest, action.due) == (3, "2026-02-16", "not_stated")


def test_a_pause_that_goes_on_in_treatment_has_begun_none_of_it() -> None:
    """Five doses are still to come, and the element begins with the first of them."""
    lines = "\n    - {from: pause, to: doses, cite: R1}\n    - {from: pause.closed.1, to: doses, cite: R1}"
    course = both(second(STARTED, lines=lines), changed(FIRST, PAUSE, STARTED))
    course.record_all(events(BEGUN + ON.format("2026-01-20")))
    assert course.outcomes().endpoints[0].state == "not_begun"
    given = [f"d{n} 2026-0{n}-25 administration regimen=myrtin cycle={n}" for n in range(2, 7)]
    course.record_all(events(given[0]))
    assert str(course.outcomes().endpoints[0].begin) == "2026-02-25"
    course.record_all(events("\n".join(given[1:])))
    ended = course.decide().ended
    assert ended is not None
    assert (ended["reason"], ended["date"], course.decide().deviations) == ("completed", "2026-06-25", ())


def test_steps_that_took_the_place_of_the_course_are_found_by_their_condition_and_not_by_their_number() -> None:
    """WILLOW-1 with its two stops the other way round: a pregnant patient goes on to aspen syrup, not to hazelin."""
    text = (TESTS / "protocols" / "WILLOW-1.yaml").read_text(encoding="utf-8")
    kidneys = next(line for line in text.splitlines(keepends=True) if "{kidneys: failing}" in line)
    pregnant = "  - when: {pregnant: yes}\n"
    swapped = changed(second(first=text), (kidneys, ""), (pregnant, kidneys + pregnant))
    begun = "e1 2026-01-02 consent\ne2 2026-01-02 eligibility met=true\ne3 2026-01-05 allocation arm=low\n"
    begun += "e4 2026-01-06 observation fact=pregnant value=true\n"
    course = both(swapped, text).record_all(events(begun + ON.format("2026-01-08")))
    rows = [row for row in course.machine.table.rows if row.source == course.state.now.position.place]
    assert course.decide().protocol["version"] == "2"
    assert {row.act.name for row in rows if row.act is not None} == {"aspen"}


# --- ends and endpoints ---------------------------------------------------------------------------------------------


def test_outcomes_are_those_of_the_version_under_which_the_course_is() -> None:
    """Sprucin stays under the first version, which alone knows its places."""
    lines = "e1 2026-01-02 consent\ne2 2026-01-03 eligibility met=true\ne3 2026-01-04 allocation arm=spruce\n"
    course = Course(machine("FIR-1.v2")).record_all(events(lines + "w 2026-02-01 withdrawal scope=treatment"))
    found = course.outcomes()
    assert (found.protocol["version"], found.ends.treatment.state) == ("1", "ended")


def test_an_element_that_is_over_and_not_in_the_second_version_troubles_nobody() -> None:
    """The lead-in is gone; the endpoint counts from the doses, as given before the move."""
    survival = "{title: survival, from: {start_of: doses}, to: {date_of: death}, censoring: last_contact, cite: R1}"
    endpoint = ("endpoints_see: N1\n", f"endpoints:\n  OS: {survival}\n")
    gone = ("      - {give: myrtin, element: lead_in, cycles: 1, cite: R1}\n", "")
    lines = "\n    - {from: lead_in, stays: yes, cite: R1}"
    course = both(second(endpoint, gone, lines=lines), changed(FIRST, endpoint))
    course.record_all(events(BEGUN + SECOND_DOSE + ON.format("2026-02-01")))
    (answer,) = course.outcomes().endpoints
    assert (course.outcomes().protocol["version"], str(answer.begin), answer.state) == ("2", "2026-01-26", "censored")
