"""A call as a person is told of it: what it is, what becomes of it, and what is left when nobody waits any more."""

from typing import TYPE_CHECKING, Final

import attrs

from sinch_voice_async.cli.output import aligned

if TYPE_CHECKING:
    import sinch_voice_async

__all__ = ["Watched", "describe"]

_STOPPED: Final = {
    "unsent": "Stopped: the callout was not sent, and nobody is rung.",
    "rejected": "Stopped: the platform had refused the callout, and nobody is rung.",
    "accepted": "Stopped: the callout was placed, and the telephone rings.",
    "unknown": "Stopped with the callout on its way: the telephone may ring. Look before you repeat it.",
}


@attrs.define
class Watched:
    """The call that a command is about, once its id is known."""

    call_id: str | None = None

    def stopped(self, outcome: str) -> str:
        """Say what Ctrl-C left behind."""
        if self.call_id is None:
            return _STOPPED[outcome]
        return f"Stopped waiting; the call goes on. `sinch-voice hangup {self.call_id}` ends it."


def describe(call: "sinch_voice_async.Call") -> str:
    """Return a call as lines: a field and its value on each."""
    return aligned(
        {
            "call": call.call_id,
            "status": call.status,
            "result": call.result,
            "reason": call.reason,
            "from": call.from_ and call.from_.endpoint,
            "to": call.to and call.to.endpoint,
            "duration": None if call.duration is None else f"{call.duration} s",
            "time": call.timestamp and call.timestamp.isoformat(" ", "seconds"),
            "rate": price(call.user_rate),
            "cost": price(call.debit),
        }
    )


def price(value: "sinch_voice_async.Price | None") -> str | None:
    """Return an amount and its currency, as ``0.015 EUR``."""
    return None if value is None else f"{value.amount} {value.currency_id or ''}".strip()
