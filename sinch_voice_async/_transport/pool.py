"""HTTP/1.1 connections, kept and shared: the transport under every request of this library.

There are two ways in, over the same connections. ``exchange`` and ``open`` take bytes and return bytes, and are what a
``VoiceClient`` uses; ``handle_async_request`` makes the pool a transport for anybody's ``httpx.AsyncClient``.

Whatever goes wrong is raised as the exception that httpx documents for it, with the evidence (see ``evidence``) of
whether any byte of the request was written. HTTP/2 and proxies are left to httpx's own transport.
"""

import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self, TypeAlias

import httpx

from sinch_voice_async._transport.bodies import Sender, sender
from sinch_voice_async._transport.connections.connection import Connection, RawResponse
from sinch_voice_async._transport.connections.loops import Loop, pump_for, running_loop
from sinch_voice_async._transport.connections.places import Places
from sinch_voice_async._transport.connections.tls import TlsClient
from sinch_voice_async._transport.evidence import mark
from sinch_voice_async._transport.http11 import request_head
from sinch_voice_async._transport.origins import Origin
from sinch_voice_async._transport.streams import ResponseStream

__all__ = ["DEFAULT_LIMITS", "ConnectionPool", "HeaderFields", "Origin", "RawResponse", "ResponseStream"]

HeaderFields: TypeAlias = Callable[[], Sequence[tuple[bytes, bytes]]]
"""Makes the header fields when a connection is there: a timestamp among them must not have stood in line."""

DEFAULT_LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=100, keepalive_expiry=30.0)

_BODY_EXPECTED = frozenset((b"POST", b"PUT", b"PATCH"))


class ConnectionPool(httpx.AsyncBaseTransport):
    """Connections to any number of servers, plain and TLS, on asyncio and on trio.

    ``verify``, ``limits`` and ``trust_env`` mean what they mean to ``httpx.AsyncHTTPTransport``; a request that finds
    every place taken waits its turn, for ``timeout.pool`` seconds at most. The pool can be made outside of an event
    loop and used in one loop after another: connections close with the loop that they belong to. While requests run in
    one loop, those of another are refused, unsent: two loops at once need a pool each.
    """

    def __init__(
        self,
        *,
        verify: ssl.SSLContext | bool = True,
        limits: httpx.Limits = DEFAULT_LIMITS,
        trust_env: bool = True,
    ) -> None:
        self._limits = limits
        self._tls = TlsClient(verify, trust_env=trust_env)
        self._loop: Loop | None = None
        self._places: Places | None = None
        self._closed = False

    async def exchange(
        self,
        origin: Origin,
        method: bytes,
        target: bytes,
        headers: HeaderFields,
        body: bytes,
        *,
        timeout: httpx.Timeout,
        max_idle: float | None = None,
        max_body: int = 1 << 20,
    ) -> RawResponse:
        """Send a request and return the whole response.

        ``headers`` returns fields that name the host; the body's length is added. ``timeout.read`` bounds, in seconds,
        all that follows the writing; a body of more than ``max_body`` bytes is refused. ``max_idle`` is for requests
        that must not be repeated: no connection is used that has been idle for longer, since its server may be about
        to close it.
        """
        places = self._here()
        connection = places.take(origin, max_idle) or await places.obtain(origin, timeout)
        try:
            request = _request(method, target, headers(), body)
            return await connection.exchange(request, bodyless=method == b"HEAD", max_body=max_body, timeout=timeout)
        finally:
            places.give_back(connection)

    async def open(
        self,
        origin: Origin,
        method: bytes,
        target: bytes,
        headers: HeaderFields,
        body: bytes,
        *,
        timeout: httpx.Timeout,
        max_idle: float | None = None,
    ) -> ResponseStream:
        """Send a request as ``exchange`` does and return the response once its head is here.

        ``timeout.read`` bounds the wait for the head, and for each piece of body.
        """

        async def send(connection: Connection, seconds: float | None) -> None:
            await connection.write(_request(method, target, headers(), body), seconds)

        return await self._start(origin, send, bodyless=method == b"HEAD", timeout=timeout, max_idle=max_idle)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request for httpx; its extensions ``timeout`` and ``sni_hostname`` are honoured."""
        timeout = httpx.Timeout(None, **request.extensions.get("timeout", {}))
        origin = Origin.of(request.url, request.extensions.get("sni_hostname"))
        stream = await self._start(origin, sender(request), bodyless=request.method == "HEAD", timeout=timeout)
        return stream.response()

    async def _start(
        self,
        origin: Origin,
        send: Sender,
        *,
        bodyless: bool,
        timeout: httpx.Timeout,
        max_idle: float | None = None,
    ) -> ResponseStream:
        places = self._here()
        connection = places.take(origin, max_idle) or await places.obtain(origin, timeout)
        try:
            connection.begin(bodyless=bodyless)
            await send(connection, timeout.write)
            await connection.read_head(timeout.read)
        except httpx.LocalProtocolError as error:  # the body is not as long as its head says
            places.discard(connection)
            raise connection.failed(error) from None
        except BaseException:
            places.discard(connection)
            raise
        return ResponseStream(connection, places, timeout.read)

    async def aclose(self) -> None:
        """Close every connection, those in use too; may be called twice."""
        self._closed = True
        if self._places is not None:
            await self._places.aclose()

    async def __aenter__(self) -> Self:
        """Return the pool."""
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Close the pool."""
        await self.aclose()

    def __repr__(self) -> str:
        """Return, for example, ``<ConnectionPool [3 active, 97 idle, 0 waiting]>``."""
        active, idle, waiting = (0, 0, 0) if self._places is None else self._places.counts
        return f"<ConnectionPool [{active} active, {idle} idle, {waiting} waiting]>"

    def _here(self) -> Places:
        """Return the places on the running event loop."""
        loop = running_loop()
        places = self._places
        if places is None or places.closed or loop is not self._loop:
            places = self._move(loop)
        return places

    def _move(self, loop: Loop | None) -> Places:
        """Leave the connections of a loop that has ended, and begin anew on this one."""
        if self._closed:
            raise mark(httpx.LocalProtocolError("the connection pool is closed"), request_sent=False)
        if self._places is not None:
            self._leave(self._places, self._loop)
        self._loop = loop
        self._places = Places(pump_for(loop), self._tls, self._limits)
        return self._places

    @staticmethod
    def _leave(places: Places, loop: Loop | None) -> None:
        if loop is None or not loop.is_running():
            places.close()
            return
        # It runs in another thread. To close what is in use there would make callouts of which nobody knows the fate.
        active, _, waiting = places.counts
        if active or waiting:
            error = httpx.LocalProtocolError("requests are running in another event loop: make a client for each loop")
            raise mark(error, request_sent=False)
        with suppress(RuntimeError):  # It has been closed meanwhile, and its connections with it.
            loop.call_soon_threadsafe(places.close)


def _request(method: bytes, target: bytes, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> bytes:
    if body or method in _BODY_EXPECTED:
        headers = [*headers, (b"Content-Length", b"%d" % len(body))]
    return request_head(method, target, headers) + body
