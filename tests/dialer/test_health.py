"""When a campaign holds, pauses or stops polling by itself: pure decisions first, then whole runs."""

import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import pytest

from sinch_voice_async import (
    APIError,
    AuthenticationError,
    BadRequestError,
    Call,
    ForbiddenError,
    NotFoundError,
    Price,
    RateLimitedError,
    ServerError,
    TransportError,
)
from sinch_voice_async.dialer import Campaign, ContactState
from sinch_voice_async.dialer.pacing import Health, PauseControl
from tests.dialer.clocks import PatientJournal, VirtualClock, each, until, virtual_time
from tests.dialer.platforms import Platform, reminder

NUMBERS = [f"+4670000{last:04}" for last in range(200)]


def campaign(tmp_path: Path, clock: VirtualClock | None = None, **changes: Any) -> Campaign:
    """A campaign like any other."""
    file = tmp_path / "x.sqlite"
    journal = file if clock is None else PatientJournal(file, clock)
    return Campaign("x", journal=journal, clock=clock, **({"calls_per_second": math.inf} | changes))


def test_unknowns_hold_and_then_pause() -> None:
    """The fifth in a row holds, with growing pauses; the twenty-fifth pauses; an acceptance between resets it."""
    health, now = Health(network_timeout=60.0), 0.0
    assert [health.unknown("500", now, now).hold for _ in range(4)] == [0.0] * 4
    holds = []
    for _ in range(20):
        holds.append(health.unknown("500", now, now).hold)
        now += holds[-1]
    assert holds[:7] == [1, 2, 4, 8, 16, 30, 30]
    assert "25 callouts in a row" in str(health.unknown("500", now, now).pause)
    health.unknown("500", now, now)
    health.accepted(now + 60)
    assert (health.is_alone, health.unknown("500", now + 61, now + 61).hold) == (False, 0.0)
    assert health.is_alone


def test_what_was_sent_before_a_hold_changes_nothing() -> None:
    """A wave of hundreds that fail together is one piece of news."""
    health = Health(network_timeout=60.0)
    for _ in range(5):
        health.unknown("500", 10.0, 9.0)
    for _ in range(100):
        assert health.unknown("500", 10.0, 9.5) == health.unsent(10.0, 9.5) == health.accepted(9.5)
    health.too_fast(10.0, 9.5)
    health.refused("403", 9.5)
    assert health.is_alone


def test_refusals_in_a_row_pause() -> None:
    """Fifty, equal or not; an accepted callout counts anew; from the fifth on one callout goes out at a time."""
    health = Health(network_timeout=60.0)
    for _ in range(49):
        health.refused("422", 0.0)
    health.accepted(0.0)
    for status in ("400", "404", "400", "404"):
        health.refused(status, 1.0)
    assert not health.is_alone
    assert [health.refused("403", 1.0).pause for _ in range(45)] == [None] * 45
    assert health.is_alone
    health.too_fast(1.0, 1.0)
    assert health.is_alone
    assert health.refused("403", 2.0).pause == "the platform refused 50 callouts in a row with 400 and 404 and 403"


def test_the_network_is_waited_for() -> None:
    """For as long as the campaign says."""
    health = Health(network_timeout=60.0)
    assert not health.is_down
    assert health.unsent(0.0, 0.0).hold == 1.0
    assert health.is_down
    assert health.unsent(61.0, 61.0).give_up


def test_a_429_without_end_pauses() -> None:
    """Fifty waves in a row, each of which counts once."""
    health = Health(network_timeout=60.0)
    for wave in range(49):
        assert health.too_fast(float(wave), float(wave)).pause is None
        assert health.too_fast(float(wave), wave - 0.5).pause is None
    assert "50 times in a row" in str(health.too_fast(50.0, 50.0).pause)


async def test_a_pause_wakes_all_who_wait() -> None:
    """When it ends, or when the run is stopped; the first reason is kept."""
    control, woken = PauseControl(), []
    control.pause("first")
    control.pause("second")
    assert control.reason == "first"

    async def wait() -> None:
        woken.append(await control.wait())

    async with anyio.create_task_group() as tasks:
        for _ in range(2):
            tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        control.resume()
    control.pause("again")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        control.stop()
    control.pause("too late")
    assert woken == [True, True, False]
    assert not control.is_open
    assert not control.reason


@pytest.mark.parametrize("error", [ServerError(status=502, outcome="unknown"), TransportError()])
async def test_an_outage_makes_few_unknown(tmp_path: Path, error: Exception) -> None:
    """However fast the campaign is: 25 contacts in some minutes, then it pauses and says why."""
    async with virtual_time() as clock:
        ours, platform = campaign(tmp_path, clock, in_flight=50), Platform(*[error] * 200)
        async with ours.run(platform, each(NUMBERS), reminder) as outcomes:
            await until(lambda: outcomes.paused is not None)
            assert "the outcome of 25 callouts in a row is unknown" in str(outcomes.paused)
            platform.script.clear()
            outcomes.resume()
            await outcomes.wait()
    assert clock.elapsed > 300
    assert (await ours.report()).states == {ContactState.UNKNOWN: 25, ContactState.ACCEPTED: 175}


@pytest.mark.parametrize("error", [ForbiddenError(status=403), NotFoundError(status=404), BadRequestError(status=400)])
async def test_equal_refusals_do_not_use_up_the_list(tmp_path: Path, error: Exception) -> None:
    """Fifty contacts are refused, and the others stay to do."""
    ours, platform = campaign(tmp_path, in_flight=50), Platform(*[error] * 200)
    async with ours.run(platform, NUMBERS, reminder) as outcomes:
        await until(lambda: outcomes.paused is not None)
        assert outcomes.paused == f"the platform refused 50 callouts in a row with {getattr(error, 'status', 0)}"
        outcomes.cancel()
    assert (await ours.report()).states == {ContactState.REJECTED: 50, ContactState.TODO: 150}


async def test_429_for_ever(tmp_path: Path) -> None:
    """The campaign pauses instead of refusing everybody in the end."""
    async with virtual_time() as clock:
        platform = Platform(*[RateLimitedError(status=429) for _ in range(400)])
        ours = campaign(tmp_path, clock, calls_per_second=5)
        async with ours.run(platform, each(NUMBERS), reminder) as outcomes:
            await until(lambda: outcomes.paused is not None)
            assert "go slower" in str(outcomes.paused)


class Refusing(Platform):
    """A platform that takes callouts, and answers questions about them as it is told."""

    def __init__(self, *answers: Exception | Call | None) -> None:
        super().__init__()
        self.answers = [*answers]
        self.asked = 0
        self.callouts = self.calls = self
        self.place = self.__call__

    async def get(self, call_id: str) -> Call:
        """Answer, the last answer again and again."""
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer or Call(call_id=call_id, status="FINAL", result="ANSWERED")


@pytest.mark.parametrize("refuse", [NotFoundError, ForbiddenError, AuthenticationError])
async def test_polling_that_is_refused_ends(tmp_path: Path, refuse: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Ten refusals in a row end it: a line says so, and the list is called to its end."""
    error = refuse(status={NotFoundError: 404, ForbiddenError: 403, AuthenticationError: 401}[refuse])
    async with virtual_time() as clock:
        ours, platform = campaign(tmp_path, clock, follow="poll", in_flight=10), Refusing(error)
        async with ours.run(platform, each(NUMBERS[:40]), reminder) as outcomes:
            await outcomes.wait()
    assert clock.elapsed < 60
    assert platform.asked == 10
    assert (await ours.report()).states == {ContactState.ACCEPTED: 40}
    assert "the platform refuses to tell about calls" in caplog.text


@pytest.mark.parametrize("status", [400, 410, 422])
async def test_polling_with_questions_that_are_wrong(tmp_path: Path, status: int) -> None:
    """Any refusal would be the same again: it ends the polling, and frees the slots."""
    async with virtual_time() as clock:
        platform = Refusing(APIError("no", status=status))
        ours = campaign(tmp_path, clock, follow="poll", in_flight=10)
        async with ours.run(platform, each(NUMBERS[:40]), reminder) as outcomes:
            await outcomes.wait()
    assert (platform.asked, clock.elapsed < 60) == (10, True)


async def test_polling_that_is_refused_under_a_spend_limit(tmp_path: Path) -> None:
    """Nobody knows what is spent any more: the campaign pauses."""
    async with virtual_time() as clock:
        ours = campaign(tmp_path, clock, follow="poll", spend_limit=5)
        platform = Refusing(NotFoundError(status=404), Call(call_id="c", status="ONGOING"), NotFoundError(status=404))
        async with ours.run(platform, each(NUMBERS[:20]), reminder) as outcomes:
            await until(lambda: outcomes.paused is not None)
            assert "needs the results of calls" in str(outcomes.paused)


async def test_one_call_that_the_platform_does_not_know(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is given up after three questions, and polling goes on for the others."""
    async with virtual_time() as clock:
        ours, platform = campaign(tmp_path, clock, follow="poll", in_flight=1), Refusing(None)
        platform.answers = [*[NotFoundError(status=404)] * 3, None]
        async with ours.run(platform, each(NUMBERS[:2]), reminder) as outcomes:
            await outcomes.wait()
    assert (await ours.report()).states == {ContactState.ACCEPTED: 1, ContactState.DONE: 1}
    assert "does not tell about a call (404)" in caplog.text


async def test_questions_that_fail_are_asked_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A platform that is ill for a while costs a line in the log."""
    async with virtual_time() as clock:
        ours, platform = campaign(tmp_path, clock, follow="poll"), Refusing(None)
        platform.answers = [*[ServerError(status=500)] * 12, None]
        async with ours.run(platform, each(NUMBERS[:1]), reminder) as outcomes:
            await outcomes.wait()
    assert (await ours.report()).results == {"ANSWERED": 1}
    assert caplog.text.count("questions about calls failed") == 1


async def test_an_absurd_price_is_no_price(tmp_path: Path) -> None:
    """It ends nothing: the call is over, and what it cost is not known."""
    absurd = ["1e999999999", "-1e999999999", "1e-999999999", "NaN", "sNaN", "Infinity", "9" * 4000]
    answers = [
        Call(
            call_id="c",
            status="FINAL",
            result="ANSWERED",
            duration=10**30,
            debit=Price(amount=Decimal(each), currency_id="\ud800\0"),
        )
        for each in absurd
    ]
    async with virtual_time() as clock:
        ours, platform = campaign(tmp_path, clock, follow="poll", in_flight=1), Refusing(*answers)
        async with ours.run(platform, each(NUMBERS[: len(absurd)]), reminder) as outcomes:
            await outcomes.wait()
    report = await ours.report()
    assert (report.states, report.spent) == ({ContactState.DONE: len(absurd)}, {})
