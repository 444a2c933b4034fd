"""Pipecat over a media stream: a ``FrameSerializer``, and the transport with the handshake before it.

Needs the extra ``pipecat``, and is imported by its own name. Ask the platform for the pipeline's sample rate
(``StreamApp(sample_rate=16_000)``): then nothing is resampled, and no sound is held back.

::

    from fastapi import FastAPI, WebSocket
    from sinch_voice_async.streams import StreamApp
    from sinch_voice_async.streams.pipecat import sinch_transport

    streams, app = StreamApp(url="wss://agent.example.com/streams"), FastAPI()

    @app.websocket("/streams")
    async def serve(websocket: WebSocket) -> None:
        transport = await sinch_transport(websocket, streams)
        await run_pipeline(transport)

Pipecat paces what it sends, and says nothing while its bot is silent: the platform gives a stream up after a minute
without any message (assumed), so have the pipeline send silence, if its pauses are that long.

Source: Voice Stream; Pipecat, serializers.
"""

import importlib
import importlib.util
import json
from typing import TYPE_CHECKING, Any, Final

from sinch_voice_async.errors import ConfigurationError
from sinch_voice_async.streams.adapters import AsgiSocket
from sinch_voice_async.streams.app import StreamApp, without_token
from sinch_voice_async.streams.protocol import StreamProtocol, StreamRequest

__all__ = ["SinchFrameSerializer", "sinch_transport"]

_IS_INSTALLED: Final = importlib.util.find_spec("pipecat") is not None


def _part(name: str) -> Any:
    """Return a module of Pipecat, which brings a hundred packages and so is not there for most users."""
    if not _IS_INSTALLED:
        raise ConfigurationError("Pipecat is missing: pip install 'sinch-voice-async[pipecat]'")
    return importlib.import_module(f"pipecat.{name}")


if TYPE_CHECKING:  # Pipecat is not installed where types are checked

    class _Base:
        def __init__(self, params: Any) -> None: ...

        def should_ignore_frame(self, frame: Any) -> bool: ...

else:
    _Base = _part("serializers.base_serializer").FrameSerializer if _IS_INSTALLED else object


class SinchFrameSerializer(_Base):
    """Frames of Pipecat to messages of a media stream, and back.

    Sound is passed through if both rates are equal, else resampled by Pipecat. An interruption becomes ``clear``. The
    end of a pipeline is told by its transport, which closes the stream: that is the hang-up.

    ``call`` is what the platform said of the call. The stream must be answered
    already, as :func:`sinch_transport` does.
    """

    def __init__(self, call: StreamRequest, params: Any = None, *, sample_rate: int = 16_000) -> None:
        """Take a call; ``sample_rate`` is the stream's, if the platform did not say it.

        :raises ConfigurationError: Pipecat is missing.
        """
        resampler = _part("audio.utils").create_stream_resampler
        super().__init__(params)
        self.call: StreamRequest = call
        self._frames: Any = _part("frames.frames")
        self._stream_rate = call.sample_rate or sample_rate
        self._pipeline_rate = self._stream_rate
        self._protocol = StreamProtocol()
        self._to_stream, self._to_pipeline = resampler(), resampler()

    async def setup(self, setup: Any) -> None:
        """Learn the rate of the pipeline; both what Pipecat hands over before 1.8 and since has it."""
        self._pipeline_rate = setup.audio_in_sample_rate or self._stream_rate

    async def serialize(self, frame: Any) -> str | bytes | None:
        """Return the message for a frame, None if it has none."""
        frames = self._frames
        if isinstance(frame, frames.InterruptionFrame):
            return '{"command":"clear"}'
        if isinstance(frame, frames.AudioRawFrame):
            if frame.sample_rate == self._stream_rate:
                return bytes(frame.audio)
            return bytes(await self._to_stream.resample(frame.audio, frame.sample_rate, self._stream_rate)) or None
        if isinstance(frame, (frames.OutputTransportMessageFrame, frames.OutputTransportMessageUrgentFrame)):
            return None if self.should_ignore_frame(frame) else json.dumps(frame.message)
        return None

    async def deserialize(self, data: str | bytes) -> Any:
        """Return the frame of a message: sound; the platform's texts say nothing after its ``connect``."""
        if isinstance(data, str):
            return None
        audio = self._protocol.whole_samples(data)
        if self._pipeline_rate != self._stream_rate:
            audio = bytes(await self._to_pipeline.resample(audio, self._stream_rate, self._pipeline_rate))
        if not audio:
            return None
        return self._frames.InputAudioRawFrame(audio=audio, num_channels=1, sample_rate=self._pipeline_rate)


async def sinch_transport(websocket: Any, app: StreamApp, params: Any = None) -> Any:
    """Accept a FastAPI or Starlette WebSocket, do the handshake, and return a ``FastAPIWebsocketTransport`` for it.

    The token is checked, and ``app.on_request`` is asked, before anything is answered; ``app.on_call`` is not used.
    ``params`` are ``FastAPIWebsocketParams``; sound goes both ways unless they say otherwise. ``transport.call`` is the
    :class:`.StreamRequest`.

    :raises StreamClosed: the call was refused, or the platform has closed the stream: return from the handler.
    :raises ConfigurationError: Pipecat is missing.
    """
    fastapi = _part("transports.websocket.fastapi")
    query = websocket.scope.get("query_string", b"").decode("latin-1")
    websocket.scope["query_string"] = without_token(query).encode("latin-1")
    await websocket.accept()
    call = await app.admit(AsgiSocket(websocket.receive, websocket.send), query)
    params = params or fastapi.FastAPIWebsocketParams(audio_in_enabled=True, audio_out_enabled=True)
    params.serializer = SinchFrameSerializer(call, sample_rate=app.sample_rate)
    transport = fastapi.FastAPIWebsocketTransport(websocket, params)
    transport.call = call
    return transport
