"""A compiled protocol as a picture: text for Mermaid or Graphviz, or a drawing (SVG) that needs no other program."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from textwrap import wrap
from typing import Literal

from protocol_engine.adapters.diagram_beside import BESIDE
from protocol_engine.adapters.diagram_svg import LOOKS, svg_of
from protocol_engine.adapters.diagram_view import Arrow, Box, Reason, View, view_of
from protocol_engine.adapters.diagram_words import one_line
from protocol_engine.model.table import Table

Form = Literal["mermaid", "dot", "svg"]

MERMAID_SHAPES = {"box": ("[", "]"), "dashed": ("(", ")"), "pill": ("([", "])"), "hexagon": ("{{", "}}")}
DOT_SHAPES = {"box": "box", "dashed": "box", "pill": "box", "hexagon": "hexagon"}
UNSAFE = re.compile(r"[^\w ,.:;()/+%=\u00a0\u21bb-]|_")
NO_LIST = re.compile(r"(?:(?<=^)[-+]|(?<=^[0-9])\.)(?= )")
"""What would begin a list at the beginning of a text, as Markdown has it."""
BESIDE_WIDTH = 100
"""So many characters a line of the rules beside the course has at most, where the text is not laid out here."""
AGAIN = "\u21bb"
"""A circle with an arrow: one more cycle of the same element."""


def diagram(table: Table, form: Form) -> str:
    """The table as a diagram. Every place that can be reached is in it, and every row that leads to another place."""
    writers: dict[Form, Callable[[View], str]] = {"mermaid": _mermaid, "dot": _dot, "svg": svg_of}
    return writers[form](view_of(table))


def _names(view: View) -> dict[str, str]:
    """Names of the boxes that no language reads as a word of its own."""
    return {box.id: f"n{number}" for number, box in enumerate(view.boxes, 1)}


def _by_arm(view: View) -> dict[str | None, list[Box]]:
    """The boxes by the arm they belong to, those of no arm first."""
    return {arm: [box for box in view.boxes if box.arm == arm] for arm in (None, *view.arms)}


def _box_texts(box: Box) -> list[str]:
    texts = [line.text for line in box.lines]
    return [*texts[:-1], f"{texts[-1]} {AGAIN}"] if box.repeats else texts


def _reason_texts(reasons: tuple[Reason, ...]) -> list[str]:
    return [text for reason in reasons for text in (" ".join(reason.claims), *reason.tests) if text]


def _beside_texts(view: View) -> list[str]:
    """The rules that hold beside the course, in lines that make no picture wide."""
    found = [BESIDE]
    for group in view.beside:
        found.append(f"{group.title}:")
        found += [part for line in group.lines for part in wrap(one_line(line), BESIDE_WIDTH)]
    return found


# --- Mermaid -------------------------------------------------------------------------------------------------------


def _mermaid(view: View) -> str:
    names = _names(view)
    lines = ["---", f"title: {json.dumps(f'{view.protocol}: {view.title}', ensure_ascii=False)}", "---", "flowchart TB"]
    for arm, boxes in _by_arm(view).items():
        inside = [f"{names[box.id]}{_mermaid_box(box)}" for box in boxes]
        if arm is None:
            lines += [f"  {line}" for line in inside]
        else:
            number = view.arms.index(arm) + 1
            lines += [f"  subgraph arm{number}[{_mermaid_text([arm])}]", *(f"    {line}" for line in inside), "  end"]
    lines += [_mermaid_arrow(arrow, names) for arrow in view.arrows]
    lines.append(f"  notes[{_mermaid_text([view.subtitle, *view.notes])}]")
    if view.beside:
        lines.append(f"  beside[{_mermaid_text(_beside_texts(view))}]")
    for kind, look in LOOKS.items():
        of_kind = [names[box.id] for box in view.boxes if box.kind == kind]
        if of_kind:
            ink = ",color:#ffffff" if kind == "end" else ""
            dash = ",stroke-dasharray:4 3" if look.shape == "dashed" else ""
            lines.append(f"  classDef {kind}Box fill:{look.fill},stroke:{look.line}{ink}{dash}")
            lines.append(f"  class {','.join(of_kind)} {kind}Box")
    return "\n".join(lines) + "\n"


def _mermaid_box(box: Box) -> str:
    begin, end = MERMAID_SHAPES[LOOKS[box.kind].shape]
    return f"{begin}{_mermaid_text(_box_texts(box))}{end}"


def _mermaid_arrow(arrow: Arrow, names: dict[str, str]) -> str:
    line = "-.->" if arrow.falls else "-->"
    texts = _reason_texts(arrow.reasons)
    label = f"|{_mermaid_text(texts)}|" if texts else ""
    return f"  {names[arrow.source]} {line}{label} {names[arrow.target]}"


def _mermaid_text(texts: list[str]) -> str:
    """A quoted text. What Mermaid, Markdown or HTML would read as more than itself is written by its number."""
    return '"' + "<br/>".join(NO_LIST.sub(_number, UNSAFE.sub(_number, text)) for text in texts) + '"'


def _number(match: re.Match[str]) -> str:
    return "".join(f"#{ord(character)};" for character in match[0])


# --- Graphviz ------------------------------------------------------------------------------------------------------


def _dot(view: View) -> str:
    names = _names(view)
    caption = _dot_text([f"{view.protocol}: {view.title}", view.subtitle, *view.notes])
    lines = [
        f"digraph {_dot_text([view.protocol])} {{",
        f"  graph [rankdir=TB, label={caption}, labelloc=t, fontname=Helvetica, fontsize=12];",
        "  node [fontname=Helvetica, fontsize=11, style=filled];",
        "  edge [fontname=Helvetica, fontsize=9, color=gray35];",
    ]
    for arm, boxes in _by_arm(view).items():
        inside = [f"{names[box.id]} [{_dot_box(box)}];" for box in boxes]
        if arm is None:
            lines += [f"  {line}" for line in inside]
        else:
            number = view.arms.index(arm) + 1
            head = f"    label={_dot_text([arm])}; color=gray80;"
            lines += [f"  subgraph cluster_{number} {{", head, *(f"    {line}" for line in inside), "  }"]
    lines += [f"  {names[arrow.source]} -> {names[arrow.target]} [{_dot_arrow(arrow)}];" for arrow in view.arrows]
    if view.beside:
        text = _dot_text(_beside_texts(view), end="\\l")
        lines.append(f'  beside [label={text}, shape=note, style=filled, fillcolor="#ffffff", color=gray60];')
    return "\n".join([*lines, "}"]) + "\n"


def _dot_box(box: Box) -> str:
    look = LOOKS[box.kind]
    style = {"pill": "rounded,filled", "dashed": "dashed,filled"}.get(look.shape, "filled")
    ink = ', fontcolor="#ffffff"' if box.kind == "end" else ""
    paint = f'style="{style}", fillcolor="{look.fill}", color="{look.line}"{ink}'
    return f"label={_dot_text(_box_texts(box))}, shape={DOT_SHAPES[look.shape]}, {paint}"


def _dot_arrow(arrow: Arrow) -> str:
    style = "dashed" if arrow.falls else "solid"
    texts = _reason_texts(arrow.reasons)
    return f"style={style}, label={_dot_text(texts)}" if texts else f"style={style}"


def _dot_text(texts: list[str], end: str = "") -> str:
    """A quoted text in lines. Graphviz reads HTML entities in it, so an ampersand is written as one.

    With ``end`` every line ends with it, such as the mark of a line that begins at the left.
    """
    escaped = [text.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;") for text in texts]
    return '"' + ("".join(f"{text}{end}" for text in escaped) if end else "\\n".join(escaped)) + '"'
