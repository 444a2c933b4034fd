"""Over real sockets: real servers, real frameworks, and clients that misbehave."""

import re
import socket
from collections.abc import Callable
from typing import Any

import anyio
import httpx
import pytest
from fastapi import FastAPI
from hypercorn.middleware import DispatcherMiddleware
from litestar import Litestar, asgi
from litestar.types import Receive, Scope, Send
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from sinch_voice_async.testing import signed_callback
from sinch_voice_async.webhooks import DisconnectedCall, WebhookApp
from tests.webhooks.callbacks import CREDENTIALS, EVENTS
from tests.webhooks.servers import served

pytestmark = pytest.mark.parametrize("server", ["uvicorn", "hypercorn"])


def alone(app: WebhookApp) -> Any:
    return app


def starlette_mounts(app: WebhookApp) -> Any:
    return Starlette(routes=[Mount("/a b", routes=[Mount("/hooks", app)])])


def starlette_route(app: WebhookApp) -> Any:
    return Starlette(routes=[Route("/a b/hooks/sinch", app)])


def fastapi_mount(app: WebhookApp) -> Any:
    outer, inner = FastAPI(), FastAPI()
    outer.mount("/a b", inner)
    inner.mount("/hooks", app)
    return outer


def litestar_mount(app: WebhookApp) -> Any:
    @asgi("/hooks", is_mount=True, copy_scope=True)
    async def hooks(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)  # type: ignore[arg-type]  # Litestar's messages are typed dictionaries

    return Litestar([hooks])


def dispatcher(app: Any) -> Any:
    return DispatcherMiddleware({"/hooks": app})


@pytest.mark.parametrize(
    ("mount", "path"),
    [
        (alone, "/a%20b/hooks/sinch"),
        (starlette_mounts, "/a%20b/hooks/sinch"),
        (starlette_route, "/a%20b/hooks/sinch"),
        (fastapi_mount, "/a%20b/hooks/sinch"),
        (litestar_mount, "/hooks/sinch"),
        (dispatcher, "/hooks/si%20nch"),
    ],
)
def test_mounted_anywhere_the_called_path_is_verified(
    server: str, mount: Callable[[WebhookApp], Any], path: str
) -> None:
    """The platform signs the path that it calls, and frameworks take it to pieces in their own ways."""
    app, seen = WebhookApp(credentials=CREDENTIALS), list[DisconnectedCall]()
    app.dice(seen.append)
    headers, body = signed_callback(EVENTS["dice"], CREDENTIALS, path)
    with served(mount(app), server) as port:
        url = f"http://127.0.0.1:{port}"
        assert httpx.post(f"{url}{path}?x=1", headers=headers, content=body).status_code == 200
        assert httpx.post(f"{url}{path}", headers=headers, content=b"{}").status_code == 401
    assert len(seen) == 1


def raw(port: int, request: bytes) -> bytes:
    """Send bytes, and return all that comes until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=300) as connection:
        connection.sendall(request)
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
        return answer


def test_misbehaving_clients_are_answered_and_let_go(server: str) -> None:
    """Chunks without end, a length too large, a body that stalls: each is answered, and the connection is closed."""
    app = WebhookApp(credentials=CREDENTIALS, handler_timeout=0.5)
    app.ice(lambda event: pytest.fail("a handler saw what nobody signed"))
    head = b"POST / HTTP/1.1\r\nhost: x\r\n"
    with served(app, server) as port:
        chunks = b"transfer-encoding: chunked\r\n\r\n" + b"4000\r\n%s\r\n" % (b"x" * 0x4000) * 5
        assert re.match(rb"HTTP/1.1 413 ", raw(port, head + chunks))
        assert re.match(rb"HTTP/1.1 413 ", raw(port, head + b"content-length: 65537\r\n\r\n" + b"x" * 65_537))
        assert re.match(rb"HTTP/1.1 408 ", raw(port, head + b"content-length: 10\r\n\r\n{"))
        assert re.match(rb"HTTP/1.1 408 ", raw(port, head + b"transfer-encoding: chunked\r\n\r\n"))
        assert re.match(rb"HTTP/1.1 405 ", raw(port, b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"))
        assert re.match(rb"HTTP/1.1 401 ", raw(port, head + b"connection: close\r\ncontent-length: 0\r\n\r\n"))


def test_client_that_hangs_up_leaves_no_trace(server: str, caplog: pytest.LogCaptureFixture) -> None:
    """In the middle of its body, and before it has heard the answer."""
    app, reached = WebhookApp(credentials=CREDENTIALS), list[DisconnectedCall]()

    @app.dice
    async def ended(event: DisconnectedCall) -> None:
        reached.append(event)
        await anyio.sleep(0.05)

    headers, body = signed_callback(EVENTS["dice"], CREDENTIALS, "/")
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST / HTTP/1.1\r\nhost: x\r\n{lines}content-length: {len(body)}\r\n\r\n".encode()
    with served(app, server) as port:
        for part in (head, head + body[:10], head + body):
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(part)
        # The next caller is served as if nothing had been.
        headers, body = signed_callback(EVENTS["dice"] | {"callId": "2"}, CREDENTIALS, "/")
        assert httpx.post(f"http://127.0.0.1:{port}/", headers=headers, content=body).status_code == 200
    assert "2" in [event.call_id for event in reached]
    assert [record for record in caplog.records if record.name.startswith("sinch")] == []
