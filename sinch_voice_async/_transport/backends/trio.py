"""The trio backend: a task waits until its socket is readable, reads it, and hands the bytes to the reader.

Only dialling and waiting need the event loop, so this works on the plain socket rather than through two layers of
streams, which halves the cost of a request. One task of the run keeps all deadlines: a cancel scope for each wait, and
an event for each request in the waiting line, made a pool of 100 connections half as slow again at 1,000 in flight.
"""

import contextlib
import heapq
import socket
import ssl
from collections.abc import Callable
from itertools import count
from types import TracebackType
from typing import Final, Self, cast

import anyio
import httpx
import trio
from anyio.abc import SocketAttribute, SocketStream
from trio.lowlevel import checkpoint, checkpoint_if_cancelled, notify_closing, wait_readable, wait_writable

from sinch_voice_async._transport.connection import Connection, Deadline, Route, failures_of_connecting, make_poll
from sinch_voice_async._transport.exceptions import because
from sinch_voice_async._transport.messages import RawResponse, WireRequest
from sinch_voice_async._transport.origin import Origin
from sinch_voice_async._transport.tls import Tls

__all__ = ["TrioBackend", "TrioClock", "TrioConnection", "TrioSignal"]

_PIECE_SIZE: Final = 262_144
_ANSWER_SIZE: Final = 65_536


class TrioTimer:
    """A call that is due at some time."""

    __slots__ = ("_when", "callback")

    def __init__(self, when: float, callback: Callable[[], object]) -> None:
        self._when = when
        self.callback: Callable[[], object] | None = callback

    def when(self) -> float:
        """Return the time at which it is due."""
        return self._when

    def cancel(self) -> None:
        """Forget it."""
        self.callback = None


class TrioClock:
    """The time of a trio run, and the calls that are due in it: one system task makes them all."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, TrioTimer]] = []
        self._numbers = count()
        self._scope: trio.CancelScope | None = None
        self.time = trio.current_time

    def call_at(self, when: float, callback: Callable[[], object], /) -> TrioTimer:
        """Call ``callback`` at that time."""
        timer = TrioTimer(when, callback)
        heapq.heappush(self._due, (when, next(self._numbers), timer))
        if self._scope is None:
            self._scope = trio.CancelScope()
            trio.lowlevel.spawn_system_task(self._keep, name="sinch_voice_async deadlines")
        elif when < self._scope.deadline:
            self._scope.deadline = when
        return timer

    async def _keep(self) -> None:
        try:
            while self._due:
                self._scope = trio.CancelScope(deadline=self._due[0][0])
                with self._scope:
                    await trio.sleep_forever()
                self._call(self.time())
        finally:
            self._scope = None

    def _call(self, now: float) -> None:
        while self._due and self._due[0][0] <= now:
            timer = heapq.heappop(self._due)[2]
            if timer.callback is not None:
                timer.callback()


class TrioConnection(Connection):
    """A connection on a non-blocking socket."""

    __slots__ = ("_deadline", "_expired", "_poll", "_socket")

    def __init__(self, sock: socket.socket, origin: Origin, clock: TrioClock) -> None:
        super().__init__(origin)
        self._socket = sock
        self._poll = make_poll(sock.fileno())
        self._deadline = Deadline(clock, self._expire)
        self._expired = False

    async def handshake(self, tls: Tls) -> None:
        """Do the TLS handshake; raise ``ssl.SSLError`` or ``OSError``."""
        self._socket.send(tls.handshake())
        while not tls.established:
            await wait_readable(self._socket)
            self._continue_handshake(tls)

    async def send(self, request: WireRequest) -> RawResponse:
        """Write a whole request and return the whole response; ``timeout.read`` bounds all that follows the writing."""
        data = memoryview(request.encode(self.forward_proxy))  # a traceback with local variables must not show it
        if trio.current_effective_deadline() <= trio.current_time():  # cancelled, or about to be: nothing is written
            await checkpoint()
        self.begin(bodyless=request.bodyless, max_body=request.max_body, closing=request.closing)
        reader = self.reader
        with self:
            await self._write(data, request.timeout.write)
            # If much is in flight, one turn of the loop is as long as an answer takes, and costs a fifth of a wait.
            await checkpoint()
            self._check_open()
            if self._poll():
                self._receive(_ANSWER_SIZE)
            if not reader.complete:
                self._set_deadline(request.timeout.read)
            while not reader.complete:
                await self._more(_ANSWER_SIZE)
        return self.answer()

    async def write(self, data: bytes, seconds: float | None) -> None:
        """Write a part of a request; return early if an answer comes meanwhile."""
        if trio.current_effective_deadline() <= trio.current_time():
            await checkpoint()
        with self:
            await self._write(data, seconds)

    async def read_head(self, seconds: float | None) -> None:
        """Return once the head of the response is complete, within ``seconds``."""
        reader = self.reader
        self._set_deadline(seconds)
        with self:
            while not reader.head_complete:
                await self._more(_ANSWER_SIZE)

    async def read(self, seconds: float | None) -> list[bytes]:
        """Return the pieces of body that have come, waiting ``seconds`` for the first; an empty list is the end."""
        reader = self.reader
        if not reader.chunks and not reader.complete:
            self._set_deadline(seconds)
            with self:
                while not reader.chunks and not reader.complete:
                    await self._more(_PIECE_SIZE)
        return reader.take()

    def socket(self) -> socket.socket:
        """Return the socket, for those who want to look at it."""
        return self._socket

    def is_readable(self) -> bool:
        """Whether an idle connection was closed by the server, or brought bytes that no request asked for."""
        if self.closed or not self._poll():
            return self.closed
        try:
            data = self._socket.recv(_ANSWER_SIZE)
            # A server may send a TLS ticket at any time, which is no reason to part.
            return not data or self.tls is None or bool(self.tls.decrypt(data)) or self.tls.ended
        except OSError:
            return True

    def close(self) -> None:
        """Close at once; a task that waits on this connection gets an ``httpx.ReadError``."""
        if not self.closed:
            self.closed = True
            self._deadline.stop()
            with contextlib.suppress(RuntimeError):  # outside of the run no task can be waiting
                notify_closing(self._socket)
            self._socket.close()

    def __enter__(self) -> Self:
        """Begin to use the connection in a way that no failure may leave half done."""
        if self.closed:
            raise self.failed(httpx.ReadError("the connection was closed"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close after any failure or cancellation, and put the evidence on what is raised."""
        if isinstance(error, httpx.TransportError):
            self.failed(error, error.__cause__)
        elif error is not None:
            self.close()

    async def _more(self, size: int) -> None:
        """Wait for bytes and hand them to the reader; raise ``httpx.ReadTimeout`` once the deadline has passed."""
        self._check_open()
        if not (self._expired and self._poll()):
            # What has arrived counts, also behind the deadline.
            if self._expired:
                raise httpx.ReadTimeout("the answer did not come in time")
            try:
                await wait_readable(self._socket)
            except trio.ClosedResourceError:  # the deadline has passed, or the connection was closed
                return
        self._receive(size)

    async def _write(self, data: bytes | memoryview, seconds: float | None) -> None:
        rest = memoryview(data if self.tls is None else self.tls.encrypt(data))
        self.request_sent = True
        rest = self._send(rest)
        if rest:
            self._set_deadline(seconds)
            while rest and not self.answered and not self._expired:
                await self._writable_or_answered()
                rest = self._send(rest)
            self.request_complete = not rest
            if rest and not self.answered:
                raise httpx.WriteTimeout("the request could not be written in time")

    def _send(self, data: memoryview) -> memoryview:
        """Write what the socket takes now, and return the rest."""
        try:
            return data[self._socket.send(data) :]
        except BlockingIOError:
            return data
        except OSError as error:
            # A server that refuses a body answers, then hangs up: its answer may be here already.
            with contextlib.suppress(httpx.TransportError):
                while self._poll() and not self.reader.complete:
                    self._receive(_ANSWER_SIZE)
            if self.answered:
                return data
            raise because(httpx.WriteError(str(error)), error) from error

    async def _writable_or_answered(self) -> None:
        async with trio.open_nursery() as tasks:

            async def answer() -> None:
                with contextlib.suppress(trio.ClosedResourceError):
                    await wait_readable(self._socket)
                tasks.cancel_scope.cancel()

            tasks.start_soon(answer)
            with contextlib.suppress(trio.ClosedResourceError):
                await wait_writable(self._socket)
            tasks.cancel_scope.cancel()
        self._check_open()
        if self._poll():
            self._receive(_ANSWER_SIZE)

    def _set_deadline(self, seconds: float | None) -> None:
        self._expired = False
        self._deadline.set(seconds)

    def _expire(self) -> None:
        self._expired = True
        notify_closing(self._socket)

    def _check_open(self) -> None:
        if self.closed:
            raise httpx.ReadError("the connection was closed")

    def _receive(self, size: int) -> None:
        """Read what the socket has now, and hand it to the reader."""
        try:
            data = self._socket.recv(size)
        except BlockingIOError:
            return
        except OSError as error:
            raise because(httpx.ReadError(str(error)), error) from error
        if not data:
            self.reader.feed_eof()
        else:
            self.arrived(data)

    def _continue_handshake(self, tls: Tls) -> None:
        records = self._socket.recv(_ANSWER_SIZE)
        if not records:
            raise ConnectionError("the server closed the connection during the TLS handshake")
        try:
            self._socket.send(tls.handshake(records))
        except ssl.SSLError:
            with contextlib.suppress(OSError):
                self._socket.send(tls.pending())
            raise


class TrioSignal:
    """Something that happens once: a task that is rescheduled, which costs a third of an event."""

    __slots__ = ("_done", "_task")

    def __init__(self) -> None:
        self._task: trio.lowlevel.Task | None = None
        self._done = False

    def set(self) -> None:
        """Wake the task; a second call does nothing."""
        if not self._done:
            self._done = True
            if self._task is not None:
                trio.lowlevel.reschedule(self._task)
                self._task = None

    async def wait(self) -> None:
        """Return once ``set`` was called."""
        if self._done:
            await checkpoint_if_cancelled()
            return
        # A cancellation that is there already is delivered as soon as the task waits.
        self._task = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self._abort)

    def _abort(self, _raise_cancel: Callable[[], None]) -> trio.lowlevel.Abort:
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED


class TrioBackend:
    """Makes connections, signals and timers in one trio run."""

    def __init__(self, token: object) -> None:
        self._token = cast("trio.lowlevel.TrioToken", token)
        self.clock = TrioClock()

    def is_running(self) -> bool:
        """Return whether the run goes on, in this thread or in another."""
        try:
            self.run_soon(_nothing)
        except trio.RunFinishedError:
            return False
        return True

    def run_soon(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` in the run, from another thread; raise ``RuntimeError`` if it has ended."""
        self._token.run_sync_soon(callback)

    def signal(self) -> TrioSignal:
        """Return a new signal."""
        return TrioSignal()

    async def connect(self, route: Route, seconds: float | None) -> TrioConnection:
        """Open a connection, TLS included; raise ``httpx.ConnectError`` or ``httpx.ConnectTimeout``."""
        connection: TrioConnection | None = None
        try:
            with failures_of_connecting(route), anyio.fail_after(seconds):
                connection = TrioConnection(await _dial(route), route.origin, self.clock)
                await connection.establish(route)
        except BaseException:
            if connection is not None:
                connection.close()
            raise
        return connection


async def _dial(route: Route) -> socket.socket:
    if route.proxy is not None and route.proxy.socks:
        from sinch_voice_async._transport.backends.socks import TrioProxy, open_socks  # noqa: PLC0415  # an extra

        return await open_socks(route, TrioProxy)
    return (await _connected(*route.address)).extra(SocketAttribute.raw_socket)


async def _connected(host: str, port: int) -> SocketStream:
    try:
        return await anyio.connect_tcp(host, port)
    except BaseExceptionGroup as group:
        # anyio races the addresses in a task group, and a Ctrl-C would leave it wrapped: programs wait for it bare.
        _, rest = group.split(KeyboardInterrupt)
        if rest is not None:
            raise
    raise KeyboardInterrupt


def _nothing() -> None:
    """Do nothing: the attempt to call it shows whether the run goes on."""
