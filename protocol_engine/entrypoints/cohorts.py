"""Many patients in one file, one a line, as every command that takes a cohort reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from protocol_engine.codec import CODEC, Invalid, parse_json, path_text
from protocol_engine.engine.course import Machine
from protocol_engine.engine.intake import accepted
from protocol_engine.entrypoints import inputs
from protocol_engine.entrypoints.inputs import Unreadable
from protocol_engine.errors import Problems
from protocol_engine.model.events import PatientEvent

PATIENT_KEYS = {"patient", "events"}


def lines_of(source: str) -> list[tuple[str, str]]:
    """The lines of a cohort that are not blank, each with where it stands."""
    text, name = inputs.text_of(source)
    return [(f"{name}:{number}", line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]


def patient_of(line: str, where: str) -> tuple[str, list[PatientEvent]]:
    """One line of a cohort: the patient's name and events."""
    try:
        value = parse_json(line)
        if not isinstance(value, dict) or value.keys() != PATIENT_KEYS or not isinstance(value["patient"], str):
            raise Unreadable((f'{where} is no patient: write {{"patient": "p1", "events": [...]}}',))
        events: list[PatientEvent] = list(CODEC.structure(value["events"], tuple[PatientEvent, ...]))
    except Invalid as invalid:
        raise Unreadable(tuple(f"{where} {path_text(f.path)} {f.message}" for f in invalid.findings)) from None
    return value["patient"], events


def courses_of(
    machine: Machine, source: str, *, skip_unknown_facts: bool = False
) -> Iterator[tuple[str, list[PatientEvent]]]:
    """The patients of a cohort with their events as the protocol reads them. Who stands twice would count twice."""
    seen: dict[str, str] = {}
    for where, line in lines_of(source):
        patient, events = patient_of(line, where)
        if patient in seen:
            raise Unreadable((f"{where} {patient} stands in line {seen[patient]} already",))
        seen[patient] = where.rpartition(":")[2]
        yield patient, events_of(machine, events, where, skip_unknown_facts=skip_unknown_facts)


def events_of(
    machine: Machine, events: Sequence[PatientEvent], where: str, *, skip_unknown_facts: bool = False
) -> list[PatientEvent]:
    """The events as the protocol reads them; what it cannot read is told with where they stand."""
    try:
        return accepted(machine.table, events, skip_unknown_facts=skip_unknown_facts)[0]
    except Problems as problems:
        told = tuple(f"{where} {problem.path} {problem.message}" for problem in problems.problems)
        raise Unreadable(told) from None
