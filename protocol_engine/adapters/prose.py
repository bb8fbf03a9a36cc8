"""A protocol as a page that a clinician reads: its rules, its arms step by step, its doses, and what it leaves open.

It is long because a file has many sections, and each is one part of the page; what has more to say has its own module.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import assert_never

from protocol_engine.adapters.blocks import Block, Grid, Heading, Item, Items, Page, Paragraph, section
from protocol_engine.adapters.course_prose import (
    course_items,
    inner_steps,
    may_item,
    need_words,
    never_words,
    stop_items,
    track_page,
)
from protocol_engine.adapters.dose_prose import any_dose_words, dose_items
from protocol_engine.adapters.masking_prose import masking_words
from protocol_engine.adapters.phrases import (
    capital,
    cites,
    claims,
    condition_words,
    dose_words,
    drug_name,
    fact_name,
    label,
    line_days,
    listed,
    or_not_stated,
    regimen_name,
    with_id,
)
from protocol_engine.adapters.screening_prose import criteria_sections
from protocol_engine.adapters.timing_prose import calendar_words, cycle_words, delay_items
from protocol_engine.adapters.worked_prose import moment_words, where_words, worked_words
from protocol_engine.compiler import tracks_written
from protocol_engine.engine.wording import words
from protocol_engine.model.claims import GENERAL_RULES
from protocol_engine.model.facts import NO_CITES, Calendar, FactDefinition, FactPart, Timepoint
from protocol_engine.model.protocol import (
    Administration,
    Amends,
    Arm,
    DateExpression,
    Design,
    Endpoint,
    Give,
    Moved,
    Observe,
    Protocol,
    Regimen,
)
from protocol_engine.model.units import NotStated
from protocol_engine.model.values import Ever, Holds, Last, WorkedOut


def protocol_page(protocol: Protocol) -> Page:
    """The whole protocol, for its selected readings."""
    return (
        Heading(f"{protocol.protocol}: {protocol.title}", 1),
        Paragraph(_design_words(protocol.design, protocol)),
        Paragraph(
            "Claims stand in brackets: R is a rule of the record, A an assumption where it is silent, "
            "N something it does not state, G a rule of every protocol. Ids stand in parentheses."
        ),
        *(_amendment(protocol, protocol.amends) if protocol.amends is not None else ()),
        *section("Rules of the record", _rule_items(protocol.rules)),
        *section("Rules of every protocol", _rule_items(GENERAL_RULES)),
        *section(FIRST_PART[protocol.subject], *course_items(protocol, protocol.course)),
        *section(f"Wherever the {protocol.subject} is", *_everywhere(protocol)),
        *(block for name, arm in protocol.arms.items() for block in _arm(protocol, name, arm)),
        *section("Who may know the arm", *masking_words(protocol)),
        *section("Beside the course of every arm", *_tracks(protocol)),
        *section("Regimens", _regimen_grid(protocol), *delay_items(protocol)),
        *section("How doses are modified", *dose_items(protocol)),
        *section("Results that are read", _fact_grid(protocol)),
        *section("What the words above mean", *_value_items(protocol)),
        *section("Sets of names", *_set_items(protocol)),
        *criteria_sections(protocol),
        *section("Assumptions, where the record is silent", *_assumption_items(protocol)),
        *section("Not stated in the record", *_silence_items(protocol)),
        *section("Endpoints", *_endpoints(protocol)),
        *section("What it announces", *_announcements(protocol)),
        *section("Drugs and procedures, with their codes", *_codes(protocol)),
    )


FIRST_PART = {"patient": "Before treatment", "trial": "The course of the trial"}
"""What comes before the arms, by whose course it is."""


def _announcements(protocol: Protocol) -> Page:
    """What a course makes known to the trial, or the trial to every course."""
    heard = "the trial" if protocol.subject == "patient" else "every course"
    items = tuple(
        Item("-", f"{words(name)} ({name}), to {heard}: {label(protocol, said.value)}.{cites(said.cite, said.rests)}")
        for name, said in protocol.announces.items()
    )
    return (Items(items),) if items else ()


def _design_words(design: Design, protocol: Protocol) -> str:
    ratio, silent = "", design.see
    if isinstance(design.ratio, NotStated):
        ratio = " in a ratio that is not stated"
    elif design.ratio is not None:
        ratio = f" {' to '.join(f'{share} {arm}' for arm, share in design.ratio.items())}"
    how = {"randomised": "randomised", "by_rule": "allocated by rule"}[design.allocation]
    record = f"{protocol.record.registry}, version {protocol.record.version}"
    planned = f"{design.planned} patients planned"
    kind = f"Phase {design.phase}, {how}{ratio}, {words(design.masking)}"
    return f"Record: {record}. {kind}, {planned}.{cites(silent=silent)}"


def _amendment(protocol: Protocol, amends: Amends) -> Page:
    """Which version is amended, when a course moves over, and where each place that has no namesake goes on."""
    listed_as = {"required": "A course moves over", "permitted": "A course may move over"}[amends.move]
    told = f"{listed_as} once {condition_words(protocol, amends.when)}"
    lines = tuple(Item("-", f"{_moved_words(move)}{cites(move.cite, move.rests)}") for move in amends.map)
    return section(
        f"Amends version {amends.version}",
        Paragraph(f"{told}.{cites(amends.cite, amends.rests, silent=amends.see)}"),
        *((Items(lines),) if lines else ()),
    )


def _moved_words(move: Moved) -> str:
    place = words(move.from_) if move.from_ is not None else "whoever is"
    where = place + (f" in arm {move.arm}" if move.arm is not None else "")
    if move.stays:
        return f"{where} stays under the old version"
    target = [words(move.to)] if move.to is not None else []
    target += [f"arm {move.to_arm}"] if move.to_arm is not None else []
    return f"{where} goes on at {' in '.join(target)}"


def _rule_items(rules: Mapping[str, str]) -> Items:
    return Items(tuple(Item(name, text) for name, text in rules.items()))


# --- the course ----------------------------------------------------------------------------------------------------


def _everywhere(protocol: Protocol) -> Page:
    if protocol.subject == "trial":
        closed = Item("-", "Closure of the study ends it. [G2]")
        return (Items((closed, *stop_items(protocol, protocol.stops))),)
    items = (
        Item(
            "-",
            "Death, withdrawal from the study and closure of the study end the course; after a withdrawal from "
            "treatment survival may be followed. [G2]",
        ),
        *(
            Item("-", f"The end by {words(reason)} rests on claims of this protocol too.{cites(claimed)}")
            for reason, claimed in protocol.ends.items()
        ),
        *stop_items(protocol, protocol.stops),
        *(Item("-", need_words(protocol, need)) for need in protocol.needs),
        *(may_item(protocol, may) for may in protocol.may),
    )
    return (Items(items),)


def _arm(protocol: Protocol, name: str, arm: Arm) -> Page:
    around = (
        *stop_items(protocol, arm.stops),
        *(Item("-", need_words(protocol, need)) for need in arm.needs),
        *(may_item(protocol, may) for may in arm.may),
        *(Item("-", never_words(protocol, never)) for never in arm.never),
    )
    return section(
        f"Arm {name}: {arm.title}{cites(arm.cite, arm.rests)}",
        *course_items(protocol, arm.course),
        *((Paragraph("Throughout this arm:"), Items(around)) if around else ()),
        *(block for key, track in arm.tracks.items() for block in track_page(protocol, key, track)),
    )


def _tracks(protocol: Protocol) -> Page:
    return tuple(block for name, track in protocol.tracks.items() for block in track_page(protocol, name, track))


# --- regimens ------------------------------------------------------------------------------------------------------


def _regimen_grid(protocol: Protocol) -> Grid:
    rows = []
    for name, regimen in protocol.regimens.items():
        first = (regimen_name(protocol, name), cycle_words(regimen))
        told, silent = (*regimen.cite, *regimen.rests), regimen.not_stated
        for line, drug, option_claims in _lines(protocol, regimen):
            cited = claims(option_claims, line.cite, line.rests, told, silent=silent)
            dose = (any_dose_words(protocol, line.dose, line.times_a_day), or_not_stated(line.route), line_days(line))
            rows.append((*first, drug, *dose, cited))
            first, told, silent = ("", ""), (), NO_CITES
    return Grid(("Regimen", "Cycle", "Drug", "Dose", "Route", "Days of the cycle", "Claims"), tuple(rows))


def _lines(protocol: Protocol, regimen: Regimen) -> Iterable[tuple[Administration, str, tuple[str, ...]]]:
    """The lines of a regimen, with those of every option that may fill a part of it, and the claims of the option."""
    for line in regimen.gives:
        if line.part is None:
            named = f"the drug named in the choice {line.named_in}"
            yield line, drug_name(protocol, line.drug) if line.drug is not None else named, ()
            continue
        part = protocol.parts[line.part]
        for filled in part.options.values():
            for inner in filled.gives:
                drug = drug_name(protocol, inner.drug or "")
                yield inner, f"{drug}, if chosen ({part.chosen_in})", (*filled.cite, *filled.rests)


# --- facts and values ----------------------------------------------------------------------------------------------


def _fact_grid(protocol: Protocol) -> Grid:
    rows = []
    for name, fact in protocol.facts.items():
        codes = ", ".join(f"{system} {code}" for system, code in fact.codes.items())
        told = claims(fact.cite, fact.rests, silent=fact.see)
        called = f", also called {', '.join(fact.also_called)}" if fact.also_called else ""
        named = with_id(fact_name(protocol, name), name) + called
        rows.append((named, _domain(fact), _taken(fact.taken, fact.calendar), codes, told))
        for part_name, part in fact.parts.items():
            its = with_id(part.label, f"{name}.{part_name}")
            rows.append((f"its {its}", _part_words(part), "", "", claims(part.cite, part.rests)))
    return Grid(("Result", "Values", "When it is taken", "Code", "Claims"), tuple(rows))


def _domain(fact: FactDefinition) -> str:
    if fact.quantity is not None:
        found = "a number" + (f" in {fact.quantity}" if fact.quantity != "1" else "")
        found += f", {fact.domain.words}" if fact.domain.limits else ""
        if fact.molar_mass is not None:
            found += f"; also as an amount of substance, at {dose_words(fact.molar_mass, None)}"
        found += "".join(
            f"; or in {other.unit}, times {other.times}{cites(other.cite, other.rests)}" for other in fact.also_in
        )
    elif fact.levels is not None:
        found = " < ".join(fact.levels)
    elif fact.values is not None:
        found = ", ".join(fact.values)
    else:
        dated = "a date, or never" if fact.never else "a date"
        found = dated if fact.date else f"a set of {words(fact.set_of or 'names')} names"
    found += f"; of each {fact.each}" if fact.each is not None else ""
    found += "; lasting" if fact.lasting else ""
    return found + (f"; {', '.join(fact.no_result)}: no result" if fact.no_result else "")


def _part_words(part: FactPart) -> str:
    if part.one_of is not None:
        return listed(part.one_of, "or")
    if part.set_of is None:
        return f"a number in {part.quantity}"
    unless = f", unless they are among the {words(part.unless_in)}" if part.unless_in is not None else ""
    rest = {"absent": "those not listed are absent", "unknown": f"those not listed are unknown{unless}"}.get(
        part.not_listed, ""
    )
    return f"a set of {words(part.set_of)} names; {rest}"


def _taken(taken: Mapping[str, Timepoint], calendar: Calendar | None) -> str:
    if not taken and calendar is None:
        return "any day"
    found = [calendar_words(calendar)] if calendar is not None else []
    for name, at in taken.items():
        when = f"before cycle {at.before_cycle}" if at.before_cycle is not None else f"after cycle {at.after_cycle}"
        called = f"{at.label}, {name}" if at.label not in (None, when) else name
        found.append(f"{when} ({called}){cites(at.cite, at.rests)}")
    return "; ".join(found)


def _value_items(protocol: Protocol) -> Page:
    items = []
    for name, value in protocol.values.items():
        match value:
            case Last():
                told = _last_words(protocol, value)
            case Ever():
                told = _ever_words(protocol, value)
            case Holds():
                rests = [claim for clause in value.holds.clauses for claim in clause.rests]
                told = condition_words(protocol, value.holds) + cites(value.cite, value.rests, rests)
            case WorkedOut():
                told = worked_words(protocol, value) + cites(value.cite, value.rests)
            case _:
                assert_never(value)
        items.append(Item("-", f"{with_id(label(protocol, name), name)}: {told}"))
    return (Items(tuple(items)),) if items else ()


def _last_words(protocol: Protocol, value: Last) -> str:
    fact, _, part = value.last.partition(".")
    if fact == "choice":
        what = f"the option taken in the choice {words(part)}"
    elif fact == "allocation" and fact not in protocol.facts:
        what = f"the arm of the allocation {words(part)}"
    else:
        what = (
            f"the newest result of {fact_name(protocol, fact)}"
            if not part
            else f"the {words(part)} of {fact_name(protocol, fact)}"
        )
    at = "" if value.at is None else f" taken {'at baseline' if value.at == 'baseline' else words(value.at)}"
    at += where_words(value.where)
    at += f", no older than {value.within} when it is used" if value.within is not None else ""
    missing = f"; where there is none it is {value.if_missing}" if value.if_missing not in (None, "unknown") else ""
    return f"{what}{at}{missing}{cites(value.cite, value.rests)}"


def _ever_words(protocol: Protocol, value: Ever) -> str:
    what = listed((_happening(protocol, name, value) for name in value.ever), "or")
    at = f" in the result {listed((words(name) for name in value.at), 'or')}" if value.at else ""
    not_at = f" in a result other than {listed((words(name) for name in value.not_at), 'and')}" if value.not_at else ""
    at += where_words(value.where)
    since = ""
    if value.since:
        moments = listed(moment_words(name) for name in value.since)
        since = f", after {'the later of ' if len(value.since) > 1 else ''}{moments}"
    if value.before is not None:
        since += f", before the first {label(protocol, value.before)} if there is one"
    return f"{what}{at}{not_at}{since}{cites(value.cite, value.rests)}"


def _happening(protocol: Protocol, name: str, value: Ever) -> str:
    kind, _, rest = name.partition(".")
    asked = value.is_ or {}
    if name in protocol.facts:
        return f"{fact_name(protocol, name)} was ever {listed(asked.get('value', ()), 'or')}"
    if kind == "adverse_event":
        drug = f" of {listed(asked['drug'], 'or')}" if "drug" in asked else ""
        drug = f", {listed(asked['term'], 'or')},{drug}" if "term" in asked else drug
        drug += f" of grade {listed(asked['grade'], 'or')}" if "grade" in asked else ""
        return (
            f"an adverse event{drug} was judged unacceptable"
            if asked.get("unacceptable") == ("yes",)
            else f"an adverse event{drug} was reported"
        )
    if kind == "discontinuation":
        return f"{listed(asked.get('value', ('treatment, or a drug of it,',)), 'or')} was stopped for good"
    if kind == "unblinding":
        return f"the allocation was made known to {listed(asked.get('value', ('anybody',)), 'or')}"
    if kind == "administration":
        return f"{regimen_name(protocol, rest)} was given"
    if kind in ("new_therapy", "lost_to_follow_up"):
        return "a new anticancer therapy began" if kind == "new_therapy" else "the patient was lost to follow-up"
    return f"{words(rest or kind)} was done"


def _set_items(protocol: Protocol) -> Page:
    items = []
    for name, named in protocol.sets.items():
        members = listed(f"{member} ({code})" for member, code in named.are.items())
        told = f"{words(name)} ({name}), by {words(named.of)} and code in {named.system}: {members}"
        items.append(Item("-", told + cites(named.cite, named.rests)))
    return (Items(tuple(items)),) if items else ()


# --- what is assumed, and what is not stated -----------------------------------------------------------------------


def _assumption_items(protocol: Protocol) -> Page:
    items = tuple(
        Item(
            name,
            assumption.asks,
            (
                Items(
                    tuple(
                        Item(
                            "-", f"{reading}{_marked(reading, assumption.default, protocol.readings.get(name))}: {text}"
                        )
                        for reading, text in assumption.readings.items()
                    )
                ),
            ),
        )
        for name, assumption in protocol.assumptions.items()
    )
    return (Items(items),) if items else ()


def _marked(reading: str, default: str, selected: str | None) -> str:
    marks = (["default"] if reading == default else []) + (["selected"] if reading == selected else [])
    return f" ({', '.join(marks)})" if marks else ""


def _silence_items(protocol: Protocol) -> Page:
    items = tuple(Item(name, silence.what) for name, silence in protocol.not_stated.items())
    return (Items(items),) if items else ()


# --- endpoints -----------------------------------------------------------------------------------------------------


def _endpoints(protocol: Protocol) -> tuple[Block, ...]:
    items = tuple(Item(name, _endpoint_words(protocol, endpoint)) for name, endpoint in protocol.endpoints.items())
    if items:
        return (Items(items),)
    silent = cites(silent=protocol.endpoints_see)
    return (Paragraph(f"None is defined in the file.{silent}"),)


def _endpoint_words(protocol: Protocol, endpoint: Endpoint) -> str:
    told = [endpoint.title] if endpoint.title is not None else []
    if endpoint.from_ is not None and endpoint.to is not None:
        told.append(f"from {_date_words(protocol, endpoint.from_)} to {_date_words(protocol, endpoint.to)}")
    if endpoint.up_to is not None:
        told.append(f"followed up to {endpoint.up_to}")
    if endpoint.of is not None:
        again = endpoint.of.confirmed_after
        confirmed = f", seen again at least {again} later" if again is not None and again.count else ""
        since = f", after {_since_words(protocol, endpoint.of.since)}" if endpoint.of.since is not None else ""
        narrowed = f"{where_words(endpoint.of.where)}{since}"
        what = label(protocol, endpoint.of.fact)
        link = "is" if endpoint.of.fact in protocol.values else "of"
        told.append(f"{what} {link} {listed(endpoint.of.is_, 'or')}{narrowed}{confirmed}")
    if endpoint.of_words is not None:
        told.append(endpoint.of_words)
    if endpoint.closed_by:
        told.append(f"what comes later than {listed(_named_days(protocol, endpoint.closed_by), 'or')} does not count")
    if endpoint.missed is not None:
        of = label(protocol, endpoint.missed.of)
        told.append(f"nor what comes after {endpoint.missed.visits} visits missed in a row ({of})")
    if isinstance(endpoint.censoring, NotStated):
        told.append("censoring not stated")
    elif endpoint.censoring is not None:
        days = listed(_named_days(protocol, endpoint.censoring), "or")
        last = ", whichever comes last" if len(endpoint.censoring) > 1 else ""
        told.append(f"censored at {days}{last}")
    return capital("; ".join(told)) + cites(endpoint.cite, endpoint.rests, silent=endpoint.see)


def _named_days(protocol: Protocol, names: tuple[str, ...]) -> tuple[str, ...]:
    """The days that an endpoint names, in words."""
    own = {"from": "the beginning", "up_to": "the end of that time", "last_contact": "the last contact"}
    return tuple(own.get(name) or _day_name(protocol, name) for name in names)


def _day_name(protocol: Protocol, name: str) -> str:
    kind, _, rest = name.partition(".")
    if name in protocol.values or name in protocol.facts:
        return label(protocol, name)
    if kind == "procedure" and rest in protocol.procedures:
        return protocol.procedures[rest].name
    if kind == "administration" and rest in protocol.regimens:
        return f"a dose of {regimen_name(protocol, rest)}"
    return words(name.replace(".", " "))


def _since_words(protocol: Protocol, name: str) -> str:
    named = any(name == element for element in _elements(protocol))
    return f"{_element_title(protocol, name)} began" if named else moment_words(name)


def _elements(protocol: Protocol) -> tuple[str, ...]:
    steps = [step for arm in protocol.arms.values() for step in arm.course]
    for step in steps:
        steps += [inner for group in inner_steps(step) for inner in group]
    return tuple(step.element for step in steps if isinstance(step, Give))


def _date_words(protocol: Protocol, when: DateExpression) -> str:
    if when.date_of is not None:
        return _day_name(protocol, when.date_of)
    if when.start_of is not None:
        return f"the first dose of {_element_title(protocol, when.start_of)}"
    if when.first is not None:
        since = f" after {_element_title(protocol, when.since)} began" if when.since is not None else ""
        return f"the first {fact_name(protocol, when.first)} of {listed(when.is_, 'or')}{since}"
    return f"{listed((_date_words(protocol, inner) for inner in when.earliest or ()), 'or')}, whichever comes first"


def _element_title(protocol: Protocol, element: str) -> str:
    """An element by the title of the first step that has it."""
    courses = (*(arm.course for arm in protocol.arms.values()), *(track.course for track in tracks_written(protocol)))
    steps = [step for course in courses for step in course]
    for step in steps:
        if isinstance(step, Give) and step.element == element:
            return f"the {step.title or words(element)}"
        if isinstance(step, Observe) and step.observe == element:
            return f"the {step.title or words(element)}"
        steps += [inner for group in inner_steps(step) for inner in group]
    return words(element)


# --- codes ---------------------------------------------------------------------------------------------------------


def _codes(protocol: Protocol) -> Page:
    rows = [
        (
            with_id(drug.name, name),
            ", ".join(f"{system} {code}" for system, code in drug.codes.items()),
            claims(silent=drug.see),
        )
        for name, drug in protocol.drugs.items()
    ]
    rows += [
        (
            with_id(procedure.name, name) + ("; before allocation it is history" if procedure.history else ""),
            ", ".join(f"{system} {code}" for system, code in procedure.codes.items()),
            "",
        )
        for name, procedure in protocol.procedures.items()
    ]
    return (Grid(("Name", "Codes", "Claims"), tuple(rows)),) if rows else ()
