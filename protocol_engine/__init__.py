"""Run an oncology study protocol as a state machine, and say why.

A protocol is a file. It compiles to a table of plain rows, and one pure function walks that table over the
dated events of one patient. The answer is a decision: what may be given next and on which day, what is
still awaited and by which rule, what is not allowed and why, and what the study record does not state.

The engine decides nothing clinical that its protocol file does not say. It never reads a clock: the day
asked about is always an argument.
"""

from protocol_engine.version import ENGINE_VERSION

__version__ = ENGINE_VERSION

__all__ = ["ENGINE_VERSION", "__version__"]
