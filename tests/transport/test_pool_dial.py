"""How a connection is found among the addresses of a host."""

import gc
import random
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import anyio
import httpx
import pytest

from sinch_voice_async._transport.backends.asyncio import AsyncioBackend, AsyncioConnection
from sinch_voice_async._transport.exceptions import request_sent
from sinch_voice_async._transport.origin import Origin
from sinch_voice_async._transport.pool import ConnectionPool
from tests.transport.servers import FaultServer
from tests.transport.test_pool_exchange import post

Resolve = Callable[..., None]


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Resolve:
    """Return what makes every name have these addresses."""

    def name(*addresses: str) -> None:
        def found(host: object, port: int, *args: object, **options: object) -> list[tuple[object, ...]]:
            kinds = [socket.AF_INET6 if ":" in address else socket.AF_INET for address in addresses]
            return [
                (kind, socket.SOCK_STREAM, 6, "", (address, port))
                for kind, address in zip(kinds, addresses, strict=True)
            ]

        monkeypatch.setattr(socket, "getaddrinfo", found)

    return name


@pytest.fixture
def stalled() -> Iterator[Callable[[int], None]]:
    """Return what makes 127.0.0.8 accept no connection on a port, and not refuse it either."""
    with ExitStack() as stack:

        def start(port: int) -> None:
            listening = stack.enter_context(socket.create_server(("127.0.0.8", port), backlog=0))
            for _ in range(2):
                client = stack.enter_context(socket.socket())
                client.setblocking(False)
                client.connect_ex(listening.getsockname())

        yield start


@pytest.mark.parametrize("addresses", [("::1", "127.0.0.9", "127.0.0.1"), ("127.0.0.1", "127.0.0.9")])
async def test_some_refuse(pool: ConnectionPool, resolve: Resolve, addresses: tuple[str, ...]) -> None:
    """An address that refuses is passed over at once."""
    resolve(*addresses)
    with FaultServer() as server:
        assert (await post(pool, server)).status == 200
        assert server.opened == 1


async def test_all_refuse(pool: ConnectionPool, resolve: Resolve) -> None:
    """Where all addresses refuse, that is a ConnectError, and nothing was sent."""
    resolve("127.0.0.8", "127.0.0.9")
    with FaultServer() as server, pytest.raises(httpx.ConnectError) as caught:
        await post(pool, server)
    assert request_sent(caught.value) is False


async def test_one_stalls(pool: ConnectionPool, resolve: Resolve, stalled: Callable[[int], None]) -> None:
    """An address that does not answer delays the next one by a quarter of a second, and no more."""
    resolve("127.0.0.8", "127.0.0.1")
    with FaultServer() as server:
        stalled(server.port)
        with anyio.fail_after(60):  # without a second attempt, the system tries for two minutes
            assert (await post(pool, server)).status == 200


async def test_cancelled(client_tls: ssl.SSLContext, server_tls: ssl.SSLContext, resolve: Resolve) -> None:
    """Cancelled at any moment of it, dialling leaves no socket open and no place taken."""
    resolve("127.0.0.9", "127.0.0.1", "127.0.0.1")
    chance = random.Random(1)
    with FaultServer(tls=server_tls) as server:
        async with ConnectionPool(verify=client_tls, limits=httpx.Limits(keepalive_expiry=0)) as pool:
            for _ in range(60):
                with anyio.move_on_after(chance.random() * 0.006):
                    await post(pool, server)
            assert repr(pool).startswith("<ConnectionPool [0 active, ")
    gc.collect()  # a socket left open would warn now


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_cancelled_at_the_finish(pool: ConnectionPool, resolve: Resolve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancelled when one address has just been reached, dialling closes that connection too."""
    resolve("127.0.0.9", "127.0.0.1")
    reach = AsyncioBackend._reach
    scope = anyio.CancelScope()

    async def reach_and_cancel(backend: AsyncioBackend, address: str, port: int, origin: Origin) -> AsyncioConnection:
        connection = await reach(backend, address, port, origin)
        scope.cancel()
        return connection

    monkeypatch.setattr(AsyncioBackend, "_reach", reach_and_cancel)
    with FaultServer() as server:
        with scope:
            await post(pool, server)
        assert scope.cancelled_caught
    assert repr(pool) == "<ConnectionPool [0 active, 0 idle, 0 waiting]>"
    gc.collect()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_two_reached_at_once(pool: ConnectionPool, resolve: Resolve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where two addresses are reached in the same moment, one connection is kept."""
    resolve("127.0.0.1", "127.0.0.1")
    monkeypatch.setattr("sinch_voice_async._transport.backends.asyncio._HEAD_START", 0)
    reach = AsyncioBackend._reach

    async def reach_shielded(backend: AsyncioBackend, address: str, port: int, origin: Origin) -> AsyncioConnection:
        with anyio.CancelScope(shield=True):
            reached = await reach(backend, address, port, origin)
            assert not reached.closed
        return reached

    monkeypatch.setattr(AsyncioBackend, "_reach", reach_shielded)
    with FaultServer() as server:
        assert (await post(pool, server)).status == 200
    assert repr(pool) == "<ConnectionPool [0 active, 1 idle, 0 waiting]>"
