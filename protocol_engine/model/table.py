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
from typing import TYPE_CHECKING, Literal

from attrs import define, field, frozen

from protocol_engine.model.claims import Assumption, Silence
from protocol_engine.model.conditions import Condition, Elapsed, Test, inner_tests
from protocol_engine.model.doses import Bands, Ladder, Loading, Modification, PartOf, inner_doses, nodes_in
from protocol_engine.model.facts import Calendar, FactDefinition
from protocol_engine.model.formulas import INPUTS
from protocol_engine.model.masking import Blinding
from protocol_engine.model.protocol import (
    Administration,
    Announcement,
    Delay,
    Design,
    Drug,
    Elsewhere,
    Endpoint,
    NamedSet,
    NextCycle,
    Omitted,
    Part,
    Procedure,
    Tolerance,
    Window,
)
from protocol_engine.model.screening import CriterionContent, Derived, Formula, HalfLives, Newest, Ratio
from protocol_engine.model.units import Duration
from protocol_engine.model.values import (
    ACTS,
    AHEAD,
    MAIN,
    STOPPED,
    WAITING,
    Date,
    Ever,
    Holds,
    Last,
    Prefer,
    Take,
    Value,
    WorkedOut,
    facts_of,
    names_of,
)

if TYPE_CHECKING:
    from protocol_engine.model.amendment import Amendment, Kin

LIFE, STUDY, WITHDRAWN, DISCONTINUED = "life", "study", "treatment", "discontinued"
WEIGHT_FACT = "weight"
"""The fact that doses per kg are worked out with, in every protocol."""
ELEMENT = "element."
"""What stands before the name of an element where its first dose is counted from."""
SURFACE_FACT = "bsa"
"""The fact that doses per m2 are worked out with."""
PER_KG, PER_M2 = "/kg", "/m2"
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

    With ``refutes`` the row is closed only by a condition known to be true; unknown does not close it. With ``waits``
    it asks only that another row of its table is known, and the row does not rest on its claims.
    """

    condition: Condition
    cites: tuple[str, ...] = ()
    refutes: bool = False
    rests: tuple[str, ...] = ()
    waits: bool = False
    named: str = field(init=False, eq=False, repr=False)
    """The rules and assumptions among its claims, as a sentence names them."""

    @named.default
    def _as_a_sentence_names_them(self) -> str:
        return ", ".join(claim for claim in self.cites if claim[:1] in "RAG")


@frozen
class Among:
    """Which row of a table it is of which several may hold.

    ``holds`` is the value that says whether it does. ``by`` says who decides between rows that hold. With ``waits`` a
    row that holds is not offered before it is known of all the others.
    """

    table: str
    number: int
    holds: str
    by: str | None = None
    waits: bool = True


@frozen
class AdvisedOption:
    """An option that is advised while a guard lets it pass."""

    option: str
    guard: Guard


@frozen
class Row:
    """One line of the table; see :data:`Effect`. ``below``/``at_least`` bound the cycles given in the source place.

    ``among`` are the tables of which several rows may hold, outermost first. ``advice`` is that of the choice of which
    the row takes an option.
    """

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
    while_unknown: Literal["wait", "offer"] | None = None
    """On the menu of an allocation or a choice that opens its ways one by one: whether the others wait for it."""
    cites: tuple[str, ...] = ()
    rests: tuple[str, ...] = ()
    see: tuple[str, ...] = ()
    among: tuple[Among, ...] = ()
    advice: tuple[AdvisedOption, ...] = ()
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
    def asked(self) -> tuple[Guard, ...]:
        """Everything that is asked about the row: its guards, and those of the advice."""
        return (*self.guards, *(advised.guard for advised in self.advice)) if self.advice else self.guards

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
    "waiting",
    "start",
    "consented",
    "eligible",
    "allocated",
    "giving",
    "observing",
    "chosen",
    "assigned",
    "performed",
    "closed",
    "instead",
    "stopped",
    "ended",
]


BEFORE_A_TRACK = ("waiting", "start", "consented", "eligible", "allocated")
"""Kinds of place in which nothing of a track was done."""


@frozen
class Place:
    """A position of the course. ``scopes`` name the sets of falls that are tried in it, outermost first.

    In a ``track`` they are those of the track alone; ``within`` are the scopes around it, of which a fall ends all.
    """

    id: str
    kind: PlaceKind
    arm: str | None = None
    track: str | None = None
    element: str | None = None
    title: str | None = None
    regimen: str | None = None
    cycles: int | None = None
    scopes: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
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
        in_course = self.arm is not None and self.track is None
        return in_course and self.kind != "ended" and DISCONTINUED not in self.scopes

    @property
    def state(self) -> str:
        """How a track stands that is here."""
        if self.kind == "ended":
            return self.reason or self.kind
        if self.kind == "stopped":
            return STOPPED
        return self.element if self.element is not None and self.kind not in BEFORE_A_TRACK else WAITING


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
    delays: tuple[Delay, ...] = ()
    omitted: Omitted | None = None
    timing_rests: tuple[str, ...] = ()
    """The assumptions that its tolerance, its delays and what becomes of its omissions rest on."""


@frozen
class ChoiceContent:
    """A choice: who makes it, its options, and the option that must come with a name in words."""

    id: str
    by: str
    options: tuple[str, ...]
    says_which: str | None
    cites: tuple[str, ...]


@frozen
class AllocationContent:
    """A later allocation, in whichever branches it stands, and its arms."""

    id: str
    arms: tuple[str, ...]


@frozen
class ArmContent:
    """An arm: its title, the drugs that are never given in it (with the claims), and its citations."""

    id: str
    title: str
    never: dict[str, tuple[str, ...]]
    cites: tuple[str, ...]


@frozen
class TrackContent:
    """A track of an arm: the place where it begins, and how it can stand; ``main`` is the course of the arm."""

    id: str
    title: str | None
    start: str
    states: tuple[str, ...]
    cites: tuple[str, ...]


def _counted_from(test: Test) -> tuple[str, ...]:
    """The names whose days a test counts back from."""
    return tuple(inner.before for inner in inner_tests(test) if isinstance(inner, Elapsed) and inner.before is not None)


@define(frozen=True, slots=False)
class Table:
    """The compiled protocol. ``falls`` and ``offers`` index the rows by scope or place.

    ``elsewhere`` holds what only other readings than the selected ones know. ``amends`` is what it says of the version
    before it, and ``kin`` what it knows of the others where a course may be under several; the first is in the digest
    only where a file has it, the second never, since it is read off the other files; ``blinding`` is what is
    hidden from whom.
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
    allocations: dict[str, AllocationContent] = field(factory=dict)
    elsewhere: Elsewhere = field(factory=Elsewhere)
    derived: dict[str, Derived] = field(factory=dict)
    criteria: dict[str, CriterionContent] = field(factory=dict)
    tracks: dict[str, dict[str, TrackContent]] = field(factory=dict)
    """The tracks of each arm that has some, in the order of the file; its own course is no part of them."""
    ladders: dict[str, Ladder] = field(factory=dict)
    modifications: dict[str, Modification] = field(factory=dict)
    subject: Literal["patient", "trial"] = "patient"
    announces: dict[str, Announcement] = field(factory=dict)
    start: str = "start"
    amends: Amendment | None = field(default=None, eq=False)
    kin: Kin | None = field(default=None, eq=False)
    digest: str = field(default="", eq=False)
    blinding: Blinding | None = field(default=None, eq=False, repr=False)

    @cached_property
    def tracked(self) -> bool:
        """Whether some arm has tracks."""
        return bool(self.tracks)

    @cached_property
    def track_of(self) -> dict[str, dict[tuple[str, str], str]]:
        """By arm the track to which an act belongs: a regimen, a choice or a procedure. Others are of its own course.

        A second allocation, or whatever else a track may come to offer, is found here by itself.
        """
        found: dict[str, dict[tuple[str, str], str]] = {arm: {} for arm in self.tracks}
        for row in self.rows:
            place = self.places.get(row.source)
            if row.act is not None and place is not None and place.track is not None:
                found[place.arm or ""][row.act.kind, row.act.name.partition("=")[0]] = place.track
        return found

    def states_of(self, track: str) -> tuple[str, ...]:
        """How a track can stand, in all arms together."""
        if track != MAIN:
            known = [of_arm[track].states for of_arm in self.tracks.values() if track in of_arm]
            return tuple(dict.fromkeys(state for states in known for state in states))
        if self.subject == "trial":
            return tuple(dict.fromkeys((WAITING, *(place.state for place in self.places.values()))))
        places = [place for place in self.places.values() if place.arm in self.tracks and place.track is None]
        inside = (place.state for place in places if not place.off_treatment)
        return tuple(dict.fromkeys((WAITING, *inside)))

    @cached_property
    def allocation_of(self) -> dict[str, str]:
        """The later allocation that each of its arms belongs to."""
        return {arm: name for name, allocation in self.allocations.items() for arm in allocation.arms}

    def menu_of(self, act: ActLabel) -> str:
        """Which menu an arm or an option stands on: that of its choice, or of its allocation."""
        if act.kind == "choice":
            return f"choice:{act.name.partition('=')[0]}"
        return f"{act.kind}:{self.allocation_of.get(act.name, '')}"

    @cached_property
    def opens_singly(self) -> bool:
        """Whether some menu opens its arms or options one by one."""
        return any(row.while_unknown is not None for row in self.rows)

    @cached_property
    def fact_called(self) -> dict[str, str]:
        """The facts by every name under which they are reported."""
        return {called: name for name, fact in self.facts.items() for called in (name, *fact.also_called)}

    @cached_property
    def row_of(self) -> dict[str, Row]:
        """Rows by id."""
        return {row.id: row for row in self.rows}

    @cached_property
    def bases(self) -> dict[str, tuple[str, ...]]:
        """The claims behind each row."""
        return {row.id: row.basis for row in self.rows}

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
    def falls_around(self) -> dict[str, tuple[Row, ...]]:
        """The falls around each place of a track: they are taken from the course of the arm, and end all."""
        inside = (place for place in self.places.values() if place.within)
        return {p.id: tuple(row for scope in p.within for row in self.falls.get(scope, ())) for p in inside}

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
    def lines(self) -> tuple[Administration, ...]:
        """The lines of all regimens, and of the options that fill their parts."""
        filled = (line for part in self.parts.values() for option in part.options.values() for line in option.gives)
        return (*(line for regimen in self.regimens.values() for line in regimen.lines), *filled)

    @cached_property
    def doses_move(self) -> bool:
        """Whether what is given depends on more than the place: on rules, levels, bands, or what was given before."""
        return bool(self.ladders or self.modifications or any(nodes_in(line.dose) for line in self.lines))

    @cached_property
    def ladder_of(self) -> dict[str, str]:
        """The ladder of each drug that has one."""
        return {ladder.of: name for name, ladder in self.ladders.items()}

    @cached_property
    def rules_of(self) -> dict[str, tuple[str, ...]]:
        """By drug the rules that modify it."""
        drugs = dict.fromkeys(drug for rule in self.modifications.values() for drug in rule.of)
        return {drug: tuple(name for name, rule in self.modifications.items() if drug in rule.of) for drug in drugs}

    @cached_property
    def dose_conditions(self) -> tuple[Condition, ...]:
        """The conditions on which a dose depends: those of rules that modify it, and of its bands."""
        rules = self.modifications.values()
        found = [condition for rule in rules for condition in (rule.when, rule.until) if condition is not None]
        bands = (node for line in self.lines for node in nodes_in(line.dose) if isinstance(node, Bands))
        return (*found, *(band.if_ for item in bands for band in item.bands))

    @cached_property
    def dose_facts(self) -> frozenset[str]:
        """The facts on which a dose depends."""
        found = {fact for condition in self.dose_conditions for fact in self.facts_read(condition)}
        for line in self.lines:
            found |= {node.of for node in nodes_in(line.dose) if isinstance(node, PartOf)}
            if any(dose.unit.endswith(PER_M2) for dose in inner_doses(line.dose)):
                found.add(SURFACE_FACT)
        rungs = (rung for ladder in self.ladders.values() for rung in ladder.levels)
        return frozenset(found | {SURFACE_FACT for rung in rungs if str(getattr(rung, "unit", "")).endswith(PER_M2)})

    @cached_property
    def reloads(self) -> bool:
        """Whether some dose depends on how long ago the last one was."""
        loads = (node for line in self.lines for node in nodes_in(line.dose) if isinstance(node, Loading))
        return any(load.reload_after is not None for load in loads)

    @cached_property
    def grades_asked(self) -> bool:
        """Whether some value asks for the grade or the term of an adverse event, so that every one of them is kept."""
        return any(
            isinstance(value, Ever)
            and "adverse_event" in value.ever
            and not {"grade", "term"}.isdisjoint(value.is_ or {})
            for value in self.values.values()
        )

    @cached_property
    def turning(self) -> tuple[str, ...]:
        """The values that change as days go by, of those that falls read: what stops or closes by the calendar.

        So do those that rules on doses read, and those that are announced.
        """
        tests = [
            test for row in self.rows if row.kind == "fall" for guard in row.guards for test in guard.condition.tests
        ]
        tests += [test for delay in self.delays for test in delay.if_.tests]
        tests += [test for condition in self.dose_conditions for test in condition.tests]
        names = (*(test.name for test in tests), *(said.value for said in self.announces.values()))
        found = dict.fromkeys(name for read in names for name in self.names_behind(read))
        values = ((name, self.values[name]) for name in found)
        return tuple(
            name
            for name, value in values
            if isinstance(value, Date) or (isinstance(value, Last | Take) and value.within is not None)
        )

    @cached_property
    def delays(self) -> tuple[Delay, ...]:
        """The reasons for which doses may be delayed, of all regimens."""
        return tuple(delay for regimen in self.regimens.values() for delay in regimen.delays)

    @cached_property
    def hourly(self) -> frozenset[str]:
        """The acts from which some window counts hours: their times are kept."""
        windows = (row.window for row in self.rows if row.window is not None)
        return frozenset(window.from_ for window in windows if window.in_hours)

    @cached_property
    def to_the_hour(self) -> bool:
        """Whether the time of an act matters, and not its day alone."""
        values = (value for value in self.values.values() if isinstance(value, Last))
        return bool(self.hourly) or any(value.within is not None and value.within.unit == "hours" for value in values)

    @cached_property
    def looks_ahead(self) -> bool:
        """Whether some date is counted from a dose that is still to be given."""
        dates = (value for value in self.values.values() if isinstance(value, Date))
        return any(name in AHEAD for value in dates for name in names_of(value))

    @cached_property
    def counted_by_day(self) -> frozenset[str]:
        """The acts of which the days are counted, since an act or within a time."""
        counts = (value for value in self.values.values() if isinstance(value, Take))
        narrowed = (value for value in counts if value.since is not None or value.within is not None)
        return self.counted & {act for value in narrowed for act in value.of}

    @cached_property
    def days_kept(self) -> frozenset[str]:
        """The acts of which the days are kept: those of this version, and of those that a course may move to."""
        return self.counted_by_day | (self.kin.counted_by_day if self.kin is not None else frozenset())

    @cached_property
    def times_kept(self) -> frozenset[str]:
        """The acts of which the times are kept, in the same way."""
        return self.hourly | (self.kin.hourly if self.kin is not None else frozenset())

    @cached_property
    def doses_kept(self) -> bool:
        """Whether it is kept which drug was given when, in the same way."""
        return self.doses_move or (self.kin is not None and self.kin.doses_kept)

    @cached_property
    def grades_kept(self) -> bool:
        """Whether every adverse event is kept, in the same way."""
        return self.grades_asked or (self.kin is not None and self.kin.graded)

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
        regimens = self.regimens.values()
        return (
            values
            or windows
            or self.reloads
            or any(regimen.tolerance is not None or regimen.delays for regimen in regimens)
        )

    @cached_property
    def routed(self) -> bool:
        """Whether some table offers all of several rows that hold."""
        return any(row.among for row in self.rows)

    @cached_property
    def preferring(self) -> dict[str, tuple[str, ...]]:
        """The values that take the best of several sources, by the names tested in rows that read them."""
        names = {name for row in self.rows for guard in row.asked for name in (t.name for t in guard.condition.tests)}
        behind = {name: self.names_behind(name) for name in names}
        found = {
            name: tuple(dict.fromkeys(inner for inner in inners if isinstance(self.values[inner], Prefer)))
            for name, inners in behind.items()
        }
        return {name: inners for name, inners in found.items() if inners}

    @cached_property
    def counted(self) -> frozenset[str]:
        """The acts that some value counts."""
        counts = (value for value in self.values.values() if isinstance(value, Take))
        found = frozenset(act for value in counts for act in value.of if act.partition(".")[0] in ACTS)
        return found if self.kin is None else found | self.kin.counted

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
        course = {fact for row in self.rows for guard in row.asked for fact in self.facts_read(guard.condition)}
        course |= {fact for delay in self.delays for fact in self.facts_read(delay.if_)} | self.dose_facts
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
        case WorkedOut():
            return (*facts_of(value), *names_of(value))
        case Ratio():
            return value.ratio, value.to
        case HalfLives():
            return value.half_lives, value.since
        case Newest():
            return (value.newest,)
        case Formula():
            return INPUTS[value.formula]
