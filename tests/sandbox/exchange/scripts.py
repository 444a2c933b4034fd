"""Calls that are placed without HTTP, and what they looked like."""

import json
from typing import Any

from sinch_voice_async.sandbox import Call, Sandbox
from sinch_voice_async.sandbox.exchange.documents import read_callout
from sinch_voice_async.sandbox.requests import Fields

SOMEBODY = {"type": "number", "endpoint": "+46700000001"}
HANG_UP = {"action": {"name": "hangup"}}


def place(sandbox: Sandbox, method: str = "customCallout", **members: Any) -> Call:
    """Place a callout to somebody; SVAML may be given as it is, and None leaves a member out."""
    members = {"destination": SOMEBODY, "cli": "+46700000000", **members}
    chosen = {name: _text(name, value) for name, value in members.items() if value is not None}
    callout = read_callout(Fields({"method": method, method: chosen}), max_text_length=600)
    return sandbox.exchange.place(callout, {})


def custom(sandbox: Sandbox, ace: dict[str, Any] | None = None, **members: Any) -> Call:
    """Place a custom callout that is answered by a text to ACE, and answered at once."""
    sandbox.phone("+46700000001").hangs_up(after=None)
    call = place(sandbox, ace=ace, **members)
    assert call.is_answered
    return call


def perform(sandbox: Sandbox, *instructions: dict[str, Any], **action: Any) -> Call:
    """Have a call carry out instructions and then an action, or hang up."""
    return custom(sandbox, {"instructions": list(instructions), "action": action or HANG_UP["action"]})


def lines(call: Call, *kinds: str) -> list[str]:
    """Return the timeline in words, of some kinds only."""
    return [f"{entry.kind} {entry.text}" for entry in call.timeline if not kinds or entry.kind in kinds]


def states(call: Call) -> list[str]:
    """Return the states that the call went through."""
    return [entry.text for entry in call.timeline if entry.kind == "state"]


def ending(call: Call) -> tuple[str, str, int]:
    """Return how the call ended."""
    assert call.is_final
    return call.result, call.reason, call.duration


def _text(name: str, value: Any) -> Any:
    return json.dumps(value) if name in {"ice", "ace", "pie", "dice"} and isinstance(value, dict) else value
