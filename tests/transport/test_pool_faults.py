"""What a network does to a request, and what the caller is told: the right httpx exception, with the evidence.

Each fault happens on a fresh connection and on a reused one, plain and over TLS, on both event loops.
"""

import asyncio
import socket
import ssl
import threading
import time
from contextlib import suppress
from typing import cast

import anyio
import httpx
import pytest
import trustme

from sinch_voice_async._transport.backends.trio import TrioClock, TrioConnection
from sinch_voice_async._transport.connection import make_poll
from sinch_voice_async._transport.exceptions import answered_status, request_sent
from sinch_voice_async._transport.origin import Origin
from sinch_voice_async._transport.pool import ConnectionPool
from tests.patience import with_more_time
from tests.ports import free_port
from tests.transport import servers
from tests.transport.requests import PlainRequest, exchange
from tests.transport.servers import FaultServer, Peer, Step, answer, refuse_body, say, say_in_turn, silence
from tests.transport.test_pool_exchange import TIMEOUT, Serve, post

# Long enough for a busy machine to have answered what is answered at once.
LIMIT = 0.3
OK = b"HTTP/1.1 200 OK\r\n"


def hear_of_it(pool: ConnectionPool) -> None:
    """Wait until something happened to the idle connection, without the event loop having had a chance to notice."""
    assert pool._state is not None
    (connection,) = pool._state._by_age
    deadline = time.monotonic() + 300
    while not cast("TrioConnection", connection)._poll():
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.fixture(params=["fresh", "reused"])
def reused(request: pytest.FixtureRequest) -> bool:
    """Let the fault happen on a new connection, and again on one that has served a request."""
    return bool(request.param == "reused")


@pytest.mark.parametrize(
    ("fault", "kind", "status", "executed"),
    [
        pytest.param(servers.close, httpx.RemoteProtocolError, None, 0, id="close unread"),
        pytest.param(servers.reset, httpx.ReadError, None, 0, id="reset unread"),
        pytest.param(say(then="close"), httpx.RemoteProtocolError, None, 1, id="close"),
        pytest.param(say(then="reset"), httpx.ReadError, None, 1, id="reset"),
        pytest.param(silence, httpx.ReadTimeout, None, 1, id="silence"),
        pytest.param(say(b"HTTP/1.1 200 O", then="close"), httpx.RemoteProtocolError, None, 1, id="half a head"),
        pytest.param(say(b"garbage\r\n\r\n"), httpx.RemoteProtocolError, None, 1, id="garbage"),
        pytest.param(say(b"\x15\x03\x01\x00\x02\x02\x50"), httpx.RemoteProtocolError, None, 1, id="binary"),
        pytest.param(
            say(OK + b"Content-Length: 9\r\n\r\nhi", then="close"), httpx.RemoteProtocolError, 200, 1, id="cut body"
        ),
        pytest.param(
            say(OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\nhi", then="close"),
            httpx.RemoteProtocolError,
            200,
            1,
            id="cut chunk",
        ),
        pytest.param(
            say(OK + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n"), httpx.RemoteProtocolError, 200, 1, id="bad chunk"
        ),
        pytest.param(say(OK, *[b"X: y\r\n"] * 90, pause=0.02), httpx.ReadTimeout, None, 1, id="dripping head"),
        pytest.param(
            say(OK + b"Content-Length: 99\r\n\r\n", *[b"x"] * 90, pause=0.02),
            httpx.ReadTimeout,
            200,
            1,
            id="dripping body",
        ),
        pytest.param(say(b"HTTP/1.1 100 Continue\r\n\r\n"), httpx.ReadTimeout, None, 1, id="only 100"),
        pytest.param(
            say(b"HTTP/1.1 100 Continue\r\n\r\n" * 4000), httpx.RemoteProtocolError, None, 1, id="100 for ever"
        ),
        pytest.param(say(OK + b"X: " + b"y" * 1_000_000), httpx.RemoteProtocolError, None, 1, id="1 MB header"),
        pytest.param(
            say(OK + b"X: " + b"y" * 70_000 + b"\r\n\r\n"), httpx.RemoteProtocolError, None, 1, id="70 KB header, whole"
        ),
        pytest.param(say(OK + b"X: y\r\n" * 101 + b"\r\n"), httpx.RemoteProtocolError, None, 1, id="101 fields"),
        pytest.param(
            say(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * 99_000),
            httpx.RemoteProtocolError,
            200,
            1,
            id="endless trailer",
        ),
        pytest.param(
            say(OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi!"),
            httpx.RemoteProtocolError,
            None,
            1,
            id="two lengths",
        ),
        pytest.param(say(OK + b"Content-Length: two\r\n\r\nhi"), httpx.RemoteProtocolError, None, 1, id="bad length"),
        pytest.param(say(b"HTTP/1.1 101 Up\r\n\r\n"), httpx.RemoteProtocolError, None, 1, id="101"),
        pytest.param(
            say(b"HTTP/1.1 101 Up\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"),
            httpx.RemoteProtocolError,
            None,
            1,
            id="101 upgrade",
        ),
        pytest.param(say(b"HTTP/1.1 099 X\r\n\r\n"), httpx.RemoteProtocolError, None, 1, id="status 99"),
    ],
)
async def test_fault(
    serve: Serve,
    pool: ConnectionPool,
    reused: bool,
    fault: Step,
    kind: type[Exception],
    status: int | None,
    executed: int,
) -> None:
    """A fault after the request was written is one httpx exception that says so; the next request is unharmed."""

    async def once(scale: float) -> None:
        server = serve(*[answer()] * reused, fault)
        if reused:
            await post(pool, server)
        with pytest.raises(kind) as caught:
            await post(pool, server, timeout=httpx.Timeout(300, read=LIMIT * scale) if is_late else TIMEOUT)
        assert type(caught.value) is kind
        assert request_sent(caught.value) is True
        assert answered_status(caught.value) == status
        assert server.executed == executed + reused
        assert repr(pool) == "<ConnectionPool [0 active, 0 idle, 0 waiting]>"
        assert (await post(pool, server, b"next")).body == b"next"

    is_late = kind is httpx.ReadTimeout
    await (with_more_time(once) if is_late else once(1.0))


async def test_slow_but_steady(serve: Serve, pool: ConnectionPool) -> None:
    """A response that drips in within the time allowed is whole."""
    raw = OK + b"Content-Length: 3\r\n\r\nabc"
    server = serve(say(*[raw[i : i + 1] for i in range(len(raw))], pause=0.002))
    assert (await post(pool, server)).body == b"abc"


async def test_no_time_limits(serve: Serve, pool: ConnectionPool) -> None:
    """Time limits of None are none."""

    async def once(scale: float) -> None:
        limit = LIMIT * scale
        server = serve(answer(), say(OK + b"Content-Length: 2\r\n\r\n", b"hi", pause=1.5 * limit))
        await post(pool, server, timeout=httpx.Timeout(limit))
        assert (await post(pool, server, timeout=httpx.Timeout(None))).body == b"hi"
        await anyio.sleep(limit)
        assert (await post(pool, server, timeout=httpx.Timeout(None))).body == b"hello"

    await with_more_time(once)


async def test_timer_outlives_requests(serve: Serve, pool: ConnectionPool) -> None:
    """A limit that a quick request left behind does not cut the next one short, and a shorter limit is kept."""

    async def once(scale: float) -> None:
        limit = LIMIT * scale
        slow = say(OK + b"Content-Length: 2\r\n\r\n", b"hi", pause=1.5 * limit)
        server = serve(answer(), answer(), slow, answer(), silence)
        await post(pool, server, timeout=httpx.Timeout(limit))
        await anyio.sleep(1.5 * limit)
        await post(pool, server, timeout=httpx.Timeout(limit))
        assert (await post(pool, server)).body == b"hi"
        with anyio.fail_after(200):
            await post(pool, server)
            with pytest.raises(httpx.ReadTimeout):
                await post(pool, server, timeout=httpx.Timeout(limit))
        assert server.opened == 1

    await with_more_time(once)


async def test_closed_while_idle(serve: Serve, pool: ConnectionPool) -> None:
    """A connection that the server closed while it was idle is not used: the request goes out once, on a fresh one."""
    server = serve(say(OK + b"Content-Length: 0\r\n\r\n", then="close"))
    await post(pool, server)
    assert pool._state is not None
    while not all(each.closed or cast("TrioConnection", each)._poll() for each in pool._state._by_age):
        await anyio.sleep(0.001)  # pragma: no cover  # it may be so at once
    assert (await post(pool, server)).status == 200
    assert (server.opened, server.executed) == (2, 2)


async def test_closed_unnoticed(serve: Serve, pool: ConnectionPool) -> None:
    """The same where the event loop had no chance to hear of it: the socket itself is asked before it is used."""
    step, go_on = say_in_turn(OK + b"Content-Length: 0\r\n\r\n", then="close")
    server = serve(step)
    go_on()
    await post(pool, server)
    go_on()
    hear_of_it(pool)
    assert (await post(pool, server)).status == 200
    assert (server.opened, server.executed) == (2, 2)


async def test_stray_bytes_while_idle(serve: Serve, pool: ConnectionPool) -> None:
    """An idle connection that brings bytes nobody asked for is not used, so they are nobody's answer."""
    idle, said = threading.Event(), threading.Event()

    async def answer_twice(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(OK + b"Content-Length: 2\r\n\r\nhi")
        while not idle.is_set():
            await asyncio.sleep(0.001)
        await peer.send(OK + b"Content-Length: 4\r\n\r\nevil")
        said.set()

    server = serve(answer_twice)
    assert (await post(pool, server)).body == b"hi"
    idle.set()
    while not said.is_set():
        await anyio.sleep(0.001)
    await anyio.sleep(0.05)  # the bytes are here, and the loop reads them
    assert (await post(pool, server, b"next")).body == b"next"
    assert server.opened == 2


async def test_nobody_listens(pool: ConnectionPool, secured: bool) -> None:
    """A port where nobody listens refuses the connection, and nothing was sent."""
    port = free_port()
    with pytest.raises(httpx.ConnectError) as caught:
        await exchange(
            pool, Origin("https" if secured else "http", "127.0.0.1", port), b"GET", b"/", list, b"", timeout=TIMEOUT
        )
    assert request_sent(caught.value) is False
    assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".example", "nul\x00.example"])
async def test_no_such_host(pool: ConnectionPool, host: str) -> None:
    """A name that cannot be resolved, or could not be one, is a ConnectError, and nothing was sent."""
    with pytest.raises(httpx.ConnectError) as caught:
        # A name server may take its time.
        await exchange(pool, Origin("http", host, 80), b"GET", b"/", list, b"", timeout=httpx.Timeout(300))
    assert request_sent(caught.value) is False


async def test_connect_timeout(pool: ConnectionPool) -> None:
    """A server that never accepts runs into the connect limit, and nothing was sent."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        with socket.create_connection(address), pytest.raises(httpx.ConnectTimeout) as caught:
            timeout = httpx.Timeout(300, connect=0.1)
            await exchange(pool, Origin("http", *address), b"GET", b"/", list, b"", timeout=timeout)
    assert request_sent(caught.value) is False


@pytest.mark.parametrize("then", ["close", "reset"])
async def test_gone_before_the_request(serve: Serve, pool: ConnectionPool, then: str) -> None:
    """A connection that the server gives up at once fails one way or the other, and nothing is executed."""

    async def greeting(peer: Peer) -> None:
        await getattr(peer, then)()

    server = serve(greeting=greeting)
    with pytest.raises(httpx.TransportError) as caught:
        await post(pool, server)
    assert request_sent(caught.value) is not None
    assert server.executed == 0


def _handshake_fault(raw: bytes, then: str) -> Step:
    async def step(peer: Peer) -> None:
        await peer.read_more()
        await peer.send(raw)
        await getattr(peer, then)()

    return step


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(_handshake_fault(b"", "close"), id="close"),
        pytest.param(_handshake_fault(b"", "reset"), id="reset"),
        pytest.param(_handshake_fault(b"HTTP/1.1 400 Bad Request\r\n\r\n", "close"), id="plain HTTP"),
        pytest.param(_handshake_fault(b"\x16\x03\x03\x00\x05garba", "wait"), id="garbage"),
    ],
)
async def test_handshake_fails(pool: ConnectionPool, fault: Step) -> None:
    """A TLS handshake that fails is a ConnectError: nothing was sent."""
    with FaultServer(greeting=fault) as server, pytest.raises(httpx.ConnectError) as caught:
        await exchange(pool, Origin("https", "localhost", server.port), b"GET", b"/", list, b"", timeout=TIMEOUT)
    assert request_sent(caught.value) is False


async def test_handshake_never_ends(pool: ConnectionPool) -> None:
    """A TLS handshake that stalls runs into the connect limit."""
    with FaultServer(greeting=servers.deaf) as server, pytest.raises(httpx.ConnectTimeout) as caught:
        timeout = httpx.Timeout(300, connect=0.1)
        await exchange(pool, Origin("https", "localhost", server.port), b"GET", b"/", list, b"", timeout=timeout)
    assert request_sent(caught.value) is False


async def test_unknown_authority(server_tls: ssl.SSLContext) -> None:
    """A certificate from nowhere is a ConnectError whose cause says so: nothing was sent."""
    with FaultServer(tls=server_tls) as server:
        async with ConnectionPool() as pool:
            with pytest.raises(httpx.ConnectError) as caught:
                await post(pool, server)
    assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
    assert request_sent(caught.value) is False
    assert server.executed == 0


async def test_another_name(pool: ConnectionPool, authority: trustme.CA) -> None:
    """A certificate for another host is refused in the same way."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("elsewhere.example").configure_cert(context)
    with FaultServer(tls=context) as server, pytest.raises(httpx.ConnectError, match="localhost") as caught:
        await post(pool, server)
    assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
    assert server.executed == 0


async def test_verify_nothing(server_tls: ssl.SSLContext) -> None:
    """With ``verify=False`` any certificate will do."""
    with FaultServer(tls=server_tls) as server:
        async with ConnectionPool(verify=False) as pool:
            assert (await post(pool, server)).status == 200


async def test_refused_body(serve: Serve, pool: ConnectionPool) -> None:
    """A server that answers before it has read the body, and then hangs up, is heard."""
    answer = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n"
    server = serve(refuse_body(answer, then="linger"))
    assert (await post(pool, server, b"x" * 20_000_000)).status == 413
    assert server.executed == 0
    assert (await post(pool, server)).status == 200
    assert server.opened == 2


async def test_write_timeout(serve: Serve, pool: ConnectionPool) -> None:
    """A server that does not read runs into the write limit, and some of the request was sent."""
    server = serve(servers.deaf)
    with pytest.raises(httpx.WriteTimeout) as caught:
        await post(pool, server, b"x" * 20_000_000, timeout=httpx.Timeout(300, write=0.05))
    assert request_sent(caught.value) is True


async def test_reset_while_writing(serve: Serve, pool: ConnectionPool) -> None:
    """A server that resets the connection in the middle of a body is a WriteError, or a ReadError if that is first."""
    server = serve(servers.reset)
    with pytest.raises((httpx.WriteError, httpx.ReadError)) as caught:
        await post(pool, server, b"x" * 20_000_000)
    assert request_sent(caught.value) is True
    assert server.executed == 0


async def test_reset_while_idle(serve: Serve, pool: ConnectionPool) -> None:
    """A connection that was reset while it was idle is not used."""
    step, go_on = say_in_turn(OK + b"Content-Length: 0\r\n\r\n", then="reset")
    server = serve(step)
    go_on()
    await post(pool, server)
    go_on()
    hear_of_it(pool)
    assert (await post(pool, server)).status == 200
    assert server.executed == 2


async def test_garbage_beneath_tls(pool: ConnectionPool, server_tls: ssl.SSLContext) -> None:
    """Records that cannot be decrypted are a ReadError: in the middle of an answer, and on an idle connection."""

    async def garbage(peer: Peer) -> None:
        await peer.read_request()
        await peer.send_beneath_tls(b"\x17\x03\x03\x00\x05garba")

    gate = threading.Event()

    async def garbage_later(peer: Peer) -> None:
        await answer()(peer)
        while not gate.is_set():
            await asyncio.sleep(0.001)
        await peer.send_beneath_tls(b"\x17\x03\x03\x00\x05garba")

    with FaultServer(garbage, garbage_later, tls=server_tls) as server:
        with pytest.raises(httpx.ReadError) as caught:
            await post(pool, server)
        assert isinstance(caught.value.__cause__, ssl.SSLError)
        await post(pool, server)
        gate.set()
        hear_of_it(pool)
        assert (await post(pool, server)).status == 200
        assert server.opened == 3


async def test_handshake_in_two_rounds(pool: ConnectionPool, authority: trustme.CA) -> None:
    """A server that asks for another key first gets it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    context.set_ecdh_curve("secp384r1")
    with FaultServer(tls=context) as server:
        assert (await post(pool, server)).status == 200


def test_readable_without_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no ``poll``, ``select`` says whether a socket can be read."""
    monkeypatch.delattr("select.poll")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        readable = make_poll(ours.fileno())
        assert not readable()
        theirs.send(b"x")
        assert readable()


async def test_server_restarts(serve: Serve, pool: ConnectionPool) -> None:
    """A server that hangs up again and again costs the requests under way, no more; each answer is its request's."""
    server = serve()
    answered: list[bytes] = []
    failed: list[httpx.TransportError] = []

    async def worker(number: int) -> None:
        for count in range(40):
            body = b"%d-%d" % (number, count)
            try:
                assert (await post(pool, server, body)).body == body
            except httpx.TransportError as error:
                failed.append(error)
            else:
                answered.append(body)

    async with anyio.create_task_group() as tasks:
        for number in range(10):
            tasks.start_soon(worker, number)
        for _ in range(10):
            await anyio.sleep(0.01)
            server.hang_up()
    assert len(answered) + len(failed) == 400
    assert len(set(answered)) == len(answered) >= 200
    assert len(set(server.bodies)) == len(server.bodies)
    assert all(request_sent(error) is not None for error in failed)
    # The last hang-up may reach each of the ten connections only when the next request is on its way.
    for _ in range(10):
        with suppress(httpx.TransportError):
            await post(pool, server)
    assert (await post(pool, server)).status == 200


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_readable_for_nothing() -> None:
    """A socket that was said to be readable and is not does no harm."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with theirs:
        connection = TrioConnection(ours, Origin("http", "localhost", 80), TrioClock())
        connection._receive(10)
        connection.close()


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_answered_and_gone() -> None:
    """A request that cannot be written any more is answered by what the server had said before it went."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
    theirs.close()
    origin = Origin("http", "localhost", 80)
    connection = TrioConnection(ours, origin, TrioClock())
    response = await connection.send(PlainRequest(origin, b"GET", b"/", list, b"", timeout=TIMEOUT))
    assert response.status == 413
    assert not connection.reusable
    connection.close()
