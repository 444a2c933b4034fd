"""The WebSockets of other servers than ASGI's: of ``websockets`` on asyncio, and of ``trio-websocket``.

Neither is imported before it is used. Both tell whether a close frame was seen, so the cause of an end is certain.
"""

from typing import Any, Final
from urllib.parse import urlsplit

import anyio

from sinch_voice_async.streams.connection import SocketClosed

__all__ = ["TrioSocket", "WebsocketsSocket", "query_of"]

PING_INTERVAL: Final = 20.0
"""Seconds between pings on trio-websocket, and for the answer to one; ``websockets`` sends its own."""


def query_of(target: str) -> str:
    """Return the query of a request's target."""
    return urlsplit(target).query


class WebsocketsSocket:
    """A connection of ``websockets.asyncio.server``."""

    def __init__(self, connection: Any) -> None:
        from websockets.exceptions import ConnectionClosed  # noqa: PLC0415  # it is there if it has connected

        self._connection = connection
        self._closed: type[Exception] = ConnectionClosed

    async def receive(self) -> str | bytes:
        """Return the next message."""
        try:
            message: str | bytes = await self._connection.recv()
        except self._closed as error:
            raise self._told(error) from None
        return message

    async def send(self, message: str | bytes) -> None:
        """Send a message."""
        try:
            await self._connection.send(message)
        except self._closed as error:
            raise self._told(error) from None

    async def close(self, code: int) -> None:
        """Send a close frame."""
        await self._connection.close(code)

    @staticmethod
    def _told(error: Any) -> SocketClosed:
        return SocketClosed("lost") if error.rcvd is None else SocketClosed("closed", error.rcvd.code)


class TrioSocket:
    """A connection of ``trio_websocket``, which :meth:`keep` pings."""

    def __init__(self, connection: Any) -> None:
        from trio_websocket import ConnectionClosed  # noqa: PLC0415  # it is there if it has connected

        self._connection = connection
        self._closed: type[Exception] = ConnectionClosed
        self._is_lost = False

    async def receive(self) -> str | bytes:
        """Return the next message."""
        try:
            message: str | bytes = await self._connection.get_message()
        except self._closed as error:
            raise self._told(error) from None
        return message

    async def send(self, message: str | bytes) -> None:
        """Send a message."""
        try:
            await self._connection.send_message(message)
        except self._closed as error:
            raise self._told(error) from None

    async def close(self, code: int) -> None:
        """Send a close frame."""
        await self._connection.aclose(code)

    async def keep(self, interval: float = PING_INTERVAL) -> None:
        """Ping the other side until it does not answer, and close the connection then."""
        answered = True
        while answered:
            await anyio.sleep(interval)
            with anyio.move_on_after(interval) as scope:
                try:
                    await self._connection.ping()
                except self._closed:
                    return
            answered = not scope.cancelled_caught
        self._is_lost = True
        with anyio.move_on_after(min(interval, 1.0)):
            await self._connection.aclose(1011)

    def _told(self, error: Any) -> SocketClosed:
        code = getattr(error.reason, "code", None)
        return SocketClosed("lost" if self._is_lost or code in (None, 1006) else "closed", code)
