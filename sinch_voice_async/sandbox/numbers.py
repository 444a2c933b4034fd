"""The customer's telephone numbers, and what the platform knows of anybody's.

Documents: Calling API, "Get Numbers", "Update Numbers", "Un-assign Number" and "Query Number".
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sinch_voice_async.sandbox.refusals import RefusalError

__all__ = ["NumberInformation", "OwnNumber", "OwnNumbers", "look_up"]

E164 = re.compile(r"\+[0-9]{5,15}")
COUNTRIES = {"1": "US", "33": "FR", "44": "GB", "46": "SE", "49": "DE", "61": "AU"}
MOBILE = re.compile(r"33[67]|447|467|491[567]|614")


@dataclass(slots=True)
class OwnNumber:
    """A number of the customer, and the application that it belongs to, if any."""

    number: str
    application_key: str | None = None
    capability: str = "voice"


class OwnNumbers:
    """The numbers of one customer.

    Where the sandbox was told which there are, no other can be assigned; else any number is the customer's from the
    moment that they assign it.
    """

    def __init__(self, numbers: Iterable[str] | None) -> None:
        self._closed = numbers is not None
        self._by_number = {number: OwnNumber(number) for number in numbers or ()}

    def __iter__(self) -> Iterator[OwnNumber]:
        return iter(list(self._by_number.values()))

    def restore(self, numbers: Iterable[OwnNumber]) -> None:
        """Have numbers as they were, where they are still the customer's."""
        self._by_number.update(
            {own.number: own for own in numbers if not self._closed or own.number in self._by_number}
        )

    def assign(self, numbers: Iterable[str], application_key: str, capability: str | None) -> None:
        """Assign all of these numbers, or none of them."""
        chosen = [self._find(_plus(number)) for number in numbers]
        for own in chosen:
            own.application_key = application_key
            own.capability = capability or own.capability
            self._by_number[own.number] = own

    def unassign(self, number: str, application_key: str) -> None:
        """Take a number from an application."""
        own = self._by_number.get(_plus(number))
        if own is None or (own.application_key or "").lower() != application_key.lower():
            raise RefusalError(40001, "Unable to update number")
        own.application_key = None

    def _find(self, number: str) -> OwnNumber:
        own = self._by_number.get(number)
        if own is None and self._closed:
            raise RefusalError(40001, "Unable to update numbers")
        return own or OwnNumber(number)


@dataclass(frozen=True, slots=True)
class NumberInformation:
    """What a query tells of a number."""

    country_id: str
    number_type: str
    normalized_number: str


def look_up(text: str) -> NumberInformation:
    """Return what is known of a number that is written in any usual way, as in ``+46(0)73-017-0101``."""
    digits = re.sub(r"[^0-9]", "", text.replace("(0)", ""))
    digits = digits.removeprefix("00")
    if not re.fullmatch(r"[1-9][0-9]{4,14}", digits):
        raise RefusalError(40001, "Invalid number specified")
    country = next((name for prefix, name in COUNTRIES.items() if digits.startswith(prefix)), "")
    kind = "Mobile" if MOBILE.match(digits) else "Fixed" if country else "Unknown"
    return NumberInformation(country, kind, f"+{digits}")


def _plus(number: str) -> str:
    if not number.startswith("+"):
        raise RefusalError(40005, "Phone number is missing its leading plus")
    if not E164.fullmatch(number):
        raise RefusalError(40001, "Unable to update numbers")
    return number
