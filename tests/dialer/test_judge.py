"""What an exception means for a contact, and for the campaign."""

import pytest

from sinch_voice_async import (
    AuthenticationError,
    BadRequestError,
    CampaignError,
    ConfigurationError,
    ConnectError,
    DecodeError,
    ForbiddenError,
    InvalidRequestError,
    PaymentRequiredError,
    RateLimitedError,
    RequestTimeoutError,
    ServerError,
    TransportError,
)
from sinch_voice_async.dialer import Change
from sinch_voice_async.dialer.attempt import judge

TABLE = [
    (AuthenticationError(status=401), Change.GIVE_BACK, "stop"),
    (ConfigurationError("x"), Change.GIVE_BACK, "stop"),
    (PaymentRequiredError(status=402), Change.GIVE_BACK, "no credit"),
    (InvalidRequestError("text is too long"), Change.SKIP, "none"),
    (RateLimitedError(status=429), Change.GIVE_BACK, "slow down"),
    (ServerError(status=503, outcome="rejected"), Change.GIVE_BACK, "slow down"),
    (BadRequestError(status=400, code=40001), Change.REJECT, "refused"),
    (ForbiddenError(status=403), Change.REJECT, "refused"),
    (ConnectError(), Change.GIVE_BACK, "unsent"),
    (RequestTimeoutError(phase="pool", outcome="unsent", request_sent=False), Change.GIVE_BACK, "unsent"),
    (RequestTimeoutError(phase="read"), Change.MARK_UNKNOWN, "unknown"),
    (TransportError(), Change.MARK_UNKNOWN, "unknown"),
    (ServerError(status=500, outcome="unknown"), Change.MARK_UNKNOWN, "unknown"),
    (DecodeError("x"), Change.ACCEPT, "none"),
    (RuntimeError("+46700000001"), Change.MARK_UNKNOWN, "stop"),
    (CampaignError("client must place callouts asynchronously"), Change.MARK_UNKNOWN, "stop"),
]


@pytest.mark.parametrize(("error", "change", "effect"), TABLE, ids=lambda value: type(value).__name__)
def test_what_an_exception_means(error: Exception, change: Change, effect: str) -> None:
    """A contact goes back only with proof that the platform did not act."""
    judgement = judge(error, returned=0)
    assert (judgement.change, judgement.effect) == (change, effect)
    assert judgement.note
    assert "4670000" not in judgement.note


def test_patience_with_refusals_has_an_end() -> None:
    """Who was refused by 429 ten times is rejected, and the campaign still slows down."""
    judgement = judge(RateLimitedError(status=429), returned=10)
    assert (judgement.change, judgement.effect) == (Change.REJECT, "slow down")


def test_the_note_is_shared_by_many() -> None:
    """The status and the platform's code, and not its words."""
    error = BadRequestError(status=400, code=40001, message="+46700000001 is wrong")
    assert judge(error, returned=0).note == "400 (40001)"
