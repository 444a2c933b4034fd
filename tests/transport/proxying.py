"""A proxy as a step of the scripted server: it opens a tunnel, forwards a request, or does neither."""

import asyncio
import contextlib

from tests.transport.servers import Peer, Step

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


def tunnel(port: int, *, greeting: bytes = ESTABLISHED, then: int | None = None) -> Step:
    """Answer a CONNECT with ``greeting`` and pass bytes to a port of this machine, whatever host was named.

    ``then`` is the number of bytes towards the client after which the tunnel breaks.
    """

    async def step(peer: Peer) -> None:
        peer._server.heads.append(await peer.read_head())
        await peer.send(greeting)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.closing(writer):
            await _both_ways(peer, reader, writer, then)
        raise EOFError

    return step


def refuse(status: bytes = b"403 Forbidden", fields: bytes = b"") -> Step:
    """Refuse a CONNECT."""

    async def step(peer: Peer) -> None:
        peer._server.heads.append(await peer.read_head())
        await peer.send(b"HTTP/1.1 %b\r\n%bContent-Length: 2\r\n\r\nno" % (status, fields))
        await peer.close()

    return step


def say_to_connect(raw: bytes, *, then: str = "close") -> Step:
    """Answer a CONNECT with raw bytes; then ``close``, ``reset`` or ``wait_for_ever``."""

    async def step(peer: Peer) -> None:
        peer._server.heads.append(await peer.read_head())
        await peer.send(raw)
        await getattr(peer, then)()

    return step


async def _both_ways(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, then: int | None) -> None:
    async def outwards() -> None:
        writer.write(peer._unread)
        peer._unread = b""
        while data := await peer._reader.read(65_536):
            writer.write(data)

    async def inwards() -> None:
        left = then
        while data := await reader.read(65_536):
            if left is not None and len(data) >= left:
                await peer.send(data[:left])
                return
            left = None if left is None else left - len(data)
            await peer.send(data)

    directions = [asyncio.ensure_future(outwards()), asyncio.ensure_future(inwards())]
    try:
        await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for direction in directions:
            direction.cancel()
        await asyncio.gather(*directions, return_exceptions=True)
