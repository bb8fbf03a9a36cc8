"""What is known of one patient, by the day it happened and not by the order in which it came in."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import permutations

import pytest
from course_lines import events

from protocol_engine.model.events import ChoiceEvent, DiscontinuationEvent, ObservationEvent
from protocol_engine.model.facts import FactValue
from protocol_engine.model.history import FactHistory, History, Result

FIRST = date(2026, 1, 5)


def result(number: int, value: FactValue | None, *, after: int = 0, timepoint: str | None = None) -> Result:
    """A response taken some days after the first day; None is one without a result."""
    day = FIRST + timedelta(after)
    (event,) = events(f"e{number} {day} observation fact=response value=x")
    assert isinstance(event, ObservationEvent)
    return Result(event, timepoint, value, {})


def known(*results: Result) -> FactHistory:
    found = FactHistory()
    for item in results:
        found = found.adding(item)
    return found


def values(history: FactHistory) -> set[tuple[str | None, FactValue, str]]:
    return {(timepoint, value, item.event.id) for (timepoint, value), item in history.latest.items()}


def test_results_of_one_day_that_differ_count_for_nothing_until_one_is_gone() -> None:
    for order in permutations((result(1, "PD"), result(2, "SD"), result(3, "PD"))):
        found = known(*order)
        assert found.muddled == (FIRST,)
        assert values(found) == set()


def test_a_muddle_of_one_day_leaves_the_other_days_alone() -> None:
    for order in permutations((result(1, "PD"), result(2, "SD"), result(3, "PD", after=7))):
        found = known(*order)
        assert found.muddled == (FIRST,)
        assert values(found) == {(None, "PD", "e3")}
        assert found.newest == FIRST + timedelta(7)


def test_of_equal_values_the_newest_by_its_day_is_kept() -> None:
    for order in permutations((result(1, "PD"), result(2, "PD", after=7), result(3, "SD", after=3))):
        assert values(known(*order)) == {(None, "PD", "e2"), (None, "SD", "e3")}


def test_a_failed_test_is_no_newest_and_no_muddle() -> None:
    for order in permutations((result(1, "PD"), result(2, None), result(3, None, after=7))):
        found = known(*order)
        assert (found.newest, found.muddled) == (FIRST, ())
        assert values(found) == {(None, "PD", "e1")}


def test_a_named_timepoint_is_one_moment_whatever_the_days_are() -> None:
    found = known(result(1, "PD", timepoint="after_two"), result(2, "SD", after=7, timepoint="after_two"))
    assert found.muddled == ("after_two",)


def test_acts_are_counted_and_the_newest_by_its_day_stands() -> None:
    found = History().with_done("procedure.scan", FIRST, "e1")
    found = found.with_done("procedure.scan", FIRST + timedelta(7), "e2").with_done("procedure.scan", FIRST, "e3")
    done = found.done["procedure.scan"]
    assert (done.count, done.day, done.event_id) == (3, FIRST + timedelta(7), "e2")


def test_a_choice_is_an_act_too() -> None:
    (chosen,) = events("e1 2026-01-05 choice choice=taxane option=docetaxel")
    assert isinstance(chosen, ChoiceEvent)
    found = History().with_choice(chosen)
    assert found.choices["taxane"] == chosen
    assert found.done["choice.taxane.docetaxel"].day == FIRST


@pytest.mark.parametrize("order", [("e1", "e2"), ("e2", "e1")])
def test_of_two_stops_of_one_drug_the_newest_stands_last(order: tuple[str, str]) -> None:
    told = {e.id: e for e in events("e1 2026-01-05 discontinuation scope=sg\ne2 2026-01-06 discontinuation scope=sg")}
    found = History()
    for name in order:
        event = told[name]
        assert isinstance(event, DiscontinuationEvent)
        found = found.with_discontinuation(event)
    assert [stop.id for stop in found.discontinued["sg"]] == ["e1", "e2"]
    assert not found.uneventful
    assert History().uneventful
