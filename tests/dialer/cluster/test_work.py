"""A campaign on several machines, from its contacts to its last outcome."""

import sys
import uuid
from collections import Counter
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import psycopg
import pytest

from sinch_voice_async.dialer import BrokenRow, Campaign, Contact, ContactState
from sinch_voice_async.dialer.cluster import PostgresJournal, Worker, enqueue
from sinch_voice_async.dialer.cluster import worker as former_worker
from sinch_voice_async.dialer.postgres.database import driver
from sinch_voice_async.errors import ConfigurationError, JournalError
from tests.dialer.cluster.clocks import CountingClock
from tests.dialer.cluster.postgres import Postgres
from tests.dialer.platforms import Platform, reminder

PEOPLE = [Contact(f"+4670000{last:04}") for last in range(40)]


def worker(campaign: Campaign, client: Platform, callout: Any, *, stay: bool = False) -> Worker:
    """Return a worker, which warns that it will go."""
    with pytest.warns(DeprecationWarning, match="cluster.worker is deprecated"):
        return former_worker(campaign, client, callout, stay=stay)


def fast(url: str, name: str) -> Campaign:
    """Return a campaign that rings everybody at once."""
    return Campaign(name, journal=url, calls_per_second=1000.0)


async def test_enqueued_once_and_dialled_by_many(url: str, campaign: str) -> None:
    """Contacts that one machine enqueues, twice even, are dialled by three workers together, each of them once."""
    assert await enqueue(fast(url, campaign), [*PEOPLE, BrokenRow(7, "no number")]) == 40
    assert await enqueue(fast(url, campaign), PEOPLE) == 0
    platform = Platform()
    told: list[str] = []

    async def work() -> None:
        async with worker(fast(url, campaign), platform, reminder) as outcomes:
            async for outcome in outcomes:
                told.append(outcome.number)

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(work)
    assert platform.rang == Counter(contact.number for contact in PEOPLE)
    assert sorted(told) == sorted(platform.rang)
    report = await fast(url, campaign).report()
    assert report.states == {ContactState.ACCEPTED: 40}


async def test_postgres_restarts_under_the_workers(postgres: Postgres, url: str, campaign: str) -> None:
    """The database goes away in the middle and comes back: the workers go on, nobody twice, and nobody forgotten."""
    await enqueue(fast(url, campaign), PEOPLE)

    async def restart() -> None:
        await anyio.to_thread.run_sync(postgres.stop)
        await anyio.to_thread.run_sync(postgres.start)

    platform = Platform(*[anyio.lowlevel.checkpoint] * 10, restart)

    async def work() -> None:
        async with worker(fast(url, campaign), platform, reminder) as outcomes:
            await outcomes.wait()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(work)
        tasks.start_soon(work)
    assert platform.rang == Counter(contact.number for contact in PEOPLE)
    assert (await fast(url, campaign).report()).states == {ContactState.ACCEPTED: 40}


REFUSING = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'what is wrong' USING ERRCODE = '{code}'; END $$;
    CREATE TRIGGER refuse BEFORE UPDATE ON sinch_voice_dialer.contact FOR EACH ROW WHEN (NEW.state = '{state}')
        EXECUTE FUNCTION refuse();
"""


DISK_FULL, CORRUPTED = "53100", "XX001"


@pytest.mark.parametrize(
    ("code", "state", "rung"), [(DISK_FULL, "dialing", 0), (DISK_FULL, "accepted", 1), (CORRUPTED, "dialing", 0)]
)
async def test_a_database_that_cannot_write(postgres: Postgres, code: str, state: str, rung: int) -> None:
    """The campaign ends with what is wrong and nobody is rung without a claim; who was rung is in doubt, not to do."""
    url = postgres.database()
    await enqueue(fast(url, "x"), PEOPLE[:3])
    with psycopg.connect(url, autocommit=True) as database:
        database.execute(REFUSING.format(code=code, state=state))
    platform = Platform()
    with pytest.raises(JournalError, match="what is wrong"):
        async with worker(fast(url, "x"), platform, reminder) as outcomes:
            await outcomes.wait()
    assert platform.rang.total() == rung
    with psycopg.connect(url, autocommit=True) as database:
        database.execute("DROP FUNCTION refuse CASCADE")
    again = Campaign("x", journal=PostgresJournal(url, claim_timeout=0.1), calls_per_second=1000.0)
    async with worker(again, platform, reminder) as outcomes:
        await outcomes.wait()
    assert set(platform.rang.values()) == {1}
    assert [outcome.number for outcome in (await fast(url, "x").report()).unknown] == [*platform.rang][:rung]


async def test_a_worker_that_stays(url: str, campaign: str) -> None:
    """A worker may be there before its contacts are; it looks for more of them until it is told to stop."""
    platform, clock = Platform(), CountingClock()
    waiting = Campaign(campaign, journal=url, calls_per_second=1000.0, clock=clock)
    async with worker(waiting, platform, reminder, stay=True) as outcomes:
        while not clock.waits:
            await anyio.sleep(0)
        await enqueue(fast(url, campaign), PEOPLE[:2])
        assert {(await anext(outcomes)).number, (await anext(outcomes)).number} == set(platform.rang)
        outcomes.cancel()
        assert [outcome async for outcome in outcomes] == []


async def test_a_url_is_a_journal(url: str) -> None:
    """A URL of PostgreSQL is no file's name: the campaign is kept in the database."""
    assert isinstance(Campaign("reminders", journal=url).journal, PostgresJournal)
    assert isinstance(Campaign("reminders", journal="postgres://db/calls").journal, PostgresJournal)


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has not installed what PostgreSQL needs is told what to install."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    driver.cache_clear()
    try:
        with pytest.raises(ConfigurationError, match=r"install sinch-voice-async\[cluster\]"):
            Campaign(f"reminders {uuid.uuid4()}", journal="postgresql://db/calls")
    finally:
        driver.cache_clear()
