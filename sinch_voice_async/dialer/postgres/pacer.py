"""The pacer that all workers of a campaign share: one row, and the clock of the database.

Rules:

- Each caller gets an instant of its own, and a worker holds at most one.
- A 429 anywhere slows all workers down, under the rules of ``pacing.py``.
- While the campaign is paused or held, nothing goes out; a caller that waits meanwhile takes a new instant.
"""

from collections.abc import Callable
from typing import Any, Final

import anyio

from sinch_voice_async.dialer.pacing import Clock
from sinch_voice_async.dialer.postgres.database import STATEMENTS, Connection, Database, Operation, translated

__all__ = ["SharedPacer"]

# How soon a worker sees that a paused campaign goes on.
_LOOK: Final = 1.0
_LONGEST_HOLD: Final = 3600.0


class SharedPacer:
    """Lets callouts of all workers out evenly, as ``Pacer`` does those of one process.

    ``rate`` is the callouts per second of all workers together, as this one saw it last. Made by
    ``PostgresJournal.pacer``.
    """

    def __init__(
        self, calls_per_second: float, clock: Clock, database: Database, campaign: Callable[[], int], place: str
    ) -> None:
        self.rate: float = calls_per_second
        self._target = calls_per_second
        self._clock = clock
        self._database = database
        self._campaign = campaign
        self._place = place
        self._turn: anyio.Lock | None = None
        self._has_begun = False

    async def wait(self) -> None:
        """Return when a callout may go out."""
        self._turn = self._turn or anyio.Lock()
        async with self._turn:
            await self._begin()
            while not await self._has_waited():
                pass

    async def slow_down(self, retry_after: float | None, sent_at: float) -> None:
        """Slow all workers down after a 429 for a callout that was sent at an instant of the monotonic clock."""
        await self._run("slow_down", age=self._clock.monotonic() - sent_at)
        await self.hold(min(max(retry_after or 0.0, 0.0), _LONGEST_HOLD))

    async def hold(self, seconds: float) -> None:
        """Let nothing out for so many seconds."""
        await self._run("hold", seconds=seconds)

    async def set_target(self, calls_per_second: float) -> None:
        """Change the wanted number of callouts per second of all workers together."""
        self._target = calls_per_second
        await self._run("set_pace", target=calls_per_second)

    async def close(self) -> None:
        """Let go of the connection."""
        await self._database.close()

    async def _begin(self) -> None:
        if not self._has_begun:
            await self._run("set_pace", target=self._target)
            self._has_begun = True

    async def _has_waited(self) -> bool:
        """Wait for a reserved instant; False if it passed unused."""
        reserved = await self._run("reserve")
        if reserved is None:
            await self._clock.sleep(_LOOK)
            return False
        self.rate, left = reserved["rate"], reserved["wait"]
        if left <= 0:
            await self._clock.sleep(left)
        while left > 0:
            await self._clock.sleep(min(left, _LOOK))
            left -= _LOOK
            now = await self._run("held")
            if now["is_held"] or now["target"] != reserved["target"]:
                return False
        return True

    async def _run(self, name: str, **parameters: Any) -> Any:
        with translated(self._place):
            return await self._database.run(_row(name, parameters | {"campaign": self._campaign()}))


def _row(name: str, parameters: dict[str, Any]) -> "Operation[Any]":
    def operation(connection: Connection) -> Any:
        cursor = connection.execute(STATEMENTS[name], parameters)
        return None if cursor.description is None else cursor.fetchone()

    return operation
