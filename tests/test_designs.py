"""The table of invented designs names every invented protocol, the items that it combines, and where it is walked."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from course_lines import course, events, machine
from journey_transcripts import read_transcript

from protocol_engine.engine.trial import announcements

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


ROOT = """
e1 2026-01-02 consent
e2 2026-01-02 eligibility met=true
e3 2026-01-03 observation fact=genes value=[]
e4 2026-01-03 observation fact=root_test value=mutated
e5 2026-01-03 observation fact=leaf_score value=2+
"""
TREATED = """
e6 2026-01-03 observation fact=root_open value=true
e7 2026-01-04 allocation arm=root
e8 2026-01-05 choice choice=primer option=declined
e9 2026-01-06 administration regimen=rootol cycle=1 day=1
f1 {day} adverse_event term=fever drug=rootol unacceptable=true
"""


def test_a_cohort_of_the_platform_closes_by_what_its_patients_meet() -> None:
    """Two toxicities close the root cohort on the day of the second (R1 of the trial), for who comes later."""
    patients, trial = machine("BAOBAB-1"), machine("BAOBAB-1-TRIAL")
    told = [
        found
        for name, day in (("P1", "2026-01-20"), ("P2", "2026-01-25"))
        for found in announcements(patients, trial.table, events(ROOT + TREATED.format(day=day)), patient=name)
    ]
    opened = events("e1 2026-01-02 consent")[0].effective.day
    made = list(announcements(trial, patients.table, told, since=opened))
    assert [(found.effective.text, getattr(found, "value", None)) for found in made] == [
        ("2026-01-02", True),
        ("2026-01-25", False),
    ]
    third = course("BAOBAB-1", ROOT)
    for event in made:
        third.record(event)
    days = (date(2026, 1, 24), date(2026, 1, 25))
    arms = [action.content["arms"] for day in days for action in third.decide(day).actions]
    assert [sorted(names) for names in arms] == [["leaf", "root"], ["leaf"]]
