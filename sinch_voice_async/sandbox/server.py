"""An HTTP server in a thread with an event loop of its own, and connections that can be broken.

So the sandbox answers clients on asyncio and on trio, in other processes, and while the event loop of a test is busy.
A request carries its connection along, which a fault can close. Under ``httpx.ASGITransport`` it has no connection; a
drop is then the exception that httpx raises when a server closes a connection.
"""

import ipaddress
import socket
import threading
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar, cast

import anyio
import anyio.to_thread
import httpx
import uvicorn
from starlette.types import ASGIApp, Receive, Scope
from uvicorn.config import WS_PROTOCOLS
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sinch_voice_async.sandbox import bounds

__all__ = ["BreakableProtocol", "Serving", "drop", "pause"]


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


Served = TypeVar("Served")


class Serving(Generic[Served]):
    """An application while it is served: a context manager, ``async with`` or ``with``, that gives ``served``.

    ``port`` 0 takes a free one; ``lifespan`` runs the application's lifespan around it. Raises ValueError if ``host``
    is not loopback and ``allow_remote`` is not set, and OSError if the port is taken. On leaving, open connections are
    closed.
    """

    def __init__(
        self,
        app: ASGIApp,
        served: Served,
        *,
        host: str,
        port: int,
        allow_remote: bool,
        lifespan: bool = False,
    ) -> None:
        bounds.whole("port", port, most=65_535)
        if not bounds.flag("allow_remote", allow_remote) and not _is_loopback(bounds.text("host", host, most=255)):
            raise ValueError(
                f"host {host!r} is not loopback: other machines could reach the sandbox; "
                "allow_remote=True, or --allow-remote, permits it"
            )
        self._app = app
        self.served: Served = served
        self._address = (host, port)
        self._lifespan = lifespan
        self._running: _Running | None = None

    @property
    def url(self) -> str | None:
        """The URL of the server, as ``http://127.0.0.1:8070``; None while it does not run."""
        return None if self._running is None else self._running.url

    def start(self) -> Served:
        """Start the server. It accepts requests when this returns."""
        if self._running is not None:
            raise RuntimeError("this sandbox is already being served")
        self._running = _Running(self._app, *self._address, lifespan=self._lifespan)
        return self.served

    def stop(self) -> None:
        """Stop the server. The port is free again when this returns."""
        if self._running is not None:
            self._running.stop()
            self._running = None

    def __enter__(self) -> Served:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    async def __aenter__(self) -> Served:
        return self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self.stop)


class _Running:
    """One server and its thread."""

    def __init__(self, app: ASGIApp, host: str, port: int, *, lifespan: bool) -> None:
        listener = _listen(host, port)
        address, number = listener.getsockname()[:2]
        self.url = f"http://[{address}]:{number}" if ":" in address else f"http://{address}:{number}"
        # uvicorn writes no date and no log line: the auth middleware does, by the sandbox's own clock.
        config = uvicorn.Config(
            app,
            http=BreakableProtocol,
            ws="websockets-sansio" if "websockets-sansio" in WS_PROTOCOLS else "auto",
            ws_per_message_deflate=False,
            loop="asyncio",
            lifespan="auto" if lifespan else "off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=75,
        )
        self._server = _Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name="sinch-sandbox", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()


class _Server(uvicorn.Server):
    """uvicorn that stops at once: a stalled answer would keep it running."""

    async def main_loop(self) -> None:
        """Wait until it is time to stop."""
        while not self.should_exit:  # noqa: ASYNC110  # another thread says so
            await anyio.sleep(0.02)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, close every connection, and see each request end by that."""
        for each in (*self.servers, *(sockets or ())):
            each.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        while self.server_state.tasks:  # noqa: ASYNC110  # uvicorn does not tell when a task is done
            await anyio.sleep(0.002)
        await self.lifespan.shutdown()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise _explained(error, host, port) from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise _explained(error, host, port) from None
    return listener


def _explained(error: OSError, host: str, port: int) -> OSError:
    return OSError(error.errno, f"cannot listen at {host} port {port}: {error.strerror}")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
