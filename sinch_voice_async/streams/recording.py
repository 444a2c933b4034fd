"""A call as a WAV file of two channels, written while it lasts: the caller on the left, the server on the right.

Both are placed on one time line: the caller's sound when it came, the server's when it was heard, by the clock. What
was cleared was not heard, and is not written. At most a few seconds are in memory.
"""

import wave
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import anyio
import anyio.to_thread

from sinch_voice_async import _bounds, _files
from sinch_voice_async.streams.pacing import SAMPLE, Timing

__all__ = ["Recording"]

INTERVAL: Final = 1.0
MOST_AHEAD: Final = 2.0
"""Seconds of the caller's sound that may be ahead of the clock; what a peer sends beyond is not recorded."""
JITTER: Final = 0.2
"""Seconds by which the caller's sound may be late before silence is put in its place."""


class Recording:
    """One file that is being written. ``error`` is what stopped it early, such as a full disk; the call goes on."""

    def __init__(self, path: str | PathLike[str], sample_rate: int, timing: Timing, *, overwrite: bool) -> None:
        self.path: Path = _bounds.path(path, "path")
        self.error: OSError | None = None
        if overwrite:
            _files.discard(self.path)
        self._file: Any = _files.create(self.path)
        self._writer = wave.open(self._file, "wb")  # noqa: SIM115 - it is closed with the recording
        self._writer.setnchannels(2)
        self._writer.setsampwidth(SAMPLE)
        self._writer.setframerate(sample_rate)
        self._rate = sample_rate
        self._timing = timing
        self._begins_at = timing.now()
        self._written = 0
        self._left, self._right = bytearray(), bytearray()
        self._stopped = anyio.Event()
        self._writing = anyio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.aclose()

    def heard(self, pcm: bytes) -> None:
        """Add the caller's sound, as it comes."""
        due = self._size_at(self._timing.now()) - len(pcm)
        late = due - len(self._left)
        if late > JITTER * self._rate * SAMPLE:
            self._left += bytes(late)
        if -late < MOST_AHEAD * self._rate * SAMPLE:
            self._left += pcm

    def spoken(self, pcm: bytes, starts_at: float) -> None:
        """Add the server's sound, which the caller hears from ``starts_at`` on."""
        gap = self._size_at(starts_at) - len(self._right)
        if gap > 0:
            self._right += bytes(gap)
        self._right += pcm

    def cleared(self, now: float) -> None:
        """Take back what the caller does not hear after ``now``."""
        del self._right[max(0, self._size_at(now)) :]

    def _size_at(self, moment: float) -> int:
        """Return the bytes of one channel from what is written until ``moment``."""
        return (round((moment - self._begins_at) * self._rate) - self._written) * SAMPLE

    async def run(self) -> None:
        """Write each second until it is closed or fails."""
        while not self._stopped.is_set() and self.error is None:
            await self._timing.wait(self._stopped, INTERVAL)
            await self._write(self._timing.now() - JITTER)

    async def aclose(self) -> None:
        """Write the rest and close the file; may be called twice.

        :raises OSError: the file could not be written.
        """
        if not self._stopped.is_set():
            self._stopped.set()
            with anyio.CancelScope(shield=True):
                await self._write(self._timing.now())
                async with self._writing:
                    await anyio.to_thread.run_sync(self._close)
        if self.error is not None:
            raise self.error

    async def _write(self, until: float) -> None:
        async with self._writing:
            size = self._size_at(until)
            if size <= 0 or self.error is not None or self._file.closed:
                return
            left, right = _cut(self._left, size), _cut(self._right, size)
            self._written += size // SAMPLE
            await anyio.to_thread.run_sync(self._append, left, right)

    def _append(self, left: bytes, right: bytes) -> None:
        try:
            self._writer.writeframes(_interleaved(left, right))
        except OSError as error:
            self.error = error

    def _close(self) -> None:
        try:
            self._writer.close()
        except OSError as error:
            self.error = self.error or error
        self._file.close()


def _cut(channel: bytearray, size: int) -> bytes:
    """Remove so many bytes from a channel's front and return them, silence for what it does not have."""
    found = bytes(channel[:size])
    del channel[:size]
    return found + bytes(size - len(found))


def _interleaved(left: bytes, right: bytes) -> bytes:
    both = bytearray(2 * len(left))
    both[0::4], both[1::4] = left[0::2], left[1::2]
    both[2::4], both[3::4] = right[0::2], right[1::2]
    return bytes(both)
