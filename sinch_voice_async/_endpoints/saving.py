"""From a stream into a file: in blocks, in worker threads, resumable, and whole or not at all."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias, TypeVar, TypeVarTuple, Unpack

import anyio
import anyio.to_thread

from sinch_voice_async._endpoints.part_files import PartFile
from sinch_voice_async._endpoints.resuming import ResumingStream
from sinch_voice_async.errors import DownloadError

__all__ = ["Progress", "blocking", "save_stream"]

Progress: TypeAlias = Callable[[int, int | None], object]
"""Called with how many bytes are there, and how many there will be, None where nobody knows."""

Args = TypeVarTuple("Args")
R = TypeVar("R")

_BLOCK: Final = 1 << 20
"""Bytes per visit to a worker thread: its price, 0.1 to 0.2 ms, is then a few per cent of receiving them."""


async def save_stream(stream: ResumingStream, part: PartFile, progress: Progress | None) -> None:
    """Write a stream that has just been opened to a part file, until it is whole and has its name.

    :raises DownloadError: the stream could not be resumed, or the file not written; the part stays.
    """
    block = _Block(stream, part)
    try:
        await block.begin()
        while await block.take():
            if progress is not None:
                progress(stream.position, stream.version.length)
        await blocking(part.target, part.finish)
    except BaseException as problem:
        # Also when cancelled: what has arrived is there for the next time.
        with anyio.CancelScope(shield=True):
            await block.keep()
        if isinstance(problem, DownloadError):
            problem.bytes_written = part.size
            problem.part_path = part.path if part.size else None
        raise


class _Block:
    """The bytes between a stream and its part: a block, or what has arrived of one.

    They stay here until they are written: writing them twice does no harm, and a cancelled write may not have begun.
    """

    def __init__(self, stream: ResumingStream, part: PartFile) -> None:
        self._stream = stream
        self._part = part
        self._version = stream.version
        self._position = 0
        self._size = 0
        self._chunks: list[bytes] = []

    async def begin(self) -> None:
        """Open the part, and skip what it holds already."""
        self._position = await blocking(self._part.target, self._part.open, self._version)
        if self._position:
            await self._stream.skip_to(self._position)

    async def take(self) -> bool:
        """Receive a chunk, write a block when there is one, and say whether it goes on."""
        position, chunk = await self._stream.receive()
        if position != self._position + self._size:
            self._restart(position)
        self._version = self._stream.version
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size >= _BLOCK or not chunk:
            await blocking(self._part.target, self._part.write, self._position, self._chunks, self._version)
            self._restart(self._position + self._size)
        return bool(chunk)

    async def keep(self) -> None:
        """Write what is left, if that can be done, and close the part."""
        await anyio.to_thread.run_sync(self._part.keep, self._position, self._chunks, self._version)

    def _restart(self, position: int) -> None:
        self._position, self._size, self._chunks = position, 0, []


async def blocking(path: Path, function: Callable[[Unpack[Args]], R], *arguments: *Args) -> R:
    """Call what works on ``path`` in a worker thread; what the disk refuses is a DownloadError."""
    try:
        return await anyio.to_thread.run_sync(function, *arguments)
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise DownloadError(f"cannot save to {path}: {reason}") from problem
