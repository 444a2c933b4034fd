"""What happens in the exchange, as server-sent events: for the page, and for tests that wait.

A stream begins with the state as it is and the newest calls, so whoever reconnects has missed nothing. Then come the
calls that changed, each as it is by then: a slow reader gets fewer and later states, and nothing piles up for it.

Documents: the HTML standard, "Server-sent events".
"""

import json
from collections.abc import Callable, Iterable

import anyio
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sinch_voice_async.sandbox.exchange.calls import Call
from sinch_voice_async.sandbox.exchange.exchange import Exchange
from sinch_voice_async.sandbox.fields import Fields
from sinch_voice_async.sandbox.routes.control_calls import summary
from sinch_voice_async.sandbox.routes.control_table import Control

__all__ = ["LiveControls"]

LOOKS_EVERY = 0.05
HEARTBEAT = 15.0
MOST_CALLS = 200
"""How many of the newest calls a stream begins with; of what changes later, none is left out."""
State = Callable[[], dict[str, object]]
Mark = tuple[object, ...]


class LiveControls:
    """Opens streams. ``state`` describes what is no call."""

    def __init__(self, exchange: Exchange, state: State) -> None:
        self._exchange = exchange
        self._state = state

    def controls(self) -> list[Control]:
        """Return the endpoint."""
        return [Control("GET", "/events", self.open)]

    async def open(self, _request: Request, _fields: Fields) -> Response:
        """Tell what changes, as server-sent events: "state", and "calls" with those that changed."""
        return _Stream(_Changes(self._exchange, self._state))


class _Changes:
    """What one reader has not been told yet."""

    def __init__(self, exchange: Exchange, state: State) -> None:
        self._exchange = exchange
        self._state = state
        self._told: dict[str, Mark] = {}
        self._told_of_clear = exchange.calls.cleared
        self._told_version = -1
        self._told_state = ""

    def next(self) -> bytes:
        """Return the events that are due; empty where nothing changed."""
        fresh = not self._told_state or self._forgot()
        return self._next_state(fresh=fresh) + self._next_calls(fresh=fresh)

    def _forgot(self) -> bool:
        """Whether every call that the reader knows is gone; that old ones are is no news."""
        cleared = self._exchange.calls.cleared
        forgot, self._told_of_clear = cleared != self._told_of_clear, cleared
        return forgot

    def _next_state(self, *, fresh: bool) -> bytes:
        state = self._state()
        settings = json.dumps({name: _without_time(value) for name, value in state.items()})
        if settings == self._told_state and not fresh:
            return b""
        self._told_state = settings
        return _event("state", {**state, "fresh": fresh})

    def _next_calls(self, *, fresh: bool) -> bytes:
        self._exchange.catch_up()
        version = self._exchange.version
        if version == self._told_version and not fresh:
            return b""
        self._told_version = version
        changed = self._changed(self._exchange.calls)
        calls = [summary(call) for call in (changed[-MOST_CALLS:] if fresh else changed)]
        return _event("calls", {"clock": self._state()["clock"], "count": len(self._exchange.calls), "calls": calls})

    def _changed(self, calls: Iterable[Call]) -> list[Call]:
        known, self._told = self._told, {}
        changed = []
        for call in calls:
            mark = self._told[call.call_id] = _mark(call)
            if known.get(call.call_id) != mark:
                changed.append(call)
        return changed


class _Stream(Response):
    """Sends events until the reader goes away."""

    media_type = "text/event-stream"

    def __init__(self, changes: _Changes) -> None:
        super().__init__()
        self._changes = changes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [header for header in self.raw_headers if header[0] != b"content-length"]
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
            await anyio.sleep(LOOKS_EVERY)


def _mark(call: Call) -> Mark:
    """Return what differs when a call has changed."""
    return len(call.log), call.answered, call.ended, call.seat


def _without_time(value: object) -> object:
    """Return a part of the state without what changes by itself: a clock is news only where it was set."""
    return (
        {name: each for name, each in value.items() if name not in {"now", "date"}}
        if isinstance(value, dict)
        else value
    )


def _event(name: str, data: object) -> bytes:
    return f"event: {name}\nretry: 1000\ndata: {json.dumps(data)}\n\n".encode()
