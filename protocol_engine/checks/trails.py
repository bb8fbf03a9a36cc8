"""What can have come before each step: the regimen, the choices made and the cycles begun, over every way to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import assert_never

from attrs import define, evolve, field, frozen

from protocol_engine.checks.names import SAME_REGIMEN
from protocol_engine.checks.outline import Outline, steps_of
from protocol_engine.checks.track_states import tracks_of_arm
from protocol_engine.errors import Problem
from protocol_engine.model.claims import Node
from protocol_engine.model.protocol import (
    Allocate,
    Arm,
    Choose,
    Consent,
    Decide,
    Eligibility,
    End,
    Give,
    May,
    Observe,
    Perform,
    Repeat,
    Step,
    Stop,
    Track,
    Until,
)

MOST_TRAILS = 200
MOST_STEPS = 100
"""Steps in a row beyond which a course is refused: the compiler follows them one inside the other."""


@frozen
class Trail:
    """One way to a step: ``least`` and ``most`` cycles have begun on it; ``most`` is None where there is no limit."""

    regimen: str | None = None
    chosen: frozenset[str] = frozenset()
    least: int = 0
    most: int | None = 0


@define
class Trails:
    """The trails to each step of a protocol, by the identity of the step, and to each arm that is allocated to.

    ``back`` are those at the end of the steps of each repetition, from where they begin again.
    """

    outline: Outline
    before: dict[int, frozenset[Trail]] = field(factory=dict)
    arms: dict[str, frozenset[Trail]] = field(factory=dict)
    back: dict[int, frozenset[Trail]] = field(factory=dict)

    def at(self, node: Node) -> frozenset[Trail]:
        """The trails to a step."""
        return self.before.get(id(node), frozenset())


def trails_of(outline: Outline) -> Trails:
    """Follow every way through the course, the arms, and what stops and permissions open."""
    found = Trails(outline)
    protocol = outline.protocol
    _follow(found, protocol.course, frozenset({Trail()}))
    for name, arm in protocol.arms.items():
        if name in found.arms:
            _follow(found, arm.course, found.arms[name])
            _follow_tracks(found, name)
    anywhere = frozenset({Trail(None, frozenset(outline.choices), 0, None)})
    for _, stop in outline.of(Stop):
        _follow(found, stop.then or (), anywhere)
        _follow(found, stop.instead or (), anywhere)
    for _, may in outline.of(May):
        for steps in (may.options or {}).values():
            _follow(found, steps or (), anywhere)
    return found


def _follow_tracks(found: Trails, arm: str) -> None:
    """A track begins with nothing given in it; timepoints count the cycles of the arm, of which any number may be."""
    trails = frozenset(Trail(None, trail.chosen, 0, None) for trail in found.arms[arm])
    for track in tracks_of_arm(found.outline.protocol, arm).values():
        _follow(found, track.course, trails)


def _follow(found: Trails, steps: Iterable[Step], trails: frozenset[Trail]) -> frozenset[Trail]:
    """The trails behind some steps."""
    for step in steps:
        if not trails:
            break
        found.before[id(step)] = found.before.get(id(step), frozenset()) | trails
        trails = _few(_behind(found, step, trails))
    return trails


def _few(trails: frozenset[Trail]) -> frozenset[Trail]:
    """The trails, or where there are very many one for each regimen, with what is sure on all of them."""
    if len(trails) <= MOST_TRAILS:
        return trails
    found = set()
    for regimen in {trail.regimen for trail in trails}:
        alike = [trail for trail in trails if trail.regimen == regimen]
        chosen = frozenset.intersection(*(trail.chosen for trail in alike))
        most = [trail.most for trail in alike if trail.most is not None]
        least = min(trail.least for trail in alike)
        found.add(Trail(regimen, chosen, least, max(most) if len(most) == len(alike) else None))
    return frozenset(found)


def _behind(  # noqa: C901  # one case for each kind of step
    found: Trails, step: Step, trails: frozenset[Trail]
) -> frozenset[Trail]:
    match step:
        case Consent() | Eligibility() | Perform():
            return trails
        case Allocate() if not step.is_first:
            return _joined(_follow(found, inner, trails) for inner in (step.arms or {"": ()}).values())
        case Allocate():
            arms = found.outline.protocol.arms if step.menu is None else [line.arm for line in step.menu]
            for name in arms:
                if name is not None:
                    found.arms[name] = found.arms.get(name, frozenset()) | trails
            return frozenset()
        case Give():
            return _given(found, step, trails)
        case Decide():
            return _joined(_follow(found, row.then, trails) for row in step.rows)
        case Choose():
            chosen = frozenset(evolve(trail, chosen=trail.chosen | {step.choose}) for trail in trails)
            return _joined(_follow(found, inner, chosen) for inner in step.options.values())
        case Repeat():
            return _repeated(found, step, trails)
        case Observe():
            return _joined(_follow(found, until.then, trails) for until in step.until)
        case End():
            return frozenset()
        case _:
            assert_never(step)


def _given(found: Trails, step: Give, trails: frozenset[Trail]) -> frozenset[Trail]:
    number = step.cycles if isinstance(step.cycles, int) else None
    done, closed = set(), set()
    for trail in trails:
        regimen = trail.regimen if step.give == SAME_REGIMEN else step.give
        start = evolve(trail, regimen=regimen)
        if step.numbering == "anew":
            start = evolve(start, least=0, most=0)
        most = None if number is None or start.most is None else start.most + number
        done.add(evolve(start, least=start.least + (1 if number is None else number), most=most))
        closed.add(evolve(start, least=start.least + 1, most=most))
    behind = frozenset(done) if step.cycles != "without_end" else frozenset()
    return behind | _joined(_follow(found, until.then, frozenset(closed)) for until in step.until)


def _repeated(found: Trails, step: Repeat, trails: frozenset[Trail]) -> frozenset[Trail]:
    """Round twice: the second time with what the first has left behind. Without limit to the cycles."""
    if step.repeat != "without_end":
        return _rounds(found, step, trails)
    first = frozenset(evolve(trail, most=None) for trail in trails)
    again = _follow(found, step.steps, first)
    found.back[id(step)] = found.back.get(id(step), frozenset()) | again
    _follow(found, step.steps, first | again)
    return _joined(_follow(found, until.then, first) for until in step.until)


def _rounds(found: Trails, step: Repeat, trails: frozenset[Trail]) -> frozenset[Trail]:
    """So many rounds; an exit may be taken in each of them."""
    left: frozenset[Trail] = frozenset()
    for number in range(1, int(step.repeat) + 1):
        begun = trails
        trails = _few(_follow(found, step.steps, trails))
        if number == 1:
            found.back[id(step)] = found.back.get(id(step), frozenset()) | trails
        wide = frozenset(evolve(trail, most=None) for trail in begun | trails)
        left |= _joined(_follow(found, until.then, wide) for until in step.until)
    return trails | left


def _joined(parts: Iterable[frozenset[Trail]]) -> frozenset[Trail]:
    return frozenset().union(*parts)


# --- checks --------------------------------------------------------------------------------------------------------


def every_step_can_be_reached(outline: Outline) -> Iterator[Problem]:
    """Some way leads to each arm, to each step, and back to the beginning of each repetition.

    Of several steps in a row that none leads to, the first is named.
    """
    trails = trails_of(outline)
    for name, arm in outline.protocol.arms.items():
        if name not in trails.arms:
            message = f"nobody can be allocated to the arm {name}; add it to the allocation, or take it out"
            yield outline.problem("unreachable", f"arms.{name}", arm.mark, message)
    for item in outline.nodes:
        if item.arm is not None and item.arm not in trails.arms:
            continue
        for key, steps in steps_of(item.node):
            yield from _unreached(outline, trails, f"{item.path}.{key}", steps)
    yield from _unreached(outline, trails, "course", outline.protocol.course)
    for item, step in outline.of(Repeat):
        once = step.repeat in (0, 1)
        if step.steps and all(map(trails.at, step.steps)) and not trails.back[id(step)] and not once:
            message = (
                "never begins again: its last step, such as an element without end, has no way on; "
                "take the repetition out, or let its steps come to be done"
            )
            yield outline.problem("unreachable", item.path, step.mark, message)


def _unreached(outline: Outline, trails: Trails, path: str, steps: tuple[Step, ...]) -> Iterator[Problem]:
    for number, step in enumerate(steps):
        if trails.at(step):
            continue
        if number:
            message = "is never reached: what stands before it has no way on; take it out, or let something lead to it"
            yield outline.problem("unreachable", f"{path}[{number}]", step.mark, message)
        return


def same_regimen_has_one_before(outline: Outline) -> Iterator[Problem]:
    """Some regimen came before ``give: same_regimen``, whichever way was taken."""
    trails = trails_of(outline)
    for item, step in outline.of(Give):
        if step.give == SAME_REGIMEN and any(trail.regimen is None for trail in trails.at(step)):
            message = "there is a way to this step on which no regimen came before; name the regimen"
            yield outline.problem("no-regimen-before", f"{item.path}.give", step.mark, message)


def parts_are_chosen_before(outline: Outline) -> Iterator[Problem]:
    """The choice that fills a part of a regimen is made before the regimen is given."""
    trails, protocol = trails_of(outline), outline.protocol
    for item, step in outline.of(Give):
        regimen = protocol.regimens.get(step.give)
        names = [line.part for line in regimen.gives if line.part is not None] if regimen is not None else []
        for name in names:
            choice = protocol.parts[name].chosen_in if name in protocol.parts else ""
            if choice in outline.choices and any(choice not in trail.chosen for trail in trails.at(step)):
                message = f"{step.give} is given before the choice {choice} fills its part {name}; put the choice first"
                yield outline.problem("part-not-chosen", item.path, step.mark, message)


def repeats_hold_an_act(outline: Outline) -> Iterator[Problem]:
    """Every way round a repetition holds an act: otherwise it would go round by itself for ever."""
    for item, step in outline.of(Repeat):
        if _passable(step.steps):
            message = "can go round without anything being given, done or chosen; let every way hold an act"
            yield outline.problem("empty-repeat", f"{item.path}.steps", step.mark, message)


def _passable(steps: tuple[Step, ...]) -> bool:
    """Whether the steps can be passed without an act: stretches without treatment, and tables that open nothing."""
    return all(
        isinstance(step, Observe) or (isinstance(step, Decide) and any(_passable(row.then) for row in step.rows))
        for step in steps
    )


def courses_are_not_too_long(outline: Outline) -> Iterator[Problem]:
    """No way through an arm has more steps than the compiler can follow."""
    owners: list[tuple[str, Node, tuple[Step, ...]]] = [("course", outline.protocol, outline.protocol.course)]
    owners += [(f"{item.path}.course", arm, arm.course) for item, arm in outline.of(Arm)]
    owners += [(f"{item.path}.course", track, track.course) for item, track in outline.of(Track)]
    for path, owner, steps in owners:
        number = _length(steps)
        if number > MOST_STEPS:
            message = f"has {number} steps in a row, and {MOST_STEPS} are the most; use `cycles`, or `repeat`"
            yield outline.problem("too-long", path, owner.mark, message)


def _length(steps: tuple[Step, ...]) -> int:
    total = 0
    for step in steps:
        lists = [inner for _, inner in steps_of(step)]
        lists += [inner for part in _parts_of(step) for _, inner in steps_of(part)]
        rounds = int(step.repeat) if isinstance(step, Repeat) and step.repeat != "without_end" else 1
        total += 1 + rounds * max((_length(inner) for inner in lists), default=0)
    return total


def _parts_of(step: Step) -> tuple[Node, ...]:
    if isinstance(step, Decide):
        return step.rows
    untils: tuple[Until, ...] = step.until if isinstance(step, Give | Observe | Repeat) else ()
    return untils
