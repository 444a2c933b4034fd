"""The ``X-CB-`` headers of a callout, which the platform forwards to the callback URL."""

import re
from collections.abc import Mapping

from sinch_voice_async.errors import InvalidRequestError

__all__ = ["checked_headers"]

_TOKEN = re.compile(r"(?i:x-cb-)[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PRINTABLE = re.compile(r"[\x20-\x7e]*")
_FIELD = "callback_headers"


def checked_headers(headers: Mapping[str, str]) -> tuple[tuple[bytes, bytes], ...]:
    """Return the headers as they go on the wire.

    :raises InvalidRequestError: there are more than five (the platform would silently drop the rest), or one has a name
        or a value that the platform does not take.

    Source: Calling API, HTTP headers in callout requests.
    """
    if len(headers) > 5:
        raise InvalidRequestError(f"{_FIELD} must be at most five, since the platform drops the rest", field=_FIELD)
    return tuple(_checked(name, value) for name, value in headers.items())


def _checked(name: object, value: object) -> tuple[bytes, bytes]:
    if not isinstance(name, str) or not _TOKEN.fullmatch(name) or len(name) > 32:
        raise InvalidRequestError(
            f"{_FIELD}: a name must begin with X-CB-, be an HTTP token and have at most 32 characters", field=_FIELD
        )
    if not isinstance(value, str) or not _PRINTABLE.fullmatch(value) or len(value) > 128:
        raise InvalidRequestError(
            f"{_FIELD}: the value of {name} must be at most 128 characters from space to tilde", field=_FIELD
        )
    return name.encode("ascii"), value.encode("ascii")
