"""A log as somebody sees it who must not know the arm: records made anew, which no hash ties together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from attrs import evolve

from protocol_engine.audit.records import Chain, Record
from protocol_engine.codec import CODEC, Invalid, path_text
from protocol_engine.engine.blinding import Steps, View, decide_as, propose_as, shown_event, view_of
from protocol_engine.engine.course import Machine, State, decide, propose
from protocol_engine.engine.intake import ASKED, accept_one
from protocol_engine.errors import InputError, Mark, Problem, Problems
from protocol_engine.model.events import PatientEvent

TIED = ("hash", "previous")
"""What ties the records of a log together, and would be of no use in a view of it."""


def seen_records(machine: Machine, records: Iterable[Record], role: str) -> Iterator[dict[str, Any]]:
    """The records of a log as a role may see them, each with ``view`` and without hashes.

    Answers are derived again from the events of the log. Of a record that cannot be shown at all there is its sequence,
    its kind and the view. :class:`Problems` if an event of the log cannot be read.
    """
    steps = Steps(machine, role)
    for record in records:
        try:
            if record.kind == "step":
                _, seen = steps.take(CODEC.structure(record.event, PatientEvent))
                view = steps.view
                made = Chain.begin(view.machine, record.course).step(seen) if seen is not None else None
            else:
                view, made = _asked(machine, steps.state, record, role)
        except Invalid as invalid:
            raise Problems(tuple(_unreadable(record, path_text(f.path), f.message) for f in invalid.findings)) from None
        except InputError as error:
            raise Problems((_unreadable(record, "event", str(error)),)) from None
        yield _shown(record, made, view)


def _asked(machine: Machine, state: State, record: Record, role: str) -> tuple[View, Record | None]:
    """A refusal, or a decision that was asked for, as it is seen."""
    if record.kind == "decision":
        asked = record.event.get("as_of")
        as_of: date | None = CODEC.structure(asked, date) if asked is not None else None
        view = view_of(machine, state, role, as_of)
        decision = decide_as(machine, state, role, as_of) if view.blinded else decide(machine, state, as_of)
        made = Chain.begin(view.machine, record.course).decision(view.state, decision, as_of)
        return view, evolve(made, decision=evolve(decision, view=view.said).as_json())
    act: PatientEvent = accept_one(machine.table, CODEC.structure({**record.event, "id": ASKED}, PatientEvent))
    view = view_of(machine, state, role, act.effective.day)
    chain = Chain.begin(view.machine, record.course)
    if not view.blinded:
        return view, chain.answer(state, act, propose(machine, state, act))
    seen = shown_event(machine, act)
    return view, chain.answer(view.state, seen, propose_as(machine, state, seen, role)) if seen is not None else None


def _shown(record: Record, made: Record | None, view: View) -> dict[str, Any]:
    if made is None:
        return {"sequence": record.sequence, "kind": record.kind, "view": {**view.said, "shown": False}}
    found = {key: item for key, item in made.as_json().items() if key not in TIED}
    return {**found, "sequence": record.sequence, "view": view.said}


def _unreadable(record: Record, path: str, message: str) -> Problem:
    return Problem("audit-unreadable-event", f"[{record.sequence}].{path}", message, Mark(record.sequence + 1), "audit")
