"""A patient at a place with a history: what is true of the rows there, what holds treatment back, what a day holds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from attrs import frozen

from protocol_engine.engine import delays, dosing, giving, hours, modifying, tracks, wording
from protocol_engine.engine.hours import Hours
from protocol_engine.model.altering import altered
from protocol_engine.model.decision import TriedRow, VerdictKind
from protocol_engine.model.dosage import Dosage
from protocol_engine.model.evaluation import Evaluation, Missing, Outcome
from protocol_engine.model.events import EventTime
from protocol_engine.model.history import History
from protocol_engine.model.reading import HistoryLeaves
from protocol_engine.model.state import Position
from protocol_engine.model.table import ActLabel, Row, Table
from protocol_engine.model.truth import FALSE, TRUE, UNKNOWN, Truth
from protocol_engine.model.values import Last

TREATMENT_ACTS = ("allocation", "administration", "choice", "procedure")


@frozen
class Held:
    """Something that keeps treatment from being offered: the truth it leaves, why, its claims, and what is missing."""

    truth: Truth
    because: str
    cites: tuple[str, ...]
    missing: tuple[Missing, ...] = ()
    verdict: VerdictKind = "condition"


@frozen
class When:
    """The first day for an act, the day on which it is due, and the last day for it; None is not stated.

    Where something is ``missing`` that would tell, ``latest`` is the last day on which it is surely possible, and
    ``perhaps`` the last on which it may be.
    """

    earliest: date | None
    due: date | None
    latest: date | None = None
    missing: tuple[Missing, ...] = ()
    perhaps: date | None = None
    hours: Hours | None = None

    @property
    def until(self) -> str:
        """The last day, or the last instant, in words."""
        return self.hours.latest.text if self.hours is not None else str(self.latest)

    @property
    def order(self) -> tuple[date, date]:
        """By the day on which it is due, then by the last day."""
        return self.due or self.latest or date.max, self.latest or date.max


class Standing:
    """A patient at a place with a history, and everything read off them, each once."""

    __slots__ = (
        "_falling",
        "_holds",
        "_offers",
        "_others",
        "_read",
        "_tried",
        "_truths",
        "day",
        "evaluation",
        "history",
        "place",
        "position",
        "table",
        "time",
    )

    def __init__(
        self,
        table: Table,
        position: Position,
        history: History,
        day: date | None = None,
        time: EventTime | None = None,
    ) -> None:
        self.table = table
        self.position = position
        self.history = history
        self.place = table.places[position.place]
        self.day = day
        self.time = time
        ahead = self.ahead if table.looks_ahead else None
        self._read = HistoryLeaves(table, history, position, day, time, ahead=ahead)
        self.evaluation = Evaluation(table, self._read)
        self._falling: tuple[Row, ...] | None = None
        self._holds: tuple[Held, ...] | None = None
        self._offers: tuple[Row, ...] | None = None
        self._truths: dict[str, Truth] = {}
        self._tried: dict[str, TriedRow] = {}
        self._others: dict[str | None, Standing] = {}

    def of_track(self, track: str | None) -> Standing:
        """The same patient, seen from another track, or from the course of the arm (None)."""
        if track == self.position.track:
            return self
        if track not in self._others:
            found = Standing(self.table, self.position.of_track(track), self.history, self.day)
            found._others[self.position.track] = self
            self._others[track] = found
        return self._others[track]

    @property
    def beside(self) -> tuple[Standing, ...]:
        """Seen from the course of the arm: the tracks that go on beside it."""
        if self.position.track is not None or not self.position.tracks:
            return ()
        return tuple([self.of_track(name) for name in tracks.going_on(self.table, self.position)])

    def at(self, time: EventTime) -> Standing:
        """The same at the time of an act, where that matters and not its day alone."""
        if not self.table.to_the_hour or self.day is None:
            return self
        return Standing(self.table, self.position, self.history, time.day, time)

    def told(self, history: History, fact: str) -> Standing:
        """The same position with one more result of a fact: what does not read that fact is as it was."""
        new = Standing(self.table, self.position, history, self.day)
        if self.table.timed:
            return new
        names, rows = self.table.reading[fact]
        new.evaluation.keep(self.evaluation, names)
        new._offers = self._offers
        new._truths = {row: truth for row, truth in self._truths.items() if row not in rows}
        new._tried = {row: tried for row, tried in self._tried.items() if row not in rows}
        return new

    def with_dosage(self, dosage: Dosage) -> Standing:
        """The same place and history with other words on the doses."""
        return Standing(self.table, altered(self.position, dosage=dosage), self.history, self.day)

    def counts(self, row: Row) -> bool:
        """Whether the cycles given in the element let the row pass; a fall waits for the days of the last cycle too."""
        given = self.position.given
        if (row.below is not None and given >= row.below) or (row.at_least is not None and given < row.at_least):
            return False
        return row.kind == "offer" or row.at_least is None or not self.open_days()

    def open_days(self) -> tuple[int, ...]:
        """Days of the running cycle that are neither given nor left out."""
        return tuple([row.act.day or 1 for row in self.offers if row.effect == "day" and row.act])

    def truth(self, row: Row) -> Truth:
        """The least of the row's guards, cycles left aside."""
        known = self._truths.get(row.id)
        if known is None:
            known = TRUE
            for guard in row.guards:
                truth = self.evaluation.guard(guard)
                if truth is not TRUE:
                    known = truth
                    if truth is FALSE:
                        break
            self._truths[row.id] = known
        return known

    def tried(self, row: Row) -> TriedRow:
        """The row's truth, and the events that decided it: none where the cycles that are given decide it alone."""
        known = self._tried.get(row.id)
        if known is None:
            if self.counts(row):
                known = TriedRow(row.id, self.truth(row).word, self.evaluation.read_from(row.reads))
            else:
                known = TriedRow(row.id, FALSE.word, ())
            self._tried[row.id] = known
        return known

    @property
    def offering(self) -> bool:
        """Whether anything of the protocol can be offered: not after an end, nor while eligibility is not met."""
        return self.position.ended is None and self.position.eligible is not False

    def ways(self) -> tuple[TriedRow, ...]:
        """The rows that a decision here rests on: what ended the course, or else all offers; each fall in doubt."""
        found = []
        if self.position.ended is not None and self.position.grounds is not None:
            found.append(TriedRow(self.position.grounds.row, TRUE.word, self.position.grounds.events))
        if self.offering:
            found += [self.tried(row) for row in self.offers]
        found += [self.tried(row) for row in self.falling]
        if self.table.tracked:
            found += [tried for other in self.beside for tried in other.ways()]
        return tuple(found)

    @property
    def offers(self) -> tuple[Row, ...]:
        """The offers of the place, without days that are settled or do not apply in this cycle, and parts chosen."""
        if self._offers is None:
            rows = self.table.offers.get(self.place.id, ())
            self._offers = tuple([row for row in rows if self.open_day(row)])
        return self._offers

    def offers_of(self, act: ActLabel) -> tuple[Row, ...]:
        """Those of them that offer an act."""
        return tuple([row for row in self.offers if row.act is not None and row.act.key == act.key])

    @property
    def falls(self) -> tuple[Row, ...]:
        """The falls that can be taken here, outermost scope first; built-in ends only if anything is known of them."""
        every, own = self.table.falls_at[self.place.id]
        return own if self.history.uneventful else every

    @property
    def falling(self) -> tuple[Row, ...]:
        """Those of them that the cycles given let pass and that are not false."""
        if self._falling is None:
            self._falling = tuple([row for row in self.falls if self.counts(row) and self.truth(row) is not FALSE])
        return self._falling

    @property
    def holds(self) -> tuple[Held, ...]:
        """What keeps every treatment from being offered here: eligibility not met, or a stop that is in doubt."""
        if self._holds is None:
            self._holds = tuple(self._find_holds())
        return self._holds

    def _find_holds(self) -> list[Held]:
        found = []
        if self.position.eligible is False:
            found.append(Held(FALSE, "G1: eligibility is not met", ("G1",), verdict="order"))
        if self.place.within:
            found += self.of_track(None).held_by(self.table.falls_around[self.place.id])
        return [*found, *self.held_by(self.falls)]

    def held_by(self, falls: tuple[Row, ...]) -> list[Held]:
        """The falls that are in doubt for a defective report: each holds the doses of its scope."""
        found = []
        for row in falls:
            if self.truth(row) is UNKNOWN:
                missing = tuple(
                    m for guard in row.guards for m in self.evaluation.missing(guard.condition) if m.why == "muddled"
                )
                if missing:
                    text = "; ".join(wording.missing_words(self.table, item) for item in missing)
                    found.append(Held(UNKNOWN, f"{', '.join(row.basis)}: {text}", row.basis, missing))
        return found

    @property
    def doubts(self) -> tuple[Held, ...]:
        """Choices on which the words of one day differ. They hold the doses: an id must not decide what is given."""
        found = []
        for choice in self.history.words:
            words = self.history.in_doubt(choice)
            if words:
                ids = tuple(sorted(word.id for word in words))
                missing = Missing(f"choice.{choice}", None, None, "muddled", ids)
                cites = self.table.choices[choice].cites
                text = f"{', '.join(cites)}: {wording.missing_words(self.table, missing)}"
                found.append(Held(Truth.UNKNOWN, text, cites, (missing,)))
        return tuple(found)

    def held(self, act: ActLabel) -> tuple[Held, ...]:
        """What keeps this act from being offered, beside its row."""
        if act.kind not in TREATMENT_ACTS:
            return ()
        late = self._late(act) if self.table.timed else ()
        if act.kind != "administration":
            waits = self._menu_waits(act) if self.table.opens_singly and act.kind in ("allocation", "choice") else ()
            return (*(hold for hold in self.holds if hold.truth is FALSE), *late, *waits)
        found = (*self.holds, *late) if late else self.holds
        if self.history.words and not self._is_beside(act):
            found = (*found, *self.doubts)
        if self.table.choices_of[act.name]:
            found = (*found, *self._unfilled(act.name))
        if self.history.discontinued:
            found = (*found, *self._stopped_drugs(act))
        if self.table.doses_move:
            found = (*found, *self._not_given(act))
        return found

    def _not_given(self, act: ActLabel) -> list[Held]:
        """What keeps a day from being given where doses move: nothing is left of it, or a dose is not known."""
        rows = self.offers_of(act)
        rows = tuple([row for row in rows if self.counts(row)]) or rows
        return self.not_given(rows[0]) if rows else []

    def not_given(self, row: Row) -> list[Held]:
        """What keeps the day of a row from being given."""
        found = []
        lines, day = self.written_lines(row), self._day_of_giving(row)
        for item in giving.obstacles(self, lines, day, row.basis):
            truth = UNKNOWN if item.unknown else FALSE
            found.append(Held(truth, item.because, item.cites, item.missing))
        return found

    def _is_beside(self, act: ActLabel) -> bool:
        """Whether a dose is only given beside the course here, as a regimen that no choice of the course decides on."""
        rows = self.table.offers_of.get(self.place.id, {}).get(act.key, ())
        return bool(rows) and all(row.effect == "stay" for row in rows)

    def _unfilled(self, regimen: str) -> list[Held]:
        """A regimen of which a part was never chosen, as after a dose that came before its choice, is not complete."""
        found = []
        for choice in self.table.choices_of[regimen]:
            if not self._is_chosen(choice):
                cites = self.table.choices[choice].cites
                found.append(Held(UNKNOWN, f"{', '.join(cites)}: {wording.words(choice)} is not chosen", cites))
        return found

    def _is_chosen(self, choice: str) -> bool:
        """Whether a choice that a regimen is not complete without was made."""
        return choice in self.position.parts or dosing.named_in_words(self.history, choice) is not None

    def _stopped_drugs(self, act: ActLabel) -> list[Held]:
        """A drug that was stopped for good holds the days that would give it, and no others of its regimen."""
        rows = self.offers_of(act)
        lines = [line for row in [row for row in rows if self.counts(row)] or rows for line in self.written_lines(row)]
        found = []
        for drug, events in self.history.discontinued.items():
            if modifying.is_over(self.position.dosage, drug):  # the file says that the others go on
                continue
            if drug in self.table.drugs and any(line.gives(drug, self.table.drugs[drug].name) for line in lines):
                event = events[-1]
                stopped = f"{self.table.drugs[drug].name} was stopped on {event.effective.day} ({event.id})"
                text = f"G4: {stopped}; what follows is not stated in the record"
                found.append(Held(FALSE, text, ("G4",)))
        return found

    def drugs_of(self, regimen: str) -> list[str]:
        """The drugs of a regimen, with those of the options chosen for its parts."""
        found = []
        for line in self.table.regimens[regimen].lines:
            if line.drug is not None:
                found.append(line.drug)
            if line.part is not None:
                part = self.table.parts[line.part]
                chosen = self.position.parts.get(part.chosen_in)
                if chosen is not None:
                    found += [inner.drug for inner in part.options[chosen.option].gives if inner.drug is not None]
        return found

    def drugs_on(self, regimen: str, day: int) -> list[str]:
        """The drugs that a day of a regimen holds."""
        content = self.table.regimens.get(regimen)
        if content is None:
            return []
        lines = dosing.lines_on(self.table, self.position, self.history, content, day, entering=True)
        return [line.drug for line in lines]

    def lines_of(self, regimen: str) -> tuple[dosing.Line, ...]:
        """Every line of a regimen, whatever the day."""
        return dosing.every_line(self.table, self.position, self.history, self.table.regimens[regimen])

    def lines(self, row: Row, on: date | None = None) -> tuple[dosing.Line, ...]:
        """What is given on the day that a row gives, if it is given now or ``on`` a day."""
        lines = self.written_lines(row)
        if not self.table.doses_move:
            return lines
        return giving.lines_given(self, lines, on if on is not None else self._day_of_giving(row))

    def withheld(self, row: Row) -> tuple[modifying.Withheld, ...]:
        """Why drugs of the day that a row gives are not given."""
        return giving.withheld(self, self.written_lines(row)) if self.table.doses_move else ()

    def _day_of_giving(self, row: Row) -> date | None:
        """The day on which a row's dose would be given: the first one possible from the day asked about on."""
        if self.day is None:
            return None
        return max(self.day, self.when(row).earliest or self.day)

    def written_lines(self, row: Row) -> tuple[dosing.Line, ...]:
        """What the day that a row gives holds, also what is held now or was stopped."""
        act = row.act
        if act is None or act.kind != "administration":
            return ()
        entering = row.effect in ("enter", "enter_anew", "stay")
        return dosing.lines_on(
            self.table,
            self.position,
            self.history,
            self.table.regimens[act.name],
            act.day or 1,
            entering=entering,
        )

    def open_day(self, row: Row) -> bool:
        """Whether a day of the running cycle is still to be given, or a part to be chosen; other rows always are."""
        if row.effect == "fill" and row.act is not None:
            return not self._is_chosen(row.act.name.partition("=")[0])
        if row.effect != "day" or row.act is None:
            return True
        position = self.position
        settled = any(closed.day == row.act.day for closed in position.closed_days)
        running = position.given > 0 and position.regimen == row.act.name
        return running and not settled and self._holds_something(row)

    def _holds_something(self, row: Row) -> bool:
        """Whether a day holds a drug that was not stopped for good by a rule."""
        lines, dosage = self.written_lines(row), self.position.dosage
        return any(not modifying.is_over(dosage, line.drug) for line in lines) if dosage.drugs else bool(lines)

    def cycle_of(self, row: Row) -> int | None:
        """The number of the cycle that a row gives; None for acts that are no dose."""
        act = row.act
        if act is None or act.kind != "administration":
            return None
        if row.effect == "stay":
            done = self.history.done.get(f"administration.{act.name}")
            return (done.count if done is not None else 0) + 1
        if row.effect == "enter_anew":
            return 1
        return (self.position.cycle or 0) + (0 if row.effect == "day" else 1)

    def next_turn(self, last: date) -> date | None:
        """The next day, up to a last one, on which something may fall although nothing is reported."""
        after = self.day or date.min
        turns = [self._read.turns(name, after, self.evaluation) for name in self.table.turning]
        turns += [other.next_turn(last) for other in self.beside]
        if self.table.delays:
            turns += [day for day in delays.due_days(self) if day > after]
        return min((day for day in turns if day is not None and day <= last), default=None)

    def grows_old(self, row: Row, until: date) -> Iterator[tuple[str, date]]:
        """The values that a row rests on and that will be too old by a day to come, each with the day from which on."""
        for name in row.reads:
            for inner in self.table.names_behind(name):
                value = self.table.values[inner]
                if self.day is not None and isinstance(value, Last) and value.within is not None:
                    day = self._read.turns(inner, self.day, self.evaluation)
                    if day is not None and day <= until and self.evaluation.value(inner).value is not None:
                        yield inner, day

    def day_of(self, act: str) -> date | None:
        """The newest day on which an act was done; None if it was not."""
        return self._read.day_of(act)

    def when(self, row: Row) -> When:
        """Between which days the act of a row may be done, and when it is due: each None where it is not stated."""
        due = self.due(row)
        window = row.window
        since = self.day_of(window.from_) if window is not None else None
        if window is not None and since is not None and window.in_hours:
            begun = self.history.times.get(
                hours.name_in_track(window.from_, self.position), EventTime.of(since.isoformat())
            )
            found = hours.read(window, begun, self.day, self.time)
            return When(found.earliest.day, found.due.day, found.latest.day, hours=found)
        if window is not None and since is not None:
            due = window.due.after(since) if window.due is not None else due
            earliest = window.earliest.after(since) if window.earliest is not None else due
            return When(earliest, due, window.latest.after(since) if window.latest is not None else None)
        if self.position.paused and due is not None:
            return When(due, None)  # a cycle lasts its length, and when treatment begins again is another question
        if due is None or row.act is None:
            return When(due, due)
        regimen = self.table.regimens[row.act.name]
        tolerance = regimen.tolerance
        before, after = (tolerance.before, tolerance.after) if tolerance is not None else (None, None)
        earliest = due
        if before is not None:
            earliest = before.before(due)
            last_given = dosing.last_given_by_plan(self.table, self.position, row)
            if last_given is not None and earliest <= last_given:  # no tolerance leads to two doses of one day
                earliest = last_given + timedelta(days=1)
        if regimen.delays:
            last = delays.last_day(self, row, due)
            return When(earliest, due, last.sure, last.missing, last.perhaps)
        return When(earliest, due, after.after(due) if after is not None else None)

    def next_doses(self) -> list[Row]:
        """The rows that give a dose of the course next, whether their conditions hold or not."""
        giving = ("day", "again", "enter", "enter_anew")
        return [row for row in self.offers if row.effect in giving and self.counts(row)]

    def ahead(self, name: str) -> Outcome:
        """The day on which the next dose is ``due``, or the ``last_day`` for it.

        Of several it is the one due first of those whose last day is not over; if all are over, the one due last.
        """
        days = sorted((self.when(row) for row in self.next_doses()), key=lambda day: day.order)
        still = [day for day in days if day.latest is None or self.day is None or self.day <= day.latest]
        still = still or [day for day in days if self._may_be_later(day)]
        when = still[0] if still else days[-1] if days else When(None, None)
        day = when.due if name == "due" else when.latest
        if name != "due" and when.missing:
            return Outcome(None, when.missing[0].why, (), when.missing)
        return Outcome(day) if day is not None else Outcome(None, "absent", (), (Missing(name, None, None, "absent"),))

    def _late(self, act: ActLabel) -> tuple[Held, ...]:
        """What can no longer be done, since the last day for it is over."""
        rows = [row for row in self.offers_of(act) if self.counts(row)] if self.day is not None else []
        whens = [self.when(row) for row in rows]
        if self.table.hourly and (untimed := self._untimed(act, rows, whens)):
            return untimed
        if not rows or any(self._is_in_time(when) for when in whens):
            return ()
        latest = max(whens, key=lambda when: when.latest or date.min).until
        basis = tuple(dict.fromkeys(claim for row in rows for claim in self.window_cites(row)))
        what = f"{', '.join(basis)}: {wording.act_words(self.table, act)} was possible until {latest}"
        missing = tuple(item for when in whens if self._may_be_later(when) for item in when.missing)
        if missing:
            lacking = "; ".join(wording.missing_words(self.table, item) for item in missing)
            return (Held(UNKNOWN, f"{what}, and whether it is so longer is not known: {lacking}", basis, missing),)
        return (Held(FALSE, f"{what}, and that is over", basis, verdict="late"),)

    def _is_in_time(self, when: When) -> bool:
        """Whether the last day, or the last hour, for something is surely not over."""
        if when.hours is not None:
            return when.hours.late is FALSE
        return when.latest is None or self.day is None or self.day <= when.latest

    def _untimed(self, act: ActLabel, rows: list[Row], whens: list[When]) -> tuple[Held, ...]:
        """What cannot be judged to the hour, since the time of the act, or of the one before it, is not known."""
        found = [when.hours for when in whens]
        truths = [(at.early, at.late) for at in found if at is not None]
        if len(truths) < len(found) or not truths or any(both == (FALSE, FALSE) for both in truths):
            return ()
        if any(TRUE in both for both in truths):
            return ()
        basis = tuple(dict.fromkeys(claim for row in rows for claim in self.window_cites(row)))
        missing = tuple(item for at in found if at is not None for item in at.missing)
        lacking = [wording.missing_words(self.table, item) for item in missing]
        if self.time is not None and self.time.instant is None:
            lacking.append("give the time of this act")
        what = f"{', '.join(basis)}: {wording.act_words(self.table, act)} is possible at some hours"
        return (Held(UNKNOWN, f"{what}, and whether at this one is not known: {'; '.join(lacking)}", basis, missing),)

    def too_early(self, when: When) -> str | None:
        """From which day, or hour, on something is possible, if that is still to come."""
        if when.hours is not None:
            return when.hours.earliest.text if when.hours.early is TRUE else None
        early = when.earliest is not None and self.day is not None and self.day < when.earliest
        return when.earliest.isoformat() if early and when.earliest is not None else None

    def _may_be_later(self, when: When) -> bool:
        """Whether a day may be in time that is surely so no more."""
        return bool(when.missing) and (when.perhaps is None or self.day is None or self.day <= when.perhaps)

    def untold(self, act: ActLabel) -> tuple[Held, ...]:
        """What keeps an act from being offered because it is not known how long it may be delayed."""
        unsure = self.table.delays or self.table.hourly
        return tuple(hold for hold in self._late(act) if hold.missing) if unsure else ()

    def _menu_waits(self, act: ActLabel) -> tuple[Held, ...]:
        """What is not known of another arm or option of the same menu, where that keeps the menu closed."""
        menu, found = self.table.menu_of(act), []
        for row in self.offers:
            other = row.act
            if row.while_unknown != "wait" or other is None or other == act or self.table.menu_of(other) != menu:
                continue
            if self.counts(row) and self.truth(row) is UNKNOWN:
                what = wording.act_words(self.table, other)
                found.append(Held(UNKNOWN, f"{', '.join(row.basis)}: whether {what} is open is not known", row.basis))
        return tuple(found)

    def window_cites(self, row: Row) -> tuple[str, ...]:
        """The claims behind the days on which the act of a row may be done."""
        tolerance = None
        if row.act is not None and row.act.kind == "administration" and row.window is None:
            tolerance = self.table.regimens[row.act.name].tolerance
        said = row.window if row.window is not None else tolerance
        found = tuple(said.cite) if said is not None and said.cite else row.basis
        if self.table.delays and row.act is not None and row.act.kind == "administration":
            reasons = delays.claims(self, row)
            return tuple(dict.fromkeys((*(tolerance.cite if tolerance is not None else ()), *reasons))) or found
        return found

    def due(self, row: Row) -> date | None:
        """When the row's dose is due, and not before; None where the record does not say."""
        return dosing.due_day(self.table, self.position, row)
