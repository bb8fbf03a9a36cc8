"""What an event means that was reported under the names that are shown to those who must not know the arm."""

from __future__ import annotations

from typing import TypeVar

from protocol_engine.model.altering import altered
from protocol_engine.model.events import DiscontinuationEvent, Event
from protocol_engine.model.history import History
from protocol_engine.model.table import Table

EventT = TypeVar("EventT", bound=Event)


def meant(table: Table, event: EventT, arm: str | None) -> EventT:
    """The event under the names of the arm that the patient is in; the same where nothing is hidden."""
    return event if table.blinding is None else table.blinding.meant(event, arm)


def known_as(table: Table, history: History, arm: str | None) -> History:
    """The history once the patient is in an arm: what was told before under a name that is shown is of that arm."""
    if table.blinding is None or arm not in table.blinding.own:
        return history
    stops: dict[str, tuple[DiscontinuationEvent, ...]] = {}
    for told in history.discontinued.values():
        for stop in told:
            event = meant(table, stop, arm)
            stops[event.scope] = tuple(
                sorted((*stops.get(event.scope, ()), event), key=lambda stop: stop.effective.day)
            )
    return altered(history, discontinued=stops, adverse=tuple(meant(table, event, arm) for event in history.adverse))
