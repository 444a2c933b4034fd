"""Calls and conferences as the platform reports them: prices, participants, and the commands for participants."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from attrs import field, frozen

from sinch_voice_async.models import limits
from sinch_voice_async.models.destinations import Destination
from sinch_voice_async.models.fields import Absent, length, masked, unknown_fields

__all__ = [
    "Call",
    "CallReason",
    "CallResult",
    "CallStatus",
    "Conference",
    "ConferenceCommand",
    "ConferenceDtmfOptions",
    "Domain",
    "DtmfMode",
    "MusicOnHold",
    "Participant",
    "Price",
]


@frozen(kw_only=True)
class Price:
    """An amount in a currency: the cost of a call, or the rate of one minute.

    ``currency_id`` is an ISO 4217 code such as ``USD``, None if the platform does not name it.

    Source: Calling API, Get Call Result.
    """

    currency_id: str | None = None
    amount: Decimal
    extra: Mapping[str, Any] = unknown_fields()


Domain: TypeAlias = Literal["pstn", "mxp"] | str
"""``pstn`` for telephones, ``mxp`` for app and web clients."""

CallStatus: TypeAlias = Literal["ONGOING", "FINAL"] | str
"""Whether the call has ended."""

CallResult: TypeAlias = Literal["N/A", "ANSWERED", "BUSY", "NOANSWER", "FAILED"] | str
"""The result of the call; ``N/A`` while it is ongoing."""

CallReason: TypeAlias = (
    Literal[
        "N/A",
        "TIMEOUT",
        "CALLERHANGUP",
        "CALLEEHANGUP",
        "BLOCKED",
        "NOCREDITPARTNER",
        "MANAGERHANGUP",
        "CANCEL",
        "GENERALERROR",
        "INVALIDSVAMLACTION",
    ]
    | str
)
"""The reason why the call ended; ``N/A`` while it is ongoing."""


@frozen(kw_only=True)
class Call:
    """One call: its ends, duration, result and cost.

    ``duration`` is in seconds; ``user_rate`` is the price of one minute and ``debit`` that of the call; ``timestamp``
    is in UTC. ``custom`` is the value that the callout had: the documents have an object and a string, so it may be
    either. A field that the platform leaves out is ``None``.

    Source: Calling API, Get Call Result.
    """

    call_id: str
    from_: Destination | None = None
    to: Destination | None = None
    domain: Domain | None = None
    duration: int | None = None
    status: CallStatus | None = None
    result: CallResult | None = None
    reason: CallReason | None = None
    timestamp: datetime | None = None
    custom: str | Mapping[str, Any] | None = field(default=None, hash=False, repr=length)
    user_rate: Price | None = None
    debit: Price | None = None
    extra: Mapping[str, Any] = unknown_fields()

    @property
    def is_final(self) -> bool:
        """Whether the call has ended, so that none of its fields changes any more."""
        return self.status == "FINAL"


MusicOnHold: TypeAlias = Literal["ring", "music1", "music2", "music3"] | str
"""The music or tone for a participant who waits."""

DtmfMode: TypeAlias = Literal["ignore", "forward", "detect"] | str
"""How keys that a participant presses are treated; the platform's default is ``ignore``."""


@frozen(kw_only=True)
class ConferenceDtmfOptions:
    """How keys that a participant presses are treated.

    ``forward`` plays them to the others. ``detect`` sends them in PromptInput events, in sequences of ``max_digits``
    (the platform's default is 1), ended early by a pause of ``timeout_mills`` milliseconds (default 3,000).

    :raises InvalidRequestError: a number is negative.

    Source: SVAML, connectConf.
    """

    mode: DtmfMode | None = field(default=None, validator=limits.text)
    max_digits: int | None = field(default=None, validator=limits.count)
    timeout_mills: int | None = field(default=None, validator=limits.count)
    extra: Mapping[str, Any] = unknown_fields()


@frozen(kw_only=True)
class Participant:
    """One leg in a conference.

    ``call_id`` is the id of the leg's call; ``cli`` is the number of a telephone, or the text that an app gave;
    ``duration`` is the seconds in the conference. A field that the platform leaves out is ``None``, the id too.

    Source: Calling API, Get Conference Info.
    """

    call_id: str | None = None
    cli: str | None = field(default=None, repr=masked)
    duration: int | None = None
    muted: bool | None = None
    on_hold: bool | None = None
    extra: Mapping[str, Any] = unknown_fields()


@frozen(kw_only=True)
class Conference:
    """An ongoing conference and its participants.

    Source: Calling API, Get Conference Info.
    """

    participants: tuple[Participant, ...] = Absent()
    extra: Mapping[str, Any] = unknown_fields()


@frozen(kw_only=True)
class ConferenceCommand:
    """A command for one participant; ``moh`` is for ``onhold`` only.

    Source: Calling API, Mute/Unmute Conference Participant.
    """

    command: Literal["mute", "unmute", "onhold", "resume"] | str = field(validator=limits.text)
    moh: MusicOnHold | None = field(default=None, validator=limits.given)
