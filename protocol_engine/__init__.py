"""Run an oncology study protocol as a state machine, and say why.

A protocol is a file. It compiles to a table of plain rows, and one pure function walks that table over the
dated events of one patient. The answer is a decision: what may be given next and on which day, what is
still awaited and by which rule, what is not allowed and why, and what the study record does not state.

The engine decides nothing clinical that its protocol file does not say. It never reads a clock: the day
asked about is always an argument.
"""

from protocol_engine.codec import event_json
from protocol_engine.engine.course import Machine, State, Step, begin, decide, propose, replay, step
from protocol_engine.engine.intake import parse_action, parse_events
from protocol_engine.errors import InputError, Problem, Problems
from protocol_engine.service import (
    Course,
    compile_amended,
    compile_protocol,
    load_protocol,
    readings_of,
    shipped_protocols,
)
from protocol_engine.version import ENGINE_VERSION

__version__ = ENGINE_VERSION

__all__ = [
    "ENGINE_VERSION",
    "Course",
    "InputError",
    "Machine",
    "Problem",
    "Problems",
    "State",
    "Step",
    "__version__",
    "begin",
    "compile_amended",
    "compile_protocol",
    "decide",
    "event_json",
    "load_protocol",
    "parse_action",
    "parse_events",
    "propose",
    "readings_of",
    "replay",
    "shipped_protocols",
    "step",
]
