"""The events of one call, awaited by whoever placed it."""

import functools
import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import anyio
import pytest

from sinch_voice_async.errors import ConfigurationError, InvalidRequestError
from sinch_voice_async.webhooks import AnsweredCall, CallTracker, DisconnectedCall, Event, Notification, PromptInput
from tests.webhooks.test_replay import Clock


def answered(call_id: str = "call") -> Event:
    return AnsweredCall(call_id=call_id)


def pressed(number: int, call_id: str = "call") -> Event:
    return PromptInput(call_id=call_id, menu_result=cast("Any", number))


def ended(call_id: str = "call") -> Event:
    return DisconnectedCall(call_id=call_id, result="ANSWERED")


async def collect(tracker: CallTracker, call_id: str = "call") -> list[Event]:
    async with tracker.follow(call_id) as events:
        return [event async for event in events]


async def test_events_are_given_until_the_call_is_over() -> None:
    """A follower sees each event as it comes, and is done after DiCE."""
    tracker, seen = CallTracker(), list[Event]()
    async with tracker.follow("call") as events, anyio.create_task_group() as tasks:

        async def follow() -> None:
            async for event in events:
                seen.append(event)

        tasks.start_soon(follow)
        for event in (answered(), pressed(1), pressed(2), ended()):
            await anyio.wait_all_tasks_blocked()
            tracker.feed(event)
    assert seen == [answered(), pressed(1), pressed(2), ended()]


async def test_events_that_came_before_are_not_lost() -> None:
    """A callback may overtake the receipt of the callout."""
    tracker = CallTracker()
    tracker.feed(answered())
    tracker.feed(ended())
    assert await collect(tracker) == [answered(), ended()]


async def test_events_of_other_calls_do_not_mix() -> None:
    """Each call has its own."""
    tracker = CallTracker()
    for call_id in ("a", "b"):
        tracker.feed(answered(call_id))
    tracker.feed(ended("b"))
    tracker.feed(ended("a"))
    assert await collect(tracker, "a") == [answered("a"), ended("a")]
    assert await collect(tracker, "b") == [answered("b"), ended("b")]


async def test_outcome_is_the_disconnected_call() -> None:
    """Whoever wants to know only how it ended waits for that."""
    tracker = CallTracker()
    async with anyio.create_task_group() as tasks:

        async def wait() -> None:
            assert await tracker.outcome("call") == ended()

        for _ in range(3):
            tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        tracker.feed(answered())
        tracker.feed(ended())
    assert await tracker.outcome("call") == ended()


async def test_followers_see_the_same_events() -> None:
    """One that comes late, and one that follows again, see all of them."""
    tracker = CallTracker()
    async with tracker.follow("call") as first:
        tracker.feed(answered())
        async with tracker.follow("call") as second:
            tracker.feed(ended())
            assert [event async for event in first] == [event async for event in second] == [answered(), ended()]
    assert await collect(tracker) == [answered(), ended()]


async def test_iteration_stays_ended() -> None:
    """What comes after DiCE, such as a recording that is available, is for others to follow."""
    tracker = CallTracker()
    async with tracker.follow("call") as events:
        tracker.feed(ended())
        tracker.feed(Notification(call_id="call", type="recording_available"))
        assert [event async for event in events] == [ended()]
        assert [event async for event in events] == []


async def test_cancelled_wait_loses_nothing() -> None:
    """To give up waiting and to wait again is as good as to wait once."""
    tracker = CallTracker()
    async with tracker.follow("call") as events:
        for number in range(20):
            with anyio.move_on_after(0) as given_up:
                await anext(events)
            assert given_up.cancelled_caught
            tracker.feed(pressed(number))
            with anyio.move_on_after(0):
                await anext(events)  # Cancelled at its checkpoint, before it has taken anything.
            assert await anext(events) == pressed(number)


async def test_one_that_gives_up_does_not_disturb_another() -> None:
    """Two wait, one is cancelled, the other gets the event."""
    tracker = CallTracker()
    async with anyio.create_task_group() as tasks:

        async def wait() -> None:
            assert await tracker.outcome("call") == ended()

        async def give_up() -> None:
            with anyio.move_on_after(0.01):
                await tracker.outcome("call")

        tasks.start_soon(wait)
        tasks.start_soon(give_up)
        await anyio.sleep(0.05)
        tracker.feed(ended())


async def test_call_that_was_only_waited_for_leaves_nothing() -> None:
    """Memory is for events, not for those who wait."""
    tracker = CallTracker()
    async with tracker.follow("call"):
        assert len(tracker) == 1
    assert len(tracker) == 0


async def test_calls_that_nobody_follows_are_bounded_in_number() -> None:
    """The longest silent is forgotten first; one that is followed is not."""
    tracker = CallTracker(max_calls=2)
    async with tracker.follow("followed") as events:
        tracker.feed(answered("followed"))
        for call_id in ("a", "b", "a", "c"):
            tracker.feed(answered(call_id))
        assert len(tracker) == 3
        assert await anext(events) == answered("followed")
    tracker.feed(ended("a"))
    assert await collect(tracker, "a") == [ended("a")]


async def test_calls_that_nobody_follows_are_bounded_in_time() -> None:
    """What is silent for too long is forgotten when something else comes."""
    clock = Clock()
    tracker = CallTracker(keep=60, clock=clock)
    tracker.feed(answered("old"))
    clock.now += 59
    tracker.feed(answered("new"))
    assert len(tracker) == 2
    clock.now += 2
    tracker.feed(answered("new"))
    assert len(tracker) == 1


@pytest.mark.parametrize("taken", [0, 1, 3])
async def test_events_of_one_call_are_bounded(taken: int) -> None:
    """A follower that is too far behind goes on with the oldest that is left, in order."""
    tracker, seen = CallTracker(max_events=3), list[Event]()
    async with tracker.follow("call") as events:
        for number in range(3):
            tracker.feed(pressed(number))
        for _ in range(taken):
            seen.append(await anext(events))
        for event in (pressed(3), pressed(4), ended()):
            tracker.feed(event)
        seen.extend([event async for event in events])
    assert seen == [*map(pressed, range(taken)), pressed(3), pressed(4), ended()]


async def test_to_iterate_without_following_is_said() -> None:
    """Before ``async with``, and after."""
    followed = CallTracker().follow("call")
    async with followed:
        pass
    for call in (followed, CallTracker().follow("call")):
        with pytest.raises(InvalidRequestError, match="async with"):
            await anext(call)


def test_tracker_serves_one_event_loop_after_another() -> None:
    """Nothing is left of the first loop, though somebody was waiting in it."""
    tracker = CallTracker()

    async def give_up() -> None:
        with anyio.move_on_after(0.01):
            await tracker.outcome("call")
        tracker.feed(answered())

    async def wait() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(feed)
            assert await collect(tracker) == [answered(), answered(), ended()]

    async def feed() -> None:
        await anyio.wait_all_tasks_blocked()
        tracker.feed(ended())

    with ThreadPoolExecutor(1) as thread:
        for backend in ("asyncio", "trio"):
            thread.submit(functools.partial(anyio.run, give_up, backend=backend)).result()
        thread.submit(anyio.run, wait).result()


@pytest.mark.parametrize("name", ["keep", "max_calls", "max_events"])
@pytest.mark.parametrize("value", [-1, "600", True, math.nan, math.inf, None, 10**400])
def test_bounds_are_checked_when_it_is_made(name: str, value: Any) -> None:
    """A bound that bounds nothing is refused by its name, not found out by a failing callback."""
    with pytest.raises(ConfigurationError, match=rf"^{name} must be"):
        CallTracker(**{name: value})


@pytest.mark.parametrize("options", [{"max_calls": 0}, {"max_events": 0}, {"clock": 5}])
def test_a_tracker_that_could_remember_nothing_is_refused(options: dict[str, Any]) -> None:
    """One call and one event are the least that it remembers; the clock is a function."""
    with pytest.raises(ConfigurationError):
        CallTracker(**options)
