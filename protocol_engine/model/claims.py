"""What a protocol rests on: rules of the record, assumptions that fill its silence, and the silence itself.

Ids are the rule book's: ``R`` a rule of the record, ``A`` an assumption, ``N`` something not stated, and ``G``
a rule that holds in every protocol. The four G rules belong to the language, so no file repeats them.
"""

from __future__ import annotations

from attrs import field, frozen

from protocol_engine.errors import Mark

GENERAL_RULES: dict[str, str] = {
    "G1": "Nothing is given before written consent, met eligibility and an allocation.",
    "G2": "Death, and withdrawal of consent, end treatment wherever the patient is; "
    "a withdrawal from treatment alone leaves survival follow-up.",
    "G3": "Unknown is never read as no: a rule that lacks a fact waits, and names the fact.",
    "G4": "What was done is kept even if the protocol did not allow it, and the course goes on from it.",
}


@frozen(kw_only=True)
class Node:
    """Anything written in a protocol file.

    ``mark`` is where it stands (for problems, not for meaning); ``rests`` are the assumptions whose selected
    reading was put in here when the file was read.
    """

    mark: Mark = field(default=Mark(), eq=False, repr=False)
    rests: tuple[str, ...] = ()


@frozen(kw_only=True)
class Assumption(Node):
    """A question the record leaves open, with the readings a sponsor may choose from.

    ``readings`` maps an id to the reading in words; ``default`` is one of those ids.
    """

    asks: str
    default: str
    readings: dict[str, str]


@frozen(kw_only=True)
class Silence(Node):
    """Something the record does not state. ``covers`` names the fields that may be left out because of it."""

    what: str
    covers: tuple[str, ...] = ()
