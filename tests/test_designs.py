"""The table of invented designs names every invented protocol, the items that it combines, and where it is walked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from journey_transcripts import read_transcript

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "designs.md"
TEXT = PAGE.read_text(encoding="utf-8")
ITEM = re.compile(r"(\d+) ([a-z][^;.|]+)")
ROWS = {
    found[1]: [cell.strip() for cell in found[0].strip("|").split("|")]
    for found in re.finditer(r"^\| \[([^\]]+)\]\(\.\./tests/protocols/\1\.yaml\) \|.*$", TEXT, re.MULTILINE)
}
PROTOCOLS = sorted(path.stem for path in (TESTS / "protocols").glob("*.yaml"))


def items_in(text: str) -> dict[int, str]:
    return {int(number): " ".join(words.split()) for number, words in ITEM.findall(text)}


ITEMS = items_in(TEXT.split("The items, by number:")[1].split("| protocol |")[0])


def test_every_invented_protocol_stands_in_the_table_in_order() -> None:
    assert list(ROWS) == PROTOCOLS
    assert sorted(ITEMS) == list(range(1, 26))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_design_has_items_by_their_words_and_a_journey_of_its_own(protocol: str) -> None:
    _, field, kind, items, journeys = ROWS[protocol]
    named = items_in(items)
    assert field
    assert kind
    assert named
    assert named.items() <= ITEMS.items()
    assert items == "; ".join(f"{number} {ITEMS[number]}" for number in sorted(named))
    where = re.fullmatch(r"\[.+\]\(\.\./(.+)\)", journeys)
    assert where is not None
    walked = TESTS.parent / where[1]
    if walked.is_dir():
        assert {read_transcript(path).protocol for path in walked.glob("*.txt")} == {protocol}
    else:  # what only screening reads has patients in a test, and no course
        assert f'"{protocol}.yaml"' in walked.read_text(encoding="utf-8")


def test_at_least_ten_designs_combine_four_items_or_more() -> None:
    assert sum(len(items_in(row[3])) >= 4 for row in ROWS.values()) >= 10
