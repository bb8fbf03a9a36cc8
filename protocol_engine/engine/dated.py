"""On which days something was so, for endpoints: acts, reports, results and values, each day sure or in doubt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from functools import cached_property

from attrs import field, frozen

from protocol_engine.engine import wording
from protocol_engine.engine.day_order import FoldedEvent
from protocol_engine.engine.deriving import State
from protocol_engine.engine.shown_names import meant
from protocol_engine.model.conditions import OneOf
from protocol_engine.model.evaluation import Evaluation, Missing
from protocol_engine.model.events import (
    AdministrationEvent,
    AdverseEventEvent,
    AllocationEvent,
    ChoiceEvent,
    ConsentEvent,
    ContactEvent,
    DeathEvent,
    EligibilityEvent,
    NewTherapyEvent,
    ObservationEvent,
    OtherTreatmentEvent,
    ProcedureEvent,
    UnblindingEvent,
    WithdrawalEvent,
)
from protocol_engine.model.facts import Names
from protocol_engine.model.history import NO_RESULTS, FactHistory, Result
from protocol_engine.model.protocol import DateExpression, Response
from protocol_engine.model.reading import HistoryLeaves
from protocol_engine.model.table import Table
from protocol_engine.model.units import Duration
from protocol_engine.model.values import CONFIRMED, Confirmation, Date, Ever, Last, names_of
from protocol_engine.model.worked import Moment, confirmed_ways, moments_of

SHOWING_ALIVE = (
    ConsentEvent,
    AdministrationEvent,
    ProcedureEvent,
    OtherTreatmentEvent,
    ObservationEvent,
    AdverseEventEvent,
    NewTherapyEvent,
    WithdrawalEvent,
    ContactEvent,
)
"""Events that happen to a living patient. A word on a criterion, a choice, an omission or a stop may be given of one
who is not there, so none of these shows it."""
LAST_CONTACT = "last_contact"
REPORTS = ("death", "withdrawal", "discontinuation", "study_closure", "new_therapy", "lost_to_follow_up")
"""Reports that have days by themselves; ``withdrawal.study`` and ``withdrawal.treatment`` are told apart too."""
AT_ONCE = Duration(0, "days")


@frozen
class Dated:
    """A day on which something was so: ``what`` in words, the events that say so, and why it is in doubt, if it is.

    ``lone`` marks a value that tells one day only, so that a later one cannot be known.
    """

    day: date
    what: str
    sources: tuple[str, ...] = ()
    doubt: tuple[Missing, ...] = ()
    lone: bool = False


@frozen(slots=False)
class DaysKnown:
    """The days of everything that an endpoint can name, of one course as of a day."""

    table: Table = field(repr=False)
    state: State = field(repr=False)
    as_of: date

    @cached_property
    def events(self) -> tuple[FoldedEvent, ...]:
        """All acts and reports that stand, in the order in which they happened, under the names of the own arm."""
        arm = self.state.now.position.arm
        told = (meant(self.table, event, arm) for event in self.state.standing.values())
        return tuple(sorted(told, key=lambda event: (event.effective.day, event.id)))

    @cached_property
    def leaves(self) -> HistoryLeaves:
        """What is read off the history on the day asked about."""
        now = self.state.now
        return HistoryLeaves(self.table, now.history, now.position, self.as_of)

    @cached_property
    def evaluation(self) -> Evaluation:
        """Values and conditions as known on the day asked about."""
        return Evaluation(self.table, self.leaves)

    # --- what an endpoint names ----------------------------------------------------------------------------------

    def of(self, expression: DateExpression) -> list[Dated]:
        """The days of a date of an endpoint, the first one first."""
        if expression.date_of is not None:
            return self.named(expression.date_of)
        if expression.start_of is not None:
            return self._started(expression.start_of)
        if expression.first is not None:
            return self._results(expression)
        return _in_order(found for inner in expression.earliest or () for found in self.of(inner))

    def named(self, name: str) -> list[Dated]:
        """The days of an act, a report, a value, or the results of a fact, the first one first."""
        return _in_order(found for found in self._named(name) if found.day <= self.as_of)

    def _named(self, name: str) -> Iterable[Dated]:
        head, _, rest = name.partition(".")
        if name in ("consent", "eligibility", "allocation"):
            return self._gate(name)
        if name == "first_dose":
            first = self.state.now.position.first_dose
            return [Dated(first, "first dose", self._done_on(AdministrationEvent, first))] if first is not None else ()
        if name == "death":
            return self.deaths
        if name == LAST_CONTACT:
            return (Dated(event.effective.day, "seen alive", (event.id,)) for event in self.alive)
        if head in REPORTS:
            return self._reports(head, rest)
        if head == "allocation":
            return self._drawn(rest)
        if name in self.table.values:
            return self._value(name)
        if name in self.table.facts:
            return self._fact(name)
        return self._acts(head, rest)

    def _gate(self, name: str) -> Iterator[Dated]:
        day = self.state.now.position.marks.get(name)
        kind = {"consent": ConsentEvent, "eligibility": EligibilityEvent, "allocation": AllocationEvent}[name]
        if day is not None:
            later = {event.id for event in self.events if self._later_draw(event) is not None}
            done = (event for event in self._done_on(kind, day) if event not in later)
            yield Dated(day, wording.words(name), tuple(done))

    def _later_draw(self, event: FoldedEvent) -> str | None:
        """The later allocation that an event belongs to, if it is one."""
        return self.table.allocation_of.get(event.arm) if isinstance(event, AllocationEvent) else None

    def _done_on(self, kind: type, day: date) -> tuple[str, ...]:
        return tuple(event.id for event in self.events if isinstance(event, kind) and event.effective.day == day)

    def _drawn(self, name: str) -> Iterator[Dated]:
        """The days of a later allocation, or of one of its arms. One that was told before its turn did not count."""
        now = self.state.now
        taken = {event.id for event in now.history.allocations.values()}
        idle = {found.event for found in now.deviations} - taken
        for event in self.events:
            if isinstance(event, AllocationEvent) and event.id not in idle:
                drawn = self.table.allocation_of.get(event.arm)
                if drawn is not None and name in (drawn, f"{drawn}.{event.arm}"):
                    yield Dated(event.effective.day, f"allocation ({wording.words(drawn)})", (event.id,))

    def _reports(self, kind: str, scope: str) -> Iterator[Dated]:
        for event in self.events:
            meant = not scope or (isinstance(event, WithdrawalEvent) and event.scope == scope)
            if event.kind == kind and meant:
                yield Dated(event.effective.day, wording.words(kind), (event.id,))

    def _acts(self, head: str, rest: str) -> Iterator[Dated]:
        for event in self.events:
            match event:
                case ProcedureEvent():
                    done = head == "procedure" and event.procedure == rest
                case AdministrationEvent():
                    done = head == "administration" and event.regimen == rest
                case ChoiceEvent():
                    done = head == "choice" and f"{event.choice}.{event.option}" == rest
                case _:
                    done = False
            if done:
                yield Dated(event.effective.day, wording.words(rest), (event.id,))

    def _started(self, element: str) -> list[Dated]:
        elements = (it for position in self.state.now.position.everywhere for it in position.elements)
        entered = (it for it in elements if self.table.places[it.place].element == element)
        first = min(entered, key=lambda it: it.on, default=None)
        if first is None:
            return []
        place = self.table.places[first.place]
        began = "beginning" if place.kind == "observing" else "first dose"
        what = f"{began} of {place.title or wording.words(element)}"
        return [Dated(first.on, what, self._done_on(AdministrationEvent, first.on))]

    # --- life and death ------------------------------------------------------------------------------------------

    @cached_property
    def alive(self) -> tuple[FoldedEvent, ...]:
        """The events that show the patient alive on their day; what is told of the study shows nobody."""
        return tuple(event for event in self.events if isinstance(event, SHOWING_ALIVE) and not self._of_study(event))

    def _of_study(self, event: FoldedEvent) -> bool:
        fact = self.table.facts.get(event.fact) if isinstance(event, ObservationEvent) else None
        return fact is not None and fact.of_study

    @cached_property
    def deaths(self) -> tuple[Dated, ...]:
        """The death of the patient; in doubt where two days are told, or something happened to the patient later."""
        found = [event for event in self.events if isinstance(event, DeathEvent)]
        days = {event.effective.day for event in found}
        later = [event for event in self.alive if event.effective.day > min(days, default=date.max)]
        doubt: tuple[Missing, ...] = ()
        if len(days) > 1 or later:
            sources = tuple(event.id for event in (*found, *later))
            doubt = (Missing("death", None, None, "muddled", sources),)
        return tuple(Dated(event.effective.day, "death", (event.id,), doubt) for event in found)

    # --- results and values --------------------------------------------------------------------------------------

    def since(self, name: str | None) -> date | None:
        """After which day results count: the start of an element, or an act; the first of all days if none is named.

        None while it has not happened.
        """
        if name is None:
            return date.min
        return next((found.day for found in self._started(name)), self.leaves.day_of(name))

    def _results(self, expression: DateExpression) -> list[Dated]:
        fact, levels, since = expression.first or "", expression.is_, self.since(expression.since)
        if since is None:
            return []
        value = Ever(ever=Names((fact,)), is_={"value": levels})
        what = f"{wording.fact_words(self.table, fact, None)} of {' or '.join(levels)}"
        return [found for found in self._making(value, what) if found.day > since]

    def _making(self, value: Ever, what: str) -> list[Dated]:
        known, unsure = self.leaves.making(value)
        sure = (Dated(result.day, what, (result.event.id,)) for result in known)
        return _in_order((*sure, *(Dated(r.day, what, (r.event.id,), self._muddled(r)) for r in unsure)))

    def _muddled(self, result: Result) -> tuple[Missing, ...]:
        fact = result.event.fact
        group = self.state.now.history.results[fact].groups[result.group]
        sources = tuple(other.event.id for other in group)
        return (Missing(fact, result.timepoint, None, "muddled", sources),)

    def _fact(self, name: str) -> Iterator[Dated]:
        """The day that a date names; of another fact the days of its results, whatever they say."""
        known = self.state.now.history.results.get(name, NO_RESULTS)
        what = wording.fact_words(self.table, name, None)
        if not self.table.facts[name].date:
            yield from (Dated(item.day, what, item.sources) for item in moments_of(known))
            return
        outcome = self.evaluation.value(name)
        if isinstance(outcome.value, date):
            yield Dated(outcome.value, what, outcome.sources, lone=True)
        elif outcome.why == "muddled":
            yield from self._told_in_doubt(known, what, outcome.missing)

    def _told_in_doubt(self, known: FactHistory, what: str, missing: tuple[Missing, ...]) -> Iterator[Dated]:
        for group in known.groups.values():
            yield from (Dated(r.value, what, (r.event.id,), missing) for r in group if isinstance(r.value, date))

    def _value(self, name: str) -> Iterable[Dated]:
        value, what = self.table.values[name], wording.label_of(self.table, name)
        match value:
            case Ever():
                acts = [self._since_act(act, value) for act in value.ever if act not in self.table.facts]
                acts += [self._told(value, what)] if "unblinding" in value.ever else []
                return _in_order((*self._making(value, what), *(found for group in acts for found in group)))
            case Confirmation():
                return self._confirmed(value, self.leaves.moments(value), what)
            case Last():
                fact, _, part = value.last.partition(".")
                moments = moments_of(self.state.now.history.results.get(fact, NO_RESULTS), part, value.where)
                meant = (item for item in moments if value.at is None or item.timepoint == value.at)
                return [Dated(item.day, what, item.sources, _lacking(fact, item)) for item in meant]
            case Date():
                return self._date(name, value, what)
            case _:
                return ()

    def _since_act(self, act: str, value: Ever) -> Iterator[Dated]:
        since = max((day for name in value.since if (day := self.leaves.day_of(name)) is not None), default=date.min)
        begun = not value.since or self.leaves.day_of(value.since[0]) is not None
        return (found for found in self._named(act) if begun and found.day > since)

    def _told(self, value: Ever, what: str) -> Iterator[Dated]:
        """The days on which an allocation was made known to one of the roles in question."""
        days = [self.leaves.day_of(name) for name in value.since]
        since = max((day for day in days if day is not None), default=date.min)
        roles = (value.is_ or {}).get("value")
        for event in self.events if not days or days[0] is not None else ():
            meant = isinstance(event, UnblindingEvent) and (roles is None or event.to in roles)
            if meant and event.effective.day >= since:
                yield Dated(event.effective.day, what, (event.id,))

    def _confirmed(self, value: Confirmation, moments: tuple[Moment, ...], what: str) -> Iterator[Dated]:
        """The first of the two results; in doubt where it turns on reports in doubt."""
        least, most = confirmed_ways(value, moments, self.evaluation.meets(value.is_))
        sources = tuple(dict.fromkeys(source for item in moments for source in item.sources))
        days = {way[1] for way in (least, most) if way[0] == CONFIRMED[2] and way[1] is not None}
        sure = least == most
        for day in days:
            told = tuple(source for item in moments if item.day >= day for source in item.sources)
            doubt = () if sure else in_doubt(value.confirmation, moments)
            yield Dated(day, what, told or sources, doubt, lone=True)

    def _date(self, name: str, value: Date, what: str) -> Iterator[Dated]:
        """A day that is worked out; in doubt if anything that it is worked out from is."""
        doubts = [found for other in names_of(value) for found in self._named(other) if found.doubt]
        missing = tuple(dict.fromkeys(item for found in doubts for item in found.doubt))
        outcome = self.evaluation.value(name)
        days = [outcome.value] if isinstance(outcome.value, date) else []
        sources = tuple(dict.fromkeys((*outcome.sources, *(source for found in doubts for source in found.sources))))
        for day in sorted({*days, *(found.day for found in doubts)}):
            yield Dated(day, what, sources, missing, lone=True)

    # --- rates ---------------------------------------------------------------------------------------------------

    def asked_again(self, of: Response) -> Confirmation | None:
        """What a rate asks for, as a confirmation; None for a value of another kind."""
        value = self.table.values.get(of.fact)
        if isinstance(value, Confirmation):
            return value
        if value is not None:
            return None
        after = of.confirmed_after or AT_ONCE
        return Confirmation(confirmation=of.fact, is_=OneOf(of.is_), after=after, where=of.where)


def death_in_doubt(missing: Missing) -> str:
    """That the day of death cannot be told."""
    reports = ", ".join(missing.sources)
    return f"the day of death is in doubt: {reports} cannot all be right; correct or retract one"


def in_doubt(fact: str, moments: tuple[Moment, ...]) -> tuple[Missing, ...]:
    """What the moments in doubt lack."""
    name = fact.partition(".")[0]
    return tuple(
        Missing(name, item.timepoint, item.component, "muddled", item.sources) for item in moments if item.value is None
    )


def _lacking(fact: str, moment: Moment) -> tuple[Missing, ...]:
    """Whose reading it is, where that is not said: of results that disagree the day is sure all the same."""
    if moment.component is None:
        return ()
    return (Missing(fact, moment.timepoint, moment.component, "muddled", moment.sources),)


def _in_order(found: Iterable[Dated]) -> list[Dated]:
    return sorted(found, key=lambda item: (item.day, bool(item.doubt), item.sources))
