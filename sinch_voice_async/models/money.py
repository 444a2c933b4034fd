"""Money, exact."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from attrs import frozen

from sinch_voice_async.models.shown import unknown_fields

__all__ = ["Price"]


@frozen(kw_only=True)
class Price:
    """An amount in a currency: what a call has cost, or the rate of one minute.

    ``currency_id`` is an ISO 4217 code such as ``USD``, None where the platform names none.
    Calling API, Get Call Result, ``money``.
    """

    currency_id: str | None = None
    amount: Decimal
    extra: Mapping[str, Any] = unknown_fields()
