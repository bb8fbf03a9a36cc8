"""Courses that go on beside each other: what journeys cannot reach."""

from __future__ import annotations

from pathlib import Path

import pytest
from course_lines import BEGUN, action, begun, course, events, machine
from test_checks import GOOD, changed, problems_of

from protocol_engine import Course, compile_amended, load_protocol
from protocol_engine.checks.track_states import states_written
from protocol_engine.model.state import Position

PROTOCOLS = Path(__file__).parent / "protocols"
ASPEN = (PROTOCOLS / "ASPEN-1.yaml").read_text(encoding="utf-8")
RADIATED = """
e4 2026-01-05 administration regimen=aspenib cycle=1 day=1
e5 2026-01-05 observation fact=outlined value=true
e6 2026-01-05 observation fact=skin value=intact
e7 2026-01-06 procedure procedure=planning
e8 2026-01-07 administration regimen=beam cycle=1 day=1
"""


def test_a_patient_seen_from_another_track_and_back_is_the_same() -> None:
    position = begun("ASPEN-1", "combined", RADIATED).state.now.position
    radiation = position.of_track("radiation")
    assert (radiation.place, radiation.cycle, radiation.arm) == ("combined/radiation/beams", 1, "combined")
    assert radiation.marks == position.marks
    assert radiation.main == position.of_track(None).of_track("second_draw").main
    for name in position.tracks:
        assert position.of_track(name).of_track(None) == position
        assert position.of_track("radiation").of_track(name) == position.of_track(name)


def test_the_first_dose_of_all_is_that_of_whatever_track_gave_it() -> None:
    found = begun("ASPEN-1", "tablets", "e4 2026-01-05 administration regimen=poplarin cycle=1 day=1")
    position = found.state.now.position
    assert position.cycle_days == ()
    assert str(position.first_dose) == "2026-01-05"
    assert position.of_track("second_draw").first_dose == position.first_dose


@pytest.mark.parametrize("name", ["ASPEN-1", "BROOM-1", "FENNEL-1"])
def test_a_track_stands_in_the_same_ways_in_the_file_and_in_the_table(name: str) -> None:
    protocol, table = load_protocol(str(PROTOCOLS / f"{name}.yaml")), machine(name).table
    for track in {"main", *(track for tracks in table.tracks.values() for track in tracks)}:
        assert sorted(states_written(protocol, track)) == sorted(table.states_of(track))


def test_what_has_no_tracks_says_nothing_of_them() -> None:
    found = begun("NCT07377643", next(iter(machine("NCT07377643").table.arms))).decide().as_json()
    assert "tracks" not in found["place"]
    assert all("track" not in act for act in (*found["actions"], *(no["action"] for no in found["not_allowed"])))
    assert Position("start").all_places == "start"


def test_a_record_tells_the_place_of_every_track() -> None:
    found = begun("ASPEN-1", "combined", RADIATED)
    places = "combined/doses; radiation: combined/radiation/beams; second_draw: combined/second_draw/waiting"
    assert found.state.now.position.all_places == places


def test_an_act_of_a_track_is_no_part_of_an_arm_without_it() -> None:
    answer = begun("ASPEN-1", "tablets").propose(action("2026-01-05 procedure procedure=planning"))
    assert (answer.verdict, answer.because) == (
        "order",
        ("R1, R6: planning of the radiation is no part of Aspenib with poplarin",),
    )


def test_a_track_begins_only_behind_allocation() -> None:
    found = course("ASPEN-1", "e1 2026-01-02 consent\ne2 2026-01-02 eligibility met=true")
    assert [act.kind for act in found.decide().actions] == ["allocate"]
    assert found.propose(action("2026-01-02 choice choice=draw option=nothing")).verdict == "order"


def test_death_is_one_end_of_all_tracks() -> None:
    found = begun("ASPEN-1", "combined", RADIATED + "d1 2026-01-08 death")
    decision = found.decide().as_json()
    assert decision["ended"] == {"reason": "death", "date": "2026-01-08"}
    assert decision["actions"] == []
    assert decision["place"]["tracks"]["radiation"] == {"state": "beams", "cycle": 1, "day": 1, "ended": None}
    assert found.propose(action("2026-01-14 administration regimen=beam cycle=2")).because == (
        "the course ended on 2026-01-08: death",
    )


def test_a_course_that_waits_for_one_end_of_two_is_found() -> None:
    """Surgery that waits for a radiation that was completed waits for ever where a burn ended it."""
    wrong = changed(ASPEN, ("radiation_is: [completed, burn]", "radiation_is: completed"))
    (found,) = problems_of(wrong)
    assert found.code == "tracks-wait"
    assert "radiation is burn" in found.message


def test_a_track_without_end_ends_with_the_course() -> None:
    stops = GOOD[GOOD.index("stops:\n") : GOOD.index("arms:\n")]
    pills = "{course: [{give: three, element: pills, cycles: without_end, cite: R2}], cite: R2}"
    regimen = "  three: {cycle: 21 days, gives: [{drug: three, dose: 1 mg, route: PO, days: [1]}], cite: R2}\nvalues:\n"
    beside = f"    cite: R1\n    tracks: {{pills: {pills}}}\nendpoints:"
    text = changed(GOOD, (stops, ""), ("values:\n", regimen), ("    cite: R1\nendpoints:", beside))
    assert problems_of(text) == []


def test_a_need_of_two_tracks_may_be_met_in_turn() -> None:
    """Each waits for something of the other that comes before it waits itself."""
    other = ("needs: [{if: {skin: {at_least: sore}}, cite: R4}]", "needs: [{if: {systemic: doses}, cite: R4}]")
    assert [p for p in problems_of(changed(ASPEN, other)) if p.code.startswith("track")] == []


def test_values_and_endpoints_read_the_doses_and_elements_of_every_track(tmp_path: Path) -> None:
    """The first dose of all is that of poplarin; what counts from its element counts in the course of the arm too."""
    silent = "censoring: not_stated, see: N1, cite: R1"
    lines = (
        f"  A: {{title: a, from: {{start_of: daily}}, to: {{date_of: death}}, {silent}}}",
        f"  B: {{title: b, from: {{date_of: first_dose}}, to: {{date_of: death}}, {silent}}}",
        f"  C: {{title: c, from: {{date_of: a_day_on}}, to: {{date_of: death}}, {silent}}}",
    )
    value = "values:\n  a_day_on: {date: element.daily, plus: 1 day, cite: R6}\n"
    text = changed(ASPEN, ("endpoints_see: N1", "\n".join(["endpoints:", *lines])), ("values:\n", value))
    file = tmp_path / "ASPEN-1.yaml"
    file.write_text(text, encoding="utf-8")
    found = Course(compile_amended([load_protocol(str(file))])).record_all(events(BEGUN.format(arm="tablets") + BESIDE))
    days = {item["endpoint"]: item["from"] for item in found.outcomes().as_json()["endpoints"]}
    assert days == {"A": "2026-01-05", "B": "2026-01-05", "C": "2026-01-06"}


BESIDE = """
e4 2026-01-05 administration regimen=poplarin cycle=1 day=1
e5 2026-01-07 administration regimen=aspenib cycle=1 day=1
"""
