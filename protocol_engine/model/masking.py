"""What is hidden from whom: masking as it is written in a file, and as it is compiled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, TypeVar, cast

from attrs import evolve, field, frozen

from protocol_engine.model.claims import Node
from protocol_engine.model.events import (
    AdministrationEvent,
    AdverseEventEvent,
    DiscontinuationEvent,
    Event,
    OmissionEvent,
)
from protocol_engine.model.facts import NO_CITES, NO_NAMES, Cites, Names

if TYPE_CHECKING:
    from protocol_engine.model.protocol import Protocol
    from protocol_engine.model.table import Table


@frozen(kw_only=True)
class Masking(Node):
    """Which arms look alike, and to whom.

    ``hidden_from`` are the roles that must not learn the arm, ``known_to`` those that may. ``arms``, ``regimens`` and
    ``drugs`` give what is shown, and what it stands for. ``dose`` says whether doses are shown.
    """

    hidden_from: Names
    known_to: Names = NO_NAMES
    arms: dict[str, Names]
    regimens: dict[str, Names] = field(factory=dict)
    drugs: dict[str, Names] = field(factory=dict)
    dose: Literal["shown", "hidden"]
    cite: Cites = NO_CITES

    @property
    def roles(self) -> tuple[str, ...]:
        """Every role, those first from whom the arm is hidden."""
        return (*self.hidden_from, *self.known_to)

    def groups(self, protocol: Protocol) -> tuple[tuple[str, str, Names, Mapping[str, object]], ...]:
        """Each name that is shown: its section, itself, what it stands for, and what the file declares there."""
        sections = (
            ("arms", self.arms, protocol.arms),
            ("regimens", self.regimens, protocol.regimens),
            ("drugs", self.drugs, protocol.drugs),
        )
        return tuple(
            (section, shown, hidden, declared)
            for section, names, declared in sections
            for shown, hidden in names.items()
        )


def shown_by_hidden(names: Mapping[str, Names]) -> dict[str, str]:
    """By the name of what is hidden, the one that is shown for it."""
    return {hidden: shown for shown, members in names.items() for hidden in members}


NamingT = TypeVar("NamingT", bound=Event)


@frozen
class Blinding:
    """Masking as compiled: for each arm, regimen and drug that is hidden the name that is shown.

    ``own`` says, by arm, what the shown names of regimens and drugs mean there. ``table`` is the protocol as those see
    it who must not know the arm: the arms that look alike are one arm in it, and nothing in it tells them apart. That
    table hides nothing more: it has the roles, and no ``table`` of its own.
    """

    hidden_from: tuple[str, ...]
    known_to: tuple[str, ...]
    arms: dict[str, str]
    regimens: dict[str, str]
    drugs: dict[str, str]
    dose_hidden: bool
    own: dict[str, dict[str, dict[str, str]]]
    cites: tuple[str, ...]
    table: Table | None = field(default=None, eq=False, repr=False)

    @property
    def roles(self) -> tuple[str, ...]:
        """Every role that the file names."""
        return (*self.hidden_from, *self.known_to)

    @property
    def shown_drugs(self) -> frozenset[str]:
        """The names that are shown for drugs."""
        return frozenset(self.drugs.values())

    def meant(self, event: NamingT, arm: str | None) -> NamingT:
        """An event as it is meant in an arm: a name that is shown is that of the arm's own regimen, or drug.

        Before an allocation, and in an arm that is not hidden, it is no regimen and no drug of anybody.
        """
        own = self.own.get(arm or "")
        return event if own is None else renamed(event, own["regimens"], own["drugs"])


def renamed(event: NamingT, regimens: Mapping[str, str], drugs: Mapping[str, str]) -> NamingT:
    """The event with other names for regimens and drugs; a name that has no other stays."""
    found: Event = event
    match event:
        case AdministrationEvent():
            given = event.given
            if given is not None:
                given = tuple(evolve(item, drug=drugs.get(item.drug, item.drug)) for item in given)
            found = evolve(event, regimen=regimens.get(event.regimen, event.regimen), given=given)
        case OmissionEvent():
            drug = drugs.get(event.drug, event.drug) if event.drug is not None else None
            found = evolve(event, regimen=regimens.get(event.regimen, event.regimen), drug=drug)
        case AdverseEventEvent() if event.drug is not None:
            found = evolve(event, drug=drugs.get(event.drug, event.drug))
        case DiscontinuationEvent():
            found = evolve(event, scope=drugs.get(event.scope, event.scope))
        case _:
            pass
    return cast(NamingT, found)
