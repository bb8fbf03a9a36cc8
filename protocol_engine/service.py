"""Where the pieces meet: from a protocol's id or file to a machine, and from events to a course.

Reading files is here and in the entry points; nothing below this module touches a disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from importlib import resources
from itertools import pairwise
from pathlib import Path

from protocol_engine import compiler
from protocol_engine.checks import check_amendment, check_protocol
from protocol_engine.engine.blinding import decide_as, propose_as
from protocol_engine.engine.course import Machine, State, Step, begin, decide, derived, known_on, propose, step
from protocol_engine.engine.endpoints import outcomes_of
from protocol_engine.engine.intake import accepted
from protocol_engine.engine.versions import VersionMachine
from protocol_engine.errors import InputError, Mark, Problem, Problems
from protocol_engine.model.decision import Answer, Decision
from protocol_engine.model.events import PatientEvent
from protocol_engine.model.outcomes import Outcomes
from protocol_engine.model.protocol import Protocol
from protocol_engine.reader import declared_readings, read_protocol

PROTOCOLS_FOLDER = "protocols"


def _shipped_folder() -> Path:
    """The protocols that come with the package: inside the installed wheel, or at the top of a checkout."""
    inside = Path(str(resources.files("protocol_engine"))) / PROTOCOLS_FOLDER
    return inside if inside.is_dir() else Path(str(resources.files("protocol_engine"))).parent / PROTOCOLS_FOLDER


def shipped_protocols() -> tuple[str, ...]:
    """The registry ids of the protocols that come with the package."""
    return tuple(sorted(path.stem for path in _shipped_folder().glob("*.yaml")))


def protocol_text(name: str) -> tuple[str, str]:
    """The text of a protocol, and what to call it in messages. ``name`` is a registry id, or the path of a file.

    :class:`InputError` if there is none, in one line.
    """
    if name in shipped_protocols():
        path, source = _shipped_folder() / f"{name}.yaml", f"{name}.yaml"
    else:
        path, source = Path(name), name
        if path.is_dir():
            raise InputError(f"{name}: is a folder; name a .yaml file in it")
        if path.suffix not in (".yaml", ".yml") and not path.is_file():
            raise InputError(
                f"{name}: no such protocol; shipped are {', '.join(shipped_protocols())}; or give a .yaml file"
            )
    try:
        return path.read_text(encoding="utf-8-sig"), source
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise InputError(f"{name}: is not UTF-8 text; save it as UTF-8") from None


def load_protocol(name: str, readings: Mapping[str, str] | None = None) -> Protocol:
    """The protocol with that registry id or path, with the given readings selected over the defaults.

    Raises :class:`Problems` with everything wrong in the file, :class:`InputError` if there is no such file.
    """
    text, source = protocol_text(name)
    return read_protocol(text, source, readings)


def readings_of(name: str) -> dict[str, tuple[str, ...]]:
    """The assumptions of a protocol with the ids of their readings, the default first."""
    text, source = protocol_text(name)
    return declared_readings(text, source)


def compile_protocol(protocol: Protocol) -> Machine:
    """A machine for the protocol; :class:`Problems` if a check finds that it must not run."""
    _refuse(check_protocol(protocol))
    return Machine(compiler.compile_protocol(protocol))


def _refuse(found: Iterable[Problem]) -> None:
    problems = tuple(problem for problem in found if problem.severity == "problem")
    if problems:
        raise Problems(problems)


def compile_amended(protocols: Sequence[Protocol]) -> Machine:
    """A machine for the versions of a protocol in order, each of which amends the one before.

    :class:`Problems` if a check finds that one of them, or a pair, must not run.
    """
    if len(protocols) == 1:
        return compile_protocol(protocols[0])
    _refuse(problem for protocol in protocols for problem in check_protocol(protocol))
    _refuse(problem for old, new in pairwise(protocols) for problem in check_amendment(old, new))
    return VersionMachine(compiler.family([compiler.compile_protocol(protocol) for protocol in protocols]))


class Course:
    """The course of one patient under one protocol: a state that :meth:`record` replaces, and questions to it."""

    def __init__(self, machine: Machine, state: State | None = None) -> None:
        self.machine = machine
        self.state = state if state is not None else begin(machine)

    def record(self, event: PatientEvent) -> Step:
        """Take one event; the step says what it did. :class:`InputError` if the protocol cannot read it."""
        taken = step(self.machine, self.state, event)
        self.state = taken.state
        return taken

    def record_all(self, events: Iterable[PatientEvent], *, skip_unknown_facts: bool = False) -> Course:
        """Take many events at once, in any order; gives the course itself. :class:`Problems` names every bad one."""
        kept, _ = accepted(
            self.machine.table, [*self.state.events.values(), *events], skip_unknown_facts=skip_unknown_facts
        )
        self.state = derived(self.machine, {event.id: event for event in kept})[0]
        return self

    def decide(self, as_of: date | None = None) -> Decision:
        """What comes next, as of a day (default: the last date among the events taken, those skipped left aside)."""
        return decide(self.machine, self.state, as_of)

    def outcomes(self, as_of: date | None = None) -> Outcomes:
        """The ends and endpoints of the course, as of a day (default: the last date among the events taken)."""
        day = as_of if as_of is not None else self.state.as_of
        state = known_on(self.machine, self.state, day)[0] if day is not None else self.state
        return outcomes_of(self.machine.under(state.now).table, state, day)

    def propose(self, event: PatientEvent) -> Answer:
        """May this be done on its day? Nothing changes."""
        return propose(self.machine, self.state, event)

    def decide_as(self, role: str, as_of: date | None = None) -> Decision:
        """What comes next, as a role may see it. :class:`InputError` if the protocol names no such role."""
        return decide_as(self.machine, self.state, role, as_of)

    def propose_as(self, role: str, event: PatientEvent) -> Answer:
        """May this be done, as far as a role may know? :class:`InputError` if it names what is hidden from it."""
        return propose_as(self.machine, self.state, event, role)


__all__ = [
    "Course",
    "Mark",
    "Problem",
    "compile_amended",
    "compile_protocol",
    "load_protocol",
    "protocol_text",
    "readings_of",
    "shipped_protocols",
]
