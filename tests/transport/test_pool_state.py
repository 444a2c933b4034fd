"""Who gets a connection: limits, the waiting line, idle connections, and what cancellation leaves behind."""

import asyncio
import random
import socket
import ssl
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import httpx
import pytest

from sinch_voice_async._transport.backends import backend_for
from sinch_voice_async._transport.backends.asyncio import AsyncioConnection
from sinch_voice_async._transport.backends.trio import TrioConnection
from sinch_voice_async._transport.connection import Connection
from sinch_voice_async._transport.exceptions import request_sent
from sinch_voice_async._transport.origin import Origin
from sinch_voice_async._transport.pool import DEFAULT_LIMITS, ConnectionPool, PoolState, current_loop
from sinch_voice_async._transport.tls import TlsClient
from tests.transport.requests import exchange
from tests.transport.servers import FaultServer, Peer, answer, say_in_turn, silence
from tests.transport.test_pool_exchange import TIMEOUT, Serve, post


@asynccontextmanager
async def pool_of(
    client_tls: ssl.SSLContext, most: int | None = 100, *, idle: int | None = 100, expiry: float | None = 30.0
) -> AsyncIterator[ConnectionPool]:
    """Make a pool with these limits."""
    limits = httpx.Limits(max_connections=most, max_keepalive_connections=idle, keepalive_expiry=expiry)
    async with ConnectionPool(verify=client_tls, limits=limits) as pool:
        yield pool


async def become(pool: ConnectionPool, counts: str) -> None:
    """Wait until the pool says so."""
    with anyio.fail_after(300):
        while f"[{counts}]" not in repr(pool):
            await anyio.sleep(0.001)


class Gate:
    """A step that answers once the gate is open: no request ends before the test has seen it."""

    def __init__(self) -> None:
        self._is_open = threading.Event()

    def open(self) -> None:
        """Let everything be answered, from now on at once."""
        self._is_open.set()

    async def __call__(self, peer: Peer) -> None:
        await peer.read_request()
        while not self._is_open.is_set():
            await asyncio.sleep(0.001)
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(peer.body), peer.body))


def test_default_limits() -> None:
    """A pool keeps a hundred connections, each for thirty idle seconds, and can be made outside of an event loop."""
    expected = httpx.Limits(max_connections=100, max_keepalive_connections=100, keepalive_expiry=30.0)
    assert expected == DEFAULT_LIMITS
    assert repr(ConnectionPool()) == "<ConnectionPool [0 active, 0 idle, 0 waiting]>"


async def test_a_loop_without_a_connection_is_left() -> None:
    """There is nothing to end but the state."""
    pool = ConnectionPool()
    state = pool._here()
    state.leave()
    assert state.closed


async def test_limit(serve: Serve, client_tls: ssl.SSLContext) -> None:
    """No more connections are opened than allowed; everybody else waits, and is answered."""
    gate = Gate()
    server = serve(*[gate] * 20)
    async with pool_of(client_tls, 4) as pool:

        async def one(number: int) -> None:
            assert (await post(pool, server, b"%d" % number)).body == b"%d" % number

        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(one, number)
            await become(pool, "4 active, 0 idle, 16 waiting")
            gate.open()
        assert repr(pool) == "<ConnectionPool [0 active, 4 idle, 0 waiting]>"
        assert server.opened == 4


async def test_first_come_first_served(serve: Serve, client_tls: ssl.SSLContext) -> None:
    """Whoever has waited longest is next."""
    gate = Gate()
    server = serve(*[gate] * 10)
    order: list[int] = []
    async with pool_of(client_tls, 1) as pool:

        async def one(number: int) -> None:
            await post(pool, server)
            order.append(number)

        async with anyio.create_task_group() as tasks:
            for number in range(10):
                tasks.start_soon(one, number)
                await become(pool, f"1 active, 0 idle, {number} waiting")
            gate.open()
    assert order == list(range(10))


async def test_who_stands_in_line_has_not_signed_yet(serve: Serve, client_tls: ssl.SSLContext) -> None:
    """Header fields are made when a connection is there, not before the wait for it: a timestamp does not grow old."""
    gate = Gate()
    server = serve(gate, gate)
    origin = Origin.of(httpx.URL(server.url))
    made: list[str] = []
    async with pool_of(client_tls, 1) as pool:

        async def one() -> None:
            def fields() -> list[tuple[bytes, bytes]]:
                made.append(repr(pool))
                return []

            await exchange(pool, origin, b"POST", b"/", fields, b"", timeout=TIMEOUT)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one)
            await become(pool, "1 active, 0 idle, 0 waiting")
            tasks.start_soon(one)
            await become(pool, "1 active, 0 idle, 1 waiting")
            waiting = len(made)
            gate.open()
    assert waiting <= 1
    assert made[-1] == "<ConnectionPool [1 active, 0 idle, 0 waiting]>"


@pytest.mark.parametrize("turn", range(8))
async def test_closed_just_after_writing(serve: Serve, client_tls: ssl.SSLContext, turn: int) -> None:
    """A pool that is closed in the turn in which a request is written fails it, and knows what was sent."""
    server = serve(silence)
    origin = Origin.of(httpx.URL(server.url))
    async with pool_of(client_tls, 1) as pool, anyio.create_task_group() as tasks:

        def fields() -> list[tuple[bytes, bytes]]:
            tasks.start_soon(pool.aclose)
            return [(b"X-Turn", b"%d" % turn)]

        with anyio.fail_after(300), pytest.raises((httpx.ReadError, httpx.ConnectError)) as caught:
            await exchange(pool, origin, b"POST", b"/", fields, b"", timeout=TIMEOUT)
        assert request_sent(caught.value) is not None
        await anyio.sleep(0.01)
        assert request_sent(caught.value) or not server.executed


async def test_no_limits(serve: Serve, client_tls: ssl.SSLContext) -> None:
    """Limits of None are none."""
    gate = Gate()
    server = serve(*[gate] * 30)
    async with pool_of(client_tls, None, idle=None, expiry=None) as pool:
        async with anyio.create_task_group() as tasks:
            for _ in range(30):
                tasks.start_soon(post, pool, server)
            await become(pool, "30 active, 0 idle, 0 waiting")
            gate.open()
        assert repr(pool) == "<ConnectionPool [0 active, 30 idle, 0 waiting]>"


async def test_pool_timeout(serve: Serve, client_tls: ssl.SSLContext) -> None:
    """Waiting for a connection has its own limit; nothing was sent, and the line moves on."""
    server = serve(silence)
    async with pool_of(client_tls, 1) as pool, anyio.create_task_group() as tasks:
        tasks.start_soon(post, pool, server)
        await become(pool, "1 active, 0 idle, 0 waiting")
        with pytest.raises(httpx.PoolTimeout) as caught:
            await post(pool, server, timeout=httpx.Timeout(300, pool=0.02))
        assert request_sent(caught.value) is False
        assert repr(pool) == "<ConnectionPool [1 active, 0 idle, 0 waiting]>"
        tasks.cancel_scope.cancel()


async def test_failed_connect_frees_its_place(serve: Serve, client_tls: ssl.SSLContext) -> None:
    """A connection that could not be opened leaves its place to whoever waits."""
    server = serve()
    async with pool_of(client_tls, 1) as pool:

        async def fail() -> None:
            with socket.socket() as deaf, pytest.raises(httpx.ConnectError):
                deaf.bind(("127.0.0.1", 0))
                nobody = Origin("http", "127.0.0.1", deaf.getsockname()[1])
                await exchange(pool, nobody, b"GET", b"/", list, b"", timeout=TIMEOUT)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(fail)
            await anyio.lowlevel.checkpoint()
            tasks.start_soon(post, pool, server)
        assert repr(pool) == "<ConnectionPool [0 active, 1 idle, 0 waiting]>"


async def test_idle_connection_makes_room(serve: Serve, client_tls: ssl.SSLContext) -> None:
    """At the limit, the connection that has been idle for longest gives way to another origin's."""
    first, second = serve(), serve()
    async with pool_of(client_tls, 1) as pool:
        for _ in range(2):
            await post(pool, first)
            await post(pool, second)
        assert repr(pool) == "<ConnectionPool [0 active, 1 idle, 0 waiting]>"
    assert (first.opened, second.opened) == (2, 2)


async def test_waiting_for_another_origin(serve: Serve, client_tls: ssl.SSLContext) -> None:
    """A connection that comes back gives its place to whoever is first in line, wherever that one wants to go."""
    gate = Gate()
    first, second = serve(gate), serve()
    async with pool_of(client_tls, 1) as pool:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(post, pool, first)
            await become(pool, "1 active, 0 idle, 0 waiting")
            tasks.start_soon(post, pool, second)
            await become(pool, "1 active, 0 idle, 1 waiting")
            gate.open()
        assert (first.opened, second.opened) == (1, 1)
        assert repr(pool) == "<ConnectionPool [0 active, 1 idle, 0 waiting]>"


async def test_most_idle(serve: Serve, client_tls: ssl.SSLContext) -> None:
    """No more connections stay idle than allowed; with none allowed, each request has its own."""
    gate = Gate()
    server = serve(*[gate] * 10)
    async with pool_of(client_tls, idle=3) as pool:
        async with anyio.create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(post, pool, server)
            await become(pool, "10 active, 0 idle, 0 waiting")
            gate.open()
        assert repr(pool) == "<ConnectionPool [0 active, 3 idle, 0 waiting]>"
    async with pool_of(client_tls, idle=0) as pool:
        await post(pool, server)
        assert repr(pool) == "<ConnectionPool [0 active, 0 idle, 0 waiting]>"


async def test_expiry(serve: Serve, client_tls: ssl.SSLContext) -> None:
    """A connection that has been idle for too long is not used, and is closed when the next one comes back."""
    server = serve()
    async with pool_of(client_tls, expiry=0.03) as pool:
        await post(pool, server)
        await anyio.sleep(0.05)
        await post(pool, server)
        assert server.opened == 2
        assert repr(pool) == "<ConnectionPool [0 active, 1 idle, 0 waiting]>"


async def test_max_idle(serve: Serve, client_tls: ssl.SSLContext) -> None:
    """A request that must not be repeated uses no connection that has been idle for long; others do."""
    server = serve()
    origin = Origin.of(httpx.URL(server.url))
    async with pool_of(client_tls, 2) as pool:
        await post(pool, server)
        await anyio.sleep(0.03)
        await exchange(pool, origin, b"POST", b"/", list, b"", timeout=TIMEOUT, max_idle=0.02)
        assert server.opened == 2
        await exchange(pool, origin, b"POST", b"/", list, b"", timeout=TIMEOUT, max_idle=300.0)
        await post(pool, server)
        assert server.opened == 2


async def test_max_idle_at_the_limit(serve: Serve, client_tls: ssl.SSLContext) -> None:
    """Where there is no room for a fresh connection, the idle one makes room."""
    server = serve()
    origin = Origin.of(httpx.URL(server.url))
    async with pool_of(client_tls, 1) as pool:
        await post(pool, server)
        await anyio.sleep(0.03)
        await exchange(pool, origin, b"POST", b"/", list, b"", timeout=TIMEOUT, max_idle=0.02)
        assert repr(pool) == "<ConnectionPool [0 active, 1 idle, 0 waiting]>"
    assert server.opened == 2


async def test_cancelled_request(serve: Serve, pool: ConnectionPool) -> None:
    """A cancelled request closes its connection: the late answer is not taken for the next request's."""
    gate = Gate()
    server = serve(answer(), gate)
    await post(pool, server)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(post, pool, server, b"late")
        while server.executed < 2:
            await anyio.sleep(0.001)
        tasks.cancel_scope.cancel()
    gate.open()
    assert repr(pool) == "<ConnectionPool [0 active, 0 idle, 0 waiting]>"
    assert (await post(pool, server, b"next")).body == b"next"


async def test_cancelled_before_it_began(serve: Serve, pool: ConnectionPool) -> None:
    """In a scope that is cancelled already, nothing is sent."""
    server = serve()
    await post(pool, server)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await post(pool, server, b"late")
    assert (await post(pool, server, b"next")).body == b"next"
    assert server.bodies == [b"hello", b"next"]


@pytest.mark.parametrize("turn", [1, 2])
async def test_cancelled_in_line(serve: Serve, client_tls: ssl.SSLContext, turn: int) -> None:
    """Somebody who leaves the line, be it in the very moment of being served, leaves the turn to the next."""
    gate = Gate()
    server = serve(*[gate] * 3)
    async with pool_of(client_tls, 1) as pool:
        scopes = [anyio.CancelScope() for _ in range(3)]

        async def one(number: int) -> None:
            with scopes[number]:
                await post(pool, server)
                if number == 0:
                    scopes[turn].cancel()

        async with anyio.create_task_group() as tasks:
            for number in range(3):
                tasks.start_soon(one, number)
                await become(pool, f"1 active, 0 idle, {number} waiting")
            gate.open()
        assert repr(pool) == "<ConnectionPool [0 active, 1 idle, 0 waiting]>"
        assert (await post(pool, server)).status == 200


async def test_cancelled_while_connecting(client_tls: ssl.SSLContext) -> None:
    """Cancelled in the middle of a handshake, a request leaves no place taken."""
    with FaultServer(greeting=silence) as server:
        async with pool_of(client_tls, 1) as pool:
            for _ in range(3):
                with anyio.move_on_after(0.02):
                    await exchange(
                        pool, Origin("https", "localhost", server.port), b"GET", b"/", list, b"", timeout=TIMEOUT
                    )
            assert repr(pool) == "<ConnectionPool [0 active, 0 idle, 0 waiting]>"


async def test_cancellation_churn(serve: Serve, client_tls: ssl.SSLContext) -> None:
    """Thousands of requests cancelled at random moments: each answer is that of its request, and no place is lost."""
    server = serve()
    chance = random.Random(1)
    stop = anyio.current_time() + 0.7
    async with pool_of(client_tls, 10) as pool:

        async def worker(number: int) -> None:
            count = 0
            while anyio.current_time() < stop:
                count += 1
                mark = b"%d-%d" % (number, count)
                with anyio.move_on_after(chance.random() * 0.01):
                    assert (await post(pool, server, mark)).body == mark

        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(worker, number)
        answers: list[bytes] = []

        async def one(number: int) -> None:
            answers.append((await post(pool, server, b"%d" % number)).body)

        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(one, number)
        assert sorted(answers) == sorted(b"%d" % number for number in range(20))
        assert repr(pool).startswith("<ConnectionPool [0 active, ")
        assert repr(pool).endswith(" idle, 0 waiting]>")


async def test_close(serve: Serve, client_tls: ssl.SSLContext) -> None:
    """Closing sends everybody away: those in the middle of a request, those in line, and those who come later."""
    server = serve(silence)
    failures: dict[str, httpx.TransportError] = {}
    async with pool_of(client_tls, 1) as pool:

        async def one(name: str) -> None:
            try:
                await post(pool, server)
            except httpx.TransportError as error:
                failures[name] = error

        async with anyio.create_task_group() as tasks:
            for place, name in enumerate(("active", "waiting")):
                tasks.start_soon(one, name)
                await become(pool, f"1 active, 0 idle, {place} waiting")
            while not server.executed:
                await anyio.sleep(0.001)
            await pool.aclose()
            await one("late")
        await pool.aclose()
    assert {name: (type(error), request_sent(error)) for name, error in failures.items()} == {
        "active": (httpx.ReadError, True),
        "waiting": (httpx.LocalProtocolError, False),
        "late": (httpx.LocalProtocolError, False),
    }


async def test_many_connections(server_tls: ssl.SSLContext) -> None:
    """Five hundred connections at once are five hundred answers."""
    gate = Gate()
    with FaultServer(*[gate] * 500) as server:
        limits = httpx.Limits(max_connections=500)
        async with ConnectionPool(limits=limits) as pool:

            async def one() -> None:
                # Time enough for a busy machine.
                await post(pool, server, timeout=httpx.Timeout(300))

            async with anyio.create_task_group() as tasks:
                for _ in range(500):
                    tasks.start_soon(one)
                await become(pool, "500 active, 0 idle, 0 waiting")
                gate.open()
            assert repr(pool) == "<ConnectionPool [0 active, 500 idle, 0 waiting]>"


async def test_stale_when_granted(serve: Serve, client_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that its server closes just when somebody in line is given it is replaced by a fresh one."""
    gate = Gate()
    server = serve(gate)
    async with pool_of(client_tls, 1) as pool:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(post, pool, server)
            await become(pool, "1 active, 0 idle, 0 waiting")
            for kind in (AsyncioConnection, TrioConnection):
                monkeypatch.setattr(kind, "is_readable", lambda _: True)
            tasks.start_soon(post, pool, server)
            await become(pool, "1 active, 0 idle, 1 waiting")
            gate.open()
        assert (server.opened, server.executed) == (2, 2)


async def test_closed_while_connecting(serve: Serve, pool: ConnectionPool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is ready only after its pool was closed is closed too, and nothing is sent."""
    server = serve()
    gate = threading.Event()
    found = socket.getaddrinfo("127.0.0.1", server.port, type=socket.SOCK_STREAM)

    def resolve(*args: object, **options: object) -> object:
        if threading.current_thread() is threading.main_thread():  # trio first asks whether it is a number
            raise socket.gaierror(socket.EAI_NONAME, "it is not")
        gate.wait(300)
        return found

    monkeypatch.setattr(socket, "getaddrinfo", resolve)

    async def late() -> None:
        with pytest.raises(httpx.LocalProtocolError) as caught:
            await post(pool, server)
        assert request_sent(caught.value) is False

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(late)
        await become(pool, "1 active, 0 idle, 0 waiting")
        await pool.aclose()
        gate.set()
        monkeypatch.undo()
    assert server.executed == 0


async def test_closed_before_it_is_used(pool: ConnectionPool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fresh connection that its server closed before anything was written is a ConnectError: nothing was sent."""
    connect = PoolState.connect

    async def connect_closed(state: PoolState, origin: Origin, timeout: httpx.Timeout) -> Connection:
        connection = await connect(state, origin, timeout)
        connection.close()
        return connection

    monkeypatch.setattr(PoolState, "connect", connect_closed)
    with FaultServer() as server, pytest.raises(httpx.ConnectError) as caught:
        await post(pool, server)
    assert request_sent(caught.value) is False


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("connection", [b"keep-alive", b"close"])
async def test_cancelled_when_granted(
    serve: Serve, client_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, connection: bytes
) -> None:
    """A task that asyncio cancels in the moment of its being given a connection, or just its place, passes it on."""
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: %b\r\n\r\n" % connection
    step, go_on = say_in_turn(raw)
    server = serve(step)
    async with pool_of(client_tls, 1) as pool:
        first = asyncio.create_task(post(pool, server))
        await become(pool, "1 active, 0 idle, 0 waiting")
        second = asyncio.create_task(post(pool, server))
        await become(pool, "1 active, 0 idle, 1 waiting")
        release = PoolState.release

        def release_and_cancel(state: PoolState, connection: Connection) -> None:
            release(state, connection)
            second.cancel()

        monkeypatch.setattr(PoolState, "release", release_and_cancel)
        go_on()
        await first
        with pytest.raises(asyncio.CancelledError):
            await second
        assert "[0 active, " in repr(pool)
        assert (await post(pool, server)).status == 200


def test_sessions_are_few() -> None:
    """TLS sessions of a hundred servers are remembered, not of every server ever met."""
    client = TlsClient(verify=True, trust_env=False)
    tls = client.begin(Origin("https", "0.example", 443))
    assert tls is not None
    for number in range(101):
        client.keep(Origin("https", f"{number}.example", 443), tls)
    assert len(client._last) == 100
    assert Origin("https", "0.example", 443) not in client._last


async def test_signal_set_twice() -> None:
    """A signal may be given and time out in the same moment."""
    signal = backend_for(current_loop()).signal()
    signal.set()
    signal.set()
    await signal.wait()
