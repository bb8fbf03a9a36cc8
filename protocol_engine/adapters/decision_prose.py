"""Decisions, answers and courses as pages that a clinician reads: in words, with the ids beside them.

It is long because a decision has many parts, each told in one way, and an answer shows the same parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

from protocol_engine.adapters.blocks import Block, Grid, Heading, Item, Items, Page, Paragraph, section
from protocol_engine.adapters.dose_prose import found_words, without_words
from protocol_engine.adapters.phrases import (
    capital,
    claim_words,
    drug_name,
    event_words,
    fact_at,
    listed,
    often,
    option_name,
    or_not_stated,
    plain_dose,
    procedure_name,
    regimen_name,
    with_id,
)
from protocol_engine.engine.blinding import HIDDEN
from protocol_engine.engine.wording import track_words, words
from protocol_engine.model.amendment import qualified
from protocol_engine.model.claims import GENERAL_RULES
from protocol_engine.model.decision import Action, Answer, Decision, Verdict
from protocol_engine.model.events import Act, PatientEvent
from protocol_engine.model.table import Table, claim_order
from protocol_engine.model.units import NOT_STATED_WORD
from protocol_engine.model.values import WAITING

CLAIM_PATTERN = re.compile(r"\b[RANG][1-9]\d*\b(?:@[\w.+-]*\w)?")
STRENGTHS: dict[Literal["required", "option", "permitted"], str] = {
    "required": "required: it is the only way on",
    "option": "option: it is one of several ways on",
    "permitted": "permitted: it may be done beside the rest",
}
VERDICTS = {
    "allowed": "allowed",
    "order": "not at this point of the course (order)",
    "condition": "its condition did not hold (condition)",
    "unknown": "its condition was not known (unknown)",
    "early": "before its day (early)",
    "late": "after the last day for it (late)",
    "content": "not what the protocol gives (content)",
    "duplicate": "reported already (duplicate)",
}
END_REASONS = {
    "death": "death",
    "off_study": "withdrawal from the study",
    "withdrawal": "withdrawal from treatment",
    "study_closure": "closure of the study",
    "progression": "progression",
    "toxicity": "unacceptable toxicity",
    "discontinuation": "treatment stopped for good",
    "completed": "the course is complete",
    "no_cohort": "the values lead to no cohort",
    "stopped_before_progression": "stopped before progression",
}
"""The reasons that the shipped protocols use; another file's reason is read as it is written."""


# --- what comes next -----------------------------------------------------------------------------------------------


def decision_page(table: Table, decision: Decision, remarks: Sequence[str] = ()) -> Page:
    """A whole decision; ``remarks`` are sentences about the input, put with the notices."""
    return (Heading(f"{table.protocol}: {table.title}", 1), *decision_sections(table, decision, remarks))


def decision_sections(table: Table, decision: Decision, remarks: Sequence[str] = ()) -> Page:
    """A decision without the title of its protocol."""
    return (
        Paragraph(_basis_words(table, decision)),
        *section(
            f"Where the {table.subject} is", Paragraph(capital(place_words(table, decision.place, decision.ended)))
        ),
        *_next(table, decision),
        *_awaited(table, decision),
        *_not_allowed(table, decision),
        *_deviations(decision.deviations),
        *_notices((*decision.notices, *remarks)),
        *_assumptions(table, decision),
        *section("Not stated in the record", *_claims(table, decision.not_stated, silences=True)),
        *section("Other rules and assumptions named above", *_claims(table, _others(table, decision, remarks))),
    )


def _basis_words(table: Table, decision: Decision) -> str:
    day = f"As of {decision.as_of}" if decision.as_of is not None else "Before the first event"
    made = f"engine {decision.engine_version}, protocol digest {decision.protocol['digest'][:12]}"
    basis = f"{day}, by version {decision.protocol['version']} of the record ({made}). {readings_words(table)}"
    return f"{basis} {view_words(decision.view)}" if decision.view is not None else basis


def view_words(view: dict[str, Any]) -> str:
    """As whom an answer is seen."""
    role = words(view["as"])
    if view["blinded"]:
        return f"This is what the {role} may see: names of arms, regimens and drugs stand for several."
    return f"This is what the {role} may see, who may know the allocation."


def readings_words(table: Table) -> str:
    """Which readings of the assumptions were selected over the defaults."""
    chosen = listed(f"{name} as {table.readings[name]}" for name in _selected(table))
    return f"Selected readings: {chosen}; all others by default." if chosen else "All assumptions are read by default."


def place_words(table: Table, place: dict[str, Any], ended: dict[str, str] | None = None) -> str:
    """Where the patient is, or was when the course ended."""
    arm, element = place["arm"], place["element"]
    parts = [f"arm {arm} ({table.arms[arm].title})" if arm is not None else "not allocated to an arm"]
    if table.subject == "trial":
        parts = [_element_words(table, None, element) if element is not None else "not begun"]
    elif arm is not None:
        parts.append(_element_words(table, arm, element) if element is not None else "no treatment begun")
    if place["day"] is not None:
        told = "left out" if place.get("left_out") else "last done"
        parts.append(f"{told}: cycle {place['cycle']} day {place['day']}")
    parts += [_track_words(table, arm, name, at) for name, at in place.get("tracks", {}).items()]
    found = "; ".join(parts)
    if ended is None:
        return f"{found}."
    reason = END_REASONS.get(ended["reason"], words(ended["reason"]))
    return f"the course ended on {ended['date']}: {with_id(reason, ended['reason'])}. Before: {found}."


def _track_words(table: Table, arm: str, track: str, at: dict[str, Any]) -> str:
    """Where a track stands beside the course of the arm."""
    title = with_id(track_words(table, arm, track), track)
    if at["ended"] is not None:
        return f"{title} ended on {at['ended']['date']}: {words(at['ended']['reason'])}"
    if at["state"] == WAITING:
        return f"{title} has not begun"
    last = f", cycle {at['cycle']} day {at['day']}" if at["day"] is not None else ""
    return f"{title} is at {words(at['state'])}{last}"


def _element_words(table: Table, arm: str | None, element: str) -> str:
    """The element that the patient is in, or the act that led to where she is."""
    inside = (at for at in table.places.values() if at.arm == arm and at.track is None)
    at = next((at for at in inside if at.element == element), None)
    if at is None or at.kind == "allocated":
        return "no treatment begun" if at is not None else element
    if at.kind == "assigned":
        return f"the allocation {with_id(words(element), element)} is made"
    if at.kind == "chosen":
        return f"the choice {with_id(words(element), element)} is made"
    if at.kind == "performed":
        return f"{procedure_name(table, element)} is done"
    return with_id(at.title or (table.regimens[at.regimen].name if at.regimen in table.regimens else None), element)


def _next(table: Table, decision: Decision) -> Page:
    if not decision.actions:
        why = (
            "the course has ended"
            if decision.ended is not None
            else "see what is awaited, and what is not allowed and why"
        )
        return section("What comes next", Paragraph(f"Nothing is offered: {why}."))
    rows = tuple(
        (
            str(number),
            action_words(table, action),
            *(or_not_stated(day) for day in (action.earliest, action.due, action.latest)),
            action.strength,
            ", ".join(action.basis),
        )
        for number, action in enumerate(decision.actions, 1)
    )
    grid = Grid(("", "What", "Earliest", "Due", "Latest", "Strength", "Rests on"), rows)
    strengths = dict.fromkeys(action.strength for action in decision.actions)
    told = "; ".join(STRENGTHS[strength] for strength in strengths)
    if any("track" in action.content for action in decision.actions):
        told += "; each in its own course: what is beside goes on beside the course of the arm"
    legend = Paragraph(f"{told}.")
    return (
        *section("What comes next", grid, legend, *_doses(decision.actions)),
        *section("Because", *_claims(table, _rules(decision))),
    )


def _doses(actions: Sequence[Action]) -> Page:
    lines = [
        (number, line) for number, action in enumerate(actions, 1) for line in action.content.get("administrations", ())
    ]
    rows = tuple(
        (
            str(number),
            with_id(line["name"], line["drug"]),
            _dose_cell(line),
            or_not_stated(line["route"]),
            _days_cell(line["days"]),
            _amount_cell(line),
        )
        for number, line in lines
    )
    grid = Grid(("", "Drug", "Dose", "Route", "Days of the cycle", "Amount for this patient"), rows)
    left_out = tuple(
        Item(str(number), without_words(found))
        for number, action in enumerate(actions, 1)
        for found in action.content.get("without", ())
    )
    return (*((grid,) if rows else ()), *((Items(left_out),) if left_out else ()))


def _dose_cell(line: dict[str, Any]) -> str:
    if line["dose"] in (NOT_STATED_WORD, HIDDEN):
        return or_not_stated(line["dose"])
    times_a_day = line["per_day"] if isinstance(line["per_day"], int) else None
    return f"{plain_dose(line['dose'])} {line['unit']}{often(times_a_day)}{found_words(line.get('dose_from', {}))}"


def _days_cell(days: Any) -> str:
    if isinstance(days, dict):
        return f"days {days['from']} to {or_not_stated(days['to'])}"
    if isinstance(days, list):
        return f"{'day' if len(days) == 1 else 'days'} {listed(map(str, days))}"
    return or_not_stated(days)


def _amount_cell(line: dict[str, Any]) -> str:
    amount = line["amount"]
    if amount is not None:
        if "bsa" in amount:
            return f"{amount['value']} {amount['unit']}, for {amount['bsa']} m2 of {amount['date']}"
        return f"{amount['value']} {amount['unit']}, for {amount['weight']} kg weighed on {amount['date']}"
    if line["dose"] == HIDDEN:
        return HIDDEN
    return (
        "no weight is known"
        if str(line["unit"]).endswith("/kg")
        else "no body surface is known"
        if str(line["unit"]).endswith("/m2")
        else "as the dose"
        if line["dose"] != NOT_STATED_WORD
        else "not stated"
    )


def action_words(table: Table, action: Action) -> str:
    """One action in words."""
    return _act_words(table, {"kind": action.kind, **action.content})


def _act_words(table: Table, act: dict[str, Any]) -> str:
    """An act in words; one of a track says so."""
    beside = f" (beside: {act['track']})" if "track" in act else ""
    return _plain_act_words(table, act) + beside


def _plain_act_words(table: Table, act: dict[str, Any]) -> str:  # noqa: C901  # one case for each kind of action
    match act["kind"]:
        case "obtain_consent":
            return "Obtain written consent"
        case "confirm_eligibility":
            return "Confirm that the patient is eligible"
        case "allocate":
            arms = act["arms"] if "arms" in act else [act["arm"]]
            return f"Allocate to {_arms_words(table, arms)}{_not_known(act)}"
        case "administer" if "regimen" in act:
            return f"Give {regimen_name(table, act['regimen'])}{_cycle_words(act)}"
        case "administer":
            return f"Give {drug_name(table, act['drug'])}"
        case "assess":
            return f"Assess {fact_at(table, act['fact'], act['timepoint'])}"
        case "choose":
            names = act["options"] if "options" in act else [act["option"]]
            options = listed((option_name(table, name) for name in names), "or")
            told = f"{options}{_not_known(act)}{_advice_words(table, act)}"
            return f"Choose {words(act['choice'])} ({_chosen_by(act)}): {told}"
        case "perform":
            return f"Perform {procedure_name(table, act['procedure'])}"
        case "follow_up":
            return "Follow survival"
        case "amend":
            return f"Move to version {act['version']} of the protocol"
        case kind:
            return capital(words(kind))


def _cycle_words(act: dict[str, Any]) -> str:
    return f", cycle {act['cycle']} day {act['day']}" if act.get("cycle") is not None else ""


def _arms_words(table: Table, arms: Sequence[str]) -> str:
    later = next((table.allocation_of[arm] for arm in arms if arm in table.allocation_of), None)
    if later is not None:
        return f"{listed(map(words, arms), 'or')} ({later})"
    return listed((f"{arm} ({table.arms[arm].title})" for arm in arms), "or")


def _not_known(act: dict[str, Any]) -> str:
    """The arms or options of a menu of which it is not known whether they are open."""
    return f"; not known to be open: {listed(map(words, act['unknown']))}" if act.get("unknown") else ""


def _advice_words(table: Table, act: dict[str, Any]) -> str:
    """Which option is advised, if any is."""
    if act.get("advised") is None:
        return ""
    return f"; advised: {option_name(table, act['advised'])} (another option needs a reason)"


def _chosen_by(act: dict[str, Any]) -> str:
    return f"{act['choice']}, by the {act['by']}" if act.get("by") else str(act["choice"])


def _rules(decision: Decision) -> tuple[str, ...]:
    named = [claim for action in decision.actions for claim in action.basis]
    return _sorted(claim for claim in named if not claim.startswith("A"))


def _others(table: Table, decision: Decision, remarks: Iterable[str]) -> tuple[str, ...]:
    """Claims that are named and that no other section puts into words."""
    told = {*_rules(decision), *_waiting_rules(decision), *decision.assumptions, *decision.not_stated}
    named = [claim for wait in decision.awaiting for claim in wait.needed_by]
    sentences = [*decision.notices, *remarks]
    for refusal in decision.not_allowed:
        named += refusal.cites
        sentences += refusal.because
    for verdict in decision.deviations:
        if verdict.version in (None, decision.protocol["version"]):
            named += verdict.cites
            sentences += verdict.because
        else:  # a claim of another version of the protocol
            named += (qualified(claim, verdict.version or "") for claim in verdict.cites)
    named += _named_in(table, sentences)
    return _sorted(claim for claim in named if claim not in told)


def _named_in(table: Table, sentences: Iterable[str]) -> Iterator[str]:
    """The claims that sentences name, and those whose reading was selected."""
    known = {*table.rules, *table.assumptions, *table.not_stated, *GENERAL_RULES}
    yield from (claim for sentence in sentences for claim in CLAIM_PATTERN.findall(sentence) if claim in known)
    yield from _selected(table)


def _selected(table: Table) -> Iterator[str]:
    yield from (name for name, reading in table.readings.items() if reading != table.assumptions[name].default)


def _sorted(claims: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(claims), key=claim_order))


def _claims(table: Table, claims: Iterable[str], *, silences: bool = False) -> Page:
    """Claims with their words, one a line; nothing where there are none."""
    items = tuple(
        Item(claim, table.not_stated[claim].what if silences else claim_words(table, claim)) for claim in claims
    )
    return (Items(items),) if items else ()


# --- what is awaited, not allowed, assumed -------------------------------------------------------------------------


def _awaited(table: Table, decision: Decision) -> Page:
    rows = tuple(
        (
            capital(fact_at(table, wait.fact, wait.timepoint, wait.component)),
            ", ".join(wait.needed_by) or "-",
            capital(wait.why),
        )
        for wait in decision.awaiting
    )
    if not rows:
        return ()
    grid = Grid(("Result", "Rules and assumptions that wait for it", "Why"), rows)
    return section("What is awaited", grid, *_claims(table, _waiting_rules(decision)))


def _waiting_rules(decision: Decision) -> tuple[str, ...]:
    """Rules that wait for something and that no action names."""
    told = _rules(decision)
    named = (claim for wait in decision.awaiting for claim in wait.needed_by)
    return _sorted(claim for claim in named if not claim.startswith("A") and claim not in told)


def _not_allowed(table: Table, decision: Decision) -> Page:
    items = tuple(
        Item("-", _act_words(table, refusal.action), _reasons(refusal.because)) for refusal in decision.not_allowed
    )
    return section("Not allowed now, and why", Items(items)) if items else ()


def _reasons(because: Iterable[str]) -> tuple[Block, ...]:
    items = tuple(Item("-", reason) for reason in because)
    return (Items(items),) if items else ()


def _deviations(deviations: Iterable[Verdict]) -> Page:
    """Deviations so far, each with the event and the reasons."""
    items = tuple(
        Item(verdict.event, capital(VERDICTS[verdict.verdict]) + _judged_by(verdict), _reasons(verdict.because))
        for verdict in deviations
    )
    return section("Deviations so far", Items(items)) if items else ()


def _judged_by(verdict: Verdict) -> str:
    return f", judged by version {verdict.version}" if verdict.version is not None else ""


def _notices(notices: Iterable[str]) -> Page:
    items = tuple(Item("-", notice) for notice in notices)
    return section("Notices", Items(items)) if items else ()


def _assumptions(table: Table, decision: Decision) -> Page:
    items = tuple(
        Item(name, table.assumptions[name].asks, (reading_items(table, name),)) for name in decision.assumptions
    )
    return section("What this answer assumes where the record is silent", Items(items)) if items else ()


def reading_items(table: Table, name: str) -> Items:
    """The readings of an assumption: the selected one first, and what else could be selected."""
    assumption = table.assumptions[name]
    selected = table.readings.get(name, assumption.default)
    order = sorted(assumption.readings, key=lambda reading: reading != selected)
    return Items(
        tuple(
            Item(
                "read as" if reading == selected else "could be",
                f"{reading}{' (the default)' if reading == assumption.default else ''}: {assumption.readings[reading]}",
            )
            for reading in order
        )
    )


# --- may this be done? ---------------------------------------------------------------------------------------------


def answer_page(
    table: Table, answer: Answer, event: PatientEvent, where: Decision, remarks: Sequence[str] = ()
) -> Page:
    """The answer to a proposal; ``where`` is the decision as known on its day."""
    behind = (*answer.cites, *_named_in(table, answer.because))
    verdict = "Allowed" if answer.allowed else f"Refused, {VERDICTS[answer.verdict]}"
    because = _reasons(answer.because)
    if answer.allowed and not because:
        offered = "The protocol offers it where the patient is."
        because = (
            Paragraph(offered if isinstance(event, Act) else "A report is always taken; nothing of it is judged."),
        )
    return (
        Heading(f"{verdict}: {event_words(table, event)}, on {event.effective.text}", 1),
        Paragraph(f"{table.protocol}, version {table.version}. {readings_words(table)}"),
        *section("Why", *because),
        *section("Where the patient is", Paragraph(capital(place_words(table, where.place, where.ended)))),
        *section("The rules and assumptions behind it", *_claims(table, _sorted(behind))),
        *_notices(remarks),
    )
