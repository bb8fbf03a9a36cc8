"""What conditions read in the end, and the cells that their constants cut it into."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from fractions import Fraction
from itertools import pairwise, product

from attrs import frozen

from protocol_engine.model.conditions import InSet, Not, OneOf, Presence, Range, Test
from protocol_engine.model.evaluation import NO, YES, MemberSet, Missing, Outcome, Why
from protocol_engine.model.events import said
from protocol_engine.model.facts import FactDefinition
from protocol_engine.model.table import Table
from protocol_engine.model.units import plain
from protocol_engine.model.values import (
    ACTS,
    CONFIRMED,
    ONE_RESULT,
    Confirmation,
    Date,
    Ever,
    Last,
    Level,
    Members,
    Take,
    TrackState,
    Worked,
    calendar_day,
    names_of,
)

ResultKey = tuple[str, str | None]
"""A fact, a part of a fact or a choice, and the timepoint at which it is read."""
Atom = tuple[str, ...]
"""The least that can ever have been so: a level of a fact at a timepoint, a toxicity of a drug, an act."""
ELSEWHERE = "elsewhere"
"""What has names, and none of them: a timepoint that is not declared, a drug that no value asks for."""
GRADES = ("1", "2", "3", "4", "5")
ABSENCE = ("not_reported", "reported_without_result")


@frozen
class Cell:
    """One of the things an input can be: in words, as the values read it, and whether it is something known."""

    words: str
    outcome: Outcome
    known: bool = True

    def may_turn_out(self, other: Cell) -> bool:
        """Whether this cell is unknown and may turn out to be the other: a set keeps the names that were reported."""
        if self.known or not other.known:
            return False
        here, there = self.outcome.value, other.outcome.value
        return not (isinstance(here, MemberSet) and isinstance(there, MemberSet)) or here.listed <= there.listed


REACHED = date.min
"""What a day that has come is, whatever day it is."""
DAYS = (Cell("reached", Outcome(REACHED)), Cell("not yet reached", Outcome(date.max)))


@frozen
class Input:
    """Something that conditions read: a result, what was ever so, or what is worked out, by the name of its value.

    ``of`` numbers the input that it is a part of.
    """

    name: str
    key: ResultKey | frozenset[Atom] | str
    cells: tuple[Cell, ...]
    of: int | None = None


# --- results -------------------------------------------------------------------------------------------------------


def result_input(table: Table, key: ResultKey, tests: list[Test], of: int | None, whys: tuple[Why, ...]) -> Input:
    """The input for a result, cut by the tests on it; ``whys`` are the reasons for which it may be unknown."""
    head, _, part = key[0].partition(".")
    missing = (Missing(head, key[1], part or None, "absent"),)
    if head == "choice":
        cells = _level_cells(table.choices[part].options, tests)
    elif head == "allocation" and part in table.allocations:
        cells = _level_cells(table.allocations[part].arms, tests)
    elif part and table.facts[head].parts[part].one_of is not None:
        cells = _level_cells(table.facts[head].parts[part].one_of or (), tests)
    elif part:
        open_list = table.facts[head].parts[part].not_listed == "unknown"
        cells = tuple(_set_cells(table, tests, missing if open_list else None))
    else:
        cells = _fact_cells(table, table.facts[head], tests)
    name = f"{part} of {head}" if part and head not in ("choice", "allocation") else key[0]
    unknown = tuple(Cell(_WHY_WORDS[why], Outcome(None, why, (), (Missing(*_parts(key), why),)), False) for why in whys)
    return Input(name + (f" at {key[1]}" if key[1] else ""), key, (*cells, *unknown), of)


_WHY_WORDS: dict[Why, str] = {
    "absent": "not reported",
    "no_result": "reported without a result",
    "muddled": "in doubt",
    "known": "known",
}


def _parts(key: ResultKey) -> tuple[str, str | None, str | None]:
    head, _, part = key[0].partition(".")
    return (key[0], None, None) if head in ("choice", "allocation") else (head, key[1], part or None)


def _fact_cells(table: Table, fact: FactDefinition, tests: list[Test]) -> tuple[Cell, ...]:
    if fact.values is not None:
        return _level_cells(fact.values, tests)
    if fact.quantity is not None:
        return tuple(_number_cells(fact.domain, tests))
    if fact.set_of is not None:
        return tuple(_set_cells(table, tests, None))
    if any(isinstance(test, Presence) and test.word == "reached" for test in tests):
        return DAYS
    return (Cell("known", Outcome("known")),)


def _inner(test: Test) -> Test:
    return test.test if isinstance(test, Not) else test


def _level_cells(levels: tuple[str, ...], tests: list[Test]) -> tuple[Cell, ...]:
    """The levels, those together that no test tells apart."""
    wanted = [test.values for test in map(_inner, tests) if isinstance(test, OneOf)]
    together: dict[tuple[bool, ...], list[str]] = {}
    for level in levels:
        together.setdefault(tuple(level in values for values in wanted), []).append(level)
    return tuple(Cell(" or ".join(some), Outcome(some[0])) for some in together.values())


@frozen
class _Stretch:
    """Numbers between ``low`` and ``high``, or the one number that both are; ``inside`` is one of them."""

    low: Fraction | None
    high: Fraction | None
    inside: Fraction

    def holds_a_whole_number(self) -> bool:
        """Whether some whole number lies between, or is the one number."""
        if self.low is None or self.high is None or self.low == self.high:
            return self.low != self.high or self.inside == int(self.inside)
        return int(self.low) + 1 < self.high


def _number_cells(domain: Range, tests: list[Test], *, whole: bool = False) -> Iterator[Cell]:
    """The stretches of a quantity between the limits used, those together that no test tells apart."""
    limits = [test for test in map(_inner, tests) if isinstance(test, Range)]
    cuts = sorted({Fraction(limit) for test in (*limits, domain) for limit in test.limits.values()})
    together: dict[tuple[bool, ...], list[list[_Stretch]]] = {}
    last: tuple[bool, ...] | None = None
    for piece in _stretches(cuts):
        if not domain.includes(piece.inside) or (whole and not piece.holds_a_whole_number()):
            continue
        told = tuple(test.includes(piece.inside) for test in limits)
        if told == last:
            together[told][-1].append(piece)
        else:
            together.setdefault(told, []).append([piece])
        last = told
    for runs in together.values():
        yield Cell(" or ".join(_stretch_words(run, domain) for run in runs), Outcome(runs[0][0].inside))


def _stretches(cuts: list[Fraction]) -> Iterator[_Stretch]:
    """The limits and what lies between them."""
    for low, high in pairwise([None, *cuts, None]):
        if low is not None and high is not None:
            inside = (low + high) / 2
        else:
            inside = low + 1 if low is not None else high - 1 if high is not None else Fraction(0)
        yield _Stretch(low, high, inside)
        if high is not None:
            yield _Stretch(high, high, high)


def _stretch_words(run: list[_Stretch], domain: Range) -> str:
    """The limits of a run of stretches; those that the fact declares go without saying."""
    first, last = run[0], run[-1]
    if first.low is not None and first.low == last.high:
        return plain(first.low)
    words = []
    bottom, top = domain.at_least or domain.above, domain.at_most or domain.below
    if first.low is not None and (bottom is None or first.low != Fraction(bottom)):
        words.append(f"{'at least' if first.low == first.high else 'above'} {plain(first.low)}")
    if last.high is not None and (top is None or last.high != Fraction(top)):
        words.append(f"{'at most' if last.low == last.high else 'below'} {plain(last.high)}")
    return " and ".join(words) or "any number"


def _set_cells(table: Table, tests: list[Test], open_list: tuple[Missing, ...] | None) -> Iterator[Cell]:
    """Which of the names that the tests ask about are reported; with ``open_list`` also with the others not tested."""
    asked = [test for test in map(_inner, tests) if isinstance(test, InSet)]
    regions: dict[frozenset[str], list[str]] = {}
    for name in dict.fromkeys(name for test in asked for name in table.sets[test.set_name].are):
        among = frozenset(test.set_name for test in asked if name in table.sets[test.set_name].are)
        regions.setdefault(among, []).append(name)
    whole = {test.set_name for test in asked if test.how == "all_in"}
    options = [
        [(), (names[0],), *([tuple(names)] if len(names) > 1 and among & whole else [])]
        for among, names in regions.items()
    ]
    for some in product(*options):
        listed = frozenset(name for names in some for name in names)
        words = ", ".join(sorted(listed)) or (
            "none of " + " or ".join(sorted({t.set_name for t in asked})) if asked else "known"
        )
        yield Cell(words, Outcome(MemberSet(listed), missing=open_list or ()))
        if open_list is not None and asked:
            yield Cell(f"{words}, others not tested", Outcome(MemberSet(listed, listed), missing=open_list), False)


# --- what is worked out ----------------------------------------------------------------------------------------------


def worked_input(table: Table, name: str, value: Worked | Last, tests: list[Test]) -> Input:
    """The input for a value worked out from several results, or of some reports: independent of what others say."""
    cells = _worked_cells(table, value, tests)
    missing = (Missing(name, None, None, "absent"),)
    certain = isinstance(value, Level) or (isinstance(value, Take) and value.of[0].partition(".")[0] in ACTS)
    of_the_calendar = isinstance(value, Date) and all(calendar_day(name) for name in names_of(value))
    certain = certain or isinstance(value, TrackState) or of_the_calendar
    unknown = () if certain else (Cell("not known", Outcome(None, "absent", (), missing), False),)
    return Input(name, name, (*cells, *unknown))


def _worked_cells(table: Table, value: Worked | Last, tests: list[Test]) -> tuple[Cell, ...]:
    match value:
        case Last():
            return _result_cells(table, value.last, tests)
        case Confirmation():
            return _level_cells(CONFIRMED, tests)
        case Take() if value.take in ONE_RESULT:
            return _result_cells(table, value.of[0], tests)
        case Date():
            return DAYS
        case TrackState():
            return _level_cells(table.states_of(value.track), tests)
        case Level():
            return _level_cells(table.ladders[value.level_of].ascending, tests)
        case Members() if value.members != "number":
            return Cell("yes", Outcome(YES)), Cell("no", Outcome(NO))
        case _:
            whole = isinstance(value, Members) or (isinstance(value, Take) and value.take in ("count", "run"))
            return tuple(_number_cells(Range(at_least="0") if whole else Range(), tests, whole=whole))


def _result_cells(table: Table, name: str, tests: list[Test]) -> tuple[Cell, ...]:
    """The cells of one result of a fact, or of a part of it."""
    head, _, part = name.partition(".")
    if not part:
        return _fact_cells(table, table.facts[head], tests)
    definition = table.facts[head].parts[part]
    if definition.one_of is not None:
        return _level_cells(definition.one_of, tests)
    return tuple(_number_cells(Range(), tests) if definition.quantity is not None else _set_cells(table, tests, None))


# --- what was ever so ----------------------------------------------------------------------------------------------


def atoms_of(table: Table, value: Ever) -> frozenset[Atom]:
    """What may have been so for the value to hold."""
    return frozenset(atom for name in value.ever for atom in _atoms(table, name, value))


def _atoms(table: Table, name: str, value: Ever) -> Iterable[Atom]:
    since = " and ".join(value.since) + (f" before {value.before}" if value.before is not None else "")
    since += "".join(f" where {part} is {' or '.join(words)}" for part, words in value.where.items())
    wanted = value.is_ or {}
    if name == "adverse_event":
        drugs = wanted.get("drug", (*table.drugs, ELSEWHERE))
        return [(name, drug, kind, since) for drug in drugs for kind in _kinds(table, wanted)]
    if name == "discontinuation":
        return [(name, scope, "", since) for scope in wanted.get("value", ("treatment", *table.drugs))]
    if name == "unblinding" and table.blinding is not None:
        return [(name, role, "", since) for role in wanted.get("value", table.blinding.roles)]
    if name not in table.facts:
        return [(name, "", "", since)]
    points = (*table.facts[name].taken, ELSEWHERE)
    points = tuple(point for point in points if (not value.at or point in value.at) and point not in value.not_at)
    return [(name, level, point, since) for level in wanted.get("value", ()) for point in points]


def _kinds(table: Table, wanted: dict[str, tuple[str, ...]]) -> list[str]:
    """The kinds of adverse events that a value asks for, by grade and term, of those that some value tells apart."""
    if {"grade", "term"}.isdisjoint(wanted):
        return [""]
    asked = (value.is_ or {} for value in table.values.values() if isinstance(value, Ever))
    terms = dict.fromkeys(said(term) for each in asked for term in each.get("term", ()))
    of = [said(term) for term in wanted["term"]] if "term" in wanted else [*terms, ELSEWHERE]
    judged = " unacceptable" if "unacceptable" in wanted else ""
    return [f"grade {grade} {term}{judged}" for grade in wanted.get("grade", GRADES) for term in of]


def ever_input(table: Table, atoms: frozenset[Atom]) -> Input:
    """The input for atoms that no value tells apart: whether any of them was ever so."""
    cells = [Cell("yes", Outcome(YES)), Cell("no", Outcome(NO))]
    heads = {atom[0] for atom in atoms}
    if any("." not in head for head in heads):
        missing = tuple(Missing(head, None, None, "muddled") for head in sorted(heads) if head in table.facts)
        cells.append(Cell("in doubt", Outcome(None, "muddled", (), missing), False))
    return Input(" or ".join(_ever_words(table, head, atoms) for head in sorted(heads)), atoms, tuple(cells))


def _ever_words(table: Table, head: str, atoms: frozenset[Atom]) -> str:
    some = sorted(atom for atom in atoms if atom[0] == head)
    since = " or ".join(dict.fromkeys(atom[3] for atom in some if atom[3]))
    details = list(dict.fromkeys(atom[1] for atom in some if atom[1]))
    points = list(dict.fromkeys(atom[2] for atom in some if atom[2]))
    graded = head == "adverse_event" and points
    text = f"ever {'unacceptable ' if head == 'adverse_event' and not points else ''}{head}"
    every = {"adverse_event": len(table.drugs) + 1, "discontinuation": len(table.drugs) + 1}.get(head)
    if details and len(details) != every:
        text += f" {' or '.join(details)}"
    if points and head in table.facts and len(points) != len(table.facts[head].taken) + 1:
        text += f" at {' or '.join(points)}"
    text += f" of {' or '.join(points)}" if graded else ""
    return text + (f" since {since}" if since else "")
