"""pyreqwest alone, a client written in Rust: the signed bytes are made once, the answer's bytes are read."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.clients.payload import BODY, CALLOUTS, HEADERS
from benchmarks.clients.rust import pyreqwest_client
from benchmarks.measure.loops import Place

__all__ = ["connect"]


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[Place]:
    """Use one client for HTTP/1.1."""

    async def place() -> None:
        response = await client.post(url + CALLOUTS).headers(HEADERS).body_bytes(BODY).build().send()
        response.error_for_status()
        await response.bytes()

    async with pyreqwest_client() as client:
        yield place
