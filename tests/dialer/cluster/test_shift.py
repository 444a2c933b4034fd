"""A campaign on several machines: planned in batches, dialled by shifts, settled in any process; none dialled twice."""

import logging
import math
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import psycopg
import pytest
from attrs import define, field, frozen

from sinch_voice_async import CalloutReceipt
from sinch_voice_async.dialer import (
    AttemptUpdate,
    Batch,
    CallingWindow,
    Campaign,
    ContactState,
    Plan,
    RedialRules,
    Shift,
    Tally,
    dial_batch_blocking,
    plan_blocking,
)
from sinch_voice_async.dialer.cluster import PostgresJournal
from sinch_voice_async.dialer.distributed import shared_journal
from sinch_voice_async.dialer.postgres.database import STATEMENTS, Database
from sinch_voice_async.errors import (
    APIError,
    AuthenticationError,
    CampaignError,
    ConfigurationError,
    ConnectError,
    JournalError,
    NotFoundError,
    PaymentRequiredError,
    RateLimitedError,
    ServerError,
)
from sinch_voice_async.models.calls import Call, Price
from sinch_voice_async.models.events import AmdResult, AnsweredCall, DisconnectedCall
from sinch_voice_async.svaml import Hangup, Svaml
from tests.dialer.cluster.postgres import Postgres
from tests.dialer.platforms import Platform, reminder

NUMBERS = [f"+4670000{last:04}" for last in range(40)]


def fast(url: str, name: str, **options: Any) -> Campaign:
    """Return a campaign that calls all contacts at once, as one machine makes it."""
    return Campaign(name, journal=url, **{"calls_per_second": 1000.0, **options})


@asynccontextmanager
async def enqueued(
    url: str, name: str, count: int, platform: Any, **options: Any
) -> AsyncIterator[tuple[Campaign, Shift]]:
    """Enqueue contacts, and give a campaign that stays open and a shift of it."""
    campaign = fast(url, name, **options)
    await campaign.enqueue(NUMBERS[:count])
    async with campaign, campaign.shift(platform, reminder) as shift:
        yield campaign, shift


def ask(url: str, question: str, *values: Any) -> list[Any]:
    """Return the rows that answer a question."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(question, values)
        return [] if cursor.description is None else cursor.fetchall()


def offered(url: str, name: str) -> int:
    """Return how many contacts are offered in batches."""
    [(count,)] = ask(
        url,
        "SELECT count(*) FROM sinch_voice_dialer.contact JOIN sinch_voice_dialer.campaign ON id = campaign "
        "WHERE name = %s AND state = 'todo' AND batch IS NOT NULL",
        name,
    )
    return int(count)


@define
class Queue:
    """A task queue that keeps the jobs; it may be told to fail."""

    jobs: list[Batch] = field(factory=list)
    failure: Exception | None = None

    async def send(self, batches: Sequence[Batch]) -> None:
        """Take jobs."""
        if self.failure is not None:
            raise self.failure
        self.jobs += batches


async def until(holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    while not holds():
        await anyio.sleep(0.001)


async def dial_all(campaign: Campaign, shift: Shift, **how: Any) -> Plan:
    """Plan and dial until nothing is offered."""
    while (plan := await campaign.plan(**how)).batches:
        for batch in plan.batches:
            await shift.dial_batch(batch.id)
    return plan


async def test_each_job_is_delivered_twice(url: str, campaign: str) -> None:
    """Two machines dial the same batches at the same time: one callout for each contact."""
    platform, tallies = Platform(), list[Tally]()
    queue = Queue()

    async def dial(shift: Shift, batch: str) -> None:
        tallies.append(await shift.dial_batch(batch, at_once=3))

    async with AsyncExitStack() as stack:
        ours, one = await stack.enter_async_context(enqueued(url, campaign, 40, platform))
        two = await stack.enter_async_context(fast(url, campaign).shift(platform, reminder))
        plan = await ours.plan_into(queue, size=10)
        assert [batch.size for batch in queue.jobs] == [10, 10, 10, 10]
        assert (queue.jobs, plan.left, plan.recovered, plan.next_due) == ([*plan.batches], 40, 0, None)
        async with anyio.create_task_group() as tasks:
            for batch in queue.jobs:
                tasks.start_soon(dial, one, batch.id)
                tasks.start_soon(dial, two, batch.id)
        last = await dial_all(ours, one)
    assert platform.rang == Counter(NUMBERS)
    assert (last.left, last.batches) == (0, ())
    assert all(tally.placed + tally.missed + tally.returned == tally.total for tally in tallies)
    assert (await fast(url, campaign).report()).states == {ContactState.ACCEPTED: 40}


async def test_all_jobs_are_lost(url: str, campaign: str) -> None:
    """What was offered and never came to a machine is offered again when its lease ends, and not before."""
    platform = Platform()
    async with enqueued(url, campaign, 5, platform) as (ours, shift):
        lost = await ours.plan()
        assert [batch.size for batch in lost.batches] == [5]
        assert (await ours.plan()).batches == ()
        ask(url, "UPDATE sinch_voice_dialer.contact SET offered_until = offered_until - interval '10 min'")
        plan = await ours.plan()
        # The old job comes late: nothing of its batch is left.
        assert (await shift.dial_batch(lost.batches[0].id)).total == 0
        assert (await shift.dial_batch(plan.batches[0].id)).accepted == 5
    assert platform.rang == Counter(NUMBERS[:5])


async def test_a_machine_that_stands_still(url: str, campaign: str, caplog: pytest.LogCaptureFixture) -> None:
    """Claims that are minutes old are unknown and their batch is offered again; the answer that comes late counts."""

    async def stand_still() -> None:
        ask(
            url,
            "UPDATE sinch_voice_dialer.contact SET claimed_at = claimed_at - interval '3 min', "
            "offered_until = offered_until - interval '10 min'",
        )
        plan = await fast(url, campaign).plan()
        assert (plan.recovered, [batch.size for batch in plan.batches]) == (1, [3])
        again.extend(plan.batches)

    again: list[Batch] = []
    platform = Platform(stand_still)
    async with enqueued(url, campaign, 4, platform) as (ours, shift):
        [batch] = (await ours.plan()).batches
        tally = await shift.dial_batch(batch.id, at_once=1)
        assert (tally.accepted, tally.missed) == (1, 3)
        assert (await shift.dial_batch(again[0].id)).accepted == 3
    assert platform.rang == Counter(NUMBERS[:4])
    assert "lost with their machines are unknown now: 1" in caplog.text


async def stopped(shift: Shift, batch: str, platform: "Held", how: str) -> Tally | None:
    """Dial a batch that is ended in one of three ways while two callouts are on their way."""
    stop, result = False, list[Tally]()
    scope = anyio.CancelScope()

    async def dial() -> None:
        with scope:
            result.append(await shift.dial_batch(batch, at_once=2, stop=lambda: stop))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(dial)
        await platform.busy.wait()
        stop = how == "stop"
        if how == "cancel":
            scope.cancel()
        await anyio.lowlevel.checkpoint()
        if how == "stop":
            await until(lambda: len(platform.rang) >= 2)
            await anyio.sleep(0.4)  # longer than the time between two questions
        platform.answer.set()
    return result[0] if result else None


class Held(Platform):
    """Answers nothing until it may."""

    def __init__(self, busy_at: int = 2) -> None:
        super().__init__()
        self.busy, self.answer = anyio.Event(), anyio.Event()
        self._busy_at = busy_at

    async def __call__(self, callout: Any, /, *, callback_headers: Any) -> CalloutReceipt:
        """Take a callout, and answer it when it may."""
        receipt = await super().__call__(callout, callback_headers=callback_headers)
        if self.rang.total() >= self._busy_at:
            self.busy.set()
        if self.rang.total() > 1:  # the first is alone until it is accepted
            await self.answer.wait()
        return receipt


@pytest.mark.parametrize("how", ["stop", "cancel"])
async def test_it_is_stopped_in_the_middle(url: str, campaign: str, how: str) -> None:
    """Callouts on their way come home, so the outcome of each is known, and the rest may be planned at once."""
    platform = Held(3)
    async with enqueued(url, campaign, 10, platform) as (ours, shift):
        [batch] = (await ours.plan()).batches
        tally = await stopped(shift, batch.id, platform, how)
        assert offered(url, campaign) == 0
        states = (await ours.report()).states
        assert states == {ContactState.ACCEPTED: 3, ContactState.TODO: 7}
        if how == "stop":
            assert tally == Tally(accepted=3, returned=7, is_stopped=True)
        else:
            assert tally is None
        await dial_all(ours, shift)
    assert platform.rang == Counter(NUMBERS[:10])


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_task_is_cancelled_as_task_queues_do(url: str, campaign: str) -> None:
    """A cancellation of the task, which no scope of ours sees, is raised when callouts on their way are home."""
    import asyncio

    platform = Held(3)
    async with enqueued(url, campaign, 10, platform) as (ours, shift):
        [batch] = (await ours.plan()).batches
        task = asyncio.get_running_loop().create_task(shift.dial_batch(batch.id, at_once=2))
        await platform.busy.wait()
        task.cancel()
        await anyio.lowlevel.checkpoint()
        task.cancel()
        platform.answer.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await ours.report()).states == {ContactState.ACCEPTED: 3, ContactState.TODO: 7}
        assert offered(url, campaign) == 0


async def test_eight_planners_at_once(url: str, campaign: str) -> None:
    """Together they offer what one would, since each sees what the one before has offered."""
    await fast(url, campaign).enqueue(NUMBERS)
    plans: list[Plan] = []

    async def plan() -> None:
        plans.append(await fast(url, campaign, in_flight=20, follow="callbacks").plan(size=3))

    async with anyio.create_task_group() as tasks:
        for _ in range(8):
            tasks.start_soon(plan)
    assert sum(batch.size for plan in plans for batch in plan.batches) == offered(url, campaign) == 20


def ended(platform: Platform, call_id: str, **known: Any) -> DisconnectedCall:
    """Return the DiCE of a call."""
    values: dict[str, Any] = {"result": "ANSWERED", "reason": "CALLEEHANGUP", "duration": 1, **known}
    return DisconnectedCall(call_id=call_id, custom=platform.custom[call_id], **values)


async def test_calls_alive_are_bounded_together(url: str, campaign: str) -> None:
    """Four machines share one ``in_flight``, although each dials all that it gets."""
    platform, alive, most = Platform(), set[str](), 0
    async with AsyncExitStack() as stack:
        ours, _ = await stack.enter_async_context(
            enqueued(url, campaign, 40, platform, in_flight=5, follow="callbacks")
        )
        shifts = [
            await stack.enter_async_context(
                fast(url, campaign, in_flight=5, follow="callbacks").shift(platform, reminder)
            )
            for _ in range(4)
        ]
        while (plan := await ours.plan(size=2)).left or plan.alive:
            async with anyio.create_task_group() as tasks:
                for place, batch in enumerate(plan.batches):
                    tasks.start_soon(shifts[place % 4].dial_batch, batch.id)
            calls = [*platform.custom]
            alive |= {call for call in calls if call not in alive}
            states = (await ours.report()).states
            most = max(most, states[ContactState.ACCEPTED])
            running = [outcome.call_id async for outcome in ours.outcomes({ContactState.ACCEPTED})]
            for call_id in running[:3]:
                assert call_id is not None
                assert await ours.settle(ended(platform, call_id)) is not None
    assert most == 5
    assert platform.rang == Counter(NUMBERS)


async def test_the_spend_limit_is_shared(url: str, campaign: str) -> None:
    """Calls go one at a time until a cost is known, and then as many as the limit has room for, on all machines."""
    platform = Platform()
    options = {"spend_limit": Decimal("0.5"), "follow": "callbacks", "in_flight": 40}
    async with enqueued(url, campaign, 40, platform, **options) as (ours, shift):
        sizes = []
        while (plan := await ours.plan()).batches:
            sizes.append(sum(batch.size for batch in plan.batches))
            assert (await ours.plan()).batches == ()
            for batch in plan.batches:
                await shift.dial_batch(batch.id)
            assert (await ours.plan()).batches == ()
            async for outcome in ours.outcomes({ContactState.ACCEPTED}):
                price = Price(amount=Decimal("0.1"), currency_id="USD")
                await ours.settle(ended(platform, outcome.call_id or "", debit=price))
        assert sizes == [1, 4]
        assert (await ours.report()).states[ContactState.DONE] == 5


async def test_calls_that_cost_nothing(url: str, campaign: str) -> None:
    """A limit does not stop them."""
    platform = Platform()
    async with enqueued(url, campaign, 9, platform, spend_limit=1, follow="callbacks") as (ours, shift):
        await shift.dial_batch((await ours.plan()).batches[0].id)
        price = Price(amount=Decimal(0), currency_id="USD")
        await ours.settle(ended(platform, "call-1", debit=price))
        assert [batch.size for batch in (await ours.plan()).batches] == [8]


async def test_settled_elsewhere_and_dialled_again(url: str, campaign: str) -> None:
    """A web process settles a busy call: its end and its redial are one transaction, and it is dialled once more."""
    options: dict[str, Any] = {"follow": "callbacks", "redial": RedialRules(attempts=2, delay=0.0)}
    platform = Platform()
    async with enqueued(url, campaign, 3, platform, **options) as (ours, shift):
        await dial_all(ours, shift)
    web = fast(url, campaign, **options)
    busy = await web.settle(ended(platform, "call-1", result="BUSY", reason="NOANSWER"))
    assert busy is not None
    assert (busy.state, busy.result) == (ContactState.DONE, "BUSY")
    assert await web.settle(ended(platform, "call-1", result="BUSY", reason="NOANSWER")) is None
    assert await web.settle(ended(platform, "call-2")) is not None
    async with fast(url, campaign, **options) as again, again.shift(platform, reminder) as shift:
        await dial_all(again, shift)
        done = await again.settle(ended(platform, "call-4", result="BUSY", reason="NOANSWER"))
        assert done is not None
        await dial_all(again, shift)
    assert sorted(platform.rang.values()) == [1, 1, 2]


async def test_a_machine_that_is_settled_elsewhere(url: str, campaign: str) -> None:
    """A web process learns of an answering machine: the call ends with that result, and is dialled once more."""
    rules = RedialRules(attempts=2, results={"MACHINE"}, delay=0.0)
    options: dict[str, Any] = {"follow": "callbacks", "redial": rules}
    platform = Platform()
    async with enqueued(url, campaign, 2, platform, **options) as (ours, shift):
        await dial_all(ours, shift)
    web = fast(url, campaign, **options)
    met = AnsweredCall(call_id="call-1", custom=platform.custom["call-1"], amd=AmdResult(status="machine"))
    assert await web.answer(met, human=Svaml(action=Hangup())) == Svaml(action=Hangup())
    over = await web.settle(ended(platform, "call-1"))
    assert over is not None
    assert (over.state, over.result, over.note) == (ContactState.DONE, "MACHINE", "answered by a machine")
    async with fast(url, campaign, **options) as again, again.shift(platform, reminder) as shift:
        await dial_all(again, shift)
        last = await again.settle(ended(platform, "call-3"))
    assert last is not None
    assert (last.result, last.note) == ("ANSWERED", None)
    assert sorted(platform.rang.values()) == [1, 2]


async def test_results_wait_in_the_database(url: str, campaign: str) -> None:
    """Each change to a state that is asked for is kept with its transaction, and forgotten one by one."""
    options: dict[str, Any] = {"follow": "callbacks"}
    platform = Platform()
    async with enqueued(url, campaign, 2, platform, **options) as (ours, shift):
        journal = ours.journal
        assert isinstance(journal, PostgresJournal)
        await journal.stream_results([ContactState.DONE])
        await dial_all(ours, shift)
        price = Price(amount=Decimal("0.25"), currency_id="EUR")
        await ours.settle(ended(platform, "call-1", debit=price))
        await ours.settle(ended(platform, "call-2"))
        (first, one), (second, other) = await journal.results(9)
        assert first < second
        assert (one["state"], one["price"], one["currency"], one["fields"]) == ("done", "0.25", "EUR", {})
        assert {one["number"], other["number"]} == {*platform.rang}
        await journal.forget_results([first])
        assert [key for key, _ in await journal.results(9)] == [second]
        await journal.stream_results([])
        await journal.forget_results([second])
        assert await journal.results(9) == []


async def test_nothing_that_is_over_is_read(postgres: Postgres) -> None:
    """No statement of a planner or a batch scans the table: each costs what is open."""
    url = postgres.database()
    await fast(url, "x").enqueue(NUMBERS)
    [(number,)] = ask(url, "SELECT id FROM sinch_voice_dialer.campaign")
    ask(
        url,
        """INSERT INTO sinch_voice_dialer.contact (campaign, number, fields, state, changed_at, due, attempt, returned,
        today, recent, spent) SELECT %s, '+4671' || n, '{}', 'done', 0, 0, 1, 0, 1, '{}', 0
        FROM generate_series(1, 20000) AS n""",
        number,
    )
    ask(url, "ANALYZE sinch_voice_dialer.contact")
    given: dict[str, Any] = {"campaign": number, "claim_timeout": 120.0, "left": "", "max_call_duration": 9.0}
    given |= {"room": 10, "size": 5, "batches": [uuid.uuid4()] * 2, "lease": 9.0, "most": 9, "batch": uuid.uuid4()}
    given |= {"changed_by": uuid.uuid4(), "numbers": ["a"], "tokens": ["b"], "days": [""], "ats": [0.0]}
    given |= {"limit": 9, "poll_interval": 1.0}
    names = ("recover", "expire", "count_open", "count_calls", "offer", "count_left", "of_batch", "take_back")
    with psycopg.connect(url) as connection:
        for name in (*names, "claim", "changed", "to_look_at", "open_batches"):
            rows = connection.execute(b"EXPLAIN " + STATEMENTS[name], given).fetchall()
            plan = "\n".join(line for (line,) in rows)
            assert "Seq Scan on contact" not in plan, plan
            assert "contact_position" not in plan, plan


async def test_commits_are_shared(url: str, campaign: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch of 100 takes less than half a transaction for each contact, planning and pace included."""
    carried, count = Database._carry_out, 0

    def counting(database: Database, operation: Any) -> Any:
        nonlocal count
        count += 1
        return carried(database, operation)

    many = [f"+4671{last:07}" for last in range(200)]
    platform = Platform()
    ours = fast(url, campaign, calls_per_second=math.inf)
    await ours.enqueue(many)
    async with ours, ours.shift(platform, reminder) as shift:
        monkeypatch.setattr(Database, "_carry_out", counting)
        await dial_all(ours, shift)
    assert platform.rang == Counter(many)
    assert count / len(many) <= 0.5


async def test_a_pause_and_a_cancellation_are_of_all_machines(url: str, campaign: str) -> None:
    """While it is paused or cancelled nothing is offered, and a batch that comes gives its contacts back."""
    platform = Platform()
    async with enqueued(url, campaign, 4, platform) as (ours, shift):
        for stop in (ours.pause, ours.cancel):
            [batch] = (await ours.plan()).batches
            await stop()
            assert (await ours.plan()).batches == ()
            tally = await shift.dial_batch(batch.id)
            assert (tally.returned, tally.total, tally.is_stopped) == (4, 4, True)
            assert offered(url, campaign) == 0
            await fast(url, campaign).resume()
        await dial_all(ours, shift)
    assert platform.rang == Counter(NUMBERS[:4])


async def test_a_pause_in_the_middle(url: str, campaign: str) -> None:
    """A pause by another machine is obeyed at the next reservation of instants."""

    async def pause() -> None:
        await fast(url, campaign).pause("lunch")

    platform = Platform(pause)
    async with enqueued(url, campaign, 30, platform, calls_per_second=50) as (ours, shift):
        tally = await shift.dial_batch((await ours.plan()).batches[0].id, at_once=1)
        assert tally.is_stopped
        assert platform.rang.total() == 1
        assert (await ours.control()).pause == "lunch"


async def test_a_campaign_that_is_deleted(url: str, campaign: str) -> None:
    """Planning and dialling end with what is wrong, and nothing makes the campaign anew."""
    async with enqueued(url, campaign, 4, Platform()) as (ours, shift):
        [batch] = (await ours.plan()).batches
        ask(url, "DELETE FROM sinch_voice_dialer.campaign WHERE name = %s", campaign)
        with pytest.raises(JournalError, match="was deleted"):
            await ours.plan()
        with pytest.raises(JournalError, match="was deleted"):
            await shift.dial_batch(batch.id)
        with pytest.raises(JournalError, match="was deleted"):
            await ours.control()
        with pytest.raises(JournalError, match="was deleted"):
            await ours.journal.pacer(1.0, ours.settings.clock).wait()
    with pytest.raises(JournalError, match=r"no campaign 'reminders .*enqueue its contacts first"):
        await fast(url, campaign).plan()
    with pytest.raises(JournalError, match="enqueue its contacts first"):
        await fast(url, campaign).shift(Platform(), reminder).__aenter__()


async def test_no_number_leaves_the_database(url: str, campaign: str, caplog: pytest.LogCaptureFixture) -> None:
    """Neither a job nor a line of the log has one."""
    queue = Queue()
    platform = Platform(RateLimitedError("slow", status=429), PaymentRequiredError("pay", status=402))
    with caplog.at_level(logging.DEBUG):
        async with enqueued(url, campaign, 4, platform) as (ours, shift):
            await ours.plan_into(queue)
            await shift.dial_batch(queue.jobs[0].id)
    assert caplog.records
    assert "+467" not in repr(queue.jobs) + caplog.text


async def test_a_queue_that_refuses(url: str, campaign: str) -> None:
    """Its exception is raised, and the offers are taken back, to be made again at once."""
    queue = Queue(failure=OSError("no broker"))
    async with enqueued(url, campaign, 4, Platform()) as (ours, shift):
        with pytest.raises(OSError, match="no broker"):
            await ours.plan_into(queue)
        assert offered(url, campaign) == 0
        queue.failure = None
        assert (await ours.plan_into(queue)).left == 4
        assert await shift.dial_batch(queue.jobs[0].id) == Tally(accepted=4)
        assert (await ours.plan_into(queue)).batches == ()


async def test_what_answers_mean_for_all(url: str, campaign: str) -> None:
    """No credit pauses the campaign on all machines; the contact was not called."""
    platform = Platform(PaymentRequiredError("pay", status=402))
    async with enqueued(url, campaign, 4, platform) as (ours, shift):
        tally = await shift.dial_batch((await ours.plan()).batches[0].id)
        assert tally == Tally(returned=4, is_stopped=True)
        assert "no credit" in ((await ours.control()).pause or "")
        await ours.resume()
        await dial_all(ours, shift)
    assert platform.rang == Counter(NUMBERS[:4])


async def test_a_429_holds_all_machines(url: str, campaign: str) -> None:
    """For as long as Retry-After says nothing is offered, and a batch that comes gives its contacts back."""
    platform = Platform(RateLimitedError("slow", status=429, retry_after=60.0))
    async with enqueued(url, campaign, 4, platform) as (ours, shift):
        assert await shift.dial_batch((await ours.plan()).batches[0].id) == Tally(returned=4, is_stopped=True)
        assert (await ours.plan()).batches == ()
        ask(url, "UPDATE sinch_voice_dialer.campaign SET held_until = now(), next_at = now() WHERE name = %s", campaign)
        await dial_all(ours, shift)
    assert platform.rang == Counter(NUMBERS[:4])


async def test_wrong_credentials(url: str, campaign: str) -> None:
    """The batch fails with one callout, and no machine goes on for half a minute."""
    platform = Platform(AuthenticationError("wrong", status=401))
    async with enqueued(url, campaign, 4, platform) as (ours, shift):
        with pytest.raises(AuthenticationError):
            await shift.dial_batch((await ours.plan()).batches[0].id)
        assert (await ours.plan()).batches == ()
        assert (await ours.report()).states == {ContactState.TODO: 4}
    assert platform.rang.total() == 0


async def test_the_network_is_down(url: str, campaign: str) -> None:
    """All machines hold for a moment and one callout tries again; when it lasts too long the batch fails."""
    down = ConnectError("down", outcome="unsent")
    platform = Platform(down, down)
    async with enqueued(url, campaign, 2, platform, network_timeout=0.001) as (ours, shift):
        with pytest.raises(ConnectError):
            await dial_all(ours, shift)
        assert (await ours.report()).states == {ContactState.TODO: 2}


async def test_unknown_and_rejected(url: str, campaign: str) -> None:
    """Each is counted, and neither is offered again."""
    platform = Platform(NotFoundError("no", status=404), ServerError("oops", status=500, outcome="unknown"))
    async with enqueued(url, campaign, 4, platform) as (ours, shift):
        tally = await shift.dial_batch((await ours.plan()).batches[0].id)
        assert tally == Tally(accepted=2, rejected=1, unknown=1)
        assert (tally.placed, tally.total) == (4, 4)
        assert (await ours.plan()).left == 0


async def test_skipped_and_put_off(url: str, campaign: str) -> None:
    """A listed number is skipped until the campaign is opened again; a closed window puts off, and is not offered."""
    platform = Platform()
    async with enqueued(url, campaign, 3, platform, do_not_call=NUMBERS[:1]) as (ours, shift):
        assert await shift.dial_batch((await ours.plan()).batches[0].id) == Tally(accepted=2, skipped=1)
        assert await ours.reopen() == 1
    now = datetime.now(UTC)
    window = CallingWindow(
        (now + timedelta(hours=2)).strftime("%H:%M"), (now + timedelta(hours=3)).strftime("%H:%M"), zone="UTC"
    )
    closed = fast(url, campaign, window=window, do_not_call=NUMBERS[2:3])
    async with closed, closed.shift(platform, reminder, accept_changes=True) as shift:
        assert await shift.dial_batch((await closed.plan()).batches[0].id) == Tally(put_off=1)
        plan = await closed.plan()
        assert plan.batches == ()
        assert (plan.next_due or 0.0) - time.time() == pytest.approx(7200, abs=90)


async def test_a_campaign_that_starts_later(url: str, campaign: str) -> None:
    """Nothing is offered before."""
    later = fast(url, campaign, starts_at=datetime.now(UTC) + timedelta(hours=1))
    await later.enqueue(NUMBERS[:1])
    assert (await later.plan()).batches == ()
    assert (await fast(url, campaign, starts_at=datetime.now(UTC)).plan()).left == 1


async def test_a_list_that_cannot_be_asked(url: str, campaign: str) -> None:
    """The batch fails, no number is called, and all of it may be planned again."""

    def is_listed(number: str) -> bool:
        raise OSError(number)

    platform = Platform()
    async with enqueued(url, campaign, 4, platform, do_not_call=is_listed) as (ours, shift):
        with pytest.raises(CampaignError, match="do-not-call"):
            await shift.dial_batch((await ours.plan()).batches[0].id)
        assert offered(url, campaign) == 0
    assert platform.rang.total() == 0


async def test_a_stop_that_fails(url: str, campaign: str) -> None:
    """Its exception is raised when callouts on their way are home."""

    def stop() -> bool:
        raise OSError("no signal")

    async with enqueued(url, campaign, 4, Platform()) as (ours, shift):
        with pytest.raises(OSError, match="no signal"):
            await shift.dial_batch((await ours.plan()).batches[0].id, stop=stop)
        assert offered(url, campaign) == 0


async def test_a_database_that_cannot_take_offers_back(
    url: str, campaign: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch fails with what is wrong, although its calls were placed."""

    async def refuse(*_: Any) -> int:
        raise JournalError("the disk is full")

    monkeypatch.setattr(PostgresJournal, "take_back", refuse)
    async with enqueued(url, campaign, 2, Platform()) as (ours, shift):
        with pytest.raises(JournalError, match="disk is full"):
            await shift.dial_batch((await ours.plan()).batches[0].id)
        assert (await ours.report()).states == {ContactState.ACCEPTED: 2}


async def test_a_shift_without_the_protection_of_the_campaign(url: str, campaign: str) -> None:
    """A machine whose configuration lost the list is refused, unless it says so; and the change is said."""
    listed = fast(url, campaign, do_not_call=NUMBERS[:1])
    await listed.enqueue(NUMBERS[:2])
    async with listed.shift(Platform(), reminder):
        pass
    with pytest.raises(ConfigurationError, match="do_not_call"):
        await fast(url, campaign).shift(Platform(), reminder).__aenter__()
    async with fast(url, campaign).shift(Platform(), reminder, accept_changes=True):
        pass


async def test_how_a_shift_is_used(url: str, campaign: str, tmp_path: Path) -> None:
    """Entered once, within its block, with the id of a batch, on PostgreSQL."""
    await fast(url, campaign).enqueue(NUMBERS[:1])
    shift = fast(url, campaign).shift(Platform(), reminder)
    with pytest.raises(CampaignError, match="within `async with"):
        await shift.dial_batch(uuid.uuid4().hex)
    async with shift:
        with pytest.raises(CampaignError, match="entered once"):
            await shift.__aenter__()
        with pytest.raises(CampaignError, match="not the id of a batch"):
            await shift.dial_batch("7")
        with pytest.raises(ConfigurationError, match="at_once"):
            await shift.dial_batch(uuid.uuid4().hex, at_once=0)
        assert await shift.dial_batch(uuid.uuid4().hex) == Tally()
    file = Campaign("x", journal=tmp_path / "x.sqlite")
    with pytest.raises(ConfigurationError, match="share a journal in PostgreSQL"):
        file.shift(Platform(), reminder)
    with pytest.raises(ConfigurationError, match="share a journal in PostgreSQL"):
        await file.plan()
    with pytest.raises(ConfigurationError, match="size"):
        await fast(url, campaign).plan(size=0)
    with pytest.raises(ConfigurationError, match="callout must be a function"):
        fast(url, campaign).shift(Platform(), None)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match=r"client\.calls\.get"):
        await fast(url, campaign, follow="poll").look(Platform())


async def test_the_pace_of_the_planner_and_of_a_person(url: str, campaign: str) -> None:
    """The planner sets the pace for all machines; ``set_pace`` replaces it."""
    slow = fast(url, campaign, calls_per_second=0.01)
    await slow.enqueue(NUMBERS)
    assert [batch.size for batch in (await slow.plan()).batches] == [1]
    await slow.set_pace(math.inf)
    assert sum(batch.size for batch in (await slow.plan(size=20)).batches) == 39
    platform = Platform()
    async with slow.shift(platform, reminder) as shift:
        [(batch,)] = ask(
            url,
            "SELECT batch FROM sinch_voice_dialer.contact JOIN sinch_voice_dialer.campaign ON id = campaign "
            "WHERE name = %s AND batch IS NOT NULL GROUP BY batch ORDER BY count(*) DESC LIMIT 1",
            campaign,
        )
        assert (await shift.dial_batch(str(batch))).accepted == 20


@frozen
class Calls:
    """Tells about calls, or fails."""

    answers: dict[str, Any]
    asked: list[str] = field(factory=list)

    async def get(self, call_id: str) -> Any:
        """Return how a call stands."""
        self.asked.append(call_id)
        answer = self.answers.get(call_id, self.answers.get("*"))
        if isinstance(answer, Exception):
            raise answer
        return answer


@frozen
class Client:
    """A client that places callouts and tells about calls."""

    platform: Platform
    calls: Calls

    async def __call__(self, callout: Any, /, *, callback_headers: Any) -> CalloutReceipt:
        """Place a callout."""
        return await self.platform(callout, callback_headers=callback_headers)


async def test_looking_at_calls(url: str, campaign: str) -> None:
    """Each call is asked about once in a while, ended if it is over, and dialled again as the rules say."""
    final = Call(call_id="call-1", status="FINAL", result="BUSY", reason="NOANSWER")
    calls = Calls(
        {"call-1": final, "call-2": NotFoundError("no", status=404), "*": Call(call_id="x", status="ONGOING")}
    )
    client = Client(Platform(), calls)
    rules = RedialRules(attempts=2, delay=0.0)
    async with enqueued(url, campaign, 3, client, follow="poll", redial=rules, poll_interval=60.0) as (ours, shift):
        await dial_all(ours, shift)
        assert await ours.look(client) == 1
        assert sorted(calls.asked) == ["call-1", "call-2", "call-3"]
        assert await ours.look(client) == 0
        assert len(calls.asked) == 3
        await dial_all(ours, shift)
    assert sorted(client.platform.rang.values()) == [1, 1, 2]


@pytest.mark.parametrize(
    ("failure", "count"), [(APIError("no", status=403), 12), (ConnectError("down", outcome="unsent"), 1)]
)
async def test_looking_that_is_refused(url: str, campaign: str, failure: Exception, count: int) -> None:
    """If the platform does not answer this program, or cannot be reached, its error is raised."""
    client = Client(Platform(), Calls({"*": failure}))
    async with enqueued(url, campaign, count, client, follow="poll") as (ours, shift):
        await dial_all(ours, shift)
        with pytest.raises(type(failure)):
            await ours.look(client)
    with pytest.raises(ConfigurationError, match="follow"):
        await fast(url, campaign).look(client)
    assert (await fast(url, campaign).report()).states == {ContactState.ACCEPTED: count}


async def test_a_question_that_fails_once(url: str, campaign: str) -> None:
    """It is asked again in the next round."""
    client = Client(Platform(), Calls({"*": ServerError("oops", status=500)}))
    async with enqueued(url, campaign, 1, client, follow="poll") as (ours, shift):
        await dial_all(ours, shift)
        assert await ours.look(client) == 0


async def test_two_processes_settle_one_call(url: str, campaign: str) -> None:
    """The same DiCE at two machines ends the call once, and lets it be dialled again once."""
    options: dict[str, Any] = {"follow": "callbacks", "redial": RedialRules(attempts=3, delay=0.0)}
    platform = Platform()
    async with enqueued(url, campaign, 1, platform, **options) as (ours, shift):
        await dial_all(ours, shift)
        [before] = [outcome async for outcome in ours.outcomes()]
        update = AttemptUpdate(result="BUSY", reason="NOANSWER")
        results = [
            await journal.settle(before, update, time.time(), ours.settings.redial)
            for journal in [shared_journal(ours.journal)] * 2
        ]
        assert [result is None for result in results] == [False, True]
        assert (await ours.report()).states == {ContactState.TODO: 1}


async def test_one_call_is_over_already(url: str, campaign: str) -> None:
    """An event was faster than the question: nothing is counted."""
    final = Call(call_id="call-1", status="FINAL", result="ANSWERED")
    platform = Platform()

    class Late(Calls):
        async def get(self, call_id: str) -> Any:
            await fast(url, campaign, follow="poll").settle(ended(platform, call_id))
            return await super().get(call_id)

    async with enqueued(url, campaign, 1, platform, follow="poll") as (ours, shift):
        await dial_all(ours, shift)
        assert await ours.look(Client(platform, Late({"*": final}))) == 0


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_for_task_queues_that_block(url: str, campaign: str) -> None:
    """An event loop for each call: planned and dialled from a thread."""
    await fast(url, campaign).enqueue(NUMBERS[:4])
    platform = Platform()

    @asynccontextmanager
    async def make_client() -> AsyncIterator[Platform]:
        yield platform

    def work() -> list[Tally]:
        plan = plan_blocking(lambda: fast(url, campaign), size=2)
        return [
            dial_batch_blocking(lambda: fast(url, campaign), make_client, reminder, batch.id) for batch in plan.batches
        ]

    assert await anyio.to_thread.run_sync(work) == [Tally(accepted=2), Tally(accepted=2)]
    assert platform.rang == Counter(NUMBERS[:4])


async def test_dialled_alone_while_it_is_offered(url: str, campaign: str) -> None:
    """The one step of other task queues takes a contact out of its batch."""
    platform = Platform()
    async with enqueued(url, campaign, 2, platform) as (ours, shift):
        [batch] = (await ours.plan()).batches
        assert (await ours.dial(NUMBERS[0], platform, reminder)).state is ContactState.ACCEPTED
        assert await shift.dial_batch(batch.id) == Tally(accepted=1)
    assert platform.rang == Counter(NUMBERS[:2])


async def test_a_batch_that_stops_while_lists_are_asked(url: str, campaign: str) -> None:
    """A contact whose list answers after the campaign was paused is given back, before its instant and after it."""
    asked: Counter[str] = Counter()
    first, second, third = NUMBERS[:3]

    async def is_listed(number: str) -> bool:
        asked[number] += 1
        # The second has its instant, and the third has none yet.
        if asked[number] == {second: 2, third: 1}.get(number):
            while (await fast(url, campaign).control()).pause is None:
                await anyio.lowlevel.checkpoint()
            await anyio.sleep(0.05)
        return False

    async def wait_for_both() -> None:
        await until(lambda: asked[third] and asked[second])

    platform = Platform(wait_for_both, PaymentRequiredError("pay", status=402))
    async with enqueued(url, campaign, 4, platform, do_not_call=is_listed) as (ours, shift):
        tally = await shift.dial_batch((await ours.plan()).batches[0].id, at_once=4)
        assert (tally.accepted, tally.returned, tally.is_stopped) == (1, 3, True)
    assert platform.rang == {first: 1}


async def test_a_run_whose_calls_others_settle(url: str, campaign: str) -> None:
    """A run frees the slot of a call that a web process has ended and put down for a redial."""
    options: dict[str, Any] = {"follow": "callbacks", "redial": RedialRules(attempts=2, delay=0.0), "in_flight": 1}
    platform = Platform()
    ours, web = fast(url, campaign, **options), fast(url, campaign, **options)
    async with ours.run(platform, NUMBERS[:1], reminder) as outcomes, anyio.create_task_group() as tasks:

        async def settle() -> None:
            for call, result in (("call-1", "BUSY"), ("call-2", "ANSWERED")):
                await until(partial(platform.custom.__contains__, call))
                settled = None
                while settled is None:
                    await anyio.sleep(0.01)
                    settled = await web.settle(ended(platform, call, result=result, reason="NOANSWER"))

        tasks.start_soon(settle)
        counts = await outcomes.wait()
    assert platform.rang == {NUMBERS[0]: 2}
    assert (counts.states[ContactState.DONE], counts.states[ContactState.ACCEPTED]) == (1, 0)


async def test_a_database_is_no_file_of_the_campaign(url: str, campaign: str) -> None:
    """There is nothing that a report could replace."""
    assert fast(url, campaign).inputs == set()
