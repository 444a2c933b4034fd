"""Callouts: what goes on the wire is what the documents show, and what cannot be sent is refused before anything is."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from sinch_voice_async import (
    CalloutReceipt,
    ConferenceDtmfOptions,
    CustomCallout,
    DecodeError,
    Destination,
    InvalidRequestError,
    TtsCallout,
    VoiceClient,
    svaml,
)
from sinch_voice_async.sandbox import Sandbox

CALLEE = "+46700000001"

Place = Callable[[VoiceClient], Awaitable[CalloutReceipt]]

SAMPLES: list[tuple[str, Place, dict[str, Any]]] = [
    (
        "Calling API, example of text-to-speech callout with text",
        lambda client: client.callouts.tts(
            "46000000001",
            "Hello, this is a synthesized message.",
            cli="46000000000",
            domain="pstn",
            custom="customData",
            locale="en-US",
        ),
        {
            "method": "ttsCallout",
            "ttsCallout": {
                "cli": "46000000000",
                "destination": {"type": "number", "endpoint": "46000000001"},
                "domain": "pstn",
                "custom": "customData",
                "locale": "en-US",
                "text": "Hello, this is a synthesized message.",
            },
        },
    ),
    (
        "Calling API, example of text-to-speech callout with prompts (its enabledice in the canonical spelling)",
        lambda client: client.callouts.tts(
            Destination.number("46000000001"),
            prompts="#tts[Hello, we will now play a pre-recorded file.];myprerecordedfile;"
            "#tts[We hope you liked listening to the file.]",
            cli="46000000000",
            domain="pstn",
            custom="customData",
            locale="en-US",
            enable_dice=True,
        ),
        {
            "method": "ttsCallout",
            "ttsCallout": {
                "cli": "46000000000",
                "destination": {"type": "number", "endpoint": "46000000001"},
                "domain": "pstn",
                "custom": "customData",
                "locale": "en-US",
                "prompts": "#tts[Hello, we will now play a pre-recorded file.];myprerecordedfile;"
                "#tts[We hope you liked listening to the file.]",
                "enableDice": True,
            },
        },
    ),
    (
        "Calling API, example of conference callout",
        lambda client: client.callouts.conference(
            "46000000001",
            "my_conference_room_id",
            cli="46000000000",
            domain="pstn",
            custom="customData",
            locale="en-US",
            greeting="Welcome to my conference",
            enable_ace=False,
            enable_dice=False,
        ),
        {
            "method": "conferenceCallout",
            "conferenceCallout": {
                "cli": "46000000000",
                "destination": {"type": "number", "endpoint": "46000000001"},
                "domain": "pstn",
                "custom": "customData",
                "locale": "en-US",
                "greeting": "Welcome to my conference",
                "conferenceId": "my_conference_room_id",
                "enableAce": False,
                "enableDice": False,
            },
        },
    ),
    (
        "every other field of a conference callout",
        lambda client: client.callouts.conference(
            Destination.username("johndoe"),
            "room",
            dtmf="ww1234#w#",
            max_duration=0,
            moh_class="music1",
            conference_dtmf_options=ConferenceDtmfOptions(mode="detect", max_digits=2, timeout_mills=3000),
            enable_pie=True,
        ),
        {
            "method": "conferenceCallout",
            "conferenceCallout": {
                "destination": {"type": "username", "endpoint": "johndoe"},
                "conferenceId": "room",
                "dtmf": "ww1234#w#",
                "maxDuration": 0,
                "mohClass": "music1",
                "conferenceDtmfOptions": {"mode": "detect", "maxDigits": 2, "timeoutMills": 3000},
                "enablePie": True,
            },
        },
    ),
    (
        "a custom callout with URLs",
        lambda client: client.callouts.custom(
            CALLEE,
            cli="+46700000000",
            dtmf="1",
            max_duration=14_400,
            custom="x",
            ice="https://example.com/ice",
            ace="https://example.com/ace",
            pie="https://example.com/pie",
            dice="https://example.com/dice",
        ),
        {
            "method": "customCallout",
            "customCallout": {
                "cli": "+46700000000",
                "destination": {"type": "number", "endpoint": CALLEE},
                "dtmf": "1",
                "maxDuration": 14_400,
                "custom": "x",
                "ice": "https://example.com/ice",
                "ace": "https://example.com/ace",
                "pie": "https://example.com/pie",
                "dice": "https://example.com/dice",
            },
        },
    ),
]


@pytest.mark.parametrize(("source", "place", "expected"), SAMPLES, ids=[source for source, _, _ in SAMPLES])
async def test_what_goes_on_the_wire(
    client: VoiceClient, sandbox: Sandbox, source: str, place: Place, expected: dict[str, Any]
) -> None:
    """The request that the sandbox received is the documents' own sample, and its call can be looked up."""
    receipt = await place(client)
    assert sandbox.calls[receipt.call_id].request == expected
    assert (await client.calls.get(receipt.call_id)).call_id == receipt.call_id


async def test_inline_svaml_is_a_string_of_json(client: VoiceClient, sandbox: Sandbox) -> None:
    """The platform wants SVAML as JSON inside JSON; a user hands over the document."""
    receipt = await client.callouts.custom(
        ice=svaml.Svaml(action=svaml.ConnectPstn("+12233445566", cli="+12234325234")),
        ace=svaml.Svaml(instructions=[svaml.Say("Hello, this is a call from Sinch!")], action=svaml.Hangup()),
    )
    sent: Any = sandbox.calls[receipt.call_id].request["customCallout"]
    assert json.loads(sent["ice"]) == {
        "action": {"name": "connectPstn", "number": "+12233445566", "cli": "+12234325234"}
    }
    assert json.loads(sent["ace"]) == {
        "instructions": [{"name": "say", "text": "Hello, this is a call from Sinch!"}],
        "action": {"name": "hangup"},
    }


async def test_callback_headers_are_sent_as_given(client: VoiceClient, sandbox: Sandbox) -> None:
    """They reach the platform on every kind of callout, five at most, with their values untouched."""
    headers = {"X-CB-Intent": "01HXYZ ~", "x-cb-b": "", "X-CB-" + "n" * 27: "v" * 128, "X-CB-4": "4", "X-CB-5": "5"}
    receipts = [
        await client.callouts.tts(CALLEE, "Hi", callback_headers=headers),
        await client.callouts.conference(CALLEE, "room", callback_headers=headers),
        await client.callouts.custom(CALLEE, callback_headers=headers),
        await client.callouts.place(TtsCallout(destination=CALLEE, text="Hi"), callback_headers=headers),
    ]
    for receipt in receipts:
        received = sandbox.calls[receipt.call_id].callback_headers
        assert {name.lower(): value for name, value in received.items()} == {k.lower(): v for k, v in headers.items()}


REFUSED: list[tuple[str, Place]] = [
    ("destination", lambda client: client.callouts.tts("no number", "Hi")),
    ("destination", lambda client: client.callouts.tts("+1234", "Hi")),
    ("destination", lambda client: client.callouts.tts("+1234567890123456", "Hi")),
    ("destination", lambda client: client.callouts.tts(None, "Hi")),  # type: ignore[arg-type]  # a user's slip
    ("text", lambda client: client.callouts.tts(CALLEE, "x" * 601)),
    ("prompts", lambda client: client.callouts.tts(CALLEE, prompts=f"#tts[{'x' * 601}]")),
    ("text", lambda client: client.callouts.tts(CALLEE)),
    ("text", lambda client: client.callouts.tts(CALLEE, enable_ace=False, enable_dice=True)),
    ("text", lambda client: client.callouts.place(TtsCallout(destination=CALLEE))),
    ("dtmf", lambda client: client.callouts.tts(CALLEE, "Hi", dtmf="1*")),
    ("custom", lambda client: client.callouts.tts(CALLEE, "Hi", custom="ö" * 513)),
    ("conference_id", lambda client: client.callouts.conference(CALLEE, "x" * 65)),
    ("conference_id", lambda client: client.callouts.conference(CALLEE, "")),
    ("callout", lambda client: client.callouts.place(None)),  # type: ignore[arg-type]  # a user's slip
    ("callout", lambda client: client.callouts.place({"method": "ttsCallout"})),  # type: ignore[arg-type]  # the same
    ("callout", lambda client: client.callouts.place(svaml.Svaml())),  # type: ignore[arg-type]  # the same
    ("max_duration", lambda client: client.callouts.custom(CALLEE, max_duration=14_401)),
    ("ice", lambda client: client.callouts.custom(CALLEE, ice="not a URL")),
    ("callback_headers", lambda client: client.callouts.tts(CALLEE, "Hi", callback_headers={"X-Other": "v"})),
    ("callback_headers", lambda client: client.callouts.tts(CALLEE, "Hi", callback_headers={"X-CB-": "v"})),
    ("callback_headers", lambda client: client.callouts.tts(CALLEE, "Hi", callback_headers={"X-CB-" + "n" * 28: "v"})),
    ("callback_headers", lambda client: client.callouts.tts(CALLEE, "Hi", callback_headers={"X-CB-a b": "v"})),
    ("callback_headers", lambda client: client.callouts.tts(CALLEE, "Hi", callback_headers={"X-CB-a\r\nb": "v"})),
    ("callback_headers", lambda client: client.callouts.tts(CALLEE, "Hi", callback_headers={"X-CB-a": "v\n"})),
    ("callback_headers", lambda client: client.callouts.tts(CALLEE, "Hi", callback_headers={"X-CB-a": "é"})),
    ("callback_headers", lambda client: client.callouts.tts(CALLEE, "Hi", callback_headers={"X-CB-a": "v" * 129})),
    (
        "callback_headers",
        lambda client: client.callouts.tts(CALLEE, "Hi", callback_headers={"X-CB-a": 1}),  # type: ignore[dict-item]  # a user's slip
    ),
    (
        "callback_headers",
        lambda client: client.callouts.custom(CALLEE, callback_headers={"X-CB-a": "", "x-cb-A": ""}),
    ),
    (
        "callback_headers",
        lambda client: client.callouts.tts(CALLEE, "Hi", callback_headers={f"X-CB-{n}": "" for n in range(6)}),
    ),
]


@pytest.mark.parametrize(("field", "place"), REFUSED)
async def test_what_cannot_be_sent_is_not(client: VoiceClient, sandbox: Sandbox, field: str, place: Place) -> None:
    """One past each documented limit is refused, by the name of the field, and nobody is rung."""
    executed = sandbox.executed
    with pytest.raises(InvalidRequestError) as caught:
        await place(client)
    assert caught.value.field == field
    assert field in str(caught.value)
    assert (caught.value.outcome, caught.value.attempts) == ("unsent", 0)
    assert CALLEE not in str(caught.value)
    assert sandbox.executed == executed


async def test_who_answers_ace_may_leave_the_text_to_that() -> None:
    """With enable_ace the words may come from the answer to ACE, so none are asked for; both forms of them may go."""
    bodies: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content)["ttsCallout"])
        return httpx.Response(200, json={"callId": "id"})

    async with VoiceClient("key", "c2VjcmV0", transport=httpx.MockTransport(answer)) as client:
        await client.callouts.tts(CALLEE, enable_ace=True)
        await client.callouts.tts(CALLEE, "Hi", prompts="#tts[Hi]")
    assert [body.keys() - {"destination"} for body in bodies] == [{"enableAce"}, {"text", "prompts"}]


async def test_the_longest_text_is_up_to_the_account() -> None:
    """600 characters go by default; an account with more says so, and one with no limit says None."""
    async with Sandbox(max_text_length=10_000).serve() as sandbox:
        options = sandbox.client_options()
        async with VoiceClient(**options) as client:
            await client.callouts.tts(CALLEE, "x" * 600, prompts=None)
            await client.callouts.tts(CALLEE, prompts=f"#tts[{'x' * 600}];#tts[{'y' * 600}]")
            await client.callouts.place(CustomCallout(destination=CALLEE))
        async with VoiceClient(**options, max_text_length=5) as client:
            with pytest.raises(InvalidRequestError, match="text"):
                await client.callouts.tts(CALLEE, "123456")
        async with VoiceClient(**options, max_text_length=None) as client:
            await client.callouts.tts(CALLEE, "x" * 2_000)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"callId": null}', b"<html>log in</html>", b"[]", b'{"callId": []}', b"\xff"]
)
async def test_a_success_that_is_no_receipt(sandbox: Sandbox, body: bytes) -> None:
    """A 200 that does not say which call it was about ends in a DecodeError that says: accepted, not to be repeated."""
    requests = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, content=body)

    async with VoiceClient(**sandbox.client_options(), transport=httpx.MockTransport(answer)) as client:
        with pytest.raises(DecodeError) as caught:
            await client.callouts.tts(CALLEE, "Hi")
    assert (caught.value.outcome, caught.value.status, caught.value.attempts) == ("accepted", 200, 1)
    assert len(requests) == 1
