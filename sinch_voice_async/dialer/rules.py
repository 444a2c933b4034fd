"""What a campaign may do to one number: how often it is dialled, and when once more.

Rules:

- Only a call that came to nothing by chance is dialled again: busy, or not answered. Who declined has answered.
- What is unknown is never dialled again: it may have rung.
"""

from collections.abc import Collection
from typing import Any, Final

from attrs import field, frozen

from sinch_voice_async.dialer.journal import Outcome
from sinch_voice_async.dialer.states import ContactState
from sinch_voice_async.errors import ConfigurationError

__all__ = ["RedialRules"]

_FINAL_REASONS: Final = frozenset({"BLOCKED", "OTHERPEERANSWERED", "CANCEL", "MANAGERHANGUP"})
_DECLINED: Final = "CALLEEHANGUP"
_BY_CHANCE: Any = ("BUSY", "NOANSWER")


def _to_results(results: Collection[str]) -> frozenset[str]:
    if isinstance(results, str) or not set(results) <= set(_BY_CHANCE):
        raise ConfigurationError(f"results must be some of {', '.join(_BY_CHANCE)}: nothing else is dialled again")
    return frozenset(results)


def _whole(_: object, attribute: object, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigurationError(f"{getattr(attribute, 'name', '')} must be a whole number from 1, not {value!r}")


def _seconds(_: object, attribute: object, value: object) -> None:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < float("inf"):
        raise ConfigurationError(f"{getattr(attribute, 'name', '')} must be seconds, 0 or more, not {value!r}")


@frozen(kw_only=True)
class RedialRules:
    """How often a number is dialled in one campaign, and when again.

    ``attempts`` is how many callouts a number gets at most, the first one included; ``delay`` is how many seconds lie
    between the end of a call and the next callout; ``results`` are those after which there is one: ``BUSY``,
    ``NOANSWER``. ``attempts_per_day`` bounds the callouts to a number on one day, where the callee is.

    Who has declined has answered, and is not dialled again. The platform's documents do not tell a call that was
    declined from a line that was busy: both may be ``BUSY`` with the reason ``CALLEEHANGUP``. So neither is dialled
    again where that is the reason, unless ``redial_declined`` is True.

    Results are known to a campaign that follows its calls: see ``Campaign``.

    :raises ConfigurationError: a number is out of range, or a result is none of the two.
    """

    attempts: int = field(default=3, validator=_whole)
    delay: float = field(default=1800.0, validator=_seconds)
    results: frozenset[str] = field(default=_BY_CHANCE, converter=_to_results)
    attempts_per_day: int = field(default=3, validator=_whole)
    redial_declined: bool = False

    def allow(self, outcome: Outcome) -> bool:
        """Say whether a contact whose call is over is dialled once more."""
        return (
            outcome.state is ContactState.DONE
            and outcome.result in self.results
            and outcome.reason not in _FINAL_REASONS
            and (self.redial_declined or outcome.reason != _DECLINED)
            and outcome.attempt < self.attempts
        )
