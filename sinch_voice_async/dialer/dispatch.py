"""Takes contacts from the journal, and gives each a place, its turn and a callout, until there is nobody left.

Rules:

- Never more contacts have a place than ``in_flight``; what is refused before it is dialled frees its place at once.
- Until the platform has answered one callout, one goes out at a time. Wrong credentials, no credit and a network that
  is down befall one contact and not hundreds.
- Whatever goes wrong for good lets those that are on their way come to their end, and is raised then.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import anyio
from anyio.abc import TaskGroup
from attrs import define, field

from sinch_voice_async.dialer.clock import Clock
from sinch_voice_async.dialer.counts import Counts
from sinch_voice_async.dialer.gate import Gate
from sinch_voice_async.dialer.journal import Journal, Outcome
from sinch_voice_async.dialer.pacer import Paces
from sinch_voice_async.dialer.placing import Dialed, Placer, Ready
from sinch_voice_async.errors import RateLimitedError

__all__ = ["Dispatcher"]

_BATCH: Final = 200
_LONGEST_NAP: Final = 30.0
_NO_CREDIT: Final = "the account has no credit (402): resume when it has"
_LONGEST_BACKOFF: Final = 30.0


@define(eq=False, kw_only=True)
class Dispatcher:
    """Dials everybody who is due. ``dialed`` is told of each contact that somebody should know about.

    ``dialed`` gets what became of a contact, and the function that frees its place, and says whether it keeps the place
    for a call that is alive. ``patience`` is how many seconds the network may be down until that is raised.
    """

    journal: Journal
    placer: Placer
    pacer: Paces
    gate: Gate
    counts: Counts
    clock: Clock
    in_flight: int
    patience: float
    dialed: Callable[[Outcome, Callable[[], None]], Awaitable[bool]]
    is_waiting: Callable[[], bool]
    failure: Exception | None = None
    _in_hand: set[str] = field(factory=set)
    _woken: anyio.Event = field(factory=anyio.Event)
    _probing: anyio.Lock = field(factory=anyio.Lock)
    _is_answered: bool = False
    _down_since: float | None = None
    _backoff: float = 1.0
    _places: anyio.Semaphore = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._places = anyio.Semaphore(self.in_flight)

    @property
    def in_hand(self) -> frozenset[str]:
        """The numbers that somebody is about to dial, or is dialling."""
        return frozenset(self._in_hand)

    def wake(self) -> None:
        """Look into the journal again: something has changed."""
        self._woken.set()

    def fail(self, problem: Exception) -> None:
        """Stop for good, and raise this when everything has come to its end; the first reason counts."""
        self.failure = self.failure or problem
        self.gate.stop()
        self.wake()

    def take_place(self) -> Callable[[], None] | None:
        """Return the function that frees a place, None where none is free."""
        try:
            self._places.acquire_nowait()
        except anyio.WouldBlock:
            return None
        return self._free_place

    async def run(self, tasks: TaskGroup) -> None:
        """Dial until nobody is left who could be dialled, or it is stopped."""
        while await self.gate.wait():
            self._woken = anyio.Event()
            batch = await self._due()
            for outcome in batch:
                await self._places.acquire()
                if self.gate.stopped:
                    self._free_place()
                    return
                self._in_hand.add(outcome.number)
                tasks.start_soon(self._one, outcome)
            if not batch and not await self._rest():
                return

    async def settle_down(self) -> None:
        """Wait until nobody is being dialled."""
        while self._in_hand:
            self._woken = anyio.Event()
            await self._woken.wait()

    async def _due(self) -> Sequence[Outcome]:
        found = await self.journal.due(self.clock.now(), limit=_BATCH + len(self._in_hand))
        return [outcome for outcome in found if outcome.number not in self._in_hand]

    async def _rest(self) -> bool:
        """Wait for something to do; False where nothing can come any more."""
        due = await self.journal.next_due()
        if due is None and not self._in_hand and not self.is_waiting():
            return False
        # A nap is short, since the time of day may jump; and not too short, since those in hand may be due.
        left = _LONGEST_NAP if due is None else min(due - self.clock.now(), _LONGEST_NAP)
        await self._nap(max(left, 1.0 if self._in_hand else 0.0))
        return True

    async def _nap(self, seconds: float) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._wake_after, seconds, tasks.cancel_scope)
            await self._woken.wait()
            tasks.cancel_scope.cancel()

    async def _wake_after(self, seconds: float, scope: anyio.CancelScope) -> None:
        await self.clock.sleep(seconds)
        scope.cancel()

    async def _one(self, outcome: Outcome) -> None:
        free = _Once(self._free_place)
        kept = False
        try:
            kept = await self._try(outcome, free)
        except Exception as problem:  # noqa: BLE001 - it is raised when the others have come to their end
            self.fail(problem)
        finally:
            self._in_hand.discard(outcome.number)
            if not kept:
                free()
            self.wake()

    async def _try(self, outcome: Outcome, free: Callable[[], None]) -> bool:
        ready = await self.placer.prepare(outcome)
        if isinstance(ready, Outcome):
            return await self.dialed(ready, free)
        if ready is None:
            return False
        async with self._probing:
            if not self._is_answered:
                return await self._dial(ready, free)
        return await self._dial(ready, free)

    async def _dial(self, ready: Ready, free: Callable[[], None]) -> bool:
        if not await self.gate.wait():
            return False
        await self.pacer.wait()
        # Shut while this one waited for its turn: it is still to do, and will be taken up again.
        if not self.gate.is_open:
            return False
        dialed = await self.placer.dial(ready)
        await self._react(dialed)
        return dialed.outcome is not None and await self.dialed(dialed.outcome, free)

    async def _react(self, dialed: Dialed) -> None:
        if dialed.sent_at is None:
            return
        self.counts.placed += 1
        match dialed.effect:
            case "none":
                self._answered()
            case "slow down":
                self._answered()
                retry_after = dialed.error.retry_after if isinstance(dialed.error, RateLimitedError) else None
                await self.pacer.slow_down(retry_after, dialed.sent_at)
            case "wait for the network":
                await self._wait_for_network(dialed)
            case "pause":
                self._is_answered = False
                self.gate.shut(_NO_CREDIT)
            case "stop":
                assert dialed.error is not None
                self.fail(dialed.error)

    def _answered(self) -> None:
        self._is_answered = True
        self._down_since = None
        self._backoff = 1.0

    async def _wait_for_network(self, dialed: Dialed) -> None:
        now = self.clock.monotonic()
        self._is_answered = False
        self._down_since = now if self._down_since is None else self._down_since
        if now - self._down_since > self.patience:
            assert dialed.error is not None
            self.fail(dialed.error)
            return
        await self.pacer.hold(self._backoff)
        self._backoff = min(self._backoff * 2, _LONGEST_BACKOFF)

    def _free_place(self) -> None:
        self._places.release()


@define(eq=False)
class _Once:
    """Calls a function the first time it is called, and never again."""

    _function: Callable[[], None] | None

    def __call__(self) -> None:
        function, self._function = self._function, None
        if function is not None:
            function()
