"""The settings of a campaign, checked when it is made: what cannot work is refused before anybody is called."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from attrs import Attribute, field, frozen

from sinch_voice_async.dialer.clock import Clock
from sinch_voice_async.dialer.following import Follow
from sinch_voice_async.dialer.pace import Pace
from sinch_voice_async.dialer.rules import RedialRules
from sinch_voice_async.dialer.screening import IsListed, to_do_not_call
from sinch_voice_async.dialer.window import CallingWindow
from sinch_voice_async.errors import ConfigurationError

__all__ = ["Settings"]

_ONCE: Final = RedialRules(attempts=1)


def _name(_: object, __: object, value: str) -> None:
    if not (isinstance(value, str) and value and value.isprintable()):
        raise ConfigurationError("name must be a text that is not empty")


def _pace(_: object, __: object, value: float) -> None:
    Pace.of(value)


def _whole(_: object, attribute: "Attribute[int]", value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigurationError(f"{attribute.name} must be a whole number from 1, not {value!r}")


def _seconds(_: object, attribute: "Attribute[float]", value: object) -> None:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not value > 0:
        raise ConfigurationError(f"{attribute.name} must be a positive number of seconds, not {value!r}")


def _optional(cls: type) -> Callable[[object, "Attribute[Any]", object], None]:
    def validate(_: object, attribute: "Attribute[Any]", value: object) -> None:
        if value is not None and not isinstance(value, cls):
            raise ConfigurationError(f"{attribute.name} must be a {cls.__name__} or None, not {value!r}")

    return validate


def _to_timestamp(until: datetime | None) -> float | None:
    if until is None:
        return None
    if not isinstance(until, datetime) or until.tzinfo is None:
        raise ConfigurationError("until must be a datetime with a time zone")
    return until.timestamp()


def _to_amount(limit: Decimal | int | str | None) -> Decimal | None:
    try:
        amount = None if limit is None else Decimal(limit)
    except (InvalidOperation, TypeError, ValueError):
        raise ConfigurationError(f"spend_limit must be an amount, not {limit!r}") from None
    if amount is not None and not (amount.is_finite() and amount > 0):
        raise ConfigurationError(f"spend_limit must be more than nothing, and finite, not {limit!r}")
    return amount


def _to_rules(redial: RedialRules | None) -> RedialRules:
    if redial is None:
        return _ONCE
    if not isinstance(redial, RedialRules):
        raise ConfigurationError(f"redial must be RedialRules or None, not {redial!r}")
    return redial


@frozen(kw_only=True)
class Settings:
    """How a campaign is carried out; what each means is said in ``Campaign``. ``until`` is seconds since 1970.

    :raises ConfigurationError: a setting is out of range, or needs results and nothing is followed.
    """

    name: str = field(validator=_name)
    calls_per_second: float = field(default=1.0, validator=_pace)
    in_flight: int = field(default=100, validator=_whole)
    window: CallingWindow | None = field(default=None, validator=_optional(CallingWindow))
    until: float | None = field(default=None, converter=_to_timestamp)
    redial: RedialRules = field(default=None, converter=_to_rules)
    is_listed: IsListed = field(converter=to_do_not_call, alias="do_not_call")
    spend_limit: Decimal | None = field(default=None, converter=_to_amount)
    follow: Follow = None
    longest_call: float = field(default=14_400.0, validator=_seconds)
    poll_interval: float = field(default=5.0, validator=_seconds)
    patience: float = field(default=600.0, validator=_seconds)
    clock: Clock

    def __attrs_post_init__(self) -> None:
        if self.follow not in (None, "callbacks", "poll"):
            raise ConfigurationError(f"follow must be 'callbacks', 'poll' or None, not {self.follow!r}")
        needs = [name for name, is_used in self._need_results().items() if is_used]
        if self.follow is None and needs:
            raise ConfigurationError(f"{needs[0]} needs the results of calls: set follow to 'callbacks' or 'poll'")

    def _need_results(self) -> dict[str, bool]:
        return {"redial": self.redial is not _ONCE, "spend_limit": self.spend_limit is not None}
