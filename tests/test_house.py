"""The house rules that no linter holds."""

import ast
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from protocol_engine import ENGINE_VERSION, __version__

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "protocol_engine"

PURE_CORE = ("model", "compiler", "checks", "machine", "engine", "audit")
NAMES_THAT_SAY_NOTHING = {"common", "helper", "helpers", "manager", "misc", "util", "utils"}
LEFT_BY_TOOLS = {
    ".git",
    ".hypothesis",
    ".import_linter_cache",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".venv",
    "__pycache__",
    "build",
    "dist",
    "htmlcov",
}

# Written in two halves, so that this file passes its own test.
FOREIGN = re.compile(
    "|".join(
        [
            "(?<![a-z0-9_.])/" + r"(?:work|tmp|root|home|Users|opt)/",  # a path of one machine
            "[A-Z]:" + r"\\\\?Users",
            "file:" + "//",
            "py" + r"pi\b",  # a package registry, by name or address
            "python" + "hosted",
            "npm" + "js",
            "crates" + r"\.io",
            "find-" + "links",
            "index-" + "url",
        ]
    ),
    re.IGNORECASE,
)


def tree() -> list[Path]:
    """Return the files of the project: those git tracks, or all of them where there is no repository."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "-C", str(ROOT), "ls-files", "-z"], check=True, capture_output=True, text=True
        ).stdout
        paths = [ROOT / name for name in listed.split("\0") if name]
        return [path for path in paths if path.is_file()]
    return [
        path
        for path in ROOT.rglob("*")
        if path.is_file()
        and not LEFT_BY_TOOLS.intersection(path.relative_to(ROOT).parts)
        and not path.name.startswith(".coverage")
        and path.suffix != ".pyc"
    ]


def core_sources(name: str) -> list[Path]:
    return [*PACKAGE.glob(f"{name}.py"), *PACKAGE.glob(f"{name}/**/*.py")]


def ci_shows(name: str) -> str:
    shown = subprocess.run(
        ["bash", str(ROOT / ".ci" / "run"), "--show", name], check=True, capture_output=True, text=True
    )
    return shown.stdout.strip()


def test_no_file_names_a_machine_or_a_package_registry() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in tree()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1)
        if FOREIGN.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "open('/wo" + "rk/main/x')",
        "cd /tm" + "p/spec",
        "/ho" + "me/someone/x",
        "https://py" + "pi.org/project/attrs",
        "from Py" + "PI",
        "https://files.python" + "hosted.org",
        "--find-" + "links wheels",
    ],
)
def test_the_search_finds_what_it_looks_for(line: str) -> None:
    assert FOREIGN.search(line)


@pytest.mark.parametrize(
    "line", ["docs/work/x", "http://www.apache.org/licenses/", "#!/usr/bin/env bash", "./tmp/x", "and/or"]
)
def test_the_search_leaves_the_rest(line: str) -> None:
    assert not FOREIGN.search(line)


def test_every_module_has_a_name_that_says_something() -> None:
    modules = {part for path in tree() if path.suffix == ".py" for part in path.relative_to(ROOT).with_suffix("").parts}
    assert modules & NAMES_THAT_SAY_NOTHING == set()


def test_no_module_is_named_like_one_of_the_standard_library() -> None:
    modules = {path.stem for path in tree() if path.suffix == ".py" and path.is_relative_to(PACKAGE)}
    assert {name for name in modules if name in sys.stdlib_module_names} == set()


@pytest.mark.parametrize("name", PURE_CORE)
def test_the_pure_core_never_asks_for_the_time(name: str) -> None:
    sources = core_sources(name)
    assert sources, f"protocol_engine.{name} is gone: a core module that moved must be named here"
    asked = [
        f"{path.relative_to(ROOT)}:{node.lineno}: .{node.attr}"
        for path in sources
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr in {"now", "today", "utcnow"}
        and ast.unparse(node.value).rpartition(".")[2] in {"date", "datetime"}
    ]
    assert asked == []


def test_the_gate_runs_the_readme_commands() -> None:
    assert ci_shows("run") == (
        "python3 -m venv .venv && .venv/bin/pip install --quiet . && "
        ".venv/bin/protocol-engine next NCT07239271 docs/examples/NCT07239271.jsonl"
    )
    assert ci_shows("test") == (
        "python3 -m venv .venv && .venv/bin/pip install --quiet -e '.[dev]' && .venv/bin/python -m pytest"
    )
    gate = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for name in ("run", "test"):
        assert re.search(rf"^\(cd .*--show {name}\)\"\)$", gate, re.MULTILINE), (
            f"the gate shows {name} and does not run it"
        )


def test_one_version() -> None:
    assert __version__ == ENGINE_VERSION == metadata.version("protocol_engine")
    assert ENGINE_VERSION in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def installed_for_development() -> set[str]:
    """Return the names of all distributions that `.[dev]` brings into this environment."""
    seen: set[str] = set()
    ahead = [("protocol_engine", "dev")]
    while ahead:
        name, extra = ahead.pop()
        for text in metadata.requires(name) or []:
            needed = Requirement(text)
            if needed.marker is not None and not needed.marker.evaluate({"extra": extra}):
                continue
            if needed.name not in seen:
                seen.add(needed.name)
                ahead += [(needed.name, wanted) for wanted in (needed.extras or {""})]
    return seen


def test_no_dependency_is_under_a_gpl() -> None:
    found = installed_for_development()
    assert {"transitions", "six", "hypothesis", "sortedcontainers"} <= found
    under_gpl = {}
    for name in sorted(found):
        about = metadata.metadata(name)
        # A `License` field may hold a whole text, which may speak of other licences: its first line names it.
        named = [
            about.get("License-Expression") or "",
            (about.get("License") or "").strip().partition("\n")[0],
        ]
        named += [line for line in about.get_all("Classifier") or [] if line.startswith("License ::")]
        assert any(named), f"{name} names no licence"
        if re.search(r"GPL|GNU|Affero", " ".join(named)):
            under_gpl[name] = named
    assert under_gpl == {}
