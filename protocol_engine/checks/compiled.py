"""A protocol with its table: what the checks on the table look at."""

from __future__ import annotations

from attrs import frozen

from protocol_engine.checks.outline import Outline
from protocol_engine.model.table import Table


@frozen
class Compiled:
    """An outline, and the table compiled from its protocol."""

    outline: Outline
    table: Table
