"""One pool in one event loop after another, and what it leaves behind: nothing."""

import asyncio
import gc
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from sinch_voice_async._transport.exceptions import request_sent
from sinch_voice_async._transport.pool import ConnectionPool, current_loop
from tests.transport.servers import FaultServer, say_in_turn, silence
from tests.transport.test_pool_exchange import post


def test_one_loop_after_another(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    """Loops begin and end, on asyncio and trio; connections end with theirs, and nobody need close the pool."""

    async def use() -> None:
        for server in (plain, secure):
            for _ in range(2):
                assert (await post(pool, server)).status == 200

    pool = ConnectionPool(verify=client_tls)
    with FaultServer() as plain, FaultServer(tls=server_tls) as secure:
        for run in (asyncio.run, trio.run, asyncio.run, asyncio.run, trio.run, trio.run):
            if run is asyncio.run:
                asyncio.run(use())
            else:
                trio.run(use)
            assert repr(pool) == "<ConnectionPool [0 active, 0 idle, 0 waiting]>"
        assert (plain.opened, secure.opened) == (6, 6)


def test_loop_that_ends_without_a_word(client_tls: ssl.SSLContext) -> None:
    """A loop that is closed without its async generators being told still takes no connection with it."""
    pool = ConnectionPool(verify=client_tls)
    with FaultServer() as server:
        loop = asyncio.new_event_loop()
        for _ in range(2):
            loop.run_until_complete(post(pool, server))
            loop.close()
            loop = asyncio.new_event_loop()
            assert repr(pool) == "<ConnectionPool [0 active, 1 idle, 0 waiting]>"
        loop.close()
        asyncio.run(pool.aclose())
    assert repr(pool) == "<ConnectionPool [0 active, 0 idle, 0 waiting]>"
    gc.collect()  # a socket left open would warn now


def test_closed_in_another_loop(client_tls: ssl.SSLContext) -> None:
    """A pool may be closed in another loop than the one it was used in, of either kind."""
    for close in (asyncio.run, trio.run):
        pool = ConnectionPool(verify=client_tls)
        with FaultServer() as server:
            trio.run(post, pool, server)
            if close is trio.run:
                trio.run(pool.aclose)
            else:
                asyncio.run(pool.aclose())


def test_request_left_behind(client_tls: ssl.SSLContext) -> None:
    """A request that its loop did not wait for is cancelled, and the next loop's requests are answered."""
    pool = ConnectionPool(verify=client_tls, limits=httpx.Limits(max_connections=1))
    with FaultServer(silence) as server:

        async def leave() -> None:
            task = asyncio.create_task(post(pool, server))
            while not server.executed:
                await asyncio.sleep(0.001)
            del task

        asyncio.run(leave())
        assert asyncio.run(post(pool, server)).status == 200


def test_trio_as_a_guest(client_tls: ssl.SSLContext) -> None:
    """On trio in guest mode under asyncio, the pool is on trio."""
    pool = ConnectionPool(verify=client_tls)
    with FaultServer() as server:

        async def host() -> int:
            loop = asyncio.get_running_loop()
            done: asyncio.Future[Any] = loop.create_future()

            async def guest() -> int:
                return (await post(pool, server)).status

            trio.lowlevel.start_guest_run(
                guest, run_sync_soon_threadsafe=loop.call_soon_threadsafe, done_callback=done.set_result
            )
            return int((await done).unwrap())

        assert asyncio.run(host()) == 200


def test_no_warnings_at_the_end() -> None:
    """A program that never closes its pool ends without a warning."""
    program = """
import asyncio, httpx, trio
from sinch_voice_async._transport.pool import ConnectionPool
from sinch_voice_async._transport.origin import Origin
from tests.transport.requests import exchange
from tests.transport.servers import FaultServer

pool = ConnectionPool()

async def use(url):
    await exchange(pool, Origin.of(httpx.URL(url)), b"GET", b"/", list, b"", timeout=httpx.Timeout(300))

with FaultServer() as server:
    asyncio.run(use(server.url))
    trio.run(use, server.url)
"""
    done = subprocess.run(  # our own program
        [sys.executable, "-X", "dev", "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert done.returncode == 0
    assert "Warning" not in done.stderr


def test_no_loop_without_asyncio(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a running loop there is none to tell of, and neither asyncio nor trio is imported to find out."""
    with pytest.raises(RuntimeError):
        current_loop()
    monkeypatch.delitem(sys.modules, "asyncio")
    monkeypatch.delitem(sys.modules, "trio")
    with pytest.raises(RuntimeError, match="no event loop"):
        current_loop()
    assert not {"asyncio", "trio"} & sys.modules.keys()


def test_two_loops_at_once(client_tls: ssl.SSLContext) -> None:
    """While requests run in one loop, another is refused before a byte is sent; it may take over once they have ended.

    The alternative would be to close the first one's connections, and with them requests of which nobody could say
    whether they were acted on.
    """
    pool = ConnectionPool(verify=client_tls)
    step, go_on = say_in_turn(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    def elsewhere() -> int:
        return asyncio.run(post(pool, server)).status

    async def here() -> None:
        running = asyncio.create_task(post(pool, slow))
        while not slow.executed:
            await asyncio.sleep(0.001)
        with pytest.raises(httpx.LocalProtocolError, match="another event loop") as refusal:
            await asyncio.to_thread(elsewhere)
        assert request_sent(refusal.value) is False
        go_on()
        assert (await running).status == 200
        assert await asyncio.to_thread(elsewhere) == 200
        assert (await post(pool, server)).status == 200

    with FaultServer() as server, FaultServer(step) as slow:
        asyncio.run(here(), debug=True)
        assert (slow.executed, server.executed) == (1, 2)
    asyncio.run(pool.aclose())
