"""Callbacks as the platform would send them."""

import json
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sinch_voice_async._wire.rest_codec import encode
from sinch_voice_async._wire.signing import authorization, timestamp_at
from sinch_voice_async.credentials import Credentials
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
    """Return the headers and the body of a callback, signed as the platform does.

    ``event`` is an event, the JSON object of one, or the body's bytes as they are. ``path`` is the one that is called:
    percent-encoded, from its first slash on. ``now`` is what the timestamp says, an aware datetime or Unix seconds.

    ::

        headers, body = signed_callback({"event": "ice", "callId": "1", "cli": "46700000001"}, credentials, "/sinch")
        response = test_client.post("/sinch", headers=headers, content=body)

    Source: Authentication, Callback signed request.
    """
    body = _body(event)
    moment = now.timestamp() if isinstance(now, datetime) else time.time() if now is None else now
    timestamp = timestamp_at(moment)
    signed = authorization(credentials, method, path, body, content_type, timestamp)
    return {"content-type": content_type, "x-timestamp": timestamp, "authorization": signed}, body


def _body(event: Event | Mapping[str, Any] | bytes) -> bytes:
    if isinstance(event, bytes):
        return event
    if isinstance(event, Mapping):
        return json.dumps(dict(event), ensure_ascii=False).encode()
    return encode(event)
