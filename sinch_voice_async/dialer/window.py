"""When somebody may be called, where they are.

Rules:

- The window must be open in every zone that the contact may be in; where no zone is known, it never opens.
- A window that could never open is refused when it is made, and so is one that would reach over midnight.
- Local times that a change of the clocks leaves out or repeats are judged by what the clocks show.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from attrs import field, frozen

from sinch_voice_async.dialer import zones
from sinch_voice_async.dialer.contacts import Contact
from sinch_voice_async.errors import ConfigurationError

__all__ = ["CallingWindow", "local_day"]

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EVERY_DAY: Any = _DAYS
_LOOK_AHEAD: Final = timedelta(days=15)
_END_OF_DAY: Final = time.max


def _to_time(value: str | time) -> time:
    if value == "24:00":
        return _END_OF_DAY
    try:
        return value if isinstance(value, time) else time.fromisoformat(value)
    except (TypeError, ValueError):
        raise ConfigurationError(f"a calling window opens and closes at times such as '09:00', not {value!r}") from None


def _to_days(days: Collection[str]) -> frozenset[int]:
    if isinstance(days, str) or not days or not set(days) <= set(_DAYS):
        raise ConfigurationError(f"days must be some of {', '.join(_DAYS)}, not {days!r}")
    return frozenset(_DAYS.index(day) for day in days)


def _to_zone(name: str | None) -> ZoneInfo | None:
    if name is None:
        return None
    found = zones.zone(name)
    if found is None:
        raise ConfigurationError(f"zone must be an IANA time zone that this machine knows, not {name!r}")
    return found


@frozen
class CallingWindow:
    """The hours in which contacts may be called, by the clock on their wall.

    ``opens`` and ``closes`` are ``"HH:MM"``, ``closes`` excluded and ``"24:00"`` allowed; ``days`` are those of the
    week. ``zone`` is one IANA time zone for all contacts that name none of their own; left None, the zones of a number
    are looked up, which needs the extra ``dialer``. ``countries`` has windows of their own for some countries, by two
    letters: ``{"US": CallingWindow("08:00", "21:00")}``; it needs the extra too.

    This is configuration and no legal advice: what the law of a place allows, and when, is for you to know.

    :raises ConfigurationError: the window never opens, reaches over midnight, or names what does not exist.
    """

    opens: time = field(default=time(9), converter=_to_time)
    closes: time = field(default=time(20), converter=_to_time)
    days: frozenset[int] = field(default=_EVERY_DAY, converter=_to_days, kw_only=True)
    zone: ZoneInfo | None = field(default=None, converter=_to_zone, kw_only=True)
    countries: Mapping[str, "CallingWindow"] = field(factory=dict, kw_only=True, hash=False)

    def __attrs_post_init__(self) -> None:
        if not self.opens < self.closes:
            raise ConfigurationError(
                f"a calling window opens before it closes, on the same day: {self.opens:%H:%M} to {self.closes:%H:%M} "
                "never opens"
            )

    def next_opening(self, contact: Contact, now: float) -> float | None:
        """Return from when a contact may be called: ``now`` where it may be, None where that is never.

        :raises ConfigurationError: the extra ``dialer`` is needed, and not installed.
        """
        window = self.window_of(contact)
        places = window.zones_of(contact)
        if not places:
            return None
        moment = datetime.fromtimestamp(now, UTC)
        opening = _common_opening(window, places, moment)
        if opening == moment:
            return now
        return None if opening is None else opening.timestamp()

    def zones_of(self, contact: Contact) -> tuple[ZoneInfo, ...]:
        """Return every zone that a contact may be in, as far as this window knows; empty where it does not."""
        zone = self.window_of(contact).zone
        return (zone,) if zone is not None and contact.zone is None else zones.zones_of(contact)

    def window_of(self, contact: Contact) -> "CallingWindow":
        """Return the window of a contact's country, or this one where its country has none of its own."""
        if not self.countries:
            return self
        return self.countries.get(zones.country_of(contact.number) or "", self)

    def opening(self, place: ZoneInfo, moment: datetime) -> datetime:
        """Return the first moment from this one on when the window is open in one zone."""
        local = moment.astimezone(place)
        if self._is_open(local):
            return moment
        day = local.date() + timedelta(days=local.time() >= self.opens)
        while day.weekday() not in self.days:
            day += timedelta(days=1)
        opening = datetime.combine(day, self.opens, tzinfo=place).astimezone(UTC)
        # Where clocks go back over the opening, it may lie behind us; the next look is a minute later.
        return opening if opening > moment else moment + timedelta(minutes=1)

    def _is_open(self, local: datetime) -> bool:
        return local.weekday() in self.days and self.opens <= local.time() < self.closes


def _common_opening(window: CallingWindow, places: Sequence[ZoneInfo], moment: datetime) -> datetime | None:
    end = moment + _LOOK_AHEAD
    while moment < end:
        latest = max(window.opening(place, moment) for place in places)
        if latest == moment:
            return moment
        moment = latest
    return None


def local_day(places: Sequence[ZoneInfo], now: float) -> date:
    """Return the date where a contact is; in UTC where that is not known."""
    return datetime.fromtimestamp(now, places[0] if places else UTC).date()
