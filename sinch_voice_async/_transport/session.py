"""What is asked for, and what all views of one client share."""

import random
import time
from collections.abc import Awaitable, Callable
from typing import Literal

import anyio
import attrs

from sinch_voice_async._transport.base_url import BaseUrl
from sinch_voice_async._transport.retry import RetryQuota
from sinch_voice_async._transport.senders import Sender
from sinch_voice_async.credentials import Credentials

__all__ = ["Request", "Session"]


@attrs.define(kw_only=True, eq=False)  # not frozen, which would cost a callout three times as much here
class Request:
    """What an endpoint asks for; ``path`` is percent-encoded, ``route`` its template for logs and traces."""

    method: str
    path: str
    route: str
    repeatable: bool
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    configuration: bool = False
    base: BaseUrl | None = None


@attrs.define(kw_only=True, eq=False)
class Session:
    """What all views of one client share: the connections, the quota, the clock, and whether it is closed."""

    credentials: Credentials
    auth: Literal["signed", "basic"]
    sender: Sender
    interceptable: Sender
    quota: RetryQuota = attrs.Factory(RetryQuota)
    clock_offset: float = 0.0
    closed: bool = False
    now: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    share: Callable[[], float] = random.random
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep
