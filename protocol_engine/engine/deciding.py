"""What may be done next, what is awaited, and what is not allowed: the rows out of a place, sorted by truth.

It is long because actions, waits, refusals and notices are made in one pass over the same rows, each silencing another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from attrs import define, evolve, field, frozen

from protocol_engine.engine import advice, delays, dosing, modifying, remarks, routing, tracks, wording
from protocol_engine.engine.folding import Fold, Remark
from protocol_engine.engine.labels import reasons
from protocol_engine.engine.screening import governs, screen
from protocol_engine.engine.standing import Standing, When
from protocol_engine.model.decision import Action, ActionKind, Awaiting, Decision, Refusal, Verdict
from protocol_engine.model.evaluation import Missing
from protocol_engine.model.facts import FactDefinition, Names, Timepoint
from protocol_engine.model.protocol import Drug
from protocol_engine.model.state import Against, Position
from protocol_engine.model.table import ActLabel, Place, Row, Table, claim_order
from protocol_engine.model.truth import FALSE, TRUE, UNKNOWN, Truth
from protocol_engine.model.units import NOT_STATED_WORD
from protocol_engine.model.values import (
    EVER_REPORTED,
    Change,
    Ever,
    Holds,
    Last,
    Members,
    Prefer,
    WorkedOut,
    facts_of,
    names_of,
)
from protocol_engine.version import ENGINE_VERSION

ACTION_OF: dict[str, ActionKind] = {
    "consent": "obtain_consent",
    "eligibility": "confirm_eligibility",
    "allocation": "allocate",
    "administration": "administer",
    "choice": "choose",
    "procedure": "perform",
}
MENUS = ("allocation", "choice")


@define
class _Listing:
    """A decision while it is put together."""

    actions: list[Action] = field(factory=list)
    awaiting: dict[tuple[str, str | None, str | None], tuple[set[str], Missing]] = field(factory=dict)
    refused: dict[str, Refusal | ActLabel] = field(factory=dict)
    spoken_of: set[str] = field(factory=set)
    """Acts that are offered, or permitted once a fact is known: another row that does not hold changes nothing."""
    not_stated: set[str] = field(factory=set)
    notices: dict[str, None] = field(factory=dict)
    rests: set[str] = field(factory=set)
    optional: frozenset[str] = frozenset()
    """Rows that are one of several ways on, since several rows of their table hold."""
    shown: set[str] = field(factory=set)
    """Rows whose acts are offered, where that matters."""


@frozen
class _Sample:
    """A fact at a named timepoint that some row ahead reads, with the claims it is taken by, rules first."""

    value: Last
    fact: FactDefinition
    at: Timepoint
    basis: tuple[str, ...]


class Decider:
    """Lists decisions of one table. What lies ahead of each place is worked out once."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.identity = {"id": table.protocol, "version": table.version, "digest": table.digest}
        self.named = {key: _named(act) for key, act in table.acts.items()}
        self.ahead = {place: _samples_ahead(table, place) for place in table.places}
        self.read_by = _claims_of_reads(table)
        self.adverse_asked = remarks.adverse_events_asked(table)
        self.leading_out = {
            name: rows
            for name, place in table.places.items()
            if (rows := _falls_awaited(table, name)) or place.kind == "observing"
        }
        self.silences = {name: _schedule_silences(table, place) for name, place in table.places.items()}

    def decide(
        self,
        fold: Fold,
        as_of: date | None,
        deviations: tuple[Verdict, ...],
        hindsight: Iterable[Remark],
        extra: Iterable[str] = (),
    ) -> Decision:
        """The decision at the end of a fold, as of a day; ``extra`` are further notices."""
        standing, listing = fold.standing, _Listing()
        if standing.offering:
            self._ways(standing, listing, as_of)
            self._assessments(standing, listing)
            if self.table.visited:
                self._visits(standing, listing, as_of)
        refusals = self._beside(standing, listing, as_of) if self.table.tracked else []
        self._notices(fold, listing, hindsight, extra)
        if standing.place.follow_up:
            listing.actions.append(Action("follow_up", *_NEVER_STATED, "permitted", standing.place.cites))
        self._holds(standing, listing)
        claims = {*listing.rests, *fold.position.end_cites}
        for action in listing.actions:
            claims.update(action.basis)
        for needed, _ in listing.awaiting.values():
            claims.update(needed)
        if standing.offering:
            claims.update(
                standing.place.cites if standing.position.arm is not None else ()
            )  # a gate is passed, and done
            listing.not_stated.update(self.silences[standing.place.id])
            for seen in standing.beside if self.table.tracked else ():
                listing.not_stated.update(self.silences[seen.place.id])
        if standing.place.follow_up:
            for endpoint in self.table.endpoints.values():
                listing.not_stated.update(endpoint.see)
        assumptions = tuple(sorted([claim for claim in claims if claim.startswith("A")], key=claim_order))
        position = fold.position
        ended = position.ended
        return Decision(
            protocol=self.identity,
            engine_version=ENGINE_VERSION,
            as_of=as_of.isoformat() if as_of is not None else None,
            place={
                "arm": position.arm,
                "element": position.element,
                "cycle": position.cycle if position.day is not None else None,
                "day": position.day,
                **(self._track_places(position) if self.table.tracked else {}),
                **({"left_out": True} if position.before_omission is not None and position.is_left_out else {}),
            },
            ended={"reason": ended.reason, "date": ended.on.isoformat()} if ended is not None else None,
            actions=tuple(sorted(listing.actions, key=_by_due)),
            awaiting=self._waits(standing, listing),
            not_allowed=(*self._refusals(standing, listing), *refusals),
            assumptions=assumptions,
            readings={name: self.table.readings[name] for name in assumptions if name in self.table.readings},
            not_stated=tuple(sorted(listing.not_stated, key=claim_order)),
            deviations=deviations,
            notices=tuple(listing.notices),
            tried=standing.ways(),
        )

    # --- tracks ----------------------------------------------------------------------------------------------------

    def _beside(self, standing: Standing, listing: _Listing, as_of: date | None) -> list[Refusal]:
        """What each track offers and awaits, put with the rest under its name; what it does not allow is the answer."""
        refusals = []
        for other in standing.beside if standing.offering else ():
            name, own = other.position.track, _Listing(awaiting=listing.awaiting, notices=listing.notices)
            listing.rests.update(other.position.end_cites)
            if other.offering:
                self._ways(other, own, as_of)
                self._holds(other, own)
                listing.rests.update(own.rests, other.place.cites)
                listing.not_stated.update(own.not_stated)
                listing.actions += [_of_track(action, name) for action in own.actions]
                refused = self._refusals(other, own)
                refusals += [evolve(refusal, action={**refusal.action, "track": name}) for refusal in refused]
            for item in other.position.against:
                fold = Fold(other.position, other.history, standing=other)
                listing.notices |= dict.fromkeys(self._against(fold, item))
        return refusals

    def _track_places(self, position: Position) -> dict[str, Any]:
        """Where each track stands, in an arm that has some."""
        known = self.table.tracks.get(position.arm or "", {}) if position.tracks else {}
        found = {name: _track_place(self.table, position.tracks[name]) for name in known}
        return {"tracks": found} if found else {}

    # --- rows ------------------------------------------------------------------------------------------------------

    def _ways(self, standing: Standing, listing: _Listing, as_of: date | None) -> None:
        """The rows out of the place, and what a stretch without treatment waits for."""
        if self.table.routed:
            listing.optional = routing.optional_rows(standing)
        self._rows(standing, listing, as_of)
        if self.table.routed or self.table.preferring:
            self._routing(standing, listing)
        if standing.place.id in self.leading_out:
            self._observed(standing, listing)
        if self.table.doses_move:
            self._await_doses(standing, listing)

    def _rows(self, standing: Standing, listing: _Listing, as_of: date | None) -> None:
        menus: dict[str, list[tuple[Row, Truth]]] = {}
        day_open = False
        for row, act in _offered(standing):
            if not standing.counts(row):
                listing.refused.setdefault(act.key, act)
                continue
            if act.kind == "eligibility" and not self._screened(standing, row, listing, as_of):
                continue
            held = standing.held(act)
            truth = min([standing.truth(row), *[hold.truth for hold in held]]) if held else standing.truth(row)
            if act.kind in MENUS:
                menus.setdefault(self.table.menu_of(act), []).append((row, truth))
            elif truth is TRUE:
                day_open = day_open or row.effect == "day"
                listing.spoken_of.add(act.key)
                beside = day_open and row.effect in ("again", "enter", "enter_anew")
                listing.shown.add(row.id)
                listing.actions.append(self._action(standing, row, listing, as_of, beside=beside))
            elif truth is UNKNOWN:
                self._await(standing, row, listing)
            else:
                listing.refused.setdefault(act.key, act)
        if day_open:
            listing.actions[:] = [_beside(action) for action in listing.actions]
        for rows in menus.values():
            self._menu(standing, rows, listing)
        for drug, cites in self._never(standing).items():
            name = self.table.drugs[drug].name
            because = (f"{', '.join(cites)}: nobody in this arm is given {name} under the protocol",)
            listing.refused[f"never:{drug}"] = Refusal({"kind": "administer", "drug": drug}, because, cites)

    def _await_doses(self, standing: Standing, listing: _Listing) -> None:
        """What the drugs of the days ahead wait for: a result that releases one, and what decides a dose."""
        doses = [row for row, act in _offered(standing) if act.kind == "administration" and standing.counts(row)]
        drugs = dict.fromkeys(line.drug for row in doses for line in standing.written_lines(row))
        ladders = (self.table.ladders.get(self.table.ladder_of.get(drug, "")) for drug in drugs)
        listing.not_stated.update(claim for ladder in ladders if ladder is not None for claim in ladder.see)
        waits = [wait for drug in drugs for wait in modifying.lacking(standing, drug)]
        waits += [(item, hold.cites) for row in doses for hold in standing.not_given(row) for item in hold.missing]
        for missing, cites in waits:
            self._note(missing, [claim for claim in cites if claim[:1] in "RA"], listing)

    def _screened(self, standing: Standing, row: Row, listing: _Listing, as_of: date | None) -> bool:
        """Whether the criteria let eligibility be confirmed. If not: the examinations and words that would decide."""
        if as_of is None or not governs(self.table, standing.history):
            return True
        screening = screen(self.table, standing.history, standing.position, as_of)
        listing.rests.update(screening.assumptions)
        if screening.barring:
            because = tuple(sentence for answer in screening.barring for sentence in answer.sentences)
            cites = screening.against
            listing.refused["eligibility"] = Refusal({"kind": ACTION_OF["eligibility"]}, because, (*row.basis, *cites))
        elif screening.undecided:
            for item in screening.lacking:
                content = {"fact": item.fact, "timepoint": None}
                part = {"component": item.component} if item.component is not None else {}
                listing.actions.append(
                    Action("assess", *_NEVER_STATED, "required", item.needed_by, {**content, **part})
                )
                self._note(Missing(item.fact, None, item.component, item.why), list(item.needed_by), listing)
            for answer in screening.questions:
                content = {"criterion": answer.id, "question": answer.question}
                listing.actions.append(Action("attest", *_NEVER_STATED, "required", (answer.id,), content))
        return screening.answer == "eligible"

    def _never(self, standing: Standing) -> dict[str, tuple[str, ...]]:
        arm = self.table.arms.get(standing.position.arm or "")
        return arm.never if arm is not None and standing.position.track is None else {}

    def _menu(self, standing: Standing, rows: list[tuple[Row, Truth]], listing: _Listing) -> None:
        """One action for all options of a choice or all arms; an option that is still unknown keeps the menu closed."""
        unknown = [row for row, truth in rows if truth is UNKNOWN]
        for row in unknown:
            self._await(standing, row, listing)
        for row, truth in rows:
            if truth is FALSE and row.act is not None:
                listing.refused.setdefault(row.act.key, row.act)
        offered = [row for row, truth in rows if truth is TRUE]
        if not offered or any(not self._offered_meanwhile(row) for row in unknown):
            return
        first = offered[0].act
        if first is None:
            return
        listing.spoken_of.update(row.act.key for row in offered if row.act is not None)
        basis = tuple(sorted({claim for row in offered for claim in row.basis if claim[:1] in "RAG"}, key=claim_order))
        names = [row.act.name.rpartition("=")[2] for row in offered if row.act is not None]
        content = self._arms(offered[0], names, listing) if first.kind == "allocation" else self._options(first, names)
        if offered[0].advice:
            basis = self._advise(standing, offered[0], listing, content, basis)
        if unknown:
            content["unknown"] = [row.act.name.rpartition("=")[2] for row in unknown if row.act is not None]
        listing.shown.update(row.id for row in offered)
        days, strength = _days(standing.when(offered[0])), offered[0].strength
        if first.kind == "choice" and strength == "required" and offered[0].id in listing.optional:
            strength = "option"
        listing.actions.append(Action(ACTION_OF[first.kind], *days, strength, basis, content))

    def _arms(self, row: Row, arms: list[str], listing: _Listing) -> dict[str, Any]:
        """The arms of an allocation, and its name if it is a later one."""
        later = self.table.allocation_of.get(arms[0])
        listing.not_stated.update(self.table.design.see if later is None else row.see)
        return {"arms": arms} if later is None else {"allocation": later, "arms": arms}

    def _options(self, act: ActLabel, options: list[str]) -> dict[str, Any]:
        """The options of a choice, who makes it, and the option that must come with a name."""
        choice = act.name.partition("=")[0]
        known = self.table.choices.get(choice)
        content: dict[str, Any] = {"choice": choice, "options": options}
        if known is not None:
            content["by"] = known.by
            content |= {"named_option": known.says_which} if known.says_which is not None else {}
        return content

    def _routing(self, standing: Standing, listing: _Listing) -> None:
        """What is offered side by side without a priority, and what a better source may still replace."""
        if self.table.routed:
            listing.notices |= dict.fromkeys(routing.notices(standing, listing.shown))
        if self.table.preferring:
            listing.notices |= dict.fromkeys(routing.provisional(standing))

    def _offered_meanwhile(self, row: Row) -> bool:
        """Whether the other arms of a menu are offered while this one is unknown, as the menu then says."""
        allocates = row.act is not None and row.act.kind == "allocation"
        return row.while_unknown == "offer" or (allocates and bool(row.among) and not row.among[0].waits)

    def _advise(
        self, standing: Standing, row: Row, listing: _Listing, content: dict[str, Any], basis: tuple[str, ...]
    ) -> tuple[str, ...]:
        """Put in which option of a choice is advised, and which need a reason; the claims with those of the advice."""
        best = advice.advised(standing, row)
        for item in advice.undecided(standing, row):
            listing.rests.update(item.guard.rests)
            for missing in standing.evaluation.missing(item.guard.condition):
                self._note(missing, [claim for claim in item.guard.cites if claim[:1] in "RA"], listing)
        content["advised"] = best.option if best is not None else None
        content["needs_reason"] = [name for name in content["options"] if best is not None and name != best.option]
        claims = (*best.guard.cites, *best.guard.rests) if best is not None else ()
        return tuple(sorted({*basis, *(claim for claim in claims if claim[:1] in "RAG")}, key=claim_order))

    def _action(self, standing: Standing, row: Row, listing: _Listing, as_of: date | None, *, beside: bool) -> Action:
        act = row.act
        assert act is not None  # noqa: S101  # the caller passes offers only
        when = standing.when(row)
        if self.table.timed and when.earliest is not None:
            for name, day in standing.grows_old(row, when.earliest):
                label = wording.label_of(self.table, name)
                listing.notices[
                    f"{label}: what is known will be too old from {day} on; a new result is needed by then"
                ] = None
        content: dict[str, Any] = {}
        if act.kind == "administration":
            content = self._dose(standing, row, act, listing, as_of)
        elif act.kind == "procedure":
            content = {"procedure": act.name}
        listing.not_stated.update(row.see, standing.place.see)
        strength = "option" if row.strength == "required" and row.id in listing.optional else row.strength
        strength = "permitted" if beside and strength == "required" else strength
        basis = self._basis(standing, row, when.due)
        if self.table.delays and act.kind == "administration" and when.latest is not None:
            basis = tuple(sorted({*basis, *delays.claims(standing, row)}, key=claim_order))
        if self.table.doses_move and act.kind == "administration":
            basis = tuple(sorted({*basis, *self._dose_claims(standing, row)}, key=claim_order))
        return Action(ACTION_OF[act.kind], *_days(when), strength, basis, content)

    def _basis(self, standing: Standing, row: Row, due: date | None) -> tuple[str, ...]:
        """The row's claims; in a branch entered against its rule the course rests on G4 instead of that rule."""
        basis = row.basis
        if row.effect != "day" and due is not None:
            before = self.table.regimens.get(standing.position.regimen or "")
            more = [claim for claim in before.rests if claim not in basis] if before is not None else []
            basis = tuple(sorted({*basis, *more}, key=claim_order)) if more else basis
        inside = row.effect in ("again", "day") or standing.place.kind in ("chosen", "assigned")
        if not inside or not any(self.table.places[item.source].arm is not None for item in standing.position.against):
            return basis
        return (*(claim for claim in basis if claim.startswith("A")), "G4")

    def _dose(
        self, standing: Standing, row: Row, act: ActLabel, listing: _Listing, as_of: date | None
    ) -> dict[str, Any]:
        regimen, moves = self.table.regimens[act.name], self.table.doses_move
        lines = standing.lines(row)
        length = regimen.cycle.days if regimen.cycle is not None else None
        listing.not_stated.update(regimen.not_stated)
        bodies: dict[str, tuple[Decimal, date] | None] = {}
        for line in lines:
            drug: Drug | None = self.table.drugs.get(line.drug)
            listing.not_stated.update(drug.see if drug is not None else ())
            body = bodies.setdefault(line.drug, dosing.body_before(standing.history, line, as_of))
            if body is None and (per := dosing.per_body(line.dose)) is not None:
                why = dosing.no_body_words(standing.history, per)
                listing.notices[f"{why}, so the amount of {line.name} is not computed"] = None
            if line.open_drug:
                listing.notices[f"{line.name} is the investigator's own choice ({', '.join(row.basis)})"] = None
        found = {
            "regimen": act.name,
            "cycle": standing.cycle_of(row),
            "day": act.day or 1,
            "administrations": [
                dosing.administration_json(line, act.day or 1, length, bodies[line.drug]) for line in lines
            ],
        }
        return {**found, "without": modifying.without_json(self.table, standing.withheld(row))} if moves else found

    def _dose_claims(self, standing: Standing, row: Row) -> Iterator[str]:
        """The claims behind the levels of a day's doses, and behind what is not given of it."""
        for found in standing.withheld(row):
            yield from found.cites
        for line in standing.lines(row):
            if line.found is not None:
                yield from (*line.written.cite, *modifying.claims_of_level(standing, line.drug))

    def _refusals(self, standing: Standing, listing: _Listing) -> tuple[Refusal, ...]:
        """What is not allowed, without the acts that another row permits, or may permit."""
        left = [refused for key, refused in listing.refused.items() if key not in listing.spoken_of]
        return tuple([self._refusal(standing, it) if isinstance(it, ActLabel) else it for it in left])

    def _refusal(self, standing: Standing, act: ActLabel) -> Refusal:
        """An act that is not allowed, with the reasons that a proposal of it is given."""
        rows = standing.offers_of(act)
        because, cites = reasons(standing, rows, standing.held(act))
        content = self.named[act.key]
        if act.kind == "administration":
            content = {**content, "cycle": standing.cycle_of(rows[0])}
        return Refusal(content, because, cites)

    # --- what is awaited ---------------------------------------------------------------------------------------------

    def _await(self, standing: Standing, row: Row, listing: _Listing) -> None:
        if row.act is not None:
            listing.spoken_of.add(row.act.key)
            for hold in standing.untold(row.act):
                for missing in hold.missing:
                    self._note(missing, [claim for claim in hold.cites if claim[:1] in "RA"], listing)
        for guard in row.guards:
            if standing.evaluation.guard(guard) is UNKNOWN:
                claims = [claim for claim in guard.cites if claim[:1] in "RA"]
                listing.rests.update(guard.rests)
                for missing in standing.evaluation.missing(guard.condition):
                    self._note(missing, claims, listing)

    def _holds(self, standing: Standing, listing: _Listing) -> None:
        if standing.position.ended is not None:
            return
        for hold in (*standing.holds, *standing.doubts):
            for missing in hold.missing:
                self._note(missing, [claim for claim in hold.cites if claim[:1] in "RA"], listing)
            if hold.truth is FALSE:
                listing.notices[f"{hold.because}; nothing is offered until it is"] = None

    def _note(self, missing: Missing, claims: list[str], listing: _Listing) -> None:
        key = (missing.fact, missing.timepoint, missing.component)
        needed, _ = listing.awaiting.setdefault(key, (set(), missing))
        needed.update(claims, self.read_by.get(key, ()))

    def _waits(self, standing: Standing, listing: _Listing) -> tuple[Awaiting, ...]:
        whole = {(fact, timepoint) for fact, timepoint, component in listing.awaiting if component is None}
        found = []
        for (fact, timepoint, component), (needed, missing) in listing.awaiting.items():
            if component is not None and (fact, timepoint) in whole:
                continue
            dead = (
                component is None and missing.why in ("absent", "no_result") and self._closed(standing, fact, timepoint)
            )
            why = wording.missing_words(self.table, missing) + ("; it can no longer be taken" if dead else "")
            found.append(Awaiting(fact, timepoint, component, tuple(sorted(needed, key=claim_order)), dead, why))
        return tuple(found)

    def _closed(self, standing: Standing, fact: str, timepoint: str | None) -> bool:
        """Whether a sample for that timepoint can no longer be taken."""
        definition = self.table.facts.get(fact)
        at = definition.taken.get(timepoint or "") if definition is not None else None
        return at is not None and _is_closed(at, len(standing.position.cycle_days))

    def _assessments(self, standing: Standing, listing: _Listing) -> None:
        cycles = len(standing.position.cycle_days)
        if standing.position.arm is None and self.table.subject == "patient":
            return
        for sample in self._samples(standing):
            closed = _is_closed(sample.at, cycles)
            if not closed and not _is_open(sample.at, cycles):
                continue
            known = standing.evaluation.leaves.last(sample.value)
            fact, timepoint = sample.value.last, sample.value.at
            settled = known.value is not None or known.why == "muddled"
            if settled and not (sample.fact.each is not None and standing.history.lacks_some(fact, timepoint)):
                continue
            if closed:
                name = wording.fact_words(self.table, fact, timepoint)
                listing.notices[f"{name} has no result and can no longer be taken; a rule ahead reads it"] = None
            else:
                content = {"fact": fact, "timepoint": timepoint}
                action = Action("assess", *_NEVER_STATED, "required", sample.basis, content)
                if action not in listing.actions:  # of several readers it is listed once
                    listing.actions.append(action)
                listing.not_stated.update(sample.fact.see)

    def _samples(self, standing: Standing) -> Iterable[_Sample]:
        """The samples that some row ahead reads, in the course of the arm or in a track beside it, each once."""
        if not self.table.tracked or not standing.beside:
            return self.ahead[standing.place.id]
        ahead = (sample for seen in (standing, *standing.beside) for sample in self.ahead[seen.place.id])
        return {
            (value.last, value.at, *sorted(value.where.items())): it for it in ahead for value in (it.value,)
        }.values()

    def _visits(self, standing: Standing, listing: _Listing, as_of: date | None) -> None:
        """The next visit of each calendar, and the visits that were missed."""
        if as_of is None or (standing.position.arm is None and self.table.subject == "patient"):
            return
        for name, cites, calendar in self.table.visited:
            since = standing.day_of(calendar.from_)
            for day in calendar.visits(since) if since is not None else ():
                first, last = calendar.window(day)
                if standing.history.has_result(name, first, last):
                    continue
                if last >= as_of:
                    content = {"fact": name, "timepoint": None}
                    basis = tuple(sorted({*cites, *calendar.cite}, key=claim_order))
                    days = first.isoformat(), day.isoformat(), last.isoformat()
                    listing.actions.append(Action("assess", *days, "required", basis, content))
                    break
                label = wording.fact_words(self.table, name, None)
                listing.notices[f"{label} was due on {day}, until {last}, and is not reported"] = None

    def _observed(self, standing: Standing, listing: _Listing) -> None:
        """What is missing to know whether a stretch without treatment begins or goes on; in it, that nothing is due."""
        falls = self.leading_out[standing.place.id]
        for row in falls:
            if standing.counts(row) and standing.truth(row) is UNKNOWN:
                self._await(standing, row, listing)
        if standing.place.kind != "observing":
            return
        title = standing.place.title or wording.words(standing.place.element or "")
        listing.notices[wording.observed_words(self.table, title, standing.position.entered, falls)] = None
        listing.rests.update(standing.place.cites)
        listing.not_stated.update(standing.place.see)

    # --- notices -----------------------------------------------------------------------------------------------------

    def _notices(self, fold: Fold, listing: _Listing, hindsight: Iterable[Remark], extra: Iterable[str]) -> None:
        position = fold.position
        for remark in (*fold.remarks, *hindsight):
            listing.notices[f"{remark.event}: {remark.text}"] = None
        self._notice_stops(position, listing)
        for item in position.against:
            listing.notices |= dict.fromkeys(self._against(fold, item))
        self._notice_drugs(fold, listing)
        if fold.history.unblinded:
            listing.notices |= dict.fromkeys(remarks.of_unblinding(event) for event in fold.history.unblinded)
        if fold.history.adverse:
            listing.notices |= dict.fromkeys(remarks.of_other_times(fold.standing, self.adverse_asked))
        if fold.history.done:
            listing.notices |= dict.fromkeys(remarks.of_reports_that_end_nothing(self.table, position, fold.history))
        for parked in position.parked:
            gates = "consent, eligibility and allocation are" if position.arm is None else "the allocation before it is"
            listing.notices[f"{parked.id}: counts as soon as {gates} there"] = None
        listing.notices |= dict.fromkeys(extra)

    def _notice_stops(self, position: Position, listing: _Listing) -> None:
        """That protocol treatment is over while the course is not, or that other steps took its place."""
        if position.stopped is not None and position.ended is None:
            row = self.table.row_of[position.stopped[0]]
            listing.rests.update(row.basis)
            still = ", ".join(
                wording.act_words(self.table, way.act)
                for way in self.table.offers.get(position.place, ())
                if way.act is not None
            )
            stays = f"; {still} stays open" if still else ""
            listing.notices[
                f"protocol treatment ended on {position.stopped[1].isoformat()} ({', '.join(row.basis)}){stays}"
            ] = None
        if self.table.places[position.place].kind == "instead" and position.grounds is not None:
            row = self.table.row_of[position.grounds.row]
            told = f" ({', '.join(position.grounds.events)})" if position.grounds.events else ""
            beside = " and nothing goes on beside it" if position.cut_off else ""
            text = f"{', '.join(row.basis)}: the course was left{told}; what follows takes its place{beside}"
            listing.notices[text] = None

    def _notice_drugs(self, fold: Fold, listing: _Listing) -> None:
        """Which drugs are held, were stopped, or go on at another level."""
        position = fold.position
        grounds = [seen.grounds for seen in tracks.with_grounds(position) if seen.grounds is not None]
        acted_on = {event: self.table.row_of[stop.row].basis for stop in grounds for event in stop.events}
        if self.table.doses_move and position.ended is None:
            listing.notices |= dict.fromkeys(modifying.notices(fold.standing))
        for *_, event in fold.history.discontinued.values():
            if modifying.is_over(position.dosage, event.scope):
                continue
            if event.scope != "treatment" and position.ended is None and event.id not in position.answered:
                name, stated = self.table.drugs[event.scope].name, acted_on.get(event.id)
                follows = "what follows is not stated in the record"
                if stated is not None:  # by a stop of the file
                    follows = f"what follows is stated in {', '.join(stated)}"
                listing.notices[f"{event.id}: {name} was stopped for good; {follows}"] = None

    def _against(self, fold: Fold, against: Against) -> list[str]:
        """For a branch entered against its rule: which row holds now, if it is another."""
        position = evolve(fold.position, entered=against.entered)
        standing = Standing(self.table, position, fold.history, fold.standing.day)
        taken = self.table.row_of[against.row]
        if standing.truth(taken) is TRUE:
            return []
        rivals = [
            row
            for row in self.table.offers.get(against.source, ())
            if row.at_least == taken.at_least and row.below == taken.below and row.act != taken.act and row.guards
        ]
        holding = [row for row in rivals if standing.truth(row) is TRUE]
        named = "; ".join(
            f"{wording.act_words(self.table, row.act)} by {', '.join(row.basis)}"
            for row in holding
            if row.act is not None
        )
        what = wording.act_words(self.table, taken.act) if taken.act is not None else "this branch"
        begun = f"{against.event_id}: {what} was done although {', '.join(taken.cites)} did not hold"
        return [
            f"{begun}; as known now it would be {named}; whether to change within the branch is not stated (G4)"
            if named
            else f"{begun}; no row holds as known now (G4)"
        ]


_NEVER_STATED = (NOT_STATED_WORD, NOT_STATED_WORD, NOT_STATED_WORD)


def _of_track(action: Action, track: str | None) -> Action:
    """An action of a track, with its name."""
    return evolve(action, content={**action.content, "track": track})


def _track_place(table: Table, position: Position) -> dict[str, Any]:
    """How a track stands, with the cycle and day that were given last, and when and why it ended."""
    ended = position.ended
    return {
        "state": table.places[position.place].state,
        "cycle": position.cycle if position.day is not None else None,
        "day": position.day,
        "ended": {"reason": ended.reason, "date": ended.on.isoformat()} if ended is not None else None,
    }


def _offered(standing: Standing) -> list[tuple[Row, ActLabel]]:
    """The open offers of the place, each with its act."""
    return [(row, row.act) for row in standing.offers if row.act is not None]


def _days(when: When) -> tuple[str, str, str]:
    """The first day, the day due and the last day, as a decision says them."""
    if when.hours is not None:
        return when.hours.earliest.text, when.hours.due.text, when.hours.latest.text
    if when.due is None and when.earliest is None and when.latest is None:
        return _NEVER_STATED
    due = when.due.isoformat() if when.due is not None else NOT_STATED_WORD
    if when.earliest == when.due and when.latest is None:
        return due, due, NOT_STATED_WORD
    earliest = when.earliest.isoformat() if when.earliest is not None else NOT_STATED_WORD
    return earliest, due, when.latest.isoformat() if when.latest is not None else NOT_STATED_WORD


def _named(act: ActLabel) -> dict[str, Any]:
    """What a refusal says of an act; the cycle of a dose is filled in."""
    kind = ACTION_OF[act.kind]
    match act.kind:
        case "administration":
            return {"kind": kind, "regimen": act.name, "cycle": None, "day": act.day or 1}
        case "choice":
            choice, _, option = act.name.partition("=")
            return {"kind": kind, "choice": choice, "option": option}
        case "allocation":
            return {"kind": kind, "arm": act.name}
        case "procedure":
            return {"kind": kind, "procedure": act.name}
        case _:
            return {"kind": kind}


def _is_open(at: Timepoint, cycles: int) -> bool:
    """Whether a sample can be taken once so many cycles have begun."""
    return cycles < at.before_cycle if at.before_cycle is not None else cycles >= (at.after_cycle or 0)


def _is_closed(at: Timepoint, cycles: int) -> bool:
    """Whether a sample can no longer be taken once so many cycles have begun."""
    return at.before_cycle is not None and cycles >= at.before_cycle


def _by_due(action: Action) -> tuple[bool, str, bool]:
    return (action.due == NOT_STATED_WORD, action.due, action.kind in ("assess", "attest"))


def _beside(action: Action) -> Action:
    """While a day of the running cycle is open, the next cycle may be given beside it and is not the next act."""
    if action.kind == "administer" and action.content["day"] == 1 and action.strength == "required":
        return Action(
            action.kind, action.earliest, action.due, action.latest, "permitted", action.basis, action.content
        )
    return action


def _falls_awaited(table: Table, name: str) -> tuple[Row, ...]:
    """The falls whose unknown facts are awaited: out of a stretch without treatment, and of a table that opens one."""
    place, falls = table.places[name], table.falls.get(name, ())
    if place.kind == "observing":
        return falls
    if not any(table.places[row.target].kind == "observing" for row in falls):
        return ()
    return tuple(row for row in falls if place.kind != "giving" or row.at_least is not None)


def _claims_of_reads(table: Table) -> dict[tuple[str, str | None, str | None], tuple[str, ...]]:
    """The assumptions of the values that read a result at a timepoint: they say what becomes of a missing one."""
    found: dict[tuple[str, str | None, str | None], tuple[str, ...]] = {}
    for value in table.values.values():
        if isinstance(value, Last):
            fact, _, part = value.last.partition(".")
            claims = (claim for claim in (*value.cite, *value.rests) if claim.startswith("A"))
            key = (fact, value.at, part or None)
            found[key] = tuple(dict.fromkeys((*found.get(key, ()), *claims)))
    return found


def _schedule_silences(table: Table, place: Place) -> tuple[str, ...]:
    """What is not stated about the facts that the stops of a place read, where the record names no timepoints."""
    found: dict[str, None] = {}
    for scope in place.scopes if place.arm is not None else ():
        for row in table.falls.get(scope, ()):
            for guard in row.guards:
                for test in guard.condition.tests:
                    for fact in _facts_read(table, test.name, ()):
                        found |= dict.fromkeys(table.facts[fact].see)
    return tuple(found)


def _facts_read(table: Table, name: str, above: tuple[str, ...]) -> list[str]:
    value = table.values.get(name)
    match value:
        case Last():
            names = [value.last.partition(".")[0]]
        case Ever():
            names = list(value.ever)
        case Holds() if name not in above:
            return [fact for test in value.holds.tests for fact in _facts_read(table, test.name, (*above, name))]
        case WorkedOut():
            inner = [fact for other in names_of(value) for fact in _facts_read(table, other, (*above, name))]
            names = [*(fact.partition(".")[0] for fact in facts_of(value)), *inner]
        case _:
            names = [name]
    return [fact for fact in names if fact in table.facts and not table.facts[fact].taken]


def _samples_ahead(table: Table, place: str) -> tuple[_Sample, ...]:
    """The facts, each at a named timepoint, that some row out of this place, or ahead of it, reads."""
    found: dict[_Taken, None] = {}
    seen, queue = {place}, [place]
    while queue:
        here = queue.pop(0)
        rows = [*table.offers.get(here, ())]
        for scope in table.places[here].scopes:
            rows += [
                row
                for row in table.falls.get(scope, ())
                if scope == here or table.places[row.target].kind in ("closed", "observing")
            ]
        for row in rows:
            for guard in row.asked:
                for test in guard.condition.tests:
                    found |= dict.fromkeys(_timepoints_read(table, test.name, ()))
            if row.target not in seen:
                seen.add(row.target)
                queue.append(row.target)
    return tuple(_sample(table, *taken) for taken in found)


def _sample(table: Table, fact: str, timepoint: str, where: tuple[tuple[str, Names], ...]) -> _Sample:
    definition = table.facts[fact]
    at = definition.taken[timepoint]
    basis = tuple(sorted({*definition.cite, *at.cite}, key=claim_order))
    return _Sample(Last(last=fact, at=timepoint, where=dict(where)), definition, at, basis)


_Taken = tuple[str, str, tuple[tuple[str, Names], ...]]
"""A fact, a timepoint, and the details that a report must have to count there."""


def _timepoints_read(table: Table, name: str, above: tuple[str, ...]) -> list[_Taken]:
    value = table.values.get(name)
    if isinstance(value, Last) and value.at is not None:
        return [(value.last.partition(".")[0], value.at, tuple(sorted(value.where.items())))]
    if isinstance(value, Change | Members | Prefer) and name not in above:
        own: list[_Taken] = []
        if isinstance(value, Members) and value.at not in (None, EVER_REPORTED):
            own = [(value.over, value.at or "", ())]
        inner = [found for other in names_of(value) for found in _timepoints_read(table, other, (*above, name))]
        return [*own, *inner]
    holds = getattr(value, "holds", None)
    if holds is None or name in above:
        return []
    return [found for test in holds.tests for found in _timepoints_read(table, test.name, (*above, name))]
