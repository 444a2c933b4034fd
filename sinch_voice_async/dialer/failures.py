"""What an exception from placing a callout means for the contact, and for the campaign: pure decisions.

Rules:

- A contact goes back to ``todo`` only where it is proven that the platform did not act on the request.
- What would befall the next contact too (credentials, credit, pace, network) is the campaign's business, and the
  contact goes back.
- Where no answer comes, the next callout goes alone: a silent platform makes one unknown at a time, not hundreds.
- An exception that is not the client's proves nothing: the telephone may have rung, and the campaign stops.
"""

from typing import Final, Literal, TypeAlias

from attrs import frozen

from sinch_voice_async.dialer.states import Change
from sinch_voice_async.errors import (
    APIError,
    AuthenticationError,
    CampaignError,
    ConfigurationError,
    InvalidRequestError,
    PaymentRequiredError,
    RateLimitedError,
    SinchVoiceError,
)

__all__ = ["Effect", "Judgement", "judge"]

Effect: TypeAlias = Literal["none", "slow down", "go alone", "wait for the network", "pause", "stop"]
"""What the campaign does about it."""

_PATIENCE: Final = 10


@frozen(kw_only=True)
class Judgement:
    """The change of the contact, why, and what the campaign does."""

    change: Change
    note: str
    effect: Effect = "none"


def judge(error: Exception, *, returned: int) -> Judgement:
    """Return what an exception means; ``returned`` is how often the contact was given back before."""
    match error:
        case AuthenticationError() | ConfigurationError():
            return Judgement(change=Change.GIVE_BACK, note=_told(error), effect="stop")
        case InvalidRequestError():
            return Judgement(change=Change.SKIP, note=f"it cannot be sent: {error}")
        case PaymentRequiredError():
            return Judgement(change=Change.GIVE_BACK, note=_told(error), effect="pause")
        case SinchVoiceError() if not isinstance(error, CampaignError):
            return _judge_by_outcome(error, returned)
        case _:
            return Judgement(change=Change.DOUBT, note=_told(error), effect="stop")


def _judge_by_outcome(error: SinchVoiceError, returned: int) -> Judgement:
    note = _told(error)
    if error.outcome == "unsent":
        return Judgement(change=Change.GIVE_BACK, note=note, effect="wait for the network")
    if error.outcome == "accepted":
        return Judgement(change=Change.ACCEPT, note=f"the call id was not readable: {note}")
    if error.outcome == "unknown":
        return Judgement(change=Change.DOUBT, note=note, effect="go alone")
    if not _is_too_much(error):
        return Judgement(change=Change.REJECT, note=note)
    change = Change.GIVE_BACK if returned < _PATIENCE else Change.REJECT
    return Judgement(change=change, note=note, effect="slow down")


def _is_too_much(error: SinchVoiceError) -> bool:
    return isinstance(error, RateLimitedError) or (isinstance(error, APIError) and error.status == 503)


def _told(error: Exception) -> str:
    """Return what happened, in words that many contacts share, and that name nobody."""
    if isinstance(error, APIError):
        return f"{error.status}" if error.code is None else f"{error.status} ({error.code})"
    return type(error).__name__
