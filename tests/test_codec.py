"""Strict in: nothing is coerced, everything wrong is told at once. Canonical out: one byte form."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import attrs
import pytest
import rfc8785
from course_lines import events, machine, read
from hypothesis import given
from hypothesis import strategies as st
from random_courses import any_event

from protocol_engine.codec import (
    CODEC,
    Invalid,
    Lines,
    Table,
    Text,
    canonical,
    digest,
    event_json,
    parse_json,
    path_text,
    plain_json,
)
from protocol_engine.errors import Mark, Problems, shortened, shown
from protocol_engine.model.claims import Assumption, Node
from protocol_engine.model.conditions import Condition, InSet, Not, OneOf, Presence, Range
from protocol_engine.model.doses import Dose
from protocol_engine.model.events import EventTime, GivenDrug, PatientEvent
from protocol_engine.model.facts import Cites, FactDefinition
from protocol_engine.model.protocol import Administration, Give, Step
from protocol_engine.model.units import (
    NOT_STATED,
    DayPoints,
    DaySpan,
    DoseDays,
    Duration,
    NotStated,
    Quantity,
    QuantityRange,
)
from protocol_engine.model.values import Value
from protocol_engine.reader import read_protocol


def written(value: str, line: int = 1, column: int = 1) -> Text:
    """A scalar of a protocol file."""
    text = Text(value)
    text.mark = Mark(line, column)
    return text


def mapping(**items: Any) -> Table:
    """A mapping of a protocol file; its keys stand in lines 1, 2, 3 of column 5."""
    table = Table(items)
    table.mark, table.rests = Mark(1, 5), ()
    table.key_marks = {key: Mark(line, 5) for line, key in enumerate(items, 1)}
    return table


def wrong(value: object, kind: Any) -> list[tuple[str, str]]:
    """Path and code of everything wrong with a value."""
    with pytest.raises(Invalid) as raised:
        CODEC.structure(value, kind)
    return [(path_text(finding.path), finding.code) for finding in raised.value.findings]


# --- primitives: what would be coerced elsewhere is refused here ----------------------------------------------------


@pytest.mark.parametrize(
    ("value", "kind", "code"),
    [
        (1, str, "text-expected"),
        (None, str, "text-expected"),
        ("  ", str, "text-expected"),
        ("half \ud800", str, "text-expected"),
        (["a"], str, "text-expected"),
        ("3", int, "whole-number-expected"),
        (True, int, "whole-number-expected"),
        (2.0, int, "whole-number-expected"),
        (None, int, "whole-number-expected"),
        (written("2.9"), int, "whole-number-expected"),
        (written("1234567890"), int, "whole-number-expected"),
        (written("٣"), int, "whole-number-expected"),
        ("false", bool, "yes-or-no-expected"),
        (0, bool, "yes-or-no-expected"),
        (None, bool, "yes-or-no-expected"),
        (written("true"), bool, "yes-or-no-expected"),
        (62.5, Decimal, "decimal-expected"),
        (62, Decimal, "decimal-expected"),
        ("NaN", Decimal, "decimal-expected"),
        ("1e3", Decimal, "decimal-expected"),
        ("٣", Decimal, "decimal-expected"),
        ("1" * 16, Decimal, "decimal-expected"),
        ("2026-02-30", date, "date-expected"),
        ("20260131", date, "date-expected"),
        (20260131, date, "date-expected"),
        (1767225600, EventTime, "date-expected"),
        ("2026-13-01", EventTime, "date-expected"),
        ("2026-01-31T09:30:00", EventTime, "date-expected"),
        ("2026-01-31 09:30:00+01:00", EventTime, "date-expected"),
        ("2026-01-31T25:00:00Z", EventTime, "date-expected"),
        ("2026-W05-6T09:30:00Z", EventTime, "date-expected"),
        ("9999-12-31", EventTime, "date-expected"),
        ("tomorrow", EventTime, "date-expected"),
        ("PFS", tuple[str, ...], "list-expected"),
        ({"a": 1}, tuple[str, ...], "list-expected"),
        (["a"], dict[str, str], "mapping-expected"),
        ("21", Duration, "duration-expected"),
        ("3 fortnights", Duration, "duration-expected"),
        (21, Duration, "duration-expected"),
        ("10mg/kg", Quantity, "dose-expected"),
        ("-1 mg", Quantity, "dose-expected"),
        ("0.0 mg", Quantity, "dose-expected"),
        (10, Quantity, "dose-expected"),
        ("randomized", Literal["randomised", "by_rule"], "word-expected"),
        (["randomised"], Literal["randomised", "by_rule"], "word-expected"),
        ("met!", Literal["met"], "word-expected"),
        ("not stated", Literal["a"] | NotStated, "word-expected"),
        ("n", NotStated | None, "word-expected"),
        (None, str | None, "text-expected"),
        ("3", GivenDrug, "mapping-expected"),
    ],
    ids=repr,
)
def test_nothing_is_coerced(value: object, kind: Any, code: str) -> None:
    assert wrong(value, kind) == [(".", code)]


@pytest.mark.parametrize(
    ("value", "kind", "found"),
    [
        ("a b", str, "a b"),
        (3, int, 3),
        (written("3"), int, 3),
        (True, bool, True),
        (written("no"), bool, False),
        ("62.50", Decimal, Decimal("62.50")),
        ("-4", Decimal, Decimal(-4)),
        ("2026-01-31", date, date(2026, 1, 31)),
        (["a", "b"], tuple[str, ...], ("a", "b")),
        ([], tuple[str, ...], ()),
        ({"a_1": "x"}, dict[str, str], {"a_1": "x"}),
        ("R1", Cites, ("R1",)),
        (["R1", "A2"], Cites, ("R1", "A2")),
        ("1 day", Duration, Duration(1, "days")),
        ("24 months", Duration, Duration(24, "months")),
        ("5.4 mg/kg", Quantity, Quantity(Decimal("5.4"), "mg/kg")),
        ("randomised", Literal["randomised", "by_rule"], "randomised"),
        ("not_stated", Literal["a"] | NotStated, NOT_STATED),
        ("a", Literal["a"] | NotStated, "a"),
        ("x", str | None, "x"),
    ],
    ids=repr,
)
def test_what_is_written_right_is_read_as_it_stands(value: object, kind: Any, found: object) -> None:
    read_value = CODEC.structure(value, kind)
    assert read_value == found
    assert type(read_value) is type(found)


def test_text_of_a_file_becomes_plain_text() -> None:
    """No mark may travel on into a digest or a comparison."""
    assert type(CODEC.structure(written("x"), str)) is str
    assert type(CODEC.structure(written("a"), Literal["a", "b"])) is str


@pytest.mark.parametrize("text", ["2026-01-31T09:30:00+01:00", "2026-01-31T09:30Z"])
def test_a_time_keeps_its_text_and_the_day_as_written(text: str) -> None:
    time = CODEC.structure(text, EventTime)
    assert (time.text, time.day) == (text, date(2026, 1, 31))
    assert time.instant is not None
    assert time.instant.utcoffset() is not None


# --- doses, days and conditions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("150 mg", Quantity(Decimal(150), "mg")),
        ({"from": "10 mg", "to": "20 mg"}, QuantityRange(Quantity(Decimal(10), "mg"), Quantity(Decimal(20), "mg"))),
    ],
)
def test_a_dose_is_a_quantity_or_a_range(value: object, found: Dose) -> None:
    assert CODEC.structure(value, Dose) == found
    assert CODEC.structure(mapping(drug="x", dose=value), Administration).dose == found


@pytest.mark.parametrize("to", ["5 mg", "20 g"])
def test_a_range_goes_from_lower_to_higher_in_one_unit(to: str) -> None:
    assert wrong({"from": "10 mg", "to": to}, Dose) == [(".", "dose-expected")]


@pytest.mark.parametrize(
    ("value", "found"), [([1, 8], DayPoints((1, 8))), ("1 to 21", DaySpan(1, 21)), ("every", DaySpan(1, None))]
)
def test_days_are_points_a_span_or_every_day(value: object, found: DoseDays) -> None:
    assert CODEC.structure(value, DoseDays) == found
    assert CODEC.structure(mapping(drug="x", days=value), Administration).days == found


@pytest.mark.parametrize("value", [[], [0], [8, 1], [1, 1], "21 to 1", "0 to 3", "8", 8, {"1": "8"}])
def test_days_count_from_one_and_forwards(value: object) -> None:
    assert wrong(value, DoseDays) == [(".", "days-expected")]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("PR", OneOf(("PR",))),
        (["PR", "CR"], OneOf(("PR", "CR"))),
        ("any_result", Presence("any_result")),
        ("not_reported", Presence("not_reported")),
        ({"at_least": "PR", "below": "CR"}, Range(at_least="PR", below="CR")),
        ({"some_in": "genes"}, InSet("some_in", "genes")),
        ({"not": {"at_most": "10"}}, Not(Range(at_most="10"))),
        ({"not": "PR"}, Not(OneOf(("PR",)))),
    ],
    ids=repr,
)
def test_a_test_is_a_level_levels_limits_a_set_or_presence(value: object, found: object) -> None:
    (clause,) = CODEC.structure({"response": value}, Condition).clauses
    assert [(test.name, test.test) for test in clause.tests] == [("response", found)]


@pytest.mark.parametrize(
    ("value", "findings"),
    [
        ({}, [(".", "condition-expected")]),
        ([], [(".", "condition-expected")]),
        ("PR", [(".", "condition-expected")]),
        ([{"a": "x"}, {}], [("[1]", "condition-expected")]),
        ({"a": 5}, [("a", "test-expected")]),
        ({"a": {}}, [("a", "test-expected")]),
        ({"a": {"not": "any_result"}}, [("a", "test-expected")]),
        ({"a": {"not": {"not": "x"}}}, [("a", "test-expected")]),
        ({"a": {"some_in": "x", "all_in": "y"}}, [("a.some_in", "unknown-key"), ("a.all_in", "unknown-key")]),
        ({"a": {"at_leats": "x"}}, [("a.at_leats", "unknown-key")]),
        ([{"a": 5}, {"b": 6, "c": 7}], [(f"{path}", "test-expected") for path in ("[0].a", "[1].b", "[1].c")]),
    ],
    ids=repr,
)
def test_a_condition_that_cannot_be_read_says_where(value: object, findings: list[tuple[str, str]]) -> None:
    assert wrong(value, Condition) == findings


def test_several_mappings_are_alternatives() -> None:
    condition = CODEC.structure([{"a": "x", "b": "y"}, {"c": "z"}], Condition)
    assert [[test.name for test in clause.tests] for clause in condition.clauses] == [["a", "b"], ["c"]]


# --- keys -----------------------------------------------------------------------------------------------------------


def test_an_unknown_key_is_refused_with_the_nearest_known_one() -> None:
    with pytest.raises(Invalid) as raised:
        CODEC.structure(mapping(drug="x", dos="10 mg"), Administration)
    (finding,) = raised.value.findings
    assert (finding.code, finding.path, finding.mark) == ("unknown-key", ("dos",), Mark(2, 5))
    assert "did you mean dose?" in finding.message


def test_a_missing_key_is_named() -> None:
    assert wrong(mapping(asks="?", default="a"), Assumption) == [("readings", "missing-key")]


def test_what_the_reader_fills_in_cannot_be_written() -> None:
    assert wrong(mapping(asks="?", default="a", readings=mapping(a="b"), rests=Lines()), Assumption) == [
        ("rests", "unknown-key")
    ]


@pytest.mark.parametrize("name", ["", "a b", "-a", "é", "a/b"])
def test_a_name_is_made_of_plain_letters(name: str) -> None:
    assert wrong({name: "x"}, dict[str, str])[0][1] == "bad-name"


@pytest.mark.parametrize("name", ["NCT 07239271/x", "a|b", "-a", "a:b"])
def test_protocols_elements_and_choices_have_names(name: str) -> None:
    """Ids of places are made of them."""
    text = (Path(__file__).parent / "bad_protocols" / "good.yaml").read_text(encoding="utf-8")
    for old in ("protocol: EXAMPLE1", "element: other", "choose: partner"):
        assert text.count(old) == 1
        with pytest.raises(Problems) as caught:
            read_protocol(text.replace(old, f'{old.partition(" ")[0]} "{name}"'), "x.yaml")
        (problem,) = caught.value.problems
        assert (problem.code, problem.path.rpartition(".")[2]) == ("bad-name", old.partition(":")[0])


def test_a_step_is_told_by_its_one_key() -> None:
    step = mapping(give="sg", element="sg", cycles=written("2"))
    assert isinstance(CODEC.structure(step, Step), Give)
    assert wrong(mapping(give="sg", end="over"), Step) == [(".", "step-expected")]
    assert wrong(mapping(gives="sg"), Step) == [(".", "step-expected")]
    assert wrong(mapping(), Step) == [(".", "step-expected")]
    assert wrong(written("give"), Step) == [(".", "step-expected")]
    assert wrong(mapping(lasts="x"), Value) == [(".", "value-expected")]


def test_everything_wrong_is_told_at_once_with_its_place() -> None:
    fact = mapping(
        levels=written("PR"),
        yes_no=written("true"),
        above=written("much"),
        parts=mapping(genes=mapping(set_of=mapping(), unless=written("x"))),
        taken=mapping(after_cycle_1=mapping(after_cycle=written("one"))),
    )
    with pytest.raises(Invalid) as raised:
        CODEC.structure(fact, FactDefinition)
    assert {(path_text(finding.path), finding.code) for finding in raised.value.findings} == {
        ("levels", "list-expected"),
        ("yes_no", "yes-or-no-expected"),
        ("above", "decimal-expected"),
        ("parts.genes.set_of", "text-expected"),
        ("parts.genes.unless", "unknown-key"),
        ("taken.after_cycle_1.after_cycle", "whole-number-expected"),
    }
    assert all(finding.mark is not None for finding in raised.value.findings)


def test_a_node_keeps_its_mark_and_what_it_rests_on() -> None:
    table = mapping(asks="?", default="a", readings=mapping(a="b"))
    table.rests = ("A1",)
    node = CODEC.structure(table, Assumption)
    assert isinstance(node, Node)
    assert (node.mark, node.rests) == (Mark(1, 5), ("A1",))
    assert node == attrs.evolve(node, mark=Mark(9, 9)), "where it stands is no part of what it says"


# --- events ---------------------------------------------------------------------------------------------------------

CONSENT = {"id": "e1", "kind": "consent", "effective": "2026-01-02"}


@pytest.mark.parametrize(
    ("wire", "findings"),
    [
        ("consent", [(".", "mapping-expected")]),
        ({"id": "e1"}, [("kind", "unknown-kind")]),
        ({"id": "e1", "kind": "consnt"}, [("kind", "unknown-kind")]),
        ({"id": "e1", "kind": ["consent"]}, [("kind", "unknown-kind")]),
        ({"kind": "consent"}, [("id", "missing-key"), ("effective", "missing-key")]),
        (CONSENT | {"met": True}, [("met", "unknown-key")]),
        (CONSENT | {"issued": "2026-01-01"}, [("issued", "issued-too-early")]),
        (CONSENT | {"kind": "eligibility", "met": "true"}, [("met", "yes-or-no-expected")]),
        (CONSENT | {"kind": "withdrawal", "scope": "all"}, [("scope", "word-expected")]),
        (
            CONSENT | {"kind": "administration", "regimen": 3, "cycle": "1", "day": 1.0},
            [("regimen", "text-expected"), ("cycle", "whole-number-expected"), ("day", "whole-number-expected")],
        ),
        (
            CONSENT | {"kind": "administration", "regimen": "sg", "given": [{"drug": "sg", "dose": 5, "form": "x"}]},
            [("given[0].form", "unknown-key"), ("given[0].dose", "decimal-expected")],
        ),
        (
            CONSENT
            | {
                "kind": "administration",
                "regimen": "sg",
                "given": [
                    {"drug": "sg", "dose": "10", "unit": "mgs/kg", "route": "iv"},
                    {"drug": "sg", "dose": "10", "unit": "mg/kg", "route": "by mouth"},
                    {"drug": "sg", "dose": "10", "unit": "", "route": "SC"},
                ],
            },
            [
                ("given[0].unit", "unknown-unit"),
                ("given[0].route", "word-expected"),
                ("given[1].route", "word-expected"),
                ("given[2].unit", "text-expected"),
            ],
        ),
        (
            CONSENT | {"kind": "correction", "corrects": "e0", "reason": "x", "event": CONSENT},
            [("event.id", "unknown-key")],
        ),
        (
            CONSENT | {"kind": "correction", "corrects": "e0", "reason": "x", "event": 5},
            [("event", "mapping-expected")],
        ),
    ],
    ids=repr,
)
def test_an_event_that_cannot_be_read_says_where(wire: object, findings: list[tuple[str, str]]) -> None:
    assert wrong(wire, PatientEvent) == findings


def test_a_corrected_event_keeps_the_id_it_had() -> None:
    (correction,) = events("c1 2026-01-09 correction corrects=e4 reason=late := 2026-01-05 consent")
    assert correction.event.id == "e4"


@given(any_event(machine("NCT07239271").table) | any_event(machine("NCT05861830").table))
def test_the_wire_form_of_an_event_is_read_back_as_the_same_event(wire: dict[str, Any]) -> None:
    event = read({"id": "e1", "effective": "2026-01-02", "issued": "2026-01-05"} | wire)
    assert read(event_json(event)) == event
    inner = {"id": "c1", "kind": "correction", "effective": "2026-01-09", "corrects": "e1", "reason": "?"}
    correction = read(inner | {"event": event_json(event, with_id=False)})
    assert read(event_json(correction)) == correction


def test_defaults_stay_out_of_the_wire_form() -> None:
    assert event_json(read(CONSENT | {"issued": "2026-01-02"})) == CONSENT


# --- JSON -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ['{"a":1,"a":1}', '[{"a":{"b":1,"b":2}}]', "NaN", "[Infinity]", "{", "", "[" * 100_000]
)
def test_json_that_is_ambiguous_or_broken_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as raised:
        parse_json(text)
    assert [finding.code for finding in raised.value.findings] == ["not-json"]


def test_no_path_carries_what_no_output_can() -> None:
    assert path_text(("arms", "a\ud800", 0, "course")) == "arms.a\\ud800[0].course"
    assert path_text(()) == "."


def test_a_number_of_very_many_digits_is_no_number() -> None:
    assert parse_json("9" * 100) == 10**100 - 1
    for kind in (int, str, bool):
        with pytest.raises(Invalid) as raised:
            CODEC.structure(parse_json("-" + "9" * 100_000), kind)
        (finding,) = raised.value.findings
        assert (finding.code == "number-too-long") == (kind is int)
        assert f"the number -{'9' * 58}… of 100000 digits" in finding.message


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("x" * 60, repr("x" * 60)),
        ("x" * 61, repr("x" * 59 + "…")),
        (["x"] * 100, "['x', " + "'x', " * 10 + "'x'…"),
        ({"a": 1}, "{'a': 1}"),
    ],
)
def test_a_message_shows_the_beginning_of_a_long_value(value: object, words: str) -> None:
    assert shown(value) == words


def test_a_message_is_shortened_where_something_in_it_is_long() -> None:
    long = "x" * 200
    assert (
        shortened(f"'{long}' is no name of {long}, and 'a b' is")
        == f"'{'x' * 58}… is no name of {'x' * 59}… and 'a b' is"
    )


plain_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="ascii")), inner),
    max_leaves=20,
)


@given(plain_values)
def test_the_canonical_form_is_that_of_rfc_8785(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


def test_the_digest_is_sha_256_of_the_canonical_form() -> None:
    """The digest of `{}` is that of the two bytes 7b 7d."""
    assert digest({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert digest({"a": 1, "b": [True]}) == digest({"b": [True], "a": 1})


def test_no_float_ever_becomes_a_byte() -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical(float("nan"))


@attrs.frozen
class _Sample:
    from_: Decimal
    seen: frozenset[str]
    on: date
    time: EventTime
    silent: NotStated
    hidden: str = attrs.field(default="mark", eq=False)


def test_values_become_plain_json() -> None:
    sample = _Sample(Decimal("10.50"), frozenset("ba"), date(2026, 1, 2), EventTime.of("2026-01-02"), NOT_STATED)
    assert plain_json(sample) == {
        "from": "10.50",
        "seen": ["a", "b"],
        "on": "2026-01-02",
        "time": "2026-01-02",
        "silent": "not_stated",
    }
    assert json.dumps(plain_json({"a": (True, None, 3)})) == '{"a": [true, null, 3]}'
