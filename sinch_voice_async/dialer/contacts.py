"""Who is to be called: a telephone number, and whatever else the callout is made of.

Rules:

- A number is written in one way, ``+`` and 5 to 15 digits, so that two spellings of it are one contact. An apostrophe
  is dropped too: our reports put one before a number, lest a spreadsheet take it for a formula.
- A number that only one country can read (it begins with 0) is refused: guessing rings a stranger.
- Neither numbers nor fields are shown in reprs and messages.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from attrs import field, frozen

from sinch_voice_async.errors import InvalidRequestError
from sinch_voice_async.models.shown import masked

__all__ = ["BrokenRow", "Contact", "canonical_number"]

_SEPARATORS: Final = re.compile(r"[\s'().\-\u2010-\u2015\u00a0/]+")
_NUMBER: Final = re.compile(r"\+?([1-9][0-9]{4,14})")


def canonical_number(number: str) -> str:
    """Return a telephone number as ``+`` and 5 to 15 digits; spaces, dots, dashes, slashes and brackets are dropped.

    :raises InvalidRequestError: it is no number, or begins with 0, which only one country can read.
    """
    found = _NUMBER.fullmatch(_SEPARATORS.sub("", number)) if isinstance(number, str) else None
    if found is None:
        raise InvalidRequestError(
            "number must be a telephone number in E.164 form: the country's code first, 5 to 15 digits, no leading 0",
            field="number",
        )
    return f"+{found[1]}"


def _frozen_mapping(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(dict(fields))


@frozen
class Contact:
    """Somebody to be called.

    ``number`` is a telephone number in E.164 form; separators in it are dropped, and a missing ``+`` is added.
    ``fields`` is the rest of the row, by column: ``contact["name"]``. Its values are kept in the journal as JSON.
    ``zone`` is an IANA time zone such as ``Europe/Stockholm``, which decides when the contact may be called, whatever
    the number says; None leaves it to the number.

    :raises InvalidRequestError: ``number`` is no telephone number.
    """

    number: str = field(converter=canonical_number, repr=masked)
    fields: Mapping[str, Any] = field(factory=dict, kw_only=True, converter=_frozen_mapping, hash=False, repr=False)
    zone: str | None = field(default=None, kw_only=True)

    def __getitem__(self, column: str) -> Any:
        """Return a field of the row.

        :raises InvalidRequestError: the row has no such column; ``.field`` names it.
        """
        try:
            return self.fields[column]
        except KeyError:
            raise InvalidRequestError(f"the contact has no field {column!r}", field=str(column)) from None

    def get(self, column: str, default: Any = None) -> Any:
        """Return a field of the row, or ``default`` where the row has no such column."""
        return self.fields.get(column, default)

    def __reduce__(self) -> tuple[Any, ...]:
        # A mapping proxy does not pickle, and contacts travel to process pools.
        return _rebuilt, (self.number, dict(self.fields), self.zone)


def _rebuilt(number: str, fields: dict[str, Any], zone: str | None) -> Contact:
    return Contact(number, fields=fields, zone=zone)


@frozen
class BrokenRow:
    """A row that names nobody who could be called: ``line`` is where it stands, from 1, and ``problem`` says why."""

    line: int
    problem: str
