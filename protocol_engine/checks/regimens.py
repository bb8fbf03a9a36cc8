"""Can every regimen be given as it is written, and is what it leaves out covered by a line of ``not_stated``?"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from protocol_engine.checks.names import SAME_REGIMEN
from protocol_engine.checks.outline import Outline, hint, known_words
from protocol_engine.checks.trails import trails_of
from protocol_engine.errors import Problem
from protocol_engine.model.claims import Node
from protocol_engine.model.doses import Ladder, inner_doses
from protocol_engine.model.facts import Timepoint
from protocol_engine.model.protocol import Administration, Allocate, Give, Part, Protocol, Regimen, Repeat, Stop, Track
from protocol_engine.model.units import DayPoints, DaySpan, Quantity

COVERED = ("dose", "route", "days", "cycle")
"""Fields of a regimen and its lines that may be left out where a line of ``not_stated`` covers them."""
WEIGHT, SURFACE = "weight", "bsa"
PER_WEIGHT, PER_SURFACE = "/kg", "/m2"


@frozen
class Line:
    """A line of a regimen, its own or that of an option of a part, with the path to it."""

    path: str
    written: Administration


def lines_of(protocol: Protocol, name: str) -> Iterator[Line]:
    """The lines that a regimen can come to hold, those of the options of its parts included."""
    for number, line in enumerate(protocol.regimens[name].gives):
        if line.part is None:
            yield Line(f"regimens.{name}.gives[{number}]", line)
        elif line.part in protocol.parts:
            for option, inner in protocol.parts[line.part].options.items():
                path = f"parts.{line.part}.options.{option}.gives"
                yield from (
                    Line(f"{path}[{index}]", item) for index, item in enumerate(inner.gives) if item.part is None
                )


def silences_cover_what_is_left_out(outline: Outline) -> Iterator[Problem]:
    """What a regimen leaves out is covered by one of the lines of ``not_stated`` that it names."""
    protocol = outline.protocol
    for name, silence in protocol.not_stated.items():
        for word in silence.covers:
            if word not in COVERED:
                message = f"{word!r} cannot be left out of a regimen; {hint(word, COVERED)}"
                yield outline.problem("unknown-name", f"not_stated.{name}.covers", silence.mark, message)
    for name, regimen in protocol.regimens.items():
        covered = {word for line in regimen.not_stated if line in protocol.not_stated
                   for word in protocol.not_stated[line].covers}  # fmt: skip
        left_out: list[tuple[str, Node, str]] = []
        if regimen.cycle is None:
            left_out.append((f"regimens.{name}", regimen, "cycle"))
        for line in lines_of(protocol, name):
            left_out += [(line.path, line.written, key) for key in ("dose", "route", "days")
                         if getattr(line.written, key) is None]  # fmt: skip
        for path, node, key in left_out:
            if key not in covered:
                message = (
                    f"the {key} is left out, and no line under the `not_stated` of the regimen {name} covers it; "
                    f"give it, or name a line that covers `{key}`"
                )
                yield outline.problem("uncovered-silence", f"{path}.{key}", node.mark, message)


def doses_can_be_worked_out(outline: Outline) -> Iterator[Problem]:
    """A dose per kg needs the fact ``weight``, in kg; one per m2 the fact ``bsa``, in m2."""
    needed = (
        (WEIGHT, "kg", PER_WEIGHT, "no-weight", "the body weight"),
        (SURFACE, "m2", PER_SURFACE, "no-surface", "the body surface"),
    )
    for fact, unit, per, code, what in needed:
        known = outline.protocol.facts.get(fact)
        if known is not None and known.quantity == unit:
            continue
        found = {path: (node, dose) for path, node, dose in written_doses(outline) if dose.unit.endswith(per)}
        for path, (node, dose) in found.items():
            message = f"a dose in {dose.unit} needs {what}; declare the fact `{fact}: {{quantity: {unit}}}`"
            yield outline.problem(code, path, node.mark, message)


def written_doses(outline: Outline) -> Iterator[tuple[str, Node, Quantity]]:
    """Every dose that is written, in a line or in a ladder, with the path to it and what it stands in."""
    for item, line in outline.of(Administration):
        yield from ((f"{item.path}.dose", line, dose) for dose in inner_doses(line.dose))
    for item, ladder in outline.of(Ladder):
        rungs = (rung for rung in ladder.levels if isinstance(rung, Quantity))
        yield from ((f"{item.path}.levels", ladder, rung) for rung in rungs)


def days_lie_within_the_cycle(outline: Outline) -> Iterator[Problem]:
    """Days of a dose lie within its cycle, something is given on day 1, and cycles have a length in days."""
    protocol = outline.protocol
    for name, regimen in protocol.regimens.items():
        path = f"regimens.{name}"
        for key, length in (("cycle", regimen.cycle), ("next_cycle", getattr(regimen.next_cycle, "due", None))):
            if length is not None and length.unit in ("months", "years"):
                message = f"{length} can be of several numbers of days; give the length in days or weeks"
                yield outline.problem("length-in-months", f"{path}.{key}", regimen.mark, message)
            elif length is not None and length.days < 1:
                yield outline.problem("no-such-day", f"{path}.{key}", regimen.mark, "lasts at least one day")
        if not regimen.gives:
            yield outline.problem("empty-regimen", path, regimen.mark, "gives nothing; name its drugs under `gives`")
        days = [(line, *_first_and_last(line.written)) for line in lines_of(protocol, name)]
        if days and all(first > 1 for _, first, _ in days):
            message = "gives nothing on day 1, and a cycle begins with what is given on its day 1"
            yield outline.problem("nothing-on-day-1", f"{path}.gives", regimen.mark, message)
        if regimen.cycle is not None and regimen.cycle.unit != "months" and regimen.cycle.count:
            for line, _, last in days:
                if last > regimen.cycle.days:
                    message = f"day {last} lies beyond the cycle of {regimen.cycle}; correct the day or the cycle"
                    yield outline.problem("day-beyond-cycle", f"{line.path}.days", line.written.mark, message)
        yield from _next_cycle_faults(outline, name, regimen)


def _first_and_last(line: Administration) -> tuple[int, int]:
    match line.days:
        case DayPoints(days):
            return min(days), max(days)
        case DaySpan(first, last):
            return first, last or first
        case _:
            return 1, 1


def _next_cycle_faults(outline: Outline, name: str, regimen: Regimen) -> Iterator[Problem]:
    rule = regimen.next_cycle
    if rule is None:
        return
    path = f"regimens.{name}.next_cycle"
    if regimen.cycle is None:
        message = "counts from a cycle whose length is not given; give `cycle`"
        yield outline.problem("no-such-day", path, rule.mark, message)
    if rule.due is None and (rule.from_ == "given" or rule.after_day != 1):
        key, message = ("after_day", "counts nothing: say under `due` how long after that day")
        if rule.after_day == 1:
            key, message = ("due", "says nothing; give `due`, or `from: planned`")
        yield outline.problem("ignored", f"{path}.{key}", rule.mark, message)
    days = {1}
    for line in lines_of(outline.protocol, name):
        days |= set(line.written.days.days) if isinstance(line.written.days, DayPoints) else set()
    if rule.after_day not in days:
        message = f"nothing is given on day {rule.after_day}; {known_words([str(day) for day in sorted(days)])}"
        yield outline.problem("no-such-day", f"{path}.after_day", rule.mark, message)


def options_fill_their_parts(outline: Outline) -> Iterator[Problem]:
    """A part has an option for each option of its choice, and none that nobody can choose."""
    for item, part in outline.of(Part):
        options = outline.choices.get(part.chosen_in)
        if options is None:
            continue
        for option in options:
            if option not in part.options:
                message = f"says nothing of {option}, which {part.chosen_in} offers; add the option"
                yield outline.problem("part-options", f"{item.path}.options", part.mark, message)
        for option, inner in part.options.items():
            if option not in options:
                message = f"nobody can choose {option}: {part.chosen_in} does not offer it; {hint(option, options)}"
                yield outline.problem("part-options", f"{item.path}.options.{option}", inner.mark, message)


def cycles_can_be_reached(outline: Outline) -> Iterator[Problem]:
    """An element gives at least one cycle, and no line or timepoint waits for a cycle that no way leads to."""
    for item, step in outline.of(Give):
        if step.cycles == 0:
            message = "no cycle is ever given; give a number from 1, without_end or not_stated, or take the element out"
            yield outline.problem("no-such-cycle", f"{item.path}.cycles", step.mark, message)
    most = _most_cycles(outline)
    for name in outline.protocol.regimens:
        limit = most.get(name, 0)
        for line in lines_of(outline.protocol, name):
            for cycle in line.written.in_cycles or ():
                if cycle < 1 or (limit is not None and 0 < limit < cycle):
                    message = f"cycle {cycle} of {name} is never reached; at most {limit} are given"
                    yield outline.problem("no-such-cycle", f"{line.path}.in_cycles", line.written.mark, message)
    longest = _longest(outline)
    if longest is None:
        return
    for item, timepoint in outline.of(Timepoint):
        if timepoint.after_cycle is not None and timepoint.after_cycle > longest:
            message = f"cycle {timepoint.after_cycle} is never reached; no way through the arms has more than {longest}"
            yield outline.problem("no-such-cycle", item.path, timepoint.mark, message)


def _longest(outline: Outline) -> int | None:
    """The highest number of a cycle on any way through the arms; None where there is no limit."""
    trails, found = trails_of(outline), 0
    for item, step in outline.of(Give):
        if any(isinstance(node, Track) for node in item.around):  # timepoints count the cycles of the arm's own course
            continue
        for trail in trails.at(step):
            before = 0 if step.numbering == "anew" else trail.most
            if before is None or not isinstance(step.cycles, int):
                return None
            found = max(found, before + step.cycles)
    return found


def _most_cycles(outline: Outline) -> dict[str, int | None]:
    """How many cycles of each regimen can be given at most; None where there is no limit."""
    trails = trails_of(outline)
    found: dict[str, int | None] = {}
    for item, step in outline.of(Give):
        names = [step.give] if step.give != SAME_REGIMEN else [str(trail.regimen) for trail in trails.at(step)]
        endless = not isinstance(step.cycles, int) or any(isinstance(node, Repeat) for node in item.around)
        for name in set(names):
            known = found.get(name, 0)
            found[name] = None if endless or known is None or not isinstance(step.cycles, int) else known + step.cycles
    return found


def arms_give_what_they_may(outline: Outline) -> Iterator[Problem]:
    """No element of an arm gives a drug that the arm never gives; what stands behind a stop of the file is in all."""
    protocol = outline.protocol
    for item, step in outline.of(Give):
        everywhere = item.arm is None and any(isinstance(node, Stop) for node in item.around)
        arms = [arm for name, arm in protocol.arms.items() if everywhere or name == item.arm]
        if step.give not in protocol.regimens:
            continue
        drugs = {line.written.drug for line in lines_of(protocol, step.give)}
        for never in (never for arm in arms for never in arm.never):
            if never.drug in drugs:
                message = f"{step.give} holds {never.drug}, which this arm is never given (line {never.mark.line})"
                yield outline.problem("never-given", f"{item.path}.give", step.mark, message)


def allocation_is_as_designed(outline: Outline) -> Iterator[Problem]:
    """An allocation by rule has a menu, a randomised one has none; a ratio names every arm."""
    design = outline.protocol.design
    for item, step in outline.of(Allocate):
        if step.is_first and (design.allocation == "by_rule") != (step.menu is not None):
            message = (
                "the allocation is by rule; write the rules under `menu`" if step.menu is None
                else "has a menu, and the design says randomised; say by_rule, or leave the menu out"
            )  # fmt: skip
            yield outline.problem("allocation-design", item.path, step.mark, message)
    ratio = design.ratio if isinstance(design.ratio, dict) else {}
    for name in outline.protocol.arms:
        if ratio and name not in ratio:
            message = f"says nothing of the arm {name}; give its share"
            yield outline.problem("allocation-design", "design.ratio", design.mark, message)
