"""Requests through proxies: which one, how, and what is known when it fails."""

import asyncio
import base64
import contextlib
import random
import socket
import ssl
import sys
import threading
import urllib.request
from typing import Self

import anyio
import httpx
import pytest
import trustme
from hypothesis import example, given
from hypothesis import strategies as st
from rich.pretty import pretty_repr

from sinch_voice_async import (
    APIError,
    ConfigurationError,
    ConnectError,
    ConnectionPool,
    DecodeError,
    RateLimitedError,
    RequestTimeoutError,
    RetryPolicy,
    TransportError,
    VoiceClient,
)
from sinch_voice_async._transport.exceptions import request_sent
from sinch_voice_async._transport.origin import Origin, is_host, is_loopback
from sinch_voice_async._transport.proxies import Proxies, Proxy, proxy_for_url
from tests.patience import with_more_time
from tests.transport.proxying import refuse, say_to_connect, tunnel
from tests.transport.servers import FaultServer, Step, answer, close, reset, say, silence

OK = b'{"callId":"id"}'
ONCE = RetryPolicy(max_attempts=1)
QUICK = RetryPolicy(base_delay=0)


def client(server: FaultServer, proxy: str | None, tls: ssl.SSLContext, **options: object) -> VoiceClient:
    """Make a client of a server that is reached through a proxy."""
    settings: dict[str, object] = {"base_url": server.url, "proxy": proxy, "verify": tls, "retry": ONCE, "timeout": 300}
    return VoiceClient("key", "c2VjcmV0", **(settings | options))  # type: ignore[arg-type]  # options of any type


@pytest.fixture(params=["http proxy", "https proxy"])
def proxy_tls(request: pytest.FixtureRequest, server_tls: ssl.SSLContext) -> ssl.SSLContext | None:
    """Return the TLS of the proxy itself."""
    return server_tls if request.param == "https proxy" else None


# Which proxy


def origin(url: str) -> Origin:
    """Return the origin of a URL."""
    return Origin.of(httpx.URL(url))


@pytest.mark.parametrize(
    ("exempt", "url", "direct"),
    [
        ("", "https://a.example", False),
        ("*", "https://a.example", True),
        ("a.example", "https://a.example", True),
        ("A.EXAMPLE", "https://a.example", True),
        ("a.example", "https://b.a.example", True),
        (".a.example", "https://a.example", True),
        ("*.a.example", "https://b.a.example", True),
        ("a.example", "https://ba.example", False),
        ("a.example", "https://a.example.org", False),
        ("a.example.", "https://a.example", True),
        ("x, a.example ,y", "https://a.example", True),
        ("x a.example y", "https://a.example", True),
        ("a.example:443", "https://a.example", True),
        ("a.example:443", "https://a.example:8443", False),
        ("a.example:8443", "https://a.example:8443", True),
        ("https://a.example", "https://a.example", True),
        ("http://a.example", "https://a.example", False),
        ("all://a.example/", "https://a.example", True),
        ("10.0.0.0/8", "https://10.1.2.3", True),
        ("10.0.0.0/8", "https://11.1.2.3", False),
        ("10.0.0.0/8", "https://a.example", False),
        ("10.1.2.3", "https://10.1.2.3", True),
        ("10.1.2.3:443", "https://10.1.2.3", True),
        ("fd00::/8", "https://[fd12::1]", True),
        ("2001:db8::1", "https://[2001:db8::1]", True),
        ("2001:db8:0::1", "https://[2001:db8::1]", True),
        ("[2001:db8::1]", "https://[2001:db8::1]", True),
        ("[2001:db8::1]:8443", "https://[2001:db8::1]:8443", True),
        ("[2001:db8::1]:8443", "https://[2001:db8::1]", False),
        ("bücher.example", "https://bücher.example", True),
        ("\u2603..", "https://a.example", False),
        ("a.example:\u00b2", "https://a.example", False),
        ("a.example:" + "4" * 5_000, "https://a.example", False),
    ],
)
def test_no_proxy(exempt: str, url: str, direct: bool) -> None:
    """Each kind of entry covers what it says, and nothing else."""
    proxies = Proxies(environment={"https": "http://proxy.example:3128", "no": exempt})
    for _ in range(2):
        found = proxies.for_origin(origin(url))
        assert (found is None) == direct
        assert found is None or str(found) == "http://proxy.example:3128"


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "LOCALHOST", "a.localhost", "localhost.", "127.0.0.1", "127.8.9.10", "127.1", "0x7f000001",
        "2130706433", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]",
    ],
)  # fmt: skip
def test_this_machine_needs_no_proxy_of_the_environment(host: str) -> None:
    """Plain http is allowed to it because the bytes stay here; a proxy that the user names is the user's decision."""
    everything = {"http": "http://p.example", "https": "http://p.example", "all": "http://p.example"}
    for scheme in ("http", "https"):
        there = origin(f"{scheme}://{host}:8070")
        assert Proxies(environment=everything).for_origin(there) is None
        assert Proxies(Proxy.parse("http://p.example")).for_origin(there) is not None


@pytest.mark.parametrize("host", ["128.0.0.1", "localhost.example", "nolocalhost", "1.1", "[::2]", "a.example", "9."])
def test_other_machines_are_not_this_one(host: str) -> None:
    """A name that only looks like this machine's is another's."""
    assert not is_loopback(host.strip("[]"))


@given(st.text(max_size=20) | st.sampled_from(["999.1.1.1", "1.2.3", "0x", "[::1", "::1%", "1:2:3"]))
@example("0\x00")
@example("\u00b2")
def test_any_text_as_a_host(text: str) -> None:
    """Every text is a host or none, this machine or none, and no question raises."""
    assert is_host(text) in (True, False)
    assert is_loopback(text) in (True, False)


def test_the_scheme_s_own_variable_comes_first() -> None:
    """HTTPS_PROXY before ALL_PROXY, ALL_PROXY for what has none."""
    proxies = Proxies(environment={"https": "http://one.example", "all": "https://two.example:1"})
    assert str(proxies.for_origin(origin("https://a.example"))) == "http://one.example:80"
    assert str(proxies.for_origin(origin("http://a.example"))) == "https://two.example:1"


def test_what_is_known_is_bounded() -> None:
    """A client that talks to any number of servers does not remember each for ever."""
    proxies = Proxies(Proxy.parse("http://p.example"))
    for number in range(2500):
        proxies.for_origin(Origin("https", f"{number}.example", 443))
    assert len(proxies._known) <= 1001


def test_the_proxies_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """What macOS and Windows have configured is used, with the exceptions that stand beside it."""
    monkeypatch.setattr(urllib.request, "getproxies", lambda: {"https": "http://p.example"})
    monkeypatch.setattr(urllib.request, "getproxies_environment", dict)
    monkeypatch.setattr(urllib.request, "proxy_bypass", lambda host: host == "inside.example")
    proxies = Proxies.of(None)
    assert proxies.for_origin(origin("https://inside.example")) is None
    assert proxies.for_origin(origin("https://outside.example")) is not None


@pytest.mark.parametrize(
    "url",
    [
        "", "http://", "://", "http://:80", "http://a..b", "http://a:port", "http://a:0", "http://a:70000", "ftp://a",
        "http://a/path", "http://a?x", "http://a#x", "http://xn--/", "a b", "http://" + "a" * 64,
    ],
)  # fmt: skip
def test_a_proxy_that_cannot_be_used(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused when the client is made, by the name of the argument or the variable, and without its password."""
    with pytest.raises(ConfigurationError, match=r"^proxy"):
        VoiceClient("key", "c2VjcmV0", proxy=url)
    if url:
        monkeypatch.setenv("HTTPS_PROXY", url)
        monkeypatch.setenv("https_proxy", url)
        with pytest.raises(ConfigurationError, match=r"^HTTPS_PROXY"):
            VoiceClient("key", "c2VjcmV0")
        VoiceClient("key", "c2VjcmV0", base_url="http://127.0.0.1:8070")


async def test_a_variable_that_is_found_wrong_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A region whose proxy cannot be used is refused unsent, by the name of the variable."""
    monkeypatch.setenv("HTTPS_PROXY", "http://p.example:port")
    monkeypatch.setenv("NO_PROXY", "calling.api.sinch.com,callingapi.sinch.com")
    async with VoiceClient("key", "c2VjcmV0") as voice:
        with pytest.raises(ConfigurationError, match="HTTPS_PROXY") as caught:
            await voice.with_options(region="euc1").calls.get("id")
    assert (caught.value.outcome, caught.value.attempts) == ("unsent", 1)


def test_a_password_is_no_field_that_rich_walks() -> None:
    """A traceback with local variables shows frames that hold a proxy."""
    shown = pretty_repr([Proxy.parse("http://me:hunter2@proxy.example:3128")])
    assert "proxy.example" in shown
    assert "hunter2" not in shown
    assert "'me'" not in shown


def test_a_password_is_shown_nowhere() -> None:
    """Not in what a proxy prints of itself, and not in what refuses it."""
    proxy = Proxy.parse("http://me:can%40ary@p.example")
    assert "can" not in f"{proxy} {proxy!r} {[proxy]}"
    assert proxy.headers == [(b"Proxy-Authorization", b"Basic " + base64.b64encode(b"me:can@ary"))]
    theirs = httpx.Proxy("http://p.example", auth=("me", "can@ary"))
    assert Proxy.parse(theirs).headers == proxy.headers
    assert Proxy.parse("p.example:3128").port == 3128
    with pytest.raises(ConfigurationError) as caught:
        VoiceClient("key", "c2VjcmV0", proxy="http://me:canary@p.example:port")
    assert "canary" not in str(caught.value)


def test_the_proxy_of_a_url(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks is told what the client will do."""
    monkeypatch.setenv("HTTPS_PROXY", "http://p.example")
    assert str(proxy_for_url(httpx.URL("https://a.example"), None)) == "http://p.example:80"
    assert proxy_for_url(httpx.URL("http://localhost"), None) is None
    assert str(proxy_for_url(httpx.URL("http://localhost"), "socks5://q.example")) == "socks5://q.example:1080"


# Through it


async def test_a_tunnel(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext, proxy_tls: ssl.SSLContext) -> None:
    """A callout over https goes through CONNECT, its TLS inside; the tunnel is kept for the next one."""
    with FaultServer(tls=server_tls) as server, FaultServer(tunnel(server.port), tls=proxy_tls) as proxy:
        server.script.extend([answer(OK)] * 3)
        url = proxy.url.replace("://", "://me:pass%20word@")
        async with client(server, url, client_tls) as voice:
            for _ in range(3):
                assert (await voice.callouts.tts("+46700000001", "Hi")).call_id == "id"
        assert (server.executed, server.opened, proxy.opened) == (3, 1, 1)
    (head,) = proxy.heads
    assert head.startswith(b"CONNECT localhost:%d HTTP/1.1\r\nHost: localhost:%d\r\n" % (server.port, server.port))
    assert b"Proxy-Authorization: Basic " + base64.b64encode(b"me:pass word") in head
    assert not any(b"proxy" in head.lower() for head in server.heads)


async def test_an_interim_answer_to_connect(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    """A proxy may say 100 before it says 200."""
    greeting = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"
    with FaultServer(answer(OK), tls=server_tls) as server, FaultServer() as proxy:
        proxy.script.append(tunnel(server.port, greeting=greeting))
        async with client(server, proxy.url, client_tls) as voice:
            assert (await voice.callouts.tts("+46700000001", "Hi")).call_id == "id"


async def test_plain_http_takes_the_whole_url(client_tls: ssl.SSLContext, proxy_tls: ssl.SSLContext) -> None:
    """Without TLS the proxy is asked for the absolute URL, and is authorized in each request."""
    with FaultServer(answer(OK), answer(OK), tls=proxy_tls) as proxy:
        url = proxy.url.replace("://", "://me:secret@")
        options = {"base_url": "http://voice.example:8070/base", "allow_insecure": True}
        async with client(proxy, url, client_tls, **options) as voice:
            await voice.callouts.tts("+46700000001", "Hi")
            await voice.calls.get("id")
    for head, line in zip(proxy.heads, (b"POST %b/callouts", b"GET %b/calls/id/id"), strict=True):
        assert head.startswith(line % b"http://voice.example:8070/base/calling/v1" + b" HTTP/1.1\r\n")
        assert b"\r\nhost: voice.example:8070\r\n" in head
        assert b"\r\nProxy-Authorization: Basic " in head


async def test_a_download_goes_through_it(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    """Streams take the same way."""
    with FaultServer(answer(b"x" * 300_000), tls=server_tls) as server, FaultServer(tunnel(server.port)) as proxy:
        async with (
            client(server, proxy.url, client_tls) as voice,
            voice.recordings.download("a.wav") as download,
        ):
            assert await download.read() == b"x" * 300_000
        assert proxy.opened == 1


async def test_the_pool_under_httpx(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    """``proxy=`` means to the pool what it means to httpx's own transport, for https and for http."""
    with FaultServer(answer(b"one"), tls=server_tls) as server, FaultServer(tunnel(server.port)) as proxy:
        pool = ConnectionPool(verify=client_tls, proxy=httpx.Proxy(proxy.url, auth=("me", "secret")))
        async with httpx.AsyncClient(transport=pool) as http:
            assert (await http.get(server.url)).content == b"one"
            assert (await http.get("http://a.example:81/x", params={"y": "1"})).status_code == 200
        assert proxy.heads[0].startswith(b"CONNECT ")
        assert proxy.heads[1].startswith(b"GET http://a.example:81/x?y=1 HTTP/1.1\r\n")
        assert all(b"Proxy-Authorization: Basic " in head for head in proxy.heads)


async def test_each_host_is_decided_for_itself(
    monkeypatch: pytest.MonkeyPatch, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    """A view of another region, and the address of a call, go where the variables say, whatever the first host was."""
    with FaultServer(refuse(), refuse()) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "calling.api.sinch.com,callingapi.sinch.com")
        async with VoiceClient("key", "c2VjcmV0", retry=ONCE) as voice:
            with pytest.raises(ConnectError, match="proxy"):
                await voice.with_options(region="euc1").calls.get("id")
            with pytest.raises(ConnectError, match="proxy"):
                await voice.calls.get("https://calling-use1.api.sinch.com/calling/v1/calls/id/x")
    assert [head.split(b" ")[1] for head in proxy.heads] == [
        b"calling-euc1.api.sinch.com:443",
        b"calling-use1.api.sinch.com:443",
    ]


# What is known when it fails


@pytest.mark.parametrize(
    ("status", "asked"),
    [(b"403 Forbidden", 1), (b"407 Proxy Authentication Required", 1), (b"404 X", 1), (b"429 X", 3), (b"502 X", 3)],
)
async def test_a_refusal_is_the_proxy_s(
    status: bytes, asked: int, client_tls: ssl.SSLContext, proxy_tls: ssl.SSLContext
) -> None:
    """It is named as the proxy's, nothing was sent, and what is final is asked once."""
    with FaultServer(*[refuse(status)] * 3, tls=proxy_tls) as proxy:
        url = proxy.url.replace("://", "://me:canary@")
        async with VoiceClient("key", "c2VjcmV0", proxy=url, verify=client_tls, retry=QUICK) as voice:
            with pytest.raises(ConnectError) as caught:
                await voice.callouts.tts("+46700000001", "Hi")
    assert (caught.value.outcome, caught.value.attempts, len(proxy.heads)) == ("unsent", asked, asked)
    assert f"the proxy {proxy.url} refused" in str(caught.value)
    assert status.decode() in str(caught.value)
    assert "canary" not in str(caught.value)


async def test_a_407_to_plain_http_is_the_proxy_s(client_tls: ssl.SSLContext) -> None:
    """Only a proxy answers so, whatever the request was: nothing reached the platform."""
    with FaultServer(answer(b"", status=407), answer(b"", status=407)) as proxy:
        options = {"base_url": "http://voice.example", "allow_insecure": True, "retry": QUICK}
        async with client(proxy, proxy.url, client_tls, **options) as voice:
            with pytest.raises(ConnectError, match=r"the proxy http://localhost:\d+ refused .*407") as caught:
                await voice.callouts.tts("+46700000001", "Hi")
            with pytest.raises(ConnectError, match="407"):
                async with voice.recordings.download("a"):
                    ...
    assert (caught.value.outcome, caught.value.attempts) == ("unsent", 1)


async def test_a_407_without_a_proxy_is_the_server_s(client_tls: ssl.SSLContext) -> None:
    """It is an answer like any other, to a callout and to a stream."""
    with FaultServer(answer(b"", status=407), answer(b"", status=407)) as server:
        async with client(server, None, client_tls) as voice:
            with pytest.raises(APIError) as caught:
                await voice.callouts.tts("+46700000001", "Hi")
            assert (caught.value.status, caught.value.outcome) == (407, "rejected")
            with pytest.raises(APIError):
                async with voice.recordings.download("a"):
                    ...


class Wrapper(httpx.AsyncBaseTransport):
    """A transport that only passes on."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass it on."""
        return await self.inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close what is inside."""
        await self.inner.aclose()


@pytest.mark.parametrize("status", [b"403 Forbidden", b"200 OK"])
async def test_a_proxy_of_httpx_behind_a_wrapper(status: bytes) -> None:
    """The refusal of a CONNECT in the trace is proof, and so is a handshake that fails in the tunnel."""
    with FaultServer(*[say_to_connect(b"HTTP/1.1 %b\r\nContent-Length: 0\r\n\r\n" % status)] * 3) as proxy:
        transport = Wrapper(httpx.AsyncHTTPTransport(proxy=proxy.url))
        async with VoiceClient("key", "c2VjcmV0", transport=transport, retry=ONCE) as voice:
            with pytest.raises(ConnectError) as caught:
                await voice.callouts.tts("+46700000001", "Hi")
    assert caught.value.outcome == "unsent"


@pytest.mark.parametrize(
    "raw",
    [b"", b"HTTP/1.1 200", b"garbage\r\n\r\n", b"RTSP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000],
)
@pytest.mark.parametrize("then", ["close", "reset"])
async def test_a_proxy_that_says_nothing_sensible(raw: bytes, then: str, client_tls: ssl.SSLContext) -> None:
    """Before the tunnel stands nothing was sent, whatever went wrong."""
    with FaultServer(*[say_to_connect(raw, then=then)] * 3) as proxy:
        async with VoiceClient("key", "c2VjcmV0", proxy=proxy.url, verify=client_tls, retry=QUICK) as voice:
            with pytest.raises(ConnectError, match="proxy") as caught:
                await voice.callouts.tts("+46700000001", "Hi")
    assert (caught.value.outcome, caught.value.attempts) == ("unsent", 3)


async def test_a_proxy_that_is_not_there(client_tls: ssl.SSLContext) -> None:
    """The message names the proxy, which is where to look."""
    async with VoiceClient("key", "c2VjcmV0", proxy="http://127.0.0.1:9", retry=QUICK) as voice:
        with pytest.raises(ConnectError, match=r"proxy http://127\.0\.0\.1:9") as caught:
            await voice.callouts.tts("+46700000001", "Hi")
    assert (caught.value.outcome, caught.value.attempts) == ("unsent", 3)


@pytest.mark.parametrize("raw", [b"", b"HTTP/1.1 200 OK\r\n\r\n"], ids=["no answer", "no handshake"])
async def test_a_proxy_that_keeps_one_waiting(raw: bytes, client_tls: ssl.SSLContext) -> None:
    """The connect time-out covers tunnel and handshake."""
    with FaultServer(say_to_connect(raw, then="wait_for_ever")) as proxy:
        timeout = httpx.Timeout(300, connect=0.2)
        async with VoiceClient("key", "c2VjcmV0", proxy=proxy.url, retry=ONCE, timeout=timeout) as voice:
            with pytest.raises(RequestTimeoutError) as caught:
                await voice.callouts.tts("+46700000001", "Hi")
    assert (caught.value.phase, caught.value.outcome, caught.value.request_sent) == ("connect", "unsent", False)


async def test_a_server_that_is_not_trusted(
    server_tls: ssl.SSLContext, client_tls: ssl.SSLContext, proxy_tls: ssl.SSLContext | None
) -> None:
    """The certificate inside the tunnel is verified, once."""
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(theirs)
    with FaultServer(tls=theirs) as server, FaultServer(tunnel(server.port), tls=proxy_tls) as proxy:
        async with client(server, proxy.url, client_tls, retry=QUICK) as voice:
            with pytest.raises(ConnectError, match="certificate") as caught:
                await voice.callouts.tts("+46700000001", "Hi")
    assert (caught.value.outcome, caught.value.attempts, server.executed) == ("unsent", 1, 0)


@pytest.mark.parametrize(
    ("step", "rings"), [(silence, 1), (say(then="close"), 1), (say(then="reset"), 1), (close, 0), (reset, 0)]
)
async def test_a_tunnel_that_breaks(
    step: Step, rings: int, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext, proxy_tls: ssl.SSLContext
) -> None:
    """Once the request is on its way nobody knows, and a callout is not repeated."""

    async def once(scale: float) -> None:
        with FaultServer(step, tls=server_tls) as server, FaultServer(tunnel(server.port), tls=proxy_tls) as proxy:
            timeout = httpx.Timeout(300, read=0.3 * scale)
            async with client(server, proxy.url, client_tls, retry=QUICK, timeout=timeout) as voice:
                with pytest.raises(TransportError) as caught:
                    await voice.callouts.tts("+46700000001", "Hi")
            assert (caught.value.outcome, caught.value.attempts, server.executed) == ("unknown", 1, rings)

    await with_more_time(once)


async def test_a_tunnel_that_breaks_within_the_answer(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    """Half of an answer is what it is without a proxy."""
    with (
        FaultServer(answer(b"x" * 50_000), tls=server_tls) as server,
        FaultServer(tunnel(server.port, then=20_000)) as proxy,
    ):
        async with client(server, proxy.url, client_tls) as voice:
            with pytest.raises(DecodeError, match="200") as caught:
                await voice.callouts.tts("+46700000001", "Hi")
    assert caught.value.outcome == "accepted"


async def test_a_refusal_through_the_tunnel_is_the_platform_s(
    server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    """What comes through TLS is from the platform."""
    with FaultServer(answer(b"{}", status=429), tls=server_tls) as server, FaultServer(tunnel(server.port)) as proxy:
        async with client(server, proxy.url, client_tls) as voice:
            with pytest.raises(RateLimitedError):
                await voice.callouts.tts("+46700000001", "Hi")


async def test_cancellation_churn(
    server_tls: ssl.SSLContext, client_tls: ssl.SSLContext, proxy_tls: ssl.SSLContext
) -> None:
    """After requests that were cancelled at random, tunnels half open among them, all of twenty succeed."""
    with FaultServer(tls=server_tls) as server, FaultServer(tls=proxy_tls) as proxy:
        server.greeting = None
        proxy.script.extend([tunnel(server.port)] * 5000)
        limits = httpx.Limits(max_connections=10)
        chance = random.Random(1)
        stop = anyio.current_time() + 0.7
        async with ConnectionPool(verify=client_tls, limits=limits, proxy=proxy.url) as pool:

            async def post(mark: bytes) -> bytes:
                extensions = {"timeout": httpx.Timeout(300).as_dict()}
                request = httpx.Request("POST", server.url, content=mark, extensions=extensions)
                response = await pool.handle_async_request(request)
                return await response.aread()

            async def worker(number: int) -> None:
                while anyio.current_time() < stop:
                    with anyio.move_on_after(chance.random() * 0.02):
                        assert await post(b"%d" % number) == b"%d" % number

            async with anyio.create_task_group() as tasks:
                for number in range(20):
                    tasks.start_soon(worker, number)
            answers: list[bytes] = []

            async def one(number: int) -> None:
                answers.append(await post(b"%d" % number))

            async with anyio.create_task_group() as tasks:
                for number in range(20):
                    tasks.start_soon(one, number)
            assert sorted(answers) == sorted(b"%d" % number for number in range(20))
            assert repr(pool).startswith("<ConnectionPool [0 active, ")


# SOCKS


class SocksServer:
    """A SOCKS5 proxy that connects every request to a port of this machine (RFC 1928); ``wants`` is a login."""

    def __init__(self, port: int, *, reply: int = 0, wants: bytes = b"") -> None:
        self.seen: list[bytes] = []
        self._target, self._reply, self._wants = port, reply, wants
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._one(self._listener.accept()[0])

    def _one(self, ours: socket.socket) -> None:
        ours.recv(100)
        if self._wants:
            ours.sendall(b"\x05\x02")
            ours.sendall(b"\x01\x00" if ours.recv(600) == self._wants else b"\x01\x01")
        else:
            ours.sendall(b"\x05\x00")
        self.seen.append(ours.recv(600))
        ours.sendall(b"\x05%c\x00\x01\x00\x00\x00\x00\x00\x00" % self._reply)
        if self._reply:
            ours.close()
            return
        theirs = socket.create_connection(("127.0.0.1", self._target))
        for pair in ((ours, theirs), (theirs, ours)):
            threading.Thread(target=_pump, args=pair, daemon=True).start()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError), source, target:
        while data := source.recv(65_536):
            target.sendall(data)


@pytest.mark.parametrize("login", ["", "me:secret@"])
async def test_socks(login: str, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    """A SOCKS5 proxy connects, resolves the name itself, and TLS runs through it."""
    pytest.importorskip("python_socks")
    wants = b"\x01\x02me\x06secret" if login else b""
    with (
        FaultServer(answer(OK), answer(OK), tls=server_tls) as server,
        SocksServer(server.port, wants=wants) as socks,
    ):
        async with client(server, f"socks5://{login}127.0.0.1:{socks.port}", client_tls) as voice:
            for _ in range(2):
                assert (await voice.callouts.tts("+46700000001", "Hi")).call_id == "id"
        assert server.opened == 1
    assert [b"localhost" in request for request in socks.seen] == [True]


async def test_socks_that_refuses(client_tls: ssl.SSLContext) -> None:
    """It is the proxy that refuses, and nothing was sent."""
    pytest.importorskip("python_socks")
    with SocksServer(1, reply=2) as socks:
        async with VoiceClient("key", "c2VjcmV0", proxy=f"socks5://127.0.0.1:{socks.port}", retry=ONCE) as voice:
            with pytest.raises(ConnectError, match=r"the proxy socks5://.* refused") as caught:
                await voice.callouts.tts("+46700000001", "Hi")
    assert caught.value.outcome == "unsent"


async def test_socks_that_is_not_there() -> None:
    """A proxy that cannot be reached is a failure to connect."""
    pytest.importorskip("python_socks")
    async with VoiceClient("key", "c2VjcmV0", proxy="socks5://127.0.0.1:9", retry=ONCE) as voice:
        with pytest.raises(ConnectError, match="proxy socks5://127") as caught:
            await voice.callouts.tts("+46700000001", "Hi")
    assert caught.value.outcome == "unsent"


def test_socks_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what to install."""
    monkeypatch.setitem(sys.modules, "python_socks", None)
    with pytest.raises(ConfigurationError, match=r"sinch-voice-async\[socks\]"):
        VoiceClient("key", "c2VjcmV0", proxy="socks5://127.0.0.1:9")


def test_a_proxied_client_survives_event_loops(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    """One loop after another, each with tunnels of its own."""
    with FaultServer(tls=server_tls) as server, FaultServer(*[tunnel(server.port)] * 3) as proxy:
        server.script.extend([answer(OK)] * 3)
        voice = client(server, proxy.url, client_tls)

        async def place() -> None:
            assert (await voice.callouts.tts("+46700000001", "Hi")).call_id == "id"

        asyncio.run(place())
        anyio.run(place, backend="trio")
        asyncio.run(place())
        assert (server.executed, proxy.opened) == (3, 3)
        asyncio.run(voice.aclose())


async def test_a_proxy_error_carries_its_evidence(client_tls: ssl.SSLContext) -> None:
    """Under httpx the refusal is httpx's ProxyError, marked as unsent."""
    with FaultServer(refuse()) as proxy:
        async with ConnectionPool(proxy=proxy.url) as pool:
            with pytest.raises(httpx.ProxyError) as caught:
                await pool.handle_async_request(httpx.Request("GET", "https://a.example"))
    assert request_sent(caught.value) is False


@pytest.mark.parametrize("own", ["headers", "ssl_context"])
def test_what_a_proxy_has_beside_its_url_is_refused(own: str) -> None:
    """It was ignored without a word: the proxy then answers 407, or is not trusted."""
    proxy = (
        httpx.Proxy("http://proxy.example:3128", headers={"X-Tenant": "can@ary"})
        if own == "headers"
        else httpx.Proxy("https://proxy.example:3128", ssl_context=ssl.create_default_context())
    )
    with pytest.raises(ConfigurationError, match=r"proxy: httpx\.Proxy with headers or ssl_context") as caught:
        VoiceClient("key", "c2VjcmV0", proxy=proxy)
    assert "can@ary" not in str(caught.value)
