"""What SVAML makes a call do, in the exchange's time: instructions in order, then the action."""

import logging

import pytest

from sinch_voice_async.sandbox import Call, Heard, Sandbox
from sinch_voice_async.sandbox.exchange.calls import Party
from sinch_voice_async.sandbox.requests import Fields
from tests.sandbox.exchange.scripts import HANG_UP, custom, ending, lines, perform, place, states


def manage(call: Call, **document: object) -> None:
    """Send SVAML to an ongoing call."""
    call.handle.manage(Fields(document), "caller")


def test_instructions_take_their_time_and_come_in_order(sandbox: Sandbox) -> None:
    """A text takes as long as it takes to say it, a pause half a second; then the action ends the call."""
    files = ["#tts[one; two];welcome", "#href[https://example.com/a.wav]; ;#ssml[<b>hey</b>]"]
    call = perform(sandbox, {"name": "say", "text": "x" * 30, "locale": "sv-SE"}, {"name": "playFiles", "ids": files})
    sandbox.clock.step(2)
    assert [heard.text or heard.file for heard in call.transcript] == ["x" * 30, "one; two"]
    sandbox.clock.step(60)
    assert call.transcript[0] == Heard(0.0, 2.0, text="x" * 30, locale="sv-SE")
    assert [heard.file for heard in call.transcript] == ["", "", "welcome", "https://example.com/a.wav", ""]
    assert call.transcript[-1].text == "<b>hey</b>"
    assert ending(call) == ("ANSWERED", "MANAGERHANGUP", 8)
    assert lines(call, "instruction", "action") == ["instruction say", "instruction playFiles", "action hangup"]


def test_tones_take_their_time(sandbox: Sandbox) -> None:
    """A w is half a second; ``dtmf`` of a callout is played when somebody picks up."""
    call = custom(sandbox, HANG_UP, dtmf="ww12")
    sandbox.clock.step(60)
    assert call.ending is not None
    assert call.ending.at == pytest.approx(1.2)
    assert "note tones are played: ww12" in lines(call)
    pie = {"instructions": [{"name": "sendDtmf", "value": "1w"}], **HANG_UP}
    menu = {"action": {"name": "runMenu", "menus": [{"id": "main", "timeoutMills": 1000}]}}
    call = custom(sandbox, menu, pie=pie)
    sandbox.clock.step(60)
    assert call.seconds_since(call.answered_at) == pytest.approx(1.6)


def test_cookies_are_carried_until_they_are_too_many(sandbox: Sandbox) -> None:
    """The documents: 1,024 bytes in all."""
    call = perform(
        sandbox, {"name": "setCookie", "key": "a", "value": "1"}, {"name": "setCookie", "key": "b"}, name="continue"
    )
    assert call.cookies == {"a": "1", "b": ""}
    call = perform(sandbox, {"name": "setCookie", "key": "a", "value": "x" * 1_024})
    assert ending(call) == ("ANSWERED", "INVALIDSVAMLACTION", 0)


def test_a_call_that_nobody_ends_is_ended(sandbox: Sandbox) -> None:
    """After ``maxDuration``, and after four hours at the latest."""
    brief, endless = custom(sandbox, maxDuration=90), custom(sandbox)
    sandbox.clock.step(89)
    assert not brief.is_final
    sandbox.clock.step(20_000)
    assert ending(brief) == ("ANSWERED", "MANAGERHANGUP", 90)
    assert ending(endless) == ("ANSWERED", "MANAGERHANGUP", 14_400)
    assert brief.debit == pytest.approx(2 * 0.0368)


def test_a_second_party_is_connected(sandbox: Sandbox) -> None:
    """The call is as long as both stay; whoever leaves first ends it."""
    sandbox.phone("+46700000002").answers(after=5).hangs_up(after=60)
    menu = {"action": {"name": "runMenu", "menus": [{"id": "main", "timeoutMills": 1000}]}}
    call = custom(sandbox, menu, pie={"action": {"name": "connectPstn", "number": "+46700000002"}})
    sandbox.clock.step(100)
    assert ending(call) == ("ANSWERED", "CALLEEHANGUP", 66)
    assert call.connected_to == Party("number", "+46700000002")


def test_a_second_party_may_not_come(sandbox: Sandbox) -> None:
    """``dialTimeout`` is how long it rings; the first party was there all the time."""
    sandbox.phone("bob@example.com").answers(after=20)
    menu = {"action": {"name": "runMenu", "menus": [{"id": "main", "timeoutMills": 1000}]}}
    sip = {"name": "connectSip", "destination": {"endpoint": "bob@example.com"}, "dialTimeout": 10}
    call = custom(sandbox, menu, pie={"action": sip})
    sandbox.clock.step(100)
    assert ending(call) == ("ANSWERED", "TIMEOUT", 11)


def test_an_app_is_connected(sandbox: Sandbox) -> None:
    """``connectMxp`` rings a user name, and carries headers; the action may record it, an instruction may not."""
    action = {
        "name": "connectMxp",
        "destination": {"type": "username", "endpoint": "alice"},
        "callHeaders": [{"key": "foo", "value": "bar"}],
        "record": True,
    }
    sandbox.phone("alice").hangs_up(after=10)
    call = place(sandbox, destination=None, ice={"instructions": [{"name": "startRecording"}], "action": action})
    sandbox.clock.step(60)
    assert ending(call) == ("ANSWERED", "CALLEEHANGUP", 10)
    assert call.call_headers == [{"key": "foo", "value": "bar"}]
    assert [recording.size for recording in sandbox.recordings] == [44 + 160_000]
    assert "note startRecording is ignored" in lines(call)
    named = place(
        sandbox, destination={"type": "username", "endpoint": "alice"}, ice={"action": {"name": "connectMxp"}}
    )
    assert named.state == "answered"


def test_a_number_may_be_left_out(sandbox: Sandbox) -> None:
    """Whoever the callout names is rung."""
    call = place(sandbox, ice={"action": {"name": "connectPstn"}})
    assert (call.state, call.to.endpoint) == ("answered", "+46700000001")


PARK = {"name": "park", "introPrompt": "#tts[Welcome]", "holdPrompt": "music", "maxDuration": 60}


def test_a_parked_call_waits_and_is_fetched(sandbox: Sandbox) -> None:
    """Its prompts are heard; a PATCH connects it, and without one its time is up."""
    sandbox.phone("+46700000001").hangs_up(after=None)
    forgotten, fetched = (place(sandbox, destination=None, ice={"action": PARK}) for _ in range(2))
    sandbox.clock.step(30)
    assert fetched.state == "parked"
    manage(fetched, action={"name": "connectPstn", "number": "+46700000001"})
    sandbox.clock.step(60)
    assert states(fetched)[-2:] == ["parked", "ringing"]
    assert not fetched.is_final
    assert ending(forgotten) == ("ANSWERED", "TIMEOUT", 60)


def test_instructions_reach_a_call_over_what_it_is_doing(sandbox: Sandbox) -> None:
    """What is said by PATCH is heard at once; the call goes on."""
    call = perform(sandbox, **PARK | {"name": "runMenu", "menus": [{"id": "main", "timeoutMills": 30_000}]})
    sandbox.clock.step(10)
    say = {"name": "say", "text": "A minute left"}
    manage(call, instructions=[say], action={"name": "continue"})
    manage(call, instructions=[say])
    assert [heard.text for heard in call.transcript] == ["A minute left"] * 2
    assert call.state == "menu"
    manage(call, action={"name": "park", "introPrompt": "#tts[Wait]"})
    assert call.state == "parked"
    manage(call, instructions=[say], **HANG_UP)
    assert ending(call) == ("ANSWERED", "MANAGERHANGUP", 10)
    manage(call, **HANG_UP)
    assert len(call.updates) == 4


def test_a_fault_of_the_exchange_ends_one_call(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """GENERALERROR, and a traceback in the log."""
    sandbox.people.default = None  # type: ignore[assignment]  # what breaks it
    call = place(sandbox)
    assert (call.result, call.reason) == ("FAILED", "GENERALERROR")
    assert "AttributeError" in caplog.text


def test_a_log_can_be_followed(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """Each step is a line, without what is said, pressed or dialled."""
    caplog.set_level(logging.INFO, "sinch_voice_async.sandbox")
    call = perform(sandbox, {"name": "say", "text": "A secret"}, name="continue")
    call.press("4")
    call.hang_up()
    said = [line.split(" s  ")[1].split() for line in caplog.messages]
    assert said[0] == ["state", "placed"]
    assert ["instruction", "say"] in said
    assert ["heard", "8", "characters,", "0.533", "s"] in said
    assert ["keys", "1", "key"] in said
    assert said[-1] == ["state", "final", "MANAGERHANGUP"]
    assert "secret" not in caplog.text
