"""A protocol as those see it who must not know the arm.

Arms that look alike are written once: their trees are laid over one another under the names that are shown. What is
the same in all stays; claims that only some of them cite, and doses that are hidden, are left out; whatever else
differs would tell the arms apart, and is a leak. What a blinded reader is answered comes from this protocol alone, so
no answer can hold what is not in it. It is long because the walk that lays trees over one another is also the check
that finds what leaks: apart, they could disagree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs
from attrs import evolve, field, frozen

from protocol_engine.codec import digest, key_of, plain_json
from protocol_engine.errors import Mark
from protocol_engine.model.claims import Node
from protocol_engine.model.masking import Blinding, Masking, shown_by_hidden
from protocol_engine.model.protocol import (
    Administration,
    Arm,
    ArmRule,
    Design,
    Drug,
    Elsewhere,
    Endpoint,
    Give,
    May,
    Never,
    Protocol,
    Regimen,
)
from protocol_engine.model.table import Landing, Table
from protocol_engine.model.values import Ever

CLAIM_KEYS = ("rests", "cite", "see", "not_stated")
NAMED_BY: dict[type[Node], dict[str, str]] = {
    Give: {"give": "regimens"},
    May: {"give_also": "regimens"},
    Administration: {"drug": "drugs"},
    Never: {"drug": "drugs"},
    ArmRule: {"arm": "arms"},
}
"""Fields in which a name stands by itself, and the section of that name."""
ACTS = {"administration": "regimens", "dose": "regimens", "cycle": "regimens", "drug": "drugs"}
"""What the name behind a dot is, in the name of an act."""
SHARED = ("course", "stops", "needs", "may", "tracks", "values", "facts", "parts", "derived", "criteria")
"""What is written once for all arms."""


@frozen
class Leak:
    """Something by which a reader could tell hidden arms apart, and where it stands."""

    path: str
    mark: Mark
    message: str


@frozen
class Hidden:
    """A protocol with its hidden arms written as one, and every leak; ``protocol`` is None where there is one."""

    protocol: Protocol | None
    leaks: tuple[Leak, ...]


def hidden(protocol: Protocol) -> Hidden:
    """The protocol without what tells its hidden arms apart. Names that are not declared are another check's matter."""
    masking = protocol.masking
    if masking is None or any(set(names) - set(declared) for *_, names, declared in masking.groups(protocol)):
        return Hidden(None, ())
    blind = _Blind(protocol, masking)
    found = blind.protocol()
    leaks = tuple(dict.fromkeys(blind.leaks))
    return Hidden(found if not leaks else None, leaks)


def with_blinding(protocol: Protocol, table: Table, compiled: Callable[[Protocol], Table]) -> Table:
    """The table with what it hides; the same where the file hides nothing, or leaks."""
    masking, blind = protocol.masking, hidden(protocol).protocol
    if masking is None or blind is None:
        return table
    seen = compiled(blind)
    own = {arm: _own(protocol, masking, arm) for names in masking.arms.values() for arm in names}
    blinding = Blinding(
        hidden_from=masking.hidden_from,
        known_to=masking.known_to,
        arms=shown_by_hidden(masking.arms),
        regimens=shown_by_hidden(masking.regimens),
        drugs=shown_by_hidden(masking.drugs),
        dose_hidden=masking.dose == "hidden",
        own=own,
        cites=masking.cite,
    )
    table = evolve(
        table,
        drugs={**table.drugs, **{name: seen.drugs[name] for name in masking.drugs}},
        regimens={**table.regimens, **{name: seen.regimens[name] for name in masking.regimens}},
        landings=_with_shown(table, masking),
    )
    whole = digest([plain_json(table), plain_json(blinding), seen.digest])
    nothing_more = evolve(blinding, arms={}, regimens={}, drugs={}, own={})
    seen = evolve(seen, digest=whole, blinding=nothing_more)
    return evolve(table, digest=whole, blinding=evolve(blinding, table=seen))


def _with_shown(table: Table, masking: Masking) -> dict[str, dict[str, Landing]]:
    """A dose that is reported under the name that is shown, before there is an arm, waits as any dose of it would."""
    found = {}
    for name, landings in table.landings.items():
        more = {}
        if table.places[name].arm is None:
            for shown, regimens in masking.regimens.items():
                for day in {day for regimen in regimens for day in table.regimens[regimen].days}:
                    kinds = {landings.get(f"administration:{regimen}:d{day}") for regimen in regimens}
                    if kinds == {Landing("park")}:
                        more[f"administration:{shown}:d{day}"] = Landing("park")
        found[name] = {**landings, **more}
    return found


def _own(protocol: Protocol, masking: Masking, arm: str) -> dict[str, dict[str, str]]:
    """What the names that are shown mean in an arm: its own regimens, and their drugs."""
    regimens = {
        shown: regimen
        for shown, names in masking.regimens.items()
        for regimen in names
        if regimen in regimens_of(protocol.arms[arm])
    }
    drugs = {
        shown: drug
        for shown, names in masking.drugs.items()
        for drug in names
        if any(drug in drugs_of(protocol, regimen) for regimen in regimens.values())
    }
    return {"regimens": regimens, "drugs": drugs}


def drugs_of(protocol: Protocol, regimen: str) -> frozenset[str]:
    """The drugs that the lines of a regimen name themselves."""
    return frozenset(line.drug for line in protocol.regimens[regimen].gives if line.drug is not None)


def regimens_of(arm: Arm) -> frozenset[str]:
    """The regimens that an arm gives anywhere."""
    return frozenset(node.give for node in nodes_of(arm) if isinstance(node, Give)) | frozenset(
        node.give_also for node in nodes_of(arm) if isinstance(node, May) and node.give_also is not None
    )


def nodes_of(node: Any) -> Iterator[Node]:
    """A node and every node inside it."""
    if isinstance(node, Node):
        yield node
    if attrs.has(type(node)):
        for each in attrs.fields(type(node)):
            yield from nodes_of(getattr(node, each.name))
    elif isinstance(node, tuple | dict):
        for item in node.values() if isinstance(node, dict) else node:
            yield from nodes_of(item)


@frozen
class _At:
    """Where in the file something stands: its path, and the mark of the nearest node."""

    path: str
    mark: Mark

    def inside(self, key: str, node: Any) -> _At:
        path = f"{self.path}{key}" if key.startswith("[") else f"{self.path}.{key}".removeprefix(".")
        return _At(path, node.mark if isinstance(node, Node) else self.mark)


@frozen
class _Side:
    """One of several things that must look alike, and where it stands."""

    at: _At
    value: Any

    def inside(self, key: str, value: Any) -> _Side:
        return _Side(self.at.inside(key, value), value)


@frozen
class _Blind:
    """Writes a protocol anew, and keeps what it could not hide."""

    whole: Protocol
    masking: Masking
    leaks: list[Leak] = field(factory=list)

    @property
    def shown(self) -> dict[str, dict[str, str]]:
        """By section, what is shown for each name that is hidden."""
        masking = self.masking
        sections = {"arms": masking.arms, "regimens": masking.regimens, "drugs": masking.drugs}
        return {section: shown_by_hidden(names) for section, names in sections.items()}

    def protocol(self) -> Protocol:
        """The protocol as it is seen. What leaks is kept in ``leaks``; then it is not to be used."""
        whole = self.whole
        shared = {name: self._shared(name) for name in SHARED}
        for section, moves in (("ladders", whole.ladders), ("modifications", whole.modifications)):
            for name, item in moves.items():
                self._moves_nothing_hidden(_At(f"{section}.{name}", item.mark), item.of)
        return evolve(
            whole,
            **shared,
            masking=None,
            design=self._design(whole.design),
            arms=self._section(whole.arms, "arms", self._arm),
            regimens=self._section(whole.regimens, "regimens", self._regimen),
            drugs=self._section(whole.drugs, "drugs", self._drug),
            endpoints={name: Endpoint(see=item.see) for name, item in whole.endpoints.items()},
            elsewhere=Elsewhere(),
        )

    def _moves_nothing_hidden(self, at: _At, drugs: str | Sequence[str]) -> None:
        """A level belongs to one drug, so that a patient's dose would tell which it is."""
        for drug in (drugs,) if isinstance(drugs, str) else drugs:
            if drug in self.shown["drugs"]:
                message = f"moves the dose of {drug}, which is hidden; doses that move cannot be hidden"
                self.leaks.append(Leak(at.path, at.mark, message))

    def _section(
        self, written: Mapping[str, Any], section: str, one: Callable[[str, Sequence[_Side]], Any]
    ) -> dict[str, Any]:
        """A section of the file, with what looks alike written once, where the first of them stands."""
        found: dict[str, Any] = {}
        names = self.shown[section]
        for name, item in written.items():
            shown = names.get(name)
            if shown is None:
                found[name] = self._open(f"{section}.{name}", item, section)
            elif shown not in found:
                alike = [other for other in written if names.get(other) == shown]
                sides = [_Side(_At(f"{section}.{other}", written[other].mark), written[other]) for other in alike]
                found[shown] = one(shown, sides)
        return found

    # --- what is hidden ----------------------------------------------------------------------------------------------

    def _arm(self, shown: str, sides: Sequence[_Side]) -> Any:
        anonymous = [
            _Side(side.at, evolve(side.value, title=words_of(shown), never=self._never(side.value))) for side in sides
        ]
        return self._merged([_Side(side.at, self._renamed(side.value)) for side in anonymous])

    def _never(self, arm: Arm) -> tuple[Never, ...]:
        """That an arm is never given what the other is given tells it apart, and goes without saying."""
        return tuple(item for item in arm.never if item.drug not in self.shown["drugs"])

    def _regimen(self, shown: str, sides: Sequence[_Side]) -> Any:
        return self._merged([_Side(s.at, self._renamed(self._named(s.value, shown))) for s in sides])

    def _named(self, regimen: Regimen, shown: str) -> Regimen:
        """The regimen under its shown name, without doses of hidden drugs where these are hidden."""
        gives = regimen.gives
        if self.masking.dose == "hidden":
            secret = self.shown["drugs"]
            gives = tuple(evolve(line, dose=None) if line.drug in secret else line for line in gives)
        return evolve(regimen, name=words_of(shown), gives=gives)

    def _drug(self, shown: str, sides: Sequence[_Side]) -> Drug:
        silent = [claim for claim in sides[0].value.see if all(claim in side.value.see for side in sides)]
        return Drug(name=words_of(shown), codes={"local": shown}, see=type(sides[0].value.see)(silent))

    def _merged(self, sides: Sequence[_Side]) -> Any:
        """One thing for several that must look alike."""
        first = sides[0]
        value = first.value
        for other in sides[1:]:
            if type(other.value) is not type(value):
                self._differs(first, other)
                return value
        if attrs.has(type(value)):
            return self._merged_fields(sides)
        if isinstance(value, tuple | dict):
            for other in sides[1:]:
                if len(other.value) != len(value) or (isinstance(value, dict) and other.value.keys() != value.keys()):
                    self._differs(first, other)
                    return value
            if isinstance(value, dict):
                return {key: self._merged([side.inside(key, side.value[key]) for side in sides]) for key in value}
            items = [
                self._merged([side.inside(f"[{number}]", side.value[number]) for side in sides])
                for number in range(len(value))
            ]
            return tuple(items)
        for other in sides[1:]:
            if other.value != value:
                self._differs(first, other)
                break
        return value

    def _merged_fields(self, sides: Sequence[_Side]) -> Any:
        value = sides[0].value
        changed: dict[str, Any] = {}
        for each in attrs.fields(type(value)):
            name = each.name
            if not each.eq or not each.init:
                continue
            inner = [side.inside(key_of(name), getattr(side.value, name)) for side in sides]
            if name in CLAIM_KEYS:
                changed[name] = self._claims(name, [side.value for side in inner])
            elif name == "option_cites":
                options = dict.fromkeys(option for side in inner for option in side.value)
                changed[name] = {o: self._claims("cite", [s.value.get(o, ()) for s in inner]) for o in options}
            else:
                changed[name] = self._merged(inner)
        return evolve(value, **{name.lstrip("_"): item for name, item in changed.items()})

    def _claims(self, key: str, all_of: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
        """The claims that all of them name; what is cited instead of the others is the masking."""
        same = tuple(claim for claim in all_of[0] if all(claim in claims for claims in all_of[1:]))
        dropped = any(set(claims) - set(same) for claims in all_of)
        return tuple(dict.fromkeys((*same, *self.masking.cite))) if dropped and key == "cite" else same

    def _differs(self, first: _Side, other: _Side) -> None:
        here, there = _shortly(other.value), _shortly(first.value)
        line = first.at.mark.line
        self.leaks.append(
            Leak(other.at.path, other.at.mark, f"is {here} here and {there} in line {line}, so it tells the arms apart")
        )

    # --- what is open to all -----------------------------------------------------------------------------------------

    def _open(self, path: str, item: Node, section: str) -> Any:
        """An arm, a regimen or a drug that is not hidden; it gives nothing that is."""
        if section == "drugs":
            return item
        for at, node in _walk(_At(path, item.mark), item):
            for key, kind in NAMED_BY.get(type(node), {}).items():
                name = getattr(node, key)
                if name in self.shown[kind] and not isinstance(node, Never):
                    message = f"{name} is hidden, and this is open to all; declare it once more under another name"
                    self.leaks.append(Leak(f"{at.path}.{key}", at.mark, message))
        return self._renamed(item) if section == "arms" else item

    def _shared(self, name: str) -> Any:
        """What is written once for all arms: it may name all that look alike, and none of them alone."""
        item = getattr(self.whole, name)
        for at, node in _walk(_At(name, self.whole.mark), item):
            for key, section, names in _names_in(node):
                self._one_sided(_At(f"{at.path}.{key}", at.mark), section, names)
        return self._renamed(item)

    def _one_sided(self, at: _At, section: str, names: Sequence[str]) -> None:
        groups = {"arms": self.masking.arms, "regimens": self.masking.regimens, "drugs": self.masking.drugs}[section]
        for hidden_names in groups.values():
            named = [name for name in hidden_names if name in names]
            others = [name for name in hidden_names if name not in names]
            if named and others:
                message = f"names {' and '.join(named)} and not {' and '.join(others)}, so it tells the arms apart"
                self.leaks.append(Leak(at.path, at.mark, message))

    def _design(self, design: Design) -> Design:
        if not isinstance(design.ratio, dict):
            return design
        ratio: dict[str, int] = {}
        for arm, share in design.ratio.items():
            shown = self.shown["arms"].get(arm, arm)
            ratio[shown] = ratio.get(shown, 0) + share
        return evolve(design, ratio=ratio)

    # --- names -------------------------------------------------------------------------------------------------------

    def _renamed(self, value: Any) -> Any:
        """The value under the names that are shown."""
        if isinstance(value, str):
            head, dot, tail = value.partition(".")
            shown = self.shown.get(ACTS.get(head, ""), {}).get(tail)
            return f"{head}{dot}{shown}" if shown is not None else value
        if attrs.has(type(value)):
            changed = {}
            for each in attrs.fields(type(value)):
                if each.init and each.eq:
                    old = getattr(value, each.name)
                    new = self._renamed_field(value, each.name, old)
                    if new is not old:
                        changed[each.name] = new
            return evolve(value, **changed) if changed else value
        if isinstance(value, tuple):
            items = tuple(self._renamed(item) for item in value)
            if all(new is old for new, old in zip(items, value, strict=True)):
                return value
            return tuple(dict.fromkeys(items)) if isinstance(value[0], str) else items
        if isinstance(value, dict):
            found = {key: self._renamed(item) for key, item in value.items()}
            return found if any(found[key] is not value[key] for key in value) else value
        return value

    def _renamed_field(self, owner: Any, name: str, value: Any) -> Any:
        section = NAMED_BY.get(type(owner), {}).get(name)
        if section is not None:
            return self.shown[section].get(value, value)
        if isinstance(owner, Ever) and name == "is_" and value is not None:
            drugs = self.shown["drugs"]
            keys = _drug_keys(owner)
            found = {
                key: tuple(dict.fromkeys(drugs.get(item, item) for item in items)) if key in keys else items
                for key, items in value.items()
            }
            return found if found != value else value
        return self._renamed(value)


def _drug_keys(value: Ever) -> tuple[str, ...]:
    """The keys under ``is`` of which the words are drugs."""
    return ("drug", "value") if "discontinuation" in value.ever else ("drug",)


def _names_in(node: Any) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """The names of regimens, drugs and arms that a node reads: the key, the section, and the names under that key."""
    for key, section in NAMED_BY.get(type(node), {}).items():
        if getattr(node, key) is not None and not isinstance(node, Never):
            yield key, section, (getattr(node, key),)
    if not attrs.has(type(node)):
        return
    for each in attrs.fields(type(node)):
        value = getattr(node, each.name)
        names = (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ()
        acts = [name.partition(".") for name in names if isinstance(name, str)]
        for section in dict.fromkeys(ACTS.values()):
            found = tuple(tail for head, dot, tail in acts if dot and ACTS.get(head) == section)
            if found:
                yield key_of(each.name), section, found
    if isinstance(node, Ever):
        for key in _drug_keys(node):
            yield "is", "drugs", (node.is_ or {}).get(key, ())


def _walk(at: _At, value: Any) -> Iterator[tuple[_At, Any]]:
    """Everything inside a piece of a protocol that has fields, with its place."""
    if attrs.has(type(value)):
        yield at, value
        for each in attrs.fields(type(value)):
            if each.eq and each.init:
                inner = getattr(value, each.name)
                yield from _walk(at.inside(key_of(each.name), inner), inner)
    elif isinstance(value, tuple | dict):
        pairs: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in pairs:
            yield from _walk(at.inside(f"[{key}]" if isinstance(key, int) else key, item), item)


def words_of(name: str) -> str:
    """A name as it is read aloud."""
    return name.replace("_", " ")


_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def _shortly(value: Any) -> str:
    """A value in a message: as it is written where that is short, else what kind of thing it is."""
    if value is None or value in ((), {}):
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return f"a list of {len(value)}" if len(value) > 1 else "a list of one"
    if isinstance(value, dict):
        return ", ".join(map(str, value))
    if isinstance(value, Node):
        return f"a {_CAPITAL.sub(' ', type(value).__name__).lower()}"
    return str(value)
