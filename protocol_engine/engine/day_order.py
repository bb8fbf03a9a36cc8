"""In which order the events of one day are taken: by the clock where they have a time, else by what they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations_with_replacement, permutations
from math import comb, perm
from typing import TypeVar

from protocol_engine.model.events import (
    KIND_RANK,
    Act,
    ActEvent,
    AttestationEvent,
    ConsentEvent,
    EligibilityEvent,
    ObservationEvent,
    OtherTreatmentEvent,
    ReportEvent,
)

MOST_ORDERS = 720
"""Orders of one day that are tried: six acts without times, or five and an end, or fewer among events that have a time.
A day with more is taken act by act."""

FoldedEvent = ActEvent | ReportEvent
KNOWN_FIRST = (ObservationEvent, AttestationEvent)
"""Reports of what was seen or said; what is done on that day is done in the knowledge of them."""

Course = TypeVar("Course")
Take = Callable[[Course, Sequence[FoldedEvent]], tuple[Course, bool]]
"""Takes events into a course, and says whether one of them is a deviation there."""


def orders(group: Sequence[FoldedEvent], course: Course, take: Take[Course]) -> Iterator[list[FoldedEvent]]:
    """The orders in which a day may be taken, the likeliest first. Events with a time keep the order of the clock.

    What was observed comes first, then the acts, then what happened to the patient; only where every such order
    blames somebody may the last come before acts, as late as it can, since a stop may be what an act of that day
    answers. What was given outside the protocol moves nothing, so it comes before the other acts.
    """
    timed = sorted((event for event in group if event.known.instant is not None), key=_by_clock)
    untimed = sorted((event for event in group if event.known.instant is None), key=_by_kind)
    first: list[FoldedEvent] = [event for event in untimed if isinstance(event, KNOWN_FIRST)]
    first += [event for event in untimed if isinstance(event, OtherTreatmentEvent)]
    acts = [event for event in untimed if isinstance(event, Act) and not isinstance(event, OtherTreatmentEvent)]
    last = [event for event in untimed if not isinstance(event, (*KNOWN_FIRST, Act))]
    usual = 1 + max((place for place, event in enumerate(timed) if isinstance(event, ObservationEvent)), default=-1)
    middle = [*timed[:usual], *acts, *timed[usual:]]
    yield [*first, *middle, *last]
    if not untimed:
        return
    begun = take(course, first)[0] if first else course
    ways = perm(len(middle), len(acts))
    middles = [middle, *(_interleaved(timed, acts) if ways <= MOST_ORDERS else [_act_by_act(middle, [], begun, take)])]
    for other in middles[1:]:
        yield [*first, *other, *last]
    if not last:
        return
    if ways * comb(len(middle) + len(last), len(last)) <= MOST_ORDERS:
        for places in reversed([*combinations_with_replacement(range(len(middle) + 1), len(last))][:-1]):
            yield from ([*first, *_with(other, last, places)] for other in middles)
    else:
        yield [*first, *_act_by_act(middle, last, begun, take)]
        yield from ([*first, *last, *other] for other in middles)


def _act_by_act(
    events: Sequence[FoldedEvent], last: Sequence[FoldedEvent], course: Course, take: Take[Course]
) -> list[FoldedEvent]:
    """An order for a day that holds too much to try every one: each time the first act that is no deviation.

    Where each of them is one, the next of the ``last`` is taken, if there is any.
    """
    taken: list[FoldedEvent] = []
    left, ahead = list(events), list(last)
    while left:
        clock = [event for event in left if event.known.instant is not None]
        ready = [e for e in left if e in clock[:1] or (e.known.instant is None and _follows(e, clock))]
        after = [(event, *take(course, [event])) for event in ready]
        chosen, following, blamed = next((found for found in after if not found[2]), after[0])
        if blamed and ahead:
            taken.append(ahead.pop(0))
            course, _ = take(course, taken[-1:])
            continue
        course = following
        taken.append(chosen)
        left.remove(chosen)
    return [*taken, *ahead]


def _with(events: Sequence[FoldedEvent], more: Sequence[FoldedEvent], places: Sequence[int]) -> list[FoldedEvent]:
    """The events with others put in, each before the event of its place; those others keep their order."""
    found = list(events)
    for event, place in reversed([*zip(more, places, strict=True)]):
        found.insert(place, event)
    return found


def _interleaved(timed: Sequence[FoldedEvent], acts: Sequence[FoldedEvent]) -> list[list[FoldedEvent]]:
    """The acts in every order and at every place among the timed events, behind what was observed but for the gates."""
    return [
        _with(timed, order, places)
        for order in permutations(acts)
        for places in combinations_with_replacement(range(len(timed) + 1), len(order))
        if all(_follows(event, timed[place:]) for event, place in zip(order, places, strict=True))
    ]


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
