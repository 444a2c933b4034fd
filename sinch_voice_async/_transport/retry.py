"""When an attempt may be repeated, and after how many seconds: pure decisions, no I/O.

Rules, the first that fits:

1. What the platform may have acted on is repeated only if doing it twice changes nothing. A callout never is.
2. What was proven unsent is repeated, unless it would fail in the same way again (a bad certificate, a bad URL).
3. 429 is repeated after ``Retry-After``, or after a growing random delay without that header.
4. A 401 that complains about the timestamp is repeated once, if the answer showed that the local clock is wrong.
5. Nothing is repeated past ``max_attempts``, past the ``deadline``, or when the client's quota is used up.
6. What must not be repeated blindly is not started again shortly before the deadline: an attempt with too little time
   to read its answer would turn a clean refusal into an unknown outcome.

The numbers are those of the standard retry mode of the AWS SDKs.
"""

import logging
import random
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import ClassVar, Final, Literal, TypeAlias

import attrs

from sinch_voice_async._bounds import checked, flag, number, seconds, whole
from sinch_voice_async.errors import Outcome

__all__ = [
    "SMALLEST_CORRECTION",
    "TIME_TO_ANSWER",
    "Failure",
    "FailureKind",
    "RetryPolicy",
    "RetryQuota",
    "clock_offset",
    "complains_about_clock",
]

FailureKind: TypeAlias = Literal["transient", "throttled", "clock", "permanent"]

TIME_TO_ANSWER: Final = 5.0
"""Seconds before the deadline: later, a request that must not be repeated blindly is not sent again."""

SMALLEST_CORRECTION: Final = 60.0
"""Seconds: a smaller difference is not why a timestamp was refused."""

_CREDIBLE_YEARS: Final = range(2020, 2200)
"""A ``Date`` outside of these years is garbled: nothing could be signed for the year 10000."""

_TIMESTAMP_CODES: Final = frozenset({40101, 40105})
_REPEATABLE_STATUS: Final = frozenset({500, 502, 503, 504})

logger = logging.getLogger("sinch_voice_async")


@attrs.frozen(kw_only=True)
class Failure:
    """What went wrong with one attempt, as far as the decision to repeat it needs."""

    kind: FailureKind
    outcome: Outcome
    status: int | None = None
    retry_after: float | None = None


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """How often, how soon and for how long one request is tried.

    ``max_attempts`` counts the first one. ``deadline`` is seconds for all attempts together (None: no limit): none
    starts after it, each phase of an attempt is cut to what is left, and a callout that was refused is not sent again
    unless there is time to read its answer: 5 seconds, or the read time-out if that is shorter. The delay before
    attempt n+1 is a random part of ``base_delay * 2**(n-1)`` (``throttle_delay`` after 429), at most ``max_delay``
    seconds. A ``Retry-After`` is obeyed exactly; the request is given up if it is longer than ``max_retry_after``.
    ``retry_503`` lets callouts be repeated after a 503 with ``Retry-After``. It is off, because a load balancer may
    write that header for a request that went through. ``RetryPolicy(max_attempts=1)`` never repeats anything.

    :raises ConfigurationError: when a number is negative, not finite, or of another type.
    """

    max_attempts: int = attrs.field(default=3, validator=checked(whole, least=1))
    deadline: float | None = attrs.field(default=60.0, validator=checked(seconds, optional=True))
    retry_503: bool = attrs.field(default=False, validator=checked(flag))
    base_delay: float = attrs.field(default=0.05, validator=checked(seconds))
    throttle_delay: float = attrs.field(default=1.0, validator=checked(seconds))
    max_delay: float = attrs.field(default=20.0, validator=checked(seconds))
    max_retry_after: float = attrs.field(default=120.0, validator=checked(number, least=0))

    def delay(
        self, attempt: int, failure: Failure, *, repeatable: bool, jitter: Callable[[], float] = random.random
    ) -> float | None:
        """Return the seconds to wait before the next attempt, or None to give up.

        ``attempt`` is the number of the one that failed, from 1; ``repeatable`` says whether doing the request twice
        changes nothing; ``jitter`` returns a number from 0 to 1.
        """
        if attempt >= self.max_attempts or not self._allowed(failure, repeatable=repeatable):
            return None
        if failure.kind == "clock":
            return 0.0
        if failure.retry_after is not None:
            return failure.retry_after if failure.retry_after <= self.max_retry_after else None
        base = self.throttle_delay if failure.kind == "throttled" else self.base_delay
        # The exponent is bounded: 2.0 ** 2000 would be an OverflowError, not a long delay.
        return jitter() * min(base * 2.0 ** min(attempt - 1, 64), self.max_delay)

    def _allowed(self, failure: Failure, *, repeatable: bool) -> bool:
        if failure.kind == "permanent":
            return False
        if failure.kind in ("throttled", "clock") or failure.outcome == "unsent":
            return True
        if failure.status == 503 and failure.outcome == "rejected":
            return repeatable or self.retry_503
        return repeatable and (failure.status is None or failure.status in _REPEATABLE_STATUS)


class RetryQuota:
    """What a client may spend on retries, so that they do not multiply an outage.

    Starts at 500. A retry costs 14, after throttling 5, after a clock correction nothing; each success gives 1 back.
    """

    __slots__ = ("left",)

    SIZE = 500
    COST: ClassVar[dict[FailureKind, int]] = {"transient": 14, "throttled": 5, "clock": 0, "permanent": 0}

    def __init__(self) -> None:
        self.left: int = self.SIZE

    def spend(self, kind: FailureKind) -> bool:
        """Take the price of one retry, and return whether there was enough."""
        if self.left < self.COST[kind]:
            return False
        self.left -= self.COST[kind]
        return True


def complains_about_clock(status: int, code: int | None) -> bool:
    """Return whether an answer refuses the timestamp, rather than the key or the signature."""
    return status == 401 and code in _TIMESTAMP_CODES


def clock_offset(headers: Mapping[str, str], sent: float, received: float, current: float) -> float | None:
    """Return the seconds to add to the local clock; None if the answer does not show that the present ones are wrong.

    ``sent`` and ``received`` are the local Unix times around the attempt, ``current`` the seconds that are added
    already. ``Date`` has whole seconds: half of one is added to meet its middle.
    """
    try:
        date = parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, OverflowError):
        return None
    if date.year not in _CREDIBLE_YEARS:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    offset = date.timestamp() + 0.5 - (sent + received) / 2
    if abs(offset - current) < SMALLEST_CORRECTION:
        return None
    logger.warning("this machine's clock is off by %+.0f seconds; requests are signed with a corrected time", offset)
    return offset
