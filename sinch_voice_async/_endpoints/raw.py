"""The way out: a signed, retried request for what this library does not know yet."""

import re
from typing import Any

from sinch_voice_async._transport.messages import Request, Response
from sinch_voice_async._transport.transport import Transport
from sinch_voice_async._wire.rest_codec import encode_json
from sinch_voice_async.errors import InvalidRequestError

__all__ = ["request"]

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_STRAY_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
# RFC 9110 section 9.2.2, but nothing that could ring a telephone: whatever POST and PATCH may mean is not repeated.
_REPEATABLE = ("GET", "HEAD", "PUT", "DELETE", "OPTIONS")


async def request(transport: Transport, method: str, path: str, body: Any, *, configuration: bool) -> Response:
    """Send one request to a path of the platform; see ``VoiceClient.request``."""
    verb = method.upper() if isinstance(method, str) else ""
    if verb not in _METHODS:
        raise InvalidRequestError(f"method must be one of {', '.join(_METHODS)}", field="method")
    if not isinstance(path, str) or not path.startswith("/") or not _is_target(path):
        raise InvalidRequestError("path must begin with '/' and be percent-encoded", field="path")
    return await transport.send(
        Request(
            method=verb,
            path=path,
            route="(request)",
            repeatable=verb in _REPEATABLE,
            body=_encoded(body),
            configuration=configuration,
        )
    )


def _is_target(path: str) -> bool:
    allowed = path.isascii() and path.isprintable() and not any(character in path for character in ' #"<>\\^`{|}')
    return allowed and _STRAY_PERCENT.search(path) is None


def _encoded(body: Any) -> bytes:
    if body is None:
        return b""
    if isinstance(body, bytes):
        return body
    if not isinstance(body, str):
        return encode_json(body)
    try:
        return body.encode()
    except UnicodeEncodeError:
        raise InvalidRequestError("body must be text that can be written as UTF-8", field="body") from None
