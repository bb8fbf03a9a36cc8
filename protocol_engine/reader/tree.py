"""From the text of a protocol file to a tree of what was written, each piece with its line and column.

The events of the YAML parser are read, and nothing is ever composed or constructed from them: a scalar stays the text
that was written, so ``on``, ``no`` and ``12:30`` mean themselves, and an alias is never followed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from protocol_engine.codec import Finding, Invalid, Lines, Table, Text
from protocol_engine.errors import Mark, shown

MOST_DEPTH = 60
NO_VALUE = ("", "~", "null", "Null", "NULL")
EMPTY = "has no value; did a comma or colon cut your sentence? quote it, or fill it in"
Path = tuple[str | int, ...]


def tree_of(text: str) -> Table:
    """The mapping that a protocol file is; :class:`Invalid` with everything in it that is not plain YAML."""
    try:
        return _Builder(YAML(typ="safe", pure=True).parse(text)).document()
    except YAMLError as error:
        mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
        where = Mark(mark.line + 1, mark.column + 1) if mark is not None else Mark()
        what = (error.problem if isinstance(error, MarkedYAMLError) else None) or "cannot be read"
        message = f"is not YAML: {' '.join(str(what).split())}; check indentation and quotes"
        raise Invalid([Finding((), "not-yaml", message, where)]) from None
    except (ValueError, RecursionError) as error:
        message = f"is not YAML: {' '.join(str(error).split())[:120]}"
        raise Invalid([Finding((), "not-yaml", message, Mark())]) from None


def scalar(value: str, mark: Mark) -> Text:
    """A piece of text, as if it had been written at that mark."""
    text = Text(value)
    text.mark = mark
    return text


class _Builder:
    """Builds the tree of one document from the events of the parser, and notes what no protocol file may hold."""

    def __init__(self, events: Iterator[Any]) -> None:
        self.events = events
        self.findings: list[Finding] = []

    def document(self) -> Table:
        event = next(self.events)
        while not isinstance(event, DocumentStartEvent | StreamEndEvent):
            event = next(self.events)
        tree = self._node(next(self.events), (), 0) if isinstance(event, DocumentStartEvent) else None
        for later in self.events:
            if isinstance(later, DocumentStartEvent):
                raise Invalid([Finding((), "not-yaml", "goes on with another document; write one", _mark(later))])
        if not isinstance(tree, Table):
            message = "must be a mapping that begins with `protocol:` and its registry id"
            raise Invalid([*self.findings, Finding((), "not-a-protocol", message, Mark())])
        if self.findings:
            raise Invalid(self.findings)
        return tree

    def _node(self, event: Any, path: Path, depth: int) -> Text | Table | Lines:
        mark = _mark(event)
        if depth > MOST_DEPTH:
            message = f"is nested more than {MOST_DEPTH} deep; no protocol is"
            raise Invalid([*self.findings, Finding(path, "too-deep", message, mark)])
        if event.anchor is not None:
            what = "alias" if isinstance(event, AliasEvent) else "anchor"
            self._find(path, "anchor", f"uses a YAML {what}; write it out, or use a fragment", mark)
        if isinstance(event, AliasEvent):
            return scalar("unknown", mark)
        if event.tag is not None:
            self._find(path, "tag", f"has the YAML tag {event.tag}; leave it out", mark)
        if isinstance(event, ScalarEvent):
            return self._scalar(event, path, mark)
        if isinstance(event, SequenceStartEvent):
            return self._lines(path, mark, depth)
        return self._table(path, mark, depth)

    def _scalar(self, event: ScalarEvent, path: Path, mark: Mark) -> Text:
        if event.style is None and event.value in NO_VALUE:
            self._find(path, "empty-value", EMPTY, mark)
        return scalar(event.value, mark)

    def _lines(self, path: Path, mark: Mark, depth: int) -> Lines:
        lines = Lines()
        lines.mark = mark
        for event in self.events:
            if isinstance(event, SequenceEndEvent):
                break
            lines.append(self._node(event, (*path, len(lines)), depth + 1))
        return lines

    def _table(self, path: Path, mark: Mark, depth: int) -> Table:
        table = Table()
        table.mark, table.key_marks, table.rests = mark, {}, ()
        for event in self.events:
            if isinstance(event, MappingEndEvent):
                break
            if isinstance(event, ScalarEvent):
                self._entry(table, event, path, depth)
                continue
            self._find(path, "bad-key", "has a key that is not plain text", _mark(event))
            self._node(event, path, depth + 1)
            self._node(next(self.events), path, depth + 1)
        return table

    def _entry(self, table: Table, key_event: ScalarEvent, path: Path, depth: int) -> None:
        key, mark = key_event.value, _mark(key_event)
        inside = (*path, key)
        if key_event.anchor is not None or key_event.tag is not None:
            self._node(key_event, inside, depth + 1)
        event = next(self.events)
        if isinstance(event, ScalarEvent) and not event.value and event.style is None:
            self._find(inside, "empty-value", EMPTY, mark)  # the empty text itself begins a line later
            return
        value = self._node(event, inside, depth + 1)
        if key in table:
            message = f"{shown(key)} stands twice; the first is in line {table.key_marks[key].line}: keep one"
            self._find(inside, "duplicate-key", message, mark)
            return
        table.key_marks[key] = mark
        table[key] = value

    def _find(self, path: Path, code: str, message: str, mark: Mark) -> None:
        self.findings.append(Finding(path, code, message, mark))


def _mark(event: Any) -> Mark:
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1)
