"""A signed HTTP request -> the event in it: pure functions of bytes, for any framework.

Rules:

- No event leaves this module without a valid signature.
- What is signed is what came: the raw body, the ``Content-Type`` as sent, the path as the platform called it.
- The signature is compared in constant time, and also computed where the key is somebody else's, so that the time it
  takes says nothing.
- Basic authorization is never accepted for a callback.

Source: Authentication, Callback signed request.
"""

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from attrs import field, frozen

from sinch_voice_async._wire.event_codec import decode_event
from sinch_voice_async._wire.signing import signature_matches, string_to_sign
from sinch_voice_async._wire.timestamps import parse_timestamp
from sinch_voice_async.credentials import Credentials
from sinch_voice_async.errors import (
    ConfigurationError,
    DecodeError,
    InvalidEventError,
    InvalidRequestError,
    InvalidSignatureError,
    StaleTimestampError,
)
from sinch_voice_async.models.events import Event
from sinch_voice_async.webhooks.replay import ReplayCache
from sinch_voice_async.webhooks.signed_headers import HeaderSource, read_headers

__all__ = ["DEFAULT_MAX_AGE", "Proof", "authenticate", "event_from_http", "read_event", "verify"]

DEFAULT_MAX_AGE = 300.0
"""Seconds that a callback's timestamp may be off, either way. The platform publishes no figure."""

_RAW: Final = (bytes, bytearray, memoryview)
_NUMBERS: Final = (int, float)


@frozen
class Proof:
    """A signature that was valid, and for how many seconds more it would be."""

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
    """Raise unless a request was signed by the platform for this application, lately.

    ``method`` and ``path`` are as the platform called them: the path percent-encoded, before any proxy or router has
    changed it. A query is left out of what is signed unless ``include_query`` is set: the documents speak of the path
    alone. ``headers`` is a mapping or an iterable of pairs, in any casing. ``body`` is the raw bytes. ``credentials``
    is one or several: the new and the old ones, while a secret is rotated.

    ``max_age`` is how many seconds ``x-timestamp`` may be away from ``now``, either way; None takes any. ``now`` is an
    aware datetime or Unix seconds, and the time of the machine where left out.

    :raises InvalidSignatureError: there is no signature, or not that of one of ``credentials``.
    :raises StaleTimestampError: the timestamp is missing, garbled, or too far from now.
    :raises InvalidRequestError: an argument is not what it should be, such as a body that was parsed already.

    Source: Authentication, Callback signed request.
    """
    authenticate(
        method,
        path,
        headers,
        body,
        credentials=several(credentials),
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
    """Return the event that a callback carries, once its signature is proven.

    The arguments are those of :func:`verify`. With a ``replay_cache`` a signature is accepted once.

    :raises InvalidSignatureError: there is no valid signature, or it was seen before: answer 401.
    :raises StaleTimestampError: the timestamp is missing, garbled, or too far from now: answer 401.
    :raises InvalidEventError: the body is signed and no event: answer 400.
    :raises InvalidRequestError: an argument is not what it should be.

    Source: Authentication, Callback signed request; Callbacks.
    """
    proof = authenticate(
        method,
        path,
        headers,
        body,
        credentials=several(credentials),
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
    """Do what :func:`verify` says, and return what is needed to refuse the same signature a second time."""
    _check_types(method, path, body)
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
    """Return the event that a verified body is; raise ``InvalidEventError`` where it is none."""
    try:
        return decode_event(bytes(body))
    except DecodeError as error:
        reason = str(error)
    raise InvalidEventError(reason)


def several(credentials: Credentials | Sequence[Credentials]) -> tuple[Credentials, ...]:
    """Return one or several credentials as a tuple; raise ``ConfigurationError`` where there are none."""
    found = tuple(credentials) if isinstance(credentials, Sequence) else (credentials,)
    if not found or not all(isinstance(one, Credentials) for one in found):
        raise ConfigurationError("credentials must be a Credentials or a sequence of at least one")
    return found


def repeated() -> InvalidSignatureError:
    """Say that a signature was seen before."""
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
        raise InvalidSignatureError("the request is not signed: there is no Authorization header")
    scheme, _, pair = authorization.partition(" ")
    key, colon, signature = pair.strip(" ").partition(":")
    if scheme.lower() != "application" or not colon:
        raise InvalidSignatureError("the Authorization header is not that of an application-signed request")
    return key, signature


def _age(timestamp: str, max_age: float | None, now: datetime | float | None) -> float:
    """Return how many seconds ago a timestamp was; 0 where nobody asks."""
    if not timestamp:
        raise StaleTimestampError("there is no x-timestamp header")
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
    if isinstance(now, _NUMBERS):
        return now
    if not isinstance(now, datetime) or now.tzinfo is None:
        raise InvalidRequestError(
            "now must be Unix seconds or a datetime with a zone, as datetime.now(UTC)", field="now"
        )
    return now.timestamp()


def _is_signed(credentials: Sequence[Credentials], key: str, text: str, signature: str) -> bool:
    try:
        # A list, not a generator: every secret is tried, whatever the key and whichever fits first.
        return any([signature_matches(own, text, signature) and _is_key(own, key) for own in credentials])  # noqa: C419
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
    return f"the signature does not belong to {what}: another secret, or something on the way has changed the request"
