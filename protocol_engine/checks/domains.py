"""What each name of a protocol can be: the levels, numbers or sets that a test on it may speak of."""

from __future__ import annotations

from typing import Literal, assert_never

from attrs import evolve, frozen

from protocol_engine.checks.outline import Outline
from protocol_engine.checks.track_states import states_written, track_names
from protocol_engine.model.conditions import Range
from protocol_engine.model.facts import NEVER, FactDefinition
from protocol_engine.model.screening import Derived, Newest
from protocol_engine.model.values import (
    CONFIRMED,
    MAIN,
    ONE_RESULT,
    Change,
    Confirmation,
    Date,
    Ever,
    Holds,
    Last,
    Level,
    Members,
    Prefer,
    Take,
    TrackState,
    Value,
    facts_of,
    names_of,
)

Kind = Literal["ordered", "unordered", "quantity", "date", "set", "reading", "undeclared"]

NO_LIMITS = Range()


@frozen
class Domain:
    """The type of a value: its ``levels``, what a set is ``of``, its unit; ``undeclared`` if its fact has none.

    ``limits`` are those of a quantity, and ``whole`` says that it counts something.
    """

    kind: Kind
    levels: tuple[str, ...] = ()
    of: str | None = None
    limits: Range = NO_LIMITS
    whole: bool = False


HOW_MANY = Domain("quantity", of="1", limits=Range(at_least="0"), whole=True)
YES_OR_NO = Domain("unordered", ("no", "yes"))
UNDECLARED = Domain("undeclared")


def domain_of(outline: Outline, name: str, above: tuple[str, ...] = ()) -> Domain | None:
    """The domain of a name that a condition may test; None if there is no such name."""
    protocol = outline.protocol
    if name in above:
        return UNDECLARED
    if name in protocol.values:
        return _value_domain(outline, protocol.values[name], (*above, name))
    if name == "consented":
        return YES_OR_NO
    if name in protocol.derived:
        return _derived_domain(outline, protocol.derived[name])
    if name in protocol.facts:
        return fact_domain(protocol.facts[name])
    if name in protocol.assumptions:
        return Domain("reading", tuple(protocol.assumptions[name].readings))
    return None


def _value_domain(  # noqa: C901  # one case for each kind of value
    outline: Outline, value: Value, above: tuple[str, ...]
) -> Domain:
    match value:
        case Last():
            return read_domain(outline, value.last) or UNDECLARED
        case Ever() | Holds():
            return YES_OR_NO
        case Take():
            return take_domain(outline, value)
        case Confirmation():
            return Domain("ordered", CONFIRMED)
        case Change():
            return change_domain(outline, value)
        case Date():
            return Domain("date")
        case TrackState():
            known = value.track == MAIN or value.track in track_names(outline.protocol)
            return Domain("unordered", states_written(outline.protocol, value.track)) if known else UNDECLARED
        case Level():
            ladder = outline.protocol.ladders.get(value.level_of)
            return Domain("ordered", ladder.ascending) if ladder is not None else UNDECLARED
        case Members():
            return HOW_MANY if value.members == "number" else YES_OR_NO
        case Prefer():
            found = (domain_of(outline, source, above) for source in value.prefer)
            return next((domain for domain in found if domain is not None), UNDECLARED)
        case _:
            assert_never(value)


def take_domain(outline: Outline, value: Take) -> Domain:
    """The domain of what is taken out of several results."""
    if value.take in ("count", "run"):
        return HOW_MANY
    found = read_domain(outline, value.of[0]) or UNDECLARED
    return found if value.take in ONE_RESULT else evolve(found, limits=NO_LIMITS)


def change_domain(outline: Outline, value: Change) -> Domain:
    """The domain of how far a number is from another."""
    if value.change != "difference":
        return Domain("quantity", of="%" if value.change == "percent" else "1")
    found = domain_of(outline, value.of) or UNDECLARED
    return Domain("quantity", of=found.of) if found.kind == "quantity" else UNDECLARED


def _derived_domain(outline: Outline, item: Derived) -> Domain:
    match item:
        case Holds():
            return YES_OR_NO
        case Newest():
            return read_domain(outline, item.newest) or UNDECLARED
        case _:
            return Domain("quantity", of="its own unit")


def read_domain(outline: Outline, name: str) -> Domain | None:
    """The domain of ``fact``, ``fact.part`` or ``choice.name``; None if there is no such thing to read."""
    head, dot, tail = name.partition(".")
    if head == "choice" and dot:
        options = outline.choices.get(tail)
        return Domain("unordered", options) if options is not None else None
    if head == "allocation" and tail in outline.allocations:
        return Domain("unordered", outline.allocations[tail])
    fact = outline.protocol.facts.get(head)
    if fact is None:
        return None
    if not dot:
        return fact_domain(fact)
    part = fact.parts.get(tail)
    if part is None:
        return None
    if part.one_of is not None:
        return Domain("unordered", part.one_of)
    return Domain("quantity", of=part.quantity) if part.quantity is not None else Domain("set", of=part.set_of)


def fact_domain(fact: FactDefinition) -> Domain:
    """The domain of a fact."""
    if len(fact.kinds) != 1:
        return UNDECLARED
    if fact.levels is not None:
        return Domain("ordered", fact.levels)
    if fact.yes_no or fact.one_of is not None:
        return Domain("unordered", fact.values or ())
    if fact.quantity is not None:
        return Domain("quantity", of=fact.quantity, limits=fact.domain)
    return Domain("date", (NEVER,) if fact.never else ()) if fact.date else Domain("set", of=fact.set_of)


def each_of(outline: Outline, fact: str) -> str | None:
    """What a fact is reported for each of; None for a fact of the whole patient."""
    definition = outline.protocol.facts.get(fact)
    return definition.each if definition is not None else None


def facts_behind(outline: Outline, name: str, above: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The facts that a value reads, through other values; what members read is read for each of them."""
    value = outline.protocol.values.get(name)
    if name in above or isinstance(value, Members):
        return ()
    match value:
        case None:
            return (name,) if name in outline.protocol.facts else ()
        case Last():
            return (value.last.partition(".")[0],)
        case Take() | Confirmation():
            return tuple(fact.partition(".")[0] for fact in facts_of(value))
        case Holds():
            names = tuple(test.name for test in value.holds.tests)
        case Ever():
            names = tuple(value.ever)
        case _:
            names = names_of(value)
    return tuple(fact for other in names for fact in facts_behind(outline, other, (*above, name)))
