"""The vendor's last Python library that has this API, ``sinch==1.1.4``, unchanged but for the host."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from sinch_voice_async.sandbox import Sandbox

sinch = pytest.importorskip("sinch", reason="the vendor's library is not installed: `nox -s vendors` brings it")

SOMEBODY = {"type": "number", "endpoint": "+46700000001"}
CLI = "+46700000000"
ROOM = "my room+1"
KEYS = {"mode": "forward", "max_digits": 3, "timeout_mills": 500}
SAY = [{"name": "say", "text": "Hi", "locale": "en-US"}]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A served sandbox in which nobody hangs up by themselves."""
    with Sandbox(speed=0).serve() as sandbox:
        yield sandbox


def pointed(client: Any, sandbox: Sandbox) -> Any:
    """Return the client with another host, and nothing else changed."""
    client.configuration.disable_https = True
    client.configuration.voice_origin = httpx.URL(sandbox.url).netloc.decode()
    client.configuration.voice_applications_origin = client.configuration.voice_origin
    return client


@pytest.fixture
def voice(sandbox: Sandbox) -> Iterator[Any]:
    """Its client for programs that block."""
    account = sandbox.account
    client = sinch.SinchClient(application_key=account.application_key, application_secret=account.application_secret)
    yield pointed(client, sandbox).voice
    client.configuration.transport.http_session.close()


@pytest.fixture
async def voice_async(sandbox: Sandbox) -> AsyncIterator[Any]:
    """Its client for programs that do not."""
    account = sandbox.account
    client = sinch.SinchClientAsync(
        application_key=account.application_key, application_secret=account.application_secret
    )
    yield pointed(client, sandbox).voice
    await client.configuration.transport.http_session.aclose()


def test_callouts(voice: Any, sandbox: Sandbox) -> None:
    """Text to speech, conference and custom: each is a call, with what was asked for in it."""
    flags = {"enable_ace": True, "enable_dice": True, "enable_pie": True}
    spoken = voice.callouts.text_to_speech(
        SOMEBODY, cli=CLI, dtmf="1w2#", domain="pstn", custom="x", locale="en-US", text="Hallå 😀", **flags
    )
    met = voice.callouts.conference(
        SOMEBODY, ROOM, cli=CLI, conference_dtmf_options=KEYS, greeting="Hi", moh_class="ring", **flags
    )
    ace = json.dumps({"instructions": SAY, "action": {"name": "connectConf", "conferenceId": ROOM}})
    made = voice.callouts.custom(cli=CLI, destination=SOMEBODY, dtmf="1", custom="x", max_duration=60, ace=ace)
    sandbox.clock.step(2)  # the keys are pressed first
    assert [call.call_id for call in sandbox.calls] == [spoken.call_id, met.call_id, made.call_id]
    heard = [[each.text for each in sandbox.calls[call.call_id].transcript] for call in (spoken, met, made)]
    assert heard == [["Hallå 😀"], ["Hi"], ["Hi"]]
    assert len(voice.conferences.get(ROOM).participants) == 2


def test_calls(voice: Any, sandbox: Sandbox) -> None:
    """Looked at, spoken into, by its legs too, and ended; an unknown one is the library's own exception."""
    call_id = voice.callouts.text_to_speech(SOMEBODY, cli=CLI, text="Hello", custom="x").call_id
    assert (found := voice.calls.get(call_id)).status == "ONGOING"
    assert (found.call_id, found.custom, found.to["endpoint"]) == (call_id, "x", SOMEBODY["endpoint"])
    voice.calls.update(call_id, SAY, {"name": "continue"})
    for leg in ("caller", "callee", "both"):
        voice.calls.manage_with_call_leg(call_id, leg, SAY, {"name": "continue"})
    voice.calls.update(call_id, [], {"name": "hangup"})
    sandbox.calls[call_id].until_final_sync(300)
    assert (voice.calls.get(call_id).status, voice.calls.get(call_id).reason) == ("FINAL", "MANAGERHANGUP")
    with pytest.raises(Exception, match="Call not found"):
        voice.calls.get("nope")


def test_conferences(voice: Any) -> None:
    """Joined, looked at, muted, held, and left by one and by all; its name needs percent-encoding."""
    first, second = (voice.conferences.call(SOMEBODY, ROOM, cli=CLI).call_id for _ in range(2))
    for command in ("mute", "unmute", "mute", "onhold", "resume", "onhold"):
        voice.conferences.manage_participant(first, ROOM, command, moh="music1")
    participants = voice.conferences.get(ROOM).participants
    assert [(each.id, each.muted, each.onhold) for each in participants] == [
        (first, True, True),
        (second, False, False),
    ]
    voice.conferences.kick_participant(first, ROOM)
    assert [each.id for each in voice.conferences.get(ROOM).participants] == [second]
    voice.conferences.kick_all(ROOM)
    with pytest.raises(Exception, match="No such ongoing conference"):
        voice.conferences.get(ROOM)


def test_applications(voice: Any, sandbox: Sandbox) -> None:
    """Numbers are assigned, listed, looked up and given back; callback URLs are set and read."""
    key = sandbox.account.application_key
    voice.applications.assign_numbers(["+14151112223333", "+14151112223334"], key, "voice")
    voice.applications.unassign_number("+14151112223334", key, "voice")
    numbers = voice.applications.get_numbers().numbers
    assert {each.number: each.applicationkey for each in numbers} == {"+14151112223333": key, "+14151112223334": None}
    voice.applications.update_callback_urls(key, "https://one.example", "https://two.example")
    urls = voice.applications.get_callback_urls(key)
    assert (urls.primary, urls.fallback) == ("https://one.example", "https://two.example")
    for number in ("+46(0)73-017-0101", "+46 73 017 0101"):
        assert voice.applications.query_number(number).normalized_number == "+46730170101"


async def test_its_asynchronous_client(voice_async: Any, sandbox: Sandbox) -> None:
    """The same operations, some of them awaited."""
    voice = voice_async
    call_id = (await voice.callouts.conference(SOMEBODY, ROOM, cli=CLI)).call_id
    assert (await voice.calls.get(call_id)).status == "ONGOING"
    await voice.conferences.manage_participant(call_id, ROOM, "mute")
    assert [each.muted for each in (await voice.conferences.get(ROOM)).participants] == [True]
    await voice.conferences.kick_all(ROOM)
    assert (await sandbox.calls[call_id].until_final(300)).reason == "MANAGERHANGUP"
    assert (await voice.applications.query_number("+46(0)73-017-0101")).country_id == "SE"
