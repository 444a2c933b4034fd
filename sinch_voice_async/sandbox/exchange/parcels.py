"""What the courier carries: callbacks, what came back, and the order of each call."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["Done", "Mailbox", "Parcel", "Reply"]


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: a 2xx with its body, or an ``error`` in words, with the status where there was one."""

    url: str
    status: int | None = None
    content_type: str = ""
    body: bytes = b""
    error: str = ""


class Done(Protocol):
    """Hears of one reply to a callback."""

    def __call__(self, reply: Reply, /, *, is_last: bool) -> None:
        """Take a reply; after the last one, no other comes."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One callback; ``urls`` are tried in turn, and ``done`` hears of each reply."""

    urls: tuple[str, ...]
    event: Mapping[str, object]
    headers: Mapping[str, str]
    done: Done


@dataclass(slots=True, eq=False)
class Mailbox:
    """The callbacks of one call, which are delivered in the order in which they were posted."""

    parcels: deque[Parcel] = field(default_factory=deque)
    is_active: bool = False
    """Whether a callback is under way, or waits for one that is."""
