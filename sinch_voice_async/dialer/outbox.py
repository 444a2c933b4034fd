"""The outcomes that the caller has not read yet, and the signal that wakes the tasks that wait for a change."""

from collections import deque
from typing import Final

import anyio

from sinch_voice_async.dialer.journal import Outcome

__all__ = ["Outbox", "Signal"]

_BUFFER: Final = 1000


class Signal:
    """Wakes the tasks that wait for a change; ``version`` counts the changes, so that each is noticed."""

    def __init__(self) -> None:
        self.version: int = 0
        self._event: anyio.Event | None = None

    def notify(self) -> None:
        """Wake all that wait."""
        self.version += 1
        if self._event is not None:
            self._event.set()
            self._event = None

    async def wait(self, version: int) -> None:
        """Return when something has changed since a version."""
        if self.version == version:
            self._event = self._event or anyio.Event()
            await self._event.wait()


class Outbox:
    """The outcomes that have not been read yet. Adding one never waits."""

    def __init__(self) -> None:
        self._outcomes: deque[Outcome] = deque()
        self._changed = Signal()
        self._is_closed = False

    def add(self, outcome: Outcome) -> None:
        """Add an outcome; after :meth:`close` it is in the journal alone."""
        if not self._is_closed:
            self._outcomes.append(outcome)
            self._changed.notify()

    def close(self) -> None:
        """Take no more outcomes."""
        self._is_closed = True
        self._changed.notify()

    async def get(self) -> Outcome | None:
        """Return the next outcome, None at the end."""
        while not self._outcomes:
            if self._is_closed:
                return None
            await self._changed.wait(self._changed.version)
        outcome = self._outcomes.popleft()
        if len(self._outcomes) == _BUFFER - 1:
            self._changed.notify()
        return outcome

    async def wait_for_room(self) -> None:
        """Return when fewer than a thousand outcomes wait to be read, or the outbox is closed."""
        while len(self._outcomes) >= _BUFFER and not self._is_closed:
            await self._changed.wait(self._changed.version)
