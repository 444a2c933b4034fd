"""One backend for each event loop: it opens connections, wakes tasks and keeps deadlines.

Each backend is imported when it is first needed: importing asyncio takes a third as long as importing all of this
package, and is in vain on trio.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeAlias, cast

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from sinch_voice_async._transport.connection import Clock, Connection, Route

__all__ = ["Backend", "Loop", "Signal", "backend_for"]

Loop: TypeAlias = object
"""An asyncio event loop, or the token of a trio run."""


class Signal(Protocol):
    """Something that happens once, and that one task waits for."""

    def set(self) -> None:
        """Wake the task; a second call does nothing."""

    async def wait(self) -> None:
        """Return once ``set`` was called."""


class Backend(Protocol):
    """One event loop, as far as the pool is concerned."""

    @property
    def clock(self) -> "Clock":
        """The time of the loop, and the calls that are due in it."""
        ...

    def is_running(self) -> bool:
        """Return whether the loop runs, in this thread or in another."""
        ...

    def run_soon(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` in the loop, from another thread; raise ``RuntimeError`` if the loop has ended."""

    def signal(self) -> Signal:
        """Return a new signal."""
        ...

    async def connect(self, route: "Route", seconds: float | None) -> "Connection":
        """Open a connection, TLS included; raise ``httpx.ConnectError`` or ``httpx.ConnectTimeout``."""
        ...


def backend_for(loop: Loop) -> Backend:
    """Return the backend of a loop."""
    if type(loop).__module__.partition(".")[0] == "trio":
        from sinch_voice_async._transport.backends.trio import TrioBackend  # noqa: PLC0415  # see the module

        return TrioBackend(loop)
    from sinch_voice_async._transport.backends.asyncio import AsyncioBackend  # noqa: PLC0415  # see the module

    return AsyncioBackend(cast("AbstractEventLoop", loop))
