"""Is an act allowed where the patient is? Every kind of act has its own question; nothing is changed here."""

from __future__ import annotations

from datetime import date

from protocol_engine.engine import tracks, wording
from protocol_engine.engine.administrations import judge_administration, judge_omission
from protocol_engine.engine.advice import held_against_advice
from protocol_engine.engine.amending import judge_amendment
from protocol_engine.engine.labels import Judgement, judge_label
from protocol_engine.engine.screening import governs, screen
from protocol_engine.engine.standing import Standing
from protocol_engine.model.altering import altered
from protocol_engine.model.decision import VerdictKind
from protocol_engine.model.events import (
    ActEvent,
    AdministrationEvent,
    AllocationEvent,
    AmendmentEvent,
    ChoiceEvent,
    ConsentEvent,
    EligibilityEvent,
    OmissionEvent,
    OtherTreatmentEvent,
    ProcedureEvent,
)
from protocol_engine.model.table import ActLabel, Landing


def judge(standing: Standing, event: ActEvent) -> Judgement:
    """Judge one act as if it were done now, where the patient stands in its track, on the event's own day."""
    if standing.position.tracks:
        standing = standing.of_track(tracks.track_of_act(standing.table, standing.position, event))
    standing = standing.at(event.effective)
    return _of_another_reading(standing, event) or _of_this_reading(standing, event)


def _of_this_reading(standing: Standing, event: ActEvent) -> Judgement:  # noqa: C901  # one case for each kind of act
    match event:
        case ConsentEvent():
            return _judge_gate(standing, ActLabel("consent", "written"), "consent")
        case EligibilityEvent():
            return _judge_eligibility(standing, event)
        case AllocationEvent():
            return _judge_allocation(standing, event)
        case AmendmentEvent():
            return judge_amendment(standing, event)
        case ChoiceEvent():
            return _judge_choice(standing, event)
        case ProcedureEvent():
            if "allocation" not in standing.position.marks and standing.table.procedures[event.procedure].history:
                return Judgement(
                    "allowed",
                    landing=Landing("stay"),
                    remarks=(f"{wording.words(event.procedure)} before allocation is medical history",),
                )
            return judge_label(standing, ActLabel("procedure", event.procedure))
        case AdministrationEvent():
            return judge_administration(standing, event)
        case OmissionEvent():
            return judge_omission(standing, event)
        case OtherTreatmentEvent():
            return _judge_other(standing, event)


def _of_another_reading(standing: Standing, event: ActEvent) -> Judgement | None:
    """An act that only a reading knows which was not selected; None for any other act."""
    elsewhere = standing.table.elsewhere
    what = ""
    rests: tuple[str, ...] | None = None
    match event:
        case AllocationEvent() if event.arm in elsewhere.arms:
            rests, what = elsewhere.arms[event.arm], f"the arm {wording.words(event.arm)}"
        case AdministrationEvent() | OmissionEvent() if event.regimen in elsewhere.regimens:
            rests, what = elsewhere.regimens[event.regimen], f"the regimen {wording.words(event.regimen)}"
        case ProcedureEvent() if event.procedure in elsewhere.procedures:
            rests, what = elsewhere.procedures[event.procedure], wording.words(event.procedure)
        case ChoiceEvent() if event.choice in elsewhere.choices:
            rests = elsewhere.choices[event.choice].options.get(event.option or "")
            what = wording.act_words(standing.table, ActLabel("choice", f"{event.choice}={event.option}"))
        case _:
            pass
    if rests is None:
        return None
    if not rests:
        text = f"G4: {what} is no part of version {standing.table.version} of the protocol"
        return Judgement("order", (text,), ("G4",), landing=Landing("stay"))
    selected = ", ".join(f"{name} is read as {standing.table.readings[name]}" for name in rests)
    text = f"{', '.join(rests)}: {what} is no part of the protocol as it is read here: {selected}"
    return Judgement("order", (text,), rests, landing=Landing("stay"))


def _judge_gate(standing: Standing, act: ActLabel, mark: str) -> Judgement:
    if mark in standing.position.marks:
        return Judgement("allowed", landing=Landing("stay"))
    return judge_label(standing, act)


def _judge_eligibility(standing: Standing, event: EligibilityEvent) -> Judgement:
    act = ActLabel("eligibility", "met")
    if event.met:
        judged = _judge_gate(standing, act, "eligibility")
        return judged if judged.row is None else _held_against_criteria(standing, judged, event.effective.day)
    if "consent" not in standing.position.marks:
        return Judgement(
            "order", ("G1: eligibility is judged after written consent",), ("G1",), landing=Landing("stay")
        )
    return Judgement("allowed", landing=Landing("stay"))


def _held_against_criteria(standing: Standing, judged: Judgement, day: date) -> Judgement:
    """The same, once screening has begun, as a deviation where the criteria do not say that the patient is eligible."""
    table, history = standing.table, standing.history
    if not governs(table, history):
        return judged
    screening = screen(table, history, standing.position, day)
    if screening.answer == "eligible":
        return judged
    against = screening.barring or screening.undecided
    verdict: VerdictKind = "condition" if screening.barring else "unknown"
    return altered(
        judged,
        verdict=verdict if judged.verdict == "allowed" else judged.verdict,
        because=(*judged.because, *(sentence for answer in against for sentence in answer.sentences)),
        cites=tuple(dict.fromkeys((*judged.cites, *screening.against))),
    )


def _judge_later_allocation(standing: Standing, event: AllocationEvent, name: str) -> Judgement:
    """A later allocation: in its place, never twice, and before its turn a word that moves nothing."""
    judged = judge_label(standing, ActLabel("allocation", event.arm))
    drawn = standing.history.allocations.get(name)
    if judged.row is not None or standing.position.ended is not None:
        return judged
    if drawn is not None:
        text = f"the patient is allocated to {drawn.arm} already ({wording.words(name)}, {drawn.id})"
        return Judgement("order", (text,), ("G4",), judged.act, None, Landing("stay"), tried=judged.tried)
    remark = (
        f"allocation to {event.arm} came when {wording.words(name)} is not offered, and moves nothing; "
        f"if it is offered later, report the same draw anew, and do not draw again"
    )
    return altered(judged, remarks=(*judged.remarks, remark))


def _judge_allocation(standing: Standing, event: AllocationEvent) -> Judgement:
    later = standing.table.allocation_of.get(event.arm)
    if later is not None:
        return _judge_later_allocation(standing, event, later)
    if standing.position.arm is not None:
        return Judgement(
            "order",
            (f"the patient is allocated to {standing.position.arm} already",),
            ("G4",),
            landing=Landing("stay"),
        )
    judged = judge_label(standing, ActLabel("allocation", event.arm))
    if "eligibility" in standing.position.marks:
        return judged
    return _held_against_criteria(standing, judged, event.effective.day)  # enrolled, and nobody confirmed eligibility


def _judge_choice(standing: Standing, event: ChoiceEvent) -> Judgement:
    act = ActLabel("choice", f"{event.choice}={event.option}")
    judged = judge_label(standing, act)
    made = standing.history.choices.get(event.choice)
    if judged.row is None and made is not None and made.agrees(event):
        text = f"{wording.act_words(standing.table, act)} is recorded for {made.effective.day.isoformat()} already"
        return Judgement("duplicate", (text,), ("G4",), act, None, Landing("stay"), tried=judged.tried)
    return held_against_advice(standing, judged, event)


def _judge_other(standing: Standing, event: OtherTreatmentEvent) -> Judgement:
    if "allocation" not in standing.position.marks:
        return Judgement(
            "allowed", landing=Landing("stay"), remarks=("treatment before allocation is medical history",)
        )
    arm = standing.table.arms.get(standing.position.arm or "")
    never = arm.never if arm is not None else {}
    cites = tuple(dict.fromkeys(claim for drug in event.drugs for claim in never.get(drug, ()))) or ("G4",)
    text = f"{', '.join(cites)}: {', '.join(event.drugs)} was given outside the protocol"
    return Judgement("order", (text,), cites, landing=Landing("stay"))
