"""Real servers for WebSockets, each in a thread with its own event loop, and an independent client."""

import base64
import concurrent.futures
import contextlib
import json
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Self
from urllib.parse import urlsplit

import anyio
import anyio.from_thread
import hypercorn.asyncio
import hypercorn.config
import hypercorn.trio
import uvicorn

from sinch_voice_async.streams import StreamApp

SERVERS = ["uvicorn", "uvicorn-wsproto", "hypercorn", "hypercorn-trio", "websockets", "trio-websocket"]


@contextlib.contextmanager
def served(app: Any, server: str, *, access_log: bool = False) -> Iterator[int]:
    """Serve an application on a free loopback port, and give the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    port: int = listener.getsockname()[1]
    backend = "trio" if "trio" in server else "asyncio"
    with anyio.from_thread.start_blocking_portal(backend) as portal:
        stop, started = portal.call(anyio.Event), threading.Event()
        kind = {"uvicorn": _uvicorn, "hypercorn": _hypercorn, "websockets": _websockets, "trio": _trio_websocket}
        serve = kind[server.partition("-")[0]]
        done = portal.start_task_soon(serve, app, listener, stop, server, access_log, started)
        assert started.wait(300)
        try:
            yield port
        finally:
            portal.call(stop.set)
            # Hypercorn may end by a cancellation of its own.
            with contextlib.suppress(concurrent.futures.CancelledError):
                done.result(300)
            listener.close()


async def _uvicorn(
    app: Any, listener: socket.socket, stop: anyio.Event, server: str, access_log: bool, started: threading.Event
) -> None:
    config = uvicorn.Config(
        app,
        ws="wsproto" if "wsproto" in server else "websockets-sansio",
        log_config=None,
        access_log=access_log,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    running = uvicorn.Server(config)
    running.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(running._serve, [listener])
        while not running.started:
            await anyio.sleep(0.005)
        started.set()
        await stop.wait()
        running.should_exit = True


async def _hypercorn(
    app: Any, listener: socket.socket, stop: anyio.Event, server: str, access_log: bool, started: threading.Event
) -> None:
    config = hypercorn.config.Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.graceful_timeout = 0.5
    config.errorlog = None
    config.accesslog = "-" if access_log else None
    module: Any = hypercorn.trio if server.endswith("trio") else hypercorn.asyncio
    started.set()
    await module.serve(app, config, shutdown_trigger=stop.wait, mode="asgi")


async def _websockets(
    app: StreamApp, listener: socket.socket, stop: anyio.Event, _server: str, _log: bool, started: threading.Event
) -> None:
    from websockets.asyncio.server import serve

    async with serve(app.websockets_handler, sock=listener, compression=None, close_timeout=1):
        started.set()
        await stop.wait()


async def _trio_websocket(
    app: StreamApp, listener: socket.socket, stop: anyio.Event, _server: str, _log: bool, started: threading.Event
) -> None:
    import trio
    from trio_websocket import WebSocketServer

    listener.listen()
    trio_listener = trio.SocketListener(trio.socket.from_stdlib_socket(listener.dup()))
    async with trio.open_nursery() as nursery:
        server = WebSocketServer(app.trio_handler, [trio_listener])
        await nursery.start(server.run)
        started.set()
        await stop.wait()
        nursery.cancel_scope.cancel()


class Independent:
    """A caller that was written from the published documents and RFC 6455 alone: a raw socket, and nothing of ours."""

    def __init__(self, url: str, **fields: Any) -> None:
        parts = urlsplit(url)
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=300)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        self.socket.sendall(
            f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self.buffer = b""
        head = self._until(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101"), head
        self.close_code: int | None = None
        self.send(
            json.dumps(
                {
                    "command": "connect",
                    "version": 1,
                    "callId": "call-1",
                    "applicationKey": "key",
                    "codec": "PCM",
                    "sampleRate": 16_000,
                    "callHeaders": {},
                }
                | fields
            )
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave("kill")

    def _until(self, end: bytes) -> bytes:
        while end not in self.buffer:
            more = self.socket.recv(65_536)
            assert more, self.buffer
            self.buffer += more
        found, _, self.buffer = self.buffer.partition(end)
        return found

    def _take(self, size: int) -> bytes:
        while len(self.buffer) < size:
            self.buffer += self.socket.recv(65_536) or self._closed()
        found, self.buffer = self.buffer[:size], self.buffer[size:]
        return found

    def _closed(self) -> bytes:
        raise EOFError  # pragma: no cover  # a server that closes without a frame is none of these

    def send(self, message: str | bytes) -> None:
        """Send a text or binary message."""
        text = isinstance(message, str)
        self._frame(1 if text else 2, message.encode() if isinstance(message, str) else message)

    def _frame(self, opcode: int, data: bytes) -> None:
        mask = os.urandom(4)
        size = len(data)
        length = bytes([0x80 | size]) if size < 126 else bytes([0xFE]) + struct.pack(">H", size)
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))
        self.socket.sendall(bytes([0x80 | opcode]) + length + mask + masked)

    def receive(self) -> str | bytes | None:
        """Return the next message, None after a close frame; pings are answered."""
        while True:
            first, second = self._take(2)
            size = second & 0x7F
            if size > 125:
                size = int.from_bytes(self._take(2 if size == 126 else 8), "big")
            data, opcode = self._take(size), first & 0x0F
            if opcode == 9:
                self._frame(10, data)
            elif opcode == 8:
                self.close_code = int.from_bytes(data[:2], "big") if data else 1005
                return None
            else:
                return data.decode() if opcode == 1 else data

    def verdict(self) -> str:
        """Return what the server says to the call."""
        return str(json.loads(self.receive() or "null")["command"])

    def talk(self, frames: int, *, frame: bytes = b"\x10\x20" * 320) -> list[bytes]:
        """Send frames in real time, and return what came back until as many have come."""
        found: list[bytes] = []
        for _ in range(frames):
            self.send(frame)
            message = self.receive()
            assert isinstance(message, bytes)
            found.append(message)
            time.sleep(0.005)
        return found

    def leave(self, how: str) -> None:
        """Close with a code, or break the connection: by its end, or by a reset."""
        if how == "kill" and self.socket.fileno() >= 0:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif how not in {"cut", "kill"}:
            self._frame(8, struct.pack(">H", int(how)))
            with contextlib.suppress(EOFError, OSError):
                list(iter(self.receive, None))
        self.socket.close()


def wait_for(holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    until = time.monotonic() + 300
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.005)
