"""The SVAML document, and its contents for each event: one table, of which types and ``Svaml.check`` are made.

Known instructions and actions are allowed as in the platform's table. Unknown ones are allowed everywhere: only the
platform can tell. A document for an ongoing call may hold any action, since a parked call takes the actions that may
answer its ICE event.

Source: SVAML, Instructions and Actions.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeAlias, get_args

from attrs import field, frozen

from sinch_voice_async.errors import InvalidRequestError
from sinch_voice_async.models.fields import Absent, Inline
from sinch_voice_async.models.svaml.actions import (
    ConnectConference,
    ConnectMxp,
    ConnectPstn,
    ConnectSip,
    ConnectStream,
    Continue,
    Hangup,
    Park,
    RunMenu,
)
from sinch_voice_async.models.svaml.fields import (
    Action,
    Instruction,
    Open,
    UnknownAction,
    UnknownInstruction,
    limit,
    listed,
    measure,
    typed,
)
from sinch_voice_async.models.svaml.instructions import (
    Answer,
    PlayFiles,
    ReportCallStatus,
    Say,
    SendDtmf,
    SetCookie,
    StartRecording,
    StopRecording,
    too_many_cookies,
)

__all__ = [
    "AceAction",
    "AceInstruction",
    "AceSvaml",
    "CallAction",
    "CallInstruction",
    "CallSvaml",
    "DiceAction",
    "DiceInstruction",
    "DiceSvaml",
    "IceAction",
    "IceInstruction",
    "IceSvaml",
    "PieAction",
    "PieInstruction",
    "PieSvaml",
    "Place",
    "Svaml",
]

Place: TypeAlias = Literal["ice", "ace", "pie", "dice", "call"]
"""The use of a document: the answer to an event, or an update of an ongoing call (``client.calls.update``)."""

AceInstruction: TypeAlias = PlayFiles | Say | SetCookie | StartRecording | StopRecording | UnknownInstruction
PieInstruction: TypeAlias = AceInstruction | SendDtmf
IceInstruction: TypeAlias = PieInstruction | Answer
CallInstruction: TypeAlias = IceInstruction
DiceInstruction: TypeAlias = ReportCallStatus | UnknownInstruction

AceAction: TypeAlias = Hangup | Continue | ConnectConference | RunMenu | UnknownAction
PieAction: TypeAlias = AceAction | ConnectPstn | ConnectSip
IceAction: TypeAlias = (
    Hangup | ConnectPstn | ConnectMxp | ConnectConference | ConnectSip | ConnectStream | RunMenu | Park | UnknownAction
)
CallAction: TypeAlias = IceAction | Continue | StartRecording | StopRecording
DiceAction: TypeAlias = Hangup | UnknownAction

if TYPE_CHECKING:
    # Only type checkers need it, and they bring it along: it is not a dependency of ours.
    from typing_extensions import TypeVar

    # Svaml alone is any document, and may be passed as a narrower one.
    I_co = TypeVar("I_co", bound=Instruction, covariant=True, default=Any)
    A_co = TypeVar("A_co", bound=Action, covariant=True, default=Any)
else:
    from typing import TypeVar

    # The codec reads the bounds.
    I_co = TypeVar("I_co", bound=Instruction, covariant=True)
    A_co = TypeVar("A_co", bound=Action, covariant=True)

_ALLOWED: Final[dict[str, tuple[tuple[type, ...], tuple[type, ...]]]] = {
    "ice": (get_args(IceInstruction), get_args(IceAction)),
    "ace": (get_args(AceInstruction), get_args(AceAction)),
    "pie": (get_args(PieInstruction), get_args(PieAction)),
    "dice": (get_args(DiceInstruction), get_args(DiceAction)),
    "call": (get_args(CallInstruction), get_args(CallAction)),
}


def _steps(instructions: Iterable[I_co]) -> tuple[I_co, ...]:
    return instructions if isinstance(instructions, Absent) else listed(instructions)


@frozen(field_transformer=typed)
class Svaml(Open, Inline, Generic[I_co, A_co]):
    """A whole document: any number of instructions, carried out in order, and the action after them.

    ``Svaml`` alone is any document; to mypy and pyright ``IceSvaml``, ``AceSvaml``, ``PieSvaml``, ``DiceSvaml`` and
    ``CallSvaml`` are those that are allowed for the event. The platform's schema does not require an action, so it may
    be left out; every sample has one. All cookies together have at most 1,024 bytes.

    :raises InvalidRequestError: a field has a wrong type, or a limit is passed.

    Source: SVAML, Document.
    """

    instructions: tuple[I_co, ...] = field(
        default=Absent(), kw_only=True, converter=_steps, validator=limit(too_many_cookies)
    )
    action: A_co | None = field(default=None, kw_only=True)

    def check(self, place: Place) -> None:
        """Raise ``InvalidRequestError`` if the platform would refuse this document for an event.

        The reason is an instruction or action that is not allowed there, or a limit that is passed, which is possible
        in a document that was read.

        Source: SVAML, Instructions and Actions.
        """
        if place not in _ALLOWED:
            raise InvalidRequestError(f"place must be one of {', '.join(_ALLOWED)}", field="place")
        instructions, actions = _ALLOWED[place]
        for index, step in enumerate(self.instructions):
            _allow(step, instructions, place, f"instructions[{index}]")
        if self.action is not None:
            _allow(self.action, actions, place, "action")
        measure(self)


def _allow(part: object, allowed: tuple[type, ...], place: str, where: str) -> None:
    if not isinstance(part, allowed):
        names = ", ".join(cls.__name__ for cls in allowed)
        raise InvalidRequestError(
            f"{where} is a {type(part).__name__}, which is not allowed in svaml for {place!r}; allowed are {names}",
            field=where,
        )


IceSvaml: TypeAlias = Svaml[IceInstruction, IceAction]
"""What may answer an IncomingCall."""

AceSvaml: TypeAlias = Svaml[AceInstruction, AceAction]
"""What may answer an AnsweredCall."""

PieSvaml: TypeAlias = Svaml[PieInstruction, PieAction]
"""What may answer a PromptInput."""

DiceSvaml: TypeAlias = Svaml[DiceInstruction, DiceAction]
"""What may answer a DisconnectedCall."""

CallSvaml: TypeAlias = Svaml[CallInstruction, CallAction]
"""What ``client.calls.update`` may send to an ongoing call."""
