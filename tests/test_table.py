"""The table is plain data: what stands in it, in which order claims are named, and what its digest covers."""

from __future__ import annotations

import json

import pytest
from attrs import evolve
from course_lines import machine

from protocol_engine import readings_of, shipped_protocols
from protocol_engine.codec import canonical, digest, plain_json
from protocol_engine.compiler import compile_protocol
from protocol_engine.model.table import ActLabel, Row, claim_order
from protocol_engine.reader import read_protocol
from protocol_engine.service import protocol_text


def test_claims_are_named_rules_first_and_by_number() -> None:
    claims = ["N1", "A10", "G2", "R10", "A2", "R2", "R1", "G1"]
    assert sorted(claims, key=claim_order) == ["R1", "R2", "R10", "A2", "A10", "G1", "G2", "N1"]


def test_what_a_row_rests_on_is_named_once() -> None:
    row = Row("r1", "offer", "a", None, "b", "stay", cites=("A2", "R3", "R3"), rests=("A2", "A1"))
    assert row.basis == ("R3", "A1", "A2")


@pytest.mark.parametrize(
    ("act", "key"),
    [
        (ActLabel("administration", "sg", 8), "administration:sg:d8"),
        (ActLabel("choice", "taxane=docetaxel"), "choice:taxane=docetaxel"),
        (ActLabel("consent", "written"), "consent:written"),
    ],
)
def test_an_act_has_one_key(act: ActLabel, key: str) -> None:
    assert act.key == key


@pytest.mark.parametrize("protocol", shipped_protocols())
def test_the_indexes_hold_every_row_once(protocol: str) -> None:
    table = machine(protocol).table
    offers = [row for rows in table.offers.values() for row in rows]
    falls = [row for rows in table.falls.values() for row in rows]
    assert sorted(row.id for row in (*offers, *falls)) == sorted(row.id for row in table.rows)
    assert sorted(r.id for acts in table.offers_of.values() for rows in acts.values() for r in rows) == sorted(
        row.id for row in offers
    )
    assert table.acts == {row.act.key: row.act for row in offers if row.act is not None}
    for row in table.rows:
        assert row.target in table.places
        assert (row.kind == "offer") == (row.act is not None)


# --- the digest ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", shipped_protocols())
def test_the_digest_is_that_of_the_canonical_table(protocol: str) -> None:
    table = machine(protocol).table
    plain = plain_json(table)
    assert digest(plain) == table.digest
    assert json.loads(canonical(plain)) == plain, "plain data, without a float or an object"


@pytest.mark.parametrize("protocol", shipped_protocols())
def test_the_same_file_gives_the_same_digest_and_where_it_stands_does_not_matter(protocol: str) -> None:
    text, _ = protocol_text(protocol)
    again = compile_protocol(read_protocol(f"# a comment\n\n{text}", "elsewhere.yaml"))
    assert again.digest == machine(protocol).table.digest


@pytest.mark.parametrize("protocol", shipped_protocols())
def test_every_reading_gives_a_digest_of_its_own(protocol: str) -> None:
    """Also a reading that changes no row: the selection itself is covered."""
    digests = [machine(protocol).table.digest]
    digests += [
        machine(protocol, {name: reading}).table.digest
        for name, readings in readings_of(protocol).items()
        for reading in readings[1:]
    ]
    assert len(set(digests)) == len(digests)
    table = machine(protocol).table
    assert digest(plain_json(evolve(table, readings={**table.readings, "A1": "another"}))) != table.digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("dose: 10 mg/kg", "dose: 9 mg/kg"),
        ("cycle: 21 days", "cycle: 28 days"),
        ("R3: SG is 10 mg/kg", "R3: SG is ten mg/kg"),
        ("A5: {asks: The", "A5: {asks: That the"),
        ("N2: {what: windows", "N2: {what: the windows"),
        ("planned: 260", "planned: 261"),
        ("{atc: L01FX17}", "{atc: L01FX18}"),
        ("title: SG and T-DXd in", "title: T-DXd and SG in"),
    ],
)
def test_every_word_of_the_file_is_covered(old: str, new: str) -> None:
    text, _ = protocol_text("NCT07151586")
    assert old in text
    changed = compile_protocol(read_protocol(text.replace(old, new), "x.yaml"))
    assert changed.digest != machine("NCT07151586").table.digest
