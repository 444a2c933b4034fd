"""The shape of the package: what a callout visits, and what importing it costs."""

import sys
from itertools import groupby
from pathlib import Path
from types import FrameType

import sinch_voice_async
from sinch_voice_async import VoiceClient
from sinch_voice_async.sandbox import Sandbox

PACKAGE = Path(sinch_voice_async.__file__).parent
# Below the pool the bytes are pumped; that is counted by nobody who reads the walk.
PUMP = ("_transport/connections/", "_transport/http11.py", "_transport/bodies.py")


async def test_a_callout_is_a_short_walk() -> None:
    """A text-to-speech callout visits at most 6 files of ours, with at most 14 crossings between them."""
    visited: list[str] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        path = Path(frame.f_code.co_filename)
        if event in ("call", "return") and path.is_relative_to(PACKAGE):
            name = path.relative_to(PACKAGE).as_posix()
            if not name.startswith(PUMP):
                visited.append(name)

    async with Sandbox().serve() as sandbox, VoiceClient(**sandbox.client_options()) as client:
        await client.callouts.tts("+46700000001", "Hello", cli="+46700000000")
        before = sys.getprofile()
        sys.setprofile(note)
        try:
            await client.callouts.tts("+46700000001", "Hello", cli="+46700000000")
        finally:
            sys.setprofile(before)
    walk = [name for name, _ in groupby(name for name in visited if not name.startswith("sandbox/"))]
    assert len(set(walk)) <= 6, walk
    assert len(walk) - 1 <= 14, walk
