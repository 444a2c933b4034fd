"""Signatures that were accepted: each is good for one time.

Several processes behind one address share what they have seen by an object of yours with the same two methods, plain
or ``async``; Redis needs three lines::

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

__all__ = ["AsyncReplayCache", "MemoryReplayCache", "ReplayCache"]


class ReplayCache(Protocol):
    """What has seen signatures before."""

    def add(self, signature: str, seconds: float) -> bool:
        """Remember a signature for so many seconds; say whether it is new. Both in one step: two may ask at once."""
        ...

    def discard(self, signature: str) -> None:
        """Forget a signature whose request came to nothing, so that it may be sent again."""
        ...


class AsyncReplayCache(Protocol):
    """The same, somewhere that is worth waiting for."""

    async def add(self, signature: str, seconds: float) -> bool:
        """Remember a signature for so many seconds; say whether it is new. Both in one step: two may ask at once."""
        ...

    async def discard(self, signature: str) -> None:
        """Forget a signature whose request came to nothing, so that it may be sent again."""
        ...


class MemoryReplayCache:
    """Remembers signatures in this process, at most ``max_entries`` of them; past that the oldest is forgotten.

    Only what was signed with your secret gets in, so nobody else can push anything out. May be used from several
    threads. ``clock`` gives seconds that never go back.
    """

    def __init__(self, max_entries: int = 100_000, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_entries = max_entries
        self._clock = clock
        # Not a dict, which walks over all that was taken from its front in order to find its first entry.
        self._expiries = OrderedDict[str, float]()
        self._lock = threading.Lock()

    def add(self, signature: str, seconds: float) -> bool:
        """Remember a signature for so many seconds; say whether it is new."""
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
        # In the order of arrival, which is nearly that of expiry: enough to stay small without a scan.
        while self._expiries:
            oldest = next(iter(self._expiries))
            if self._expiries[oldest] > now and len(self._expiries) < self._max_entries:
                break
            del self._expiries[oldest]
