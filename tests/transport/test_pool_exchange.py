"""A request out, a response in: over plain HTTP and TLS, on asyncio and trio."""

from collections.abc import Callable

import httpx
import pytest

from sinch_voice_async._transport.exceptions import answered_status, request_sent
from sinch_voice_async._transport.messages import RawResponse
from sinch_voice_async._transport.origin import Origin
from sinch_voice_async._transport.pool import ConnectionPool
from tests.transport.requests import exchange
from tests.transport.servers import FaultServer, answer, say

Serve = Callable[..., FaultServer]

TIMEOUT = httpx.Timeout(300)


async def post(
    pool: ConnectionPool,
    server: FaultServer,
    body: bytes = b"hello",
    *,
    timeout: httpx.Timeout = TIMEOUT,
    **options: int,
) -> RawResponse:
    """Exchange one POST."""
    origin = Origin.of(httpx.URL(server.url))
    return await exchange(
        pool, origin, b"POST", b"/callouts", lambda: [(b"Host", b"localhost")], body, timeout=timeout, **options
    )


async def test_exchange(serve: Serve, pool: ConnectionPool) -> None:
    """A response is its status, its headers as the server spelled them, and its body."""
    server = serve(answer(b"body", status=201, headers=b"X-One: 1\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n"))
    response = await post(pool, server)
    assert response.status == 201
    assert response.body == b"body"
    assert response.headers == [
        (b"X-One", b"1"),
        (b"Set-Cookie", b"a"),
        (b"Set-Cookie", b"b"),
        (b"Content-Length", b"4"),
    ]
    assert server.heads == [b"POST /callouts HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n"]
    assert server.bodies == [b"hello"]


async def test_a_long_request(serve: Serve, pool: ConnectionPool) -> None:
    """A body longer than what the system buffers is written whole, and only then does the time for reading begin."""
    server = serve(answer(b"ok"))
    assert (await post(pool, server, b"x" * (16 << 20))).body == b"ok"
    assert [len(body) for body in server.bodies] == [16 << 20]


async def test_reuse(serve: Serve, pool: ConnectionPool) -> None:
    """One request after another goes over one connection."""
    server = serve()
    for number in range(5):
        assert (await post(pool, server, b"%d" % number)).body == b"%d" % number
    assert server.opened == 1
    assert repr(pool) == "<ConnectionPool [0 active, 1 idle, 0 waiting]>"


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", b"hi", id="length"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n1;x=y\r\ni\r\n0\r\nTrailer: x\r\n\r\n",
            b"hi",
            id="chunked",
        ),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", b"", id="no content"),
        pytest.param(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", b"", id="not modified"),
        pytest.param(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
            b"hi",
            id="interim responses",
        ),
        pytest.param(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi", b"hi", id="1.0 kept"),
    ],
)
async def test_framing(serve: Serve, pool: ConnectionPool, raw: bytes, body: bytes) -> None:
    """However a response says where it ends, it ends there, and the connection serves the next request."""
    server = serve(say(raw), say(*[raw[i : i + 1] for i in range(len(raw))]))
    assert (await post(pool, server)).body == body
    assert (await post(pool, server)).body == body
    assert (await post(pool, server, b"next")).body == b"next"
    assert server.opened == 1


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\nhi", id="until it closes"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\nhi", id="unknown coding"),
        pytest.param(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", id="connection: close"),
        pytest.param(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", id="1.0"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi!", id="a stray byte"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\n", id="an answer too many"),
    ],
)
async def test_last_of_its_connection(serve: Serve, pool: ConnectionPool, raw: bytes) -> None:
    """A response after which nothing can follow, or to which something was added, is whole; its connection closes."""
    server = serve(say(raw, then="close"))
    assert (await post(pool, server)).body == b"hi"
    assert (await post(pool, server, b"next")).body == b"next"
    assert server.opened == 2


async def test_head(serve: Serve, pool: ConnectionPool) -> None:
    """A HEAD is answered without a body, whatever length is named, and the connection serves the next request."""
    server = serve(say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"))
    origin = Origin.of(httpx.URL(server.url))
    response = await exchange(pool, origin, b"HEAD", b"/", lambda: [(b"Host", b"localhost")], b"", timeout=TIMEOUT)
    assert (response.status, response.body) == (200, b"")
    assert (await post(pool, server, b"next")).body == b"next"
    assert server.opened == 1


async def test_head_with_a_body(serve: Serve, pool: ConnectionPool) -> None:
    """A server that sends the body of a HEAD after all does not confuse the next request."""
    server = serve(say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"))
    origin = Origin.of(httpx.URL(server.url))
    response = await exchange(pool, origin, b"HEAD", b"/", lambda: [(b"Host", b"localhost")], b"", timeout=TIMEOUT)
    assert response.body == b""
    assert (await post(pool, server, b"next")).body == b"next"
    assert server.opened == 2


async def test_large_bodies(serve: Serve, pool: ConnectionPool) -> None:
    """A body too large for the socket's buffers arrives whole, in both directions."""
    body = bytes(range(256)) * 16_384
    assert (await post(pool, serve(), body, max_body=1 << 23)).body == body


async def test_body_over_the_limit(serve: Serve, pool: ConnectionPool) -> None:
    """A body of more bytes than allowed is refused, with the status as evidence, and its connection closed."""
    server = serve(answer(b"x" * 101))
    with pytest.raises(httpx.RemoteProtocolError, match="larger than 100 bytes") as caught:
        await post(pool, server, max_body=100)
    assert request_sent(caught.value) is True
    assert answered_status(caught.value) == 200
    assert repr(pool) == "<ConnectionPool [0 active, 0 idle, 0 waiting]>"


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        (b"GET", b"/a b", []),
        (b"GET", b"/a\r\nX: y", []),
        (b"GET", b"", []),
        (b"GE T", b"/", []),
        (b"G\x00T", b"/", []),
        (b"GET", b"/", [(b"X", b"a\r\nEvil: b")]),
        (b"GET", b"/", [(b"X", b"a\nb")]),
        (b"GET", b"/", [(b"X", b"a\rb")]),
        (b"GET", b"/", [(b"X", b"a\x00b")]),
        (b"GET", b"/", [(b"X y", b"a")]),
        (b"GET", b"/", [(b"X:y", b"a")]),
        (b"GET", b"/", [(b"X: y", b"a")]),
        (b"GET", b"/", [(b"", b"a")]),
        (b"GET", b"/", [(b"X: a\r\nY", b"a")]),
    ],
)
async def test_injection(
    pool: ConnectionPool, serve: Serve, method: bytes, target: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    """What would break out of its line of the head is refused before a byte is written."""
    server = serve()
    origin = Origin.of(httpx.URL(server.url))
    with pytest.raises(httpx.LocalProtocolError) as caught:
        await exchange(pool, origin, method, target, lambda: headers, b"", timeout=TIMEOUT)
    assert request_sent(caught.value) is False
    assert repr(pool) == "<ConnectionPool [0 active, 1 idle, 0 waiting]>"
    assert (await post(pool, server)).status == 200


@pytest.mark.parametrize("url", ["ftp://localhost", "/path", "localhost", "https:///x"])
def test_unsupported_url(url: str) -> None:
    """Only http and https URLs with a host have an origin."""
    with pytest.raises(httpx.UnsupportedProtocol) as caught:
        Origin.of(httpx.URL(url))
    assert request_sent(caught.value) is False


def test_origin() -> None:
    """An origin has the port of its scheme, the host as resolvers know it, and no brackets."""
    assert Origin.of(httpx.URL("https://example.org/x")) == ("https", "example.org", 443, None)
    assert Origin.of(httpx.URL("http://bücher.example:8080")).host == "xn--bcher-kva.example"
    assert Origin.of(httpx.URL("http://[::1]/")) == ("http", "::1", 80, None)
