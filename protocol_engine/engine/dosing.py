"""What a day of a regimen holds, what it amounts to for this patient, and when it is due."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Context, Decimal, Inexact
from fractions import Fraction
from functools import cache
from typing import Any

from attrs import field, frozen

from protocol_engine.model.doses import Dose
from protocol_engine.model.events import GivenDrug, said
from protocol_engine.model.history import NO_RESULTS, History
from protocol_engine.model.protocol import Administration
from protocol_engine.model.state import Position
from protocol_engine.model.table import PER_KG, PER_M2, SURFACE_FACT, WEIGHT_FACT, RegimenContent, Row, Table
from protocol_engine.model.ucum import factor
from protocol_engine.model.units import NOT_STATED_WORD, DayPoints, DaySpan, Quantity, QuantityRange, plain

EXACT = Context(prec=100, traps=[Inexact])
"""Doses and weights have at most 30 digits, so their product is exact; if it were not, this would say so."""
BETWEEN_DRUGS = re.compile(r"[+,;/&]|\b(?:and|plus|with)\b", re.IGNORECASE)
"""What stands between the drugs of a regimen that a choice names in words."""


@frozen
class Line:
    """A line of a regimen as it applies now: the drug's id, its name in words, and the written line.

    ``open_drug`` marks one whose drug, or drugs, a choice names in words: ``chosen``, if it was made. ``dose`` is the
    dose as it applies now, and ``found`` how that was found, where it depends on more than the regimen.
    """

    drug: str
    name: str
    written: Administration
    open_drug: bool = False
    chosen: str | None = None
    dose: Dose | None = field()
    found: dict[str, Any] | None = None

    @dose.default
    def _as_written(self) -> Dose | None:
        return self.written.dose

    @property
    def chosen_drugs(self) -> dict[str, str]:
        """The drugs that the choice names, by what is compared of their names."""
        named = (" ".join(name.split()) for name in BETWEEN_DRUGS.split(self.chosen or ""))
        return {said(name): name for name in named if name}

    def gives(self, drug: str, name: str) -> bool:
        """Whether the line gives a drug, which a choice may have named by its id or by its name."""
        if not self.open_drug:
            return self.drug == drug
        return bool({said(drug), said(name)} & {said(self.name), *self.chosen_drugs})

    def is_only(self, drug: str, name: str) -> bool:
        """Whether the line gives that drug and no other."""
        return self.gives(drug, name) and (len(self.chosen_drugs) <= 1 or said(drug) == said(self.name))


def part_cycle(position: Position, choice: str, *, begins: bool) -> int:
    """Which cycle of the chosen option this is; ``begins`` for a cycle that is about to begin.

    A cycle that began with another option is none of this one: 0.
    """
    chosen = position.parts.get(choice)
    if chosen is None:
        return 1 if begins else 0
    given = chosen.cycles.get(chosen.option, 0)
    if begins:
        return given + 1
    return given if chosen.running == chosen.option else 0


def lines_on(
    table: Table, position: Position, history: History, regimen: RegimenContent, day: int, *, entering: bool
) -> tuple[Line, ...]:
    """What is given, or started, on a day of a cycle. ``entering`` says that the cycle is the first of its element."""
    begins = day == 1
    cycle_here = 1 if entering else position.given + position.left_out + (1 if begins else 0)
    found: list[Line] = []
    for written in regimen.lines:
        if written.part is None:
            if _applies(written, day, cycle_here):
                found.append(_line(table, history, written))
            continue
        part = table.parts[written.part]
        chosen = position.parts.get(part.chosen_in)
        if chosen is not None:
            number = part_cycle(position, part.chosen_in, begins=begins)
            found += [
                _line(table, history, inner)
                for inner in part.options[chosen.option].gives
                if _applies(inner, day, number)
            ]
    return tuple(found)


def every_line(table: Table, position: Position, history: History, regimen: RegimenContent) -> tuple[Line, ...]:
    """The lines of a regimen whatever the day: those of the option chosen for a part, or of all before the choice."""
    found: list[Line] = []
    for written in regimen.lines:
        if written.part is None:
            found.append(_line(table, history, written))
            continue
        part = table.parts[written.part]
        chosen = position.parts.get(part.chosen_in)
        options = part.options.values() if chosen is None else (part.options[chosen.option],)
        found += [_line(table, history, inner) for option in options for inner in option.gives]
    return tuple(found)


def _applies(line: Administration, day: int, cycle: int) -> bool:
    if line.in_cycles is not None and cycle not in line.in_cycles:
        return False
    match line.days:
        case DayPoints(days):
            return day in days
        case DaySpan(first, _):
            return day == first
        case _:
            return day == 1


def _line(table: Table, history: History, written: Administration) -> Line:
    if written.named_in is not None:
        chosen = named_in_words(history, written.named_in)
        name = chosen or "named in the choice"
        return Line(name, name, written, open_drug=True, chosen=chosen)
    drug = written.drug or ""
    return Line(drug, table.drugs[drug].name, written)


def named_in_words(history: History, choice: str) -> str | None:
    """What the option taken in a choice stands for, in words; None where nobody has said so."""
    chosen = history.choices.get(choice)
    return chosen.name if chosen is not None and chosen.name and said(chosen.name) else None


def weight_before(history: History, day: date | None, fact: str = WEIGHT_FACT) -> tuple[Decimal, date] | None:
    """The newest weight in kg taken on or before ``day``, with its date; None if none is known. So for another fact."""
    known = history.results.get(fact, NO_RESULTS)
    newest = known.newest
    if newest is None:
        return None
    group, on = known.groups[newest], _on(known.groups[newest])
    if day is not None and on > day:
        earlier = [(_on(group), group) for group in known.groups.values() if _on(group) <= day]
        if not earlier:
            return None
        on, group = max(reversed(earlier), key=lambda found: found[0])
    values = {item.value for item in group if isinstance(item.value, Decimal)}
    return (values.pop(), on) if len(values) == 1 else None


def weight_in_doubt(history: History, fact: str = WEIGHT_FACT) -> bool:
    """Whether the newest weights were taken on one day and differ."""
    known = history.results.get(fact, NO_RESULTS)
    return known.newest in known.muddled


def no_body_words(history: History, per: str) -> str:
    """Why the weight, or the body surface, is not known."""
    fact, what, several = (
        (WEIGHT_FACT, "weight", "weights") if per == PER_KG else (SURFACE_FACT, "body surface", "body surfaces")
    )
    return f"two {several} of one day differ" if weight_in_doubt(history, fact) else f"no {what} is known"


def body_before(history: History, line: Line, day: date | None) -> tuple[Decimal, date] | None:
    """The weight or the body surface, as the dose of a line is per kg or per m2, with its date."""
    return weight_before(history, day, SURFACE_FACT if per_body(line.dose) == PER_M2 else WEIGHT_FACT)


def _on(group: tuple[Any, ...]) -> date:
    found: date = max([item.day for item in group])
    return found


def administration_json(
    line: Line, day: int, cycle_days: int | None, weight: tuple[Decimal, date] | None
) -> dict[str, Any]:
    """One line of an ``administer`` action; what the record leaves out is ``not_stated``."""
    written = line.written
    dose: Any = NOT_STATED_WORD
    unit = NOT_STATED_WORD
    if isinstance(line.dose, Quantity):
        dose, unit = format(line.dose.value, "f"), line.dose.unit
    elif isinstance(line.dose, QuantityRange):
        dose = {"from": format(line.dose.from_.value, "f"), "to": format(line.dose.to.value, "f")}
        unit = line.dose.from_.unit
    told: dict[str, Any] = {
        "drug": line.drug,
        "name": line.name,
        "dose": dose,
        "unit": unit,
        "route": written.route or NOT_STATED_WORD,
        "per_day": written.times_a_day if written.times_a_day is not None else NOT_STATED_WORD,
        "days": _days_json(written, day, cycle_days),
        "amount": amount_json(line.dose, weight),
    }
    return told if line.found is None else {**told, "dose_from": line.found}


def _days_json(written: Administration, day: int, cycle_days: int | None) -> Any:
    match written.days:
        case DayPoints():
            return [day]
        case DaySpan(first, last):
            end = last if last is not None else cycle_days
            return {"from": first, "to": end if end is not None else NOT_STATED_WORD}
        case _:
            return NOT_STATED_WORD


def per_body(dose: Dose | None) -> str | None:
    """Whether a dose is per kg or per m2: the end of its unit; None if neither."""
    return _per(dose.unit) if isinstance(dose, Quantity) else None


@cache
def _per(unit: str) -> str | None:
    return next((end for end in (PER_KG, PER_M2) if unit.endswith(end)), None)


def amount_json(dose: Dose | None, weight: tuple[Decimal, date] | None) -> dict[str, str] | None:
    """The amount of a dose per kg or per m2, exact; None for other doses, or without the measure."""
    per = per_body(dose)
    if weight is None or not isinstance(dose, Quantity) or per is None:
        return None
    amount = EXACT.multiply(dose.value, weight[0])
    return {
        "value": plain(amount),
        "unit": dose.unit.removesuffix(per),
        WEIGHT_FACT if per == PER_KG else SURFACE_FACT: plain(weight[0]),
        "date": weight[1].isoformat(),
    }


# --- when ----------------------------------------------------------------------------------------------------------


def due_day(table: Table, position: Position, row: Row) -> date | None:
    """The day on which the dose of a row is due, which is its earliest day too; None where the record does not say."""
    act = row.act
    if act is None or act.kind != "administration" or position.cycle_start is None or row.effect == "stay":
        return None
    regimen = table.regimens[act.name]
    if row.effect == "day":
        return position.cycle_start + timedelta(days=(act.day or 1) - 1)
    before = table.regimens.get(position.regimen or "")
    if before is None or before.next_cycle is None or before.cycle is None or regimen.cycle is None:
        return None
    due = position.cycle_start + timedelta(days=before.cycle.days)
    rule = before.next_cycle
    planned = rule.from_ == "planned" and position.planned is not None
    if planned:
        last = last_given_by_plan(table, position, row) or position.cycle_start
        due = max((position.planned or due) + timedelta(days=before.cycle.days), last + timedelta(days=1))
    for closed in position.closed_days:
        if rule.due is not None and closed.day == rule.after_day and closed.given:
            due = max(due, closed.on + timedelta(days=rule.due.days))
    return due


def last_given_by_plan(table: Table, position: Position, row: Row) -> date | None:
    """The day of the last dose of the running cycle, where the next one keeps to a plan that does not look at it."""
    before = table.regimens.get(position.regimen or "")
    rule = before.next_cycle if before is not None else None
    if rule is None or rule.from_ != "planned" or row.effect == "day":
        return None
    return max((closed.on for closed in position.closed_days if closed.given), default=None)


def planned_day(table: Table, position: Position, regimen: str, ahead: int = 1) -> date | None:
    """The planned day 1 of a cycle that lies so many ``ahead`` of the running one; None where no plan is kept to."""
    before = table.regimens.get(position.regimen or "")
    rule = before.next_cycle if before is not None else None
    if before is None or rule is None or rule.from_ != "planned" or before.cycle is None or position.planned is None:
        return None
    if table.regimens[regimen].cycle is None:
        return None
    return position.planned + timedelta(days=before.cycle.days * ahead)


# --- what was really given -------------------------------------------------------------------------------------------


def content_faults(
    given_drugs: tuple[GivenDrug, ...], lines: tuple[Line, ...], history: History, day: date
) -> tuple[str, ...]:
    """How the drugs really given differ from the protocol's, in sentences; empty where nothing differs or is stated."""
    fixed = {line.drug: line for line in lines if not line.open_drug}
    reported = {given.drug for given in given_drugs}
    faults = [f"{line.name} is part of it and was not given" for line in fixed.values() if line.drug not in reported]
    others = [given for given in given_drugs if given.drug not in fixed]
    open_lines = [line for line in lines if line.open_drug]
    faults += _open_faults(others, open_lines)
    for given in given_drugs:
        line = fixed.get(given.drug)
        if line is None:
            continue
        faults += _dose_faults(given, line, body_before(history, line, day))
        if given.route is not None and line.written.route is not None and given.route != line.written.route:
            faults.append(f"{line.name} is given {line.written.route}, not {given.route}")
    return tuple(faults)


def _open_faults(given_drugs: list[GivenDrug], lines: list[Line]) -> list[str]:
    """How the drugs given beside those that are written differ from the ones that a choice names in words."""
    if any(line.chosen is None for line in lines):  # nobody said which: no drug can be another than the one chosen
        return []
    named = {word: name for line in lines for word, name in line.chosen_drugs.items()}
    given = {said(drug.drug): drug.drug for drug in given_drugs}
    if lines and given.keys() == {said(line.name) for line in lines}:  # given under the very words of the choice
        return []
    return [
        *(f"{name} is part of it and was not given" for word, name in named.items() if word not in given),
        *(f"{name} is not part of it" for word, name in given.items() if word not in named),
    ]


def _dose_faults(given: GivenDrug, line: Line, weight: tuple[Decimal, date] | None) -> list[str]:
    dose = line.dose
    if given.dose is None or not isinstance(dose, Quantity | QuantityRange):
        return []
    said = f"{plain(given.dose)} {given.unit or 'without a unit'}"
    if not isinstance(dose, Quantity):
        found = _in_unit(given, dose.from_.unit)
        if found is not None and dose.from_.fraction <= found <= dose.to.fraction:
            return []
        return [f"{line.name} is {plain(dose.from_.value)} to {plain(dose.to.value)} {dose.to.unit}, not {said}"]
    written = f"{line.name} is {plain(dose.value)} {dose.unit}"
    found = _in_unit(given, dose.unit)
    if found is not None:
        return [] if found == dose.fraction else [f"{written}, not {said}"]
    per = per_body(dose)
    found = _in_unit(given, dose.unit.removesuffix(per or ""))
    if found is None or per is None:
        return [f"{written}, and {said} cannot be compared with it"]
    amount = amount_json(dose, weight)
    if amount is None or found == Fraction(amount["value"]):
        return []
    body = f"{amount[WEIGHT_FACT]} kg" if per == PER_KG else f"{amount[SURFACE_FACT]} m2"
    right = f"at {body} is {amount['value']} {amount['unit']}"
    return [f"{written}, which {right}, not {said}; no tolerance is stated"]


def _in_unit(given: GivenDrug, unit: str) -> Fraction | None:
    """The dose given in another unit, exact; None where the two measure different things."""
    if given.dose is None or given.unit is None:
        return None
    try:
        return Fraction(given.dose) * factor(given.unit, unit)
    except ValueError:
        return None
