"""The sandbox's two times: what its wall clock shows, and how long its telephone calls last.

The wall clock judges signatures and dates answers; :attr:`Clock.offset` makes it wrong. Calls live in exchange time,
which starts at 0.0, may run faster than the wall clock or stand still, and can be stepped.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

__all__ = ["Clock"]


class Clock:
    """Wall time and exchange time of one sandbox; ``speed`` is exchange seconds per second, 0 stands still."""

    def __init__(self, speed: float = 1.0) -> None:
        self.offset: float = 0.0
        """Seconds by which the wall clock is wrong: 600 makes every honest signature expire."""
        self._speed = speed
        self._began_on = datetime.now(UTC)
        # One value, so that another thread never sees half a step.
        self._elapsed_since = (0.0, time.monotonic())
        self._watchers: list[Callable[[], None]] = []

    @property
    def speed(self) -> float:
        """Exchange seconds that pass in one second; may be changed at any time."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        self._elapsed_since = (self.now(), time.monotonic())
        self._speed = speed
        self._tell()

    def resume(self, began_on: datetime, now: float) -> None:
        """Go on where the clock of another time stopped."""
        self._began_on = began_on
        self._elapsed_since = (now, time.monotonic())

    def step(self, seconds: float) -> None:
        """Let this many exchange seconds pass at once."""
        self._elapsed_since = (self.now() + seconds, time.monotonic())
        self._tell()

    def now(self) -> float:
        """Exchange seconds since the sandbox was made."""
        elapsed, since = self._elapsed_since
        return elapsed + (time.monotonic() - since) * self._speed

    def watch(self, changed: Callable[[], None]) -> None:
        """Have a function called whenever time jumps or changes its speed."""
        self._watchers.append(changed)

    def _tell(self) -> None:
        for changed in self._watchers:
            changed()

    def date(self, moment: float) -> datetime:
        """Return the exchange's calendar time at ``moment``, in UTC."""
        return self._began_on + timedelta(seconds=moment)

    def wall(self) -> datetime:
        """Return what the wall clock shows, in UTC, wrong by ``offset``."""
        return datetime.now(UTC) + timedelta(seconds=self.offset)
