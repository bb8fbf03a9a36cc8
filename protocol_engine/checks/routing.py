"""Is what may be offered side by side, and what is advised, said so that somebody can act on it?"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import cast

from protocol_engine.checks.cells import MOST_COMBINATIONS, cells_of
from protocol_engine.checks.compiled import Compiled
from protocol_engine.checks.outline import Outline
from protocol_engine.compiler.conditions import Conditions
from protocol_engine.errors import Mark, Problem
from protocol_engine.model.protocol import Advice, Allocate, Choose, Decide
from protocol_engine.model.truth import Truth


def several_rows_are_a_table(outline: Outline) -> Iterator[Problem]:
    """What says how several rows that hold are taken stands where several may hold, and nowhere else."""
    for item, node in outline.of(Decide, Allocate):
        step = cast(Decide | Allocate, node)
        if isinstance(step, Allocate) and step.several is not None and step.menu is None:
            message = "belongs to a menu; where any arm is possible, all of them are offered already"
            yield outline.problem("ignored", f"{item.path}.several", step.mark, message)
        if step.several is not None:
            continue
        said = {
            "while_unknown": step.while_unknown == "offer" and isinstance(step, Decide),  # of a menu the branches tell
            "by": isinstance(step, Decide) and step.by is not None,
        }
        for key, written in said.items():
            if written:
                message = "belongs to a table of which several rows may hold; write `several: offer`, or leave it out"
                yield outline.problem("ignored", f"{item.path}.{key}", step.mark, message)


def advice_is_for_others_to_decline(outline: Outline) -> Iterator[Problem]:
    """Advice stands where there is something else to choose."""
    for item, step in outline.of(Choose):
        if step.advised and len(step.options) == 1:
            message = f"{step.choose} has one option only, so there is nothing to advise; leave it out"
            yield outline.problem("ignored", f"{item.path}.advised", step.mark, message)


def one_option_is_advised(compiled: Compiled) -> Iterator[Problem]:
    """Of one choice no two options are advised for one patient."""
    outline = compiled.outline
    fold = Conditions(outline.protocol).folded
    for item, step in outline.of(Choose):
        lines = [(number, line, fold(line.if_)) for number, line in enumerate(step.advised)]
        for (_, one, first), (number, other, second) in combinations(lines, 2):
            if one.option == other.option or not first.clauses or not second.clauses:
                continue
            cells = cells_of(compiled.table, (first, second))
            if cells.are_more_than(MOST_COMBINATIONS):
                continue
            both = (
                c
                for c in cells.known()
                if all(cells.evaluation(c).condition(asked) is Truth.TRUE for asked in (first, second))
            )
            found = next(both, None)
            if found is not None:
                message = (
                    f"{one.option} (line {one.mark.line}) and {other.option} are both advised for a patient with "
                    f"{cells.patient(found)}; narrow one of them"
                )
                path = f"{item.path}.advised[{number}].if"
                yield outline.problem("table-overlap", path, _mark_of(other), message)


def _mark_of(line: Advice) -> Mark:
    tests = line.if_.tests
    return tests[0].mark if tests else line.mark
