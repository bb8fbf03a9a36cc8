"""Which keys each construct has: the parser and the JSON Schema both read this."""

from __future__ import annotations

from typing import Any

import attrs

from protocol_engine.model import doses as d
from protocol_engine.model import protocol as p
from protocol_engine.model.claims import Node
from protocol_engine.model.screening import Formula, HalfLives, Newest, Ratio
from protocol_engine.model.units import QuantityRange
from protocol_engine.model.values import (
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
)

PRESENCE_WORDS = ("any_result", "irrelevant", "reached", "not_reported", "reported_without_result")

STEP_KEYS: dict[str, type] = {
    "consent": p.Consent,
    "eligibility": p.Eligibility,
    "allocate": p.Allocate,
    "give": p.Give,
    "perform": p.Perform,
    "decide": p.Decide,
    "choose": p.Choose,
    "repeat": p.Repeat,
    "observe": p.Observe,
    "end": p.End,
}
VALUE_KEYS: dict[str, type] = {
    "last": Last,
    "ever": Ever,
    "holds": Holds,
    "take": Take,
    "confirmation": Confirmation,
    "change": Change,
    "members": Members,
    "date": Date,
    "track": TrackState,
    "prefer": Prefer,
    "level_of": Level,
}
DOSE_KEYS: dict[str, type] = {
    "from": QuantityRange,
    "level_of": d.LevelDose,
    "loading": d.Loading,
    "bands": d.Bands,
    "times": d.PartOf,
}
"""The key by which a dose that is no number with its unit is told."""
DERIVED_KEYS: dict[str, type] = {
    "ratio": Ratio,
    "formula": Formula,
    "half_lives": HalfLives,
    "newest": Newest,
    "holds": Holds,
}
IN_NODES = ("mark", "rests")
FILLED_IN: dict[type, tuple[str, ...]] = {
    p.Protocol: (*IN_NODES, "source", "readings", "elsewhere", "line_marks", "ends_rests")
}
"""Fields that the reader fills in and no file may write, where they are more than those of every node."""


def key_of(field_name: str) -> str:
    """The key of a field in files and JSON: the field's name, without the underscore that Python needs."""
    return field_name.removesuffix("_")


_KEYS: dict[type, dict[str, attrs.Attribute[Any]]] = {}


def keys_of(kind: type) -> dict[str, attrs.Attribute[Any]]:
    """The keys that a mapping of this kind may have, each with the field it fills."""
    if kind not in _KEYS:
        attrs.resolve_types(kind)
        hidden = FILLED_IN.get(kind, IN_NODES if issubclass(kind, Node) else ())
        _KEYS[kind] = {key_of(f.name): f for f in attrs.fields(kind) if f.init and f.name not in hidden}
    return _KEYS[kind]
