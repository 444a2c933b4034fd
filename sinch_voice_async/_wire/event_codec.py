"""The JSON of a callback -> its event: the ``event`` field says which one, in any casing."""

from typing import Final, cast

from sinch_voice_async._wire import registry
from sinch_voice_async._wire.codec import decode, encode, register_model, register_tagged
from sinch_voice_async.errors import DecodeError
from sinch_voice_async.models.calls import Price
from sinch_voice_async.models.destinations import Destination
from sinch_voice_async.models.events import (
    AmdResult,
    AnsweredCall,
    Cookie,
    DisconnectedCall,
    Event,
    IncomingCall,
    MenuResult,
    Notification,
    PromptInput,
)
from sinch_voice_async.models.svaml.actions import CallHeader

__all__ = ["decode_event", "encode"]

REPLACEMENT: Final = "\ufffd"

for _event in (AnsweredCall, DisconnectedCall, IncomingCall, PromptInput):
    register_model(_event, irregular=registry.EVENT)
register_model(Notification, irregular={**registry.EVENT, "error_message": ("errorMsg", "errorMessage")})
for _part in (AmdResult, CallHeader, Cookie, Destination, MenuResult):
    register_model(_part)
register_model(Price, needs="amount")
register_tagged(
    Event,
    tag="event",
    table={
        "ice": IncomingCall,
        "ace": AnsweredCall,
        "dice": DisconnectedCall,
        "pie": PromptInput,
        "notify": Notification,
    },
)


def decode_event(body: bytes) -> Event:
    """Return the event that a callback's body holds.

    Only ``event`` and the call id are required: an optional field of a wrong shape is ``None``, and its raw value
    stands in ``extra``. Bytes that are not UTF-8 are replaced by U+FFFD, for a call waits for the answer.

    :raises DecodeError: the body is not an event, or one of a kind that is not documented.
    """
    event = cast("type[Event]", Event)
    try:
        return decode(body, event)
    except DecodeError:
        text = body.decode("utf-8", "replace")
        if REPLACEMENT not in text:
            raise
    return decode(text.encode(), event)
