"""Reads journey transcripts: one patient's course as dated lines, and between them what the engine must say.

A transcript is text that a clinician can read and check against the rule page. Blank lines and lines that
begin with # are for the reader; the first block of # lines says what the transcript shows and names the
rules it exercises. Then, at the margin:

    protocol NCT07239271 A1=c1_decides          the protocol, with the readings that are not the default
    e1 2026-01-02 consent                       an event: id, the day it happened, kind, then field=value
    e2 2026-01-03 eligibility met=true
    e3 2026-01-04 observation fact=ctdna value=positive mutated_genes=PIK3CA,TP53 issued=2026-01-09
    c1 2026-01-20 correction corrects=e3 reason="wrong tube" := 2026-01-04 observation fact=ctdna value=...
    x1 2026-01-21 retraction retracts=e3 reason="entered for another patient"
    next 2026-01-22                             ask what comes next, as known on that day
    propose 2026-01-22 administration regimen=tcbhp cycle=1         ask whether this may be done that day
    as investigator next 2026-01-22            ask as somebody who may not know everything; so with `propose`

Every event above a question has arrived when it is asked. Fields of an observation that are not its own are
components; `mutated_genes=` with nothing behind it is an empty list. Indented under a question stands what is
expected. Under `next`:

    place adaptive/start C2 d1                 or `place adaptive`, `place none`: the parts written must agree
    do administer sg C3 d8; due 2026-02-23; required; basis R3; dose sg 10 mg/kg IV = 625 mg
    do assess response after_cycle_2
    do choose after_c4_switch: adc ac_h
    do allocate: control adaptive
    do perform surgery
    do obtain_consent / confirm_eligibility / follow_up
    do amend 2                                 the course may move to version 2 of its protocol
    do nothing
    await ctdna after_cycle_1 mutated_genes; by R5 R6
    await ctdna baseline; by R3; dead
    ended progression 2026-05-01
    deviation e7 condition; cites R3
    not allowed administer nab_p_hp
    track radiation beam C2 d1                 how a track stands, and perhaps what was given in it last
    version 2                                  the version of the protocol that decided
    assumption A1 A3
    not stated N1 N2
    notice contains "surgery"
    no notice contains "provisional"
    endpoint PFS event 2026-05-01; from 2026-01-03; days 118; months 3; by e9
    endpoint OS censored 2026-06-01         or its state alone: `endpoint PFS2 not_begun`
    end treatment ended progression 2026-05-01     or study, survival_follow_up; the state alone where nothing is over

`do`, `await`, `deviation` and `ended` lines are the whole list: what is not written must not be there. The
others name a part of what must be there. Behind a semicolon stand further claims about the same line:
earliest, due, latest (a date, a time or `not stated`); the strength; the `track` it belongs to; `basis` and `cites`
(ids that must be among those given); `advised ac_h` or `advised nothing` (of a choice with advice); `drugs A B`
(all the drugs of an administration); `dose DRUG 10 mg/kg IV = 625 mg`, `dose DRUG 10-20 mg PO x 2` (a range,
times a day), `dose DRUG 5 mg/kg IV = none` (no amount), `dose DRUG not stated`, `dose DRUG hidden`; `days DRUG 1-21` or
`days DRUG 1 15`. `by` must name every R rule that needs the awaited fact.

Under `propose`:

    allowed
    refused early; because contains "no tolerance"; cites R3
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

WireEvent = dict[str, Any]

RULE = re.compile(r"\b[RANG][1-9]\d?\b")
EVENT_LINE = re.compile(r"(?P<id>\S+) (?P<effective>\d{4}-\S+) (?P<kind>\w+)(?: (?P<fields>.*))?")
ACTION_LINE = re.compile(r"(?P<effective>\d{4}-\S+) (?P<kind>\w+)(?: (?P<fields>.*))?")
DOSE = re.compile(
    r"(?P<drug>\S+) (?:(?P<silent>not stated|hidden)"
    r"|(?P<low>[\d.]+)(?:-(?P<high>[\d.]+))? (?P<unit>\S+) (?P<route>[A-Z]+)(?: x (?P<per_day>\d+))?"
    r"(?: = (?:(?P<none>none)|(?P<amount>[\d.]+) (?P<amount_unit>\S+)))?)"
)
VERDICTS = ("order", "condition", "unknown", "early", "late", "content", "duplicate")
STRENGTHS = ("required", "option", "permitted")
PLAIN_ACTIONS = ("obtain_consent", "confirm_eligibility", "follow_up", "end_treatment")
NOT_STATED = "not_stated"


class TranscriptError(ValueError):
    """Everything that cannot be read in a transcript, one `file:line: what is wrong` a line."""


class _LineError(ValueError):
    """One line cannot be read; the caller knows which."""


@dataclass(frozen=True)
class Expectation:
    """One indented line: `subject` says what it is about, `also` what else is claimed of that."""

    number: int
    text: str
    word: str
    subject: Mapping[str, Any]
    also: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Checkpoint:
    """One question to the engine with all that is expected of the answer."""

    number: int
    text: str
    as_of: date
    action: WireEvent | None  # None asks what comes next
    events: tuple[WireEvent, ...]  # all that had arrived, in the order of arrival
    expectations: tuple[Expectation, ...]
    role: str | None = None  # as whom it is asked

    def expected(self, word: str) -> list[Expectation]:
        return [expectation for expectation in self.expectations if expectation.word == word]


@dataclass(frozen=True)
class Transcript:
    path: Path
    shows: str
    rules: frozenset[str]
    protocol: str
    readings: Mapping[str, str]
    events: tuple[WireEvent, ...]
    checkpoints: tuple[Checkpoint, ...]


# --- events ----------------------------------------------------------------------------------------------


def _text(written: str) -> str:
    return written


def _whole(written: str) -> int:
    if not written.isdecimal():
        raise _LineError(f"needs a whole number, not {written!r}")
    return int(written)


def _yes_no(written: str) -> bool:
    if written not in ("true", "false"):
        raise _LineError(f"needs true or false, not {written!r}")
    return written == "true"


def _list(written: str) -> list[str]:
    return [item for item in written.split(",") if item]


def _value(written: str) -> object:
    if written in ("true", "false"):
        return written == "true"
    if written.startswith("[") and written.endswith("]"):
        return _list(written[1:-1])
    return written


def _given(written: str) -> list[dict[str, str]]:
    drugs = []
    for part in written.split(";"):
        match part.split():
            case [drug]:
                drugs.append({"drug": drug})
            case [drug, dose, unit]:
                drugs.append({"drug": drug, "dose": dose, "unit": unit})
            case [drug, dose, unit, route]:
                drugs.append({"drug": drug, "dose": dose, "unit": unit, "route": route})
            case _:
                raise _LineError(f"needs `drug dose unit route` between semicolons, not {part.strip()!r}")
    return drugs


FIELDS: Mapping[str, Mapping[str, Callable[[str], object]]] = {
    "consent": {},
    "eligibility": {"met": _yes_no},
    "allocation": {"arm": _text},
    "amendment": {"version": _text},
    "observation": {"fact": _text, "timepoint": _text, "value": _value, "unit": _text},
    "administration": {"regimen": _text, "cycle": _whole, "day": _whole, "given": _given},
    "omission": {"regimen": _text, "cycle": _whole, "day": _whole, "drug": _text, "reason": _text},
    "choice": {"choice": _text, "option": _text, "name": _text, "reason": _text},
    "procedure": {"procedure": _text},
    "adverse_event": {"term": _text, "grade": _whole, "unacceptable": _yes_no, "drug": _text},
    "unblinding": {"to": _text, "by": _text, "reason": _text},
    "discontinuation": {"scope": _text, "reason": _text},
    "new_therapy": {"therapy": _text},
    "contact": {},
    "lost_to_follow_up": {},
    "withdrawal": {"scope": _text},
    "death": {},
    "study_closure": {},
    "other_treatment": {"drugs": _list},
    "correction": {"corrects": _text, "reason": _text},
    "retraction": {"retracts": _text, "reason": _text},
}
COMPONENTS: Mapping[str, Callable[[str], object]] = {"mutated_genes": _list, "tested_genes": _list}


def _day(written: str) -> str:
    try:
        return date.fromisoformat(written).isoformat()
    except ValueError:
        raise _LineError(f"no such day: {written!r}") from None


def _known_time(written: str) -> str:
    if "T" not in written:
        return _day(written)
    try:
        offset = datetime.fromisoformat(written).tzinfo
    except ValueError:
        raise _LineError(f"no such time: {written!r}") from None
    if offset is None:
        raise _LineError(f"{written!r} has a time without an offset such as +08:00")
    return written


def _fields(kind: str, written: str) -> WireEvent:
    own = FIELDS[kind]
    event: WireEvent = {}
    components: dict[str, object] = {}
    for token in shlex.split(written):
        name, sign, value = token.partition("=")
        if not sign:
            raise _LineError(f"{token!r} is no field=value (quote what has blanks in it)")
        if name in event or name in components:
            raise _LineError(f"{name} stands there twice")
        if name == "issued":
            event[name] = _known_time(value)
        elif name in own:
            event[name] = own[name](value)
        elif kind == "observation":
            components[name] = COMPONENTS.get(name, _text)(value)
        else:
            raise _LineError(f"{name!r} is no field of {kind}; it has {', '.join([*own, 'issued'])}")
    return event | ({"components": components} if components else {})


def _event(line: re.Pattern[str], written: str, shape: str) -> WireEvent:
    found = line.fullmatch(written)
    if found is None:
        raise _LineError(f"needs {shape}")
    parts = {name: part for name, part in found.groupdict().items() if name != "fields" and part is not None}
    if parts["kind"] not in FIELDS:
        raise _LineError(f"{parts['kind']!r} is no kind of event; there are {', '.join(FIELDS)}")
    _known_time(parts["effective"])
    try:
        return parts | _fields(parts["kind"], found["fields"] or "")
    except ValueError as wrong:
        raise _LineError(f"{parts['kind']}: {wrong}") from None


def read_event(written: str) -> WireEvent:
    """An event line in its wire form."""
    head, sign, new = written.partition(" := ")
    event = _event(EVENT_LINE, head.strip(), "`id date kind field=value ...`")
    if (event["kind"] == "correction") != bool(sign):
        raise _LineError("a correction, and nothing else, has ` := ` and the whole new event behind it")
    if sign:
        event["event"] = read_action(new.strip())
    return event


def read_action(written: str) -> WireEvent:
    """An event without an id: what is proposed, or what a correction says instead."""
    return _event(ACTION_LINE, written, "`date kind field=value ...`")


# --- expectations ----------------------------------------------------------------------------------------


def _ids(written: str) -> tuple[str, ...]:
    ids = tuple(written.split())
    wrong = [name for name in ids if not RULE.fullmatch(name.partition("@")[0])]  # R7@2 is R7 of version 2
    if wrong or not ids:
        raise _LineError(f"needs ids such as R3 or A1, not {' '.join(wrong) or 'nothing'}")
    return ids


def _numbered(marks: list[str]) -> dict[str, int]:
    """`C3 d1`, either of them or none."""
    found: dict[str, int] = {}
    for mark in marks:
        name = {"C": "cycle", "d": "day"}.get(mark[:1])
        if name is None or not mark[1:].isdecimal() or name in found:
            raise _LineError(f"needs a cycle and a day such as C3 d1, not {' '.join(marks)!r}")
        found[name] = int(mark[1:])
    return found


def _action(written: str) -> dict[str, Any]:
    """What a `do` or a `not allowed` is about."""
    head, colon, listed = written.partition(":")
    names = sorted(listed.split())
    match head.split():
        case ["administer", regimen, *marks] if not colon:
            return {"kind": "administer", "regimen": regimen} | _numbered(marks)
        case ["assess", fact] if not colon:
            return {"kind": "assess", "fact": fact, "timepoint": None}
        case ["assess", fact, timepoint] if not colon:
            return {"kind": "assess", "fact": fact, "timepoint": timepoint}
        case ["choose", choice]:
            return {"kind": "choose", "choice": choice} | ({"options": names} if colon else {})
        case ["allocate"]:
            return {"kind": "allocate"} | ({"arms": names} if colon else {})
        case ["perform", procedure] if not colon:
            return {"kind": "perform", "procedure": procedure}
        case ["amend", version] if not colon:
            return {"kind": "amend", "version": version}
        case [kind] if kind in PLAIN_ACTIONS and not colon:
            return {"kind": kind}
    raise _LineError(
        f"{written!r} is no action; there are `administer REGIMEN C1 d1`, `assess FACT TIMEPOINT`, "
        f"`choose CHOICE: OPTIONS`, `allocate: ARMS`, `perform PROCEDURE`, `amend VERSION`, {', '.join(PLAIN_ACTIONS)}"
    )


def _dose(written: str) -> dict[str, Any]:
    found = DOSE.fullmatch(written)
    if found is None:
        raise _LineError(f"needs `dose DRUG 10 mg/kg IV = 625 mg` or `dose DRUG not stated`, not {written!r}")
    if found["silent"]:
        return {"drug": found["drug"], "dose": NOT_STATED if found["silent"] == "not stated" else "hidden"}
    dose = {"from": found["low"], "to": found["high"]} if found["high"] else found["low"]
    wanted: dict[str, Any] = {
        "drug": found["drug"],
        "dose": dose,
        "unit": found["unit"],
        "route": found["route"],
    }
    if found["per_day"]:
        wanted["per_day"] = found["per_day"]
    if found["none"]:
        wanted["amount"] = None
    elif found["amount"]:
        wanted["amount"] = {"value": found["amount"], "unit": found["amount_unit"]}
    return wanted


def _days(written: str) -> dict[str, Any]:
    drug, _, listed = written.partition(" ")
    span = re.fullmatch(r"(\d+)-(\d+)", listed)
    if span is not None:
        return {"drug": drug, "days": {"from": int(span[1]), "to": int(span[2])}}
    if not listed.replace(" ", "").isdecimal():
        raise _LineError(f"needs `days DRUG 1-21` or `days DRUG 1 15`, not {written!r}")
    return {"drug": drug, "days": [int(day) for day in listed.split()]}


def _stated_day(written: str) -> str:
    return NOT_STATED if written == "not stated" else _known_time(written)


def _contained(written: str) -> str:
    found = re.fullmatch(r'contains "([^"]+)"', written)
    if found is None:
        raise _LineError(f'needs `contains "words"`, not {written!r}')
    return found[1]


MANY: Mapping[str, Callable[[str], object]] = {"dose": _dose, "days": _days}
"""Claims that may stand several times on one line, once a drug."""

CLAIMS: Mapping[str, Mapping[str, Callable[[str], object]]] = {
    "do": {
        "earliest": _stated_day,
        "due": _stated_day,
        "latest": _stated_day,
        "basis": _ids,
        "track": _text,
        "advised": lambda written: None if written == "nothing" else written,
        "drugs": lambda written: sorted(written.split()),
        **MANY,
    },
    "await": {"by": _ids},
    "deviation": {"cites": _ids},
    "refused": {"because": _contained, "cites": _ids},
    "endpoint": {
        "from": _day,
        "until": _day,
        "days": _whole,
        "months": _whole,
        "by": lambda written: written.split(),
        "because": _contained,
        "missing": _contained,
        "confirmation": _text,
    },
}
BARE_CLAIMS: Mapping[str, Mapping[str, tuple[str, object]]] = {
    "do": {strength: ("strength", strength) for strength in STRENGTHS},
    "await": {"dead": ("dead", True)},
}


def _claims(word: str, parts: list[str]) -> dict[str, Any]:
    also: dict[str, Any] = {}
    known, bare = CLAIMS.get(word, {}), BARE_CLAIMS.get(word, {})
    for part in parts:
        name, _, rest = part.partition(" ")
        if part in bare:
            name, claimed = bare[part]
        elif name in known:
            claimed = known[name](rest.strip())
        else:
            raise _LineError(
                f"{part!r} cannot be claimed of `{word}`; there are {', '.join([*known, *bare]) or 'none'}"
            )
        if word == "do" and name in MANY:
            also.setdefault(name, []).append(claimed)
        elif name in also:
            raise _LineError(f"{name} stands there twice")
        else:
            also[name] = claimed
    return also


def _subject_of_do(rest: str) -> dict[str, Any]:
    return {"nothing": True} if rest == "nothing" else _action(rest)


def _subject_of_place(rest: str) -> dict[str, Any]:
    where, *marks = rest.split()
    if where == "none":
        return {"arm": None, "element": None} | _numbered(marks)
    arm, slash, element = where.partition("/")
    return {"arm": arm} | ({"element": element} if slash else {}) | _numbered(marks)


def _subject_of_track(rest: str) -> dict[str, Any]:
    match rest.split():
        case [name, state, *marks]:
            return {"track": name, "state": state} | _numbered(marks)
    raise _LineError("needs `track NAME STATE` and perhaps C1 d1")


def _subject_of_await(rest: str) -> dict[str, Any]:
    match rest.split():
        case [fact]:
            return {"fact": fact, "timepoint": None}
        case [fact, timepoint]:
            return {"fact": fact, "timepoint": None if timepoint == "-" else timepoint}
        case [fact, timepoint, component]:
            return {
                "fact": fact,
                "timepoint": None if timepoint == "-" else timepoint,
                "component": component,
            }
        case _:
            raise _LineError("needs `await FACT TIMEPOINT COMPONENT` (- for a fact without timepoint)")


def _subject_of_ended(rest: str) -> dict[str, Any]:
    reason, _, day = rest.partition(" ")
    if not day:
        raise _LineError("needs `ended REASON DATE`")
    return {"reason": reason, "date": _day(day)}


def _subject_of_endpoint(rest: str) -> dict[str, Any]:
    match rest.split():
        case [name, state]:
            return {"endpoint": name, "state": state, "on": None}
        case [name, state, day]:
            return {"endpoint": name, "state": state, "on": _day(day)}
    raise _LineError("needs `endpoint NAME STATE`, with the day of an event, of censoring or of a response")


def _subject_of_end(rest: str) -> dict[str, Any]:
    match rest.split():
        case [of, state]:
            return {"of": of, "state": state}
        case [of, state, reason, day]:
            return {"of": of, "state": state, "reason": reason, "date": _day(day)}
    raise _LineError("needs `end WHAT STATE`, with the reason and the day where it is over")


def _subject_of_deviation(rest: str) -> dict[str, Any]:
    match rest.split():
        case [event, verdict] if verdict in VERDICTS:
            return {"event": event, "verdict": verdict}
    raise _LineError(f"needs `deviation EVENT VERDICT`, the verdict one of {', '.join(VERDICTS)}")


def _subject_of_refused(rest: str) -> dict[str, Any]:
    if rest not in VERDICTS:
        raise _LineError(f"needs `refused VERDICT`, one of {', '.join(VERDICTS)}")
    return {"allowed": False, "verdict": rest}


def _subject_of_allowed(rest: str) -> dict[str, Any]:
    if rest:
        raise _LineError("`allowed` stands alone")
    return {"allowed": True, "verdict": "allowed"}


SUBJECTS: Mapping[str, Callable[[str], Mapping[str, Any]]] = {
    "place": _subject_of_place,
    "do": _subject_of_do,
    "await": _subject_of_await,
    "ended": _subject_of_ended,
    "endpoint": _subject_of_endpoint,
    "end": _subject_of_end,
    "deviation": _subject_of_deviation,
    "not allowed": _action,
    "track": _subject_of_track,
    "version": lambda rest: {"version": rest},
    "assumption": lambda rest: {"ids": _ids(rest)},
    "not stated": lambda rest: {"ids": _ids(rest)},
    "notice": lambda rest: {"contains": _contained(rest)},
    "no notice": lambda rest: {"contains": _contained(rest)},
    "allowed": _subject_of_allowed,
    "refused": _subject_of_refused,
}
ANSWERS_TO_PROPOSE = ("allowed", "refused")


def read_expectation(number: int, written: str) -> Expectation:
    """One indented line."""
    head, *parts = [part.strip() for part in written.split(";")]
    word = next((known for known in SUBJECTS if head == known or head.startswith(f"{known} ")), None)
    if word is None:
        raise _LineError(f"{head.split()[0]!r} begins no expectation; there are {', '.join(SUBJECTS)}")
    subject = SUBJECTS[word](head[len(word) :].strip())
    return Expectation(number, written, word, subject, _claims(word, parts))


# --- transcripts -----------------------------------------------------------------------------------------


class _Reader:
    """Takes a transcript line by line and keeps what it could not read."""

    def __init__(self) -> None:
        self.shows: list[str] = []
        self.protocol = ""
        self.readings: dict[str, str] = {}
        self.events: list[WireEvent] = []
        self.questions: list[tuple[int, str, date, WireEvent | None, int]] = []
        self.roles: dict[int, str] = {}  # questions that are asked in a role, by line
        self.expected: dict[int, list[Expectation]] = {}
        self.answered: set[int] = set()  # questions with an indented line, readable or not
        self.wrong: list[tuple[int, str]] = []

    def take(self, number: int, line: str) -> None:
        text = line.strip()
        if not text:
            return
        if text.startswith("#"):
            if not self.protocol:
                self.shows.append(text.lstrip("# "))
            return
        try:
            if line[0].isspace():
                self._expectation(number, text)
            else:
                self._at_margin(number, text)
        except _LineError as wrong:
            self.wrong.append((number, str(wrong)))

    def _at_margin(self, number: int, text: str) -> None:
        word, _, rest = text.partition(" ")
        if word == "protocol":
            self._protocol(rest)
        elif not self.protocol:
            raise _LineError("the first line that is not a # line is `protocol ID`")
        elif word == "as":
            self._in_role(number, text, rest)
        elif word == "next":
            self._question(number, text, date.fromisoformat(_day(rest.strip())), None)
        elif word == "propose":
            action = read_action(rest.strip())
            self._question(number, text, date.fromisoformat(action["effective"][:10]), action)
        else:
            self._keep(read_event(text))

    def _in_role(self, number: int, text: str, rest: str) -> None:
        role, _, asked = rest.strip().partition(" ")
        if asked.partition(" ")[0] not in ("next", "propose"):
            raise _LineError("needs `as ROLE next DATE` or `as ROLE propose DATE kind field=value ...`")
        self.roles[number] = role
        self._at_margin(number, asked)
        self.questions[-1] = (number, text, *self.questions[-1][2:])

    def _protocol(self, rest: str) -> None:
        protocol, *readings = rest.split()
        if self.protocol:
            raise _LineError("one transcript follows one protocol")
        for reading in readings:
            name, sign, chosen = reading.partition("=")
            if not sign or not RULE.fullmatch(name):
                raise _LineError(f"needs readings such as A1=c1_decides, not {reading!r}")
            self.readings[name] = chosen
        self.protocol = protocol

    def _keep(self, event: WireEvent) -> None:
        same = [other for other in self.events if other["id"] == event["id"]]
        if same and same[0] != event:
            raise _LineError(f"{event['id']} stands above with other content")
        named = event.get("corrects", event.get("retracts"))
        if named is not None and named not in {other["id"] for other in self.events}:
            raise _LineError(f"{event['kind']} of {named}, which does not stand above")
        self.events.append(event)

    def _question(self, number: int, text: str, as_of: date, action: WireEvent | None) -> None:
        self.questions.append((number, text, as_of, action, len(self.events)))
        self.expected[number] = []

    def _expectation(self, number: int, text: str) -> None:
        if not self.questions:
            raise _LineError("an expectation stands under a `next` or a `propose`")
        question, _, _, action, arrived = self.questions[-1]
        self.answered.add(question)
        if arrived != len(self.events):
            raise _LineError("an expectation stands directly under its question, before the next event")
        expectation = read_expectation(number, text)
        if (expectation.word in ANSWERS_TO_PROPOSE) != (action is not None):
            raise _LineError(f"`{expectation.word}` answers no `{'next' if action is None else 'propose'}`")
        self.expected[question].append(expectation)

    def checkpoints(self) -> Iterator[Checkpoint]:
        for number, text, as_of, action, arrived in self.questions:
            expectations = tuple(self.expected[number])
            if number not in self.answered:
                self.wrong.append((number, "nothing is expected here; write `do nothing` if that is meant"))
            if action is not None and len(expectations) > 1:
                self.wrong.append((number, "a proposal is either `allowed` or `refused`, in one line"))
            events = tuple(self.events[:arrived])
            yield Checkpoint(number, text, as_of, action, events, expectations, self.roles.get(number))


def read_transcript(path: Path) -> Transcript:
    """Read a transcript, or raise TranscriptError with everything that is wrong with it."""
    reader = _Reader()
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        reader.take(number, line)
    checkpoints = tuple(reader.checkpoints())
    shows = " ".join(reader.shows)
    if not reader.protocol:
        reader.wrong.append((len(lines), "there is no `protocol ID` line"))
    if not RULE.search(shows):
        reader.wrong.append((1, "begins with # lines that say what it shows and name the rules"))
    if reader.wrong:
        where = "/".join(path.parts[-2:])
        raise TranscriptError("\n".join(f"{where}:{number}: {what}" for number, what in sorted(reader.wrong)))
    return Transcript(
        path=path,
        shows=shows,
        rules=frozenset(RULE.findall(shows)),
        protocol=reader.protocol,
        readings=reader.readings,
        events=tuple(reader.events),
        checkpoints=checkpoints,
    )
