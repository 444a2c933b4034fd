"""Callbacks: signed, and sent to the application over HTTP; and answers that stand in for the application's.

An answer counts if its status is 2xx. Redirects are never followed, and an answer of more than a megabyte is not read.
After a time-out or an error the application's fallback URL is tried once. Source: Callbacks, Authentication; Callback
API, Callback Events.
"""

import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self

import anyio

from sinch_voice_async.sandbox.account import Account
from sinch_voice_async.sandbox.authentication import Arrival, signature, string_to_sign
from sinch_voice_async.sandbox.clock import Clock
from sinch_voice_async.sandbox.http_client import HttpClient, HttpError, Target
from sinch_voice_async.sandbox.request_log import LoggedRequest, RequestLog, masked

__all__ = ["Answer", "Answers", "Callback", "CallbackSender", "Reply", "WakeUp", "When"]

When = Literal["always", "noAnswer"]


@dataclass(frozen=True, slots=True)
class Answer:
    """SVAML for one event; ``times`` is how many calls it still answers, None for all."""

    svaml: Mapping[str, object]
    when: When
    times: int | None = None


class Answers:
    """The answers of a sandbox by event: ice, ace or pie. Safe from any thread."""

    def __init__(self) -> None:
        self._by_event: dict[str, Answer] = {}
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[tuple[str, Answer]]:
        return iter(list(self._by_event.items()))

    def get(self, event: str) -> Answer | None:
        """Return the answer for an event, None if it has no answer."""
        return self._by_event.get(event)

    def set(self, event: str, answer: Answer) -> None:
        """Answer an event from now on."""
        self._by_event[event] = answer

    def remove(self, event: str) -> None:
        """Leave an event to the application."""
        self._by_event.pop(event, None)

    def clear(self) -> None:
        """Leave every event to the application."""
        self._by_event.clear()

    def take(self, event: str, *, when: When) -> bytes | None:
        """Return the SVAML for an event as JSON and count it, None if it has no answer now."""
        with self._lock:
            answer = self._by_event.get(event)
            if answer is None or answer.when != when:
                return None
            if answer.times is not None:
                left = answer.times - 1
                if left:
                    self._by_event[event] = Answer(answer.svaml, when, left)
                else:
                    self.remove(event)
        return json.dumps(answer.svaml).encode()


CONTENT_TYPE = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """One event for the application. ``urls`` are tried in turn; the call waits for the answer to a question."""

    call_id: str
    urls: tuple[str, ...]
    event: Mapping[str, object]
    headers: Mapping[str, str]
    is_question: bool

    @property
    def name(self) -> str:
        """The name of the event: ice, ace, pie, dice or notify."""
        return str(self.event["event"])


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back from one URL: a 2xx with its body, or an ``error`` in words, with the status if there was one.

    ``request_id`` is the entry of the callback in the log of requests, ``signed`` the headers that carried the
    signature.
    """

    url: str
    status: int | None = None
    content_type: str = ""
    body: bytes = b""
    error: str = ""
    request_id: str = ""
    signed: Mapping[str, str] = field(default_factory=dict)


class WakeUp:
    """Wakes the event loop of one thread from any other: a pair of sockets, since anyio's own way may wait."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._is_set = False

    def set(self) -> None:
        """Wake the event loop. The caller holds the lock of the exchange."""
        if not self._is_set:
            self._is_set = True
            self._writer.send(b"!")

    async def wait(self, seconds: float | None) -> bool:
        """Wait until it is set. False if that takes longer than this many seconds."""
        with anyio.move_on_after(seconds):
            await anyio.wait_readable(self._reader)
            self._is_set = False
            self._reader.recv(1)
            return True
        return False

    def close(self) -> None:
        """Close both sockets."""
        self._reader.close()
        self._writer.close()


class CallbackSender:
    """Signs callbacks, sends them from one event loop, and logs them. ``timeout`` is in seconds."""

    def __init__(self, account: Account, clock: Clock, log: RequestLog, timeout: float) -> None:
        self._account = account
        self._clock = clock
        self._log = log
        self._timeout = timeout
        self._http = HttpClient()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, at)

    async def send(self, callback: Callback, attempt: int) -> Reply:
        """Send a callback to one of its URLs, counted from 1, and return what came back."""
        url = callback.urls[attempt - 1]
        entry = LoggedRequest(
            direction="callback",
            method="POST",
            url=url,
            target=url,
            request_headers=(),
            call_id=callback.call_id,
            event=callback.name,
            attempt=attempt,
            is_fallback=attempt > 1,
        )
        started = time.perf_counter()
        try:
            with anyio.fail_after(self._timeout):
                await self._exchange(entry, callback)
        except TimeoutError:
            entry.error = f"no answer within {self._timeout:g} s"
        except (HttpError, ValueError, RecursionError) as error:
            # An event that cannot be written must not stop the callbacks of other calls.
            entry.error = str(error)
        entry.ms = 1000 * (time.perf_counter() - started)
        self._log.add(entry)
        return _reply(url, entry)

    async def _exchange(self, entry: LoggedRequest, callback: Callback) -> None:
        entry.request_body = json.dumps(callback.event, ensure_ascii=False, separators=(",", ":")).encode()
        target = Target.of(entry.url)
        entry.target = target.path + target.query
        headers = {**callback.headers, **self._signed(target.path, entry.request_body)}
        entry.request_headers = (("host", target.authority), *headers.items())
        answer = await self._http.post(target, headers, entry.request_body)
        entry.status, entry.response_body = answer.status, answer.body
        entry.response_headers = masked(answer.headers)

    def _signed(self, path: str, body: bytes) -> dict[str, str]:
        timestamp = self._clock.wall().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        headers = {"content-type": CONTENT_TYPE, "x-timestamp": timestamp}
        account = self._account
        text = signature(account.application_secret, string_to_sign(Arrival("POST", path, headers, body)))
        return {**headers, "authorization": f"application {account.application_key}:{text}"}


def _reply(url: str, entry: LoggedRequest) -> Reply:
    """Return what the exchange reads of an answer; only a 2xx counts as one."""
    headers = {name.lower(): value for name, value in reversed(entry.response_headers)}
    coding = headers.get("content-encoding", "identity").strip().lower()
    error = entry.error
    if not error and entry.failed:
        error = f"status {entry.status}"
    elif not error and coding not in {"", "identity"}:
        error = f"the content encoding {coding[:32]!a} was not asked for"
    signed = {name: entry.header(name) for name in ("authorization", "x-timestamp") if entry.header(name)}
    body = b"" if error else entry.response_body
    return Reply(url, entry.status, headers.get("content-type", ""), body, error, entry.id, signed)
