"""What the pool asks of asyncio: open a connection, and wait for something that happens once."""

from itertools import zip_longest
from socket import SOCK_STREAM

import anyio

from sinch_voice_async._transport.connections.asyncio_protocol import Loop, PushConnection
from sinch_voice_async._transport.connections.connection import refusals
from sinch_voice_async._transport.connections.tls import Tls
from sinch_voice_async._transport.origins import Origin

_HEAD_START = 0.25


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
        with refusals(), anyio.fail_after(seconds):
            connection = await self._dial(origin, tls)
            await connection.secure()
        return connection

    async def _dial(self, origin: Origin, tls: Tls | None) -> PushConnection:
        addresses = await self._resolve(origin)
        if len(addresses) == 1:
            return await self._reach(addresses[0], origin, tls)
        return await self._race(addresses, origin, tls)

    async def _reach(self, address: str, origin: Origin, tls: Tls | None) -> PushConnection:
        connection = PushConnection(self._loop, origin, tls)
        await self._loop.create_connection(lambda: connection, address, origin.port)
        return connection

    async def _resolve(self, origin: Origin) -> list[str]:
        """Return the addresses of a host, the two families taking turns (RFC 8305, section 4)."""
        found = await self._loop.getaddrinfo(origin.host, origin.port, type=SOCK_STREAM)
        families: dict[int, list[str]] = {}
        for family, *_, address in found:
            families.setdefault(family, []).append(str(address[0]))
        return [address for turn in zip_longest(*families.values()) for address in turn if address is not None]

    async def _race(self, addresses: list[str], origin: Origin, tls: Tls | None) -> PushConnection:
        """Try one address after another, each with a head start, and return the first connection (RFC 8305, section 5).

        ``create_connection`` can do this too, but loses a connected socket if it is cancelled in the wrong moment, and
        uvloop's cannot.
        """
        opened: list[PushConnection] = []
        errors: list[OSError] = []

        async def attempt(address: str, failed: anyio.Event) -> None:
            try:
                opened.append(await self._reach(address, origin, tls))
                runners.cancel_scope.cancel()
            except OSError as error:
                errors.append(error)
                failed.set()

        try:
            async with anyio.create_task_group() as runners:
                for address in addresses:
                    failed = anyio.Event()
                    runners.start_soon(attempt, address, failed)
                    with anyio.move_on_after(_HEAD_START):
                        await failed.wait()
        except BaseException:
            _close(opened)
            raise
        _close(opened[1:])
        if not opened:
            raise errors[0]
        return opened[0]


def _close(connections: list[PushConnection]) -> None:
    for connection in connections:
        connection.close()
