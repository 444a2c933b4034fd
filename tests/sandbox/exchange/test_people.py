"""Who is at the telephone: scripted people, machines, humans who pick up by hand, and people who dial in."""

from typing import Any

import pytest

from sinch_voice_async.sandbox import Sandbox
from tests.sandbox.applications import Application, always, served
from tests.sandbox.exchange.scripts import HANG_UP, custom, ending, lines, place, states

MENU: dict[str, Any] = {"action": {"name": "runMenu", "menus": [{"id": "main", "maxDigits": 2}]}}


def test_a_telephone_waits_for_a_human(sandbox: Sandbox) -> None:
    """It rings until it is picked up; keys and the end are theirs."""
    sandbox.phone("+46700000001").is_manual()
    call = place(sandbox, ace=MENU)
    with pytest.raises(RuntimeError, match="no person"):
        call.press("1")
    sandbox.clock.step(5)
    assert call.timeline[-1].data["manual"] is True
    call.pick_up()
    with pytest.raises(RuntimeError, match="no telephone"):
        call.pick_up()
    call.press("4")
    with pytest.raises(ValueError, match="0-9"):
        call.press("a")
    sandbox.clock.step(2)
    call.put_down()
    call.put_down()
    assert ending(call) == ("ANSWERED", "CALLEEHANGUP", 2)
    assert lines(call, "keys") == ["keys 4"]
    with pytest.raises(RuntimeError, match="no person"):
        call.press("1")


def test_a_human_may_not_come_or_decline(sandbox: Sandbox) -> None:
    """It rings for half a minute; putting it down while it rings declines."""
    sandbox.phone("+46700000001").is_manual()
    missed, declined = place(sandbox), place(sandbox)
    declined.put_down()
    sandbox.clock.step(31)
    assert ending(missed) == ("NOANSWER", "TIMEOUT", 0)
    assert ending(declined) == ("BUSY", "CALLEEHANGUP", 0)


def test_somebody_may_be_faster(sandbox: Sandbox) -> None:
    """A scripted telephone can be picked up by hand as well."""
    sandbox.phone("+46700000001").answers(after=10)
    call = place(sandbox)
    call.pick_up()
    assert call.is_answered
    sandbox.phone("+46700000001").does_not_answer()
    call = place(sandbox)
    call.pick_up()
    assert call.is_answered
    sandbox.people.clear()
    assert sandbox.people.at("+46700000001") == sandbox.people.default


def test_keys_are_keys(sandbox: Sandbox) -> None:
    """A script that nobody could press is refused."""
    for keys in ((), ("",), ("x",)):
        with pytest.raises(ValueError, match="keys"):
            sandbox.phone("+46700000001").presses(*keys)


AMD: dict[str, Any] = {"name": "connectPstn", "number": "+46700000001", "amd": {"enabled": "true"}}


@pytest.mark.parametrize(("is_machine", "status", "seconds"), [(True, "machine", 3), (False, "human", 1)])
def test_a_machine_is_found_before_the_application_is_asked(
    fast: Sandbox, is_machine: bool, status: str, seconds: int
) -> None:
    """Synchronous detection: ACE says what it was, and comes later."""
    phone = fast.phone("+46700000001")
    phone.is_machine() if is_machine else phone.hangs_up(after=60)
    application = Application(fast, ace=always(HANG_UP))
    with served(application.app) as url:
        fast.account.callback_urls.primary = url
        call = place(fast, destination=None, ice={"action": AMD}).until_final_sync(300)
    assert application.events[0]["amd"]["status"] == status
    assert application.events[0]["amd"]["duration"] == seconds
    assert call.duration == seconds


@pytest.mark.parametrize(
    ("is_machine", "told"), [(True, ["ace", "amd", "amd_beep", "dice"]), (False, ["ace", "amd", "dice"])]
)
def test_a_machine_is_found_while_the_call_goes_on(fast: Sandbox, is_machine: bool, told: list[str]) -> None:
    """Asynchronous detection: ACE at once, then what it was, then the beep."""
    phone = fast.phone("+46700000001")
    phone.is_machine(beeps_after=5) if is_machine else phone.hangs_up(after=60)
    application = Application(fast)
    with served(application.app) as url:
        fast.account.callback_urls.primary = url
        action = AMD | {"amd": {"enabled": True, "async": True}}
        place(fast, destination=None, ice={"action": action}).until_final_sync(300)
    assert application.told() == told
    assert application.events[0]["amd"] == {"status": "inprogress"}


async def test_somebody_dials_in_and_is_connected(fast: Sandbox) -> None:
    """ICE asks whom to ring; ACE comes when they answer; DiCE when the caller has had enough."""
    fast.phone("+46700000007").hangs_up(after=60)
    fast.phone("+46700000002").answers(after=10).hangs_up(after=None)
    connect = {"action": {"name": "connectPstn", "number": "+46700000002"}}
    application = Application(fast, ice=always(connect))
    with served(application.app) as url:
        fast.account.callback_urls.primary = url
        call = await (await fast.dial_in("+46700000007", "+46100000000", custom="x")).until_final(300)
    ice, ace, dice = application.events
    assert (ice["cli"], ice["to"], ice["originationType"]) == (
        "+46700000007",
        {"type": "did", "endpoint": "+46100000000"},
        "PSTN",
    )
    assert (ace["event"], dice["reason"], dice["from"], dice["custom"]) == ("ace", "CALLERHANGUP", "+46700000007", "x")
    assert ending(call) == ("ANSWERED", "CALLERHANGUP", 50)
    assert call.request == {}
    assert fast.executed == 0
    assert states(call) == ["placed", "ringing", "answered", "connected", "final"]


async def test_somebody_dials_in_and_hears_a_menu(fast: Sandbox) -> None:
    """The platform answers, and the caller presses the keys."""
    fast.phone("alice").presses("42")
    application = Application(fast, ice=always(MENU), pie=always(HANG_UP))
    with served(application.app) as url:
        fast.account.callback_urls.primary = url
        call = await (await fast.dial_in("alice", "support", kind="username")).until_final(300)
    assert application.told() == ["ice", "pie", "dice"]
    assert application.events[0]["domain"] == "mxp"
    assert application.events[1]["menuResult"]["value"] == "42"
    assert ending(call)[:2] == ("ANSWERED", "MANAGERHANGUP")


async def test_a_caller_may_be_turned_away_or_lose_patience(fast: Sandbox) -> None:
    """A message and no answer; a hang-up while it rings; nobody to ask."""
    say = {"instructions": [{"name": "say", "text": "We are closed"}], **HANG_UP}
    with served(Application(fast, ice=always(say)).app) as url:
        fast.account.callback_urls.primary = url
        call = await (await fast.dial_in("+46700000007", "+46100000000")).until_final(300)
        assert ending(call) == ("NOANSWER", "MANAGERHANGUP", 0)
        assert [heard.text for heard in call.transcript] == ["We are closed"]
        fast.phone("+46700000002").answers(after=10)
    connect = {"action": {"name": "connectPstn", "number": "+46700000002"}}
    with served(Application(fast, ice=always(connect)).app) as url:
        fast.account.callback_urls.primary = url
        call = await (await fast.dial_in("+46700000007", "+46100000000")).until_final(300)
        assert ending(call) == ("NOANSWER", "CALLERHANGUP", 0)
    fast.account.callback_urls.primary = ""
    call = await (await fast.dial_in("+46700000007", "+46100000000")).until_final(300)
    assert ending(call) == ("FAILED", "CALLBACKERROR", 0)
    assert call.transcript


async def test_waiting_ends(sandbox: Sandbox) -> None:
    """With TimeoutError where the call does not."""
    call = custom(sandbox)
    with pytest.raises(TimeoutError):
        await call.until_final(0.02)
    with pytest.raises(TimeoutError):
        call.until_final_sync(0.02)
    assert repr(call) == f"<Call {call.call_id} to ***01 ongoing>"
    call.put_down()
    assert repr(call).endswith("final>")
    assert await call.until_final() is call.until_final_sync()


def test_calls_can_be_forgotten(sandbox: Sandbox) -> None:
    """And their timers with them."""
    call = custom(sandbox)
    before = sandbox.exchange.version
    sandbox.exchange.clear()
    sandbox.clock.step(100_000)
    assert not call.is_final
    assert len(sandbox.calls) == 0
    assert sandbox.exchange.version > before
