"""Keeps the pace of one process: gives out the instants of ``pace.py``, and waits for them.

Rules:

- One instant is given out at a time, so that a change of the rate holds from the next one on.
- Who is cancelled while waiting has used up an instant, and nothing else.
"""

from typing import Protocol

import anyio

from sinch_voice_async.dialer.clock import Clock, SystemClock
from sinch_voice_async.dialer.pace import Pace

__all__ = ["Pacer", "Paces"]


class Paces(Protocol):
    """What a dialer asks of whatever keeps its pace."""

    @property
    def rate(self) -> float:
        """The callouts per second of now, as far as this process knows."""
        ...

    async def wait(self) -> None:
        """Return when a callout may go out."""
        ...

    async def slow_down(self, retry_after: float | None, sent_at: float) -> None:
        """Take note of a 429 for what was sent at an instant of the clock that never goes back."""
        ...

    async def hold(self, seconds: float) -> None:
        """Let nothing out for so many seconds."""
        ...


class Pacer:
    """Lets callouts out evenly, ``calls_per_second`` of them, and slower for a while after each 429.

    ``calls_per_second`` may be a fraction, and infinite.

    :raises ConfigurationError: ``calls_per_second`` is no positive number.
    """

    def __init__(self, calls_per_second: float = 1.0, *, clock: Clock | None = None) -> None:
        self._pace = Pace.of(calls_per_second)
        self._clock = clock or SystemClock()
        self._turn: anyio.Lock | None = None

    @property
    def rate(self) -> float:
        """The callouts per second of now: what was asked for, or less after a 429."""
        return self._pace.rate(self._clock.monotonic())

    async def wait(self) -> None:
        """Return when a callout may go out; first come, first served."""
        self._turn = self._turn or anyio.Lock(fast_acquire=True)
        async with self._turn:
            instant = self._reserve()
            while (left := instant - self._clock.monotonic()) > 0:
                before = self._pace.next
                await self._clock.sleep(left)
                # Held or slowed down meanwhile: whoever waits takes a new instant, behind the hold.
                if self._pace.next != before:
                    instant = self._reserve()

    async def slow_down(self, retry_after: float | None, sent_at: float) -> None:
        """Go slower after a 429 for what was sent at an instant, and wait as long as ``retry_after`` says."""
        self._pace = self._pace.slowed(self._clock.monotonic(), retry_after=retry_after, sent_at=sent_at)

    async def hold(self, seconds: float) -> None:
        """Let nothing out for so many seconds."""
        self._pace = self._pace.held(self._clock.monotonic() + seconds)

    def _reserve(self) -> float:
        instant, self._pace = self._pace.reserve(self._clock.monotonic())
        return instant
