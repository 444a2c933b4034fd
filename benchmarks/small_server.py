"""A fast server of our own: answers every POST with a call id, after a delay if asked to, and counts.

``GET /stats`` tells what it counted, ``GET /calling/v1/recording/<n>`` sends n bytes. It stops when its standard input
closes, so that it never outlives the run. It prints its ports: the plain one, and the one with TLS. The plain one is a
proxy as well: it takes a ``CONNECT``, and is itself the server at the other end of the tunnel, so that a client is
answered as fast as without a proxy.
"""

import argparse
import asyncio
import json
import ssl
import sys
from contextlib import suppress
from typing import cast

import attrs
import httptools

__all__ = ["main"]

_BODY = b'{"callId":"d5a8b0f2-6e3c-4f0e-9c1b-1a2b3c4d5e6f"}'
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(_BODY) + _BODY
_PIECE = bytes(1 << 18)


@attrs.define
class Counters:
    """What the runner asks for between cases."""

    connections: int = 0
    requests: int = 0


class Connection(asyncio.Protocol):
    """One connection: the parser calls the ``on_`` methods."""

    transport: asyncio.Transport

    def __init__(self, counters: Counters, delay: float, secure: ssl.SSLContext) -> None:
        self._counters = counters
        self._secure = secure
        self._delay = delay
        self._left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no asyncio.Transport, though they do all that it does.
        self.transport = cast("asyncio.Transport", transport)
        self._counters.connections += 1
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"CONNECT "):
            self._tunnel = asyncio.ensure_future(self._begin_tls())
            return
        self._parser.feed_data(data)

    async def _begin_tls(self) -> None:
        self.transport.pause_reading()
        self.transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        loop = asyncio.get_running_loop()
        with suppress(ConnectionError):  # a client that has measured enough leaves
            made = await loop.start_tls(self.transport, self, self._secure, server_side=True)
            self.transport = cast("asyncio.Transport", made)

    def on_url(self, url: bytes) -> None:
        self._url = url

    def on_message_complete(self) -> None:
        if self._parser.get_method() == b"GET":
            self._tell()
            return
        self._counters.requests += 1
        if self._delay:
            asyncio.get_running_loop().call_later(self._delay, self._answer)
        else:
            self._answer()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._pour()

    def _answer(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(_ANSWER)

    def _tell(self) -> None:
        if self._url == b"/stats":
            body = json.dumps(attrs.asdict(self._counters)).encode()
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            return
        self._left = int(self._url.rpartition(b"/")[2])
        self._paused = False
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % self._left)
        self._pour()

    def _pour(self) -> None:
        while self._left and not self._paused and not self.transport.is_closing():
            piece = _PIECE[: self._left]
            self._left -= len(piece)
            self.transport.write(piece)


async def _serve(delay: float, certificate: str) -> None:
    loop = asyncio.get_running_loop()
    counters = Counters()
    secure = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    secure.load_cert_chain(certificate)
    ports = []
    for context in (None, secure):
        server = await loop.create_server(
            lambda: Connection(counters, delay, secure), "127.0.0.1", 0, ssl=context, backlog=4096
        )
        ports.append(server.sockets[0].getsockname()[1])
    print(json.dumps(ports), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


def main() -> None:
    """Serve until standard input closes."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
    arguments.add_argument("--certificate", required=True, help="a PEM file with key and chain")
    given = arguments.parse_args()
    try:
        import uvloop
    except ImportError:
        asyncio.run(_serve(given.delay, given.certificate))
    else:
        uvloop.run(_serve(given.delay, given.certificate))


if __name__ == "__main__":
    main()
