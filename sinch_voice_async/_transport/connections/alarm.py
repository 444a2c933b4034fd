"""A deadline that is moved often and hardly ever reached.

Each exchange has one or two, and nearly all are answered in time. A timer of its own for each would be made and
cancelled for nothing; here one timer rings now and then, finds the deadline further off, and is set again.
"""

from collections.abc import Callable
from math import inf
from typing import Protocol


class Timer(Protocol):
    """A call that is due at some time: an ``asyncio.TimerHandle``."""

    def when(self) -> float:
        """Return the time at which it is due."""
        ...

    def cancel(self) -> None:
        """Forget it."""


class Clock(Protocol):
    """What an alarm needs of an event loop: an ``asyncio.AbstractEventLoop``."""

    def time(self) -> float:
        """Return the time now, in seconds."""
        ...

    def call_at(self, when: float, callback: Callable[[], object], /) -> Timer:
        """Call ``callback`` at that time."""
        ...


class Alarm:
    """Calls ``ring`` when the deadline that was set last has passed."""

    __slots__ = ("_clock", "_deadline", "_ring", "_timer")

    def __init__(self, clock: Clock, ring: Callable[[], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._deadline = inf
        self._timer: Timer | None = None

    def set(self, seconds: float | None) -> None:
        """Move the deadline to ``seconds`` from now, or to never."""
        if seconds is None:
            self._deadline = inf
            return
        deadline = self._deadline = self._clock.time() + seconds
        if self._timer is None or self._timer.when() > deadline:
            self.stop()
            self._timer = self._clock.call_at(deadline, self._due)

    def stop(self) -> None:
        """Let go of the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _due(self) -> None:
        self._timer = None
        if self._clock.time() >= self._deadline:
            self._ring()
        elif self._deadline != inf:
            self._timer = self._clock.call_at(self._deadline, self._due)
