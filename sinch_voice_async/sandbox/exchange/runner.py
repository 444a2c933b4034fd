"""One call as the coroutine that tells its life: how it waits in exchange time, and what can interrupt it.

The coroutine is run here and by no event loop. It waits for seconds to pass, a key, somebody who picks up, or the
application's answer; it ends by :class:`DisconnectError` and is sent another way by :class:`RedirectError`, both raised
where it waits. Everything here happens under the exchange's lock.
"""

import heapq
import itertools
import logging
import re
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping, Sequence
from dataclasses import dataclass
from types import coroutine
from typing import Any, Protocol

from sinch_voice_async.sandbox.account import Account
from sinch_voice_async.sandbox.answers import Answers
from sinch_voice_async.sandbox.exchange.callbacks import Courier, Mailbox
from sinch_voice_async.sandbox.exchange.calls import BYTES_OF_AN_ENTRY, Call, Calls, Entry, Heard
from sinch_voice_async.sandbox.exchange.people import People, Person
from sinch_voice_async.sandbox.exchange.streams import Streams
from sinch_voice_async.sandbox.fields import Fields
from sinch_voice_async.sandbox.storage.recordings import Recordings

__all__ = ["DisconnectError", "Line", "Owner", "RedirectError", "Services", "Tape", "Timers"]

logger: logging.Logger = logging.getLogger("sinch_voice_async.sandbox")

FEWEST_TO_SWEEP = 1_024
MOST_FIRED = 64
"""Timers that a call remembers although they were fired."""
FORMAT = re.compile("[a-z0-9]{1,8}")


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
        """Return when the next timer is due, None if there is none."""
        return self._heap[0][0] if self._heap else None

    def clear(self) -> None:
        """Remove every timer."""
        self._heap.clear()
        self._held.clear()


@dataclass(frozen=True, slots=True)
class Tape:
    """Runs ``since`` this exchange second; ``options`` are those of SVAML."""

    since: float
    options: Fields

    @property
    def is_transcribed(self) -> bool:
        """Whether what is said is to be written down."""
        options = self.options.child("transcriptionOptions")
        return options is not None and options.flag("enabled")

    @property
    def place(self) -> str:
        """Where the file is to be stored, as SVAML says it; the older documents' own name is understood."""
        return self.options.text("destinationUrl", most=2_048) or self.options.text("destination", most=2_048) or ""

    @property
    def format(self) -> str:
        """The format, which ends the name of the file: mp3 unless the options name another one."""
        name = (self.options.text("format") or "mp3").lower()
        return name if FORMAT.fullmatch(name) else self.options.illegal("format", "must be letters and digits")


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of one exchange; ``changed`` is told of every call that has, ``base_url`` says where the sandbox is.

    ``tapes`` says what ends the recording of a conference, given what was heard there and when it is over.
    """

    account: Account
    calls: Calls
    people: People
    recordings: Recordings
    timers: Timers
    courier: Courier
    tapes: dict[str, Callable[[Sequence[Heard], float], None]]
    streams: Streams
    base_url: Callable[[], str]
    changed: Callable[[Call], None]
    answers: Answers


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


class Line:
    """Runs one call. ``person`` is who hears its prompts, ``now`` its own time, in exchange seconds."""

    __slots__ = (
        "_control",
        "_own_timers",
        "_redirection",
        "_timers",
        "_turn",
        "_wait",
        "call",
        "is_asking",
        "is_over",
        "is_suppressed",
        "keys_left",
        "leg",
        "mailbox",
        "now",
        "person",
        "services",
        "tape",
    )

    def __init__(self, call: Call, services: Services) -> None:
        self.call: Call = call
        self.services: Services = services
        self.mailbox: Mailbox = Mailbox()
        self.now: float = call.placed_at
        self.is_over: bool = False
        self.is_asking: bool = False
        self.is_suppressed: bool = False
        """Whether ACE and DiCE are not to be sent."""
        self.person: Person | None = None
        self.keys_left: list[str] = []
        self.leg: str = "caller" if call.is_inbound else "callee"
        """Which leg hears what is played."""
        self.tape: Tape | None = None
        self._timers = services.timers
        self._own_timers: list[Timer] = []
        self._wait: _Wait | None = None
        self._turn = 0
        self._redirection: Fields | None = None
        self._control: Coroutine[_Wait, Any, None]

    def run(self, control: Coroutine[Any, Any, None]) -> None:
        """Begin the call's life, and run it until it first waits."""
        self._control = control
        self._proceed(lambda: control.send(None))

    def sleep(self, seconds: float) -> Awaitable[None]:
        """Let seconds pass."""
        return _suspend(_Wait(max(0.0, seconds)))

    def key(self, seconds: float | None) -> Awaitable[str | None]:
        """Wait for a key, None where no one is pressed in time."""
        return _suspend(_Wait(seconds, "key"))

    def picked_up(self, seconds: float) -> Awaitable[bool | None]:
        """Ring, and wait until somebody picks up; None where nobody does in time."""
        return _suspend(_Wait(seconds, "pick up"))

    async def answer(self) -> Any:
        """Wait for the application's answer, or another program's, while the call's own time stands still."""
        self.is_asking = True
        try:
            return await _suspend(_Wait(None, "answer"))
        finally:
            self.is_asking = False
            self._timers.release(self)

    def signal(self, name: str, value: object) -> bool:
        """Give the call what it waits for; False where it waits for something else."""
        if not self.is_waiting_for(name):
            return False
        self._proceed(lambda: self._control.send(value))
        if self._redirection is not None and not self.is_asking:
            self.redirect(self._redirection)
        return True

    def is_waiting_for(self, name: str) -> bool:
        """Whether this signal would be heard."""
        return self._wait is not None and self._wait.signal == name

    def disconnect(self, result: str, reason: str) -> None:
        """End the call where it waits."""
        self._interrupt(DisconnectError(result, reason))

    def redirect(self, document: Fields) -> None:
        """Have the call do something else; once the application has answered, where it is being asked."""
        self._redirection = document if self.is_asking else None
        if not self.is_asking:
            self._interrupt(RedirectError(document))

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Have something happen in the call's own time, unless it is over by then."""
        self._schedule(seconds, action)

    def press(self, key: str) -> None:
        """Press one key, which is lost where nobody waits for one."""
        self.log("keys", key)
        self.signal("key", key)

    def log(self, kind: str, text: str, data: Mapping[str, object] | None = None) -> None:
        """Remember what happens."""
        entry = Entry(self.now, kind, text, data or {})
        self.call.log.append(entry)
        self.services.calls.grow(self.call, BYTES_OF_AN_ENTRY)
        if logger.isEnabledFor(logging.INFO):
            logger.info("call %s  %6.1f s  %s", self.call.call_id[:8], self.now - self.call.placed_at, entry.summary())
        self.services.changed(self.call)

    def enter(self, state: str, **data: object) -> None:
        """Remember that the call is in another state."""
        self.log("state", state, data)

    def _interrupt(self, error: Exception) -> None:
        if not self.is_over:
            self._proceed(lambda: self._control.throw(error))

    def _proceed(self, step: Callable[[], _Wait]) -> None:
        """Run until the call waits again; whatever it waited for before has been overtaken."""
        self._turn += 1
        self._wait = None
        try:
            self._wait = step()
        except StopIteration:
            self.is_over = True
            # Finished calls are many, and remembered for long.
            del self._control
            for timer in self._own_timers:
                timer.cancel()
            self._own_timers.clear()
            return
        if self._wait.seconds is not None:
            self._schedule(self._wait.seconds, self._time_is_up(self._turn))

    def _schedule(self, seconds: float, action: Callable[[], None]) -> None:
        if len(self._own_timers) > MOST_FIRED:
            self._own_timers = [each for each in self._own_timers if each.owner is not None]
        self._own_timers.append(self._timers.add(self.now + seconds, self, action))

    def _time_is_up(self, turn: int) -> Callable[[], None]:
        def proceed() -> None:
            if turn == self._turn:
                self._proceed(lambda: self._control.send(None))

        return proceed
