"""What of a day is given now: its lines without the drugs that are held or were stopped, each with its dose."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

from attrs import frozen

from protocol_engine.engine import doses, modifying, wording
from protocol_engine.engine.dosing import Line
from protocol_engine.model.evaluation import Missing
from protocol_engine.model.events import GivenDrug

if TYPE_CHECKING:
    from protocol_engine.engine.standing import Standing


@frozen
class Obstacle:
    """Something that keeps a whole day from being given; ``unknown`` until what is missing is reported."""

    because: str
    cites: tuple[str, ...]
    unknown: bool
    missing: tuple[Missing, ...] = ()


def withheld(standing: Standing, lines: tuple[Line, ...]) -> tuple[modifying.Withheld, ...]:
    """Why drugs of a day are not given."""
    drugs = dict.fromkeys(line.drug for line in lines if not line.open_drug)
    return tuple(found for drug in drugs for found in modifying.withheld(standing, drug))


def lines_given(standing: Standing, lines: tuple[Line, ...], day: date | None) -> tuple[Line, ...]:
    """The lines of a day that are given on it, each with its dose."""
    without = {found.drug for found in withheld(standing, lines)}
    return tuple(doses.as_now(standing, line, day) for line in lines if line.drug not in without)


def obstacles(
    standing: Standing, lines: tuple[Line, ...], day: date | None, basis: tuple[str, ...]
) -> Iterator[Obstacle]:
    """What keeps a day from being given: nothing of it is left, nobody knows whether, or a dose is not known.

    ``basis`` are the claims behind the day; a line without claims of its own rests on them.
    """
    held = withheld(standing, lines)
    without = {found.drug for found in held}
    left = [line for line in lines if line.drug not in without]
    unsaid = [found for found in held if not found.stated]
    if not left or unsaid:
        for found in unsaid if left else held:
            yield Obstacle(found.because, found.cites, unknown=False)
    for line in left:
        yield from _unknown(standing, line, day, basis)


def _unknown(standing: Standing, line: Line, day: date | None, basis: tuple[str, ...]) -> Iterator[Obstacle]:
    for item, cites in modifying.doubts(standing, line.drug):
        text = f"{', '.join(cites)}: whether {line.name} is held: {wording.missing_words(standing.table, item)}"
        yield Obstacle(text, cites, unknown=True, missing=(item,))
    if line.written.dose is None or line.open_drug:
        return
    worth = doses.worth_of(standing, line.drug, line.written.dose, day)
    if worth.dose is None:
        cites = line.written.cite or basis or ("G3",)
        words = "; ".join(wording.missing_words(standing.table, item) for item in worth.missing) or "no band holds"
        text = f"{', '.join(cites)}: the dose of {line.name} is not known: {words}"
        yield Obstacle(text, cites, unknown=True, missing=worth.missing)


def given_although(
    standing: Standing, lines: tuple[Line, ...], given: tuple[GivenDrug, ...]
) -> Iterator[modifying.Withheld]:
    """The drugs that were given although they are held, or were stopped."""
    named = {drug.drug for drug in given}
    return (found for found in withheld(standing, lines) if found.drug in named)
