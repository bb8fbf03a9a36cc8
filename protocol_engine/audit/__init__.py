"""What happened, tied together: every step, refusal and decision as a record whose hash covers the one before.

A log is JSON Lines, one canonical record a line. Nothing here reads a file or a clock. :class:`Chain` makes records,
each at the cost of its own content however long the log is. :func:`verify` reads a log once and finds what was changed,
removed, inserted, swapped or cut off. Given the machine, it derives every answer of the log again from the log's own
events and compares byte for byte, so that a forger who also mends the hashes is found.

What no log can tell by itself: records cut off its end, and a tail of true answers to questions that nobody asked.
Whoever keeps the hash of the last record elsewhere (its head) finds both.
"""

from protocol_engine.audit.records import NOTHING_BEFORE, Chain, Record, RecordKind, read_record
from protocol_engine.audit.verification import verify
from protocol_engine.audit.views import seen_records

__all__ = ["NOTHING_BEFORE", "Chain", "Record", "RecordKind", "read_record", "seen_records", "verify"]
