"""telnyx's SDK over httpx, as it comes: ``calls.dial``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from telnyx import AsyncTelnyx

from benchmarks.clients.payload import CLI, DESTINATION
from benchmarks.measure.loops import Place

__all__ = ["connect"]


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[Place]:
    """Replace the address, and wait as long as httpx needs; no retries, which would be counted twice."""
    async with AsyncTelnyx(api_key="key", base_url=url, timeout=300.0, max_retries=0) as client:

        async def place() -> None:
            await client.calls.dial(connection_id="7267xxxxxxxxxxxxxx", from_=CLI, to=DESTINATION)

        yield place
