"""A contact of a campaign: a telephone number, and the fields from which its callout is made.

Neither numbers nor fields are shown in reprs and messages.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType
from typing import Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from attrs import field, frozen

from sinch_voice_async.dialer.numbers import read_number
from sinch_voice_async.errors import InvalidRequestError
from sinch_voice_async.models.fields import masked

__all__ = ["BrokenRow", "Contact"]


@frozen(init=False)
class Contact:
    """A person to call.

    ``number`` is a telephone number with its country code, ``+46 70 …`` or ``0046 70 …``; with ``country`` (ISO 3166-1,
    such as ``SE``) also in the national form of that country. It is kept as ``+`` and digits, so that two spellings of
    a number are one contact. A number that could be read as two different numbers is refused, and a premium-rate number
    unless ``allow_premium`` is True. A person who has several telephones is still one contact: ``numbers`` has all of
    them, the first one first, and ``number`` is the first.

    ``fields`` is the rest of the row, by column: ``contact["name"]``. The journal keeps its values as JSON.
    ``zone`` is an IANA time zone such as ``Europe/Stockholm``, in any case, and decides when the contact may be called;
    None leaves that to the number. ``line`` is where the contact stands in its file, if it came from one.

    :raises InvalidRequestError: ``number`` is not a telephone number, or ``zone`` is not a time zone; ``.field`` says
        which.
    :raises ConfigurationError: ``country`` is unknown, or the extra ``dialer`` is not installed.
    """

    number: str = field(repr=masked)
    fields: Mapping[str, Any] = field(hash=False, repr=False)
    zone: str | None
    numbers: tuple[str, ...] = field(repr=lambda numbers: f"<{len(numbers)} numbers>")
    line: int | None = field(eq=False)

    def __init__(
        self,
        number: str | None = None,
        *,
        numbers: Sequence[str] = (),
        fields: Mapping[str, Any] | None = None,
        zone: str | None = None,
        country: str | None = None,
        allow_premium: bool = False,
        line: int | None = None,
    ) -> None:
        if isinstance(numbers, str):
            raise InvalidRequestError("numbers must be a list of telephone numbers, not a str", field="numbers")
        written = numbers if number is None and numbers else (number, *numbers)
        # The same number in two columns is one number.
        read = dict.fromkeys(read_number(each, country=country, allow_premium=allow_premium) for each in written)
        given = MappingProxyType({} if fields is None else dict(fields))
        # pyright does not know the method that attrs makes.
        self.__attrs_init__(  # pyright: ignore[reportAttributeAccessIssue]
            next(iter(read)), given, None if zone is None else _read_zone(zone), tuple(read), line
        )

    @classmethod
    def restored(
        cls,
        number: str,
        fields: Mapping[str, Any],
        zone: str | None,
        numbers: Sequence[str] = (),
        line: int | None = None,
    ) -> Self:
        """Return a contact that was read before, as a journal keeps it; nothing is checked again."""
        contact = cls.__new__(cls)
        contact.__attrs_init__(  # pyright: ignore[reportAttributeAccessIssue]
            number, MappingProxyType(dict(fields)), zone, tuple(numbers) or (number,), line
        )
        return contact

    def __getitem__(self, column: str) -> Any:
        """Return a field of the row.

        :raises InvalidRequestError: the row has no such column; ``.field`` names it.
        """
        try:
            return self.fields[column]
        except KeyError:
            raise InvalidRequestError(f"the contact has no field {column!r}", field=str(column)) from None

    def get(self, column: str, default: Any = None) -> Any:
        """Return a field of the row, or ``default`` if the row has no such column."""
        return self.fields.get(column, default)

    def __reduce__(self) -> tuple[Any, ...]:
        # A mapping proxy does not pickle, and contacts travel to process pools.
        return type(self).restored, (self.number, dict(self.fields), self.zone, self.numbers, self.line)


@frozen
class BrokenRow:
    """A row that is not a contact: ``line`` is where it stands, from 1, and ``problem`` says why.

    ``fields`` is what could be read of it, by column.
    """

    line: int
    problem: str
    fields: Mapping[str, Any] = field(factory=dict, eq=False, repr=False)


def _read_zone(zone: object) -> str:
    """Return a time zone by its IANA name, as the database spells it."""
    if not isinstance(zone, str):
        raise InvalidRequestError(f"zone must be a str, not {type(zone).__name__}", field="zone")
    name = _zones().get(zone.strip().lower())
    if name is None and not _is_zone(zone):
        close = get_close_matches(zone.strip().lower(), _zones(), 1)
        hint = f"; did you mean {_zones()[close[0]]}?" if close else ", such as Europe/Stockholm"
        raise InvalidRequestError(f"zone {zone[:40]!a} is not a time zone{hint}", field="zone")
    return name or zone


def _is_zone(name: str) -> bool:
    # Some systems have zones that they do not list.
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


@cache
def _zones() -> Mapping[str, str]:
    """Return the names of the time zones, by their names in small letters."""
    return {name.lower(): name for name in available_timezones()}
