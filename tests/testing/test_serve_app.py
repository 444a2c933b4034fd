"""An application is served to the sandbox, and whole calls are tested on any event loop."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from sinch_voice_async import Credentials, SinchVoiceError, VoiceClient, svaml
from sinch_voice_async.sandbox import Sandbox
from sinch_voice_async.testing import serve_app
from sinch_voice_async.webhooks import IncomingCall, WebhookApp

CREDENTIALS = Credentials("my-key", "bXkgc2VjcmV0")


async def test_the_sandbox_calls_an_application_back() -> None:
    """Somebody dials in, is greeted by the application, and hears it hang up."""
    app = WebhookApp(credentials=CREDENTIALS)

    @app.ice
    async def greet(event: IncomingCall) -> svaml.IceSvaml:
        return svaml.Svaml(instructions=[svaml.Say(f"Hello {event.cli}")], action=svaml.Hangup())

    sandbox = Sandbox(CREDENTIALS.application_key, CREDENTIALS.application_secret, speed=100)
    with serve_app(app) as url:
        sandbox.account.callback_urls.primary = url
        async with sandbox.serve(), VoiceClient(**sandbox.client_options()) as client:
            call = await sandbox.dial_in("+46700000001", "+46700000000")
            await call.until_final(timeout=300)
            assert (await client.calls.get(call.call_id)).reason == "MANAGERHANGUP"
    assert [heard.text for heard in call.transcript] == ["Hello +46700000001"]


async def test_it_is_served_no_longer() -> None:
    """When the block is left, its port is free."""
    with serve_app(WebhookApp(credentials=CREDENTIALS)) as url:
        async with httpx.AsyncClient(verify=False, trust_env=False) as http:  # plain http
            assert (await http.post(url)).status_code == 401
    with pytest.raises(OSError):
        await anyio.connect_tcp("127.0.0.1", httpx.URL(url).port or 0)


def starlette(lifespan: Any) -> Starlette:
    """Return an application that answers with what its lifespan has made."""

    async def show(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(getattr(request.state, "made", "nothing")))

    return Starlette(routes=[Route("/", show), Route("/deep", show)], lifespan=lifespan)


def test_the_lifespan_runs_around_the_block() -> None:
    """It has begun before the first request, its state is in each request, and it has ended behind the block."""
    steps = []

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, str]]:
        steps.append("begun")
        yield {"made": "client"}
        steps.append("ended")

    with serve_app(starlette(lifespan)) as url:
        assert steps == ["begun"]
        assert not url.endswith("/")
        assert httpx.get(url, trust_env=False).text == httpx.get(f"{url}/deep", trust_env=False).text == "client"
    assert steps == ["begun", "ended"]


@pytest.mark.parametrize("when", ["start", "end"])
def test_a_lifespan_that_fails_is_an_error(when: str) -> None:
    """The error says what was raised, instead of a request that fails later."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        if when == "start":
            raise LookupError("no database")
        yield
        raise LookupError("no database")

    with (
        pytest.raises(SinchVoiceError, match=f"failed at the {when}: LookupError: no database"),
        serve_app(starlette(lifespan)) as url,
    ):
        assert when == "end", url


def test_an_application_without_a_lifespan_is_served() -> None:
    """It may refuse the message, or fail at it in any way: the protocol says that it has no lifespan then."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    with serve_app(application) as url:
        assert httpx.get(url, trust_env=False).status_code == 204


def test_a_lifespan_that_says_that_it_failed_is_an_error() -> None:
    """Also if it raises nothing."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    with pytest.raises(SinchVoiceError, match="no database"), serve_app(application):
        ...
