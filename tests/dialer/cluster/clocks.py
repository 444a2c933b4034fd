"""A clock that counts what it is asked to wait, and does not wait."""

import time

import anyio
from attrs import define, field


@define
class CountingClock:
    """Tells this machine's time; ``waits`` are the seconds that somebody wanted to sleep."""

    waits: list[float] = field(factory=list)

    def now(self) -> float:
        """Return seconds since 1970."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Do not wait, save for a look around."""
        self.waits.append(seconds)
        await anyio.sleep(0)
