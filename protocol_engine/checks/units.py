"""Is every unit a UCUM code that can be read? One that is not could be compared with nothing that is reported."""

from __future__ import annotations

from collections.abc import Iterator

from protocol_engine.checks.outline import Outline
from protocol_engine.errors import Mark, Problem
from protocol_engine.model.doses import Ladder, inner_doses
from protocol_engine.model.facts import FactDefinition
from protocol_engine.model.protocol import Administration
from protocol_engine.model.ucum import unit_of
from protocol_engine.model.units import Quantity, QuantityRange


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
        units = dict.fromkeys(dose.unit for dose in inner_doses(line.dose))
        key = "dose.from" if isinstance(line.dose, QuantityRange) else "dose"  # both ends are in one unit
        yield from ((f"{item.path}.{key}", unit, line.mark) for unit in units)
    for item, ladder in outline.of(Ladder):
        rungs = dict.fromkeys(rung.unit for rung in ladder.levels if isinstance(rung, Quantity))
        yield from ((f"{item.path}.levels", unit, ladder.mark) for unit in rungs)
