"""Commands about protocols: which there are, what one says, what is wrong with a file, and its picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

import click
from attrs import evolve

from protocol_engine import checks
from protocol_engine.adapters.blocks import Grid
from protocol_engine.adapters.comparison_prose import comparison_json, comparison_page
from protocol_engine.adapters.diagram import Form, diagram
from protocol_engine.adapters.file_form import protocol_json
from protocol_engine.adapters.prose import protocol_page
from protocol_engine.compiler import compare
from protocol_engine.engine.blinding import table_for
from protocol_engine.entrypoints import inputs, options
from protocol_engine.entrypoints.output import problem_json, show_error, show_json, show_lines, show_page, show_text
from protocol_engine.entrypoints.telemetry import tell
from protocol_engine.errors import InputError, Problem
from protocol_engine.service import compile_protocol, load_protocol, shipped_protocols


@click.command(
    "list", short_help="The protocols that come with the program.", epilog=options.examples("protocol-engine list")
)
@options.output_format
@options.verbose
def list_command(form: str) -> int:
    """The protocols that come with the program: registry id, version of the record, title."""
    protocols = [load_protocol(name) for name in shipped_protocols()]
    if form == "json":
        show_json([{"id": p.protocol, "version": p.record.version, "title": p.title} for p in protocols])
    else:
        show_page(
            (Grid(("Id", "Version", "Title"), tuple((p.protocol, p.record.version, p.title) for p in protocols)),)
        )
    return options.YES


@click.command(
    "show",
    short_help="What a protocol says, as prose.",
    epilog=options.examples(
        "protocol-engine show NCT07239271", "protocol-engine show NCT07239271 --reading A1=c1_decides"
    ),
)
@click.argument("protocol")
@options.output_format
@options.reading
@options.verbose
def show_command(protocol: str, form: str, selected: Mapping[str, str]) -> int:
    """What a protocol says, as prose: rules, arms step by step, regimens with doses, assumptions, what is not stated.

    PROTOCOL is a registry id (see `list`) or the path of a .yaml file. With --format json it is the content
    of the file, with the selected readings put in and the fragments written out.
    """
    loaded = inputs.protocol_of(protocol, selected)
    if form == "json":
        show_json(protocol_json(loaded))
    else:
        show_page(protocol_page(loaded))
    return options.YES


# --- check ---------------------------------------------------------------------------------------------------------


@click.command(
    "check",
    short_help="All problems of a protocol file.",
    epilog=options.examples(
        "protocol-engine check my-protocol.yaml", "protocol-engine check version-2.yaml --amends version-1.yaml"
    ),
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option(
    "--amends", "amended", metavar="OLD", help="Also look at FILE, which must be one, as an amendment of OLD."
)
@options.output_format
@options.verbose
def check_command(files: Sequence[str], amended: str | None, form: str) -> int:
    """All problems of a protocol file, each in a line: file:line:column code path message.

    FILE is the path of a .yaml file; several may be given. Looked for are unknown names and wrong types, elements that
    cannot be reached or left, decision tables with a gap or an overlap, and claims that nothing cites. A notice is
    printed and refuses nothing.

    With --amends the two versions are looked at together, in their default readings, once each is sound by itself:
    places from which no patient can go on, facts that would be misread, and elements that give something else.

    Exit code 0: no problem. 1: problems found. 2: a file could not be read.
    """
    found: dict[str, tuple[Problem, ...]] = {}
    unreadable = False
    for name in dict.fromkeys(files):
        try:
            text, source = inputs.protocol_file(name)
        except InputError as error:
            unreadable = True
            show_error(str(error))
            continue
        found[name] = checks.check_text(text, source)
    if amended is not None:
        if len(files) != 1:
            raise click.UsageError("--amends looks at one FILE")
        found = {name: (*its, *_as_amendment(name, amended, its)) for name, its in found.items()}
    problems = [problem for all_of_it in found.values() for problem in all_of_it]
    refusing = [problem for problem in problems if problem.severity == "problem"]
    tell("protocol checked", files=len(files), problems=len(refusing), notices=len(problems) - len(refusing))
    if form == "json":
        show_json([_checked_json(name, all_of_it) for name, all_of_it in found.items()])
    else:
        show_lines(line for name, all_of_it in found.items() for line in _checked_lines(name, all_of_it))
    return options.UNREADABLE if unreadable else options.NO if refusing else options.YES


def _as_amendment(name: str, amended: str, found: Sequence[Problem]) -> tuple[Problem, ...]:
    """What is wrong with a file as an amendment; nothing can be said of it while one of the two files is not sound."""
    old = inputs.protocol_of(amended, {})
    compile_protocol(old)
    if any(problem.severity == "problem" for problem in found):
        return ()
    return checks.check_amendment(old, inputs.protocol_of(name, {}))


def _checked_lines(name: str, problems: Sequence[Problem]) -> Iterator[str]:
    for problem in problems:
        message = problem.message if problem.severity == "problem" else f"notice: {problem.message}"
        yield str(evolve(problem, message=message))
    if not any(problem.severity == "problem" for problem in problems):
        yield f"{name}: no problem found"


def _checked_json(name: str, problems: Sequence[Problem]) -> dict[str, Any]:
    ok = not any(problem.severity == "problem" for problem in problems)
    return {"file": name, "ok": ok, "problems": [problem_json(problem) for problem in problems]}


# --- compare -------------------------------------------------------------------------------------------------------


@click.command(
    "compare",
    short_help="What differs between two versions of a protocol.",
    epilog=options.examples("protocol-engine compare version-1.yaml version-2.yaml"),
)
@click.argument("old")
@click.argument("new")
@options.output_format
@options.verbose
def compare_command(old: str, new: str, form: str) -> int:
    """What differs between two versions of a protocol, in meaning and not in text.

    OLD and NEW are registry ids (see `list`) or paths of .yaml files, in their default readings. First stands what a
    patient at each place of OLD would meet if her course went on under NEW; then every fact, value, regimen, element,
    stop, track, criterion, assumption, endpoint, level of a dose and rule on it, and what is masked, that was added,
    removed or changed, with the claims of both.

    Exit code 0 whether they differ or not; 2 if one cannot be read.
    """
    found = compare(inputs.machine_of(old, {}).table, inputs.machine_of(new, {}).table)
    if form == "json":
        show_json(comparison_json(found))
    else:
        show_page(comparison_page(found))
    return options.YES


# --- diagram -------------------------------------------------------------------------------------------------------


@click.command(
    "diagram",
    short_help="The machine of a protocol as a picture.",
    epilog=options.examples("protocol-engine diagram NCT07239271 --format svg > NCT07239271.svg"),
)
@click.argument("protocol")
@click.option(
    "--format",
    "form",
    type=click.Choice(get_args(Form)),
    default="mermaid",
    show_default=True,
    help="Mermaid text for a page, DOT for Graphviz, or a picture that any browser shows.",
)
@options.role
@options.reading
@options.verbose
def diagram_command(protocol: str, form: Form, role: str | None, selected: Mapping[str, str]) -> int:
    """The machine of a protocol as a picture, on standard output.

    PROTOCOL is a registry id (see `list`) or the path of a .yaml file. With --as ROLE the arms that look alike to that
    role are one.
    """
    machine = inputs.machine_of(protocol, selected)
    show_text(diagram(machine.table if role is None else table_for(machine, role), form))
    return options.YES
