"""Criteria as compiled: readings settled, sub-items under the criterion they belong to, windows handed down."""

from __future__ import annotations

from attrs import evolve

from protocol_engine.compiler.conditions import Conditions, joined
from protocol_engine.model.protocol import Protocol
from protocol_engine.model.screening import Criterion, CriterionContent, Derived, above, must_hold
from protocol_engine.model.values import Holds


def compiled_derived(protocol: Protocol, conditions: Conditions) -> dict[str, Derived]:
    """What criteria read beside facts, with conditions compiled."""
    return {
        name: evolve(item, holds=conditions.folded(item.holds)) if isinstance(item, Holds) else item
        for name, item in protocol.derived.items()
    }


def compiled_criteria(protocol: Protocol, conditions: Conditions) -> dict[str, CriterionContent]:
    """Every criterion by its id, in the order of the file."""
    return {name: _criterion(protocol, conditions, name, item) for name, item in protocol.criteria.items()}


def _criterion(protocol: Protocol, conditions: Conditions, name: str, item: Criterion) -> CriterionContent:
    head = protocol.criteria.get(above(name) or "", item)
    condition = conditions.folded(item.if_) if item.if_ is not None else None
    cited = tuple(claim for claim in item.cite if claim.startswith("A"))
    return CriterionContent(
        id=name,
        text=item.text,
        must_hold=must_hold(name),
        join_all=item.joins == "all" if item.joins is not None else must_hold(name),
        condition=condition,
        ask=item.ask,
        parts=tuple(other for other in protocol.criteria if above(other) == name),
        window=item.window if item.window is not None else head.window,
        retests=item.retests if item.retests is not None else head.retests,
        rests=joined(item.rests, cited, conditions.rests(condition) if condition is not None else ()),
        cites=tuple(item.cite),
    )
