"""The ends of calls: a telephone number, a user of your app, or a SIP address."""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from attrs import evolve, field, frozen

from sinch_voice_async.errors import InvalidRequestError
from sinch_voice_async.models.fields import masked, unknown_fields
from sinch_voice_async.models.phone_numbers import read_dialable

__all__ = ["Destination", "DestinationType", "checked"]

DestinationType: TypeAlias = Literal["number", "username", "sip", "did", "conference", "Websocket"] | str
"""The kind of an endpoint. Callouts go to ``number``, ``username`` and ``sip``; the platform reports the others."""


@frozen(kw_only=True)
class Destination:
    """One end of a call; make one with :meth:`number`, :meth:`username` or :meth:`sip`.

    The platform may send any text, so the three constructors and the callout check a destination, and the class does
    not.

    Source: Calling API, Conference and Text-to-Speech Callouts.
    """

    type: DestinationType | None = None
    endpoint: str = field(repr=masked)
    extra: Mapping[str, Any] = unknown_fields()

    @classmethod
    def number(cls, endpoint: str) -> "Destination":
        """Return the telephone with this number in E.164 form: an optional ``+`` and 5 to 15 digits.

        The plus is optional because the platform's own samples leave it out; ``00`` is read as a plus. Spaces, hyphens
        and brackets are left out of the endpoint, and ``(0)`` behind a country code is a trunk zero.

        :raises InvalidRequestError: the text has no certain reading: a number that begins with one 0 is national.
        """
        return checked(cls(type="number", endpoint=endpoint), "endpoint")

    @classmethod
    def username(cls, endpoint: str) -> "Destination":
        """Return the user of your app with this name; raise ``InvalidRequestError`` if it is empty."""
        return checked(cls(type="username", endpoint=endpoint), "endpoint")

    @classmethod
    def sip(cls, endpoint: str) -> "Destination":
        """Return the SIP address ``name@host``; raise ``InvalidRequestError`` if it is empty or has a space."""
        return checked(cls(type="sip", endpoint=endpoint), "endpoint")


def checked(destination: Destination, field_name: str) -> Destination:
    """Return a destination that can be called; raise ``InvalidRequestError``, which names the field, if it cannot."""
    endpoint: object = destination.endpoint
    if destination.type == "number" and isinstance(endpoint, str):
        number = _dialable(endpoint, field_name)
        return destination if number == endpoint else evolve(destination, endpoint=number)
    if not isinstance(endpoint, str) or not endpoint or not endpoint.isprintable():
        raise InvalidRequestError(f"{field_name} must be a text that is not empty", field=field_name)
    if destination.type == "sip" and " " in endpoint:
        raise InvalidRequestError(f"{field_name} must be a SIP address without spaces", field=field_name)
    return destination


def _dialable(endpoint: str, field_name: str) -> str:
    try:
        return read_dialable(endpoint, field_name)
    except InvalidRequestError as error:
        remedy = "; use Destination.username(...) or Destination.sip(...) for anything else"
        raise InvalidRequestError(f"{error}{remedy}", field=field_name) from None
