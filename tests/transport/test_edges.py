"""The edges of a request: cancelled before it starts, a late loop, a fork, two loops, shared contexts, idle ends."""

import asyncio
import gc
import gzip
import json
import os
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
import trio
import trustme

from sinch_voice_async import (
    BadRequestError,
    ConfigurationError,
    ConnectError,
    ConnectionPool,
    RateLimitedError,
    RetryPolicy,
    SinchVoiceError,
    VoiceClient,
)
from sinch_voice_async._transport.backends.trio import TrioClock
from sinch_voice_async._transport.connection import Deadline, _addresses
from sinch_voice_async._transport.exceptions import request_sent
from sinch_voice_async._transport.http11 import Chunks, ResponseReader
from sinch_voice_async._transport.pool import _abandon_all
from tests.patience import with_more_time
from tests.transport.servers import FaultServer, Peer, Step, answer, say

OK = b'{"callId":"id"}'
ONCE = RetryPolicy(max_attempts=1)
QUICK = RetryPolicy(base_delay=0)


@pytest.fixture(params=["asyncio", "uvloop", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Each of these runs on uvloop too."""
    return ("asyncio", {"use_uvloop": True}) if request.param == "uvloop" else request.param


def client(server: FaultServer, **options: Any) -> VoiceClient:
    """Make a client of a server."""
    settings: dict[str, Any] = {"base_url": server.url, "retry": ONCE} | options
    return VoiceClient("key", "c2VjcmV0", **settings)


async def dial(voice: VoiceClient) -> Any:
    """Place a callout."""
    return await voice.callouts.tts("+46700000001", "Hi")


# Cancelled before it starts


async def _scope_used_up(voice: VoiceClient) -> None:
    with anyio.move_on_after(0):
        await dial(voice)


async def _scope_cancelled(voice: VoiceClient) -> None:
    with anyio.CancelScope() as scope:
        scope.cancel()
        await dial(voice)


async def _deadline_passed_while_blocked(voice: VoiceClient) -> None:
    with anyio.move_on_after(0.02):
        time.sleep(0.05)  # the loop stands still, and its timer has not fired yet
        await dial(voice)


async def _group_cancelled(voice: VoiceClient) -> None:
    async with anyio.create_task_group() as group:
        group.cancel_scope.cancel()
        await dial(voice)


async def _update(voice: VoiceClient) -> None:
    with anyio.move_on_after(0):
        await voice.calls.hang_up("id")


async def _stream(voice: VoiceClient) -> None:
    with anyio.move_on_after(0):
        async with voice.recordings.download("a"):
            ...


@pytest.mark.parametrize(
    "way",
    [_scope_used_up, _scope_cancelled, _deadline_passed_while_blocked, _group_cancelled, _update, _stream],
)
@pytest.mark.parametrize("over", ["pool", "http_client"])
async def test_nothing_is_sent_in_a_cancelled_scope(way: Callable[[VoiceClient], Awaitable[None]], over: str) -> None:
    """Whatever is cancelled before it begins rings no phone, and the client goes on."""
    with FaultServer() as server:
        async with (
            httpx.AsyncClient(transport=ConnectionPool()) as http,
            client(server, **({} if over == "pool" else {"http_client": http})) as voice,
        ):
            await voice.request("GET", "/warm")
            await way(voice)
            server.script.append(answer(OK))
            assert (await voice.callouts.tts("+46700000001", "Hi")).call_id == "id"
        assert [head.split(b" ")[0] for head in server.heads] == [b"GET", b"POST"]


@pytest.mark.parametrize("anyio_backend", ["asyncio", ("asyncio", {"use_uvloop": True})], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("how", ["task.cancel", "asyncio.timeout", "late asyncio.timeout"])
async def test_asyncio_s_own_cancellation(how: str) -> None:
    """The loop's own ways to cancel take effect before a byte is written, too."""
    with FaultServer() as server:
        async with client(server) as voice:
            await voice.request("GET", "/warm")

            async def place() -> None:
                if how == "task.cancel":
                    task = asyncio.current_task()
                    assert task is not None
                    task.cancel()
                    await dial(voice)
                else:
                    async with asyncio.timeout(0 if how == "asyncio.timeout" else 0.02):
                        if how == "late asyncio.timeout":
                            time.sleep(0.05)  # as above
                        await dial(voice)

            with pytest.raises((asyncio.CancelledError, TimeoutError)):
                await asyncio.ensure_future(place())
        assert server.executed == 1


# A loop that stood still


def after(seconds: float, *pieces: bytes) -> Step:
    """Answer after so many seconds, in these pieces."""

    async def step(peer: Peer) -> None:
        await peer.read_request()
        await asyncio.sleep(seconds)
        for piece in pieces:
            await peer.send(piece)

    return step


BIG = json.dumps({"callId": "id", "padding": "x" * 700_000}).encode()


@pytest.mark.parametrize("body", [OK, BIG], ids=["small", "large"])
@pytest.mark.parametrize("secured", [False, True], ids=["plain", "TLS"])
async def test_an_answer_that_came_while_the_loop_stood_still(
    body: bytes, secured: bool, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    """It is here when the loop goes on: it counts, although the read time-out has passed."""
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    async def once(scale: float) -> None:
        with FaultServer(answer(OK), after(0.05 * scale, raw), tls=server_tls if secured else None) as server:
            timeout = httpx.Timeout(300, read=0.3 * scale)
            async with client(server, timeout=timeout, verify=client_tls) as voice:
                await voice.request("GET", "/warm")

                async def block() -> None:
                    await anyio.sleep(0.01)
                    time.sleep(0.6 * scale)  # a computation, a garbage collection, a busy machine

                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(block)
                    receipt = await voice.callouts.tts("+46700000001", "Hi")
            assert (receipt.call_id, server.executed) == ("id", 2)

    await with_more_time(once)


async def test_a_connection_that_came_while_the_loop_stood_still(
    server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    """The same while connecting: the callout is placed, or nothing was sent."""

    async def once(scale: float) -> None:
        with FaultServer(answer(OK), tls=server_tls) as server:
            timeout = httpx.Timeout(300, connect=0.2 * scale)
            async with client(server, timeout=timeout, verify=client_tls, retry=QUICK) as voice:

                async def block() -> None:
                    time.sleep(0.4 * scale)  # as above

                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(block)
                    assert (await voice.callouts.tts("+46700000001", "Hi")).call_id == "id"
            assert server.executed == 1

    await with_more_time(once)


async def test_a_turn_that_came_while_the_loop_stood_still() -> None:
    """The same in the waiting line: a connection that is free by then is taken."""
    first = b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n" + OK

    async def once(scale: float) -> None:
        with FaultServer(after(0.1 * scale, first), answer(OK)) as server:
            limits = httpx.Limits(max_connections=1)
            async with client(server, timeout=httpx.Timeout(300, pool=0.3 * scale), limits=limits) as voice:

                async def block() -> None:
                    await anyio.sleep(0.05 * scale)
                    time.sleep(0.6 * scale)  # as above

                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(dial, voice)
                    tasks.start_soon(dial, voice)
                    tasks.start_soon(block)
            assert server.executed == 2

    await with_more_time(once)


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[Any] = []

    def time(self) -> float:
        """Return the time."""
        return self.now

    def call_at(self, when: float, callback: Callable[[], object]) -> Any:
        """Note a timer."""
        clock = self

        class Timer:
            def when(self) -> float:
                return when

            def cancel(self) -> None:
                clock.timers.remove(self)

            def fire(self) -> None:
                clock.timers.remove(self)
                callback()

        self.timers.append(Timer())
        return self.timers[-1]

    def move(self, to: float) -> None:
        """Move the clock, and fire what is due, once."""
        self.now = to
        for timer in [timer for timer in self.timers if timer.when() <= to]:
            timer.fire()


def test_a_deadline_is_one_timer() -> None:
    """It is moved without a timer for each move, fires when it has passed, and late ones are given the lost time."""
    fired: list[float] = []
    clock = Hand()
    deadline = Deadline(clock, lambda: fired.append(clock.now))
    deadline.stop()
    deadline.set(1.0)
    deadline.set(5.0)
    assert len(clock.timers) == 1
    clock.move(1.0)
    clock.move(5.0)
    assert fired == [5.0]
    deadline.set(10.0)
    deadline.set(1.0)
    assert [timer.when() for timer in clock.timers] == [6.0]
    clock.move(8.0)  # two seconds late: they are given back, up to one
    assert fired == [5.0]
    clock.move(9.0)
    assert fired == [5.0, 9.0]
    deadline.set(1.0)
    deadline.set(None)
    clock.move(10.0)
    assert (fired, clock.timers) == ([5.0, 9.0], [])


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_the_deadlines_of_trio() -> None:
    """One task keeps them all, in order; it ends when there is none, and begins again."""
    clock = TrioClock()
    fired: list[str] = []
    for _ in range(2):
        now = clock.time()
        clock.call_at(now + 0.06, lambda: fired.append("late"))
        clock.call_at(now + 0.02, lambda: fired.append("soon"))
        clock.call_at(now + 0.04, lambda: fired.append("never")).cancel()
        with anyio.fail_after(300):
            while fired[-1:] != ["late"]:
                await anyio.sleep(0.005)  # pragma: no cover  # it may have fired
        assert fired == ["soon", "late"]
        fired.clear()
        while clock._scope is not None:
            await anyio.sleep(0.001)  # pragma: no cover  # it may have ended


# A deadline over all attempts


def refuse_429(peer_delay: float = 0) -> Step:
    """Refuse for now."""
    return answer(b'{"errorCode":42900}', status=429, headers=b"Retry-After: 1\r\n")


@pytest.mark.parametrize("deadline", [1.1, 4.0])
async def test_a_refusal_stays_one_shortly_before_the_deadline(deadline: float) -> None:
    """Too little time to read an answer: a callout is not begun again, and the refusal is what it was."""
    with FaultServer(refuse_429(), after(0.5, b"")) as server:
        async with client(server, retry=RetryPolicy(deadline=deadline)) as voice:
            vars(voice._transport.session.clock).update(sleep=_at_once)
            with pytest.raises(RateLimitedError) as caught:
                await dial(voice)
        assert (caught.value.outcome, caught.value.attempts, server.executed) == ("rejected", 1, 1)


async def test_a_callout_that_is_begun_again_may_be_answered() -> None:
    """The deadline does not cut the reading of a callout that was sent again."""
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n" + OK
    clock = iter([0.0, 1.0, 1.0, 6.9, *[7.0] * 9])
    with FaultServer(refuse_429(), after(0.4, raw)) as server:
        policy = RetryPolicy(deadline=7.1, throttle_delay=0)
        async with client(server, retry=policy, timeout=httpx.Timeout(300, read=0.9)) as voice:
            session = voice._transport.session
            vars(session.clock).update(sleep=_at_once)
            vars(session.clock).update(monotonic=lambda: next(clock))
            assert (await voice.callouts.tts("+46700000001", "Hi")).call_id == "id"


async def _at_once(delay: float) -> None:
    await anyio.sleep(0)


# Two loops, and two processes


def test_two_trio_loops_in_two_threads() -> None:
    """Each run of trio is a loop of its own: the end of one does not touch what the other is doing."""
    first = b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n" + OK
    with FaultServer(answer(OK), after(0.3, first), answer(OK)) as server:
        voice = client(server)
        idle, going = threading.Event(), threading.Event()

        def one() -> None:
            async def main() -> None:
                await voice.request("GET", "/x")
                idle.set()
                await trio.to_thread.run_sync(going.wait)

            trio.run(main)

        thread = threading.Thread(target=one)
        thread.start()
        assert idle.wait(300)

        async def main() -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(voice.callouts.tts, "+46700000001", "Hi")
                while server.executed < 2:
                    await trio.sleep(0.001)
                gc.collect()  # trio warns if what the first loop has to finish is collected before
                going.set()
                await trio.to_thread.run_sync(thread.join)

        trio.run(main)
        assert server.executed == 2
        trio.run(voice.aclose)


def test_while_another_trio_loop_is_busy() -> None:
    """Requests of the second loop are refused, unsent."""
    first = b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n" + OK
    with FaultServer(after(0.5, first)) as server:
        voice = client(server)
        thread = threading.Thread(target=lambda: trio.run(dial, voice))
        thread.start()
        while not server.executed:
            time.sleep(0.001)
        for run in (lambda: trio.run(voice.calls.get, "id"), lambda: asyncio.run(voice.calls.get("id"))):
            with pytest.raises(ConnectError, match="another event loop") as caught:
                run()  # type: ignore[no-untyped-call]  # a lambda
            assert caught.value.outcome == "unsent"
        thread.join()
        trio.run(voice.aclose)
        assert server.executed == 1


ECHO_NUMBER = b'{"callId":"%b"}'


def ring_of_itself(server: FaultServer) -> Step:
    """Answer each callout with the number that it calls."""

    async def step(peer: Peer) -> None:
        body = json.loads(await peer.read_request())
        number = body["ttsCallout"]["destination"]["endpoint"].encode()
        await asyncio.sleep(0.01)
        content = ECHO_NUMBER % number
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(content), content))

    return step


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on Windows")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_with_a_loop_that_goes_on() -> None:
    """Parent and child each get the receipts of their own callouts, or are refused unsent.

    Not with uvloop: libuv aborts the process if a child goes on with the loop of its parent, whatever runs in it.
    """
    with FaultServer() as server:
        server.script.extend([ring_of_itself(server)] * 200)
        for _ in range(5):
            loop, voice = asyncio.new_event_loop(), client(server, timeout=2)

            def ring(number: str, voice: VoiceClient = voice, loop: asyncio.AbstractEventLoop = loop) -> bool:
                try:
                    return loop.run_until_complete(voice.callouts.tts(number, "Hi")).call_id == number
                except SinchVoiceError as error:  # pragma: no cover  # a refusal is as right as a receipt
                    return error.outcome == "unsent"

            assert ring("+46700000001")
            child = os.fork()
            if child == 0:  # pragma: no cover  # another process
                os._exit(not (ring("+46700000222") and ring("+46700000223")))
            parent = ring("+46700000111") and ring("+46700000112")
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            assert parent
            loop.run_until_complete(voice.aclose())
            loop.close()


@pytest.mark.parametrize("run", [asyncio.run, lambda main: trio.run(lambda: main)], ids=["asyncio", "trio"])
def test_connections_are_left_to_the_parent(run: Callable[[Any], Any]) -> None:
    """What a child does after a fork: it forgets the connections, and closes nothing that the parent uses."""
    with FaultServer(answer(OK), answer(OK)) as server:

        async def main() -> None:
            async with client(server) as voice:
                await voice.request("GET", "/x")
                pool: Any = voice._transport.session.sender
                state = pool._state
                (connection,) = state._open
                _abandon_all()
                _abandon_all()
                assert connection.closed
                assert repr(pool) == "<ConnectionPool [0 active, 0 idle, 0 waiting]>"
                assert (await voice.callouts.tts("+46700000001", "Hi")).call_id == "id"
                state.abandon()  # a connection that is closed already has no socket to give up

        run(main())
        assert server.opened == 2


# What the user's environment and objects do


async def test_a_context_that_is_shared_with_http2(server_tls: ssl.SSLContext, authority: trustme.CA) -> None:
    """Another client offers h2 on the same context: ours asks for HTTP/1.1 all the same, or fails unsent."""
    shared = ssl.create_default_context()
    authority.configure_trust(shared)
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(theirs)
    theirs.set_alpn_protocols(["h2", "http/1.1"])
    with FaultServer(answer(OK), answer(OK), tls=theirs) as server:
        async with client(server, verify=shared, limits=httpx.Limits(max_keepalive_connections=0)) as voice:
            for _ in range(2):
                shared.set_alpn_protocols(["h2", "http/1.1"])
                assert (await voice.callouts.tts("+46700000001", "Hi")).call_id == "id"


async def test_a_server_that_chooses_another_protocol(monkeypatch: pytest.MonkeyPatch, authority: trustme.CA) -> None:
    """Not a byte of HTTP/1.1 is written to a connection on which the handshake chose h2."""
    shared = ssl.create_default_context()
    authority.configure_trust(shared)
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(theirs)
    theirs.set_alpn_protocols(["h2"])
    original = ssl.SSLContext.set_alpn_protocols
    monkeypatch.setattr(ssl.SSLContext, "set_alpn_protocols", lambda self, _: original(self, ["h2"]))
    with FaultServer(tls=theirs) as server:
        async with client(server, verify=shared) as voice:
            with pytest.raises(ConnectError, match="h2") as caught:
                await dial(voice)
        assert (caught.value.outcome, server.executed) == ("unsent", 0)


@pytest.mark.parametrize("content", [None, b"", b"nothing like a certificate", "folder"])
@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
async def test_certificates_that_cannot_be_loaded(
    content: bytes | str | None, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong variable is told when the client is made, or fails unsent; plain http needs no certificates."""
    path = tmp_path / "certificates"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        path.mkdir()
    for each in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(each, raising=False)
    monkeypatch.setenv(variable, str(path))
    with FaultServer(*[answer(OK)] * 3) as server:
        async with client(server) as voice:
            await dial(voice)
        with pytest.raises(SinchVoiceError) as caught:
            async with client(server, base_url=server.url.replace("http:", "https:"), timeout=0.5) as voice:
                await dial(voice)
        assert caught.value.outcome == "unsent"
        if variable == "SSL_CERT_FILE":
            assert isinstance(caught.value, ConfigurationError)
            assert variable in str(caught.value)
        async with client(server, verify=False) as voice:
            await dial(voice)


async def test_certificates_that_go_bad_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found at the first connection, it is permanent and unsent."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone"))
    with FaultServer() as server:
        async with httpx.AsyncClient(transport=ConnectionPool()) as http:
            with pytest.raises(httpx.ConnectError, match="TLS cannot begin") as caught:
                await http.get(server.url.replace("http:", "https:"))
    assert request_sent(caught.value) is False


@pytest.mark.parametrize(
    "url",
    [
        "https://voice..example.invalid", "https://.example", "https://xn--/", "https://xn--a.example/",
        "https://" + "a" * 64 + ".example", "https://" + "a.b" * 90, "https://-\u00e9-..", "https://[::1",
        "https://a b",
    ],
)  # fmt: skip
@pytest.mark.parametrize("argument", ["base_url", "configuration_url"])
def test_a_host_that_is_no_name(url: str, argument: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused by the name of the argument, and of the variable; no exception of a package behind it."""
    with pytest.raises(ConfigurationError, match=argument):
        VoiceClient("key", "c2VjcmV0", **{argument: url})  # type: ignore[arg-type]  # by name
    monkeypatch.setenv(f"SINCH_VOICE_{argument.upper()}", url)
    with pytest.raises(ConfigurationError, match=f"SINCH_VOICE_{argument.upper()}"):
        VoiceClient("key", "c2VjcmV0")


@pytest.mark.parametrize("host", ["a..example", ".example", "a" * 64 + ".example"])
async def test_a_host_that_is_no_name_under_httpx(host: str) -> None:
    """The pool itself refuses it as httpx documents, unsent."""
    async with ConnectionPool() as pool:
        with pytest.raises(httpx.UnsupportedProtocol) as caught:
            await pool.handle_async_request(httpx.Request("GET", f"https://{host}/"))
    assert request_sent(caught.value) is False


@pytest.mark.parametrize("argument", ["base_url", "configuration_url"])
def test_an_empty_url_is_not_the_platform(argument: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument that is given and names no host is a mistake; an empty variable is one that is not set."""
    with pytest.raises(ConfigurationError, match=argument):
        VoiceClient("key", "c2VjcmV0", **{argument: ""})  # type: ignore[arg-type]  # by name
    monkeypatch.setenv(f"SINCH_VOICE_{argument.upper()}", "")
    assert "calling.api.sinch.com" in repr(VoiceClient("key", "c2VjcmV0"))


# What httpx documents of a request and of a response


@pytest.mark.parametrize("value", ["close", "Close", "keep-alive, CLOSE", " close ,x"])
async def test_connection_close(value: str) -> None:
    """A client that says close sends no further request on that connection (RFC 9112, section 9.6)."""
    with FaultServer() as server:
        async with httpx.AsyncClient(transport=ConnectionPool()) as http:
            for _ in range(3):
                await http.get(server.url, headers={"connection": value})
            async with http.stream("GET", server.url, headers={"connection": value}) as response:
                await response.aread()
        assert server.opened == 4


async def test_connection_close_of_an_observer() -> None:
    """The same where an observer adds the header."""

    class Closing:
        def attempt_started(self, attempt: object) -> dict[str, str]:
            return {"Connection": "close"}

        def attempt_ended(self, attempt: object, result: object) -> None:
            pass

    with FaultServer(answer(OK), answer(OK)) as server:
        async with client(server, observer=Closing()) as voice:
            await dial(voice)
            await dial(voice)
        assert server.opened == 2


@pytest.mark.parametrize(
    "fields",
    [
        [("Content-Length", "5"), ("Content-Length", "6")],
        [("Content-Length", "5"), ("content-length", "5")],
        [("Content-Length", "5"), ("Transfer-Encoding", "chunked")],
        [("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")],
        [("Transfer-Encoding", "chunked, chunked")],
        [("Transfer-Encoding", "chunked, gzip")],
        [("Transfer-Encoding", "gzip, chunked")],
        [("Transfer-Encoding", "notchunked")],
        [("Content-Length", "+5")],
        [("Content-Length", "5, 5")],
        [("Content-Length", "1" * 30)],
    ],
)
async def test_a_request_that_states_its_length_twice(fields: list[tuple[str, str]]) -> None:
    """It is refused before a byte is written, and no connection is opened for it."""
    with FaultServer() as server:
        async with httpx.AsyncClient(transport=ConnectionPool()) as http:
            with pytest.raises(httpx.LocalProtocolError) as caught:
                await http.post(server.url, content=b"hello", headers=fields)
        assert (request_sent(caught.value), server.opened) == (False, 0)


async def test_an_observer_cannot_set_the_length(caplog: pytest.LogCaptureFixture) -> None:
    """What belongs to the framing is left out, with a warning; the rest is sent."""

    class Meddling:
        def attempt_started(self, attempt: object) -> dict[str, str]:
            return {"Content-Length": "1", "Host": "evil.example", "Transfer-Encoding": "chunked", "X-Fine": "1"}

        def attempt_ended(self, attempt: object, result: object) -> None:
            pass

    with FaultServer(answer(OK)) as server:
        async with client(server, observer=Meddling()) as voice:
            await dial(voice)
    (head,) = server.heads
    assert b"evil" not in head
    assert b"X-Fine: 1" in head
    assert head.lower().count(b"content-length") == 1
    assert "Content-Length, Host, Transfer-Encoding" in caplog.text


@pytest.mark.parametrize("url", ["http://127.0.0.1:0/", "https://127.0.0.1:0/"])
async def test_port_zero(url: str) -> None:
    """Port 0 is not the port of the scheme."""
    async with httpx.AsyncClient(transport=ConnectionPool()) as http:
        with pytest.raises(httpx.ConnectError):
            await http.get(url)


@pytest.mark.parametrize("secured", [False, True], ids=["plain", "TLS"])
async def test_the_network_stream(secured: bool, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    """Addresses, socket and TLS of the connection, on a fresh one and on a kept one."""
    with FaultServer(tls=server_tls if secured else None) as server:
        async with httpx.AsyncClient(transport=ConnectionPool(verify=client_tls)) as http:
            for _ in range(2):
                async with http.stream("GET", server.url) as response:
                    stream = response.extensions["network_stream"]
                    assert stream.get_extra_info("server_addr")[:2] == ("127.0.0.1", server.port)
                    assert stream.get_extra_info("client_addr")[0] == "127.0.0.1"
                    assert stream.get_extra_info("is_readable") is False
                    assert (stream.get_extra_info("ssl_object") is not None) == secured
                    assert stream.get_extra_info("socket") is not None
                    assert stream.get_extra_info("nonsense") is None


def test_a_peer_that_has_gone_has_no_address() -> None:
    """A connection that is reset before anybody looks at it does no harm."""
    with socket.socket() as unconnected:
        assert _addresses(unconnected) == (None, None)


@pytest.mark.parametrize("how", ["whole", "pieces", "stream"])
async def test_trace(how: str) -> None:
    """The callback is awaited for the steps of a request, as httpcore names them."""
    seen: list[str] = []

    async def trace(name: str, info: dict[str, Any]) -> None:
        assert info["request"].method == b"POST"
        seen.append(name)

    async def pieces() -> Any:
        yield b"one"

    with FaultServer() as server:
        async with httpx.AsyncClient(transport=ConnectionPool()) as http:
            for _ in range(2):
                content = pieces() if how == "pieces" else b"one"
                extensions = {"trace": trace}
                if how == "stream":
                    async with http.stream("POST", server.url, content=content, extensions=extensions) as response:
                        await response.aread()
                else:
                    await http.post(server.url, content=content, extensions=extensions)
    sent = [f"http11.send_request_{part}.{step}" for part in ("headers", "body") for step in ("started", "complete")]
    received = [f"http11.receive_response_headers.{step}" for step in ("started", "complete")]
    assert seen == ["connection.connect_tcp.started", "connection.connect_tcp.complete", *(sent + received) * 2]


async def test_the_trace_of_a_failure() -> None:
    """The step that failed is told, with the exception; a callback that fails itself sends nothing."""
    seen: list[tuple[str, object]] = []

    async def trace(name: str, info: dict[str, Any]) -> None:
        seen.append((name, info.get("exception")))

    async def broken(name: str, info: dict[str, Any]) -> None:
        if "send_request" in name:
            raise KeyError("canary")

    async with ConnectionPool() as pool:
        request = httpx.Request("GET", "http://127.0.0.1:9", extensions={"trace": trace})
        with pytest.raises(httpx.ConnectError) as caught:
            await pool.handle_async_request(request)
        assert seen[-1] == ("connection.connect_tcp.failed", caught.value)
        with FaultServer() as server:
            with pytest.raises(KeyError) as theirs:
                await pool.handle_async_request(httpx.Request("GET", server.url, extensions={"trace": broken}))
            assert request_sent(theirs.value) is False
            assert server.executed == 0


async def test_the_idle_time_of_a_request_under_httpx() -> None:
    """A callout keeps its promise about idle connections under somebody's client."""
    with FaultServer(*[answer(OK)] * 4) as server:
        async with (
            httpx.AsyncClient(transport=ConnectionPool()) as http,
            client(server, http_client=http, callout_max_idle=0.02) as voice,
        ):
            await dial(voice)
            await anyio.sleep(0.05)
            await dial(voice)
        assert server.opened == 2


# What a server says


@pytest.mark.parametrize(
    "line",
    [
        b"RTSP/1.1 200 OK", b"ICE/1.1 200 OK", b"HTTP/2.0 200 OK", b"HTTP/0.9 200 OK", b"HTTP/1.1 200 O\x00K",
        b"HTTP/1.1 100 Continue\r\n\r\nRTSP/1.1 200 OK", b"RTSP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK",
    ],
)  # fmt: skip
@pytest.mark.parametrize("dripping", [False, True])
async def test_an_answer_in_another_protocol(line: bytes, dripping: bool) -> None:
    """It is not a receipt, and its connection is not used again."""
    raw = line + b"\r\nContent-Length: 15\r\n\r\n" + OK
    pieces = [raw[i : i + 1] for i in range(len(raw))] if dripping else [raw]
    with FaultServer(say(*pieces), answer(OK)) as server:
        async with client(server) as voice:
            with pytest.raises(SinchVoiceError) as caught:
                await dial(voice)
            assert caught.value.outcome == "unknown"
            await dial(voice)
        assert server.opened == 2


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "body",
    [
        b"f;a=b\r\n%b\r\n0\r\n\r\n", b"f ;a=b\r\n%b\r\n0\r\n\r\n", b"f \t ; a = b\r\n%b\r\n0 ;x\r\n\r\n",
        b'f; a="q;\\" x"\r\n%b\r\n0\r\n\r\n', b"F   \r\n%b\r\n000\r\nT: x\r\nU:\r\n\r\n", b"0f\r\n%b\r\n0\r\n\r\n",
    ],
)  # fmt: skip
@pytest.mark.parametrize("dripping", [False, True])
async def test_white_space_around_chunk_extensions(body: bytes, dripping: bool) -> None:
    """A recipient must parse it (RFC 9112, section 7.1.1): a receipt is not lost over a space."""
    raw = CHUNKED + body % OK
    pieces = [raw[i : i + 1] for i in range(len(raw))] if dripping else [raw]
    with FaultServer(say(*pieces), say(*pieces)) as server:
        async with client(server) as voice:
            for _ in range(2):
                assert (await voice.callouts.tts("+46700000001", "Hi")).call_id == "id"
        assert server.opened == 1


@pytest.mark.parametrize(
    "body",
    [
        b"f;\x00\r\n",
        b"-f\r\n",
        b" f\r\n",
        b"0x f\r\n",
        b"\r\n",
        b"f" * 16 + b"\r\n",
        b"1\r\nab\r\n",
        b"0\r\nno colon\r\n",
    ],
)
def test_what_is_no_chunk(body: bytes) -> None:
    """Everything else in the place of a chunk is refused."""
    with pytest.raises(ValueError, match=r"chunk|trailer"):
        Chunks().feed(body)


def test_nothing_follows_the_last_chunk() -> None:
    """Bytes behind it belong to no request."""
    reader = ResponseReader()
    reader.expect()
    reader.feed(CHUNKED + b"0\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert (reader.complete, reader.reusable) == (True, False)
    reader.expect(closing=True)
    reader.feed(CHUNKED + b"0\r\n\r\n")
    assert (reader.complete, reader.reusable) == (True, False)


@pytest.mark.parametrize("coding", [b"notchunked", b"chunked, gzip", b"gzip"])
async def test_a_body_that_the_connection_ends(coding: bytes) -> None:
    """Only the coding that is called chunked, and is the last one, delimits a body."""
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: %b\r\n\r\n%b" % (coding, OK)
    with FaultServer(say(raw, then="close")) as server:
        async with client(server) as voice:
            assert (await voice.callouts.tts("+46700000001", "Hi")).call_id == "id"


REFUSAL = b'{"errorCode":40001,"message":"not one of yours","reference":"r"}'


@pytest.mark.parametrize(
    ("coding", "body", "understood"),
    [
        ("gzip", gzip.compress(REFUSAL), True),
        ("GZIP", gzip.compress(REFUSAL), True),
        ("x-gzip", gzip.compress(REFUSAL), True),
        ("deflate", zlib.compress(REFUSAL), True),
        ("deflate", zlib.compress(REFUSAL)[2:-4], True),
        ("identity, gzip", gzip.compress(REFUSAL), True),
        ("gzip, gzip", gzip.compress(gzip.compress(REFUSAL)), True),
        ("gzip", REFUSAL, True),
        ("gzip", gzip.compress(REFUSAL)[:30], False),
        ("gzip", b"\x1f\x8b\x08 garbage", False),
        ("gzip", gzip.compress(b" " * 10_000_000), False),
        ("br", b"\x8b\x1f", False),
    ],
    ids=range(12),
)
async def test_a_compressed_refusal(coding: str, body: bytes, understood: bool) -> None:
    """The platform's words are read, or the message says that they are compressed; of a stream as well."""
    step = answer(body, status=400, headers=f"Content-Encoding: {coding}\r\n".encode())
    with FaultServer(step, step) as server:
        async with client(server) as voice:
            with pytest.raises(BadRequestError) as caught:
                await dial(voice)
            with pytest.raises(BadRequestError) as streamed:
                async with voice.recordings.download("a"):
                    ...
    for each in (caught.value, streamed.value):
        assert each.outcome == "rejected"
        assert (each.code == 40001) == understood
        assert "not one of yours" in str(each) if understood else "compressed" in str(each)


# Idle connections


@pytest.mark.parametrize("then", ["wait", "linger"])
async def test_idle_connections_end_in_time(then: str) -> None:
    """They are closed when their time has passed, without another request, whether or not the server has closed."""
    ended: list[object] = []
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n" + OK

    async def step(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(raw)
        if then == "linger":
            peer._writer.write_eof()
        try:
            await peer._reader.read(1)
        finally:
            ended.append(peer)

    with FaultServer(*[step] * 10) as server:
        async with client(server, limits=httpx.Limits(keepalive_expiry=0.1)) as voice:
            for _ in range(2):
                async with anyio.create_task_group() as tasks:
                    for _ in range(5):
                        tasks.start_soon(dial, voice)
                with anyio.fail_after(300):
                    while len(ended) < server.opened:
                        await anyio.sleep(0.01)
            assert "0 active, 0 idle" in repr(voice._transport.session.sender) or then == "linger"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)  # pragma: no cover  # only where there is a proxy
    yield
