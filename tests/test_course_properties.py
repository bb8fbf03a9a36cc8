"""What holds on every course of every protocol, however wild: random walks, and the promises they must not break.

The promises themselves are in `course_promises`; here are the steps that a walk may take.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from random import Random

import pytest
from course_lines import read
from course_promises import Walked
from hypothesis import note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from random_courses import (
    ENDINGS,
    Wire,
    acts,
    any_event,
    as_offered,
    events_of,
    observations,
    reports,
)

from protocol_engine import InputError, shipped_protocols, step
from protocol_engine.model.events import Act, CorrectionEvent, PatientEvent, RetractionEvent

READINGS: Mapping[str, tuple[Mapping[str, str], ...]] = {
    "IIT2025006": ({}, {"A1": "may_open"}),
    "NCT05861830": ({}, {"A2": "may_change"}),
    "NCT07151586": ({}, {"A1": "tdxd_first", "A3": "shifted"}, {"A2": "go_on_with_other"}),
    "NCT07239271": (
        {},
        {"A1": "c1_decides", "A2": "either_sample", "A10": "c1_alone"},
        {"A5": "off_protocol", "A6": "imaging_for_r3_r4", "A13": "tested_genes_only"},
        {"A12": "investigator_decides"},
    ),
    "NCT07377643": ({}, {"A1": "may_change"}),
    "ACACIA-1": ({},),
    "ALDER-1": ({},),
    "ASPEN-1": ({},),
    "BAOBAB-1": ({},),
    "BROOM-1": ({},),
    "CEDAR-1": ({},),
    "CYPRESS-1": ({},),
    "DOGWOOD-1": ({},),
    "EBONY-1": ({},),
    "ELDER-1": ({},),
    "FENNEL-1": ({},),
    "FIR-1": ({},),
    "FIR-1.v2": ({},),
    "BIRCH-1": ({},),
    "GINKGO-1": ({},),
    "HAZEL-1": ({},),
    "HYSSOP-1": ({},),
    "IVY-1": ({},),
    "JUNIPER-1": ({},),
    "JUNIPER-1.v2": ({},),
    "LARCH-1": ({},),
    "MAPLE-1": ({},),
    "OLIVE-1": ({},),
    "PINE-1": ({},),
    "PLUM-1": ({},),
    "QUINCE-1": ({},),
    "ROWAN-1": ({},),
    "SORREL-1": ({},),
    "WILLOW-1": ({},),
    "YEW-1": ({},),
}
"""Every protocol, by default and with other readings, so that each alternative that moves a patient is walked."""


def seeds(of_shipped: int, of_invented: int) -> list[tuple[str, Mapping[str, str], int]]:
    """Every protocol and reading, so often: the invented ones share their words, so each needs fewer."""
    of_each = ((name, of_shipped if name in shipped_protocols() else of_invented) for name in READINGS)
    return [(name, readings, seed) for name, most in of_each for readings in READINGS[name] for seed in range(most)]


TIMES = ("", "", "T08:00:00Z", "T09:30:00+08:00", "T20:00:00-05:00")


@pytest.mark.parametrize(("protocol", "readings", "seed"), seeds(15, 6))
def test_a_course_that_follows_the_decisions_keeps_every_promise(
    protocol: str, readings: Mapping[str, str], seed: int
) -> None:
    walked = Walked(protocol, readings, Random(f"{protocol} {seed}"), print)  # noqa: S311  # the same on every machine
    for _ in range(30):
        walked.goes_on()
    walked.look_back()


@pytest.mark.parametrize(("protocol", "readings", "seed"), seeds(12, 5))
def test_what_is_offered_in_the_middle_of_a_day_blames_nobody_when_it_is_done(
    protocol: str, readings: Mapping[str, str], seed: int
) -> None:
    random = Random(f"{protocol} {sorted(readings.items())} {seed}")  # noqa: S311  # the same on every machine
    walked = Walked(protocol, readings, random, print)
    for _ in range(random.choice((3, 5, 7, 9))):
        walked.goes_on()
    walked.lives_through_a_day()
    walked.look_back()


class Walk(RuleBasedStateMachine):
    """One patient under one protocol: what is offered, and everything that was never offered."""

    protocol: str

    # --- as it should be ------------------------------------------------------------------------------------------

    @initialize(seed=st.integers(0, 2**32), far=st.sampled_from((0, 6, 12, 18)))
    def begins(self, seed: int, far: int) -> None:
        """Most courses get some way before anything goes wrong: there is more to see there."""
        random = Random(seed)  # noqa: S311  # drawn by the search, so that a failure is found again
        readings = random.choice(READINGS[self.protocol])
        note(f"readings {readings}")
        self.walked = Walked(self.protocol, readings, random, note)
        for _ in range(far):
            self.walked.goes_on()

    @rule(data=st.data())
    def follows_the_decision(self, data: st.DataObject) -> None:
        ways = [(action, wire) for action in self.walked.actions for wire in events_of(action)]
        if ways:
            action, wire = data.draw(st.sampled_from(ways), label="way on")
            late = timedelta(data.draw(st.sampled_from((0, 0, 1, 9)), label="late by"))
            answer = self.walked.record_as_proposed(wire, self.walked.day_for(action) + late)
            assert answer.allowed or self.walked.by_the_day

    @rule(data=st.data())
    def answers_what_is_asked(self, data: st.DataObject) -> None:
        asked = self.walked.asked_for()
        if not asked:
            return
        fact, timepoint = data.draw(st.sampled_from(asked), label="asked for")
        wire = data.draw(observations(self.walked.table, fact, timepoint), label="result")
        self.walked.record(wire, self.tomorrow)
        asked_of_one = self.walked.table.facts[fact].each is None  # of several, the others may still be to come
        if timepoint is not None and asked_of_one and wire["value"] not in self.walked.table.facts[fact].no_result:
            left = [action.content for action in self.walked.decision.actions if action.kind == "assess"]
            assert {"fact": fact, "timepoint": timepoint} not in left

    @rule(data=st.data())
    def reports_anything(self, data: st.DataObject) -> None:
        wire = data.draw(reports(self.walked.table), label="report")
        day = self.day_ahead(data)
        issued = day + timedelta(data.draw(st.sampled_from((0, 0, 1, 10)), label="issued after"))
        self.walked.record(wire, day, issued)

    @rule(wire=st.sampled_from(ENDINGS), really=st.integers(0, 3))
    def ends(self, wire: Wire, really: int) -> None:
        if not really:  # most walks go on for long
            self.walked.record(wire, self.tomorrow)

    # --- what nobody offered --------------------------------------------------------------------------------------

    @rule(data=st.data())
    def does_anything(self, data: st.DataObject) -> None:
        wire = data.draw(acts(self.walked.table), label="act")
        self.walked.record_as_proposed(wire, self.day_ahead(data))

    @rule(data=st.data())
    def does_what_is_not_allowed(self, data: st.DataObject) -> None:
        refused = [as_offered(refusal.action) for refusal in self.walked.decision.not_allowed]
        ways = [wire for action in refused for wire in events_of(action)]
        if ways:
            wire = data.draw(st.sampled_from(ways), label="not allowed")
            answer = self.walked.record_as_proposed(wire, self.day_ahead(data))
            assert not answer.allowed or self.walked.by_the_day  # tomorrow something may be possible that is not today

    @rule(data=st.data())
    def does_it_otherwise_than_offered(self, data: st.DataObject) -> None:
        """A dose on a day, in a cycle or of an amount that was not asked for."""
        doses = [action for action in self.walked.actions if action["kind"] == "administer"]
        if not doses:
            return
        action = data.draw(st.sampled_from(doses), label="dose")
        drug = data.draw(st.sampled_from(action["administrations"]), label="drug")["drug"]
        wire, whole = events_of(action)
        otherwise = (
            wire,
            wire | {"cycle": action["cycle"] + 1},
            wire | {"cycle": max(1, action["cycle"] - 1)},
            wire | {"given": [{"drug": drug, "dose": "1", "unit": "mg", "route": "SC"}]},
            whole | {"given": whole["given"][1:]},
            {key: wire[key] for key in ("kind", "regimen")},
        )
        self.walked.record_as_proposed(data.draw(st.sampled_from(otherwise), label="otherwise"), self.tomorrow)

    # --- the same day, late, and twice ----------------------------------------------------------------------------

    @rule(data=st.data())
    def does_something_on_the_same_day(self, data: st.DataObject) -> None:
        today = self.walked.today
        if sum(event.known.day == today for event in self.walked.arrived) < 4:  # every order of a day's acts is tried
            wire = data.draw(any_event(self.walked.table), label="event")
            self.walked.record(wire, today, time=data.draw(st.sampled_from(TIMES), label="time"))

    @rule(data=st.data())
    def reports_late(self, data: st.DataObject) -> None:
        wire = data.draw(any_event(self.walked.table), label="event")
        today, arrived = self.walked.today, self.walked.arrived
        day = today - timedelta(data.draw(st.integers(1, 45), label="days ago"))
        issued = data.draw(st.sampled_from((day, day, today)), label="issued")
        known_then = all(event.known.day != day and not was_late(event, day) for event in arrived)
        if known_then:
            self.walked.record_as_proposed(wire, day, issued)
        else:
            self.walked.record(wire, day, issued)

    @precondition(lambda self: self.walked.arrived)
    @rule(data=st.data())
    def arrives_twice(self, data: st.DataObject) -> None:
        event = data.draw(st.sampled_from(self.walked.arrived), label="again")
        taken = step(self.walked.machine, self.walked.state, event)
        assert taken.repeated
        assert taken.state is self.walked.state
        with pytest.raises(InputError):
            step(
                self.walked.machine,
                self.walked.state,
                read({"id": event.id, "effective": "2030-01-01", "kind": "death"}),
            )

    # --- corrected and retracted ----------------------------------------------------------------------------------

    @precondition(lambda self: self.walked.arrived)
    @rule(data=st.data())
    def corrects(self, data: st.DataObject) -> None:
        old = data.draw(st.sampled_from(self.walked.arrived), label="corrected")
        if isinstance(old, RetractionEvent):
            return
        happened = old.event if isinstance(old, CorrectionEvent) else old
        day = happened.effective.day + timedelta(data.draw(st.sampled_from((0, 0, -3, -10)), label="moved by"))
        inner = data.draw(any_event(self.walked.table), label="really") | {"effective": day.isoformat()}
        if isinstance(old, CorrectionEvent):  # as corrected, it names the same event
            inner = correction_of(old.corrects, inner) | {"effective": old.effective.text}
        self.rewrites(correction_of(old.id, inner), old, data)

    @precondition(lambda self: self.walked.arrived)
    @rule(data=st.data())
    def retracts(self, data: st.DataObject) -> None:
        old = data.draw(st.sampled_from(self.walked.arrived), label="retracted")
        self.rewrites({"kind": "retraction", "retracts": old.id, "reason": "another patient"}, old, data)

    def rewrites(self, wire: Wire, old: PatientEvent, data: st.DataObject) -> None:
        day = self.walked.today + timedelta(data.draw(st.sampled_from((1, 3, -6)), label="known after"))
        self.walked.record(wire, max(day, old.issued.day))

    # ----------------------------------------------------------------------------------------------------------------

    @property
    def tomorrow(self) -> date:
        return self.walked.today + timedelta(1)

    def day_ahead(self, data: st.DataObject) -> date:
        """A later day: tomorrow, or one that cycles of two to four weeks make interesting."""
        return self.walked.today + timedelta(data.draw(st.sampled_from((1, 2, 7, 14, 21, 28, 40)), label="days ahead"))

    def teardown(self) -> None:
        if hasattr(self, "walked"):
            self.walked.look_back()


def was_late(event: PatientEvent, day: date) -> bool:
    """Whether it had been done by that day and was reported only later: a proposal of that day does not know it."""
    return isinstance(event, Act) and event.effective.day <= day < event.issued.day


def correction_of(name: str, really: Wire) -> Wire:
    return {"kind": "correction", "corrects": name, "event": really, "reason": "misread"}


def walk(protocol: str) -> type:
    """The walk of one protocol, as a test case. A walk is long, so there are fewer of them than of other examples."""
    walks = type(f"Walk{protocol}", (Walk,), {"protocol": protocol}).TestCase
    fewer = 4 if protocol in shipped_protocols() else 8
    walks.settings = settings(max_examples=settings().max_examples // fewer)
    return type(f"Test{protocol}", (walks,), {})


TestIIT2025006 = walk("IIT2025006")
TestNCT05861830 = walk("NCT05861830")
TestNCT07151586 = walk("NCT07151586")
TestNCT07239271 = walk("NCT07239271")
TestNCT07377643 = walk("NCT07377643")
TestACACIA1 = walk("ACACIA-1")
TestALDER1 = walk("ALDER-1")
TestASPEN1 = walk("ASPEN-1")
TestBAOBAB1 = walk("BAOBAB-1")
TestBROOM1 = walk("BROOM-1")
TestCEDAR1 = walk("CEDAR-1")
TestCYPRESS1 = walk("CYPRESS-1")
TestDOGWOOD1 = walk("DOGWOOD-1")
TestEBONY1 = walk("EBONY-1")
TestELDER1 = walk("ELDER-1")
TestFENNEL1 = walk("FENNEL-1")
TestFIR1 = walk("FIR-1")
TestFIR1v2 = walk("FIR-1.v2")
TestBIRCH1 = walk("BIRCH-1")
TestGINKGO1 = walk("GINKGO-1")
TestHAZEL1 = walk("HAZEL-1")
TestHYSSOP1 = walk("HYSSOP-1")
TestIVY1 = walk("IVY-1")
TestJUNIPER1 = walk("JUNIPER-1")
TestJUNIPER1v2 = walk("JUNIPER-1.v2")
TestLARCH1 = walk("LARCH-1")
TestMAPLE1 = walk("MAPLE-1")
TestOLIVE1 = walk("OLIVE-1")
TestPINE1 = walk("PINE-1")
TestPLUM1 = walk("PLUM-1")
TestROWAN1 = walk("ROWAN-1")
TestSORREL1 = walk("SORREL-1")
TestWILLOW1 = walk("WILLOW-1")
