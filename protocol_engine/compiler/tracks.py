"""The tracks of each arm, as the table knows them beside their places."""

from __future__ import annotations

from attrs import evolve

from protocol_engine.compiler.steps import waiting_in
from protocol_engine.model.protocol import Protocol, Track
from protocol_engine.model.table import Place, TrackContent


def tracks_written(protocol: Protocol) -> tuple[Track, ...]:
    """Every track of a file: those of all arms, and those of single ones."""
    return (*protocol.tracks.values(), *(track for arm in protocol.arms.values() for track in arm.tracks.values()))


def compiled_tracks(protocol: Protocol, places: tuple[Place, ...]) -> dict[str, dict[str, TrackContent]]:
    """By arm its tracks, each with the ways in which it can stand; an arm that has none is left out."""
    found: dict[str, dict[str, TrackContent]] = {}
    for arm, content in protocol.arms.items():
        for name, track in {**protocol.tracks, **content.tracks}.items():
            start = waiting_in(arm, name)
            known = TrackContent(name, track.title, start, (), track.cite)
            states = (place.state for place in places if place.arm == arm and place.track == name)
            if any(place.id == start for place in places):
                found.setdefault(arm, {})[name] = evolve(known, states=tuple(dict.fromkeys(states)))
    return found
