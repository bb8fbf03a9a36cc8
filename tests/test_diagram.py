"""A diagram shows the whole table, in words that its language reads, and nothing in it covers anything else."""

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any, get_args

import pytest
from course_readings import course_readings
from hypothesis import given
from hypothesis import strategies as st

from protocol_engine import compile_protocol, compiler, load_protocol, shipped_protocols
from protocol_engine.adapters.diagram import Form, diagram
from protocol_engine.adapters.diagram_layout import Edge, Node, Size, laid_out
from protocol_engine.adapters.diagram_svg import Picture, Rectangle
from protocol_engine.adapters.diagram_text import Sizes, broken, line_width, text_width
from protocol_engine.adapters.diagram_view import Arrow, View, view_of
from protocol_engine.engine.blinding import table_for
from protocol_engine.engine.course import Machine
from protocol_engine.model.table import BUILT_IN_SCOPES, Row, Table
from protocol_engine.reader import read_protocol
from protocol_engine.service import protocol_text

TESTS = Path(__file__).resolve().parent
PICTURE = TESTS.parent / "docs" / "pictures" / "NCT07239271.svg"
FORMS = get_args(Form)
SVG = "{http://www.w3.org/2000/svg}"


def selections() -> Iterator[tuple[str, str]]:
    """Each protocol as it is by default, with each other reading, and with all of them."""
    for name in shipped_protocols():
        others = [f"{a}={reading}" for a, readings in course_readings(name).items() for reading in readings[1:]]
        for chosen in dict.fromkeys(["", *others, " ".join(others)]):
            yield name, chosen


SELECTIONS = list(selections())
each_selection = pytest.mark.parametrize(
    ("name", "chosen"), SELECTIONS, ids=["-".join(s).strip("-") for s in SELECTIONS]
)


@cache
def table_of(name: str, chosen: str = "") -> Table:
    readings = dict(reading.split("=") for reading in chosen.split())
    return compile_protocol(load_protocol(name, readings)).table


def rows_out(table: Table, place: str) -> Iterator[Row]:
    """The rows that can lead out of a place, those that hold in every protocol left aside."""
    yield from (row for row in table.offers.get(place, ()) if row.target != place)
    for scope in table.places[place].scopes:
        if scope not in BUILT_IN_SCOPES:
            yield from table.falls.get(scope, ())


def reachable(table: Table) -> set[str]:
    found, ahead = {table.start}, [table.start]
    while ahead:
        place = table.places[ahead.pop()]
        begun = table.tracks.get(place.arm or "", {}).values() if place.kind == "allocated" else ()
        for target in (*(row.target for row in rows_out(table, place.id)), *(track.start for track in begun)):
            if target not in found:
                found.add(target)
                ahead.append(target)
    return found


# --- the view ------------------------------------------------------------------------------------------------------


@each_selection
def test_every_place_that_can_be_reached_is_in_one_box(name: str, chosen: str) -> None:
    table = table_of(name, chosen)
    shown = [place for box in view_of(table).boxes for place in box.places]
    assert sorted(shown) == sorted(reachable(table))


@each_selection
def test_every_row_to_another_place_is_an_arrow_between_their_boxes(name: str, chosen: str) -> None:
    table = table_of(name, chosen)
    view = view_of(table)
    box_of = {place: box.id for box in view.boxes for place in box.places}
    kind_of = {box.id: box.kind for box in view.boxes}
    arrows: dict[str, list[Arrow]] = {}
    for arrow in view.arrows:
        for row_id in arrow.rows:
            arrows.setdefault(row_id, []).append(arrow)
    expected = {row.id: row for place in reachable(table) for row in rows_out(table, place)}
    assert set(arrows) == set(expected)
    for row_id, row in expected.items():
        for arrow in arrows[row_id]:
            if row.source in box_of and kind_of[arrow.source] != "anywhere":
                assert arrow.source == box_of[row.source]
            ways_on = {other.target for other in view.arrows if other.source == arrow.target}
            leads = {arrow.target} | (ways_on if kind_of[arrow.target] == "choice" else set())
            assert box_of[row.target] in leads
            assert arrow.falls == (row.kind == "fall")
            assert {claim for claim in row.cites if claim[0] in "RAG"} <= {c for r in arrow.reasons for c in r.claims}


@each_selection
def test_days_and_further_cycles_are_no_arrows(name: str, chosen: str) -> None:
    table = table_of(name, chosen)
    view = view_of(table)
    effects = {row.id: row.effect for row in table.rows}
    assert not {effects[row] for arrow in view.arrows for row in arrow.rows} & {"day", "again", "stay"}
    assert all(arrow.source != arrow.target for arrow in view.arrows)
    repeated = {row.source for row in table.rows if row.effect == "again"}
    for box in view.boxes:
        assert box.repeats == bool(repeated & set(box.places))


def said_in(name: str, place: str) -> list[str]:
    (box,) = [box for box in view_of(table_of(name)).boxes if place in box.places]
    return [line.text for line in box.lines]


def test_an_element_says_its_regimen_and_its_cycles() -> None:
    assert said_in("NCT07239271", "adaptive/start") == ["Nab-P+HP to begin with", "2 cycles"]
    again = ["PyroHT", "the same regimen for two more cycles", "2 cycles"]
    assert said_in("NCT07239271", "adaptive/same_again.pyroht") == again
    assert said_in("NCT07239271", "control/tcbhp") == ["TCbHP", "number of cycles not stated (N3)"]
    assert said_in("NCT07377643", "thp/allocated") == ["thp", "Group C, THP", "never given: IBI354 (R2)"]
    assert said_in("NCT07377643", "thp/thp") == ["THP", "cycle after cycle"]


def test_a_decision_says_the_rule_and_what_must_hold() -> None:
    table = table_of("NCT07239271")
    reasons = {(a.source, a.target): a.reasons for a in view_of(table).arrows}
    (reason,) = reasons["adaptive/start", "adaptive/goes_on"]
    assert reason.claims == ("R3", "A4", "A6", "A7", "A8")
    assert reason.tests == (
        "ctDNA after cycle 1 is known",
        "and ctDNA (-)",
        "and no PAM mutation",
        "and response after cycle 2: PR or CR",
    )


def test_a_refuting_fact_and_a_second_way_are_told_as_such() -> None:
    table = table_of("NCT07151586")
    (arrow,) = [arrow for arrow in view_of(table).arrows if arrow.target == "eligible"]
    assert arrow.reasons[0].tests == (
        "unless HER2-low: no",
        "and unless ER: at least 10\u00a0%",
        "or PR (progesterone receptor): at least 10\u00a0%",
    )


def test_options_that_lead_to_the_same_are_one_list() -> None:
    view = view_of(table_of("NCT05861830"))
    (agents,) = [box for box in view.boxes if "dalpiciclib_et/endocrine_agent=letrozole" in box.places]
    assert agents.kind == "choice"
    assert len(agents.places) == 5
    assert "letrozole, anastrozole, exemestane, fulvestrant or tamoxifen" in [line.text for line in agents.lines]
    assert len([box for box in view.boxes if box.kind == "option"]) == 6


def test_options_that_lead_elsewhere_stay_apart() -> None:
    file, source = protocol_text("NCT07377643")
    file = file.replace(
        "{docetaxel: [], paclitaxel: []}", "{docetaxel: [], paclitaxel: [], none: [{end: no_taxane, cite: A1}]}"
    )
    table = compiler.compile_protocol(read_protocol(file, source))
    view = view_of(table)
    options = {box.places: [line.text for line in box.lines] for box in view.boxes if box.kind == "option"}
    assert options == {
        ("thp/taxane=docetaxel", "thp/taxane=paclitaxel"): ["docetaxel or paclitaxel"],
        ("thp/taxane=none",): ["none"],
    }
    (choice,) = [box for box in view.boxes if box.kind == "choice"]
    assert len([arrow for arrow in view.arrows if arrow.source == choice.id]) == 2


def test_what_can_happen_anywhere_starts_from_one_box() -> None:
    view = view_of(table_of("NCT07239271"))
    (box,) = [box for box in view.boxes if box.kind == "anywhere"]
    (arrow,) = [arrow for arrow in view.arrows if arrow.source == box.id]
    assert [reason.tests for reason in arrow.reasons] == [
        ("unacceptable toxicity",),
        ("discontinuation of treatment",),
        ("in control: progression",),
        ("in adaptive: progression outside the planned imaging",),
    ]


def test_a_choice_that_is_open_beside_treatment_starts_there_too() -> None:
    view = view_of(table_of("NCT07239271", "A12=investigator_decides"))
    (choice,) = [box for box in view.boxes if "treatment goes on" in [line.text for line in box.lines]]
    assert [line.text for line in choice.lines][-1] == "or: go on (nothing changes)"
    (arrow,) = [arrow for arrow in view.arrows if arrow.target == choice.id]
    assert arrow.source == "anywhere"


@pytest.mark.parametrize("name", shipped_protocols())
def test_the_ends_of_every_protocol_are_told_below(name: str) -> None:
    view = view_of(table_of(name))
    for reason in ("death (", "off study (", "study closure (", "withdrawal (", "discontinuation ("):
        assert reason in " ".join(view.notes)
    assert view.subtitle.endswith("Every assumption in its default reading.")


def test_another_reading_is_named() -> None:
    assert (
        "Read with A12=investigator_decides." in view_of(table_of("NCT07239271", "A12=investigator_decides")).subtitle
    )


# --- Mermaid and Graphviz ------------------------------------------------------------------------------------------

MERMAID_TEXT = r'"(?:[\w ,.:;()/+%=\u00a0\u21bb-]|#\d+;|<br/>)*"'
MERMAID_LINES = (
    rf"n\d+(?:\[{MERMAID_TEXT}\]|\({MERMAID_TEXT}\)|\(\[{MERMAID_TEXT}\]\)|\{{\{{{MERMAID_TEXT}\}}\}})",
    rf"n\d+ (?:-->|-\.->)(?:\|{MERMAID_TEXT}\|)? n\d+",
    rf"subgraph arm\d+\[{MERMAID_TEXT}\]",
    "end",
    rf"notes\[{MERMAID_TEXT}\]",
    rf"beside\[{MERMAID_TEXT}\]",
    r"classDef \w+Box fill:#\w{6},stroke:#\w{6}(?:,color:#\w{6})?(?:,stroke-dasharray:4 3)?",
    r"class n\d+(?:,n\d+)* \w+Box",
)
DOT_TEXT = r'"(?:[^"\\]|\\.)*"'
DOT_VALUE = rf"(?:{DOT_TEXT}|[A-Za-z0-9]+)"
DOT_LIST = rf"\[\w+={DOT_VALUE}(?:, \w+={DOT_VALUE})*\];"
DOT_LINES = (
    rf"(?:graph|node|edge) {DOT_LIST}",
    rf"(?:n\d+|beside) {DOT_LIST}",
    rf"n\d+ -> n\d+ {DOT_LIST}",
    r"subgraph cluster_\d+ \{",
    rf"label={DOT_TEXT}; color=gray80;",
    r"\}",
)


def check_mermaid(text: str, view: View) -> None:
    head, title, rule, kind, *lines = text.splitlines()
    assert (head, rule, kind) == ("---", "---", "flowchart TB")
    assert re.fullmatch(rf"title: {DOT_TEXT}", title)
    check_lines(lines, MERMAID_LINES, r"(?:-->|-\.->)", view)
    assert text.count("\n  subgraph ") == text.count("\n  end") == len(view.arms)


def check_dot(text: str, view: View) -> None:
    head, *lines = text.splitlines()
    assert re.fullmatch(rf"digraph {DOT_TEXT} \{{", head)
    check_lines(lines, DOT_LINES, "->", view)
    bare = re.sub(DOT_TEXT, "", text)
    assert bare.count("{") == bare.count("}") == len(view.arms) + 1


def check_lines(lines: list[str], patterns: tuple[str, ...], arrow: str, view: View) -> None:
    for line in lines:
        assert any(re.fullmatch(pattern, line.strip()) for pattern in patterns), line
    boxes = [match[0] for line in lines if (match := re.match(r"n\d+(?=[\[({]| \[)", line.strip()))]
    pattern = rf"(n\d+) {arrow}.*?(n\d+)(?: \[.*)?$"
    ends = [match.groups() for line in lines if (match := re.match(pattern, line.strip()))]
    assert len(boxes) == len(set(boxes)) == len(view.boxes)
    assert len(ends) == len(view.arrows)
    assert {name for pair in ends for name in pair} <= set(boxes)


@each_selection
def test_the_mermaid_text_is_well_formed(name: str, chosen: str) -> None:
    table = table_of(name, chosen)
    check_mermaid(diagram(table, "mermaid"), view_of(table))


@each_selection
def test_the_dot_text_is_well_formed(name: str, chosen: str) -> None:
    table = table_of(name, chosen)
    check_dot(diagram(table, "dot"), view_of(table))


# --- SVG -----------------------------------------------------------------------------------------------------------


@each_selection
def test_the_drawing_is_well_formed_and_nothing_leaves_it(name: str, chosen: str) -> None:
    view = view_of(table_of(name, chosen))
    root = ET.fromstring(diagram(table_of(name, chosen), "svg"))  # noqa: S314  # our own text
    check_svg(root, view)


def check_svg(root: ET.Element, view: View) -> None:
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    assert root.tag == f"{SVG}svg"
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-labelledby"] == "title about"
    assert {part.attrib["id"] for part in root if "id" in part.attrib} == {"title", "about"}
    for text in root.iter(f"{SVG}text"):
        left, right = text_sides(text)
        assert 0 <= left <= right <= width
        assert 10 <= float(text.attrib["y"]) <= height - 4
    shown = " ".join(group.attrib["data-places"] for group in root.iter(f"{SVG}g")).split()
    assert sorted(shown) == sorted(place for box in view.boxes for place in box.places)
    groups = list(root.iter(f"{SVG}g"))
    drawn = sorted((group.attrib["data-places"], words_of(group)) for group in groups)
    assert drawn == sorted((" ".join(box.places), words_in(box)) for box in view.boxes)
    for group in groups:
        check_box(group)


def text_sides(text: ET.Element) -> tuple[float, float]:
    x = float(text.attrib["x"])
    width = sum(
        text_width(span.text or "", float(span.attrib["font-size"]), bold="font-weight" in span.attrib) for span in text
    )
    return (x - width / 2, x + width / 2) if text.attrib.get("text-anchor") == "middle" else (x, x + width)


def words_of(group: ET.Element) -> list[str]:
    return [word for text in group.iter(f"{SVG}text") for word in "".join(text.itertext()).split(" ")]


def words_in(box: Any) -> list[str]:
    return [word for line in box.lines for word in line.text.split(" ")]


def check_box(group: ET.Element) -> None:
    shape = group.find(f"{SVG}rect")
    if shape is not None:
        left, top = float(shape.attrib["x"]), float(shape.attrib["y"])
        right, bottom = left + float(shape.attrib["width"]), top + float(shape.attrib["height"])
    else:
        polygon = group.find(f"{SVG}polygon")
        assert polygon is not None
        points = [tuple(map(float, point.split(","))) for point in polygon.attrib["points"].split()]
        left, right = min(x for x, _ in points) + 14, max(x for x, _ in points) - 14
        top, bottom = min(y for _, y in points), max(y for _, y in points)
    for text in group.iter(f"{SVG}text"):
        sides = text_sides(text)
        assert left < sides[0]
        assert sides[1] < right
        assert top + 8 < float(text.attrib["y"]) < bottom - 2


@each_selection
def test_no_box_and_no_label_covers_another(name: str, chosen: str) -> None:
    check_nothing_is_covered(Picture(view_of(table_of(name, chosen))))


def check_nothing_is_covered(picture: Picture) -> None:
    for one, other in combinations(picture.rectangles(), 2):
        beside = one.right <= other.left or other.right <= one.left
        assert beside or one.bottom <= other.top or other.bottom <= one.top, (one, other)


@each_selection
def test_no_line_runs_through_a_box_or_a_label(name: str, chosen: str) -> None:
    check_no_line_is_crossed(Picture(view_of(table_of(name, chosen))))


def check_no_line_is_crossed(picture: Picture) -> None:
    inner = [Rectangle(r.what, r.left + 1, r.top + 1, r.right - 1, r.bottom - 1) for r in picture.rectangles()]
    root = ET.fromstring(picture.svg())  # noqa: S314  # our own text
    lines = [path.attrib["d"] for path in root.iter(f"{SVG}path") if path.attrib.get("stroke-width") == "1.2"]
    assert lines
    for line in lines:
        for x, y in points_of(line):
            hit = [r for r in inner if r.left < x < r.right and r.top < y < r.bottom]
            assert hit == [], (line, hit)


def points_of(line: str) -> Iterator[tuple[float, float]]:
    """Points along ``M x y V y [C ...] V y``, near to each other."""
    x, y = 0.0, 0.0
    for command, rest in re.findall(r"([MVC])([^MVC]*)", line):
        numbers = [float(number) for number in rest.split()]
        if command == "M":
            x, y = numbers
        elif command == "V":
            yield from ((x, y + (numbers[0] - y) * step / 20) for step in range(21))
            y = numbers[0]
        else:
            x1, y1, x2, y2, x3, y3 = numbers
            for step in range(21):
                t = step / 20
                weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
                yield (
                    sum(w * p for w, p in zip(weights, (x, x1, x2, x3), strict=True)),
                    sum(w * p for w, p in zip(weights, (y, y1, y2, y3), strict=True)),
                )
            x, y = x3, y3


@pytest.mark.parametrize("form", FORMS)
def test_equal_tables_give_equal_diagrams(form: Form) -> None:
    again = compile_protocol(load_protocol("NCT07239271")).table
    assert diagram(again, form) == diagram(table_of("NCT07239271"), form)


def test_the_picture_in_the_documentation_is_that_of_the_protocol() -> None:
    again = "run: protocol-engine diagram NCT07239271 --format svg > docs/pictures/NCT07239271.svg"
    assert PICTURE.read_text(encoding="utf-8") == diagram(table_of("NCT07239271"), "svg"), again


# --- every word of the language ---------------------------------------------------------------------------------------


@cache
def invented(name: str) -> Machine:
    (path,) = TESTS.glob(f"[pa][rm]*/{name}.yaml")
    return compile_protocol(load_protocol(str(path)))


INVENTED = sorted(path.stem for folder in ("protocols", "amendments") for path in (TESTS / folder).glob("*.yaml"))


@pytest.mark.parametrize("name", INVENTED)
def test_an_invented_protocol_is_drawn_whole_in_every_form(name: str) -> None:
    table = invented(name).table
    view = view_of(table)
    shown = [place for box in view.boxes for place in box.places]
    assert sorted(shown) == sorted(reachable(table))
    check_mermaid(diagram(table, "mermaid"), view)
    check_dot(diagram(table, "dot"), view)
    picture = Picture(view)
    check_svg(ET.fromstring(picture.svg()), view)  # noqa: S314  # our own text
    check_nothing_is_covered(picture)
    check_no_line_is_crossed(picture)
    for form in FORMS:
        assert ("Beside the course" in diagram(table, form)) == bool(view.beside)


def lines_of(name: str, kind: str) -> list[list[str]]:
    view = view_of(invented(name).table)
    return [[line.text for line in box.lines] for box in view.boxes if box.kind == kind]


def told_into(name: str, *words: str) -> list[tuple[str, ...]]:
    """What stands beside the arrows into the boxes that begin with these words."""
    view = view_of(invented(name).table)
    inside = {box.id for box in view.boxes if box.lines[0].text in words}
    return [reason.tests for arrow in view.arrows if arrow.target in inside for reason in arrow.reasons]


def beside(name: str) -> dict[str, tuple[str, ...]]:
    return {group.title: group.lines for group in view_of(invented(name).table).beside}


def test_a_window_stands_beside_its_arrow_and_a_tolerance_in_the_box() -> None:
    assert told_into("ROWAN-1", "rowanib") == [("2 days to 7 days after allocation",)]
    assert told_into("ROWAN-1", "rowan") == [("up to 28 days after consent",)]
    assert told_into("SORREL-1", "blood sample for the level") == [
        ("due 12 hours, 11 hours to 13 hours after the first dose of the course",)
    ]
    assert lines_of("ROWAN-1", "giving") == [["rowanib", "2 cycles", "up to 1 day early or 3 days late"]]


def test_options_that_open_one_by_one_say_their_condition_behind_one_box() -> None:
    hexagon = ["physician chooses", "rescue", "while one is unknown, the others are offered"]
    assert lines_of("CEDAR-1", "choice") == [hexagon] * 4
    assert ("no lignin before",) in told_into("CEDAR-1", "balsam")
    assert ("kidneys that allow pitch",) in told_into("CEDAR-1", "pitch")
    assert told_into("CEDAR-1", "resin")[0] == (
        "site: south",
        "and 1 March 2026 has come",
        "or site: north",
        "while one is unknown, the others wait",
    )


def test_rows_side_by_side_and_advice_are_told() -> None:
    takes = "of the rows that hold the investigator takes one"
    assert told_into("ELDER-1", "fern_ring") == [("ring level: high", takes)]
    assert told_into("ELDER-1", "fern_bark") == [("bark: raised", takes)]
    assert told_into("ELDER-1", "moss")[0][-1] == "of the rows that hold whoever acts takes one"
    assert lines_of("ELDER-1", "choice") == [
        [
            "patient with the investigator chooses",
            "primer",
            "advised: primol if spores: at least 10 (R7)",
            "advised: barkol if spores: below 10 and bark: raised (R7)",
            "another option needs a reason",
        ]
    ]


def test_rules_beside_the_course_stand_in_a_box_of_their_own() -> None:
    moving = beside("BIRCH-1")["Doses that move"]
    assert moving[0].startswith("Palotin has the levels 125 mg, 100 mg then 75 mg (palo), moved down only")
    heart = "Weak heart (weak_heart): if, after a dose of mabtuz, heart function is below 50 %, then it is held until"
    assert any(line.startswith(heart) for line in moving)
    assert any("8 mg/kg first, and again after more than 6 weeks without a dose" in line for line in moving)
    (late,) = [line for line in beside("PINE-1")["Early, late and left out"] if line.startswith("Pinib")]
    assert "counted from the planned day 1" in late
    assert "day 1 of a cycle may come 14 days late if the blood count is low [R3]" in late
    assert "a later day that is left out stays due [R6]" in late
    visits = "every 6 weeks from allocation on for 24 weeks, then every 12 weeks, up to 1 week early or 1 week late"
    assert beside("HAZEL-1") == {"Assessed by the calendar": (f"Response: {visits} [R2].",)}
    assert beside("ELDER-1") == {
        "The better source first": ("Ring level: central ring level, or else local ring level [R4].",)
    }
    assert beside("CLOVER-1")["Made known elsewhere"][0] == (
        "To the trial, as toxic 1: dose-limiting toxicity at level 1 [R3]."
    )
    (amended,) = beside("FIR-1.v2")["Amendment"]
    assert amended.startswith("A course under version 1 moves to this one once there is activation of the site")
    assert beside("ROWAN-1").keys() == {"Early, late and left out"}


def test_a_box_says_what_is_told_beside_the_course() -> None:
    assert ["the three drugs", "6 cycles", "dose: see below"] in lines_of("BIRCH-1", "giving")
    assert lines_of("PINE-1", "giving")[0][-1] == "planned days, delays and omissions: see below"


def test_masking_is_told_and_the_picture_of_a_role_does_not_say_what_stands_for_what() -> None:
    assert beside("YEW-1")["Hidden"][:2] == (
        "The arm is hidden from the patient and the investigator; the pharmacist may know it [R4].",
        "The arms yewane and placebo are seen as blinded.",
    )
    seen = view_of(table_for(invented("YEW-1"), "investigator"))
    assert [line for group in seen.beside for line in group.lines] == ["This is what is seen without knowing the arm."]


@pytest.mark.parametrize("name", shipped_protocols())
def test_the_five_protocols_have_nothing_beside_their_course(name: str) -> None:
    assert view_of(table_of(name)).beside == ()


# --- any text ------------------------------------------------------------------------------------------------------

NASTY = (
    '"quoted" <b>&amp; \\N #35; `code`',
    "- 1. a|b {c} [d] %% end; --> x",
    "Pneumonoultramicroscopicsilicovolcanoconiosis" * 2,
    "乳腺癌 ≥ 10 µg",
    "two\nlines and a bell \x07",
)


@pytest.mark.parametrize("text", NASTY)
def test_any_text_is_written_so_that_it_is_only_text(text: str) -> None:
    quoted = json.dumps(text)
    file, source = protocol_text("NCT07377643")
    file = file.replace("name: THP,", f"name: {quoted},").replace("title: Group C, THP", f"title: {quoted}")
    file = file.replace("label: progression,", f"label: {quoted},")
    file = re.sub(r"(?m)^title: .*", lambda _: f"title: {quoted}", file)
    table = compile_protocol(read_protocol(file, source)).table
    view = view_of(table)
    text = text.replace("\n", " ").replace("\x07", "\ufffd")
    assert [line.text for box in view.boxes for line in box.lines].count(text) == 2
    check_mermaid(diagram(table, "mermaid"), view)
    check_dot(diagram(table, "dot"), view)
    root = ET.fromstring(diagram(table, "svg"))  # noqa: S314  # our own text
    title = root.find(f"{SVG}title")
    assert title is not None
    assert title.text == f"NCT07377643: {text}"
    _, _, width, _ = map(float, root.attrib["viewBox"].split())
    for line in root.iter(f"{SVG}text"):
        left, right = text_sides(line)
        assert 0 <= left <= right <= width


DEJAVU_SANS = [
    ("investigator chooses", 10.35, 11.75),
    ("Nab-P+HP goes on", 9.42, 10.55),
    ("response after cycle 2: PR or CR", 16.13, 18.14),
    ("fill little jill", 5.17, 6.19),
    ("WWW", 2.97, 3.31),
]
"""Widths in DejaVu Sans and in DejaVu Sans Bold, in ems."""


@pytest.mark.parametrize(("text", "regular", "bold"), DEJAVU_SANS)
def test_a_width_is_rather_too_large_than_too_small(text: str, regular: float, bold: float) -> None:
    assert regular * 10 <= text_width(text, 10) <= regular * 11
    assert bold * 10 <= text_width(text, 10, bold=True) <= bold * 11.1


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Z"]) | st.just(" "), max_size=60),
    st.integers(20, 200),
)
def test_a_broken_text_is_complete_and_no_wider_than_asked(text: str, width: int) -> None:
    sizes: Sizes = {"strong": 12.0, "plain": 11.0, "quiet": 10.0}
    lines = broken(text, "plain", width, sizes)
    assert "".join(span.text for line in lines for span in line).replace(" ", "") == text.replace(" ", "")
    for line in lines:
        assert line_width(line, sizes) <= width or len(line[0].text) == 1


# --- any graph -----------------------------------------------------------------------------------------------------


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Node], list[Edge], int]:
    columns = draw(st.integers(0, 3))
    heads = [Node("top", Size(60, 20)), *(Node(f"arm{c}", Size(80, 30), c) for c in range(columns))]
    sizes = st.builds(Size, st.integers(30, 160).map(float), st.integers(20, 60).map(float))
    nodes, edges = list(heads), [Edge("top", node.id, "go", Size(30, 12)) for node in heads[1:]]
    for number in range(draw(st.integers(1, 10))):
        near = draw(st.sampled_from(nodes))
        column = near.column if draw(st.booleans()) else None
        nodes.append(Node(f"n{number}", draw(sizes), column))
        edges.append(Edge(near.id, f"n{number}", draw(st.none() | st.sampled_from("ab")), Size(40, 24)))
    for _ in range(draw(st.integers(0, 6))):
        source, target = draw(st.sampled_from(nodes)), draw(st.sampled_from(nodes[1:]))
        free = source.column is None or target.column in (source.column, None)
        into = source.column is not None or target.column is None
        if source.id != target.id and free and into and not (source.column is None and target.column is not None):
            edges.append(Edge(source.id, target.id, draw(st.none() | st.sampled_from("ab")), Size(40, 24)))
    return nodes, edges, columns


@given(graphs())
def test_any_graph_is_laid_out_without_overlap(graph: tuple[list[Node], list[Edge], int]) -> None:
    nodes, edges, columns = graph
    layout = laid_out(nodes, edges, columns)
    assert [band.top <= band.bottom for band in layout.bands] == [True] * len(layout.bands)
    assert all(upper.bottom <= lower.top for upper, lower in pairwise(layout.bands))
    assert sorted(slot.id for slot in layout.slots if slot.kind == "box") == sorted(node.id for node in nodes)
    for layer in range(len(layout.bands)):
        row = sorted((slot for slot in layout.slots if slot.layer == layer), key=lambda slot: slot.x)
        assert all(slot.right <= other.left + 0.01 for slot, other in pairwise(row))
    assert [route.edge for route in layout.routes] == edges
    for route in layout.routes:
        ends = (route.edge.target, route.edge.source) if route.upwards else (route.edge.source, route.edge.target)
        assert (route.slots[0].id, route.slots[-1].id) == ends
        assert all(lower.layer == upper.layer + 1 for upper, lower in pairwise(route.slots))
    frames = sorted(layout.columns.values())
    assert all(left[1] < right[0] for left, right in pairwise(frames))
