"""The trial of IVY-1 and the courses of its patients, and what passes between them.

Expected are the days on which the trial says something else, worked out by hand from the rules of the two files.
"""

from __future__ import annotations

from datetime import date

import pytest
from attrs import evolve
from course_lines import events, machine

from protocol_engine import Course
from protocol_engine.engine.trial import announcements, misfits
from protocol_engine.model.events import ObservationEvent, PatientEvent, RetractionEvent

TRIAL, PATIENTS = machine("IVY-1-TRIAL"), machine("IVY-1")
OPENED = date(2026, 1, 1)
ALL_OPEN = """
{0}1 2026-01-02 observation fact=level_1_open value=true
{0}2 2026-01-02 observation fact=level_2_open value=true
{0}3 2026-01-02 observation fact=hederin_open value=true
{0}4 2026-01-03 consent
{0}5 2026-01-04 eligibility met=true
{0}6 2026-01-05 allocation arm={1}
{0}7 2026-01-06 administration regimen={2} cycle=1 day=1
"""


def patient(name: str, arm: str, regimen: str, more: str = "") -> list[PatientEvent]:
    """A patient of an arm who was given the first cycle on 6 January, and what came then."""
    return events(ALL_OPEN.format(name, arm, regimen) + more)


def at_level_1(name: str, more: str) -> list[PatientEvent]:
    return patient(name, "level_1", "ivy_10", more)


def at_level_2(name: str, more: str) -> list[PatientEvent]:
    return patient(name, "level_2", "ivy_20", more)


def on_hederin(name: str, more: str) -> list[PatientEvent]:
    return patient(name, "hederin", "hederin", more)


def heard(courses: dict[str, list[PatientEvent]], decided: str = "") -> list[PatientEvent]:
    """All that reaches the trial: what its patients' courses announce, and what its board decides."""
    told = [
        event
        for name, course in courses.items()
        for event in announcements(PATIENTS, TRIAL.table, course, patient=name)
    ]
    return [*told, *events(decided)]


def said(reached: list[PatientEvent], until: date | None = None) -> list[tuple[str, str, bool | None]]:
    """The announcements of the trial: day, fact and value."""
    found = []
    for event in announcements(TRIAL, PATIENTS.table, reached, since=OPENED, until=until):
        assert isinstance(event, ObservationEvent | RetractionEvent)
        name, value = (event.fact, event.value) if isinstance(event, ObservationEvent) else (event.retracts, None)
        found.append((event.effective.text, name, value if isinstance(value, bool) else None))
    return found


BEGINNING = [
    ("2026-01-01", "level_1_open", True),
    ("2026-01-01", "level_2_open", False),
    ("2026-01-01", "hederin_open", True),
]
TWO_CLEAN = {
    "p1": at_level_1("a", "a8 2026-01-27 observation fact=dlt value=false timepoint=cycle_1"),
    "p2": at_level_1("b", "b8 2026-01-28 observation fact=dlt value=false timepoint=cycle_1"),
}
OPENS = "z1 2026-01-30 choice choice=escalation option=open_level_2"


def test_the_two_files_belong_together() -> None:
    assert misfits(TRIAL.table, PATIENTS.table) == ()
    assert misfits(machine("CLOVER-1-TRIAL").table, machine("CLOVER-1").table) == ()


def test_what_the_trial_says_is_no_contact_with_a_patient() -> None:
    facts = {name: evolve(fact, of_study=False) for name, fact in PATIENTS.table.facts.items()}
    told = misfits(TRIAL.table, evolve(PATIENTS.table, facts=facts))
    assert told[0] == "level_1_open is announced by the trial and would count as a contact: say of_study: yes"


def test_the_board_opens_level_2_and_until_then_level_1_stays_open() -> None:
    """R2: two patients without a toxicity are no opening by themselves."""
    assert sorted(said(heard(TWO_CLEAN))) == sorted(BEGINNING)
    opened = [("2026-01-30", "level_1_open", False), ("2026-01-30", "level_2_open", True)]
    assert sorted(said(heard(TWO_CLEAN, OPENS))) == sorted([*BEGINNING, *opened])


def test_a_board_that_decides_before_two_were_observed_moves_nothing() -> None:
    early = "z1 2026-01-27 choice choice=escalation option=open_level_2"
    assert sorted(said(heard(TWO_CLEAN, early))) == sorted(BEGINNING)
    course = Course(TRIAL).record_all(heard(TWO_CLEAN, early))
    assert [deviation.verdict for deviation in course.decide().deviations] == ["order"]
    assert [action.content["choice"] for action in course.decide().actions if action.strength != "permitted"] == [
        "escalation"
    ]


def test_an_expansion_takes_two_more_patients_and_a_second_decision() -> None:
    more = {
        **TWO_CLEAN,
        "p3": at_level_1("c", "c8 2026-02-03 observation fact=dlt value=false timepoint=cycle_1"),
        "p4": at_level_1("d", "d8 2026-02-05 observation fact=dlt value=false timepoint=cycle_1"),
    }
    board = "z1 2026-01-30 choice choice=escalation option=expand"
    assert sorted(said(heard(more, board))) == sorted(BEGINNING)
    goes_on = f"{board}\nz2 2026-02-06 choice choice=after_expansion option=go_on"
    opened = [("2026-02-06", "level_1_open", False), ("2026-02-06", "level_2_open", True)]
    assert sorted(said(heard(more, goes_on))) == sorted([*BEGINNING, *opened])
    gives_up = f"{board}\nz2 2026-02-06 choice choice=after_expansion option=give_up"
    assert sorted(said(heard(more, gives_up))) == sorted([*BEGINNING, ("2026-02-06", "level_1_open", False)])


def test_a_toxicity_found_out_later_closes_both_levels_from_that_day_on() -> None:
    """R1: one is known on 29 January; the other had been reported as none, which is corrected on 20 February."""
    wrong = 'a9 2026-02-20 correction corrects=a8 reason="misread" := '
    really = "2026-01-27 observation fact=dlt value=true timepoint=cycle_1"
    courses = {
        "p1": at_level_1("a", f"a8 2026-01-27 observation fact=dlt value=false timepoint=cycle_1\n{wrong}{really}"),
        "p2": TWO_CLEAN["p2"],
        "p3": at_level_1("c", "c8 2026-01-29 observation fact=dlt value=true timepoint=cycle_1"),
    }
    found = said(heard(courses, OPENS))
    assert sorted(found) == sorted(
        [
            *BEGINNING,
            ("2026-01-30", "level_1_open", False),
            ("2026-01-30", "level_2_open", True),
            ("2026-02-20", "level_2_open", False),
        ]
    )
    course = Course(TRIAL).record_all(heard(courses, OPENS))
    ended = course.decide().ended
    assert ended == {"reason": "not_tolerated", "date": "2026-02-20"}
    assert course.decide(date(2026, 2, 19)).ended is None


def test_two_toxicities_at_level_2_open_level_1_again() -> None:
    """R3; and at level 2 a patient who had none goes on at level 1 from the day on which that is known (R5)."""
    later = {
        **TWO_CLEAN,
        "p5": at_level_2("e", "e8 2026-01-31 observation fact=dlt value=true timepoint=cycle_1"),
        "p6": at_level_2("f", "f8 2026-02-02 observation fact=dlt value=true timepoint=cycle_1"),
    }
    reached = heard(later, OPENS)
    assert sorted(said(reached))[-2:] == [("2026-02-02", "level_1_open", True), ("2026-02-02", "level_2_open", False)]
    clean = at_level_2("g", "g8 2026-01-27 observation fact=dlt value=false timepoint=cycle_1")
    told = [event for event in announcements(TRIAL, PATIENTS.table, reached, since=OPENED) if event.issued.day > OPENED]
    course = Course(PATIENTS).record_all([*clean, *told])
    before, after = course.decide(date(2026, 2, 1)), course.decide(date(2026, 2, 2))
    assert [action.content["regimen"] for action in before.actions if action.kind == "administer"] == ["ivy_20"]
    assert [action.content["regimen"] for action in after.actions if action.kind == "administer"] == ["ivy_10"]


FAILED = "{0}8 2026-02-{1} observation fact=response value=PD"


def test_hederin_is_futile_after_three_failures_without_a_response() -> None:
    """R5: two do not close it, three do; a response told late opens it again, for whoever is not off it already."""
    courses = {
        name: on_hederin(name, FAILED.format(name, day)) for name, day in (("h", "10"), ("i", "12"), ("j", "15"))
    }
    closed = ("2026-02-15", "hederin_open", False)
    assert sorted(said(heard(courses))) == sorted([*BEGINNING, closed])
    assert sorted(said(heard({name: courses[name] for name in "hi"}))) == sorted(BEGINNING)
    courses["k"] = on_hederin("k", "k8 2026-02-14 observation fact=response value=PR issued=2026-02-18")
    found = said(heard(courses))
    assert sorted(found) == sorted([*BEGINNING, closed, ("2026-02-18", "hederin_open", True)])
    told = announcements(TRIAL, PATIENTS.table, heard(courses), since=OPENED)
    course = Course(PATIENTS).record_all([*courses["k"], *(event for event in told if event.issued.day > OPENED)])
    ended = course.decide().ended
    assert ended == {"reason": "arm_closed", "date": "2026-02-15"}


def test_the_board_may_close_hederin_at_any_time() -> None:
    board = "z1 2026-01-20 choice choice=hederin option=close"
    assert sorted(said(heard(TWO_CLEAN, board))) == sorted([*BEGINNING, ("2026-01-20", "hederin_open", False)])
    course = Course(TRIAL).record_all(heard(TWO_CLEAN, board))
    assert course.decide().deviations == ()


@pytest.mark.parametrize("until", [date(2026, 1, 29), date(2026, 1, 30)])
def test_an_announcement_is_made_on_its_day_and_not_before(until: date) -> None:
    reached = [event for event in heard(TWO_CLEAN, OPENS) if event.issued.day <= until]
    assert (("2026-01-30", "level_2_open", True) in said(reached, until)) == (until == date(2026, 1, 30))
