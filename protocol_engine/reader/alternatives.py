"""What a file knows under any of its readings: ids that can be reported whatever reading was selected.

A course that was recorded under one reading can then be read under another. What only the other one offers is no
unknown word there, but an act that is not allowed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import define, field, frozen

from protocol_engine.codec import Lines, Table
from protocol_engine.model.protocol import ChoiceElsewhere, Elsewhere

READING_KEY, USE_KEY, WITH_KEY = "reading_of", "use", "with"
WITH_STEPS = ("course", "stops", "may", "tracks", "arms")
"""The sections in which something can be chosen."""
MOST_PIECES = 100_000
"""Pieces of a file that are looked at; one that goes on for longer copies fragments without end."""


@frozen
class _Piece:
    """A piece of the file: what is written, what its fragment was given, and the readings and fragments it is in."""

    node: Any
    given: Mapping[str, _Piece] = field(factory=dict)
    rests: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()

    def of(self, node: Any) -> _Piece:
        """Another piece inside this one."""
        return _Piece(node, self.given, self.rests, self.inside)


@define
class _Choice:
    says_which: str | None = None
    rests: tuple[str, ...] = ()
    options: dict[str, tuple[str, ...]] = field(factory=dict)


def elsewhere(tree: Table, fragments: Mapping[str, Lines]) -> Elsewhere | None:
    """The acts that any reading knows by name, with the assumptions on which they depend.

    None if the readings of the file copy their fragments without end.
    """
    walk = _Walk(fragments)
    for name in WITH_STEPS:
        walk.through(_Piece(tree.get(name)))
    if walk.left <= 0:
        return None
    sections = {name: walk.keys(_Piece(tree.get(name))) for name in ("arms", "regimens", "procedures")}
    choices = {
        name: ChoiceElsewhere(found.options, found.says_which, found.rests) for name, found in walk.choices.items()
    }
    return Elsewhere(**{**sections, "arms": {**walk.arms, **sections["arms"]}}, choices=choices)


class _Walk:
    """Goes through every reading of every piece, and through every fragment as often as it is used."""

    def __init__(self, fragments: Mapping[str, Lines]) -> None:
        self.fragments = fragments
        self.choices: dict[str, _Choice] = {}
        self.arms: dict[str, tuple[str, ...]] = {}
        self.left = MOST_PIECES

    def through(self, piece: _Piece) -> None:
        """Note the choices in a piece, and in all that is inside it."""
        self.left -= 1
        for one in self.variants(piece) if self.left > 0 else ():
            if isinstance(one.node, Lines):
                for item in one.node:
                    self.through(one.of(item))
            elif isinstance(one.node, Table):
                if USE_KEY in one.node:
                    self._fragment(one)
                    continue
                if "choose" in one.node:
                    self._choice(one)
                if "allocate" in one.node:
                    for arm, rests in self.keys(one.of(one.node.get("arms"))).items():
                        self.arms.setdefault(arm, tuple(dict.fromkeys((*one.rests, *rests))))
                for item in one.node.values():
                    self.through(one.of(item))

    def variants(self, piece: _Piece) -> Iterator[_Piece]:
        """The piece under each reading that is written for it, and with what its fragment was given put in."""
        node = piece.node
        if isinstance(node, Table) and READING_KEY in node:
            rests = (*piece.rests, str(node[READING_KEY]))
            for reading, item in node.items():
                if reading != READING_KEY:
                    yield from self.variants(_Piece(item, piece.given, rests, piece.inside))
        elif isinstance(node, Table) and set(node) == {WITH_KEY} and str(node[WITH_KEY]) in piece.given:
            given = piece.given[str(node[WITH_KEY])]
            rests = tuple(dict.fromkeys((*piece.rests, *given.rests)))
            yield from self.variants(_Piece(given.node, given.given, rests, piece.inside))
        else:
            yield piece

    def keys(self, piece: _Piece) -> dict[str, tuple[str, ...]]:
        """The keys of a mapping, each with the assumptions it depends on."""
        found: dict[str, tuple[str, ...]] = {}
        for one in self.variants(piece):
            for key in one.node if isinstance(one.node, Table) else ():
                found.setdefault(str(key), one.rests)
        return found

    def _fragment(self, piece: _Piece) -> None:
        name = str(piece.node[USE_KEY])
        if name in piece.inside or name not in self.fragments:
            return
        arguments = piece.node.get(WITH_KEY)
        given = {key: piece.of(item) for key, item in arguments.items()} if isinstance(arguments, Table) else {}
        self.through(_Piece(self.fragments[name], given, piece.rests, (*piece.inside, name)))

    def _choice(self, piece: _Piece) -> None:
        options = self.keys(piece.of(piece.node.get("options")))
        for name, of_name in self._words(piece, "choose"):
            found = self.choices.setdefault(name, _Choice(rests=of_name))
            for option, rests in options.items():
                found.options.setdefault(option, tuple(dict.fromkeys((*of_name, *rests))))
            for option, _ in self._words(piece, "says_which"):
                found.says_which = option

    def _words(self, piece: _Piece, key: str) -> list[tuple[str, tuple[str, ...]]]:
        """The words that stand under a key, each with the assumptions it depends on."""
        found = [one for one in self.variants(piece.of(piece.node.get(key))) if isinstance(one.node, str)]
        return [(str(one.node), one.rests) for one in found]
