"""An audit log on disk: JSON Lines that are only ever added to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from protocol_engine.audit import Record
from protocol_engine.errors import InputError


class AuditFile:
    """A log being written. Use it in a ``with`` block: what was appended is on the disk when the block is left.

    With ``sync_each`` it is on the disk when :meth:`append` returns, which costs a disk write for every record.
    """

    def __init__(self, path: Path, stream: BinaryIO, *, sync_each: bool = False) -> None:
        self.path = path
        self._stream = stream
        self._sync_each = sync_each

    @classmethod
    def create(cls, path: str | Path, *, sync_each: bool = False) -> AuditFile:
        """A new, empty log. :class:`InputError` if something has that path already, or it cannot be written."""
        path = Path(path)
        try:
            return cls(path, path.open("xb"), sync_each=sync_each)
        except FileExistsError:
            raise InputError(
                f"{path}: exists already, and an audit log is never written over; name a new file"
            ) from None
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: cannot be written ({_reason(error)})") from None

    def append(self, record: Record) -> None:
        """Write one record behind the others. :class:`InputError` if the disk does not take it."""
        try:
            self._stream.write(record.line)
            if self._sync_each:
                self._sync()
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written ({_reason(error)})") from None

    def close(self) -> None:
        """Bring everything to the disk and let go of the file. :class:`InputError` if the disk does not take it."""
        if self._stream.closed:
            return
        try:
            with self._stream:
                self._sync()
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written ({_reason(error)})") from None

    def _sync(self) -> None:
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def __enter__(self) -> AuditFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def audit_lines(path: str | Path) -> Iterator[bytes]:
    """The lines of a log, each with its end, read as asked for. :class:`InputError` if the file cannot be read."""
    try:
        with Path(path).open("rb") as stream:
            yield from stream
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({_reason(error)})") from None


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
