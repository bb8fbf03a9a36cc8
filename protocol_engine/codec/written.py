"""Input as it was written: text with its place, findings about it, and strict JSON."""

from __future__ import annotations

import json
from typing import Any

from attrs import frozen

from protocol_engine.errors import Mark, cut, shown

MOST_DIGITS = 100
"""Digits of a whole number in JSON; no cycle, day or record has so many."""


class Text(str):
    """A scalar of a protocol file, with where it stands and the assumption whose reading put it there."""

    __slots__ = ("mark",)
    mark: Mark


class Table(dict[str, Any]):
    """A mapping of a protocol file; ``key_marks`` says where each key stands."""

    __slots__ = ("key_marks", "mark", "rests")
    mark: Mark
    key_marks: dict[str, Mark]
    rests: tuple[str, ...]


class Lines(list[Any]):
    """A sequence of a protocol file; ``rests`` are the assumptions of items that cannot carry them, such as levels."""

    __slots__ = ("mark", "rests")
    mark: Mark
    rests: tuple[str, ...]


@frozen(repr=False)
class LongNumber:
    """A whole number of JSON with more digits than anything here can have."""

    digits: str

    def __repr__(self) -> str:
        return f"the number {cut(self.digits)} of {len(self.digits.removeprefix('-'))} digits"


@frozen
class Finding:
    """One thing wrong with an input, at a path inside it."""

    path: tuple[str | int, ...]
    code: str
    message: str
    mark: Mark | None = None


class Invalid(Exception):
    """Everything wrong with a value that was to be structured."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("; ".join(finding.message for finding in findings))
        self.findings = findings


def path_text(path: tuple[str | int, ...]) -> str:
    """A path as it is shown: ``arms.adaptive.course[1].rows[0].if``; ``.`` for the whole input. Long keys are cut.

    Half a character (a lone surrogate) is shown as its number, since no output could carry it.
    """
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{cut(part)}" for part in path)
    return text.encode(errors="backslashreplace").decode().removeprefix(".") or "."


def parse_json(text: str) -> Any:
    """A JSON value, strictly: a key that stands twice, NaN, and what is not JSON are :class:`Invalid`.

    A whole number of more than :data:`MOST_DIGITS` digits is a :class:`LongNumber`, which nothing takes for a number.
    """
    try:
        return json.loads(  # noqa: TID251  # the strict hooks are these
            text, object_pairs_hook=_unique_keys, parse_int=_whole_number, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as error:
        what = " ".join(str(error).split())[:120] if isinstance(error, ValueError) else "it is nested too deep"
        raise Invalid([Finding((), "not-json", f"is not JSON: {what}")]) from None


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {shown(key)} stands twice")
        found[key] = value
    return found


def _whole_number(digits: str) -> int | LongNumber:
    return int(digits) if len(digits.removeprefix("-")) <= MOST_DIGITS else LongNumber(digits)


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON value")
