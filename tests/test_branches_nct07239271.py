"""Every branch of NCT07239271, the engine against the oracle.

The space after C2 is baseline × after C1 × imaging, each also missing and not evaluable, and each
positive sample with a PAM gene listed, with another gene listed, with an empty list and without a list
(294 courses; 1,350 where A13 also asks which genes were tested). It is compared for every combination
of the readings A1, A2, A5, A6 and A10, and for A12 and A13 alone. The space after C4 is every way into
C3 × imaging × choice for the default and for each other reading alone, and one way into each of the four
branches for the combinations.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import cache
from itertools import product
from typing import Any

import pytest
from oracle_nct07239271 import (
    IMAGING,
    OTHER_READINGS,
    PAM_GENES,
    PLAIN_SAMPLES,
    SAMPLES,
    Choose,
    Ended,
    Offer,
    Outcome,
    Sample,
    Wait,
    after_choice,
    after_cycle_2,
    after_cycle_4,
    readings,
)

from protocol_engine import Course, compile_protocol, load_protocol, parse_events

# --- the engine: all that this file knows of its Python API -------------------------------------------------

Event = dict[str, Any]
Reading = tuple[tuple[str, str], ...]  # the readings that are not the default, in order


@cache
def machine_for(reading: Reading) -> Any:
    return compile_protocol(load_protocol("NCT07239271", readings=dict(reading)))


def decide(reading: Reading, events: list[Event], as_of: str) -> dict[str, Any]:
    """The decision on a course, in its wire form."""
    course = Course(machine_for(reading)).record_all(parse_events(json.dumps(event) for event in events))
    decision: dict[str, Any] = course.decide(as_of=date.fromisoformat(as_of)).as_json()
    return decision


# --- courses ------------------------------------------------------------------------------------------------

TESTED_GENES = "tested_genes"  # the part of a ctDNA report that only A13's other reading looks at
C2_SCAN, C3_DAY = "2026-02-14", "2026-02-16"
C4_DAY, C4_SCAN, C5_DAY = "2026-03-09", "2026-03-29", "2026-03-30"


def ctdna(sample: Sample, timepoint: str, day: str) -> Iterator[Event]:
    if sample.result is None:
        return
    lists = {"mutated_genes": sample.mutated, TESTED_GENES: sample.tested}
    components = {name: sorted(genes) for name, genes in lists.items() if genes is not None}
    event = {
        "kind": "observation",
        "effective": day,
        "fact": "ctdna",
        "timepoint": timepoint,
        "value": sample.result,
    }
    yield event | ({"components": components} if components else {})


def response(value: str | None, timepoint: str, day: str) -> Iterator[Event]:
    if value is not None:
        yield {
            "kind": "observation",
            "effective": day,
            "fact": "response",
            "timepoint": timepoint,
            "value": value,
        }


def given(regimen: str, cycle: int, day: str) -> Event:
    return {"kind": "administration", "effective": day, "regimen": regimen, "cycle": cycle, "day": 1}


def course_to_c2(baseline: Sample, c1: Sample, imaging: str | None) -> list[Event]:
    return [
        {"kind": "consent", "effective": "2026-01-02"},
        {"kind": "eligibility", "effective": "2026-01-03", "met": True},
        {"kind": "allocation", "effective": "2026-01-04", "arm": "adaptive"},
        *ctdna(baseline, "baseline", "2026-01-04"),
        given("nab_p_hp", 1, "2026-01-05"),
        *ctdna(c1, "after_cycle_1", "2026-01-25"),
        given("nab_p_hp", 2, "2026-01-26"),
        *response(imaging, "after_cycle_2", C2_SCAN),
    ]


def course_to_c4(start: list[Event], regimen: str, imaging: str | None) -> list[Event]:
    cycles = [given(regimen, 3, C3_DAY), given(regimen, 4, C4_DAY)]
    return [*start, *cycles, *response(imaging, "after_cycle_4", C4_SCAN)]


def numbered(events: Iterable[Event]) -> list[Event]:
    return [{"id": f"e{number}"} | event for number, event in enumerate(events, start=1)]


# --- what a decision says, in the oracle's terms ------------------------------------------------------------

BRANCH_RULES = {3: {"R3", "R4", "R5", "R6"}, 5: {"R7", "R8"}}


def rests_on(action: Mapping[str, Any], cycle: int) -> str:
    """The branch rules among those that an action rests on: one, if all is well."""
    return " and ".join(sorted(BRANCH_RULES[cycle].intersection(action["basis"]))) or "no rule"


def outcome_of(decision: Mapping[str, Any], cycle: int, ended_on: str) -> Outcome | str:
    """The decision as an outcome, or what is wrong with it whatever the oracle says."""
    acts = [action for action in decision["actions"] if action["kind"] in ("administer", "choose")]
    awaited = {(wait["fact"], wait["timepoint"]): wait for wait in decision["awaiting"]}
    if decision["deviations"]:
        return f"deviations where there are none: {decision['deviations']}"
    if decision["ended"] is not None:
        if decision["actions"] or awaited:
            return f"ended, and yet goes on: {decision['actions']} {decision['awaiting']}"
        if decision["ended"]["date"] != ended_on:
            return f"ended on {decision['ended']['date']}, not on the day of the scan, {ended_on}"
        return Ended(decision["ended"]["reason"])
    if awaited and not acts:
        if not all(wait["needed_by"] for wait in awaited.values()):
            return f"a wait that no rule needs: {decision['awaiting']}"
        return Wait(frozenset(awaited), frozenset(key for key, wait in awaited.items() if wait["dead"]))
    match acts:
        case [{"kind": "administer"} as act] if not awaited:
            if (act["cycle"], act["day"]) != (cycle, 1):
                return f"{act['regimen']} as cycle {act['cycle']} day {act['day']}, not cycle {cycle} day 1"
            return Offer(act["regimen"], rests_on(act, cycle))
        case [{"kind": "choose", "choice": "after_c4_switch"} as act] if not awaited:
            return Choose(frozenset(act["options"]), rests_on(act, cycle))
    return f"treatment actions {acts}, awaiting {decision['awaiting']}"


def told(outcome: Outcome | str) -> str:
    """The outcome in words, the same in every run."""
    match outcome:
        case Offer(regimen, rule):
            return f"{regimen} by {rule}"
        case Choose(options, rule):
            return f"choose {' or '.join(sorted(options))} by {rule}"
        case Wait(awaited, dead):
            return "wait for " + ", ".join(" ".join(key) + " (dead)" * (key in dead) for key in sorted(awaited))
        case Ended(reason):
            return f"ended: {reason}"
        case _:
            return outcome


class Comparison:
    """Collects where engine and oracle differ under one set of readings, and says so legibly."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.count = 0
        self.differences: list[str] = []
        self.first: list[Event] = []

    def check(self, label: str, expected: Outcome, events: Iterable[Event], cycle: int) -> None:
        course = numbered(events)
        as_of, scan = (C3_DAY, C2_SCAN) if cycle == 3 else (C5_DAY, C4_SCAN)
        found = outcome_of(decide(self.reading, course, as_of), cycle, scan)
        self.count += 1
        if found != expected:
            self.differences.append(f"  {label}\n    oracle: {told(expected)}\n    engine: {told(found)}")
            self.first = self.first or course

    def conclude(self, expected_count: int | None = None) -> None:
        if self.differences:
            shown = "\n".join(self.differences[:10])
            lines = "\n".join(f"  {json.dumps(event)}" for event in self.first)
            pytest.fail(
                f"{len(self.differences)} of {self.count} courses differ under {name_of(self.reading)}; "
                f"the first of them:\n{shown}\nevents of the first:\n{lines}",
                pytrace=False,
            )
        assert self.count > 0
        assert expected_count in (None, self.count), "the space is not the one it was"


# --- readings -----------------------------------------------------------------------------------------------

COMBINED = ("A1", "A2", "A5", "A6", "A10")


def reading_of(names: Iterable[str]) -> Reading:
    return tuple((name, OTHER_READINGS[name]) for name in names)


def name_of(reading: Reading) -> str:
    return " ".join(f"{name}={other}" for name, other in reading) or "the default readings"


def short_name(reading: Reading) -> str:
    return "+".join(name for name, _ in reading) or "default"


COMBINATIONS = [
    reading_of(name for name, other in zip(COMBINED, chosen, strict=True) if other)
    for chosen in product((False, True), repeat=len(COMBINED))
]
SINGLE = [reading_of(()), *(reading_of((name,)) for name in OTHER_READINGS)]
SEVERAL = [reading for reading in COMBINATIONS if len(reading) > 1]


def samples_for(reading: Reading) -> tuple[str, ...]:
    """The lists of tested genes only where a reading looks at them."""
    return tuple(SAMPLES) if "A13" in dict(reading) else PLAIN_SAMPLES


def ways(reading: Reading) -> Iterator[tuple[str, list[Event], Outcome]]:
    """Every course to C2 with its label and what is to follow."""
    names = samples_for(reading)
    for baseline, c1, imaging in product(names, names, IMAGING):
        yield (
            f"baseline {baseline} | after C1 {c1} | imaging {imaging or 'missing'}",
            course_to_c2(SAMPLES[baseline], SAMPLES[c1], imaging),
            after_cycle_2(SAMPLES[baseline], SAMPLES[c1], imaging, readings(**dict(reading))),
        )


def compare_after_c4(comparison: Comparison, label: str, start: list[Event], regimen: str) -> None:
    """Every response after C4 behind one way into C3, and every choice where there is one."""
    for imaging in IMAGING:
        events = course_to_c4(start, regimen, imaging)
        expected = after_cycle_4(regimen, imaging, readings(**dict(comparison.reading)))
        there = f"{label} | {regimen} | after C4 {imaging or 'missing'}"
        comparison.check(there, expected, events, cycle=5)
        if isinstance(expected, Choose):
            for option in sorted(expected.options):
                choice = {
                    "kind": "choice",
                    "effective": C5_DAY,
                    "choice": "after_c4_switch",
                    "option": option,
                }
                comparison.check(f"{there} | {option}", after_choice(option), [*events, choice], cycle=5)


# --- the comparisons ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("reading", [*COMBINATIONS, reading_of(["A12"]), reading_of(["A13"])], ids=short_name)
def test_after_cycle_2(reading: Reading) -> None:  # R2 R3 R4 R5 R6, A1 to A8, A10, A13
    comparison = Comparison(reading)
    for label, events, expected in ways(reading):
        comparison.check(label, expected, events, cycle=3)
    comparison.conclude(1350 if "A13" in dict(reading) else 294)


def test_the_genes_tested_say_nothing_by_default() -> None:  # A13
    comparison = Comparison(())
    for baseline, c1 in product(SAMPLES, repeat=2):
        expected = after_cycle_2(SAMPLES[baseline], SAMPLES[c1], "PR", readings())
        events = course_to_c2(SAMPLES[baseline], SAMPLES[c1], "PR")
        comparison.check(f"baseline {baseline} | after C1 {c1}", expected, events, cycle=3)
    comparison.conclude(225)


def test_each_gene_alone() -> None:  # A11
    comparison = Comparison(())
    negative = Sample("negative")
    for gene in [*sorted(PAM_GENES), "TP53", "ERBB2", "PIK3CB", "RPTOR"]:
        alone = Sample("positive", frozenset({gene}))
        for baseline, c1 in [(negative, alone), (alone, negative)]:
            expected = after_cycle_2(baseline, c1, "PR", readings())
            comparison.check(gene, expected, course_to_c2(baseline, c1, "PR"), cycle=3)
    comparison.conclude(26)


@pytest.mark.parametrize("reading", SINGLE, ids=short_name)
def test_after_cycle_4(reading: Reading) -> None:  # R7 R8, A4 A5 A7 A8 A9
    comparison = Comparison(reading)
    seen = set()
    for label, start, expected in ways(reading):
        # Too few genes tested is as good as none tested; one of the two will do.
        if isinstance(expected, Offer) and "/few" not in label:
            seen.add(expected.rule)
            compare_after_c4(comparison, label, start, expected.regimen)
    comparison.conclude()
    assert seen == BRANCH_RULES[3]


@pytest.mark.parametrize("reading", SEVERAL, ids=short_name)
def test_after_cycle_4_under_several_readings(reading: Reading) -> None:  # R7 R8, A4 A5 A7 A8 A9
    comparison = Comparison(reading)
    seen: set[str] = set()
    for label, start, expected in ways(reading):
        if isinstance(expected, Offer) and expected.rule not in seen:
            seen.add(expected.rule)
            compare_after_c4(comparison, label, start, expected.regimen)
    comparison.conclude()
    assert seen == BRANCH_RULES[3]
