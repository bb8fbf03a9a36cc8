"""What a reader should know of a report that moves nothing: sentences that every later decision carries."""

from __future__ import annotations

from collections.abc import Iterator

from protocol_engine.engine import wording
from protocol_engine.engine.labels import row_reasons
from protocol_engine.engine.standing import Standing
from protocol_engine.model.events import DiscontinuationEvent, UnblindingEvent
from protocol_engine.model.history import History, Result
from protocol_engine.model.reading import HistoryLeaves
from protocol_engine.model.state import Entered, Position
from protocol_engine.model.table import Row, Table
from protocol_engine.model.truth import TRUE
from protocol_engine.model.values import Ever, Holds, Last, Prefer


def of_what_is_over(table: Table, about: Entered, event: DiscontinuationEvent) -> str:
    """That a stop is about an element that was over when it was told."""
    place = table.places[about.place]
    title = place.title or wording.words(place.element or "")
    what = "treatment" if event.scope == "treatment" else table.drugs[event.scope].name
    told = f"{what} was stopped for good on {event.effective.day}"
    return f"{told}: this is about {title}, which is over, and ends nothing else"


def on_an_end(table: Table, position: Position, before: History, after: History, result: Result) -> str | None:
    """That a result puts the end of treatment, or of the course, in doubt; by itself it does not undo it."""
    grounds, ended = position.grounds, position.ended
    if grounds is None or result.value is None or (ended is None and position.stopped is None):
        return None
    on = ended.on if ended is not None else position.stopped[1] if position.stopped is not None else result.day
    what = "the course" if ended is not None else "protocol treatment"
    if position.track is not None:
        what = wording.track_words(table, position.arm, position.track)
    end = f"{what} ended on {on}"
    name = wording.fact_words(table, result.event.fact, result.timepoint)
    row = next(row for row in table.rows if row.id == grounds.row)
    groups = after.results[result.event.fact].groups
    known = groups[result.group]
    if _reads_newest(table, row, result.event.fact):
        known = tuple(r for group in groups.values() for r in group if r.day <= result.day)
    others = [r for r in known if r.event.id in grounds.events and r.value not in (None, result.value)]
    if others:
        says = f"{name} is {result.event.value} here and {others[0].event.value} in {others[0].event.id}"
        return (
            f"{says}, on which {end}; this stays so, and a correction or retraction of {others[0].event.id} reopens it"
        )
    then, now = (Standing(table, position, history) for history in (before, after))
    if result.day > on or then.truth(row) is not TRUE or now.truth(row) is TRUE:
        return None
    why = "; ".join(row_reasons(now, row))
    known_late = (
        f"{name} of {result.day} became known after {end} ({', '.join(row.basis)}), and speaks against it: {why}"
    )
    return f"{known_late}; this stays so, and a correction or retraction of {', '.join(grounds.events)} reopens it"


def _reads_newest(table: Table, row: Row, fact: str) -> bool:
    """Whether a row reads the newest result of a fact, whatever its timepoint, so that a later one takes its place."""
    values = [table.values.get(test.name, test.name) for guard in row.guards for test in guard.condition.tests]
    return any(
        value == fact or (isinstance(value, Last) and value.at is None and value.last == fact) for value in values
    )


def of_other_times(standing: Standing, asked: dict[str, tuple[Ever, ...]]) -> Iterator[str]:
    """Adverse events that count nowhere: they came before any dose, or before what is given now and were told later.

    ``asked`` are, by place, the values of adverse events that rows there read.
    """
    position, table, place = standing.position, standing.table, standing.place
    allocated = position.marks.get("allocation")
    if allocated is None or position.ended is not None:
        return
    ever = (value for name, values in asked.items() if table.places[name].arm == place.arm for value in values)
    read = [*asked[place.id], *(value for value in ever if "element" not in value.since)]
    leaves = HistoryLeaves(table, standing.history, position, standing.day)
    beside = [(HistoryLeaves(table, s.history, s.position, s.day), asked[s.place.id]) for s in standing.beside]
    first = position.first_dose
    begun = position.entered if place.kind in ("giving", "observing") else None
    for event in standing.history.adverse:
        day = event.effective.day
        if event.unacceptable is False and not table.grades_asked:  # kept for another version alone
            continue
        if day < allocated or any(leaves.reaches(value, event) for value in read):
            continue
        if any(other.reaches(value, event) for other, values in beside for value in values):
            continue
        told = f"{event.id}: the adverse event of {day}"
        if first is None or day < first:
            yield f"{told} is before the first dose, so it is no toxicity of this treatment and changes nothing"
        elif begun is not None and day < begun <= event.issued.day:
            title = place.title or wording.words(place.element or "")
            first_dose = "the first dose of " if place.kind == "giving" else ""
            late = f"became known on {event.issued.day}; it is before {first_dose}{title}"
            yield f"{told} {late} and changes nothing there"


def of_reports_that_end_nothing(table: Table, position: Position, history: History) -> Iterator[str]:
    """That a new therapy began, or that the patient is lost, while protocol treatment is not over."""
    if position.ended is not None or position.stopped is not None:
        return
    for name, what in _REPORTED.items():
        done = history.done.get(name) if name not in table.facts else None
        if done is not None:
            yield f"{done.event_id}: {what} on {done.day}; by itself this ends nothing under the protocol"


_REPORTED = {
    "new_therapy": "a new anticancer therapy began",
    "lost_to_follow_up": "the patient was lost to follow-up",
}


def of_unblinding(event: UnblindingEvent) -> str:
    """That the allocation was made known: to whom, when, by whom and why, as far as that may be seen."""
    told = f"{event.id}: the allocation was made known to the {wording.words(event.to)} on {event.effective.day}"
    if event.reason == wording.NOT_SHOWN:
        return f"{told}; by whom and why is not shown"
    return f"{told} by {event.by}: {event.reason}"


def adverse_events_asked(table: Table) -> dict[str, tuple[Ever, ...]]:
    """By place, the values of adverse events that rows out of it, or falls in it, read directly or through others."""
    found = {}
    for name in table.places:
        rows = (*table.falls_at[name][0], *table.offers.get(name, ()))
        ahead = [test.name for row in rows for guard in row.asked for test in guard.condition.tests]
        ahead += [test.name for condition in table.dose_conditions for test in condition.tests]
        values: dict[str, Ever] = {}
        seen: set[str] = set()
        while ahead:
            asked = ahead.pop()
            value = table.values.get(asked)
            if isinstance(value, Ever) and "adverse_event" in value.ever:
                values[asked] = value
            elif isinstance(value, Holds) and asked not in seen:
                seen.add(asked)
                ahead += [test.name for test in value.holds.tests]
            elif isinstance(value, Prefer) and asked not in seen:
                seen.add(asked)
                ahead += value.prefer
        found[name] = tuple(values.values())
    return found
