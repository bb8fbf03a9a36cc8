"""What the command line reads: protocols with their readings, events, actions, days. Every fault is a line of text."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

import click
from attrs import frozen

from protocol_engine.engine.course import Machine, derived
from protocol_engine.engine.intake import accepted, parse_action, parse_events
from protocol_engine.entrypoints.telemetry import tell
from protocol_engine.errors import InputError, Problem, Problems, ProtocolEngineError, cut, shown
from protocol_engine.model.events import CorrectionEvent, PatientEvent, RetractionEvent
from protocol_engine.model.facts import DAY_PATTERN
from protocol_engine.model.protocol import Protocol
from protocol_engine.service import Course, compile_amended, compile_protocol, load_protocol, protocol_text, readings_of

STANDARD_INPUT = "-"


class Unreadable(ProtocolEngineError):
    """An input that could not be read, with a line for each fault."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines


@frozen
class Received:
    """The events of a course in the order in which they arrived, and how many were skipped for a fact nobody reads.

    ``last`` is the last date among all of them, those that were skipped included; None where there is none.
    """

    events: tuple[PatientEvent, ...]
    skipped: int
    last: date | None


def text_of(name: str) -> tuple[str, str]:
    """The text of a file, or of standard input for ``-``, and what to call it. :class:`InputError` if it is no text."""
    source = "standard input" if name == STANDARD_INPUT else name
    refuse_nul(name)
    try:
        content = _standard_input() if name == STANDARD_INPUT else Path(name).read_bytes()
    except OSError as error:
        raise InputError(f"{source}: cannot be read ({error.strerror})") from None
    try:
        return content.decode("utf-8-sig"), source
    except UnicodeDecodeError:
        raise InputError(f"{source}: is not UTF-8 text") from None


def _standard_input() -> bytes:
    if sys.stdin is None:  # closed by whoever started the program
        raise InputError("standard input: is closed")
    return sys.stdin.buffer.read()


def refuse_nul(name: str) -> None:
    """No system has a file with a NUL in its name; :class:`InputError` says so before the system is asked."""
    if "\0" in name:
        raise InputError(f"{name}: a file name cannot hold a NUL character")


def protocol_file(name: str) -> tuple[str, str]:
    """The text of a protocol file and what to call it: an id that is shipped, or a path."""
    refuse_nul(name)
    return protocol_text(name)


def protocol_of(name: str, selected: Mapping[str, str]) -> Protocol:
    """The protocol of that id or path, under the selected readings."""
    refuse_nul(name)
    try:
        return load_protocol(name, selected)
    except Problems as problems:
        raise Unreadable(tuple(_protocol_line(problem, selected) for problem in problems.problems)) from None


def _protocol_line(problem: Problem, selected: Mapping[str, str]) -> str:
    """A reading that the file does not have is a fault of the option, not of the file."""
    name = problem.path.removeprefix("assumptions.")
    given = {cut(assumption): cut(reading) for assumption, reading in selected.items()}  # as a path shows them
    if name in given and problem.code in ("unknown-assumption", "unknown-reading"):
        return f"--reading {name}={given[name]}: {problem.message}"
    return str(problem)


def machine_of(name: str, selected: Mapping[str, str], amendments: Sequence[str] = ()) -> Machine:
    """The protocol of that id or path, compiled, with the versions that amend it.

    A reading is selected in every version that has it; each must be one of some version.
    """
    if not amendments:
        machine = compile_protocol(protocol_of(name, selected))
    else:
        names = (name, *amendments)
        own = [_readings_of(version, selected) for version in names]
        left = {name: reading for name, reading in selected.items() if not any(name in found for found in own)}
        own[0] |= left  # no version has it, and the first one says so
        machine = compile_amended([protocol_of(version, found) for version, found in zip(names, own, strict=True)])
    table = machine.table
    tell("protocol loaded", protocol=table.protocol, version=table.version, digest=table.digest)
    return machine


def _readings_of(name: str, selected: Mapping[str, str]) -> dict[str, str]:
    """Those of the selected readings that a version has."""
    refuse_nul(name)
    declared = readings_of(name)
    return {name: reading for name, reading in selected.items() if reading in declared.get(name, ())}


def received(machine: Machine, name: str, *, skip_unknown_facts: bool) -> Received:
    """The events of a JSON Lines file as the protocol reads them; a fault names the file and the line."""
    text, source = text_of(name)
    lines = text.split("\n")
    try:
        events = parse_events(lines, source)
    except Problems as problems:
        raise Unreadable(tuple(event_line(problem) for problem in problems.problems)) from None
    try:
        kept, skipped = accepted(machine.table, events, skip_unknown_facts=skip_unknown_facts, source=source)
    except Problems as problems:
        # The intake counts events; empty lines between them make that another line of the file.
        numbers = [number for number, line in enumerate(lines, 1) if line.removeprefix("\ufeff").strip()]
        told = (event_line(problem, numbers[problem.mark.line - 1]) for problem in problems.problems)
        raise Unreadable(tuple(told)) from None
    tell("events read", events=len(kept), skipped=skipped)
    return Received(tuple(kept), skipped, max((event.issued.day for event in events), default=None))


def event_line(problem: Problem, number: int | None = None) -> str:
    """A fault in an event, with the file and the line: ``number``, or that of its mark."""
    line = number if number is not None else problem.mark.line
    return f"{problem.source}:{line} {_without_root(problem.path)}{problem.message}"


def _without_root(path: str) -> str:
    return "" if path == "." else f"{path} "


def course_of(machine: Machine, events: Iterable[PatientEvent]) -> Course:
    """The course of these events, derived at once."""
    return Course(machine, derived(machine, {event.id: event for event in events})[0])


def course_id(name: str) -> str:
    """What an audit log calls a course: the name of its file without folder and ending."""
    return "course" if name == STANDARD_INPUT else Path(name).stem


def action_of(machine: Machine | None, text: str) -> PatientEvent:
    """The act asked about, as the protocol reads it; a fault names the key. Without a machine, as it is written."""
    try:
        event = parse_action(text)
        if machine is None or isinstance(event, CorrectionEvent | RetractionEvent):
            return event
        return accepted(machine.table, [event])[0][0]
    except Problems as problems:
        told = (_without_root(p.path).removeprefix("proposed.") + p.message for p in problems.problems)
        raise Unreadable(tuple(f"ACTION {line}" for line in told)) from None


class Day(click.ParamType[date]):
    """A day of the calendar, written 2026-01-31 and in no other way."""

    name = "date"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """The day; a usage error for anything else."""
        text = str(value)
        if not DAY_PATTERN.fullmatch(text):
            self.fail(f"{shown(text)} is not a date such as 2026-01-31", param, ctx)
        try:
            return date.fromisoformat(text)
        except ValueError:
            self.fail(f"{text} is not a day of the calendar", param, ctx)
