"""One backend for each event loop: it opens connections, wakes tasks and keeps deadlines.

Each backend is imported when it is first needed: importing asyncio takes a third as long as importing all of this
package, and is in vain on trio.
"""

import sys
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, cast

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from sinch_voice_async._transport.connection import Connection, Route

__all__ = ["Backend", "Clock", "Deadline", "Loop", "Signal", "Timer", "backend_for", "current_loop"]

Loop: TypeAlias = object
"""An asyncio event loop, or the token of a trio run."""

LATE: Final = 0.02
"""Seconds: a timer that fires later than this shows that the loop stood still."""


class Timer(Protocol):
    """A call that is due at some time, such as an ``asyncio.TimerHandle``."""

    def when(self) -> float:
        """Return the time at which it is due."""
        ...

    def cancel(self) -> None:
        """Forget it."""


class Clock(Protocol):
    """The part of an event loop that a deadline needs, such as an ``asyncio.AbstractEventLoop``."""

    def time(self) -> float:
        """Return the time now, in seconds."""
        ...

    def call_at(self, when: float, callback: Callable[[], object], /) -> Timer:
        """Call ``callback`` at that time."""
        ...


class Signal(Protocol):
    """Something that happens once, and that one task waits for."""

    def set(self) -> None:
        """Wake the task; a second call does nothing."""

    async def wait(self) -> None:
        """Return once ``set`` was called."""


class Backend(Protocol):
    """One event loop, as far as the pool is concerned."""

    @property
    def clock(self) -> Clock:
        """The time of the loop, and the calls that are due in it."""
        ...

    def is_running(self) -> bool:
        """Return whether the loop runs, in this thread or in another."""
        ...

    def run_soon(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` in the loop, from another thread; raise ``RuntimeError`` if the loop has ended."""

    def signal(self) -> Signal:
        """Return a new signal."""
        ...

    async def connect(self, route: "Route", seconds: float | None) -> "Connection":
        """Open a connection, TLS included; raise ``httpx.ConnectError`` or ``httpx.ConnectTimeout``."""
        ...


class Deadline:
    """A deadline that is moved often and hardly ever reached: one timer that finds it further off, and is set again.

    A loop that stood still has not read what arrived meanwhile. So a deadline that is noticed late is given the time by
    which it is late, once, and what is here by then counts.
    """

    __slots__ = ("_clock", "_expired", "_extended", "_timer", "at")

    def __init__(self, clock: Clock, expired: Callable[[], None]) -> None:
        self._clock = clock
        self._expired = expired
        self._extended = False
        self._timer: Timer | None = None
        self.at = inf

    def set(self, seconds: float | None) -> None:
        """Move the deadline to ``seconds`` from now, or to never."""
        self.set_at(inf if seconds is None else self._clock.time() + seconds)

    def set_at(self, when: float) -> None:
        """Move the deadline to a time of the loop's clock."""
        self.at = when
        self._extended = False
        if when != inf and (self._timer is None or self._timer.when() > when):
            self.stop()
            self._timer = self._clock.call_at(when, self._due)

    def stop(self) -> None:
        """Cancel the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _due(self) -> None:
        self._timer = None
        late = self._clock.time() - self.at
        if late > LATE and not self._extended:
            self._extended = True
            self.at += late + min(late, 1.0)
            late = -1
        if late >= 0:
            self._expired()
        elif self.at != inf:
            self._timer = self._clock.call_at(self.at, self._due)


def current_loop() -> Loop:
    """Return the asyncio loop or the trio run of the current task; raise ``RuntimeError`` outside of both."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is not None:
        try:
            loop: Loop = asyncio.get_running_loop()
        except RuntimeError:
            pass
        else:
            # Without a task, trio is a guest of this loop.
            if asyncio.current_task(loop) is not None:
                return loop
    trio = sys.modules.get("trio")
    if trio is None:
        raise RuntimeError("no event loop of asyncio or trio is running")
    token: Loop = trio.lowlevel.current_trio_token()
    return token


def backend_for(loop: Loop) -> Backend:
    """Return the backend of a loop that ``current_loop`` returned."""
    if type(loop).__module__.partition(".")[0] == "trio":
        from sinch_voice_async._transport.backends.trio import TrioBackend  # noqa: PLC0415  # see the module

        return TrioBackend(loop)
    from sinch_voice_async._transport.backends.asyncio import AsyncioBackend  # noqa: PLC0415  # see the module

    return AsyncioBackend(cast("AbstractEventLoop", loop))
