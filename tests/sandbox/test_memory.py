"""What a sandbox remembers is bounded in bytes: of all calls, of one call, and while every call is ongoing."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinch_voice_async.sandbox import Call, Sandbox
from sinch_voice_async.sandbox.exchange import calls as bounds
from sinch_voice_async.sandbox.exchange.documents import read_callout
from sinch_voice_async.sandbox.requests import Fields, read_object, shortened, size_of_body, size_of_value
from tests.sandbox.applications import Application, served
from tests.sandbox.exchange.scripts import custom

TTS = {"destination": {"type": "number", "endpoint": "+46700000001"}, "text": "x"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that a test reaches soon."""
    monkeypatch.setattr(bounds, "MOST_BYTES", 200_000)
    monkeypatch.setattr(bounds, "MOST_OF_A_CALL", 50_000)


def place(sandbox: Sandbox, **members: Any) -> Call:
    """Place a callout as it comes over HTTP."""
    body = json.dumps({"method": "ttsCallout", "ttsCallout": TTS | members}).encode()
    return sandbox.exchange.place(read_callout(read_object(body), max_text_length=600), {})


def test_finished_calls_are_forgotten_by_their_size() -> None:
    """The oldest first, as by their number."""
    sandbox = Sandbox(speed=0)
    kept = []
    for _ in range(50):
        kept.append(place(sandbox, unknown="y" * 20_000).call_id)
        sandbox.clock.step(10)
    sandbox.exchange.catch_up()
    assert [call.call_id for call in sandbox.calls] == kept[-len(sandbox.calls) :]
    assert 3 < len(sandbox.calls) < 10
    assert sandbox.calls.size <= 200_000
    assert sandbox.executed == 50


def test_ongoing_calls_stay_and_are_shortened() -> None:
    """None is forgotten before it is over; what nothing reads is cut."""
    sandbox = Sandbox(speed=0)
    calls = [place(sandbox, unknown="y" * 20_000) for _ in range(50)]
    assert len(sandbox.calls) == 50
    assert "... (20000 characters)" in json.dumps(calls[0].request)
    assert sum(len(json.dumps(call.request)) for call in calls) < 300_000
    sandbox.clock.step(10)
    assert [call.result for call in calls] == ["ANSWERED"] * 50
    sandbox.reset()
    assert sandbox.calls.size == 0


def test_updates_of_one_call_are_bounded() -> None:
    """The newest are kept, and each text is cut; the call goes on, and hears every word."""
    sandbox = Sandbox(speed=0)
    call = custom(sandbox)
    for number in range(300):
        document = {"instructions": [{"name": "say", "text": f"{number} " + "z" * 90_000}]}
        call.handle.manage(read_object(json.dumps(document).encode()), "caller")
    assert call.size < 1_500_000
    assert len(json.dumps(call.updates)) < 1_500_000
    assert len(call.timeline) < 500
    assert any(entry.text.endswith("entries are not kept") for entry in call.timeline)
    assert call.transcript[-1].text.startswith("299 ")
    assert call.state == "answered"


def test_answers_of_an_application_are_bounded() -> None:
    """A call that asks again and again."""
    sandbox = Sandbox(speed=1_000)
    menu = {"id": "main", "mainPrompt": "#tts[" + "m" * 4_000 + "]", "options": [{"dtmf": "1", "action": "return(1)"}]}
    again = {"action": {"name": "runMenu", "menus": [menu]}}
    answers = iter([again] * 40)
    application = Application(sandbox, pie=lambda _event: next(answers, {"action": {"name": "hangup"}}))
    with served(application.app) as url:
        sandbox.account.callback_urls.primary = url
        sandbox.phone("+46700000001").presses(*"1" * 60)
        call = place(sandbox, text="", enableAce=True, enablePie=True)
        call.handle.manage(Fields(again), "caller")
        call.until_final_sync(300)
    assert application.told().count("pie") == 41
    assert call.size < 1_000_000
    sandbox.close()


def test_an_inbound_call_has_no_request() -> None:
    """It is shortened all the same."""
    sandbox = Sandbox(speed=0)
    call = sandbox.exchange.dial_in(*(bounds.Party("number", f"+4670000000{number}") for number in (1, 2)))
    call.shorten()
    assert call.request == {}


@given(JSON)
def test_short_json_is_short(value: Any) -> None:
    """Whatever it was, it is JSON of at most so many values, and small ones stay as they are."""
    short = shortened(value)
    assert size_of_value(short) < 50_000
    assert len(json.dumps(short)) < 50_000
    small = shortened({"a": [1, "two", None, True, 1.5]})
    assert small == {"a": [1, "two", None, True, 1.5]}


def test_json_that_is_too_much() -> None:
    """Too many values, too deep, too long a number."""
    assert shortened(list(range(100))) == [*range(39), "(100 in all)"]
    deep: Any = "x"
    for _ in range(100):
        deep = [deep]
    assert "(nested too deeply)" in json.dumps(shortened(deep))
    assert size_of_value(deep) < 5_000
    assert shortened(10**4000) == "(a large number)"


def test_the_size_of_a_body() -> None:
    """What it takes when it is parsed: many small values are more than one large text."""
    assert size_of_body(b'{"a":"' + b"x" * 1_000 + b'"}') < 1_500
    assert size_of_body(b"[" + b"[]," * 1_000 + b"[]]") > 100_000
    assert size_of_body("\U0001f600".encode() * 1_000) > 8_000
    assert Fields({}).size == 0


def test_a_forgotten_call_counts_no_more() -> None:
    """What happens to it later is neither remembered nor counted."""
    sandbox = Sandbox(speed=0, history=0)
    call = place(sandbox)
    sandbox.clock.step(10)
    assert call.is_final
    call.handle.note("late")
    sandbox.calls.grow(call, 1_000)
    assert (sandbox.calls.size, sandbox.calls.changed_since(0)) == (0, [])
