"""Is a dose, or its omission, allowed: which day of which cycle it is, whether it comes too early, what was given."""

from __future__ import annotations

from datetime import date

from attrs import frozen

from protocol_engine.engine import dosing, giving, omissions, wording
from protocol_engine.engine.labels import Judgement, judge_label
from protocol_engine.engine.standing import Standing
from protocol_engine.model.altering import altered
from protocol_engine.model.decision import VerdictKind
from protocol_engine.model.events import (
    AdministrationEvent,
    OmissionEvent,
)
from protocol_engine.model.state import ClosedDay
from protocol_engine.model.table import ActLabel, Landing, Row
from protocol_engine.model.units import DaySpan


def numbers_of(
    standing: Standing, regimen: str, cycle: int | None, day: int | None, on: date
) -> tuple[int, int | None] | None:
    """The day and cycle that a report leaves out, where the course makes them certain; None where it does not.

    A day that was reported as left out may be meant after all until the next cycle is due.
    """
    days = standing.table.regimens[regimen].days
    if day is None and cycle is None and omissions.may_be_meant(standing, regimen, on):
        return None
    if day is not None or len(days) == 1:
        return (day or 1), cycle
    rows = [
        row
        for row in standing.table.offers.get(standing.place.id, ())
        if row.act is not None and row.act.kind == "administration" and row.act.name == regimen
    ]
    open_rows = [row for row in rows if row.effect == "day" and standing.open_day(row)]
    position = standing.position
    omitted = position.regimen == regimen and any(not closed.given for closed in position.closed_days)
    if cycle is not None:
        if cycle == position.cycle and omitted:
            return None
        if cycle != position.cycle or not open_rows:
            return 1, cycle
        return (open_rows[0].act.day or 1, cycle) if len(open_rows) == 1 and open_rows[0].act is not None else None
    next_rows = [row for row in rows if row.effect != "day" and standing.counts(row)]
    ready = [row for row in (*open_rows, *next_rows) if (standing.when(row).earliest or on) <= on]
    choices = {row.act.day or 1 for row in (ready or open_rows or next_rows) if row.act is not None}
    if len(choices) > 1 or (omitted and not ready):
        return None
    return (choices.pop() if choices else 1), None


def _numbers(standing: Standing, event: AdministrationEvent | OmissionEvent) -> tuple[int, int | None] | None:
    """As :func:`numbers_of`; a report without a day, on the date of a dose, is about that dose and not the next.

    So is a second word of one date that a day was left out.
    """
    position, on = standing.position, event.effective.day
    if event.day is None and position.regimen == event.regimen and event.cycle in (None, position.cycle):
        whole = isinstance(event, OmissionEvent) and (event.drug is None or _is_alone(standing, event))
        same = [closed.day for closed in position.closed_days if closed.on == on and closed.given is not whole]
        if same:
            return same[-1], position.cycle if isinstance(event, OmissionEvent) else event.cycle
    return numbers_of(standing, event.regimen, event.cycle, event.day, on)


def _is_alone(standing: Standing, event: OmissionEvent) -> bool:
    """Whether the regimen holds nothing but the drug that was left out."""
    drug = event.drug or ""
    return all(line.is_only(drug, _drug_name(standing, drug)) for line in standing.lines_of(event.regimen))


@frozen
class _Fault:
    """Something that makes an act a deviation although its row holds."""

    verdict: VerdictKind
    because: str
    cites: tuple[str, ...]


def judge_administration(standing: Standing, event: AdministrationEvent) -> Judgement:
    """Judge a dose: its numbers, its row, whether it was reported before, its day, and what was really given."""
    position, on = standing.position, event.effective.day
    numbers = _numbers(standing, event)
    if numbers is None:
        name = standing.table.regimens[event.regimen].name
        text = f"{name} of {on} could be a later day of this cycle or day 1 of the next; name cycle and day"
        return Judgement("unknown", (text,), ("G3",), landing=Landing("stay"))
    day, cycle = numbers
    act = ActLabel("administration", event.regimen, day)
    omitted = _reported_as_left_out(standing, act, cycle)
    if omitted is not None:
        return _given_after_all(standing, event, act, omitted)
    judged = judge_label(standing, act)
    row = judged.row
    expected = standing.cycle_of(row) if row is not None else None
    another = _another_on_its_day(standing, event, act, cycle, judged)
    duplicate = _duplicate(standing, event, act, cycle, judged) if another is None else None
    if duplicate is not None:
        return Judgement("duplicate", (duplicate,), ("G4",), act, None, Landing("stay"), cycle, judged.tried)
    if row is not None and row.effect == "day" and cycle is not None and cycle != expected:
        text = f"day {day} of cycle {cycle} is reported, and cycle {expected} is running"
        return Judgement("order", (text,), row.basis, act, None, Landing("stay"), cycle, judged.tried)
    if row is None or position.ended is not None:
        return altered(judged, cycle=cycle)
    if another is not None:
        judged = altered(judged, remarks=(*judged.remarks, another))
    faults = (
        *_number_faults(row, cycle, expected),
        *_day_faults(standing, row, cycle or expected, on),
        *_content_faults(standing, row, event),
    )
    number = expected if cycle is None or (expected is not None and cycle < expected) else cycle
    if not faults:
        return altered(judged, cycle=number)
    verdict = faults[0].verdict if judged.verdict == "allowed" else judged.verdict
    return altered(
        judged,
        verdict=verdict,
        because=tuple(dict.fromkeys((*judged.because, *(fault.because for fault in faults)))),
        cites=tuple(dict.fromkeys((*judged.cites, *(claim for fault in faults for claim in fault.cites)))),
        cycle=number,
    )


def _reported_as_left_out(standing: Standing, act: ActLabel, cycle: int | None) -> ClosedDay | None:
    """The report that this day of the running cycle was left out; None if there is none."""
    position = standing.position
    if position.ended is not None or position.regimen != act.name or cycle not in (None, position.cycle):
        return None
    if cycle is None and act.day == 1:  # a day 1 without a number is that of the next cycle
        return None
    if act.key not in standing.table.offers_of.get(position.place, {}):
        return None
    return next((closed for closed in position.closed_days if closed.day == act.day and not closed.given), None)


def _given_after_all(standing: Standing, event: AdministrationEvent, act: ActLabel, omitted: ClosedDay) -> Judgement:
    """A day that was reported as left out and is given: a deviation, and the course goes on from the dose."""
    position = standing.position
    others = tuple(closed for closed in position.closed_days if closed != omitted)
    before = altered(position, closed_days=others)
    if omitted.day == 1 and position.before_omission is not None:
        before = position.brought_up_to_now(position.before_omission)
    reopened = Standing(standing.table, before, standing.history, standing.day, standing.time)
    judged = judge_administration(reopened, event)
    what = wording.act_words(standing.table, act, position.cycle)
    text = f"{what} was reported as left out on {omitted.on}, and was given on {event.effective.day} after all"
    verdict = "order" if judged.verdict == "allowed" else judged.verdict
    return altered(judged, verdict=verdict, because=(text, *judged.because))


def _rules(row: Row) -> tuple[str, ...]:
    return tuple(claim for claim in row.basis if claim[:1] == "R") or row.basis


def _number_faults(row: Row, cycle: int | None, expected: int | None) -> tuple[_Fault, ...]:
    """A cycle number that is not the one whose turn it is."""
    if cycle is None or expected is None or cycle == expected or row.effect == "stay":
        return ()
    text = f"cycle {cycle} is reported where cycle {expected} is next"
    if cycle > expected:
        gap = f"cycle {expected}" if cycle == expected + 1 else f"cycles {expected} to {cycle - 1}"
        text = f"cycle {cycle} is reported where cycle {expected} is next; what happened to {gap}?"
    return (_Fault("order", text, row.basis),)


def _day_faults(standing: Standing, row: Row, cycle: int | None, on: date) -> tuple[_Fault, ...]:
    """A dose before the day on which it is due."""
    when = standing.when(row)
    if row.act is None:
        return ()
    what = wording.act_words(standing.table, row.act, cycle)
    if when.hours is not None:
        opens = standing.too_early(when)
        if opens is None:
            return ()
        asked = standing.time.text if standing.time is not None else on
        cites = standing.window_cites(row)
        text = f"{', '.join(cites)}: {what} is possible from {opens} on, and {asked} is before"
        return (_Fault("early", text, tuple(dict.fromkeys((*cites, *row.basis)))),)
    if when.earliest is None or on >= when.earliest:
        return ()
    if when.earliest != when.due:
        text = f"{what} is possible from {when.earliest} on, and {on} is before"
        cites = standing.window_cites(row)
        return (_Fault("early", f"{', '.join(cites)}: {text}", tuple(dict.fromkeys((*cites, *row.basis)))),)
    text = f"{what} is due on {when.due}, and {on} is before its day; no tolerance is stated in the record"
    return (_Fault("early", f"{', '.join(_rules(row))}: {text}", row.basis),)


def _content_faults(standing: Standing, row: Row, event: AdministrationEvent) -> tuple[_Fault, ...]:
    """Drugs, doses or routes really given that are not the protocol's."""
    if event.given is None:
        return ()
    arm = standing.table.arms.get(standing.position.arm or "")
    never = arm.never if arm is not None else {}
    cites = tuple(dict.fromkeys(claim for given in event.given for claim in never.get(given.drug, ())))
    claims = cites or _rules(row)
    although = giving.given_although(standing, standing.written_lines(row), event.given)
    against = {item.drug: _Fault("condition", item.because, item.cites) for item in although}
    others = tuple(given for given in event.given if given.drug not in against)
    found = dosing.content_faults(
        others, standing.lines(row, event.effective.day), standing.history, event.effective.day
    )
    return (*against.values(), *(_Fault("content", f"{', '.join(claims)}: {text}", claims) for text in found))


def _another_on_its_day(
    standing: Standing, event: AdministrationEvent, act: ActLabel, cycle: int | None, judged: Judgement
) -> str | None:
    """What to say of the next cycle on the day of the one before, where the record states no interval.

    It is offered without a date, so it is no deviation if it names its number; without one it is a second report. None
    for any other dose.
    """
    row, position, on = judged.row, standing.position, event.effective.day
    if row is None or judged.verdict != "allowed" or row.effect == "day" or cycle != standing.cycle_of(row):
        return None
    if row.effect == "stay":  # given beside the course, and numbered by itself
        done = standing.history.done.get(f"administration.{event.regimen}")
        last = done.day if done is not None else None
    else:
        same = position.regimen == event.regimen and cycle != position.cycle
        last = position.cycle_start if same and standing.due(row) is None else None
    if last != on:
        return None
    what = wording.act_words(standing.table, act, cycle)
    return (
        f"{what} is of the day of the cycle before it, {on}; the record states no interval, so it is taken as given; "
        "if it is a second report of that cycle, retract it"
    )


def _duplicate(
    standing: Standing, event: AdministrationEvent, act: ActLabel, cycle: int | None, judged: Judgement
) -> str | None:
    """Why the dose looks like one that was reported before; None if it does not."""
    position, on = standing.position, event.effective.day
    done = standing.history.done.get(f"administration.{event.regimen}")
    when = None
    if judged.row is not None and judged.row.effect == "stay":  # given beside the course, and numbered by itself
        if done is not None and (done.day == on or (cycle is not None and cycle <= done.count)):
            when = f"reported for {on.isoformat()}" if done.day == on else "given"
    elif position.cycle is not None:
        same = position.regimen == event.regimen
        given = [c for c in position.closed_days if same and c.day == act.day and c.given]
        if any(closed.on == on for closed in given):
            when = f"reported for {on.isoformat()}"
        elif cycle is not None:
            expected = standing.cycle_of(judged.row) if judged.row is not None else None
            passed = cycle <= position.cycle and (expected is None or cycle < expected)
            if (act.day == 1 and passed and done is not None) or (given and act.day != 1 and cycle == position.cycle):
                when = "given"
    if when is None:
        return None
    return f"{wording.act_words(standing.table, act, cycle)} is {when} already: a second dose or a second report?"


def judge_omission(standing: Standing, event: OmissionEvent) -> Judgement:  # noqa: C901  # one answer after another
    """Judge an omission: a day that is open may be left out, and so may one drug of a day that was given."""
    numbers = _numbers(standing, event)
    if numbers is None:
        return Judgement("unknown", ("which day was left out? name cycle and day",), ("G3",), landing=Landing("stay"))
    day, cycle = numbers
    act = ActLabel("administration", event.regimen, day)
    judged = judge_label(standing, act)
    expected = standing.cycle_of(judged.row) if judged.row is not None else None
    what = wording.act_words(standing.table, act, cycle if cycle is not None else expected)
    if event.drug is not None and not _holds_drug(standing, event.regimen, event.drug):
        regimen = standing.table.regimens[event.regimen].name
        text = f"{_drug_name(standing, event.drug)} is not part of {regimen}, so it cannot be left out of it"
        return Judgement("content", (text,), judged.cites or ("G4",), act, None, Landing("stay"))
    whole = event.drug is None or omissions.is_all_of(standing, act, event.drug)
    left_out = what if whole or event.drug is None else f"{_drug_name(standing, event.drug)} of {what}"
    remark = f"{left_out} was left out on {event.effective.day.isoformat()}: {event.reason}"
    allowed = Judgement("allowed", act=act, landing=Landing("stay"), cycle=cycle, tried=judged.tried, remarks=(remark,))
    position = standing.position
    same = position.regimen == event.regimen
    settled = any(closed.day == day for closed in position.closed_days)
    if not whole and same and (settled or _runs_on(standing, event.regimen, event.drug or "", day, cycle)):
        return allowed
    elsewhere = _omitted_elsewhere(standing, act, cycle, judged)
    if elsewhere is not None:
        return altered(elsewhere, remarks=(remark,) if elsewhere.verdict == "allowed" else ())
    if same and (cycle == position.cycle or (cycle is None and day != 1)):
        for closed in position.closed_days:
            if closed.day == day:
                return _settled_before(standing, act, closed)
    if position.paused and same and day != 1 and cycle in (None, position.cycle) and position.ended is None:
        return allowed  # the cycle was over before that day, since a stretch without treatment began
    if judged.verdict == "order":
        because = (f"{what} cannot be left out here", *judged.because)
        return Judgement("order", because, judged.cites, act, None, Landing("stay"))
    content = standing.table.regimens[event.regimen]
    if whole and judged.row is not None and judged.row.effect == "again" and omissions.runs_without_day_1(content):
        return _cycle_without_day_1(standing, event.effective.day, judged, allowed)
    closes = whole and judged.row is not None and judged.row.effect == "day"
    return altered(allowed, row=judged.row if closes and not omissions.makes_up_later_days(content) else None)


def _cycle_without_day_1(standing: Standing, on: date, judged: Judgement, allowed: Judgement) -> Judgement:
    """A cycle that runs under its number although its day 1 is left out, from the day on which that may be given."""
    row, cycle = judged.row, allowed.cycle
    if row is None or not standing.counts(row):
        return allowed
    expected = standing.cycle_of(row)
    cycle = cycle if cycle is not None else expected
    what = wording.act_words(standing.table, ActLabel("administration", row.act.name if row.act else "", 1), cycle)
    earliest = omissions.too_early(standing, row, on)
    if cycle != expected:
        text = f"{what} is left out where cycle {expected} is next"
        return Judgement("order", (text,), row.basis, judged.act, None, Landing("stay"), cycle, judged.tried)
    if earliest is not None:
        text = f"{what} is possible from {earliest} on, and can be left out from then on"
        cites = standing.window_cites(row)
        return Judgement("early", (text,), cites, judged.act, None, Landing("stay"), cycle, judged.tried)
    runs = f"cycle {cycle} runs without its day 1"
    return altered(allowed, row=row, cycle=cycle, remarks=(*allowed.remarks, runs))


def _settled_before(standing: Standing, act: ActLabel, closed: ClosedDay) -> Judgement:
    """What was given was not left out; what was left out is left out once."""
    what = wording.act_words(standing.table, act, standing.position.cycle)
    if closed.given:
        text = f"{what} was given on {closed.on}, so it was not left out; retract or correct the report that is wrong"
        return Judgement("order", (text,), ("G4",), act, None, Landing("stay"))
    text = f"{what} is reported as left out on {closed.on} already"
    return Judgement("duplicate", (text,), ("G4",), act, None, Landing("stay"))


def _drug_name(standing: Standing, drug: str) -> str:
    known = standing.table.drugs.get(drug)
    return known.name if known is not None else drug


def _holds_drug(standing: Standing, regimen: str, drug: str) -> bool:
    """Whether the drug belongs to the regimen: to the option chosen for a part, or to any option before the choice."""
    lines = standing.lines_of(regimen)
    return any(line.gives(drug, _drug_name(standing, drug)) or (line.open_drug and not line.chosen) for line in lines)


def _runs_on(standing: Standing, regimen: str, drug: str, day: int, cycle: int | None) -> bool:
    """Whether a drug is taken on a day of the running cycle, begun on an earlier day of it."""
    length = standing.table.regimens[regimen].cycle
    for line in standing.lines_of(regimen):
        span = line.written.days
        if isinstance(span, DaySpan) and line.gives(drug, _drug_name(standing, drug)):
            last = span.last if span.last is not None else length.days if length is not None else None
            if cycle in (None, standing.position.cycle) and span.first < day and (last is None or day <= last):
                return True
    return False


def _omitted_elsewhere(standing: Standing, act: ActLabel, cycle: int | None, judged: Judgement) -> Judgement | None:
    """A later day of another cycle than the running one: it settles nothing here. None if it is about this cycle.

    Of a cycle that is over it is a late word on what was not done; of one that has not begun it is out of order.
    """
    running = standing.position.cycle
    if act.day in (None, 1) or cycle is None or running is None or cycle == running or standing.position.ended:
        return None
    if cycle < running:
        return Judgement("allowed", act=act, landing=Landing("stay"), cycle=cycle, tried=judged.tried)
    text = f"day {act.day} of cycle {cycle} is left out, and cycle {running} is running"
    return Judgement("order", (text,), judged.cites or ("G4",), act, None, Landing("stay"), cycle, judged.tried)
