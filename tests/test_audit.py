"""The audit log: whole, true, and every way of tampering with it found.

Hashes and canonical bytes are worked out here with `hashlib` and the `rfc8785` package, never taken from the engine.
"""

import copy
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from functools import cache
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from call_counts import calls_of
from course_readings import course_readings
from hypothesis import assume, given
from hypothesis import strategies as st
from journey_transcripts import Transcript, WireEvent, read_transcript

from protocol_engine import (
    ENGINE_VERSION,
    Course,
    InputError,
    Machine,
    Problem,
    Problems,
    compile_protocol,
    load_protocol,
    parse_action,
    parse_events,
    readings_of,
)
from protocol_engine.adapters.audit_file import AuditFile, audit_lines
from protocol_engine.audit import NOTHING_BEFORE, Chain, Record, read_record, verify

PROTOCOLS = ("IIT2025006", "NCT05861830", "NCT07151586", "NCT07239271", "NCT07377643")
JOURNEYS = Path(__file__).parent / "journeys"
TRANSCRIPTS = [read_transcript(path) for path in sorted(JOURNEYS.glob("*/*.txt"))]


@cache
def compiled(protocol: str, readings: tuple[tuple[str, str], ...] = ()) -> Machine:
    return compile_protocol(load_protocol(protocol, dict(readings)))


def machine_of(transcript: Transcript) -> Machine:
    return compiled(transcript.protocol, tuple(sorted(transcript.readings.items())))


class Log:
    """A course that keeps a log of everything done with it."""

    def __init__(self, machine: Machine, course: str = "course-1") -> None:
        self.course = Course(machine)
        self.chain = Chain.begin(machine, course)
        self.records: list[Record] = []

    def keep(self, record: Record) -> Record:
        self.records.append(record)
        self.chain = self.chain.after(record)
        return record

    def report(self, *wire: WireEvent) -> "Log":
        for event in parse_events(json.dumps(one) for one in wire):
            self.keep(self.chain.step(self.course.record(event)))
        return self

    def ask(self, as_of: date | None = None) -> Record:
        return self.keep(self.chain.decision(self.course.state, self.course.decide(as_of), as_of))

    def propose(self, action: WireEvent) -> Record | None:
        act = parse_action(json.dumps(action))
        answer = self.course.propose(act)
        return None if answer.allowed else self.keep(self.chain.refusal(self.course.state, act, answer))

    @property
    def lines(self) -> list[bytes]:
        return [record.line for record in self.records]


def log_of(transcript: Transcript, machine: Machine) -> Log:
    """The whole journey: its events as they arrive, its questions between them, and one question at the end."""
    log = Log(machine)
    told = 0
    for checkpoint in transcript.checkpoints:
        log.report(*checkpoint.events[told:])
        told = len(checkpoint.events)
        if checkpoint.action is None:
            log.ask(checkpoint.as_of)
        else:
            log.propose(checkpoint.action)
    log.report(*transcript.events[told:])
    log.ask()
    return log


def name_of(transcript: Transcript) -> str:
    return "/".join(transcript.path.with_suffix("").parts[-2:])


def codes(problems: Iterable[Problem]) -> list[str]:
    return [problem.code for problem in problems]


def wire(lines: Iterable[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines]


def resealed(records: Iterable[dict[str, Any]]) -> list[bytes]:
    """What a forger does who knows the format: sequence, previous hash and hash of every record made to fit."""
    lines, previous = [], "0" * 64
    for sequence, record in enumerate(records):
        body = {**record, "sequence": sequence, "previous": previous}
        del body["hash"]
        previous = sha256(rfc8785.dumps(body)).hexdigest()
        lines.append(rfc8785.dumps({**body, "hash": previous}) + b"\n")
    return lines


# --- a log is whole and true ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=name_of)
def test_every_journey_is_derived_again_byte_for_byte(transcript: Transcript) -> None:
    machine = machine_of(transcript)
    log = log_of(transcript, machine)
    steps = [record.event["id"] for record in log.records if record.kind == "step"]
    assert steps == [event["id"] for event in transcript.events]
    assert verify(log.lines, machine, log.chain.head) == ()
    assert verify(log.lines) == ()


def other_readings() -> list[tuple[str, str, str]]:
    return [
        (protocol, assumption, reading)
        for protocol in PROTOCOLS
        for assumption, readings in course_readings(protocol).items()
        for reading in readings[1:]
    ]


@pytest.mark.parametrize(("protocol", "assumption", "reading"), other_readings())
def test_journeys_are_derived_again_under_every_other_reading(protocol: str, assumption: str, reading: str) -> None:
    machine = compiled(protocol, ((assumption, reading),))
    read = 0
    for transcript in TRANSCRIPTS:
        if transcript.protocol != protocol:
            continue
        try:
            log = log_of(transcript, machine)
        except InputError:
            continue  # the journey names an option that exists under its own reading only
        read += 1
        assert verify(log.lines, machine, log.chain.head) == ()
        assert log.records[0].readings[assumption] == reading
        assert "audit-other-protocol" in codes(verify(log.lines, compiled(protocol)))
    assert read >= 4


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=name_of)
def test_records_are_canonical_and_hashed_as_written(transcript: Transcript) -> None:
    previous = NOTHING_BEFORE
    machine, declared = machine_of(transcript), readings_of(transcript.protocol)
    for sequence, record in enumerate(log_of(transcript, machine).records):
        fields = record.as_json()
        assert record.line == rfc8785.dumps(fields) + b"\n"
        body = {key: value for key, value in fields.items() if key != "hash"}
        assert record.hash == sha256(rfc8785.dumps(body)).hexdigest()
        assert (record.sequence, record.previous) == (sequence, previous)
        assert record.protocol == {
            "id": transcript.protocol,
            "version": machine.table.version,
            "digest": machine.table.digest,
        }
        assert record.readings.keys() == declared.keys()
        assert record.readings.items() >= transcript.readings.items()
        assert read_record(record.line) == record
        previous = record.hash


CONSENT: WireEvent = {"id": "e1", "kind": "consent", "effective": "2026-01-02"}
ELIGIBLE: WireEvent = {"id": "e2", "kind": "eligibility", "effective": "2026-01-03", "met": True}
ADAPTIVE: WireEvent = {"id": "e3", "kind": "allocation", "effective": "2026-01-04", "arm": "adaptive"}
C1: WireEvent = {"id": "e4", "kind": "administration", "effective": "2026-01-05", "regimen": "nab_p_hp", "cycle": 1}
C2: WireEvent = {**C1, "id": "e5", "effective": "2026-01-26", "cycle": 2}
TEXT = {
    "id": "e9",
    "kind": "adverse_event",
    "effective": "2026-01-07",
    "term": 'Übelkeit "мигрень" 嘔吐 \u2028 \U0001f600 \\ / \x7f \x01 <&>',
    "unacceptable": False,
}


SG1: WireEvent = {
    "id": "e4",
    "kind": "administration",
    "effective": "2026-01-05",
    "regimen": "sg",
    "cycle": 1,
    "day": 1,
}
SG8: WireEvent = {**SG1, "id": "e5", "effective": "2026-01-12", "day": 8}
SG2: WireEvent = {**SG1, "id": "e6", "effective": "2026-01-26", "cycle": 2}
EARLY: WireEvent = {**SG2, "effective": "2026-01-20"}


def adaptive() -> Log:
    return Log(compiled("NCT07239271")).report(CONSENT, ELIGIBLE, ADAPTIVE)


def alternating() -> Log:
    return Log(compiled("NCT07151586")).report(CONSENT, ELIGIBLE, {**ADAPTIVE, "arm": "alternating"})


def test_free_text_is_canonical() -> None:
    log = adaptive().report(TEXT)
    record = log.records[-1]
    assert record.line == rfc8785.dumps(record.as_json()) + b"\n"
    assert verify(log.lines, log.course.machine, log.chain.head) == ()


def test_a_step_says_what_was_tried_and_what_it_rests_on() -> None:
    record = adaptive().records[2]
    assert (record.sequence, record.course, record.kind, record.engine_version) == (
        2,
        "course-1",
        "step",
        ENGINE_VERSION,
    )
    assert record.event == ADAPTIVE
    assert record.place_before == adaptive().records[1].place_after != record.place_after
    assert record.verdict is not None
    assert record.verdict["verdict"] == "allowed"
    assert [row["outcome"] for row in record.rows] == ["true", "true"]
    acts = acts_of(compiled("NCT07239271"), rows_of(record))
    assert acts == ["allocation:adaptive", "administration:nab_p_hp:d1"]
    assert record.decision is not None
    assert record.decision["place"]["arm"] == "adaptive"
    assert {claim for action in record.decision["actions"] for claim in action["basis"]} <= set(record.citations)


def test_the_row_that_ends_a_course_is_cited_with_the_event_that_decided_it() -> None:
    log = adaptive().report(C1, {"id": "e6", "kind": "death", "effective": "2026-01-20"})
    record = log.records[-1]
    assert record.decision is not None
    assert record.decision["ended"] == {"reason": "death", "date": "2026-01-20"}
    assert [row["facts"] for row in record.rows if row["outcome"] == "true"] == [["e6"]]
    assert "G2" in record.citations


def rows_of(record: Record, *outcomes: str) -> dict[str, list[str]]:
    """The rows of a record with one of these outcomes (default: all), and the facts that decided each."""
    return {row["row"]: row["facts"] for row in record.rows if row["outcome"] in (outcomes or row["outcome"])}


def acts_of(machine: Machine, rows: Iterable[str]) -> list[str]:
    acts = {row.id: row.act for row in machine.table.rows}
    return [act.key if (act := acts[row]) is not None else "fall" for row in rows]


def test_a_decision_says_the_rows_that_it_rests_on() -> None:
    """Cleared and no PAM mutation: the scan after cycle 2 decides between nab-P + HP, by its other row, and TCbHP."""
    cleared = {"kind": "observation", "effective": "2026-01-20", "fact": "ctdna", "value": "negative"}
    baseline = {**cleared, "effective": "2026-01-04", "components": {"mutated_genes": []}}
    log = adaptive().report({**baseline, "id": "b"}, C1, {**cleared, "id": "c"}, C2)
    record, machine = log.ask(), log.course.machine
    two_given, goes_on, tcbhp, pyroht, everoht = rows_of(record)
    doses = [f"administration:{name}:d1" for name in ("nab_p_hp", "nab_p_hp", "tcbhp", "pyroht", "everoht")]
    assert acts_of(machine, rows_of(record)) == doses
    assert rows_of(record, "true") == {}
    assert rows_of(record, "unknown") == {goes_on: ["c", "b"], tcbhp: ["c", "b"]}
    assert rows_of(record, "false") == {two_given: [], pyroht: ["c", "b"], everoht: ["c", "b"]}
    response = {**RESPONSE, "id": "r", "effective": "2026-02-14", "value": "PR"}
    told = log.report(response).records[-1]
    assert rows_of(told, "true") == {goes_on: ["c", "b", "r"]}
    assert rows_of(told, "unknown") == {}
    assert log.ask().rows == told.rows, "nothing was tried for the report itself"
    assert verify(log.lines, machine, log.chain.head) == ()


def test_a_row_that_the_event_changed_stands_as_tried_for_it_and_as_it_is_after_it() -> None:
    """The second cycle is the last of two: its row holds for it, and does not for a third one."""
    first, second = adaptive().report(C1, C2).records[-2:]
    row = second.rows[0]["row"]
    assert [found["outcome"] for found in second.rows if found["row"] == row] == ["true", "false"]
    assert [found["outcome"] for found in first.rows if found["row"] == row] == ["true"]


def test_a_refusal_says_the_rows_tried_for_the_act_and_those_that_lead_on() -> None:
    log = adaptive().report(C1)
    refusal = log.propose({"kind": "procedure", "effective": "2026-01-06", "procedure": "surgery"})
    assert refusal is not None
    assert refusal.verdict is not None
    assert refusal.verdict["verdict"] == "order"
    assert refusal.rows == log.ask().rows != []
    other = log.propose({"kind": "administration", "effective": "2026-01-26", "regimen": "everoht", "cycle": 3})
    assert other is not None
    assert acts_of(log.course.machine, [other.rows[0]["row"]]) == ["administration:everoht:d1"]
    assert sorted(map(str, other.rows)) == sorted(map(str, refusal.rows))
    assert verify(log.lines, log.course.machine, log.chain.head) == ()


def test_an_ended_course_rests_on_the_row_that_ended_it_and_nothing_is_tried_without_eligibility() -> None:
    log = adaptive().report({"id": "n", "kind": "eligibility", "effective": "2026-01-05", "met": False})
    assert log.ask().rows == []
    ending = log.report({"id": "d", "kind": "death", "effective": "2026-01-06"}).records[-1]
    refused = log.propose({"kind": "administration", "effective": "2026-01-07", "regimen": "nab_p_hp", "cycle": 1})
    assert refused is not None
    assert [(row["outcome"], row["facts"]) for row in ending.rows] == [("true", ["d"])]
    assert log.ask().rows == refused.rows == ending.rows
    assert "G2" in log.records[-1].citations


ACT_OF = {"obtain_consent": "consent", "confirm_eligibility": "eligibility", "allocate": "allocation"} | {
    "administer": "administration",
    "choose": "choice",
    "perform": "procedure",
}


def acts_named(action: dict[str, Any]) -> Iterator[str]:
    """The keys of the acts that an action, or an act that is not allowed, speaks of; none for what is no act."""
    kind = ACT_OF.get(action["kind"])
    match kind:
        case "consent":
            yield "consent:written"
        case "eligibility":
            yield "eligibility:met"
        case "allocation":
            yield from (f"allocation:{arm}" for arm in action.get("arms", [action.get("arm")]))
        case "administration" if "regimen" in action:
            yield f"administration:{action['regimen']}:d{action['day']}"
        case "choice":
            options = action.get("options", [action.get("option")])
            yield from (f"choice:{action['choice']}={option}" for option in options)
        case "procedure":
            yield f"procedure:{action['procedure']}"


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=name_of)
def test_every_answer_of_every_journey_is_borne_out_by_its_rows(transcript: Transcript) -> None:
    """What is offered has a row that holds, what is not allowed has one that does not, and a wait one that is open."""
    machine = machine_of(transcript)
    basis = {row.id: set(row.basis) for row in machine.table.rows}
    told: set[str] = set()
    for record in log_of(transcript, machine).records:
        told |= {record.event["id"]} if record.kind == "step" else set()
        assert all(set(row["facts"]) <= told for row in record.rows)
        assert all(basis[row] <= set(record.citations) for row in rows_of(record))
        shown = [tuple(map(str, row.values())) for row in record.rows]
        assert len(shown) == len(set(shown))
        if record.decision is None:
            continue
        holding = set(acts_of(machine, rows_of(record, "true")))
        for action in record.decision["actions"]:
            assert set(acts_named(action)) <= holding
        tried = set(acts_of(machine, rows_of(record)))
        for refused in record.decision["not_allowed"]:
            assert set(acts_named(refused["action"])) <= tried
        open_rows = {claim for row in rows_of(record, "unknown") for claim in basis[row]}
        for wait in record.decision["awaiting"]:
            if not wait["fact"].startswith("choice."):  # two words on one choice are in doubt, and no row asks for them
                assert {claim for claim in wait["needed_by"] if claim.startswith("R")} <= open_rows


def test_a_waiting_row_is_recorded_as_unknown() -> None:
    log = adaptive().report(C1, C2)
    refusal = log.propose({"kind": "administration", "effective": "2026-02-16", "regimen": "everoht", "cycle": 3})
    assert refusal is not None
    assert refusal.verdict is not None
    assert refusal.verdict["verdict"] == "unknown"
    assert refusal.rows[0]["outcome"] == "unknown"
    assert acts_of(log.course.machine, [refusal.rows[0]["row"]]) == ["administration:everoht:d1"]


def test_a_deviation_keeps_its_verdict() -> None:
    record = alternating().report(SG1, SG8, EARLY).records[-1]
    assert record.verdict is not None
    assert (record.verdict["event"], record.verdict["verdict"]) == ("e6", "early")


def test_a_refusal_keeps_the_act_the_reasons_and_the_place() -> None:
    log = alternating().report(SG1, SG8)
    act = {key: value for key, value in EARLY.items() if key != "id"}
    record = log.propose(act)
    assert record is not None
    assert record.event == act
    assert record.kind == "refusal"
    assert record.decision is None
    assert record.verdict is not None
    assert (record.verdict["allowed"], record.verdict["verdict"]) == (False, "early")
    assert record.place_before == record.place_after == log.records[-2].place_after
    assert verify(log.lines, log.course.machine, log.chain.head) == ()


def test_a_refusal_for_a_past_day_stands_where_the_course_stood_then() -> None:
    log = adaptive().report(C1)
    record = log.propose({"kind": "administration", "effective": "2026-01-03", "regimen": "tcbhp"})
    assert record is not None
    assert record.place_after == log.records[1].place_after
    assert verify(log.lines, log.course.machine, log.chain.head) == ()


def test_an_allowed_act_is_no_refusal() -> None:
    log = adaptive()
    act = parse_action(json.dumps({"kind": "administration", "effective": "2026-01-05", "regimen": "nab_p_hp"}))
    with pytest.raises(InputError, match="no refusal"):
        log.chain.refusal(log.course.state, act, log.course.propose(act))


def test_a_refused_choice_is_kept_as_the_protocol_reads_it() -> None:
    log = Log(compiled("NCT05861830")).report(CONSENT, ELIGIBLE)
    record = log.propose({"kind": "choice", "effective": "2026-01-04", "choice": "chemotherapy", "name": "eribulin"})
    assert record is not None
    assert record.event["option"] == "own_choice"
    assert verify(log.lines, log.course.machine, log.chain.head) == ()


@pytest.mark.parametrize("as_of", [None, "2026-01-03", "2026-03-01"])
def test_a_decision_is_kept_with_the_day_asked_about(as_of: str | None) -> None:
    log = adaptive().report(C1)
    record = log.ask(date.fromisoformat(as_of) if as_of is not None else None)
    assert record.event == {"as_of": as_of}
    assert record.decision is not None
    assert record.decision["as_of"] == (as_of or "2026-01-05")
    assert record.verdict is None
    assert record.place_before == record.place_after
    assert verify(log.lines, log.course.machine, log.chain.head) == ()


def test_a_decision_on_a_course_that_has_not_begun() -> None:
    log = Log(compiled("NCT07151586"))
    log.ask()
    assert verify(log.lines, log.course.machine, log.chain.head) == ()


def test_an_event_reported_again_makes_a_record_that_moves_nothing() -> None:
    log = adaptive().report(C1, C1)
    first, again = log.records[-2:]
    assert (first.repeated, again.repeated) == (False, True)
    assert again.event == first.event
    assert again.place_before == again.place_after == first.place_after
    assert again.decision == first.decision
    assert again.verdict is None
    assert again.rows == log.ask().rows
    assert verify(log.lines, log.course.machine, log.chain.head) == ()


RESPONSE: WireEvent = {"kind": "observation", "fact": "response", "value": "PD"}


def test_a_late_event_says_which_earlier_verdicts_it_changed() -> None:
    death = {"id": "e6", "kind": "death", "effective": "2026-01-20"}
    log = adaptive().report(C1, C2, death)
    assert log.records[-1].changed
    assert any(text.startswith("e5: ") for text in log.records[-1].changed)
    assert verify(log.lines, log.course.machine, log.chain.head) == ()


def test_corrected_and_retracted_events_are_derived_again() -> None:
    correction = {
        "id": "k",
        "kind": "correction",
        "effective": "2026-01-27",
        "corrects": "e6",
        "event": {key: value for key, value in SG2.items() if key != "id"},
        "reason": "the day was mistyped",
    }
    retraction = {"id": "r", "kind": "retraction", "effective": "2026-01-28", "retracts": "k", "reason": "it was not"}
    late = {**RESPONSE, "id": "o", "effective": "2026-01-24", "issued": "2026-01-25"}
    log = alternating().report(SG1, SG8, EARLY, correction, retraction, late, correction)
    changed = {record.event["id"]: record.changed for record in log.records[:-1]}
    assert any("early before, allowed now" in text for text in changed["k"])
    assert any("allowed before, early now" in text for text in changed["r"])
    assert log.records[6].event == correction
    assert log.records[-1].repeated
    assert verify(log.lines, log.course.machine, log.chain.head) == ()


def everolimus_expected() -> Log:
    """A PAM mutation was found, two cycles of nab-P + HP are given, and then TCbHP against the rule."""
    found = {"kind": "observation", "fact": "ctdna", "timepoint": "baseline", "value": "positive"}
    genes = {"components": {"mutated_genes": ["PIK3CA"]}}
    baseline = {**found, **genes, "id": "e3b", "effective": "2026-01-04", "issued": "2026-01-09"}
    wrong = {**C1, "id": "e6c", "effective": "2026-02-16", "regimen": "tcbhp", "cycle": 3}
    return adaptive().report(baseline, C1, C2, wrong)


def test_the_places_of_a_late_corrected_or_retracted_step_are_those_of_the_course() -> None:
    response = {**RESPONSE, "id": "e7", "effective": "2026-02-14", "timepoint": "after_cycle_2", "value": "PR"}
    cleared = {"id": "e8", "kind": "observation", "effective": "2026-01-24", "fact": "ctdna", "value": "negative"}
    late_dose = {**C1, "id": "e8b", "effective": "2026-01-10"}
    moved = {**C1, "effective": "2026-02-17", "regimen": "tcbhp", "cycle": 3}
    del moved["id"]
    correction = {
        "id": "e8c",
        "kind": "correction",
        "effective": "2026-02-20",
        "corrects": "e6c",
        "event": moved,
        "reason": "a day later",
    }
    retraction = {"id": "e9", "kind": "retraction", "effective": "2026-03-01", "retracts": "e6c", "reason": "no"}
    log = everolimus_expected().report(response, cleared, late_dose, correction, retraction, retraction)
    places = [(record.place_before, record.place_after) for record in log.records[6:]]
    start, tcbhp = "adaptive/start", "adaptive/tcbhp"
    assert places == [(start, tcbhp), *[(tcbhp, tcbhp)] * 4, (tcbhp, start), (start, start)]
    assert f"the place was {tcbhp} and is {start}" in log.records[-2].changed
    for before, after in pairwise(log.records):
        assert after.place_before == before.place_after
    assert verify(log.lines, log.course.machine, log.chain.head) == ()


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=name_of)
def test_every_step_begins_at_the_place_where_the_one_before_it_ended(transcript: Transcript) -> None:
    log = log_of(transcript, machine_of(transcript))
    steps = [record for record in log.records if record.kind == "step"]
    assert all(before.place_after == after.place_before for before, after in pairwise(steps))


def test_a_log_can_be_continued_from_its_last_record() -> None:
    log = adaptive()
    last = read_record(log.lines[-1])
    chain = Chain.begin(log.course.machine, last.course, last.sequence + 1, last.hash)
    assert chain == log.chain
    record = chain.step(log.course.record(parse_events([json.dumps(C1)])[0]))
    assert verify([*log.lines, record.line], log.course.machine, record.hash) == ()


# --- any tampering is found -------------------------------------------------------------------------------------------

SHOWN = (
    "NCT07239271/baseline-missing-holds-cycle-3-until-its-late-result",
    "NCT07151586/corrected-and-retracted-events",
    "NCT05861830/late-duplicate-and-out-of-order-reports",
    "IIT2025006/toxicity-on-first-adc-investigator-opens-second",
)


@cache
def shown() -> tuple[tuple[tuple[bytes, ...], Machine, str], ...]:
    found = []
    for transcript in TRANSCRIPTS:
        if name_of(transcript) in SHOWN:
            log = log_of(transcript, machine_of(transcript))
            assert {record.kind for record in log.records} >= {"step", "decision"}
            found.append((tuple(log.lines), machine_of(transcript), log.chain.head))
    assert len(found) == len(SHOWN)
    return tuple(found)


LOGS = st.deferred(lambda: st.sampled_from(shown()))


def split(blob: bytes) -> list[bytes]:
    """The lines as a file gives them."""
    return list(io.BytesIO(blob))


def test_the_logs_that_are_tampered_with_are_whole_and_true() -> None:
    for lines, machine, head in shown():
        assert verify(lines, machine, head) == ()
    kinds = {record["kind"] for lines, _, _ in shown() for record in wire(lines)}
    assert kinds == {"step", "refusal", "decision"}


@given(log=LOGS, place=st.integers(min_value=0), byte=st.integers(0, 255))
def test_a_changed_byte_is_found(log: Any, place: int, byte: int) -> None:
    blob = bytearray(b"".join(log[0]))
    place %= len(blob)
    assume(blob[place] != byte)
    blob[place] = byte
    assert verify(split(bytes(blob))) != ()


@given(log=LOGS, place=st.integers(min_value=0), added=st.binary(min_size=1, max_size=3))
def test_an_added_byte_is_found(log: Any, place: int, added: bytes) -> None:
    blob = b"".join(log[0])
    place %= len(blob) + 1
    assert verify(split(blob[:place] + added + blob[place:])) != ()


@given(log=LOGS, place=st.integers(min_value=0), width=st.integers(1, 5000))
def test_removed_bytes_are_found(log: Any, place: int, width: int) -> None:
    blob = b"".join(log[0])
    place %= len(blob)
    assert verify(split(blob[:place] + blob[place + width :]), head=log[2]) != ()


@given(log=LOGS, place=st.integers(min_value=0))
def test_a_removed_record_is_found(log: Any, place: int) -> None:
    lines = list(log[0])
    place %= len(lines) - 1  # the last needs the head
    del lines[place]
    found = verify(lines)
    assert codes(found) == ["audit-broken-chain"]
    assert f"{place} is missing" in found[0].message


@given(log=LOGS, first=st.integers(min_value=0), second=st.integers(min_value=0))
def test_swapped_records_are_found(log: Any, first: int, second: int) -> None:
    lines = list(log[0])
    first, second = first % len(lines), second % len(lines)
    assume(first != second)
    lines[first], lines[second] = lines[second], lines[first]
    assert set(codes(verify(lines))) == {"audit-broken-chain"}


@given(log=LOGS, source=st.integers(min_value=0), place=st.integers(min_value=0))
def test_an_inserted_copy_is_found(log: Any, source: int, place: int) -> None:
    lines = list(log[0])
    lines.insert(place % (len(lines) + 1), lines[source % len(lines)])
    assert "audit-broken-chain" in codes(verify(lines))


@given(log=LOGS, kept=st.integers(min_value=0))
def test_a_cut_tail_is_found_with_the_head(log: Any, kept: int) -> None:
    lines, machine, head = log
    kept %= len(lines)
    assert codes(verify(lines[:kept], machine, head)) == (["audit-cut-off"] if kept else ["audit-empty"])
    if kept:
        assert verify(lines[:kept], machine) == (), "no log can tell by itself how long it was"


@given(log=LOGS, kept=st.integers(min_value=0))
def test_a_log_cut_within_a_line_is_found_without_the_head(log: Any, kept: int) -> None:
    blob = b"".join(log[0])
    kept = 1 + kept % (len(blob) - 1)
    assume(blob[kept - 1 : kept] != b"\n")
    assert codes(verify(split(blob[:kept]))) == ["audit-cut-off"]


@given(log=LOGS, known=st.integers(min_value=0))
def test_records_behind_the_head_are_found(log: Any, known: int) -> None:
    lines, machine, _ = log
    known %= len(lines) - 1
    found = verify(lines, machine, read_record(lines[known]).hash)
    assert codes(found) == ["audit-written-on"]
    assert found[0].path == f"[{known}]"


# --- a forger who mends the chain -------------------------------------------------------------------------------------

DERIVED = (
    "changed",
    "citations",
    "decision",
    "kind",
    "place_after",
    "place_before",
    "readings",
    "repeated",
    "rows",
    "verdict",
)
"""What follows from the events; a forger who invents events instead is found by the head."""


def leaves(value: Any, above: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    yield above
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inside:
        yield from leaves(item, (*above, key))


def altered(value: Any) -> Any:
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case str():
            return value + "x"
        case None:
            return {}
        case list():
            return [*value, "R1"]
        case _:
            return {**value, "by_hand": True}


@given(log=LOGS, where=st.integers(min_value=0), choose=st.randoms(use_true_random=False))
def test_a_forged_answer_is_found_although_every_hash_fits(log: Any, where: int, choose: Any) -> None:
    lines, machine, head = log
    records = wire(lines)
    where %= len(records)
    paths = [path for key in DERIVED for path in leaves(records[where][key], (key,))]
    *above, last = choose.choice(paths)
    holder = records[where]
    for key in above:
        holder = holder[key]
    holder[last] = altered(holder[last])
    forged = resealed(records)
    found = verify(forged, machine)
    assert found != ()
    assert any(problem.path.startswith(f"[{where}].") or problem.code == "audit-malformed" for problem in found)
    assert verify(forged, None, head) != (), "and the head finds it too"


def forged(change: Callable[[dict[str, Any]], None], where: int = 4) -> list[bytes]:
    log = adaptive().report(C1, C2)
    log.propose({"kind": "administration", "effective": "2026-01-28", "regimen": "tcbhp"})
    log.ask()
    records = wire(log.lines)
    change(records[where])
    return resealed(records)


def verified(lines: list[bytes]) -> list[tuple[str, str]]:
    return [(problem.code, problem.path) for problem in verify(lines, compiled("NCT07239271"))]


def test_a_log_that_is_sealed_anew_without_a_change_is_true() -> None:
    assert verified(resealed(wire(adaptive().report(C1, C2).lines))) == []


def test_the_sequence_and_the_field_of_a_forged_answer_are_named() -> None:
    def allow_everything(record: dict[str, Any]) -> None:
        record["decision"]["awaiting"] = []

    assert verify(forged(allow_everything)) == (), "the chain alone cannot tell"
    assert verified(forged(allow_everything)) == [("audit-differs", "[4].decision")]


@pytest.mark.parametrize("key", DERIVED[4:])
def test_each_forged_field_is_named(key: str) -> None:
    def change(record: dict[str, Any]) -> None:
        record[key] = altered(record[key]) if key != "readings" else {**record[key], "A1": "c1_decides"}

    assert ("audit-differs", f"[4].{key}") in verified(forged(change))


def test_a_forged_refusal_and_a_forged_question_are_named() -> None:
    assert verified(forged(lambda record: record["verdict"].update(allowed=True), 5)) == [
        ("audit-differs", "[5].verdict")
    ]
    other_day = verified(forged(lambda record: record["event"].update(as_of="2026-01-06"), 6))
    assert ("audit-differs", "[6].decision") in other_day


def test_numbers_of_another_type_are_not_the_same() -> None:
    def change(record: dict[str, Any]) -> None:
        record["event"]["cycle"] = True

    assert verified(forged(change))[0] == ("audit-unreadable-event", "[4].event.cycle")

    def float_day(record: dict[str, Any]) -> None:
        record["decision"]["place"]["day"] = True

    assert verified(forged(float_day)) == [("audit-differs", "[4].decision")]


def test_an_event_written_another_way_is_not_the_event() -> None:
    assert verified(forged(lambda record: record["event"].update(issued="2026-01-26"))) == [
        ("audit-differs", "[4].event")
    ]


def test_an_altered_event_is_found_by_what_follows_from_it() -> None:
    assert ("audit-differs", "[4].decision") in verified(forged(lambda record: record["event"].update(cycle=3)))


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"regimen": "aspirin"}, "[4].event"),
        ({"kind": "party"}, "[4].event.kind"),
        ({"surprise": 1}, "[4].event.surprise"),
        ({"effective": "2026-02-30"}, "[4].event.effective"),
        ({"effective": None}, "[4].event.effective"),
        ({"id": "e4"}, "[4].event"),
        ({"cycle": "2"}, "[4].event.cycle"),
    ],
)
def test_an_event_that_could_not_have_been_taken_is_named(change: dict[str, Any], path: str) -> None:
    found = verified(forged(lambda record: record["event"].update(change)))
    assert found == [("audit-unreadable-event", path)]


def test_a_question_about_no_day_is_named() -> None:
    assert verified(forged(lambda record: record["event"].update(as_of="soon"), 6)) == [
        ("audit-unreadable-event", "[6].event")
    ]


def test_corrections_in_a_circle_are_named() -> None:
    log = adaptive().report(C1)
    records = wire(log.lines)
    for name, other in (("k1", "k2"), ("k2", "k1")):
        event = {"id": name, "kind": "retraction", "effective": "2026-01-09", "retracts": other, "reason": "no"}
        records.append({**records[-1], "event": event})
    found = verified(resealed(records))
    assert ("audit-unreadable-event", "[5].event") in found


def test_another_engine_is_named_once_and_its_answers_left_aside() -> None:
    log = adaptive().report(C1, C2)
    records = [{**record, "engine_version": "0.0.1"} for record in wire(log.lines[:3])] + wire(log.lines[3:])
    found = verify(resealed(records), log.course.machine)
    assert [(problem.code, problem.path) for problem in found] == [("audit-other-engine", "[0].engine_version")]
    assert ENGINE_VERSION in found[0].message


# --- the wrong machine, the wrong file --------------------------------------------------------------------------------


def test_an_empty_log_is_said_to_be_empty() -> None:
    assert codes(verify([])) == ["audit-empty"]
    assert codes(verify([], compiled("NCT07239271"), "a" * 64)) == ["audit-empty"]


def test_the_readings_of_the_log_are_named_if_the_machine_has_others() -> None:
    log = adaptive()
    (found,) = verify(log.lines, compiled("NCT07239271", (("A1", "c1_decides"),)))
    assert (found.code, found.path) == ("audit-other-protocol", "[0].protocol")
    assert "'A1': 'baseline_counts'" in found.message


def test_another_protocol_or_version_or_file_is_named() -> None:
    log = adaptive()
    (found,) = verify(log.lines, compiled("NCT07151586"))
    assert "NCT07239271" in found.message
    assert "NCT07151586" in found.message
    records = wire(log.lines)
    for record in records:
        record["protocol"]["version"] = "1999-01-01"
    (found,) = verify(resealed(records), log.course.machine)
    assert "1999-01-01" in found.message
    for record in records:
        record["protocol"] = {**log.records[0].protocol, "digest": "0" * 64}
    (found,) = verify(resealed(records), log.course.machine)
    assert "was changed" in found.message


def test_two_courses_in_one_file_are_found() -> None:
    one, other = adaptive(), Log(compiled("NCT07151586"), "course-2").report(CONSENT)
    found = verify([*one.lines, *other.lines])
    assert codes(found).count("audit-mixed") == 3
    assert "audit-broken-chain" in codes(found)
    mended = resealed(wire([*one.lines, *other.lines, *other.lines]))
    assert [problem.path for problem in verify(mended)] == ["[3].course", "[3].protocol", "[3].readings"]
    assert set(codes(verify(mended, one.course.machine))) == {"audit-mixed", "audit-other-protocol"}


# --- whatever the bytes -----------------------------------------------------------------------------------------------


def one_line(**changes: Any) -> bytes:
    return rfc8785.dumps({**adaptive().records[0].as_json(), **changes}) + b"\n"


MALFORMED = [
    b"\n",
    b" \n",
    b"{}\n",
    b"[]\n",
    b"null\n",
    b"1\n",
    b"NaN\n",
    b"{\n",
    b"\xff\xfe\n",
    b'\xef\xbb\xbf{"a":1}\n',
    b'{"a":1,"a":2}\n',
    b'{"a":1e999}\n',
    b'{"a":"\\ud800"}\n',
    b'{"a":' + b"9" * 5000 + b"}\n",
    b"[" * 100_000 + b"]" * 100_000 + b"\n",
    b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"\n",
    one_line(surprise=1),
    one_line(**{"\x1b[31m": 1}),
    one_line(sequence="0"),
    one_line(sequence=True),
    one_line(event=None),
    one_line(repeated=0),
    one_line(kind="party"),
    one_line(readings={"A1": 1}),
    one_line(protocol={"id": None}),
    one_line(decision=[]),
    rfc8785.dumps({k: v for k, v in adaptive().records[0].as_json().items() if k != "rows"}) + b"\n",
]


@pytest.mark.parametrize("line", MALFORMED, ids=lambda line: repr(line[:24]))
def test_a_malformed_line_is_one_problem(line: bytes) -> None:
    (found,) = verify([line], compiled("NCT07239271"))
    assert (found.code, found.mark.line) == ("audit-malformed", 1)
    assert str(found).isprintable()
    with pytest.raises(Problems):
        read_record(line)


def test_lines_behind_a_malformed_one_are_still_read() -> None:
    lines = adaptive().lines
    assert codes(verify([lines[0], b"{\n", *lines[1:]])) == ["audit-malformed"]
    found = verify([lines[0], b"{\n", lines[2]], compiled("NCT07239271"))
    assert codes(found) == ["audit-malformed", "audit-broken-chain"]


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line.replace(b",", b", ", 1),
        lambda line: line.replace(b"\n", b"\r\n"),
        lambda line: b" " + line,
        lambda line: line.replace(b'"sequence":0', b'"sequence":-0'),
        lambda line: line.replace(b"course-1", b"course\\u002d1"),
        lambda line: json.dumps(dict(reversed(json.loads(line).items())), separators=(",", ":")).encode() + b"\n",
    ],
)
def test_a_line_in_another_form_is_found(change: Callable[[bytes], bytes]) -> None:
    lines = adaptive().lines
    assert codes(verify([change(lines[0]), *lines[1:]])) == ["audit-not-canonical"]


def test_a_changed_record_is_told_from_one_in_another_form() -> None:
    lines = adaptive().lines
    found = verify([lines[0].replace(b"2026-01-02", b"2026-01-01", 1), *lines[1:]])
    assert [(problem.code, problem.path) for problem in found] == [("audit-changed", "[0].hash")]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(lines=st.lists(st.binary(max_size=80).map(lambda line: line + b"\n"), min_size=1, max_size=4))
def test_any_bytes_give_problems_and_nothing_else(lines: list[bytes]) -> None:
    assert verify(lines, compiled("NCT07239271"), "head") != ()


@given(values=st.lists(JSON, min_size=1, max_size=4))
def test_any_json_gives_problems_and_nothing_else(values: list[Any]) -> None:
    assert verify([json.dumps(value).encode() + b"\n" for value in values], compiled("NCT07239271")) != ()


KEYS = st.sampled_from(sorted(adaptive().records[0].as_json()))


@given(key=KEYS, value=JSON, where=st.integers(0, 4))
def test_a_record_with_anything_in_a_field_gives_problems_and_nothing_else(key: str, value: Any, where: int) -> None:
    records = wire(adaptive().report(C1, C2).lines)
    assume(json.dumps(records[where][key]) != json.dumps(value))
    records[where][key] = value
    lines = [json.dumps(r, sort_keys=True, separators=(",", ":"), ensure_ascii=False) for r in records]
    assert verify([line.encode("utf-8", "surrogatepass") + b"\n" for line in lines], compiled("NCT07239271")) != ()


SIMPLE = st.none() | st.booleans() | st.integers(-5, 10**6) | st.text(max_size=8)


@given(
    log=LOGS,
    where=st.integers(min_value=0),
    changes=st.dictionaries(
        st.sampled_from(
            ["id", "kind", "effective", "issued", "value", "fact", "cycle", "components", "event", "given"]
        ),
        SIMPLE | st.lists(SIMPLE, max_size=2) | st.dictionaries(st.text(max_size=5), SIMPLE, max_size=2),
        min_size=1,
    ),
)
def test_a_forged_event_never_breaks_the_reading(log: Any, where: int, changes: dict[str, Any]) -> None:
    lines, machine, head = log
    records = wire(lines)
    event = records[where % len(records)]["event"]
    assume({**event, **changes} != event)
    event.update(changes)
    assert verify(resealed(records), machine, head) != ()


# --- the cost of a long log -------------------------------------------------------------------------------------------


def long_log(weights: int) -> Log:
    log = alternating().report(SG1)
    for number in range(weights):
        day = date.fromordinal(date(2026, 1, 6).toordinal() + number).isoformat()
        weight = {"kind": "observation", "effective": day, "fact": "weight", "value": "62.5", "unit": "kg"}
        log.report({**weight, "id": f"w{number}"})
    return log


def test_reading_a_log_costs_as_much_as_it_is_long() -> None:
    short, long = long_log(50), long_log(200)
    for machine in (None, short.course.machine):
        costs = [calls_of(lambda log=log, machine=machine: verify(log.lines, machine)) for log in (short, long)]
        assert costs[1] < costs[0] * 204 / 54 * 1.1


def test_a_record_costs_the_same_however_long_the_log_is() -> None:
    costs = []
    for log in (long_log(20), long_log(200)):
        event = parse_events([json.dumps({**SG2, "effective": "2027-01-01"})])[0]
        taken = log.course.record(event)
        costs.append(calls_of(lambda log=log, taken=taken: log.chain.after(log.chain.step(taken))))
    assert costs[0] == costs[1]


# --- on disk ----------------------------------------------------------------------------------------------------------


def test_a_log_on_disk_is_what_was_appended(tmp_path: Path) -> None:
    log, path = adaptive(), tmp_path / "course.audit.jsonl"
    with AuditFile.create(path) as file:
        for record in log.records:
            file.append(record)
    assert path.read_bytes() == b"".join(log.lines)
    assert list(audit_lines(path)) == log.lines
    assert verify(audit_lines(path), log.course.machine, log.chain.head) == ()


def test_an_existing_file_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "course.audit.jsonl"
    path.write_bytes(b"kept")
    with pytest.raises(InputError, match="exists already"):
        AuditFile.create(path)
    assert path.read_bytes() == b"kept"


@pytest.mark.parametrize(("each", "syncs"), [(False, 1), (True, 4)])
def test_records_are_brought_to_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, each: bool, syncs: int
) -> None:
    synced = []
    monkeypatch.setattr(os, "fsync", synced.append)
    file = AuditFile.create(tmp_path / "log", sync_each=each)
    with file:
        for record in adaptive().records:
            file.append(record)
            assert len((tmp_path / "log").read_bytes()) > 0 or not each
    file.close()
    assert len(synced) == syncs


def test_paths_that_cannot_be_used_are_one_line(tmp_path: Path) -> None:
    for path in (tmp_path / "no" / "folder", "a\0b"):
        with pytest.raises(InputError, match="cannot be written"):
            AuditFile.create(path)
        with pytest.raises(InputError, match="cannot be read"):
            list(audit_lines(path))
    with pytest.raises(InputError, match="cannot be read"):
        list(audit_lines(tmp_path))


class FullDisk(io.BytesIO):
    def write(self, _data: Any) -> int:
        raise OSError(28, "No space left on device")

    def flush(self) -> None:
        if not self.closed:
            raise OSError(28, "No space left on device")


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    file = AuditFile(tmp_path / "log", FullDisk())
    with pytest.raises(InputError, match=r"cannot be written \(No space left on device\)"):
        file.append(adaptive().records[0])
    with pytest.raises(InputError, match="cannot be written"):
        file.close()


def test_records_do_not_share_what_a_reader_may_change() -> None:
    log = adaptive()
    before = copy.deepcopy(log.lines)
    log.records[0].as_json()["decision"] = None
    assert log.lines == before
