"""sinch_voice_async over its own pool, as a user has it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from benchmarks.clients.payload import CLI, DESTINATION, KEY, SECRET, TEXT
from benchmarks.measure.loops import Place
from sinch_voice_async import VoiceClient

__all__ = ["connect", "placing", "recordings"]


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[Place]:
    """Place through a plain client."""
    async with VoiceClient(KEY, SECRET, base_url=url) as client:
        yield placing(client)


def placing(client: VoiceClient) -> Place:
    """Return the function that places one callout."""

    async def place() -> None:
        await client.callouts.tts(DESTINATION, TEXT, cli=CLI, locale="en-US", enable_dice=True)

    return place


@asynccontextmanager
async def recordings(url: str) -> AsyncIterator[Callable[[int], AsyncIterator[bytes]]]:
    """Read through ``client.recordings.download``."""

    async def fetch(size: int) -> AsyncIterator[bytes]:
        async with client.recordings.download(str(size)) as download:
            async for chunk in download:
                yield chunk

    async with VoiceClient(KEY, SECRET, base_url=url) as client:
        yield fetch
