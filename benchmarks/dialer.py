"""``python -m benchmarks.dialer``: how fast a campaign dials, and how much memory it takes.

Two measurements, each in a process of its own:

- *journal*: every callout is answered at once by a coroutine, so that what is left is the dialer and its journal, with
  each claim on the disk before it is sent (``synchronous=FULL``). Beside it, what one such commit costs on this disk.
- *rehearsal*: ``VoiceClient`` over real sockets, against the sandbox with a population of which 60 % answer, 20 % are
  busy, 15 % do not answer and 5 % are machines.
"""

import argparse
import json
import math
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import anyio

from sinch_voice_async import CalloutReceipt, TtsCallout, VoiceClient
from sinch_voice_async.dialer import Campaign, Contact

__all__ = ["main"]

_SANDBOX = """
import sys, time
from sinch_voice_async.sandbox import Sandbox
sandbox = Sandbox(speed=1000, history=1000)
sandbox.population(answer=0.60, busy=0.20, no_answer=0.15, machine=0.05)
with sandbox.serve():
    print(*sandbox.client_options().values(), flush=True)
    sys.stdin.read()
"""


def contacts(count: int) -> Iterator[Contact]:
    """Give contacts one by one, as a file would."""
    for place in range(count):
        yield Contact(f"+4670{place:07}", fields={"name": f"Contact {place}"})


def callout(contact: Contact) -> TtsCallout:
    """The callout for a contact."""
    return TtsCallout(destination=contact.number, text=f"Hi {contact['name']}, see you tomorrow.", cli="+46700000000")


async def at_once(_: Any, /, *, callback_headers: Mapping[str, str]) -> CalloutReceipt:
    """Answer as fast as can be."""
    await anyio.lowlevel.checkpoint()
    return CalloutReceipt(call_id=callback_headers["X-CB-Intent"])


def memory() -> float:
    """Return the memory of this process at its highest so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def dial(client: Any, count: int, folder: str) -> dict[str, float]:
    """Dial all contacts, and return what it took. Memory is measured from a thousandth of the way on."""
    campaign = Campaign("benchmark", journal=Path(folder) / "x.sqlite", calls_per_second=math.inf, in_flight=300)
    begun, used, told, start = time.monotonic(), time.process_time(), 0, 0.0
    async with campaign.run(client, contacts(count), callout) as outcomes:
        async for _ in outcomes:
            told += 1
            if told == min(5000, count):
                start = memory()
    seconds = time.monotonic() - begun
    report = await campaign.report()
    assert report.states == {"accepted": count}, report
    return {
        "contacts": count,
        "seconds": seconds,
        "dials_per_second": count / seconds,
        "cpu_us_per_dial": (time.process_time() - used) / count * 1e6,
        "memory_growth_mb": memory() - start,
    }


async def rehearse(count: int, folder: str) -> dict[str, float]:
    """Dial the sandbox."""
    with subprocess.Popen(
        [sys.executable, "-c", _SANDBOX], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as sandbox:
        assert sandbox.stdout is not None
        assert sandbox.stdin is not None
        key, secret, url, *_ = sandbox.stdout.readline().split()
        async with VoiceClient(key, secret, base_url=url) as client:
            measured = await dial(client, count, folder)
        sandbox.stdin.close()
    return measured


def commits(folder: str) -> float:
    """Return the microseconds of one commit that waits for the disk."""
    connection = sqlite3.connect(Path(folder) / "commits.sqlite", isolation_level=None)
    connection.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (x)")
    begun = time.monotonic()
    for _ in range(300):
        connection.execute("INSERT INTO t VALUES (1)")
    connection.close()
    return (time.monotonic() - begun) / 300 * 1e6


def measure(kind: str, count: int, backend: str) -> None:
    """Measure one thing in this process, and print it as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        cost = commits(folder)
        work = rehearse if kind == "rehearsal" else lambda count, folder: dial(at_once, count, folder)
        print(json.dumps(anyio.run(work, count, folder, backend=backend) | {"commit_us": cost}))


def main(arguments: list[str] | None = None) -> None:
    """Measure everything, and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dialer", description=__doc__)
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--backend", choices=["asyncio", "trio"], default="asyncio")
    parser.add_argument("--only", choices=["journal", "rehearsal"])
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.child:
        measure(given.only, given.contacts, given.backend)
        return
    for kind in [given.only] if given.only else ["journal", "rehearsal"]:
        command = [sys.executable, "-m", "benchmarks.dialer", "--child", "--only", kind]
        command += ["--contacts", str(given.contacts), "--backend", given.backend]
        measured = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print(f"{kind}, {given.backend}: {given.contacts} contacts in {measured['seconds']:.1f} s")
        print(f"  {measured['dials_per_second']:.0f} dials a second (bar: 1,500 for the journal)")
        print(f"  {measured['cpu_us_per_dial']:.0f} us of processor time for each dial")
        print(f"  {measured['memory_growth_mb']:.1f} MB more memory at the end than after 5,000 (bar: 50)")
        print(f"  {measured['commit_us']:.0f} us for one commit that waits for the disk")


if __name__ == "__main__":
    main()
