"""Fragments are copied in where they are used, and never without end."""

from __future__ import annotations

import pytest

from protocol_engine import Problems, load_protocol
from protocol_engine.reader import read_protocol
from protocol_engine.service import protocol_text

TEXT, _ = protocol_text("NCT07239271")
RING = TEXT.replace("fragments:\n", "fragments:\n  here: [{use: there}]\n  there: [{use: here}]\n")


def test_a_fragment_that_is_used_twice_is_copied_twice() -> None:
    protocol = load_protocol("NCT07239271")
    assert protocol.stops[0].then == protocol.stops[1].then != ()


def test_fragments_that_use_each_other_are_a_problem() -> None:
    with pytest.raises(Problems) as raised:
        read_protocol(RING.replace("then: [{use: surgery}]", "then: [{use: here}]", 1), "ring.yaml")
    problem = raised.value.problems[0]
    assert (problem.code, problem.mark.line) == ("endless-fragment", RING[: RING.index("there: [")].count("\n") + 1)
    assert "here uses there uses here" in problem.message


def test_a_fragment_hands_on_what_it_was_given() -> None:
    text, _ = protocol_text("IIT2025006")
    text = text.replace("{use: two_adcs, with: {first: tdxd,", "{use: outer, with: {drug: tdxd,", 1)
    text = text.replace("{drug: tdxd, second: sg, rule: R2}", "{drug: tdxd, other: sg}")
    outer = "outer: [{use: two_adcs, with: {first: {with: drug}, second: {with: other}, rule: R2}}]"
    protocol = read_protocol(text.replace("fragments:\n", f"fragments:\n  {outer}\n"), "outer.yaml")
    assert protocol.arms["cohort_1"].course == load_protocol("IIT2025006").arms["cohort_1"].course
