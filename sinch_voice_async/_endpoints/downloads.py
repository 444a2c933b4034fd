"""One recording on its way here: chunks, the whole, or a file."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from sinch_voice_async._endpoints.part_files import PartFile, forget
from sinch_voice_async._endpoints.resuming import ResumingStream
from sinch_voice_async._endpoints.saving import Progress, blocking, save_stream
from sinch_voice_async.errors import DownloadError, InvalidRequestError

__all__ = ["Download"]


class Download:
    """An open download: read it once, by ``async for chunk in download``, by :meth:`read` or by :meth:`save`.

    ::

        async with client.recordings.download(key) as download:
            await download.save("call.wav")

    The request is sent on entering, which raises what any request does: :class:`NotFoundError` where there is no such
    recording. A stream that breaks is resumed where it broke, if the platform allows it and the recording is provably
    the same (a strong ``ETag`` or a ``Last-Modified``, and the length), and else begun again, as often and as soon as
    the client's ``RetryPolicy`` says; its attempts are counted from the last progress. What ends before its
    ``Content-Length``, or without one and with the connection, is never taken for whole.

    Memory stays constant, but for :meth:`read`. The platform documents neither the content type nor a check sum.

    Source: Calling API, Download Recording.
    """

    def __init__(self, stream: ResumingStream, key: str) -> None:
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
        """Bytes of the whole recording; None where the platform does not say."""
        return self._opened().version.length

    @property
    def content_type(self) -> str | None:
        """The media type, such as ``audio/mpeg``; None where the platform does not say."""
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
                    f"the stream broke after {self._given} bytes, and what follows need not belong to them",
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
        :raises InvalidRequestError: this download has been read already, or is not open.
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

        The file appears when it is whole and on the disk. Until then its bytes are in ``NAME.part``, which stays when
        the download fails or is cancelled, and even when the process is killed: the next ``save`` of the same recording
        to the same path continues it, provided that ``NAME.part.json`` beside it proves that it is the same.

        ``progress(bytes_so_far, total)`` is called for every chunk; ``total`` is None where nobody knows. A file that
        is there already is kept, and an error, unless ``overwrite`` is true. One save per path at a time.

        :raises DownloadError: the stream could not be resumed; or the file cannot be written, as where the disk is
            full, ``path`` is a directory or exists, or its directory does not exist. ``bytes_written`` and
            ``part_path`` say what is there.
        :raises InvalidRequestError: this download has been read already, or is not open.
        """
        part = PartFile(Path(path), self._key, overwrite=overwrite)
        await save_stream(self._untouched(), part, progress)
        await blocking(part.target, forget, part.target)
        return part.target

    def _opened(self) -> ResumingStream:
        if self._state != "open":
            raise InvalidRequestError("a download is open within `async with` only", field="download")
        return self._stream

    def _untouched(self) -> ResumingStream:
        stream = self._opened()
        if self._begun:
            raise InvalidRequestError("this download has been read already; open another", field="download")
        self._begun = True
        return stream

    def __repr__(self) -> str:
        length = self._stream.version.length
        of = "" if length is None else f" of {length}"
        return f"<Download {self._key!r}, {self._state}, {self._stream.position}{of} bytes>"
