"""What is to happen when: a queue of timers in exchange seconds, which whoever looks at the exchange brings up to date.

Nothing here waits. A timer of a call that has asked the application something stays back until the answer is there:
while it is asked, a call's own time stands still, so that durations tell of the call and not of the machine.
"""

import heapq
import itertools
from collections.abc import Callable
from typing import Protocol

__all__ = ["Owner", "Timers"]

FEWEST_TO_SWEEP = 1_024
Timer = tuple[float, int, "Owner", Callable[[], None]]


class Owner(Protocol):
    """Whose timer it is."""

    now: float
    is_over: bool
    is_asking: bool


class Timers:
    """Timers of many owners, fired in the order of their time and then of their making."""

    def __init__(self) -> None:
        self._heap: list[Timer] = []
        self._held: dict[Owner, list[Timer]] = {}
        self._count = itertools.count()
        self._sweeps_at = FEWEST_TO_SWEEP

    def add(self, at: float, owner: Owner, action: Callable[[], None]) -> None:
        """Have ``action`` called at a time, unless its owner is over by then."""
        heapq.heappush(self._heap, (at, next(self._count), owner, action))
        if len(self._heap) > self._sweeps_at:
            self._sweep()

    def fire(self, now: float) -> None:
        """Call everything that is due, each at its own time."""
        while self._heap and self._heap[0][0] <= now:
            timer = heapq.heappop(self._heap)
            at, _, owner, action = timer
            if owner.is_over:
                continue
            if owner.is_asking:
                self._held.setdefault(owner, []).append(timer)
                continue
            owner.now = max(owner.now, at)
            action()

    def release(self, owner: Owner) -> None:
        """Let an owner's timers go on, once it has its answer."""
        for timer in self._held.pop(owner, ()):
            heapq.heappush(self._heap, timer)

    def _sweep(self) -> None:
        """Forget the timers of owners that are over, each of which may be hours away; seldom enough to cost nothing."""
        self._heap = [timer for timer in self._heap if not timer[2].is_over]
        heapq.heapify(self._heap)
        self._sweeps_at = max(FEWEST_TO_SWEEP, 2 * len(self._heap))

    def next_at(self) -> float | None:
        """Return when the next timer is due, None where there is none."""
        return self._heap[0][0] if self._heap else None

    def clear(self) -> None:
        """Forget every timer."""
        self._heap.clear()
        self._held.clear()
