"""Whatever comes in, the answer is a problem or an input error: never another exception, never a silent default."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol_engine import (
    Course,
    InputError,
    Problems,
    compile_protocol,
    load_protocol,
    parse_events,
    shipped_protocols,
)
from protocol_engine.checks import check_text
from protocol_engine.model.events import EVENT_KINDS
from protocol_engine.reader import read_protocol
from protocol_engine.service import protocol_text

EXAMPLE = Path(__file__).parents[1] / "docs" / "examples" / "NCT07151586.jsonl"
LINES = EXAMPLE.read_text(encoding="utf-8").splitlines()


@cache
def machine(protocol: str) -> Any:
    return compile_protocol(load_protocol(protocol))


def outcome(protocol: str, lines: list[str]) -> str:
    """What becomes of event lines: `read`, or the text of everything that is wrong. Another exception is a failure."""
    try:
        Course(machine(protocol)).record_all(parse_events(lines)).decide()
    except (Problems, InputError) as wrong:
        return str(wrong) or "refused without a word"
    return "read"


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        [
            "2026-01-05",
            "2026-13-01",
            "0001-01-01",
            "9999-12-31",
            "2026-01-05T10:00",
            "sg",
            "weight",
            "PD",
            "kg",
            "1e3",
            "NaN",
            "",
        ]
    ),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
KEYS = (
    "id",
    "kind",
    "effective",
    "issued",
    "met",
    "arm",
    "fact",
    "timepoint",
    "value",
    "unit",
    "components",
    "regimen",
    "cycle",
    "day",
    "given",
    "reason",
    "choice",
    "option",
    "name",
    "procedure",
    "term",
    "grade",
    "unacceptable",
    "drug",
    "scope",
    "corrects",
    "event",
    "retracts",
    "drugs",
)
wild_events = st.fixed_dictionaries(
    {"kind": st.sampled_from([*EVENT_KINDS, "treatment"])}, optional={key: values for key in KEYS if key != "kind"}
)


@given(events=st.lists(wild_events, max_size=4))
def test_wild_events_are_read_or_refused(events: list[Any]) -> None:
    assert outcome("NCT07151586", [json.dumps(event) for event in events]) != "refused without a word"


@given(data=st.data())
def test_a_spoilt_key_of_a_real_event_is_read_or_refused(data: st.DataObject) -> None:
    events = [json.loads(line) for line in LINES]
    event = data.draw(st.sampled_from(events))
    key = data.draw(st.sampled_from([*event, "extra"]))
    if data.draw(st.booleans()):
        event.pop(key, None)
    else:
        event[key] = data.draw(values)
    outcome("NCT07151586", [json.dumps(event) for event in events])


@given(
    text=st.text(max_size=60)
    | st.sampled_from(LINES).flatmap(lambda line: st.integers(0, len(line)).map(lambda cut: line[:cut]))
)
def test_any_line_is_read_or_refused(text: str) -> None:
    assert outcome("NCT07239271", text.splitlines()) != "refused without a word"


@pytest.mark.parametrize(
    "line",
    [
        '{"id":"a","id":"b","kind":"death","effective":"2026-01-01"}',
        '{"id":"a","kind":"death","effective":"2026-01-01T10:00"}',
        '{"id":"a","kind":"death","effective":"2026-02-30"}',
        '{"id":"a","kind":"death","effective":"2026-01-02","issued":"2026-01-01"}',
        '{"id":"a","kind":"death","effective":"2026-01-01","cause":"x"}',
        '{"id":"a","kind":"eligibility","effective":"2026-01-01","met":"false"}',
        '{"id":"a","kind":"eligibility","effective":"2026-01-01","met":1}',
        '{"id":"a","kind":"administration","effective":"2026-01-01","regimen":"sg","cycle":1.0}',
        '{"id":"a","kind":"administration","effective":"2026-01-01","regimen":"sg","cycle":0}',
        '{"id":"a","kind":"administration","effective":"2026-01-01","regimen":"SG"}',
        '{"id":"a","kind":"observation","effective":"2026-01-01","fact":"weight","value":62.5,"unit":"kg"}',
        '{"id":"a","kind":"observation","effective":"2026-01-01","fact":"weight","value":"62,5","unit":"kg"}',
        '{"id":"a","kind":"observation","effective":"2026-01-01","fact":"weight","value":"62.5"}',
        '{"id":"a","kind":"observation","effective":"2026-01-01","fact":"weight","value":"0","unit":"kg"}',
        '{"id":"a","kind":"observation","effective":"2026-01-01","fact":"response","value":"pd"}',
        '{"id":"a","kind":"observation","effective":"2026-01-01","fact":"height","value":"1.7","unit":"m"}',
        '{"id":"a","kind":"retraction","effective":"2026-01-01","retracts":"a","reason":"x"}',
        '{"id":"a","kind":"retraction","effective":"2026-01-01","retracts":"b","reason":"x"}',
        '{"id":"\\ud800","kind":"death","effective":"2026-01-01"}',
        '{"id":"a","kind":"adverse_event","effective":"2026-01-01","term":"x","grade":6,"unacceptable":true}',
        '{"id":"a","kind":"adverse_event","effective":"2026-01-01","term":"x","drug":"aspirin","unacceptable":true}',
        "NaN",
        "[]",
        '"x"',
        "[" * 100_000,
        '{"id":"a","kind":"death","effective":"2026-01-01"}}',
    ],
)
def test_lines_that_must_be_refused(line: str) -> None:
    assert outcome("NCT07151586", [line]) != "read"


# --- protocol files --------------------------------------------------------------------------------------------------


def reads(text: str) -> str:
    """What becomes of a protocol file: `read`, or `refused` with a message and a line for every problem."""
    try:
        read_protocol(text, "wild.yaml")
    except Problems as wrong:
        told = all(problem.message and problem.mark.line >= 1 for problem in wrong.problems)
        return "refused" if told else "refused without a word"
    return "read"


@given(data=st.data())
def test_a_spoilt_protocol_file_is_read_or_refused(data: st.DataObject) -> None:
    text, _ = protocol_text(data.draw(st.sampled_from(shipped_protocols())))
    lines = text.splitlines()
    place = data.draw(st.integers(0, len(lines) - 1))
    what = data.draw(st.sampled_from(["drop", "twice", "word", "anchor", "tag", "null", "tab", "cut", "indent"]))
    line = lines[place]
    spoilt = {
        "drop": [],
        "twice": [line, line],
        "word": [
            line.replace(
                data.draw(st.sampled_from(line.split() or ["x"])), data.draw(st.text("ab:{}[],- #&*!", max_size=5)), 1
            )
        ],
        "anchor": [line.replace(": ", ": &a ", 1)],
        "tag": [line.replace(": ", ": !!int ", 1)],
        "null": [line.partition(":")[0] + ":"],
        "tab": ["\t" + line],
        "cut": [line[: len(line) // 2]],
        "indent": [" " + line],
    }[what]
    spoiled = "\n".join([*lines[:place], *spoilt, *lines[place + 1 :]])
    found = reads(spoiled)
    assert found in ("read", "refused")
    if found == "refused":
        assert any(problem.severity == "problem" for problem in check_text(spoiled, "wild.yaml"))


@given(text=st.text(max_size=200) | st.text("ab:{}[]-#&*!|>'\"\n ,", max_size=80))
def test_any_text_is_no_protocol(text: str) -> None:
    assert reads(text) == "refused"


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x00" * 50, b"\x89PNG\r\n"])
def test_a_file_that_is_no_text_is_an_input_error(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "wild.yaml"
    path.write_bytes(content)
    with pytest.raises((InputError, Problems)):
        load_protocol(str(path))
