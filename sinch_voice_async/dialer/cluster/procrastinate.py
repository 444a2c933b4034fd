"""Batches as jobs of procrastinate: extra ``procrastinate``. It needs no server but the PostgreSQL of the journal.

::

    app = App(connector=PsycopgConnector(conninfo=os.environ["DATABASE_URL"]))
    engine = ProcrastinateEngine(app, reminders, VoiceClient, reminder)

and on each machine ``sinch-voice dial worker module:engine``. A worker that begins plans, and so does a batch that has
ended, so that the next one does not wait; every few seconds a periodic job plans, too.
"""

import importlib.util
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

# Looked for before it is imported, so that one sentence says what is missing.
if importlib.util.find_spec("procrastinate") is None:  # pragma: no cover  # tried in a process of its own
    raise ModuleNotFoundError(
        "this needs procrastinate: pip install 'sinch-voice-async[procrastinate]'", name="procrastinate"
    )

from attrs import asdict
from procrastinate import App
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Status
from procrastinate.types import JSONDict

from sinch_voice_async.dialer.attempt import CalloutOf
from sinch_voice_async.dialer.batches import Batch
from sinch_voice_async.dialer.campaign import Campaign
from sinch_voice_async.dialer.distributed import WorkerProcess
from sinch_voice_async.errors import JournalError

__all__ = ["ProcrastinateEngine"]


class ProcrastinateEngine:
    """Carries the batches of one campaign in jobs of an ``App``, and defines its tasks there.

    ``make_campaign`` and ``callout`` say what is dialled, as on one machine; ``make_client`` is ``VoiceClient``, or a
    function that returns one. ``queue`` is for the dialer alone. ``every`` is how many seconds lie between two periodic
    plans, ``size`` how many contacts a job dials, ``at_once`` how many callouts of a job wait for their answer.
    ``lease`` is after how many seconds contacts whose job was lost are offered again. ``stalled_after`` is after how
    many seconds without a heartbeat the jobs of a lost worker are given to another.
    """

    def __init__(
        self,
        app: App,
        make_campaign: Callable[[], Campaign],
        make_client: Callable[[], AbstractAsyncContextManager[Any]],
        callout: CalloutOf,
        *,
        queue: str = "sinch",
        every: int = 5,
        size: int = 100,
        at_once: int = 50,
        lease: float = 300.0,
        stalled_after: float = 30.0,
    ) -> None:
        self.app = app
        self.queue = queue
        self._process = WorkerProcess(make_campaign, make_client, callout)
        self._size, self._at_once, self._lease, self._stalled_after = size, at_once, lease, stalled_after
        name = self._process.campaign.name
        self._dial = app.task(name=f"sinch_voice.dial_batch:{name}", queue=queue)(self.dial_batch)
        # There is no `lock`: a planner that is killed would hold it, and any number may plan at once.
        planning = app.task(name=f"sinch_voice.plan:{name}", queue=queue, queueing_lock=f"sinch_voice.plan:{name}")
        self._plan = app.periodic(cron=f"* * * * * */{every}", periodic_id=name)(planning(self.plan))

    async def send(self, batches: Sequence[Batch]) -> None:
        """Defer a job for each batch; ``app`` must be open."""
        jobs: list[JSONDict] = [{"batch": each.id} for each in batches]
        await self._dial.batch_defer_async(*jobs)

    async def dial_batch(self, *, batch: str) -> dict[str, Any]:
        """Dial a batch, then plan; the result is the tally."""
        _, shift = await self._process.open()
        tally = await shift.dial_batch(batch, at_once=self._at_once)
        await self._plan_soon()
        return asdict(tally)

    async def plan(self, timestamp: int) -> None:
        """Offer what is due; a periodic plan also looks after lost workers and, with ``follow="poll"``, after calls."""
        client, _ = await self._process.open()
        if timestamp:
            await self._retry_stalled()
        await self._process.campaign.plan_into(self, size=self._size, lease=self._lease)
        if timestamp and self._process.campaign.settings.follow == "poll":
            await self._process.campaign.look(client)

    async def _plan_soon(self) -> None:
        with suppress(AlreadyEnqueued):  # one plan that waits is enough
            await self._plan.configure().defer_async(timestamp=0)

    async def _retry_stalled(self) -> None:
        manager = self.app.job_manager
        for task in (self._dial, self._plan):
            stalled = await manager.get_stalled_jobs(task_name=task.name, seconds_since_heartbeat=self._stalled_after)
            for job in stalled:
                if job.queueing_lock is None:
                    await manager.retry_job(job)
                else:  # another plan may wait already, and this one would be in its way
                    await manager.finish_job(job, Status.FAILED, delete_job=True)

    async def work(self, **options: Any) -> None:
        """Run a worker until SIGTERM, SIGINT or the loss of the database; its tables are created if they are missing.

        ``options`` replace those of procrastinate's worker that are chosen here. After SIGTERM the worker takes no job;
        batches that last longer than ``shutdown_graceful_timeout`` give the contacts back that they did not dial.

        :raises JournalError: the database was lost, or the tables of procrastinate cannot be made.
        """
        chosen = {"concurrency": 2, "shutdown_graceful_timeout": 45.0, "delete_jobs": "successful"}
        wanted: dict[str, Any] = {"queues": [self.queue], **chosen, **options}
        try:
            async with self.app.open_async():
                await self._create_tables()
                await self._plan_soon()
                await self.app.run_worker_async(**wanted)
        except ConnectorException as error:
            raise JournalError("the worker has lost the database of its jobs, or cannot make its tables") from error
        finally:
            await self._process.aclose()

    async def _create_tables(self) -> None:
        if not await self.app.check_connection_async():
            try:
                await self.app.schema_manager.apply_schema_async()
            except ConnectorException:  # another worker was faster
                if not await self.app.check_connection_async():
                    raise
