"""Recordings: listed, deleted, and downloaded whole or in part, in constant memory and with injected faults.

Source: Calling API, Recordings; RFC 9110, 14 Range Requests.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import NamedTuple

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from sinch_voice_async.sandbox.recordings import PATH, Content, Recording, Recordings, Stored
from sinch_voice_async.sandbox.requests import Endpoint, RefusalError, note, path_member
from sinch_voice_async.sandbox.server import drop, pause

__all__ = ["RecordingRoutes", "Span", "download", "requested_span"]


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


DEFAULT_PAGE_SIZE = 100
"""The documents name none: it is the sandbox's own."""


class RecordingRoutes:
    """Answers for the recordings."""

    def __init__(self, recordings: Recordings) -> None:
        self._recordings = recordings

    def endpoints(self) -> list[Endpoint]:
        """Return the routes."""
        return [
            Endpoint("GET", PATH, self.list),
            Endpoint("GET", f"{PATH}/", self.refuse_no_key),
            Endpoint("DELETE", f"{PATH}/", self.refuse_no_key),
            Endpoint("GET", f"{PATH}/{{key}}", self.download),
            Endpoint("DELETE", f"{PATH}/{{key}}", self.delete),
        ]

    async def list(self, request: Request) -> Response:
        """Answer with one page: a bare array, empty past the last page."""
        page = _positive(request, "page", 1, "'pageNumber' must be greater than 0")
        page_size = _positive(request, "pageSize", DEFAULT_PAGE_SIZE, "'pageSize' must be a positive integer")
        start, end = _moment(request, "from"), _moment(request, "to")
        if start is not None and end is not None and end <= start:
            raise RefusalError(40001, "'to' must be greater than 'from'")
        found = self._recordings.page(start=start, end=end, page=page, page_size=page_size)
        note(request, f"page {page}: {len(found)} of {len(self._recordings)}")
        return JSONResponse([self._described(recording) for recording in found])

    async def refuse_no_key(self, _request: Request) -> Response:
        """Answer 40002."""
        raise RefusalError(40002, "No key specified")

    async def download(self, request: Request) -> Response:
        """Answer with the file or the part that was asked for."""
        return download(self._find(request), request.headers, accept_ranges=self._recordings.accept_ranges)

    async def delete(self, request: Request) -> Response:
        """Delete the file; 204."""
        self._recordings.remove(self._find(request).key)
        return Response(status_code=204)

    def _find(self, request: Request) -> Recording:
        recording = self._recordings.get(path_member(request, "key"))
        if recording is None:
            raise RefusalError(40400, "Recording not found")
        return recording

    def _described(self, recording: Recording) -> dict[str, object]:
        return {
            "key": recording.key,
            "url": self._recordings.url_of(recording.key),
            "createdOn": _iso(recording.created_on),
            "expiresOn": _iso(recording.expires_on),
            "headers": dict(recording.headers),
        }


def _positive(request: Request, name: str, default: int, problem: str) -> int:
    text = request.query_params.get(name, str(default))
    # Longer texts are numbers as well, and beyond any page.
    if not (text.isascii() and text.isdecimal() and len(text) < 19) or int(text) < 1:
        raise RefusalError(40001, problem)
    return int(text)


def _moment(request: Request, name: str) -> datetime | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        # A plus sign that was not percent-encoded arrives as a space.
        moment = datetime.fromisoformat(text.strip().replace(" ", "+"))
    except ValueError:
        raise RefusalError(40001, f"'{name}' is not a timestamp") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
