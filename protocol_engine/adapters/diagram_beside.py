"""What holds beside the course, for the box below a diagram: doses that move, delays, calendars, sources, masking.

A picture shows where a patient may go. These rules move nobody from box to box, so they are told in sentences, in the
words of the page of a protocol, and a box that they are about says that they are there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import frozen

from protocol_engine.adapters.blocks import Items, Page
from protocol_engine.adapters.dose_prose import any_dose_words, dose_items
from protocol_engine.adapters.phrases import capital, cites, condition_words, drug_name, label, listed, regimen_name
from protocol_engine.adapters.timing_prose import calendar_words, timing_words
from protocol_engine.adapters.worked_prose import moment_words
from protocol_engine.engine.wording import words
from protocol_engine.model.doses import nodes_in
from protocol_engine.model.protocol import Tolerance, Window
from protocol_engine.model.table import RegimenContent, Table
from protocol_engine.model.units import Length
from protocol_engine.model.values import Prefer

BESIDE = "Beside the course"
"""The heading of the box."""


@frozen
class Beside:
    """Rules of one kind, a sentence each."""

    title: str
    lines: tuple[str, ...]


def rules_beside(table: Table) -> tuple[Beside, ...]:
    """Everything that holds beside the course of a table; nothing where it has no such rule."""
    groups = (
        ("Doses that move", (*_lines_of(dose_items(table)), *_moving_lines(table))),
        ("Early, late and left out", tuple(_timing_lines(table))),
        ("Assessed by the calendar", tuple(_calendar_lines(table))),
        ("The better source first", tuple(_source_lines(table))),
        ("Hidden", tuple(_masking_lines(table))),
        ("Made known elsewhere", tuple(_announced_lines(table))),
        ("Amendment", tuple(_amendment_lines(table))),
    )
    return tuple(Beside(title, lines) for title, lines in groups if lines)


# --- at the boxes and arrows ---------------------------------------------------------------------------------------


def regimen_marks(table: Table, regimen: RegimenContent) -> tuple[str, ...]:
    """What the box of an element says of when and how its regimen is given, beside its name and its cycles."""
    below = [
        told
        for told, there in (
            ("dose", any(_moves(table, regimen))),
            ("planned days", regimen.next_cycle is not None and regimen.next_cycle.from_ == "planned"),
            ("delays", bool(regimen.delays)),
            ("omissions", regimen.omitted is not None),
        )
        if there
    ]
    marks = (_tolerance_mark(regimen.tolerance), f"{listed(below)}: see below" if below else "")
    return tuple(mark for mark in marks if mark)


def window_mark(window: Window) -> str:
    """A window beside an arrow: ``2 to 7 days after allocation``."""
    ends = _ends(window.earliest, window.latest)
    told = [f"due {window.due}"] if window.due is not None else []
    return f"{', '.join((*told, *ends))} after {moment_words(window.from_)}"


def _ends(earliest: Length | None, latest: Length | None) -> tuple[str, ...]:
    if earliest is not None and latest is not None:
        return (f"{earliest} to {latest}",)
    if earliest is not None:
        return (f"not before {earliest}",)
    return (f"up to {latest}",) if latest is not None else ()


def _tolerance_mark(tolerance: Tolerance | None) -> str:
    if tolerance is None:
        return ""
    both = (("early", tolerance.before), ("late", tolerance.after))
    return "up to " + " or ".join(f"{length} {word}" for word, length in both if length is not None)


def _moves(table: Table, regimen: RegimenContent) -> Iterator[bool]:
    parts = (table.parts[line.part] for line in regimen.lines if line.part is not None)
    filled = (line for part in parts for option in part.options.values() for line in option.gives)
    for line in (*regimen.lines, *filled):
        yield any(nodes_in(line.dose)) or line.drug in table.ladder_of or line.drug in table.rules_of


# --- sentences -----------------------------------------------------------------------------------------------------


def _lines_of(page: Page) -> Iterator[str]:
    for block in page:
        if isinstance(block, Items):
            yield from (item.text for item in block.items)


def _moving_lines(table: Table) -> Iterator[str]:
    """The doses that are more than a number, by regimen and drug."""
    for name, regimen in table.regimens.items():
        for line in regimen.lines:
            if line.drug is not None and any(nodes_in(line.dose)):
                dose = any_dose_words(table, line.dose, line.times_a_day)
                yield f"{capital(drug_name(table, line.drug))} in {regimen_name(table, name)}: {dose}."


def _timing_lines(table: Table) -> Iterator[str]:
    for name, regimen in table.regimens.items():
        told = timing_words(table, regimen)
        if told:
            yield f"{capital(regimen_name(table, name))}: {told}."


def _calendar_lines(table: Table) -> Iterator[str]:
    for name, cited, calendar in table.visited:
        yield f"{capital(label(table, name))}: {calendar_words(calendar)}{'' if calendar.cite else cites(cited)}."


def _source_lines(table: Table) -> Iterator[str]:
    for name, value in table.values.items():
        if isinstance(value, Prefer):
            sources = ", or else ".join(label(table, source) for source in value.prefer)
            yield f"{capital(label(table, name))}: {sources}{cites(value.cite, value.rests)}."


def _masking_lines(table: Table) -> Iterator[str]:
    """Which names stand for which; in the picture of somebody from whom they are hidden, only that they are."""
    blinding = table.blinding
    if blinding is None:
        return
    if blinding.table is None:
        yield "This is what is seen without knowing the arm."
        return
    hidden = listed((words(role) for role in blinding.hidden_from), "and the")
    known = listed((words(role) for role in blinding.known_to), "and the")
    yield f"The arm is hidden from the {hidden}{f'; the {known} may know it' if known else ''}{cites(blinding.cites)}."
    for what, names in (("arms", blinding.arms), ("regimens", blinding.regimens), ("drugs", blinding.drugs)):
        for shown in dict.fromkeys(names.values()):
            stands_for = listed(name for name, alias in names.items() if alias == shown)
            yield f"The {what} {stands_for} are seen as {words(shown)}."
    if blinding.dose_hidden:
        yield "Their doses are hidden too."


def _announced_lines(table: Table) -> Iterator[str]:
    heard = "the trial" if table.subject == "patient" else "every course"
    for name, said in table.announces.items():
        yield f"To {heard}, as {words(name)}: {label(table, said.value)}{cites(said.cite, said.rests)}."


def _amendment_lines(table: Table) -> Iterable[str]:
    if table.amends is None:
        return ()
    moves = "moves" if table.amends.strength == "required" else "may move"
    when = condition_words(table, table.amends.guard.condition)
    return (
        f"A course under version {table.amends.version} {moves} to this one once {when}{cites(table.amends.basis)}.",
    )
