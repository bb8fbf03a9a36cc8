"""The schemas and the parser know the same language: keys, required keys, and what may stand where."""

import copy
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from protocol_engine import Problems, load_protocol, shipped_protocols
from protocol_engine.adapters.json_schema import EXAMPLES, event_schema, protocol_schema, schema_files, write_schemas
from protocol_engine.codec import CODEC, STEP_KEYS, VALUE_KEYS, Invalid, Text
from protocol_engine.compiler import compile_protocol
from protocol_engine.engine.intake import accepted, parse_action, parse_events
from protocol_engine.errors import Mark
from protocol_engine.model import claims, conditions, doses, facts, protocol, screening, units, values
from protocol_engine.model.events import EVENT_KINDS, GivenDrug, PatientEvent
from protocol_engine.model.ucum import unit_of
from protocol_engine.reader import read_protocol, written_protocol
from protocol_engine.service import protocol_text

ROOT = Path(__file__).resolve().parents[1]
BAD = sorted((ROOT / "tests" / "bad_protocols").glob("*.yaml"))
PROTOCOL, EVENT = protocol_schema(), event_schema()
OF_PROTOCOLS, OF_EVENTS = Draft202012Validator(PROTOCOL), Draft202012Validator(EVENT)
OF_ACTIONS = Draft202012Validator({"$ref": "#/$defs/without_id", "$defs": EVENT["$defs"]})

CONSTRUCTS = {
    kind.__name__: kind
    for module in (claims, conditions, doses, facts, protocol, screening, units, values)
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, claims.Node) and kind is not claims.Node
} | {"QuantityRange": units.QuantityRange, "Range": conditions.Range, "Elapsed": conditions.Elapsed}
NAMES_ONLY = {"unknown-name", "unknown-assumption", "unknown-reading", "missing-reading", "endless-fragment"}
"""Problems about names declared elsewhere in the file: no schema sees them."""


def findings(value: object, kind: Any) -> list[tuple[str, str]]:
    """What the parser finds: the last part of the path, and the code."""
    try:
        CODEC.structure(value, kind)
    except Invalid as invalid:
        return [(str(found.path[0]) if found.path else "", found.code) for found in invalid.findings]
    return []


def definition(schema: dict[str, Any], name: str) -> dict[str, Any]:
    if name == "Protocol":
        return schema
    found: dict[str, Any] = schema["$defs"][name]
    return found


# --- the files -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["protocol.schema.json", "event.schema.json"])
def test_the_files_in_docs_are_those_of_the_model(name: str) -> None:
    checked_in = (ROOT / "docs" / "schema" / name).read_text(encoding="utf-8")
    assert checked_in == schema_files()[name], "run: python -m protocol_engine.adapters.json_schema docs/schema"


def test_the_files_can_be_written(tmp_path: Path) -> None:
    write_schemas(tmp_path)
    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == schema_files()


@pytest.mark.parametrize("schema", [PROTOCOL, EVENT], ids=["protocol", "event"])
def test_a_schema_is_one(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)
    assert set(_references(schema)) == {f"#/$defs/{name}" for name in schema["$defs"]}


def _references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for key, item in node.items():
            if key == "$ref":
                yield item
            else:
                yield from _references(item)
    elif isinstance(node, list):
        for item in node:
            yield from _references(item)


# --- protocol files: the same keys ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(CONSTRUCTS))
def test_a_construct_has_the_keys_of_the_parser(name: str) -> None:
    kind = CONSTRUCTS[name]
    form = definition(PROTOCOL, name)
    keys = set(form["properties"]) - ({"fragments"} if name == "Protocol" else set())
    assert form["additionalProperties"] is False
    for key in keys:
        assert (key, "unknown-key") not in findings({key: "x"}, kind)
    refused = {
        key for key, code in findings(dict.fromkeys([*_all_keys(), "no_such_key"], "x"), kind) if code == "unknown-key"
    }
    assert refused == {*_all_keys(), "no_such_key"} - keys
    assert {key for key, code in findings({}, kind) if code == "missing-key"} == set(form["required"])


def _all_keys() -> set[str]:
    """Every key of every construct, and the fields that only the reader may fill in."""
    keys = {key for name in CONSTRUCTS for key in definition(PROTOCOL, name)["properties"]}
    return keys - {"fragments"} | {"mark", "rests", "source", "readings"}


@pytest.mark.parametrize("name", sorted(set(CONSTRUCTS) - {"Protocol"}))
def test_inside_fragments_a_construct_is_the_same(name: str) -> None:
    inside = PROTOCOL["$defs"].get(f"{name}.in_fragment")
    if inside is None:  # it is no item of any list, so no fragment holds it
        return
    outside = definition(PROTOCOL, name)
    assert list(inside["properties"]) == list(outside["properties"])
    assert inside["required"] == outside["required"]
    assert inside["additionalProperties"] is False


def test_every_construct_has_a_form_and_every_form_of_keys_a_construct() -> None:
    forms = {name.removesuffix(".in_fragment") for name, form in PROTOCOL["$defs"].items() if "properties" in form}
    assert forms == set(CONSTRUCTS) - {"Protocol"} | {"InSet", "Use", "With"}


@pytest.mark.parametrize(("union", "kinds"), [("Step", STEP_KEYS), ("Value", VALUE_KEYS)])
def test_a_union_takes_each_kind_by_its_key(union: str, kinds: dict[str, type]) -> None:
    assert PROTOCOL["$defs"][union]["oneOf"] == [{"$ref": f"#/$defs/{kind.__name__}"} for kind in kinds.values()]
    for key, kind in kinds.items():
        assert key in definition(PROTOCOL, kind.__name__)["required"]


# --- protocol files: the same verdicts -----------------------------------------------------------------------------


def editor_tree(text: str) -> Any:
    """The file as an editor's YAML parser sees it, with numbers."""
    return YAML(typ="safe", pure=True).load(text)


TREES = {name: editor_tree(protocol_text(name)[0]) for name in shipped_protocols()}


@pytest.mark.parametrize("name", shipped_protocols())
def test_a_shipped_protocol_is_valid(name: str) -> None:
    assert list(OF_PROTOCOLS.iter_errors(TREES[name])) == []


def test_a_file_is_valid_where_the_editor_makes_booleans_of_yes_and_no() -> None:
    tree = with_booleans(TREES["NCT05861830"])
    assert tree["procedures"]["bilateral_oophorectomy"]["history"] is True
    assert list(OF_PROTOCOLS.iter_errors(tree)) == []


def with_booleans(node: Any) -> Any:
    """The tree as a parser of YAML 1.1 makes it."""
    if isinstance(node, dict):
        return {key: with_booleans(item) for key, item in node.items()}
    if isinstance(node, list):
        return [with_booleans(item) for item in node]
    return {"yes": True, "no": False}.get(node, node)


def parsed(tree: Any) -> bool | None:
    """Whether the parser reads the tree under every reading; None where it misses a name declared elsewhere."""
    codes: set[str] = set()
    as_written = written_protocol(json.dumps(tree, ensure_ascii=False), "tree")  # JSON is YAML, and all of it text
    for readings in ({}, OTHER_READINGS[tree["protocol"]]):
        try:
            as_written.read(readings)
        except Problems as problems:
            codes |= {problem.code for problem in problems.problems}
    return None if NAMES_ONLY & codes else not codes


OTHER_READINGS = {
    name: {
        assumption: reading
        for assumption, about in tree["assumptions"].items()
        for reading in about["readings"]
        if reading != about["default"]
    }
    for name, tree in TREES.items()
}


def mappings(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(node, dict):
        yield path
        for key, item in node.items():
            yield from mappings(item, (*path, key))
    elif isinstance(node, list):
        for index, item in enumerate(node):
            yield from mappings(item, (*path, index))


def one_of_each_shape(tree: Any) -> Iterator[tuple[str | int, ...]]:
    """Of mappings that differ only in the names that the protocol gave, as those of two facts do, the first."""
    keys = _all_keys()

    def shape(parts: Iterable[str | int]) -> tuple[str, ...]:
        return tuple(part if isinstance(part, str) and part in keys else "" for part in parts)

    found = {}
    for path in mappings(tree):
        found.setdefault((shape(path), frozenset(shape(at(tree, path)))), path)
    yield from found.values()


def at(tree: Any, path: tuple[str | int, ...]) -> Any:
    for part in path:
        tree = tree[part]
    return tree


@pytest.mark.parametrize("name", ["NCT07151586"])
def test_an_unknown_key_anywhere_is_the_same_to_both(name: str) -> None:
    refused = 0
    for path in one_of_each_shape(TREES[name]):
        tree = copy.deepcopy(TREES[name])
        at(tree, path)["no_such_key"] = ["x"]
        verdict = parsed(tree)
        unread = path == ("fragments",) or "reading_of" in at(tree, path)  # a fragment or reading that nobody asks for
        if verdict is not None and not unread:
            assert OF_PROTOCOLS.is_valid(tree) == verdict, path
            refused += not verdict
    assert refused > 50


def written(node: Any) -> Any:
    """The tree as the reader hands it on: every scalar is the text that was written."""
    if isinstance(node, dict):
        return {key: written(item) for key, item in node.items()}
    if isinstance(node, list):
        return [written(item) for item in node]
    text = Text(node)
    text.mark = Mark()
    return text


def specimens(name: str) -> list[dict[str, Any]]:
    """Mappings of the shipped files that the parser reads as this construct, one for each set of keys."""
    found = {}
    known = set(definition(PROTOCOL, name)["properties"])
    for tree in WRITTEN_TREES:
        for path in mappings(tree):
            specimen = at(tree, path)
            keys = frozenset(specimen)
            if keys not in found and keys <= known and not findings(specimen, CONSTRUCTS[name]):
                found[keys] = specimen
    return list(found.values())


OTHER_VALUES: list[Any] = [
    "yes",
    "maybe",
    "not_stated",
    "7",
    "-7",
    "0.5",
    "21 days",
    "10 mg/kg",
    "1 to 21",
    "every",
    "survival",
    " ",
    [],
    ["x"],
    ["1", "8"],
    [["x"]],
    {},
    {"a": "b"},
    {"a": ["b"]},
    {"at_least": "PR"},
    {"some_in": "genes"},
    [{"a": "b"}],
    [{"end": "completed"}],
    [{"drug": "adc"}],
    {"of": ["x"]},
    {"holds": {"a": "b"}},
]


@pytest.mark.parametrize("name", sorted(set(CONSTRUCTS) - {"Protocol"}))
def test_a_construct_is_the_same_to_both(name: str) -> None:
    validator = Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": PROTOCOL["$defs"]})
    found = specimens(name)
    for specimen in found:
        changed = [specimen | {"no_such_key": "x"}]
        for key in specimen:
            changed.append({other: item for other, item in specimen.items() if other != key})
            changed += [specimen | {key: written(value)} for value in OTHER_VALUES]
        for value in changed:
            if value or name != "Range":  # that a range has a limit is for the test around it to say
                kind = conditions.Test if name == "Elapsed" else CONSTRUCTS[name]
                assert validator.is_valid(value) == (not findings(value, kind)), value
    assert found


NOT_IN_THE_FILES = [
    {"repeat": "without_end", "steps": [{"give": "sg", "element": "sg", "cycles": "2"}], "until": [{"if": {"a": "b"}}]},
    {"fact": "response", "is": ["PR", "CR"], "confirmed_after": "4 weeks"},
    {"unit": "{copies}/mL", "times": "0.2", "cite": "E18.3"},
    {"text": "a test", "if": {"a": "b"}, "ask": "Is it so?", "joins": "all", "window": "7 days", "retests": "1"},
    {"within": "7 days", "before": "a"},
    {"at_least_ago": "3 months"},
]
"""Constructs that stand in the shipped files only with a `reading_of` or `use` inside."""
INVENTED = [
    editor_tree(path.read_text(encoding="utf-8"))
    for folder in ("protocols", "amendments")
    for path in (ROOT / "tests" / folder).glob("*.yaml")
]
WRITTEN_TREES = [written(tree) for tree in (*TREES.values(), *INVENTED, NOT_IN_THE_FILES)]


STAND_INS = [
    ("facts.response.cite", {"reading_of": "A1", "baseline_counts": "R2", "c1_decides": ["R2", "R3"]}, True),
    ("facts.response.cite", {"reading_of": "A1", "baseline_counts": "R2", "c1_decides": {"no": "claim"}}, False),
    ("facts.response.levels", ["PD", "SD", {"reading_of": "A4", "at_least_pr": "PR"}, "CR"], True),
    ("facts.response.levels", {"use": "surgery"}, False),
    ("facts.response.levels", {"with": "levels"}, False),
    ("regimens.adc", {"reading_of": "A4", "at_least_pr": {"gives": [{"drug": "adc"}]}}, True),
    ("regimens.adc", {"reading_of": "A4", "at_least_pr": {"gives": [{"drug": "adc", "way": "IV"}]}}, False),
    ("regimens.adc", {"reading_of": "A4", "at_least_pr": {"reading_of": "A4", "at_least_pr": {}}}, False),
    ("arms.control.course", [{"give": "tcbhp", "element": "tcbhp", "cycles": 2}, {"use": "surgery", "with": {}}], True),
    ("arms.control.course", [{"reading_of": "A4", "at_least_pr": {"use": "surgery"}}], True),
    ("arms.control.course", [{"use": "surgery", "for": "ever"}], False),
    ("values.pam_c1.holds", {"ctdna_c1": {"not": "any_result"}}, False),
    ("values.pam_c1.holds", {"ctdna_c1": {"not": ["positive"]}}, True),
    ("values.pam_c1.holds", {"ctdna_c1": {"not": {"not": "positive"}}}, False),
    ("values.pam_c1.holds", {"genes_c1": {"some_in": "pam_genes", "all_in": "pam_genes"}}, False),
    ("values.pam_c1.holds", {"response_c2": {"at_least": "PR", "below": "CR"}}, True),
    ("values.pam_c1.holds", {"response_c2": {}}, False),
    ("values.pam_c1.holds", [{"ctdna_c1": "positive"}, {"ctdna_c1": "negative"}], True),
    ("values.pam_c1.holds", [], False),
    ("values.progressed.is", {"unacceptable": "yes", "drug": ["adc", "ac_h"]}, True),
    ("regimens.adc.gives", [{"drug": "adc", "dose": "5 mg", "days": [1, 8], "in_cycles": [1]}], True),
    ("regimens.adc.gives", [{"drug": "adc", "dose": {"from": "5 mg", "to": "9 mg"}, "days": "1 to 21"}], True),
    ("regimens.adc.gives", [{"drug": "adc", "dose": "5", "days": "every"}], False),
    ("regimens.adc.gives", [{"drug": "adc", "days": [0]}], False),
    ("regimens.adc.gives", [{"drug": "adc", "route": "by mouth"}], False),
    ("fragments.surgery", [{"perform": {"with": "what"}}, {"end": "completed", "cite": [{"with": "rule"}]}], True),
    ("fragments.surgery", [{"perform": "surgery", "of": "the breast"}], False),
]


@pytest.mark.parametrize(("place", "value", "expected"), STAND_INS)
def test_what_stands_for_a_value(place: str, value: Any, *, expected: bool) -> None:
    tree = copy.deepcopy(TREES["NCT07239271"])
    *path, key = place.split(".")
    at(tree, tuple(path))[key] = value
    assert OF_PROTOCOLS.is_valid(tree) is expected
    if expected:
        assert parsed(tree) is not False
    else:
        assert parsed(tree) is not True


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_file_with_problems_is_valid_if_the_parser_reads_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    try:
        read_protocol(text, path.name)
    except Problems as problems:
        codes = {problem.code for problem in problems.problems}
        if not codes & (NAMES_ONLY | YAML_ONLY):
            assert not OF_PROTOCOLS.is_valid(editor_tree(text))
    else:
        assert OF_PROTOCOLS.is_valid(editor_tree(text))


YAML_ONLY = {"not-yaml", "not-a-protocol", "duplicate-key", "anchor", "tag", "too-deep", "bad-key"}
"""Problems of the text, which no tree shows."""


# --- events: the same keys -----------------------------------------------------------------------------------------


def example_of(kind: str) -> dict[str, Any]:
    return next(example for example in EXAMPLES if example["kind"] == kind)


def reads(event: object) -> bool:
    try:
        parse_events([json.dumps(event)])
    except Problems:
        return False
    return True


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["id"])
def test_an_example_is_valid_and_is_read(example: dict[str, Any]) -> None:
    assert OF_EVENTS.is_valid(example)
    assert reads(example)
    without_id = {key: item for key, item in example.items() if key != "id"}
    assert OF_ACTIONS.is_valid(without_id)
    assert not OF_ACTIONS.is_valid(example)
    assert not OF_EVENTS.is_valid(without_id)
    assert parse_action(json.dumps(without_id)).kind == example["kind"]


def test_every_kind_has_a_form_and_an_example() -> None:
    assert EVENT["properties"]["kind"]["enum"] == list(EVENT_KINDS)
    assert {example["kind"] for example in EXAMPLES} == set(EVENT_KINDS)
    for kind in EVENT_KINDS:
        assert EVENT["$defs"][kind]["examples"]


@pytest.mark.parametrize("kind", list(EVENT_KINDS))
def test_an_event_has_the_keys_of_the_parser(kind: str) -> None:
    form = EVENT["$defs"][kind]
    everything = {key for name in EVENT_KINDS for key in EVENT["$defs"][name]["properties"]}
    tried = {**dict.fromkeys([*everything, "no_such_key", "instant"], "2026-01-01"), "kind": kind}
    if kind == "correction":
        tried["event"] = {"kind": "death", "effective": "2026-01-01"}
    refused = {key for key, code in findings(tried, PatientEvent) if code == "unknown-key"}
    assert refused == {*everything, "no_such_key", "instant"} - set(form["properties"])
    missing = {key for key, code in findings({"kind": kind}, PatientEvent) if code == "missing-key"}
    assert missing | {"kind"} == set(form["required"])
    without_id = EVENT["$defs"][f"{kind}.without_id"]
    assert list(without_id["properties"]) == [key for key in form["properties"] if key != "id"]
    assert without_id["required"] == [key for key in form["required"] if key != "id"]


def test_what_was_given_has_the_keys_of_the_parser() -> None:
    form = EVENT["$defs"]["GivenDrug"]
    found = findings(dict.fromkeys([*form["properties"], "no_such_key"], "1"), GivenDrug)
    assert found == [("no_such_key", "unknown-key"), ("route", "word-expected")]
    assert {key for key, code in findings({}, GivenDrug)} == set(form["required"])
    assert form["properties"]["route"]["enum"] == ["IV", "PO", "IM", "SC"]


# --- events: the same verdicts -------------------------------------------------------------------------------------

ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([1.5, 2e300])
    | st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=5)
    | st.sampled_from(["1", "62.5", "2026-01-05", "2026-01-05T10:00:00Z", "2026-01-05T10:00", "treatment", "PIK3CA"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["drug", "dose", "kind", "b c"]), inner, max_size=2)
    ),
    max_leaves=4,
)
EVENT_KEYS = sorted({key for name in EVENT_KINDS for key in EVENT["$defs"][name]["properties"]} | {"no_such_key"})


@st.composite
def nearly_events(draw: st.DrawFn) -> dict[str, Any]:
    """An event of some kind, with keys dropped, added and mistyped, also inside a correction and what was given."""
    event = copy.deepcopy(draw(st.sampled_from(EXAMPLES)))
    inside = draw(st.sampled_from([event, event.get("event", event), *event.get("given", [event])]))
    for _ in range(draw(st.integers(0, 3))):
        key = draw(st.sampled_from([*inside, *EVENT_KEYS]) if inside else st.sampled_from(EVENT_KEYS))
        if draw(st.booleans()):
            inside.pop(key, None)
        else:
            inside[key] = draw(ANY_JSON)
    return event


def beyond_a_schema(event: Any) -> bool:
    """What a schema does not say: the order of two dates, and what is a unit; 2.0 as a number, a value of no fact."""
    found = False
    for part in (event, event.get("event") if isinstance(event, dict) else None):
        if isinstance(part, dict):
            times = [part.get("effective"), part.get("issued")]
            found = found or (all(isinstance(time, str) for time in times) and times[1][:10] < times[0][:10])
            found = found or any(map(is_in_no_unit, given if isinstance(given := part.get("given"), list) else []))
            value, details = part.get("value", "x"), part.get("components", {})
            found = found or not OF_VALUES.is_valid(value)
            found = found or (
                isinstance(details, dict) and not all(OF_MEMBERS.is_valid(names) for names in details.values())
            )
    return found


def is_in_no_unit(line: Any) -> bool:
    """Whether a line of what was given has a unit that has the form of a code, and is none."""
    unit = line.get("unit") if isinstance(line, dict) else None
    try:
        return isinstance(unit, str) and not unit_of(unit)
    except ValueError:
        return True


OF_VALUES = Draft202012Validator(EVENT["$defs"]["value"])
OF_MEMBERS = Draft202012Validator(EVENT["$defs"]["components"]["additionalProperties"])


@given(nearly_events())
def test_the_schema_and_the_parser_agree_on_events(event: dict[str, Any]) -> None:
    if not beyond_a_schema(event):
        assert OF_EVENTS.is_valid(event) == reads(event)
    elif OF_EVENTS.is_valid(event):
        assert not reads(event)


@given(ANY_JSON)
def test_anything_else_is_no_event_to_both(value: Any) -> None:
    assert OF_EVENTS.is_valid(value) == reads(value)


NOT_IN_THE_SCHEMA = [
    ({"effective": "2026-02-30"}, "is no day of the calendar"),
    ({"effective": "2026-01-02", "issued": "2026-01-01"}, "was known before it happened"),
    ({"effective": "2026-01-02T25:00:00Z"}, "is no hour of the day"),
]


@pytest.mark.parametrize(("change", "why"), NOT_IN_THE_SCHEMA, ids=[why for _, why in NOT_IN_THE_SCHEMA])
def test_what_the_schema_leaves_to_the_parser(change: dict[str, Any], why: str) -> None:
    event = example_of("consent") | change
    assert OF_EVENTS.is_valid(event), why
    assert not reads(event)


def test_the_schema_leaves_it_to_the_parser_what_is_a_unit() -> None:
    event = copy.deepcopy(example_of("administration"))
    event["given"][0]["unit"] = "mgs/kg"
    assert OF_EVENTS.is_valid(event)
    assert not reads(event)
    event["given"][0]["unit"] = "mg per kg"
    assert not OF_EVENTS.is_valid(event)


@pytest.mark.parametrize("value", [62.5, 62, None, {"value": "62"}, [1], [["PIK3CA"]]])
@pytest.mark.parametrize("name", shipped_protocols())
def test_no_fact_takes_a_value_that_the_schema_refuses(name: str, value: Any) -> None:
    table = compile_protocol(load_protocol(name))
    assert not OF_VALUES.is_valid(value)
    for fact, about in table.facts.items():
        unit = {"unit": about.quantity} if about.quantity is not None else {}
        event = {"id": "e1", "kind": "observation", "effective": "2026-01-01", "fact": fact, "value": value, **unit}
        with pytest.raises(Problems):
            accepted(table, parse_events([json.dumps(event)]))


@pytest.mark.parametrize("names", ["PIK3CA", ["pik3ca"], [1], None, {}])
def test_no_detail_takes_names_that_the_schema_refuses(names: Any) -> None:
    table = compile_protocol(load_protocol("NCT07239271"))
    event = example_of("observation") | {"components": {"mutated_genes": names}}
    assert not OF_EVENTS.is_valid(event)
    with pytest.raises(Problems):
        accepted(table, parse_events([json.dumps(event)]))
