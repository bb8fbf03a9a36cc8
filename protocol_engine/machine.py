"""The rows of a table, run by ``transitions``. This is the only module that knows that library.

No text of a protocol file reaches it: places and acts go under numbers, and guards are read from the cursor, where the
engine says which row holds. A row is taken only if it is true, and never two at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import define
from transitions import EventData, Machine

from protocol_engine.errors import BrokenInvariant
from protocol_engine.model.table import Row, Table

FALL = "fall"
LAND = "land"


@define
class _Cursor:
    """What ``transitions`` moves: the place, and which row holds."""

    state: str
    row: str


class PlaceMachine:
    """The places of one table as states, its rows and landings as transitions, all under numbers of our own."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._states = {place: f"p{number}" for number, place in enumerate(table.places)}
        self._places = {state: place for place, state in self._states.items()}
        self._triggers = {key: f"t{number}" for number, key in enumerate((FALL, *table.acts))}
        self._machine = Machine(
            model=None,
            states=[*self._places],
            initial=self._states[table.start],
            auto_transitions=False,
            send_event=True,
            ignore_invalid_triggers=True,
        )
        for row in table.rows:
            trigger = self._triggers[FALL if row.act is None else row.act.key]
            sources = [row.source]
            if row.act is None:
                sources = [place.id for place in table.places.values() if row.source in place.scopes]
            self._add(trigger, sources, row.target, row.id)
        for place, landings in table.landings.items():
            for key, landing in landings.items():
                if landing.target is not None:
                    self._add(self._triggers[key] + LAND, [place], landing.target, LAND)
        self._events: Mapping[str, Any] = self._machine.events

    def _add(self, trigger: str, sources: list[str], target: str, row: str) -> None:
        """A row that leads back to its own place leaves and enters nothing: to ``transitions`` it is internal."""
        for source in sources:
            leads_to = self._states[target] if target != source else None
            self._machine.add_transition(trigger, self._states[source], leads_to, conditions=[_holds(row)])

    def take(self, place: str, row: Row) -> str:
        """The place that a row leads to from ``place``. BrokenInvariant if the machine has no such row."""
        return self._fire(place, self._triggers[FALL if row.act is None else row.act.key], row.id)

    def land(self, place: str, act: str) -> str:
        """The place where an act lands, from ``place``, that no row allowed."""
        return self._fire(place, self._triggers[act] + LAND, LAND)

    def _fire(self, place: str, trigger: str, row: str) -> str:
        cursor = _Cursor(self._states[place], row)
        event = self._events.get(trigger)
        if event is None or not event.trigger(cursor):
            raise BrokenInvariant(f"no row {row} leaves {place} by {trigger}")
        return self._places[cursor.state]


def _holds(row: str) -> Callable[[EventData], bool]:
    def guard(event: EventData) -> bool:
        return isinstance(event.model, _Cursor) and event.model.row == row

    return guard
