"""How the tracks of a file can stand, as they are written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from protocol_engine.compiler import inner_steps
from protocol_engine.model.protocol import Allocate, Choose, End, Give, Observe, Perform, Protocol, Step, Track
from protocol_engine.model.values import MAIN, STOPPED, WAITING


def tracks_of_arm(protocol: Protocol, arm: str) -> dict[str, Track]:
    """The tracks of an arm: those of all arms, and its own."""
    return {**protocol.tracks, **protocol.arms[arm].tracks}


def track_names(protocol: Protocol) -> tuple[str, ...]:
    """The names of all tracks of a file. The course of a trial is one by itself."""
    if protocol.subject == "trial":
        return (MAIN,)
    return tuple(dict.fromkeys(name for arm in protocol.arms for name in tracks_of_arm(protocol, arm)))


def states_written(protocol: Protocol, track: str) -> tuple[str, ...]:
    """How a track can stand. ``main`` is the course of an arm; its end ends all, so it is none of its states."""
    found = {WAITING: None}
    if protocol.subject == "trial" and track == MAIN:
        return tuple(found | dict.fromkeys(name for _, name in states_in(protocol.course)))
    for arm, content in protocol.arms.items():
        tracks = tracks_of_arm(protocol, arm)
        if track == MAIN and tracks:
            instead = [stop.instead or () for stop in (*protocol.stops, *content.stops)]
            groups = (content.course, *instead)
            found |= dict.fromkeys(name for group in groups for what, name in states_in(group) if what != "end")
        elif track in tracks:
            found |= dict.fromkeys(name for _, name in states_of_track(tracks[track]))
    return tuple(found)


def states_of_track(track: Track) -> Iterator[tuple[str, str]]:
    """What a state of a track is, and its name, behind the steps of its course and what its stops leave."""
    yield from states_in(track.course)
    for stop in track.stops:
        if stop.instead is not None:  # a problem of its own
            continue
        if stop.then is None:
            yield "end", stop.end or STOPPED
        else:
            yield "stop", STOPPED
            yield from states_in(stop.then)


def states_in(steps: Iterable[Step]) -> Iterator[tuple[str, str]]:  # noqa: C901  # one case for each kind of step
    """The states behind some steps, with those inside them and those that what may be chosen beside them leads to."""
    for step in steps:
        match step:
            case Give():
                yield "element", step.element
                for may in step.may:
                    for inner in (may.options or {}).values():
                        if inner:
                            yield "choice", str(may.choose)
                            yield from states_in(inner)
            case Perform():
                yield "procedure", step.perform
            case Choose():
                yield "choice", step.choose
            case Observe():
                yield "element", step.observe
            case Allocate() if not step.is_first:
                yield "allocation", step.allocate
            case End():
                yield "end", step.end
            case _:
                pass
        for group in inner_steps(step):
            yield from states_in(group)
