"""The asyncio backend: the event loop pushes bytes to the reader in the very callback that brings them.

A protocol costs a third of what a stream with a task switch per read does: one future for the whole exchange, and one
timer per connection that is moved, not made, for each phase.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from itertools import zip_longest
from typing import Final, cast

import anyio
import httpx

from sinch_voice_async._transport.connection import (
    Clock,
    Connection,
    Deadline,
    Route,
    connect_error,
    failures_of_connecting,
    make_poll,
)
from sinch_voice_async._transport.exceptions import because
from sinch_voice_async._transport.messages import RawResponse, WireRequest
from sinch_voice_async._transport.origin import Origin
from sinch_voice_async._transport.tls import Tls

__all__ = ["AsyncioBackend", "AsyncioConnection", "AsyncioSignal"]

_MAX_BUFFERED: Final = 262_144
_HEAD_START: Final = 0.25
_MOST_EXTENSIONS: Final = 16


class AsyncioConnection(Connection, asyncio.Protocol):
    """A connection on an asyncio transport."""

    __slots__ = (
        "_buffered",
        "_data",
        "_deadline",
        "_error",
        "_extensions",
        "_loop",
        "_piecewise",
        "_poll",
        "_reading_paused",
        "_timeout",
        "_transport",
        "_waiter",
        "_writing_paused",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, origin: Origin) -> None:
        super().__init__(origin)
        self._loop = loop
        self._waiter: asyncio.Future[None] | None = None
        self._error: httpx.TransportError | None = None
        self._deadline = Deadline(loop, self._expired)
        self._extensions = 0
        self._buffered = 0
        self._piecewise = False
        self._reading_paused = self._writing_paused = False

    async def handshake(self, tls: Tls) -> None:
        """Do the TLS handshake; raise ``ssl.SSLError`` or ``OSError``."""
        self._transport.write(tls.handshake())
        await self._wait()

    async def send(self, request: WireRequest) -> RawResponse:
        """Write a whole request and return the whole response; ``timeout.read`` bounds all that follows the writing."""
        self._data = memoryview(request.encode(self.forward_proxy))  # a traceback with local variables must not show it
        self.begin(bodyless=request.bodyless, max_body=request.max_body, closing=request.closing)
        self._piecewise = False
        self._timeout = request.timeout
        # See `_turn`: nothing is written before the loop has turned once.
        self._loop.call_later(0, self._start)
        await self._wait()
        self.request_complete = not self._writing_paused
        return self.answer()

    async def write(self, data: bytes, seconds: float | None) -> None:
        """Write a part of a request; return early if an answer comes meanwhile."""
        self._piecewise = True
        if not self.request_sent:
            await self._turn()
        if not self.closed:
            self._write(data)
            self._move_deadline(seconds)
        while self._writing_paused and not self.answered:
            await self._wait()
        self.request_complete = not self._writing_paused

    async def read_head(self, seconds: float | None) -> None:
        """Return once the head of the response is complete, within ``seconds``."""
        self._move_deadline(seconds)
        while not self.reader.head_complete:
            await self._wait()

    async def read(self, seconds: float | None) -> list[bytes]:
        """Return the pieces of body that have come, waiting ``seconds`` for the first; an empty list is the end."""
        reader = self.reader
        if not reader.chunks and not reader.complete:
            self._move_deadline(seconds)
        while not reader.chunks and not reader.complete:
            await self._wait()
        self._buffered = 0
        if self._reading_paused and not self.closed:
            self._reading_paused = False
            self._transport.resume_reading()
        return reader.take()

    def socket(self) -> socket.socket:
        """Return the socket, for those who want to look at it."""
        return cast("socket.socket", self._transport.get_extra_info("socket"))

    def is_readable(self) -> bool:
        """Whether an idle connection was closed by the server, or brought bytes that no request asked for."""
        return self.closed or self._poll()

    def close(self) -> None:
        """Close at once; a task that waits on this connection gets an ``httpx.ReadError``."""
        if not self.closed:
            self.closed = True
            self._deadline.stop()
            try:
                self._transport.abort()
            except RuntimeError:  # the event loop is closed
                self._close_after_loop()
            if self.reader.complete:
                self._wake()
            else:
                self._fail(httpx.ReadError("the connection was closed"))

    def abandon(self, dead: int) -> None:
        """Give up a connection that the parent process goes on using."""
        super().abandon(dead)
        self._fail(httpx.ReadError("the connection belongs to the parent process"))

    def _close_after_loop(self) -> None:
        """Close the socket of a transport whose loop is closed, which asyncio has no public way to do."""
        end = getattr(self._transport, "_call_connection_lost", lambda _: None)
        end(None)

    # The event loop calls what follows.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport, with no buffer of its own, so that a pause means: not yet written."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name
        self._poll = make_poll(transport.get_extra_info("socket").fileno())
        self._transport.set_write_buffer_limits(high=0)

    def data_received(self, data: bytes) -> None:
        """Hand what arrived to the reader, and wake the task that waits for it."""
        tls = self.tls
        if tls is not None and not tls.established:
            self._continue_handshake(tls, data)
            return
        try:
            self.arrived(data)
        except httpx.TransportError as error:
            self._fail(error)
        else:
            self._progressed(len(data))

    def eof_received(self) -> None:
        """Take the server's end of the connection."""
        self.connection_lost(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the end of the connection, which may be the end of a body."""
        if self.closed:
            return
        if self.tls is not None and not self.tls.established:
            self._fail(connect_error(exc or EOFError("the server closed the connection during the TLS handshake")))
        elif exc is not None and not self.reader.complete:
            kind = httpx.WriteError if self._writing_paused else httpx.ReadError
            self._fail(because(kind(str(exc)), exc))
        else:
            self._ended()
        self.close()

    def _ended(self) -> None:
        try:
            self.reader.feed_eof()
        except httpx.TransportError as error:
            self._fail(error)

    def pause_writing(self) -> None:
        """Note that not everything is written yet."""
        self._writing_paused = True

    def resume_writing(self) -> None:
        """Note that everything is written: the time for reading begins."""
        self._writing_paused = False
        if self._piecewise:
            self._wake()
        else:
            self._move_deadline(self._timeout.read)

    def _start(self) -> None:
        """Write the request, unless the task that waits for its answer was cancelled meanwhile."""
        if self._waiter is None or self._waiter.done():
            return
        try:
            self._write(self._data)
        except (OSError, ValueError) as error:
            self._fail(because(httpx.WriteError(str(error)), error))
        timeout = self._timeout
        self._move_deadline(timeout.write if self._writing_paused else timeout.read)

    def _write(self, data: bytes | memoryview) -> None:
        records = data if self.tls is None else self.tls.encrypt(data)
        self.request_sent = True
        self._transport.write(records)

    def _continue_handshake(self, tls: Tls, records: bytes) -> None:
        try:
            answer = tls.handshake(records)
        except ssl.SSLError as error:
            self._transport.write(tls.pending())
            self._fail(connect_error(error))
        else:
            self._transport.write(answer)
            if tls.established:
                self._wake()

    def _progressed(self, count: int) -> None:
        reader = self.reader
        if reader.complete:
            self._wake()
            if not reader.reusable and self._waiter is None:
                self.close()
        elif self._piecewise:
            self._buffered += count
            if self._buffered > _MAX_BUFFERED and not self._reading_paused:
                self._reading_paused = True
                self._transport.pause_reading()
            self._wake()

    async def _turn(self) -> None:
        """Let the loop turn once before the first byte of a request goes out.

        A cancellation takes effect in this turn, and so does a deadline that is due: a timer that is set for now comes
        behind all that were due earlier. A server that has closed the connection is heard as well.
        """
        turned = self._waiter = self._loop.create_future()
        timer = self._loop.call_later(0, _resolve, turned)
        try:
            await turned
        except BaseException:
            self.close()
            raise
        finally:
            timer.cancel()
            self._waiter = None
        if self.closed or self._error is not None:
            raise self.failed(httpx.ConnectError("the connection was closed before the request was written"))

    async def _wait(self) -> None:
        if self._error is None:
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            except BaseException:  # a cancelled exchange leaves nothing behind that another could read
                self.close()
                raise
            finally:
                self._waiter = None
        if self._error is not None:
            raise self.failed(self._error, self._error.__cause__)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, error: httpx.TransportError) -> None:
        if self._error is None:
            self._error = error
        self._wake()

    def _move_deadline(self, seconds: float | None) -> None:
        self._extensions = 0
        self._deadline.set(seconds)

    def _expired(self) -> None:
        # Before the request is written, it was an earlier one's deadline; a waiter that is done has its answer.
        if self._waiter is None or self._waiter.done() or not self.request_sent:
            return
        if self._writing_paused:
            self._fail(httpx.WriteTimeout("the request could not be written in time"))
        elif self._extensions < _MOST_EXTENSIONS and not self._reading_paused and self._poll():
            # What has arrived counts: the loop reads it in its next turn.
            self._extensions += 1
            self._deadline.set(0)
        else:
            self._fail(httpx.ReadTimeout("the answer did not come in time"))


def _resolve(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


class AsyncioSignal:
    """Something that happens once: a future, which costs a tenth of an event and a scope."""

    __slots__ = ("_future",)

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._future = loop.create_future()

    def set(self) -> None:
        """Wake the task; a second call does nothing."""
        _resolve(self._future)

    async def wait(self) -> None:
        """Return once ``set`` was called."""
        await self._future


class AsyncioBackend:
    """Makes connections, signals and timers on one asyncio loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.clock: Clock = loop

    def is_running(self) -> bool:
        """Return whether the loop runs, in this thread or in another."""
        return self._loop.is_running()

    def run_soon(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` in the loop, from another thread; raise ``RuntimeError`` if the loop has ended."""
        self._loop.call_soon_threadsafe(callback)

    def signal(self) -> AsyncioSignal:
        """Return a new signal."""
        return AsyncioSignal(self._loop)

    async def connect(self, route: Route, seconds: float | None) -> AsyncioConnection:
        """Open a connection, TLS included; raise ``httpx.ConnectError`` or ``httpx.ConnectTimeout``."""
        connection: AsyncioConnection | None = None
        with failures_of_connecting(route):
            scope = anyio.CancelScope()
            deadline = Deadline(self._loop, scope.cancel)
            deadline.set(seconds)
            try:
                with scope:
                    connection = await self._dial(route)
                    await connection.establish(route)
            except BaseException:
                _close([connection])
                raise
            finally:
                deadline.stop()
            if scope.cancelled_caught or connection is None:
                _close([connection])
                raise TimeoutError
        return connection

    async def _dial(self, route: Route) -> AsyncioConnection:
        if route.proxy is not None and route.proxy.socks:
            return await self._dial_socks(route)
        host, port = route.address
        addresses = await self._resolve(host, port)
        if len(addresses) == 1:
            return await self._reach(addresses[0], port, route.origin)
        return await self._race(addresses, port, route.origin)

    async def _dial_socks(self, route: Route) -> AsyncioConnection:
        from sinch_voice_async._transport.backends.socks import AsyncioProxy, open_socks  # noqa: PLC0415  # an extra

        sock = await open_socks(route, AsyncioProxy)
        connection = AsyncioConnection(self._loop, route.origin)
        await self._loop.create_connection(lambda: connection, sock=sock)
        return connection

    async def _reach(self, address: str, port: int, origin: Origin) -> AsyncioConnection:
        connection = AsyncioConnection(self._loop, origin)
        await self._loop.create_connection(lambda: connection, address, port)
        return connection

    async def _resolve(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host, the two families taking turns (RFC 8305, section 4)."""
        if _is_address(host):
            return [host]
        found = await self._loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        families: dict[int, list[str]] = {}
        for family, *_, address in found:
            families.setdefault(family, []).append(str(address[0]))
        return [address for turn in zip_longest(*families.values()) for address in turn if address is not None]

    async def _race(self, addresses: list[str], port: int, origin: Origin) -> AsyncioConnection:
        """Try one address after another, each with a head start, and return the first connection (RFC 8305, section 5).

        ``create_connection`` can do this too, but loses a connected socket if it is cancelled in the wrong moment, and
        uvloop's cannot.
        """
        opened: list[AsyncioConnection] = []
        errors: list[OSError] = []

        async def attempt(address: str, failed: anyio.Event) -> None:
            try:
                opened.append(await self._reach(address, port, origin))
                runners.cancel_scope.cancel()
            except OSError as error:
                errors.append(error)
                failed.set()

        try:
            async with anyio.create_task_group() as runners:
                for address in addresses:
                    failed = anyio.Event()
                    runners.start_soon(attempt, address, failed)
                    with anyio.move_on_after(_HEAD_START):
                        await failed.wait()
        except BaseException:
            _close(opened)
            raise
        _close(opened[1:])
        if not opened:
            raise errors[0]
        return opened[0]


def _is_address(host: str) -> bool:
    """Return whether ``host`` is an IP address, for which no resolver (and no thread) is needed."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.inet_pton(family, host)
    except OSError:
        return False
    return True


def _close(connections: "list[AsyncioConnection] | list[AsyncioConnection | None]") -> None:
    for connection in connections:
        if connection is not None:
            connection.close()
