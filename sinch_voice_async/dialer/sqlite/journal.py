"""A journal in a file: SQLite in WAL mode, one writer whose commits reach the disk, readers beside it.

Rules, beside those of every journal:

- One run dials from it at a time. Any number of processes may read it and settle calls in it meanwhile.
- Changes that come while a transaction is being committed share the next one: a thousand claims a second cost a hundred
  waits for the disk. The first operation of a transaction carries it out, in a worker thread.
- A transaction is not cancelled halfway: it takes milliseconds, and its claims would be forgotten.
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

from sinch_voice_async.dialer.journal import REMOVED, Added, Change, ContactState, Control, Outcome
from sinch_voice_async.dialer.pacing import Clock, Pacer
from sinch_voice_async.dialer.sql import (
    Cursor,
    GivenRow,
    Known,
    SqlJournal,
    changed,
    is_address,
    names_in,
    numbers_in,
    sort_rows,
)
from sinch_voice_async.dialer.sqlite.file import STATEMENTS, JournalFile, translated
from sinch_voice_async.errors import ConfigurationError, JournalError

__all__ = ["SqliteJournal"]

T = TypeVar("T")
Operation = Callable[[sqlite3.Connection], T]
_LEFT_DIALING: Final = "the program ended while this callout was on its way"
_OPEN_STATES: Final = frozenset({*ContactState} - {ContactState.TODO, ContactState.DONE})


@define(eq=False)
class _Batch:
    """The operations of one transaction, and then their results or their failure."""

    operations: list[Operation[Any]] = field(factory=list)
    results: list[Any] = field(factory=list)
    failure: Exception | None = None
    done: anyio.Event = field(factory=anyio.Event)


class Writer:
    """Carries out operations on one connection, within one event loop."""

    def __init__(self, connection: sqlite3.Connection, file: JournalFile) -> None:
        self._connection = connection
        self._file = file
        self._turn = anyio.Lock(fast_acquire=True)
        self._thread = anyio.CapacityLimiter(1)
        self._next = _Batch()

    async def run(self, operation: Operation[T]) -> T:
        """Carry out an operation, and return its result when it is on the disk.

        :raises sqlite3.Error: it is not, and neither is anything else of its transaction.
        :raises JournalError: the file is not the one that was opened.
        """
        batch = self._next
        place = len(batch.operations)
        batch.operations.append(operation)
        with anyio.CancelScope(shield=True):
            if place == 0:
                await self._lead(batch)
            else:
                await batch.done.wait()
        if batch.failure is not None:
            raise batch.failure
        result: T = batch.results[place]
        return result

    async def idle(self) -> None:
        """Wait for what is still being written."""
        with anyio.CancelScope(shield=True):
            async with self._turn:
                pass

    async def _lead(self, batch: _Batch) -> None:
        async with self._turn:
            self._next = _Batch()
            try:
                batch.results = await anyio.to_thread.run_sync(self._commit, batch.operations, limiter=self._thread)
            except Exception as error:  # noqa: BLE001 - each step of the batch raises it
                batch.failure = error
        batch.done.set()

    def _commit(self, operations: list[Operation[Any]]) -> list[Any]:
        # Nothing is claimed in a file that cannot be found again.
        self._file.verify()
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            results = [operation(self._connection) for operation in operations]
            self._connection.execute("COMMIT")
            self._file.committed()
        except BaseException:
            # A full disk has ended the transaction already.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        return results


@define(eq=False)
class _Reader:
    """The connection for reading, used by one operation at a time."""

    connection: sqlite3.Connection
    thread: anyio.CapacityLimiter = field(factory=lambda: anyio.CapacityLimiter(1))

    async def run(self, operation: Operation[T]) -> T:
        return await anyio.to_thread.run_sync(operation, self.connection, limiter=self.thread)


@define(eq=False)
class _Open:
    file: JournalFile
    writer: Writer
    reader: _Reader
    connections: tuple[sqlite3.Connection, sqlite3.Connection]


class SqliteJournal(SqlJournal):
    """Keeps a campaign in one file, durably: a power cut loses nothing that was answered.

    ``path`` is the file, readable by its owner alone; SQLite keeps its log beside it. Put it on a disk of this machine:
    locks and flushes are not reliable on a network file system. ``wait`` is how many seconds to wait for another
    process that writes.

    Every method raises ``JournalError`` if the file cannot be used: locked, on a full disk, damaged, empty, moved,
    removed or replaced while it is open, without its log, or of another program, version or campaign.

    :raises ConfigurationError: ``path`` is not a path.
    """

    def __init__(self, path: str | os.PathLike[str], *, wait: float = 5.0) -> None:
        # No frame of an error holds the text: it may be the address of a database with a password.
        given, path = [path], ""
        self.path: Path = _to_path(given.pop())
        # A program that changes its directory means the same file as before.
        self._file = self.path.absolute()
        self.place: str = str(self.path)
        self._wait = wait
        self._opened: _Open | None = None
        self._control: tuple[int | None, Control] | None = None

    def __repr__(self) -> str:
        # A traceback with local variables shows an object whose constructor has failed, too.
        return f"SqliteJournal({str(getattr(self, 'path', ''))!r})"

    async def open(self, campaign: str | None) -> None:
        """Make the file if it is missing, and check that it is this campaign's. None takes whatever campaign it has."""
        if self._opened is not None:
            return
        file = JournalFile(self._file, wait=self._wait)
        with translated(self.path), anyio.CancelScope(shield=True):
            writer, reader = await anyio.to_thread.run_sync(file.open, campaign)
            self._opened = _Open(file, Writer(writer, file), _Reader(reader), (writer, reader))

    async def close(self) -> None:
        """Close the file; what is still being written is waited for."""
        opened, self._opened = self._opened, None
        self._control = None
        if opened is not None:
            with anyio.CancelScope(shield=True), translated(self.path):
                await opened.writer.idle()
                await anyio.to_thread.run_sync(opened.file.close, *opened.connections)

    async def check(self, *, whole: bool = False) -> None:
        """Check that the path still leads to the open file; with ``whole``, look for damage."""
        opened = self._use()
        with translated(self.path):
            opened.file.verify()
            if whole:
                await opened.reader.run(opened.file.examine)

    async def begin(self, at: float) -> int:
        """Take the right to dial, and mark the claims of a run that is gone ``unknown``."""
        with translated(self.path):
            await anyio.to_thread.run_sync(self._use().file.lock)
        parameters = self._transition(Change.MARK_UNKNOWN) | {"note": _LEFT_DIALING, "at": at}
        try:
            return await self._write("recover", parameters, changed)
        except BaseException:
            await self.end()
            raise

    async def end(self) -> None:
        """Give up the right to dial."""
        if self._opened is not None:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._opened.file.unlock)

    async def is_dialing(self) -> bool | None:
        """Say whether a run of any process dials from this file now; None if this system cannot tell."""
        with translated(self.path):
            return self._use().file.is_dialing()

    def pacer(self, calls_per_second: float, clock: Clock) -> Pacer:
        """Return a pacer of this process: no other dials from this file."""
        return Pacer(calls_per_second, clock=clock)

    async def name(self) -> str:
        """Return the name of the campaign."""
        name: str = await self._read("name", {}, lambda cursor: cursor.fetchone()["name"])
        return name

    async def control(self) -> Control:
        """Return what was asked of the runs of the campaign; it is read only if the log has changed."""
        stamp, known = self._use().file.stamp(), self._control
        if known is None or stamp is None or known[0] != stamp:
            known = self._control = (stamp, await super().control())
        return known[1]

    async def set_control(self, control: Control) -> None:
        """Ask something of the runs of the campaign."""
        self._control = None
        await super().set_control(control)

    async def begin_list(self) -> int:
        """Return the id of a new list, whose rows alone have fates from now on."""
        await self._write("forget_fates", {}, changed)
        return await super().begin_list()

    async def end_list(self, listed: int, at: float) -> int:
        """Skip contacts in ``todo`` that only a former list has, and keep who they are."""
        parameters = {"listed": listed, "at": at, "removed": REMOVED}

        def operation(connection: sqlite3.Connection) -> int:
            connection.execute(STATEMENTS["note_removed"], parameters)
            return changed(connection.execute(STATEMENTS["end_list"], parameters))

        with translated(self.path):
            return await self._use().writer.run(operation)

    async def due(self, at: float, *, limit: int = 200, listed: int | None = None) -> Sequence[Outcome]:
        """Return contacts in ``todo`` that are due: those of the highest priority first, each priority by due."""
        found: list[Outcome] = []
        for priority in await self._read("priorities", {}, lambda cursor: [row["priority"] for row in cursor]):
            parameters = {"at": at, "limit": limit - len(found), "listed": listed, "priority": priority}
            found += await self._read("due", parameters, self._outcomes)
            if len(found) >= limit:
                break
        return found

    async def change_all(self, change: Change, note: str | None, at: float, numbers: Collection[str] | None) -> int:
        """Apply a change to these contacts, or to all that it applies to."""
        if change is Change.REOPEN and numbers is None:
            # One state alone, so that an index finds it: most contacts of a long campaign are over.
            parameters = self._transition(change) | {"note": note, "at": at, "removed": REMOVED}
            return await self._write("reopen", parameters, changed)
        return await super().change_all(change, note, at, numbers)

    async def _add(self, rows: Sequence[GivenRow], at: float, listed: int | None) -> Added:
        def operation(connection: sqlite3.Connection) -> Added:
            return _add_rows(connection, rows, at, listed)

        with translated(self.path):
            return await self._use().writer.run(operation)

    def _use(self) -> _Open:
        if self._opened is None:
            raise JournalError(f"the journal {self.path}: it is not open")
        return self._opened

    async def _read(self, name: str, parameters: Mapping[str, Any], give: Callable[[Cursor], T]) -> T:
        statement = _statement(name, parameters)
        with translated(self.path):
            return await self._use().reader.run(lambda connection: give(connection.execute(statement, parameters)))

    async def _write(self, name: str, parameters: Mapping[str, Any], give: Callable[[Cursor], T]) -> T:
        statement = STATEMENTS[name]
        with translated(self.path):
            return await self._use().writer.run(lambda connection: give(connection.execute(statement, parameters)))

    def _set(self, values: Collection[str]) -> str:
        return json.dumps([*values])


def _statement(name: str, parameters: Mapping[str, Any]) -> str:
    # The planner takes the partial index only if the statement repeats its condition.
    is_open = name == "page_of" and parameters["state"] in _OPEN_STATES
    return STATEMENTS["page_open" if is_open else name]


def _add_rows(connection: sqlite3.Connection, rows: Sequence[GivenRow], at: float, listed: int | None) -> Added:
    found = connection.execute(STATEMENTS["known"], {"numbers": json.dumps(numbers_in(rows))})
    done = sort_rows(rows, {row["given"]: Known.of(row) for row in found}, listed)
    more = {"at": at, "removed": REMOVED}
    added = connection.executemany(STATEMENTS["insert"], [row | more for row in done.new.values()])
    connection.executemany(STATEMENTS["again"], [row | more for row in done.again])
    with_phones = [row for row in (*done.new.values(), *done.again) if row["others"] is not None]
    connection.executemany(STATEMENTS["forget_phones"], done.again)
    connection.executemany(STATEMENTS["keep_phones"], with_phones)
    connection.executemany(STATEMENTS["keep_field"], [{"name": _encodable(name)} for name in names_in(rows)])
    fates = [{"line": f.line, "fate": f.fate, "detail": f.detail, "number": f.number} for f in done.fates]
    connection.executemany(STATEMENTS["keep_fate"], fates)
    return Added(added=changed(added), fates=done.fates)


def _to_path(path: object) -> Path:
    written, path = _written(path), None
    problem = _problem_of(written)
    if problem is not None:
        written = ""
        raise ConfigurationError(problem)
    return Path(str(written))


def _encodable(name: str) -> str:
    # JSON may name a field with half a character, which no database takes.
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _written(path: object) -> str:
    try:
        return os.fsdecode(os.fspath(path))  # type: ignore[call-overload]
    except TypeError:
        raise ConfigurationError(f"a journal is kept in a file: give its path, not {type(path).__name__}") from None


def _problem_of(written: str) -> str | None:
    if not written or "\0" in written:
        return "a journal is kept in a file: give its path, which is not empty and has no NUL"
    try:
        is_database = is_address(written)
    except ConfigurationError as error:
        return str(error)
    return "this is the address of a database: use PostgresJournal" if is_database else None
