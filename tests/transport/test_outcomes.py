"""Faults on the wire, and what becomes of a callout and of a look-up: nobody is rung twice.

Each row is a server that misbehaves, on a real socket. The callout must end as the table in the explanation of retries
says, whether it goes through our pool, through httpx's own transport, or through our pool under somebody's client.
"""

import ssl
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from types import ModuleType

import attrs
import httpx
import pytest

from sinch_voice_async import (
    APIError,
    AuthenticationError,
    BadRequestError,
    ConnectError,
    ConnectionPool,
    DecodeError,
    RateLimitedError,
    RequestTimeoutError,
    RetryPolicy,
    ServerError,
    SinchVoiceError,
    TransportError,
    VoiceClient,
)
from sinch_voice_async._transport.messages import Request
from tests.patience import with_more_time
from tests.transport.servers import FaultServer, Peer, Step, answer, close, reset, say, silence

OK = b'{"callId":"id"}'
READ = 0.3  # how long one waits for a server that stays silent
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(OK)
Serve = Callable[..., FaultServer]


def refuse(status: int, headers: bytes = b"", body: bytes = b"{}") -> Step:
    """Answer without executing anything: no telephone rings."""
    raw = b"HTTP/1.1 %d X\r\n%bContent-Length: %d\r\n\r\n%b" % (status, headers, len(body), body)

    async def step(peer: Peer) -> None:
        length = (await peer.read_head()).lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await peer._exactly(int(length or b"0"))
        await peer.send(raw)

    return step


@attrs.frozen
class End:
    """How a request ends: the error (None: well), its outcome, the attempts, and the telephones that rang."""

    error: type[SinchVoiceError] | None
    outcome: str | None
    attempts: int
    rings: int


def well(attempts: int = 1, rings: int = 1) -> End:
    """Return the end of a request that was answered with success."""
    return End(None, None, attempts, rings)


LOST = End(TransportError, "unknown", 1, 1)
UNREAD = End(TransportError, "unknown", 1, 0)
GARBLED = End(DecodeError, "accepted", 1, 1)
LATE = End(RequestTimeoutError, "unknown", 1, 1)

# name, script, how a callout ends, how a look-up ends (which "rings" wherever it is executed), delays of the look-up
ROWS: list[tuple[str, Sequence[Step], End, End, list[float]]] = [
    ("well", [answer(OK)], well(), well(), []),
    (
        "1xx first",
        [say(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n", HEAD + OK)],
        well(),
        well(),
        [],
    ),
    ("429", [refuse(429)], well(2), well(2), [1.0]),
    ("429 with Retry-After", [refuse(429, b"Retry-After: 7\r\n")], well(2), well(2), [7.0]),
    (
        "429 with a long Retry-After",
        [refuse(429, b"Retry-After: 121\r\n")],
        End(RateLimitedError, "rejected", 1, 0),
        End(RateLimitedError, "rejected", 1, 0),
        [],
    ),
    (
        "429 for ever",
        [refuse(429)] * 3,
        End(RateLimitedError, "rejected", 3, 0),
        End(RateLimitedError, "rejected", 3, 0),
        [1.0, 2.0],
    ),
    ("400", [refuse(400)], End(BadRequestError, "rejected", 1, 0), End(BadRequestError, "rejected", 1, 0), []),
    (
        "302 to another host",
        [refuse(302, b"Location: http://localhost:9/\r\n")],
        End(APIError, "rejected", 1, 0),
        End(APIError, "rejected", 1, 0),
        [],
    ),
    ("500", [answer(b"{}", status=500)], End(ServerError, "unknown", 1, 1), well(2, 2), [0.05]),
    ("502, HTML", [answer(b"<html>", status=502)], End(ServerError, "unknown", 1, 1), well(2, 2), [0.05]),
    ("503", [answer(b"", status=503)], End(ServerError, "unknown", 1, 1), well(2, 2), [0.05]),
    (
        "503 with Retry-After",
        [refuse(503, b"Retry-After: 2\r\n")],
        End(ServerError, "rejected", 1, 0),
        well(2),
        [2.0],
    ),
    ("501", [answer(b"", status=501)], End(ServerError, "unknown", 1, 1), End(ServerError, "unknown", 1, 1), []),
    ("closed before it was read", [close], UNREAD, well(2), [0.05]),
    ("reset before it was read", [reset], UNREAD, well(2), [0.05]),
    ("executed, then closed", [say(then="close")], LOST, well(2, 2), [0.05]),
    ("executed, then reset", [say(then="reset")], LOST, well(2, 2), [0.05]),
    (
        "executed, then reset, three times",
        [say(then="reset")] * 3,
        LOST,
        End(TransportError, "unknown", 3, 3),
        [0.05, 0.1],
    ),
    ("executed, then silence", [silence], LATE, well(2, 2), [0.05]),
    ("half of the head, then closed", [say(b"HTTP/1.1 200 OK\r\nContent-", then="close")], LOST, well(2, 2), [0.05]),
    ("half of the head, then silence", [say(b"HTTP/1.1 200 OK\r\nContent-")], LATE, well(2, 2), [0.05]),
    ("garbage", [say(b"\x00\x01nothing like HTTP\r\n\r\n", then="close")], LOST, well(2, 2), [0.05]),
    (
        "a head of a megabyte",
        [say(b"HTTP/1.1 200 OK\r\nX: " + b"x" * (1 << 20) + b"\r\n\r\n", then="close")],
        LOST,
        well(2, 2),
        [0.05],
    ),
    (
        "a success cut short",
        [say(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", then="close")],
        GARBLED,
        GARBLED,
        [],
    ),
    (
        "a chunk cut short",
        [say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{", then="close")],
        GARBLED,
        GARBLED,
        [],
    ),
    (
        "a chunk of no size",
        [say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{", then="close")],
        GARBLED,
        GARBLED,
        [],
    ),
    (
        "a success that stalls",
        [say(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")],
        End(RequestTimeoutError, "accepted", 1, 1),
        well(2, 2),
        [0.05],
    ),
    ("a login page", [answer(b"<html>log in</html>")], GARBLED, GARBLED, []),
    ("a success compressed", [answer(OK, headers=b"Content-Encoding: gzip\r\n")], GARBLED, GARBLED, []),
    ("an empty success", [answer(b"")], GARBLED, GARBLED, []),
    (
        "a refusal cut short",
        [say(b"HTTP/1.1 400 X\r\nContent-Length: 99\r\n\r\n{", then="close")],
        End(BadRequestError, "rejected", 1, 1),
        End(BadRequestError, "rejected", 1, 1),
        [],
    ),
]


# Left early, httpx's bodies are unfinished async generators, which trio complains about. Ours are classes.
_THEIRS = pytest.mark.filterwarnings(
    "ignore:.*async_generator object ([A-Za-z0-9]*Stream|Response):pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture(
    params=[
        pytest.param(("pool", False), id="pool"),
        pytest.param(("pool", True), id="pool, TLS"),
        pytest.param(("httpx", False), id="httpx", marks=_THEIRS),
        pytest.param(("pool under httpx", False), id="pool under httpx", marks=_THEIRS),
    ]
)
def road(request: pytest.FixtureRequest) -> tuple[str, bool]:
    """Return by which way the requests go, and whether over TLS."""
    road: tuple[str, bool] = request.param
    return road


@pytest.fixture
def way(road: tuple[str, bool]) -> str:
    """Return by which way the requests go."""
    return road[0]


@pytest.fixture
def secured(road: tuple[str, bool]) -> bool:
    """Return whether the requests go over TLS."""
    return road[1]


class Rig:
    """A client with a clock that does not wait: the delays are written down."""

    def __init__(self, stack: AsyncExitStack, way: str, tls: ssl.SSLContext) -> None:
        self.delays: list[float] = []
        self._stack, self._way, self._tls = stack, way, tls

    async def client(self, server: FaultServer, **options: object) -> VoiceClient:
        """Make a client of the server."""
        if self._way == "httpx":
            options["transport"] = httpx.AsyncHTTPTransport(verify=self._tls)
        elif self._way == "pool under httpx":
            theirs = httpx.AsyncClient(transport=ConnectionPool(verify=self._tls))
            options["http_client"] = await self._stack.enter_async_context(theirs)
        else:
            options["verify"] = self._tls
        settings = {"timeout": httpx.Timeout(300.0), "base_url": server.url} | options
        client = VoiceClient("key", "c2VjcmV0", **settings)  # type: ignore[arg-type]  # options of any type
        session = client._transport.session
        vars(session.clock).update(sleep=self._sleep, jitter=lambda: 1.0)
        return await self._stack.enter_async_context(client)

    async def _sleep(self, delay: float) -> None:
        self.delays.append(delay)


@pytest.fixture
async def rig(anyio_backend: str, way: str, client_tls: ssl.SSLContext):  # type: ignore[no-untyped-def]  # a generator
    """Return what makes clients that go that way."""
    async with AsyncExitStack() as stack:
        yield Rig(stack, way, client_tls)


async def ended(request: object, server: FaultServer) -> End:
    """Await a request and say how it ended."""
    before = server.opened
    assert before >= 0
    try:
        await request  # type: ignore[misc]  # a coroutine
    except SinchVoiceError as error:
        return End(type(error), error.outcome, error.attempts, server.executed)
    return End(None, None, 0, server.executed)


def same(end: End, expected: End) -> bool:
    """Whether it ended as expected; how many attempts a success took is seen by its delays."""
    if expected.error is None:
        return end.error is None and end.rings == expected.rings
    return end == expected


@pytest.mark.parametrize(("script", "expected"), [(row[1], row[2]) for row in ROWS], ids=[row[0] for row in ROWS])
async def test_a_callout_ends_as_the_table_says(serve: Serve, rig: Rig, script: Sequence[Step], expected: End) -> None:
    """The error, what it says became of the callout, and the number of telephones that rang: never more than one."""

    async def once(scale: float) -> None:
        server = serve(*script, answer(OK))
        client = await rig.client(server, timeout=httpx.Timeout(300.0, read=READ * scale if is_late else 300.0))
        end = await ended(client.callouts.tts("+46700000001", "Hi"), server)
        assert same(end, expected)
        assert server.executed <= 1
        assert len(rig.delays) == expected.attempts - 1

    is_late = expected.error is RequestTimeoutError
    await (with_more_time(once) if is_late else once(1.0))


@pytest.mark.parametrize(
    ("script", "is_late", "expected", "delays"),
    [(row[1], row[2].error is RequestTimeoutError, row[3], row[4]) for row in ROWS],
    ids=[row[0] for row in ROWS],
)
async def test_a_look_up_ends_as_the_table_says(
    serve: Serve, rig: Rig, script: Sequence[Step], *, is_late: bool, expected: End, delays: list[float]
) -> None:
    """What changes nothing is repeated on any passing failure, after the delays of the policy."""

    async def once(scale: float) -> None:
        rig.delays.clear()
        server = serve(*script, answer(OK))
        client = await rig.client(server, timeout=httpx.Timeout(300.0, read=READ * scale if is_late else 300.0))
        assert same(await ended(client.calls.get("id"), server), expected)
        assert rig.delays == delays

    await (with_more_time(once) if is_late else once(1.0))


async def test_a_callout_after_503_where_the_user_asks(serve: Serve, rig: Rig) -> None:
    """retry_503 repeats a callout that a load balancer turned away."""
    server = serve(refuse(503, b"Retry-After: 2\r\n"), answer(OK))
    client = await rig.client(server, retry=RetryPolicy(retry_503=True))
    await client.callouts.tts("+46700000001", "Hi")
    assert (server.executed, rig.delays) == (1, [2.0])


async def test_a_deadline_over_all_attempts(serve: Serve, rig: Rig) -> None:
    """A delay that would pass the deadline is not begun; without a deadline it is."""
    script = [refuse(429, b"Retry-After: 100\r\n"), answer(OK)]
    client = await rig.client(serve(*script))
    with pytest.raises(RateLimitedError):
        await client.callouts.tts("+46700000001", "Hi")
    client = await rig.client(serve(*script), retry=RetryPolicy(deadline=None))
    await client.callouts.tts("+46700000001", "Hi")
    assert rig.delays == [100.0]


async def test_a_deadline_cuts_an_attempt_short(serve: Serve, rig: Rig) -> None:
    """An attempt does not outlast what is left of the deadline, whatever its timeout is."""

    async def once(scale: float) -> None:
        client = await rig.client(serve(silence), timeout=None, retry=RetryPolicy(deadline=0.2 * scale))
        with pytest.raises(RequestTimeoutError) as caught:
            await client.callouts.tts("+46700000001", "Hi")
        assert caught.value.phase == "read"

    await with_more_time(once)


async def test_a_bad_certificate_is_permanent(server_tls: ssl.SSLContext, anyio_backend: str) -> None:
    """Nothing was sent, and trying again would not help: one attempt, and the reason in words."""
    with FaultServer(tls=server_tls) as server:
        async with VoiceClient("key", "c2VjcmV0", base_url=server.url) as client:
            with pytest.raises(ConnectError, match="certificate") as caught:
                await client.callouts.tts("+46700000001", "Hi")
    assert (caught.value.outcome, caught.value.attempts, server.executed) == ("unsent", 1, 0)


async def test_a_handshake_that_breaks_off(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    """A TLS handshake that fails sent nothing of the request: it is tried again."""
    with FaultServer() as server:  # speaks plain HTTP to who expects TLS
        server.greeting = close
        async with VoiceClient(
            "key", "c2VjcmV0", base_url=server.url.replace("http:", "https:"), retry=RetryPolicy(base_delay=0)
        ) as client:
            with pytest.raises(ConnectError) as caught:
                await client.callouts.tts("+46700000001", "Hi")
    assert (caught.value.outcome, caught.value.attempts) == ("unsent", 3)


NOON = "Tue, 24 Nov 2026 12:00:00 GMT"
STALE = b'{"errorCode":40105,"message":"expired"}'


def stale(date: str | None = NOON, body: bytes = STALE) -> Step:
    """Refuse the timestamp, and say what time it is."""
    return refuse(401, f"Date: {date}\r\n".encode() if date else b"", body)


async def test_a_wrong_clock_is_corrected_once(serve: Serve, rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """A refused timestamp teaches the client the time: it signs anew at once, says so once, and keeps it."""
    server = serve(stale(), answer(OK), answer(OK))
    client = await rig.client(server)
    vars(client._transport.session.clock).update(now=lambda: 1795521600.0 - 600)
    await client.callouts.tts("+46700000001", "Hi")
    await client.callouts.tts("+46700000001", "Hi")
    stamps = [head.partition(b"x-timestamp: ")[2].partition(b"\r\n")[0] for head in server.heads]
    assert stamps == [b"2026-11-24T12:00:00.500Z"] * 2
    assert rig.delays == [0.0]
    assert [r.levelname for r in caplog.records if "clock is off by +600 seconds" in r.message] == ["WARNING"]


@pytest.mark.parametrize(
    ("script", "attempts"),
    [
        ([stale(), stale()], 2),
        ([stale(date=None)], 1),
        ([stale(date="noon")], 1),
        ([stale(body=b'{"errorCode":40102}')], 1),
    ],
    ids=["still refused", "no Date", "garbled Date", "another code"],
)
async def test_a_clock_is_not_corrected_in_a_loop(
    serve: Serve, rig: Rig, script: Sequence[Step], attempts: int
) -> None:
    """Once per request, and only with a time to correct to."""
    client = await rig.client(serve(*script, answer(OK)))
    vars(client._transport.session.clock).update(now=lambda: 1795521600.0 - 600)
    with pytest.raises(AuthenticationError) as caught:
        await client.callouts.tts("+46700000001", "Hi")
    assert (caught.value.outcome, caught.value.attempts) == ("rejected", attempts)


async def test_a_clock_that_is_right_is_left_alone(serve: Serve, rig: Rig) -> None:
    """A refused timestamp with our own time in the answer is not the clock's fault."""
    client = await rig.client(serve(stale(), answer(OK)))
    vars(client._transport.session.clock).update(now=lambda: 1795521600.0 + 30)
    with pytest.raises(AuthenticationError) as caught:
        await client.callouts.tts("+46700000001", "Hi")
    assert caught.value.attempts == 1


async def test_an_outage_uses_up_the_quota_and_successes_earn_it_back(serve: Serve, rig: Rig) -> None:
    """Thirty-five retries are spent, then failures are final at once; each success gives one unit back."""
    server = serve(*[say(then="close")] * 54, answer(OK))
    client = await rig.client(server)
    quota = client._transport.session.quota
    attempts = []
    for _ in range(19):
        with pytest.raises(TransportError) as caught:
            await client.calls.get("id")
        attempts.append(caught.value.attempts)
    assert attempts == [3] * 17 + [2, 1]
    assert quota.left == 10
    await client.calls.get("id")
    assert quota.left == 11


async def test_an_answer_too_long_is_refused(serve: Serve, rig: Rig) -> None:
    """A JSON answer past the bound is not read into memory, and says so."""
    client = await rig.client(serve(answer(b'{"callId":"' + b"x" * 2000 + b'"}')), max_answer_bytes=1000)
    with pytest.raises(DecodeError) as caught:
        await client.callouts.tts("+46700000001", "Hi")
    assert (caught.value.outcome, caught.value.status) == ("accepted", 200)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (answer(b'{"message":"gone"}', status=404), "gone"),
        (answer(b'{"message":"' + b"x" * 2_000_000 + b'"}', status=404), ""),
        (say(b"HTTP/1.1 404 X\r\nContent-Length: 99\r\n\r\n{", then="close"), ""),
    ],
    ids=["whole", "endless", "cut"],
)
async def test_a_download_that_is_refused(serve: Serve, rig: Rig, step: Step, message: str) -> None:
    """The refusal of a stream is read as far as it explains itself, and its connection is let go."""
    client = await rig.client(serve(step))
    with pytest.raises(APIError) as caught:
        async with client.recordings.download("key"):
            pass  # pragma: no cover - it is refused before
    assert (caught.value.status, caught.value.message) == (404, message)


async def test_a_time_out_of_no_known_phase() -> None:
    """Somebody's transport may raise the bare class: it counts as waiting for the answer."""

    def late(request: httpx.Request) -> httpx.Response:
        raise httpx.TimeoutException("late", request=request)

    async with VoiceClient("key", "c2VjcmV0", transport=httpx.MockTransport(late)) as client:
        with pytest.raises(RequestTimeoutError) as caught:
            await client.callouts.tts("+46700000001", "Hi")
    assert (caught.value.phase, caught.value.outcome) == ("read", "unknown")


async def test_an_open_stream_says_so(serve: Serve, rig: Rig) -> None:
    """A response whose body is on its way shows its status, and may be closed twice."""
    client = await rig.client(serve(answer(b"RIFF")))
    request = Request(method="GET", path="/x", route="/x", repeatable=True)
    stream = await client._transport.stream(request)
    assert repr(stream) == "<StreamedResponse 200>"
    await stream.aclose()
    await stream.aclose()


async def test_httpcore_half_imported_by_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where somebody imports httpx for the first time meanwhile, a request goes out all the same."""
    monkeypatch.setitem(sys.modules, "httpcore", ModuleType("httpcore"))
    with FaultServer(answer(b'{"callId":"c"}')) as server:
        async with VoiceClient("key", "c2VjcmV0", base_url=server.url) as client:
            assert (await client.callouts.tts("+46700000001", "Hello")).call_id == "c"
