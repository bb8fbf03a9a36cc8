"""Is an act allowed, going by its label alone: its rows in the place, what holds it back, and where it lands."""

from __future__ import annotations

from attrs import frozen

from protocol_engine.engine import wording
from protocol_engine.engine.standing import Held, Standing
from protocol_engine.errors import BrokenInvariant
from protocol_engine.model.decision import TriedRow, VerdictKind
from protocol_engine.model.evaluation import Evaluation
from protocol_engine.model.table import ActLabel, Guard, Landing, Row
from protocol_engine.model.truth import FALSE, TRUE, UNKNOWN


@frozen(slots=False)
class Judgement:
    """What became of an act: label and numbers, the row it takes or where it lands, and the verdict with reasons."""

    verdict: VerdictKind
    because: tuple[str, ...] = ()
    cites: tuple[str, ...] = ()
    act: ActLabel | None = None
    row: Row | None = None
    landing: Landing | None = None
    cycle: int | None = None
    tried: tuple[TriedRow, ...] = ()
    remarks: tuple[str, ...] = ()
    against_advice: bool = False
    """Whether only advice speaks against it: the row holds, and what follows rests on it."""


def judge_label(standing: Standing, act: ActLabel) -> Judgement:
    """Judge an act by its label alone: its rows in this place, what holds treatment back, and where it lands."""
    table, position = standing.table, standing.position
    if position.ended is not None:
        return _after_end(standing, act)
    rows = standing.offers_of(act)
    held = standing.held(act)
    tried = tuple([standing.tried(row) for row in rows])
    true_rows = [row for row in rows if standing.counts(row) and standing.truth(row) is TRUE]
    if any(row.target != true_rows[0].target for row in true_rows[1:]):
        raise BrokenInvariant(f"{', '.join(row.id for row in true_rows)} all hold for {act.key} in {position.place}")
    if true_rows and not held:
        early = _early(standing, true_rows[0], act)
        if early is not None:
            cites = standing.window_cites(true_rows[0])
            return Judgement("early", (early,), cites, act, true_rows[0], Landing("take"), tried=tried)
        return Judgement("allowed", act=act, row=true_rows[0], cites=true_rows[0].basis, tried=tried)
    if not rows:
        landing = table.landings[position.place].get(act.key, Landing("stay"))
        if landing.kind == "take":  # the place has such a row, for a day that is settled or does not apply here
            landing = Landing("stay")
        because, cites = _no_row(standing, act, landing)
        return Judgement("order", because, cites, act, None, landing, tried=tried)
    taken = _taken(standing, rows)
    because, cites = reasons(standing, rows, held)
    truth = min((hold.truth for hold in held), default=TRUE)
    truth = min(truth, max(standing.truth(row) if standing.counts(row) else FALSE for row in rows))
    verdict: VerdictKind = "unknown" if truth is UNKNOWN else "condition"
    if held and any(hold.verdict in ("order", "late") for hold in held):
        verdict = "order" if any(hold.verdict == "order" for hold in held) else "late"
    if act.kind in ("choice", "allocation") and not standing.counts(taken):  # over doses that were not given
        return Judgement(verdict, because, cites, act, None, Landing("stay"), tried=tried)
    return Judgement(verdict, because, cites, act, true_rows[0] if true_rows else taken, Landing("take"), tried=tried)


def _early(standing: Standing, row: Row, act: ActLabel) -> str | None:
    """That an act comes before its window opens; a dose is looked at with its numbers."""
    if row.window is None or standing.day is None or act.kind == "administration":
        return None
    when = standing.when(row)
    earliest = standing.too_early(when)
    if earliest is None:
        return None
    what = wording.act_words(standing.table, act)
    rules = ", ".join(standing.window_cites(row))
    asked = standing.time.text if when.hours is not None and standing.time is not None else standing.day
    return f"{rules}: {what} is possible from {earliest} on, and {asked} is before"


def reasons(
    standing: Standing, rows: tuple[Row, ...], held: tuple[Held, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Why an act is not allowed, with the claims: what holds it back, and what its rows in this place lack.

    Where a row lacks nothing, the others do not matter. Of rows that permit the same act beside the course, only those
    that come nearest to holding speak.
    """
    open_rows = [row for row in rows if standing.counts(row) and standing.truth(row) is TRUE]
    lacking = [(row, row_reasons(standing, row)) for row in open_rows or rows]
    nearest = min([len(found) for row, found in lacking if row.effect == "stay"], default=0)
    because = [hold.because for hold in held]
    cites = [claim for hold in held for claim in hold.cites]
    for row, found in lacking:
        if row.effect != "stay" or len(found) == nearest:
            because += found
            cites += row.basis
    return tuple(dict.fromkeys(because)), tuple(dict.fromkeys(cites))


def _taken(standing: Standing, rows: tuple[Row, ...]) -> Row:
    """The row that an act takes although none holds: one whose cycles let it pass, the likeliest first."""
    return max(rows, key=lambda row: (standing.counts(row), standing.truth(row)))


def _after_end(standing: Standing, act: ActLabel) -> Judgement:
    ended, track = standing.position.ended, standing.position.track
    what = "the course" if track is None else wording.track_words(standing.table, standing.position.arm, track)
    reason = f"{what} ended on {ended.on.isoformat()}: {wording.words(ended.reason)}" if ended is not None else ""
    cites = standing.position.end_cites or standing.place.cites
    return Judgement("order", (reason,), cites, act, None, Landing("stay"))


def _no_row(standing: Standing, act: ActLabel, landing: Landing) -> tuple[tuple[str, ...], tuple[str, ...]]:
    table, place = standing.table, standing.place
    what = wording.act_words(table, act)
    never = _never(standing, act)
    if never:
        return never
    if landing.kind == "park":
        missing = next(
            (gate for gate in ("consent", "eligibility", "allocation") if gate not in standing.position.marks),
            "allocation",
        )
        if missing in standing.position.marks:
            return (f"G1: {what} comes before the allocation that leads to it",), ("G1",)
        return (f"G1: {what} comes before {missing}",), ("G1",)
    if act.kind == "administration" and act.day != 1 and any(r.act == act for r in table.offers.get(place.id, ())):
        return (f"{what} is not open in this cycle",), _place_cites(standing)
    if "allocation" not in standing.position.marks and table.subject == "patient":
        return (f"G1: {what} comes before allocation",), ("G1",)
    if standing.position.stopped is not None and place.off_treatment:
        row_id, on = standing.position.stopped
        cites = table.row_of[row_id].basis
        return (f"{', '.join(cites)}: protocol treatment ended on {on.isoformat()}",), cites
    arm = table.arms.get(standing.position.arm or "")
    if arm is not None and not _in_arm(standing, act):
        return (f"{', '.join(arm.cites)}: {what} is no part of {arm.title}",), arm.cites
    where = f"after {wording.words(standing.position.element or place.kind)}"
    if place.kind == "waiting" and place.track is not None:
        where = f"at the beginning of {wording.track_words(table, place.arm, place.track)}"
    exits, cites = _exits(standing, act, landing)
    return (f"{what} is not what comes next {where}", *exits), tuple(dict.fromkeys((*_place_cites(standing), *cites)))


def _in_arm(standing: Standing, act: ActLabel) -> bool:
    """Whether some place of the patient's arm offers the act."""
    table, arm = standing.table, standing.position.arm
    return any(act.key in offers for name, offers in table.offers_of.items() if table.places[name].arm == arm)


def _exits(standing: Standing, act: ActLabel, landing: Landing) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What has not been passed on the way to an act that is not offered here: the exits of the place, and choices."""
    if act.kind == "choice" or standing.position.arm is None:
        return (), ()
    table, place = standing.table, standing.place
    found: dict[str, tuple[str, ...]] = {}
    for row in table.offers.get(place.id, ()):
        if row.effect in ("enter", "enter_anew", "arrive") and not standing.counts(row):
            found[_count_words(standing, row)] = place.rules
    for row in table.falls.get(place.id, ()):
        if act.key in table.offers_of.get(row.target, {}):
            found |= {text: row.cites for guard in row.guards for text in guard_reasons(standing.evaluation, guard)}
    for key in landing.skipped:
        if key in table.acts and table.acts[key].kind == "choice" and landing.kind == "ahead":
            choice = table.acts[key].name.partition("=")[0]
            cites = table.choices[choice].cites
            found[f"{', '.join(cites)}: the choice {wording.words(choice)} comes before it"] = cites
    return tuple(found), tuple(dict.fromkeys(claim for cites in found.values() for claim in cites))


def _never(standing: Standing, act: ActLabel) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    arm = standing.table.arms.get(standing.position.arm or "")
    if arm is None or act.kind != "administration":
        return None
    for drug in standing.drugs_of(act.name):
        if drug in arm.never:
            cites = arm.never[drug]
            return (f"{', '.join(cites)}: nobody in {arm.title} is given {standing.table.drugs[drug].name}",), cites
    return None


def _place_cites(standing: Standing) -> tuple[str, ...]:
    return tuple(claim for claim in standing.place.cites if claim[:1] in "RAG") or ("G4",)


def row_reasons(standing: Standing, row: Row) -> tuple[str, ...]:
    """Why a row does not let an act pass, in sentences. A row whose turn has not come says so and nothing else."""
    if not standing.counts(row):
        return (_count_words(standing, row),)
    found: list[str] = []
    for guard in row.guards:
        if not (guard.waits and found):  # what fails by itself waits for nothing
            found += guard_reasons(standing.evaluation, guard)
    return tuple(found)


def guard_reasons(evaluation: Evaluation, guard: Guard) -> tuple[str, ...]:
    """Why a guard does not let its row pass: what fails, or what is missing."""
    truth = evaluation.guard(guard)
    if truth is TRUE:
        return ()
    if truth is FALSE:
        return wording.guard_words(evaluation, guard)
    claims = ", ".join(guard.cites)
    missing = evaluation.missing(guard.condition)
    return tuple([f"{claims}: {wording.missing_words(evaluation.table, item)}" for item in missing])


def _count_words(standing: Standing, row: Row) -> str:
    element = wording.words(standing.place.element or "")
    given = standing.position.given
    cites = ", ".join(standing.place.rules)
    if row.at_least is not None and given < row.at_least:
        return (
            f"{cites}: {element} goes on for {_cycles(row.at_least)}, and {given} {'is' if given == 1 else 'are'} given"
        )
    regimen = standing.table.regimens.get(standing.place.regimen or "")
    counts = regimen is not None and regimen.omitted is not None and regimen.omitted.day_1 == "counts"
    done = "are given or count as given" if counts else "is given" if given == 1 else "are given"
    return f"{cites}: {element} ends after {_cycles(row.below or 0)}, and {given} {done}"


def _cycles(number: int) -> str:
    return "1 cycle" if number == 1 else f"{number} cycles"
