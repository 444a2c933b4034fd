"""Talking to a WebSocket: connectStream. Documents: SVAML, "connectStream", a closed beta of which little is published.

What is: the call's headers go in the first message; once the server has answered it, sound goes out as binary messages,
and sound of the same kind is expected back. Here the first message is a JSON object with ``callId``, ``callHeaders``
and ``streamingOptions``, any message is an answer, and the sound is a tone: 16-bit mono in frames of 20 ms of real
time. Whoever closes the WebSocket hangs up; a call whose WebSocket cannot be opened fails.
"""

import json
import math
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sinch_voice_async.sandbox.exchange.calls import Call
from sinch_voice_async.sandbox.fields import Fields

if TYPE_CHECKING:
    from websockets.sync.connection import Connection

__all__ = ["Streams"]

PATIENCE = 5.0
FRAME = 0.02
SAMPLE_RATE = 16_000
PITCH = 400
LARGEST_MESSAGE = 1_048_576
MISSING = "it needs the package websockets, which the extra sinch-voice-async[sandbox] brings"


class Streams:
    """The WebSockets of an exchange, each in a thread of its own."""

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []
        self._is_over = threading.Event()

    def open(self, call: Call, action: Fields) -> None:
        """Open a WebSocket, and tell the call's handle why it could not be, or an empty text when it was answered."""
        stream = _Stream(call, action, self._is_over)
        self._threads = [each for each in self._threads if each.is_alive()]
        self._threads.append(threading.Thread(target=stream.run, name="sinch-sandbox-stream", daemon=True))
        self._threads[-1].start()

    def end(self) -> None:
        """Have every WebSocket closed soon."""
        self._is_over.set()
        self._is_over = threading.Event()

    def close(self) -> None:
        """Close every WebSocket; returns when that is done. Not to be called in a turn of the exchange."""
        self.end()
        for thread in self._threads:
            thread.join()


@dataclass(slots=True)
class _Stream:
    """One WebSocket."""

    call: Call
    action: Fields
    is_over: threading.Event
    sent: int = field(default=0, init=False)
    received: int = field(default=0, init=False)

    def run(self) -> None:
        try:
            self._connect()
        except ImportError:
            self.call.handle.reply(MISSING)
        except (OSError, ValueError) as error:
            self.call.handle.reply(f"{type(error).__name__}: {error}")

    def _connect(self) -> None:
        from websockets.exceptions import WebSocketException  # noqa: PLC0415 - only streams need it
        from websockets.sync.client import connect  # noqa: PLC0415 - as above

        url = self.action.required_child("destination").required_text("endpoint")
        try:
            with connect(url, open_timeout=PATIENCE, close_timeout=1, max_size=LARGEST_MESSAGE, proxy=None) as socket:
                socket.send(json.dumps(self._hello()))
                socket.recv(timeout=PATIENCE)
                self.call.handle.reply("")
                self._talk(socket)
        except WebSocketException as error:
            self.call.handle.reply(f"{type(error).__name__}: {error}")

    def _hello(self) -> dict[str, object]:
        options = self.action.value("streamingOptions")
        headers = self.action.value("callHeaders") or []
        return {"callId": self.call.call_id, "callHeaders": headers, "streamingOptions": options or {}}

    def _talk(self, socket: "Connection") -> None:
        options = self.action.child("streamingOptions") or Fields({})
        frame, due = _frame(options.whole("sampleRate") or SAMPLE_RATE), time.monotonic()
        while not self.is_over.is_set() and not self.call.is_final and self._listen(socket, due):
            if time.monotonic() >= due:
                socket.send(frame)
                self.sent += len(frame)
                due += FRAME
        self.call.handle.note(f"the stream is over: {self.sent} bytes went out, {self.received} came back")
        self.call.handle.disconnect("ANSWERED", "CALLEEHANGUP")

    def _listen(self, socket: "Connection", due: float) -> bool:
        """Wait for a message until a frame is due; False where the other side has closed."""
        from websockets.exceptions import ConnectionClosed  # noqa: PLC0415 - as above

        try:
            message = socket.recv(timeout=max(0.0, due - time.monotonic()))
        except TimeoutError:
            return True
        except ConnectionClosed:
            return False
        self.received += len(message)
        return True


def _frame(rate: int) -> bytes:
    """Return 20 ms of a tone; whole waves, so that one frame follows another without a click."""
    samples = round(rate * FRAME)
    step = 2 * math.pi * PITCH * FRAME / samples
    return struct.pack(f"<{samples}h", *(round(8_000 * math.sin(step * index)) for index in range(samples)))
