"""sinch_voice_async over wreq: what a client written in Rust would bring in the place of our pool."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from benchmarks.clients.ours import placing
from benchmarks.clients.payload import KEY, SECRET
from benchmarks.clients.rust import wreq_client
from benchmarks.measure.loops import Place
from sinch_voice_async import VoiceClient

__all__ = ["connect"]


class _Transport(httpx.AsyncBaseTransport):
    def __init__(self, client: Any) -> None:
        self._client = client

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        headers = {name.decode(): value.decode() for name, value in request.headers.raw if name.lower() != b"host"}
        answer = await self._client.post(str(request.url), body=await request.aread(), headers=headers)
        content = bytes(await answer.bytes())
        return httpx.Response(int(answer.status.as_int()), content=content, request=request)


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[Place]:
    """Hand the client a transport."""
    client = wreq_client()
    try:
        async with VoiceClient(KEY, SECRET, base_url=url, transport=_Transport(client), timeout=300.0) as voice:
            yield placing(voice)
    finally:
        client.close()
