"""Random events for any compiled protocol, in their wire form: legal ones, illegal ones, and rewrites of both.

What may stand in an event is read off the compiled table, so a sixth protocol is walked without a change here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal
from random import Random
from typing import Any

from attrs import evolve
from hypothesis import strategies as st

from protocol_engine.model.events import (
    AllocationEvent,
    ConsentEvent,
    CorrectionEvent,
    DeathEvent,
    EligibilityEvent,
    ObservationEvent,
    PatientEvent,
    RetractionEvent,
    StudyClosureEvent,
    WithdrawalEvent,
)
from protocol_engine.model.facts import FactDefinition
from protocol_engine.model.table import Table
from protocol_engine.model.values import Ever

Wire = dict[str, Any]

FIRST_DAY = date(2026, 1, 1)
QUANTITIES = ("62.5", "70", "81.25", "9.9", "10")
AROUND_LIMITS = {
    "anc": ("0.4", "0.9", "1.2", "1.6"),
    "lvef": ("45", "52", "60"),
    "glucose": ("16", "9", "4"),
    "score": ("4", "2.7", "2.5"),
    "pressure": ("100", "130", "155"),
    "psa": ("0.5", "3", "4", "20"),
    "urate": ("1.9", "4", "6.5"),
}
"""Numbers on each side of the limits that rules on doses ask for."""
GENES = ("PIK3CA", "PTEN", "TP53")
"""Two genes of the PAM pathway and one outside it."""


# --- one event -----------------------------------------------------------------------------------------------------


def values_of(fact: FactDefinition, name: str = "") -> tuple[object, ...]:
    """Values that may be reported for a fact, those without a result last."""
    if fact.quantity is not None:
        numbers = AROUND_LIMITS.get(name, QUANTITIES)
        return tuple(number for number in numbers if fact.domain.includes(Decimal(number)))
    if fact.set_of is not None:
        return [], [GENES[0]], list(GENES)
    if fact.date:
        return (FIRST_DAY.isoformat(),)
    return (False, True) if fact.yes_no else (*(fact.values or ()), *fact.no_result)


def facts_of_courses(table: Table) -> list[str]:
    """The facts that a course reads. What only criteria read is walked by the tests of screening."""
    return sorted(table.facts.keys() - table.screening_facts)


def components_of(
    fact: FactDefinition, genes: Callable[[], list[str]], one: Callable[[tuple[str, ...]], str]
) -> dict[str, list[str] | str]:
    """A value for each detail of a fact: some genes, one of several words, or a number."""
    return {
        name: genes() if part.set_of is not None else one(part.one_of) if part.one_of is not None else "1"
        for name, part in fact.parts.items()
    }


def of_each(fact: FactDefinition, one: Callable[[tuple[str, ...]], str]) -> dict[str, str]:
    """Of which member the report is, if the fact is reported for each."""
    return {fact.each: one(("L1", "L2", "L3"))} if fact.each is not None else {}


def answer_of(table: Table, fact: str, timepoint: str | None, random: Random) -> Wire:
    """A whole result of a fact that was asked for."""
    definition = table.facts[fact]
    wire: Wire = {"kind": "observation", "fact": fact, "value": random.choice(values_of(definition, fact))}
    wire |= {"timepoint": timepoint} if timepoint is not None else {}
    wire |= {"unit": definition.quantity} if definition.quantity is not None else {}
    parts = components_of(definition, lambda: random.choice(([], [GENES[0]], [GENES[2]])), random.choice)
    parts |= of_each(definition, random.choice)
    return wire | ({"components": parts} if parts else {})


@st.composite
def observations(draw: st.DrawFn, table: Table, fact: str | None = None, timepoint: str | None = None) -> Wire:
    """A result of some fact, labelled or not, with or without its components."""
    name = fact if fact is not None else draw(st.sampled_from(facts_of_courses(table)))
    definition = table.facts[name]
    wire: Wire = {"kind": "observation", "fact": name, "value": draw(st.sampled_from(values_of(definition, name)))}
    if definition.quantity is not None:
        wire["unit"] = definition.quantity
    label = timepoint if timepoint is not None else draw(st.sampled_from((None, *definition.taken)))
    if label is not None:
        wire["timepoint"] = label

    def one(words: tuple[str, ...]) -> str:
        return draw(st.sampled_from(words))

    whole = components_of(definition, lambda: draw(st.lists(st.sampled_from(GENES), unique=True, max_size=2)), one)
    components = {part: value for part, value in whole.items() if draw(st.booleans())} | of_each(definition, one)
    return wire | ({"components": components} if components else {})


@st.composite
def doses(draw: st.DrawFn, table: Table) -> Wire:
    """An administration, or an omission, of any regimen, numbered or not."""
    regimen = draw(st.sampled_from(sorted(table.regimens)))
    wire: Wire = {"kind": "administration", "regimen": regimen}
    cycle = draw(st.sampled_from((None, None, 1, 2, 3, 4, 7)))
    day = draw(st.sampled_from((None, *table.regimens[regimen].days, 3)))
    wire |= {name: number for name, number in (("cycle", cycle), ("day", day)) if number is not None}
    if draw(st.integers(0, 4)) == 0:
        left_out = {"drug": draw(st.sampled_from(sorted(table.drugs)))} if draw(st.booleans()) else {}
        return wire | {"kind": "omission", "reason": "not well"} | left_out
    if draw(st.integers(0, 4)) == 0:
        drug = draw(st.sampled_from(sorted(table.drugs)))
        wire["given"] = [{"drug": drug, "dose": "10", "unit": "mg/kg", "route": "IV"}]
    return wire


@st.composite
def choices(draw: st.DrawFn, table: Table) -> Wire:
    """An option of some choice."""
    choice = table.choices[draw(st.sampled_from(sorted(table.choices)))]
    option = draw(st.sampled_from(choice.options))
    wire: Wire = {"kind": "choice", "choice": choice.id, "option": option}
    if any(row.advice for row in table.rows) and draw(st.booleans()):
        wire["reason"] = "wish of the patient"
    return wire | ({"name": "vinorelbine"} if option == choice.says_which else {})


def acts(table: Table) -> st.SearchStrategy[Wire]:
    """Any act, allowed or not."""
    drugs = st.sampled_from(sorted(table.drugs))
    found: list[st.SearchStrategy[Wire]] = [
        doses(table),
        doses(table),
        doses(table),
        st.just({"kind": "consent"}),
        st.booleans().map(lambda met: {"kind": "eligibility", "met": met}),
        st.sampled_from(sorted({*table.arms, *table.allocation_of})).map(
            lambda arm: {"kind": "allocation", "arm": arm}
        ),
        drugs.map(lambda drug: {"kind": "other_treatment", "drugs": [drug]}),
    ]
    if table.kin is not None:
        versions = st.sampled_from(table.kin.versions)
        found.append(versions.map(lambda version: {"kind": "amendment", "version": version}))
    if table.choices:
        found.append(choices(table))
    if table.procedures:
        names = st.sampled_from(sorted(table.procedures))
        found.append(names.map(lambda name: {"kind": "procedure", "procedure": name}))
    return st.one_of(found)


def terms_asked(table: Table) -> list[str]:
    """The terms of adverse events that some value asks for."""
    asked = (value.is_ or {} for value in table.values.values() if isinstance(value, Ever))
    return sorted({term for each in asked for term in each.get("term", ())})


@st.composite
def adverse_events(draw: st.DrawFn, table: Table) -> Wire:
    """An adverse event that may lack the word on treatment, or the drug."""
    wire: Wire = {"kind": "adverse_event", "term": "neutropenia", "grade": draw(st.integers(1, 5))}
    if table.grades_asked:
        wire["term"] = draw(st.sampled_from(("neutropenia", *terms_asked(table))))
        if draw(st.integers(0, 4)) == 0:
            del wire["grade"]
    unacceptable = draw(st.sampled_from((False, False, True, None)))
    drug = draw(st.sampled_from((None, *sorted(table.drugs))))
    wire |= {"unacceptable": unacceptable} if unacceptable is not None else {}
    return wire | ({"drug": drug} if drug is not None else {})


def adverse_event_of(table: Table) -> Wire:
    """An unacceptable toxicity of the first drug of a protocol."""
    return {"kind": "adverse_event", "term": "neutropenia", "grade": 4, "unacceptable": True, "drug": min(table.drugs)}


def news_of(table: Table) -> list[Wire]:
    """Results that may end treatment or change it; the first of them for the worse."""
    if "response" in table.facts:
        return [{"kind": "observation", "fact": "response", "value": value} for value in ("PD", "PR")]
    measured = [(name, table.facts[name]) for name in sorted(AROUND_LIMITS) if name in table.facts]
    values = [(name, fact, value) for name, fact in measured for value in values_of(fact, name)]
    told = [{"kind": "observation", "fact": n, "value": value, "unit": fact.quantity} for n, fact, value in values]
    said = [name for name in facts_of_courses(table) if table.facts[name].yes_no]
    return told or [{"kind": "observation", "fact": name, "value": value} for name in said for value in (True, False)]


def happenings_of(table: Table) -> tuple[Wire, ...]:
    """Reports that may stop, hold or move treatment, and change what is offered on their day."""
    scans = news_of(table)
    stops: list[Wire] = [{"kind": "discontinuation", "scope": scope} for scope in ("treatment", min(table.drugs))]
    return *scans, *stops, adverse_event_of(table), {"kind": "adverse_event", "term": "neutropenia"}


def reports(table: Table) -> st.SearchStrategy[Wire]:
    """Any report but death, withdrawal and closure, which end the walk."""
    scopes = st.sampled_from(("treatment", *sorted(table.drugs)))
    stops = scopes.map(lambda scope: {"kind": "discontinuation", "scope": scope, "reason": "her wish"})
    found = [observations(table)] * 5
    return st.one_of(*found, adverse_events(table), stops, st.sampled_from(AFTERWARDS))


AFTERWARDS: tuple[Wire, ...] = (
    {"kind": "new_therapy", "therapy": "another drug"},
    {"kind": "contact"},
    {"kind": "lost_to_follow_up"},
)
"""Reports that move a course only where its protocol reads them."""

ENDINGS: tuple[Wire, ...] = (
    {"kind": "withdrawal", "scope": "treatment"},
    {"kind": "withdrawal", "scope": "study"},
    {"kind": "study_closure"},
    {"kind": "death"},
)


def any_event(table: Table) -> st.SearchStrategy[Wire]:
    """Any event but corrections and retractions."""
    return st.one_of(acts(table), acts(table), reports(table), reports(table), st.sampled_from(ENDINGS))


# --- what a decision offers ----------------------------------------------------------------------------------------


def named(wire: Wire, action: Mapping[str, Any], option: str) -> Wire:
    """The choice with its name in words, where its option asks for one, and with a reason where another is advised."""
    if option in action.get("needs_reason", ()):
        wire = wire | {"reason": "wish of the patient"}
    return wire | ({"name": "vinorelbine"} if action.get("named_option") == option else {})


def events_of(action: Mapping[str, Any]) -> list[Wire]:
    """The ways of doing what an action of a decision offers; none for what is not an event (follow-up)."""
    match action["kind"]:
        case "obtain_consent":
            return [{"kind": "consent"}]
        case "confirm_eligibility":
            return [{"kind": "eligibility", "met": True}]
        case "allocate":
            return [{"kind": "allocation", "arm": arm} for arm in action["arms"]]
        case "choose":
            choice = action["choice"]
            return [
                named({"kind": "choice", "choice": choice, "option": option}, action, option)
                for option in action["options"]
            ]
        case "perform":
            return [{"kind": "procedure", "procedure": action["procedure"]}]
        case "amend":
            return [{"kind": "amendment", "version": action["version"]}]
        case "administer" if "regimen" in action:  # a drug that is never given names none
            numbered = {key: action[key] for key in ("regimen", "cycle", "day")}
            wire: Wire = {"kind": "administration", **numbered}
            return [wire, wire | {"given": [given(line) for line in action["administrations"]]}]
        case _:
            return []


def as_offered(refused: Mapping[str, Any]) -> dict[str, Any]:
    """What a decision does not allow, in the form of what it offers."""
    return {
        "administrations": [],
        "arms": [refused.get("arm")],
        "options": [refused.get("option")],
        "named_option": "own_choice",  # the one option of the five files that comes with a name
        **refused,
    }


def given(line: Mapping[str, Any]) -> Wire:
    """A line of an administration, given as it is written: the amount where there is one, else the dose."""
    wire: Wire = {"drug": line["drug"]}
    if line["route"] != "not_stated":
        wire["route"] = line["route"]
    if line["amount"] is not None:
        return wire | {"dose": line["amount"]["value"], "unit": line["amount"]["unit"]}
    if line["dose"] == "not_stated":
        return wire
    dose = line["dose"]["from"] if isinstance(line["dose"], Mapping) else line["dose"]
    return wire | {"dose": dose, "unit": line["unit"]}


# --- what stands, worked out apart from the engine -----------------------------------------------------------------


def standing(events: Iterable[PatientEvent]) -> dict[str, PatientEvent]:
    """Each event as the corrections and retractions known now leave it, by id; those retracted are left out."""
    told = {event.id: event for event in events}
    rewrites = [event for event in told.values() if isinstance(event, CorrectionEvent | RetractionEvent)]
    rewrites.sort(key=lambda event: (event.issued.day, event.id))

    def resolved(name: str) -> PatientEvent | None:
        found: PatientEvent | None = told[name]
        for rewrite in rewrites:
            if target_of(rewrite) == name:
                known = resolved(rewrite.id)
                if isinstance(known, CorrectionEvent):
                    found = evolve(known.event, id=name)
                elif isinstance(known, RetractionEvent):
                    found = None
        return found

    resolutions = {name: resolved(name) for name in told}
    return {name: event for name, event in resolutions.items() if event is not None}


def target_of(event: PatientEvent) -> str | None:
    """The id that a correction or a retraction names; None for any other event."""
    match event:
        case CorrectionEvent():
            return event.corrects
        case RetractionEvent():
            return event.retracts
        case _:
            return None


def roots_of(name: str, events: Mapping[str, PatientEvent]) -> set[str]:
    """The event of that name and all that it rewrites, down to what happened to the patient."""
    found = {name}
    while (target := target_of(events[name])) is not None:
        found.add(target)
        name = target
    return found


def gates_passed(events: Iterable[PatientEvent]) -> set[str]:
    """Which of consent, eligibility and allocation are there; eligibility as it was judged last."""
    found = set()
    judged = sorted((e for e in events if isinstance(e, EligibilityEvent)), key=lambda e: (e.effective.day, e.met))
    if any(isinstance(e, ConsentEvent) for e in events):
        found.add("consent")
    if any(e.met for e in judged):
        found.add("eligibility")
    if any(isinstance(e, AllocationEvent) for e in events):
        found.add("allocation")
    return found


def weight_known(events: Iterable[PatientEvent], fact: str = "weight") -> tuple[Decimal, date] | None:
    """The weight, or the body surface, taken last, if the reports of that day agree."""
    weights = [e for e in events if isinstance(e, ObservationEvent) and e.fact == fact]
    if not weights:
        return None
    last = max(event.effective.day for event in weights)
    values = {Decimal(event.value) for event in weights if event.effective.day == last}
    return (values.pop(), last) if len(values) == 1 else None


def is_over(events: Iterable[PatientEvent]) -> bool:
    """Whether something is known that ends treatment in every protocol."""
    return any(isinstance(e, DeathEvent | WithdrawalEvent | StudyClosureEvent) for e in events)
