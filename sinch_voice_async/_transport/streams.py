"""Requests and responses whose bodies come piece by piece, and httpx's way of tracing them."""

from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final, Protocol, Self

import httpx

from sinch_voice_async._transport.connection import Connection
from sinch_voice_async._transport.http11 import Framing, asks_to_close, request_head
from sinch_voice_async._transport.messages import WireRequest

__all__ = ["HttpxRequest", "NoTrace", "ResponseStream", "Trace", "WholeRequest"]


class Owner(Protocol):
    """What takes back the connection of a response: the state of a pool."""

    def release(self, connection: Connection) -> None:
        """Take back a connection after a request, and keep it for the next one if it may have one."""

    def discard(self, connection: Connection) -> None:
        """Close a connection, and let another be opened in its place."""


class Trace:
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


class NoTrace:
    """The same for a request without a trace."""

    async def __call__(self, event: str, **info: object) -> None:
        pass

    async def failed(self, error: BaseException) -> None:
        pass


NO_TRACE: Final = NoTrace()


class WholeRequest:
    """A request of a client, written in one piece."""

    def __init__(self, request: WireRequest) -> None:
        self._request = request
        self.trace = NO_TRACE

    def begin(self, connection: Connection) -> None:
        """Announce the request to a connection."""
        connection.begin(bodyless=self._request.bodyless, closing=self._request.closing)

    async def write_to(self, connection: Connection, seconds: float | None) -> None:
        """Write the request, each piece of it within ``seconds``."""
        await connection.write(self._request.encode(connection.forward_proxy), seconds)


class HttpxRequest:
    """A request as httpx has it, whose body may come in pieces.

    :raises httpx.LocalProtocolError: when its head is malformed.
    """

    def __init__(self, request: httpx.Request) -> None:
        callback = request.extensions.get("trace")
        self.trace = NO_TRACE if callback is None else Trace(callback, request)
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
        self, connection: Connection, state: Owner, seconds: float | None, trace: "Trace | NoTrace" = NO_TRACE
    ) -> None:
        reader = connection.reader
        assert reader.status is not None
        self.status = reader.status
        self.headers = reader.headers
        self.head = (reader.version, reader.status, reader.reason, reader.headers)
        self.connection = connection
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
