"""What differs between two versions of a protocol, as a page that a clinician reads, and as JSON in the same words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs

from protocol_engine.adapters.blocks import Heading, Item, Items, Page, Paragraph, section
from protocol_engine.adapters.course_prose import window_words
from protocol_engine.adapters.dose_prose import any_dose_words
from protocol_engine.adapters.file_form import form_of
from protocol_engine.adapters.phrases import capital, cites, condition_words, counted, days_words, dose_words
from protocol_engine.compiler.comparing import Comparison, Difference, Met
from protocol_engine.engine.wording import act_words, words
from protocol_engine.model.conditions import Condition
from protocol_engine.model.protocol import Window
from protocol_engine.model.table import Place, RegimenContent, Row, Table
from protocol_engine.model.units import DayPoints, DaySpan, Duration, NotStated, Quantity, QuantityRange

TITLES = {
    "title": "Title",
    "design": "Design",
    "rules": "Rules of the record",
    "assumptions": "Assumptions",
    "readings": "Readings that are selected",
    "not_stated": "What the record does not state",
    "elements": "Elements of the arms",
    "stops": "What stops treatment, or closes an element",
    "regimens": "Regimens",
    "ladders": "Levels of doses",
    "modifications": "Rules that modify doses",
    "tracks": "Tracks",
    "allocations": "Later allocations",
    "masking": "Masking",
    "announces": "Announcements",
    "values": "Values",
    "derived": "Derived values",
    "criteria": "Eligibility criteria",
    "facts": "Facts",
    "arms": "Arms",
}


def comparison_page(found: Comparison) -> Page:
    """Everything that differs: first what a patient at each place would meet, then section by section."""
    old, new = found.old, found.new
    total = counted(len(found.differences), "difference")
    sections = dict.fromkeys(item.section for item in found.differences)
    return (
        Heading(f"{old.protocol}, version {old.version}, and {new.protocol}, version {new.version}", 1),
        Paragraph(f"{capital(total)} in meaning. What is written in another order or with other citations is none."),
        *section("What a patient at each place of the old version would meet", *_met_items(found)),
        *(
            block
            for name in sections
            for block in section(
                TITLES.get(name, capital(words(name))),
                Items(tuple(_item(found, item) for item in found.differences if item.section == name)),
            )
        ),
    )


def comparison_json(found: Comparison) -> dict[str, Any]:
    """The same for a program. Values are in the words of the page."""
    return {
        "old": _identity(found.old),
        "new": _identity(found.new),
        "differences": [_difference_json(found, item) for item in found.differences],
        "places": [_met_json(found, met) for met in found.places],
    }


def _identity(table: Table) -> dict[str, str]:
    return {"id": table.protocol, "version": table.version, "digest": table.digest}


def _difference_json(found: Comparison, item: Difference) -> dict[str, Any]:
    return {
        "section": item.section,
        "name": item.name,
        "change": item.change,
        "aspect": item.aspect or None,
        "was": _words(found.old, item.was) if item.change != "added" else None,
        "now": _words(found.new, item.now) if item.change != "removed" else None,
        "cites": {"old": list(item.cites[0]), "new": list(item.cites[1])},
    }


def _met_json(found: Comparison, met: Met) -> dict[str, Any]:
    return {
        "place": met.place.id,
        "goes_on_at": met.target.id if met.target is not None else None,
        "stays": met.staying is not None,
        "cites": list(met.staying or ()),
        "differences": [_difference_json(found, item) for item in met.differences],
    }


# --- sentences --------------------------------------------------------------------------------------------------------


def _met_items(found: Comparison) -> Page:
    items = tuple(_met_item(found, met) for met in found.places)
    return (Items(items),) if items else ()


def _met_item(found: Comparison, met: Met) -> Item:
    if met.target is None:
        stays = f"stays under version {found.old.version}{cites(met.staying)}" if met.staying is not None else ""
        return Item(met.place.id, stays or "the new version does not say where she goes on")
    here = "goes on here" if met.target.id == met.place.id else f"goes on at {met.target.id}"
    return Item(met.place.id, here, (Items(tuple(_item(found, item) for item in met.differences)),))


def _item(found: Comparison, item: Difference) -> Item:
    name = item.name
    if item.section in ("offers", "stops"):
        name = _act(found, name) if item.section == "offers" else _stop(name)
    aspect = f", {words(item.aspect)}" if item.aspect else ""
    told = " and ".join(
        f"{version} {', '.join(claims)}"
        for version, claims in ((found.old.version, item.cites[0]), (found.new.version, item.cites[1]))
        if claims
    )
    behind = f" [{told}]" if told else ""
    was, now = _words(found.old, item.was), _words(found.new, item.now)
    said = {"added": now, "removed": was, "changed": f"{was}, now {now}"}[item.change]
    return Item("-", f"{name} {item.change}{aspect}: {said}{behind}")


def _stop(name: str) -> str:
    """A stop by where it holds and what it leads to."""
    scope, target = name.split(": ", 1)
    where = f"arm {scope.partition('@')[2]}" if "@" in scope else scope
    reason = target.removeprefix("ended:").partition(":")[0]
    return f"{where}: end ({words(reason)})" if target.startswith("ended:") else f"{where}: {target}"


def _act(found: Comparison, key: str) -> str:
    table = found.old if key in found.old.acts else found.new
    act = table.acts[key]
    day = f", day {act.day}" if act.kind == "administration" and act.day == 1 else ""
    return act_words(table, act) + day


def _words(table: Table, value: Any) -> str:  # noqa: C901, PLR0912  # one line for each form of value
    """A value of the model in words."""
    match value:
        case None | ():
            return "nothing"
        case bool():
            return "yes" if value else "no"
        case Condition():
            return condition_words(table, value)
        case Window():
            return window_words(value).strip(" ;,")
        case Quantity() | QuantityRange():
            return dose_words(value, None)
        case DayPoints() | DaySpan():
            return days_words(value)
        case NotStated():
            return "not stated"
        case RegimenContent():
            return _regimen_words(table, value)
        case Row():
            return _row_words(table, value)
        case Place():
            return value.title or words(value.element or value.id)
        case tuple() | list():
            return ", and ".join(_words(table, item) for item in value)
        case dict():
            return "; ".join(f"{key}: {_words(table, item)}" for key, item in value.items())
        case Duration() | str() | int():
            return str(value)
        case _ if attrs.has(type(value)):
            return _plain(form_of(value))
        case _:
            return str(value)


def _regimen_words(table: Table, value: RegimenContent) -> str:
    doses = ((line, any_dose_words(table, line.dose, line.times_a_day)) for line in value.lines)
    lines = (f"{line.drug or line.part or line.named_in} {dose}, {days_words(line.days)}" for line, dose in doses)
    return f"{'; '.join(lines)}; every {_words(table, value.cycle) if value.cycle is not None else 'not stated'}"


def _row_words(table: Table, row: Row) -> str:
    asked = [condition_words(table, guard.condition) for guard in row.guards if not guard.refutes]
    here = {"again": "one more cycle", "day": "a further day of the cycle"}.get(row.effect, "beside the course")
    found = [f"leads to {row.target}" if row.target != row.source else here]
    if row.act is not None and row.act.kind == "administration" and row.effect != "day":
        found.insert(0, _regimen_words(table, table.regimens[row.act.name]))
    if row.at_least is not None:
        found.append(f"after {counted(row.at_least, 'cycle')}")
    if row.below is not None:
        found.append(f"up to {counted(row.below, 'cycle')}")
    return "; ".join([*found, *(f"only if {text}" for text in asked)])


def _plain(value: Any) -> str:
    """The keys of a construct and what stands behind them, in one line."""
    if isinstance(value, dict):
        left = {key: item for key, item in value.items() if key not in ("cite", "see", "not_stated")}
        return "; ".join(f"{words(key)} {_plain(item)}" for key, item in left.items())
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ", ".join(_plain(item) for item in value)
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
