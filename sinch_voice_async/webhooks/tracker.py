"""The events of one call as they arrive: the end of a callout without polling.

Rules:

- An event may arrive before the receipt of its callout: events of calls that are not followed yet are remembered, for a
  bounded time and in a bounded number.
- Each follower of a call sees all of its events, in order, from the first that is remembered to its DiCE.
- All of it happens in one event loop; no task, timer or lock is kept.
"""

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

import anyio
import anyio.lowlevel
from attrs import define

from sinch_voice_async import _bounds
from sinch_voice_async.errors import InvalidRequestError
from sinch_voice_async.models.events import DisconnectedCall, Event

__all__ = ["CallTracker", "FollowedCall"]


@define(eq=False)
class _Record:
    """One call: its events, the number of older ones that were dropped, its followers, and the signal for more."""

    events: deque[Event]
    dropped: int = 0
    last: float = 0.0
    followers: int = 0
    changed: anyio.Event | None = None

    def add(self, event: Event) -> None:
        self.dropped += len(self.events) == self.events.maxlen
        self.events.append(event)
        self.wake()

    def wake(self) -> None:
        if self.changed is not None:
            self.changed.set()
            self.changed = None

    async def wait(self) -> None:
        if self.changed is None:
            self.changed = anyio.Event()
        await self.changed.wait()


class _Memory:
    """The records of calls: those with followers, and a bounded number of others, for a bounded time."""

    def __init__(self, keep: float, max_calls: int, max_events: int, clock: Callable[[], float]) -> None:
        self._keep = keep
        self._max_calls = max_calls
        self._max_events = max_events
        self._clock = clock
        self._followed: dict[str, _Record] = {}
        # Ordered by the last event, so that the oldest is at the front, which a dict finds slowly.
        self._others = OrderedDict[str, _Record]()

    def __len__(self) -> int:
        return len(self._followed) + len(self._others)

    def add(self, event: Event) -> None:
        record = self._followed.get(event.call_id)
        if record is None:
            record = self._take(event.call_id)
            self._put_back(event.call_id, record)
        record.add(event)

    def hold(self, call_id: str) -> _Record:
        """Return a call's record, which stays until it is released as often as it was held."""
        record = self._followed.get(call_id)
        if record is None:
            record = self._followed[call_id] = self._take(call_id)
        record.followers += 1
        return record

    def release(self, call_id: str) -> None:
        record = self._followed[call_id]
        record.followers -= 1
        if not record.followers:
            # The next follower may live in another event loop.
            record.wake()
            del self._followed[call_id]
            if record.events:
                self._put_back(call_id, record)

    def _take(self, call_id: str) -> _Record:
        return self._others.pop(call_id, None) or _Record(deque(maxlen=self._max_events))

    def _put_back(self, call_id: str, record: _Record) -> None:
        record.last = now = self._clock()
        self._others[call_id] = record
        while len(self._others) > self._max_calls or now - next(iter(self._others.values())).last > self._keep:
            del self._others[next(iter(self._others))]


class CallTracker:
    """Follows calls by the events that a ``WebhookApp`` feeds it.

    ::

        tracker = CallTracker()
        app = WebhookApp(tracker=tracker)
        ...
        receipt = await client.callouts.tts("+46700000001", "Hello!", enable_dice=True)
        async with tracker.follow(receipt.call_id) as events:
            async for event in events:
                ...

    The platform must send the events: set ``enable_dice=True`` and the like at the callout, and give the application a
    callback URL that leads to this process. If several processes answer callbacks, each sees only its own.

    Calls without a follower are remembered for ``keep`` seconds after their last event, at most ``max_calls`` of them,
    and the last ``max_events`` of each call; a follower that is further behind misses those in between. Use it from one
    event loop at a time, and not from other threads. ``clock`` returns seconds that never go back.

    :raises ConfigurationError: a number is out of range.

    Source: Callbacks.
    """

    def __init__(
        self,
        *,
        keep: float = 600.0,
        max_calls: int = 10_000,
        max_events: int = 1_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._memory = _Memory(
            _bounds.seconds(keep, "keep"),
            _bounds.whole(max_calls, "max_calls", least=1),
            _bounds.whole(max_events, "max_events", least=1),
            _bounds.function(clock, "clock"),
        )

    def feed(self, event: Event) -> None:
        """Add an event to its call, and wake the call's followers."""
        self._memory.add(event)

    def follow(self, call_id: str) -> "FollowedCall":
        """Return a context manager for the events of one call, as an async iterator that ends after its DiCE.

        It begins with the events that came before, and waits without a limit if no DiCE comes: put ``anyio.fail_after``
        or ``asyncio.timeout`` around it.
        """
        return FollowedCall(self._memory, call_id)

    async def outcome(self, call_id: str) -> DisconnectedCall:
        """Wait for the end of a call, and return its DiCE.

        It waits without a limit: put ``anyio.fail_after`` or ``asyncio.timeout`` around it.

        Source: Callbacks, Disconnected Call Event.
        """
        async with self.follow(call_id) as events:
            while not isinstance(event := await anext(events), DisconnectedCall):
                pass
        return event

    def __len__(self) -> int:
        """Return how many calls are remembered or followed."""
        return len(self._memory)


class FollowedCall:
    """The events of one call while it is followed: ``async with`` first, then ``async for``."""

    def __init__(self, memory: _Memory, call_id: str) -> None:
        self._memory = memory
        self._call_id = call_id
        self._record: _Record | None = None
        self._seen = 0
        self._ended = False

    async def __aenter__(self) -> Self:
        self._record = self._memory.hold(self._call_id)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._record = None
        self._memory.release(self._call_id)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        """Return the next event of the call as soon as it arrives."""
        if self._record is None:
            raise InvalidRequestError("a call is followed within `async with tracker.follow(call_id) as events:`")
        await anyio.lowlevel.checkpoint()
        if self._ended:
            raise StopAsyncIteration
        return await self._next(self._record)

    async def _next(self, record: _Record) -> Event:
        while self._seen == record.dropped + len(record.events):
            await record.wait()
        # There is no await from here on: an event is either taken or still there.
        self._seen = max(self._seen, record.dropped) + 1
        event = record.events[self._seen - record.dropped - 1]
        self._ended = isinstance(event, DisconnectedCall)
        return event
