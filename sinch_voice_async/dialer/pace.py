"""When the next callout may go out: pure decisions, no clock, no waiting.

Rules:

- Carriers count in rolling windows, so the pace is smooth: the next instant is ``max(next, now) + 1 / rate``, and time
  that went by unused is not made up for.
- 429 takes the rate to 0.7 of itself, not below 0.5 a second, and nothing goes out for as long as ``Retry-After`` says.
  What was sent before the last slowing down does not slow down again: one wave of refusals is one piece of news.
- From there the rate climbs by 5 % of the target a second, and never above the target.
"""

import math
from typing import Final

from attrs import evolve, frozen

from sinch_voice_async.errors import ConfigurationError

__all__ = ["Pace"]

_SLOWER: Final = 0.7
_FLOOR: Final = 0.5
_CLIMB: Final = 0.05
_FAST: Final = 1000.0
_LONGEST_HOLD: Final = 3600.0


@frozen(kw_only=True)
class Pace:
    """How fast, and from when. Times are seconds of a clock that never goes back.

    ``target`` is callouts per second as asked for, infinite for as fast as possible. ``slowed_rate`` is what the rate
    was right after the last slowing down, at ``slowed_at``.
    """

    target: float
    slowed_rate: float | None = None
    slowed_at: float = -math.inf
    next: float = -math.inf

    @classmethod
    def of(cls, calls_per_second: float) -> "Pace":
        """Return a pace that has not begun.

        :raises ConfigurationError: ``calls_per_second`` is no positive number.
        """
        number: object = calls_per_second
        if not isinstance(number, (int, float)) or isinstance(number, bool) or not number > 0:
            raise ConfigurationError(f"calls_per_second must be a positive number, not {calls_per_second!r}")
        return cls(target=float(number))

    def rate(self, now: float) -> float:
        """Return the callouts per second of now."""
        if self.slowed_rate is None:
            return self.target
        climbed = _CLIMB * self._measure * max(now - self.slowed_at, 0.0)
        return min(self.target, self.slowed_rate + climbed)

    def reserve(self, now: float) -> tuple[float, "Pace"]:
        """Return the instant at which a callout may go out, and the pace after it."""
        instant = max(self.next, now)
        return instant, evolve(self, next=instant + 1.0 / self.rate(instant))

    def held(self, until: float) -> "Pace":
        """Return the pace where nothing goes out before an instant."""
        return evolve(self, next=max(self.next, until))

    def slowed(self, now: float, *, retry_after: float | None, sent_at: float) -> "Pace":
        """Return the pace after a 429 for what was sent at an instant."""
        held = self.held(now + min(max(retry_after or 0.0, 0.0), _LONGEST_HOLD))
        if sent_at <= self.slowed_at:
            return held
        rate = max(min(self.rate(now), self._measure) * _SLOWER, min(_FLOOR, self.target))
        return evolve(held, slowed_rate=rate, slowed_at=now)

    @property
    def _measure(self) -> float:
        # As fast as possible has no shares; what a 429 says is only that it was too fast.
        return min(self.target, _FAST)
