"""The WebSockets of servers that are not ASGI's: every way in which they say that a connection is closed."""

from typing import Any

import anyio
import pytest
import trio_websocket
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK
from websockets.frames import Close

from sinch_voice_async.streams.adapters import TrioSocket, WebsocketsSocket, query_of
from sinch_voice_async.streams.connection import Connection, SocketClosed
from sinch_voice_async.streams.pacing import REAL_TIME


class Closed:
    """A connection that raises an exception for all that is asked of it."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.codes: list[int] = []

    async def _fail(self, *_: object) -> Any:
        raise self.error

    recv = send = get_message = send_message = ping = _fail

    async def close(self, code: int) -> None:
        """Close it."""
        self.codes.append(code)

    aclose = close


@pytest.mark.parametrize(
    ("error", "parting"),
    [
        (ConnectionClosedOK(Close(1000, ""), Close(1000, ""), True), "closed"),
        (ConnectionClosedError(Close(1011, ""), None, None), "closed"),
        (ConnectionClosedError(None, Close(1011, ""), None), "lost"),
    ],
)
async def test_websockets_tells_a_close_frame(error: Exception, parting: str) -> None:
    """A code of the other side is a close frame; without one the connection is lost."""
    connection = Closed(error)
    socket = WebsocketsSocket(connection)
    for ask in (socket.receive(), socket.send("x")):
        with pytest.raises(SocketClosed) as closed:
            await ask
        assert closed.value.parting == parting
    await socket.close(1000)
    assert connection.codes == [1000]


@pytest.mark.parametrize(("code", "parting"), [(1000, "closed"), (1006, "lost"), (None, "lost")])
async def test_trio_websocket_tells_it_too(code: int | None, parting: str) -> None:
    """1006 is no code of a frame; no pings are sent on a connection that is closed."""
    reason = None if code is None else trio_websocket._impl.CloseReason(code, None)
    connection = Closed(trio_websocket.ConnectionClosed(reason))
    socket = TrioSocket(connection)
    for ask in (socket.receive(), socket.send(b"x")):
        with pytest.raises(SocketClosed) as closed:
            await ask
        assert closed.value.parting == parting
    with anyio.fail_after(300):
        await socket.keep(0.01)
    await socket.close(1000)
    assert connection.codes == [1000]


def test_the_query_of_a_target() -> None:
    """As it stands in the request's first line."""
    assert query_of("/streams?token=a.b&c=d") == "token=a.b&c=d"
    assert query_of("/streams") == ""


class Slow:
    """A socket whose sends wait to be released."""

    def __init__(self) -> None:
        self.release = anyio.Event()
        self.sent: list[str | bytes] = []

    async def receive(self) -> str | bytes:
        """Receive what is closed."""
        raise SocketClosed

    async def send(self, message: str | bytes) -> None:
        """Send once that is permitted."""
        await self.release.wait()
        self.sent.append(message)

    async def close(self, code: int) -> None:
        """Do nothing."""


async def test_senders_take_turns(anyio_backend_name: str) -> None:
    """In their order; one that gives up does not stop the others, not even if its turn has just come."""
    socket = Slow()
    connection = Connection(socket, REAL_TIME, max_message=1_000)
    with pytest.raises(SocketClosed):
        await socket.receive()
    scopes = [anyio.CancelScope() for _ in range(4)]

    async def send(index: int) -> None:
        with scopes[index]:
            await connection.send(str(index))

    async with anyio.create_task_group() as tasks:
        for index in range(4):
            tasks.start_soon(send, index)
            await anyio.wait_all_tasks_blocked()
        scopes[1].cancel()
        await anyio.wait_all_tasks_blocked()
        socket.release.set()
    assert socket.sent == ["0", "2", "3"]
    if anyio_backend_name == "asyncio":
        import asyncio

        # A task of asyncio may be cancelled by others than anyio, at any time.
        socket.release = anyio.Event()
        first, second, third = (asyncio.create_task(connection.send(name)) for name in "abc")
        await anyio.wait_all_tasks_blocked()
        connection._turns.popleft().set()
        second.cancel()
        socket.release.set()
        await asyncio.wait([first, second, third])
        assert second.cancelled()
        assert sorted(map(str, socket.sent[3:])) == ["a", "c"]
