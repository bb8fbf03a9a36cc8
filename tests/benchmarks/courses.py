"""The courses that the benchmarks walk, and the bare `transitions` machines that they are held against.

A peer machine is what somebody would write by hand for the same course: the same places, a trigger for each act and
each report, the guards that the course meets, and no history, no dates, no reasons and no record.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from attrs import define
from transitions import EventData, Machine

from protocol_engine import parse_events
from protocol_engine.model.events import PatientEvent

Wire = dict[str, Any]


def read(events: list[Wire]) -> list[PatientEvent]:
    return parse_events(json.dumps(event) for event in events)


def gates(arm: str) -> Iterator[Wire]:
    yield {"id": "consent", "kind": "consent", "effective": "2020-01-01"}
    yield {"id": "eligible", "kind": "eligibility", "effective": "2020-01-02", "met": True}
    yield {"id": "arm", "kind": "allocation", "effective": "2020-01-03", "arm": arm}


def dose(regimen: str, cycle: int, day: int, on: date) -> Wire:
    return {
        "id": f"{regimen}-{cycle}-{day}",
        "kind": "administration",
        "effective": on.isoformat(),
        "regimen": regimen,
        "cycle": cycle,
        "day": day,
    }


def result(fact: str, timepoint: str | None, on: date, value: str, **more: Any) -> Wire:
    named = {"timepoint": timepoint} if timepoint is not None else {}
    return {
        "id": f"{fact}-{on}",
        "kind": "observation",
        "effective": on.isoformat(),
        "fact": fact,
        "value": value,
        **named,
        **more,
    }


def adaptive_course() -> list[Wire]:
    """NCT07239271, adaptive arm, PAM mutation before treatment: EveroHT for C3 to C6, then surgery."""
    day = date(2020, 1, 6)
    cycles = [day + timedelta(days=21 * number) for number in range(6)]
    pam = {"components": {"mutated_genes": ["PIK3CA"]}}
    return [
        *gates("adaptive"),
        result("ctdna", "baseline", date(2020, 1, 4), "positive", **pam),
        dose("nab_p_hp", 1, 1, cycles[0]),
        result("ctdna", "after_cycle_1", cycles[0] + timedelta(days=18), "negative"),
        dose("nab_p_hp", 2, 1, cycles[1]),
        result("response", "after_cycle_2", cycles[1] + timedelta(days=18), "PR"),
        dose("everoht", 3, 1, cycles[2]),
        dose("everoht", 4, 1, cycles[3]),
        result("response", "after_cycle_4", cycles[3] + timedelta(days=18), "PR"),
        dose("everoht", 5, 1, cycles[4]),
        dose("everoht", 6, 1, cycles[5]),
        {"id": "surgery", "kind": "procedure", "effective": "2020-06-01", "procedure": "surgery"},
    ]


def alternating_course(events: int) -> list[Wire]:
    """NCT07151586, alternating arm: weight, doses and a scan in every cycle, until there are so many events."""
    found = list(gates("alternating"))
    start, cycle = date(2020, 1, 6), 1
    while len(found) < events:
        regimen = "sg" if (cycle - 1) % 4 < 2 else "tdxd"
        found.append(result("weight", None, start - timedelta(days=1), "62.5", unit="kg"))
        found.append(dose(regimen, cycle, 1, start))
        if regimen == "sg":
            found.append(dose(regimen, cycle, 8, start + timedelta(days=7)))
        found.append(result("response", None, start + timedelta(days=15), "SD"))
        start, cycle = start + timedelta(days=21), cycle + 1
    return found[:events]


def corrected_course(events: int) -> list[Wire]:
    """The same with every tenth event a correction of the dose before it: what was given is told more exactly."""
    found: list[Wire] = []
    dosed: list[Wire] = []
    for event in alternating_course(events):
        found.append(event)
        if event["kind"] == "administration":
            dosed.append(event)
        if len(found) % 10 == 9 and dosed:
            inner = {key: value for key, value in dosed[-1].items() if key != "id"}
            inner["given"] = [{"drug": inner["regimen"]}]
            named = {"corrects": dosed[-1]["id"], "effective": event["effective"], "reason": "told more exactly"}
            found.append({"id": f"correction-{len(found)}", "kind": "correction", **named, "event": inner})
    return found[:events]


def late_course(events: int) -> list[Wire]:
    """The same with every tenth event reported four events late."""
    course = alternating_course(events)
    late = [number for number in range(events) if number % 10 == 5]
    order = sorted(range(events), key=lambda number: number + 4.5 if number in late else number)
    return [course[number] for number in order]


# --- the peers -------------------------------------------------------------------------------------------------------


@define
class Cursor:
    """What the peer machine moves: the place, the cycles given in it, and the last results."""

    state: str = "start"
    given: int = 0
    pam: bool = False
    response: bool = False
    progressed: bool = False


Peer = tuple[Machine, list[str]]


def _moves(machine: Machine, trigger: str, source: str, target: str, guard: Any = None, after: Any = None) -> None:
    machine.add_transition(trigger, source, target, conditions=guard, after=after)


def _first(event: EventData) -> None:
    event.model.given = 1


def _more(event: EventData) -> None:
    event.model.given += 1


def adaptive_peer() -> Peer:
    """The adaptive course by hand, with the triggers of :func:`adaptive_course` in order."""
    places = ["start", "consented", "eligible", "allocated", "nab", "everoht", "again", "surgery"]
    machine = Machine(model=None, states=places, initial="start", auto_transitions=False, send_event=True)
    for trigger, source, target in (
        ("consent", "start", "consented"),
        ("eligibility", "consented", "eligible"),
        ("allocation", "eligible", "allocated"),
        ("report", "allocated", "allocated"),
        ("report", "nab", "nab"),
        ("report", "everoht", "everoht"),
        ("surgery", "again", "surgery"),
    ):
        _moves(machine, trigger, source, target)
    _moves(machine, "nab", "allocated", "nab", after=_first)
    _moves(machine, "nab", "nab", "nab", lambda event: event.model.given < 2, _more)
    _moves(machine, "everoht", "nab", "everoht", lambda event: event.model.given >= 2 and event.model.pam, _first)
    _moves(machine, "everoht", "everoht", "everoht", lambda event: event.model.given < 2, _more)
    _moves(machine, "everoht", "everoht", "again", lambda event: event.model.response, _first)
    _moves(machine, "everoht", "again", "again", lambda event: event.model.given < 2, _more)
    doses = ["nab", "report", "nab", "report", "everoht", "everoht", "report", "everoht", "everoht"]
    return machine, ["consent", "eligibility", "allocation", "report", *doses, "surgery"]


def alternating_peer(course: list[Wire]) -> Peer:
    """The alternating arm by hand, with a trigger for each event of the course."""
    places = ["start", "consented", "eligible", "allocated", "sg", "tdxd", "ended"]
    machine = Machine(model=None, states=places, initial="start", auto_transitions=False, send_event=True)
    for trigger, source, target in (
        ("consent", "start", "consented"),
        ("eligibility", "consented", "eligible"),
        ("allocation", "eligible", "allocated"),
        ("day8", "sg", "sg"),
        ("report", "allocated", "allocated"),
    ):
        _moves(machine, trigger, source, target)
    for place in ("sg", "tdxd"):
        _moves(machine, "report", place, "ended", lambda event: event.model.progressed)
        _moves(machine, "report", place, place)
    _moves(machine, "sg", "allocated", "sg", after=_first)
    for here, there in (("sg", "tdxd"), ("tdxd", "sg")):
        _moves(machine, here, here, here, lambda event: event.model.given < 2, _more)
        _moves(machine, there, here, there, lambda event: event.model.given >= 2, _first)
    return machine, [_trigger(event) for event in course]


def _trigger(event: Wire) -> str:
    if event["kind"] == "observation":
        return "report"
    if event["kind"] == "administration":
        return "day8" if event["day"] == 8 else str(event["regimen"])
    return str(event["kind"])


def walk(peer: Peer) -> str:
    """Every trigger of the course, one after another; where it ends."""
    machine, triggers = peer
    cursor = Cursor(pam=True, response=True)
    for trigger in triggers:
        machine.events[trigger].trigger(cursor)
    return cursor.state
