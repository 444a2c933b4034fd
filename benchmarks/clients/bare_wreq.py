"""wreq alone, a client written in Rust: the signed bytes are made once, the answer's bytes are read."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.clients.payload import BODY, CALLOUTS, HEADERS
from benchmarks.clients.rust import wreq_client
from benchmarks.measure.loops import Place

__all__ = ["connect"]


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[Place]:
    """Use one client for HTTP/1.1."""
    client = wreq_client()

    async def place() -> None:
        response = await client.post(url + CALLOUTS, body=BODY, headers=HEADERS)
        response.raise_for_status()
        await response.bytes()

    try:
        yield place
    finally:
        client.close()
