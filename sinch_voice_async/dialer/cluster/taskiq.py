"""Batches as tasks of taskiq: extra ``taskiq``, with Redis or Valkey (``taskiq-redis``) or another broker.

::

    broker = ListQueueBroker(os.environ["REDIS_URL"])
    engine = TaskiqEngine(broker, reminders, VoiceClient, reminder)
    scheduler = TaskiqScheduler(broker, [LabelScheduleSource(broker)])

Each machine runs ``taskiq worker module:broker``, and one of them ``taskiq scheduler module:scheduler``. A broker that
loses everything does no harm: the journal offers the contacts again when the lease of their batch ends.
"""

import importlib.util
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

# Looked for before it is imported, so that one sentence says what is missing.
if importlib.util.find_spec("taskiq") is None:  # pragma: no cover  # tried in a process of its own
    raise ModuleNotFoundError("this needs taskiq: pip install 'sinch-voice-async[taskiq]'", name="taskiq")

from attrs import asdict
from taskiq import AsyncBroker, TaskiqEvents, TaskiqState

from sinch_voice_async.dialer.attempt import CalloutOf
from sinch_voice_async.dialer.batches import Batch
from sinch_voice_async.dialer.campaign import Campaign
from sinch_voice_async.dialer.distributed import WorkerProcess

__all__ = ["TaskiqEngine"]


class TaskiqEngine:
    """Carries the batches of one campaign in tasks of a broker, and defines them there.

    ``make_campaign`` and ``callout`` say what is dialled, as on one machine; ``make_client`` is ``VoiceClient``, or a
    function that returns one. ``every`` is how many seconds lie between two plans of the scheduler, ``size`` how many
    contacts a task dials, ``at_once`` how many callouts of a task wait for their answer. ``lease`` is after how many
    seconds contacts whose task was lost are offered again.
    """

    def __init__(
        self,
        broker: AsyncBroker,
        make_campaign: Callable[[], Campaign],
        make_client: Callable[[], AbstractAsyncContextManager[Any]],
        callout: CalloutOf,
        *,
        every: int = 5,
        size: int = 100,
        at_once: int = 50,
        lease: float = 300.0,
    ) -> None:
        self._process = process = WorkerProcess(make_campaign, make_client, callout)
        name = process.campaign.name

        async def dial_batch(batch: str) -> dict[str, Any]:
            """Dial a batch, then plan; the result is the tally."""
            _, shift = await process.open()
            tally = await shift.dial_batch(batch, at_once=at_once)
            await self._plan.kiq(is_periodic=False)
            return asdict(tally)

        async def plan(*, is_periodic: bool) -> None:
            """Offer what is due; a periodic plan with ``follow="poll"`` also asks what became of calls."""
            client, _ = await process.open()
            await process.campaign.plan_into(self, size=size, lease=lease)
            if is_periodic and process.campaign.settings.follow == "poll":
                await process.campaign.look(client)

        async def close(_: TaskiqState) -> None:
            await process.aclose()

        self._dial = broker.task(f"sinch_voice.dial_batch:{name}")(dial_batch)
        schedule = [{"interval": every, "kwargs": {"is_periodic": True}}]
        self._plan = broker.task(f"sinch_voice.plan:{name}", schedule=schedule)(plan)
        broker.add_event_handler(TaskiqEvents.WORKER_SHUTDOWN, close)

    async def send(self, batches: Sequence[Batch]) -> None:
        """Send a task for each batch; the broker must have been started."""
        for each in batches:
            await self._dial.kiq(each.id)
