"""Batches as tasks of Celery: extra ``celery``, on Redis, Valkey, or another broker.

::

    app = Celery("reminders", broker=os.environ["REDIS_URL"])
    engine = CeleryEngine(app, reminders, VoiceClient, reminder)

Each machine runs ``celery --app module worker --queues sinch``, and one of them ``celery --app module beat``. A broker
that loses everything does no harm: the journal offers the contacts again when the lease of their batch ends.
"""

import importlib.util
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, Final

# Looked for before it is imported, so that one sentence says what is missing.
if importlib.util.find_spec("celery") is None:  # pragma: no cover  # tried in a process of its own
    raise ModuleNotFoundError("this needs Celery: pip install 'sinch-voice-async[celery]'", name="celery")

import anyio
import anyio.to_thread
from attrs import asdict

from sinch_voice_async.dialer.attempt import CalloutOf
from sinch_voice_async.dialer.batches import Batch
from sinch_voice_async.dialer.campaign import Campaign
from sinch_voice_async.dialer.distributed import dial_batch_blocking

__all__ = ["CeleryEngine"]

# A plan that no worker took for so long is not worth taking: a newer one waits behind it.
_EXPIRES: Final = 60.0


class CeleryEngine:
    """Carries the batches of one campaign in tasks of a Celery app, and defines them there.

    ``make_campaign`` and ``callout`` say what is dialled, as on one machine; ``make_client`` is ``VoiceClient``, or a
    function that returns one. Celery is not async: each task has an event loop, a client and connections of its own.
    ``every`` is how many seconds lie between two plans of ``celery beat``, ``size`` how many contacts a task dials,
    ``at_once`` how many callouts of a task wait for their answer. ``lease`` is after how many seconds contacts whose
    task was lost are offered again.
    """

    def __init__(
        self,
        app: Any,  # a Celery app; Celery has no types
        make_campaign: Callable[[], Campaign],
        make_client: Callable[[], AbstractAsyncContextManager[Any]],
        callout: CalloutOf,
        *,
        queue: str = "sinch",
        every: float = 5.0,
        size: int = 100,
        at_once: int = 50,
        lease: float = 300.0,
    ) -> None:
        self._make_campaign, self._make_client, self._callout = make_campaign, make_client, callout
        self._queue, self._size, self._at_once, self._lease = queue, size, at_once, lease
        name = make_campaign().name
        # A task whose worker was killed is delivered again; the claims decide what is left of its batch.
        late = {"acks_late": True, "reject_on_worker_lost": True}
        options = {"shared": False, "typing": False, "ignore_result": True, **late}
        self._dial = app.task(name=f"sinch_voice.dial_batch:{name}", **options)(self.dial_batch)
        self._plan = app.task(name=f"sinch_voice.plan:{name}", expires=_EXPIRES, **options)(self.plan)
        app.add_periodic_task(every, self._plan.s(), name=f"sinch_voice.plan:{name}", expires=every, queue=queue)

    async def send(self, batches: Sequence[Batch]) -> None:
        """Send a task for each batch."""
        for each in batches:
            await anyio.to_thread.run_sync(partial(self._dial.apply_async, (each.id,), queue=self._queue))

    def dial_batch(self, batch: str) -> dict[str, Any]:
        """Dial a batch, then plan; return the tally."""
        tally = dial_batch_blocking(self._make_campaign, self._make_client, self._callout, batch, at_once=self._at_once)
        self._plan.apply_async(queue=self._queue)
        return asdict(tally)

    def plan(self) -> None:
        """Offer what is due; with ``follow="poll"``, also ask what became of calls."""
        anyio.run(self._plan_and_look)

    async def _plan_and_look(self) -> None:
        async with self._make_campaign() as campaign:
            await campaign.plan_into(self, size=self._size, lease=self._lease)
            if campaign.settings.follow == "poll":
                async with self._make_client() as client:
                    await campaign.look(client)
