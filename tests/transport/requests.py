"""Requests as plain bytes, sent through the pool's own way."""

from collections.abc import Callable, Sequence

import httpx

from sinch_voice_async._transport.http11 import request_head
from sinch_voice_async._transport.messages import RawResponse, WireRequest
from sinch_voice_async._transport.origin import Origin
from sinch_voice_async._transport.pool import ConnectionPool
from sinch_voice_async._transport.proxies import Proxy
from sinch_voice_async._transport.streams import ResponseStream

Fields = Callable[[], Sequence[tuple[bytes, bytes]]]


class PlainRequest(WireRequest):
    """A request of these parts, signed by nobody; ``fields`` is called when the request is encoded."""

    def __init__(
        self,
        origin: Origin,
        method: bytes,
        target: bytes,
        fields: Fields,
        body: bytes,
        *,
        timeout: httpx.Timeout,
        max_idle: float | None = None,
        max_body: int = 1 << 20,
    ) -> None:
        self.origin = origin
        self.method = method.decode("latin-1")
        self.timeout = timeout
        self.max_idle = max_idle
        self.max_body = max_body
        self.closing = False
        self._parts = (method, target, fields, body)

    def encode(self, forward_proxy: Proxy | None = None) -> bytes:
        """Return the request as it goes on the wire."""
        method, target, fields, body = self._parts
        headers = [*fields()]
        if body or method in (b"POST", b"PUT", b"PATCH"):
            headers.append((b"Content-Length", b"%d" % len(body)))
        return request_head(method, target, headers) + body


async def exchange(
    pool: ConnectionPool,
    origin: Origin,
    method: bytes,
    target: bytes,
    fields: Fields,
    body: bytes,
    *,
    timeout: httpx.Timeout,
    max_idle: float | None = None,
    max_body: int = 1 << 20,
) -> RawResponse:
    """Send a request and return the whole response."""
    request = PlainRequest(origin, method, target, fields, body, timeout=timeout, max_idle=max_idle, max_body=max_body)
    return await pool.send(request)


async def open_stream(
    pool: ConnectionPool,
    origin: Origin,
    method: bytes,
    target: bytes,
    fields: Fields,
    body: bytes,
    *,
    timeout: httpx.Timeout,
) -> ResponseStream:
    """Send a request and return the response once its head is here."""
    return await pool.stream(PlainRequest(origin, method, target, fields, body, timeout=timeout))
