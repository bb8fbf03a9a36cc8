"""A file is composed once and read for any selection of its readings."""

from pathlib import Path

import pytest

from protocol_engine.compiler import compile_protocol
from protocol_engine.reader import declared_readings, read_protocol, written_protocol

GOOD = (Path(__file__).parent / "bad_protocols" / "good.yaml").read_text(encoding="utf-8")
STEP = "then: [{give: one, element: more, cycles: 2, cite: R2}]"
FRAGMENT = """\
fragments:
  two_of:
    - {give: {with: what}, element: more, title: {with: words}, cycles: 2, cite: R2}
"""


def test_a_file_read_for_one_reading_is_still_whole_for_the_next() -> None:
    words = "{reading_of: A1, until_progression: as long as it helps, fixed: two more}"
    text = GOOD.replace(STEP, f"then: [{{use: two_of, with: {{what: one, words: {words}}}}}]") + FRAGMENT
    written = written_protocol(text, "x.yaml")
    assert written.readings == declared_readings(text, "x.yaml") == {"A1": ("until_progression", "fixed")}
    first = written.read()
    other = written.read({"A1": "fixed"})
    titles = [protocol.arms["only"].course[1].rows[0].then[0].title for protocol in (first, other)]
    assert titles == ["as long as it helps", "two more"]
    assert written.read() == first == read_protocol(text, "x.yaml")
    assert other == read_protocol(text, "x.yaml", {"A1": "fixed"})


BY_READING = "{reading_of: A1, until_progression: worse, fixed: same}"


def test_a_level_chosen_by_a_reading_in_a_list_names_its_assumption() -> None:
    alone = GOOD.replace("is: worse, since", f"is: {BY_READING}, since")
    listed = GOOD.replace("is: worse, since", f"is: [{BY_READING}, better], since")
    assert alone != GOOD != listed
    for text in (alone, listed):
        assert read_protocol(text, "x.yaml").values["worsened"].rests == ("A1",)


def test_a_test_chosen_by_a_reading_names_its_assumption() -> None:
    by_reading = "{reading_of: A1, until_progression: {not: better}, fixed: {at_most: same}}"
    in_a_list = "[{reading_of: A1, until_progression: {at_most: worse}, fixed: worse}, same]"
    for test in (by_reading, f"{{not: {in_a_list}}}", in_a_list):
        text = GOOD.replace("  at_risk: {holds", f"  no_better: {{holds: {{scan_two: {test}}}}}\n  at_risk: {{holds")
        assert text != GOOD
        assert read_protocol(text, "x.yaml").values["no_better"].holds.rests == ("A1",)


def test_steps_chosen_by_a_reading_name_its_assumption_also_where_they_are_a_fragment() -> None:
    end = "      - {end: completed, cite: A1}\n"
    by_reading = "      - {reading_of: A1, until_progression: {use: over}, fixed: {end: completed, cite: A1}}\n"
    text = GOOD.replace(end, by_reading) + "fragments:\n  over:\n    - {end: completed, cite: R1}\n"
    assert read_protocol(text, "x.yaml").arms["only"].course[-1].rests == ("A1",)


# --- what a reading puts into a plain mapping ------------------------------------------------------------------------

TWICE = "{reading_of: A1, until_progression: %s, fixed: %s}"


@pytest.mark.parametrize(
    ("old", "new", "act"),
    [
        ("options: {three: [], one: []}", f"options: {{three: [], one: {TWICE % ('[]', '[]')}}}", "choice:partner=one"),
        ("{markers: {some_in: risky}}", f"{{markers: {{some_in: {TWICE % ('risky', 'risky')}}}}}", "procedure:surgery"),
        ('TP53: "HGNC:11998"', f"TP53: {TWICE % ('HGNC:11998', 'HGNC:11998')}", "procedure:surgery"),
        ("{at_least: same}", f"{{at_least: {TWICE % ('same', 'same')}}}", "administration:one:d1"),
        (
            "dose: 10 mg/kg, ",
            f"dose: {{from: 8 mg/kg, to: {TWICE % ('10 mg/kg', '9 mg/kg')}}}, ",
            "administration:one:d8",
        ),
        ("dose: 10 mg/kg, ", f"dose: {TWICE % ('10 mg/kg', '9 mg/kg')}, ", "administration:one:d1"),
    ],
    ids=["options", "set test", "member", "limit", "end of a range", "dose"],
)
def test_a_row_rests_on_what_a_reading_put_into_a_mapping_inside_it(old: str, new: str, act: str) -> None:
    """A1 decides nothing about the act as the file is; it does where its reading is put in."""
    assert GOOD.count(old) == 1

    def resting(text: str) -> set[str]:
        rows = compile_protocol(read_protocol(text, "x.yaml")).rows
        return {row.act.key for row in rows if row.act is not None and "A1" in row.basis}

    assert act not in resting(GOOD)
    assert act in resting(GOOD.replace(old, new))


def test_a_drug_that_a_reading_names_in_a_value_makes_the_value_rest_on_it() -> None:
    text = GOOD.replace("is: {unacceptable: yes}", f"is: {{unacceptable: yes, drug: {TWICE % ('one', 'two')}}}")
    assert read_protocol(text, "x.yaml").values["too_toxic"].rests == ("A1",)
