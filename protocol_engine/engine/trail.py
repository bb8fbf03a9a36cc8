"""Folds of earlier days that a course keeps, so that what comes late is folded in from its day and not from the first.

They are as true as the course: each could be thrown away and made again from the events. There are few of them however
long a course is, the more the nearer they are to its end, where nearly everything that comes late belongs.
"""

from __future__ import annotations

from datetime import date

from attrs import evolve, frozen

from protocol_engine.engine.folding import Fold

MOST_KEPT = 32
"""Folds that are kept at most, of each of the two kinds."""


@frozen
class Kept:
    """The fold at the end of a day, of what was known from the day ``since`` on and before ``until`` (None: to now)."""

    day: date
    fold: Fold
    since: date
    until: date | None = None

    def tells(self, known_by: date) -> bool:
        """Whether it is the fold of what was known by that day."""
        return self.since <= known_by and (self.until is None or known_by < self.until)


@frozen
class Trail:
    """Kept folds: those of what is known now, and those of what was once known and was then rewritten."""

    now: tuple[Kept, ...] = ()
    once: tuple[Kept, ...] = ()

    def after(self, day: date, fold: Fold, since: date) -> Trail:
        """With the fold at the end of a day, of what is known since a day."""
        return Trail(_few((*self.now, Kept(day, fold, since))), self.once)

    def before(self, day: date, known_by: date) -> Kept | None:
        """The last fold before a day, of what was known by a day; None if there is none."""
        found = [kept for kept in (*self.once, *self.now) if kept.day < day and kept.tells(known_by)]
        return max(found, key=lambda kept: kept.day, default=None)

    def without(self, day: date, since: date = date.min) -> Trail:
        """Without the folds of that day and later ones, or those of them that are known ``since`` a day or later."""
        return Trail(
            tuple(kept for kept in self.now if kept.day < day or kept.since < since),
            tuple(kept for kept in self.once if kept.day < day or kept.since < since),
        )

    def rewritten(self, day: date, since: date) -> Trail:
        """Once something was rewritten, ``since`` a day, that had been taken on ``day`` or is taken there now."""
        gone = [kept for kept in self.now if kept.day >= day and kept.since < since]
        if not gone:
            return self
        once = (*self.once, *(evolve(kept, until=since) for kept in gone))
        return Trail(tuple(kept for kept in self.now if kept.day < day or kept.since >= since), _few(once))


def _few(kept: tuple[Kept, ...]) -> tuple[Kept, ...]:
    """Every second of the older half is let go once there are too many, so the gaps grow with the distance."""
    while len(kept) > MOST_KEPT:
        kept = (*kept[: MOST_KEPT // 2 : 2], *kept[MOST_KEPT // 2 :])
    return kept
