"""What an event means that was reported under the names that are shown to those who must not know the arm."""

from __future__ import annotations

from typing import TypeVar

from protocol_engine.model.events import Event
from protocol_engine.model.table import Table

EventT = TypeVar("EventT", bound=Event)


def meant(table: Table, event: EventT, arm: str | None) -> EventT:
    """The event under the names of the arm that the patient is in; the same where nothing is hidden."""
    return event if table.blinding is None else table.blinding.meant(event, arm)
