"""A protocol as plain JSON with the keys of its file, the selected readings put in and the fragments written out.

What is left to its default is left out. Read as a protocol file, it gives the same protocol again.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs

from protocol_engine.codec import keys_of
from protocol_engine.model.conditions import AnyOf, Clause, Condition, Elapsed, InSet, Not, OneOf, Presence, Range, Test
from protocol_engine.model.protocol import Protocol
from protocol_engine.model.units import DayPoints, DaySpan, Duration, NotStated, Quantity, Share


def protocol_json(protocol: Protocol) -> dict[str, Any]:
    """The protocol in the form of its file, and beside it ``readings``: the selected reading of each assumption."""
    return {**_node(protocol), "readings": dict(protocol.readings)}


def form_of(value: Any) -> Any:
    """Any value of a protocol in the form of its file."""
    return _form(value)


def _node(node: Any) -> dict[str, Any]:
    found = {}
    for key, field in keys_of(type(node)).items():
        value = getattr(node, field.name)
        if value != _default(field):
            found[key] = _form(value)
    return found


def _default(field: attrs.Attribute[Any]) -> Any:
    factory = getattr(field.default, "factory", None)
    return factory() if factory is not None else field.default


def _form(value: Any) -> Any:
    match value:
        case None | str() | bool() | int():
            return value
        case Condition(clauses):
            return _clause(clauses[0]) if len(clauses) == 1 else [_clause(clause) for clause in clauses]
        case OneOf() | Presence() | InSet() | Not() | AnyOf() | Range() | Elapsed():
            return _test(value)
        case dict():
            return {key: _form(item) for key, item in value.items()}
        case tuple():
            return [_form(item) for item in value]
        case Decimal() | NotStated() | Duration() | Quantity() | Share() | DayPoints() | DaySpan():
            return _amount(value)
        case _:
            return _node(value)


def _amount(value: Decimal | NotStated | Duration | Quantity | Share | DayPoints | DaySpan) -> Any:
    match value:
        case Decimal():
            return format(value, "f")
        case NotStated():
            return value.value
        case Duration():
            return str(value)
        case Quantity(number, unit):
            return f"{format(number, 'f')} {unit}"
        case Share(written):
            return written
        case DayPoints(days):
            return list(days)
        case DaySpan(first, last):
            return "every" if last is None else f"{first} to {last}"


def _clause(clause: Clause) -> dict[str, Any]:
    return {named.name: _test(named.test) for named in clause.tests}


def _test(test: Test) -> Any:
    match test:
        case OneOf(values):
            return values[0] if len(values) == 1 else list(values)
        case Presence(word):
            return word
        case InSet(how, set_name):
            return {how: set_name}
        case Not(inner):
            return {"not": _test(inner)}
        case AnyOf(tests):
            return [_test(inner) for inner in tests]
        case Range() | Elapsed():
            return _node(test)
