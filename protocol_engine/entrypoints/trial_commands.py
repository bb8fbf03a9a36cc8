"""The command about a trial itself: where it is, from the courses of its patients, and what it announces to them."""

from __future__ import annotations

from datetime import date

import click

from protocol_engine.adapters.blocks import Grid, Page, section
from protocol_engine.adapters.decision_prose import decision_page
from protocol_engine.adapters.phrases import event_words
from protocol_engine.checks.announced import announcements_fit
from protocol_engine.codec import canonical, event_json
from protocol_engine.engine.course import Machine, decide
from protocol_engine.engine.trial import Announced, announcements, misfits
from protocol_engine.entrypoints import inputs, options
from protocol_engine.entrypoints.cohorts import courses_of, events_of
from protocol_engine.entrypoints.inputs import Unreadable
from protocol_engine.entrypoints.output import show_json, show_page, show_text
from protocol_engine.entrypoints.progress import with_progress
from protocol_engine.entrypoints.telemetry import tell
from protocol_engine.model.events import PatientEvent


@click.command(
    "trial",
    short_help="Where the trial itself is, from all its patients, and what it announces.",
    epilog=options.examples(
        "protocol-engine trial study-trial.yaml study.yaml patients.jsonl --decided board.jsonl",
        "protocol-engine trial study-trial.yaml study.yaml patients.jsonl --format events > announced.jsonl",
    ),
)
@click.argument("trial")
@click.argument("protocol")
@click.argument("cohort")
@click.option("--decided", metavar="EVENTS", help="What was decided for the trial itself: a JSON Lines file of events.")
@click.option(
    "--opened",
    type=inputs.Day(),
    metavar="DATE",
    help="The day on which the trial opened, and first announced what holds. Default: the first date.",
)
@click.option(
    "--as-of",
    type=inputs.Day(),
    metavar="DATE",
    help="The day asked about, with what had been issued by then. Default: the last date in all of it.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "events"]),
    default="text",
    show_default=True,
    help="Prose for a reader, JSON for a program, or the announcements alone as events for every course.",
)
@options.verbose
def trial_command(  # noqa: PLR0913  # an argument for each option
    *, trial: str, protocol: str, cohort: str, decided: str | None, opened: date | None, as_of: date | None, form: str
) -> int:
    """Where the trial itself is, from the courses of all its patients, and what it announces to them.

    TRIAL is a file with `subject: trial`, PROTOCOL that of its patients, COHORT a file of patients, one a line:
    {"patient": "p1", "events": [...]}, or - for standard input. Both files say under `announces` what they make known:
    the courses to the trial, and the trial to every course.

    An announcement is an observation dated on the day on which it became known to hold. It is never changed: what is
    found out later is announced anew. Add those of the trial to the events of a course to have it follow the trial.
    """
    machines = inputs.machine_of(trial, {}), inputs.machine_of(protocol, {})
    unfit = misfits(machines[0].table, machines[1].table)
    if unfit:
        raise Unreadable(tuple(f"{trial}: {line}" for line in unfit))
    files = inputs.protocol_of(trial, {}), inputs.protocol_of(protocol, {})
    otherwise = (*announcements_fit(*files), *announcements_fit(*reversed(files)))
    if otherwise:
        raise Unreadable(tuple(map(str, otherwise)))
    courses, own = list(courses_of(machines[1], cohort)), _decided(machines[0], decided)
    everything = [*own, *(event for _, events in courses for event in events)]
    as_of = as_of if as_of is not None else max((event.issued.day for event in everything), default=opened)
    events = [*_reported(*machines, courses, as_of), *own]
    events = [event for event in events if as_of is None or event.issued.day <= as_of]
    kept = events_of(machines[0], events, trial)
    announced = list(announcements(machines[0], machines[1].table, kept, since=opened, until=as_of))
    state = inputs.course_of(machines[0], kept).state
    decision = decide(machines[0], state, as_of)
    tell("trial worked out", events=len(kept), announced=len(announced))
    if form == "events":
        for event in announced:
            show_text(canonical(event_json(event)).decode())
    elif form == "json":
        both = {"announced": [event_json(e) for e in announced], "reported": [event_json(e) for e in kept]}
        show_json({**decision.as_json(), **both})
    else:
        show_page((*decision_page(machines[0].table, decision), *_announced_section(machines[1], announced)))
    return options.YES


def _reported(
    trial: Machine, patients: Machine, courses: list[tuple[str, list[PatientEvent]]], as_of: date | None
) -> list[PatientEvent]:
    """What the courses of a cohort say to the trial, each up to the day asked about."""
    found: list[PatientEvent] = []
    for patient, events in with_progress(courses, "working out courses", len(courses)):
        found += announcements(patients, trial.table, events, patient=patient, until=as_of)
    return found


def _decided(trial: Machine, name: str | None) -> list[PatientEvent]:
    return list(inputs.received(trial, name, skip_unknown_facts=False).events) if name is not None else []


def _announced_section(patients: Machine, announced: list[Announced]) -> Page:
    rows = tuple((event.effective.text, event.id, event_words(patients.table, event)) for event in announced)
    return section("Announced to every course", Grid(("day", "event", "what"), rows)) if rows else ()
