"""What is declared and used by nothing. It does no harm, so these are notices."""

from __future__ import annotations

from collections.abc import Iterator

from protocol_engine.checks.outline import Outline
from protocol_engine.checks.regimens import PER_SURFACE, SURFACE, WEIGHT, written_doses
from protocol_engine.errors import Problem
from protocol_engine.model.claims import Node
from protocol_engine.model.conditions import Elapsed, InSet, inner_tests
from protocol_engine.model.doses import PartOf
from protocol_engine.model.formulas import INPUTS
from protocol_engine.model.protocol import (
    Administration,
    Announcement,
    DateExpression,
    Endpoint,
    Give,
    May,
    MissedVisits,
    Never,
    Perform,
    Response,
)
from protocol_engine.model.screening import Formula, HalfLives, Newest, Ratio
from protocol_engine.model.values import Ever, Last, Prefer, Worked, facts_of, names_of

UNUSED = "unused-name"


def declared_names_are_used(outline: Outline) -> Iterator[Problem]:
    """Facts, values, sets, drugs, procedures, parts and regimens are read or given somewhere."""
    used = set(_used(outline))
    protocol = outline.protocol
    for section, names in (
        ("facts", protocol.facts), ("sets", protocol.sets), ("drugs", protocol.drugs), ("parts", protocol.parts),
        ("procedures", protocol.procedures), ("regimens", protocol.regimens), ("values", protocol.values),
        ("derived", protocol.derived),
    ):  # fmt: skip
        for name, node in names.items():
            if (section, name) not in used:
                message = f"{name} is declared under {section} and used nowhere; take it out, or use it"
                yield outline.notice(UNUSED, f"{section}.{name}", node.mark, message)


def _used(outline: Outline) -> Iterator[tuple[str, str]]:
    """Section and name of everything that is named somewhere, and of what may be."""
    yield "facts", WEIGHT
    if any(dose.unit.endswith(PER_SURFACE) for _, _, dose in written_doses(outline)):
        yield "facts", SURFACE
    for asked in outline.conditions:
        for _, named in asked.tests:
            yield from (("values", named.name), ("derived", named.name), ("facts", named.name))
            for test in inner_tests(named.test):
                if isinstance(test, InSet):
                    yield "sets", test.set_name
                elif isinstance(test, Elapsed) and test.before is not None:
                    yield "facts", test.before
    for item in outline.nodes:
        yield from _named_in(item.node)


def _named_in(node: Node) -> Iterator[tuple[str, str]]:
    for section, keys in NAMES.items():
        for key in keys.get(type(node), ()):
            yield section, str(getattr(node, key)).partition(".")[0]
    if isinstance(node, Last):
        yield "facts", node.last.partition(".")[0]
    if isinstance(node, Worked | Prefer):
        yield from (("facts", name.partition(".")[0]) for name in facts_of(node))
        yield from ((section, name) for section in ("values", "facts") for name in names_of(node))
    for name in _of_endpoint(node):
        yield from (("values", name), ("facts", name))
        head, _, tail = name.partition(".")
        yield {"procedure": "procedures", "administration": "regimens"}.get(head, "facts"), tail or head
    if isinstance(node, Formula):
        yield from (("facts", name) for name in INPUTS[node.formula])
    if isinstance(node, Ever):
        yield "values", str(node.before)
        yield from (("drugs", drug) for drug in (node.is_ or {}).get("drug", ()))
    if isinstance(node, Announcement):
        yield from (("values", node.value), ("facts", node.value))
    for name in node.ever if isinstance(node, Ever) else ():
        head, _, tail = name.partition(".")
        yield {"procedure": "procedures", "administration": "regimens"}.get(head, "facts"), tail or head


def _of_endpoint(node: Node) -> tuple[str, ...]:
    """The days that an endpoint, or a part of one, names."""
    match node:
        case Endpoint():
            return (*node.closed_by, *(node.censoring if isinstance(node.censoring, tuple) else ()))
        case MissedVisits():
            return (node.of,)
        case Response():
            return (node.fact,)
        case DateExpression():
            return (node.date_of,) if node.date_of is not None else ()
        case _:
            return ()


NAMES: dict[str, dict[type[Node], tuple[str, ...]]] = {
    "drugs": {Administration: ("drug",), Never: ("drug",)},
    "parts": {Administration: ("part",)},
    "regimens": {Give: ("give",), May: ("give_also",)},
    "procedures": {Perform: ("perform",), May: ("perform",)},
    "facts": {
        DateExpression: ("first",),
        Ratio: ("ratio", "to"),
        HalfLives: ("half_lives", "since"),
        Newest: ("newest",),
        PartOf: ("of",),
    },
}
"""Where a name of a section stands by itself."""
