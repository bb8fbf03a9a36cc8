"""Several versions of a protocol made one family: what each knows of the others, and where its places go on.

A place goes on where the next version has one of the same name, or where the map of that version says. What was closed
or stopped has no name of its own; it goes on behind what closes or stops by the same condition.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from attrs import evolve

from protocol_engine.compiler.conditions import Conditions, joined
from protocol_engine.model.amendment import Amendment, Crossing, Kin, Move, qualified
from protocol_engine.model.facts import FactDefinition, Names
from protocol_engine.model.protocol import Amends, ChoiceElsewhere, Elsewhere
from protocol_engine.model.table import Place, Row, Table

GATES = ("start", "consented", "eligible")
"""Kinds of places before allocation: each version has one of each."""


def compiled_amendment(amends: Amends | None, conditions: Conditions) -> Amendment | None:
    """What a file says of the version that it amends, with its condition compiled."""
    if amends is None:
        return None
    moves = (Move(m.arm, m.from_, m.to_arm, m.to, m.stays, m.cite) for m in amends.map)
    guard = conditions.guard(amends.when, amends.cite)
    rests = joined(amends.rests, *(move.rests for move in amends.map))
    return Amendment(amends.version, guard, amends.move, tuple(moves), amends.cite, rests, amends.see)


def family(tables: Sequence[Table]) -> tuple[Table, ...]:
    """The tables of the versions of a protocol, in order, each with what it has to know of the others.

    No row, digest or condition of a version changes; the rows of a later one carry its name, so that a log tells them
    apart.
    """
    named = [tables[0], *(_with_row_names(table) for table in tables[1:])]
    kin = Kin(
        tuple(table.version for table in named),
        frozenset(act for table in named for act in table.counted),
        frozenset(name for table in named for name in table.criteria),
        counted_by_day=frozenset(act for table in named for act in table.counted_by_day),
        hourly=frozenset(act for table in named for act in table.hourly),
        doses_kept=any(table.doses_move for table in named),
        graded=any(table.grades_asked for table in named),
    )
    known = [_knowing(table, [other for other in named if other is not table]) for table in named]
    found = [evolve(known[-1], kin=kin)]
    for old, written in reversed([*zip(known[:-1], named[:-1], strict=True)]):
        following = found[0]
        asked = following.facts_read(following.amends.guard.condition) if following.amends is not None else ()
        there = evolve(
            kin,
            following=following,
            crossing=crossing(old, following),
            announcing=frozenset(asked) - written.facts.keys(),
        )
        found.insert(0, evolve(old, kin=there))
    return tuple(found)


def _with_row_names(table: Table) -> Table:
    return evolve(table, rows=tuple(evolve(row, id=qualified(row.id, table.version)) for row in table.rows))


# --- what the others know ---------------------------------------------------------------------------------------------


def _knowing(table: Table, others: Sequence[Table]) -> Table:
    """A table that can read every event of the others, and put their claims into words."""
    facts, drugs = dict(table.facts), dict(table.drugs)
    rules, assumptions, silences = dict(table.rules), dict(table.assumptions), dict(table.not_stated)
    for other in others:
        for name, fact in other.facts.items():
            facts[name] = _called_too(facts[name], fact) if name in facts else evolve(fact, calendar=None)
        drugs = {**other.drugs, **drugs}
        version = other.version
        rules |= {qualified(name, version): text for name, text in other.rules.items()} | rules
        silences |= {qualified(name, version): item for name, item in other.not_stated.items()}
        for name, assumption in other.assumptions.items():
            read = other.readings.get(name, assumption.default)
            assumptions[qualified(name, version)] = evolve(assumption, default=read)
    return evolve(
        table,
        facts=facts,
        drugs=drugs,
        rules=rules,
        assumptions=assumptions,
        not_stated=silences,
        elsewhere=_elsewhere(table, others),
    )


def _called_too(fact: FactDefinition, other: FactDefinition) -> FactDefinition:
    more = tuple(name for name in other.also_called if name not in fact.also_called)
    return evolve(fact, also_called=Names((*fact.also_called, *more))) if more else fact


def _elsewhere(table: Table, others: Sequence[Table]) -> Elsewhere:
    """The acts that only other versions, or other readings of any of them, know by name."""
    arms, regimens = dict(table.elsewhere.arms), dict(table.elsewhere.regimens)
    procedures, choices = dict(table.elsewhere.procedures), dict(table.elsewhere.choices)
    for other in others:
        mine: tuple[tuple[dict[str, tuple[str, ...]], Mapping[str, object], Iterator[str]], ...] = (
            (arms, {**table.arms, **table.allocation_of}, _arms_of(other)),
            (regimens, table.regimens, _both(other.regimens, other.elsewhere.regimens)),
            (procedures, table.procedures, _both(other.procedures, other.elsewhere.procedures)),
        )
        for found, own, names in mine:
            for name in names:
                if name not in own:
                    found.setdefault(name, ())
        for name, options, says_which in _choices_of(other):
            here = table.choices[name].options if name in table.choices else ()
            known = choices.get(name, ChoiceElsewhere({}, says_which, ()))
            more = {option: () for option in options if option not in here and option not in known.options}
            if more or name not in table.choices:
                choices[name] = evolve(known, options={**known.options, **more})
    return Elsewhere(arms=arms, regimens=regimens, procedures=procedures, choices=choices)


def _arms_of(table: Table) -> Iterator[str]:
    yield from table.arms
    yield from table.allocation_of
    yield from table.elsewhere.arms


def _both(one: Mapping[str, object], other: Mapping[str, object]) -> Iterator[str]:
    yield from one
    yield from other


def _choices_of(table: Table) -> Iterator[tuple[str, tuple[str, ...], str | None]]:
    for name, choice in table.choices.items():
        yield name, choice.options, choice.says_which
    for name, known in table.elsewhere.choices.items():
        yield name, tuple(known.options), known.says_which


# --- where places go on -----------------------------------------------------------------------------------------------


def name_of(place: Place) -> str:
    """What a place is called within its arm: its element, procedure or choice; with a number behind what it closes."""
    return place.id.removeprefix(f"{place.arm}/") if place.arm is not None else place.id


def can_be_in(table: Table) -> Iterator[Place]:
    """The places from which a course could go on."""
    return (place for place in table.places.values() if place.kind != "ended")


def crossing(old: Table, new: Table) -> Crossing:
    """Where each place of a version goes on in the one that amends it, and which rows stand for which."""
    moves = new.amends.moves if new.amends is not None else ()
    places: dict[str, str] = {}
    staying: dict[str, tuple[str, ...]] = {}
    elements: dict[str, str] = {}
    found = _Counterparts(old, new, moves)
    for place in can_be_in(old):
        move = moved_by(place, moves)
        if move is not None and move.stays:
            staying[place.id] = move.cites
            continue
        target = found.of(place)
        if target is not None:
            places[place.id] = target.id
            if place.element is not None and target.element is not None:
                elements[place.element] = target.element
    return Crossing(places, _rows(old, new, places), staying, elements)


def moved_by(place: Place, moves: Sequence[Move]) -> Move | None:
    """The line of the map that speaks of a place: one that names it before one of its element, or of its whole arm."""
    lines = [move for move in moves if move.arm is None or move.arm == place.arm]
    names = (name_of(place), *((place.element,) if place.element is not None else ()))
    for name in (*names, None):
        for move in sorted(lines, key=lambda move: move.arm is None):
            if move.place == name:
                return move
    return None


class _Counterparts:
    """Finds for a place of one version that of the next."""

    def __init__(self, old: Table, new: Table, moves: Sequence[Move]) -> None:
        self.old = old
        self.new = new
        self.moves = moves
        self.named = {(place.arm, name_of(place)): place for place in new.places.values()}

    def of(self, place: Place) -> Place | None:
        """The place where a course goes on that is here; None if the versions do not say."""
        if place.kind in GATES:
            return next((other for other in self.new.places.values() if other.kind == place.kind), None)
        move = moved_by(place, self.moves)
        arm = self.arm_of(place, move)
        if move is not None and move.to is not None and move.place == name_of(place):
            return place_called(self.new, arm, move.to, place.regimen)
        if place.kind in ("closed", "stopped", "instead"):
            return self.falling_alike(place, arm, move)
        if move is not None and move.to is not None:
            return place_called(self.new, arm, move.to, place.regimen)
        found = self.named.get((arm, name_of(place))) or place_called(self.new, arm, place.element, place.regimen)
        return found if found is not None and found.kind == place.kind else None

    def arm_of(self, place: Place, move: Move | None) -> str | None:
        """The arm in which a place goes on; a line about a whole arm holds for places that have a line too."""
        if place.arm is None:
            return None
        if move is not None and move.to_arm is not None:
            return move.to_arm
        whole = next((move for move in self.moves if move.place is None and move.arm == place.arm), None)
        return whole.to_arm if whole is not None and whole.to_arm is not None else place.arm

    def falling_alike(self, place: Place, arm: str | None, move: Move | None) -> Place | None:
        """The place behind what closes the same element, stops treatment, or leads elsewhere, by the same condition."""
        conditions = [guards(row) for row in fallen_into(self.old, place)]
        element = move.to if move is not None and move.to is not None else place.element
        found = [
            other
            for other in self.new.places.values()
            if other.kind == place.kind
            and other.arm == arm
            and (place.kind != "closed" or other.element == element)
            and any(guards(row) in conditions for row in fallen_into(self.new, other))
        ]
        return found[0] if len(found) == 1 else None


def place_called(table: Table, arm: str | None, name: str | None, regimen: str | None = None) -> Place | None:
    """The place of an arm with that name, or the one of an element; of several copies that which gives the regimen."""
    here = [place for place in table.places.values() if place.arm == arm and name is not None]
    exact = [place for place in here if name_of(place) == name]
    if exact:
        return exact[0]
    giving = [place for place in here if place.element == name and place.kind == "giving"]
    same = [place for place in giving if place.regimen == regimen]
    found = same or giving
    return found[0] if len(found) == 1 else None


def fallen_into(table: Table, place: Place) -> list[Row]:
    """The falls that lead to a place."""
    return [row for row in table.rows if row.kind == "fall" and row.target == place.id]


def guards(row: Row) -> tuple[tuple[object, bool], ...]:
    """What a row asks for, whatever it cites."""
    return tuple((guard.condition, guard.refutes) for guard in row.guards)


def _rows(old: Table, new: Table, places: Mapping[str, str]) -> dict[str, str]:
    """By row of the old version that of the new one which leads by the same act, or fall, to the same place."""
    ways: dict[tuple[object, ...], list[str]] = {}
    for row in new.rows:
        source = row.source if row.kind == "offer" else None
        ways.setdefault((row.kind, source, row.act, row.target), []).append(row.id)
    found = {}
    for row in old.rows:
        source = places.get(row.source) if row.kind == "offer" else None
        same = ways.get((row.kind, source, row.act, places.get(row.target)), [])
        if len(same) == 1:
            found[row.id] = same[0]
    return found
