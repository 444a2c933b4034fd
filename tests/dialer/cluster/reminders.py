"""The module of a user: a campaign, its callout, and an engine for each task queue. Processes of tests import it."""

import os
from collections.abc import Sequence
from typing import Any

from sinch_voice_async import TtsCallout, VoiceClient
from sinch_voice_async.dialer import Batch, Campaign, Contact
from sinch_voice_async.dialer.cluster.celery import CeleryEngine
from sinch_voice_async.dialer.cluster.procrastinate import ProcrastinateEngine
from sinch_voice_async.dialer.cluster.taskiq import TaskiqEngine

PEOPLE = [Contact(f"+4670001{last:04}") for last in range(60)]


def options() -> dict[str, Any]:
    """Return the options of an engine: short batches, and a lease as the environment says."""
    return {"every": 1, "size": 10, "lease": float(os.environ.get("LEASE", "300"))}


def reminders() -> Campaign:
    """Return the campaign, as each process makes it."""
    pace = float(os.environ.get("PACE", "500"))
    follow: Any = os.environ.get("FOLLOW")
    return Campaign(
        "reminders", journal=os.environ["DATABASE_URL"], calls_per_second=pace, follow=follow, poll_interval=0.05
    )


def reminder(contact: Contact) -> TtsCallout:
    """Return what a contact hears."""
    return TtsCallout(destination=contact.number, text="See you tomorrow.", cli="+46700000000")


class TwiceByProcrastinate(ProcrastinateEngine):
    """It delivers every job twice."""

    async def send(self, batches: Sequence[Batch]) -> None:
        await super().send([*batches, *batches])


class TwiceByCelery(CeleryEngine):
    """It delivers every task twice."""

    async def send(self, batches: Sequence[Batch]) -> None:
        await super().send([*batches, *batches])


class TwiceByTaskiq(TaskiqEngine):
    """It delivers every task twice."""

    async def send(self, batches: Sequence[Batch]) -> None:
        await super().send([*batches, *batches])


def by_procrastinate() -> ProcrastinateEngine:
    """Return an engine on the database of the journal."""
    from procrastinate import App, PsycopgConnector

    # What PgBouncer in transaction mode needs does no harm without it.
    connector = PsycopgConnector(conninfo=os.environ["DATABASE_URL"], kwargs={"prepare_threshold": None})
    app = App(connector=connector)
    return TwiceByProcrastinate(app, reminders, VoiceClient, reminder, **options())


def by_celery() -> tuple[Any, CeleryEngine]:
    """Return an app on Redis, and its engine."""
    from celery import Celery

    app = Celery("reminders", broker=os.environ["REDIS_URL"], broker_connection_retry_on_startup=True)
    app.conf.task_default_queue = "sinch"
    return app, TwiceByCelery(app, reminders, VoiceClient, reminder, **options())


def by_taskiq() -> tuple[Any, TaskiqEngine]:
    """Return a broker on Redis, and its engine."""
    from taskiq_redis import ListQueueBroker

    broker = ListQueueBroker(os.environ["REDIS_URL"])
    return broker, TwiceByTaskiq(broker, reminders, VoiceClient, reminder, **options())
