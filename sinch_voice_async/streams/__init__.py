"""Media streams: the server that ``connectStream`` connects a call to.

A call's sound comes to your program over a WebSocket, and yours goes back: what a voice agent needs. ``StreamApp`` is
the server, an ASGI application; ``CallStream`` is one call. ``StreamProtocol`` is the protocol without I/O, for any
other server.
"""

from sinch_voice_async.errors import StreamClosed
from sinch_voice_async.streams.app import StreamApp
from sinch_voice_async.streams.audio import Pcm, Resampler
from sinch_voice_async.streams.call import CallStream, Frames
from sinch_voice_async.streams.connection import EndedBy, StreamEnd
from sinch_voice_async.streams.pacing import Position, Unheard
from sinch_voice_async.streams.protocol import (
    Answered,
    Audio,
    Cleared,
    Connected,
    Heartbeat,
    Ignored,
    StreamEvent,
    StreamProtocol,
    StreamRequest,
    Verdict,
)
from sinch_voice_async.streams.recording import Recording

__all__ = [
    "Answered",
    "Audio",
    "CallStream",
    "Cleared",
    "Connected",
    "EndedBy",
    "Frames",
    "Heartbeat",
    "Ignored",
    "Pcm",
    "Position",
    "Recording",
    "Resampler",
    "StreamApp",
    "StreamClosed",
    "StreamEnd",
    "StreamEvent",
    "StreamProtocol",
    "StreamRequest",
    "Unheard",
    "Verdict",
]
