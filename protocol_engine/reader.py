"""From the text of a protocol file to a :class:`Protocol`, or to every problem in it at once.

YAML is only composed, never constructed: each scalar stays the text that was written, so ``on``, ``no`` and ``12:30``
mean themselves. Duplicate keys, anchors, tags and empty values are problems. Then the selected readings of the
assumptions replace every ``reading_of``, fragments are copied in where they are used, and the one converter of
:mod:`protocol_engine.codec` turns the tree into frozen nodes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import evolve, frozen
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from protocol_engine.codec import CODEC, Finding, Invalid, Lines, Table, Text, path_text
from protocol_engine.errors import Mark, Problem, Problems
from protocol_engine.model.protocol import Protocol

ASSUMPTIONS_KEY = "assumptions"
READING_KEY = "reading_of"
FRAGMENTS_KEY = "fragments"
MOST_DEPTH = 60
MOST_COPIES = 500
Path = tuple[str | int, ...]


def read_protocol(text: str, source: str, readings: Mapping[str, str] | None = None) -> Protocol:
    """The protocol written in ``text``, with ``readings`` (assumption id to reading id) selected over the defaults.

    ``source`` names the text in messages. Raises :class:`Problems` with everything that is wrong with it.
    """
    return written_protocol(text, source).read(readings)


def declared_readings(text: str, source: str) -> dict[str, tuple[str, ...]]:
    """The readings of each assumption of a file, the default first; :class:`Problems` if it cannot be read."""
    return written_protocol(text, source).readings


def written_protocol(text: str, source: str) -> WrittenProtocol:
    """The text as a tree, from which a protocol can be read for each selection; :class:`Problems` if it is no YAML."""
    findings: list[Finding] = []
    tree = _compose(text, findings)
    if findings:
        raise _problems(findings, source)
    return WrittenProtocol(tree, source)


@frozen
class WrittenProtocol:
    """A protocol file as it is written, before any reading is selected in it. Reading it changes nothing in it."""

    tree: Table
    source: str

    @property
    def readings(self) -> dict[str, tuple[str, ...]]:
        """The readings of each assumption, the default first."""
        return {
            name: (default, *(reading for reading in others if reading != default))
            for name, default, others in _assumptions(self.tree)
        }

    def read(self, readings: Mapping[str, str] | None = None) -> Protocol:
        """The protocol with the given readings selected over the defaults; :class:`Problems` with everything wrong."""
        findings: list[Finding] = []
        selected = _selection(self.tree, readings or {}, findings)
        if findings:
            raise _problems(findings, self.source)
        fragments = self.tree.get(FRAGMENTS_KEY)
        body = Table((key, item) for key, item in self.tree.items() if key != FRAGMENTS_KEY)
        body.mark, body.key_marks, body.rests = self.tree.mark, self.tree.key_marks, ()
        try:
            selection = _Selection(self.tree, selected, fragments if isinstance(fragments, Table) else None)
            tree = selection.applied(body, ())
            findings += selection.findings
            protocol: Protocol = CODEC.structure(tree, Protocol)
        except Invalid as invalid:
            raise _problems(findings + invalid.findings, self.source) from None
        if findings:
            raise _problems(findings, self.source)
        return evolve(protocol, source=self.source, readings=selected)


def _problems(findings: list[Finding], source: str) -> Problems:
    problems = [Problem(f.code, path_text(f.path), f.message, f.mark or Mark(), source) for f in findings]
    return Problems(tuple(sorted(problems, key=lambda problem: (problem.mark, problem.path, problem.code))))


# --- the tree ------------------------------------------------------------------------------------------------------


def _compose(text: str, findings: list[Finding]) -> Table:
    empty = Table()
    empty.mark, empty.key_marks, empty.rests = Mark(), {}, ()
    try:
        node = YAML(typ="safe", pure=True).compose(text)
    except YAMLError as error:
        mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
        where = Mark(mark.line + 1, mark.column + 1) if mark is not None else Mark()
        what = (error.problem if isinstance(error, MarkedYAMLError) else None) or "cannot be read"
        findings.append(
            Finding(
                (),
                "not-yaml",
                f"is not YAML: {' '.join(str(what).split())}; check indentation and quotes",
                where,
            )
        )
        return empty
    except (ValueError, RecursionError) as error:
        findings.append(Finding((), "not-yaml", f"is not YAML: {' '.join(str(error).split())[:120]}", Mark()))
        return empty
    if not isinstance(node, MappingNode):
        findings.append(
            Finding(
                (),
                "not-a-protocol",
                "must be a mapping that begins with `protocol:` and its registry id",
                Mark(),
            )
        )
        return empty
    tree = _tree(node, (), findings)
    return tree if isinstance(tree, Table) else empty


def _mark(node: Node) -> Mark:
    return Mark(node.start_mark.line + 1, node.start_mark.column + 1)


def _tree(node: Node, path: Path, findings: list[Finding], depth: int = 0) -> Text | Table | Lines:
    mark = _mark(node)
    if node.anchor is not None:
        findings.append(Finding(path, "anchor", "uses a YAML anchor; write it out, or use a fragment", mark))
    if depth > MOST_DEPTH:
        findings.append(Finding(path, "too-deep", f"is nested more than {MOST_DEPTH} deep; no protocol is", mark))
        return _text("", mark)
    if isinstance(node, ScalarNode):
        return _scalar(node, path, findings, mark)
    if isinstance(node, SequenceNode):
        lines = Lines(_tree(item, (*path, index), findings, depth + 1) for index, item in enumerate(node.value))
        lines.mark = mark
        return lines
    table = Table()
    table.mark, table.key_marks, table.rests = mark, {}, ()
    for key_node, value_node in node.value:
        if not isinstance(key_node, ScalarNode):
            findings.append(Finding(path, "bad-key", "has a key that is not plain text", _mark(key_node)))
            continue
        key = key_node.value
        if key in table:
            message = f"{key!r} stands twice; the first is in line {table.key_marks[key].line}: keep one"
            findings.append(Finding((*path, key), "duplicate-key", message, _mark(key_node)))
            continue
        table.key_marks[key] = _mark(key_node)
        if isinstance(value_node, ScalarNode) and not value_node.value and value_node.style is None:
            findings.append(_empty((*path, key), _mark(key_node)))  # the empty text itself begins a line later
            continue
        table[key] = _tree(value_node, (*path, key), findings, depth + 1)
    return table


def _empty(path: Path, mark: Mark) -> Finding:
    message = "has no value; did a comma or colon cut your sentence? quote it, or fill it in"
    return Finding(path, "empty-value", message, mark)


def _scalar(node: ScalarNode, path: Path, findings: list[Finding], mark: Mark) -> Text:
    if node.style is None and node.value in ("", "~", "null", "Null", "NULL"):
        findings.append(_empty(path, mark))
    if node.tag and not str(node.tag).startswith("tag:yaml.org,2002:"):
        findings.append(Finding(path, "tag", f"has the YAML tag {node.tag}; leave it out", mark))
    return _text(node.value, mark)


def _text(value: str, mark: Mark) -> Text:
    text = Text(value)
    text.mark = mark
    return text


# --- readings and fragments ----------------------------------------------------------------------------------------


def _assumptions(tree: Table) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Assumptions that are written well enough to select from; the converter reports the others."""
    section = tree.get(ASSUMPTIONS_KEY)
    if not isinstance(section, Table):
        return
    for name, item in section.items():
        readings = item.get("readings") if isinstance(item, Table) else None
        if isinstance(readings, Table) and isinstance(item.get("default"), Text):
            yield str(name), str(item["default"]), tuple(map(str, readings))


def _selection(tree: Table, readings: Mapping[str, str], findings: list[Finding]) -> dict[str, str]:
    selected: dict[str, str] = {}
    known: dict[str, tuple[str, ...]] = {}
    for name, default, others in _assumptions(tree):
        known[name] = others
        selected[name] = default
        if default not in others:
            message = f"the default {default!r} is none of the readings: {', '.join(others)}"
            findings.append(
                Finding(
                    ("assumptions", name, "default"),
                    "unknown-reading",
                    message,
                    tree["assumptions"][name].mark,
                )
            )
    for name, reading in readings.items():
        if name not in known:
            findings.append(
                Finding(
                    ("assumptions", name),
                    "unknown-assumption",
                    f"is not an assumption here; there are: {', '.join(known)}",
                )
            )
        elif reading not in known[name]:
            findings.append(
                Finding(
                    ("assumptions", name),
                    "unknown-reading",
                    f"has no reading {reading!r}; there are: {', '.join(known[name])}",
                )
            )
        else:
            selected[name] = reading
    return selected


class _Selection:
    """Replaces ``reading_of`` by the selected reading and ``use`` by the fragment, keeping marks and paths."""

    def __init__(self, tree: Table, selected: Mapping[str, str], fragments: Table | None) -> None:
        self.selected = selected
        self.declared = {name: readings for name, _, readings in _assumptions(tree)}
        self.fragments = fragments
        self.open_fragments: list[str] = []
        self.copies = 0
        self.findings: list[Finding] = []

    def applied(self, node: Any, path: Path, arguments: Table | None = None) -> Any:
        """The node with everything inside it replaced."""
        if isinstance(node, Lines):
            return self._lines(node, path, arguments)
        if not isinstance(node, Table):
            return node
        if set(node) == {"with"} and arguments is not None:
            return self._argument(node, path, arguments)
        table = Table()
        table.mark, table.key_marks = node.mark, node.key_marks
        rests = list(node.rests)
        for key, item in node.items():
            if path == () and key == ASSUMPTIONS_KEY:  # what is selected from cannot itself be selected
                table[key] = item
                continue
            chosen, names = self._chosen(item, (*path, key))
            value = self.applied(chosen, (*path, key), arguments)
            if not self._rest_on(value, names):
                rests += names
            rests += value.rests if isinstance(value, Lines) else ()
            table[key] = value
        table.rests = tuple(dict.fromkeys(rests))
        return table

    def _lines(self, node: Lines, path: Path, arguments: Table | None) -> Lines:
        lines = Lines()
        lines.mark = node.mark
        rests: list[str] = []
        for index, item in enumerate(node):
            chosen, names = self._chosen(item, (*path, index))
            if isinstance(chosen, Table) and "use" in chosen:
                items = self._fragment(chosen, (*path, index), arguments)
                rests += () if self._rest_on(items, names) else names
                lines.extend(items)
                continue
            value = self.applied(chosen, (*path, index), arguments)
            rests += () if self._rest_on(value, names) else names
            rests += value.rests if isinstance(value, Lines) else ()
            lines.append(value)
        lines.rests = tuple(dict.fromkeys(rests))
        return lines

    def _chosen(self, node: Any, path: Path) -> tuple[Any, tuple[str, ...]]:
        """The selected reading in place of ``reading_of``, also inside a reading, and what it rests on."""
        if not isinstance(node, Table) or READING_KEY not in node:
            return node, ()
        name = str(node[READING_KEY])
        reading = self.selected.get(name)
        if reading is None:
            self._find(path, "unknown-assumption", f"reads {name!r}, which is no assumption of this file", node.mark)
            return _text("unknown", node.mark), ()
        if reading not in node or reading == READING_KEY:
            message = f"has nothing for the reading {reading!r} of {name}; write a line for it"
            self._find(path, "missing-reading", message, node.mark)
            return _text("unknown", node.mark), ()
        for other in node.keys() - {READING_KEY} - set(self.declared.get(name, ())):
            message = f"{other!r} is no reading of {name}; there are: {', '.join(self.declared[name])}"
            self._find((*path, other), "unknown-reading", message, node.key_marks[other])
        chosen, names = self._chosen(node[reading], (*path, reading))
        return chosen, (name, *names)

    def _rest_on(self, value: Any, names: tuple[str, ...]) -> bool:
        """Note the assumptions on the mappings that were put in; False if there is none to carry the note."""
        items = value if isinstance(value, list) else [value]
        tables = [item for item in items if isinstance(item, Table)]
        for table in tables:
            table.rests = (*table.rests, *names)
        return bool(tables)

    def _fragment(self, node: Table, path: Path, outer: Table | None) -> list[Any]:
        name = str(node["use"])
        body = self.fragments.get(name) if self.fragments is not None else None
        if not isinstance(body, Lines):
            self._find(
                path,
                "unknown-name",
                f"uses the fragment {name!r}; write its steps under `{FRAGMENTS_KEY}`",
                node.mark,
            )
            return []
        extra = set(node) - {"use", "with"}
        if extra:
            self._find(path, "unknown-key", f"{', '.join(sorted(extra))}: `use` takes nothing but `with`", node.mark)
        if name in self.open_fragments:
            ring = " uses ".join((*self.open_fragments, name))
            self._find(path, "endless-fragment", f"uses itself: {ring}; write one of them out", node.mark)
            return []
        self.copies += 1
        if self.copies > MOST_COPIES:
            self._find(path, "endless-fragment", f"copies fragments more than {MOST_COPIES} times", node.mark)
            return []
        arguments = self.applied(node.get("with"), (*path, "with"), outer)
        self.open_fragments.append(name)
        items = self.applied(body, (FRAGMENTS_KEY, name), arguments if isinstance(arguments, Table) else Table())
        self.open_fragments.pop()
        return list(items)

    def _argument(self, node: Table, path: Path, arguments: Table) -> Any:
        name = str(node["with"])
        if name not in arguments:
            self._find(path, "unknown-name", f"stands for {name!r}, which its `use` does not give", node.mark)
            return _text("unknown", node.mark)
        return arguments[name]

    def _find(self, path: Path, code: str, message: str, mark: Mark) -> None:
        self.findings.append(Finding(path, code, message, mark))
