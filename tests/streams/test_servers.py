"""Real servers, real frameworks, and callers that were written from the documents alone or that misbehave."""

import time
from typing import Any

import pytest
from fastapi import FastAPI
from hypercorn.middleware import DispatcherMiddleware
from litestar import Litestar, asgi
from litestar.types import Receive, Scope, Send
from quart import Quart
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

from sinch_voice_async.streams import CallStream, StreamApp, StreamClosed
from sinch_voice_async.streams import connection as connections
from sinch_voice_async.streams.adapters import TrioSocket
from tests.patience import run_with_more_time
from tests.streams.agents import Keeper, app_of, echo, everything_logged, tone
from tests.streams.servers import SERVERS, Independent, served, wait_for


def url_of(app: StreamApp, port: int, path: str = "/streams") -> str:
    """Return where a caller finds an application, with a token."""
    query = app.connect("call-1", token_in="url").destination.endpoint.partition("?")[2]
    return f"ws://127.0.0.1:{port}{path}?{query}"


@pytest.mark.parametrize("server", SERVERS)
def test_an_independent_caller_talks_with_us(server: str) -> None:
    """The whole of a call, on every server and both event loops: answer, sound both ways, and the caller's end."""
    keeper = Keeper(echo)
    app = app_of(keeper)
    with served(app, server) as port:
        caller = Independent(url_of(app, port), callHeaders={"customer": "7"})
        assert caller.verdict() == "answer"
        found = caller.talk(20)
        assert found
        assert set(found) == {b"\x10\x20" * 320}
        caller.leave("1000")
        wait_for(lambda: keeper.is_done)
        assert keeper.stream.call.call_headers == {"customer": "7"}
        assert keeper.ended_by == "caller"
        wait_for(lambda: app.active == 0)
    assert (app.answered, app.failed) == (1, 0)


@pytest.mark.parametrize("server", SERVERS)
def test_we_hang_up(server: str) -> None:
    """The goodbye arrives, and then a clean close."""

    async def goodbye(stream: CallStream) -> None:
        await stream.send_audio(tone(0.3))
        await stream.hang_up()

    keeper = Keeper(goodbye)
    app = app_of(keeper)
    with served(app, server) as port:
        caller = Independent(url_of(app, port))
        assert caller.verdict() == "answer"
        heard = b""
        while (message := caller.receive()) is not None:
            assert isinstance(message, bytes)
            heard += message
        assert heard == tone(0.3)
        assert caller.close_code == 1000
        caller.leave("1000")
        wait_for(lambda: keeper.is_done)
        assert keeper.ended_by == "server"


@pytest.mark.parametrize("server", SERVERS)
def test_a_caller_without_a_token_is_rejected(server: str) -> None:
    """By a text and the code 1008; the second use of a token too."""
    keeper = Keeper(echo)
    app = app_of(keeper)
    with served(app, server) as port:
        url = url_of(app, port)
        first = Independent(url)
        assert first.verdict() == "answer"
        for where in (url, f"ws://127.0.0.1:{port}/streams", url + "x"):
            caller = Independent(where)
            assert caller.verdict() == "reject"
            assert caller.receive() is None
            assert caller.close_code == 1008
            caller.leave("1000")
        first.leave("1000")
        wait_for(lambda: app.active == 0)
    assert (app.answered, app.refused) == (1, 3)


@pytest.mark.parametrize("how", ["cut", "kill"])
@pytest.mark.parametrize("server", SERVERS)
def test_a_connection_that_breaks(server: str, how: str) -> None:
    """Each task ends, and the handler learns the cause if the server can tell it: hypercorn cannot."""
    keeper = Keeper(echo)
    app = app_of(keeper)
    with served(app, server) as port:
        caller = Independent(url_of(app, port))
        assert caller.verdict() == "answer"
        caller.talk(5)
        caller.leave(how)
        wait_for(lambda: keeper.is_done)
        wait_for(lambda: app.active == 0)
    assert keeper.ended_by == ("caller" if server.startswith("hypercorn") else "lost")


@pytest.mark.parametrize("server", SERVERS)
def test_a_caller_who_does_not_read(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not read fills the buffers; the send that hangs ends the stream."""
    monkeypatch.setattr(connections, "SEND_TIMEOUT", 0.5)
    monkeypatch.setattr(connections, "WATCH_INTERVAL", 0.1)

    async def flood(stream: CallStream) -> None:
        while True:
            await stream.send_audio(bytes(96_000 * 2))

    keeper = Keeper(flood)
    app = app_of(keeper, sample_rate=96_000, lead=60.0)
    with served(app, server) as port, Independent(url_of(app, port), sampleRate=96_000) as caller:
        assert caller.verdict() == "answer"
        wait_for(lambda: keeper.is_over)
        if server == "hypercorn-trio":
            # It shields what it sends from cancellation: its task ends with the connection.
            caller.leave("kill")
        wait_for(lambda: keeper.is_done)
        wait_for(lambda: app.active == 0)
        caller.leave("kill")
    assert keeper.ended_by == "lost"
    assert isinstance(keeper.error, StreamClosed)


def starlette(app: StreamApp) -> Any:
    """Route to it in Starlette."""
    return Starlette(routes=[WebSocketRoute("/streams", app)])


def fastapi(app: StreamApp) -> Any:
    """Route to it in FastAPI."""
    outer = FastAPI()
    outer.router.routes.append(WebSocketRoute("/streams", app))
    return outer


def litestar(app: StreamApp) -> Any:
    """Mount it in Litestar."""

    @asgi("/streams", is_mount=True, copy_scope=False)
    async def streams(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)  # type: ignore[arg-type]  # Litestar's messages are typed dictionaries

    return Litestar([streams])


def quart(app: StreamApp) -> Any:
    """Stand beside a Quart application."""
    mounts: dict[str, Any] = {"/streams": app, "": Quart("quart")}
    return DispatcherMiddleware(mounts)


@pytest.mark.parametrize("server", ["uvicorn", "hypercorn", "hypercorn-trio"])
@pytest.mark.parametrize("framework", [starlette, fastapi, litestar, quart])
def test_in_every_framework(framework: Any, server: str) -> None:
    """At the exact path, with the token in the query or in the headers."""
    if framework is quart and server == "uvicorn":
        pytest.skip("the dispatcher is hypercorn's")
    if framework is litestar and server == "hypercorn-trio":
        pytest.skip("Litestar's own lifespan needs asyncio")
    keeper = Keeper(echo)
    app = app_of(keeper)
    with served(framework(app), server) as port:
        for url, headers in (
            (url_of(app, port), {}),
            (f"ws://127.0.0.1:{port}/streams", {"token": app.token("call-1")}),
        ):
            caller = Independent(url, callHeaders=headers)
            assert caller.verdict() == "answer"
            assert caller.talk(5)
            caller.leave("1000")
            wait_for(lambda: app.active == 0)
    assert app.answered == 2


@pytest.mark.parametrize("server", ["uvicorn", "uvicorn-wsproto", "hypercorn", "hypercorn-trio"])
def test_no_server_logs_the_token(server: str) -> None:
    """With its access log on. When debugging, servers print every byte that comes."""
    app = app_of(Keeper(echo))
    with everything_logged() as lines, served(app, server, access_log=True) as port:
        url = url_of(app, port)
        caller = Independent(url)
        assert caller.verdict() == "answer"
        caller.leave("1000")
        wait_for(lambda: app.active == 0)
    token = url.partition("token=")[2]
    ours = [line for line in lines if not line.startswith("websockets.client")]
    assert token not in "".join(ours)
    if server.startswith("uvicorn"):
        assert "token=***" in "".join(ours)


def test_a_half_open_connection_is_found_by_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    """On trio-websocket, which sends none of its own; the call is lost. A caller who answers pings is not."""

    def once(scale: float) -> None:
        monkeypatch.setattr(TrioSocket.keep, "__defaults__", (0.2 * scale,))
        keeper = Keeper(echo)
        app = app_of(keeper)
        with served(app, "trio-websocket") as port:
            caller = Independent(url_of(app, port))
            assert caller.verdict() == "answer"
            for _ in range(8):
                caller.talk(5)
                time.sleep(0.05 * scale)
            assert not keeper.is_done
            # From here on it neither reads nor answers.
            wait_for(lambda: keeper.is_done)
            assert keeper.ended_by == "lost"
            wait_for(lambda: app.active == 0)
            caller.leave("kill")

    run_with_more_time(once)
