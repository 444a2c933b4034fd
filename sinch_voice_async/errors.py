"""Every exception of this library, split by what the caller can do next.

::

    SinchVoiceError              .outcome .attempts .outcome_unknown
    ├── ConfigurationError       missing or malformed credentials, region or URL (also a ValueError)
    ├── InvalidRequestError      what you passed cannot be sent; nothing was sent (also a ValueError)
    ├── TransportError           the platform gave no answer: .request_sent; __cause__ is the httpx error
    │   ├── ConnectError         nothing was sent: safe to repeat, even a callout
    │   └── RequestTimeoutError  .phase: "connect", "pool", "write" or "read"
    ├── APIError                 an answer that is no success: .status .code .message .reference .headers
    │   ├── BadRequestError 400, AuthenticationError 401, PaymentRequiredError 402, ForbiddenError 403,
    │   ├── NotFoundError 404, ConflictError 409, UnprocessableError 422
    │   ├── RateLimitedError 429 .retry_after
    │   └── ServerError          any 5xx
    ├── DecodeError              a 2xx whose body is not what the model says: .path .status
    ├── DownloadError            a stream ended early and could not be resumed: .bytes_written .part_path
    ├── CampaignError            a campaign of the dialer cannot go on; what it knew is in its journal
    │   └── JournalError         the journal is locked, full, damaged, or that of another campaign
    ├── StreamClosed             a media stream is over: .by says why
    └── WebhookError
        ├── InvalidSignatureError    answer 401
        ├── StaleTimestampError      answer 401
        └── InvalidEventError        answer 400

No message, repr or field holds a secret, a signature, a message text or a full phone number of yours. The one text
that is not ours is ``APIError.message``, which is the platform's.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypedDict, Unpack

__all__ = [
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
    "Outcome",
    "PaymentRequiredError",
    "RateLimitedError",
    "RequestTimeoutError",
    "ServerError",
    "SinchVoiceError",
    "StaleTimestampError",
    "StreamClosed",
    "TimeoutPhase",
    "TransportError",
    "UnprocessableError",
    "WebhookError",
]

Outcome: TypeAlias = Literal["unsent", "rejected", "accepted", "unknown"]
"""What became of a request: never written, refused, acted on, or nobody can know."""

TimeoutPhase: TypeAlias = Literal["connect", "pool", "write", "read"]
"""Where the time ran out."""


class Fate(TypedDict, total=False):
    """What every error takes beside its own fields."""

    outcome: Outcome
    attempts: int


# Every parameter but the message has a default, and every field lives in ``__dict__``: that is what lets the
# default ``__reduce__`` of BaseException pickle and copy each class whole, subclasses of users included.
class SinchVoiceError(Exception):
    """Something that this library was asked for did not happen.

    ``outcome`` says what became of the request: ``"unsent"`` (not one byte of it was written), ``"rejected"`` (the
    platform refused it), ``"accepted"`` (the platform acted on it) or ``"unknown"``. ``attempts`` counts how often it
    was tried, 0 where nothing was.
    """

    def __init__(self, message: str = "", *, outcome: Outcome = "unsent", attempts: int = 0) -> None:
        super().__init__(message)
        self.outcome: Outcome = outcome
        self.attempts = attempts

    @property
    def outcome_unknown(self) -> bool:
        """Whether the request may have been acted on although no good answer came: do not repeat a callout blindly."""
        return self.outcome == "unknown"


class ConfigurationError(SinchVoiceError, ValueError):
    """Credentials, a region or a URL are missing or malformed; the message names the argument and the variable."""


class InvalidRequestError(SinchVoiceError, ValueError):
    """What you passed cannot be sent, and nothing was; ``field`` names it, as in the signature of what you called."""

    def __init__(self, message: str = "", *, field: str | None = None, **fate: Unpack[Fate]) -> None:
        super().__init__(message, **fate)
        self.field = field


class TransportError(SinchVoiceError):
    """No answer came that can be read; ``request_sent`` is False only on proof, ``__cause__`` is the httpx error."""

    def __init__(self, message: str = "", *, request_sent: bool = True, **fate: Unpack[Fate]) -> None:
        fate.setdefault("outcome", "unknown")
        super().__init__(message, **fate)
        self.request_sent = request_sent


class ConnectError(TransportError):
    """No connection could be made and nothing was sent: safe to repeat, even a callout."""

    def __init__(self, message: str = "", *, request_sent: bool = False, **fate: Unpack[Fate]) -> None:
        fate.setdefault("outcome", "unsent")
        super().__init__(message, request_sent=request_sent, **fate)


class RequestTimeoutError(TransportError):
    """The time allowed for one phase of the request ran out; ``phase`` says which: connect, pool, write or read."""

    def __init__(
        self, message: str = "", *, phase: TimeoutPhase = "read", request_sent: bool = True, **fate: Unpack[Fate]
    ) -> None:
        super().__init__(message, request_sent=request_sent, **fate)
        self.phase: TimeoutPhase = phase


class APIError(SinchVoiceError):
    """The platform answered, and not with success.

    ``status`` is the HTTP status; ``code`` the platform's five digits (40001 …), None where the body has none;
    ``message`` and ``reference`` are the platform's words, empty and None where there are none; ``headers`` are those
    of the answer, looked up without regard to case; ``extra`` is whatever else the body said, as it said it.
    """

    def __init__(
        self,
        text: str = "",
        *,
        status: int = 0,
        code: int | None = None,
        message: str = "",
        reference: str | None = None,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
        outcome: Outcome = "rejected",
        attempts: int = 0,
    ) -> None:
        super().__init__(text, outcome=outcome, attempts=attempts)
        self.status = status
        self.code = code
        self.message = message
        self.reference = reference
        self.headers: Mapping[str, str] = {} if headers is None else headers
        self.extra: Mapping[str, Any] = {} if extra is None else extra


class BadRequestError(APIError):
    """400: a parameter is missing, malformed or not allowed."""


class AuthenticationError(APIError):
    """401: the key, the secret, the signature or the timestamp was refused."""


class PaymentRequiredError(APIError):
    """402: the account has not enough credit."""


class ForbiddenError(APIError):
    """403: the destination or the action is not allowed for this application."""


class NotFoundError(APIError):
    """404: no such call, conference, recording or number."""


class ConflictError(APIError):
    """409: the request conflicts with the present state."""


class UnprocessableError(APIError):
    """422: the request was understood and cannot be acted on."""


class RateLimitedError(APIError):
    """429: too many requests; ``retry_after`` is the seconds that the platform asks to wait, None where it does not."""

    def __init__(self, text: str = "", *, retry_after: float | None = None, **fields: Any) -> None:
        super().__init__(text, **fields)
        self.retry_after = retry_after


class ServerError(APIError):
    """5xx: the platform failed; whether it acted on the request is unknown, unless ``outcome`` says otherwise."""


class DecodeError(SinchVoiceError):
    """An answer, or a document of yours (``status`` None), is not what the model says at ``path`` (``$.menus[2]``)."""

    def __init__(self, message: str = "", *, path: str = "$", status: int | None = None, **fate: Unpack[Fate]) -> None:
        fate.setdefault("outcome", "accepted")
        super().__init__(message, **fate)
        self.path = path
        self.status = status


class DownloadError(SinchVoiceError):
    """A stream could not be resumed after ``bytes_written``; ``part_path`` holds them, None where nothing was saved."""

    def __init__(
        self, message: str = "", *, bytes_written: int = 0, part_path: Path | None = None, **fate: Unpack[Fate]
    ) -> None:
        fate.setdefault("outcome", "accepted")
        super().__init__(message, **fate)
        self.bytes_written = bytes_written
        self.part_path = part_path


class CampaignError(SinchVoiceError):
    """A campaign of the dialer cannot go on; nothing was dialled twice, and running it again continues it."""


class JournalError(CampaignError):
    """A campaign's journal cannot be used: locked, on a full disk, damaged, or of another campaign or version."""


class StreamClosed(SinchVoiceError):  # noqa: N818 - an end is not an error: every call has one
    """A media stream is over, and nothing more can be sent or received.

    ``by`` says why: ``"caller"``, ``"server"``, ``"lost"``, ``"handler"`` or ``"silence"``, as ``CallStream.ended``.
    """

    def __init__(self, message: str = "", *, by: str = "lost", **fate: Unpack[Fate]) -> None:
        super().__init__(message, **fate)
        self.by = by


class WebhookError(SinchVoiceError):
    """A request that claims to be a callback of the platform cannot be trusted or read."""


class InvalidSignatureError(WebhookError):
    """The callback is unsigned, wrongly signed, or a repetition: answer 401."""


class StaleTimestampError(WebhookError):
    """The callback's timestamp is missing, garbled, or further from now than allowed: answer 401."""


class InvalidEventError(WebhookError):
    """The callback is signed, and its body is no event: answer 400."""
