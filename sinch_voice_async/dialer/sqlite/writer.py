"""One writer, and many who wait for it: their changes share a transaction, and so one wait for the disk.

Rules:

- An operation is durable when ``run`` returns. Operations that come while a transaction is being committed share the
  next one: a thousand claims a second cost a hundred waits for the disk.
- The first operation of a transaction carries it out, in a worker thread. Nothing runs while nobody writes.
- A transaction is not cancelled halfway: it takes milliseconds, and nobody would know of its claims.
"""

import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

import anyio
import anyio.to_thread
from attrs import define, field

from sinch_voice_async.dialer.sqlite.file import JournalFile

__all__ = ["Operation", "Writer"]

T = TypeVar("T")
Operation = Callable[[sqlite3.Connection], T]


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
            except Exception as error:  # noqa: BLE001 - everybody in the batch raises it
                batch.failure = error
        batch.done.set()

    def _commit(self, operations: list[Operation[Any]]) -> list[Any]:
        # Nothing is claimed in a file that nobody can find again.
        self._file.verify()
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            results = [operation(self._connection) for operation in operations]
            self._connection.execute("COMMIT")
        except BaseException:
            # A full disk has ended the transaction already.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        return results
