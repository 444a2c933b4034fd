"""The application: who is let in, what is answered, and how each call ends."""

import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any, Literal

import anyio
import pytest

from sinch_voice_async import Credentials, svaml
from sinch_voice_async.errors import ConfigurationError, InvalidRequestError, StreamClosed
from sinch_voice_async.streams import CallStream, StreamApp, StreamRequest, Verdict
from sinch_voice_async.streams import connection as connections
from sinch_voice_async.testing import StreamPeer, stream_peer
from sinch_voice_async.webhooks import IncomingCall, MemoryReplayCache
from tests.streams.agents import KEY, SECRET, URL, Keeper, app_of, echo, everything_logged, listen, near, tone


def headers_of(action: svaml.ConnectStream) -> dict[str, str]:
    """Return the call headers of an action."""
    return {header.key: header.value for header in action.call_headers or ()}


def test_connect_makes_the_action() -> None:
    """With the rate, the headers, and a token in both places; each token is another."""
    app = app_of(sample_rate=24_000)
    event = IncomingCall(call_id="call-1")
    action = app.connect(event, call_headers={"customer": "7"}, max_duration=60)
    assert action.destination.endpoint.startswith(URL + "?token=")
    assert (action.streaming_options.version, action.streaming_options.sample_rate) == (1, 24_000)  # type: ignore[union-attr]
    assert action.max_duration == 60
    headers = headers_of(action)
    assert headers.pop("token") == action.destination.endpoint.partition("token=")[2]
    assert headers == {"customer": "7"}
    assert headers_of(app.connect("call-1"))["token"] != headers_of(app.connect("call-1"))["token"]
    svaml.Svaml(action=action).check("ice")


@pytest.mark.parametrize(
    ("where", "url", "header"), [("url", True, False), ("headers", False, True), ("both", True, True)]
)
def test_where_the_token_goes(where: Any, url: bool, header: bool) -> None:
    """The documents advise either; a query that is there stays."""
    app = StreamApp(KEY, SECRET, url=URL + "?a=b")
    action = app.connect(token_in=where)
    assert action.destination.endpoint.startswith(URL + "?a=b")
    assert ("token=" in action.destination.endpoint, "token" in headers_of(action)) == (url, header)


def test_connect_refuses_what_cannot_be() -> None:
    """No URL, a header that is the token's, another place, and too many bytes."""
    with pytest.raises(ConfigurationError, match="url is missing"):
        StreamApp(KEY, SECRET).connect()
    late = StreamApp(KEY, SECRET)
    late.url = URL
    assert late.url == URL
    assert late.connect().destination.endpoint.startswith(URL)
    with pytest.raises(ConfigurationError, match="url must be"):
        late.url = "http://agent.example.com"
    with pytest.raises(InvalidRequestError, match="'token'"):
        app_of().connect(call_headers={"Token": "x"})
    with pytest.raises(InvalidRequestError, match="token_in"):
        app_of().connect(token_in="cookie")  # type: ignore[arg-type]
    with pytest.raises(InvalidRequestError, match="call_headers"):
        app_of().connect(call_headers={"a": "x" * 1_000})


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "https://agent.example.com"},
        {"url": "wss://"},
        {"url": "wss://[x/"},
        {"url": "wss://a b"},
        {"url": "wss://a/#b"},
        {"url": 5},
        {"sample_rate": 11_025},
        {"sample_rate": True},
        {"answer_timeout": 0},
        {"token_ttl": -1},
        {"max_calls": -1},
        {"lead": float("nan")},
        {"lead": 61},
        {"backlog": 0},
        {"heartbeat": "15"},
        {"max_message": 1},
        {"handler_grace": -1},
        {"bind_calls": 1},
        {"require_token": None},
        {"clock": 5},
    ],
)
def test_arguments_are_bounded(wrong: dict[str, Any]) -> None:
    """The message names the argument."""
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        StreamApp(KEY, SECRET, **wrong)


def test_credentials_are_those_of_the_webhooks(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the environment, as a pair, or as one or several."""
    with pytest.raises(ConfigurationError, match="application key"):
        StreamApp()
    with pytest.raises(ConfigurationError, match="not both"):
        StreamApp(KEY, SECRET, credentials=Credentials(KEY, SECRET))
    for wrong in ([], ["key"]):
        with pytest.raises(ConfigurationError, match="credentials"):
            StreamApp(credentials=wrong)  # type: ignore[arg-type]
    monkeypatch.setenv("SINCH_APPLICATION_KEY", KEY)
    monkeypatch.setenv("SINCH_APPLICATION_SECRET", SECRET)
    assert repr(StreamApp()) == "<StreamApp without url at 16000 Hz, 0 active>"
    assert SECRET not in repr(vars(StreamApp(credentials=Credentials(KEY, SECRET))))


async def test_a_secret_is_rotated() -> None:
    """A token of the old one is good while both are known."""
    old, new = Credentials(KEY, "b2xk"), Credentials(KEY, SECRET)
    app = StreamApp(credentials=[new, old], url=URL)
    app.on_call(listen)
    async with stream_peer(app, action=StreamApp(credentials=old, url=URL).connect("call-1")) as caller:
        assert caller.verdict == "answer"


async def test_a_call_is_answered_by_its_action() -> None:
    """The action that answered the ICE carries all that the stream needs."""
    keeper = Keeper()
    app = app_of(keeper, sample_rate=24_000)
    for where in PLACES:
        action = app.connect("call-1", call_headers={"customer": "7"}, token_in=where)
        async with stream_peer(app, action=action) as caller:
            assert caller.verdict == "answer"
            assert keeper.stream.call.call_headers == {"customer": "7"}
            assert keeper.stream.sample_rate == 24_000
    assert (app.answered, app.refused, app.failed, app.active) == (3, 0, 0, 0)


PLACES: tuple[Literal["both", "url", "headers"], ...] = ("both", "url", "headers")


async def rejected(app: StreamApp, caplog: pytest.LogCaptureFixture, **options: Any) -> str:
    """Call an application that rejects, and return what it logs."""
    asked: list[StreamRequest] = []
    app.on_call(listen)
    app.on_request(asked.append)
    caplog.clear()
    with caplog.at_level(logging.WARNING, "sinch_voice_async.streams"):
        async with stream_peer(app, **options) as caller:
            assert caller.verdict == "reject"
            assert caller.commands == ["reject"]
            assert caller.close_code == 1008
    assert asked == []
    assert app.answered == 0
    return " ".join(caplog.messages)


async def test_no_handler_sees_a_call_without_a_token(caplog: pytest.LogCaptureFixture) -> None:
    """None, a wrong one, one of another secret, an expired one, a used one; the log says which, and not the token."""
    now = 1_000.0
    cache = MemoryReplayCache()
    app = StreamApp(KEY, SECRET, url=URL, clock=lambda: now, replay_cache=cache)
    none = StreamApp(KEY, SECRET, url=URL, require_token=False)
    assert "it has no token" in await rejected(app, caplog, action=svaml.ConnectStream("wss://x/streams"))
    assert "its token is wrong" in await rejected(app, caplog, token="guess")
    other = StreamApp(KEY, "b3RoZXI=", url=URL, clock=lambda: now)
    assert "its token is wrong" in await rejected(app, caplog, action=other.connect("call-1"))
    token = app.token("call-1")
    now = 1_121.0
    told = await rejected(app, caplog, token=token)
    assert "expired 1 s ago" in told
    assert token not in told
    fresh = app.token("call-1")
    app.on_request(lambda request: None)
    app.on_call(listen)
    async with stream_peer(app, token=fresh) as caller:
        assert caller.verdict == "answer"
    app.answered = 0
    assert "was used before" in await rejected(app, caplog, token=fresh)
    assert len(cache) == 1
    none.on_call(listen)
    async with stream_peer(none, token="") as caller:
        assert caller.verdict == "answer"


async def test_a_token_of_another_call(caplog: pytest.LogCaptureFixture) -> None:
    """Is logged, and refused only if calls are bound: that both ids are equal is likely, not documented."""
    app = app_of(listen)
    with caplog.at_level(logging.WARNING):
        async with stream_peer(app, token=app.token("call-2")) as caller:
            assert caller.verdict == "answer"
    assert "made for call 'call-2'" in caplog.text
    bound = app_of(bind_calls=True)
    assert "made for call 'call-2'" in await rejected(bound, caplog, token=bound.token("call-2"))
    bound.on_request(lambda request: "answer")
    bound.on_call(listen)
    async with stream_peer(bound, token=bound.token()) as caller:
        assert caller.verdict == "answer"


class Shared:
    """A replay cache that several machines share, or that fails."""

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.seen: dict[str, float] = {}

    async def add(self, signature: str, seconds: float) -> bool:
        """Say whether it is new."""
        if self.fails:
            raise OSError("no cache")
        known = signature in self.seen
        self.seen[signature] = seconds
        return not known

    async def discard(self, signature: str) -> None:
        """Forget it."""


async def test_several_machines_share_what_is_spent(caplog: pytest.LogCaptureFixture) -> None:
    """A token that was used on one is refused on another; without the cache no call is let in."""
    cache = Shared()
    first, second = (app_of(listen, replay_cache=cache) for _ in range(2))
    token = first.token("call-1")
    async with stream_peer(first, token=token) as caller:
        assert caller.verdict == "answer"
    assert "was used before" in await rejected(second, caplog, token=token)
    [(key, seconds)] = cache.seen.items()
    assert key.startswith("stream:")
    assert token not in key
    assert 100 < seconds <= 120
    cache.fails = True
    assert "replay cache failed" in await rejected(second, caplog, token=first.token())


@pytest.mark.parametrize("is_async", [True, False])
@pytest.mark.parametrize(
    ("decision", "verdict", "code"),
    [("answer", "answer", None), (None, "answer", None), ("busy", "busy", 1000), ("reject", "reject", 1008)],
)
async def test_a_request_is_decided(is_async: bool, decision: Verdict, verdict: str, code: int | None) -> None:
    """Before anything is answered, by a handler of either kind."""
    asked: list[StreamRequest] = []
    app = app_of(listen)

    if is_async:

        @app.on_request
        async def decide(request: StreamRequest) -> Verdict | None:
            asked.append(request)
            return decision
    else:

        @app.on_request
        def decide_now(request: StreamRequest) -> Verdict | None:
            asked.append(request)
            return decision

    async with stream_peer(app, call_headers={"customer": "7"}) as caller:
        assert (caller.verdict, caller.close_code) == (verdict, code)
    assert asked[0].call_headers == {"customer": "7"}
    assert app.refused == (verdict != "answer")


@pytest.mark.parametrize(
    ("decide", "told"),
    [
        (lambda request: 1 / 0, "on_request failed"),
        (lambda request: "maybe", "on_request must return 'answer', 'busy' or 'reject', not 'maybe'"),
        (lambda request: b"answer", "'busy' or 'reject', not bytes"),
        (lambda request: anyio.sleep_forever(), "took too long"),
    ],
)
async def test_no_decision_is_a_rejection(decide: Any, told: str, caplog: pytest.LogCaptureFixture) -> None:
    """The log says why."""
    app = app_of(listen, answer_timeout=0.05)
    app.on_request(decide)
    async with stream_peer(app) as caller:
        await caller.until(lambda: caller.close_code is not None)
        assert (caller.verdict, caller.close_code) == ("reject", 1008)
    assert told in caplog.text


async def test_without_a_handler(caplog: pytest.LogCaptureFixture) -> None:
    """A program that is not finished rejects its calls, and says so."""
    async with stream_peer(app_of()) as caller:
        assert caller.verdict == "reject"
    assert "@on_call" in caplog.text
    for register in (app_of().on_call, app_of().on_request):
        with pytest.raises(ConfigurationError, match="handler must be"):
            register(5)  # type: ignore[type-var]


@pytest.mark.parametrize("kind", ["function", "generator"])
async def test_a_handler_that_is_not_async_is_named(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """The log says how to write it, and the call ends."""

    def function(stream: CallStream) -> None:
        """Forget ``async``."""

    async def generator(stream: CallStream) -> AsyncIterator[None]:
        yield  # pragma: no cover  # no one iterates over it

    handler: Any = function if kind == "function" else generator
    app = app_of(handler)
    async with stream_peer(app) as caller:
        await caller.until(lambda: caller.close_code is not None)
        assert (caller.verdict, caller.close_code) == ("answer", 1000)
    assert app.failed == 1
    assert "must be `async def`, without `yield`: it returned " in caplog.text


def test_a_call_header_that_is_not_text_is_named() -> None:
    """A number of a database is easily passed as it is."""
    app = app_of(listen)
    with pytest.raises(InvalidRequestError, match=r"call_headers\['customer'\] must be str, not int") as caught:
        app.connect(call_headers={"name": "Ann", "customer": 7})  # type: ignore[dict-item]
    assert caught.value.field == "call_headers"


async def test_more_calls_than_permitted_are_busy() -> None:
    """And are taken again when one is over."""
    app = app_of(listen, max_calls=1)
    async with stream_peer(app) as first:
        assert first.verdict == "answer"
        assert app.active == 1
        async with stream_peer(app) as second:
            assert (second.verdict, second.close_code) == ("busy", 1000)
    async with stream_peer(app) as third:
        assert third.verdict == "answer"
    assert (app.answered, app.refused, app.active) == (2, 1, 0)


async def test_a_connection_that_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Is closed after a while; odd messages do not prolong it."""
    app = app_of(listen)
    async with silent(app) as caller:
        caller.send("hello")
        caller.send(b"1" * 100)
        await caller.wait(4.9)
        assert caller.close_code is None
        await caller.wait(0.2)
        assert caller.close_code == 1008
    assert "no connect within 5 s" in caplog.text
    assert app.refused == 1


def silent(app: StreamApp) -> Any:
    """Connect a caller whose first message is not ``connect``."""
    return stream_peer(app, fields={"command": "hello"})


async def test_a_caller_who_leaves_at_once() -> None:
    """Before the request, before the verdict, and before the answer: each ends, and none is answered."""
    app = app_of(listen)
    async with silent(app) as caller:
        await caller.hang_up()
    deciding, decided = anyio.Event(), anyio.Event()

    @app.on_request
    async def decide(_request: StreamRequest) -> None:
        deciding.set()
        await decided.wait()

    async with stream_peer(app) as caller:
        await deciding.wait()
        await caller.vanish()
        decided.set()
    app.on_request(lambda request: "busy")
    async with stream_peer(app) as caller:
        pass
    assert (app.answered, app.active) == (0, 0)


async def test_other_scopes_are_refused() -> None:
    """All but the lifespan of a server."""
    sent: list[Mapping[str, Any]] = []
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    app = app_of(echo)
    assert app.asgi is app
    with pytest.raises(ValueError, match="not by http"):
        await app({"type": "http"}, receive, send)
    await app({"type": "lifespan"}, receive, send)
    assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    messages.append({"type": "websocket.disconnect"})
    await app({"type": "websocket"}, receive, send)
    assert len(sent) == 2


async def test_the_token_is_logged_nowhere() -> None:
    """Neither by us, nor in the scope that servers log."""
    app = app_of(echo)
    action = app.connect("call-1", call_headers={"x": "y"})
    token = headers_of(action)["token"]
    scopes: list[Any] = []

    async def outer(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(scope)
        scope["query_string"] += b"&a=b"
        await app(scope, receive, send)

    with everything_logged() as lines:
        async with stream_peer(outer, action=action) as caller:
            await caller.wait(0.1)
            assert caller.verdict == "answer"
            assert scopes[0]["query_string"] == b"token=***&a=b"
        async with stream_peer(outer, action=action) as caller:
            assert caller.verdict == "reject"
    assert token not in "".join(lines)
    assert token.split(".")[2] not in "".join(lines)


# ---- how calls end


async def test_the_caller_hangs_up() -> None:
    """The iteration ends, and a send raises the cause."""
    found: list[Any] = []

    async def work(stream: CallStream) -> None:
        await listen(stream)
        found.append(stream.ended)
        await stream.send_audio(tone(0.1))

    keeper = Keeper(work)
    app = app_of(keeper)
    async with stream_peer(app) as caller:
        await caller.wait(1.0)
    assert (found[0].by, found[0].code, round(found[0].seconds, 1)) == ("caller", 1000, 1.0)
    assert isinstance(keeper.error, StreamClosed)
    assert keeper.error.by == "caller"
    assert app.failed == 0


async def test_the_caller_hangs_up_while_we_speak() -> None:
    """Each task that speaks learns it at once."""
    keeper = Keeper(_speak)
    app = app_of(keeper)
    async with stream_peer(app) as caller:
        await caller.wait(1.0)
    assert isinstance(keeper.error, BaseExceptionGroup)
    assert app.failed == 0
    assert near(keeper.stream.ended.seconds, 1.0)  # type: ignore[union-attr]


async def _speak(stream: CallStream) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stream.send_audio, tone(60))
        tasks.start_soon(listen, stream)


async def test_the_handler_returns() -> None:
    """That hangs up, after what was said is heard."""
    keeper = Keeper(_hello)
    async with stream_peer(app_of(keeper)) as caller:
        await caller.wait(1.0)
        assert caller.close_code == 1000
        assert caller.heard[:9_600] == tone(0.3)
    assert keeper.ended_by == "handler"
    assert near(keeper.stream.ended.seconds, 0.3)  # type: ignore[union-attr]


async def _hello(stream: CallStream) -> None:
    await stream.send_audio(tone(0.3))


async def test_the_handler_fails(caplog: pytest.LogCaptureFixture) -> None:
    """That hangs up too; it is logged and counted, and the next call is taken."""

    async def fail(stream: CallStream) -> None:
        raise RuntimeError("out of ideas")

    app = app_of(keeper := Keeper(fail))
    for _ in range(2):
        async with stream_peer(app) as caller:
            assert caller.close_code == 1000
    assert keeper.ended_by == "handler"
    assert "out of ideas" in caplog.text
    assert (app.failed, app.answered, app.active) == (2, 2, 0)


async def test_an_error_after_the_end_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    """It is the handler's own, and does not change why the call ended."""

    async def fail(stream: CallStream) -> None:
        await listen(stream)
        raise RuntimeError("no summary")

    app = app_of(keeper := Keeper(fail))
    async with stream_peer(app) as caller:
        await caller.wait(0.1)
    assert keeper.ended_by == "caller"
    assert app.failed == 1
    assert "no summary" in caplog.text


async def test_a_handler_that_does_not_end_is_cancelled(caplog: pytest.LogCaptureFixture) -> None:
    """Five seconds after its call: a model that is waited for would keep it for ever."""

    async def hang(stream: CallStream) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.sleep_forever)
            await listen(stream)

    keeper = Keeper(hang)
    async with stream_peer(app_of(keeper)) as caller:
        await caller.wait(0.1)
        await caller.hang_up()
        assert not keeper.is_done
        begun = caller.now
    assert keeper.is_done
    assert 4.9 <= caller.now - begun <= 5.2
    assert "is cancelled: its call is over" in caplog.text


@pytest.mark.parametrize(
    ("disconnect", "heard_before", "by"),
    [
        ({"code": 1000}, 0.0, "caller"),
        ({"code": 1001, "reason": "going away"}, 0.0, "caller"),
        ({"code": 1005, "reason": ""}, 0.0, "caller"),
        ({"code": 1005}, 0.0, "lost"),
        ({"code": 1006, "reason": ""}, 0.0, "lost"),
        ({"code": 1006}, 0.0, "caller"),
        ({"code": 1006}, 10.0, "lost"),
        ({}, 0.0, "lost"),
    ],
)
async def test_ends_are_told_by_cause(disconnect: dict[str, Any], heard_before: float, by: str) -> None:
    """As observed: uvicorn gives a reason for a close frame only, hypercorn says 1006 for every end."""
    keeper = Keeper()
    async with stream_peer(app_of(keeper)) as caller:
        await caller.wait(0.1)
        if heard_before:
            caller.time.advance(caller.now + heard_before)
        await caller._leave({"type": "websocket.disconnect", **disconnect})
    assert keeper.ended_by == by


async def test_a_platform_that_is_silent() -> None:
    """After a minute without any message it is gone."""
    keeper = Keeper()
    async with stream_peer(app_of(keeper)) as caller:
        await caller.wait(1.0)
        for _ in range(62):
            caller.time.advance(caller.now + 1)
            await caller.settle()
        assert caller.close_code == 1000
    assert keeper.ended_by == "silence"


async def test_a_heartbeat_in_our_silence() -> None:
    """After 15 s without a message of ours; sound is a sign of life too."""
    keeper = Keeper()
    async with stream_peer(app_of(keeper)) as caller:
        await caller.wait(14.0)
        assert caller.commands == ["answer"]
        await caller.wait(2.0)
        assert caller.commands == ["answer", "heartbeat"]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(keeper.stream.send_audio, tone(20))
            await caller.wait(25)
        assert caller.commands == ["answer", "heartbeat"]


async def test_a_platform_that_does_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A send that hangs ends the stream after five seconds; every task that sends learns it."""
    stuck = anyio.Event()
    take = StreamPeer.take

    async def hang(peer: StreamPeer, message: Any) -> None:
        if message.get("bytes"):
            stuck.set()
            await anyio.sleep_forever()
        await take(peer, message)

    monkeypatch.setattr(StreamPeer, "take", hang)
    keeper = Keeper(_speak)
    app = app_of(keeper)
    async with stream_peer(app) as caller:
        await stuck.wait()
        await caller.wait(4.5)
        assert keeper.stream.ended is None
        await caller.wait(2.0)
    assert keeper.ended_by == "lost"
    assert "took no message for 5 s" in getattr(keeper.stream.ended, "reason", "")


async def test_a_send_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the reading side does not tell the end within a second, the connection is lost."""
    take = StreamPeer.take

    async def fail(peer: StreamPeer, message: Any) -> None:
        if message.get("bytes"):
            raise RuntimeError("Unexpected ASGI message")
        await take(peer, message)

    monkeypatch.setattr(StreamPeer, "take", fail)
    keeper = Keeper(_hello)
    app = app_of(keeper)
    async with stream_peer(app) as caller:
        await caller.wait(2.0)
    assert keeper.ended_by == "lost"
    assert isinstance(keeper.error, StreamClosed)
    assert app.failed == 0


async def test_an_answer_that_does_not_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    """No handler runs; the same holds for a rejection, and for a heartbeat."""
    take = StreamPeer.take
    fails = ["answer"]

    async def fail(peer: StreamPeer, message: Any) -> None:
        if any(each in message.get("text", "") for each in fails):
            raise OSError("gone")
        await take(peer, message)

    monkeypatch.setattr(StreamPeer, "take", fail)
    monkeypatch.setattr(connections, "CLOSE_TIMEOUT", 0.05)
    app = app_of(listen)
    async with stream_peer(app) as caller:
        await caller.wait(1.0)
        assert caller.verdict is None
    fails[:] = ["reject"]
    async with stream_peer(app, token="") as caller:
        await caller.wait(1.0)
        assert caller.verdict is None
    fails[:] = ["heartbeat"]
    app = app_of(keeper := Keeper())
    async with stream_peer(app) as caller:
        await caller.wait(20.0)
    assert keeper.ended_by == "lost"


async def test_a_message_that_is_too_large() -> None:
    """Closes the stream; it is the server that ends it."""
    keeper = Keeper()
    async with stream_peer(app_of(keeper, max_message=2_000)) as caller:
        caller.send(b"x" * 2_001)
        await caller.wait(0.1)
        assert caller.close_code == 1009
    assert keeper.ended_by == "server"


async def test_the_server_is_stopped() -> None:
    """A cancelled task ends its call, and says so to what remains."""
    keeper = Keeper()
    app = app_of(keeper)
    with anyio.CancelScope() as scope:
        async with stream_peer(app) as caller:
            await caller.wait(0.1)
            scope.cancel()
            await caller.wait(0.1)
    assert keeper.ended_by == "server"
    assert app.active == 0


async def test_hostile_messages() -> None:
    """A megabyte of text, half samples, unknown commands, a second connect, what only the server may say."""
    keeper = Keeper(echo)
    async with stream_peer(app_of(keeper)) as caller:
        for odd in (
            "x" * 1_000_000,
            "[" * 60_000,
            '{"command": "dance"}',
            '{"command": "clear"}',
            '{"command": "heartbeat"}',
            '{"command": "connect", "callId": "other"}',
            b"\x01",
            b"",
        ):
            caller.send(odd)
        await caller.wait(0.5)
        assert keeper.stream.ended is None
        assert keeper.stream.call_id == "call-1"
    assert keeper.ended_by == "caller"
    assert keeper.error is None or isinstance(keeper.error, StreamClosed)


async def test_a_flood_is_bounded() -> None:
    """Ten times real time: the memory stays, and the oldest is dropped."""
    keeper = Keeper()
    async with stream_peer(app_of(keeper)) as caller:
        for _ in range(50):
            for _ in range(10):
                caller.send(bytes(32_000))
            await caller.settle()
            assert len(keeper.stream._connection.backlog) <= 32_000
        assert keeper.stream.dropped > 0


async def test_two_senders_and_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender that waits for another learns of the end; so does one whose socket fails while the end is read."""
    take = StreamPeer.take

    async def slow(peer: StreamPeer, message: Any) -> None:
        if message.get("bytes"):
            await peer.time.sleep(0.5)
            raise OSError("gone")
        await take(peer, message)

    errors: list[str] = []

    async def work(stream: CallStream) -> None:
        async def speak() -> None:
            try:
                await stream.send_audio(tone(0.1))
            except StreamClosed as closed:
                errors.append(closed.by)

        async def clear() -> None:
            await stream.receive()
            try:
                await stream.clear()
            except StreamClosed as closed:
                errors.append(closed.by)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(speak)
            tasks.start_soon(clear)

    monkeypatch.setattr(StreamPeer, "take", slow)
    async with stream_peer(app_of(Keeper(work))) as caller:
        await caller.wait(0.6)
        await caller.vanish()
        await caller.wait(0.5)
    assert errors == ["lost", "lost"]


class Script:
    """A socket that gives messages, and keeps what it gets."""

    def __init__(self, *messages: str | bytes) -> None:
        self.messages = [*messages]
        self.sent: list[str | bytes] = []
        self.code: int | None = None

    async def receive(self) -> str | bytes:
        """Return the next message; then nothing comes."""
        if not self.messages:
            await anyio.sleep_forever()
        message = self.messages.pop(0)
        if message == "close":
            raise connections.SocketClosed("closed", 1000)
        return message

    async def send(self, message: str | bytes) -> None:
        """Keep a message."""
        self.sent.append(message)

    async def close(self, code: int) -> None:
        """Keep the code."""
        self.code = code


async def test_the_handshake_alone() -> None:
    """For a framework that has the WebSocket afterwards: admitted, refused, decided, silent, or gone."""
    app = app_of(answer_timeout=0.1)
    hello = '{"command": "connect", "callId": "call-1"}'
    socket = Script(b"early", hello)
    request = await app.admit(socket, f"token={app.token('call-1')}")
    assert (request.call_id, socket.sent, socket.code) == ("call-1", ['{"command":"answer"}'], None)
    for messages, query, sent, code in (
        ((hello,), "", ['{"command":"reject"}'], 1008),
        ((), "", [], 1008),
        (("close",), "", [], None),
    ):
        socket = Script(*messages)
        with pytest.raises(StreamClosed):
            await app.admit(socket, query)
        assert (socket.sent, socket.code) == (sent, code)
    for verdict, code in (("busy", 1000), ("reject", 1008)):
        app.on_request(lambda request, verdict=verdict: verdict)
        socket = Script(hello)
        with pytest.raises(StreamClosed):
            await app.admit(socket, f"token={app.token()}")
        assert socket.code == code
    assert (app.answered, app.refused) == (1, 5)
