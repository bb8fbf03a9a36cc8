"""The command line: every command, as text and as JSON, answering yes, no, and that something cannot be read."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from protocol_engine import Course, checks, compile_protocol, load_protocol, parse_events, shipped_protocols
from protocol_engine.entrypoints import audit_commands, cli, course_commands, output, telemetry
from protocol_engine.entrypoints.progress import with_progress
from protocol_engine.errors import BrokenInvariant, Problem

ROOT = Path(__file__).resolve().parents[1]
ADAPTIVE = ROOT / "docs" / "examples" / "NCT07239271.jsonl"
ALTERNATING = ROOT / "docs" / "examples" / "NCT07151586.jsonl"
HERE = {"PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))}
LISTEN = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # also where the caller ignores it
START = [sys.executable, "-c", f"{LISTEN}; from protocol_engine.entrypoints.cli import main; main()"]
VERSIONS = {
    "IIT2025006": "2025-09-09",
    "NCT05861830": "2024-03-12",
    "NCT07151586": "2025-09-03",
    "NCT07239271": "2025-11-20",
    "NCT07377643": "2026",
}
DAY_8_OF_CYCLE_2 = {"kind": "administration", "effective": "2026-03-30", "regimen": "sg", "cycle": 2, "day": 8}
CYCLE_2 = {"kind": "administration", "effective": "2026-03-23", "regimen": "sg", "cycle": 2, "day": 1}


def run(*arguments: object, stdin: str | bytes | None = None) -> Result:
    """One command in this process; whatever goes wrong must be an exit code."""
    result = CliRunner().invoke(cli.app, [str(argument) for argument in arguments], input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert "Traceback" not in result.output
    return result


def answer(*arguments: object, stdin: str | None = None, code: int = 0) -> Any:
    """The JSON that a command prints, with nothing on standard error."""
    result = run(*arguments, "--format", "json", stdin=stdin)
    assert (result.exit_code, result.stderr) == (code, "")
    return json.loads(result.stdout)


def prose(*arguments: object, stdin: str | None = None, code: int = 0) -> str:
    """The text that a command prints, with single spaces."""
    result = run(*arguments, stdin=stdin)
    assert (result.exit_code, result.stderr) == (code, "")
    return "\n".join(" ".join(line.split()) for line in result.stdout.splitlines())


def errors(*arguments: object, stdin: str | bytes | None = None) -> list[str]:
    """The lines that say why nothing could be read; nothing else is printed."""
    result = run(*arguments, stdin=stdin)
    assert result.exit_code == 2
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert lines
    assert all(line.startswith("error: ") and line.isprintable() for line in lines)
    return [line.removeprefix("error: ") for line in lines]


def jsonl(*events: dict[str, Any]) -> str:
    return "".join(json.dumps(event) + "\n" for event in events)


@pytest.fixture
def events(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a file of events."""

    def write(text: str, name: str = "events.jsonl") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


# --- list and show ----------------------------------------------------------------------------------------------------


def test_list_names_what_is_shipped() -> None:
    assert {item["id"]: item["version"] for item in answer("list")} == VERSIONS
    assert all(set(item) == {"id", "version", "title"} for item in answer("list"))
    page = prose("list")
    for identifier, version in VERSIONS.items():
        assert f"{identifier} {version} " in page


@pytest.mark.parametrize("name", shipped_protocols())
def test_show_is_prose_and_content(name: str) -> None:
    page = prose("show", name)
    assert page.startswith(f"{name}: ")
    assert "\nRules of the record\nR1 " in page
    content = answer("show", name)
    assert content["protocol"] == name
    assert content["record"]["version"] == VERSIONS[name]
    assert set(content["readings"]) == set(content["assumptions"])
    assert {"arms", "course", "drugs", "facts", "regimens", "rules", "not_stated"} <= set(content)


def test_show_takes_readings_and_paths(tmp_path: Path) -> None:
    assert "c1_decides (selected)" in prose("show", "NCT07239271", "--reading", "A1=c1_decides")
    assert answer("show", "NCT07239271", "--reading", "A1=c1_decides")["readings"]["A1"] == "c1_decides"
    copy = tmp_path / "mine.yml"
    copy.write_bytes((ROOT / "protocols" / "NCT07151586.yaml").read_bytes())
    assert prose("show", copy) == prose("show", "NCT07151586")


# --- check ------------------------------------------------------------------------------------------------------------


TWICE = "protocol: X\nprotocol: Y\n"


def test_check_of_a_good_file_says_so() -> None:
    path = ROOT / "protocols" / "NCT07377643.yaml"
    assert f"{path}: no problem found" in prose("check", path)
    (checked,) = answer("check", path)
    assert checked["file"] == str(path)
    assert checked["ok"] is True


def test_check_prints_every_problem_of_every_file_in_a_line_each(tmp_path: Path) -> None:
    one, other = tmp_path / "one.yaml", tmp_path / "other.yaml"
    one.write_text(TWICE)
    other.write_text("- protocol: X\n")
    page = prose("check", one, other, code=1)
    assert re.search(rf"^{re.escape(str(one))}:2:1 duplicate-key protocol .*line 1", page, re.MULTILINE)
    assert re.search(rf"^{re.escape(str(other))}:1:1 not-a-protocol \. ", page, re.MULTILINE)
    found = answer("check", one, other, code=1)
    assert [item["ok"] for item in found] == [False, False]
    problem = found[0]["problems"][0]
    assert problem.keys() == {"severity", "line", "column", "code", "path", "message"}
    assert (problem["line"], problem["column"], problem["code"], problem["severity"]) == (
        2,
        1,
        "duplicate-key",
        "problem",
    )


def test_check_goes_on_behind_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(TWICE)
    result = run("check", tmp_path / "none.yaml", bad)
    assert result.exit_code == 2
    assert result.stderr == f"error: {tmp_path}/none.yaml: cannot be read (No such file or directory)\n"
    assert "duplicate-key" in result.stdout


def test_check_prints_a_notice_and_refuses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def one_notice(*_: str) -> tuple[Problem, ...]:
        return (Problem("unused-name", "sets.x", "is never used", source="p.yaml", severity="notice"),)

    monkeypatch.setattr(checks, "check_text", one_notice)
    path = ROOT / "protocols" / "NCT07239271.yaml"
    assert prose("check", path).splitlines() == [
        "p.yaml:1:1 unused-name sets.x notice: is never used",
        f"{path}: no problem found",
    ]
    (checked,) = answer("check", path)
    assert checked["ok"] is True
    assert checked["problems"][0]["severity"] == "notice"


# --- next -------------------------------------------------------------------------------------------------------------


def test_next_gives_the_regimen_of_the_rule_that_names_the_baseline() -> None:
    # Baseline positive with PIK3CA, after cycle 1 negative, PR: R3 and R6 both fit, and A1 by default takes R6.
    decision = answer("next", "NCT07239271", ADAPTIVE)
    (action,) = decision["actions"]
    assert (action["kind"], action["regimen"], action["cycle"], action["day"]) == ("administer", "everoht", 3, 1)
    assert {"R6", "A1"} <= set(action["basis"])
    assert [line["drug"] for line in action["administrations"]] == ["everolimus", "trastuzumab", "docetaxel"]
    assert action["due"] == "not_stated"
    assert {"N1", "N2"} <= set(decision["not_stated"])
    page = prose("next", "NCT07239271", ADAPTIVE)
    assert "1 Give EveroHT (everoht), cycle 3 day 1 not stated not stated not stated required R6, A1" in page
    assert "read as baseline_counts (the default): R6, because it names the baseline" in page


def test_next_under_the_other_reading_goes_on() -> None:
    (action,) = answer("next", "NCT07239271", ADAPTIVE, "--reading", "A1=c1_decides")["actions"]
    assert (action["regimen"], "R3" in action["basis"]) == ("nab_p_hp", True)
    assert "Give Nab-P+HP (nab_p_hp), cycle 3 day 1" in prose(
        "next", "NCT07239271", ADAPTIVE, "--reading", "A1=c1_decides", "--reading", "A6=both_results"
    )


@pytest.mark.parametrize(("name", "path"), [("NCT07239271", ADAPTIVE), ("NCT07151586", ALTERNATING)])
def test_the_json_of_next_is_the_decision_and_nothing_else(name: str, path: Path) -> None:
    course = Course(compile_protocol(load_protocol(name)))
    decision = course.record_all(parse_events(path.read_text(encoding="utf-8").splitlines())).decide()
    assert answer("next", name, path) == decision.as_json()


def test_next_as_of_an_earlier_day_leaves_later_results_aside() -> None:
    # On 1 February the result after cycle 1 (issued on the 2nd) and the imaging (the 16th) were not known.
    decision = answer("next", "NCT07239271", ADAPTIVE, "--as-of", "2026-02-01")
    assert decision["as_of"] == "2026-02-01"
    assert decision["ignored_events"] == 2
    assert {(wait["fact"], wait["timepoint"]) for wait in decision["awaiting"]} >= {("ctdna", "after_cycle_1")}
    assert "2 events issued after 2026-02-01 left aside" in prose(
        "next", "NCT07239271", ADAPTIVE, "--as-of", "2026-02-01"
    )
    assert "ignored_events" not in answer("next", "NCT07239271", ADAPTIVE, "--as-of", "2026-02-16")


def test_next_reads_standard_input_and_an_empty_course() -> None:
    piped = answer("next", "NCT07151586", "-", stdin=ALTERNATING.read_text(encoding="utf-8"))
    assert piped == answer("next", "NCT07151586", ALTERNATING)
    begun = answer("next", "NCT07151586", "-", stdin="")
    assert [action["kind"] for action in begun["actions"]] == ["obtain_consent"]
    assert begun["as_of"] is None
    assert "Obtain written consent" in prose("next", "NCT07151586", "-", stdin="\n\n")


def test_next_gives_exit_code_0_when_nothing_may_be_done() -> None:
    ended = jsonl({"id": "e1", "kind": "death", "effective": "2026-01-02"})
    assert answer("next", "NCT07151586", "-", stdin=ended)["actions"] == []
    assert "Nothing is offered: the course has ended." in prose("next", "NCT07151586", "-", stdin=ended)


HAEMOGLOBIN = {"id": "h1", "kind": "observation", "effective": "2026-03-02", "fact": "haemoglobin", "value": "11"}


def test_facts_that_nobody_reads_are_refused_or_counted(events: Callable[[str], Path]) -> None:
    text = ALTERNATING.read_text(encoding="utf-8")
    path = events(
        jsonl({"id": "x1", "kind": "retraction", "effective": "2026-03-03", "retracts": "h1", "reason": "mixed up"})
        + text
        + jsonl(HAEMOGLOBIN)
    )
    (line,) = errors("next", "NCT07151586", path)
    assert line.startswith(f"{path}:8 h1.fact 'haemoglobin' is no fact that is read")
    decision = answer("next", "NCT07151586", path, "--skip-unknown-facts")
    assert decision.pop("skipped_unknown_facts") == 2
    assert decision == answer("next", "NCT07151586", ALTERNATING)
    assert "2 observations were skipped" in prose("next", "NCT07151586", path, "--skip-unknown-facts")
    one = events(text + jsonl(HAEMOGLOBIN))
    assert "1 observation was skipped" in prose("next", "NCT07151586", one, "--skip-unknown-facts")
    assert "was skipped" in prose("propose", "NCT07151586", one, json.dumps(CYCLE_2), "--skip-unknown-facts")
    assert answer("replay", "NCT07151586", one, "--skip-unknown-facts")["skipped_unknown_facts"] == 1
    assert answer("next", "NCT07151586", ALTERNATING, "--skip-unknown-facts")["skipped_unknown_facts"] == 0


def test_the_day_asked_about_is_the_last_in_the_events_also_if_that_one_is_skipped(tmp_path: Path) -> None:
    """Events of a feed end with a value that nobody reads, on the day after everything else."""
    text = ALTERNATING.read_text(encoding="utf-8")
    last = answer("next", "NCT07151586", ALTERNATING)["as_of"]
    feed = text + jsonl(HAEMOGLOBIN | {"effective": "2026-04-20", "issued": "2026-04-21"})
    skipping = ("--skip-unknown-facts",)
    assert last < "2026-04-21"
    assert answer("next", "NCT07151586", "-", *skipping, stdin=feed)["as_of"] == "2026-04-21"
    assert answer("next", "NCT07151586", "-", *skipping, "--as-of", last, stdin=feed)["as_of"] == last
    log = tmp_path / "feed.audit.jsonl"
    replayed = answer("replay", "NCT07151586", "-", *skipping, "--audit", log, stdin=feed)
    assert replayed["decision"]["as_of"] == "2026-04-21"
    assert (replayed["records"], len(replayed["steps"])) == (7, 6)
    *steps, shown = map(json.loads, log.read_text(encoding="utf-8").splitlines())
    assert [record["kind"] for record in steps] == ["step"] * 6
    assert (shown["kind"], shown["event"]) == ("decision", {"as_of": "2026-04-21"})
    assert shown["decision"] == replayed["decision"]
    assert answer("audit", "verify", log, "--head", replayed["head"])["ok"] is True
    nothing_read = jsonl(HAEMOGLOBIN)
    assert answer("next", "NCT07151586", "-", *skipping, stdin=nothing_read)["as_of"] == "2026-03-02"


def test_a_line_behind_skipped_events_and_blank_lines_keeps_its_number(events: Callable[[str], Path]) -> None:
    lost = {"id": "x1", "kind": "retraction", "effective": "2026-03-03", "retracts": "e99", "reason": "mixed up"}
    path = events("\n" + jsonl(HAEMOGLOBIN) + "\n" + jsonl(lost))
    assert errors("next", "NCT07151586", path, "--skip-unknown-facts") == [
        f"{path}:4 x1.retraction names e99, and no such event is there"
    ]


def test_a_result_corrected_into_a_fact_that_nobody_reads_is_not_skipped(events: Callable[[str], Path]) -> None:
    # Skipped, it would leave standing the weight that somebody took back.
    inner = {key: value for key, value in HAEMOGLOBIN.items() if key != "id"}
    wrong = {
        "id": "c1",
        "kind": "correction",
        "effective": "2026-03-10",
        "corrects": "e4",
        "reason": "x",
        "event": inner,
    }
    path = events(ALTERNATING.read_text(encoding="utf-8") + jsonl(wrong))
    assert errors("next", "NCT07151586", path, "--skip-unknown-facts")[0].startswith(f"{path}:7 c1.event.fact ")


def test_a_skipped_result_corrected_into_one_that_is_read_is_not_lost(events: Callable[[str], Path]) -> None:
    # Skipped with the result that it corrects, the weight would be gone, and nobody told.
    weight = {"kind": "observation", "effective": "2026-03-10", "fact": "weight", "value": "60", "unit": "kg"}
    right = {"id": "c1", "kind": "correction", "effective": "2026-03-10", "corrects": HAEMOGLOBIN["id"], "reason": "x"}
    path = events(jsonl(HAEMOGLOBIN) + jsonl({**right, "event": weight}))
    assert errors("next", "NCT07151586", path, "--skip-unknown-facts") == [
        f"{path}:2 c1.correction makes an event that is read of {HAEMOGLOBIN['id']}, which is skipped; report it anew"
    ]
    twice = {**right, "id": "c2", "corrects": "c1", "event": {**right, "event": weight}}
    del twice["event"]["id"]
    inner = {key: value for key, value in HAEMOGLOBIN.items() if key != "id"}
    path = events(jsonl(HAEMOGLOBIN) + jsonl({**right, "event": inner}) + jsonl(twice))
    assert "c2.correction makes an event that is read" in errors("next", "NCT07151586", path, "--skip-unknown-facts")[0]


# --- propose ----------------------------------------------------------------------------------------------------------


def test_propose_on_the_due_day_is_allowed() -> None:
    # R3: cycle 1 began on 2 March, so cycle 2 is due on the 23rd.
    found = answer("propose", "NCT07151586", ALTERNATING, json.dumps(CYCLE_2))
    assert found["allowed"] is True
    assert found["verdict"] == "allowed"
    assert found["action"] == CYCLE_2
    assert found["as_of"] == "2026-03-23"
    assert found["protocol"]["id"] == "NCT07151586"
    assert found["place"] == {"arm": "alternating", "element": "sg", "cycle": 1, "day": 8}
    assert set(found) == {"allowed", "verdict", "because", "cites", "action", "as_of", "protocol", "place"}
    page = prose("propose", "NCT07151586", ALTERNATING, json.dumps(CYCLE_2))
    assert page.startswith("Allowed: SG (sg), cycle 2 day 1, on 2026-03-23\n")


def test_propose_before_the_day_is_refused() -> None:
    early = {**CYCLE_2, "effective": "2026-03-22"}
    found = answer("propose", "NCT07151586", ALTERNATING, json.dumps(early), code=1)
    assert (found["allowed"], found["verdict"]) == (False, "early")
    assert any("no tolerance" in reason for reason in found["because"])
    assert "R3" in found["cites"]
    page = prose("propose", "NCT07151586", ALTERNATING, json.dumps(early), code=1)
    assert page.startswith("Refused, before its day (early): SG (sg), cycle 2 day 1, on 2026-03-22\n")
    assert "2026-03-23" in page


def test_propose_asks_as_known_on_its_day() -> None:
    # On 25 January cycle 2 had not been given, and none of the three results had been issued.
    act = {"kind": "administration", "effective": "2026-01-25", "regimen": "nab_p_hp", "cycle": 2}
    found = answer("propose", "NCT07239271", ADAPTIVE, json.dumps(act))
    assert found["ignored_events"] == 4
    assert found["place"]["cycle"] == 1
    assert "4 events issued after 2026-01-25 left aside" in prose("propose", "NCT07239271", ADAPTIVE, json.dumps(act))


def test_propose_takes_a_report_and_refuses_a_rewrite() -> None:
    report = {"kind": "observation", "effective": "2026-03-20", "fact": "response", "value": "PD"}
    assert answer("propose", "NCT07151586", ALTERNATING, json.dumps(report))["allowed"] is True
    rewrite = {"kind": "retraction", "effective": "2026-03-20", "retracts": "e4", "reason": "x"}
    assert errors("propose", "NCT07151586", ALTERNATING, json.dumps(rewrite)) == [
        "a retraction is recorded, not proposed"
    ]


@pytest.mark.parametrize(
    ("action", "line"),
    [
        ('{"kind": "adm', r"ACTION is not JSON: .+"),
        ("[]", r"ACTION needs a JSON object here, not a list"),
        ('{"kind":"administration"}', r"ACTION effective is missing.*|ACTION regimen is missing.*"),
        ('{"kind":"dose","effective":"2026-03-23"}', r"ACTION kind 'dose' is no kind of event here.+"),
        (json.dumps({**CYCLE_2, "id": "e9"}), r"ACTION id leave the id out.+"),
        (json.dumps({**CYCLE_2, "regimen": "sgg"}), r"ACTION regimen 'sgg' is no regimen .+ did you mean sg\?"),
        (json.dumps({**CYCLE_2, "effective": "2026-13-01"}), r"ACTION effective .+"),
        (json.dumps({**CYCLE_2, "effective": "2026-03-23T08:00"}), r"ACTION effective .+offset.+"),
        (json.dumps({**CYCLE_2, "cycle": 10**400}), r"ACTION cycle .+"),
        (json.dumps({**CYCLE_2, "cycle": 1.0}), r"ACTION cycle needs a whole number.+"),
        (
            '{"kind":"consent","kind":"death","effective":"2026-03-23"}',
            r"ACTION is not JSON: the key 'kind' stands twice",
        ),
    ],
)
def test_an_action_that_cannot_be_read_says_where(action: str, line: str) -> None:
    assert all(re.fullmatch(line, found) for found in errors("propose", "NCT07151586", ALTERNATING, action))


# --- replay -----------------------------------------------------------------------------------------------------------


def test_replay_gives_a_step_for_each_event_in_the_order_of_arrival() -> None:
    found = answer("replay", "NCT07151586", ALTERNATING)
    assert [step["event"] for step in found["steps"]] == ["e1", "e2", "e3", "e4", "e5", "e6"]
    assert [step["verdict"] for step in found["steps"]] == ["allowed", "allowed", "allowed", None, "allowed", "allowed"]
    assert found["steps"][-1]["place"] == {"arm": "alternating", "element": "sg", "cycle": 1, "day": 8}
    assert found["decision"] == answer("next", "NCT07151586", ALTERNATING)
    assert (found["deviations"], found["records"], found["head"]) == ([], 0, None)


def test_replay_keeps_a_deviation_and_answers_all_the_same() -> None:
    early = {"id": "e7", **CYCLE_2, "effective": "2026-03-20"}
    text = ALTERNATING.read_text(encoding="utf-8") + jsonl(early, early)
    found = answer("replay", "NCT07151586", "-", stdin=text)
    last = found["steps"][-2]
    assert (last["verdict"], last["repeated"]) == ("early", False)
    assert last["because"]
    assert found["steps"][-1]["repeated"] is True
    assert [deviation["event"] for deviation in found["deviations"]] == ["e7"]
    page = prose("replay", "NCT07151586", "-", stdin=text)
    assert "7 e7 2026-03-20 SG (sg), cycle 2 day 1 deviation: before its day (early) alternating/sg C2 d1" in page
    assert "8 e7 2026-03-20 SG (sg), cycle 2 day 1 repeated, nothing changes" in page
    assert "e7 Before its day (early)" in page


def test_replay_of_nothing_is_a_course_that_has_not_begun() -> None:
    found = answer("replay", "NCT07151586", "-", stdin="")
    assert found["steps"] == []
    assert [action["kind"] for action in found["decision"]["actions"]] == ["obtain_consent"]
    assert "Obtain written consent" in prose("replay", "NCT07151586", "-", stdin="")


def test_replay_writes_an_audit_log_that_verifies(tmp_path: Path) -> None:
    log = tmp_path / "course.audit.jsonl"
    page = prose("replay", "NCT07239271", ADAPTIVE, "--audit", log)
    records = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert len(records) == 8
    assert f"8 records written to {log}" in page
    assert f"Head: {records[-1]['hash']}" in page
    verified = answer("audit", "verify", log, "--head", records[-1]["hash"])
    assert verified["ok"] is True
    assert (verified["records"], verified["head"]) == (8, records[-1]["hash"])
    assert verified["protocol"]["id"] == "NCT07239271"


def test_replay_never_writes_over_a_file(tmp_path: Path) -> None:
    log = tmp_path / "course.audit.jsonl"
    log.write_text("mine\n")
    (line,) = errors("replay", "NCT07239271", ADAPTIVE, "--audit", log)
    assert line.startswith(f"{log}: exists already")
    assert log.read_text() == "mine\n"


def test_replay_of_unreadable_events_leaves_no_log(tmp_path: Path) -> None:
    log = tmp_path / "course.audit.jsonl"
    errors("replay", "NCT07239271", "-", "--audit", log, stdin="{")
    assert not log.exists()


def test_replay_says_head_and_records_in_json(tmp_path: Path) -> None:
    log = tmp_path / "course.audit.jsonl"
    found = answer("replay", "NCT07151586", "-", "--audit", log, stdin=ALTERNATING.read_text(encoding="utf-8"))
    last = json.loads(log.read_text(encoding="utf-8").splitlines()[-1])
    assert (found["records"], found["head"]) == (6, last["hash"])
    assert last["course"] == "course"


def test_a_course_that_has_not_begun_has_a_log_of_its_decision(tmp_path: Path) -> None:
    log = tmp_path / "nothing.audit.jsonl"
    replayed = answer("replay", "NCT07239271", "-", "--audit", log, stdin="\n")
    (record,) = map(json.loads, log.read_text(encoding="utf-8").splitlines())
    assert (record["kind"], record["event"], record["hash"]) == ("decision", {"as_of": None}, replayed["head"])
    assert record["decision"] == replayed["decision"] == answer("next", "NCT07239271", "-", stdin="")
    assert (replayed["steps"], replayed["records"]) == ([], 1)
    verified = answer("audit", "verify", log, "--head", replayed["head"])
    assert (verified["ok"], verified["records"]) == (True, 1)
    log.write_bytes(b"")
    assert "audit-empty" in prose("audit", "verify", log, code=1)


def test_replay_shows_progress_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", terminal)
        assert list(with_progress(iter(()), "replaying", 0)) == []
    assert "replaying" in terminal.getvalue()
    assert run("replay", "NCT07151586", ALTERNATING).stderr == ""


# --- audit verify -----------------------------------------------------------------------------------------------------


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "course.audit.jsonl"
    assert run("replay", "NCT07151586", ALTERNATING, "--audit", path).exit_code == 0
    return path


def test_a_whole_log_is_whole_and_true(log: Path) -> None:
    page = prose("audit", "verify", log)
    assert f"{log}: whole and true. 6 records, and every answer was derived again byte for byte." in page
    assert "No head was given" in page
    head = json.loads(log.read_text(encoding="utf-8").splitlines()[-1])["hash"]
    assert "It ends with the given head." in prose("audit", "verify", log, "--head", head)
    assert "It ends with the given head." in prose("audit", "verify", log, "--head", head.upper())
    assert answer("audit", "verify", log, "--protocol", "NCT07151586")["ok"] is True
    assert answer("audit", "verify", log, "--protocol", ROOT / "protocols" / "NCT07151586.yaml")["ok"] is True


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda lines: [line.replace(b'"62.5"', b'"65.2"') for line in lines], "audit-changed"),
        (lambda lines: [*lines[:2], *lines[3:]], "audit-broken-chain"),
        (lambda lines: [lines[1], lines[0], *lines[2:]], "audit-broken-chain"),
        (lambda lines: [*lines, lines[-1]], "audit-broken-chain"),
        (lambda lines: [*lines[:-1], lines[-1][:-1]], "audit-cut-off"),
        (lambda lines: [], "audit-empty"),  # noqa: ARG005  # nothing is left
        (lambda lines: [b"\xff\x00\n", *lines], "audit-malformed"),
        (lambda lines: [b"{}\n", *lines], "audit-malformed"),
    ],
)
def test_a_log_that_was_tampered_with_is_broken(
    log: Path, change: Callable[[list[bytes]], list[bytes]], code: str
) -> None:
    log.write_bytes(b"".join(change(lines_of(log))))
    page = prose("audit", "verify", log, code=1)
    assert re.search(rf"^{re.escape(str(log))}:\d+:1 {code} ", page, re.MULTILINE)
    found = answer("audit", "verify", log, "--protocol", "NCT07151586", code=1)
    assert found["ok"] is False
    assert code in {problem["code"] for problem in found["problems"]}


def test_a_log_whose_end_was_cut_off_is_found_by_its_head(log: Path) -> None:
    lines = lines_of(log)
    head = json.loads(lines[-1])["hash"]
    log.write_bytes(b"".join(lines[:-1]))
    assert answer("audit", "verify", log)["ok"] is True
    assert "audit-cut-off" in prose("audit", "verify", log, "--head", head, code=1)


def test_a_log_names_its_own_readings(tmp_path: Path) -> None:
    log = tmp_path / "other.audit.jsonl"
    run("replay", "NCT07239271", ADAPTIVE, "--audit", log, "--reading", "A1=c1_decides")
    assert answer("audit", "verify", log)["ok"] is True
    assert answer("audit", "verify", log, "--reading", "A1=c1_decides")["ok"] is True
    assert "audit-other-protocol" in prose("audit", "verify", log, "--reading", "A1=baseline_counts", code=1)
    assert "audit-other-protocol" in prose("audit", "verify", log, "--protocol", "NCT07151586", code=1)


def test_a_log_of_a_protocol_that_is_not_shipped_asks_for_its_file(tmp_path: Path) -> None:
    mine, log = tmp_path / "mine.yaml", tmp_path / "mine.audit.jsonl"
    text = (ROOT / "protocols" / "NCT07151586.yaml").read_text(encoding="utf-8")
    mine.write_text(text.replace("protocol: NCT07151586", "protocol: MINE"), encoding="utf-8")
    assert run("replay", mine, ALTERNATING, "--audit", log).exit_code == 0
    (line,) = errors("audit", "verify", log)
    assert line == f"{log}: is a log of MINE, which is not shipped; name its file with --protocol"
    assert answer("audit", "verify", log, "--protocol", mine)["ok"] is True


# --- diagram ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "sign"), [("mermaid", "flowchart"), ("dot", "digraph"), ("svg", "<svg")])
def test_diagram_is_a_picture_on_standard_output(form: str, sign: str) -> None:
    result = run("diagram", "NCT07239271", "--format", form)
    assert (result.exit_code, result.stderr) == (0, "")
    assert sign in result.stdout
    assert result.stdout.endswith("\n")


def test_diagram_is_mermaid_by_default_and_follows_the_readings() -> None:
    by_default = run("diagram", "NCT07151586").stdout
    assert by_default == run("diagram", "NCT07151586", "--format", "mermaid").stdout
    assert by_default != run("diagram", "NCT07151586", "--reading", "A1=tdxd_first").stdout


# --- what cannot be read ----------------------------------------------------------------------------------------------


GOOD = ("NCT07151586", str(ALTERNATING))


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("nxt",), r"No such command 'nxt'.*see protocol-engine --help"),
        (("audit", "verfy"), r"No such command 'verfy'.*see protocol-engine audit --help"),
        (("next",), r"Missing argument 'PROTOCOL'; see protocol-engine next --help"),
        (("next", "NCT07151586"), r"Missing argument 'EVENTS'.*"),
        (("check",), r"Missing argument 'FILE\.\.\.'.*"),
        (("next", *GOOD, "--nope"), r"No such option.*--nope.*"),
        (("next", *GOOD, "extra"), r"Got unexpected extra argument.*"),
        (("next", *GOOD, "--format", "xml"), r"Invalid value for '--format': 'xml' is not one of.*"),
        (("diagram", "NCT07151586", "--format", "json"), r"Invalid value for '--format'.*"),
        (("next", *GOOD, "--as-of", "2026-02-30"), r".*2026-02-30 is not a day of the calendar.*"),
        (("next", *GOOD, "--as-of", "20260228"), r".*'20260228' is not a date such as 2026-01-31.*"),
        (("next", *GOOD, "--as-of"), r"Option '--as-of' requires an argument.*"),
        (("next", *GOOD, "--reading", "A1"), r".*'A1' is not an assumption and a reading.*"),
        (("next", *GOOD, "--reading", "A1=x"), r"--reading A1=x: has no reading 'x'; there are: sg_first, tdxd_first"),
        (("next", *GOOD, "--reading", "A77=x"), r"--reading A77=x: is not an assumption here.*"),
        (
            ("next", *GOOD, "--reading", "A1=sg_first", "--reading", "A1=tdxd_first"),
            r".*two readings of A1 are selected, sg_first and tdxd_first.*",
        ),
        (("show", "NCT00000000"), r"NCT00000000: no such protocol; shipped are IIT2025006, .*"),
        (("show", "none.yaml"), r"none\.yaml: cannot be read \(No such file or directory\)"),
        (("show", "."), r"\.: is a folder; name a \.yaml file in it"),
        (("check", "."), r"\.: is a folder; name a \.yaml file in it"),
        (("next", ".", "-"), r"\.: is a folder; name a \.yaml file in it"),
        (("show", "a\0b.yaml"), r"a\\x00b\.yaml: a file name cannot hold a NUL character"),
        (("check", "a\0b.yaml"), r"a\\x00b\.yaml: a file name cannot hold a NUL character"),
        (("next", "NCT07151586", "."), r"\.: cannot be read \(Is a directory\)"),
        (("next", "NCT07151586", "none.jsonl"), r"none\.jsonl: cannot be read \(No such file or directory\)"),
        (("next", "NCT07151586", "a\0b"), r"a\\x00b: a file name cannot hold a NUL character"),
        (("next", "NCT07151586", "x" * 5000), r"x+: cannot be read \(File name too long\)"),
        (("show", "x" * 5000), r"x+.*"),
        (
            ("replay", *GOOD, "--audit", "none/a.jsonl"),
            r"none/a\.jsonl: cannot be written \(No such file or directory\)",
        ),
        (("replay", *GOOD, "--audit", "."), r"\.: exists already.*"),
        (("replay", *GOOD, "--audit", "a\0b"), r"a\\x00b: .*"),
        (("audit", "verify", "none.jsonl"), r"none\.jsonl: cannot be read \(No such file or directory\)"),
        (("audit", "verify", "."), r"\.: cannot be read \(Is a directory\)"),
        (("audit", "verify", "a\0b"), r"a\\x00b: .*"),
        (("audit", "verify", "none.jsonl", "--head", "abc"), r".*'abc' is not a hash of 64 hexadecimal digits.*"),
    ],
)
def test_what_cannot_be_read_is_one_line_and_exit_code_2(
    arguments: tuple[str, ...], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (found,) = errors(*arguments)
    assert re.fullmatch(line, found)


@pytest.mark.parametrize("command", [("next",), ("replay",), ("propose", json.dumps(CYCLE_2))])
@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("{", [r"standard input:1 is not JSON: .+"]),
        ("\n\n[]\n", [r"standard input:3 needs a JSON object here, not a list"]),
        ("null\n1\n", [r"standard input:1 needs .+", r"standard input:2 needs .+"]),
        ('{"id":"e1"}', [r"standard input:1 kind is missing.+"]),
        ('{"id":"e1","kind":"consent","effective":"yesterday"}', [r"standard input:1 effective .+"]),
        (
            '{"id":"e1","kind":"consent","effective":"2026-01-02","note":"x"}',
            [r"standard input:1 note 'note' is no key.+"],
        ),
        ('{"id":"e1","kind":"consent","effective":NaN}', [r"standard input:1 is not JSON: NaN.+"]),
        (
            jsonl(
                {"id": "e1", "kind": "allocation", "effective": "2026-01-02", "arm": "sg_alon"},
                {"id": "e2", "kind": "administration", "effective": "2026-01-02", "regimen": "x"},
            ),
            [r"standard input:1 e1\.arm 'sg_alon' is no arm .+ sg_alone\?", r"standard input:2 e2\.regimen 'x' .+"],
        ),
        (
            '{"id":"e1","kind":"consent","effective":"2026-01-02"}\n{"id":"e1","kind":"consent","effective":"2026-01-03"}',
            [r"standard input:2 e1\.same-id this id stands for another event already.+"],
        ),
        (
            '{"id":"a\\u0000\\nb","kind":"allocation","effective":"2026-01-02","arm":"\\u001b[31m"}',
            [r"standard input:1 a\\x00 b\.arm '\\x1b\[31m' is no arm .+"],
        ),
        (
            '{"id":"e1","kind":"adverse_event","effective":"2026-01-02","term":"x","grade":' + "9" * 5000 + "}",
            [r"standard input:1 grade is the number 9{59}… of 5000 digits; at most 100 are read"],
        ),
        ("[" * 100_000, [r"standard input:1 is not JSON: it is nested too deep"]),
    ],
)
def test_events_that_cannot_be_read_are_told_line_by_line(
    command: tuple[str, ...], text: str, lines: list[str]
) -> None:
    name, *rest = command
    found = errors(name, "NCT07151586", "-", *rest, stdin=text)
    assert len(found) == len(lines)
    assert all(re.fullmatch(line, given) for line, given in zip(lines, found, strict=True))


LONG = "9" * 100_000
WEIGHT = {"id": "e4", "kind": "observation", "effective": "2026-01-05", "fact": "weight", "value": "60", "unit": "kg"}
DOSE = {"id": "e4", "kind": "administration", "effective": "2026-01-05", "regimen": "sg"}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(WEIGHT | {"value": LONG}),
        json.dumps(WEIGHT | {"value": ["PIK3CA"] * 20_000}),
        json.dumps(WEIGHT | {"value": {"is": LONG}}),
        json.dumps(WEIGHT | {"unit": LONG}),
        json.dumps(WEIGHT | {"fact": LONG}),
        json.dumps(WEIGHT | {"effective": LONG}),
        json.dumps(WEIGHT | {"effective": f"2026-01-05T10:00{LONG}"}),
        json.dumps(WEIGHT | {"components": {LONG: []}}),
        json.dumps(WEIGHT | {LONG: LONG}),
        json.dumps(WEIGHT | {"kind": LONG}),
        json.dumps(DOSE | {"regimen": LONG}),
        json.dumps(DOSE).replace("}", f', "cycle": {LONG}}}'),
        json.dumps(DOSE).replace("}", f', "cycle": -{LONG}}}'),
        json.dumps(DOSE).replace("}", f', "cycle": {LONG[:99]}}}'),
        json.dumps(DOSE | {"given": [{"drug": LONG, "dose": "1", "unit": "mg"}]}),
        json.dumps(DOSE | {"given": [{"drug": "sg", "dose": LONG, "unit": LONG, "route": LONG}]}),
        json.dumps(
            {"id": LONG, "kind": "retraction", "effective": "2026-01-05", "retracts": LONG + "1", "reason": "x"}
        ),
        json.dumps(WEIGHT | {"id": LONG}) + "\n" + json.dumps(WEIGHT | {"id": LONG, "value": "61"}),
        f'{{"{LONG}": 1, "{LONG}": 1}}',
    ],
    ids=lambda text: f"{text[:20]}...{text[-20:]}",
)
def test_a_long_value_is_not_echoed_whole(text: str) -> None:
    found = errors("next", "NCT07151586", "-", stdin=text)
    assert found
    assert [line for line in found if len(line) > 400] == []
    assert not any("set_int_max_str_digits" in line for line in found)


@pytest.mark.parametrize(
    "options",
    [
        ("--reading", LONG),
        ("--reading", f"A1={LONG}"),
        ("--reading", f"{LONG}=x"),
        ("--as-of", LONG),
        ("--format", LONG),
    ],
    ids=lambda options: options[0] + options[1][:3],
)
def test_a_long_option_is_not_echoed_whole(options: tuple[str, str]) -> None:
    (line,) = errors("next", *GOOD, *options)
    assert len(line) < 300


@pytest.mark.parametrize(
    "part",
    ["cycles: 2,", "dose: 10 mg/kg,", "quantity: kg,", "scan_two: worse}", "default: until_progression", "phase: 2,",
     "is: worse,", "route: PO,", "give: two,", "title: Everybody\n    may", "codes: {local: two}}"],
)  # fmt: skip
def test_a_long_value_of_a_protocol_is_not_echoed_whole(part: str, tmp_path: Path) -> None:
    good = (ROOT / "tests" / "bad_protocols" / "good.yaml").read_text(encoding="utf-8")
    key, _, rest = part.partition(": ")
    path = tmp_path / "mine.yaml"
    path.write_text(good.replace(part, f"{key}: {LONG}{rest[-1]}", 1), encoding="utf-8")
    found = run("check", path).stdout.splitlines()
    assert found
    assert all(len(line) < 600 + len(str(path)) for line in found)


@pytest.mark.parametrize("content", [b"\xff\xfe{\x00}\x00", b"\x80", bytes(range(256))])
def test_binary_files_are_no_text(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "binary.yaml"
    path.write_bytes(content)
    assert errors("next", "NCT07151586", path) == [f"{path}: is not UTF-8 text"]
    assert "UTF-8" in errors("show", path)[0]
    assert "UTF-8" in errors("check", path)[0]
    assert errors("next", "NCT07151586", "-", stdin=content) == ["standard input: is not UTF-8 text"]


def test_a_protocol_file_with_problems_is_told_with_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(TWICE)
    log = tmp_path / "a.jsonl"
    run("replay", "NCT07151586", ALTERNATING, "--audit", log)
    for command in (
        ("show", path),
        ("next", path, ALTERNATING),
        ("diagram", path),
        ("audit", "verify", log, "--protocol", path),
    ):
        assert errors(*command)[0].startswith(f"{path}:2:1 duplicate-key protocol ")


def test_without_a_command_there_is_help_and_no_answer() -> None:
    for arguments in ((), ("audit",)):
        result = run(*arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.startswith("Usage: protocol-engine")


# --- help -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [(), ("list",), ("show",), ("check",), ("next",), ("propose",), ("replay",), ("audit", "verify"), ("diagram",)],
)
def test_every_command_explains_itself_with_an_example(command: tuple[str, ...]) -> None:
    for option in ("--help", "-h"):
        result = run(*command, option)
        assert (result.exit_code, result.stderr) == (0, "")
    shown = " ".join(["protocol-engine", *command])
    assert result.stdout.startswith(f"Usage: {shown} ")
    example = result.stdout.partition("Example:\n")[2].splitlines()
    assert example[0].strip().startswith(shown)


def test_the_examples_of_the_help_texts_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "events.jsonl").write_bytes(ALTERNATING.read_bytes())
    shown = run("propose", "--help").stdout.partition("Example:\n")[2].replace("\\\n", " ")
    arguments = re.fullmatch(r"\s*protocol-engine (propose \S+ \S+)\s+'(.+)'\s*", shown)
    assert arguments is not None
    assert run(*arguments[1].split(), arguments[2]).exit_code == 0


def test_the_version_is_told() -> None:
    result = run("--version")
    assert re.fullmatch(r"protocol-engine \d+\.\d+\.\d+\n", result.stdout)


# --- telemetry --------------------------------------------------------------------------------------------------------


SECRETS = (
    {"id": "secret-id-1", "kind": "consent", "effective": "2031-07-01"},
    {"id": "secret-id-2", "kind": "eligibility", "effective": "2031-07-02", "met": True},
    {"id": "secret-id-3", "kind": "allocation", "effective": "2031-07-03", "arm": "sg_alone"},
    {
        "id": "secret-id-4",
        "kind": "observation",
        "effective": "2031-07-04",
        "fact": "weight",
        "value": "71.37",
        "unit": "kg",
    },
    {"id": "secret-id-5", "kind": "adverse_event", "effective": "2031-07-05", "term": "secret-term", "grade": 4},
)


def test_verbose_tells_counts_and_digests_and_nothing_of_the_patient(tmp_path: Path) -> None:
    path, log = tmp_path / "secret-name.jsonl", tmp_path / "secret-log"
    path.write_text(jsonl(*SECRETS))
    act = json.dumps({"kind": "procedure", "effective": "2031-07-06", "procedure": "secret-procedure"})
    dose = json.dumps({"kind": "administration", "effective": "2031-07-06", "regimen": "sg"})
    told = ""
    for command in (
        ("next", "NCT07151586", path),
        ("propose", "NCT07151586", path, dose),
        ("replay", "NCT07151586", path, "--audit", log),
        ("audit", "verify", log),
    ):
        result = run(*command, "--verbose")
        assert result.exit_code in (0, 1)
        told += result.stderr
    assert 'event="protocol loaded" protocol=NCT07151586 version=2025-09-03 digest=' in told
    assert 'event="events read" events=5 skipped=0' in told
    for sentence in ("decision made", "proposal judged", "course replayed", "audit written", "audit verified"):
        assert f'event="{sentence}"' in told
    assert "secret" not in told
    for event in SECRETS:
        for key, value in event.items():
            assert key in ("kind", "met", "grade") or str(value) not in told
    assert errors("propose", "NCT07151586", path, act)


def test_verbose_may_stand_before_the_command_and_is_off_by_default() -> None:
    assert "protocol loaded" in run("--verbose", "next", "NCT07151586", ALTERNATING).stderr
    assert "protocol checked" in run("check", ROOT / "protocols" / "NCT07377643.yaml", "-v").stderr
    assert run("next", "NCT07151586", ALTERNATING).stderr == ""


def test_a_key_that_is_not_listed_is_dropped_and_so_is_an_unknown_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure(verbose=True)
    telemetry.tell("events read", events=3, patient="secret", value="71.37")
    structlog.get_logger().warning("secret sentence", events=1)
    told = capsys.readouterr().err
    assert "events=3" in told
    assert "secret" not in told
    assert "71.37" not in told
    assert len(told.splitlines()) == 1


# --- failures of the program ------------------------------------------------------------------------------------------


def test_a_defect_is_told_in_a_line_without_its_values(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError) as raised:
        {"71.37 kg": 1}["62.5 kg"]
    with pytest.raises(SystemExit) as ended:
        cli.report_defect(raised.type, raised.value, raised.tb)
    assert ended.value.code == 3
    told = capsys.readouterr().err
    assert re.fullmatch(r"error: this is a defect of the engine \(KeyError at test_cli\.py:\d+\), .+\n", told)
    assert "kg" not in told


def test_a_broken_invariant_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise BrokenInvariant("two rows hold")

    monkeypatch.setattr(course_commands, "decision_page", broken)
    result = run("next", "NCT07151586", ALTERNATING)
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == "error: this is a defect of the engine, and nothing was decided: two rows hold\n"


def test_an_interruption_and_a_full_disk_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(course_commands, "show_page", interrupted)
    result = run("next", "NCT07151586", ALTERNATING)
    assert (result.exit_code, result.stderr) == (130, "error: interrupted\n")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(course_commands, "show_page", full)
    result = run("next", "NCT07151586", ALTERNATING)
    assert (result.exit_code, result.stderr) == (2, "error: standard output: No space left on device\n")


def test_streams_that_are_closed_are_told_or_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", None)
        output.show_error("nobody hears this")
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", None)
        with pytest.raises(Exception, match="standard output: is closed"):
            output.show_lines(["x"])


def test_the_application_can_be_called_from_python() -> None:
    assert cli.app.main(["list"], standalone_mode=False) == 0


def test_a_log_with_foreign_readings_is_told_by_its_digest(log: Path) -> None:
    lines = [json.loads(line) for line in lines_of(log)]
    for line in lines:
        line["readings"]["A1"] = "secret"
    log.write_bytes(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    machine = audit_commands.machine_for(str(log), None, {})
    assert machine is not None
    assert machine.table.readings["A1"] == "sg_first"
    assert run("audit", "verify", log).exit_code == 1


# --- in a process of its own ------------------------------------------------------------------------------------------


def start(*arguments: object, **options: Any) -> subprocess.Popen[bytes]:
    """The program in a process of its own, run from a folder of its own."""
    environment = {**os.environ, **HERE, **options.pop("environment", {})}
    return subprocess.Popen(
        [*START, *map(str, arguments)],
        stderr=subprocess.PIPE,
        env=environment,
        **{"stdout": subprocess.PIPE, **options},
    )


def finished(process: subprocess.Popen[bytes], stdin: bytes | None = None) -> tuple[int, str, str]:
    out, err = process.communicate(stdin, timeout=60)
    return process.returncode, (out or b"").decode(), err.decode()


@pytest.mark.parametrize("module", ["protocol_engine", "protocol_engine.entrypoints.cli"])
def test_a_module_is_run_as_the_program(module: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", module, "list", "--format", "json"]
    ran = subprocess.run(command, capture_output=True, env={**os.environ, **HERE}, cwd=tmp_path, check=True)
    assert [item["id"] for item in json.loads(ran.stdout)] == list(VERSIONS)


@pytest.mark.parametrize("verbose", [(), ("--verbose",)])
def test_a_closed_standard_error_changes_no_answer(verbose: tuple[str, ...], tmp_path: Path) -> None:
    """A service may start the program without one: nothing is told, and nothing of it reaches standard output."""
    log = tmp_path / "course.audit.jsonl"
    for arguments in (("next", "NCT07151586", ALTERNATING), ("replay", "NCT07151586", ALTERNATING, "--audit", log)):
        command = [*START, *arguments, "--format", "json", *verbose]
        shell = ["sh", "-c", 'exec "$@" 2>&-', "sh", *map(str, command)]
        ran = subprocess.run(shell, stdout=subprocess.PIPE, env={**os.environ, **HERE}, cwd=tmp_path, check=False)
        assert ran.returncode == 0
        assert isinstance(json.loads(ran.stdout), dict)
    assert run("audit", "verify", log).exit_code == 0


def test_a_process_answers_with_its_exit_code(tmp_path: Path) -> None:
    lines = ALTERNATING.read_bytes()
    early = json.dumps({**CYCLE_2, "effective": "2026-03-20"})
    for arguments, wanted in (
        (("next", "NCT07151586", "-"), 0),
        (("propose", "NCT07151586", "-", early), 1),
        (("propose", "NCT07151586", "-", "{"), 2),
    ):
        code, out, err = finished(start(*arguments, stdin=subprocess.PIPE, cwd=tmp_path), lines)
        assert code == wanted
        assert "\x1b" not in out + err
        assert (err == "") == (wanted < 2)


def test_a_pipe_that_nobody_reads_ends_the_program_quietly() -> None:
    process = start("show", "NCT07239271")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    told = process.stderr.read().decode()
    assert (process.wait(60), told) == (141, "")
    process.stderr.close()


def test_an_interrupted_process_says_so() -> None:
    process = start("next", "NCT07151586", "-", "--verbose", stdin=subprocess.PIPE)
    assert process.stderr is not None
    assert b"protocol loaded" in process.stderr.readline()  # from here on it waits for events
    process.send_signal(signal.SIGINT)
    assert finished(process) == (130, "", "error: interrupted\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_told_by_the_process() -> None:
    with Path("/dev/full").open("wb") as full:
        code, _, err = finished(start("list", stdout=full))
    assert (code, err) == (2, "error: standard output: No space left on device\n")


def test_closed_streams_are_told_by_the_process() -> None:
    shell = f"{sys.executable} -c '{START[2]}'"
    for command, wanted in (
        (f"{shell} next NCT07151586 - <&-", "error: standard input: is closed\n"),
        (f"{shell} list >&-", "error: standard output: is closed\n"),
    ):
        done = subprocess.run(
            ["bash", "-c", command], capture_output=True, text=True, env={**os.environ, **HERE}, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (2, "", wanted)


def test_letters_that_the_terminal_cannot_show_are_escaped() -> None:
    text = jsonl({"id": "fälle-病", "kind": "consent", "effective": "2026-01-02"})
    process = start("replay", "NCT07151586", "-", stdin=subprocess.PIPE, environment={"PYTHONIOENCODING": "ascii"})
    code, out, err = finished(process, text.encode())
    assert (code, err) == (0, "")
    assert "f\\xe4lle-\\u75c5" in out


# --- anything at all --------------------------------------------------------------------------------------------------


LINES = [json.loads(line) for line in ALTERNATING.read_text(encoding="utf-8").splitlines()]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def spoilt_lines(draw: st.DrawFn) -> str:
    """A course of which some values, or whole lines, are something else."""
    lines = []
    for event in LINES:
        spoilt = dict(event)
        for key in draw(st.sets(st.sampled_from(sorted(event)), max_size=2)):
            spoilt[key] = draw(JSON)
        lines.append(json.dumps(spoilt) if draw(st.booleans()) else draw(st.text(max_size=20)))
    return "\n".join(lines)


@given(spoilt_lines() | st.text() | st.binary())
def test_whatever_stands_in_the_events_there_is_an_answer_or_a_line(content: str | bytes) -> None:
    data = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    result = run("next", "NCT07151586", "-", stdin=data)
    assert result.exit_code in (0, 2)
    assert (result.exit_code == 2) == bool(result.stderr)


@given(st.text() | JSON.map(json.dumps))
def test_whatever_is_proposed_there_is_an_answer_or_a_line(action: str) -> None:
    result = run("propose", "NCT07151586", ALTERNATING, action)
    assert result.exit_code in (0, 1, 2)
    assert (result.exit_code == 2) == bool(result.stderr)


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12), max_size=4))
def test_whatever_is_typed_there_is_an_answer_or_a_line(arguments: list[str]) -> None:
    for command in ("show", "next", "audit"):
        result = run(command, *arguments)
        assert result.exit_code in (0, 1, 2)
