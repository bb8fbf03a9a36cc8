"""The ends of a course, told apart: of protocol treatment, of the study, of survival follow-up.

A course has one ``ended``, which is what its decisions go by, and the last end takes its place. What ended treatment
is kept beside it, since somebody may be followed for years after.
"""

from __future__ import annotations

from datetime import date

from protocol_engine.engine.dated import DaysKnown, death_in_doubt
from protocol_engine.model.events import NewTherapyEvent
from protocol_engine.model.outcomes import Ends, EndState

STOPPED = "stopped"
"""Why treatment is over where a stop leaves other steps, such as surgery, and the course is not ended."""


def ends_of(known: DaysKnown) -> Ends:
    """The ends of a course as of a day."""
    position = known.state.now.position
    if position.stopped is not None:
        treatment = EndState("ended", STOPPED, position.stopped[1])
    elif position.first_end is not None:
        treatment = EndState("ended", position.first_end.reason, position.first_end.on)
    else:
        treatment = EndState("ongoing" if "allocation" in position.marks else "not_begun")
    study = _study(known)
    new = next((event for event in known.events if isinstance(event, NewTherapyEvent)), None)
    return Ends(
        treatment=treatment,
        study=study,
        survival_follow_up=_follow_up(known, treatment, study),
        new_therapy=(new.effective.day, new.therapy) if new is not None else None,
        last_contact=max((event.effective.day for event in known.alive), default=None),
        death=min((item.day for item in known.deaths), default=None),
        doubts=tuple(dict.fromkeys(death_in_doubt(why) for item in known.deaths for why in item.doubt)),
    )


def _study(known: DaysKnown) -> EndState:
    """Whether the patient is on the study: not after death, withdrawal from it or its closure, nor while lost."""
    if "consent" not in known.state.now.position.marks:
        return EndState("not_begun")
    found = [
        (item.day, reason)
        for name, reason in (("death", "death"), ("withdrawal.study", "off_study"), ("study_closure", "study_closure"))
        for item in known.named(name)
    ]
    if found:
        day, reason = min(found)
        return EndState("ended", reason, day)
    lost = known.named("lost_to_follow_up")
    seen = max((event.effective.day for event in known.alive), default=date.min)
    if lost and seen <= lost[-1].day:
        return EndState("lost", "lost_to_follow_up", lost[-1].day)
    return EndState("ongoing")


def _follow_up(known: DaysKnown, treatment: EndState, study: EndState) -> EndState:
    """Survival follow-up: open from the end of treatment on, where the file states it, until death."""
    if treatment.state != "ended":
        return EndState("not_begun")
    if study.state == "ended":
        return EndState("closed", study.reason, study.on)
    place = known.table.places[known.state.now.position.place]
    if not place.follow_up:
        return EndState("not_stated")
    return EndState("lost", study.reason, study.on) if study.state == "lost" else EndState("open", on=treatment.on)
