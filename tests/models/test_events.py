"""Events as values: what handlers ask of them, and what their reprs keep quiet."""

import copy
import pickle

import pytest

from sinch_voice_async.models.destinations import Destination
from sinch_voice_async.models.events import Cookie, DisconnectedCall, IncomingCall, MenuResult, PromptInput
from sinch_voice_async.models.svaml.actions import CallHeader


def test_a_cookie_is_found_by_its_key() -> None:
    """The value set last is the one that counts; a cookie that was never set is None."""
    cookies = (Cookie(key="step", value="menu"), Cookie(key="who", value="bob"), Cookie(key="step", value="pin"))
    event = IncomingCall(call_id="1", cookies=cookies)
    assert event.cookie("step") == "pin"
    assert event.cookie("who") == "bob"
    assert event.cookie("Step") is None
    assert IncomingCall(call_id="1").cookie("step") is None


def test_an_event_is_a_value() -> None:
    """Events are frozen, compare, hash, copy and pickle whole, and match by class."""
    event = DisconnectedCall(
        call_id="1", reason="CANCEL", to=Destination.number("+46700000001"), extra={"reference": "r"}
    )
    assert pickle.loads(pickle.dumps(event)) == copy.deepcopy(event) == event
    assert hash(event) == hash(copy.copy(event))
    assert event != DisconnectedCall(call_id="1", reason="CANCEL", to=Destination.number("+46700000001"))
    with pytest.raises(AttributeError):
        event.call_id = "2"  # type: ignore[misc]  # frozen


def test_reprs_keep_quiet() -> None:
    """No digits, cookies, custom data or whole telephone numbers get into a log by way of a repr."""
    events = [
        IncomingCall(
            call_id="1",
            cli="+46700987654",
            rdnis="+46700987654",
            to=Destination.number("+46700987654"),
            custom="canary",
            cookies=(Cookie(key="pin", value="canary"),),
            call_headers=(CallHeader("key", "canary"),),
        ),
        DisconnectedCall(call_id="1", from_="+46700987654", user="canary"),
        PromptInput(call_id="1", menu_result=MenuResult(type="sequence", value="987654")),
    ]
    shown = repr(events)
    assert "canary" not in shown
    assert "98765" not in shown
    assert "cli='**********54'" in shown
