"""One run of a campaign as its user sees it: outcomes to iterate over, and the switches to pause, resume and cancel.

The journal keeps what the campaign knows. A run may end at any moment, and the next one resumes where it stopped.
"""

from types import TracebackType
from typing import Protocol, Self

import anyio
from anyio.abc import TaskGroup
from attrs import frozen

from sinch_voice_async.dialer.engine import Engine
from sinch_voice_async.dialer.journal import ContactState, Counts, Outcome
from sinch_voice_async.errors import CampaignError

__all__ = ["CampaignRun", "RunStatus"]


@frozen(kw_only=True)
class RunStatus:
    """How a run stands.

    ``campaign`` has the figures of all runs together, ``this_run`` those of this run alone: its rows, its callouts, and
    the contacts that reached each state in it. ``rate`` is the current limit in callouts per second, ``alive`` the
    number of calls that are followed and not over, ``to_do`` the number of contacts that are left, and ``paused`` the
    reason of a pause.
    """

    campaign: Counts
    this_run: Counts
    rate: float
    alive: int
    to_do: int
    paused: str | None


class Owner(Protocol):
    """The campaign of a run: it opens the journal before the run, and releases it afterwards."""

    async def enter(self, engine: Engine) -> None:
        """Open the journal and let the engine begin."""
        ...

    async def leave(self) -> None:
        """Release the journal."""
        ...


class CampaignRun:
    """A campaign while it dials: ``async with campaign.run(...) as outcomes:``, then ``async for`` over it.

    It yields an :class:`Outcome` for each attempt that has come to its end, as far as the campaign follows it, and for
    each contact that was skipped. The iteration ends after the last contact that could be dialled. Leaving the block
    earlier stops the run: callouts on their way are waited for, and no other begins.

    A reader that takes outcomes slowly slows the dialling: at most a thousand of them wait.
    """

    def __init__(self, engine: Engine, owner: Owner) -> None:
        self._engine = engine
        self._owner = owner
        self._is_used = False
        self._is_running = False
        self._tasks: TaskGroup | None = None
        self._has_raised = False

    @property
    def counts(self) -> Counts:
        """The figures of the campaign, live."""
        return self._running().counts

    @property
    def rate(self) -> float:
        """The current limit in callouts per second."""
        return self._running().pacer.rate

    @property
    def alive(self) -> int:
        """How many calls are followed and not over; 0 if the campaign follows none."""
        return self._running().alive

    @property
    def paused(self) -> str | None:
        """The reason of a pause: ``pause()``, no credit, a series of bad answers. None without a pause."""
        return self._running().pause.reason

    def status(self) -> RunStatus:
        """Return how the run stands."""
        engine = self._running()
        return RunStatus(
            campaign=engine.counts,
            this_run=engine.this_run,
            rate=engine.pacer.rate,
            alive=engine.alive,
            to_do=max(engine.counts.states[ContactState.TODO], 0),
            paused=engine.pause.reason,
        )

    def pause(self) -> None:
        """Stop dialling; callouts on their way come to their end."""
        self._running().pause.pause("paused")

    def resume(self) -> None:
        """Go on after a pause, whatever its reason."""
        self._running().pause.resume()

    def cancel(self) -> None:
        """Stop dialling for good; the iteration ends when callouts on their way have been answered."""
        self._running().stop()

    async def wait(self) -> Counts:
        """Run to the end without looking at the outcomes, and return the figures.

        :raises SinchVoiceError: as the iteration does.
        """
        async for _ in self:
            pass
        return self.counts

    async def __aenter__(self) -> Self:
        if self._is_used:
            raise CampaignError("a run is used once: call campaign.run(...) again, which resumes the campaign")
        self._is_used = True
        await self._owner.enter(self._engine)
        self._is_running = True
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self._tasks.start_soon(self._engine.run)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._tasks is not None
        self._engine.stop()
        self._engine.outbox.close()
        try:
            # Not told of the exception: that would cancel callouts on their way, and make each of them unknown.
            await self._tasks.__aexit__(None, None, None)
        finally:
            with anyio.CancelScope(shield=True):
                await self._owner.leave()
        if exc is None:
            self._raise_failure()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome:
        """Return the next outcome.

        :raises AuthenticationError: the credentials are wrong; no telephone rang.
        :raises ConnectError: the network was down for longer than ``network_timeout``.
        :raises CampaignError: the journal cannot be written or is gone, or the do-not-call list cannot be asked.
        """
        outcome = await self._running().outbox.get()
        if outcome is not None:
            return outcome
        self._raise_failure()
        raise StopAsyncIteration

    def _running(self) -> Engine:
        if not self._is_running:
            raise CampaignError("a run is used within `async with campaign.run(...) as outcomes:`")
        return self._engine

    def _raise_failure(self) -> None:
        failure = self._engine.failure
        if failure is not None and not self._has_raised:
            self._has_raised = True
            raise failure
