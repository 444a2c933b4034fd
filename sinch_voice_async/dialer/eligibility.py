"""Whether a contact may be dialled now, later, or not at all, and whether it is dialled again.

It is asked before a contact is paced, and again before its claim. The first rule that applies decides:

1. On the do-not-call list: no. A list that cannot be asked stops the campaign.
2. The spend limit is reached: no.
3. Outside of the calling window: when it opens next; no, if that is never or after the end of the campaign.
4. As many attempts today as are allowed: the next day, under rule 3.

Only a call that failed by chance (busy, not answered) is dialled again. An attempt in state ``unknown`` never is: the
telephone may have rung.

Rules of the calling window:

- The window must be open in every zone in which the contact may be. If no zone is known, it never opens.
- A number tells its zone roughly: a toll-free number of the United States may be in any of 43. So the answer is all of
  them. The tables need the extra ``dialer``.
- A window that never opens is refused when it is made, and so is one that reaches over midnight.
- Local times that a change of the clocks leaves out or repeats are judged by what the clocks show.
"""

import hashlib
import importlib
import inspect
import os
import threading
from collections.abc import Awaitable, Callable, Collection, Container, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from pathlib import Path
from time import time_ns
from types import MappingProxyType
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import anyio.to_thread
from attrs import field, frozen

from sinch_voice_async import _bounds
from sinch_voice_async.dialer.contacts import Contact, numbers_of, read_number, read_numbers
from sinch_voice_async.dialer.journal import ContactState, Outcome
from sinch_voice_async.dialer.opt_out import SharedCap
from sinch_voice_async.errors import CampaignError, ConfigurationError, InvalidRequestError

__all__ = [
    "MACHINE",
    "CallingWindow",
    "DoNotCall",
    "DoNotCallFile",
    "DoNotCallList",
    "Eligibility",
    "IsListed",
    "RedialRules",
    "Verdict",
    "in_turn",
    "known_zones",
    "local_days",
    "next_days",
    "to_do_not_call",
    "zone",
    "zones_of",
]

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
    if not days or not _are_some_of(days, _DAYS):
        raise ConfigurationError(f"days must be some of {', '.join(_DAYS)}, not {days!r}")
    return frozenset(_DAYS.index(day) for day in days)


def _are_some_of(values: object, names: Collection[str]) -> bool:
    """Return whether a value is a collection of some of these names, and not a str."""
    if isinstance(values, str) or not isinstance(values, Collection):
        return False
    return all(isinstance(each, str) and each in names for each in values)


def _to_zone(name: str | None) -> ZoneInfo | None:
    if name is None:
        return None
    found = zone(name) if isinstance(name, str) else None
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


IsListed: TypeAlias = Callable[[str], bool | Awaitable[bool]]
"""Says whether a number must not be called."""

DoNotCall: TypeAlias = Iterable[str] | IsListed
"""Numbers that are not called, or a function that says so of a number, ``async`` or not."""

LISTED: Final = "on the do-not-call list"
OVERSPENT: Final = "the spend limit is reached"
NO_ZONE: Final = "no time zone is known for the number"
NEVER_OPEN: Final = "outside of the calling window until the campaign ends"
CLOSED: Final = "outside of the calling window"
NOT_YET: Final = "before the start of the campaign"
ENOUGH_TODAY: Final = "called often enough today"
ENOUGH: Final = "called often enough in these days"

_FINAL_REASONS: Final = frozenset({"BLOCKED", "OTHERPEERANSWERED", "CANCEL", "MANAGERHANGUP"})
_DECLINED: Final = "CALLEEHANGUP"
_DAY: Final = 86_400.0
# Nanoseconds: file systems keep times in steps of some milliseconds.
_JUST_NOW: Final = 100_000_000
# As many attempts as a journal keeps the times of.
_MOST_KEPT: Final = 60
_BY_CHANCE: Any = ("BUSY", "NOANSWER")
MACHINE: Final = "MACHINE"
"""The result of a call that an answering machine took; it is the campaign's own and not the platform's."""
_REDIALLED: Final = frozenset({*_BY_CHANCE, "FAILED", MACHINE})


def _to_results(results: Collection[str]) -> frozenset[str]:
    if not _are_some_of(results, _REDIALLED):
        raise ConfigurationError(f"results must be some of {', '.join(sorted(_REDIALLED))}: no other is dialled again")
    return frozenset(results)


def _to_delays(delays: Mapping[str, float]) -> Mapping[str, float]:
    if not isinstance(delays, Mapping) or not set(delays) <= _REDIALLED:
        raise ConfigurationError(f"delays must be seconds by result, one of {', '.join(sorted(_REDIALLED))}")
    for seconds in delays.values():
        _bounds.seconds(seconds, "delays")
    return MappingProxyType(dict(delays))


def _check_cap(_: object, __: object, value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, tuple) or len(value) != 2:
        raise ConfigurationError("attempts_in_days must be a pair of whole numbers, such as (4, 30), or None")
    _bounds.whole(value[0], "attempts_in_days", least=1, most=_MOST_KEPT)
    _bounds.whole(value[1], "attempts_in_days", least=1, most=366)


@frozen(kw_only=True)
class RedialRules:
    """How often a number is dialled in one campaign, and when again.

    ``attempts`` is the greatest number of callouts to a number, including the first. ``delay`` is the number of seconds
    between the end of a call and the next callout, and ``delays`` has other ones by result: ``{"BUSY": 300.0}``.
    ``results`` are those that are dialled again: some of ``BUSY``, ``NOANSWER``, ``FAILED`` and ``MACHINE``, which is
    the result of a call that an answering machine took (see ``Campaign.answer``). ``attempts_per_day`` bounds the
    callouts to a number on one day at the callee, and ``attempts_in_days`` in so many days: ``(4, 30)`` is at most four
    in 30 days.

    A person who declines has answered and is not dialled again. The platform's documents do not distinguish a declined
    call from a busy line: both may be ``BUSY`` with the reason ``CALLEEHANGUP``. So a call with that reason is not
    dialled again, unless ``redial_declined`` is True.

    A campaign knows results if it follows its calls: see ``Campaign``.

    :raises ConfigurationError: a number is out of range, or a result is neither of the two.
    """

    attempts: int = field(default=3, validator=_bounds.checked(_bounds.whole, least=1))
    delay: float = field(default=1800.0, validator=_bounds.checked(_bounds.seconds))
    results: frozenset[str] = field(default=_BY_CHANCE, converter=_to_results)
    attempts_per_day: int = field(default=3, validator=_bounds.checked(_bounds.whole, least=1))
    redial_declined: bool = field(default=False, validator=_bounds.checked(_bounds.flag))
    attempts_in_days: tuple[int, int] | None = field(default=None, validator=_check_cap)
    delays: Mapping[str, float] = field(factory=dict, converter=_to_delays, hash=False)

    def due_after(self, outcome: Outcome) -> float | None:
        """Return from when a contact whose call is over is dialled again, None if it is not."""
        if not self.allow(outcome):
            return None
        return (outcome.changed_at or 0.0) + self.delays.get(str(outcome.result), self.delay)

    def allow(self, outcome: Outcome) -> bool:
        """Say whether a contact whose call is over is dialled again."""
        return (
            outcome.state is ContactState.DONE
            and outcome.result in self.results
            # How the call with a machine ended says nothing about the person.
            and (
                outcome.result == MACHINE
                or (outcome.reason not in _FINAL_REASONS and (self.redial_declined or outcome.reason != _DECLINED))
            )
            and outcome.attempt < self.attempts
        )


def in_turn(outcome: Outcome) -> str:
    """Return the number of a contact whose turn it is."""
    numbers = outcome.contact.numbers
    return numbers[outcome.attempt % len(numbers)]


@frozen(kw_only=True)
class Verdict:
    """``may_dial`` says whether a contact may be dialled now.

    If it is False, ``note`` says why and ``due`` from when it may be, None for never. ``day`` is the callee's date.
    """

    may_dial: bool
    day: str
    note: str = ""
    due: float | None = None


@frozen(eq=False)
class DoNotCallList:
    """The numbers that are not called, each read when the list is made."""

    numbers: frozenset[str] = field(repr=lambda numbers: f"<{len(numbers)} numbers>")

    def __call__(self, number: str) -> bool:
        """Say whether a number is on the list."""
        return number in self.numbers

    def __str__(self) -> str:
        """Describe the list without its numbers, so that two lists can be told apart."""
        digest = hashlib.sha256("\n".join(sorted(self.numbers)).encode()).hexdigest()[:12]
        return f"{len(self.numbers)} numbers ({digest})"


class DoNotCallFile:
    """A do-not-call list in a text file, one number on each line, that may be edited while campaigns run.

    ::

        campaign = Campaign("reminders", journal="reminders.sqlite", do_not_call=DoNotCallFile("stop.txt"))

    The file is looked at before each claim, and read again if it has changed. If it cannot be read any more, or a line
    is not a number with one certain reading, no contact is called and the run ends with ``CampaignError``. A number
    that is taken off the list stays listed for this object, so that a file that is being saved protects every number.
    ``country`` and ``encoding`` are those of :func:`read_numbers`.

    :raises ConfigurationError: the file cannot be read, and the message names the line; or it holds no number at the
        start, as after a failed export.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, country: str | None = None, encoding: str | None = None
    ) -> None:
        self.path: Path = _bounds.path(path, "path").absolute()
        self._country = country
        self._encoding = encoding
        self._stamp = _stamp_of(self.path)
        self.numbers: frozenset[str] = read_numbers(path, country=country, encoding=encoding)
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"DoNotCallFile({str(self.path)!r})"

    def __str__(self) -> str:
        return str(DoNotCallList(self.numbers))

    def __call__(self, number: str) -> bool | Awaitable[bool]:
        """Say whether a number is listed; if the file has changed, it is awaited.

        :raises ConfigurationError: the file cannot be read.
        """
        if self._stamp is not None and _stamp_of(self.path) == self._stamp:
            return number in self.numbers
        return self._read_and_ask(number)

    async def _read_and_ask(self, number: str) -> bool:
        await anyio.to_thread.run_sync(self._read)
        return number in self.numbers

    def _read(self) -> None:
        # Hundreds of contacts may ask at once: one of them reads. A lock of threads serves every event loop.
        with self._lock:
            stamp = _stamp_of(self.path)
            if stamp is None or stamp != self._stamp:
                self.numbers |= numbers_of(self.path, country=self._country, encoding=self._encoding)
                self._stamp = stamp


def _stamp_of(path: Path) -> tuple[int, ...] | None:
    """Return what changes when a file does; None if it is missing, or so new that a change could keep its time."""
    try:
        found = path.stat()
    except OSError:
        return None
    if abs(time_ns() - found.st_mtime_ns) < _JUST_NOW:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def to_do_not_call(given: DoNotCall, country: str | None = None) -> IsListed:
    """Return the function that is asked about each number; a list may use national forms of ``country``.

    :raises ConfigurationError: an entry of a list cannot be read with certainty, so it would protect no one.
    """
    if callable(given):
        return given
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise ConfigurationError("do_not_call must be numbers or a function that says whether a number is listed")
    listed: set[str] = set()
    for place, number in enumerate(given, 1):
        try:
            listed.add(read_number(number, country=country, allow_premium=True))
        except InvalidRequestError as error:
            raise ConfigurationError(f"do_not_call, entry {place}: {error}") from None
    return DoNotCallList(frozenset(listed))


@frozen(kw_only=True)
class Eligibility:
    """The rules under which contacts are called. ``until`` is the end of the campaign, in seconds since 1970."""

    window: CallingWindow | None
    is_listed: IsListed
    attempts_per_day: int
    until: float | None
    starts_at: float | None = None
    attempts_in_days: tuple[int, int] | None = None
    shared_cap: SharedCap | None = None

    async def verdict(self, outcome: Outcome, now: float, *, is_overspent: bool = False) -> Verdict:
        """Say whether a contact may be dialled now.

        :raises CampaignError: the do-not-call list could not be asked.
        """
        places = self._places(outcome)
        days = local_days(places, now)
        day = days[0].isoformat()
        for number in outcome.contact.numbers:
            if await self._ask(number):
                return Verdict(may_dial=False, day=day, note=LISTED)
        if is_overspent:
            return Verdict(may_dial=False, day=day, note=OVERSPENT)
        if self.window is not None and not places:
            return Verdict(may_dial=False, day=day, note=self._no_zone(outcome))
        full = self._is_full(outcome, places, now)
        start = self.starts_at or 0.0
        earliest = max(next_days(places, now) if full else now, self._end_of_cap(outcome), start)
        if self.shared_cap is not None:
            earliest = max(earliest, await self.shared_cap.free_at(in_turn(outcome), now))
        opening = earliest if self.window is None else self.window.next_opening(outcome.contact, earliest)
        if opening is None or (self.until is not None and opening >= self.until):
            return Verdict(may_dial=False, day=day, note=NEVER_OPEN)
        if opening > now:
            note = ENOUGH_TODAY if full else NOT_YET if start > now else ENOUGH if earliest > now else CLOSED
            return Verdict(may_dial=False, day=day, note=note, due=opening)
        return Verdict(may_dial=True, day=day)

    def _places(self, outcome: Outcome) -> tuple[ZoneInfo, ...]:
        return known_zones(outcome.contact) if self.window is None else self.window.zones_of(outcome.contact)

    def _no_zone(self, outcome: Outcome) -> str:
        zone = outcome.contact.zone
        return NO_ZONE if zone is None else f"the time zone {zone[:40]!a} is not known"

    def _is_full(self, outcome: Outcome, places: tuple[ZoneInfo, ...], now: float) -> bool:
        """Whether in one of the places as many attempts were made today as are allowed."""
        if len(outcome.recent) < self.attempts_per_day:
            return False
        attempts = [local_days(places, at) for at in outcome.recent]
        return any(
            sum(days[place] == today for days in attempts) >= self.attempts_per_day
            for place, today in enumerate(local_days(places, now))
        )

    def _end_of_cap(self, outcome: Outcome) -> float:
        """Return from when the cap over several days allows an attempt."""
        if self.attempts_in_days is None:
            return 0.0
        most, days = self.attempts_in_days
        return outcome.recent[-most] + days * _DAY if len(outcome.recent) >= most else 0.0

    async def _ask(self, number: str) -> bool:
        try:
            answer = self.is_listed(number)
            if isinstance(answer, bool):
                return answer
            return bool(await answer if inspect.isawaitable(answer) else answer)
        except Exception as error:
            said = f": {error}" if isinstance(error, (CampaignError, ConfigurationError)) else ""
            raise CampaignError(f"the do-not-call list could not be asked, so no contact is called{said}") from error
