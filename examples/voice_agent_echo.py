"""The smallest voice server: callers hear their own voice. Serve it with ``python examples/voice_agent_echo.py URL``.

URL is the public address of this machine, such as ``https://agent.example.com``; ``https://agent.example.com/sinch`` is
the callback URL of the application. Key and secret come from ``SINCH_APPLICATION_KEY`` and
``SINCH_APPLICATION_SECRET``. Try it without a call: ``sinch-voice stream ws://127.0.0.1:8000/streams --say Hello``.
"""

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount, WebSocketRoute

from sinch_voice_async import svaml
from sinch_voice_async.streams import CallStream, StreamApp
from sinch_voice_async.webhooks import IncomingCall, WebhookApp


def build(url: str) -> Starlette:
    """Return the application, for the credentials in the environment."""
    callbacks, streams = WebhookApp(), StreamApp(url=url.replace("http", "ws", 1).rstrip("/") + "/streams")

    @callbacks.ice
    async def incoming(event: IncomingCall) -> svaml.IceSvaml:
        return svaml.Svaml(action=streams.connect(event))

    @streams.on_call
    async def echo(stream: CallStream) -> None:
        async for frame in stream:
            await stream.send_audio(frame)

    return Starlette(routes=[WebSocketRoute("/streams", streams), Mount("/sinch", callbacks)])


if __name__ == "__main__":
    uvicorn.run(build(sys.argv[1]), port=8000, ws_per_message_deflate=False)
