"""From a protocol to its table: the position automaton of the course.

``entries`` of a list of steps are the guarded acts it can begin with; ``rest`` is what follows. Every act that is
written gets one place, and the rows out of a place are the entries of what may come next. Copies that a
``same_regimen`` made and that cannot be told apart are merged. Then the landing of every act in every place is worked
out, so that the table is total: an act that was not allowed still has somewhere to go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, assert_never

from attrs import define, evolve, field, frozen

from protocol_engine.codec import digest, plain_json
from protocol_engine.errors import BrokenInvariant
from protocol_engine.model.claims import GENERAL_RULES
from protocol_engine.model.conditions import Clause, Condition, InSet, NamedTest, Not, OneOf, Range, Test
from protocol_engine.model.facts import NO_CITES
from protocol_engine.model.protocol import (
    Administration,
    Allocate,
    Arm,
    Choose,
    Consent,
    Decide,
    Eligibility,
    End,
    Give,
    May,
    Need,
    NextCycle,
    Perform,
    Protocol,
    Refutation,
    Regimen,
    Repeat,
    Step,
    Stop,
    Until,
)
from protocol_engine.model.table import (
    DISCONTINUED,
    LIFE,
    STUDY,
    WITHDRAWN,
    ActLabel,
    ArmContent,
    ChoiceContent,
    Effect,
    Guard,
    Landing,
    Place,
    PlaceKind,
    RegimenContent,
    Row,
    Table,
    claim_order,
)
from protocol_engine.model.units import NOT_STATED, DayPoints
from protocol_engine.model.values import Holds, Last, Value

SAME_REGIMEN = "same_regimen"
GATES = ("consent", "eligibility", "allocation")
STAY = ""
"""Target of an entry that leads back to the place it leaves."""

BUILT_IN_ENDS = {
    LIFE: (("death", "yes", "death", False),),
    STUDY: (("withdrawn_from", "study", "off_study", False), ("study_closed", "yes", "study_closure", False)),
    WITHDRAWN: (("withdrawn_from", "treatment", "withdrawal", True),),
    DISCONTINUED: (("discontinued", "treatment", "discontinuation", False),),
}
"""Ends that hold in every protocol, by scope: built-in value, level, reason, and whether survival follow-up stays."""


def compile_protocol(protocol: Protocol) -> Table:
    """The table of a protocol that passed its checks. Equal protocols and readings give equal digests."""
    return _Compiler(protocol).table()


@frozen
class _Entry:
    """One way in: an act (or, with ``act`` None, a fall), the place it leads to, and what guards it."""

    act: ActLabel | None
    target: str
    effect: Effect
    guards: tuple[Guard, ...] = ()
    strength: Literal["required", "option", "permitted"] = "required"
    cites: tuple[str, ...] = ()
    rests: tuple[str, ...] = ()
    see: tuple[str, ...] = ()


@frozen
class _Around:
    """What surrounds a step: the arm, the regimen that led here, and the scopes, needs and permissions that apply."""

    arm: str | None = None
    regimen: str | None = None
    scopes: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    may: tuple[May, ...] = ()


@define
class _Draft:
    """A place with its rows while they are being found."""

    place: Place
    base: str
    rows: list[Row] = field(factory=list)


_Rest = Callable[[_Around], list[_Entry]]


def _nothing(_: _Around) -> list[_Entry]:
    return []


def _test(name: str, level: str) -> Condition:
    return Condition((Clause((NamedTest(name, OneOf((level,))),)),))


def _claims(*groups: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(dict.fromkeys(claim for group in groups for claim in group), key=claim_order))


def regimen_days(protocol: Protocol, regimen: Regimen) -> tuple[int, ...]:
    """The days of a cycle on which something is given or started; (1,) where the record states no days."""
    lines = [*regimen.gives]
    for line in regimen.gives:
        if line.part is not None and line.part in protocol.parts:
            lines += [inner for option in protocol.parts[line.part].options.values() for inner in option.gives]
    points = {day for line in lines if isinstance(line.days, DayPoints) for day in line.days.days}
    return tuple(sorted(points | {1}))


class _Compiler:
    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.drafts: dict[str, _Draft] = {}
        self.falls: dict[str, list[Row]] = {}
        self.rest_cache: dict[str, tuple[str, ...]] = {}
        self.choices: dict[str, ChoiceContent] = {}
        self.regimens = {name: self._regimen(name, item) for name, item in protocol.regimens.items()}
        self.keys: dict[int, str] = {}

    # --- the whole -------------------------------------------------------------------------------------------------

    def table(self) -> Table:
        self._find_choices(self.protocol.course)
        for arm in self.protocol.arms.values():
            self._find_choices(arm.course)
        self._built_in_falls()
        start = self._draft("start", "start", _Around(), "start", None)
        start.place = evolve(start.place, scopes=(LIFE, STUDY, WITHDRAWN))
        around = _Around(scopes=(LIFE, STUDY, WITHDRAWN))
        self._leave(start, self._entries(self.protocol.course, 0, _nothing, around))
        self._merge()
        rows = self._numbered_rows()
        places = {draft.place.id: draft.place for draft in self.drafts.values()}
        table = self._assembled(places, rows)
        table = evolve(table, landings=_landings(table))
        return evolve(table, digest=digest(plain_json(table)))

    def _assembled(self, places: dict[str, Place], rows: tuple[Row, ...]) -> Table:
        protocol = self.protocol
        return Table(
            protocol=protocol.protocol,
            version=protocol.record.version,
            title=protocol.title,
            design=protocol.design,
            readings=dict(protocol.readings),
            rules={**protocol.rules, **GENERAL_RULES},
            assumptions=protocol.assumptions,
            not_stated=protocol.not_stated,
            facts=protocol.facts,
            sets=protocol.sets,
            values={name: self._value(value) for name, value in protocol.values.items()},
            drugs=protocol.drugs,
            procedures=protocol.procedures,
            parts=protocol.parts,
            regimens=self.regimens,
            choices=self.choices,
            arms={name: self._arm(name, arm) for name, arm in protocol.arms.items()},
            places=places,
            rows=rows,
            landings={},
            endpoints=protocol.endpoints,
            endpoints_see=protocol.endpoints_see,
        )

    def _arm(self, name: str, arm: Arm) -> ArmContent:
        return ArmContent(name, arm.title, {item.drug: item.cite for item in arm.never}, arm.cite)

    def _regimen(self, name: str, item: Regimen) -> RegimenContent:
        rule = item.next_cycle
        if rule is None and item.cycle is not None:
            rule = NextCycle(due=item.cycle, after_day=1)
        rests = _claims(item.rests, *(line.rests for line in item.gives), rule.rests if rule is not None else ())
        days = regimen_days(self.protocol, item)
        return RegimenContent(name, item.name or name, item.gives, days, item.cycle, rule, item.not_stated, item.cite, rests)

    def _find_choices(self, steps: tuple[Step, ...]) -> None:
        for step in steps:
            match step:
                case Choose():
                    self.choices[step.choose] = ChoiceContent(step.choose, step.by, tuple(step.options), step.says_which, step.cite)
                    for inner in step.options.values():
                        self._find_choices(inner)
                case Decide():
                    for row in step.rows:
                        self._find_choices(row.then)
                case Repeat():
                    self._find_choices(step.steps)
                    for until in step.until:
                        self._find_choices(until.then)
                case Give():
                    for until in step.until:
                        self._find_choices(until.then)
                case _:
                    pass
        for may in (*self.protocol.may, *(may for arm in self.protocol.arms.values() for may in arm.may)):
            if may.choose is not None and may.options is not None:
                self.choices[may.choose] = ChoiceContent(may.choose, may.by or "investigator", tuple(may.options), None, may.cite)

    # --- places and rows -------------------------------------------------------------------------------------------

    def _draft(self, key: str, kind: PlaceKind, around: _Around, element: str | None, step: Any) -> _Draft:
        last = (DISCONTINUED,) if any(scope.startswith("protocol@") for scope in around.scopes) else ()
        place = Place(key, kind, around.arm, element, scopes=(*around.scopes, key, *last), cites=tuple(getattr(step, "cite", ())), see=tuple(getattr(step, "see", ())))
        draft = self.drafts[key] = _Draft(place, key.partition("|")[0])
        return draft

    def _key(self, step: Step, around: _Around, name: str) -> str:
        """A key for the place of a step: arm and name, told apart by the regimen that led here."""
        base = self.keys.get(id(step))
        if base is None:
            base = wanted = f"{around.arm}/{name}" if around.arm else name
            number = 2
            while base in self.keys.values():
                base = f"{wanted}#{number}"
                number += 1
            self.keys[id(step)] = base
        return f"{base}|{around.regimen}" if around.regimen else base

    def _leave(self, draft: _Draft, entries: list[_Entry], below: int | None = None, at_least: int | None = None) -> None:
        """Rows out of a place for each entry; falls go to the place's own scope."""
        source = draft.place.id
        for entry in entries:
            row = self._row(source, entry, below=below, at_least=at_least)
            if row not in draft.rows and not _never(row):
                draft.rows.append(row)

    def _row(self, source: str, entry: _Entry, below: int | None = None, at_least: int | None = None) -> Row:
        return Row(
            id="",
            kind="fall" if entry.act is None else "offer",
            source=source,
            act=entry.act,
            target=entry.target or source,
            effect=entry.effect,
            below=below,
            at_least=at_least,
            guards=entry.guards,
            strength=entry.strength,
            cites=_claims(entry.cites, *(guard.cites for guard in entry.guards)),
            rests=_claims(entry.rests, *(guard.rests for guard in entry.guards)),
            see=entry.see,
        )

    def _numbered_rows(self) -> tuple[Row, ...]:
        rows = [row for draft in self.drafts.values() for row in draft.rows]
        rows += [row for scope in self.falls.values() for row in scope]
        return tuple(evolve(row, id=f"r{number}") for number, row in enumerate(rows, 1))

    def _guard(self, condition: Condition, cites: tuple[str, ...], *, refutes: bool = False) -> Guard:
        condition = self._folded(condition)
        return Guard(condition, tuple(cites), refutes, self._rests(condition))

    def _folded(self, condition: Condition) -> Condition:
        """The condition without its tests on readings: those are settled when the file is read."""
        clauses = []
        for clause in condition.clauses:
            settled = [test for test in clause.tests if test.name in self.protocol.assumptions]
            if all(isinstance(t.test, OneOf) and self.protocol.readings[t.name] in t.test.values for t in settled):
                rests = _claims(clause.rests, tuple(test.name for test in settled))
                tests = tuple(evolve(t, test=self._plain_test(t.name, t.test)) for t in clause.tests if t not in settled)
                clauses.append(Clause(tests, rests))
        always = [clause for clause in clauses if not clause.tests]
        return Condition((always[0],) if always else tuple(clauses))

    def _value(self, value: Value) -> Value:
        return evolve(value, holds=self._folded(value.holds)) if isinstance(value, Holds) else value

    def _plain_test(self, name: str, test: Test) -> Test:
        """Limits on an ordered level become the list of levels within them."""
        if isinstance(test, Not):
            inner = self._plain_test(name, test.test)
            return Not(inner) if isinstance(inner, OneOf | Range | InSet) else test
        levels = self._levels(name)
        if not isinstance(test, Range) or levels is None:
            return test
        rank = {level: number for number, level in enumerate(levels)}
        return OneOf(tuple(level for level in levels if _within(rank[level], test, rank)))

    def _levels(self, name: str) -> tuple[str, ...] | None:
        value = self.protocol.values.get(name)
        fact_name = value.last if isinstance(value, Last) else name if value is None else ""
        fact = self.protocol.facts.get(fact_name)
        return fact.levels if fact is not None else None

    def _rests(self, condition: Condition) -> tuple[str, ...]:
        sets = [test.test.set_name for test in condition.tests if isinstance(test.test, InSet)]
        named = [tuple(c for c in self.protocol.sets[name].cite if c.startswith("A")) for name in sets if name in self.protocol.sets]
        return _claims(condition.rests, *named, *(self._value_rests(test.name) for test in condition.tests))

    def _value_rests(self, name: str) -> tuple[str, ...]:
        """The assumptions a named value rests on, through every value and fact it reads."""
        if name not in self.rest_cache:
            self.rest_cache[name] = ()
            value: Value | None = self.protocol.values.get(name)
            if isinstance(value, Holds):
                rests = _claims(value.rests, tuple(c for c in value.cite if c.startswith("A")), self._rests(value.holds))
            elif isinstance(value, Last):
                rests = _claims(value.rests, tuple(c for c in value.cite if c.startswith("A")), self._fact_rests(value.last))
            elif value is not None:
                rests = _claims(value.rests, tuple(c for c in value.cite if c.startswith("A")))
            else:
                rests = self._fact_rests(name)
            self.rest_cache[name] = rests
        return self.rest_cache[name]

    def _fact_rests(self, name: str) -> tuple[str, ...]:
        fact_name, _, part = name.partition(".")
        fact = self.protocol.facts.get(fact_name)
        if fact is None:
            return ()
        return _claims(fact.rests, fact.parts[part].rests if part in fact.parts else ())

    # --- entries of steps ------------------------------------------------------------------------------------------

    def _entries(self, steps: tuple[Step, ...], index: int, rest: _Rest, around: _Around) -> list[_Entry]:
        """What a list of steps, from ``index`` on, can begin with; ``rest`` follows the last of them."""
        if index == len(steps):
            return rest(around)
        step = steps[index]

        def after(inner: _Around) -> list[_Entry]:
            outer = evolve(inner, scopes=around.scopes, needs=around.needs, may=around.may)
            return self._entries(steps, index + 1, rest, outer)

        match step:
            case Consent():
                return [self._gate(step, "consented", ActLabel("consent", step.consent), after, around, ())]
            case Eligibility():
                guards = self._refuting(step.refuted_by)
                return [self._gate(step, "eligible", ActLabel("eligibility", step.eligibility), after, around, guards)]
            case Allocate():
                return self._allocate(step, around)
            case Give():
                return self._give(step, after, around)
            case Perform():
                return [self._perform(step, after, around)]
            case Decide():
                return [entry for row in step.rows for entry in self._decided(step, row.if_, row.then, (*row.cite, *step.cite), after, around, row.rests)]
            case Choose():
                return [self._option(step, option, inner, after, around) for option, inner in step.options.items()]
            case Repeat():
                return self._repeat(step, after, around)
            case End():
                return [self._ending(step.end, step.cite, around, follow_up=step.follow_up is not None, rests=step.rests)]
            case _:
                assert_never(step)

    def _gate(self, step: Step, kind: PlaceKind, act: ActLabel, after: _Rest, around: _Around, guards: tuple[Guard, ...]) -> _Entry:
        key = self._key(step, around, kind)
        if key not in self.drafts:
            draft = self._draft(key, kind, around, act.kind, step)
            self._leave(draft, after(around))
        return _Entry(act, key, "arrive", guards, cites=tuple(step.cite), rests=step.rests)

    def _refuting(self, refutations: tuple[Refutation, ...]) -> tuple[Guard, ...]:
        return tuple(self._guard(item.if_, item.cite, refutes=True) for item in refutations)

    def _allocate(self, step: Allocate, around: _Around) -> list[_Entry]:
        refuting = self._refuting(step.refuted_by)
        if step.menu is None:
            return [self._arm_entry(name, step, refuting, ()) for name in self.protocol.arms]
        entries = []
        for line in step.menu:
            guard = self._guard(line.if_, line.cite)
            if line.arm is not None:
                entries.append(self._arm_entry(line.arm, step, (guard, *refuting), line.cite))
            elif line.end is not None:
                ending = self._ending(line.end, line.cite, around, follow_up=False, rests=line.rests)
                entries.append(evolve(ending, guards=(guard,)))
        return entries

    def _arm_entry(self, name: str, step: Allocate, guards: tuple[Guard, ...], cites: tuple[str, ...]) -> _Entry:
        arm = self.protocol.arms[name]
        scope, arm_scope = f"protocol@{name}", f"arm@{name}"
        around = _Around(
            arm=name,
            scopes=(LIFE, STUDY, WITHDRAWN, scope, arm_scope),
            needs=(*self.protocol.needs, *arm.needs),
            may=(*self.protocol.may, *arm.may),
        )
        key = f"{name}/allocated"
        if key not in self.drafts:
            draft = self._draft(key, "allocated", around, "allocation", arm)
            self._leave(draft, self._entries(arm.course, 0, _nothing, around))
            stopped = evolve(around, scopes=(LIFE, STUDY, WITHDRAWN), needs=(), may=())
            for number, stop in enumerate(self.protocol.stops, 1):
                self._stop(scope, stop, f"{name}/stopped.{number}", stopped)
            for number, stop in enumerate(arm.stops, 1):
                self._stop(arm_scope, stop, f"{name}/arm_stopped.{number}", stopped)
        return _Entry(ActLabel("allocation", name), key, "arrive", guards, cites=_claims(tuple(step.cite), cites), rests=step.rests)

    def _stop(self, scope: str, stop: Stop, key: str, around: _Around) -> None:
        guard = self._guard(stop.when, stop.cite)
        if not guard.condition.clauses:
            return
        if stop.then is None:
            entry = self._ending(stop.end or "stopped", stop.cite, around, follow_up=stop.follow_up is not None, rests=stop.rests)
        else:
            draft = self._draft(key, "stopped", around, None, stop)
            entries = self._entries(stop.then, 0, _nothing, around)
            self._leave(draft, [evolve(entry, cites=_claims(entry.cites, stop.cite)) for entry in entries])
            entry = _Entry(None, key, "fall", cites=tuple(stop.cite), rests=stop.rests)
        self.falls.setdefault(scope, []).append(self._row(scope, evolve(entry, guards=(guard,))))

    def _needs(self, needs: tuple[Need, ...]) -> tuple[Guard, ...]:
        guards = (self._guard(need.if_, need.cite) for need in needs)
        return tuple(guard for guard in guards if not _always(guard.condition))

    def _give(self, step: Give, after: _Rest, around: _Around) -> list[_Entry]:
        regimen = around.regimen if step.give == SAME_REGIMEN else step.give
        if regimen is None:
            raise BrokenInvariant(f"{step.element}: same_regimen stands where no regimen came before")
        key = self._key(step, around if step.give == SAME_REGIMEN else evolve(around, regimen=None), step.element)
        needs = self._needs((*around.needs, *step.needs))
        may = (*around.may, *step.may)
        inside = evolve(around, regimen=regimen)
        anew = step.numbering == "anew"
        act = ActLabel("administration", regimen, 1)
        entry = _Entry(act, key, "enter_anew" if anew else "enter", needs, cites=step.cite, rests=step.rests, see=step.see)
        if key not in self.drafts:
            draft = self._draft(key, "giving", around, step.element, step)
            cycles = step.cycles if isinstance(step.cycles, int) else None
            draft.place = evolve(draft.place, regimen=regimen, title=step.title, cycles=cycles)
            open_number = step.cycles is NOT_STATED
            again = evolve(entry, effect="again", strength="option" if open_number else "required")
            self._leave(draft, [again], below=cycles)
            for day in self.regimens[regimen].days[1:]:
                self._leave(draft, [evolve(entry, act=ActLabel("administration", regimen, day), effect="day")])
            self._leave(draft, self._may_entries(may, inside))
            if step.cycles != "without_end":
                exits = after(inside)
                if open_number:
                    exits = [evolve(way, strength="option") if way.strength == "required" else way for way in exits]
                self._leave(draft, exits, at_least=cycles)
            for number, until in enumerate(step.until, 1):
                self._close(key, until, f"{key}.closed.{number}", after, inside)
        return [entry, *self._may_entries(may, inside)]

    def _close(self, scope: str, until: Until, key: str, after: _Rest, around: _Around) -> None:
        """A fall that closes an element (or a repetition) and opens what follows."""
        guard = self._guard(until.if_, until.cite)
        if not guard.condition.clauses:
            return
        element = self.drafts[scope].place.element if scope in self.drafts else None
        entries = self._entries(until.then, 0, after, around)
        if len(entries) == 1 and entries[0].act is None and not entries[0].guards:
            entry = entries[0]
        else:
            draft = self._draft(key, "closed", around, element, until)
            self._leave(draft, entries)
            entry = _Entry(None, key, "fall")
        entry = evolve(entry, guards=(guard,), cites=_claims(entry.cites, until.cite), rests=_claims(entry.rests, until.rests))
        self.falls.setdefault(scope, []).append(self._row(scope, entry))

    def _may_entries(self, permissions: tuple[May, ...], around: _Around) -> list[_Entry]:
        entries = []
        for may in permissions:
            guard = self._guard(may.if_, may.cite) if may.if_ is not None else None
            guards = (guard,) if guard is not None and not _always(guard.condition) else ()
            base = _Entry(None, STAY, "stay", guards, may.strength, may.cite, may.rests, may.see)
            if guard is not None and not guard.condition.clauses:
                continue
            if guard is not None:
                base = evolve(base, rests=_claims(base.rests, guard.rests))
            if may.perform is not None:
                entries.append(evolve(base, act=ActLabel("procedure", may.perform)))
            if may.give_also is not None:
                entries.append(evolve(base, act=ActLabel("administration", may.give_also, 1)))
            if may.choose is not None:
                options = may.options if may.options is not None else dict.fromkeys(self.choices[may.choose].options)
                for option, steps in options.items():
                    entries.append(self._may_option(may, option, steps, base, around))
        return entries

    def _may_option(self, may: May, option: str, steps: tuple[Step, ...] | None, base: _Entry, around: _Around) -> _Entry:
        act = ActLabel("choice", f"{may.choose}={option}")
        if not steps:
            return evolve(base, act=act)
        stopped = evolve(around, scopes=(LIFE, STUDY, WITHDRAWN), needs=(), may=(), regimen=None)
        key = f"{around.arm}/{may.choose}={option}"
        if key not in self.drafts:
            draft = self._draft(key, "chosen", stopped, may.choose, may)
            self._leave(draft, self._entries(steps, 0, _nothing, stopped))
        return evolve(base, act=act, target=key, effect="arrive")

    def _perform(self, step: Perform, after: _Rest, around: _Around) -> _Entry:
        key = self._key(step, around, step.perform)
        if key not in self.drafts:
            draft = self._draft(key, "performed", around, step.perform, step)
            self._leave(draft, after(around))
        return _Entry(ActLabel("procedure", step.perform), key, "arrive", cites=step.cite, rests=step.rests, see=step.see)

    def _decided(
        self, step: Decide, condition: Condition, then: tuple[Step, ...], cites: tuple[str, ...], after: _Rest, around: _Around, rests: tuple[str, ...]
    ) -> list[_Entry]:
        guard = self._guard(condition, cites)
        if not guard.condition.clauses:
            return []
        entries = self._entries(then, 0, after, around)
        return [entry if entry.strength == "permitted" else evolve(entry, guards=(guard, *entry.guards), rests=_claims(entry.rests, rests, step.rests)) for entry in entries]

    def _option(self, step: Choose, option: str, inner: tuple[Step, ...], after: _Rest, around: _Around) -> _Entry:
        key = self._key(step, around, step.choose)
        base, _, regimen = key.partition("|")
        key = f"{base}={option}" + (f"|{regimen}" if regimen else "")
        if key not in self.drafts:
            draft = self._draft(key, "chosen", around, step.choose, step)
            self._leave(draft, self._entries(inner, 0, after, around))
        return _Entry(ActLabel("choice", f"{step.choose}={option}"), key, "arrive", cites=step.cite, rests=step.rests)

    def _repeat(self, step: Repeat, after: _Rest, around: _Around) -> list[_Entry]:
        base = self.keys.setdefault(id(step), f"{around.arm}/repeat")
        inside = evolve(around, scopes=(*around.scopes, base))

        def again(inner: _Around) -> list[_Entry]:
            return self._entries(step.steps, 0, again, evolve(inner, scopes=inside.scopes, needs=around.needs, may=around.may))

        entries = self._entries(step.steps, 0, again, inside)
        if base not in self.falls:
            self.falls[base] = []
            for number, until in enumerate(step.until, 1):
                self._close(base, until, f"{base}.closed.{number}", after, around)
        return entries

    def _ending(self, reason: str, cites: tuple[str, ...], around: _Around, *, follow_up: bool, rests: tuple[str, ...]) -> _Entry:
        key = f"ended:{reason}" + (":follow_up" if follow_up else "")
        if key not in self.drafts:
            scopes = {"death": (), "off_study": (LIFE,), "study_closure": (LIFE,)}.get(reason, (LIFE, STUDY))
            draft = self._draft(key, "ended", evolve(around, arm=None, scopes=scopes), None, None)
            draft.place = evolve(draft.place, reason=reason, follow_up=follow_up, cites=tuple(cites))
        return _Entry(None, key, "fall", cites=tuple(cites), rests=rests)

    def _built_in_falls(self) -> None:
        for scope, ends in BUILT_IN_ENDS.items():
            for name, level, reason, follow_up in ends:
                cites = _claims(("G4",) if scope == DISCONTINUED else ("G2",), self.protocol.ends.get(reason, NO_CITES))
                ending = self._ending(reason, cites, _Around(), follow_up=follow_up, rests=())
                guard = Guard(_test(name, level), cites)
                self.falls.setdefault(scope, []).append(self._row(scope, evolve(ending, guards=(guard,))))

    # --- merging what cannot be told apart ----------------------------------------------------------------------------

    def _merge(self) -> None:
        """Merge copies of one step whose rows are the same up to merging, then give the places their final names."""
        kind = {key: draft.base for key, draft in self.drafts.items()}
        while True:
            signatures = {key: (kind[key], self._signature(draft, kind)) for key, draft in self.drafts.items()}
            numbers: dict[Any, str] = {}
            refined = {}
            for key, signature in signatures.items():
                numbers.setdefault(signature, f"{self.drafts[key].base}|{key.partition('|')[2]}")
                refined[key] = numbers[signature]
            if len(set(refined.values())) == len(set(kind.values())):
                break
            kind = refined
        final = self._final_names(kind)
        kept: dict[str, _Draft] = {}
        for key, draft in self.drafts.items():
            if final[key] not in kept:
                scopes = tuple(final.get(scope, scope) for scope in draft.place.scopes)
                rows = [evolve(row, source=final[row.source], target=final[row.target]) for row in draft.rows]
                kept[final[key]] = _Draft(evolve(draft.place, id=final[key], scopes=scopes), draft.base, rows)
        self.drafts = kept
        merged: dict[str, list[Row]] = {}
        for scope, rows in self.falls.items():
            name = final.get(scope, scope)
            if name not in merged:
                merged[name] = [evolve(row, source=name, target=final[row.target]) for row in rows]
        self.falls = merged

    def _signature(self, draft: _Draft, kind: dict[str, str]) -> Any:
        place = draft.place
        rows = [evolve(row, source="", target=kind[row.target] if row.target != place.id else "") for row in draft.rows]
        falls = [evolve(row, source="", target=kind[row.target]) for row in self.falls.get(place.id, [])]
        scopes = tuple(scope for scope in place.scopes if scope != place.id)
        return repr((evolve(place, id="", scopes=scopes), rows, falls))

    def _final_names(self, kind: dict[str, str]) -> dict[str, str]:
        copies: dict[str, set[str]] = {}
        for name in kind.values():
            copies.setdefault(name.partition("|")[0], set()).add(name)
        names = {}
        for key, name in kind.items():
            base, _, regimen = name.partition("|")
            names[key] = f"{base}.{regimen}" if len(copies[base]) > 1 else base
        return names


def _always(condition: Condition) -> bool:
    """Whether the condition asks for nothing, as it does when the selected reading settles it."""
    return any(not clause.tests for clause in condition.clauses)


def _within(rank: int, limits: Range, ranks: dict[str, int]) -> bool:
    """Whether a level of that rank lies within limits that are levels of the same fact."""
    return not (
        (limits.at_least is not None and rank < ranks[limits.at_least])
        or (limits.above is not None and rank <= ranks[limits.above])
        or (limits.at_most is not None and rank > ranks[limits.at_most])
        or (limits.below is not None and rank >= ranks[limits.below])
    )


def _never(row: Row) -> bool:
    """Whether a guard of the row was settled as false by the selected readings."""
    return any(not guard.condition.clauses and not guard.refutes for guard in row.guards)


# --- landings ------------------------------------------------------------------------------------------------------


def _landings(table: Table) -> dict[str, dict[str, Landing]]:
    """Where each act lands in each place when no row allows it (language reference, "Deviations")."""
    found: dict[str, dict[str, Landing]] = {}
    ahead = {place: _ahead(table, place) for place in table.places}
    for place in table.places:
        found[place] = {}
        for key in table.acts:
            found[place][key] = _landing(table, place, key, ahead[place])
    return found


def _landing(table: Table, place: str, key: str, ahead: list[tuple[int, bool, Row, tuple[str, ...]]]) -> Landing:
    if key in table.offers_of.get(place, {}):
        return Landing("take")
    if table.places[place].kind == "ended" or table.acts[key].kind in ("consent", "eligibility"):
        return Landing("park" if any(row.act and row.act.key == key for _, _, row, _ in ahead) else "stay")
    ways = [(depth, gated, row, skipped) for depth, gated, row, skipped in ahead if row.act is not None and row.act.key == key]
    ways = [way for way in ways if way[2].effect not in ("day", "stay", "again")]
    open_ways = [way for way in ways if not way[1]]
    if open_ways:
        nearest = min(way[0] for way in open_ways)
        targets = {way[2].target: way for way in open_ways if way[0] == nearest}
        if len(targets) == 1:
            (_, _, row, skipped) = next(iter(targets.values()))
            return Landing("ahead", row.target, row.effect, skipped)
        return Landing("stay")
    return Landing("park") if ways else Landing("stay")


def _ahead(table: Table, place: str) -> list[tuple[int, bool, Row, tuple[str, ...]]]:
    """Rows that lie ahead of a place, breadth first: how many acts away, whether a gate lies before, the acts skipped."""
    found: list[tuple[int, bool, Row, tuple[str, ...]]] = []
    seen = {place}
    level: list[tuple[str, bool, tuple[str, ...]]] = [(place, False, ())]
    depth = 0
    while level:
        level = _through_falls(table, level, seen)
        following: list[tuple[str, bool, tuple[str, ...]]] = []
        for name, gated, skipped in level:
            for row in table.offers.get(name, ()):
                if row.act is None:
                    continue
                found.append((depth, gated, row, skipped))
                if row.target not in seen and row.strength != "permitted":
                    seen.add(row.target)
                    following.append((row.target, gated or row.act.kind in GATES, (*skipped, row.act.key)))
        level = following
        depth += 1
    return found


def _through_falls(table: Table, level: list[tuple[str, bool, tuple[str, ...]]], seen: set[str]) -> list[tuple[str, bool, tuple[str, ...]]]:
    """The places of a level and those that their falls close into, ends left aside."""
    reached = list(level)
    for name, gated, skipped in reached:
        for scope in table.places[name].scopes:
            for row in table.falls.get(scope, ()):
                if row.target not in seen and table.places[row.target].kind == "closed":
                    seen.add(row.target)
                    reached.append((row.target, gated, skipped))
    return reached
