"""What the pool asks of asyncio: open a connection, and wait for something that happens once."""

import anyio

from sinch_voice_async._transport.connections.asyncio_protocol import Loop, PushConnection
from sinch_voice_async._transport.connections.connection import refusals
from sinch_voice_async._transport.connections.tls import Tls
from sinch_voice_async._transport.origins import Origin


class AsyncioSignal:
    """Something that happens once: a future, which costs a tenth of an event and a scope."""

    __slots__ = ("_future", "_loop")

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._future = loop.create_future()

    def set(self) -> None:
        """Let it happen."""
        if not self._future.done():
            self._future.set_result(None)

    async def wait(self, seconds: float | None) -> None:
        """Return once it has happened, or ``seconds`` have passed."""
        timer = None if seconds is None else self._loop.call_later(seconds, self.set)
        try:
            await self._future
        finally:
            if timer is not None:
                timer.cancel()


class AsyncioPump:
    """Makes connections and signals on one asyncio loop."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    def signal(self) -> AsyncioSignal:
        """Return a new signal."""
        return AsyncioSignal(self._loop)

    async def connect(self, origin: Origin, tls: Tls | None, seconds: float | None) -> PushConnection:
        """Open a connection, TLS included; raise ``httpx.ConnectError`` or ``httpx.ConnectTimeout``."""
        connection = PushConnection(self._loop, origin, tls)
        with refusals(), anyio.fail_after(seconds):
            await self._dial(connection, origin)
            await connection.secure()
        return connection

    async def _dial(self, connection: PushConnection, origin: Origin) -> None:
        try:
            await self._loop.create_connection(lambda: connection, origin.host, origin.port, happy_eyeballs_delay=0.25)
        except TypeError:  # uvloop tries one address after another
            await self._loop.create_connection(lambda: connection, origin.host, origin.port)
