"""A trace that somebody replaces says nothing: a callout that was executed is never "unsent", and never placed again.

The witness of a request is its trace. Hooks of a client, methods and pools that are replaced on an object may send the
request without it.
"""

from collections.abc import Callable
from typing import Any

import httpcore
import httpx
import pytest

from sinch_voice_async import ConnectionPool, RetryPolicy, SinchVoiceError, VoiceClient
from tests.transport.servers import FaultServer, say


async def own_trace(event: str, info: dict[str, Any]) -> None:
    """A trace of the user's own."""


async def with_own_trace(request: httpx.Request) -> None:
    """A hook that observes."""
    request.extensions["trace"] = own_trace


async def without_extensions(request: httpx.Request) -> None:
    """A hook that sets other extensions."""
    request.extensions = {"timeout": request.extensions["timeout"]}


async def without_trace(request: httpx.Request) -> None:
    """A hook that takes the trace away."""
    request.extensions.pop("trace")


def bare(request: httpx.Request) -> httpx.Request:
    """The same request without its trace."""
    return httpx.Request(request.method, request.url, headers=request.headers, content=request.content)


def replaced_method(name: str) -> httpx.AsyncClient:
    """A client of which one method was replaced by that of another client, which gets no trace."""
    client, other = httpx.AsyncClient(), httpx.AsyncClient()

    async def send(request: httpx.Request, *args: Any, **options: Any) -> httpx.Response:
        without = bare(request)
        without.extensions = {"timeout": {}}
        return await getattr(other, name)(without, *args, **options)  # type: ignore[no-any-return]

    setattr(client, name, send)
    return client


def replaced_on_the_transport() -> httpx.AsyncHTTPTransport:
    """A transport that hands every request to another."""
    transport, other = httpx.AsyncHTTPTransport(), httpx.AsyncHTTPTransport()

    async def handle(request: httpx.Request) -> httpx.Response:
        return await other.handle_async_request(bare(request))

    vars(transport)["handle_async_request"] = handle
    return transport


class Forgetful(httpcore.AsyncConnectionPool):
    """A pool that forgets the trace."""

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        """Send without the extensions."""
        request.extensions = {"timeout": {}}
        return await super().handle_async_request(request)


def replaced_pool() -> httpx.AsyncHTTPTransport:
    """A transport over another pool."""
    transport = httpx.AsyncHTTPTransport()
    vars(transport)["_pool"] = Forgetful()
    return transport


def hooked(hook: Any, transport: Callable[[], Any]) -> Callable[[], dict[str, Any]]:
    """Return what makes a client with a hook."""
    return lambda: {"http_client": httpx.AsyncClient(event_hooks={"request": [hook]}, transport=transport())}


def replaced(name: str) -> Callable[[], dict[str, Any]]:
    """Return what makes a client of which a method was replaced."""
    return lambda: {"http_client": replaced_method(name)}


WAYS: dict[str, Callable[[], dict[str, Any]]] = {
    **{
        f"{hook.__name__} over {kind}": hooked(hook, transport)
        for hook in (with_own_trace, without_extensions, without_trace)
        for kind, transport in (("httpx", httpx.AsyncHTTPTransport), ("the pool", ConnectionPool))
    },
    **{
        name: replaced(name)
        for name in ("send", "_send_single_request", "_send_handling_redirects", "_send_handling_auth")
    },
    "method of the transport": lambda: {"transport": replaced_on_the_transport()},
    "method of the client's transport": lambda: {
        "http_client": httpx.AsyncClient(transport=replaced_on_the_transport())
    },
    "pool of the transport": lambda: {"transport": replaced_pool()},
}


async def test_a_method_of_every_pool_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a library that repeats requests does: it leads to the original, and so is no mock."""
    original = httpcore.AsyncConnectionPool.handle_async_request

    async def handle(pool: httpcore.AsyncConnectionPool, request: httpcore.Request) -> httpcore.Response:
        request.extensions = {"timeout": {}}
        return await original(pool, request)

    with FaultServer(*[say(b"", then="close")] * 3) as server, monkeypatch.context() as patch:
        patch.setattr(httpcore.AsyncConnectionPool, "handle_async_request", handle)
        options: dict[str, Any] = {"base_url": server.url, "retry": RetryPolicy(base_delay=0)}
        async with VoiceClient("key", "c2VjcmV0", transport=httpx.AsyncHTTPTransport(), **options) as voice:
            with pytest.raises(SinchVoiceError) as caught:
                await voice.callouts.tts("+46700000001", "Hi")
    assert (caught.value.outcome, server.executed) == ("unknown", 1)


@pytest.mark.parametrize("way", WAYS)
async def test_silence_proves_nothing_if_the_witness_is_gone(way: str) -> None:
    """The server reads the callout and hangs up: unknown, once."""
    with FaultServer(*[say(b"", then="close")] * 3) as server:
        given = WAYS[way]()
        async with VoiceClient(
            "key", "c2VjcmV0", base_url=server.url, retry=RetryPolicy(base_delay=0), **given
        ) as voice:
            with pytest.raises(SinchVoiceError) as caught:
                await voice.callouts.tts("+46700000001", "Hi")
        if "http_client" in given:
            await given["http_client"].aclose()
    assert (caught.value.outcome, server.executed) == ("unknown", 1)
