"""Whether a contact may be dialled now, later, or not at all: asked before it is paced, and again before its claim.

Rules, the first that fits:

1. On the do-not-call list: no. A list that cannot be asked stops the campaign.
2. The limit of spending is reached: no; it may be, once the calls that are alive have been paid: in a moment.
3. Outside of the calling window: when it opens next; no, where that is never or after the end of the campaign.
4. As many attempts today as are allowed: tomorrow, under rule 3.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, time, timedelta
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from attrs import frozen

from sinch_voice_async.dialer.budget import Room
from sinch_voice_async.dialer.journal import Outcome
from sinch_voice_async.dialer.numbers import read_number
from sinch_voice_async.dialer.window import CallingWindow, local_day
from sinch_voice_async.errors import CampaignError, ConfigurationError, InvalidRequestError

__all__ = ["DoNotCall", "IsListed", "Screen", "Verdict", "to_do_not_call"]

IsListed: TypeAlias = Callable[[str], bool | Awaitable[bool]]
"""Says of a number whether it must not be called."""

DoNotCall: TypeAlias = Iterable[str] | IsListed
"""Numbers that are not called, or a function that says so of a number, ``async`` or not."""

_LOOK_AGAIN: Final = 5.0

LISTED: Final = "on the do-not-call list"
OVERSPENT: Final = "the spend limit is reached"
NO_ZONE: Final = "no time zone is known for the number"
NEVER_OPEN: Final = "outside of the calling window until the campaign ends"
CLOSED: Final = "outside of the calling window"
ENOUGH_TODAY: Final = "called often enough today"


@frozen(kw_only=True)
class Verdict:
    """``may_dial`` now; else ``note`` says why not, and ``due`` from when, None for not at all. ``day`` is the date."""

    may_dial: bool
    day: str
    note: str = ""
    due: float | None = None


def to_do_not_call(given: DoNotCall, country: str | None = None) -> IsListed:
    """Return the function that is asked about each number; a list may use national forms of ``country``.

    :raises ConfigurationError: an entry of a list is no telephone number: it could not keep anybody from being called.
    """
    if callable(given):
        return given
    listed: set[str] = set()
    for place, number in enumerate(given, 1):
        try:
            listed.add(read_number(number, country=country, allow_premium=True))
        except InvalidRequestError as problem:
            raise ConfigurationError(f"do_not_call, entry {place}: {problem}") from None
    return listed.__contains__


@frozen(kw_only=True)
class Screen:
    """The rules under which contacts are called. ``until`` is when the campaign ends, in seconds since 1970."""

    window: CallingWindow | None
    is_listed: IsListed
    attempts_per_day: int
    until: float | None
    room: Callable[[], Room]

    async def verdict(self, outcome: Outcome, now: float) -> Verdict:
        """Say whether a contact may be dialled now.

        :raises CampaignError: the do-not-call list could not be asked.
        """
        places = self._places(outcome)
        day = local_day(places, now).isoformat()
        if await self._ask(outcome.number):
            return Verdict(may_dial=False, day=day, note=LISTED)
        if (room := self.room()) != "yes":
            due = now + _LOOK_AGAIN if room == "not yet" else None
            return Verdict(may_dial=False, day=day, note=OVERSPENT, due=due)
        if self.window is not None and not places:
            return Verdict(may_dial=False, day=day, note=NO_ZONE)
        full = outcome.day == day and outcome.today >= self.attempts_per_day
        earliest = _tomorrow(places, now) if full else now
        opening = earliest if self.window is None else self.window.next_opening(outcome.contact, earliest)
        if opening is None or (self.until is not None and opening >= self.until):
            return Verdict(may_dial=False, day=day, note=NEVER_OPEN)
        if opening > now:
            return Verdict(may_dial=False, day=day, note=ENOUGH_TODAY if full else CLOSED, due=opening)
        return Verdict(may_dial=True, day=day)

    def _places(self, outcome: Outcome) -> tuple[ZoneInfo, ...]:
        return () if self.window is None else self.window.zones_of(outcome.contact)

    async def _ask(self, number: str) -> bool:
        try:
            answer = self.is_listed(number)
            if isinstance(answer, bool):
                return answer
            return bool(await answer if inspect.isawaitable(answer) else answer)
        except Exception as problem:
            raise CampaignError("the do-not-call list could not be asked, and so nobody is called") from problem


def _tomorrow(places: tuple[ZoneInfo, ...], now: float) -> float:
    # The last of the places to have a new day, so that it is a new day in each.
    days = [datetime.fromtimestamp(now, place) for place in places or (UTC,)]
    return max(
        datetime.combine(day.date() + timedelta(days=1), time.min, tzinfo=day.tzinfo).timestamp() for day in days
    )
