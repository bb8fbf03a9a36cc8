"""Tracks of one arm: which of them go on, to which one an act belongs, and how they begin.

A patient is always seen from one track (:meth:`Position.of_track`); judging, moving and falling know of no other.
"""

from __future__ import annotations

from protocol_engine.model.altering import altered
from protocol_engine.model.events import (
    ActEvent,
    AdministrationEvent,
    AllocationEvent,
    ChoiceEvent,
    OmissionEvent,
    ProcedureEvent,
)
from protocol_engine.model.state import Position
from protocol_engine.model.table import Table


def begun(table: Table, position: Position) -> Position:
    """The position behind allocation: every track of the arm waits at its beginning."""
    tracks = table.tracks.get(position.arm or "", {})
    if not tracks:
        return position
    return altered(position, tracks={name: Position(track.start, track=name) for name, track in tracks.items()})


def going_on(table: Table, position: Position) -> tuple[str, ...]:
    """The tracks in which something may still be done, or was, in the order of the file.

    None once the course has ended, left treatment by a stop or a choice of the file or of the arm, or was left for
    steps that take its place: what ends the arm cuts them off where they stand.
    """
    if not position.tracks:
        return ()
    main = position.main
    over = main.ended is not None or main.cut_off or table.places[main.place].off_treatment
    return () if over else tuple(table.tracks[position.arm or ""])


def with_grounds(position: Position) -> tuple[Position, ...]:
    """The position, and those in the tracks, in which a stop or an end was taken."""
    found = (position,) if position.grounds is not None else ()
    if not position.tracks:
        return found
    return (*found, *(position.of_track(name) for name, other in sorted(position.tracks.items()) if other.grounds))


def track_of_act(table: Table, position: Position, event: ActEvent) -> str | None:
    """The track in which an act is judged; None for the course of the arm, and for what no track of it knows."""
    found = owner_of(table, position, event)
    return found if found in going_on(table, position) else None


def owner_of(table: Table, position: Position, event: ActEvent) -> str | None:
    """The track of the patient's arm that an act belongs to, whether or not it goes on."""
    match event:
        case AdministrationEvent() | OmissionEvent():
            act = ("administration", event.regimen)
        case ChoiceEvent():
            act = ("choice", event.choice)
        case ProcedureEvent():
            act = ("procedure", event.procedure)
        case AllocationEvent() if event.arm in table.allocation_of:
            act = ("allocation", event.arm)
        case _:
            return None
    return table.track_of.get(position.arm or "", {}).get(act)
