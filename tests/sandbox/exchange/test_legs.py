"""Who hears what is played to a leg of a call, from outside."""

import pytest

from sinch_voice_async.sandbox import Call, Sandbox
from sinch_voice_async.sandbox.exchange.calls import Party
from sinch_voice_async.sandbox.requests import Fields
from tests.sandbox.applications import Application, always, served
from tests.sandbox.exchange.scripts import custom

SAY = Fields({"instructions": [{"name": "say", "text": "Hello"}], "action": {"name": "continue"}})


def put_through(sandbox: Sandbox) -> Call:
    """Have somebody dial in, and be connected with somebody else."""
    sandbox.phone("+46700000001").hangs_up(after=None)
    sandbox.phone("+46700000002").hangs_up(after=None)
    return sandbox.exchange.dial_in(Party("number", "+46700000001"), Party("did", "+46700000000"))


@pytest.mark.parametrize("leg", ["caller", "callee", "both"])
def test_each_leg_hears_what_is_meant_for_it(fast: Sandbox, leg: str) -> None:
    """Only that prompt: what is played next goes to the caller again."""
    application = Application(
        fast,
        ice=always({"action": {"name": "connectPstn", "number": "+46700000002"}}),
        ace=always({"action": {"name": "continue"}}),
    )
    with served(application.app) as url:
        fast.account.callback_urls.primary = url
        call = put_through(fast)
        while call.state != "connected":
            assert not call.is_final
        call.handle.manage(SAY, leg)
        call.handle.manage(SAY, "caller")
        call.hang_up()
        call.until_final_sync(300)
    assert [(heard.text, heard.leg) for heard in call.transcript] == [("Hello", leg), ("Hello", "caller")]


@pytest.mark.parametrize("leg", ["caller", "callee", "both"])
def test_a_callout_has_one_leg(sandbox: Sandbox, leg: str) -> None:
    """Documents: the leg is ignored for calls that a callout began, and in conferences."""
    call = custom(sandbox)
    call.handle.manage(SAY, leg)
    assert [heard.leg for heard in call.transcript] == ["callee"]


def test_a_conference_has_one_leg(fast: Sandbox) -> None:
    """Whoever dialled in is a caller there, too."""
    application = Application(fast, ice=always({"action": {"name": "connectConf", "conferenceId": "room"}}))
    with served(application.app) as url:
        fast.account.callback_urls.primary = url
        call = put_through(fast)
        while call.state != "conference":
            assert not call.is_final
        call.handle.manage(SAY, "callee")
        call.hang_up()
        call.until_final_sync(300)
    assert [heard.leg for heard in call.transcript] == ["caller"]
