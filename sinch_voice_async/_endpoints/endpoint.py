"""What endpoints share: ids in paths, requests to other paths, and hints for programs that come from another SDK.

An id is checked and percent-encoded, so it cannot reach another endpoint. Characters that need no encoding stay as
they are (``+ @ : ~`` and the sub-delimiters of RFC 3986), as in the documents of the platform. The signed path is the
path on the wire.

The error for a name of another SDK says what replaces it.
"""

import re
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import quote

from sinch_voice_async._former_names import missing
from sinch_voice_async._transport.messages import Request, Response
from sinch_voice_async._transport.transport import Transport
from sinch_voice_async._wire.rest_codec import encode_json
from sinch_voice_async.errors import InvalidRequestError
from sinch_voice_async.models.limits import LONGEST_CONFERENCE_ID

__all__ = ["HasFormerNames", "conference_segment", "id_segment", "request", "segment"]


class HasFormerNames:
    """A base class whose ``AttributeError`` for a former name has a hint."""

    __slots__: ClassVar[tuple[str, ...]] = ()

    if not TYPE_CHECKING:  # type checkers would accept every name

        def __getattr__(self, name: str) -> Any:
            owner = type(self).__name__
            hint = missing(owner, name, dir(type(self)))
            raise AttributeError(f"{owner!r} object has no attribute {name!r}{hint}", name=name, obj=self)


_KEPT: Final = "+@:~-._!$&'()*,;="
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_STRAY_PERCENT: Final = re.compile("%(?![0-9A-Fa-f]{2})")
# RFC 9110 section 9.2.2. POST and PATCH could call a telephone, so they are not repeated.
_REPEATABLE: Final = ("GET", "HEAD", "PUT", "DELETE", "OPTIONS")


def segment(value: str, field: str) -> str:
    """Return a name that the user chose (a conference, a recording) as one segment of a path.

    :raises InvalidRequestError: ``value`` is not a str, is empty, ``.`` or ``..``, or has a control character.
    """
    if not isinstance(value, str):
        raise InvalidRequestError(f"{field} must be a str, not {type(value).__name__}", field=field)
    if value in ("", ".", ".."):
        raise InvalidRequestError(f"{field} must not be {value!r}", field=field)
    if any(ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 for character in value):
        raise InvalidRequestError(f"{field} must not have control characters", field=field)
    try:
        return quote(value, safe=_KEPT)
    except UnicodeEncodeError:
        raise InvalidRequestError(f"{field} must be text that can be written as UTF-8", field=field) from None


def conference_segment(value: str) -> str:
    """Return the id of a conference, 1 to 64 characters that the user chose, as one segment of a path.

    :raises InvalidRequestError: as for :func:`segment`, or ``value`` is longer.
    """
    encoded = segment(value, "conference_id")
    if len(value) > LONGEST_CONFERENCE_ID:
        raise InvalidRequestError(
            f"conference_id must have at most {LONGEST_CONFERENCE_ID} characters", field="conference_id"
        )
    return encoded


def id_segment(value: str, field: str) -> str:
    r"""Return an id of the platform as one segment of a path: without a slash, a query or a fragment.

    :raises InvalidRequestError: as for :func:`segment`, or ``value`` has ``/``, ``?``, ``#`` or a backslash.
    """
    encoded = segment(value, field)
    if any(character in value for character in "/?#\\"):
        raise InvalidRequestError(f"{field} must not have '/', '?', '#' or a backslash", field=field)
    return encoded


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
