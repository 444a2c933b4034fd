"""The platform's ISO 8601 forms <-> aware datetimes in UTC.

Rules:

- Read: with ``Z``, with an offset, or with no zone at all, which is UTC (seen in answers to Get Call Result).
- Read: up to seven fractional digits (seen in ``x-timestamp``); a datetime keeps six, the seventh is cut.
- Written: UTC with ``Z``, and a fraction only where there is one.
"""

from datetime import UTC, datetime


def parse_timestamp(text: str) -> datetime:
    """Return the moment that an ISO 8601 text names, aware and in UTC; raise ValueError where it names none."""
    try:
        moment = datetime.fromisoformat(text.upper())
        if moment.tzinfo is UTC:
            return moment
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("an ISO 8601 time is expected") from None


def format_timestamp(moment: datetime) -> str:
    """Return ``2022-03-21T13:13:59Z`` of an aware datetime; raise ValueError where it has no zone."""
    if moment.tzinfo is None:
        raise ValueError("a time with a zone is expected, such as datetime.now(UTC)")
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"
