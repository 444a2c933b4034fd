"""Events: one class per callback of a call, and the notifications.

Rules:

- Events come from the platform only: no limit is checked, unknown fields are kept in ``extra``, unknown values of an
  enumeration are kept as they came, and a field that an event leaves out is ``None``.
- Only the call id is required. Any other field of a wrong shape is ``None``, and its raw value is kept in ``extra``.
- Durations are seconds, ``debit`` is the price of the call and ``user_rate`` its price per minute.
- Events have no slots: a frozen class fills twenty of them at twice the cost of a dictionary.
- Pressed keys, cookies, ``custom`` and telephone numbers are left out of reprs or masked in them.

Source: Callbacks.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, TypeAlias

from attrs import field, frozen

from sinch_voice_async.models.calls import Price
from sinch_voice_async.models.destinations import Destination
from sinch_voice_async.models.fields import Absent, TextOrJson, length, masked, unknown_fields
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
    """A value that a ``SetCookie`` instruction has set earlier in the call."""

    key: str
    value: str = field(repr=length)
    extra: Mapping[str, Any] = unknown_fields()


@frozen(kw_only=True)
class AmdResult:
    """Whether a machine answered.

    ``status`` is machine, human, notsure or hangup, and inprogress while the detection continues beside the call;
    ``duration`` is how many seconds it took.

    Source: AMD v2, Results.
    """

    status: AmdStatus | None = None
    reason: AmdReason | None = None
    duration: int | None = None
    extra: Mapping[str, Any] = unknown_fields()


@frozen(kw_only=True)
class MenuResult:
    """How a menu ended.

    ``type`` is ``return`` (``value`` is the argument of ``return_``), ``sequence`` (``value`` is the digits), timeout,
    hangup, invalidinput or error. ``menu_id`` is the conference id if the digits were pressed in a conference.
    ``add_to_context`` is sent by the platform, and not documented.

    Source: Callbacks, Prompt Input Event.
    """

    menu_id: str | None = None
    type: MenuResultType | None = None
    value: str | None = field(default=None, repr=length)
    input_method: InputMethod | None = None
    add_to_context: tuple[Any, ...] = field(default=Absent(), hash=False)
    extra: Mapping[str, Any] = unknown_fields()


@frozen(kw_only=True, slots=False)
class CallEvent:
    """The fields of every event.

    ``call_id`` names the call, or the participant's leg in a conference; ``custom`` is the value that the callout had,
    as JSON if it is not a text; ``cookies`` are those that ``SetCookie`` has set (see ``cookie``).
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
        """Return the value that ``SetCookie(key, ...)`` set last, None if it set none."""
        return next((cookie.value for cookie in reversed(self.cookies) if cookie.key == key), None)


@frozen(kw_only=True, slots=False)
class IncomingCall(CallEvent):
    """ICE, the Incoming Call Event: a call has reached the platform and waits for ``IceSvaml``.

    Without an answer the caller hears an error and the call ends. ``call_resource_url`` may be used as ``call_id`` in
    ``client.calls``: it is in the region that owns the call. ``cli`` is the caller, ``to`` the called endpoint,
    ``rdnis`` the number that forwarded the call.

    Source: Callbacks, Incoming Call Event.
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
    """ACE, the Answered Call Event: the callee has answered, and ``AceSvaml`` says how the call continues.

    Without an answer of yours the call is connected. It is not sent for calls to a user name. ``call_resource_url``
    may be used as ``call_id`` in ``client.calls``. ``amd`` is set if the call was connected with ``Amd()``.

    Source: Callbacks, Answered Call Event.
    """

    call_resource_url: str | None = field(default=None, repr=False)
    amd: AmdResult | None = None


@frozen(kw_only=True, slots=False)
class DisconnectedCall(CallEvent):
    """DiCE, the Disconnected Call Event: the call is over. An empty answer is enough.

    ``from_`` is a number, a name or ``private``. ``duration`` is ``None`` if the platform does not say.

    Source: Callbacks, Disconnected Call Event.
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
    """PIE, the Prompt Input Event: a menu has ended, and ``PieSvaml`` says how the call continues.

    Digits pressed in a conference that detects them arrive as this event too; an empty answer is enough for those.

    Source: Callbacks, Prompt Input Event.
    """

    menu_result: MenuResult = MenuResult()


@frozen(kw_only=True, slots=False)
class Notification(CallEvent):
    """A notification about a call; an empty answer is enough.

    ``type`` says what: recordings and transcriptions have their file in ``destination``, answering machine detection
    its result in ``amd``, a ``callingerror`` its ``error_code`` and ``error_message``. It often has no ``timestamp``
    and ``application_key``.

    Source: Callbacks, Notification Event.
    """

    type: NotificationType | None = None
    destination: str | None = None
    amd: AmdResult | None = None
    error_code: int | None = None
    error_message: str | None = None


Event: TypeAlias = IncomingCall | AnsweredCall | DisconnectedCall | PromptInput | Notification
"""Any event."""
