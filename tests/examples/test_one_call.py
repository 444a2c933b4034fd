"""The recipes of ``campaign.dial``: in each task queue, a job that is delivered several times dials once."""

import asyncio
import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TypeAlias

import httpx
import pytest

from sinch_voice_async.sandbox import Sandbox
from tests import brokers, ports
from tests.dialer.cluster.postgres import Postgres
from tests.environment import use_sandbox

EXAMPLES = Path(__file__).parents[2] / "examples"
ANN, BO = "+46700000001", "+46700000002"
Load: TypeAlias = Callable[[str], ModuleType]
THRICE = ["1001", "1001", "1002", "1001"]


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sandbox]:
    """A platform, and the environment of a program that uses it."""
    sandbox = Sandbox(speed=100_000)
    monkeypatch.setenv("CAMPAIGN_JOURNAL", str(tmp_path / "orders.sqlite"))
    with sandbox.serve():
        use_sandbox(sandbox, monkeypatch)
        yield sandbox


@pytest.fixture
def load(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Import an example anew, in an environment that names the platform: taskiq wants its tasks in a module."""
    monkeypatch.syspath_prepend(EXAMPLES)

    def load(queue: str) -> ModuleType:
        monkeypatch.delitem(sys.modules, f"one_call_{queue}", raising=False)
        return importlib.import_module(f"one_call_{queue}")

    return load


def dialled(sandbox: Sandbox) -> list[str]:
    """Return the numbers of all calls that the platform placed."""
    return sorted(call.to.endpoint for call in sandbox.calls)


def test_fastapi(sandbox: Sandbox) -> None:
    """A repeated request dials once."""
    port = ports.free_port()
    environment = {**os.environ, "PORT": str(port), "PYTHONPATH": str(EXAMPLES.parent)}
    command = [sys.executable, "-W", "error", str(EXAMPLES / "one_call_fastapi.py")]
    with subprocess.Popen(command, env=environment) as program:
        try:
            brokers.wait_for(port, program)
            url = f"http://127.0.0.1:{port}/orders"
            assert [httpx.post(f"{url}/1001/call").json()["is_new"] for _ in range(3)] == [True, False, False]
            assert httpx.post(f"{url}/1003/call").status_code == 404
        finally:
            program.terminate()  # uvicorn lets background tasks come to their end
    assert dialled(sandbox) == [ANN]


async def test_fastapi_dials_what_was_left(sandbox: Sandbox, load: Load) -> None:
    """A task that was lost after its contact was enqueued is made up for at the next start."""
    example = load("fastapi")
    await example.campaign.enqueue([example.ORDERS["1002"]])
    async with example.client, example.campaign:
        await example.dial_what_is_left()
        await example.dial_what_is_left()
    assert dialled(sandbox) == [BO]


@pytest.mark.filterwarnings("ignore:Call to deprecated:DeprecationWarning")  # Celery, by newer versions of redis-py
def test_celery(sandbox: Sandbox, load: Load, redis: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker of Celery on a real broker dials once for several tasks of the same order."""
    pytest.importorskip("celery", reason="Celery is not installed")
    from celery.contrib.testing.worker import start_worker

    monkeypatch.setenv("REDIS_URL", redis)
    brokers.keep_logging()
    example = load("celery")
    with start_worker(example.app, pool="solo", perform_ping_check=False, shutdown_timeout=300):
        states = [example.call.delay(order).get(timeout=300) for order in THRICE]
    example.close()
    example.app.close()
    assert states == ["accepted"] * 4
    assert dialled(sandbox) == [ANN, BO]


@pytest.mark.filterwarnings("ignore:Call to deprecated:DeprecationWarning")
def test_celery_repeats_only_what_can_help(
    sandbox: Sandbox, load: Load, redis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A number that cannot be right fails at once; a platform that is away is asked again."""
    celery = pytest.importorskip("celery", reason="Celery is not installed")
    from sinch_voice_async import InvalidRequestError

    monkeypatch.setenv("REDIS_URL", redis)
    example = load("celery")
    example.ORDERS["1003"] = "0701234567"  # national, and the campaign has no country
    # In a thread: coverage on 3.11 loses the function that waits for an event loop in which a task is cancelled.
    with ThreadPoolExecutor(1) as pool:
        refused = pool.submit(partial(example.call.apply, args=["1003"], throw=True)).exception()
    assert isinstance(refused, InvalidRequestError)
    monkeypatch.setattr(example, "client", example.VoiceClient(base_url=f"http://127.0.0.1:{ports.free_port()}"))
    apply = partial(example.call.apply, args=["1001"], throw=True, retries=0)
    with ThreadPoolExecutor(1) as pool:
        assert isinstance(pool.submit(apply).exception(), celery.exceptions.Retry)
    example.app.close()
    assert dialled(sandbox) == []


async def procrastinate_runs(example: ModuleType, jobs: list[str]) -> list[str]:
    """Apply the schema, defer jobs, and run a worker until there is nothing to do; return the states of the jobs."""
    await example.main("schema")
    await example.main(*jobs)
    async with example.VoiceClient() as client, example.campaign, example.app.open_async():
        await example.app.run_worker_async(
            wait=False, concurrency=4, additional_context={"client": client}, install_signal_handlers=False
        )
        return sorted(job.status for job in await example.app.job_manager.list_jobs_async())


def test_procrastinate(sandbox: Sandbox, load: Load, postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs at the same time and one after another dial once, and the database of jobs holds no number."""
    pytest.importorskip("procrastinate", reason="procrastinate is not installed")
    import psycopg

    url = postgres.database()
    monkeypatch.setenv("DATABASE_URL", url)
    with ThreadPoolExecutor(1) as pool:
        states = pool.submit(asyncio.run, procrastinate_runs(load("procrastinate"), THRICE)).result()
    assert states == ["succeeded"] * 4
    assert dialled(sandbox) == [ANN, BO]
    with psycopg.connect(url) as database:
        jobs = str(database.execute("SELECT to_jsonb(procrastinate_jobs) FROM procrastinate_jobs").fetchall())
    assert "1001" in jobs
    assert ANN[1:] not in jobs


async def taskiq_runs(example: ModuleType, orders: list[str]) -> list[str]:
    """Send tasks, work on them in this process, and return the states."""
    from taskiq.api import run_receiver_task

    example.broker.is_worker_process = True
    await example.broker.startup()
    receiver = asyncio.create_task(run_receiver_task(example.broker))
    tasks = [await example.call.kiq(order) for order in orders]
    states = [(await task.wait_result(timeout=300)).return_value for task in tasks]
    receiver.cancel()
    await asyncio.gather(receiver, return_exceptions=True)
    await example.broker.shutdown()
    return states


def test_taskiq(sandbox: Sandbox, load: Load, redis: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker of taskiq on a real broker dials once for several tasks of the same order."""
    pytest.importorskip("taskiq_redis", reason="taskiq-redis is not installed")
    monkeypatch.setenv("REDIS_URL", redis)
    with ThreadPoolExecutor(1) as pool:
        states = pool.submit(asyncio.run, taskiq_runs(load("taskiq"), THRICE)).result()
    assert set(states) <= {"accepted", "dialing"}  # the second task may come while the first one dials
    assert dialled(sandbox) == [ANN, BO]
