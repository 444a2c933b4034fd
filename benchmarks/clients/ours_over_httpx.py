"""sinch_voice_async over httpx's own transport: what our pool replaces."""

import os
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
    """Wait as long as httpx needs: at 1,000 in flight that is more than the usual time-out."""
    transport = httpx.AsyncHTTPTransport(proxy=os.environ.get("HTTPS_PROXY"))
    async with VoiceClient(KEY, SECRET, base_url=url, transport=transport, timeout=300.0) as client:
        yield placing(client)
