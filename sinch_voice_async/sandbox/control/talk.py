"""The WebSocket on which the page's telephone talks: ``/_sandbox/api/calls/{callId}/talk``.

First the sandbox sends ``{"sampleRate": 16000}``. Then both sides send binary messages of 16-bit PCM, mono,
little-endian, at this rate: the page what the microphone hears, the sandbox what the caller hears after the platform's
buffer. ``{"command": "clear"}`` tells the page to discard what it has not played.

A request that another site may have caused gets status 403. Other refusals accept the WebSocket and close it with code
1008 and the reason in words, since a browser tells a page nothing of a refused handshake. Code 1000 ends a talk whose
stream is over.
"""

from contextlib import suppress

import anyio
from anyio.abc import TaskGroup
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from sinch_voice_async.sandbox.control.page import Guard
from sinch_voice_async.sandbox.control.table import API
from sinch_voice_async.sandbox.exchange.streams import Stream, Streams
from sinch_voice_async.sandbox.exchange.talk import Talk
from sinch_voice_async.sandbox.refusals import RefusalError

__all__ = ["talk_route"]

LOOKS_EVERY = 0.02
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
            await anyio.sleep(LOOKS_EVERY)
            patience.deadline = anyio.current_time() + SEND_TIMEOUT
