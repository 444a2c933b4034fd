"""sinch_voice_async with a connection for each of 1,000 callouts in flight."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from benchmarks.clients.ours import placing
from benchmarks.clients.payload import KEY, SECRET
from benchmarks.measure.loops import Place
from sinch_voice_async import VoiceClient

__all__ = ["connect"]


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[Place]:
    """Allow as many connections as are in flight."""
    limits = httpx.Limits(max_connections=1000, max_keepalive_connections=1000)
    async with VoiceClient(KEY, SECRET, base_url=url, limits=limits) as client:
        yield placing(client)
