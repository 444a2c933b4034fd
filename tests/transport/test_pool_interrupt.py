"""Ctrl-C while the pool is at work, whatever it waits for."""

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import httpx
import pytest
import trio

from sinch_voice_async._transport.backends.trio import TrioBackend
from sinch_voice_async._transport.connection import Route
from sinch_voice_async._transport.origin import Origin
from sinch_voice_async._transport.pool import ConnectionPool
from sinch_voice_async._transport.tls import TlsClient
from tests.transport.requests import exchange

RUNNERS: list[Callable[[Any], Any]] = [lambda main: asyncio.run(main()), trio.run]


@pytest.fixture
def deaf() -> Iterator[int]:
    """The port of a listener whose backlog is full: connecting to it takes for ever."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        waiting = [socket.socket() for _ in range(6)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
        for each in waiting:
            each.close()


@pytest.fixture
def mute() -> Iterator[int]:
    """The port of a listener that connects and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("run", RUNNERS, ids=["asyncio", "trio"])
@pytest.mark.parametrize("where", ["deaf", "mute"])
def test_ctrl_c_comes_out_as_itself(run: Callable[[Any], Any], where: str, request: pytest.FixtureRequest) -> None:
    """A KeyboardInterrupt ends the program at once, bare and not in a group, while connecting as while reading."""
    origin = Origin("http", "127.0.0.1", request.getfixturevalue(where))

    async def main() -> None:
        async with ConnectionPool() as pool:
            # To the main thread itself: it may be waiting in the kernel, and has to be woken.
            threading.Timer(0.2, signal.pthread_kill, [threading.main_thread().ident, signal.SIGINT]).start()
            with anyio.fail_after(300):
                await exchange(pool, origin, b"GET", b"/", lambda: [(b"host", b"x")], b"", timeout=httpx.Timeout(None))

    with pytest.raises(KeyboardInterrupt):
        run(main)


def test_what_else_is_in_a_group_stays_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only an interrupt alone is unwrapped: nothing that happened beside it is lost."""

    async def connect_tcp(*_: object) -> None:
        raise BaseExceptionGroup("dialling", [KeyboardInterrupt(), OSError()])

    monkeypatch.setattr(anyio, "connect_tcp", connect_tcp)
    with pytest.raises(BaseExceptionGroup):
        route = Route(Origin("http", "127.0.0.1", 1), None, TlsClient(verify=True, trust_env=False))
        trio.run(TrioBackend(None).connect, route, None)
