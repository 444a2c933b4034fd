"""The documents of callbacks <-> JSON: events, and the SVAML that answers them.

Rules:

- The ``event`` field of a callback says which event it is, in any casing.
- Names of instructions and actions are read in any casing (``connectPSTN``, ``runmenu``), and written as the table
  here spells them.
- A document is read as it was written: a value beyond a limit, or a menu that leads to a missing one, is read, written
  back, and refused by ``Svaml.check``. A document that is not SVAML is a ``DecodeError``.
- ``"instructions": []`` is written if an empty list was given or read, and left out otherwise.
- Recording is an action in the Calling API's Manage Call: there its options are ``recordingOptions``.
"""

import copyreg
from typing import Any, Final, cast

from sinch_voice_async._wire import registry
from sinch_voice_async._wire.codec import Writer, decode, encode, register_model, register_tagged
from sinch_voice_async._wire.registry import Spellings
from sinch_voice_async.errors import DecodeError, InvalidRequestError
from sinch_voice_async.models.calls import ConferenceDtmfOptions, Price
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
from sinch_voice_async.models.svaml import actions, instructions
from sinch_voice_async.models.svaml.actions import CallHeader
from sinch_voice_async.models.svaml.document import Svaml
from sinch_voice_async.models.svaml.fields import Action, Instruction, UnknownAction, UnknownInstruction, as_written
from sinch_voice_async.models.svaml.instructions import RecordingOptions, TranscriptionOptions
from sinch_voice_async.models.svaml.menus import Menu, MenuOption

__all__ = ["ACTIONS", "INSTRUCTIONS", "decode_event", "dumps", "encode", "loads"]

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


INSTRUCTIONS: Final[dict[str, type]] = {
    "playFiles": instructions.PlayFiles,
    "say": instructions.Say,
    "sendDtmf": instructions.SendDtmf,
    "setCookie": instructions.SetCookie,
    "answer": instructions.Answer,
    "startRecording": instructions.StartRecording,
    "stopRecording": instructions.StopRecording,
    "ReportCallStatus": instructions.ReportCallStatus,
}

ACTIONS: Final[dict[str, type]] = {
    "hangup": actions.Hangup,
    "continue": actions.Continue,
    "connectPstn": actions.ConnectPstn,
    "connectMxp": actions.ConnectMxp,
    "connectConf": actions.ConnectConference,
    "connectSip": actions.ConnectSip,
    "connectStream": actions.ConnectStream,
    "runMenu": actions.RunMenu,
    "park": actions.Park,
    "startRecording": instructions.StartRecording,
    "stopRecording": instructions.StopRecording,
}

_IRREGULAR: Final[dict[type, Spellings]] = {
    instructions.StartRecording: {"options": ("options", "recordingOptions")},
    RecordingOptions: {"destination_url": ("destinationUrl", "destination")},
}


def loads(document: bytes | str) -> Svaml[Any, Any]:
    """Read a SVAML document, as bytes or text.

    Limits are not checked, since documents of others are read as they are: ``Svaml.check`` does that.

    :raises DecodeError: the document is not SVAML; ``path`` says where.
    :raises InvalidRequestError: ``document`` is neither bytes nor a ``str``.
    """
    body = document.encode("utf-8", "surrogatepass") if isinstance(document, str) else document
    if not isinstance(body, bytes):
        raise InvalidRequestError(f"document must be bytes or a str, not {type(body).__name__}", field="document")
    try:
        with as_written():
            return decode(body, Svaml, strict=True)
    except DecodeError as error:
        error.outcome = "unsent"  # Nothing was requested.
        raise


def dumps(document: Svaml[Any, Any]) -> str:
    """Write a SVAML document as compact JSON; raise ``InvalidRequestError`` if JSON cannot hold it."""
    if not isinstance(document, Svaml):
        raise InvalidRequestError(f"document must be a Svaml, not {type(document).__name__}", field="document")
    return encode(document).decode()


def _write_svaml(write: Writer) -> Writer:
    def write_document(document: Svaml[Any, Any]) -> dict[str, Any]:
        written: dict[str, Any] = write(document)
        if isinstance(document.action, instructions.StartRecording) and "options" in written["action"]:
            written["action"]["recordingOptions"] = written["action"].pop("options")
        return written

    return write_document


register_model(Svaml, rewrite=_write_svaml)


def _new_document() -> Svaml[Any, Any]:
    return Svaml.__new__(Svaml)


def _reduced(document: Svaml[Any, Any]) -> tuple[Any, ...]:
    # A pickle that names this module loads it: a process that only unpickles a document, as a worker of a task queue
    # does, can write it.
    return _new_document, (), document.__reduce_ex__(2)[2]


copyreg.pickle(Svaml, _reduced)
for _model in (
    UnknownAction,
    UnknownInstruction,
    *INSTRUCTIONS.values(),
    *ACTIONS.values(),
    *(actions.Amd, actions.CallHeader, actions.StreamingOptions),
    *(Menu, MenuOption, RecordingOptions, TranscriptionOptions),
    *(ConferenceDtmfOptions, Destination),
):
    register_model(_model, irregular=_IRREGULAR.get(_model))
register_tagged(Instruction, tag="name", table=INSTRUCTIONS, unknown=UnknownInstruction)
register_tagged(Action, tag="name", table=ACTIONS, unknown=UnknownAction)
