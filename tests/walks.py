"""Counts what a task walks through: the files of the package that are entered, and the crossings between them."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from types import FrameType

from attrs import define, field

import sinch_voice_async

PACKAGE = f"{Path(sinch_voice_async.__file__).parent}/"


@define
class Walk:
    """The files that are entered, and how often the running code crosses from one file to another.

    Calls and returns count, in each thread by itself. A coroutine that is suspended and resumed does not: how often
    that happens depends on the network. Nothing is left out but the files outside of ``within`` and those below
    ``without``.
    """

    within: str = ""
    without: str | None = None
    steps: dict[int, list[tuple[str, str, FrameType]]] = field(factory=dict, repr=False)
    _stopped: bool = False

    def stop(self) -> None:
        """Count no more, although threads go on."""
        self._stopped = True

    def note(self, frame: FrameType, event: str, _: object) -> None:  # pragma: no cover  # no tracer follows a profiler
        """Take note of one event of a profiler."""
        if event in ("call", "return") and frame.f_code.co_filename.startswith(PACKAGE):
            name = frame.f_code.co_filename.removeprefix(PACKAGE)
            if self._counts(name) and not self._stopped:
                self.steps.setdefault(threading.get_ident(), []).append((event, name, frame))

    @property
    def files(self) -> set[str]:
        """The files that are entered."""
        return {name for steps in self.steps.values() for _, name, _ in steps}

    @property
    def crossings(self) -> int:
        """How often the code changes from one file to another, over all threads."""
        return sum(len([*groupby(_called(steps))]) - 1 for steps in self.steps.values())

    def _counts(self, name: str) -> bool:  # pragma: no cover
        return name.startswith(self.within) and not (self.without and name.startswith(self.without))

    def __str__(self) -> str:  # pragma: no cover  # shown when a walk is too long
        return f"{len(self.files)} files, {self.crossings} crossings: {', '.join(sorted(self.files))}"


def _called(steps: list[tuple[str, str, FrameType]]) -> list[str]:
    """Return the file of each step, without the steps that only suspend or resume a coroutine."""
    first = {frame: index for index, (event, _, frame) in reversed([*enumerate(steps)]) if event == "call"}
    last = {frame: index for index, (event, _, frame) in enumerate(steps) if event == "return"}
    kept = {*first.values(), *last.values()}
    return [name for index, (_, name, _) in enumerate(steps) if index in kept]


@contextmanager
def walking(walk: Walk, *, threads: bool = False) -> Iterator[Walk]:
    """Count what runs in this thread, and with ``threads`` in every thread that is started within."""
    before = sys.getprofile()
    sys.setprofile(walk.note)
    if threads:
        threading.setprofile(walk.note)
    try:
        yield walk
    finally:
        sys.setprofile(before)
        threading.setprofile(None)
