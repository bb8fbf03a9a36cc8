"""One day after another: what comes first within a day, and where the fold leaves the patient."""

from __future__ import annotations

from itertools import permutations

import pytest
from course_lines import begun, course, events, machine, offered, verdicts

from protocol_engine import begin, decide, step
from protocol_engine.codec import canonical
from protocol_engine.engine.course import derived

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
