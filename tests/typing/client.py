"""What users of mypy and pyright see of the client: read by both, never run."""

from datetime import datetime
from decimal import Decimal
from typing import assert_type

import httpx

from sinch_voice_async import (
    ApplicationNumber,
    Call,
    CallbackUrls,
    CalloutReceipt,
    Conference,
    Destination,
    NumberInformation,
    Participant,
    Recording,
    Response,
    RetryPolicy,
    TransportError,
    TtsCallout,
    VoiceClient,
    svaml,
)
from sinch_voice_async.errors import Outcome
from sinch_voice_async.sandbox import Sandbox


async def a_client_and_its_options(sandbox: Sandbox) -> None:
    """The sandbox's options fit, and a view is a client."""
    async with VoiceClient(**sandbox.client_options()) as client:
        assert_type(client, VoiceClient)
        assert_type(client.with_options(timeout=httpx.Timeout(5.0), retry=RetryPolicy(max_attempts=1)), VoiceClient)
        assert_type(await client.request("GET", "/x"), Response)
    VoiceClient("key", "secret", region="euc1", auth="basic")
    VoiceClient("key", "secret", auth="none")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # no such scheme


async def endpoints(client: VoiceClient) -> None:
    """Each coroutine returns its model, and optional fields are optional."""
    receipt = await client.callouts.tts("+46700000001", "Hi", domain="pstn", enable_dice=False)
    assert_type(receipt, CalloutReceipt)
    assert_type(await client.callouts.conference(Destination.username("x"), "room", moh_class="music1"), CalloutReceipt)
    assert_type(await client.callouts.place(TtsCallout(destination="+46700000001", text="Hi")), CalloutReceipt)
    call = await client.calls.get(receipt.call_id)
    assert_type(call, Call)
    assert_type(call.duration, int | None)
    assert_type(call.timestamp, datetime | None)
    assert_type(call.is_final, bool)
    if call.debit is not None:
        assert_type(call.debit.amount, Decimal)
    conference = await client.conferences.get("room")
    assert_type(conference, Conference)
    assert_type(conference.participants, tuple[Participant, ...])
    assert_type(await client.numbers.list(), list[ApplicationNumber])
    assert_type(await client.numbers.query("+46700000001"), NumberInformation)
    assert_type(await client.callbacks.get(), CallbackUrls)
    await client.calls.update_leg("id", "both", svaml.Svaml(action=svaml.Hangup()))
    await client.calls.update_leg("id", "all", svaml.Svaml())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # no such leg


async def recordings(client: VoiceClient) -> None:
    """Pages and downloads know what they hold."""
    async for recording in client.recordings.list():
        assert_type(recording, Recording)
    async for page in client.recordings.list().by_page():
        assert_type(page, list[Recording])
    assert_type(await client.recordings.list().collect(limit=5), list[Recording])
    async with client.recordings.download("key") as download:
        async for chunk in download:
            assert_type(chunk, bytes)


def errors(error: TransportError) -> None:
    """What an error says is of a closed set."""
    assert_type(error.outcome, Outcome)
    assert_type(error.request_sent, bool)
