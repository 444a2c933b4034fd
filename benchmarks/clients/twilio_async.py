"""twilio's SDK over its own aiohttp client: ``calls.create_async``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.rest import Client

from benchmarks.clients.payload import CLI, DESTINATION, TEXT
from benchmarks.measure.loops import Place

__all__ = ["connect"]


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[Place]:
    """Replace only the address of the API."""
    async with AsyncTwilioHttpClient() as http_client:
        client = Client("AC" + "0" * 32, "token", http_client=http_client)
        client.api.base_url = url

        async def place() -> None:
            await client.calls.create_async(
                to=DESTINATION, from_=CLI, twiml=f"<Response><Say language='en-US'>{TEXT}</Say></Response>"
            )

        yield place
