"""A campaign from elsewhere: through its journal from another process, and one contact at a time from a task queue."""

import math
from pathlib import Path
from typing import Any

import anyio
import pytest

from sinch_voice_async import (
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    InvalidRequestError,
    RateLimitedError,
    TransportError,
)
from sinch_voice_async.dialer import (
    Campaign,
    Change,
    Claim,
    Contact,
    ContactState,
    Control,
    Pacer,
    RunStatus,
)
from tests.dialer.clocks import NOON, PatientJournal, VirtualClock, each, until, virtual_time
from tests.dialer.platforms import Platform, reminder

NUMBERS = [f"+467000000{last:02}" for last in range(20)]


def campaign(tmp_path: Path, clock: VirtualClock | None = None, **changes: Any) -> Campaign:
    """A campaign like any other."""
    file = tmp_path / "x.sqlite"
    journal = file if clock is None else PatientJournal(file, clock)
    return Campaign("x", journal=journal, clock=clock, **({"calls_per_second": math.inf} | changes))


async def test_paused_and_resumed_from_elsewhere(tmp_path: Path) -> None:
    """A run obeys within a second, and its own pause is not ended by another's."""
    ours, elsewhere, platform = campaign(tmp_path, calls_per_second=5), campaign(tmp_path), Platform()
    async with ours.run(platform, NUMBERS, reminder) as outcomes:
        await elsewhere.pause("lunch")
        assert await elsewhere.control() == Control(pause="lunch")
        await until(lambda: outcomes.paused == "lunch")
        await elsewhere.resume()
        await until(lambda: outcomes.paused is None)
        outcomes.pause()
        await elsewhere.pause()
        await anyio.sleep(1.2)
        await elsewhere.resume()
        await anyio.sleep(1.2)
        assert outcomes.paused == "paused"
        outcomes.resume()
        await outcomes.wait()
    assert platform.rang == dict.fromkeys(NUMBERS, 1)


async def test_the_pace_is_changed_from_elsewhere(tmp_path: Path) -> None:
    """From one an hour to as fast as possible, and back to its own."""
    ours, elsewhere, platform = campaign(tmp_path, calls_per_second=1 / 3600), campaign(tmp_path), Platform()
    async with ours.run(platform, NUMBERS, reminder) as outcomes:
        await anext(outcomes)
        await elsewhere.set_pace(1000)
        await outcomes.wait()
        assert outcomes.rate == 1000
    await elsewhere.set_pace(None)
    async with ours.run(platform, [], reminder) as outcomes:
        assert outcomes.rate == 1 / 3600
    with pytest.raises(ConfigurationError, match="calls_per_second"):
        await elsewhere.set_pace(0)


async def test_cancelled_from_elsewhere(tmp_path: Path) -> None:
    """The run ends; the next one was not meant."""
    ours, elsewhere, platform = campaign(tmp_path, calls_per_second=1 / 3600), campaign(tmp_path), Platform()
    async with ours.run(platform, NUMBERS, reminder) as outcomes:
        await elsewhere.cancel()
        await outcomes.wait()
    assert platform.rang.total() <= 1
    async with campaign(tmp_path).run(platform, NUMBERS, reminder) as outcomes:
        await outcomes.wait()
    assert platform.rang == dict.fromkeys(NUMBERS, 1)


async def test_a_pace_that_changes_while_somebody_waits() -> None:
    """The next callout goes out at the new pace; none is slower than a pace that a float can hold."""
    clock = VirtualClock()
    pacer = Pacer(1 / 3600, clock=clock)
    await pacer.wait()
    await pacer.set_target(10)
    assert pacer.rate == 10
    assert pacer._pace.next == pytest.approx(0.1)
    assert Pacer(5e-324).rate > 0
    assert Pacer(10**400).rate == math.inf


async def test_a_run_that_stays(tmp_path: Path) -> None:
    """It waits for contacts that others enqueue, until it is cancelled; its status has this run and the campaign."""
    ours, platform = campaign(tmp_path), Platform()
    await ours.enqueue(NUMBERS[:1])
    async with ours.run(platform, None, reminder) as outcomes:
        await outcomes.wait()
    async with ours.run(platform, None, reminder, stay=True) as outcomes:
        await ours.enqueue(NUMBERS[:3])
        assert {(await anext(outcomes)).number, (await anext(outcomes)).number} == {*NUMBERS[1:3]}
        status = outcomes.status()
        outcomes.cancel()
        await outcomes.wait()
    assert isinstance(status, RunStatus)
    assert (status.this_run.placed, status.this_run.states[ContactState.ACCEPTED]) == (2, 2)
    assert status.campaign.states[ContactState.ACCEPTED] == 3
    assert (status.rate, status.alive, status.to_do, status.paused) == (math.inf, 0, 0, None)


async def test_one_step_is_idempotent(tmp_path: Path) -> None:
    """However often and from however many tasks it is called, the contact is called once."""
    ours, platform = campaign(tmp_path), Platform()

    async def step() -> None:
        await ours.dial(NUMBERS[0], platform, reminder)

    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(step)
    outcome = await ours.dial(Contact(NUMBERS[0]), platform, reminder)
    assert (outcome.state, outcome.call_id) == (ContactState.ACCEPTED, "call-1")
    assert platform.rang == {NUMBERS[0]: 1}


async def test_a_step_says_why_not(tmp_path: Path) -> None:
    """Listed, outside of the rules, unknown, or no number at all."""
    ours = campaign(tmp_path, do_not_call=NUMBERS[:1])
    assert (await ours.dial(NUMBERS[0], Platform(), reminder)).note == "on the do-not-call list"
    unknown = await ours.dial(NUMBERS[1], Platform(TransportError()), reminder)
    assert unknown.state is ContactState.UNKNOWN
    assert (await ours.dial(NUMBERS[1], Platform(), reminder)).state is ContactState.UNKNOWN
    with pytest.raises(InvalidRequestError):
        await ours.dial("0700", Platform(), reminder)
    with pytest.raises(ConfigurationError):
        await ours.dial(NUMBERS[0], Platform(), None)  # type: ignore[arg-type]


@pytest.mark.parametrize("error", [ConnectError(), AuthenticationError(status=401), RateLimitedError(status=429)])
async def test_a_step_that_reached_nobody_is_raised(tmp_path: Path, error: Exception) -> None:
    """So that the task queue tries again, by its own rules."""
    ours, platform = campaign(tmp_path), Platform(error)
    with pytest.raises(type(error)):
        await ours.dial(NUMBERS[0], platform, reminder)
    assert (await ours.dial(NUMBERS[0], platform, reminder)).state is ContactState.ACCEPTED


async def test_a_step_whose_process_died(tmp_path: Path) -> None:
    """Two minutes later its claim is unknown; before, it may still be under way."""
    async with virtual_time() as clock:
        ours, platform = campaign(tmp_path, clock), Platform()
        await ours.enqueue(each(NUMBERS[:1]))
        async with ours:
            await ours.journal.claim(Claim(number=NUMBERS[0], token="t", at=NOON))
            assert (await ours.dial(NUMBERS[0], platform, reminder)).state is ContactState.DIALING
            clock.wall += 300
            assert (await ours.dial(NUMBERS[0], platform, reminder)).state is ContactState.UNKNOWN
        assert not platform.headers


async def test_how_many_would_be_released(tmp_path: Path) -> None:
    """Counted before anybody is asked; the numbers may be in the form of the campaign's country."""
    ours = campaign(tmp_path, country="SE")
    async with ours.run(Platform(TransportError()), ["070-000 00 00", NUMBERS[1]], reminder) as outcomes:
        await outcomes.wait()
    assert await ours.releasable(NUMBERS[:3]) == 1
    assert await ours.release(["0700000000", NUMBERS[1]]) == 1
    with pytest.raises(InvalidRequestError):
        await ours.release(["nobody"])


def test_former_names() -> None:
    """They work for one release more, with a warning."""
    from sinch_voice_async import dialer

    with pytest.warns(DeprecationWarning, match="longest_call"):
        assert Campaign("x", journal="x", longest_call=7).settings.max_call_duration == 7
    with pytest.warns(DeprecationWarning, match="patience"):
        assert Campaign("x", journal="x", patience=7).settings.network_timeout == 7
    with pytest.warns(DeprecationWarning, match="AttemptUpdate"):
        assert dialer.News is dialer.AttemptUpdate
    with pytest.raises(AttributeError, match="nothing"):
        _ = dialer.nothing
    assert Change("mark_unknown") is Change.DOUBT
