"""What the program tells about itself, on standard error: which protocol, how many events, which digest.

Nothing of a patient is ever told: a sentence that is not on the list is not written, and a key that is not on the list
is dropped from one that is. Quiet unless asked with ``--verbose``.
"""

from __future__ import annotations

import logging
import sys
from typing import Any, Final, Literal, get_args

import structlog
from structlog.typing import EventDict, WrappedLogger

Told = Literal[
    "protocol loaded",
    "protocol checked",
    "events read",
    "decision made",
    "proposal judged",
    "screened",
    "course replayed",
    "endpoints worked out",
    "trial worked out",
    "audit written",
    "audit verified",
    "audit shown",
]
SENTENCES: Final = frozenset(get_args(Told))
KEYS: Final = frozenset(
    {
        "actions",
        "announced",
        "awaiting",
        "deviations",
        "digest",
        "endpoints",
        "engine_version",
        "events",
        "files",
        "head",
        "ignored",
        "notices",
        "patients",
        "problems",
        "protocol",
        "protocols",
        "records",
        "skipped",
        "steps",
        "version",
    }
)
"""Ids of protocols, counts, digests and versions. Ids of events, facts and values of patients are not among them."""
_WRITTEN_BY_STRUCTLOG: Final = frozenset({"event", "level", "timestamp"})


def only_what_is_listed(_: WrappedLogger, __: str, told: EventDict) -> EventDict:
    """Drop every key that is not on the list, and a sentence that nobody put on it."""
    if told.get("event") not in SENTENCES:
        raise structlog.DropEvent
    return {key: value for key, value in told.items() if key in KEYS or key in _WRITTEN_BY_STRUCTLOG}


def configure(*, verbose: bool) -> None:
    """Write to standard error: warnings only, or everything that is told. Where it is closed, nothing is told."""
    closed = sys.stderr is None  # by whoever started the program; structlog would write to standard output
    factory = structlog.ReturnLoggerFactory() if closed else structlog.WriteLoggerFactory(file=sys.stderr)
    structlog.configure(
        processors=[
            only_what_is_listed,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO if verbose else logging.WARNING),
        logger_factory=factory,
        cache_logger_on_first_use=False,
    )


def tell(sentence: Told, **counts: Any) -> None:
    """Say what was done, with counts and digests."""
    structlog.get_logger().info(sentence, **counts)
