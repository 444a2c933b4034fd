"""Hints for programs that come from ``sinch`` 1.x: the error for a former name says what replaces it.

Source: Python SDK, domains/voice.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

__all__ = ["FORMER_NAMES", "HasFormerNames"]

FORMER_NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "VoiceClient": {
        "voice": "the client has the endpoints itself: client.callouts, client.calls, client.conferences",
        "applications": "use client.numbers and client.callbacks",
    },
    "Callouts": {"text_to_speech": "use callouts.tts(destination, text)"},
    "Calls": {"manage_with_call_leg": "use calls.update_leg(call_id, leg, svaml)"},
    "Conferences": {
        "call": "use client.callouts.conference(destination, conference_id)",
        "kick_participant": "use conferences.kick(conference_id, call_id), in this order",
        "manage_participant": "use conferences.mute, unmute, hold or resume(conference_id, call_id), in this order",
    },
    "Numbers": {
        "get_numbers": "use numbers.list()",
        "assign_numbers": "use numbers.assign(numbers)",
        "unassign_number": "use numbers.unassign(number)",
        "query_number": "use numbers.query(number)",
    },
    "Callbacks": {
        "get_callback_urls": "use callbacks.get()",
        "update_callback_urls": "use callbacks.update(primary, fallback)",
    },
}
"""Class -> name in ``sinch`` 1.1.4 -> what replaces it."""


class HasFormerNames:
    """A base class whose ``AttributeError`` for a former name has a hint."""

    __slots__: ClassVar[tuple[str, ...]] = ()

    if not TYPE_CHECKING:  # type checkers would accept every name

        def __getattr__(self, name: str) -> Any:
            message = f"{type(self).__name__!r} object has no attribute {name!r}"
            hint = FORMER_NAMES.get(type(self).__name__, {}).get(name)
            raise AttributeError(f"{message}: {hint}" if hint else message, name=name, obj=self)
