"""How far this machine's clock is off, learnt from the platform when it refuses a timestamp.

The offset is taken from the ``Date`` header of the answer, once per request.
"""

import logging
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

__all__ = ["SMALLEST_CORRECTION", "clock_offset", "complains_about_clock"]

SMALLEST_CORRECTION = 60.0
"""Seconds: a smaller difference is not why a timestamp was refused."""

_CREDIBLE_YEARS = range(2020, 2200)
"""A ``Date`` from outside of them is garbled: nothing could be signed for the year 10000."""

_TIMESTAMP_CODES = frozenset({40101, 40105})
_logger = logging.getLogger("sinch_voice_async")


def complains_about_clock(status: int, code: int | None) -> bool:
    """Say whether an answer refuses the timestamp, rather than the key or the signature."""
    return status == 401 and code in _TIMESTAMP_CODES


def clock_offset(headers: Mapping[str, str], sent: float, received: float, current: float) -> float | None:
    """Return the seconds to add to the local clock, None where the answer does not show that those of now are wrong.

    ``sent`` and ``received`` are the local Unix times around the attempt, ``current`` what is added already. ``Date``
    has whole seconds: half of one is added to meet its middle.
    """
    try:
        date = parsedate_to_datetime(headers.get("date", ""))
    except ValueError:
        return None
    if date.year not in _CREDIBLE_YEARS:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    offset = date.timestamp() + 0.5 - (sent + received) / 2
    if abs(offset - current) < SMALLEST_CORRECTION:
        return None
    _logger.warning("this machine's clock is off by %+.0f seconds; requests are signed with a corrected time", offset)
    return offset
