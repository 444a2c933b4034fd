"""The client as users make it: from arguments and the environment, inside loops and outside, open and closed."""

import asyncio
import inspect
import logging
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
import respx
import trio

from sinch_voice_async import (
    APIError,
    ApplicationSignature,
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    ConnectionPool,
    Credentials,
    InvalidRequestError,
    NotFoundError,
    Region,
    RetryPolicy,
    TransportError,
    VoiceClient,
)
from sinch_voice_async.sandbox import Sandbox
from tests.environment import use_sandbox

KEY, SECRET = "5F5C418A0F914BBC8234A9BF5EDDAD97", "JViE5vDor0Sw3WllZka15Q=="
CALLEE = "+46700000001"


async def test_the_environment_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first example of the README works with three variables set."""
    async with Sandbox().serve() as sandbox:
        use_sandbox(sandbox, monkeypatch)
        async with VoiceClient() as client:
            receipt = await client.callouts.tts(CALLEE, "Hello!", cli="+46700000000")
            assert (await client.calls.get(receipt.call_id)).call_id == receipt.call_id
            assert await client.numbers.list() == []


def test_a_region_that_is_named_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    """GLOBAL is the default, which SINCH_VOICE_REGION replaces; written out it stands, as any other region does."""
    assert inspect.signature(VoiceClient).parameters["region"].default == Region.GLOBAL
    monkeypatch.setenv("SINCH_VOICE_REGION", "euc1")
    assert "calling-euc1.api.sinch.com" in repr(VoiceClient(KEY, SECRET))
    assert "calling.api.sinch.com" in repr(VoiceClient(KEY, SECRET, region=Region.GLOBAL))
    assert "calling-use1.api.sinch.com" in repr(VoiceClient(KEY, SECRET, region=Region.NORTH_AMERICA))


@pytest.mark.parametrize(
    ("options", "host", "configuration"),
    [
        ({}, "https://calling.api.sinch.com", "https://callingapi.sinch.com"),
        ({"region": "euc1"}, "https://calling-euc1.api.sinch.com", "https://callingapi.sinch.com"),
        ({"region": Region.SOUTH_AMERICA}, "https://calling-sae1.api.sinch.com", "https://callingapi.sinch.com"),
        ({"base_url": "http://localhost:1/x/"}, "http://localhost:1/x", "http://localhost:1/x"),
        ({"base_url": "http://[::1]:1"}, "http://[::1]:1", "http://[::1]:1"),
        (
            {"base_url": "https://a.example", "configuration_url": "https://b.example"},
            "https://a.example",
            "https://b.example",
        ),
        ({"configuration_url": "https://b.example"}, "https://calling.api.sinch.com", "https://b.example"),
        ({"base_url": "http://a.example", "allow_insecure": True}, "http://a.example", "http://a.example"),
    ],
)
def test_where_requests_go(options: dict[str, Any], host: str, configuration: str) -> None:
    """Region, base_url and configuration_url decide, and the repr shows it without the secret."""
    client = VoiceClient(KEY, SECRET, **options)
    assert repr(client) == f"<VoiceClient {host}, key '5F5C…'>"
    assert str(client._transport.configuration) == configuration


def test_the_environment_names_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Region and URLs are taken from the environment where nothing is passed."""
    monkeypatch.setenv("SINCH_VOICE_REGION", "use1")
    assert "calling-use1.api.sinch.com" in repr(VoiceClient(KEY, SECRET))
    monkeypatch.setenv("SINCH_VOICE_CONFIGURATION_URL", "https://b.example")
    assert str(VoiceClient(KEY, SECRET)._transport.configuration) == "https://b.example"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"application_key": ""}, "SINCH_APPLICATION_KEY"),
        ({"application_secret": "canary!"}, "SINCH_APPLICATION_SECRET"),
        ({"region": "the moon"}, "SINCH_VOICE_REGION"),
        ({"auth": "none"}, "auth"),
        ({"base_url": "calling.api.sinch.com"}, "SINCH_VOICE_BASE_URL"),
        ({"base_url": "ftp://a.example"}, "SINCH_VOICE_BASE_URL"),
        ({"base_url": "https://"}, "SINCH_VOICE_BASE_URL"),
        ({"base_url": "https://a.example:0"}, "SINCH_VOICE_BASE_URL"),
        ({"base_url": "https://a.example:port"}, "SINCH_VOICE_BASE_URL"),
        ({"base_url": "https://user:canary@a.example"}, "SINCH_VOICE_BASE_URL"),
        ({"base_url": "https://a.example?x=1"}, "SINCH_VOICE_BASE_URL"),
        ({"base_url": "https://a.example/?"}, "SINCH_VOICE_BASE_URL"),
        ({"base_url": "https://a.example#x"}, "SINCH_VOICE_BASE_URL"),
        ({"base_url": "http://a.example"}, "allow_insecure=True"),
        ({"base_url": "http://127.0.0.1.evil.example"}, "allow_insecure=True"),
        ({"base_url": 7}, "SINCH_VOICE_BASE_URL"),
        ({"configuration_url": "http://10.0.0.1"}, "SINCH_VOICE_CONFIGURATION_URL"),
        ({"base_url": "https://a.example:65536"}, "SINCH_VOICE_BASE_URL"),
        ({"base_url": "https://a example"}, "SINCH_VOICE_BASE_URL"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": True}, "timeout"),
        ({"retry": 3}, "retry"),
        ({"limits": 100}, "limits"),
        ({"verify": "ca.pem"}, "verify"),
        ({"max_text_length": 0}, "max_text_length"),
        ({"max_text_length": "600"}, "max_text_length"),
        ({"transport": httpx.HTTPTransport()}, "transport"),
        ({"http_client": httpx.Client()}, "http_client"),
        ({"timeout": "soon"}, "timeout"),
        ({"proxy": "://"}, "proxy"),
        ({"proxy": 3128}, "proxy"),
        ({"max_answer_bytes": 0}, "max_answer_bytes"),
        ({"max_answer_bytes": None}, "max_answer_bytes"),
        ({"callout_max_idle": -1}, "callout_max_idle"),
        ({"callout_max_idle": "3"}, "callout_max_idle"),
        ({"proxy": "http://localhost:1", "transport": httpx.MockTransport(lambda _: httpx.Response(200))}, "exclude"),
    ],
)
def test_what_is_malformed_is_named(options: dict[str, Any], named: str) -> None:
    """Each slip ends in a ConfigurationError, when the client is made, that names what to set; never with a secret."""
    with pytest.raises(ConfigurationError) as caught:
        VoiceClient(**{"application_key": KEY, "application_secret": SECRET} | options)
    assert named in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("options", [{"timeout": 0}, {"retry": 3}, {"region": "the moon"}])
def test_a_view_is_judged_like_a_client(options: dict[str, Any]) -> None:
    """What the constructor refuses, ``with_options`` refuses too."""
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        VoiceClient(KEY, SECRET).with_options(**options)


async def test_used_after_close() -> None:
    """A closed client refuses in our own words, may be closed again, and says in its repr that it is closed."""
    client = VoiceClient(KEY, SECRET)
    view = client.with_options(timeout=1)
    await client.aclose()
    await view.aclose()
    assert repr(client).endswith(" closed>")
    for each in (client, view):
        with pytest.raises(InvalidRequestError, match="closed"):
            await each.calls.get("id")


@pytest.mark.parametrize("run", [asyncio.run, lambda main: trio.run(lambda: main)], ids=["asyncio", "trio"])
def test_one_client_survives_three_event_loops(run: Callable[[Any], Any]) -> None:
    """A script that calls asyncio.run three times keeps its client, whatever its connections were doing."""
    with Sandbox().serve() as sandbox:
        client = VoiceClient(**sandbox.client_options())

        async def place() -> None:
            async with anyio.create_task_group() as tasks:
                for _ in range(5):
                    tasks.start_soon(client.callouts.tts, CALLEE, "Hi")

        for _ in range(3):
            run(place())
        assert sandbox.executed == 15


def test_from_asyncio_to_trio_and_back() -> None:
    """The loops need not even be of one kind."""
    with Sandbox().serve() as sandbox:
        client = VoiceClient(**sandbox.client_options())

        async def place() -> None:
            await client.callouts.tts(CALLEE, "Hi")

        for backend in ("asyncio", "trio", "asyncio"):
            anyio.run(place, backend=backend)
        assert sandbox.executed == 3


async def test_a_view_shares_the_connections() -> None:
    """with_options changes what was named, keeps the rest, and uses the same pool."""
    async with Sandbox().serve() as sandbox, VoiceClient(**sandbox.client_options()) as client:
        view = client.with_options(timeout=httpx.Timeout(5.0), retry=RetryPolicy(max_attempts=1))
        await view.callouts.tts(CALLEE, "Hi")
        await client.callouts.tts(CALLEE, "Hi")
        assert repr(client._transport.session.sender) == "<ConnectionPool [0 active, 1 idle, 0 waiting]>"
        assert view._transport.timeout == httpx.Timeout(5.0)
        assert client._transport.timeout == httpx.Timeout(30.0)
        assert client.with_options()._transport.retry == RetryPolicy()
        assert "calling-euc1.api.sinch.com" in repr(client.with_options(region="europe"))


async def test_basic_authentication() -> None:
    """The other scheme works too, and the sandbox tells the two apart."""
    async with Sandbox().serve() as sandbox:
        async with VoiceClient(**sandbox.client_options(), auth="basic") as client:
            await client.callouts.tts(CALLEE, "Hi")
        wrong = sandbox.client_options() | {"application_secret": SECRET}
        async with VoiceClient(**wrong, auth="basic") as client:
            with pytest.raises(AuthenticationError):
                await client.callouts.tts(CALLEE, "Hi")
        assert sandbox.executed == 1


async def test_a_wrong_secret_is_explained() -> None:
    """The refusal carries the code and the platform's words; the secret is in none of it."""
    async with Sandbox().serve() as sandbox:
        wrong = sandbox.client_options() | {"application_secret": SECRET}
        async with VoiceClient(**wrong) as client:
            with pytest.raises(AuthenticationError) as caught:
                await client.callouts.tts(CALLEE, "Hi")
    assert (caught.value.code, caught.value.outcome, caught.value.attempts) == (40102, "rejected", 1)
    assert caught.value.extra["stringToSign"].startswith("POST\n")
    assert SECRET not in str(caught.value)


async def test_nobody_at_the_other_end() -> None:
    """A refused connection is a ConnectError: nothing was sent, three attempts were made, and the address is named."""
    async with VoiceClient(KEY, SECRET, base_url="http://127.0.0.1:9", retry=RetryPolicy(base_delay=0)) as client:
        with pytest.raises(ConnectError, match=r"cannot connect to http://127\.0\.0\.1:9") as caught:
            await client.callouts.tts(CALLEE, "Hi")
    assert (caught.value.outcome, caught.value.request_sent, caught.value.attempts) == ("unsent", False, 3)
    assert isinstance(caught.value.__cause__, httpx.ConnectError)


async def test_any_httpx_transport_will_do() -> None:
    """ASGITransport puts the sandbox into the process; the pool itself can be handed in; both are closed with us."""
    sandbox = Sandbox()
    async with VoiceClient(**sandbox.client_options(), transport=httpx.ASGITransport(sandbox.app)) as client:
        receipt = await client.callouts.tts(CALLEE, "Hi")
        assert sandbox.calls[receipt.call_id].request["method"] == "ttsCallout"
    pool = ConnectionPool()
    async with sandbox.serve(), VoiceClient(**sandbox.client_options(), transport=pool) as client:
        await client.callouts.tts(CALLEE, "Hi")
    assert repr(pool) == "<ConnectionPool [0 active, 0 idle, 0 waiting]>"


async def test_the_user_s_own_client_stays_open() -> None:
    """An httpx.AsyncClient that is handed in is used as it is, and is not ours to close."""
    sandbox = Sandbox()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(sandbox.app)) as mine:
        async with VoiceClient(**sandbox.client_options(), http_client=mine) as client:
            await client.callouts.tts(CALLEE, "Hi")
            with pytest.raises(NotFoundError):
                await client.calls.get("nobody")
        assert not mine.is_closed
        async with VoiceClient(**sandbox.client_options(), http_client=mine) as client:
            await client.callouts.tts(CALLEE, "Hi")
    assert sandbox.executed == 2


async def test_our_pool_under_somebody_s_client() -> None:
    """The pool is an httpx transport, and its proof of what was sent survives the way through httpx."""
    async with (
        httpx.AsyncClient(transport=ConnectionPool()) as mine,
        VoiceClient(
            KEY, SECRET, base_url="http://127.0.0.1:9", http_client=mine, retry=RetryPolicy(base_delay=0)
        ) as ours,
    ):
        with pytest.raises(ConnectError) as caught:
            await ours.callouts.tts(CALLEE, "Hi")
    assert (caught.value.outcome, caught.value.attempts) == ("unsent", 3)


async def test_httpx_s_transport_proves_what_was_not_sent() -> None:
    """Under stock httpx the trace extension is the proof; a callout that was refused the connection is tried again."""
    retry = RetryPolicy(base_delay=0)
    async with VoiceClient(
        KEY, SECRET, base_url="http://127.0.0.1:9", transport=httpx.AsyncHTTPTransport(), retry=retry
    ) as client:
        with pytest.raises(ConnectError) as caught:
            await client.callouts.tts(CALLEE, "Hi")
    assert (caught.value.outcome, caught.value.attempts) == ("unsent", 3)


async def test_a_transport_without_a_trace_proves_nothing() -> None:
    """A mock that raises ConnectError gives no proof: the callout counts as sent, and is not repeated."""

    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    async with VoiceClient(KEY, SECRET, transport=httpx.MockTransport(answer)) as client:
        with pytest.raises(TransportError) as caught:
            await client.callouts.tts(CALLEE, "Hi")
    assert not isinstance(caught.value, ConnectError)
    assert (caught.value.outcome, caught.value.attempts) == ("unknown", 1)


async def test_a_mock_s_own_failure_surfaces() -> None:
    """An assertion in a user's mock is the user's to see, not an error of ours."""

    def answer(request: httpx.Request) -> httpx.Response:
        raise AssertionError("wrong path")

    async with VoiceClient(KEY, SECRET, transport=httpx.MockTransport(answer)) as client:
        with pytest.raises(AssertionError, match="wrong path"):
            await client.callouts.tts(CALLEE, "Hi")


@respx.mock
async def test_respx_intercepts_without_set_up() -> None:
    """A plain respx test of code that uses VoiceClient() never reaches the network."""
    route = respx.post("https://calling.api.sinch.com/calling/v1/callouts").respond(json={"callId": "mocked"})
    async with VoiceClient(KEY, SECRET) as client:
        assert (await client.callouts.tts(CALLEE, "Hi")).call_id == "mocked"
        sent = route.calls.last.request
        assert sent.headers["authorization"].startswith(f"application {KEY}:")
        with pytest.raises(AssertionError):
            await client.calls.get("not mocked")


async def test_respx_leaves_no_trace() -> None:
    """After a respx block the client takes its own way again."""
    async with Sandbox().serve() as sandbox, VoiceClient(**sandbox.client_options()) as client:
        with respx.mock() as router:
            router.post(path="/calling/v1/callouts").respond(json={"callId": "mocked"})
            assert (await client.callouts.tts(CALLEE, "Hi")).call_id == "mocked"
        assert (await client.callouts.tts(CALLEE, "Hi")).call_id != "mocked"
        assert sandbox.executed == 1


async def test_a_proxy_is_httpx_s_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """proxy= and the usual variables take httpx's own transport; a refused proxy proves that nothing was sent."""
    retry = RetryPolicy(base_delay=0)
    async with VoiceClient(KEY, SECRET, proxy="http://127.0.0.1:9", retry=retry) as client:
        with pytest.raises(ConnectError) as caught:
            await client.callouts.tts(CALLEE, "Hi")
        assert caught.value.attempts == 3
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    async with VoiceClient(KEY, SECRET, retry=retry) as client:
        with pytest.raises(ConnectError):
            await client.callouts.tts(CALLEE, "Hi")
    monkeypatch.setenv("NO_PROXY", "callingapi.sinch.com,.api.sinch.com")
    assert isinstance(VoiceClient(KEY, SECRET)._transport.session.sender, ConnectionPool)


def test_a_proxied_client_survives_event_loops() -> None:
    """What we made of httpx is made anew in each loop, since its connections would be dead there."""
    client = VoiceClient(KEY, SECRET, proxy="http://127.0.0.1:9", retry=RetryPolicy(max_attempts=1))

    async def place() -> None:
        with pytest.raises(ConnectError):
            await client.callouts.tts(CALLEE, "Hi")

    # In a thread, since coverage loses its way on 3.11 after a loop that ends like this.
    with ThreadPoolExecutor(1) as thread:
        for _ in range(2):
            thread.submit(lambda: asyncio.run(place())).result()
        thread.submit(lambda: anyio.run(client.aclose, backend="trio")).result()


async def test_signing_anybody_s_httpx_client() -> None:
    """ApplicationSignature makes a plain httpx client one that the platform believes."""
    async with Sandbox().serve() as sandbox:
        options = sandbox.client_options()
        auth = ApplicationSignature(Credentials(options["application_key"], options["application_secret"]))
        async with httpx.AsyncClient(base_url=sandbox.url, auth=auth) as theirs:
            body = {
                "method": "ttsCallout",
                "ttsCallout": {"destination": {"type": "number", "endpoint": CALLEE}, "text": "Hi"},
            }
            assert (await theirs.post("/calling/v1/callouts", json=body)).status_code == 200
            assert (await theirs.get("/v1/configuration/numbers", params={"x": "1"})).status_code == 200
            with httpx.Client(base_url=sandbox.url, auth=auth) as plain:
                assert plain.get("/v1/configuration/numbers").status_code == 200


async def test_nothing_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """At DEBUG, through failure and success, no secret, signature, text or telephone number is written."""
    caplog.set_level(logging.DEBUG)
    async with Sandbox().serve() as sandbox:
        options = sandbox.client_options()
        async with VoiceClient(**options, retry=RetryPolicy(base_delay=0)) as client:
            receipt = await client.callouts.tts(CALLEE, "canary text", custom="canary custom")
            await client.calls.get(receipt.call_id)
            with pytest.raises(APIError):
                await client.numbers.query("canary number")
        unreachable = options | {"base_url": "http://127.0.0.1:9"}
        async with VoiceClient(**unreachable, retry=RetryPolicy(base_delay=0)) as client:
            with pytest.raises(ConnectError):
                await client.callouts.tts(CALLEE, "canary text")
    ours = [record.getMessage() for record in caplog.records if record.name == "sinch_voice_async"]
    assert "POST /calling/v1/callouts, attempt 1: 200" in ours[0]
    assert any("again in" in line for line in ours)
    for secret in (options["application_secret"], "canary", CALLEE, "application "):
        assert not any(secret in line for line in ours)


@pytest.mark.parametrize(
    ("statement", "spared"),
    [
        ("import sinch_voice_async", "httpx attr cattrs anyio"),
        ("import sinch_voice_async.testing.pytest_plugin", "httpx attr cattrs anyio"),
        ("from sinch_voice_async.webhooks import WebhookApp", "httpx httptools asyncio"),
        ("from sinch_voice_async import VoiceClient", "httpcore asyncio sinch_voice_async.svaml"),
        ("from sinch_voice_async import *", "httpcore sinch_voice_async.webhooks"),
    ],
)
def test_an_import_loads_what_it_needs(statement: str, spared: str) -> None:
    """Modules are counted rather than seconds: no extra is loaded, and nothing before it is asked for."""
    never = f"starlette uvicorn opentelemetry respx trio sinch_voice_async.sandbox {spared}"
    program = f"{statement}\nimport sys\nprint(*({set(never.split())} & sys.modules.keys()))"
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    assert (done.stdout.strip(), done.stderr) == ("", "")
