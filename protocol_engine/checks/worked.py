"""Do values that are worked out from several results read what there is, and say what can be worked out?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from protocol_engine.checks.compiled import Compiled
from protocol_engine.checks.conditions import test_faults
from protocol_engine.checks.domains import Domain, domain_of, each_of, facts_behind, read_domain
from protocol_engine.checks.names import acts_of
from protocol_engine.checks.outline import Outline, hint
from protocol_engine.errors import Problem
from protocol_engine.model.table import Table
from protocol_engine.model.values import (
    ACTS,
    ANY_RESULT,
    Change,
    Confirmation,
    Holds,
    Last,
    Members,
    Take,
    Worked,
    names_of,
)

MARKS = ("consent", "eligibility", "allocation", "first_dose", "element")
Fault = tuple[str, str, str]
"""Code, key and message."""


def worked_faults(outline: Outline, value: Worked) -> Iterator[Fault]:
    """What is wrong with a value that is worked out."""
    match value:
        case Take():
            yield from _take_faults(outline, value)
        case Confirmation():
            yield from moments_faults(outline, value.confirmation, value)
            yield from _test_faults(outline, value.confirmation, value.is_ == ANY_RESULT, value)
        case Change():
            for key, name in (("of", value.of), ("from", value.from_)):
                yield from _number_faults(outline, key, name)
        case Members():
            yield from _member_faults(outline, value)


def falls_wait_for_no_day(compiled: Compiled) -> Iterator[Problem]:
    """Nothing falls by a value that changes as days go by: falls are looked at when something is reported."""
    told: set[str] = set()
    for row in compiled.table.rows:
        tests = [test for guard in row.guards for test in guard.condition.tests] if row.kind == "fall" else []
        for name in (name for test in tests for name in _names_behind(compiled.table, test.name)):
            value = compiled.table.values[name]
            if isinstance(value, Take) and value.within is not None and name not in told:
                told.add(name)
                message = (
                    f"{name} changes as days go by, and what stops or closes is looked at only when something is "
                    "reported; leave `within` out, or ask for it in `needs` or in a row of a table"
                )
                yield compiled.outline.problem("timed-fall", f"values.{name}.within", value.mark, message)


def _names_behind(table: Table, name: str, above: tuple[str, ...] = ()) -> Iterator[str]:
    """A named value, and those that it reads."""
    value = table.values.get(name)
    if value is None or name in above:
        return
    yield name
    names = names_of(value) if isinstance(value, Take | Confirmation | Change | Members) else ()
    if isinstance(value, Holds):
        names = tuple(test.name for test in value.holds.tests)
    for other in names:
        yield from _names_behind(table, other, (*above, name))


def _take_faults(outline: Outline, value: Take) -> Iterator[Fault]:
    acts = [name for name in value.of if name.partition(".")[0] in ACTS]
    if acts:
        yield from _count_faults(outline, value, acts)
        return
    if len(value.of) != 1:
        yield "wrong-test", "of", "one fact is read at a time; only acts are added up"
        return
    name = value.of[0]
    yield from moments_faults(outline, name, value)
    domain = read_domain(outline, name)
    if domain is None:
        return
    counts = value.take in ("count", "run")
    if value.take in ("mean", "sum") and domain.kind != "quantity":
        yield "wrong-test", "take", f"{name} is no number, so there is no {value.take} of it"
    elif value.take in ("highest", "lowest") and domain.kind not in ("ordered", "quantity"):
        yield "wrong-test", "take", f"{name} has no order, so none of its results is the {value.take}"
    elif domain.kind == "set":
        yield "wrong-test", "of", f"{name} is a set of names; take a fact or a part with one value"
    if counts:
        yield from _test_faults(outline, name, False, value)
    elif value.is_ != ANY_RESULT:
        yield "wrong-test", "is", f"what is taken as the {value.take} is any result; leave `is` out, or count"
    if value.apart is not None and value.take != "run":
        yield "wrong-test", "apart", "only results in a row are held apart; write `take: run`"


def _count_faults(outline: Outline, value: Take, acts: list[str]) -> Iterator[Fault]:
    if value.take != "count" or len(acts) != len(value.of):
        yield "wrong-test", "take", "doses, cycles and drugs are counted, and not together with results"
    known = [f"{head}.{name}" for head in ACTS for name in _named(outline, head)]
    for act in acts:
        if act not in known:
            yield "unknown-name", "of", f"{act!r} is nothing that is given; {hint(act, known)}"
    narrowing = {"is": value.is_ != ANY_RESULT, "since": value.since, "where": value.where, "within": value.within}
    for key, given in narrowing.items():
        if given:
            yield "wrong-test", key, "doses, cycles and drugs are counted over the whole course; leave this out"


def _named(outline: Outline, head: str) -> Mapping[str, object]:
    return outline.protocol.drugs if head == "drug" else outline.protocol.regimens


def moments_faults(outline: Outline, name: str, value: Last | Take | Confirmation) -> Iterator[Fault]:
    """Faults in which results are looked at."""
    key = "last" if isinstance(value, Last) else "confirmation" if isinstance(value, Confirmation) else "of"
    if not isinstance(value, Last):
        if read_domain(outline, name) is None or name.startswith("choice."):
            yield "unknown-name", key, f"{name!r} is no fact or part; {hint(name, tuple(outline.protocol.facts))}"
            return
        marks = (*MARKS, *acts_of(outline))
        if value.since is not None and value.since not in marks:
            yield "unknown-name", "since", f"{value.since!r} is no act to count from; {hint(value.since, marks)}"
    yield from where_faults(outline, name, value.where)


def where_faults(outline: Outline, name: str, where: Mapping[str, tuple[str, ...]]) -> Iterator[Fault]:
    """Faults in the details that a report must have to be looked at."""
    fact = outline.protocol.facts.get(name.partition(".")[0])
    for part, wanted in where.items() if fact is not None else ():
        known = {key: item.one_of for key, item in fact.parts.items() if item.one_of} if fact is not None else {}
        if part not in known:
            yield "unknown-name", f"where.{part}", f"{part!r} is no detail with words; {hint(part, tuple(known))}"
            continue
        for word in wanted:
            if word not in known[part]:
                yield "unknown-level", f"where.{part}", f"{part} is never {word!r}; {hint(word, known[part])}"


def _test_faults(outline: Outline, name: str, empty: bool, value: Take | Confirmation) -> Iterator[Fault]:
    domain = read_domain(outline, name)
    if empty:
        yield "wrong-test", "is", "say which result must be seen again"
    elif domain is not None and domain.kind != "undeclared":
        yield from ((code, "is", message) for code, message in test_faults(outline, name, value.is_, domain))


def _number_faults(outline: Outline, key: str, name: str) -> Iterator[Fault]:
    domain = domain_of(outline, name)
    if domain is None:
        known = (*outline.protocol.values, *outline.protocol.facts)
        yield "unknown-name", key, f"{name!r} is no value or fact of this file; {hint(name, known)}"
    elif domain.kind not in ("quantity", "undeclared"):
        yield "wrong-test", key, f"{name} is no number, so nothing is higher or lower than it by so much"


def _member_faults(outline: Outline, value: Members) -> Iterator[Fault]:
    fact = outline.protocol.facts.get(value.over)
    each = {name: item for name, item in outline.protocol.facts.items() if item.each is not None}
    if fact is None or fact.each is None:
        yield "unknown-name", "over", f"{value.over!r} is no fact with `each`; {hint(value.over, tuple(each))}"
    elif value.at is not None and value.at not in fact.taken:
        yield "unknown-name", "at", f"{value.at!r} is no timepoint of {value.over}; {hint(value.at, tuple(fact.taken))}"
    domain: Domain | None = domain_of(outline, value.of)
    if domain is None:
        known = (*outline.protocol.values, *outline.protocol.facts)
        yield "unknown-name", "of", f"{value.of!r} is no value or fact of this file; {hint(value.of, known)}"
        return
    if domain.kind != "undeclared":
        for code, message in test_faults(outline, value.of, value.is_, domain):
            yield code, "is", message
    read = facts_behind(outline, value.of)
    if fact is not None and fact.each is not None and all(each_of(outline, name) != fact.each for name in read):
        yield "wrong-test", "of", f"{value.of} is the same for every {fact.each}; read a fact that is reported for each"
