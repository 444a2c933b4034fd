"""The pump that asyncio pushes: bytes go to the reader in the very callback that brings them.

This is the one module of the package that imports asyncio. A protocol costs a third of what a stream with a task switch
per read does: one future for the whole exchange, and one timer per connection that is moved, not made, for each phase.
"""

import asyncio
import ssl
from typing import TypeAlias, cast

import httpx

from sinch_voice_async._transport.connections.alarm import Alarm
from sinch_voice_async._transport.connections.connection import Connection, RawResponse, because, refused
from sinch_voice_async._transport.connections.readable import watch
from sinch_voice_async._transport.connections.tls import Tls
from sinch_voice_async._transport.origins import Origin

Loop: TypeAlias = asyncio.AbstractEventLoop

_MAX_BUFFERED = 262_144


class PushConnection(Connection, asyncio.Protocol):
    """A connection on an asyncio transport."""

    __slots__ = (
        "_alarm",
        "_buffered",
        "_error",
        "_loop",
        "_piecewise",
        "_read_seconds",
        "_readable",
        "_reading_paused",
        "_transport",
        "_waiter",
        "_writing_paused",
    )

    def __init__(self, loop: Loop, origin: Origin, tls: Tls | None) -> None:
        super().__init__(origin, tls)
        self._loop = loop
        self._waiter: asyncio.Future[None] | None = None
        self._error: httpx.TransportError | None = None
        self._alarm = Alarm(loop, self._too_late)
        self._buffered = 0
        self._piecewise = False
        self._read_seconds: float | None = None
        self._reading_paused = self._writing_paused = False

    async def secure(self) -> None:
        """Do the TLS handshake, if the connection is to have one; raise ``ssl.SSLError`` or ``OSError``."""
        if self.tls is not None:
            self._transport.write(self.tls.handshake())
            await self._wait()

    async def exchange(self, request: bytes, *, bodyless: bool, max_body: int, timeout: httpx.Timeout) -> RawResponse:
        """Write a whole request and return the whole response; ``timeout.read`` bounds all that follows the writing."""
        self.begin(bodyless=bodyless, max_body=max_body)
        self._piecewise = False
        self._read_seconds = timeout.read
        self._send(request)
        self._alarm.set(timeout.write if self._writing_paused else timeout.read)
        await self._wait()
        self.request_complete = not self._writing_paused
        return self.answer()

    async def write(self, data: bytes, seconds: float | None) -> None:
        """Write a part of a request; return early if an answer comes meanwhile."""
        self._piecewise = True
        if not self.closed:
            self._send(data)
            self._alarm.set(seconds)
        while self._writing_paused and not self.answered:
            await self._wait()
        self.request_complete = not self._writing_paused

    async def read_head(self, seconds: float | None) -> None:
        """Return once the head of the response is complete, within ``seconds``."""
        self._alarm.set(seconds)
        while not self.reader.head_complete:
            await self._wait()

    async def read(self, seconds: float | None) -> list[bytes]:
        """Return the pieces of body that have come, waiting ``seconds`` for the first; an empty list is the end."""
        reader = self.reader
        if not reader.chunks and not reader.complete:
            self._alarm.set(seconds)
        while not reader.chunks and not reader.complete:
            await self._wait()
        self._buffered = 0
        if self._reading_paused and not self.closed:
            self._reading_paused = False
            self._transport.resume_reading()
        return reader.take()

    def socket(self) -> object:
        """Return the socket, for those who want to look at it."""
        return self._transport.get_extra_info("socket")

    def stale(self) -> bool:
        """Whether an idle connection was closed by the server, or brought bytes that nobody asked for."""
        return self.closed or self._readable()

    def close(self) -> None:
        """Close at once; whoever waits on this connection gets an ``httpx.ReadError``."""
        if not self.closed:
            self.closed = True
            self._alarm.stop()
            try:
                self._transport.abort()
            except RuntimeError:  # the event loop ended without a word
                self._bury()
            if self.reader.complete:
                self._wake()
            else:
                self._fail(httpx.ReadError("the connection was closed"))

    def _bury(self) -> None:
        """Close the socket of a transport whose loop is closed, which asyncio has no public way to do."""
        end = getattr(self._transport, "_call_connection_lost", lambda _: None)
        end(None)

    # What follows is called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport, with no buffer of its own, so that a pause means: not yet written."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name
        self._readable = watch(transport.get_extra_info("socket").fileno())
        self._transport.set_write_buffer_limits(high=0)

    def data_received(self, data: bytes) -> None:
        """Hand what arrived to the reader, and wake whoever waits for it."""
        tls = self.tls
        if tls is not None and not tls.established:
            self._shake_hands(tls, data)
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
            self._fail(refused(exc or EOFError("the server closed the connection during the TLS handshake")))
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
            self._alarm.set(self._read_seconds)

    def _send(self, data: bytes) -> None:
        records = data if self.tls is None else self.tls.encrypt(data)
        self.request_sent = True
        self._transport.write(records)

    def _shake_hands(self, tls: Tls, records: bytes) -> None:
        try:
            answer = tls.handshake(records)
        except ssl.SSLError as error:
            self._transport.write(tls.pending())
            self._fail(refused(error))
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

    def _too_late(self) -> None:
        if self._waiter is None:  # it was an earlier exchange's deadline
            return
        if self._writing_paused:
            self._fail(httpx.WriteTimeout("the request could not be written in time"))
        else:
            self._fail(httpx.ReadTimeout("the answer did not come in time"))
