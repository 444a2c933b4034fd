"""The shared pace: an instant for each, whoever asks, and the rules of the pace of one machine."""

import math
import random
import time
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, cast

import anyio
import psycopg
import pytest
from attrs import define, field
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sinch_voice_async.dialer.cluster import PostgresJournal, SharedPacer
from sinch_voice_async.dialer.pacing import Pace, SystemClock
from sinch_voice_async.dialer.postgres.database import STATEMENTS, connect, make_or_check
from sinch_voice_async.errors import ConfigurationError, JournalError
from tests.dialer.clocks import VirtualClock
from tests.dialer.cluster.clocks import CountingClock
from tests.dialer.cluster.postgres import address


@pytest.fixture
def database(url: str) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    """Somebody who looks at the rows of a database that has its tables."""
    with connect(address(url)) as connection:
        make_or_check(connection, "somebody who looks", "here")
        yield connection


@pytest.fixture
async def journal(url: str, campaign: str) -> AsyncIterator[PostgresJournal]:
    """The journal of a campaign whose pace nobody has set yet."""
    async with opened(url, campaign) as journal:
        yield journal


@asynccontextmanager
async def opened(url: str, campaign: str) -> AsyncIterator[PostgresJournal]:
    """Open a journal for as long as the block lasts."""
    journal = PostgresJournal(url)
    await journal.open(campaign)
    try:
        yield journal
    finally:
        await journal.close()


def look(database: psycopg.Connection[dict[str, Any]], campaign: str) -> dict[str, Any]:
    """Return the pace of a campaign, its moments as seconds since 1970."""
    moments = ("instant", "next_at", "held_until", "slowed_at")
    columns = ", ".join(f"extract(epoch FROM {moment})::float AS {moment}" for moment in moments)
    row = database.execute(
        f"""SELECT slowed_rate, extract(epoch FROM clock_timestamp())::float AS now, {columns}
        FROM sinch_voice_dialer.campaign WHERE name = %s""",
        (campaign,),
    ).fetchone()
    assert row is not None
    return row


async def test_each_gets_an_instant_of_its_own(
    url: str, campaign: str, database: psycopg.Connection[dict[str, Any]]
) -> None:
    """Three workers that ask for 60 instants at once are given 60, evenly spaced, with none of them twice."""
    journals = [PostgresJournal(url) for _ in range(3)]

    async def ask(pacer: SharedPacer) -> None:
        for _ in range(20):
            await pacer.wait()

    for journal in journals:
        await journal.open(campaign)
    began = look(database, campaign)["now"]
    async with anyio.create_task_group() as tasks:
        for journal in journals:
            tasks.start_soon(ask, journal.pacer(0.1, CountingClock()))
    row = look(database, campaign)
    # Nobody waited, and so all of them lie before the next one, counted from the first question.
    assert began + 600 - 0.001 <= row["next_at"] <= row["now"] + 600 + 0.001
    assert row["next_at"] - row["instant"] == pytest.approx(10)
    for journal in journals:
        await journal.close()


async def test_a_worker_holds_one_instant(journal: PostgresJournal) -> None:
    """Tasks of one worker ask one after the other: each waits for its own instant only."""
    clock = CountingClock()
    pacer = journal.pacer(0.1, clock)
    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(pacer.wait)
    # 0, 10, 20 and 30 seconds, less what the machine took for itself.
    assert 40 < sum(max(wait, 0.0) for wait in clock.waits) <= 60
    assert pacer.rate == 0.1


async def test_as_fast_as_possible(journal: PostgresJournal) -> None:
    """An infinite pace lets everybody out at once, and a 429 makes it finite."""
    clock = CountingClock()
    pacer = journal.pacer(math.inf, clock)
    await pacer.wait()
    await pacer.wait()
    assert max(clock.waits) <= 0
    await pacer.slow_down(None, clock.monotonic())
    await pacer.wait()
    assert 699 < pacer.rate < math.inf  # it climbs again at once


async def test_a_429_slows_everybody(
    url: str, campaign: str, journal: PostgresJournal, database: psycopg.Connection[dict[str, Any]]
) -> None:
    """What one worker is told, all keep to: seven tenths of the pace, and nobody before Retry-After is over."""
    told = journal.pacer(20.0, SystemClock())
    async with opened(url, campaign) as other:
        pacer = other.pacer(20.0, SystemClock())
        await pacer.wait()
        await told.slow_down(0.3, time.monotonic())
        await pacer.wait()
        assert look(database, campaign)["held_until"] <= look(database, campaign)["now"]
        assert look(database, campaign)["slowed_rate"] == 14.0
        assert pacer.rate < 20.0


async def test_a_hold_holds_those_who_wait(
    url: str, campaign: str, journal: PostgresJournal, database: psycopg.Connection[dict[str, Any]]
) -> None:
    """Whoever has an instant already, and waits for it, takes a later one when the campaign is held meanwhile."""
    holding = journal.pacer(2.0, SystemClock())

    class Held(SystemClock):
        """Holds the campaign while it waits for the first time."""

        async def sleep(self, seconds: float) -> None:
            if seconds > 0 and look(database, campaign)["held_until"] == 0:
                await holding.hold(0.7)
            await super().sleep(seconds)

    async with opened(url, campaign) as other:
        pacer = other.pacer(2.0, Held())
        while look(database, campaign)["held_until"] == 0:
            await pacer.wait()
    assert 0 < look(database, campaign)["held_until"] <= look(database, campaign)["now"]


async def test_a_pause_is_everybodys(url: str, campaign: str, journal: PostgresJournal) -> None:
    """A campaign that is paused on one machine, before anybody dials, lets nobody out on any until it is resumed."""

    class Patient(CountingClock):
        """Notes that it was asked to wait, which whoever is paused does again and again."""

        async def sleep(self, seconds: float) -> None:
            await super().sleep(seconds)
            if len(self.waits) == 3:
                await journal.resume()

    async with opened(url, campaign) as other:
        clock = Patient()
        pacer = other.pacer(5.0, clock)
        await journal.pause()
        await pacer.wait()
    assert clock.waits[:3] == [1.0, 1.0, 1.0]


class Jumping(CountingClock):
    """Stands still when it is told to."""

    offset = 0.0

    def monotonic(self) -> float:
        """Return seconds that may jump ahead."""
        return super().monotonic() + self.offset


async def test_what_is_late_is_thrown_away(campaign: str, journal: PostgresJournal) -> None:
    """Instants that passed while a process stood still are not made up for."""
    clock = Jumping()
    pacer = journal.pacer(100.0, clock)
    turn = await pacer.obtain(20)
    assert turn is not None
    assert len(pacer._instants) == 19
    pacer.put_back(turn)
    assert await pacer.obtain(20)
    assert len(pacer._instants) == 19
    clock.offset = 5.0
    pacer.put_back(turn)
    assert await pacer.obtain(3)
    assert len(pacer._instants) == 2


async def test_a_claim_that_took_long_waits_for_another_instant(journal: PostgresJournal) -> None:
    """What was held up between its instant and its request goes out at a later instant, or not while it is paused."""
    clock = Jumping()
    pacer = journal.pacer(20.0, clock)
    turn = await pacer.obtain()
    assert turn is not None
    before = turn.instant
    assert await turn.is_in_time()
    assert turn.instant == before
    clock.offset = 3.0
    assert await turn.is_in_time()
    assert turn.instant > before + 2.9
    clock.offset = 6.0
    await journal.pause()
    assert not await turn.is_in_time()


async def test_a_process_that_is_always_late(journal: PostgresJournal) -> None:
    """A process whose every look at the clock is a second later goes on after some instants."""

    class Slow(CountingClock):
        """Moves on by a second at each look."""

        seconds = 0.0

        def monotonic(self) -> float:
            """Return a later time."""
            self.seconds += 1.0
            return self.seconds

    clock = Slow()
    pacer = journal.pacer(20.0, clock)
    turn = await pacer.obtain()
    assert turn is not None
    before = turn.instant
    assert await turn.is_in_time()
    assert turn.instant > before + 3


LOCKED = (24.0, 25.0)


@define
class Server:
    """The row of the pace in a database that may be away, without the database."""

    clock: VirtualClock
    away: tuple[float, float]
    pace: Pace

    async def answer(self, seconds: float) -> None:
        """Wait for an answer that takes so long, and for as long as the server is away."""
        await self.clock.sleep(seconds)
        begin, end = self.away
        if begin <= self.clock.elapsed < end:
            await self.clock.sleep(end - self.clock.elapsed)

    def execute(self, statement: bytes, parameters: dict[str, Any]) -> "Server":
        """Reserve a quarter of a second of instants, as the function of the database does, or say that all may dial."""
        now, rate = self.clock.elapsed, self.pace.target
        if statement == STATEMENTS["held"]:
            self.row = {"is_held": False, "target": rate}
            return self
        first, self.pace = self.pace.reserve(now)
        instants = min(math.ceil(rate / 4), 50, parameters["wanted"])
        self.pace = self.pace.held(first + instants / rate)
        self.row = {"is_open": True, "wait": first - now, "gap": 1 / rate, "instants": instants}
        self.row |= {"rate": rate, "target": rate}
        return self

    row: dict[str, Any] = field(factory=dict)
    description: tuple[str, ...] = ("columns",)

    def fetchone(self) -> dict[str, Any]:
        """Return the row."""
        return self.row


@define
class Machine:
    """A process that dials at the shared pace, with claims that take a while, and that stands still once."""

    server: Server
    stands_still: tuple[float, float]
    delays: random.Random

    def monotonic(self) -> float:
        """Return the virtual time."""
        return self.server.clock.elapsed

    now = monotonic

    async def sleep(self, seconds: float) -> None:
        """Wait, and longer while the machine stands still."""
        await self.server.clock.sleep(seconds)
        await self.stand_still()

    async def stand_still(self) -> None:
        """Go on when the machine does."""
        begin, end = self.stands_still
        if begin <= self.server.clock.elapsed < end:
            await self.server.clock.sleep(end - self.server.clock.elapsed)

    async def run(self, operation: Callable[[Any], Any]) -> Any:
        """Carry out a statement, as ``Database`` does: it is on its way, and so is its answer."""
        await self.server.answer(self.delays.uniform(0.001, 0.02))
        found = operation(self.server)
        await self.server.clock.sleep(self.delays.uniform(0.001, 0.02))
        await self.stand_still()
        return found

    async def claim(self) -> None:
        """Claim a contact; for a second, the rows of contacts are locked."""
        await self.run(lambda _: None)
        begin, end = LOCKED
        if begin <= self.server.clock.elapsed < end:
            await self.server.clock.sleep(end - self.server.clock.elapsed)

    async def dial(self, seconds: float, posts: list[float]) -> None:
        """Be 30 callers that wait their turn, claim, and send."""
        pacer = SharedPacer(None, self, cast("Any", self), lambda: 1, "nowhere")
        turns = anyio.Lock()

        async def call() -> None:
            while self.monotonic() < seconds:
                async with turns:
                    turn = await pacer.obtain(turns.statistics().tasks_waiting + 1)
                await self.claim()
                assert turn is not None
                assert await turn.is_in_time()
                posts.append(self.monotonic())

        async with anyio.create_task_group() as tasks:
            for _ in range(30):
                tasks.start_soon(call)


@pytest.mark.parametrize("seed", range(3))
async def test_a_rolling_second_whatever_stands_still(seed: int) -> None:
    """A server that is away, rows that are locked, and machines that stand still: no bunch follows, and little is lost.

    The time is virtual.
    """
    clock = VirtualClock()
    server = Server(clock, (8.0, 12.0), Pace.of(40.0))
    posts: list[float] = []
    chance = random.Random(seed)
    stops = ((15.0 + chance.random(), 18.0), (21.05, 21.3), (15.2, 15.5))
    async with anyio.create_task_group() as drive:
        drive.start_soon(clock.drive)
        async with anyio.create_task_group() as tasks:
            for stop in stops:
                tasks.start_soon(Machine(server, stop, chance).dial, 30.0, posts)
        drive.cancel_scope.cancel()
    posts.sort()
    most = max(bisect_left(posts, moment + 1.0) - place for place, moment in enumerate(posts))
    assert most <= 44
    # Four seconds are the outage, and one the lock; the instants of a machine that stands still are lost with it.
    assert len(posts) >= 0.9 * 40 * (30 - 4 - 1)


async def test_one_wave_is_one_piece_of_news(
    campaign: str, journal: PostgresJournal, database: psycopg.Connection[dict[str, Any]]
) -> None:
    """429s for what was sent before the last slowing down do not slow down again; nor does it ever go below 0.5."""
    pacer = journal.pacer(10.0, CountingClock())
    await pacer.wait()
    sent_at = time.monotonic()
    for _ in range(3):
        await pacer.slow_down(None, sent_at)
    assert look(database, campaign)["slowed_rate"] == pytest.approx(7.0)
    for _ in range(20):
        await pacer.slow_down(None, time.monotonic() + 1.0)
    assert look(database, campaign)["slowed_rate"] == pytest.approx(0.5, rel=0.2)


async def test_a_pace_that_is_none(journal: PostgresJournal) -> None:
    """The pace of a campaign on many machines is as positive as on one, and as open as its journal."""
    with pytest.raises(ConfigurationError, match="calls_per_second"):
        journal.pacer(0, CountingClock())
    pacer = journal.pacer(1, CountingClock())
    await journal.close()
    with pytest.raises(JournalError, match="it is not open"):
        await pacer.wait()


RATES = st.floats(0.01, 5000)
SECONDS = st.floats(0, 2_000_000_000)


@given(target=RATES | st.just(math.inf), slowed_rate=RATES, slowed_at=SECONDS, now=SECONDS)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_climbs_as_on_one_machine(
    database: psycopg.Connection[dict[str, Any]], target: float, slowed_rate: float, slowed_at: float, now: float
) -> None:
    """At any moment after a slowing down, the database's rate is the one that ``pace.py`` says."""
    statement = "SELECT sinch_voice_dialer.rate_at(%s, %s, to_timestamp(%s), to_timestamp(%s)) AS rate"
    row = database.execute(statement, (target, slowed_rate, slowed_at, now)).fetchone()
    assert row is not None
    pace = Pace(target=target, slowed_rate=slowed_rate, slowed_at=slowed_at)
    # The database keeps microseconds.
    assert row["rate"] == pytest.approx(pace.rate(now), rel=1e-6, abs=1e-3)
