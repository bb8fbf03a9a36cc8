"""Rules that hold a drug, move the level of its dose or stop it: what they have done, and what they keep from giving.

A rule acts by reports that came after the first dose of the drug, and by each of them once. What holds a drug is
released by what is reported later than what put it on, and by nothing else: an older result releases nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from protocol_engine.engine import wording
from protocol_engine.errors import BrokenInvariant
from protocol_engine.model.conditions import Clause, Condition
from protocol_engine.model.dosage import Dosage, DrugDosage, Moment, Off, Switch
from protocol_engine.model.doses import Modification, rung_words
from protocol_engine.model.evaluation import YES, Missing
from protocol_engine.model.reading import HistoryLeaves
from protocol_engine.model.table import Table
from protocol_engine.model.truth import TRUE, UNKNOWN
from protocol_engine.model.values import Date, Ever, Holds, Level

if TYPE_CHECKING:
    from protocol_engine.engine.standing import Standing

MOST_ROUNDS = 100
RESULT, HAPPENED = 0, 1
"""Within a day a result comes before what happens to the patient."""
ORDER = ("discontinue", "lower", None, "raise")
"""What is done first where several rules begin to hold: a dose that is lowered, or held, is not raised."""


@frozen
class _Told:
    """Reports by which a condition holds: by id, when what they tell happened."""

    moments: dict[str, Moment]

    def after(self, moment: Moment | None) -> dict[str, Moment]:
        """Those that are later."""
        return {name: at for name, at in self.moments.items() if moment is None or at > moment}


def modified(standing: Standing) -> Dosage:
    """What has become of the doses, now that all that is known here is known."""
    for _ in range(MOST_ROUNDS):
        before = standing.position.dosage
        after = _one_round(standing)
        if after == before:
            return before
        standing = standing.with_dosage(after)
    raise BrokenInvariant("the rules that modify doses never come to rest")


def _one_round(standing: Standing) -> Dosage:
    table, found = standing.table, standing.position.dosage
    rules = sorted(table.modifications.items(), key=lambda item: ORDER.index(item[1].do))
    for name, rule in rules:
        drugs = [drug for drug in rule.of if found.drug(drug).given and found.drug(drug).off is None]
        if not drugs:
            continue
        holds = standing.evaluation.condition(rule.when) is TRUE
        told = _told(standing, rule.when) if holds else None
        free = rule.until is not None and standing.evaluation.condition(rule.until) is TRUE
        freeing = _told(standing, rule.until) if free and rule.until is not None else None
        for drug in drugs:
            found = _released(found, name, drug, freeing)
            found = _taken(table, found, (name, rule), drug, told)
    return found


def _released(found: Dosage, name: str, drug: str, freeing: _Told | None) -> Dosage:
    """The switch off, if something later than what put it on says so."""
    switch = found.switch(name, drug)
    if freeing is None or switch is None or switch.on is None or not freeing.after(switch.newest):
        return found
    return found.with_switch(name, drug, evolve(switch, on=None, by=()))


def _taken(table: Table, found: Dosage, named: tuple[str, Modification], drug: str, told: _Told | None) -> Dosage:
    """What the rule does by reports that it has not acted by yet, of the time after the first dose of the drug."""
    if told is None:
        return found
    name, rule = named
    switch, known = found.switch(name, drug) or Switch(), found.drug(drug)
    first: Moment = (known.given[0], RESULT)
    new = {report: at for report, at in told.after(first).items() if report not in switch.spent}
    if not new:
        return found
    newest = max(new.values())
    was_on = switch.on is not None
    by = tuple(sorted(new, key=lambda report: (new[report], report)))
    spent = switch.spent | frozenset(new)
    if rule.until is None:
        found = found.with_switch(name, drug, evolve(switch, spent=spent))
    else:
        on = switch.on if was_on else newest[0]
        found = found.with_switch(name, drug, Switch(on, max(newest, switch.newest or newest), switch.by or by, spent))
    return found if was_on else _done(table, found, named, drug, (newest[0], by))


def _done(
    table: Table, found: Dosage, named: tuple[str, Modification], drug: str, decided: tuple[date, tuple[str, ...]]
) -> Dosage:
    """What the rule does once, as it begins to hold."""
    (name, rule), (on, by), known = named, decided, found.drug(drug)
    if rule.do == "discontinue":
        return found.with_drug(drug, evolve(known, off=Off(name, on, by)))
    if rule.do is None or drug not in table.ladder_of:
        return found
    ladder = table.ladders[table.ladder_of[drug]]
    doses, level = len(known.given), known.level if known.level is not None else ladder.start
    if rule.do == "raise":
        higher = ladder.higher(level)
        moved = known.moved_at is not None and doses <= known.moved_at
        if higher is None or moved or is_held(table, found, drug):
            return found
        raised = evolve(known, level=higher, rules=(name,), by=by, since=on, moved_at=doses)
        return found.with_drug(drug, raised)
    if known.lowered_at is not None and doses <= known.lowered_at:  # one level at most between two doses
        return found
    lower = ladder.lower(level)
    if lower is not None:
        lowered = evolve(known, level=lower, rules=(name,), by=by, since=on, lowered_at=doses, moved_at=doses)
        return found.with_drug(drug, lowered)
    if ladder.past_last == "stays":
        return found
    return found.with_drug(drug, evolve(known, off=Off(name, on, by, stated=ladder.past_last == "discontinue")))


def is_held(table: Table, dosage: Dosage, drug: str) -> bool:
    """Whether some rule holds a drug."""
    switches = (dosage.switch(rule, drug) for rule in table.rules_of.get(drug, ()))
    return any(switch is not None and switch.on is not None for switch in switches)


def is_over(dosage: Dosage, drug: str) -> bool:
    """Whether a rule of the protocol stopped a drug for good, and the record says so."""
    off = dosage.drug(drug).off
    return off is not None and off.stated


# --- by what a condition holds -------------------------------------------------------------------------------------


def _told(standing: Standing, condition: Condition) -> _Told:
    """The reports by which a condition that holds does so: those that its true clauses read."""
    known = _moments(standing.table, standing, condition)
    found: dict[str, Moment] = {}
    for clause in condition.clauses:
        if _holds(standing, clause):
            for named in clause.tests:
                found |= _told_of(standing, named.name, known)
    return _Told(found)


def _holds(standing: Standing, clause: Clause) -> bool:
    return all(standing.evaluation.test(named) is TRUE for named in clause.tests)


def _told_of(standing: Standing, name: str, known: dict[str, Moment]) -> dict[str, Moment]:
    """The reports that a value rests on. What was ever so rests on each report of it, and not on the first alone."""
    value, outcome = standing.table.values.get(name), standing.evaluation.value(name)
    found = {source: known[source] for source in outcome.sources if source in known}
    match value:
        case Holds() if outcome.value == YES:
            return _told(standing, value.holds).moments
        case Ever() if outcome.value == YES:
            leaves = HistoryLeaves(standing.table, standing.history, standing.position, standing.day)
            found |= {event.id: (event.effective.day, HAPPENED) for event in leaves.told_of(value)}
            return found | {name: (off.on, HAPPENED) for off in leaves.ended_by_rules(value) for name in off.by}
        case Date() if isinstance(outcome.value, date):
            return {f"{name} {outcome.value}": (outcome.value, HAPPENED)}
        case Level():
            state = standing.position.dosage.drug(standing.table.ladders[value.level_of].of)
            return {source: (state.since, HAPPENED) for source in state.by if state.since is not None}
        case _:
            return found


def _moments(table: Table, standing: Standing, condition: Condition) -> dict[str, Moment]:
    """When the results that a condition can read were taken."""
    history = standing.history
    found: dict[str, Moment] = {}
    for fact in table.facts_read(condition):
        if fact in history.results:
            for group in history.results[fact].groups.values():
                found |= {result.event.id: (result.day, RESULT) for result in group}
    return found


# --- what is not given ---------------------------------------------------------------------------------------------


@frozen
class Withheld:
    """A drug that is not given now: ``held`` until a rule releases it, or ``discontinued``, with why and the claims.

    ``stated`` is false where the record does not say what follows.
    """

    drug: str
    why: str
    rule: str
    since: date
    because: str
    cites: tuple[str, ...]
    stated: bool = True


def claims_of(node_cite: Iterable[str], rests: Iterable[str]) -> tuple[str, ...]:
    """The claims of a rule or ladder, with the assumptions that it rests on."""
    return tuple(dict.fromkeys((*node_cite, *rests)))


def withheld(standing: Standing, drug: str) -> tuple[Withheld, ...]:
    """Why a drug is not given now: that it was stopped for good, or each rule that holds it."""
    standing = standing.of_track(None)  # the rules are read from the course of the arm, whoever gives the drug
    table, dosage = standing.table, standing.position.dosage
    off = dosage.drug(drug).off
    if off is not None:
        return (_discontinued(table, drug, off),)
    rules = table.rules_of.get(drug, ())
    held = ((rule, dosage.switch(rule, drug)) for rule in rules)
    return tuple(
        _held(standing, drug, rule, switch) for rule, switch in held if switch is not None and switch.on is not None
    )


def _discontinued(table: Table, drug: str, off: Off) -> Withheld:
    rule = table.modifications[off.rule]
    name, cites = table.drugs[drug].name, claims_of(rule.cite, rule.rests)
    by = f"{off.rule}: {', '.join(off.by)}"
    text = f"{', '.join(cites)}: {name} was stopped for good on {off.on} ({by})"
    if not off.stated:
        ladder = table.ladders[table.ladder_of[drug]]
        cites = tuple(dict.fromkeys((*cites, *claims_of(ladder.cite, ladder.rests))))
        lowest = ladder.ascending[0]
        text = f"{', '.join(cites)}: {name} was to be lowered below {lowest} on {off.on} ({by})"
        text += "; what follows is not stated in the record"
    return Withheld(drug, "discontinued", off.rule, off.on, text, cites, off.stated)


def _held(standing: Standing, drug: str, name: str, switch: Switch) -> Withheld:
    rule, table = standing.table.modifications[name], standing.table
    cites = claims_of(rule.cite, rule.rests)
    why = f"{rule.label or wording.words(name)}: {', '.join(switch.by)}"
    text = f"{', '.join(cites)}: {table.drugs[drug].name} is held since {switch.on} ({why})"
    return Withheld(drug, "held", name, switch.on or date.min, f"{text}; {_release_words(standing, rule)}", cites)


def _release_words(standing: Standing, rule: Modification) -> str:
    """What would release a drug, and what is known instead."""
    if rule.until is None:
        return "nothing releases it"
    evaluation = standing.evaluation
    if evaluation.condition(rule.until) is TRUE:
        return "what would release it was reported before, and a new result is needed"
    missing = evaluation.missing(rule.until)
    failing = evaluation.failing(rule.until)
    words = [wording.missing_words(standing.table, item) for item in missing]
    words += [wording.failing_words(evaluation, test) for test in failing] if not missing else []
    return "; ".join(words) or "nothing releases it"


def lacking(standing: Standing, drug: str) -> Iterator[tuple[Missing, tuple[str, ...]]]:
    """The results that the rules which hold a drug wait for, with the claims of these rules."""
    standing = standing.of_track(None)
    table, dosage = standing.table, standing.position.dosage
    for name in table.rules_of.get(drug, ()) if dosage.drug(drug).off is None else ():
        rule, switch = table.modifications[name], dosage.switch(name, drug)
        if switch is None or switch.on is None or rule.until is None:
            continue
        cites = claims_of(rule.cite, rule.rests)
        if standing.evaluation.condition(rule.until) is TRUE:  # by what was reported before
            yield from ((Missing(fact, None, None, "stale"), cites) for fact in table.facts_read(rule.until))
        else:
            yield from ((item, cites) for item in standing.evaluation.missing(rule.until))


def doubts(standing: Standing, drug: str) -> Iterator[tuple[Missing, tuple[str, ...]]]:
    """Reports of the time after the first dose that lack what a rule reads, so that it may hold the drug or not."""
    standing = standing.of_track(None)
    table, dosage = standing.table, standing.position.dosage
    known = dosage.drug(drug)
    for name in table.rules_of.get(drug, ()) if known.given and known.off is None else ():
        rule, switch = table.modifications[name], dosage.switch(name, drug) or Switch()
        if switch.on is not None or standing.evaluation.condition(rule.when) is not UNKNOWN:
            continue
        moments = _moments(table, standing, rule.when)
        moments |= {event.id: (event.effective.day, HAPPENED) for event in standing.history.adverse}
        first: Moment = (known.given[0], RESULT)
        for item in standing.evaluation.missing(rule.when):
            after = any(moments.get(source, first) > first and source not in switch.spent for source in item.sources)
            if item.why == "muddled" and after:
                yield item, claims_of(rule.cite, rule.rests)


def without_json(table: Table, held: Iterable[Withheld]) -> list[dict[str, Any]]:
    """What a day holds and is not given, for an ``administer`` action."""
    return [
        {
            "drug": found.drug,
            "name": table.drugs[found.drug].name,
            "why": found.why,
            "rule": found.rule,
            "since": found.since.isoformat(),
            "cites": list(found.cites),
        }
        for found in held
    ]


def claims_of_level(standing: Standing, drug: str) -> tuple[str, ...]:
    """The claims behind the level of a drug: those of its ladder, and of the rules that brought it there."""
    table, known = standing.table, standing.position.dosage.drug(drug)
    ladder = table.ladders.get(table.ladder_of.get(drug, ""))
    if ladder is None:
        return ()
    rules = (table.modifications[rule] for rule in known.rules)
    return claims_of(
        (*ladder.cite, *ladder.rests), (claim for rule in rules for claim in claims_of(rule.cite, rule.rests))
    )


def notices(standing: Standing) -> Iterator[str]:
    """Of each drug that was given: that it is held, or was stopped, or at which level it goes on."""
    for drug, known in standing.position.dosage.drugs.items():
        if drug in standing.table.drugs:
            yield from (found.because for found in withheld(standing, drug))
            words = state_words(standing.table, drug, known)
            if words is not None:
                yield words


def state_words(table: Table, drug: str, known: DrugDosage) -> str | None:
    """At which level a drug goes on, where that is not the one it began with."""
    ladder = table.ladders.get(table.ladder_of.get(drug, ""))
    if ladder is None or known.level is None or known.off is not None:
        return None
    cites = tuple(dict.fromkeys(claim for rule in known.rules for claim in table.modifications[rule].cite))
    level = ladder.levels[known.level]
    by = ", ".join(known.by)
    return f"{', '.join(cites)}: {table.drugs[drug].name} is at {rung_words(level)} since {known.since} ({by})"
