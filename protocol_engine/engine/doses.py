"""What a dose is now, where it depends on more than the regimen: on a level, a band, a fact, or the dose before it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from protocol_engine.engine import dosing
from protocol_engine.model.doses import Bands, Dose, LevelDose, Loading, PartOf, is_plain, rung_words
from protocol_engine.model.evaluation import Missing
from protocol_engine.model.truth import TRUE, UNKNOWN
from protocol_engine.model.units import PlainDose, Quantity, Share, exact, plain

if TYPE_CHECKING:
    from protocol_engine.engine.standing import Standing


@frozen
class Worth:
    """A dose as it is now: None where something is missing; ``found`` says how it was found."""

    dose: PlainDose | None
    found: dict[str, Any]
    missing: tuple[Missing, ...] = ()


def as_now(standing: Standing, line: dosing.Line, day: date | None) -> dosing.Line:
    """A line with the dose that it has on a day; it has none while something that decides it is unknown."""
    if line.written.dose is None or is_plain(line.written.dose):
        return line
    worth = worth_of(standing, line.drug, line.written.dose, day)
    return evolve(line, dose=worth.dose, found=worth.found)


def worth_of(standing: Standing, drug: str, dose: Dose, day: date | None) -> Worth:
    """What a dose of a drug is on a day."""
    match dose:
        case LevelDose():
            return _level(standing, drug, dose, day)
        case Loading():
            return _loading(standing, drug, dose, day)
        case Bands():
            return _band(standing, dose)
        case PartOf():
            return _part(standing, dose)
        case _:
            return Worth(dose, {})


def _level(standing: Standing, drug: str, dose: LevelDose, day: date | None) -> Worth:
    ladder = standing.table.ladders[dose.level_of]
    known = standing.position.dosage.drug(ladder.of)
    number = known.level if known.level is not None else ladder.start
    rung = ladder.levels[number]
    found: dict[str, Any] = {"ladder": dose.level_of, "level": rung_words(rung)}
    if known.since is not None:
        found |= {"since": known.since.isoformat(), "rules": list(known.rules)}
    if isinstance(rung, Quantity):
        return Worth(rung, found)
    if dose.of is None:
        return Worth(None, found)
    worth = worth_of(standing, drug, dose.of, day)
    base = worth.dose
    return evolve(
        worth, dose=_times(base, rung) if isinstance(base, Quantity) else None, found={**worth.found, **found}
    )


def _times(dose: Quantity, share: Share) -> Quantity | None:
    """A part of a dose. The checks see to it that it has an end as a decimal."""
    found = exact(Fraction(dose.value) * share.fraction)
    return Quantity(found, dose.unit) if isinstance(found, Decimal) else None


def _loading(standing: Standing, drug: str, dose: Loading, day: date | None) -> Worth:
    """Loading before the first dose, and on a day more than so long after the last one."""
    given = standing.position.dosage.drug(drug).given
    last = dose.reload_after.after(given[-1]) if given and dose.reload_after is not None else None
    loads = not given or (last is not None and day is not None and day > last)
    found: dict[str, Any] = {"loading": loads}
    if last is not None and not loads:
        found["until"] = last.isoformat()
    return Worth(dose.loading if loads else dose.then, found)


def _band(standing: Standing, dose: Bands) -> Worth:
    missing: dict[Missing, None] = {}
    for number, band in enumerate(dose.bands, 1):
        truth = standing.evaluation.condition(band.if_)
        if truth is TRUE:
            return Worth(band.dose, {"band": number, "by": list(standing.evaluation.sources(band.if_))})
        if truth is UNKNOWN:
            missing |= dict.fromkeys(standing.evaluation.missing(band.if_))
    return Worth(None, {}, tuple(missing))


def _part(standing: Standing, dose: PartOf) -> Worth:
    outcome, fact = standing.evaluation.value(dose.of), standing.table.facts[dose.of]
    if not isinstance(outcome.value, Decimal):
        unreadable = (Missing(dose.of, None, None, "unreadable", outcome.sources),)
        return Worth(None, {}, outcome.missing or unreadable)
    own = {"fact": dose.of, "value": plain(outcome.value), "times": dose.times.written, "by": list(outcome.sources)}
    return Worth(_times(Quantity(outcome.value, fact.quantity or "1"), dose.times), {"part_of": own})
