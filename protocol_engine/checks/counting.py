"""Can what is counted be reached, and is what was seen once ever settled?"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from math import prod

from protocol_engine.checks.names import SAME_REGIMEN
from protocol_engine.checks.outline import Outline, Written
from protocol_engine.checks.regimens import lines_of
from protocol_engine.compiler import regimen_days
from protocol_engine.errors import Mark, Problem
from protocol_engine.model.conditions import Not, OneOf, Range, Test
from protocol_engine.model.protocol import Give, May, Repeat
from protocol_engine.model.values import ACTS, CONFIRMED, Confirmation, Take

NONE, UNCONFIRMED, SEEN_AGAIN = CONFIRMED


def counters_can_be_filled(outline: Outline) -> Iterator[Problem]:
    """No test waits for more doses or cycles than any way through an arm gives."""
    most = {name: _most_of(outline, value) for name, value in outline.protocol.values.items() if _counts_acts(value)}
    for asked in outline.conditions:
        for path, named in asked.tests:
            limit, test = most.get(named.name), named.test
            if limit is None or not isinstance(test, Range):
                continue
            if not test.meets(Range(at_least="0", at_most=str(limit))):
                message = f"{named.name} is never {test.words}: no way gives more than {limit}; correct the number"
                yield outline.problem("counter-unfilled", path, named.mark, message)


def _counts_acts(value: object) -> bool:
    return isinstance(value, Take) and value.of[0].partition(".")[0] in ACTS


def _most_of(outline: Outline, value: object) -> Decimal | None:
    """The most that a count of acts can come to on any way; None where there is no limit."""
    total = Decimal(0)
    for act in value.of if isinstance(value, Take) else ():
        kind, _, name = act.partition(".")
        found = _most_doses(outline, kind, name)
        if found is None:
            return None
        total += found
    return total


def _most_doses(outline: Outline, kind: str, name: str) -> int | None:
    protocol, total = outline.protocol, 0
    for regimen, content in protocol.regimens.items():
        given = [line.written for line in lines_of(protocol, regimen)]
        if kind == "drug" and any(line.named_in is not None for line in given):
            return None
        if (kind == "drug" and all(line.drug != name for line in given)) or (kind != "drug" and regimen != name):
            continue
        cycles = _most_cycles(outline, regimen)
        if cycles is None:
            return None
        total += cycles * (1 if kind == "cycle" else len(regimen_days(protocol, content)))
    return total


def _most_cycles(outline: Outline, regimen: str) -> int | None:
    """The most cycles of a regimen in one arm, with those of steps that stand in no arm; None without a limit."""
    by_arm: dict[str | None, int] = {}
    for item, may in outline.of(May):
        if may.give_also == regimen:
            return None
        by_arm.setdefault(item.arm, 0)
    for item, step in outline.of(Give):
        if step.give not in (regimen, SAME_REGIMEN):
            continue
        rounds = _rounds(item)
        if rounds is None or not isinstance(step.cycles, int):
            return None
        by_arm[item.arm] = by_arm.get(item.arm, 0) + step.cycles * rounds
    outside = by_arm.pop(None, 0)
    return outside + max(by_arm.values(), default=0)


def _rounds(item: Written) -> int | None:
    """How often a step can come round; None without a limit."""
    repeats = [node.repeat for node in item.around if isinstance(node, Repeat)]
    rounds = [number for number in repeats if isinstance(number, int)]
    return prod(rounds) if len(rounds) == len(repeats) else None


def what_is_unconfirmed_is_settled(outline: Outline) -> Iterator[Problem]:
    """Where a file acts on what was seen once, something tells whether it was seen again."""
    tested: dict[str, list[tuple[str, Mark, Test]]] = {}
    for asked in outline.conditions:
        for path, named in asked.tests:
            value = outline.protocol.values.get(named.name)
            if isinstance(value, Confirmation):  # one value may ask what another, of a shorter time, settles
                tested.setdefault(value.confirmation, []).append((path, named.mark, named.test))
    for tests in tested.values():
        acting = [path for path, _, test in tests if _levels(test) == {UNCONFIRMED}]
        settled = any(SEEN_AGAIN in _levels(test) and NONE not in _levels(test) for _, _, test in tests)
        if acting and not settled:
            path, mark, _ = next(found for found in tests if found[0] == acting[0])
            message = (
                f"something follows once {path.rpartition('.')[2]} is unconfirmed, and nothing once it is confirmed; "
                "nobody would ever leave that state"
            )
            yield outline.problem("unconfirmed-for-ever", path, mark, message)


def _levels(test: Test) -> set[str]:
    """The levels of a confirmation at which a test holds."""
    return {level for level in CONFIRMED if _holds(test, level)}


def _holds(test: Test, level: str) -> bool:
    """Whether a test holds at a level of a confirmation."""
    match test:
        case OneOf(values):
            return level in values
        case Not(inner):
            return not _holds(inner, level)
        case Range():
            rank = CONFIRMED.index(level)
            known = {word: CONFIRMED.index(limit) for word, limit in test.limits.items() if limit in CONFIRMED}
            return all(
                {"at_least": rank >= at, "above": rank > at, "at_most": rank <= at, "below": rank < at}[word]
                for word, at in known.items()
            )
        case _:
            return True
