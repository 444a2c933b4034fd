"""The bytes of one file, in order, over as many requests as it takes.

Rules:

- The file is whole when as many bytes have arrived as its length says; an end before that is a break like any other.
- After a break the rest is asked for with ``Range``, and with ``If-Range`` naming the version of what is here, so that
  nothing but the rest of the same file can follow. Any other answer begins at zero again.
- A version is named by a strong ``ETag`` or, where there is none, by a ``Last-Modified`` that is older than the answer:
  what was written in the second of its ``Date`` may be written again in it. A file without either has no versions.
- A break is followed by another request as the client's RetryPolicy says. Attempts are counted, and the deadline runs,
  from the last byte that was new: a stream that breaks often but moves on is seen through.

Source: RFC 9110, sections 8.8, 13.1.5 and 14.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import attrs

from sinch_voice_async._transport.messages import Request, StreamedResponse
from sinch_voice_async._transport.retry import Failure
from sinch_voice_async._transport.transport import Transport
from sinch_voice_async.errors import APIError, DecodeError, DownloadError, SinchVoiceError

__all__ = ["ResumingStream", "Version"]

_BREAK: Final = Failure(kind="transient", outcome="unknown")
_NAMES: Final = ("etag", "last-modified")
_LENGTH: Final = re.compile("[0-9]{1,18}")
_PART: Final = re.compile("bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18})")


@attrs.frozen
class Version:
    """What a file is recognised by: the validator that names this version of it, and its length in bytes."""

    validator: str | None
    length: int | None

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> "Version":
        """Return the version of the whole file that these headers announce."""
        length = _LENGTH.fullmatch(headers.get("content-length", ""))
        return cls(_validator(headers), int(length[0]) if length else None)


class ResumingStream:
    """Reads one file to its end, through breaks of the connection.

    ``headers`` are those of the whole file's answer, ``version`` says which file it is, ``position`` is where the next
    bytes belong, ``attempts`` how many requests there were.
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
        await self._ask_for_whole()

    async def skip_to(self, position: int) -> None:
        """Go on behind what is here from an earlier time; the answer may begin at zero all the same.

        :raises DownloadError: there is no answer.
        """
        await self.aclose()
        self.position = self._furthest = position
        if position != self.version.length:
            await self._go_on()

    async def receive(self) -> tuple[int, bytes]:
        """Return where the next bytes belong, and the bytes: none at the end.

        They belong behind the last ones, or at zero: then what came before is void.

        :raises DownloadError: the rest cannot be had, or nothing tells whether the file is whole.
        """
        while True:
            try:
                chunk = await self._next()
            except SinchVoiceError as problem:
                await self.aclose()
                await self._wait(problem)
                await self._go_on()
                continue
            if not chunk and not self._delimited():
                raise self._lost("nothing in the answer says where the file ends: it may be whole or cut")
            position = self.position
            self.position += len(chunk)
            if self.version.length is not None and self.position > self.version.length:
                # What lies behind the end cannot be made right by asking for it again.
                await self.aclose()
                raise self._lost(f"more came than the {self.version.length} bytes that were announced")
            return position, chunk

    async def aclose(self) -> None:
        """Give up what has not been read; may be called twice."""
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

    def _delimited(self) -> bool:
        # RFC 9112 section 6.3: otherwise the body ends with the connection, and so does one that was cut.
        return self.version.length is not None or "chunked" in self.headers.get("transfer-encoding", "").lower()

    async def _wait(self, problem: SinchVoiceError) -> None:
        session, retry = self._transport.session, self._transport.retry
        now = session.monotonic()
        if not self._breaks or self.position > self._furthest:
            self._furthest, self._breaks, self._stuck_since = self.position, 0, now
        self._breaks += 1
        delay = retry.delay(self._breaks, _BREAK, repeatable=True, jitter=session.jitter)
        if delay is None or (retry.deadline is not None and now - self._stuck_since + delay >= retry.deadline):
            raise self._lost(str(problem)) from problem
        # A stream that moves on is no burden to anybody: only standing still is taken from the quota.
        if self._breaks > 1 and not session.quota.spend("transient"):
            raise self._lost(str(problem)) from problem
        await session.sleep(delay)

    async def _go_on(self) -> None:
        try:
            if not await self._ask_for_rest():
                self.position = 0
                await self._ask_for_whole()
        except SinchVoiceError as problem:
            raise self._lost(str(problem)) from problem

    async def _ask_for_whole(self) -> None:
        stream = await self._ask()
        if stream.status != 200:
            await stream.aclose()
            raise DecodeError(f"{stream.status} is no answer to a request for a file", status=stream.status)
        self._begin(stream)

    async def _ask_for_rest(self) -> bool:
        if not self.position or self.version.validator is None:
            return False
        wanted = (b"range", b"bytes=%d-" % self.position), (b"if-range", self.version.validator.encode("latin-1"))
        try:
            stream = await self._ask(*wanted)
        except APIError as problem:
            if problem.status != 416:
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

    async def _ask(self, *headers: tuple[bytes, bytes]) -> StreamedResponse:
        stream = await self._transport.stream(attrs.evolve(self._request, headers=headers))
        self.attempts += stream.attempts
        return stream

    def _begin(self, stream: StreamedResponse) -> None:
        self._stream, self.headers, self.version = stream, stream.headers, Version.of(stream.headers)

    def _follows(self, headers: Mapping[str, str]) -> bool:
        # Some servers answer 206 although the file is another by now: what they say of it is compared as well.
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


def _validator(headers: Mapping[str, str]) -> str | None:
    etag = headers.get("etag", "")
    if len(etag) > 1 and etag[0] == etag[-1] == '"':
        return etag
    modified = headers.get("last-modified", "")
    try:
        answered = _date(headers["date"]) if "date" in headers else datetime.now(UTC)
        return modified if _date(modified) <= answered - timedelta(seconds=1) else None
    except ValueError:
        return None


def _date(text: str) -> datetime:
    date = parsedate_to_datetime(text)
    return date if date.tzinfo else date.replace(tzinfo=UTC)
