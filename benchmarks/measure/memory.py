"""What one callout in flight takes in memory: resident bytes before, and while all of them wait for an answer."""

import time
from types import ModuleType
from typing import Any

from benchmarks.measure.load import resident
from benchmarks.measure.loops import Place, run, sleep

__all__ = ["measure"]


def measure(client: ModuleType, case: dict[str, Any]) -> dict[str, Any]:
    """Return KB per callout; the server has to hold its answers longer than it takes to send the callouts."""
    figures: dict[str, Any] = {}

    async def alone(place: Place) -> None:
        await place()

    async def nothing() -> None:
        await sleep(3600)

    async def watch() -> None:
        await sleep(case["settle"])
        figures["kb_each"] = (resident() - before) / case["in_flight"] / 1e3

    async def wait(place: Place) -> None:
        await place()
        raise RuntimeError("a callout was answered before all were in flight")

    # The first callout loads what is loaded late.
    run({**case, "in_flight": 1}, client.connect, alone, nothing)
    before = resident()
    begun = time.perf_counter()
    run(case, client.connect, wait, watch)
    figures["seconds"] = time.perf_counter() - begun
    return figures
