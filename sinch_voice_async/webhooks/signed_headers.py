"""The three headers that a callback's signature speaks of, out of whatever a framework calls headers.

Rules:

- Names are compared without regard to case; several values of one name are joined by ``", "``, as RFC 9110, section 5.2
  says, so that a second ``Authorization`` cannot hide behind the first.
- Bytes are read as UTF-8 with escapes, which the signature turns back into the very same bytes.
- The environment of WSGI and CGI (``environ``, Django's ``request.META``) holds headers under names of its own.
- What is no header at all (another type where a name or value belongs) is a caller's mistake, not a forged request.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias

from sinch_voice_async.errors import InvalidRequestError

__all__ = ["HeaderSource", "HeaderValue", "read_headers"]

HeaderValue: TypeAlias = str | bytes | Sequence[str] | Sequence[bytes]


class HasItems(Protocol):
    """What keeps pairs and is neither, as the standard library's messages."""

    def items(self) -> Iterable[tuple[Any, Any]]:
        """Return the pairs."""
        ...


HeaderSource: TypeAlias = (
    Mapping[str, HeaderValue]
    | Mapping[bytes, HeaderValue]
    | Iterable[tuple[str, str]]
    | Iterable[tuple[bytes, bytes]]
    | HasItems
)
"""A mapping of names to values (each text, bytes, or a list of them), an iterable of pairs, or a WSGI environment."""


def read_headers(headers: HeaderSource) -> tuple[str, str, str]:
    """Return ``Authorization``, ``x-timestamp`` and ``Content-Type``, each empty where it is not there.

    Raises ``InvalidRequestError`` where these are no headers.
    """
    found = ["", "", ""]
    try:
        for name, value in _pairs(headers):
            place = _PLACES.get(name.lower())
            if place is not None:
                # The quick question first: ASGI has bytes.
                text = value.decode("utf-8", "surrogateescape") if value.__class__ is bytes else _joined(value)
                found[place] = f"{found[place]}, {text}" if found[place] else text.strip(" \t")
    except (TypeError, ValueError, AttributeError):
        raise InvalidRequestError("headers must be a mapping or pairs of text or bytes", field="headers") from None
    authorization, timestamp, content_type = found
    return authorization, timestamp, content_type


_PLACES: Final[dict[str | bytes, int]] = {
    **{name: place for place, name in enumerate(("authorization", "x-timestamp", "content-type"))},
    **{name: place for place, name in enumerate((b"authorization", b"x-timestamp", b"content-type"))},
    **{name: place for place, name in enumerate(("http_authorization", "http_x_timestamp", "content_type"))},
}


def _pairs(headers: HeaderSource) -> Iterable[tuple[Any, Any]]:
    given: Any = headers
    # Here too: ASGI has a list.
    pairs: Iterable[tuple[Any, Any]] = (
        given if given.__class__ is list or not hasattr(given, "items") else given.items()
    )
    return pairs


def _joined(value: HeaderValue) -> str:
    return _text(value) if isinstance(value, str | bytes) else ", ".join(map(_text, value))


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "surrogateescape")
