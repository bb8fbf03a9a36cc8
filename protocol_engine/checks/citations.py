"""Does everything that acts rest on a claim, and is every claim of the file used?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import attrs

from protocol_engine.checks.outline import Outline, Written, hint
from protocol_engine.errors import Mark, Problem
from protocol_engine.model.claims import GENERAL_RULES, Node
from protocol_engine.model.doses import Ladder, Modification
from protocol_engine.model.facts import FactDefinition, FactPart, Timepoint
from protocol_engine.model.masking import Masking
from protocol_engine.model.protocol import (
    Advice,
    Allocate,
    Amends,
    Announcement,
    Arm,
    ArmRule,
    Choose,
    Consent,
    DecisionRow,
    Delay,
    Design,
    Eligibility,
    End,
    Endpoint,
    Give,
    May,
    Moved,
    NamedSet,
    Need,
    Never,
    Observe,
    Omitted,
    OpenIf,
    Perform,
    Refutation,
    Regimen,
    Repeat,
    Stop,
    Track,
    Until,
)
from protocol_engine.model.screening import Formula, HalfLives, Newest, Ratio
from protocol_engine.model.units import NOT_STATED
from protocol_engine.model.values import Holds, Value, WorkedOut, names_of

ACTING = (
    Advice, Allocate, Amends, Announcement, Arm, ArmRule, Choose, Consent, DecisionRow, Delay, Eligibility, End,
    Endpoint, Give, Ladder, Masking, May, Modification, Moved, NamedSet, Need, Never, Observe, Omitted, OpenIf,
    Perform, Refutation, Regimen, Repeat, Stop, Track, Until,
)  # fmt: skip
"""What must cite a rule or an assumption."""
VALUES: tuple[type[Node], ...] = get_args(Value)
NAMING = (FactDefinition, FactPart, Timepoint, NamedSet, *VALUES, Ratio, Formula, HalfLives, Newest)
"""What only says how something is read: a claim that is cited here alone is in no row."""
LETTERS = {"rules": "R", "assumptions": "A", "not_stated": "N"}
IDLE = "idle-readings"


def claims_have_their_letter(outline: Outline) -> Iterator[Problem]:
    """Rules are R1, R2, …, assumptions A1, …, and what is not stated N1, …: the letter says what a claim is."""
    protocol = outline.protocol
    sections: dict[str, dict[str, Any]] = {
        "rules": protocol.rules, "assumptions": protocol.assumptions, "not_stated": protocol.not_stated,
    }  # fmt: skip
    for section, names in sections.items():
        letter = LETTERS[section]
        for name, written in names.items():
            if name[:1] != letter or not name[1:].isascii() or not name[1:].isdigit():
                mark = written.mark if isinstance(written, Node) else outline.line_mark(f"{section}.{name}")
                message = (
                    f"{name!r} must be {letter} and a number, such as {letter}1, to be read as a claim of this kind"
                )
                yield outline.problem("bad-claim-id", f"{section}.{name}", mark, message)


def cited_claims_are_declared(outline: Outline) -> Iterator[Problem]:
    """Whatever is cited is a rule, an assumption or a silence of this file, or a rule that holds in every protocol."""
    protocol = outline.protocol
    silences = tuple(protocol.not_stated)
    claims = (*protocol.rules, *protocol.assumptions, *protocol.criteria, *GENERAL_RULES)
    for path, mark, key, names in _citations(outline):
        known = silences if key in ("see", "not_stated", "endpoints_see") else claims
        for name in names:
            if name in known:
                continue
            if name in silences:
                message = (
                    f"{name} is what the record does not state; name it under `see`, and cite a rule or an assumption"
                )
            elif name in claims:
                message = f"{name} is a claim; name it under `cite`, and here a line of `not_stated`"
            else:
                message = f"{name!r} is declared nowhere; {hint(name, known)}"
            yield outline.problem("unknown-claim", path, mark, message)


def _citations(outline: Outline) -> Iterator[tuple[str, Mark, str, tuple[str, ...]]]:
    """Every list of claims in the file: path, where it stands, key and ids."""
    protocol = outline.protocol
    for item in outline.nodes:
        for key in ("cite", "see", "not_stated"):
            names = _claims(item.node, key)
            if names:
                yield f"{item.path}.{key}", item.node.mark, key, names
    if protocol.endpoints_see:
        yield "endpoints_see", protocol.mark, "endpoints_see", protocol.endpoints_see
    for reason, names in protocol.ends.items():
        yield f"ends.{reason}", outline.line_mark(f"ends.{reason}"), "cite", names
    for item, choice in outline.of(Choose):
        for option, names in choice.option_cites.items():
            yield f"{item.path}.option_cites.{option}", choice.mark, "cite", names


def _claims(node: Node, key: str) -> tuple[str, ...]:
    value: Any = getattr(node, key, ())
    return value if isinstance(value, tuple) else ()


def acts_are_cited(outline: Outline) -> Iterator[Problem]:
    """Whatever can be done, decided, stopped or forbidden cites a rule or an assumption; so does what is measured."""
    for item in outline.nodes:
        if isinstance(item.node, ACTING) and not _claims(item.node, "cite") and not _cited_inside(item.node):
            message = "rests on nothing; cite the rule of the record, or the assumption, that says so: `cite: R…`"
            yield outline.problem("no-citation", item.path, item.node.mark, message)
    for name, fact in outline.protocol.facts.items():
        if not fact.cite and not fact.see:
            message = "says not why it is read; cite the rule that needs it"
            yield outline.problem("no-citation", f"facts.{name}", fact.mark, message)


def _cited_inside(node: Node) -> bool:
    """Whether the lines inside cite for it, as those of a menu do for the allocation."""
    return isinstance(node, Allocate) and node.menu is not None and all(line.cite for line in node.menu)


def every_rule_is_in_a_row(outline: Outline) -> Iterator[Problem]:
    """Each rule of the record is cited by something that acts or is measured."""
    cited = set(_used(outline, NAMING))
    readers = set(_read_by_rows(outline))
    for item, value in outline.of(*VALUES):
        if item.path.removeprefix("values.") in readers:
            cited |= set(_claims(value, "cite"))
    for name in outline.protocol.rules:
        path = f"rules.{name}"
        if name not in cited:
            message = (
                f"{name} is cited by no row: cite it where it acts, or say in `not_stated` why nothing follows from it"
            )
            yield outline.problem("uncited-rule", path, outline.line_mark(path), message)


def _used(outline: Outline, aside: tuple[type[Node], ...] = ()) -> Iterator[str]:
    """The claims that are cited, or put in by a reading; citations of some kinds of node are left aside."""
    for item in outline.nodes:
        if not isinstance(item.node, aside):
            yield from _claims(item.node, "cite")
            yield from item.node.rests
    for names in outline.protocol.ends.values():
        yield from names
    yield from outline.protocol.ends_rests
    for _, choice in outline.of(Choose):
        for names in choice.option_cites.values():
            yield from names


def _read_by_rows(outline: Outline) -> set[str]:
    """The values that a condition of a row reads, directly or through other values."""
    values = outline.protocol.values
    found: set[str] = set()
    ahead = [
        test.name for asked in outline.conditions if not isinstance(asked.owner.node, Holds) for _, test in asked.tests
    ]
    while ahead:
        name = ahead.pop()
        if name in values and name not in found:
            found.add(name)
            value = values[name]
            if isinstance(value, Holds):
                ahead += [test.name for test in value.holds.tests]
            elif isinstance(value, WorkedOut):
                ahead += names_of(value)
    return found


def assumptions_are_used(outline: Outline) -> Iterator[Problem]:
    """An assumption is cited, or selects something; one reading, or several that select nothing, are pointed out."""
    protocol = outline.protocol
    selecting = {name for item in outline.nodes for name in item.node.rests} | set(protocol.rests)
    selecting |= {name for asked in outline.conditions for name in asked.condition.rests}
    selecting |= {test.name for asked in outline.conditions for _, test in asked.tests}
    used = {*_used(outline), *selecting}
    for name, assumption in protocol.assumptions.items():
        path = f"assumptions.{name}"
        if name not in used:
            message = f"{name} is declared and changes nothing; cite it where it is made, or take it out"
            yield outline.problem("unused-assumption", path, assumption.mark, message)
        elif len(assumption.readings) == 1:
            message = f"{name} has one reading only, so nobody can choose another"
            yield outline.notice("one-reading", path, assumption.mark, message)
        elif name not in selecting:
            message = f"none of the readings of {name} changes anything; write `reading_of: {name}` where they differ"
            yield outline.notice(IDLE, path, assumption.mark, message)


def silences_are_shown(outline: Outline) -> Iterator[Problem]:
    """A line of ``not_stated`` is seen by what it explains, and ``not_stated`` is explained by such a line."""
    protocol = outline.protocol
    seen = {name for _, _, key, names in _citations(outline) if key != "cite" for name in names}
    for name, silence in protocol.not_stated.items():
        if name not in seen:
            message = f"{name} explains nothing: name it under `see`, or under the `not_stated` of a regimen"
            yield outline.problem("unseen-silence", f"not_stated.{name}", silence.mark, message)
    for item in outline.nodes:
        for key in _not_stated_literals(item):
            if not _claims(item.node, "see"):
                message = "is not stated; name under `see` the line of `not_stated` that says so"
                yield outline.problem("unexplained-silence", f"{item.path}.{key}", item.node.mark, message)


def _not_stated_literals(item: Written) -> Iterator[str]:
    if not isinstance(item.node, Allocate | Give | Perform | Design | Endpoint | Ladder):
        return
    for f in attrs.fields(type(item.node)):
        if getattr(item.node, f.name) is NOT_STATED:
            yield f.name
