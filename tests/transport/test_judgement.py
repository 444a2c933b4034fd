"""The outcome is a function of what was seen to be sent: laws over every seam, every exception and both sides of it."""

import builtins
import contextlib
import inspect
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import anyio
import httpcore
import httpx
import idna
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sinch_voice_async
from sinch_voice_async import (
    ConnectError,
    ConnectionPool,
    DecodeError,
    RequestTimeoutError,
    RetryPolicy,
    SinchVoiceError,
    TransportError,
    VoiceClient,
)
from sinch_voice_async._transport.backends.asyncio import AsyncioConnection
from sinch_voice_async._transport.backends.trio import TrioConnection
from sinch_voice_async._transport.exceptions import map_exception, mark, outcome_of
from sinch_voice_async._transport.httpx_adapter import HttpxAdapter
from sinch_voice_async._transport.messages import WireRequest
from sinch_voice_async._transport.pool import PoolState
from sinch_voice_async._transport.tls import Tls
from tests.patience import with_more_time
from tests.transport.servers import FaultServer, answer, silence

OK = b'{"callId":"id"}'
QUICK = RetryPolicy(base_delay=0)


def kinds() -> list[type[Exception]]:
    """Return every class of exception that a transport may raise, foreign ones among them."""
    found: list[type[Exception]] = []
    for module in (builtins, httpx, httpcore, ssl, socket, anyio, idna):
        for _, each in inspect.getmembers(module, inspect.isclass):
            if issubclass(each, Exception) and each not in found:
                found.append(each)
    # AssertionError is a mock's own refusal; the rest ends loops or cannot be made of a text.
    left_alone = (AssertionError, StopIteration, StopAsyncIteration, BaseExceptionGroup, Warning, SinchVoiceError)
    kept = [each for each in found if not issubclass(each, left_alone) and _of(each) is not None]
    return sorted(kept, key=lambda each: f"{each.__module__}.{each.__qualname__}")


def _of(kind: type[Exception]) -> Exception | None:
    """Return an exception of a class; None if it cannot be made."""
    request = httpx.Request("GET", "http://a.example")
    makers: list[Callable[[], Exception]] = [
        lambda: kind("canary"),
        kind,
        lambda: kind("ascii", b"x", 0, 1, "canary"),  # decoding
        lambda: kind("ascii", "x", 0, 1, "canary"),  # encoding
        lambda: kind("canary", request=request, response=httpx.Response(500)),  # type: ignore[call-arg]  # a status
    ]
    for make in makers:
        with contextlib.suppress(Exception):
            error = make()
            str(error)  # some classes want more than they say
            return error
    return None


def ours() -> list[type[Exception]]:
    """Return the errors of this library, which a transport that is built upon it may raise."""
    found = [each for _, each in inspect.getmembers(sinch_voice_async, inspect.isclass)]
    return [each for each in found if issubclass(each, SinchVoiceError) and _of(each) is not None]


KINDS = kinds()
OURS = ours()


def test_there_are_kinds_enough() -> None:
    """The law is about something."""
    names = {each.__name__ for each in KINDS}
    assert {"PoolTimeout", "ConnectError", "UnicodeError", "ImportError", "SSLError", "IDNAError", "KeyError"} <= names
    assert len(KINDS) > 90
    assert {"ConnectError", "ConfigurationError"} <= {each.__name__ for each in OURS}


@pytest.mark.parametrize("kind", OURS, ids=lambda kind: kind.__name__)
def test_the_outcome_of_an_error_of_ours_is_no_evidence(kind: type[Exception]) -> None:
    """What was seen to be sent stands; without evidence, and before the point of sending, the error is its own."""
    for status, expected in ((None, "unknown"), (200, "accepted"), (404, "rejected")):
        error = _of(kind)
        assert error is not None
        assert map_exception(mark(error, request_sent=True, status=status)).outcome == expected
    for sent in (None, False):
        error = _of(kind)
        assert error is not None
        assert map_exception(error if sent is None else mark(error, request_sent=False)) is error


@given(st.sampled_from(KINDS), st.sampled_from([True, False, None]), st.sampled_from([None, 200, 404, 500]))
def test_no_class_overrules_the_evidence(kind: type[Exception], sent: bool | None, status: int | None) -> None:
    """Two exceptions with the same evidence have the same outcome, and an error of ours comes out of each."""
    error = _of(kind)
    assert error is not None
    if sent is not None:
        mark(error, request_sent=sent, status=status if sent else None)
    expected = "unsent" if sent is False else "unknown"
    if sent and status is not None:
        expected = {200: "accepted", 404: "rejected", 500: "unknown"}[status]
    ours = map_exception(error)
    assert ours.outcome == expected
    assert isinstance(ours, SinchVoiceError)
    if sent is False:
        assert outcome_of(error) == "unsent"
        assert isinstance(ours, (ConnectError, RequestTimeoutError))


class Faulty(httpx.AsyncBaseTransport):
    """A transport that raises, before it has sent a request or after."""

    def __init__(self, inner: httpx.AsyncBaseTransport, kind: type[Exception], *, after: bool) -> None:
        self._inner, self._kind, self._after = inner, kind, after

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raise."""
        if self._after:
            response = await self._inner.handle_async_request(request)
            await response.aread()
            await response.aclose()
        error = _of(self._kind)
        assert error is not None
        raise error

    async def aclose(self) -> None:
        """Close what is inside."""
        await self._inner.aclose()


@asynccontextmanager
async def seam(way: str, url: str, kind: type[Exception], *, after: bool) -> AsyncIterator[VoiceClient]:
    """Make a client whose seam raises before or after the point of sending."""
    inner: httpx.AsyncBaseTransport = ConnectionPool() if "pool" in way else httpx.AsyncHTTPTransport()
    faulty = Faulty(inner, kind, after=after)
    async with AsyncExitStack() as stack:
        options: dict[str, object] = {"transport": faulty}
        if "client" in way:
            options = {"http_client": await stack.enter_async_context(httpx.AsyncClient(transport=faulty))}
        settings = {"base_url": url, "retry": QUICK} | options
        yield await stack.enter_async_context(VoiceClient("key", "c2VjcmV0", **settings))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "way", ["transport over httpx", "transport over pool", "client over httpx", "client over pool"]
)
def test_every_seam_and_every_class(way: str) -> None:
    """What somebody's transport raises ends in an error of ours that says the truth, and one phone rings at most."""

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(KINDS) | st.sampled_from(OURS), st.booleans(), st.sampled_from(["asyncio", "trio"]))
    def law(kind: type[Exception], after: bool, backend: str) -> None:
        async def place() -> None:
            async with seam(way, server.url, kind, after=after) as client:
                with pytest.raises(SinchVoiceError) as caught:
                    await client.callouts.tts("+46700000001", "Hi")
            assert caught.value.outcome == "unknown"
            assert caught.value.attempts == 1

        before = server.executed
        anyio.run(place, backend=backend)
        assert server.executed - before == after

    with FaultServer() as server:
        server.script.extend([answer(OK)] * 200)
        law()


FAULTS: dict[str, tuple[tuple[type, str], ...]] = {
    "state": ((PoolState, "acquire"),),
    "connecting": ((PoolState, "connect"),),
    "signing": ((WireRequest, "_signed"),),
    "handshake": ((Tls, "handshake"),),
    "answer": ((AsyncioConnection, "answer"), (TrioConnection, "answer")),
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
@pytest.mark.parametrize("where", FAULTS)
async def test_the_pool_and_every_class(
    kind: type[Exception],
    where: str,
    monkeypatch: pytest.MonkeyPatch,
    server_tls: ssl.SSLContext,
    client_tls: ssl.SSLContext,
) -> None:
    """Inside of the pool, too, only the flag counts: before the first byte it is unsent, behind it never."""

    def fail(*_: object, **__: object) -> None:
        error = _of(kind)
        assert error is not None
        raise error

    with FaultServer(answer(OK), tls=server_tls) as server:
        async with VoiceClient(
            "key", "c2VjcmV0", base_url=server.url, verify=client_tls, retry=RetryPolicy(max_attempts=1)
        ) as client:
            for owner, name in FAULTS[where]:
                monkeypatch.setattr(owner, name, fail)
            with pytest.raises(SinchVoiceError) as caught:
                await client.callouts.tts("+46700000001", "Hi")
            monkeypatch.undo()
    if where == "answer":
        assert (caught.value.outcome, server.executed) == ("accepted", 1)
    else:
        assert (caught.value.outcome, server.executed) == ("unsent", 0)


class Retrying(httpx.AsyncBaseTransport):
    """A transport that tries once more by itself, with or without the extensions of the request."""

    def __init__(self, *attempts: httpx.AsyncBaseTransport, extensions: bool, raises: str) -> None:
        self._attempts, self._extensions, self._raises = attempts, extensions, raises

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Try each transport in turn, and raise the last failure."""
        last: Exception | None = None
        for number, each in enumerate(self._attempts):
            again = request
            if number and not self._extensions:
                extensions = {"timeout": request.extensions["timeout"]}
                again = httpx.Request(
                    request.method, request.url, headers=request.headers, content=request.content, extensions=extensions
                )
            try:
                return await each.handle_async_request(again)
            except httpx.HTTPError as error:
                last = error
        assert last is not None
        raise last

    async def aclose(self) -> None:
        """Close them all."""
        for each in self._attempts:
            await each.aclose()


class Elsewhere(httpx.AsyncBaseTransport):
    """A transport that sends every request to another port."""

    def __init__(self, inner: httpx.AsyncBaseTransport, port: int) -> None:
        self._inner, self._port = inner, port

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it there."""
        request.url = request.url.copy_with(port=self._port)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close what is inside."""
        await self._inner.aclose()


@pytest.mark.parametrize("extensions", [True, False], ids=["traced", "untraced"])
@pytest.mark.parametrize("own", [True, False], ids=["pool", "httpx"])
@pytest.mark.parametrize("order", ["sent, then refused", "refused, then sent"])
async def test_a_transport_that_tries_again(extensions: bool, own: bool, order: str) -> None:
    """One attempt was executed and one refused: whichever came last, nobody may say unsent, and one phone rings."""
    kind = ConnectionPool if own else httpx.AsyncHTTPTransport

    async def once(scale: float) -> None:
        with FaultServer(silence) as server, socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            attempts = [Elsewhere(kind(), server.port), Elsewhere(kind(), unused.getsockname()[1])]
            if order == "refused, then sent":
                attempts.reverse()
            transport = Retrying(*attempts, extensions=extensions, raises="last")
            timeout = httpx.Timeout(300, read=0.2 * scale)
            async with VoiceClient(
                "key", "c2VjcmV0", base_url=server.url, transport=transport, retry=QUICK, timeout=timeout
            ) as client:
                with pytest.raises(TransportError) as caught:
                    await client.callouts.tts("+46700000001", "Hi")
            assert (caught.value.outcome, caught.value.attempts) == ("unknown", 1)
            assert server.executed == 1

    await with_more_time(once)


class Logging(httpx.AsyncBaseTransport):
    """A transport that only passes on."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass it on."""
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close what is inside."""
        await self._inner.aclose()


@pytest.mark.parametrize("kind", [ConnectionPool, httpx.AsyncHTTPTransport])
async def test_a_refused_connection_behind_a_wrapper(kind: type[httpx.AsyncBaseTransport]) -> None:
    """The trace says that the connection failed, and with what: that is proof, and the callout is tried again."""
    async with VoiceClient(
        "key", "c2VjcmV0", base_url="http://127.0.0.1:9", transport=Logging(kind()), retry=QUICK
    ) as client:
        with pytest.raises(ConnectError) as caught:
            await client.callouts.tts("+46700000001", "Hi")
    assert (caught.value.outcome, caught.value.attempts) == ("unsent", 3)


@pytest.mark.parametrize("kind", [ConnectionPool, httpx.AsyncHTTPTransport])
@pytest.mark.parametrize("under", ["transport", "http_client", "wrapper"])
async def test_a_busy_pool_of_somebody(kind: type[httpx.AsyncBaseTransport], under: str) -> None:
    """No connection became free: unsent where the transport is known to trace all that it sends, else unknown."""
    limits = httpx.Limits(max_connections=1)
    with FaultServer(silence) as server:
        inner = kind(limits=limits)  # type: ignore[call-arg]  # both take them
        async with (
            httpx.AsyncClient(transport=inner, timeout=httpx.Timeout(300)) as http,
            anyio.create_task_group() as tasks,
        ):

            async def occupy() -> None:
                await http.get(server.url)

            tasks.start_soon(occupy)
            while not server.executed:
                await anyio.sleep(0.005)
            options: dict[str, object] = {"http_client": http} if under == "http_client" else {"transport": inner}
            if under == "wrapper":
                options = {"transport": Logging(inner)}
            client = VoiceClient(
                "key",
                "c2VjcmV0",
                base_url=server.url,
                timeout=httpx.Timeout(300, pool=0.05),
                **options,  # type: ignore[arg-type]
            )
            with pytest.raises(RequestTimeoutError) as caught:
                await client.with_options(retry=RetryPolicy(max_attempts=1)).callouts.tts("+46700000001", "Hi")
            tasks.cancel_scope.cancel()
    assert caught.value.phase == "pool"
    untraced = under == "wrapper" and kind is httpx.AsyncHTTPTransport  # httpcore does not trace its waiting line
    assert caught.value.outcome == ("unknown" if untraced else "unsent")


async def test_a_transport_that_cannot_be_made() -> None:
    """Nothing was sent by what does not exist."""

    def make() -> httpx.AsyncBaseTransport:
        raise ImportError("canary")

    async with VoiceClient("key", "c2VjcmV0") as client:
        client._transport.session.sender = HttpxAdapter(make, owned=True)
        with pytest.raises(ConnectError) as caught:
            await client.callouts.tts("+46700000001", "Hi")
    assert (caught.value.outcome, caught.value.attempts) == ("unsent", 1)


async def test_an_answer_that_is_too_long() -> None:
    """The bound on answers holds for any transport: the platform acted on the request."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=b"x" * 101))
    async with VoiceClient("key", "c2VjcmV0", transport=transport, max_answer_bytes=100) as client:
        with pytest.raises(DecodeError, match="longer than 100 bytes") as caught:
            await client.callouts.tts("+46700000001", "Hi")
    assert caught.value.outcome == "accepted"


@pytest.mark.parametrize("status", [200, 503])
async def test_a_body_that_breaks_in_a_foreign_way(status: int) -> None:
    """The status has arrived: a success was acted on, whatever the body raises."""

    async def body() -> AsyncIterator[bytes]:
        yield b"{"
        raise KeyError("canary")

    def platform(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, content=body())

    transport = httpx.MockTransport(platform)
    async with VoiceClient("key", "c2VjcmV0", transport=transport, retry=RetryPolicy(max_attempts=1)) as client:
        with pytest.raises(SinchVoiceError) as caught:
            await client.callouts.tts("+46700000001", "Hi")
        if status == 200:
            async with client.recordings.download("a") as download:
                with pytest.raises(SinchVoiceError):
                    await download.read()
    assert caught.value.outcome == ("accepted" if status == 200 else "unknown")
    assert isinstance(caught.value, DecodeError) == (status == 200)


async def test_a_refusal_of_a_mock_surfaces_within_a_stream() -> None:
    """An assertion of a test is the test's to see, wherever it is raised."""

    async def body() -> AsyncIterator[bytes]:
        yield b"{"
        raise AssertionError("canary")

    for status in (200, 400):
        transport = httpx.MockTransport(lambda _, status=status: httpx.Response(status, content=body()))
        async with VoiceClient("key", "c2VjcmV0", transport=transport) as client:
            with pytest.raises(AssertionError, match="canary"):
                async with client.recordings.download("a") as download:
                    await download.read()
