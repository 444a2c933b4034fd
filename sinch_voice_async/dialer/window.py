"""When a contact may be called: the calling window, and the time zones in which the contact may be.

Rules:

- The window must be open in every zone in which the contact may be. If no zone is known, it never opens.
- A number tells its zone roughly: a toll-free number of the United States may be in any of 43. So the answer is all of
  them. The tables need the extra ``dialer``.
- A window that never opens is refused when it is made, and so is one that reaches over midnight.
- Local times that a change of the clocks leaves out or repeats are judged by what the clocks show.
"""

import importlib
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from attrs import field, frozen

from sinch_voice_async.dialer.contacts import Contact
from sinch_voice_async.errors import ConfigurationError

__all__ = ["CallingWindow", "known_zones", "local_days", "next_days", "zone", "zones_of"]

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EVERY_DAY: Any = _DAYS
_LOOK_AHEAD: Final = timedelta(days=15)
_LONGEST_CLOSED: Final = 400
_END_OF_DAY: Final = time.max
_UNKNOWN: Final = "Etc/Unknown"


@cache
def zone(name: str) -> ZoneInfo | None:
    """Return a time zone by its IANA name, None for an unknown name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def zones_of(contact: Contact) -> tuple[ZoneInfo, ...]:
    """Return every zone in which a contact may be: its own if it names one, else those of its numbers.

    It is empty if they are not known, or if this machine has no rules for one of them.

    :raises ConfigurationError: the extra ``dialer`` is not installed, and the contact names no zone.
    """
    names = (contact.zone,) if contact.zone else tuple(name for each in contact.numbers for name in _zone_names(each))
    found = [zone(name) for name in dict.fromkeys(names)]
    return tuple(each for each in found if each is not None) if all(found) else ()


def known_zones(contact: Contact) -> tuple[ZoneInfo, ...]:
    """Return what :func:`zones_of` returns; nothing if the extra ``dialer`` is not installed."""
    try:
        return zones_of(contact)
    except ConfigurationError:
        return ()


def local_days(places: Sequence[ZoneInfo], moment: float) -> tuple[date, ...]:
    """Return the date of a moment in each place; in UTC if no place is known."""
    return tuple(datetime.fromtimestamp(moment, place).date() for place in places or (UTC,))


def next_days(places: Sequence[ZoneInfo], moment: float) -> float:
    """Return when the next day has begun in every place; in UTC if no place is known."""
    days = [datetime.fromtimestamp(moment, place) for place in places or (UTC,)]
    return max(
        datetime.combine(day.date() + timedelta(days=1), time.min, tzinfo=day.tzinfo).timestamp() for day in days
    )


def _country_of(number: str) -> str | None:
    library = _tables("phonenumbers")
    try:
        country: str | None = library.region_code_for_number(library.parse(number))
    except library.NumberParseException:
        return None
    return country


@lru_cache(maxsize=4096)
def _zone_names(number: str) -> tuple[str, ...]:
    library = _tables("phonenumbers")
    try:
        parsed = library.parse(number)
    except library.NumberParseException:
        return (_UNKNOWN,)
    names: tuple[str, ...] = _tables("phonenumbers.timezone").time_zones_for_number(parsed)
    return names


@cache
def _tables(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigurationError(
            "to know a number's time zone, install the extra: sinch-voice-async[dialer]; or give the window a zone, or "
            "each contact its own"
        ) from error


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
    found = zone(name)
    if found is None:
        raise ConfigurationError(f"zone must be an IANA time zone that this machine knows, not {name!r}")
    return found


def _to_breaks(breaks: Iterable[tuple[str | time, str | time]]) -> tuple[tuple[time, time], ...]:
    try:
        found = sorted((_to_time(begins), _to_time(ends)) for begins, ends in breaks)
    except (TypeError, ValueError) as error:
        if isinstance(error, ConfigurationError):
            raise
        raise ConfigurationError("breaks must be pairs of times, such as ('13:00', '14:00')") from None
    if not all(begins < ends for begins, ends in found):
        raise ConfigurationError("a break begins before it ends, on the same day")
    return tuple(found)


@frozen
class CallingWindow:
    """The hours in which contacts may be called, by the clock where they are.

    ``opens`` and ``closes`` are ``"HH:MM"``; ``closes`` is excluded, and ``"24:00"`` is allowed. ``breaks`` are pairs
    of times between which the window is shut, such as ``("13:00", "14:00")``. ``days`` are days of the week. ``closed``
    has the dates on which it stays shut: a set of ``date``, or the holidays of the package ``holidays``, such as
    ``country_holidays("FR")``; a date is shut if ``date in closed``.

    ``zone`` is one IANA time zone for all contacts that name none of their own; with None the zones of each number are
    looked up, which needs the extra ``dialer``. ``countries`` has other windows for some countries, by two letters:
    ``{"US": CallingWindow("08:00", "21:00")}``; it needs the extra too.

    This is configuration and not legal advice: you know what the law of a place allows, and when.

    :raises ConfigurationError: the window never opens, reaches over midnight, or names something that does not exist.
    """

    opens: time = field(default=time(9), converter=_to_time)
    closes: time = field(default=time(20), converter=_to_time)
    days: frozenset[int] = field(default=_EVERY_DAY, converter=_to_days, kw_only=True)
    zone: ZoneInfo | None = field(default=None, converter=_to_zone, kw_only=True)
    countries: Mapping[str, "CallingWindow"] = field(factory=dict, kw_only=True, hash=False)
    breaks: tuple[tuple[time, time], ...] = field(default=(), converter=_to_breaks, kw_only=True)
    closed: Container[date] = field(default=(), kw_only=True, hash=False)

    def __attrs_post_init__(self) -> None:
        if not self.opens < self.closes:
            raise ConfigurationError(
                f"a calling window opens before it closes, on the same day: {self.opens:%H:%M} to {self.closes:%H:%M} "
                "never opens"
            )
        if not hasattr(self.closed, "__contains__") or isinstance(self.closed, str):
            raise ConfigurationError("closed must be dates, or holidays: anything that says whether it has a date")
        if self._next_time(self.opens) is None:
            raise ConfigurationError("the breaks of a calling window leave no time to call")

    def __str__(self) -> str:
        days = "" if len(self.days) == len(_DAYS) else f" {','.join(_DAYS[day] for day in sorted(self.days))}"
        zone = f" {self.zone.key}" if self.zone else ""
        closes = "24:00" if self.closes == _END_OF_DAY else f"{self.closes:%H:%M}"
        zone += "".join(f", break {begins:%H:%M}-{ends:%H:%M}" for begins, ends in self.breaks)
        zone += "" if self.closed == () else ", closed days"
        more = "".join(f"; {name}: {window}" for name, window in sorted(self.countries.items()))
        return f"{self.opens:%H:%M}-{closes}{days}{zone}{more}"

    def next_opening(self, contact: Contact, now: float) -> float | None:
        """Return from when a contact may be called: ``now`` if it may be now, None if it never may.

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
        """Return every zone in which a contact may be, as far as this window knows; empty if it does not."""
        zone = self.window_of(contact).zone
        return (zone,) if zone is not None and contact.zone is None else zones_of(contact)

    def window_of(self, contact: Contact) -> "CallingWindow":
        """Return the window of a contact's country, or this one if its country has none of its own."""
        if not self.countries:
            return self
        return self.countries.get(_country_of(contact.number) or "", self)

    def opening(self, place: ZoneInfo, moment: datetime) -> datetime:
        """Return the first moment from this one on when the window is open in one zone."""
        local = moment.astimezone(place)
        if self._is_open(local):
            return moment
        day, at = local.date(), self._next_time(local.time())
        for _ in range(_LONGEST_CLOSED):
            if at is not None and self._is_day(day):
                break
            day, at = day + timedelta(days=1), self._next_time(time.min)
        opening = datetime.combine(day, at or self.opens, tzinfo=place).astimezone(UTC)
        # When clocks go back over the opening, it may be past; the next look is a minute later.
        return opening if opening > moment else moment + timedelta(minutes=1)

    def _is_open(self, local: datetime) -> bool:
        return self._is_day(local.date()) and self._next_time(local.time()) == local.time()

    def _is_day(self, day: date) -> bool:
        return day.weekday() in self.days and day not in self.closed

    def _next_time(self, at: time) -> time | None:
        """Return the first time of a day from this one on when the window is open, None if there is none."""
        at = max(at, self.opens)
        for begins, ends in self.breaks:
            if begins <= at < ends:
                at = ends
        return at if at < self.closes else None


def _common_opening(window: CallingWindow, places: Sequence[ZoneInfo], moment: datetime) -> datetime | None:
    end = moment + _LOOK_AHEAD
    while moment < end:
        latest = max(window.opening(place, moment) for place in places)
        if latest == moment:
            return moment
        moment = latest
    return None
