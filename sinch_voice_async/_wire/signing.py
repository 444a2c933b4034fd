"""The signature of the platform, in both directions, as functions of bytes.

Five lines, joined by line feeds, none at the end::

    VERB
    base64(MD5(body))           empty without a body
    Content-Type                exactly as sent; empty without the header
    x-timestamp:<its value>
    /path                       exactly as on the wire: percent-encoded, without scheme, host and query

The signature is the base64 of HMAC-SHA256 over them, keyed with the decoded application secret.

Source: Authentication, Application signed request and Callback signed request.
"""

import base64
import binascii
import functools
import hashlib
import hmac
from datetime import UTC, datetime

from sinch_voice_async.credentials import Credentials

__all__ = [
    "authorization",
    "basic_authorization",
    "explain_signature",
    "sign",
    "signature_matches",
    "signed_headers",
    "string_to_sign",
    "timestamp_at",
]

_INNER, _OUTER = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))
_LINES = ("the HTTP verb", "the Content-MD5 of the body", "the Content-Type", "the x-timestamp", "the path")


def string_to_sign(method: str, path: str, body: bytes, content_type: str, timestamp: str) -> str:
    """Return the five lines that are signed for one request.

    ``path`` is the path on the wire; a query behind it is left out. ``content_type`` is ``""`` without the
    header. ``timestamp`` is the value of the ``x-timestamp`` header.

    Source: Authentication, Application signed request.
    """
    # MD5 is a checksum inside the signed text; the secrecy does not depend on it.
    digest = _base64(hashlib.md5(body, usedforsecurity=False).digest()) if body else ""
    return f"{method.upper()}\n{digest}\n{content_type}\nx-timestamp:{timestamp}\n{path.partition('?')[0]}"


def sign(credentials: Credentials, text: str) -> str:
    """Return the base64 signature of a string to sign.

    Source: Authentication, Application signed request.
    """
    return _base64(_digest(credentials, text))


def authorization(
    credentials: Credentials, method: str, path: str, body: bytes, content_type: str, timestamp: str
) -> str:
    """Return the value of the ``Authorization`` header of an application-signed request.

    Source: Authentication, Application signed request.
    """
    signature = sign(credentials, string_to_sign(method, path, body, content_type, timestamp))
    return f"application {credentials.application_key}:{signature}"


def signed_headers(
    credentials: Credentials, method: str, path: str, body: bytes, content_type: str, seconds: float
) -> list[tuple[bytes, bytes]]:
    """Return the two headers that make a request of the Unix time ``seconds`` an application-signed one.

    Source: Authentication, Application signed request.
    """
    timestamp = timestamp_at(seconds)
    value = authorization(credentials, method, path, body, content_type, timestamp)
    return [(b"authorization", value.encode("ascii")), (b"x-timestamp", timestamp.encode("ascii"))]


def _digest(credentials: Credentials, text: str) -> bytes:
    inner, outer = _keyed(credentials.signing_key)
    inner, outer = inner.copy(), outer.copy()
    inner.update(text.encode("utf-8", "surrogateescape"))
    outer.update(inner.digest())
    return outer.digest()


@functools.lru_cache(maxsize=64)
def _keyed(key: bytes) -> "tuple[hashlib._Hash, hashlib._Hash]":
    # HMAC as in RFC 2104, begun once for each key: a new one costs more than the signature itself.
    block = (hashlib.sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
    return hashlib.sha256(block.translate(_INNER)), hashlib.sha256(block.translate(_OUTER))


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()


def basic_authorization(credentials: Credentials) -> str:
    """Return the value of the ``Authorization`` header of basic authentication: the secret goes as it is, undecoded.

    Source: Authentication, Basic authorization.
    """
    pair = f"{credentials.application_key}:{credentials.application_secret}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def timestamp_at(seconds: float) -> str:
    """Return the ``x-timestamp`` for a Unix time: ISO 8601 in UTC, milliseconds, ``Z``."""
    whole = int(seconds // 1)
    return f"{_whole_second(whole)}.{int((seconds - whole) * 1000):03d}Z"


@functools.lru_cache(maxsize=4)
def _whole_second(seconds: int) -> str:
    # Thousands of callouts share a second, and writing it out costs as much as the signature.
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def signature_matches(credentials: Credentials, text: str, signature: str) -> bool:
    """Return whether a base64 signature belongs to a string to sign, in a time that does not depend on the difference.

    Source: Authentication, Callback signed request.
    """
    # The texts are compared, not the decoded bytes: base64 has several spellings, and only the canonical one is valid.
    return hmac.compare_digest(sign(credentials, text).encode(), signature.encode("utf-8", "surrogatepass"))


def explain_signature(ours: str, theirs: str) -> str:
    """Compare two strings to sign, and return one sentence about the first line that differs.

    ``ours`` is what you signed (:func:`string_to_sign`), ``theirs`` the string of the other side: the
    sandbox answers 40102 with it. If they are the same, the secrets differ, and the sentence says so.

    Source: Authentication, Application signed request.
    """
    ours_lines, theirs_lines = ours.split("\n"), theirs.split("\n")
    for name, mine, other in zip(_LINES, ours_lines, theirs_lines, strict=False):
        if mine != other:
            return f"{name} differs: you signed {mine!r}, the other side {other!r}"
    if len(ours_lines) != len(theirs_lines):
        return f"the number of lines differs: you signed {len(ours_lines)}, the other side {len(theirs_lines)}"
    return "the strings to sign are the same: the application secrets differ"
