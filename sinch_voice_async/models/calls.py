"""A call as the platform reports it, and its price."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from attrs import field, frozen

from sinch_voice_async.models.destinations import Destination
from sinch_voice_async.models.fields import length, unknown_fields

__all__ = ["Call", "CallReason", "CallResult", "CallStatus", "Domain", "Price"]


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
