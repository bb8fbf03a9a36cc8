"""The ledger: what a protocol's rule page says, what its table cites, and what is shown, held against each other."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from protocol_engine import compile_protocol, load_protocol, readings_of, shipped_protocols
from protocol_engine.adapters.screening_prose import decided_by
from protocol_engine.codec import plain_json

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "protocols"
LINE = re.compile(r"^- \*\*([RANG]\d+)\*\* (.+)$", re.MULTILINE)
READING = re.compile(r"`([a-z0-9_]+)`:")
CLAIM = re.compile(r"[RANG]\d+")
CITING = ("cites", "cite", "see", "rests", "not_stated", "never", "endpoints_see")
"""Keys of the table under which claims are cited."""
DECLARING = ("rules", "assumptions", "not_stated")
"""Keys at its top under which they are only declared."""


@cache
def table(protocol: str, readings: tuple[tuple[str, str], ...] = ()) -> Any:
    return compile_protocol(load_protocol(protocol, dict(readings))).table


def lines(protocol: str) -> dict[str, str]:
    """The lines of the rule page, by number."""
    text = (PAGES / f"{protocol}.md").read_text(encoding="utf-8")
    found = LINE.findall(text)
    assert len(found) == len(dict(found)), "a line stands twice"
    return dict(found)


def cited(value: Any, citing: bool = False) -> Iterator[str]:
    """Every claim that stands where claims are cited."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from cited(item, citing or key in CITING)
    elif isinstance(value, list):
        for item in value:
            yield from cited(item, citing)
    elif citing and isinstance(value, str) and CLAIM.fullmatch(value):
        yield value


def cited_in(protocol: str, readings: tuple[tuple[str, str], ...] = ()) -> set[str]:
    plain = plain_json(table(protocol, readings))
    return set(cited({key: item for key, item in plain.items() if key not in DECLARING}))


# G3 is how every row behaves whose condition is unknown; the engine keeps it for all of them, and none cites it alone.
KEPT_BY_THE_ENGINE = {"G3"}


@pytest.mark.parametrize("protocol", shipped_protocols())
def test_every_rule_of_the_page_is_cited_in_the_table_and_every_cited_rule_stands_on_the_page(protocol: str) -> None:
    page, table_cites = set(lines(protocol)), cited_in(protocol)
    assert page - table_cites - KEPT_BY_THE_ENGINE == set(), "stand on the page and are cited nowhere"
    assert table_cites - page == set(), "are cited and do not stand on the page"


@pytest.mark.parametrize("protocol", shipped_protocols())
def test_the_page_and_the_file_declare_the_same_lines(protocol: str) -> None:
    found = table(protocol)
    assert set(lines(protocol)) == {*found.rules, *found.assumptions, *found.not_stated}


@pytest.mark.parametrize("protocol", shipped_protocols())
def test_the_page_and_the_file_have_the_same_readings(protocol: str) -> None:
    declared = readings_of(protocol)
    for name, text in lines(protocol).items():
        if name.startswith("A"):
            assert READING.findall(text) == list(declared[name]), f"{name}: the default first, then the others"


CRITERIA = {
    "NCT07239271": "I1 I2 I3 I4 I5 I6 I7 I8 I9 I9.1 I9.2 I9.3 I9.4 I10 I11 I12 I13 E1 E2 E3 E4 E5 E6 E7 E8 E9 E9.1 "
    "E9.2 E9.3 E9.4 E9.5 E9.6 E10 E11 E12 E13 E14 E15 E16 E17 H1 H2 H3",
    "IIT2025006": "I1 I2 I3 I4 I5 I6 I7 E1 E2 E3 E4 E5 E6 E7 E8 E9 H1 H2",
    "NCT05861830": "I1 I2 I3 I4 I5 I5.1 I5.2 I5.3 I5.4 I6 I7 I8 I9 E1 E2 E3 E4 E5 E6 E7 E8 E9 E10 H1 H2 H3",
    "NCT07151586": "I1 I2 I3 I3.1 I3.2 I4 I5 I6 I7 I7.1 I7.2 I7.3 I7.4 I7.5 I7.6 I7.7 I8 I9 I10 I11 "
    "E1 E2 E3 E4 E5 E6 E7 E8 E9 E10 E11 E12 H1 H2 H3",
    "NCT07377643": "I1 I2 I3 I3.1 I3.2 I4 I5 I6 I7 I8 I9 I10 I10.1 I10.2 I10.3 I10.4 I10.5 I10.6 I10.7 I10.8 I11 I12 "
    "E1 E2 E2.1 E2.2 E2.3 E2.4 E2.5 E2.6 E2.7 E2.8 E3 E4 E5 E5.1 E5.2 E5.3 E5.4 E5.5 E5.6 E5.7 E6 E7 E8 E9 "
    "E10 E11 E12 E13 E14 E15 E16 E17 E18 E18.1 E18.2 E18.3 E18.4 E18.5 E19 E20 E21 E22 E23 E24 E25 E26 "
    "E27 H1 H2 H3",
}
"""The criteria of each record, numbered in its order."""
ROW = re.compile(r"^\| ([IEH][0-9.]+) \| (.+) \| (.+) \|$", re.MULTILINE)


@pytest.mark.parametrize("protocol", CRITERIA)
def test_every_criterion_of_the_record_stands_in_the_file_and_on_the_page(protocol: str) -> None:
    found = load_protocol(protocol)
    assert list(found.criteria) == CRITERIA[protocol].split()
    rows = ROW.findall((PAGES / f"{protocol}.md").read_text(encoding="utf-8"))
    assert rows == [(name, item.text, decided_by(found, name, item)) for name, item in found.criteria.items()]


@pytest.mark.parametrize("protocol", shipped_protocols())
def test_every_alternative_reading_makes_another_table(protocol: str) -> None:
    default = table(protocol)
    for name, readings in readings_of(protocol).items():
        for reading in readings[1:]:
            other = table(protocol, ((name, reading),))
            assert other.digest != default.digest
            assert other.readings == default.readings | {name: reading}
            said = {key: item for key, item in plain_json(other).items() if key not in ("readings", "digest")}
            was = {key: item for key, item in plain_json(default).items() if key not in ("readings", "digest")}
            assert said != was, f"{name}={reading} changes nothing but its own name"


@pytest.mark.parametrize("protocol", shipped_protocols())
def test_every_offer_and_every_fall_rests_on_a_claim(protocol: str) -> None:
    for row in table(protocol).rows:
        assert any(claim[:1] in "RAG" for claim in row.basis), row


def codes(protocol: str) -> Iterator[tuple[str, str]]:
    found = table(protocol)
    for item in (*found.drugs.values(), *found.facts.values(), *found.procedures.values()):
        yield from item.codes.items()
    for named_set in found.sets.values():
        yield from ((named_set.system, code) for code in named_set.are.values())


@pytest.mark.parametrize("protocol", shipped_protocols())
def test_every_code_is_a_verified_one_or_local(protocol: str) -> None:
    with (ROOT / "tests" / "data" / "verified_codes.csv").open(encoding="utf-8", newline="") as rows:
        verified = {(row["system"], row["code"]) for row in csv.DictReader(rows)}
    assert {(system, code) for system, code in codes(protocol) if system != "local"} <= verified
