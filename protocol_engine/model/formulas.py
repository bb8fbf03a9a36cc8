"""Clinical formulas in exact numbers. Every argument is a fraction in the unit named; nothing is rounded."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

FEMALE_FACTOR = Fraction("0.85")
ROOT_DIGITS = 12
INPUTS: dict[str, tuple[str, ...]] = {
    "age_in_years": ("birth_date",),
    "cockcroft_gault": ("birth_date", "sex", "weight", "creatinine"),
    "fridericia": ("qt_interval",),
}
"""The facts that each formula of a protocol file reads."""


def age_in_years(birth: date, on: date) -> int:
    """Age in completed years. Somebody born on 29 February has a birthday on 1 March of a common year."""
    return on.year - birth.year - ((on.month, on.day) < (birth.month, birth.day))


def cockcroft_gault(age: int, weight: Fraction, creatinine: Fraction, *, female: bool) -> Fraction:
    """Creatinine clearance in mL/min by Cockcroft and Gault (Nephron 1976;16:31-41).

    (140 - age) x weight / (72 x serum creatinine), times 0.85 for women. ``age`` in completed years, ``weight`` in kg,
    ``creatinine`` in mg/dL and above 0.
    """
    return (140 - age) * weight / (72 * creatinine) * (FEMALE_FACTOR if female else 1)


def fridericia(qt: Fraction, rr: Fraction) -> Fraction:
    """QTcF in milliseconds, by Fridericia (Acta Med Scand 1920;53:469-486): QT / (RR in seconds) ** (1/3).

    ``qt`` and ``rr`` in milliseconds, ``rr`` above 0. Exact where the cube root is; else cut off after
    :data:`ROOT_DIGITS` digits, so that a limit is never passed by rounding.
    """
    cube = qt**3 * 1000 / rr * 10 ** (3 * ROOT_DIGITS)
    return Fraction(_cube_root(cube.numerator // cube.denominator), 10**ROOT_DIGITS)


def _cube_root(number: int) -> int:
    """The largest whole number whose cube is not above the number."""
    low, high = 0, 1 << (number.bit_length() // 3 + 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**3 <= number else (low, middle - 1)
    return low
