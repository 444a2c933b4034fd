"""One WebSocket of the platform: what is read from it, how long a send may take, and why it ended.

Rules:

- A stream ends once, by one cause. The close code is evidence, not the cause: servers report 1005 and 1006 for clean
  ends too. What counts is whether a close frame was seen; if the server cannot tell, a peer that was heard until the
  end has hung up, and one that was silent before is lost.
- No send takes longer than :data:`SEND_TIMEOUT`: a peer that does not read ends the stream.
- What is received and not yet read by the handler is bounded; the oldest is dropped and counted.
- A watch looks once a second: at a send that hangs, at a platform that is silent, at a heartbeat that is due.
"""

import logging
from collections import deque
from contextlib import suppress
from typing import Final, Literal, Protocol, TypeAlias

import anyio
from anyio.abc import TaskGroup
from attrs import field, frozen

from sinch_voice_async.errors import StreamClosed
from sinch_voice_async.streams.pacing import Timing
from sinch_voice_async.streams.protocol import Connected, Ignored, StreamProtocol, StreamRequest
from sinch_voice_async.streams.recording import Recording

__all__ = ["LOG", "Connection", "EndedBy", "Parting", "Socket", "SocketClosed", "StreamEnd"]

LOG: Final = logging.getLogger("sinch_voice_async.streams")

SEND_TIMEOUT: Final = 5.0
SILENCE_TIMEOUT: Final = 60.0
"""Seconds without any message, after which the platform is taken to be gone. It sends a frame each 20 ms (assumed)."""
CLOSE_TIMEOUT: Final = 1.0
HEARD_WITHIN: Final = 5.0
WATCH_INTERVAL: Final = 1.0

EndedBy: TypeAlias = Literal["caller", "server", "lost", "handler", "silence"]
"""Why a stream ended.

``"caller"``: the platform closed it, so the call is over. ``"server"``: ``hang_up()`` was called, the server was
stopped, or a message was too large. ``"lost"``: the connection broke, or a send took too long. ``"handler"``: the
handler returned or raised an exception. ``"silence"``: the platform sent nothing for a minute.
"""

Parting: TypeAlias = Literal["closed", "lost", "unknown"]
"""What a server knows of the end of a WebSocket: a close frame came, none came, or it does not tell."""


@frozen
class StreamEnd:
    """How a stream ended: ``by`` which cause, ``reason`` in words, after how many ``seconds`` since its ``connect``.

    ``code`` is the close code that the server reported, for diagnosis alone: it does not tell a cause.
    """

    by: EndedBy
    reason: str = ""
    seconds: float = 0.0
    code: int | None = field(default=None, eq=False)


class SocketClosed(Exception):  # noqa: N818 - an event, not an error
    """The WebSocket is closed; ``parting`` says what the server knows of it."""

    def __init__(self, parting: Parting = "unknown", code: int | None = None) -> None:
        super().__init__()
        self.parting: Parting = parting
        self.code = code


class Socket(Protocol):
    """What a stream needs of a WebSocket, whose server may be any. Each method raises :class:`SocketClosed`."""

    async def receive(self) -> str | bytes:
        """Return the next message."""
        ...

    async def send(self, message: str | bytes) -> None:
        """Send a text or binary message."""
        ...

    async def close(self, code: int) -> None:
        """Send a close frame."""
        ...


class Connection:
    """Reads, writes and watches one WebSocket. ``max_message`` is bytes, ``heartbeat`` seconds."""

    def __init__(self, socket: Socket, timing: Timing, *, max_message: int, heartbeat: float = 15.0) -> None:
        self.timing = timing
        self.protocol: StreamProtocol = StreamProtocol()
        self.request: StreamRequest | None = None
        self.ended: StreamEnd | None = None
        self.over: anyio.Event = anyio.Event()
        """Happens with the end."""
        self.progress: anyio.Event = anyio.Event()
        """Happens when ``connect`` has come, and with the end."""
        self.backlog: bytearray = bytearray()
        self.backlog_limit = 0
        self.frame_bytes = 2
        self.dropped: int = 0
        self.recordings: list[Recording] = []
        self.interrupted: anyio.Event = anyio.Event()
        """Happens with the end, and whenever :meth:`interrupt` is called: then another takes its place."""
        self._socket = socket
        self._max_message = max_message
        self._heartbeat = heartbeat
        self._began = self._heard_at = self._sent_at = timing.now()
        self._is_closed = False
        self._is_sending = False
        self._turns = deque[anyio.Event]()
        self._sending_since: float | None = None
        self._send_scope = anyio.CancelScope()
        self._arrival: anyio.Event | None = None
        self._wanted = 0

    async def read(self) -> None:
        """Read until the end."""
        while self.ended is None:
            await self.read_one()

    async def read_one(self) -> None:
        """Read one message."""
        try:
            message = await self._socket.receive()
        except SocketClosed as closed:
            self._part(closed)
            return
        self._heard_at = self.timing.now()
        if len(message) > self._max_message:
            self.end("server", f"the platform sent a message of {len(message)} bytes")
            await self.close(1009)
        elif isinstance(message, bytes):
            self._take(message)
        else:
            self._obey(message)

    def _take(self, message: bytes) -> None:
        if self.protocol.state != "answered":
            return
        pcm = self.protocol.whole_samples(message)
        for recording in self.recordings:
            recording.heard(pcm)
        backlog = self.backlog
        backlog += pcm
        if len(backlog) > self.backlog_limit:
            frames = -(-(len(backlog) - self.backlog_limit) // self.frame_bytes)
            del backlog[: frames * self.frame_bytes]
            self.dropped += frames
        if self._arrival is not None and len(backlog) >= self._wanted:
            self._arrival.set()
            self._arrival = None

    def _obey(self, message: str) -> None:
        event = self.protocol.read(message)
        if isinstance(event, Connected):
            self.request = event.request
            self.progress.set()
        elif isinstance(event, Ignored):
            LOG.debug("a message of the platform is ignored: %s", event.reason)

    def _part(self, closed: SocketClosed) -> None:
        silent = self.timing.now() - self._heard_at
        if closed.parting == "lost" or (closed.parting == "unknown" and silent > HEARD_WITHIN):
            self.end("lost", "the connection broke", closed.code)
        else:
            self.end("caller", "the platform closed the stream", closed.code)
        # A send that hangs would never learn of it from some servers.
        self._send_scope.cancel()

    async def next(self, size: int, seconds: float | None = None) -> bytes | None:
        """Return so many bytes of received audio, None if they do not come in time.

        After the end it returns what is left, filled up with silence, and then raises StreamClosed.
        """
        until = None if seconds is None else self.timing.now() + seconds
        while len(self.backlog) < size:
            if self.ended is not None:
                if not self.backlog:
                    raise self.closed()
                self.backlog += bytes(size - len(self.backlog))
                break
            rest = None if until is None else until - self.timing.now()
            if rest is not None and rest <= 0:
                return None
            arrival = self._next_arrival(size)
            if rest is None:
                await arrival.wait()
            else:
                await self.timing.wait(arrival, rest)
        found = bytes(self.backlog[:size])
        del self.backlog[:size]
        return found

    def _next_arrival(self, size: int) -> anyio.Event:
        """Return what happens when so much audio is there; several tasks may wait."""
        if self._arrival is None:
            self._arrival, self._wanted = anyio.Event(), size
        self._wanted = min(self._wanted, size)
        return self._arrival

    async def send(self, message: str | bytes) -> None:
        """Send a message.

        :raises StreamClosed: the stream has ended, or ends since the platform does not take the message in time.
        """
        if self._is_sending:
            await self._wait_for_turn()
        self._is_sending = True
        try:
            if self.ended is not None:
                raise self.closed()
            self._sending_since = self._sent_at = self.timing.now()
            # A scope without a deadline, which the watch cancels: a timer for each frame would cost more. It is made
            # by the function, since anyio's class builds each scope twice over.
            with anyio.move_on_after(None) as self._send_scope:
                await self._socket.send(message)
                return
            raise self.closed()
        except SocketClosed as closed:
            await self._await_the_end(closed)
            raise self.closed() from None
        finally:
            self._sending_since = None
            self._end_turn()

    async def _wait_for_turn(self) -> None:
        # Not a lock of anyio's: two of them for each frame were a fifth of its cost.
        turn = anyio.Event()
        self._turns.append(turn)
        try:
            await turn.wait()
        except BaseException:
            if turn.is_set():
                self._end_turn()
            else:
                self._turns.remove(turn)
            raise

    def _end_turn(self) -> None:
        if self._turns:
            self._turns.popleft().set()
        else:
            self._is_sending = False

    async def _await_the_end(self, closed: SocketClosed) -> None:
        # The reading task learns more of the end than the writing one.
        if not await self.timing.wait(self.over, CLOSE_TIMEOUT):
            self.end("lost", "a message could not be sent", closed.code)

    def closed(self) -> StreamClosed:
        """Return the exception that tells how the stream ended."""
        end = self.ended
        assert end is not None  # it is asked for after the end
        return StreamClosed(f"the stream is over: {end.reason}", by=end.by)

    def end(self, by: EndedBy, reason: str, code: int | None = None) -> None:
        """End the stream by a cause, unless it has ended before."""
        if self.ended is None:
            self.ended = StreamEnd(by, reason, self.timing.now() - self._began, code)
            self.over.set()
            self.progress.set()
            self.interrupt()
            if self._arrival is not None:
                self._arrival.set()
                self._arrival = None

    def interrupt(self) -> None:
        """Wake every task that waits for the caller to hear something."""
        self.interrupted.set()
        self.interrupted = anyio.Event()

    async def close(self, code: int = 1000) -> bool:
        """Send a close frame, if none was sent, and say whether that was done within :data:`CLOSE_TIMEOUT`."""
        if self._is_closed:
            return True
        self._is_closed = True
        with anyio.move_on_after(CLOSE_TIMEOUT, shield=True) as scope, suppress(SocketClosed):
            await self._socket.close(code)
        return not scope.cancelled_caught

    async def watch(self, tasks: TaskGroup) -> None:
        """Look once a second until the end; a heartbeat may hang, and is sent by a task of its own."""
        while self.ended is None:
            await self.timing.sleep(WATCH_INTERVAL)
            now = self.timing.now()
            if self._sending_since is not None:
                if now - self._sending_since >= SEND_TIMEOUT:
                    self.end("lost", f"the platform took no message for {SEND_TIMEOUT:g} s")
                    self._send_scope.cancel()
            elif now - self._sent_at >= self._heartbeat and self.ended is None:
                self._sent_at = now
                tasks.start_soon(self._beat)
            if now - self._heard_at >= SILENCE_TIMEOUT:
                self.end("silence", f"the platform sent nothing for {SILENCE_TIMEOUT:g} s")

    async def _beat(self) -> None:
        try:
            await self.send(self.protocol.heartbeat())
        except StreamClosed as closed:
            LOG.debug("no heartbeat: %s", closed)
