"""Tables of which several rows may hold: what says which of them do, and what makes one wait for the others."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from protocol_engine.compiler.conditions import Conditions
from protocol_engine.model.conditions import Clause, Condition, NamedTest, Presence
from protocol_engine.model.protocol import Allocate, ArmRule, Decide, DecisionRow
from protocol_engine.model.table import Among, Guard
from protocol_engine.model.values import Holds

ALLOCATION = "allocation"
"""What the menu of the allocation is called in a notice; a decision table has a name."""


class Several:
    """The tables of a protocol of which several rows may hold.

    Each row gets a value that says whether it does, so that another row can wait until that is known: nothing else is
    asked of a row than a condition. ``values`` are all of them, by names that no file can write.
    """

    def __init__(self, conditions: Conditions) -> None:
        self.conditions = conditions
        self.values: dict[str, Holds] = {}
        self._tables: dict[int, str] = {}

    def row(self, step: Decide | Allocate, number: int) -> tuple[tuple[Among, ...], tuple[Guard, ...]]:
        """Which row of the table it is, and the guards by which it waits for the others; nothing for other tables."""
        if step.several is None:
            return (), ()
        table = self._name(step)
        by = step.by if isinstance(step, Decide) else None
        lines = dict(self._lines(step, table))
        waiting = tuple(
            self._known(name, line) for other, (name, line) in lines.items() if other != number and self._is_live(line)
        )
        waits = step.while_unknown == "wait"
        return (Among(table, number, lines[number][0], by, waits),), waiting if waits else ()

    def _name(self, step: Decide | Allocate) -> str:
        """A name for the table: its own, with a number where another table has it too."""
        if id(step) not in self._tables:
            wanted = step.decide if isinstance(step, Decide) else ALLOCATION
            same = sum(name.partition(" (")[0] == wanted for name in self._tables.values())
            self._tables[id(step)] = f"{wanted} ({same + 1})" if same else wanted
        return self._tables[id(step)]

    def _lines(self, step: Decide | Allocate, table: str) -> Iterator[tuple[int, tuple[str, DecisionRow | ArmRule]]]:
        """The rows with the names of their values, which are kept."""
        lines: tuple[DecisionRow | ArmRule, ...] = step.rows if isinstance(step, Decide) else step.menu or ()
        for number, line in enumerate(lines):
            name, told = f"{table}: row {number + 1}", f"whether row {number + 1} of {table} holds"
            self.values[name] = Holds(holds=self.conditions.folded(line.if_), label=told, cite=line.cite)
            yield number, (name, line)

    def _is_live(self, line: DecisionRow | ArmRule) -> bool:
        """Whether the selected readings leave the row in."""
        return bool(self.conditions.folded(line.if_).clauses)

    def _known(self, name: str, line: DecisionRow | ArmRule) -> Guard:
        """That it is known whether another row holds."""
        asked = self.conditions.guard(line.if_, line.cite)
        known = Condition((Clause((NamedTest(name, Presence("any_result")),)),))
        return evolve(asked, condition=known, waits=True)
