"""From the events of one patient to a screening: what had been issued by a day, as corrected by then.

A report that cannot be read, because its unit cannot be converted or its value lies outside the fact's domain, spoils
that fact alone: it is told, and every criterion that needs the fact stays unknown.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from attrs import define, evolve, field, frozen

from protocol_engine.engine.rewriting import rewritten
from protocol_engine.engine.screening import Screening, screen
from protocol_engine.errors import InputError
from protocol_engine.model.events import AttestationEvent, ConsentEvent, ObservationEvent, PatientEvent
from protocol_engine.model.facts import read_value
from protocol_engine.model.history import NO_RESULTS, FactHistory, History, Result, read_parts
from protocol_engine.model.state import Position
from protocol_engine.model.table import Table
from protocol_engine.version import ENGINE_VERSION


@frozen
class Unreadable:
    """A report that could not be read: the event, the fact it is about, and what is wrong with it."""

    event: str
    fact: str
    message: str

    def as_json(self) -> dict[str, str]:
        """The fault as JSON."""
        return {"event": self.event, "fact": self.fact, "message": self.message}


@frozen
class PatientScreening:
    """The screening of one patient under one protocol, what could not be read, and how much was left aside.

    ``nameless`` are attestations that name no protocol, where the patient is screened for several.
    """

    protocol: dict[str, str]
    screening: Screening
    readings: dict[str, str] = field(factory=dict)
    unreadable: tuple[Unreadable, ...] = ()
    skipped: int = 0
    ignored: int = 0
    nameless: tuple[str, ...] = ()

    def summary(self) -> dict[str, Any]:
        """The answer alone, with the criteria behind it."""
        screening = self.screening
        return {
            "protocol": self.protocol["id"],
            "as_of": screening.as_of.isoformat(),
            "answer": screening.answer,
            "barring": [answer.id for answer in screening.barring],
            "undecided": [answer.id for answer in screening.undecided],
            "unreadable": [item.event for item in self.unreadable],
            "skipped_unknown_facts": self.skipped,
            "nameless_attestations": list(self.nameless),
        }

    def as_json(self) -> dict[str, Any]:
        """The whole as JSON."""
        return {
            "protocol": self.protocol,
            "engine_version": ENGINE_VERSION,
            **self.screening.as_json(),
            "readings": self.readings,
            "unreadable": [item.as_json() for item in self.unreadable],
            "skipped_unknown_facts": self.skipped,
            "ignored_events": self.ignored,
            "nameless_attestations": list(self.nameless),
        }


@define
class _Reading:
    """A patient's facts while they are read from events."""

    table: Table
    alone: bool = True
    nameless: list[str] = field(factory=list)
    results: dict[str, FactHistory] = field(factory=dict)
    words: History = field(factory=History)
    consent: date | None = None
    unreadable: list[Unreadable] = field(factory=list)
    spoilt: dict[str, tuple[date, str]] = field(factory=dict)
    skipped: int = 0

    @property
    def history(self) -> History:
        """What was read."""
        return evolve(self.words, results=self.results)

    def take(self, event: PatientEvent) -> None:
        """Note what an event says that screening reads; other events are no matter of it."""
        match event:
            case ConsentEvent():
                day = event.effective.day
                self.consent = day if self.consent is None else min(self.consent, day)
            case AttestationEvent():
                if event.protocol is None and not self.alone:
                    self.nameless.append(event.id)
                elif event.protocol in (None, self.table.protocol) and event.criterion in self.table.criteria:
                    self.words = self.words.with_attestation(event)
                else:
                    self.skipped += 1
            case ObservationEvent():
                self._observe(event)
            case _:
                pass

    def _observe(self, event: ObservationEvent) -> None:
        name = self.table.fact_called.get(event.fact)
        if name is None:
            self.skipped += 1
            return
        if name != event.fact:
            event = evolve(event, fact=name)
        fact = self.table.facts[name]
        try:
            value = read_value(fact, event.value, event.unit)
            parts = read_parts(fact, event)
        except ValueError as error:
            self.unreadable.append(Unreadable(event.id, event.fact, str(error)))
            known = self.spoilt.get(event.fact)
            if known is None or known[0] <= event.effective.day:
                self.spoilt[event.fact] = event.effective.day, event.id
            return
        results = self.results.get(event.fact, NO_RESULTS)
        self.results[event.fact] = results.adding(Result(event, event.timepoint, value, parts))


def screen_patient(
    table: Table, events: Iterable[PatientEvent], as_of: date | None = None, *, alone: bool = True
) -> PatientScreening:
    """Every criterion answered from what had been issued by that day (default: the last date among the events).

    Where the patient is not screened for this protocol ``alone``, an attestation counts only if it names the protocol:
    a criterion of the same number asks something else in another. Facts that the protocol does not read are skipped and
    counted. :class:`InputError` if one id has two contents,
    corrections go in a circle, or the protocol has no criteria: nobody is eligible by default.
    """
    if not table.criteria:
        raise InputError(f"{table.protocol}: its file has no criteria, so nobody can be screened for it")
    received: dict[str, PatientEvent] = {}
    for event in events:
        known = received.setdefault(event.id, event)
        if known is not event and known != event:
            raise InputError(f"{event.id}: this id stands for another event already; correct that event instead")
    day = as_of if as_of is not None else max((event.issued.day for event in received.values()), default=None)
    if day is None:
        raise InputError("there is no event, so say which day is asked about")
    by_then = {name: event for name, event in received.items() if event.issued.day <= day}
    reading = _Reading(table, alone)
    for event in sorted(rewritten(by_then, None).values(), key=lambda event: (event.effective.day, event.id)):
        reading.take(event)
    marks = {"consent": reading.consent} if reading.consent is not None else {}
    screening = screen(table, reading.history, Position(table.start, marks=marks), day, reading.spoilt)
    return PatientScreening(
        protocol={"id": table.protocol, "version": table.version, "digest": table.digest},
        screening=screening,
        readings={name: table.readings[name] for name in screening.assumptions if name in table.readings},
        unreadable=tuple(reading.unreadable),
        skipped=reading.skipped,
        ignored=len(received) - len(by_then),
        nameless=tuple(reading.nameless),
    )
