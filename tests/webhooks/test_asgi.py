"""The application answers what the contract says, and no handler sees what is not proven."""

import asyncio
import inspect
import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, ClassVar

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinch_voice_async import svaml
from sinch_voice_async.credentials import Credentials
from sinch_voice_async.errors import ConfigurationError, InvalidSignatureError
from sinch_voice_async.testing import signed_callback
from sinch_voice_async.webhooks import (
    AnsweredCall,
    CallTracker,
    DisconnectedCall,
    IncomingCall,
    MemoryReplayCache,
    Notification,
    PromptInput,
    WebhookApp,
)
from tests.webhooks.callbacks import CREDENTIALS, EVENTS, STRANGER, Message, call_back, exchange, post, scope

HANGUP = b'{"action":{"name":"hangup"}}'
CONTINUE = b'{"action":{"name":"continue"}}'
SILENCE = {"ice": HANGUP, "ace": CONTINUE, "pie": HANGUP, "dice": b"{}", "notify": b"{}"}


def application(**options: Any) -> tuple[WebhookApp, list[Any]]:
    """Return an application and what its handlers have seen."""
    settings: dict[str, Any] = {"credentials": CREDENTIALS, "handler_timeout": 300.0} | options
    app, seen = WebhookApp(**settings), list[Any]()
    app.ice(seen.append)
    app.ace(seen.append)
    app.pie(seen.append)
    app.dice(seen.append)
    app.notify(seen.append)
    return app, seen


async def test_each_event_reaches_its_handler() -> None:
    """Verified, decoded, and answered for a handler that returns None: as JSON, for the platform logs an empty body."""
    app, seen = application()
    for name in EVENTS:
        response = await call_back(app, name)
        assert (response.status_code, response.content) == (200, SILENCE[name])
        assert response.headers["content-type"] == "application/json"
    assert [type(event) for event in seen] == [IncomingCall, AnsweredCall, PromptInput, DisconnectedCall, Notification]


async def test_answer_is_sent_as_json() -> None:
    """The handler's document is the body."""
    app = WebhookApp(credentials=CREDENTIALS)

    @app.pie
    async def pressed(event: PromptInput) -> svaml.PieSvaml:
        assert event.menu_result.value == "3576"
        return svaml.Svaml(instructions=[svaml.Say("Välkommen")], action=svaml.Continue())

    response = await call_back(app, "pie")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    said = '{"instructions":[{"name":"say","text":"Välkommen"}],"action":{"name":"continue"}}'
    assert response.content.decode() == said
    assert int(response.headers["content-length"]) == len(response.content)


@pytest.mark.parametrize(
    ("name", "body"),
    [("ice", HANGUP), ("ace", CONTINUE), ("pie", HANGUP), ("dice", b"{}"), ("notify", b"{}")],
)
async def test_event_without_a_handler_is_answered(name: str, body: bytes) -> None:
    """As the contract says, and as configured."""
    response = await call_back(WebhookApp(credentials=CREDENTIALS), name)
    assert (response.status_code, response.content) == (200, body)
    app = WebhookApp(credentials=CREDENTIALS, fallbacks={"ice": None})
    assert (await call_back(app, "ice")).content == b"{}"


async def test_none_of_an_ace_handler_is_continue() -> None:
    """With any fallback, the call continues as if the handler did not exist."""
    # Two callbacks of one millisecond have the same signature.
    hang_up: Any = {"ace": svaml.Svaml(action=svaml.Hangup())}
    app = WebhookApp(credentials=CREDENTIALS, fallbacks=hang_up, allow_repeats=True)
    assert (await call_back(app, "ace")).content == HANGUP
    app.ace(lambda event: None)
    assert (await call_back(app, "ace")).content == CONTINUE


async def refused(headers: dict[str, str], body: bytes, **options: Any) -> int:
    """Return the status of an answer that says nothing, after no handler has seen anything."""
    app, seen = application(**options)
    response = await post(app, "/sinch", headers, body)
    assert response.content == b""
    assert seen == []
    return response.status_code


@pytest.mark.parametrize(
    "change",
    [
        {"authorization": ""},
        {"authorization": "Basic " + "a" * 40},
        {"authorization": f"application {CREDENTIALS.application_key}:{'a' * 43}="},
        {"x-timestamp": ""},
        {"x-timestamp": "2014-09-24T10:59:41Z"},
        {"x-timestamp": "now"},
        {"content-type": "text/plain"},
    ],
    ids=str,
)
async def test_what_is_not_proven_is_401(change: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    """Unsigned and wrongly signed requests get 401, and the log says which."""
    headers, body = signed_callback(EVENTS["ice"], CREDENTIALS, "/sinch")
    assert await refused(headers | change, body) == 401
    assert "a request was refused with 401: " in caplog.text


async def test_another_path_body_or_application_is_401() -> None:
    """What was signed for something else is not good here."""
    headers, body = signed_callback(EVENTS["ice"], CREDENTIALS, "/elsewhere")
    assert await refused(headers, body) == 401
    headers, body = signed_callback(EVENTS["ice"], CREDENTIALS, "/sinch")
    assert await refused(headers, body + b" ") == 401
    headers, body = signed_callback(EVENTS["ice"], STRANGER, "/sinch")
    assert await refused(headers, body) == 401
    assert await refused(headers, body, credentials=[STRANGER], clock=lambda: 0.0) == 401


async def test_401_says_what_scheme_is_wanted() -> None:
    """RFC 9110, section 15.5.2."""
    response = await post(WebhookApp(credentials=CREDENTIALS), "/", {}, b"{}")
    assert response.headers["www-authenticate"] == "application"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"event":"unheard of","callId":"1"}', b'{"event":"ice"}', b"\xff"]
)
async def test_what_is_no_event_is_400(body: bytes) -> None:
    """A signed body that holds no event."""
    headers, body = signed_callback(body, CREDENTIALS, "/sinch")
    assert await refused(headers, body) == 400


async def test_body_has_a_limit() -> None:
    """64 KiB are read, one byte more is 413; the limit can be set."""
    event = b'{"event":"dice","callId":"1"}'
    app, seen = application()
    headers, body = signed_callback(event.ljust(65_536), CREDENTIALS, "/sinch")
    assert (await post(app, "/sinch", headers, body)).status_code == 200
    assert len(seen) == 1
    headers, body = signed_callback(event.ljust(65_537), CREDENTIALS, "/sinch")
    assert await refused(headers, body) == 413
    headers, body = signed_callback(event, CREDENTIALS, "/sinch")
    assert await refused(headers, body, max_body=len(event) - 1) == 413


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "post"])
async def test_what_is_not_post_is_405(method: str) -> None:
    """The platform sends nothing else."""
    app, seen = application()
    sent = await exchange(app, scope(method=method), [])
    assert sent[0]["status"] == 405
    assert (b"allow", b"POST") in sent[0]["headers"]
    assert seen == []


@pytest.mark.parametrize(
    "raised", [ValueError("secret thing"), InvalidSignatureError("not mine"), ExceptionGroup("", [OSError()])]
)
async def test_handler_that_raises_is_500(raised: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """The platform hears of it by the status, the log with all there is, and the answer says nothing."""
    app = WebhookApp(credentials=CREDENTIALS)

    @app.ice
    async def incoming(event: IncomingCall) -> None:
        raise raised

    response = await call_back(app, "ice")
    assert (response.status_code, response.content) == (500, b"")
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.getMessage() == "the ice event of call '3b0a7ccd-05e1-4728-bafd-023b77c47784' failed: answered 500"
    assert record.exc_info is not None
    assert record.exc_info[1] is raised


@pytest.mark.parametrize("answer", [{"action": {"name": "hangup"}}, "hangup", svaml.Svaml(action=svaml.Continue())])
async def test_answer_that_cannot_be_sent_is_500(answer: Any) -> None:
    """A wrong type, and a document that is not allowed there, fail like any fault in the handler."""
    app = WebhookApp(credentials=CREDENTIALS)
    app.ice(lambda event: answer)
    assert (await call_back(app, "ice")).status_code == 500


async def test_handler_that_hangs_is_answered_for() -> None:
    """After the deadline the fallback goes out, with 200."""
    app = WebhookApp(credentials=CREDENTIALS, handler_timeout=0.01, fallbacks={"ice": svaml.Svaml(action=svaml.Park())})

    @app.ice
    async def incoming(event: IncomingCall) -> None:
        await anyio.sleep_forever()

    response = await call_back(app, "ice")
    assert (response.status_code, response.content) == (200, b'{"action":{"name":"park"}}')


async def test_document_that_is_answered_again_is_the_same() -> None:
    """And another one after it is not taken for it, nor None."""
    app = WebhookApp(credentials=CREDENTIALS, allow_repeats=True)
    documents = [svaml.Svaml(action=svaml.Hangup()), svaml.Svaml(), None]

    @app.ice
    async def incoming(event: IncomingCall) -> Any:
        return documents[int(event.cli or "")]

    asked = [0, 0, 1, 2, 2, 1, 0]
    answers = [await call_back(app, EVENTS["ice"] | {"cli": str(which)}) for which in asked]
    assert [answer.content for answer in answers] == [[HANGUP, b"{}", HANGUP][which] for which in asked]


async def test_body_that_never_comes_is_408() -> None:
    """The time-out counts from the first byte; the connection is of no more use."""
    app = WebhookApp(credentials=CREDENTIALS, handler_timeout=0.01)
    sent = list[Message]()

    async def send(message: Message) -> None:
        sent.append(message)

    never: Any = anyio.sleep_forever
    await app(scope(), never, send)
    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]


@pytest.mark.parametrize(("version", "closes"), [("1.0", True), ("1.1", True), ("2", False), ("3", False)])
async def test_connection_header_is_for_http_1(version: str, closes: bool) -> None:
    """HTTP/2 forbids it."""
    app = WebhookApp(credentials=CREDENTIALS, max_body=1)
    sent = await exchange(
        app, scope(http_version=version), [{"type": "http.request", "body": b"ab", "more_body": True}]
    )
    assert sent[0]["status"] == 413
    assert ((b"connection", b"close") in sent[0]["headers"]) is closes


@pytest.mark.parametrize("begin", [[], [{"type": "http.request", "body": b"{", "more_body": True}]])
async def test_client_that_goes_away_is_not_answered(begin: list[Message], caplog: pytest.LogCaptureFixture) -> None:
    """Nobody is there: nothing is sent, nothing is logged."""
    app, seen = application()
    assert await exchange(app, scope(), [*begin, {"type": "http.disconnect"}]) == []
    assert seen == []
    assert caplog.records == []


async def test_client_that_goes_away_before_the_answer_is_no_fault() -> None:
    """ASGI 2.4: a server may raise OSError then."""
    headers, body = signed_callback(EVENTS["dice"], CREDENTIALS, "/sinch")
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    app, seen = application()

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    async def send(message: Message) -> None:
        raise BrokenPipeError

    await app(scope(headers=raw), receive, send)
    assert len(seen) == 1


async def test_body_in_pieces_is_put_together() -> None:
    """Pieces of any size, empty ones too, and messages that leave out what has a default."""
    headers, body = signed_callback(EVENTS["dice"], CREDENTIALS, "/sinch")
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    pieces = [{"type": "http.request", "body": body[at : at + 7], "more_body": True} for at in range(0, len(body), 7)]
    app, seen = application()
    end: list[Message] = [{"type": "http.request", "more_body": True}, {"type": "http.request"}]
    sent = await exchange(app, scope(headers=raw), [*pieces, *end])
    assert sent[0]["status"] == 200
    assert len(seen) == 1


async def test_repetition_is_401() -> None:
    """The same signed request is good once."""
    app, seen = application()
    headers, body = signed_callback(EVENTS["ice"], CREDENTIALS, "/sinch")
    assert [(await post(app, "/sinch", headers, body)).status_code for _ in range(3)] == [200, 401, 401]
    disguised = headers | {"authorization": headers["authorization"].replace("application", "Application").lower()}
    assert (await post(app, "/sinch?again", disguised, body)).status_code == 401
    assert len(seen) == 1


async def test_repetition_may_be_allowed() -> None:
    """Who has other means says so."""
    app, seen = application(allow_repeats=True)
    headers, body = signed_callback(EVENTS["ice"], CREDENTIALS, "/sinch")
    assert [(await post(app, "/sinch", headers, body)).status_code for _ in range(2)] == [200, 200]
    assert len(seen) == 2


class RemoteCache:
    """A replay cache as one writes it for Redis."""

    def __init__(self) -> None:
        self.memory = MemoryReplayCache()

    async def add(self, signature: str, seconds: float) -> bool:
        await anyio.lowlevel.checkpoint()
        return self.memory.add(signature, seconds)

    async def discard(self, signature: str) -> None:
        await anyio.lowlevel.checkpoint()
        self.memory.discard(signature)


@pytest.mark.parametrize("kind", [MemoryReplayCache, RemoteCache])
async def test_several_processes_share_a_replay_cache(kind: type) -> None:
    """What one has accepted the other refuses, whether or not the cache is async."""
    cache = kind()
    (one, _), (other, seen) = application(replay_cache=cache), application(replay_cache=cache)
    headers, body = signed_callback(EVENTS["ice"], CREDENTIALS, "/sinch")
    assert (await post(one, "/sinch", headers, body)).status_code == 200
    assert (await post(other, "/sinch", headers, body)).status_code == 401
    assert seen == []


@pytest.mark.parametrize(
    "options", [{}, {"replay_cache": RemoteCache()}, {"allow_repeats": True}], ids=["memory", "remote", "repeats"]
)
async def test_request_that_failed_may_be_sent_again(options: dict[str, Any]) -> None:
    """It came to nothing, so it is no repetition."""
    app, faults = WebhookApp(credentials=CREDENTIALS, **options), [OSError()]

    @app.ice
    async def incoming(event: IncomingCall) -> None:
        if faults:
            raise faults.pop()

    headers, body = signed_callback(EVENTS["ice"], CREDENTIALS, "/sinch")
    assert [(await post(app, "/sinch", headers, body)).status_code for _ in range(2)] == [500, 200]


async def test_replay_cache_that_fails_is_500() -> None:
    """Where nobody can tell, nothing is let through."""

    class Broken(RemoteCache):
        async def add(self, signature: str, seconds: float) -> bool:
            raise ConnectionRefusedError

        async def discard(self, signature: str) -> None:
            raise ConnectionRefusedError

    app, seen = application(replay_cache=Broken())
    assert (await call_back(app, "ice")).status_code == 500
    assert seen == []


async def test_credentials_may_be_rotated() -> None:
    """Both are good for as long as both are given."""
    app, seen = application(credentials=[STRANGER, CREDENTIALS])
    for credentials in (CREDENTIALS, STRANGER):
        assert (await call_back(app, "ice", credentials=credentials)).status_code == 200
    assert len(seen) == 2


async def test_key_and_secret_come_as_arguments_or_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for the client."""
    key, secret = CREDENTIALS.application_key, CREDENTIALS.application_secret
    assert (await call_back(WebhookApp(key, secret), "ice")).status_code == 200
    monkeypatch.setenv("SINCH_APPLICATION_KEY", key)
    monkeypatch.setenv("SINCH_APPLICATION_SECRET", secret)
    assert (await call_back(WebhookApp(), "ice")).status_code == 200


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"application_key": "key"},
        {"application_key": "key", "credentials": CREDENTIALS},
        {"application_secret": "c2VjcmV0", "credentials": CREDENTIALS},
        {"credentials": []},
        {"credentials": CREDENTIALS, "max_age": 0},
        {"credentials": CREDENTIALS, "max_age": "300"},
        {"credentials": CREDENTIALS, "max_age": True},
        {"credentials": CREDENTIALS, "max_age": 10**400},
        {"credentials": CREDENTIALS, "max_body": True},
        {"credentials": CREDENTIALS, "include_query": 1},
        {"credentials": CREDENTIALS, "allow_repeats": "no"},
        {"credentials": CREDENTIALS, "tracker": "yes"},
        {"credentials": CREDENTIALS, "replay_cache": object()},
        {"credentials": CREDENTIALS, "clock": 5},
        {"credentials": CREDENTIALS, "handler_timeout": -1},
        {"credentials": CREDENTIALS, "max_body": 0},
        {"credentials": CREDENTIALS, "max_body": "64 KiB"},
        {"credentials": CREDENTIALS, "public_path": "edge"},
        {"credentials": CREDENTIALS, "public_path": 7},
    ],
    ids=" ".join,
)
def test_options_are_checked_at_once(options: dict[str, Any]) -> None:
    """A mistake shows when the application is built, not when a call comes."""
    with pytest.raises(ConfigurationError):
        WebhookApp(**options)


async def test_window_and_clock_are_configurable() -> None:
    """A narrower window, none, and another clock."""
    moment = datetime(2014, 9, 24, 10, 59, 41, tzinfo=UTC)
    headers, body = signed_callback(EVENTS["dice"], CREDENTIALS, "/", now=moment)
    later = moment.timestamp() + 20
    for options, status in (
        ({"clock": lambda: later}, 200),
        ({"clock": lambda: later, "max_age": 10}, 401),
        ({"max_age": None}, 200),
        ({}, 401),
    ):
        app = WebhookApp(credentials=CREDENTIALS, **options)
        assert (await post(app, "/", headers, body)).status_code == status


@pytest.mark.parametrize(
    ("options", "asgi", "signed", "called"),
    [
        ({}, {}, "/any/path", "/any/path"),
        ({}, {}, "/call%20back", "/call%20back"),
        ({}, {}, "/sinch", "/sinch?tenant=1"),
        ({"include_query": True}, {}, "/sinch", "/sinch"),
        ({}, {"root_path": "/edge"}, "/edge/sinch", "/sinch"),
        ({"public_path": "/edge"}, {}, "/edge/sinch", "/sinch"),
    ],
)
async def test_signed_path_is_the_one_that_was_called(
    options: dict[str, Any], asgi: dict[str, Any], signed: str, called: str
) -> None:
    """With escapes, with a query, behind a root path, and behind a proxy that takes a prefix away."""
    app, seen = application(**options)
    headers, body = signed_callback(EVENTS["ice"], CREDENTIALS, signed)
    assert (await post(app, called, headers, body, **asgi)).status_code == 200
    assert len(seen) == 1


async def test_query_counts_where_it_is_asked_for() -> None:
    """Undocumented; one who finds it signed can say so."""
    headers, body = signed_callback(EVENTS["ice"], CREDENTIALS, "/sinch")
    app, seen = application(include_query=True)
    assert (await post(app, "/sinch?tenant=1", headers, body)).status_code == 401
    assert seen == []


async def test_tracker_is_fed_before_the_handler_runs() -> None:
    """Whoever follows a call learns of its events, also where the handler fails."""
    tracker = CallTracker()
    app = WebhookApp(credentials=CREDENTIALS, tracker=tracker)

    @app.dice
    async def ended(event: DisconnectedCall) -> None:
        assert await tracker.outcome(event.call_id) == event
        raise OSError

    assert (await call_back(app, "dice")).status_code == 500
    assert (await tracker.outcome(EVENTS["dice"]["callId"])).result == "FAILED"


async def test_cookies_come_back() -> None:
    """What SetCookie left earlier in the call is found by its key."""
    app, seen = application()
    cookies = [{"key": "step", "value": "1"}, {"key": "step", "value": "2"}]
    await call_back(app, EVENTS["pie"] | {"cookies": cookies, "custom": "as given"})
    assert (seen[0].cookie("step"), seen[0].cookie("other"), seen[0].custom) == ("2", None, "as given")


async def test_lifespan_is_answered() -> None:
    """A server that asks whether all is well hears that it is."""
    app, _ = application()
    sent = await exchange(app, {"type": "lifespan"}, [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_other_protocols_are_refused() -> None:
    """ASGI: an application raises for what it does not speak."""
    with pytest.raises(ValueError, match="not by websocket"):
        await exchange(application()[0], {"type": "websocket"}, [])


async def test_nothing_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Neither the secret, nor a signature, nor a number, nor what was said is in the log, on any level."""
    caplog.set_level(logging.DEBUG)
    app, _ = application()
    failing = WebhookApp(credentials=CREDENTIALS)
    refused: Any = svaml.Svaml(instructions=[svaml.Say("whispered")], action=svaml.Continue())
    failing.ice(lambda event: refused)
    headers, body = signed_callback(EVENTS["ice"], CREDENTIALS, "/sinch")
    for target, changed in ((app, body), (app, body), (failing, body), (app, body + b" "), (app, b"x" * 70_000)):
        await post(target, "/sinch", headers, changed)
    broken, signed_broken = signed_callback(b'{"event":"ice","cli":"46700000001"}', CREDENTIALS, "/sinch")
    await post(app, "/sinch", broken, signed_broken)
    assert len(caplog.records) >= 5
    logged = "".join(f"{record.getMessage()}{record.exc_text}" for record in caplog.records)
    signature = headers["authorization"].rpartition(":")[2]
    for secret in (CREDENTIALS.application_secret, signature, "31639136121", "46700000001", "whispered"):
        assert secret not in logged


def test_constructor_shows_what_the_contract_says() -> None:
    """Key and secret first, all else by name."""
    parameters = list(inspect.signature(WebhookApp).parameters.values())
    assert [parameter.name for parameter in parameters[:2]] == ["application_key", "application_secret"]
    assert {parameter.kind for parameter in parameters[2:]} == {inspect.Parameter.KEYWORD_ONLY}


HEADERS = st.lists(
    st.tuples(
        st.sampled_from([b"authorization", b"x-timestamp", b"content-type", b"content-length", b"x"]),
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from(
                [b"application a:b", b"2014-09-24T10:59:41Z", b"application/json", b"99999999999999999999"]
            ),
            st.binary(max_size=40).map(
                lambda tail: b"application " + CREDENTIALS.application_key.encode() + b":" + tail
            ),
        ),
    ),
    max_size=6,
)
BODIES = st.lists(
    st.one_of(
        st.builds(
            lambda body, more: {"type": "http.request", "body": body, "more_body": more}, st.binary(), st.booleans()
        ),
        st.just({"type": "http.disconnect"}),
    ),
    max_size=4,
)


@given(headers=HEADERS, messages=BODIES, path=st.binary(max_size=10), version=st.sampled_from(["1.0", "1.1", "2"]))
def test_whatever_comes_is_refused_in_silence(
    headers: list[tuple[bytes, bytes]], messages: Iterable[Message], path: bytes, version: str
) -> None:
    """No exception leaves the application, and no handler sees what is not signed."""
    app, seen = application()
    request = scope(headers=headers, raw_path=b"/" + path, path="/", http_version=version)
    sent = anyio.run(exchange, app, request, [*messages, {"type": "http.disconnect"}])
    assert [message.get("status") for message in sent] in ([], [401, None], [413, None])
    assert seen == []


@given(body=st.one_of(st.binary(max_size=60), st.sampled_from([b"{}", b'{"event":"ice"}', b"null", b'{"event":{}}'])))
def test_whatever_is_signed_is_answered(body: bytes) -> None:
    """A body of any kind with a good signature is 400, or an event."""
    headers, body = signed_callback(body, CREDENTIALS, "/sinch")
    assert anyio.run(refused, headers, body) == 400


def test_application_does_not_show_its_secret() -> None:
    """Nor does anything that it is made of."""
    app = WebhookApp(credentials=Credentials(CREDENTIALS.application_key, "BeIukql3pTKJ8RGL5zo0DA=="))
    assert "BeIukql3" not in f"{app!r} {vars(app)!r}"


@pytest.mark.parametrize("cache", [None, "async"])
async def test_a_request_that_was_given_up_may_be_sent_again(cache: str | None) -> None:
    """A server that cancels a request, or a deadline around it, does not make the next delivery a repetition."""
    entered = anyio.Event()

    class Cache:
        seen: ClassVar[set[str]] = set()

        async def add(self, signature: str, seconds: float) -> bool:
            await anyio.sleep(0)
            new = signature not in self.seen
            self.seen.add(signature)
            return new

        async def discard(self, signature: str) -> None:
            await anyio.sleep(0)
            self.seen.discard(signature)

    app = WebhookApp(credentials=CREDENTIALS, replay_cache=Cache() if cache else None)

    @app.dice
    async def ended(event: DisconnectedCall) -> None:
        if not entered.is_set():
            entered.set()
            await anyio.sleep_forever()

    headers, body = signed_callback(EVENTS["dice"], CREDENTIALS, "/sinch")
    async with anyio.create_task_group() as server:
        server.start_soon(post, app, "/sinch", headers, body)
        await entered.wait()
        server.cancel_scope.cancel()
    assert (await post(app, "/sinch", headers, body)).status_code == 200
    assert (await post(app, "/sinch", headers, body)).status_code == 401


async def test_a_request_that_was_given_up_before_its_signature_counts_leaves_nothing() -> None:
    """A body that stops arriving and a server that cancels: there is nothing to forget."""
    app = WebhookApp(credentials=CREDENTIALS)
    reading = anyio.Event()

    async def receive() -> Any:
        reading.set()
        await anyio.sleep_forever()

    async def send(_: Any) -> None:
        raise AssertionError("nothing is answered")  # pragma: no cover  # runs only if the test fails

    async with anyio.create_task_group() as server:
        server.start_soon(app, {"type": "http", "method": "POST", "path": "/", "headers": []}, receive, send)
        await reading.wait()
        server.cancel_scope.cancel()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_handler_that_awaits_a_cancelled_task_may_be_asked_again(anyio_backend: str) -> None:
    """Its CancelledError reaches the server, and the event that the platform sends again reaches the handler."""
    app = WebhookApp(credentials=CREDENTIALS)
    asked: list[str] = []

    @app.dice
    async def ended(event: DisconnectedCall) -> None:
        asked.append(event.call_id)
        if len(asked) == 1:
            task = asyncio.ensure_future(asyncio.sleep(60))
            task.cancel()
            await task

    headers, body = signed_callback(EVENTS["dice"], CREDENTIALS, "/sinch")
    with pytest.raises(asyncio.CancelledError):
        await post(app, "/sinch", headers, body)
    assert (await post(app, "/sinch", headers, body)).status_code == 200
    assert len(asked) == 2
