"""An answer of the platform: its headers, and the :class:`APIError` for one without success.

The body of an error is ``{"errorCode": 40400, "message": "…", "reference": "…"}``; the code comes as a number or as a
string, any field may be missing, and a proxy may answer with HTML or an empty body. No function here raises an error.

Source: Calling API, Errors; OpenAPI, schema Error.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from sinch_voice_async._wire.json import ODD_FROM_TEXT
from sinch_voice_async.errors import (
    APIError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    Outcome,
    PaymentRequiredError,
    RateLimitedError,
    ServerError,
    UnprocessableError,
)

__all__ = ["Headers", "api_error", "outcome_of_status", "retry_after"]


class Headers(Mapping[str, str]):
    """Read-only headers: looked up without regard to case, several of one name joined by ``", "``.

    Iterates over lower-case names, in the order of arrival. Pickles and copies like a dict.

    Source: RFC 9110, section 5.2.
    """

    __slots__ = ("_values",)

    def __init__(self, pairs: Iterable[tuple[bytes, bytes]] = ()) -> None:
        values: dict[str, str] = {}
        for raw_name, raw_value in pairs:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            values[name] = f"{values[name]}, {value}" if name in values else value
        self._values = values

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Headers({', '.join(self._values)})"


_BY_STATUS: dict[int, type[APIError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    402: PaymentRequiredError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    422: UnprocessableError,
    429: RateLimitedError,
}
_LONGEST_MESSAGE = 2000
_KNOWN = frozenset({"errorcode", "message", "reference"})


def api_error(status: int, headers: Mapping[str, str], body: bytes, *, attempts: int = 1) -> APIError:
    """Return the error for one answer with any body.

    Source: Calling API, Errors.
    """
    fields = _fields(body)
    known = {key.lower(): value for key, value in fields.items()}
    code = _code(known.get("errorcode"))
    message = _text(known.get("message"))
    cls = ServerError if status >= 500 else _BY_STATUS.get(status, APIError)
    error = cls(
        _sentence(status, code, message, headers),
        status=status,
        code=code,
        message=message,
        reference=_text(known.get("reference")) or None,
        headers=headers,
        extra={key: value for key, value in fields.items() if key.lower() not in _KNOWN},
        outcome=outcome_of_status(status, headers),
        attempts=attempts,
    )
    if isinstance(error, RateLimitedError):
        error.retry_after = retry_after(headers)
    return error


def outcome_of_status(status: int, headers: Mapping[str, str]) -> Outcome:
    """Return what an answer proves: 2xx accepted, 5xx unknown (a 503 with Retry-After: rejected), else rejected."""
    if 200 <= status < 300:
        return "accepted"
    if status >= 500 and not (status == 503 and retry_after(headers) is not None):
        return "unknown"
    return "rejected"


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Return the seconds of a ``Retry-After``, 0 or more; None if it is missing or garbled.

    Both forms of RFC 9110 section 10.2.3 are read: a number of seconds and a date.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.replace(".", "", 1).isdigit():
        seconds = float(value)
        return seconds if math.isfinite(seconds) else None
    try:
        until = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    # A date without a zone ("-0000") is UTC by RFC 5322.
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - (now or datetime.now(UTC))).total_seconds())


def _fields(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = _odd_document(body)
    return document if isinstance(document, dict) else {}


def _odd_document(body: bytes) -> object:
    # One absurd number, or bytes that are not UTF-8, must not hide the code and the message.
    try:
        return ODD_FROM_TEXT(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def _code(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 9:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**9 else None


def _text(value: object) -> str:
    return value[:_LONGEST_MESSAGE] if isinstance(value, str) else ""


def _sentence(status: int, code: int | None, message: str, headers: Mapping[str, str]) -> str:
    start = f"{status}" if code is None else f"{status} ({code})"
    if 300 <= status < 400:
        # Only the host: a location may carry a token.
        return f"{start}: a redirect, which is never followed; check the base URL or the region"
    if message:
        return f"{start}: {message}"
    coding = headers.get("content-encoding", "identity").lower()
    if coding != "identity":
        return f"{start}: the answer is compressed ({coding!r}), although the request allows no coding"
    return f"{start}: the answer has no message (content type {headers.get('content-type', 'none')!r})"
