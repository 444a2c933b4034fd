"""A call as JSON, to outlive the process that it was made in, and back again.

What was going on when the process ended is over by then: FAILED where nobody had answered, and GENERALERROR either way.
No DiCE is sent for it, for nobody was there to send one.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sinch_voice_async.sandbox.clock import Clock
from sinch_voice_async.sandbox.exchange.callouts import Callout, read_callout
from sinch_voice_async.sandbox.exchange.calls import Call, Ending, Entry, Heard, Party, Seat
from sinch_voice_async.sandbox.fields import Fields

__all__ = ["recall", "record"]

PLAIN = ("callback_headers", "cli", "domain", "custom", "placed_at", "updates", "cookies", "call_headers", "answered")


def record(call: Call) -> dict[str, object]:
    """Return everything about a call as it is now."""
    parts = {name: getattr(call, name) for name in ("caller", "to", "connected_to", "seat", "ended")}
    return {
        "request": call.callout and call.callout.request,
        **{name: getattr(call, name) for name in PLAIN},
        **{name: part and asdict(part) for name, part in parts.items()},
        "log": [[entry.at, entry.kind, entry.text, entry.data] for entry in call.log],
        "heard": [asdict(heard) for heard in call.heard],
    }


def recall(call_id: str, recorded: Mapping[str, Any], clock: Clock) -> Call:
    """Return the call that was recorded, over in any case."""
    call = Call(
        call_id=call_id,
        callout=_callout(recorded["request"]),
        caller=_party(recorded["caller"]),
        to=Party(**recorded["to"]),
        connected_to=_party(recorded["connected_to"]),
        seat=recorded["seat"] and Seat(**recorded["seat"]),
        ended=recorded["ended"] and Ending(**recorded["ended"]),
        log=[Entry(*entry) for entry in recorded["log"]],
        heard=[Heard(**heard) for heard in recorded["heard"]],
        clock=clock,
        **{name: recorded[name] for name in PLAIN},
    )
    call.handle = _Gone()
    if call.ended is None:
        _break_off(call)
    return call


def _break_off(call: Call) -> None:
    at = call.log[-1].at
    call.ended = Ending(at, "FAILED" if call.answered is None else "ANSWERED", "GENERALERROR")
    call.log.append(Entry(at, "note", "the sandbox ended during this call"))
    data = {"result": call.ended.result, "reason": call.ended.reason, "duration": call.duration}
    call.log.append(Entry(at, "state", "final", data))


def _callout(request: Mapping[str, object] | None) -> Callout | None:
    # Texts may have been allowed to be longer than they are now.
    return None if request is None else read_callout(Fields(request), max_text_length=len(json.dumps(request)))


def _party(recorded: Mapping[str, str] | None) -> Party | None:
    return None if recorded is None else Party(**recorded)


class _Gone:
    """What a call of another time can have done: nothing."""

    is_settled = True

    def catch_up(self) -> None:
        """Nothing is due."""

    def pick_up(self) -> None:
        raise RuntimeError("no telephone rings")

    def press(self, keys: str) -> None:
        raise RuntimeError("nobody is on the telephone")

    def disconnect(self, result: str, reason: str) -> None:
        """It is over."""

    def manage(self, document: Fields, leg: str) -> None:
        """It is over."""

    def reply(self, outcome: object) -> None:
        """It is over."""

    def note(self, text: str) -> None:
        """It is over."""
