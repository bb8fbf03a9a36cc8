"""Holds the engine's answers against the expectations of a transcript, and prints them in its words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from journey_transcripts import Checkpoint, Expectation, Transcript

Answer = Mapping[str, Any]
"""A decision, or the answer to a proposal, in its wire form."""


# --- expectation against answer --------------------------------------------------------------------------


def agrees(subject: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    """Whether all that the line says stands in the answer; lists of ids in any order."""
    return all(
        sorted(found.get(key) or []) == wanted if isinstance(wanted, list) else found.get(key) == wanted
        for key, wanted in subject.items()
    )


def lacking(wanted: Iterable[str], found: Sequence[str] | None) -> list[str]:
    return [name for name in wanted if name not in (found or [])]


def content_differs(action: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """What is different in one drug of an administration."""
    drugs = {drug["drug"]: drug for drug in action.get("administrations", [])}
    found = drugs.get(wanted["drug"])
    if found is None:
        return [f"{wanted['drug']} is not given, but {', '.join(drugs) or 'nothing'}"]
    wrong = []
    for key, value in wanted.items():
        there = found.get(key)
        if isinstance(there, Mapping) and isinstance(value, Mapping):
            there = {name: there.get(name) for name in value}
        if key == "per_day":
            there = str(there)  # a whole number or a decimal text
        if there != value:
            wrong.append(f"{wanted['drug']}: {key} is {there}, not {value}")
    return wrong


def claim_fails(name: str, wanted: Any, found: Mapping[str, Any]) -> list[str]:
    """What is wrong with one claim behind a semicolon."""
    match name:
        case "basis" | "cites":
            missing = lacking(wanted, found.get(name))
            return [f"{name} lacks {' '.join(missing)}"] if missing else []
        case "by":
            needed = found.get("needed_by") or []
            wrong = lacking(wanted, needed) + [r for r in needed if r.startswith("R") and r not in wanted]
            return [f"needed by {' '.join(needed) or 'nobody'}, not {' '.join(wanted)}"] if wrong else []
        case "drugs":
            drugs = sorted(drug["drug"] for drug in found.get("administrations", []))
            return [] if drugs == wanted else [f"gives {' '.join(drugs)}"]
        case "advised":
            return [] if name in found and found[name] == wanted else [f"advised is {found.get(name)}, not {wanted}"]
        case "dose" | "days":
            return [wrong for drug in wanted for wrong in content_differs(found, drug)]
        case "because":
            told = " ".join(found.get("because", []))
            return [] if wanted.lower() in told.lower() else [f"because says {told!r}"]
        case _:
            return [] if found.get(name) == wanted else [f"{name} is {found.get(name)}, not {wanted}"]


def claims_fail(expectation: Expectation, found: Mapping[str, Any]) -> list[str]:
    return [wrong for name, wanted in expectation.also.items() for wrong in claim_fails(name, wanted, found)]


Complaint = tuple[int, str, str]  # line number, line, what is wrong


def whole_list(
    checkpoint: Checkpoint,
    word: str,
    found: Iterable[Mapping[str, Any]],
    shown: Callable[[Mapping[str, Any]], str],
) -> list[Complaint]:
    """Compare lines that must be the complete list."""
    left = list(found)
    complaints: list[Complaint] = []
    for expectation in checkpoint.expected(word):
        if "nothing" in expectation.subject:
            continue
        same = [item for item in left if agrees(expectation.subject, item)]
        if not same:
            complaints.append((expectation.number, expectation.text, "is not there"))
            continue
        # Where several agree (two waits for parts of one sample), the one of which every claim holds.
        item = next((one for one in same if not claims_fail(expectation, one)), same[0])
        left.remove(item)
        complaints += [(expectation.number, expectation.text, what) for what in claims_fail(expectation, item)]
    complaints += [(checkpoint.number, checkpoint.text, f"nobody expects `{shown(item)}`") for item in left]
    return complaints


def wrong_with_decision(checkpoint: Checkpoint, decision: Answer) -> list[Complaint]:
    """Every line under `next` that the decision does not bear out."""
    ended = [] if decision["ended"] is None else [decision["ended"]]
    complaints = [
        *whole_list(checkpoint, "do", decision["actions"], action_line),
        *whole_list(checkpoint, "await", decision["awaiting"], await_line),
        *whole_list(checkpoint, "deviation", decision["deviations"], deviation_line),
        *whole_list(checkpoint, "ended", ended, ended_line),
    ]
    # A wait is dead only where the line says so.
    dead = {
        (line.subject["fact"], line.subject["timepoint"])
        for line in checkpoint.expected("await")
        if line.also.get("dead")
    }
    complaints += [
        (checkpoint.number, checkpoint.text, f"nobody expects `{await_line(wait)}` to be dead")
        for wait in decision["awaiting"]
        if wait["dead"] and (wait["fact"], wait["timepoint"]) not in dead
    ]
    told = [text.lower() for text in decision["notices"]]
    partial: dict[str, Callable[[Mapping[str, Any]], bool]] = {
        "track": lambda subject: any(
            agrees(subject, {"track": name, **at}) for name, at in decision["place"].get("tracks", {}).items()
        ),
        "place": lambda subject: agrees(subject, decision["place"]),
        "not allowed": lambda subject: any(agrees(subject, no["action"]) for no in decision["not_allowed"]),
        "version": lambda subject: agrees(subject, decision["protocol"]),
        "assumption": lambda subject: not lacking(subject["ids"], decision["assumptions"]),
        "not stated": lambda subject: not lacking(subject["ids"], decision["not_stated"]),
        "endpoint": lambda subject: any(agrees(subject, found) for found in decision.get("endpoints", ())),
        "end": lambda subject: agrees({**subject, "of": None}, decision.get("ends", {}).get(subject["of"], {})),
        "notice": lambda subject: any(subject["contains"].lower() in text for text in told),
        "no notice": lambda subject: all(subject["contains"].lower() not in text for text in told),
    }
    complaints += [
        (line.number, line.text, "is not so")
        for word, holds in partial.items()
        for line in checkpoint.expected(word)
        if not holds(line.subject)
    ]
    for line in checkpoint.expected("endpoint"):
        found = next((one for one in decision["endpoints"] if agrees(line.subject, one)), None)
        if found is not None:
            complaints += [(line.number, line.text, what) for what in endpoint_fails(line, found)]
    return complaints


def endpoint_fails(line: Expectation, found: Mapping[str, Any]) -> list[str]:
    """What is wrong with the claims about one endpoint; `by` is the whole list of events."""
    wrong = []
    for name, wanted in line.also.items():
        there = found["events" if name == "by" else name]
        if name in ("because", "missing"):
            right = wanted.lower() in " ".join(there).lower()
        else:
            right = (sorted(there) if name == "by" else there) == (sorted(wanted) if name == "by" else wanted)
        wrong += [] if right else [f"{name} is {there}, not {wanted}"]
    return wrong


def wrong_with_reply(checkpoint: Checkpoint, reply: Answer) -> list[Complaint]:
    """What the answer to a proposal does not bear out."""
    complaints: list[Complaint] = []
    for line in checkpoint.expectations:
        if not agrees(line.subject, reply):
            complaints.append((line.number, line.text, f"the verdict is {reply['verdict']}"))
        complaints += [(line.number, line.text, what) for what in claims_fail(line, reply)]
    return complaints


# --- the answer in the words of a transcript -------------------------------------------------------------


def ids_of(label: str, ids: Iterable[str]) -> str:
    ids = list(ids)
    return f"; {label} {' '.join(ids)}" if ids else ""


def action_line(action: Mapping[str, Any]) -> str:
    match action["kind"]:
        case "administer":
            head = f"administer {action.get('regimen')} C{action.get('cycle')} d{action.get('day')}"
        case "assess":
            head = f"assess {action.get('fact')} {action.get('timepoint') or ''}".rstrip()
        case "choose":
            head = f"choose {action.get('choice')}: {' '.join(action.get('options') or [])}"
        case "allocate":
            head = f"allocate: {' '.join(action.get('arms') or [])}"
        case "perform":
            head = f"perform {action.get('procedure')}"
        case "amend":
            head = f"amend {action.get('version')}"
        case other:
            head = str(other)
    due = str(action.get("due", "")).replace("_", " ")
    return f"do {head}; due {due}; {action.get('strength')}{ids_of('basis', action.get('basis', []))}"


def await_line(wait: Mapping[str, Any]) -> str:
    what = " ".join([wait["fact"], wait.get("timepoint") or "-", wait.get("component") or ""]).strip(" -")
    return f"await {what}{ids_of('by', wait['needed_by'])}{'; dead' if wait['dead'] else ''}"


def ended_line(ended: Mapping[str, Any]) -> str:
    return f"ended {ended['reason']} {ended['date']}"


def deviation_line(deviation: Mapping[str, Any]) -> str:
    return f"deviation {deviation['event']} {deviation['verdict']}{ids_of('cites', deviation.get('cites', []))}"


def decision_lines(decision: Answer) -> list[str]:
    place = decision["place"]
    return [
        f"place {place.get('arm')}/{place.get('element')} C{place.get('cycle')} d{place.get('day')}",
        *map(action_line, decision["actions"]),
        *map(await_line, decision["awaiting"]),
        *([ended_line(decision["ended"])] if decision["ended"] else []),
        *map(deviation_line, decision["deviations"]),
        *(f"endpoint {found['endpoint']} {found['state']} {found['on']}" for found in decision.get("endpoints", ())),
        *(f"end {of} {found['state']}" for of, found in decision.get("ends", {}).items() if "state" in (found or ())),
        *(f"not allowed {action_line(no['action'])[3:].partition(';')[0]}" for no in decision["not_allowed"]),
        f"assumption {' '.join(decision['assumptions'])}",
        f"not stated {' '.join(decision['not_stated'])}",
        *(f'notice contains "{text}"' for text in decision["notices"]),
    ]


def report(transcript: Transcript, complaints: list[Complaint], answer: Answer) -> str:
    name = "/".join(transcript.path.parts[-2:])
    lines = [f"{name}:{number}: {text}\n    {what}" for number, text, what in sorted(complaints)]
    shown = decision_lines(answer) if "actions" in answer else [json.dumps(answer, ensure_ascii=False)]
    return "\n".join([*lines, "the engine says:", *(f"    {line}" for line in shown)])
