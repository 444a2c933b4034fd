"""One PostgreSQL for all tests of the cluster, and a campaign of its own for each."""

import os
import sys
import uuid
from collections.abc import Iterator

import pytest

from tests.dialer.cluster.postgres import Postgres, programs, server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server that the tests may stop and start."""
    found = programs()
    if found is None:  # pragma: no cover  # where the tests are measured there is one
        if os.environ.get("CI") and sys.platform == "linux":
            pytest.fail("no PostgreSQL: .ci/install-postgresql installs it, and here these tests may not be skipped")
        pytest.skip("no PostgreSQL on this machine: `apt install postgresql` runs the tests of the cluster")
    with server(found) as running:
        yield running


@pytest.fixture(scope="session")
def url(postgres: Postgres) -> str:
    """A database that the tests share, as campaigns do."""
    return postgres.database()


@pytest.fixture
def campaign() -> str:
    """The name of a campaign that nobody else has."""
    return f"reminders {uuid.uuid4()}"
