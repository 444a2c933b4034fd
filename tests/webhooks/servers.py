"""Real servers for the tests: uvicorn on asyncio, hypercorn on trio, each in a thread with its own event loop."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import anyio
import hypercorn.config
import hypercorn.trio
import trio
import uvicorn


@contextlib.contextmanager
def served(app: Any, server: str) -> Iterator[int]:
    """Serve an ASGI application on a free loopback port, by ``"uvicorn"`` or ``"hypercorn"``; give the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    port: int = listener.getsockname()[1]
    with {"uvicorn": _uvicorn, "hypercorn": _hypercorn}[server](app, listener):  # Both close the socket.
        yield port


@contextlib.contextmanager
def _uvicorn(app: Any, listener: socket.socket) -> Iterator[None]:
    running = uvicorn.Server(
        uvicorn.Config(app, log_config=None, access_log=False, lifespan="on", ws="none", timeout_graceful_shutdown=0)
    )
    thread = threading.Thread(target=running.run, args=([listener],))
    thread.start()
    try:
        yield
    finally:
        running.should_exit = True
        thread.join()


@contextlib.contextmanager
def _hypercorn(app: Any, listener: socket.socket) -> Iterator[None]:
    config = hypercorn.config.Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.graceful_timeout = 0.1
    config.accesslog = config.errorlog = None
    stop, token = trio.Event(), list[trio.lowlevel.TrioToken]()
    started = threading.Event()

    async def serve() -> None:
        token.append(trio.lowlevel.current_trio_token())
        started.set()
        await hypercorn.trio.serve(app, config, shutdown_trigger=stop.wait, mode="asgi")

    thread = threading.Thread(target=anyio.run, args=(serve,), kwargs={"backend": "trio"})
    thread.start()
    started.wait()
    try:
        yield
    finally:
        token[0].run_sync_soon(stop.set)
        thread.join()
