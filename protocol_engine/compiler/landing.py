"""Where an act lands that no row allowed: worked out once for every act in every place, so that the table is total."""

from __future__ import annotations

from protocol_engine.model.table import Landing, Row, Table

GATES = ("consent", "eligibility", "allocation")
"""Acts that no landing leads over: what lies behind one waits for it."""


def landings(table: Table) -> dict[str, dict[str, Landing]]:
    """Where each act lands in each place when no row allows it (language reference, "Deviations")."""
    found: dict[str, dict[str, Landing]] = {}
    ahead = {place: _ahead(table, place) for place in table.places}
    later = frozenset(f"allocation:{arm}" for arm in table.allocation_of)
    for place in table.places:
        found[place] = {}
        for key in table.acts:
            found[place][key] = _landing(table, place, key, ahead[place], later)
    return found


def _landing(
    table: Table, place: str, key: str, ahead: list[tuple[int, bool, Row, tuple[str, ...]]], later: frozenset[str]
) -> Landing:
    if key in table.offers_of.get(place, {}):
        return Landing("take")
    if key in later:
        return Landing("stay")  # a draw is a word too: said too early, it leads over nothing
    if table.places[place].kind == "ended" or table.acts[key].kind in ("consent", "eligibility"):
        return Landing("park" if any(row.act and row.act.key == key for _, _, row, _ in ahead) else "stay")
    ways = [
        (depth, gated, row, skipped)
        for depth, gated, row, skipped in ahead
        if row.act is not None and row.act.key == key
    ]
    ways = [way for way in ways if way[2].effect not in ("day", "stay", "fill", "again")]
    open_ways = [way for way in ways if not way[1]]
    if open_ways and table.acts[key].kind == "choice":
        return Landing("stay")  # a word is no dose: said too early, it must not lead over what was not given
    if open_ways:
        nearest = min(way[0] for way in open_ways)
        targets = {way[2].target: way for way in open_ways if way[0] == nearest}
        if len(targets) == 1:
            (_, _, row, skipped) = next(iter(targets.values()))
            return Landing("ahead", row.target, row.effect, skipped)
        return Landing("stay")
    return Landing("park") if ways else Landing("stay")


def _ahead(table: Table, place: str) -> list[tuple[int, bool, Row, tuple[str, ...]]]:
    """Rows ahead of a place, breadth first: how many acts away, whether a gate lies before, the acts skipped."""
    found: list[tuple[int, bool, Row, tuple[str, ...]]] = []
    seen = {place}
    level: list[tuple[str, bool, tuple[str, ...]]] = [(place, False, ())]
    depth = 0
    while level:
        level = _through_falls(table, level, seen)
        following: list[tuple[str, bool, tuple[str, ...]]] = []
        for name, gated, skipped in level:
            for row in table.offers.get(name, ()):
                if row.act is None:
                    continue
                found.append((depth, gated, row, skipped))
                if row.target not in seen and row.strength != "permitted":
                    seen.add(row.target)
                    begun = (row.target, *_begun_with(table, row.target))
                    behind = gated or row.act.kind in GATES
                    following += [(target, behind, (*skipped, row.act.key)) for target in begun]
        level = following
        depth += 1
    return found


def _begun_with(table: Table, place: str) -> tuple[str, ...]:
    """Where the tracks of an arm begin, if the place is the one behind its allocation."""
    at = table.places[place]
    tracks = table.tracks.get(at.arm or "", {}) if at.kind == "allocated" else {}
    return tuple(track.start for track in tracks.values())


def _through_falls(
    table: Table, level: list[tuple[str, bool, tuple[str, ...]]], seen: set[str]
) -> list[tuple[str, bool, tuple[str, ...]]]:
    """The places of a level and those that their falls close into, ends left aside."""
    reached = list(level)
    for name, gated, skipped in reached:
        for scope in table.places[name].scopes:
            for row in table.falls.get(scope, ()):
                if row.target not in seen and table.places[row.target].kind in ("closed", "observing"):
                    seen.add(row.target)
                    reached.append((row.target, gated, skipped))
    return reached
