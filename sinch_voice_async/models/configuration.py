"""The configuration of an account: callback URLs, the numbers that it owns, and information about any number."""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from attrs import field, frozen

from sinch_voice_async.models import limits
from sinch_voice_async.models.calls import Price
from sinch_voice_async.models.fields import Absent, masked, unknown_fields

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
    """The URLs that the platform sends events to; ``fallback`` is called only if ``primary`` fails or is too slow.

    Source: Calling API, Get Callbacks.
    """

    primary: str | None = field(default=None, validator=limits.text)
    fallback: str | None = field(default=None, validator=limits.text)
    extra: Mapping[str, Any] = unknown_fields()


@frozen(kw_only=True)
class CallbackConfiguration:
    """The document around :class:`CallbackUrls`, in answers and in requests.

    Source: Calling API, Update Callbacks.
    """

    url: CallbackUrls = CallbackUrls()
    extra: Mapping[str, Any] = unknown_fields()


Capability: TypeAlias = Literal["voice", "sms"] | str
"""The use of a number."""

NumberType: TypeAlias = Literal["Unknown", "Fixed", "Mobile", "Other"] | str
"""The kind of line of a number."""


@frozen(kw_only=True)
class ApplicationNumber:
    """A number that the account owns; ``application_key`` is ``None`` if it is not assigned to an application.

    Source: Calling API, Get Numbers.
    """

    number: str = field(repr=masked)
    application_key: str | None = None
    capability: Capability | None = None
    extra: Mapping[str, Any] = unknown_fields()


@frozen(kw_only=True)
class ApplicationNumbers:
    """Every number that the account owns: the list is not paged.

    Source: Calling API, Get Numbers.
    """

    numbers: tuple[ApplicationNumber, ...] = Absent()
    extra: Mapping[str, Any] = unknown_fields()


@frozen(kw_only=True)
class AssignNumbers:
    """Assign 1 to 100 numbers to an application; without ``application_key``, to the one that signs the request.

    :raises InvalidRequestError: a field cannot be sent; ``field`` names it.

    Source: Calling API, Update Numbers.
    """

    numbers: tuple[str, ...] = field(
        converter=limits.to_phone_numbers, repr=lambda numbers: f"<{len(numbers)} numbers>"
    )
    application_key: str | None = field(default=None, validator=limits.label)
    capability: Capability | None = field(default=None, validator=limits.label)


@frozen(kw_only=True)
class UnassignNumber:
    """Unassign a number from an application; without ``application_key``, from the one that signs the request.

    :raises InvalidRequestError: a field cannot be sent; ``field`` names it.

    Source: Calling API, Un-assign Number.
    """

    number: str = field(converter=limits.to_phone_number, repr=masked)
    application_key: str | None = field(default=None, validator=limits.label)
    capability: Capability | None = field(default=None, validator=limits.label)


@frozen(kw_only=True)
class NumberInformation:
    """Information about a number.

    ``country_id`` is an ISO 3166-1 code such as ``SE``, ``rate`` is the price of one minute to the number, and
    ``restricted`` says that it may not be called. A field that the platform leaves out is ``None``.

    Source: Calling API, Query Number.
    """

    country_id: str | None = None
    number_type: NumberType | None = None
    normalized_number: str | None = field(default=None, repr=masked)
    restricted: bool | None = None
    rate: Price | None = None
    extra: Mapping[str, Any] = unknown_fields()


@frozen(kw_only=True)
class NumberQuery:
    """The answer that holds a :class:`NumberInformation`.

    Source: Calling API, Query Number.
    """

    number: NumberInformation
    extra: Mapping[str, Any] = unknown_fields()
