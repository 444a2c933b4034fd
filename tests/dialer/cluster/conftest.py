"""One database for all tests of the cluster, and a campaign of its own for each."""

import uuid

import pytest

from tests.dialer.cluster.postgres import Postgres


@pytest.fixture(scope="session")
def url(postgres: Postgres) -> str:
    """A database that the tests share, as campaigns do."""
    return postgres.database()


@pytest.fixture
def campaign() -> str:
    """The name of a campaign that nobody else has."""
    return f"reminders {uuid.uuid4()}"
