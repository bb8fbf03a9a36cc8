"""One event after another, in the order of knowing: the fold from which every position is derived.

A day is folded as a whole. Where all its events carry times they are taken by the clock; otherwise what was observed
comes first, then the acts in the order with the fewest deviations, then what happened to the patient. The order in
which events arrived never counts. It is long because it is one transition: judging, moving, falling and parking all
make the next fold out of the last.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import date

from attrs import evolve, field, frozen

from protocol_engine.engine import delays, dosing, hours, modifying, omissions, remarks, tracks
from protocol_engine.engine.day_order import FoldedEvent, orders
from protocol_engine.engine.judging import judge
from protocol_engine.engine.labels import Judgement
from protocol_engine.engine.shown_names import known_as, meant
from protocol_engine.engine.standing import Standing
from protocol_engine.errors import BrokenInvariant, cut
from protocol_engine.machine import PlaceMachine
from protocol_engine.model.altering import altered
from protocol_engine.model.decision import TriedRow, Verdict
from protocol_engine.model.dosage import Dosage
from protocol_engine.model.events import (
    FIRST_YEAR,
    Act,
    ActEvent,
    AdministrationEvent,
    AdverseEventEvent,
    AllocationEvent,
    AttestationEvent,
    ChoiceEvent,
    ConsentEvent,
    ContactEvent,
    DayReached,
    DeathEvent,
    DiscontinuationEvent,
    EligibilityEvent,
    LostToFollowUpEvent,
    NewTherapyEvent,
    ObservationEvent,
    OmissionEvent,
    ProcedureEvent,
    ReportEvent,
    StudyClosureEvent,
    UnblindingEvent,
    WithdrawalEvent,
)
from protocol_engine.model.facts import FactDefinition, read_value
from protocol_engine.model.history import History, Result, read_parts
from protocol_engine.model.state import Against, ChosenPart, ClosedDay, Ended, Entered, Grounds, Position
from protocol_engine.model.table import Effect, Place, Row, Table
from protocol_engine.model.truth import TRUE

MOST_FALLS = 100
DRUG = "drug."


@frozen
class Remark:
    """A sentence about an event that a reader of every later decision should see."""

    event: str
    text: str


@frozen(slots=False)
class Fold:
    """Where a course is after some events: position and history, deviations and remarks, and the standing they give."""

    position: Position
    history: History
    deviations: tuple[Verdict, ...] = ()
    remarks: tuple[Remark, ...] = ()
    standing: Standing = field(kw_only=True, eq=False, repr=False)


@frozen
class Trace:
    """What happened when an event was taken in its turn: the place before and after, the rows tried, the verdict.

    The turn of a late event lies behind the course, so these are not the places of the course.
    """

    before: str
    after: str
    tried: tuple[TriedRow, ...] = ()
    verdict: Verdict | None = None


class Folder:
    """Folds events over the table of one protocol."""

    def __init__(self, table: Table, machine: PlaceMachine) -> None:
        self.table = table
        self.machine = machine

    def begun(self) -> Fold:
        """A course in which nothing has happened."""
        position, history = Position(self.table.start), History()
        fold = Fold(position, history, standing=Standing(self.table, position, history))
        if self.table.subject == "trial":  # where a trial begins does not wait for anything to be reported
            fold, _ = self._settle(fold, DayReached(date(FIRST_YEAR, 1, 1)))
        return fold

    def on(self, fold: Fold, day: date | None) -> Fold:
        """The fold as it is used on a day: something may have fallen, and results may have grown too old by then."""
        if not self.table.timed or day is None or fold.standing.day == day:
            return fold
        return self._standing(self._until(fold, day), day)

    def _until(self, fold: Fold, day: date) -> Fold:
        """The fold at the beginning of a day: what falls by the calendar has fallen, in the order of days."""
        while (turn := fold.standing.next_turn(day)) is not None:
            fold, _ = self._settle(fold, DayReached(turn))
        return fold

    def _standing(self, fold: Fold, day: date | None = None) -> Fold:
        """The fold with the standing that its position and history give on a day, which may be the one it has."""
        known = fold.standing
        same_day = known.day == day or not self.table.timed
        if known.position is fold.position and known.history is fold.history and same_day:
            return fold
        standing = Standing(self.table, fold.position, fold.history, day)
        return Fold(fold.position, fold.history, fold.deviations, fold.remarks, standing=standing)

    def _seen_from(self, fold: Fold, track: str | None) -> Fold:
        """The same fold, seen from another track, or from the course of the arm (None)."""
        if track == fold.position.track:
            return fold
        position = fold.position.of_track(track)
        standing = fold.standing.of_track(track)
        return Fold(position, fold.history, fold.deviations, fold.remarks, standing=standing)

    def day(self, fold: Fold, group: Sequence[FoldedEvent], watched: str | None = None) -> tuple[Fold, Trace | None]:
        """Fold one day; the trace is that of the event with the id ``watched``.

        Of the orders that blame the fewest acts, it is taken in one that blames the fewest of those offered before it.
        """
        if fold.standing.table.turning or fold.standing.table.delays:
            fold = self._until(fold, group[0].known.day)
        if len(group) == 1:
            fold, trace = self.enter(fold, group[0])
            return fold, trace if group[0].id == watched else None
        best: tuple[Fold, Trace | None] | None = None
        fewest: tuple[int, int] | None = None
        offered: frozenset[str] | None = None
        for order in orders(group, fold, self._deviates):
            found = self._ordered(fold, order, watched)
            blamed = found[0].deviations[len(fold.deviations) :]
            if not blamed:
                return found
            if offered is None:
                offered = _offered(self.on(fold, group[0].known.day), group)
            count = (len(blamed), sum(verdict.event in offered for verdict in blamed))
            if fewest is None or count < fewest:
                best, fewest = found, count
        if best is None:
            raise BrokenInvariant("a day has no order")
        return best

    def _deviates(self, fold: Fold, events: Sequence[FoldedEvent]) -> tuple[Fold, bool]:
        """The fold after some events, and whether one of them is a deviation there."""
        after, _ = self._ordered(fold, events, None)
        return after, len(after.deviations) > len(fold.deviations)

    def _ordered(self, fold: Fold, events: Sequence[FoldedEvent], watched: str | None) -> tuple[Fold, Trace | None]:
        """Events one after another. Observations without times that stand together are read together."""
        trace = None
        before = fold.position.all_places
        together: list[FoldedEvent] = []
        for event, following in zip(events, (*events[1:], None), strict=True):
            more = isinstance(following, ObservationEvent)
            if more and isinstance(event, ObservationEvent) and event.known.instant is None:
                fold, found = self._observe(fold, event), Trace(before, before)
                together.append(event)
            else:
                fold, found = self.enter(fold, event, together)
                before, together = fold.position.all_places, []
            if event.id == watched:
                trace = found
        return fold, trace

    # --- one event -------------------------------------------------------------------------------------------------

    def enter(self, fold: Fold, event: FoldedEvent, together: Sequence[FoldedEvent] = ()) -> tuple[Fold, Trace]:
        """Take one event: judge it if it is an act, note it, move, and let everything fall that now falls.

        ``together`` are the observations that were noted just before, to be read with this one.
        """
        before = fold.position.place
        places = fold.position.all_places if self.table.tracked else before
        if self.table.blinding is not None:
            event = meant(self.table, event, fold.position.arm)
        if isinstance(event, Act):
            fold, tried, verdict = self._act(fold, event)
        else:
            fold, tried, verdict = self._report(fold, event), (), None
        fold, fallen = self._settle(fold, event, together)
        if isinstance(event, DiscontinuationEvent) and fold.position.place == before:
            about = stopped_element(self.table, fold.position, event)
            if about is not None and event.id in fold.position.answered:
                told = Remark(event.id, remarks.of_what_is_over(self.table, about, event))
                fold = self._standing(altered(fold, remarks=(*fold.remarks, told)))
        after = fold.position.all_places if self.table.tracked else fold.position.place
        return fold, Trace(places, after, (*tried, *fallen), verdict)

    def _settle(
        self, fold: Fold, event: FoldedEvent | DayReached, together: Sequence[FoldedEvent] = ()
    ) -> tuple[Fold, tuple[TriedRow, ...]]:
        """Falls, outermost scope first, until none is true; the day of a fall is that of the event that decided it."""
        tried: list[TriedRow] = []
        for _ in range(MOST_FALLS):
            fold = self._standing(fold, event.known.day)  # what falls next depends on where the last fall led
            if self.table.modifications:
                fold = self._standing(_modified(fold), event.known.day)
            row = self._falling(fold.standing, tried)
            for other in fold.standing.beside if row is None and self.table.tracked else ():
                row = self._falling(other, tried)
                if row is not None:
                    fold = self._seen_from(fold, other.position.track)
                    break
            if row is None:
                return self._noting_delays(fold) if self.table.delays else fold, tuple(tried)
            fold = self._seen_from(self._fallen(fold, row, tried[-1], (*together, event)), None)
        raise BrokenInvariant(f"falls out of {fold.position.place} never come to rest")

    def _fallen(self, fold: Fold, row: Row, tried: TriedRow, events: Sequence[FoldedEvent | DayReached]) -> Fold:
        """The fold after a fall, in the track from which it is seen."""
        target = self.machine.take(fold.position.place, row)
        place = self.table.places[target]
        position = altered(fold.position, place=target)
        if place.kind == "observing":
            position = altered(position, against=self._lasting(fold.position))
            position = observed(self.table, position, fold.history, _deciding(tried, events))
        if place.kind in ("ended", "stopped", "instead"):
            position = altered(position, grounds=Grounds(row.id, tried.facts))
            if place.kind == "instead" and position.tracks:
                position = altered(position, cut_off=True)
        if place.kind == "ended":
            position = _over(position, place, row, _deciding(tried, events))
        elif place.kind == "closed":
            told = (stop for stops in fold.history.discontinued.values() for stop in stops)
            answered = (stop.id for stop in told if stopped_element(self.table, position, stop) is not None)
            position = altered(position, answered=(*position.answered, *answered))
        elif place.kind == "stopped":
            decided = _deciding(tried, events)
            position = altered(position, stopped=(row.id, decided.effective.day))
        return altered(fold, position=position)

    def _noting_delays(self, fold: Fold) -> Fold:
        """The fold in which is noted, for each track, why doses are delayed that are due."""
        here = fold.position.track
        for track in (here, *(other.position.track for other in fold.standing.beside)):
            fold = self._seen_from(fold, track)
            found = delays.noted(fold.standing)
            if found != fold.position.delayed:
                noted = altered(fold, position=altered(fold.position, delayed=found))
                fold = self._standing(noted, fold.standing.day)
        return self._seen_from(fold, here)

    def _falling(self, standing: Standing, tried: list[TriedRow]) -> Row | None:
        for row in standing.falling:
            tried.append(standing.tried(row))
            if standing.truth(row) is TRUE:
                return row
        return None

    # --- reports ---------------------------------------------------------------------------------------------------

    def _report(self, fold: Fold, event: ReportEvent) -> Fold:  # noqa: C901  # one case for each kind of report
        history = fold.history
        match event:
            case ObservationEvent():
                return self._observe(fold, event)
            case AttestationEvent():
                history = history.with_attestation(event)
            case AdverseEventEvent():
                history = history.with_adverse_event(event, graded=self.table.grades_kept)
            case DiscontinuationEvent():
                history = history.with_discontinuation(event)
                position, about = fold.position, stopped_element(self.table, fold.position, event)
                given_now = about is not None and position.elements[-1] == about and position.place == about.place
                if about is not None and not given_now and position.ended is None:
                    fold = altered(fold, position=altered(position, answered=(*position.answered, event.id)))
            case NewTherapyEvent() | ContactEvent() | LostToFollowUpEvent():
                history = history.with_done(event.kind, event.effective.day, event.id)
            case UnblindingEvent():
                history = altered(history, unblinded=(*history.unblinded, event))
            case WithdrawalEvent():
                history = altered(
                    history, withdrawn={event.scope: (event.effective.day, event.id), **history.withdrawn}
                )
            case DeathEvent():
                history = altered(history, died=history.died or (event.effective.day, event.id))
            case StudyClosureEvent():
                history = altered(history, closed=history.closed or (event.effective.day, event.id))
        return altered(fold, history=history)

    def _observe(self, fold: Fold, event: ObservationEvent) -> Fold:
        fact = self.table.facts[event.fact]
        cycle = bisect_left(fold.position.cycle_days, event.effective.day)
        timepoint, remark = _timepoint(fact, event, cycle)
        value = read_value(fact, event.value, event.unit)
        parts = read_parts(fact, event)
        result = Result(event, timepoint, value, parts)
        history = fold.history.with_result(result, str(parts[fact.each]) if fact.each is not None else None)
        told = fold.remarks if remark is None else (*fold.remarks, Remark(event.id, remark))
        late = modifying.told_too_late(fold.standing, result) if self.table.modifications else None
        told = told if late is None else (*told, Remark(event.id, late))
        for position in tracks.with_grounds(fold.position):
            doubt = remarks.on_an_end(self.table, position, fold.history, history, result)
            told = told if doubt is None else (*told, Remark(event.id, doubt))
        return Fold(fold.position, history, fold.deviations, told, standing=fold.standing.told(history, event.fact))

    # --- acts ------------------------------------------------------------------------------------------------------

    def _act(self, fold: Fold, event: ActEvent) -> tuple[Fold, tuple[TriedRow, ...], Verdict]:
        fold = self.on(fold, event.effective.day)
        if fold.position.tracks:
            fold = self._seen_from(fold, tracks.track_of_act(self.table, fold.position, event))
        judged = judge(fold.standing, event)
        verdict = Verdict(event.id, judged.verdict, judged.because, judged.cites)
        if not verdict.allowed:
            fold = altered(fold, deviations=(*fold.deviations, verdict))
        if judged.row is not None and judged.row.effect in ("again", "enter", "enter_anew"):
            fold = self._left_open(fold, event)
        if judged.remarks:
            fold = altered(fold, remarks=(*fold.remarks, *(Remark(event.id, text) for text in judged.remarks)))
        moved = self._seen_from(self._moved(fold, event, judged), None)
        return moved, judged.tried, verdict

    def _left_open(self, fold: Fold, event: ActEvent) -> Fold:
        """A remark for each day of the running cycle that the next cycle closes without a word."""
        days, cycle = fold.standing.open_days(), fold.position.cycle
        if not days:
            return fold
        text = "day {} of cycle {} was neither given nor reported as left out"
        return altered(fold, remarks=(*fold.remarks, *(Remark(event.id, text.format(day, cycle)) for day in days)))

    def _moved(self, fold: Fold, event: ActEvent, judged: Judgement, *, again: bool = False) -> Fold:
        """The fold after the act; ``again`` for one that was noted when it came too early and only moves now."""
        position = self._position(fold, event, judged)
        if (
            isinstance(event, EligibilityEvent) and not again
        ):  # also one before consent: not met offers nothing until met
            position = altered(position, eligible=event.met)
        if self.table.doses_kept and not again:
            position = altered(position, dosage=_dosage(fold, event, judged))
        history = self._told(fold, event, judged, again=again)
        if position.arm != fold.position.arm:
            history = known_as(self.table, history, position.arm)
        if self.table.times_kept:
            was = fold.position, fold.history
            history = hours.noted(self.table, was, (position, history), event.id, event.effective)
        fold = Fold(position, history, fold.deviations, fold.remarks, standing=fold.standing)
        if position.parked and not again and isinstance(event, ConsentEvent | EligibilityEvent | AllocationEvent):
            fold = self._unpark(fold, event)
        return fold

    def _told(self, fold: Fold, event: ActEvent, judged: Judgement, *, again: bool) -> History:
        """The history with the act, as far as values read it."""
        history, day = fold.history, event.effective.day
        if isinstance(event, ChoiceEvent) and not again:
            history = history.with_word(event)
        match event:
            case AdministrationEvent() if judged.verdict != "duplicate" and not again:
                history = history.with_done(f"administration.{event.regimen}", day, event.id)
                if self.table.counted:
                    counted = self.table.counted & {*_counted(fold.standing, event, judged)}
                    history = history.with_counts(sorted(counted))
                    if self.table.days_kept:
                        history = history.with_count_days(sorted(counted & self.table.days_kept), day)
            case ChoiceEvent() if judged.row is not None or (
                judged.landing is not None and judged.landing.kind == "ahead"
            ):
                history = history.with_choice(event)
            case AllocationEvent() if judged.row is not None and event.arm in self.table.allocation_of:
                history = history.with_allocation(self.table.allocation_of[event.arm], event)
            case ProcedureEvent() if not again:
                history = history.with_done(f"procedure.{event.procedure}", day, event.id)
            case _:
                pass
        return history

    def _unpark(self, fold: Fold, gate: FoldedEvent) -> Fold:
        """After a gate: acts that came too early are taken now, without a second verdict, until none moves any more."""
        fold, _ = self._settle(fold, gate)
        while True:
            waiting, fold = fold.position.parked, altered(fold, position=altered(fold.position, parked=()))
            for event in waiting:
                fold = self._standing(fold, gate.known.day)
                told = meant(self.table, event, fold.position.arm)
                fold = self._seen_from(fold, tracks.track_of_act(self.table, fold.position, told))
                fold = self._seen_from(self._moved(fold, told, judge(fold.standing, told), again=True), None)
                fold, _ = self._settle(fold, event)
            if not fold.position.parked or len(fold.position.parked) >= len(waiting):
                return fold

    def _position(self, fold: Fold, event: ActEvent, judged: Judgement) -> Position:
        position, act = fold.position, judged.act
        if act is None or judged.verdict == "duplicate" or position.ended is not None:
            return position
        if isinstance(event, OmissionEvent):
            left_out = omissions.settled(self.table, position, event, judged)
            if left_out.cycle != position.cycle:  # its later days belong to one more cycle of what was chosen
                left_out = altered(left_out, parts=self._begun_parts(position, self.table.places[position.place]))
            return left_out
        before = omissions.undone(position, event, judged)
        if before is not None:
            return omissions.with_later_days(self._position(altered(fold, position=before), event, judged), position)
        row, landing = judged.row, judged.landing
        if row is not None:
            target = self.machine.take(position.place, row)
            moved = self._arrived(position, target, row.effect, event, judged)
            if (
                judged.verdict in ("condition", "unknown")
                and not judged.against_advice
                and row.effect in ("enter", "enter_anew", "arrive")
                and not all(guard.refutes for guard in row.guards)
            ):
                taken = Against(row.id, position.place, event.id, position.entered)
                return altered(moved, against=(*moved.against, taken))
            return moved
        if landing is None or landing.kind == "stay":
            return position
        if landing.kind == "park":
            return altered(position, parked=(*position.parked, event))
        target = self.machine.land(position.place, act.key)
        return self._arrived(position, target, landing.effect, event, judged)

    def _arrived(self, position: Position, target: str, effect: Effect, event: ActEvent, judged: Judgement) -> Position:
        day = event.effective.day
        place = self.table.places[target]
        match effect:
            case "stay" | "fill":
                return _rechosen(self.table, position, event)
            case "day":
                closed = ClosedDay(judged.act.day or 1 if judged.act else 1, day)
                others = tuple(other for other in position.closed_days if other.day != closed.day)
                moved = altered(position, day=closed.day, closed_days=(*others, closed))
                if position.delayed:
                    left = tuple(reason for reason in position.delayed if reason[1] != closed.day)
                    moved = altered(moved, delayed=left)
                return moved
            case "enter" | "enter_anew" | "again":
                return self._dosed(position, target, effect, day, judged)
            case _:
                marks = (
                    {**position.marks, place.element: day}
                    if place.element in ("consent", "eligibility", "allocation")
                    else position.marks
                )
                moved = altered(
                    position,
                    place=target,
                    arm=place.arm or position.arm,
                    element=place.element,
                    entered=day,
                    given=0,
                    left_out=0,
                    day=None,
                    marks=marks,
                    against=self._lasting(position),
                )
                if place.kind == "allocated":
                    moved = tracks.begun(self.table, moved)
                if place.off_treatment and position.stopped is None and judged.row is not None:
                    moved = altered(moved, stopped=(judged.row.id, day))
                return _rechosen(self.table, moved, event)

    def _dosed(self, position: Position, target: str, effect: Effect, day: date, judged: Judgement) -> Position:
        place = self.table.places[target]
        anew = effect == "enter_anew"
        moved_here = (
            position.version > 0 and position.given == position.left_out == 0
        )  # by an amendment, without a dose
        entering = effect != "again" or moved_here
        number = judged.cycle
        if number is None or (not anew and number <= (position.cycle or 0)):  # numbers of an arm never go back
            number = 1 if anew else (position.cycle or 0) + 1
        ahead = 1 if anew else number - (position.cycle or 0)
        return altered(
            position,
            place=target,
            arm=place.arm or position.arm,
            element=place.element,
            entered=day if entering else position.entered,
            given=1 if entering else position.given + 1,
            elements=(*position.elements, Entered(target, day)) if entering else position.elements,
            regimen=place.regimen,
            cycle=number,
            day=1,
            cycle_start=day,
            closed_days=(ClosedDay(1, day),),
            paused=False,
            planned=self._plan(position, place.regimen or "", day, None if entering else ahead),
            delayed=(),
            left_out=0 if entering else position.left_out,
            before_omission=None,
            cycle_days=(*position.cycle_days, day),
            parts=self._begun_parts(position, place),
            against=self._lasting(position) if entering else position.against,
        )

    def _plan(self, position: Position, regimen: str, day: date, ahead: int | None) -> date | None:
        """The planned day of a cycle that begins, where its regimen keeps to a plan: one begins with each element."""
        rule = self.table.regimens[regimen].next_cycle
        if rule is None or rule.from_ != "planned":
            return None
        return (dosing.planned_day(self.table, position, regimen, ahead) if ahead is not None else None) or day

    def _begun_parts(self, position: Position, place: Place) -> dict[str, ChosenPart]:
        """The options chosen; those that fill a part of the place's regimen have begun one more cycle."""
        if not position.parts:
            return position.parts
        lines = self.table.regimens[place.regimen or ""].lines
        choices = {self.table.parts[line.part].chosen_in for line in lines if line.part is not None}
        return {name: _one_cycle_more(chosen) if name in choices else chosen for name, chosen in position.parts.items()}

    def _lasting(self, position: Position) -> tuple[Against, ...]:
        """What was entered against a rule and still counts in the next element: allocation, and a choice before it."""
        if not position.against or self.table.places[position.place].kind in ("chosen", "assigned"):
            return position.against
        return tuple(item for item in position.against if self.table.places[item.source].arm is None)


def _dosage(fold: Fold, event: ActEvent, judged: Judgement) -> Dosage:
    """What has become of the doses with an act: which drugs it gave, or left out."""
    dosage, day = fold.position.dosage, event.effective.day
    match event:
        case AdministrationEvent() if judged.verdict != "duplicate":
            acts = _counted(fold.standing, event, judged)
            drugs = tuple(dict.fromkeys(act[len(DRUG) :] for act in acts if act.startswith(DRUG)))
            named = judged.act.day if judged.act is not None else event.day
            said = frozenset(given.drug for given in event.given or ())
            return dosage.given(drugs, day, (event.regimen, judged.cycle, named or 1), said)
        case OmissionEvent(drug=str()) if judged.verdict == "allowed":
            return omissions.without_drug(fold.standing, event, judged)
        case _:
            return dosage


def _modified(fold: Fold) -> Fold:
    """The fold in which the rules that modify doses have done what they do now."""
    dosage = modifying.modified(fold.standing)
    if dosage == fold.position.dosage:
        return fold
    return altered(fold, position=altered(fold.position, dosage=dosage))


def _counted(standing: Standing, event: AdministrationEvent, judged: Judgement) -> Iterator[str]:
    """The acts that a dose counts as: one of its regimen, on day 1 its cycle, and one of each drug that was given."""
    day = (judged.act.day if judged.act is not None else event.day) or 1
    yield f"dose.{event.regimen}"
    if day == 1:
        yield f"cycle.{event.regimen}"
    drugs = [given.drug for given in event.given or ()]
    if not drugs and judged.row is not None:
        drugs = [line.drug for line in standing.lines(judged.row)]
    yield from (f"drug.{drug}" for drug in drugs or standing.drugs_on(event.regimen, day))


def _offered(fold: Fold, group: Sequence[FoldedEvent]) -> frozenset[str]:
    """The acts of a day that were allowed before anything of that day was known."""
    arm = fold.position.arm
    acts = (meant(fold.standing.table, event, arm) for event in group if isinstance(event, Act))
    return frozenset(event.id for event in acts if judge(fold.standing, event).verdict == "allowed")


def stopped_element(table: Table, position: Position, event: DiscontinuationEvent) -> Entered | None:
    """The element that a discontinuation is about, if that says itself what follows: what was given last on its day."""
    about = next((entered for entered in reversed(position.elements) if entered.on <= event.effective.day), None)
    if about is None or about.place not in table.answering:
        return None
    regimen = table.regimens.get(table.places[about.place].regimen or position.regimen or "")
    lines = regimen.lines if regimen is not None else ()
    return about if event.scope == "treatment" or any(line.drug == event.scope for line in lines) else None


def _deciding(tried: TriedRow, events: Sequence[FoldedEvent | DayReached]) -> FoldedEvent | DayReached:
    """Of the events that were taken together, the newest that a row was decided by; else the last of them."""
    deciding = [other for other in events if other.id in tried.facts]
    return max(deciding, key=lambda other: other.effective.day, default=events[-1])


def _over(position: Position, place: Place, row: Row, event: FoldedEvent | DayReached) -> Position:
    """The end of the course, by the event that brought it; a later end, such as death, does not unsay the first."""
    on = event.effective.day
    return altered(
        position,
        ended=Ended(place.reason or "ended", on),
        first_end=position.first_end or Ended(place.reason or "ended", on),
        over_since=min(on, position.over_since or on),
        over_known=position.over_known or event.known.day,
        end_cites=row.basis,
        parked=() if position.track is None else position.parked,
    )


def observed(table: Table, position: Position, history: History, event: FoldedEvent | DayReached) -> Position:
    """In a stretch without treatment: it begins on the day of what opened it, and not before what was done last."""
    done = (position.entered, *(closed.on for closed in position.closed_days if closed.given))
    day = max((event.effective.day, *(day for day in done if day is not None)))
    told = (stop for stops in history.discontinued.values() for stop in stops if stop.id not in position.answered)
    answered = tuple(stop.id for stop in told if stopped_element(table, position, stop) is not None)
    return altered(
        position,
        element=table.places[position.place].element,
        entered=day,
        given=0,
        day=None,
        elements=(*position.elements, Entered(position.place, day)),
        answered=(*position.answered, *answered),
        paused=True,
    )


def _one_cycle_more(chosen: ChosenPart) -> ChosenPart:
    """The part after a cycle has begun with the option that fills it."""
    option = chosen.option
    return ChosenPart(option, {**chosen.cycles, option: chosen.cycles.get(option, 0) + 1}, option)


def _rechosen(table: Table, position: Position, event: ActEvent) -> Position:
    """After a choice that fills a part of a regimen: the option. What each option was given before still counts."""
    if not isinstance(event, ChoiceEvent) or event.option is None:
        return position
    if not any(part.chosen_in == event.choice for part in table.parts.values()):
        return position
    known = position.parts.get(event.choice)
    chosen = evolve(known, option=event.option) if known is not None else ChosenPart(event.option)
    return altered(position, parts={**position.parts, event.choice: chosen})


def _timepoint(fact: FactDefinition, event: ObservationEvent, cycle: int) -> tuple[str | None, str | None]:
    """The named timepoint of a result taken after ``cycle`` cycles had begun, and a remark where it is doubtful."""
    if not fact.taken:
        if event.timepoint is None:
            return None, None
        return (
            None,
            f"{event.fact} has no named timepoints, so its label {cut(event.timepoint)} is kept and decides nothing",
        )
    fitting = [name for name, at in fact.taken.items() if _fits(at.before_cycle, at.after_cycle, cycle)]
    if event.timepoint is not None:
        if event.timepoint in fitting:
            return event.timepoint, None
        return (
            event.timepoint,
            (
                f"{event.fact} is labelled {event.timepoint} and dated {event.effective.day}, after cycle {cycle}; "
                "the label is believed"
            ),
        )
    if len(fitting) == 1:
        return fitting[0], None
    known = ", ".join(fact.taken)
    return (
        None,
        (
            f"{event.fact} of {event.effective.day} names no timepoint and fits none of {known}; "
            "it is kept as an unscheduled result"
        ),
    )


def _fits(before: int | None, after: int | None, cycle: int) -> bool:
    return (before is not None and cycle < before) or (after is not None and cycle == after)
