"""The reader of the journeys, and the comparison of an answer with what a transcript expects."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from journey_checks import report, wrong_with_decision, wrong_with_reply
from journey_transcripts import Transcript, TranscriptError, read_transcript

HEAD = "# Shows R1.\nprotocol NCT07239271 A1=c1_decides\n"


def transcript_of(tmp_path: Path, text: str) -> Transcript:
    path = tmp_path / "NCT07239271" / "journey.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_text(HEAD + text, encoding="utf-8")
    return read_transcript(path)


def test_events_in_their_wire_form(tmp_path: Path) -> None:
    transcript = transcript_of(
        tmp_path,
        "e1 2026-01-03 eligibility met=true\n"
        "e2 2026-01-04 observation fact=ctdna timepoint=baseline value=positive mutated_genes= "
        "issued=2026-01-09\n"
        'e3 2026-01-05T09:30+08:00 administration regimen=sg cycle=1 day=8 given="sg 10 mg/kg IV; tdxd"\n'
        'c1 2026-01-20 correction corrects=e2 reason="wrong tube" := '
        "2026-01-04 observation fact=weight value=62.5 unit=kg\n"
        "next 2026-01-20\n"
        "    do nothing\n",
    )
    assert transcript.readings == {"A1": "c1_decides"}
    assert list(transcript.events) == [
        {"id": "e1", "effective": "2026-01-03", "kind": "eligibility", "met": True},
        {
            "id": "e2",
            "effective": "2026-01-04",
            "kind": "observation",
            "fact": "ctdna",
            "timepoint": "baseline",
            "value": "positive",
            "issued": "2026-01-09",
            "components": {"mutated_genes": []},
        },
        {
            "id": "e3",
            "effective": "2026-01-05T09:30+08:00",
            "kind": "administration",
            "regimen": "sg",
            "cycle": 1,
            "day": 8,
            "given": [{"drug": "sg", "dose": "10", "unit": "mg/kg", "route": "IV"}, {"drug": "tdxd"}],
        },
        {
            "id": "c1",
            "effective": "2026-01-20",
            "kind": "correction",
            "corrects": "e2",
            "reason": "wrong tube",
            "event": {
                "effective": "2026-01-04",
                "kind": "observation",
                "fact": "weight",
                "value": "62.5",
                "unit": "kg",
            },
        },
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("e1 2026-01-02 konsent\n", "journey.txt:3: 'konsent' is no kind of event"),
        ("e1 2026-02-30 consent\n", "journey.txt:3: no such day: '2026-02-30'"),
        ("e1 2026-01-02 eligibility met=yes\n", "journey.txt:3: eligibility: needs true or false"),
        (
            "e1 2026-01-02 allocation arn=a\n",
            "journey.txt:3: allocation: 'arn' is no field of allocation; it has arm",
        ),
        ("e1 2026-01-02 death\ne1 2026-01-03 death\n", "journey.txt:4: e1 stands above with other content"),
        (
            "x1 2026-01-02 retraction retracts=e9 reason=r\n",
            "journey.txt:3: retraction of e9, which does not stand",
        ),
        ("next 2026-01-02\n", "journey.txt:3: nothing is expected here"),
        ("next 2026-01-02\n    dance\n", "journey.txt:4: 'dance' begins no expectation"),
        ("next 2026-01-02\n    do dance\n", "journey.txt:4: 'dance' is no action"),
        (
            "next 2026-01-02\n    do perform surgery; soon\n",
            "journey.txt:4: 'soon' cannot be claimed of `do`",
        ),
        ("next 2026-01-02\n    allowed\n", "journey.txt:4: `allowed` answers no `next`"),
        ("    do nothing\n", "journey.txt:3: an expectation stands under a `next` or a `propose`"),
        ("protocol NCT07239271\n", "journey.txt:3: one transcript follows one protocol"),
    ],
)
def test_what_cannot_be_read_is_named_by_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(TranscriptError) as wrong:
        transcript_of(tmp_path, text)
    assert said in str(wrong.value)


def test_all_that_cannot_be_read_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(TranscriptError) as wrong:
        transcript_of(tmp_path, "e1 2026-01-02 konsent\ne2 soon death\nnext 2026-01-02\n    ended\n")
    assert [line.split(":")[1] for line in str(wrong.value).splitlines()] == ["3", "4", "6"]


DOSE = {
    "drug": "sg",
    "dose": "10",
    "unit": "mg/kg",
    "route": "IV",
    "per_day": "not_stated",
    "days": [1],
    "amount": {"value": "625", "unit": "mg", "weight": "62.5", "date": "2026-01-05"},
}
DECISION: dict[str, Any] = {
    "place": {"arm": "a", "element": "start", "cycle": 2, "day": 1},
    "ended": None,
    "actions": [
        {
            "kind": "administer",
            "regimen": "sg",
            "cycle": 3,
            "day": 1,
            "due": "2026-02-16",
            "strength": "required",
            "basis": ["R2", "R3"],
            "administrations": [DOSE],
        },
        {"kind": "choose", "choice": "c", "options": ["y", "x"], "due": "not_stated", "strength": "option"},
    ],
    "awaiting": [{"fact": "ctdna", "timepoint": "baseline", "needed_by": ["R3", "A10"], "dead": True}],
    "not_allowed": [{"action": {"kind": "administer", "regimen": "tdxd", "cycle": 3}, "because": ["no"]}],
    "assumptions": ["A1", "A10"],
    "not_stated": ["N1"],
    "deviations": [{"event": "e7", "verdict": "early", "cites": ["R3"], "because": ["no"]}],
    "notices": ["Surgery stays open."],
}
BORNE_OUT = """\
next 2026-02-10
    place a/start C2 d1
    do administer sg C3; due 2026-02-16; required; basis R3; drugs sg; dose sg 10 mg/kg IV = 625 mg; days sg 1
    do choose c: x y; due not stated
    await ctdna baseline; by R3; dead
    deviation e7 early; cites R3
    not allowed administer tdxd
    assumption A10
    not stated N1
    notice contains "surgery"
"""


def test_a_decision_that_agrees(tmp_path: Path) -> None:
    [checkpoint] = transcript_of(tmp_path, BORNE_OUT).checkpoints
    assert wrong_with_decision(checkpoint, DECISION) == []


@pytest.mark.parametrize(
    ("line", "instead", "said"),
    [
        ("place a/start C2 d1", "place a/goes_on", "is not so"),
        ("; required", "; permitted", "strength is required, not permitted"),
        ("2026-02-16", "2026-02-17", "due is 2026-02-16, not 2026-02-17"),
        ("basis R3", "basis R4", "basis lacks R4"),
        ("drugs sg", "drugs sg tdxd", "gives sg"),
        ("= 625 mg", "= 600 mg", "sg: amount is"),
        ("days sg 1", "days sg 1-21", "sg: days is [1]"),
        ("c: x y", "c: x", "is not there"),
        ("by R3; dead", "by R3 R4; dead", "needed by R3 A10, not R3 R4"),
        ("by R3; dead", "by R3", "to be dead"),
        ("early", "order", "is not there"),
        ("    deviation e7 early; cites R3\n", "", "nobody expects `deviation e7 early; cites R3`"),
        ("deviation", "ended completed 2026-02-01\n    deviation", "is not there"),
        ("administer tdxd", "administer adc", "is not so"),
        ("assumption A10", "assumption A11", "is not so"),
        ("not stated N1", "not stated N1 N2", "is not so"),
        ('"surgery"', '"chemotherapy"', "is not so"),
    ],
)
def test_a_decision_that_differs(tmp_path: Path, line: str, instead: str, said: str) -> None:
    assert line in BORNE_OUT
    transcript = transcript_of(tmp_path, BORNE_OUT.replace(line, instead, 1))
    [checkpoint] = transcript.checkpoints
    complaints = wrong_with_decision(checkpoint, DECISION)
    assert said in report(transcript, complaints, DECISION)


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ('refused early; because contains "No Tolerance"; cites R3', ""),
        ("refused order", "the verdict is early"),
        ("allowed", "the verdict is early"),
        ("refused early; cites R9", "cites lacks R9"),
        ('refused early; because contains "weight"', "because says"),
    ],
)
def test_a_reply_to_a_proposal(tmp_path: Path, expected: str, said: str) -> None:
    text = f"propose 2026-02-10 administration regimen=sg cycle=2\n    {expected}\n"
    transcript = transcript_of(tmp_path, text)
    [checkpoint] = transcript.checkpoints
    assert checkpoint.action == {
        "effective": "2026-02-10",
        "kind": "administration",
        "regimen": "sg",
        "cycle": 2,
    }
    assert checkpoint.as_of == date(2026, 2, 10)
    reply = {
        "allowed": False,
        "verdict": "early",
        "because": ["before its day; no tolerance is stated"],
        "cites": ["R3"],
    }
    complaints = wrong_with_reply(checkpoint, reply)
    assert said in report(transcript, complaints, reply)
    assert bool(complaints) == bool(said)
