"""``sinch-voice listen``: receive callbacks on this machine, print each one, and forward it to an application."""

import base64
import json
import os
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import FileIO
from pathlib import Path
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

import click
import httpx
from attrs import define, frozen

import sinch_voice_async
from sinch_voice_async._files import make_private, open_or_create, write_all
from sinch_voice_async._wire.signing import authorization, timestamp_at
from sinch_voice_async.cli.failures import ExitCode
from sinch_voice_async.cli.output import show, tell
from sinch_voice_async.cli.settings import Command, PathType, Settings, check_url, find_account, settable
from sinch_voice_async.credentials import Credentials
from sinch_voice_async.webhooks import verify

__all__ = ["listen"]

LARGEST_BODY: Final = 1_048_576
LARGEST_LINE: Final = 4 * LARGEST_BODY
FORWARD_WITHIN: Final = 15.0
HOP: Final = {"connection", "content-length", "host", "keep-alive", "transfer-encoding", "accept-encoding"}
LOOPBACK: Final = {"localhost", "127.0.0.1", "::1"}


@frozen
class Callback:
    """One callback as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> Mapping[str, Any]:
        """The event, empty if the body is not a JSON object."""
        try:
            event = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return event if isinstance(event, dict) else {}

    def to_line(self) -> bytes:
        """Return the callback as one line of JSON, with its body in base64."""
        body = base64.b64encode(self.body).decode()
        return json.dumps({"method": self.method, "path": self.path, "headers": self.headers, "body": body}).encode()


@define
class Forwarder:
    """Prints callbacks, forwards them and saves them. One at a time, so that lines do not mix."""

    settings: Settings
    url: str
    credentials: Credentials
    http: httpx.Client
    file: FileIO | None = None

    def handle(self, callback: Callback) -> tuple[int, dict[str, str], bytes]:
        """Return the application's status, headers and body for one callback; 502 if it does not answer."""
        self._announce(callback)
        if self.file is not None:
            write_all(self.file, callback.to_line() + b"\n")
        return self.forward(callback)

    def forward(self, callback: Callback) -> tuple[int, dict[str, str], bytes]:
        """Send a callback to the application, print what it answers, and return that."""
        headers = {name: value for name, value in callback.headers.items() if name.lower() not in HOP}
        started = time.perf_counter()
        try:
            answer = self.http.request(callback.method, self.url, content=callback.body, headers=headers)
        except httpx.HTTPError as error:
            self._answered(callback, None, started, f"{type(error).__name__}: {error}")
            return 502, {"content-type": "text/plain"}, b"the application does not answer"
        self._answered(callback, answer.status_code, started, _named(answer.content))
        return answer.status_code, {"content-type": answer.headers.get("content-type", "")}, answer.content

    def _announce(self, callback: Callback) -> None:
        problem = None
        try:
            verify(callback.method, callback.path, callback.headers, callback.body, credentials=self.credentials)
        except sinch_voice_async.SinchVoiceError as error:
            problem = str(error)
        event, call_id = str(callback.event.get("event", "?")), str(callback.event.get("callid", ""))
        told = {"event": event, "call_id": call_id, "verified": problem is None, "problem": problem}
        words = "verified" if problem is None else f"NOT VERIFIED: {problem}"
        show(self.settings, told, f"{_now()}  --> {event:<6} [{call_id[:8]}]  {words}")

    def _answered(self, callback: Callback, status: int | None, started: float, about: str) -> None:
        milliseconds = round(1000 * (time.perf_counter() - started), 1)
        call_id = str(callback.event.get("callid", ""))
        told = {"status": status, "milliseconds": milliseconds, "call_id": call_id, "answer": about}
        mark = "no answer" if status is None else str(status)
        text = f"{_now()}  <-- [{mark}] {callback.method} {self.url} [{call_id[:8]}]  {milliseconds:g} ms  {about}"
        show(self.settings, told, text.rstrip())


def _now() -> str:
    return time.strftime("%H:%M:%S")


def _named(body: bytes) -> str:
    """Return what SVAML does: the names of its instructions and its action."""
    try:
        document = json.loads(body)
        steps = [*(document.get("instructions") or []), document.get("action") or {}]
        return ", ".join(str(step["name"]) for step in steps if "name" in step)
    except (ValueError, RecursionError, AttributeError, TypeError):
        return ""


@settable
@click.command(cls=Command)
@click.option("--forward", required=True, metavar="URL", help="Where the application listens.")
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="The port to listen at (default: a free one).")
@click.option("--host", default="127.0.0.1", help="The address to listen at (default: 127.0.0.1).")
@click.option("--save", type=PathType(), help="Add each callback to this file, a line of JSON.")
@click.option("--replay", type=PathType(must_exist=True), help="Send the callbacks of a file again.")
@click.option("--same", is_flag=True, help="Replay with the headers as they were; else signed anew.")
@click.pass_obj
def listen(
    settings: Settings, /, *, forward: str, port: int, host: str, save: Path | None, replay: Path | None, same: bool
) -> int:
    """Print callbacks as they come, and forward them.

    A sandbox at the base URL sends its callbacks here until you press Ctrl-C. The platform needs a public address: set
    it with `callbacks set` to a tunnel that leads to this port.

    Examples:
      sinch-voice listen --forward http://localhost:8000
      sinch-voice listen --forward http://localhost:8000 --save callbacks.jsonl
      sinch-voice listen --forward http://localhost:8000 --replay callbacks.jsonl
    """
    _check_url(forward)
    credentials = find_account(settings).credentials
    with ExitStack() as open_until_the_end:
        http = open_until_the_end.enter_context(httpx.Client(timeout=FORWARD_WITHIN, trust_env=False))
        forwarder = Forwarder(settings, forward, credentials, http)
        if replay is not None:
            return _replay(forwarder, replay, same=same)
        if save is not None:
            forwarder.file = open_until_the_end.enter_context(open_or_create(save))
            _check_saved(forwarder.file, save)
        server = open_until_the_end.enter_context(_serving(forwarder, host, port))
        path = urlsplit(forward).path or "/"
        here = f"http://{host}:{server.server_port}{path}"
        tell(f"listening at {here}; forwarding to {forward}; Ctrl-C ends it")
        open_until_the_end.enter_context(_told_to_sandbox(settings, http, here))
        return _wait_for_an_exception()


def _wait_for_an_exception() -> NoReturn:
    while True:
        threading.Event().wait()


def _check_url(url: str) -> None:
    check_url(url, "--forward")
    try:
        parts = urlsplit(url)
        is_one = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_one = False
    if not is_one:
        raise click.UsageError("--forward must be an http or https URL, as in http://localhost:8000/voice.")


@contextmanager
def _serving(forwarder: Forwarder, host: str, port: int) -> Generator[ThreadingHTTPServer, None, None]:
    """Serve HTTP in a thread: each POST goes through the forwarder."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def do_POST(self) -> None:
            length = self.headers.get("content-length", "")
            if not length.isdecimal() or int(length) > LARGEST_BODY:
                self._answer(411 if not length.isdecimal() else 413, {}, b"")
                self.close_connection = True
                return
            callback = Callback("POST", self.path, dict(self.headers.items()), self.rfile.read(int(length)))
            with lock:
                answer = forwarder.handle(callback)
            self._answer(*answer)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # as the base class has it
            """Print nothing: what is not a callback is refused and not reported."""

        def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
            self.send_response_only(status)
            for name, value in {**headers, "content-length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    try:
        server = ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        raise click.UsageError(f"cannot listen at {host} port {port}: {error.strerror}.") from None
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def _told_to_sandbox(settings: Settings, http: httpx.Client, here: str) -> Generator[None, None, None]:
    """Have a sandbox at the base URL send its callbacks here; afterwards set its callback URL back."""
    base = settings.base_url or os.environ.get("SINCH_VOICE_BASE_URL", "")
    account = f"{base.rstrip('/')}/_sandbox/api/account"
    before: str | None = None
    # Ctrl-C may come at once: what was set is set back from here on.
    try:
        if urlsplit(base).hostname in LOOPBACK:
            try:
                before = str(http.get(account).raise_for_status().json()["primary"])
                http.patch(account, json={"primary": here}).raise_for_status()
                tell("the sandbox sends its callbacks here")
            except (httpx.HTTPError, ValueError, KeyError):
                before = None
        if before is None:
            tell(f"no sandbox at the base URL: set the callback URL of your application to {here}, or to a tunnel")
        yield
    finally:
        if before is not None:
            _restore(http, account, before)


def _restore(http: httpx.Client, account: str, before: str) -> None:
    try:
        http.patch(account, json={"primary": before}).raise_for_status()
    except httpx.HTTPError:
        tell("the sandbox has gone; its callback URL was not set back")


def _replay(forwarder: Forwarder, file: Path, *, same: bool) -> int:
    """Send every callback of a file, in order; FAILED if one of them is not answered by a 2xx."""
    failed = 0
    path = urlsplit(forwarder.url).path or "/"
    for number, line in enumerate(file.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        callback = _read(file, number, line)
        if not same:
            callback = _signed(callback, forwarder.credentials, path)
        status, _, _ = forwarder.forward(callback)
        failed += not 200 <= status < 300
    return ExitCode.FAILED if failed else ExitCode.OK


def _read(file: Path, number: int, line: bytes) -> Callback:
    try:
        kept = json.loads(line)
        headers = {str(name): str(value) for name, value in kept["headers"].items()}
        return Callback(str(kept["method"]), str(kept["path"]), headers, base64.b64decode(kept["body"], validate=True))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise sinch_voice_async.ConfigurationError(
            f"{file}, line {number}: not a callback that `listen --save` wrote"
        ) from None


def _check_saved(file: FileIO, path: Path) -> None:
    """Check that a file has callbacks or nothing, and go to its end; the file of another program is not changed."""
    lines = file.read(LARGEST_LINE).splitlines()
    for number, line in enumerate(lines, 1):
        if line.strip():
            _read(path, number, line)
            break
    make_private(file.fileno())
    if file.seek(0, os.SEEK_END):
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            write_all(file, b"\n")


def _signed(callback: Callback, credentials: Credentials, path: str) -> Callback:
    kept = {name.lower(): value for name, value in callback.headers.items()}
    content_type, stamp = kept.get("content-type", "application/json"), timestamp_at(time.time())
    signed = authorization(credentials, callback.method, path, callback.body, content_type, stamp)
    headers = {**kept, "content-type": content_type, "x-timestamp": stamp, "authorization": signed}
    return Callback(callback.method, path, headers, callback.body)
