"""The corners of the two backends that a network reaches only now and then."""

import asyncio
import socket

import anyio
import httpx
import pytest
import trio

from sinch_voice_async import ConnectionPool, RetryPolicy, TransportError, VoiceClient
from sinch_voice_async._transport.backends.asyncio import AsyncioConnection
from sinch_voice_async._transport.backends.trio import TrioBackend, TrioClock, TrioConnection
from sinch_voice_async._transport.exceptions import request_sent
from sinch_voice_async._transport.http11 import Framing
from sinch_voice_async._transport.origin import Origin
from tests.transport.servers import FaultServer, silence
from tests.transport.test_pool_exchange import post

ORIGIN = Origin("http", "localhost", 80)


def test_a_coding_that_is_not_chunked() -> None:
    """Chunked is the one transfer coding of a request."""
    with pytest.raises(httpx.LocalProtocolError) as caught:
        Framing([(b"Transfer-Encoding", b"gzip")])
    assert request_sent(caught.value) is False


def test_a_run_of_trio_that_has_ended() -> None:
    """Its token tells."""

    async def backend() -> TrioBackend:
        found = TrioBackend(trio.lowlevel.current_trio_token())
        assert found.is_running()
        return found

    assert not trio.run(backend).is_running()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_socket_that_refuses_to_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """The failure ends the request, with what the flag says."""

    def broken(_connection: AsyncioConnection, _data: bytes) -> None:
        raise OSError("canary")

    monkeypatch.setattr(AsyncioConnection, "_write", broken)
    with FaultServer() as server:
        async with VoiceClient("key", "c2VjcmV0", base_url=server.url, retry=RetryPolicy(max_attempts=1)) as client:
            with pytest.raises(TransportError) as caught:
                await client.callouts.tts("+46700000001", "Hi")
        assert (caught.value.outcome, server.executed) == ("unsent", 0)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_what_is_readable_at_the_deadline_counts(anyio_backend: str) -> None:
    """The deadline is moved by a turn while the socket has something, and holds once it has nothing."""
    assert anyio_backend == "asyncio"
    loop = asyncio.get_running_loop()
    connection = AsyncioConnection(loop, ORIGIN)
    connection._waiter = loop.create_future()
    connection.request_sent = True
    connection._poll = lambda: True
    connection._expired()
    assert not connection._waiter.done()
    connection._poll = lambda: False
    connection._expired()
    assert isinstance(connection._error, httpx.ReadTimeout)
    connection._deadline.stop()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_closed_in_the_turn_before_it_is_written(anyio_backend: str) -> None:
    """Nothing goes out on it."""
    assert anyio_backend == "asyncio"
    loop = asyncio.get_running_loop()
    connection = AsyncioConnection(loop, ORIGIN)
    loop.call_soon(setattr, connection, "closed", True)
    with pytest.raises(httpx.ConnectError) as caught:
        await connection._turn()
    assert request_sent(caught.value) is False


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_what_is_readable_at_the_deadline_counts_on_trio(anyio_backend: str) -> None:
    """What has arrived is read, and only then has the time passed."""
    assert anyio_backend == "trio"
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with theirs:
        connection = TrioConnection(ours, ORIGIN, TrioClock())
        connection.reader.expect()
        connection._expired = True
        theirs.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await connection._more(1000)
        assert connection.reader.complete
        with pytest.raises(httpx.ReadTimeout):
            await connection._more(1000)
        connection.close()


async def test_waiters_with_times_of_their_own() -> None:
    """One that gives up early leaves the others in line."""
    with FaultServer(silence) as server:
        async with ConnectionPool(limits=httpx.Limits(max_connections=1)) as pool, anyio.create_task_group() as tasks:
            tasks.start_soon(post, pool, server)
            while not server.executed:
                await anyio.sleep(0.001)

            async def patient() -> None:
                await post(pool, server, timeout=httpx.Timeout(30))

            tasks.start_soon(patient)
            while "1 waiting" not in repr(pool):
                await anyio.sleep(0.001)
            with pytest.raises(httpx.PoolTimeout):
                await post(pool, server, timeout=httpx.Timeout(300, pool=0.02))
            assert "1 waiting" in repr(pool)
            tasks.cancel_scope.cancel()
