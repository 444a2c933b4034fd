"""Callouts: text-to-speech, conference and custom callouts, and the receipt for one.

A field that is ``None`` is left out of the request.

Source: Calling API, Conference and Text-To-Speech Callouts.
"""

from collections.abc import Mapping
from typing import Any

from attrs import Attribute, field, frozen

from sinch_voice_async.errors import InvalidRequestError
from sinch_voice_async.models import limits
from sinch_voice_async.models.answers import AceSvaml, DiceSvaml, IceSvaml, PieSvaml
from sinch_voice_async.models.calls import ConferenceDtmfOptions, Domain, MusicOnHold
from sinch_voice_async.models.destinations import Destination
from sinch_voice_async.models.fields import Inline, length, masked, unknown_fields
from sinch_voice_async.models.languages import Voice

__all__ = ["CalloutReceipt", "ConferenceCallout", "CustomCallout", "Domain", "TtsCallout"]


@frozen(kw_only=True)
class TtsCallout:
    """A callout that speaks a text, or plays prompts.

    ``cli`` is the number shown to the callee; without it the platform accepts the callout, and the call may never be
    connected. ``text`` has at most 600 characters unless the account allows more, and so has each ``#tts[...]`` of
    ``prompts``, which is the alternative to it. ``locale`` is a language such as ``en-US`` or a voice. ``dtmf`` is sent
    on answer: ``0-9``, ``#``, and ``w`` for a pause of 500 ms. ``custom`` comes back in events, at most 1,024 bytes.
    ``enable_ace``, ``enable_dice`` and ``enable_pie`` request the events, which the platform does not send by default.

    ``text`` or ``prompts`` is required when the callout is placed, unless ``enable_ace`` lets your answer to ACE speak
    instead. If both are given, both are sent; the documents do not say which one is heard.

    :raises InvalidRequestError: a field cannot be sent; ``field`` names it.

    Source: Calling API, Text-to-speech Callout.
    """

    destination: Destination = field(converter=limits.to_destination)
    text: str | None = field(default=None, validator=limits.given, repr=length)
    prompts: str | None = field(default=None, validator=limits.given, repr=length)
    cli: str | None = field(default=None, converter=limits.to_caller, validator=limits.label, repr=masked)
    locale: Voice | None = field(default=None, validator=limits.given)
    dtmf: str | None = field(default=None, validator=limits.tones, repr=length)
    domain: Domain | None = field(default=None, validator=limits.given)
    custom: str | None = field(default=None, validator=limits.custom, repr=length)
    enable_ace: bool | None = field(default=None, validator=limits.flag)
    enable_dice: bool | None = field(default=None, validator=limits.flag)
    enable_pie: bool | None = field(default=None, validator=limits.flag)
    extra: Mapping[str, Any] = unknown_fields()


@frozen(kw_only=True)
class ConferenceCallout:
    """A callout into a conference, which is created if it does not exist.

    ``conference_id`` has 1 to 64 characters; ``greeting`` is spoken first; ``max_duration`` is at most 14,400 seconds;
    ``moh_class`` is the music for a single participant. A conference belongs to one region: use the same region for
    every callout into it. The other fields are those of :class:`TtsCallout`.

    :raises InvalidRequestError: a field cannot be sent; ``field`` names it.

    Source: Calling API, Conference Callout.
    """

    destination: Destination = field(converter=limits.to_destination)
    conference_id: str = field(validator=limits.conference_id)
    cli: str | None = field(default=None, converter=limits.to_caller, validator=limits.label, repr=masked)
    greeting: str | None = field(default=None, validator=limits.text, repr=length)
    locale: Voice | None = field(default=None, validator=limits.given)
    dtmf: str | None = field(default=None, validator=limits.tones, repr=length)
    max_duration: int | None = field(default=None, validator=limits.call_seconds)
    domain: Domain | None = field(default=None, validator=limits.given)
    custom: str | None = field(default=None, validator=limits.custom, repr=length)
    moh_class: MusicOnHold | None = field(default=None, validator=limits.given)
    conference_dtmf_options: ConferenceDtmfOptions | None = field(
        default=None, validator=limits.optional(ConferenceDtmfOptions)
    )
    enable_ace: bool | None = field(default=None, validator=limits.flag)
    enable_dice: bool | None = field(default=None, validator=limits.flag)
    enable_pie: bool | None = field(default=None, validator=limits.flag)
    extra: Mapping[str, Any] = unknown_fields()


def _answer(_: object, attribute: "Attribute[Any]", value: object) -> None:
    """Allow a URL, a string of JSON, or a Svaml that the platform accepts at this event."""
    if isinstance(value, Inline):
        try:
            value.check(attribute.name)
        except InvalidRequestError as error:
            raise InvalidRequestError(f"{attribute.name}: {error}", field=attribute.name) from None
    elif value is not None and not _is_url_or_json(value):
        limits.refuse(attribute.name, "an http or https URL, a Svaml, or a string of SVAML in JSON")


def _is_url_or_json(value: object) -> bool:
    return isinstance(value, str) and value.lstrip().lower().startswith(("http://", "https://", "{"))


@frozen(kw_only=True)
class CustomCallout:
    """A callout that follows SVAML, event by event.

    ``ice``, ``ace``, ``pie`` and ``dice`` answer the events of the call. Each is a URL that the platform calls, or a
    ``Svaml`` (or its JSON), which is sent along; for ``None`` the application's callback URL is called. ``destination``
    and ``cli`` are sent beside an inline ICE answer too, as the vendor's SDKs send them; the documentation asks to
    leave them out there, since the platform takes both from the SVAML.

    ``pop``, ``enable_ace`` and ``enable_dice`` stand only in examples of the OpenAPI document, which does not explain
    them. The other fields are those of :class:`ConferenceCallout`.

    :raises InvalidRequestError: a field cannot be sent; ``field`` names it.

    Source: Calling API, Custom Callout.
    """

    destination: Destination | None = field(default=None, converter=limits.to_destination_or_none)
    cli: str | None = field(default=None, converter=limits.to_caller, validator=limits.label, repr=masked)
    dtmf: str | None = field(default=None, validator=limits.tones, repr=length)
    max_duration: int | None = field(default=None, validator=limits.call_seconds)
    custom: str | None = field(default=None, validator=limits.custom, repr=length)
    ice: str | IceSvaml | None = field(default=None, validator=_answer, repr=length)
    ace: str | AceSvaml | None = field(default=None, validator=_answer, repr=length)
    pie: str | PieSvaml | None = field(default=None, validator=_answer, repr=length)
    dice: str | DiceSvaml | None = field(default=None, validator=_answer, repr=length)
    enable_ace: bool | None = field(default=None, validator=limits.flag)
    enable_dice: bool | None = field(default=None, validator=limits.flag)
    pop: str | None = field(default=None, validator=limits.text)
    extra: Mapping[str, Any] = unknown_fields()


@frozen(kw_only=True)
class CalloutReceipt:
    """The platform's answer to a callout that it accepted; ``call_id`` is the id of the call.

    Source: Calling API, Callouts.
    """

    call_id: str
    extra: Mapping[str, Any] = unknown_fields()
