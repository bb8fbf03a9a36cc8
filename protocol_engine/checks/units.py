"""Is every unit a UCUM code that can be read? One that is not could be compared with nothing that is reported."""

from __future__ import annotations

from collections.abc import Iterator

from protocol_engine.checks.outline import Outline
from protocol_engine.errors import Mark, Problem
from protocol_engine.model.facts import FactDefinition
from protocol_engine.model.protocol import Administration
from protocol_engine.model.ucum import unit_of
from protocol_engine.model.units import Quantity


def units_can_be_read(outline: Outline) -> Iterator[Problem]:
    """The units of quantities and of doses."""
    for path, unit, mark in _units(outline):
        try:
            unit_of(unit)
        except ValueError as error:
            message = f"{error}; write a code such as kg, mg/kg, mg/m2, 10*9/L or %"
            yield outline.problem("unknown-unit", path, mark, message)


def _units(outline: Outline) -> Iterator[tuple[str, str, Mark]]:
    for item, fact in outline.of(FactDefinition):
        if fact.quantity is not None:
            yield f"{item.path}.quantity", fact.quantity, fact.mark
    for item, line in outline.of(Administration):
        if isinstance(line.dose, Quantity):
            yield f"{item.path}.dose", line.dose.unit, line.mark
        elif line.dose is not None:
            yield f"{item.path}.dose.from", line.dose.from_.unit, line.mark  # both ends are in one unit
