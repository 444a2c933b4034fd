"""``sinch-voice listen``: callbacks of a served sandbox, printed, forwarded, saved and replayed."""

import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from sinch_voice_async import Credentials
from sinch_voice_async.sandbox import Sandbox
from sinch_voice_async.webhooks import verify
from tests.ports import free_port

from .conftest import KEY, SECRET, Command, Ran

HANGUP = {"instructions": [{"name": "say", "text": "Hi"}], "action": {"name": "hangup"}}


class Application:
    """An application that verifies each callback, and answers ``status``."""

    def __init__(self) -> None:
        self.status = 200
        self.body = json.dumps(HANGUP).encode()
        self.events: list[str] = []

    @contextmanager
    def served(self) -> Iterator[str]:
        """Serve it and give its URL."""
        application = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                verify("POST", self.path, dict(self.headers), body, credentials=Credentials(KEY, SECRET))
                application.events.append(json.loads(body)["event"])
                self.send_response(application.status)
                self.send_header("content-length", str(len(application.body)))
                self.end_headers()
                self.wfile.write(application.body)

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            yield f"http://127.0.0.1:{server.server_port}/voice"
            server.shutdown()
            thread.join()


def listened(command: Command, act: Callable[[str], None], *options: str) -> Ran:
    """Run the command in the main thread, act once it listens, given its address, and press Ctrl-C after that."""
    port = free_port()
    failed: list[BaseException] = []

    def work() -> None:
        try:
            with httpx.Client(trust_env=False) as http:
                until(lambda: answers(http, f"http://127.0.0.1:{port}/"))
            act(f"http://127.0.0.1:{port}/")
        except BaseException as error:  # pragma: no cover  # runs only if the test fails
            failed.append(error)
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=work)
    thread.start()
    ran = command("listen", "--port", str(port), *options)
    thread.join()
    if failed:  # pragma: no cover  # runs only if the test fails
        raise failed[0]
    return ran


def answers(http: httpx.Client, url: str) -> bool:
    """Whether something listens; a GET is no callback."""
    try:
        return http.get(url).status_code == 501
    except httpx.HTTPError:
        return False


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + 300
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def mine(command: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command of the sandbox's application, with the base URL that a test sets."""
    monkeypatch.setenv("SINCH_APPLICATION_KEY", KEY)
    monkeypatch.setenv("SINCH_APPLICATION_SECRET", SECRET)
    monkeypatch.delenv("SINCH_VOICE_BASE_URL", raising=False)
    return command


def test_callbacks_of_a_sandbox_are_forwarded_saved_and_replayed(mine: Command, tmp_path: Path) -> None:
    """Verified, with what was answered; the sandbox's callback URL comes back at the end."""
    file, application = tmp_path / "callbacks.jsonl", Application()
    sandbox = Sandbox(KEY, SECRET, speed=100, callback_url="http://127.0.0.1:1/before")
    with application.served() as url, sandbox.serve():

        def call(here: str) -> None:
            until(lambda: sandbox.account.callback_urls.primary.startswith(here))
            body = {"from": "+461", "to": "+462"}
            made = httpx.post(f"{sandbox.url}/_sandbox/api/calls", json=body, trust_env=False).json()
            sandbox.calls[made["callId"]].until_final_sync(300)

        ran = listened(mine, call, "--forward", url, "--save", str(file), "--base-url", sandbox.url)
        assert application.events == ["ice", "dice"]
        [made] = sandbox.calls
        assert f"--> ice    [{made.call_id[:8]}]  verified" in ran.out
        assert f"<-- [200] POST {url}" in ran.out
        assert "say, hangup" in ran.out
        assert sandbox.account.callback_urls.primary == "http://127.0.0.1:1/before"
        assert file.stat().st_mode & 0o077 == 0
        file.write_bytes(file.read_bytes() + b"\n")
        ran = mine("listen", "--forward", url, "--replay", str(file))
        assert (ran.code, application.events) == (0, ["ice", "dice", "ice", "dice"])
        # A second session adds to the file, on a line of its own also if the first one was cut off.
        file.write_bytes(file.read_bytes() + b"\n{")
        listened(mine, call, "--forward", url, "--save", str(file), "--base-url", sandbox.url)
        lines = [line for line in file.read_bytes().splitlines() if line]
        assert [line[:1] for line in lines] == [b"{"] * 5
        assert lines[2] == b"{"
        file.write_bytes(b"\n".join(lines[:2]))
        application.status, application.body = 500, b"no"
        ran = mine("--json", "listen", "--forward", url, "--replay", str(file), "--same")
        assert (ran.code, [line["status"] for line in ran.lines]) == (1, [500, 500])
    ran = mine("listen", "--forward", "http://127.0.0.1:1/", "--replay", str(file))
    assert (ran.code, ran.out.count("[no answer]")) == (1, 2)


def test_what_is_not_a_callback_is_told(mine: Command) -> None:
    """An unsigned request is printed as such and forwarded; a body of unknown length, or a long one, is refused."""

    def send(here: str) -> None:
        with httpx.Client(trust_env=False) as http:
            for body in (b"{}", b"[", b"[]"):
                assert http.post(here, content=body).status_code == 502
            assert http.post(here, content=iter([b"x"])).status_code == 411
        with socket.create_connection(("127.0.0.1", httpx.URL(here).port or 0)) as raw:
            raw.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9999999\r\n\r\n")
            assert b" 413 " in raw.recv(1_000)

    ran = listened(mine, send, "--forward", "http://127.0.0.1:1/x?y=1")
    assert ran.out.count("NOT VERIFIED") == 3
    assert "no sandbox at the base URL" in ran.err


@pytest.mark.parametrize("lines", [0, 1])
def test_a_file_with_nothing_in_it_takes_callbacks(mine: Command, tmp_path: Path, lines: int) -> None:
    """It is empty, or has an empty line."""
    file = tmp_path / "callbacks.jsonl"
    file.write_text("\n" * lines)

    def send(here: str) -> None:
        httpx.post(here, content=b"{}", trust_env=False)

    listened(mine, send, "--forward", "http://127.0.0.1:1/", "--save", str(file))
    *blank, line = file.read_text().splitlines()
    assert (blank, json.loads(line)["method"]) == ([""] * lines, "POST")


def test_a_sandbox_that_is_not_there_or_goes_is_told(mine: Command) -> None:
    """And the command ends all the same."""
    forward = ("--forward", "http://127.0.0.1:1/")

    def wait(_here: str) -> None:
        written: Any = sys.stderr  # pytest's, which knows what was written so far
        until(lambda: "no sandbox at the base URL" in written.getvalue())

    listened(mine, wait, *forward, "--base-url", "http://127.0.0.1:1")
    sandbox = Sandbox(KEY, SECRET)
    served = sandbox.serve()
    served.start()

    def stop(here: str) -> None:
        until(lambda: sandbox.account.callback_urls.primary.startswith(here))
        served.stop()

    assert "its callback URL was not set back" in listened(mine, stop, *forward, "--base-url", sandbox.url).err


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://x", "http://", "http://[x", "http://x:0/"])
def test_a_wrong_url_is_told(command: Command, url: str) -> None:
    """In the words of the option."""
    ran = command("listen", "--forward", url)
    assert (ran.code, "--forward must be an http or https URL" in ran.err) == (2, True)


@pytest.mark.parametrize(
    "line", ["x", "{}", "[]", '{"method": "POST", "path": "/", "headers": {}, "body": "?"}', "[" * 9999]
)
def test_a_file_of_something_else_is_told(command: Command, tmp_path: Path, line: str) -> None:
    """With the line's number."""
    file = tmp_path / "x.jsonl"
    file.write_text(f"\n{line}\n", encoding="utf-8")
    ran = command("listen", "--forward", "http://127.0.0.1:1/", "--replay", str(file))
    assert ran.code != 0
    assert "line 2: not a callback" in ran.err


def test_a_port_that_is_taken_is_told(command: Command, sandbox: Sandbox) -> None:
    """In one line."""
    port = str(httpx.URL(sandbox.url).port)
    ran = command("listen", "--forward", "http://127.0.0.1:1/", "--port", port)
    assert (ran.code, f"port {port}" in ran.err) == (2, True)


def test_what_svaml_does_is_named() -> None:
    """And an answer that is none has no name."""
    from sinch_voice_async.cli.commands.listen import _named

    cases: dict[Any, str] = {b"": "", b"[]": "", b'{"instructions": 7}': "", b'{"action": {"name": "park"}}': "park"}
    assert {body: _named(body) for body in cases} == cases
