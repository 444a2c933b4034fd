"""The sign of life: it goes on whatever happens, and finds the claims of those who give none."""

import logging
import time
import uuid
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from sinch_voice_async.dialer.postgres.database import connect, make_or_check
from sinch_voice_async.dialer.postgres.journal import Heartbeat
from tests.dialer.cluster.postgres import Postgres, address


def ask(url: str, question: str, *values: Any) -> Any:
    """Return the one answer to a question."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(question, values).fetchone()
    return row and row[0]


def until(happened: Callable[[], Any]) -> None:
    """Come back when something has happened, or fail before the whole suite hangs."""
    end = time.monotonic() + 60.0
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def heartbeat(url: str, campaign: str) -> Heartbeat:
    """The heart of a worker, which does not beat yet."""
    with connect(address(url)) as connection:
        number = make_or_check(connection, campaign, "here")
    parameters = {"campaign": number, "worker": uuid.uuid4().hex, "name": "here:1", "gone_after": 30.0, "left": "gone"}
    return Heartbeat(address(url), 0.01, parameters)


def test_it_goes_on(postgres: Postgres, url: str, heartbeat: Heartbeat, caplog: pytest.LogCaptureFixture) -> None:
    """A server that is away for a while costs beats, of which one line tells each, and nothing else."""

    def seen() -> Any:
        question = "SELECT seen_at FROM sinch_voice_dialer.worker WHERE id = %s"
        return ask(url, question, heartbeat.parameters["worker"])

    with caplog.at_level(logging.WARNING, "sinch_voice_async"):
        heartbeat.start()
        until(seen)
        postgres.stop()
        until(lambda: caplog.records)
        postgres.start()
        before = seen()
        until(lambda: seen() > before)
        heartbeat.stop()
    assert "the heartbeat of a worker failed" in caplog.text
    last = seen()
    assert seen() == last


def test_it_finds_the_claims_of_the_gone(url: str, heartbeat: Heartbeat, caplog: pytest.LogCaptureFixture) -> None:
    """Claims of a worker that is not there any more become unknown while others dial, and a line says how many."""
    claimed = """INSERT INTO sinch_voice_dialer.contact (campaign, number, fields, state, worker,
        changed_at, due, attempt, returned, today, recent, spent)
        VALUES (%s, '+46700000001', '{}', 'dialing', gen_random_uuid(), 0, 0, 1, 0, 1, '{}', 0) RETURNING number"""
    number = heartbeat.parameters["campaign"]
    ask(url, claimed, number)
    with caplog.at_level(logging.WARNING, "sinch_voice_async"):
        heartbeat.start()
        until(lambda: ask(url, "SELECT state FROM sinch_voice_dialer.contact WHERE campaign = %s", number) == "unknown")
        heartbeat.stop()
    assert "of workers that are gone are unknown now: 1" in caplog.text


def test_a_heart_that_never_beat(heartbeat: Heartbeat) -> None:
    """Stopping what was not started does nothing."""
    heartbeat.stop()
