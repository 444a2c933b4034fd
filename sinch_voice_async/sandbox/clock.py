"""The two clocks of a sandbox: a wall clock, and exchange time, in which calls last.

The wall clock decides whether a signature has expired, and dates answers; :attr:`Clock.offset` makes it wrong.
Exchange time starts at 0.0, may run faster than the wall clock or stand still, and can be stepped.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sinch_voice_async.sandbox import bounds

__all__ = ["FASTEST", "Clock"]

FASTEST = 1_000_000.0
"""The largest speed."""


class Clock:
    """Wall time and exchange time of one sandbox.

    ``speed`` is the number of exchange seconds in one second, 0 to 1,000,000. At 0 exchange time stands still. Raises
    ValueError for other speeds; so do :meth:`step` and :attr:`offset` for seconds out of bounds.
    """

    def __init__(self, speed: float = 1.0) -> None:
        self._offset = 0.0
        self._speed = bounds.number("speed", speed, most=FASTEST)
        self._began_on = datetime.now(UTC)
        # One value, so that another thread never sees half a step.
        self._elapsed_since = (0.0, time.monotonic())
        self._watchers: list[Callable[[], None]] = []

    @property
    def offset(self) -> float:
        """Seconds by which the wall clock is wrong. 600 makes every honest signature expire."""
        return self._offset

    @offset.setter
    def offset(self, seconds: float) -> None:
        self._offset = bounds.seconds("offset", seconds, least=-bounds.LONGEST)

    @property
    def speed(self) -> float:
        """Exchange seconds that pass in one second. It may be set at any time."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        bounds.number("speed", speed, most=FASTEST)
        self._elapsed_since = (self.now(), time.monotonic())
        self._speed = speed
        self._tell()

    def resume(self, began_on: datetime, now: float) -> None:
        """Continue from the calendar and the exchange time of an earlier sandbox."""
        self._began_on = began_on
        self._elapsed_since = (now, time.monotonic())

    def step(self, seconds: float) -> None:
        """Let this many exchange seconds pass at once."""
        self._elapsed_since = (self.now() + bounds.seconds("seconds", seconds), time.monotonic())
        self._tell()

    def now(self) -> float:
        """Return exchange seconds since the sandbox was made."""
        elapsed, since = self._elapsed_since
        return elapsed + (time.monotonic() - since) * self._speed

    def watch(self, changed: Callable[[], None]) -> None:
        """Call a function whenever exchange time is stepped or changes its speed."""
        self._watchers.append(changed)

    def _tell(self) -> None:
        for changed in self._watchers:
            changed()

    def date(self, moment: float) -> datetime:
        """Return the calendar time, in UTC, of an exchange time. Past the last calendar year it stays there."""
        try:
            return self._began_on + timedelta(seconds=moment)
        except OverflowError:
            return datetime.max.replace(tzinfo=UTC)

    def wall(self) -> datetime:
        """Return what the wall clock shows, in UTC, wrong by ``offset``."""
        return datetime.now(UTC) + timedelta(seconds=self._offset)
