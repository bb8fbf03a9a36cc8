"""From events to a course: all of it at once, or only what a late event, a correction or a retraction can change.

A course is derived twice. What it *is*, is the fold of all events as rewritten by everything known now. What its acts
were *worth*, are the verdicts as known on their days: each in the fold of what had been issued by then, with the
corrections issued by then. Between two days on which something was rewritten all acts are judged in one such fold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from itertools import pairwise

from attrs import define, field, frozen

from protocol_engine.engine.day_order import FoldedEvent
from protocol_engine.engine.folding import Fold, Folder, Remark, Trace
from protocol_engine.engine.rewriting import named_in, rewrites_in, rewritten
from protocol_engine.engine.tracks import owner_of
from protocol_engine.engine.trail import Trail
from protocol_engine.engine.wording import track_words
from protocol_engine.model.decision import Verdict
from protocol_engine.model.events import Act, ActEvent, PatientEvent, Rewrite
from protocol_engine.model.state import Ended


@frozen
class State:
    """A course: every event received, by id, in the order of arrival, and what is derived from them.

    ``standing`` are the acts and reports that stand, as rewritten by all that is known; ``base`` is the fold of them up
    to the last day, ``group`` the events of that day, ``now`` the fold with them. ``trail`` holds folds of days before.
    ``rewrites`` are the corrections and retractions, in the order of knowing, and ``named`` the ids that they name.
    ``deviations`` are verdicts as known then; ``hindsight`` names acts that were right then and would not be now.
    """

    events: dict[str, PatientEvent]
    standing: Mapping[str, FoldedEvent]
    base: Fold
    now: Fold
    group: tuple[FoldedEvent, ...] = ()
    day: date | None = None
    as_of: date | None = None
    rewrites: tuple[Rewrite, ...] = ()
    named: frozenset[str] = frozenset()
    deviations: tuple[Verdict, ...] = ()
    hindsight: tuple[Remark, ...] = ()
    trail: Trail = field(factory=Trail, eq=False, repr=False)

    @property
    def rewritten_until(self) -> date:
        """The last day on which something was rewritten, or the first of all days."""
        return self.rewrites[-1].issued.day if self.rewrites else date.min


# --- one more event ---------------------------------------------------------------------------------------------------


def comes_next(state: State, event: FoldedEvent) -> bool:
    """Whether the event can be folded after all others, on the last day or a later one."""
    day = event.known.day
    if state.rewrites and (day < state.rewritten_until or day == state.day or event.id in state.named):
        return False
    return state.day is None or day >= state.day


def appended(folder: Folder, state: State, event: FoldedEvent) -> tuple[State, Trace]:
    """The course with an event that comes next, and the trace of it."""
    day, trail = event.known.day, state.trail
    same = day == state.day
    base = state.base if same else state.now
    group = (*state.group, event) if same else (event,)
    if state.day is not None and not same:
        trail = trail.after(state.day, state.now, state.rewritten_until)
    now, trace = folder.day(base, group, event.id)
    deviations = now.deviations
    if state.rewrites:
        deviations = (*state.deviations, *now.deviations[len(base.deviations) :])
    standing = {**state.standing, event.id: event}
    hindsight = state.hindsight
    if _is_over_otherwise(state.now, now, day):
        hindsight = _hindsight(now, deviations, standing)
    new = State(
        events={**state.events, event.id: event},
        standing=standing,
        base=base,
        now=now,
        group=group,
        day=day,
        as_of=max(event.issued.day, state.as_of) if state.as_of is not None else event.issued.day,
        rewrites=state.rewrites,
        named=state.named,
        deviations=deviations,
        hindsight=hindsight,
        trail=trail,
    )
    return new, trace or _untraced(now)


def changed(folder: Folder, state: State, event: PatientEvent) -> tuple[State, Trace]:
    """The course with an event that changes what was derived before, and the trace of it."""
    events = {**state.events, event.id: event}
    if isinstance(event, Rewrite):
        if event.issued.day >= state.rewritten_until:
            return _rewritten(folder, state, event, events)
    elif event.id not in state.named:
        return _late(folder, state, event, events)
    return derived(folder, events, event.id)


def _late(folder: Folder, state: State, event: FoldedEvent, events: dict[str, PatientEvent]) -> tuple[State, Trace]:
    """What no rewrite names changes nothing before its own day, whatever was known when."""
    day = event.known.day
    standing = {**state.standing, event.id: event}
    deriving = _Deriving(folder, event.id, state.trail.without(day))
    settled = [verdict for verdict in state.deviations if standing[verdict.event].known.day < day]
    return deriving.course(events, standing, state.rewrites, settled, day)


def _rewritten(folder: Folder, state: State, event: Rewrite, events: dict[str, PatientEvent]) -> tuple[State, Trace]:
    """A rewrite that became known last leaves the verdicts before its day as they are, but on what it rewrites.

    An act that is rewritten is judged as what it really was, in what was known on its day.
    """
    rewrites, standing, since = tuple(rewrites_in(events)), rewritten(events, None), event.issued.day
    names = _differing(state.standing, standing)
    change = _first_day(names, state.standing, standing)
    deriving = _Deriving(folder, event.id, state.trail.without(change, since).rewritten(change, since))
    for name in sorted(names & standing.keys()):
        act = standing[name]
        if isinstance(act, Act) and act.effective.day < since:
            begins = max((r.issued.day for r in rewrites if r.issued.day <= act.effective.day), default=date.min)
            deriving.judge(rewritten(events, begins), begins, act)
    settled = [
        verdict
        for verdict in state.deviations
        if verdict.event not in names and standing[verdict.event].known.day < since
    ]
    return deriving.course(events, standing, rewrites, settled, since)


# --- all events -------------------------------------------------------------------------------------------------------


def derived(folder: Folder, events: Mapping[str, PatientEvent], watched: str | None = None) -> tuple[State, Trace]:
    """The whole course from its events, in whatever order they came; the trace is that of the event ``watched``.

    An act is traced where it is judged: in what was known on its day.
    """
    standing = rewritten(events, None)
    return _Deriving(folder, watched).course(dict(events), standing, tuple(rewrites_in(events)), [], date.min)


@frozen
class _Known:
    """What was known from the day ``since`` on, until something was rewritten: the events as they stood then."""

    since: date
    until: date
    standing: Mapping[str, FoldedEvent]


@define
class _Deriving:
    """A derivation at work: which event is watched, folds on the way, and the verdicts found.

    ``judged`` is the trace of the event where it was judged, ``seen`` that in the last fold of its day.
    """

    folder: Folder
    watched: str | None
    trail: Trail = field(factory=Trail)
    found: list[Verdict] = field(factory=list)
    judged: Trace | None = None
    seen: Trace | None = None

    def course(
        self,
        events: dict[str, PatientEvent],
        standing: Mapping[str, FoldedEvent],
        rewrites: tuple[Rewrite, ...],
        settled: list[Verdict],
        since: date,
    ) -> tuple[State, Trace]:
        """The course, with verdicts that are ``settled``, and new ones on the acts from the day ``since`` on."""
        stretches = list(_stretches(events, standing, rewrites, since))
        for known, following in pairwise(stretches):
            acts = _acts_in(known, since, standing)
            if acts:
                self.judge_all(known, acts, self.fold(known)[1])
            change = _first_day(_differing(known.standing, following.standing), known.standing, following.standing)
            self.trail = self.trail.rewritten(change, following.since)
        last = stretches[-1]
        base, now, group = self.fold(last)
        self.judge_all(last, _acts_in(last, since, standing), now)
        deviations = now.deviations
        if rewrites:
            found = (*settled, *self.found)
            deviations = tuple(sorted(found, key=lambda v: (standing[v.event].known.day, v.event)))
        state = State(
            events=events,
            standing=standing,
            base=base,
            now=now,
            group=group,
            day=group[0].known.day if group else None,
            as_of=max((event.issued.day for event in events.values()), default=None),
            rewrites=rewrites,
            named=named_in(rewrites),
            deviations=deviations,
            hindsight=_hindsight(now, deviations, standing),
            trail=self.trail,
        )
        seen = self.seen if self.watched in standing else None
        return state, self.judged or seen or _untraced(now)

    def fold(self, known: _Known) -> tuple[Fold, Fold, tuple[FoldedEvent, ...]]:
        """What was known, folded from the last fold that is kept to the end of its stretch.

        The answer is the fold without the last day, and with it, and the events of that day.
        """
        end = max((e.known.day for e in known.standing.values() if e.known.day < known.until), default=date.min)
        kept = self.trail.before(end, known.since)
        base = now = kept.fold if kept is not None else self.folder.begun()
        group: tuple[FoldedEvent, ...] = ()
        for following in _days(known.standing.values(), kept.day if kept is not None else date.min, end):
            if group:
                self.trail = self.trail.after(group[0].known.day, now, known.since)
            base, group = now, following
            now, trace = self.folder.day(base, group, self.watched)
            self.seen = trace or self.seen
        return base, now, group

    def judge_all(self, known: _Known, acts: Mapping[str, ActEvent], fold: Fold) -> None:
        """Judge acts in the fold of what was known; those that were rewritten later, each as what it really was."""
        if self.watched in acts:
            self.judged = self.seen
        own = {name for name, act in acts.items() if known.standing.get(name) != act}
        self.found += [verdict for verdict in fold.deviations if verdict.event in acts.keys() - own]
        for name in sorted(own):
            self.judge(known.standing, known.since, acts[name])

    def judge(self, known: Mapping[str, FoldedEvent], since: date, act: ActEvent) -> None:
        """Judge one act as what it really was, in what was known from the day ``since`` on."""
        was, day = known.get(act.id), act.known.day
        kept = self.trail.before(min(day, was.known.day) if was is not None else day, since)
        fold = kept.fold if kept is not None else self.folder.begun()
        told = {**known, act.id: act}
        for group in _days(told.values(), kept.day if kept is not None else date.min, day):
            fold, trace = self.folder.day(fold, group, self.watched if self.watched == act.id else None)
            self.judged = trace or self.judged
        self.found += [verdict for verdict in fold.deviations if verdict.event == act.id]


def _untraced(now: Fold) -> Trace:
    return Trace(now.position.all_places, now.position.all_places)


def _stretches(
    events: Mapping[str, PatientEvent], standing: Mapping[str, FoldedEvent], rewrites: tuple[Rewrite, ...], since: date
) -> Iterator[_Known]:
    """From the day ``since`` on, what was known between one day on which something was rewritten and the next."""
    days = [date.min, *sorted({rewrite.issued.day for rewrite in rewrites}), date.max]
    for begins, ends in pairwise(days):
        if ends > since:
            yield _Known(begins, ends, standing if ends == date.max else rewritten(events, begins))


def _acts_in(known: _Known, since: date, standing: Mapping[str, FoldedEvent]) -> dict[str, ActEvent]:
    """The acts that stand, from the day ``since`` on, of the days of a stretch."""
    begins = max(known.since, since)
    acts = ((name, event) for name, event in standing.items() if isinstance(event, Act))
    return {name: act for name, act in acts if begins <= act.effective.day < known.until}


def _differing(one: Mapping[str, FoldedEvent], other: Mapping[str, FoldedEvent]) -> set[str]:
    """The names of the events that do not say the same in both."""
    shared = ((name, told, other.get(name)) for name, told in one.items())
    return {name for name, told, now in shared if told is not now and told != now} | (other.keys() - one.keys())


def _first_day(names: Iterable[str], *tellings: Mapping[str, FoldedEvent]) -> date:
    """The first day on which one of the events is taken; if there is none, the last of all days."""
    return min((told[name].known.day for name in names for told in tellings if name in told), default=date.max)


def _days(events: Iterable[FoldedEvent], after: date, last: date) -> list[tuple[FoldedEvent, ...]]:
    """The events in the order of knowing, behind the day ``after`` up to the day ``last``, a group for each day.

    Within a day they go by id, so that arrival cannot matter.
    """
    groups: dict[date, list[FoldedEvent]] = {}
    for event in events:
        if after < event.known.day <= last:
            groups.setdefault(event.known.day, []).append(event)
    return [tuple(sorted(groups[day], key=lambda event: event.id)) for day in sorted(groups)]


# --- what was known later ---------------------------------------------------------------------------------------------


def _hindsight(now: Fold, then: tuple[Verdict, ...], standing: Mapping[str, FoldedEvent]) -> tuple[Remark, ...]:
    """Acts that were right as known then, and are not as known now."""
    return (*_after_the_end(now, then, standing), *_in_hindsight(now, then))


def _in_hindsight(now: Fold, then: tuple[Verdict, ...]) -> tuple[Remark, ...]:
    deviating = {verdict.event for verdict in then}
    return tuple(
        Remark(verdict.event, f"allowed, in hindsight not: {'; '.join(verdict.because)}")
        for verdict in now.deviations
        if verdict.event not in deviating
    )


def _after_the_end(now: Fold, then: tuple[Verdict, ...], standing: Mapping[str, FoldedEvent]) -> tuple[Remark, ...]:
    """Acts dated after the day that ended the course, although the end was known only later.

    What was done when the end was known was judged with it, and is no matter of hindsight.
    """
    deviating = {verdict.event for verdict in (*then, *now.deviations)}
    found: dict[str, Remark] = {}
    for track, since, _, known in _ends(now):
        if since is None or known is None:
            continue
        between = [
            event
            for event in standing.values()
            if isinstance(event, Act) and since < event.effective.day <= known and event.id not in deviating
        ]
        if track is not None:
            table, position = now.standing.table, now.position
            between = [event for event in between if owner_of(table, position, event) == track]
        of = f" of {track_words(now.standing.table, now.position.arm, track)}" if track is not None else ""
        for event in sorted(between, key=lambda event: (event.effective.day, event.id)):
            text = f"allowed, in hindsight not: dated {event.effective.day}, after the end{of} on {since}"
            found.setdefault(event.id, Remark(event.id, text))
    return tuple(found.values())


def _is_over_otherwise(was: Fold, now: Fold, day: date) -> bool:
    """Whether the course, or a track of it, ended with an event of a day, or was known to be over by then."""
    before, after = was.position, now.position
    if not after.tracks and not before.tracks:
        changed = before.ended != after.ended or before.over_since != after.over_since
        return changed or (after.over_known is not None and day <= after.over_known)
    ends = _ends(now)
    return ends != _ends(was) or any(known is not None and day <= known for *_, known in ends)


def _ends(now: Fold) -> tuple[tuple[str | None, date | None, Ended | None, date | None], ...]:
    """Since when the course, and each track of it, is over, how it ended, and the day on which that was first known."""
    main = now.position
    if not main.tracks:
        return ((None, main.over_since, main.ended, main.over_known),)
    parts = ((None, main), *sorted(main.tracks.items()))
    return tuple((track, part.over_since, part.ended, part.over_known) for track, part in parts)
