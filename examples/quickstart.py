"""Place the sample callouts of the documentation on the embedded sandbox, on asyncio and on trio, and show the results.

No request leaves this machine: the sandbox is a real HTTP server on a loopback port, and checks every signature as the
platform does. Run it with ``python -m nox -s quickstart``.
"""

import sys

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
from sinch_voice_async.sandbox import Sandbox

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
            calls[name] = await client.calls.wait_until_final(receipt.call_id, poll_interval=0.1, timeout=20)

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


async def main(backend: str) -> None:
    """Serve a sandbox in which time runs ten times faster, and place the callouts."""
    async with Sandbox(speed=10).serve() as sandbox:
        # Without this a person stays in a conference until the application ends the call.
        sandbox.phone(CALLEE).hangs_up(after=3)
        console.print(f"\nThe sandbox listens on {sandbox.url}", highlight=False)
        await place_and_follow(sandbox, backend)
        if backend == "trio":
            await show_what_fails(sandbox)


if __name__ == "__main__":
    for each in ("asyncio", "trio"):
        anyio.run(main, each, backend=each)
    console.print("\nNext: README.md shows how to answer calls, run a campaign and more.", highlight=False)
