"""The log of requests: what clients sent to the API, what the sandbox sent to the application, and the answers.

The newest entries are kept, within a number and a number of bytes. Credentials of the Basic scheme are masked when an
entry is made, because nothing that reads the log needs them; a signature is not a secret.
"""

import base64
import binascii
import itertools
import json
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["EXTENSION", "LARGEST_ANSWER", "PARTICIPANT", "Headers", "Logged", "LoggedRequest", "RequestLog", "masked"]

Headers = tuple[tuple[str, str], ...]
KEPT = 5_000
KEPT_BYTES = 16_000_000
OVERHEAD = 1_000
MASK = "\N{BULLET}" * 4
LARGEST_ANSWER = 1_048_576
"""Bytes of an answer that are kept."""
EXTENSION = "sinch_voice_async.sandbox.log"
"""The ASGI extension of a request that is sent again: the id of the first one, and a list that gets the new entry."""
CALL = re.compile(r"/calls/id/([^/]+)")
PARTICIPANT = re.compile(r"/conferences/id/([^/]+)(?:/([^/]+))?")


@dataclass(slots=True, eq=False, kw_only=True)
class LoggedRequest:
    """One request and its answer. ``status`` is None until the answer comes, or if it never comes: then
    ``error`` says why. ``at`` is the wall clock, ``ms`` how long it took.
    """

    direction: Literal["api", "callback"]
    method: str
    url: str
    target: str
    request_headers: Headers
    request_body: bytes = b""
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    http_version: str = "1.1"
    peer: str = ""
    status: int | None = None
    error: str = ""
    response_headers: Headers = ()
    response_body: bytes = b""
    ms: float = 0.0
    call_id: str = ""
    event: str = ""
    attempt: int = 1
    is_fallback: bool = False
    resent_from: str = ""
    answered_by: Literal["application", "page"] = "application"
    sequence: int = 0

    @property
    def id(self) -> str:
        """The name of the entry: r and a number."""
        return f"r{self.sequence}"

    @property
    def path(self) -> str:
        """The path, undecoded and without its query."""
        return self.target.partition("?")[0]

    @property
    def failed(self) -> bool:
        """Whether it has no answer, or one that is not a 2xx."""
        return self.status is None or not 200 <= self.status < 300

    def header(self, name: str) -> str:
        """Return a request header, empty if it is absent."""
        return next((value for each, value in self.request_headers if each.lower() == name), "")

    @property
    def size(self) -> int:
        """Bytes that it holds, about."""
        return OVERHEAD + len(self.request_body) + len(self.response_body)


class RequestLog:
    """The newest requests, oldest first: iterable, counted by ``len``, found with ``get``; safe from any thread."""

    def __init__(self, kept: int = KEPT, kept_bytes: int = KEPT_BYTES) -> None:
        self.kept = kept
        self.dropped: int = 0
        """How many entries were dropped to make room."""
        self.first_at: datetime | None = None
        """When the first API request came."""
        self.sequence: int = 0
        """The number of the newest entry."""
        self.cleared: int = 0
        """How many times entries were removed on demand."""
        self._kept_bytes = kept_bytes
        self._bytes = 0
        self._count = itertools.count(1)
        self._entries: OrderedDict[str, LoggedRequest] = OrderedDict()
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[LoggedRequest]:
        with self._lock:
            return iter(list(self._entries.values()))

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, name: str) -> LoggedRequest | None:
        """Return an entry, None if its id is not known."""
        return self._entries.get(name)

    def add(self, entry: LoggedRequest) -> LoggedRequest:
        """Keep an entry, which gets the next number."""
        with self._lock:
            entry.sequence = self.sequence = next(self._count)
            self._entries[entry.id] = entry
            self._bytes += entry.size
            if entry.direction == "api" and self.first_at is None:
                self.first_at = entry.at
            while len(self._entries) > self.kept or self._bytes > self._kept_bytes:
                _, old = self._entries.popitem(last=False)
                self._bytes -= old.size
                self.dropped += 1
        return entry

    def since(self, sequence: int, most: int) -> list[LoggedRequest]:
        """Return the newest entries after a number, at most so many, oldest first."""
        found: list[LoggedRequest] = []
        with self._lock:
            for entry in reversed(self._entries.values()):
                if entry.sequence <= sequence or len(found) == most:
                    break
                found.append(entry)
        return found[::-1]

    def remove(self, entries: Iterable[LoggedRequest]) -> int:
        """Remove entries and return how many there were."""
        removed, gone = 0, list(entries)
        with self._lock:
            for entry in gone:
                if self._entries.pop(entry.id, None) is not None:
                    self._bytes -= entry.size
                    removed += 1
            self.cleared += 1
        return removed


def masked(headers: Iterable[tuple[str, str]]) -> Headers:
    """Return headers without the secret of a Basic authorization."""
    return tuple((name, _masked(value) if name.lower() == "authorization" else value) for name, value in headers)


def _masked(value: str) -> str:
    scheme, _, credentials = value.strip().partition(" ")
    if scheme.lower() == "application":
        return value
    if scheme.lower() != "basic":
        return f"{scheme} {MASK}" if credentials else MASK
    try:
        key = base64.b64decode(credentials.strip()).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        key = ""
    return f"Basic {key}:{MASK}"


class Logged:
    """Logs every request to the platform on its way in and its answer on its way out."""

    def __init__(self, platform: ASGIApp, log: RequestLog) -> None:
        self._platform = platform
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await self._platform(scope, receive, send)
            return
        entry, body, answer = _entry(scope), bytearray(), bytearray()

        async def receive_and_note() -> Message:
            message = await receive()
            # The platform's side reads no more than a megabyte.
            body.extend(message.get("body", b""))
            return message

        async def send_and_note(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry.status = message["status"]
                entry.response_headers = masked(_decoded(message["headers"]))
            elif len(answer) < LARGEST_ANSWER:
                # A recording may have any length: what is beyond a megabyte is not kept.
                answer.extend(message.get("body", b"")[: LARGEST_ANSWER - len(answer)])
            await send(message)

        started = time.perf_counter()
        try:
            await self._platform(scope, receive_and_note, send_and_note)
        finally:
            entry.ms = 1000 * (time.perf_counter() - started)
            entry.request_body, entry.response_body = bytes(body), bytes(answer)
            entry.error = "" if entry.status else "the connection was closed without an answer"
            _find_call(entry)
            self._log.add(entry)


def _entry(scope: Scope) -> LoggedRequest:
    """Return the entry of a request that has just come, without its body."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    target = (raw.partition(b"?")[0] + (b"?" + query if query else b"")).decode("latin-1")
    headers = masked(_decoded(scope["headers"]))
    host = next((value for name, value in headers if name == "host"), "")
    resent_from, held = scope.get("extensions", {}).get(EXTENSION, ("", []))
    entry = LoggedRequest(
        direction="api",
        method=scope["method"],
        url=f"{scope.get('scheme', 'http')}://{host}{target}",
        target=target,
        request_headers=headers,
        http_version=scope.get("http_version", "1.1"),
        peer=(scope.get("client") or ("",))[0],
        resent_from=resent_from,
    )
    held.append(entry)
    return entry


def _decoded(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]


def _find_call(entry: LoggedRequest) -> None:
    """Note which call a request was about: by its path, or by what a callout was answered."""
    found = CALL.search(entry.path)
    participant = PARTICIPANT.search(entry.path)
    if found:
        entry.call_id = unquote(found[1])
    elif participant:
        entry.call_id = unquote(participant[2] or "")
    elif not entry.failed and entry.method == "POST" and "callouts" in entry.path:
        try:
            entry.call_id = str(json.loads(entry.response_body)["callId"])
        except (ValueError, TypeError, KeyError):
            # A fault of the sandbox has written another body.
            return
