"""What is read off the history of one patient: the leaves in which every condition of a course ends.

It is long because it is one class: every kind of value is one reading of the same history, and they share how results
are narrowed, counted from an act, and held in doubt. The arithmetic stands in :mod:`protocol_engine.model.worked`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cache

from attrs import evolve, field, frozen

from protocol_engine.model.conditions import NamedTest
from protocol_engine.model.dosage import Off
from protocol_engine.model.doses import rung_words
from protocol_engine.model.evaluation import NO, YES, Evaluation, MemberSet, Missing, Outcome, Why
from protocol_engine.model.events import AdverseEventEvent, DiscontinuationEvent, EventTime, UnblindingEvent, said
from protocol_engine.model.facts import FactPart, FactValue
from protocol_engine.model.history import NO_RESULTS, FactHistory, History, Result, member_fact
from protocol_engine.model.instants import too_late
from protocol_engine.model.state import Position
from protocol_engine.model.table import ELEMENT, Table
from protocol_engine.model.truth import FALSE, TRUE, UNKNOWN, Truth
from protocol_engine.model.units import Duration
from protocol_engine.model.values import (
    ACTS,
    AHEAD,
    CONFIRMED,
    EVER_REPORTED,
    MAIN,
    WAITING,
    Change,
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
    is_narrowed,
    names_of,
)
from protocol_engine.model.worked import (
    Between,
    Moment,
    changed,
    confirmed,
    count,
    doubtful,
    first_too_old,
    grown_old,
    moments_of,
    run,
    spanned,
    taken,
    total,
    within,
)

_NO = Outcome(NO)


@cache
def _unreported(fact: str, timepoint: str | None, why: Why) -> Outcome:
    """The outcome of what nobody reported. There is one for each value that a protocol reads."""
    return Outcome(None, why, (), (Missing(fact, timepoint, None, why),))


@frozen
class _Since:
    """After what things count: ``day``, by the day they happened; ``told``, an answer to all that was known by then."""

    day: date = date.min
    told: date | None = None
    toxicities: int = 0

    def before(self, result: Result) -> bool:
        """Whether the result counts: taken on a later day, and, after an answer, not known when it was given."""
        return result.day > self.day and (self.told is None or result.event.known.day > self.told)


@frozen
class HistoryLeaves:
    """Leaves read off the history of one patient, who is at ``position``."""

    table: Table = field(repr=False)
    history: History
    position: Position
    day: date | None = None
    """The day on which values are used: results may have grown too old by then."""
    time: EventTime | None = None
    """The time of that day, where something is done or asked about then."""
    member: str | None = None
    """The member of whom facts are read that are reported for each."""
    ahead: Callable[[str], Outcome] | None = field(default=None, eq=False, repr=False)
    """What is known of the next dose: on which day it is due, and which is the last day for it."""

    def last(self, value: Last) -> Outcome:
        """The newest result of a fact or its part, or the option last taken in a choice, or the arm last drawn."""
        name, _, part = value.last.partition(".")
        if name == "choice":
            chosen = self.history.choices.get(part)
            if chosen is None:
                return _unreported(value.last, None, "absent")
            words = tuple(sorted(word.id for word in self.history.in_doubt(part)))
            if words:
                return Outcome(None, "muddled", words, (Missing(value.last, None, None, "muddled", words),))
            return Outcome(chosen.option, sources=(chosen.id,))
        if name == "allocation" and name not in self.table.facts:
            drawn = self.history.allocations.get(part)
            return Outcome(drawn.arm, sources=(drawn.id,)) if drawn else _unreported(value.last, None, "absent")
        known = self._known(name)
        if is_narrowed(value):
            return self._narrowed(value, name, part, known)
        key = value.at if value.at is not None else known.newest
        group = known.groups.get(key, ()) if key is not None else ()
        if not group:
            return _unreported(name, value.at, "no_result" if value.at is None and known.groups else "absent")
        results = [item for item in group if item.value is not None]
        if not results:
            missing = Missing(name, value.at, None, "no_result")
            return Outcome(None, "no_result", tuple([item.event.id for item in group]), (missing,))
        sources = tuple([item.event.id for item in results])
        if key in known.muddled:
            return Outcome(None, "muddled", sources, (Missing(name, value.at, None, "muddled", sources),))
        if part:
            return self._part(name, value.at, part, results, sources)
        return Outcome(results[0].value, sources=sources)

    def _known(self, fact: str) -> FactHistory:
        """The results of a fact; of the member that is asked about, where it is reported for each."""
        of_each = self.member is not None and self.table.facts[fact].each is not None
        return self.history.results.get(member_fact(fact, self.member or "") if of_each else fact, NO_RESULTS)

    def _narrowed(self, value: Last, fact: str, part: str, known: FactHistory) -> Outcome:
        """The newest result of the reports that are meant, unless it is too old on the day it is used."""
        moments = moments_of(known, part, value.where)
        if value.at is not None:
            moments = tuple(item for item in moments if item.timepoint == value.at)
        if not moments:
            return _unreported(fact, value.at, "absent")
        newest = moments[-1]
        old = self._too_old(newest, value.within)
        if old is not FALSE:
            why: Why = "stale" if old is TRUE else "untimed"
            return Outcome(None, why, newest.sources, (Missing(fact, value.at, None, why, newest.sources),))
        return _of_moment(fact, value.at, newest)

    def _too_old(self, moment: Moment, length: Duration | None) -> Truth:
        """Whether a result is older than a length of time when it is used; hours may leave it open."""
        if length is None or length.unit != "hours" or self.day is None:
            return FALSE if within((moment,), length, self.day) else TRUE
        at = self.time if self.time is not None else EventTime.of(self.day.isoformat())
        return too_late(length, moment.at or EventTime.of(moment.day.isoformat()), at)

    def worked(self, name: str, value: Worked, by: Evaluation) -> Outcome:
        """A value worked out from the results of this patient."""
        match value:
            case Take() if value.of[0].partition(".")[0] in ACTS:
                return Outcome(Decimal(self._acts_counted(value)))
            case Take():
                return self._taken(name, value, by)
            case Confirmation():
                moments = self._moments(value.confirmation, value)
                found = confirmed(value, moments, by.meets(value.is_))
                sources = _sources(moments)
                return Outcome(found[0], sources=sources) if found is not None else self._doubtful(name, value, moments)
            case Change():
                return self._changed(value, by)
            case Members():
                return self._members(value)
            case Date():
                return self._date(value, by)
            case Level():
                ladder = self.table.ladders[value.level_of]
                known = self.position.dosage.drug(ladder.of)
                level = known.level if known.level is not None else ladder.start
                return Outcome(rung_words(ladder.levels[level]), sources=known.by)
            case TrackState():
                return self._state_of(value.track)

    def _state_of(self, track: str) -> Outcome:
        """Where a track stands; one that this arm does not have, or that has not begun, waits."""
        seen = self.position.of_track(None)
        there = seen if track == MAIN else seen.tracks.get(track)
        return Outcome(self.table.places[there.place].state if there is not None else WAITING)

    def _acts_counted(self, value: Take) -> int:
        """How many acts were done: of all, or since the day of an act, or within a time."""
        if value.since is None and value.within is None:
            return sum(self.history.counts.get(act, 0) for act in value.of)
        begun = self.day_of(value.since) if value.since is not None else date.min
        if begun is None:
            return 0
        if value.within is not None and self.day is not None:
            begun = max(begun, value.within.before(self.day))
        return sum(day >= begun for act in value.of for day in self.history.count_days.get(act, ()))

    def reached(self, outcome: Outcome) -> Truth:
        """Whether the day that a date names has begun."""
        if not isinstance(outcome.value, date) or self.day is None:
            return UNKNOWN
        return TRUE if outcome.value <= self.day else FALSE

    def _date(self, value: Date, by: Evaluation) -> Outcome:
        """The day, once everything that it is worked out from is known."""
        named = {name: self._day_of(name, by) for name in names_of(value)}
        sources = tuple(dict.fromkeys(source for found in named.values() for source in found.sources))
        days = {name: found.value for name, found in named.items() if isinstance(found.value, date)}
        begun = [days[name] for name in value.date if name in days]
        lacking = [name for name in named if name not in days and not (name in value.date and begun)]
        if value.of_several == "latest":
            lacking = [name for name in named if name not in days]
        if lacking or not begun:
            missing = tuple(item for name in lacking for item in named[name].missing)
            return Outcome(None, missing[0].why if missing else "absent", sources, missing)
        found = max(begun) if value.of_several == "latest" else min(begun)
        if value.plus is not None:
            found = value.plus.after(found)
        if value.as_long_as is not None:
            found = spanned(value.as_long_as, found, days[value.as_long_as.from_], days[value.as_long_as.to])
        found = max(found, days[value.not_before]) if value.not_before is not None else found
        found = min(found, days[value.not_after]) if value.not_after is not None else found
        return Outcome(found, sources=sources)

    def _day_of(self, name: str, by: Evaluation) -> Outcome:
        """The day of an act, of a fact that is a date, of a value: when it was first so; or one of the calendar."""
        if (fixed := calendar_day(name)) is not None:
            return Outcome(fixed)
        value = self.table.values.get(name)
        if isinstance(value, Ever):
            told = [(result.day, result.event.id) for result in self._making(name)[0]]
            told += [(event.effective.day, event.id) for event in self.told_of(value)]
            if told:
                first, source = min(told, key=lambda other: other[0])
                return Outcome(first, sources=(source,))
            return _unreported(value.ever[0], None, "absent")
        if isinstance(value, Confirmation):
            moments = self._moments(value.confirmation, value)
            found = confirmed(value, moments, by.meets(value.is_))
            if found is not None and found[0] == CONFIRMED[2]:
                return Outcome(found[1], sources=_sources(moments))
            return _unreported(value.confirmation, None, "absent")
        if value is not None or name in self.table.facts:
            return by.value(name)
        if name in AHEAD and self.ahead is not None:
            return self.ahead(name)
        day = self.day_of(name)
        return Outcome(day) if day is not None else Outcome(None, "absent", (), (Missing(name, None, None, "absent"),))

    def turns(self, name: str, after: date, by: Evaluation) -> date | None:
        """The next day behind another on which a value changes although nothing is reported; None if there is none."""
        value = self.table.values[name]
        if isinstance(value, Date):
            found = by.value(name).value
            return found if isinstance(found, date) and found > after else None
        if isinstance(value, Take) and value.within is not None and value.of[0].partition(".")[0] in ACTS:
            days = (day for act in value.of for day in self.history.count_days.get(act, ()))
            return first_too_old(days, value.within, after)
        if isinstance(value, Last | Take) and value.within is not None and value.within.unit != "hours":
            read = value.last if isinstance(value, Last) else value.of[0]
            fact, _, part = read.partition(".")
            return grown_old(moments_of(self._known(fact), part, value.where), value.within, after)
        return None

    def _moments(self, name: str, value: Take | Confirmation) -> tuple[Moment, ...]:
        """The moments that a value looks at: since an act, and within a time, if it says so."""
        fact, _, part = name.partition(".")
        found = moments_of(self._known(fact), part, value.where)
        if value.since is not None:
            since = self._since((value.since,))
            found = tuple(item for item in found if since is not None and item.day > since.day)
        return within(found, value.within, self.day) if isinstance(value, Take) else found

    def moments(self, value: Confirmation) -> tuple[Moment, ...]:
        """The moments that a confirmation looks at."""
        return self._moments(value.confirmation, value)

    def _taken(self, name: str, value: Take, by: Evaluation) -> Outcome:
        moments = self._moments(value.of[0], value)
        fact = value.of[0].partition(".")[0]
        sources = _sources(moments)
        if value.take in ("count", "run"):
            meets = by.meets(value.is_)
            number = count(moments, meets) if value.take == "count" else run(moments, meets, value.apart)
            if number.low == number.high:
                return Outcome(Decimal(number.low), sources=sources)
            return Outcome(number, sources=sources, missing=self._doubtful(name, value, moments).missing)
        if not moments:
            return _unreported(fact, None, "absent")
        if value.take in ("mean", "sum"):
            found = total(value, moments)
            return Outcome(found, sources=sources) if found is not None else self._doubtful(name, value, moments)
        chosen = taken(value, moments, self._rank(fact))
        return _of_moment(fact, None, chosen) if chosen is not None else _unreported(fact, None, "absent")

    def _rank(self, fact: str) -> Callable[[FactValue], Fraction]:
        levels = self.table.facts[fact].levels

        def rank(value: FactValue) -> Fraction:
            if isinstance(value, Decimal | Fraction):
                return Fraction(value)
            return Fraction(levels.index(str(value)) if levels is not None else 0)

        return rank

    def _doubtful(self, name: str, value: Take | Confirmation, moments: tuple[Moment, ...]) -> Outcome:
        """A value that turns on reports in doubt."""
        fact = (value.of[0] if isinstance(value, Take) else value.confirmation).partition(".")[0]
        unsure = doubtful(moments)
        missing = tuple(_missing(fact, item.timepoint, item) for item in unsure)
        missing = missing or (Missing(name, None, None, "absent"),)
        return Outcome(None, missing[0].why, _sources(unsure), missing)

    def _changed(self, value: Change, by: Evaluation) -> Outcome:
        number, base = by.value(value.of), by.value(value.from_)
        sources = tuple(dict.fromkeys((*number.sources, *base.sources)))
        if not isinstance(number.value, Decimal | Fraction) or not isinstance(base.value, Decimal | Fraction):
            unknown = number if not isinstance(number.value, Decimal | Fraction) else base
            missing = tuple(dict.fromkeys((*number.missing, *base.missing)))
            return Outcome(None, unknown.why if unknown.why != "known" else "muddled", sources, missing)
        found = changed(value, Fraction(number.value), Fraction(base.value))
        if found is None:
            return Outcome(None, "muddled", sources, (Missing(value.from_, None, None, "muddled", base.sources),))
        return Outcome(found, sources=sources)

    def _members(self, value: Members) -> Outcome:
        """How many members meet the test, and how many may."""
        truths: list[Truth] = []
        sources: dict[str, None] = {}
        missing: dict[Missing, None] = {}
        for member in self._set(value):
            by = Evaluation(self.table, evolve(self, member=member))
            truth = by.test(NamedTest(value.of, value.is_))
            outcome = by.value(value.of)
            truths.append(truth)
            sources |= dict.fromkeys(outcome.sources)
            if truth is UNKNOWN:
                missing |= dict.fromkeys(evolve(item, component=member) for item in outcome.missing)
        if not truths and value.at == EVER_REPORTED and value.members != "every":  # a set that grows is empty at first
            return Outcome(Decimal(0)) if value.members == "number" else _NO
        if not truths:
            return _unreported(value.over, value.at if value.at != EVER_REPORTED else None, "absent")
        low, high = truths.count(TRUE), len(truths) - truths.count(FALSE)
        if value.members == "number":
            number = Decimal(low) if low == high else Between(low, high)
            return Outcome(number, sources=tuple(sources), missing=tuple(missing))
        truth = min(truths) if value.members == "every" else max(truths)
        if truth is UNKNOWN:
            return Outcome(None, next((item.why for item in missing), "absent"), tuple(sources), tuple(missing))
        return Outcome(YES if truth is TRUE else NO, sources=tuple(sources))

    def _set(self, value: Members) -> tuple[str, ...]:
        """The members that were reported at the timepoint, or ever, or else on the first day of all."""
        days: dict[str, date] = {}
        for member in self.history.members(value.over):
            moments = moments_of(self.history.results[member_fact(value.over, member)])
            of_any = value.at in (None, EVER_REPORTED)
            meant = [item.day for item in moments if of_any or item.timepoint == value.at]
            if meant:
                days[member] = min(meant)
        first = min(days.values(), default=None)
        return tuple(member for member, day in days.items() if value.at is not None or day == first)

    def _part(self, fact: str, at: str | None, part: str, results: list[Result], sources: tuple[str, ...]) -> Outcome:
        reported = {item.parts[part] for item in results if part in item.parts}
        if not reported:
            return Outcome(None, "absent", sources, (Missing(fact, at, part, "absent", sources),))
        if len(reported) > 1:
            return Outcome(None, "muddled", sources, (Missing(fact, at, part, "muddled", sources),))
        definition: FactPart = self.table.facts[fact].parts[part]
        found = reported.pop()
        if not isinstance(found, frozenset):
            return Outcome(found, sources=sources)
        tested: frozenset[str] | None = None
        if definition.not_listed == "unknown":
            named = [item.parts.get(definition.unless_in or "") for item in results]
            tested = frozenset().union(*(names for names in named if isinstance(names, frozenset)))
        # What the set leaves open is missing too: the condition names it only where a test stays unknown.
        return Outcome(
            MemberSet(found, tested),
            sources=sources,
            missing=(Missing(fact, at, part, "absent", sources),),
        )

    def ever(self, value: Ever) -> Outcome:
        """Whether any of the things named was ever so; in doubt only if none is sure."""
        told = [name for name in value.ever if self._is_told(name)]
        since = self._since(value.since) if told else None
        if since is None:
            return _NO
        doubtful = _NO
        for name in told:
            outcome = self._ever(name, value, since)
            if outcome.value == YES:
                return outcome
            if outcome.value is None and doubtful is _NO:
                doubtful = outcome
        return doubtful

    def _is_told(self, name: str) -> bool:
        """Whether anything at all is known of a fact, an act, or reports of another kind."""
        if name == "adverse_event":
            graded = self.table.grades_asked
            return any(graded or event.unacceptable is not False for event in self.history.adverse)
        if name == "discontinuation":
            return bool(self.history.discontinued) or any(
                known.off is not None for known in self.position.dosage.drugs.values()
            )
        if name == "unblinding":
            return bool(self.history.unblinded)
        return name in self.history.results or name in self.history.done

    def _since(self, acts: tuple[str, ...]) -> _Since | None:
        """After which of the acts things count; None where the first of them, which must have been, was not."""
        latest, told, toxicities = date.min, None, 0
        for number, act in enumerate(acts):
            done = self.history.done.get(act)
            day = done.day if done is not None else self._mark(act)
            if day is None and number == 0:
                return None
            if done is not None and act.startswith("choice."):
                if told is None or done.day > told:
                    told, toxicities = done.day, done.toxicities
            elif day is not None and day > latest:
                latest = day
        return _Since(latest, told, toxicities)

    def day_of(self, act: str) -> date | None:
        """The newest day on which an act was done; None if it was not."""
        done = self.history.done.get(act)
        return done.day if done is not None else self._mark(act)

    def _mark(self, act: str) -> date | None:
        if act == "element":
            return self.position.entered
        if act == "first_dose":
            return self.position.first_dose
        if act in ("consent", "eligibility", "allocation"):
            return self.position.marks.get(act)
        if act.startswith(ELEMENT):
            entered = (item for position in self.position.everywhere for item in position.elements)
            begun = (item for item in entered if self._is_of(act, item.place))
            return max((item.on for item in begun), default=None)
        return None

    def _is_of(self, act: str, place: str) -> bool:
        """Whether a place belongs to the element that an act is named after."""
        return self.table.places[place].element == act.removeprefix(ELEMENT)

    def _ever(self, name: str, value: Ever, since: _Since) -> Outcome:
        if name == "adverse_event":
            return self._ever_adverse(value, since)
        if name == "discontinuation":
            scopes = (value.is_ or {}).get("value", ("treatment", *self._drugs_here()))
            stops = [event for scope in scopes for event in reversed(self.history.discontinued.get(scope, ()))]
            found = self._reported([event for event in stops if event.effective.day >= since.day], value)
            return found if found.value == YES else self._ended_by_rule(scopes, since) or found
        if name == "unblinding":
            roles, told = (value.is_ or {}).get("value"), self.history.unblinded
            made = [event for event in told if roles is None or event.to in roles]
            return self._reported([event for event in made if event.effective.day >= since.day], value)
        if name in ("new_therapy", "lost_to_follow_up") and name not in self.history.results:
            reported = self.history.done[name]
            return Outcome(YES, sources=(reported.event_id,)) if reported.day >= since.day else _NO
        if "." in name:
            done = self.history.done.get(name)
            return Outcome(YES, sources=(done.event_id,)) if done is not None and done.day > since.day else _NO
        return self._ever_result(name, value, since)

    def _ended_by_rule(self, scopes: Iterable[str], since: _Since) -> Outcome | None:
        """That a rule of the protocol stopped one of the drugs for good; None if none did."""
        ends = (self.position.dosage.drug(scope).off for scope in scopes)
        return next((Outcome(YES, sources=off.by) for off in ends if off and off.stated and off.on >= since.day), None)

    def _drugs_here(self) -> tuple[str, ...]:
        """The drugs of the regimen that is being given."""
        regimen = self.table.regimens.get(self.position.regimen or "")
        return tuple(line.drug for line in regimen.lines if line.drug is not None) if regimen is not None else ()

    def _ever_result(self, fact: str, value: Ever, since: _Since) -> Outcome:
        known = self.history.results.get(fact, NO_RESULTS)
        levels = (value.is_ or {}).get("value", ())
        if value.where:
            return self._ever_where(fact, value, since, levels)
        for (timepoint, level), result in known.latest.items():
            if level in levels and since.before(result) and _wanted(timepoint, value):
                return Outcome(YES, sources=(result.event.id,))
        for key in known.muddled:
            group = [
                r for r in known.groups[key] if r.value in levels and since.before(r) and _wanted(r.timepoint, value)
            ]
            if group:
                sources = tuple(item.event.id for item in known.groups[key])
                return Outcome(None, "muddled", sources, (Missing(fact, group[0].timepoint, None, "muddled", sources),))
        return _NO

    def _ever_where(self, fact: str, value: Ever, since: _Since, levels: tuple[str, ...]) -> Outcome:
        """Whether one of the reports that are meant was ever so."""
        unsure = None
        for found, lacking, in_doubt in self._meant(fact, value, since, levels):
            if not in_doubt:
                return Outcome(YES, sources=(found[0].event.id,))
            unsure = unsure or (found, lacking)
        if unsure is None:
            return _NO
        sources = tuple(result.event.id for result in unsure[0])
        missing = Missing(fact, unsure[0][0].timepoint, unsure[1], "muddled", sources)
        return Outcome(None, "muddled", sources, (missing,))

    def _meant(
        self, fact: str, value: Ever, since: _Since, levels: tuple[str, ...]
    ) -> Iterator[tuple[list[Result], str | None, bool]]:
        """By moment, the results that make a value so: with a detail that they lack, and whether they are in doubt.

        In doubt is a moment whose results disagree, and one that lacks a detail by which reports are told apart.
        """
        for group in self._known(fact).groups.values():
            told = [result for result in group if result.value is not None]
            meant = [r for r in told if all(r.parts.get(name) in (None, *words) for name, words in value.where.items())]
            found = [r for r in meant if r.value in levels and since.before(r) and _wanted(r.timepoint, value)]
            if found:
                lacking = next((name for name in value.where for r in found if name not in r.parts), None)
                yield found, lacking, lacking is not None or len({result.value for result in meant}) > 1

    def _ever_adverse(self, value: Ever, since: _Since) -> Outcome:
        wanted = value.is_ or {}
        doubtful: tuple[str, ...] = ()
        component = None
        sure: list[AdverseEventEvent] = []
        for event in self._adverse_asked(value, since):
            if "grade" in wanted and event.grade is None:
                doubtful, component = (*doubtful, event.id), "grade"
            elif event.unacceptable is None and "unacceptable" in wanted:
                doubtful, component = (*doubtful, event.id), "unacceptable"
            elif "drug" in wanted and event.drug is None:
                doubtful, component = (*doubtful, event.id), "drug"
            elif "drug" not in wanted or event.drug in wanted["drug"]:
                sure.append(event)
        found = self._reported(sure, value)
        if found.value == NO and doubtful:
            return Outcome(None, "muddled", doubtful, (Missing("adverse_event", None, component, "muddled", doubtful),))
        return found

    def _adverse_asked(self, value: Ever, since: _Since) -> Iterator[AdverseEventEvent]:
        """The adverse events of the time that a value asks about, without those that are surely none it asks for."""
        wanted = value.is_ or {}
        terms = {said(term) for term in wanted.get("term", ())}
        graded = "grade" in wanted or "term" in wanted
        for number, event in enumerate(self.history.adverse):
            if event.effective.day < since.day or number < since.toxicities:
                continue  # on the day of an act, what happens to the patient comes after it
            if value.before is not None and self._comes_before(event.effective.day, value.before) is FALSE:
                continue
            if event.unacceptable is False and (not graded or "unacceptable" in wanted):
                continue
            if graded and "drug" in wanted and event.drug not in (None, *wanted["drug"]):
                continue
            if terms and said(event.term) not in terms:
                continue
            if "grade" in wanted and event.grade is not None and str(event.grade) not in wanted["grade"]:
                continue
            yield event

    def told_of(self, value: Ever) -> tuple[AdverseEventEvent | DiscontinuationEvent, ...]:
        """Every report that makes a value so, of adverse events and of discontinuations."""
        since, wanted = self._since(value.since), value.is_ or {}
        if since is None:
            return ()
        found: list[AdverseEventEvent | DiscontinuationEvent] = []
        if "adverse_event" in value.ever:
            found += [
                event
                for event in self._adverse_asked(value, since)
                if not ("grade" in wanted and event.grade is None)
                and not ("unacceptable" in wanted and event.unacceptable is None)
                and ("drug" not in wanted or event.drug in wanted["drug"])
            ]
        if "discontinuation" in value.ever:
            scopes = wanted.get("value", ("treatment", *self._drugs_here()))
            stops = (event for scope in scopes for event in self.history.discontinued.get(scope, ()))
            found += [event for event in stops if event.effective.day >= since.day]
        return tuple(found)

    def ended_by_rules(self, value: Ever) -> tuple[Off, ...]:
        """The ends of drugs, brought about by rules, that make a value so as a reported discontinuation does."""
        since = self._since(value.since) if "discontinuation" in value.ever else None
        scopes = (value.is_ or {}).get("value", self._drugs_here())
        ends = (self.position.dosage.drug(scope).off for scope in scopes)
        return tuple(off for off in ends if since is not None and off and off.stated and off.on >= since.day)

    def reaches(self, value: Ever, event: AdverseEventEvent) -> bool:
        """Whether an adverse event is of the time that a value asks about, and may be of its drug."""
        since, drugs = self._since(value.since), (value.is_ or {}).get("drug")
        if since is None or "adverse_event" not in value.ever or event.effective.day < since.day:
            return False
        return drugs is None or event.drug is None or event.drug in drugs

    def _reported(
        self, events: Sequence[AdverseEventEvent | DiscontinuationEvent | UnblindingEvent], value: Ever
    ) -> Outcome:
        """Whether one of the reports counts: each of them, unless the value asks for one before something else."""
        doubtful: tuple[str, ...] = ()
        for event in events:
            truth = TRUE if value.before is None else self._comes_before(event.effective.day, value.before)
            if truth is TRUE:
                return Outcome(YES, sources=(event.id,))
            if truth is UNKNOWN:
                doubtful = (*doubtful, event.id)
        if doubtful and value.before is not None:
            return Outcome(None, "muddled", doubtful, self._missing_before(value.before))
        return _NO

    def _comes_before(self, day: date, name: str) -> Truth:
        """Whether a day lies before the first result that makes a value so; in doubt where the first is in doubt."""
        known, unsure = (min((result.day for result in results), default=date.max) for results in self._making(name))
        if day >= known:
            return FALSE
        return UNKNOWN if day >= unsure else TRUE

    def _missing_before(self, name: str) -> tuple[Missing, ...]:
        missing = []
        for result in self._making(name)[1]:
            fact = result.event.fact
            sources = tuple(other.event.id for other in self.history.results[fact].groups[result.group])
            missing.append(Missing(fact, result.timepoint, None, "muddled", sources))
        return tuple(missing)

    def _making(self, name: str) -> tuple[list[Result], list[Result]]:
        """The results that make a value so, and those that would if no other of their timepoint disagreed."""
        value = self.table.values.get(name)
        return self.making(value) if isinstance(value, Ever) else ([], [])

    def making(self, value: Ever) -> tuple[list[Result], list[Result]]:
        """The results that make a value so, and those that would if no other of their moment disagreed."""
        known: list[Result] = []
        unsure: list[Result] = []
        since = self._since(value.since)
        if since is None:
            return [], []
        levels = (value.is_ or {}).get("value", ())
        for fact in value.ever:
            for found, _, in_doubt in self._meant(fact, value, since, levels):
                (unsure if in_doubt else known).extend(found)
        return known, unsure

    def built_in(self, name: str) -> Outcome:
        """Death, closure, withdrawal and discontinuation."""
        match name:
            case "death":
                found = self.history.died
                return Outcome(YES, sources=(found[1],)) if found is not None else _NO
            case "study_closed":
                found = self.history.closed
                return Outcome(YES, sources=(found[1],)) if found is not None else _NO
            case "withdrawn_from":
                for scope in ("study", "treatment"):
                    if scope in self.history.withdrawn:
                        return Outcome(scope, sources=(self.history.withdrawn[scope][1],))
                return _NO
            case _:
                allocated = self.position.marks.get("allocation", date.min)
                for stopped in reversed(self.history.discontinued.get("treatment", ())):
                    if stopped.id not in self.position.answered and stopped.effective.day >= allocated:
                        return Outcome("treatment", sources=(stopped.id,))
                return _NO


def _sources(moments: Iterable[Moment]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(source for item in moments for source in item.sources))


def _missing(fact: str, timepoint: str | None, moment: Moment) -> Missing:
    """What a moment in doubt lacks."""
    why: Why = "muddled"
    return Missing(fact, timepoint, moment.component, why, moment.sources)


def _of_moment(fact: str, timepoint: str | None, moment: Moment) -> Outcome:
    if moment.value is None:
        return Outcome(None, "muddled", moment.sources, (_missing(fact, timepoint, moment),))
    return Outcome(moment.value, sources=moment.sources)


def _wanted(timepoint: str | None, value: Ever) -> bool:
    return (not value.at or timepoint in value.at) and timepoint not in value.not_at
