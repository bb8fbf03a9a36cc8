"""Exact amounts, the days on which doses are due, and what was given otherwise than written."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from course_lines import ask, begun, events, verdicts
from hypothesis import given
from hypothesis import strategies as st

from protocol_engine.engine.dosing import Line, administration_json, amount_json, per_body, weight_before
from protocol_engine.model.protocol import Administration
from protocol_engine.model.units import DaySpan, Quantity, QuantityRange

ALTER = "NCT07151586"
DAWNA = "NCT05861830"
MAN = "e5 2026-01-04 observation fact=sex value=male\n"
"""R3 does not concern him, so nothing keeps arm A from beginning."""
SG_DAY_1 = "e4 2026-01-05 administration regimen=sg cycle=1 day=1\n"


def doses(decision: Any) -> list[dict[str, Any]]:
    return [action.as_json() for action in decision.actions if action.kind == "administer"]


# --- amounts ---------------------------------------------------------------------------------------------------------

numbers = st.decimals("0.1", "999.999", places=3)


@given(numbers, numbers)
def test_an_amount_is_the_exact_product(dose: Decimal, weight: Decimal) -> None:
    """As fractions: no digit is rounded away, and none is made up."""
    written = Administration(drug="x", dose=Quantity(dose, "mg/kg"))
    amount = amount_json(written.dose, (weight, date(2026, 1, 2)))
    assert amount is not None
    assert Decimal(amount["value"]).as_integer_ratio() == (dose * weight).as_integer_ratio()
    assert (Decimal(amount["weight"]), amount["date"], amount["unit"]) == (weight, "2026-01-02", "mg")


@pytest.mark.parametrize(
    ("weight", "amount"), [("62.5", "625"), ("81.25", "812.5"), ("70", "700"), ("0.1", "1"), ("99.99", "999.9")]
)
def test_sg_is_ten_milligrams_a_kilogram(weight: str, amount: str) -> None:
    found = begun(ALTER, "sg_alone", f"e4 2026-01-04 observation fact=weight value={weight} unit=kg").decide()
    (line,) = doses(found)[0]["administrations"]
    assert line["amount"] == {"value": amount, "unit": "mg", "weight": weight, "date": "2026-01-04"}


def test_without_a_weight_there_is_no_amount_and_a_notice_says_so() -> None:
    found = begun(ALTER, "sg_alone").decide()
    assert doses(found)[0]["administrations"][0]["amount"] is None
    assert "no weight is known, so the amount of sacituzumab govitecan is not computed" in found.notices


@pytest.mark.parametrize(
    "written", [Administration(drug="x"), Administration(drug="x", dose=Quantity(Decimal(5), "mg"))]
)
def test_what_is_not_per_kilogram_is_not_multiplied(written: Administration) -> None:
    assert per_body(written.dose) is None
    assert amount_json(written.dose, (Decimal(70), date(2026, 1, 2))) is None


WEIGHTS = """
e4 2026-01-04 observation fact=weight value=60 unit=kg
e5 2026-01-10 observation fact=weight value=61 unit=kg
"""


@pytest.mark.parametrize(
    ("day", "found"),
    [
        (date(2026, 1, 3), None),
        (date(2026, 1, 4), ("60", date(2026, 1, 4))),
        (date(2026, 1, 9), ("60", date(2026, 1, 4))),
        (date(2026, 1, 10), ("61", date(2026, 1, 10))),
        (date(2026, 3, 1), ("61", date(2026, 1, 10))),
        (None, ("61", date(2026, 1, 10))),
    ],
)
def test_the_newest_weight_by_that_day_counts(day: date | None, found: tuple[str, date] | None) -> None:
    history = begun(ALTER, "sg_alone", WEIGHTS).state.now.history
    weight = weight_before(history, day)
    assert weight == (None if found is None else (Decimal(found[0]), found[1]))


def test_two_weights_of_one_day_that_differ_are_none() -> None:
    history = begun(
        ALTER, "sg_alone", WEIGHTS + "e6 2026-01-10 observation fact=weight value=62 unit=kg"
    ).state.now.history
    assert weight_before(history, date(2026, 2, 1)) is None
    assert weight_before(history, date(2026, 1, 9)) == (Decimal(60), date(2026, 1, 4))


# --- what a line says ------------------------------------------------------------------------------------------------


def shown(written: Administration, day: int = 1, cycle_days: int | None = 28) -> dict[str, Any]:
    found = administration_json(Line("x", "drug x", written), day, cycle_days, None)
    return {key: found[key] for key in ("dose", "unit", "route", "per_day", "days")}


SILENT = dict.fromkeys(("dose", "unit", "route", "per_day", "days"), "not_stated")


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (Administration(drug="x"), {}),
        (Administration(drug="x", dose=Quantity(Decimal("1.0"), "mg")), {"dose": "1.0", "unit": "mg"}),
        (
            Administration(drug="x", dose=QuantityRange(Quantity(Decimal(10), "mg"), Quantity(Decimal(20), "mg"))),
            {"dose": {"from": "10", "to": "20"}, "unit": "mg"},
        ),
        (Administration(drug="x", route="IM", times_a_day=2), {"route": "IM", "per_day": 2}),
        (Administration(drug="x", days=DaySpan(1, 21)), {"days": {"from": 1, "to": 21}}),
        (Administration(drug="x", days=DaySpan(1, None)), {"days": {"from": 1, "to": 28}}),
    ],
)
def test_a_line_says_what_is_written_and_that_the_rest_is_not_stated(
    written: Administration, told: dict[str, Any]
) -> None:
    assert shown(written) == SILENT | told


def test_every_day_of_a_cycle_without_a_length_has_no_end() -> None:
    assert shown(Administration(drug="x", days=DaySpan(1, None)), cycle_days=None)["days"] == {
        "from": 1,
        "to": "not_stated",
    }


# --- when a dose is due ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reading", "day_8", "due"),
    [
        ("from_day_1", "2026-01-12", "2026-01-26"),
        ("from_day_1", "2026-01-15", "2026-01-26"),
        ("shifted", "2026-01-12", "2026-01-26"),
        ("shifted", "2026-01-15", "2026-01-29"),
    ],
)
def test_a_late_day_8_shifts_the_next_cycle_by_the_delay_or_not_at_all(reading: str, day_8: str, due: str) -> None:
    """A3: day 1 is 5 January, so the next cycle is due on the 26th; three days later if day 8 was three days late."""
    lines = f"{SG_DAY_1}e5 {day_8} administration regimen=sg cycle=1 day=8"
    found = begun(ALTER, "sg_alone", lines, {"A3": reading}).decide()
    assert [(dose["cycle"], dose["day"], dose["due"]) for dose in doses(found)] == [(2, 1, due)]


def test_a_day_8_left_out_shifts_nothing() -> None:
    lines = f'{SG_DAY_1}e5 2026-01-15 omission regimen=sg cycle=1 day=8 reason="fever"'
    found = begun(ALTER, "sg_alone", lines, {"A3": "shifted"}).decide()
    assert [(dose["cycle"], dose["day"], dose["due"]) for dose in doses(found)] == [(2, 1, "2026-01-26")]


@pytest.mark.parametrize(
    ("day", "verdict"), [("2026-01-11", "early"), ("2026-01-12", "allowed"), ("2026-01-19", "allowed")]
)
def test_a_due_day_is_its_own_earliest_and_has_no_latest(day: str, verdict: str) -> None:
    found = begun(ALTER, "sg_alone", SG_DAY_1)
    (day_8, _) = doses(found.decide())
    assert (day_8["earliest"], day_8["due"], day_8["latest"]) == ("2026-01-12", "2026-01-12", "not_stated")
    assert ask(found, f"{day} administration regimen=sg cycle=1 day=8").verdict == verdict


def test_where_no_cycle_length_is_stated_no_day_is() -> None:
    found = begun("NCT07377643", "ibi354", "e4 2026-01-05 administration regimen=ibi354").decide()
    assert [(dose["earliest"], dose["due"], dose["latest"]) for dose in doses(found)] == [("not_stated",) * 3]


def test_day_15_of_fulvestrant_is_in_its_first_cycle_only() -> None:
    chosen = MAN + "e4 2026-01-05 choice choice=endocrine_agent option=fulvestrant\n"
    first = "e6 2026-01-06 administration regimen=dalpiciclib_et cycle=1 day=1\n"
    second = "e7 2026-01-20 administration regimen=dalpiciclib_et cycle=1 day=15\n"
    third = "e8 2026-02-03 administration regimen=dalpiciclib_et cycle=2 day=1\n"

    def days(lines: str) -> list[tuple[int, int, str]]:
        return [
            (d["cycle"], d["day"], d["due"]) for d in doses(begun(DAWNA, "dalpiciclib_et", chosen + lines).decide())
        ]

    assert days(first) == [(1, 15, "2026-01-20"), (2, 1, "2026-02-03")]
    assert days(first + second) == [(2, 1, "2026-02-03")]
    assert days(first + second + third) == [(3, 1, "2026-03-03")]


# --- what was really given -------------------------------------------------------------------------------------------

WEIGHED = "e4 2026-01-04 observation fact=weight value=62.5 unit=kg"


@pytest.mark.parametrize(
    ("given_drugs", "fault"),
    [
        ("sg", None),
        ("sg 10 mg/kg", None),
        ("sg 10.0 mg/kg IV", None),
        ("sg 625 mg IV", None),
        ("sg 9 mg/kg IV", "sacituzumab govitecan is 10 mg/kg, not 9 mg/kg"),
        ("sg 620 mg IV", "which at 62.5 kg is 625 mg, not 620 mg; no tolerance is stated"),
        ("sg 0.625 g IV", None),
        ("sg 10000 ug/kg IV", None),
        ("sg 1 g IV", "which at 62.5 kg is 625 mg, not 1 g; no tolerance is stated"),
        ("sg 625 mL IV", "625 mL cannot be compared with it"),
        ("sg 10 mg/kg SC", "is given IV, not SC"),
        ("tdxd 5.4 mg/kg IV", "tdxd is not part of it"),
        ("sg 10 mg/kg IV; tdxd 5.4 mg/kg IV", "tdxd is not part of it"),
        ("tdxd", "sacituzumab govitecan is part of it and was not given"),
    ],
)
def test_what_was_given_is_held_against_what_is_written(given_drugs: str, fault: str | None) -> None:
    found = begun(ALTER, "sg_alone", WEIGHED)
    answer = ask(found, f'2026-01-05 administration regimen=sg cycle=1 day=1 given="{given_drugs}"')
    if fault is None:
        assert answer.allowed
    else:
        assert answer.verdict == "content"
        assert any(fault in sentence and sentence.startswith("R3, R5: ") for sentence in answer.because)


@pytest.mark.parametrize("given_drugs", ["sg 625 mg IV", "sg 0.625 g IV"])
def test_an_amount_without_a_weight_cannot_be_wrong(given_drugs: str) -> None:
    found = begun(ALTER, "sg_alone")
    assert ask(found, f'2026-01-05 administration regimen=sg cycle=1 day=1 given="{given_drugs}"').allowed


@pytest.mark.parametrize(
    ("dose", "verdict"),
    [
        ("9 mg", "content"),
        ("10 mg", "allowed"),
        ("15 mg", "allowed"),
        ("20.5 mg", "content"),
        ("0.02 g", "allowed"),
        ("0.021 g", "content"),
        ("15 mL", "content"),
    ],
)
def test_a_range_holds_its_ends(dose: str, verdict: str) -> None:
    """R2: tamoxifen is 10 to 20 mg."""
    chosen = (
        "e4 2026-01-05 choice choice=endocrine_agent option=tamoxifen\ne5 2026-01-04 observation fact=sex value=male"
    )
    found = begun(DAWNA, "dalpiciclib_et", chosen)
    given_drugs = f"dalpiciclib 0.15 g PO; tamoxifen {dose} PO"
    answer = ask(found, f'2026-01-06 administration regimen=dalpiciclib_et given="{given_drugs}"')
    assert answer.verdict == verdict


@pytest.mark.parametrize(
    ("named", "given_drugs", "verdict"),
    [
        ("vinorelbine", "eribulin", "content"),
        ("vinorelbine", "vinorelbine; eribulin", "content"),
        ("vinorelbine", "capecitabine", "content"),
        ('" Vinorelbine"', "VINORELBINE 25 mg/m2 IV", "allowed"),
        ("vinorelbine", "vinorelbine", "allowed"),
        ('"vinorelbine + cisplatin"', "vinorelbine; cisplatin", "allowed"),
        ('"vinorelbine, and cisplatin"', "cisplatin; vinorelbine", "allowed"),
        ('"vinorelbine and cisplatin"', "vinorelbine", "content"),
        ('"liposomal doxorubicin"', "doxorubicin", "content"),
    ],
)
def test_the_investigators_own_drugs_are_those_that_the_choice_names(
    named: str, given_drugs: str, verdict: str
) -> None:
    """A4: allowed under its name, and no other drug is; no dose is stated (N3)."""
    found = begun(DAWNA, "chemotherapy", f"e4 2026-01-05 choice choice=chemotherapy option=own_choice name={named}")
    assert ask(found, f'2026-01-06 administration regimen=own_choice given="{given_drugs}"').verdict == verdict


def test_what_was_chosen_and_what_was_given_are_both_named() -> None:
    found = begun(DAWNA, "chemotherapy", "e4 2026-01-05 choice choice=chemotherapy name=vinorelbine")
    answer = ask(found, '2026-01-06 administration regimen=own_choice given="eribulin"')
    assert answer.because == ("R4: vinorelbine is part of it and was not given", "R4: eribulin is not part of it")


def test_a_regimen_off_the_list_that_was_begun_without_a_name_asks_for_it() -> None:
    """A4: without a name nobody can say whether the next dose is the right one."""
    found = begun(DAWNA, "chemotherapy", 'e4 2026-01-05 administration regimen=own_choice given="eribulin"')
    (choice,) = found.decide().actions
    assert (choice.kind, choice.strength, choice.content["options"]) == ("choose", "required", ["own_choice"])
    assert ask(found, "2026-01-26 administration regimen=own_choice").verdict == "unknown"
    (named,) = events("e5 2026-01-06 choice choice=chemotherapy option=own_choice name=eribulin")
    found.record(named)
    (next_cycle,) = doses(found.decide())
    assert (next_cycle["due"], next_cycle["administrations"][0]["drug"]) == ("2026-01-26", "eribulin")
    assert verdicts(found) == {"e4": "order"}


def test_no_dose_is_stated_for_the_investigators_own_drugs() -> None:
    """A4: its name is recorded, and no dose is stated (N3)."""
    found = begun(DAWNA, "chemotherapy", "e4 2026-01-05 choice choice=chemotherapy option=own_choice name=vinorelbine")
    assert ask(found, '2026-01-06 administration regimen=own_choice given="vinorelbine 25 mg/m2 IV"').allowed
    (line,) = doses(found.decide())[0]["administrations"]
    assert (line["drug"], line["dose"]) == ("vinorelbine", "not_stated")
