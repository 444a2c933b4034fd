"""What one callout costs, as a number that no busy machine disturbs: bytecodes of this package that it executes.

``python -m benchmarks.opcodes`` prints the count on each event loop. ``tests/test_cost.py`` compares it with ``BAR``:
more than 3 % above needs a new bar, and a reason in the commit. Calls into C (hashing, parsing, the sockets) are not
counted.
"""

import sys
from types import FrameType
from typing import Any

import anyio

from sinch_voice_async import VoiceClient
from sinch_voice_async.sandbox import Sandbox

__all__ = ["BAR", "count"]

# Bytecodes differ between versions of Python, so each has a bar of its own.
BAR = {((3, 11), "asyncio"): 2492, ((3, 11), "trio"): 2558}  # trio: 2431 if the answer comes within one turn


def count(backend: str) -> int:
    """Return the bytecodes of one callout: the least of twenty, since an answer may come in pieces."""
    return anyio.run(_count, backend=backend)


async def _count() -> int:
    counts: list[int] = []
    async with Sandbox().serve() as sandbox, VoiceClient(**sandbox.client_options()) as client:
        for number in range(23):
            seen = [0]
            if number >= 3:
                sys.settrace(_tracer(seen))
            try:
                await client.callouts.tts("+46700000001", "Hello", cli="+46700000000", locale="en-US")
            finally:
                sys.settrace(None)
            counts.append(seen[0])
    return min(counts[3:])


def _tracer(seen: list[int]) -> Any:
    def local(_frame: FrameType, event: str, _argument: object) -> Any:
        if event == "opcode":
            seen[0] += 1
        return local

    def trace(frame: FrameType, _event: str, _argument: object) -> Any:
        name = frame.f_code.co_filename
        if "sinch_voice_async" not in name or "/sandbox/" in name:
            return None
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return local

    return trace


if __name__ == "__main__":
    for loop in ("asyncio", "trio"):
        print(loop, count(loop), BAR.get((sys.version_info[:2], loop)))
