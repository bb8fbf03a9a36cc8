"""The places and rows of steps.

``entries`` of a list of steps are the guarded acts it can begin with; ``rest`` is what follows. Every act that is
written gets one place, and the rows out of a place are the entries of what may come next. It is long because it is
one recursion: each kind of step has its case here, and each case needs the others for what follows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, assert_never

from attrs import evolve, frozen

from protocol_engine.compiler.conditions import Conditions, always, joined
from protocol_engine.compiler.merging import Draft, Places
from protocol_engine.compiler.routing import Several
from protocol_engine.errors import BrokenInvariant
from protocol_engine.model.conditions import Clause, Condition, NamedTest, OneOf
from protocol_engine.model.facts import NO_CITES
from protocol_engine.model.protocol import (
    Allocate,
    Choose,
    Consent,
    Decide,
    DecisionRow,
    Eligibility,
    End,
    Give,
    May,
    Need,
    Observe,
    OpenIf,
    Perform,
    Protocol,
    Refutation,
    Repeat,
    Step,
    Stop,
    Track,
    Until,
    Window,
)
from protocol_engine.model.table import (
    DISCONTINUED,
    LIFE,
    STUDY,
    WITHDRAWN,
    ActLabel,
    AdvisedOption,
    Among,
    ChoiceContent,
    Effect,
    Guard,
    Place,
    PlaceKind,
    RegimenContent,
    Row,
)
from protocol_engine.model.units import NOT_STATED

SAME_REGIMEN = "same_regimen"
TRIAL = "trial"
"""The scope of what stops a trial's own course."""
STAY = ""
"""Target of an entry that leads back to the place it leaves."""

BUILT_IN_ENDS = {
    LIFE: (("death", "yes", "death", False),),
    STUDY: (("withdrawn_from", "study", "off_study", False), ("study_closed", "yes", "study_closure", False)),
    WITHDRAWN: (("withdrawn_from", "treatment", "withdrawal", True),),
    DISCONTINUED: (("discontinued", "treatment", "discontinuation", False),),
}
"""Ends that hold in every protocol, by scope: built-in value, level, reason, and whether survival follow-up stays."""


@frozen
class _Entry:
    """One way in: an act (or, with ``act`` None, a fall), the place it leads to, and what guards it.

    ``beside`` marks what may be done beside the course: no table decides on it, and it stands once in a place.
    """

    act: ActLabel | None
    target: str
    effect: Effect
    guards: tuple[Guard, ...] = ()
    strength: Literal["required", "option", "permitted"] = "required"
    cites: tuple[str, ...] = ()
    rests: tuple[str, ...] = ()
    see: tuple[str, ...] = ()
    window: Window | None = None
    beside: bool = False
    while_unknown: Literal["wait", "offer"] | None = None
    among: tuple[Among, ...] = ()
    advice: tuple[AdvisedOption, ...] = ()


@frozen
class _Around:
    """What surrounds a step: the arm, the regimen that led here, and the scopes, needs and permissions that apply.

    ``rounds`` tells the rounds of repetitions apart that have a number.
    """

    arm: str | None = None
    rounds: tuple[int, ...] = ()
    regimen: str | None = None
    scopes: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    may: tuple[May, ...] = ()
    track: str | None = None
    within: tuple[str, ...] = ()

    @property
    def owner(self) -> str | None:
        """The arm, or the track of it, after which places are named."""
        return self.arm if self.track is None else f"{self.arm}/{self.track}"


_Rest = Callable[[_Around], list[_Entry]]


def _nothing(_: _Around) -> list[_Entry]:
    return []


def _test(name: str, level: str) -> Condition:
    return Condition((Clause((NamedTest(name, OneOf((level,))),)),))


def waiting_in(arm: str, track: str) -> str:
    """The place in which a track waits before anything of it was done."""
    return f"{arm}/{track}/waiting"


class Steps:
    """Finds the places and rows of a protocol's steps, and keeps them in ``places``."""

    def __init__(
        self, protocol: Protocol, regimens: dict[str, RegimenContent], choices: dict[str, ChoiceContent]
    ) -> None:
        self.protocol = protocol
        self.regimens = regimens
        self.choices = choices
        self.places = Places()
        self.conditions = Conditions(protocol)
        self.several = Several(self.conditions)
        self.keys: dict[tuple[int, str | None, tuple[int, ...]], str] = {}

    def find(self) -> None:
        """Every place and row, from the beginning of the course on."""
        self._built_in_falls()
        if self.protocol.subject == "trial":
            self._find_trial()
            return
        start = self._draft("start", "start", _Around(), "start", None)
        around = _Around(scopes=(LIFE, STUDY, WITHDRAWN))
        start.place = evolve(start.place, scopes=around.scopes)
        self._leave(start, self._entries(self.protocol.course, 0, _nothing, around))
        self.places.merge()

    def _find_trial(self) -> None:
        """The places of a trial's own course: no gate is before it, and only its closure ends it by itself."""
        around = _Around(scopes=(STUDY, TRIAL), needs=self.protocol.needs, may=self.protocol.may)
        start = self._draft("start", "start", around, "start", None)
        self._leave(start, self._entries(self.protocol.course, 0, _nothing, around))
        stopped = evolve(around, scopes=(STUDY,), needs=(), may=())
        for number, stop in enumerate(self.protocol.stops, 1):
            self._stop(TRIAL, stop, f"stopped.{number}", stopped)
        self.places.merge()

    def rows(self) -> tuple[Row, ...]:
        """The rows out of all places and scopes, numbered in the order in which they are written."""
        rows = [row for draft in self.places.drafts.values() for row in draft.rows]
        rows += [row for scope in self.places.falls.values() for row in scope]
        return tuple(evolve(row, id=f"r{number}") for number, row in enumerate(rows, 1))

    # --- places and rows -------------------------------------------------------------------------------------------

    def _draft(self, key: str, kind: PlaceKind, around: _Around, element: str | None, step: Any) -> Draft:
        last = (DISCONTINUED,) if any(scope.startswith("protocol@") for scope in around.scopes) else ()
        place = Place(
            key,
            kind,
            around.arm,
            around.track,
            element,
            scopes=(*around.scopes, key, *last),
            within=around.within,
            cites=tuple(getattr(step, "cite", ())),
            see=tuple(getattr(step, "see", ())),
        )
        draft = self.places.drafts[key] = Draft(place, key.partition("|")[0])
        return draft

    def _key(self, step: Step, around: _Around, name: str) -> str:
        """A key for the place of a step: arm and name, told apart by the regimen that led here."""
        known = (id(step), around.arm, around.rounds)  # a stop of the whole protocol has its own places in each arm
        base = self.keys.get(known)
        if base is None:
            base = wanted = f"{around.owner}/{name}" if around.arm else name
            number = 2
            while base in self.keys.values():
                base = f"{wanted}#{number}"
                number += 1
            self.keys[known] = base
        return f"{base}|{around.regimen}" if around.regimen else base

    def _leave(
        self, draft: Draft, entries: list[_Entry], below: int | None = None, at_least: int | None = None
    ) -> None:
        """Rows out of a place for each entry; falls go to the place's own scope."""
        source = draft.place.id
        for entry in entries:
            row = self._row(source, entry, below=below, at_least=at_least)
            known = row in draft.rows or (entry.beside and evolve(row, at_least=None) in draft.rows)
            if not known and not _never(row):
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
            window=entry.window,
            strength=entry.strength,
            while_unknown=entry.while_unknown,
            cites=joined(
                entry.cites,
                *(guard.cites for guard in entry.guards if not guard.waits),
                entry.window.cite if entry.window is not None else NO_CITES,
            ),
            rests=joined(entry.rests, *(guard.rests for guard in entry.guards if not guard.waits)),
            see=entry.see,
            among=entry.among,
            advice=entry.advice,
        )

    # --- entries of steps ------------------------------------------------------------------------------------------

    def _entries(  # noqa: C901  # one case for each kind of step
        self, steps: tuple[Step, ...], index: int, rest: _Rest, around: _Around
    ) -> list[_Entry]:
        """What a list of steps, from ``index`` on, can begin with; ``rest`` follows the last of them."""
        if index == len(steps):
            return rest(around)
        step = steps[index]

        def after(inner: _Around) -> list[_Entry]:
            outer = evolve(inner, scopes=around.scopes, needs=around.needs, may=around.may, rounds=around.rounds)
            return self._entries(steps, index + 1, rest, outer)

        match step:
            case Consent():
                act = ActLabel("consent", step.consent)
                return [self._gate(step, "consented", act, after, around, ())]
            case Eligibility():
                act = ActLabel("eligibility", step.eligibility)
                return [self._gate(step, "eligible", act, after, around, self._refuting(step.refuted_by))]
            case Allocate():
                return self._allocate(step, around) if step.is_first else self._allocate_later(step, after, around)
            case Give():
                return self._give(step, after, around)
            case Perform():
                return [self._perform(step, after, around)]
            case Decide():
                rows = enumerate(step.rows)
                return [entry for number, row in rows for entry in self._decided(step, number, row, after, around)]
            case Choose():
                return [self._option(step, option, inner, after, around) for option, inner in step.options.items()]
            case Repeat():
                return self._repeat(step, after, around)
            case Observe():
                return [self._observe(step, after, around)]
            case End():
                follows = step.follow_up is not None
                return [self._ending(step.end, step.cite, around, follow_up=follows, rests=step.rests)]
            case _:
                assert_never(step)

    def _gate(
        self,
        step: Step,
        kind: PlaceKind,
        act: ActLabel,
        after: _Rest,
        around: _Around,
        guards: tuple[Guard, ...],
    ) -> _Entry:
        key = self._key(step, around, kind)
        if key not in self.places.drafts:
            draft = self._draft(key, kind, around, act.kind, step)
            self._leave(draft, after(around))
        return _Entry(act, key, "arrive", guards, cites=tuple(step.cite), rests=step.rests)

    def _refuting(self, refutations: tuple[Refutation, ...]) -> tuple[Guard, ...]:
        return tuple(self.conditions.guard(item.if_, item.cite, refutes=True) for item in refutations)

    def _allocate(self, step: Allocate, around: _Around) -> list[_Entry]:
        refuting = self._refuting(step.refuted_by)
        if step.menu is None:
            return [
                self._opening(step, step.arm_if.get(name), self._arm_entry(name, step, refuting, ()))
                for name in self.protocol.arms
            ]
        entries = []
        for number, line in enumerate(step.menu):
            guard = self.conditions.guard(line.if_, line.cite)
            among, waiting = self.several.row(step, number)
            if line.arm is not None:
                entry = self._arm_entry(line.arm, step, (guard, *waiting, *refuting), line.cite)
                entries.append(evolve(entry, among=among))
            elif line.end is not None:
                ending = self._ending(line.end, line.cite, around, follow_up=False, rests=line.rests)
                entries.append(evolve(ending, guards=(guard, *waiting), among=among))
        return entries

    def _allocate_later(self, step: Allocate, after: _Rest, around: _Around) -> list[_Entry]:
        """An allocation inside an arm: the steps of its arms come before what follows."""
        refuting = self._refuting(step.refuted_by)
        if step.menu is None:
            return [
                self._opening(step, step.arm_if.get(name), self._assigned(step, name, refuting, (), after, around))
                for name in step.arms or ()
            ]
        entries = []
        for number, line in enumerate(step.menu):
            among, waiting = self.several.row(step, number)
            guard = self.conditions.guard(line.if_, line.cite)
            if line.arm is not None:
                guards = (guard, *waiting, *refuting)
                entries.append(evolve(self._assigned(step, line.arm, guards, line.cite, after, around), among=among))
            elif line.end is not None:
                ending = self._ending(line.end, line.cite, around, follow_up=False, rests=line.rests)
                entries.append(evolve(ending, guards=(guard, *waiting), among=among))
        return entries

    def _assigned(
        self,
        step: Allocate,
        name: str,
        guards: tuple[Guard, ...],
        cites: tuple[str, ...],
        after: _Rest,
        around: _Around,
    ) -> _Entry:
        key = self._key(step, around, step.allocate)
        base, _, regimen = key.partition("|")
        key = f"{base}={name}" + (f"|{regimen}" if regimen else "")
        if key not in self.places.drafts:
            draft = self._draft(key, "assigned", around, step.allocate, step)
            inner = (step.arms or {})[name]
            self._leave(draft, [*self._entries(inner, 0, after, around), *self._may_entries(around.may, around)])
        act = ActLabel("allocation", name)
        cited = joined(tuple(step.cite), cites)
        return _Entry(act, key, "arrive", guards, cites=cited, rests=step.rests, see=step.see, window=step.window)

    def _opening(self, step: Allocate | Choose, opens: OpenIf | None, entry: _Entry) -> _Entry:
        """A way on the menu with the condition under which it is open, if the menu opens its ways one by one."""
        if not (step.arm_if if isinstance(step, Allocate) else step.option_if):
            return entry
        guard = self.conditions.guard(opens.if_, opens.cite) if opens is not None else None
        guards = (guard,) if guard is not None and not always(guard.condition) else ()
        rests = joined(entry.rests, opens.rests) if opens is not None else entry.rests
        return evolve(entry, guards=(*guards, *entry.guards), rests=rests, while_unknown=step.while_unknown)

    def _arm_entry(self, name: str, step: Allocate, guards: tuple[Guard, ...], cites: tuple[str, ...]) -> _Entry:
        arm = self.protocol.arms[name]
        scope, arm_scope = f"protocol@{name}", f"arm@{name}"
        leaving = [
            (f"{owner}.{number}@{name}", stop)
            for owner, stops in (("protocol", self.protocol.stops), ("arm", arm.stops))
            for number, stop in enumerate(stops, 1)
            if stop.instead is not None
        ]
        around = _Around(
            arm=name,
            scopes=(LIFE, STUDY, WITHDRAWN, scope, arm_scope, *(own for own, _ in leaving)),
            needs=(*self.protocol.needs, *arm.needs),
            may=(*self.protocol.may, *arm.may),
        )
        key = f"{name}/allocated"
        if key not in self.places.drafts:
            draft = self._draft(key, "allocated", around, "allocation", arm)
            self._leave(
                draft, [*self._entries(arm.course, 0, _nothing, around), *self._may_entries(around.may, around)]
            )
            stopped = evolve(around, scopes=(LIFE, STUDY, WITHDRAWN), needs=(), may=())
            for number, stop in enumerate(self.protocol.stops, 1):
                self._stop(scope, stop, f"{name}/stopped.{number}", stopped)
            for number, stop in enumerate(arm.stops, 1):
                self._stop(arm_scope, stop, f"{name}/arm_stopped.{number}", stopped)
            for own, stop in leaving:
                self._instead(own, stop, around)
            for track_name, track in {**self.protocol.tracks, **arm.tracks}.items():
                self._track(track, evolve(around, track=track_name, within=(scope, arm_scope), may=()))
        return _Entry(
            ActLabel("allocation", name),
            key,
            "arrive",
            guards,
            cites=joined(tuple(step.cite), cites),
            rests=step.rests,
            window=step.window,
        )

    def _track(self, track: Track, around: _Around) -> None:
        """The places of a track. What ends the arm ends it too; of its own scopes it knows those inside it alone."""
        scope = f"track@{around.owner}"
        inside = evolve(around, scopes=(scope,))
        draft = self._draft(waiting_in(around.arm or "", around.track or ""), "waiting", inside, None, track)
        guard = self.conditions.guard(track.when, track.cite) if track.when is not None else None
        entries = self._entries(track.course, 0, _nothing, inside)
        if guard is not None and not always(guard.condition):
            entries = [evolve(e, guards=(guard, *e.guards), rests=joined(e.rests, guard.rests)) for e in entries]
        self._leave(draft, entries)
        stopped = evolve(around, scopes=(), needs=())
        for number, stop in enumerate(track.stops, 1):
            self._stop(scope, stop, f"{around.owner}/stopped.{number}", stopped)

    def _stop(self, scope: str, stop: Stop, key: str, around: _Around) -> None:
        guard = self.conditions.guard(stop.when, stop.cite)
        if not guard.condition.clauses or stop.instead is not None:
            return
        if stop.then is None:
            entry = self._ending(
                stop.end or "stopped",
                stop.cite,
                around,
                follow_up=stop.follow_up is not None,
                rests=stop.rests,
            )
        else:
            draft = self._draft(key, "stopped", around, None, stop)
            entries = self._entries(stop.then, 0, _nothing, around)
            self._leave(draft, [evolve(entry, cites=joined(entry.cites, stop.cite)) for entry in entries])
            entry = _Entry(None, key, "fall", cites=tuple(stop.cite), rests=stop.rests)
        self.places.falls.setdefault(scope, []).append(self._row(scope, evolve(entry, guards=(guard,))))

    def _instead(self, scope: str, stop: Stop, around: _Around) -> None:
        """Steps that take the place of the course: every other stop holds in them, but those like it written later.

        Two such stops that hold at once would lead to each other's steps for ever; so the one written first wins.
        """
        guard = self.conditions.guard(stop.when, stop.cite)
        if not guard.condition.clauses:
            return
        inside = evolve(around, scopes=around.scopes[: around.scopes.index(scope)])
        key = f"{around.arm}/instead.{scope.partition('@')[0]}"
        draft = self._draft(key, "instead", inside, None, stop)
        entries = [*self._entries(stop.instead or (), 0, _nothing, inside), *self._may_entries(inside.may, inside)]
        cited = (entry if entry.beside else evolve(entry, cites=joined(entry.cites, stop.cite)) for entry in entries)
        self._leave(draft, list(cited))
        fall = _Entry(None, key, "fall", (guard,), cites=tuple(stop.cite), rests=stop.rests)
        self.places.falls.setdefault(scope, []).append(self._row(scope, fall))

    def _needs(self, needs: tuple[Need, ...]) -> tuple[Guard, ...]:
        guards = (self.conditions.guard(need.if_, need.cite) for need in needs)
        return tuple(guard for guard in guards if not always(guard.condition))

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
        entry = _Entry(
            act,
            key,
            "enter_anew" if anew else "enter",
            needs,
            cites=step.cite,
            rests=joined(
                step.rests,
                *(line.rests for line in self.regimens[regimen].lines),
                self.regimens[regimen].timing_rests,
            ),
            see=step.see,
            window=step.window,
        )
        if key not in self.places.drafts:
            draft = self._draft(key, "giving", around, step.element, step)
            cycles = step.cycles if isinstance(step.cycles, int) else None
            draft.place = evolve(draft.place, regimen=regimen, title=step.title, cycles=cycles)
            open_number = step.cycles is NOT_STATED
            within = evolve(entry, window=None)
            again = evolve(within, effect="again", strength="option" if open_number else "required")
            self._leave(draft, [again], below=cycles)
            for day in self.regimens[regimen].days[1:]:
                self._leave(draft, [evolve(within, act=ActLabel("administration", regimen, day), effect="day")])
            beside = self._may_entries(may, inside)
            self._leave(draft, [*beside, *self._filling(regimen, beside)])
            if step.cycles != "without_end":
                exits = after(inside)
                if open_number:
                    exits = [evolve(way, strength="option") if way.strength == "required" else way for way in exits]
                self._leave(draft, exits, at_least=cycles)
            for number, until in enumerate(step.until, 1):
                self._close(key, until, f"{key}.closed.{number}", after, inside)
        return [entry, *self._may_entries(may, inside)]

    def _filling(self, regimen: str, beside: list[_Entry]) -> list[_Entry]:
        """The choices that fill the parts of a regimen, or say its drug, for a course that began it without them."""
        asked = {entry.act.name.partition("=")[0] for entry in beside if entry.act and entry.act.kind == "choice"}
        chosen: dict[str, tuple[str, ...]] = {}
        for line in self.regimens[regimen].lines:
            if line.part is not None:
                name = self.protocol.parts[line.part].chosen_in
                chosen[name] = self.choices[name].options
            elif line.named_in is not None:
                says_which = self.choices[line.named_in].says_which
                chosen[line.named_in] = (says_which,) if says_which is not None else ()
        return [
            _Entry(ActLabel("choice", f"{name}={option}"), STAY, "fill", cites=self.choices[name].cites)
            for name, options in chosen.items()
            if name not in asked
            for option in options
        ]

    def _close(self, scope: str, until: Until, key: str, after: _Rest, around: _Around) -> None:
        """A fall that closes an element (or a repetition) and opens what follows."""
        guard = self.conditions.guard(until.if_, until.cite)
        if not guard.condition.clauses:
            return
        element = self.places.drafts[scope].place.element if scope in self.places.drafts else None
        entries = self._entries(until.then, 0, after, around)
        if len(entries) == 1 and entries[0].act is None and not entries[0].guards:
            entry = entries[0]
        else:
            draft = self._draft(key, "closed", around, element, until)
            runs_on = self.places.drafts[scope].place.kind == "giving" if scope in self.places.drafts else True
            left = self._days_left(entries) if runs_on else ()
            self._leave(draft, [*left, *entries, *self._may_entries(around.may, around)])
            entry = _Entry(None, key, "fall")
        entry = evolve(
            entry,
            guards=(guard,),
            cites=joined(entry.cites, until.cite),
            rests=joined(entry.rests, until.rests),
        )
        self.places.falls.setdefault(scope, []).append(self._row(scope, entry))

    def _days_left(self, entries: list[_Entry]) -> list[_Entry]:
        """The later days of a regimen that goes on behind a close: those of the running cycle are still to be given."""
        return [
            evolve(entry, act=ActLabel("administration", entry.act.name, day), target=STAY, effect="day")
            for entry in entries
            if entry.act is not None and entry.act.kind == "administration" and entry.effect in ("enter", "enter_anew")
            for day in self.regimens[entry.act.name].days[1:]
        ]

    def _may_entries(self, permissions: tuple[May, ...], around: _Around) -> list[_Entry]:
        entries = []
        for may in permissions:
            guard = self.conditions.guard(may.if_, may.cite) if may.if_ is not None else None
            guards = (guard,) if guard is not None and not always(guard.condition) else ()
            base = _Entry(None, STAY, "stay", guards, may.strength, may.cite, may.rests, may.see, beside=True)
            if guard is not None and not guard.condition.clauses:
                continue
            if guard is not None:
                base = evolve(base, rests=joined(base.rests, guard.rests))
            if may.perform is not None:
                entries.append(evolve(base, act=ActLabel("procedure", may.perform)))
            if may.give_also is not None:
                lines = self.regimens[may.give_also].lines
                rests = joined(base.rests, *(line.rests for line in lines))
                entries.append(evolve(base, act=ActLabel("administration", may.give_also, 1), rests=rests))
            if may.choose is not None:
                options = may.options if may.options is not None else dict.fromkeys(self.choices[may.choose].options)
                for option, steps in options.items():
                    entries.append(self._may_option(may, option, steps, base, around))
        return entries

    def _may_option(
        self, may: May, option: str, steps: tuple[Step, ...] | None, base: _Entry, around: _Around
    ) -> _Entry:
        act = ActLabel("choice", f"{may.choose}={option}")
        if not steps:
            return evolve(base, act=act)
        out = (LIFE, STUDY, WITHDRAWN) if around.track is None else ()
        stopped = evolve(around, scopes=out, needs=(), may=(), regimen=None)
        key = f"{around.owner}/{may.choose}={option}"
        if key not in self.places.drafts:
            draft = self._draft(key, "chosen", stopped, may.choose, may)
            entries = self._entries(steps, 0, _nothing, stopped)
            self._leave(draft, [evolve(entry, cites=joined(entry.cites, may.cite)) for entry in entries])
        return evolve(base, act=act, target=key, effect="arrive")

    def _perform(self, step: Perform, after: _Rest, around: _Around) -> _Entry:
        key = self._key(step, around, step.perform)
        if key not in self.places.drafts:
            draft = self._draft(key, "performed", around, step.perform, step)
            self._leave(draft, after(around))
        return _Entry(
            ActLabel("procedure", step.perform),
            key,
            "arrive",
            self._needs(step.needs),
            cites=step.cite,
            rests=step.rests,
            see=step.see,
            window=step.window,
        )

    def _decided(self, step: Decide, number: int, row: DecisionRow, after: _Rest, around: _Around) -> list[_Entry]:
        """What a row of a table opens: the first acts behind it, guarded by its condition."""
        guard = self.conditions.guard(row.if_, (*row.cite, *step.cite))
        if not guard.condition.clauses:
            return []
        rests = joined(row.rests, step.rests)
        entries = self._entries(row.then, 0, after, around)
        among, waiting = self.several.row(step, number)
        return [
            entry
            if entry.beside
            else evolve(
                entry,
                guards=(guard, *waiting, *entry.guards),
                rests=joined(entry.rests, rests),
                among=(*among, *entry.among),
            )
            for entry in entries
        ]

    def _option(self, step: Choose, option: str, inner: tuple[Step, ...], after: _Rest, around: _Around) -> _Entry:
        key = self._key(step, around, step.choose)
        base, _, regimen = key.partition("|")
        key = f"{base}={option}" + (f"|{regimen}" if regimen else "")
        cites = (*step.cite, *step.option_cites.get(option, ()))
        if key not in self.places.drafts:
            draft = self._draft(key, "chosen", around, step.choose, step)
            draft.place = evolve(draft.place, cites=cites)
            self._leave(draft, [*self._entries(inner, 0, after, around), *self._may_entries(around.may, around)])
        act = ActLabel("choice", f"{step.choose}={option}")
        advice = tuple(AdvisedOption(item.option, self.conditions.guard(item.if_, item.cite)) for item in step.advised)
        live = tuple(item for item in advice if item.guard.condition.clauses)
        entry = _Entry(act, key, "arrive", cites=cites, rests=step.rests, window=step.window, advice=live)
        return self._opening(step, step.option_if.get(option), entry)

    def _repeat(self, step: Repeat, after: _Rest, around: _Around) -> list[_Entry]:
        base = self._key(step, evolve(around, regimen=None), "repeat")
        inside = evolve(around, scopes=(*around.scopes, base))

        def again(inner: _Around) -> list[_Entry]:
            return self._entries(
                step.steps, 0, again, evolve(inner, scopes=inside.scopes, needs=around.needs, may=around.may)
            )

        def round_of(number: int, inner: _Around) -> list[_Entry]:
            if number > int(step.repeat):
                return after(inner)
            rounds = (*around.rounds, number)
            within = evolve(inner, scopes=inside.scopes, needs=around.needs, may=around.may, rounds=rounds)
            return self._entries(step.steps, 0, lambda left: round_of(number + 1, left), within)

        endless = step.repeat == "without_end"
        entries = self._entries(step.steps, 0, again, inside) if endless else round_of(1, around)
        if base not in self.places.falls:
            self.places.falls[base] = []
            for number, until in enumerate(step.until, 1):
                self._close(base, until, f"{base}.closed.{number}", after, around)
        return entries

    def _observe(self, step: Observe, after: _Rest, around: _Around) -> _Entry:
        """A place without doses, entered by a fall. A cycle that was running when it began is over."""
        key = self._key(step, around, step.observe)
        if key not in self.places.drafts:
            draft = self._draft(key, "observing", around, step.observe, step)
            draft.place = evolve(draft.place, title=step.title)
            self._leave(draft, self._may_entries((*around.may, *step.may), around))
            base, _, regimen = key.partition("|")
            for number, until in enumerate(step.until, 1):
                closed = f"{base}.closed.{number}" + (f"|{regimen}" if regimen else "")
                self._close(key, until, closed, after, around)
        return _Entry(None, key, "fall", cites=step.cite, rests=step.rests, see=step.see)

    def _ending(
        self, reason: str, cites: tuple[str, ...], around: _Around, *, follow_up: bool, rests: tuple[str, ...]
    ) -> _Entry:
        if around.track is not None:
            return self._track_ending(reason, cites, around, rests)
        key = f"ended:{reason}" + (":follow_up" if follow_up else "")
        if key not in self.places.drafts:
            scopes = {"death": (), "off_study": (LIFE,), "study_closure": (LIFE,)}.get(reason, (LIFE, STUDY))
            draft = self._draft(key, "ended", evolve(around, arm=None, scopes=scopes), None, None)
            draft.place = evolve(draft.place, reason=reason, follow_up=follow_up, cites=tuple(cites))
        return _Entry(None, key, "fall", cites=tuple(cites), rests=rests)

    def _track_ending(self, reason: str, cites: tuple[str, ...], around: _Around, rests: tuple[str, ...]) -> _Entry:
        """The end of a track: the others go on."""
        key = f"{around.owner}/ended:{reason}"
        if key not in self.places.drafts:
            draft = self._draft(key, "ended", evolve(around, scopes=(), within=()), None, None)
            draft.place = evolve(draft.place, reason=reason, cites=tuple(cites))
        return _Entry(None, key, "fall", cites=tuple(cites), rests=rests)

    def _built_in_falls(self) -> None:
        for scope, ends in BUILT_IN_ENDS.items():
            for name, level, reason, follow_up in ends:
                own = self.protocol.ends.get(reason, NO_CITES)
                cites = joined(("G4",) if scope == DISCONTINUED else ("G2",), own)
                rests = self.protocol.ends_rests if own else ()
                ending = self._ending(reason, cites, _Around(), follow_up=follow_up, rests=rests)
                guard = Guard(_test(name, level), cites)
                self.places.falls.setdefault(scope, []).append(self._row(scope, evolve(ending, guards=(guard,))))

    # --- merging what cannot be told apart ----------------------------------------------------------------------------


def _never(row: Row) -> bool:
    """Whether a guard of the row was settled as false by the selected readings."""
    return any(not guard.condition.clauses and not guard.refutes for guard in row.guards)
