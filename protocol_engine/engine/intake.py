"""Is this event one that the protocol can read? Ids, domains and units, before anything is folded.

What the protocol does not know is an error of the input and never guessed at; what it knows and does not allow is no
matter of this module.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches

from attrs import evolve

from protocol_engine.codec import CODEC, Invalid, parse_json, path_text
from protocol_engine.engine.rewriting import too_early
from protocol_engine.errors import InputError, Mark, Problem, Problems, cut, shown
from protocol_engine.model.events import (
    AdministrationEvent,
    AdverseEventEvent,
    AllocationEvent,
    AmendmentEvent,
    AttestationEvent,
    ChoiceEvent,
    CorrectionEvent,
    DiscontinuationEvent,
    ObservationEvent,
    OmissionEvent,
    OtherTreatmentEvent,
    PatientEvent,
    ProcedureEvent,
    RetractionEvent,
    UnblindingEvent,
    rewrites_told,
    said,
)
from protocol_engine.model.facts import read_part, read_value
from protocol_engine.model.table import Table

MOST_CYCLES = 9999
WORST_GRADE = 5
MOST_NAMED = 10
FACT = "fact that is read"
ASKED = "proposed"
"""The id of an act that is only asked about."""


def parse_events(lines: Iterable[str], source: str = "events") -> list[PatientEvent]:
    """The events of JSON Lines, blank lines left out, equal repetitions kept. :class:`Problems` lists every fault."""
    events: list[PatientEvent] = []
    problems: list[Problem] = []
    for number, line in enumerate(lines, 1):
        text = line.removeprefix("\ufeff").strip()
        if not text:
            continue
        try:
            events.append(CODEC.structure(parse_json(text), PatientEvent))
        except Invalid as invalid:
            problems += [
                Problem(f.code, path_text(f.path), f.message, Mark(number, 1), source) for f in invalid.findings
            ]
    if problems:
        raise Problems(tuple(problems))
    return events


def parse_action(text: str, source: str = "action") -> PatientEvent:
    """The act asked about: an event without an id, as JSON."""
    try:
        value = parse_json(text)
        named = isinstance(value, dict) and "id" in value
        event: PatientEvent = CODEC.structure(
            {**value, "id": ASKED} if isinstance(value, dict) else value, PatientEvent
        )
    except Invalid as invalid:
        found = [Problem(f.code, path_text(f.path), f.message, Mark(), source) for f in invalid.findings]
        raise Problems(tuple(found)) from None
    if named:
        message = "leave the id out: an act that is asked about has none"
        raise Problems((Problem("unknown-key", "id", message, Mark(), source),))
    return event


def accepted(
    table: Table, events: Iterable[PatientEvent], *, skip_unknown_facts: bool = False, source: str = "events"
) -> tuple[list[PatientEvent], int]:
    """The events as the protocol reads them, and how many were left out for a fact it does not read.

    :class:`Problems` names every event that the protocol cannot read; also one id with two contents, and a correction
    or retraction of an event that is not there.
    """
    numbered = list(enumerate(events, 1))
    skipped = _unread(table, [event for _, event in numbered]) if skip_unknown_facts else frozenset()
    left_out = {event.id for number, event in numbered if number in skipped}
    found: dict[str, PatientEvent] = {}
    kept: list[tuple[int, PatientEvent]] = []
    problems: list[Problem] = []
    for number, event in numbered:
        if number in skipped:
            continue
        findings: list[tuple[str, str]] = []
        read = _read(table, event, findings)
        if event.id in found and found[event.id] != read:
            findings.append(("same-id", "this id stands for another event already; correct that event instead"))
        problems += [
            Problem("unreadable-event", f"{cut(event.id)}.{path}", message, Mark(number, 1), source)
            for path, message in findings
        ]
        found.setdefault(event.id, read)
        kept.append((number, read))
    for number, event in kept:
        path, mark = f"{cut(event.id)}.{event.kind}", Mark(number, 1)
        for told in rewrites_told(event):
            if told.named not in found or told.named == told.id:
                message = f"names {cut(told.named)}, and no such event is there"
                if told.named in left_out:
                    message = f"makes an event that is read of {cut(told.named)}, which is skipped; report it anew"
                problems.append(Problem("absent-event", path, message, mark, source))
            else:
                problems += [
                    Problem("issued-too-early", path, message, mark, source)
                    for message in too_early(event, told, found[told.named])
                ]
    if problems:
        raise Problems(tuple(problems))
    return [event for _, event in kept], len(skipped)


def _unread(table: Table, events: list[PatientEvent]) -> frozenset[int]:
    """The numbers of observations of facts that the protocol does not read, and of what rewrites only these.

    A correction that turns a result which is read into one which is not is no such event: left out, it would leave
    standing what somebody took back. Nor is one that turns it into what is read: left out, a result would be lost.
    """
    numbers: set[int] = set()
    ids: set[str] = set()
    while True:
        more = {number for number, event in enumerate(events, 1) if _says_nothing(table, event, ids)}
        if more == numbers:
            return frozenset(numbers)
        numbers, ids = more, {events[number - 1].id for number in more}


def _says_nothing(table: Table, event: PatientEvent, skipped: Collection[str]) -> bool:
    """Whether an event is about a fact that is not read, and would be if it were what a correction makes of it."""
    match event:
        case ObservationEvent():
            return event.fact not in table.fact_called
        case RetractionEvent():
            return event.retracts in skipped
        case CorrectionEvent():
            return event.corrects in skipped and _says_nothing(table, event.event, skipped)
        case _:
            return False


def accept_one(table: Table, event: PatientEvent) -> PatientEvent:
    """One event as the protocol reads it; :class:`InputError` in one line if it cannot."""
    findings: list[tuple[str, str]] = []
    read = _read(table, event, findings)
    if findings:
        raise InputError("; ".join(f"{event.id}.{path}: {message}" for path, message in findings))
    return read


def _known(name: str, known: Collection[str], what: str, path: str, findings: list[tuple[str, str]]) -> bool:
    if name in known:
        return True
    findings.append((path, _unknown(name, known, what)))
    return False


def _unknown(name: str, known: Collection[str], what: str) -> str:
    close = get_close_matches(name, known, 1)
    hint = f"did you mean {close[0]}?" if close else f"there are: {_some_of(known)}"
    return f"{shown(name)} is no {what} of this protocol; {hint}"


def _some_of(names: Collection[str]) -> str:
    """The first of the names, and how many more there are."""
    more = len(names) - MOST_NAMED
    return (", ".join([*names][:MOST_NAMED]) or "none") + (f" and {more} more" if more > 0 else "")


def no_fact(name: str, known: Collection[str]) -> str:
    """What to say of a fact that is not among those known."""
    return _unknown(name, known, FACT)


def _read(  # noqa: C901, PLR0912  # one case for each kind of event
    table: Table, event: PatientEvent, findings: list[tuple[str, str]]
) -> PatientEvent:
    match event:
        case AllocationEvent():
            known_arms = (*table.arms, *table.allocation_of, *table.elsewhere.arms)
            _known(event.arm, known_arms, "arm", "arm", findings)
        case AmendmentEvent():
            versions = table.kin.versions if table.kin is not None else (table.version,)
            _known(event.version, versions, "version", "version", findings)
        case ObservationEvent():
            called = table.fact_called.get(event.fact, event.fact)
            event = event if called == event.fact else evolve(event, fact=called)
            _read_observation(table, event, findings)
        case AttestationEvent():
            if event.protocol not in (None, table.protocol):
                findings.append(
                    ("protocol", f"is {cut(event.protocol or '')}, and this is the course of {table.protocol}")
                )
            criteria = table.criteria if table.kin is None else (*table.criteria, *table.kin.criteria)
            _known(event.criterion, criteria, "criterion", "criterion", findings)
        case AdministrationEvent() | OmissionEvent():
            _read_dose(table, event, findings)
            _read_hidden_dose(table, event, findings)
        case ChoiceEvent():
            return _read_choice(table, event, findings)
        case ProcedureEvent():
            known = (*table.procedures, *table.elsewhere.procedures)
            _known(event.procedure, known, "procedure", "procedure", findings)
        case AdverseEventEvent():
            if event.grade is not None and not 1 <= event.grade <= WORST_GRADE:
                findings.append(("grade", f"CTCAE grades are 1 to 5, not {shown(event.grade)}"))
            if event.drug is not None:
                _known(event.drug, table.drugs, "drug", "drug", findings)
        case UnblindingEvent():
            roles = table.blinding.roles if table.blinding is not None else ()
            _known(event.to, roles, "role that the masking names", "to", findings)
        case DiscontinuationEvent():
            _known(event.scope, ("treatment", *table.drugs), "scope", "scope", findings)
        case OtherTreatmentEvent():
            if not event.drugs:
                findings.append(("drugs", "names nothing; say what was given"))
        case CorrectionEvent():
            inner: list[tuple[str, str]] = []
            read = _read(table, event.event, inner)
            findings += [(f"event.{path}", message) for path, message in inner]
            return evolve(event, event=read)
        case _:
            pass
    return event


def _read_observation(table: Table, event: ObservationEvent, findings: list[tuple[str, str]]) -> None:
    if not _known(event.fact, table.facts, FACT, "fact", findings):
        return
    fact = table.facts[event.fact]
    if event.timepoint is not None and fact.taken:
        _known(event.timepoint, fact.taken, f"timepoint of {event.fact}", "timepoint", findings)
    try:
        read_value(fact, event.value, event.unit)
    except ValueError as error:
        findings.append(("value", str(error)))
    if fact.each is not None and fact.each not in event.components:
        findings.append((f"components.{fact.each}", f"is missing: say of which {fact.each} this is the {event.fact}"))
    known = (*fact.parts, fact.each) if fact.each is not None else fact.parts
    for name, value in event.components.items():
        if _known(name, known, f"component of {event.fact}", f"components.{cut(name)}", findings):
            try:
                read_part(fact, name, value, event.unit)
            except ValueError as error:
                findings.append((f"components.{cut(name)}", str(error)))


def _read_dose(table: Table, event: AdministrationEvent | OmissionEvent, findings: list[tuple[str, str]]) -> None:
    _known(event.regimen, (*table.regimens, *table.elsewhere.regimens), "regimen", "regimen", findings)
    for name, number in (("cycle", event.cycle), ("day", event.day)):
        if number is not None and not 1 <= number <= MOST_CYCLES:
            findings.append((name, f"counts from 1, and {shown(number)} is out of reach"))
    regimen = table.regimens.get(event.regimen)
    is_open = regimen is not None and any(line.named_in is not None for line in regimen.lines)
    if isinstance(event, OmissionEvent):
        if event.drug is not None and not is_open:
            _known(event.drug, table.drugs, "drug", "drug", findings)
        return
    for index, given in enumerate(event.given or ()):
        if not is_open:
            _known(given.drug, table.drugs, "drug", f"given[{index}].drug", findings)
        if given.dose is not None and given.dose <= 0:
            findings.append((f"given[{index}].dose", f"is above 0, not {given.dose}"))
        if (given.dose is None) != (given.unit is None):
            findings.append((f"given[{index}]", "a dose needs its unit, and a unit its dose"))


def _read_hidden_dose(
    table: Table, event: AdministrationEvent | OmissionEvent, findings: list[tuple[str, str]]
) -> None:
    """Who reports under a name that is shown does not know the dose, where this is hidden."""
    if table.blinding is None or not table.blinding.dose_hidden or isinstance(event, OmissionEvent):
        return
    for index, given in enumerate(event.given or ()):
        if given.drug in table.blinding.shown_drugs and given.dose is not None:
            findings.append((f"given[{index}].dose", f"is hidden of {given.drug}; leave it and its unit out"))


def _read_choice(table: Table, event: ChoiceEvent, findings: list[tuple[str, str]]) -> ChoiceEvent:
    if not _known(event.choice, (*table.choices, *table.elsewhere.choices), "choice", "choice", findings):
        return event
    found = [choices[event.choice] for choices in (table.choices, table.elsewhere.choices) if event.choice in choices]
    options = list(dict.fromkeys(option for choice in found for option in choice.options))
    says_which = next((choice.says_which for choice in found if choice.says_which is not None), None)
    option = event.option if event.option is not None else (says_which if event.name is not None else None)
    if option is None:
        findings.append(("option", f"is missing; there are: {', '.join(options)}"))
        return event
    if not _known(option, options, f"option of {event.choice}", "option", findings):
        return event
    if option == says_which and event.name is None:
        findings.append(("name", f"is missing: {option} says in words what was chosen"))
    elif option == says_which and event.name is not None:
        name, others = said(event.name), [other for other in options if other != says_which]
        other = next((other for other in others if name in (said(other), said(other.replace("_", " ")))), None)
        if other is not None:
            findings.append(("name", f"stands on the list; give {other} as the option, without a name"))
    elif option != says_which and event.name is not None:
        off = f", or take {says_which}" if says_which is not None else ""
        findings.append(
            ("name", f"is that of an option off the list, and {option} stands on it; leave the name out{off}")
        )
    return evolve(event, option=option)
