"""Callbacks on their way: signed, and sent over HTTP one after the other for each call, in a thread with an event loop.

The thread exists only while a call is ongoing that may have to call back, or a callback is under way. It is also what
lets time pass for such calls while nobody looks at them.

An answer counts where its status is 2xx. Redirects are never followed; what is larger than a megabyte is not read. On a
time-out or an error the application's fallback URL is tried once. Documents: Callback API, and Authentication,
"Callback signed request".
"""

import json
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol, Self

import anyio
import httpx

from sinch_voice_async.sandbox.account import Account
from sinch_voice_async.sandbox.auth import Arrival, signature, string_to_sign
from sinch_voice_async.sandbox.clock import Clock
from sinch_voice_async.sandbox.request_log import LoggedRequest, RequestLog, masked

__all__ = ["Bell", "Carriers", "Courier", "Done", "Mailbox", "Parcel", "Reply", "Turns"]


class Turns:
    """A lock that a thread may take again, and that says whether it has: ``with turns as is_first``.

    What happens in a call may look at calls itself. Then time must not pass, for the call is in the middle of
    something. ``leaving`` is called at the end of each turn, before the next one begins.
    """

    def __init__(self, leaving: Callable[[], None]) -> None:
        self._leaving = leaving
        self._lock = threading.RLock()
        self._depth = 0

    def __enter__(self) -> bool:
        self._lock.acquire()
        self._depth += 1
        return self._depth == 1

    def __exit__(self, *_: object) -> None:
        try:
            if self._depth == 1:
                self._leaving()
        finally:
            self._depth -= 1
            self._lock.release()


class Bell:
    """Wakes the thread from any other: anyio has no way to do so that never waits, and a socket has."""

    def __init__(self) -> None:
        self._ear, self._hand = socket.socketpair()
        self._ear.setblocking(False)
        self._is_ringing = False

    def ring(self) -> None:
        """Wake the thread, by whose turn it is; it may be heard only once for several times."""
        if not self._is_ringing:
            self._is_ringing = True
            self._hand.send(b"!")

    async def heard(self, seconds: float | None) -> bool:
        """Wait until it rings; False where it does not in time."""
        with anyio.move_on_after(seconds):
            await anyio.wait_readable(self._ear)
            self._is_ringing = False
            self._ear.recv(1)
            return True
        return False

    def close(self) -> None:
        """Take it down."""
        self._ear.close()
        self._hand.close()


AT_ONCE = 100
"""Callbacks under way at one time, and so connections to the application."""


class Carriers:
    """HTTP transports that are used by one callback at a time, the last one used first.

    httpx looks at every connection of a pool for every request, which takes long where there are a hundred.
    """

    def __init__(self) -> None:
        self._slots = anyio.Semaphore(AT_ONCE)
        self._free: list[httpx.AsyncHTTPTransport] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        with anyio.CancelScope(shield=True):
            for carrier in self._free:
                await carrier.aclose()

    @asynccontextmanager
    async def one(self) -> AsyncGenerator[httpx.AsyncHTTPTransport, None]:
        """Lend one, once fewer than :data:`AT_ONCE` are lent."""
        async with self._slots:
            carrier = self._free.pop() if self._free else httpx.AsyncHTTPTransport(verify=_trust(), retries=1)
            try:
                yield carrier
            finally:
                self._free.append(carrier)


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    """Return the certificates that the system trusts, which take a while to read."""
    return ssl.create_default_context()


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: a 2xx with its body, or an ``error`` in words, with the status where there was one."""

    url: str
    status: int | None = None
    content_type: str = ""
    body: bytes = b""
    error: str = ""
    request_id: str = ""
    """The callback's entry in the log of requests."""
    signed: Mapping[str, str] = field(default_factory=dict)
    """The headers that carried the signature."""


class Done(Protocol):
    """Hears of one reply to a callback."""

    def __call__(self, reply: Reply, /, *, is_last: bool) -> None:
        """Take a reply; after the last one, no other comes."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One callback; ``urls`` are tried in turn, and ``done`` hears of each reply."""

    urls: tuple[str, ...]
    event: Mapping[str, object]
    headers: Mapping[str, str]
    done: Done
    call_id: str = ""


@dataclass(slots=True, eq=False)
class Mailbox:
    """The callbacks of one call, which are delivered in the order in which they were posted."""

    parcels: deque[Parcel] = field(default_factory=deque)
    is_active: bool = False
    """Whether a callback is under way, or waits for one that is."""


LARGEST_ANSWER = 1_048_576
LINGERS = 0.5
"""Seconds for which an idle thread waits for more."""
CONTENT_TYPE = "application/json"


class Courier:
    """Delivers callbacks. ``catch_up`` runs the exchange and gives the seconds until it wants to be run again.

    ``is_wanted`` says whether calls go on that need it; ``turns`` guards all that both know.
    """

    def __init__(
        self,
        account: Account,
        clock: Clock,
        turns: Turns,
        log: RequestLog,
        *,
        timeout: float,
        catch_up: Callable[[], float | None],
        is_wanted: Callable[[], bool],
    ) -> None:
        self._account = account
        self._clock = clock
        self._turns = turns
        self._log = log
        self._timeout = timeout
        self._catch_up = catch_up
        self._is_wanted = is_wanted
        self._ready: deque[Mailbox] = deque()
        self._active = 0
        self._thread: threading.Thread | None = None
        self._bell: Bell | None = None
        self._is_stopping = False

    def post(self, mailbox: Mailbox, parcel: Parcel) -> None:
        """Deliver a callback after those that the call has posted before."""
        mailbox.parcels.append(parcel)
        if not mailbox.is_active:
            mailbox.is_active = True
            self._active += 1
            self._ready.append(mailbox)
        self.wake()

    def wake(self) -> None:
        """Say that something has changed; the thread starts where it is wanted."""
        with self._turns:
            if self._bell is not None:
                self._bell.ring()
            elif self._active or self._is_wanted():
                self._bell = Bell()
                self._thread = threading.Thread(target=self._work, name="sinch-sandbox-exchange", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """End the thread and what is under way; returns when it is over."""
        with self._turns:
            thread, self._is_stopping = self._thread, True
            if self._bell is not None:
                self._bell.ring()
        if thread is not None:
            thread.join()
        with self._turns:
            self._is_stopping = False

    def _work(self) -> None:
        anyio.run(self._run)

    async def _run(self) -> None:
        async with Carriers() as carriers, anyio.create_task_group() as tasks:
            while await self._pause():
                while self._ready:
                    tasks.start_soon(self._deliver, self._ready.popleft(), carriers)
            tasks.cancel_scope.cancel()

    async def _pause(self) -> bool:
        """Wait until something is to be done; False where the thread is to end."""
        assert self._bell is not None  # it was there before the thread
        seconds = self._catch_up()
        if self._ready and not self._is_stopping:
            return True
        is_idle = not (self._active or self._is_wanted())
        rung = await self._bell.heard(LINGERS if is_idle else seconds)
        return not self._is_leaving(self._bell, rung=rung)

    def _is_leaving(self, bell: Bell, *, rung: bool) -> bool:
        with self._turns:
            if not self._is_stopping and (rung or self._active or self._is_wanted()):
                return False
            # From here on whoever wants the courier starts another thread.
            bell.close()
            self._thread = self._bell = None
            return True

    async def _deliver(self, mailbox: Mailbox, carriers: Carriers) -> None:
        while (parcel := self._next(mailbox)) is not None:
            async with carriers.one() as carrier:
                await self._try_each(parcel, carrier)
        self.wake()

    def _next(self, mailbox: Mailbox) -> Parcel | None:
        with self._turns:
            if mailbox.parcels:
                return mailbox.parcels.popleft()
            mailbox.is_active = False
            self._active -= 1
            return None

    async def _try_each(self, parcel: Parcel, carrier: httpx.AsyncHTTPTransport) -> None:
        for attempt, url in enumerate(parcel.urls, 1):
            is_last = attempt == len(parcel.urls)
            reply = await self._try(url, parcel, carrier, attempt)
            with self._turns:
                parcel.done(reply, is_last=is_last or not reply.error)
            self.wake()
            if not reply.error:
                return

    async def _try(self, url: str, parcel: Parcel, carrier: httpx.AsyncHTTPTransport, attempt: int) -> Reply:
        """Send one callback to one URL, and log the request and its answer."""
        entry = LoggedRequest(
            direction="callback",
            method="POST",
            url=url,
            target=url,
            request_headers=(),
            call_id=parcel.call_id,
            event=str(parcel.event["event"]),
            attempt=attempt,
            is_fallback=attempt > 1,
        )
        started = time.perf_counter()
        try:
            with anyio.fail_after(self._timeout):
                await self._exchange(entry, parcel, carrier)
        except TimeoutError:
            entry.error = f"no answer within {self._timeout:g} s"
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            entry.error = f"{type(error).__name__}: {error}"
        entry.ms = 1000 * (time.perf_counter() - started)
        self._log.add(entry)
        return _reply(url, entry)

    async def _exchange(self, entry: LoggedRequest, parcel: Parcel, carrier: httpx.AsyncHTTPTransport) -> None:
        entry.request_body = json.dumps(parcel.event, ensure_ascii=False, separators=(",", ":")).encode()
        address = httpx.URL(entry.url)
        entry.target = address.raw_path.decode("latin-1")
        headers = {**parcel.headers, **self._signed(entry.path, entry.request_body)}
        request = httpx.Request("POST", address, content=entry.request_body, headers=headers)
        entry.request_headers = tuple(request.headers.items())
        response = await carrier.handle_async_request(request)
        async with aclosing(response):
            answer = bytearray()
            async for piece in response.aiter_bytes():
                answer += piece
                if len(answer) > LARGEST_ANSWER:
                    entry.error = f"an answer of more than {LARGEST_ANSWER} bytes"
                    break
        entry.status, entry.response_body = response.status_code, bytes(answer[:LARGEST_ANSWER])
        entry.response_headers = masked(response.headers.items())

    def _signed(self, path: str, body: bytes) -> dict[str, str]:
        timestamp = self._clock.wall().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        headers = {"content-type": CONTENT_TYPE, "x-timestamp": timestamp}
        account = self._account
        text = signature(account.application_secret, string_to_sign(Arrival("POST", path, headers, body)))
        return {**headers, "authorization": f"application {account.application_key}:{text}"}


def _reply(url: str, entry: LoggedRequest) -> Reply:
    """Return what the exchange reads of an answer; only a 2xx counts as one."""
    error = entry.error or (f"status {entry.status}" if entry.failed else "")
    signed = {name: entry.header(name) for name in ("authorization", "x-timestamp") if entry.header(name)}
    content_type = next((value for name, value in entry.response_headers if name.lower() == "content-type"), "")
    body = b"" if error else entry.response_body
    return Reply(url, entry.status, content_type, body, error, entry.id, signed)
