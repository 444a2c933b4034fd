"""sinch 1.1.4, the last official SDK with this API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sinch import SinchClientAsync

from benchmarks.clients.payload import CLI, DESTINATION, KEY, SECRET, TEXT
from benchmarks.measure.loops import Place

__all__ = ["connect"]


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[Place]:
    """Sign as the platform wants, with only the host replaced."""
    client = SinchClientAsync(application_key=KEY, application_secret=SECRET)
    scheme, _, host = url.partition("://")
    client.configuration.voice_origin = host
    client.configuration.disable_https = scheme == "http"

    async def place() -> None:
        await client.voice.callouts.text_to_speech(
            destination={"type": "number", "endpoint": DESTINATION}, cli=CLI, locale="en-US", text=TEXT
        )

    try:
        yield place
    finally:
        if client.configuration.transport.http_session is not None:
            await client.configuration.transport.close_session()
