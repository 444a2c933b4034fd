"""One HTTP/1.1 exchange without any I/O: the head of a request out, the bytes of a response in (RFC 9112).

The rules, beyond the grammar that llhttp enforces:

- A request whose parts would leave their line (a carriage return, a line feed, a NUL), or whose head states the length
  of its body twice, is refused before anything is sent.
- Bytes that lead nowhere are bounded. Heads, interim responses (100, 103), chunk extensions and trailers all count
  against one allowance of 64 KiB, which a final head or a piece of body restores.
- Interim responses are skipped, except 101: this client never asks to switch protocols.
- A status line of another protocol (RTSP, ICE, HTTP/2.0) is not a response.
- A Content-Length that is repeated with one value is taken once, as RFC 9112 section 6.3 permits and as h11, Go and
  curl do; llhttp refuses it. The connection is not used again.
- Chunks are decoded here, because llhttp refuses white space that RFC 9112 section 7.1.1 tells recipients to accept.
- Bytes after the response belong to no request, so the connection that brought them is not used again.
"""

import functools
import re
from collections.abc import Sequence
from typing import Final

import httptools
import httpx

from sinch_voice_async._transport.exceptions import mark

Headers = Sequence[tuple[bytes, bytes]]

MAX_HEAD_BYTES: Final = 65_536
MAX_HEADER_FIELDS: Final = 100

_TOKEN: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET: Final = re.compile(rb"[!-~\x80-\xff]+")
_PRINTABLE: Final = bytes([0x09, *range(0x20, 0x7F), *range(0x80, 0x100)])
_CHUNK_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(;[\t\x20-\x7e\x80-\xff]*)?")
_TRAILER: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*")
_BLANK_LINE: Final = re.compile(rb"\n\r?\n")
_LENGTH: Final = re.compile(rb"^content-length:[ \t]*([^\r\n]*)\r?\n?", re.IGNORECASE | re.MULTILINE)


def request_head(method: bytes, target: bytes, headers: Headers) -> bytes:
    """Return the head as it goes on the wire.

    :raises httpx.LocalProtocolError: when a part would leave its line.
    """
    return start_of_head(method, target) + b"\r\n" + header_lines(headers) + b"\r\n"


def header_lines(headers: Headers) -> bytes:
    """Return header fields as they go on the wire, each with its line end.

    :raises httpx.LocalProtocolError: when a field would leave its line.
    """
    lines = b"".join([_start_of_field(name) + value + b"\r\n" for name, value in headers])
    # Nothing may be left but the line ends that were put there; one that came in a value is one too many.
    if lines.translate(None, _PRINTABLE) != b"\r\n" * len(headers):
        raise _malformed()
    return lines


# Requests differ in their values and hardly in anything else, so the rest is checked once.


@functools.lru_cache(maxsize=256)
def start_of_head(method: bytes, target: bytes) -> bytes:
    """Return the request line without its line end."""
    if not _TOKEN.fullmatch(method) or not _TARGET.fullmatch(target):
        raise _malformed()
    return method + b" " + target + b" HTTP/1.1"


@functools.lru_cache(maxsize=256)
def _start_of_field(name: bytes) -> bytes:
    if not _TOKEN.fullmatch(name):
        raise _malformed()
    return name + b": "


def _malformed() -> httpx.LocalProtocolError:
    return _refused("illegal characters in the request's method, target or headers")


def _refused(reason: str) -> httpx.LocalProtocolError:
    return mark(httpx.LocalProtocolError(reason), request_sent=False)


def asks_to_close(headers: Headers) -> bool:
    """Return whether ``Connection: close`` stands among header fields (RFC 9112, section 9.6)."""
    return any(
        name.lower() == b"connection" and b"close" in [option.strip() for option in value.lower().split(b",")]
        for name, value in headers
    )


class Framing:
    """How the body of one request is delimited, and how much of it is still to come.

    :raises httpx.LocalProtocolError: when the head states the length of the body in two ways, or in none that a server
        reads as this client does (RFC 9112, sections 6.1 to 6.3).
    """

    def __init__(self, headers: Headers) -> None:
        lengths = [value.strip() for name, value in headers if name.lower() == b"content-length"]
        codings = [value.strip().lower() for name, value in headers if name.lower() == b"transfer-encoding"]
        if len(lengths) + len(codings) > 1:
            raise _refused("the request states the length of its body more than once")
        if codings and codings != [b"chunked"]:
            raise _refused("chunked is the only transfer coding of a request")
        if lengths and not (lengths[0].isdigit() and len(lengths[0]) < 19):
            raise _refused("Content-Length is not a number of bytes")
        self._chunked = bool(codings)
        self._left = int(lengths[0]) if lengths else 0

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


class _ChunkedBodyError(Exception):
    """Raised through the parser when a head announces chunks, which are not the parser's to read."""


class Chunks:
    """Decodes a chunked body (RFC 9112, section 7.1)."""

    __slots__ = ("_buffer", "_left", "_trailers", "ended")

    def __init__(self) -> None:
        self._buffer = b""
        self._left = 0  # bytes of the current chunk that are still to come, and of the line end behind it
        self._trailers = False
        self.ended = False

    def feed(self, data: bytes) -> tuple[list[bytes], bytes]:
        """Take bytes; return the pieces of body in them, and what follows the body.

        :raises ValueError: when they are not chunks.
        """
        data = self._buffer + data if self._buffer else data
        pieces: list[bytes] = []
        start, size = 0, len(data)
        while start < size and not self.ended:
            if self._left > 2:
                piece = data[start : start + self._left - 2]
                pieces.append(piece)
                start += len(piece)
                self._left -= len(piece)
            elif self._left:
                if data[start] != b"\r\n"[2 - self._left]:
                    raise ValueError("a chunk does not end where its size says")
                start += 1
                self._left -= 1
            else:
                end = data.find(b"\r\n", start)
                if end < 0:
                    break
                self._line(data[start:end])
                start = end + 2
        rest = data[start:]
        self._buffer = b"" if self.ended else rest
        return pieces, rest if self.ended else b""

    def _line(self, line: bytes) -> None:
        """Take the line of a chunk's size, or a line behind the last chunk."""
        if self._trailers:
            if line and not _TRAILER.fullmatch(line):
                raise ValueError("a malformed trailer")
            self.ended = not line
            return
        found = _CHUNK_SIZE.fullmatch(line)
        if found is None:
            raise ValueError("a malformed chunk size")
        length = int(found[1], 16)
        self._trailers = not length
        self._left = length + 2 if length else 0


class ResponseReader:
    """Reads the responses of one connection, one after another, from the bytes that arrive.

    ``expect`` announces a request, ``feed`` and ``feed_eof`` take what the connection brought; the attributes say how
    far the response has come. ``chunks`` holds the pieces of body that the caller has not taken yet, ``headers`` the
    fields of the head as the server spelled them.
    """

    __slots__ = (
        "_allowance",
        "_bodyless",
        "_closing",
        "_decoder",
        "_fault",
        "_head",
        "_head_begins",
        "_keep_alive",
        "_max_body",
        "_parser",
        "_repeats_length",
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
        self._parser: httptools.HttpResponseParser | None = None
        self._decoder: Chunks | None = None
        self._bodyless = False
        self.status: int | None = None
        self.complete = True
        self.reusable = True

    @property
    def version(self) -> bytes:
        """The version that the response claims, as in ``HTTP/1.1``."""
        assert self._parser is not None
        return b"HTTP/" + self._parser.get_http_version().encode("ascii")

    def expect(self, *, bodyless: bool = False, max_body: int | None = None, closing: bool = False) -> None:
        """Begin a response.

        It has no body if the request was HEAD (``bodyless``); ``max_body`` bounds the body, in bytes; ``closing`` says
        that the request asked for the end of the connection.
        """
        # A parser still waits for the body that a HEAD response only described, and stops at a chunked one.
        if self._parser is None or self._bodyless or self._decoder is not None:
            self._parser = httptools.HttpResponseParser(self)
            self._decoder = None
        self._bodyless = bodyless
        self._closing = closing
        self._max_body = max_body
        self._allowance = MAX_HEAD_BYTES
        self._fault: str | None = None
        self._head = b""
        self._head_begins = 0
        self._keep_alive = False
        self._repeats_length = False
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
        if self._decoder is not None:
            self._feed_chunks(self._decoder, data)
        else:
            self._feed_parser(data)
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

    def _feed_parser(self, data: bytes) -> None:
        if not self.head_complete:
            self._head = head = self._head + data if self._head else data
            if self._repeats_length:
                self._feed_one_length()
                return
            # Nearly every head comes whole, and begins with these bytes.
            if head[:7] != b"HTTP/1." and not b"HTTP/1.".startswith(head[:7]):
                self._fault = "the answer is not HTTP/1.1"
        assert self._parser is not None
        try:
            if self._fault is None:
                self._parser.feed_data(data)
            if self.head_complete:
                self._head = b""
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if self._decoder is not None:
                self._feed_chunks(self._decoder, self._head[self._end_of_head() :])
                return
            self.reusable = False
            if not self.head_complete and self._fault is None and len(_lengths(self._head)) > 1:
                self._repeats_length = True
                self._feed_one_length()
            elif not self.complete:
                raise httpx.RemoteProtocolError(self._fault or f"the answer is not HTTP/1.1: {error}") from None

    def _feed_one_length(self) -> None:
        """Wait for the end of a head that repeats its Content-Length, and begin anew with one that has it once."""
        blank = _BLANK_LINE.search(self._head, self._head_begins)
        if blank is None:
            return
        end = blank.end()
        head = self._head[self._head_begins : end]
        if len({length.strip() for length in _lengths(head)}) != 1:
            raise httpx.RemoteProtocolError("the answer has several Content-Length fields, which differ")
        first = next(_LENGTH.finditer(head))
        field = b"Content-Length: " + _lengths(head)[0].strip() + b"\r\n"
        head = head[: first.start()] + field + _LENGTH.sub(b"", head[first.end() :])
        rest = self._head[end:]
        self.expect(bodyless=self._bodyless, max_body=self._max_body, closing=True)
        self._parser = httptools.HttpResponseParser(self)
        self._feed_parser(head + rest)

    def _feed_chunks(self, decoder: Chunks, data: bytes) -> None:
        try:
            pieces, rest = decoder.feed(data)
        except ValueError as error:
            self.reusable = False
            raise httpx.RemoteProtocolError(f"the answer is not HTTP/1.1: {error}") from None
        for piece in pieces:
            self.on_body(piece)
        if decoder.ended:
            self._finish(keep_alive=self._keep_alive and not rest)

    def _end_of_head(self) -> int:
        """Return where the head ends that begins at ``_head_begins``, behind all interim heads before it."""
        blank = _BLANK_LINE.search(self._head, self._head_begins)
        assert blank is not None
        return blank.end()

    def _transfer_codings(self) -> list[bytes]:
        values = [value for name, value in self.headers if name.lower() == b"transfer-encoding"]
        return [coding.strip().lower() for value in values for coding in value.split(b",")]

    def _delimited(self) -> bool:
        codings = self._transfer_codings()
        if codings:
            return codings[-1] == b"chunked"
        return any(name.lower() == b"content-length" for name, _ in self.headers)

    def _check_bounds(self) -> None:
        if self._fault is None and self._allowance < 0 and not self.complete:
            self._fault = f"more than {MAX_HEAD_BYTES} bytes without a complete head or any body"
        if self._max_body is not None and self.body_size > self._max_body:
            self._fault = f"the body is larger than {self._max_body} bytes"
        if self._fault is not None:
            self.reusable = False
            raise httpx.RemoteProtocolError(self._fault)

    # The parser calls what follows while it is fed.

    def on_message_begin(self) -> None:
        """Notice a response that answers no request."""
        if self.complete:
            self.reusable = False

    def on_status(self, reason: bytes) -> None:
        """Take the reason phrase, or a piece of it."""
        self.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the head."""
        self.headers.append((name, value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        """Take the end of a head: an interim one is forgotten, a final one checked."""
        if self.complete:
            return
        assert self._parser is not None
        status = self._parser.get_status_code()
        self._fault = self._status_line_fault()
        if 100 <= status < 200 and status != 101 and self._fault is None:
            self._head_begins = self._end_of_head()
            self.headers.clear()
            self.reason = b""
            return
        self.head_complete = True
        self._fault = self._fault or self._head_fault(status)
        self.status = None if self._fault else status  # a refused head is no evidence of anything
        self._allowance = MAX_HEAD_BYTES
        if self._bodyless:
            self._finish(keep_alive=self._parser.should_keep_alive())
        elif self._fault is None and self._transfer_codings()[-1:] == [b"chunked"] and status not in (204, 304):
            self._decoder = Chunks()
            self._keep_alive = self._parser.should_keep_alive()
            raise _ChunkedBodyError

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
            assert self._parser is not None
            self._finish(keep_alive=self._parser.should_keep_alive())

    def _status_line_fault(self) -> str | None:
        """Return what is wrong with the line that begins this head: llhttp takes other protocols for HTTP."""
        assert self._parser is not None
        if not self._head.startswith(b"HTTP/1.", self._head_begins) or self._parser.get_http_version() not in (
            "1.1",
            "1.0",
        ):
            return "the answer is not HTTP/1.1"
        if self.reason.translate(None, _PRINTABLE):
            return "illegal characters in the status line"
        return None

    def _head_fault(self, status: int) -> str | None:
        if status < 200:
            return f"status {status} was not asked for"
        if len(self.headers) > MAX_HEADER_FIELDS:
            return f"the head has more than {MAX_HEADER_FIELDS} fields"
        if self._allowance < 0 and sum(len(n) + len(v) + 4 for n, v in self.headers) > MAX_HEAD_BYTES:
            return f"the head is larger than {MAX_HEAD_BYTES} bytes"
        return None

    def _finish(self, *, keep_alive: bool) -> None:
        self.complete = True
        self.reusable = keep_alive and not self._closing


def _lengths(head: bytes) -> list[bytes]:
    """Return the lengths that a head states, which may be a list in one field."""
    return [length for field in _LENGTH.finditer(head) for length in field[1].split(b",")]
