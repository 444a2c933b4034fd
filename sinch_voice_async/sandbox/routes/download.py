"""The bytes of a recording as an HTTP answer: whole or in part, in constant memory, with injected faults.

Source: RFC 9110, 13.1.5 If-Range; RFC 9110, 14 Range Requests.
"""

import re
from collections.abc import Mapping
from email.utils import format_datetime
from typing import NamedTuple

import anyio
import anyio.to_thread
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sinch_voice_async.sandbox.server import drop, pause
from sinch_voice_async.sandbox.storage.audio import Content, Stored
from sinch_voice_async.sandbox.storage.recordings import Recording

__all__ = ["Span", "download", "requested_span"]

PIECE = 262_144
MARKS = {
    b"RIFF": "audio/wav",
    b"ID3": "audio/mpeg",
    b"\xff\xfb": "audio/mpeg",
    b"OggS": "audio/ogg",
    b"{": "application/json",
}
ONE_RANGE = re.compile(r"bytes=\s*([0-9]{0,18})-([0-9]{0,18})\s*")


class Span(NamedTuple):
    """Bytes from ``start`` up to ``stop``. ``status`` is 200, 206, or 416 if the file has none of them."""

    start: int
    stop: int
    status: int


def requested_span(headers: Mapping[str, str], *, size: int, validators: tuple[str, str]) -> Span:
    """Return the part that was asked for, or the whole file if that is not one range or is of another version.

    ``validators`` are the file's entity tag and modification date, either of which ``If-Range`` may name.
    """
    whole = Span(0, size, 200)
    match = ONE_RANGE.fullmatch(headers.get("range", ""))
    if match is None or headers.get("if-range", validators[0]) not in validators:
        return whole
    first, last = match.groups()
    if not first and not last:
        return whole
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(int(last) + 1 if last else size, size)
        if last and int(last) < start:
            return whole
    return Span(start, stop, 206) if start < stop else Span(0, 0, 416)


def download(recording: Recording, headers: Mapping[str, str], *, accept_ranges: bool) -> Response:
    """Return the answer to a request with these headers: 200, 206 or 416."""
    modified = format_datetime(recording.modified_on, usegmt=True)
    validators = (recording.etag, modified)
    asked = headers if accept_ranges else {}
    span = requested_span(asked, size=recording.size, validators=validators)
    described = {"etag": recording.etag, "last-modified": modified}
    if accept_ranges:
        described["accept-ranges"] = "bytes"
    if span.status == 416:
        return Response(status_code=416, headers={**described, "content-range": f"bytes */{recording.size}"})
    if span.status == 206:
        described["content-range"] = f"bytes {span.start}-{span.stop - 1}/{recording.size}"
    return _Stream(recording, span, described)


class _Stream(Response):
    """Sends a span of a recording piece by piece."""

    def __init__(self, recording: Recording, span: Span, described: Mapping[str, str]) -> None:
        self._recording = recording
        self._content = recording.served()
        self._position, self._stop, status = span
        headers = {**described, "content-length": str(self._stop - self._position)}
        super().__init__(status_code=status, headers=headers, media_type=_media_type(recording))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        while (trouble := self._recording.next_trouble(self._position, self._stop)) is not None:
            await self._send_until(trouble.at, send)
            if trouble.then_changes:
                self._recording.change()
            if trouble.seconds is None:
                await drop(scope, receive, flush=True)
                return
            await pause(receive, trouble.seconds)
        await self._send_until(self._stop, send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_until(self, stop: int, send: Send) -> None:
        while self._position < stop:
            end = min(self._position + PIECE, stop)
            body = await _read(self._content, self._position, end)
            await send({"type": "http.response.body", "body": body, "more_body": True})
            self._position = end


async def _read(content: Content, start: int, stop: int) -> bytes:
    if content.is_slow:
        # A speech program runs for seconds. The event loop serves other requests meanwhile.
        return await anyio.to_thread.run_sync(content.read, start, stop)
    return content.read(start, stop)


def _media_type(recording: Recording) -> str:
    """Return the type of the content, not of the name: the sandbox stores WAV under the platform's ``.mp3``."""
    if not isinstance(recording.content, Stored):
        return "audio/wav"
    start = recording.content.read(0, min(4, recording.size))
    return next((kind for mark, kind in MARKS.items() if start.startswith(mark)), "application/octet-stream")
