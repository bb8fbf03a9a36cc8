"""What only another reading of a file knows can be reported: it is no unknown word, and it is not allowed."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve
from course_lines import BEGUN, ask, begun, events, machine, verdicts

from protocol_engine import Course, Machine, Problems
from protocol_engine.checks.selections import selections
from protocol_engine.codec import Lines
from protocol_engine.model.protocol import ChoiceElsewhere, Elsewhere
from protocol_engine.reader import read_protocol, written_protocol
from protocol_engine.reader.alternatives import elsewhere
from protocol_engine.reader.tree import tree_of
from protocol_engine.service import protocol_text, shipped_protocols

WRITTEN = """\
protocol: X
regimens: {reading_of: A1, one: {r: {}}, two: {r: {}, s: {}}}
procedures: {p: {}}
course:
  - {choose: first, options: {a: [], b: []}, says_which: b}
  - {choose: second, options: {reading_of: A1, one: {a: []}, two: {a: [], c: []}}}
stops:
  - reading_of: A2
    end: {when: {}, end: over}
    ask: {when: {}, then: [{use: asked, with: {name: third, option: {reading_of: A3, yes: go, no: stay}}}]}
arms:
  one: {course: [{give: r, may: [{choose: first}]}]}
fragments:
  asked: [{choose: {with: name}, options: {x: [{choose: {with: option}, options: {y: []}}]}}]
"""


def found(text: str) -> Elsewhere | None:
    tree = tree_of(text)
    return elsewhere(tree, {name: body for name, body in tree["fragments"].items() if isinstance(body, Lines)})


def test_every_reading_is_looked_into_and_every_fragment_is_filled() -> None:
    assert found(WRITTEN) == Elsewhere(
        arms={"one": ()},
        regimens={"r": ("A1",), "s": ("A1",)},
        procedures={"p": ()},
        choices={
            "first": ChoiceElsewhere({"a": (), "b": ()}, "b", ()),
            "second": ChoiceElsewhere({"a": ("A1",), "c": ("A1",)}, None, ()),
            "third": ChoiceElsewhere({"x": ("A2",)}, None, ("A2",)),
            "go": ChoiceElsewhere({"y": ("A2", "A3")}, None, ("A2", "A3")),
            "stay": ChoiceElsewhere({"y": ("A2", "A3")}, None, ("A2", "A3")),
        },
    )


def test_a_fragment_that_only_another_reading_uses_in_a_circle_is_left_at_its_first_turn() -> None:
    ring = WRITTEN.replace("{y: []}", "{y: [{use: asked, with: {name: again, option: on}}]}")
    known = found(ring)
    assert known is not None
    assert "again" not in known.choices


def test_fragments_without_end_are_a_problem() -> None:
    """Each copies the next one ten times, which no selected reading does."""
    text = (Path(__file__).parent / "bad_protocols" / "good.yaml").read_text(encoding="utf-8")
    end = "{end: completed, cite: A1}"
    assert text.count(end) == 1
    text = text.replace(end, f"{{reading_of: A1, until_progression: {end}, fixed: {{use: f0}}}}")
    copies = "".join(f"  f{n}: [{', '.join([f'{{use: f{n + 1}}}'] * 10)}]\n" for n in range(6))
    text += f"fragments:\n{copies}  f6: []\n"
    with pytest.raises(Problems) as raised:
        read_protocol(text, "x.yaml")
    assert [problem.code for problem in raised.value.problems] == ["endless-fragment"]


@pytest.mark.parametrize("protocol", shipped_protocols())
def test_what_one_reading_knows_all_readings_can_be_told(protocol: str) -> None:
    """Every choice with its options, every arm, regimen and procedure."""
    text, source = protocol_text(protocol)
    declared = written_protocol(text, source).readings
    tables = [machine(protocol, dict(selection)).table for selection in selections(declared) if len(selection) < 2]
    for one in tables:
        known = set(one.arms) | set(one.regimens) | set(one.procedures)
        known |= {f"{choice.id}={option}" for choice in one.choices.values() for option in choice.options}
        for other in tables:
            beside = other.elsewhere
            told = {*other.arms, *other.regimens, *other.procedures}
            told |= {*beside.arms, *beside.regimens, *beside.procedures}
            for choices in (other.choices, beside.choices):
                told |= {f"{name}={option}" for name, choice in choices.items() for option in choice.options}
            assert known <= told


SG_GIVEN = "e4 2026-01-03 observation fact=her2_ihc value=1+\ne5 2026-01-05 administration regimen=sg\n"


def test_a_choice_of_another_reading_is_a_deviation_that_moves_nothing() -> None:
    """IIT2025006 A1: by default nobody is asked whether to open the second ADC."""
    for option in ("open", "end"):
        chosen = f"e6 2026-01-20 choice choice=open_second_adc option={option}"
        course = begun("IIT2025006", "cohort_2", SG_GIVEN + chosen)
        assert verdicts(course) == {"e6": "order"}
        (deviation,) = course.decide().deviations
        assert deviation.cites == ("A1",)
        assert "A1 is read as second_stays_closed" in deviation.because[0]
        before = begun("IIT2025006", "cohort_2", SG_GIVEN).decide()
        assert course.decide().actions == before.actions
        assert ask(begun("IIT2025006", "cohort_2", SG_GIVEN), chosen[3:]).verdict == "order"


def test_an_option_that_no_reading_knows_stays_unreadable() -> None:
    for lines, path in (
        ("e6 2026-01-20 choice choice=open_second_adc option=perhaps", "option"),
        ("e6 2026-01-20 choice choice=open_third_adc option=open", "choice"),
    ):
        with pytest.raises(Problems) as raised:
            Course(machine("IIT2025006")).record_all(events(BEGUN.format(arm="cohort_2") + SG_GIVEN + lines))
        assert [problem.path for problem in raised.value.problems] == [f"e6.{path}"]


def test_arms_regimens_procedures_and_options_of_another_reading_are_deviations() -> None:
    table = machine("NCT07377643").table
    other = Elsewhere(
        arms={"fourth": ("A1",)},
        regimens={"tdm1": ("A1",)},
        procedures={"surgery": ("A2",)},
        choices={"taxane": ChoiceElsewhere({"words": ("A1",)}, "words", ())},
    )
    course = Course(Machine(evolve(table, elsewhere=other)))
    lines = """
    e1 2026-01-02 consent
    e2 2026-01-03 eligibility met=true
    e3 2026-01-04 allocation arm=fourth
    e4 2026-01-05 allocation arm=thp
    e5 2026-01-05 administration regimen=tdm1 cycle=1 day=8
    e6 2026-01-06 omission regimen=tdm1 reason="not in stock"
    e7 2026-01-07 procedure procedure=surgery
    e8 2026-01-08 choice choice=taxane name=vinorelbine
    """
    course.record_all(events(lines))
    assert verdicts(course) == dict.fromkeys(("e3", "e5", "e6", "e7", "e8"), "order")
    assert {deviation.cites for deviation in course.decide().deviations} == {("A1",), ("A2",)}
    assert [action.kind for action in course.decide().actions] == ["choose"]
