"""Advice on a choice: which option is advised, and what becomes of a person who takes another one."""

from __future__ import annotations

from protocol_engine.engine import wording
from protocol_engine.engine.labels import Judgement
from protocol_engine.engine.standing import Standing
from protocol_engine.model.altering import altered
from protocol_engine.model.events import ChoiceEvent
from protocol_engine.model.table import ActLabel, AdvisedOption, Row
from protocol_engine.model.truth import FALSE, TRUE, UNKNOWN


def advised(standing: Standing, row: Row) -> AdvisedOption | None:
    """The option that is advised in the choice of a row; none while no advice is known to hold, or if it is closed."""
    holding = (item for item in row.advice if standing.evaluation.guard(item.guard) is TRUE)
    return next((item for item in holding if _is_open(standing, row, item.option)), None)


def _is_open(standing: Standing, row: Row, option: str) -> bool:
    """Whether an option stands on the menu of a row, as far as is known."""
    choice = row.act.name.partition("=")[0] if row.act is not None else ""
    ways = standing.offers_of(ActLabel("choice", f"{choice}={option}"))
    return any(standing.truth(way) is not FALSE for way in ways)


def undecided(standing: Standing, row: Row) -> tuple[AdvisedOption, ...]:
    """The advice that may still come to hold, where none does yet."""
    if advised(standing, row) is not None:
        return ()
    return tuple(item for item in row.advice if standing.evaluation.guard(item.guard) is UNKNOWN)


def held_against_advice(standing: Standing, judged: Judgement, event: ChoiceEvent) -> Judgement:
    """The same, with a remark where another option than the advised one was taken for a reason; without, a deviation.

    What is known to be advised is all that counts: where that is not known, the choice is free.
    """
    row = judged.row
    best = advised(standing, row) if row is not None and row.advice else None
    if best is None or best.option == event.option:
        return judged
    claims = ", ".join(best.guard.cites)
    choice, option = wording.words(event.choice), wording.words(best.option)
    if event.reason is not None:
        taken = wording.words(event.option or "")
        told = f"{claims}: {option} was advised for {choice}, and {taken} was chosen: {event.reason}"
        return altered(judged, remarks=(*judged.remarks, told))
    because = f"{claims}: {option} is advised for {choice}; another option needs a reason"
    return altered(
        judged,
        verdict="condition" if judged.verdict == "allowed" else judged.verdict,
        because=(*judged.because, because),
        cites=tuple(dict.fromkeys((*judged.cites, *best.guard.cites))),
        against_advice=judged.verdict == "allowed",
    )
