"""A contact <-> a row of the table.

Amounts are kept as whole billionths, which SQL can add up without an error in the last digit.
"""

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final, Protocol

import attrs

from sinch_voice_async.dialer.contacts import Contact
from sinch_voice_async.dialer.journal import News, Outcome, Total
from sinch_voice_async.dialer.states import ContactState
from sinch_voice_async.errors import InvalidRequestError
from sinch_voice_async.models.money import Price

__all__ = ["Row", "news_parameters", "outcome", "row_of", "total"]

_DIGITS: Final = 9
# What fits into 64 bits as billionths; no call costs more.
_MOST: Final = Decimal(9_000_000_000)
_SAME = ("attempt", "returned", "token", "day", "today", "call_id", "result", "reason", "duration", "note", "due")
_TIMES = ("placed_at", "changed_at")


class Row(Protocol):
    """A row by the names of its columns."""

    def __getitem__(self, column: str, /) -> Any: ...

    def keys(self) -> Iterable[str]:
        """Return the names of the columns."""
        ...


def row_of(contact: Contact) -> dict[str, Any]:
    """Return the parameters that add a contact.

    :raises InvalidRequestError: a field holds what JSON cannot.
    """
    try:
        fields = json.dumps(dict(contact.fields))
    except (TypeError, ValueError) as problem:
        raise InvalidRequestError(f"fields must hold what JSON can: {problem}", field="fields") from None
    return {"number": contact.number, "fields": fields, "zone": contact.zone}


def news_parameters(news: News) -> dict[str, Any]:
    """Return what is learnt, as parameters."""
    parameters = attrs.asdict(news, recurse=False)
    price: Price | None = parameters.pop("price")
    amount = None if price is None else _billionths(price.amount)
    return parameters | {"amount": amount, "currency": price.currency_id if price and amount is not None else None}


def outcome(row: Row) -> Outcome:
    """Return what a row says."""
    contact = Contact.restored(row["number"], json.loads(row["fields"]), row["zone"])
    amount = row["amount"]
    return Outcome(
        contact=contact,
        state=ContactState(row["state"]),
        price=None if amount is None else Price(amount=_units(amount), currency_id=row["currency"]),
        spent=_units(row["spent"]),
        position=row["position"],
        **{name: row[name] for name in (*_SAME, *_TIMES)},
    )


def total(row: Row) -> Total:
    """Return one line of the totals."""
    parameters: dict[str, Any] = dict(row)
    parameters.update(state=ContactState(row["state"]), spent=_units(row["spent"]))
    return Total(**parameters)


def _billionths(amount: Decimal) -> int | None:
    if not amount.is_finite() or abs(amount) > _MOST:
        return None
    return int(amount.scaleb(_DIGITS).to_integral_value())


def _units(billionths: int) -> Decimal:
    return Decimal(billionths).scaleb(-_DIGITS).normalize()
