"""May a course go on under the version that amends its own: the verdict, what is missing, and where it then is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from attrs import frozen

from protocol_engine.engine import wording
from protocol_engine.engine.labels import Judgement, guard_reasons
from protocol_engine.engine.standing import Standing
from protocol_engine.model.altering import altered
from protocol_engine.model.amendment import Amendment, Crossing, Kin, qualified
from protocol_engine.model.decision import VerdictKind
from protocol_engine.model.evaluation import Evaluation, Missing
from protocol_engine.model.events import AmendmentEvent
from protocol_engine.model.history import History
from protocol_engine.model.reading import HistoryLeaves
from protocol_engine.model.state import Against, ClosedDay, Entered, Grounds, Position
from protocol_engine.model.table import Landing, Place, Table
from protocol_engine.model.truth import TRUE, UNKNOWN

CLAIM = re.compile(r"\b[RAN][1-9]\d*\b(?!@)")
STAY = Landing("stay")


@frozen
class Way:
    """The way from a version to the one that amends it."""

    old: Table
    new: Table
    amendment: Amendment
    crossing: Crossing
    announcing: frozenset[str]

    def claims(self, claims: tuple[str, ...]) -> tuple[str, ...]:
        """Claims of the new version, as the old one names them."""
        return tuple(dict.fromkeys(qualified(claim, self.new.version) for claim in claims))

    @property
    def basis(self) -> tuple[str, ...]:
        """What a move rests on, as the old version names it."""
        return self.claims(self.amendment.basis)

    def announced(self, history: History) -> bool:
        """Whether anything was reported that only the amendment asks for: until then nobody has told of it."""
        return not self.announcing.isdisjoint(history.results)

    def evaluation(self, standing: Standing, day: date | None) -> Evaluation:
        """What the new version reads in the history so far."""
        return Evaluation(self.new, HistoryLeaves(self.new, standing.history, standing.position, day))


def way_on(table: Table) -> Way | None:
    """The way to the version that amends a table; None where there is none."""
    kin: Kin | None = table.kin
    following = kin.following if kin is not None else None
    if kin is None or following is None or following.amends is None or kin.crossing is None:
        return None
    return Way(table, following, following.amends, kin.crossing, kin.announcing)


# --- may it move? -----------------------------------------------------------------------------------------------------


def judge_amendment(standing: Standing, event: AmendmentEvent) -> Judgement:
    """Whether a course may go on under the version that an event names; where not, it stays under its own."""
    own, way = standing.table.version, way_on(standing.table)
    if event.version == own:
        return _not_moved("duplicate", f"the course is under version {own} already")
    if way is None or event.version != way.new.version:
        return _not_moved("order", f"version {event.version} is not the one that amends version {own}")
    return judge_move(standing, way, event.effective.day)


def judge_move(standing: Standing, way: Way, day: date | None) -> Judgement:
    """Whether a course may go on under the next version on a day."""
    position, version = standing.position, way.new.version
    if position.ended is not None:
        ended = f"the course ended on {position.ended.on.isoformat()}: {wording.words(position.ended.reason)}"
        return _not_moved("order", ended, position.end_cites or standing.place.cites or ("G4",))
    if "consent" not in position.marks or position.eligible is False:
        lacking = "eligibility is not met" if "consent" in position.marks else "it comes before written consent"
        return _not_moved("order", f"G1: no course moves to version {version} while {lacking}", ("G1",))
    stopped_otherwise = position.stopped is not None and position.stopped[0] not in way.crossing.rows
    if position.place not in way.crossing.places or stopped_otherwise:
        return _staying(standing, way)
    evaluation = way.evaluation(standing, day)
    truth = evaluation.guard(way.amendment.guard)
    if truth is TRUE:
        return Judgement("allowed", cites=way.basis, landing=STAY)
    because = tuple(way_words(way, text) for text in guard_reasons(evaluation, way.amendment.guard))
    return Judgement("unknown" if truth is UNKNOWN else "condition", because, way.basis, landing=STAY)


def missing(standing: Standing, way: Way, day: date | None) -> tuple[Missing, ...]:
    """What would have to be known for a course to move."""
    return way.evaluation(standing, day).missing(way.amendment.guard.condition)


def _not_moved(verdict: VerdictKind, because: str, cites: tuple[str, ...] = ("G4",)) -> Judgement:
    return Judgement(verdict, (because,), cites, landing=STAY)


def _staying(standing: Standing, way: Way) -> Judgement:
    """A place from which nobody moves, by the map."""
    cites = way.claims(way.crossing.staying.get(standing.position.place, ())) or way.basis
    where = wording.words(standing.position.element or standing.place.kind)
    named = ", ".join(claim for claim in cites if claim[:1] in "RAG")
    text = f"{named}: whoever is in {where} stays under version {way.old.version}"
    return _not_moved("order", text, cites)


def way_words(way: Way, text: str) -> str:
    """A sentence of the new version, its claims named as the old one names them."""
    return words_of(text, way.new.version)


def words_of(text: str, version: str) -> str:
    """A sentence with the claims in it named as those of a version."""
    return CLAIM.sub(lambda match: qualified(match[0], version), text)


# --- where it then is -------------------------------------------------------------------------------------------------


def moved(standing: Standing, way: Way, day: date) -> tuple[Position, History, tuple[str, ...]]:
    """The position and the history under the new version, and what a reader should know of the move.

    Cycles, days, choices and everything that was reported carry over. Words on a criterion that asks something else in
    the new version do not.
    """
    position, history, old = standing.position, standing.history, standing.place
    new, crossing = way.new, way.crossing
    place = new.places[crossing.places[position.place]]
    told = [f"the course is under version {new.version} from {day.isoformat()} on, before under {way.old.version}"]
    grounds = crossing.rows.get(position.grounds.row) if position.grounds is not None else None
    stopped = crossing.rows.get(position.stopped[0]) if position.stopped is not None else None
    regimen = _regimen(position, place, way)
    closed, words = _closed_days(standing, regimen, way, day)
    told += words
    against = tuple(found for item in position.against if (found := _against(crossing, item)) is not None)
    told += [
        f"{item.event_id} was done under version {way.old.version} although its condition did not hold"
        for item in position.against
        if _against(crossing, item) is None
    ]
    element = place.element if position.element == old.element else position.element
    new_position = altered(
        position,
        version=position.version + 1,
        place=place.id,
        arm=place.arm if position.arm is not None else None,
        element=element if place.kind != "stopped" else crossing.elements.get(element or "", element),
        regimen=regimen,
        entered=day if old.kind == "observing" != place.kind else position.entered,
        elements=tuple(found for item in position.elements for found in _begun(way, item)),
        closed_days=closed,
        parts={name: chosen for name, chosen in position.parts.items() if _is_filled(new, name, chosen.option)},
        against=against,
        stopped=(stopped, position.stopped[1]) if position.stopped is not None and stopped is not None else None,
        grounds=Grounds(grounds, position.grounds.events) if position.grounds is not None and grounds else None,
        delayed=(),
        before_omission=None,
    )
    attested = {name: said for name, said in history.attested.items() if _asks_the_same(way, name)}
    return new_position, altered(history, attested=attested), tuple(told)


def _begun(way: Way, item: Entered) -> Iterator[Entered]:
    """An element that was begun, as the new version names it: one that gives is none that does not."""
    kind = way.old.places[item.place].kind
    for name in (way.crossing.places.get(item.place), item.place):
        place = way.new.places.get(name or "")
        if place is not None and (place.kind == "observing") == (kind == "observing"):
            yield Entered(place.id, item.on)
            return


def _against(crossing: Crossing, item: Against) -> Against | None:
    """A branch entered against its rule, as the new version names it; None where it has no such row."""
    row, source = crossing.rows.get(item.row), crossing.places.get(item.source)
    return Against(row, source, item.event_id, item.entered) if row is not None and source is not None else None


def _regimen(position: Position, place: Place, way: Way) -> str | None:
    """The regimen by which the running cycle goes on: that of the place, or of the element that was given last."""
    if position.regimen is None or place.kind == "giving":
        return place.regimen if position.regimen is not None else None
    last = position.elements[-1].place if position.elements else ""
    there = way.new.places.get(way.crossing.places.get(last, ""))
    return there.regimen if there is not None and there.regimen is not None else position.regimen


def _closed_days(
    standing: Standing, regimen: str | None, way: Way, day: date
) -> tuple[tuple[ClosedDay, ...], list[str]]:
    """The days of the running cycle that are settled. With another regimen nothing of it is left to be given."""
    position = standing.position
    content = way.new.regimens.get(regimen or "")
    if content is None or regimen == position.regimen:
        return position.closed_days, []
    known = {closed.day for closed in position.closed_days}
    days = content.days
    over = tuple(ClosedDay(number, day, given=False) for number in days if number not in known)
    text = "day {} of cycle {} was not given before the move, and version {} gives another regimen there"
    left = [text.format(number, position.cycle, way.new.version) for number in standing.open_days()]
    return (*position.closed_days, *over), left


def _is_filled(table: Table, choice: str, option: str) -> bool:
    """Whether an option still fills the parts that its choice decides on."""
    filled = [part for part in table.parts.values() if part.chosen_in == choice]
    return bool(filled) and all(option in part.options for part in filled)


def _asks_the_same(way: Way, criterion: str) -> bool:
    here, there = way.old.criteria.get(criterion), way.new.criteria.get(criterion)
    return there is not None and (here is None or (here.condition, here.ask, here.text) == (
        there.condition, there.ask, there.text
    ))  # fmt: skip


__all__ = ["Way", "judge_amendment", "judge_move", "missing", "moved", "way_on", "words_of"]
