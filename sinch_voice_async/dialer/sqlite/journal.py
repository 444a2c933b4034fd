"""A journal in a file: SQLite in WAL mode, one writer whose commits reach the disk, readers beside it.

Only one run dials from it at a time; any number of processes may read it and settle by it meanwhile.
"""

import json
import os
import sqlite3
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import anyio
import anyio.to_thread
from attrs import define, field

from sinch_voice_async.dialer.contacts import BrokenRow, Contact
from sinch_voice_async.dialer.journal import Claim, News, Outcome, Total
from sinch_voice_async.dialer.sqlite import rows
from sinch_voice_async.dialer.sqlite.opening import connect, lock, open_writer, translated
from sinch_voice_async.dialer.sqlite.statements import STATEMENTS
from sinch_voice_async.dialer.sqlite.writer import Operation, Writer
from sinch_voice_async.dialer.states import TRANSITIONS, Change, ContactState
from sinch_voice_async.errors import JournalError

__all__ = ["SqliteJournal"]

T = TypeVar("T")
_UNCOUNTED: Final = frozenset({Change.GIVE_BACK, Change.SKIP})
_ENDS_TOKEN: Final = _UNCOUNTED | {Change.REDIAL}
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


class SqliteJournal:
    """Keeps a campaign in one file, durably: a power cut loses nothing that was answered.

    ``path`` is the file; beside it SQLite keeps its log, and a run its lock. Put it on a disk of this machine: over a
    network file system neither locks nor flushes can be relied upon. ``wait`` is how many seconds it waits for another
    process that writes.

    Every method raises ``JournalError`` where the file cannot be used: locked, on a full disk, damaged, another
    program's, of another version or another campaign.
    """

    def __init__(self, path: str | os.PathLike[str], *, wait: float = 5.0) -> None:
        self.path = Path(path)
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
        with translated(self.path):
            self._lock = await anyio.to_thread.run_sync(lock, self.path)
        return await self._write("recover", {"note": _LEFT_DIALING, "at": at}, _changed)

    async def end(self) -> None:
        """Give the right to dial to whoever wants it next."""
        held, self._lock = self._lock, None
        if held is not None:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(held.close)

    async def enqueue(self, contacts: Sequence[Contact], at: float) -> int:
        """Add contacts whose numbers are not there yet."""
        parameters = [rows.row_of(contact) | {"at": at} for contact in contacts]
        return await self._write_many("enqueue", parameters)

    async def note_broken(self, broken: Sequence[BrokenRow]) -> None:
        """Remember rows that could not be read."""
        await self._write_many("note_broken", [{"line": row.line, "problem": row.problem} for row in broken])

    async def due(self, at: float, *, limit: int = 200) -> Sequence[Outcome]:
        """Return contacts that are to do and due."""
        return await self._read("due", {"at": at, "limit": limit}, _outcomes)

    async def next_due(self) -> float | None:
        """Return when the next contact that is to do is due."""
        due: float | None = await self._read("next_due", {}, lambda cursor: cursor.fetchone()[0])
        return due

    async def claim(self, claim: Claim) -> Outcome | None:
        """Take a contact to ``dialing``."""
        parameters = {"number": claim.number, "token": claim.token, "at": claim.at, "day": claim.day}
        return await self._write("claim", parameters, _first_outcome)

    async def change(self, token: str, change: Change, news: News, at: float) -> Outcome | None:
        """Apply a change to the contact whose attempt has this token."""
        parameters = rows.news_parameters(news) | _transition(change)
        parameters |= {"token": token, "at": at}
        parameters |= {"uncounted": change in _UNCOUNTED, "ends_token": change in _ENDS_TOKEN}
        return await self._write("change", parameters, _first_outcome)

    async def put_off(self, number: str, change: Change | None, note: str, due: float, at: float) -> bool:
        """Skip a contact that is to do, or leave it there until ``due``."""
        target = ContactState.TODO if change is None else TRANSITIONS[change].target
        parameters = {"number": number, "target": target, "note": note, "due": due, "at": at}
        return await self._write("put_off", parameters, _changed) > 0

    async def change_all(self, change: Change, note: str | None, at: float, numbers: Collection[str] | None) -> int:
        """Apply a change to these contacts, or to all that it applies to."""
        parameters = _transition(change, but=ContactState.DIALING) | {"note": note, "at": at}
        if numbers is None:
            return await self._write("change_all", parameters, _changed)
        return await self._write("change_some", parameters | {"numbers": json.dumps([*numbers])}, _changed)

    async def look_up(self, tokens: Collection[str]) -> Sequence[Outcome]:
        """Return the contacts whose attempts have these tokens."""
        return await self._read("look_up", {"tokens": json.dumps([*tokens])}, _outcomes)

    async def find_call(self, call_id: str) -> Outcome | None:
        """Return the contact whose last attempt became this call."""
        return await self._read("find_call", {"call_id": call_id}, _first_outcome)

    async def totals(self) -> Sequence[Total]:
        """Return how many contacts stand where."""
        return await self._read("totals", {}, lambda cursor: [rows.total(row) for row in cursor])

    async def page(
        self, states: Collection[ContactState] | None, *, after: int = 0, limit: int = 1000
    ) -> Sequence[Outcome]:
        """Return contacts in these states, or in any, from behind a position."""
        wanted = None if states is None else json.dumps([*states])
        return await self._read("page", {"states": wanted, "after": after, "limit": limit}, _outcomes)

    async def broken_page(self, *, after: int = -1, limit: int = 1000) -> Sequence[BrokenRow]:
        """Return rows that could not be read, from behind a line."""
        return await self._read("broken_page", {"after": after, "limit": limit}, _broken)

    def _connect(self, campaign: str) -> tuple[sqlite3.Connection, sqlite3.Connection]:
        return open_writer(self.path, campaign, wait=self._wait), connect(self.path, wait=self._wait)

    def _use(self) -> _Open:
        if self._opened is None:
            raise JournalError(f"the journal {self.path}: it is not open")
        return self._opened

    async def _read(self, name: str, parameters: dict[str, Any], give: Callable[[sqlite3.Cursor], T]) -> T:
        statement = STATEMENTS[name]
        with translated(self.path):
            return await self._use().reader.run(lambda connection: give(connection.execute(statement, parameters)))

    async def _write(self, name: str, parameters: dict[str, Any], give: Callable[[sqlite3.Cursor], T]) -> T:
        statement = STATEMENTS[name]
        with translated(self.path):
            return await self._use().writer.run(lambda connection: give(connection.execute(statement, parameters)))

    async def _write_many(self, name: str, parameters: list[dict[str, Any]]) -> int:
        statement = STATEMENTS[name]
        with translated(self.path):
            writer = self._use().writer
            return await writer.run(lambda connection: _changed(connection.executemany(statement, parameters)))


def _transition(change: Change, *, but: ContactState | None = None) -> dict[str, Any]:
    transition = TRANSITIONS[change]
    return {"target": transition.target, "sources": json.dumps(sorted(transition.sources - {but}))}


def _changed(cursor: sqlite3.Cursor) -> int:
    return max(cursor.rowcount, 0)


def _outcomes(cursor: sqlite3.Cursor) -> Sequence[Outcome]:
    return [rows.outcome(row) for row in cursor]


def _first_outcome(cursor: sqlite3.Cursor) -> Outcome | None:
    return next((rows.outcome(row) for row in cursor.fetchall()), None)


def _broken(cursor: sqlite3.Cursor) -> Sequence[BrokenRow]:
    return [BrokenRow(row["line"], row["problem"]) for row in cursor]
