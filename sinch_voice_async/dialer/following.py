"""The calls that are alive: what takes a place until it is over, and how the campaign learns that it is.

Rules:

- A campaign that follows nothing frees a place when the platform has answered; one that follows frees it when the call
  is over: by an event, by asking the platform, or when the call cannot last any longer.
- An event may reach another process. So the journal is looked at every second, whoever has written it.
- What is not known in time stays ``accepted``: it rang, and nobody can say how it ended.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal, TypeAlias

import anyio
from attrs import define, field

from sinch_voice_async.dialer.clock import Clock
from sinch_voice_async.dialer.journal import Journal, News, Outcome
from sinch_voice_async.dialer.states import Change, ContactState
from sinch_voice_async.errors import SinchVoiceError

__all__ = ["Follow", "Follower"]

Follow: TypeAlias = Literal["callbacks", "poll"] | None
"""How results are learnt: by events given to ``settle``, by asking the platform, or not at all."""

_LOOK: Final = 1.0
_AT_ONCE: Final = 20


@define(eq=False)
class _Alive:
    outcome: Outcome
    until: float
    free: Callable[[], None] | None

    def leave(self) -> None:
        if self.free is not None:
            self.free()


@define(eq=False, kw_only=True)
class Follower:
    """Keeps the calls that are alive. ``ended`` is told of each whose end is known, and ``lost`` of the others.

    ``wake`` is called when either has been told; until then the call counts, so that no run ends over it.
    """

    journal: Journal
    clock: Clock
    longest_call: float
    ended: Callable[[Outcome], Awaitable[None]]
    lost: Callable[[Outcome], Awaitable[None]]
    wake: Callable[[], None]
    get_call: Callable[[str], Awaitable[Any]] | None = None
    poll_interval: float = 5.0
    _alive: dict[str, _Alive] = field(factory=dict)
    _being_told: int = 0

    def __len__(self) -> int:
        return len(self._alive) + self._being_told

    def __contains__(self, token: str | None) -> bool:
        return token in self._alive

    def add(self, outcome: Outcome, free: Callable[[], None] | None) -> None:
        """Follow a call; ``free`` is called when it is over, where it has a place."""
        assert outcome.token is not None
        age = self.clock.now() - (outcome.placed_at or self.clock.now())
        # From here on by the clock that does not jump.
        until = self.clock.monotonic() + self.longest_call - max(age, 0.0)
        self._alive[outcome.token] = _Alive(outcome, until, free)

    async def settle(self, outcome: Outcome) -> None:
        """Take note of the end of a call that is followed; any other does nothing."""
        alive = self._alive.pop(outcome.token or "", None)
        if alive is not None:
            await self._tell(alive, self.ended, outcome)

    async def look(self) -> None:
        """Look into the journal, for ever, for what others have written there, and give up what takes too long."""
        while True:
            await self.clock.sleep(_LOOK)
            await self._look_once()

    async def poll(self) -> None:
        """Ask the platform, for ever, about each call that is alive."""
        while True:
            await self.clock.sleep(self.poll_interval)
            limit = anyio.CapacityLimiter(_AT_ONCE)
            async with anyio.create_task_group() as tasks:
                for each in list(self._alive.values()):
                    tasks.start_soon(self._ask, each.outcome, limit)

    async def _look_once(self) -> None:
        if not self._alive:
            return
        for outcome in await self.journal.look_up(list(self._alive)):
            if outcome.state is ContactState.DONE:
                await self.settle(outcome)
        now = self.clock.monotonic()
        for token, alive in list(self._alive.items()):
            if now >= alive.until and self._alive.pop(token, None) is not None:
                await self._tell(alive, self.lost, alive.outcome)

    async def _tell(self, alive: _Alive, told: Callable[[Outcome], Awaitable[None]], outcome: Outcome) -> None:
        alive.leave()
        self._being_told += 1
        try:
            await told(outcome)
        finally:
            self._being_told -= 1
            self.wake()

    async def _ask(self, outcome: Outcome, limit: anyio.CapacityLimiter) -> None:
        if self.get_call is None or outcome.call_id is None or outcome.token is None:
            return  # without its id nobody can ask about it
        async with limit:
            try:
                call = await self.get_call(outcome.call_id)
            except SinchVoiceError:
                return  # the next round asks again, and longest_call ends it
        if getattr(call, "is_final", False):
            news = News(result=call.result, reason=call.reason, duration=call.duration, price=call.debit)
            ended = await self.journal.change(outcome.token, Change.END, news, self.clock.now())
            if ended is not None:
                await self.settle(ended)
