"""Is a log whole, and is it true? One pass over its lines, and every answer derived again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from protocol_engine.audit.records import NOTHING_BEFORE, SHAPE, Chain, Record, read_record, sealed
from protocol_engine.codec import CODEC, Invalid, canonical, path_text
from protocol_engine.engine.course import Machine, begin, decide, propose, step
from protocol_engine.engine.intake import accept_one
from protocol_engine.errors import Mark, Problem, Problems, ProtocolEngineError
from protocol_engine.model.events import PatientEvent
from protocol_engine.version import ENGINE_VERSION

ONE_COURSE = ("course", "protocol", "readings")
"""What all records of a log share."""

Found = tuple[str, str, str]
"""A code, a path inside the record, and a message."""


def verify(
    lines: Iterable[bytes], machine: Machine | None = None, head: str | None = None, source: str = "audit log"
) -> tuple[Problem, ...]:
    """Everything wrong with a log: its lines in order, each with its end, as a file opened for bytes gives them.

    With the ``machine``, compiled with the readings that the log names, every answer is derived again. With the
    ``head``, the hash of the last record as kept elsewhere, a log that was cut off or written on is found. No problem
    means: the log is whole (to its end, if a head was given) and true (if a machine was given).
    """
    reading = _Reading(machine, head, source)
    for number, line in enumerate(lines, 1):
        reading.take(number, line)
    return reading.end()


class _Reading:
    """One pass over a log. It keeps what the next record is held against, and nothing of the records behind."""

    def __init__(self, machine: Machine | None, head: str | None, source: str) -> None:
        self.rederiving = _Rederiving(machine) if machine is not None else None
        self.head = head
        self.head_at: int | None = None
        self.source = source
        self.problems: list[Problem] = []
        self.mark = Mark()
        self.shared: dict[str, Any] = {}
        self.strangers: set[bytes] = set()
        self.versions: list[str] = []
        self.last: Record | None = None
        self.expected = 0
        self.previous = NOTHING_BEFORE

    def find(self, code: str, path: str, message: str) -> None:
        """One more problem, on the line being read."""
        self.problems.append(Problem(code, path, message, self.mark, self.source))

    def take(self, number: int, line: bytes) -> None:
        """Hold one line against everything before it."""
        self.mark = Mark(number)
        whole = line.endswith(b"\n")
        if not whole:
            self.find("audit-cut-off", ".", "has no line end: the log was cut off here, or written on by hand")
        try:
            record = read_record(line, number, self.source)
        except Problems as malformed:
            self.problems += malformed.problems if whole else ()
            self.rederiving = None
            return
        self.check_seal(record, line if whole else line + b"\n")
        self.check_place(record)
        self.check_shared(record)
        self.check_answer(record)

    def check_seal(self, record: Record, line: bytes) -> None:
        """Whether the record is what its hash says, written in the one canonical form."""
        fields = record.as_json()
        before = {key: value for key, value in fields.items() if key < "hash"}
        after = {key: value for key, value in fields.items() if key > "hash"}
        found, sealed_line = sealed(canonical(before), canonical(after))
        if sealed_line == line:
            return
        if found != record.hash:
            self.find("audit-changed", f"[{record.sequence}].hash", "is not the hash of this record: it was changed")
        if canonical(fields) + b"\n" != line:
            self.find("audit-not-canonical", f"[{record.sequence}]", "is not written as canonical JSON: it was changed")

    def check_place(self, record: Record) -> None:
        """Whether the record stands where it belongs, and names the one before it."""
        expected, sequence, path = self.expected, record.sequence, f"[{record.sequence}]"
        if record.hash == self.head:
            self.head_at = sequence
        if sequence < expected:
            self.broken(path, f"stands out of its place, or a second time: record {expected} comes next")
            return
        if sequence > expected:
            missing = f"{expected} is" if sequence == expected + 1 else f"{expected} to {sequence - 1} are"
            self.broken(path, f"stands where record {expected} comes next: {missing} missing")
        elif record.previous != self.previous:
            why = "that one was changed, or this one was put in its place"
            self.broken(f"{path}.previous", f"is not the hash of the record before it: {why}")
        self.expected, self.previous, self.last = sequence + 1, record.hash, record

    def broken(self, path: str, message: str) -> None:
        """The chain is broken: what follows cannot be derived from the events that are there."""
        note = "" if self.rederiving is None else NOT_DERIVED
        self.rederiving = None
        self.find("audit-broken-chain", path, message + note)

    def check_shared(self, record: Record) -> None:
        """Whether all records are of one course, under one protocol, each version with one selection of readings."""
        version = self.version_of(record)
        for key in ONE_COURSE:
            its = getattr(record, key)
            if its == self.shared.setdefault(key if key == "course" else f"{key} of {version}", its):
                continue
            stranger = canonical([key, its])
            if stranger not in self.strangers:
                self.strangers.add(stranger)
                self.find("audit-mixed", f"[{record.sequence}].{key}", f"is not the {key} of the log's first record")

    def version_of(self, record: Record) -> str:
        """The version of a record, if it is the first one or one that an amendment in the log names; else the first."""
        its = f"{record.protocol.get('id')} {record.protocol.get('version')}"
        self.versions = self.versions or [its]
        event: Any = record.event if record.kind == "step" else None
        while isinstance(event, dict):
            if event.get("kind") == "amendment":
                self.versions.append(f"{record.protocol.get('id')} {event.get('version')}")
            event = event.get("event")
        return its if its in self.versions else self.versions[0]

    def check_answer(self, record: Record) -> None:
        """Whether the engine gives the same answer again."""
        if self.rederiving is None:
            return
        for code, path, message in self.rederiving.compare(record):
            self.find(code, f"[{record.sequence}].{path}", message)
        if self.rederiving.stopped:
            self.rederiving = None

    def end(self) -> tuple[Problem, ...]:
        """All problems, once the last line was read."""
        if self.last is None:
            if not self.problems:
                self.find("audit-empty", ".", "holds no record")
            return tuple(self.problems)
        last = self.last.sequence
        if self.head is None or self.last.hash == self.head:
            pass
        elif self.head_at is None:
            self.find("audit-cut-off", f"[{last}]", "is the last record, and none has the given head: records are gone")
        else:
            self.find("audit-written-on", f"[{self.head_at}]", f"has the given head, and the log goes on to [{last}]")
        return tuple(self.problems)


NOT_DERIVED = "; from here on no answer is derived again"


class _Rederiving:
    """The course of a log, derived again from its events."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.state = begin(machine)
        self.chain = Chain.begin(machine, "")
        self.stopped = False
        self.other_engines: set[str] = set()

    def compare(self, record: Record) -> list[Found]:
        """What is not as the engine says it; ``stopped`` once nothing further can be derived."""
        if self.machine.of(record.protocol) is None:
            return self._stop("audit-other-protocol", "protocol", self._other_protocol(record))
        try:
            derived = self._derived(record)
        except Invalid as invalid:
            finding = invalid.findings[0]
            return self._stop("audit-unreadable-event", path_text(("event", *finding.path)), finding.message)
        except ProtocolEngineError as error:
            return self._stop("audit-unreadable-event", "event", str(error))
        if record.engine_version != ENGINE_VERSION:
            return self._other_engine(record.engine_version)
        if derived.hash == record.hash and derived.line.removesuffix(b"\n") == record.line.removesuffix(b"\n"):
            return []
        message = "is not what the engine derives from the events of this log"
        return [
            ("audit-differs", key, message)
            for key in SHAPE
            if key != "hash" and not _same(getattr(derived, key), getattr(record, key))
        ]

    def _derived(self, record: Record) -> Record:
        """The record as it would be made now."""
        table, event = self.machine.table, record.event
        chain = self.chain.at(record.course, record.sequence, record.previous)
        match record.kind:
            case "step":
                reported: PatientEvent = CODEC.structure(event, PatientEvent)
                accept_one(table, reported)
                taken = step(self.machine, self.state, reported)
                self.state = taken.state
                return chain.step(taken)
            case "refusal":
                act = accept_one(table, CODEC.structure({**event, "id": "proposed"}, PatientEvent))
                return chain.answer(self.state, act, propose(self.machine, self.state, act))
            case "decision":
                asked = event.get("as_of")
                as_of: date | None = CODEC.structure(asked, date) if asked is not None else None
                return chain.decision(self.state, decide(self.machine, self.state, as_of), as_of)

    def _stop(self, code: str, path: str, message: str) -> list[Found]:
        self.stopped = True
        return [(code, path, message + NOT_DERIVED)]

    def _other_engine(self, version: str) -> list[Found]:
        if version in self.other_engines:
            return []
        self.other_engines.add(version)
        message = f"is not the version of this engine, {ENGINE_VERSION}, so its answers are not compared"
        return [("audit-other-engine", "engine_version", message)]

    def _other_protocol(self, record: Record) -> str:
        like = self.machine.like(record.protocol)
        mine, its, selected = like.decider.identity, record.protocol, like.table.readings
        for key in ("id", "version"):
            if its.get(key) != mine[key]:
                return f"has the {key} {its.get(key)!a}, and the protocol given has {mine[key]}"
        other = [name for name, reading in record.readings.items() if selected.get(name) != reading]
        if other:
            read = ", ".join(f"{name!a}: {record.readings[name]!a}" for name in sorted(other))
            return f"has another digest than the protocol given: the log was written with other readings ({read})"
        return "has another digest than the protocol given: the protocol file, or the log, was changed"


def _same(one: Any, other: Any) -> bool:
    """Whether two values have one canonical form (1, 1.0 and true are equal in Python and different in JSON)."""
    try:
        return canonical(one) == canonical(other)
    except RecursionError:
        return False
