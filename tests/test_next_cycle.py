"""When the next cycle is due, and what an assessment rests on."""

from __future__ import annotations

import pytest

from protocol_engine import Course, compile_protocol, parse_events
from protocol_engine.reader import read_protocol
from protocol_engine.service import protocol_text

BEGUN = """
{"id":"e1","kind":"consent","effective":"2026-02-23"}
{"id":"e2","kind":"eligibility","effective":"2026-02-25","met":true}
{"id":"e3","kind":"allocation","effective":"2026-02-26","arm":"%s"}
"""


def due_of_cycle_2(rule: str, day_8: str | None = None) -> str:
    """The day on which ALTER's second SG cycle is due, under another rule for the next cycle; day 1 is 1 March."""
    text, _ = protocol_text("NCT07151586")
    text = text.replace("from_day_1: {due: 21 days, after_day: 1}", f"from_day_1: {rule}")
    lines = (BEGUN % "sg_alone").splitlines()
    lines.append('{"id":"d1","kind":"administration","effective":"2026-03-01","regimen":"sg","cycle":1,"day":1}')
    if day_8 is not None:
        lines.append(f'{{"id":"d8","kind":"administration","effective":"{day_8}","regimen":"sg","cycle":1,"day":8}}')
    machine = compile_protocol(read_protocol(text, "alter.yaml"))
    actions = Course(machine).record_all(parse_events(lines)).decide().actions
    return next(action.due for action in actions if action.content["cycle"] == 2)


@pytest.mark.parametrize(
    ("rule", "day_8", "due"),
    [
        ("{due: 21 days, after_day: 1}", None, "2026-03-22"),
        ("{due: 28 days, after_day: 1}", None, "2026-03-29"),
        ("{due: 28 days, after_day: 1}", "2026-03-10", "2026-03-29"),
        ("{due: 14 days, after_day: 8}", None, "2026-03-22"),
        ("{due: 14 days, after_day: 8}", "2026-03-10", "2026-03-24"),
        ("{due: 7 days, after_day: 1}", None, "2026-03-22"),
    ],
)
def test_the_next_cycle_is_due_after_its_day_and_never_before_the_cycle_is_over(
    rule: str, day_8: str | None, due: str
) -> None:
    assert due_of_cycle_2(rule, day_8) == due


def test_an_assessment_names_each_claim_once() -> None:
    machine = compile_protocol(read_protocol(*protocol_text("NCT07239271")))
    actions = Course(machine).record_all(parse_events((BEGUN % "adaptive").splitlines())).decide().actions
    assert {action.kind for action in actions} == {"administer", "assess"}
    assert [action.basis for action in actions if len(set(action.basis)) != len(action.basis)] == []
