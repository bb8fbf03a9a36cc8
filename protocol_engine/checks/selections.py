"""A whole file checked for every reading of its assumptions: the defaults, each other reading alone, and each pair."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
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

WITNESS = re.compile(r" a patient with | in [0-9]+ more groups ")
"""Where a message begins to say for whom it holds; what stands before is the finding."""


def selections(declared: dict[str, tuple[str, ...]], paired: Collection[str] | None = None) -> Iterator[Selection]:
    """No other reading, each one alone, and each pair of readings of two assumptions while there are not too many.

    Pairs are made of the assumptions ``paired`` (default: of all): those that only criteria ask cannot meet in a row.
    """
    others = [(name, reading) for name, readings in declared.items() for reading in readings[1:]]
    yield ()
    for other in others:
        yield (other,)
    meeting = [other for other in others if paired is None or other[0] in paired]
    pairs = [pair for pair in combinations(meeting, 2) if pair[0][0] != pair[1][0]]
    if len(pairs) <= MOST_PAIRS:
        yield from pairs


def found_in_any(text: str, source: str, check: Callable[[Protocol], tuple[Problem, ...]]) -> tuple[Problem, ...]:
    """What ``check`` or the reader finds in a file for any selection, each once, with the readings it depends on."""
    try:
        written = written_protocol(text, source)
    except Problems as unread:
        return unread.problems
    looked_at = list(selections(written.readings, written.asked_by_the_course))
    found: dict[Problem, list[Selection]] = {}
    for selection in looked_at:
        try:
            problems = check(written.read(dict(selection)))
        except Problems as unread:
            problems = unread.problems
        for problem in problems:
            found.setdefault(problem, []).append(selection)
    kept = [
        _worded(problem, where, found[problem], looked_at)
        for problem, where in _first_witnesses(found)
        if len(where) == len(looked_at) or problem.code not in (UNUSED, IDLE)  # another reading may need it
    ]
    return tuple(sorted(kept, key=lambda problem: (problem.mark, problem.severity != "problem", problem.code)))


def _first_witnesses(found: dict[Problem, list[Selection]]) -> Iterator[tuple[Problem, list[Selection]]]:
    """Each finding with the patients for whom it holds in the first selection that has it, and all that have it."""
    alike: dict[tuple[object, ...], list[Problem]] = {}
    for problem in found:
        about = WITNESS.split(problem.message, maxsplit=1)[0]
        alike.setdefault((problem.code, problem.severity, problem.path, problem.mark, about), []).append(problem)
    for problems in alike.values():
        first = found[problems[0]][0]
        everywhere = list(dict.fromkeys(selection for problem in problems for selection in found[problem]))
        yield from ((problem, everywhere) for problem in problems if first in found[problem])


def _worded(problem: Problem, where: list[Selection], same: list[Selection], looked_at: list[Selection]) -> Problem:
    """The finding, with the readings that it needs, and those with which it holds for ``other`` patients than here."""
    words = []
    if len(where) < len(looked_at):
        by_default = () in where
        these = [selection for selection in looked_at if selection not in where] if by_default else where
        words.append(f"{'not ' if by_default else ''}with {_least(these)}")
    if len(same) < len(where):
        words.append(f"for other patients with {_least([selection for selection in where if selection not in same])}")
    return evolve(problem, message=f"{problem.message} ({'; '.join(words)})") if words else problem


def _least(these: Iterable[Selection]) -> str:
    """The smallest of some selections, in words."""
    least = [one for one in these if not any(set(other) < set(one) for other in these)]
    return " or ".join(" and ".join(f"{name}={reading}" for name, reading in selection) for selection in least)
