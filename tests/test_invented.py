"""What every command makes of the invented protocols and their journeys: pages, pictures, logs that verify."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest
from course_lines import files_of
from journey_transcripts import Transcript, read_transcript
from test_cli import answer, prose, run
from test_prose import as_yaml, bare

from protocol_engine import load_protocol
from protocol_engine.adapters.decision_prose import VERDICTS
from protocol_engine.model.decision import VerdictKind
from protocol_engine.reader import read_protocol

TESTS = Path(__file__).parent
PROTOCOLS = sorted([*(TESTS / "protocols").glob("*.yaml"), *(TESTS / "amendments").glob("*.yaml")])
TRANSCRIPTS = [read_transcript(path) for path in sorted((TESTS / "invented").glob("*/*.txt"))]


@pytest.mark.parametrize("path", PROTOCOLS, ids=lambda path: path.stem)
def test_an_invented_protocol_has_no_problem_a_page_and_a_picture(path: Path) -> None:
    assert "no problem found" in run("check", path).output
    page, protocol = prose("show", path), answer("show", path, "--format", "json")
    names = (*protocol.get("values", ()), *protocol["facts"])
    assert [name for name in names if f"({name})" not in page and name.replace("_", " ") not in page] == []
    del protocol["readings"]
    assert bare(read_protocol(json.dumps(as_yaml(protocol)), path.name)) == bare(load_protocol(str(path)))
    for form in ("mermaid", "dot", "svg"):
        assert run("diagram", path, "--format", form).exit_code == 0


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda transcript: transcript.path.stem)
def test_an_invented_journey_is_replayed_into_a_log_that_verifies(transcript: Transcript, tmp_path: Path) -> None:
    protocol, *amendments = files_of(transcript.protocol)
    amended = [word for name in amendments for word in ("--amended-by", name)]
    events, log = tmp_path / "events.jsonl", tmp_path / "log.jsonl"
    events.write_text("\n".join(json.dumps(event) for event in transcript.events) + "\n", encoding="utf-8")
    assert run("replay", protocol, events, "--audit", log, *amended).exit_code == 0
    assert "whole and true" in prose("audit", "verify", log, "--protocol", protocol, *amended)
    for checkpoint in transcript.checkpoints[
        -1:
    ]:  # each call compiles the file anew; the page of the last one tells most
        lines = "\n".join(json.dumps(event) for event in checkpoint.events)
        role = ("--as", checkpoint.role) if checkpoint.role is not None else ()
        assert prose("next", protocol, "-", "--as-of", checkpoint.as_of.isoformat(), *role, *amended, stdin=lines)


def test_every_verdict_has_words() -> None:
    assert set(VERDICTS) == set(get_args(VerdictKind))
