"""Campaigns rehearsed against everybody at once, in memory that does not grow."""

from collections import Counter
from typing import Any

import pytest

from sinch_voice_async.sandbox import Call, Person, Population, Sandbox
from tests.sandbox.caller import error, in_process
from tests.sandbox.exchange.scripts import place

SHARES: dict[str, Any] = {"answer": 0.60, "busy": 0.20, "no_answer": 0.15, "machine": 0.05}


def ring(sandbox: Sandbox, number: int) -> Call:
    """Ring one of many."""
    return place(sandbox, "ttsCallout", destination={"type": "number", "endpoint": f"+4670{number:07}"}, text="Hi")


def test_the_shares_are_met(sandbox: Sandbox) -> None:
    """Of two thousand people, each kind is there as often as was asked for."""
    sandbox.population(**SHARES)
    calls = [ring(sandbox, number) for number in range(2_000)]
    sandbox.clock.step(120)
    results = Counter(call.result for call in calls)
    machines = sum(sandbox.people.at(call.to.endpoint).is_machine for call in calls)
    assert results == {
        "ANSWERED": pytest.approx(1_300, abs=70),
        "BUSY": pytest.approx(400, abs=60),
        "NOANSWER": pytest.approx(300, abs=60),
    }
    assert machines == pytest.approx(100, abs=35)
    assert {call.reason for call in calls} == {"CALLEEHANGUP", "TIMEOUT"}


def test_the_same_seed_is_the_same_town(sandbox: Sandbox) -> None:
    """Whoever is rung, in whatever order, with a plus sign or without; another seed is another town."""

    def town(seed: int) -> list[Person]:
        sandbox.population(**SHARES, seed=seed)
        return [sandbox.people.at(f"+4670{number:07}") for number in range(200)]

    assert town(1) == town(1) != town(2)
    assert sandbox.people.at("46700000001") == sandbox.people.at("+46700000001")


def test_who_was_scripted_stays(sandbox: Sandbox) -> None:
    """A population is everywhere else, and what is said of a number begins with who is there."""
    sandbox.phone("+46700000001").is_busy()
    population = sandbox.population(answer=1.0)
    assert sandbox.people.at("+46700000001").refuses == "busy"
    assert sandbox.people.at("+46700000002") == population.at("46700000002")
    sandbox.people.population = Population(rings_for=(1.0, 1.0), talks_for=(9.0, 9.0))
    assert sandbox.people.at("+46700000002") == Person(answers_after=1.0, hangs_up_after=9.0, leaves_conferences=True)
    sandbox.reset()
    assert sandbox.people.at("+46700000002") == sandbox.people.default


@pytest.mark.parametrize(
    ("shares", "problem"),
    [
        ({"answer": 0.6, "busy": 0.2}, "answer, busy, no_answer, machine add up to 0.8 and not to 1"),
        ({"answer": 1.5, "busy": -0.5}, "answer must be a share from 0 to 1"),
        ({"machine": float("nan")}, "machine must be a share from 0 to 1"),
        ({}, "add up to 0 and not to 1"),
    ],
)
def test_shares_that_are_none(sandbox: Sandbox, shares: dict[str, Any], problem: str) -> None:
    """Refused in one sentence, and everybody stays who they were."""
    with pytest.raises(ValueError, match=problem):
        sandbox.population(**shares)
    assert sandbox.people.population is None


@pytest.mark.parametrize("times", [(5.0, 1.0), (-1.0, 1.0), (0.0, float("inf"))])
def test_times_that_are_none(times: tuple[float, float]) -> None:
    """The least comes first, and neither is endless."""
    with pytest.raises(ValueError, match="talks_for must be a number of seconds"):
        Population(talks_for=times)


def test_the_newest_calls_are_remembered() -> None:
    """Calls that are over are forgotten oldest first, those that go on never, and the count stays."""
    sandbox = Sandbox(speed=0, history=3)
    sandbox.phone("+46700000000").hangs_up(after=None)
    ongoing = ring(sandbox, 0)
    calls = []
    for number in range(1, 10):
        calls.append(ring(sandbox, number))
        sandbox.clock.step(5)
    sandbox.exchange.catch_up()
    assert list(sandbox.calls) == [ongoing, *calls[-3:]]
    assert sandbox.executed == 10
    assert calls[0].result == "ANSWERED"
    sandbox.reset()
    assert (sandbox.executed, len(sandbox.calls)) == (0, 0)


def test_no_history_at_all() -> None:
    """A call is gone when it is over; less than nothing is refused."""
    sandbox = Sandbox(speed=0, history=0)
    ring(sandbox, 1)
    sandbox.clock.step(5)
    sandbox.exchange.catch_up()
    assert len(sandbox.calls) == 0
    with pytest.raises(ValueError, match="history must be a whole number of 0 or more"):
        Sandbox(history=-1)


def test_nobody_needs_to_look() -> None:
    """Where calls are only ever placed, those before are over by then, and leave no timers that are hours away."""
    sandbox = Sandbox(speed=0, history=100)
    for number in range(3_000):
        ring(sandbox, number)
        sandbox.clock.step(1)
    assert len(sandbox.calls) < 110
    assert len(sandbox.exchange._context.timers._heap) < 3_000


async def test_a_limit_may_be_there_from_the_start() -> None:
    """Above it, 429 with the seconds to wait."""
    async with in_process(Sandbox(calls_per_second=2)) as caller:
        answers = [await caller.tts() for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 429]
    assert error(answers[2]) == (429, 42900)
    assert answers[2].headers["retry-after"] == "1"
