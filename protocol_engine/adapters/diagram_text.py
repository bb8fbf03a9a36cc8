"""Text in a drawing: how wide it is, and how it is broken into lines.

No font is measured on this machine. Widths are those of DejaVu Sans, the widest of the sans serif fonts in common use,
so text stays inside its box whichever of them draws it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen

from protocol_engine.adapters.diagram_words import Weight

Sizes = Mapping[Weight, float]
LEADING = 1.3
WIDTHS = {
    0.30: "'ijlIJ",
    0.36: " \u00a0,./:;\\|f-",
    0.42: "()[]t!r",
    0.53: '"*_`sz?',
    0.60: "cLFkvxyP",
    0.64: "TYaoeESbdghnpqu$0123456789{}",
    0.70: "KAVBRXZC",
    0.79: "UHNDG&OQ",
    0.86: "w#+<=>^~M",
}
EM_OF = {character: em for em, characters in WIDTHS.items() for character in characters}
BOLD = 1.16
"""How much wider a bold text is at most."""


@frozen
class Span:
    """Text in one weight."""

    text: str
    weight: Weight = "plain"


TextLine = tuple[Span, ...]


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Width of a text in pixels, rather too large than too small."""
    return sum(EM_OF.get(character, 1.05) for character in text) * size * (BOLD if bold else 1.0)


def line_width(line: TextLine, sizes: Sizes) -> float:
    """Width of a line of spans."""
    return sum(text_width(span.text, sizes[span.weight], bold=span.weight == "strong") for span in line)


def broken(text: str, weight: Weight, width: float, sizes: Sizes) -> list[TextLine]:
    """The text in lines no wider than asked; a word that is wider is broken inside."""
    lines: list[str] = []
    for word in filter(None, text.split(" ")):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and line_width((Span(longer, weight),), sizes) <= width:
            lines[-1] = longer
            continue
        lines += _pieces(word, weight, width, sizes)
    return [(Span(line, weight),) for line in lines]


def _pieces(word: str, weight: Weight, width: float, sizes: Sizes) -> list[str]:
    """A word in pieces that fit, of one character at least."""
    pieces = [""]
    for character in word:
        if pieces[-1] and line_width((Span(pieces[-1] + character, weight),), sizes) > width:
            pieces.append("")
        pieces[-1] += character
    return pieces


def height_of(lines: Sequence[TextLine], sizes: Sizes) -> float:
    """Height of lines that stand below each other."""
    return sum(line_height(line, sizes) for line in lines)


def line_height(line: TextLine, sizes: Sizes) -> float:
    """Height of a line, with the space to the next."""
    return max(sizes[span.weight] for span in line) * LEADING
