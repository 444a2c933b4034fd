"""httpx alone: the signed bytes are made once, the answer's bytes are read."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx

from benchmarks.clients.payload import BODY, CALLOUTS, HEADERS
from benchmarks.measure.loops import Place

__all__ = ["connect", "recordings"]


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[Place]:
    """Use ``AsyncClient`` with its default limits, and a time-out that lets it finish."""

    async def place() -> None:
        response = await client.post(url + CALLOUTS, content=BODY, headers=HEADERS)
        response.raise_for_status()

    async with httpx.AsyncClient(timeout=300.0) as client:
        yield place


@asynccontextmanager
async def recordings(url: str) -> AsyncIterator[Callable[[int], AsyncIterator[bytes]]]:
    """Read through ``AsyncClient.stream``."""

    async def fetch(size: int) -> AsyncIterator[bytes]:
        async with client.stream("GET", f"{url}/calling/v1/recording/{size}") as response:
            async for chunk in response.aiter_bytes():
                yield chunk

    async with httpx.AsyncClient(timeout=300.0) as client:
        yield fetch
