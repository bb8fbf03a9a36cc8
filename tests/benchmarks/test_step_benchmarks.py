"""What an audited step costs, beside a bare trigger of a hand-written `transitions` machine in the same run.

Run with `python -m pytest tests/benchmarks`. Each round walks a whole course; the table at the end divides by its
events.
Nothing here asserts a time: the figures that were measured stand in docs/benchmarks.md.
"""

from __future__ import annotations

from typing import Any

import pytest
from courses import (
    adaptive_course,
    adaptive_peer,
    alternating_course,
    alternating_peer,
    corrected_course,
    late_course,
    read,
    walk,
)

from protocol_engine import begin, compile_protocol, load_protocol, step
from protocol_engine.audit import Chain

ROUNDS = 30
ALTERNATING = alternating_course(200)


def audited(machine: Any, events: list[Any]) -> int:
    """Every event taken, decided and recorded; the number of records."""
    state, chain = begin(machine), Chain.begin(machine, "benchmark")
    for event in events:
        taken = step(machine, state, event)
        chain = chain.after(chain.step(taken))
        state = taken.state
    return chain.length


def per_event(benchmark: Any, events: int) -> None:
    benchmark.extra_info["events"] = events
    if benchmark.stats is not None:
        benchmark.extra_info["microseconds per event"] = round(benchmark.stats.stats.min / events * 1e6, 2)


@pytest.mark.parametrize(
    ("protocol", "course", "peer"),
    [
        pytest.param("NCT07239271", adaptive_course(), adaptive_peer(), id="NCT07239271"),
        pytest.param("NCT07151586", ALTERNATING, alternating_peer(ALTERNATING), id="NCT07151586"),
    ],
)
@pytest.mark.parametrize("what", ["bare trigger", "audited step"])
def test_one_step(benchmark: Any, protocol: str, course: list[Any], peer: Any, what: str) -> None:
    benchmark.group = protocol
    events = read(course)
    machine = compile_protocol(load_protocol(protocol))
    assert audited(machine, events) == len(events) == len(peer[1])
    if what == "bare trigger":
        assert benchmark.pedantic(walk, (peer,), rounds=ROUNDS, warmup_rounds=3) in ("surgery", "sg", "tdxd")
    else:
        assert benchmark.pedantic(audited, (machine, events), rounds=ROUNDS, warmup_rounds=3) == len(events)
    per_event(benchmark, len(events))


@pytest.mark.parametrize("length", [125, 250, 500, 1000, 2000])
def test_a_long_course(benchmark: Any, length: int) -> None:
    benchmark.group = "course length"
    machine = compile_protocol(load_protocol("NCT07151586"))
    events = read(alternating_course(length))
    assert benchmark.pedantic(audited, (machine, events), rounds=5, warmup_rounds=1) == length
    per_event(benchmark, length)


@pytest.mark.parametrize("length", [100, 200, 400, 800, 1600])
@pytest.mark.parametrize("course", [corrected_course, late_course])
def test_a_course_with_corrections(benchmark: Any, course: Any, length: int) -> None:
    benchmark.group = course.__name__.replace("_", " ")
    machine = compile_protocol(load_protocol("NCT07151586"))
    events = read(course(length))
    assert benchmark.pedantic(audited, (machine, events), rounds=5, warmup_rounds=1) == length
    per_event(benchmark, length)
