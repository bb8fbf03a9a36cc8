"""Everything that is written in a protocol, in order, with the path to it.

The checks ask the outline instead of walking the file themselves: it is made from the fields of the nodes, so a new
construct of the language is in it at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from functools import cached_property
from typing import Any, Literal, TypeVar

import attrs
from attrs import define, field, frozen

from protocol_engine.codec import key_of
from protocol_engine.errors import Mark, Problem, shortened
from protocol_engine.model.claims import Node
from protocol_engine.model.conditions import Condition, NamedTest
from protocol_engine.model.protocol import Allocate, Choose, May, Protocol, Step

NodeT = TypeVar("NodeT", bound=Node)


@frozen
class Written:
    """A node of the file, the path to it, the arm it stands in, and the nodes around it, outermost first."""

    path: str
    node: Node
    arm: str | None = None
    around: tuple[Node, ...] = field(default=(), repr=False)


@frozen
class Asked:
    """A condition of the file, the path to it, and the node that asks it."""

    path: str
    condition: Condition
    owner: Written

    @property
    def tests(self) -> Iterator[tuple[str, NamedTest]]:
        """Every test with its path; a clause has a number only where there are several."""
        several = len(self.condition.clauses) > 1
        for number, clause in enumerate(self.condition.clauses):
            for test in clause.tests:
                yield f"{self.path}{f'[{number}]' if several else ''}.{test.name}", test

    @property
    def mark(self) -> Mark:
        """Where its first test stands, or else the node that asks it."""
        tests = self.condition.tests
        return tests[0].mark if tests else self.owner.node.mark


@define(slots=False)
class Outline:
    """A protocol, and lists of what is written in it."""

    protocol: Protocol

    @cached_property
    def nodes(self) -> tuple[Written, ...]:
        """All nodes but the protocol itself, in the order written."""
        return tuple(
            item for item in self._inside(self.protocol, Written("", self.protocol)) if isinstance(item, Written)
        )

    @cached_property
    def conditions(self) -> tuple[Asked, ...]:
        """All conditions."""
        return tuple(
            item for item in self._inside(self.protocol, Written("", self.protocol)) if isinstance(item, Asked)
        )

    @cached_property
    def choices(self) -> dict[str, tuple[str, ...]]:
        """The options of each choice that is declared, by a ``choose`` or by a ``may`` that lists options."""
        found: dict[str, tuple[str, ...]] = {}
        for item in self.nodes:
            node = item.node
            if isinstance(node, Choose | May) and node.choose is not None and node.options is not None:
                found.setdefault(node.choose, tuple(node.options))
        return found

    @cached_property
    def allocations(self) -> dict[str, tuple[str, ...]]:
        """The arms of each later allocation."""
        steps = (item.node for item in self.nodes if isinstance(item.node, Allocate) and not item.node.is_first)
        found: dict[str, tuple[str, ...]] = {}
        for step in steps:
            found.setdefault(step.allocate, tuple(step.arms or ()))
        return found

    def line_mark(self, path: str) -> Mark:
        """Where a line of text stands that is no node, such as a rule."""
        return self.protocol.line_marks.get(path, self.protocol.mark)

    def of(self, *kinds: type[NodeT]) -> Iterator[tuple[Written, NodeT]]:
        """The nodes of some kinds, each with where it is written."""
        for item in self.nodes:
            if isinstance(item.node, kinds):
                yield item, item.node

    def asked_by(self, *kinds: type[Node]) -> Iterator[Asked]:
        """The conditions that nodes of some kinds ask."""
        return (asked for asked in self.conditions if isinstance(asked.owner.node, kinds))

    def problem(self, code: str, path: str, mark: Mark, message: str) -> Problem:
        """A finding for which the protocol does not compile."""
        return self._found("problem", code, path, mark, message)

    def notice(self, code: str, path: str, mark: Mark, message: str) -> Problem:
        """A finding that is only printed."""
        return self._found("notice", code, path, mark, message)

    def _found(self, severity: Literal["problem", "notice"], code: str, path: str, mark: Mark, message: str) -> Problem:
        return Problem(code, path or ".", shortened(message), mark, self.protocol.source, severity)

    # --- the walk --------------------------------------------------------------------------------------------------

    def _inside(self, node: Node, at: Written) -> Iterator[Written | Asked]:
        for name, key in _fields(type(node)):
            yield from self._value(getattr(node, name), f"{at.path}.{key}".removeprefix("."), at)

    def _value(self, value: Any, path: str, at: Written) -> Iterator[Written | Asked]:
        if isinstance(value, Condition):
            yield Asked(path, value, at)
        elif isinstance(value, Node):
            arm = at.arm if at.arm is not None or not path.startswith("arms.") else path.removeprefix("arms.")
            found = Written(path, value, arm, (*at.around, at.node))
            yield found
            yield from self._inside(value, found)
        elif isinstance(value, tuple):
            for number, item in enumerate(value):
                yield from self._value(item, f"{path}[{number}]", at)
        elif isinstance(value, dict):
            for name, item in value.items():
                yield from self._value(item, f"{path}.{name}", at)


_FIELDS: dict[type, tuple[tuple[str, str], ...]] = {}


def _fields(kind: type[Node]) -> tuple[tuple[str, str], ...]:
    """The fields of a kind of node, each with its key in the file."""
    if kind not in _FIELDS:
        _FIELDS[kind] = tuple((f.name, key_of(f.name)) for f in attrs.fields(kind) if f.name not in ("mark", "rests"))
    return _FIELDS[kind]


def steps_of(node: Node) -> Iterator[tuple[str, tuple[Step, ...]]]:
    """The lists of steps that stand directly in a node, each with the key it stands under."""
    for name, key in _fields(type(node)):
        value = getattr(node, name)
        if isinstance(value, dict):
            for option, item in value.items():
                if isinstance(item, tuple) and all(isinstance(step, Step) for step in item):
                    yield f"{key}.{option}", item
        elif isinstance(value, tuple) and value and all(isinstance(step, Step) for step in value):
            yield key, value


def known_words(known: Sequence[str]) -> str:
    """What there is, for the end of a message."""
    return f"there are: {', '.join(known)}" if known else "there are none"


def hint(name: str, known: Sequence[str]) -> str:
    """What may have been meant by a name that is not known."""
    close = get_close_matches(name, known, 1)
    return f"did you mean {close[0]}?" if close else known_words(known)
