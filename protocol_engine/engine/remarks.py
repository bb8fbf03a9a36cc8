"""What a reader should know of a report that moves nothing: sentences that every later decision carries."""

from __future__ import annotations

from protocol_engine.engine import wording
from protocol_engine.engine.labels import row_reasons
from protocol_engine.engine.standing import Standing
from protocol_engine.model.events import DiscontinuationEvent
from protocol_engine.model.history import History, Result
from protocol_engine.model.state import Position
from protocol_engine.model.table import Table
from protocol_engine.model.truth import TRUE


def of_what_is_over(table: Table, position: Position, event: DiscontinuationEvent) -> str | None:
    """That a stop is about what was over when it was told; None for one that is about what is given now."""
    if event.id not in position.answered or position.ended is not None or position.given_at is None:
        return None
    about = table.places[position.given_at]
    title = about.title or wording.words(about.element or "")
    what = "treatment" if event.scope == "treatment" else table.drugs[event.scope].name
    told = f"{what} was stopped for good on {event.effective.day}"
    if position.place == position.given_at:
        return (
            f"{told}, before the first dose of {title}: this is about what was given before it, and ends nothing else"
        )
    return f"{told}: this is about {title}, which is over, and ends nothing else"


def on_an_end(table: Table, position: Position, before: History, after: History, result: Result) -> str | None:
    """That a result puts the end of treatment, or of the course, in doubt; by itself it does not undo it."""
    grounds, ended = position.grounds, position.ended
    if grounds is None or result.value is None or (ended is None and position.stopped is None):
        return None
    on = ended.on if ended is not None else position.stopped[1] if position.stopped is not None else result.day
    end = f"{'the course' if ended is not None else 'protocol treatment'} ended on {on}"
    name = wording.fact_words(table, result.event.fact, result.timepoint)
    known = after.results[result.event.fact].groups[result.group]
    others = [r for r in known if r.event.id in grounds.events and r.value not in (None, result.value)]
    if others:
        says = f"{name} is {result.event.value} here and {others[0].event.value} in {others[0].event.id}"
        return (
            f"{says}, on which {end}; this stays so, and a correction or retraction of {others[0].event.id} reopens it"
        )
    row = next(row for row in table.rows if row.id == grounds.row)
    then, now = (Standing(table, position, history) for history in (before, after))
    if result.day > on or then.truth(row) is not TRUE or now.truth(row) is TRUE:
        return None
    why = "; ".join(row_reasons(now, row))
    known_late = (
        f"{name} of {result.day} became known after {end} ({', '.join(row.basis)}), and speaks against it: {why}"
    )
    return f"{known_late}; this stays so, and a correction or retraction of {', '.join(grounds.events)} reopens it"
