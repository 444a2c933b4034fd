"""aiohttp alone: the signed bytes are made once, the answer's bytes are read."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp

from benchmarks.clients.payload import BODY, CALLOUTS, HEADERS
from benchmarks.measure.loops import Place

__all__ = ["connect", "recordings"]


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[Place]:
    """Use ``ClientSession`` with its default limits."""

    async def place() -> None:
        async with session.post(url + CALLOUTS, data=BODY, headers=HEADERS) as response:
            response.raise_for_status()
            await response.read()

    async with aiohttp.ClientSession() as session:
        yield place


@asynccontextmanager
async def recordings(url: str) -> AsyncIterator[Callable[[int], AsyncIterator[bytes]]]:
    """Read through ``response.content.iter_any()``."""

    async def fetch(size: int) -> AsyncIterator[bytes]:
        async with session.get(f"{url}/calling/v1/recording/{size}") as response:
            async for chunk in response.content.iter_any():
                yield chunk

    async with aiohttp.ClientSession() as session:
        yield fetch
