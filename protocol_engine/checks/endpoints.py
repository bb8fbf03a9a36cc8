"""Do endpoints name what has a day, what can happen, and nothing that would be ignored?"""

from __future__ import annotations

from collections.abc import Iterator

from protocol_engine.checks.conditions import BUILT_IN_NAMES
from protocol_engine.checks.domains import domain_of
from protocol_engine.checks.names import DATED, acts_of
from protocol_engine.checks.outline import Outline, hint
from protocol_engine.checks.worked import where_faults
from protocol_engine.errors import Problem
from protocol_engine.model.protocol import DateExpression, Endpoint, Give, May, MissedVisits, Perform, Response
from protocol_engine.model.units import NotStated
from protocol_engine.model.values import Change, Confirmation, Date, Ever, Holds, Last, Members, Take, Value, names_of

Fault = tuple[str, str, str]
OF_CENSORING = ("last_contact", "from", "up_to")
"""Days that censoring may name beside those that anything else may."""
MOVES = "counts since the element where the patient is, which changes; count since an act"
WITHOUT_DAYS = ("adverse_event", "discontinuation")


def endpoints_name_days(outline: Outline) -> Iterator[Problem]:
    """What an endpoint takes a day of has one, and means the same wherever the patient is."""
    for item, endpoint in outline.of(Endpoint):
        censoring = endpoint.censoring if isinstance(endpoint.censoring, tuple) else ()
        for key, names, more in (("closed_by", endpoint.closed_by, ()), ("censoring", censoring, OF_CENSORING)):
            known = (*more, *days_of(outline))
            for name in names:
                if name not in known:
                    message = f"{name!r} has no day here; {hint(name, known)}"
                    yield outline.problem("unknown-name", f"{item.path}.{key}", endpoint.mark, message)
                for code, message in _day_faults(outline, name):
                    yield outline.problem(code, f"{item.path}.{key}", endpoint.mark, message)
    for item, when in outline.of(DateExpression):
        for code, message in _day_faults(outline, when.date_of or ""):
            yield outline.problem(code, f"{item.path}.date_of", when.mark, message)


def days_of(outline: Outline) -> tuple[str, ...]:
    """Every name that an endpoint may take days of."""
    return (*DATED, *acts_of(outline), *outline.protocol.values, *outline.protocol.facts)


def _day_faults(outline: Outline, name: str) -> Iterator[tuple[str, str]]:
    value = outline.protocol.values.get(name)
    if name in (*DATED, *OF_CENSORING):
        taken = value is not None or name in outline.protocol.facts
        if taken and name not in BUILT_IN_NAMES:
            yield "name-taken", f"{name} is a word of endpoints, and a name of this file too; take another name"
        return
    if isinstance(value, Take | Change | Members | Holds):
        yield "wrong-test", f"{name} tells no day; name an `ever`, a `last`, a `confirmation` or a `date`"
    if isinstance(value, Ever) and any(told in WITHOUT_DAYS for told in value.ever):
        yield "wrong-test", f"{name} tells no day: of adverse events and discontinuations none is taken here"
    if value is not None and _moves(outline, value):
        yield "wrong-test", f"{name} {MOVES}"


def _moves(outline: Outline, value: Value, above: tuple[str, ...] = ()) -> bool:
    """Whether a value counts, directly or through other values, since the element where the patient is."""
    values = outline.protocol.values
    if "element" in (getattr(value, "since", None) or ()):
        return True
    if isinstance(value, Holds):
        names = tuple(test.name for test in value.holds.tests)
    elif isinstance(value, Change | Members | Date):
        names = names_of(value)
    else:
        names = ()
    if "element" in names:
        return True
    inner = (name for name in names if name in values and name not in above)
    return any(_moves(outline, values[name], (*above, name)) for name in inner)


def endpoints_say_one_thing(outline: Outline) -> Iterator[Problem]:
    """Nothing of an endpoint is without effect, and what it counts can be counted."""
    for item, endpoint in outline.of(Endpoint):
        for code, key, message in _endpoint_faults(endpoint):
            yield outline.problem(code, f"{item.path}.{key}", endpoint.mark, message)
    for item, of in outline.of(Response):
        for code, key, message in _rate_faults(outline, of):
            yield outline.problem(code, f"{item.path}.{key}", of.mark, message)
    for item, missed in outline.of(MissedVisits):
        for code, key, message in _missed_faults(outline, missed):
            yield outline.problem(code, f"{item.path}.{key}", missed.mark, message)


def _endpoint_faults(endpoint: Endpoint) -> Iterator[Fault]:
    if endpoint.from_ is None:
        for key in ("up_to", "censoring", "missed"):
            if not isinstance(getattr(endpoint, key), NotStated | None):
                yield "ignored", key, "belongs to a time to an event: give `from` and `to`, or leave it out"
        if endpoint.of is None and endpoint.closed_by:
            yield "ignored", "closed_by", "closes nothing: what is defined in words only is not computed"
    censoring = endpoint.censoring if isinstance(endpoint.censoring, tuple) else ()
    if "up_to" in censoring and endpoint.up_to is None:
        yield "ignored", "censoring", "is at the end of a time that is not given: say how long under `up_to`"


def _rate_faults(outline: Outline, of: Response) -> Iterator[Fault]:
    if of.fact in outline.protocol.facts:
        yield from where_faults(outline, of.fact, of.where)
    elif of.fact in outline.protocol.values:
        yield from _rate_of_value(outline, of, outline.protocol.values[of.fact])


def _rate_of_value(outline: Outline, of: Response, value: Value) -> Iterator[Fault]:
    for key, given in (("confirmed_after", of.confirmed_after), ("since", of.since), ("where", of.where)):
        if given:
            yield "ignored", key, f"{of.fact} is a value, which says this itself; leave it out here"
    levels = _levels(outline, of.fact)
    if levels is None:
        yield (
            "wrong-test",
            "fact",
            f"{of.fact} has no levels of which one could count; name a condition on it by `holds`",
        )
    elif isinstance(value, Confirmation) and of.is_ != ("confirmed",):
        yield "wrong-test", "is", f"of the confirmation {of.fact} only `confirmed` counts"
    for level in of.is_ if levels else ():
        if level not in (levels or ()):
            yield "unknown-level", "is", f"{of.fact} is never {level!r}; {hint(level, levels or ())}"
    if _moves(outline, value):
        yield "wrong-test", "fact", f"{of.fact} {MOVES}"


def _levels(outline: Outline, name: str) -> tuple[str, ...] | None:
    """The levels of a value; none if its fact has no type, which is told, and None for what has no levels."""
    domain = domain_of(outline, name)
    return () if domain is None else domain.levels if domain.levels or domain.kind == "undeclared" else None


def _missed_faults(outline: Outline, missed: MissedVisits) -> Iterator[Fault]:
    value = outline.protocol.values.get(missed.of)
    name = value.last.partition(".")[0] if isinstance(value, Last) else missed.of
    fact = outline.protocol.facts.get(name)
    if fact is None:
        known = [*outline.protocol.facts, *(n for n, v in outline.protocol.values.items() if isinstance(v, Last))]
        yield "unknown-name", "of", f"{missed.of!r} is no fact, and no `last` of one; {hint(missed.of, known)}"
    elif fact.calendar is None:
        yield "no-calendar", "of", f"{name} has no visits that could be missed: give it a `calendar`"
    if missed.visits == 0:
        yield "no-calendar", "visits", "no visit missed closes everything at once; give 1 or more"


def endpoints_can_happen(outline: Outline) -> Iterator[Problem]:
    """An act that an endpoint takes the day of is one that some step performs."""
    done = {f"procedure.{step.perform}" for _, step in outline.of(Perform)}
    done |= {f"procedure.{step.perform}" for _, step in outline.of(May) if step.perform is not None}
    done |= {f"administration.{step.give}" for _, step in outline.of(Give)}
    done |= {f"administration.{step.give_also}" for _, step in outline.of(May) if step.give_also is not None}
    done |= {name for name in acts_of(outline) if name.startswith("allocation.")}  # each arm of it leads on
    done |= {f"procedure.{name}" for name, procedure in outline.protocol.procedures.items() if procedure.history}
    written = ("choice.", "allocation.")  # these are known by their steps alone
    acts = [name for name in acts_of(outline) if not name.startswith(written) and name not in done]
    asked = [(item.path, when.mark, (when.date_of or "",)) for item, when in outline.of(DateExpression)]
    for item, endpoint in outline.of(Endpoint):
        censoring = endpoint.censoring if isinstance(endpoint.censoring, tuple) else ()
        asked.append((item.path, endpoint.mark, (*endpoint.closed_by, *censoring)))
    for path, mark, names in asked:
        for name in names:
            if name in acts:
                message = f"{name} comes in no course of this file, so it never happens under the protocol"
                yield outline.problem("never-happens", path, mark, message)
