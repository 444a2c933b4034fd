"""A campaign whose connections all go through PgBouncer in transaction mode; skipped if it is not installed."""

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import psycopg
import pytest

from sinch_voice_async.dialer import ContactState
from sinch_voice_async.sandbox import Sandbox
from tests.dialer.cluster.postgres import Postgres, user
from tests.ports import free_port

pytest.importorskip("procrastinate", reason="procrastinate is not installed")
BOUNCER = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")
pytestmark = pytest.mark.skipif(BOUNCER is None, reason="PgBouncer is not installed: `apt install pgbouncer`")


@contextmanager
def bouncer(postgres: Postgres, port: int) -> Iterator[None]:
    """Run PgBouncer in transaction mode with four connections to the server."""
    settings = f"""
[databases]
* = host={postgres.folder}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
"""
    file = postgres.folder / "pgbouncer.ini"
    file.write_text(settings.replace("* = host", "* = user=tests host"), encoding="utf-8")
    file.chmod(0o644)
    process = subprocess.Popen([str(BOUNCER), "-q", str(file)], user=user())
    try:
        while True:
            try:
                psycopg.connect(f"postgresql://tests@127.0.0.1:{port}/postgres", prepare_threshold=None).close()
            except psycopg.OperationalError:
                assert process.poll() is None
            else:
                break
        yield
    finally:
        process.terminate()
        process.wait()


async def work() -> None:
    """Run a worker until all contacts are dialled."""
    from tests.dialer.cluster import reminders

    engine = reminders.by_procrastinate()
    polling = {"listen_notify": False, "fetch_job_polling_interval": 0.2, "install_signal_handlers": False}
    worker = asyncio.create_task(engine.work(**polling))
    with anyio.fail_after(300):
        async with reminders.reminders() as campaign:
            while (await campaign.report()).states != {ContactState.ACCEPTED: len(reminders.PEOPLE)}:
                await anyio.sleep(0.1)
                assert not worker.done(), worker
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)


def test_pgbouncer(postgres: Postgres, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the journal nor procrastinate needs a session of its own: all contacts are dialled, and once."""
    from tests.dialer.cluster import reminders

    port, sandbox = free_port(), Sandbox(speed=100_000)
    database = postgres.database().partition("?")[0].rpartition("/")[2]
    monkeypatch.setenv("DATABASE_URL", f"postgresql://tests@127.0.0.1:{port}/{database}")
    with bouncer(postgres, port), sandbox.serve():
        options = sandbox.client_options()
        monkeypatch.setenv("SINCH_APPLICATION_KEY", options["application_key"])
        monkeypatch.setenv("SINCH_APPLICATION_SECRET", options["application_secret"])
        monkeypatch.setenv("SINCH_VOICE_BASE_URL", options["base_url"])
        anyio.run(reminders.reminders().enqueue, reminders.PEOPLE)
        asyncio.run(work())
        with psycopg.connect(postgres.url(database)) as direct:
            servers = direct.execute("SELECT FROM pg_stat_activity WHERE datname = current_database()").fetchall()
        assert len(servers) <= 5  # four of PgBouncer, and this one
    numbers = [call.to.endpoint for call in sandbox.calls]
    assert len(numbers) == len(set(numbers)) == len(reminders.PEOPLE)
