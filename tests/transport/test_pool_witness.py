"""httpx's own transport as the witness: the same bytes from a server mean the same over either."""

import anyio
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sinch_voice_async._transport.exceptions import request_sent
from sinch_voice_async._transport.pool import ConnectionPool
from tests.transport.servers import FaultServer, say
from tests.transport.test_http11 import responses

OK = b"HTTP/1.1 200 OK\r\n"


async def hear(
    transport: httpx.AsyncBaseTransport, url: str, method: str
) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Return what a request over ``transport`` brings back."""
    request = httpx.Request(method, url, extensions={"timeout": httpx.Timeout(300).as_dict()})
    response = await transport.handle_async_request(request)
    body = await response.aread()
    await response.aclose()
    return response.status_code, [(name.lower(), value) for name, value in response.headers.raw], body


def both_hear(raw: bytes, method: str = "GET") -> None:
    """Let the pool and httpx hear ``raw``, each on a connection that then closes, and compare."""

    async def compare() -> None:
        async with ConnectionPool() as pool, httpx.AsyncHTTPTransport() as witness:
            assert await hear(pool, server.url, method) == await hear(witness, server.url, method)

    with FaultServer(say(raw, then="close"), say(raw, then="close")) as server:
        anyio.run(compare)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(responses())
def test_generated(response: tuple[bytes, int, list[tuple[bytes, bytes]], bytes]) -> None:
    """Any well-formed response has one status, one list of headers and one body."""
    both_hear(response[0])


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(OK + b"\r\nuntil it closes", id="until it closes"),
        pytest.param(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", id="1.0"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", id="204"),
        pytest.param(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", id="304"),
        pytest.param(b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", id="no reason"),
        pytest.param(b"HTTP/1.1 200 Ol\xe9\r\nContent-Length: 0\r\n\r\n", id="Latin reason"),
        pytest.param(OK + b"Set-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 0\r\n\r\n", id="two cookies"),
        pytest.param(OK + b"X:\t padded \t\r\nContent-Length: 0\r\n\r\n", id="padding"),
        pytest.param(OK + b"X: caf\xe9\r\nContent-Length: 0\r\n\r\n", id="Latin value"),
        pytest.param(OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nhi", id="close"),
        pytest.param(OK + b"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\nhi\r\n0\r\nT: x\r\n\r\n", id="trailer"),
    ],
)
def test_particular(raw: bytes) -> None:
    """The corners of the grammar too."""
    both_hear(raw)


def test_head() -> None:
    """And the response to a HEAD."""
    both_hear(OK + b"Content-Length: 5\r\n\r\n", "HEAD")


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.lists(
        st.binary(min_size=1, max_size=60)
        | st.sampled_from(
            [OK, b"HTTP/1.1 100 C\r\n\r\n", b"Content-Length: 3\r\n", b"\r\n", b"Transfer-Encoding: chunked\r\n"]
        ),
        max_size=8,
    ),
    st.sampled_from(["close", "reset"]),
    st.sampled_from(["asyncio", "trio"]),
)
def test_fuzz(pieces: list[bytes], then: str, backend: str) -> None:
    """Whatever a server says, a response comes out or an httpx exception that carries its evidence."""

    async def listen() -> None:
        async with ConnectionPool() as pool:
            try:
                await hear(pool, server.url, "GET")
            except httpx.TransportError as error:
                assert request_sent(error) is True
            assert repr(pool) == "<ConnectionPool [0 active, 0 idle, 0 waiting]>"

    with FaultServer(say(b"".join(pieces), then=then)) as server:
        anyio.run(listen, backend=backend)
