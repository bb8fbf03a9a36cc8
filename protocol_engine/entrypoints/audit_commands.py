"""Commands about audit logs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import click

from protocol_engine.adapters.audit_file import audit_lines
from protocol_engine.adapters.phrases import counted
from protocol_engine.adapters.replay_prose import record_grid
from protocol_engine.audit import Record, read_record, seen_records, verify
from protocol_engine.engine.course import Machine
from protocol_engine.entrypoints import inputs, options
from protocol_engine.entrypoints.output import problem_json, show_json, show_lines, show_page
from protocol_engine.entrypoints.telemetry import tell
from protocol_engine.errors import InputError, Problems, shown
from protocol_engine.service import readings_of, shipped_protocols

HASH_PATTERN = re.compile(r"[0-9a-f]{64}")


def _hash(_: click.Context, __: click.Parameter, text: str | None) -> str | None:
    if text is not None and not HASH_PATTERN.fullmatch(text.lower()):
        raise click.BadParameter(f"{shown(text)} is not a hash of 64 hexadecimal digits")
    return text.lower() if text is not None else None


@click.group("audit", short_help="Is an audit log whole and true?")
def audit_group() -> None:
    """Audit logs: is what was written still whole and true?"""


@audit_group.command(
    "verify",
    short_help="Is the log whole and true?",
    epilog=options.examples("protocol-engine audit verify course.audit.jsonl --head 5f70bf18a0860070..."),
)
@click.argument("file")
@click.option(
    "--protocol",
    metavar="PROTOCOL",
    help="Registry id or path of the protocol. Default: the shipped one that the log names.",
)
@click.option(
    "--head",
    metavar="HASH",
    callback=_hash,
    help="Hash of the last record, as it was kept elsewhere; finds a cut-off end.",
)
@options.output_format
@options.reading
@options.amended_by
@options.verbose
def verify_command(
    file: str,
    protocol: str | None,
    head: str | None,
    form: str,
    selected: Mapping[str, str],
    amendments: Sequence[str],
) -> int:
    """Is the log whole, and is it true?

    FILE is an audit log, as `replay --audit FILE` writes it. Every record is held against its hash and the one before,
    and every decision is derived again from the events in the log, under the readings that it names, and compared byte
    for byte. Changed, removed, inserted and swapped records are found; records cut off the end only with --head.

    Exit code 0: whole and true. 1: it is not. 2: the file or the protocol could not be read.
    """
    machine = machine_for(file, protocol, selected, amendments)
    tally = _Tally()
    problems = verify(tally.counting(audit_lines(file)), machine, head, file)
    tell("audit verified", records=tally.records, problems=len(problems), head=tally.head)
    if form == "json":
        show_json(
            {
                "file": file,
                "ok": not problems,
                "records": tally.records,
                "head": tally.head,
                "head_given": head is not None,
                "protocol": machine.decider.identity if machine is not None else None,
                "problems": [problem_json(problem) for problem in problems],
            }
        )
    elif problems:
        show_lines(
            [*map(str, problems), f"{file}: {counted(len(problems), 'problem')} in {counted(tally.records, 'line')}"]
        )
    else:
        show_lines(_good_news(file, tally, head))
    return options.NO if problems else options.YES


@audit_group.command(
    "show",
    short_help="The records of a log, also as a role may see them.",
    epilog=options.examples("protocol-engine audit show course.audit.jsonl --protocol my-trial.yaml --as investigator"),
)
@click.argument("file")
@click.option(
    "--protocol",
    metavar="PROTOCOL",
    help="Registry id or path of the protocol. Default: the shipped one that the log names.",
)
@options.role
@options.output_format
@options.reading
@options.verbose
def show_command(*, file: str, protocol: str | None, role: str | None, form: str, selected: Mapping[str, str]) -> int:
    """The records of a log, in their order.

    FILE is an audit log, as `replay --audit FILE` writes it. With --as ROLE the records are a view: they are made anew
    from the events of the log, hold nothing that the protocol hides from that role, and have no hashes, so that a view
    cannot be verified. The log itself stays as it is.
    """
    machine = machine_for(file, protocol, selected)
    if machine is None:
        raise InputError(f"{file}: begins with no audit record")
    kept = (read_record(line, number, file) for number, line in enumerate(audit_lines(file), 1))
    records = [record.as_json() for record in kept] if role is None else [*seen_records(machine, kept, role)]
    tell("audit shown", records=len(records))
    if form == "json":
        show_json(records)
        return options.YES
    if role is not None:
        show_lines((f"{file} as the {role} may see it: a view, whose hashes cannot be checked",))
    show_page((record_grid(machine.table, records),))
    return options.YES


def _good_news(file: str, tally: _Tally, head: str | None) -> tuple[str, ...]:
    end = (
        "It ends with the given head."
        if head is not None
        else "No head was given, so records cut off its end would not be found."
    )
    whole = (
        f"{file}: whole and true. {counted(tally.records, 'record')}, and every answer was derived again byte for byte."
    )
    return whole, f"Head: {tally.head}", end


class _Tally:
    """Counts the lines of a log as they are read, and remembers the hash of the last one."""

    def __init__(self) -> None:
        self.records = 0
        self._last = b""

    def counting(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """The lines, counted."""
        for line in lines:
            self.records += 1
            self._last = line
            yield line

    @property
    def head(self) -> str | None:
        """The hash that the last line names; None if it holds no record."""
        record = _record(self._last)
        return record.hash if record is not None else None


def _record(line: bytes) -> Record | None:
    try:
        return read_record(line)
    except Problems:
        return None


def machine_for(
    file: str, protocol: str | None, selected: Mapping[str, str], amendments: Sequence[str] = ()
) -> Machine | None:
    """The machine to derive the log with; None if its first line does not say, which is a problem of the log."""
    first = next(iter(audit_lines(file)), b"")
    record = _record(first)
    if record is None:
        return inputs.machine_of(protocol, selected, amendments) if protocol is not None else None
    name = protocol if protocol is not None else record.protocol.get("id", "")
    if protocol is None and name not in shipped_protocols():
        raise InputError(f"{file}: is a log of {name}, which is not shipped; name its file with --protocol")
    inputs.refuse_nul(name)
    declared = readings_of(name)  # a reading that the protocol does not have is left to the digests, which differ
    own = {
        assumption: reading
        for assumption, reading in record.readings.items()
        if reading in declared.get(assumption, ())
    }
    return inputs.machine_of(name, {**own, **selected}, amendments)
