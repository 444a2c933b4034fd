"""A journal in PostgreSQL: one campaign, any number of workers on any number of machines.

Rules, beside those of every journal:

- Who wins a claim is decided by one conditional UPDATE. Everything else here is convenience: what is offered to whom,
  and who is believed to be alive, may be wrong without anybody being rung twice.
- A worker that has not been seen for ``gone_after`` seconds is gone. What it was offered is offered to others; what it
  had claimed becomes unknown, and is never dialled again by itself.
- A statement that was cut off is run again, and finds out by its own mark whether it had come through.
"""

import os
import socket
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar

import anyio
import anyio.to_thread
import psycopg
from attrs import define

from sinch_voice_async.dialer.clock import Clock
from sinch_voice_async.dialer.cluster.database import Connection, Database, Operation, translated, where
from sinch_voice_async.dialer.cluster.heartbeat import Heartbeat
from sinch_voice_async.dialer.cluster.opening import make_or_check
from sinch_voice_async.dialer.cluster.pacer import SharedPacer
from sinch_voice_async.dialer.cluster.statements import STATEMENTS
from sinch_voice_async.dialer.contacts import BrokenRow, Contact
from sinch_voice_async.dialer.journal import Outcome
from sinch_voice_async.dialer.pace import Pace
from sinch_voice_async.dialer.sql import rows
from sinch_voice_async.dialer.sql.journal import Cursor, SqlJournal, changed
from sinch_voice_async.errors import JournalError

__all__ = ["PostgresJournal"]

T = TypeVar("T")
_MARKED: Final = frozenset({"claim", "change"})
_LEFT_DIALING: Final = "the worker was gone while this callout was on its way"
# Half a minute of work at most carriers' pace: what a worker that dies takes with it until it is missed.
_OFFERED: Final = 20


@define(eq=False)
class _Open:
    database: Database
    campaign: int
    heartbeat: Heartbeat | None = None
    added: int = 0
    analyze_at: int = 1000


class PostgresJournal(SqlJournal):
    """Keeps a campaign in PostgreSQL, for any number of workers on any number of machines, on asyncio and on trio.

    ``url`` is ``postgresql://user@host/database``; several hosts with ``target_session_attrs=read-write`` are fine. The
    tables are made in a schema of their own, ``sinch_voice_dialer``, and hold all campaigns of the database.
    ``gone_after`` is after how many seconds without a sign of life a worker is believed to be gone. ``patience`` is how
    many seconds a statement waits for a server that is away. A worker has up to three connections.

    Every method raises ``JournalError`` where the database cannot be used: not there, not allowed, or of another
    version. Durability is the server's: ``fsync`` must be on, and see the page on several machines for replicas.
    """

    def __init__(self, url: str, *, gone_after: float = 30.0, patience: float = 120.0) -> None:
        self._place = where(url)
        self._url = url
        self._gone_after = gone_after
        self._patience = patience
        self._opened: _Open | None = None
        self._worker: str | None = None
        self._pacers: list[SharedPacer] = []

    def __repr__(self) -> str:
        return f"PostgresJournal({self._place!r})"

    async def open(self, campaign: str) -> None:
        """Make the tables where they are missing, and check that they are of this version."""
        if self._opened is None:
            database = self._database()
            try:
                with translated(self._place):
                    number = await database.open(lambda connection: make_or_check(connection, campaign, self._place))
            except BaseException:
                await database.close()
                raise
            self._opened = _Open(database, number)

    async def close(self) -> None:
        """Leave the campaign, and let go of the database."""
        await self.end()
        opened, self._opened = self._opened, None
        while self._pacers:
            await self._pacers.pop().close()
        if opened is not None:
            await opened.database.close()

    async def begin(self, at: float) -> int:
        """Join the workers; claims of those that are gone become ``unknown``."""
        await self.end()
        opened = self._use()
        self._worker = uuid.uuid4().hex
        name = f"{socket.gethostname()}:{os.getpid()}"
        await self._write("join", {"name": name}, changed)
        opened.heartbeat = Heartbeat(self._url, self._gone_after / 5, self._always() | {"name": name})
        opened.heartbeat.start()
        return await self._write("recover", {"at": at}, changed)

    async def end(self) -> None:
        """Leave the workers: what this one was offered, others may dial at once."""
        opened = self._opened
        if opened is not None and opened.heartbeat is not None:
            heartbeat, opened.heartbeat = opened.heartbeat, None
            leave = _statement(STATEMENTS["leave"], self._always(), changed)
            # Where the database is away it is not waited for: a worker that gives no sign of life has left too.
            with anyio.CancelScope(shield=True), suppress(psycopg.Error):
                await anyio.to_thread.run_sync(heartbeat.stop)
                await opened.database.open(leave)
        self._worker = None

    def pacer(self, calls_per_second: float, clock: Clock) -> SharedPacer:
        """Return what keeps the pace of all workers together; the last worker to begin sets it for everybody."""
        pacer = SharedPacer(Pace.of(calls_per_second).target, clock, self._database(), self._campaign, self._place)
        self._pacers.append(pacer)
        return pacer

    async def pause(self) -> None:
        """Let no worker dial on any machine, until ``resume``; what is on its way goes on."""
        await self._write("pause", {"paused": True}, changed)

    async def resume(self) -> None:
        """Let all workers go on."""
        await self._write("pause", {"paused": False}, changed)

    async def enqueue(self, contacts: Sequence[Contact], at: float) -> int:
        """Add contacts whose numbers are not there yet."""
        added = [rows.row_of(contact) for contact in contacts]
        columns = {f"{name}s": [row[name] for row in added] for name in ("number", "zone")}
        columns |= {"fields": [row["fields"] for row in added]}
        new = await self._write("enqueue", columns | {"at": at}, changed)
        await self._analyze(new)
        return new

    async def note_broken(self, broken: Sequence[BrokenRow]) -> None:
        """Remember rows that could not be read."""
        problems = {row.line: row.problem for row in broken}
        await self._write("note_broken", {"lines": [*problems], "problems": [*problems.values()]}, changed)

    async def due(self, at: float, *, limit: int = 200) -> Sequence[Outcome]:
        """Return contacts that are to do and due, and that no other worker was offered: fewer than ``limit`` mostly."""
        return await super().due(at, limit=min(limit, _OFFERED))

    async def _analyze(self, new: int) -> None:
        """Let PostgreSQL look at what has come, each time that it has grown tenfold.

        It does so itself, a minute later; until then it would look for each contact among all.
        """
        opened = self._use()
        opened.added += new
        if opened.added >= opened.analyze_at:
            opened.analyze_at = 10 * opened.added
            await self._write("analyze", {}, changed)

    async def _read(self, name: str, parameters: Mapping[str, Any], give: Callable[[Cursor], T]) -> T:
        return await self._write(name, parameters, give)

    async def _write(self, name: str, parameters: Mapping[str, Any], give: Callable[[Cursor], T]) -> T:
        everything = {**parameters, **self._always(), "changed_by": uuid.uuid4()}
        run = _statement(STATEMENTS[name], everything, give)
        again = _statement(STATEMENTS[name], everything, give, found=STATEMENTS["changed"]) if name in _MARKED else None
        with translated(self._place):
            return await self._use().database.run(run, again=again)

    def _set(self, values: Collection[str]) -> list[str]:
        return [*values]

    def _always(self) -> dict[str, Any]:
        number, worker = self._use().campaign, self._worker
        return {"campaign": number, "worker": worker, "gone_after": self._gone_after, "left": _LEFT_DIALING}

    def _campaign(self) -> int:
        return self._use().campaign

    def _database(self) -> Database:
        return Database(self._url, self._patience)

    def _use(self) -> _Open:
        if self._opened is None:
            raise JournalError(f"the journal at {self._place}: it is not open")
        return self._opened


def _statement(
    statement: bytes, parameters: Mapping[str, Any], give: Callable[[Cursor], T], *, found: bytes | None = None
) -> Operation[T]:
    """Return what runs a statement; and, where that changes nothing, looks whether it had come through before."""

    def operation(connection: Connection) -> T:
        cursor = connection.execute(statement, parameters)
        if found is not None and not cursor.rowcount:
            cursor = connection.execute(found, parameters)
        return give(cursor)

    return operation
