"""The readings of the shipped protocols that a course can tell apart."""

from functools import cache

from protocol_engine.reader import written_protocol
from protocol_engine.service import protocol_text


@cache
def course_readings(protocol: str) -> dict[str, tuple[str, ...]]:
    """The readings of each assumption that something else than a criterion depends on, the default first."""
    written = written_protocol(*protocol_text(protocol))
    return {name: readings for name, readings in written.readings.items() if name in written.asked_by_the_course}
