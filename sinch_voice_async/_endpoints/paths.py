"""Ids in paths: checked and percent-encoded, so that none can reach another endpoint.

What need not be encoded stays as it is (``+ @ : ~`` and the sub-delimiters of RFC 3986), since the platform's own
documents write it so, and what is signed is what is on the wire.
"""

from urllib.parse import quote

from sinch_voice_async.errors import InvalidRequestError
from sinch_voice_async.models.limits import LONGEST_CONFERENCE_ID

__all__ = ["conference_segment", "id_segment", "segment"]

_KEPT = "+@:~-._!$&'()*,;="


def segment(value: str, field: str) -> str:
    """Return a name that the user chose (a conference, a recording) as one segment of a path.

    :raises InvalidRequestError: it is no string, empty, ``.`` or ``..``, or holds a control character.
    """
    if not isinstance(value, str):
        raise InvalidRequestError(f"{field} must be a str, not {type(value).__name__}", field=field)
    if value in ("", ".", ".."):
        raise InvalidRequestError(f"{field} must not be {value!r}", field=field)
    if any(ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 for character in value):
        raise InvalidRequestError(f"{field} must not hold control characters", field=field)
    try:
        return quote(value, safe=_KEPT)
    except UnicodeEncodeError:
        raise InvalidRequestError(f"{field} must be text that can be written as UTF-8", field=field) from None


def conference_segment(value: str) -> str:
    """Return the id of a conference, 1 to 64 characters that the user chose, as one segment of a path.

    :raises InvalidRequestError: as for :func:`segment`, or it is longer.
    """
    encoded = segment(value, "conference_id")
    if len(value) > LONGEST_CONFERENCE_ID:
        raise InvalidRequestError(
            f"conference_id must have at most {LONGEST_CONFERENCE_ID} characters", field="conference_id"
        )
    return encoded


def id_segment(value: str, field: str) -> str:
    r"""Return an id that the platform made as one segment of a path: it never holds a slash, a query or a fragment.

    :raises InvalidRequestError: as for :func:`segment`, or it holds ``/``, ``?``, ``#`` or a backslash.
    """
    encoded = segment(value, field)
    if any(character in value for character in "/?#\\"):
        raise InvalidRequestError(f"{field} must not hold '/', '?', '#' or a backslash", field=field)
    return encoded
