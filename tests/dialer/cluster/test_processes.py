"""The real thing: workers as processes of their own, on one PostgreSQL, and one of them killed without a word."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import psycopg
import pytest

from sinch_voice_async.dialer import Campaign, Contact, ContactState
from sinch_voice_async.dialer.cluster import enqueue
from sinch_voice_async.sandbox import Sandbox
from tests.dialer.cluster.postgres import Postgres

ROOT = Path(__file__).parents[3]
PEOPLE = [Contact(f"+4670000{last:04}") for last in range(60)]
PACE = 40.0
PATIENCE = 300.0

WORKER = """
import json, sys, warnings, anyio
from sinch_voice_async import TtsCallout, VoiceClient
from sinch_voice_async.dialer import Campaign
from sinch_voice_async.dialer.cluster import PostgresJournal, worker

warnings.simplefilter("ignore", DeprecationWarning)
url, name, pace, backend, options = sys.argv[1:]

def reminder(contact):
    return TtsCallout(destination=contact.number, text="See you tomorrow.", cli="+46700000000")

async def main():
    campaign = Campaign(name, journal=PostgresJournal(url, claim_timeout=1.0), calls_per_second=float(pace))
    async with VoiceClient(**json.loads(options)) as client, worker(campaign, client, reminder) as outcomes:
        await outcomes.wait()

anyio.run(main, backend=backend)
"""

Start: TypeAlias = Callable[[str], "subprocess.Popen[bytes]"]


@contextmanager
def workers(*arguments: str, options: Any) -> Iterator[Start]:
    """Give a function that starts a worker; those that are left at the end are killed."""
    started: list[subprocess.Popen[bytes]] = []

    def start(backend: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-W", "error", "-c", WORKER, *arguments, backend, json.dumps(options)]
        started.append(subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}))
        return started[-1]

    try:
        yield start
    finally:
        for process in started:
            process.kill()
            process.wait()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A platform that counts what it was asked to do, in a thread of this process."""
    sandbox = Sandbox(speed=100_000)
    with sandbox.serve():
        yield sandbox


def rang(sandbox: Sandbox) -> Counter[str]:
    """Return how often each number was rung."""
    return Counter(call.to.endpoint for call in sandbox.calls)


def until(happened: Callable[[], bool]) -> None:
    """Come back when something has happened, or fail before the whole suite hangs."""
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.005)


INSTANTS = """
    CREATE TABLE instants (instant timestamptz);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO instants VALUES (NEW.instant); RETURN NEW; END $$;
    CREATE TRIGGER note AFTER UPDATE OF instant ON sinch_voice_dialer.campaign FOR EACH ROW EXECUTE FUNCTION note();
"""
GAPS = "SELECT extract(epoch FROM instant - lag(instant) OVER (ORDER BY instant))::float FROM instants OFFSET 1"


def test_one_of_three_is_killed(postgres: Postgres, sandbox: Sandbox) -> None:
    """Three workers, one killed and replaced: nobody is rung twice, everybody is accounted for, the pace is kept."""
    url = postgres.database()
    campaign = Campaign("reminders", journal=url)
    assert anyio.run(enqueue, campaign, PEOPLE) == len(PEOPLE)
    with psycopg.connect(url, autocommit=True) as database:
        database.execute(INSTANTS)
        with workers(url, "reminders", str(PACE), options=sandbox.client_options()) as start:
            killed, *others = start("asyncio"), start("trio"), start("asyncio")
            until(lambda: len(sandbox.calls) > len(PEOPLE) / 3)
            killed.send_signal(signal.SIGKILL)
            assert [each.wait(PATIENCE) for each in (*others, start("asyncio"))] == [0, 0, 0]
        gaps = [gap for (gap,) in database.execute(GAPS)]
    times = rang(sandbox)
    assert set(times.values()) == {1}
    report = anyio.run(campaign.report)
    unknown = {outcome.number for outcome in report.unknown}
    assert set(times) | unknown == {contact.number for contact in PEOPLE}
    assert report.states[ContactState.ACCEPTED] + len(unknown) == len(PEOPLE)
    # No rolling second holds more than the pace allows: each instant is a whole interval behind the one before.
    assert min(gaps) >= 1 / PACE - 1e-5
