"""A course under several versions of a protocol: one fold, in which each event is taken by the version of its day.

Every version is a machine of its own. The fold says which of them the course is under; it begins under the first and
goes on under the next from the event that moves it. What was folded before the move is not folded again, so every
verdict and every decision from before it stays as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from attrs import evolve

from protocol_engine.engine.amending import Way, judge_move, missing, moved, way_on, words_of
from protocol_engine.engine.course import Machine
from protocol_engine.engine.day_order import FoldedEvent
from protocol_engine.engine.deciding import Decider
from protocol_engine.engine.folding import Fold, Folder, Remark, Trace, observed
from protocol_engine.engine.judging import judge
from protocol_engine.engine.standing import Standing
from protocol_engine.engine.wording import missing_words
from protocol_engine.errors import InputError
from protocol_engine.model.altering import altered
from protocol_engine.model.amendment import qualified
from protocol_engine.model.decision import Action, Awaiting, Decision, Refusal, Verdict
from protocol_engine.model.events import AmendmentEvent, ObservationEvent
from protocol_engine.model.table import Table, claim_order
from protocol_engine.model.units import NOT_STATED_WORD


class VersionFolder(Folder):
    """Folds events over the tables of several versions: each by that under which the course is."""

    def __init__(self, folders: Sequence[Folder]) -> None:
        super().__init__(folders[0].table, folders[0].machine)
        self.folders = tuple(folders)

    def _of(self, fold: Fold) -> Folder:
        return self.folders[fold.position.version]

    def on(self, fold: Fold, day: date | None) -> Fold:
        """The fold as it is used on a day."""
        return self._of(fold).on(fold, day)

    def _until(self, fold: Fold, day: date) -> Fold:
        return self._of(fold)._until(fold, day)  # noqa: SLF001  # a folder of its own

    def _observe(self, fold: Fold, event: ObservationEvent) -> Fold:
        return self._of(fold)._observe(fold, event)  # noqa: SLF001  # a folder of its own

    def enter(self, fold: Fold, event: FoldedEvent, together: Sequence[FoldedEvent] = ()) -> tuple[Fold, Trace]:
        """Take one event by the version under which the course is; verdicts of later versions say which."""
        if isinstance(event, AmendmentEvent):
            return self._amended(fold, event)
        version = fold.position.version
        found, trace = self._of(fold).enter(fold, event, together)
        if version == 0 or trace.verdict is None:
            return found, trace
        verdict = self._stamped(trace.verdict, version)
        if len(found.deviations) > len(fold.deviations):
            found = altered(found, deviations=(*found.deviations[:-1], verdict))
        return found, evolve(trace, verdict=verdict)

    def _stamped(self, verdict: Verdict, version: int) -> Verdict:
        return evolve(verdict, version=self.folders[version].table.version) if version else verdict

    def _amended(self, fold: Fold, event: AmendmentEvent) -> tuple[Fold, Trace]:
        """The move itself is judged by the version that the course leaves; what falls then, by the one it enters."""
        fold = self.on(fold, event.effective.day)
        before, version, way = fold.position.place, fold.position.version, way_on(fold.standing.table)
        judged = judge(fold.standing, event)
        verdict = self._stamped(Verdict(event.id, judged.verdict, judged.because, judged.cites), version)
        if way is None or not verdict.allowed:
            return altered(fold, deviations=(*fold.deviations, verdict)), Trace(before, before, (), verdict)
        was = fold.standing.place.kind
        position, history, told = moved(fold.standing, way, event.effective.day)
        if way.new.places[position.place].kind == "observing" != was:
            position = observed(way.new, position, history, event)
        known = tuple(Remark(remark.event, words_of(remark.text, way.old.version)) for remark in fold.remarks)
        remarks = (*known, *(Remark(event.id, text) for text in told))
        day = event.effective.day if way.new.timed else None  # nothing fell under it on a day before the move
        standing = Standing(way.new, position, history, day)
        fold = Fold(position, history, fold.deviations, remarks, standing=standing)
        following = self._of(fold)
        fold, fallen = following._settle(fold, event)  # noqa: SLF001  # a folder of its own
        return fold, Trace(before, fold.position.place, fallen, verdict)


class VersionDecider(Decider):
    """Lists decisions of one version among several: what another one judged says so, and a move is offered."""

    def __init__(self, table: Table, first: str) -> None:
        super().__init__(table)
        self.first = first
        self.way = way_on(table)

    def decide(
        self,
        fold: Fold,
        as_of: date | None,
        deviations: tuple[Verdict, ...],
        hindsight: Iterable[Remark],
        extra: Iterable[str] = (),
    ) -> Decision:
        """The decision at the end of a fold, with the way to the next version once that was announced."""
        if fold.position.version:
            deviations = tuple(evolve(found, version=found.version or self.first) for found in deviations)
            by = {found.event: found.version or self.first for found in fold.deviations}
            hindsight = [
                Remark(remark.event, words_of(remark.text, by[remark.event]))
                if by.get(remark.event, self.table.version) != self.table.version
                else remark
                for remark in hindsight
            ]
        decision = super().decide(fold, as_of, deviations, hindsight, extra)
        if self.way is None or not fold.standing.offering or not self.way.announced(fold.history):
            return decision
        return self._with_move(decision, fold, self.way, as_of)

    def _with_move(self, decision: Decision, fold: Fold, way: Way, as_of: date | None) -> Decision:
        judged = judge_move(fold.standing, way, as_of)
        act = {"version": way.new.version, "digest": way.new.digest}
        if judged.verdict == "unknown":
            found = {(wait.fact, wait.timepoint, wait.component): wait for wait in decision.awaiting}
            claims = tuple(claim for claim in way.basis if claim[:1] in "RA")
            for item in missing(fold.standing, way, as_of):
                key = (item.fact, item.timepoint, item.component)
                why = missing_words(way.new, item)
                known = found.get(key, Awaiting(*key, (), dead=False, why=why))
                needed = tuple(sorted({*known.needed_by, *claims}, key=claim_order))
                found[key] = evolve(known, needed_by=needed, dead=False)
            decision = evolve(decision, awaiting=tuple(found.values()))
        elif judged.verdict != "allowed":
            refusal = Refusal({"kind": "amend", **act}, judged.because, judged.cites)
            return evolve(decision, not_allowed=(*decision.not_allowed, refusal))
        else:
            days = (NOT_STATED_WORD, NOT_STATED_WORD, NOT_STATED_WORD)
            action = Action("amend", *days, way.amendment.strength, way.basis, act)
            decision = evolve(decision, actions=(*decision.actions, action))
        return _resting(decision, way)


def _resting(decision: Decision, way: Way) -> Decision:
    """With the assumptions and silences of the new version that the move rests on."""
    version, more = way.new.version, [claim for claim in way.amendment.basis if claim.startswith("A")]
    named = {qualified(claim, version): way.new.readings[claim] for claim in more if claim in way.new.readings}
    silent = {qualified(claim, version) for claim in way.amendment.see}
    return evolve(
        decision,
        assumptions=tuple(sorted({*decision.assumptions, *named}, key=claim_order)),
        readings={**decision.readings, **named},
        not_stated=tuple(sorted({*decision.not_stated, *silent}, key=claim_order)),
    )


class VersionMachine(Machine):
    """The machines of several versions of a protocol as one. ``table`` is that of the last, which reads every event."""

    def __init__(self, tables: Sequence[Table]) -> None:
        super().__init__(tables[-1])
        self.versions = tuple(Machine(table) for table in tables)
        for machine in self.versions:
            machine.decider = VersionDecider(machine.table, tables[0].version)
        self.folder = VersionFolder([machine.folder for machine in self.versions])
        self.begun = self.folder.begun()
        self.by_digest = {machine.table.digest: machine for machine in self.versions}
        self._bases: dict[str, dict[str, tuple[str, ...]]] = {}
        self.rows = {row.id: (row, machine.table.version) for machine in self.versions for row in machine.table.rows}

    @property
    def blinded(self) -> Machine | None:
        """There is no view of a course over several versions: what is hidden in one may be said in another."""
        raise InputError(f"{self.table.protocol}: a course over several versions can be shown to no role")

    def under(self, fold: Fold) -> Machine:
        """The machine of the version under which a fold is."""
        return self.versions[fold.position.version]

    def of(self, protocol: Mapping[str, str]) -> Machine | None:
        """The machine that a decision or a record names; None if it is none of these."""
        machine = self.by_digest.get(protocol.get("digest", ""))
        return machine if machine is not None and machine.decider.identity == protocol else None

    def like(self, protocol: Mapping[str, str]) -> Machine:
        """The machine of the version that a record names; of none of these, the first."""
        named = (machine for machine in self.versions if machine.table.version == protocol.get("version"))
        return next(named, self.versions[0])

    def bases(self, version: str) -> Mapping[str, tuple[str, ...]]:
        """The claims behind each row of all versions, as one of them names them."""
        known = self._bases.get(version)
        if known is None:
            known = self._bases[version] = {
                name: row.basis if own == version else tuple(qualified(claim, own) for claim in row.basis)
                for name, (row, own) in self.rows.items()
            }
        return known

    def cites(self, claims: tuple[str, ...], judged_by: str | None, version: str) -> tuple[str, ...]:
        """The claims of a verdict, as a version names them."""
        own = judged_by or self.versions[0].table.version
        return claims if own == version else tuple(qualified(claim, own) for claim in claims)
