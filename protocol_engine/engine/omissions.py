"""What becomes of a cycle whose day 1 was left out, where it is neither made up nor forgotten."""

from __future__ import annotations

from datetime import date

from protocol_engine.engine import dosing
from protocol_engine.engine.labels import Judgement
from protocol_engine.engine.standing import Standing
from protocol_engine.model.altering import altered
from protocol_engine.model.dosage import Dosage
from protocol_engine.model.events import ActEvent, AdministrationEvent, OmissionEvent
from protocol_engine.model.state import ClosedDay, Position
from protocol_engine.model.table import ActLabel, RegimenContent, Row, Table


def runs_without_day_1(regimen: RegimenContent) -> bool:
    """Whether a cycle of the regimen runs under its number although its day 1 was left out."""
    return regimen.omitted is not None and regimen.omitted.day_1 != "made_up"


def makes_up_later_days(regimen: RegimenContent) -> bool:
    """Whether a later day that was left out stays due."""
    return regimen.omitted is not None and regimen.omitted.later_days == "made_up"


def settled(table: Table, position: Position, event: OmissionEvent, judged: Judgement) -> Position:
    """The position after an omission: a later day is settled, and a cycle may run without its day 1.

    Any other day 1 that is left out uses no number and stays due.
    """
    day, on = judged.act.day if judged.act is not None else None, event.effective.day
    if judged.verdict != "allowed" or judged.row is None or day is None:
        return position
    closed = ClosedDay(day, on, given=False)
    if judged.row.effect == "day":
        return altered(position, closed_days=(*position.closed_days, closed))
    omitted = table.regimens[event.regimen].omitted
    counts = omitted is not None and omitted.day_1 == "counts"
    return altered(
        position,
        cycle=(position.cycle or 0) + 1,
        day=1,
        given=position.given + (1 if counts else 0),
        left_out=position.left_out + (0 if counts else 1),
        cycle_start=dosing.due_day(table, position, judged.row) or on,
        planned=dosing.planned_day(table, position, event.regimen),
        closed_days=(closed,),
        cycle_days=(*position.cycle_days, on),
        delayed=(),
        before_omission=altered(position, before_omission=None),
    )


def undone(position: Position, event: ActEvent, judged: Judgement) -> Position | None:
    """Where the patient was before an omission, if the act is the very dose that was reported as left out."""
    if position.before_omission is None or not isinstance(event, AdministrationEvent) or judged.act is None:
        return None
    same = event.regimen == position.regimen and judged.act.day == 1 and judged.cycle == position.cycle
    return position.brought_up_to_now(position.before_omission) if same and judged.verdict != "duplicate" else None


def with_later_days(moved: Position, omitted: Position) -> Position:
    """The position after a dose that was given after all, with what had been done in its cycle before."""
    later = tuple(closed for closed in omitted.closed_days if closed.day != 1)
    return altered(moved, closed_days=(*moved.closed_days, *later)) if later else moved


def too_early(standing: Standing, row: Row, on: date) -> date | None:
    """The first day on which a cycle can begin without its day 1, if that is still to come."""
    earliest = standing.when(row).earliest
    return earliest if earliest is not None and on < earliest else None


def may_be_meant(standing: Standing, regimen: str, on: date) -> bool:
    """Whether a dose without its numbers may be a day 1 that was left out, since the next one is not due yet."""
    position = standing.position
    if position.before_omission is None or position.regimen != regimen:
        return False
    if position.day_1_given:
        return False
    rows = (row for row in standing.next_doses() if row.effect != "day" and row.act and row.act.name == regimen)
    earliest = (standing.when(row).earliest for row in rows)
    return any(day is not None and on < day for day in earliest)


def is_all_of(standing: Standing, act: ActLabel, drug: str) -> bool:
    """Whether a day holds that drug and nothing else, so that without it the day is left out.

    What is held is not counted, unless nothing else is left of the day.
    """
    rows = standing.table.offers_of.get(standing.place.id, {}).get(act.key, ())
    lines = standing.lines(rows[0]) or standing.written_lines(rows[0]) if rows else ()
    known = standing.table.drugs.get(drug)
    return bool(lines) and all(line.is_only(drug, known.name if known is not None else drug) for line in lines)


def without_drug(standing: Standing, event: OmissionEvent, judged: Judgement) -> Dosage:
    """The doses after one drug was left out: of a day that was given, whenever that is told, or is still to be given.

    The day on which somebody says so is that of the dose only where nothing tells which dose it was. Without its only
    drug the day itself is left out, and is another dose if it is given after all.
    """
    position, act, drug = standing.position, judged.act, event.drug or ""
    same = position.regimen == event.regimen and judged.cycle in (None, position.cycle)
    days = [closed.on for closed in position.closed_days if act is not None and closed.day == act.day and closed.given]
    if same and days:
        return position.dosage.omitted(drug, days[-1])
    cycles = [standing.cycle_of(row) for row in standing.offers_of(act) if standing.counts(row)] if act else []
    if act is not None and cycles and judged.cycle in (None, *cycles) and not is_all_of(standing, act, drug):
        return position.dosage.to_be_omitted(drug, (event.regimen, judged.cycle or cycles[0], act.day or 1))
    return position.dosage.omitted(drug, event.effective.day)
