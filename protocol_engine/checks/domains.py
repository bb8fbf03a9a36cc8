"""What each name of a protocol can be: the levels, numbers or sets that a test on it may speak of."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

from protocol_engine.checks.outline import Outline
from protocol_engine.model.conditions import Range
from protocol_engine.model.facts import NEVER, FactDefinition
from protocol_engine.model.screening import Derived, Newest
from protocol_engine.model.values import Holds, Last

Kind = Literal["ordered", "unordered", "quantity", "date", "set", "reading", "undeclared"]

NO_LIMITS = Range()


@frozen
class Domain:
    """The type of a value: its ``levels``, what a set is ``of``, its unit; ``undeclared`` if its fact has none.

    ``limits`` are those of a quantity.
    """

    kind: Kind
    levels: tuple[str, ...] = ()
    of: str | None = None
    limits: Range = NO_LIMITS


YES_OR_NO = Domain("unordered", ("no", "yes"))
UNDECLARED = Domain("undeclared")


def domain_of(outline: Outline, name: str) -> Domain | None:
    """The domain of a name that a condition may test; None if there is no such name."""
    protocol = outline.protocol
    if name in protocol.values:
        value = protocol.values[name]
        return (read_domain(outline, value.last) or UNDECLARED) if isinstance(value, Last) else YES_OR_NO
    if name == "consented":
        return YES_OR_NO
    if name in protocol.derived:
        return _derived_domain(outline, protocol.derived[name])
    if name in protocol.facts:
        return fact_domain(protocol.facts[name])
    if name in protocol.assumptions:
        return Domain("reading", tuple(protocol.assumptions[name].readings))
    return None


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
    fact = outline.protocol.facts.get(head)
    if fact is None:
        return None
    if not dot:
        return fact_domain(fact)
    part = fact.parts.get(tail)
    if part is None:
        return None
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
