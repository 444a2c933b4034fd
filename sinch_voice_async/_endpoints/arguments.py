"""What arguments may be, checked before anything is sent."""

from datetime import datetime

from sinch_voice_async.errors import InvalidRequestError

__all__ = ["check_moment", "check_whole"]


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
