"""The URLs of an application that the platform calls with events."""

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from sinch_voice_async.models import limits
from sinch_voice_async.models.shown import unknown_fields

__all__ = ["CallbackConfiguration", "CallbackUrls"]


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
