"""The configuration of an account: callback URLs, the numbers that it owns, and information about any number."""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from attrs import field, frozen

from sinch_voice_async.models import limits
from sinch_voice_async.models.calls import Price
from sinch_voice_async.models.shown import Absent, masked, unknown_fields

__all__ = [
    "ApplicationNumber",
    "ApplicationNumbers",
    "AssignNumbers",
    "CallbackConfiguration",
    "CallbackUrls",
    "Capability",
    "NumberInformation",
    "NumberQuery",
    "NumberType",
    "UnassignNumber",
]


@frozen(kw_only=True)
class CallbackUrls:
    """Where the platform sends events; ``fallback`` is asked only where ``primary`` fails or takes too long.

    Calling API, Get Callbacks.
    """

    primary: str | None = field(default=None, validator=limits.text)
    fallback: str | None = field(default=None, validator=limits.text)
    extra: Mapping[str, Any] = unknown_fields()


@frozen(kw_only=True)
class CallbackConfiguration:
    """What holds the :class:`CallbackUrls`, in answers and in requests. Calling API, Update Callbacks."""

    url: CallbackUrls = CallbackUrls()
    extra: Mapping[str, Any] = unknown_fields()


Capability: TypeAlias = Literal["voice", "sms"] | str
"""What a number can be used for."""

NumberType: TypeAlias = Literal["Unknown", "Fixed", "Mobile", "Other"] | str
"""What kind of line a number is."""


@frozen(kw_only=True)
class ApplicationNumber:
    """A number that the account owns; ``application_key`` is None where it is assigned to no application.

    Calling API, Get Numbers.
    """

    number: str = field(repr=masked)
    application_key: str | None = None
    capability: Capability | None = None
    extra: Mapping[str, Any] = unknown_fields()


@frozen(kw_only=True)
class ApplicationNumbers:
    """Every number that the account owns: the list is not paged. Calling API, Get Numbers."""

    numbers: tuple[ApplicationNumber, ...] = Absent()
    extra: Mapping[str, Any] = unknown_fields()


@frozen(kw_only=True)
class AssignNumbers:
    """Give 1 to 100 numbers to an application; without ``application_key``, to the one that signs the request.

    Raises ``InvalidRequestError`` naming the field. Calling API, Update Numbers.
    """

    numbers: tuple[str, ...] = field(
        converter=limits.to_phone_numbers, repr=lambda numbers: f"<{len(numbers)} numbers>"
    )
    application_key: str | None = field(default=None, validator=limits.label)
    capability: Capability | None = field(default=None, validator=limits.label)


@frozen(kw_only=True)
class UnassignNumber:
    """Take a number from an application; without ``application_key``, from the one that signs the request.

    Raises ``InvalidRequestError`` naming the field. Calling API, Un-assign Number.
    """

    number: str = field(converter=limits.to_phone_number, repr=masked)
    application_key: str | None = field(default=None, validator=limits.label)
    capability: Capability | None = field(default=None, validator=limits.label)


@frozen(kw_only=True)
class NumberInformation:
    """What the platform knows of a number.

    ``country_id`` is an ISO 3166-1 code such as ``SE``, ``rate`` the price of one minute to the number, and
    ``restricted`` whether it may not be called. What the platform leaves out is None. Calling API, Query Number.
    """

    country_id: str | None = None
    number_type: NumberType | None = None
    normalized_number: str | None = field(default=None, repr=masked)
    restricted: bool | None = None
    rate: Price | None = None
    extra: Mapping[str, Any] = unknown_fields()


@frozen(kw_only=True)
class NumberQuery:
    """The answer that holds a :class:`NumberInformation`. Calling API, Query Number."""

    number: NumberInformation
    extra: Mapping[str, Any] = unknown_fields()
