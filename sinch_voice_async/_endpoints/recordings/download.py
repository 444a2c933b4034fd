"""One recording on its way here: its bytes in order, over as many requests as it takes, as chunks, whole, or a file.

Rules:

- The file is whole when as many bytes have arrived as its length says; an earlier end is a break like any other, and
  bytes beyond the length are an error.
- After a break the rest is requested with ``Range``, and with ``If-Range`` naming the version, so that nothing but the
  rest of the same file can follow. Any other answer begins at zero again.
- A version is named by a strong ``ETag`` or, without one, by a ``Last-Modified`` that is older than the answer: a file
  that was written in the second of its ``Date`` may be written again in it. A file without either has no versions.
- A break is followed by another request as the client's RetryPolicy says. Attempts are counted, and the deadline runs,
  from the last new byte: a stream that breaks often but moves on is read to its end.
- A file is written in blocks, in worker threads. Bytes stay in memory until they are written, since a cancelled write
  may not have begun; writing them twice does no harm.

Source: Calling API, Download Recording; RFC 9110, sections 8.8, 13.1.5 and 14.
"""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self, TypeAlias

import anyio
import anyio.to_thread
import attrs

from sinch_voice_async import _bounds
from sinch_voice_async._endpoints.recordings.files import PartFile, Version, blocking, forget
from sinch_voice_async._transport.messages import Request, StreamedResponse
from sinch_voice_async._transport.retry import Failure
from sinch_voice_async._transport.transport import Transport
from sinch_voice_async.errors import APIError, DecodeError, DownloadError, InvalidRequestError, SinchVoiceError

__all__ = ["Download", "ResumingStream", "save_stream"]

Progress: TypeAlias = Callable[[int, int | None], object]
"""Called with the number of bytes so far and in all, which is ``None`` if the platform does not say."""

_BREAK: Final = Failure(kind="transient", outcome="unknown")
_NAMES: Final = ("etag", "last-modified")
_PART: Final = re.compile("bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18})")
_BLOCK: Final = 1 << 20
"""Bytes per visit to a worker thread, which costs 0.1 to 0.2 ms: a few per cent of receiving them."""


class Download:
    """An open download: read it once, by ``async for chunk in download``, by :meth:`read` or by :meth:`save`.

    ::

        async with client.recordings.download(key) as download:
            await download.save("call.mp3")

    The request is sent on entering, which raises what any request does: :class:`NotFoundError` if there is no such
    recording. A stream that breaks is resumed where it broke, if the platform allows it and the recording is provably
    the same (a strong ``ETag`` or a ``Last-Modified``, and the length); otherwise it begins again. The client's
    ``RetryPolicy`` says how often and how soon; its attempts are counted from the last progress. A stream that ends
    before its ``Content-Length``, or without one by the end of the connection, is never taken for whole.

    Memory stays constant, except for :meth:`read`. The platform documents neither the content type nor a checksum.

    Source: Calling API, Download Recording.
    """

    def __init__(self, stream: "ResumingStream", key: str) -> None:
        self._stream = stream
        self._key = key
        self._state: Literal["new", "open", "closed"] = "new"
        self._begun = False
        self._first = stream.version
        self._given = 0

    async def __aenter__(self) -> Self:
        if self._state != "new":
            raise InvalidRequestError("this download was opened before; make another", field="download")
        await self._stream.open()
        self._state, self._first = "open", self._stream.version
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._state = "closed"
        await self._stream.aclose()

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the answer, looked up without regard to case."""
        return self._opened().headers

    @property
    def content_length(self) -> int | None:
        """Bytes of the whole recording; None if the platform does not say."""
        return self._opened().version.length

    @property
    def content_type(self) -> str | None:
        """The media type, such as ``audio/mpeg``; None if the platform does not say."""
        return self.headers.get("content-type")

    def __aiter__(self) -> Self:
        self._begun = True
        return self

    async def __anext__(self) -> bytes:
        """Return the next bytes, of any number.

        :raises DownloadError: the stream could not be resumed, or only with another version of the recording.
        """
        self._begun = True
        stream = self._opened()
        while True:
            position, chunk = await stream.receive()
            if stream.version != self._first or (position < self._given and stream.version.validator is None):
                raise DownloadError(
                    f"the stream broke after {self._given} bytes, and the next bytes may be of another recording",
                    bytes_written=self._given,
                    attempts=stream.attempts,
                )
            if not chunk:
                raise StopAsyncIteration
            fresh = chunk[max(self._given - position, 0) :]
            if fresh:
                self._given += len(fresh)
                return fresh

    async def read(self) -> bytes:
        """Return the whole recording.

        :raises DownloadError: the stream could not be resumed.
        :raises InvalidRequestError: this download was read before, or is not open.
        """
        stream = self._untouched()
        content = bytearray()
        chunk = b"-"
        while chunk:
            position, chunk = await stream.receive()
            del content[position:]
            content += chunk
        return bytes(content)

    async def save(
        self, path: str | os.PathLike[str], progress: Progress | None = None, *, overwrite: bool = False
    ) -> Path:
        """Write the recording to a file, and return its path.

        The file appears when it is whole and on the disk; only its owner may read it. Until then its bytes are in
        ``NAME.part``, which stays when the download fails or is cancelled, and even when the process is killed: the
        next ``save`` of the same recording to the same path continues it, if ``NAME.part.json`` beside it proves that
        it is the same. Links at these names are never followed.

        ``progress(bytes_so_far, total)`` is called for every chunk; ``total`` is ``None`` if the platform does not say.
        A file that exists already is kept, and an error, unless ``overwrite`` is true. Run one save per path at a time.

        :raises DownloadError: the stream could not be resumed; or the file cannot be written: the disk is full,
            ``path`` is a directory or exists, or its directory does not exist. ``bytes_written`` and ``part_path`` say
            how much is there.
        :raises InvalidRequestError: an argument has a wrong type, this download was read before, or is not open.
        """
        target = _bounds.path(path, "path", error=InvalidRequestError)
        _bounds.function(progress, "progress", optional=True, error=InvalidRequestError)
        _bounds.flag(overwrite, "overwrite", error=InvalidRequestError)
        await save_stream(self._untouched(), PartFile(target, self._key, overwrite=overwrite), progress)
        await blocking(target, forget, target)
        return target

    def _opened(self) -> "ResumingStream":
        if self._state != "open":
            raise InvalidRequestError("a download is open within `async with` only", field="download")
        return self._stream

    def _untouched(self) -> "ResumingStream":
        stream = self._opened()
        if self._begun:
            raise InvalidRequestError("this download was read before; open another", field="download")
        self._begun = True
        return stream

    def __repr__(self) -> str:
        length = self._stream.version.length
        of = "" if length is None else f" of {length}"
        return f"<Download {self._key!r}, {self._state}, {self._stream.position}{of} bytes>"


class ResumingStream:
    """Reads one file to its end, through breaks of the connection.

    ``headers`` are those of the whole file's answer, ``version`` names the file, ``position`` is where the next bytes
    belong, ``attempts`` counts the requests.
    """

    def __init__(self, transport: Transport, request: Request) -> None:
        self.headers: Mapping[str, str] = {}
        self.version: Version = Version(None, None)
        self.position: int = 0
        self.attempts: int = 0
        self._transport = transport
        self._request = request
        self._stream: StreamedResponse | None = None
        self._furthest = 0
        self._breaks = 0
        self._stuck_since = 0.0

    async def open(self) -> None:
        """Send the first request.

        :raises SinchVoiceError: as for any request.
        """
        await self._request_whole()

    async def skip_to(self, position: int) -> None:
        """Continue behind the bytes of an earlier run; the answer may begin at zero all the same.

        :raises DownloadError: no request is answered.
        """
        await self.aclose()
        self.position = self._furthest = position
        if position != self.version.length:
            await self._resume()

    async def receive(self) -> tuple[int, bytes]:
        """Return where the next bytes belong, and the bytes; they are empty at the end.

        They belong behind the last ones, or at zero: then the earlier ones are void.

        :raises DownloadError: the rest cannot be read, or nothing says whether the file is whole.
        """
        while True:
            try:
                chunk = await self._next()
            except SinchVoiceError as error:
                await self.aclose()
                await self._wait(error)
                await self._resume()
                continue
            if not chunk and not self._is_delimited():
                raise self._lost("nothing in the answer says where the file ends: it may be whole or cut")
            position = self.position
            self.position += len(chunk)
            if self.version.length is not None and self.position > self.version.length:
                # A further request could not make the bytes beyond the end right.
                await self.aclose()
                raise self._lost(f"the stream is longer than the {self.version.length} bytes that were announced")
            return position, chunk

    async def aclose(self) -> None:
        """Drop the bytes that have not been read; may be called twice."""
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.aclose()

    async def _next(self) -> bytes:
        if self._stream is not None:
            async for chunk in self._stream:
                if chunk:
                    return chunk
            await self.aclose()
        length = self.version.length
        if length is not None and self.position != length:
            raise DecodeError(f"the stream ended after {self.position} of {length} bytes", status=200)
        return b""

    def _is_delimited(self) -> bool:
        # RFC 9112 section 6.3: otherwise the body ends with the connection, and so does one that was cut.
        return self.version.length is not None or "chunked" in self.headers.get("transfer-encoding", "").lower()

    async def _wait(self, error: SinchVoiceError) -> None:
        session, retry = self._transport.session, self._transport.retry
        now = session.clock.monotonic()
        if not self._breaks or self.position > self._furthest:
            self._furthest, self._breaks, self._stuck_since = self.position, 0, now
        self._breaks += 1
        delay = retry.delay(self._breaks, _BREAK, repeatable=True, jitter=session.clock.jitter)
        if delay is None or (retry.deadline is not None and now - self._stuck_since + delay >= retry.deadline):
            raise self._lost(str(error)) from error
        # A stream that moves on is not a burden: only standing still is taken from the quota.
        if self._breaks > 1 and not session.quota.spend("transient"):
            raise self._lost(str(error)) from error
        await session.clock.sleep(delay)

    async def _resume(self) -> None:
        try:
            if not await self._request_rest():
                self.position = 0
                await self._request_whole()
        except SinchVoiceError as error:
            raise self._lost(str(error)) from error

    async def _request_whole(self) -> None:
        stream = await self._send()
        if stream.status != 200:
            await stream.aclose()
            raise DecodeError(f"{stream.status} does not answer a request for a file", status=stream.status)
        self._begin(stream)

    async def _request_rest(self) -> bool:
        if not self.position or self.version.validator is None:
            return False
        wanted = (b"range", b"bytes=%d-" % self.position), (b"if-range", self.version.validator.encode("latin-1"))
        try:
            stream = await self._send(*wanted)
        except APIError as error:
            if error.status != 416:
                raise
            return False
        if stream.status == 206 and self._follows(stream.headers):
            self._stream = stream
            return True
        if stream.status == 200:
            self.position = 0
            self._begin(stream)
            return True
        await stream.aclose()
        return False

    async def _send(self, *headers: tuple[bytes, bytes]) -> StreamedResponse:
        stream = await self._transport.stream(attrs.evolve(self._request, headers=headers))
        self.attempts += stream.attempts
        return stream

    def _begin(self, stream: StreamedResponse) -> None:
        self._stream, self.headers, self.version = stream, stream.headers, Version.of(stream.headers)

    def _follows(self, headers: Mapping[str, str]) -> bool:
        # Some servers answer 206 although the file is another by now: their own words about it are compared as well.
        part = _PART.fullmatch(headers.get("content-range", ""))
        if part is None or int(part[1]) != self.position or self.version.length not in (None, int(part[2])):
            return False
        return all(headers.get(name, value) == value for name, value in self.headers.items() if name in _NAMES)

    def _lost(self, reason: str) -> DownloadError:
        return DownloadError(
            f"the download ended after {self.position} bytes: {reason}",
            bytes_written=self.position,
            attempts=self.attempts,
        )


async def save_stream(stream: ResumingStream, part: PartFile, progress: Progress | None) -> None:
    """Write a stream that was just opened to a part file, until it is whole and has its name.

    :raises DownloadError: the stream could not be resumed, or the file not written; the part stays.
    """
    block = _Block(stream, part)
    try:
        await block.begin()
        while await block.take():
            if progress is not None:
                progress(stream.position, stream.version.length)
        await blocking(part.target, part.finish)
    except BaseException as error:
        # Also when cancelled: the bytes that have arrived are there for the next time.
        with anyio.CancelScope(shield=True):
            await block.keep()
        if isinstance(error, DownloadError):
            error.bytes_written = part.size
            error.part_path = part.path if part.size else None
        raise


class _Block:
    """The bytes between a stream and its part: a block, or the part of one that has arrived."""

    def __init__(self, stream: ResumingStream, part: PartFile) -> None:
        self._stream = stream
        self._part = part
        self._version = stream.version
        self._position = 0
        self._size = 0
        self._chunks: list[bytes] = []

    async def begin(self) -> None:
        """Open the part, and skip the bytes that it holds already."""
        self._position = await blocking(self._part.target, self._part.open, self._version)
        if self._position:
            await self._stream.skip_to(self._position)

    async def take(self) -> bool:
        """Receive a chunk, write the block if it is full, and return whether there may be more."""
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
        """Write the remaining bytes if possible, and close the part."""
        await anyio.to_thread.run_sync(self._part.keep, self._position, self._chunks, self._version)

    def _restart(self, position: int) -> None:
        self._position, self._size, self._chunks = position, 0, []
