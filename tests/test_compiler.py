"""What the compiler makes of steps that stand beside others, or twice."""

from pathlib import Path

import pytest

from protocol_engine import Course, compile_protocol, load_protocol, parse_events
from protocol_engine.compiler import compile_protocol as table_of
from protocol_engine.reader import read_protocol

GOOD = (Path(__file__).parent / "bad_protocols" / "good.yaml").read_text(encoding="utf-8")

TWO_ROUNDS = """\
    course:
      - repeat: without_end
        steps: [{give: one, element: first, cycles: 2, cite: R1}]
        until: [{if: {scan_two: worse}, cite: R2}]
        cite: R1
      - repeat: without_end
        steps: [{give: one, element: second, cycles: 2, cite: R2}]
        until: [{if: {scan_two: better}, then: [{end: completed, cite: A1}], cite: R2}]
        cite: R2
    cite: R1
"""


def test_a_choice_beside_the_course_does_not_wait_for_the_table_behind_it() -> None:
    """NCT07239271, A12 investigator_decides: after a toxicity in cycle 2 she may say at once how to go on."""
    machine = compile_protocol(load_protocol("NCT07239271", {"A12": "investigator_decides"}))
    lines = [
        '{"id":"e1","kind":"consent","effective":"2026-01-02"}',
        '{"id":"e2","kind":"eligibility","effective":"2026-01-03","met":true}',
        '{"id":"e3","kind":"allocation","effective":"2026-01-04","arm":"adaptive"}',
        '{"id":"e4","kind":"administration","effective":"2026-01-05","regimen":"nab_p_hp","cycle":1,"day":1}',
        '{"id":"e5","kind":"administration","effective":"2026-01-26","regimen":"nab_p_hp","cycle":2,"day":1}',
        '{"id":"e6","kind":"adverse_event","effective":"2026-01-28","term":"neutropenia","unacceptable":true}',
    ]
    decision = Course(machine).record_all(parse_events(lines)).decide().as_json()
    chosen = [action for action in decision["actions"] if action["kind"] == "choose"]
    assert [(action["choice"], action["options"]) for action in chosen] == [("treatment_goes_on", ["go_on", "stop"])]


def test_what_stands_beside_the_course_stands_once_in_a_place() -> None:
    table = table_of(load_protocol("NCT07239271", {"A12": "investigator_decides"}))
    rows = [row for row in table.offers["adaptive/start"] if row.act.name == "treatment_goes_on=go_on"]
    assert len(rows) == 1


def test_two_repetitions_in_one_arm_end_each_by_its_own_until() -> None:
    head = GOOD.partition("    course:\n      - {give: one")[0]
    table = table_of(read_protocol(head + TWO_ROUNDS, "two_rounds.yaml"))
    by_first = [row.target for row in table.falls["only/repeat"]]
    by_second = [row.target for row in table.falls["only/repeat#2"]]
    assert by_first == ["only/repeat.closed.1"]
    assert by_second == ["ended:completed"]


def test_a_choice_behind_a_stop_or_behind_another_choice_can_be_recorded() -> None:
    steps = "{{choose: {0}, by: investigator, options: {{yes: [], no: []}}, cite: A1}}, {{end: {0}, cite: A1}}"
    stop = "when: {too_toxic: yes}, end: toxicity"
    may = "may: [{perform: surgery, if: {at_risk: yes}, cite: R2}]"
    options = f"{{a_while: [], for_good: [{steps.format('palliation')}]}}"
    beside = f"{{choose: pause, by: investigator, options: {options}, cite: A1}}"
    text = GOOD.replace(stop, f"when: {{too_toxic: yes}}, then: [{steps.format('rechallenge')}]")
    text = text.replace(may, may.replace("[", f"[{beside}, "))
    choices = compile_protocol(read_protocol(text, "choices.yaml")).table.choices
    assert list(choices) == ["partner", "rechallenge", "pause", "palliation"]
    assert choices["palliation"].options == ("yes", "no")


@pytest.mark.parametrize(
    "ends",
    [
        "{reading_of: A1, until_progression: {death: R2}, fixed: {death: R1}}",
        "{death: {reading_of: A1, until_progression: R2, fixed: R1}}",
        "{death: [R2, {reading_of: A1, until_progression: R2, fixed: R1}]}",
    ],
)
def test_an_end_rests_on_the_reading_that_was_put_in_under_ends(ends: str) -> None:
    """Language reference, "Readings": every row that holds a selected reading names the assumption."""
    table = table_of(read_protocol(GOOD + f"ends: {ends}\n", "ends.yaml"))
    row = {row.target: row for row in table.rows if row.target.startswith("ended:")}
    assert {"R2", "A1", "G2"} <= set(row["ended:death"].basis)
    assert "A1" not in row["ended:off_study"].basis
