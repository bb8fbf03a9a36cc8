"""What a diagram says: the text of a place's box, of the condition beside an arrow, and of the notes below."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal, assert_never

from attrs import field, frozen

from protocol_engine.adapters.diagram_beside import regimen_marks, window_mark
from protocol_engine.adapters.phrases import is_yes_no, unit_words
from protocol_engine.engine.wording import label_of, test_words, track_words, words
from protocol_engine.model.conditions import Condition, InSet, NamedTest, OneOf, Presence
from protocol_engine.model.table import DISCONTINUED, LIFE, STUDY, WITHDRAWN, Guard, Place, Row, Table

Weight = Literal["strong", "plain", "quiet"]
BREAKS = re.compile(r"[ \t\r\n\x85\u2028\u2029]+")
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
FIXED_WORDS = {
    "waiting": "not begun",
    "start": "start",
    "consented": "consent given",
    "eligible": "criteria met",
    "stopped": "treatment stopped",
    "instead": "the course is left",
}
WHILE_UNKNOWN = {
    "wait": "while one is unknown, the others wait",
    "offer": "while one is unknown, the others are offered",
}


def one_line(text: str) -> str:
    """The text without line breaks, and with a sign in the place of what no document can hold."""
    return UNPRINTABLE.sub("\ufffd", BREAKS.sub(" ", text)).strip()


@frozen
class Line:
    """A line of text, as yet of any length."""

    text: str = field(converter=one_line)
    weight: Weight = "plain"


# --- places --------------------------------------------------------------------------------------------------------


def place_lines(table: Table, place: Place) -> tuple[Line, ...]:
    """What the box of a place says, the acts last that leave the patient where she is."""
    lines = [line for line in _lines(table, place) if line.text]
    beside = dict.fromkeys(_act_words(table, row) for row in beside_of(table, place.id))
    if beside:
        lines.append(Line(f"beside it: {', '.join(beside)}", "quiet"))
    return tuple(lines)


def beside_of(table: Table, place: str) -> Iterable[Row]:
    """The rows that leave the patient in the place, without the options of a choice that can also lead on."""
    rows = table.offers.get(place, ())
    leading = {choice_of(row) for row in rows if row.target != place}
    return [row for row in rows if row.effect == "stay" and (choice_of(row) is None or choice_of(row) not in leading)]


def choice_of(row: Row) -> str | None:
    """The choice that a row takes an option of."""
    return row.act.name.partition("=")[0] if row.act is not None and row.act.kind == "choice" else None


def choice_lines(table: Table, choice: str, place: str) -> tuple[Line, ...]:
    """What the box of a choice says that is offered in the place."""
    stays = [row for row in table.offers[place] if row.effect == "stay" and choice_of(row) == choice]
    names = dict.fromkeys(option_name(table, row.act.name.partition("=")[2]) for row in stays if row.act is not None)
    lines = [Line(f"{table.choices[choice].by} chooses", "strong"), Line(words(choice))]
    if names:
        lines.append(Line(f"or: {', '.join(names)} (nothing changes)", "quiet"))
    rows = [row for row in table.offers[place] if choice_of(row) == choice]
    advice = tuple(dict.fromkeys(advised for row in rows for advised in row.advice))
    for advised in advice:
        tests = " ".join(condition_lines(table, advised.guard.condition))
        claims = f" ({advised.guard.named})" if advised.guard.named else ""
        lines.append(Line(f"advised: {option_name(table, advised.option)} if {tests}{claims}", "quiet"))
    if advice:
        lines.append(Line("another option needs a reason", "quiet"))
    menus = {row.while_unknown for row in rows if row.while_unknown is not None}
    return (*lines, *(Line(WHILE_UNKNOWN[menu], "quiet") for menu in sorted(menus)))


def option_name(table: Table, option: str) -> str:
    """An option as it is read: that of a regimen or a drug by its name."""
    if option in table.regimens:
        return table.regimens[option].name
    return _drug_name(table, option)


def _drug_name(table: Table, drug: str) -> str:
    return table.drugs[drug].name if drug in table.drugs else words(drug)


def _lines(table: Table, place: Place) -> tuple[Line, ...]:  # noqa: C901  # one case for each kind of place
    match place.kind:
        case "start" | "consented" | "eligible" | "stopped" | "instead":
            return (Line(FIXED_WORDS[place.kind], "strong"),)
        case "allocated":
            return _arm_lines(table, place)
        case "waiting":
            title = track_words(table, place.arm, place.track or "")
            return (Line(title, "strong"), Line(FIXED_WORDS[place.kind]))
        case "giving":
            return _giving_lines(table, place)
        case "observing":
            quiet = (Line("no treatment", "quiet"),) if table.subject == "patient" else ()
            return (Line(_title(table, place.element), "strong"), *quiet)
        case "chosen":
            return (Line(option_name(table, _option_taken(table, place)), "strong"),)
        case "assigned":
            return (Line(f"{words(place.element or '')}: {words(_arm_drawn(table, place))}", "strong"),)
        case "performed":
            name = place.element or ""
            return (Line(table.procedures[name].name if name in table.procedures else words(name), "strong"),)
        case "closed":
            return (Line(f"{_title(table, place.element)} closed", "strong"),)
        case "ended":
            follow_up = "survival is followed" if place.follow_up else ""
            return (Line(f"end: {words(place.reason or '')}", "strong"), Line(follow_up, "quiet"))
        case _:
            assert_never(place.kind)


def _arm_lines(table: Table, place: Place) -> tuple[Line, ...]:
    arm = table.arms[place.arm or ""]
    never = ", ".join(f"{_drug_name(table, drug)} ({' '.join(cites)})" for drug, cites in arm.never.items())
    return (Line(arm.id, "strong"), Line(arm.title), Line(f"never given: {never}" if never else "", "quiet"))


def _giving_lines(table: Table, place: Place) -> tuple[Line, ...]:
    regimen = table.regimens[place.regimen or ""].name
    title = place.title or ""
    marks = (Line(mark, "quiet") for mark in regimen_marks(table, table.regimens[place.regimen or ""]))
    below = (Line(_cycles(table, place), "quiet"), *marks)
    if title.casefold().startswith(regimen.casefold()):
        return (Line(title, "strong"), *below)
    return (Line(regimen, "strong"), Line(title), *below)


def _cycles(table: Table, place: Place) -> str:
    if place.cycles is not None:
        return f"{place.cycles} cycle{'' if place.cycles == 1 else 's'}"
    if any(row.effect == "again" and row.strength == "option" for row in table.offers.get(place.id, ())):
        silent = f" ({' '.join(place.see)})" if place.see else ""
        return f"number of cycles not stated{silent}"
    return "cycle after cycle"


def _option_taken(table: Table, place: Place) -> str:
    """The option that was taken to come to a place: the row that leads there says so."""
    acts = (row.act for row in table.rows if row.target == place.id and choice_of(row) is not None)
    return next(act.name.partition("=")[2] for act in acts if act is not None)


def _arm_drawn(table: Table, place: Place) -> str:
    """The arm that was drawn to come to a place: the row that leads there says so."""
    acts = (row.act for row in table.rows if row.target == place.id and row.act is not None)
    return next((act.name for act in acts if act.kind == "allocation"), "")


def _title(table: Table, element: str | None) -> str:
    """What an element is called, by the first place that has a title for it."""
    if element is None:
        return "repetition"
    titles = (place.title for place in table.places.values() if place.element == element and place.title)
    return next(titles, words(element))


def _act_words(table: Table, row: Row) -> str:
    act = row.act
    if act is None:
        return ""
    match act.kind:
        case "administration":
            return table.regimens[act.name].name
        case "procedure":
            return table.procedures[act.name].name
        case _:
            return f"another choice of {words(act.name.partition('=')[0])}"


# --- beside an arrow ------------------------------------------------------------------------------------------------


def arrow_lines(table: Table, row: Row, guards: Sequence[Guard]) -> tuple[str, ...]:
    """What must hold for a row, of these of its guards: conditions, the window, and what becomes of other rows."""
    tests: list[str] = []
    for guard in guards:
        if not guard.waits:
            lines = condition_lines(table, guard.condition, refutes=guard.refutes)
            tests += [f"and {line}" for line in lines[:1]] + lines[1:] if tests else lines
    if any(guard.waits for guard in guards):
        tests.append("and what the other rows ask is known")
    if row.window is not None:
        tests.append(one_line(window_mark(row.window)))
    for among in row.among if row.act is not None else ():
        who = f"the {among.by}" if among.by is not None else "whoever acts"
        tests.append(one_line(f"of the rows that hold {who} takes one"))
    if row.act is not None and row.act.kind == "allocation" and row.while_unknown is not None and tests:
        tests.append(WHILE_UNKNOWN[row.while_unknown])
    return tuple(tests)


# --- conditions ----------------------------------------------------------------------------------------------------


def condition_lines(table: Table, condition: Condition, *, refutes: bool = False) -> list[str]:
    """A condition, a test a line; ``or`` begins each further way in which it can hold, ``unless`` what refutes."""
    found: list[str] = []
    for clause in condition.clauses:
        lines = [line for line in (_test_line(table, named, refutes=refutes) for named in clause.tests) if line]
        begins = "or " if found else "unless " if refutes else ""
        found += [one_line(f"{'and ' if number else begins}{line}") for number, line in enumerate(lines)]
    return found


def _test_line(table: Table, named: NamedTest, *, refutes: bool) -> str:
    name = label_of(table, named.name)
    match named.test:
        case OneOf(("yes",)) if is_yes_no(table, named.name) and not refutes:
            return name
        case OneOf(("no",)) if is_yes_no(table, named.name) and not refutes:
            return f"no {name}"
        case Presence("irrelevant"):
            return ""
        case Presence("any_result"):
            return f"{name} is known"
        case Presence("reached"):
            return f"{name} has come"
        case Presence("not_reported"):
            return f"{name} is not reported"
        case Presence("reported_without_result"):
            return f"{name} was reported without a result"
        case InSet(how, members):
            return f"{name}: {words(how).removesuffix(' in')} of {words(members)}"
        case test:
            unit = unit_words(table, named.name).replace(" ", "\u00a0")
            return f"{name}: {words(test_words(test))}{unit}"


# --- below the picture ------------------------------------------------------------------------------------------------


def readings_line(table: Table) -> str:
    """Which readings the picture shows."""
    default = {name: assumption.default for name, assumption in table.assumptions.items()}
    chosen = [f"{name}={reading}" for name, reading in table.readings.items() if reading != default[name]]
    return f"Read with {', '.join(chosen)}." if chosen else "Every assumption in its default reading."


def notes(table: Table) -> tuple[str, ...]:
    """The ends that hold in every protocol, and are not drawn from every place."""

    def ends(*scopes: str) -> str:
        rows = [row for scope in scopes for row in table.falls.get(scope, ())]
        told = (f"{words(table.places[row.target].reason or '')} ({' '.join(row.cites)})" for row in rows)
        return ", ".join(dict.fromkeys(told))

    return (
        f"Not drawn, since they end the course in every place: {ends(LIFE, STUDY)}.",
        f"Not drawn, ends treatment in every place, and survival is followed: {ends(WITHDRAWN)}.",
        f"Not drawn, ends treatment wherever no broken line says what follows: {ends(DISCONTINUED)}.",
    )
