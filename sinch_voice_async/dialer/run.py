"""One run of a campaign as its user sees it: outcomes to iterate over, and the switches to pause, resume and cancel.

What the campaign knows is in its journal; a run may end at any moment, and the next one goes on.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

import anyio
from anyio.abc import TaskGroup

from sinch_voice_async.dialer.counts import Counts
from sinch_voice_async.dialer.course import Course
from sinch_voice_async.dialer.gate import Gate
from sinch_voice_async.dialer.journal import Outcome
from sinch_voice_async.errors import CampaignError

__all__ = ["CampaignRun"]


class CampaignRun:
    """A campaign while it dials: ``async with campaign.run(...) as outcomes:``, then ``async for`` over it.

    Gives an :class:`Outcome` for each attempt that has come to its end, as far as the campaign follows it, and for each
    contact that was skipped. The iteration ends when nobody is left who could be dialled. Leaving the block earlier
    stops the run: what is on its way is waited for, and nothing new is dialled.

    Whoever reads outcomes slowly slows the campaign down: a thousand of them wait at most.
    """

    def __init__(
        self,
        make: Callable[[], Course],
        enter: Callable[[Course], Awaitable[None]],
        leave: Callable[[], Awaitable[None]],
    ) -> None:
        self._make = make
        self._enter = enter
        self._leave = leave
        self._course: Course | None = None
        self._tasks: TaskGroup | None = None
        self._has_raised = False

    @property
    def counts(self) -> Counts:
        """The numbers of the campaign, live."""
        return self._running().counts

    @property
    def rate(self) -> float:
        """The callouts per second of now, as the pace allows them."""
        return self._running().dispatcher.pacer.rate

    @property
    def alive(self) -> int:
        """How many calls are followed that are not over yet; 0 where the campaign follows none."""
        return len(self._running().follower)

    @property
    def paused(self) -> str | None:
        """Why nobody is dialled right now, None where somebody is: ``pause()``, or an account without credit."""
        return self._gate.shut_because

    def pause(self) -> None:
        """Dial nobody from now on; what is on its way goes on."""
        self._gate.shut("paused")

    def resume(self) -> None:
        """Go on after a pause, whoever has paused."""
        self._gate.open()

    def cancel(self) -> None:
        """Dial nobody any more; the iteration ends when what is on its way has been answered."""
        self._running().dispatcher.stop()

    async def wait(self) -> Counts:
        """Run to the end without looking at the outcomes, and return the numbers.

        :raises SinchVoiceError: as the iteration does.
        """
        async for _ in self:
            pass
        return self.counts

    async def __aenter__(self) -> Self:
        if self._course is not None:
            raise CampaignError("a run is used once: call campaign.run(...) again, which continues the campaign")
        self._course = self._make()
        try:
            await self._enter(self._course)
        except BaseException:
            self._close(self._course)
            raise
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self._tasks.start_soon(self._course.work)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        course, tasks = self._running(), self._tasks
        assert tasks is not None
        self.cancel()
        course.outcomes.close()
        try:
            # Not told of the exception: that would cancel callouts on their way, and make each an unknown.
            await tasks.__aexit__(None, None, None)
        finally:
            self._close(course)
            with anyio.CancelScope(shield=True):
                await self._leave()
        if error is None:
            self._raise_failure(course)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome:
        """Return the next outcome.

        :raises AuthenticationError: the credentials are wrong; nobody was rung.
        :raises ConnectError: the network was down for longer than the campaign is patient.
        :raises CampaignError: the journal cannot be written, or the do-not-call list cannot be asked.
        """
        course = self._running()
        with suppress(anyio.EndOfStream, anyio.ClosedResourceError):
            return await course.outcomes.receive()
        self._raise_failure(course)
        raise StopAsyncIteration

    @property
    def _gate(self) -> Gate:
        return self._running().dispatcher.gate

    def _running(self) -> Course:
        if self._course is None:
            raise CampaignError("a run is used within `async with campaign.run(...) as outcomes:`")
        return self._course

    def _close(self, course: Course) -> None:
        course.close()
        course.outcomes.close()

    def _raise_failure(self, course: Course) -> None:
        failure = course.dispatcher.failure
        if failure is not None and not self._has_raised:
            self._has_raised = True
            raise failure
