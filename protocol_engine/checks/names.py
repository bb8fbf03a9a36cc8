"""Does every name that is used stand for something, and for one thing only?"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from protocol_engine.checks.conditions import BUILT_IN_NAMES, CONSENTED
from protocol_engine.checks.outline import Outline, Written, hint
from protocol_engine.errors import Problem
from protocol_engine.model.claims import Node
from protocol_engine.model.doses import Ladder, LevelDose, Modification, PartOf
from protocol_engine.model.protocol import (
    Administration,
    Announcement,
    ArmRule,
    Choose,
    DateExpression,
    Design,
    Give,
    May,
    Never,
    Observe,
    Part,
    Perform,
    Response,
)

SAME_REGIMEN = "same_regimen"
BUILT_IN_ENDS = ("death", "off_study", "withdrawal", "study_closure", "discontinuation")
DATED = (
    "consent", "eligibility", "allocation", "first_dose", "death", "withdrawal", "withdrawal.study",
    "withdrawal.treatment", "discontinuation", "study_closure", "new_therapy", "lost_to_follow_up",
)  # fmt: skip
"""What an endpoint may take the date of, beside acts, values and facts."""


def names_stand_for_one_thing(outline: Outline) -> Iterator[Problem]:
    """Values, facts and assumptions share one space of names, and no name of the language is taken."""
    protocol = outline.protocol
    spaces: tuple[tuple[str, Mapping[str, Node]], ...] = (
        ("facts", protocol.facts),
        ("values", protocol.values),
        ("derived", protocol.derived),
    )
    for section, names in spaces:
        for name, node in names.items():
            path = f"{section}.{name}"
            if name in (*BUILT_IN_NAMES, CONSENTED):
                yield outline.problem("name-taken", path, node.mark, f"{name} is a name of the language; take another")
            elif name in protocol.assumptions:
                yield outline.problem("name-taken", path, node.mark, f"{name} is an assumption too; take another name")
            elif section == "derived" and name in protocol.values:
                yield outline.problem("name-taken", path, node.mark, f"{name} is a value too; take another name")
            elif section != "facts" and name in protocol.facts:
                yield outline.problem("name-taken", path, node.mark, f"{name} is a fact too; take another name")
    yield from _other_names(outline)
    for name, regimen in protocol.regimens.items():
        if name == SAME_REGIMEN:
            yield outline.problem("name-taken", f"regimens.{name}", regimen.mark, f"{name} is a word of the language")


def _other_names(outline: Outline) -> Iterator[Problem]:
    """What a fact is also called stands for no other fact."""
    facts = outline.protocol.facts
    taken = {name: f"{name} is a fact too" for name in facts}
    for name, fact in facts.items():
        for other in fact.also_called:
            if other in taken:
                message = f"{taken[other]}; leave it out"
                yield outline.problem("name-taken", f"facts.{name}.also_called", fact.mark, message)
            taken.setdefault(other, f"{other} is another name of {name} too")


def elements_have_their_own_names(outline: Outline) -> Iterator[Problem]:
    """Within an arm, no element and no choice has the name of another; a choice of a fragment is one, wherever used."""
    seen: dict[tuple[str | None, str, str], Written] = {}
    named = [(item, "element", step.element) for item, step in outline.of(Give)]
    named += [(item, "element", step.observe) for item, step in outline.of(Observe)]
    for item, what, name in (*named, *((item, "choice", name) for item, name, _ in _choices(outline))):
        first = seen.setdefault((item.arm, what, name), item)
        copied = what == "choice" and first.node.mark == item.node.mark
        if first is not item and not copied:
            where = first.node.mark.line
            message = f"the {what} {name} stands in line {where} already; give this one a name of its own"
            yield outline.problem("name-twice", item.path, item.node.mark, message)


def choices_agree(outline: Outline) -> Iterator[Problem]:
    """A choice that several arms have offers the same options in each."""
    seen: dict[str, tuple[Written, tuple[str, ...]]] = {}
    for item, name, options in _choices(outline):
        first, known = seen.setdefault(name, (item, options))
        if options != known and first.arm != item.arm:
            message = (
                f"the choice {name} has the options {', '.join(known)} in line {first.node.mark.line}; "
                f"offer the same here, or give it another name"
            )
            yield outline.problem("name-twice", item.path, item.node.mark, message)


def _choices(outline: Outline) -> Iterator[tuple[Written, str, tuple[str, ...]]]:
    """Every choice with its options, of a course or beside one; a choice that is made anew lists none."""
    for item, step in outline.of(Choose):
        yield item, step.choose, tuple(step.options)
    for item, may in outline.of(May):
        if may.choose is not None and may.options is not None:
            yield item, may.choose, tuple(may.options)


def references_lead_somewhere(outline: Outline) -> Iterator[Problem]:
    """Drugs, parts, regimens, procedures, arms, choices and options that are named are declared."""
    for item in outline.nodes:
        for key, name, known, what in _references(outline, item.node):
            if name not in known:
                message = f"{name!r} is no {what} of this file; {hint(name, tuple(known))}"
                yield outline.problem("unknown-name", f"{item.path}.{key}", item.node.mark, message)
    for name in outline.protocol.ends:
        path = f"ends.{name}"
        if name not in BUILT_IN_ENDS:
            message = f"{name!r} is no end that holds in every protocol; {hint(name, BUILT_IN_ENDS)}"
            yield outline.problem("unknown-name", path, outline.line_mark(path), message)


Reference = tuple[str, str, Collection[str], str]


def _references(outline: Outline, node: Node) -> Iterator[Reference]:  # noqa: C901, PLR0912, PLR0915  # one case a node
    protocol = outline.protocol
    match node:
        case Administration():
            if node.drug is not None:
                yield "drug", node.drug, protocol.drugs, "drug"
            if node.part is not None:
                yield "part", node.part, protocol.parts, "part"
            if node.named_in is not None:
                yield "named_in", node.named_in, outline.choices, "choice"
        case Ladder():
            yield "of", node.of, protocol.drugs, "drug"
        case Modification():
            for drug in node.of:
                yield "of", drug, protocol.drugs, "drug"
        case LevelDose():
            yield "level_of", node.level_of, protocol.ladders, "ladder"
        case PartOf():
            yield "of", node.of, protocol.facts, "fact"
        case Part():
            yield "chosen_in", node.chosen_in, outline.choices, "choice"
        case Give():
            if node.give != SAME_REGIMEN:
                yield "give", node.give, protocol.regimens, "regimen"
        case Perform():
            yield "perform", node.perform, protocol.procedures, "procedure"
        case May():
            if node.perform is not None:
                yield "perform", node.perform, protocol.procedures, "procedure"
            if node.give_also is not None:
                yield "give_also", node.give_also, protocol.regimens, "regimen"
            if node.choose is not None:
                yield "choose", node.choose, outline.choices, "choice"
        case Never():
            yield "drug", node.drug, protocol.drugs, "drug"
        case ArmRule():
            if node.arm is not None:
                later = [arm for arms in outline.allocations.values() for arm in arms]
                yield "arm", node.arm, [*protocol.arms, *later], "arm"
        case Choose():
            if node.says_which is not None:
                yield "says_which", node.says_which, node.options, f"option of {node.choose}"
            for number, advice in enumerate(node.advised):
                yield f"advised[{number}].option", advice.option, node.options, f"option of {node.choose}"
            for option in node.option_cites:
                yield f"option_cites.{option}", option, node.options, f"option of {node.choose}"
        case Design():
            for name in node.ratio if isinstance(node.ratio, dict) else ():
                yield f"ratio.{name}", name, protocol.arms, "arm"
        case Response():
            if node.fact not in protocol.values:
                yield from _results(outline, node.fact, node.is_, "fact")
            if node.since is not None:
                yield "since", node.since, _starts(outline), "element or act"
        case DateExpression():
            yield from _dates(outline, node)
        case Announcement():
            yield "value", node.value, (*protocol.values, *protocol.facts), "value"
        case _:
            return


def _dates(outline: Outline, node: DateExpression) -> Iterator[Reference]:
    elements = [step.element for _, step in outline.of(Give)]
    elements += [step.observe for _, step in outline.of(Observe)]
    if node.date_of is not None:
        protocol = outline.protocol
        yield "date_of", node.date_of, [*DATED, *acts_of(outline), *protocol.values, *protocol.facts], "act"
    if node.start_of is not None:
        yield "start_of", node.start_of, elements, "element"
    if node.first is not None:
        yield from _results(outline, node.first, node.is_, "first")
    if node.since is not None:
        yield "since", node.since, _starts(outline), "element or act"


def _starts(outline: Outline) -> list[str]:
    """What results of an endpoint may be counted from."""
    elements = [step.element for _, step in outline.of(Give)]
    return [*elements, "consent", "eligibility", "allocation", *acts_of(outline)]


def _results(outline: Outline, fact: str, levels: tuple[str, ...], key: str) -> Iterator[Reference]:
    yield key, fact, outline.protocol.facts, "fact"
    if fact in outline.protocol.facts:
        for level in levels:
            yield "is", level, outline.protocol.facts[fact].values or (), f"level of {fact}"


def elements_of(outline: Outline) -> tuple[str, ...]:
    """The first doses of elements, by the name under which they are counted from."""
    return tuple(dict.fromkeys(f"element.{step.element}" for _, step in outline.of(Give)))


def acts_of(outline: Outline) -> tuple[str, ...]:
    """The acts whose dates are known by name: procedures, administrations, choices and later allocations."""
    protocol = outline.protocol
    options = [f"choice.{name}.{option}" for name, options in outline.choices.items() for option in options]
    procedures = [f"procedure.{name}" for name in protocol.procedures]
    arms = [f"allocation.{name}.{arm}" for name, arms in outline.allocations.items() for arm in arms]
    drawn = [*(f"allocation.{name}" for name in outline.allocations), *arms]
    return (*procedures, *(f"administration.{name}" for name in protocol.regimens), *options, *drawn)
