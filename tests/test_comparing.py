"""Each construct, changed in one word, is told by `compare`: what is not told there nobody looks at."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from protocol_engine.adapters.comparison_prose import comparison_json
from protocol_engine.compiler import compile_protocol
from protocol_engine.compiler.comparing import compare
from protocol_engine.model.table import Table
from protocol_engine.reader import read_protocol

PROTOCOLS = Path(__file__).parent / "protocols"
CHANGES = [
    ("BIRCH-1", "levels: [125 mg, 100 mg, 75 mg]", "levels: [125 mg, 100 mg, 50 mg]", "ladders", "palo"),
    ("BIRCH-1", "past_last: discontinue", "past_last: stays", "ladders", "palo"),
    ("BIRCH-1", 'lvef: {at_least: "55"}', 'lvef: {at_least: "60"}', "modifications", "weak_heart"),
    ("BIRCH-1", "neuropathy_3: yes}, do: lower", "neuropathy_3: yes}, do: discontinue", "modifications", "neuropathy"),
    ("PINE-1", "before: 1 day, after: 2 days", "before: 1 day, after: 3 days", "regimens", "pinib"),
    ("PINE-1", "{infection: yes}, up_to: 2 weeks", "{infection: yes}, up_to: 3 weeks", "regimens", "pinax"),
    ("PINE-1", "omitted: {day_1: skipped", "omitted: {day_1: counts", "regimens", "pinax"),
    ("ASPEN-1", "title: the radiation", "title: the rays", "tracks", "combined: radiation"),
    ("YEW-1", "hidden_from: [patient, investigator]", "hidden_from: patient", "masking", "hidden from"),
    ("YEW-1", "known_to: pharmacist", "known_to: [pharmacist, monitor]", "masking", "known to"),
    ("CLOVER-1", "clean_1: {value: clean_at_1", "clean_1: {value: clean_at_2", "announces", "clean_1"),
    ("OLIVE-1", "title: rest after progression", "title: rest", "elements", "olive/rest"),
]  # fmt: skip


@cache
def table_of(text: str) -> Table:
    return compile_protocol(read_protocol(text, "file.yaml"))


@pytest.mark.parametrize(("protocol", "old", "new", "section", "name"), CHANGES)
def test_one_change_is_told_in_its_section(protocol: str, old: str, new: str, section: str, name: str) -> None:
    text = (PROTOCOLS / f"{protocol}.yaml").read_text(encoding="utf-8")
    assert text.count(old) == 1, old
    found = compare(table_of(text), table_of(text.replace(old, new)))
    assert (section, name) in {(item["section"], item["name"]) for item in comparison_json(found)["differences"]}


def test_nothing_differs_from_itself() -> None:
    for protocol in dict.fromkeys(name for name, *_ in CHANGES):
        table = table_of((PROTOCOLS / f"{protocol}.yaml").read_text(encoding="utf-8"))
        assert compare(table, table).differences == compare(table, table).places == ()


def test_a_patient_is_told_of_the_rules_and_values_that_her_next_doses_turn_on() -> None:
    """A rule on mabtuz stands at every place that gives it, and a value at the places whose rows read it."""
    text = (PROTOCOLS / "BIRCH-1.yaml").read_text(encoding="utf-8")
    found = compare(table_of(text), table_of(text.replace('lvef: {at_least: "55"}', 'lvef: {at_least: "60"}')))
    assert {met.place.id for met in found.places} == {"birch/allocated", "birch/together", "birch/upkeep"}
    text = (PROTOCOLS / "CEDAR-1.yaml").read_text(encoding="utf-8")
    found = compare(table_of(text), table_of(text.replace('"2026-03-01"', '"2026-04-01"')))
    assert [(met.place.id, [item.name for item in met.differences]) for met in found.places] == [
        ("eligible", ["from_march"])
    ]
