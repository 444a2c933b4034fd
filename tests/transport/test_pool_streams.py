"""Responses whose bodies arrive piece by piece, and the connections they hold meanwhile."""

import anyio
import anyio.lowlevel
import httpx
import pytest

from sinch_voice_async._transport.exceptions import answered_status, request_sent
from sinch_voice_async._transport.origin import Origin
from sinch_voice_async._transport.pool import ConnectionPool
from sinch_voice_async._transport.streams import ResponseStream
from tests.patience import with_more_time
from tests.transport.requests import open_stream
from tests.transport.servers import FaultServer, answer, say, say_in_turn, silence
from tests.transport.test_pool_exchange import TIMEOUT, Serve, post

OK = b"HTTP/1.1 200 OK\r\n"


async def get(pool: ConnectionPool, server: FaultServer, timeout: httpx.Timeout = TIMEOUT) -> ResponseStream:
    """Open one GET."""
    return await open_stream(
        pool, Origin.of(httpx.URL(server.url)), b"GET", b"/", lambda: [(b"Host", b"x")], b"", timeout=timeout
    )


async def test_stream(serve: Serve, pool: ConnectionPool) -> None:
    """A stream has the status and headers at once, then the body in pieces; after the last its connection is idle."""
    step, go_on = say_in_turn(OK + b"Content-Length: 6\r\n\r\n", b"one", b"two")
    server = serve(step)
    go_on()
    stream = await get(pool, server)
    assert (stream.status, stream.headers) == (200, [(b"Content-Length", b"6")])
    assert repr(pool) == "<ConnectionPool [1 active, 0 idle, 0 waiting]>"
    go_on()
    assert await anext(stream) == b"one"
    go_on()
    assert [piece async for piece in stream] == [b"two"]
    assert repr(pool) == "<ConnectionPool [0 active, 1 idle, 0 waiting]>"
    await stream.aclose()
    assert (await post(pool, server)).status == 200
    assert server.opened == 1


async def test_all_at_once(serve: Serve, pool: ConnectionPool) -> None:
    """A response that came whole holds no connection, even if nobody reads it."""
    stream = await get(pool, serve(say(OK + b"Content-Length: 5\r\n\r\nwhole")))
    assert repr(pool) == "<ConnectionPool [0 active, 1 idle, 0 waiting]>"
    assert [piece async for piece in stream] == [b"whole"]


async def test_large_body(serve: Serve, pool: ConnectionPool) -> None:
    """A body far larger than any buffer arrives whole, though its reader is slow and little is held in memory."""
    body = bytes(range(256)) * 80_000
    server = serve(answer(body))
    stream = await get(pool, server)
    received = bytearray()
    async for piece in stream:
        received += piece
        await _turn()
    assert received == body
    assert (await post(pool, server, b"next")).body == b"next"
    assert server.opened == 1


async def _turn() -> None:
    for _ in range(3):
        await anyio.lowlevel.checkpoint()


async def test_left_early(serve: Serve, pool: ConnectionPool) -> None:
    """A stream that is left early closes its connection and frees its place, at once and as often as it is closed."""
    server = serve(answer(b"x" * 10_000_000))
    stream = await get(pool, server)
    assert await anext(stream)
    await stream.aclose()
    await stream.aclose()
    assert repr(pool) == "<ConnectionPool [0 active, 0 idle, 0 waiting]>"
    assert (await post(pool, server, b"next")).body == b"next"


async def test_cancelled(serve: Serve, pool: ConnectionPool) -> None:
    """A stream whose reader is cancelled gives its connection up."""
    stream = await get(pool, serve(say(OK + b"Content-Length: 6\r\n\r\none")))
    with anyio.move_on_after(0.05):
        while True:
            await anext(stream)
    assert repr(pool) == "<ConnectionPool [0 active, 0 idle, 0 waiting]>"
    assert [piece async for piece in stream] == []


async def test_read_timeout(serve: Serve, pool: ConnectionPool) -> None:
    """The read limit bounds the wait for the head and for each piece, not for the whole."""

    async def once(scale: float) -> None:
        timeout = httpx.Timeout(300, read=0.4 * scale)
        steady = say(OK + b"Content-Length: 6\r\n\r\n", *[b"x"] * 6, pause=0.1 * scale)
        server = serve(steady, say(OK + b"Content-Length: 6\r\n\r\none"), silence)
        assert b"".join([piece async for piece in await get(pool, server, timeout)]) == b"xxxxxx"
        stream = await get(pool, server, timeout)
        with pytest.raises(httpx.ReadTimeout) as caught:
            assert [piece async for piece in stream] == []
        assert (request_sent(caught.value), answered_status(caught.value)) == (True, 200)
        with pytest.raises(httpx.ReadTimeout) as caught:
            await get(pool, server, timeout)
        assert (request_sent(caught.value), answered_status(caught.value)) == (True, None)

    await with_more_time(once)


@pytest.mark.parametrize(
    ("cut", "kind"), [("close", httpx.RemoteProtocolError), ("reset", httpx.ReadError)], ids=["close", "reset"]
)
async def test_cut(serve: Serve, pool: ConnectionPool, cut: str, kind: type[Exception]) -> None:
    """What arrived before the connection broke is delivered, then the failure."""
    server = serve(say(OK + b"Content-Length: 9\r\n\r\n", b"one", pause=0.05, then=cut))
    stream = await get(pool, server)
    assert await anext(stream) == b"one"
    with pytest.raises(kind) as caught:
        await anext(stream)
    assert answered_status(caught.value) == 200
    assert repr(pool) == "<ConnectionPool [0 active, 0 idle, 0 waiting]>"


async def test_until_it_closes(serve: Serve, pool: ConnectionPool) -> None:
    """A body that only the end of the connection delimits is whole when it ends."""
    stream = await get(pool, serve(say(OK + b"\r\none", b"two", pause=0.02, then="close")))
    assert b"".join([piece async for piece in stream]) == b"onetwo"
    assert repr(pool) == "<ConnectionPool [0 active, 0 idle, 0 waiting]>"


async def test_pool_closed_meanwhile(serve: Serve, pool: ConnectionPool) -> None:
    """A stream outlives its pool only as far as its bytes had come."""
    stream = await get(pool, serve(say(OK + b"Content-Length: 6\r\n\r\none")))
    await pool.aclose()
    with pytest.raises(httpx.ReadError):
        while True:
            await anext(stream)


async def test_head(serve: Serve, pool: ConnectionPool) -> None:
    """The stream of a HEAD is empty."""
    server = serve(say(OK + b"Content-Length: 5\r\n\r\n"))
    stream = await open_stream(pool, Origin.of(httpx.URL(server.url)), b"HEAD", b"/", list, b"", timeout=TIMEOUT)
    assert [piece async for piece in stream] == []
    assert repr(pool) == "<ConnectionPool [0 active, 1 idle, 0 waiting]>"
