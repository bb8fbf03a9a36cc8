"""Is an amendment sound in itself, and does it lead every patient of the version before somewhere, or say she stays?"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import fields, frozen

from protocol_engine.checks.compiled import Compiled
from protocol_engine.checks.outline import Outline, hint
from protocol_engine.codec import key_of
from protocol_engine.compiler.amending import can_be_in, crossing, moved_by, name_of
from protocol_engine.compiler.comparing import give_the_same
from protocol_engine.errors import Problem
from protocol_engine.model.amendment import Crossing
from protocol_engine.model.facts import FactDefinition, FactPart
from protocol_engine.model.protocol import Amends, Moved
from protocol_engine.model.table import Place, Table
from protocol_engine.model.values import Value

AT = "amends"


# --- in itself --------------------------------------------------------------------------------------------------------


def amendments_say_one_thing(outline: Outline) -> Iterator[Problem]:
    """A version amends another one; a line of its map says whom it is about, and where she goes or that she stays."""
    protocol = outline.protocol
    for item, amends in outline.of(Amends):
        if amends.version == protocol.record.version:
            message = f"is {amends.version}, as this file itself is: give it a version of its own under `record`"
            yield outline.problem("amends-another", f"{item.path}.version", amends.mark, message)
    for item, move in outline.of(Moved):
        goes = move.to is not None or move.to_arm is not None
        if goes == move.stays:
            has = "it has both" if goes else "it has none"
            message = f"says where a patient goes on (`to`, `to_arm`), or that she `stays`; {has}"
            yield outline.problem("exactly-one", item.path, move.mark, message)
        if move.arm is None and move.from_ is None:
            message = "names nobody: give the place under `from`, the `arm`, or both"
            yield outline.problem("exactly-one", f"{item.path}.from", move.mark, message)
        if move.to_arm is not None and move.to_arm not in protocol.arms:
            message = f"{move.to_arm!r} is no arm of this file; {hint(move.to_arm, tuple(protocol.arms))}"
            yield outline.problem("unknown-name", f"{item.path}.to_arm", move.mark, message)


def moves_lead_somewhere(compiled: Compiled) -> Iterator[Problem]:
    """What a line of the map leads to is a place of this version."""
    known = tuple(dict.fromkeys(name for place in can_be_in(compiled.table) for name in names_of_place(place)))
    for item, move in compiled.outline.of(Moved):
        if move.to is not None and move.to not in known:
            message = f"{move.to!r} is no place of this file; {hint(move.to, known)}"
            yield compiled.outline.problem("unknown-name", f"{item.path}.to", move.mark, message)


def names_of_place(place: Place) -> tuple[str, ...]:
    """What a place may be called in a map: its own name, and its element."""
    return (name_of(place), *((place.element,) if place.element is not None else ()))


# --- the two versions -------------------------------------------------------------------------------------------------


@frozen
class Pair:
    """A version with its table, the outline and the table of the one that amends it, and the way between them."""

    old: Table
    outline: Outline
    new: Table
    amends: Amends
    crossing: Crossing

    @classmethod
    def of(cls, old: Table, outline: Outline, new: Table, amends: Amends) -> Pair:
        """The pair, with the way worked out."""
        return cls(old, outline, new, amends, crossing(old, new))


def pair_faults(old: Table, outline: Outline, new: Table) -> Iterator[Problem]:
    """Everything found in a version as an amendment of another; both are sound by themselves."""
    amends = outline.protocol.amends
    if amends is None:
        yield outline.problem(
            "amends-another", AT, outline.protocol.mark, f"is missing: it amends nothing of {old.version}"
        )
        return
    if (old.protocol, old.version) != (new.protocol, amends.version):
        message = (
            f"it amends version {amends.version} of {new.protocol}, and this is version {old.version} of {old.protocol}"
        )
        yield outline.problem("amends-another", f"{AT}.version", amends.mark, message)
        return
    pair = Pair.of(old, outline, new, amends)
    yield from _tracks(pair)
    yield from _unannounced(pair)
    yield from _unknown_places(pair)
    yield from _lost_places(pair)
    yield from _misread_facts(pair)
    yield from _misread_levels(pair)
    yield from _lost_rules(pair)
    yield from _lost_roles(pair)
    yield from _lost_options(pair)
    yield from _running_cycles(pair)


def _tracks(pair: Pair) -> Iterator[Problem]:
    """A course with tracks is in several places at once, and no map says where each of them goes on."""
    for version in (pair.old, pair.new):
        if version.tracked:
            message = f"version {version.version} has tracks, and a course with tracks cannot move to another version"
            yield pair.outline.problem("amended-tracks", AT, pair.amends.mark, message)
            return


def _misread_levels(pair: Pair) -> Iterator[Problem]:
    """The level at which a drug goes on would mean another dose, or be lost."""
    here = {ladder.of: (name, ladder) for name, ladder in pair.new.ladders.items()}
    given = {line.drug for line in pair.new.lines}
    for before in pair.old.ladders.values():
        if before.of not in here:
            if before.of in given:
                message = (
                    f"{before.of} has levels in version {pair.old.version} and none here, so a patient whose dose was "
                    "moved would be given the first one again; keep its ladder"
                )
                yield pair.outline.problem("misread-level", "ladders", pair.amends.mark, message)
            continue
        name, ladder = here[before.of]
        for what, same in (
            ("other levels", before.levels == ladder.levels),
            ("another start", before.start == ladder.start),
        ):
            if not same:
                message = (
                    f"{ladder.of} has {what} than in version {pair.old.version}, so a patient's level would be "
                    "another dose; keep its levels"
                )
                yield pair.outline.problem("misread-level", f"ladders.{name}", ladder.mark, message)
                break


def _lost_rules(pair: Pair) -> Iterator[Problem]:
    """Rules that have moved, held or stopped a drug which goes on here: what they did would be done by nobody."""
    known = pair.outline.protocol.drugs  # a drug that is here by name only still says why it is not given
    for name, rule in pair.old.modifications.items():
        if name not in pair.new.modifications and any(drug in known for drug in rule.of):
            message = (
                f"the rule {name} of version {pair.old.version} is not here, so what it did to the doses of a patient "
                "would rest on nothing, or be done again under another name; keep its name"
            )
            yield pair.outline.problem("lost-rule", "modifications", pair.amends.mark, message)


def _lost_roles(pair: Pair) -> Iterator[Problem]:
    """Roles that may have been told the arm: such a report could not be read any more."""
    old, new = pair.old.blinding, pair.new.blinding
    if old is None:
        return
    lost = [role for role in old.roles if new is None or role not in new.roles]
    if lost:
        message = (
            f"masking of version {pair.old.version} names {', '.join(lost)}, and there is no such role here, so that "
            "an unblinding could not be read; keep its roles"
        )
        yield pair.outline.problem("lost-role", "masking", pair.amends.mark, message)


def _unannounced(pair: Pair) -> Iterator[Problem]:
    guard = pair.new.amends.guard if pair.new.amends is not None else None
    read = pair.new.facts_read(guard.condition) if guard is not None else ()
    if all(fact in pair.old.facts for fact in read):
        message = (
            "reads nothing that is new, so nothing in a course tells that the amendment is there; "
            "read a fact that version lacks, such as that the site is activated"
        )
        yield pair.outline.problem("not-announced", f"{AT}.when", pair.amends.mark, message)


def _unknown_places(pair: Pair) -> Iterator[Problem]:
    """What the map says of places that the version before does not have."""
    known = [*can_be_in(pair.old)]
    for number, move in enumerate(pair.amends.map):
        path = f"{AT}.map[{number}]"
        if move.arm is not None and move.arm not in pair.old.arms:
            message = f"{move.arm!r} is no arm of version {pair.old.version}; {hint(move.arm, tuple(pair.old.arms))}"
            yield pair.outline.problem("unknown-name", f"{path}.arm", move.mark, message)
            continue
        here = [place for place in known if move.arm in (None, place.arm)]
        names = tuple(dict.fromkeys(name for place in here for name in names_of_place(place)))
        if move.from_ is not None and move.from_ not in names:
            message = f"{move.from_!r} is no place of version {pair.old.version}; {hint(move.from_, names)}"
            yield pair.outline.problem("unknown-name", f"{path}.from", move.mark, message)


def _lost_places(pair: Pair) -> Iterator[Problem]:
    """Places of the version before that have no counterpart, and from which nobody is said to stay."""
    told: set[str] = set()
    for place in can_be_in(pair.old):
        if place.id in pair.crossing.places or place.id in pair.crossing.staying:
            continue
        arm = place.arm or ""
        move = moved_by(place, pair.new.amends.moves if pair.new.amends is not None else ())
        if arm and arm not in pair.new.arms and move is None:
            if arm not in told:
                told.add(arm)
                message = f"the arm {arm} of version {pair.old.version} is not here: map it, or say that it `stays`"
                yield pair.outline.problem("lost-place", f"{AT}.map", pair.amends.mark, message)
            continue
        message = (
            f"a patient at {place.id} of version {pair.old.version} has no place to go on here: "
            f"add {{from: {name_of(place)}, to: ...}}, or say that she `stays`"
        )
        yield pair.outline.problem("lost-place", f"{AT}.map", pair.amends.mark, message)


def _misread_facts(pair: Pair) -> Iterator[Problem]:
    """Facts of one name that do not say the same: what was reported before would be misread."""
    for name, fact in pair.outline.protocol.facts.items():
        before = pair.old.facts.get(name)
        if before is None:
            continue
        for what, was, now in _readings(before, fact):
            if was != now:
                message = (
                    f"{what} of {name}: {_shown(was)} in version {pair.old.version}, and {_shown(now)} here, "
                    "so what was reported would be misread; give the new fact a name of its own"
                )
                yield pair.outline.problem("misread-fact", f"facts.{name}", fact.mark, message)


def _lost_options(pair: Pair) -> Iterator[Problem]:
    """Options, and arms of later allocations, that were taken before and that a value still reads."""
    for kind, name, lost in _lost_ways(pair):
        for value_name, value in pair.outline.protocol.values.items():
            key = _read_by(value, f"{kind}.{name}")
            if key is not None:
                what = f"{'option' if kind == 'choice' else 'arm'} {lost}"
                message = (
                    f"reads the {kind} {name}, whose {what} of version {pair.old.version} is not here; "
                    f"keep it, or read another {kind}"
                )
                yield pair.outline.problem("lost-option", f"values.{value_name}.{key}", value.mark, message)


def _lost_ways(pair: Pair) -> Iterator[tuple[str, str, str]]:
    """What a choice, or a later allocation, of both versions does not offer any more."""
    for name, choice in pair.old.choices.items():
        if name in pair.new.choices:
            yield from (("choice", name, way) for way in choice.options if way not in pair.new.choices[name].options)
    for name, drawn in pair.old.allocations.items():
        if name in pair.new.allocations:
            yield from (("allocation", name, arm) for arm in drawn.arms if arm not in pair.new.allocations[name].arms)


def _read_by(value: Value, act: str) -> str | None:
    """The key under which a value reads an act, or one of its ways; None if it does not."""
    for each in fields(type(value)):
        read = getattr(value, each.name)
        names = (read,) if isinstance(read, str) else read if isinstance(read, tuple) else ()
        if any(isinstance(name, str) and (name == act or name.startswith(f"{act}.")) for name in names):
            return key_of(each.name)
    return None


def _readings(old: FactDefinition, new: FactDefinition) -> Iterator[tuple[str, object, object]]:
    """What a report of a fact means, in both versions. Timepoints and details may be added."""
    yield "the type", old.kinds, new.kinds
    yield "the levels", old.values, new.values
    yield "the unit", old.quantity, new.quantity
    yield "the domain", old.domain.words, new.domain.words
    yield "what is no result", set(old.no_result), set(new.no_result)
    yield "the set", old.set_of, new.set_of
    yield "`each`", old.each, new.each
    yield "`never`", old.never, new.never
    yield "the conversion", _factors(old), _factors(new)
    for name, at in old.taken.items():
        there = new.taken.get(name)
        days = (there.before_cycle, there.after_cycle) if there is not None else None
        yield f"the timepoint {name}", (at.before_cycle, at.after_cycle), days
    for name, part in old.parts.items():
        yield f"the detail {name}", _detail(part), _detail(new.parts.get(name))


def _factors(fact: FactDefinition) -> set[str]:
    mass = {f"molar mass {fact.molar_mass}"} if fact.molar_mass is not None else set()
    return {f"{item.unit} times {item.times}" for item in fact.also_in} | mass


def _detail(part: FactPart | None) -> tuple[object, ...] | None:
    return (part.set_of, part.one_of, part.quantity) if part is not None else None


def _shown(value: object) -> str:
    if value is None or value in ((), ""):
        return "not there"
    found = value if isinstance(value, tuple | set) else (value,)
    return ", ".join(sorted(map(str, found)) if isinstance(found, set) else map(str, found)) or "none"


def _running_cycles(pair: Pair) -> Iterator[Problem]:
    """Elements that give something else here: a cycle that runs when a course moves is touched."""
    for name, target in pair.crossing.places.items():
        place, there = pair.old.places[name], pair.new.places[target]
        if place.kind != "giving" or there.kind != "giving" or place.regimen is None or there.regimen is None:
            continue
        was, now = pair.old.regimens[place.regimen], pair.new.regimens[there.regimen]
        if was.id != now.id:
            over = (
                f"{now.id} is given there and {was.id} before: of a cycle that runs at the move no further day is given"
            )
        elif not give_the_same(was, now):
            over = f"{now.id} is not what it was: a cycle that runs at the move is finished as it is written here"
        else:
            continue
        where = "here" if name == target else f"at {target}"
        yield pair.outline.notice("running-cycle", AT, pair.amends.mark, f"{name} goes on {where}, and {over}")
