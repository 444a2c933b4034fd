"""One long body, read in pieces and thrown away: MB a second, processor time for each GB, and how memory grew."""

import time
from types import ModuleType
from typing import Any

from benchmarks.measure.load import resident
from benchmarks.measure.loops import run, sleep

__all__ = ["measure"]


def measure(client: ModuleType, case: dict[str, Any]) -> dict[str, Any]:
    """Read a small body first, so that only what grows with the size is counted."""
    figures: dict[str, Any] = {}
    most = 0

    async def read(fetch: Any) -> None:
        nonlocal most
        await _drain(fetch, case["warm_up"])
        before = most = resident()
        cpu, wall = time.process_time(), time.perf_counter()
        received = await _drain(fetch, case["size"])
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        if received != case["size"]:
            raise RuntimeError(f"{received} bytes came instead of {case['size']}")
        most = max(most, resident())
        figures.update(
            mb_per_second=received / wall / 1e6, cpu_s_per_gb=cpu / received * 1e9, growth_mb=(most - before) / 1e6
        )

    async def _drain(fetch: Any, size: int) -> int:
        received = 0
        async for piece in fetch(size):
            received += len(piece)
        return received

    async def watch() -> None:
        nonlocal most
        while True:
            await sleep(0.02)
            most = max(most, resident())

    run(case, client.recordings, read, watch)
    return figures
