"""The two clocks of a campaign, and how it waits: injected, so that tests need not."""

import time
from typing import Protocol

import anyio
from attrs import frozen

__all__ = ["Clock", "SystemClock"]


class Clock(Protocol):
    """Tells the time of day, which may jump, and the time that passes, which does not."""

    def now(self) -> float:
        """Return seconds since 1970 in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; not at all where ``seconds`` is not positive, save for a look around."""
        ...


@frozen
class SystemClock:
    """The clocks of this machine."""

    def now(self) -> float:
        """Return seconds since 1970 in UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait on the event loop."""
        await anyio.sleep(max(seconds, 0.0))
