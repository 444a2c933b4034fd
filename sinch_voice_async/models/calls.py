"""A call as the platform reports it, and its price."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from attrs import field, frozen

from sinch_voice_async.models.destinations import Destination
from sinch_voice_async.models.shown import length, unknown_fields

__all__ = ["Call", "CallReason", "CallResult", "CallStatus", "Domain", "Price"]


@frozen(kw_only=True)
class Price:
    """An amount in a currency: what a call has cost, or the rate of one minute.

    ``currency_id`` is an ISO 4217 code such as ``USD``, None where the platform names none.
    Calling API, Get Call Result, ``money``.
    """

    currency_id: str | None = None
    amount: Decimal
    extra: Mapping[str, Any] = unknown_fields()


Domain: TypeAlias = Literal["pstn", "mxp"] | str
"""``pstn`` for telephones, ``mxp`` for app and web clients."""

CallStatus: TypeAlias = Literal["ONGOING", "FINAL"] | str
"""Whether the call goes on."""

CallResult: TypeAlias = Literal["N/A", "ANSWERED", "BUSY", "NOANSWER", "FAILED"] | str
"""How the call ended; ``N/A`` while it goes on."""

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
"""Why the call ended; ``N/A`` while it goes on."""


@frozen(kw_only=True)
class Call:
    """One call: who, how long, how it ended and what it cost.

    ``duration`` is in seconds; ``user_rate`` is the price of one minute and ``debit`` that of the call; ``timestamp``
    is in UTC. ``custom`` is what the callout was given: the documents say both an object and a string, so it is what
    came. What the platform leaves out is None. Calling API, Get Call Result.
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
        """Whether the call has ended, so that nothing of it will change any more."""
        return self.status == "FINAL"
