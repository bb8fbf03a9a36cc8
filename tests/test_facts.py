"""What a reported value of each type of fact is, and what is none."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from protocol_engine.model.facts import FactDefinition, FactPart, read_members, read_value

LEVELS = FactDefinition(levels=("PD", "SD", "PR", "CR"), no_result=("NE",))
KINDS = FactDefinition(one_of=("negative", "positive"))
YES_NO = FactDefinition(yes_no=True)
WEIGHT = FactDefinition(quantity="kg", above=Decimal(0), no_result=("not_done",))
PERCENT = FactDefinition(quantity="%", at_least=Decimal(0), at_most=Decimal(100))
SHARE = FactDefinition(quantity="1", above=Decimal("-0.5"), below=Decimal("1.50"))
DAY = FactDefinition(date=True)
GENES = FactDefinition(set_of="gene")


@pytest.mark.parametrize(
    ("fact", "value", "unit", "found"),
    [
        (LEVELS, "PR", None, "PR"),
        (LEVELS, "NE", None, None),
        (KINDS, "negative", None, "negative"),
        (YES_NO, True, None, "yes"),
        (YES_NO, False, None, "no"),
        (WEIGHT, "62.50", "kg", Decimal("62.50")),
        (WEIGHT, "0.1", "kg", Decimal("0.1")),
        (WEIGHT, "not_done", None, None),
        (PERCENT, "0", "%", Decimal(0)),
        (PERCENT, "100.0", "%", Decimal(100)),
        (SHARE, "1.49", "1", Decimal("1.49")),
        (DAY, "2026-01-31", None, date(2026, 1, 31)),
        (GENES, ["PTEN", "TP53", "PTEN"], None, frozenset({"PTEN", "TP53"})),
        (GENES, [], None, frozenset()),
    ],
)
def test_a_value_of_its_type_is_read(fact: FactDefinition, value: object, unit: str | None, found: object) -> None:
    assert read_value(fact, value, unit) == found


@pytest.mark.parametrize(
    ("fact", "value", "unit", "words"),
    [
        (LEVELS, "pr", None, "must be one of PD, SD, PR, CR, NE"),
        (LEVELS, "", None, "must be one of"),
        (LEVELS, ["PR"], None, "must be one of"),
        (LEVELS, "PR", "kg", "leave `unit` out"),
        (KINDS, True, None, "must be one of negative, positive"),
        (YES_NO, "true", None, "must be true or false"),
        (YES_NO, 1, None, "must be true or false"),
        (WEIGHT, 62.5, "kg", "decimal number in a string"),
        (WEIGHT, 62, "kg", "decimal number in a string"),
        (WEIGHT, "62,5", "kg", "decimal number in a string"),
        (WEIGHT, "1e2", "kg", "decimal number in a string"),
        (WEIGHT, "NaN", "kg", "decimal number in a string"),
        (WEIGHT, "٦٢", "kg", "decimal number in a string"),
        (WEIGHT, "62.5", "lb", "is read in kg, and the unit given is lb"),
        (WEIGHT, "62.5", "g", "is read in kg, and the unit given is g"),
        (WEIGHT, "62.5", None, "the unit given is missing"),
        (WEIGHT, "0", "kg", "must be above 0"),
        (WEIGHT, "-3", "kg", "must be above 0"),
        (PERCENT, "-0.1", "%", "must be at least 0 and at most 100, not -0.1"),
        (PERCENT, "100.1", "%", "must be at least 0 and at most 100, not 100.1"),
        (SHARE, "-0.5", "1", "must be above -0.5 and below 1.5, not -0.5"),
        (SHARE, "1.50", "1", "must be above -0.5 and below 1.5, not 1.50"),
        (DAY, "2026-02-30", None, "day is out of range"),
        (DAY, "31.01.2026", None, "must be a date"),
        (DAY, "20260131", None, "must be a date"),
        (DAY, 20260131, None, "must be a date"),
        (GENES, "PTEN", None, "must be a list of symbols"),
        (GENES, ["pten"], None, "must be a list of symbols"),
        (GENES, [["PTEN"]], None, "must be a list of symbols"),
        (GENES, {"PTEN": True}, None, "must be a list of symbols"),
    ],
)
def test_a_value_of_no_type_is_refused_in_words(
    fact: FactDefinition, value: object, unit: str | None, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        read_value(fact, value, unit)


def test_nothing_is_converted_between_units() -> None:
    """62 500 g is 62.5 kg, and it is not for the engine to say so."""
    with pytest.raises(ValueError, match="is read in kg"):
        read_value(WEIGHT, "62500", "g")


def test_members_are_symbols_in_capitals() -> None:
    assert read_members(["HLA-A", "TP53"]) == {"HLA-A", "TP53"}
    with pytest.raises(ValueError, match="symbols in capitals"):
        read_members(["T P53"])


@pytest.mark.parametrize(
    ("fact", "kinds", "values"),
    [
        (LEVELS, ("levels",), ("PD", "SD", "PR", "CR")),
        (KINDS, ("one_of",), ("negative", "positive")),
        (YES_NO, ("yes_no",), ("no", "yes")),
        (WEIGHT, ("quantity",), None),
        (DAY, ("date",), None),
        (GENES, ("set_of",), None),
        (FactDefinition(), (), None),
        (FactDefinition(levels=("a",), date=True), ("levels", "date"), ("a",)),
    ],
)
def test_a_fact_knows_its_types_and_its_domain(
    fact: FactDefinition, kinds: tuple[str, ...], values: tuple[str, ...] | None
) -> None:
    assert (fact.kinds, fact.values) == (kinds, values)


def test_a_part_that_says_nothing_is_a_complete_list() -> None:
    assert FactPart(set_of="gene").not_listed == "absent"
