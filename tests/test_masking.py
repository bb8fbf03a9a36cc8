"""What a role may see never depends on the arm: two patients whose courses differ in the names that are hidden alone.

Each random course is lived through twice, on yewane and, under the mirrored names, on placebo. Every view of the two is
the same to the byte, whatever was done, late, wrong or taken back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache
from io import StringIO
from pathlib import Path
from random import Random
from typing import Any

import pytest
from course_lines import action, machine, read
from test_cli import answer, errors, jsonl, prose, run

from protocol_engine import (
    Course,
    InputError,
    Problems,
    Step,
    begin,
    compile_protocol,
    decide,
    event_json,
    propose,
    step,
)
from protocol_engine.adapters.decision_prose import decision_page
from protocol_engine.audit import Chain, Record, seen_records
from protocol_engine.checks import check_protocol
from protocol_engine.engine.blinding import Steps, blinded_events, decide_as, propose_as, table_seen
from protocol_engine.engine.intake import accept_one
from protocol_engine.entrypoints.layout import laid_out
from protocol_engine.model.decision import Decision
from protocol_engine.model.events import PatientEvent, UnblindingEvent
from protocol_engine.reader import read_protocol

YEW = Path(__file__).parent / "protocols" / "YEW-1.yaml"
Wire = dict[str, Any]
FIRST = date(2026, 1, 1)
MIRRORED: Mapping[str, Mapping[str, str]] = {
    "arm": {"yewane": "placebo", "placebo": "yewane"},
    "regimen": {"yewane": "placebo", "placebo": "yewane"},
    "drug": {"yewane": "saline", "saline": "yewane"},
    "scope": {"yewane": "saline", "saline": "yewane"},
    "unit": {"mg": "mL", "mL": "mg"},
    "dose": {"300": "60", "60": "300"},  # at 60 kg, 5 mg/kg of the one and 1 mL/kg of the other
}
SEEDS = range(16)
TELLING = re.compile(r"placebo|saline|yewane(?!_open| openly)", re.IGNORECASE)


def mirrored(wire: Any, names: Mapping[str, Mapping[str, str]] = MIRRORED) -> Any:
    """The same event on the other arm."""
    if isinstance(wire, list):
        return [mirrored(item, names) for item in wire]
    if not isinstance(wire, dict):
        return wire
    return {
        key: names[key].get(value, value) if key in names and isinstance(value, str) else mirrored(value, names)
        for key, value in wire.items()
    }


def dose(random: Random) -> Wire:
    """A dose under some name, with its content or without, or left out."""
    regimen = random.choice(("study_treatment",) * 4 + ("yewane", "yewane", "placebo", "yewane_open"))
    wire: Wire = {"kind": "administration", "regimen": regimen}
    wire |= {"cycle": random.choice((1, 2, 3))} if random.random() < 0.6 else {}
    wire |= {"day": random.choice((1, 8, 8, 3))} if random.random() < 0.7 else {}
    drug = random.choice(("study_drug", "yewane", "saline"))
    if random.random() < 0.2:
        left_out = {"drug": drug} if random.random() < 0.5 else {}
        return {**wire, "kind": "omission", "reason": f"no {drug}", **left_out}
    if random.random() < 0.4:
        amount = {"yewane": ("300", "mg"), "saline": ("60", "mL")}.get(drug)
        known = {"dose": amount[0], "unit": amount[1]} if amount is not None and random.random() < 0.7 else {}
        wire["given"] = [{"drug": drug, "route": "IV", **known}]
    return wire


def report(random: Random) -> Wire:
    """Something that is told, and perhaps changes what may be done."""
    drug = random.choice(("study_drug", "yewane", "saline"))
    reports: tuple[Wire, ...] = (
        {"kind": "observation", "fact": "heart_rate", "value": random.choice(("70", "70", "45")), "unit": "/min"},
        {"kind": "observation", "fact": "response", "value": random.choice(("PD", "SD", "PR"))},
        {"kind": "adverse_event", "term": f"rash of {drug}", "grade": 2, "unacceptable": False, "drug": drug},
        {"kind": "adverse_event", "term": "rash", "drug": drug},
        {"kind": "adverse_event", "term": "shock", "unacceptable": True, "drug": drug},
        {"kind": "discontinuation", "scope": drug, "reason": "her wish"},
        {"kind": "choice", "choice": "rinse", "option": random.choice(("mint", "sage"))},
        {"kind": "other_treatment", "drugs": [drug]},
        {"kind": "unblinding", "to": "patient", "by": f"{drug} office", "reason": f"it is {drug}"},
    )
    return random.choice(reports)


def offered(random: Random, decision: Decision, day: date) -> tuple[Wire, date]:
    """What somebody does who sees a view and follows it, on the day from which it may be done."""
    actions = [action for action in decision.actions if action.kind != "follow_up"]
    if not actions:
        return report(random), day
    action = random.choice(actions)
    if action.earliest != "not_stated":
        day = max(day, date.fromisoformat(action.earliest))
    match action.kind:
        case "administer":
            regimen = random.choice(("study_treatment",) * 5 + ("yewane",) * 2 + ("placebo",))
            numbers = {key: action.content[key] for key in ("cycle", "day")}
            return {"kind": "administration", "regimen": regimen, **numbers}, day
        case "choose":
            return {"kind": "choice", "choice": "rinse", "option": "mint"}, day
        case "assess":
            return {"kind": "observation", "fact": "response", "timepoint": "after_cycle_2", "value": "PR"}, day
        case _:
            return report(random), day


@cache
def lived(seed: int) -> list[PatientEvent]:
    """A course on yewane, event by event in the order of arrival; what the engine cannot read is left out."""
    random = Random(seed)  # noqa: S311  # the same on every machine
    gates: list[Wire] = [
        {"kind": "consent"},
        {"kind": "eligibility", "met": True},
        {"kind": "allocation", "arm": "yewane"},
        {"kind": "observation", "fact": "weight", "value": "60", "unit": "kg"},
        {"kind": "observation", "fact": "heart_rate", "value": "70", "unit": "/min"},
    ]
    if random.random() < 0.2:
        gates.insert(random.randrange(3), dose(random))
    steps, found = Steps(machine("YEW-1"), "investigator"), list[Wire]()
    day = FIRST
    for number in range(24):
        day += timedelta(days=random.choice((0, 0, 1, 3)))
        if number < len(gates):
            wire, day = gates[number], day + timedelta(days=1)
        elif random.random() < 0.6:
            wire, day = offered(random, steps.decision(), day)
        else:
            wire = random.choice((dose, report))(random)
        on = day - timedelta(days=random.choice((0, 0, 0, 4)))
        wire = {"id": f"e{number}", "effective": on.isoformat(), **wire}
        if found and random.random() < 0.1:
            wire = rewrite(random, random.choice(found), wire, day)
        try:
            steps.take(read(wire))
        except (InputError, Problems):
            continue
        found.append(wire)
    return [read(wire) for wire in found]


def rewrite(random: Random, old: Wire, wire: Wire, day: date) -> Wire:
    """A correction of an old event into another one, or its retraction."""
    told = {"id": wire["id"], "effective": day.isoformat()}
    if random.random() < 0.5:
        return {**told, "kind": "retraction", "retracts": old["id"], "reason": "meant for placebo"}
    event = {**{key: item for key, item in wire.items() if key != "id"}, "effective": old["effective"]}
    return {**told, "kind": "correction", "corrects": old["id"], "reason": "yewane all along", "event": event}


def other_side(event: PatientEvent) -> PatientEvent:
    return read(mirrored(event_json(event)))


def recorded(steps: Steps, seen: Step | None) -> bytes:
    """All that a step shows: the record of it that a view of the log has."""
    if seen is None:
        return b""
    line = Chain.begin(steps.seen, "course").step(seen).line
    assert TELLING.search(line.decode()) is None, line
    return line


def page(steps: Steps) -> str:
    """The page of what comes next."""
    decision = steps.decision()
    return laid_out(decision_page(table_seen(steps.machine, decision), decision), StringIO())


def asked(steps: Steps, role: str, days: int) -> list[object]:
    """What a role is answered that asks about an earlier day, and about acts to come."""
    machine, state = steps.machine, steps.state
    day = (FIRST + timedelta(days=days)).isoformat()
    acts = ("administration regimen=study_treatment cycle=2 day=1", "allocation arm=blinded")
    answers = [propose_as(machine, state, action(f"{day} {act}"), role).as_json() for act in acts]
    return [decide_as(machine, state, role, date.fromisoformat(day)).as_json(), *answers]


@pytest.mark.parametrize("seed", SEEDS)
def test_two_courses_that_mirror_each_other_look_alike_at_every_step(seed: int) -> None:
    events = lived(seed)
    for role in ("investigator", "patient"):
        one, other = Steps(machine("YEW-1"), role), Steps(machine("YEW-1"), role)
        for event in events:
            left, right = one.take(event)[1], other.take(other_side(event))[1]
            assert one.view.blinded == other.view.blinded
            if one.view.blinded:
                assert recorded(one, left) == recorded(other, right)
        if one.view.blinded:
            assert asked(one, role, seed) == asked(other, role, seed)
            assert page(one) == page(other)


def test_the_random_courses_are_lived_and_reach_what_can_be_hidden() -> None:
    """The walk above is worth something: doses are given under either name, views are cut, and some are told."""
    places, cut, told = set(), 0, 0
    for seed in SEEDS:
        steps = Steps(machine("YEW-1"), "investigator")
        for event in lived(seed):
            taken, seen = steps.take(event)
            places.add(taken.place_after)
            cut += seen is not None and any("not shown, since" in notice for notice in seen.decision.notices)
            told += isinstance(event, UnblindingEvent)
    assert {"yewane/first", "yewane/more", "ended:toxicity"} <= places
    assert cut > 10
    assert told > 5


HOLLY: Mapping[str, Mapping[str, str]] = {
    "arm": {"hollin": "sham", "sham": "hollin"},
    "regimen": {"hollin": "sham", "sham": "hollin"},
    "drug": {"hollin": "water", "water": "hollin"},
    "scope": {"hollin": "water", "water": "hollin"},
}
"""The other side of HOLLY-1, whose masked arms have a second allocation, a track, advice and steps instead."""


def told_in_holly(random: Random, decision: Decision, day: date) -> tuple[Wire, date]:
    """What somebody who sees a view does next, or something else that is told."""
    actions = [action for action in decision.actions if action.kind != "follow_up"]
    if actions and random.random() < 0.6:
        action = random.choice(actions)
        content = action.content
        day = max(day, date.fromisoformat(action.earliest)) if action.earliest != "not_stated" else day
        if action.kind == "administer":
            return {"kind": "administration", **{key: content[key] for key in ("regimen", "cycle", "day")}}, day
        if action.kind == "choose":
            option = random.choice(content["options"])
            reason = {"reason": "hollin it is"} if random.random() < 0.5 else {}
            return {"kind": "choice", "choice": content["choice"], "option": option, **reason}, day
        if action.kind == "allocate":
            return {"kind": "allocation", "arm": random.choice(content["arms"])}, day
        return {"kind": "procedure", "procedure": content["procedure"]}, day
    value = random.choice(("5", "12", "16", "25"))
    reports: tuple[Wire, ...] = (
        {"kind": "observation", "fact": "marker", "value": value, "unit": "ug/L"},
        {"kind": "observation", "fact": random.choice(("ready", "fern", "moss")), "value": random.random() < 0.6},
        {"kind": "observation", "fact": "spots", "value": random.random() < 0.2},
        {"kind": "allocation", "arm": random.choice(("on", "watch"))},
        {"kind": "administration", "regimen": random.choice(("study_treatment", "hollin", "sham", "aspen"))},
        {"kind": "omission", "regimen": random.choice(("study_treatment", "sham")), "reason": "no water"},
        {"kind": "discontinuation", "scope": random.choice(("study_drug", "water", "aspen")), "reason": "sham"},
        {"kind": "procedure", "procedure": random.choice(("lamp", "rinse", "wash"))},
    )
    return random.choice(reports), day


@pytest.mark.parametrize("seed", range(8))
def test_a_second_allocation_a_track_and_advice_tell_nothing_either(seed: int) -> None:
    random, day = Random(seed), FIRST + timedelta(days=40)  # noqa: S311  # the same on every machine
    one, other = (Steps(machine("HOLLY-1"), "investigator") for _ in range(2))
    gates: list[Wire] = [{"kind": "consent"}, {"kind": "eligibility", "met": True}]
    gates.append({"kind": "allocation", "arm": "hollin"})
    for number in range(30):
        day += timedelta(days=random.choice((0, 1, 3)))
        wire, day = (gates[number], day) if number < len(gates) else told_in_holly(random, one.decision(), day)
        wire = {"id": f"e{number}", "effective": (day - timedelta(days=random.choice((0, 0, 4)))).isoformat(), **wire}
        try:
            left = one.take(read(wire))[1]
        except (InputError, Problems):
            continue
        right = other.take(read(mirrored(wire, HOLLY)))[1]
        assert (left is None) == (right is None)
        if left is not None and right is not None:
            shown = Chain.begin(one.seen, "course").step(left).line
            assert shown == Chain.begin(other.seen, "course").step(right).line
            assert re.search(rb"hollin|sham|water", shown) is None
        assert page(one) == page(other)


# --- what a single journey does not show -----------------------------------------------------------------------------

BEGUN: tuple[Wire, ...] = (
    {"id": "e1", "kind": "consent", "effective": "2026-01-02"},
    {"id": "e2", "kind": "eligibility", "effective": "2026-01-03", "met": True},
    {"id": "e3", "kind": "allocation", "effective": "2026-01-04", "arm": "placebo"},
    {"id": "e4", "kind": "observation", "effective": "2026-01-04", "fact": "heart_rate", "value": "70", "unit": "/min"},
    {"id": "e5", "kind": "administration", "effective": "2026-01-05", "regimen": "placebo"},
    {"id": "e6", "kind": "unblinding", "effective": "2026-01-08", "to": "patient", "by": "kin", "reason": "placebo?"},
)
DOSE = '{"kind":"administration","effective":"2026-01-12","regimen":"%s","cycle":1,"day":8}'


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """The events of a patient on placebo who is told so in the end."""
    path = tmp_path / "patient.jsonl"
    path.write_text(jsonl(*BEGUN), encoding="utf-8")
    return path


def test_every_command_that_shows_a_patient_shows_only_what_the_role_may_see(told: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    run("replay", YEW, told, "--audit", log)
    as_investigator = ("--as", "investigator")
    replayed = answer("replay", YEW, told, *as_investigator)
    proposed = answer("propose", YEW, told, DOSE % "study_treatment", *as_investigator)
    records = answer("audit", "show", log, "--protocol", YEW, *as_investigator)
    shown = [answer("next", YEW, told, *as_investigator), replayed, proposed, records]
    shown += [prose("audit", "show", log, "--protocol", YEW, *as_investigator)]
    shown += [run("diagram", YEW, *as_investigator).stdout.replace(machine("YEW-1").table.title, "")]
    assert [TELLING.findall(str(item)) for item in shown] == [[]] * len(shown)
    assert proposed["allowed"]
    assert proposed["view"] == {"as": "investigator", "blinded": True}
    assert [record["sequence"] for record in records] == [0, 1, 2, 3, 4, 5]
    assert {key for record in records for key in record} & {"hash", "previous"} == set()


def test_who_is_told_sees_the_course_as_it_is_from_then_on(told: Path) -> None:
    steps = answer("replay", YEW, told, "--as", "patient")["steps"]
    assert [step["place"]["arm"] for step in steps] == [None, None, "blinded", "blinded", "blinded", "placebo"]
    assert answer("next", YEW, told, "--as", "patient")["place"]["arm"] == "placebo"
    assert answer("next", YEW, told, "--as", "patient", "--as-of", "2026-01-07")["place"]["arm"] == "blinded"


def test_a_log_is_shown_as_it_is_without_a_role(told: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    run("replay", YEW, told, "--audit", log)
    records = answer("audit", "show", log, "--protocol", YEW)
    assert [json.dumps(record) for record in records] == [
        json.dumps(json.loads(line)) for line in log.read_text(encoding="utf-8").splitlines()
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("next", YEW, "-", "--as", "investigater"), "names no role 'investigater'; there are: patient"),
        (("next", "NCT07151586", "-", "--as", "investigator"), "hides nothing from anybody"),
        (("replay", YEW, "-", "--as", "patient", "--audit", "x.jsonl"), "a log holds the whole course"),
        (("propose", YEW, "-", DOSE % "placebo", "--as", "patient"), "placebo is hidden from the patient"),
        (("propose", YEW, "-", DOSE % "placobo", "--as", "patient"), "'placobo' is no regimen"),
    ],
)
def test_what_cannot_be_asked_in_a_role_is_refused(arguments: tuple[object, ...], message: str) -> None:
    (line,) = errors(*arguments, stdin=jsonl(*BEGUN[:5]) if YEW in arguments else "")
    assert message in line


@pytest.mark.parametrize(
    ("wire", "message"),
    [
        ({"kind": "unblinding", "to": "nurse", "by": "x", "reason": "y"}, "'nurse' is no role"),
        ({"kind": "allocation", "arm": "blinded"}, "'blinded' is no arm"),
        (
            {
                "kind": "administration",
                "regimen": "study_treatment",
                "given": [{"drug": "study_drug", "dose": "60", "unit": "mL"}],
            },
            "is hidden of study_drug",
        ),
    ],
)
def test_what_nobody_can_report_is_refused(wire: Wire, message: str) -> None:
    with pytest.raises(InputError, match=message):
        accept_one(machine("YEW-1").table, read({"id": "x", "effective": "2026-01-05", **wire}))


def test_an_event_that_the_view_has_no_word_for_is_not_shown_nor_what_rewrites_it() -> None:
    blinding, seen = machine("YEW-1").table.blinding, machine("YEW-1").blinded
    assert blinding is not None
    assert seen is not None
    events = [
        {"id": "a", "kind": "administration", "effective": "2026-01-05", "regimen": "of_another_reading"},
        {"id": "b", "kind": "retraction", "effective": "2026-01-06", "retracts": "a", "reason": "x"},
        {"id": "c", "kind": "retraction", "effective": "2026-01-07", "retracts": "b", "reason": "x"},
        {"id": "d", "kind": "death", "effective": "2026-01-08"},
    ]
    assert [*blinded_events(blinding, seen.table, {wire["id"]: read(wire) for wire in events})] == ["d"]


def test_asked_and_refused_records_of_a_log_have_a_view_too() -> None:
    engine = machine("YEW-1")
    chain, state, found = Chain.begin(engine, "course"), begin(engine), list[Record]()
    for wire in BEGUN[:5]:
        taken = step(engine, state, read(wire))
        state = taken.state
        found.append(chain.step(taken))
        chain = chain.after(found[-1])
    act = action("2026-01-11 administration regimen=placebo cycle=1 day=8")
    found.append(chain.refusal(state, act, propose(engine, state, act)))
    chain = chain.after(found[-1])
    found.append(chain.decision(state, decide(engine, state, FIRST), FIRST))
    *_, refused, asked_for = seen_records(engine, found, "investigator")
    assert TELLING.search(str([refused, asked_for])) is None
    assert (refused["kind"], refused["verdict"]["verdict"]) == ("refusal", "early")
    assert (asked_for["kind"], asked_for["decision"]["as_of"]) == ("decision", "2026-01-01")


# --- what the file says ----------------------------------------------------------------------------------------------


def changed(*changes: tuple[str, str]) -> str:
    text = YEW.read_text(encoding="utf-8")
    for old, new in changes:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
        text = text.replace(old, new)
    return text


def leaks(*changes: tuple[str, str]) -> list[str]:
    return [problem.message for problem in check_protocol(read_protocol(changed(*changes), "YEW-1.yaml"))]


def test_doses_that_are_shown_are_shown_and_must_be_equal() -> None:
    shown, equal = ("dose: hidden", "dose: shown"), ("dose: 1 mL/kg", "dose: 5 mg/kg")
    assert any("is mL/kg here and mg/kg in line" in message for message in leaks(shown))
    engine = compile_protocol(read_protocol(changed(shown, equal), "YEW-1.yaml"))
    course = Course(engine).record_all([read(wire) for wire in BEGUN[:5]])
    line = course.decide_as("patient").actions[0].content["administrations"][0]
    assert (line["drug"], line["dose"], line["unit"]) == ("study_drug", "5", "mg/kg")


def test_arms_that_a_rule_allocates_are_no_secret() -> None:
    fast = "{if: {heart_rate: {at_least: '60'}}, arm: yewane, cite: R1}"
    slow = "{if: {heart_rate: {below: '60'}}, arm: placebo, cite: R1}"
    assert "names yewane and not placebo, so it tells the arms apart" in leaks(
        ("{allocate: arm, cite: G1}", f"{{allocate: arm, menu: [{fast}, {slow}], cite: G1}}")
    )


def test_the_digest_covers_what_is_hidden_and_is_that_of_the_view() -> None:
    one, other = (
        compile_protocol(read_protocol(changed(*changes), "YEW-1.yaml"))
        for changes in ((), (("known_to: pharmacist", "known_to: [pharmacist, monitor]"),))
    )
    assert one.table.digest != other.table.digest
    assert one.blinded is not None
    assert one.blinded.table.digest == one.table.digest
