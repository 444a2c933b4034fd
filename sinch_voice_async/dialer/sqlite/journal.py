"""A journal in a file: SQLite in WAL mode, one writer whose commits reach the disk, readers beside it.

Only one run dials from it at a time; any number of processes may read it and settle by it meanwhile.
"""

import json
import os
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import anyio
import anyio.to_thread
from attrs import define, field

from sinch_voice_async.dialer.clock import Clock
from sinch_voice_async.dialer.contacts import BrokenRow, Contact
from sinch_voice_async.dialer.pacer import Pacer
from sinch_voice_async.dialer.sql.journal import Cursor, SqlJournal, changed
from sinch_voice_async.dialer.sql.rows import row_of
from sinch_voice_async.dialer.sqlite.opening import connect, lock, open_writer, translated
from sinch_voice_async.dialer.sqlite.statements import STATEMENTS
from sinch_voice_async.dialer.sqlite.writer import Operation, Writer
from sinch_voice_async.errors import JournalError

__all__ = ["SqliteJournal"]

T = TypeVar("T")
_LEFT_DIALING: Final = "the program ended while this callout was on its way"


@define(eq=False)
class _Reader:
    """The connection of those who only look, one at a time."""

    connection: sqlite3.Connection
    thread: anyio.CapacityLimiter = field(factory=lambda: anyio.CapacityLimiter(1))

    async def run(self, operation: Operation[T]) -> T:
        return await anyio.to_thread.run_sync(operation, self.connection, limiter=self.thread)


@define(eq=False)
class _Open:
    writer: Writer
    reader: _Reader


class SqliteJournal(SqlJournal):
    """Keeps a campaign in one file, durably: a power cut loses nothing that was answered.

    ``path`` is the file; beside it SQLite keeps its log, and a run its lock. Put it on a disk of this machine: over a
    network file system neither locks nor flushes can be relied upon. ``wait`` is how many seconds it waits for another
    process that writes.

    Every method raises ``JournalError`` where the file cannot be used: locked, on a full disk, damaged, another
    program's, of another version or another campaign.
    """

    def __init__(self, path: str | os.PathLike[str], *, wait: float = 5.0) -> None:
        self.path: Path = Path(path)
        self._wait = wait
        self._opened: _Open | None = None
        self._lock: sqlite3.Connection | None = None

    def __repr__(self) -> str:
        return f"SqliteJournal({str(self.path)!r})"

    async def open(self, campaign: str) -> None:
        """Make the file where it is missing, and check that it is of this campaign and of this version."""
        if self._opened is None:
            with translated(self.path):
                writer, reader = await anyio.to_thread.run_sync(self._connect, campaign)
            self._opened = _Open(Writer(writer), _Reader(reader))

    async def close(self) -> None:
        """Close the file."""
        opened, self._opened = self._opened, None
        await self.end()
        if opened is not None:
            with anyio.CancelScope(shield=True):
                await opened.reader.run(sqlite3.Connection.close)
                await opened.writer.close()

    async def begin(self, at: float) -> int:
        """Take the right to dial, and turn claims of a run that is gone into ``unknown``."""
        with translated(self.path, busy="another run dials from it, and only one may"):
            self._lock = await anyio.to_thread.run_sync(lock, self.path)
        return await self._write("recover", {"note": _LEFT_DIALING, "at": at}, changed)

    async def end(self) -> None:
        """Give the right to dial to whoever wants it next."""
        held, self._lock = self._lock, None
        if held is not None:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(held.close)

    def pacer(self, calls_per_second: float, clock: Clock) -> Pacer:
        """Return a pace of this process: no other dials from this file."""
        return Pacer(calls_per_second, clock=clock)

    async def enqueue(self, contacts: Sequence[Contact], at: float) -> int:
        """Add contacts whose numbers are not there yet."""
        parameters = [row_of(contact) | {"at": at} for contact in contacts]
        return await self._write_many("enqueue", parameters)

    async def note_broken(self, broken: Sequence[BrokenRow]) -> None:
        """Remember rows that could not be read."""
        await self._write_many("note_broken", [{"line": row.line, "problem": row.problem} for row in broken])

    def _connect(self, campaign: str) -> tuple[sqlite3.Connection, sqlite3.Connection]:
        return open_writer(self.path, campaign, wait=self._wait), connect(self.path, wait=self._wait)

    def _use(self) -> _Open:
        if self._opened is None:
            raise JournalError(f"the journal {self.path}: it is not open")
        return self._opened

    async def _read(self, name: str, parameters: Mapping[str, Any], give: Callable[[Cursor], T]) -> T:
        statement = STATEMENTS[name]
        with translated(self.path):
            return await self._use().reader.run(lambda connection: give(connection.execute(statement, parameters)))

    async def _write(self, name: str, parameters: Mapping[str, Any], give: Callable[[Cursor], T]) -> T:
        statement = STATEMENTS[name]
        with translated(self.path):
            return await self._use().writer.run(lambda connection: give(connection.execute(statement, parameters)))

    def _set(self, values: Collection[str]) -> str:
        return json.dumps([*values])

    async def _write_many(self, name: str, parameters: list[dict[str, Any]]) -> int:
        statement = STATEMENTS[name]
        with translated(self.path):
            writer = self._use().writer
            return await writer.run(lambda connection: changed(connection.executemany(statement, parameters)))
