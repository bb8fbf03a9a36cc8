"""A page of prose as data: headings, paragraphs, items and grids, without a width, a colour or a library.

What is said is decided here and in the modules that build pages; how it is laid out is a matter of the entry points.
"""

from __future__ import annotations

from attrs import field, frozen


@frozen
class Heading:
    """A heading; ``level`` 1 is the title of the page."""

    text: str
    level: int = 2


@frozen
class Paragraph:
    """Sentences that belong together."""

    text: str


@frozen
class Item:
    """A line of a list: a label such as ``R6`` or ``1.``, its sentence, and what stands indented below it."""

    label: str
    text: str
    inner: tuple[Block, ...] = ()


@frozen
class Items:
    """A list of items."""

    items: tuple[Item, ...]


@frozen
class Grid:
    """Rows of text under headings of columns. Every row is as long as ``headers``.

    ``widest`` is how many characters a column has at most, also where the page has no end; a longer text goes on below.
    """

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...] = field()
    widest: int | None = None

    @rows.validator
    def _as_wide_as_the_headers(self, _: object, rows: tuple[tuple[str, ...], ...]) -> None:
        if any(len(row) != len(self.headers) for row in rows):
            raise ValueError(f"every row needs {len(self.headers)} cells")


Block = Heading | Paragraph | Item | Items | Grid
Page = tuple[Block, ...]


def section(title: str, *blocks: Block) -> Page:
    """A heading with what follows; nothing at all where nothing follows."""
    return (Heading(title), *blocks) if blocks else ()
