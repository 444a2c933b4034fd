"""Each example of a web application answers a signed request, through its real framework and server."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from sinch_voice_async.credentials import Credentials
from sinch_voice_async.testing import signed_callback
from tests.ports import free_port

EXAMPLES = Path(__file__).parents[2] / "examples"
CREDENTIALS = Credentials("01234567-89ab-cdef-0123-456789abcdef", "bm90IGEgc2VjcmV0IQ==")
INCOMING = {"event": "ice", "callid": "1", "cli": "46700000001", "to": {"type": "did", "endpoint": "+46700000000"}}
WELCOME = {"instructions": [{"name": "say", "text": "Welcome!", "locale": "en-GB"}], "action": {"name": "hangup"}}


@contextmanager
def running(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run an example as a program; give the URL at which it answers."""
    port = free_port()
    monkeypatch.setenv("SINCH_APPLICATION_KEY", CREDENTIALS.application_key)
    monkeypatch.setenv("SINCH_APPLICATION_SECRET", CREDENTIALS.application_secret)
    monkeypatch.setenv("PORT", str(port))
    monkeypatch.setenv("SINCH_VOICE_BASE_URL", "http://127.0.0.1:9")  # a closed port
    monkeypatch.setenv("PYTHONPATH", str(EXAMPLES.parent), prepend=":")
    program = subprocess.Popen([sys.executable, str(EXAMPLES / f"webhooks_{name}.py")])
    try:
        deadline = time.monotonic() + 300
        while not is_open(port):
            assert program.poll() is None, "the example has ended"
            assert time.monotonic() < deadline, "the example does not answer"
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        program.terminate()
        program.wait()


def is_open(port: int) -> bool:
    """Return if a server listens on a port."""
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) == 0


def call_back(url: str, path: str, event: object) -> httpx.Response:
    """Send an example one signed callback."""
    headers, body = signed_callback(json.dumps(event).encode(), CREDENTIALS, path)
    return httpx.post(f"{url}{path}", headers=headers, content=body)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("fastapi", "/sinch/events"),
        ("litestar", "/sinch"),
        ("quart", "/sinch"),
        ("aiohttp", "/sinch"),
        ("django", "/sinch"),
    ],
)
def test_example_answers_a_signed_request(name: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It greets the caller, and refuses requests that are unsigned, repeated, or not an event."""
    with running(name, monkeypatch) as url:
        assert call_back(url, path, INCOMING).json() == WELCOME
        assert call_back(url, path, {"event": "dice", "callid": "1", "result": "ANSWERED"}).content in (b"", b"{}")
        assert call_back(url, path, {"event": "unheard of"}).status_code == 400
        assert call_back(url, "/elsewhere", INCOMING).status_code == 404
        headers, body = signed_callback(json.dumps(INCOMING).encode(), CREDENTIALS, path)
        answers = [httpx.post(f"{url}{path}", headers=headers, content=body).status_code for _ in range(2)]
        assert answers == [200, 401]
        assert httpx.post(f"{url}{path}", content=body).status_code == 401
        if name == "litestar":
            assert httpx.get(f"{url}/ended").json() == ["1: ANSWERED"]
        if name == "django":
            refused = httpx.get(f"{url}/call/+46700000001")
            assert (refused.status_code, refused.json()) == (502, {"outcome": "unsent"})
        if name == "fastapi":
            assert call_back(url, "/own-route", INCOMING).json() == {"action": {"name": "hangup"}}
            assert call_back(url, "/own-route", []).status_code == 400
            assert httpx.post(f"{url}/own-route", content=b"{}").status_code == 401


def test_starlette_example_puts_the_caller_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """It plays a menu, connects the caller, hangs up after a time-out, and serves another page."""
    with running("starlette", monkeypatch) as url:
        menu = call_back(url, "/sinch", INCOMING).json()["action"]["menus"][0]
        assert [option["action"] for option in menu["options"]] == ["return(sales)", "return(support)"]
        pressed = {"event": "pie", "callid": "1", "menuResult": {"menuId": "main", "type": "return", "value": "sales"}}
        assert call_back(url, "/sinch", pressed).json()["action"]["number"] == "+46700000001"
        pressed["menuResult"] = {"menuId": "main", "type": "timeout"}
        assert call_back(url, "/sinch", pressed).json()["action"] == {"name": "hangup"}
        assert httpx.get(f"{url}/health").text == "ok"


@pytest.mark.parametrize("program", sorted(EXAMPLES.glob("webhooks_*.py")), ids=lambda path: path.stem)
def test_example_is_short(program: Path) -> None:
    """An example has less than fifty lines."""
    assert len(program.read_text().splitlines()) < 50
