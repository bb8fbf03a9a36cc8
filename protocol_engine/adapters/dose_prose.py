"""Doses that move, in words: levels of a ladder, bands, loading doses, and the rules that hold or move them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from protocol_engine.adapters.blocks import Item, Items, Page
from protocol_engine.adapters.phrases import (
    Book,
    capital,
    cites,
    condition_words,
    dose_words,
    drug_name,
    fact_name,
    listed,
)
from protocol_engine.adapters.phrases import often as how_often
from protocol_engine.engine.wording import words
from protocol_engine.model.doses import Bands, Dose, Ladder, LevelDose, Loading, Modification, PartOf, rung_words
from protocol_engine.model.units import NotStated, Quantity, QuantityRange

MOVES = {"down": "down only", "up": "up only", "both": "down and up"}
DONE = {
    "lower": "its dose is lowered by one level, at most once between two doses",
    "raise": "its dose is raised by one level",
    "discontinue": "it is stopped for good, and the others go on",
}


def any_dose_words(protocol: Book, dose: Dose | None, times_a_day: int | None) -> str:
    """A dose of whatever form, with how often a day."""
    match dose:
        case LevelDose() | Loading() | Bands() | PartOf():
            often = how_often(times_a_day)
            return _form_words(protocol, dose) + (f",{often}" if often else "")
        case _:
            return dose_words(dose, times_a_day)


def _form_words(protocol: Book, dose: Dose) -> str:
    match dose:
        case LevelDose():
            base = any_dose_words(protocol, dose.of, None) if dose.of is not None else ""
            of = f" of {base}" if isinstance(dose.of, Quantity | QuantityRange) else f" of ({base})" if base else ""
            return f"the level of the ladder {dose.level_of}{of}"
        case Loading():
            again = f", and again after more than {dose.reload_after} without a dose" if dose.reload_after else ""
            return f"{dose_words(dose.loading, None)} first{again}, then {dose_words(dose.then, None)}"
        case Bands():
            return "; ".join(
                f"{dose_words(band.dose, None)} if {condition_words(protocol, band.if_)}{cites(band.cite, band.rests)}"
                for band in dose.bands
            )
        case PartOf():
            return f"{dose.times.written} times {fact_name(protocol, dose.of)}"
        case _:
            return dose_words(dose, None)


def dose_items(protocol: Book) -> Page:
    """The ladders, and the rules that modify doses."""
    ladders = (Item("-", _ladder_words(protocol, name, ladder)) for name, ladder in protocol.ladders.items())
    rules = (Item("-", _rule_words(protocol, name, rule)) for name, rule in protocol.modifications.items())
    items = (*ladders, *rules)
    return (Items(items),) if items else ()


def _ladder_words(protocol: Book, name: str, ladder: Ladder) -> str:
    levels = listed((rung_words(rung) for rung in ladder.levels), "then")
    start = rung_words(ladder.levels[ladder.start]) if ladder.levels else ""
    past = ""
    if isinstance(ladder.past_last, NotStated):
        past = "; what follows below the lowest level is not stated"
    elif ladder.past_last == "discontinue":
        past = "; below the lowest level it is stopped for good"
    elif ladder.past_last == "stays":
        past = "; below the lowest level it stays where it is"
    what = f"{drug_name(protocol, ladder.of)} has the levels {levels} ({name}), moved {MOVES[ladder.moves]}"
    return f"{capital(what)}, from {start} on{past}.{cites(ladder.cite, ladder.rests, silent=ladder.see)}"


def _rule_words(protocol: Book, name: str, rule: Modification) -> str:
    drugs = listed((drug_name(protocol, drug) for drug in rule.of), "or")
    done = [DONE[rule.do]] if rule.do is not None else []
    if rule.until is not None:
        done.append(f"it is held until {condition_words(protocol, rule.until)}, by a later report")
    called = f"{rule.label or words(name)} ({name})"
    each = "; so each of these drugs by itself" if len(rule.of) > 1 else ""
    when = f"if, after a dose of {drugs}, {condition_words(protocol, rule.when)}"
    return f"{capital(called)}: {when}, then {listed(done)}{each}.{cites(rule.cite, rule.rests)}"


# --- of a decision -------------------------------------------------------------------------------------------------


def found_words(found: Mapping[str, Any]) -> str:
    """How the dose of a decision was found, to stand behind it; nothing where it stands in the regimen."""
    told = []
    if "ladder" in found:
        since = f" since {found['since']} by {listed(map(words, found['rules']))}" if "since" in found else ""
        told.append(f"level {found['level']} of {found['ladder']}{since}")
    if "band" in found:
        told.append(f"band {found['band']}, by {listed(found['by'])}")
    if "part_of" in found:
        part = found["part_of"]
        told.append(f"{part['times']} times {part['value']}, by {listed(part['by'])}")
    if "loading" in found:
        until = f", until {found['until']}" if "until" in found else ""
        told.append("loading dose" if found["loading"] else f"no loading dose{until}")
    return f" ({'; '.join(told)})" if told else ""


def without_words(found: Mapping[str, Any]) -> str:
    """A drug of the day that is not given now."""
    why = "is held" if found["why"] == "held" else "was stopped for good"
    return (
        f"without {found['name']}, which {why} since {found['since']} by {words(found['rule'])}{cites(found['cites'])}"
    )
