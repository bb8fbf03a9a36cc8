"""Pages on a terminal or in a pipe: rich lays them out, and nothing is cut or coloured where no terminal is.

Text is never read as markup, so that an id such as ``[bold]`` is printed as it is; characters that steer a terminal
are shown as escapes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from io import StringIO
from typing import IO, Final, assert_never

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.style import Style
from rich.table import Table as RichTable
from rich.text import Text

from protocol_engine.adapters.blocks import Block, Grid, Heading, Item, Items, Paragraph

UNBOUNDED: Final = 100_000
"""Columns of a page that goes into a pipe: more than any sentence has, so that no line is broken."""
NARROWEST: Final = 40
STEERING: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
TITLE, HEADING, LABEL = Style(bold=True), Style(bold=True), Style(dim=True)


def harmless(text: str) -> str:
    """The text with characters that steer a terminal, or break a line, written as escapes."""
    return "".join(_shown(sign) if unicodedata.category(sign) in STEERING else sign for sign in text)


def _shown(sign: str) -> str:
    return sign.encode("unicode_escape").decode("ascii")


def laid_out(page: Iterable[Block], stream: IO[str]) -> str:
    """The page as the text that goes to this stream, ending with a line break."""
    terminal = stream.isatty()
    target = StringIO()
    console = Console(
        file=target,
        force_terminal=terminal,
        width=max(Console(file=stream).width, NARROWEST) if terminal else UNBOUNDED,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=False,
    )
    drawn = box.SIMPLE_HEAD if _draws_lines(stream) else box.ASCII2
    before: Block | None = None
    for block in page:
        if _stands_apart(block, before):
            console.print()
        console.print(_block(block, drawn))
        before = block
    lines = target.getvalue().split("\n")
    return "\n".join(lines if terminal else (line.rstrip() for line in lines))


def _stands_apart(block: Block, before: Block | None) -> bool:
    """Whether an empty line makes the page easier to read here; headings bring their own."""
    if isinstance(block, Grid):
        return before is not None and not isinstance(before, Heading)
    return isinstance(block, Items) and isinstance(before, Grid)


def _draws_lines(stream: IO[str]) -> bool:
    return (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "").startswith("utf")


def _block(block: Block, drawn: box.Box) -> RenderableType:
    match block:
        case Heading(text, 1):
            return Text(harmless(text), TITLE)
        case Heading(text, _):
            return Group("", Text(harmless(text), HEADING))
        case Paragraph(text):
            return Padding(Text(harmless(text)), (0, 0, 0, 2), expand=False)
        case Item():
            return _block(Items((block,)), drawn)
        case Items(items):
            return Padding(_items(items, drawn), (0, 0, 0, 2), expand=False)
        case Grid():
            return Padding(_grid(block, drawn), (0, 0, 0, 1), expand=False)
        case _:
            assert_never(block)


def _items(items: tuple[Item, ...], drawn: box.Box) -> RichTable:
    table = RichTable.grid(padding=(0, 2, 0, 0))
    table.add_column(style=LABEL, overflow="fold", no_wrap=False)
    table.add_column(overflow="fold")
    for item in items:
        table.add_row(Text(harmless(item.label)), Text(harmless(item.text)))
        if item.inner:
            table.add_row("", Group(*(_block(inner, drawn) for inner in item.inner)))
    return table


def _grid(grid: Grid, drawn: box.Box) -> RichTable:
    table = RichTable(box=drawn, show_edge=False, pad_edge=True, header_style=HEADING)
    for header in grid.headers:
        table.add_column(Text(harmless(header)), overflow="fold", max_width=grid.widest)
    for row in grid.rows:
        table.add_row(*(Text(harmless(cell)) for cell in row))
    return table
