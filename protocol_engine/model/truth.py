"""Three truth values after Kleene: unknown is neither yes nor no."""

from __future__ import annotations

from enum import IntEnum


class Truth(IntEnum):
    """False < unknown < true, so that *and* is the least and *or* the greatest of several."""

    FALSE = -1
    UNKNOWN = 0
    TRUE = 1

    @classmethod
    def of(cls, holds: bool) -> Truth:  # what it makes a truth of
        """True or false."""
        return cls.TRUE if holds else cls.FALSE

    @property
    def word(self) -> str:
        """``true``, ``unknown`` or ``false``, as it stands in decisions and audit records."""
        return _WORDS[self]


FALSE, UNKNOWN, TRUE = Truth
"""The three by themselves: reading a member off its class costs more than most tests do."""

_WORDS = ("unknown", "true", "false")  # by number: 0, 1 and, from the end, -1
