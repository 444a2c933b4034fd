"""Mocks of httpx are obeyed, tracers of httpx change nothing: each with the real package."""

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock, patch

import httpx
import pytest
import respx
import vcr  # type: ignore[import-untyped]  # it has no types
from pytest_httpx import HTTPXMock

from sinch_voice_async import RetryPolicy, TransportError, VoiceClient
from sinch_voice_async._transport.httpx_adapter import network_is_mocked
from tests.transport.servers import FaultServer, answer

OK = b'{"callId":"real"}'
ROOT = Path(__file__).parents[2]
TRACERS = {
    "opentelemetry": (
        "opentelemetry.instrumentation.httpx",
        "from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor as I; I().instrument()",
    ),
    "logfire": (
        "logfire",
        "import logfire; logfire.configure(send_to_logfire=False, console=False); logfire.instrument_httpx()",
    ),
    # The other integrations that it finds by itself take seconds to import.
    "sentry": (
        "sentry_sdk",
        """
import sentry_sdk
from sentry_sdk.integrations.httpx import HttpxIntegration
sentry_sdk.init(traces_sample_rate=1.0, auto_enabling_integrations=False, integrations=[HttpxIntegration()])
""",
    ),
    "elastic": ("elasticapm", "import elasticapm; elasticapm.instrument()"),
    "newrelic": (
        "newrelic",
        """
import httpx, newrelic.agent
newrelic.agent.initialize()
newrelic.agent.wrap_function_trace("httpx", "AsyncHTTPTransport.handle_async_request")
""",
    ),
    "ddtrace": ("ddtrace", "import ddtrace; ddtrace.patch(httpx=True)"),
    "by hand": (
        "httpx",
        """
import httpx
original = httpx.AsyncHTTPTransport.handle_async_request
async def traced(self, request):
    return await original(self, request)
httpx.AsyncHTTPTransport.handle_async_request = traced
""",
    ),
}
PROGRAM = """
import sys, warnings
warnings.simplefilter("ignore")
{start}
import anyio
from sinch_voice_async import VoiceClient
from sinch_voice_async._transport.httpx_adapter import network_is_mocked
async def main():
    async with VoiceClient("key", "c2VjcmV0", base_url=sys.argv[1]) as client:
        await client.callouts.tts("+46700000001", "Hi")
        pool = client._transport.session.sender
        print(network_is_mocked(), repr(pool), flush=True)
anyio.run(main)
import os
os._exit(0)  # agents have threads of their own
"""


@pytest.mark.parametrize("tracer", TRACERS)
def test_a_tracer_changes_nothing(tracer: str) -> None:
    """Requests travel through the pool, with its promises, whatever wraps httpx."""
    module, start = TRACERS[tracer]
    if importlib.util.find_spec(module.partition(".")[0]) is None:
        pytest.skip(f"{module} is not installed")
    with FaultServer(answer(OK)) as server:
        done = subprocess.run(  # our own program
            [sys.executable, "-c", PROGRAM.format(start=start), server.url],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
            timeout=300,
        )
        assert server.executed == 1, done.stderr
    assert done.stdout.strip().splitlines()[-1] == "False <ConnectionPool [0 active, 1 idle, 0 waiting]>"


async def place(server: FaultServer) -> str:
    """Place a callout with a client that is not told of any mock, and return the id of the call."""
    async with VoiceClient("key", "c2VjcmV0", base_url=server.url, retry=RetryPolicy(max_attempts=1)) as client:
        return (await client.callouts.tts("+46700000001", "Hi")).call_id


async def test_respx() -> None:
    """Intercepts, and leaves no trace."""
    with FaultServer(answer(OK)) as server:
        with respx.mock() as router:
            router.post(path="/calling/v1/callouts").respond(json={"callId": "mocked"})
            assert await place(server) == "mocked"
        assert server.executed == 0
        assert await place(server) == "real"


@pytest.mark.parametrize("using", ["httpcore", "httpx"])
async def test_respx_by_either_of_its_ways(using: str) -> None:
    """It patches httpcore's pool, or httpx's transport."""
    with FaultServer(answer(OK)) as server, respx.mock(using=using) as router:
        router.post(path="/calling/v1/callouts").respond(json={"callId": "mocked"})
        assert await place(server) == "mocked"


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_pytest_httpx(httpx_mock: HTTPXMock) -> None:
    """Its fixture replaces the method of httpx's transport, and leads on to the original for what it does not mock."""
    httpx_mock.add_response(json={"callId": "mocked"})
    with FaultServer(answer(OK)) as server:
        assert await place(server) == "mocked"
        assert server.executed == 0


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_vcrpy(tmp_path: Path) -> None:
    """A cassette is recorded from the real server, and played without it."""
    cassette = str(tmp_path / "cassette.yaml")
    with FaultServer(answer(OK)) as server:
        for _ in range(2):
            with vcr.use_cassette(cassette, match_on=["method", "path"]):
                assert await place(server) == "real"
        assert server.executed == 1
    assert not network_is_mocked()


async def test_a_mock_of_the_standard_library() -> None:
    """``unittest.mock`` in the place of the method."""
    response = httpx.Response(200, json={"callId": "mocked"})
    with (
        FaultServer(answer(OK)) as server,
        patch.object(httpx.AsyncHTTPTransport, "handle_async_request", AsyncMock(return_value=response)),
    ):
        assert await place(server) == "mocked"
        assert server.executed == 0


async def test_a_mock_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that does not lead to the original never lets a test reach the network."""

    async def fake(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"callId": "mocked"})

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", fake)
    with FaultServer(answer(OK)) as server:
        assert await place(server) == "mocked"
        assert server.executed == 0


async def test_a_mock_that_is_no_function(monkeypatch: pytest.MonkeyPatch) -> None:
    """An object that can be called is one too."""

    class Fake:
        async def __call__(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, json={"callId": "mocked"})

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", Fake())
    with FaultServer(answer(OK)) as server:
        assert await place(server) == "mocked"


async def test_a_mock_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a mock raises proves nothing about what was sent."""

    async def fake(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", fake)
    with FaultServer() as server, pytest.raises(TransportError) as caught:
        await place(server)
    assert caught.value.outcome == "unknown"


def _empty_cell() -> Callable[..., Any]:
    def wrapper() -> Any:
        return later()  # pragma: no cover  # never called: its closure is what counts

    for later in ():  # type: ignore[var-annotated]  # noqa: B007  # never assigned: its cell stays empty
        pass  # pragma: no cover
    return wrapper


def test_a_wrapper_that_is_only_half_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cell leads nowhere: it is no way to the original."""
    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", _empty_cell())
    assert network_is_mocked()


def test_a_circle_of_wrappers_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions that lead to each other for ever are looked at once."""

    def one() -> Any:
        return other()  # pragma: no cover  # never called: its closure is what counts

    def other() -> Any:
        return one()  # pragma: no cover  # the same

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", one)
    assert network_is_mocked()
