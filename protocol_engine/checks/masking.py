"""Does masking hide what it says, and would a reader find it out all the same?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from attrs import frozen

from protocol_engine.checks.compiled import Compiled
from protocol_engine.checks.outline import Outline, hint
from protocol_engine.codec import plain_json
from protocol_engine.compiler.blinding import drugs_of, hidden, regimens_of, words_of
from protocol_engine.errors import Mark, Problem
from protocol_engine.model.claims import Node
from protocol_engine.model.masking import Blinding, Masking
from protocol_engine.model.protocol import Choose, Give, May, Protocol
from protocol_engine.model.table import Table
from protocol_engine.model.values import Value

LEAK = "masking-leak"
NAMES = "masking-names"
FEWEST = 2
SHORTEST = 3
"""Letters of a name that is looked for in texts: a shorter one, such as an arm ``a``, is a word of any sentence."""
BETWEEN = re.compile(r"[./=:@|#+]")


def masking_is_as_designed(outline: Outline) -> Iterator[Problem]:
    """A blinded design says what is hidden, or that the record does not; an open one hides nothing."""
    protocol = outline.protocol
    design, masking = protocol.design, protocol.masking
    if design.masking == "blinded" and masking is None and not design.see:
        message = "the study is blinded; say under `masking` what is hidden from whom, or name the silence under `see`"
        yield outline.problem("uncovered-silence", "design.masking", design.mark, message)
    if design.masking == "open_label" and masking is not None:
        message = "the design is open_label, and this hides arms; say blinded there, or leave this out"
        yield outline.problem("ignored", "masking", masking.mark, message)


def masked_names_stand(outline: Outline) -> Iterator[Problem]:
    """What is hidden is declared, and each name that is shown stands for several things and is none of them."""
    masking = outline.protocol.masking
    if masking is None:
        return
    for code, path, message in (*_roles(masking), *_groups(outline.protocol, masking)):
        yield outline.problem(code, f"masking.{path}", masking.mark, message)


Fault = tuple[str, str, str]


def _roles(masking: Masking) -> Iterator[Fault]:
    for role in masking.known_to:
        if role in masking.hidden_from:
            yield "name-twice", "known_to", f"{role} stands under `hidden_from` too; take one of them out"
    if not masking.hidden_from:
        yield NAMES, "hidden_from", "names nobody, so nothing is hidden; name a role"
    if not masking.arms:
        yield NAMES, "arms", "names no arms that look alike; name them, or leave masking out"


def _groups(protocol: Protocol, masking: Masking) -> Iterator[Fault]:
    seen: set[tuple[str, str]] = set()
    for section, alias, names, declared in masking.groups(protocol):
        path = f"{section}.{alias}"
        if alias in declared:
            yield "name-taken", path, f"{alias} is one of the {section} itself; show another name"
        if len(set(names)) < FEWEST:
            yield NAMES, path, "stands for one thing, and so hides nothing; name what looks alike"
        for name in names:
            if name not in declared:
                yield "unknown-name", path, f"{name!r} is none of the {section}; {hint(name, tuple(declared))}"
            if (section, name) in seen:
                yield NAMES, path, f"{name} has a name that is shown for it already; give it one"
            seen.add((section, name))
    yield from islice(_own(protocol, masking), 1)


def _own(protocol: Protocol, masking: Masking) -> Iterator[Fault]:
    """In each hidden arm a name that is shown means one thing, if anything."""
    for arm in (name for names in masking.arms.values() for name in names if name in protocol.arms):
        given = regimens_of(protocol.arms[arm]) & protocol.regimens.keys()
        hidden_here = [name for names in masking.regimens.values() for name in names if name in given]
        drugs = frozenset(drug for name in hidden_here for drug in drugs_of(protocol, name))
        for section, groups, own in (("regimens", masking.regimens, given), ("drugs", masking.drugs, drugs)):
            for alias, names in groups.items():
                here = [name for name in dict.fromkeys(names) if name in own]
                if len(here) > 1:
                    message = f"stands for {' and '.join(here)}, and arm {arm} has both; show a name for each"
                    yield NAMES, f"{section}.{alias}", message


def hidden_arms_look_alike(outline: Outline) -> Iterator[Problem]:
    """Under the names that are shown, and without what is hidden, the arms that look alike are the same."""
    for leak in hidden(outline.protocol).leaks:
        yield outline.problem(LEAK, leak.path, leak.mark, leak.message)


# --- what can be read in a view --------------------------------------------------------------------------------------


def views_name_nothing_hidden(compiled: Compiled) -> Iterator[Problem]:
    """Nothing that is shown of a hidden arm is a word for one of the arms that look alike and not for the others."""
    outline, blinding = compiled.outline, compiled.table.blinding
    masking = outline.protocol.masking
    if masking is None or blinding is None or blinding.table is None:
        return
    for alias, arms in masking.arms.items():
        sides = [_Side.of(outline.protocol, blinding, arm) for arm in arms]
        told: dict[str, Problem] = {}
        for text in _texts(outline, blinding.table, alias, arms):
            named = _told_apart(sides, [side for side in sides if side.is_spoken_of(text.words)])
            if named is not None:
                told[text.path] = outline.problem(LEAK, text.path, text.mark, f"is shown in a view, and {named}")
        named_so = (
            (path, name, named)
            for path, name in _names_of(blinding.table, alias)
            if (named := _told_apart(sides, [side for side in sides if side.is_named(name)])) is not None
        )
        for path, name, named in islice(named_so, 0 if told else 1):
            message = f"the name {name} is shown in a view ({path}), and {named}"
            yield outline.problem(LEAK, "masking", masking.mark, message)
        yield from told.values()


@frozen
class _Side:
    """One of the arms that look alike: the names of what is its own, and what that is called."""

    arm: str
    names: frozenset[str]
    words: frozenset[str]

    @classmethod
    def of(cls, protocol: Protocol, blinding: Blinding, arm: str) -> _Side:
        """The side of an arm: itself, its hidden regimens and their hidden drugs."""
        own = blinding.own[arm]
        regimens = {name: protocol.regimens[name].name for name in own["regimens"].values()}
        drugs = {name: protocol.drugs[name].name for name in own["drugs"].values()}
        called = (protocol.arms[arm].title, *regimens.values(), *drugs.values())
        names = (arm, *regimens, *drugs)
        words = (*names, *(words_of(name) for name in names), *(word for word in called if word is not None))
        return cls(arm, frozenset(names), frozenset(word for word in words if len(word) >= SHORTEST))

    def is_named(self, name: str) -> bool:
        """Whether a name, or a part of it, is one of its own."""
        return not self.names.isdisjoint(BETWEEN.split(name))

    def is_spoken_of(self, text: str) -> bool:
        """Whether a sentence has one of its words."""
        return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE) for word in self.words)


def _told_apart(sides: Sequence[_Side], told: Sequence[_Side]) -> str | None:
    """What to say of something that speaks of some of the arms and not of the others; None if it does not."""
    others = [side.arm for side in sides if side not in told]
    arms = " and ".join(side.arm for side in told)
    return f"speaks of {arms} and not of {' and '.join(others)}" if told and others else None


@frozen
class _Text:
    """A text that a view can show, and where it is written."""

    path: str
    mark: Mark
    words: str


def _texts(outline: Outline, seen: Table, alias: str, arms: Sequence[str]) -> Iterator[_Text]:
    """The texts that stand for an element, a value, or who chooses; and the claims that the arms of a view rest on."""
    for item in outline.nodes:
        if item.arm is not None and item.arm not in arms:
            continue
        for key in _shown_keys(item.node):
            words = getattr(item.node, key)
            if isinstance(words, str):
                yield _Text(f"{item.path}.{key}", item.node.mark, words)
    protocol = outline.protocol
    for claim in _claims(seen, alias):
        if claim in protocol.rules:
            path = f"rules.{claim}"
            yield _Text(path, outline.line_mark(path), protocol.rules[claim])
        elif claim in protocol.assumptions:
            yield _Text(f"assumptions.{claim}.asks", protocol.assumptions[claim].mark, protocol.assumptions[claim].asks)
        elif claim in protocol.not_stated:
            yield _Text(f"not_stated.{claim}.what", protocol.not_stated[claim].mark, protocol.not_stated[claim].what)


def _shown_keys(node: Node) -> tuple[str, ...]:
    match node:
        case Give():
            return ("title", "element")
        case Choose() | May():
            return ("by", "choose")
        case _ if isinstance(node, Value):
            return ("label",)
        case _:
            return ()


def _claims(seen: Table, alias: str) -> tuple[str, ...]:
    """The claims that the rows, places and regimens of an arm rest on."""
    places = [place for place in seen.places.values() if place.arm == alias]
    rows = [row for place in places for row in (*seen.offers.get(place.id, ()), *seen.falls_at[place.id][0])]
    regimens = [seen.regimens[place.regimen] for place in places if place.regimen is not None]
    found = [claim for place in places for claim in (*place.cites, *place.see)]
    found += [claim for row in rows for claim in (*row.basis, *row.see)]
    found += [claim for regimen in regimens for claim in (*regimen.cites, *regimen.not_stated)]
    return tuple(dict.fromkeys(found))


def _names_of(seen: Table, alias: str) -> Iterator[tuple[str, str]]:
    """The names in the places and rows of an arm, and in the values that they may read, each with where it is."""
    places = {name: plain_json(place) for name, place in seen.places.items() if place.arm == alias}
    scopes = {scope for name in places for scope in seen.places[name].scopes}
    rows = [plain_json(row) for row in seen.rows if row.source in places or row.source in scopes]
    values = plain_json(seen.values)
    for section, item in (("places", places), ("rows", rows), ("values", values)):
        yield from ((path, text) for path, text in _written(section, item) if " " not in text)


def _written(path: str, value: Any) -> Iterator[tuple[str, str]]:
    """Every text in a piece of plain JSON, keys among them, with the path to it."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield f"{path}.{key}", key
            yield from _written(f"{path}.{key}", item)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _written(f"{path}[{number}]", item)
