"""Would what one file announces be read by the other as what it is? Looked at where the two files meet."""

from __future__ import annotations

from collections.abc import Iterator

from protocol_engine.checks.domains import Domain, domain_of, fact_domain
from protocol_engine.checks.outline import Outline
from protocol_engine.errors import Problem
from protocol_engine.model.protocol import Protocol

KINDS = {"quantity": "a number", "date": "a date", "set": "a set", "ordered": "levels", "unordered": "levels"}


def announcements_fit(said_in: Protocol, heard_in: Protocol) -> Iterator[Problem]:
    """Each value that is announced has the type, the unit and the levels of the fact that follows it."""
    outline = Outline(said_in)
    for name, said in said_in.announces.items():
        fact, domain = heard_in.facts.get(name), domain_of(outline, said.value)
        if fact is None or domain is None:  # that is told already
            continue
        misfit = _misfit(domain, fact_domain(fact))
        if misfit is None and fact.each is not None and said_in.subject == "trial":
            misfit = f"is said of no {fact.each}, and read there of each"
        if misfit is not None:
            message = f"{said.value} is not the fact {name} of {heard_in.protocol}: it {misfit}"
            yield outline.problem("announced-otherwise", f"announces.{name}.value", said.mark, message)


def _misfit(said: Domain, heard: Domain) -> str | None:
    """How a value differs from the fact that is to follow it; None if it does not."""
    if said.kind == "set":
        return "is a set, and a set cannot be announced"
    if KINDS.get(said.kind) != KINDS.get(heard.kind):
        return f"is {KINDS.get(said.kind, said.kind)}, and read there as {KINDS.get(heard.kind, heard.kind)}"
    if said.kind == "quantity" and said.of != heard.of:
        return f"is in {said.of}, and read there in {heard.of}; give both one unit"
    lacking = [level for level in said.levels if level not in heard.levels]
    return f"can be {', '.join(lacking)}, which is no level there" if lacking else None
