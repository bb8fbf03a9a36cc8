"""Commands about eligibility: is this patient eligible, for one protocol or all of them, and what are the criteria?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import click

from protocol_engine.adapters.screening_prose import (
    cohort_page,
    criteria_json,
    criteria_page,
    screening_page,
    screenings_page,
)
from protocol_engine.adapters.synthetic_patients import Synthesizer
from protocol_engine.codec import canonical
from protocol_engine.engine.course import Machine
from protocol_engine.engine.intake import no_fact, parse_events
from protocol_engine.engine.patient_screening import screen_patient
from protocol_engine.entrypoints import inputs, options
from protocol_engine.entrypoints.cohorts import lines_of, patient_of
from protocol_engine.entrypoints.inputs import Unreadable
from protocol_engine.entrypoints.output import show_json, show_page, show_text
from protocol_engine.entrypoints.progress import with_progress
from protocol_engine.entrypoints.telemetry import tell
from protocol_engine.errors import InputError, Problems
from protocol_engine.model.events import AttestationEvent, ObservationEvent, PatientEvent
from protocol_engine.service import shipped_protocols


@click.command(
    "screen",
    short_help="Is this patient eligible, and what is missing?",
    epilog=options.examples(
        "protocol-engine screen NCT07377643 facts.jsonl --as-of 2026-02-01",
        "protocol-engine screen --all facts.jsonl",
        "protocol-engine screen NCT07377643 --cohort patients.jsonl",
    ),
)
@click.argument("names", metavar="[PROTOCOL] FACTS", nargs=-1, required=True)
@click.option(
    "--as-of",
    type=inputs.Day(),
    metavar="DATE",
    help="The day asked about: planned enrolment. Default: the last date among the facts.",
)
@click.option("--all", "every", is_flag=True, help="Screen for every shipped protocol; give FACTS alone.")
@click.option(
    "--cohort",
    is_flag=True,
    help='FACTS holds many patients, one a line: {"patient": "p1", "events": [...]}, as `synthesize` writes them.',
)
@options.output_format
@options.reading
@options.skip_unknown_facts
@options.verbose
def screen_command(  # noqa: PLR0913  # an argument for each option
    *,
    names: Sequence[str],
    as_of: date | None,
    every: bool,
    cohort: bool,
    form: str,
    selected: Mapping[str, str],
    skip_unknown_facts: bool,
) -> int:
    """Is this patient eligible on a day, and what is missing?

    PROTOCOL is a registry id (see `list`) or the path of a .yaml file. FACTS is a JSON Lines file of events, or - for
    standard input: observations, attestations, and consent once it is given; other events change nothing here.

    Each criterion of the record is met, not met, unknown, or needs somebody's attestation, with the results used, their
    dates, and exactly what is missing. The whole is eligible (exit code 0), or not eligible or not yet decidable (1).
    A result that is older than its criterion allows is unknown. A report that cannot be read is told, and leaves its
    criteria unknown. With --all, a fact is skipped where only another protocol reads it, and an attestation counts only
    if it names its protocol.
    """
    machines, source = _asked_for(names, every=every, selected=selected)
    if cohort:
        return _screen_cohort(machines, source, as_of, form, skip_unknown_facts=skip_unknown_facts)
    text, name = inputs.text_of(source)
    events = _events(text, name)
    _refuse_slips(events, machines, name, skip_unknown_facts=skip_unknown_facts)
    found = [(machine, screen_patient(machine.table, events, as_of, alone=not every)) for machine in machines]
    tell("screened", protocols=len(found), events=len(events))
    if form == "json":
        show_json([item.as_json() for _, item in found] if every else found[0][1].as_json())
    elif every:
        show_page(screenings_page([(machine.table, item) for machine, item in found]))
    else:
        show_page(screening_page(machines[0].table, found[0][1]))
    return options.YES if any(item.screening.answer == "eligible" for _, item in found) else options.NO


def _asked_for(names: Sequence[str], *, every: bool, selected: Mapping[str, str]) -> tuple[list[Machine], str]:
    """The machines to screen with, and where the facts are."""
    if len(names) != (1 if every else 2):
        raise click.UsageError(
            "give FACTS alone with --all" if every else "give PROTOCOL and FACTS, or --all and FACTS"
        )
    if every and selected:
        raise click.UsageError("a reading belongs to one protocol; leave --reading out, or --all")
    protocols = shipped_protocols() if every else names[:1]
    return [inputs.machine_of(name, selected) for name in protocols], names[-1]


def _events(text: str, source: str) -> list[PatientEvent]:
    try:
        return parse_events(text.split("\n"), source)
    except Problems as problems:
        raise Unreadable(tuple(inputs.event_line(problem) for problem in problems.problems)) from None


def _refuse_slips(
    events: Sequence[PatientEvent], machines: Sequence[Machine], source: str, *, skip_unknown_facts: bool
) -> None:
    if not skip_unknown_facts:
        _refuse_unknown_facts(events, machines, source)
    _refuse_unknown_criteria(events, machines, source)


def _refuse_unknown_facts(events: Iterable[PatientEvent], machines: Sequence[Machine], source: str) -> None:
    """A fact that none of the protocols reads is likelier a slip of the pen than a feed."""
    known = dict.fromkeys(fact for machine in machines for fact in machine.table.fact_called)
    unknown = {event.fact: event.id for event in events if isinstance(event, ObservationEvent)}.items()
    told = [f"{source}: {name} {no_fact(fact, known)}" for fact, name in unknown if fact not in known]
    if told:
        raise Unreadable((*told, "--skip-unknown-facts skips and counts such observations"))


def _refuse_unknown_criteria(events: Iterable[PatientEvent], machines: Sequence[Machine], source: str) -> None:
    """Somebody's word on a criterion that the protocol it is meant for does not have."""
    alone = machines[0].table.protocol if len(machines) == 1 else None
    criteria = {machine.table.protocol: machine.table.criteria for machine in machines}
    words = [(event, event.protocol or alone) for event in events if isinstance(event, AttestationEvent)]
    told = [
        f"{source}: {event.id} {event.criterion!r} is no criterion of {protocol}"
        for event, protocol in words
        if protocol in criteria and event.criterion not in criteria[protocol]
    ]
    if told:
        raise Unreadable(tuple(told))


# --- cohorts ---------------------------------------------------------------------------------------------------------


def _screen_cohort(
    machines: Sequence[Machine], source: str, as_of: date | None, form: str, *, skip_unknown_facts: bool
) -> int:
    """Many patients, a line each."""
    lines = lines_of(source)
    rows: list[dict[str, Any]] = []
    for where, line in with_progress(lines, "screening", len(lines)):
        patient, events = patient_of(line, where)
        _refuse_slips(events, machines, where, skip_unknown_facts=skip_unknown_facts)
        found = [screen_patient(machine.table, events, as_of, alone=len(machines) == 1) for machine in machines]
        rows += [{"patient": patient, **item.summary()} for item in found]
    tell("screened", protocols=len(machines), patients=len(lines))
    if form == "json":
        show_json(rows)
    else:
        show_page(cohort_page(rows))
    return options.YES if any(row["answer"] == "eligible" for row in rows) else options.NO


# --- synthetic patients ----------------------------------------------------------------------------------------------


@click.command(
    "synthesize",
    short_help="Synthetic patients, for tests and demonstrations.",
    epilog=options.examples(
        "protocol-engine synthesize NCT07377643 --patients 100 --seed 7 > patients.jsonl",
        "protocol-engine screen NCT07377643 --cohort patients.jsonl --as-of 2026-02-01",
    ),
)
@click.argument("protocol")
@click.option("--patients", type=click.IntRange(1, 1_000_000), default=10, show_default=True, help="How many.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same patients.")
@options.reading
@options.verbose
def synthesize_command(protocol: str, patients: int, seed: int, selected: Mapping[str, str]) -> int:
    """Synthetic patients, for tests and demonstrations: plausible, seeded, and nobody's.

    PROTOCOL is a registry id (see `list`) or the path of a .yaml file with criteria. Each line is a patient with the
    facts that the criteria read and somebody's words on them, as `screen --cohort` takes it. Some patients have
    nothing against them; of the others some values keep them out, are too old, or are missing. All consent on
    2026-01-05 and are meant to be asked about on 2026-02-01.
    """
    machine = inputs.machine_of(protocol, selected)
    if not machine.table.criteria:
        raise InputError(f"{protocol}: its file has no criteria, so there is nothing to make patients for")
    for name, events in with_progress(Synthesizer(machine.table, seed).patients(patients), "making", patients):
        show_text(canonical({"events": events, "patient": name}).decode())
    return options.YES


# --- the criteria of a protocol --------------------------------------------------------------------------------------


@click.command(
    "criteria",
    short_help="The eligibility criteria of a protocol, and what decides each.",
    epilog=options.examples("protocol-engine criteria NCT07377643"),
)
@click.argument("protocol")
@options.output_format
@options.reading
@options.verbose
def criteria_command(protocol: str, form: str, selected: Mapping[str, str]) -> int:
    """The eligibility criteria of a protocol: each with its id in the record, and whether data or a person decides it.

    PROTOCOL is a registry id (see `list`) or the path of a .yaml file. Where data decide, the condition is told; where
    a judgement does, the question that somebody is asked.
    """
    loaded = inputs.protocol_of(protocol, selected)
    if form == "json":
        show_json(criteria_json(loaded))
    else:
        show_page(criteria_page(loaded))
    return options.YES
