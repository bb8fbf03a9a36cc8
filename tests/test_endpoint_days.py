"""Which days an endpoint takes, and what it makes of a day in doubt: what the journeys do not come to.

Each test gives ROWAN-1 endpoints of its own. Its courses begin with consent on 1 January and allocation on the 2nd.
"""

from __future__ import annotations

import json
import re
from datetime import date
from functools import cache
from pathlib import Path

import pytest
from course_lines import events

from protocol_engine import Course, compile_protocol
from protocol_engine.checks import check_protocol
from protocol_engine.engine.course import Machine
from protocol_engine.model.outcomes import EndpointAnswer
from protocol_engine.model.protocol import Protocol
from protocol_engine.reader import read_protocol

ROWAN = (Path(__file__).parent / "protocols" / "ROWAN-1.yaml").read_text(encoding="utf-8")
FACTS = """\
  relapse: {label: relapse, date: yes, never: yes, cite: R4}
  clear: {label: clear margin, yes_no: yes, cite: R4}
  image:
    levels: [worse, same, better]
    parts: {reader: {one_of: [ours, theirs], cite: R4}}
    calendar: {from: allocation, every: 4 weeks, cite: R4}
    cite: R4
"""
VALUES = """\
  deadline: {label: thirty days after allocation, date: allocation, plus: 30 days, cite: R4}
  relapsed: {label: relapse or progression, date: [relapse, progressed], cite: R4}
  removed: {label: removal, ever: procedure.resection, since: allocation, cite: R4}
  operated: {label: operation, ever: procedure.resection, cite: R4}
  after_dose: {label: image after a dose, ever: procedure.resection, since: administration.rowanib, cite: R4}
  ours: {label: our last reading, last: image, where: {reader: ours}, cite: R4}
  worse_twice: {label: worse twice, confirmation: image, is: worse, after: 2 weeks, cite: R4}
  in_element: {label: a month after the element began, date: element, plus: 1 month, cite: R4}
  clear_here: {label: as known here, holds: {in_element: reached}, cite: R4}
  last_contact: {label: a taken name, last: image, cite: R4}
  still_clear: {label: margin clear and no progression, holds: {clear: yes, progressed: no}, cite: R4}
"""


def protocol_with(endpoint: str) -> Protocol:
    text = ROWAN.replace("\ndrugs:\n", f"{FACTS}\ndrugs:\n").replace("\ncourse:\n", f"{VALUES}\ncourse:\n", 1)
    text = text.replace("endpoints_see: N1", f"endpoints:\n  E: {{{endpoint}, cite: R4}}\n")
    return read_protocol(text, "rowan.yaml")


@cache
def machine_with(endpoint: str) -> Machine:
    protocol = protocol_with(endpoint)
    assert [problem for problem in check_protocol(protocol) if problem.severity == "problem"] == []
    return compile_protocol(protocol)


BEGUN = "c 2026-01-01 consent\ne 2026-01-01 eligibility met=true\na 2026-01-02 allocation arm=rowan\n"


def answer(endpoint: str, lines: str, day: str = "2026-12-31") -> EndpointAnswer:
    told = events(BEGUN + lines)
    return Course(machine_with(endpoint)).record_all(told).outcomes(date.fromisoformat(day)).endpoints[0]


def said(endpoint: str, lines: str, day: str = "2026-12-31") -> str:
    found = answer(endpoint, lines, day)
    return f"{found.state} {found.on}" if found.on is not None else found.state


TO = "from: {{date_of: {}}}, to: {{date_of: {}}}, censoring: not_stated, see: N1"
DOSE = "d 2026-01-05 administration regimen=rowanib cycle=1 day=1\n"


@pytest.mark.parametrize(
    ("begin", "end", "lines", "expected"),
    [
        ("first_dose", "procedure.resection", DOSE + "p 2026-02-01 procedure procedure=resection", "event 2026-02-01"),
        ("first_dose", "procedure.resection", "p 2026-02-01 procedure procedure=resection", "not_begun"),
        ("eligibility", "administration.rowanib", DOSE, "event 2026-01-05"),
        ("allocation", "choice.operation.open", "o 2026-03-01 choice choice=operation option=open", "event 2026-03-01"),
        ("allocation", "choice.operation.keyhole", "o 2026-03-01 choice choice=operation option=open", "x"),
        ("allocation", "deadline", "", "event 2026-02-01"),  # 30 days after 2 January
        ("allocation", "withdrawal.study", "w 2026-02-03 withdrawal scope=treatment", "x"),
        ("allocation", "withdrawal", "w 2026-02-03 withdrawal scope=treatment", "event 2026-02-03"),
        ("allocation", "relapse", "r 2026-06-01 observation fact=relapse value=2026-05-20", "event 2026-05-20"),
        ("allocation", "relapse", "r 2026-06-01 observation fact=relapse value=never", "x"),
        ("allocation", "image", "i 2026-06-01 observation fact=image value=same", "event 2026-06-01"),
        ("allocation", "removed", "p 2026-02-01 procedure procedure=resection", "event 2026-02-01"),
        ("allocation", "operated", "p 2026-02-01 procedure procedure=resection", "event 2026-02-01"),
        ("allocation", "after_dose", "p 2026-02-01 procedure procedure=resection", "x"),  # before any dose
        ("allocation", "after_dose", DOSE + "p 2026-02-01 procedure procedure=resection", "event 2026-02-01"),
        # the newest word on the day of relapse; the progression of March comes before it
        (
            "allocation",
            "relapsed",
            "r 2026-06-01 observation fact=relapse value=2026-05-20\nq 2026-03-01 observation fact=response value=PD",
            "event 2026-03-01",
        ),
    ],
)
def test_the_day_of_a_name(begin: str, end: str, lines: str, expected: str) -> None:
    assert said(TO.format(begin, end), lines) == ("censoring_not_stated" if expected == "x" else expected)


TWO_DAYS = (
    "r1 2026-06-01 observation fact=relapse value=2026-05-20\nr2 2026-06-01 observation fact=relapse value=2026-05-01\n"
)
MUDDLED = "q1 2026-03-01 observation fact=response value=PD\nq2 2026-03-01 observation fact=response value=SD\n"


@pytest.mark.parametrize(
    ("end", "lines", "expected"),
    [
        ("relapse", TWO_DAYS, "unknown"),
        ("relapsed", TWO_DAYS, "unknown"),
        ("relapsed", MUDDLED, "unknown"),
        ("progressed", MUDDLED, "unknown"),
        # what is sure on an earlier day makes the doubt idle
        ("progressed", MUDDLED + "q0 2026-02-01 observation fact=response value=PD", "event 2026-02-01"),
        ("death", "x1 2026-02-01 death\nx2 2026-02-03 death", "unknown"),
    ],
)
def test_a_day_in_doubt_is_unknown_where_it_decides(end: str, lines: str, expected: str) -> None:
    found = answer(TO.format("allocation", end), lines)
    assert (f"{found.state} {found.on}" if found.on else found.state) == expected
    assert bool(found.missing) is (expected == "unknown")


def test_a_beginning_in_doubt_is_unknown() -> None:
    assert said(TO.format("progressed", "death"), MUDDLED) == "unknown"


def test_a_value_of_one_day_that_lies_before_the_beginning_tells_nothing_of_later_ones() -> None:
    """Worse on 10 January and again on the 30th; removed on 20 February, from when nobody knows of a first one."""
    lines = "i1 2026-01-10 observation fact=image value=worse\ni2 2026-01-30 observation fact=image value=worse\n"
    found = answer(
        TO.format("procedure.resection", "worse_twice"), lines + "p 2026-02-20 procedure procedure=resection"
    )
    assert found.state == "unknown"
    assert "lies before the beginning on 2026-02-20" in found.because[0]


def test_a_confirmation_that_turns_on_a_doubt_is_unknown() -> None:
    """Worse on 10 and 30 January; between them two readings of one day that differ, one of them not worse."""
    twice = "i1 2026-01-10 observation fact=image value=worse\ni2 2026-01-30 observation fact=image value=worse\n"
    between = "i3 2026-01-20 observation fact=image value=worse\ni4 2026-01-20 observation fact=image value=same\n"
    assert said(TO.format("allocation", "worse_twice"), twice) == "event 2026-01-10"
    assert said(TO.format("allocation", "worse_twice"), twice + between) == "unknown"


# --- censoring -------------------------------------------------------------------------------------------------------

OPEN = "from: {date_of: allocation}, to: {date_of: death}"


def test_censoring_at_the_end_of_the_time_assessed() -> None:
    endpoint = f"{OPEN}, up_to: 2 months, censoring: up_to"
    assert said(endpoint, "", "2026-03-01") == "open"
    assert said(endpoint, "", "2026-03-02") == "censored 2026-03-02"
    assert said(endpoint, "x 2026-03-03 death") == "censored 2026-03-02"
    assert said(endpoint, "x 2026-03-02 death") == "event 2026-03-02"


def test_a_closing_in_doubt() -> None:
    """Progression on 1 March closes the observation, if it was one; the death of April counts only if it was none."""
    endpoint = f"{OPEN}, closed_by: progressed, censoring: from"
    assert said(endpoint, MUDDLED + "x 2026-04-01 death") == "unknown"
    assert said(endpoint, MUDDLED + "x 2026-03-01 death") == "event 2026-03-01"


def test_a_visit_missed_only_if_a_reading_was_not_ours() -> None:
    """Visits every 4 weeks from 2 January: 30 January, 27 February. One image of February does not say whose it is."""
    endpoint = f"{OPEN}, missed: {{visits: 2, of: ours}}, censoring: from"
    death = "x 2026-03-05 death\n"
    assert said(endpoint, death) == "censored 2026-01-02"
    assert said(endpoint, death + "i 2026-02-10 observation fact=image value=same reader=ours") == "event 2026-03-05"
    assert (
        said(endpoint, death + "i 2026-02-10 observation fact=image value=same reader=theirs") == "censored 2026-01-02"
    )
    assert said(endpoint, death + "i 2026-02-10 observation fact=image value=same") == "unknown"
    assert said(f"{OPEN}, missed: {{visits: 9, of: image}}, censoring: from", death) == "event 2026-03-05"


def test_what_begins_after_it_was_closed_does_not_count() -> None:
    """Worse on 1 and 20 March, after a new therapy of February: as with what ends it, so with what begins it."""
    endpoint = "from: {date_of: worse_twice}, to: {date_of: death}, closed_by: new_therapy, censoring: from"
    worse = "i1 2026-03-01 observation fact=image value=worse\ni2 2026-03-20 observation fact=image value=worse\n"
    found = answer(endpoint, worse + "n 2026-02-10 new_therapy therapy=another")
    assert (found.state, found.begin) == ("not_begun", None)
    assert found.because == (
        "new therapy on 2026-02-10 closes it before worse twice on 2026-03-01, which does not count",
    )
    assert said(endpoint, worse + "n 2026-03-01 new_therapy therapy=another") == "censored 2026-03-01"
    in_doubt = endpoint.replace("new_therapy", "progressed")
    early = "q1 2026-02-01 observation fact=response value=PD\nq2 2026-02-01 observation fact=response value=SD\n"
    assert said(in_doubt, worse + early) == "unknown"


def test_visits_missed_before_the_beginning_are_not_asked_for() -> None:
    """Visits on 30 January, 27 February and 27 March: the first is over before 1 March, and so is the second."""
    endpoint = "from: {date_of: operated}, to: {date_of: death}, missed: {visits: 2, of: image}, censoring: from"
    lines = "p 2026-03-01 procedure procedure=resection\n"
    assert said(endpoint, lines + "x 2026-04-20 death") == "event 2026-04-20"
    assert said(endpoint, lines + "x 2026-04-25 death") == "censored 2026-03-01"  # the visit of 24 April is missed too


def test_before_the_allocation_no_visit_is_asked_for() -> None:
    endpoint = "from: {date_of: consent}, to: {date_of: death}, missed: {visits: 1, of: image}, censoring: from"
    told = events("c 2026-01-01 consent\nx 2026-06-01 death")
    found = Course(machine_with(endpoint)).record_all(told).outcomes().endpoints[0]
    assert (found.state, found.days) == ("event", 151)  # 30 + 28 + 31 + 30 + 31 + 1


IMAGE = re.compile(r"(i\d? \S+) (worse|same|better)")
"""An image in short: `i1 2026-02-01 better`."""


# --- rates -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of", "lines", "expected"),
    [
        ("{fact: clear, is: ['yes']}", "m 2026-02-01 observation fact=clear value=true", "yes 2026-02-01"),
        ("{fact: clear, is: ['yes']}", "m 2026-02-01 observation fact=clear value=false", "not_yet"),
        ("{fact: still_clear, is: ['yes']}", "", "not_yet"),
        ("{fact: still_clear, is: ['yes']}", "m 2026-02-01 observation fact=clear value=true", "yes"),
        ("{fact: still_clear, is: ['yes']}", "m 2026-02-01 observation fact=clear value=false", "not_yet"),
        ("{fact: still_clear, is: ['yes']}", "m 2026-02-01 observation fact=clear value=true\n" + MUDDLED, "unknown"),
        ("{fact: still_clear, is: ['yes']}", "x 2026-03-01 death", "not_evaluable"),
        # since an act that has not been: nothing counts
        ("{fact: image, is: [better], since: procedure.resection}", "i 2026-02-01 better", "not_yet"),
        ("{fact: image, is: [better], since: doses}", DOSE + "i 2026-02-01 better", "yes 2026-02-01"),
        ("{fact: image, is: [better], where: {reader: ours}}", "i 2026-02-01 better reader=theirs", "not_yet"),
        ("{fact: image, is: [better], where: {reader: ours}}", "i 2026-02-01 better", "unknown"),
        # two readings of one day that differ: a doubt only if one of them counts
        ("{fact: image, is: [better]}", "i1 2026-02-01 better\ni2 2026-02-01 same", "unknown"),
        ("{fact: image, is: [better]}", "i1 2026-02-01 worse\ni2 2026-02-01 same", "not_yet"),
        ("{fact: worse_twice, is: [confirmed]}", "i1 2026-01-10 worse\ni2 2026-01-30 worse", "yes 2026-01-10"),
    ],
)
def test_a_rate(of: str, lines: str, expected: str) -> None:
    assert said(f"of: {of}", IMAGE.sub(r"\1 observation fact=image value=\2", lines)) == expected


def test_a_rate_that_is_closed_in_doubt() -> None:
    """A better image after a progression that may have been none."""
    endpoint = "of: {fact: image, is: [better]}, closed_by: progressed"
    later = "i 2026-04-01 observation fact=image value=better\n"
    assert said(endpoint, later) == "yes 2026-04-01"
    assert said(endpoint, later + MUDDLED) == "unknown"
    assert said(endpoint, later + "q 2026-03-01 observation fact=response value=PD") == "not_evaluable"


def test_what_is_defined_in_words_stays_words() -> None:
    found = answer("of_words: how the patients feel", "")
    assert (found.state, found.because) == ("in_words", ("how the patients feel",))


def test_the_wire_form_of_a_course_in_which_nothing_happened() -> None:
    wire = Course(machine_with(TO.format("consent", "death"))).outcomes().as_json()
    assert (wire["as_of"], wire["endpoints"][0]["state"]) == (None, "not_begun")
    assert json.dumps(wire["ends"]["new_therapy"]) == "null"


# --- what the checks find --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endpoint", "code", "words"),
    [
        (f"{OPEN}, censoring: last_contact", "name-taken", "last_contact is a word of endpoints, and a name of this"),
        (f"{OPEN}, closed_by: in_element, censoring: from", "wrong-test", "counts since the element where the patient"),
        ("of: {fact: clear_here, is: ['yes']}", "wrong-test", "clear_here counts since the element"),
        ("of: {fact: deadline, is: [late]}", "wrong-test", "deadline has no levels of which one could count"),
        ("of: {fact: worse_twice, is: [unconfirmed]}", "wrong-test", "only `confirmed` counts"),
        ("of: {fact: worse_twice, is: [confirmed], since: allocation}", "ignored", "which says this itself"),
        ("of: {fact: image, is: [better], since: nothing}", "unknown-name", "'nothing' is no element or act"),
        ("of: {fact: image, is: [better], where: {eye: ours}}", "unknown-name", "eye"),
        ("of_words: as they feel, closed_by: death", "ignored", "closes nothing"),
        (
            f"{OPEN}, missed: {{visits: 2, of: mine}}, censoring: from",
            "unknown-name",
            "'mine' is no fact, and no `last`",
        ),
        (f"{OPEN}, missed: {{visits: 0, of: image}}, censoring: from", "no-calendar", "closes everything at once"),
    ],
)
def test_a_fault_of_an_endpoint_is_found(endpoint: str, code: str, words: str) -> None:
    found = [problem for problem in check_protocol(protocol_with(endpoint)) if problem.severity == "problem"]
    assert [(problem.code, words in problem.message) for problem in found] == [(code, True)]
