"""The one door to standard output and standard error: pages, JSON and error lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any, TextIO

from protocol_engine.adapters.blocks import Block
from protocol_engine.entrypoints.layout import harmless, laid_out
from protocol_engine.errors import InputError, Problem


class ReaderGone(Exception):
    """Whoever read our output has closed it; there is nobody left to tell."""


def show_page(page: Iterable[Block]) -> None:
    """A page on standard output."""
    _write(laid_out(page, _standard_output()))


def show_json(value: Any) -> None:
    """A JSON value on standard output, indented, in UTF-8."""
    _write(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def show_text(text: str) -> None:
    """Finished text on standard output."""
    _write(text if text.endswith("\n") else text + "\n")


def show_lines(lines: Iterable[str]) -> None:
    """Lines on standard output, each made harmless."""
    _write("".join(f"{harmless(line)}\n" for line in lines))


def show_error(message: str) -> None:
    """One line on standard error, if there is one."""
    if sys.stderr is None:
        return
    sys.stderr.write(f"error: {harmless(' '.join(message.split()))}\n")
    sys.stderr.flush()


def problem_json(problem: Problem) -> dict[str, Any]:
    """A problem for a program."""
    return {
        "severity": problem.severity,
        "line": problem.mark.line,
        "column": problem.mark.column,
        "code": problem.code,
        "path": problem.path,
        "message": problem.message,
    }


def _standard_output() -> TextIO:
    if sys.stdout is None:  # closed by whoever started the program
        raise InputError("standard output: is closed")
    return sys.stdout


def _write(text: str) -> None:
    stream = _standard_output()
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        raise ReaderGone from None
