"""One writer, and many who wait for it: their changes share a transaction, and so one wait for the disk.

Rules:

- An operation is durable when ``run`` returns. While a transaction is on its way to the disk, whoever comes waits in
  the next one, however many they are: a thousand claims a second cost a hundred waits.
- Whoever came first into a transaction carries it out, in a worker thread; nothing runs while nobody writes.
- Nothing of it is cancelled halfway: it takes milliseconds, and a claim of which nobody knows would ring nobody.
"""

import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

import anyio
import anyio.to_thread
from attrs import define, field

__all__ = ["Operation", "Writer"]

T = TypeVar("T")
Operation = Callable[[sqlite3.Connection], T]


@define(eq=False)
class _Batch:
    """The operations of one transaction, and afterwards their results, or why there are none."""

    operations: list[Operation[Any]] = field(factory=list)
    results: list[Any] = field(factory=list)
    failure: Exception | None = None
    done: anyio.Event = field(factory=anyio.Event)


class Writer:
    """Carries out operations on one connection; made in an event loop, and used in that one alone."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._turn = anyio.Lock(fast_acquire=True)
        self._thread = anyio.CapacityLimiter(1)
        self._next = _Batch()

    async def run(self, operation: Operation[T]) -> T:
        """Carry out an operation, and return its result once it is on the disk.

        :raises sqlite3.Error: it is not, and neither is anything else of its transaction.
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

    async def close(self) -> None:
        """Close the connection, after what is still being written."""
        with anyio.CancelScope(shield=True):
            async with self._turn:
                await anyio.to_thread.run_sync(self._connection.close, limiter=self._thread)

    async def _lead(self, batch: _Batch) -> None:
        async with self._turn:
            self._next = _Batch()
            try:
                batch.results = await anyio.to_thread.run_sync(self._commit, batch.operations, limiter=self._thread)
            except sqlite3.Error as problem:
                batch.failure = problem
        batch.done.set()

    def _commit(self, operations: list[Operation[Any]]) -> list[Any]:
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
