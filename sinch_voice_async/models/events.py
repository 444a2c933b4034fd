"""What a callback carries: one class per event of a call, and the notifications. Voice API, Callbacks.

Rules:

- Events come from the platform only: nothing is measured against a limit, unknown fields stay in ``extra``, unknown
  values of an enumeration stay as they came, and what one form of an event leaves out is None.
- Durations are seconds, ``debit`` is the price of the call and ``user_rate`` its price per minute.
- Events have no slots: a class that is frozen fills twenty of them at twice the cost of a dictionary.
- What callers pressed, cookies, ``custom`` and telephone numbers are left out of reprs or masked in them.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, TypeAlias

from attrs import field, frozen

from sinch_voice_async.models.calls import Price
from sinch_voice_async.models.destinations import Destination
from sinch_voice_async.models.inline import TextOrJson
from sinch_voice_async.models.shown import Absent, length, masked, unknown_fields
from sinch_voice_async.models.svaml.actions import CallHeader

__all__ = [
    "AmdReason",
    "AmdResult",
    "AmdStatus",
    "AnsweredCall",
    "CallEvent",
    "Cookie",
    "DisconnectedCall",
    "Event",
    "IncomingCall",
    "MenuResult",
    "MenuResultType",
    "Notification",
    "NotificationType",
    "PromptInput",
]

AmdStatus: TypeAlias = Literal["machine", "human", "notsure", "hangup", "inprogress"] | str
AmdReason: TypeAlias = Literal["longgreeting", "initialsilence", "greeting", "beep", "n/a"] | str
MenuResultType: TypeAlias = Literal["return", "sequence", "timeout", "hangup", "invalidinput", "error"] | str
InputMethod: TypeAlias = Literal["dtmf", "voice"] | str
CallDomain: TypeAlias = Literal["pstn", "mxp"] | str
OriginationType: TypeAlias = Literal["PSTN", "MXP"] | str
DisconnectResult: TypeAlias = Literal["N/A", "ANSWERED", "BUSY", "NOANSWER", "FAILED"] | str
DisconnectReason: TypeAlias = (
    Literal[
        "N/A",
        "ESTABLISHED",
        "OTHERPEERANSWERED",
        "TIMEOUT",
        "CALLERHANGUP",
        "CALLEEHANGUP",
        "BLOCKED",
        "MANAGERHANGUP",
        "NOCREDITPARTNER",
        "CLIENTNETWORK",
        "CONGESTION",
        "GENERALERROR",
        "CANCEL",
        "USERNOTFOUND",
        "CALLBACKERROR",
        "INVALIDSVAMLACTION",
        "BUSY",
        "NOANSWER",
    ]
    | str
)
NotificationType: TypeAlias = (
    Literal["recording_finished", "recording_available", "transcription_available", "amd", "amd_beep", "callingerror"]
    | str
)


@frozen(kw_only=True)
class Cookie:
    """What a ``SetCookie`` instruction earlier in the call has left behind."""

    key: str
    value: str = field(repr=length)
    extra: Mapping[str, Any] = unknown_fields()


@frozen(kw_only=True)
class AmdResult:
    """Whether a machine answered. Voice API, Answering Machine Detection.

    ``status`` is machine, human, notsure or hangup, and inprogress while the detection goes on beside the call;
    ``duration`` is how many seconds it took.
    """

    status: AmdStatus | None = None
    reason: AmdReason | None = None
    duration: int | None = None
    extra: Mapping[str, Any] = unknown_fields()


@frozen(kw_only=True)
class MenuResult:
    """How a menu ended. Voice API, Prompt Input Event.

    ``type`` is ``return`` (``value`` is what ``return_`` was given), ``sequence`` (``value`` is the digits), timeout,
    hangup, invalidinput or error. ``menu_id`` is the conference id where the digits were pressed in a conference.
    """

    menu_id: str | None = None
    type: MenuResultType | None = None
    value: str | None = field(default=None, repr=length)
    input_method: InputMethod | None = None
    add_to_context: tuple[Any, ...] = field(default=Absent(), hash=False)
    extra: Mapping[str, Any] = unknown_fields()


@frozen(kw_only=True, slots=False)
class CallEvent:
    """What every event has.

    ``call_id`` names the call, or the participant's leg in a conference; ``custom`` is what the callout was given, as
    JSON where that is no text; ``cookies`` are what ``SetCookie`` has left (see ``cookie``).
    """

    call_id: str
    version: int | None = None
    timestamp: datetime | None = None
    custom: TextOrJson | None = field(default=None, repr=length)
    application_key: str | None = None
    conference_id: str | None = None
    cookies: tuple[Cookie, ...] = field(default=Absent(), repr=lambda cookies: f"<{len(cookies)} cookies>")
    user: str | None = field(default=None, repr=masked)
    extra: Mapping[str, Any] = unknown_fields()

    def cookie(self, key: str) -> str | None:
        """The value that ``SetCookie(key, ...)`` set last, None where it has not."""
        return next((cookie.value for cookie in reversed(self.cookies) if cookie.key == key), None)


@frozen(kw_only=True, slots=False)
class IncomingCall(CallEvent):
    """ICE, the Incoming Call Event: a call has reached the platform and waits for ``IceSvaml``.

    Without an answer the caller hears an error and the call ends. ``call_resource_url`` may stand for ``call_id`` in
    ``client.calls``: it is in the region that owns the call. ``cli`` is the caller, ``to`` what was called, ``rdnis``
    the number that forwarded the call.
    """

    call_resource_url: str | None = field(default=None, repr=False)
    user_rate: Price | None = None
    cli: str | None = field(default=None, repr=masked)
    to: Destination | None = None
    domain: CallDomain | None = None
    origination_type: OriginationType | None = None
    duration: int | None = None
    rdnis: str | None = field(default=None, repr=masked)
    call_headers: tuple[CallHeader, ...] = Absent()


@frozen(kw_only=True, slots=False)
class AnsweredCall(CallEvent):
    """ACE, the Answered Call Event: the callee has answered, and ``AceSvaml`` says what happens.

    Without an answer of yours the call is connected. It is not sent for calls to a user name. ``call_resource_url``
    may stand for ``call_id`` in ``client.calls``. ``amd`` is set if the call was connected with ``Amd()``.
    """

    call_resource_url: str | None = field(default=None, repr=False)
    amd: AmdResult | None = None


@frozen(kw_only=True, slots=False)
class DisconnectedCall(CallEvent):
    """DiCE, the Disconnected Call Event: the call is over. An empty answer is enough.

    ``from_`` is a number, a name or ``private``. ``duration`` is None where the platform says nothing.
    """

    reason: DisconnectReason | None = None
    result: DisconnectResult | None = None
    debit: Price | None = None
    user_rate: Price | None = None
    to: Destination | None = None
    from_: str | None = field(default=None, repr=masked)
    duration: int | None = None
    call_headers: tuple[CallHeader, ...] = Absent()


@frozen(kw_only=True, slots=False)
class PromptInput(CallEvent):
    """PIE, the Prompt Input Event: a menu has ended, and ``PieSvaml`` says what happens next.

    Digits pressed in a conference that detects them come as this event too; an empty answer is enough for those.
    """

    menu_result: MenuResult = MenuResult()


@frozen(kw_only=True, slots=False)
class Notification(CallEvent):
    """Something to know about a call; an empty answer is enough.

    ``type`` says what: recordings and transcriptions have their file in ``destination``, answering machine detection
    its result in ``amd``, a ``callingerror`` its ``error_code`` and ``error_message``. Often without ``timestamp``
    and ``application_key``.
    """

    type: NotificationType | None = None
    destination: str | None = None
    amd: AmdResult | None = None
    error_code: int | None = None
    error_message: str | None = None


Event: TypeAlias = IncomingCall | AnsweredCall | DisconnectedCall | PromptInput | Notification
"""Every event there is."""
