"""Campaigns that any number of machines dial together: extra ``cluster``, PostgreSQL.

``Campaign.plan_into`` and ``Campaign.shift`` do the work; here are the journal that the machines share, and the former
worker: a loop of planning and dialling in one process. It needs no task queue, so it also serves where none runs: on
trio. It will go; a loop of its own takes ten lines.
"""

import importlib.util
import random
import warnings
from types import TracebackType
from typing import Any, Final, Self

import anyio
from anyio.abc import TaskGroup

# Looked for before it is imported, so that one sentence says what is missing.
if importlib.util.find_spec("psycopg") is None:  # pragma: no cover  # tried in a process of its own
    raise ModuleNotFoundError(
        "workers share a journal in PostgreSQL: pip install 'sinch-voice-async[cluster]'", name="psycopg"
    )

from sinch_voice_async.dialer.attempt import CalloutOf
from sinch_voice_async.dialer.batches import Contacts, Plan
from sinch_voice_async.dialer.campaign import Campaign
from sinch_voice_async.dialer.distributed import shared_journal
from sinch_voice_async.dialer.journal import Outcome
from sinch_voice_async.dialer.outbox import Outbox
from sinch_voice_async.dialer.pacing import PauseControl
from sinch_voice_async.dialer.postgres.database import SharedPacer
from sinch_voice_async.dialer.postgres.journal import PostgresJournal
from sinch_voice_async.dialer.shift import Shift
from sinch_voice_async.errors import CampaignError

__all__ = ["PostgresJournal", "SharedPacer", "Worker", "enqueue", "worker"]

_SIZE: Final = 50
_LOOK: Final = 0.5
_LONGEST_NAP: Final = 5.0


class Worker:
    """A loop that plans and dials: ``async with worker(...) as outcomes:``, then ``async for`` over it.

    It yields an :class:`~sinch_voice_async.dialer.Outcome` for each callout of this process that was answered, and for
    each contact that it skipped. It ends when no contact of the campaign is left to dial, and no call that is followed
    is alive.
    """

    def __init__(self, campaign: Campaign, client: Any, shift: Shift, outbox: Outbox, *, stay: bool) -> None:
        self._campaign = campaign
        self._journal = shared_journal(campaign.journal)
        self._client = client
        self._shift = shift
        self._outbox = outbox
        self._stay = stay
        self._pause = PauseControl()
        self._naps: list[anyio.CancelScope] = []
        self._tasks: TaskGroup | None = None
        self._failure: Exception | None = None

    def pause(self) -> None:
        """Stop dialling in this process; callouts on their way come to their end."""
        self._pause.pause("paused")

    def resume(self) -> None:
        """Go on after :meth:`pause`."""
        self._pause.resume()

    def cancel(self) -> None:
        """Stop for good; the iteration ends when callouts on their way have been answered."""
        self._pause.stop()
        for scope in self._naps:
            scope.cancel()

    async def wait(self) -> None:
        """Work to the end without looking at the outcomes.

        :raises SinchVoiceError: as the iteration does.
        """
        async for _ in self:
            pass

    async def __aenter__(self) -> Self:
        if self._tasks is not None:
            raise CampaignError("a worker is used once: call worker(...) again")
        async with self._campaign:
            pass  # it may be there before its contacts are
        await self._shift.__aenter__()
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self._tasks.start_soon(self._work)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._tasks is not None
        self.cancel()
        self._outbox.close()
        try:
            await self._tasks.__aexit__(None, None, None)
        finally:
            with anyio.CancelScope(shield=True):
                await self._shift.__aexit__(None, None, None)
        if exc is None:
            self._raise_failure()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome:
        """Return the next outcome.

        :raises SinchVoiceError: as ``shift.dial_batch`` does.
        """
        outcome = await self._outbox.get()
        if outcome is not None:
            return outcome
        self._raise_failure()
        raise StopAsyncIteration

    def _raise_failure(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    async def _work(self) -> None:
        try:
            while await self._pause.wait() and await self._work_once():
                pass
        except Exception as error:  # noqa: BLE001 - the iteration raises it
            self._failure = error
        finally:
            self._outbox.close()

    async def _work_once(self) -> bool:
        """Dial one batch, or wait for one; False if nothing is left."""
        plan = await self._campaign.plan(size=_SIZE)
        if self._campaign.settings.follow == "poll" and plan.alive:
            await self._campaign.look(self._client)
        if (await self._campaign.control()).is_cancelled:
            return False
        batches = await self._journal.open_batches()
        if batches:
            await self._outbox.wait_for_room()
            # Any of them, also one that another worker has planned: the claims decide.
            tally = await self._shift.dial_batch(random.choice(batches), stop=lambda: not self._pause.is_open)  # noqa: S311  # no secret
            if tally.placed or tally.skipped:
                return True
        elif not (plan.left or plan.alive or self._stay):
            return False
        await self._nap(plan)
        return True

    async def _nap(self, plan: Plan) -> None:
        clock = self._campaign.settings.clock
        # Without a next one, what is left is in the hands of others, and may come back.
        nothing = _LOOK if plan.left or plan.alive else _LONGEST_NAP
        due = nothing if plan.next_due is None else plan.next_due - clock.now()
        with anyio.CancelScope() as scope:
            self._naps.append(scope)
            if not self._pause.is_stopped:
                await clock.sleep(min(max(due, _LOOK), _LONGEST_NAP) if not plan.batches else _LOOK)
        self._naps.remove(scope)


def worker(
    campaign: Campaign, client: Any, callout: CalloutOf, *, stay: bool = False, accept_changes: bool = False
) -> Worker:
    """Return a loop that plans and dials what was enqueued, together with every other worker of the campaign.

    Deprecated: let a task queue carry the batches of ``campaign.plan_into`` to ``shift.dial_batch``, or write the loop.
    It takes the ``client`` and ``callout`` of ``Campaign.run``, ends after the last contact, and with ``stay`` waits
    for more to be enqueued until it is cancelled.

    :raises ConfigurationError: the journal is a file.
    """
    message = "cluster.worker is deprecated: use campaign.plan_into and shift.dial_batch with a task queue"
    warnings.warn(message, DeprecationWarning, stacklevel=2)
    outbox = Outbox()
    shift = campaign.shift(client, callout, accept_changes=accept_changes, outbox=outbox)
    return Worker(campaign, client, shift, outbox, stay=stay)


async def enqueue(campaign: Campaign, contacts: Contacts) -> int:
    """Write contacts into a campaign's journal, for any machine to dial, and return how many of them were new.

    It does what ``Campaign.enqueue`` does.

    :raises JournalError: the journal cannot be used.
    """
    return await campaign.enqueue(contacts)
