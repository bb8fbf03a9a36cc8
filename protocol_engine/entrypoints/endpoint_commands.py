"""Commands about ends and endpoints: how each stands for one patient, or for many, as of a day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import click

from protocol_engine.adapters.endpoints_prose import outcomes_page, tallies_page
from protocol_engine.adapters.survival_svg import survival_svg
from protocol_engine.engine.course import Machine, derived, known_on
from protocol_engine.engine.endpoints import outcomes_of
from protocol_engine.engine.survival import Tally, tally
from protocol_engine.entrypoints import inputs, options
from protocol_engine.entrypoints.cohorts import courses_of
from protocol_engine.entrypoints.course_commands import counted_json, skipped_words
from protocol_engine.entrypoints.output import show_json, show_page, show_text
from protocol_engine.entrypoints.progress import with_progress
from protocol_engine.entrypoints.telemetry import tell
from protocol_engine.errors import InputError
from protocol_engine.model.events import PatientEvent
from protocol_engine.model.outcomes import Outcomes


@click.command(
    "endpoints",
    short_help="Which endpoints this patient has reached, and what has ended.",
    epilog=options.examples(
        "protocol-engine endpoints IIT2025006 events.jsonl --as-of 2027-01-01",
        "protocol-engine endpoints study.yaml --cohort patients.jsonl",
        "protocol-engine endpoints study.yaml --cohort patients.jsonl --endpoint PFS --format svg > pfs.svg",
    ),
)
@click.argument("protocol")
@click.argument("events")
@click.option(
    "--as-of",
    type=inputs.Day(),
    metavar="DATE",
    help="The day asked about, with what had been issued by then. Default: the last date in EVENTS, of all patients.",
)
@click.option(
    "--cohort",
    is_flag=True,
    help='EVENTS holds many patients, one a line: {"patient": "p1", "events": [...]}.',
)
@click.option("--endpoint", "only", metavar="NAME", help="This endpoint alone.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "svg"]),
    default="text",
    show_default=True,
    help="Prose for a reader, JSON for a program, or the curve of one endpoint over a cohort as a picture.",
)
@options.reading
@options.skip_unknown_facts
@options.verbose
def endpoints_command(  # noqa: PLR0913  # an argument for each option
    *,
    protocol: str,
    events: str,
    as_of: date | None,
    cohort: bool,
    only: str | None,
    form: str,
    selected: Mapping[str, str],
    skip_unknown_facts: bool,
) -> int:
    """Which endpoints this patient has reached, and which of the ends: of treatment, study and follow-up.

    PROTOCOL is a registry id (see `list`) or the path of a .yaml file. EVENTS is a JSON Lines file, or - for standard
    input.

    A time to an event is an event, censored as the file says, or without an event where the file states no censoring;
    days are exact and months completed ones. A rate is yes, no, not so far, or not evaluable. What turns on reports in
    doubt is unknown, and they are named. With --cohort the patients are counted, and of each time to an event the
    Kaplan-Meier curve is worked out exactly; there is none while somebody is neither with the event nor censored.
    """
    machine = inputs.machine_of(protocol, selected)
    if only is not None and only not in machine.table.endpoints:
        known = ", ".join(machine.table.endpoints) or "none"
        raise InputError(f"--endpoint {only}: {protocol} defines no such endpoint; there are: {known}")
    if cohort:
        return _of_many(machine, events, as_of, only, form, skip_unknown_facts=skip_unknown_facts)
    if form == "svg":
        raise click.UsageError("a picture is of many patients: add --cohort")
    received = inputs.received(machine, events, skip_unknown_facts=skip_unknown_facts)
    day = as_of if as_of is not None else received.last
    found, ignored = _outcomes(machine, received.events, day, only)
    tell("endpoints worked out", endpoints=len(found.endpoints))
    if form == "json":
        skipped = received.skipped if skip_unknown_facts else None
        show_json({**found.as_json(), **counted_json(skipped=skipped, ignored=ignored)})
    else:
        remarks = skipped_words(received.skipped)
        if ignored:
            remarks.append(f"{ignored} {'event' if ignored == 1 else 'events'} issued after {day} left aside")
        show_page(outcomes_page(machine.table, found, remarks))
    return options.YES


def _outcomes(
    machine: Machine, events: Sequence[PatientEvent], day: date | None, only: str | None
) -> tuple[Outcomes, int]:
    """The answer for one patient, of one endpoint alone if asked for, and how many later events it leaves out."""
    state, ignored = derived(machine, {event.id: event for event in events})[0], 0
    if day is not None:
        state, ignored = known_on(machine, state, day)
    return outcomes_of(machine.under(state.now).table, state, day, only), ignored


# --- many patients ---------------------------------------------------------------------------------------------------


def _of_many(  # what is asked, and how it is shown
    machine: Machine, source: str, as_of: date | None, only: str | None, form: str, *, skip_unknown_facts: bool
) -> int:
    patients = list(courses_of(machine, source, skip_unknown_facts=skip_unknown_facts))
    last = max((event.issued.day for _, events in patients for event in events), default=None)
    day = as_of if as_of is not None else last
    rows: list[tuple[str, Outcomes]] = []
    for patient, events in with_progress(patients, "working out endpoints", len(patients)):
        rows.append((patient, _outcomes(machine, events, day, only)[0]))  # a bar moves meanwhile
    tallies = [tally(answers) for answers in zip(*(outcomes.endpoints for _, outcomes in rows), strict=True)]
    tell("endpoints worked out", patients=len(rows), endpoints=len(tallies))
    if form == "svg":
        show_text(survival_svg(_pictured(tallies)))
    elif form == "json":
        patients_json = [{"patient": patient, **outcomes.as_json()} for patient, outcomes in rows]
        show_json({"endpoints": [item.as_json() for item in tallies], "patients": patients_json})
    else:
        show_page(tallies_page(machine.table.protocol, tallies, rows))
    return options.YES


def _pictured(tallies: Sequence[Tally]) -> Tally:
    """The one endpoint that has a curve; a refusal in one line where there is none, or several."""
    if not tallies:
        raise InputError("a picture is of one time to an event over a cohort: there is no patient, or no endpoint")
    times = [item for item in tallies if item.kind == "time"]
    if len(times) != 1:
        names = ", ".join(item.name for item in times) or "none of these"
        raise InputError(f"a picture is of one time to an event: choose it with --endpoint ({names})")
    if times[0].curve is None:
        raise InputError(f"{times[0].name}: {times[0].why_no_curve}")
    return times[0]
