"""A signed HTTP request -> its event: pure functions of bytes, for any framework.

Rules:

- No event leaves this module without a valid signature.
- The signed bytes are those that came: the raw body, the ``Content-Type`` as sent, the path as the platform called it.
- The signature is compared in constant time, and is computed for a foreign key too, so that the time that it takes says
  nothing.
- Basic authorization is never accepted for a callback.
- Names of headers are compared without regard to case; several values of one name are joined by ``", "`` (RFC 9110,
  section 5.2), so that a second ``Authorization`` cannot hide behind the first. Bytes are read as UTF-8 with escapes,
  which the signature turns back into the same bytes.
- Headers of a wrong type are a caller's mistake, not a forged request.

Source: Authentication, Callback signed request.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol, TypeAlias

from attrs import field, frozen

from sinch_voice_async import _bounds
from sinch_voice_async._wire.documents import decode_event
from sinch_voice_async._wire.json import parse_timestamp
from sinch_voice_async._wire.signing import signature_matches, string_to_sign
from sinch_voice_async.credentials import Credentials, several
from sinch_voice_async.errors import (
    DecodeError,
    InvalidEventError,
    InvalidRequestError,
    InvalidSignatureError,
    StaleTimestampError,
)
from sinch_voice_async.models.events import Event
from sinch_voice_async.webhooks.replay import ReplayCache

__all__ = ["DEFAULT_MAX_AGE", "Proof", "authenticate", "event_from_http", "read_event", "repeated", "verify"]

DEFAULT_MAX_AGE = 300.0
"""Seconds that a callback's timestamp may differ from now, either way. The platform publishes no figure."""

HeaderValue: TypeAlias = str | bytes | Sequence[str] | Sequence[bytes]


class HasItems(Protocol):
    """Headers of another type with ``items()``, such as the messages of the standard library."""

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

_RAW: Final = (bytes, bytearray, memoryview)


@frozen
class Proof:
    """A valid signature, and for how many more seconds it is valid."""

    signature: str = field(repr=False)
    lifetime: float


def verify(
    method: str,
    path: str,
    headers: HeaderSource,
    body: bytes,
    *,
    credentials: Credentials | Sequence[Credentials],
    max_age: float | None = DEFAULT_MAX_AGE,
    now: datetime | float | None = None,
    include_query: bool = False,
) -> None:
    """Raise an error unless the platform signed a request for this application, at about this time.

    ``method`` and ``path`` are those that the platform called: the path percent-encoded, before a proxy or a router
    changes it. A query is not part of the signed path unless ``include_query`` is set: the documents mention the path
    alone. ``headers`` is a mapping, an iterable of pairs in any casing, or a WSGI environment (``environ``, Django's
    ``request.META``). ``body`` is the raw bytes. ``credentials`` is one or several: the new and the old ones, while a
    secret is rotated.

    ``max_age`` is how many seconds ``x-timestamp`` may differ from ``now``, either way; None allows any. ``now`` is an
    aware datetime or Unix seconds; the default is the time of the machine.

    :raises InvalidSignatureError: the request has no signature, or not that of one of ``credentials``.
    :raises StaleTimestampError: the timestamp is missing, garbled, or too far from now.
    :raises InvalidRequestError: an argument has a wrong type, such as a body that was parsed already.

    Source: Authentication, Callback signed request.
    """
    authenticate(
        method,
        path,
        headers,
        body,
        credentials=_as_tuple(credentials),
        max_age=max_age,
        now=now,
        include_query=include_query,
    )


def event_from_http(
    method: str,
    path: str,
    headers: HeaderSource,
    body: bytes,
    *,
    credentials: Credentials | Sequence[Credentials],
    max_age: float | None = DEFAULT_MAX_AGE,
    now: datetime | float | None = None,
    include_query: bool = False,
    replay_cache: ReplayCache | None = None,
) -> Event:
    """Check the signature of a callback, and return its event.

    The arguments are those of :func:`verify`. With a ``replay_cache`` a signature is accepted once.

    :raises InvalidSignatureError: the signature is missing, wrong, or was seen before: answer 401.
    :raises StaleTimestampError: the timestamp is missing, garbled, or too far from now: answer 401.
    :raises InvalidEventError: the body is signed and is not an event: answer 400.
    :raises InvalidRequestError: an argument has a wrong type.

    Source: Authentication, Callback signed request; Callbacks.
    """
    proof = authenticate(
        method,
        path,
        headers,
        body,
        credentials=_as_tuple(credentials),
        max_age=max_age,
        now=now,
        include_query=include_query,
    )
    if replay_cache is not None and not replay_cache.add(proof.signature, proof.lifetime):
        raise repeated()
    return read_event(body)


def authenticate(
    method: str,
    path: str,
    headers: HeaderSource,
    body: bytes,
    *,
    credentials: Sequence[Credentials],
    max_age: float | None,
    now: datetime | float | None = None,
    include_query: bool = False,
) -> Proof:
    """Do what :func:`verify` does, and return the proof by which a second request with this signature is refused."""
    _check_types(method, path, body)
    if max_age.__class__ is not float:
        _bounds.seconds(max_age, "max_age", optional=True, error=InvalidRequestError)
    authorization, timestamp, content_type = read_headers(headers)
    key, signature = _key_and_signature(authorization)
    age = _age(timestamp, max_age, now)
    text = string_to_sign(method, path, bytes(body), content_type, timestamp)
    if include_query and "?" in path:
        text += path[path.index("?") :]
    # Methods are case-sensitive (RFC 9110, section 9.1), and the string to sign has them in upper case.
    if not _is_signed(credentials, key, text, signature) or not method.isupper():
        raise InvalidSignatureError(_mismatch(credentials, key, method, path, content_type, len(body)))
    if max_age is None:
        return Proof(signature, DEFAULT_MAX_AGE)
    if not abs(age) <= max_age:
        raise StaleTimestampError(f"x-timestamp is {age:+.0f} seconds old, and may be {max_age:g} off")
    return Proof(signature, max_age - age)


def read_event(body: bytes) -> Event:
    """Return the event of a verified body; raise ``InvalidEventError`` if it is not an event."""
    try:
        return decode_event(bytes(body))
    except DecodeError as error:
        reason = str(error)
    raise InvalidEventError(reason)


def _as_tuple(credentials: Credentials | Sequence[Credentials]) -> tuple[Credentials, ...]:
    # The usual case first, here too.
    return (credentials,) if isinstance(credentials, Credentials) else several(credentials)


def repeated() -> InvalidSignatureError:
    """Return the error for a signature that was seen before."""
    return InvalidSignatureError("the request is a repetition: its signature was accepted before")


def _check_types(method: object, path: object, body: object) -> None:
    if not isinstance(body, _RAW):
        raise InvalidRequestError(
            f"body must be the raw bytes of the request, as they came, not {type(body).__name__}", field="body"
        )
    if not isinstance(method, str):
        raise InvalidRequestError(f"method must be a str, not {type(method).__name__}", field="method")
    if not isinstance(path, str):
        raise InvalidRequestError(f"path must be a str, not {type(path).__name__}", field="path")


def _key_and_signature(authorization: str) -> tuple[str, str]:
    if not authorization:
        raise InvalidSignatureError("the request is not signed: it has no Authorization header")
    scheme, _, pair = authorization.partition(" ")
    key, colon, signature = pair.strip(" ").partition(":")
    if scheme.lower() != "application" or not colon:
        raise InvalidSignatureError("the Authorization header is not that of an application-signed request")
    return key, signature


def _age(timestamp: str, max_age: float | None, now: datetime | float | None) -> float:
    """Return how many seconds ago a timestamp was; 0 if any age is allowed."""
    if not timestamp:
        raise StaleTimestampError("the request has no x-timestamp header")
    if max_age is None:
        return 0.0
    try:
        signed_at = parse_timestamp(timestamp).timestamp()
    except ValueError:
        raise StaleTimestampError("the x-timestamp header is not an ISO 8601 time") from None
    return _unix(now) - signed_at


def _unix(now: object) -> float:
    if now is None:
        return time.time()
    if isinstance(now, float) and now.__class__ is float:  # the usual case first
        return now
    if not isinstance(now, datetime):
        return float(_bounds.number(now, "now", most=_bounds.LONGEST, error=InvalidRequestError))  # type: ignore[arg-type]
    return float(_bounds.moment(now, "now", error=InvalidRequestError).timestamp())


def _is_signed(credentials: Sequence[Credentials], key: str, text: str, signature: str) -> bool:
    try:
        # A list, not a generator: every secret is tried, for any key, also after one has matched.
        return any([signature_matches(own, text, signature) and _is_key(own, key) for own in credentials])  # noqa: C419  # see above
    except UnicodeEncodeError:
        return False


def _is_key(own: Credentials, key: str) -> bool:
    # The platform's documents print keys in either case.
    return own.application_key.lower() == key.lower()


def _mismatch(
    credentials: Sequence[Credentials], key: str, method: str, path: str, content_type: str, size: int
) -> str:
    if not any(_is_key(own, key) for own in credentials):
        return "the request is signed with the key of another application"
    what = f"{method[:16]!a} on {path[:200]!a}, Content-Type {content_type[:100]!a}, {size} bytes of body"
    return f"the signature does not belong to {what}: the secret differs, or a proxy has changed the request"


def read_headers(headers: HeaderSource) -> tuple[str, str, str]:
    """Return ``Authorization``, ``x-timestamp`` and ``Content-Type``, each empty if it is missing.

    :raises InvalidRequestError: these are not headers.
    """
    found = ["", "", ""]
    try:
        for name, value in _pairs(headers):
            place = _PLACES.get(name.lower())
            if place is not None:
                # The usual case first: ASGI has bytes.
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
    # The usual case first: ASGI has a list.
    pairs: Iterable[tuple[Any, Any]] = (
        given if given.__class__ is list or not hasattr(given, "items") else given.items()
    )
    return pairs


def _joined(value: HeaderValue) -> str:
    return _text(value) if isinstance(value, str | bytes) else ", ".join(map(_text, value))


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "surrogateescape")
