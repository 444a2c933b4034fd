"""Ring everybody in a list, at an even pace, with a progress bar and a summary of what became of each callout.

``python examples/batch_of_callouts.py`` rehearses it: 1,000 made-up numbers, on a sandbox that now and then refuses a
callout, is slow, or hangs up in the middle. ``python examples/batch_of_callouts.py numbers.txt`` rings the numbers in a
file, one on each line, for the application whose key and secret are in the environment.
"""

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import anyio
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from sinch_voice_async import SinchVoiceError, TtsCallout, VoiceClient
from sinch_voice_async.sandbox import Sandbox

CLI = "+46700000000"
CALLS_PER_SECOND = 500.0
IN_FLIGHT = 200
WHAT_NEXT = {
    "placed": "nothing: they are being rung",
    "unsent": "dial again whenever you like",
    "rejected": "read why, correct it, dial again",
    "accepted": "it rings, but its call id was lost: wait for the callbacks",
    "unknown": "it may have rung: wait for the callbacks, do not dial again blindly",
}

console = Console(width=110)


async def place_all(client: VoiceClient, callouts: Sequence[TtsCallout], *, pace: float) -> Counter[str]:
    """Place all callouts, and count what became of them."""
    became: Counter[str] = Counter()
    places = anyio.Semaphore(IN_FLIGHT)
    columns = (TextColumn("Placing callouts"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())

    async def place(callout: TtsCallout) -> None:
        try:
            await client.callouts.place(callout)
            became["placed"] += 1
        except SinchVoiceError as error:
            # Left uncaught, one error would cancel the others while they are on their way.
            became[error.outcome] += 1
        finally:
            places.release()
            progress.advance(bar)

    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("", total=len(callouts))
        async with anyio.create_task_group() as tasks:
            start = anyio.current_time()
            for number, callout in enumerate(callouts):
                await anyio.sleep_until(start + number / pace)
                await places.acquire()
                tasks.start_soon(place, callout)
    return became


def show(became: Counter[str]) -> None:
    """Print the summary, and what is left to do about each line of it."""
    table = Table(title="What became of them", title_justify="left", title_style="bold")
    table.add_column("outcome")
    table.add_column("callouts", justify="right")
    table.add_column("what to do")
    for outcome, advice in WHAT_NEXT.items():
        if became[outcome]:
            table.add_row(outcome, f"{became[outcome]:,}", advice)
    console.print(table)


async def rehearse(count: int = 1000) -> Counter[str]:
    """Place callouts to made-up numbers, on a sandbox with trouble on purpose, and check that nobody was rung twice."""
    callouts = [TtsCallout(destination=f"+4670{last:07}", text="This is a test.", cli=CLI) for last in range(count)]
    async with Sandbox().serve() as sandbox:
        sandbox.faults.add("POST", status=429, retry_after=0, share=0.05)
        sandbox.faults.add("POST", drop="after", share=0.02)
        sandbox.faults.add("POST", latency=0.1, share=0.1)
        async with VoiceClient(**sandbox.client_options()) as client:
            became = await place_all(client, callouts, pace=CALLS_PER_SECOND)
    show(became)
    numbers = {call.callout.endpoint for call in sandbox.calls}
    console.print(f"{len(numbers):,} telephones rang, {sandbox.executed:,} times in all.", highlight=False)
    return became


async def ring(file: Path) -> Counter[str]:
    """Ring the numbers in a file."""
    numbers = (await anyio.Path(file).read_text(encoding="utf-8")).split()
    callouts = [
        TtsCallout(destination=number, text="Hello! This is a call to everybody.", cli=CLI) for number in numbers
    ]
    async with VoiceClient() as client:
        became = await place_all(client, callouts, pace=CALLS_PER_SECOND)
    show(became)
    return became


if __name__ == "__main__":
    if len(sys.argv) > 1:
        anyio.run(ring, Path(sys.argv[1]))
    else:
        anyio.run(rehearse)
