"""Connections to the application, of which each callback has one for itself."""

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Self

import anyio
import httpx

__all__ = ["Carriers"]

AT_ONCE = 100
"""Callbacks under way at one time, and so connections to the application."""


class Carriers:
    """HTTP transports that are used by one callback at a time, the last one used first.

    httpx looks at every connection of a pool for every request, which takes long where there are a hundred.
    """

    def __init__(self) -> None:
        self._slots = anyio.Semaphore(AT_ONCE)
        self._free: list[httpx.AsyncHTTPTransport] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        with anyio.CancelScope(shield=True):
            for carrier in self._free:
                await carrier.aclose()

    @asynccontextmanager
    async def one(self) -> AsyncGenerator[httpx.AsyncHTTPTransport, None]:
        """Lend one, once fewer than :data:`AT_ONCE` are lent."""
        async with self._slots:
            carrier = self._free.pop() if self._free else httpx.AsyncHTTPTransport(verify=_trust(), retries=1)
            try:
                yield carrier
            finally:
                self._free.append(carrier)


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    """Return the certificates that the system trusts, which take a while to read."""
    return ssl.create_default_context()
