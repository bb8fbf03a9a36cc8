"""The window of a criterion holds for the very reports that a value means, and for each of several results."""

from __future__ import annotations

from datetime import date

import pytest
from course_lines import events

from protocol_engine import compile_protocol
from protocol_engine.engine.patient_screening import screen_patient
from protocol_engine.reader import read_protocol

TEXT = """
protocol: REED-1
title: Reedin, which is no medicine
record: {registry: invented, version: "1"}
design: {phase: 2, allocation: randomised, ratio: not_stated, see: N1, masking: open_label, planned: 20}
rules:
  R1: Reedin is 1 mg by mouth on day 1 of a 3-week cycle, for two cycles.
  R2: A central reading of the ring counts before a local one.
assumptions: {}
not_stated:
  N1: {what: the allocation ratio}
facts:
  ring: {levels: [low, high], no_result: [lost], parts: {by: {one_of: [central, local], cite: R2}}, cite: R2}
  count: {quantity: 10*9/L, at_least: "0", cite: I2}
drugs:
  reedin: {name: reedin, codes: {local: reedin}}
regimens:
  reedin: {name: reedin, cycle: 21 days, gives: [{drug: reedin, dose: 1 mg, route: PO, days: [1]}], cite: R1}
values:
  central: {label: central ring, last: ring, where: {by: central}, cite: R2}
  local: {label: local ring, last: ring, where: {by: local}, cite: R2}
  best: {label: ring, prefer: [central, local], cite: R2}
  lowest: {label: lowest count, take: lowest, of: count, cite: R2}
criteria:
  I1: {text: a high ring, window: 14 days, if: {best: high}}
  I2: {text: never a low count, window: 14 days, if: {lowest: {at_least: "1"}}}
course:
  - {consent: written, cite: R1}
  - {eligibility: met, cite: R1}
  - {allocate: arm, cite: R1}
arms:
  reed:
    title: Reedin
    cite: R1
    course:
      - {give: reedin, element: doses, cycles: 2, cite: R1}
      - {end: completed, cite: R1}
endpoints_see: N1
"""


def outcomes(lines: str) -> dict[str, str]:
    """The answer to each criterion on 20 January, when what was taken before the 6th is too old."""
    machine = compile_protocol(read_protocol(TEXT, "REED-1.yaml"))
    found = screen_patient(machine.table, events(lines), date(2026, 1, 20))
    return {name: answer.outcome for name, answer in found.screening.answers.items()}


@pytest.mark.parametrize(
    ("central", "found"),
    [("2026-01-05", "met"), ("2026-01-06", "not_met")],
)
def test_a_newer_report_of_somebody_else_makes_an_old_one_no_younger(central: str, found: str) -> None:
    """A central reading of the 5th is too old, so the local one of the 16th counts; one of the 6th still counts."""
    lines = f"a {central} observation fact=ring value=low by=central\n"
    assert outcomes(lines + "b 2026-01-16 observation fact=ring value=high by=local")["I1"] == found


@pytest.mark.parametrize(("old", "found"), [("2026-01-05", "met"), ("2026-01-06", "not_met")])
def test_a_result_too_old_is_none_of_several(old: str, found: str) -> None:
    lines = f"a {old} observation fact=count value=0.5 unit=10*9/L\n"
    assert outcomes(lines + "b 2026-01-16 observation fact=count value=2 unit=10*9/L")["I2"] == found


def test_where_all_results_are_too_old_nothing_is_known() -> None:
    lines = "a 2026-01-05 observation fact=count value=2 unit=10*9/L\n"
    assert outcomes(lines + "b 2026-01-05 observation fact=ring value=high by=central") == {
        "I1": "unknown",
        "I2": "unknown",
    }
