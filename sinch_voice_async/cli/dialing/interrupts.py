"""Ctrl-C, counted: once, no more callouts, and those on their way are waited for; twice, at once."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

__all__ = ["Interrupts"]


class Interrupts:
    """Counts Ctrl-C within ``with``; from the third on it is the event loop's own, for when nobody looks any more."""

    def __init__(self) -> None:
        self.count: int = 0
        self._before: Any = None

    def __enter__(self) -> Self:
        # Elsewhere nobody hears it, and nobody may ask to.
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._hear)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        if self.count > 2 and callable(self._before):  # the third
            self._before(number, frame)
