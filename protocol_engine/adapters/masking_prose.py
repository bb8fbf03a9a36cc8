"""What a protocol hides, and from whom, in words."""

from __future__ import annotations

from protocol_engine.adapters.blocks import Item, Items, Page, Paragraph
from protocol_engine.adapters.phrases import capital, cites, drug_name, listed, regimen_name, with_id
from protocol_engine.engine.wording import words
from protocol_engine.model.protocol import Protocol


def masking_words(protocol: Protocol) -> Page:
    """From whom the arm is hidden, and what is shown instead; nothing where nothing is hidden."""
    masking = protocol.masking
    if masking is None:
        return ()
    known = f"; it is known to the {_roles(masking.known_to)}" if masking.known_to else ""
    doses = "Their doses are hidden too." if masking.dose == "hidden" else "Their doses are shown."
    claims = cites(masking.cite, masking.rests)
    told = f"Who is in which of these arms is hidden from the {_roles(masking.hidden_from)}{known}. {doses}{claims}"
    shown = (
        ("arm", masking.arms, lambda name: with_id(protocol.arms[name].title, name)),
        ("regimen", masking.regimens, lambda name: regimen_name(protocol, name)),
        ("drug", masking.drugs, lambda name: drug_name(protocol, name)),
    )
    items = tuple(
        Item("-", f"{capital(words(alias))} ({alias}) stands for the {what} {listed(map(called, names), 'or')}.")
        for what, groups, called in shown
        for alias, names in groups.items()
    )
    return (Paragraph(told), Items(items))


def _roles(roles: tuple[str, ...]) -> str:
    return listed((words(role) for role in roles), "and the")
