"""Where the boxes, labels and arrows of a diagram stand: a layered layout, from top to bottom, without a library.

The boxes of a layer lie side by side, and every arrow goes from one layer to the next. Between two layers of boxes lies
one of labels; an arrow that passes a layer has a slot of its own there. So nothing can cover anything: a layer keeps
its slots apart, and arrows bend only in the empty bands between layers. The arms of a study lie beside each other, in
columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from attrs import define, field, frozen

GAP, GAP_TO_LINE = 20.0, 12.0
COLUMN_GAP = 44.0
MOST_BETWEEN_PORTS = 30.0
ROOM_FOR_LINE, ROOM_FOR_TIP, ROOM_FOR_FRAME = 10.0, 14.0, 12.0
SWEEPS, LAST_SWEEPS = 24, 4


@frozen
class Size:
    """Width and height, in pixels."""

    width: float
    height: float


@frozen
class Node:
    """A box to be placed; ``column`` is the number of its arm, or None. Nothing leads to what is ``late``."""

    id: str
    size: Size
    column: int | None = None
    late: bool = False


@frozen
class Edge:
    """An arrow to be drawn. Edges with equal ``label`` and target share one label, just above the target."""

    source: str
    target: str
    label: str | None = None
    size: Size = Size(0, 0)
    dashed: bool = False


@define(eq=False)
class Slot:
    """A piece of a layer: a box, a label, or the way of an arrow through the layer.

    ``x`` is its middle; ``room`` is the width that is kept free for it, if that is more than its own.
    """

    kind: str
    layer: int
    size: Size
    column: int | None = None
    id: str = ""
    room: float = 0.0
    x: float = 0.0
    above: list[Slot] = field(factory=list)
    below: list[Slot] = field(factory=list)

    @property
    def left(self) -> float:
        """The left edge."""
        return self.x - self.size.width / 2

    @property
    def right(self) -> float:
        """The right edge."""
        return self.x + self.size.width / 2

    @property
    def keeps(self) -> float:
        """The width that nothing else may stand in."""
        return max(self.room, self.size.width)

    def port(self, other: Slot) -> float:
        """Where the arrow to or from another slot leaves: a box has a port for each, side by side, in their order."""
        connected = self.above if other.layer < self.layer else self.below
        if self.kind != "box" or len(connected) == 1:
            return self.x
        number = sorted(connected, key=lambda near: near.x).index(other)
        step = min(MOST_BETWEEN_PORTS, (self.size.width - 28) / (len(connected) - 1))
        return self.x + (number - (len(connected) - 1) / 2) * step


@frozen
class Route:
    """The way of one edge: its slots from above to below, and whether the arrow points upwards."""

    edge: Edge
    slots: tuple[Slot, ...]
    upwards: bool = False


@frozen
class Band:
    """The height of a layer: its top and its bottom."""

    top: float
    bottom: float


@frozen
class Layout:
    """Everything in its place. ``columns`` are the frames of the arms: left, right, and their first and last layer."""

    slots: tuple[Slot, ...]
    routes: tuple[Route, ...]
    bands: tuple[Band, ...]
    columns: Mapping[int, tuple[float, float, int, int]]
    width: float
    height: float


def laid_out(nodes: Sequence[Node], edges: Sequence[Edge], columns: int) -> Layout:
    """A layout of the nodes, the first of which is the top; the same input gives the same layout."""
    grid = _Grid(nodes, edges, columns)
    grid.order_slots()
    grid.set_across()
    bands = grid.set_down()
    slots = tuple(slot for layer in grid.layers for slot in layer)
    left = min(slot.left for slot in slots)
    for slot in slots:
        slot.x -= left
    frames = {
        column: (*edges_of, grid.first, grid.last) for column, edges_of in grid.extents().items() if column < columns
    }
    return Layout(slots, tuple(grid.routes), bands, frames, max(slot.right for slot in slots), bands[-1].bottom)


# --- layers --------------------------------------------------------------------------------------------------------


def _backward(nodes: Sequence[Node], edges: Sequence[Edge]) -> set[int]:
    """The edges that close a circle, by number: depth first from the first node on."""
    out: dict[str, list[tuple[int, str]]] = {node.id: [] for node in nodes}
    for number, edge in enumerate(edges):
        out[edge.source].append((number, edge.target))
    state: dict[str, str] = {}
    found: set[int] = set()
    for node in nodes:
        stack = [(node.id, iter(out[node.id]))] if node.id not in state else []
        state.setdefault(node.id, "open")
        while stack:
            name, ways = stack[-1]
            way = next(ways, None)
            if way is None:
                state[name] = "done"
                stack.pop()
            elif state.get(way[1]) == "open":
                found.add(way[0])
            elif way[1] not in state:
                state[way[1]] = "open"
                stack.append((way[1], iter(out[way[1]])))
    return found


def _longest(names: Iterable[str], ways: Sequence[tuple[str, str]], least: Mapping[str, int]) -> dict[str, int]:
    """Layers by the longest way that leads to each name, and no less than its least layer."""
    layer = {name: least.get(name, 0) for name in names}
    changed = True
    while changed:
        changed = False
        for source, target in ways:
            if layer[target] <= layer[source]:
                layer[target] = layer[source] + 1
                changed = True
    return layer


class _Grid:
    """The layers while they are filled and ordered. Even layers hold boxes, odd ones labels."""

    def __init__(self, nodes: Sequence[Node], edges: Sequence[Edge], columns: int) -> None:
        self.columns = columns
        self.routes: list[Route] = []
        backward = _backward(nodes, edges)
        ways = [(e.target, e.source) if n in backward else (e.source, e.target) for n, e in enumerate(edges)]
        depth = self._depths(nodes, ways)
        self.layers: list[list[Slot]] = [[] for _ in range(2 * max(depth.values()) + 1)]
        self.boxes = {node.id: Slot("box", 2 * depth[node.id], node.size, node.column, node.id) for node in nodes}
        for slot in self.boxes.values():
            self.layers[slot.layer].append(slot)
        inside = [slot.layer for slot in self.boxes.values() if slot.column is not None]
        self.first, self.last = (min(inside), max(inside)) if inside else (len(self.layers), -1)
        shared: dict[tuple[str, str], Slot] = {}
        for number, (edge, (source, target)) in enumerate(zip(edges, ways, strict=True)):
            self._route(edge, self.boxes[source], self.boxes[target], shared, upwards=number in backward)
        self._share_room()

    def _share_room(self) -> None:
        """Boxes and labels that only follow each other are given equal room, so that they can stand in line."""
        lines = [slot for layer in self.layers for slot in layer if slot.kind != "bend" and len(slot.below) == 1]
        pairs = [(slot, slot.below[0]) for slot in lines if slot.below[0].above == [slot]]
        for slot, other in [*pairs, *pairs[::-1]]:
            if other.kind != "bend":
                slot.room = other.room = max(slot.keeps, other.keeps)

    def _depths(self, nodes: Sequence[Node], ways: Sequence[tuple[str, str]]) -> dict[str, int]:
        """Layers of the boxes: first the arms, then what several of them lead to, below all of them."""
        names = [node.id for node in nodes]
        inside = {node.id: node.column for node in nodes if node.column is not None}
        heads = {column: next(name for name in inside if inside[name] == column) for column in set(inside.values())}
        ways = [*ways, *((heads[node.column], node.id) for node in nodes if node.late and node.column is not None)]
        bottom = {node.id for node in nodes if node.late} | set(inside)
        while not (found := {target for source, target in ways if source in bottom}) <= bottom:
            bottom |= found
        bottom -= set(inside)
        depth = _longest(names, [way for way in ways if way[1] not in bottom], {})
        below = max((depth[name] for name in inside), default=-1) + 1
        least = dict.fromkeys(bottom, below) | {name: depth[name] for name in names if name not in bottom}
        depth = _longest(names, ways, least)
        for node in nodes:  # what nothing leads to stands just above what it leads to
            targets = [depth[target] for source, target in ways if source == node.id]
            if node.late and targets:
                depth[node.id] = max(depth[node.id], min(targets) - 1)
        return depth

    def _route(
        self, edge: Edge, top: Slot, bottom: Slot, shared: dict[tuple[str, str], Slot], *, upwards: bool
    ) -> None:
        """Slots for an edge in every layer that it passes."""
        slots = [top]
        for layer in range(top.layer + 1, bottom.layer):
            column = self._column(top, bottom, layer)
            slot = Slot("bend", layer, Size(2, 0), column)
            if edge.label is not None and layer == bottom.layer - 1:
                fresh = Slot("label", layer, edge.size, column, edge.label)
                slot = fresh if upwards else shared.setdefault((bottom.id, edge.label), fresh)
            if slot not in self.layers[layer]:
                self.layers[layer].append(slot)
            slots.append(slot)
        slots.append(bottom)
        for upper, lower in pairwise(slots):
            if lower not in upper.below:
                upper.below.append(lower)
                lower.above.append(upper)
        self.routes.append(Route(edge, tuple(slots), upwards))

    def _column(self, top: Slot, bottom: Slot, layer: int) -> int | None:
        if not self.first - 1 <= layer <= self.last:
            return None
        if top.column is not None:
            return top.column
        return bottom.column

    # --- the order in a layer --------------------------------------------------------------------------------------

    def _group(self, slot: Slot) -> int:
        """The column a slot stands in; beside all arms what belongs to none of them."""
        return slot.column if slot.column is not None else self.columns

    def order_slots(self) -> None:
        """Order each layer so that few arrows cross, and columns stay together."""
        for layer in self.layers:
            layer.sort(key=self._group)
        best, crossings = self._orders(), self._crossings()
        for sweep in range(SWEEPS):
            down = sweep % 2 == 0
            for layer in self.layers if down else reversed(self.layers):
                self._sort(layer, down=down)
            found = self._crossings()
            if found < crossings:
                best, crossings = self._orders(), found
        self.layers = best

    def _orders(self) -> list[list[Slot]]:
        return [list(layer) for layer in self.layers]

    def _sort(self, layer: list[Slot], *, down: bool) -> None:
        rank = {id(slot): number for other in self.layers for number, slot in enumerate(other)}

        def middle(slot: Slot) -> float:
            near = slot.above if down else slot.below
            ranks = sorted(rank[id(other)] for other in near)
            return sum(ranks) / len(ranks) if ranks else rank[id(slot)]

        layer.sort(key=lambda slot: (self._group(slot), middle(slot)))

    def _crossings(self) -> int:
        found = 0
        for layer in self.layers[:-1]:
            below = {id(slot): number for number, slot in enumerate(self.layers[layer[0].layer + 1])} if layer else {}
            ends = [below[id(lower)] for slot in layer for lower in sorted(slot.below, key=lambda s: below[id(s)])]
            found += sum(1 for n, end in enumerate(ends) for other in ends[n + 1 :] if other < end)
        return found

    # --- coordinates -----------------------------------------------------------------------------------------------

    def set_across(self) -> None:
        """Set ``x``: each column by itself, the columns side by side, then the layers above and below them."""
        start, end = max(self.first - 1, 0), self.last + 1
        left = 0.0
        for group in range(self.columns + 1):
            layers = [[slot for slot in layer if self._group(slot) == group] for layer in self.layers[start:end]]
            slots = [slot for layer in layers for slot in layer]
            if not slots:
                continue
            self._relax(layers, {id(slot) for slot in slots})
            moved = left - min(slot.left for slot in slots)
            for slot in slots:
                slot.x += moved
            left = max(slot.right for slot in slots) + COLUMN_GAP
        everything = {id(slot) for layer in self.layers for slot in layer}
        above, below = (self.layers[:start], self.layers[end:]) if end else (self.layers, [])
        middle = max(left - COLUMN_GAP, 0.0) / 2
        self._relax(above[::-1], everything, middle)
        self._relax(below, everything, middle)

    def _relax(self, layers: list[list[Slot]], counted: set[int], middle: float = 0.0) -> None:
        """Draw each slot to the middle of those it is connected with, as far as its neighbours let it.

        The sweeps go through the layers in the order given and back. The last ones go in the order given, so that lines
        run straight from there. Only the slots ``counted`` draw, once they have a place.
        """
        layers = [layer for layer in layers if layer]
        placed: set[int] = counted - {id(slot) for layer in layers for slot in layer}
        elsewhere = set(placed)
        for sweep in range(SWEEPS):
            before = set(elsewhere)
            for layer in reversed(layers) if sweep % 2 and sweep < SWEEPS - LAST_SWEEPS else layers:
                wanted: list[float | None] = []
                for slot in layer:
                    near = [other for other in (*slot.above, *slot.below) if id(other) in placed]
                    near = [other for other in near if id(other) in before] or near
                    at = [other.port(slot) for other in near]
                    wanted.append(sum(at) / len(at) if at else None)
                _spread(layer, wanted, middle)
                placed |= {id(slot) for slot in layer}
                before |= {id(slot) for slot in layer}

    def extents(self) -> dict[int, tuple[float, float]]:
        """Left and right edge of each column."""
        found: dict[int, tuple[float, float]] = {}
        for slot in (slot for layer in self.layers[max(self.first, 0) : self.last + 1] for slot in layer):
            group = self._group(slot)
            left, right = found.get(group, (slot.left, slot.right))
            found[group] = (min(left, slot.left), max(right, slot.right))
        return found

    def set_down(self) -> tuple[Band, ...]:
        """The heights of the layers, with more room between them where arrows go far to the side."""
        bands: list[Band] = []
        bottom = 0.0
        for number, layer in enumerate(self.layers):
            top = bottom
            if number:
                top += {self.first: ROOM_FOR_FRAME, self.last + 1: 2 * ROOM_FOR_FRAME}.get(number, 0.0)
            if number and layer:
                far = max(abs(slot.x - other.x) for slot in layer for other in (*slot.above, slot))
                top += (ROOM_FOR_TIP if number % 2 == 0 else ROOM_FOR_LINE) + min(far * 0.08, 34)
            bottom = top + max((slot.size.height for slot in layer), default=0.0)
            bands.append(Band(top, bottom))
        return tuple(bands)


def _gap(slot: Slot, other: Slot) -> float:
    return GAP_TO_LINE if "bend" in (slot.kind, other.kind) else GAP


def _spread(layer: Sequence[Slot], wanted: Sequence[float | None], middle: float) -> None:
    """Set each slot as near as can be to where it is wanted, in the order given and without touching another.

    This is least squares under order constraints, solved by pooling neighbours that want to pass each other. A slot
    that is wanted nowhere goes to the middle, but makes nothing move.
    """
    offsets = [0.0]
    for slot, other in pairwise(layer):
        offsets.append(offsets[-1] + (slot.keeps + other.keeps) / 2 + _gap(slot, other))
    pools: list[tuple[float, float, int]] = []
    for slot, want, offset in zip(layer, wanted, offsets, strict=True):
        weight = 0.001 if want is None else 1000.0 if slot.kind == "bend" else 1.0
        total, count = ((middle if want is None else want) - offset) * weight, 1
        while pools and pools[-1][0] / pools[-1][1] > total / weight:
            other_total, other_weight, other_count = pools.pop()
            total, weight, count = total + other_total, weight + other_weight, count + other_count
        pools.append((total, weight, count))
    places = [total / weight for total, weight, count in pools for _ in range(count)]
    for slot, place, offset in zip(layer, places, offsets, strict=True):
        slot.x = place + offset
