"""Call the numbers in a list at an even pace, with a progress bar and a summary of the outcomes.

``python examples/batch_of_callouts.py`` rehearses it with 1,000 invented numbers, on a sandbox that sometimes refuses a
callout, is slow, or closes the connection. ``python examples/batch_of_callouts.py numbers.txt`` calls the numbers in a
file, one per line, for the application whose key and secret are in the environment.
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
    "placed": "nothing: they are being called",
    "unsent": "dial again at any time",
    "rejected": "read the error, correct it, dial again",
    "accepted": "it rings, but the call id is lost: wait for the callbacks",
    "unknown": "it may have rung: wait for the callbacks; do not dial again",
}

console = Console(width=80)


async def place_all(client: VoiceClient, callouts: Sequence[TtsCallout], *, pace: float) -> Counter[str]:
    """Place all callouts, and count the outcomes."""
    outcomes: Counter[str] = Counter()
    free = anyio.Semaphore(IN_FLIGHT)
    columns = (TextColumn("Placing callouts"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())

    async def place(callout: TtsCallout) -> None:
        try:
            await client.callouts.place(callout)
            outcomes["placed"] += 1
        except SinchVoiceError as error:
            # An uncaught error would cancel the other callouts in flight.
            outcomes[error.outcome] += 1
        finally:
            free.release()
            progress.advance(bar)

    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("", total=len(callouts))
        async with anyio.create_task_group() as tasks:
            start = anyio.current_time()
            for number, callout in enumerate(callouts):
                await anyio.sleep_until(start + number / pace)
                await free.acquire()
                tasks.start_soon(place, callout)
    return outcomes


def show(outcomes: Counter[str]) -> None:
    """Print the summary, and what to do about each outcome."""
    table = Table(title="Outcomes", title_justify="left", title_style="bold")
    table.add_column("outcome")
    table.add_column("callouts", justify="right")
    table.add_column("what to do")
    for outcome, advice in WHAT_NEXT.items():
        if outcomes[outcome]:
            table.add_row(outcome, f"{outcomes[outcome]:,}", advice)
    console.print(table)


async def rehearse(count: int = 1000) -> Counter[str]:
    """Place callouts to invented numbers, on a sandbox with faults, and count the calls that it placed."""
    callouts = [TtsCallout(destination=f"+4670{last:07}", text="This is a test.", cli=CLI) for last in range(count)]
    async with Sandbox().serve() as sandbox:
        sandbox.faults.add("POST", status=429, retry_after=0, share=0.05)
        sandbox.faults.add("POST", drop="after", share=0.02)
        sandbox.faults.add("POST", latency=0.1, share=0.1)
        async with VoiceClient(**sandbox.client_options()) as client:
            outcomes = await place_all(client, callouts, pace=CALLS_PER_SECOND)
    show(outcomes)
    numbers = {call.callout.endpoint for call in sandbox.calls}
    console.print(f"{len(numbers):,} numbers were called, {sandbox.executed:,} calls in all.", highlight=False)
    return outcomes


async def call(file: Path) -> Counter[str]:
    """Call the numbers in a file."""
    numbers = (await anyio.Path(file).read_text(encoding="utf-8")).split()
    callouts = [
        TtsCallout(destination=number, text="Hello! This is a message for all customers.", cli=CLI)
        for number in numbers
    ]
    async with VoiceClient() as client:
        outcomes = await place_all(client, callouts, pace=CALLS_PER_SECOND)
    show(outcomes)
    return outcomes


if __name__ == "__main__":
    if len(sys.argv) > 1:
        anyio.run(call, Path(sys.argv[1]))
    else:
        anyio.run(rehearse)
