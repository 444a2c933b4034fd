"""A signature is remembered, for a time and in a number that are bounded."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinch_voice_async.errors import ConfigurationError
from sinch_voice_async.webhooks import MemoryReplayCache


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_signature_is_new_once() -> None:
    """The second time it is a repetition, and another one is not."""
    cache = MemoryReplayCache()
    assert cache.add("a", 300)
    assert not cache.add("a", 300)
    assert cache.add("b", 300)


def test_signature_is_forgotten_when_it_is_too_old_to_be_accepted() -> None:
    """Nothing is kept for longer than was asked for."""
    clock = Clock()
    cache = MemoryReplayCache(clock=clock)
    assert cache.add("a", 300)
    clock.now += 299
    assert not cache.add("a", 300)
    clock.now += 1
    assert cache.add("a", 300)
    assert not cache.add("a", 300)


def test_discarded_signature_is_new_again() -> None:
    """A request that came to nothing may be sent again; to discard what is not there is no fault."""
    cache = MemoryReplayCache()
    assert cache.add("a", 300)
    cache.discard("a")
    cache.discard("a")
    assert cache.add("a", 300)


def test_size_is_bounded() -> None:
    """Past the limit the oldest goes, and the newest are still refused."""
    cache = MemoryReplayCache(max_entries=3)
    for signature in "abcde":
        assert cache.add(signature, 300)
    assert len(cache) == 3
    assert [cache.add(signature, 300) for signature in "cde"] == [False] * 3


def test_expired_signatures_make_room() -> None:
    """What has expired is swept away as others come, without waiting for the limit."""
    clock = Clock()
    cache = MemoryReplayCache(clock=clock)
    for number in range(100):
        cache.add(f"old {number}", 10)
    clock.now += 11
    cache.add("new", 10)
    assert len(cache) == 1


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(1, 9), st.integers(0, 5)), max_size=60))
def test_repetition_is_refused_exactly_while_it_lives(steps: list[tuple[str, int, int]]) -> None:
    """Like a plain table of times, with room enough."""
    clock = Clock()
    cache, expiries = MemoryReplayCache(clock=clock), dict[str, float]()
    for signature, seconds, pause in steps:
        clock.now += pause
        new = expiries.get(signature, 0) <= clock.now
        assert cache.add(signature, seconds) is new
        if new:
            expiries[signature] = clock.now + seconds


def test_two_threads_cannot_both_be_first() -> None:
    """Asking and remembering are one step."""
    cache = MemoryReplayCache()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: cache.add(str(number % 200), 300), range(2000)))
    assert sum(answers) == 200


@pytest.mark.parametrize("options", [{"max_entries": value} for value in (0, -1, True, "5", 1.5)] + [{"clock": 1}])
def test_bounds_are_checked_when_it_is_made(options: dict[str, Any]) -> None:
    """A cache that could hold nothing is refused."""
    with pytest.raises(ConfigurationError, match="must be"):
        MemoryReplayCache(**options)
