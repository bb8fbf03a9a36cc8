"""What a decision says of tables of which several rows hold, and of values that a better source may still replace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import define, field

from protocol_engine.engine import wording
from protocol_engine.engine.standing import Standing
from protocol_engine.model.evaluation import NO, YES
from protocol_engine.model.table import ActLabel, Row, Table
from protocol_engine.model.values import Prefer


@define
class _Branch:
    """A row of such a table, as far as it can be taken here: its rows out of the place, and what it is worth."""

    worth: str | None
    by: str | None
    rows: list[Row] = field(factory=list)

    def words(self, table: Table) -> str:
        """What it begins with, and by which claims."""
        acts = dict.fromkeys(_act_words(table, row.act) for row in self.rows if row.act is not None)
        claims = dict.fromkeys(claim for row in self.rows for claim in row.basis if claim[:1] in "RAG")
        return f"{' or '.join(acts)} ({', '.join(claims)})"


def _act_words(table: Table, act: ActLabel) -> str:
    """An act by its name, a choice without its option."""
    choice = act.name.partition("=")[0]
    return f"the choice {wording.words(choice)}" if act.kind == "choice" else wording.act_words(table, act)


def _tables(standing: Standing) -> dict[str, dict[int, _Branch]]:
    """The tables that are read in this place and of which several rows may hold, with the rows that may be taken."""
    tables: dict[str, dict[int, _Branch]] = {}
    for row in standing.offers:
        for among in row.among if standing.counts(row) else ():
            value = standing.evaluation.value(among.holds).value
            worth = str(value) if value is not None else None
            branch = tables.setdefault(among.table, {}).setdefault(among.number, _Branch(worth, among.by))
            if row not in branch.rows:
                branch.rows.append(row)
    return tables


def optional_rows(standing: Standing) -> frozenset[str]:
    """The rows that are one of several ways on, since another row of their table holds, or may hold, too."""
    found: set[str] = set()
    for branches in _tables(standing).values():
        open_ones = [branch for branch in branches.values() if branch.worth != NO]
        if len(open_ones) > 1:
            found |= {row.id for branch in open_ones for row in branch.rows}
    return frozenset(found)


def notices(standing: Standing, shown: Iterable[str]) -> Iterator[str]:
    """That several rows of a table hold and the protocol gives no priority, or that another may still come to hold.

    ``shown`` are the rows whose acts the decision offers: what nobody can do needs no word.
    """
    offered = frozenset(shown)
    for name, branches in _tables(standing).items():
        holding = [branch for branch in branches.values() if branch.worth == YES]
        open_ones = [branch for branch in branches.values() if branch.worth is None]
        if offered.isdisjoint(row.id for branch in holding for row in branch.rows):
            continue
        told = "; ".join(branch.words(standing.table) for branch in holding)
        if len(holding) > 1:
            who = f"the {holding[0].by}" if holding[0].by is not None else "whoever acts"
            yield f"{name}: several rows hold: {told}; the protocol gives no priority, and {who} takes one by acting"
        if open_ones:
            also = "; ".join(branch.words(standing.table) for branch in open_ones)
            yield f"{name}: {told} may be taken while it is not known whether {also} may be taken too"


def provisional(standing: Standing) -> Iterator[str]:
    """Of each value that a row here rests on and that a better source may still replace: by which source it is."""
    table = standing.table
    rows = [*(row for row in standing.offers if standing.counts(row)), *standing.falls]
    names = dict.fromkeys(test.name for row in rows for guard in row.asked for test in guard.condition.tests)
    for name in dict.fromkeys(inner for read in names for inner in table.preferring.get(read, ())):
        value = table.values[name]
        if not isinstance(value, Prefer):
            continue
        source = standing.evaluation.source(value)
        if source is None or source == value.prefer[0]:
            continue
        better = [wording.label_of(table, other) for other in value.prefer[: value.prefer.index(source)]]
        known = wording.value_words(standing.evaluation.value(source))
        claims = f" ({', '.join(value.cite)})" if value.cite else ""
        label, by = wording.label_of(table, name), wording.label_of(table, source)
        yield f"{label} is provisional: {by} is {known}; {' or '.join(better)} is awaited{claims}"
