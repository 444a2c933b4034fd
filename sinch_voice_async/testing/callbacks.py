"""Callbacks as the platform would send them."""

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sinch_voice_async import _bounds
from sinch_voice_async._wire.codec import encode_json
from sinch_voice_async._wire.documents import encode
from sinch_voice_async._wire.signing import authorization, timestamp_at
from sinch_voice_async.credentials import Credentials
from sinch_voice_async.errors import InvalidRequestError
from sinch_voice_async.models.events import Event

__all__ = ["signed_callback"]


def signed_callback(
    event: Event | Mapping[str, Any] | bytes,
    credentials: Credentials,
    path: str = "/",
    *,
    method: str = "POST",
    content_type: str = "application/json",
    now: datetime | float | None = None,
) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body of a callback, signed as the platform signs it.

    ``event`` is an event, its JSON object, or the bytes of the body. An event is written with the fields that it was
    made or read with, and no others. ``path`` is the called path: percent-encoded, from its first slash on. ``now`` is
    the time of the timestamp, an aware datetime or Unix seconds; the default is the time of the machine.

    ::

        headers, body = signed_callback({"event": "ice", "callId": "1", "cli": "46700000001"}, credentials, "/sinch")
        response = test_client.post("/sinch", headers=headers, content=body)

    :raises InvalidRequestError: an argument has a wrong type, or JSON cannot hold the event.

    Source: Authentication, Callback signed request.
    """
    body = _body(event)
    timestamp = timestamp_at(_seconds(now))
    signed = authorization(credentials, method, path, body, content_type, timestamp)
    return {"content-type": content_type, "x-timestamp": timestamp, "authorization": signed}, body


def _body(event: Event | Mapping[str, Any] | bytes) -> bytes:
    if isinstance(event, bytes):
        return event
    return encode_json(dict(event)) if isinstance(event, Mapping) else encode(event)


def _seconds(now: datetime | float | None) -> float:
    if now is None:
        return time.time()
    if isinstance(now, datetime):
        return float(_bounds.moment(now, "now", error=InvalidRequestError).timestamp())
    return float(_bounds.seconds(now, "now", error=InvalidRequestError))
