"""The pace: smooth, slower after a 429, and back."""

import asyncio
import math
from itertools import pairwise

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinch_voice_async import ConfigurationError
from sinch_voice_async.dialer import Pacer
from sinch_voice_async.dialer.pacing import Pace, RankedLock
from tests.dialer.clocks import VirtualClock, a_moment, virtual_time

RATES = st.floats(min_value=0.01, max_value=10_000)
WAITS = st.lists(st.floats(min_value=0, max_value=10), max_size=50)


@given(RATES, WAITS)
def test_no_window_has_more_than_its_share(rate: float, waits: list[float]) -> None:
    """Whenever callouts are asked for, two of them lie at least 1/rate apart; nothing is made up for."""
    pace, now, instants = Pace.of(rate), 0.0, []
    for wait in waits:
        now += wait
        instant, pace = pace.reserve(now)
        assert instant >= now
        instants.append(instant)
    assert all(later - earlier >= 1 / rate * (1 - 1e-9) for earlier, later in pairwise(instants))


@given(RATES, st.lists(st.tuples(st.floats(0, 100), st.floats(0, 60) | st.none()), max_size=20))
def test_the_rate_stays_between_floor_and_target(rate: float, refusals: list[tuple[float, float | None]]) -> None:
    """However many 429 there are, the rate is never above the target, nor below half a call a second."""
    pace, now = Pace.of(rate), 0.0
    for wait, retry_after in refusals:
        now += wait
        pace = pace.slowed(now, retry_after=retry_after, sent_at=now)
        assert min(0.5, rate) <= pace.rate(now) <= rate
        assert pace.reserve(now)[0] >= now + (retry_after or 0.0)


def test_a_refusal_slows_down_once_and_the_rate_climbs_back() -> None:
    """0.7 of the rate, 5 % of the target more each second, and the same wave of refusals counts once."""
    pace = Pace.of(20).slowed(100.0, retry_after=None, sent_at=99.9)
    assert pace.rate(100.0) == pytest.approx(14.0)
    assert pace.slowed(100.1, retry_after=None, sent_at=99.95).rate(100.0) == pytest.approx(14.0)
    assert pace.rate(103.0) == pytest.approx(17.0)
    assert pace.rate(200.0) == 20.0
    assert pace.slowed(101.0, retry_after=None, sent_at=100.5).rate(101.0) == pytest.approx(15.0 * 0.7)


def test_an_infinite_rate_becomes_a_finite_one() -> None:
    """As fast as possible, until the platform says that it is too fast."""
    pace = Pace.of(math.inf)
    assert pace.reserve(5.0)[1].next == 5.0
    slowed = pace.slowed(5.0, retry_after=2.0, sent_at=5.0)
    assert slowed.rate(5.0) == pytest.approx(700.0)
    assert slowed.next == 7.0
    assert slowed.slowed(5.0, retry_after=1e9, sent_at=0.0).next == 5.0 + 3600


@pytest.mark.parametrize("rate", [0, -1, math.nan, "20", True, None])
def test_a_rate_that_is_none_is_refused(rate: object) -> None:
    """By its name."""
    with pytest.raises(ConfigurationError, match="calls_per_second"):
        Pacer(rate)  # type: ignore[arg-type]


async def test_callouts_go_out_evenly() -> None:
    """Twenty waiters at once at ten a second take two seconds, one after the other."""
    async with virtual_time() as clock:
        pacer, instants = Pacer(10, clock=clock), []

        async def one() -> None:
            await pacer.wait()
            instants.append(clock.monotonic())

        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(one)
    assert instants == pytest.approx([number / 10 for number in range(20)])


async def test_a_refusal_holds_whoever_waits() -> None:
    """``Retry-After`` counts for those who have their instant already; the rate is slower from then on."""
    async with virtual_time() as clock:
        pacer = Pacer(1, clock=clock)
        await pacer.wait()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(pacer.wait)
            await a_moment()
            await pacer.slow_down(30.0, clock.monotonic())
            assert pacer.rate == pytest.approx(0.7)
        assert clock.monotonic() == pytest.approx(30.0)
        await pacer.hold(5.0)
        await pacer.wait()
        assert clock.monotonic() == pytest.approx(35.0)


async def test_cancelling_costs_one_slot() -> None:
    """Who is cancelled leaves a gap, and the next one is on time."""
    async with virtual_time() as clock:
        pacer = Pacer(1, clock=clock)
        await pacer.wait()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(pacer.wait)
            await a_moment()
            tasks.cancel_scope.cancel()
        await pacer.wait()
        assert clock.monotonic() == pytest.approx(2.0)


async def test_a_lock_goes_to_the_least_rank() -> None:
    """Of those that wait, and to the first of equal ones; whoever is cancelled leaves it to the next."""
    lock, order = RankedLock(), list[str]()

    async def take(rank: int, name: str, scope: anyio.CancelScope) -> None:
        with scope:
            async with lock.hold(rank):
                order.append(name)

    async with anyio.create_task_group() as tasks:
        scopes = {name: anyio.CancelScope() for name in ("last", "gone", "first", "second", "cancelled with the lock")}
        async with lock.hold(9):
            tasks.start_soon(take, 5, "last", scopes["last"])
            await a_moment()
            for name, rank in (("gone", 2), ("first", 3), ("second", 3), ("cancelled with the lock", 1)):
                tasks.start_soon(take, rank, name, scopes[name])
                await a_moment()
            scopes["gone"].cancel()
            await a_moment()
            assert order == []
        scopes["cancelled with the lock"].cancel()
    assert [name for name in order if name in ("first", "second", "last")] == ["first", "second", "last"]
    assert "gone" not in order
    async with lock.hold(0):
        order.clear()
    assert order == []


def test_a_lock_that_comes_with_a_cancellation() -> None:
    """asyncio's own cancellation may come at the moment in which the lock is handed over: it goes to the next."""

    async def work() -> None:
        lock, order = RankedLock(), list[str]()

        async def take(name: str, rank: int) -> None:
            async with lock.hold(rank):
                order.append(name)

        async with lock.hold(0):
            tasks = [asyncio.create_task(take(name, rank)) for rank, name in enumerate(("gone", "next"), 1)]
            await asyncio.sleep(0)
        tasks[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await tasks[0]
        await tasks[1]
        assert order == ["next"]

    asyncio.run(work())


def test_a_pacer_begins_at_its_rate() -> None:
    """One call a second, until somebody says more."""
    assert Pacer().rate == 1.0
    assert Pacer(clock=VirtualClock()).rate == 1.0
