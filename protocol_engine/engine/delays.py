"""How long a dose may be delayed, and for which reason: its last day, as far as that is known.

A reason counts once it holds on the day on which the dose is due, or on a later one. Whether it held on an earlier day
than today cannot be read off the history, so the fold notes it in the position; it is forgotten when the dose is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

from attrs import frozen

from protocol_engine.model.evaluation import Missing
from protocol_engine.model.protocol import Delay
from protocol_engine.model.state import Reason
from protocol_engine.model.table import Row
from protocol_engine.model.truth import FALSE, TRUE, UNKNOWN, Truth

if TYPE_CHECKING:
    from protocol_engine.engine.standing import Standing


@frozen
class LastDay:
    """The last day for a dose: surely possible until ``sure``, perhaps until ``perhaps``; None is not stated.

    ``missing`` is what would tell, where the two differ.
    """

    sure: date | None
    perhaps: date | None
    missing: tuple[Missing, ...] = ()


def last_day(standing: Standing, row: Row, due: date) -> LastDay:
    """The last day for the dose of a row that is due on a day, by the tolerance and the reasons for a delay."""
    regimen = standing.table.regimens[row.act.name if row.act is not None else ""]
    after = regimen.tolerance.after if regimen.tolerance is not None else None
    stated = [after.after(due)] if after is not None else []
    truths = [(delay, _truth(standing, reason, delay)) for reason, delay in _reasons(standing, row)]
    stated += [delay.up_to.after(due) for delay, truth in truths if truth is TRUE]
    open_ones = [delay for delay, truth in truths if truth is UNKNOWN]
    more = [delay.up_to.after(due) for delay in open_ones]
    sure: date | None
    perhaps: date | None
    if stated:
        sure, perhaps = max(stated), max((*stated, *more))
    else:  # without any reason the record says of no day that it is too late
        sure, perhaps = min(more, default=None), None
    if sure == perhaps:
        return LastDay(sure, sure)
    found = [delay for delay in open_ones if not stated or delay.up_to.after(due) > max(stated)]
    missing = (item for delay in found for item in standing.evaluation.missing(delay.if_))
    return LastDay(sure, perhaps, tuple(dict.fromkeys(missing)))


def claims(standing: Standing, row: Row) -> tuple[str, ...]:
    """The claims behind the reasons that a dose may be delayed for, without those that are known not to hold."""
    found = (delay.cite for reason, delay in _reasons(standing, row) if _truth(standing, reason, delay) is not FALSE)
    return tuple(dict.fromkeys(claim for cites in found for claim in cites))


def noted(standing: Standing) -> tuple[Reason, ...]:
    """The reasons that held since a dose was due, with those that hold today."""
    known = standing.position.delayed
    found = [
        reason
        for row in _doses(standing)
        for reason, delay in _reasons(standing, row)
        if reason not in known and _has_come(standing, row) and standing.evaluation.condition(delay.if_) is TRUE
    ]
    return tuple(sorted({*known, *found})) if found else known


def due_days(standing: Standing) -> Iterator[date]:
    """The days on which a dose is due that may be delayed: which reasons hold on them must be noted."""
    days = (standing.when(row).due for row in _doses(standing) if any(True for _ in _reasons(standing, row)))
    return (day for day in days if day is not None)


def _doses(standing: Standing) -> list[Row]:
    """The doses of the course that may come next."""
    return [row for row in standing.next_doses() if row.act is not None]


def _has_come(standing: Standing, row: Row) -> bool:
    due = standing.when(row).due
    return due is not None and standing.day is not None and due <= standing.day


def _truth(standing: Standing, reason: Reason, delay: Delay) -> Truth:
    return TRUE if reason in standing.position.delayed else standing.evaluation.condition(delay.if_)


def _reasons(standing: Standing, row: Row) -> Iterator[tuple[Reason, Delay]]:
    """The reasons for which the dose of a row may be delayed."""
    if row.act is None or row.window is not None:
        return
    day = row.act.day or 1
    for number, delay in enumerate(standing.table.regimens[row.act.name].delays):
        if delay.doses is None or (delay.doses == "day_1") == (day == 1):
            yield (row.act.name, day, number), delay
