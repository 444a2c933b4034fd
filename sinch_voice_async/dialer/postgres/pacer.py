"""The pacer that all machines of a campaign share: columns of its row, and the clock of the database.

Rules:

- Each caller gets an instant of its own. A process reserves a quarter of a second of them at most, and no more than it
  has callers.
- An instant that is more than a tenth of a second late is thrown away: what was held up does not go out at once.
- A 429 anywhere slows all machines down, under the rules of ``pacing.py``.
- While the campaign is paused, cancelled or held, nothing goes out; a caller that waits meanwhile takes a new instant.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, Final

import anyio

from sinch_voice_async.dialer.pacing import Clock
from sinch_voice_async.dialer.postgres.database import STATEMENTS, Connection, Database, Operation, translated
from sinch_voice_async.errors import JournalError

__all__ = ["SharedPacer"]

# How soon a process sees that a paused campaign goes on.
_LOOK: Final = 1.0
_LONGEST_HOLD: Final = 3600.0
_LATEST: Final = 0.1
# An instant that is nearer was reserved a moment ago.
_FAR: Final = 0.25


class SharedPacer:
    """Lets callouts of all machines out evenly, as ``Pacer`` does those of one process.

    ``rate`` is the callouts per second of all machines together, as this one saw it last. Made by
    ``PostgresJournal.pacer``.
    """

    def __init__(
        self, calls_per_second: float | None, clock: Clock, database: Database, campaign: Callable[[], int], place: str
    ) -> None:
        self.rate: float = calls_per_second or 1.0
        self._target = calls_per_second
        self._clock = clock
        self._database = database
        self._campaign = campaign
        self._place = place
        self._turn: anyio.Lock | None = None
        self._has_begun = calls_per_second is None
        self._instants: deque[float] = deque()
        self._wanted: float | None = None

    async def wait(self) -> None:
        """Return when a callout may go out."""
        while not await self.obtain():
            await self._clock.sleep(_LOOK)

    async def obtain(self, callers: int = 1) -> bool:
        """Wait for an instant, and return True; False if the campaign is paused, cancelled, or held for long.

        ``callers`` is how many instants are wanted soon.
        """
        self._turn = self._turn or anyio.Lock(fast_acquire=True)
        async with self._turn:
            await self._begin()
            while True:
                instant = self._next_instant()
                if instant is None:
                    instant = await self._reserve(callers)
                if instant is None:
                    return False
                if await self._has_waited(instant):
                    return True

    def put_back(self) -> None:
        """Let the next caller have the instant of a callout that did not go out."""
        self._instants.appendleft(self._clock.monotonic())

    async def slow_down(self, retry_after: float | None, sent_at: float) -> None:
        """Slow all machines down after a 429 for a callout that was sent at an instant of the monotonic clock."""
        await self._run("slow_down", age=self._clock.monotonic() - sent_at)
        await self.hold(min(max(retry_after or 0.0, 0.0), _LONGEST_HOLD))

    async def hold(self, seconds: float) -> None:
        """Let nothing out for so many seconds."""
        self._instants.clear()
        await self._run("hold", seconds=seconds)

    async def set_target(self, calls_per_second: float) -> None:
        """Change the wanted number of callouts per second of all machines together."""
        self._target = calls_per_second
        await self._run("set_target", target=calls_per_second)

    async def close(self) -> None:
        """Close the connection."""
        await self._database.close()

    async def _begin(self) -> None:
        if not self._has_begun:
            await self._run("set_target", target=self._target)
            self._has_begun = True

    def _next_instant(self) -> float | None:
        earliest = self._clock.monotonic() - _LATEST
        while self._instants:
            instant = self._instants.popleft()
            if instant >= earliest:
                return instant
        return None

    async def _reserve(self, callers: int) -> float | None:
        reserved = await self._run("reserve", wanted=max(callers, 1))
        if reserved["is_open"] is None:
            raise JournalError(f"the journal at {self._place}: the campaign was deleted")
        if not reserved["is_open"]:
            return None
        gap: float = reserved["gap"]
        first: float = self._clock.monotonic() + reserved["wait"]
        self.rate, self._wanted = reserved["rate"], reserved["target"]
        self._instants.extend(first + gap * place for place in range(1, reserved["instants"]))
        return first

    async def _has_waited(self, instant: float) -> bool:
        """Wait for an instant; False if it passed unused."""
        left = instant - self._clock.monotonic()
        is_far = left > _FAR
        if left <= 0:
            await self._clock.sleep(left)
        while left > 0:
            await self._clock.sleep(min(left, _LOOK))
            left -= _LOOK
            if is_far and await self._has_changed():
                self._instants.clear()
                return False
        return True

    async def _has_changed(self) -> bool:
        now = await self._run("held")
        return now is None or now["is_held"] or now["target"] != self._wanted

    async def _run(self, name: str, **parameters: Any) -> Any:
        with translated(self._place):
            return await self._database.run(_row(name, parameters | {"campaign": self._campaign()}))


def _row(name: str, parameters: dict[str, Any]) -> "Operation[Any]":
    def operation(connection: Connection) -> Any:
        cursor = connection.execute(STATEMENTS[name], parameters)
        return None if cursor.description is None else cursor.fetchone()

    return operation
