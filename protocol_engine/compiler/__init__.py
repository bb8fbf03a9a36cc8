"""From a protocol to its table.

``steps`` turns the course into places and rows, ``conditions`` settles what they ask for, ``merging`` joins copies that
cannot be told apart, ``landing`` works out where an act goes that no row allowed, ``assembly`` puts the table together.
``amending`` makes one family of several versions.
"""

from protocol_engine.compiler.amending import crossing, family
from protocol_engine.compiler.assembly import compile_protocol, inner_steps, regimen_days
from protocol_engine.compiler.comparing import compare
from protocol_engine.compiler.tracks import tracks_written

__all__ = [
    "compare",
    "compile_protocol",
    "crossing",
    "family",
    "inner_steps",
    "regimen_days",
    "tracks_written",
]
