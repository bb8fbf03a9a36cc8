"""`transitions` runs the rows and nothing else: no string of a file is ever called, and no two rows are taken."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from attrs import evolve
from course_lines import machine

from protocol_engine import shipped_protocols
from protocol_engine.errors import BrokenInvariant

PACKAGE = Path(__file__).parents[1] / "protocol_engine"


def imported(path: Path) -> set[str]:
    """The packages that a module imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found


def test_only_the_machine_imports_transitions() -> None:
    importers = {
        path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if "transitions" in imported(path)
    }
    assert importers == {"machine.py"}


@pytest.mark.parametrize("protocol", shipped_protocols())
def test_every_row_leads_where_the_table_says(protocol: str) -> None:
    used = machine(protocol)
    for row in used.table.rows:
        sources = (
            [row.source]
            if row.act is not None
            else [p.id for p in used.table.places.values() if row.source in p.scopes]
        )
        assert sources
        for source in sources:
            assert used.places.take(source, row) == row.target


@pytest.mark.parametrize("protocol", shipped_protocols())
def test_every_landing_leads_where_the_table_says(protocol: str) -> None:
    used = machine(protocol)
    for place, landings in used.table.landings.items():
        for key, landing in landings.items():
            if landing.target is not None:
                assert used.places.land(place, key) == landing.target


def test_a_row_is_taken_from_its_own_place_only() -> None:
    used = machine("NCT07151586")
    row = next(row for row in used.table.rows if row.source == "alternating/sg" and row.target == "alternating/tdxd")
    with pytest.raises(BrokenInvariant, match=f"no row {row.id} leaves alternating/tdxd"):
        used.places.take("alternating/tdxd", row)


def test_a_row_that_is_not_in_the_table_is_never_taken() -> None:
    used = machine("NCT07151586")
    row = next(row for row in used.table.rows if row.act is not None)
    with pytest.raises(BrokenInvariant):
        used.places.take(row.source, evolve(row, id="r999"))


def test_an_act_that_leads_nowhere_cannot_land() -> None:
    """Nobody in the SG-alone arm is given T-DXd (R5), so it lands nowhere from there."""
    with pytest.raises(BrokenInvariant):
        machine("NCT07151586").places.land("sg_alone/sg", "administration:tdxd:d1")


@pytest.mark.parametrize("protocol", shipped_protocols())
def test_no_name_of_a_file_reaches_transitions(protocol: str) -> None:
    """A string that it takes for a condition or a callback is imported and called; the names it gets are made up."""
    used = machine(protocol)
    inside = used.places._machine
    names = {*inside.states, *inside.events}
    assert not names & {*used.table.places, *used.table.acts, *used.table.regimens, *used.table.arms}
    conditions = [
        condition.func
        for event in inside.events.values()
        for found in event.transitions.values()
        for transition in found
        for condition in transition.conditions
    ]
    assert conditions
    assert all(callable(condition) for condition in conditions)
    assert not any(
        [*transition.before, *transition.after, *transition.prepare]
        for event in inside.events.values()
        for found in event.transitions.values()
        for transition in found
    )
