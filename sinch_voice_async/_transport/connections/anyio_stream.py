"""The pump that pulls: a task waits until its socket is readable, reads it, and hands the bytes to the reader.

It runs where asyncio does not: on trio. Only dialling and waiting need the event loop, so this works on the plain
socket rather than through two layers of streams, which halves the cost of a request.
"""

import contextlib
import socket
import ssl
from types import TracebackType
from typing import Self

import anyio
import httpx
from anyio.lowlevel import checkpoint, checkpoint_if_cancelled

from sinch_voice_async._transport.connections.connection import Connection, RawResponse, because
from sinch_voice_async._transport.connections.readable import watch
from sinch_voice_async._transport.connections.tls import Tls
from sinch_voice_async._transport.origins import Origin

_PIECE_SIZE = 262_144
_ANSWER_SIZE = 65_536


class PullConnection(Connection):
    """A connection on a non-blocking socket."""

    __slots__ = ("_readable", "_socket")

    def __init__(self, sock: socket.socket, origin: Origin, tls: Tls | None) -> None:
        super().__init__(origin, tls)
        self._socket = sock
        self._readable = watch(sock.fileno())

    async def secure(self) -> None:
        """Do the TLS handshake, if the connection is to have one; raise ``ssl.SSLError`` or ``OSError``."""
        try:
            if self.tls is not None:
                self._socket.send(self.tls.handshake())
                while not self.tls.established:
                    await anyio.wait_readable(self._socket)
                    self._shake_hands(self.tls)
        except BaseException:
            self.close()
            raise

    async def exchange(self, request: bytes, *, bodyless: bool, max_body: int, timeout: httpx.Timeout) -> RawResponse:
        """Write a whole request and return the whole response; ``timeout.read`` bounds all that follows the writing."""
        await checkpoint_if_cancelled()
        self.begin(bodyless=bodyless, max_body=max_body)
        reader = self.reader
        with self:
            await self._write(request, timeout.write)
            # Where much is in flight, a turn of the loop is as long as an answer takes, and costs a fifth of a deadline
            # and a wait.
            await checkpoint()
            self._check_open()
            if self._readable():
                self._receive(_ANSWER_SIZE)
            if not reader.complete:
                await self._wait_for_answer(timeout.read)
        return self.answer()

    async def write(self, data: bytes, seconds: float | None) -> None:
        """Write a part of a request; return early if an answer comes meanwhile."""
        await checkpoint_if_cancelled()
        with self:
            await self._write(data, seconds)

    async def read_head(self, seconds: float | None) -> None:
        """Return once the head of the response is complete, within ``seconds``."""
        reader = self.reader
        with self:
            with anyio.move_on_after(seconds):
                while not reader.head_complete:
                    await anyio.wait_readable(self._socket)
                    self._receive(_ANSWER_SIZE)
            if not reader.head_complete:
                raise _late()

    async def read(self, seconds: float | None) -> list[bytes]:
        """Return the pieces of body that have come, waiting ``seconds`` for the first; an empty list is the end."""
        reader = self.reader
        if not reader.chunks and not reader.complete:
            with self:
                with anyio.move_on_after(seconds):
                    while not reader.chunks and not reader.complete:
                        await anyio.wait_readable(self._socket)
                        self._receive(_PIECE_SIZE)
                if not reader.chunks and not reader.complete:
                    raise _late()
        return reader.take()

    def socket(self) -> object:
        """Return the socket, for those who want to look at it."""
        return self._socket

    def stale(self) -> bool:
        """Whether an idle connection was closed by the server, or brought bytes that nobody asked for."""
        if self.closed or not self._readable():
            return self.closed
        try:
            data = self._socket.recv(_ANSWER_SIZE)
            # A server may send a TLS ticket at any time, which is no reason to part.
            return not data or self.tls is None or bool(self.tls.decrypt(data)) or self.tls.ended
        except OSError:
            return True

    def close(self) -> None:
        """Close at once; whoever waits on this connection gets an ``httpx.ReadError``."""
        if not self.closed:
            self.closed = True
            with contextlib.suppress(RuntimeError):  # outside any event loop nobody can be waiting
                anyio.notify_closing(self._socket)
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
        elif isinstance(error, anyio.ClosedResourceError):
            raise self.failed(httpx.ReadError("the connection was closed")) from error
        elif error is not None:
            self.close()

    async def _wait_for_answer(self, seconds: float | None) -> None:
        reader = self.reader
        with anyio.move_on_after(seconds):
            while not reader.complete:
                await anyio.wait_readable(self._socket)
                self._receive(_ANSWER_SIZE)
        if not reader.complete:
            raise _late()

    async def _write(self, data: bytes, seconds: float | None) -> None:
        rest = memoryview(data if self.tls is None else self.tls.encrypt(data))
        self.request_sent = True
        rest = self._send(rest)
        if rest:
            with anyio.move_on_after(seconds):
                while rest and not self.answered:
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
                while self._readable() and not self.reader.complete:
                    self._receive(_ANSWER_SIZE)
            if self.answered:
                return data
            raise because(httpx.WriteError(str(error)), error) from error

    async def _writable_or_answered(self) -> None:
        async with anyio.create_task_group() as tasks:

            async def answer() -> None:
                with contextlib.suppress(anyio.ClosedResourceError):
                    await anyio.wait_readable(self._socket)
                tasks.cancel_scope.cancel()

            tasks.start_soon(answer)
            with contextlib.suppress(anyio.ClosedResourceError):
                await anyio.wait_writable(self._socket)
            tasks.cancel_scope.cancel()
        self._check_open()
        if self._readable():
            self._receive(_ANSWER_SIZE)

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

    def _shake_hands(self, tls: Tls) -> None:
        records = self._socket.recv(_ANSWER_SIZE)
        if not records:
            raise ConnectionError("the server closed the connection during the TLS handshake")
        try:
            self._socket.send(tls.handshake(records))
        except ssl.SSLError:
            with contextlib.suppress(OSError):
                self._socket.send(tls.pending())
            raise


def _late() -> httpx.ReadTimeout:
    return httpx.ReadTimeout("the answer did not come in time")
