"""What all views of one client share."""

import random
import time
from collections.abc import Awaitable, Callable
from typing import Literal

import anyio
import attrs

from sinch_voice_async._transport.httpx_adapter import Sender
from sinch_voice_async._transport.messages import Fields
from sinch_voice_async._transport.retry import RetryQuota
from sinch_voice_async._wire.signing import basic_authorization, signed_headers
from sinch_voice_async.credentials import Credentials

__all__ = ["Session"]


@attrs.define(kw_only=True, eq=False)
class Session:
    """What all views of one client share: the connections, the quota, the clock, and whether it is closed.

    ``sender`` is the way to the platform, ``interceptable`` the one through httpx, for tests that mock the network.
    """

    credentials: Credentials
    auth: Literal["signed", "basic"]
    sender: Sender
    interceptable: Sender
    quota: RetryQuota = attrs.Factory(RetryQuota)
    clock_offset: float = 0.0
    closed: bool = False
    now: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep

    def sign(self, method: str, target: str, body: bytes, content_type: str) -> tuple[Fields, float]:
        """Return the header fields that authorize a request, and the local Unix time at which they were made."""
        now = self.now()
        if self.auth == "basic":
            return [(b"authorization", basic_authorization(self.credentials).encode("ascii"))], now
        at = now + self.clock_offset
        return signed_headers(self.credentials, method, target, body, content_type, at), now
