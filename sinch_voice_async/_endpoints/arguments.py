"""What arguments may be, checked before anything is sent."""

import re
from datetime import datetime

from sinch_voice_async.errors import InvalidRequestError

__all__ = ["check_moment", "check_seconds", "check_url", "check_whole"]

_URL = re.compile(r"https?://[^\s/?#]\S*", re.IGNORECASE)


def check_seconds(value: object, field: str) -> None:
    """Refuse what is neither None nor a number of seconds, 0 or more; a bool and a NaN are none."""
    if value is None:
        return
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not value >= 0:
        raise InvalidRequestError(f"{field} must be a number of seconds, 0 or more", field=field)


def check_url(value: object, field: str) -> None:
    """Refuse what is neither None nor an http or https URL that the platform could call."""
    if value is None:
        return
    if not isinstance(value, str) or not value.isprintable() or not _URL.fullmatch(value):
        raise InvalidRequestError(f"{field} must be an http or https URL", field=field)


def check_whole(value: object, field: str, *, least: int) -> None:
    """Refuse what is no whole number, or a smaller one; a bool is none."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InvalidRequestError(f"{field} must be a whole number from {least}", field=field)


def check_moment(value: object, field: str) -> None:
    """Refuse what is neither None nor a datetime with a zone."""
    if value is None:
        return
    if not isinstance(value, datetime):
        raise InvalidRequestError(f"{field} must be a datetime, not {type(value).__name__}", field=field)
    if value.utcoffset() is None:
        advice = "such as datetime(2026, 1, 31, tzinfo=UTC), or .astimezone() of a local time"
        raise InvalidRequestError(f"{field} must have a time zone, {advice}", field=field)
