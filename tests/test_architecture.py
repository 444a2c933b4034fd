"""The shape of the package: what a task walks through, and who imports what when."""

import logging
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import httpx
import pytest

from sinch_voice_async import Credentials, TtsCallout, VoiceClient, svaml
from sinch_voice_async.dialer import Campaign, Contact
from sinch_voice_async.sandbox import Sandbox
from sinch_voice_async.testing import signed_callback
from sinch_voice_async.webhooks import IncomingCall, WebhookApp, event_from_http
from tests.walks import Walk, walking

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "explanation" / "architecture.md"
CREDENTIALS = Credentials("walk-key", "d2Fsay1zZWNyZXQ=")
CLI = "+46700000000"

# The most files that a task may enter, and the most crossings between them; the page on architecture quotes them.
MOST = {
    "callout": (10, 47),
    "incoming call": (12, 46),
    "event": (6, 14),
    "download": (14, 96),
    "contact": (24, 160),
    "sandbox": (19, 220),
}


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Log records that other tests have switched on are no part of a walk."""
    caplog.set_level(logging.WARNING, "sinch_voice_async")


async def callout() -> Walk:
    """Place a text-to-speech callout, from the method to the socket and back."""
    async with Sandbox().serve() as sandbox, VoiceClient(**sandbox.client_options()) as client:
        await client.callouts.tts("+46700000001", "Hello", cli=CLI)
        with walking(Walk(without="sandbox/")) as walk:
            await client.callouts.tts("+46700000001", "Hello", cli=CLI)
    return walk


async def incoming_call() -> Walk:
    """Answer an incoming call event through the webhook application."""
    app = WebhookApp(credentials=CREDENTIALS)

    @app.ice
    async def incoming(_event: IncomingCall) -> svaml.IceSvaml:
        return svaml.Svaml(instructions=[svaml.Say("Hello")], action=svaml.Hangup())

    walk = Walk()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://walk.example") as platform:
        for number in range(2):
            headers, body = signed_callback(IncomingCall(call_id=str(number), cli=CLI), CREDENTIALS, "/")
            walk = Walk()
            with walking(walk):
                response = await platform.post("/", headers=headers, content=body)
            assert response.status_code == 200
    return walk


async def event() -> Walk:
    """Verify and decode an event."""
    headers, body = signed_callback(IncomingCall(call_id="1", cli=CLI), CREDENTIALS, "/")
    event_from_http("POST", "/", headers, body, credentials=CREDENTIALS)
    with walking(Walk()) as walk:
        event_from_http("POST", "/", headers, body, credentials=CREDENTIALS)
    return walk


async def download(folder: Path) -> Walk:
    """Download a recording and save it."""
    walk = Walk()
    sandbox = Sandbox()
    sandbox.add_recording("walk.wav")
    async with sandbox.serve(), VoiceClient(**sandbox.client_options()) as client:
        for name in ("first", "second"):
            walk = Walk(without="sandbox/")
            with walking(walk, threads=True):
                async with client.recordings.download("walk.wav") as chunks:
                    await chunks.save(folder / name)
    return walk


async def contact(folder: Path) -> Walk:
    """Dial one contact of a campaign, without following the call."""

    def hello(contact: Contact) -> TtsCallout:
        return TtsCallout(destination=contact.number, text="Hello", cli=CLI)

    numbers = [f"+4670000000{last}" for last in range(4)]
    async with Sandbox().serve() as sandbox, VoiceClient(**sandbox.client_options()) as client:
        campaign = Campaign("walk", journal=folder / "walk.sqlite", calls_per_second=1000, in_flight=1)
        # The journal writes in a thread of its own.
        with walking(Walk(without="sandbox/"), threads=True) as walk:
            async with campaign.run(client, numbers, hello) as outcomes:
                async for outcome in outcomes:
                    if outcome.number == numbers[1]:
                        walk.steps.clear()
                    elif outcome.number == numbers[2]:
                        walk.stop()
    return walk


async def sandbox() -> Walk:
    """Place one callout in the sandbox, until the call is over."""
    with walking(Walk(within="sandbox/"), threads=True) as walk:
        async with Sandbox(speed=100).serve() as exchange, VoiceClient(**exchange.client_options()) as client:
            warm = await client.callouts.tts("+46700000001", "Hello", cli=CLI)
            await exchange.calls[warm.call_id].until_final()
            walk.steps.clear()
            receipt = await client.callouts.tts("+46700000001", "Hello", cli=CLI)
            await exchange.calls[receipt.call_id].until_final()
            walk.stop()
    return walk


@pytest.mark.parametrize("name", MOST)
async def test_a_walk_is_short(name: str, tmp_path: Path) -> None:
    """A task enters few files and crosses between them seldom; nothing is left out."""
    walks: dict[str, Callable[[Path], Awaitable[Walk]]] = {
        "callout": lambda _: callout(),
        "incoming call": lambda _: incoming_call(),
        "event": lambda _: event(),
        "download": download,
        "contact": contact,
        "sandbox": lambda _: sandbox(),
    }
    files, crossings = MOST[name]
    walk = Walk()
    # A machine that stands still has more to do: it replaces a connection that is too old. It walks again.
    for turn in ("first", "second", "third"):  # pragma: no branch
        (tmp_path / turn).mkdir()
        with anyio.fail_after(300):
            walk = await walks[name](tmp_path / turn)
        if len(walk.files) <= files and walk.crossings <= crossings:  # pragma: no branch
            break
    assert 0 < len(walk.files) <= files, str(walk)
    assert walk.crossings <= crossings, str(walk)


@pytest.mark.skipif(not PAGE.exists(), reason="the pages are in the repository")
def test_the_page_quotes_the_limits() -> None:
    """The table on the page has the figures that are measured here."""
    rows = re.findall(r"^\| .+ \| (\d+) \| (\d+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [(int(files), int(crossings)) for files, crossings in rows] == [*MOST.values()]
