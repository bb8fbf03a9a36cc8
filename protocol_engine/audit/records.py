"""The records of a log: how one is made, and how a line is read back as one."""

from __future__ import annotations

from datetime import date
from hashlib import sha256
from itertools import chain
from typing import Any, Literal, get_args

from attrs import field, frozen

from protocol_engine.codec import Invalid, canonical, event_json, parse_json
from protocol_engine.engine.course import Machine, State, Step, known_by
from protocol_engine.engine.intake import accept_one
from protocol_engine.errors import InputError, Mark, Problem, Problems
from protocol_engine.model.decision import Answer, Decision, TriedRow, Verdict, each_once
from protocol_engine.model.events import PatientEvent
from protocol_engine.model.table import claim_order
from protocol_engine.version import ENGINE_VERSION

RecordKind = Literal["step", "refusal", "decision"]
NOTHING_BEFORE = "0" * 64
"""What the first record names as the hash of the one before it."""


@frozen
class Record:
    """One line of an audit log.

    ``kind`` is ``step`` (an event was taken: ``event`` is its wire form), ``refusal`` (a proposed act was not allowed:
    ``event`` is the act, without an id) or ``decision`` (somebody asked what comes next: ``event`` is
    ``{"as_of": day}``, or null for the last date among the events). ``place_before`` and ``place_after`` are where the
    course was before the step and is after it, also where the event was late or rewrites another; in a refusal and a
    decision they are where it was on the day asked about. In an arm with tracks the place of each track stands behind,
    as in ``a/doses; radiation: a/radiation/planning``.

    ``protocol`` is the version under which the answer was given; a claim of another version is named with it
    (``R3@1``). ``readings`` is the selected reading of every assumption, so that the machine can be compiled again.
    ``rows`` are
    the rows tried, each with its outcome (true, false, unknown) and the ids of the events that decided it: in a step
    and a refusal first those tried for the event or the act, then in every record those that the decision rests on,
    which are the offers of the place (after an end the row that ended the course; none while eligibility is not met),
    and the falls that are in doubt. A row stands twice only if the event changed what it is worth.
    ``verdict`` says how an act was judged, ``decision`` what comes next (null in a refusal, after which all stands as
    before). ``changed`` says what a late event, a correction or a retraction changed in what was said before. An event
    that is reported again makes a record with ``repeated``, which moves nothing. ``citations`` are all rules and
    assumptions that the answer and the rows tried rest on.

    ``hash`` is SHA-256, in hexadecimal, over the canonical form of everything else; ``previous`` is the hash of the
    record before. ``line`` is the record as it is stored, with the line's end.
    """

    changed: list[str]
    citations: list[str]
    course: str
    decision: dict[str, Any] | None
    engine_version: str
    event: dict[str, Any]
    hash: str
    kind: RecordKind
    place_after: str
    place_before: str
    previous: str
    protocol: dict[str, str]
    readings: dict[str, str]
    repeated: bool
    rows: list[dict[str, Any]]
    sequence: int
    verdict: dict[str, Any] | None
    line: bytes = field(eq=False, repr=False)

    def as_json(self) -> dict[str, Any]:
        """The record as plain JSON."""
        return {key: getattr(self, key) for key in SHAPE}


SHAPE: dict[str, tuple[type, ...]] = {
    "changed": (list,),
    "citations": (list,),
    "course": (str,),
    "decision": (dict, type(None)),
    "engine_version": (str,),
    "event": (dict,),
    "hash": (str,),
    "kind": (str,),
    "place_after": (str,),
    "place_before": (str,),
    "previous": (str,),
    "protocol": (dict,),
    "readings": (dict,),
    "repeated": (bool,),
    "rows": (list,),
    "sequence": (int,),
    "verdict": (dict, type(None)),
}
"""The keys of a record in their canonical order, and the JSON type of each."""


def joined(*objects: bytes) -> bytes:
    """Canonical objects as one, if all keys of each sort before those of the next."""
    return b",".join([written[1:-1] for written in objects]).join((b"{", b"}"))


def sealed(before: bytes, after: bytes) -> tuple[str, bytes]:
    """The hash of a record and its line, from its fields whose keys sort before ``hash`` and those that sort after it.

    The hash is over both of them joined, which is the canonical form of the record without its hash; the line is the
    same with the hash in its place.
    """
    head, tail = before[:-1] + b",", after[1:]
    found = sha256(head + tail).hexdigest()
    return found, b"".join((head, b'"hash":"', found.encode(), b'",', tail, b"\n"))


@frozen
class Chain:
    """Where the log of one course stands: the number of its records, and the hash of the last of them (its head).

    It makes the next record; :meth:`after` is the chain with that record on it. Nothing here grows with the log.
    """

    machine: Machine = field(repr=False, eq=False)
    course: str
    length: int
    head: str

    @classmethod
    def begin(cls, machine: Machine, course: str, length: int = 0, head: str = NOTHING_BEFORE) -> Chain:
        """The log of a course: a new one, or one of ``length`` records of which the last has the hash ``head``."""
        return cls(machine, course, length, head)

    def after(self, record: Record) -> Chain:
        """The chain once the record is written."""
        return Chain(self.machine, self.course, record.sequence + 1, record.hash)

    def at(self, course: str, length: int, head: str) -> Chain:
        """The chain of a course at another record."""
        return Chain(self.machine, course, length, head)

    def step(self, taken: Step) -> Record:
        """The record of one event taken, with the decision after it."""
        trace = taken.trace
        return self._record(
            "step",
            event_json(taken.event),
            (taken.place_before, taken.place_after),
            tried=each_once(trace.tried, taken.decision.tried),
            verdict=trace.verdict,
            decision=taken.decision,
            changed=taken.changed,
            repeated=taken.repeated,
        )

    def refusal(self, state: State, act: PatientEvent, answer: Answer) -> Record:
        """The record of an act that was proposed and refused. :class:`InputError` if the answer allows it."""
        if answer.allowed:
            raise InputError("an act that is allowed is no refusal: record it as a step once it is done")
        return self.answer(state, accept_one(self.machine.table, act), answer)

    def answer(self, state: State, act: PatientEvent, answer: Answer) -> Record:
        """The record of an answer to a proposal, whatever it says."""
        now = known_by(self.machine, state, act.effective.day)[0].now
        place, under = now.position.all_places, self.machine.under(now)
        return self._record(
            "refusal", event_json(act, with_id=False), (place, place), under=under, tried=answer.tried, verdict=answer
        )

    def decision(self, state: State, decision: Decision, as_of: date | None = None) -> Record:
        """The record of a decision that somebody asked for, as of the day asked about."""
        known = state if as_of is None else known_by(self.machine, state, as_of)[0]
        place = known.now.position.all_places
        asked = {"as_of": as_of.isoformat() if as_of is not None else None}
        return self._record("decision", asked, (place, place), tried=decision.tried, decision=decision)

    def _record(  # noqa: PLR0913  # an argument for each part of a record
        self,
        kind: RecordKind,
        event: dict[str, Any],
        places: tuple[str, str],
        *,
        under: Machine | None = None,
        tried: tuple[TriedRow, ...] = (),
        verdict: Verdict | Answer | None = None,
        decision: Decision | None = None,
        changed: tuple[str, ...] = (),
        repeated: bool = False,
    ) -> Record:
        machine = under or (self.machine.of(decision.protocol) if decision is not None else None) or self.machine
        before: dict[str, Any] = {
            "changed": list(changed),
            "citations": self._citations(machine.table.version, tried, verdict, decision),
            "course": self.course,
            "decision": decision.as_json() if decision is not None else None,
            "engine_version": ENGINE_VERSION,
            "event": event,
        }
        between: dict[str, Any] = {
            "kind": kind,
            "place_after": places[1],
            "place_before": places[0],
            "previous": self.head,
        }
        after: dict[str, Any] = {
            "repeated": repeated,
            "rows": [row.as_json() for row in tried],
            "sequence": self.length,
            "verdict": verdict.as_json() if verdict is not None else None,
        }
        found, line = sealed(canonical(before), joined(canonical(between), machine.named, canonical(after)))
        return Record(
            **before,
            hash=found,
            **between,
            protocol=machine.decider.identity,
            readings=machine.table.readings,
            **after,
            line=line,
        )

    def _citations(
        self,
        version: str,
        tried: tuple[TriedRow, ...],
        verdict: Verdict | Answer | None,
        decision: Decision | None,
    ) -> list[str]:
        bases = self.machine.bases(version)
        found = [bases[row.row] for row in tried]
        if isinstance(verdict, Verdict):
            found.append(self.machine.cites(verdict.cites, verdict.version, version))
        elif verdict is not None:
            found.append(verdict.cites)
        if decision is not None:
            found.append(decision.assumptions)
            found += [action.basis for action in decision.actions]
            found += [wait.needed_by for wait in decision.awaiting]
            found += [refusal.cites for refusal in decision.not_allowed]
        return sorted({*chain(*found)}, key=claim_order)


# --- reading ----------------------------------------------------------------------------------------------------------

_JSON_NAMES: dict[type, str] = {
    list: "a list",
    dict: "an object",
    str: "text",
    int: "a whole number",
    bool: "true or false",
    type(None): "null",
}


def read_record(line: bytes, number: int = 1, source: str = "audit log") -> Record:
    """The record that a line holds, with its end or without. Whether it is true is for :func:`verify` to say.

    :class:`Problems` if the line holds none, whatever its bytes.
    """
    path, message, fields = _read(line)
    if message:
        raise Problems((Problem("audit-malformed", path, message, Mark(number), source),))
    return Record(**fields, line=line)


def _read(line: bytes) -> tuple[str, str, dict[str, Any]]:
    """The fields of a record, or where the line is wrong and how."""
    try:
        value = parse_json(line.decode())
        canonical(value)
    except UnicodeDecodeError as error:
        return ".", f"is not UTF-8 text from byte {error.start + 1} on", {}
    except Invalid as invalid:
        return ".", invalid.findings[0].message, {}
    except (TypeError, ValueError, RecursionError):
        return ".", "holds a number, a character or a nesting that canonical JSON has no form for", {}
    if not isinstance(value, dict):
        return ".", "is no record: a record is a JSON object", {}
    return (*_misshapen(value), value)


def _misshapen(value: dict[str, Any]) -> tuple[str, str]:
    for key in sorted(value.keys() ^ SHAPE.keys()):
        return (key, "is missing") if key in SHAPE else (ascii(key[:40]), "is no key of a record")
    for key, kinds in SHAPE.items():
        if type(value[key]) not in kinds:
            return key, f"must be {' or '.join(_JSON_NAMES[kind] for kind in kinds)}"
    if value["kind"] not in get_args(RecordKind):
        return "kind", f"must be one of {', '.join(get_args(RecordKind))}"
    for key in ("protocol", "readings"):
        if not all(isinstance(item, str) for item in value[key].values()):
            return key, "must hold text only"
    return ".", ""
