"""Options that several commands share, each declared once."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from protocol_engine.entrypoints import telemetry
from protocol_engine.errors import cut, shown

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator = Callable[[Command], Command]

READING_PATTERN = re.compile(r"([^=]+)=([^=]+)")
YES, NO, UNREADABLE = 0, 1, 2
"""Exit codes: the answer is yes; it is no (refused, problems found, broken chain); the input could not be read."""


def examples(*lines: str) -> str:
    """The end of a help text: command lines, each on a line of its own."""
    return "\n".join(("\b", "Example:", *(f"  {line}" for line in lines)))


def _tell_more(_: click.Context, __: click.Parameter, verbose: bool) -> None:
    if verbose:
        telemetry.configure(verbose=True)


def _readings(_: click.Context, __: click.Parameter, written: Sequence[str]) -> dict[str, str]:
    """``A1=c1_decides`` as a mapping."""
    found: dict[str, str] = {}
    for text in written:
        match = READING_PATTERN.fullmatch(text)
        if match is None:
            raise click.BadParameter(f"{shown(text)} is not an assumption and a reading, such as A1=c1_decides")
        if found.setdefault(match[1], match[2]) != match[2]:
            raise click.BadParameter(
                f"two readings of {cut(match[1])} are selected, {cut(found[match[1]])} and {cut(match[2])}"
            )
    return found


verbose: Decorator[Any] = click.option(
    "-v",
    "--verbose",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_tell_more,
    help="Tell on standard error what is done: ids of protocols, counts, digests; never anything of a patient.",
)
output_format: Decorator[Any] = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Prose for a reader, or JSON for a program.",
)
reading: Decorator[Any] = click.option(
    "--reading",
    "selected",
    metavar="A1=READING",
    multiple=True,
    callback=_readings,
    help="Select a reading of an assumption over its default. May be repeated; `show PROTOCOL` lists them.",
)
amended_by: Decorator[Any] = click.option(
    "--amended-by",
    "amendments",
    metavar="FILE",
    multiple=True,
    help="File of the version that amends PROTOCOL; an `amendment` event moves a course to it. May be repeated.",
)
skip_unknown_facts: Decorator[Any] = click.option(
    "--skip-unknown-facts",
    is_flag=True,
    help="Skip and count observations of facts that the protocol does not read, as a feed from a hospital system has.",
)
role: Decorator[Any] = click.option(
    "--as",
    "role",
    metavar="ROLE",
    help="Show only what this role may see, of those that the protocol's masking names.",
)
