"""What the pool asks of trio: open a connection, and wait for something that happens once."""

import anyio
from anyio.abc import SocketAttribute, SocketStream

from sinch_voice_async._transport.connections.anyio_stream import PullConnection
from sinch_voice_async._transport.connections.connection import refusals
from sinch_voice_async._transport.connections.tls import Tls
from sinch_voice_async._transport.origins import Origin


class AnyioSignal:
    """Something that happens once, and that one task waits for."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = anyio.Event()

    def set(self) -> None:
        """Let it happen."""
        self._event.set()

    async def wait(self, seconds: float | None) -> None:
        """Return once it has happened, or ``seconds`` have passed."""
        with anyio.move_on_after(seconds):
            await self._event.wait()


class AnyioPump:
    """Makes connections and signals on whichever loop anyio finds running."""

    def signal(self) -> AnyioSignal:
        """Return a new signal."""
        return AnyioSignal()

    async def connect(self, origin: Origin, tls: Tls | None, seconds: float | None) -> PullConnection:
        """Open a connection, TLS included; raise ``httpx.ConnectError`` or ``httpx.ConnectTimeout``."""
        with refusals(), anyio.fail_after(seconds):
            stream = await _dialled(origin)
            connection = PullConnection(stream.extra(SocketAttribute.raw_socket), origin, tls)
            await connection.secure()
        return connection


async def _dialled(origin: Origin) -> SocketStream:
    try:
        return await anyio.connect_tcp(origin.host, origin.port)
    except BaseExceptionGroup as group:
        # anyio races the addresses in a task group, and a Ctrl-C would leave it wrapped: programs wait for it bare.
        _, rest = group.split(KeyboardInterrupt)
        if rest is not None:
            raise
    raise KeyboardInterrupt
