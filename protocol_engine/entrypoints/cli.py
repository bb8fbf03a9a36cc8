"""The command line: the application, its error lines and its exit codes. The commands are in the modules beside it."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

import click
from click.exceptions import NoArgsIsHelpError

from protocol_engine.entrypoints import options, telemetry
from protocol_engine.entrypoints.audit_commands import audit_group
from protocol_engine.entrypoints.course_commands import next_command, propose_command, replay_command
from protocol_engine.entrypoints.endpoint_commands import endpoints_command
from protocol_engine.entrypoints.inputs import Unreadable
from protocol_engine.entrypoints.output import ReaderGone, show_error
from protocol_engine.entrypoints.protocol_commands import (
    check_command,
    compare_command,
    diagram_command,
    list_command,
    show_command,
)
from protocol_engine.entrypoints.screening_commands import criteria_command, screen_command, synthesize_command
from protocol_engine.entrypoints.trial_commands import trial_command
from protocol_engine.errors import BrokenInvariant, InputError, Problems, shortened
from protocol_engine.version import ENGINE_VERSION

PROGRAM = "protocol-engine"
DEFECT = 3
"""Exit code of a defect of the engine itself: no answer was given, neither yes nor no."""
INTERRUPTED, NOBODY_READS = 130, 141
"""Exit codes that a shell gives to a program stopped by its user, or by a pipe that nobody reads any more."""


class Application(click.Group):
    """A group of commands that answers every failure with one line on standard error, never with a traceback."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run one command and exit with its code; without ``standalone_mode``, return the code."""
        telemetry.configure(verbose=False)
        run = super().main
        code = _answered(lambda: run(args, prog_name or PROGRAM, complete_var, standalone_mode=False, **extra))
        if standalone_mode:
            sys.exit(code)
        return code

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an interruption is told like any other failure."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise click.Abort from None

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """The commands in the order in which a newcomer needs them."""
        return list(self.commands)


def _answered(run: Callable[[], Any]) -> int:
    """The exit code of a command; what went wrong is told in lines on standard error."""
    try:
        return int(run())
    except click.ClickException as error:
        _tell_misuse(error)
    except click.Abort:
        show_error("interrupted")
        return INTERRUPTED
    except Problems as error:
        _tell_all(map(str, error.problems))
    except Unreadable as error:
        _tell_all(error.lines)
    except InputError as error:
        show_error(str(error))
    except BrokenInvariant as error:
        show_error(f"this is a defect of the engine, and nothing was decided: {error}")
        return DEFECT
    except ReaderGone:
        _leave_standard_output()
        return NOBODY_READS
    except OSError as error:
        show_error(f"{error.filename or 'standard output'}: {error.strerror or 'cannot be read or written'}")
    return options.UNREADABLE


def _tell_misuse(error: click.ClickException) -> None:
    if isinstance(error, NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
    elif isinstance(error, click.UsageError):
        command = error.ctx.command_path if error.ctx is not None else PROGRAM
        show_error(f"{shortened(error.format_message()).rstrip('.')}; see {command} --help")
    else:
        show_error(error.format_message())


def _tell_all(lines: Iterable[str]) -> None:
    for line in lines:
        show_error(line)


def _leave_standard_output() -> None:
    """Send what is still buffered nowhere, or Python would complain about it when it ends."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):
        return
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), descriptor)


@click.group(
    PROGRAM,
    cls=Application,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=options.examples(
        "protocol-engine list",
        "protocol-engine show NCT07239271",
        "protocol-engine next NCT07239271 events.jsonl",
    )
    + "\n\nExit codes: 0 yes; 1 no (refused, problems found, a broken audit log); 2 the input could not be read.",
)
@click.version_option(ENGINE_VERSION, prog_name=PROGRAM, message="%(prog)s %(version)s")
@options.verbose
def app() -> None:
    """Run an oncology study protocol on the events of one patient, and say why.

    A protocol is a file; five are shipped. The events of a patient are JSON Lines: consent, eligibility, allocation,
    results, doses given. The answer is what may come next and on which day, by which rule of the study record, what is
    still awaited, what is not allowed, and what the record does not state.
    """


for command in (
    list_command,
    show_command,
    check_command,
    compare_command,
    criteria_command,
    screen_command,
    next_command,
    propose_command,
    replay_command,
    endpoints_command,
    trial_command,
    audit_group,
    diagram_command,
    synthesize_command,
):
    app.add_command(command)


def report_defect(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A failure that nobody foresaw, in one line without its message, which may hold values of a patient."""
    last = traceback.extract_tb(trace)[-1:] if trace is not None else []
    where = f" at {Path(last[0].filename).name}:{last[0].lineno}" if last else ""
    show_error(f"this is a defect of the engine ({kind.__name__}{where}), and nothing was decided; please report it")
    raise SystemExit(DEFECT) from error


def main() -> NoReturn:
    """The program ``protocol-engine``."""
    sys.excepthook = report_defect
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app()
    raise SystemExit(options.YES)


if __name__ == "__main__":
    main()
