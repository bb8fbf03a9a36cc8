"""The curve of a time to an event as SVG: steps, marks where somebody is censored, and numbers at risk below.

Every place is worked out in fractions and rounded once, to hundredths, so the same patients give the same picture.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from xml.sax.saxutils import escape

from protocol_engine.adapters.phrases import counted
from protocol_engine.engine.survival import Point, Tally

FONT = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
INK, GREY, LINE = "#1f2933", "#52606d", "#35618f"
LEFT, TOP, WIDTH, HEIGHT = 70, 50, 600, 300
BELOW = 90
MOST_TICKS = 10
STEPS = (1, 2, 7, 14, 28, 56, 91, 182, 364)
"""Distances between ticks, in days; the first that needs no more than so many ticks is taken."""


def survival_svg(tally: Tally) -> str:
    """The picture of a tally that has a curve."""
    points = tally.curve or ()
    last = max((point.day for point in points), default=0)
    step = next((days for days in STEPS if days * MOST_TICKS >= last), last)
    ticks = range(0, last + step, step)
    end = max(ticks[-1], 1)
    title = f"{tally.name}{f': {tally.title}' if tally.title is not None else ''}"
    size = f"0 0 {LEFT + WIDTH + 30} {TOP + HEIGHT + BELOW}"
    look = f'font-family="{escape(FONT)}" font-size="12" fill="{INK}" role="img"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{size}" {look}>',
        f"<title>{escape(title)}</title>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        _text(LEFT, 22, title, size=14),
        _text(LEFT, 38, _subtitle(tally), colour=GREY),
        *_axes(ticks, end, points),
        f'<path d="{_path(points, end)}" fill="none" stroke="{LINE}" stroke-width="2"/>',
        *(_censored(point, end) for point in points if point.censored),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _subtitle(tally: Tally) -> str:
    points = tally.curve or ()
    events, censored = sum(point.events for point in points), sum(point.censored for point in points)
    median = f"median {counted(tally.median, 'day')}" if tally.median is not None else "median not reached"
    return f"{counted(events + censored, 'patient')}, {counted(events, 'event')}, {censored} censored; {median}"


def _axes(ticks: range, end: int, points: tuple[Point, ...]) -> list[str]:
    bottom = TOP + HEIGHT
    found = [f'<path d="M{LEFT} {TOP}V{bottom}H{LEFT + WIDTH}" fill="none" stroke="{GREY}"/>']
    for part in range(5):
        share = Fraction(part, 4)
        found.append(f'<path d="M{LEFT - 5} {_y(share)}H{LEFT}" stroke="{GREY}"/>')
        found.append(_text(LEFT - 10, _y(share), f"{share * 100} %", anchor="end", lower=4))
    for day in ticks:
        found.append(f'<path d="M{_x(day, end)} {bottom}v5" stroke="{GREY}"/>')
        found.append(_text(_x(day, end), bottom + 20, str(day), anchor="middle"))
        found.append(_text(_x(day, end), bottom + 60, str(at_risk(points, day)), anchor="middle", colour=GREY))
    found.append(_text(LEFT + WIDTH, bottom + 38, "days", anchor="end", colour=GREY))
    found.append(_text(LEFT - 10, bottom + 60, "at risk", anchor="end", colour=GREY))
    return found


def at_risk(points: tuple[Point, ...], day: int) -> int:
    """How many are without the event, and not censored, when a day begins."""
    return next((point.at_risk for point in points if point.day >= day), 0)


def _path(points: tuple[Point, ...], end: int) -> str:
    drawn = [f"M{LEFT} {TOP}"]
    shares = [Fraction(1), *(point.share for point in points)]
    for point, (before, after) in zip(points, pairwise(shares), strict=True):
        drawn.append(f"H{_x(point.day, end)}")
        if after != before:
            drawn.append(f"V{_y(after)}")
    return "".join(drawn)


def _censored(point: Point, end: int) -> str:
    about = f"day {point.day}: {point.censored} censored"
    top = f"M{_x(point.day, end)} {_y(point.share)}m0 -6v12"
    return f'<path d="{top}" stroke="{LINE}" stroke-width="2"><title>{about}</title></path>'


def _x(day: int, end: int) -> str:
    return _placed(LEFT + Fraction(day * WIDTH, end))


def _y(share: Fraction) -> str:
    return _placed(TOP + (1 - share) * HEIGHT)


def _placed(number: Fraction) -> str:
    """The number in hundredths at most."""
    whole, rest = divmod(round(number * 100), 100)
    return f"{whole}.{rest:02}".rstrip("0").rstrip(".")


def _text(  # noqa: PLR0913  # where, what, and how it looks
    x: int | str, y: int | str, text: str, *, size: int = 12, anchor: str = "start", colour: str = INK, lower: int = 0
) -> str:
    moved = f' dy="{lower}"' if lower else ""
    look = f'text-anchor="{anchor}" font-size="{size}" fill="{colour}"'
    return f'<text x="{x}" y="{y}"{moved} {look}>{escape(text)}</text>'
