"""Campaigns that learn results: by callbacks, by asking, and when neither comes."""

import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import pytest

from sinch_voice_async import (
    Call,
    ConfigurationError,
    ConnectError,
    DecodeError,
    Destination,
    NotFoundError,
    Price,
    TransportError,
)
from sinch_voice_async.dialer import (
    Campaign,
    ContactState,
    Outcome,
    RedialRules,
    SqliteJournal,
    engine,
)
from sinch_voice_async.dialer.journal import AttemptUpdate, Change
from sinch_voice_async.webhooks import AnsweredCall, DisconnectedCall, IncomingCall
from tests.dialer.clocks import PatientJournal, VirtualClock, a_moment, each, until, virtual_time
from tests.dialer.platforms import Platform, reminder

NUMBERS = [f"+467000000{last:02}" for last in range(6)]
COST = Price(amount=Decimal("0.02"), currency_id="EUR")


def campaign(tmp_path: Path, clock: VirtualClock | None = None, **changes: Any) -> Campaign:
    """A campaign that follows its calls."""
    file = tmp_path / "x.sqlite"
    arguments: dict[str, Any] = {
        "journal": file if clock is None else PatientJournal(file, clock),
        "calls_per_second": math.inf,
        "follow": "callbacks",
    }
    return Campaign("x", clock=clock, **(arguments | changes))


def dice(platform: Platform, call_id: str, result: str = "ANSWERED", reason: str = "CALLERHANGUP") -> DisconnectedCall:
    """The end of a call, as a callback tells it."""
    return DisconnectedCall(
        call_id=call_id, result=result, reason=reason, duration=7, debit=COST, custom=platform.custom[call_id]
    )


async def test_a_place_is_taken_until_the_call_is_over(tmp_path: Path) -> None:
    """``in_flight`` bounds calls alive; each DiCE lets the next contact in, and the run ends with the last call."""
    ours, platform = campaign(tmp_path, in_flight=2), Platform()
    given: list[Outcome] = []
    async with ours.run(platform, NUMBERS, reminder) as outcomes, anyio.create_task_group() as tasks:

        async def end_calls() -> None:
            for number in range(1, 7):
                while platform.rang.total() < min(number + 1, 6) or outcomes.alive < min(2, 7 - number):
                    await anyio.sleep(0.001)
                await anyio.sleep(0.005)
                assert platform.rang.total() == min(number + 1, 6)
                settled = await ours.settle(dice(platform, f"call-{number}"))
                assert settled is not None

        tasks.start_soon(end_calls)
        given = [outcome async for outcome in outcomes]
        assert outcomes.counts.results == {"ANSWERED": 6}
    assert [(outcome.state, outcome.duration, outcome.price) for outcome in given] == [(ContactState.DONE, 7, COST)] * 6
    report = await ours.report()
    assert report.spent == {"EUR": Decimal("0.12")}


class SlowJournal(SqliteJournal):
    """One that writes a redial only after the run has asked which contact is next."""

    waits: anyio.Event | None = None

    async def change(self, token: str, change: Change, update: AttemptUpdate, at: float) -> Outcome | None:
        """Change a contact."""
        if change is Change.REDIAL:
            self.waits = anyio.Event()
            await self.waits.wait()
        return await super().change(token, change, update, at)

    async def next_due(self, *, listed: int | None = None) -> float | None:
        """Look."""
        waits, due = self.waits, await super().next_due(listed=listed)
        if waits is not None:
            waits.set()
        return due


async def test_a_contact_to_dial_again_is_not_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run looks for the next contact between the end of a call and the redial: it is not over."""
    monkeypatch.setattr(engine, "_LONGEST_NAP", 0.01)
    ours = campaign(tmp_path, journal=SlowJournal(tmp_path / "x.sqlite"), redial=RedialRules(attempts=2, delay=0.0))
    platform = Platform()
    async with ours.run(platform, NUMBERS[:1], reminder) as outcomes:
        for calls in (1, 2):
            await until(lambda calls=calls: len(platform.custom) == calls and outcomes.alive > 0)  # type: ignore[misc]
            await ours.settle(dice(platform, f"call-{calls}", "NOANSWER", "NOANSWER"))
        await outcomes.wait()
    assert platform.rang == {NUMBERS[0]: 2}


async def test_callbacks_that_reach_another_process(tmp_path: Path) -> None:
    """What it writes into the journal is seen here within a second."""
    async with virtual_time() as clock:
        ours, platform = campaign(tmp_path, clock), Platform()
        elsewhere = campaign(tmp_path)
        async with elsewhere, ours.run(platform, each(NUMBERS[:1]), reminder) as outcomes:
            await until(lambda: outcomes.alive > 0)
            await elsewhere.settle(dice(platform, "call-1"))
            assert (await anext(outcomes)).state is ContactState.DONE
            await outcomes.wait()


async def test_a_campaign_whose_callbacks_are_lost_ends_too(tmp_path: Path) -> None:
    """After the longest time that a call may last; it stays accepted."""
    async with virtual_time() as clock:
        ours = campaign(tmp_path, clock, in_flight=1, max_call_duration=60.0)
        async with ours.run(Platform(), each(NUMBERS[:2]), reminder) as outcomes:
            given = [outcome async for outcome in outcomes]
    assert [outcome.state for outcome in given] == [ContactState.ACCEPTED] * 2
    assert 120 <= clock.elapsed < 190


async def test_an_event_that_is_faster_than_the_answer(tmp_path: Path) -> None:
    """The call is over before the platform has said that it takes it: done, and not forgotten."""
    ours, platform = campaign(tmp_path), Platform()

    async def at_once() -> None:
        await ours.settle(dice(platform, "call-1"))

    platform.script.append(at_once)
    async with ours.run(platform, NUMBERS[:1], reminder) as outcomes:
        given = [outcome async for outcome in outcomes]
        assert outcomes.counts.results == {"ANSWERED": 1}
    assert [(outcome.state, outcome.call_id) for outcome in given] == [(ContactState.DONE, "call-1")]


@pytest.mark.parametrize("with_intent", [True, False])
async def test_a_callback_settles_what_is_unknown(tmp_path: Path, with_intent: bool) -> None:
    """No answer came, but the events of the call do: by the intent id in ``custom``, or in the header."""
    ours, platform = campaign(tmp_path, follow=None), Platform(TransportError())
    async with ours.run(platform, NUMBERS[:1], reminder) as outcomes:
        (unknown,) = [outcome async for outcome in outcomes]
        assert unknown.state is ContactState.UNKNOWN
    mark = f"[intent:{unknown.token}]"
    event = IncomingCall(call_id="c", custom=mark if with_intent else None, to=Destination.number(NUMBERS[0]))
    headers = None if with_intent else {"x-cb-intent": str(unknown.token)}
    accepted = await ours.settle(event, headers=headers)
    assert accepted is not None
    assert (accepted.state, accepted.call_id, accepted.note) == (ContactState.ACCEPTED, "c", None)
    assert await ours.settle(AnsweredCall(call_id="c")) is None
    done = await ours.settle(DisconnectedCall(call_id="c", result="ANSWERED"))
    assert done is not None
    assert (done.state, done.result) == (ContactState.DONE, "ANSWERED")
    assert await ours.unknowns() == []


async def test_what_is_settled_while_the_run_goes_on_is_counted_and_told(tmp_path: Path) -> None:
    """Of a contact in doubt, and of one that nobody follows."""
    ours, platform = campaign(tmp_path, follow=None, in_flight=1), Platform(TransportError())
    async with ours.run(platform, NUMBERS[:3], reminder) as outcomes:

        async def pause() -> None:
            outcomes.pause()

        platform.script.append(pause)  # with one left to dial, so that the run does not end meanwhile
        first, second = await anext(outcomes), await anext(outcomes)
        await ours.settle(IncomingCall(call_id="c", custom=f"[intent:{first.token}]"))
        await ours.settle(dice(platform, "call-2"))
        assert [(await anext(outcomes)).state for _ in range(2)] == [ContactState.ACCEPTED, ContactState.DONE]
        assert outcomes.counts.states[ContactState.UNKNOWN] == 0
        assert outcomes.counts.results == {"ANSWERED": 1}
    assert second.state is ContactState.ACCEPTED


async def test_events_of_others_change_nothing(tmp_path: Path) -> None:
    """Of another campaign, of a call that nobody knows, of an attempt that is past."""
    ours, platform = campaign(tmp_path, follow=None), Platform()
    async with ours.run(platform, NUMBERS[:1], reminder) as outcomes:
        await outcomes.wait()
    strange = f"[intent:{'0' * 32}]"
    assert await ours.settle(DisconnectedCall(call_id="call-1", custom=strange)) is None
    assert await ours.settle(DisconnectedCall(call_id="no such")) is None
    assert (await ours.report()).states == {ContactState.ACCEPTED: 1}


async def test_an_event_of_a_call_whose_attempt_is_past(tmp_path: Path) -> None:
    """It is known by its call id, and settles nothing any more."""
    async with virtual_time() as clock:
        ours, platform = campaign(tmp_path, clock, redial=RedialRules(attempts=2, delay=7200.0)), Platform()
        async with ours.run(platform, each(NUMBERS[:1]), reminder) as outcomes:
            await until(lambda: outcomes.alive > 0)
            await ours.settle(dice(platform, "call-1", "BUSY"))
            outcomes.cancel()
        late = dice(platform, "call-1")
        assert await ours.settle(late) is None
        assert await ours.settle(DisconnectedCall(call_id="call-1", result="ANSWERED")) is None


async def test_busy_is_dialled_again_and_answered_is_not(tmp_path: Path) -> None:
    """After the delay, in a new attempt with an id of its own, and no more often than the rules say."""
    async with virtual_time() as clock:
        ours, platform = campaign(tmp_path, clock, redial=RedialRules(attempts=2, delay=600.0)), Platform()
        ended: list[Outcome] = []
        async with ours.run(platform, each(NUMBERS[:2]), reminder) as outcomes, anyio.create_task_group() as tasks:

            async def end_calls() -> None:
                for number in range(1, 4):
                    while not outcomes.alive or f"call-{number}" not in platform.custom:
                        await anyio.sleep(0.001)
                    await a_moment()
                    result = "ANSWERED" if platform.rang[NUMBERS[1]] and number == 2 else "BUSY"
                    await ours.settle(dice(platform, f"call-{number}", result, "N/A"))

            tasks.start_soon(end_calls)
            ended = [outcome async for outcome in outcomes]
    assert platform.rang.total() == 3
    assert [outcome.attempt for outcome in ended] == [1, 1, 2]
    assert (ended[2].placed_at or 0.0) - (ended[0].changed_at or 0.0) >= 600.0
    assert ended[2].spent == Decimal("0.04")
    assert len({outcome.token for outcome in ended}) == 3
    assert len({headers["X-CB-Intent"] for headers in platform.headers}) == 3


async def test_who_was_busy_when_the_last_run_ended_is_dialled_by_the_next(tmp_path: Path) -> None:
    """Also where the rules have come later; calls that were alive are followed on."""
    ours, platform = campaign(tmp_path, in_flight=2), Platform()
    async with ours.run(platform, NUMBERS[:2], reminder) as outcomes:
        await until(lambda: outcomes.alive >= 2)
    await ours.settle(dice(platform, "call-1", "BUSY", "N/A"))
    again = campaign(tmp_path, redial=RedialRules(attempts=2, delay=0.0), in_flight=1)
    async with again.run(platform, None, reminder) as outcomes:
        assert outcomes.alive == 1  # it has the only place
        await again.settle(dice(platform, "call-2"))
        await until(lambda: platform.rang.total() >= 3 and outcomes.alive > 0)
        await again.settle(dice(platform, "call-3"))
        counts = await outcomes.wait()
    assert counts.results == {"ANSWERED": 2}
    assert sorted(platform.rang.values()) == [1, 2]


async def test_more_calls_alive_than_places(tmp_path: Path) -> None:
    """A run with fewer places than the last one follows what is alive, and dials nobody before there is room."""
    ours, platform = campaign(tmp_path, in_flight=3), Platform()
    async with ours.run(platform, NUMBERS[:3], reminder) as outcomes:
        await until(lambda: outcomes.alive >= 3)
    again = campaign(tmp_path, in_flight=1)
    async with again.run(platform, None, reminder) as outcomes:
        assert outcomes.alive == 3
        for number in range(1, 4):
            await again.settle(dice(platform, f"call-{number}"))
        assert (await outcomes.wait()).results == {"ANSWERED": 3}


async def test_calls_that_must_be_over_are_not_followed_on(tmp_path: Path) -> None:
    """They stay accepted."""
    async with virtual_time() as clock:
        ours = campaign(tmp_path, clock, max_call_duration=60.0)
        async with ours.run(Platform(), each(NUMBERS[:1]), reminder) as outcomes:
            await until(lambda: outcomes.alive > 0)
        clock.wall += 3600
        async with ours.run(Platform(), None, reminder) as outcomes:
            assert outcomes.alive == 0
            await outcomes.wait()


class Polled(Platform):
    """A platform that can be asked about its calls: the first answer is lost, then it goes on, then it is over."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.callouts = self
        self.calls = self
        self.place = self.__call__

    async def get(self, call_id: str) -> Call:
        """Tell about a call."""
        self.asked.append(call_id)
        match self.asked.count(call_id):
            case 1:
                raise ConnectError
            case 2:
                return Call(call_id=call_id, status="ONGOING")
            case _:
                return Call(call_id=call_id, status="FINAL", result="NOANSWER", reason="N/A", duration=0, debit=COST)


async def test_polling(tmp_path: Path) -> None:
    """The platform is asked about each call alive until it is over; what it does not answer is asked again."""
    async with virtual_time() as clock:
        ours, platform = campaign(tmp_path, clock, follow="poll", poll_interval=5.0), Polled()
        async with ours.run(platform, each(NUMBERS[:2]), reminder) as outcomes:
            given = [outcome async for outcome in outcomes]
    assert [(outcome.state, outcome.result, outcome.price) for outcome in given] == [
        (ContactState.DONE, "NOANSWER", COST)
    ] * 2
    assert len(platform.asked) == 6


async def test_polling_beside_callbacks(tmp_path: Path) -> None:
    """Whichever comes first counts, and the other changes nothing."""
    async with virtual_time() as clock:
        ours, platform = campaign(tmp_path, clock, follow="poll"), Polled()
        platform.asked += ["call-1"] * 2

        async def get(call_id: str) -> Call:
            await ours.settle(dice(platform, call_id))
            return await Polled.get(platform, call_id)

        platform.get = get  # type: ignore[method-assign]
        async with ours.run(platform, each(NUMBERS[:1]), reminder) as outcomes:
            given = [outcome async for outcome in outcomes]
    assert [outcome.result for outcome in given] == ["ANSWERED"]


async def test_a_call_without_an_id_cannot_be_asked_about(tmp_path: Path) -> None:
    """It gives its place back after the longest time that a call may last."""
    async with virtual_time() as clock:
        ours, platform = campaign(tmp_path, clock, follow="poll", max_call_duration=60.0), Polled()
        platform.script.append(DecodeError("no call id"))
        async with ours.run(platform, each(NUMBERS[:1]), reminder) as outcomes:
            given = [outcome async for outcome in outcomes]
    assert [(outcome.state, outcome.call_id) for outcome in given] == [(ContactState.ACCEPTED, None)]
    assert platform.asked == []


async def test_the_numbers_are_those_of_all_runs(tmp_path: Path) -> None:
    """A run begins with what the last ones have come to."""
    async with virtual_time() as clock:
        ours = campaign(tmp_path, clock, follow="poll")
        async with ours.run(Polled(), each(NUMBERS[:2]), reminder) as outcomes:
            await outcomes.wait()
        async with ours.run(Polled(), each(NUMBERS[:2]), reminder) as outcomes:
            counts = await outcomes.wait()
    assert (counts.results, counts.spent, counts.placed) == ({"NOANSWER": 2}, Decimal("0.04"), 0)


async def test_polling_needs_a_client_that_can_be_asked(tmp_path: Path) -> None:
    """A coroutine function cannot."""
    with pytest.raises(ConfigurationError, match=r"client\.calls\.get"):
        async with campaign(tmp_path, follow="poll").run(Platform(), NUMBERS, reminder):
            pass  # pragma: no cover - it does not come so far


async def test_the_spend_limit(tmp_path: Path) -> None:
    """Dialling stops when it is reached; who is left is skipped, and told why."""
    async with virtual_time() as clock:
        ours, platform = campaign(tmp_path, clock, follow="poll", spend_limit=Decimal("0.04"), in_flight=1), Polled()
        async with ours.run(platform, each(NUMBERS), reminder) as outcomes:
            counts = await outcomes.wait()
    assert platform.rang.total() == 2
    assert counts.states[ContactState.SKIPPED] == 4
    assert (await ours.report()).skipped == {"the spend limit is reached": 4}


async def test_releasing_by_hand(tmp_path: Path) -> None:
    """A person says that somebody may be dialled again; only those, and only then."""
    ours, platform = campaign(tmp_path, follow=None), Platform(*[TransportError()] * 2)
    async with ours.run(platform, NUMBERS[:3], reminder) as outcomes:
        await outcomes.wait()
    doubtful = [outcome.number for outcome in await ours.unknowns()]
    assert await ours.release(doubtful[:1]) == 1
    async with ours.run(platform, NUMBERS[:3], reminder) as outcomes:
        await outcomes.wait()
    assert platform.rang[doubtful[0]] == 2
    assert platform.rang[doubtful[1]] == 1


async def test_what_is_in_doubt_may_have_cost_something(tmp_path: Path) -> None:
    """A call whose cost is not known counts as the most expensive one: the limit is not passed by it."""
    async with virtual_time() as clock:
        ours, platform = campaign(tmp_path, clock, follow="poll", spend_limit=Decimal("0.04"), in_flight=1), Polled()
        platform.script.extend([a_moment, TransportError()])
        async with ours.run(platform, each(NUMBERS), reminder) as outcomes:
            counts = await outcomes.wait()
    assert platform.rang.total() == 2
    assert counts.states[ContactState.SKIPPED] == 4


async def test_a_call_that_ends_while_it_is_asked_about(tmp_path: Path) -> None:
    """The event counts, and the refusal of the question changes nothing."""
    async with virtual_time() as clock:
        ours, platform = campaign(tmp_path, clock, follow="poll"), Polled()

        async def get(call_id: str) -> Call:
            platform.asked.append(call_id)
            if len(platform.asked) == 3:
                await ours.settle(dice(platform, call_id))
            raise NotFoundError(status=404)

        platform.get = get  # type: ignore[method-assign]
        async with ours.run(platform, each(NUMBERS[:1]), reminder) as outcomes:
            given = [outcome async for outcome in outcomes]
    assert [outcome.state for outcome in given] == [ContactState.DONE]


async def test_more_questions_than_are_asked_at_once(tmp_path: Path) -> None:
    """When the platform refuses to answer, those that wait for their turn are not asked any more."""
    async with virtual_time() as clock:
        ours, platform = campaign(tmp_path, clock, follow="poll", in_flight=60), Polled()

        async def get(call_id: str) -> Call:
            platform.asked.append(call_id)
            await a_moment()
            raise NotFoundError(status=404)

        platform.get = get  # type: ignore[method-assign]
        numbers = [f"+4670000{last:04}" for last in range(60)]
        async with ours.run(platform, each(numbers), reminder) as outcomes:
            await outcomes.wait()
    assert len(platform.asked) < 60
