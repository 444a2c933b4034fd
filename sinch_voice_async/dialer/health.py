"""Whether a campaign may go on: pause, resume and stop, and what a series of bad answers means.

Rules:

- Until the platform accepted one callout, one goes out at a time, and so after callouts without an answer and after a
  series of refusals. So wrong credentials, no credit and a silent platform cost one contact and not hundreds.
- After 5 unknown outcomes in a row nothing goes out for a while, then one callout as a probe, with growing pauses.
  After 20 more the campaign pauses.
- After 50 refusals in a row, equal or not, the campaign pauses: the next contact would be refused too.
- While nothing can be sent, one callout is tried at a time, with growing pauses, for at most ``network_timeout``.
- An answer to a callout that was sent before a hold is part of the trouble that caused the hold, and changes nothing.
"""

import math
from typing import Final

import anyio
from attrs import define, field, frozen

__all__ = ["Health", "PauseControl", "Reaction"]

_FIRST_BACKOFF: Final = 1.0
_LONGEST_BACKOFF: Final = 30.0
_UNKNOWNS_TO_HOLD: Final = 5
_UNKNOWNS_TO_PAUSE: Final = 25
_REFUSALS_TO_SLOW: Final = 5
_REFUSALS_TO_PAUSE: Final = 50
_KINDS_NAMED: Final = 3


class PauseControl:
    """Open, paused, or stopped for good. It acts before the next claim."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self.is_stopped: bool = False
        self._opened: anyio.Event | None = None

    @property
    def is_open(self) -> bool:
        """Whether a claim may follow."""
        return self.reason is None and not self.is_stopped

    def pause(self, reason: str) -> None:
        """Stop dialling until :meth:`resume`; the first reason is kept."""
        if self.is_open:
            self.reason = reason

    def resume(self) -> None:
        """Go on after a pause."""
        self.reason = None
        if self._opened is not None:
            self._opened.set()
            self._opened = None

    def stop(self) -> None:
        """Stop dialling for good, and end every wait."""
        self.is_stopped = True
        self.resume()

    async def wait(self) -> bool:
        """Wait until a pause is over, and say whether dialling goes on: False after :meth:`stop`."""
        while self.reason is not None:
            self._opened = self._opened or anyio.Event()
            await self._opened.wait()
        return not self.is_stopped


@frozen(kw_only=True)
class Reaction:
    """What to do after an answer: hold for so many seconds, pause for a reason, or give up."""

    hold: float = 0.0
    pause: str | None = None
    give_up: bool = False


_GO_ON: Final = Reaction()


@define(kw_only=True)
class Health:
    """Judges the answers of the platform, in the order in which they come. Instants are of the monotonic clock.

    ``is_alone`` says that one callout goes out at a time.
    """

    network_timeout: float
    is_alone: bool = True
    _unknowns: int = 0
    _refusals: int = 0
    _kinds: dict[str, None] = field(factory=dict)
    _slowed: int = 0
    _slowed_at: float = -math.inf
    _down_since: float | None = None
    _held_until: float = -math.inf
    _backoff: float = field(default=_FIRST_BACKOFF)

    def accepted(self, sent_at: float) -> Reaction:
        """Take note of a callout that the platform accepted."""
        if sent_at >= self._held_until:
            self._answered()
            self.is_alone, self._refusals, self._slowed = False, 0, 0
        return _GO_ON

    def too_fast(self, now: float, sent_at: float) -> Reaction:
        """Take note of a 429: the platform answers. Hundreds at once are one piece of news."""
        if sent_at < max(self._held_until, self._slowed_at):
            return _GO_ON
        self._answered()
        self.is_alone = self._refusals >= _REFUSALS_TO_SLOW
        self._slowed_at = now
        self._slowed += 1
        if self._slowed < _REFUSALS_TO_PAUSE:
            return _GO_ON
        self._slowed = 0
        return Reaction(pause=f"the platform asked {_REFUSALS_TO_PAUSE} times in a row to go slower")

    def refused(self, refusal: str, sent_at: float) -> Reaction:
        """Take note of a refusal, of which ``refusal`` says which one it is."""
        if sent_at >= self._held_until:
            self._answered()
        if not self._refusals:
            self._kinds.clear()
        self._refusals += 1
        self._kinds[refusal] = None
        if self._refusals >= _REFUSALS_TO_SLOW:
            self.is_alone = True
        if self._refusals < _REFUSALS_TO_PAUSE:
            return _GO_ON
        count, self._refusals = self._refusals, 0
        kinds = " and ".join([*self._kinds][:_KINDS_NAMED])
        return Reaction(pause=f"the platform refused {count} callouts in a row with {kinds}")

    def unknown(self, note: str, now: float, sent_at: float) -> Reaction:
        """Take note of a callout whose outcome is unknown."""
        self.is_alone = True
        if sent_at < self._held_until:
            return _GO_ON
        self._unknowns += 1
        if self._unknowns >= _UNKNOWNS_TO_PAUSE:
            count, self._unknowns = self._unknowns, 0
            return Reaction(pause=f"the outcome of {count} callouts in a row is unknown ({note})")
        return Reaction(hold=self._hold(now)) if self._unknowns >= _UNKNOWNS_TO_HOLD else _GO_ON

    def unsent(self, now: float, sent_at: float) -> Reaction:
        """Take note of a callout that could not be sent."""
        self.is_alone = True
        # Hundreds may fail at once: that is one piece of news.
        if sent_at < self._held_until:
            return _GO_ON
        if self._down_since is None:
            self._down_since = now
        return Reaction(hold=self._hold(now), give_up=now - self._down_since > self.network_timeout)

    @property
    def is_down(self) -> bool:
        """Whether the network is down."""
        return self._down_since is not None

    def _answered(self) -> None:
        self._unknowns, self._down_since, self._backoff = 0, None, _FIRST_BACKOFF

    def _hold(self, now: float) -> float:
        seconds = self._backoff
        self._held_until = now + seconds
        self._backoff = min(seconds * 2, _LONGEST_BACKOFF)
        return seconds
