"""What both kinds of connection are: a response reader, the flag that proves what was sent, and one way to fail.

A connection serves one request at a time. After it, the connection is either ready for the next one or closed;
``close`` may be called at any time, from any task of its event loop, and more than once.
"""

import os
import select
import socket
import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from contextlib import contextmanager
from math import inf
from typing import Final, NamedTuple, Protocol

import httpx

from sinch_voice_async._transport.exceptions import because, mark, permanent, why_refused
from sinch_voice_async._transport.http11 import ResponseReader, request_head
from sinch_voice_async._transport.messages import RawResponse, WireRequest
from sinch_voice_async._transport.origin import Origin
from sinch_voice_async._transport.proxies import Proxy
from sinch_voice_async._transport.tls import Tls, TlsClient
from sinch_voice_async.credentials import hidden_bytes

__all__ = ["Clock", "Connection", "Deadline", "Route", "Timer", "connect_error", "failures_of_connecting", "make_poll"]

_FINAL_REFUSALS = frozenset(range(400, 500)) - {408, 425, 429}


_LATE: Final = 0.02
"""Seconds: a timer that fires later than this shows that the loop stood still."""


class Timer(Protocol):
    """A call that is due at some time, such as an ``asyncio.TimerHandle``."""

    def when(self) -> float:
        """Return the time at which it is due."""
        ...

    def cancel(self) -> None:
        """Forget it."""


class Clock(Protocol):
    """The part of an event loop that a deadline needs, such as an ``asyncio.AbstractEventLoop``."""

    def time(self) -> float:
        """Return the time now, in seconds."""
        ...

    def call_at(self, when: float, callback: Callable[[], object], /) -> Timer:
        """Call ``callback`` at that time."""
        ...


class Deadline:
    """A deadline that is moved often and hardly ever reached: one timer that finds it further off, and is set again.

    A loop that stood still has not read what arrived meanwhile. So a deadline that is noticed late is given the time by
    which it is late, once, and what is here by then counts.
    """

    __slots__ = ("_clock", "_expired", "_extended", "_timer", "at")

    def __init__(self, clock: Clock, expired: Callable[[], None]) -> None:
        self._clock = clock
        self._expired = expired
        self._extended = False
        self._timer: Timer | None = None
        self.at = inf

    def set(self, seconds: float | None) -> None:
        """Move the deadline to ``seconds`` from now, or to never."""
        self.set_at(inf if seconds is None else self._clock.time() + seconds)

    def set_at(self, when: float) -> None:
        """Move the deadline to a time of the loop's clock."""
        self.at = when
        self._extended = False
        if when != inf and (self._timer is None or self._timer.when() > when):
            self.stop()
            self._timer = self._clock.call_at(when, self._due)

    def stop(self) -> None:
        """Cancel the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _due(self) -> None:
        self._timer = None
        late = self._clock.time() - self.at
        if late > _LATE and not self._extended:
            self._extended = True
            self.at += late + min(late, 1.0)
            late = -1
        if late >= 0:
            self._expired()
        elif self.at != inf:
            self._timer = self._clock.call_at(self.at, self._due)


class Route(NamedTuple):
    """How an origin is reached: directly or through a proxy, and with which TLS."""

    origin: Origin
    proxy: Proxy | None
    tls: TlsClient

    @property
    def address(self) -> tuple[str, int]:
        """The host and the port to connect to."""
        server = self.proxy or self.origin
        return server.host, server.port


class Connection(ABC):
    """One open connection, and the request that is under way on it.

    ``request_sent`` becomes true just before the first byte of a request is written, and is the evidence on which every
    decision to retry rests. ``forward_proxy`` is the proxy that wants absolute URLs and stands at the other end, if
    any. ``idle_since`` is kept by the pool, on the clock of ``time.monotonic``.
    """

    __slots__ = (
        "addresses",
        "closed",
        "forward_proxy",
        "idle_since",
        "origin",
        "reader",
        "request_complete",
        "request_sent",
        "tls",
    )

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.tls: Tls | None = None
        self.reader = ResponseReader()
        self.forward_proxy: Proxy | None = None
        self.request_sent = False
        self.request_complete = True
        self.closed = False
        self.idle_since = 0.0
        self.addresses: tuple[object, object] = (None, None)

    @property
    def reusable(self) -> bool:
        """Whether another request may follow the one before."""
        return self.reader.reusable and self.request_complete and not self.closed

    @property
    def answered(self) -> bool:
        """Whether there is no point in writing more: the server refused the rest, or the connection is gone."""
        reader = self.reader
        return reader.complete or self.closed or (reader.status is not None and reader.status >= 300)

    def begin(self, *, bodyless: bool, max_body: int | None = None, closing: bool = False) -> None:
        """Announce a request; ``bodyless`` says that it is a HEAD, ``closing`` that it ends the connection."""
        self.request_sent = False
        self.request_complete = True
        self.reader.expect(bodyless=bodyless, max_body=max_body, closing=closing)
        if self.closed:
            raise self.failed(httpx.ConnectError("the connection was closed before the request was written"))

    def failed(self, error: httpx.TransportError, cause: BaseException | None = None) -> httpx.TransportError:
        """Close, and return ``error`` with the evidence on it."""
        self.close()
        return mark(because(error, cause), request_sent=self.request_sent, status=self.reader.status)

    def arrived(self, data: bytes) -> None:
        """Hand the reader what the connection brought."""
        tls = self.tls
        if tls is None:
            self.reader.feed(data)
            return
        try:
            pieces = tls.decrypt(data)
        except ssl.SSLError as error:
            raise because(httpx.ReadError(str(error)), error) from error
        for piece in pieces:
            self.reader.feed(piece)
        if tls.ended:
            self.reader.feed_eof()

    def answer(self) -> RawResponse:
        """Return the response, which is complete."""
        reader = self.reader
        chunks = reader.chunks
        assert reader.status is not None
        return RawResponse(reader.status, reader.headers, chunks[0] if len(chunks) == 1 else b"".join(chunks))

    def check_authorized(self) -> None:
        """Take a 407 for what it is at the end of a proxy that wants absolute URLs: its refusal to pass a request on.

        :raises httpx.ProxyError: when there is such a proxy.
        """
        if self.forward_proxy is not None:
            message = f"the proxy {self.forward_proxy} refused the request: 407, it wants a user and a password"
            raise permanent(mark(httpx.ProxyError(message), request_sent=False))

    async def establish(self, route: Route) -> None:
        """Make the way to the origin: TLS to the proxy, a tunnel through it, TLS to the server, as far as need be.

        :raises OSError: when a handshake fails.
        :raises httpx.ProxyError: when the proxy refuses.
        """
        proxy, origin = route.proxy, route.origin
        self.addresses = _addresses(self.socket())
        if proxy is not None:
            if proxy.secure:
                await self._secure(route.tls, Origin("https", proxy.host, proxy.port))
            if origin.secure and not proxy.socks:
                await self._tunnel(proxy, origin)
            elif not proxy.socks:
                self.forward_proxy = proxy
        if origin.secure:
            await self._secure(route.tls, origin)

    async def _secure(self, client: TlsClient, origin: Origin) -> None:
        try:
            tls = self.tls = client.begin(origin, self.tls)
        except Exception as error:  # certificates, a name: the next attempt would fail alike
            raise permanent(httpx.ConnectError(f"TLS cannot begin: {error}")) from error
        await self.handshake(tls)
        client.keep(origin, tls)

    async def _tunnel(self, proxy: Proxy, origin: Origin) -> None:
        """Ask a proxy for a tunnel (RFC 9110, section 9.3.6)."""
        target = origin.authority.encode("ascii")
        head = hidden_bytes(request_head(b"CONNECT", target, [(b"Host", target), *proxy.headers]))
        self.begin(bodyless=True)
        await self.write(head, None)
        await self.read_head(None)
        status = self.reader.status
        assert status is not None
        if not 200 <= status < 300:
            reason = self.reader.reason.decode("latin-1")
            error = httpx.ProxyError(
                f"the proxy {proxy} refused to connect to {origin.host}: {status} {reason}".strip()
            )
            raise permanent(error) if status in _FINAL_REFUSALS else error

    @abstractmethod
    async def handshake(self, tls: Tls) -> None:
        """Do the TLS handshake; raise ``ssl.SSLError`` or ``OSError``."""

    @abstractmethod
    async def send(self, request: WireRequest) -> RawResponse:
        """Write a whole request and return the whole response; ``timeout.read`` bounds all that follows the writing."""

    @abstractmethod
    async def write(self, data: bytes, seconds: float | None) -> None:
        """Write a part of a request; return early if an answer comes meanwhile."""

    @abstractmethod
    async def read_head(self, seconds: float | None) -> None:
        """Return once the head of the response is complete, within ``seconds``."""

    @abstractmethod
    async def read(self, seconds: float | None) -> list[bytes]:
        """Return the pieces of body that have come, waiting ``seconds`` for the first; an empty list is the end."""

    @abstractmethod
    def socket(self) -> socket.socket:
        """Return the socket, for those who want to look at it."""

    @abstractmethod
    def is_readable(self) -> bool:
        """Whether an idle connection was closed by the server, or brought bytes that no request asked for."""

    @abstractmethod
    def close(self) -> None:
        """Close at once; a task that waits on this connection gets an ``httpx.ReadError``."""

    def abandon(self, dead: int) -> None:
        """Give up a connection that the parent process goes on using: put a dead socket in the place of this one.

        Closing it, or taking it out of the event loop, would reach the parent, which shares both.
        """
        self.closed = True
        os.dup2(dead, self.socket().fileno())


def connect_error(error: BaseException) -> httpx.TransportError:
    """Return the ``httpx.ConnectError`` for a name, an address or a handshake that failed; ``error`` is its cause."""
    if isinstance(error, httpx.TransportError):
        return mark(error, request_sent=False)
    text = why_refused(error) if isinstance(error, ssl.SSLCertVerificationError) else str(error.__cause__ or error)
    return mark(because(httpx.ConnectError(text or type(error).__name__), error), request_sent=False)


@contextmanager
def failures_of_connecting(route: Route) -> Generator[None]:
    """Turn whatever fails while a connection is opened into the exception that httpx documents for it, unsent."""
    try:
        yield
    except TimeoutError as error:
        raise mark(httpx.ConnectTimeout("no connection could be made in time"), request_sent=False) from error
    except Exception as error:
        mapped = connect_error(error)
        if route.proxy is not None and not isinstance(mapped, httpx.ProxyError):
            text = f"through the proxy {route.proxy}: {mapped}"
            mapped = mark(because(httpx.ConnectError(text), error), request_sent=False)
        if mapped is error:
            raise
        raise mapped from error


def _addresses(sock: socket.socket) -> tuple[object, object]:
    """Return the address of this side and that of the other."""
    try:
        return sock.getsockname(), sock.getpeername()
    except OSError:  # the peer has gone already
        return None, None


def make_poll(fd: int) -> Callable[[], bool]:
    """Return a function that says in half a microsecond whether ``fd`` has bytes, or its end, to read."""
    if not hasattr(select, "poll"):  # Windows
        return lambda: bool(select.select([fd], [], [], 0)[0])
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    look = poll.poll
    return lambda: bool(look(0))
