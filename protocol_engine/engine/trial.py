"""What passes between the course of a trial and the courses of its patients: announcements, both ways.

A trial is a course of its own, of a file with ``subject: trial``. What its patients' courses announce reaches it as
observations of facts ``each`` of a patient; what it announces itself reaches every course as observations of facts of
the patients' file. Both are made day by day from what was known at the end of that day, and once made they stay: what
is found out later is a further observation, dated on the day on which it was found out, or a retraction where nothing
is known any more. So an announcement is true to its day, and so is a decision that rested on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import groupby

from protocol_engine.engine.course import Machine, State, begin, step
from protocol_engine.engine.folding import Fold
from protocol_engine.model.evaluation import YES
from protocol_engine.model.events import EventTime, ObservationEvent, PatientEvent, RetractionEvent
from protocol_engine.model.facts import FactDefinition
from protocol_engine.model.table import Table
from protocol_engine.model.units import plain

Announced = ObservationEvent | RetractionEvent
Said = str | bool | None


def announcements(
    machine: Machine,
    heard_by: Table,
    events: Iterable[PatientEvent],
    *,
    patient: str | None = None,
    since: date | None = None,
    until: date | None = None,
) -> Iterator[Announced]:
    """What a course announces to another table: each fact that this one reads, as often as its value changed.

    ``patient`` is the name under which a trial knows the patient whose course it is; without it the course is that of a
    trial. ``since`` is the day on which it begins to announce (default: that of the first event), and ``until`` the
    last day that is looked at (default: that of the last event), since values change by the calendar too.
    """
    source = patient if patient is not None else machine.table.protocol
    named = machine.table.announces.items()
    heard = {name: (said.value, heard_by.facts[name]) for name, said in named if name in heard_by.facts}
    known: dict[str, tuple[int, Said]] = {}
    standing: dict[str, list[str]] = {}
    for day, fold in _days(machine, events, since, until):
        for name, (value, fact) in heard.items():
            said = _said(fold, value, fact)
            number, before = known.get(name, (0, None))
            if said == before:
                continue
            if said is None:  # all of them, or the one before the last would be the newest again
                yield from (_retracted(event, day) for event in reversed(standing.pop(name, [])))
            else:
                number += 1
                standing.setdefault(name, []).append(f"{source}.{name}.{number}")
                components = {fact.each: patient} if fact.each is not None and patient is not None else {}
                yield ObservationEvent(
                    id=f"{source}.{name}.{number}",
                    effective=EventTime.of(day.isoformat()),
                    fact=name,
                    value=said,
                    unit=fact.quantity,
                    components={str(key): of for key, of in components.items()},
                )
            known[name] = number, said


def misfits(trial: Table, patients: Table) -> tuple[str, ...]:
    """Why the files of a trial and of its patients do not belong together; empty if they do."""
    if trial.subject != "trial":
        return (f"{trial.protocol} is the course of a patient; give a file with `subject: trial`",)
    if patients.subject != "patient":
        return (f"{patients.protocol} is the course of a trial; give the file of its patients",)
    lacking = [name for name in trial.announces if name not in patients.facts]
    known = [name for name in trial.announces if name in patients.facts and not patients.facts[name].of_study]
    unheard = [name for name in patients.announces if name not in trial.facts]
    alone = [name for name in patients.announces if name in trial.facts and trial.facts[name].each is None]
    silent = [name for name, fact in trial.facts.items() if fact.each is not None and name not in patients.announces]
    return (
        *(f"{name} is announced, and is no fact of {patients.protocol}" for name in lacking),
        *(f"{name} is announced by the trial and would count as a contact: say of_study: yes" for name in known),
        *(f"{name} is announced by {patients.protocol}, and is no fact of {trial.protocol}" for name in unheard),
        *(f"{name} is announced by every patient; say what it is reported of: each: patient" for name in alone),
        *(f"{name} is announced by nobody: {patients.protocol} has no such announcement" for name in silent),
    )


def _days(
    machine: Machine, events: Iterable[PatientEvent], since: date | None, until: date | None
) -> Iterator[tuple[date, Fold]]:
    """The course at the end of each day on which something became known, or changed by the calendar."""
    state: State = begin(machine)
    last = since
    if since is not None:
        yield since, machine.folder.on(state.now, since)
    known = (event for event in events if until is None or event.issued.day <= until)
    for day, group in groupby(sorted(known, key=lambda event: event.issued.day), key=lambda event: event.issued.day):
        if last is not None:
            yield from _turns(machine, state.now, last, day)
        for event in sorted(group, key=lambda event: (event.kind in ("correction", "retraction"), event.id)):
            state = step(machine, state, event).state
        last = day
        yield day, machine.folder.on(state.now, day)
    if last is not None and until is not None:
        yield from _turns(machine, state.now, last, until + timedelta(1))


def _turns(machine: Machine, fold: Fold, last: date, before: date) -> Iterator[tuple[date, Fold]]:
    """Between two days the ones on which something changes by itself."""
    if not machine.table.timed:
        return
    day = last
    while (turn := machine.folder.on(fold, day).standing.next_turn(before)) is not None and day < turn < before:
        day = turn
        yield day, machine.folder.on(fold, day)


def _said(fold: Fold, name: str, fact: FactDefinition) -> Said:
    """The value as a report of the fact would say it; None while it is unknown."""
    value = fold.standing.evaluation.value(name).value
    if isinstance(value, Decimal | Fraction):
        return plain(value)
    if isinstance(value, date):
        return value.isoformat()
    if not isinstance(value, str):
        return None
    return value == YES if fact.yes_no else value


def _retracted(event: str, day: date) -> RetractionEvent:
    """What was announced no longer holds, and nothing is known in its place."""
    time = EventTime.of(day.isoformat())
    return RetractionEvent(id=f"{event}.not", effective=time, retracts=event, reason="no longer known")
