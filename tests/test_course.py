"""A course as a whole: taking events one by one, deriving them again, and what was known when."""

from __future__ import annotations

import pytest
from course_lines import begun, course, events, offered, verdicts

from protocol_engine import Course, decide
from protocol_engine.codec import canonical
from protocol_engine.engine.course import derived


def notices_on(event: str, found: Course) -> list[str]:
    return [notice for notice in found.decide().notices if notice.startswith(f"{event}:")]


def test_an_act_that_is_allowed_after_the_end_too_is_no_matter_of_hindsight() -> None:
    found = begun("NCT07377643", "ibi354", "e4 2026-01-05 withdrawal scope=treatment\ne5 2026-01-06 consent")
    assert verdicts(found) == {}
    assert notices_on("e5", found) == []
    again, _ = derived(found.machine, found.state.events)
    assert canonical(decide(found.machine, again).as_json()) == canonical(found.decide().as_json())


def test_a_later_end_keeps_the_remark_on_what_the_first_end_overtook() -> None:
    found = begun(
        "NCT07377643",
        "ibi354",
        """
        e4 2026-01-05 administration regimen=ibi354
        e5 2026-01-20 administration regimen=ibi354
        e6 2026-01-10 withdrawal scope=treatment issued=2026-01-25
        e7 2026-02-01 death
        """,
    )
    assert verdicts(found) == {}
    assert found.decide().ended == {"reason": "death", "date": "2026-02-01"}
    assert notices_on("e5", found) == ["e5: allowed, in hindsight not: dated 2026-01-20, after the end on 2026-01-10"]


def test_an_act_judged_as_a_deviation_then_is_not_called_allowed_in_hindsight() -> None:
    found = begun(
        "NCT07377643",
        "ibi354",
        """
        e4 2026-01-05 administration regimen=thp
        e5 2026-01-03 death issued=2026-01-10
        x1 2026-01-11 retraction retracts=e3 reason="another patient"
        """,
    )
    assert "e4" in verdicts(found)
    assert not [notice for notice in notices_on("e4", found) if "allowed" in notice]


def test_a_late_act_is_judged_in_its_step_as_known_on_its_day() -> None:
    """The scan of the 20th was first read as stable; the dose of the 26th is told after that was put right."""
    found = begun(
        "NCT07377643",
        "ibi354",
        """
        e4 2026-01-05 administration regimen=ibi354
        e5 2026-01-20 observation fact=response value=SD
        c1 2026-02-10 correction corrects=e5 reason="misread" := 2026-01-20 observation fact=response value=PD
        """,
    )
    taken = found.record(*events("e6 2026-01-26 administration regimen=ibi354"))
    assert taken.trace.verdict is not None
    assert taken.trace.verdict.verdict == "allowed"
    assert [row.truth for row in taken.trace.tried] == ["true"]
    assert verdicts(found) == {}
    assert len(notices_on("e6", found)) == 1
    wrong = found.record(*events("e7 2026-01-06 administration regimen=thp"))
    assert found.state.deviations == (wrong.trace.verdict,)


def test_remarks_of_hindsight_come_in_the_order_of_days_whatever_came_in_first() -> None:
    lines = [
        "e1 2026-01-02 consent",
        "e2 2026-01-03 eligibility met=true",
        "e3 2026-01-04 allocation arm=ibi354",
        "e4 2026-01-01 death issued=2026-01-10",
    ]
    forwards, backwards = course("NCT07377643", "\n".join(lines)), course("NCT07377643", "\n".join(reversed(lines)))
    assert canonical(forwards.decide().as_json()) == canonical(backwards.decide().as_json())
    assert [notice.partition(":")[0] for notice in forwards.decide().notices] == ["e1", "e2", "e3"]


WRONG = """
e4 2026-01-05 administration regimen=ibi354
e5 2026-01-06 administration regimen=thp
"""


@pytest.mark.parametrize(
    ("rewrites", "changed"),
    [
        ("x1 2026-01-09 retraction retracts=e5 reason=no", ["e5: order before, retracted now"]),
        ("x1 2026-01-09 retraction retracts=e4 reason=no", ["e4: allowed before, retracted now"]),
        (
            "x1 2026-01-09 retraction retracts=e5 reason=no\nx2 2026-01-10 retraction retracts=x1 reason=no",
            ["e5: retracted before, order now"],
        ),
        (
            "c1 2026-01-27 correction corrects=e5 reason=no := 2026-01-26 administration regimen=ibi354",
            ["e5: order before, allowed now"],
        ),
        (
            "c1 2026-01-09 correction corrects=e5 reason=no := 2026-01-06 observation fact=response value=SD",
            ["e5: order before, a report now"],
        ),
        (
            (
                "c1 2026-01-09 correction corrects=e5 reason=no := 2026-01-06 observation fact=response value=SD\n"
                "c2 2026-01-10 correction corrects=e5 reason=no := 2026-01-07 administration regimen=thp"
            ),
            ["e5: a report before, order now"],
        ),
        (
            (
                "x1 2026-01-09 retraction retracts=e5 reason=no\n"
                "c1 2026-01-10 correction corrects=x1 reason=no := 2026-01-07 administration regimen=thp"
            ),
            ["e5: retracted before, order now", "x1: a retraction before, order now"],
        ),
        ("c1 2026-01-09 correction corrects=e5 reason=no := 2026-01-07 administration regimen=thp", []),
        (
            "e6 2026-01-08 observation fact=response value=SD\nx1 2026-01-09 retraction retracts=e6 reason=no",
            [],
        ),
    ],
    ids=[
        "deviation retracted",
        "allowed act retracted",
        "retraction retracted",
        "corrected",
        "never an act",
        "an act after all",
        "never a retraction",
        "the same verdict",
        "a report has none",
    ],
)
def test_a_rewrite_says_what_became_of_the_verdict(rewrites: str, changed: list[str]) -> None:
    *before, last = events(rewrites)
    found = begun("NCT07377643", "ibi354", WRONG)
    for event in before:
        found.record(event)
    told = found.record(last).changed
    assert [text for text in told if not text.startswith("the place was")] == changed


def test_not_met_before_consent_offers_nothing_until_met() -> None:
    lines = """
    e1 2026-01-02 eligibility met=true
    e2 2026-01-03 eligibility met=false
    e3 2026-01-04 consent
    """
    found = course("NCT07377643", lines)
    assert verdicts(found) == {"e1": "order", "e2": "order"}
    assert offered(found.decide()) == []
    assert offered(course("NCT07377643", lines + "e4 2026-01-05 eligibility met=true").decide()) == ["allocate"]


def test_a_discontinuation_before_allocation_is_history_and_ends_nothing() -> None:
    found = course(
        "NCT07377643",
        """
        e1 2026-01-02 consent
        e2 2026-01-03 eligibility met=true
        e4 2025-12-05 administration regimen=ibi354
        e5 2025-12-21 discontinuation scope=treatment
        e3 2026-01-04 allocation arm=ibi354
        """,
    )
    assert found.decide().ended is None
    assert verdicts(found) == {"e4": "order"}
    assert offered(found.decide()) == ["administer ibi354 C2 d1"]  # the dose before consent is cycle 1 once allocated


def test_a_day_on_which_an_end_became_known_says_the_same_step_by_step() -> None:
    found = begun(
        "NCT07377643",
        "ibi354",
        """
        e4 2026-01-05 discontinuation scope=treatment issued=2026-01-06
        e5 2026-01-06 consent
        """,
    )
    again, _ = derived(found.machine, found.state.events)
    assert canonical(decide(found.machine, again).as_json()) == canonical(found.decide().as_json())
