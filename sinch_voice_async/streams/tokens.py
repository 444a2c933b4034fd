"""One-time tokens: the platform authenticates nothing, so the server gives it something to bring along.

A token is ``CALL.EXPIRY.ID.SIGNATURE``: the call's id in base64url (empty if the call has none yet), Unix seconds, 128
random bits, and HMAC-SHA256 over the three. Each machine that has the application's secret can check it, so a call may
be answered by one machine and connected to another. A token is good for one connection: its random bits are spent in a
replay cache, which the machines share.

The key is derived from the application's secret, so that a token is never a signature of anything else.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Final

from attrs import field, frozen

from sinch_voice_async.credentials import Credentials

__all__ = ["Token", "make_token", "read_token"]

_PURPOSE: Final = b"sinch_voice_async stream token 1"
_LONGEST: Final = 1_024


@frozen
class Token:
    """A token whose signature is right. ``call_id`` is empty if it was made before the call had an id."""

    call_id: str
    expires_at: float
    token_id: str = field(repr=False)


def make_token(credentials: Credentials, call_id: str, expires_at: float) -> str:
    """Return a token for a call that is good until ``expires_at``, in Unix seconds."""
    body = f"{_encoded(call_id.encode())}.{int(expires_at)}.{secrets.token_urlsafe(16)}"
    return f"{body}.{_signature(credentials, body)}"


def read_token(text: str, credentials: Sequence[Credentials]) -> Token | None:
    """Return what a token says, None if no secret of ours has signed it. Its expiry is not looked at here."""
    body, _, signature = text.rpartition(".")
    if len(text) > _LONGEST or not text.isascii():
        return None
    # A list, so that each secret is tried: the time tells nothing about which one fits.
    if not any([hmac.compare_digest(_signature(own, body), signature) for own in credentials]):  # noqa: C419
        return None
    call_id, expires_at, token_id = body.split(".")
    return Token(_decoded(call_id), float(expires_at), token_id)


def _signature(credentials: Credentials, body: str) -> str:
    key = hmac.digest(credentials.signing_key, _PURPOSE, hashlib.sha256)
    return _encoded(hmac.digest(key, body.encode(), hashlib.sha256))


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> str:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
