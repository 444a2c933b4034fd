"""The three headers that a callback's signature speaks of, out of whatever a framework calls headers.

Rules:

- Names are compared without regard to case; several values of one name are joined by ``", "``, as RFC 9110, section 5.2
  says, so that a second ``Authorization`` cannot hide behind the first.
- Bytes are read as UTF-8 with escapes, which the signature turns back into the very same bytes.
- What is no header at all (another type where a name or value belongs) is a caller's mistake, not a forged request.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from attrs import field, frozen

from sinch_voice_async.errors import InvalidRequestError

__all__ = ["HeaderSource", "HeaderValue", "SignedHeaders", "read_headers"]

HeaderValue: TypeAlias = str | bytes | Sequence[str] | Sequence[bytes]
HeaderSource: TypeAlias = (
    Mapping[str, HeaderValue] | Mapping[bytes, HeaderValue] | Iterable[tuple[str, str]] | Iterable[tuple[bytes, bytes]]
)
"""A mapping of names to values (each text, bytes, or a list of them), or an iterable of pairs."""


@frozen
class SignedHeaders:
    """What was found; a header that is not there is the empty string."""

    authorization: str = field(repr=False)
    timestamp: str
    content_type: str


def read_headers(headers: HeaderSource) -> SignedHeaders:
    """Return the headers that matter; raise ``InvalidRequestError`` where these are no headers."""
    found: dict[str, str] = {}
    try:
        for name, value in headers.items() if isinstance(headers, Mapping) else headers:
            lower = _text(name).lower()
            if lower in _WANTED:
                text = _text(value) if isinstance(value, str | bytes) else ", ".join(map(_text, value))
                found[lower] = f"{found[lower]}, {text}" if lower in found else text
    except (TypeError, ValueError):
        raise InvalidRequestError("headers must be a mapping or pairs of text or bytes", field="headers") from None
    return SignedHeaders(*(found.get(name, "").strip(" \t") for name in _WANTED))


_WANTED = ("authorization", "x-timestamp", "content-type")


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, str):
        return value
    raise TypeError
