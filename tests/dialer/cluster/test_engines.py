"""The engines that carry batches: every job comes twice, jobs are lost, and no number is dialled twice or logged."""

import ast
import asyncio
import inspect
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import AsyncMock, patch
from uuid import uuid4

import anyio
import pytest
from attrs import frozen

from sinch_voice_async import JournalError
from sinch_voice_async.dialer import Batch, ContactState, cluster
from sinch_voice_async.sandbox import Sandbox
from tests.brokers import keep_logging
from tests.dialer.cluster.postgres import Postgres

pytest.importorskip("procrastinate", reason="procrastinate is not installed")
pytest.importorskip("celery", reason="Celery is not installed")
pytest.importorskip("taskiq_redis", reason="taskiq-redis is not installed")

from procrastinate.exceptions import ConnectorException  # after the checks

from tests.dialer.cluster import reminders

pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated:DeprecationWarning")  # Celery, by newer redis-py
PATIENCE = 300.0
T = TypeVar("T")


@frozen
class Broker:
    """A Redis or Valkey with the messages of an engine."""

    url: str
    forgets: bool

    def messages(self, queue: str) -> str:
        """Return the messages that wait, and forget them if it is to."""
        from redis import Redis

        with Redis.from_url(self.url) as server:
            messages = str(server.lrange(queue, 0, -1))
            if self.forgets:
                server.flushall()
        return messages


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on an event loop in a thread of its own.

    Coverage on 3.11 loses the function that waits for an event loop in which a task is cancelled.
    """
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


@pytest.fixture(params=["calm", "poll"])
def follow(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the campaign learn how calls end, or not."""
    if request.param == "poll":
        monkeypatch.setenv("FOLLOW", "poll")


@pytest.fixture(params=["calm", "poll", "forgets"])
def broker(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, redis: str) -> Broker:
    """A broker that keeps its messages, or forgets them all once."""
    monkeypatch.setenv("REDIS_URL", redis)
    if request.param == "poll":
        monkeypatch.setenv("FOLLOW", "poll")
    if request.param == "forgets":
        monkeypatch.setenv("LEASE", "3")
    return Broker(redis, forgets=request.param == "forgets")


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch, postgres: Postgres) -> Iterator[Sandbox]:
    """A platform, a campaign in a new database, and the environment of a worker."""
    sandbox = Sandbox(speed=100_000)
    monkeypatch.setenv("DATABASE_URL", postgres.database())
    with sandbox.serve():
        options = sandbox.client_options()
        monkeypatch.setenv("SINCH_APPLICATION_KEY", options["application_key"])
        monkeypatch.setenv("SINCH_APPLICATION_SECRET", options["application_secret"])
        monkeypatch.setenv("SINCH_VOICE_BASE_URL", options["base_url"])
        assert anyio.run(reminders.reminders().enqueue, reminders.PEOPLE) == len(reminders.PEOPLE)
        yield sandbox


async def all_are_dialled(plan: Callable[[], Any]) -> None:
    """Send a periodic plan again and again, until every contact is finished."""
    with anyio.fail_after(PATIENCE):
        async with reminders.reminders() as campaign:
            last = ContactState.DONE if campaign.settings.follow else ContactState.ACCEPTED
            while (await campaign.report()).states != {last: len(reminders.PEOPLE)}:
                if inspect.isawaitable(sent := plan()):
                    await sent
                await anyio.sleep(0.25)


def dialled(sandbox: Sandbox) -> Counter[str]:
    """Return how often each number was dialled."""
    return Counter(call.to.endpoint for call in sandbox.calls)


def shows_no_number(text: str) -> bool:
    """Return whether a text is free of the numbers of all contacts, in any form."""
    return not any(contact.number[1:] in text for contact in reminders.PEOPLE)


ONCE = Counter(contact.number for contact in reminders.PEOPLE)


def check(sandbox: Sandbox, jobs: str, logs: pytest.LogCaptureFixture) -> None:
    """Check that each number was dialled once, and that neither the jobs nor the logs hold a number."""
    assert dialled(sandbox) == ONCE
    assert "sinch_voice.dial_batch:reminders" in jobs
    assert shows_no_number(jobs)
    assert shows_no_number(logs.text)


async def work_by_procrastinate() -> str:
    """Run a worker until all contacts are dialled; return what its database holds."""
    engine = reminders.by_procrastinate()
    worker = asyncio.create_task(engine.work(install_signal_handlers=False, delete_jobs="never"))
    await all_are_dialled(lambda: None)  # the worker sends its own
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    async with engine.app.open_async():
        return str([job.asdict() for job in await engine.app.job_manager.list_jobs_async()])


@pytest.mark.usefixtures("follow")
def test_procrastinate(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """Jobs that come twice dial once, and neither jobs nor logs hold a number."""
    with caplog.at_level(logging.DEBUG):
        jobs = run(work_by_procrastinate())
    check(sandbox, jobs, caplog)


def test_celery(sandbox: Sandbox, broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    """Tasks that come twice, or never, dial once, and neither messages nor logs hold a number."""
    from celery.contrib.testing.worker import start_worker

    keep_logging()
    app, engine = reminders.by_celery()
    with caplog.at_level(logging.DEBUG):
        engine.plan()
        messages = broker.messages("sinch")
        with start_worker(app, pool="solo", perform_ping_check=False, shutdown_timeout=PATIENCE):
            plan = app.tasks["sinch_voice.plan:reminders"]
            anyio.run(all_are_dialled, lambda: plan.apply_async(queue="sinch") and None)
    app.close()
    check(sandbox, messages, caplog)


async def work_by_taskiq(server: Broker) -> str:
    """Run a worker until all contacts are dialled; return the messages."""
    from taskiq.api import run_receiver_task

    broker, engine = reminders.by_taskiq()
    broker.is_worker_process = True
    await broker.startup()
    await reminders.reminders().plan_into(engine, size=10, lease=reminders.options()["lease"])
    messages = server.messages(broker.queue_name)
    receiver = asyncio.create_task(run_receiver_task(broker))
    plan = broker.find_task("sinch_voice.plan:reminders")
    await all_are_dialled(lambda: plan.kiq(is_periodic=True))
    receiver.cancel()
    await asyncio.gather(receiver, return_exceptions=True)
    await broker.shutdown()
    return messages


def test_taskiq(sandbox: Sandbox, broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    """Tasks that come twice, or never, dial once, and neither messages nor logs hold a number."""
    with caplog.at_level(logging.DEBUG):
        check(sandbox, run(work_by_taskiq(broker)), caplog)


async def stalled_jobs(engine: Any) -> list[dict[int, str]]:
    """Let a job of each task look as if its worker was killed, plan, and work; return the jobs before and after."""
    manager, seen = engine.app.job_manager, []
    async with engine.app.open_async():
        await engine.app.schema_manager.apply_schema_async()
        await engine.send([Batch(campaign="reminders", id=uuid4().hex, size=1)])
        await engine.app.tasks["sinch_voice.plan:reminders"].configure().defer_async(timestamp=0)
        await engine.app.connector.execute_query_async("UPDATE procrastinate_jobs SET status = 'doing'")
        await engine.plan(timestamp=1)
        seen.append({job.id: job.status for job in await manager.list_jobs_async()})
    while len(seen) < 2 or seen[-1]:  # a plan may be sent at the moment at which the worker ends
        await engine.work(wait=False, install_signal_handlers=False)
        async with engine.app.open_async():
            seen.append({job.id: job.status for job in await manager.list_jobs_async()})
    return [seen[0], seen[-1]]


def test_a_lost_worker_of_procrastinate(sandbox: Sandbox) -> None:
    """The batch of a lost worker is given to another one; its plan is removed, since a newer one may wait."""
    before, after = run(stalled_jobs(reminders.by_procrastinate()))
    # The engine of the test sends each job twice: 1 and 2 are batches, 3 was a plan, and the new plan has sent others.
    assert (before[1], before[2], 3 in before) == ("todo", "todo", False)
    assert after == {}
    assert dialled(sandbox) == ONCE


@pytest.mark.usefixtures("sandbox")
def test_a_campaign_that_is_not_there(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker may be started before its campaign is there: its plans fail until then, and leave no client open."""
    monkeypatch.setenv("DATABASE_URL", postgres.database())
    engine = reminders.by_procrastinate()
    run(engine.work(wait=False, install_signal_handlers=False))
    with pytest.raises(JournalError):
        run(engine.plan(timestamp=0))


async def batches_of_a_worker() -> int:
    """Run a worker of procrastinate until no job waits, without periodic jobs; return how many batches were sent."""
    campaign, engine = reminders.reminders(), reminders.by_procrastinate()
    await campaign.enqueue(reminders.PEOPLE)
    with patch.object(engine.app.periodic_registry, "periodic_tasks", {}):
        await engine.work(wait=False, install_signal_handlers=False)
    async with engine.app.open_async():
        jobs = await engine.app.job_manager.list_jobs_async(task="sinch_voice.dial_batch:reminders")
        return len(list(jobs)) + sum(outcome.attempt for outcome in [o async for o in campaign.outcomes()])


@pytest.mark.usefixtures("sandbox")
def test_a_worker_that_begins_plans() -> None:
    """A worker of procrastinate plans when it begins, and does not wait for a periodic job."""
    assert run(batches_of_a_worker()) > 0


@pytest.mark.usefixtures("sandbox")
def test_a_database_that_is_away() -> None:
    """A worker that loses its database ends with an exception of this package."""
    engine = reminders.by_procrastinate()
    lost = AsyncMock(side_effect=ConnectorException)
    with patch.object(engine.app, "check_connection_async", lost), pytest.raises(JournalError, match="has lost"):
        run(engine.work(install_signal_handlers=False))


async def tables(engine: Any, answers: list[bool]) -> None:
    """Look for the tables of procrastinate, which are there, as a worker that is told otherwise."""
    async with engine.app.open_async():
        await engine._create_tables()
        check = AsyncMock(side_effect=answers)
        with patch.object(engine.app, "check_connection_async", check):
            await engine._create_tables()


@pytest.mark.usefixtures("sandbox")
def test_workers_that_start_at_the_same_time() -> None:
    """The tables are made once; a worker that cannot make them says so."""
    run(tables(reminders.by_procrastinate(), [False, True]))
    with pytest.raises(ConnectorException):
        run(tables(reminders.by_procrastinate(), [False, False]))


@pytest.mark.parametrize("name", ["procrastinate", "celery", "taskiq"])
def test_an_adapter_is_short(name: str) -> None:
    """An adapter has at most 60 lines beside its imports: what is hard is in the journal, and works with any queue."""
    tree = ast.parse((Path(cluster.__file__).parent / f"{name}.py").read_text())
    lines: set[int] = set()
    for node in ast.walk(tree):
        is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node, ast.stmt) and not is_docstring and not isinstance(node, ast.Import | ast.ImportFrom):
            lines.update((node.lineno, node.end_lineno or 0))
    assert len(lines) <= 60
