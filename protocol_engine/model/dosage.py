"""What has become of the doses of one patient: days on which a drug was given, its level, and what holds or ended it.

All of it is derived in the fold, like the position of which it is a part.
"""

from __future__ import annotations

from datetime import date

from attrs import evolve, field, frozen

Moment = tuple[date, int]
"""When something was reported to have happened: its day, and its rank among the events of a day."""
DoseName = tuple[str, int | None, int]
"""A dose as reports name it: regimen, cycle and day."""


@frozen
class Switch:
    """What a rule has done for one drug.

    ``on`` is since when it holds the drug, None while it does not; ``newest`` is the newest report by which it was put
    on, and what releases it must be later. ``by`` are those reports; ``spent`` are all by which it has acted already.
    """

    on: date | None = None
    newest: Moment | None = None
    by: tuple[str, ...] = ()
    spent: frozenset[str] = frozenset()


@frozen
class Off:
    """That a drug is given no more: by which rule or ladder, since when, and by which reports.

    ``stated`` says whether the record states that this ends the drug; if not, nothing says what follows.
    """

    rule: str
    on: date
    by: tuple[str, ...]
    stated: bool = True


@frozen
class DrugDosage:
    """One drug: the days on which it was given, the number of its level, and why it is given no more.

    ``rules`` are those that brought it to its level, ``by`` the reports that decided the last of them, ``since`` the
    day of that. ``lowered_at`` and ``moved_at`` are how many doses had been given then.
    """

    given: tuple[date, ...] = ()
    level: int | None = None
    rules: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    since: date | None = None
    lowered_at: int | None = None
    moved_at: int | None = None
    off: Off | None = None


NEVER_GIVEN = DrugDosage()


@frozen
class Dosage:
    """All drugs of one patient; ``switches`` by rule and drug.

    ``left_out`` are days on which a drug was left out, ``to_be_left_out`` drugs that were left out of doses of which
    the rest is not reported yet.
    """

    drugs: dict[str, DrugDosage] = field(factory=dict)
    switches: dict[tuple[str, str], Switch] = field(factory=dict)
    left_out: frozenset[tuple[str, date]] = frozenset()
    to_be_left_out: frozenset[tuple[str, DoseName]] = frozenset()

    def drug(self, name: str) -> DrugDosage:
        """What has become of a drug."""
        return self.drugs.get(name, NEVER_GIVEN)

    def switch(self, rule: str, drug: str) -> Switch | None:
        """What a rule has done for a drug; None if nothing yet."""
        return self.switches.get((rule, drug))

    def with_drug(self, name: str, found: DrugDosage) -> Dosage:
        """The same with other words on a drug."""
        return evolve(self, drugs={**self.drugs, name: found})

    def with_switch(self, rule: str, drug: str, found: Switch) -> Dosage:
        """The same with another switch."""
        return evolve(self, switches={**self.switches, (rule, drug): found})

    def given(self, names: tuple[str, ...], day: date, dose: DoseName, said: frozenset[str] = frozenset()) -> Dosage:
        """Some drugs were given on a day, as a dose, but those that were left out of it.

        A drug that the report of the dose names itself is ``said`` to be given, whatever was meant before.
        """
        drugs, waiting = dict(self.drugs), self.to_be_left_out
        for name in names:
            known = self.drug(name)
            waits = (name, dose) in waiting and name not in said
            if (name, day) not in self.left_out and not waits:
                drugs[name] = evolve(known, given=tuple(sorted((*known.given, day))))
        regimen, _, number = dose  # a cycle that begins closes the days of the one before
        over = frozenset(item for item in waiting if item[1] == dose or (number == 1 and item[1][0] == regimen))
        return evolve(self, drugs=drugs, to_be_left_out=waiting - over)

    def omitted(self, name: str, day: date) -> Dosage:
        """A drug was left out on a day, whether the day itself is reported before or after."""
        known = self.drug(name)
        drugs = {**self.drugs, name: evolve(known, given=tuple(other for other in known.given if other != day))}
        return evolve(self, drugs=drugs, left_out=self.left_out | {(name, day)})

    def to_be_omitted(self, name: str, dose: DoseName) -> Dosage:
        """A drug was left out of a dose that is still to be reported, whatever the day of that will be."""
        return evolve(self, to_be_left_out=self.to_be_left_out | {(name, dose)})


NOTHING_GIVEN = Dosage()
