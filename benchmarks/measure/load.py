"""Callouts at a steady number in flight: what each costs, how many a second, and how long the loop was ever held up.

The clock starts when every worker has been answered once, and stops after so many seconds or callouts; with ``total``
it counts from the first callout to the last of so many, which all have to be answered. What holds the loop up before
every worker has been answered, above all the turn in which they all begin at once, is a figure of its own.
"""

import resource
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.measure.loops import Place, run, sleep

__all__ = ["Meter", "measure", "resident"]

_TICK = 0.005
_FOREVER = 3600
_FEWEST = 30
_WARM_UP = 100


class Meter:
    """Counts answered callouts, and reads the clocks at both ends of what is measured."""

    def __init__(self, in_flight: int, seconds: float, total: int | None) -> None:
        self._warm_up = max(in_flight, _WARM_UP)
        self._seconds = seconds
        self._total = total
        self.started = total or 0
        self.answered = 0
        self.full = False
        self.stall = self.stall_at_start = 0.0
        self.begin = self.end = self.read()

    async def work(self, place: Place) -> None:
        """Place one callout after another until enough is measured."""
        if self._total is not None:
            await self._work_through(place)
            return
        while not self.full:
            await place()
            self.answered += 1
            if self.answered == self._warm_up:
                self.begin = self.read()
            elif self.answered > self._warm_up + _FEWEST and time.perf_counter() - self.begin[2] > self._seconds:
                self._finish()

    async def _work_through(self, place: Place) -> None:
        while self.started:
            self.started -= 1
            await place()
            self.answered += 1
        if self.answered < (self._total or 0):
            # The first worker to end would end the others, who still wait for their answers. Nor may it look again and
            # again whether they are done: a thousand that did would keep the loop busier than the callouts do.
            await sleep(_FOREVER)
        self._finish()

    async def watch(self) -> None:
        """Notice how much later than asked for the loop lets a task go on."""
        while True:
            before = time.perf_counter()
            await sleep(_TICK)
            late = time.perf_counter() - before - _TICK
            if self.answered < self._warm_up:
                self.stall_at_start = max(self.stall_at_start, late)
            else:
                self.stall = max(self.stall, late)

    def _finish(self) -> None:
        if not self.full:
            self.full = True
            self.end = self.read()

    def read(self) -> tuple[int, float, float]:
        """Return callouts answered, seconds of processor, and seconds by the clock."""
        return self.answered, time.process_time(), time.perf_counter()


def measure(client: ModuleType, case: dict[str, Any]) -> dict[str, Any]:
    """Return microseconds of processor per callout, callouts per second, MB resident, and the longest stalls in ms."""
    meter = Meter(case["in_flight"], case["seconds"], case.get("total"))

    @asynccontextmanager
    async def warmed(url: str) -> AsyncIterator[Place]:
        # What a client loads late would look like a stall.
        async with client.connect(url) as place:
            await place()
            meter.begin = meter.read()
            yield place

    run(case, warmed, meter.work, meter.watch)
    calls, cpu, wall = (after - before for before, after in zip(meter.begin, meter.end, strict=True))
    return {
        "answered": calls,
        "cpu_us": cpu / calls * 1e6,
        "per_second": calls / wall,
        "resident_mb": resident() / 1e6,
        "stall_at_start_ms": meter.stall_at_start * 1e3,
        "stall_ms": meter.stall * 1e3,
    }


def resident() -> int:
    """Return the bytes that this process has in memory; if the system does not say, the most it ever had."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return pages * resource.getpagesize()
