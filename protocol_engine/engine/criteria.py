"""What a criterion's condition is worth on the facts of one patient, on the day asked about.

Beside what every condition reads there are dates held against that day, results that have gone stale, and numbers
derived from facts. All numbers are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date
from decimal import Decimal
from fractions import Fraction

from attrs import field, frozen

from protocol_engine.errors import BrokenInvariant
from protocol_engine.model import formulas
from protocol_engine.model.conditions import Condition, Elapsed, NamedTest, Presence, Range, Test, inner_tests
from protocol_engine.model.evaluation import YES, Evaluation, Missing, Outcome
from protocol_engine.model.facts import NEVER, FactDefinition
from protocol_engine.model.history import NO_RESULTS, Result
from protocol_engine.model.reading import HistoryLeaves
from protocol_engine.model.screening import Derived, Formula, HalfLives, Newest, Ratio
from protocol_engine.model.table import Table
from protocol_engine.model.truth import Truth
from protocol_engine.model.ucum import factor
from protocol_engine.model.units import Duration
from protocol_engine.model.values import Confirmation, Holds, Last, Take, is_narrowed
from protocol_engine.model.worked import Moment

CONSENT = "consent"
CONSENTED = "consented"
"""The name by which a criterion asks whether consent was given."""
DAY_UNIT = "d"


@frozen
class WindowLeaves(HistoryLeaves):
    """Leaves as of a day: a result that is older than the window, and of a fact that does not last, is unknown.

    ``unreadable`` are facts whose newest report could not be read, with the day and the id of that report; ``days`` the
    days of all reports about what does not last.
    """

    today: date = field(kw_only=True)
    window: Duration | None = field(kw_only=True, default=None)
    unreadable: dict[str, tuple[date, str]] = field(kw_only=True, factory=dict)
    days: dict[str, date] = field(kw_only=True, factory=dict)

    def last(self, value: Last) -> Outcome:
        """The newest result, unless it is stale, or a newer report could not be read."""
        name, _, part = value.last.partition(".")
        newest = self.newest(name)
        spoilt = self.unreadable.get(name)
        if spoilt is not None and (newest is None or spoilt[0] >= newest.day):
            return Outcome(None, "unreadable", (spoilt[1],), (Missing(name, None, None, "unreadable", (spoilt[1],)),))
        if value.at is not None or is_narrowed(value):
            return self._of_those_meant(value, name, part)
        if newest is not None and self.is_stale(name, newest.day):
            sources = (newest.event.id,)
            return Outcome(None, "stale", sources, (Missing(name, value.at, part or None, "stale", sources),))
        return HistoryLeaves.last(self, value)

    def _of_those_meant(self, value: Last, fact: str, part: str) -> Outcome:
        """The newest of the reports that are meant, such as those of one assessor; a newer one of others is none."""
        found = HistoryLeaves.last(self, value)
        groups = self.history.results.get(fact, NO_RESULTS).groups.values()
        days = [result.day for group in groups for result in group if result.event.id in found.sources]
        if not days or not self.is_stale(fact, max(days)):
            return found
        missing = Missing(fact, value.at, part or None, "stale", found.sources)
        return Outcome(None, "stale", found.sources, (missing,))

    def _moments(self, name: str, value: Take | Confirmation) -> tuple[Moment, ...]:
        """Of several results too only those that are not too old."""
        fact = name.partition(".")[0]
        return tuple(item for item in super()._moments(name, value) if not self.is_stale(fact, item.day))

    def newest(self, fact: str) -> Result | None:
        """The newest report of a fact that holds a result."""
        known = self.history.results.get(fact, NO_RESULTS)
        group = known.groups.get(known.newest, ()) if known.newest is not None else ()
        return next((result for result in group if result.value is not None), None)

    def is_stale(self, fact: str, taken: date) -> bool:
        """Whether a result of that day is too old to count on the day asked about."""
        definition = self.table.facts.get(fact)
        if self.window is None or definition is None or definition.lasting:
            return False
        return taken < self.window.before(self.today)

    def reported_on(self, event: str) -> date | None:
        """The day of the report with that id, unless it is about what lasts."""
        return self.days.get(event)

    def known_of(self, sources: tuple[str, ...], day: date) -> Outcome | None:
        """Of the fact reported there, what was reported of the time up to a day, on that day or later, if anything."""
        for known in self.history.results.values():
            results = [result for group in known.groups.values() for result in group]
            if any(result.event.id in sources for result in results):
                fitting = [result for result in results if result.day >= day and _is_up_to(result.value, day)]
                found = max(fitting, key=_in_time, default=None)
                return Outcome(found.value, sources=(found.event.id,)) if found is not None else None
        return None

    def in_window(self, fact: str) -> list[Result]:
        """All results of a fact that are not stale, the oldest first."""
        groups = self.history.results.get(fact, NO_RESULTS).groups.values()
        found = [r for group in groups for r in group if r.value is not None and not self.is_stale(fact, r.day)]
        return sorted(found, key=_in_time)


class CriteriaEvaluation(Evaluation):
    """Evaluation of criteria: as that of a course, with what only criteria read."""

    __slots__ = ("_outcomes", "frame")

    def __init__(self, table: Table, frame: WindowLeaves) -> None:
        super().__init__(table, frame)
        self.frame = frame
        self._outcomes: dict[int, tuple[NamedTest, Truth]] = {}

    def test(self, named: NamedTest) -> Truth:
        """One test on one name; it is asked for the answer, and again for each of its grounds."""
        known = self._outcomes.get(id(named))
        if known is None:  # the test is kept, so that its id stays its own
            known = self._outcomes[id(named)] = named, super().test(named)
        return known[1]

    def _read(self, name: str) -> Outcome:
        if name == CONSENTED:
            given = CONSENT in self.frame.position.marks
            return Outcome(YES) if given else Outcome(None, "absent", (), (Missing(CONSENT, None, None, "absent"),))
        derived = self.table.derived.get(name)
        return super()._read(name) if derived is None else self._derived(derived)

    # --- tests -----------------------------------------------------------------------------------------------------

    def _tested(self, outcome: Outcome, test: Test) -> Truth:
        match test:
            case Elapsed():
                return self._elapsed(outcome, test)
            case Presence("not_reported") if outcome.why == "stale":
                return Truth.TRUE  # what is too old to count is as good as not there
            case Range() if outcome.value == NEVER:
                return Truth.of(test.at_most is None and test.below is None)
            case _:
                return super()._tested(outcome, test)

    def _elapsed(self, outcome: Outcome, test: Elapsed) -> Truth:
        """Whether a date lies in the time asked for. What never happened does not, whatever day is counted from."""
        if outcome.value == NEVER and not self._too_early(outcome, test):
            return Truth.FALSE
        anchor = self._anchor(test)
        if not isinstance(outcome.value, date) or not isinstance(anchor.value, date):
            return Truth.UNKNOWN
        if outcome.value > anchor.value:
            if test.before is None:
                return Truth.UNKNOWN  # it cannot have happened by the day asked about
            if self._may_hide_an_earlier(outcome):
                known = self.frame.known_of(outcome.sources, anchor.value)
                return self._elapsed(known, test) if known is not None else Truth.UNKNOWN
        if test.at_least_ago is not None:
            long_ago = outcome.value <= test.at_least_ago.before(anchor.value)
            return Truth.UNKNOWN if long_ago and self._too_early(outcome, test) else Truth.of(long_ago)
        if test.within is None:
            raise BrokenInvariant("a time is asked for, and none is given")
        if test.within.before(anchor.value) <= outcome.value <= anchor.value:
            return Truth.TRUE
        return Truth.UNKNOWN if self._too_early(outcome, test) else Truth.FALSE

    def _may_hide_an_earlier(self, outcome: Outcome) -> bool:
        """Whether a date is the last of several that may be, as that of a transfusion is, and not one that lasts."""
        return any(self.frame.reported_on(source) is not None for source in outcome.sources)

    def _too_early(self, outcome: Outcome, test: Elapsed) -> bool:
        """Whether the date was reported too early for the time asked for, so that more may have happened in it.

        That is before the sample that it is held against; or, where it is held against the day asked about, before the
        whole of the time.
        """
        anchor = self._anchor(test)
        time = test.within or test.at_least_ago
        if not isinstance(anchor.value, date) or time is None:
            return False
        since = anchor.value if test.before is not None else time.before(anchor.value)
        reported = [self.frame.reported_on(source) for source in outcome.sources]
        return any(day is not None and day < since for day in reported)

    def _anchor(self, test: Elapsed) -> Outcome:
        """The day that a time is counted back from."""
        if test.before is None:
            return Outcome(self.frame.today)
        if test.before == CONSENT:
            return Outcome(self.frame.position.marks.get(CONSENT, self.frame.today))
        outcome = self.value(test.before)
        if outcome.value is None or isinstance(outcome.value, date):
            return outcome
        newest = self.frame.newest(test.before)
        return Outcome(newest.day, sources=outcome.sources) if newest is not None else outcome

    def missing(self, condition: Condition) -> tuple[Missing, ...]:
        """What would have to be known, the days that times are counted from among it."""
        found = dict.fromkeys(super().missing(condition))
        for clause in condition.clauses:
            truths = [self.test(named) for named in clause.tests]
            if Truth.FALSE not in truths:
                unknown = (named for named, truth in zip(clause.tests, truths, strict=True) if truth is Truth.UNKNOWN)
                found |= dict.fromkeys(item for named in unknown for item in self._days_missing(named))
        return tuple(found)

    def _days_missing(self, named: NamedTest) -> Iterator[Missing]:
        """Of a test on a date: the day that it is counted from, or a report of it that is late enough."""
        for test in times_in(named.test):
            outcome, anchor = self.value(named.name), self._anchor(test)
            if anchor.value is None:
                yield from anchor.missing
            elif outcome.value is not None and self._tested(outcome, test) is Truth.UNKNOWN:
                early = self._too_early(outcome, test)
                yield Missing(named.name, None, None, "stale" if early else "muddled", outcome.sources)

    def sources(self, condition: Condition) -> tuple[str, ...]:
        """The events that a condition was read from, those of the days that times are counted from among them."""
        found = dict.fromkeys(super().sources(condition))
        for named in condition.tests:
            for test in times_in(named.test):
                found |= dict.fromkeys(self._anchor(test).sources)
        return tuple(found)

    # --- derived values ----------------------------------------------------------------------------------------------

    def _derived(self, derived: Derived) -> Outcome:
        match derived:
            case Ratio():
                return self._ratio(derived)
            case HalfLives():
                return self._half_lives(derived)
            case Newest():
                return self._newest(derived)
            case Holds():
                return self._holds(derived.holds)
            case Formula(formula="age_in_years"):
                on = self.frame.position.marks.get(CONSENT, self.frame.today)
                birth = self.value("birth_date")
                return _calculated((birth,), lambda: Fraction(formulas.age_in_years(_day(birth), on)))
            case Formula(formula="cockcroft_gault"):
                return self._clearance()
            case Formula():
                return self._corrected_qt(derived)

    def _ratio(self, derived: Ratio) -> Outcome:
        over, under = self.frame.last(Last(last=derived.ratio)), self.frame.last(Last(last=derived.to))
        scale = factor(_unit(self.table, derived.ratio), _unit(self.table, derived.to))
        if under.value == 0:
            fact, _, part = derived.to.partition(".")
            return Outcome(
                None, "muddled", under.sources, (Missing(fact, None, part or None, "muddled", under.sources),)
            )
        return _calculated((over, under), lambda: _fraction(over) * scale / _fraction(under))

    def _half_lives(self, derived: HalfLives) -> Outcome:
        since = self.value(derived.since)
        if since.value == NEVER:
            return Outcome(NEVER, sources=since.sources)
        length = self.value(derived.half_lives)
        scale = factor(_unit(self.table, derived.half_lives), DAY_UNIT)
        return _calculated((since, length), lambda: (self.frame.today - _day(since)).days / (_fraction(length) * scale))

    def _newest(self, derived: Newest) -> Outcome:
        """The newest result that is one of the levels asked for; results of other levels stand in for none."""
        results = [result for result in self.frame.in_window(derived.newest) if result.value in derived.among]
        if results:
            newest = [result for result in results if result.day == results[-1].day]
            sources = tuple(result.event.id for result in newest)
            if len({result.value for result in newest}) == 1:
                return Outcome(newest[0].value, sources=sources)
            return Outcome(None, "muddled", sources, (Missing(derived.newest, None, None, "muddled", sources),))
        known = self.value(derived.newest)
        if known.value is None:
            return known
        return Outcome(None, "absent", known.sources, (Missing(derived.newest, None, None, "other", known.sources),))

    def _clearance(self) -> Outcome:
        birth, sex, weight, creatinine = map(self.value, ("birth_date", "sex", "weight", "creatinine"))
        definition = self.table.facts["creatinine"]
        mass = definition.molar_mass.fraction if definition.molar_mass is not None else None
        scale = factor(_unit(self.table, "creatinine"), "mg/dL", mass)
        return _calculated(
            (birth, sex, weight, creatinine),
            lambda: formulas.cockcroft_gault(
                formulas.age_in_years(_day(birth), self.frame.today),
                _fraction(weight),
                _fraction(creatinine) * scale,
                female=sex.value == "female",
            ),
        )

    def _corrected_qt(self, derived: Formula) -> Outcome:
        """QTcF of the newest ECG, of the first, the highest of all, or the mean of the newest ones."""
        results = self.frame.in_window("qt_interval")
        begun = self.frame.position.marks.get(CONSENT, date.min)
        results = [result for result in results if result.day >= begun] or results  # those of screening, if any
        if derived.mean_of is None:
            return self._one_corrected_qt(results, derived)
        counted = results[1:] if derived.after_first else results
        if derived.after_above is not None:
            above = [result for result in results if (_corrected(result) or 0) > derived.after_above]
            counted = [result for result in results if above and _comes_after(result, above[0])]
        chosen = counted[-derived.mean_of :]
        sources = tuple(result.event.id for result in chosen)
        known = [_corrected(result) for result in chosen]
        numbers = [number for number in known if number is not None]
        if len(numbers) < derived.mean_of:
            few = len(chosen) < derived.mean_of
            lacking = Missing("qt_interval", None, None if few else "rr", "too_few" if few else "absent", sources)
            return Outcome(None, "absent", sources, (lacking,))
        return Outcome(sum(numbers, Fraction(0)) / len(numbers), sources=sources)

    def _one_corrected_qt(self, results: list[Result], derived: Formula) -> Outcome:
        known = [(number, result.event.id) for result in results if (number := _corrected(result)) is not None]
        if derived.results == "highest" and known:
            highest, source = max(known)
            return Outcome(highest, sources=(source,))
        if not results:
            return self.value("qt_interval")
        wanted = results[0 if derived.results == "first" else -1]
        same_day = [result for result in results if result.day == wanted.day]
        timed = all(result.event.effective.instant is not None for result in same_day)
        found = {_corrected(result) for result in ([wanted] if timed else same_day)}
        sources = tuple(result.event.id for result in same_day)
        if len(found) > 1:
            return Outcome(None, "muddled", sources, (Missing("qt_interval", None, None, "muddled", sources),))
        number = found.pop()
        if number is None:
            return Outcome(None, "absent", sources, (Missing("qt_interval", None, "rr", "absent", sources),))
        return Outcome(number, sources=sources)


def times_in(test: Test) -> Iterator[Elapsed]:
    """The times that a test asks for."""
    return (inner for inner in inner_tests(test) if isinstance(inner, Elapsed))


def _is_up_to(value: object, day: date) -> bool:
    return value == NEVER or (isinstance(value, date) and value <= day)


def _in_time(result: Result) -> tuple[date, str, str]:
    instant = result.event.effective.instant
    return result.day, instant.astimezone(UTC).isoformat() if instant is not None else "", result.event.id


def _comes_after(result: Result, other: Result) -> bool:
    """Whether one of two results was taken after the other; of one day, unless their times say that it was not."""
    times = [item.event.effective.instant for item in (result, other)]
    if result.day != other.day or None not in times:
        return _in_time(result) > _in_time(other)
    return result is not other


def _corrected(result: Result) -> Fraction | None:
    rr, qt = result.parts.get("rr"), result.value
    if not isinstance(rr, Decimal | Fraction) or not isinstance(qt, Decimal | Fraction) or rr <= 0:
        return None
    return formulas.fridericia(Fraction(qt), Fraction(rr))


def _calculated(inputs: tuple[Outcome, ...], number: Callable[[], Fraction]) -> Outcome:
    """The number, or what its inputs lack; an input of 0 that would divide leaves it in doubt."""
    sources = tuple(dict.fromkeys(source for outcome in inputs for source in outcome.sources))
    lacking = tuple(dict.fromkeys(item for outcome in inputs for item in outcome.missing if outcome.value is None))
    unknown = next((outcome for outcome in inputs if outcome.value is None), None)
    if unknown is not None:
        return Outcome(None, unknown.why, sources, lacking)
    try:
        return Outcome(number(), sources=sources)
    except ZeroDivisionError:
        return Outcome(None, "muddled", sources, (Missing("a number above 0", None, None, "muddled", sources),))


def _day(outcome: Outcome) -> date:
    if not isinstance(outcome.value, date):
        raise BrokenInvariant("a date is read from what is none")
    return outcome.value


def _fraction(outcome: Outcome) -> Fraction:
    if not isinstance(outcome.value, Decimal | Fraction):
        raise BrokenInvariant("a number is read from what is none")
    return Fraction(outcome.value)


def _unit(table: Table, name: str) -> str:
    """The unit in which a fact, or a part of it, is read."""
    fact, _, part = name.partition(".")
    definition: FactDefinition = table.facts[fact]
    unit = definition.parts[part].quantity if part else definition.quantity
    if unit is None:
        raise BrokenInvariant(f"{name} is read as a number and is none")
    return unit
