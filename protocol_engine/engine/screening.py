"""Is a patient eligible? Every criterion answered on the day asked about, and the whole: with what was used and lacks.

Nothing here is a judgement of its own: what data can decide is decided by the criterion's condition, and what only a
person can say is the newest attestation, or a question that stays open. Unknown is never read as met or as not met.
It is long because an answer and its grounds, worked out when they are asked for, read the same evaluations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from fractions import Fraction
from functools import cached_property
from typing import Any, Literal

from attrs import define, evolve, field, frozen

from protocol_engine.engine import wording
from protocol_engine.engine.criteria import CriteriaEvaluation, WindowLeaves
from protocol_engine.model.conditions import Clause, Condition, NamedTest
from protocol_engine.model.evaluation import Missing, Why
from protocol_engine.model.events import AttestationEvent
from protocol_engine.model.history import NO_RESULTS, FactHistory, History, Result
from protocol_engine.model.screening import CriterionContent, above
from protocol_engine.model.state import Position
from protocol_engine.model.table import Table, claim_order
from protocol_engine.model.truth import Truth
from protocol_engine.model.units import Duration

CriterionOutcome = Literal["met", "not_met", "unknown", "needs_attestation"]
Eligible = Literal["eligible", "not_eligible", "not_yet_decidable"]
SHOWN_DIGITS = 2


@frozen
class Used:
    """A result that an answer rests on, as it was reported."""

    fact: str
    value: Any
    unit: str | None
    date: date
    event: str
    components: dict[str, Any] = field(factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The result as JSON; ``components`` only where there are any."""
        found = {
            "fact": self.fact,
            "value": self.value,
            "unit": self.unit,
            "date": self.date.isoformat(),
            "event": self.event,
        }
        return {**found, "components": self.components} if self.components else found


@frozen
class Lacking:
    """A fact that would help to decide, why it is not known, and the criteria that need it."""

    fact: str
    component: str | None
    why: Why
    because: str
    needed_by: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """What is missing, as JSON."""
        return {
            "fact": self.fact,
            "component": self.component,
            "why": self.why,
            "because": self.because,
            "needed_by": list(self.needed_by),
        }


@frozen
class _Grounds:
    """Why a criterion is answered as it is."""

    used: tuple[Used, ...]
    numbers: dict[str, str]
    lacking: tuple[Lacking, ...]
    because: tuple[str, ...]
    wanted: frozenset[tuple[str, str | None]]


@define(frozen=True, slots=False)
class CriterionAnswer:
    """What is known of one criterion: whether it is met, by what, and what is missing.

    The grounds are worked out when they are asked for: of a cohort only the outcomes are.
    """

    id: str
    text: str
    must_hold: bool
    outcome: CriterionOutcome
    question: str | None
    attested: AttestationEvent | None
    assumptions: tuple[str, ...]
    explained: Callable[[], _Grounds] = field(eq=False, repr=False)

    @cached_property
    def _grounds(self) -> _Grounds:
        return self.explained()

    @property
    def used(self) -> tuple[Used, ...]:
        """The results that it was read from."""
        return self._grounds.used

    @property
    def numbers(self) -> dict[str, str]:
        """The derived numbers that were read."""
        return self._grounds.numbers

    @property
    def lacking(self) -> tuple[Lacking, ...]:
        """What is missing, if it is unknown."""
        return self._grounds.lacking

    @property
    def because(self) -> tuple[str, ...]:
        """Why it is answered as it is, each sentence with the criterion that says so."""
        return self._grounds.because

    @property
    def wanted(self) -> frozenset[tuple[str, str | None]]:
        """The smallest set of missing details that would decide it."""
        return self._grounds.wanted

    @property
    def bars(self) -> bool:
        """Whether it keeps the patient out."""
        return self.outcome == ("not_met" if self.must_hold else "met")

    @property
    def open(self) -> bool:
        """Whether it is not decided."""
        return self.outcome in ("unknown", "needs_attestation")

    @property
    def sentences(self) -> tuple[str, ...]:
        """Why it bars, or what it lacks, each sentence with the criterion that says so."""
        open_question = self.outcome == "needs_attestation" and self.question is not None
        asked = (f"{self.id}: not attested: {self.question}",) if open_question else ()
        lacking = tuple(f"{self.id}: {item.because}" for item in self.lacking)
        return (*self.because, *lacking, *asked) or (f"{self.id}: {self.text}",)

    def as_json(self) -> dict[str, Any]:
        """The answer as JSON."""
        return {
            "id": self.id,
            "kind": {"I": "inclusion", "E": "exclusion"}.get(self.id[:1], "limit"),
            "text": self.text,
            "outcome": self.outcome,
            "bars": self.bars,
            "values": [used.as_json() for used in self.used],
            "derived": self.numbers,
            "missing": [item.as_json() for item in self.lacking],
            "question": self.question,
            "attested": _attested_json(self.attested),
            "because": list(self.because),
            "assumptions": list(self.assumptions),
        }


def _attested_json(event: AttestationEvent | None) -> dict[str, Any] | None:
    if event is None:
        return None
    return {"met": event.met, "by": event.by, "date": event.effective.day.isoformat(), "event": event.id}


@frozen
class Screening:
    """All criteria answered on a day; of a criterion with sub-items, and of each of these."""

    as_of: date
    answers: dict[str, CriterionAnswer]

    @property
    def top(self) -> tuple[CriterionAnswer, ...]:
        """The criteria that are part of no other."""
        return tuple(answer for name, answer in self.answers.items() if above(name) is None)

    @property
    def answer(self) -> Eligible:
        """The whole: one criterion that bars is enough, and nothing may be open."""
        if any(answer.bars for answer in self.top):
            return "not_eligible"
        return "not_yet_decidable" if any(answer.open for answer in self.top) else "eligible"

    @property
    def barring(self) -> tuple[CriterionAnswer, ...]:
        """The criteria that keep the patient out."""
        return tuple(answer for answer in self.top if answer.bars)

    @property
    def undecided(self) -> tuple[CriterionAnswer, ...]:
        """The criteria that are not decided."""
        return tuple(answer for answer in self.top if answer.open)

    @property
    def against(self) -> tuple[str, ...]:
        """What speaks against enrolment, sub-items too: the criteria that keep the patient out, or else those open."""
        found = []
        for name, answer in self.answers.items():
            head = self.answers.get(above(name) or "", answer)
            if (answer.bars and head.bars) if self.barring else (answer.open and head.open):
                found.append(name)
        return tuple(found)

    @property
    def lacking(self) -> tuple[Lacking, ...]:
        """Everything missing for what is not decided: what belongs to the smallest set of examinations first."""
        found: dict[tuple[str, str | None], Lacking] = {}
        sizes: dict[tuple[str, str | None], int] = {}
        for answer in self._open_leaves():
            for item in answer.lacking:
                key = (item.fact, item.component)
                known = found.get(key)
                needed = (*(known.needed_by if known is not None else ()), *item.needed_by)
                found[key] = Lacking(*key, item.why, item.because, tuple(dict.fromkeys(needed)))
                if key in answer.wanted:
                    sizes[key] = min(len(answer.wanted), sizes.get(key, len(answer.wanted)))
        last = len(found) + 1
        ranked = sorted(found, key=lambda key: (sizes.get(key, last), -len(found[key].needed_by)))
        return tuple(found[key] for key in ranked)

    @property
    def questions(self) -> tuple[CriterionAnswer, ...]:
        """The criteria for which somebody's word is missing."""
        return tuple(answer for answer in self._open_leaves() if answer.question is not None and not answer.attested)

    def _open_leaves(self) -> Iterator[CriterionAnswer]:
        """Undecided criteria that a fact or a word would decide, of those whose own criterion is undecided too."""
        for answer in self.answers.values():
            head = self.answers.get(above(answer.id) or "", answer)
            if answer.open and head.open:
                yield answer

    @property
    def assumptions(self) -> tuple[str, ...]:
        """The assumptions that the criteria rest on."""
        found = {claim for answer in self.answers.values() for claim in answer.assumptions}
        return tuple(sorted(found, key=claim_order))

    def as_json(self) -> dict[str, Any]:
        """The whole as JSON."""
        return {
            "as_of": self.as_of.isoformat(),
            "answer": self.answer,
            "barring": [answer.id for answer in self.barring],
            "undecided": [answer.id for answer in self.undecided],
            "criteria": [answer.as_json() for answer in self.answers.values()],
            "missing": [item.as_json() for item in self.lacking],
            "questions": [{"criterion": answer.id, "question": answer.question} for answer in self.questions],
            "assumptions": list(self.assumptions),
        }


def governs(table: Table, history: History) -> bool:
    """Whether anything was reported that only a criterion reads; until then somebody else screens the patient."""
    attested = any(name in table.criteria for name in history.attested)
    return attested or not table.screening_facts.isdisjoint(history.results)


def screen(
    table: Table,
    history: History,
    position: Position,
    today: date,
    unreadable: Mapping[str, tuple[date, str]] | None = None,
) -> Screening:
    """Every criterion answered for the facts in the history, on that day.

    ``unreadable`` are facts whose newest report could not be read, with the day and the id of that report.
    """
    asked = _Asked(table, history, position, today, dict(unreadable or {}))
    answers: dict[str, CriterionAnswer] = {}
    for criterion in sorted(table.criteria.values(), key=_depth, reverse=True):  # sub-items first
        answers[criterion.id] = asked.answer(criterion, answers)
    return Screening(today, {name: answers[name] for name in table.criteria})


def _depth(criterion: CriterionContent) -> int:
    return criterion.id.count(".")


class _Asked:
    """One patient on one day: an evaluation for every window, and the results by the event that reported them."""

    def __init__(
        self,
        table: Table,
        history: History,
        position: Position,
        today: date,
        unreadable: dict[str, tuple[date, str]],
    ) -> None:
        self.table, self.history, self.position, self.today = table, history, position, today
        self.unreadable = unreadable
        self.evaluations: dict[Duration | None, CriteriaEvaluation] = {}
        self.earlier: dict[tuple[date, Duration | None], CriteriaEvaluation] = {}
        self.reported: dict[str, Result] = {
            result.event.id: result
            for known in history.results.values()
            for group in known.groups.values()
            for result in group
        }
        self.days = {
            name: result.day for name, result in self.reported.items() if not table.facts[result.event.fact].lasting
        }

    def evaluation(self, window: Duration | None) -> CriteriaEvaluation:
        """The evaluation under which results older than the window are stale."""
        if window not in self.evaluations:
            self.evaluations[window] = self._evaluation_on(self.history, self.today, window)
        return self.evaluations[window]

    def _evaluation_on(self, history: History, today: date, window: Duration | None) -> CriteriaEvaluation:
        frame = WindowLeaves(
            self.table,
            history,
            self.position,
            today,
            today=today,
            window=window,
            unreadable=self.unreadable,
            days=self.days,
        )
        return CriteriaEvaluation(self.table, frame)

    def _evaluation_then(self, day: date, window: Duration | None) -> CriteriaEvaluation:
        """The evaluation of what had been taken by an earlier day, as on that day."""
        if (day, window) not in self.earlier:
            self.earlier[day, window] = self._evaluation_on(_known_on(self.history, day), day, window)
        return self.earlier[day, window]

    def answer(self, criterion: CriterionContent, answers: Mapping[str, CriterionAnswer]) -> CriterionAnswer:
        """One criterion, once its sub-items are answered."""
        parts = [answers[name] for name in criterion.parts]
        truths = [_TRUTHS[part.outcome] for part in parts]
        data_open = any(part.outcome == "unknown" for part in parts)
        evaluation = self.evaluation(criterion.window)
        failures: list[date] = []
        if criterion.condition is not None:
            truth = evaluation.condition(criterion.condition)
            failures = self._failures(criterion, truth) if truth is not Truth.FALSE else []
            if criterion.retests is not None and len(failures) > criterion.retests:
                truth = Truth.FALSE
            truths.append(truth)
            data_open = data_open or truth is Truth.UNKNOWN
        attested, muddled = self._attested(criterion.id)
        if criterion.ask is not None:
            truths.append(Truth.of(attested.met) if attested is not None else Truth.UNKNOWN)
        joined = (min if criterion.join_all else max)(truths, default=Truth.UNKNOWN)
        outcome = _outcome(joined, data_open=data_open)

        def explained() -> _Grounds:
            because = [sentence for part in parts if _TRUTHS[part.outcome] is joined for sentence in part.because]
            if criterion.condition is not None:
                because += _reasons(evaluation, criterion, failures)
            if attested is not None and criterion.ask is None:
                because.append(f"{criterion.id}: nobody is asked, so the word of {attested.id} counts for nothing")
            if muddled:
                because.append(f"{', '.join(muddled)}: two words of one day differ; retract one of them")
            unknown = outcome == "unknown"
            return _Grounds(
                used=self._used(evaluation, criterion.condition),
                numbers=self._numbers(evaluation, criterion.condition),
                lacking=self._lacking(evaluation, criterion) if unknown else (),
                because=tuple(because),
                wanted=_wanted(evaluation, criterion.condition) if unknown else frozenset(),
            )

        return CriterionAnswer(
            id=criterion.id,
            text=criterion.text,
            must_hold=criterion.must_hold,
            outcome=outcome,
            question=criterion.ask,
            attested=attested if criterion.ask is not None else None,
            assumptions=criterion.rests,
            explained=explained,
        )

    def _attested(self, criterion: str) -> tuple[AttestationEvent | None, tuple[str, ...]]:
        """The newest word on a criterion, or the words of one day that differ."""
        words = self.history.attested.get(criterion, ())
        if len({word.met for word in words}) > 1:
            return None, tuple(word.id for word in words)
        return (words[-1] if words else None), ()

    def _failures(self, criterion: CriterionContent, truth: Truth) -> list[date]:
        """Of a criterion that may be retested: the days since consent on which a fact failed it, of the one most often.

        A fact fails it on a day on which a sample of it was taken and it is among what fails. The newest sample of a
        criterion that is met now has not failed it. Before consent nobody is screened, so nothing is a retest.
        """
        begun = self.position.marks.get("consent")
        if criterion.retests is None or criterion.condition is None or begun is None:
            return []
        sampled: dict[date, set[str]] = {}
        for result in self._every_result(criterion.condition):
            if begun <= result.day <= self.today:
                sampled.setdefault(result.day, set()).add(result.event.fact)
        often = Counter(fact for facts in sampled.values() for fact in facts)
        if max(often.values(), default=0) <= criterion.retests:
            return []
        days = sorted(sampled)
        found: dict[str, list[date]] = {}
        for day in days[:-1] if truth is Truth.TRUE else days:
            then = self._evaluation_then(day, criterion.window)
            if then.condition(criterion.condition) is Truth.FALSE:
                failing = Condition((Clause(then.failing(criterion.condition)),))
                for fact in sampled[day].intersection(self.table.facts_read(failing)):
                    found.setdefault(fact, []).append(day)
        return max(found.values(), key=len, default=[])

    def _every_result(self, condition: Condition) -> Iterator[Result]:
        """Every result ever reported of the measured facts that a condition reads."""
        for fact in self.table.facts_read(condition):
            definition = self.table.facts[fact]
            if definition.quantity is not None and not definition.lasting and fact in self.history.results:
                for group in self.history.results[fact].groups.values():
                    yield from group

    def _used(self, evaluation: CriteriaEvaluation, condition: Condition | None) -> tuple[Used, ...]:
        if condition is None:
            return ()
        results = [self.reported[name] for name in evaluation.sources(condition) if name in self.reported]
        return tuple(
            Used(r.event.fact, r.event.value, r.event.unit, r.day, r.event.id, dict(r.event.components))
            for r in results
        )

    def _numbers(self, evaluation: CriteriaEvaluation, condition: Condition | None) -> dict[str, str]:
        """The derived numbers that a condition read, rounded for the eye; the condition read them exactly."""
        found: dict[str, str] = {}
        for named in condition.tests if condition is not None else ():
            value = evaluation.value(named.name).value
            if named.name in self.table.derived and isinstance(value, Fraction):
                found[named.name] = wording.rounded(value, SHOWN_DIGITS)
        return found

    def _lacking(self, evaluation: CriteriaEvaluation, criterion: CriterionContent) -> tuple[Lacking, ...]:
        if criterion.condition is None:
            return ()
        found: dict[tuple[str, str | None], Lacking] = {}
        for item in evaluation.missing(criterion.condition):
            words = wording.missing_words(self.table, self._dated(item))
            dated = item.fact in self.table.facts and self.table.facts[item.fact].date
            if item.why == "stale" and criterion.window is not None and not dated:
                words = f"{words}, no older than {criterion.window}"
            found.setdefault(
                (item.fact, item.component), Lacking(item.fact, item.component, item.why, words, (criterion.id,))
            )
        return tuple(found.values())

    def _dated(self, item: Missing) -> Missing:
        """What is missing, with the days of the reports in question."""
        known = self.reported
        if not item.sources:
            return item
        return evolve(item, sources=tuple(f"{n} of {known[n].day}" if n in known else n for n in item.sources))


_TRUTHS: dict[str, Truth] = {
    "met": Truth.TRUE,
    "not_met": Truth.FALSE,
    "unknown": Truth.UNKNOWN,
    "needs_attestation": Truth.UNKNOWN,
}


def _outcome(truth: Truth, *, data_open: bool) -> CriterionOutcome:
    if truth is Truth.UNKNOWN:
        return "unknown" if data_open else "needs_attestation"
    return "met" if truth is Truth.TRUE else "not_met"


def _reasons(evaluation: CriteriaEvaluation, criterion: CriterionContent, failures: list[date]) -> list[str]:
    """Sentences: which tests hold or fail, and which retests were used up."""
    condition = criterion.condition
    if condition is None:
        return []
    if criterion.retests is not None and len(failures) > criterion.retests:
        days = ", ".join(day.isoformat() for day in failures)
        return [f"{criterion.id}: was not met on {days}, and only {criterion.retests} retest is allowed"]
    truth = evaluation.condition(condition)
    if truth is Truth.FALSE and criterion.must_hold:
        return [f"{criterion.id}: {words}" for words in _failing_words(evaluation, condition)]
    if truth is Truth.FALSE:  # an exclusion, and good news: of each way to meet it, what rules it out
        ruled_out = {named.name: named for way in reversed(_failing(evaluation, condition)) for named in way[:1]}
        return [f"{criterion.id}: {wording.holding_words(evaluation, named)}" for named in reversed(ruled_out.values())]
    if truth is Truth.TRUE:
        clause = next(c for c in condition.clauses if all(evaluation.test(n) is Truth.TRUE for n in c.tests))
        return [f"{criterion.id}: {wording.holding_words(evaluation, named)}" for named in clause.tests]
    return []


def _failing(evaluation: CriteriaEvaluation, condition: Condition) -> list[tuple[NamedTest, ...]]:
    """Of a false condition, the tests of each clause that are false."""
    return [tuple(n for n in clause.tests if evaluation.test(n) is Truth.FALSE) for clause in condition.clauses]


def _failing_words(evaluation: CriteriaEvaluation, condition: Condition) -> list[str]:
    """What fails of a condition: a sentence for each test, or one that joins the clauses that come equally near."""
    ways = _failing(evaluation, condition)
    least = min(len(way) for way in ways)
    nearest = [[wording.failing_words(evaluation, named) for named in way] for way in ways if len(way) == least]
    if len(nearest) == 1:
        return nearest[0]
    return ["; or ".join(dict.fromkeys(" and ".join(words) for words in nearest))]


def _wanted(evaluation: CriteriaEvaluation, condition: Condition | None) -> frozenset[tuple[str, str | None]]:
    """The smallest set of missing details that would decide a condition, if they came out well."""
    best: frozenset[tuple[str, str | None]] = frozenset()
    for clause in condition.clauses if condition is not None else ():
        if all(evaluation.test(named) is not Truth.FALSE for named in clause.tests):
            items: Iterable[Missing] = evaluation.missing(Condition((clause,)))
            wanted = frozenset((item.fact, item.component) for item in items)
            if wanted and (not best or len(wanted) < len(best)):
                best = wanted
    return best


def _known_on(history: History, day: date) -> History:
    """The results that had been taken by that day."""
    found: dict[str, FactHistory] = {}
    for fact, known in history.results.items():
        results = [result for group in known.groups.values() for result in group]
        if all(result.day <= day for result in results):
            found[fact] = known
            continue
        for result in results:
            if result.day <= day:
                found[fact] = found.get(fact, NO_RESULTS).adding(result)
    return History(results=found, attested=history.attested)
