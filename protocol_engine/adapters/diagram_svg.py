"""A diagram as SVG: boxes, arrows and their text, drawn where the layout put them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from xml.sax.saxutils import escape, quoteattr

from attrs import frozen

from protocol_engine.adapters.diagram_beside import BESIDE
from protocol_engine.adapters.diagram_layout import Edge, Layout, Node, Route, Size, Slot, laid_out
from protocol_engine.adapters.diagram_text import (
    Sizes,
    Span,
    TextLine,
    broken,
    height_of,
    line_height,
    line_width,
    text_width,
)
from protocol_engine.adapters.diagram_view import Arrow, Box, BoxKind, Reason, View
from protocol_engine.adapters.diagram_words import Line, one_line

FONT = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
INK, GREY, RULE = "#1f2933", "#52606d", "#9aa5b1"


@frozen
class Look:
    """How a kind of box is drawn: fill, outline, widest text, and the shape."""

    fill: str
    line: str
    text_width: float
    shape: str
    words: str


LOOKS: dict[BoxKind, Look] = {
    "gate": Look("#ffffff", "#7b8794", 150, "pill", "before treatment"),
    "arm": Look("#dbe7f5", "#35618f", 170, "box", "arm"),
    "giving": Look("#e8f3ec", "#2f7d57", 106, "box", "a regimen is given"),
    "choice": Look("#fff3d6", "#b7791f", 118, "hexagon", "a person chooses"),
    "option": Look("#fffaf0", "#b7791f", 120, "pill", "the option taken"),
    "procedure": Look("#ece6f6", "#6b4fa0", 130, "box", "a procedure is done"),
    "wait": Look("#f5f7fa", "#7b8794", 150, "dashed", "closed; what follows waits"),
    "end": Look("#3e4c59", "#1f2933", 150, "pill", "the end"),
    "anywhere": Look("#fdeaea", "#b83232", 112, "pill", "wherever the patient is"),
}
SIZES: Sizes = {"strong": 12.0, "plain": 11.0, "quiet": 10.0}
LABEL_SIZES: Sizes = {"strong": 10.5, "plain": 10.5, "quiet": 9.5}
LABEL_WIDTH = 120.0
ENOUGH_LINES = 5
MARKS = (
    "one more cycle. A whole line: somebody acts. A broken line: by itself, as soon as it is known to be so. "
    "Beside an arrow: the rules (R, G) and assumptions (A) it rests on, and what must hold."
)
MARGIN = 24.0
TIP = 7.0
LEAST_WIDTH = 620.0


# --- text -----------------------------------------------------------------------------------------------------------


def box_lines(lines: Sequence[Line], width: float) -> list[TextLine]:
    """The lines of a box, which becomes wider rather than very high."""
    found: list[TextLine] = []
    for wider in (1.0, 1.3, 1.6):
        found = [part for line in lines for part in broken(line.text, line.weight, width * wider, SIZES)]
        if len(found) <= ENOUGH_LINES:
            break
    return found


def reason_lines(reasons: Sequence[Reason]) -> list[TextLine]:
    """What stands beside an arrow: its claims, the rules in bold, and below them its tests."""
    found: list[TextLine] = []
    for reason in reasons:
        found += _claim_lines(reason.claims)
        for test in reason.tests:
            found += broken(test, "plain", LABEL_WIDTH, LABEL_SIZES)
    return found


def _claim_lines(claims: Sequence[str]) -> list[TextLine]:
    strong = [claim for claim in claims if claim.startswith("R")] or list(claims[:1])
    quiet = [claim for claim in claims if claim not in strong]
    lines = broken(" ".join(strong), "strong", LABEL_WIDTH, LABEL_SIZES)
    more = broken(" ".join(quiet), "quiet", LABEL_WIDTH, LABEL_SIZES)
    if lines and more:
        together = (*lines[-1], Span("  ", "quiet"), *more[0])
        if line_width(together, LABEL_SIZES) <= LABEL_WIDTH:
            return [*lines[:-1], together, *more[1:]]
    return [*lines, *more]


# --- the picture ---------------------------------------------------------------------------------------------------


@frozen
class Rectangle:
    """A part of the picture, for whoever wants to check that nothing covers anything."""

    what: str
    left: float
    top: float
    right: float
    bottom: float


class Picture:
    """A view with its layout, from which the SVG is written."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.boxes = {box.id: box for box in view.boxes}
        self.texts = {box.id: box_lines(box.lines, LOOKS[box.kind].text_width) for box in view.boxes}
        self.labels: dict[str, list[TextLine]] = {}
        columns = {arm: number for number, arm in enumerate(view.arms)}
        nodes = [
            Node(box.id, self._box_size(box), columns.get(box.arm or ""), late=box.kind == "anywhere")
            for box in view.boxes
        ]
        edges = [self._edge(arrow) for arrow in view.arrows]
        self.layout: Layout = laid_out(nodes, edges, len(columns))
        self.width = max(self.layout.width + 2 * MARGIN, LEAST_WIDTH)
        self.left = (self.width - self.layout.width) / 2
        self.heading = self._heading()
        self.top = MARGIN + height_of(self.heading, HEADING_SIZES) + 14

    def _box_size(self, box: Box) -> Size:
        lines = self.texts[box.id]
        sides = {"hexagon": 44, "pill": 30}.get(LOOKS[box.kind].shape, 20) + (20 if box.repeats else 0)
        width = max((line_width(line, SIZES) for line in lines), default=0.0)
        return Size(max(width + sides, 56), height_of(lines, SIZES) + 12)

    def _edge(self, arrow: Arrow) -> Edge:
        lines = reason_lines(arrow.reasons)
        if not lines:
            return Edge(arrow.source, arrow.target, dashed=arrow.falls)
        label = repr((arrow.falls, lines))
        self.labels[label] = lines
        width = max(line_width(line, LABEL_SIZES) for line in lines)
        size = Size(width + 6, height_of(lines, LABEL_SIZES) + 4)
        return Edge(arrow.source, arrow.target, label, size, arrow.falls)

    def _heading(self) -> list[TextLine]:
        width = self.width - 2 * MARGIN
        title = f"{self.view.protocol}: {self.view.title}"
        subtitle = broken(self.view.subtitle, "quiet", width, HEADING_SIZES)
        return [*broken(title, "strong", width, HEADING_SIZES), *subtitle]

    def rectangles(self) -> list[Rectangle]:
        """All boxes and labels where they stand."""
        found = []
        for slot in self.layout.slots:
            top = self._top_of(slot)
            if slot.kind != "bend":
                sides = self._x(slot.left), self._x(slot.right)
                found.append(Rectangle(slot.kind, sides[0], top, sides[1], top + slot.size.height))
        return found

    def _x(self, x: float) -> float:
        return x + self.left

    def _y(self, y: float) -> float:
        return y + self.top

    def _top_of(self, slot: Slot) -> float:
        return self._y(self.layout.bands[slot.layer].top)

    def _bottom_of(self, slot: Slot) -> float:
        return self._y(self.layout.bands[slot.layer].bottom)

    # --- writing ---------------------------------------------------------------------------------------------------

    def svg(self) -> str:
        """The whole picture."""
        legend, legend_height = self._legend(self.top + self.layout.height + 26)
        height = self.top + self.layout.height + 26 + legend_height + MARGIN
        body = [
            *self._frames(),
            *(path for route in self.layout.routes for path in self._route(route)),
            *(self._label(slot) for slot in self.layout.slots if slot.kind == "label"),
            *(self._box(slot) for slot in self.layout.slots if slot.kind == "box"),
        ]
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(self.width)} {_n(height)}"'
        about = f"{len(self.view.boxes)} boxes from consent to the ends of treatment. {' '.join(self.view.notes)}"
        parts = [
            f'{head} width="{_n(self.width)}" height="{_n(height)}" role="img" aria-labelledby="title about"',
            f'     font-family="{FONT}" fill="{INK}">',
            f'<title id="title">{escape(f"{self.view.protocol}: {self.view.title}")}</title>',
            f'<desc id="about">{escape(about)}</desc>',
            _MARKERS,
            f'<rect width="{_n(self.width)}" height="{_n(height)}" fill="#ffffff"/>',
            *_text(MARGIN, MARGIN, self.heading, HEADING_SIZES),
            *dict.fromkeys(body),
            *legend,
            "</svg>",
        ]
        return "\n".join(parts) + "\n"

    def _frames(self) -> list[str]:
        found = []
        for left, right, first, last in self.layout.columns.values():
            top, bottom = self.layout.bands[first].top - 12, self.layout.bands[last].bottom + 12
            found.append(
                f'<rect x="{_n(self._x(left) - 14)}" y="{_n(self._y(top))}" width="{_n(right - left + 28)}" '
                f'height="{_n(bottom - top)}" rx="10" fill="#f7f9fc" stroke="#d9e2ec"/>'
            )
        return found

    def _route(self, route: Route) -> list[str]:
        dash = ' stroke-dasharray="5 3"' if route.edge.dashed else ""
        found = []
        for upper, lower in pairwise(route.slots):
            x1, x2 = self._x(upper.port(lower)), self._x(lower.port(upper))
            start, end = self._bottom_of(upper), self._top_of(lower)
            y1 = start if upper.kind == "bend" else self._top_of(upper) + upper.size.height
            y2 = self._bottom_of(lower) if lower.kind == "bend" else end
            tip = ""
            if lower is route.slots[-1] and not route.upwards:
                tip, end = ' marker-end="url(#tip)"', end - TIP
            if upper is route.slots[0] and route.upwards:
                tip, start = ' marker-start="url(#tip)"', start + TIP
            way = f"M{_n(x1)} {_n(y1)}V{_n(start)}"
            if _n(x1) != _n(x2):
                middle = _n((start + end) / 2)
                way += f"C{_n(x1)} {middle} {_n(x2)} {middle} {_n(x2)} {_n(end)}"
            found.append(f'<path d="{way}V{_n(y2)}" fill="none" stroke="{GREY}" stroke-width="1.2"{dash}{tip}/>')
        return found

    def _label(self, slot: Slot) -> str:
        lines = self.labels[slot.id]
        return "\n".join(_text(self._x(slot.x), self._top_of(slot) + 2, lines, LABEL_SIZES, middle=True))

    def _box(self, slot: Slot) -> str:
        box = self.boxes[slot.id]
        top = self._top_of(slot)
        about = f"<title>{escape(', '.join(box.places) or box.lines[0].text)}</title>"
        places = quoteattr(" ".join(box.places))
        shape = _shape(LOOKS[box.kind], self._x(slot.left), top, slot.size)
        middle = self._x(slot.x) - (9 if box.repeats else 0)
        ink = "#ffffff" if box.kind == "end" else INK
        text = _text(middle, top + 6, self.texts[box.id], SIZES, middle=True, ink=ink)
        loop = [_loop(self._x(slot.right) - 14, top + slot.size.height / 2)] if box.repeats else []
        return "\n".join([f"<g data-places={places}>{about}", shape, *text, *loop, "</g>"])

    # --- legend and notes ------------------------------------------------------------------------------------------

    def _legend(self, top: float) -> tuple[list[str], float]:
        """The kinds of boxes that occur, what the marks mean, and the notes, in lines as wide as the picture."""
        width = self.width - 2 * MARGIN
        found = [f'<path d="M{MARGIN} {_n(top - 10)}H{_n(self.width - MARGIN)}" stroke="#d9e2ec"/>']
        kinds = dict.fromkeys(box.kind for box in self.view.boxes)
        items = [(LOOKS[kind].words, kind) for kind in LOOKS if kind in kinds]
        x, y = MARGIN, top
        for text, kind in items:
            needed = 30 + text_width(text, SIZES["quiet"]) + 16
            if x + needed > self.width - MARGIN and x > MARGIN:
                x, y = MARGIN, y + 22
            found.append(_shape(LOOKS[kind], x, y + 1, Size(24, 14)))
            found += _text(x + 30, y + 1, [(Span(text, "quiet"),)], SIZES)
            x += needed
        y += 24
        found.append(_loop(MARGIN + 10, y + 7))
        first = broken(MARKS, "quiet", width - 30, SIZES)
        found += _text(MARGIN + 30, y, first, SIZES)
        y += height_of(first, SIZES) + 4
        for note in self.view.notes:
            lines = broken(note, "quiet", width, SIZES)
            found += _text(MARGIN, y, lines, SIZES)
            y += height_of(lines, SIZES) + 2
        box, height = self._rules_beside(y + 8) if self.view.beside else ([], 0.0)
        return [*found, *box], y + height - top

    def _rules_beside(self, top: float) -> tuple[list[str], float]:
        """A frame with the rules that hold beside the course, and the room that it takes."""
        left, width = MARGIN + 12, self.width - 2 * MARGIN - 24
        lines: list[TextLine] = broken(BESIDE, "strong", width, SIZES)
        for group in self.view.beside:
            lines += broken(group.title, "plain", width, SIZES)
            for rule in group.lines:
                lines += broken(f"\u2013 {one_line(rule)}", "quiet", width, SIZES)
        height = height_of(lines, SIZES) + 16
        frame = (
            f'<rect x="{_n(MARGIN)}" y="{_n(top)}" width="{_n(self.width - 2 * MARGIN)}" height="{_n(height)}" '
            'rx="6" fill="#ffffff" stroke="#9aa5b1"/>'
        )
        return [frame, *_text(left, top + 8, lines, SIZES)], height + 8


HEADING_SIZES: Sizes = {"strong": 15.0, "plain": 12.0, "quiet": 11.0}
_MARKERS = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
    f'orient="auto-start-reverse"><path d="M0 0L8 4L0 8z" fill="{GREY}"/></marker></defs>'
)


def svg_of(view: View) -> str:
    """The view as an SVG document."""
    return Picture(view).svg()


def _n(number: float) -> str:
    """A number with one digit at most, so that equal pictures are equal texts."""
    text = f"{number:.1f}"
    return text.removesuffix(".0")


def _shape(look: Look, left: float, top: float, size: Size) -> str:
    paint = f'fill="{look.fill}" stroke="{look.line}" stroke-width="1.3"'
    if look.shape == "hexagon":
        side, right, bottom = min(14.0, size.width / 4), left + size.width, top + size.height
        middle = top + size.height / 2
        points = [
            (left, middle),
            (left + side, top),
            (right - side, top),
            (right, middle),
            (right - side, bottom),
            (left + side, bottom),
        ]
        return f'<polygon points="{" ".join(f"{_n(x)},{_n(y)}" for x, y in points)}" {paint}/>'
    radius = min(size.height / 2, 16) if look.shape == "pill" else 5
    dash = ' stroke-dasharray="4 3"' if look.shape == "dashed" else ""
    place = f'x="{_n(left)}" y="{_n(top)}" width="{_n(size.width)}" height="{_n(size.height)}"'
    return f'<rect {place} rx="{_n(radius)}" {paint}{dash}/>'


def _loop(x: float, y: float) -> str:
    """The mark of an element whose cycles follow each other."""
    arc = f"M{_n(x - 1)} {_n(y - 5)}A5 5 0 1 0 {_n(x + 5)} {_n(y)}"
    tip = f"M{_n(x - 1.5)} {_n(y - 8.2)}L{_n(x + 3)} {_n(y - 5)}L{_n(x - 1.5)} {_n(y - 1.8)}z"
    return f'<path d="{arc}" fill="none" stroke="{GREY}" stroke-width="1.4"/><path d="{tip}" fill="{GREY}"/>'


def _text(
    x: float, top: float, lines: Sequence[TextLine], sizes: Sizes, *, middle: bool = False, ink: str = INK
) -> list[str]:
    """Lines of text from ``top`` downwards, around or from ``x``."""
    found = []
    anchor = ' text-anchor="middle"' if middle else ""
    for line in lines:
        height = line_height(line, sizes)
        spans = "".join(_span(span, sizes, ink) for span in line)
        baseline = top + height * 0.76
        found.append(f'<text x="{_n(x)}" y="{_n(baseline)}"{anchor} xml:space="preserve">{spans}</text>')
        top += height
    return found


def _span(span: Span, sizes: Sizes, ink: str) -> str:
    weight = ' font-weight="bold"' if span.weight == "strong" else ""
    fill = (GREY if ink == INK else "#e4e7eb") if span.weight == "quiet" else ink
    return f'<tspan font-size="{_n(sizes[span.weight])}"{weight} fill="{fill}">{escape(span.text)}</tspan>'
