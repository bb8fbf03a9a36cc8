"""The compiled protocol: places, and rows that lead from place to place, as plain data.

A place is a position of the course: what was last really done, or the wait behind it. Two kinds of row leave it:
an **offer** is taken by an act; a **fall** is taken by itself as soon as its condition is true. What is not offered
is not allowed. The table also says where an act lands that no row allowed. It holds no function and no text of the
file that is ever run, and its digest covers everything in it, the selected readings included. It is long because every
index over the rows is a property of the table, made once and kept beside what it is made of.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, cached_property
from typing import Literal

from attrs import define, field, frozen

from protocol_engine.model.claims import Assumption, Silence
from protocol_engine.model.conditions import Condition, Elapsed, Test, inner_tests
from protocol_engine.model.facts import Calendar, FactDefinition
from protocol_engine.model.formulas import INPUTS
from protocol_engine.model.protocol import (
    Administration,
    Announcement,
    Design,
    Drug,
    Elsewhere,
    Endpoint,
    NamedSet,
    NextCycle,
    Part,
    Procedure,
    Tolerance,
    Window,
)
from protocol_engine.model.screening import CriterionContent, Derived, Formula, HalfLives, Newest, Ratio
from protocol_engine.model.units import Duration
from protocol_engine.model.values import (
    ACTS,
    Change,
    Confirmation,
    Date,
    Ever,
    Holds,
    Last,
    Members,
    Take,
    Value,
    facts_of,
    names_of,
)

LIFE, STUDY, WITHDRAWN, DISCONTINUED = "life", "study", "treatment", "discontinued"
WEIGHT_FACT = "weight"
"""The fact that doses per kg are worked out with, in every protocol."""
BUILT_IN_SCOPES = frozenset({LIFE, STUDY, WITHDRAWN, DISCONTINUED})
"""Scopes of the ends that hold in every protocol: death, withdrawal, closure and discontinuation."""

ActKind = Literal["consent", "eligibility", "allocation", "administration", "choice", "procedure"]
Effect = Literal["arrive", "enter", "enter_anew", "again", "day", "stay", "fill", "fall"]
"""What a row does to the marks of the place: ``arrive`` without a dose; ``enter`` the first cycle of an element, with
cycles numbered on (or ``anew``); ``again`` one more cycle; ``day`` closes a day; ``stay`` changes nothing; ``fill``
takes a choice without which the regimen lacks a part, and is there only while nobody made it."""


EFFECT_WORDS: dict[Effect, tuple[str, ...]] = {
    "arrive": ("given := 0",),
    "enter": ("given := 1", "cycle + 1", "start := day", "days := 1"),
    "enter_anew": ("given := 1", "cycle := 1", "start := day", "days := 1"),
    "again": ("given + 1", "cycle + 1", "start := day", "days := 1"),
    "day": ("days + day",),
    "stay": (),
    "fill": (),
    "fall": (),
}


@frozen
class ActLabel:
    """What an act is called: kind, name (arm, regimen, ``choice=option``, procedure) and, for a dose, its day."""

    kind: ActKind
    name: str
    day: int | None = None
    key: str = field(init=False, eq=False, repr=False)
    """The label as one word; ``transitions`` knows the act by it."""

    @key.default
    def _as_one_word(self) -> str:
        return f"{self.kind}:{self.name}" if self.day is None else f"{self.kind}:{self.name}:d{self.day}"


@frozen
class Guard:
    """A condition on a row, with the claims that ask for it.

    With ``refutes`` the row is closed only by a condition known to be true; unknown does not close it.
    """

    condition: Condition
    cites: tuple[str, ...] = ()
    refutes: bool = False
    rests: tuple[str, ...] = ()
    named: str = field(init=False, eq=False, repr=False)
    """The rules and assumptions among its claims, as a sentence names them."""

    @named.default
    def _as_a_sentence_names_them(self) -> str:
        return ", ".join(claim for claim in self.cites if claim[:1] in "RAG")


@frozen
class Row:
    """One line of the table; see :data:`Effect`. ``below``/``at_least`` bound the cycles given in the source place."""

    id: str
    kind: Literal["offer", "fall"]
    source: str
    act: ActLabel | None
    target: str
    effect: Effect
    below: int | None = None
    at_least: int | None = None
    guards: tuple[Guard, ...] = ()
    window: Window | None = None
    strength: Literal["required", "option", "permitted"] = "required"
    cites: tuple[str, ...] = ()
    rests: tuple[str, ...] = ()
    see: tuple[str, ...] = ()
    basis: tuple[str, ...] = field(init=False, eq=False, repr=False)
    """Rules and assumptions that the row rests on, rules first, each once."""
    reads: tuple[str, ...] = field(init=False, eq=False, repr=False)
    """The names that the conditions of the row test, each once."""

    @basis.default
    def _claims(self) -> tuple[str, ...]:
        return tuple(sorted({*self.cites, *self.rests}, key=claim_order))

    @reads.default
    def _names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(test.name for guard in self.guards for test in guard.condition.tests))

    @property
    def trigger(self) -> str:
        """What takes the row: the key of an act, or ``fall`` for a row that is taken by itself."""
        return self.act.key if self.act is not None else "fall"

    @property
    def effects(self) -> tuple[str, ...]:
        """What taking the row does to the marks of the place, in words."""
        return EFFECT_WORDS[self.effect]

    @property
    def timing(self) -> str:
        """What the row's date is counted from, where its regimen states days and a cycle length."""
        if self.window is not None:
            return f"a window from {self.window.from_}"
        match self.effect:
            case "day":
                return f"day {self.act.day} of the running cycle" if self.act is not None else "none"
            case "enter" | "enter_anew" | "again":
                return "the length of the running cycle after its day 1, if stated"
            case _:
                return "none"


@cache
def claim_order(claim: str) -> tuple[int, tuple[int, ...], str]:
    """Sort key for claim ids: R before A before G before N, criteria (I, E, H) behind them, and 2 before 10."""
    numbers = tuple(int(digits) if digits.isdigit() else 0 for digits in claim[1:].split("."))
    return ("RAGNIEH".find(claim[:1]), numbers, claim)


PlaceKind = Literal[
    "start",
    "consented",
    "eligible",
    "allocated",
    "giving",
    "observing",
    "chosen",
    "performed",
    "closed",
    "stopped",
    "ended",
]


@frozen
class Place:
    """A position of the course. ``scopes`` name the sets of falls that are tried in it, outermost first."""

    id: str
    kind: PlaceKind
    arm: str | None = None
    element: str | None = None
    title: str | None = None
    regimen: str | None = None
    cycles: int | None = None
    scopes: tuple[str, ...] = ()
    reason: str | None = None
    follow_up: bool = False
    cites: tuple[str, ...] = ()
    see: tuple[str, ...] = ()
    rules: tuple[str, ...] = field(init=False, eq=False, repr=False)
    """The rules among its claims."""

    @rules.default
    def _among_the_claims(self) -> tuple[str, ...]:
        return tuple(claim for claim in self.cites if claim.startswith("R"))

    @property
    def off_treatment(self) -> bool:
        """Whether protocol treatment is over here, by a stop or by a choice, while the course is not."""
        return self.arm is not None and self.kind != "ended" and DISCONTINUED not in self.scopes


@frozen
class Landing:
    """Where an act goes that no row allowed.

    ``take`` the rows of the place as if they had held; ``ahead`` to ``target`` over the acts in ``skipped``; ``park``
    until a gate is passed; ``stay``. ``effect`` is that of a row.
    """

    kind: Literal["take", "ahead", "park", "stay"]
    target: str | None = None
    effect: Effect = "stay"
    skipped: tuple[str, ...] = ()


@frozen
class RegimenContent:
    """A regimen: lines, days that can be given (from 1), length of a cycle, when the next is due, and its silences."""

    id: str
    name: str
    lines: tuple[Administration, ...]
    days: tuple[int, ...]
    cycle: Duration | None
    next_cycle: NextCycle | None
    tolerance: Tolerance | None
    not_stated: tuple[str, ...]
    cites: tuple[str, ...]
    rests: tuple[str, ...] = ()


@frozen
class ChoiceContent:
    """A choice: who makes it, its options, and the option that must come with a name in words."""

    id: str
    by: str
    options: tuple[str, ...]
    says_which: str | None
    cites: tuple[str, ...]


@frozen
class ArmContent:
    """An arm: its title, the drugs that are never given in it (with the claims), and its citations."""

    id: str
    title: str
    never: dict[str, tuple[str, ...]]
    cites: tuple[str, ...]


def _counted_from(test: Test) -> tuple[str, ...]:
    """The names whose days a test counts back from."""
    return tuple(inner.before for inner in inner_tests(test) if isinstance(inner, Elapsed) and inner.before is not None)


@define(frozen=True, slots=False)
class Table:
    """The compiled protocol. ``falls`` and ``offers`` index the rows by scope or place.

    ``elsewhere`` holds what only other readings than the selected ones know.
    """

    protocol: str
    version: str
    title: str
    design: Design
    readings: dict[str, str]
    rules: dict[str, str]
    assumptions: dict[str, Assumption]
    not_stated: dict[str, Silence]
    facts: dict[str, FactDefinition]
    sets: dict[str, NamedSet]
    values: dict[str, Value]
    drugs: dict[str, Drug]
    procedures: dict[str, Procedure]
    parts: dict[str, Part]
    regimens: dict[str, RegimenContent]
    choices: dict[str, ChoiceContent]
    arms: dict[str, ArmContent]
    places: dict[str, Place]
    rows: tuple[Row, ...]
    landings: dict[str, dict[str, Landing]]
    endpoints: dict[str, Endpoint]
    endpoints_see: tuple[str, ...] = ()
    elsewhere: Elsewhere = field(factory=Elsewhere)
    derived: dict[str, Derived] = field(factory=dict)
    criteria: dict[str, CriterionContent] = field(factory=dict)
    subject: Literal["patient", "trial"] = "patient"
    announces: dict[str, Announcement] = field(factory=dict)
    start: str = "start"
    digest: str = field(default="", eq=False)

    @cached_property
    def fact_called(self) -> dict[str, str]:
        """The facts by every name under which they are reported."""
        return {called: name for name, fact in self.facts.items() for called in (name, *fact.also_called)}

    @cached_property
    def row_of(self) -> dict[str, Row]:
        """Rows by id."""
        return {row.id: row for row in self.rows}

    @cached_property
    def offers(self) -> dict[str, tuple[Row, ...]]:
        """Offers by the place they leave."""
        return self._by_source("offer")

    @cached_property
    def falls(self) -> dict[str, tuple[Row, ...]]:
        """Falls by scope."""
        return self._by_source("fall")

    @cached_property
    def falls_at(self) -> dict[str, tuple[tuple[Row, ...], tuple[Row, ...]]]:
        """The falls of each place, outermost scope first: all of them, and those that its own protocol wrote."""
        found = {}
        for place in self.places.values():
            rows = tuple(row for scope in place.scopes for row in self.falls.get(scope, ()))
            found[place.id] = rows, tuple(row for row in rows if row.source not in BUILT_IN_SCOPES)
        return found

    @cached_property
    def offers_of(self) -> dict[str, dict[str, tuple[Row, ...]]]:
        """Offers by place, then by the key of the act."""
        found: dict[str, dict[str, tuple[Row, ...]]] = {}
        for row in self.rows:
            if row.act is not None:
                acts = found.setdefault(row.source, {})
                acts[row.act.key] = (*acts.get(row.act.key, ()), row)
        return found

    @cached_property
    def choices_of(self) -> dict[str, tuple[str, ...]]:
        """By regimen the choices without which it is not complete: they fill a part of it, or say its drug in words."""
        found = {}
        for name, regimen in self.regimens.items():
            parts = [self.parts[line.part].chosen_in for line in regimen.lines if line.part is not None]
            said = [line.named_in for line in regimen.lines if line.named_in is not None]
            found[name] = tuple(dict.fromkeys((*parts, *(c for c in said if self.choices[c].says_which is not None))))
        return found

    @cached_property
    def acts(self) -> dict[str, ActLabel]:
        """Every act that some row offers, by key."""
        return {row.act.key: row.act for row in self.rows if row.act is not None}

    def facts_read(self, condition: Condition) -> tuple[str, ...]:
        """The facts that a condition reads, through derived and named values, and counts days from; each once."""
        names = [name for named in condition.tests for name in (named.name, *_counted_from(named.test))]
        return tuple(dict.fromkeys(fact for name in names for fact in self._facts_behind(name)))

    def _facts_behind(self, name: str) -> Iterator[str]:
        head = name.partition(".")[0]
        if head in self.facts:
            yield head
            return
        value = self.derived.get(name, self.values.get(name))
        if isinstance(value, Holds):
            yield from self.facts_read(value.holds)
            return
        for other in _names_in(value) if value is not None else ():
            yield from self._facts_behind(other)

    @cached_property
    def visited(self) -> tuple[tuple[str, tuple[str, ...], Calendar], ...]:
        """The facts that are assessed by a calendar: name, claims and calendar."""
        found = ((name, fact.cite, fact.calendar) for name, fact in self.facts.items())
        return tuple((name, cites, calendar) for name, cites, calendar in found if calendar is not None)

    @cached_property
    def turning(self) -> tuple[str, ...]:
        """The values that change as days go by, of those that falls read: what stops or closes by the calendar."""
        tests = [
            test for row in self.rows if row.kind == "fall" for guard in row.guards for test in guard.condition.tests
        ]
        found = dict.fromkeys(name for test in tests for name in self.names_behind(test.name))
        values = ((name, self.values[name]) for name in found)
        return tuple(
            name
            for name, value in values
            if isinstance(value, Date) or (isinstance(value, Last | Take) and value.within is not None)
        )

    def names_behind(self, name: str, above: tuple[str, ...] = ()) -> Iterator[str]:
        """A named value, and those that it reads."""
        value = self.values.get(name)
        if value is None or name in above:
            return
        yield name
        for other in _names_in(value):
            yield from self.names_behind(other, (*above, name))

    @cached_property
    def timed(self) -> bool:
        """Whether the day on which something is used matters: to a value, or because an act has a window."""
        values = any(
            isinstance(value, Date) or (isinstance(value, Last | Take) and value.within is not None)
            for value in self.values.values()
        )
        windows = any(row.window is not None for row in self.rows)
        return values or windows or any(regimen.tolerance is not None for regimen in self.regimens.values())

    @cached_property
    def counted(self) -> frozenset[str]:
        """The acts that some value counts."""
        counts = (value for value in self.values.values() if isinstance(value, Take))
        return frozenset(act for value in counts for act in value.of if act.partition(".")[0] in ACTS)

    @cached_property
    def reading(self) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
        """By fact the names that read it, itself among them, and the ids of the rows whose conditions do."""
        names = {*self.facts, *self.values, *(name for row in self.rows for name in row.reads)}
        behind = {name: frozenset(self._facts_behind(name)) for name in names}
        found = {}
        for fact in self.facts:
            reading = frozenset(name for name in names if fact in behind[name])
            found[fact] = reading, frozenset(row.id for row in self.rows if not reading.isdisjoint(row.reads))
        return found

    @cached_property
    def screening_facts(self) -> frozenset[str]:
        """The facts that criteria read and the course does not: only a screening asks for them."""
        conditions = (item.condition for item in self.criteria.values() if item.condition is not None)
        read = {fact for condition in conditions for fact in self.facts_read(condition)}
        course = {fact for row in self.rows for guard in row.guards for fact in self.facts_read(guard.condition)}
        return frozenset(read - course - {name for name, fact in self.facts.items() if fact.taken} - {WEIGHT_FACT})

    @cached_property
    def answering(self) -> frozenset[str]:
        """The elements, as places, that say themselves what follows when what is given in them is stopped for good."""
        return frozenset(
            name
            for name, place in self.places.items()
            if place.kind in ("giving", "observing")
            and any(self._reads_stops(guard.condition) for row in self.falls.get(name, ()) for guard in row.guards)
        )

    def _reads_stops(self, condition: Condition, above: tuple[str, ...] = ()) -> bool:
        """Whether a condition reads, directly or through other values, that something was stopped for good."""
        for name in {test.name for test in condition.tests} - {*above}:
            value = self.values.get(name)
            if isinstance(value, Ever) and "discontinuation" in value.ever:
                return True
            if isinstance(value, Holds) and self._reads_stops(value.holds, (*above, name)):
                return True
        return False

    def _by_source(self, kind: str) -> dict[str, tuple[Row, ...]]:
        found: dict[str, tuple[Row, ...]] = {}
        for row in self.rows:
            if row.kind == kind:
                found[row.source] = (*found.get(row.source, ()), row)
        return found


def _names_in(value: Value | Derived) -> tuple[str, ...]:
    """The names that a value reads by itself."""
    match value:
        case Holds():
            return tuple(test.name for test in value.holds.tests)
        case Last():
            return (value.last,)
        case Ever():
            return (*value.ever, *([value.before] if value.before is not None else ()))
        case Take() | Confirmation() | Change() | Members() | Date():
            return (*facts_of(value), *names_of(value))
        case Ratio():
            return value.ratio, value.to
        case HalfLives():
            return value.half_lives, value.since
        case Newest():
            return (value.newest,)
        case Formula():
            return INPUTS[value.formula]
