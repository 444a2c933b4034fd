"""What every test has: both event loops, and no credentials from the environment of whoever runs them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.dialer.cluster.postgres import Postgres


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Each async test runs on asyncio and again on trio."""
    backend: str = request.param
    return backend


@pytest.fixture(autouse=True)
def _no_ambient_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's real account is rung by a test."""
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
    if found is None:  # pragma: no cover  # where coverage counts there is one
        pytest.skip("no PostgreSQL on this machine: `apt install postgresql` runs the tests of the cluster")
    with server(found) as running:
        yield running
