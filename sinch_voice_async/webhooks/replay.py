"""Signatures that were accepted, each of which counts once.

Several processes behind one address share their signatures by an object of yours with the same two methods, plain or
``async``; for Redis it is::

    class RedisReplayCache:
        async def add(self, signature: str, seconds: float) -> bool:
            return bool(await redis.set(f"sinch:{signature}", 1, nx=True, px=int(seconds * 1000) + 1))

        async def discard(self, signature: str) -> None:
            await redis.delete(f"sinch:{signature}")
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from sinch_voice_async import _bounds

__all__ = ["AsyncReplayCache", "MemoryReplayCache", "ReplayCache"]


class ReplayCache(Protocol):
    """A memory of signatures."""

    def add(self, signature: str, seconds: float) -> bool:
        """Remember a signature for so many seconds, and return whether it is new, in one step."""
        ...

    def discard(self, signature: str) -> None:
        """Forget a signature whose request failed, so that it may be sent again."""
        ...


class AsyncReplayCache(Protocol):
    """A memory of signatures that is reached over a network."""

    async def add(self, signature: str, seconds: float) -> bool:
        """Remember a signature for so many seconds, and return whether it is new, in one step."""
        ...

    async def discard(self, signature: str) -> None:
        """Forget a signature whose request failed, so that it may be sent again."""
        ...


class MemoryReplayCache:
    """Remembers signatures in this process, at most ``max_entries`` of them; beyond that the oldest is forgotten.

    Only requests that were signed with your secret get in, so others cannot push a signature out. It may be used from
    several threads. ``clock`` returns seconds that never go back.

    :raises ConfigurationError: ``max_entries`` is not a whole number from 1.
    """

    def __init__(self, max_entries: int = 100_000, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_entries: int = _bounds.whole(max_entries, "max_entries", least=1)
        self._clock: Callable[[], float] = _bounds.function(clock, "clock")
        # A dict would walk over all entries that were taken from its front to find its first one.
        self._expiries = OrderedDict[str, float]()
        self._lock = threading.Lock()

    def add(self, signature: str, seconds: float) -> bool:
        """Remember a signature for so many seconds, and return whether it is new."""
        now = self._clock()
        with self._lock:
            if self._expiries.get(signature, now) > now:
                return False
            self._expiries.pop(signature, None)
            self._make_room(now)
            self._expiries[signature] = now + seconds
            return True

    def discard(self, signature: str) -> None:
        """Forget a signature."""
        with self._lock:
            self._expiries.pop(signature, None)

    def __len__(self) -> int:
        return len(self._expiries)

    def _make_room(self, now: float) -> None:
        # The order of arrival is nearly that of expiry: enough to stay small without a scan.
        while self._expiries:
            oldest = next(iter(self._expiries))
            if self._expiries[oldest] > now and len(self._expiries) < self._max_entries:
                break
            del self._expiries[oldest]
