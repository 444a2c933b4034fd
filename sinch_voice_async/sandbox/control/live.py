"""What flows to an open page: changes as server-sent events, and the sound of a call over a WebSocket.

A stream of events serves the page and tests that wait. It begins with the state, the newest calls and the newest
requests. Then come those that changed, each as it is by then: a slow reader gets fewer and later states, and nothing
piles up for it. An ``id`` goes with each event; a reader that reconnects sends it as ``Last-Event-ID`` and gets what it
has missed. The cost of a look is what changed.

Source: HTML, Server-sent events.

The page's telephone talks at ``/_sandbox/api/calls/{callId}/talk``. First the sandbox sends ``{"sampleRate": 16000}``.
Then both sides send binary messages of 16-bit PCM, mono, little-endian, at this rate: the page what the microphone
hears, the sandbox what the caller hears after the platform's buffer. ``{"command": "clear"}`` tells the page to discard
what it has not played.

A request that another site may have caused gets status 403. Other refusals accept the WebSocket and close it with code
1008 and the reason in words, since a browser tells a page nothing of a refused handshake. Code 1000 ends a talk whose
stream is over.
"""

import json
import re
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress

import anyio
from anyio.abc import TaskGroup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from sinch_voice_async.sandbox.control.calls import summary
from sinch_voice_async.sandbox.control.people import is_page
from sinch_voice_async.sandbox.control.requests import request_summary
from sinch_voice_async.sandbox.control.table import API, Control, Guard, text
from sinch_voice_async.sandbox.exchange.exchange import Exchange
from sinch_voice_async.sandbox.exchange.people import People
from sinch_voice_async.sandbox.exchange.sounds import Talk
from sinch_voice_async.sandbox.exchange.streams import Stream, Streams
from sinch_voice_async.sandbox.requests import Fields, RefusalError

__all__ = ["LiveControls", "talk_route"]

LOOKS_EVERY = 0.05
SLOW_LOOKS_EVERY = 0.25
"""Seconds between looks for a page out of sight."""
HEARTBEAT = 15.0
MOST_CALLS = 200
"""How many of the newest calls a stream begins with; of what changes later, at most as many stand in one event."""
MOST_REQUESTS = 200
State = Callable[[], dict[str, object]]
PLACE = re.compile(r"([0-9a-f]+)\.(\d{1,15})\.(\d{1,15})\.(\d{1,9})\.(\d{1,9})")


class LiveControls:
    """Opens streams. ``state`` describes everything but calls and requests."""

    def __init__(self, exchange: Exchange, people: People, instance: str, state: State) -> None:
        self._exchange = exchange
        self._people = people
        self._instance = instance
        self._state = state

    def controls(self) -> list[Control]:
        """Return the endpoint."""
        lease = text("page: phones that this page connected are disconnected when it goes", enum=["page"])
        pace = text("slow: four looks a second, for a page that is not seen", enum=["slow"])
        after = text("the id of the last event that was received, as the header Last-Event-ID says it")
        return [Control("GET", "/events", self.open, query={"lease": lease, "pace": pace, "after": after})]

    async def open(self, request: Request, _fields: Fields) -> Response:
        """Tell what changes, as server-sent events: state, calls and requests."""
        changes = _Changes(self._exchange, self._instance, self._state)
        changes.resume(request.headers.get("last-event-id") or request.query_params.get("after", ""))
        every = SLOW_LOOKS_EVERY if request.query_params.get("pace") == "slow" else LOOKS_EVERY
        return _EventStream(changes, self._people if is_page(request) else None, every)


class _Changes:
    """What one reader has not been told yet."""

    def __init__(self, exchange: Exchange, instance: str, state: State) -> None:
        self._exchange = exchange
        self._instance = instance
        self._state = state
        self._calls = self._requests = -1
        self._cleared = exchange.calls.cleared
        self._log_cleared = exchange.log.cleared
        self._told_state = ""

    def resume(self, place: str) -> None:
        """Go on after an event that the reader has had, if it is of this sandbox and nothing was cleared since."""
        found = PLACE.fullmatch(place)
        if (
            found
            and found[1] == self._instance
            and [*map(int, found.groups()[3:])] == [self._cleared, self._log_cleared]
        ):
            self._calls, self._requests = int(found[2]), int(found[3])

    def next(self) -> bytes:
        """Return the events that are due; empty if nothing changed."""
        # Read once: what another thread clears from here on is told the next time.
        cleared = self._exchange.calls.cleared
        fresh = self._calls < 0 or self._cleared != cleared
        state = self._next_state(fresh=fresh)
        self._cleared = cleared
        return state + self._next_calls(fresh=fresh) + self._next_requests()

    def _next_state(self, *, fresh: bool) -> bytes:
        state = self._state()
        settings = json.dumps({name: _without_time(value) for name, value in state.items()})
        if settings == self._told_state and not fresh:
            return b""
        self._told_state = settings
        return self._event("state", {**state, "fresh": fresh})

    def _next_calls(self, *, fresh: bool) -> bytes:
        self._exchange.catch_up()
        calls = self._exchange.calls
        sequence, told = calls.sequence, -1 if fresh else self._calls
        if sequence <= told:
            return b""
        changed = calls.changed_since(told, MOST_CALLS)
        self._calls = max(sequence, 0)
        listed = [summary(call) for call in changed]
        # More may have changed than one event holds: then the reader asks for the list.
        more = len(changed) == MOST_CALLS
        clock = self._state()["clock"]
        return self._event("calls", {"clock": clock, "count": len(calls), "calls": listed, "more": more})

    def _next_requests(self) -> bytes:
        log = self._exchange.log
        cleared = log.cleared
        fresh = self._requests < 0 or cleared != self._log_cleared
        sequence, told = log.sequence, -1 if fresh else self._requests
        if sequence <= told:
            return b""
        newest = log.since(told, MOST_REQUESTS)
        self._requests, self._log_cleared = max(sequence, 0), cleared
        listed = [request_summary(entry) for entry in newest]
        about = {"count": len(log), "dropped": log.dropped, "fresh": fresh, "more": len(newest) == MOST_REQUESTS}
        return self._event("requests", {**about, "requests": listed})

    def _event(self, name: str, data: Mapping[str, object]) -> bytes:
        place = f"{self._instance}.{max(self._calls, 0)}.{max(self._requests, 0)}.{self._cleared}.{self._log_cleared}"
        return f"event: {name}\nid: {place}\nretry: 1000\ndata: {json.dumps(data)}\n\n".encode()


class _EventStream(Response):
    """Sends events until the reader goes away; ``people`` are told of a page that comes and goes."""

    media_type = "text/event-stream"

    def __init__(self, changes: _Changes, people: People | None, every: float) -> None:
        super().__init__()
        self._changes = changes
        self._every = every
        self._people = people

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [header for header in self.raw_headers if header[0] != b"content-length"]
        with ExitStack() as page:
            if self._people is not None:
                self._people.page_opened()
                page.callback(self._people.page_closed)
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._tell, send)
                while (await receive())["type"] != "http.disconnect":
                    pass
                tasks.cancel_scope.cancel()

    async def _tell(self, send: Send) -> None:
        told_at = anyio.current_time()
        while True:
            events = self._changes.next()
            if not events and anyio.current_time() - told_at >= HEARTBEAT:
                # A comment, by which both ends notice that the other is gone.
                events = b":\n\n"
            if events:
                told_at = anyio.current_time()
                await send({"type": "http.response.body", "body": events, "more_body": True})
            await anyio.sleep(self._every)


def _without_time(value: object) -> object:
    """Return a part of the state without what changes by itself: a clock is news only when it was set."""
    return (
        {name: each for name, each in value.items() if name not in {"now", "date"}}
        if isinstance(value, dict)
        else value
    )


PLAYS_EVERY = 0.02
SEND_TIMEOUT = 5.0
"""Seconds after which a page that does not read is given up."""
NORMAL, REFUSED = 1000, 1008


def talk_route(guard: Guard, streams: Streams) -> WebSocketRoute:
    """Return the route, behind the guard."""

    async def talk(websocket: WebSocket) -> None:
        try:
            guard.check("GET", websocket.headers)
        except RefusalError:
            await websocket.close()
            return
        await websocket.accept()
        session = _Session(websocket)
        await session.run(streams)
        with suppress(WebSocketDisconnect), anyio.move_on_after(SEND_TIMEOUT):
            await websocket.close(*session.ending)

    return WebSocketRoute(f"{API}/calls/{{callId}}/talk", talk)


class _Session:
    """One page that talks. ``problem`` is why it may not go on, empty if it may."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self.problem: str = ""

    @property
    def ending(self) -> tuple[int, str]:
        """The code and the reason to close with."""
        return (REFUSED, self.problem) if self.problem else (NORMAL, "The call is over.")

    async def run(self, streams: Streams) -> None:
        """Talk until one side ends it."""
        try:
            with streams.talk(self._websocket.path_params["callId"]) as (stream, talk):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._read, talk, tasks)
                    await _play(self._websocket, stream, talk)
                    tasks.cancel_scope.cancel()
        except ValueError as refused:
            self.problem = str(refused)

    async def _read(self, talk: Talk, tasks: TaskGroup) -> None:
        """Read until the page goes away or makes a mistake; then end the tasks."""
        while (message := await self._websocket.receive())["type"] == "websocket.receive":
            try:
                talk.say(_pcm(message.get("bytes")))
            except ValueError as error:
                self.problem = str(error)
                break
        tasks.cancel_scope.cancel()


def _pcm(data: bytes | None) -> bytes:
    if data is None:
        raise ValueError("sound is sent as binary messages of 16-bit PCM")
    return data


async def _play(websocket: WebSocket, stream: Stream, talk: Talk) -> None:
    """Send what the caller hears until the stream is over, or the page does not read."""
    with suppress(WebSocketDisconnect), anyio.move_on_after(SEND_TIMEOUT) as patience:
        await websocket.send_json({"sampleRate": talk.sample_rate})
        while stream.speaks:
            pcm, is_cleared = talk.heard()
            if is_cleared:
                await websocket.send_json({"command": "clear"})
            if pcm:
                await websocket.send_bytes(pcm)
            await anyio.sleep(PLAYS_EVERY)
            patience.deadline = anyio.current_time() + SEND_TIMEOUT
