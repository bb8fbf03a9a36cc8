"""Do values that count within an element, or after a cycle, stand where they mean what they say?"""

from __future__ import annotations

from collections.abc import Iterator

from protocol_engine.checks.outline import Outline
from protocol_engine.errors import Problem
from protocol_engine.model.conditions import Condition
from protocol_engine.model.protocol import Need, Observe, Until
from protocol_engine.model.values import Confirmation, Date, Ever, Holds, Last, Take, Value, names_of

ELEMENT = "element"


def needs_count_in_their_element(outline: Outline) -> Iterator[Problem]:
    """No need counts `since: element`: where the first dose of an element is offered, that is the element before."""
    for asked in outline.asked_by(Need):
        for name, value in _values_under(outline, asked.condition):
            since = value.since if isinstance(value, Confirmation | Ever | Take) else ()
            counted = (since,) if isinstance(since, str) else since or ()
            days = (*counted, *(names_of(value) if isinstance(value, Date) else ()))
            if ELEMENT in days:
                message = (
                    f"{name} counts from `element`, which for the first dose of an element is still the one before; "
                    "count from `element.x`, with the name of the element"
                )
                yield outline.problem("other-element", asked.path, asked.owner.node.mark, message)


def pauses_count_single_results(outline: Outline) -> Iterator[Problem]:
    """What leads out of a stretch without treatment does not tell apart results that one timepoint takes together."""
    for asked in outline.conditions:
        if not isinstance(asked.owner.node, Until) or not isinstance(asked.owner.around[-1], Observe):
            continue
        for name, value in _values_under(outline, asked.condition):
            match value:
                case Confirmation():
                    read: tuple[str, ...] = (value.confirmation,)
                case Take(take="count" | "run" | "previous"):
                    read = value.of
                case _:
                    continue
            for fact_name in read:
                fact = outline.protocol.facts.get(fact_name.partition(".")[0])
                if fact is not None and any(timepoint.after_cycle is not None for timepoint in fact.taken.values()):
                    message = (
                        f"{name} tells results of {fact_name} apart, and those of a stretch without treatment all "
                        "belong to the timepoint of the last cycle; report them as a fact of its own"
                    )
                    yield outline.problem("one-moment", asked.path, asked.owner.node.mark, message)


def _values_under(outline: Outline, condition: Condition) -> Iterator[tuple[str, Value]]:
    """The values that a condition reads, and those that these are made of."""
    known, open_names = set[str](), [test.name for test in condition.tests]
    while open_names:
        name = open_names.pop()
        value = outline.protocol.values.get(name)
        if value is None or name in known:
            continue
        known.add(name)
        yield name, value
        if isinstance(value, Holds):
            open_names += [test.name for test in value.holds.tests]
        elif not isinstance(value, Last | Ever):
            open_names += names_of(value)
