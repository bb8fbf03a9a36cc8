"""Does every place of the table lead to an end, does nothing fall in a circle, and do doses stand behind the gates?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from protocol_engine.checks.compiled import Compiled
from protocol_engine.checks.outline import Written
from protocol_engine.errors import Problem
from protocol_engine.model.claims import Node
from protocol_engine.model.protocol import (
    Allocate,
    Arm,
    Choose,
    Consent,
    Eligibility,
    Give,
    May,
    Observe,
    Perform,
    Repeat,
    Track,
)
from protocol_engine.model.table import BUILT_IN_SCOPES, Place, Row

ONWARD = ("arrive", "enter", "enter_anew", "again")
"""Effects of the rows that lead on; the others give another day of a cycle, or change nothing."""
GATES = ("consent", "eligibility", "allocation")


# --- where a place is written --------------------------------------------------------------------------------------


def written_at(compiled: Compiled, place: Place) -> Written:
    """The step that a place was made from, or the nearest thing around it."""
    outline = compiled.outline
    found = [item for item in outline.nodes if _is_step_of(item.node, place)]
    if place.track is not None:
        around = [item for item, _ in outline.of(Track) if item.path.endswith(f"tracks.{place.track}")]
        found = [item for item in found if any(item.path.startswith(f"{at.path}.") for at in around)] or around
    here = [item for item in found if item.arm == place.arm]
    if not found:
        here = [item for item, _ in outline.of(Arm) if item.arm == place.arm]
    return (*here, *found, Written("course", outline.protocol))[0]


def _is_step_of(node: Node, place: Place) -> bool:
    match place.kind:
        case "giving" | "closed" | "observing":
            return (isinstance(node, Give) and node.element == place.element) or (
                isinstance(node, Observe) and node.observe == place.element
            )
        case "chosen":
            return isinstance(node, Choose | May) and node.choose == place.element
        case "assigned":
            return isinstance(node, Allocate) and node.allocate == place.element
        case "performed":
            return isinstance(node, Perform) and node.perform == place.element
        case "consented":
            return isinstance(node, Consent)
        case "eligible":
            return isinstance(node, Eligibility)
        case _:
            return False


def here(compiled: Compiled, place: Place, code: str, message: str) -> Problem:
    """A problem of a place, where the step that it was made from is written."""
    item = written_at(compiled, place)
    return compiled.outline.problem(code, item.path, item.node.mark, message)


# --- ways on, and ends ---------------------------------------------------------------------------------------------


def falls_out_of(compiled: Compiled, place: Place) -> list[Row]:
    """The falls out of a place that the file writes; death and the like leave every place."""
    falls = compiled.table.falls
    scopes = (*place.within, *place.scopes)
    return [row for scope in scopes if scope not in BUILT_IN_SCOPES for row in falls.get(scope, ())]


def offers_onward(compiled: Compiled, place: Place) -> list[Row]:
    """The offers that lead on when the cycles of the place have been given."""
    offers = compiled.table.offers.get(place.id, ())
    return [row for row in offers if row.effect in ONWARD and row.below is None]


def places_lead_to_an_end(compiled: Compiled) -> Iterator[Problem]:
    """From every place some way leads to an end, beside death, withdrawal and closure, which end every course."""
    ways = {
        place.id: {row.target for row in (*compiled.table.offers.get(place.id, ()), *falls_out_of(compiled, place))}
        for place in compiled.table.places.values()
    }
    for name, place in compiled.table.places.items():
        ahead = _ahead(name, ways)
        stays = [compiled.table.places[other] for other in ahead if name in _ahead(other, ways)]
        if place.track is not None:  # the end of the course ends it
            continue
        if place.kind not in ("giving", "observing") or len(stays) != len(ahead) or _may_stop(compiled, stays):
            continue
        elements = sorted({str(other.element) for other in stays if other.kind in ("giving", "observing")})
        if len(elements) == 1:
            what = "give cycles, an `until` or a stop" if place.kind == "giving" else "give an `until` or a stop"
            message = f"nothing ends {elements[0]}, beside death, withdrawal or closure; {what}"
            yield here(compiled, place, "no-exit", message)
        elif place.element == elements[0]:
            around = [item for item, _ in compiled.outline.of(Repeat) if item.arm == place.arm]
            item = around[0] if around else written_at(compiled, place)
            message = (
                f"nothing ends the round of {', '.join(elements)}, beside death, withdrawal or closure; "
                f"add an `until` or a stop"
            )
            yield compiled.outline.problem("endless-loop", item.path, item.node.mark, message)


def _may_stop(compiled: Compiled, places: Iterable[Place]) -> bool:
    """Whether one of the places is an end, or leads nowhere, which is reported as a dead end."""
    return any(
        place.kind == "ended"
        or not (place.kind == "observing" or offers_onward(compiled, place) or _falls_on(compiled, place))
        for place in places
    )


def _falls_on(compiled: Compiled, place: Place) -> bool:
    """Whether a place leads on by itself, as to a stretch without treatment."""
    return bool(compiled.table.falls.get(place.id))


def _ahead(name: str, ways: dict[str, set[str]]) -> frozenset[str]:
    """The places that a place leads to, itself included."""
    found, ahead = {name}, [name]
    while ahead:
        for target in ways[ahead.pop()] - found:
            found.add(target)
            ahead.append(target)
    return frozenset(found)


def nothing_falls_in_a_circle(compiled: Compiled) -> Iterator[Problem]:
    """No fall leads back to where it started without an act in between."""
    places = compiled.table.places
    ways = {name: {row.target for row in falls_out_of(compiled, place)} - {name} for name, place in places.items()}
    for name, place in places.items():
        circle = sorted(other for other in _ahead(name, ways) if other != name and name in _ahead(other, ways))
        if circle and name < circle[0]:
            words = ", ".join(circle)
            yield here(compiled, place, "fall-circle", f"falls to {words} and back, with nothing done in between")


def gates_stand_before_doses(compiled: Compiled) -> Iterator[Problem]:
    """No dose is offered before consent, eligibility and allocation (G1)."""
    table = compiled.table
    for gate in GATES:
        ways = {
            place.id: {
                row.target
                for row in (*table.offers.get(place.id, ()), *falls_out_of(compiled, place))
                if row.act is None or row.act.kind != gate
            }
            for place in table.places.values()
        }
        ungated = _ahead(table.start, ways)
        for name in sorted(ungated):
            for row in table.offers.get(name, ()):
                if row.act is not None and row.act.kind == "administration" and row.effect in ("enter", "enter_anew"):
                    message = (
                        f"is given before {gate}; nothing is given before consent, eligibility and allocation (G1)"
                    )
                    yield here(compiled, table.places[row.target], "dose-before-gate", message)
