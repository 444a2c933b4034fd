"""The runner of a call: it drives the coroutine that is the call, in exchange time.

No event loop runs the coroutine. It waits for seconds to pass, a key, an answer of the telephone, or an answer of the
application. :class:`DisconnectError` ends it and :class:`RedirectError` sends it elsewhere; both are raised at the
point of waiting. Everything here happens under the lock of the exchange.
"""

import heapq
import itertools
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from dataclasses import dataclass, field
from types import coroutine
from typing import Any, Protocol

from sinch_voice_async.sandbox.account import Account
from sinch_voice_async.sandbox.exchange.callbacks import Answers, Callback
from sinch_voice_async.sandbox.exchange.calls import BYTES_OF_AN_ENTRY, Call, Calls, Entry
from sinch_voice_async.sandbox.exchange.people import People, Person
from sinch_voice_async.sandbox.exchange.recordings import Recordings
from sinch_voice_async.sandbox.exchange.streams import Streams
from sinch_voice_async.sandbox.requests import Fields

__all__ = ["ActiveRecording", "CallRunner", "DisconnectError", "ExchangeContext", "Owner", "RedirectError", "Timers"]

logger: logging.Logger = logging.getLogger("sinch_voice_async.sandbox")

FEWEST_TO_SWEEP = 1_024
MOST_FIRED = 64
"""Timers that a call remembers although they were fired."""


class Owner(Protocol):
    """The owner of a timer."""

    now: float
    is_over: bool
    is_asking: bool


@dataclass(slots=True, eq=False)
class Timer:
    """One action that is due at a time, in exchange seconds. A cancelled timer holds nothing."""

    at: float
    owner: Owner | None
    action: Callable[[], None] | None

    def cancel(self) -> None:
        """Let nothing happen, and let go of what the timer holds: it may be hours until it would be due."""
        self.owner = self.action = None


class Timers:
    """The timers of all calls, in exchange seconds, fired in the order of their time and then of their making.

    Nothing here waits: an exchange fires what is due whenever it is looked at. The timers of a call that waits for the
    application are held back until the answer is there. So a call's own time stands still meanwhile, and durations
    depend on the call and not on the machine.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._held: dict[Owner, list[Timer]] = {}
        self._count = itertools.count()
        self._sweeps_at = FEWEST_TO_SWEEP

    def add(self, at: float, owner: Owner, action: Callable[[], None]) -> Timer:
        """Call ``action`` at a time, unless its owner is over by then."""
        timer = Timer(at, owner, action)
        self._push(timer)
        if len(self._heap) > self._sweeps_at:
            self._sweep()
        return timer

    def fire(self, now: float) -> None:
        """Call every action that is due, each at its own time."""
        while self._heap and self._heap[0][0] <= now:
            timer = heapq.heappop(self._heap)[2]
            owner, action = timer.owner, timer.action
            if owner is None or action is None or owner.is_over:
                continue
            if owner.is_asking:
                self._held.setdefault(owner, []).append(timer)
                continue
            timer.cancel()
            owner.now = max(owner.now, timer.at)
            action()

    def release(self, owner: Owner) -> None:
        """Put the timers of an owner back, once it has its answer."""
        for timer in self._held.pop(owner, ()):
            self._push(timer)

    def _push(self, timer: Timer) -> None:
        heapq.heappush(self._heap, (timer.at, next(self._count), timer))

    def _sweep(self) -> None:
        """Remove cancelled timers, seldom enough to cost nothing."""
        self._heap = [each for each in self._heap if each[2].owner is not None]
        heapq.heapify(self._heap)
        self._sweeps_at = max(FEWEST_TO_SWEEP, 2 * len(self._heap))

    def next_at(self) -> float | None:
        """Return when the next timer is due, None if no timer is set."""
        return self._heap[0][0] if self._heap else None

    def clear(self) -> None:
        """Remove every timer."""
        self._heap.clear()
        self._held.clear()


@dataclass(frozen=True, slots=True)
class ActiveRecording:
    """A recording that goes on: when it began, in exchange seconds, and the options that SVAML gave it."""

    since: float
    options: Fields


@dataclass(slots=True, kw_only=True, eq=False)
class ExchangeContext:
    """What the runners of all calls share: the parts of one exchange."""

    account: Account
    calls: Calls
    people: People
    recordings: Recordings
    streams: Streams
    answers: Answers
    timers: Timers = field(default_factory=Timers)
    conference_recordings: "dict[str, tuple[CallRunner, ActiveRecording]]" = field(default_factory=dict)
    """The recordings of conferences that go on, each with the call that began it."""
    ready: "deque[CallRunner]" = field(default_factory=deque)
    """Calls whose first callback waits to be sent."""
    attended: "set[CallRunner]" = field(default_factory=set)
    """Ongoing calls that may call the application back."""
    sending: int = 0
    """The number of calls of which a callback is being sent, or waits for that."""


class DisconnectError(Exception):
    """The call is over."""

    def __init__(self, result: str, reason: str) -> None:
        super().__init__(result, reason)
        self.result = result
        self.reason = reason


class RedirectError(Exception):
    """The application sent other SVAML, which replaces what the call was doing."""

    def __init__(self, document: Fields) -> None:
        super().__init__()
        self.document = document


@dataclass(frozen=True, slots=True)
class _Wait:
    """What a call waits for besides ``seconds``: "key", "pick up", "answer", or nothing else."""

    seconds: float | None
    signal: str = ""


@coroutine
def _suspend(wait: _Wait) -> Generator[_Wait, Any, Any]:
    return (yield wait)


class CallRunner:
    """Runs one call.

    ``person`` hears its prompts, ``leg`` is the leg that hears them, and ``now`` is the call's own time, in exchange
    seconds. ``recording`` is its recording while one goes on. ``is_suppressed`` says whether ACE and DiCE are left out.
    """

    __slots__ = (
        "_control",
        "_own_timers",
        "_redirection",
        "_step",
        "_timers",
        "_wait",
        "call",
        "callbacks",
        "context",
        "is_asking",
        "is_over",
        "is_sending",
        "is_suppressed",
        "keys_left",
        "leg",
        "now",
        "person",
        "recording",
    )

    def __init__(self, call: Call, context: ExchangeContext) -> None:
        self.call: Call = call
        self.context: ExchangeContext = context
        self.now: float = call.placed_at
        self.callbacks: deque[Callback] = deque()
        self.is_sending: bool = False
        self.is_over: bool = False
        self.is_asking: bool = False
        self.is_suppressed: bool = False
        self.person: Person | None = None
        self.keys_left: list[str] = []
        self.leg: str = "caller" if call.is_inbound else "callee"
        self.recording: ActiveRecording | None = None
        self._timers = context.timers
        self._own_timers: list[Timer] = []
        self._wait: _Wait | None = None
        self._step = 0
        self._redirection: Fields | None = None
        self._control: Coroutine[_Wait, Any, None]

    def run(self, control: Coroutine[Any, Any, None]) -> None:
        """Start the coroutine, and run it until it first waits."""
        self._control = control
        self._proceed(lambda: control.send(None))

    def sleep(self, seconds: float) -> Awaitable[None]:
        """Let seconds pass."""
        return _suspend(_Wait(max(0.0, seconds)))

    def key(self, seconds: float | None) -> Awaitable[str | None]:
        """Wait for a key. None: none was pressed in time."""
        return _suspend(_Wait(seconds, "key"))

    def picked_up(self, seconds: float) -> Awaitable[bool | None]:
        """Wait until the telephone is answered. None: it was not answered in time."""
        return _suspend(_Wait(seconds, "pick up"))

    async def answer(self) -> Any:
        """Wait for the answer of the application or of a stream; the call's own time stands still."""
        self.is_asking = True
        try:
            return await _suspend(_Wait(None, "answer"))
        finally:
            self.is_asking = False
            self._timers.release(self)

    def signal(self, name: str, value: object) -> bool:
        """Give the call what it waits for. False: it waits for something else."""
        if not self.is_waiting_for(name):
            return False
        self._proceed(lambda: self._control.send(value))
        if self._redirection is not None and not self.is_asking:
            self.redirect(self._redirection)
        return True

    def is_waiting_for(self, name: str) -> bool:
        """Return whether the call waits for this signal."""
        return self._wait is not None and self._wait.signal == name

    def disconnect(self, result: str, reason: str) -> None:
        """End the call."""
        self._interrupt(DisconnectError(result, reason))

    def redirect(self, document: Fields) -> None:
        """Replace what the call does by other SVAML. While the application is asked, that waits for its answer."""
        self._redirection = document if self.is_asking else None
        if not self.is_asking:
            self._interrupt(RedirectError(document))

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Call ``action`` after some seconds of the call's own time, unless the call is over by then."""
        self._schedule(seconds, action)

    def press(self, key: str) -> None:
        """Press one key. It is lost if the call does not wait for one."""
        self.log("keys", key)
        self.signal("key", key)

    def post(self, callback: Callback) -> None:
        """Send a callback after those that the call has posted before."""
        self.callbacks.append(callback)
        if not self.is_sending:
            self.is_sending = True
            self.context.sending += 1
            self.context.ready.append(self)

    def next_callback(self) -> Callback | None:
        """Return the callback that is to be sent now. None: every one was sent."""
        if self.callbacks:
            return self.callbacks.popleft()
        self.is_sending = False
        self.context.sending -= 1
        return None

    def log(self, kind: str, text: str, data: Mapping[str, object] | None = None) -> None:
        """Add an entry to the timeline."""
        entry = Entry(self.now, kind, text, data or {})
        self.call.log.append(entry)
        self.context.calls.grow(self.call, BYTES_OF_AN_ENTRY)
        if logger.isEnabledFor(logging.INFO):
            logger.info("call %s  %6.1f s  %s", self.call.call_id[:8], self.now - self.call.placed_at, entry.summary())
        self.context.calls.touch(self.call)

    def enter(self, state: str, **data: object) -> None:
        """Add a new state of the call to the timeline."""
        self.log("state", state, data)

    def _interrupt(self, error: Exception) -> None:
        if not self.is_over:
            self._proceed(lambda: self._control.throw(error))

    def _proceed(self, step: Callable[[], _Wait]) -> None:
        """Run until the call waits again. A timer of an earlier wait does nothing from then on."""
        self._step += 1
        self._wait = None
        try:
            self._wait = step()
        except StopIteration:
            self.is_over = True
            self.context.attended.discard(self)
            # Finished calls are many, and remembered for long.
            del self._control
            for timer in self._own_timers:
                timer.cancel()
            self._own_timers.clear()
            return
        if self._wait.seconds is not None:
            self._schedule(self._wait.seconds, self._time_is_up(self._step))

    def _schedule(self, seconds: float, action: Callable[[], None]) -> None:
        if len(self._own_timers) > MOST_FIRED:
            self._own_timers = [each for each in self._own_timers if each.owner is not None]
        self._own_timers.append(self._timers.add(self.now + seconds, self, action))

    def _time_is_up(self, step: int) -> Callable[[], None]:
        def proceed() -> None:
            if step == self._step:
                self._proceed(lambda: self._control.send(None))

        return proceed
