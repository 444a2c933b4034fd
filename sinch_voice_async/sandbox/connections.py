"""What HTTP servers do not offer and broken networks do: a connection that dies in mid-answer, and silence.

A request served by :mod:`.serving` carries its connection along. Under ``httpx.ASGITransport`` there is none, and a
drop is the exception that httpx raises when a server hangs up.
"""

from typing import Any, Protocol, cast

import anyio
import httpx
from starlette.types import Receive, Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["BreakableProtocol", "drop", "pause"]

EXTENSION = "sinch_voice_async.sandbox"


class _Connection(Protocol):
    """The part of an event loop's transport that is needed here."""

    def close(self) -> None:
        """Write what is buffered, then close."""

    def abort(self) -> None:
        """Close at once."""


class BreakableProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1, with the connection within reach of the application."""

    def on_message_begin(self) -> None:
        """Begin a request, and put its connection into the scope."""
        super().on_message_begin()
        cast("dict[str, Any]", self.scope)["extensions"] = {EXTENSION: self.transport}


async def drop(scope: Scope, receive: Receive, *, flush: bool) -> None:
    """Close the connection, after what was already sent has gone out or at once, and wait until it is closed."""
    connection: _Connection | None = scope.get("extensions", {}).get(EXTENSION)
    if connection is None:
        raise httpx.RemoteProtocolError("The sandbox dropped the connection on purpose.")
    if flush:
        connection.close()
    else:
        connection.abort()
    await _disconnected(receive)


async def pause(receive: Receive, seconds: float) -> None:
    """Wait, or stop waiting when the client goes away."""
    with anyio.move_on_after(seconds):
        await _disconnected(receive)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
