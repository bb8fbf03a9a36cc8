"""Folds of earlier days that are kept: which of them tells what was known when, and how few there are."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

from course_lines import machine

from protocol_engine.engine.trail import MOST_KEPT, Kept, Trail

FOLD = machine("NCT07377643").begun
FIRST = date(2026, 1, 1)


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def trail(*days: int, since: int = 0) -> Trail:
    found = Trail()
    for number in days:
        found = found.after(day(number), FOLD, day(since))
    return found


def days(kept: tuple[Kept, ...]) -> list[int]:
    return [(fold.day - FIRST).days for fold in kept]


def test_the_last_fold_before_a_day_is_found() -> None:
    found = trail(1, 4, 6).before(day(6), day(9))
    assert found == Kept(day(4), FOLD, day(0))
    assert trail(1, 4, 6).before(day(1), day(9)) is None
    assert trail(1, 4, since=8).before(day(6), day(7)) is None, "of what was known since the 8th, not on the 7th"


def test_a_late_event_lets_go_of_the_folds_from_its_day_on() -> None:
    assert days(trail(1, 4, 6).without(day(4)).now) == [1]
    assert days(trail(1, 4, 6).rewritten(day(2), day(9)).without(day(6)).once) == [4]


def test_what_was_known_before_a_rewrite_is_still_told_of_the_days_before_it() -> None:
    found = trail(1, 4, 6).rewritten(day(4), day(9))
    assert (days(found.now), days(found.once)) == ([1], [4, 6])
    assert found.before(day(8), day(8)) == Kept(day(6), FOLD, day(0), day(9))
    assert found.before(day(8), day(9)) == Kept(day(1), FOLD, day(0))
    assert found.rewritten(day(4), day(10)) is found


def test_a_second_rewrite_of_a_day_unsays_what_was_folded_with_the_first_alone() -> None:
    found = trail(1, 4).rewritten(day(4), day(9)).after(day(4), FOLD, day(9))
    assert days(found.without(day(4), day(9)).now) == [1]
    assert days(found.without(day(4), day(9)).once) == [4]


def test_few_folds_are_kept_and_the_nearer_the_more() -> None:
    found = days(trail(*range(1000)).now)
    assert len(found) <= MOST_KEPT
    gaps = [later - earlier for earlier, later in pairwise(found)]
    assert found[-MOST_KEPT // 2 :] == list(range(1000 - MOST_KEPT // 2, 1000))
    assert gaps == sorted(gaps, reverse=True)
    assert all(gap <= 1000 - earlier for earlier, gap in zip(found, gaps, strict=False))
