"""Requests and answers, at each of the two seams: between an endpoint and the transport, and between it and HTTP."""

import functools
import json
from collections.abc import AsyncIterator
from typing import Any, Final, Protocol, TypeAlias

import attrs
import httpx

from sinch_voice_async._transport.exceptions import map_exception
from sinch_voice_async._transport.http11 import asks_to_close, header_lines, start_of_head
from sinch_voice_async._transport.origin import BaseUrl, Origin
from sinch_voice_async._transport.proxies import Proxy
from sinch_voice_async._version import __version__
from sinch_voice_async._wire.answers import Headers
from sinch_voice_async.errors import DecodeError

__all__ = ["ByteStream", "Fields", "RawResponse", "Request", "Response", "Signer", "StreamedResponse", "WireRequest"]

Fields: TypeAlias = list[tuple[bytes, bytes]]

_FIXED: Final = (
    (b"user-agent", f"sinch-voice-async/{__version__}".encode()),
    (b"accept", b"*/*"),
    # A compressed answer could unfold into anything; the answers are short, and recordings are compressed already.
    (b"accept-encoding", b"identity"),
)
_JSON: Final = (b"content-type", b"application/json")
_BODY_EXPECTED: Final = frozenset(("POST", "PUT", "PATCH"))


@attrs.define(kw_only=True, eq=False)  # not frozen, which would cost a callout three times as much here
class Request:
    """What an endpoint asks for; ``path`` is percent-encoded, ``route`` its template for logs and traces."""

    method: str
    path: str
    route: str
    repeatable: bool
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    configuration: bool = False
    base: BaseUrl | None = None


class Signer(Protocol):
    """Makes the header fields that authorize a request, at the time at which they are asked for."""

    def sign(self, method: str, target: str, body: bytes, content_type: str) -> tuple[Fields, float]:
        """Return the fields, and the local Unix time at which they were made."""
        ...


class WireRequest:
    """One attempt at a request, as it goes on the wire.

    ``headers`` are those beside the fixed and the signing ones. ``timeout.read`` bounds, in seconds, all that follows
    the writing. ``max_body`` bounds the body of the answer, in bytes. ``max_idle`` is for requests that must not be
    repeated: no connection is used that has been idle for longer, because its server may be about to close it.
    ``closing`` says that the headers ask for the end of the connection.

    Nothing changes after construction but ``signed_at``, the Unix time of the signature. The request is signed when it
    is encoded, which is when a connection is at hand: a timestamp must not have waited for one.
    """

    __slots__ = (
        "base",
        "body",
        "closing",
        "headers",
        "max_body",
        "max_idle",
        "method",
        "origin",
        "signed_at",
        "signer",
        "target",
        "timeout",
    )

    def __init__(
        self,
        base: BaseUrl,
        method: str,
        path: str,
        body: bytes,
        *,
        signer: Signer,
        headers: Fields,
        timeout: httpx.Timeout,
        max_idle: float | None = None,
        max_body: int = 1 << 20,
    ) -> None:
        self.base: BaseUrl = base
        self.origin: Origin = base.origin
        self.method: str = method
        self.target: str = base.prefix + path
        self.body: bytes = body
        self.signer: Signer = signer
        self.headers: Fields = headers
        self.timeout: httpx.Timeout = timeout
        self.max_idle: float | None = max_idle
        self.max_body: int = max_body
        self.closing: bool = bool(headers) and asks_to_close(headers)
        self.signed_at: float = 0.0

    @property
    def bodyless(self) -> bool:
        """Whether the answer has no body."""
        return self.method == "HEAD"

    def fields(self) -> Fields:
        """Return all header fields but the length of the body, freshly signed."""
        kind = (_JSON,) if self.body else ()
        return [(b"host", self.base.host_header), *_FIXED, *kind, *self.headers, *self._signed()]

    def encode(self, forward_proxy: Proxy | None = None) -> bytes:
        """Return head and body as they go on the wire, freshly signed; for ``forward_proxy`` with an absolute URL.

        :raises httpx.LocalProtocolError: when a part would leave its line in the head.
        """
        body, headers = self.body, self.headers
        absolute = forward_proxy is not None
        if forward_proxy is not None:
            headers = [*headers, *forward_proxy.headers]
        head = _head_template(self.base, self.method, self.target, bool(body), absolute)
        lines = [head, header_lines(headers) if headers else b""]
        lines += [b"%b: %b\r\n" % field for field in self._signed()]
        if body or self.method in _BODY_EXPECTED:
            lines.append(b"content-length: %d\r\n" % len(body))
        lines += (b"\r\n", body)
        return b"".join(lines)

    def _signed(self) -> Fields:
        content_type = "application/json" if self.body else ""
        fields, self.signed_at = self.signer.sign(self.method, self.target, self.body, content_type)
        return fields


@functools.lru_cache(maxsize=256)
def _head_template(base: BaseUrl, method: str, target: str, has_body: bool, absolute: bool) -> bytes:  # noqa: FBT001  # a key
    """Return the request line and the fields that all requests of one kind share."""
    where = f"{base.origin.scheme}://".encode() + base.host_header if absolute else b""
    start = start_of_head(method.encode("ascii"), where + target.encode("ascii"))
    fields = [(b"host", base.host_header), *_FIXED]
    if has_body:
        fields.append(_JSON)
    return start + b"\r\n" + header_lines(fields)


class RawResponse:
    """A whole response: ``status``, ``headers`` as the server spelled them, and ``body``."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Fields, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


class ByteStream(Protocol):
    """An answer whose head has arrived, and whose body is read piece by piece."""

    status: int
    headers: Fields

    def __aiter__(self) -> AsyncIterator[bytes]: ...
    async def aclose(self) -> None: ...


@attrs.frozen(repr=False)
class Response:
    """A successful answer of the platform, as bytes.

    ``status`` is the HTTP status, ``body`` the bytes, ``attempts`` the number of tries.
    """

    status: int
    pairs: Fields
    body: bytes
    attempts: int = 1

    @property
    def headers(self) -> Headers:
        """The headers, looked up without regard to case."""
        return Headers(self.pairs)

    def json(self) -> Any:
        """Return the body as Python objects.

        :raises DecodeError: when it is not JSON.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise DecodeError("the body is not JSON", status=self.status, attempts=self.attempts) from None

    def __repr__(self) -> str:
        return f"<Response {self.status}, {len(self.body)} bytes>"


class StreamedResponse:
    """A successful answer whose body is read chunk by chunk; closing it early closes its connection."""

    def __init__(self, stream: ByteStream, *, attempts: int, request: WireRequest) -> None:
        self.status = stream.status
        self.headers = Headers(stream.headers)
        self.attempts = attempts
        self._stream = stream
        self._chunks = aiter(stream)
        self._request = request

    def __aiter__(self) -> "StreamedResponse":
        return self

    async def __anext__(self) -> bytes:
        """Return the next bytes of the body.

        :raises DecodeError: when the body ended early or is malformed.
        :raises RequestTimeoutError: when nothing came for as long as the read timeout.
        """
        try:
            return await anext(self._chunks)
        except (StopAsyncIteration, AssertionError):
            raise
        except Exception as error:
            problem = map_exception(error, self._request.base, self._request.timeout)
            problem.attempts = self.attempts
            raise problem from error

    async def aclose(self) -> None:
        """Close the stream; what has not been read is given up. May be called twice."""
        await self._stream.aclose()

    def __repr__(self) -> str:
        return f"<StreamedResponse {self.status}>"
