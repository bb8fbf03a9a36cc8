"""What can go wrong, as values and as exceptions.

There are three kinds of failure and no fourth: a protocol file or an event that cannot be read gives
:class:`Problem` values, all at once; an act that the protocol does not allow gives a refusal (see
:mod:`protocol_engine.model.decision`); a broken promise of the engine raises :class:`BrokenInvariant`.
"""

from __future__ import annotations

import re
from typing import Literal

from attrs import frozen

MOST_SHOWN = 60
"""Characters of a value that a message shows; the rest is an ellipsis."""
_LONG = re.compile(rf"(?P<quote>['\"])[^'\"]{{{MOST_SHOWN},}}(?P=quote)|\S{{{2 * MOST_SHOWN},}}")


def cut(text: str) -> str:
    """The text as a message shows it: whole if it is short, else its beginning and an ellipsis."""
    return text if len(text) <= MOST_SHOWN else text[: MOST_SHOWN - 1] + "…"


def shown(value: object) -> str:
    """A value as a message shows it: as Python writes it, and cut if it is long."""
    return repr(cut(str(value))) if isinstance(value, str) else cut(repr(value))


def shortened(message: str) -> str:
    """A message in which what is quoted, and any single word, is cut if it is long."""
    return _LONG.sub(lambda match: cut(match[0]), message)


@frozen(order=True)
class Mark:
    """Where something stands in a text: 1-based line and column."""

    line: int = 1
    column: int = 1


@frozen
class Problem:
    """One finding about an input: a stable code, a place, and what to do about it.

    ``severity`` is ``problem`` (the input is refused) or ``notice`` (it is printed, nothing more).
    """

    code: str
    path: str
    message: str
    mark: Mark = Mark()
    source: str = "<input>"
    severity: Literal["problem", "notice"] = "problem"

    def __str__(self) -> str:
        return f"{self.source}:{self.mark.line}:{self.mark.column} {self.code} {self.path} {self.message}"


class ProtocolEngineError(Exception):
    """Base of everything this package raises on purpose."""


class Problems(ProtocolEngineError):
    """An input could not be read. Carries every problem found, not only the first."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = problems


class InputError(ProtocolEngineError):
    """An event, a command or a file that contradicts itself or names what is not there; one line of text."""


class BrokenInvariant(ProtocolEngineError):
    """The engine caught itself breaking a promise. Nothing is recorded; report it as a defect."""
