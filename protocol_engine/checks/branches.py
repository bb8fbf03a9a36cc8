"""Are allocations that come later told apart from the first and from one another, and do menus stay open?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from protocol_engine.checks.cells import MOST_COMBINATIONS, cells_of
from protocol_engine.checks.compiled import Compiled
from protocol_engine.checks.outline import Outline, Written, hint
from protocol_engine.checks.tables import whatever
from protocol_engine.compiler.conditions import Conditions
from protocol_engine.errors import Problem
from protocol_engine.model.protocol import Allocate, Choose, OpenIf, Repeat
from protocol_engine.model.truth import Truth

TAKEN = ("consent", "eligibility", "allocation", "first_dose", "element")
"""Words that an act is counted from; no allocation has them as its name."""
Fault = tuple[str, str, str]
"""Code, key and message."""


def allocations_are_told_apart(outline: Outline) -> Iterator[Problem]:
    """The first allocation is to the arms of the file, each later one to arms of its own."""
    seen: dict[str, Written] = {}
    arm_of: dict[str, str] = {}
    for item, step in outline.of(Allocate):
        faults = _first_faults(step) if step.is_first else _later_faults(outline, step)
        every = tuple(step.arms or outline.protocol.arms)
        waits = step.while_unknown if step.several is None else "wait"
        found = [*faults, *_menu_faults(step.arm_if, every, "arm", waits)]
        if step.menu is not None and step.arm_if:
            found.append(("ignored", "arm_if", "the menu says by rule which arm it is; leave this out"))
        for code, key, message in found:
            yield outline.problem(code, f"{item.path}.{key}".removesuffix("."), step.mark, message)
        if step.is_first:
            continue
        first = seen.setdefault(step.allocate, item)
        known = first.node.arms if isinstance(first.node, Allocate) else None
        if known is not None and tuple(known) != tuple(step.arms or ()):
            message = (
                f"the allocation {step.allocate} has the arms {', '.join(known)} in line {first.node.mark.line}; "
                f"have the same here, or give it another name"
            )
            yield outline.problem("name-twice", f"{item.path}.arms", step.mark, message)
        for arm in step.arms or ():
            owner = arm_of.setdefault(arm, step.allocate)
            if owner != step.allocate:
                message = f"{arm} is an arm of the allocation {owner} too, and a report names one; take another name"
                yield outline.problem("name-taken", f"{item.path}.arms.{arm}", step.mark, message)


def _first_faults(step: Allocate) -> Iterator[Fault]:
    if step.arms is not None:
        yield "ignored", "arms", "the first allocation is to the arms of the file; give a later one a name of its own"
    if step.ratio is not None:
        yield "ignored", "ratio", "the ratio of the first allocation stands in the design; leave it out here"
    if step.see:
        yield "ignored", "see", "the silence about the first allocation stands in the design; leave it out here"


def _later_faults(outline: Outline, step: Allocate) -> Iterator[Fault]:
    arms = tuple(step.arms or ())
    if step.allocate in TAKEN:
        yield "name-taken", "", f"{step.allocate} is a name of the language; take another"
    if not arms:
        message = "a later allocation names its arms, each with its steps: `arms: {one: [...], other: []}`"
        yield "allocation-design", "arms", message
    for arm in arms:
        if arm in outline.protocol.arms:
            yield "name-taken", f"arms.{arm}", f"{arm} is an arm of the file too; take another name"
    yield from _rule_faults(outline, step, arms)
    yield from _ratio_faults(step, arms)


def _rule_faults(outline: Outline, step: Allocate, arms: tuple[str, ...]) -> Iterator[Fault]:
    """The lines of the menu lead to the arms of this allocation, and to each of them."""
    for line in step.menu or ():
        elsewhere = (*outline.protocol.arms, *(arm for arms_of in outline.allocations.values() for arm in arms_of))
        if line.arm is not None and line.arm not in arms and line.arm in elsewhere:
            yield "unknown-name", "menu", f"{line.arm!r} is no arm of {step.allocate}; {hint(line.arm, arms)}"
    led = {line.arm for line in step.menu} if step.menu is not None else set(arms)
    for arm in arms:
        if arm not in led:
            message = f"nobody can be allocated to {arm}: no line of the menu leads to it; add one, or take it out"
            yield "unreachable", f"arms.{arm}", message


def _ratio_faults(step: Allocate, arms: tuple[str, ...]) -> Iterator[Fault]:
    ratio = step.ratio if isinstance(step.ratio, dict) else dict.fromkeys(arms, 1)
    for arm in ratio:
        if arm not in arms:
            yield "unknown-name", f"ratio.{arm}", f"{arm!r} is no arm of {step.allocate}; {hint(arm, arms)}"
    for arm in arms:
        if arm not in ratio:
            yield "allocation-design", "ratio", f"says nothing of the arm {arm}; give its share"


def _menu_faults(opens: Mapping[str, OpenIf], known: tuple[str, ...], what: str, while_unknown: str) -> Iterator[Fault]:
    for name in opens:
        if name not in known:
            yield "unknown-name", f"{what}_if.{name}", f"{name!r} is no {what} here; {hint(name, known)}"
    if while_unknown == "offer" and not opens:
        also = " and without `several`" if what == "arm" else ""
        yield "ignored", "while_unknown", f"nothing is unknown of a menu without `{what}_if`{also}; leave it out"


def options_open_as_written(outline: Outline) -> Iterator[Problem]:
    """What opens single options of a choice names options of it."""
    for item, step in outline.of(Choose):
        for code, key, message in _menu_faults(step.option_if, tuple(step.options), "option", step.while_unknown):
            yield outline.problem(code, f"{item.path}.{key}", step.mark, message)


def repetitions_have_a_number(outline: Outline) -> Iterator[Problem]:
    """A repetition with a number is taken at least once."""
    for item, step in outline.of(Repeat):
        if step.repeat == 0:
            message = "is never taken; give a number from 1, or without_end, or take it out"
            yield outline.problem("empty-repeat", f"{item.path}.repeat", step.mark, message)


def menus_stay_open(compiled: Compiled) -> Iterator[Problem]:
    """Of arms or options that open one by one, some one is open for every patient; if not, she is pointed out."""
    outline, fold = compiled.outline, Conditions(compiled.outline.protocol).folded
    menus = [(item, step.arm_if, tuple(step.arms or outline.protocol.arms)) for item, step in outline.of(Allocate)]
    menus += [(item, step.option_if, tuple(step.options)) for item, step in outline.of(Choose)]
    for item, opens, every in menus:
        if not opens or any(name not in opens for name in every):
            continue
        conditions = [fold(opened.if_) for opened in opens.values()]
        cells = cells_of(compiled.table, conditions)
        if cells.are_more_than(MOST_COMBINATIONS):
            continue
        shut = [
            combination
            for combination in cells.known()
            if all(cells.evaluation(combination).condition(condition) is Truth.FALSE for condition in conditions)
        ]
        if shut:
            first, idle = cells.cubes(shut)[0]
            patient = f"{cells.patient(first)}{whatever(idle)}"
            message = f"nothing is open for a patient with {patient}, and she stays where she is"
            yield outline.notice("empty-menu", item.path, item.node.mark, message)
