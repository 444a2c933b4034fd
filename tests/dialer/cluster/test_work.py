"""A campaign on several machines, from its contacts to its last outcome."""

import sys
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import psycopg
import pytest

from sinch_voice_async.dialer import BrokenRow, Campaign, Contact, ContactState
from sinch_voice_async.dialer.cluster import PostgresJournal, Worker, enqueue
from sinch_voice_async.dialer.cluster import worker as former_worker
from sinch_voice_async.dialer.pacing import SystemClock
from sinch_voice_async.dialer.postgres.database import driver
from sinch_voice_async.errors import AuthenticationError, CampaignError, ConfigurationError, JournalError
from sinch_voice_async.models.calls import Call
from tests.dialer.cluster.clocks import CountingClock
from tests.dialer.cluster.postgres import Postgres
from tests.dialer.platforms import Platform, reminder

PEOPLE = [Contact(f"+4670000{last:04}") for last in range(40)]


def worker(campaign: Campaign, client: Any, callout: Any, *, stay: bool = False) -> Worker:
    """Return a worker, which warns that it will go."""
    with pytest.warns(DeprecationWarning, match="cluster.worker is deprecated"):
        return former_worker(campaign, client, callout, stay=stay)


def fast(url: str, name: str, **options: Any) -> Campaign:
    """Return a campaign that calls all contacts at once."""
    return Campaign(name, journal=url, calls_per_second=1000.0, **options)


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


async def test_the_switches_of_a_worker(url: str, campaign: str) -> None:
    """It pauses and goes on, is used once, and ends when the campaign is cancelled on another machine."""
    await enqueue(fast(url, campaign), PEOPLE[:3])
    platform = Platform()
    work = worker(fast(url, campaign), platform, reminder, stay=True)
    async with work as outcomes:
        first = await anext(outcomes)
        outcomes.pause()
        with pytest.raises(CampaignError, match="used once"):
            await work.__aenter__()
        outcomes.resume()
        await fast(url, campaign).cancel()
        numbers = {first.number, *[outcome.number async for outcome in outcomes]}
    assert numbers == set(platform.rang)


async def test_a_worker_that_is_ended_at_once(url: str, campaign: str) -> None:
    """It does not sleep out, and it places no callout that was being prepared."""

    class Sleeping(SystemClock):
        """Says that it sleeps."""

        async def sleep(self, seconds: float) -> None:
            asleep.set()
            await anyio.sleep(60.0)

    async def is_listed(number: str) -> bool:
        ending.cancel()
        await anyio.sleep(0.4)  # longer than the time between two questions whether to stop
        return False

    asleep = anyio.Event()
    napping = Campaign(campaign, journal=url, clock=Sleeping())
    async with worker(napping, Platform(), reminder, stay=True) as outcomes:
        await asleep.wait()
        outcomes.cancel()
        await outcomes.wait()
    await enqueue(napping, PEOPLE[:1])
    platform = Platform()
    async with worker(fast(url, campaign, do_not_call=is_listed), platform, reminder) as ending:
        await ending.wait()
    assert platform.rang.total() == 0


async def test_a_worker_that_asks_about_calls(url: str, campaign: str) -> None:
    """It ends when the calls that it asks about are over; one that fails raises its error on leaving."""

    class Client:
        """A client whose calls are over at once."""

        def __init__(self, platform: Platform) -> None:
            self.callouts, self.calls = self, self
            self.place = platform

        async def get(self, call_id: str) -> Call:
            return Call(call_id=call_id, status="FINAL", result="ANSWERED")

    polled = Campaign(campaign, journal=url, calls_per_second=1000.0, follow="poll", poll_interval=0.1)
    await enqueue(polled, PEOPLE[:3])
    async with worker(polled, Client(Platform()), reminder) as outcomes:
        await outcomes.wait()
    assert (await polled.report()).states == {ContactState.DONE: 3}
    await enqueue(polled, PEOPLE[3:5])
    wrong = Platform(AuthenticationError("wrong", status=401))
    with pytest.raises(AuthenticationError):
        async with worker(polled, Client(wrong), reminder) as outcomes:
            while not wrong.headers:
                await anyio.lowlevel.checkpoint()
            while outcomes._failure is None:
                await anyio.lowlevel.checkpoint()


def test_a_worker_needs_a_database(tmp_path: Path) -> None:
    """A file is not shared."""
    with pytest.raises(ConfigurationError, match="share a journal in PostgreSQL"):
        worker(Campaign("x", journal=tmp_path / "x.sqlite"), Platform(), reminder)


def test_a_worker_is_not_watched(url: str) -> None:
    """The former option is ignored with a warning."""
    with pytest.warns(DeprecationWarning, match="claim_timeout"):
        PostgresJournal(url, gone_after=30.0)
