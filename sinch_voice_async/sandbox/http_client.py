"""A small HTTP/1.1 client: what the sandbox sends callbacks with. It shares no code with the client of this package.

It keeps connections alive and takes the one that was used last. A kept connection that is closed, or that has bytes
without a request, is not used. It never follows a redirect, never sends a request twice, uses no proxy, and reads a
bounded answer. Source: RFC 9112, 9 Connection Management.
"""

import errno
import os
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import anyio
import httptools

__all__ = ["HttpAnswer", "HttpClient", "HttpError", "Target"]

LARGEST_BODY = 1_048_576
LARGEST_HEAD = 65_536
MOST_BYTES = 8 * 1_048_576
"""Of an answer with its framing: a chunk of one byte takes six."""
MOST_CONNECTIONS = 100
MOST_HEADERS = 200
NOT_READY = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
PIECE = 65_536
CONNECTING = {errno.EINPROGRESS, errno.EWOULDBLOCK}
KEPT_FOR = 30.0
"""Seconds after which an idle connection is closed."""
SAFE = "/%:@!$&'()*+,;=~-._"


class HttpError(Exception):
    """No answer, in words."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer with its whole body. Header names are as they came."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """Return the first header of this name, in any case, or an empty text."""
        return next((value for each, value in self.headers if each.lower() == name), "")


@dataclass(frozen=True, slots=True)
class Target:
    """The target of a request: ``authority`` is its ``Host``, ``query`` begins with its question mark."""

    is_tls: bool
    host: str
    port: int
    authority: str
    path: str
    query: str

    @classmethod
    def of(cls, url: str) -> "Target":
        """Return the target of an http or https URL. Raises HttpError if it is not one."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
            if not host.isascii():
                host = host.encode("idna").decode()
        except ValueError as error:
            raise HttpError(f"InvalidURL: {error}") from None
        if parts.scheme not in {"http", "https"} or not host or not host.isprintable() or " " in host:
            raise HttpError("InvalidURL: not an http or https URL with a host")
        is_tls = parts.scheme == "https"
        usual = 443 if is_tls else 80
        bare = f"[{host}]" if ":" in host else host
        authority = bare if port in {None, usual} else f"{bare}:{port}"
        query = f"?{quote(parts.query, safe=SAFE + '?')}" if parts.query else ""
        return cls(is_tls, host, port or usual, authority, quote(parts.path, safe=SAFE) or "/", query)


class HttpClient:
    """Sends requests from one event loop: an asynchronous context manager, which closes its connections on leaving."""

    def __init__(self) -> None:
        self._slots = anyio.Semaphore(MOST_CONNECTIONS)
        self._idle: dict[tuple[bool, str, int], list[_Connection]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        for stack in self._idle.values():
            for connection in stack:
                connection.close()
        self._idle.clear()

    async def post(self, target: Target, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        """Send a POST request and return the answer. Raises HttpError if it fails."""
        lines = [
            f"POST {target.path}{target.query} HTTP/1.1",
            f"host: {target.authority}",
            *(f"{name}: {value}" for name, value in headers.items()),
            f"content-length: {len(body)}",
        ]
        message = "\r\n".join((*lines, "", "")).encode("latin-1") + body
        async with self._slots:
            connection = self._take(target) or await _connect(target)
            try:
                answer = await connection.send(message)
            except (OSError, ssl.SSLError) as error:
                raise HttpError(f"the connection broke: {_words(error)}") from None
            finally:
                # A connection that was given up in the middle is not reusable, and is closed.
                self._give_back(target, connection)
            return answer

    def _take(self, target: Target) -> "_Connection | None":
        stack = self._idle.get((target.is_tls, target.host, target.port), [])
        while stack:
            connection = stack.pop()
            if connection.is_usable():
                return connection
            connection.close()
        return None

    def _give_back(self, target: Target, connection: "_Connection") -> None:
        if connection.is_reusable:
            connection.idle_since = time.monotonic()
            self._idle.setdefault((target.is_tls, target.host, target.port), []).append(connection)
        else:
            connection.close()


class _Reading:
    """One answer while it is read. The methods that begin with ``on_`` are called by the parser."""

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.answer: HttpAnswer | None = None
        self.is_reusable = False
        self.is_head_read = False
        self._ends_with_connection = False
        self._headers: list[tuple[str, str]] = []
        self._body = bytearray()

    def on_message_begin(self) -> None:
        # Bytes after the answer were not asked for.
        self.is_reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.decode("latin-1"), value.decode("latin-1")))
        if len(self._headers) > MOST_HEADERS:
            raise HttpError(f"an answer with more than {MOST_HEADERS} headers")

    def on_headers_complete(self) -> None:
        names = {name.lower() for name, _ in self._headers}
        self._ends_with_connection = not names & {"content-length", "transfer-encoding"}
        self.is_head_read = True

    def on_body(self, body: bytes) -> None:
        self._body += body
        if len(self._body) > LARGEST_BODY:
            raise HttpError(f"an answer of more than {LARGEST_BODY} bytes")

    def on_message_complete(self) -> None:
        if self.answer is not None:
            return
        if 100 <= self.parser.get_status_code() < 200:
            # An interim answer: the final one follows.
            self._headers.clear()
            self.is_head_read = False
            return
        self.answer = self._made()
        self.is_reusable = self.parser.should_keep_alive()

    def feed(self, piece: bytes) -> None:
        """Read a piece of the answer. Raises HttpError if it is not one."""
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserError as error:
            self.is_reusable = False
            if self.answer is None:
                known = error.__context__
                raise HttpError(str(known) if isinstance(known, HttpError) else f"not HTTP: {error}") from None

    def end(self) -> HttpAnswer:
        """Return the answer of a connection that was closed, which ends some answers. Raises HttpError if it is cut."""
        if not (self.is_head_read and self._ends_with_connection):
            raise HttpError("the connection was closed before the answer was whole")
        return self._made()

    def _made(self) -> HttpAnswer:
        return HttpAnswer(self.parser.get_status_code(), tuple(self._headers), bytes(self._body))


class _Connection:
    """One connection, plain or TLS, over a socket that never blocks."""

    def __init__(self, sock: socket.socket | ssl.SSLSocket) -> None:
        self._socket = sock
        self.is_reusable = False
        self.idle_since = 0.0

    def is_usable(self) -> bool:
        """Whether a kept connection is neither closed nor has bytes that were not asked for."""
        if time.monotonic() - self.idle_since > KEPT_FOR:
            return False
        try:
            self._socket.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        return False

    async def send(self, message: bytes) -> HttpAnswer:
        """Send a request and read its answer."""
        self.is_reusable = False
        await self._write(message)
        reading, head, total = _Reading(), 0, 0
        while reading.answer is None:
            piece = await self._read()
            if not piece:
                return reading.end()
            total += len(piece)
            head += 0 if reading.is_head_read else len(piece)
            reading.feed(piece)
            if total > MOST_BYTES or (head > LARGEST_HEAD and not reading.is_head_read):
                raise HttpError("an answer whose head or framing is too large")
        self.is_reusable = reading.is_reusable
        return reading.answer

    async def _write(self, message: bytes) -> None:
        left = memoryview(message)
        while left:
            try:
                left = left[self._socket.send(left) :]
            except NOT_READY as problem:
                await self._ready(problem, to_write=True)

    async def _read(self) -> bytes:
        while True:
            try:
                return self._socket.recv(PIECE)
            except NOT_READY as problem:
                await self._ready(problem, to_write=False)

    async def _ready(self, problem: Exception, *, to_write: bool) -> None:
        """Wait until what was refused is possible. TLS may have to write for a read, and to read for a write."""
        if isinstance(problem, ssl.SSLWantWriteError) or (to_write and isinstance(problem, BlockingIOError)):
            await anyio.wait_writable(self._socket)
        else:
            await anyio.wait_readable(self._socket)

    async def open(self, address: Any) -> None:
        """Connect to an address, as :func:`socket.getaddrinfo` returns it."""
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = self._socket.connect_ex(address)
        if code in CONNECTING:
            await anyio.wait_writable(self._socket)
            code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))

    async def handshake(self, target: Target) -> None:
        """Begin TLS."""
        self._socket = _trust().wrap_socket(
            self._socket, server_hostname=target.host, do_handshake_on_connect=False, suppress_ragged_eofs=True
        )
        while True:
            try:
                self._socket.do_handshake()
            except NOT_READY as problem:
                await self._ready(problem, to_write=False)
            else:
                return

    def close(self) -> None:
        """Close it at once."""
        self._socket.close()


async def _connect(target: Target) -> _Connection:
    problem: Exception | None = None
    try:
        found = await anyio.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise HttpError(f"cannot connect to {target.host}:{target.port}: {_words(error)}") from None
    for family, kind, protocol, _, address in found:
        connection = _Connection(socket.socket(family, kind, protocol))
        try:
            await connection.open(address)
            if target.is_tls:
                await connection.handshake(target)
        except OSError as error:
            connection.close()
            problem = error
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise HttpError(f"cannot connect to {target.host}:{target.port}: {_words(problem)}")


def _words(problem: BaseException | None) -> str:
    """Return what went wrong, without the number of an operating system."""
    return getattr(problem, "strerror", None) or f"{type(problem).__name__}: {problem}"


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    """Return the certificates that the system trusts, which take a while to read."""
    return ssl.create_default_context()
