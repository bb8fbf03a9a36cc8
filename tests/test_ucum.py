"""Units by their UCUM code: every factor worked out by hand from the definitions, and what is no unit refused."""

from __future__ import annotations

from fractions import Fraction

import pytest

from protocol_engine.model.ucum import ATOMS, PREFIXES, factor, unit_of

THOUSAND = 1000


@pytest.mark.parametrize(
    ("unit", "to", "by"),
    [
        ("kg", "g", Fraction(THOUSAND)),
        ("[lb_av]", "kg", Fraction(45_359_237, 10**8)),  # the international pound is 453.59237 g
        ("[in_i]", "cm", Fraction(254, 100)),
        ("mg/dL", "g/L", Fraction(1, 100)),  # 1 mg in 0.1 L
        ("g/dL", "g/L", Fraction(10)),
        ("10*9/L", "10*3/uL", Fraction(1)),  # 10**9 in 10**6 µL
        ("/mm3", "10*9/L", Fraction(1, THOUSAND)),  # a litre has 10**6 mm3
        ("/mm3", "/uL", Fraction(1)),
        ("{cells}/uL", "/mm3", Fraction(1)),
        ("{score}", "1", Fraction(1)),
        ("mL/min/{1.73_m2}", "mL/min", Fraction(1)),
        ("mg/{24.h}.L", "mg.L", Fraction(1)),
        ("umol/L", "mmol/L", Fraction(1, THOUSAND)),
        ("meq/L", "mmol/L", Fraction(1)),
        ("mm[Hg]", "Pa", Fraction(133_322, THOUSAND)),
        ("kPa", "mm[Hg]", Fraction(10**6, 133_322)),
        ("%", "1", Fraction(1, 100)),
        ("wk", "d", Fraction(7)),
        ("a", "d", Fraction(1461, 4)),  # a Julian year, 365.25 days
        ("mo", "a", Fraction(1, 12)),
        ("h", "min", Fraction(60)),
        ("mL/min", "L/h", Fraction(60, THOUSAND)),
        ("U/L", "nkat/L", Fraction(10**9, 60 * 10**6)),  # a unit turns over 1 µmol a minute
        ("mg/m2", "g/m2", Fraction(1, THOUSAND)),
        ("mg.kg-1", "mg/kg", Fraction(1)),
        ("l", "dL", Fraction(10)),
        ("k[IU]/L", "[iU]/mL", Fraction(1)),
        ("hg", "g", Fraction(100)),
    ],
)
def test_a_factor_is_exact(unit: str, to: str, by: Fraction) -> None:
    assert factor(unit, to) == by
    assert factor(to, unit) == 1 / by


def test_a_unit_is_its_own_even_before_it_is_read() -> None:
    assert factor("mg", "mg") == 1


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_prefix_multiplies_what_takes_one(prefix: str) -> None:
    assert factor(f"{prefix}mol", "mol") == PREFIXES[prefix]


@pytest.mark.parametrize("atom", ATOMS)
def test_every_atom_is_a_unit(atom: str) -> None:
    assert unit_of(atom).code == atom


@pytest.mark.parametrize(
    "code",
    [
        "",
        "mgs",
        "mgs/kg",
        "bananas",
        "MG",
        "mg//kg",
        "mg/",
        "mg kg",
        "kmin",  # a minute takes no prefix
        "k[lb_av]",
        "kk",
        "10",
        "2",
        "11",
        "mg{",
        "mg}",
        "[mg]",
        "Cel",  # degrees are no ratio
        "µg",  # UCUM writes ug
        "m" * 61,
    ],
)
def test_what_is_no_unit_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match="is no UCUM unit that is read here"):
        unit_of(code)


@pytest.mark.parametrize(("unit", "to"), [("mg", "mL"), ("mg/kg", "mg"), ("mmol/L", "mg/L"), ("[iU]", "U"), ("%", "g")])
def test_what_measures_different_things_is_not_converted(unit: str, to: str) -> None:
    with pytest.raises(ValueError, match="measure different things"):
        factor(unit, to)


def test_a_molar_mass_turns_an_amount_into_a_mass_and_back() -> None:
    """Creatinine weighs 113.12 g/mol: 1 mg/dL is 10 000 / 113.12 µmol/L."""
    creatinine = Fraction("113.12")
    assert factor("mg/dL", "umol/L", creatinine) == Fraction(10_000) / creatinine
    assert factor("umol/L", "mg/dL", creatinine) == creatinine / 10_000
    assert factor("mg/dL", "g/L", creatinine) == Fraction(1, 100)
    with pytest.raises(ValueError, match="measure different things"):
        factor("mg", "L", creatinine)
