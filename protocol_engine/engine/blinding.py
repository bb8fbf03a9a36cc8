"""What somebody sees of a course who must not know the arm.

A view is no excerpt of the true answer: it is what the engine answers of the protocol in which the arms that look alike
are one, to the events under the names that are shown. So nothing of the allocation can be in it that was not in those
events. The true answer is used for one thing only: what it does not bear out is taken out of the view, and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from attrs import evolve, frozen

from protocol_engine.codec import canonical
from protocol_engine.engine.course import Machine, State, Step, begin, decide, derived, known_by, propose, step
from protocol_engine.engine.wording import NOT_SHOWN, words
from protocol_engine.errors import InputError, shown
from protocol_engine.model.decision import Action, Answer, Decision
from protocol_engine.model.events import (
    AdministrationEvent,
    AdverseEventEvent,
    AllocationEvent,
    AmendmentEvent,
    AttestationEvent,
    ChoiceEvent,
    ConsentEvent,
    ContactEvent,
    CorrectionEvent,
    DeathEvent,
    DiscontinuationEvent,
    EligibilityEvent,
    LostToFollowUpEvent,
    NewTherapyEvent,
    ObservationEvent,
    OmissionEvent,
    OtherTreatmentEvent,
    PatientEvent,
    ProcedureEvent,
    RetractionEvent,
    StudyClosureEvent,
    UnblindingEvent,
    WithdrawalEvent,
)
from protocol_engine.model.masking import Blinding, renamed
from protocol_engine.model.table import Table

HIDDEN = "hidden"
ASK = "ask somebody who knows the allocation"


@frozen
class View:
    """A course as a role sees it: the machine and the state that answer, the true ones, and what is not shown.

    ``blinded`` says that the allocation is hidden; else both machines are one.
    """

    role: str
    blinded: bool
    machine: Machine
    state: State
    true_machine: Machine
    true_state: State
    not_shown: int = 0

    @property
    def said(self) -> dict[str, Any]:
        """What an answer says of the view."""
        return {"as": self.role, "blinded": self.blinded}


def blinding_for(table: Table, role: str) -> Blinding:
    """What a protocol hides; :class:`InputError` if it hides nothing, or does not name the role."""
    blinding = table.blinding
    if blinding is None:
        raise InputError(f"{table.protocol}: hides nothing from anybody; ask without a role")
    if role not in blinding.roles:
        raise InputError(f"{table.protocol}: names no role {shown(role)}; there are: {', '.join(blinding.roles)}")
    return blinding


def knows(blinding: Blinding, state: State, role: str) -> bool:
    """Whether a role may know the arm of this patient: always, or since it was told."""
    return role not in blinding.hidden_from or any(event.to == role for event in state.now.history.unblinded)


def view_of(machine: Machine, state: State, role: str, as_of: date | None = None) -> View:
    """The course as a role sees it, from what had been issued by a day (default: from everything)."""
    blinding = blinding_for(machine.table, role)
    known = state if as_of is None else known_by(machine, state, as_of)[0]
    seen = machine.blinded
    if seen is None or knows(blinding, known, role):
        return View(role, False, machine, state, machine, state)
    events = blinded_events(blinding, seen.table, state.events)
    not_shown = sum(name not in events for name in known.events)
    return View(role, True, seen, derived(seen, events)[0], machine, state, not_shown)


def decide_as(machine: Machine, state: State, role: str, as_of: date | None = None) -> Decision:
    """What comes next, as a role may see it."""
    view = view_of(machine, state, role, as_of)
    day = as_of if as_of is not None else state.as_of
    if not view.blinded:
        return evolve(decide(machine, state, as_of), view=view.said)
    return _borne_out(view, decide(view.machine, view.state, day), decide(machine, state, day))


def propose_as(machine: Machine, state: State, event: PatientEvent, role: str) -> Answer:
    """May this be done on its day, as far as a role may know? What is hidden is asked about under its shown name."""
    view = view_of(machine, state, role, event.effective.day)
    if not view.blinded:
        return propose(machine, state, event)
    blinding = blinding_for(machine.table, role)
    for name, alias in named_openly(blinding, event):
        raise InputError(f"{name} is hidden from the {words(role)}; ask about {alias}")
    answer = propose(view.machine, view.state, event)
    true = [propose(machine, state, act).allowed for act in _true_acts(blinding, event)]
    if not answer.allowed or all(true):
        return answer
    because = (f"{', '.join(blinding.cites)}: the answer turns on what is hidden from this view; {ASK}",)
    return Answer(False, "unknown", because, blinding.cites, answer.tried)


def _true_acts(blinding: Blinding, event: PatientEvent) -> Iterator[PatientEvent]:
    """What is really asked: of an arm that is shown, each arm that it stands for. Doses mean those of the arm."""
    arms = [arm for arm, alias in blinding.arms.items() if isinstance(event, AllocationEvent) and alias == event.arm]
    if isinstance(event, AllocationEvent) and arms:
        yield from (evolve(event, arm=arm) for arm in arms)
    else:
        yield event


class Steps:
    """A course that is told event by event, as it is and as a role sees it, side by side."""

    def __init__(self, machine: Machine, role: str) -> None:
        self.machine = machine
        self.role = role
        self.blinding = blinding_for(machine.table, role)
        self.seen = machine.blinded or machine
        self.state = begin(machine)
        self.blind = begin(self.seen)

    def take(self, event: PatientEvent) -> tuple[Step, Step | None]:
        """One event: the step that it is, and the one that the role sees, if it sees any.

        From the step on in which a role is told the arm, it sees the course as it is.
        """
        taken = step(self.machine, self.state, event)
        self.state = taken.state
        event_seen = blinded_event(self.blinding, self.seen.table, taken.event, self.blind.events)
        blind_step = step(self.seen, self.blind, event_seen) if event_seen is not None else None
        self.blind = blind_step.state if blind_step is not None else self.blind
        view = self.view
        if not view.blinded:
            return taken, evolve(taken, decision=evolve(taken.decision, view=view.said))
        if blind_step is None:
            return taken, None
        return taken, evolve(blind_step, decision=_borne_out(view, blind_step.decision, taken.decision))

    def decision(self) -> Decision:
        """What comes next after the events so far, as the role may see it."""
        view = self.view
        if not view.blinded:
            return evolve(decide(self.machine, self.state), view=view.said)
        return _borne_out(view, decide(self.seen, self.blind), decide(self.machine, self.state))

    @property
    def view(self) -> View:
        """What the role sees of the course so far."""
        machine, state = self.machine, self.state
        if knows(self.blinding, state, self.role):
            return View(self.role, False, machine, state, machine, state)
        not_shown = len(state.events) - len(self.blind.events)
        return View(self.role, True, self.seen, self.blind, machine, state, not_shown)


def replay_as(machine: Machine, events: Iterable[PatientEvent], role: str) -> Iterator[tuple[Step, Step | None]]:
    """Every step of a course, and beside it the step as a role sees it; None where an event is not shown at all."""
    steps = Steps(machine, role)
    for event in events:
        yield steps.take(event)


def table_seen(machine: Machine, decision: Decision) -> Table:
    """The table by which a decision is to be read: that of those who must not know the arm, if it was made for them."""
    blinded = decision.view is not None and decision.view["blinded"]
    return machine.blinded.table if blinded and machine.blinded is not None else machine.like(decision.protocol).table


def table_for(machine: Machine, role: str) -> Table:
    """The protocol as a role sees it of whose patients nothing is known."""
    hidden = role in blinding_for(machine.table, role).hidden_from
    return machine.blinded.table if hidden and machine.blinded is not None else machine.table


def shown_event(machine: Machine, event: PatientEvent) -> PatientEvent | None:
    """An event as those see it who must not know the arm; None if they do not."""
    blinding, seen = machine.table.blinding, machine.blinded
    return blinded_event(blinding, seen.table, event, {}) if blinding is not None and seen is not None else event


# --- what the true answer does not bear out --------------------------------------------------------------------------


def _borne_out(view: View, seen: Decision, true: Decision) -> Decision:
    """The decision of a view, without what the true one does not say too, and with how much that is.

    It differs only where somebody who knows the arm reported what is not the arm's own.
    """
    blinding = blinding_for(view.true_machine.table, view.role)
    really = {_shape(blinding, action) for action in true.actions}
    actions = tuple(action for action in seen.actions if _shape(blinding, action) in really)
    unlike = really.symmetric_difference(_shape(blinding, action) for action in seen.actions)
    counts = Counter(
        {
            "act": len(unlike),
            "awaited result": len({_waited(d) for d in seen.awaiting} ^ {_waited(d) for d in true.awaiting}),
            "deviation": len({d.event for d in seen.deviations} ^ {d.event for d in true.deviations}),
            "end of the course": int(seen.ended != true.ended),
            "report": view.not_shown,
        }
    )
    told = [f"{count} {name}{'s' if count > 1 else ''}" for name, count in counts.items() if count]
    rules = ", ".join(blinding.cites)
    notice = (f"{rules}: not shown, since it turns on what is hidden: {', '.join(told)}; {ASK}",) if told else ()
    return evolve(
        seen,
        actions=tuple(_without_dose(blinding, action) for action in actions),
        notices=(*seen.notices, *notice),
        view=view.said,
    )


def _waited(wait: Any) -> tuple[str, str | None, str | None]:
    return wait.fact, wait.timepoint, wait.component


def _shape(blinding: Blinding, action: Action) -> bytes:
    """What an action offers, under the names that are shown: the same of the true action and of the one in the view."""
    content: dict[str, Any] = {**action.content}
    if "arms" in content:
        content["arms"] = sorted({blinding.arms.get(arm, arm) for arm in content["arms"]})
    if "regimen" in content:
        content["regimen"] = blinding.regimens.get(content["regimen"], content["regimen"])
    if "administrations" in content:
        content["administrations"] = [_line_shape(blinding, line) for line in content["administrations"]]
    return canonical([action.kind, action.earliest, action.due, action.latest, content])


def _line_shape(blinding: Blinding, line: Mapping[str, Any]) -> dict[str, Any]:
    drug = blinding.drugs.get(line["drug"], line["drug"])
    left_out = {"name"} | ({"dose", "unit", "amount"} if _is_dose_hidden(blinding, drug) else set())
    return {**{key: item for key, item in line.items() if key not in left_out}, "drug": drug}


def _is_dose_hidden(blinding: Blinding, drug: str) -> bool:
    return blinding.dose_hidden and drug in blinding.shown_drugs


def _without_dose(blinding: Blinding, action: Action) -> Action:
    """The action, saying of a dose that is hidden that it is: it was left out, and is stated all the same."""
    lines = action.content.get("administrations")
    if lines is None or not blinding.dose_hidden:
        return action
    secret = {"dose": HIDDEN, "unit": HIDDEN}
    found = [{**line, **secret} if _is_dose_hidden(blinding, line["drug"]) else line for line in lines]
    return evolve(action, content={**action.content, "administrations": found})


# --- events under the names that are shown ---------------------------------------------------------------------------


def blinded_events(blinding: Blinding, seen: Table, events: Mapping[str, PatientEvent]) -> dict[str, PatientEvent]:
    """The events of a course as they are seen, without those that are not shown at all."""
    found: dict[str, PatientEvent] = {}
    for name, event in events.items():
        told = blinded_event(blinding, seen, event, events)
        if told is not None:
            found[name] = told
    while lost := [name for name, event in found.items() if (_target(event) or name) not in found]:
        for name in lost:
            del found[name]
    return found


def _target(event: PatientEvent) -> str | None:
    return event.named if isinstance(event, CorrectionEvent | RetractionEvent) else None


def blinded_event(  # noqa: C901, PLR0912  # one case for each kind of event
    blinding: Blinding, seen: Table, event: PatientEvent, events: Mapping[str, PatientEvent]
) -> PatientEvent | None:
    """An event as it is seen: under the names that are shown, without free text. None if that cannot be said.

    A kind of event that has no case here is not known to be safe, and is not shown.
    """
    found: PatientEvent | None = None
    match event:
        case ConsentEvent() | EligibilityEvent() | WithdrawalEvent() | DeathEvent() | StudyClosureEvent():
            found = event
        case ContactEvent() | LostToFollowUpEvent():
            found = event
        case NewTherapyEvent():
            found = evolve(event, therapy=NOT_SHOWN)
        case AmendmentEvent():  # of a course over several versions there is no view
            found = None
        case AllocationEvent():
            arm = blinding.arms.get(event.arm, event.arm)
            found = evolve(event, arm=arm) if arm in (*seen.arms, *seen.allocation_of) else None
        case AdministrationEvent():
            found = _blinded_dose(blinding, seen, event)
        case OmissionEvent() | AdverseEventEvent() | DiscontinuationEvent():
            found = _blinded_report(blinding, seen, event)
        case ChoiceEvent():
            choice = seen.choices.get(event.choice)
            reason = NOT_SHOWN if event.reason is not None else None
            known = choice is not None and event.option in choice.options
            found = evolve(event, reason=reason) if known else None
        case ProcedureEvent():
            found = event if event.procedure in seen.procedures else None
        case ObservationEvent():
            found = event if event.fact in seen.facts else None
        case AttestationEvent():
            found = evolve(event, by=NOT_SHOWN)
        case OtherTreatmentEvent():
            found = evolve(event, drugs=(NOT_SHOWN,))
        case UnblindingEvent():
            found = evolve(event, by=NOT_SHOWN, reason=NOT_SHOWN)
        case CorrectionEvent():
            inner = blinded_event(blinding, seen, event.event, events) if event.corrects in events else None
            found = evolve(event, event=inner, reason=NOT_SHOWN) if inner is not None else None
        case RetractionEvent():
            found = evolve(event, reason=NOT_SHOWN) if event.retracts in events else None
    return found


def _blinded_dose(blinding: Blinding, seen: Table, event: AdministrationEvent) -> AdministrationEvent | None:
    found = renamed(event, blinding.regimens, blinding.drugs)
    if found.regimen not in seen.regimens:
        return None
    in_words = any(line.named_in is not None for line in seen.regimens[found.regimen].lines)
    given = []
    for drug in found.given or ():
        if drug.drug not in seen.drugs and not in_words:
            return None
        given.append(evolve(drug, dose=None, unit=None) if _is_dose_hidden(blinding, drug.drug) else drug)
    return evolve(found, given=tuple(given) if found.given is not None else None)


def _blinded_report(
    blinding: Blinding, seen: Table, event: OmissionEvent | AdverseEventEvent | DiscontinuationEvent
) -> PatientEvent | None:
    found = renamed(event, blinding.regimens, blinding.drugs)
    match found:
        case OmissionEvent():
            known = found.regimen in seen.regimens and (found.drug is None or found.drug in seen.drugs)
            return evolve(found, reason=NOT_SHOWN) if known else None
        case AdverseEventEvent():
            return evolve(found, term=NOT_SHOWN) if found.drug is None or found.drug in seen.drugs else None
        case DiscontinuationEvent():
            reason = NOT_SHOWN if found.reason is not None else None
            return evolve(found, reason=reason) if found.scope in ("treatment", *seen.drugs) else None


def named_openly(blinding: Blinding, event: PatientEvent) -> Iterator[tuple[str, str]]:
    """The names in an event that are hidden, each with the one that is shown for it."""
    match event:
        case AllocationEvent():
            names = {event.arm: blinding.arms.get(event.arm)}
        case AdministrationEvent():
            drugs = {given.drug: blinding.drugs.get(given.drug) for given in event.given or ()}
            names = {**drugs, event.regimen: blinding.regimens.get(event.regimen)}
        case OmissionEvent():
            drug = event.drug or ""
            names = {drug: blinding.drugs.get(drug), event.regimen: blinding.regimens.get(event.regimen)}
        case _:
            names = {}
    yield from ((name, alias) for name, alias in names.items() if alias is not None)
