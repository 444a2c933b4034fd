"""HTTP/1.1 connections, kept and shared: the transport under every request of this library.

There are two ways in, over the same connections. ``send`` and ``stream`` take a ``WireRequest``, and are what a
``VoiceClient`` uses; ``handle_async_request`` makes the pool a transport for any ``httpx.AsyncClient``.

Every failure is raised as the exception that httpx documents for it, with the evidence (see ``exceptions``) of whether
any byte of the request was written. HTTP/2 is left to httpx's own transport.
"""

import os
import ssl
import threading
import weakref
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

import httpx

from sinch_voice_async._transport.backends import Loop, backend_for, current_loop
from sinch_voice_async._transport.connection import Connection
from sinch_voice_async._transport.exceptions import mark, request_sent
from sinch_voice_async._transport.http11 import Framing, asks_to_close, request_head
from sinch_voice_async._transport.messages import RawResponse, WireRequest
from sinch_voice_async._transport.origin import Origin
from sinch_voice_async._transport.pool_state import PoolState
from sinch_voice_async._transport.proxies import Proxies
from sinch_voice_async._transport.tls import TlsClient

__all__ = ["DEFAULT_LIMITS", "ConnectionPool", "ResponseStream"]

DEFAULT_LIMITS: Final = httpx.Limits(max_connections=100, max_keepalive_connections=100, keepalive_expiry=30.0)

_DIRECT: Final = Proxies()
_pools: "weakref.WeakSet[ConnectionPool]" = weakref.WeakSet()


class ConnectionPool(httpx.AsyncBaseTransport):
    """Connections to any number of servers, plain and TLS, direct or through a proxy, on asyncio and on trio.

    ``verify``, ``limits``, ``trust_env`` and ``proxy`` mean what they mean to ``httpx.AsyncHTTPTransport``. A request
    that finds every connection in use waits, for ``timeout.pool`` seconds at most. The pool can be made outside of an
    event loop and used in one loop after another: connections close with the loop that they belong to. While requests
    run in one loop, those of another are refused, unsent: two loops at once need a pool each. After a fork, the child
    opens connections of its own.

    :raises ConfigurationError: when ``proxy`` is not the URL of a proxy.
    """

    def __init__(
        self,
        *,
        verify: ssl.SSLContext | bool = True,
        limits: httpx.Limits = DEFAULT_LIMITS,
        trust_env: bool = True,
        proxy: "str | httpx.URL | httpx.Proxy | Proxies | None" = None,
    ) -> None:
        self._limits = limits
        self._tls = TlsClient(verify, trust_env=trust_env)
        self._proxies = proxy if isinstance(proxy, Proxies) else _DIRECT if proxy is None else Proxies.of(proxy)
        self._loop: Loop | None = None
        self._state: PoolState | None = None
        self._lock = threading.Lock()
        self._closed = False
        _pools.add(self)

    def check(self, *origins: Origin) -> None:
        """Find out now what could keep a request to ``origins`` from being sent: certificates and proxies.

        :raises ConfigurationError: when a variable of the environment cannot be used; the message names it.
        """
        proxies = [self._proxies.for_origin(origin) for origin in origins]
        if any(origin.secure for origin in origins) or any(proxy is not None and proxy.secure for proxy in proxies):
            self._tls.check_environment()

    async def send(self, request: WireRequest) -> RawResponse:
        """Send a request and return the whole response."""
        connection: Connection | None = None
        try:
            state = self._here()
            connection = state.acquire(request.origin, request.max_idle)
            if connection is None:
                connection = await state.connect(request.origin, request.timeout)
            try:
                return await connection.send(request)
            finally:
                state.release(connection)
        except BaseException as error:
            _witness(error, connection)
            raise

    async def stream(self, request: WireRequest) -> "ResponseStream":
        """Send a request as ``send`` does and return the response once its head is here.

        ``timeout.read`` bounds the wait for the head, and for each piece of body.
        """
        return await self._start(request.origin, _Whole(request), request.timeout, request.max_idle)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request for httpx.

        The extensions ``timeout``, ``sni_hostname``, ``target`` and ``trace`` mean what they mean to httpx.
        ``max_idle`` is the number of seconds that a connection may have been idle, None for any.
        """
        extensions = request.extensions
        timeout = httpx.Timeout(None, **extensions.get("timeout", {}))
        origin = Origin.of(request.url, extensions.get("sni_hostname"))
        stream = await self._start(origin, _Pieces(request), timeout, extensions.get("max_idle"))
        return stream.response()

    async def _start(
        self, origin: Origin, outgoing: "_Whole | _Pieces", timeout: httpx.Timeout, max_idle: float | None
    ) -> "ResponseStream":
        connection: Connection | None = None
        trace = outgoing.trace
        try:
            state = self._here()
            connection = state.acquire(origin, max_idle)
            if connection is None:
                await trace("connection.connect_tcp.started", host=origin.host, port=origin.port)
                connection = await state.connect(origin, timeout)
                await trace("connection.connect_tcp.complete", return_value=None)
            try:
                outgoing.begin(connection)
                await outgoing.write_to(connection, timeout.write)
                await trace("http11.receive_response_headers.started")
                await connection.read_head(timeout.read)
                stream = ResponseStream(connection, state, timeout.read, trace)
                await trace("http11.receive_response_headers.complete", return_value=stream.head)
            except BaseException:
                state.discard(connection)
                raise
        except BaseException as error:
            _witness(error, connection)
            if isinstance(error, Exception):
                with suppress(Exception):  # the callback may be what has failed
                    await trace.failed(error)
            raise
        return stream

    async def aclose(self) -> None:
        """Close every connection, those in use too; may be called twice."""
        self._closed = True
        if self._state is not None:
            await self._state.aclose()

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
        active, idle, waiting = (0, 0, 0) if self._state is None else self._state.counts
        return f"<ConnectionPool [{active} active, {idle} idle, {waiting} waiting]>"

    def _here(self) -> PoolState:
        """Return the state of the running event loop."""
        loop = current_loop()
        state = self._state
        if state is None or state.closed or loop is not self._loop:
            with self._lock:
                state = self._move(loop)
        return state

    def _move(self, loop: Loop) -> PoolState:
        """Leave the connections of a loop that has ended, and begin anew on this one."""
        if self._closed:
            raise mark(httpx.LocalProtocolError("the connection pool is closed"), request_sent=False)
        if self._state is not None and not self._state.closed:
            self._leave(self._state)
        self._loop = loop
        self._state = PoolState(backend_for(loop), self._tls, self._proxies, self._limits)
        return self._state

    @staticmethod
    def _leave(state: PoolState) -> None:
        if not state.backend.is_running():
            state.close()
            return
        # It runs in another thread. To close what is in use there would leave callouts without a known outcome.
        active, _, waiting = state.counts
        if active or waiting:
            error = httpx.LocalProtocolError("requests are running in another event loop: make a client for each loop")
            raise mark(error, request_sent=False)
        with suppress(RuntimeError):  # it has ended meanwhile, and its connections with it
            state.backend.run_soon(state.close)

    def _abandon(self) -> None:
        """Forget all connections, in a child process: they are the parent's."""
        self._lock = threading.Lock()
        state, self._state, self._loop = self._state, None, None
        if state is not None:
            state.abandon()
            _abandoned.append(state)


# Collecting them would close what the parent uses, or warn that it was left open.
_abandoned: list[PoolState] = []


def _abandon_all() -> None:
    for pool in list(_pools):
        pool._abandon()  # noqa: SLF001  # the same module


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)


def _witness(error: BaseException, connection: Connection | None) -> None:
    """Write the evidence on ``error``, if it has none yet."""
    if request_sent(error) is None:
        sent = connection is not None and connection.request_sent
        mark(error, request_sent=sent, status=connection.reader.status if connection is not None and sent else None)


class _Trace:
    """Tells a callback of httpx's ``trace`` extension about the steps of a request, as httpcore names them."""

    def __init__(self, callback: Callable[[str, Mapping[str, Any]], Awaitable[None]], request: httpx.Request) -> None:
        import httpcore  # noqa: PLC0415  # a callback expects its request; nothing else here needs it

        self._callback = callback
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.extensions.get("target", request.url.raw_path),
        )
        self._request = httpcore.Request(request.method, url, headers=request.headers.raw)
        self._step = "connection.acquire"

    async def __call__(self, event: str, **info: object) -> None:
        self._step = event.rpartition(".")[0]
        await self._callback(event, {"request": self._request, **info})

    async def failed(self, error: BaseException) -> None:
        """Tell that the step that was under way has failed."""
        await self._callback(f"{self._step}.failed", {"request": self._request, "exception": error})


class _NoTrace:
    """The same for a request that nobody traces."""

    async def __call__(self, event: str, **info: object) -> None:
        pass

    async def failed(self, error: BaseException) -> None:
        pass


_NO_TRACE: Final = _NoTrace()


class _Whole:
    """A request of a client, written in one piece."""

    def __init__(self, request: WireRequest) -> None:
        self._request = request
        self.trace = _NO_TRACE

    def begin(self, connection: Connection) -> None:
        """Announce the request to a connection."""
        connection.begin(bodyless=self._request.bodyless, closing=self._request.closing)

    async def write_to(self, connection: Connection, seconds: float | None) -> None:
        """Write the request, each piece of it within ``seconds``."""
        await connection.write(self._request.encode(connection.forward_proxy), seconds)


class _Pieces:
    """A request as httpx has it, whose body may come in pieces.

    :raises httpx.LocalProtocolError: when its head is malformed.
    """

    def __init__(self, request: httpx.Request) -> None:
        callback = request.extensions.get("trace")
        self.trace = _NO_TRACE if callback is None else _Trace(callback, request)
        self._request = request
        self._framing = Framing(request.headers.raw)
        self._closing = asks_to_close(request.headers.raw)

    def begin(self, connection: Connection) -> None:
        """Announce the request to a connection."""
        connection.begin(bodyless=self._request.method == "HEAD", closing=self._closing)

    async def write_to(self, connection: Connection, seconds: float | None) -> None:
        """Write head and body, each piece within ``seconds``, but stop once the server has heard enough."""
        head, in_pieces = self._head(connection), True
        try:
            with suppress(httpx.RequestNotRead):
                head += self._framing.frame(self._request.content) + self._framing.end()
                in_pieces = False
            await self.trace("http11.send_request_headers.started")
            await connection.write(head, seconds)
            if in_pieces:
                await self._write_pieces(connection, seconds)
        except httpx.LocalProtocolError as error:  # the body is not as long as its head says
            raise connection.failed(error) from None
        await self.trace("http11.send_request_headers.complete", return_value=None)
        await self.trace("http11.send_request_body.started")
        await self.trace("http11.send_request_body.complete", return_value=None)

    def _head(self, connection: Connection) -> bytes:
        request, proxy = self._request, connection.forward_proxy
        target: bytes = request.extensions.get("target", request.url.raw_path)
        headers = request.headers.raw
        if proxy is not None:
            target = b"http://" + request.url.netloc + target
            headers = [*headers, *proxy.headers]
        return request_head(request.method.encode("ascii", "replace"), target, headers)

    async def _write_pieces(self, connection: Connection, seconds: float | None) -> None:
        body = self._request.stream
        assert isinstance(body, httpx.AsyncByteStream)
        pieces = aiter(body)
        try:
            async for piece in pieces:
                if connection.answered:
                    connection.request_complete = False
                    return
                if framed := self._framing.frame(piece):
                    await connection.write(framed, seconds)
        finally:
            if isinstance(pieces, AsyncGenerator):  # httpx's own: trio minds those that are left unfinished
                await pieces.aclose()
        if end := self._framing.end():
            await connection.write(end, seconds)


class _NetworkStream:
    """What httpx lets people ask about the connection of a response; it cannot be read or written."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get_extra_info(self, info: str) -> object:
        """Return what is asked for, None if it is unknown.

        Known are ``"client_addr"``, ``"server_addr"``, ``"socket"``, ``"ssl_object"`` and ``"is_readable"``.
        """
        connection = self._connection
        if info in ("client_addr", "server_addr"):
            return connection.addresses[info == "server_addr"]
        if info == "socket":
            return connection.socket()
        if info == "is_readable":
            return connection.is_readable()
        return connection.tls and connection.tls.ssl_object if info == "ssl_object" else None


class ResponseStream(httpx.AsyncByteStream):
    """The head of a response, and its body as it comes: iterate over it once, and ``aclose`` it.

    Its connection is released to the pool when the last byte has arrived. ``aclose`` before that closes it, because the
    rest of the body could only be waited for. It is a class, not a generator: left early it must give up its connection
    at once, on trio as on asyncio.
    """

    def __init__(
        self, connection: Connection, state: PoolState, seconds: float | None, trace: "_Trace | _NoTrace" = _NO_TRACE
    ) -> None:
        reader = connection.reader
        assert reader.status is not None
        self.status = reader.status
        self.headers = reader.headers
        self.head = (reader.version, reader.status, reader.reason, reader.headers)
        self._connection: Connection | None = connection
        self._state = state
        self._seconds = seconds
        self._trace = trace
        self._extensions = {
            "http_version": reader.version,
            "reason_phrase": reader.reason,
            "network_stream": _NetworkStream(connection),
        }
        self._pieces = deque[bytes]()
        if reader.complete:
            self._keep(reader.take())

    def response(self) -> httpx.Response:
        """Return the response as httpx has it, with this stream as its body."""
        return httpx.Response(self.status, headers=self.headers, stream=self, extensions=self._extensions)

    def __aiter__(self) -> Self:
        """Return the stream itself: there is one body, and it is read once."""
        return self

    async def __anext__(self) -> bytes:
        """Return the next piece of body, of any size; raise ``httpx.ReadTimeout`` if it takes too long."""
        if not self._pieces and self._connection is not None:
            try:
                self._keep(await self._connection.read(self._seconds))
            except BaseException:
                await self.aclose()
                raise
        if not self._pieces:
            raise StopAsyncIteration
        return self._pieces.popleft()

    async def aclose(self) -> None:
        """Let go of the connection; what has not arrived is lost."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            self._state.discard(connection)

    def _keep(self, pieces: list[bytes]) -> None:
        self._pieces.extend(pieces)
        if self._connection is not None and self._connection.reader.complete:
            connection, self._connection = self._connection, None
            self._state.release(connection)
