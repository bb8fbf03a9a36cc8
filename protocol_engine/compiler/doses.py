"""Doses as compiled: readings settled in the conditions of bands and of the rules that modify a dose."""

from __future__ import annotations

from attrs import evolve

from protocol_engine.compiler.conditions import Conditions, joined
from protocol_engine.model.doses import Band, Bands, BaseDose, Dose, LevelDose, Modification, nodes_in
from protocol_engine.model.protocol import Administration, Part, PartOption, Protocol


def compiled_line(conditions: Conditions, line: Administration) -> Administration:
    """A line of a regimen; it rests on all that its dose rests on."""
    nodes = nodes_in(line.dose)
    if not nodes:
        return line
    ladders = conditions.protocol.ladders
    named = (ladders[node.level_of].rests for node in nodes if isinstance(node, LevelDose) and node.level_of in ladders)
    cited = (claim for node in nodes if isinstance(node, Band) for claim in node.cite if claim.startswith("A"))
    asked = (conditions.rests(node.if_) for node in nodes if isinstance(node, Band))
    rests = joined(line.rests, tuple(cited), *(node.rests for node in nodes), *named, *asked)
    return evolve(line, dose=_dose(conditions, line.dose), rests=rests)


def _dose(conditions: Conditions, dose: Dose | None) -> Dose | None:
    if isinstance(dose, LevelDose):
        return evolve(dose, of=_base(conditions, dose.of) if dose.of is not None else None)
    return _bands(conditions, dose) if isinstance(dose, Bands) else dose


def _base(conditions: Conditions, dose: BaseDose) -> BaseDose:
    return _bands(conditions, dose) if isinstance(dose, Bands) else dose


def _bands(conditions: Conditions, dose: Bands) -> Bands:
    bands = (evolve(band, if_=conditions.folded(band.if_)) for band in dose.bands)
    return evolve(dose, bands=tuple(band for band in bands if band.if_.clauses))


def compiled_parts(conditions: Conditions, protocol: Protocol) -> dict[str, Part]:
    """The parts of regimens, with the lines of their options compiled."""
    return {
        name: evolve(part, options={key: _option(conditions, option) for key, option in part.options.items()})
        for name, part in protocol.parts.items()
    }


def _option(conditions: Conditions, option: PartOption) -> PartOption:
    return evolve(option, gives=tuple(compiled_line(conditions, line) for line in option.gives))


def compiled_modifications(conditions: Conditions, protocol: Protocol) -> dict[str, Modification]:
    """The rules that modify doses; one that the selected readings settle as never is none."""
    found = {}
    for name, rule in protocol.modifications.items():
        when = conditions.folded(rule.when)
        until = conditions.folded(rule.until) if rule.until is not None else None
        rests = joined(rule.rests, conditions.rests(when), conditions.rests(until) if until is not None else ())
        if when.clauses:
            found[name] = evolve(rule, when=when, until=until, rests=rests)
    return found
