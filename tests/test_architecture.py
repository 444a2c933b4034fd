"""The shape of the package: what a callout visits, and what importing it costs."""

import logging
import sys
from itertools import groupby
from pathlib import Path
from types import FrameType

import pytest

import sinch_voice_async
from sinch_voice_async import VoiceClient
from sinch_voice_async.sandbox import Sandbox

PACKAGE = Path(sinch_voice_async.__file__).parent
# Below the pool the bytes are pumped, which nobody counts who reads the walk; the sandbox has a thread of its own.
UNCOUNTED = ("_transport/connections/", "_transport/http11.py", "_transport/bodies.py", "sandbox/")


async def test_a_callout_is_a_short_walk(caplog: pytest.LogCaptureFixture) -> None:
    """A text-to-speech callout visits at most 6 files of ours, with at most 14 crossings between them."""
    # Nobody observes it: servers of other tests turn the log on for the whole process.
    caplog.set_level(logging.WARNING, "sinch_voice_async")
    steps: list[tuple[str, FrameType]] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        # No coverage tracer follows a profiler.
        if event in ("call", "return") and Path(frame.f_code.co_filename).is_relative_to(PACKAGE):  # pragma: no cover
            steps.append((event, frame))

    async with Sandbox().serve() as sandbox, VoiceClient(**sandbox.client_options()) as client:
        await client.callouts.tts("+46700000001", "Hello", cli="+46700000000")
        before = sys.getprofile()
        sys.setprofile(note)
        try:
            await client.callouts.tts("+46700000001", "Hello", cli="+46700000000")
        finally:
            sys.setprofile(before)
    walk = [name for name, _ in groupby(name for name in _files(steps) if not name.startswith(UNCOUNTED))]
    assert len(set(walk)) <= 6, walk
    assert len(walk) - 1 <= 14, walk


def _files(steps: list[tuple[str, FrameType]]) -> list[str]:
    """Return the file of each step, without those that only suspend a coroutine and take it up again."""
    first = {frame: index for index, (event, frame) in reversed([*enumerate(steps)]) if event == "call"}
    last = {frame: index for index, (event, frame) in enumerate(steps) if event == "return"}
    kept = {*first.values(), *last.values()}
    return [
        Path(frame.f_code.co_filename).relative_to(PACKAGE).as_posix()
        for index, (_, frame) in enumerate(steps)
        if index in kept
    ]
