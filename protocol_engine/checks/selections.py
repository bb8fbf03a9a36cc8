"""A whole file checked for every reading of its assumptions: the defaults, each other reading alone, and each pair."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations

from attrs import evolve

from protocol_engine.checks.citations import IDLE
from protocol_engine.checks.unused import UNUSED
from protocol_engine.errors import Problem, Problems
from protocol_engine.model.protocol import Protocol
from protocol_engine.reader import written_protocol

Selection = tuple[tuple[str, str], ...]
"""The readings that differ from the default, by assumption."""
MOST_PAIRS = 60
"""Pairs of readings beyond which only single ones are looked at, so that a check stays a matter of seconds."""


def selections(declared: dict[str, tuple[str, ...]]) -> Iterator[Selection]:
    """No other reading, each one alone, and each pair of readings of two assumptions while there are not too many."""
    others = [(name, reading) for name, readings in declared.items() for reading in readings[1:]]
    yield ()
    for other in others:
        yield (other,)
    pairs = [pair for pair in combinations(others, 2) if pair[0][0] != pair[1][0]]
    if len(pairs) <= MOST_PAIRS:
        yield from pairs


def found_in_any(text: str, source: str, check: Callable[[Protocol], tuple[Problem, ...]]) -> tuple[Problem, ...]:
    """What ``check`` or the reader finds in a file for any selection, each once, with the readings it depends on."""
    try:
        written = written_protocol(text, source)
    except Problems as unread:
        return unread.problems
    looked_at = list(selections(written.readings))
    found: dict[Problem, list[Selection]] = {}
    for selection in looked_at:
        try:
            problems = check(written.read(dict(selection)))
        except Problems as unread:
            problems = unread.problems
        for problem in problems:
            found.setdefault(problem, []).append(selection)
    kept = [
        _worded(problem, where, looked_at)
        for problem, where in found.items()
        if len(where) == len(looked_at) or problem.code not in (UNUSED, IDLE)  # another reading may need it
    ]
    return tuple(sorted(kept, key=lambda problem: (problem.mark, problem.severity != "problem", problem.code)))


def _worded(problem: Problem, where: list[Selection], looked_at: list[Selection]) -> Problem:
    """The finding, with the readings that it needs: those of the smallest selections in which it was found."""
    if len(where) == len(looked_at):
        return problem
    by_default = () in where
    these = [selection for selection in looked_at if selection not in where] if by_default else where
    least = [one for one in these if not any(set(other) < set(one) for other in these)]
    words = " or ".join(" and ".join(f"{name}={reading}" for name, reading in selection) for selection in least)
    return evolve(problem, message=f"{problem.message} ({'not ' if by_default else ''}with {words})")
