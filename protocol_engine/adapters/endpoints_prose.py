"""The ends and endpoints of a course as a page, and those of many patients as a table."""

from __future__ import annotations

from collections.abc import Sequence

from protocol_engine.adapters.blocks import Grid, Heading, Item, Items, Page, Paragraph, section
from protocol_engine.adapters.phrases import cites, counted
from protocol_engine.engine.survival import Tally
from protocol_engine.engine.wording import rounded, words
from protocol_engine.model.outcomes import EndpointAnswer, Ends, EndState, Outcomes
from protocol_engine.model.table import Table

STATES = {
    "event": "event",
    "censored": "censored",
    "open": "no event, and nothing to censor at yet",
    "censoring_not_stated": "no event; censoring is not stated in the record",
    "not_begun": "not begun",
    "yes": "yes",
    "no": "no",
    "not_yet": "not so far",
    "not_evaluable": "not evaluable",
    "unknown": "unknown",
    "in_words": "defined in words only, not computed",
}
"""Every state of an endpoint in words."""
OF_ENDS = {
    "not_begun": "not begun",
    "ongoing": "ongoing",
    "ended": "ended",
    "open": "open",
    "closed": "closed",
    "lost": "lost to follow-up",
    "not_stated": "not stated in the record",
}


def outcomes_page(table: Table, outcomes: Outcomes, remarks: Sequence[str] = ()) -> Page:
    """The ends and endpoints of one patient."""
    day = outcomes.as_of.isoformat() if outcomes.as_of is not None else "no day: nothing has happened"
    items = tuple(Item(answer.name, _answer_words(answer), _reasons(answer)) for answer in outcomes.endpoints)
    none = Paragraph(f"The file defines no endpoints.{cites(silent=outcomes.not_stated)}")
    return (
        Heading(f"{table.protocol}: ends and endpoints as of {day}", 1),
        *section("Ends", Items(_end_items(outcomes.ends))),
        *section("Endpoints", Items(items) if items else none),
        *section("Also", *(Paragraph(remark) for remark in remarks)),
    )


def _end_items(ends: Ends) -> tuple[Item, ...]:
    new = f"{ends.new_therapy[1]}, from {ends.new_therapy[0]}" if ends.new_therapy is not None else "none reported"
    items = [
        Item("Protocol treatment", _end_words(ends.treatment)),
        Item("Study", _end_words(ends.study)),
        Item("Survival follow-up", _end_words(ends.survival_follow_up)),
        Item("New anticancer therapy", new),
        Item("Last known alive", str(ends.last_contact or "never reported")),
        Item("Death", str(ends.death or "not reported")),
    ]
    return (*items, *(Item("In doubt", doubt) for doubt in ends.doubts))


def _end_words(end: EndState) -> str:
    why = f": {words(end.reason)}" if end.reason is not None and end.state != "lost" else ""
    since = " since" if end.state == "open" else ""
    return f"{OF_ENDS[end.state]}{why}{f'{since} {end.on}' if end.on is not None else ''}"


def _answer_words(answer: EndpointAnswer) -> str:
    title = f"{answer.title}: " if answer.title is not None else ""
    on = f" on {answer.on}" if answer.on is not None else ""
    lasted = ""
    if answer.days is not None and answer.months is not None:
        lasted = f", after {counted(answer.days, 'day')} ({counted(answer.months, 'completed month')})"
    seen = f", {answer.confirmation}" if answer.confirmation == "unconfirmed" else ""
    told = cites(answer.basis, silent=answer.not_stated)
    return f"{title}{STATES[answer.state]}{on}{lasted}{seen}{told}"


def _reasons(answer: EndpointAnswer) -> Page:
    used = f" ({', '.join(answer.events)})" if answer.events and answer.because else ""
    because = [f"{'; '.join(answer.because)}{used}"] if answer.because else []
    return tuple(Paragraph(text) for text in (*because, *answer.missing))


# --- many patients ----------------------------------------------------------------------------------------------------


def tallies_page(protocol: str, tallies: Sequence[Tally], rows: Sequence[tuple[str, Outcomes]]) -> Page:
    """The endpoints of many patients: how many of each kind, the curve, and a line for each patient."""
    counts = tuple(
        (item.name, str(item.patients), ", ".join(f"{number} {words(state)}" for state, number in item.counts.items()),
         _median(item))
        for item in tallies
    )  # fmt: skip
    patients = tuple(
        (name, str(outcomes.as_of), *(_short(answer) for answer in outcomes.endpoints)) for name, outcomes in rows
    )
    names = tuple(item.name for item in tallies)
    return (
        Heading(f"{protocol}: endpoints of {counted(len(rows), 'patient')}", 1),
        *section("Counts", Grid(("Endpoint", "Patients", "States", "Median, days"), counts)),
        *(block for item in tallies for block in _curve(item)),
        *section("Patients", Grid(("Patient", "As of", *names), patients)),
    )


def _median(item: Tally) -> str:
    if not item.curve:
        return "no curve" if item.kind == "time" else ""
    return str(item.median) if item.median is not None else "not reached"


def _curve(item: Tally) -> Page:
    if item.why_no_curve is not None:
        return section(item.name, Paragraph(item.why_no_curve))
    if not item.curve:
        return ()
    rows = tuple(
        (str(p.day), str(p.at_risk), str(p.events), str(p.censored), f"{p.share}, {rounded(p.share, 3)}")
        for p in item.curve
    )
    return section(item.name, Grid(("Day", "At risk", "Events", "Censored", "Without the event"), rows))


def _short(answer: EndpointAnswer) -> str:
    return words(answer.state) + (f", day {answer.days}" if answer.days is not None else "")
