"""Units by their UCUM code, converted exactly: every factor is a fraction, so no limit is ever missed by rounding.

The part of UCUM (Unified Code for Units of Measure, version 2.1) that laboratory and clinical values are written in:
metric prefixes, products, quotients, powers, ``10*``, ``%``, annotations in braces, and the atoms in :data:`ATOMS`.
Units that are not ratios, such as degrees Celsius, are not among them. A unit outside this part is refused, never
guessed.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import cache

from attrs import frozen

PREFIXES: dict[str, Fraction] = {
    "G": Fraction(10) ** 9,
    "M": Fraction(10) ** 6,
    "k": Fraction(10) ** 3,
    "h": Fraction(10) ** 2,
    "d": Fraction(1, 10),
    "c": Fraction(1, 100),
    "m": Fraction(1, 10**3),
    "u": Fraction(1, 10**6),
    "n": Fraction(1, 10**9),
    "p": Fraction(1, 10**12),
    "f": Fraction(1, 10**15),
}
Powers = tuple[tuple[str, int], ...]

_ATOMS: dict[str, tuple[Fraction, dict[str, int], bool]] = {
    "1": (Fraction(1), {}, False),
    "%": (Fraction(1, 100), {}, False),
    "10*": (Fraction(10), {}, False),
    "10^": (Fraction(10), {}, False),
    "m": (Fraction(1), {"m": 1}, True),
    "g": (Fraction(1), {"g": 1}, True),
    "s": (Fraction(1), {"s": 1}, True),
    "mol": (Fraction(1), {"mol": 1}, True),
    "min": (Fraction(60), {"s": 1}, False),
    "h": (Fraction(3600), {"s": 1}, False),
    "d": (Fraction(86400), {"s": 1}, False),
    "wk": (Fraction(7 * 86400), {"s": 1}, False),
    "a": (Fraction(36525, 100) * 86400, {"s": 1}, False),
    "mo": (Fraction(36525, 1200) * 86400, {"s": 1}, False),
    "L": (Fraction(1, 1000), {"m": 3}, True),
    "l": (Fraction(1, 1000), {"m": 3}, True),
    "U": (Fraction(1, 60 * 10**6), {"mol": 1, "s": -1}, True),
    "kat": (Fraction(1), {"mol": 1, "s": -1}, True),
    "[iU]": (Fraction(1), {"[iU]": 1}, True),
    "[IU]": (Fraction(1), {"[iU]": 1}, True),
    "eq": (Fraction(1), {"mol": 1}, True),
    "Pa": (Fraction(1000), {"g": 1, "m": -1, "s": -2}, True),
    "m[Hg]": (Fraction(133322000), {"g": 1, "m": -1, "s": -2}, True),
    "[lb_av]": (Fraction("453.59237"), {"g": 1}, False),
    "[in_i]": (Fraction("0.0254"), {"m": 1}, False),
}
"""Each atom: its size in metre, gram, second and mole, the powers of these, and whether it takes a prefix."""
ATOMS = tuple(_ATOMS)

_COMPONENT = re.compile(
    r"(?P<unit>10[*^]|1(?![0-9])|[A-Za-z%]*(?:\[[A-Za-z_]+\])?)(?P<power>[+-]?[0-9]{1,2})?(?P<note>\{[^{}]*\})?"
)
_OPERATOR = re.compile(r"([./])(?![^{]*\})")
"""A product or quotient; what stands in an annotation is none."""
MOST_LETTERS = 60


@frozen
class Unit:
    """A unit: its code, its size in base units, and the powers of the base units that it is made of."""

    code: str
    size: Fraction
    powers: Powers


@cache
def unit_of(code: str) -> Unit:
    """The unit of a UCUM code; ValueError, with a sentence, if it is none that is read here."""
    size, powers = Fraction(1), dict[str, int]()
    text = code
    if not code or len(code) > MOST_LETTERS or not code.isascii():
        raise ValueError(f"{code!r} is no UCUM unit that is read here")
    sign = 1
    if text.startswith("/"):
        text, sign = text[1:], -1
    for part in _OPERATOR.split(text):
        if part in (".", "/"):
            sign = 1 if part == "." else -1
            continue
        factor, inner, power = _component(part, code)
        size *= factor ** (sign * power)
        for base, exponent in inner.items():
            powers[base] = powers.get(base, 0) + sign * power * exponent
    return Unit(code, size, tuple(sorted((base, power) for base, power in powers.items() if power)))


def _component(part: str, code: str) -> tuple[Fraction, dict[str, int], int]:
    """One factor of a unit: its size, its powers, and the power that it stands in."""
    match = _COMPONENT.fullmatch(part)
    if match is None or not part:
        raise ValueError(f"{code!r} is no UCUM unit that is read here: {part!r} is not known")
    power = int(match["power"]) if match["power"] else 1
    name = match["unit"]
    if not name and match["note"]:
        return Fraction(1), {}, power
    if name in _ATOMS:
        size, powers, _ = _ATOMS[name]
        return size, powers, power
    prefix, atom = name[:1], name[1:]
    if prefix in PREFIXES and atom in _ATOMS and _ATOMS[atom][2]:
        size, powers, _ = _ATOMS[atom]
        return PREFIXES[prefix] * size, powers, power
    raise ValueError(f"{code!r} is no UCUM unit that is read here: {part!r} is not known")


def factor(unit: str, to: str, molar_mass: Fraction | None = None) -> Fraction:
    """What a number in ``unit`` is multiplied by to be in ``to``.

    ``molar_mass`` (g/mol) turns an amount of substance into a mass, and the other way round. ValueError, with a
    sentence, for a unit that is not read, and for two that measure different things.
    """
    if unit == to:
        return Fraction(1)
    source, target = unit_of(unit), unit_of(to)
    moles = dict(target.powers).get("mol", 0) - dict(source.powers).get("mol", 0)
    grams = dict(target.powers).get("g", 0) - dict(source.powers).get("g", 0)
    if molar_mass is not None and moles and moles == -grams:
        powers = {**dict(source.powers)}
        powers["mol"] = powers.get("mol", 0) + moles
        powers["g"] = powers.get("g", 0) + grams
        changed = tuple(sorted((base, power) for base, power in powers.items() if power))
        source = Unit(source.code, source.size * molar_mass**grams, changed)
    if source.powers != target.powers:
        raise ValueError(f"{unit} cannot be converted to {to}: they measure different things")
    return source.size / target.size
