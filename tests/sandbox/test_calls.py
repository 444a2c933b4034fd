"""What becomes of calls: states on the exchange's clock, people at the other end, and calls managed from outside."""

from datetime import UTC, datetime, timedelta

import pytest

from sinch_voice_async.sandbox import Person, Sandbox

from .caller import Caller, error, in_process


async def outcome(caller: Caller, call_id: str) -> tuple[str, str, str, int]:
    """Return a call's status, result, reason and duration."""
    call = await caller.call(call_id)
    return call["status"], call["result"], call["reason"], call["duration"]


async def test_a_call_is_described_as_documented(caller: Caller) -> None:
    """Every documented member but ``from``, which the platform leaves out of callouts."""
    call_id = await caller.placed(cli="+46700000000", custom="customData")
    call = await caller.call(call_id)
    placed_on = datetime.fromisoformat(call.pop("timestamp"))
    assert abs(datetime.now(UTC) - placed_on) < timedelta(minutes=1)
    assert call == {
        "to": {"type": "number", "endpoint": "+46700000001"},
        "domain": "pstn",
        "callId": call_id,
        "duration": 0,
        "status": "ONGOING",
        "result": "ANSWERED",
        "reason": "N/A",
        "custom": "customData",
        "userRate": {"currencyId": "USD", "amount": 0.0368},
        "debit": {"currencyId": "USD", "amount": 0.0},
    }


async def test_the_caller_is_shown_on_request() -> None:
    """``from`` is documented, and some readers want it."""
    async with in_process(Sandbox(show_caller=True)) as caller:
        call = await caller.call(await caller.placed(cli="+46700000000"))
        assert call["from"] == {"type": "number", "endpoint": "+46700000000"}
        assert "from" not in await caller.call(await caller.placed())


async def test_a_call_rings_is_answered_and_ends(caller: Caller) -> None:
    """ONGOING becomes FINAL as the exchange's time passes, and the duration adds up."""
    caller.sandbox.phone("+46700000001").answers(after=5).hangs_up(after=61)
    call_id = await caller.placed()
    assert await outcome(caller, call_id) == ("ONGOING", "N/A", "N/A", 0)
    caller.sandbox.clock.step(15)
    assert await outcome(caller, call_id) == ("ONGOING", "ANSWERED", "N/A", 10)
    caller.sandbox.clock.step(1_000)
    assert await outcome(caller, call_id) == ("FINAL", "ANSWERED", "CALLEEHANGUP", 61)
    assert (await caller.call(call_id))["debit"]["amount"] == pytest.approx(2 * 0.0368)


async def test_nobody_answers(caller: Caller) -> None:
    """It rings for a while, and costs nothing."""
    caller.sandbox.phone("46700000001").does_not_answer()
    call_id = await caller.placed()
    assert await outcome(caller, call_id) == ("ONGOING", "N/A", "N/A", 0)
    caller.sandbox.clock.step(31)
    assert await outcome(caller, call_id) == ("FINAL", "NOANSWER", "TIMEOUT", 0)
    assert (await caller.call(call_id))["debit"]["amount"] == 0


@pytest.mark.parametrize("habit", ["is_busy", "declines"])
async def test_the_call_is_refused(caller: Caller, habit: str) -> None:
    """A busy line and a declined call end at once."""
    getattr(caller.sandbox.phone("+46700000001"), habit)()
    assert await outcome(caller, await caller.placed()) == ("FINAL", "BUSY", "CALLEEHANGUP", 0)


async def test_somebody_else_answers_everywhere() -> None:
    """The default person is configurable, and a longest duration ends even an endless talk."""
    async with in_process(Sandbox(speed=0, person=Person(hangs_up_after=None))) as caller:
        endless = await caller.placed()
        response = await caller.callout(
            "conferenceCallout",
            {
                "destination": {"type": "number", "endpoint": "+46700000001"},
                "conferenceId": "room",
                "maxDuration": 30,
            },
        )
        caller.sandbox.clock.step(100)
        assert await outcome(caller, endless) == ("ONGOING", "ANSWERED", "N/A", 100)
        assert await outcome(caller, response.json()["callId"]) == ("FINAL", "ANSWERED", "MANAGERHANGUP", 30)


async def test_time_can_run_fast() -> None:
    """At a thousand times the speed, three seconds pass while a test looks away."""
    async with in_process(Sandbox(speed=1_000_000)) as caller:
        assert (await outcome(caller, await caller.placed()))[0] == "FINAL"


HANG_UP = {"instructions": [{"name": "say", "text": "Goodbye"}], "action": {"name": "hangup"}}


async def test_a_managed_call_is_hung_up(caller: Caller) -> None:
    """PATCH answers 204 without a body, the call ends, and what was sent is kept."""
    call_id = await caller.placed()
    caller.sandbox.clock.step(2)
    response = await caller.send("PATCH", f"/calling/v1/calls/id/{call_id}", HANG_UP)
    assert (response.status_code, response.content) == (204, b"")
    assert await outcome(caller, call_id) == ("FINAL", "ANSWERED", "MANAGERHANGUP", 2)
    assert caller.sandbox.calls[call_id].updates == [HANG_UP]
    assert error(await caller.send("PATCH", f"/calling/v1/calls/id/{call_id}", HANG_UP)) == (404, 40400)


async def test_a_ringing_call_is_cancelled(caller: Caller) -> None:
    """Whoever was called never answered."""
    caller.sandbox.phone("+46700000001").answers(after=10)
    call_id = await caller.placed()
    await caller.send("PATCH", f"/calling/v1/calls/id/{call_id}", HANG_UP)
    caller.sandbox.clock.step(60)
    assert await outcome(caller, call_id) == ("FINAL", "NOANSWER", "CANCEL", 0)


@pytest.mark.parametrize("leg", ["caller", "callee", "both"])
async def test_a_leg_is_managed(caller: Caller, leg: str) -> None:
    """Instructions without an action leave the call as it is; 200 without a body."""
    call_id = await caller.placed()
    svaml = {"instructions": [{"name": "playFiles", "ids": ["welcome"]}]}
    response = await caller.send("PATCH", f"/calling/v1/calls/id/{call_id}/leg/{leg}", svaml)
    assert (response.status_code, response.content) == (200, b"")
    assert caller.sandbox.calls[call_id].status == "ONGOING"


async def test_managing_can_go_wrong(caller: Caller) -> None:
    """40003 for what cannot be asked for, 40400 for calls that are not there."""
    path = f"/calling/v1/calls/id/{await caller.placed()}"
    assert error(await caller.send("GET", "/calling/v1/calls/id/nobody")) == (404, 40400)
    assert error(await caller.send("PATCH", "/calling/v1/calls/id/nobody", HANG_UP)) == (404, 40400)
    assert error(await caller.send("PATCH", path, {})) == (400, 40003)
    assert error(await caller.send("PATCH", path, b"")) == (400, 40003)
    assert error(await caller.send("PATCH", path, {"action": {"name": "connectStream"}})) == (400, 40003)
    assert error(await caller.send("PATCH", f"{path}/leg/third", HANG_UP)) == (400, 40003)


async def test_in_app_calls_cannot_be_managed(caller: Caller) -> None:
    """The documents: only calls that originate from or terminate to PSTN or SIP."""
    call_id = await caller.placed(destination={"type": "username", "endpoint": "alice"})
    assert error(await caller.send("PATCH", f"/calling/v1/calls/id/{call_id}", HANG_UP)) == (400, 40003)
    assert (await caller.call(call_id))["domain"] == "mxp"


def test_a_clock_changes_its_speed_without_a_jump(sandbox: Sandbox) -> None:
    """What has passed has passed."""
    sandbox.clock.step(10)
    sandbox.clock.speed = 0
    assert sandbox.clock.speed == 0
    assert sandbox.clock.now() == 10
