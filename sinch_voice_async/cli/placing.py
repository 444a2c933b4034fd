"""A callout placed from a terminal: whoever stops it is told whether the telephone rings all the same.

The one moment that counts is when the first byte of the request is written. The pool asks for the signed headers just
before that, so a pool of this module notes when it does.
"""

import urllib.request
from typing import Any

import httpx

from sinch_voice_async._transport.pool import ConnectionPool, HeaderFields, Origin, RawResponse
from sinch_voice_async.cli.settings import Settings
from sinch_voice_async.errors import Outcome

__all__ = ["NotingPool", "pool_for"]


class NotingPool(ConnectionPool):
    """A pool that knows how far the last request has come: ``outcome``, as in the errors."""

    outcome: Outcome = "unsent"

    async def exchange(
        self,
        origin: Origin,
        method: bytes,
        target: bytes,
        headers: HeaderFields,
        body: bytes,
        *,
        timeout: httpx.Timeout,
        max_idle: float | None = None,
        max_body: int = 1 << 20,
    ) -> RawResponse:
        """Do what the pool does, and note when the request is written and what is answered."""

        def noted() -> Any:
            self.outcome = "unknown"
            return headers()

        answer = await super().exchange(
            origin, method, target, noted, body, timeout=timeout, max_idle=max_idle, max_body=max_body
        )
        if answer.status < 500:
            self.outcome = "accepted" if answer.status < 300 else "rejected"
        return answer


def pool_for(settings: Settings) -> NotingPool | None:
    """Return a pool that takes notes; None behind a proxy, which is httpx's own transport to reach."""
    return None if settings.proxy or set(urllib.request.getproxies()) - {"no"} else NotingPool()
