"""The whole table: places and rows of the steps, and what they refer to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import evolve

from protocol_engine.codec import digest, plain_json
from protocol_engine.compiler.amending import compiled_amendment
from protocol_engine.compiler.blinding import with_blinding
from protocol_engine.compiler.conditions import Conditions, joined
from protocol_engine.compiler.criteria import compiled_criteria, compiled_derived
from protocol_engine.compiler.doses import compiled_line, compiled_modifications, compiled_parts
from protocol_engine.compiler.landing import landings
from protocol_engine.compiler.steps import Steps
from protocol_engine.compiler.tracks import compiled_tracks, tracks_written
from protocol_engine.model.claims import GENERAL_RULES
from protocol_engine.model.protocol import (
    Allocate,
    Arm,
    ChoiceElsewhere,
    Choose,
    Decide,
    Elsewhere,
    Give,
    May,
    NextCycle,
    Observe,
    Protocol,
    Regimen,
    Repeat,
    Step,
    Track,
)
from protocol_engine.model.table import (
    AllocationContent,
    ArmContent,
    ChoiceContent,
    RegimenContent,
    Row,
    Table,
)
from protocol_engine.model.units import DayPoints


def regimen_days(protocol: Protocol, regimen: Regimen) -> tuple[int, ...]:
    """The days of a cycle on which something is given or started; (1,) where the record states no days."""
    lines = [*regimen.gives]
    for line in regimen.gives:
        if line.part is not None and line.part in protocol.parts:
            lines += [inner for option in protocol.parts[line.part].options.values() for inner in option.gives]
    points = {day for line in lines if isinstance(line.days, DayPoints) for day in line.days.days}
    return tuple(sorted(points | {1}))


def compile_protocol(protocol: Protocol) -> Table:
    """The table of a protocol that passed its checks. Equal protocols and readings give equal digests."""
    conditions = Conditions(protocol)
    regimens = {name: _regimen(protocol, conditions, name, item) for name, item in protocol.regimens.items()}
    choices = {choice.id: choice for choice in _choices(protocol)}
    steps = Steps(protocol, regimens, choices)
    steps.find()
    rows = steps.rows()
    table = Table(
        protocol=protocol.protocol,
        version=protocol.record.version,
        title=protocol.title,
        design=protocol.design,
        readings=dict(protocol.readings),
        rules={**protocol.rules, **GENERAL_RULES},
        assumptions=protocol.assumptions,
        not_stated=protocol.not_stated,
        facts=protocol.facts,
        sets=protocol.sets,
        values={name: steps.conditions.value(value) for name, value in protocol.values.items()} | steps.several.values,
        drugs=protocol.drugs,
        procedures=protocol.procedures,
        parts=compiled_parts(conditions, protocol),
        regimens=regimens,
        choices=choices,
        arms={name: _arm(name, arm) for name, arm in protocol.arms.items()},
        places={draft.place.id: draft.place for draft in steps.places.drafts.values()},
        rows=rows,
        landings={},
        endpoints=protocol.endpoints,
        endpoints_see=protocol.endpoints_see,
        allocations={
            step.allocate: AllocationContent(step.allocate, tuple(step.arms or ()))
            for step in _later_allocations(protocol)
        },
        elsewhere=_elsewhere(protocol, choices, rows),
        derived=compiled_derived(protocol, steps.conditions),
        criteria=compiled_criteria(protocol, steps.conditions),
        tracks=compiled_tracks(protocol, tuple(draft.place for draft in steps.places.drafts.values())),
        amends=compiled_amendment(protocol.amends, steps.conditions),
        ladders=protocol.ladders,
        modifications=compiled_modifications(conditions, protocol),
        subject=protocol.subject,
        announces=protocol.announces,
    )
    table = evolve(table, landings=landings(table))
    amends = {"amends": plain_json(table.amends)} if table.amends is not None else {}
    table = evolve(table, digest=digest(plain_json(table) | amends))
    return with_blinding(protocol, table, compile_protocol) if protocol.masking is not None else table


def _elsewhere(protocol: Protocol, choices: Mapping[str, ChoiceContent], rows: tuple[Row, ...]) -> Elsewhere:
    """What the file knows under other readings and not under the selected ones."""
    known, later = protocol.elsewhere, tuple(_later_allocations(protocol))
    other_choices = {name: _closed(choice) for name, choice in choices.items() if not _is_offered(choice, rows)}
    for name, choice in known.choices.items():
        here = choices[name].options if name in choices else ()
        options = {option: rests for option, rests in choice.options.items() if option not in here}
        if options or name not in choices:
            closed = other_choices[name].options if name in other_choices else {}
            other_choices[name] = evolve(choice, options={**closed, **options})
    return Elsewhere(
        arms=_others(known.arms, {**protocol.arms, **{arm: () for step in later for arm in step.arms or ()}}),
        regimens=_others(known.regimens, protocol.regimens),
        procedures=_others(known.procedures, protocol.procedures),
        choices=other_choices,
    )


def _is_offered(choice: ChoiceContent, rows: tuple[Row, ...]) -> bool:
    """Whether a row offers an option of the choice: one that tests a reading which was not selected is no row."""
    return any(
        row.act is not None and row.act.kind == "choice" and row.act.name.startswith(f"{choice.id}=") for row in rows
    )


def _closed(choice: ChoiceContent) -> ChoiceElsewhere:
    """A choice that the selected readings offer nowhere, by the assumptions that it cites."""
    rests = tuple(claim for claim in choice.cites if claim.startswith("A"))
    return ChoiceElsewhere(dict.fromkeys(choice.options, rests), choice.says_which, rests)


def _others(known: Mapping[str, tuple[str, ...]], here: Mapping[str, object]) -> dict[str, tuple[str, ...]]:
    return {name: rests for name, rests in known.items() if name not in here}


def _arm(name: str, arm: Arm) -> ArmContent:
    return ArmContent(name, arm.title, {item.drug: item.cite for item in arm.never}, arm.cite)


def _later_allocations(protocol: Protocol) -> Iterator[Allocate]:
    """The allocations that stand in the course of an arm or of a track, or behind a stop, one for each name."""
    found: dict[str, Allocate] = {}
    within: tuple[Arm | Track, ...] = (*protocol.arms.values(), *tracks_written(protocol))
    stops = (*protocol.stops, *(stop for part in within for stop in part.stops))
    behind = ((*(stop.then or ()), *(stop.instead or ())) for stop in stops)
    for steps in (*(part.course for part in within), *behind):
        for step in _with_inner(steps):
            if isinstance(step, Allocate) and not step.is_first:
                found.setdefault(step.allocate, step)
    yield from found.values()


def _regimen(protocol: Protocol, conditions: Conditions, name: str, item: Regimen) -> RegimenContent:
    lines = tuple(compiled_line(conditions, line) for line in item.gives)
    rule = item.next_cycle
    if rule is None and item.cycle is not None:
        rule = NextCycle(due=item.cycle, after_day=1)
    conditions = Conditions(protocol)
    delays = tuple(evolve(delay, if_=conditions.folded(delay.if_)) for delay in item.delays)
    return RegimenContent(
        id=name,
        name=item.name or name,
        lines=lines,
        days=regimen_days(protocol, item),
        cycle=item.cycle,
        next_cycle=rule,
        tolerance=item.tolerance,
        not_stated=item.not_stated,
        cites=item.cite,
        rests=joined(item.rests, *(line.rests for line in lines), rule.rests if rule is not None else ()),
        delays=tuple(delay for delay in delays if delay.if_.clauses),
        omitted=item.omitted,
        timing_rests=joined(
            *(said.rests for said in (item.tolerance, item.omitted, *item.delays) if said is not None),
            *(conditions.rests(delay.if_) for delay in delays),
        ),
    )


def _choices(protocol: Protocol) -> Iterator[ChoiceContent]:
    """Every choice of the protocol: in a course, behind a stop, and what may be chosen beside the course."""
    arms = tuple(protocol.arms.values())
    tracks = tracks_written(protocol)
    for course in (protocol.course, *(arm.course for arm in arms), *(track.course for track in tracks)):
        yield from _choices_in(course)
    inside = [stop for part in (*(arm.stops for arm in arms), *(track.stops for track in tracks)) for stop in part]
    for stop in (*protocol.stops, *inside):
        yield from _choices_in((*(stop.then or ()), *(stop.instead or ())))
    for permissions in (protocol.may, *(arm.may for arm in arms)):
        yield from _permitted_choices(permissions)


def _choices_in(steps: tuple[Step, ...]) -> Iterator[ChoiceContent]:
    for step in _with_inner(steps):
        if isinstance(step, Choose):
            yield ChoiceContent(step.choose, step.by, tuple(step.options), step.says_which, step.cite)
        elif isinstance(step, Give | Observe):
            yield from _permitted_choices(step.may)


def _permitted_choices(permissions: tuple[May, ...]) -> Iterator[ChoiceContent]:
    for may in permissions:
        if may.choose is not None and may.options is not None:
            yield ChoiceContent(may.choose, may.by or "investigator", tuple(may.options), None, may.cite)
            for steps in may.options.values():
                yield from _choices_in(steps or ())


def _with_inner(steps: tuple[Step, ...]) -> Iterator[Step]:
    """The steps, and every step inside them."""
    for step in steps:
        yield step
        for inner in inner_steps(step):
            yield from _with_inner(inner)


def inner_steps(step: Step) -> tuple[tuple[Step, ...], ...]:
    """The lists of steps that stand inside a step."""
    match step:
        case Choose():
            return tuple(step.options.values())
        case Allocate():
            return tuple((step.arms or {}).values())
        case Decide():
            return tuple(row.then for row in step.rows)
        case Repeat():
            return (step.steps, *(until.then for until in step.until))
        case Give() | Observe():
            return tuple(until.then for until in step.until)
        case _:
            return ()
