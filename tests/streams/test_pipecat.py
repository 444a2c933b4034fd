"""Pipecat over a media stream, if it is installed: `nox -s pipecat` installs two versions of it in turn."""

import json
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

from sinch_voice_async.errors import ConfigurationError
from sinch_voice_async.streams import StreamApp, StreamClosed, StreamRequest
from sinch_voice_async.streams import pipecat as module
from sinch_voice_async.streams.pipecat import SinchFrameSerializer, sinch_transport
from sinch_voice_async.testing import stream_peer

pytestmark = pytest.mark.filterwarnings("default")
needs_pipecat = pytest.mark.skipif(
    not module._IS_INSTALLED, reason="the extra pipecat is heavy: `nox -s pipecat` runs these tests"
)
CALL = StreamRequest(call_id="call-1", sample_rate=16_000)


@pytest.fixture
def anyio_backend() -> str:
    """Pipecat runs on asyncio alone."""
    return "asyncio"


@needs_pipecat
async def test_frames_become_messages() -> None:
    """Sound of the stream's own rate as it is, an interruption as clear, messages as JSON, the end as nothing."""
    from pipecat.frames.frames import EndFrame, InterruptionFrame, OutputAudioRawFrame, OutputTransportMessageFrame

    serializer = SinchFrameSerializer(CALL)
    await serializer.setup(SimpleNamespace(audio_in_sample_rate=16_000))
    sound = OutputAudioRawFrame(audio=b"\x01\x02" * 320, sample_rate=16_000, num_channels=1)
    assert await serializer.serialize(sound) == b"\x01\x02" * 320
    assert json.loads(str(await serializer.serialize(InterruptionFrame()))) == {"command": "clear"}
    message = OutputTransportMessageFrame(message={"command": "heartbeat"})
    assert json.loads(str(await serializer.serialize(message))) == {"command": "heartbeat"}
    assert await serializer.serialize(OutputTransportMessageFrame(message={"label": "rtvi-ai"})) is None
    assert await serializer.serialize(EndFrame()) is None


@needs_pipecat
async def test_messages_become_frames() -> None:
    """Whole samples; texts of the platform are none."""
    from pipecat.frames.frames import InputAudioRawFrame

    serializer = SinchFrameSerializer(CALL)
    await serializer.setup(SimpleNamespace(audio_in_sample_rate=16_000))
    frame = await serializer.deserialize(b"\x01\x02\x03")
    assert isinstance(frame, InputAudioRawFrame)
    assert (frame.audio, frame.sample_rate, frame.num_channels) == (b"\x01\x02", 16_000, 1)
    assert await serializer.deserialize('{"command": "clear"}') is None
    assert await serializer.deserialize(b"") is None


@needs_pipecat
async def test_another_rate_is_resampled() -> None:
    """By Pipecat; what it holds back comes with the next frames."""
    from pipecat.frames.frames import OutputAudioRawFrame

    serializer = SinchFrameSerializer(StreamRequest(call_id="call-1"), sample_rate=8_000)
    await serializer.setup(SimpleNamespace(audio_in_sample_rate=16_000))
    size = {"in": 0, "out": 0}
    for _ in range(100):
        frame: Any = await serializer.deserialize(b"\x01\x02" * 160)
        size["in"] += len(frame.audio) if frame else 0
        sound = OutputAudioRawFrame(audio=b"\x01\x02" * 480, sample_rate=24_000, num_channels=1)
        size["out"] += len(await serializer.serialize(sound) or b"")
    assert 48_000 <= size["in"] <= 64_000
    assert 24_000 <= size["out"] <= 32_000


@needs_pipecat
async def test_the_transport_answers_first() -> None:
    """After the token was checked; a call that is refused never reaches the pipeline."""
    streams = StreamApp("key", "c2VjcmV0", url="wss://agent.example.com/streams")
    transports: list[Any] = []
    refused: list[str] = []

    async def serve(websocket: Any) -> None:
        try:
            transport = await sinch_transport(websocket, streams)
        except StreamClosed as closed:
            refused.append(closed.by)
            return
        transports.append(transport)
        await websocket.receive()

    app = Starlette(routes=[WebSocketRoute("/streams", serve)])
    with anyio.fail_after(300):
        async with stream_peer(app, action=streams.connect("call-1")) as caller:
            assert caller.verdict == "answer"
            assert transports[0].call.call_id == "call-1"
            await caller.hang_up()
        async with stream_peer(app, token="wrong") as caller:
            assert (caller.verdict, caller.close_code) == ("reject", 1008)
    assert refused == ["server"]
    assert streams.answered == 1


@pytest.mark.skipif(module._IS_INSTALLED, reason="Pipecat is installed")
async def test_pipecat_is_missing() -> None:
    """One sentence says what to install, and nothing is answered."""
    with pytest.raises(ConfigurationError, match="pipecat"):
        SinchFrameSerializer(CALL)
    with pytest.raises(ConfigurationError, match="pipecat"):
        await sinch_transport(None, StreamApp("key", "c2VjcmV0"))
