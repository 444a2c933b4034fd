"""Stand-ins for the platform: coroutines that take callouts, count whom they rang, and fail as they are told."""

from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import anyio

from sinch_voice_async import CalloutReceipt, TtsCallout
from sinch_voice_async.dialer import Contact

Step: TypeAlias = Callable[[], Awaitable[None]] | Exception


def reminder(contact: Contact) -> TtsCallout:
    """The callout of most tests."""
    return TtsCallout(destination=contact.number, text="See you tomorrow.", cli="+46700000000")


class Platform:
    """Rings everybody who is dialled, save where the script has an exception or something to do first."""

    def __init__(self, *script: Step) -> None:
        self.script = deque(script)
        self.rang: Counter[str] = Counter()
        self.custom: dict[str, str] = {}
        self.headers: list[Mapping[str, str]] = []
        self.most = 0
        self.now = 0

    async def __call__(self, callout: Any, /, *, callback_headers: Mapping[str, str]) -> CalloutReceipt:
        """Take a callout."""
        self.headers.append(callback_headers)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            return await self._take(callout)
        finally:
            self.now -= 1

    async def _take(self, callout: Any) -> CalloutReceipt:
        step = self.script.popleft() if self.script else None
        if isinstance(step, Exception):
            if getattr(step, "outcome", "unknown") == "unknown":
                self.rang[callout.destination.endpoint] += 1
            raise step
        self.rang[callout.destination.endpoint] += 1
        call_id = f"call-{self.rang.total()}"
        self.custom[call_id] = callout.custom
        await (anyio.lowlevel.checkpoint() if step is None else step())
        return CalloutReceipt(call_id=call_id)
