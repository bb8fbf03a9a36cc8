"""Do values that are worked out from several results read what there is, and say what can be worked out?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

from protocol_engine.checks.conditions import test_faults
from protocol_engine.checks.domains import Domain, domain_of, each_of, facts_behind, read_domain
from protocol_engine.checks.names import acts_of, elements_of
from protocol_engine.checks.outline import Outline, hint
from protocol_engine.checks.track_states import track_names
from protocol_engine.errors import shown
from protocol_engine.model.units import LIMIT_PATTERN
from protocol_engine.model.values import (
    ACTS,
    AHEAD,
    ANY_RESULT,
    EVER_REPORTED,
    MAIN,
    Change,
    Confirmation,
    Date,
    Ever,
    Last,
    Level,
    Members,
    Take,
    TrackState,
    Worked,
    calendar_day,
)

MARKS = ("consent", "eligibility", "allocation", "first_dose", "element")
Fault = tuple[str, str, str]
"""Code, key and message."""


def worked_faults(outline: Outline, value: Worked) -> Iterator[Fault]:  # noqa: C901  # one case for each kind of value
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
        case Date():
            yield from _date_faults(outline, value)
        case TrackState():
            known = track_names(outline.protocol)
            if value.track not in (*known, MAIN) or not known:
                yield "unknown-name", "track", f"{value.track!r} is no track of this file; {hint(value.track, known)}"
        case Level():
            ladders = tuple(outline.protocol.ladders)
            if value.level_of not in ladders:
                message = f"{value.level_of!r} is no ladder of this file; {hint(value.level_of, ladders)}"
                yield "unknown-name", "level_of", message


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
    for key, given in {"is": value.is_ != ANY_RESULT, "where": value.where}.items():
        if given:
            yield "wrong-test", key, "doses, cycles and drugs are given or not; leave this out"
    marks = (*MARKS, *elements_of(outline), *acts_of(outline))
    if value.since is not None and value.since not in marks:
        yield "unknown-name", "since", f"{value.since!r} is no act to count from; {hint(value.since, marks)}"


def _named(outline: Outline, head: str) -> Mapping[str, object]:
    return outline.protocol.drugs if head == "drug" else outline.protocol.regimens


def moments_faults(outline: Outline, name: str, value: Last | Take | Confirmation) -> Iterator[Fault]:
    """Faults in which results are looked at."""
    key = "last" if isinstance(value, Last) else "confirmation" if isinstance(value, Confirmation) else "of"
    if not isinstance(value, Last):
        if read_domain(outline, name) is None or name.startswith(("choice.", "allocation.")):
            yield "unknown-name", key, f"{name!r} is no fact or part; {hint(name, tuple(outline.protocol.facts))}"
            return
        marks = (*MARKS, *elements_of(outline), *acts_of(outline))
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


def _date_faults(outline: Outline, value: Date) -> Iterator[Fault]:
    protocol = outline.protocol
    known = (*protocol.values, *protocol.facts, *MARKS, *AHEAD, *elements_of(outline), *acts_of(outline))
    span = value.as_long_as
    named = [("date", name) for name in value.date]
    named += [("as_long_as.from", span.from_), ("as_long_as.to", span.to)] if span is not None else []
    ends = (("not_before", value.not_before), ("not_after", value.not_after))
    named += [(key, name) for key, name in ends if name is not None]
    for key, name in named:
        domain = domain_of(outline, name)
        of_results = isinstance(protocol.values.get(name), Ever | Confirmation)
        if name not in known and calendar_day(name) is None:
            yield "unknown-name", key, f"{name!r} is no act, date or value; {hint(name, known)}"
        elif domain is not None and domain.kind not in ("date", "undeclared") and not of_results:
            yield "wrong-test", key, f"{name} is no date, nor something that was so from one day on"
    if span is not None and not (LIMIT_PATTERN.fullmatch(span.times) and Fraction(span.times) > 0):
        yield "wrong-test", "as_long_as.times", f"{shown(span.times)} is no number above 0; write such as 0.5 or 1/2"


def _member_faults(outline: Outline, value: Members) -> Iterator[Fault]:
    fact = outline.protocol.facts.get(value.over)
    each = {name: item for name, item in outline.protocol.facts.items() if item.each is not None}
    if fact is None or fact.each is None:
        yield "unknown-name", "over", f"{value.over!r} is no fact with `each`; {hint(value.over, tuple(each))}"
    elif EVER_REPORTED in fact.taken:
        yield "name-taken", "at", f"{EVER_REPORTED} is a word of the language here; give that timepoint another name"
    elif value.at is not None and value.at not in (EVER_REPORTED, *fact.taken):
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
