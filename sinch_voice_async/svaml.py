"""SVAML: what the platform is told to do with a call.

A document is some instructions, taken in order, and one action::

    from sinch_voice_async import svaml

    svaml.Svaml(
        instructions=[svaml.Say("Welcome", locale="en-GB"), svaml.SetCookie("step", "menu")],
        action=svaml.RunMenu(
            menus=[
                svaml.Menu(
                    "main",
                    main_prompt=svaml.tts("Press 1 for sales"),
                    options=[svaml.MenuOption("1", svaml.return_("sales"))],
                )
            ]
        ),
    )

What may be answered to which event is in the types (``IceSvaml``, ``AceSvaml``, ``PieSvaml``, ``DiceSvaml``,
``CallSvaml``) and in ``Svaml.check``.
"""

from typing import TYPE_CHECKING

from sinch_voice_async._former_names import missing
from sinch_voice_async._wire.documents import dumps, loads
from sinch_voice_async.models.calls import ConferenceDtmfOptions
from sinch_voice_async.models.destinations import Destination
from sinch_voice_async.models.svaml.actions import (
    Amd,
    CallHeader,
    ConnectConference,
    ConnectMxp,
    ConnectPstn,
    ConnectSip,
    ConnectStream,
    Continue,
    Hangup,
    Park,
    RunMenu,
    StreamingOptions,
)
from sinch_voice_async.models.svaml.document import AceSvaml, CallSvaml, DiceSvaml, IceSvaml, PieSvaml, Place, Svaml
from sinch_voice_async.models.svaml.fields import Action, Instruction, UnknownAction, UnknownInstruction
from sinch_voice_async.models.svaml.instructions import (
    Answer,
    PlayFiles,
    RecordingOptions,
    ReportCallStatus,
    Say,
    SendDtmf,
    SetCookie,
    StartRecording,
    StopRecording,
    TranscriptionOptions,
)
from sinch_voice_async.models.svaml.menus import Menu, MenuOption, go_to, href, prompts, return_, ssml, tts

__all__ = [
    "AceSvaml",
    "Action",
    "Amd",
    "Answer",
    "CallHeader",
    "CallSvaml",
    "ConferenceDtmfOptions",
    "ConnectConference",
    "ConnectMxp",
    "ConnectPstn",
    "ConnectSip",
    "ConnectStream",
    "Continue",
    "Destination",
    "DiceSvaml",
    "Hangup",
    "IceSvaml",
    "Instruction",
    "Menu",
    "MenuOption",
    "Park",
    "PieSvaml",
    "Place",
    "PlayFiles",
    "RecordingOptions",
    "ReportCallStatus",
    "RunMenu",
    "Say",
    "SendDtmf",
    "SetCookie",
    "StartRecording",
    "StopRecording",
    "StreamingOptions",
    "Svaml",
    "TranscriptionOptions",
    "UnknownAction",
    "UnknownInstruction",
    "dumps",
    "go_to",
    "href",
    "loads",
    "prompts",
    "return_",
    "ssml",
    "tts",
]

if not TYPE_CHECKING:  # type checkers would accept every name

    def __getattr__(name: str) -> object:
        hint = missing(__name__, name, __all__)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}", name=name)
