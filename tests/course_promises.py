"""One patient under one protocol, event by event, with every promise that the engine makes on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from random import Random
from typing import Any

from attrs import evolve
from course_lines import machine, read
from random_courses import (
    FIRST_DAY,
    Wire,
    adverse_event_of,
    answer_of,
    as_offered,
    events_of,
    gates_passed,
    happenings_of,
    is_over,
    news_of,
    roots_of,
    standing,
    weight_known,
)

from protocol_engine import Machine, begin, decide, event_json, propose, replay, step
from protocol_engine.codec import canonical
from protocol_engine.engine.course import State, derived
from protocol_engine.engine.endpoints import outcomes_of
from protocol_engine.engine.rewriting import rewritten
from protocol_engine.model.decision import Answer, Decision
from protocol_engine.model.events import Act, EligibilityEvent, PatientEvent

PER_BODY = (("/kg", "weight"), ("/m2", "bsa"))
TREATMENT = ("administer", "choose", "perform")
NEEDED = {
    "confirm_eligibility": {"consent"},
    "allocate": {"consent", "eligibility"},
    **{kind: {"consent", "eligibility", "allocation"} for kind in (*TREATMENT, "assess")},
}


def bytes_of(decision: Decision) -> bytes:
    return canonical(decision.as_json())


def to_the_hour(action: Mapping[str, Any]) -> bool:
    """Whether an action is possible only at some hours of a day."""
    return any("T" in action[end] for end in ("earliest", "latest"))


def verdicts(state: State) -> dict[str, str]:
    """The verdict on every act that stands, as known on its day."""
    found = {name: "allowed" for name, event in standing(state.events.values()).items() if isinstance(event, Act)}
    return found | {deviation.event: deviation.verdict for deviation in state.deviations}


def announcing_of(machine: Machine) -> list[str]:
    """The facts that tell a course of an amendment; none where there is one version."""
    tables = [version.table for version in getattr(machine, "versions", ())]
    return sorted({fact for table in tables if table.kin is not None for fact in table.kin.announcing})


class Walked:
    """A course that is walked at random, and what it was told and answered so far."""

    def __init__(
        self, protocol: str, readings: Mapping[str, str], random: Random, told: Callable[[str], object]
    ) -> None:
        self.machine = machine(protocol, readings)
        self.table = self.machine.table
        self.by_the_day = self.table.timed
        """Whether an answer may change overnight: results grow old, dates come, windows open and close."""
        self.announcing = announcing_of(self.machine)
        self.random = random
        self.told = told
        self.state = begin(self.machine)
        self.arrived: list[PatientEvent] = []
        self.decisions: list[bytes] = []
        self.look()

    def look(self) -> None:
        """Take the decision as of the last day, and hold it against every promise."""
        self.decision = decide(self.machine, self.state)
        self.actions: list[dict[str, Any]] = [action.as_json() for action in self.decision.actions]
        self.what_is_offered_is_accepted()
        self.what_is_not_allowed_is_refused_for_the_same_reasons()
        self.nothing_is_offered_before_its_day()
        self.nothing_is_offered_before_consent_eligibility_and_allocation()
        self.nothing_is_offered_after_the_end()
        self.amounts_are_exact_products()
        self.deviations_are_acts_that_stand()

    # --- steps ---------------------------------------------------------------------------------------------------

    @property
    def today(self) -> date:
        """The last day on which anything became known."""
        return self.state.as_of or FIRST_DAY

    def proposed(self, wire: Wire, day: date, time: str = "") -> Answer:
        return propose(
            self.machine, self.state, read(wire | {"id": "proposed", "effective": f"{day.isoformat()}{time}"})
        )

    def record(self, wire: Wire, day: date, issued: date | None = None, time: str = "") -> PatientEvent:
        """Take one event, and see that nothing judged before it was known is judged anew (but what it rewrites)."""
        wire = {"id": f"e{len(self.arrived) + 1:03}", "effective": f"{day.isoformat()}{time}"} | wire
        event = read(wire | ({"issued": issued.isoformat()} if issued is not None else {}))
        self.told(f"{event_json(event)}")
        before, acts_then = verdicts(self.state), standing(self.arrived)
        taken = step(self.machine, self.state, event)
        self.state = taken.state
        self.arrived.append(event)
        self.decisions.append(bytes_of(taken.decision))
        after = verdicts(self.state)
        for name in before.keys() & after.keys() - roots_of(event.id, self.state.events):
            if acts_then[name].effective.day < event.known.day:
                assert (name, after[name]) == (name, before[name])
        self.look()
        return event

    def record_as_proposed(self, wire: Wire, day: date, issued: date | None = None) -> Answer:
        """Take an act on a day of its own: what would have been refused is a deviation, with the same verdict."""
        answer = self.proposed(wire, day)
        event = self.record(wire, day, issued)
        assert self.deviation(event) == (None if answer.allowed else answer.verdict)
        return answer

    def deviation(self, event: PatientEvent) -> str | None:
        return next((found.verdict for found in self.state.deviations if found.event == event.id), None)

    def goes_on(self) -> None:
        """What is offered is done, and what is asked for is answered; now and then the disease or the drug says no."""
        tomorrow, random = self.today + timedelta(1), self.random
        ways = [(wire, *self.moment_for(action)) for action in self.actions for wire in events_of(action)]
        asked = self.asked_for()
        if asked and (not ways or random.random() < 0.6):
            ways = [(answer_of(self.table, *random.choice(asked), random), tomorrow, "")]
        if self.state.now.position.arm is not None and random.random() < 0.08:
            ways = [(random.choice((news_of(self.table)[0], adverse_event_of(self.table))), tomorrow, "")]
        if self.announcing and random.random() < 0.15:  # version 2 comes to the site, and she consents to it
            fact = random.choice(self.announcing)
            ways = [({"kind": "observation", "fact": fact, "value": random.random() < 0.9}, tomorrow, "")]
        if ways:
            wire, day, time = random.choice(ways)
            if self.table.to_the_hour and not time:
                time = random.choice(("", "T09:00:00+01:00", "T10:00:00Z"))
            expected = self.proposed(wire, day, time).verdict if self.by_the_day else "allowed"
            assert (self.deviation(self.record(wire, day, time=time)) or "allowed") == expected

    def lives_through_a_day(self) -> None:
        """A day on which much happens, none of it with a time: what is offered then is done and blames nobody."""
        random, day = self.random, self.today + timedelta(self.random.choice((1, 30)))
        for _ in range(random.randint(2, 4)):
            offered = [action.as_json() for action in decide(self.machine, self.state, day).actions]
            due = [a for a in offered if a["earliest"] == "not_stated" or a["earliest"] <= day.isoformat()]
            due = [a for a in due if not to_the_hour(a)]  # without a time it is not known
            ways = [wire for action in due for wire in events_of(action)[:1]]
            if not ways or random.random() < 0.4:
                self.record(random.choice(happenings_of(self.table)), day)
                continue
            blamed = {verdict.event for verdict in self.state.deviations}
            event = self.record(random.choice(ways), day)
            assert {verdict.event for verdict in self.state.deviations} <= blamed, event

    def asked_for(self) -> list[tuple[str, str | None]]:
        """Facts that the decision waits for or wants assessed."""
        waits = [(wait.fact, wait.timepoint) for wait in self.decision.awaiting if wait.fact in self.table.facts]
        wanted = [action for action in self.decision.actions if action.kind == "assess"]
        return waits + [(action.content["fact"], action.content["timepoint"]) for action in wanted]

    def day_for(self, action: Mapping[str, Any]) -> date:
        """The first day, on which nothing else happens, that the action names."""
        tomorrow = self.today + timedelta(1)
        earliest = action["earliest"]
        return tomorrow if earliest == "not_stated" else max(tomorrow, date.fromisoformat(earliest[:10]))

    def moment_for(self, action: Mapping[str, Any], on: date | None = None) -> tuple[date, str]:
        """That day, or another, with a time where the action is possible only at some hours: the first of them.

        Where only its last hour is stated, any time of a day may be too late; the first minute is the likeliest.
        """
        day = on or self.day_for(action)
        if not to_the_hour(action):
            return day, ""
        earliest, latest = action["earliest"], action["latest"]
        if earliest[:10] == day.isoformat() and "T" in earliest:
            return day, earliest[10:]
        offset = datetime.fromisoformat(earliest if "T" in earliest else latest).strftime("%z")
        return day, f"T00:00:00{offset[:3]}:{offset[3:]}"

    # --- promises of every decision ------------------------------------------------------------------------------

    def what_is_offered_is_accepted(self) -> None:
        """On the first day that it names, and on the last day of which anything is known if that is not before it.

        Where an answer may change overnight, on that last day alone.
        """
        for action in self.actions:
            days = {self.day_for(action)}
            if action["earliest"] == "not_stated" or date.fromisoformat(action["earliest"][:10]) <= self.today:
                days.add(self.today)
            if self.by_the_day:
                days &= {self.today}
            for wire in events_of(action):
                for day in days:
                    answer = self.proposed(wire, *self.moment_for(action, day))
                    assert answer.allowed, (wire, day, answer)

    def what_is_not_allowed_is_refused_for_the_same_reasons(self) -> None:
        """An act that is only awaited is no such act: nobody knows yet that it is not allowed.

        Where an answer may change overnight, nothing is promised of the day after.
        """
        for refusal in self.decision.not_allowed if not self.by_the_day else ():
            for wire in events_of(as_offered(refusal.action))[:1]:
                answer = self.proposed(wire, self.today + timedelta(1))
                assert answer.verdict not in ("allowed", "unknown"), (wire, answer)
                assert set(refusal.because) <= set(answer.because), (wire, refusal, answer)
                assert set(refusal.cites) <= set(answer.cites), (wire, refusal, answer)

    def nothing_is_offered_before_its_day(self) -> None:
        for action in self.actions:
            if action["earliest"] == "not_stated":
                continue
            day = date.fromisoformat(action["earliest"][:10]) - timedelta(1)
            if day > self.today:
                for wire in events_of(action):
                    verdict = self.proposed(wire, day).verdict
                    assert verdict == "early" or self.by_the_day, (wire, day, verdict)

    def nothing_is_offered_before_consent_eligibility_and_allocation(self) -> None:
        now = standing(self.arrived).values()
        passed = gates_passed(now)
        for action in self.actions:
            assert NEEDED.get(action["kind"], set()) <= passed
        judged = [event for event in now if isinstance(event, EligibilityEvent)]
        last = max(judged, key=lambda event: event.effective.day, default=None)
        if last is not None and not last.met and sum(e.effective.day == last.effective.day for e in now) == 1:
            assert not [action for action in self.actions if action["kind"] != "follow_up"]

    def nothing_is_offered_after_the_end(self) -> None:
        over = is_over(standing(self.arrived).values())
        if over or self.decision.ended is not None:
            assert {action["kind"] for action in self.actions} <= {"follow_up"}
        if over:
            assert self.decision.ended is not None

    def amounts_are_exact_products(self) -> None:
        now = standing(self.arrived).values()
        for line in [line for action in self.actions for line in action.get("administrations", ())]:
            amount = line["amount"]
            per, fact = next((found for found in PER_BODY if line["unit"].endswith(found[0])), ("", ""))
            known = weight_known(now, fact)
            if known is None:
                assert amount is None
            else:
                assert Decimal(amount["value"]) == Decimal(line["dose"]) * known[0]
                assert (Decimal(amount[fact]), amount["date"]) == (known[0], known[1].isoformat())
                assert amount["unit"] == line["unit"].removesuffix(per)

    def deviations_are_acts_that_stand(self) -> None:
        now = standing(self.arrived)
        for deviation in self.decision.deviations:
            assert isinstance(now[deviation.event], Act)
            assert deviation.because
            assert deviation.cites

    # --- promises of a whole course -------------------------------------------------------------------------------

    def look_back(self) -> None:
        """When the walk is over: replayed, shuffled, and as it was known on some day before."""
        if self.arrived:
            self.each_act_is_judged_as_known_on_its_day()
            self.replayed()
            self.shuffled()
            self.as_known_before()

    def each_act_is_judged_as_known_on_its_day(self) -> None:
        """In a fold made for it alone, of what had been issued by its day, as rewritten by then."""
        events = self.state.events
        for name, act in rewritten(events, None).items():
            if isinstance(act, Act):
                known = {**rewritten(events, act.effective.day), name: act}
                told = [event for event in known.values() if event.known.day <= act.effective.day]
                fold = self.machine.begun
                for _, day in groupby(sorted(told, key=lambda event: event.known.day), lambda event: event.known.day):
                    fold, _ = self.machine.folder.day(fold, tuple(day))
                alone = [deviation for deviation in fold.deviations if deviation.event == name]
                assert [deviation for deviation in self.state.deviations if deviation.event == name] == alone

    def replayed(self) -> None:
        assert [bytes_of(taken.decision) for taken in replay(self.machine, self.arrived)] == self.decisions
        again, _ = derived(self.machine, self.state.events)
        by_id = tuple(sorted(self.state.group, key=lambda event: event.id))
        assert again == evolve(self.state, group=by_id)
        assert bytes_of(decide(self.machine, again)) == self.decisions[-1]

    def shuffled(self) -> None:
        """Also with a correction or retraction that arrives before what it names."""
        state = begin(self.machine)
        for event in self.random.sample(self.arrived, len(self.arrived)):
            state = step(self.machine, state, event).state
        assert bytes_of(decide(self.machine, state)) == self.decisions[-1]
        table = self.machine.under(state.now).table
        found, again = (outcomes_of(table, course, state.as_of) for course in (self.state, state))
        assert canonical(again.as_json()) == canonical(found.as_json())

    def as_known_before(self) -> None:
        """The decision as of a day is the one that was taken on that day, with what had been issued."""
        day = self.random.choice(sorted({event.issued.day for event in self.arrived}))
        state = begin(self.machine)
        for event in self.arrived:
            if event.issued.day <= day:
                state = step(self.machine, state, event).state
        then = decide(self.machine, state, as_of=day).as_json()
        now = decide(self.machine, self.state, as_of=day).as_json()
        now["notices"] = [text for text in now["notices"] if not text.endswith("left aside")]
        assert canonical(now) == canonical(then)
