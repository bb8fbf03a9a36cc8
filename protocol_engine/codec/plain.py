"""Canonical out: plain JSON without floats, and its one byte form, equal to RFC 8785 for what this package writes."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from enum import Enum
from hashlib import sha256
from typing import Any

import attrs

from protocol_engine.codec.keys import key_of
from protocol_engine.model import events as ev

_PLAIN = frozenset({str, bool, int})
_FIELDS = {kind: tuple(f.name for f in attrs.fields(kind)) for kind in ev.EVENT_KINDS.values()}


def plain_json(value: Any) -> Any:
    """The value as plain JSON types: no floats, decimals and dates as text, positions and empty hints left out."""
    if value is None or type(value) in _PLAIN:
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (str, int)):
        return value
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, ev.EventTime):
        return value.text
    if isinstance(value, dict):
        return {str(key): plain_json(item) for key, item in value.items()}
    if isinstance(value, frozenset):
        return sorted(plain_json(item) for item in value)
    if isinstance(value, tuple | list):
        return [plain_json(item) for item in value]
    return {key_of(f.name): plain_json(getattr(value, f.name)) for f in attrs.fields(type(value)) if f.eq}


def event_json(event: ev.PatientEvent, *, with_id: bool = True) -> dict[str, Any]:
    """The wire form of an event: what parses to the same event again, without what is left to its default."""
    found: dict[str, Any] = {}
    for name in _FIELDS[type(event)]:
        value = getattr(event, name)
        if value is None or (name == "id" and not with_id) or (name == "issued" and value == event.effective):
            continue
        if type(value) in _PLAIN:
            found[name] = value
        elif isinstance(value, ev.EventTime):
            found[name] = value.text
        elif name == "event":
            found[name] = event_json(value, with_id=False)
        elif name == "given":
            found[name] = [{k: v for k, v in plain_json(drug).items() if v is not None} for drug in value]
        elif name != "components" or value:
            found[name] = plain_json(value)
    return found


_FORM = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
)
_encode = json.encoder.c_make_encoder(  # type: ignore[attr-defined]  # what `json` itself calls
    None,
    _FORM.default,
    json.encoder.encode_basestring,
    _FORM.indent,
    _FORM.key_separator,
    _FORM.item_separator,
    _FORM.sort_keys,
    _FORM.skipkeys,
    _FORM.allow_nan,
)
"""What ``_FORM.encode`` would make anew for each value, which costs as much as a small record."""


def canonical(value: Any) -> bytes:
    """The one byte form of a plain JSON value: sorted keys, no spaces, UTF-8."""
    return "".join(_encode(value, 0)).encode()


def digest(value: Any) -> str:
    """SHA-256 of the canonical form, in hexadecimal."""
    return sha256(canonical(value)).hexdigest()
