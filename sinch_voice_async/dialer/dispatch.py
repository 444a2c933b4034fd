"""Takes contacts from the journal, and gives each a place, its turn and a callout, until there is nobody left.

Rules:

- Never more contacts have a place than ``in_flight``; what is refused before it is dialled frees its place at once.
- Until the platform has answered one callout, one goes out at a time, and so after one that it has not answered. Wrong
  credentials, no credit, a network that is down and a platform that is silent befall one contact and not hundreds.
- Stopping lets those that are on their way come to their end, and nobody else begin. Whatever goes wrong for good stops
  the run, and is raised when it has ended.
"""

import logging
import math
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
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
from sinch_voice_async.dialer.states import ContactState
from sinch_voice_async.errors import RateLimitedError

__all__ = ["Dispatcher"]

_LOG = logging.getLogger("sinch_voice_async.dialer")

_BATCH: Final = 200
_LONGEST_NAP: Final = 30.0
_NO_CREDIT: Final = "the account has no credit (402): resume when it has"
_LONGEST_BACKOFF: Final = 30.0
_NOT_PLACED: Final = {ContactState.TODO, ContactState.SKIPPED}


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
    _is_answered: bool = False
    _down_since: float | None = None
    _backoff: float = 1.0
    _held_until: float = -math.inf
    _turn: anyio.Lock = field(factory=lambda: anyio.Lock(fast_acquire=True))
    _waits: list[anyio.CancelScope] = field(factory=list)
    _places: anyio.Semaphore = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._places = anyio.Semaphore(self.in_flight, fast_acquire=True)

    @property
    def in_hand(self) -> frozenset[str]:
        """The numbers that somebody is about to dial, or is dialling."""
        return frozenset(self._in_hand)

    def wake(self) -> None:
        """Look into the journal again: something has changed."""
        self._woken.set()

    def stop(self) -> None:
        """Let nobody begin any more, whatever they wait for; who is on the way comes to an end."""
        self.gate.stop()
        for scope in self._waits:
            scope.cancel()

    def fail(self, problem: Exception) -> None:
        """Stop, and raise this when everything has come to its end; the first reason counts."""
        self.failure = self.failure or problem
        self.stop()

    def take_place(self) -> Callable[[], None] | None:
        """Return the function that frees a place, None where none is free."""
        try:
            self._places.acquire_nowait()
        except anyio.WouldBlock:
            return None
        return self._free_place

    async def run(self, tasks: TaskGroup) -> None:
        """Dial until nobody is left who could be dialled, or it is stopped; each contact in a task of its own."""
        with self._until_stopped():
            while await self.gate.wait():
                self._woken = anyio.Event()
                batch = await self._due()
                for outcome in batch:
                    await self._places.acquire()
                    self._in_hand.add(outcome.number)
                    tasks.start_soon(self._one, outcome)
                if not batch and not await self._rest():
                    return

    async def _due(self) -> Sequence[Outcome]:
        found = await self.journal.due(self.clock.now(), limit=_BATCH + len(self._in_hand))
        return [outcome for outcome in found if outcome.number not in self._in_hand]

    async def _rest(self) -> bool:
        """Wait for something to do; False where nothing can come any more."""
        # Asked before the journal is: what comes while it answers is not in its answer, and would be left behind.
        may_end = not self._in_hand and not self.is_waiting()
        due = await self.journal.next_due()
        if due is None and may_end:
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
        kept = False
        try:
            kept = await self._try(outcome, self._free_place)
        except Exception as problem:  # noqa: BLE001 - it is raised when the others have come to their end
            self.fail(problem)
        finally:
            self._in_hand.discard(outcome.number)
            if not kept:
                self._free_place()
            self.wake()

    async def _try(self, outcome: Outcome, free: Callable[[], None]) -> bool:
        ready = await self.placer.prepare(outcome)
        if isinstance(ready, Outcome):
            return await self.dialed(ready, free)
        if ready is None:
            return False
        return await self._dial(ready, free)

    async def _dial(self, ready: Ready, free: Callable[[], None]) -> bool:
        async with self._turn:
            if await self.gate.wait():
                with self._until_stopped():
                    await self.pacer.wait()
            # Shut while this one waited for its turn: it is still to do, and will be taken up again.
            if not self.gate.is_open:
                return False
            if not self._is_answered:
                return await self._send(ready, free)  # and nobody else, since this one keeps the turn
        return await self._send(ready, free)

    async def _send(self, ready: Ready, free: Callable[[], None]) -> bool:
        dialed = await self.placer.dial(ready)
        await self._react(dialed)
        return dialed.outcome is not None and await self.dialed(dialed.outcome, free)

    async def _react(self, dialed: Dialed) -> None:
        if dialed.sent_at is None:
            return
        # Not where it is certain that nobody was reached: the contact went back, or cannot be sent.
        if dialed.outcome is None or dialed.outcome.state not in _NOT_PLACED:
            self.counts.placed += 1
        match dialed.effect:
            case "none":
                self._answered(dialed.sent_at)
            case "slow down":
                self._answered(dialed.sent_at)
                retry_after = dialed.error.retry_after if isinstance(dialed.error, RateLimitedError) else None
                await self.pacer.slow_down(retry_after, dialed.sent_at)
            case "wait for the network":
                await self._wait_for_network(dialed.error, dialed.sent_at)
            case "go alone":
                self._is_answered = False
            case "pause":
                self._is_answered = False
                _LOG.warning("paused: %s", _NO_CREDIT)
                self.gate.shut(_NO_CREDIT)
            case _:
                assert dialed.error is not None
                self.fail(dialed.error)

    def _answered(self, sent_at: float) -> None:
        # What was sent before the network went, or before the next try, does not bring everybody back.
        if sent_at < self._held_until:
            return
        self._is_answered = True
        self._down_since = None
        self._backoff = 1.0

    async def _wait_for_network(self, error: Exception | None, sent_at: float) -> None:
        assert error is not None
        self._is_answered = False
        # Hundreds may fail at once, some of which were claimed meanwhile: that is one piece of news.
        if sent_at < self._held_until:
            return
        now = self.clock.monotonic()
        if self._down_since is None:
            self._down_since = now
            _LOG.warning("nothing can be sent (%s): trying again for %g s", type(error).__name__, self.patience)
        if now - self._down_since > self.patience:
            self.fail(error)
        self._held_until = now + self._backoff
        await self.pacer.hold(self._backoff)
        self._backoff = min(self._backoff * 2, _LONGEST_BACKOFF)

    @contextmanager
    def _until_stopped(self) -> Generator[None, None, None]:
        with anyio.CancelScope() as scope:
            self._waits.append(scope)
            try:
                yield
            finally:
                self._waits.remove(scope)

    def _free_place(self) -> None:
        self._places.release()
