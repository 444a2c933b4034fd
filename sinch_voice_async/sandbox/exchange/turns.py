"""One thread at a time in the exchange."""

import threading
from collections.abc import Callable

__all__ = ["Turns"]


class Turns:
    """A lock that a thread may take again, and that says whether it has: ``with turns as is_first``.

    What happens in a call may look at calls itself. Then time must not pass, for the call is in the middle of
    something. ``leaving`` is called at the end of each turn, before the next one begins.
    """

    def __init__(self, leaving: Callable[[], None]) -> None:
        self._leaving = leaving
        self._lock = threading.RLock()
        self._depth = 0

    def __enter__(self) -> bool:
        self._lock.acquire()
        self._depth += 1
        return self._depth == 1

    def __exit__(self, *_: object) -> None:
        try:
            if self._depth == 1:
                self._leaving()
        finally:
            self._depth -= 1
            self._lock.release()
