"""Calls: looked up, changed, ended, waited for; and an id can reach no other endpoint."""

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinch_voice_async import (
    InvalidRequestError,
    NotFoundError,
    RequestTimeoutError,
    RetryPolicy,
    ServerError,
    VoiceClient,
    svaml,
)
from sinch_voice_async._endpoints.endpoint import id_segment, segment
from sinch_voice_async.sandbox import Sandbox

CALLEE = "+46700000001"
GOODBYE = svaml.Svaml(instructions=[svaml.Say("Goodbye", locale="en-US")], action=svaml.Hangup())
NO_IDS = ["", ".", "..", "a/b", "a?b", "a#b", "a\\b", "a\nb", "a\x00b", "a\x7fb", "\ud800", None, 7, b"x"]


async def test_a_call_from_its_start_to_its_end(client: VoiceClient) -> None:
    """A call is ongoing, then final, and says how it ended; waiting for that is one line."""
    receipt = await client.callouts.tts(CALLEE, "Hello")
    call = await client.calls.get(receipt.call_id)
    assert (call.status, call.is_final) == ("ONGOING", False)
    call = await client.calls.wait_until_final(receipt.call_id, poll_interval=0.01, timeout=300)
    assert (call.status, call.result, call.reason, call.duration) == ("FINAL", "ANSWERED", "CALLEEHANGUP", 3)


async def test_an_ongoing_call_is_changed_and_ended(client: VoiceClient, sandbox: Sandbox) -> None:
    """SVAML reaches the call and its legs as it was written, and a hang-up ends it."""
    sandbox.phone("+46700000002").hangs_up(after=None)
    call_id = (await client.callouts.tts("+46700000002", "Hello")).call_id
    say = svaml.Svaml(instructions=[svaml.Say("One more minute")], action=svaml.Continue())
    await client.calls.update(call_id, say)
    await client.calls.update_leg(call_id, "callee", say)
    assert len(sandbox.calls[call_id].updates) == 2
    await client.calls.hang_up(call_id)
    call = await client.calls.get(call_id)
    assert (call.is_final, call.reason) == (True, "MANAGERHANGUP")


async def test_who_is_not_there(client: VoiceClient) -> None:
    """An unknown call is a NotFoundError with the platform's code, wherever it is named."""
    for request in (
        client.calls.get,
        client.calls.hang_up,
        lambda call_id: client.calls.update(call_id, GOODBYE),
        lambda call_id: client.calls.update_leg(call_id, "both", GOODBYE),
        client.calls.wait_until_final,
    ):
        with pytest.raises(NotFoundError) as caught:
            await request("241b8ab35e0e83814c4e775a66cf50db@193.45.63.102")
        assert caught.value.code == 40400
        assert caught.value.outcome == "rejected"


async def test_waiting_has_an_end(client: VoiceClient, sandbox: Sandbox) -> None:
    """A call that goes on is waited for no longer than was asked."""
    sandbox.phone("+46700000002").hangs_up(after=None)
    call_id = (await client.callouts.tts("+46700000002", "Hello")).call_id
    with pytest.raises(RequestTimeoutError, match="not final after"):
        await client.calls.wait_until_final(call_id, poll_interval=0.01, timeout=0.1)


@pytest.mark.parametrize(
    ("name", "value"),
    [("poll_interval", -1.0), ("poll_interval", "2"), ("timeout", -0.1), ("timeout", float("nan")), ("timeout", True)],
)
async def test_waiting_takes_seconds(client: VoiceClient, name: str, value: Any) -> None:
    """A duration below zero, or of another type, is a slip, and is named."""
    with pytest.raises(InvalidRequestError, match=name):
        await client.calls.wait_until_final("id", **{name: value})


@pytest.mark.parametrize("call_id", NO_IDS)
async def test_what_is_no_call_id(client: VoiceClient, call_id: Any) -> None:
    """Nothing that could reach another endpoint, or that no path can hold, is sent."""
    for request in (
        client.calls.get(call_id),
        client.calls.hang_up(call_id),
        client.calls.update(call_id, GOODBYE),
        client.calls.update_leg(call_id, "caller", GOODBYE),
        client.conferences.kick("room", call_id),
    ):
        with pytest.raises(InvalidRequestError) as caught:
            await request
        assert caught.value.field == "call_id"


@pytest.mark.parametrize("svaml", [None, '{"action":{"name":"hangup"}}', {"action": {"name": "hangup"}}])
async def test_what_is_no_svaml(client: VoiceClient, svaml: Any) -> None:
    """An ongoing call is changed by SVAML alone: nothing else is sent to it."""
    for request in (client.calls.update("id", svaml), client.calls.update_leg("id", "both", svaml)):
        with pytest.raises(InvalidRequestError) as caught:
            await request
        assert caught.value.field == "svaml"


async def test_what_is_no_leg(client: VoiceClient) -> None:
    """A call has a caller and a callee."""
    with pytest.raises(InvalidRequestError, match="caller, callee, both"):
        await client.calls.update_leg("id", "nobody", GOODBYE)  # type: ignore[arg-type]  # a user's slip


async def test_the_url_of_an_event_is_as_good_as_an_id(client: VoiceClient, sandbox: Sandbox) -> None:
    """call_resource_url may be passed for call_id, and goes to where it points if that is ours."""
    call_id = (await client.callouts.tts(CALLEE, "Hello")).call_id
    call = await client.calls.get(f"{sandbox.url}/calling/v1/calls/id/{call_id}")
    assert call.call_id == call_id


async def test_a_url_of_the_platform_leads_to_its_region() -> None:
    """The region that owns the call gets the request, percent-encoding and all."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(404)

    async with VoiceClient("key", "c2VjcmV0", transport=httpx.MockTransport(answer)) as client:
        for url in (
            "https://calling-euc1.api.sinch.com/calling/v1/calls/id/24%401",
            "https://calling-euc1.api.sinch.com:443/calling/v1/calls/id/24@1",
        ):
            with pytest.raises(NotFoundError):
                await client.calls.get(url)
    assert asked == ["https://calling-euc1.api.sinch.com/calling/v1/calls/id/24@1"] * 2


@pytest.mark.parametrize(
    "url",
    [
        "https://calling.api.sinch.com@evil.example/calling/v1/calls/id/x",
        "https://calling.api.sinch.com.evil.example/calling/v1/calls/id/x",
        "https://evilapi.sinch.com/calling/v1/calls/id/x",
        "https://evil.example\\.api.sinch.com/calling/v1/calls/id/x",
        "https://evil.example%00.api.sinch.com/calling/v1/calls/id/x",
        "https://a b.api.sinch.com/calling/v1/calls/id/x",
        "https://.api.sinch.com/calling/v1/calls/id/x",
        "http://calling.api.sinch.com/calling/v1/calls/id/x",
        "https://calling.api.sinch.com:8443/calling/v1/calls/id/x",
        "https://user:pass@calling.api.sinch.com/calling/v1/calls/id/x",
        "https://calling.api.sinch.com/calling/v1/calls/id/x?y=1",
        "https://calling.api.sinch.com/calling/v1/calls/id/x#y",
        "https://calling.api.sinch.com/calling/v1/calls/id/",
        "https://calling.api.sinch.com/calling/v1/calls/id/../../conferences",
        "https://calling.api.sinch.com/calling/v1/calls/id/a%2Fb",
        "https://calling.api.sinch.com/other",
        "ftp://calling.api.sinch.com/calling/v1/calls/id/x",
        "https://",
        "https://[",
    ],
)
async def test_credentials_go_to_nobody_else(url: str) -> None:
    """A URL that is not the platform's, or is more than a call's, is refused before anything is sent."""

    def answer(request: httpx.Request) -> httpx.Response:
        raise AssertionError(f"sent to {request.url}")  # pragma: no cover - that it is not called is the test

    async with VoiceClient("key", "c2VjcmV0", transport=httpx.MockTransport(answer)) as client:
        with pytest.raises(InvalidRequestError, match="call_id"):
            await client.calls.get(url)


async def test_a_message_is_not_heard_twice() -> None:
    """An update that the platform may have carried out is not sent again; a hang-up may be."""
    sent: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.method)
        return httpx.Response(500)

    policy = RetryPolicy(base_delay=0.0)
    async with VoiceClient("key", "c2VjcmV0", transport=httpx.MockTransport(answer), retry=policy) as client:
        for request, expected in (
            (client.calls.update("id", GOODBYE), 1),
            (client.calls.update_leg("id", "both", GOODBYE), 1),
            (client.calls.hang_up("id"), 3),
        ):
            sent.clear()
            with pytest.raises(ServerError) as caught:
                await request
            assert len(sent) == caught.value.attempts == expected
            assert caught.value.outcome == "unknown"


@given(st.text(min_size=1, max_size=30))
def test_a_segment_is_one_segment(name: str) -> None:
    """Whatever a user calls a conference, it is refused, or stays one segment that httpx sends as it stands."""
    try:
        encoded = segment(name, "conference_id")
    except InvalidRequestError:
        return
    assert "/" not in encoded
    assert httpx.URL(f"https://h/x/{encoded}").raw_path == f"/x/{encoded}".encode()
    assert httpx.URL(f"https://h/x/{encoded}").path == f"/x/{name}"


def test_what_the_documents_leave_unescaped_stays() -> None:
    """The platform's own ids and numbers go as its documents write them."""
    assert id_segment("24+1@193.45.63.102_257:~", "call_id") == "24+1@193.45.63.102_257:~"
    assert segment("+46(0)73-017-0101", "number") == "+46(0)73-017-0101"
    assert segment("My room/é%", "conference_id") == "My%20room%2F%C3%A9%25"
