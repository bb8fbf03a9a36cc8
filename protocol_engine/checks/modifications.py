"""Can doses move as they are written: on ladders, in bands, by rules that hold a drug, move its level or stop it?"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from itertools import combinations, pairwise

from protocol_engine.checks.cells import MOST_COMBINATIONS, Cells, Combination, cells_of
from protocol_engine.checks.compiled import Compiled
from protocol_engine.checks.graph import here
from protocol_engine.checks.outline import Outline, hint
from protocol_engine.checks.regimens import lines_of
from protocol_engine.checks.tables import whatever
from protocol_engine.compiler.conditions import Conditions
from protocol_engine.errors import Problem
from protocol_engine.model.conditions import Clause, Condition, NamedTest, OneOf
from protocol_engine.model.doses import (
    Bands,
    Dose,
    Ladder,
    LevelDose,
    Loading,
    Modification,
    PartOf,
    inner_doses,
    nodes_in,
    rung_words,
)
from protocol_engine.model.protocol import Administration
from protocol_engine.model.table import Place, Table
from protocol_engine.model.truth import Truth
from protocol_engine.model.units import Quantity, Share, exact
from protocol_engine.model.values import Date, Ever, Holds, Level

MOVES = {"lower": ("down", "both"), "raise": ("up", "both")}
FEWEST_LEVELS = 2
Fault = tuple[str, str, str]


# --- ladders -------------------------------------------------------------------------------------------------------


def ladders_can_be_climbed(outline: Outline) -> Iterator[Problem]:
    """The levels of a ladder are in order and of one kind, and it says what lies below the lowest."""
    drugs: dict[str, str] = {}
    for name, ladder in outline.protocol.ladders.items():
        for code, key, message in (*_level_faults(ladder), *_end_faults(outline, ladder)):
            yield outline.problem(code, f"ladders.{name}.{key}", ladder.mark, message)
        if ladder.of in drugs:
            message = f"{ladder.of} has the ladder {drugs[ladder.of]} already; a drug has one level, so keep one"
            yield outline.problem("name-twice", f"ladders.{name}.of", ladder.mark, message)
        drugs.setdefault(ladder.of, name)


def _level_faults(ladder: Ladder) -> Iterator[Fault]:
    levels, code = ladder.levels, "ladder-levels"
    units = {rung.unit if isinstance(rung, Quantity) else None for rung in levels}
    words = [rung_words(rung) for rung in levels]
    if len(levels) < FEWEST_LEVELS:
        yield code, "levels", "needs two levels or more; a dose that never moves is written in its line"
    elif len(units) > 1:
        yield code, "levels", "holds levels that cannot be compared: doses of several units, or doses and parts of one"
    elif (order := _order(ladder)) is not None:
        yield code, "levels", order
    yield from ((code, "levels", _inexact(rung)) for rung in levels if isinstance(rung, Share) and not _ends(rung))
    if ladder.starts is not None and ladder.starts not in words:
        yield "unknown-level", "starts", f"{ladder.starts!r} is no level of it; {hint(ladder.starts, words)}"
    elif ladder.moves == "both" and ladder.starts is None:
        yield code, "starts", "can be moved both ways; say with `starts` at which level the first dose is given"


def _order(ladder: Ladder) -> str | None:
    """What is wrong with the order of the levels."""
    steps = {one.fraction < other.fraction for one, other in pairwise(ladder.levels)}
    if len(steps) > 1 or any(one.fraction == other.fraction for one, other in pairwise(ladder.levels)):
        return "does not go one way: write the levels in order, each once"
    first = ladder.levels[ladder.start]
    stuck = ladder.lower(ladder.start) is None if ladder.moves == "down" else ladder.higher(ladder.start) is None
    if ladder.moves != "both" and stuck:
        return f"is moved {ladder.moves} and starts at {rung_words(first)}, from where no level lies that way"
    return None


def _inexact(share: Share) -> str:
    return f"{share.written} of a dose has no end as a decimal; write the doses themselves, as they are to be given"


def _ends(share: Share) -> bool:
    return isinstance(exact(Fraction(share.fraction)), Decimal)


def _end_faults(outline: Outline, ladder: Ladder) -> Iterator[Fault]:
    lowered = any(rule.do == "lower" and ladder.of in rule.of for rule in outline.protocol.modifications.values())
    if ladder.moves == "up" and ladder.past_last is not None:
        yield "ignored", "past_last", "is moved up only, so nothing lies below its lowest level; leave `past_last` out"
    elif ladder.moves != "up" and lowered and ladder.past_last is None:
        message = "says not what follows below the lowest level: `past_last: discontinue`, `stays` or `not_stated`"
        yield "no-past-last", "past_last", message


# --- lines of regimens -----------------------------------------------------------------------------------------------


def lines_take_the_level_of_their_drug(outline: Outline) -> Iterator[Problem]:
    """A drug with a ladder is given by its level wherever it is given, and by no other ladder."""
    ladders = outline.protocol.ladders
    taken: dict[str, bool] = {}
    for item, line in outline.of(Administration):
        named = [node for node in nodes_in(line.dose) if isinstance(node, LevelDose) and node.level_of in ladders]
        taken |= {node.level_of: True for node in named}
        fault = _line_fault(ladders, line, named[0] if named else None)
        if fault is not None:
            yield outline.problem("ladder-line", f"{item.path}.dose", line.mark, fault)
    idle = {name: ladder for name, ladder in ladders.items() if name not in taken}
    for name, ladder in idle.items():
        climbed = any(ladders[other].of == ladder.of for other in taken)
        if ladder.of in outline.protocol.drugs and not climbed:
            message = f"no regimen gives {ladder.of} by it; write `dose: {{level_of: {name}}}` where it is given"
            yield outline.problem("ladder-line", f"ladders.{name}", ladder.mark, message)


def _line_fault(ladders: dict[str, Ladder], line: Administration, level: LevelDose | None) -> str | None:
    own = next((name for name, ladder in ladders.items() if ladder.of == line.drug), None)
    if level is None:
        if own is None or line.dose is None:
            return None
        return f"gives {line.drug} whatever its level; the ladder {own} moves it: write `dose: {{level_of: {own}}}`"
    ladder = ladders[level.level_of]
    if ladder.of != line.drug:
        return f"gives {line.drug or 'another drug'} by the ladder {level.level_of}, which is of {ladder.of}"
    parts = any(isinstance(rung, Share) for rung in ladder.levels)
    if parts and level.of is None:
        return f"the levels of {level.level_of} are parts of a dose; say with `of` of which dose"
    if not parts and level.of is not None:
        return f"the levels of {level.level_of} are doses themselves; leave `of` out"
    return None


# --- other forms of dose -------------------------------------------------------------------------------------------


def dose_forms_can_be_worked_out(outline: Outline) -> Iterator[Problem]:
    """Parts are parts of a number, a loading dose and the next are of one kind, and a part of a range is nothing."""
    for item, line in outline.of(Administration):
        for code, message in _form_faults(outline, line.dose):
            yield outline.problem(code, f"{item.path}.dose", line.mark, message)


def _form_faults(outline: Outline, dose: Dose | None) -> Iterator[tuple[str, str]]:
    for node in nodes_in(dose):
        if isinstance(node, PartOf):
            fact = outline.protocol.facts.get(node.of)
            if fact is not None and fact.quantity is None:
                yield "unit-misfit", f"{node.of} is no number, so there is no part of it; declare it with a `quantity`"
            if not _ends(node.times):
                yield "ladder-levels", _inexact(node.times)
        if isinstance(node, Loading) and node.loading.unit != node.then.unit:
            yield "unit-misfit", f"begins in {node.loading.unit} and goes on in {node.then.unit}; write one unit"
        if isinstance(node, Bands):
            units = dict.fromkeys(inner.unit for inner in inner_doses(node))
            if len(units) > 1:
                yield "unit-misfit", f"has bands in {' and '.join(units)}; write one unit"
    if isinstance(dose, LevelDose) and isinstance(dose.of, Bands):
        ranges = [band for band in dose.of.bands if not isinstance(band.dose, Quantity)]
        if ranges:
            yield "ladder-line", "a level is part of a dose, and a band here is a range; write one dose for each band"


# --- rules ---------------------------------------------------------------------------------------------------------


def rules_can_be_followed(outline: Outline) -> Iterator[Problem]:
    """A rule does something, to drugs that are given, and to levels that move that way."""
    protocol = outline.protocol
    given = {line.drug for _, line in outline.of(Administration)}
    for name, rule in protocol.modifications.items():
        path = f"modifications.{name}"
        if rule.do is None and rule.until is None:
            message = "holds a drug and never releases it; say with `until` what does, or with `do` what is done"
            yield outline.problem("no-release", path, rule.mark, message)
        if rule.do == "discontinue" and rule.until is not None:
            message = "stops the drug for good, so nothing releases it; leave `until` out"
            yield outline.problem("ignored", f"{path}.until", rule.mark, message)
        for drug in rule.of:
            if drug in protocol.drugs and drug not in given:
                message = f"no regimen gives {drug}, so there is nothing to modify; take the rule out, or give the drug"
                yield outline.problem("given-nowhere", f"{path}.of", rule.mark, message)
            elif drug in protocol.drugs and rule.do in MOVES:
                yield from _move_faults(outline, path, rule, drug)


def _move_faults(outline: Outline, path: str, rule: Modification, drug: str) -> Iterator[Problem]:
    ladder = next((ladder for ladder in outline.protocol.ladders.values() if ladder.of == drug), None)
    if ladder is None:
        message = f"{drug} has no ladder to be moved on; write its levels under `ladders`"
        yield outline.problem("no-ladder", f"{path}.do", rule.mark, message)
    elif ladder.moves not in MOVES[rule.do or ""]:
        message = f"would {rule.do} {drug}, and its ladder moves {ladder.moves} only; correct one of them"
        yield outline.problem("no-ladder", f"{path}.do", rule.mark, message)


# --- on the table --------------------------------------------------------------------------------------------------


def bands_decide(compiled: Compiled) -> Iterator[Problem]:
    """For every patient of whom all is known exactly one band of a dose holds."""
    fold = Conditions(compiled.outline.protocol).folded
    for item, bands in compiled.outline.of(Bands):
        conditions = [fold(band.if_) for band in bands.bands]
        cells = cells_of(compiled.table, conditions)
        if cells.are_more_than(MOST_COMBINATIONS):
            message = "tells too many patients apart to be looked through; its gaps and overlaps are not known"
            yield compiled.outline.notice("table-too-large", f"{item.path}.bands", bands.mark, message)
            continue
        holding = {found: _holding(cells, found, conditions) for found in cells.known()}
        gap = [found for found, numbers in holding.items() if not numbers]
        if gap:
            message = f"no band holds for a patient with {_patient(cells, gap)}; add a band, or widen one"
            yield compiled.outline.problem("table-gap", f"{item.path}.bands", bands.mark, message)
        for one, other in combinations(range(len(conditions)), 2):
            both = [found for found, numbers in holding.items() if {one, other} <= set(numbers)]
            if both:
                message = f"bands {one + 1} and {other + 1} both hold for a patient with {_patient(cells, both)}"
                yield compiled.outline.problem("table-overlap", f"{item.path}.bands", bands.mark, message)


def _holding(cells: Cells, found: Combination, conditions: list[Condition]) -> list[int]:
    evaluation = cells.evaluation(found)
    return [number for number, one in enumerate(conditions) if evaluation.condition(one) is Truth.TRUE]


def _patient(cells: Cells, found: list[Combination]) -> str:
    first, idle = cells.cubes(found)[0]
    return f"{cells.patient(first)}{whatever(idle)}"


def edges_are_apart(compiled: Compiled) -> Iterator[Problem]:
    """The results by which a drug is held do not release it as well."""
    fold = Conditions(compiled.outline.protocol).folded
    for item, rule in compiled.outline.of(Modification):
        if rule.until is None:
            continue
        when, until = fold(rule.when), fold(rule.until)
        cells = cells_of(compiled.table, [when, until])
        results_alone = all(isinstance(part.key, tuple) for part in cells.inputs)
        if not results_alone or cells.are_more_than(MOST_COMBINATIONS):
            continue
        both = [found for found in cells.known() if len(_holding(cells, found, [when, until])) > 1]
        if both:
            message = (
                f"is held and released by the same results: {_patient(cells, both)}; let the two exclude each other"
            )
            yield compiled.outline.problem("edges-meet", f"{item.path}.until", rule.mark, message)


def rules_act_by_reports(compiled: Compiled) -> Iterator[Problem]:
    """What begins and what releases a hold is reported, or is a day that comes: by an act no rule ever does anything.

    So is each of several ways in which a rule can begin, or release.
    """
    table = compiled.table
    for item, rule in compiled.outline.of(Modification):
        for key, condition in (("when", rule.when), ("until", rule.until)):
            folded = Conditions(compiled.outline.protocol).folded(condition) if condition is not None else None
            for clause in folded.clauses if folded is not None else ():
                if any(_is_reported(table, test, ()) for test in clause.tests):
                    continue
                names = " and ".join(dict.fromkeys(test.name for test in clause.tests))
                never = "begin to act" if key == "when" else "release"
                message = (
                    f"a rule acts by results, adverse events, discontinuations, levels and days; by {names} alone "
                    f"it would never {never}"
                )
                yield compiled.outline.problem("no-report", f"{item.path}.{key}", rule.mark, message)


def _is_reported(table: Table, named: NamedTest, above: tuple[str, ...]) -> bool:
    """Whether something that a rule acts by can make a test hold."""
    value = table.values.get(named.name)
    absent = isinstance(named.test, OneOf) and set(named.test.values) == {"no"}
    match value:
        case Ever():
            told = ("adverse_event", "discontinuation")
            return not absent and any(name in told or name in table.facts for name in value.ever)
        case Holds() if named.name in above:
            return False
        case Holds() if not absent:
            inner = (*above, named.name)
            return all(any(_is_reported(table, test, inner) for test in way.tests) for way in value.holds.clauses)
        case Date() | Level():
            return True
        case _:
            return bool(table.facts_read(Condition((Clause((named,)),))))


def something_is_left(compiled: Compiled) -> Iterator[Problem]:
    """Where rules can stop every drug of an element, the file says what follows."""
    protocol, table = compiled.outline.protocol, compiled.table
    ends = {drug for rule in table.modifications.values() if rule.do == "discontinue" for drug in rule.of}
    lowered = {drug for rule in table.modifications.values() if rule.do == "lower" for drug in rule.of}
    ends |= {ladder.of for ladder in table.ladders.values() if ladder.past_last == "discontinue"} & lowered
    for place in table.places.values():
        if place.kind != "giving" or place.regimen not in protocol.regimens:
            continue
        drugs = {str(line.written.drug) for line in lines_of(protocol, place.regimen)}
        if drugs and drugs <= ends and not _reads_ends(table, place, drugs):
            message = (
                f"rules can stop {' and '.join(sorted(drugs))}, and nothing says what follows then; "
                "read `ever: discontinuation` in an `until` or a stop"
            )
            yield here(compiled, place, "nothing-left", message)


def _reads_ends(table: Table, place: Place, drugs: set[str]) -> bool:
    """Whether something that falls there reads that one of the drugs was stopped for good."""
    tests = [test.name for row in table.falls_at[place.id][1] for guard in row.guards for test in guard.condition.tests]
    seen: set[str] = set()
    while tests:
        name = tests.pop()
        value = table.values.get(name)
        if isinstance(value, Ever) and "discontinuation" in value.ever:
            asked = (value.is_ or {}).get("value")
            if asked is None or not drugs.isdisjoint(asked):
                return True
        if isinstance(value, Holds) and name not in seen:
            seen.add(name)
            tests += [test.name for test in value.holds.tests]
    return False
