"""The floor: a bare protocol with httptools and nothing else: no errors, no time-outs, hardly a pool."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import httptools

from benchmarks.clients.payload import BODY, CALLOUTS, HEADERS
from benchmarks.measure.loops import Place

__all__ = ["connect"]

_CONNECTIONS = 100


class _Connection(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no asyncio.Transport, though they do all that it does.
        self.transport = cast("asyncio.Transport", transport)
        self._parser = httptools.HttpResponseParser(self)

    def send(self, request: bytes) -> "asyncio.Future[bytes]":
        self._body = b""
        self._answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, piece: bytes) -> None:
        self._body += piece

    def on_message_complete(self) -> None:
        if not self._answer.done():
            self._answer.set_result(self._body)


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[Place]:
    """Keep at most 100 connections in a stack."""
    scheme, _, address = url.partition("://")
    host, _, port = address.partition(":")
    head = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
    request = (
        f"POST {CALLOUTS} HTTP/1.1\r\nHost: {address}\r\n{head}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY
    )
    context = ssl.create_default_context() if scheme == "https" else None
    idle: list[_Connection] = []
    opened: list[_Connection] = []
    places = asyncio.Semaphore(_CONNECTIONS)

    async def place() -> None:
        async with places:
            connection = idle.pop() if idle else await dial()
            await connection.send(request)
            idle.append(connection)

    async def dial() -> _Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Connection, host, int(port), ssl=context)
        opened.append(connection)
        return connection

    try:
        yield place
    finally:
        for connection in opened:
            connection.transport.close()
