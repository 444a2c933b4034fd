"""Whether a contact may be dialled now, later, or not at all, and whether it is dialled again.

It is asked before a contact is paced, and again before its claim. The first rule that applies decides:

1. On the do-not-call list: no. A list that cannot be asked stops the campaign.
2. The spend limit is reached: no.
3. Outside of the calling window: when it opens next; no, if that is never or after the end of the campaign.
4. As many attempts today as are allowed: the next day, under rule 3.

Only a call that failed by chance (busy, not answered) is dialled again. An attempt in state ``unknown`` never is: the
telephone may have rung.
"""

import hashlib
import inspect
import os
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

import anyio.to_thread
from attrs import field, frozen

from sinch_voice_async import _bounds
from sinch_voice_async.dialer.contacts import read_number, read_numbers
from sinch_voice_async.dialer.journal import ContactState, Outcome
from sinch_voice_async.dialer.window import CallingWindow, known_zones, local_days, next_days
from sinch_voice_async.errors import CampaignError, ConfigurationError, InvalidRequestError

__all__ = [
    "MACHINE",
    "DoNotCall",
    "DoNotCallFile",
    "DoNotCallList",
    "Eligibility",
    "IsListed",
    "RedialRules",
    "Verdict",
    "to_do_not_call",
]

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
    if isinstance(results, str) or not set(results) <= _REDIALLED:
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
    that is taken off the list stays listed for this object, so that a file that is just being saved protects everybody.
    ``country`` and ``encoding`` are those of :func:`read_numbers`.

    :raises ConfigurationError: the file cannot be read; the message names the line.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, country: str | None = None, encoding: str | None = None
    ) -> None:
        self.path: Path = Path(path).absolute()
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
                self.numbers |= read_numbers(self.path, country=self._country, encoding=self._encoding)
                self._stamp = stamp


def _stamp_of(path: Path) -> tuple[int, ...] | None:
    """Return what changes when a file does; None if it is missing, or so new that a change could keep its time."""
    try:
        found = path.stat()
    except OSError:
        return None
    if abs(time.time_ns() - found.st_mtime_ns) < _JUST_NOW:
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
