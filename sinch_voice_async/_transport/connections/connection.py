"""What both kinds of connection are: a response reader, the flag that proves what was sent, and one way to fail.

A connection serves one exchange at a time. It is either given back whole, ready for the next, or closed; ``close`` may
be called at any time, from any task of its event loop, and more than once.
"""

import ssl
from abc import ABC, abstractmethod
from collections.abc import Generator
from contextlib import contextmanager

import httpx

from sinch_voice_async._transport.connections.tls import Tls
from sinch_voice_async._transport.evidence import E, mark
from sinch_voice_async._transport.http11 import ResponseReader
from sinch_voice_async._transport.origins import Origin


class RawResponse:
    """A whole response: ``status``, ``headers`` with their names in lower case, and ``body``."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


class Connection(ABC):
    """One open connection and the exchange that is under way on it.

    ``request_sent`` becomes true just before the first byte of a request is written, and is the evidence on which
    everything about repeating requests rests. ``idle_since`` is kept by the pool, on the clock of ``time.monotonic``.
    """

    __slots__ = ("closed", "idle_since", "origin", "reader", "request_complete", "request_sent", "tls")

    def __init__(self, origin: Origin, tls: Tls | None) -> None:
        self.origin = origin
        self.tls = tls
        self.reader = ResponseReader()
        self.request_sent = False
        self.request_complete = True
        self.closed = False
        self.idle_since = 0.0

    @property
    def reusable(self) -> bool:
        """Whether another request may follow the one before."""
        return self.reader.reusable and self.request_complete and not self.closed

    @property
    def answered(self) -> bool:
        """Whether there is no point in writing more: the server refused the rest, or the connection is gone."""
        reader = self.reader
        return reader.complete or self.closed or (reader.status is not None and reader.status >= 300)

    def begin(self, *, bodyless: bool, max_body: int | None = None) -> None:
        """Announce a request; ``bodyless`` says that it is a HEAD."""
        self.request_sent = False
        self.request_complete = True
        self.reader.expect(bodyless=bodyless, max_body=max_body)
        if self.closed:
            raise self.failed(httpx.ConnectError("the connection was closed before the request was written"))

    def failed(self, error: httpx.TransportError, cause: BaseException | None = None) -> httpx.TransportError:
        """Close, and return ``error`` with the evidence on it."""
        self.close()
        error.__cause__ = cause
        return mark(error, request_sent=self.request_sent, status=self.reader.status)

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

    @abstractmethod
    async def exchange(self, request: bytes, *, bodyless: bool, max_body: int, timeout: httpx.Timeout) -> RawResponse:
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
    def socket(self) -> object:
        """Return the socket, for those who want to look at it."""

    @abstractmethod
    def stale(self) -> bool:
        """Whether an idle connection was closed by the server, or brought bytes that nobody asked for."""

    @abstractmethod
    def close(self) -> None:
        """Close at once; whoever waits on this connection gets an ``httpx.ReadError``."""


def refused(error: BaseException) -> httpx.ConnectError:
    """Return the ``httpx.ConnectError`` for a name, an address or a handshake that failed; ``error`` is its cause."""
    text = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else str(error.__cause__ or error)
    return mark(because(httpx.ConnectError(text or type(error).__name__), error), request_sent=False)


@contextmanager
def refusals() -> Generator[None]:
    """Turn whatever goes wrong while a connection is opened into the exception that httpx documents for it."""
    try:
        yield
    except TimeoutError as error:
        raise mark(httpx.ConnectTimeout("no connection could be made in time"), request_sent=False) from error
    except (OSError, ValueError) as error:  # ValueError: a host name that no resolver can be asked for
        raise refused(error) from error


def because(error: E, cause: BaseException) -> E:
    """Return ``error`` with its cause, for raising later."""
    error.__cause__ = cause
    return error
