"""The decisions to repeat, without a socket: rows of the table in the explanation of retries."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinch_voice_async._transport.retry import Failure, FailureKind, RetryPolicy, RetryQuota
from sinch_voice_async.errors import ConfigurationError, Outcome

POLICY = RetryPolicy()
UNSENT = Failure(kind="transient", outcome="unsent")
LOST = Failure(kind="transient", outcome="unknown")
THROTTLED = Failure(kind="throttled", outcome="rejected", status=429)
CLOCK = Failure(kind="clock", outcome="rejected", status=401)
REFUSED = Failure(kind="permanent", outcome="rejected", status=400)
BAD_CERTIFICATE = Failure(kind="permanent", outcome="unsent")


def server_error(status: int) -> Failure:
    """A 5xx without Retry-After: nobody knows what was done."""
    return Failure(kind="transient", outcome="unknown", status=status)


BUSY = Failure(kind="transient", outcome="rejected", status=503, retry_after=2.0)


@pytest.mark.parametrize(
    ("failure", "callout", "lookup"),
    [
        (UNSENT, True, True),
        (LOST, False, True),
        (THROTTLED, True, True),
        (CLOCK, True, True),
        (REFUSED, False, False),
        (BAD_CERTIFICATE, False, False),
        (server_error(500), False, True),
        (server_error(502), False, True),
        (server_error(503), False, True),
        (server_error(504), False, True),
        (server_error(501), False, False),
        (server_error(520), False, False),
        (BUSY, False, True),
        (Failure(kind="transient", outcome="accepted"), False, True),
    ],
)
def test_what_is_repeated(failure: Failure, callout: bool, lookup: bool) -> None:
    """A callout is repeated only where it was proven not to be acted on; a look-up on any passing failure."""
    assert (POLICY.delay(1, failure, repeatable=False, jitter=lambda: 1.0) is not None) is callout
    assert (POLICY.delay(1, failure, repeatable=True, jitter=lambda: 1.0) is not None) is lookup


def test_a_503_that_names_a_time_is_repeated_where_the_user_asks() -> None:
    """retry_503 opts in, for callouts too, and only for a 503 with Retry-After."""
    policy = RetryPolicy(retry_503=True)
    assert policy.delay(1, BUSY, repeatable=False) == 2.0
    assert policy.delay(1, server_error(503), repeatable=False) is None


@pytest.mark.parametrize(
    ("attempt", "failure", "expected"),
    [
        (1, UNSENT, 0.05),
        (2, UNSENT, 0.1),
        (3, UNSENT, 0.2),
        (9, UNSENT, 12.8),
        (10, UNSENT, 20.0),
        (5000, UNSENT, 20.0),
        (1, THROTTLED, 1.0),
        (2, THROTTLED, 2.0),
        (6, THROTTLED, 20.0),
        (1, CLOCK, 0.0),
    ],
)
def test_delays_double_up_to_a_bound(attempt: int, failure: Failure, expected: float) -> None:
    """The longest delay before each attempt is that of the AWS SDKs' standard mode."""
    assert RetryPolicy(max_attempts=10_000).delay(attempt, failure, repeatable=True, jitter=lambda: 1.0) == expected


@given(st.integers(1, 200), st.floats(0, 1))
def test_a_delay_is_a_random_share(attempt: int, share: float) -> None:
    """Clients that failed together do not come back together."""
    policy = RetryPolicy(max_attempts=1000)
    longest = policy.delay(attempt, UNSENT, repeatable=False, jitter=lambda: 1.0)
    assert longest is not None
    assert policy.delay(attempt, UNSENT, repeatable=False, jitter=lambda: share) == share * longest


def test_retry_after_is_obeyed_and_bounded() -> None:
    """What the platform asks for is waited for exactly; more than two minutes is not waited for at all."""
    asked = [Failure(kind="throttled", outcome="rejected", status=429, retry_after=t) for t in (0.0, 120.0, 120.5)]
    assert [POLICY.delay(1, failure, repeatable=False) for failure in asked] == [0.0, 120.0, None]


def test_attempts_are_counted() -> None:
    """Three attempts in all, and with max_attempts=1 nothing is ever repeated."""
    assert [POLICY.delay(n, UNSENT, repeatable=True) is None for n in (1, 2, 3, 4)] == [False, False, True, True]
    kinds: list[FailureKind] = ["transient", "throttled", "clock", "permanent"]
    outcomes: list[Outcome] = ["unsent", "rejected", "accepted", "unknown"]
    for kind, outcome in product(kinds, outcomes):
        assert RetryPolicy(max_attempts=1).delay(1, Failure(kind=kind, outcome=outcome), repeatable=True) is None


@pytest.mark.parametrize(
    "options",
    [
        {"max_attempts": 0},
        {"max_attempts": 2.5},
        {"max_attempts": True},
        {"deadline": -1},
        {"deadline": "60"},
        {"base_delay": float("nan")},
        {"max_delay": -0.1},
        {"throttle_delay": None},
        {"max_retry_after": True},
    ],
)
def test_a_policy_refuses_what_is_no_number(options: dict[str, object]) -> None:
    """A slip in the configuration is told at once, by the name of the field."""
    (name,) = options
    with pytest.raises(ConfigurationError, match=f"{name}"):
        RetryPolicy(**options)  # type: ignore[arg-type]  # what a user without a type checker does


def test_the_numbers_are_those_of_the_documentation() -> None:
    """What a policy is without a word from the user stands in its signature, in the README and in the explanation."""
    assert (
        RetryPolicy(
            max_attempts=3,
            deadline=60.0,
            retry_503=False,
            base_delay=0.05,
            throttle_delay=1.0,
            max_delay=20.0,
            max_retry_after=120.0,
        )
        == POLICY
    )


def test_zero_is_a_number_that_is_not_negative() -> None:
    """No delay, no patience, no time at all: a test may want each of them."""
    policy = RetryPolicy(deadline=0, base_delay=0, throttle_delay=0, max_delay=0, max_retry_after=0)
    assert policy.delay(1, UNSENT, repeatable=False) == policy.delay(1, THROTTLED, repeatable=False) == 0


def test_numbers_are_named() -> None:
    """``RetryPolicy(3, 60)`` would say to no reader which number is which."""
    with pytest.raises(TypeError, match="positional"):
        RetryPolicy(3)  # type: ignore[call-arg]  # that it is refused is the point
    with pytest.raises(TypeError, match="positional"):
        Failure("transient", "unsent")  # type: ignore[call-arg]  # likewise


def test_a_policy_is_a_value() -> None:
    """Frozen, comparable, and without a deadline where none is wanted."""
    assert RetryPolicy(deadline=None) == RetryPolicy(deadline=None) != POLICY
    with pytest.raises(AttributeError):
        POLICY.max_attempts = 5  # type: ignore[misc]  # that it is frozen is the point


def test_an_outage_is_not_multiplied() -> None:
    """500 buys 35 retries of passing failures, or 100 of throttling; then there are none until successes earn them."""
    quota = RetryQuota()
    assert sum(quota.spend("transient") for _ in range(1000)) == 35
    assert quota.left == 10
    assert sum(quota.spend("throttled") for _ in range(1000)) == 2
    assert quota.left == 0
    assert quota.spend("clock")
    assert quota.spend("permanent")  # it is given up for another reason, and costs nothing
    assert quota.left == 0
    quota.left += 5
    assert quota.spend("throttled")
