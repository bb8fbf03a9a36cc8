"""Where an act lands that no row allowed: for every act in every place, so that the course always goes on."""

from __future__ import annotations

import pytest
from course_lines import begun, course, machine, offered, verdicts
from course_readings import course_readings

from protocol_engine import shipped_protocols
from protocol_engine.model.table import Landing, Table


def table(protocol: str) -> Table:
    return machine(protocol).table


@pytest.mark.parametrize("protocol", shipped_protocols())
def test_every_act_lands_somewhere_in_every_place_under_every_reading(protocol: str) -> None:
    for name, readings in {"": ("",), **course_readings(protocol)}.items():
        for reading in readings:
            found = machine(protocol, {name: reading} if name else {}).table
            assert found.landings.keys() == found.places.keys()
            for place, landings in found.landings.items():
                assert landings.keys() == found.acts.keys()
                for key, landing in landings.items():
                    assert (landing.kind == "ahead") == (landing.target is not None)
                    assert (landing.kind == "take") == (key in found.offers_of.get(place, {}))


NAB_P_HP, TCBHP, ADC = (f"administration:{regimen}:d1" for regimen in ("nab_p_hp", "tcbhp", "adc"))
CASES = [
    # 1. a row for the act leaves the place: it is taken as if it had held
    ("NCT07239271", "adaptive/start", TCBHP, "take", None),
    ("NCT07239271", "adaptive/start", NAB_P_HP, "take", None),
    ("NCT07239271", "control/tcbhp", "procedure:surgery", "take", None),
    ("NCT07151586", "alternating/sg", "administration:tdxd:d1", "take", None),
    ("NCT07151586", "alternating/sg", "administration:sg:d8", "take", None),
    # 2. else the nearest place ahead that offers it, over what is skipped
    ("NCT07239271", "adaptive/allocated", TCBHP, "ahead", "adaptive/tcbhp"),
    ("NCT07239271", "adaptive/start", ADC, "ahead", "adaptive/adc"),
    ("NCT07239271", "adaptive/start", "procedure:surgery", "ahead", "adaptive/surgery"),
    ("NCT07151586", "alternating/allocated", "administration:tdxd:d1", "ahead", "alternating/tdxd"),
    ("IIT2025006", "cohort_1/first_adc", "administration:sg:d1", "ahead", "cohort_1/second_adc"),
    ("NCT07377643", "thp/allocated", "administration:thp:d1", "ahead", "thp/thp"),
    # 3. else, behind a gate, it waits for the gate
    ("NCT07239271", "start", NAB_P_HP, "park", None),
    ("NCT07239271", "consented", "allocation:control", "park", None),
    ("NCT07239271", "start", "eligibility:met", "park", None),
    ("NCT07239271", "eligible", "choice:after_c4_switch=adc", "park", None),
    # 4. else the patient stays: another arm's regimen, a gate that is passed, a word too early, after the end
    ("NCT07239271", "control/tcbhp", NAB_P_HP, "stay", None),
    ("NCT07239271", "adaptive/start", "consent:written", "stay", None),
    ("NCT07239271", "adaptive/start", "choice:after_c4_switch=adc", "stay", None),
    ("NCT07239271", "adaptive/start", "allocation:control", "stay", None),
    ("NCT07151586", "start", "administration:sg:d8", "stay", None),
    ("NCT07151586", "sg_alone/sg", "administration:tdxd:d1", "stay", None),
    ("NCT07239271", "ended:death", TCBHP, "stay", None),
    ("NCT07239271", "adaptive/adc", "administration:ac_h:d1", "stay", None),
]


@pytest.mark.parametrize(("protocol", "place", "act", "kind", "target"), CASES)
def test_an_act_lands_where_the_language_says(
    protocol: str, place: str, act: str, kind: str, target: str | None
) -> None:
    found = table(protocol).landings[place][act]
    assert (found.kind, found.target) == (kind, target)


def test_what_is_skipped_on_the_way_ahead_is_named() -> None:
    landings = table("NCT07239271").landings
    assert landings["adaptive/allocated"][TCBHP] == Landing("ahead", "adaptive/tcbhp", "enter", (NAB_P_HP,))
    assert table("IIT2025006").landings["cohort_1/first_adc"]["administration:sg:d1"].skipped == ()


# --- what becomes of a course that landed -----------------------------------------------------------------------------


def test_a_wrong_branch_is_gone_on_in() -> None:
    """G4: a third cycle of PyroHT without any result; the fourth is offered there, and does not rest on R5."""
    lines = """
    e4 2026-01-05 administration regimen=nab_p_hp
    e5 2026-01-26 administration regimen=nab_p_hp
    e6 2026-02-16 administration regimen=pyroht
    """
    found = begun("NCT07239271", "adaptive", lines)
    assert verdicts(found) == {"e6": "unknown"}
    (action,) = [action for action in found.decide().actions if action.kind == "administer"]
    assert (action.content["regimen"], action.content["cycle"]) == ("pyroht", 4)
    assert "G4" in action.basis
    assert "R5" not in action.basis


def test_a_third_cycle_of_two_leaves_the_block_full() -> None:
    lines = "\n".join(
        f"e{number} 2026-0{month}-05 administration regimen=sg cycle={number} day=1"
        for number, month in ((1, 1), (2, 2), (3, 3))
    )
    found = begun("NCT07151586", "alternating", lines.replace("e1", "d1").replace("e2", "d2").replace("e3", "d3"))
    assert verdicts(found) == {"d3": "condition"}
    assert "administer tdxd C4 d1" in offered(found.decide())
    assert "administer sg C4 d1" not in offered(found.decide())


def test_cycle_1_before_consent_is_cycle_1_afterwards() -> None:
    lines = """
    d1 2026-01-01 administration regimen=sg cycle=1 day=1
    e1 2026-01-02 consent
    e2 2026-01-03 eligibility met=true
    e3 2026-01-04 allocation arm=sg_alone
    """
    found = course("NCT07151586", lines)
    assert verdicts(found) == {"d1": "order"}
    assert (found.state.now.position.place, found.state.now.position.cycle) == ("sg_alone/sg", 1)
    assert offered(found.decide()) == ["administer sg C1 d8", "administer sg C2 d1"]


def test_an_act_that_leads_nowhere_leaves_the_patient_where_she_is() -> None:
    found = begun("NCT07239271", "control", "e4 2026-01-05 administration regimen=everoht")
    assert verdicts(found) == {"e4": "order"}
    assert found.state.now.position.place == "control/allocated"
    assert offered(found.decide()) == ["administer tcbhp C1 d1"]
