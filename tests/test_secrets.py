"""No error and no object shows a secret: what a tracker of errors collects (frames with their locals) is searched.

A tracker such as Sentry calls ``repr`` on each local variable of each frame, of the error and of those it came from.
"""

import base64
import json
import pickle
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import anyio
import attrs
import httpx
import pytest

from sinch_voice_async import ConfigurationError, Credentials, RetryPolicy, VoiceClient
from sinch_voice_async._transport.proxies import Proxies, Proxy
from sinch_voice_async.dialer import Campaign, SqliteJournal, kept
from sinch_voice_async.sandbox import Sandbox
from sinch_voice_async.streams import StreamApp
from sinch_voice_async.webhooks import WebhookApp

KEY = "key-of-a-test"
SECRET = base64.b64encode(b"CANARY-CANARY-01").decode()
PASSWORD = "hunter2CANARY"
BASIC = [base64.b64encode(each.encode()).decode() for each in (f"{KEY}:{SECRET}", f"me:{PASSWORD}")]
NEEDLES = ["CANARY", "hunter2%43ANARY", SECRET, *BASIC]
HERE = Path(__file__).name


def shown(text: str) -> list[str]:
    """The secrets that a text shows."""
    return [each for each in NEEDLES if each in text]


def collected(error: BaseException) -> list[str]:
    """What a tracker of errors shows of an error and of those it came from, if a secret is in it."""
    found, seen, left = [], set(), [error]
    while left:
        each = left.pop()
        seen.add(id(each))
        left += [more for more in (each.__cause__, each.__context__) if more is not None and id(more) not in seen]
        parts = {"repr": repr(each), "text": str(each), "args": repr(each.args), "vars": repr(vars(each))}
        for frame, line in traceback.walk_tb(each.__traceback__):
            file = Path(frame.f_code.co_filename).name
            # What a test, and a program, keeps in its own variables is its own; so are arguments of a loop's runner.
            if file != HERE and "anyio" not in frame.f_code.co_filename:
                parts |= {f"{file}:{line} {name}": repr(value) for name, value in frame.f_locals.items()}
        found += [f"{type(each).__name__}, {name}" for name, text in parts.items() if shown(text)]
    return found


@contextmanager
def server(answer: bytes) -> Iterator[int]:
    """A server that reads a request and gives one answer, each time; its port."""

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                connection.recv(65_536)
                connection.sendall(answer)

    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
    thread.join()


REFUSED = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
BROKEN = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\n{}"
CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}"
NO_ANSWER = b""


def failing(options: dict[str, Any], backend: str) -> BaseException:
    """Place a callout that fails, and return how."""

    async def place() -> None:
        policy = RetryPolicy(max_attempts=1)
        async with VoiceClient(KEY, SECRET, retry=policy, timeout=5, allow_insecure=True, **options) as client:
            await client.callouts.tts("+46700000001", "x")

    # In a thread: coverage on 3.11 loses the function that waits for an event loop which ends by an exception.
    with ThreadPoolExecutor(1) as pool:
        error = pool.submit(lambda: anyio.run(place, backend=backend)).exception()
    assert isinstance(error, Exception)  # of any class: what it shows is looked at
    return error


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("auth", ["signed", "basic"])
@pytest.mark.parametrize("answer", [REFUSED, BROKEN, CUT, NO_ANSWER])
def test_a_request_that_fails_shows_no_secret(backend: str, auth: str, answer: bytes) -> None:
    """Directly, through a proxy of each kind with a password, and through a transport that was handed in."""
    with server(answer) as port:
        here, proxy = f"http://127.0.0.1:{port}", f"me:{PASSWORD}@127.0.0.1:{port}"
        for options in (
            {"base_url": here},
            {"base_url": "https://example.test", "proxy": f"http://{proxy}"},
            {"base_url": "http://example.test", "proxy": f"http://{proxy.replace('CAN', '%43AN')}"},
            {"base_url": "https://example.test", "proxy": f"socks5://{proxy}"},
            {"base_url": "https://example.test", "proxy": f"https://{proxy}"},
            {"base_url": "http://example.test", "proxy": httpx.Proxy(here, auth=("me", PASSWORD))},
            {"base_url": here, "transport": httpx.AsyncHTTPTransport()},
        ):
            assert collected(failing({"auth": auth, **options}, backend)) == []


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_a_proxy_of_the_environment_shows_no_secret(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither if it fails nor if it is malformed; and not in the variables of what knows it."""
    for url in (f"http://me:{PASSWORD}@127.0.0.1:1", f"http://me:{PASSWORD}@h:port", f"foo://me:{PASSWORD}@h"):
        monkeypatch.setenv(variable, url)
        assert collected(failing({"base_url": "https://example.test"}, "asyncio")) == []
        assert not shown(repr(vars(Proxies.of(None))))


def refused(make: Callable[[Any], object], value: Any) -> list[str]:
    """What a tracker shows of the error with which a value is refused."""
    with ThreadPoolExecutor(1) as pool:
        error = pool.submit(lambda: anyio.run(make, value) if make is kept else make(value)).exception()
    assert isinstance(error, ConfigurationError)
    return collected(error)


BAD_PROXIES = [
    f"http://me:{PASSWORD}@:3",
    f"http://me:{PASSWORD}@h:port",
    f"ftp://me:{PASSWORD}@h:3",
    f"http://me:{PASSWORD}@h:3/path",
    f"socks4://me:{PASSWORD}@h",
    f"http://me:{PASSWORD}@[::1",
    f"me:{PASSWORD}@h:1:2",
    f"http://me:{PASSWORD}@h:0",
    httpx.URL(f"ftp://me:{PASSWORD}@h"),
    f"http://me:{PASSWORD}@h".encode(),
    [f"http://me:{PASSWORD}@h"],
]
BAD_URLS = [
    f"https://me:{PASSWORD}@h",
    f"https://me:{PASSWORD}@h t",
    f"ftp://me:{PASSWORD}@h",
    f"http://me:{PASSWORD}@h:p",
]
BAD_SECRETS: list[Any] = [f"{SECRET} ", f"{SECRET}=", f"{SECRET}\ud800", SECRET.encode(), [SECRET]]
BAD_JOURNALS = [
    f"mysql://me:{PASSWORD}@h/d",
    f"postgresql+driver:me:{PASSWORD}",
    f"me:{PASSWORD}@h",
    f"Server=h;Password={PASSWORD}",
    f"postgresql:me:{PASSWORD}@h",
]
ENTRIES: dict[str, tuple[Callable[[Any], object], list[Any]]] = {
    "proxy": (lambda url: VoiceClient(KEY, SECRET, proxy=url), BAD_PROXIES),
    "Proxy.parse": (Proxy.parse, [*BAD_PROXIES, None]),
    "base_url": (lambda url: VoiceClient(KEY, SECRET, base_url=url), BAD_URLS),
    "configuration_url": (lambda url: VoiceClient(KEY, SECRET, configuration_url=url), BAD_URLS),
    "application_secret": (lambda secret: VoiceClient(KEY, secret), BAD_SECRETS),
    "Credentials": (lambda secret: Credentials(KEY, secret), BAD_SECRETS),
    "WebhookApp": (lambda secret: WebhookApp(KEY, secret), BAD_SECRETS),
    "StreamApp": (lambda secret: StreamApp(KEY, secret), BAD_SECRETS),
    "VoiceClient, for another argument": (lambda secret: VoiceClient(KEY, secret, timeout=-1), [SECRET]),
    "WebhookApp, for another argument": (lambda secret: WebhookApp(KEY, secret, public_path="x"), [SECRET]),
    "StreamApp, for another argument": (lambda secret: StreamApp(KEY, secret, url="http://x"), [SECRET]),
    "journal": (lambda journal: Campaign("c", journal=journal), BAD_JOURNALS),
    "SqliteJournal": (SqliteJournal, BAD_JOURNALS),
    "kept": (kept, BAD_JOURNALS),
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_what_is_refused_shows_no_secret(entry: str) -> None:
    """A URL, a secret or a journal that is refused is in no message, and in no variable of ours on the way."""
    make, values = ENTRIES[entry]
    for value in values:
        assert refused(make, value) == [], value


def test_a_variable_that_is_refused_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for what comes from the environment."""
    for name, value in (
        ("SINCH_APPLICATION_SECRET", f"{SECRET} x"),
        ("SINCH_VOICE_BASE_URL", BAD_URLS[0]),
        ("SINCH_VOICE_CONFIGURATION_URL", BAD_URLS[1]),
    ):
        with monkeypatch.context() as patched:
            patched.setenv("SINCH_APPLICATION_SECRET", SECRET)
            patched.setenv(name, value)
            assert refused(VoiceClient, KEY) == []


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_database_out_of_reach_shows_no_password(backend: str) -> None:
    """The driver keeps the whole address in its error, and in its frames."""
    address = f"postgresql://me:{PASSWORD}@127.0.0.1:1/d"
    for ask in (lambda: kept(address), Campaign("c", journal=address).report):
        with pytest.raises(Exception, match=r"127\.0\.0\.1/d") as caught:
            anyio.run(ask, backend=backend)
        assert collected(caught.value) == []


REFUSED_OPTIONS: list[dict[str, Any]] = [
    {"speed": -1},
    {"history": -1},
    {"callback_url": "ftp://h"},
    {"max_text_length": 0},
    {"state": "missing/state"},
]


def test_a_sandbox_that_is_refused_shows_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its secret may be the one of a real application; neither the secret nor an option that is wrong shows it."""
    monkeypatch.chdir(tmp_path)
    for options in REFUSED_OPTIONS:
        with pytest.raises((ValueError, OSError)) as caught:
            Sandbox(KEY, SECRET, **options)
        assert collected(caught.value) == [], options
    for secret in BAD_SECRETS:
        with pytest.raises(ValueError, match="application_secret") as caught:
            Sandbox(KEY, secret)
        assert collected(caught.value) == [], secret


def test_a_sandbox_knows_its_secret() -> None:
    """What is hidden in an error is a text as any other where it is needed."""
    with Sandbox(KEY, SECRET).serve() as sandbox:
        assert type(sandbox.client_options()["application_secret"]) is str
        assert sandbox.client_options()["application_secret"] == SECRET


def test_objects_show_no_secret() -> None:
    """``repr``, ``str``, ``vars`` and what ``attrs`` makes of the objects that know one."""
    proxy = Proxy.parse(f"http://me:{PASSWORD}@h:1")
    client = VoiceClient(KEY, SECRET, auth="basic", proxy=f"http://me:{PASSWORD}@h:1")
    for each in (proxy, proxy.headers, Credentials(KEY, SECRET), client, client.callouts):
        assert not shown(repr(each) + str(each) + repr(getattr(each, "__dict__", "")))
    assert not shown(repr(attrs.asdict(proxy)) + repr(attrs.astuple(proxy)))
    assert not shown(repr(pickle.dumps(Credentials(KEY, SECRET))))
    assert json.loads(json.dumps(attrs.asdict(proxy)))["host"] == "h"
    assert proxy.headers == [(b"Proxy-Authorization", b"Basic " + BASIC[1].encode())]
