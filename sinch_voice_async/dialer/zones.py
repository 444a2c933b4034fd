"""In which time zones, and in which country, a telephone number may be.

A number says its zone only roughly: a toll-free number of the United States may be in any of 43. So the answer is all
of them, and whoever asks must be right in each. Needs the extra ``dialer``, which has the tables.
"""

import importlib
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sinch_voice_async.dialer.contacts import Contact
from sinch_voice_async.errors import ConfigurationError

__all__ = ["country_of", "zone", "zones_of"]

_UNKNOWN = "Etc/Unknown"


def zones_of(contact: Contact) -> tuple[ZoneInfo, ...]:
    """Return every zone that a contact may be in: its own where it names one, else those of its number.

    Empty if that is not known, or if one of them has no rules on this machine.

    :raises ConfigurationError: the extra ``dialer`` is not installed, and the contact names no zone.
    """
    names = (contact.zone,) if contact.zone else _names(contact.number)
    found = [zone(name) for name in names]
    return tuple(each for each in found if each is not None) if all(found) else ()


@cache
def zone(name: str) -> ZoneInfo | None:
    """Return a time zone by its IANA name, None where there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def country_of(number: str) -> str | None:
    """Return the two letters of the country of a number, None where it is of none or of several.

    :raises ConfigurationError: the extra ``dialer`` is not installed.
    """
    library = _tables("phonenumbers")
    try:
        country: str | None = library.region_code_for_number(library.parse(number))
    except library.NumberParseException:
        return None
    return country


def _names(number: str) -> tuple[str, ...]:
    library = _tables("phonenumbers")
    try:
        parsed = library.parse(number)
    except library.NumberParseException:  # The number of a list that is older than the tables, or newer.
        return ()
    names: tuple[str, ...] = _tables("phonenumbers.timezone").time_zones_for_number(parsed)
    return () if names == (_UNKNOWN,) else names


@cache
def _tables(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as problem:
        raise ConfigurationError(
            "to know a number's time zone, install the extra: sinch-voice-async[dialer]; or give the window a zone, or "
            "each contact its own"
        ) from problem
