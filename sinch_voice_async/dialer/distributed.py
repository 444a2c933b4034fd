"""The methods of a campaign on several machines: an existing task queue moves the work, the journal decides.

A planner offers contacts in batches, a task queue carries each batch to a machine, and a shift there dials it. The
journal is in PostgreSQL, and no other process needs a state of its own.
"""

import inspect
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Any, Final, Self

import anyio

from sinch_voice_async import _bounds
from sinch_voice_async.dialer.attempt import Attempts, CalloutOf, place_of
from sinch_voice_async.dialer.batches import Engine, Limits, Plan, Tally
from sinch_voice_async.dialer.journal import Change, Journal
from sinch_voice_async.dialer.outbox import Outbox
from sinch_voice_async.dialer.pacing import Pace, Paces
from sinch_voice_async.dialer.postgres.journal import PostgresJournal
from sinch_voice_async.dialer.settings import Settings, fingerprint_of
from sinch_voice_async.dialer.shift import Looking, Shift, never
from sinch_voice_async.errors import ConfigurationError

__all__ = [
    "DistributedCampaign",
    "WorkerProcess",
    "check_callout_of",
    "dial_batch_blocking",
    "get_call_of",
    "plan_blocking",
    "shared_journal",
]

logger: Final = logging.getLogger("sinch_voice_async.dialer")


class OpenCampaign:
    """The name, the journal and the settings of a campaign: what all its methods need."""

    def __init__(self, name: str, journal: Journal, settings: Settings) -> None:
        self.name = name
        self.journal = journal
        self.settings = settings
        self._users = 0
        self._opening: anyio.Lock | None = None
        self._step_pacer: Paces | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({getattr(self, 'name', None)!r}, journal={getattr(self, 'journal', None)!r})"

    def _attempts(self, client: Any, callout: CalloutOf) -> Attempts:
        return Attempts(
            journal=self.journal,
            place=place_of(client),
            callout_of=callout,
            eligibility=self.settings.eligibility(),
            clock=self.settings.clock,
        )

    async def __aenter__(self) -> Self:
        await self._acquire()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._release()

    @asynccontextmanager
    async def _use(self) -> AsyncGenerator[Journal, None]:
        await self._acquire()
        try:
            yield self.journal
        finally:
            await self._release()

    async def _acquire(self, **how: bool) -> None:
        if not self._users:
            self._opening = anyio.Lock()  # one of this event loop: a campaign may outlive it
        assert self._opening is not None
        self._users += 1
        try:
            # Events come many at once: one of them opens the journal, and the others wait.
            async with self._opening:
                await self.journal.open(self.name, **how)
        except BaseException:
            await self._release()
            raise

    async def _release(self) -> None:
        self._users -= 1
        if not self._users:
            self._step_pacer = None
            await self.journal.close()


class DistributedCampaign(OpenCampaign):
    """A campaign that may be planned on one machine and dialled on others."""

    async def plan(self, *, size: int = 100, ahead: float = 60.0, lease: float = 300.0) -> Plan:
        """Offer contacts that are due, in batches of at most ``size``, for any machine to dial; on PostgreSQL.

        Call it every few seconds, and when a batch has ended. It may be called by any number of processes at once:
        together they offer what ``ahead`` seconds of the pace need, and no more than ``in_flight`` and ``spend_limit``
        allow for all machines together. An offer that no machine has claimed after ``lease`` seconds is made again, so
        no job of a task queue needs to be saved.

        It sets the pace of the campaign, and claims that were lost with their machines become ``unknown`` here. While
        the campaign is paused, cancelled, or held after a 429, it offers nothing.

        :raises ConfigurationError: the journal is a file, or an argument is out of range.
        :raises JournalError: the journal cannot be used, or does not have the campaign.
        """
        limits = self._limits(size, ahead, lease)
        async with self._use_shared() as journal:
            plan = await journal.plan(limits)
        if plan.recovered:
            logger.warning("callouts that were lost with their machines are unknown now: %d", plan.recovered)
        return plan

    async def plan_into(self, engine: Engine, *, size: int = 100, ahead: float = 60.0, lease: float = 300.0) -> Plan:
        """Plan as :meth:`plan` does, and give the batches to a task queue.

        If the queue refuses them, their offers are taken back, and its exception is raised.

        :raises ConfigurationError: as :meth:`plan`.
        :raises JournalError: as :meth:`plan`.
        """
        async with self._use_shared() as journal:
            plan = await self.plan(size=size, ahead=ahead, lease=lease)
            if plan.batches:
                try:
                    await engine.send(plan.batches)
                except BaseException:
                    with anyio.CancelScope(shield=True):
                        await journal.take_back([batch.id for batch in plan.batches])
                    raise
        return plan

    def shift(
        self, client: Any, callout: CalloutOf, *, accept_changes: bool = False, outbox: Outbox | None = None
    ) -> Shift:
        """Return what dials batches in this process: ``async with campaign.shift(client, callout) as shift:``.

        ``client``, ``callout`` and ``accept_changes`` are those of :meth:`run`. ``outbox`` takes what becomes of each
        contact; without one, :meth:`report` and :meth:`outcomes` tell.

        :raises JournalError: on entering; the journal cannot be used, or does not have the campaign.
        :raises ConfigurationError: the journal is a file; on entering: options that the journal keeps were dropped.
        """
        check_callout_of(callout)
        return Shift(
            journal=shared_journal(self.journal),
            settings=self.settings,
            attempts=self._attempts(client, callout),
            opening=self._use_shared(),
            kept=self.settings.described() | {"callout": fingerprint_of(callout)},
            accept_changes=accept_changes,
            outbox=outbox,
        )

    async def look(self, client: Any, *, limit: int = 100) -> int:
        """Ask the platform about calls that are alive, and return how many of them have ended.

        It is for campaigns with ``follow="poll"`` on several machines: call it every few seconds. Each call is asked
        about by one process at a time, every ``poll_interval`` seconds, and at most ``limit`` of them at a time.

        :raises ConfigurationError: the journal is a file, or ``follow`` is not ``"poll"``.
        :raises JournalError: the journal cannot be used, or does not have the campaign.
        :raises SinchVoiceError: the platform cannot be reached, or refuses to tell about calls.
        """
        if self.settings.follow != "poll":
            raise ConfigurationError("look asks the platform about calls: pass follow='poll'")
        _bounds.whole(limit, "limit", least=1)
        get_call = get_call_of(client)
        async with self._use_shared() as journal:
            return await Looking(journal=journal, settings=self.settings, get_call=get_call).look(limit)

    async def reopen(self) -> int:
        """Look at skipped contacts again, and return how many there are; a run on one machine does so at its start.

        :raises JournalError: the journal cannot be used.
        """
        async with self._use() as journal:
            return await journal.change_all(Change.REOPEN, None, self.settings.clock.now(), None)

    def _limits(self, size: int, ahead: float, lease: float) -> Limits:
        settings = self.settings
        return Limits(
            campaign=settings.name,
            calls_per_second=Pace.of(settings.calls_per_second).target,
            in_flight=settings.in_flight,
            follows=settings.follow is not None,
            max_call_duration=settings.max_call_duration,
            spend_limit=settings.spend_limit,
            starts_at=settings.starts_at or 0.0,
            size=size,
            ahead=ahead,
            lease=lease,
        )

    @asynccontextmanager
    async def _use_shared(self) -> AsyncGenerator[PostgresJournal, None]:
        """Open a journal that several machines share; a campaign that it does not have is not added to it."""
        journal = shared_journal(self.journal)
        await self._acquire(create=False)
        try:
            yield journal
        finally:
            await self._release()


def check_callout_of(callout_of: CalloutOf) -> None:
    """Refuse what cannot make callouts."""
    if not callable(callout_of) or any(map(inspect.iscoroutinefunction, (callout_of, type(callout_of).__call__))):
        raise ConfigurationError("callout must be a function, not async, that takes a contact and returns its callout")


def get_call_of(client: Any) -> Any:
    """Return the coroutine function that asks the platform about a call."""
    calls = getattr(client, "calls", None)
    if calls is None:
        raise ConfigurationError("follow='poll' asks client.calls.get, which this client does not have")
    return calls.get


def shared_journal(journal: Journal) -> PostgresJournal:
    """Return a journal that several machines can share.

    :raises ConfigurationError: it is a file.
    """
    if not isinstance(journal, PostgresJournal):
        raise ConfigurationError("several machines share a journal in PostgreSQL: postgresql://user@host/database")
    return journal


def dial_batch_blocking(
    make_campaign: Callable[[], DistributedCampaign],
    make_client: Callable[[], AbstractAsyncContextManager[Any]],
    callout: CalloutOf,
    id: str,  # noqa: A002  # the word of the batch
    *,
    at_once: int = 50,
    stop: Callable[[], bool] = never,
) -> Tally:
    """Dial a batch as ``shift.dial_batch`` does, and return when it is over.

    ``make_campaign`` and ``make_client`` are called in the event loop of this batch: ``lambda: VoiceClient()`` will do.
    It must not be called where an event loop runs already.

    :raises SinchVoiceError: as ``shift.dial_batch`` does.
    """

    async def dial() -> Tally:
        campaign = make_campaign()
        async with make_client() as client, campaign.shift(client, callout) as shift:
            return await shift.dial_batch(id, at_once=at_once, stop=stop)

    return anyio.run(dial)


def plan_blocking(
    make_campaign: Callable[[], DistributedCampaign], *, size: int = 100, ahead: float = 60.0, lease: float = 300.0
) -> Plan:
    """Plan as ``campaign.plan`` does; the caller sends the batches.

    :raises ConfigurationError: as ``campaign.plan`` does.
    :raises JournalError: as ``campaign.plan`` does.
    """

    async def plan() -> Plan:
        return await make_campaign().plan(size=size, ahead=ahead, lease=lease)

    return anyio.run(plan)


class WorkerProcess:
    """A client and a shift, opened when they are first needed, and kept for all batches of this process.

    They are opened late, since a worker may be started before its campaign is there.
    """

    def __init__(
        self,
        make_campaign: Callable[[], DistributedCampaign],
        make_client: Callable[[], AbstractAsyncContextManager[Any]],
        callout: CalloutOf,
    ) -> None:
        self.campaign: DistributedCampaign = make_campaign()
        self._make_client = make_client
        self._callout = callout
        self._opening = anyio.Lock()
        self._stack: AsyncExitStack | None = None
        self._opened: tuple[Any, Shift] | None = None

    async def open(self) -> tuple[Any, Shift]:
        """Return the client and the shift.

        :raises JournalError: the journal cannot be used, or does not have the campaign.
        :raises ConfigurationError: there are no credentials, or the campaign has dropped options.
        """
        async with self._opening:
            if self._opened is None:
                self._opened = await self._open()
            return self._opened

    async def _open(self) -> tuple[Any, Shift]:
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(self._make_client())
            shift = await stack.enter_async_context(self.campaign.shift(client, self._callout))
            self._stack = stack.pop_all()
        return client, shift

    async def aclose(self) -> None:
        """Close both; another batch opens them again."""
        stack, self._stack, self._opened = self._stack, None, None
        if stack is not None:
            with anyio.CancelScope(shield=True):
                await stack.aclose()
