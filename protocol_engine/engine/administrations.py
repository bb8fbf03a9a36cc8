"""Is a dose, or its omission, allowed: which day of which cycle it is, whether it comes too early, what was given."""

from __future__ import annotations

from datetime import date

from protocol_engine.engine import dosing, wording
from protocol_engine.engine.labels import Judgement, judge_label
from protocol_engine.engine.standing import Standing
from protocol_engine.model.decision import VerdictKind
from protocol_engine.model.events import (
    AdministrationEvent,
    OmissionEvent,
)
from protocol_engine.model.table import ActLabel, Landing, Row


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


def judge_administration(standing: Standing, event: AdministrationEvent) -> Judgement:
    """Judge a dose: its numbers, its row, whether it was reported before, its day, and what was really given."""
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


def judge_omission(standing: Standing, event: OmissionEvent) -> Judgement:
    """Judge an omission: a day that is open may be left out, and so may one drug of a day that was given."""
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
