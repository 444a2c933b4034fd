"""The settings of a campaign, checked when it is made, and the journal that keeps a description of them.

A journal is given as the path of a file, as the address of a database in any of its spellings, or as a journal.

The journal keeps a description, so that a later run with other settings is noticed. A run that lost what protects
people (the do-not-call list, the window, the end, the spend limit) is refused.
"""

import hashlib
import math
import os
import re
import types
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal, TypeAlias

from attrs import Attribute, field, frozen

from sinch_voice_async import _bounds
from sinch_voice_async.credentials import hidden
from sinch_voice_async.dialer.contacts import check_country
from sinch_voice_async.dialer.eligibility import (
    CallingWindow,
    DoNotCallFile,
    DoNotCallList,
    Eligibility,
    IsListed,
    RedialRules,
    to_do_not_call,
)
from sinch_voice_async.dialer.journal import Journal
from sinch_voice_async.dialer.opt_out import SharedCap
from sinch_voice_async.dialer.pacing import Clock, Pace
from sinch_voice_async.dialer.postgres.journal import PostgresJournal
from sinch_voice_async.dialer.sql import is_address
from sinch_voice_async.dialer.sqlite.journal import SqliteJournal
from sinch_voice_async.errors import ConfigurationError

__all__ = [
    "Difference",
    "Follow",
    "KeptCampaign",
    "KeptIn",
    "Settings",
    "check_differences",
    "differences",
    "fingerprint_of",
    "kept",
    "to_journal",
]

Follow: TypeAlias = Literal["callbacks", "poll"] | None
"""How results are learnt: by events given to ``settle``, by asking the platform, or not at all."""

_ONCE: Final = RedialRules(attempts=1)
_PROTECTION: Final = frozenset({"do_not_call", "window", "until", "spend_limit"})
# How a do-not-call list is described in the journal: the digest tells two lists apart, and is of no use to a reader.
_LIST: Final = re.compile(r"([0-9]+) numbers \([0-9a-f]{12}\)")


def _name(_: object, __: object, value: str) -> None:
    if not (isinstance(value, str) and value and value.isprintable()):
        raise ConfigurationError("name must be a text that is not empty and has no control characters")


def _pace(_: object, __: object, value: float) -> None:
    Pace.of(value)


def _optional(cls: type) -> Callable[[object, "Attribute[Any]", object], None]:
    def validate(_: object, attribute: "Attribute[Any]", value: object) -> None:
        if value is not None and not isinstance(value, cls):
            raise ConfigurationError(f"{attribute.name} must be a {cls.__name__} or None, not {value!r}")

    return validate


def _timestamp(moment: datetime | None, name: str) -> float | None:
    if moment is None:
        return None
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise ConfigurationError(f"{name} must be a datetime with a time zone")
    return moment.timestamp()


def _to_end(until: datetime | None) -> float | None:
    return _timestamp(until, "until")


def _to_start(starts_at: datetime | None) -> float | None:
    return _timestamp(starts_at, "starts_at")


def _to_amount(limit: Decimal | int | str | None) -> Decimal | None:
    try:
        amount = None if limit is None else Decimal(limit)
    except (InvalidOperation, TypeError, ValueError):
        raise ConfigurationError(f"spend_limit must be an amount, not {limit!r}") from None
    if amount is not None and not (amount.is_finite() and amount > 0):
        raise ConfigurationError(f"spend_limit must be more than 0 and finite, not {limit!r}")
    return amount


def _to_rules(redial: RedialRules | None) -> RedialRules:
    if redial is None:
        return _ONCE
    if not isinstance(redial, RedialRules):
        raise ConfigurationError(f"redial must be RedialRules or None, not {redial!r}")
    return redial


def _to_options(options: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if not isinstance(options, Mapping | None) or not all(isinstance(name, str) for name in options or ()):
        raise ConfigurationError("options must be JSON values by name")
    return types.MappingProxyType(dict(options or {}))


@frozen(kw_only=True)
class Difference:
    """An option that a run has otherwise than the journal keeps it; ``before`` and ``now`` are None if it is not set.

    ``is_loosened`` says that protection was dropped.
    """

    option: str
    before: Any
    now: Any

    @property
    def is_loosened(self) -> bool:
        """Whether the option protects people and is not set any more."""
        return self.option in _PROTECTION and self.now is None

    def __str__(self) -> str:
        now, before = (_LIST.fullmatch(str(each)) for each in (self.now, self.before))
        other = ", and they are not the same" if now and before and now[1] == before[1] else ""
        return f"{self.option}: {_shown(self.now)} now, {_shown(self.before)} before{other}"


@frozen(kw_only=True)
class Settings:
    """How a campaign is carried out; ``Campaign`` says what each means. ``until`` is in seconds since 1970.

    :raises ConfigurationError: a setting is out of range, or needs results and none are followed.
    """

    name: str = field(validator=_name)
    calls_per_second: float = field(default=1.0, validator=_pace)
    in_flight: int = field(default=100, validator=_bounds.checked(_bounds.whole, least=1))
    window: CallingWindow | None = field(default=None, validator=_optional(CallingWindow))
    until: float | None = field(default=None, converter=_to_end)
    starts_at: float | None = field(default=None, converter=_to_start)
    shared_cap: SharedCap | None = field(default=None, validator=_optional(SharedCap))
    ramp: float | None = field(default=None, validator=_bounds.checked(_bounds.seconds, zero=False, optional=True))
    redial: RedialRules = field(default=None, converter=_to_rules)
    is_listed: IsListed
    spend_limit: Decimal | None = field(default=None, converter=_to_amount)
    follow: Follow = None
    max_call_duration: float = field(default=14_400.0, validator=_bounds.checked(_bounds.seconds, zero=False))
    poll_interval: float = field(default=5.0, validator=_bounds.checked(_bounds.seconds, zero=False))
    network_timeout: float = field(default=600.0, validator=_bounds.checked(_bounds.seconds, zero=False))
    country: str | None = None
    options: Mapping[str, Any] = field(default=None, converter=_to_options)
    clock: Clock

    def __attrs_post_init__(self) -> None:
        if self.follow not in (None, "callbacks", "poll"):
            raise ConfigurationError(f"follow must be 'callbacks', 'poll' or None, not {self.follow!r}")
        if self.ramp is not None and math.isinf(self.calls_per_second):
            raise ConfigurationError("ramp needs calls_per_second, towards which the pace climbs")
        if None not in (self.starts_at, self.until) and self.starts_at >= self.until:  # type: ignore[operator]
            raise ConfigurationError("starts_at must be before until")
        needs = [name for name, is_used in self._need_results().items() if is_used]
        if self.follow is None and needs:
            raise ConfigurationError(f"{needs[0]} needs the results of calls: pass follow='poll' or 'callbacks'")

    @classmethod
    def of(cls, *, do_not_call: Any, country: str | None, **settings: Any) -> "Settings":
        """Return the settings; a list of numbers may use national forms of ``country``."""
        country = None if country is None else check_country(country)
        return cls(is_listed=to_do_not_call(do_not_call, country), country=country, **settings)

    def _need_results(self) -> dict[str, bool]:
        return {"redial": self.redial is not _ONCE, "spend_limit": self.spend_limit is not None}

    def eligibility(self) -> Eligibility:
        """Return the rules under which contacts are called."""
        return Eligibility(
            window=self.window,
            is_listed=self.is_listed,
            attempts_per_day=self.redial.attempts_per_day,
            attempts_in_days=self.redial.attempts_in_days,
            until=self.until,
            starts_at=self.starts_at,
            shared_cap=self.shared_cap,
        )

    def described(self) -> dict[str, Any]:
        """Return what the journal keeps, JSON values by option; what is not set is left out."""
        redial = self.redial
        described = {
            "do_not_call": _described_list(self.is_listed),
            "window": None if self.window is None else str(self.window),
            "until": None if self.until is None else datetime.fromtimestamp(self.until, UTC).isoformat(),
            "spend_limit": None if self.spend_limit is None else str(self.spend_limit),
            "redial": None
            if redial is _ONCE
            else f"{redial.attempts} attempts of {','.join(sorted(redial.results))} after {redial.delay:g} s"
            + "".join(f", {result} after {delay:g} s" for result, delay in sorted(redial.delays.items())),
            "follow": self.follow,
            "country": self.country,
            **{f"options.{name}": value for name, value in self.options.items()},
        }
        return {name: value for name, value in described.items() if value is not None}


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Sequence[Difference]:
    """Return the options that two runs of a campaign have differently."""
    names = dict.fromkeys((*before, *now))
    found = [Difference(option=name, before=before.get(name), now=now.get(name)) for name in names]
    return [each for each in found if each.before != each.now]


def check_differences(
    before: Mapping[str, Any] | None, now: Mapping[str, Any], *, accept_changes: bool
) -> Sequence[Difference]:
    """Return the options that a campaign has otherwise than it began with; ``before`` is None if it did not begin.

    :raises ConfigurationError: protection was dropped, or an option of the program differs, and ``accept_changes`` is
        False.
    """
    found: Sequence[Difference] = () if before is None else differences(before, now)
    refused = [each for each in found if each.is_loosened or each.option.startswith("options.")]
    if refused and not accept_changes:
        raise ConfigurationError(
            "the campaign began with other options: "
            + "; ".join(map(str, refused))
            + ". Give them as before, or pass accept_changes=True"
        )
    return found


def fingerprint_of(callout_of: object) -> str:
    """Return a fingerprint of the function that makes callouts: of its ``fingerprint``, or of the texts in its code."""
    own = getattr(callout_of, "fingerprint", None)
    if own is None:
        code = getattr(callout_of, "__code__", None)
        own = repr([getattr(callout_of, "__qualname__", type(callout_of).__qualname__), *_texts(code)])
    return hashlib.sha256(str(own).encode("utf-8", "backslashreplace")).hexdigest()[:12]


def _texts(code: Any) -> list[object]:
    constants = getattr(code, "co_consts", ())
    plain: list[object] = [each for each in constants if isinstance(each, (str, int, float))]
    return plain + [text for each in constants if isinstance(each, types.CodeType) for text in _texts(each)]


def _described_list(is_listed: IsListed) -> str | None:
    if isinstance(is_listed, DoNotCallFile):
        return str(is_listed)
    if not isinstance(is_listed, DoNotCallList):
        return "a function"
    return str(is_listed) if is_listed.numbers else None


def _shown(value: object) -> str:
    text = "not set" if value is None else str(value)
    if found := _LIST.fullmatch(text):
        text = f"{found[1]} number{'s' * (found[1] != '1')}"
    return text if len(text) <= 60 else f"{text[:57]}..."


KeptIn: TypeAlias = str | os.PathLike[str] | Journal
"""A path, ``postgresql://user@host/database``, a connection string such as ``host=... dbname=...``, or a journal."""


@frozen
class KeptCampaign:
    """What a journal keeps about its campaign: its name and its options, by name."""

    name: str
    options: Mapping[str, Any] = field(factory=dict)


def to_journal(kept_in: KeptIn) -> Journal:
    """Return the journal that is meant.

    :raises ConfigurationError: it is neither a path nor a database in PostgreSQL, or the extra ``cluster`` is missing.
    :raises JournalError: the address of the database is not valid.
    """
    if not isinstance(kept_in, (str, bytes, os.PathLike)):
        if not hasattr(kept_in, "claim"):
            raise ConfigurationError(f"the journal must be a path, a URL or a Journal, not {type(kept_in).__name__}")
        return kept_in
    written, kept_in = os.fsdecode(kept_in), ""
    # What is wrong is raised from here, where no variable holds the password any more.
    found, written = _journal_or_error(written), ""
    if isinstance(found, Exception):
        raise found.with_traceback(None)
    return found


def _journal_or_error(written: str) -> Journal | Exception:
    try:
        return PostgresJournal(written) if is_address(written) else SqliteJournal(written)
    except Exception as error:  # noqa: BLE001 - the caller raises it, from a frame that does not know the password
        return error


async def kept(journal: KeptIn, name: str | None = None) -> KeptCampaign | None:
    """Return what a journal keeps about its campaign, None if it has none; nothing is made by asking.

    ``name`` is for a database, which may have several campaigns; it may be left out if there is one.

    :raises ConfigurationError: a database has several campaigns, and ``name`` is None.
    :raises JournalError: the journal cannot be used: empty, foreign, damaged, without its log, or out of reach.
    """
    # Neither this frame nor that of an error holds a password.
    journal = hidden(journal) or "" if isinstance(journal, str) else journal
    found = to_journal(journal)
    if isinstance(found, SqliteJournal):
        return await _kept_in_file(found)
    known = await found.kept(name) if isinstance(found, PostgresJournal) else None
    return None if known is None else KeptCampaign(*known)


async def _kept_in_file(journal: SqliteJournal) -> KeptCampaign | None:
    if not journal.path.exists():
        return None
    await journal.open(None)
    try:
        return KeptCampaign(await journal.name(), await journal.options() or {})
    finally:
        await journal.close()
