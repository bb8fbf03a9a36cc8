"""Do the named values read what there is, and none of them itself?"""

from __future__ import annotations

from collections.abc import Iterator

from protocol_engine.checks.domains import domain_of, fact_domain, read_domain
from protocol_engine.checks.names import acts_of, elements_of
from protocol_engine.checks.outline import Outline, hint, known_words
from protocol_engine.checks.worked import moments_faults, where_faults, worked_faults
from protocol_engine.errors import Problem
from protocol_engine.model.protocol import Protocol
from protocol_engine.model.values import Ever, Holds, Last, Prefer, Take, Value, WorkedOut, names_of

GATES = ("consent", "eligibility", "allocation")
GRADES = ("1", "2", "3", "4", "5")
REPORTS = ("adverse_event", "discontinuation", "unblinding")
ONCE_REPORTED = ("new_therapy", "lost_to_follow_up")
"""Reports of which only their day can be asked."""
Fault = tuple[str, str, str]
FEWEST_SOURCES = 2
MOST_DEEP = 40
"""Values inside values beyond which they are refused: the engine evaluates them one inside the other."""


def values_read_what_there_is(outline: Outline) -> Iterator[Problem]:
    """Facts, parts, timepoints, levels and acts named in a value are declared, and of the right type."""
    for name, value in outline.protocol.values.items():
        faults: Iterator[Fault] = iter(())
        if isinstance(value, Last):
            faults = _last_faults(outline, value)
        elif isinstance(value, Ever):
            faults = _ever_faults(outline, value)
        elif isinstance(value, Prefer):
            faults = _prefer_faults(outline, value)
        elif not isinstance(value, Holds):
            faults = worked_faults(outline, value)
        for code, key, message in faults:
            yield outline.problem(code, f"values.{name}.{key}", value.mark, message)


def _last_faults(outline: Outline, value: Last) -> Iterator[Fault]:
    protocol = outline.protocol
    domain = read_domain(outline, value.last)
    head, _, _ = value.last.partition(".")
    if domain is None:
        known = [*protocol.facts, *_parts(protocol), *(f"choice.{name}" for name in outline.choices)]
        known += [f"allocation.{name}" for name in outline.allocations]
        yield "unknown-name", "last", f"{value.last!r} is no fact, part or choice; {hint(value.last, known)}"
        return
    yield from moments_faults(outline, value.last, value)
    if value.at is not None:
        known_points = tuple(protocol.facts[head].taken) if head in protocol.facts else ()
        if value.at not in known_points:
            yield "unknown-name", "at", f"{value.at!r} is no timepoint of {head}; {hint(value.at, known_points)}"
    if value.if_missing in (None, "unknown"):
        return
    if domain.levels and value.if_missing not in domain.levels:
        yield "unknown-level", "if_missing", f"{value.last} is never {value.if_missing!r}; {known_words(domain.levels)}"
    elif not domain.levels and domain.kind != "undeclared":
        yield "wrong-test", "if_missing", f"only what has levels can be replaced, and {value.last} is a {domain.kind}"
    if not any(claim.startswith("A") for claim in (*value.cite, *value.rests)):
        message = "replaces a result that nobody reported; say which assumption allows it: `cite: A…`"
        yield "if-missing-without-assumption", "if_missing", message


def _prefer_faults(outline: Outline, value: Prefer) -> Iterator[Fault]:
    """Several sources of one kind of answer, each of which may have nothing to say, and the claim that ranks them."""
    known = (*outline.protocol.values, *outline.protocol.facts)
    if len({*value.prefer}) < max(len(value.prefer), FEWEST_SOURCES):
        yield "exactly-one", "prefer", "name at least two sources, the best one first, and each once"
    for name in value.prefer:
        if name not in known:
            yield "unknown-name", "prefer", f"{name!r} is no value or fact of this file; {hint(name, known)}"
    for name in value.prefer[:-1]:
        if _always_answers(outline.protocol.values.get(name)):
            yield (
                "ignored",
                "prefer",
                f"{name} has an answer also while nobody reports; what stands behind is never asked",
            )
    found = ((name, domain_of(outline, name)) for name in value.prefer)
    domains = [(name, domain) for name, domain in found if domain is not None and domain.kind != "undeclared"]
    for name, domain in domains[1:]:
        best, wanted = domains[0]
        if (domain.kind, domain.levels, domain.of) != (wanted.kind, wanted.levels, wanted.of):
            yield "wrong-test", "prefer", f"{best} and {name} do not answer alike; give them the same levels or unit"
    if not any(claim[:1] in "RA" for claim in (*value.cite, *value.rests)):
        yield "no-citation", "prefer", "takes one source where another is missing; cite the rule that ranks them"


def _always_answers(value: Value | None) -> bool:
    """Whether a value is known although nobody reported."""
    if isinstance(value, Last):
        return value.if_missing not in (None, "unknown")
    return isinstance(value, Ever) or (isinstance(value, Take) and value.take in ("count", "run"))


def _parts(protocol: Protocol) -> list[str]:
    return [f"{name}.{part}" for name, fact in protocol.facts.items() for part in fact.parts]


def _ever_faults(outline: Outline, value: Ever) -> Iterator[Fault]:
    for name in value.ever:
        if name == "adverse_event":
            yield from _adverse_faults(outline, value)
        elif name in ("discontinuation", "unblinding"):
            yield from _levels(value, name, _words_of(outline.protocol, name))
        elif name in outline.protocol.facts:
            yield from _result_faults(outline, value, name)
        elif name in (*ONCE_REPORTED, *acts_of(outline)):
            if value.is_ is not None:
                what = "a report, which was made" if name in ONCE_REPORTED else "an act, which was done"
                yield "wrong-test", "is", f"{name} is {what} or was not; leave `is` out"
        else:
            known = [*outline.protocol.facts, *REPORTS, *ONCE_REPORTED, *acts_of(outline)]
            yield "unknown-name", "ever", f"{name!r} is no fact, report or act; {hint(name, known)}"
    known_marks = [*GATES, "first_dose", "element", *elements_of(outline), *acts_of(outline)]
    for act in value.since:
        if act not in known_marks:
            yield "unknown-name", "since", f"{act!r} is no act to count from; {hint(act, known_marks)}"
    yield from _timepoint_faults(outline, value)
    for name in value.ever if value.where else ():
        yield from where_faults(outline, name, value.where)
    yield from _before_faults(outline, value)


def _words_of(protocol: Protocol, report: str) -> tuple[str, ...]:
    """What may be asked of a report: what was stopped, or who was told the arm."""
    if report == "discontinuation":
        return "treatment", *protocol.drugs
    return protocol.masking.roles if protocol.masking is not None else ()


def _before_faults(outline: Outline, value: Ever) -> Iterator[Fault]:
    """What comes before a value is a report, and the value is of results: their days can be told apart."""
    if value.before is None:
        return
    protocol = outline.protocol
    results = [
        name
        for name, other in protocol.values.items()
        if isinstance(other, Ever) and {*other.ever} <= protocol.facts.keys() and other.before is None
    ]
    if value.before not in results:
        message = f"{value.before!r} is no value that asks whether a result ever was so; {hint(value.before, results)}"
        yield "unknown-name", "before", message
    if not {*value.ever} <= {*REPORTS}:
        yield "wrong-test", "before", f"only what is reported comes before a result here: {' or '.join(REPORTS)}"


def _adverse_faults(outline: Outline, value: Ever) -> Iterator[Fault]:
    for key, wanted in (value.is_ or {}).items():
        if key == "drug":
            for drug in wanted:
                if drug not in outline.protocol.drugs:
                    yield "unknown-name", "is.drug", f"{drug!r} is no drug; {hint(drug, tuple(outline.protocol.drugs))}"
        elif key == "grade":
            wrong = [grade for grade in wanted if grade not in GRADES]
            if wrong or not wanted:
                yield "wrong-test", "is.grade", f"CTCAE grades are 1 to 5{f', not {wrong[0]}' if wrong else ''}"
        elif key == "term":
            continue
        elif key != "unacceptable":
            message = "of an adverse event, `term`, `grade`, `unacceptable` and `drug` can be asked"
            yield "wrong-test", f"is.{key}", message
        elif wanted != ("yes",):
            yield "wrong-test", "is.unacceptable", "only `unacceptable: yes` can be asked"


def _result_faults(outline: Outline, value: Ever, fact: str) -> Iterator[Fault]:
    domain = fact_domain(outline.protocol.facts[fact])
    if domain.kind == "undeclared":
        return
    if not domain.levels:
        yield "wrong-test", "ever", f"{fact} has no levels, so it cannot be asked whether it ever was one"
    elif value.is_ is None:
        yield "wrong-test", "ever", f"say at which level, such as `is: {domain.levels[0]}`"
    else:
        yield from _levels(value, fact, domain.levels)


def _levels(value: Ever, name: str, known: tuple[str, ...]) -> Iterator[Fault]:
    for key, wanted in (value.is_ or {}).items():
        if key != "value":
            yield "wrong-test", f"is.{key}", f"{name} has no {key}; write its level straight after `is`"
            continue
        for level in wanted:
            if level not in known:
                yield "unknown-level", "is", f"{name} is never {level!r}; {hint(level, known)}"


def _timepoint_faults(outline: Outline, value: Ever) -> Iterator[Fault]:
    facts = [outline.protocol.facts[name] for name in value.ever if name in outline.protocol.facts]
    if not facts and not {*value.ever} <= {*REPORTS, *ONCE_REPORTED, *acts_of(outline)}:
        return  # the fact itself is unknown, which is reported
    known = [name for fact in facts for name in fact.taken]
    for key, wanted in (("at", value.at), ("not_at", value.not_at)):
        for name in wanted:
            if name not in known:
                yield "unknown-name", key, f"{name!r} is no timepoint of {', '.join(value.ever)}; {hint(name, known)}"


def _names_in(value: Value) -> tuple[str, ...]:
    """The names that a value reads by a condition, or by itself."""
    if isinstance(value, Holds):
        return tuple(test.name for test in value.holds.tests)
    return names_of(value) if isinstance(value, WorkedOut) else ()


def no_value_reads_itself(outline: Outline) -> Iterator[Problem]:
    """The values that a value reads do not lead back to it, and not through more of them than can be followed."""
    values = outline.protocol.values
    read = {name: [other for other in _names_in(value) if other in values] for name, value in values.items()}
    depth = dict.fromkeys(read, 0)
    for _ in range(MOST_DEEP):
        depth = {name: 1 + max((depth[other] for other in others), default=0) for name, others in read.items()}
    deep = [
        name for name in read if depth[name] == MOST_DEEP and any(depth[other] == MOST_DEEP for other in read[name])
    ]
    told: set[str] = set()
    for name in deep:
        way = [name]
        while way.count(way[-1]) == 1 and (others := [other for other in read[way[-1]] if depth[other] == MOST_DEEP]):
            way.append(others[0])
        circle = way[way.index(way[-1]) :] if way.count(way[-1]) > 1 else []
        if told.isdisjoint(circle or deep):
            yield _circle_or_chain(outline, name, circle)
        told |= {*circle, name}


def _circle_or_chain(outline: Outline, name: str, circle: list[str]) -> Problem:
    values = outline.protocol.values
    if circle:
        message = f"{' reads '.join(circle)}: a value cannot read itself; take one of the tests out"
        return outline.problem("circular-value", f"values.{circle[0]}", values[circle[0]].mark, message)
    message = f"reads values that read values, more than {MOST_DEEP} deep; say it with fewer names"
    return outline.problem("too-long", f"values.{name}", values[name].mark, message)
