"""What every test has: both event loops, and no credentials from the environment of the developer."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from tests.dialer.cluster.postgres import Postgres


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c() -> None:
    """Hear Ctrl-C also if the tests run in the background: a shell starts a job there with SIGINT ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def _programs_are_not_measured() -> None:
    """Measure the tests, and not the programs that they start: coverage tells its settings to every process."""
    for name in ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG"):
        os.environ.pop(name, None)


@pytest.fixture(autouse=True, scope="session")
def _httpx_is_patient() -> None:
    """Give the requests that tests send without a limit of their own minutes: httpx gives five seconds."""
    for phase in ("connect", "read", "write", "pool"):
        setattr(httpx._config.DEFAULT_TIMEOUT_CONFIG, phase, 300.0)


def pytest_pycollect_makemodule(module_path: Path) -> None:
    """Let a law take its time on a busy machine; a file without laws is spared the import of hypothesis."""
    if b"hypothesis" in module_path.read_bytes():
        from hypothesis import HealthCheck, settings

        settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
        settings.load_profile("busy")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Spare a run without laws the import of hypothesis, which its plugin needs only for the summary."""
    if "hypothesis" not in sys.modules:  # pragma: no cover  # a whole run has laws
        session.config.pluginmanager.unregister(name="hypothesispytest")


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Each async test runs on asyncio and again on trio."""
    backend: str = request.param
    return backend


@pytest.fixture(autouse=True)
def _no_ambient_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test uses a real account."""
    for name in (
        "SINCH_APPLICATION_KEY",
        "SINCH_APPLICATION_SECRET",
        "SINCH_VOICE_REGION",
        "SINCH_VOICE_BASE_URL",
        "SINCH_VOICE_CONFIGURATION_URL",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def postgres() -> "Iterator[Postgres]":
    """A PostgreSQL that the tests may stop and start."""
    from tests.dialer.cluster.postgres import programs, server

    found = programs()
    if found is None:  # pragma: no cover  # coverage is measured with PostgreSQL
        pytest.skip("no PostgreSQL on this machine: `apt install postgresql` runs the tests of the cluster")
    with server(found) as running:
        yield running


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """The URL of a Redis or Valkey for all tests."""
    from tests import brokers

    found = brokers.program()
    if found is None:  # pragma: no cover  # coverage is measured with a server
        pytest.skip("no Redis on this machine: `apt install redis-server` runs the tests of Celery and taskiq")
    with brokers.server(found) as url:
        yield url


@pytest.fixture
def redis(redis_server: str) -> str:
    """The URL of a Redis or Valkey that is empty."""
    from redis import Redis

    with Redis.from_url(redis_server) as server:
        server.flushall()
    return redis_server
