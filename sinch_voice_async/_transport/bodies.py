"""Requests as httpx has them, written as their heads announce: in chunks, or so many bytes (RFC 9112, section 6).

A body that is longer or shorter than announced is refused, since what follows it on the connection would be read as
part of it, or the other way round.
"""

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable
from functools import partial
from typing import TypeAlias

import httpx

from sinch_voice_async._transport.connections.connection import Connection
from sinch_voice_async._transport.evidence import mark
from sinch_voice_async._transport.http11 import Headers, request_head

Sender: TypeAlias = Callable[[Connection, float | None], Awaitable[None]]
"""Writes one request to a connection, each piece of it within so many seconds."""


class Framing:
    """How the body of one request is delimited, and how much of it is still to come."""

    def __init__(self, headers: Headers) -> None:
        fields = {name.lower(): value for name, value in headers}
        self._chunked = fields.get(b"transfer-encoding", b"").lower().endswith(b"chunked")
        length = fields.get(b"content-length", b"")
        self._left = int(length) if length.isdigit() else 0

    def frame(self, piece: bytes) -> bytes:
        """Return a piece as it goes on the wire; raise ``httpx.LocalProtocolError`` if it is too much."""
        if self._chunked:
            # An empty chunk would be the last one.
            return b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""
        self._left -= len(piece)
        if self._left < 0:
            raise httpx.LocalProtocolError("the body is longer than its Content-Length")
        return piece

    def end(self) -> bytes:
        """Return what follows the last piece; raise ``httpx.LocalProtocolError`` if there was too little."""
        if self._chunked:
            return b"0\r\n\r\n"
        if self._left:
            raise httpx.LocalProtocolError("the body is shorter than its Content-Length")
        return b""


def sender(request: httpx.Request) -> Sender:
    """Return what writes ``request``; raise ``httpx.LocalProtocolError`` if its head is malformed."""
    target = request.extensions.get("target", request.url.raw_path)
    headers = request.headers.raw
    head = request_head(request.method.encode("ascii"), target, headers)
    framing = Framing(headers)
    try:
        whole = request.content
    except httpx.RequestNotRead:
        assert isinstance(request.stream, httpx.AsyncByteStream)
        return partial(_send_pieces, head, framing, request.stream)
    try:
        body = framing.frame(whole) + framing.end()
    except httpx.LocalProtocolError as error:
        raise mark(error, request_sent=False) from None
    return partial(send_whole, head + body)


async def send_whole(request: bytes, connection: Connection, seconds: float | None) -> None:
    """Write a request that is all there."""
    await connection.write(request, seconds)


async def _send_pieces(
    head: bytes, framing: Framing, body: AsyncIterable[bytes], connection: Connection, seconds: float | None
) -> None:
    """Write a request whose body comes in pieces, but stop once the server has heard enough."""
    await connection.write(head, seconds)
    pieces = aiter(body)
    try:
        async for piece in pieces:
            if connection.answered:
                connection.request_complete = False
                return
            if framed := framing.frame(piece):
                await connection.write(framed, seconds)
    finally:
        if isinstance(pieces, AsyncGenerator):  # httpx's own: trio minds those that are left unfinished
            await pieces.aclose()
    if end := framing.end():
        await connection.write(end, seconds)
