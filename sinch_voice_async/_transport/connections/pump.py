"""What the pool asks of an event loop: open a connection, and wait for something that happens once."""

from typing import Protocol

from sinch_voice_async._transport.connections.connection import Connection
from sinch_voice_async._transport.connections.tls import Tls
from sinch_voice_async._transport.origins import Origin


class Signal(Protocol):
    """Something that happens once, and that one task waits for."""

    def set(self) -> None:
        """Let it happen."""

    async def wait(self, seconds: float | None) -> None:
        """Return once it has happened, or ``seconds`` have passed."""


class Pump(Protocol):
    """One event loop, as far as the pool is concerned."""

    def signal(self) -> Signal:
        """Return a new signal."""
        ...

    async def connect(self, origin: Origin, tls: Tls | None, seconds: float | None) -> Connection:
        """Open a connection, TLS included; raise ``httpx.ConnectError`` or ``httpx.ConnectTimeout``."""
        ...
