"""sinch_voice_async over pyreqwest's own transport for httpx."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pyreqwest.compatibility.httpx import HttpxTransport

from benchmarks.clients.ours import placing
from benchmarks.clients.payload import KEY, SECRET
from benchmarks.clients.rust import pyreqwest_client
from benchmarks.measure.loops import Place
from sinch_voice_async import VoiceClient

__all__ = ["connect"]


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[Place]:
    """Hand the client a transport."""
    transport = HttpxTransport(pyreqwest_client())
    async with VoiceClient(KEY, SECRET, base_url=url, transport=transport, timeout=300.0) as voice:
        yield placing(voice)
