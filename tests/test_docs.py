"""The documentation is true: examples are run, tables of keys are held against the code, links lead somewhere.

A block of code in a page is run by its language and the words behind it:

    yaml file=NAME            the file NAME; it must be read and compiled (with `wrong`: it must have problems)
    yaml file=NAME section    its top-level keys take the place of the same keys in NAME, or are added
    yaml file=NAME of=OTHER   the same in a copy of OTHER, which is called NAME
    yaml as=KIND              one construct of the language
    yaml                      a piece of the file that all such blocks of the page make together
    jsonl file=NAME           a file of events (`add`: more lines of it)
    jsonl file=NAME cohort    a file of patients, each a line with events
    jsonl protocol=ID         events of the page's patient under that protocol
    jsonl refused=CODE        each line is refused with that code (perhaps only under protocol=ID)
    json action protocol=ID   an act that may be asked about
    json                      any JSON
    python                    run, all blocks of a page in one namespace; `text output` behind it is what it prints
    console                   `$ command` with its output, `# exit N` behind it where that is not 0; a line `...` stands
                              for anything, and the lines shown are found in the output in this order
    text of=NAME              output of the README's command NAME
    text, mermaid             for the reader
"""

from __future__ import annotations

import ast
import contextlib
import io
import itertools
import json
import re
import shlex
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_type_hints

import attrs
import pytest
from ruamel.yaml import YAML
from test_journeys import TRANSCRIPTS, answer_to

from protocol_engine import Course, Problems, compile_protocol, load_protocol, parse_action, parse_events
from protocol_engine.audit import Record
from protocol_engine.codec import CODEC, Text, keys_of
from protocol_engine.engine.course import Machine
from protocol_engine.engine.intake import accepted
from protocol_engine.entrypoints.cli import app
from protocol_engine.model.claims import Node
from protocol_engine.model.conditions import Condition, Elapsed, Presence, Range
from protocol_engine.model.decision import Action, Answer, Awaiting, Decision, Refusal, Verdict
from protocol_engine.model.doses import Dose, Ladder, Modification
from protocol_engine.model.evaluation import Why
from protocol_engine.model.events import EVENT_KINDS, Event, GivenDrug
from protocol_engine.model.protocol import Amends, Protocol
from protocol_engine.model.protocol import Step as CourseStep
from protocol_engine.model.units import QuantityRange
from protocol_engine.model.values import Value
from protocol_engine.reader import declared_readings, read_protocol

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
WITH_EXAMPLES = (
    ROOT / "README.md",
    DOCS / "tutorial.md",
    DOCS / "language.md",
    DOCS / "events.md",
    DOCS / "how-to" / "embed.md",
)
PAGES = (ROOT / "README.md", *sorted(DOCS.rglob("*.md")))
FENCE = re.compile(r"^(?P<fence>```+)(?P<info>.*)$")
KEYS = re.compile(r"^<!-- keys: (\w+) -->$")
TOP_KEY = re.compile(r"^([A-Za-z_]\w*):", re.MULTILINE)
AS = {
    "Amends": Amends,
    "Condition": Condition,
    "Step": CourseStep,
    "Value": Value,
    "Dose": Dose,
    "Ladders": dict[str, Ladder],
    "Modifications": dict[str, Modification],
}
SELECTIONS_TRIED = 32


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# --- blocks ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    language: str
    options: dict[str, str]
    text: str
    command: str | None  # the README's name for it, from the comment above

    @property
    def place(self) -> str:
        return f"{name_of(self.page)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    found: list[Block] = []
    opened: tuple[int, str, str | None] | None = None
    fence, inside, above = "", [], ""
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        match = FENCE.match(line)
        if opened is None:
            if match:
                marker = re.fullmatch(r"<!-- command: (\w+) -->", above)
                opened = (number, match["info"].strip(), marker[1] if marker else None)
                fence, inside = match["fence"], []
            above = line
        elif line == fence:
            start, info, command = opened
            language, *words = info.split() or [""]
            options = dict(word.partition("=")[::2] for word in words)
            found.append(Block(page, start, language, options, "\n".join(inside) + "\n", command))
            opened = None
        else:
            inside.append(line)
    assert opened is None, f"{name_of(page)}: a block of code is never closed"
    return found


# --- running a page --------------------------------------------------------------------------------------------------


@cache
def shipped(protocol: str) -> Machine:
    return compile_protocol(load_protocol(protocol))


def all_selections(text: str, source: str) -> list[dict[str, str]]:
    declared = declared_readings(text, source)
    product = itertools.product(*declared.values())
    return [dict(zip(declared, chosen, strict=True)) for chosen in itertools.islice(product, SELECTIONS_TRIED)]


def must_compile(text: str, source: str) -> None:
    for selection in all_selections(text, source):
        compile_protocol(read_protocol(text, source, selection))


def sections(text: str) -> dict[str, str]:
    """The top-level sections of a YAML text, with the comments in front of each."""
    starts = [match.start() for match in TOP_KEY.finditer(text)]
    ends = [*starts[1:], len(text)]
    return {TOP_KEY.match(text[a:b])[1]: text[a:b] for a, b in zip(starts, ends, strict=True)}  # type: ignore[index]


class Reader:
    """Somebody who follows a page from top to bottom in an empty folder."""

    def __init__(self, page: Path, folder: Path) -> None:
        self.page = page
        self.folder = folder
        self.namespace: dict[str, Any] = {"__name__": "__page__"}
        self.printed = ""
        self.whole = ""
        self.events: dict[str, list[str]] = {}
        self.commands: dict[str, str] = {}

    def follow(self) -> None:
        for block in blocks(self.page):
            runner = getattr(self, f"run_{block.language}", None)
            assert runner is not None, f"{block.place}: a block in the language {block.language!r} is never run"
            try:
                runner(block)
            except Problems as problems:
                pytest.fail(f"{block.place}\n" + "\n".join(map(str, problems.problems)), pytrace=False)
        if self.whole:
            must_compile(self.whole, name_of(self.page))
        for protocol, lines in self.events.items():
            accepted(shipped(protocol).table, parse_events(lines, name_of(self.page)))

    def run_yaml(self, block: Block) -> None:
        if "as" in block.options:
            CODEC.structure(plain_yaml(block.text), AS[block.options["as"]])
            return
        if "file" not in block.options:
            self.whole += block.text
            return
        path = self.folder / block.options["file"]
        if "of" in block.options:
            shutil.copy(self.folder / block.options["of"], path)
        if "section" in block.options or "of" in block.options:
            path.write_text("".join((sections(path.read_text()) | sections(block.text)).values()))
        else:
            path.write_text(block.text)
        if "wrong" not in block.options:
            must_compile(path.read_text(), f"{block.place} {path.name}")
            return
        with pytest.raises(Problems):
            must_compile(path.read_text(), path.name)

    def run_jsonl(self, block: Block) -> None:
        lines = block.text.splitlines()
        if "refused" in block.options:
            for line in lines:
                assert block.options["refused"] in codes_of(line, block.options.get("protocol")), block.place
        elif "cohort" in block.options:
            (self.folder / block.options["file"]).write_text(block.text)
            for line in lines:
                parse_events((json.dumps(event) for event in json.loads(line)["events"]), block.place)
        elif "file" in block.options:
            path = self.folder / block.options["file"]
            kept = path.read_text() if "add" in block.options else ""
            path.write_text(kept + block.text)
            parse_events(path.read_text().splitlines(), block.place)
        else:
            self.events.setdefault(block.options["protocol"], []).extend(lines)
            parse_events(lines, block.place)

    def run_json(self, block: Block) -> None:
        value = json.loads(block.text)
        if "action" in block.options:
            protocol = block.options["protocol"]
            course = Course(shipped(protocol)).record_all(parse_events(self.events.get(protocol, [])))
            course.propose(parse_action(json.dumps(value)))

    def run_python(self, block: Block) -> None:
        printed = io.StringIO()
        code = compile("\n" * block.line + block.text, name_of(self.page), "exec")
        with contextlib.chdir(self.folder), contextlib.redirect_stdout(printed):
            exec(code, self.namespace)  # noqa: S102  # the examples of our own pages
        self.printed = printed.getvalue()

    def run_text(self, block: Block) -> None:
        if "output" in block.options:
            must_show(block.place, block.text, self.printed)
        elif "of" in block.options:
            command = self.commands[block.options["of"]]
            must_show(block.place, block.text, self.shell(command, 0, block.place))

    def run_console(self, block: Block) -> None:
        if block.command is not None:  # the gate runs it whole; here the part behind the installation is enough
            self.commands[block.command] = block.text.strip().rpartition("&& ")[2].replace(".venv/bin/", "")
            return
        for command, code, shown in commands_in(block):
            must_show(f"{block.place} $ {command}", shown, self.shell(command, code, block.place))

    def run_mermaid(self, block: Block) -> None:
        assert block.text.strip()

    def shell(self, command: str, code: int, place: str) -> str:
        program, *arguments = shlex.split(command)
        assert program == "protocol-engine", f"{place}: {program} is no command of ours"
        with contextlib.chdir(self.folder):
            done, printed = run_program(arguments)
        assert done == code, f"{place} $ {command}\nexit code {done}, not {code}\n{printed}"
        return printed


def run_program(arguments: Sequence[str]) -> tuple[int, str]:
    """Exit code and output, errors among it, of the command line, without the cost of a process."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        code = app.main(arguments, standalone_mode=False)
    return code, printed.getvalue()


def plain_yaml(text: str) -> Any:
    yaml = YAML(typ="safe", pure=True)
    yaml.allow_duplicate_keys = False
    return _as_text(yaml.compose(text))


def _as_text(node: Any) -> Any:
    if node.id == "mapping":
        return {key.value: _as_text(value) for key, value in node.value}
    return [_as_text(item) for item in node.value] if node.id == "sequence" else Text(node.value)


def codes_of(line: str, protocol: str | None) -> set[str]:
    try:
        events = parse_events([line])
        if protocol is not None:
            accepted(shipped(protocol).table, events)
    except Problems as problems:
        return {problem.code for problem in problems.problems}
    return set()


def commands_in(block: Block) -> Iterator[tuple[str, int, str]]:
    """Each command of a console block, its exit code, and the output shown."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        command = lines.pop(0)
        while command.endswith("\\"):
            command = f"{command}\n{lines.pop(0)}"
        code = re.search(r"\s# exit (\d)$", command)
        yield command.partition(" # exit ")[0], int(code[1]) if code else 0, "\n".join(lines)


def must_show(place: str, shown: str, output: str) -> None:
    """The lines shown stand in the output, in this order; how they are spaced does not matter."""
    lines = iter(" ".join(line.split()) for line in output.splitlines())
    for line in shown.splitlines():
        wanted = " ".join(line.split())
        if wanted not in ("", "..."):
            assert any(wanted in found for found in lines), f"{place}\nnot printed: {line}\n\nbut this:\n{output}"


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=name_of)
def test_the_examples_of_a_page_do_what_it_says(page: Path, tmp_path: Path) -> None:
    shutil.copytree(DOCS / "examples", tmp_path / "docs" / "examples")
    Reader(page, tmp_path).follow()


# --- tables of keys --------------------------------------------------------------------------------------------------


def tables(page: Path) -> dict[str, dict[str, bool]]:
    """The keys that each marked table names, and whether it says that they are needed."""
    found: dict[str, dict[str, bool]] = {}
    lines = page.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if match := KEYS.match(line):
            assert match[1] not in found, f"{name_of(page)}:{number + 1}: the keys of {match[1]} are named twice"
            below = itertools.takewhile(lambda row: row.startswith("|"), lines[number + 1 :])
            rows = [row.split(" | ") for row in below]
            found[match[1]] = {row[0].strip("| `"): row[1].strip() == "yes" for row in rows[2:]}
    return found


def nodes_in(kind: Any, found: dict[str, type]) -> dict[str, type]:
    """Every class that a protocol file is made of."""
    if isinstance(kind, type) and issubclass(kind, Node) and kind.__name__ not in found:
        found[kind.__name__] = kind
        for hint in get_type_hints(kind).values():
            nodes_in(hint, found)
    for part in get_args(kind):
        nodes_in(part, found)
    return found


CONSTRUCTS = nodes_in(Protocol, {"Range": Range, "Elapsed": Elapsed, "QuantityRange": QuantityRange})


def needed(kind: type) -> dict[str, bool]:
    return {key: attribute.default is attrs.NOTHING for key, attribute in keys_of(kind).items()}


def test_the_walk_finds_what_a_file_is_made_of() -> None:
    assert {"Protocol", "Give", "Until", "Administration", "Holds", "FactPart", "DateExpression"} <= CONSTRUCTS.keys()


@pytest.mark.parametrize("name", sorted(CONSTRUCTS))
def test_every_key_of_a_protocol_file_is_explained(name: str) -> None:
    assert tables(DOCS / "language.md").get(name) == needed(CONSTRUCTS[name])


def test_no_construct_is_explained_that_there_is_not() -> None:
    assert tables(DOCS / "language.md").keys() == CONSTRUCTS.keys()


def test_every_word_of_a_test_is_explained() -> None:
    page = (DOCS / "language.md").read_text(encoding="utf-8")
    words = {*get_args(get_type_hints(Presence)["word"]), "some_in", "all_in", "none_in", "not"}
    assert [word for word in sorted(words) if f"`{word}`" not in page and f"`{{{word}: " not in page] == []


@pytest.mark.parametrize("kind", EVENT_KINDS)
def test_every_key_of_an_event_is_explained(kind: str) -> None:
    common = keys_of(Event)
    own = {key: is_needed for key, is_needed in needed(EVENT_KINDS[kind]).items() if key not in (*common, "kind")}
    assert tables(DOCS / "events.md")[kind] == own


def test_the_keys_that_all_events_share_are_explained() -> None:
    explained = tables(DOCS / "events.md")
    assert explained["Event"] == {"id": True, "kind": True, "effective": True, "issued": False}
    assert explained["GivenDrug"] == needed(GivenDrug)


ANSWERS = {
    "Decision": Decision,
    "Action": Action,
    "Answer": Answer,
    "awaiting": Awaiting,
    "not_allowed": Refusal,
    "deviations": Verdict,
}
BESIDE = {"Action": {"content"}, "Answer": {"tried"}, "Decision": {"tried"}}
"""Fields that are not keys: the content of an action stands beside its keys, rows tried are for the audit log."""


@pytest.mark.parametrize("name", ANSWERS)
def test_every_field_of_an_answer_is_explained(name: str) -> None:
    fields = {field.name for field in attrs.fields(ANSWERS[name])} - BESIDE.get(name, set())
    assert tables(DOCS / "events.md")[name].keys() == fields


@cache
def answers() -> tuple[dict[str, Any], ...]:
    return tuple(answer_to(transcript, asked) for transcript in TRANSCRIPTS for asked in transcript.checkpoints)


def keys_that_occur(*path: str) -> set[str]:
    """The keys of all objects at a path in the answers of all journeys."""
    level: list[Any] = list(answers())
    for step in path:
        level = [item[step] for item in level if isinstance(item, dict) and item.get(step) is not None]
        level = [inner for item in level for inner in (item if isinstance(item, list) else [item])]
    return {key for item in level for key in item}


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("protocol", ("protocol",)),
        ("place", ("place",)),
        ("ended", ("ended",)),
        ("administrations", ("actions", "administrations")),
        ("amount", ("actions", "administrations", "amount")),
    ],
)
def test_what_occurs_in_decisions_is_explained(name: str, path: Sequence[str]) -> None:
    assert tables(DOCS / "events.md")[name].keys() == keys_that_occur(*path)


def test_every_kind_of_action_is_explained_with_its_keys() -> None:
    page = (DOCS / "events.md").read_text(encoding="utf-8")
    common = {field.name for field in attrs.fields(Action)}
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    for answer in answers():
        for action in answer.get("actions", ()):
            named = next(row for row in rows if f"`{action['kind']}`" in row)
            assert [key for key in action if key not in common and f"`{key}`" not in named] == []
    kinds = get_args(get_type_hints(Action)["kind"])
    assert [kind for kind in kinds if not any(f"`{kind}`" in row for row in rows)] == []


def test_every_verdict_is_explained() -> None:
    verdicts = set(get_args(get_type_hints(Verdict)["verdict"])) - {"allowed"}
    page = (DOCS / "language.md").read_text(encoding="utf-8")
    assert [verdict for verdict in sorted(verdicts) if f"| `{verdict}` |" not in page] == []


def test_every_key_of_an_audit_record_is_explained() -> None:
    page = DOCS / "how-to" / "embed.md"
    assert tables(page)["Record"].keys() == {field.name for field in attrs.fields(Record)} - {"line"}


def test_the_code_map_names_the_modules_that_there_are() -> None:
    package = ROOT / "protocol_engine"
    page = (DOCS / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = {part for row in re.findall(r"^\| (`.*?) \|", page, re.MULTILINE) for part in re.findall(r"`([^`]+)`", row)}
    top = {path.stem for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    inside = {f"engine/{path.stem}" for path in (package / "engine").glob("*.py")} - {"engine/__init__"}
    nouns = {path.stem for path in (package / "model").glob("*.py")} - {"__init__"}
    expected = {*(name for name in top if not name.startswith("__")), *inside, *nouns}
    assert expected - {name.rstrip("/") for name in named} == set()
    assert [name for name in sorted(named) if re.match(r"engine/\w", name) and name not in inside] == []


def json_of(*arguments: str, code: int = 0) -> Any:
    done, printed = run_program([*arguments, "--format", "json"])
    assert done == code, printed
    return json.loads(printed)


def test_every_key_of_a_screening_is_explained() -> None:
    facts = str(Path(__file__).parent / "screening" / "NCT07151586.jsonl")
    pages = tables(DOCS / "events.md")
    later = json_of("screen", "NCT07151586", facts, "--as-of", "2026-06-01", code=1)
    assert pages["Screening"].keys() == later.keys()
    assert {*pages["Criterion"]} == {key for item in later["criteria"] for key in item}
    assert {*pages["missing"]} == {key for item in later["missing"] for key in item}
    whys = next(
        line for line in (DOCS / "events.md").read_text("utf-8").splitlines() if line.startswith("| `why` | text")
    )
    assert [why for why in get_args(Why) if f"`{why}`" not in whys] == ["known"]


def test_every_key_that_a_command_answers_is_explained(tmp_path: Path) -> None:
    events, log = str(DOCS / "examples" / "NCT07151586.jsonl"), str(tmp_path / "log.jsonl")
    early = '{"kind":"administration","effective":"2026-02-28","regimen":"sg","cycle":2}'
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("protocol: X\n")
    replayed = json_of("replay", "NCT07151586", events, "--audit", log)
    checked = json_of("check", str(wrong), code=1)[0]
    answers = {
        "next": json_of("next", "NCT07151586", events, "--as-of", "2026-03-01", "--skip-unknown-facts"),
        "propose": json_of("propose", "NCT07151586", events, early, code=1),
        "replay": {**replayed, **replayed["steps"][0]},
        "check": {**checked, **checked["problems"][0]},
        "audit verify": json_of("audit", "verify", log),
        "list": json_of("list")[0],
    }
    page = (DOCS / "events.md").read_text(encoding="utf-8")
    elsewhere = tables(DOCS / "events.md")["Decision"].keys() | tables(DOCS / "events.md")["Answer"].keys()
    for command, answer in answers.items():
        row = next(line for line in page.splitlines() if line.startswith(f"| `{command}` |"))
        assert [key for key in answer if f"`{key}`" not in row and key not in elsewhere] == [], command


# --- codes -----------------------------------------------------------------------------------------------------------

CODE = re.compile(r"[a-z]+(-[a-z0-9]+)+")
"""What the code of a problem looks like. The few of one word (`anchor`, `tag`) are left to the reader."""


def codes_in(pattern: str) -> set[str]:
    """Everything in the modules of that pattern that looks like the code of a problem."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "protocol_engine").glob(pattern))
    constants = (node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return {value for value in constants if isinstance(value, str) and CODE.fullmatch(value)}


@pytest.mark.parametrize(
    ("page", "patterns"),
    [
        ("language.md", ("reader.py", "codec/*.py", "checks.py", "checks/*.py")),
        ("events.md", ("engine/intake.py",)),
        ("how-to/embed.md", ("audit/*.py",)),
    ],
)
def test_every_code_of_a_problem_is_explained(page: str, patterns: Sequence[str]) -> None:
    codes = {code for pattern in patterns for code in codes_in(pattern)} - {"utf-8"}
    explained = set(re.findall(r"`([a-z0-9-]+)`", (DOCS / page).read_text(encoding="utf-8")))
    if page == "language.md":  # what only an event can be wrong about stands with the events
        explained |= set(re.findall(r"`([a-z0-9-]+)`", (DOCS / "events.md").read_text(encoding="utf-8")))
    assert sorted(codes - explained) == []


# --- links -----------------------------------------------------------------------------------------------------------

LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    dead = []
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        if "://" in path:
            continue
        found = (page.parent / path).resolve() if path else page
        if not found.exists() or (anchor and found.suffix == ".md" and anchor not in anchors(found)):
            dead.append(target)
    assert dead == []


def test_the_architecture_page_is_short() -> None:
    assert len((DOCS / "ARCHITECTURE.md").read_text(encoding="utf-8").splitlines()) <= 200


def test_decisions_are_numbered_without_a_gap() -> None:
    pages = sorted((DOCS / "decisions").glob("*.md"))
    assert [page.name[:4] for page in pages] == [f"{number:04}" for number in range(1, len(pages) + 1)]
    for page in pages:
        assert page.read_text(encoding="utf-8").startswith(f"# {page.name[:4]} ")
