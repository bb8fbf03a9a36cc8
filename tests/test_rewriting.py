"""Corrections, retractions, and corrections of those: what stands, and what goes in a circle."""

from __future__ import annotations

from collections import deque

import pytest
from course_lines import begun, events, machine, read

from protocol_engine import InputError, Problems, begin, decide, replay, step
from protocol_engine.engine.intake import accepted
from protocol_engine.engine.rewriting import rewrites_in, rewritten
from protocol_engine.model.events import ObservationEvent

RESULT = "e1 2026-01-05 observation fact=response value=PD"
WRONG = 'c1 2026-01-06 correction corrects=e1 reason="misread" := 2026-01-05 observation fact=response value=SD'


def response(lines: str) -> str | None:
    """What stands under e1 when all lines are known."""
    told = {event.id: event for event in events(lines)}
    found = rewritten(told, None).get("e1")
    return found.value if isinstance(found, ObservationEvent) else None


@pytest.mark.parametrize(
    ("rewrites", "stands"),
    [
        ("", "PD"),
        (WRONG, "SD"),
        (f"{WRONG}\nx1 2026-01-07 retraction retracts=c1 reason=no", "PD"),
        (f"{WRONG}\nx1 2026-01-07 retraction retracts=e1 reason=no", None),
        (f"x1 2026-01-07 retraction retracts=e1 reason=no\n{WRONG}", None),
        (f"x1 2026-01-05 retraction retracts=e1 reason=no\n{WRONG}", "SD"),
        ("x1 2026-01-05 retraction retracts=e1 reason=no\nx2 2026-01-06 retraction retracts=x1 reason=no", "PD"),
    ],
    ids=["nothing", "corrected", "correction retracted", "retracted last", "in any order", "corrected last", "twice"],
)
def test_the_last_rewrite_that_became_known_stands(rewrites: str, stands: str | None) -> None:
    assert response(f"{RESULT}\n{rewrites}") == stands


def test_within_a_day_the_later_instant_stands_whatever_its_offset() -> None:
    """09:00 at +01:00 is before 08:30 at +00:00."""
    first = WRONG.replace("2026-01-06", "2026-01-06T09:00:00+01:00")
    second = WRONG.replace("c1", "c0").replace("2026-01-06", "2026-01-06T08:30:00+00:00").replace("=SD", "=PR")
    assert response(f"{RESULT}\n{first}\n{second}") == "PR"


def test_a_rewrite_counts_from_the_day_it_became_known() -> None:
    told = {event.id: event for event in events(f"{RESULT}\n{WRONG}")}
    (correction,) = rewrites_in(told)
    before, after = (rewritten(told, correction.issued.day.replace(day=day))["e1"] for day in (5, 6))
    assert isinstance(before, ObservationEvent)
    assert isinstance(after, ObservationEvent)
    assert (before.value, after.value) == ("PD", "SD")


def test_a_correction_that_named_the_wrong_event_is_corrected_to_the_right_one() -> None:
    """c1 was meant for e2: as corrected, it leaves e1 alone and rewrites e2."""
    found = begun(
        "NCT07377643",
        "ibi354",
        """
        e4 2026-01-05 administration regimen=ibi354
        e5 2026-01-06 observation fact=response value=SD
        e6 2026-01-07 observation fact=response value=SD
        """,
    )
    right = {"kind": "observation", "effective": "2026-01-07", "fact": "response", "value": "PD"}
    wrong = {**right, "effective": "2026-01-06"}
    meant_for = {"kind": "correction", "effective": "2026-01-08", "reason": "read late"}
    found.record(read({**meant_for, "id": "c1", "corrects": "e5", "event": wrong}))
    assert found.decide().ended == {"reason": "progression", "date": "2026-01-06"}
    inner = {**meant_for, "corrects": "e6", "event": right}
    outer = {"id": "c2", "kind": "correction", "effective": "2026-01-09", "corrects": "c1", "reason": "wrong id"}
    found.record(read({**outer, "event": inner}))
    assert found.decide().ended == {"reason": "progression", "date": "2026-01-07"}


def test_a_rewrite_that_arrives_before_what_it_names_waits_for_it() -> None:
    lines = f"{RESULT}\n{WRONG}".splitlines()
    told = [event for line in reversed(lines) for event in events(line)]
    state = begin(machine("NCT07377643"))
    for event in told:
        state = step(machine("NCT07377643"), state, event).state
    assert rewritten(state.events, None).keys() == {"e1"}
    assert decide(machine("NCT07377643"), state).deviations == ()


CIRCLE = """
c1 2026-01-06 correction corrects=c2 reason=? := 2026-01-05 consent
c2 2026-01-06 retraction retracts=c1 reason=?
"""


def test_rewrites_in_a_circle_are_an_error_of_the_input() -> None:
    first, second = events(CIRCLE.replace("c1 2026", "c9 2026").replace("=c1", "=c9"))
    state = step(machine("NCT07377643"), begin(machine("NCT07377643")), first).state
    with pytest.raises(InputError, match="c9, c2 correct or retract each other in a circle"):
        step(machine("NCT07377643"), state, second)


def test_a_rewrite_of_itself_is_a_circle_too() -> None:
    (itself,) = events('x1 2026-01-06 retraction retracts=x1 reason="?"')
    with pytest.raises(InputError, match="circle"):
        step(machine("NCT07377643"), begin(machine("NCT07377643")), itself)


def test_a_thousand_rewrites_of_one_another_are_settled() -> None:
    lines = [RESULT, *(f"e{n} 2026-01-06 retraction retracts=e{n - 1} reason=no" for n in range(2, 2002))]
    assert response("\n".join(lines)) == "PD"


def test_every_name_in_a_correction_of_a_correction_must_be_there() -> None:
    inner = {"kind": "retraction", "effective": "2026-01-06", "retracts": "e9", "reason": "?"}
    outer = {"id": "c2", "kind": "correction", "effective": "2026-01-07", "corrects": "c1", "reason": "?"}
    told = [*events(f"{RESULT}\n{WRONG}"), read({**outer, "event": inner})]
    with pytest.raises(Problems) as raised:
        accepted(machine("NCT07377643").table, told)
    assert [(problem.code, problem.message) for problem in raised.value.problems] == [
        ("absent-event", "names e9, and no such event is there")
    ]


def test_an_event_that_a_corrected_correction_names_is_rewritten_when_it_arrives_last() -> None:
    """The rewrite stands under c1 only since c2; e6 is put in its place, whatever came first."""
    happened = "e6 2026-01-06 observation fact=response value=SD"
    inner = {"kind": "retraction", "effective": "2026-01-06", "retracts": "e6", "reason": "?"}
    outer = {"id": "c2", "kind": "correction", "effective": "2026-01-07", "corrects": "c1", "reason": "?"}
    state = begin(machine("NCT07377643"))
    for event in (*events(f"{RESULT}\n{WRONG}"), read({**outer, "event": inner}), *events(happened)):
        state = step(machine("NCT07377643"), state, event).state
    assert rewritten(state.events, None).keys() == {"e1"}
    assert state.now.history.results["response"].newest == events(RESULT)[0].effective.day


# --- nothing is rewritten before it was known ------------------------------------------------------------------------

LATE = "e1 2026-01-05 observation fact=response value=PD issued=2026-01-09"
REALLY = {"kind": "observation", "effective": "2026-01-05", "fact": "response", "value": "SD"}
"""What was really seen on the 5th."""


def correction(name: str, on: str, of: str, really: dict[str, object]) -> dict[str, object]:
    return {"id": name, "kind": "correction", "effective": on, "corrects": of, "event": really, "reason": "misread"}


def inside(on: str, **more: object) -> dict[str, object]:
    """A rewrite as it stands inside a correction: without an id."""
    return {"effective": on, "reason": "misread", **more}


@pytest.mark.parametrize(
    ("rewrite", "words"),
    [
        (correction("c1", "2026-01-08", "e1", REALLY), "c1 was issued on 2026-01-08, and e1, .* only on 2026-01-09"),
        (
            {"id": "x1", "kind": "retraction", "effective": "2026-01-06", "retracts": "e1", "reason": "?"},
            "x1 was issued on 2026-01-06, and e1, .* only on 2026-01-09",
        ),
        (
            correction("c2", "2026-01-12", "c0", inside("2026-01-07", kind="retraction", retracts="e1")),
            "the retraction inside c2 was issued on 2026-01-07, and e1, .* only on 2026-01-09",
        ),
        (
            correction("c2", "2026-01-12", "c0", inside("2026-01-06", kind="correction", corrects="e1", event=REALLY)),
            "the correction inside c2 was issued on 2026-01-06, and e1, .* only on 2026-01-09",
        ),
        (correction("c2", "2026-01-09", "c0", REALLY), "c2 was issued on 2026-01-09, and c0, .* only on 2026-01-10"),
    ],
    ids=["corrected", "retracted", "retracted inside", "corrected inside", "of a correction"],
)
def test_what_was_not_known_yet_cannot_be_rewritten_whatever_arrives_first(
    rewrite: dict[str, object], words: str
) -> None:
    """The scan of the 5th was read on the 9th, and another correction, c0, is of the 10th."""
    told = [*events(f"e0 2026-01-01 consent\n{LATE}"), read(correction("c0", "2026-01-10", "e0", REALLY))]
    with pytest.raises(Problems, match=words) as raised:
        accepted(machine("NCT07377643").table, [*told, read(rewrite)])
    assert [problem.code for problem in raised.value.problems] == ["issued-too-early"]
    for order in ([*told, read(rewrite)], [read(rewrite), *told]):
        with pytest.raises(InputError, match=words):
            deque(replay(machine("NCT07377643"), order))


@pytest.mark.parametrize(
    "really",
    [
        {**REALLY, "issued": "2026-01-20"},
        {**REALLY, "effective": "2026-01-20"},
        inside("2026-01-20", kind="retraction", retracts="e0"),
        inside("2026-01-10", kind="correction", corrects="e1", event={**REALLY, "issued": "2026-01-20"}),
    ],
    ids=["issued", "happened", "retracted", "inside"],
)
def test_a_correction_puts_nothing_in_place_that_became_known_after_it(really: dict[str, object]) -> None:
    """As of the 11th nobody knows what became known on the 20th."""
    with pytest.raises(Problems, match="before the event that it puts in place became known on 2026-01-20") as raised:
        read(correction("c1", "2026-01-10", "e1", really))
    assert {problem.code for problem in raised.value.problems} == {"issued-too-early"}


def test_a_rewrite_may_be_of_the_day_on_which_the_event_became_known() -> None:
    same_day = read(correction("c1", "2026-01-09", "e1", {**REALLY, "issued": "2026-01-09"}))
    told = [*events(LATE), same_day]
    assert accepted(machine("NCT07377643").table, told) == (told, 0)
