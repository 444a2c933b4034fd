"""Placing callouts: the documents' own samples, each documented refusal, and what a test can look up afterwards."""

import json
from typing import Any

import pytest

from sinch_voice_async.sandbox import Sandbox

from .caller import TTS, Caller, error

NUMBER = {"type": "number", "endpoint": "46000000001"}
CONFERENCE = {"destination": NUMBER, "conferenceId": "room"}
SAMPLES: list[dict[str, Any]] = [
    # Calling API, "Conference Callout" and "Text-to-speech Callout".
    {
        "method": "conferenceCallout",
        "conferenceCallout": {
            "cli": "46000000000",
            "destination": NUMBER,
            "domain": "pstn",
            "custom": "customData",
            "locale": "en-US",
            "greeting": "Welcome to my conference",
            "conferenceId": "my_conference_room_id",
            "enableAce": False,
            "enableDice": False,
        },
    },
    {
        "method": "ttsCallout",
        "ttsCallout": {
            "cli": "46000000000",
            "destination": NUMBER,
            "domain": "pstn",
            "custom": "customData",
            "locale": "en-US",
            "prompts": "#tts[Hello, now follows a pre-recorded file.];myprerecordedfile;#tts[We hope you liked it.]",
            "enabledice": True,
        },
    },
    # The OpenAPI description, 1.0.1.
    {
        "method": "customCallout",
        "pop": "eu-central",
        "customCallout": {
            "ice": '{"action": {"name": "connectPstn", "number": "+12233445566", "cli": "+12234325234"}}',
            "ace": '{"instructions": [{"name": "say", "text": "Hello!"}], "action": {"name": "hangup"}}',
        },
    },
]


@pytest.mark.parametrize("sample", SAMPLES, ids=[each["method"] for each in SAMPLES])
@pytest.mark.parametrize("path", ["/calling/v1/callouts", "/calling/v1/callouts/"])
async def test_the_documents_samples_are_accepted(caller: Caller, sample: dict[str, Any], path: str) -> None:
    """With and without the trailing slash that older samples have."""
    response = await caller.send("POST", path, sample)
    assert response.status_code == 200
    call = caller.sandbox.calls[response.json()["callId"]]
    assert call.request == sample
    assert call.callout is not None
    assert call.callout.method == sample["method"]


async def test_callouts_are_counted_and_kept(caller: Caller) -> None:
    """A test sees how many telephones rang, in order, and may start anew."""
    ids = [await caller.placed(), await caller.placed()]
    assert [call.call_id for call in caller.sandbox.calls] == ids
    assert caller.sandbox.executed == len(caller.sandbox.calls) == 2
    caller.sandbox.calls.clear()
    assert caller.sandbox.executed == 0


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[]", b"\xff", b'{"a":' * 2_000])
async def test_what_is_no_json_object_is_40003(caller: Caller, body: bytes) -> None:
    """Whatever the bytes are, the answer is the documented one."""
    assert error(await caller.send("POST", "/calling/v1/callouts", body)) == (400, 40003)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, 40002),
        ({"method": "ringBell"}, 40001),
        ({"method": 7}, 40001),
        ({"method": "ttsCallout"}, 40002),
        ({"method": "ttsCallout", "ttsCallout": "hello"}, 40001),
    ],
)
async def test_a_wrong_envelope_is_refused(caller: Caller, body: object, code: int) -> None:
    """The method must be known, and its object there."""
    assert error(await caller.send("POST", "/calling/v1/callouts", body)) == (400, code)


@pytest.mark.parametrize(
    ("method", "members", "code", "field"),
    [
        ("ttsCallout", {**TTS, "destination": None}, 40002, "ttsCallout.destination"),
        ("ttsCallout", {**TTS, "destination": {"endpoint": "+46700000001"}}, 40002, "destination.type"),
        ("ttsCallout", {**TTS, "destination": {"type": "fax", "endpoint": "+46700000001"}}, 40001, "destination.type"),
        ("ttsCallout", {**TTS, "destination": {"type": "number"}}, 40002, "destination.endpoint"),
        ("ttsCallout", {**TTS, "destination": {"type": "number", "endpoint": "Bob"}}, 40001, "destination.endpoint"),
        ("ttsCallout", {**TTS, "destination": {"type": "number", "endpoint": "+1234"}}, 40001, "destination.endpoint"),
        ("ttsCallout", {**TTS, "text": None}, 40002, "text"),
        ("ttsCallout", {**TTS, "text": "x" * 601}, 40001, "text"),
        ("ttsCallout", {**TTS, "text": 1}, 40001, "text"),
        ("ttsCallout", {**TTS, "custom": "half a \ud83d"}, 40001, "custom"),
        ("ttsCallout", {**TTS, "prompts": f"#tts[ok];#tts[{'x' * 601}]"}, 40001, "prompts"),
        ("ttsCallout", {**TTS, "dtmf": "*"}, 40001, "dtmf"),
        ("ttsCallout", {**TTS, "domain": "post"}, 40001, "domain"),
        ("ttsCallout", {**TTS, "custom": "å" * 513}, 40001, "custom"),
        ("ttsCallout", {**TTS, "enableAce": "yes"}, 40001, "enableAce"),
        ("conferenceCallout", {**CONFERENCE, "conferenceId": None}, 40002, "conferenceId"),
        ("conferenceCallout", {**CONFERENCE, "conferenceId": "x" * 65}, 40001, "conferenceId"),
        ("conferenceCallout", {**CONFERENCE, "maxDuration": 14_401}, 40001, "maxDuration"),
        ("conferenceCallout", {**CONFERENCE, "maxDuration": True}, 40001, "maxDuration"),
        ("conferenceCallout", {**CONFERENCE, "mohClass": "polka"}, 40001, "mohClass"),
        ("conferenceCallout", {**CONFERENCE, "conferenceDtmfOptions": {"mode": "loud"}}, 40001, "Options.mode"),
        ("conferenceCallout", {**CONFERENCE, "conferenceDtmfOptions": {"maxDigits": -1}}, 40001, "Options.maxDigits"),
        ("customCallout", {"ice": "nonsense"}, 40001, "ice"),
        ("customCallout", {"ace": "[]"}, 40001, "ace"),
        ("customCallout", {"dice": '{"action":{"name":"continue"}}'}, 40001, "dice.action.name"),
    ],
)
async def test_each_wrong_member_is_refused_by_name(
    caller: Caller, method: str, members: dict[str, object], code: int, field: str
) -> None:
    """The message names the member, and no telephone rings."""
    response = await caller.callout(method, members)
    assert error(response) == (400, code)
    assert field in response.json()["message"]
    assert caller.sandbox.executed == 0


@pytest.mark.parametrize(
    ("method", "members"),
    [
        ("ttsCallout", {**TTS, "text": "x" * 600}),
        ("ttsCallout", {**TTS, "text": None, "enableAce": True}),
        ("ttsCallout", {**TTS, "destination": {"type": "Username", "endpoint": "alice"}}),
        ("ttsCallout", {**TTS, "destination": {"type": "sip", "endpoint": "+19876543210@example.sip.sinch.com"}}),
        ("conferenceCallout", {**CONFERENCE, "maxDuration": 14_400, "dtmf": "ww1#", "mohClass": "music1"}),
        ("conferenceCallout", {**CONFERENCE, "conferenceDtmfOptions": {"mode": "Detect", "maxDigits": 4}}),
        ("customCallout", {"destination": NUMBER, "ace": "https://example.com/ace"}),
        ("customCallout", {"ice": "https://example.com/ice"}),
        ("customCallout", {}),
    ],
)
async def test_what_the_documents_allow_is_accepted(caller: Caller, method: str, members: dict[str, object]) -> None:
    """At the edges of every limit, and with every way to say who is called."""
    assert (await caller.callout(method, members)).status_code == 200


@pytest.mark.parametrize(
    ("action", "called"),
    [
        ({"name": "connectPstn", "number": "+12233445566"}, ("number", "+12233445566")),
        ({"name": "connectSip", "destination": {"endpoint": "a@example.com"}}, ("sip", "a@example.com")),
        ({"name": "connectConf", "conferenceId": "room"}, ("", "")),
    ],
)
async def test_inline_ice_says_who_is_called(
    caller: Caller, action: dict[str, object], called: tuple[str, str]
) -> None:
    """A custom callout without a destination calls whom its own document connects."""
    response = await caller.callout("customCallout", {"ice": json.dumps({"action": action})})
    callout = caller.sandbox.calls[response.json()["callId"]].callout
    assert callout is not None
    assert (callout.kind, callout.endpoint) == called


async def test_an_account_may_speak_longer(caller: Caller) -> None:
    """The platform raises the limit on request; so does the sandbox, at any time."""
    caller.sandbox.account.max_text_length = 2_000
    assert (await caller.tts(text="x" * 2_000)).status_code == 200


async def test_credit_and_forbidden_destinations(caller: Caller) -> None:
    """The account's own troubles have codes of their own."""
    caller.sandbox.account.forbidden.add("+4670")
    assert error(await caller.tts()) == (403, 40300)
    assert (await caller.tts(destination={"type": "username", "endpoint": "4670"})).status_code == 200
    caller.sandbox.account.out_of_credit = True
    assert error(await caller.tts()) == (402, 40200)
    assert caller.sandbox.executed == 1


async def test_callback_headers_are_kept_for_the_backend(caller: Caller) -> None:
    """Five of them; what is more is discarded without an error."""
    headers = {f"X-CB-{number}": f"value {number}" for number in range(6)}
    response = await caller.send("POST", "/calling/v1/callouts", {"method": "ttsCallout", "ttsCallout": TTS}, headers)
    kept = caller.sandbox.calls[response.json()["callId"]].callback_headers
    assert kept == {f"x-cb-{number}": f"value {number}" for number in range(5)}


@pytest.mark.parametrize("header", [("X-CB-" + "n" * 28, "v"), ("X-CB-name", "v" * 129), ("X-CB-name", "a\tb")])
async def test_malformed_callback_headers_are_refused(caller: Caller, header: tuple[str, str]) -> None:
    """Name of 32 characters, value of 128, printable ASCII."""
    body = {"method": "ttsCallout", "ttsCallout": TTS}
    assert error(await caller.send("POST", "/calling/v1/callouts", body, dict([header]))) == (400, 40001)


def test_a_secret_that_is_no_base64_is_refused_at_once() -> None:
    """Nobody hunts for a signature that could never match."""
    with pytest.raises(ValueError, match="application_secret is not base64"):
        Sandbox(application_secret="no base64")  # not a secret
