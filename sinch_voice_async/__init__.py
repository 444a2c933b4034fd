"""The asyncio- and trio-native Python client for the Sinch Voice (Calling) API.

::

    from sinch_voice_async import VoiceClient

    async with VoiceClient() as client:
        receipt = await client.callouts.tts("+46700000001", "Hello!", cli="+46700000000")
        call = await client.calls.get(receipt.call_id)

A name is loaded from its module when it is first asked for: an application that only answers callbacks never loads an
HTTP client, and a test run that has this package installed loads nothing of it.
"""

import importlib
from typing import TYPE_CHECKING

from sinch_voice_async._former_names import missing
from sinch_voice_async._version import __version__

if TYPE_CHECKING:
    from sinch_voice_async import svaml
    from sinch_voice_async._endpoints.recordings.download import Download
    from sinch_voice_async._endpoints.recordings.pages import Pages
    from sinch_voice_async._transport.httpx_adapter import ApplicationSignature
    from sinch_voice_async._transport.messages import Response
    from sinch_voice_async._transport.pool import ConnectionPool
    from sinch_voice_async._transport.retry import RetryPolicy
    from sinch_voice_async._wire.signing import explain_signature, string_to_sign
    from sinch_voice_async.client import VoiceClient
    from sinch_voice_async.credentials import Credentials
    from sinch_voice_async.errors import (
        APIError,
        AuthenticationError,
        BadRequestError,
        CampaignError,
        ConfigurationError,
        ConflictError,
        ConnectError,
        DecodeError,
        DownloadError,
        ForbiddenError,
        InvalidEventError,
        InvalidRequestError,
        InvalidSignatureError,
        JournalError,
        NotFoundError,
        PaymentRequiredError,
        RateLimitedError,
        RequestTimeoutError,
        ServerError,
        SinchVoiceError,
        StaleTimestampError,
        StreamClosed,
        TransportError,
        UnprocessableError,
        WebhookError,
    )
    from sinch_voice_async.instrumentation import Attempt, AttemptResult, Observer
    from sinch_voice_async.models.callouts import CalloutReceipt, ConferenceCallout, CustomCallout, TtsCallout
    from sinch_voice_async.models.calls import Call, Conference, ConferenceDtmfOptions, Participant, Price
    from sinch_voice_async.models.configuration import ApplicationNumber, CallbackUrls, NumberInformation
    from sinch_voice_async.models.destinations import Destination
    from sinch_voice_async.models.recordings import ArchiveSummary, Recording
    from sinch_voice_async.regions import Region

__all__ = [
    "APIError",
    "ApplicationNumber",
    "ApplicationSignature",
    "ArchiveSummary",
    "Attempt",
    "AttemptResult",
    "AuthenticationError",
    "BadRequestError",
    "Call",
    "CallbackUrls",
    "CalloutReceipt",
    "CampaignError",
    "Conference",
    "ConferenceCallout",
    "ConferenceDtmfOptions",
    "ConfigurationError",
    "ConflictError",
    "ConnectError",
    "ConnectionPool",
    "Credentials",
    "CustomCallout",
    "DecodeError",
    "Destination",
    "Download",
    "DownloadError",
    "ForbiddenError",
    "InvalidEventError",
    "InvalidRequestError",
    "InvalidSignatureError",
    "JournalError",
    "NotFoundError",
    "NumberInformation",
    "Observer",
    "Pages",
    "Participant",
    "PaymentRequiredError",
    "Price",
    "RateLimitedError",
    "Recording",
    "Region",
    "RequestTimeoutError",
    "Response",
    "RetryPolicy",
    "ServerError",
    "SinchVoiceError",
    "StaleTimestampError",
    "StreamClosed",
    "TransportError",
    "TtsCallout",
    "UnprocessableError",
    "VoiceClient",
    "WebhookError",
    "__version__",
    "explain_signature",
    "string_to_sign",
    "svaml",
]

_HOMES = {
    "_endpoints.recordings.download": ("Download",),
    "_endpoints.recordings.pages": ("Pages",),
    "_transport.httpx_adapter": ("ApplicationSignature",),
    "_transport.pool": ("ConnectionPool",),
    "_transport.messages": ("Response",),
    "_transport.retry": ("RetryPolicy",),
    "_wire.signing": ("explain_signature", "string_to_sign"),
    "client": ("VoiceClient",),
    "credentials": ("Credentials",),
    "errors": (
        "APIError",
        "AuthenticationError",
        "BadRequestError",
        "CampaignError",
        "ConfigurationError",
        "ConflictError",
        "ConnectError",
        "DecodeError",
        "DownloadError",
        "ForbiddenError",
        "InvalidEventError",
        "InvalidRequestError",
        "InvalidSignatureError",
        "JournalError",
        "NotFoundError",
        "PaymentRequiredError",
        "RateLimitedError",
        "RequestTimeoutError",
        "ServerError",
        "SinchVoiceError",
        "StaleTimestampError",
        "StreamClosed",
        "TransportError",
        "UnprocessableError",
        "WebhookError",
    ),
    "instrumentation": ("Attempt", "AttemptResult", "Observer"),
    "models.configuration": ("ApplicationNumber", "CallbackUrls", "NumberInformation"),
    "models.callouts": ("CalloutReceipt", "ConferenceCallout", "CustomCallout", "TtsCallout"),
    "models.calls": ("Call", "Conference", "ConferenceDtmfOptions", "Participant", "Price"),
    "models.destinations": ("Destination",),
    "models.recordings": ("ArchiveSummary", "Recording"),
    "regions": ("Region",),
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names} | {"svaml": "svaml"}

if not TYPE_CHECKING:  # else a misspelt name would pass as anything

    def __getattr__(name: str) -> object:
        if name not in _MODULE_OF:
            hint = missing(__name__, name, __all__)
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}", name=name)
        module = importlib.import_module(f"{__name__}.{_MODULE_OF[name]}")
        # Kept, so that this function is asked once for each name.
        value = globals()[name] = module if name == "svaml" else getattr(module, name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
