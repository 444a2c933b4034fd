"""Place the sample callouts of the documentation on the embedded sandbox, on asyncio and on trio, and show the results.

No request leaves this machine: the sandbox is a real HTTP server on a loopback port, and checks every signature as the
platform does. Run it with ``python -m nox -s quickstart``.
"""

import sys
import time
from typing import Any

import anyio
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from sinch_voice_async import (
    Call,
    ConferenceCallout,
    CustomCallout,
    SinchVoiceError,
    TtsCallout,
    VoiceClient,
    svaml,
)
from sinch_voice_async.sandbox import Interrupt, Sandbox
from sinch_voice_async.streams import CallStream, Pcm, StreamApp
from sinch_voice_async.testing import serve_app
from sinch_voice_async.webhooks import IncomingCall, WebhookApp

CLI = "46000000000"
CALLEE = "46000000001"

CALLOUTS: dict[str, TtsCallout | ConferenceCallout | CustomCallout] = {
    "text to speech": TtsCallout(
        cli=CLI,
        destination=CALLEE,
        domain="pstn",
        custom="customData",
        locale="en-US",
        text="Hello, this is a synthesized message.",
    ),
    "prompts": TtsCallout(
        cli=CLI,
        destination=CALLEE,
        domain="pstn",
        custom="customData",
        locale="en-US",
        prompts="#tts[Hello, we will now play a pre-recorded file.];myprerecordedfile;"
        "#tts[We hope you liked listening to the file.]",
        enable_dice=True,
    ),
    "conference": ConferenceCallout(
        cli=CLI,
        destination=CALLEE,
        domain="pstn",
        custom="customData",
        locale="en-US",
        greeting="Welcome to my conference",
        conference_id="my_conference_room_id",
        enable_ace=False,
        enable_dice=False,
    ),
    "custom, with SVAML": CustomCallout(
        ice=svaml.Svaml(action=svaml.ConnectPstn("+12233445566", cli="+12234325234")),
        ace=svaml.Svaml(instructions=[svaml.Say("Hello, this is a call from Sinch!")], action=svaml.Hangup()),
    ),
}

# A log file has no width; 80 columns are enough for the table.
console = Console(width=None if sys.stdout.isatty() else 80)


async def place_and_follow(sandbox: Sandbox, backend: str) -> None:
    """Place every callout at once, follow each call to its end, and print the table."""
    calls: dict[str, Call] = {}
    async with VoiceClient(**sandbox.client_options()) as client:

        async def follow(name: str, callout: TtsCallout | ConferenceCallout | CustomCallout) -> None:
            receipt = await client.callouts.place(callout)
            calls[name] = await client.calls.wait_until_final(receipt.call_id, poll_interval=0.1, timeout=60)

        async with anyio.create_task_group() as tasks:
            for name, callout in CALLOUTS.items():
                tasks.start_soon(follow, name, callout)

    title = f"Four callouts on {backend}"
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, padding=(0, 0, 0, 1))
    for heading in ("callout", "call id", "result", "reason"):
        table.add_column(heading, no_wrap=True)
    table.add_column("seconds", justify="right", no_wrap=True)
    table.add_column("price", justify="right", no_wrap=True)
    for name in CALLOUTS:
        call = calls[name]
        price = f"{call.debit.amount} {call.debit.currency_id}" if call.debit else ""
        shown_id = f"{call.call_id[:8]}…"
        table.add_row(name, shown_id, f"[green]{call.result}[/green]", call.reason, str(call.duration), price)
    console.print(table)


async def show_what_fails(sandbox: Sandbox) -> None:
    """Show the errors that a program gets for a wrong secret and for a refused connection."""
    wrong_secret = sandbox.client_options() | {"application_secret": "d3Jvbmcgc2VjcmV0"}
    closed_port = sandbox.client_options() | {"base_url": "http://127.0.0.1:9"}
    for title, options in (("A wrong secret", wrong_secret), ("A closed port", closed_port)):
        async with VoiceClient(**options) as client:
            try:
                await client.callouts.place(CALLOUTS["text to speech"])
            except SinchVoiceError as error:
                console.print(f"\n[bold]{title}[/bold]  ->  [red]{type(error).__name__}[/red]")
                console.print(f"  outcome {error.outcome!r} after {error.attempts} attempt(s)", highlight=False)
                console.print(f"  {error}", highlight=False, markup=False)


async def talk_to_an_agent() -> None:
    """Have a caller ask a voice agent something, interrupt it and hang up; print what happened, and when."""
    key, secret = "quickstart", "cXVpY2tzdGFydA=="
    callbacks, streams = WebhookApp(key, secret), StreamApp(key, secret)
    transcript: list[tuple[float, str, str]] = []
    began = time.monotonic()

    def note(who: str, what: str) -> None:
        transcript.append((time.monotonic() - began, who, what))

    @callbacks.ice
    async def incoming(event: IncomingCall) -> svaml.IceSvaml:
        note("application", "the call is connected to the agent, with a one-time token")
        return svaml.Svaml(action=streams.connect(event))

    @streams.on_call
    async def agent(stream: CallStream) -> None:
        note("agent", "answers, and begins a text of 5 seconds")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stream.send_audio, Pcm.tone(300, 5.0, stream.sample_rate))
            async for frame in stream:
                if Pcm.level_db(frame) > -40:
                    unheard = await stream.clear()
                    note("agent", f"falls silent: {unheard.seconds:.1f} of the 5 seconds were not heard")
                    break
        await stream.send_audio(Pcm.tone(500, 0.5, stream.sample_rate))
        note("agent", "says goodbye, waits until it is heard, and hangs up")
        await stream.hang_up()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await (streams if scope["type"] == "websocket" else callbacks)(scope, receive, send)

    with serve_app(app) as url:
        streams.url = url.replace("http", "ws")
        async with Sandbox(key, secret, callback_url=url).serve() as sandbox:
            sandbox.phone(CALLEE).says(Interrupt(after=1.0))
            call = await sandbox.dial_in(CALLEE, CLI)
            await call.until_final(20)
            note("caller", f"heard {len(sandbox.streams[call.call_id].heard) / 32_000:.1f} seconds in all")
    console.print("\n[bold]A call that a voice agent answers[/bold]")
    for at, who, what in transcript:
        console.print(f"  {at:4.1f} s  {who:<11}  {what}", highlight=False)
    console.print(f"  result {call.result}, reason {call.reason}", highlight=False)


async def main(backend: str) -> None:
    """Serve a sandbox in which time runs ten times faster, and place the callouts."""
    async with Sandbox(speed=10).serve() as sandbox:
        # Without this a person stays in a conference until the application ends the call.
        sandbox.phone(CALLEE).hangs_up(after=3)
        console.print(f"\nThe sandbox listens on {sandbox.url}", highlight=False)
        await place_and_follow(sandbox, backend)
        if backend == "trio":
            await show_what_fails(sandbox)
            await talk_to_an_agent()


if __name__ == "__main__":
    for each in ("asyncio", "trio"):
        anyio.run(main, each, backend=each)
    console.print("\nNext: README.md shows how to answer calls, run a campaign and more.", highlight=False)
