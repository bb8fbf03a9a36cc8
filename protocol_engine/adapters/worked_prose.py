"""Values that are worked out from several results, in words."""

from __future__ import annotations

from collections.abc import Mapping

from protocol_engine.adapters.phrases import cell, fact_name, label, listed, regimen_name
from protocol_engine.engine.wording import words
from protocol_engine.model.conditions import NamedTest, Test
from protocol_engine.model.protocol import Protocol
from protocol_engine.model.values import (
    ACTS,
    EVER_REPORTED,
    MAIN,
    Change,
    Confirmation,
    Date,
    Level,
    Members,
    Prefer,
    Take,
    TrackState,
    Worked,
)

TAKEN = {
    "first": "the first result",
    "previous": "the result before the newest",
    "highest": "the highest result",
    "lowest": "the lowest result",
    "mean": "the mean of all results",
    "sum": "the sum of all results",
}
GIVEN = {"dose": "doses", "cycle": "cycles", "drug": "doses"}


def worked_words(protocol: Protocol, value: Worked | Prefer) -> str:
    """What the value is."""
    match value:
        case Take():
            return _take_words(protocol, value)
        case Confirmation():
            what = _read(protocol, value.confirmation)
            again = f"at least {value.after}" + (f" and at most {value.within}" if value.within else "")
            return (
                f"whether {what} is {_met(protocol, value.confirmation, value.is_)}{where_words(value.where)}"
                f"{_since(value.since)}, and so again after {again}, with no other result between: "
                "none, unconfirmed or confirmed"
            )
        case Change():
            how = {"difference": "the difference", "ratio": "the ratio", "percent": "the change in percent"}
            return f"{how[value.change]} of {label(protocol, value.of)} to {label(protocol, value.from_)}"
        case Date():
            return _date_words(protocol, value)
        case TrackState():
            own = "the course of the arm" if protocol.subject == "patient" else "the trial"
            what = own if value.track == MAIN else f"the track {words(value.track)}"
            return f"where {what} stands: the act that was done last, waiting before any, or why it ended"
        case Level():
            return f"the level of the dose of {protocol.drugs[protocol.ladders[value.level_of].of].name}"
        case Prefer():
            return (
                f"the first of these that is known: {'; or else '.join(label(protocol, name) for name in value.prefer)}"
            )
        case Members():
            each = protocol.facts[value.over].each or "member"
            at = f"at {words(value.at)}" if value.at is not None else "in the first report"
            at = "at any time" if value.at == EVER_REPORTED else at
            many = {"every": f"whether, of every {each}", "some": f"whether, of some {each}"}
            of = many.get(value.members, f"the number of {each}s, among those")
            whom = "" if value.members in many else " of which"
            test = _met(protocol, value.of, value.is_)
            return f"{of} reported {at},{whom} {label(protocol, value.of)} is {test}"


def _date_words(protocol: Protocol, value: Date) -> str:
    days = [_day_words(protocol, name) for name in value.date]
    found = days[0] if len(days) == 1 else f"the {value.of_several} of {listed(days)}"
    if value.plus is not None:
        found = f"{value.plus} after {found}"
    span = value.as_long_as
    if span is not None:
        length = f"{_day_words(protocol, span.from_)} to {_day_words(protocol, span.to)}"
        found = f"{span.times} times as long after {found} as from {length}"
    if value.not_before is not None:
        found += f", but not before {_day_words(protocol, value.not_before)}"
    if value.not_after is not None:
        found += f", and not after {_day_words(protocol, value.not_after)}"
    return found


def _day_words(protocol: Protocol, name: str) -> str:
    return label(protocol, name) if name in protocol.values or name in protocol.facts else moment_words(name)


def _take_words(protocol: Protocol, value: Take) -> str:
    if value.of[0].partition(".")[0] in ACTS:
        lately = f", in the last {value.within}" if value.within is not None else ""
        begun = f", from the day of {moment_words(value.since)} on" if value.since is not None else ""
        return f"how many were given: {listed(_act(protocol, act) for act in value.of)}{begun}{lately}"
    what = _read(protocol, value.of[0])
    narrowed = f"{where_words(value.where)}{_since(value.since)}"
    narrowed += f", of the last {value.within}" if value.within is not None else ""
    if value.take in TAKEN:
        return f"{TAKEN[value.take]} of {what}{narrowed}"
    met = _met(protocol, value.of[0], value.is_)
    if value.take == "count":
        return f"how many results of {what} are {met}{narrowed}"
    apart = f", each at least {value.apart} after the one counted before" if value.apart is not None else ""
    return f"how many of the newest results of {what} in an unbroken row are {met}{apart}{narrowed}"


def _act(protocol: Protocol, act: str) -> str:
    head, _, name = act.partition(".")
    return f"{GIVEN[head]} of {protocol.drugs[name].name if head == 'drug' else regimen_name(protocol, name)}"


def _met(protocol: Protocol, name: str, test: Test) -> str:
    return cell(protocol, NamedTest(name, test))


def _read(protocol: Protocol, name: str) -> str:
    fact, _, part = name.partition(".")
    return f"the {words(part)} of {fact_name(protocol, fact)}" if part else fact_name(protocol, fact)


def where_words(where: Mapping[str, tuple[str, ...]]) -> str:
    """The details that a report must have."""
    return "".join(f", where the {words(part)} is {listed(map(words, wanted), 'or')}" for part, wanted in where.items())


def _since(act: str | None) -> str:
    return f", after {moment_words(act)}" if act is not None else ""


def moment_words(name: str) -> str:
    """An act to count from."""
    kind, _, rest = name.partition(".")
    if kind == "administration":
        return f"the last dose of {words(rest)}"
    if kind == "procedure":
        return words(rest)
    if kind == "element" and rest:
        return f"the first dose of the element {words(rest)}"
    if kind == "choice":
        choice, _, option = rest.partition(".")
        return f"the choice {words(choice)}: {words(option)}"
    if kind == "allocation" and rest:
        allocation, _, arm = rest.partition(".")
        return f"the allocation {words(allocation)}" + (f" to {words(arm)}" if arm else "")
    doses = {
        "element": "the beginning of the element",
        "first_dose": "the first dose of the course",
        "due": "the day on which the next dose is due",
        "last_day": "the last day for the next dose",
    }
    return doses.get(name, words(name))
