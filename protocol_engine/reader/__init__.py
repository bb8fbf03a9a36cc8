"""From the text of a protocol file to a :class:`Protocol`, or to every problem in it at once.

The text becomes a tree of what was written (:mod:`protocol_engine.reader.tree`): duplicate keys, anchors, tags and
empty values are problems. Then the selected readings of the assumptions replace every ``reading_of``, fragments are
copied in where they are used, and the one converter of :mod:`protocol_engine.codec` turns the tree into frozen nodes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from attrs import evolve, frozen

from protocol_engine.codec import CODEC, Finding, Invalid, Lines, Table, Text, path_text
from protocol_engine.errors import Mark, Problem, Problems, shown
from protocol_engine.model.protocol import Protocol
from protocol_engine.reader.alternatives import elsewhere
from protocol_engine.reader.tree import Path, scalar, tree_of

ASSUMPTIONS_KEY = "assumptions"
READING_KEY = "reading_of"
FRAGMENTS_KEY = "fragments"
SCREENING_KEYS = ("derived", "criteria")
MOST_COPIES = 500


def read_protocol(text: str, source: str, readings: Mapping[str, str] | None = None) -> Protocol:
    """The protocol written in ``text``, with ``readings`` (assumption id to reading id) selected over the defaults.

    ``source`` names the text in messages. Raises :class:`Problems` with everything that is wrong with it.
    """
    return written_protocol(text, source).read(readings)


def declared_readings(text: str, source: str) -> dict[str, tuple[str, ...]]:
    """The readings of each assumption of a file, the default first; :class:`Problems` if it cannot be read."""
    return written_protocol(text, source).readings


@lru_cache(maxsize=16)
def written_protocol(text: str, source: str) -> WrittenProtocol:
    """The text as a tree, from which a protocol can be read for each selection; :class:`Problems` if it is no YAML.

    The trees of the last texts are kept: most of the time that a reading takes goes into the tree.
    """
    try:
        return WrittenProtocol(tree_of(text), source)
    except Invalid as invalid:
        raise _problems(invalid.findings, source) from None


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

    @property
    def asked_by_the_course(self) -> frozenset[str]:
        """The assumptions whose readings something else than a criterion depends on."""
        asked: set[str] = set()
        for key, section in self.tree.items():
            if key not in (ASSUMPTIONS_KEY, *SCREENING_KEYS):
                for table in _tables_in(section):
                    asked.update(map(str, table))
                    asked.update([str(table[READING_KEY])] if READING_KEY in table else [])
        return frozenset(asked & self.readings.keys())

    def read(self, readings: Mapping[str, str] | None = None) -> Protocol:
        """The protocol with the given readings selected over the defaults; :class:`Problems` with everything wrong."""
        findings: list[Finding] = []
        selected = _selection(self.tree, readings or {}, findings)
        fragments = _fragments(self.tree, findings)
        if findings:
            raise _problems(findings, self.source)
        body = Table((key, item) for key, item in self.tree.items() if key != FRAGMENTS_KEY)
        body.mark, body.key_marks, body.rests = self.tree.mark, self.tree.key_marks, ()
        try:
            selection = _Selection(self.tree, selected, fragments)
            tree = selection.applied(body, ())
            findings += selection.findings
            protocol: Protocol = CODEC.structure(tree, Protocol)
        except Invalid as invalid:
            findings += [finding for finding in invalid.findings if finding.mark not in selection.holes]
            raise _problems(findings, self.source) from None
        known = elsewhere(self.tree, fragments)
        if known is None:
            message = "is copied too often to say what each reading knows; write it out where it is needed"
            findings.append(Finding((FRAGMENTS_KEY,), "endless-fragment", message, self.tree.mark))
        if findings or known is None:
            raise _problems(findings, self.source)
        return evolve(protocol, source=self.source, readings=selected, elsewhere=known, **_of_lines(tree))


def _of_lines(tree: Table) -> dict[str, Any]:
    """What is kept of the sections whose lines are no nodes: where each line stands, and what the ends rest on."""
    sections = {key: section for key in ("rules", "ends") if isinstance(section := tree.get(key), Table)}
    marks = {f"{key}.{name}": mark for key, section in sections.items() for name, mark in section.key_marks.items()}
    return {"line_marks": marks, "ends_rests": sections["ends"].rests if "ends" in sections else ()}


def _problems(findings: list[Finding], source: str) -> Problems:
    problems = [Problem(f.code, path_text(f.path), f.message, f.mark or Mark(), source) for f in findings]
    return Problems(tuple(sorted(problems, key=lambda problem: (problem.mark, problem.path, problem.code))))


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
            message = f"the default {shown(default)} is none of the readings: {', '.join(others)}"
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
                    f"has no reading {shown(reading)}; there are: {', '.join(known[name])}",
                )
            )
        else:
            selected[name] = reading
    return selected


def _fragments(tree: Table, findings: list[Finding]) -> dict[str, Lines]:
    """The fragments of a file. One that is used nowhere would be read by nobody."""
    section = tree.get(FRAGMENTS_KEY, Table())
    if not isinstance(section, Table):
        message = "needs a mapping of names to lists of steps"
        findings.append(Finding((FRAGMENTS_KEY,), "mapping-expected", message, section.mark))
        return {}
    used = {str(node["use"]) for node in _tables_in(tree) if "use" in node}
    for name, body in section.items():
        mark = section.key_marks[name]
        if not isinstance(body, Lines):
            findings.append(Finding((FRAGMENTS_KEY, name), "list-expected", "needs a list of steps", mark))
        if name not in used:
            message = "is used nowhere; use it or leave it out"
            findings.append(Finding((FRAGMENTS_KEY, name), "unused-fragment", message, mark))
    return dict(section)


def _tables_in(node: Any) -> Iterator[Table]:
    """Every mapping inside a piece of a tree."""
    if isinstance(node, Table):
        yield node
    for item in node.values() if isinstance(node, Table) else node if isinstance(node, Lines) else ():
        yield from _tables_in(item)


def _nothing_given() -> Table:
    table = Table()
    table.mark, table.key_marks, table.rests = Mark(), {}, ()
    return table


_NOTHING_GIVEN = _nothing_given()


class _Selection:
    """Replaces ``reading_of`` by the selected reading and ``use`` by the fragment, keeping marks and paths."""

    def __init__(self, tree: Table, selected: Mapping[str, str], fragments: Mapping[str, Lines]) -> None:
        self.selected = selected
        self.declared = {name: readings for name, _, readings in _assumptions(tree)}
        self.fragments = fragments
        self.open_fragments: list[str] = []
        self.copies = 0
        self.findings: list[Finding] = []
        self.holes: set[Mark] = set()

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
            self._find(
                path, "unknown-assumption", f"reads {shown(name)}, which is no assumption of this file", node.mark
            )
            return self._hole(node), ()
        if reading not in node or reading == READING_KEY:
            message = f"has nothing for the reading {shown(reading)} of {name}; write a line for it"
            self._find(path, "missing-reading", message, node.mark)
            return self._hole(node), ()
        for other in node.keys() - {READING_KEY} - set(self.declared.get(name, ())):
            message = f"{shown(other)} is no reading of {name}; there are: {', '.join(self.declared[name])}"
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
        body = self.fragments.get(name)
        if body is None:
            message = f"uses the fragment {shown(name)}; write its steps under `{FRAGMENTS_KEY}`"
            self._find(path, "unknown-name", message, node.mark)
            return []
        if name in self.open_fragments:
            ring = " uses ".join((*self.open_fragments, name))
            self._find(path, "endless-fragment", f"uses itself: {ring}; write one of them out", node.mark)
            return []
        self.copies += 1
        if self.copies > MOST_COPIES:
            self._find(path, "endless-fragment", f"copies fragments more than {MOST_COPIES} times", node.mark)
            return []
        arguments = self.applied(self._given(node, path, body), (*path, "with"), outer)
        self.open_fragments.append(name)
        items = self.applied(body, (FRAGMENTS_KEY, name), arguments if isinstance(arguments, Table) else _NOTHING_GIVEN)
        self.open_fragments.pop()
        return list(items)

    def _given(self, node: Table, path: Path, body: Lines) -> Table:
        """What a `use` puts into the fragment, after a look at its keys."""
        extra = set(node) - {"use", "with"}
        if extra:
            self._find(path, "unknown-key", f"{', '.join(sorted(extra))}: `use` takes nothing but `with`", node.mark)
        given = node.get("with", _NOTHING_GIVEN)
        if not isinstance(given, Table):
            self._find(
                (*path, "with"), "mapping-expected", "needs a mapping of names to what they stand for", given.mark
            )
            return _NOTHING_GIVEN
        wanted = {str(table["with"]) for table in _tables_in(body) if set(table) == {"with"}}
        for key in given.keys() - wanted:
            message = f"is not asked for by the fragment {node['use']}; write {{with: {key}}} there, or leave it out"
            self._find((*path, "with", key), "unknown-key", message, given.key_marks[key])
        return given

    def _argument(self, node: Table, path: Path, arguments: Table) -> Any:
        name = str(node["with"])
        if name not in arguments:
            self._find(path, "unknown-name", f"stands for {shown(name)}, which its `use` does not give", node.mark)
            return self._hole(node)
        return arguments[name]

    def _hole(self, node: Table) -> Any:
        """What stands where nothing could be put in; whatever is wrong with it follows from that, and is not told."""
        self.holes.add(node.mark)
        return scalar("unknown", node.mark)

    def _find(self, path: Path, code: str, message: str, mark: Mark) -> None:
        self.findings.append(Finding(path, code, message, mark))
