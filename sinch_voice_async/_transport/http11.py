"""One HTTP/1.1 exchange without any I/O: the head of a request out, the bytes of a response in (RFC 9112).

The rules, beyond the grammar, which llhttp enforces strictly:

- What would break out of its line (a carriage return, a line feed, a NUL) is refused before anything is sent.
- Bytes that lead nowhere are bounded. Heads, interim responses (100, 103), chunk extensions and trailers all count
  against one allowance of 64 KiB, which a final head or a piece of body restores.
- Interim responses are skipped, except 101: nobody here asked to switch protocols.
- Bytes after the response are nobody's answer, so the connection that brought them is not used again.
"""

import functools
import re
from collections.abc import Sequence

import httptools
import httpx

from sinch_voice_async._transport.evidence import mark

Headers = Sequence[tuple[bytes, bytes]]

MAX_HEAD_BYTES = 65_536
MAX_HEADER_FIELDS = 100

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET = re.compile(rb"[!-~\x80-\xff]+")
_PRINTABLE = bytes([0x09, *range(0x20, 0x7F), *range(0x80, 0x100)])


def request_head(method: bytes, target: bytes, headers: Headers) -> bytes:
    """Return the head as it goes on the wire; raise ``httpx.LocalProtocolError`` if a part would leave its place."""
    lines = [_start_of_head(method, target), *[_start_of_field(name) + value for name, value in headers], b"", b""]
    head = b"\r\n".join(lines)
    # Nothing may be left but the line ends that were put there; one that came in a value is one too many.
    if head.translate(None, _PRINTABLE) != b"\r\n" * (len(headers) + 2):
        raise _malformed()
    return head


# Requests differ in their values and hardly in anything else, so the rest is checked once.


@functools.lru_cache(maxsize=256)
def _start_of_head(method: bytes, target: bytes) -> bytes:
    if not _TOKEN.fullmatch(method) or not _TARGET.fullmatch(target):
        raise _malformed()
    return method + b" " + target + b" HTTP/1.1"


@functools.lru_cache(maxsize=256)
def _start_of_field(name: bytes) -> bytes:
    if not _TOKEN.fullmatch(name):
        raise _malformed()
    return name + b": "


def _malformed() -> httpx.LocalProtocolError:
    return mark(
        httpx.LocalProtocolError("illegal characters in the request's method, target or headers"), request_sent=False
    )


class ResponseReader:
    """Reads the responses of one connection, one after another, from the bytes that arrive.

    ``expect`` announces a request, ``feed`` and ``feed_eof`` take what the connection brought; the attributes say how
    far the response has come. ``chunks`` holds the pieces of body that nobody has taken yet.
    """

    __slots__ = (
        "_allowance",
        "_bodyless",
        "_fault",
        "_max_body",
        "_parser",
        "body_size",
        "chunks",
        "complete",
        "head_complete",
        "headers",
        "reason",
        "reusable",
        "status",
    )

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._bodyless = False
        self.status: int | None = None
        self.complete = True
        self.reusable = True

    @property
    def version(self) -> bytes:
        """The version that the response claims, as in ``HTTP/1.1``."""
        return b"HTTP/" + self._parser.get_http_version().encode("ascii")

    def expect(self, *, bodyless: bool = False, max_body: int | None = None) -> None:
        """Begin a response; it has no body if the request was HEAD, and ``max_body`` bounds it, in bytes."""
        if self._bodyless:  # the parser still waits for the body that a HEAD response only described
            self._parser = httptools.HttpResponseParser(self)
        self._bodyless = bodyless
        self._max_body = max_body
        self._allowance = MAX_HEAD_BYTES
        self._fault: str | None = None
        self.status = None
        self.reason = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.chunks: list[bytes] = []
        self.body_size = 0
        self.head_complete = self.complete = self.reusable = False

    def feed(self, data: bytes) -> None:
        """Take bytes that arrived; raise ``httpx.RemoteProtocolError`` if they are no response or too much of one."""
        if self.complete:
            self.reusable = False
            return
        self._allowance -= len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.reusable = False
            if not self.complete:
                raise httpx.RemoteProtocolError(self._fault or f"the answer is not HTTP/1.1: {error}") from None
        self._check_bounds()

    def feed_eof(self) -> None:
        """Take the end of the connection: the end of a body that nothing else delimits, else a failure."""
        self.reusable = False
        if self.complete:
            return
        if not self.head_complete:
            raise httpx.RemoteProtocolError("the server closed the connection before it had answered")
        if self._delimited():
            raise httpx.RemoteProtocolError(
                f"the server closed the connection after {self.body_size} bytes of the body"
            )
        self.complete = True

    def take(self) -> list[bytes]:
        """Return the pieces of body that arrived since the last call."""
        chunks, self.chunks = self.chunks, []
        return chunks

    def _delimited(self) -> bool:
        fields = dict(self.headers)
        coding = fields.get(b"transfer-encoding")
        return b"content-length" in fields if coding is None else coding.lower().endswith(b"chunked")

    def _check_bounds(self) -> None:
        if self._fault is None and self._allowance < 0 and not self.complete:
            self._fault = f"more than {MAX_HEAD_BYTES} bytes without a complete head or any body"
        if self._max_body is not None and self.body_size > self._max_body:
            self._fault = f"the body is larger than {self._max_body} bytes"
        if self._fault is not None:
            self.reusable = False
            raise httpx.RemoteProtocolError(self._fault)

    # What follows is called by the parser while it is fed.

    def on_message_begin(self) -> None:
        """Notice a response that nobody asked for."""
        if self.complete:
            self.reusable = False

    def on_status(self, reason: bytes) -> None:
        """Take the reason phrase, or a piece of it."""
        self.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the head; those of a trailer are dropped, as nothing here could ask for one."""
        if not self.head_complete:
            self.headers.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        """Take the end of a head: an interim one is forgotten, a final one checked."""
        if self.complete:
            return
        status = self._parser.get_status_code()
        if 100 <= status < 200 and status != 101:
            self.headers.clear()
            self.reason = b""
            return
        self.head_complete = True
        self._fault = self._head_fault(status)
        self.status = None if self._fault else status  # a refused head is no evidence of anything
        self._allowance = MAX_HEAD_BYTES
        if self._bodyless:
            self._finish()

    def on_body(self, data: bytes) -> None:
        """Take a piece of body."""
        if self.complete:
            self.reusable = False
            return
        self._allowance = MAX_HEAD_BYTES
        self.body_size += len(data)
        self.chunks.append(data)

    def on_message_complete(self) -> None:
        """Take the end of a message, which is that of the response if its head was final."""
        if self.head_complete and not self.complete:
            self._finish()

    def _head_fault(self, status: int) -> str | None:
        if status < 200:
            return f"status {status} was not asked for"
        if len(self.headers) > MAX_HEADER_FIELDS:
            return f"the head has more than {MAX_HEADER_FIELDS} fields"
        if self._allowance < 0 and sum(len(n) + len(v) + 4 for n, v in self.headers) > MAX_HEAD_BYTES:
            return f"the head is larger than {MAX_HEAD_BYTES} bytes"
        return None

    def _finish(self) -> None:
        self.complete = True
        self.reusable = self._parser.should_keep_alive()
