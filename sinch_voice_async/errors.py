"""Every exception of this library, split by what the caller can do next.

::

    SinchVoiceError              .outcome .attempts .outcome_unknown
    ├── ConfigurationError       missing or malformed credentials, region or URL (also a ValueError)
    ├── InvalidRequestError      an argument that cannot be sent; nothing was sent (also a ValueError)
    ├── TransportError           the platform gave no answer: .request_sent; __cause__ is the httpx error
    │   ├── ConnectError         nothing was sent: safe to repeat, even a callout
    │   └── RequestTimeoutError  .phase: "connect", "pool", "write" or "read"
    ├── APIError                 an answer that is not a success: .status .code .message .reference .headers
    │   ├── BadRequestError 400, AuthenticationError 401, PaymentRequiredError 402, ForbiddenError 403,
    │   ├── NotFoundError 404, ConflictError 409, UnprocessableError 422
    │   ├── RateLimitedError 429 .retry_after
    │   └── ServerError          any 5xx
    ├── DecodeError              a 2xx whose body is not the model: .path .status
    ├── DownloadError            a stream ended early and could not be resumed: .bytes_written .part_path
    ├── CampaignError            a campaign of the dialer cannot continue; its journal has all that it knew
    │   └── JournalError         the journal is locked, full, damaged, or that of another campaign
    ├── StreamClosed             a media stream is over: .by says why
    └── WebhookError
        ├── InvalidSignatureError    answer 401
        ├── StaleTimestampError      answer 401
        └── InvalidEventError        answer 400

No message, repr or field holds a secret, a signature, a message text or a full phone number of yours. The one text that
is not ours is ``APIError.message``, which is the platform's.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

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
"""The fate of a request: never written, refused, acted on, or not known."""

TimeoutPhase: TypeAlias = Literal["connect", "pool", "write", "read"]
"""The phase of a request in which its time ran out."""


# Every parameter but the message has a default, and every field lives in ``__dict__``: so the default ``__reduce__`` of
# BaseException pickles and copies each class whole, subclasses of users included.
class SinchVoiceError(Exception):
    """The base of every error of this library.

    ``outcome`` says what became of the request: ``"unsent"`` (not one byte of it was written), ``"rejected"`` (the
    platform refused it), ``"accepted"`` (the platform acted on it) or ``"unknown"``. Repeat a callout only after the
    first two. ``attempts`` is how often the request was tried, 0 if it never was.
    """

    def __init__(self, message: str = "", *, outcome: Outcome = "unsent", attempts: int = 0) -> None:
        super().__init__(message)
        self.outcome: Outcome = outcome
        self.attempts = attempts

    @property
    def outcome_unknown(self) -> bool:
        """Whether the platform may have acted on the request without a readable answer: do not repeat a callout."""
        return self.outcome == "unknown"


class ConfigurationError(SinchVoiceError, ValueError):
    """An object cannot be made: credentials, a region, a URL or another option is missing or malformed.

    It is raised when the object is made, and before anything is sent. The message names the argument, and the
    environment variable if there is one. It never repeats a secret.
    """


class InvalidRequestError(SinchVoiceError, ValueError):
    """An argument cannot be sent, and nothing was sent.

    ``field`` is the name of the argument, as in the signature of the function or model, or a path such as
    ``numbers[1]``; None if the fault is not in one argument. The message does not repeat texts or telephone numbers.
    """

    def __init__(
        self, message: str = "", *, field: str | None = None, outcome: Outcome = "unsent", attempts: int = 0
    ) -> None:
        super().__init__(message, outcome=outcome, attempts=attempts)
        self.field = field


class TransportError(SinchVoiceError):
    """The platform gave no answer that can be read.

    ``request_sent`` is False only on proof that no byte of the request was written; then ``outcome`` is ``"unsent"``,
    and otherwise ``"unknown"``. ``__cause__`` is the error of the connection or of httpx.
    """

    def __init__(
        self,
        message: str = "",
        *,
        request_sent: bool = True,
        outcome: Outcome = "unknown",
        attempts: int = 0,
    ) -> None:
        super().__init__(message, outcome=outcome, attempts=attempts)
        self.request_sent = request_sent


class ConnectError(TransportError):
    """No connection could be made, so nothing was sent: it is safe to repeat the request, even a callout.

    The name of the host could not be resolved, the host or a proxy refused the connection, or the TLS handshake failed.
    """

    def __init__(
        self,
        message: str = "",
        *,
        request_sent: bool = False,
        outcome: Outcome = "unsent",
        attempts: int = 0,
    ) -> None:
        super().__init__(message, request_sent=request_sent, outcome=outcome, attempts=attempts)


class RequestTimeoutError(TransportError):
    """The time allowed for one phase of the request ran out.

    ``phase`` is ``"connect"`` or ``"pool"`` (waiting for a connection of the pool), after which nothing was sent, or
    ``"write"`` or ``"read"``, after which the outcome is not known.
    """

    def __init__(
        self,
        message: str = "",
        *,
        phase: TimeoutPhase = "read",
        request_sent: bool = True,
        outcome: Outcome = "unknown",
        attempts: int = 0,
    ) -> None:
        super().__init__(message, request_sent=request_sent, outcome=outcome, attempts=attempts)
        self.phase: TimeoutPhase = phase


class APIError(SinchVoiceError):
    """The platform answered, and not with success.

    ``status`` is the HTTP status; ``code`` the five digits of the platform (40001 …), None if the body has none;
    ``message`` and ``reference`` are the platform's words, empty and None if the body has none; ``headers`` are those
    of the answer, looked up without regard to case; ``extra`` has the other fields of the body.

    Source: Calling API, Errors.
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
    """400: a parameter is missing, malformed or not allowed; ``message`` says which."""


class AuthenticationError(APIError):
    """401: the key, the secret, the signature or the timestamp was refused.

    ``code`` 40102 is a signature that does not match: :func:`explain_signature` finds the line that differs.
    """


class PaymentRequiredError(APIError):
    """402: the account does not have enough credit for the call."""


class ForbiddenError(APIError):
    """403: the destination or the action is not allowed for this application."""


class NotFoundError(APIError):
    """404: no call, conference, recording or number has this name; an ended call is not found either."""


class ConflictError(APIError):
    """409: the request conflicts with the present state."""


class UnprocessableError(APIError):
    """422: the request was understood, and the platform cannot act on it."""


class RateLimitedError(APIError):
    """429: too many requests.

    ``retry_after`` is how many seconds the platform asks to wait, None if it does not say. The client waits that long
    by itself, up to the limit of its ``RetryPolicy``; this error means that the attempts or the time ran out.
    """

    def __init__(
        self,
        text: str = "",
        *,
        retry_after: float | None = None,
        status: int = 0,
        code: int | None = None,
        message: str = "",
        reference: str | None = None,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
        outcome: Outcome = "rejected",
        attempts: int = 0,
    ) -> None:
        super().__init__(
            text,
            status=status,
            code=code,
            message=message,
            reference=reference,
            headers=headers,
            extra=extra,
            outcome=outcome,
            attempts=attempts,
        )
        self.retry_after = retry_after


class ServerError(APIError):
    """5xx: the platform failed.

    Whether it acted on the request is not known, unless ``outcome`` says otherwise: a 503 with ``Retry-After`` is
    ``"rejected"``.
    """


class DecodeError(SinchVoiceError):
    """An answer of the platform, or a document of yours, is not what its model says.

    ``path`` is the place in the document, such as ``$.menus[2].id``; ``status`` is the HTTP status, None for a
    document of yours. After an answer ``outcome`` is ``"accepted"``: the platform acted on the request, although its
    answer cannot be read. The error holds nothing of the document.
    """

    def __init__(
        self,
        message: str = "",
        *,
        path: str = "$",
        status: int | None = None,
        outcome: Outcome = "accepted",
        attempts: int = 0,
    ) -> None:
        super().__init__(message, outcome=outcome, attempts=attempts)
        self.path = path
        self.status = status


class DownloadError(SinchVoiceError):
    """A recording could not be downloaded to its end, or not be saved.

    ``bytes_written`` is how many bytes are there; ``part_path`` is the file that holds them, None if nothing was saved.
    Run the same ``save`` again and it resumes from there, if the platform allows it.
    """

    def __init__(
        self,
        message: str = "",
        *,
        bytes_written: int = 0,
        part_path: Path | None = None,
        outcome: Outcome = "accepted",
        attempts: int = 0,
    ) -> None:
        super().__init__(message, outcome=outcome, attempts=attempts)
        self.bytes_written = bytes_written
        self.part_path = part_path


class CampaignError(SinchVoiceError):
    """A campaign of the dialer cannot continue.

    No number was dialled twice, and everything up to here is in the journal: run the campaign again and it resumes.
    """


class JournalError(CampaignError):
    """A campaign's journal cannot be used: it is locked, on a full disk, damaged, or of another campaign or version."""


class StreamClosed(SinchVoiceError):  # noqa: N818  # an end is not an error: every call has one
    """A media stream is over, and nothing more can be sent or received.

    ``by`` says why: ``"caller"``, ``"server"``, ``"lost"``, ``"handler"`` or ``"silence"``, as ``CallStream.ended``.
    """

    def __init__(self, message: str = "", *, by: str = "lost", outcome: Outcome = "unsent", attempts: int = 0) -> None:
        super().__init__(message, outcome=outcome, attempts=attempts)
        self.by = by


class WebhookError(SinchVoiceError):
    """A request that claims to be a callback of the platform cannot be trusted or read."""


class InvalidSignatureError(WebhookError):
    """The callback is unsigned, wrongly signed, or a repetition: answer 401."""


class StaleTimestampError(WebhookError):
    """The timestamp of the callback is missing, garbled, or further from now than ``max_age``: answer 401."""


class InvalidEventError(WebhookError):
    """The callback is signed, and its body is not an event: answer 400."""
