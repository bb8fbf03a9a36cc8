"""What no protocol file may hold, and where it is told to stand; the rest stays the text that was written."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocol_engine import Problems
from protocol_engine.codec import Invalid, Lines, Table, Text, path_text
from protocol_engine.errors import Mark
from protocol_engine.reader import read_protocol
from protocol_engine.reader.tree import MOST_DEPTH, tree_of

GOOD = (Path(__file__).parent / "bad_protocols" / "good.yaml").read_text(encoding="utf-8")


def wrong(text: str) -> list[str]:
    """`line:column code path` of everything that is no plain YAML."""
    with pytest.raises(Invalid) as raised:
        tree_of(text)
    marked = [(finding, finding.mark or Mark()) for finding in raised.value.findings]
    return [f"{mark.line}:{mark.column} {found.code} {path_text(found.path)}" for found, mark in marked]


def problems(text: str, readings: dict[str, str] | None = None) -> list[str]:
    """`line:column code path` of everything wrong with a file, in the order of lines."""
    with pytest.raises(Problems) as raised:
        read_protocol(text, "x.yaml", readings)
    return [f"{p.mark.line}:{p.mark.column} {p.code} {p.path}" for p in raised.value.problems]


def place_of(text: str, words: str) -> str:
    """The `line:column` at which the words stand first."""
    before = text[: text.index(words)]
    return f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


# --- the tree -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "word", ["on", "off", "yes", "no", "12:30", "007", "1e3", "0x1F", "2026-01-31", "nan", ".inf", "true", "1_000"]
)
def test_every_scalar_stays_the_text_that_was_written(word: str) -> None:
    tree = tree_of(f"a: {word}\nb: [{word}]\n")
    assert (tree["a"], list(tree["b"])) == (word, [word])
    assert isinstance(tree["a"], Text)


def test_everything_knows_its_place() -> None:
    tree = tree_of("a:\n  - b: x\n  - [y, {c: z}]\n")
    lines = tree["a"]
    assert isinstance(lines, Lines)
    assert (tree.mark, tree.key_marks) == (Mark(1, 1), {"a": Mark(1, 1)})
    assert (lines.mark, lines[0].mark, lines[0]["b"].mark) == (Mark(2, 3), Mark(2, 5), Mark(2, 8))
    assert lines[1][1].key_marks == {"c": Mark(3, 10)}
    assert isinstance(lines[1][1], Table)


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("", ["1:1 not-a-protocol ."]),
        ("just a line", ["1:1 not-a-protocol ."]),
        ("- a\n- b\n", ["1:1 not-a-protocol ."]),
        ("a: x\na: y\n", ["2:1 duplicate-key a"]),
        ("a:\n  b: {c: x, d: y, c: z}\n", ["2:19 duplicate-key a.b.c"]),
        ("a: &here x\n", ["1:4 anchor a"]),
        ("&here a: x\n", ["1:1 anchor a"]),
        ("a: &here [x]\nb: *here\n", ["1:4 anchor a", "2:4 anchor b"]),
        ("a: !!int 5\n", ["1:4 tag a"]),
        ("a: !unit 5 mg\n", ["1:4 tag a"]),
        ("a: !!set {b: x}\n", ["1:4 tag a"]),
        ("a: !!omap [x]\n", ["1:4 tag a"]),
        ("a: !!binary aGk=\n", ["1:4 tag a"]),
        ("!!str a: x\n", ["1:1 tag a"]),
        ("a:\nb: x\n", ["1:1 empty-value a"]),
        ("a: ~\n", ["1:4 empty-value a"]),
        ("a: [x, null]\n", ["1:8 empty-value a[1]"]),
        ("a: [x, ,]\n", ["1:8 not-yaml ."]),
        ("? [a, b]\n: x\n", ["1:3 bad-key ."]),
        ("? {a: b}\n: [x, *y]\nc: d\n", ["1:3 bad-key .", "2:7 anchor [1]"]),
        ("a: x\n---\nb: y\n", ["2:1 not-yaml ."]),
        ("a: x\n  b: y\n", ["2:4 not-yaml ."]),
        ("a: x\n\tb: y\n", ["2:1 not-yaml ."]),
        ("a: 'x\n", ["2:1 not-yaml ."]),
        ("a: \x07\n", ["1:1 not-yaml ."]),
        ("a: \ud800\n", ["1:1 not-yaml ."]),
        ("%YAML 3.0\n---\na: x\n", ["1:1 not-yaml ."]),
    ],
    ids=repr,
)
def test_what_is_no_plain_yaml_is_told_with_its_place(text: str, findings: list[str]) -> None:
    assert wrong(text) == findings


def test_quoted_emptiness_is_a_value() -> None:
    """Whether a field may be empty is for the field to say."""
    assert tree_of('a: ""\nb: "~"\nc: "null"\n') == {"a": "", "b": "~", "c": "null"}


def test_an_alias_is_never_followed() -> None:
    """Nine lines that would unfold into 9**9 values, and a list that holds itself twice."""
    bomb = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10))
    assert len(wrong(bomb)) == 10 + 9 * 9
    assert wrong("a: &a [*a, *a]\n") == ["1:4 anchor a", "1:8 anchor a[0]", "1:12 anchor a[1]"]


def test_a_file_is_no_deeper_than_any_protocol() -> None:
    deepest = MOST_DEPTH - 1  # the mapping at the top, and the value inside
    assert tree_of("a: " + "[" * deepest + "x" + "]" * deepest)
    for text in ("[" * (deepest + 1) + "x" + "]" * (deepest + 1), "{b: " * 500):
        assert [finding.split()[1] for finding in wrong(f"a: {text}")] == ["too-deep"]


def test_everything_wrong_in_the_text_is_told_at_once() -> None:
    text = "a: &x 1\nb:\nc: !!int 2\na: 3\n"
    assert wrong(text) == ["1:4 anchor a", "2:1 empty-value b", "3:4 tag c", "4:1 duplicate-key a"]


# --- readings and fragments -------------------------------------------------------------------------------------------

TITLE = "title: One drug, and by the scan after two cycles the same or another"
STEP = "then: [{give: one, element: more, cycles: 2, cite: R2}]"
HERE = "arms.only.course[1].rows[0].then[0]"
"""The path of that step."""


def test_a_problem_inside_a_reading_stands_where_it_is_written() -> None:
    reading = "title:\n  reading_of: A1\n  until_progression: fine\n  fixed: [1]"
    text = GOOD.replace(TITLE, reading)
    assert read_protocol(text, "x.yaml").title == "fine"
    assert problems(text, {"A1": "fixed"}) == [f"{place_of(text, '[1]')} text-expected title"]


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("{reading_of: A9, until_progression: x, fixed: y}", "unknown-assumption title"),
        ("{reading_of: A1, until_progresion: x, fixed: y}", "missing-reading title"),
        ("{reading_of: A1, until_progression: x, fixed: y, whatever: z}", "unknown-reading title.whatever"),
    ],
)
def test_a_reading_is_one_of_its_assumption(written: str, code: str) -> None:
    assert code in [problem.partition(" ")[2] for problem in problems(GOOD.replace(TITLE, f"title: {written}"))]


@pytest.mark.parametrize(
    ("key", "value", "path"),
    [
        ("phase", "2", "design.phase"),
        ("masking", "open_label", "design.masking"),
        ("above", '"0"', "facts.weight.above"),
        ("after_cycle", "2", "facts.scan.taken.after_two.after_cycle"),
        ("days", "[1, 8]", "regimens.one.gives[0].days"),
        ("taken", "{after_two: {after_cycle: 2, cite: R1}}", "facts.scan.taken"),
    ],
)
@pytest.mark.parametrize(
    ("reading", "code"), [("{reading_of: A1, fixed: x}", "missing-reading"), ("{reading_of: A9}", "unknown-assumption")]
)
def test_a_reading_without_its_line_is_one_problem_whatever_should_stand_there(
    key: str, value: str, path: str, reading: str, code: str
) -> None:
    """Nothing is put in, so nothing is wrong with its form: no whole number, no list, no word is asked for."""
    text = GOOD.replace(f"{key}: {value}", f"{key}: {reading}", 1)
    assert text != GOOD
    assert [problem.partition(" ")[2] for problem in problems(text)] == [f"{code} {path}"]


@pytest.mark.parametrize(
    ("readings", "found"),
    [({"A7": "x"}, "unknown-assumption assumptions.A7"), ({"A1": "x"}, "unknown-reading assumptions.A1")],
)
def test_only_readings_of_the_file_can_be_selected(readings: dict[str, str], found: str) -> None:
    assert [problem.partition(" ")[2] for problem in problems(GOOD, readings)] == [found]


def test_a_default_is_one_of_the_readings() -> None:
    text = GOOD.replace("default: until_progression", "default: until_the_end")
    assert [problem.partition(" ")[2] for problem in problems(text)] == ["unknown-reading assumptions.A1.default"]


def with_fragment(use: str, fragments: str) -> str:
    return GOOD.replace(STEP, f"then: [{use}]") + f"fragments: {fragments}\n"


def test_a_fragment_is_copied_in_as_if_it_stood_there() -> None:
    text = with_fragment("{use: go_on}", "{go_on: [{give: one, element: more, cycles: 2, cite: R2}]}")
    assert read_protocol(text, "x.yaml") == read_protocol(GOOD, "x.yaml")


@pytest.mark.parametrize(
    ("use", "fragments", "found"),
    [
        ("{use: go_on}", "[]", "mapping-expected fragments"),
        ("{use: go_on}", "{go_on: one}", "list-expected fragments.go_on"),
        ("{use: go_on}", "{go: [{end: x, cite: R1}]}", "unused-fragment fragments.go"),
        ("{use: other}", "{go_on: [{use: go_on}]}", f"unknown-name {HERE}"),
        ("{use: go_on, times: 2}", "{go_on: [{end: x, cite: R1}]}", f"unknown-key {HERE}"),
        ("{use: go_on, with: x}", "{go_on: [{end: x, cite: R1}]}", f"mapping-expected {HERE}.with"),
        ("{use: go_on, with: {a: x}}", "{go_on: [{end: x, cite: R1}]}", f"unknown-key {HERE}.with.a"),
        ("{use: go_on}", "{go_on: [{end: {with: a}, cite: R1}]}", "unknown-name fragments.go_on[0].end"),
    ],
)
def test_a_fragment_that_cannot_be_used_is_a_problem(use: str, fragments: str, found: str) -> None:
    assert found in [problem.partition(" ")[2] for problem in problems(with_fragment(use, fragments))]


def test_a_problem_inside_a_fragment_stands_where_the_fragment_is_written() -> None:
    step = "{give: one, element: more, cycle: 2, cite: R2}"
    text = with_fragment("{use: go_on}", f"\n  go_on:\n    - {step}")
    assert problems(text) == [
        f"{place_of(text, step)} missing-key {HERE}.cycles",
        f"{place_of(text, 'cycle: 2, cite: R2')} unknown-key {HERE}.cycle",
    ]


def test_fragments_that_multiply_are_cut_off() -> None:
    """Thirty fragments of which each uses the next twice would be a thousand million steps."""
    inner = ", ".join(f"f{n}: [{{use: f{n + 1}}}, {{use: f{n + 1}}}]" for n in range(30))
    text = with_fragment("{use: f0}", f"{{{inner}, f30: [{{end: x, cite: R1}}]}}")
    assert {problem.split()[1] for problem in problems(text)} >= {"endless-fragment"}


def test_everything_wrong_in_a_file_is_told_at_once_in_the_order_of_lines() -> None:
    text = (
        GOOD.replace("planned: 10", "planned: ten")
        .replace("cycles: 2, cite: R1}", "cycles: two, cite: R1}")
        .replace("{name: drug two, codes: {local: two}}", "{nam: drug two, codes: {local: two}}")
    )
    assert problems(text) == [
        f"{place_of(text, 'ten}')} whole-number-expected design.planned",
        f"{place_of(text, '{nam: drug two')} missing-key drugs.two.name",
        f"{place_of(text, 'nam: drug two')} unknown-key drugs.two.nam",
        f"{place_of(text, 'two, cite: R1}')} whole-number-expected arms.only.course[0].cycles",
    ]
