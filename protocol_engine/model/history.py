"""The history of one patient, indexed so that each reading of it costs the same however long it is.

A history is a value: adding to it gives a new one. It holds events in the order in which they were folded (the order of
knowing), and answers by the order in which they happened.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from attrs import evolve, field, frozen

from protocol_engine.model.altering import altered
from protocol_engine.model.events import (
    AdverseEventEvent,
    AllocationEvent,
    AttestationEvent,
    ChoiceEvent,
    DiscontinuationEvent,
    EventTime,
    ObservationEvent,
    UnblindingEvent,
)
from protocol_engine.model.facts import FactDefinition, FactValue, PartValue, read_part

GroupKey = str | date


@frozen
class Result:
    """A result as read: ``value`` is None where it was reported without one; ``parts`` are its typed components."""

    event: ObservationEvent
    timepoint: str | None
    value: FactValue | None
    parts: dict[str, PartValue]

    @property
    def day(self) -> date:
        """The day it happened to the patient."""
        return self.event.effective.day

    @property
    def group(self) -> GroupKey:
        """Results of one group speak of one moment: the named timepoint, or else the day."""
        return self.timepoint or self.day


def read_parts(fact: FactDefinition, event: ObservationEvent) -> dict[str, PartValue]:
    """The typed details of a report, of those that the fact has; ValueError as in :func:`read_part`."""
    reported = event.components
    named = (*fact.parts, fact.each)
    return {name: read_part(fact, name, reported[name], event.unit) for name in reported if name in named}


@frozen
class FactHistory:
    """All results of one fact. Results of a group that disagree are a muddle until one is corrected or retracted."""

    groups: dict[GroupKey, tuple[Result, ...]] = field(factory=dict)
    latest: dict[tuple[str | None, FactValue], Result] = field(factory=dict)
    muddled: tuple[GroupKey, ...] = ()
    newest: GroupKey | None = None

    def adding(self, result: Result) -> FactHistory:
        """The same with one more result."""
        key = result.group
        group = (*self.groups.get(key, ()), result)
        groups = {**self.groups, key: group}
        if result.value is None:
            return evolve(self, groups=groups)
        if not self.groups:
            return FactHistory(groups, {(result.timepoint, result.value): result}, (), key)
        values = {item.value for item in group if item.value is not None}
        newest = key if self.newest is None or _day(groups[self.newest]) <= result.day else self.newest
        if len(values) > 1:
            muddled = self.muddled if key in self.muddled else (*self.muddled, key)
            latest = {name: item for name, item in self.latest.items() if item.group != key}
            for other in groups.values():
                if other[0].group not in muddled:
                    _note(latest, other)
            return FactHistory(groups, latest, muddled, newest)
        latest = dict(self.latest)
        _note(latest, (result,))
        return FactHistory(groups, latest, self.muddled, newest)


def _day(group: tuple[Result, ...]) -> date:
    return max(item.day for item in group)


def _note(latest: dict[tuple[str | None, FactValue], Result], results: tuple[Result, ...]) -> None:
    for result in results:
        if result.value is None:
            continue
        known = latest.get((result.timepoint, result.value))
        if known is None or known.day <= result.day:
            latest[(result.timepoint, result.value)] = result


NO_RESULTS = FactHistory()
REPORTED = "reported"
"""What stands for the result of a member among those of all: that there is one."""


def member_fact(fact: str, member: str) -> str:
    """Under which name the results of one member are kept: no fact can have it."""
    return f"{fact} {member}"


@frozen
class Done:
    """The newest of several acts with one name, by the day it happened, and how many there were.

    ``toxicities`` is how many adverse events were known when it was done.
    """

    day: date
    event_id: str
    count: int
    toxicities: int = 0


@frozen(slots=False)
class History:
    """All that a value can read of one patient; ``done`` counts acts by name, such as ``procedure.surgery``.

    ``counts`` are the doses, the cycles and the doses of a drug that were given, of those that some value counts, and
    ``count_days`` the days of those that some value counts by their day. ``times`` are those of the acts from which
    some window counts hours. ``allocations`` are the later ones, by name.
    ``discontinued`` holds by scope (treatment, or a drug) the reports that it was stopped for good, the newest last.
    """

    results: dict[str, FactHistory] = field(factory=dict)
    adverse: tuple[AdverseEventEvent, ...] = ()
    choices: dict[str, ChoiceEvent] = field(factory=dict)
    words: dict[str, tuple[ChoiceEvent, ...]] = field(factory=dict)
    allocations: dict[str, AllocationEvent] = field(factory=dict)
    done: dict[str, Done] = field(factory=dict)
    counts: dict[str, int] = field(factory=dict)
    count_days: dict[str, tuple[date, ...]] = field(factory=dict)
    times: dict[str, EventTime] = field(factory=dict)
    discontinued: dict[str, tuple[DiscontinuationEvent, ...]] = field(factory=dict)
    attested: dict[str, tuple[AttestationEvent, ...]] = field(factory=dict)
    unblinded: tuple[UnblindingEvent, ...] = ()
    withdrawn: dict[str, tuple[date, str]] = field(factory=dict)
    died: tuple[date, str] | None = None
    closed: tuple[date, str] | None = None

    @property
    def uneventful(self) -> bool:
        """Whether nothing is known that could end a course of any protocol."""
        return not (self.died or self.withdrawn or self.closed or self.discontinued)

    def with_result(self, result: Result, member: str | None = None) -> History:
        """One more result of a fact; of a ``member``, such as one lesion, it is kept apart from those of the others."""
        fact = result.event.fact
        results = dict(self.results)
        if member is not None:
            name = member_fact(fact, member)
            results[name] = results.get(name, NO_RESULTS).adding(result)
            result = evolve(result, value=REPORTED if result.value is not None else None)
        results[fact] = results.get(fact, NO_RESULTS).adding(result)
        return altered(self, results=results)

    def members(self, fact: str) -> tuple[str, ...]:
        """The members of whom a fact was reported, by name."""
        begin = member_fact(fact, "")
        return tuple(sorted(name.removeprefix(begin) for name in self.results if name.startswith(begin)))

    def lacks_some(self, fact: str, timepoint: str | None) -> bool:
        """Whether some member known has no result at a timepoint."""
        known = (self.results[member_fact(fact, member)].groups for member in self.members(fact))
        return any(all(result.value is None for result in groups.get(timepoint or "", ())) for groups in known)

    def has_result(self, fact: str, first: date, last: date) -> bool:
        """Whether a fact has a result that was taken from one day to another, both included."""
        groups = self.results.get(fact, NO_RESULTS).groups.values()
        return any(first <= item.day <= last for group in groups for item in group if item.value is not None)

    def with_done(self, name: str, day: date, event_id: str) -> History:
        """One more act of that name."""
        known = self.done.get(name)
        if known is None:
            done = Done(day, event_id, 1, len(self.adverse))
        elif known.day <= day:
            done = Done(day, event_id, known.count + 1, len(self.adverse))
        else:
            done = evolve(known, count=known.count + 1)
        return altered(self, done={**self.done, name: done})

    def with_counts(self, acts: Iterable[str]) -> History:
        """One more of each of these acts."""
        return evolve(self, counts={**self.counts, **{act: self.counts.get(act, 0) + 1 for act in acts}})

    def with_count_days(self, acts: Iterable[str], day: date) -> History:
        """One more of each of these acts on a day."""
        return evolve(self, count_days={**self.count_days, **{a: (*self.count_days.get(a, ()), day) for a in acts}})

    def with_times(self, times: dict[str, EventTime]) -> History:
        """The times of the newest of some acts."""
        return altered(self, times={**self.times, **times})

    def with_word(self, event: ChoiceEvent) -> History:
        """One more word on a choice, whether it was taken or not. Words of other days than the last ones are let go."""
        taken = self.choices.get(event.choice)
        days = {event.effective.day, taken.effective.day if taken is not None else event.effective.day}
        known = tuple(word for word in self.words.get(event.choice, ()) if word.effective.day in days)
        return altered(self, words={**self.words, event.choice: (*known, event)})

    def in_doubt(self, choice: str) -> tuple[ChoiceEvent, ...]:
        """The words of one day that differ on a choice, where no time tells which of them was the last; else none."""
        taken = self.choices.get(choice)
        if taken is None:
            return ()
        day = [word for word in self.words.get(choice, ()) if word.effective.day == taken.effective.day]
        untimed = any(word.effective.instant is None for word in day)
        return tuple(day) if untimed and not all(word.agrees(taken) for word in day) else ()

    def with_choice(self, event: ChoiceEvent) -> History:
        """One more choice; it is an act too."""
        chosen = altered(self, choices={**self.choices, event.choice: event})
        return chosen.with_done(f"choice.{event.choice}.{event.option}", event.effective.day, event.id)

    def with_allocation(self, name: str, event: AllocationEvent) -> History:
        """One more later allocation; it is an act too, by its name and by its arm."""
        day = event.effective.day
        drawn = altered(self, allocations={**self.allocations, name: event})
        return drawn.with_done(f"allocation.{name}", day, event.id).with_done(
            f"allocation.{name}.{event.arm}", day, event.id
        )

    def with_adverse_event(self, event: AdverseEventEvent, *, graded: bool = False) -> History:
        """One more adverse event. Of those attested as acceptable only the grade and the term can be asked for."""
        return self if event.unacceptable is False and not graded else altered(self, adverse=(*self.adverse, event))

    def with_attestation(self, event: AttestationEvent) -> History:
        """One more word on a criterion: those of the newest day are kept."""
        known = self.attested.get(event.criterion, ())
        if known and known[0].effective.day > event.effective.day:
            return self
        same = known if known and known[0].effective.day == event.effective.day else ()
        return altered(self, attested={**self.attested, event.criterion: (*same, event)})

    def with_discontinuation(self, event: DiscontinuationEvent) -> History:
        """Treatment, or a drug, was stopped for good; of several reports of one day the first stands last."""
        known = self.discontinued.get(event.scope, ())
        told = tuple(sorted((event, *known), key=lambda stop: stop.effective.day))
        return altered(self, discontinued={**self.discontinued, event.scope: told})
