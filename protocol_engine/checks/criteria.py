"""Can every criterion be decided, and do the numbers that criteria read have what they are made of?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from protocol_engine.checks.outline import Outline, hint
from protocol_engine.errors import Problem
from protocol_engine.model.facts import FactDefinition
from protocol_engine.model.formulas import INPUTS
from protocol_engine.model.screening import Criterion, Formula, HalfLives, Newest, Ratio, above
from protocol_engine.model.ucum import factor
from protocol_engine.model.units import Duration

CRITERION_ID = re.compile(r"[IEH][1-9][0-9]{0,2}(\.[1-9][0-9]{0,2}){0,2}")
Fault = tuple[str, str, str]
NEEDED_UNITS: dict[str, tuple[str, ...]] = {
    "weight": ("kg",),
    "creatinine": ("mg/dL",),
    "qt_interval": ("ms",),
}
"""The unit that a formula takes each of its numbers in."""


def criteria_are_numbered(outline: Outline) -> Iterator[Problem]:
    """Criteria go by the ids of the record: I, E or H and a number; a sub-item stands under its criterion."""
    for name, item in outline.protocol.criteria.items():
        head = above(name)
        if not CRITERION_ID.fullmatch(name):
            message = "a criterion is I (inclusion), E (exclusion) or H (a limit of the header) and a number, as I10.4"
            yield outline.problem("bad-criterion-id", f"criteria.{name}", item.mark, message)
        elif head is not None and head not in outline.protocol.criteria:
            message = f"is part of {head}, which is no criterion of this file; write {head} too"
            yield outline.problem("unknown-name", f"criteria.{name}", item.mark, message)


def criteria_can_be_decided(outline: Outline) -> Iterator[Problem]:
    """A criterion has a condition, a question or sub-items, and nothing that would be ignored."""
    parts = {above(name) for name in outline.protocol.criteria}
    for name, item in outline.protocol.criteria.items():
        for code, key, message in _faults(item, has_parts=name in parts):
            yield outline.problem(code, f"criteria.{name}.{key}".removesuffix("."), item.mark, message)


def _faults(item: Criterion, *, has_parts: bool) -> Iterator[Fault]:
    if item.if_ is None and item.ask is None and not has_parts:
        yield "undecided-criterion", "", "nothing decides it: write a condition under `if`, or a question under `ask`"
    if item.retests is not None and item.if_ is None and not has_parts:
        yield "ignored", "retests", "repeats a result, and this criterion reads none; leave it out"
    if item.window is not None and not _some_days(item.window):
        yield "empty-window", "window", "is no time at all; a result of the day asked about would be too old"


def _some_days(window: Duration) -> bool:
    return window.count > 0


def derived_read_what_there_is(outline: Outline) -> Iterator[Problem]:
    """What a ratio or a formula is made of is declared, a number or a date, and in units that fit."""
    for name, item in outline.protocol.derived.items():
        faults: Iterator[Fault] = iter(())
        if isinstance(item, Ratio):
            faults = _ratio_faults(outline, item)
        elif isinstance(item, HalfLives):
            faults = _half_life_faults(outline, item)
        elif isinstance(item, Newest):
            faults = _newest_faults(outline, item)
        elif isinstance(item, Formula):
            faults = _formula_faults(outline, item)
        for code, key, message in faults:
            yield outline.problem(code, f"derived.{name}.{key}", item.mark, message)


def _unit(outline: Outline, name: str) -> str | None:
    """The unit of a fact or of a part of it; None if it is no number, or not there."""
    head, _, tail = name.partition(".")
    fact = outline.protocol.facts.get(head)
    if fact is None:
        return None
    part = fact.parts.get(tail)
    return fact.quantity if not tail else part.quantity if part is not None else None


def _ratio_faults(outline: Outline, item: Ratio) -> Iterator[Fault]:
    units = {key: _unit(outline, getattr(item, key)) for key in ("ratio", "to")}
    for key, unit in units.items():
        if unit is None:
            yield "unknown-name", key, f"{getattr(item, key)!r} is no number of this file; {_numbers(outline, item.to)}"
    if all(units.values()):
        yield from _misfit(units["ratio"] or "", units["to"] or "", "to")


def _half_life_faults(outline: Outline, item: HalfLives) -> Iterator[Fault]:
    unit, fact = _unit(outline, item.half_lives), outline.protocol.facts.get(item.since)
    if unit is None:
        message = f"{item.half_lives!r} is no number of this file; {_numbers(outline, item.half_lives)}"
        yield "unknown-name", "half_lives", message
    else:
        yield from _misfit(unit, "d", "half_lives")
    if fact is None or not fact.date:
        yield "unknown-name", "since", f"{item.since!r} is no date of this file; {_dates(outline, item.since)}"


def _newest_faults(outline: Outline, item: Newest) -> Iterator[Fault]:
    fact = outline.protocol.facts.get(item.newest)
    if fact is None or fact.values is None:
        known = tuple(name for name, other in outline.protocol.facts.items() if other.values is not None)
        yield "unknown-name", "newest", f"{item.newest!r} is no fact with levels; {hint(item.newest, known)}"
        return
    for level in item.among:
        if level not in fact.values:
            message = f"{item.newest} is never {level!r}; {hint(level, fact.values)}"
            yield "unknown-level", "among", message


def _formula_faults(outline: Outline, item: Formula) -> Iterator[Fault]:
    for name in INPUTS[item.formula]:
        fact = outline.protocol.facts.get(name)
        if fact is None:
            yield "unknown-name", "formula", f"reads the fact {name}, which this file does not declare"
            continue
        for unit in NEEDED_UNITS.get(name, ()):
            yield from _misfit(fact.quantity or "", unit, "formula", fact)
        if name == "birth_date" and not fact.date:
            yield "wrong-test", "formula", "reads birth_date as a date"
        if name == "sex" and set(fact.values or ()) < {"female", "male"}:
            yield "wrong-test", "formula", "reads sex as female or male"
        if name == "qt_interval" and (_unit(outline, "qt_interval.rr") or "") != "ms":
            yield "wrong-test", "formula", "reads the part rr of qt_interval, in ms"
    of_several = item.mean_of is not None or item.after_first or item.after_above is not None
    if item.formula != "fridericia" and (of_several or item.results != "newest"):
        yield "ignored", "formula", "takes the newest of each fact; leave results, mean_of and what belongs to it out"
    if of_several and item.mean_of is None:
        yield "ignored", "after_first" if item.after_first else "after_above", "belongs to mean_of"


def _misfit(unit: str, to: str, key: str, fact: FactDefinition | None = None) -> Iterator[Fault]:
    try:
        factor(unit, to, fact.molar_mass.fraction if fact is not None and fact.molar_mass is not None else None)
    except ValueError as error:
        yield "unit-misfit", key, str(error)


def _numbers(outline: Outline, name: str) -> str:
    facts = outline.protocol.facts
    parts = [f"{fact}.{part}" for fact, item in facts.items() for part in item.parts]
    return hint(name, tuple(known for known in (*facts, *parts) if _unit(outline, known) is not None))


def _dates(outline: Outline, name: str) -> str:
    return hint(name, tuple(known for known, fact in outline.protocol.facts.items() if fact.date))
