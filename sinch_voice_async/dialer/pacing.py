"""When the next callout may go out, and whether the campaign may go on: the clock, the pace, the pacer, the health.

Rules of the pace:

- Carriers count in rolling windows, so the pace is smooth: the next instant is ``max(next, now) + 1 / rate``. Unused
  time is not made up for.
- A 429 reduces the rate to 0.7 of itself, not below 0.5 a second, and nothing goes out for the time of ``Retry-After``.
  A 429 for a callout that was sent before the last reduction does not reduce the rate again.
- The rate then climbs by 5 % of the target a second, never above the target.

Rules of the health, which is what a series of bad answers means:

- Until the platform accepted one callout, one goes out at a time, and so after callouts without an answer and after a
  series of refusals. So wrong credentials, no credit and a silent platform cost one contact and not hundreds.
- After 5 unknown outcomes in a row nothing goes out for a while, then one callout as a probe, with growing pauses.
  After 20 more the campaign pauses.
- After 50 refusals in a row, equal or not, the campaign pauses: the next contact would be refused too.
- While nothing can be sent, one callout is tried at a time, with growing pauses, for at most ``network_timeout``.
- An answer to a callout that was sent before a hold is part of the trouble that caused the hold, and changes nothing.
"""

import math
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any, Final, Protocol

import anyio
from attrs import define, evolve, field, frozen

from sinch_voice_async.errors import ConfigurationError

__all__ = [
    "Clock",
    "Health",
    "Pace",
    "Pacer",
    "Paces",
    "PauseControl",
    "RankedLock",
    "Reaction",
    "SystemClock",
    "Turn",
]

_SLOWER: Final = 0.7
_FLOOR: Final = 0.5
_CLIMB: Final = 0.05
_FAST: Final = 1000.0
_LONGEST_HOLD: Final = 3600.0
# The pace may change during a wait.
_LONGEST_SLEEP: Final = 1.0


class Clock(Protocol):
    """The time of day, which may jump, and a monotonic time, which does not. Tests inject their own."""

    def now(self) -> float:
        """Return seconds since 1970 in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; if ``seconds`` is not positive, only yield to other tasks."""
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


@frozen(kw_only=True)
class Pace:
    """A rate and the next free instant. Times are seconds of a monotonic clock.

    ``target`` is the wanted number of callouts per second; infinite means as fast as possible. ``slowed_rate`` is the
    rate right after the last reduction, at ``slowed_at``.
    """

    target: float
    slowed_rate: float | None = None
    slowed_at: float = -math.inf
    next: float = -math.inf

    @classmethod
    def of(cls, calls_per_second: float) -> "Pace":
        """Return a pace that has not begun.

        :raises ConfigurationError: ``calls_per_second`` is not a positive number.
        """
        number: object = calls_per_second
        if not isinstance(number, (int, float)) or isinstance(number, bool) or not number > 0:
            raise ConfigurationError(f"calls_per_second must be a positive number, not {calls_per_second!r}")
        return cls(target=_as_float(number))

    def rate(self, now: float) -> float:
        """Return the current callouts per second."""
        if self.slowed_rate is None:
            return self.target
        climbed = _CLIMB * self._measure * max(now - self.slowed_at, 0.0)
        return min(self.target, self.slowed_rate + climbed)

    def reserve(self, now: float) -> tuple[float, "Pace"]:
        """Return the instant at which a callout may go out, and the pace after it."""
        instant = max(self.next, now)
        return instant, evolve(self, next=instant + 1.0 / self.rate(instant))

    def held(self, until: float) -> "Pace":
        """Return the pace under which nothing goes out before an instant."""
        return evolve(self, next=max(self.next, until))

    def slowed(self, now: float, *, retry_after: float | None, sent_at: float) -> "Pace":
        """Return the pace after a 429 for a callout that was sent at an instant."""
        held = self.held(now + min(max(retry_after or 0.0, 0.0), _LONGEST_HOLD))
        if sent_at <= self.slowed_at:
            return held
        rate = max(min(self.rate(now), self._measure) * _SLOWER, min(_FLOOR, self.target))
        return evolve(held, slowed_rate=rate, slowed_at=now)

    @property
    def _measure(self) -> float:
        # An infinite target has no fractions; a 429 only says that it was too fast.
        return min(self.target, _FAST)


def _as_float(number: float) -> float:
    try:
        return max(float(number), 1e-9)  # one callout in 30 years; 1 / rate stays finite
    except OverflowError:
        return math.inf


class Paces(Protocol):
    """What the engine asks of a pacer."""

    @property
    def rate(self) -> float:
        """The current callouts per second, as far as this process knows."""
        ...

    async def wait(self) -> None:
        """Return when a callout may go out."""
        ...

    async def slow_down(self, retry_after: float | None, sent_at: float) -> None:
        """Reduce the rate after a 429 for a callout that was sent at an instant of the monotonic clock."""
        ...

    async def hold(self, seconds: float) -> None:
        """Let nothing out for so many seconds."""
        ...

    async def set_target(self, calls_per_second: float) -> None:
        """Change the wanted number of callouts per second."""
        ...


class Turn(Protocol):
    """The instant of a pace that all machines share."""

    async def is_in_time(self) -> bool:
        """Return True when the callout may go out, at once or at a later instant; False if it is not to go out."""
        ...


class Pacer:
    """Lets callouts out evenly, ``calls_per_second`` of them, and slower for a while after each 429.

    ``calls_per_second`` may be a fraction, and infinite. One instant is reserved at a time, so that a change of the
    rate holds from the next one on.

    :raises ConfigurationError: ``calls_per_second`` is not a positive number.
    """

    def __init__(self, calls_per_second: float = 1.0, *, clock: Clock | None = None) -> None:
        self._pace = Pace.of(calls_per_second)
        self._clock = clock or SystemClock()
        self._turn: anyio.Lock | None = None

    @property
    def rate(self) -> float:
        """The current callouts per second: the target, or less after a 429."""
        return self._pace.rate(self._clock.monotonic())

    async def wait(self) -> None:
        """Return when a callout may go out; first come, first served."""
        self._turn = self._turn or anyio.Lock(fast_acquire=True)
        async with self._turn:
            instant = self._reserve()
            while (left := instant - self._clock.monotonic()) > 0:
                before = self._pace.next
                await self._clock.sleep(min(left, _LONGEST_SLEEP))
                # Held or slowed down meanwhile: take a new instant, behind the hold.
                if self._pace.next != before:
                    instant = self._reserve()

    async def slow_down(self, retry_after: float | None, sent_at: float) -> None:
        """Reduce the rate after a 429 for a callout that was sent at an instant, and wait for ``retry_after``."""
        self._pace = self._pace.slowed(self._clock.monotonic(), retry_after=retry_after, sent_at=sent_at)

    async def hold(self, seconds: float) -> None:
        """Let nothing out for so many seconds."""
        self._pace = self._pace.held(self._clock.monotonic() + seconds)

    async def set_target(self, calls_per_second: float) -> None:
        """Change the wanted number of callouts per second, from the next callout on."""
        now, target = self._clock.monotonic(), Pace.of(calls_per_second).target
        # A pace of one an hour leaves the next instant far away.
        self._pace = evolve(self._pace, target=target, next=min(self._pace.next, now + 1.0 / target))

    def _reserve(self) -> float:
        instant, self._pace = self._pace.reserve(self._clock.monotonic())
        return instant


class RankedLock:
    """A lock that goes to the one with the least rank of those that wait; of equal ones, to the one that came first."""

    def __init__(self) -> None:
        self._is_held = False
        self._waiting: list[tuple[Any, int, anyio.Event]] = []
        self._counter = count()

    @asynccontextmanager
    async def hold(self, rank: Any) -> AsyncGenerator[None]:
        """Wait for the lock, and hold it as long as the block lasts."""
        if self._is_held:
            await self._wait(rank)
        self._is_held = True
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, rank: Any) -> None:
        entry = (rank, next(self._counter), anyio.Event())
        heappush(self._waiting, entry)
        try:
            await entry[2].wait()
        except BaseException:
            if entry[2].is_set():
                self._pass_on()
            else:
                self._waiting.remove(entry)
                heapify(self._waiting)
            raise

    def _pass_on(self) -> None:
        if self._waiting:
            heappop(self._waiting)[2].set()
        else:
            self._is_held = False


_FIRST_BACKOFF: Final = 1.0
_LONGEST_BACKOFF: Final = 30.0
_UNKNOWNS_TO_HOLD: Final = 5
_UNKNOWNS_TO_PAUSE: Final = 25
_REFUSALS_TO_SLOW: Final = 5
_REFUSALS_TO_PAUSE: Final = 50
_KINDS_NAMED: Final = 3
_NO_CREDIT: Final = "the account has no credit (402): resume when it has"


class PauseControl:
    """Open, paused, or stopped for good. It acts before the next claim."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self.is_stopped: bool = False
        self._opened: anyio.Event | None = None

    @property
    def is_open(self) -> bool:
        """Whether a claim may follow."""
        return self.reason is None and not self.is_stopped

    def pause(self, reason: str) -> None:
        """Stop dialling until :meth:`resume`; the first reason is kept."""
        if self.is_open:
            self.reason = reason

    def resume(self) -> None:
        """Go on after a pause."""
        self.reason = None
        if self._opened is not None:
            self._opened.set()
            self._opened = None

    def stop(self) -> None:
        """Stop dialling for good, and end every wait."""
        self.is_stopped = True
        self.resume()

    async def wait(self) -> bool:
        """Wait until a pause is over, and say whether dialling goes on: False after :meth:`stop`."""
        while self.reason is not None:
            self._opened = self._opened or anyio.Event()
            await self._opened.wait()
        return not self.is_stopped


@frozen(kw_only=True)
class Reaction:
    """What to do after an answer: hold for so many seconds, pause for a reason, or give up."""

    hold: float = 0.0
    pause: str | None = None
    give_up: bool = False


_GO_ON: Final = Reaction()


@define(kw_only=True)
class Health:
    """Judges the answers of the platform, in the order in which they come. Instants are of the monotonic clock.

    ``is_alone`` says that one callout goes out at a time.
    """

    network_timeout: float
    is_alone: bool = True
    _unknowns: int = 0
    _refusals: int = 0
    _kinds: dict[str, None] = field(factory=dict)
    _slowed: int = 0
    _slowed_at: float = -math.inf
    _down_since: float | None = None
    _held_until: float = -math.inf
    _backoff: float = field(default=_FIRST_BACKOFF)

    def accepted(self, sent_at: float) -> Reaction:
        """Take note of a callout that the platform accepted."""
        if sent_at >= self._held_until:
            self._answered()
            self.is_alone, self._refusals, self._slowed = False, 0, 0
        return _GO_ON

    def too_fast(self, now: float, sent_at: float) -> Reaction:
        """Take note of a 429: the platform answers. Hundreds at once are one piece of news."""
        if sent_at < max(self._held_until, self._slowed_at):
            return _GO_ON
        self._answered()
        self.is_alone = self._refusals >= _REFUSALS_TO_SLOW
        self._slowed_at = now
        self._slowed += 1
        if self._slowed < _REFUSALS_TO_PAUSE:
            return _GO_ON
        self._slowed = 0
        return Reaction(pause=f"the platform asked {_REFUSALS_TO_PAUSE} times in a row to go slower")

    def refused(self, refusal: str, sent_at: float) -> Reaction:
        """Take note of a refusal, of which ``refusal`` says which one it is."""
        if sent_at >= self._held_until:
            self._answered()
        if not self._refusals:
            self._kinds.clear()
        self._refusals += 1
        self._kinds[refusal] = None
        if self._refusals >= _REFUSALS_TO_SLOW:
            self.is_alone = True
        if self._refusals < _REFUSALS_TO_PAUSE:
            return _GO_ON
        count, self._refusals = self._refusals, 0
        kinds = " and ".join([*self._kinds][:_KINDS_NAMED])
        return Reaction(pause=f"the platform refused {count} callouts in a row with {kinds}")

    def unknown(self, note: str, now: float, sent_at: float) -> Reaction:
        """Take note of a callout whose outcome is unknown."""
        self.is_alone = True
        if sent_at < self._held_until:
            return _GO_ON
        self._unknowns += 1
        if self._unknowns >= _UNKNOWNS_TO_PAUSE:
            count, self._unknowns = self._unknowns, 0
            return Reaction(pause=f"the outcome of {count} callouts in a row is unknown ({note})")
        return Reaction(hold=self._hold(now)) if self._unknowns >= _UNKNOWNS_TO_HOLD else _GO_ON

    def unsent(self, now: float, sent_at: float) -> Reaction:
        """Take note of a callout that could not be sent."""
        self.is_alone = True
        # Hundreds may fail at once: that is one piece of news.
        if sent_at < self._held_until:
            return _GO_ON
        if self._down_since is None:
            self._down_since = now
        return Reaction(hold=self._hold(now), give_up=now - self._down_since > self.network_timeout)

    def no_credit(self) -> Reaction:
        """Take note of an account without credit."""
        self.is_alone = True
        return Reaction(pause=_NO_CREDIT)

    @property
    def is_down(self) -> bool:
        """Whether the network is down."""
        return self._down_since is not None

    def _answered(self) -> None:
        self._unknowns, self._down_since, self._backoff = 0, None, _FIRST_BACKOFF

    def _hold(self, now: float) -> float:
        seconds = self._backoff
        self._held_until = now + seconds
        self._backoff = min(seconds * 2, _LONGEST_BACKOFF)
        return seconds
