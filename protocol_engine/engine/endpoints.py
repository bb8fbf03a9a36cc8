"""The endpoints of one course as of a day: events, censoring and rates, as the file defines them and not otherwise.

An endpoint is derived from the course as known now. What is in doubt is put in both ways: where that changes nothing
the answer stands, and where it does the answer is unknown and names the reports.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import product

from attrs import evolve, fields, frozen

from protocol_engine.engine import wording
from protocol_engine.engine.dated import Dated, DaysKnown, death_in_doubt, in_doubt
from protocol_engine.engine.deriving import State
from protocol_engine.engine.ends import ends_of
from protocol_engine.model.claims import Node
from protocol_engine.model.evaluation import Missing
from protocol_engine.model.outcomes import EndpointAnswer, EndpointState, Outcomes
from protocol_engine.model.protocol import Endpoint, MissedVisits, Response
from protocol_engine.model.table import Table, claim_order
from protocol_engine.model.units import Duration, NotStated
from protocol_engine.model.values import CONFIRMED, Confirmation, Last
from protocol_engine.model.worked import Moment, confirmed_ways

FROM, UP_TO = "from", "up_to"
"""Days of the endpoint itself that its censoring may name: its beginning, and the end of the time it is assessed."""
OFF_STUDY = ("death", "withdrawal.study", "study_closure")
"""After any of these nothing more is found, in every protocol."""


def outcomes_of(table: Table, state: State, as_of: date | None, only: str | None = None) -> Outcomes:
    """The ends and the endpoints of a course, or ``only`` one of these, as of a day, from what is known of it."""
    known = DaysKnown(table, state, as_of if as_of is not None else date.min)
    asked = ((name, it) for name, it in table.endpoints.items() if only in (None, name))
    answers = tuple(_answer(known, name, endpoint) for name, endpoint in asked)
    protocol = {"id": table.protocol, "version": table.version, "digest": table.digest}
    return Outcomes(protocol, as_of, ends_of(known), answers, table.endpoints_see)


def completed_months(begin: date, end: date) -> int:
    """How many whole months lie between two days: as many as can be added to the first and not pass the second."""
    months = max(0, (end.year - begin.year) * 12 + end.month - begin.month)
    while months and Duration(months, "months").after(begin) > end:
        months -= 1
    return months


def _answer(known: DaysKnown, name: str, endpoint: Endpoint) -> EndpointAnswer:
    basis = tuple(sorted({*endpoint.cite, *_claims_inside(known.table, endpoint)}, key=claim_order))
    if endpoint.of is not None:
        found = _Rate(known, endpoint, endpoint.of).answer(name)
    elif endpoint.from_ is not None and endpoint.to is not None:
        found = _Time(known, endpoint).answer(name)
    else:
        words = (endpoint.of_words,) if endpoint.of_words is not None else ()
        found = EndpointAnswer(name, endpoint.title, "words", "in_words", because=words)
    return evolve(found, basis=basis)


def _claims_inside(table: Table, node: Node) -> Iterator[str]:
    """The assumptions whose readings were put in inside a node, and the claims of the values that it names."""
    yield from node.rests
    for value in (getattr(node, f.name) for f in fields(type(node))):
        items = value if isinstance(value, tuple) else (value,)
        for item in items:
            if isinstance(item, Node):
                yield from _claims_inside(table, item)
            elif isinstance(item, str) and item in table.values:
                yield from (*table.values[item].cite, *table.values[item].rests)


def _sure(days: list[Dated], *, doubtful: bool) -> list[Dated]:
    """The days that are sure; with ``doubtful`` also those in doubt, as if they were."""
    return [item for item in days if doubtful or not item.doubt]


def _told(item: Dated) -> str:
    return f"{item.what} on {item.day}"


# --- time to an event -------------------------------------------------------------------------------------------------


@frozen
class _Settled:
    """How a time to event stands, if each doubt is put in one way."""

    state: EndpointState
    decided: Dated | None = None
    closing: Dated | None = None


@frozen
class _Time:
    """A time to an event."""

    known: DaysKnown
    endpoint: Endpoint

    def answer(self, name: str) -> EndpointAnswer:
        """The answer for one patient."""
        endpoint, known = self.endpoint, self.known
        begins = known.of(endpoint.from_) if endpoint.from_ is not None else []
        empty = EndpointAnswer(name, endpoint.title, "time", "not_begun")
        if not begins:
            return empty
        begin = begins[0]
        if begin.doubt:
            return evolve(empty, state="unknown", missing=self._missing(begin.doubt), events=begin.sources)
        end = min(endpoint.up_to.after(begin.day), known.as_of) if endpoint.up_to is not None else known.as_of
        whole = evolve(empty, begin=begin.day, until=end)
        early = [item for item in self._named_closings() if item.day < begin.day]
        if early:
            return self._closed_before(whole, begin, early)
        targets = known.of(endpoint.to) if endpoint.to is not None else []
        closings, lasts = self._closings(begin, end), self._lasts(begin, end)
        before = next((item for item in targets if item.lone and item.day < begin.day and not item.doubt), None)
        ways = [
            self._settled(
                [item for item in _sure(targets, doubtful=one) if begin.day <= item.day <= end],
                _sure(closings, doubtful=two),
                _sure(lasts, doubtful=three),
            )
            for one, two, three in product((False, True), repeat=3)
        ]
        if before is not None:
            text = f"{_told(before)} lies before the beginning on {begin.day}; whether it came again is not told"
            return evolve(whole, state="unknown", because=(text,), events=before.sources)
        if len({(way.state, way.decided.day if way.decided else None) for way in ways}) > 1:
            doubts = tuple(item for item in (*targets, *closings, *lasts) if item.doubt and item.day <= end)
            missing = self._missing(tuple(why for item in doubts for why in item.doubt))
            sources = tuple(dict.fromkeys(source for item in doubts for source in item.sources))
            return evolve(whole, state="unknown", missing=missing, events=sources)
        return self._in_full(whole, begin, ways[0])

    def _settled(self, targets: list[Dated], closings: list[Dated], lasts: list[Dated]) -> _Settled:
        closing = min(closings, key=lambda item: item.day, default=None)
        end = closing.day if closing is not None else date.max
        event = next((item for item in targets if item.day <= end), None)
        if event is not None:
            return _Settled("event", event)
        if self.endpoint.censoring is None or isinstance(self.endpoint.censoring, NotStated):
            return _Settled("censoring_not_stated", None, closing)
        last = max((item for item in lasts if item.day <= end), key=lambda item: item.day, default=None)
        return _Settled("censored" if last is not None else "open", last, closing)

    def _closings(self, begin: Dated, end: date) -> list[Dated]:
        """What closes the observation: what is named, and visits that were missed."""
        found = self._named_closings()
        if self.endpoint.missed is not None:
            found += _missed(self.known, self.endpoint.missed, begin.day)
        return [item for item in found if item.day <= end]

    def _named_closings(self) -> list[Dated]:
        return [item for name in self.endpoint.closed_by for item in self.known.named(name)]

    def _closed_before(self, whole: EndpointAnswer, begin: Dated, early: list[Dated]) -> EndpointAnswer:
        """What comes after it was closed does not count, and so the beginning does not either."""
        sure = next(iter(_sure(early, doubtful=False)), None)
        if sure is None:
            missing = self._missing(tuple(why for item in early for why in item.doubt))
            return evolve(whole, state="unknown", missing=missing, events=early[0].sources)
        text = f"{_told(sure)} closes it before {_told(begin)}, which does not count"
        return evolve(whole, begin=None, until=None, because=(text,), events=(*sure.sources, *begin.sources))

    def _lasts(self, begin: Dated, end: date) -> list[Dated]:
        """The days on which the patient may be censored."""
        censoring, up_to = self.endpoint.censoring, self.endpoint.up_to
        found: list[Dated] = []
        for name in censoring if isinstance(censoring, tuple) else ():
            if name == FROM:
                found.append(begin)
            elif name == UP_TO and up_to is not None:
                found.append(Dated(up_to.after(begin.day), f"end of the {up_to}"))
            else:
                found += self.known.named(name)
        return [item for item in found if begin.day <= item.day <= end]

    def _in_full(self, whole: EndpointAnswer, begin: Dated, settled: _Settled) -> EndpointAnswer:
        """The answer with its days, and with what decided it in words."""
        decided, closing = settled.decided, settled.closing
        until = closing.day if closing is not None else whole.until
        because = [f"counted from {_told(begin)}"]
        if settled.state == "event" and decided is not None:
            because.append(_told(decided))
        else:
            closed = f", which closes it: {_told(closing)}" if closing is not None else ""
            because.append(f"no event until {until}{closed}")
        if settled.state == "censored" and decided is not None:
            because.append(f"censored: {_told(decided)}")
        if settled.state == "open":
            because.append("none of the days of censoring has come")
        silent = settled.state == "censoring_not_stated"
        if silent:
            because.append("censoring is not stated")
        used = (begin, *(item for item in (decided, closing) if item is not None))
        return evolve(
            whole,
            state=settled.state,
            on=decided.day if decided is not None else None,
            until=decided.day if settled.state == "event" and decided is not None else until,
            months=completed_months(begin.day, decided.day) if decided is not None else None,
            because=tuple(because),
            events=tuple(dict.fromkeys(source for item in used for source in item.sources)),
            not_stated=self.endpoint.see if silent else (),
        )

    def _missing(self, doubts: tuple[Missing, ...]) -> tuple[str, ...]:
        return _in_words(self.known.table, doubts)


def _in_words(table: Table, doubts: tuple[Missing, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_doubt_words(table, item) for item in doubts))


def _doubt_words(table: Table, missing: Missing) -> str:
    return death_in_doubt(missing) if missing.fact == "death" else wording.missing_words(table, missing)


def _missed(known: DaysKnown, missed: MissedVisits, begin: date) -> list[Dated]:
    """The last day of the visits that were missed, so many in a row; sure, and as results in doubt would have it.

    A visit was missed if nothing was found from the end of the one before until the end of its own days. Those that
    were over before the beginning are not asked for.
    """
    value = known.table.values.get(missed.of)
    fact = value.last.partition(".")[0] if isinstance(value, Last) else missed.of
    calendar = known.table.facts[fact].calendar
    since = known.leaves.day_of(calendar.from_) if calendar is not None else None
    if calendar is None or since is None:
        return []
    results = known.named(missed.of)
    found = []
    for doubtful in (False, True):
        days = [item.day for item in _sure(results, doubtful=doubtful)]
        row, before = 0, since
        for visit in calendar.visits(since):
            last = calendar.window(visit)[1]
            if last >= known.as_of or row == missed.visits:
                break
            row = 0 if last < begin or any(before < day <= last for day in days) else row + 1
            before = last
        found.append(before if row == missed.visits else None)
    what = f"the last day of {missed.visits} visits missed in a row"
    sure = [Dated(found[1], what)] if found[1] is not None else []
    if found[0] is not None and found[0] != found[1]:
        doubt = tuple(why for item in results for why in item.doubt)
        sure.append(Dated(found[0], what, doubt=doubt))
    return sure


# --- rates ------------------------------------------------------------------------------------------------------------


@frozen
class _Rate:
    """Whether a patient counts for a rate."""

    known: DaysKnown
    endpoint: Endpoint
    of: Response

    def answer(self, name: str) -> EndpointAnswer:
        """The answer for one patient."""
        known = self.known
        empty = EndpointAnswer(name, self.endpoint.title, "rate", "not_yet", until=known.as_of)
        closings = [item for named in self.endpoint.closed_by for item in known.named(named)]
        overs = [item for named in OFF_STUDY for item in known.named(named)]
        asked = known.asked_again(self.of)
        ways = []
        for doubtful in (False, True):
            closing = min(_sure(closings, doubtful=doubtful), key=lambda item: item.day, default=None)
            over = min(
                (item for item in (closing, *_sure(overs, doubtful=doubtful)) if item is not None),
                key=lambda item: item.day,
                default=None,
            )
            until = closing.day if closing is not None else known.as_of
            if asked is None:
                ways.append(self._of_value(empty, until, over))
            else:
                ways += [self._of_results(empty, asked, until, over, one) for one in (False, True)]
        if len({(way.state, way.on if way.state == "yes" else None) for way in ways}) > 1:
            doubts = [item for item in (*closings, *overs) if item.doubt]
            missing = tuple(why for item in doubts for why in item.doubt)
            moments = self._moments(asked, known.as_of) if asked is not None else ()
            missing += in_doubt(asked.confirmation, moments) if asked is not None else ()
            sources = tuple(dict.fromkeys(source for why in missing for source in why.sources))
            words = _in_words(known.table, missing)
            return evolve(empty, state="unknown", missing=words, events=sources)
        return ways[0]

    def _moments(self, asked: Confirmation, until: date) -> tuple[Moment, ...]:
        since = self.known.since(self.of.since)
        found = self.known.leaves.moments(asked)
        meant = (item for item in found if since is not None and since < item.day <= until)
        return tuple(self._decided(item, asked) for item in meant)

    def _decided(self, moment: Moment, asked: Confirmation) -> Moment:
        """Results that disagree decide all the same where none of them counts."""
        if moment.value is not None or moment.component is not None or "." in asked.confirmation:
            return moment
        groups = self.known.state.now.history.results[asked.confirmation].groups.values()
        told = [result.value for group in groups for result in group if result.event.id in moment.sources]
        meets = self.known.evaluation.meets(asked.is_)
        counting = any(value is not None and meets(value) for value in told)
        return moment if counting else evolve(moment, value=told[0])

    def _of_results(
        self, empty: EndpointAnswer, asked: Confirmation, until: date, over: Dated | None, doubtful: bool
    ) -> EndpointAnswer:
        """A rate of results: whether one counts, or was seen again, if those in doubt count or do not."""
        moments = self._moments(asked, until)
        meets = self.known.evaluation.meets(asked.is_)
        level, on = confirmed_ways(asked, moments, meets)[doubtful]
        once = asked.after.count == 0
        found = evolve(empty, until=until, confirmation=None if once else level)
        told = tuple(source for item in moments for source in item.sources)
        first = next((item.day for item in moments if (doubtful if item.value is None else meets(item.value))), None)
        what = wording.fact_words(self.known.table, asked.confirmation.partition(".")[0], None)
        if once and first is not None:
            return evolve(found, state="yes", on=first, because=(f"{what} counts on {first}",), events=told)
        if level == CONFIRMED[2]:
            says = f"{what} counts on {on}, and was seen again after {asked.after} or more"
            return evolve(found, state="yes", on=on, because=(says,), events=told)
        says = f"no result of {what} counts until {until}" if until > date.min else f"nothing of {what} is reported"
        if on is not None:
            says = f"{what} counts on {on}, and was not seen again after {asked.after} until {until}"
        return self._not_met(evolve(found, events=told), says, bool(moments), over)

    def _of_value(self, empty: EndpointAnswer, until: date, over: Dated | None) -> EndpointAnswer:
        """A rate of a value, as it is known on the day asked about."""
        outcome = self.known.evaluation.value(self.of.fact)
        what = wording.label_of(self.known.table, self.of.fact)
        found = evolve(empty, until=until, events=outcome.sources)
        if outcome.value is None and outcome.why not in ("absent", "no_result"):
            return evolve(found, state="unknown", missing=_in_words(self.known.table, outcome.missing))
        says = f"{what} is {wording.value_words(outcome)}"
        if outcome.value in self.of.is_:
            return evolve(found, state="yes", because=(says,))
        return self._not_met(found, says, outcome.value is not None, over)

    def _not_met(self, found: EndpointAnswer, says: str, evaluable: bool, over: Dated | None) -> EndpointAnswer:
        """Not so: for good once the observation is closed, and not evaluable if nothing was found until then."""
        if over is None:
            return evolve(found, state="not_yet", because=(says,))
        because = (says, f"closed by {_told(over)}")
        if evaluable:
            return evolve(found, state="no", because=because)
        what = wording.label_of(self.known.table, self.of.fact)
        return evolve(found, state="not_evaluable", because=because, missing=(f"{what} is not reported",))
