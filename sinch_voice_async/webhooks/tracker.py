"""The events of one call, awaited: what a callout comes to, without asking the platform again and again.

Rules:

- An event may come before the receipt of the callout that it belongs to: what nobody follows yet is remembered, for a
  time and in a number that are bounded.
- Everybody who follows a call sees all of its events, in order, from the first that is remembered to its DiCE.
- All of it happens in one event loop; no task, no timer and no lock is kept.
"""

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

import anyio
import anyio.lowlevel
from attrs import define

from sinch_voice_async.errors import InvalidRequestError
from sinch_voice_async.models.events import DisconnectedCall, Event

__all__ = ["CallTracker", "FollowedCall"]


@define(eq=False)
class _Record:
    """What is known of one call: its events, how many older ones were dropped, and who follows or waits for more."""

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
    """The records of calls: those that somebody follows, and a bounded number of others, for a bounded time."""

    def __init__(self, keep: float, max_calls: int, max_events: int, clock: Callable[[], float]) -> None:
        self._keep = keep
        self._max_calls = max_calls
        self._max_events = max_events
        self._clock = clock
        self._followed: dict[str, _Record] = {}
        # Ordered by the last event, so that what is old or too much is found at the front; a dict finds that slowly.
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
            # Nobody waits any more, and whoever does next may do so in another event loop.
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

    Needs the platform to send the events: ``enable_dice=True`` and the like at the callout, and an application with a
    callback URL that leads to this process. Where several processes answer callbacks, each one sees but its own.

    Calls that nobody follows are remembered for ``keep`` seconds after their last event, at most ``max_calls`` of them,
    and of each call the last ``max_events``; a follower that is further behind misses those in between. To be used
    from one event loop at a time, not from other threads. ``clock`` gives seconds that never go back.

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
        self._memory = _Memory(keep, max_calls, max_events, clock)

    def feed(self, event: Event) -> None:
        """Take note of an event, and wake whoever follows its call."""
        self._memory.add(event)

    def follow(self, call_id: str) -> "FollowedCall":
        """Return a context manager that gives the events of one call, as an async iterator that ends after its DiCE.

        It begins with the events that came before, and waits for ever where no DiCE comes: put ``anyio.fail_after`` or
        ``asyncio.timeout`` around it.
        """
        return FollowedCall(self._memory, call_id)

    async def outcome(self, call_id: str) -> DisconnectedCall:
        """Wait for a call to end, and return the DiCE that says how.

        Waits for ever where none comes: put ``anyio.fail_after`` or ``asyncio.timeout`` around it.

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
    """The events of one call while somebody follows it: ``async with`` first, then ``async for``."""

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
        """Return the next event of the call, once there is one."""
        if self._record is None:
            raise InvalidRequestError("a call is followed within `async with tracker.follow(call_id) as events:`")
        await anyio.lowlevel.checkpoint()
        if self._ended:
            raise StopAsyncIteration
        return await self._next(self._record)

    async def _next(self, record: _Record) -> Event:
        while self._seen == record.dropped + len(record.events):
            await record.wait()
        # Nothing is awaited from here on: an event is either taken or still there.
        self._seen = max(self._seen, record.dropped) + 1
        event = record.events[self._seen - record.dropped - 1]
        self._ended = isinstance(event, DisconnectedCall)
        return event
