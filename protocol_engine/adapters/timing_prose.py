"""When doses of a regimen are due, how long they may be delayed and what becomes of those left out, in words."""

from __future__ import annotations

from protocol_engine.adapters.blocks import Item, Items, Page
from protocol_engine.adapters.phrases import Book, capital, cites, condition_words, listed, regimen_name
from protocol_engine.adapters.worked_prose import moment_words
from protocol_engine.model.facts import Calendar
from protocol_engine.model.protocol import Delay, Omitted, Protocol, Regimen, Tolerance
from protocol_engine.model.table import RegimenContent

Given = Regimen | RegimenContent

DOSES = {None: "a dose", "day_1": "day 1 of a cycle", "later_days": "a later day of a cycle"}
DAY_1 = {
    "made_up": "stays due and uses no number",
    "skipped": "is not made up: its cycle runs without it, and is not one of those to be given",
    "counts": "is not made up: its cycle runs without it, and counts as given",
}
LATER_DAYS = {"skipped": "is not made up", "made_up": "stays due"}


def cycle_words(regimen: Regimen) -> str:
    """The length of a cycle, when the next one is due, and how early or late a dose may come."""
    allowed = _tolerance_words(regimen.tolerance)
    if regimen.cycle is None:
        return f"not stated{allowed}"
    return f"{regimen.cycle}{_next_words(regimen)}{allowed}"


def _next_words(regimen: Given) -> str:
    """What the next cycle is counted from, if not from the day 1 that was given alone."""
    rule = regimen.next_cycle
    if rule is None:
        return ""
    planned = ", counted from the planned day 1" if rule.from_ == "planned" else ""
    later = ""
    if rule.due is not None and (rule.after_day != 1 or planned or rule.due != regimen.cycle):
        later = f", the next {rule.due} after day {rule.after_day} if that is later"
    return f"{planned}{later}"


def timing_words(book: Book, regimen: RegimenContent) -> str:
    """How early or late a dose may come, for which reasons later, and what becomes of one that is left out."""
    cycle = _next_words(regimen)
    told = [f"cycles of {regimen.cycle}{cycle}"] if cycle else []
    told += [_tolerance_words(regimen.tolerance).removeprefix("; ")]
    told += [*(_delay_words(book, delay) for delay in regimen.delays), _omitted_words(regimen.omitted)]
    return "; ".join(text for text in told if text)


def calendar_words(calendar: Calendar) -> str:
    """When visits are, whatever becomes of the cycles."""
    found = f"every {calendar.every} from {moment_words(calendar.from_)} on"
    if calendar.for_ is not None:
        then = f"then every {calendar.then_every}" if calendar.then_every is not None else "then no more"
        found += f" for {calendar.for_}, {then}"
    either = (f"{length} {word}" for word, length in (("early", calendar.before), ("late", calendar.after)) if length)
    allowed = listed(either, "or")
    return f"{found}{f', up to {allowed}' if allowed else ''}{cites(calendar.cite, calendar.rests)}"


def delay_items(protocol: Protocol) -> Page:
    """For what reasons doses may be delayed, and what becomes of those that are left out, a line for each regimen."""
    items = []
    for name, regimen in protocol.regimens.items():
        told = [*(_delay_words(protocol, delay) for delay in regimen.delays), _omitted_words(regimen.omitted)]
        said = "; ".join(text for text in told if text)
        if said:
            items.append(Item("-", f"{capital(regimen_name(protocol, name))}: {said}."))
    return (Items(tuple(items)),) if items else ()


def _tolerance_words(tolerance: Tolerance | None) -> str:
    if tolerance is None:
        return ""
    both = (("early", tolerance.before), ("late", tolerance.after))
    found = listed((f"{length} {word}" for word, length in both if length is not None), "or")
    return f"; a dose may come {found}{cites(tolerance.cite, tolerance.rests)}"


def _delay_words(protocol: Book, delay: Delay) -> str:
    rests = (claim for clause in delay.if_.clauses for claim in clause.rests)
    told = f"{DOSES[delay.doses]} may come {delay.up_to} late if {condition_words(protocol, delay.if_)}"
    return told + cites(delay.cite, delay.rests, rests)


def _omitted_words(omitted: Omitted | None) -> str:
    if omitted is None:
        return ""
    day_1 = f"a day 1 that is left out {DAY_1[omitted.day_1]}"
    told = f"{day_1}; a later day that is left out {LATER_DAYS[omitted.later_days]}"
    return told + cites(omitted.cite, omitted.rests)
