"""Time for tests: it stands still while anybody works, and jumps to the next alarm when everybody waits for one."""

import asyncio
import heapq
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from typing import Any

import anyio
import anyio.lowlevel
from sniffio import current_async_library

from sinch_voice_async.dialer import SqliteJournal

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC).timestamp()


class VirtualClock:
    """A clock whose seconds cost nothing. ``wall`` may be set, as somebody sets the clock of a machine."""

    def __init__(self, start: float = NOON) -> None:
        self.wall = start
        self.elapsed = 0.0
        self.busy = 0
        self._alarms: list[tuple[float, int, anyio.Event]] = []
        self._numbers = count()

    def now(self) -> float:
        """Return the time of day."""
        return self.wall + self.elapsed

    def monotonic(self) -> float:
        """Return the time that has passed."""
        return self.elapsed

    async def sleep(self, seconds: float) -> None:
        """Wait for an alarm."""
        if seconds <= 0:
            await anyio.lowlevel.checkpoint()
            return
        alarm = anyio.Event()
        entry = (self.elapsed + seconds, next(self._numbers), alarm)
        heapq.heappush(self._alarms, entry)
        try:
            await alarm.wait()
        finally:
            if entry in self._alarms:
                self._alarms.remove(entry)
                heapq.heapify(self._alarms)

    async def drive(self) -> None:
        """Ring one alarm after the other, each when nobody does anything else."""
        while True:
            await everybody_waits()
            if self.busy or not self._alarms:
                await anyio.sleep(0.0002)
                continue
            instant, _, alarm = heapq.heappop(self._alarms)
            self.elapsed = max(self.elapsed, instant)
            alarm.set()


class PatientJournal(SqliteJournal):
    """A journal for which virtual time stands still while its threads work."""

    def __init__(self, path: Any, clock: VirtualClock) -> None:
        super().__init__(path)
        self.clock = clock

    async def _read(self, *arguments: Any) -> Any:
        return await self._meanwhile(super()._read, *arguments)

    async def _write(self, *arguments: Any) -> Any:
        return await self._meanwhile(super()._write, *arguments)

    async def _add(self, *arguments: Any) -> Any:
        return await self._meanwhile(super()._add, *arguments)

    async def check(self, *, whole: bool = False) -> None:
        """Check, while time stands still."""

        async def work() -> None:
            await SqliteJournal.check(self, whole=whole)

        await self._meanwhile(work)

    async def _meanwhile(self, work: Callable[..., Any], *arguments: Any) -> Any:
        self.clock.busy += 1
        try:
            return await work(*arguments)
        finally:
            self.clock.busy -= 1


async def everybody_waits() -> None:
    """Return when no other task could go on. anyio's own needs a tenth of a second for it on asyncio."""
    if current_async_library() == "trio":
        await anyio.wait_all_tasks_blocked()
        return
    ready: Any = asyncio.get_running_loop()
    await anyio.lowlevel.checkpoint()
    while ready._ready:
        await anyio.lowlevel.checkpoint()


async def a_moment() -> None:
    """Let everybody do what they can do at once; virtual time stands still meanwhile."""
    for _ in range(20):
        await anyio.lowlevel.checkpoint()


async def until(happened: Callable[[], bool]) -> None:
    """Come back when something has happened, or fail: a run that has ended meanwhile would be waited for forever."""
    with anyio.fail_after(300):
        while not happened():
            await anyio.sleep(0.001)


async def each(items: Iterable[Any]) -> AsyncIterator[Any]:
    """Give items one by one, without a thread of which virtual time would know nothing."""
    for item in items:
        yield item


@asynccontextmanager
async def virtual_time() -> AsyncIterator[VirtualClock]:
    """Give a clock that runs as long as the block lasts; for no more than ten real seconds."""
    clock = VirtualClock()
    with anyio.fail_after(300):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(clock.drive)
            try:
                yield clock
            finally:
                tasks.cancel_scope.cancel()
