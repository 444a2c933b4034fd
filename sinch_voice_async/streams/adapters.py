"""The WebSockets of servers: of ASGI, of ``websockets`` on asyncio, and of ``trio-websocket``.

No library is imported before it is used. The last two tell whether a close frame was seen, so the cause of an end is
certain; ASGI servers do not always.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

import anyio

from sinch_voice_async.streams.connection import SocketClosed

__all__ = ["AsgiSocket", "Message", "Receive", "Scope", "Send", "TrioSocket", "WebsocketsSocket", "query_of"]

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

PING_INTERVAL: Final = 20.0
"""Seconds between pings on trio-websocket, and for the answer to one; ``websockets`` sends its own."""


def query_of(target: str) -> str:
    """Return the query of a request's target."""
    return urlsplit(target).query


class AsgiSocket:
    """The WebSocket of an ASGI connection."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send

    async def accept(self) -> None:
        """Wait for the request, and accept it."""
        if (await self._receive())["type"] != "websocket.connect":
            raise SocketClosed
        await self._pass({"type": "websocket.accept"})

    async def receive(self) -> str | bytes:
        """Return the next message."""
        message = await self._receive()
        if message["type"] != "websocket.receive":
            raise _closed(message)
        data: bytes | None = message.get("bytes")
        text: str = message.get("text") or ""
        return text if data is None else data

    async def send(self, message: str | bytes) -> None:
        """Send a message."""
        kind = "text" if isinstance(message, str) else "bytes"
        await self._pass({"type": "websocket.send", kind: message})

    async def close(self, code: int) -> None:
        """Send a close frame."""
        await self._pass({"type": "websocket.close", "code": code})

    async def _pass(self, message: Message) -> None:
        try:
            await self._send(message)
        except Exception as error:
            # Servers raise what they like for a connection that is gone: OSError, RuntimeError, their own.
            raise SocketClosed from error


def _closed(message: Message) -> SocketClosed:
    """Return what the end of an ASGI connection tells.

    Observed: uvicorn gives ``reason`` only for a close frame, and the code 1006 for none; hypercorn says 1006 for
    every end, without a reason.
    """
    code, framed = message.get("code", 1005), "reason" in message
    if code not in (1005, 1006) or (code == 1005 and framed):
        return SocketClosed("closed", int(code))
    return SocketClosed("unknown" if code == 1006 and not framed else "lost", int(code))


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
