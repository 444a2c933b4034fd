"""A server that does what it is told: real sockets, raw bytes, one scripted step for each request.

It runs in a thread with an event loop of its own, so that it serves asyncio, trio and plain code alike::

    with FaultServer(answer(b"first"), reset_after_request()) as server:
        ...  # the first request is answered, the second executed and then reset, the third answered again
    assert server.executed == 3

A step gets the ``Peer`` when a connection waits for its next request. It may read the request or not, and send what it
likes. Steps are used up in the order in which requests come, whichever connection they come on; when none is left,
``answer()`` is what happens.
"""

import asyncio
import contextlib
import queue
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self, TypeAlias, cast

Step: TypeAlias = Callable[["Peer"], Awaitable[None]]


class Peer:
    """The client on one connection, as the server sees it."""

    def __init__(self, server: "FaultServer", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._plain = writer.transport
        self._unread = b""
        self.head = b""
        self.body = b""

    async def wait(self) -> None:
        """Return once the next request begins."""
        if not self._unread:
            await self.read_more()

    async def read_more(self) -> None:
        """Wait for more bytes, whatever they are."""
        more = await self._reader.read(65_536)
        if not more:
            raise EOFError
        self._unread += more

    async def read_head(self) -> bytes:
        """Return the head of the next request; nothing is executed yet."""
        self.head = await self._until(b"\r\n\r\n")
        return self.head

    async def read_request(self) -> bytes:
        """Return the body of the next request, and count it as executed: the telephone rings."""
        head = (await self.read_head()).lower()
        if b"transfer-encoding: chunked" in head:
            self.body = await self._chunks()
        else:
            length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
            self.body = await self._exactly(int(length or b"0"))
        self._server.record(self)
        return self.body

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(data)
        await self._writer.drain()

    async def send_beneath_tls(self, data: bytes) -> None:
        """Send bytes that are no TLS records on a connection that has TLS."""
        self._plain.write(data)

    async def close(self) -> None:
        """Close the connection in good order; the step ends here."""
        self._writer.close()
        raise EOFError

    async def reset(self) -> None:
        """Reset the connection, and what is on its way is lost; the step ends here."""
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()
        raise EOFError

    async def linger(self) -> None:
        """Say that there is nothing more to say, and close a little later without having read the rest."""
        if self._writer.can_write_eof():
            self._writer.write_eof()
        await asyncio.sleep(0.05)
        await self.close()  # pragma: no cover  # the server may be stopped before

    async def wait_for_ever(self) -> None:
        """Keep the connection open and say nothing."""
        await asyncio.sleep(3600)

    async def _until(self, mark: bytes) -> bytes:
        while mark not in self._unread:
            await self.read_more()
        return await self._exactly(self._unread.index(mark) + len(mark))

    async def _exactly(self, size: int) -> bytes:
        while len(self._unread) < size:
            await self.read_more()
        data, self._unread = self._unread[:size], self._unread[size:]
        return data

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await self._until(b"\r\n"), 16):
            body += (await self._exactly(size + 2))[:-2]
        await self._until(b"\r\n")
        return body


def answer(body: bytes | None = None, *, status: int = 200, headers: bytes = b"") -> Step:
    """Execute the request and answer with ``body``, or with the request's own."""

    async def step(peer: Peer) -> None:
        echo = await peer.read_request()
        content = echo if body is None else body
        await peer.send(b"HTTP/1.1 %d X\r\n%bContent-Length: %d\r\n\r\n%b" % (status, headers, len(content), content))

    return step


def say(*pieces: bytes, then: str = "wait", pause: float = 0.0) -> Step:
    """Execute the request and answer with raw bytes, ``pause`` seconds apart; then ``close``, ``reset`` or ``wait``."""

    async def step(peer: Peer) -> None:
        await peer.read_request()
        for piece in pieces:
            await peer.send(piece)
            await asyncio.sleep(pause)
        if then != "wait":
            await getattr(peer, then)()

    return step


def say_in_turn(*pieces: bytes, then: str = "wait") -> tuple[Step, Callable[[], None]]:
    """Answer as ``say`` does, with the next piece whenever the function that is returned with the step is called."""
    turns: queue.SimpleQueue[None] = queue.SimpleQueue()

    async def turn() -> None:
        while turns.empty():
            await asyncio.sleep(0.001)
        turns.get()

    async def step(peer: Peer) -> None:
        await peer.read_request()
        for piece in pieces:
            await turn()
            await peer.send(piece)
        if then != "wait":
            await turn()
            await getattr(peer, then)()

    return step, lambda: turns.put(None)


def refuse_body(raw: bytes, *, then: str = "close") -> Step:
    """Answer as soon as the head is here, without reading the body or executing anything."""

    async def step(peer: Peer) -> None:
        await peer.read_head()
        await peer.send(raw)
        await getattr(peer, then)()

    return step


async def silence(peer: Peer) -> None:
    """Execute the request and never answer."""
    await peer.read_request()
    await asyncio.sleep(3600)


async def deaf(peer: Peer) -> None:
    """Read nothing and say nothing."""
    await asyncio.sleep(3600)


async def close(peer: Peer) -> None:
    """Close without reading the request."""
    await peer.close()


async def reset(peer: Peer) -> None:
    """Reset without reading the request."""
    await peer.reset()


class FaultServer:
    """Listens on a port of 127.0.0.1 for as long as the ``with`` block lasts.

    ``tls`` makes it an https server, and ``greeting`` is the step for each new connection, before its first request.
    ``executed`` counts the requests that were read whole, ``bodies`` and ``heads`` hold them, and ``opened`` counts the
    connections that were accepted, their handshake included.
    """

    def __init__(
        self,
        *script: Step,
        tls: ssl.SSLContext | None = None,
        host: str = "localhost",
        port: int = 0,
        greeting: Step | None = None,
    ) -> None:
        self.script = deque(script)
        self.greeting = greeting
        self.bodies: list[bytes] = []
        self.heads: list[bytes] = []
        self.opened = 0
        self.port = port
        self._tls = tls
        self._host = host
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._transports: set[asyncio.Transport] = set()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._ready = threading.Event()

    @property
    def executed(self) -> int:
        """How many requests were executed."""
        return len(self.bodies)

    @property
    def url(self) -> str:
        """The address, as in ``http://localhost:49152``."""
        return f"{'https' if self._tls else 'http'}://{self._host}:{self.port}"

    def record(self, peer: Peer) -> None:
        """Count the request that ``peer`` has sent."""
        self.heads.append(peer.head)
        self.bodies.append(peer.body)

    def hang_up(self) -> None:
        """Close all connections, as a server that restarts does, and keep listening."""
        self._loop.call_soon_threadsafe(self._cancel_all)

    def __enter__(self) -> Self:
        """Start to listen."""
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Stop, whatever the steps are doing."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _serve(self) -> None:
        listening = socket.create_server(("127.0.0.1", self.port), backlog=4096)
        self.port = listening.getsockname()[1]
        server = self._loop.run_until_complete(self._loop.create_server(lambda: _Protocol(self), sock=listening))
        self._ready.set()
        self._loop.run_forever()
        # A server that is closed while it accepts a connection forgets it half made: so first it stops to accept.
        self._loop.remove_reader(listening)
        self._loop.run_until_complete(asyncio.sleep(0.001))
        server.close()
        self._loop.run_until_complete(self._hang_up())
        self._loop.close()

    async def _hang_up(self) -> None:
        for transport in self._transports:
            transport.abort()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        await asyncio.sleep(0.001)  # one more turn, in which aborted transports close

    def _cancel_all(self) -> None:
        for task in self._tasks:
            task.cancel()

    def met(self, transport: asyncio.BaseTransport) -> None:
        """Remember a connection, to close it at the end; TLS begins when it begins to talk."""
        plain = cast("asyncio.Transport", transport)
        self._transports.add(plain)
        if self._tls is not None:
            plain.pause_reading()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        peer = Peer(self, reader, writer)
        with contextlib.suppress(asyncio.CancelledError, EOFError, OSError):
            if self._tls is not None:
                await writer.start_tls(self._tls)
            self.opened += 1
            if self.greeting is not None:
                await self.greeting(peer)
            while True:
                await peer.wait()
                step = self.script.popleft() if self.script else answer()
                await step(peer)
        self._tasks.discard(task)
        writer.close()


class _Protocol(asyncio.StreamReaderProtocol):
    """The streams of one connection, whose transport the server gets to know before anything can go wrong."""

    def __init__(self, server: FaultServer) -> None:
        super().__init__(asyncio.StreamReader(), server.talk)
        self._fault_server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to talk."""
        self._fault_server.met(transport)
        super().connection_made(transport)
