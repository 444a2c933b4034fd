"""A voice server that was written from the published documents alone: plain Starlette, and nothing of this package."""

import json
import math
import struct
from typing import Any

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


def tone(seconds: float, rate: int, height: int = 9_000) -> bytes:
    """Return a tone of 300 Hz."""
    count = round(seconds * rate)
    return struct.pack(f"<{count}h", *(round(height * math.sin(math.tau * 300 * n / rate)) for n in range(count)))


class Independent:
    """Answers with ``verdict``; then it does as its ``manner`` says, and keeps what it got."""

    def __init__(self, manner: str = "echo", verdict: str | None = "answer", seconds: float = 1.0) -> None:
        self.manner = manner
        self.verdict = verdict
        self.seconds = seconds
        self.connect: dict[str, Any] = {}
        self.query = ""
        self.headers: dict[str, str] = {}
        self.frames: list[bytes] = []
        self.closed: int | None = None
        self.app = Starlette(routes=[WebSocketRoute("/voice", self.serve)])

    async def serve(self, socket: WebSocket) -> None:
        """Serve one call."""
        self.query, self.headers = socket.url.query, dict(socket.headers)
        await socket.accept()
        self.connect = json.loads(await socket.receive_text())
        if self.verdict is None:
            await socket.close()
            return
        if self.manner == "odd":
            for odd in (b"early", "no json", "[1]", '{"command": 5}', '{"command": "hello"}'):
                await (socket.send_bytes(odd) if isinstance(odd, bytes) else socket.send_text(odd))
        await socket.send_text(json.dumps({"command": self.verdict}))
        try:
            if self.verdict == "answer":
                await self.talk(socket)
        except WebSocketDisconnect as gone:
            self.closed = gone.code

    async def talk(self, socket: WebSocket) -> None:
        """Talk to the caller until the end."""
        rate = self.connect.get("sampleRate", 8_000)
        if self.manner == "speech":
            await socket.send_bytes(tone(self.seconds, rate))
        if self.manner == "odd":
            await socket.send_text('{"command": "dance"}')
            await socket.send_text('{"command": "heartbeat"}')
            await socket.send_bytes(tone(self.seconds, rate)[:-1])
        was_loud, quiet = False, 0
        while True:
            frame = await socket.receive_bytes()
            self.frames.append(frame)
            loud = max(struct.unpack(f"<{len(frame) // 2}h", frame)) > 2_000
            if self.manner == "echo":
                await socket.send_bytes(frame)
            elif self.manner == "hang up" and len(self.frames) >= 3:
                await socket.close()
                return
            elif self.manner == "reply":
                was_loud, quiet = was_loud or loud, 0 if loud else quiet + 1
                if was_loud and quiet == 5:
                    was_loud = False
                    await socket.send_bytes(tone(self.seconds, rate))
            elif self.manner == "speech" and loud:
                await socket.send_text('{"command": "clear"}')
