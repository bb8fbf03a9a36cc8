"""Is an act allowed where the patient is? The premises of a row, tried one by one; nothing is changed here."""

from __future__ import annotations

from datetime import date
from typing import Any

from attrs import field, frozen

from protocol_engine.engine import dosing, wording
from protocol_engine.model.decision import TriedRow, VerdictKind
from protocol_engine.model.evaluation import Evaluation, HistoryLeaves, Missing
from protocol_engine.model.events import (
    ActEvent,
    AdministrationEvent,
    AllocationEvent,
    ChoiceEvent,
    ConsentEvent,
    EligibilityEvent,
    OmissionEvent,
    OtherTreatmentEvent,
    ProcedureEvent,
)
from protocol_engine.model.history import History
from protocol_engine.model.state import Position
from protocol_engine.model.table import ActLabel, Guard, Landing, Row, Table
from protocol_engine.model.truth import Truth

TREATMENT_ACTS = ("allocation", "administration", "choice", "procedure")


@frozen
class Held:
    """Something that keeps treatment from being offered: the truth it leaves, why, its claims, and what is missing."""

    truth: Truth
    because: str
    cites: tuple[str, ...]
    missing: tuple[Missing, ...] = ()
    verdict: VerdictKind = "condition"


class Standing:
    """A patient at a place with a history, and everything read off them, each once."""

    __slots__ = ("_holds", "_tried", "evaluation", "history", "place", "position", "table")

    def __init__(self, table: Table, position: Position, history: History) -> None:
        self.table = table
        self.position = position
        self.history = history
        self.place = table.places[position.place]
        self.evaluation = Evaluation(table, HistoryLeaves(table, history, position))
        self._holds: tuple[Held, ...] | None = None
        self._tried: dict[str, Truth] = {}

    def counts(self, row: Row) -> bool:
        """Whether the cycles given in the element let the row pass."""
        given = self.position.given
        return (row.below is None or given < row.below) and (row.at_least is None or given >= row.at_least)

    def truth(self, row: Row) -> Truth:
        """The least of the row's guards, cycles left aside."""
        known = self._tried.get(row.id)
        if known is None:
            known = Truth.TRUE
            for guard in row.guards:
                known = min(known, self.evaluation.guard(guard))
                if known is Truth.FALSE:
                    break
            self._tried[row.id] = known
        return known

    def tried(self, row: Row) -> TriedRow:
        """The row's truth, and the events that decided it."""
        truth = self.truth(row) if self.counts(row) else Truth.FALSE
        sources = dict.fromkeys(s for guard in row.guards for s in self.evaluation.sources(guard.condition))
        return TriedRow(row.id, truth.word, tuple(sources))

    @property
    def falls(self) -> tuple[Row, ...]:
        """The falls that could be taken here, outermost scope first; built-in ends only if something is known of them."""
        every, own = self.table.falls_at[self.place.id]
        return own if self.history.uneventful else every

    @property
    def holds(self) -> tuple[Held, ...]:
        """What keeps every treatment from being offered here: eligibility not met, or a stop that is in doubt."""
        if self._holds is None:
            self._holds = tuple(self._find_holds())
        return self._holds

    def _find_holds(self) -> list[Held]:
        found = []
        if self.position.eligible is False:
            found.append(Held(Truth.FALSE, "G1: eligibility is not met", ("G1",), verdict="order"))
        for row in self.falls:
            if self.truth(row) is Truth.UNKNOWN:
                missing = tuple(
                    m for guard in row.guards for m in self.evaluation.missing(guard.condition) if m.why == "muddled"
                )
                if missing:
                    text = "; ".join(wording.missing_words(self.table, item) for item in missing)
                    found.append(Held(Truth.UNKNOWN, f"{', '.join(row.basis)}: {text}", row.basis, missing))
        return found

    def held(self, act: ActLabel) -> tuple[Held, ...]:
        """What keeps this act from being offered, beside its row."""
        if act.kind not in TREATMENT_ACTS:
            return ()
        found = (
            self.holds
            if act.kind == "administration"
            else tuple(hold for hold in self.holds if hold.truth is Truth.FALSE)
        )
        if act.kind == "administration" and self.history.discontinued:
            found = (*found, *self._stopped_drugs(act.name))
        return found

    def _stopped_drugs(self, regimen: str) -> list[Held]:
        found = []
        for drug in self._drugs(regimen):
            event = self.history.discontinued.get(drug)
            if event is not None:
                text = f"G4: {self.table.drugs[drug].name} was stopped on {event.effective.day.isoformat()} ({event.id}); what follows is not stated in the record"
                found.append(Held(Truth.FALSE, text, ("G4",)))
        return found

    def _drugs(self, regimen: str) -> list[str]:
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

    def lines(self, row: Row) -> tuple[dosing.Line, ...]:
        """What the day that a row gives holds."""
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
        """Whether the day of a row is still to be given in the running cycle; other rows are always open."""
        if row.effect != "day" or row.act is None:
            return True
        settled = any(closed.day == row.act.day for closed in self.position.closed_days)
        return not settled and self.position.given > 0 and bool(self.lines(row))

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

    def due(self, row: Row) -> date | None:
        """When the row's dose is due, and not before; None where the record does not say."""
        return dosing.due_day(self.table, self.position, row)


@frozen
class Judgement:
    """What became of an act: its label and numbers, the row it takes or where it lands, and the verdict with reasons."""

    verdict: VerdictKind
    because: tuple[str, ...] = ()
    cites: tuple[str, ...] = ()
    act: ActLabel | None = None
    row: Row | None = None
    landing: Landing | None = None
    cycle: int | None = None
    tried: tuple[TriedRow, ...] = ()
    remarks: tuple[str, ...] = ()
    matched: dict[str, Any] = field(factory=dict)


def judge(standing: Standing, event: ActEvent) -> Judgement:
    """Judge one act as if it were done now, where the patient stands, on the event's own day."""
    match event:
        case ConsentEvent():
            return _judge_gate(standing, ActLabel("consent", "written"), "consent")
        case EligibilityEvent():
            return _judge_eligibility(standing, event)
        case AllocationEvent():
            return _judge_allocation(standing, event)
        case ChoiceEvent():
            return judge_label(standing, ActLabel("choice", f"{event.choice}={event.option}"))
        case ProcedureEvent():
            if "allocation" not in standing.position.marks and standing.table.procedures[event.procedure].history:
                return Judgement(
                    "allowed",
                    landing=Landing("stay"),
                    remarks=(f"{wording.words(event.procedure)} before allocation is medical history",),
                )
            return judge_label(standing, ActLabel("procedure", event.procedure))
        case AdministrationEvent():
            return _judge_administration(standing, event)
        case OmissionEvent():
            return _judge_omission(standing, event)
        case OtherTreatmentEvent():
            return _judge_other(standing, event)


def _judge_gate(standing: Standing, act: ActLabel, mark: str) -> Judgement:
    if mark in standing.position.marks:
        return Judgement("allowed", landing=Landing("stay"))
    return judge_label(standing, act)


def _judge_eligibility(standing: Standing, event: EligibilityEvent) -> Judgement:
    act = ActLabel("eligibility", "met")
    if event.met:
        return _judge_gate(standing, act, "eligibility")
    if "consent" not in standing.position.marks:
        return Judgement(
            "order", ("G1: eligibility is judged after written consent",), ("G1",), landing=Landing("stay")
        )
    return Judgement("allowed", landing=Landing("stay"))


def _judge_allocation(standing: Standing, event: AllocationEvent) -> Judgement:
    if standing.position.arm is not None:
        return Judgement(
            "order",
            (f"the patient is allocated to {standing.position.arm} already",),
            ("G4",),
            landing=Landing("stay"),
        )
    return judge_label(standing, ActLabel("allocation", event.arm))


def judge_label(standing: Standing, act: ActLabel) -> Judgement:
    """Judge an act by its label alone: its rows in this place, what holds treatment back, and where it lands."""
    table, position = standing.table, standing.position
    if position.ended is not None:
        return _after_end(standing, act)
    rows = tuple(row for row in table.offers_of.get(position.place, {}).get(act.key, ()) if standing.open_day(row))
    held = standing.held(act)
    tried = tuple(standing.tried(row) for row in rows)
    true_rows = [row for row in rows if standing.counts(row) and standing.truth(row) is Truth.TRUE]
    if true_rows and not held:
        return Judgement("allowed", act=act, row=true_rows[0], cites=true_rows[0].basis, tried=tried)
    if not rows:
        landing = table.landings[position.place].get(act.key, Landing("stay"))
        because, cites = _no_row(standing, act, landing)
        return Judgement("order", because, cites, act, None, landing, tried=tried)
    taken = _taken(standing, rows)
    because = tuple(dict.fromkeys(sentence for row in rows for sentence in row_reasons(standing, row)))
    cites = tuple(dict.fromkeys(claim for row in rows for claim in row.basis))
    if true_rows:
        because, cites = (), true_rows[0].basis
    truth = min((hold.truth for hold in held), default=Truth.TRUE)
    truth = min(truth, max(standing.truth(row) if standing.counts(row) else Truth.FALSE for row in rows))
    because = (*(hold.because for hold in held), *because)
    cites = tuple(dict.fromkeys((*(claim for hold in held for claim in hold.cites), *cites)))
    verdict: VerdictKind = "unknown" if truth is Truth.UNKNOWN else "condition"
    if any(hold.verdict == "order" for hold in held):
        verdict = "order"
    return Judgement(verdict, because, cites, act, true_rows[0] if true_rows else taken, Landing("take"), tried=tried)


def _taken(standing: Standing, rows: tuple[Row, ...]) -> Row:
    """The row that an act takes although none holds: one whose cycles let it pass, the likeliest first."""
    return max(rows, key=lambda row: (standing.counts(row), standing.truth(row)))


def _after_end(standing: Standing, act: ActLabel) -> Judgement:
    ended = standing.position.ended
    reason = f"the course ended on {ended.on.isoformat()}: {wording.words(ended.reason)}" if ended is not None else ""
    cites = standing.position.end_cites or standing.place.cites
    return Judgement("order", (reason,), cites, act, None, Landing("stay"))


def _no_row(standing: Standing, act: ActLabel, landing: Landing) -> tuple[tuple[str, ...], tuple[str, ...]]:
    table, place = standing.table, standing.place
    what = wording.act_words(table, act)
    never = _never(standing, act)
    if never:
        return never
    if landing.kind == "park":
        missing = next(
            (gate for gate in ("consent", "eligibility", "allocation") if gate not in standing.position.marks),
            "allocation",
        )
        return (f"G1: {what} comes before {missing}",), ("G1",)
    if act.kind == "administration" and act.day != 1 and any(r.act == act for r in table.offers.get(place.id, ())):
        return (f"day {act.day} of {what} is not open in this cycle",), _place_cites(standing)
    if "allocation" not in standing.position.marks:
        return (f"G1: {what} comes before allocation",), ("G1",)
    where = f"after {wording.words(standing.position.element or place.kind)}"
    return (f"{what} is not what comes next {where}",), _place_cites(standing)


def _never(standing: Standing, act: ActLabel) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    arm = standing.table.arms.get(standing.position.arm or "")
    if arm is None or act.kind != "administration":
        return None
    for drug in standing._drugs(act.name):
        if drug in arm.never:
            cites = arm.never[drug]
            return (f"{', '.join(cites)}: nobody in {arm.title} is given {standing.table.drugs[drug].name}",), cites
    return None


def _place_cites(standing: Standing) -> tuple[str, ...]:
    return tuple(claim for claim in standing.place.cites if claim[:1] in "RAG") or ("G4",)


def row_reasons(standing: Standing, row: Row) -> tuple[str, ...]:
    """Why a row does not let an act pass, in sentences."""
    found: list[str] = []
    if not standing.counts(row):
        found.append(_count_words(standing, row))
    for guard in row.guards:
        found += guard_reasons(standing.evaluation, guard)
    return tuple(found)


def guard_reasons(evaluation: Evaluation, guard: Guard) -> tuple[str, ...]:
    """Why a guard does not let its row pass: what fails, or what is missing."""
    match evaluation.guard(guard):
        case Truth.TRUE:
            return ()
        case Truth.FALSE:
            return wording.guard_words(evaluation, guard)
        case _:
            claims = ", ".join(guard.cites)
            missing = evaluation.missing(guard.condition)
            return tuple(f"{claims}: {wording.missing_words(evaluation.table, item)}" for item in missing)


def _count_words(standing: Standing, row: Row) -> str:
    element = wording.words(standing.place.element or "")
    given = standing.position.given
    cites = ", ".join(claim for claim in standing.place.cites if claim[:1] == "R")
    if row.at_least is not None and given < row.at_least:
        return (
            f"{cites}: {element} goes on for {row.at_least} cycles, and {given} is given"
            if given == 1
            else f"{cites}: {element} goes on for {row.at_least} cycles, and {given} are given"
        )
    return f"{cites}: {element} ends after {row.below} cycles, and {given} are given"


# --- doses ---------------------------------------------------------------------------------------------------------


def numbers_of(
    standing: Standing, regimen: str, cycle: int | None, day: int | None, on: date
) -> tuple[int, int | None] | None:
    """The day and cycle that a report leaves out, where the course makes them certain; None where it does not."""
    days = standing.table.regimens[regimen].days
    if day is not None or len(days) == 1:
        return (day or 1), cycle
    rows = [
        row
        for row in standing.table.offers.get(standing.place.id, ())
        if row.act is not None and row.act.kind == "administration" and row.act.name == regimen
    ]
    open_rows = [row for row in rows if row.effect == "day" and standing.open_day(row)]
    if cycle is not None:
        if cycle != standing.position.cycle or not open_rows:
            return 1, cycle
        return (open_rows[0].act.day or 1, cycle) if len(open_rows) == 1 and open_rows[0].act is not None else None
    next_rows = [row for row in rows if row.effect != "day" and standing.counts(row)]
    ready = [row for row in (*open_rows, *next_rows) if (standing.due(row) or on) <= on]
    choices = {row.act.day or 1 for row in (ready or open_rows or next_rows) if row.act is not None}
    if len(choices) > 1:
        return None
    return (choices.pop() if choices else 1), None


def _judge_administration(standing: Standing, event: AdministrationEvent) -> Judgement:
    position, on = standing.position, event.effective.day
    numbers = numbers_of(standing, event.regimen, event.cycle, event.day, on)
    if numbers is None:
        text = f"{standing.table.regimens[event.regimen].name} of {on.isoformat()} could be a later day of this cycle or day 1 of the next; name cycle and day"
        return Judgement("unknown", (text,), ("G3",), landing=Landing("stay"))
    day, cycle = numbers
    act = ActLabel("administration", event.regimen, day)
    judged = judge_label(standing, act)
    row = judged.row
    expected = standing.cycle_of(row) if row is not None else None
    duplicate = _duplicate(standing, event, act, cycle, expected)
    if duplicate is not None:
        return Judgement("duplicate", (duplicate,), ("G4",), act, None, Landing("stay"), cycle, judged.tried)
    if row is None and position.ended is None and standing.position.cycle is not None and judged.landing is not None:
        expected = (position.cycle or 0) + 1
    verdict, because, cites = judged.verdict, judged.because, judged.cites
    if row is not None and position.ended is None:
        due = standing.due(row)
        verdict, because, cites = _numbered(standing, row, cycle, expected, verdict, because, cites)
        if due is not None and on < due:
            text = f"{', '.join(_rules(row))}: {wording.act_words(standing.table, act, cycle or expected)} is due on {due.isoformat()}, and {on.isoformat()} is before its day; no tolerance is stated in the record"
            because = (*because, text)
            verdict = "early" if verdict == "allowed" else verdict
            cites = cites or row.basis
        faults = ()
        if event.given is not None:
            weight = dosing.weight_before(standing.history, on)
            faults = dosing.content_faults(event.given, standing.lines(row), weight)
        if faults:
            never = _never_given(standing, event)
            because = (*because, *(f"{', '.join(never or _rules(row))}: {fault}" for fault in faults))
            verdict = "content" if verdict == "allowed" else verdict
            cites = tuple(dict.fromkeys((*cites, *never)))
    number = cycle if cycle is not None else expected
    if row is not None and row.effect == "day":
        number = position.cycle
    return Judgement(verdict, because, cites, act, row, judged.landing, number, judged.tried)


def _rules(row: Row) -> tuple[str, ...]:
    return tuple(claim for claim in row.basis if claim[:1] == "R") or row.basis


def _never_given(standing: Standing, event: AdministrationEvent) -> tuple[str, ...]:
    arm = standing.table.arms.get(standing.position.arm or "")
    if arm is None or event.given is None:
        return ()
    return tuple(dict.fromkeys(claim for given in event.given for claim in arm.never.get(given.drug, ())))


def _numbered(
    standing: Standing,
    row: Row,
    cycle: int | None,
    expected: int | None,
    verdict: VerdictKind,
    because: tuple[str, ...],
    cites: tuple[str, ...],
) -> tuple[VerdictKind, tuple[str, ...], tuple[str, ...]]:
    """A cycle number that is not the one whose turn it is makes the act a deviation."""
    if cycle is None or expected is None or cycle == expected or row.effect == "stay":
        return verdict, because, cites
    if cycle > expected:
        text = f"cycle {cycle} is reported where cycle {expected} is next; what happened to {'cycle' if cycle == expected + 1 else 'cycles'} {', '.join(map(str, range(expected, cycle)))}?"
    else:
        text = f"cycle {cycle} is reported, and cycle {expected} is running"
    return ("order" if verdict == "allowed" else verdict), (*because, text), cites or row.basis


def _duplicate(
    standing: Standing, event: AdministrationEvent, act: ActLabel, cycle: int | None, expected: int | None
) -> str | None:
    """Why the dose looks like one that was reported before; None if it does not."""
    position, on = standing.position, event.effective.day
    if position.regimen != event.regimen or position.cycle is None:
        return None
    given = [closed for closed in position.closed_days if closed.day == act.day and closed.given]
    when = None
    if any(closed.on == on for closed in given):
        when = f"reported for {on.isoformat()}"
    elif cycle is not None:
        earlier = act.day == 1 and cycle <= position.cycle and (expected is None or cycle < expected)
        if earlier or (act.day != 1 and cycle == position.cycle and given):
            when = "given"
    if when is None:
        return None
    return f"{wording.act_words(standing.table, act, cycle)} is {when} already: a second dose or a second report?"


def _judge_omission(standing: Standing, event: OmissionEvent) -> Judgement:
    numbers = numbers_of(standing, event.regimen, event.cycle, event.day, event.effective.day)
    if numbers is None:
        return Judgement("unknown", ("which day was left out? name cycle and day",), ("G3",), landing=Landing("stay"))
    day, cycle = numbers
    act = ActLabel("administration", event.regimen, day)
    name = standing.table.regimens[event.regimen].name
    judged = judge_label(standing, act)
    expected = standing.cycle_of(judged.row) if judged.row is not None else None
    what = wording.act_words(standing.table, act, cycle if cycle is not None else expected)
    left_out = f"{standing.table.drugs[event.drug].name} of {what}" if event.drug is not None else what
    remark = f"{left_out} was left out on {event.effective.day.isoformat()}: {event.reason}"
    if (
        event.drug is not None
        and any(closed.day == day for closed in standing.position.closed_days)
        and standing.position.regimen == event.regimen
    ):
        return Judgement("allowed", act=act, landing=Landing("stay"), remarks=(remark,))
    if judged.verdict == "order":
        return Judgement(
            "order",
            (f"{name} day {day} is not open, so it cannot be left out", *judged.because),
            judged.cites,
            act,
            None,
            Landing("stay"),
        )
    return Judgement(
        "allowed",
        act=act,
        row=judged.row,
        landing=Landing("stay"),
        cycle=cycle,
        tried=judged.tried,
        remarks=(remark,),
    )


def _judge_other(standing: Standing, event: OtherTreatmentEvent) -> Judgement:
    if "allocation" not in standing.position.marks:
        return Judgement(
            "allowed", landing=Landing("stay"), remarks=("treatment before allocation is medical history",)
        )
    arm = standing.table.arms.get(standing.position.arm or "")
    never = arm.never if arm is not None else {}
    cites = tuple(dict.fromkeys(claim for drug in event.drugs for claim in never.get(drug, ()))) or ("G4",)
    text = f"{', '.join(cites)}: {', '.join(event.drugs)} was given outside the protocol"
    return Judgement("order", (text,), cites, landing=Landing("stay"))
