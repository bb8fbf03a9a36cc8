"""Does every test fit the value that it tests?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from protocol_engine.checks.domains import Domain, domain_of, each_of, facts_behind
from protocol_engine.checks.outline import Outline, hint, known_words
from protocol_engine.errors import Problem
from protocol_engine.model.conditions import AnyOf, Elapsed, InSet, NamedTest, Not, OneOf, Presence, Range, Test
from protocol_engine.model.units import LIMIT_PATTERN
from protocol_engine.model.values import Holds

SCREENING = ("criteria.", "derived.")
"""Where a condition is one of screening."""
CONSENTED = "consented"
BUILT_IN_NAMES = ("death", "withdrawn_from", "study_closed", "discontinued")
"""Values of the compiler's own ends; a file neither declares nor tests them."""


def tests_fit(outline: Outline) -> Iterator[Problem]:
    """Every test names a value that there is, and speaks of it in its own terms."""
    for asked in outline.conditions:
        for path, named in asked.tests:
            each = next((fact for fact in facts_behind(outline, named.name) if each_of(outline, fact)), None)
            if each is not None and not isinstance(asked.owner.node, Holds):
                message = f"{each} is reported for each {each_of(outline, each)}; say of which: write a value `members`"
                yield outline.problem("wrong-test", path, named.mark, message)
            screening = asked.path.startswith(SCREENING)
            for code, message in (*_faults(outline, named), *(() if screening else _out_of_place(outline, named))):
                yield outline.problem(code, path, named.mark, message)


def _out_of_place(outline: Outline, named: NamedTest) -> Iterator[tuple[str, str]]:
    """What only a criterion can ask, since only there a day is asked about."""
    inner = named.test.test if isinstance(named.test, Not) else named.test
    if isinstance(inner, Elapsed | AnyOf) or named.name in (*outline.protocol.derived, CONSENTED):
        yield "wrong-test", f"{named.name} is held against the day asked about, which only a criterion can do"


def tests_can_hold(outline: Outline) -> Iterator[Problem]:
    """No test asks for a number that the fact can never be; a condition that never holds for it is found as a whole."""
    for asked in outline.conditions:
        if len(asked.condition.clauses) == 1 and not isinstance(asked.owner.node, Holds):
            continue
        for path, named in asked.tests:
            test = named.test.test if isinstance(named.test, Not) else named.test
            domain = domain_of(outline, named.name)
            if not isinstance(test, Range) or domain is None or domain.kind != "quantity":
                continue
            if all(map(_is_number, test.limits.values())) and not test.meets(domain.limits):
                known = f": it is {domain.limits.words}" if domain.limits.limits else ""
                message = f"{named.name} is never {test.words}{known}; correct the limits of the test"
                yield outline.problem("never-true", path, named.mark, message)


def _faults(outline: Outline, named: NamedTest) -> Iterator[tuple[str, str]]:
    if named.name in BUILT_IN_NAMES and domain_of(outline, named.name) is None:
        yield "built-in-name", f"{named.name} is built in: its ends hold in every protocol, so leave the test out"
        return
    domain = domain_of(outline, named.name)
    if domain is None:
        protocol = outline.protocol
        known = [*protocol.values, *protocol.derived, *protocol.facts, *protocol.assumptions]
        yield "unknown-name", f"{named.name!r} is no value, fact or assumption of this file; {hint(named.name, known)}"
    elif domain.kind == "reading":
        yield from _reading_faults(named, domain)
    elif domain.kind != "undeclared":
        yield from test_faults(outline, named.name, named.test, domain)


def _reading_faults(named: NamedTest, domain: Domain) -> Iterator[tuple[str, str]]:
    if not isinstance(named.test, OneOf):
        yield (
            "wrong-test",
            f"{named.name} is an assumption; test it by the ids of its readings: {', '.join(domain.levels)}",
        )
        return
    for level in named.test.values:
        if level not in domain.levels:
            yield "unknown-level", f"{level!r} is no reading of {named.name}; {hint(level, domain.levels)}"


def test_faults(outline: Outline, name: str, test: Test, domain: Domain) -> Iterator[tuple[str, str]]:
    """What is wrong with a test on a name of that domain: code and message."""
    match test:
        case Presence(word):
            if word == "reached" and domain.kind != "date":
                yield "wrong-test", f"{name} is no date, so its day is never reached"
        case Not(inner):
            yield from test_faults(outline, name, inner, domain)
        case OneOf(values):
            yield from _level_faults(name, values, domain)
        case Range():
            yield from _range_faults(name, test, domain)
        case AnyOf(tests):
            for inner in tests:
                yield from test_faults(outline, name, inner, domain)
        case Elapsed():
            yield from _time_faults(outline, name, test, domain)
        case InSet(how, set_name):
            yield from _set_faults(outline, name, how, set_name, domain)
        case _:
            assert_never(test)


def _level_faults(name: str, values: tuple[str, ...], domain: Domain) -> Iterator[tuple[str, str]]:
    if domain.kind in ("ordered", "unordered") or (domain.kind == "date" and domain.levels):
        for level in values:
            if level not in domain.levels:
                yield "unknown-level", f"{name} is never {level!r}; {hint(level, domain.levels)}"
    elif domain.kind == "quantity":
        yield "wrong-test", f'{name} is a number of {domain.of}; give limits, such as {{at_least: "{values[0]}"}}'
    elif domain.kind == "set":
        yield (
            "wrong-test",
            f"{name} is a set of {domain.of}; test it with some_in, all_in or none_in and a set of this file",
        )
    else:
        yield "wrong-test", f"{name} is a date; it can be tested with within, any_result and not_reported only"


def _time_faults(outline: Outline, name: str, test: Elapsed, domain: Domain) -> Iterator[tuple[str, str]]:
    if domain.kind != "date":
        yield "wrong-test", f"{name} is no date, so it cannot lie within a time"
    known = ("consent", *outline.protocol.facts)
    if test.before is not None and test.before not in known:
        yield "unknown-name", f"{test.before!r} is no fact of this file, nor consent; {hint(test.before, known)}"


def _range_faults(name: str, test: Range, domain: Domain) -> Iterator[tuple[str, str]]:
    if domain.kind not in ("ordered", "quantity"):
        what = f"has no order; list its levels: {', '.join(domain.levels)}" if domain.levels else "has no order"
        yield "wrong-test", f"{name} {what}"
        return
    for word, limit in test.limits.items():
        if domain.kind == "ordered" and limit not in domain.levels:
            yield "unknown-level", f"{word} {limit!r} is no level of {name}; {hint(limit, domain.levels)}"
        if domain.kind == "quantity" and not _is_number(limit):
            yield "wrong-test", f"{word} {limit!r} is no number; write the limit in {domain.of}, without the unit"


def _is_number(limit: str) -> bool:
    return LIMIT_PATTERN.fullmatch(limit) is not None


def _set_faults(outline: Outline, name: str, how: str, set_name: str, domain: Domain) -> Iterator[tuple[str, str]]:
    sets = outline.protocol.sets
    if domain.kind != "set":
        yield "wrong-test", f"{name} is no set, so {how} cannot test it; {known_words(domain.levels)}"
    if set_name not in sets:
        yield "unknown-name", f"{set_name!r} is no set of this file; {hint(set_name, tuple(sets))}"
    elif domain.kind == "set" and sets[set_name].of != domain.of:
        yield (
            "wrong-test",
            f"{name} is a set of {domain.of} and {set_name} a set of {sets[set_name].of}; they never meet",
        )
