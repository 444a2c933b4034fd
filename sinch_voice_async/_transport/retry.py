"""When an attempt may be repeated, and after how many seconds: pure decisions, no clock, no I/O.

Rules, the first that fits:

1. What the platform may have acted on is repeated only where doing it twice changes nothing. A callout never is.
2. What was proven unsent is repeated, unless it would fail in the same way again (a bad certificate, a bad URL).
3. 429 is repeated after ``Retry-After``, or a growing random delay where there is none.
4. A 401 that complains about the timestamp is repeated once, if the answer showed that our clock is wrong.
5. Nothing is repeated past ``max_attempts``, past the ``deadline``, or when the client's quota is used up.

The explanation of retries gives the reasons.

Source: AWS SDK retries, standard mode.
"""

import random
from collections.abc import Callable
from typing import Any, ClassVar, Literal, TypeAlias

import attrs

from sinch_voice_async.errors import ConfigurationError, Outcome

__all__ = ["Failure", "FailureKind", "RetryPolicy", "RetryQuota"]

FailureKind: TypeAlias = Literal["transient", "throttled", "clock", "permanent"]
_REPEATABLE_STATUS = frozenset({500, 502, 503, 504})


@attrs.frozen(kw_only=True)
class Failure:
    """What went wrong with one attempt, as far as the decision to repeat it needs."""

    kind: FailureKind
    outcome: Outcome
    status: int | None = None
    retry_after: float | None = None


def _positive(_instance: object, attribute: "attrs.Attribute[Any]", value: float | None) -> None:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not value >= 0:
        raise ConfigurationError(f"RetryPolicy.{attribute.name} must be a number that is not negative, not {value!r}")


def _positive_or_none(instance: object, attribute: "attrs.Attribute[Any]", value: float | None) -> None:
    if value is not None:
        _positive(instance, attribute, value)


def _at_least_one(_instance: object, attribute: "attrs.Attribute[int]", value: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigurationError(f"RetryPolicy.{attribute.name} must be a whole number from 1, not {value!r}")


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """How often, how soon and how long one request is tried.

    ``max_attempts`` counts the first one; ``deadline`` is seconds for all attempts together (None: no limit): none
    starts after it, and each phase of an attempt is cut to what is left. The delay before attempt n+1 is a random share
    of ``base_delay * 2**(n-1)`` (``throttle_delay`` after 429), at most ``max_delay`` seconds. A ``Retry-After`` is
    obeyed exactly, and the request given up where it is longer than ``max_retry_after``. ``retry_503`` lets callouts be
    repeated after a 503 that carries ``Retry-After``; off, since a load balancer may write it for a request that went
    through. ``RetryPolicy(max_attempts=1)`` never repeats anything.

    :raises ConfigurationError: a number is negative or of another type.
    """

    max_attempts: int = attrs.field(default=3, validator=_at_least_one)
    deadline: float | None = attrs.field(default=60.0, validator=_positive_or_none)
    retry_503: bool = False
    base_delay: float = attrs.field(default=0.05, validator=_positive)
    throttle_delay: float = attrs.field(default=1.0, validator=_positive)
    max_delay: float = attrs.field(default=20.0, validator=_positive)
    max_retry_after: float = attrs.field(default=120.0, validator=_positive)

    def delay(
        self, attempt: int, failure: Failure, *, repeatable: bool, share: Callable[[], float] = random.random
    ) -> float | None:
        """Return the seconds to wait before the next attempt, or None to give up.

        ``attempt`` is the number of the one that failed, from 1; ``repeatable`` says whether doing the request twice
        changes nothing; ``share`` returns a number from 0 to 1.
        """
        if attempt >= self.max_attempts or not self._allowed(failure, repeatable=repeatable):
            return None
        if failure.kind == "clock":
            return 0.0
        if failure.retry_after is not None:
            return failure.retry_after if failure.retry_after <= self.max_retry_after else None
        base = self.throttle_delay if failure.kind == "throttled" else self.base_delay
        # The exponent is bounded: 2.0 ** 2000 would be an OverflowError, not a long delay.
        return share() * min(base * 2.0 ** min(attempt - 1, 64), self.max_delay)

    def _allowed(self, failure: Failure, *, repeatable: bool) -> bool:
        if failure.kind == "permanent":
            return False
        if failure.kind in ("throttled", "clock") or failure.outcome == "unsent":
            return True
        if failure.status == 503 and failure.outcome == "rejected":
            return repeatable or self.retry_503
        return repeatable and (failure.status is None or failure.status in _REPEATABLE_STATUS)


class RetryQuota:
    """What a client may spend on retries, so that an outage is not multiplied by them.

    Starts at 500. A retry costs 14, after throttling 5, after a clock correction nothing; each success gives 1 back.
    """

    __slots__ = ("left",)

    SIZE = 500
    COST: ClassVar[dict[FailureKind, int]] = {"transient": 14, "throttled": 5, "clock": 0, "permanent": 0}

    def __init__(self) -> None:
        self.left: int = self.SIZE

    def spend(self, kind: FailureKind) -> bool:
        """Take the price of one retry, and say whether there was enough."""
        if self.left < self.COST[kind]:
            return False
        self.left -= self.COST[kind]
        return True
