"""The pool as the transport of an ``httpx.AsyncClient``."""

import ssl
from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx
import pytest

from sinch_voice_async import ConfigurationError
from sinch_voice_async._transport.exceptions import answered_status, request_sent
from sinch_voice_async._transport.pool import ConnectionPool
from tests.transport import servers
from tests.transport.servers import answer, refuse_body, say, say_in_turn, silence
from tests.transport.test_pool_exchange import Serve

OK = b"HTTP/1.1 200 OK\r\n"
REFUSED = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"


class Pieces:
    """A request body that comes in pieces, and knows how many of them were taken."""

    def __init__(self, *pieces: bytes, times: int = 1) -> None:
        self._pieces = list(pieces) * times
        self.taken = 0

    def __aiter__(self) -> "Pieces":
        """Return itself."""
        return self

    async def __anext__(self) -> bytes:
        """Return the next piece."""
        await anyio.sleep(0)
        if self.taken == len(self._pieces):
            raise StopAsyncIteration
        self.taken += 1
        return self._pieces[self.taken - 1]


class Shared(httpx.AsyncBaseTransport):
    """A transport that many clients share."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self.handle_async_request = transport.handle_async_request  # type: ignore[method-assign]  # that is all it is


@pytest.fixture
async def client(pool: ConnectionPool) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client over the pool."""
    async with httpx.AsyncClient(transport=pool) as client:
        yield client


async def test_request(serve: Serve, client: httpx.AsyncClient) -> None:
    """A request and its response are as they are over httpx's own transport."""
    server = serve(answer(status=201, headers=b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n"))
    response = await client.post(f"{server.url}/path?query=1", json={"a": 1}, headers={"X-One": "1"})
    assert (response.status_code, response.json(), response.http_version) == (201, {"a": 1}, "HTTP/1.1")
    assert response.reason_phrase == "X"
    assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert server.heads[0].startswith(b"POST /path?query=1 HTTP/1.1\r\n")
    assert f"\r\nHost: localhost:{server.port}\r\n".encode() in server.heads[0]
    assert (await client.get(server.url)).status_code == 200
    assert server.opened == 1


async def test_network_stream(serve: Serve, client: httpx.AsyncClient, secured: bool) -> None:
    """A response says over which socket it came, and with which TLS."""
    server = serve()
    async with client.stream("GET", server.url) as response:
        stream = response.extensions["network_stream"]
        assert stream.get_extra_info("socket").getpeername()[1] == server.port
        assert isinstance(stream.get_extra_info("ssl_object"), ssl.SSLObject) is secured
        assert stream.get_extra_info("anything") is None


async def test_streamed_response(serve: Serve, client: httpx.AsyncClient, pool: ConnectionPool) -> None:
    """A streamed response arrives in pieces, and may be left early."""
    step, turn = say_in_turn(OK + b"Content-Length: 6\r\n\r\n", b"one", b"two")
    server = serve(step, answer(b"x" * 10_000_000))
    turn()
    async with client.stream("GET", server.url) as response:
        pieces = []
        turn()
        async for piece in response.aiter_raw():
            pieces.append(piece)
            turn()
        assert pieces == [b"one", b"two"]
    async with client.stream("GET", server.url) as response:
        assert response.status_code == 200
    assert repr(pool) == "<ConnectionPool [0 active, 0 idle, 0 waiting]>"


async def test_chunked_request(serve: Serve, client: httpx.AsyncClient) -> None:
    """A body of unknown length is sent in chunks, an empty piece being none."""
    server = serve()
    response = await client.post(server.url, content=Pieces(b"one", b"", b"two"))
    assert response.content == b"onetwo"
    assert b"Transfer-Encoding: chunked" in server.heads[0]
    assert (await client.post(server.url, content=Pieces(b"\x00" * 65_536, times=64))).content == bytes(1 << 22)
    assert server.opened == 1


async def test_sized_request(serve: Serve, client: httpx.AsyncClient) -> None:
    """A body in pieces whose length is announced is sent as it is."""
    server = serve()
    response = await client.post(server.url, content=Pieces(b"one", b"two"), headers={"Content-Length": "6"})
    assert response.content == b"onetwo"
    assert b"chunked" not in server.heads[0]


@pytest.mark.parametrize(
    ("content", "sent"),
    [(b"onetwo", False), (b"on", False), (Pieces(b"onetwo"), True), (Pieces(b"on"), True)],
    ids=["too much", "too little", "too much in pieces", "too little in pieces"],
)
async def test_wrong_length(serve: Serve, client: httpx.AsyncClient, content: bytes | Pieces, *, sent: bool) -> None:
    """A body that is not as long as announced is refused, before anything is sent if it is all there."""
    server = serve()
    with pytest.raises(httpx.LocalProtocolError) as caught:
        await client.post(server.url, content=content, headers={"Content-Length": "3"})
    assert request_sent(caught.value) is sent
    assert server.executed == 0


async def test_body_fails(serve: Serve, client: httpx.AsyncClient, pool: ConnectionPool) -> None:
    """What the caller's own body raises comes out as it is, and the half-sent request's connection is closed."""
    server = serve()

    async def body() -> AsyncIterator[bytes]:
        yield b"one"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await client.post(server.url, content=body())
    assert repr(pool) == "<ConnectionPool [0 active, 0 idle, 0 waiting]>"
    assert server.executed == 0


async def test_answered_early(serve: Serve, client: httpx.AsyncClient, pool: ConnectionPool) -> None:
    """A server that has heard enough is not sent the rest, and is heard."""
    server = serve(refuse_body(REFUSED, then="wait_for_ever"), refuse_body(REFUSED, then="linger"))
    body = Pieces(b"x" * 65_536, times=1000)
    assert (await client.post(server.url, content=body)).status_code == 413
    assert body.taken < 1000
    assert repr(pool) == "<ConnectionPool [0 active, 0 idle, 0 waiting]>"
    assert (await client.post(server.url, content=Pieces(b"x" * 65_536, times=1000))).status_code == 413
    assert server.executed == 0


async def test_server_stops_reading(serve: Serve, client: httpx.AsyncClient) -> None:
    """A body whose server stops reading runs into the write limit; a server that goes away is one of the errors."""
    server = serve(servers.deaf, servers.reset)
    with pytest.raises(httpx.WriteTimeout) as caught:
        await client.post(server.url, content=Pieces(b"x" * 65_536, times=1000), timeout=httpx.Timeout(300, write=0.1))
    assert request_sent(caught.value) is True
    with pytest.raises((httpx.WriteError, httpx.ReadError)) as caught_later:
        await client.post(server.url, content=Pieces(b"x" * 65_536, times=1000))
    assert request_sent(caught_later.value) is True


@pytest.mark.parametrize(
    ("phase", "kind", "sent"),
    [("read", httpx.ReadTimeout, True), ("write", httpx.WriteTimeout, True), ("pool", httpx.PoolTimeout, False)],
    ids=["read", "write", "pool"],
)
async def test_timeouts(
    serve: Serve, client_tls: ssl.SSLContext, phase: str, kind: type[Exception], *, sent: bool
) -> None:
    """Each of httpx's time limits is kept; that for connecting is among the faults."""
    server = serve(servers.deaf if phase == "write" else silence)
    timeout = httpx.Timeout(None, **(dict.fromkeys(("connect", "read", "write", "pool"), 300.0) | {phase: 0.05}))
    transport = ConnectionPool(verify=client_tls, limits=httpx.Limits(max_connections=1))
    async with httpx.AsyncClient(transport=transport) as client, anyio.create_task_group() as tasks:
        if phase == "pool":
            tasks.start_soon(client.get, server.url)
            while not server.executed:
                await anyio.sleep(0.001)
        with pytest.raises(kind) as caught:
            await client.post(server.url, content=b"x" * 20_000_000, timeout=timeout)
        assert request_sent(caught.value) is sent
        tasks.cancel_scope.cancel()


async def test_closed_while_sending(serve: Serve, pool: ConnectionPool) -> None:
    """A request whose pool is closed while its body is being written fails, whoever it waits for."""
    server = serve(servers.deaf)

    class Unfinished(Pieces):
        async def __anext__(self) -> bytes:
            if self.taken:
                await closed.wait()
            return await super().__anext__()

    async def fail(content: Pieces) -> None:
        async with httpx.AsyncClient(transport=Shared(pool)) as client:
            with pytest.raises(httpx.ReadError) as caught:
                await client.post(server.url, content=content)
            assert request_sent(caught.value) is True

    closed = anyio.Event()
    async with anyio.create_task_group() as tasks:
        for body in (Pieces(b"x" * 65_536, times=1000), Unfinished(b"x"), Unfinished(b"x", times=2)):
            tasks.start_soon(fail, body)
            while not body.taken:
                await anyio.sleep(0.001)
        await anyio.sleep(0.05)
        await pool.aclose()
        closed.set()


async def test_any_stream(serve: Serve, pool: ConnectionPool) -> None:
    """The body of a request may be any stream of httpx's, be it a generator or not."""
    server = serve()

    class Body(Pieces, httpx.AsyncByteStream):
        pass

    request = httpx.Request("POST", server.url, stream=Body(b"one", b"two"), headers={"Transfer-Encoding": "chunked"})
    response = await pool.handle_async_request(request)
    assert await response.aread() == b"onetwo"
    await response.aclose()


async def test_cut_response(serve: Serve, client: httpx.AsyncClient) -> None:
    """A response that is cut short is never taken for a whole one."""
    server = serve(say(OK + b"Content-Length: 9\r\n\r\none", then="close"))
    with pytest.raises(httpx.RemoteProtocolError) as caught:
        await client.get(server.url)
    assert answered_status(caught.value) == 200


async def test_server_hostname(pool: ConnectionPool, server_tls: ssl.SSLContext) -> None:
    """``sni_hostname`` is the name that is asked for and verified, and connections are not shared between names."""
    with servers.FaultServer(tls=server_tls, host="127.0.0.1") as server:
        async with httpx.AsyncClient(transport=pool) as client:
            for _ in range(2):
                assert (await client.get(server.url, extensions={"sni_hostname": "localhost"})).status_code == 200
            assert (await client.get(server.url)).status_code == 200
            with pytest.raises(httpx.ConnectError):
                await client.get(server.url, extensions={"sni_hostname": "elsewhere.example"})
        assert server.opened == 2


async def test_bad_url(client: httpx.AsyncClient) -> None:
    """A scheme that is neither http nor https is refused as httpx refuses it."""
    with pytest.raises(httpx.UnsupportedProtocol) as caught:
        await client.get("ftp://localhost/")
    assert request_sent(caught.value) is False


@pytest.mark.parametrize("limits", ["5", 5, None, {"max_connections": 5}])
def test_what_is_not_limits(limits: Any) -> None:
    """It is refused when the pool is made, by the name of the argument, not at the first request."""
    with pytest.raises(ConfigurationError, match="limits must be a"):
        ConnectionPool(limits=limits)
