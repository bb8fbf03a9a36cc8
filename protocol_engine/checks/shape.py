"""Does each construct say one thing: a fact of one type, a line with one content, a gate in its place?"""

from __future__ import annotations

from collections.abc import Iterator

from protocol_engine.checks.outline import Outline, hint
from protocol_engine.errors import Problem
from protocol_engine.model.claims import Node
from protocol_engine.model.facts import MEMBER_PATTERN, FactDefinition
from protocol_engine.model.protocol import (
    Administration,
    Allocate,
    ArmRule,
    Consent,
    DateExpression,
    Eligibility,
    Endpoint,
    Give,
    May,
    NamedSet,
    PartOption,
    Perform,
    Response,
    Stop,
)

Fault = tuple[str, str, str]
ONE_OF_FIELDS: dict[type[Node], tuple[str, ...]] = {
    Administration: ("drug", "part", "named_in"),
    ArmRule: ("arm", "end"),
    May: ("perform", "give_also", "choose"),
    Stop: ("end", "then", "instead"),
    DateExpression: ("date_of", "start_of", "first", "earliest"),
}
"""Nodes that say what they are by which of these keys they have: exactly one."""


def lines_say_one_thing(outline: Outline) -> Iterator[Problem]:
    """Lines that may hold one of several things hold exactly one, and nothing that would be ignored."""
    for item, node in outline.of(Administration, ArmRule, May, Stop, DateExpression, Endpoint, Response):
        for code, key, message in (*_one_of(node), *_ignored(node)):
            yield outline.problem(code, f"{item.path}.{key}".removesuffix("."), node.mark, message)
    for item, option in outline.of(PartOption):
        for number, line in enumerate(option.gives):
            if line.part is not None:
                message = "an option of a part names its drugs; it cannot hold a part itself"
                yield outline.problem("exactly-one", f"{item.path}.gives[{number}].part", line.mark, message)


def _one_of(node: Node) -> Iterator[Fault]:
    keys = ONE_OF_FIELDS.get(type(node), ())
    given = [key for key in keys if getattr(node, key) is not None]
    if keys and len(given) != 1:
        has = " and ".join(given) if given else "none"
        yield "exactly-one", "", f"needs exactly one of {', '.join(keys)}; it has {has}"
    if isinstance(node, Endpoint):
        span = node.from_ is not None and node.to is not None
        either = [word for word, said in (("from and to", span), ("of", node.of), ("of_words", node.of_words)) if said]
        if len(either) != 1 or (node.from_ is None) != (node.to is None):
            yield "exactly-one", "", "needs `from` and `to`, or `of`, or `of_words`, and only one of the three"


def _ignored(node: Node) -> Iterator[Fault]:
    if isinstance(node, Administration) and node.part is not None:
        for key in ("dose", "route", "times_a_day", "days", "in_cycles"):
            if getattr(node, key) is not None:
                yield "ignored", key, f"belongs to the options of the part {node.part}; write it there"
    if isinstance(node, May) and node.choose is None:
        for key in ("options", "by"):
            if getattr(node, key) is not None:
                yield "ignored", key, "belongs to a choice; leave it out here"
    if isinstance(node, DateExpression) and (node.first is None) != (not node.is_):
        yield "exactly-one", "is", "`first` and `is` go together: the first result at one of these levels"
    if isinstance(node, Response) and not node.is_:
        yield "exactly-one", "is", "name the best responses that count"


def facts_have_one_type(outline: Outline) -> Iterator[Problem]:
    """A fact declares one type, levels that differ, and timepoints and parts that can be used."""
    for name, fact in outline.protocol.facts.items():
        for code, key, message in (*_type_faults(fact), *_timepoint_faults(fact), *_part_faults(fact)):
            node = _marked(fact, key)
            yield outline.problem(code, f"facts.{name}.{key}".removesuffix("."), node.mark, message)


def _marked(fact: FactDefinition, key: str) -> Node:
    section, _, name = key.partition(".")
    inner: dict[str, Node] = {"parts": dict(fact.parts), "taken": dict(fact.taken)}.get(section, {})  # type: ignore[assignment]
    return inner.get(name.partition(".")[0], fact)


def _type_faults(fact: FactDefinition) -> Iterator[Fault]:
    words = "levels, one_of, yes_no, quantity, date, set_of"
    if not fact.kinds:
        yield "fact-type", "", f"has no type; give it one of {words}"
    elif len(fact.kinds) > 1:
        yield "fact-type", "", f"has several types, {' and '.join(fact.kinds)}; keep one"
    yield from _misplaced_details(fact)
    for key in ("levels", "one_of", "no_result"):
        levels: tuple[str, ...] | None = getattr(fact, key)
        if levels is not None and len(set(levels)) != len(levels):
            twice = next(level for level in levels if levels.count(level) > 1)
            yield "level-twice", key, f"{twice!r} stands twice; keep one"
        if key != "no_result" and levels == ():
            yield "fact-type", key, "is an empty list; name the levels"
    for level in fact.no_result:
        if level in (fact.values or ()):
            yield "level-twice", "no_result", f"{level!r} is a level too; a result is either known or none"


def _misplaced_details(fact: FactDefinition) -> Iterator[Fault]:
    """What belongs to a fact of another type."""
    for key in fact.domain.limits if fact.quantity is None else ():
        yield "fact-type", key, "is a limit of a quantity, and this fact is none; leave it out"
    if not fact.domain.meets(fact.domain):
        yield "fact-type", "", f"no number is {fact.domain.words}; correct the limits"
    if fact.molar_mass is not None and (fact.quantity is None or fact.molar_mass.unit != "g/mol"):
        yield "fact-type", "molar_mass", "belongs to a quantity and is written in g/mol"
    if fact.never and not fact.date:
        yield "fact-type", "never", "belongs to a date: it says that what the fact dates may never have happened"


def _timepoint_faults(fact: FactDefinition) -> Iterator[Fault]:
    for name, timepoint in fact.taken.items():
        given = [number for number in (timepoint.before_cycle, timepoint.after_cycle) if number is not None]
        if len(given) != 1:
            yield "exactly-one", f"taken.{name}", "needs exactly one of before_cycle and after_cycle"
        elif given[0] < 1:
            yield "no-such-cycle", f"taken.{name}", "cycles count from 1"


def _part_faults(fact: FactDefinition) -> Iterator[Fault]:
    for name, part in fact.parts.items():
        if sum(kind is not None for kind in (part.set_of, part.one_of, part.quantity)) != 1:
            yield "fact-type", f"parts.{name}", "needs exactly one of set_of, one_of and quantity"
        if name == fact.each:
            yield "name-taken", f"parts.{name}", f"every report says of which {name} it is; give this part another name"
        if part.not_listed not in ("absent", "unknown"):
            known = ("absent", "unknown")
            yield "unknown-name", f"parts.{name}.not_listed", f"is absent or unknown; {hint(part.not_listed, known)}"
        if part.unless_in is not None and part.unless_in not in fact.parts:
            message = f"{part.unless_in!r} is no part of this fact; {hint(part.unless_in, tuple(fact.parts))}"
            yield "unknown-name", f"parts.{name}.unless_in", message


def sets_can_be_reported(outline: Outline) -> Iterator[Problem]:
    """The members of a set are names that a report can hold."""
    for item, named in outline.of(NamedSet):
        if not named.are:
            yield outline.problem("empty-set", item.path, named.mark, "has no member; name them under `are`")
        for member in named.are:
            if not MEMBER_PATTERN.fullmatch(member):
                message = f"{member!r} can never be reported: symbols are capitals, digits and hyphens, such as PIK3CA"
                yield outline.problem("bad-symbol", f"{item.path}.are.{member}", named.mark, message)


def trials_treat_nobody(outline: Outline) -> Iterator[Problem]:
    """The course of a trial itself has no gate, no dose and no procedure, and no arms."""
    protocol = outline.protocol
    for item, step in outline.of(Consent, Eligibility, Allocate, Give, Perform) if protocol.subject == "trial" else ():
        message = "nobody is treated in the course of a trial itself; use observe, decide, choose and end"
        yield outline.problem("trial-course", item.path, step.mark, message)
    if protocol.subject == "trial" and protocol.arms:
        arm = next(iter(protocol.arms))
        message = "the course of a trial itself has no arms; those of its patients stand in their own file"
        yield outline.problem("trial-course", f"arms.{arm}", protocol.arms[arm].mark, message)


def gates_stand_in_the_course(outline: Outline) -> Iterator[Problem]:
    """Consent, eligibility and allocation stand once each, in the protocol's own course and nowhere inside a step."""
    seen: dict[type[Node], int] = {}
    for item, step in outline.of(Consent, Eligibility, Allocate):
        if isinstance(step, Allocate) and not step.is_first:
            if item.path.startswith("course"):
                message = f"the allocation {step.allocate} is a later one, and stands in an arm; move it there"
                yield outline.problem("misplaced-gate", item.path, step.mark, message)
            continue
        word = type(step).__name__.lower().replace("allocate", "allocation")
        if len(item.around) != 1:
            message = f"{word} stands in the protocol's own `course`, before the arms; move it there"
            yield outline.problem("misplaced-gate", item.path, step.mark, message)
        elif type(step) in seen:
            message = f"{word} stands in line {seen[type(step)]} already; take one out"
            yield outline.problem("misplaced-gate", item.path, step.mark, message)
        seen.setdefault(type(step), step.mark.line)
