"""Copies of a place that cannot be told apart, made one.

A ``same_regimen`` makes a copy of what follows for each regimen that can reach it. Copies of one step are merged unless
some row out of them differs (partition refinement); those that stay apart are named after their regimen.
"""

from __future__ import annotations

from typing import Any

from attrs import define, evolve, field

from protocol_engine.model.table import Place, Row


@define
class Draft:
    """A place with its rows while they are being found; ``base`` is its name without the regimen that led to it."""

    place: Place
    base: str
    rows: list[Row] = field(factory=list)


class Places:
    """The places found so far, by key, and the falls of each scope."""

    def __init__(self) -> None:
        self.drafts: dict[str, Draft] = {}
        self.falls: dict[str, list[Row]] = {}

    def merge(self) -> None:
        """Merge copies of one step whose rows are the same up to merging, then give the places their final names."""
        kind = {key: draft.base for key, draft in self.drafts.items()}
        while True:
            signatures = {key: (kind[key], self._signature(draft, kind)) for key, draft in self.drafts.items()}
            numbers: dict[Any, str] = {}
            refined = {}
            for key, signature in signatures.items():
                numbers.setdefault(signature, f"{self.drafts[key].base}|{key.partition('|')[2]}")
                refined[key] = numbers[signature]
            if len(set(refined.values())) == len(set(kind.values())):
                break
            kind = refined
        final = self._final_names(kind)
        kept: dict[str, Draft] = {}
        for key, draft in self.drafts.items():
            if final[key] not in kept:
                scopes = tuple(final.get(scope, scope) for scope in draft.place.scopes)
                rows = [evolve(row, source=final[row.source], target=final[row.target]) for row in draft.rows]
                kept[final[key]] = Draft(evolve(draft.place, id=final[key], scopes=scopes), draft.base, rows)
        self.drafts = kept
        merged: dict[str, list[Row]] = {}
        for scope, rows in self.falls.items():
            name = final.get(scope, scope)
            if name not in merged:
                merged[name] = [evolve(row, source=name, target=final[row.target]) for row in rows]
        self.falls = merged

    def _signature(self, draft: Draft, kind: dict[str, str]) -> Any:
        place = draft.place
        rows = [evolve(row, source="", target=kind[row.target] if row.target != place.id else "") for row in draft.rows]
        falls = [evolve(row, source="", target=kind[row.target]) for row in self.falls.get(place.id, [])]
        scopes = tuple(scope for scope in place.scopes if scope != place.id)
        return repr((evolve(place, id="", scopes=scopes), rows, falls))

    def _final_names(self, kind: dict[str, str]) -> dict[str, str]:
        copies: dict[str, set[str]] = {}
        for name in kind.values():
            copies.setdefault(name.partition("|")[0], set()).add(name)
        names = {}
        for key, name in kind.items():
            base, _, regimen = name.partition("|")
            names[key] = f"{base}.{regimen}" if len(copies[base]) > 1 else base
        return names
