"""The sandbox's two times: what its wall clock shows, and how long its telephone calls last.

The wall clock judges signatures and dates answers; :attr:`Clock.offset` makes it wrong. Calls live in exchange time,
which starts at 0.0, may run faster than the wall clock or stand still, and can be stepped.
"""

import time
from datetime import UTC, datetime, timedelta

__all__ = ["Clock"]


class Clock:
    """Wall time and exchange time of one sandbox; ``speed`` is exchange seconds per second, 0 stands still."""

    def __init__(self, speed: float = 1.0) -> None:
        self.offset = 0.0
        """Seconds by which the wall clock is wrong: 600 makes every honest signature expire."""
        self._speed = speed
        self._began_on = datetime.now(UTC)
        self._since = time.monotonic()
        self._elapsed = 0.0

    @property
    def speed(self) -> float:
        """Exchange seconds that pass in one second; may be changed at any time."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        self.step(0.0)
        self._speed = speed

    def step(self, seconds: float) -> None:
        """Let this many exchange seconds pass at once."""
        moment = time.monotonic()
        self._elapsed += (moment - self._since) * self._speed + seconds
        self._since = moment

    def now(self) -> float:
        """Exchange seconds since the sandbox was made."""
        return self._elapsed + (time.monotonic() - self._since) * self._speed

    def date(self, moment: float) -> datetime:
        """Return the exchange's calendar time at ``moment``, in UTC."""
        return self._began_on + timedelta(seconds=moment)

    def wall(self) -> datetime:
        """Return what the wall clock shows, in UTC, wrong by ``offset``."""
        return datetime.now(UTC) + timedelta(seconds=self.offset)
