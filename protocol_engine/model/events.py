"""The events of a course: what happened to one patient, each with an id, a kind and its dates.

Acts (consent, eligibility, allocation, amendment, choice, administration, omission, procedure, other_treatment) are
judged against the protocol; reports (observation, attestation, adverse_event, unblinding, withdrawal, death,
study_closure, discontinuation, new_therapy, contact, lost_to_follow_up) are taken as they are; correction and
retraction rewrite an earlier event from the day they became known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from attrs import evolve, field, fields, frozen

from protocol_engine.errors import shortened, shown
from protocol_engine.model.facts import DAY_PATTERN
from protocol_engine.model.units import Route, UcumUnit

FIRST_YEAR, LAST_YEAR = 1900, 2200
TIME_PATTERN = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}")


@frozen
class EventTime:
    """A day, or an instant with its offset. ``text`` is as written (ISO 8601); ``day`` is the day as written."""

    text: str
    day: date = field(eq=False)
    instant: datetime | None = field(default=None, eq=False)

    @classmethod
    def of(cls, text: str) -> EventTime:
        """Read ``2026-01-31`` or ``2026-01-31T09:30:00+01:00``. ValueError says what is wrong."""
        if DAY_PATTERN.fullmatch(text):
            return cls(text, _within_reach(date.fromisoformat(text)))
        if not TIME_PATTERN.match(text):
            raise ValueError(
                f"is not a date such as 2026-01-31, nor a time such as 2026-01-31T09:30:00+01:00: {shown(text)}"
            )
        try:
            instant = datetime.fromisoformat(text)
        except ValueError as error:
            raise ValueError(shortened(str(error))) from None
        if instant.tzinfo is None:
            raise ValueError(f"has a time without an offset: {shown(text)}; add one such as +01:00 or Z")
        return cls(text, _within_reach(instant.date()), instant)


def _within_reach(day: date) -> date:
    """The day, if a patient can have lived on it; dates are counted on from it, and must not run off the calendar."""
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError(f"lies outside the years {FIRST_YEAR} to {LAST_YEAR}: {day.isoformat()}")
    return day


@frozen(kw_only=True)
class Event:
    """What all events share. ``effective`` is when it happened, ``issued`` when it became known (default: the same)."""

    id: str
    effective: EventTime
    issued: EventTime = field()

    @issued.default
    def _issued_when_it_happened(self) -> EventTime:
        return self.effective

    @property
    def known(self) -> EventTime:
        """The place of the event in the order of knowing: a report by ``issued``, an act by ``effective``."""
        return self.issued


class Act(Event):
    """Something done, judged against the protocol on the day it was done."""

    @property
    def known(self) -> EventTime:
        """An act is known when it is done."""
        return self.effective


@frozen(kw_only=True)
class ConsentEvent(Act):
    """Written consent was given."""

    kind: Literal["consent"] = "consent"


@frozen(kw_only=True)
class EligibilityEvent(Act):
    """Somebody attested that the criteria are met, or are not."""

    kind: Literal["eligibility"] = "eligibility"
    met: bool


@frozen(kw_only=True)
class AllocationEvent(Act):
    """The patient was allocated to an arm."""

    kind: Literal["allocation"] = "allocation"
    arm: str


@frozen(kw_only=True)
class AmendmentEvent(Act):
    """The course goes on under another ``version`` of the protocol, from that day on."""

    kind: Literal["amendment"] = "amendment"
    version: str


@frozen(kw_only=True)
class GivenDrug:
    """What was really given of one drug.

    ``dose`` is a decimal string. ``unit`` is its UCUM code. ``route`` is how the drug was given.
    """

    drug: str
    dose: Decimal | None = None
    unit: UcumUnit | None = None
    route: Route | None = None


@frozen(kw_only=True)
class AdministrationEvent(Act):
    """A day of a cycle of a regimen was given. ``cycle`` and ``day`` count from 1 and may be left out where certain."""

    kind: Literal["administration"] = "administration"
    regimen: str
    cycle: int | None = None
    day: int | None = None
    given: tuple[GivenDrug, ...] | None = None


@frozen(kw_only=True)
class OmissionEvent(Act):
    """A day of a cycle, or one drug of it, was left out, and why."""

    kind: Literal["omission"] = "omission"
    regimen: str
    cycle: int | None = None
    day: int | None = None
    drug: str | None = None
    reason: str


@frozen(kw_only=True)
class ChoiceEvent(Act):
    """A person took an option of a choice; ``name`` says in words what an open option stands for.

    With a ``name`` and no ``option`` it is the open option of that choice. ``reason`` says why another option was taken
    than the one that is advised.
    """

    kind: Literal["choice"] = "choice"
    choice: str
    option: str | None = None
    name: str | None = None
    reason: str | None = None

    def agrees(self, other: ChoiceEvent) -> bool:
        """Whether another word on the same choice says the same."""
        return (self.option, said(self.name or "")) == (other.option, said(other.name or ""))


@frozen
class DayReached:
    """The beginning of a day on which something may fall by the calendar. Nobody reports it; no course keeps it."""

    day: date
    id: str = ""

    @property
    def known(self) -> EventTime:
        """The day."""
        return EventTime.of(self.day.isoformat())

    @property
    def effective(self) -> EventTime:
        """The day."""
        return self.known


def said(name: str) -> str:
    """A name in words as it is compared: neither case nor spaces tell two apart."""
    return " ".join(name.split()).casefold()


@frozen(kw_only=True)
class ProcedureEvent(Act):
    """A procedure was done."""

    kind: Literal["procedure"] = "procedure"
    procedure: str


@frozen(kw_only=True)
class OtherTreatmentEvent(Act):
    """Drugs were given outside the protocol."""

    kind: Literal["other_treatment"] = "other_treatment"
    drugs: tuple[str, ...]


@frozen(kw_only=True)
class ObservationEvent(Event):
    """A result: ``value`` is text for quantities (exact decimal) and text, boolean or a list elsewhere."""

    kind: Literal["observation"] = "observation"
    fact: str
    timepoint: str | None = None
    value: Any
    unit: str | None = None
    components: dict[str, Any] = field(factory=dict)


@frozen(kw_only=True)
class AttestationEvent(Event):
    """Somebody's word on a criterion that no data decide: is it met? ``by`` says who that was, by role.

    ``protocol`` says whose criterion it is, where a patient is screened for several.
    """

    kind: Literal["attestation"] = "attestation"
    criterion: str
    met: bool
    by: str
    protocol: str | None = None


@frozen(kw_only=True)
class AdverseEventEvent(Event):
    """An adverse event: CTCAE ``grade`` 1 to 5; ``unacceptable`` is the investigator's word on the treatment."""

    kind: Literal["adverse_event"] = "adverse_event"
    term: str
    grade: int | None = None
    unacceptable: bool | None = None
    drug: str | None = None


@frozen(kw_only=True)
class UnblindingEvent(Event):
    """The allocation was made known ``to`` a role, ``by`` whom and why."""

    kind: Literal["unblinding"] = "unblinding"
    to: str
    by: str
    reason: str


@frozen(kw_only=True)
class DiscontinuationEvent(Event):
    """Treatment (``scope: treatment``) or one drug (its id) was stopped for good."""

    kind: Literal["discontinuation"] = "discontinuation"
    scope: str
    reason: str | None = None


@frozen(kw_only=True)
class NewTherapyEvent(Event):
    """A new therapy against the cancer began, which is no part of the protocol; ``therapy`` says which, in words."""

    kind: Literal["new_therapy"] = "new_therapy"
    therapy: str


@frozen(kw_only=True)
class ContactEvent(Event):
    """The patient was seen, or heard of, alive on that day."""

    kind: Literal["contact"] = "contact"


@frozen(kw_only=True)
class LostToFollowUpEvent(Event):
    """Nobody could reach the patient any more, and the search was given up on that day."""

    kind: Literal["lost_to_follow_up"] = "lost_to_follow_up"


@frozen(kw_only=True)
class WithdrawalEvent(Event):
    """Consent was withdrawn from treatment, or from the study."""

    kind: Literal["withdrawal"] = "withdrawal"
    scope: Literal["treatment", "study"]


@frozen(kw_only=True)
class DeathEvent(Event):
    """The patient died."""

    kind: Literal["death"] = "death"


@frozen(kw_only=True)
class StudyClosureEvent(Event):
    """The study was closed."""

    kind: Literal["study_closure"] = "study_closure"


@frozen(kw_only=True)
class CorrectionEvent(Event):
    """The event ``corrects`` was really ``event``: the whole new event, with the id of the one it replaces."""

    kind: Literal["correction"] = "correction"
    corrects: str
    event: PatientEvent
    reason: str

    @property
    def named(self) -> str:
        """The id of the event that it rewrites."""
        return self.corrects


@frozen(kw_only=True)
class RetractionEvent(Event):
    """The event ``retracts`` never happened."""

    kind: Literal["retraction"] = "retraction"
    retracts: str
    reason: str

    @property
    def named(self) -> str:
        """The id of the event that it rewrites."""
        return self.retracts


ActEvent = (
    ConsentEvent
    | EligibilityEvent
    | AllocationEvent
    | AmendmentEvent
    | AdministrationEvent
    | OmissionEvent
    | ChoiceEvent
    | ProcedureEvent
    | OtherTreatmentEvent
)
ReportEvent = (
    ObservationEvent
    | AttestationEvent
    | AdverseEventEvent
    | UnblindingEvent
    | DiscontinuationEvent
    | NewTherapyEvent
    | ContactEvent
    | LostToFollowUpEvent
    | WithdrawalEvent
    | DeathEvent
    | StudyClosureEvent
)
Rewrite = CorrectionEvent | RetractionEvent
PatientEvent = ActEvent | ReportEvent | Rewrite

EVENT_KINDS: dict[str, type[PatientEvent]] = {
    "consent": ConsentEvent,
    "attestation": AttestationEvent,
    "eligibility": EligibilityEvent,
    "allocation": AllocationEvent,
    "amendment": AmendmentEvent,
    "observation": ObservationEvent,
    "choice": ChoiceEvent,
    "procedure": ProcedureEvent,
    "administration": AdministrationEvent,
    "omission": OmissionEvent,
    "other_treatment": OtherTreatmentEvent,
    "adverse_event": AdverseEventEvent,
    "unblinding": UnblindingEvent,
    "discontinuation": DiscontinuationEvent,
    "new_therapy": NewTherapyEvent,
    "contact": ContactEvent,
    "lost_to_follow_up": LostToFollowUpEvent,
    "withdrawal": WithdrawalEvent,
    "study_closure": StudyClosureEvent,
    "death": DeathEvent,
    "correction": CorrectionEvent,
    "retraction": RetractionEvent,
}
"""Wire name of each kind, in the order in which events of one day without times are taken."""

KIND_RANK = {kind: rank for rank, kind in enumerate(EVENT_KINDS)}


def renamed(event: PatientEvent, event_id: str) -> PatientEvent:
    """The same event under another id."""
    return evolve(event, id=event_id)


def rewrites_told(event: PatientEvent) -> Iterator[Rewrite]:
    """What a correction or retraction says is rewritten: itself, and each rewrite that it puts in place.

    A correction of a correction tells of two: itself, and the one that stands under the corrected id from then on.
    """
    while isinstance(event, Rewrite):
        yield event
        if isinstance(event, RetractionEvent):
            return
        event = event.event


def content(event: PatientEvent) -> dict[str, object]:
    """Everything the event says but its id, for comparing two reports under one id."""
    return {f.name: getattr(event, f.name) for f in fields(type(event)) if f.name != "id"}
