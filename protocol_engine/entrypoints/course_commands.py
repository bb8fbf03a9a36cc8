"""Commands about the course of one patient: what comes next, may this be done, and the whole course step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from datetime import date
from typing import Any

import click

from protocol_engine.adapters.audit_file import AuditFile
from protocol_engine.adapters.blocks import Page, Paragraph, section
from protocol_engine.adapters.decision_prose import answer_page, decision_page, decision_sections
from protocol_engine.adapters.phrases import counted
from protocol_engine.adapters.replay_prose import CourseLine, course_page
from protocol_engine.audit import Chain, Record
from protocol_engine.codec import event_json
from protocol_engine.engine.blinding import replay_as, table_seen
from protocol_engine.engine.course import Machine, Step, begin, decide, known_by, replay
from protocol_engine.entrypoints import inputs, options
from protocol_engine.entrypoints.output import show_json, show_page
from protocol_engine.entrypoints.progress import with_progress
from protocol_engine.entrypoints.telemetry import tell
from protocol_engine.errors import InputError
from protocol_engine.model.decision import Decision
from protocol_engine.service import Course


def skipped_words(skipped: int) -> list[str]:
    """What to say of observations that were skipped."""
    if not skipped:
        return []
    what = "observation was" if skipped == 1 else "observations were"
    return [f"{skipped} {what} skipped: this protocol does not read the facts"]


def counted_json(*, skipped: int | None, ignored: int) -> dict[str, int]:
    """What was left out of an answer, beside the answer itself."""
    found = {} if skipped is None else {"skipped_unknown_facts": skipped}
    return found | ({"ignored_events": ignored} if ignored else {})


def decided(course: Course, day: date | None, role: str | None) -> Decision:
    """The decision as of a day, as the role may see it that was asked for."""
    return course.decide(day) if role is None else course.decide_as(role, day)


# --- next ----------------------------------------------------------------------------------------------------------


@click.command(
    "next",
    short_help="What comes next for this patient, and why.",
    epilog=options.examples(
        "protocol-engine next NCT07239271 events.jsonl --as-of 2026-02-01",
        'echo \'{"id":"e1","kind":"consent","effective":"2026-01-02"}\' | protocol-engine next NCT07239271 -',
    ),
)
@click.argument("protocol")
@click.argument("events")
@click.option(
    "--as-of",
    type=inputs.Day(),
    metavar="DATE",
    help="The day asked about, with what had been issued by then. Default: the last date in EVENTS, skipped ones too.",
)
@options.role
@options.output_format
@options.reading
@options.amended_by
@options.skip_unknown_facts
@options.verbose
def next_command(  # noqa: PLR0913  # an argument for each option
    *,
    protocol: str,
    events: str,
    as_of: date | None,
    role: str | None,
    form: str,
    selected: Mapping[str, str],
    amendments: Sequence[str],
    skip_unknown_facts: bool,
) -> int:
    """What comes next for this patient, and why.

    PROTOCOL is a registry id (see `list`) or the path of a .yaml file. EVENTS is a JSON Lines file, one event a line,
    or - for standard input; an empty one is a course that has not begun.

    The answer lists every act that may be done, with its days, its drugs and doses and the rules behind it; what is
    awaited; what is not allowed and why; the assumptions it rests on; what the record does not state; and the
    deviations so far. Any answer is exit code 0. With --as ROLE it holds nothing that the protocol hides from that
    role.
    """
    machine = inputs.machine_of(protocol, selected, amendments)
    received = inputs.received(machine, events, skip_unknown_facts=skip_unknown_facts)
    course = inputs.course_of(machine, received.events)
    decision = decided(course, as_of if as_of is not None else received.last, role)
    ignored = known_by(machine, course.state, as_of)[1] if as_of is not None else 0
    _tell_decision(decision, ignored)
    if form == "json":
        skipped = received.skipped if skip_unknown_facts else None
        show_json({**decision.as_json(), **counted_json(skipped=skipped, ignored=ignored)})
    else:
        show_page(decision_page(table_seen(machine, decision), decision, skipped_words(received.skipped)))
    return options.YES


def _tell_decision(decision: Decision, ignored: int = 0) -> None:
    tell(
        "decision made",
        actions=len(decision.actions),
        awaiting=len(decision.awaiting),
        deviations=len(decision.deviations),
        notices=len(decision.notices),
        ignored=ignored,
    )


# --- propose -------------------------------------------------------------------------------------------------------


@click.command(
    "propose",
    short_help="May this be done?",
    epilog=options.examples(
        "protocol-engine propose NCT07151586 events.jsonl \\",
        '  \'{"kind":"administration","effective":"2026-03-23","regimen":"sg","cycle":2,"day":1}\'',
    ),
)
@click.argument("protocol")
@click.argument("events")
@click.argument("action")
@options.role
@options.output_format
@options.reading
@options.amended_by
@options.skip_unknown_facts
@options.verbose
def propose_command(  # noqa: PLR0913  # an argument for each option
    *,
    protocol: str,
    events: str,
    action: str,
    role: str | None,
    form: str,
    selected: Mapping[str, str],
    amendments: Sequence[str],
    skip_unknown_facts: bool,
) -> int:
    """May this be done? Changes nothing.

    PROTOCOL is a registry id (see `list`) or the path of a .yaml file. EVENTS is a JSON Lines file, or - for standard
    input. ACTION is one event as JSON without an id; its `effective` is the day asked about, and what was issued later
    is left aside.

    Exit code 0: allowed. 1: refused, with the reasons and the rules. 2: something could not be read.
    """
    machine = inputs.machine_of(protocol, selected, amendments)
    received = inputs.received(machine, events, skip_unknown_facts=skip_unknown_facts)
    course = inputs.course_of(machine, received.events)
    event = inputs.action_of(machine if role is None else None, action)
    answer = course.propose(event) if role is None else course.propose_as(role, event)
    day = event.effective.day
    where = decided(course, day, role)
    ignored = known_by(machine, course.state, day)[1]
    tell("proposal judged", ignored=ignored)
    if form == "json":
        show_json(
            {
                **answer.as_json(),
                "action": event_json(event, with_id=False),
                "as_of": day.isoformat(),
                "protocol": where.protocol,
                "place": where.place,
                **({"view": where.view} if where.view is not None else {}),
                **counted_json(skipped=received.skipped if skip_unknown_facts else None, ignored=ignored),
            }
        )
    else:
        remarks = skipped_words(received.skipped)
        remarks += (
            [f"{ignored} {'event' if ignored == 1 else 'events'} issued after {day} left aside"] if ignored else []
        )
        show_page(answer_page(table_seen(machine, where), answer, event, where, remarks))
    return options.YES if answer.allowed else options.NO


# --- replay --------------------------------------------------------------------------------------------------------


@click.command(
    "replay",
    short_help="The whole course, step by step, audited.",
    epilog=options.examples("protocol-engine replay NCT07239271 events.jsonl --audit course.audit.jsonl"),
)
@click.argument("protocol")
@click.argument("events")
@click.option(
    "--audit",
    "audit_path",
    metavar="FILE",
    help="Write an audit record for every step into this new file. A file that exists is refused.",
)
@options.role
@options.output_format
@options.reading
@options.amended_by
@options.skip_unknown_facts
@options.verbose
def replay_command(  # noqa: PLR0913  # an argument for each option
    *,
    protocol: str,
    events: str,
    audit_path: str | None,
    role: str | None,
    form: str,
    selected: Mapping[str, str],
    amendments: Sequence[str],
    skip_unknown_facts: bool,
) -> int:
    """The whole course, step by step, in the order in which the events arrived.

    PROTOCOL is a registry id (see `list`) or the path of a .yaml file. EVENTS is a JSON Lines file, or - for standard
    input.

    With --audit every step becomes a record in FILE, tied to the one before by a hash, and so does the last decision if
    no step gave it: that of a course which has not begun, or as of the date of an event that was skipped. The hash of
    the last record, the head, is printed: keep it elsewhere, and `audit verify FILE --head HASH` finds whatever was
    changed or cut off.

    With --format json the answer is one object: `steps`, each with `event`, `verdict` (null for a report), `place` and
    what it `changed`; the last `decision`; the `deviations`; and `records` and `head` of the audit log.

    Deviations are no failure: the exit code is 0 once the events could be read. With --as ROLE every step holds nothing
    that the protocol hides from that role; a log is then not written, since it holds everything.
    """
    machine = inputs.machine_of(protocol, selected, amendments)
    received = inputs.received(machine, events, skip_unknown_facts=skip_unknown_facts)
    if role is not None:
        return _replayed_as(machine, received, role, form, skip_unknown_facts=skip_unknown_facts, audit_path=audit_path)
    chain = Chain.begin(machine, inputs.course_id(events))
    lines: list[CourseLine] = []
    state = begin(machine)
    decision = decide(machine, state, received.last)
    with AuditFile.create(audit_path) if audit_path is not None else nullcontext() as log:
        for taken in with_progress(replay(machine, received.events), "replaying", len(received.events)):
            state, decision = taken.state, taken.decision
            lines.append(_course_line(taken))
            if log is not None:
                chain = _written(log, chain, chain.step(taken))
        if not lines or state.as_of != received.last:  # what is shown stands in no step
            decision = decide(machine, state, received.last)
            if log is not None:
                chain = _written(log, chain, chain.decision(state, decision, received.last))
    tell("course replayed", steps=len(lines), deviations=len(decision.deviations))
    if audit_path is not None:
        tell("audit written", records=chain.length, head=chain.head)
    skipped = received.skipped if skip_unknown_facts else None
    if form == "json":
        show_json(_replay_json(lines, decision, chain if audit_path is not None else None, skipped))
    else:
        written = _written_words(audit_path, chain) if audit_path is not None else ()
        table = machine.like(decision.protocol).table
        sections = decision_sections(table, decision, skipped_words(received.skipped))
        show_page((*course_page(table, lines), *section("After the last event", *sections), *written))
    return options.YES


def _replayed_as(
    machine: Machine,
    received: inputs.Received,
    role: str,
    form: str,
    *,
    skip_unknown_facts: bool,
    audit_path: str | None,
) -> int:
    """The course as a role may see it."""
    if audit_path is not None:
        raise InputError("--audit: a log holds the whole course; write it without --as, and read it with `audit show`")
    seen = [shown for _, shown in replay_as(machine, received.events, role) if shown is not None]
    lines = [_course_line(taken) for taken in seen]
    course = inputs.course_of(machine, received.events)
    decision = course.decide_as(role, received.last)
    tell("course replayed", steps=len(lines), deviations=len(decision.deviations))
    skipped = received.skipped if skip_unknown_facts else None
    if form == "json":
        show_json(_replay_json(lines, decision, None, skipped))
    else:
        sections = decision_sections(table_seen(machine, decision), decision, skipped_words(received.skipped))
        show_page((*course_page(machine.table, lines), *section("After the last event", *sections)))
    return options.YES


def _written(log: AuditFile, chain: Chain, record: Record) -> Chain:
    """The chain with one more record, which is in the log now."""
    log.append(record)
    return chain.after(record)


def _course_line(taken: Step) -> CourseLine:
    decision, verdict = taken.decision, taken.trace.verdict
    return CourseLine(taken.event, verdict, taken.repeated, decision.place, decision.ended, taken.changed)


def _replay_json(
    lines: Sequence[CourseLine], decision: Decision, chain: Chain | None, skipped: int | None
) -> dict[str, Any]:
    return {
        "steps": [_step_json(line) for line in lines],
        "decision": decision.as_json(),
        "deviations": [verdict.as_json() for verdict in decision.deviations],
        "records": chain.length if chain is not None else 0,
        "head": chain.head if chain is not None else None,
        **counted_json(skipped=skipped, ignored=0),
    }


def _step_json(line: CourseLine) -> dict[str, Any]:
    verdict = line.verdict
    return {
        "event": line.event.id,
        "kind": line.event.kind,
        "effective": line.event.effective.text,
        "issued": line.event.issued.text,
        "repeated": line.repeated,
        "verdict": verdict.verdict if verdict is not None else None,
        "because": list(verdict.because) if verdict is not None else [],
        "cites": list(verdict.cites) if verdict is not None else [],
        "place": line.place,
        "ended": line.ended,
        "changed": list(line.changed),
    }


def _written_words(path: str, chain: Chain) -> Page:
    return section(
        "Audit log",
        Paragraph(f"{counted(chain.length, 'record')} written to {path}"),
        Paragraph(f"Head: {chain.head}"),
        Paragraph(f"Keep the head elsewhere; `audit verify {path} --head HASH` then finds any change."),
    )
