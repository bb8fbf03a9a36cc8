"""One day after another: what comes first within a day, and where the fold leaves the patient."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest
from course_lines import BEGUN, begun, course, events, machine, offered, read, verdicts

from protocol_engine import Course, begin, compile_protocol, decide, step
from protocol_engine.codec import canonical
from protocol_engine.engine.course import derived
from protocol_engine.reader import read_protocol

ADAPTIVE = "NCT07239271"
ALTER = "NCT07151586"


def test_a_whole_beginning_on_one_day_blames_nobody() -> None:
    """Whatever the ids are: consent, eligibility, allocation and the first dose fit into one order only."""
    kinds = ("consent", "eligibility met=true", "allocation arm=adaptive", "administration regimen=nab_p_hp")
    for order in permutations(kinds):
        lines = "\n".join(f"e{number} 2026-01-05 {kind}" for number, kind in enumerate(order))
        found = course(ADAPTIVE, lines)
        assert verdicts(found) == {}
        assert found.state.now.position.place == "adaptive/start"


def test_what_is_observed_on_a_day_is_known_to_what_is_done_on_it() -> None:
    """The progression of the day ends treatment before its dose; a toxicity of the day comes after it."""
    progression = "e4 2026-01-05 observation fact=response value=PD"
    toxicity = 'e4 2026-01-05 adverse_event term="shock" unacceptable=true'
    dose = "e5 2026-01-05 administration regimen=sg cycle=1 day=1"
    for report, found in ((progression, {"e5": "order"}), (toxicity, {})):
        for lines in (f"{report}\n{dose}", f"{dose}\n{report}"):
            ended = begun(ALTER, "sg_alone", lines)
            assert verdicts(ended) == found
            assert ended.decide().ended is not None


@pytest.mark.parametrize("last", ["death", "withdrawal scope=study", "withdrawal scope=treatment", "study_closure"])
def test_what_ends_a_course_comes_after_what_was_done_on_that_day(last: str) -> None:
    found = begun(ALTER, "sg_alone", f"a1 2026-01-05 {last}\nz1 2026-01-05 administration regimen=sg cycle=1 day=1")
    assert verdicts(found) == {}
    assert found.decide().ended is not None


def test_a_report_is_known_when_it_is_issued_and_an_act_when_it_is_done() -> None:
    """A scan of the 24th that is read on the 29th does not make the dose of the 26th wrong; it still dates the end."""
    lines = """
    e4 2026-01-05 administration regimen=sg cycle=1 day=1
    e5 2026-01-12 administration regimen=sg cycle=1 day=8
    e6 2026-01-26 administration regimen=sg cycle=2 day=1
    e7 2026-01-24 observation fact=response value=PD issued=2026-01-29
    """
    found = begun(ALTER, "sg_alone", lines)
    assert verdicts(found) == {}
    assert found.decide().ended == {"reason": "progression", "date": "2026-01-24"}
    assert any(notice.startswith("e6: allowed, in hindsight not") for notice in found.decide().notices)


@pytest.mark.parametrize(
    ("morning", "afternoon", "blamed"),
    [
        ("administration regimen=sg cycle=1 day=1", "observation fact=response value=PD", {}),
        ("observation fact=response value=PD", "administration regimen=sg cycle=1 day=1", {"e5": "order"}),
    ],
)
def test_where_everything_has_a_time_the_clock_decides(morning: str, afternoon: str, blamed: dict[str, str]) -> None:
    lines = f"e4 2026-01-05T08:00:00+08:00 {morning}\ne5 2026-01-05T08:00:00Z {afternoon}"
    assert verdicts(begun(ALTER, "sg_alone", lines)) == blamed


def test_a_day_of_many_acts_is_taken_act_by_act() -> None:
    """Seven doses could be taken in 5040 orders; the ones that are no deviation still come before the rest."""
    lines = [f"e{number} 2026-01-05 administration regimen=ac_h cycle={number}" for number in range(4, 11)]
    lines.append("e3 2026-01-05 administration regimen=nab_p_hp cycle=1")
    gates = "g1 2026-01-02 consent\ng2 2026-01-03 eligibility met=true\ng3 2026-01-04 allocation arm=adaptive\n"
    found = course(ADAPTIVE, gates + "\n".join(lines))
    assert "e3" not in verdicts(found)
    assert len(verdicts(found)) == 7


# --- step is pure ----------------------------------------------------------------------------------------------------


def test_a_step_changes_no_state_and_the_same_step_gives_the_same_bytes() -> None:
    used = machine(ADAPTIVE)
    state = begun(ADAPTIVE, "adaptive", "e4 2026-01-05 administration regimen=nab_p_hp cycle=1").state
    before = canonical(decide(used, state).as_json())
    (event,) = events("e5 2026-01-26 administration regimen=nab_p_hp cycle=2")
    first, second = step(used, state, event), step(used, state, event)
    assert canonical(first.decision.as_json()) == canonical(second.decision.as_json())
    assert first.trace == second.trace
    assert canonical(decide(used, state).as_json()) == before
    assert "e5" not in state.events
    assert first.state.events.keys() - state.events.keys() == {"e5"}


def test_two_courses_of_one_machine_do_not_meet() -> None:
    used = machine(ALTER)
    ended = begun(ALTER, "sg_alone", "e4 2026-01-05 death")
    other = begun(ALTER, "alternating")
    assert ended.machine is other.machine is used
    assert ended.decide().ended is not None
    assert other.decide().ended is None
    assert offered(decide(used, begin(used))) == ["obtain_consent"]


def test_a_trace_tells_the_rows_that_were_tried_and_the_facts_that_decided_them() -> None:
    found = begun(
        "IIT2025006",
        "cohort_2",
        "e4 2026-01-05 administration regimen=sg cycle=1",
    )
    (event,) = events("e5 2026-02-01 observation fact=response value=PD")
    trace = step(found.machine, found.state, event).trace
    assert (trace.before, trace.after) == ("cohort_2/first_adc", "cohort_2/first_adc.closed.1")
    assert [(row.truth, row.facts) for row in trace.tried if row.truth == "true"] == [("true", ("e5",))]
    assert trace.verdict is None


def test_a_repeated_event_moves_nothing_and_says_so() -> None:
    found = begun(ALTER, "sg_alone")
    (again,) = events("e3 2026-01-04 allocation arm=sg_alone")
    taken = step(found.machine, found.state, again)
    assert taken.repeated
    assert taken.state is found.state
    assert (taken.trace.before, taken.trace.after) == ("sg_alone/allocated", "sg_alone/allocated")


def test_a_late_event_tells_what_it_changed() -> None:
    """T-DXd after one reported SG cycle is a deviation, until the report of the second SG cycle comes in."""
    lines = """
    e4 2026-01-05 administration regimen=sg cycle=1 day=1
    e5 2026-01-12 administration regimen=sg cycle=1 day=8
    e6 2026-02-16 administration regimen=tdxd cycle=3 day=1
    """
    found = begun(ALTER, "alternating", lines)
    assert verdicts(found) == {"e6": "condition"}
    (first, second) = events(
        """
        e7 2026-01-26 administration regimen=sg cycle=2 day=1
        e8 2026-02-02 administration regimen=sg cycle=2 day=8
        """
    )
    taken = step(found.machine, found.state, first)
    assert taken.changed == ("e6: condition before, allowed now",)
    state = step(found.machine, taken.state, second).state
    assert state.deviations == ()
    assert canonical(decide(found.machine, derived(found.machine, state.events)[0]).as_json()) == canonical(
        decide(found.machine, state).as_json()
    )


# --- what stops treatment in the middle of a day ----------------------------------------------------------------------

SECOND_DOSE = "e4 2026-01-05 administration regimen=nab_p_hp\ne5 2026-01-26 administration regimen=nab_p_hp\n"


@pytest.mark.parametrize(
    "stop",
    ["discontinuation scope=treatment", 'adverse_event term="shock" unacceptable=true'],
)
@pytest.mark.parametrize("ids", list(permutations(("a1", "m1", "z1"))))
def test_a_dose_a_stop_and_what_the_stop_opens_may_be_of_one_day(stop: str, ids: tuple[str, ...]) -> None:
    """R9, A12: the dose was due, the stop left surgery open, and surgery was done. Nobody is blamed."""
    dose, stopped, surgery = ids
    lines = f"""
    e4 2026-01-05 administration regimen=nab_p_hp
    {dose} 2026-01-26 administration regimen=nab_p_hp
    {stopped} 2026-01-26 {stop}
    {surgery} 2026-01-26 procedure procedure=surgery
    """
    found = begun(ADAPTIVE, "adaptive", lines)
    assert verdicts(found) == {}
    assert found.decide().ended == {"reason": "completed", "date": "2026-01-26"}


def test_a_stop_between_acts_clears_no_act_that_nothing_allowed() -> None:
    """R3, R9: a third dose given blind is one deviation, and surgery after the stop of its day is none."""
    lines = """
    e6 2026-02-16 administration regimen=nab_p_hp
    e7 2026-02-16 discontinuation scope=treatment
    e8 2026-02-16 procedure procedure=surgery
    """
    assert verdicts(begun(ADAPTIVE, "adaptive", SECOND_DOSE + lines)) == {"e6": "unknown"}
    timed = lines.replace("e8 2026-02-16", "e8 2026-02-16T08:00:00Z").replace(
        "e7 2026-02-16", "e7 2026-02-16T09:00:00Z"
    )
    assert verdicts(begun(ADAPTIVE, "adaptive", SECOND_DOSE + timed))["e8"] == "order"


def test_the_same_in_a_day_that_holds_too_much_to_try_every_order() -> None:
    """Five of six doses, no interval being stated, then a stop, then surgery: 5040 orders."""
    doses = "\n".join(f"e{n} 2026-01-26 administration regimen=nab_p_hp cycle={n}" for n in range(1, 6))
    results = """
    o1 2026-01-26 observation fact=ctdna timepoint=baseline value=negative
    o2 2026-01-26 observation fact=ctdna timepoint=after_cycle_1 value=negative
    o3 2026-01-26 observation fact=response timepoint=after_cycle_2 value=PR
    o4 2026-01-26 observation fact=response timepoint=after_cycle_4 value=PR
    """
    stop = "a1 2026-01-26 discontinuation scope=treatment\na2 2026-01-26 procedure procedure=surgery"
    gates = "g1 2026-01-02 consent\ng2 2026-01-03 eligibility met=true\ng3 2026-01-04 allocation arm=adaptive\n"
    found = course(ADAPTIVE, f"{gates}{doses}{results}{stop}")
    assert verdicts(found) == {}
    assert found.decide().ended == {"reason": "completed", "date": "2026-01-26"}
    too_early = course(ADAPTIVE, f"{gates}{doses}{results}a2 2026-01-26 procedure procedure=surgery")
    assert verdicts(too_early) == {"a2": "condition"}


TWO_WORDS = """\
    may:
      - {choose: early, by: doctor, options: {leaves: [{end: left, cite: R2}]}, cite: R2}
      - {choose: late, by: doctor, if: {at_risk: yes}, options: {moves: [{end: moved, cite: R2}]}, cite: R2}
"""


@pytest.mark.parametrize(("early", "late"), [("a1", "z1"), ("z1", "a1")])
def test_of_two_acts_that_exclude_each_other_the_one_offered_before_the_day_is_not_blamed(
    early: str, late: str
) -> None:
    """One of the two ends the course before the other; the later one was opened by a result of that very day."""
    text = (Path(__file__).parent / "bad_protocols" / "good.yaml").read_text(encoding="utf-8")
    begin, _, rest = text.partition("    may: [{perform: surgery")
    two = compile_protocol(read_protocol(begin + TWO_WORDS + rest.partition("\n")[2], "two.yaml"))
    lines = f"""
    e4 2026-01-05 administration regimen=one cycle=1 day=1
    {early} 2026-01-06 choice choice=early option=leaves
    {late} 2026-01-06 choice choice=late option=moves
    """
    result = {"id": "e5", "kind": "observation", "effective": "2026-01-06", "fact": "markers", "value": ["TP53"]}
    found = Course(two).record_all([*events(BEGUN.format(arm="only") + lines), read(result)])
    assert verdicts(found) == {late: "order"}
    assert found.decide().ended == {"reason": "left", "date": "2026-01-06"}
