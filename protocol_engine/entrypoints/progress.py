"""Progress of long work, on standard error and only where somebody looks."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import track

Thing = TypeVar("Thing")


def with_progress(items: Iterable[Thing], what: str, total: int) -> Iterator[Thing]:
    """The items, with a bar on standard error where there is one and it is a terminal."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield from items
        return
    yield from track(items, what, total=total, console=Console(stderr=True), transient=True)
