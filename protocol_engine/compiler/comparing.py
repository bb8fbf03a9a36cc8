"""Two versions of a protocol held against each other: what was added, removed and changed, by what it means.

Names are compared, not lines of a file: what is only written in another order, or cited for another reason, is no
difference. Places are compared where a course goes on, so an element that has another name is not two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import attrs
from attrs import field, frozen

from protocol_engine.codec import key_of
from protocol_engine.compiler.amending import can_be_in, crossing, guards
from protocol_engine.model.amendment import Crossing
from protocol_engine.model.conditions import InSet, inner_tests
from protocol_engine.model.protocol import Administration
from protocol_engine.model.table import BUILT_IN_SCOPES, Place, RegimenContent, Row, Table
from protocol_engine.model.values import Holds

ASIDE = {"mark", "rests", "cite", "cites", "see", "not_stated", "id", "basis", "named", "kind"}
"""Fields that say where or why something is written, and not what."""

IN_ARMS = ("giving", "observing", "performed", "chosen", "assigned")
"""Kinds of places that the course of an arm is made of."""


@frozen
class Difference:
    """One thing that is not the same: in which ``section``, of which ``name``, in what (``aspect``), and the values.

    ``was`` and ``now`` are values of the model, None where there is none; ``cites`` are the claims, old ones first.
    """

    section: str
    name: str
    change: Literal["added", "removed", "changed"]
    aspect: str = ""
    was: Any = None
    now: Any = None
    cites: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())


@frozen
class Met:
    """What a patient at a place of the old version meets in the new one: where she goes on, and what differs there."""

    place: Place
    target: Place | None
    staying: tuple[str, ...] | None
    differences: tuple[Difference, ...] = field(default=())


@frozen
class Comparison:
    """Two versions, everything that differs between them, and what that is for a patient at each place."""

    old: Table
    new: Table
    differences: tuple[Difference, ...]
    places: tuple[Met, ...]


def compare(old: Table, new: Table) -> Comparison:
    """Hold two versions against each other. They need not amend one another: then names alone say what is the same."""
    way = crossing(old, new)
    found = [
        *(item for section, was, now in _sections(old, new) for item in _named(section, was, now)),
        *_elements(old, new, way),
        *_falls(old, new, way),
    ]
    return Comparison(old, new, tuple(found), tuple(_met(old, new, way, found)))


def _sections(old: Table, new: Table) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    yield "title", {"title": old.title}, {"title": new.title}
    yield "design", {"design": old.design}, {"design": new.design}
    yield "subject", {"subject": old.subject}, {"subject": new.subject}
    yield "masking", _masking(old), _masking(new)
    yield "tracks", _tracks(old), _tracks(new)
    for section in (
        "rules", "assumptions", "not_stated", "readings", "facts", "sets", "drugs", "procedures", "parts", "regimens",
        "ladders", "modifications", "values", "derived", "criteria", "choices", "allocations", "arms", "endpoints",
        "announces",
    ):  # fmt: skip
        yield section, getattr(old, section), getattr(new, section)


def _masking(table: Table) -> dict[str, Any]:
    """What is hidden, and from whom."""
    blinding = table.blinding
    if blinding is None:
        return {}
    groups = {"arms": blinding.arms, "regimens": blinding.regimens, "drugs": blinding.drugs}
    roles = {"hidden from": blinding.hidden_from, "known to": blinding.known_to}
    return {**roles, **groups, "dose": "hidden" if blinding.dose_hidden else "shown"}


def _tracks(table: Table) -> dict[str, Any]:
    """The tracks of each arm."""
    return {f"{arm}: {name}": track for arm, found in table.tracks.items() for name, track in found.items()}


# --- by name ----------------------------------------------------------------------------------------------------------


def _named(section: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
    for name in dict.fromkeys((*was, *now)):
        cites = _claims(was.get(name)), _claims(now.get(name))
        if name not in now:
            yield Difference(section, name, "removed", was=was[name], cites=cites)
        elif name not in was:
            yield Difference(section, name, "added", now=now[name], cites=cites)
        else:
            yield from _changed(section, name, aspects_of(was[name]), aspects_of(now[name]), cites)


def _changed(
    section: str,
    name: str,
    was: Mapping[str, Any],
    now: Mapping[str, Any],
    cites: tuple[tuple[str, ...], tuple[str, ...]],
) -> Iterator[Difference]:
    for aspect in dict.fromkeys((*was, *now)):
        if _meaning(was.get(aspect)) != _meaning(now.get(aspect)):
            yield Difference(section, name, "changed", aspect, was.get(aspect), now.get(aspect), cites)


def aspects_of(item: Any) -> dict[str, Any]:
    """What can differ in one thing: its keys, and of a regimen each line by its drug."""
    if not attrs.has(type(item)):
        return {"": item}
    found: dict[str, Any] = {}
    for f in attrs.fields(type(item)):
        value, key = getattr(item, f.name), key_of(f.name)
        if key in ASIDE or not f.init:
            continue
        if isinstance(item, RegimenContent) and key in ("lines", "days"):
            continue
        if isinstance(value, dict):
            found |= {f"{key} {name}": inner for name, inner in value.items()}
        else:
            found[key] = value
    if isinstance(item, RegimenContent):
        found |= _lines(item.lines)
    return found


def _lines(lines: tuple[Administration, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for line in lines:
        drug = line.drug or line.part or line.named_in or ""
        number = sum(1 for key in found if key.startswith(f"{drug} ") and key.endswith(" given")) + 1
        name = f"{drug} " if number == 1 else f"{drug} ({number}) "
        found[f"{name}given"] = True
        found |= {
            f"{name}{key_of(f.name)}": getattr(line, f.name)
            for f in attrs.fields(Administration)
            if key_of(f.name) not in {*ASIDE, "drug", "part", "named_in"}
        }
    return found


def give_the_same(one: RegimenContent, other: RegimenContent) -> bool:
    """Whether two regimens mean the same to a patient, whatever they are called."""
    was, now = ({key: item for key, item in aspects_of(it).items() if key != "name"} for it in (one, other))
    return bool(_meaning(was) == _meaning(now))


def _meaning(value: Any) -> Any:
    """A value without where and why it is written, to be compared."""
    if attrs.has(type(value)):
        fields = (f for f in attrs.fields(type(value)) if f.init and key_of(f.name) not in ASIDE - {"kind"})
        return type(value).__name__, tuple((f.name, _meaning(getattr(value, f.name))) for f in fields)
    if isinstance(value, dict):
        return tuple(sorted((key, repr(_meaning(item))) for key, item in value.items()))
    if isinstance(value, tuple):
        return tuple(_meaning(item) for item in value)
    return value


def _claims(item: Any) -> tuple[str, ...]:
    return tuple(getattr(item, "cite", None) or getattr(item, "cites", None) or ())


# --- places and rows --------------------------------------------------------------------------------------------------


def _elements(old: Table, new: Table, way: Crossing) -> Iterator[Difference]:
    """Elements, procedures and choices of the arms: those that are gone or new, and what each gives."""
    reached = set(way.places.values())
    for place in _in_arms(old):
        target = new.places.get(way.places.get(place.id, ""))
        if target is None:
            yield Difference("elements", place.id, "removed", was=place, cites=(place.cites, ()))
            continue
        was, now = _of_place(place), _of_place(target)
        yield from _changed("elements", place.id, was, now, (place.cites, target.cites))
    for place in _in_arms(new):
        if place.id not in reached:
            yield Difference("elements", place.id, "added", now=place, cites=((), place.cites))


def _in_arms(table: Table) -> Iterator[Place]:
    return (place for place in can_be_in(table) if place.kind in IN_ARMS)


def _of_place(place: Place) -> dict[str, Any]:
    return {"name": place.id, "regimen": place.regimen, "cycles": place.cycles, "title": place.title}


def _falls(old: Table, new: Table, way: Crossing) -> Iterator[Difference]:
    """What stops treatment or closes an element: by where it holds and where it leads, then by its condition."""
    was, now = _falls_of(old, way), _falls_of(new, None)
    for key in dict.fromkeys((*was, *now)):
        gone = [row for row in was.get(key, []) if guards(row) not in [guards(other) for other in now.get(key, [])]]
        come = [row for row in now.get(key, []) if guards(row) not in [guards(other) for other in was.get(key, [])]]
        name = f"{key[0]}: {key[1]}"
        for one, other in zip(gone, come, strict=False):
            cites = one.cites, other.cites
            yield Difference("stops", name, "changed", "when", _asked(one), _asked(other), cites)
        for row in gone[len(come) :]:
            yield Difference("stops", name, "removed", "when", was=_asked(row), cites=(row.cites, ()))
        for row in come[len(gone) :]:
            yield Difference("stops", name, "added", "when", now=_asked(row), cites=((), row.cites))


def _falls_of(table: Table, way: Crossing | None) -> dict[tuple[str, str], list[Row]]:
    """The falls that the file wrote, by scope and by what they lead to, both named as in the new version."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in table.rows:
        if row.kind == "fall" and row.source not in BUILT_IN_SCOPES:
            target = table.places[row.target]
            there = "treatment is stopped" if target.kind == "stopped" else row.target
            names = (row.source, there) if way is None else (_there(way, row.source), _there(way, there))
            found.setdefault(names, []).append(row)
    return found


def _there(way: Crossing, name: str) -> str:
    return way.places.get(name, name)


def _asked(row: Row) -> tuple[Any, ...]:
    return tuple(guard.condition for guard in row.guards)


def _met(old: Table, new: Table, way: Crossing, found: list[Difference]) -> Iterator[Met]:
    for place in can_be_in(old):
        target = new.places.get(way.places.get(place.id, ""))
        if target is None:
            if place.kind not in ("start", "consented", "eligible"):
                yield Met(place, None, way.staying.get(place.id))
            continue
        rows = tuple(_offers(place, target, old, new, way))
        given = {row.act.name for row in (*old.offers.get(place.id, ()), *new.offers.get(target.id, ())) if row.act}
        here = {*place.scopes, *target.scopes, *(_there(way, scope) for scope in place.scopes)}
        drugs, read = _drugs(old, new, given), _read(place, old) | _read(target, new)
        rest = tuple(
            item
            for item in found
            if (item.section == "regimens" and item.name in given and item.change == "changed")
            or (item.section in ("ladders", "modifications") and not drugs.isdisjoint(_moved(item.name, old, new)))
            or (item.section in ("values", "facts", "sets") and item.name in read and item.change == "changed")
            or (item.section == "stops" and item.name.partition(": ")[0] in here)
        )
        if rows or rest:
            yield Met(place, target, None, (*rows, *rest))


def _drugs(old: Table, new: Table, given: set[str]) -> frozenset[str]:
    """The drugs of the regimens that may be given."""
    regimens = (table.regimens[name] for table in (old, new) for name in given if name in table.regimens)
    return frozenset(line.drug for regimen in regimens for line in regimen.lines if line.drug is not None)


def _moved(name: str, old: Table, new: Table) -> frozenset[str]:
    """The drugs of a ladder, or of a rule that modifies doses."""
    ladders = {table.ladders[name].of for table in (old, new) if name in table.ladders}
    rules = (table.modifications[name].of for table in (old, new) if name in table.modifications)
    return frozenset(ladders | {drug for of in rules for drug in of})


def _read(place: Place, table: Table) -> frozenset[str]:
    """The values, facts and sets on which it depends what is offered at a place, and what is stopped there."""
    rows = (*table.offers.get(place.id, ()), *table.falls_at[place.id][1], *table.falls_around.get(place.id, ()))
    tests = [test for row in rows for guard in row.asked for test in guard.condition.tests]
    names = {inner for test in tests for inner in (test.name, *table.names_behind(test.name))}
    behind = [value for name in names if isinstance(value := table.values.get(name), Holds)]
    tests += [test for value in behind for test in value.holds.tests]
    facts = {fact for row in rows for guard in row.asked for fact in table.facts_read(guard.condition)}
    sets = {inner.set_name for test in tests for inner in inner_tests(test.test) if isinstance(inner, InSet)}
    return frozenset(names | facts | sets)


def _offers(place: Place, target: Place, old: Table, new: Table, way: Crossing) -> Iterator[Difference]:
    """The rows out of a place and out of the one where it goes on, by their act."""
    was, now = old.offers_of.get(place.id, {}), new.offers_of.get(target.id, {})
    for key in dict.fromkeys((*was, *now)):
        olds, news = list(was.get(key, ())), list(now.get(key, ()))
        for one in list(olds):
            same = next((other for other in news if _of_row(one, way) == _of_row(other, None)), None)
            if same is not None:
                olds.remove(one)
                news.remove(same)
        for one, other in zip(olds, news, strict=False):
            yield from _changed("offers", key, _of_row(one, way), _of_row(other, None), (one.basis, other.basis))
        for row in olds[len(news) :]:
            yield Difference("offers", key, "removed", was=row, cites=(row.basis, ()))
        for row in news[len(olds) :]:
            yield Difference("offers", key, "added", now=row, cites=((), row.basis))


def _of_row(row: Row, way: Crossing | None) -> dict[str, Any]:
    own = {
        key_of(f.name): getattr(row, f.name)
        for f in attrs.fields(Row)
        if f.init and f.name not in {*ASIDE, "source", "act", "target", "guards", "at_least", "below"}
    }
    return {
        "only if": tuple(guard.condition for guard in row.guards if not guard.refutes),
        "not if": tuple(guard.condition for guard in row.guards if guard.refutes),
        "after so many cycles": row.at_least,
        "at most so many cycles": row.below,
        **own,
        "leads to": row.target if way is None else _there(way, row.target),
    }
