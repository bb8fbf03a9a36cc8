"""Pieces of a protocol in words: names, conditions, doses, days, claims and events. Ids stand beside their words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import assert_never

from attrs import frozen

from protocol_engine.engine.wording import elapsed_words, words
from protocol_engine.model.claims import GENERAL_RULES
from protocol_engine.model.conditions import (
    AnyOf,
    Clause,
    Condition,
    Elapsed,
    InSet,
    NamedTest,
    Not,
    OneOf,
    Presence,
    Range,
    Test,
)
from protocol_engine.model.events import (
    AdministrationEvent,
    AdverseEventEvent,
    AllocationEvent,
    AmendmentEvent,
    AttestationEvent,
    ChoiceEvent,
    ConsentEvent,
    ContactEvent,
    CorrectionEvent,
    DeathEvent,
    DiscontinuationEvent,
    EligibilityEvent,
    LostToFollowUpEvent,
    NewTherapyEvent,
    ObservationEvent,
    OmissionEvent,
    OtherTreatmentEvent,
    PatientEvent,
    ProcedureEvent,
    RetractionEvent,
    StudyClosureEvent,
    UnblindingEvent,
    WithdrawalEvent,
)
from protocol_engine.model.protocol import Administration, Protocol
from protocol_engine.model.table import Table, claim_order
from protocol_engine.model.units import NOT_STATED, DayPoints, DoseDays, NotStated, PlainDose, Quantity
from protocol_engine.model.values import Change, NamedValue, Prefer, Take

Book = Protocol | Table
"""Where names are looked up: a protocol as it is written, or its table."""


PREDICATE_PATTERN = re.compile(r"(.+) (needed|done|given|settled|in place|open|closed|stopped|over)")
"""Labels that need nothing but a verb to become a sentence."""
SENTENCE_PATTERN = re.compile(r"(?:(?!\b(?:that|which|who|whose|where)\b).)+ (?:is|are|was|were|has|have) .+")
"""Labels that are a sentence already."""


# --- names ---------------------------------------------------------------------------------------------------------


def with_id(name: str | None, identifier: str) -> str:
    """A name with its id beside it, where the two differ."""
    if name is None or name == identifier:
        return identifier
    return f"{name} ({identifier})"


def listed(names: Iterable[str], last: str = "and") -> str:
    """``a, b and c``."""
    items = list(names)
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {last} {items[-1]}" if items else ""


def counted(number: int, one: str, many: str | None = None) -> str:
    """``1 event``, ``2 events``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def capital(sentence: str) -> str:
    """The sentence with a capital at its beginning, unless its first word has its own spelling, such as ctDNA."""
    first = sentence.partition(" ")[0]
    return sentence[:1].upper() + sentence[1:] if first.islower() else sentence


def drug_name(book: Book, drug: str) -> str:
    """A drug by name and id."""
    return with_id(book.drugs[drug].name if drug in book.drugs else None, drug)


def regimen_name(book: Book, regimen: str) -> str:
    """A regimen by name and id."""
    return with_id(book.regimens[regimen].name if regimen in book.regimens else None, regimen)


def procedure_name(book: Book, procedure: str) -> str:
    """A procedure by name and id."""
    return with_id(book.procedures[procedure].name if procedure in book.procedures else None, procedure)


def option_name(book: Book, option: str) -> str:
    """An option of a choice: most are called like a regimen or a drug."""
    if option in book.regimens:
        return regimen_name(book, option)
    return drug_name(book, option) if option in book.drugs else with_id(words(option), option)


def fact_name(book: Book, fact: str) -> str:
    """A fact by its label; also a choice that is awaited."""
    if fact.startswith("choice."):
        return f"the choice {words(fact.removeprefix('choice.'))}"
    if fact.startswith("allocation."):
        return f"the allocation {words(fact.removeprefix('allocation.'))}"
    definition = book.facts.get(fact)
    return (definition.label if definition is not None else None) or words(fact)


def fact_at(book: Book, fact: str, timepoint: str | None, component: str | None = None) -> str:
    """A fact at a timepoint, or a part of it, with the ids in which it is reported."""
    name = fact_name(book, fact) + (f" {timepoint_name(book, fact, timepoint)}" if timepoint is not None else "")
    definition = book.facts.get(fact)
    ids = fact
    if component is not None:
        part = definition.parts.get(component) if definition is not None else None
        name = f"{(part.label if part is not None else None) or words(component)} of {name}"
        ids = f"{fact}.{component}"
    return f"{name} ({ids}{f', {timepoint}' if timepoint is not None else ''})"


def timepoint_name(book: Book, fact: str, timepoint: str) -> str:
    """A timepoint of a fact in words."""
    definition = book.facts.get(fact)
    at = definition.taken.get(timepoint) if definition is not None else None
    return (at.label if at is not None else None) or ("at baseline" if timepoint == "baseline" else words(timepoint))


def label(book: Book, name: str) -> str:
    """What a named value, or a fact, is called."""
    value = book.values.get(name, book.derived.get(name))
    if value is not None:
        return value.label or words(name)
    return fact_name(book, name)


# --- claims --------------------------------------------------------------------------------------------------------


def cites(*groups: Iterable[str], silent: Iterable[str] = ()) -> str:
    """Citations at the end of a sentence: `` [R4, A1; not stated: N3]``; nothing where there are none."""
    told = claims(*groups, silent=silent)
    return f" [{told}]" if told else ""


def claims(*groups: Iterable[str], silent: Iterable[str] = ()) -> str:
    """Claims for a cell: ``R4, A1; not stated: N3``."""
    named = sorted({claim for group in groups for claim in group} | set(silent), key=claim_order)
    stated = [claim for claim in named if not claim.startswith("N")]
    silences = [claim for claim in named if claim.startswith("N")]
    return "; ".join(
        (*([", ".join(stated)] if stated else []), *([f"not stated: {', '.join(silences)}"] if silences else []))
    )


def claim_words(book: Book, claim: str) -> str:
    """A claim in words, whichever kind it is."""
    if claim in book.assumptions:
        assumption = book.assumptions[claim]
        reading = book.readings.get(claim, assumption.default)
        return f"{assumption.asks} Read as {reading}: {assumption.readings[reading]}"
    if claim in book.not_stated:
        return f"not stated: {book.not_stated[claim].what}"
    if claim in book.criteria:
        return f"criterion: {book.criteria[claim].text}"
    return book.rules.get(claim) or GENERAL_RULES.get(claim) or "this claim is not written in the file"


# --- conditions ----------------------------------------------------------------------------------------------------


@frozen
class Applied:
    """A condition under the selected readings.

    ``told`` is what it asks of the patient, as a clause that follows "if"; empty where the readings settle it as true.
    ``idle`` names the readings that are not selected and without which it never holds; empty where it can hold.
    ``rests`` are the assumptions that it tests.
    """

    told: str
    idle: str
    rests: tuple[str, ...]


def applied(book: Book, condition: Condition) -> Applied:
    """A condition in words, with its tests of readings settled."""
    rests = tuple(dict.fromkeys(named.name for named in condition.tests if named.name in book.assumptions))
    if not condition.clauses:
        return Applied("never", "", rests)
    live = [clause for clause in condition.clauses if not any(_unselected(book, named) for named in clause.tests)]
    if not live:
        missing = (named for named in condition.tests if _unselected(book, named))
        idle = listed(dict.fromkeys(f"{named.name} as {cell(book, named)}" for named in missing))
        return Applied(_clauses_words(book, condition.clauses), idle, rests)
    settled = any(not _asked(book, clause) for clause in live)
    return Applied("" if settled else _clauses_words(book, live), "", rests)


def condition_words(book: Book, condition: Condition) -> str:
    """A condition as a clause that follows "if", for the selected readings."""
    found = applied(book, condition)
    return f"{found.told} (only with {found.idle})" if found.idle else found.told or "always"


def _unselected(book: Book, named: NamedTest) -> bool:
    """Whether the test asks for a reading that is not selected."""
    if named.name not in book.assumptions:
        return False
    selected = book.readings.get(named.name, book.assumptions[named.name].default)
    return not (isinstance(named.test, OneOf) and selected in named.test.values)


def _asked(book: Book, clause: Clause) -> list[str]:
    tests = (named for named in clause.tests if named.name not in book.assumptions)
    return [told for told in (test_words(book, named) for named in tests) if told]


def _clauses_words(book: Book, clauses: Iterable[Clause]) -> str:
    return "; or ".join(listed(_asked(book, clause)) for clause in clauses)


def test_words(book: Book, named: NamedTest) -> str:
    """One test as a clause; empty where any value will do."""
    name, test = label(book, named.name), named.test
    match test:
        case OneOf(("yes",)) if is_yes_no(book, named.name):
            return _holding(name, "is")
        case OneOf(("no",)) if is_yes_no(book, named.name):
            return _holding(name, "is not")
        case Presence("irrelevant"):
            return ""
        case Presence("any_result"):
            return f"{name} has a result"
        case Presence("reached"):
            return f"{name} has come"
        case Presence("not_reported"):
            return f"{name} is not reported"
        case Presence("reported_without_result"):
            return f"{name} was reported without a result"
        case InSet(how, set_name):
            amount = {"some_in": "at least one", "all_in": "all", "none_in": "none"}[how]
            return f"{name} include {amount} of the {words(set_name)}"
        case _:
            return f"{name} is {cell(book, named)}"


def _holding(name: str, verb: str) -> str:
    """A yes/no name as a clause: ``the dose is not needed``, ``there is no progression``."""
    match = PREDICATE_PATTERN.fullmatch(name)
    if SENTENCE_PATTERN.fullmatch(name):
        return name if verb == "is" else f"it is not so that {name}"
    if match is not None:
        return f"{match[1]} {verb} {match[2]}"
    return f"there is {name}" if verb == "is" else f"there is no {name}"


def cell(book: Book, named: NamedTest) -> str:
    """One test as it stands under the heading of its value."""
    return _bare(named.test, unit_words(book, named.name))


def _bare(test: Test, unit: str) -> str:
    match test:
        case OneOf(values):
            return listed((value + unit for value in values), "or")
        case Range():
            return listed(f"{words(key)} {limit}{unit}" for key, limit in test.limits.items())
        case Presence("irrelevant"):
            return "whatever it is"
        case Presence(word):
            return words(word)
        case InSet(how, set_name):
            return f"{words(how).removesuffix(' in')} of the {words(set_name)}"
        case Elapsed():
            return elapsed_words(test)
        case AnyOf(tests):
            return listed((_bare(inner, unit) for inner in tests), "or")
        case Not(inner):
            return f"not {_bare(inner, unit)}"
        case _:
            assert_never(test)


def is_yes_no(book: Book, name: str) -> bool:
    """Whether a named value, or a fact, is yes or no."""
    value = book.values.get(name, book.derived.get(name))
    if isinstance(value, Prefer):
        return is_yes_no(book, value.prefer[0])
    if value is not None:
        return isinstance(value, NamedValue) and value.is_yes_no
    return name in book.facts and book.facts[name].yes_no


def unit_words(book: Book, name: str) -> str:
    """The unit of a fact after its number; a count has none."""
    definition = book.facts.get(name)
    value = book.values.get(name)
    if isinstance(value, Change):
        return " %" if value.change == "percent" else unit_words(book, value.of) if value.change == "difference" else ""
    if isinstance(value, Prefer):
        return unit_words(book, value.prefer[0])
    if isinstance(value, Take) and value.take not in ("count", "run"):
        return unit_words(book, value.of[0])
    unit = definition.quantity if definition is not None else None
    return f" {unit}" if unit not in (None, "1") else ""


# --- doses and days ------------------------------------------------------------------------------------------------


def dose_words(dose: PlainDose | None, times_a_day: int | None) -> str:
    """A dose that is a number, or a range, with how often a day."""
    if dose is None:
        return "not stated"
    if isinstance(dose, Quantity):
        amount = f"{format(dose.value, 'f')} {dose.unit}"
    else:
        amount = f"{format(dose.from_.value, 'f')} to {format(dose.to.value, 'f')} {dose.to.unit}"
    return amount + often(times_a_day)


def often(times_a_day: int | None) -> str:
    """How often a day, to stand behind a dose; nothing where it is not stated."""
    if times_a_day is None:
        return ""
    return {1: " once a day", 2: " twice a day"}.get(times_a_day, f" {times_a_day} times a day")


def days_words(days: DoseDays | None) -> str:
    """Days of a cycle."""
    if days is None:
        return "not stated"
    if isinstance(days, DayPoints):
        return f"{'day' if len(days.days) == 1 else 'days'} {listed(map(str, days.days))}"
    return "every day" if days.last is None else f"days {days.first} to {days.last}"


def line_days(line: Administration) -> str:
    """Days of a line of a regimen, and the cycles it is limited to."""
    if line.in_cycles is None:
        return days_words(line.days)
    cycles = f"cycle {line.in_cycles[0]}" if len(line.in_cycles) == 1 else f"cycles {listed(map(str, line.in_cycles))}"
    return f"{days_words(line.days)}, in {cycles} only"


def or_not_stated(value: object) -> str:
    """The value, or that the record does not state it."""
    return "not stated" if value is None or isinstance(value, NotStated) or value == NOT_STATED.value else str(value)


# --- events --------------------------------------------------------------------------------------------------------


def event_words(book: Book, event: PatientEvent) -> str:  # noqa: C901, PLR0912  # one line for each kind, and the type checker wants them all
    """An event in words, without its dates."""
    match event:
        case ConsentEvent():
            return "written consent"
        case EligibilityEvent():
            return "eligibility met" if event.met else "eligibility not met"
        case AllocationEvent():
            return f"allocation to {event.arm}"
        case AmendmentEvent():
            return f"move to version {event.version} of the protocol"
        case ObservationEvent():
            unit = f" {event.unit}" if event.unit is not None else ""
            parts = "".join(f"; {words(name)} {_members(value)}" for name, value in event.components.items())
            return f"{fact_at(book, event.fact, event.timepoint)}: {_members(event.value)}{unit}{parts}"
        case AdministrationEvent():
            return f"{regimen_name(book, event.regimen)}{_cycle_day(event)}"
        case OmissionEvent():
            left_out = f"{drug_name(book, event.drug)} of " if event.drug is not None else ""
            return f"{left_out}{regimen_name(book, event.regimen)}{_cycle_day(event)} left out: {event.reason}"
        case ChoiceEvent():
            named = f", {event.name}" if event.name is not None else ""
            named += f", since {event.reason}" if event.reason is not None else ""
            return f"choice {words(event.choice)}: {option_name(book, event.option or 'other')}{named}"
        case ProcedureEvent():
            return procedure_name(book, event.procedure)
        case OtherTreatmentEvent():
            return f"{listed(drug_name(book, drug) for drug in event.drugs)} given outside the protocol"
        case AttestationEvent():
            return f"criterion {event.criterion} attested {'met' if event.met else 'not met'} by {event.by}"
        case AdverseEventEvent():
            grade = f", grade {event.grade}" if event.grade is not None else ""
            judged = {True: ", unacceptable", False: ", acceptable", None: ", not judged"}[event.unacceptable]
            return f"adverse event {event.term}{grade}{judged}{f' ({event.drug})' if event.drug is not None else ''}"
        case UnblindingEvent():
            return f"allocation made known to the {words(event.to)} by {event.by}: {event.reason}"
        case DiscontinuationEvent():
            what = "treatment" if event.scope == "treatment" else drug_name(book, event.scope)
            return f"{what} stopped for good"
        case NewTherapyEvent():
            return f"new anticancer therapy: {event.therapy}"
        case ContactEvent():
            return "seen or heard of alive"
        case LostToFollowUpEvent():
            return "lost to follow-up"
        case WithdrawalEvent():
            return f"withdrawal from {'the study' if event.scope == 'study' else 'treatment'}"
        case DeathEvent():
            return "death"
        case StudyClosureEvent():
            return "closure of the study"
        case CorrectionEvent():
            return f"correction of {event.corrects}: {event_words(book, event.event)} on {event.event.effective.text}"
        case RetractionEvent():
            return f"retraction of {event.retracts}: {event.reason}"
        case _:
            assert_never(event)


def _cycle_day(event: AdministrationEvent | OmissionEvent) -> str:
    parts = [f"{name} {number}" for name, number in (("cycle", event.cycle), ("day", event.day)) if number is not None]
    return f", {' '.join(parts)}" if parts else ""


def _members(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def plain_dose(value: object) -> str:
    """A dose of a decision: decimal text, or a range."""
    if isinstance(value, dict):
        return f"{value['from']} to {value['to']}"
    return str(value)
