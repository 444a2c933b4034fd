"""The account of a customer: the application with its credit, its callback URLs and its numbers."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sinch_voice_async.sandbox import bounds
from sinch_voice_async.sandbox.requests import RefusalError

__all__ = [
    "Account",
    "CallbackUrls",
    "NumberInformation",
    "OwnNumber",
    "OwnNumbers",
    "look_up",
]


@dataclass(slots=True)
class CallbackUrls:
    """The URLs that events are sent to. ``fallback`` is used if ``primary`` fails."""

    primary: str = ""
    fallback: str = ""


@dataclass(slots=True)
class Account:
    """One application and its limits. Every attribute may be set while the sandbox runs."""

    application_key: str
    application_secret: str = field(repr=False)
    max_text_length: int = 600
    """Characters that may be spoken at once. The platform raises it for some accounts."""
    out_of_credit: bool = False
    """Answer 40200 to every callout."""
    forbidden: set[str] = field(default_factory=set)
    """Prefixes of numbers that may not be called, as in ``"+882"``: 40300."""
    other_applications: set[str] = field(default_factory=set)
    """Keys of the customer's other applications, to which numbers may be assigned."""
    callback_urls: CallbackUrls = field(default_factory=CallbackUrls)
    has_made_up_secret: bool = False
    """Whether the sandbox made the secret up, and so may tell it."""

    def owns(self, application_key: str) -> bool:
        """Return whether the customer has an application with this key."""
        keys = {self.application_key, *self.other_applications}
        return application_key.lower() in {key.lower() for key in keys}

    def forbids(self, number: str) -> bool:
        """Return whether this number may not be called."""
        return any(number.lstrip("+").startswith(prefix.lstrip("+")) for prefix in self.forbidden)


MOST_NUMBERS = 100_000
E164 = re.compile(r"\+[0-9]{5,15}")
COUNTRIES = {"1": "US", "33": "FR", "44": "GB", "46": "SE", "49": "DE", "61": "AU"}
MOBILE = re.compile(r"33[67]|447|467|491[567]|614")


@dataclass(slots=True)
class OwnNumber:
    """A number of the customer, and the application that it is assigned to, if any."""

    number: str
    application_key: str | None = None
    capability: str = "voice"


class OwnNumbers:
    """The numbers of one customer.

    If the sandbox was given the numbers, no other number can be assigned. Otherwise any number can, and is the
    customer's from then on; there are at most 100,000 of them.
    """

    def __init__(self, numbers: Iterable[str] | None) -> None:
        self._closed = numbers is not None
        own = bounds.texts("numbers", () if numbers is None else numbers)
        if not all(map(E164.fullmatch, own)):
            raise ValueError("numbers must be telephone numbers with a plus, such as +46700000001")
        self._by_number = {number: OwnNumber(number) for number in own}

    def __iter__(self) -> Iterator[OwnNumber]:
        return iter(list(self._by_number.values()))

    def restore(self, numbers: Iterable[OwnNumber]) -> None:
        """Restore the numbers of an earlier sandbox that are still the customer's."""
        self._by_number.update(
            {own.number: own for own in numbers if not self._closed or own.number in self._by_number}
        )

    def assign(self, numbers: Iterable[str], application_key: str, capability: str | None) -> None:
        """Assign all of these numbers, or none if one of them cannot be assigned."""
        chosen = [self._find(_plus(number)) for number in numbers]
        if len(self._by_number) + len(chosen) > MOST_NUMBERS:
            raise RefusalError(40001, "Unable to update numbers")
        for own in chosen:
            own.application_key = application_key
            own.capability = capability or own.capability
            self._by_number[own.number] = own

    def unassign(self, number: str, application_key: str) -> None:
        """Unassign a number from an application."""
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
    """The answer to a query of a number."""

    country_id: str
    number_type: str
    normalized_number: str


def look_up(text: str) -> NumberInformation:
    """Return what a query of a number answers. It may be written in any usual way, as ``+46(0)73-017-0101``."""
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
