"""In which order the events of one day are taken: by the clock where they have a time, else by what they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations_with_replacement, permutations
from math import perm
from typing import TypeVar

from protocol_engine.model.events import (
    KIND_RANK,
    ActEvent,
    AdministrationEvent,
    AllocationEvent,
    AttestationEvent,
    ChoiceEvent,
    ConsentEvent,
    EligibilityEvent,
    ObservationEvent,
    OmissionEvent,
    OtherTreatmentEvent,
    ProcedureEvent,
    ReportEvent,
)

MOST_ORDERS = 720
"""Orders of one day that are tried: six acts without times, or fewer among events that have one. A day with more is
taken act by act."""

FoldedEvent = ActEvent | ReportEvent
ACT_KINDS = (
    ConsentEvent,
    EligibilityEvent,
    AllocationEvent,
    AdministrationEvent,
    OmissionEvent,
    ChoiceEvent,
    ProcedureEvent,
    OtherTreatmentEvent,
)
KNOWN_FIRST = (ObservationEvent, AttestationEvent)
"""Reports of what was seen or said; what is done on that day is done in the knowledge of them."""

Course = TypeVar("Course")
Take = Callable[[Course, Sequence[FoldedEvent]], tuple[Course, bool]]
"""Takes events into a course, and says whether one of them is a deviation there."""


def orders(group: Sequence[FoldedEvent], course: Course, take: Take[Course]) -> Iterator[list[FoldedEvent]]:
    """The orders in which a day may be taken, the likeliest first. Events with a time keep the order of the clock.

    What was observed comes first, then the acts, then what happened to the patient; only where every such order
    blames somebody may the last come before the acts, since a stop may be what an act of that day answers. What was
    given outside the protocol moves nothing, so it comes before the other acts.
    """
    timed = sorted((event for event in group if event.known.instant is not None), key=_by_clock)
    untimed = sorted((event for event in group if event.known.instant is None), key=_by_kind)
    first: list[FoldedEvent] = [event for event in untimed if isinstance(event, KNOWN_FIRST)]
    first += [event for event in untimed if isinstance(event, OtherTreatmentEvent)]
    acts = [event for event in untimed if isinstance(event, ACT_KINDS) and not isinstance(event, OtherTreatmentEvent)]
    last = [event for event in untimed if not isinstance(event, (*KNOWN_FIRST, *ACT_KINDS))]
    usual = 1 + max((place for place, event in enumerate(timed) if isinstance(event, ObservationEvent)), default=-1)
    middles = [[*timed[:usual], *acts, *timed[usual:]]]
    yield [*first, *middles[0], *last]
    if not untimed:
        return
    if perm(len(timed) + len(acts), len(acts)) <= MOST_ORDERS:
        middles += _interleaved(timed, acts)
    else:
        middles.append(_act_by_act(middles[0], take(course, first)[0] if first else course, take))
    for middle in middles[1:]:
        yield [*first, *middle, *last]
    if last:
        for middle in middles:
            yield [*first, *last, *middle]


def _act_by_act(events: Sequence[FoldedEvent], course: Course, take: Take[Course]) -> list[FoldedEvent]:
    """An order for a day that holds too much to try every one: each time the first act that is no deviation."""
    taken: list[FoldedEvent] = []
    left = list(events)
    while left:
        clock = [event for event in left if event.known.instant is not None]
        ready = [e for e in left if e in clock[:1] or (e.known.instant is None and _follows(e, clock))]
        after = [(event, *take(course, [event])) for event in ready]
        chosen, course, _ = next((found for found in after if not found[2]), after[0])
        taken.append(chosen)
        left.remove(chosen)
    return taken


def _interleaved(timed: Sequence[FoldedEvent], acts: Sequence[FoldedEvent]) -> list[list[FoldedEvent]]:
    """The acts in every order and at every place among the timed events, behind what was observed but for the gates."""
    found = []
    for order in permutations(acts):
        for places in combinations_with_replacement(range(len(timed) + 1), len(order)):
            if all(_follows(event, timed[place:]) for event, place in zip(order, places, strict=True)):
                middle: list[FoldedEvent] = list(timed)
                for event, place in reversed([*zip(order, places, strict=True)]):
                    middle.insert(place, event)
                found.append(middle)
    return found


def _follows(event: FoldedEvent, behind: Sequence[FoldedEvent]) -> bool:
    """Whether nothing observed stands behind an act that reads it; consent and eligibility read no result."""
    if isinstance(event, ConsentEvent | EligibilityEvent):
        return True
    return not any(isinstance(other, ObservationEvent) for other in behind)


def _by_clock(event: FoldedEvent) -> tuple[object, ...]:
    return (event.known.instant, KIND_RANK[event.kind], event.id)


def _by_kind(event: FoldedEvent) -> tuple[object, ...]:
    """By kind; of two words on eligibility the one that bars treatment is the last, whatever the ids are."""
    return (KIND_RANK[event.kind], isinstance(event, EligibilityEvent) and not event.met, event.id)
