"""Between text and values: ``written`` input, its ``keys``, strict ``structuring``, and ``plain`` canonical JSON."""

from protocol_engine.codec.keys import STEP_KEYS, VALUE_KEYS, key_of, keys_of
from protocol_engine.codec.plain import canonical, digest, event_json, plain_json
from protocol_engine.codec.structuring import CODEC
from protocol_engine.codec.written import Finding, Invalid, Lines, Table, Text, parse_json, path_text

__all__ = [
    "CODEC",
    "STEP_KEYS",
    "VALUE_KEYS",
    "Finding",
    "Invalid",
    "Lines",
    "Table",
    "Text",
    "canonical",
    "digest",
    "event_json",
    "key_of",
    "keys_of",
    "parse_json",
    "path_text",
    "plain_json",
]
