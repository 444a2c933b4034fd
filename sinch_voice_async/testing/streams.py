"""The platform's side of a media stream, in the same process and on a virtual clock: for tests of voice agents."""

import heapq
import itertools
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import anyio
import anyio.lowlevel

from sinch_voice_async.models.svaml.actions import ConnectStream
from sinch_voice_async.streams.app import CLOCK, TOKEN, StreamApp
from sinch_voice_async.streams.audio import Pcm
from sinch_voice_async.streams.pacing import Playout, frame_size
from sinch_voice_async.streams.protocol import Answered, Cleared, StreamProtocol, StreamRequest

__all__ = ["StreamPeer", "VirtualTime", "stream_peer"]

FRAME = 0.02
QUIET_STEP = 0.1
"""Seconds of silence that are sent at once, so that a long pause is short for the test."""
IDLE_ROUNDS = 8
"""Turns of the event loop without news, after which the application is taken to wait."""
LONGEST_ENDING = 60.0
REAL_PATIENCE = 5.0

App = Callable[..., Awaitable[Any]]


class VirtualTime:
    """A clock that stands still until it is advanced. What sleeps by it wakes then, in the order of its deadlines."""

    def __init__(self) -> None:
        self.activity: int = 0
        self._now = 0.0
        self._sleepers: list[tuple[float, int, anyio.CancelScope]] = []
        self._count = itertools.count()

    def now(self) -> float:
        """Return virtual seconds."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Sleep until the clock was advanced by so many seconds."""
        await self.wait(anyio.Event(), seconds)

    async def wait(self, event: anyio.Event, seconds: float | None) -> bool:
        """Wait for an event, for at most so many virtual seconds, and say whether it has happened."""
        self.activity += 1
        with anyio.CancelScope() as scope:
            if seconds is not None:
                heapq.heappush(self._sleepers, (self._now + seconds, next(self._count), scope))
            await event.wait()
        self.activity += 1
        return event.is_set()

    def next_at(self) -> float | None:
        """Return when the next sleeper wakes, None if nothing sleeps."""
        return self._sleepers[0][0] if self._sleepers else None

    def advance(self, until: float) -> None:
        """Let the time become ``until``, and wake what is due."""
        self._now = max(self._now, until)
        while self._sleepers and self._sleepers[0][0] <= self._now + 1e-9:
            heapq.heappop(self._sleepers)[2].cancel()


class StreamPeer:
    """A caller on a virtual clock. Made by :func:`stream_peer`.

    Time passes in :meth:`say`, :meth:`wait` and :meth:`until` alone, and as fast as the application permits. It does
    not pass for what the handler awaits outside of the stream, such as a network: use :meth:`until` there.

    ``verdict`` is the application's answer, ``commands`` what it sent as text, ``messages`` every message of it,
    ``close_code`` the code of its close frame. ``playout`` is the platform's buffer.
    """

    def __init__(self, time: VirtualTime, request: StreamRequest) -> None:
        self.time: VirtualTime = time
        self.request: StreamRequest = request
        self.sample_rate: int = request.sample_rate or 8_000
        self.protocol: StreamProtocol = StreamProtocol("platform")
        self.playout: Playout = Playout(self.sample_rate, 0.0)
        self.messages: list[str | bytes] = []
        self.commands: list[str] = []
        self.close_code: int | None = None
        self.verdict: str | None = None
        self.is_over: bool = False
        self._inbox: list[MutableMapping[str, Any]] = [{"type": "websocket.connect"}]
        self._arrival = anyio.Event()
        self._is_gone = False

    @property
    def now(self) -> float:
        """Virtual seconds since the answer."""
        return self.time.now()

    @property
    def heard(self) -> Pcm:
        """What the caller has heard until now, with the silence between."""
        return self.playout.heard(self.time.now())

    @property
    def unplayed(self) -> float:
        """Seconds of the application's sound that the caller has not heard yet."""
        return self.playout.unplayed(self.time.now())

    async def say(self, pcm: bytes) -> None:
        """Speak, in frames of 20 ms and in virtual real time."""
        size = frame_size(self.sample_rate)
        for start in range(0, len(pcm), size):
            self.send(pcm[start : start + size].ljust(size, b"\0"))
            await self._pass(FRAME)
        await self.settle()

    async def wait(self, seconds: float) -> None:
        """Be silent for so many virtual seconds; silence is sent, as the platform does (assumed)."""
        until = self.time.now() + seconds
        while (rest := until - self.time.now()) > 1e-9 and not self._is_gone:
            step = min(QUIET_STEP, rest)
            self.send(bytes(max(2, round(self.sample_rate * step) * 2)))
            await self._pass(step)
        await self.settle()

    async def until(self, holds: Callable[[], object], *, timeout: float = 30.0) -> None:
        """Be silent until something holds. Virtual time passes, and a little real time for what needs it.

        Raises TimeoutError after ``timeout`` virtual seconds.
        """
        until = self.time.now() + timeout
        await self.settle()
        while not holds():
            if self.time.now() >= until:
                raise TimeoutError
            self.send(bytes(frame_size(self.sample_rate)))
            await self._pass(FRAME)
            await self.settle()
            await anyio.sleep(0.0005)

    def send(self, message: str | bytes) -> None:
        """Send any message; the application gets it when time passes."""
        if not self._is_gone:
            self._put({"type": "websocket.receive", "text" if isinstance(message, str) else "bytes": message})

    async def hang_up(self) -> None:
        """Hang up: the platform closes the stream."""
        await self._leave({"type": "websocket.disconnect", "code": 1000, "reason": ""})

    async def vanish(self) -> None:
        """Lose the connection, without a close frame."""
        await self._leave({"type": "websocket.disconnect", "code": 1006, "reason": ""})

    async def _leave(self, message: MutableMapping[str, Any]) -> None:
        if not self._is_gone:
            self._put(message)
            self._is_gone = True
        await self.settle()

    def _put(self, message: MutableMapping[str, Any]) -> None:
        self._inbox.append(message)
        self._arrival.set()
        self.time.activity += 1

    async def receive(self) -> MutableMapping[str, Any]:
        """Give the application its next ASGI message."""
        self.time.activity += 1
        while not self._inbox:
            self._arrival = anyio.Event()
            await self._arrival.wait()
        self.time.activity += 1
        return self._inbox.pop(0)

    async def take(self, message: MutableMapping[str, Any]) -> None:
        """Take an ASGI message of the application."""
        self.time.activity += 1
        if message["type"] == "websocket.close":
            self.close_code = message.get("code", 1000)
            if not self._is_gone:
                self._is_gone = True
                self._put({"type": "websocket.disconnect", "code": self.close_code, "reason": ""})
        elif message["type"] == "websocket.send":
            if self._is_gone:
                raise OSError("the caller has hung up")
            data: bytes | None = message.get("bytes")
            self._hear(message.get("text") or "" if data is None else data)

    def _hear(self, message: str | bytes) -> None:
        self.messages.append(message)
        if isinstance(message, bytes):
            self.playout.add(message, self.time.now())
            return
        event = self.protocol.read(message)
        self.commands.append(str(json.loads(message)["command"]))
        if isinstance(event, Answered):
            self.verdict = event.verdict
        elif isinstance(event, Cleared):
            self.playout.clear(self.time.now())

    async def _pass(self, seconds: float) -> None:
        """Let virtual time pass, from one deadline to the next."""
        until = self.time.now() + seconds
        await self.settle()
        while (next_at := self.time.next_at()) is not None and next_at < until:
            self.time.advance(next_at)
            await self.settle()
        self.time.advance(until)

    async def settle(self) -> None:
        """Let the application run until it waits for time, or for the caller."""
        idle = 0
        while idle < IDLE_ROUNDS:
            before = self.time.activity
            await anyio.lowlevel.checkpoint()
            idle = idle + 1 if before == self.time.activity else 0

    async def finish(self) -> None:
        """Hang up if that was not done, and let the application end; its handler may have cleaning up to do."""
        await self.hang_up()
        until = self.time.now() + LONGEST_ENDING
        while not self.is_over and self.time.now() < until:
            await self._pass(QUIET_STEP)
        with anyio.move_on_after(REAL_PATIENCE):
            while not self.is_over:  # noqa: ASYNC110  # the application may wait for a thread, or for a network
                await anyio.sleep(0.005)


@asynccontextmanager
async def stream_peer(
    app: App,
    *,
    action: ConnectStream | None = None,
    call_id: str = "call-1",
    sample_rate: int | None = None,
    call_headers: Mapping[str, str] | None = None,
    token: str | None = None,
    path: str = "/streams",
    fields: Mapping[str, Any] | None = None,
) -> AsyncGenerator[StreamPeer, None]:
    """Call an application in the same process, on a virtual clock: ten minutes take a moment.

    ::

        async with stream_peer(streams) as caller:
            await caller.say(Pcm.tone(440, 1.0, caller.sample_rate))
            await caller.wait(2.0)
            assert caller.heard.level_db() > -30

    ``app`` is a ``StreamApp``, or any ASGI application that has one. ``action`` is what answered the ICE: its path,
    token, headers and rate are used. Without it, a ``StreamApp`` is called with a token of its own, or ``token``; the
    rate is the application's, or ``sample_rate``. ``fields`` are added to the ``connect`` message. It works on asyncio
    and trio, and needs no extra. On leaving, the caller hangs up, and the application has ended.
    """
    headers, query = dict(call_headers or {}), ""
    own = app if isinstance(app, StreamApp) else None
    if action is not None:
        parts = urlsplit(action.destination.endpoint)
        path, query = parts.path or "/", parts.query
        headers |= {header.key: header.value for header in action.call_headers or ()}
        if sample_rate is None and action.streaming_options is not None:
            sample_rate = action.streaming_options.sample_rate
    elif own is not None or token is not None:
        query = f"{TOKEN}={own.token(call_id) if own is not None and token is None else token}"
    rate = sample_rate or (own.sample_rate if own is not None else 16_000)
    request = StreamRequest(
        call_id=call_id,
        application_key="application",
        sample_rate=rate,
        codec="PCM",
        version=1,
        call_headers=headers,
        extra=dict(fields or {}),
    )
    peer = StreamPeer(VirtualTime(), request)
    failure: Exception | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_run, app, peer, path, query)
        peer.send(peer.protocol.connect(request))
        await peer.settle()
        try:
            yield peer
            await peer.finish()
        except Exception as error:  # noqa: BLE001 - a task group would wrap a failed assertion of the test
            failure = error
        finally:
            tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure


async def _run(app: App, peer: StreamPeer, path: str, query: str) -> None:
    scope: dict[str, Any] = {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(b"host", b"testserver")],
        "client": ("testclient", 50_000),
        "server": ("testserver", 80),
        "subprotocols": [],
        "state": {},
        "extensions": {CLOCK: peer.time},
    }
    try:
        await app(scope, peer.receive, peer.take)
    finally:
        peer.is_over = True
