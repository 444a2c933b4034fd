"""The JSON of a callback -> the event it is: the ``event`` field says which, in any casing."""

from typing import cast

from sinch_voice_async._wire import names
from sinch_voice_async._wire.engine import decode, register_model, register_tagged
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
from sinch_voice_async.models.money import Price
from sinch_voice_async.models.svaml.actions import CallHeader

for _event in (AnsweredCall, DisconnectedCall, IncomingCall, PromptInput):
    register_model(_event, irregular=names.EVENT)
register_model(Notification, irregular={**names.EVENT, "error_message": ("errorMsg", "errorMessage")})
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
    """Return the event that a callback's body is; raise ``DecodeError``, with the path, where it is none.

    An event of a kind that is not documented is none: nobody could say what may answer it.
    """
    return decode(body, cast("type[Event]", Event))
