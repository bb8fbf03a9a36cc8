"""What journeys over two versions cannot show: bytes, logs, and the constructs that FIR-1 does not have.

The second version of EXAMPLE1 (`bad_protocols/good.yaml`) is made of its text. What is expected is read off the two.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from course_lines import events, machine
from course_promises import Walked
from test_cli import answer, errors, prose, run

from protocol_engine import Course, Machine, Problems, begin, compile_amended, decide, load_protocol, replay, step
from protocol_engine.audit import Chain, verify
from protocol_engine.codec import canonical
from protocol_engine.reader import read_protocol

TESTS = Path(__file__).parent
FIRST, SECOND = TESTS / "protocols" / "FIR-1.yaml", TESTS / "amendments" / "FIR-1.v2.yaml"
GOOD = (TESTS / "bad_protocols" / "good.yaml").read_text(encoding="utf-8")

MOVED = """
e1 2026-01-02 consent
e2 2026-01-03 eligibility met=true
e3 2026-01-04 allocation arm=fir
e4 2026-01-05 administration regimen=firolib cycle=1 day=1
e5 2026-01-06 observation fact=site_activated value=true
e6 2026-01-07 observation fact=reconsented value=true
e7 2026-01-08 amendment version=2
e8 2026-01-09 observation fact=heart value=60 unit=%
e9 2026-01-12 administration regimen=firolib cycle=1 day=8
"""


def records(used: Machine, lines: str) -> list[bytes]:
    chain, found = Chain.begin(used, "course"), []
    for taken in replay(used, events(lines)):
        record = chain.step(taken)
        chain = chain.after(record)
        found.append(record.line)
    return found


# --- before the move, byte for byte ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_until_an_amendment_is_announced_it_changes_no_byte(seed: int) -> None:
    """Decisions and records of a walk under the first version are those of both versions together."""
    walked = Walked("FIR-1", {}, Random(seed), print)  # noqa: S311  # the same on every machine
    for _ in range(25):
        walked.goes_on()
    alone, both = machine("FIR-1"), machine("FIR-1.v2")
    chains = [Chain.begin(used, "course") for used in (alone, both)]
    for one, other in zip(replay(alone, walked.arrived), replay(both, walked.arrived), strict=True):
        lines = [chain.step(taken) for chain, taken in zip(chains, (one, other), strict=True)]
        assert lines[0].line == lines[1].line
        chains = [chain.after(record) for chain, record in zip(chains, lines, strict=True)]


def test_a_log_that_the_first_version_began_is_gone_on_with_by_both() -> None:
    both, four = machine("FIR-1.v2"), "\n".join(MOVED.strip().splitlines()[:4])
    begun, whole = records(machine("FIR-1"), four), records(both, MOVED)
    assert whole[:4] == begun
    assert verify(whole, both) == ()
    assert verify(whole) == ()
    assert {p.code for p in verify(whole, machine("FIR-1"))} == {"audit-unreadable-event"}


def test_a_log_whose_version_no_amendment_changed_is_mixed() -> None:
    """The records of a course under the second version, written behind those of one under the first."""
    begun = records(machine("FIR-1"), MOVED.partition("e5")[0])
    alone = compile_amended([load_protocol(str(SECOND))])
    chain = Chain.begin(alone, "course", 4, begun[-1].partition(b'"hash":"')[2][:64].decode())
    state = begin(alone)
    for event in events(MOVED.partition("e5")[0]):
        state = step(alone, state, event).state
    record = chain.decision(state, decide(alone, state))
    assert {p.code for p in verify([*begun, record.line])} == {"audit-mixed"}


def test_a_record_names_the_version_of_its_answer_and_claims_of_another_with_theirs() -> None:
    used, chain = machine("FIR-1.v2"), Chain.begin(machine("FIR-1.v2"), "course")
    taken = list(replay(used, events(MOVED)))
    assert [step.decision.protocol["version"] for step in taken] == ["1"] * 6 + ["2"] * 3
    assert "R7@2" in chain.step(taken[5]).citations
    assert chain.step(taken[6]).protocol == taken[6].decision.protocol != taken[5].decision.protocol
    (late,) = events("l1 2026-01-05 administration regimen=firolib cycle=1 day=8 issued=2026-01-20")
    told = chain.step(step(used, taken[-1].state, late))
    assert told.verdict is not None
    assert told.verdict["verdict"] == "early"
    assert "version" not in told.verdict
    assert {"R1@1", "R1"} <= set(told.citations)


def test_verdicts_of_both_versions_say_which_once_the_course_has_moved() -> None:
    lines = MOVED.replace("cycle=1 day=1", "cycle=1 day=1 given='firolib 90 mg IV'")
    course = Course(machine("FIR-1.v2")).record_all(events(lines.replace("2026-01-12", "2026-01-11")))
    told = course.decide().as_json()["deviations"]
    found = {item["event"]: (item["verdict"], item.get("version")) for item in told}
    assert found == {"e4": ("content", "1"), "e9": ("early", "2")}
    before = Course(machine("FIR-1.v2")).record_all(events(lines.partition("e5")[0])).decide().as_json()
    assert [set(item) for item in before["deviations"]] == [{"event", "verdict", "because", "cites"}]


# --- what FIR-1 does not have -------------------------------------------------------------------------------------


def second(*changes: tuple[str, str], lines: str = "", when: str = "{moved: yes}") -> str:
    """EXAMPLE1 as its own second version, with changes and lines of the map."""
    text = GOOD
    amends = f'amends:\n  version: "1"\n  when: {when}\n  map:{lines or " []"}\n  cite: R1\n'
    own = (
        ('record: {registry: an example, version: "1"}\n', f'record: {{registry: an example, version: "2"}}\n{amends}'),
        ("facts:\n", "facts:\n  moved: {yes_no: yes, cite: R1}\n"),
    )
    for old, new in (*own, *changes):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def both(text: str, **readings: str) -> Machine:
    return compile_amended([read_protocol(GOOD, "1.yaml", readings), read_protocol(text, "2.yaml", readings)])


BEGUN = """
e1 2026-01-02 consent
e2 2026-01-03 eligibility met=true
e3 2026-01-04 allocation arm=only
e4 2026-01-04 observation fact=weight value=50 unit=kg
e5 2026-01-05 administration regimen=one cycle=1 day=1
e6 2026-01-26 administration regimen=one cycle=2 day=1
e7 2026-02-02 administration regimen=one cycle=2 day=8
"""
ON = "m1 {0} observation fact=moved value=true\nm2 {0} amendment version=2\n"


def places(course: Course) -> tuple[str, str]:
    now = course.state.now.position
    return now.place, course.decide().protocol["version"]


def test_an_arm_may_have_another_name_and_its_stops_another_order() -> None:
    """A place behind a stop has no name of its own: it is the one behind the same condition."""
    stops = """\
  - {when: {A1: until_progression, worsened: yes}, end: progression, cite: A1}
  - {when: {too_toxic: yes}, end: toxicity, cite: A1}
"""
    swapped = "\n".join(reversed(stops.strip("\n").splitlines())) + "\n"
    used = both(second((stops, swapped), ("  only:\n", "  all:\n"), lines="\n    - {arm: only, to_arm: all, cite: R1}"))
    course = Course(used).record_all(events(BEGUN + ON.format("2026-02-05")))
    assert places(course) == ("all/first", "2")
    assert course.decide().place == {"arm": "all", "element": "first", "cycle": 2, "day": 8}


def test_a_branch_entered_against_its_rule_is_still_told_after_the_move() -> None:
    """Drug one goes on although the scan is worse: R2, then and now."""
    lines = "s1 2026-02-05 observation fact=scan timepoint=after_two value=worse\n"
    lines = lines.replace("worse", "same") + "d1 2026-02-16 administration regimen=one cycle=3 day=1\n"
    lines += "x1 2026-02-17 correction corrects=s1 reason=misread := "
    lines += "2026-02-05 observation fact=scan timepoint=after_two value=same\n"
    against = "d0 2026-02-16 administration regimen=one cycle=3 day=1\n"
    course = Course(both(second())).record_all(events(BEGUN + against + ON.format("2026-02-18")))
    assert places(course) == ("only/more", "2")
    assert [item.event_id for item in course.state.now.position.against] == ["d0"]
    assert any("d0: drug one" in text.lower() or "d0: one" in text for text in course.decide().notices)
    assert lines  # the branch by its rule is none of these
    rightly = Course(both(second())).record_all(events(BEGUN + lines + ON.format("2026-02-18")))
    assert rightly.state.now.position.against == ()


WORSE = """
s1 2026-02-05 observation fact=scan timepoint=after_two value=worse
c1 2026-02-06 choice choice=partner option=three
d1 2026-02-16 administration regimen=two cycle=3 day=1
"""
THREE = "      three: {gives: [{drug: three, dose: 1 mg, route: PO, days: every}], cite: R2}\n"


def test_a_part_whose_option_is_gone_is_chosen_anew() -> None:
    """Without drug three among the partners the regimen is not complete: the choice comes first."""
    changes = (
        (THREE, ""),
        ("  three: {name: drug three, codes: {local: three}}\n", ""),
        ("options: {three: [], one: []}", "options: {one: []}"),
    )
    lines = "\n    - {from: partner=three, to: first, cite: R1}"
    used = both(second(*changes, lines=lines), A1="fixed")
    course = Course(used).record_all(events(BEGUN + WORSE + ON.format("2026-02-18")))
    assert places(course) == ("only/other", "2")
    assert [action.kind for action in course.decide().actions] == ["choose"]
    course.record_all(events("c2 2026-02-19 choice choice=partner option=one"))
    (action,) = course.decide().actions
    assert (action.kind, action.content["regimen"], action.due) == ("administer", "two", "2026-03-09")


def test_a_part_that_is_filled_as_before_stays_filled() -> None:
    """A1 is read as `fixed` here, so that the worse scan does not end the course."""
    course = Course(both(second(), A1="fixed")).record_all(events(BEGUN + WORSE + ON.format("2026-02-18")))
    (action,) = course.decide().actions
    assert [line["drug"] for line in action.content["administrations"]] == ["two", "three"]


def test_what_was_closed_goes_on_behind_the_same_condition_or_nowhere() -> None:
    step_ = "{give: one, element: first, cycles: 2, cite: R1}"
    may = "    may: [{perform: surgery, if: {at_risk: yes}, cite: R2}]\n"
    closing = "until: [{if: {at_risk: yes}, then: [{perform: surgery, cite: R2}], cite: R2}]"
    one = GOOD.replace(may, "").replace(step_, step_.replace("cycles: 2", f"cycles: 2, {closing}"))
    two = second((may, ""), (step_, step_.replace("cycles: 2", f"cycles: 2, {closing}")))
    used = compile_amended([read_protocol(one, "1.yaml"), read_protocol(two, "2.yaml")])
    lines = "g1 2026-02-03 observation fact=markers value=[TP53]\n"
    course = Course(used).record_all(events(BEGUN + lines + ON.format("2026-02-04")))
    assert places(course)[1] == "2"
    assert {action.kind for action in course.decide().actions} == {"perform", "assess"}  # the table ahead reads a scan
    other = two.replace("[{if: {at_risk: yes}", "[{if: {at_risk: yes, scan: worse}")
    with pytest.raises(Problems) as found:
        compile_amended([read_protocol(one, "1.yaml"), read_protocol(other, "2.yaml")])
    (problem,) = found.value.problems
    assert problem.code == "lost-place"
    assert "only/first.closed.1" in problem.message


def test_behind_an_element_the_next_cycle_counts_by_what_the_new_version_gives_there() -> None:
    """Drug one comes every 4 weeks in the second version, from cycle 2 of 26 January on, also behind the surgery."""
    step_ = "{give: one, element: first, cycles: 2, cite: R1}"
    may = "    may: [{perform: surgery, if: {at_risk: yes}, cite: R2}]\n"
    operated = f"{step_}\n      - {{perform: surgery, cite: R2}}"
    one = GOOD.replace(may, "").replace(step_, operated)
    two = second((may, ""), (step_, operated), ("  one: {cycle: 21 days", "  one_slow: {cycle: 28 days"))
    two = two.replace("give: one,", "give: one_slow,")
    used = compile_amended([read_protocol(one, "1.yaml"), read_protocol(two, "2.yaml")])
    lines = "p1 2026-02-03 procedure procedure=surgery\n"
    lines += "s1 2026-02-03 observation fact=scan timepoint=after_two value=same\n"
    course = Course(used).record_all(events(BEGUN + lines))
    assert [(a.content["regimen"], a.due) for a in course.decide().actions] == [("one", "2026-02-16")]
    course.record_all(events(ON.format("2026-02-05")))
    assert places(course) == ("only/surgery", "2")
    assert [(a.content["regimen"], a.due) for a in course.decide().actions] == [("one_slow", "2026-02-23")]


def test_a_course_moves_from_version_to_version_and_over_none() -> None:
    third = SECOND.read_text(encoding="utf-8")
    for old, new in (
        ('version: "2"}', 'version: "3"}'),
        ('version: "1"', 'version: "2"'),
        ("{site_activated: yes, reconsented: yes}", "{third: yes}"),
        ("    - {from: upkeep, to: maintenance, cite: R2}\n    - {arm: spruce, stays: yes, cite: R8}\n", ""),
        ("  map:\n", ""),
        ("reconsented: {label: consent to version 2,", "third: {label: activation for version 3,"),
        ("dose: 80 mg", "dose: 60 mg"),
    ):
        assert third.count(old) == 1, old
        third = third.replace(old, new)
    versions = [load_protocol(str(FIRST)), load_protocol(str(SECOND)), read_protocol(third, "3.yaml")]
    course = Course(compile_amended(versions))
    (early,) = events("a1 2026-01-01 amendment version=3")
    assert course.propose(early).because == ("version 3 is not the one that amends version 1",)
    course.record_all(events(MOVED))
    course.record_all(events("t1 2026-01-13 observation fact=third value=true\nt2 2026-01-14 amendment version=3"))
    decision = course.decide()
    assert decision.protocol["version"] == "3"
    assert [line["dose"] for action in decision.actions for line in action.content["administrations"]] == ["60"]
    assert sum("the course is under version" in notice for notice in decision.notices) == 2


def test_doses_given_before_the_move_are_counted_after_it() -> None:
    """Only the second version counts the doses of drug one, and three of them are enough."""
    changes = (
        ("values:\n", "values:\n  doses: {take: count, of: dose.one}\n"),
        ("stops:\n", 'stops:\n  - {when: {doses: {at_least: "3"}}, end: enough, cite: R1}\n'),
    )
    used = both(second(*changes))
    course = Course(used).record_all(events(BEGUN + "m1 2026-02-05 observation fact=moved value=true\n"))
    assert course.decide().ended is None
    course.record_all(events("m2 2026-02-06 amendment version=2"))
    assert course.decide().ended == {"reason": "enough", "date": "2026-02-06"}


def test_windows_of_the_second_version_hold_from_the_move_on() -> None:
    """Day 8 of cycle 2 is due on 2 February; the second version lets it come 3 days late, the first for ever."""
    one = "regimens:\n  one: {cycle: 21 days,"
    used = both(second((one, f"{one} tolerance: {{after: 3 days, cite: R1}},")))
    begun = BEGUN.replace("e7 2026-02-02 administration regimen=one cycle=2 day=8\n", "")
    late = events("p1 2026-02-06 administration regimen=one cycle=2 day=8")[0]
    before = Course(used).record_all(events(begun))
    assert before.propose(late).allowed
    after = Course(used).record_all(events(begun + ON.format("2026-02-05")))
    assert [(a.content["day"], a.latest) for a in after.decide().actions if a.kind == "administer"] == [
        (8, "2026-02-05")
    ]
    assert after.propose(late).verdict == "late"


# --- the command line ---------------------------------------------------------------------------------------------


def test_compare_says_what_a_patient_at_each_place_would_meet() -> None:
    page = prose("compare", FIRST, SECOND)
    assert "fir/upkeep goes on at fir/maintenance" in page
    assert "spruce/spruce_alone stays under version 1 [R8]" in page
    assert "firolib changed, firolib dose: 100 mg, now 80 mg [1 R1 and 2 R1]" in page
    assert "fir/induction changed, cycles: 4, now 2" in page
    assert "arm fir: end (heart) added, when: heart function is below 40 %" in page
    found = answer("compare", FIRST, SECOND, "--format", "json")
    assert {*found} == {"old", "new", "differences", "places"}
    assert (found["old"]["version"], found["new"]["version"]) == ("1", "2")
    (stays,) = [place for place in found["places"] if place["place"] == "spruce/spruce_alone"]
    assert (stays["goes_on_at"], stays["stays"], stays["cites"]) == (None, True, ["R8"])


def test_order_and_citations_are_no_difference(tmp_path: Path) -> None:
    text = FIRST.read_text(encoding="utf-8")
    one = "  firolib: {name: firolib, codes: {local: firolib}}\n"
    moved = text.replace(one, "").replace("\nprocedures:", f"{one}\nprocedures:", 1)
    other = tmp_path / "other.yaml"
    other.write_text(moved.replace("days: [1]}], cite: R3}", "days: [1]}], cite: [R3, R5]}"), encoding="utf-8")
    assert moved != text
    assert answer("compare", FIRST, other, "--format", "json")["differences"] == []
    assert "0 differences in meaning" in prose("compare", FIRST, other)


def test_check_looks_at_a_file_as_an_amendment() -> None:
    assert "running-cycle" in run("check", SECOND, "--amends", FIRST).output
    lost = TESTS / "bad_amendments" / "an_element_is_lost.yaml"
    assert run("check", lost, "--amends", FIRST).exit_code == 1
    assert run("check", lost).exit_code == 0
    assert run("check", SECOND, FIRST, "--amends", FIRST).exit_code == 2


def test_a_file_that_does_not_amend_the_protocol_is_refused() -> None:
    (line,) = errors("next", FIRST, "-", "--amended-by", TESTS / "protocols" / "ROWAN-1.yaml", stdin="")
    assert "amends-another" in line


def test_an_amendment_that_nobody_loaded_cannot_be_read() -> None:
    event = '{"id":"e1","kind":"amendment","effective":"2026-01-02","version":"2"}\n'
    (line,) = errors("next", FIRST, "-", stdin=event)
    assert "'2' is no version of this protocol" in line
    assert canonical(answer("next", FIRST, "-", "--format", "json", stdin="")) == canonical(
        answer("next", FIRST, "-", "--amended-by", SECOND, "--format", "json", stdin="")
    )
