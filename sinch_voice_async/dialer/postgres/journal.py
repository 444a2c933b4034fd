"""A journal in PostgreSQL: one campaign, any number of workers on any number of machines.

Rules, beside those of every journal:

- One conditional UPDATE decides who wins a claim. Everything else is convenience: what is offered to which worker, and
  which worker is believed to be there, may be wrong without a number being dialled twice.
- A worker that was not seen for ``gone_after`` seconds is gone. What it was offered is offered to others; what it had
  claimed becomes unknown and is never dialled again by itself.
- The heartbeat runs in a thread of its own: a worker whose event loop is busy for a while is not gone. Every beat marks
  claims of workers that are gone ``unknown``. A database that is away stops the heartbeat, and nothing else.
- A statement that was cut off is run again, and finds out by its own mark whether it had come through.
"""

import json
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar

import anyio
import anyio.to_thread
from attrs import define, field

from sinch_voice_async.dialer.journal import REMOVED, Added, Outcome
from sinch_voice_async.dialer.pacing import Clock, Pace
from sinch_voice_async.dialer.postgres.database import (
    STATEMENTS,
    Address,
    Connection,
    Database,
    Operation,
    connect,
    driver,
    make_or_check,
    translated,
)
from sinch_voice_async.dialer.postgres.pacer import SharedPacer
from sinch_voice_async.dialer.sql import (
    Cursor,
    GivenRow,
    Known,
    SqlJournal,
    changed,
    clean,
    names_in,
    numbers_in,
    sort_rows,
)
from sinch_voice_async.errors import ConfigurationError, JournalError

__all__ = ["Heartbeat", "PostgresJournal"]

logger: Final = logging.getLogger("sinch_voice_async")

T = TypeVar("T")
_MARKED: Final = frozenset({"claim", "change"})
_LEFT_DIALING: Final = "the worker was gone while this callout was on its way"
# Half a minute of work at the pace of most carriers: what a worker that dies takes with it until it is missed.
_OFFERED: Final = 20
_COLUMNS: Final = ("number", "others", "fields", "zone", "line")


@define(eq=False)
class Heartbeat:
    """Tells the database every ``interval`` seconds that a worker is there; ``parameters`` belong to its statements."""

    address: Address
    interval: float
    parameters: dict[str, Any]
    _stop: threading.Event = field(factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._beat_on, name="sinch-voice-heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop, and close the connection."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _beat_on(self) -> None:
        connection: Connection | None = None
        while not self._stop.wait(self.interval):
            try:
                if connection is None or connection.closed:
                    connection = connect(self.address)
                self._beat(connection)
            except driver().Error as error:
                logger.warning("the heartbeat of a worker failed: %s", type(error).__name__)
        if connection is not None:
            connection.close()

    def _beat(self, connection: Connection) -> None:
        connection.execute(STATEMENTS["join"], self.parameters)
        gone = connection.execute(STATEMENTS["recover"], self.parameters | {"at": time.time()}).rowcount
        if gone:
            logger.warning("callouts of workers that are gone are unknown now: %d", gone)


@define(eq=False)
class _Open:
    database: Database
    campaign: int
    heartbeat: Heartbeat | None = None
    added: int = 0
    analyze_at: int = 1000


class PostgresJournal(SqlJournal):
    """Keeps a campaign in PostgreSQL, for any number of workers on any number of machines, on asyncio and on trio.

    ``url`` is ``postgresql://user@host/database`` or a connection string such as ``host=... dbname=...``; several hosts
    with ``target_session_attrs=read-write`` are fine. The tables are made in a schema of their own,
    ``sinch_voice_dialer``, and hold all campaigns of the database. ``gone_after`` is after how many seconds without a
    sign of life a worker is believed to be gone. ``patience`` is for how many seconds a statement waits for a server
    that is away. A worker has up to three connections.

    Every method raises ``JournalError`` if the database cannot be used: not there, not allowed, or of another version.
    Durability is the server's: ``fsync`` must be on, and see the page on several machines for replicas.

    :raises ConfigurationError: the extra ``cluster`` is not installed.
    """

    def __init__(self, url: str, *, gone_after: float = 30.0, patience: float = 120.0) -> None:
        address = Address.of(url)
        del url  # an error report shows the variables of frames
        if address is None:
            raise JournalError(
                "the journal: not the address of a PostgreSQL database: use postgresql://user@host/database"
            )
        self.place: str = address.place
        self._address = address
        self._gone_after = gone_after
        self._patience = patience
        self._opened: _Open | None = None
        self._worker: str | None = None
        self._pacers: list[SharedPacer] = []

    def __repr__(self) -> str:
        return f"PostgresJournal({self.place!r})"

    async def open(self, campaign: str) -> None:
        """Make the tables if they are missing, and check that they are of this version."""
        if self._opened is None:
            database = self._database()
            try:
                with translated(self.place):
                    number = await database.open(lambda connection: make_or_check(connection, campaign, self.place))
            except BaseException:
                await database.close()
                raise
            self._opened = _Open(database, number)

    async def close(self) -> None:
        """Leave the campaign, and close the connections."""
        await self.end()
        opened, self._opened = self._opened, None
        while self._pacers:
            await self._pacers.pop().close()
        if opened is not None:
            await opened.database.close()

    async def check(self, *, whole: bool = False) -> None:
        """Check that the campaign is still there; damage is the matter of the server."""
        if not await self._read("alive_campaign", {}, lambda cursor: cursor.fetchall()):
            raise JournalError(f"the journal at {self.place}: the campaign was deleted")

    async def begin(self, at: float) -> int:
        """Join the workers; claims of workers that are gone become ``unknown``."""
        await self.end()
        opened = self._use()
        self._worker = uuid.uuid4().hex
        name = f"{socket.gethostname()}:{os.getpid()}"
        await self._write("join", {"name": name}, changed)
        opened.heartbeat = Heartbeat(self._address, self._gone_after / 5, self._always() | {"name": name})
        opened.heartbeat.start()
        return await self._write("recover", {"at": at}, changed)

    async def end(self) -> None:
        """Leave the workers: what this one was offered, others may dial at once."""
        opened = self._opened
        if opened is not None and opened.heartbeat is not None:
            heartbeat, opened.heartbeat = opened.heartbeat, None
            leave = _statement(STATEMENTS["leave"], self._always(), changed)
            # A database that is away is not waited for: a worker that gives no sign of life has left too.
            with anyio.CancelScope(shield=True), suppress(driver().Error):
                await anyio.to_thread.run_sync(heartbeat.stop)
                await opened.database.open(leave)
        self._worker = None

    def pacer(self, calls_per_second: float, clock: Clock) -> SharedPacer:
        """Return the pacer of all workers together; the last worker to begin sets the pace for all."""
        pacer = SharedPacer(Pace.of(calls_per_second).target, clock, self._database(), self._campaign, self.place)
        self._pacers.append(pacer)
        return pacer

    async def pause(self) -> None:
        """Let no worker dial on any machine until ``resume``; callouts on their way come to their end."""
        await self._write("pause", {"paused": True}, changed)

    async def resume(self) -> None:
        """Let all workers go on."""
        await self._write("pause", {"paused": False}, changed)

    async def name(self) -> str:
        """Return the name of the campaign."""
        name: str = await self._read("name", {}, lambda cursor: cursor.fetchone()["name"])
        return name

    async def kept(self, name: str | None) -> tuple[str, Mapping[str, Any]] | None:
        """Return the name and the options of a campaign, None without it; None for a name takes the only campaign.

        :raises ConfigurationError: there are several campaigns.
        """
        database = self._database()
        try:
            with translated(self.place):
                found = await database.open(_kept)
        finally:
            await database.close()
        if name is None and len(found) > 1:
            raise ConfigurationError(f"the journal at {self.place} has several campaigns: give the name of one")
        wanted = [each for each in found if name in (None, each[0])]
        return wanted[0] if wanted else None

    async def due(self, at: float, *, limit: int = 200, listed: int | None = None) -> Sequence[Outcome]:
        """Return contacts in ``todo`` that are due and were offered to no other worker: fewer than ``limit`` mostly."""
        return await super().due(at, limit=min(limit, _OFFERED), listed=listed)

    async def _add(self, rows: Sequence[GivenRow], at: float, listed: int | None) -> Added:
        always = self._always() | {"at": at, "listed": listed, "removed": REMOVED}

        def operation(connection: Connection) -> Added:
            with connection.transaction():
                return _add_rows(connection, rows, always)

        with translated(self.place):
            added = await self._use().database.run(operation)
        await self._analyze(added.added)
        return added

    async def _analyze(self, new: int) -> None:
        """Let PostgreSQL look at new rows each time that the table has grown tenfold.

        It does so itself a minute later; until then it would look for each contact among all.
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
        with translated(self.place):
            return await self._use().database.run(run, again=again)

    def _set(self, values: Collection[str]) -> list[str]:
        return [*values]

    def _always(self) -> dict[str, Any]:
        number, worker = self._use().campaign, self._worker
        return {"campaign": number, "worker": worker, "gone_after": self._gone_after, "left": _LEFT_DIALING}

    def _campaign(self) -> int:
        return self._use().campaign

    def _database(self) -> Database:
        return Database(self._address, self._patience)

    def _use(self) -> _Open:
        if self._opened is None:
            raise JournalError(f"the journal at {self.place}: it is not open")
        return self._opened


def _statement(
    statement: bytes, parameters: Mapping[str, Any], give: Callable[[Cursor], T], *, found: bytes | None = None
) -> "Operation[T]":
    """Return what runs a statement; and, if that changes nothing, looks whether it had come through before."""

    def operation(connection: Connection) -> T:
        cursor = connection.execute(statement, parameters)
        if found is not None and not cursor.rowcount:
            cursor = connection.execute(found, parameters)
        return give(cursor)

    return operation


def _kept(connection: Connection) -> list[tuple[str, Mapping[str, Any]]]:
    found = connection.execute(b"SELECT to_regclass('sinch_voice_dialer.campaign') IS NOT NULL AS found").fetchone()
    if found is None or not found["found"]:
        return []
    rows = connection.execute(STATEMENTS["campaigns"])
    return [(row["name"], json.loads(row["options"] or "{}")) for row in rows]


def _add_rows(connection: Connection, rows: Sequence[GivenRow], always: dict[str, Any]) -> Added:
    known = connection.execute(STATEMENTS["known"], always | {"numbers": numbers_in(rows)})
    done = sort_rows(rows, {row["given"]: Known.of(row) for row in known}, always["listed"])
    new, again, added = [*done.new.values()], done.again, 0
    if new:
        added = connection.execute(STATEMENTS["insert"], always | _columns(new)).rowcount
    if again:
        connection.execute(STATEMENTS["again"], always | _columns(again))
        connection.execute(STATEMENTS["forget_phones"], always | _columns(again))
    if with_phones := [row for row in (*new, *again) if row["others"] is not None]:
        connection.execute(STATEMENTS["keep_phones"], always | _columns(with_phones))
    if names := [clean(name) for name in names_in(rows)]:
        connection.execute(STATEMENTS["keep_fields"], always | {"names": names})
    # One fate for each line: PostgreSQL refuses to replace what the same statement has inserted.
    by_line = {(each.line, place if each.line is None else None): each for place, each in enumerate(done.fates)}
    fates = [*by_line.values()]
    if fates:
        columns = {f"{name}s": [getattr(each, name) for each in fates] for name in ("line", "fate", "detail", "number")}
        connection.execute(STATEMENTS["keep_fates"], always | columns)
    return Added(added=added, fates=done.fates)


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    return {f"{name}s": [row[name] for row in rows] for name in _COLUMNS}
