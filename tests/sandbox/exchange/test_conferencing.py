"""Conferences from the inside: greetings, keys, and how calls leave them."""

from typing import Any

import pytest

from sinch_voice_async.sandbox import Call, Sandbox
from sinch_voice_async.sandbox.requests import Fields
from tests.sandbox.applications import Application, served
from tests.sandbox.exchange.scripts import custom, lines, place


def joined(sandbox: Sandbox, **options: Any) -> Call:
    """Have somebody join a conference by SVAML."""
    action = {"name": "connectConf", "conferenceId": "room", "moh": "music1"}
    return custom(sandbox, {"action": action | ({"conferenceDtmfOptions": options} if options else {})})


def test_a_greeting_is_heard(sandbox: Sandbox) -> None:
    """In the locale of the callout; then the participant sits and listens."""
    call = place(sandbox, "conferenceCallout", conferenceId="room", greeting="Hello", locale="sv-SE", mohClass="music2")
    assert [(heard.text, heard.locale) for heard in call.transcript] == [("Hello", "sv-SE")]
    assert call.seat is not None
    assert (call.seat.conference_id, call.seat.moh) == ("room", "music2")


@pytest.mark.parametrize(("mode", "hears"), [("ignore", False), ("forward", True)])
def test_keys_reach_the_others_where_they_are_forwarded(sandbox: Sandbox, mode: str, hears: bool) -> None:
    """Nobody else's conference, and not whoever pressed them."""
    presser, other, stranger = joined(sandbox, mode=mode), joined(sandbox), custom(sandbox)
    presser.press("5")
    note = "note hears the key 5 of another participant"
    assert [note in lines(call) for call in (presser, other, stranger)] == [False, hears, False]


def test_keys_reach_the_application_where_they_are_detected(fast: Sandbox) -> None:
    """PIE of type sequence with the conference for its menu: after so many keys, or a silence."""
    # However long the machine takes from key to key, nobody is silent for a second.
    fast.clock.speed = 0
    application = Application(fast)
    with served(application.app) as url:
        fast.account.callback_urls.primary = url
        call = joined(fast, mode="detect", maxDigits=2, timeoutMills=1000)
        call.press("123")
        while len(application.events) < 2:
            fast.clock.step(1)
        call.hang_up()
        call.until_final_sync(300)
    results = [event["menuResult"] for event in application.events[:2]]
    assert [(each["menuId"], each["type"], each["value"]) for each in results] == [
        ("room", "sequence", "12"),
        ("room", "sequence", "3"),
    ]


def test_a_participant_is_sent_elsewhere(sandbox: Sandbox) -> None:
    """PATCH takes the call out of its conference."""
    call = joined(sandbox)
    call.handle.manage(Fields({"action": {"name": "park"}}), "caller")
    assert (call.seat, call.state) == (None, "parked")
