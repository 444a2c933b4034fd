"""The exchange without a connection: laws that hold for any bytes, cut anywhere."""

import itertools
import time
from collections import deque

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sinch_voice_async._transport.exceptions import answered_status, mark, request_sent
from sinch_voice_async._transport.http11 import MAX_HEAD_BYTES, ResponseReader, request_head

TOKEN = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_!#$%&'*+.^`|~", min_size=1, max_size=12).map(str.encode)
VALUE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30).map(
    lambda text: text.strip().encode()
)
FIELD = TOKEN.filter(
    lambda name: name not in {b"content-length", b"transfer-encoding", b"connection", b"upgrade", b"proxy-connection"}
)


@st.composite
def responses(draw: st.DrawFn) -> tuple[bytes, int, list[tuple[bytes, bytes]], bytes]:
    """Draw the bytes of a response, and what they say."""
    status = draw(st.integers(200, 599).filter(lambda status: status not in {204, 304}))
    headers = draw(st.lists(st.tuples(FIELD, VALUE), max_size=5))
    pieces = draw(st.lists(st.binary(min_size=1, max_size=50), max_size=4))
    body = b"".join(pieces)
    interim = draw(
        st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"])
    )
    if draw(st.booleans()):
        framing = (b"content-length", b"%d" % len(body))
        wire = body
    else:
        framing = (b"transfer-encoding", b"chunked")
        wire = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    headers.append(framing)
    head = b"HTTP/1.1 %d X\r\n" % status + b"".join(b"%b: %b\r\n" % field for field in headers)
    return interim + head + b"\r\n" + wire, status, headers, body


def test_interim_responses_take_linear_time() -> None:
    """Ten thousand of them in one piece are found to be too much in milliseconds of processor time, not in a minute."""
    reader = ResponseReader()
    reader.expect()
    began = time.process_time()
    with pytest.raises(httpx.RemoteProtocolError):
        reader.feed(b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000)
    assert time.process_time() - began < 2


@settings(max_examples=40, deadline=None)
@given(responses(), st.data())
def test_any_cut(response: tuple[bytes, int, list[tuple[bytes, bytes]], bytes], data: st.DataObject) -> None:
    """A response reads the same however its bytes are cut, one response after another on the same reader."""
    raw, status, headers, body = response
    reader = ResponseReader()
    for _ in range(2):
        reader.expect()
        rest = raw
        while rest:
            cut = data.draw(st.integers(1, len(rest)))
            assert not reader.complete
            reader.feed(rest[:cut])
            rest = rest[cut:]
        assert reader.complete
        assert reader.reusable
        assert (reader.status, reader.headers, b"".join(reader.chunks)) == (status, headers, body)
        assert (reader.version, reader.reason, reader.body_size) == (b"HTTP/1.1", b"X", len(body))


@given(
    st.lists(st.binary(min_size=1, max_size=200) | st.sampled_from([b"HTTP/1.1 200 OK\r\n", b"\r\n\r\n"]), max_size=6)
)
@example([b"HTTP/1.1 200 OK\r\n", b"\r\n\r\n"])
def test_any_bytes(pieces: list[bytes]) -> None:
    """Whatever a server sends, what comes out is a response or ``httpx.RemoteProtocolError``."""
    reader = ResponseReader()
    reader.expect(max_body=1000)
    try:
        for piece in pieces:
            reader.feed(piece)
        reader.feed_eof()
    except httpx.RemoteProtocolError:
        assert not reader.reusable
    else:
        assert reader.complete
        assert not reader.reusable


def test_after_the_end() -> None:
    """Bytes and ends that come when nothing is expected only make the connection useless."""
    reader = ResponseReader()
    reader.feed(b"x")
    assert not reader.reusable
    reader.feed_eof()
    assert reader.complete


def test_another_response_with_the_first() -> None:
    """A second response in the same bytes is nobody's, and spoils the connection for the next."""
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
    reader = ResponseReader()
    reader.expect()
    reader.feed(raw + raw.replace(b"hi", b"ho"))
    assert (reader.complete, reader.reusable, reader.chunks) == (True, False, [b"hi"])


def test_bodyless_twice() -> None:
    """A response to HEAD leaves the reader ready for the next, be that a HEAD too."""
    reader = ResponseReader()
    for bodyless in (True, True, False):
        reader.expect(bodyless=bodyless)
        reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + (b"" if bodyless else b"hi"))
        assert (reader.complete, reader.reusable) == (True, True)
        assert reader.take() == ([] if bodyless else [b"hi"])


def test_head_within_the_bound() -> None:
    """A head that comes together with a large body is not taken for a large head."""
    reader = ResponseReader()
    reader.expect()
    body = b"x" * MAX_HEAD_BYTES * 2
    reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert reader.complete


def test_request_head() -> None:
    """A head is the request line, a line for each field, and an empty line."""
    assert request_head(b"GET", b"/a?b=%20", [(b"Host", b"x"), (b"Empty", b"")]) == (
        b"GET /a?b=%20 HTTP/1.1\r\nHost: x\r\nEmpty: \r\n\r\n"
    )


@given(TOKEN, st.binary(max_size=20), TOKEN, st.binary(max_size=20))
def test_nothing_escapes(method: bytes, target: bytes, name: bytes, value: bytes) -> None:
    """A head that is let through has exactly the lines that it should have."""
    try:
        head = request_head(method, target, [(name, value)])
    except httpx.LocalProtocolError as error:
        assert request_sent(error) is False
    else:
        assert head.splitlines() == [b"%b %b HTTP/1.1" % (method, target), b"%b: %b" % (name, value), b""]
        assert head.split(b"\n")[0].split(b" ") == [method, target, b"HTTP/1.1\r"]


def test_evidence() -> None:
    """Evidence is what was marked, and nothing where nobody marked anything."""
    error = mark(httpx.ReadError("x"), request_sent=True, status=200)
    assert (request_sent(error), answered_status(error)) == (True, 200)
    assert (request_sent(OSError()), answered_status(OSError())) == (None, None)


@pytest.mark.parametrize("coding", [b"chunked", b"gzip, Chunked"])
def test_eof_in_chunks(coding: bytes) -> None:
    """The end of the connection does not end a chunked body."""
    reader = ResponseReader()
    reader.expect()
    reader.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: %b\r\n\r\n2\r\nhi\r\n" % coding)
    with pytest.raises(httpx.RemoteProtocolError, match="after 2 bytes"):
        reader.feed_eof()


REPEATED = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Y: 1\r\ncontent-length:2 \r\n\r\nhi",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\nCONTENT-LENGTH: 2\r\nX-Y: 1\r\n\r\nhi",
    b"HTTP/1.1 200 OK\r\nX-Y: 1\r\nContent-Length: 2, 2\r\n\r\nhi",
    b"HTTP/1.1 103 X\r\nA: x\r\n\r\nHTTP/1.1 200 OK\r\nX-Y: 1\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
]


@pytest.mark.parametrize("raw", REPEATED)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_one_length_that_is_repeated(raw: bytes, size: int) -> None:
    """It is taken once, however the bytes are cut; the connection is not used again (RFC 9112, section 6.3)."""
    reader = ResponseReader()
    for _ in range(2):
        reader.expect()
        for start in range(0, len(raw), size):
            reader.feed(raw[start : start + size])
        assert (reader.complete, reader.reusable, reader.status, b"".join(reader.chunks)) == (True, False, 200, b"hi")
        assert sorted(name.lower() for name, _ in reader.headers) == [b"content-length", b"x-y"]
        assert {name.lower(): value for name, value in reader.headers}[b"content-length"] == b"2"


def test_one_length_that_is_repeated_after_a_head_request() -> None:
    """There is no body behind it."""
    reader = ResponseReader()
    reader.expect(bodyless=True)
    reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n")
    assert reader.complete


@pytest.mark.parametrize(
    "lengths",
    [(b"2", b"3"), (b"2, 3",), (b"2", b"02"), (b"2", b""), (b"", b""), (b"-2", b"-2"), (b"2, 2", b"3"), (b"2 2",)],
)
def test_lengths_that_differ_are_refused(lengths: tuple[bytes, ...]) -> None:
    """Two lengths of one body, or what is not a length, make no answer."""
    fields = b"".join(b"Content-Length: %b\r\n" % length for length in lengths)
    reader = ResponseReader()
    reader.expect()
    with pytest.raises(httpx.RemoteProtocolError):
        reader.feed(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\nhi")
    assert not reader.complete


def test_a_head_that_repeats_its_length_is_bounded() -> None:
    """A server that never ends such a head is given up, as any other."""
    reader = ResponseReader()
    reader.expect()
    with pytest.raises(httpx.RemoteProtocolError, match="without a complete head"):
        reader.feed(b"HTTP/1.1 200 OK\r\n")
        deque(map(reader.feed, itertools.repeat(b"Content-Length: 2\r\n", MAX_HEAD_BYTES)), maxlen=0)
    with pytest.raises(httpx.RemoteProtocolError, match="before it had answered"):
        reader.expect()
        reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n")
        reader.feed_eof()
