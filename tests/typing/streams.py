"""What a user of media streams sees in an editor: mypy and pyright check it, and no test runs it.

Each ``type: ignore`` and ``pyright: ignore`` is a promise: the checker refuses that line, and an ignore that is not
needed is an error.
"""

from collections.abc import AsyncIterator, Mapping
from typing import assert_type

from sinch_voice_async import svaml
from sinch_voice_async.streams import (
    Answered,
    Audio,
    CallStream,
    Cleared,
    Connected,
    EndedBy,
    Heartbeat,
    Ignored,
    Pcm,
    Position,
    Recording,
    StreamApp,
    StreamEnd,
    StreamProtocol,
    StreamRequest,
    Unheard,
    Verdict,
)
from sinch_voice_async.testing import StreamPeer, stream_peer
from sinch_voice_async.webhooks import IncomingCall

streams = StreamApp("key", "c2VjcmV0", url="wss://agent.example.com/streams", sample_rate=24_000)


async def incoming(event: IncomingCall) -> svaml.IceSvaml:
    """The action may answer an ICE event."""
    return svaml.Svaml(action=streams.connect(event, call_headers={"customer": "7"}))


@streams.on_request
async def decide(request: StreamRequest) -> Verdict:
    """A handler stays the function that it is."""
    assert_type(request.call_headers, Mapping[str, str])
    return "busy"


@streams.on_request
def decide_at_once(request: StreamRequest) -> Verdict | None:
    """It need not be async, nor decide."""
    return None


@streams.on_call
async def talk(stream: CallStream) -> None:
    """A call has frames, a position and an end."""
    async for frame in stream:
        assert_type(frame, bytes)
    assert_type(await stream.receive(1.0), bytes | None)
    assert_type(await stream.send_audio(Pcm.tone(400, 1.0)), bool)
    assert_type(await stream.send_audio(pieces()), bool)
    assert_type(await stream.clear(), Unheard)
    assert_type(stream.position, Position)
    assert_type(stream.ended, StreamEnd | None)
    if stream.ended is not None:
        assert_type(stream.ended.by, EndedBy)
    async with stream.record("call.wav") as recording:
        assert_type(recording, Recording)
    await stream.send_audio("text")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def pieces() -> AsyncIterator[bytes]:
    """What a model says."""
    yield b""


def read(protocol: StreamProtocol, message: str | bytes) -> None:
    """The events are told apart by their classes."""
    match protocol.read(message):
        case Connected(request):
            assert_type(request, StreamRequest)
        case Audio(pcm):
            assert_type(pcm, bytes)
        case Answered(verdict):
            assert_type(verdict, Verdict)
        case Cleared() | Heartbeat() | Ignored():
            pass


async def test() -> None:
    """A test has a caller."""
    async with stream_peer(streams) as caller:
        assert_type(caller, StreamPeer)
        assert_type(caller.heard, Pcm)
