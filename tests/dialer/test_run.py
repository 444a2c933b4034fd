"""A run and what befalls it: pause, cancel, no credit, wrong credentials, no network, slow readers."""

import math
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import pytest

from sinch_voice_async import (
    AuthenticationError,
    CalloutReceipt,
    CampaignError,
    ConfigurationError,
    ConnectError,
    InvalidRequestError,
    JournalError,
    PaymentRequiredError,
    RateLimitedError,
    TransportError,
    TtsCallout,
)
from sinch_voice_async.dialer import (
    Added,
    BrokenRow,
    CallingWindow,
    Campaign,
    Claim,
    Contact,
    ContactState,
    Outcome,
    SqliteJournal,
    batches,
    outbox,
)
from sinch_voice_async.dialer.journal import Line
from tests.dialer.clocks import NOON, PatientJournal, VirtualClock, a_moment, each, until, virtual_time
from tests.dialer.platforms import Platform, reminder

FAST = math.inf
NUMBERS = [f"+467000000{last:02}" for last in range(20)]


def campaign(tmp_path: Path, clock: VirtualClock | None = None, **changes: Any) -> Campaign:
    """A campaign like any other."""
    file = tmp_path / "x.sqlite"
    journal = file if clock is None else PatientJournal(file, clock)
    return Campaign("x", journal=journal, clock=clock, **({"calls_per_second": FAST} | changes))


async def states(of: Campaign) -> dict[ContactState, int]:
    """Return how many contacts stand where."""
    return dict((await of.report()).states)


async def test_a_pause_acts_before_the_next_dial(tmp_path: Path) -> None:
    """Nobody is dialled while it lasts; who was on the way comes to an end; resuming goes on."""
    ours, platform = campaign(tmp_path, in_flight=1), Platform()
    async with ours.run(platform, NUMBERS, reminder) as outcomes:
        await anext(outcomes)
        assert outcomes.paused is None
        outcomes.pause()
        assert outcomes.paused == "paused"
        rung = platform.rang.total()
        await anyio.sleep(0.04)
        assert platform.rang.total() <= rung + 1 < 20
        outcomes.resume()
        await outcomes.wait()
    assert platform.rang == dict.fromkeys(NUMBERS, 1)


async def test_cancelling_ends_the_iteration(tmp_path: Path) -> None:
    """At once, even at one call an hour; the rest stays to do, and the next run dials it."""
    ours, platform = campaign(tmp_path, calls_per_second=1 / 3600), Platform()
    async with ours.run(platform, NUMBERS, reminder) as outcomes:
        await anext(outcomes)
        outcomes.cancel()
        outcomes.pause()
        assert [outcome async for outcome in outcomes] == []
    assert (await states(ours))[ContactState.TODO] == 19
    async with campaign(tmp_path).run(platform, None, reminder) as outcomes:
        await outcomes.wait()
    assert platform.rang == dict.fromkeys(NUMBERS, 1)


async def test_leaving_the_block_waits_for_what_is_on_its_way(tmp_path: Path) -> None:
    """No callout is cut off, so none becomes unknown; not even where the block is left by an exception."""
    ours, platform = campaign(tmp_path, in_flight=4), Platform(*[lambda: anyio.sleep(0.01)] * 20)
    with pytest.raises(ZeroDivisionError):
        async with ours.run(platform, NUMBERS, reminder) as outcomes:
            await anext(outcomes)
            raise ZeroDivisionError
    counted = await states(ours)
    assert ContactState.UNKNOWN not in counted
    assert counted[ContactState.ACCEPTED] == platform.rang.total() < 20


async def test_what_is_cancelled_from_outside_is_in_doubt(tmp_path: Path) -> None:
    """Cancelled without mercy, who was on the way may have been rung: unknown, and not dialled again."""
    ours, platform = campaign(tmp_path, in_flight=4), Platform(None_step, *[anyio.sleep_forever] * 20)
    with anyio.move_on_after(10) as scope:
        async with ours.run(platform, NUMBERS, reminder) as outcomes:
            await anext(outcomes)
            await until(lambda: platform.now >= 4)
            scope.cancel()
            await anyio.sleep_forever()
    counted = await states(ours)
    assert counted[ContactState.UNKNOWN] == 4
    assert {outcome.note for outcome in await ours.unknowns()} == {"cancelled while this callout was on its way"}
    async with ours.run(Platform(), None, reminder) as outcomes:
        again = {outcome.number async for outcome in outcomes}
    assert again.isdisjoint(platform.rang)


async def None_step() -> None:  # noqa: N802 - it stands in a script beside exceptions
    """Do nothing first."""


async def test_no_more_than_in_flight(tmp_path: Path) -> None:
    """And as many as that, once the platform has answered."""
    ours, platform = campaign(tmp_path, in_flight=3), Platform(None_step)
    platform.script += [lambda: until(lambda: platform.most >= 3)] * 19
    async with ours.run(platform, NUMBERS, reminder) as outcomes:
        await outcomes.wait()
    assert platform.most == 3


async def test_wrong_credentials_stop_at_the_first(tmp_path: Path) -> None:
    """One request, nobody marked, and the error as it is."""
    ours, platform = campaign(tmp_path), Platform(*[AuthenticationError(status=401, code=40108)] * 20)
    with pytest.raises(AuthenticationError):
        async with ours.run(platform, NUMBERS, reminder) as outcomes:
            async for _ in outcomes:
                pass  # pragma: no cover - there is none
    assert len(platform.headers) == 1
    assert await states(ours) == {ContactState.TODO: 20}
    assert (await ours.report()).attempts == 0


async def test_an_error_is_raised_when_nobody_iterates(tmp_path: Path) -> None:
    """On leaving the block, once."""
    ours, platform = campaign(tmp_path), Platform(AuthenticationError(status=401))
    with pytest.raises(AuthenticationError):
        async with ours.run(platform, NUMBERS, reminder):
            await until(lambda: bool(platform.headers))


async def test_no_credit_pauses(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One contact is refused and goes back; when there is credit again, everybody is called."""
    ours, platform = campaign(tmp_path), Platform(None_step, PaymentRequiredError(status=402))
    async with ours.run(platform, NUMBERS, reminder) as outcomes:
        await until(lambda: outcomes.paused is not None)
        assert "402" in str(outcomes.paused)
        outcomes.resume()
        await outcomes.wait()
    assert platform.rang == dict.fromkeys(NUMBERS, 1)
    assert "no credit" in caplog.text


async def test_a_run_that_could_not_begin_may_be_tried_again(tmp_path: Path) -> None:
    """A journal that cannot be opened refuses each run; once it can, the same campaign goes ahead."""
    file = tmp_path / "x.sqlite"
    file.write_text("a letter", "utf-8")
    ours, platform = campaign(tmp_path), Platform()
    for _ in range(2):
        with pytest.raises(JournalError, match="not a journal"):
            await ours.run(platform, NUMBERS, reminder).__aenter__()
    file.unlink()
    async with ours.run(platform, NUMBERS, reminder) as outcomes:
        await outcomes.wait()
    assert platform.rang == dict.fromkeys(NUMBERS, 1)


async def test_the_network_is_gone_for_a_minute(tmp_path: Path) -> None:
    """The campaign waits for it, trying with one contact at a time, and then goes on; nobody is marked."""
    async with virtual_time() as clock:
        platform, tries = Platform(), []

        async def place(callout: Any, /, *, callback_headers: Mapping[str, str]) -> CalloutReceipt:
            if len(platform.headers) >= 5 and clock.elapsed < 60:
                tries.append(clock.elapsed)
                await a_moment()
                raise ConnectError
            return await platform(callout, callback_headers=callback_headers)

        async with campaign(tmp_path, clock).run(place, each(NUMBERS), reminder) as outcomes:
            counts = await outcomes.wait()
    assert platform.rang == dict.fromkeys(NUMBERS, 1)
    assert counts.states[ContactState.ACCEPTED] == 20
    # Those of the first second went together; from then on one goes at a time, and the waits grow.
    assert tries[tries.count(0.0) :] == pytest.approx([1, 3, 7, 15, 31])
    assert clock.elapsed == pytest.approx(61)


async def test_an_answer_from_before_is_no_news(tmp_path: Path) -> None:
    """A callout that went out before the network did, and is answered afterwards, does not bring everybody back."""
    async with virtual_time() as clock:
        tries: list[float] = []

        async def place(callout: Any, /, *, callback_headers: Mapping[str, str]) -> CalloutReceipt:
            tries.append(clock.elapsed)
            if len(tries) == 2:
                await clock.sleep(1.5)
            elif len(tries) > 2 and clock.elapsed < 10:
                raise ConnectError
            return CalloutReceipt(call_id=f"call {len(tries)}")

        async with campaign(tmp_path, clock, calls_per_second=10).run(place, each(NUMBERS), reminder) as outcomes:
            await outcomes.wait()
    failed = [at for at in tries[2:] if at < 10]
    assert [later - earlier for earlier, later in pairwise(failed)] == pytest.approx([1, 2, 4], abs=0.2)


class Slow(PatientJournal):
    """A journal in which each claim takes a little longer than the one before, from the fourth on."""

    claims = 0

    async def claim(self, claim: Claim) -> Outcome | None:
        """Take some time, and claim."""
        self.claims += 1
        await self.clock.sleep(max(self.claims - 3, 0) / 100)
        return await super().claim(claim)


async def test_claims_that_were_under_way_are_one_piece_of_news(tmp_path: Path) -> None:
    """Those who had had their turn when the network went fail one after the other; nobody waits longer for it."""
    async with virtual_time() as clock:
        journal, platform, failed = Slow(tmp_path / "x.sqlite", clock), Platform(), []

        async def place(callout: Any, /, *, callback_headers: Mapping[str, str]) -> CalloutReceipt:
            if platform.headers and clock.elapsed < 1:
                failed.append(clock.elapsed)
                raise ConnectError
            return await platform(callout, callback_headers=callback_headers)

        ours = Campaign("x", journal=journal, calls_per_second=FAST, clock=clock)
        async with ours.run(place, each(NUMBERS), reminder) as outcomes:
            await outcomes.wait()
    assert platform.rang == dict.fromkeys(NUMBERS, 1)
    assert len({*failed}) > 2
    assert clock.elapsed < 2


async def test_the_network_is_gone_for_good(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Patience has an end; everybody is still to do."""
    async with virtual_time() as clock:
        ours = campaign(tmp_path, clock, network_timeout=60.0)
        with pytest.raises(ConnectError):
            async with ours.run(Platform(*[ConnectError()] * 100), each(NUMBERS), reminder) as outcomes:
                await outcomes.wait()
        assert await states(ours) == {ContactState.TODO: 20}
        assert outcomes.counts.placed == 0
    assert 60 < clock.elapsed < 120
    assert "trying again" in caplog.text


async def test_a_silent_platform_makes_one_unknown_at_a_time(tmp_path: Path) -> None:
    """After a callout without an answer the next goes alone, however many could go."""
    ours, platform = campaign(tmp_path, in_flight=20), Platform(*[TransportError()] * 5)
    async with ours.run(platform, NUMBERS, reminder) as outcomes:
        first = [(await anext(outcomes)).state for _ in range(5)]
        assert first == [ContactState.UNKNOWN] * 5
        await outcomes.wait()
    assert platform.rang == dict.fromkeys(NUMBERS, 1)
    assert len(await ours.unknowns()) == 5


async def test_a_429_slows_the_campaign_down(tmp_path: Path) -> None:
    """Who was refused goes back and is called later, at the pace that the platform can take."""
    async with virtual_time() as clock:
        platform = Platform(None_step, RateLimitedError(status=429, retry_after=30.0))
        async with campaign(tmp_path, clock, calls_per_second=10).run(platform, each(NUMBERS), reminder) as outcomes:
            await anext(outcomes)
            assert outcomes.rate == 10
            await outcomes.wait()
            assert outcomes.counts.placed == 20
    assert platform.rang == dict.fromkeys(NUMBERS, 1)
    assert clock.elapsed > 30


async def test_the_pace_is_kept(tmp_path: Path) -> None:
    """Twenty callouts at two a second take nine and a half seconds."""
    async with virtual_time() as clock:
        ours = campaign(tmp_path, clock, calls_per_second=2)
        async with ours.run(Platform(), each(NUMBERS), reminder) as outcomes:
            await outcomes.wait()
    assert clock.elapsed == pytest.approx(9.5, abs=0.6)


async def test_a_run_waits_for_its_window(tmp_path: Path) -> None:
    """Contacts in Halifax, where it is eight in the morning, are called in an hour; those in Stockholm now."""
    async with virtual_time() as clock:
        contacts = [Contact(NUMBERS[0], zone="America/Halifax"), Contact(NUMBERS[1], zone="Europe/Stockholm")]
        ours = campaign(tmp_path, clock, window=CallingWindow("09:00", "20:00"))
        async with ours.run(Platform(), each(contacts), reminder) as outcomes:
            given = [outcome async for outcome in outcomes]
    assert [outcome.number for outcome in given] == [NUMBERS[1], NUMBERS[0]]
    waited = (given[1].placed_at or 0.0) - (given[0].placed_at or 0.0)
    assert waited == pytest.approx(3600, abs=60)


async def test_a_campaign_ends_when_it_was_said_to(tmp_path: Path) -> None:
    """Who could not be called before is skipped, and told; nobody waits for a window that opens too late."""
    async with virtual_time() as clock:
        end = datetime.fromtimestamp(NOON + 3600, UTC)
        ours, platform = campaign(tmp_path, clock, window=CallingWindow("09:00", "20:00"), until=end), Platform()
        contacts = [Contact(NUMBERS[0], zone="Asia/Tokyo"), Contact(NUMBERS[1], zone="Europe/Stockholm")]
        async with ours.run(platform, each(contacts), reminder) as outcomes:
            given = {outcome.number: outcome async for outcome in outcomes}
    assert given[NUMBERS[0]].note == "outside of the calling window until the campaign ends"
    assert {*platform.rang} == {NUMBERS[1]}


async def test_a_clock_that_jumps_does_not_lose_anybody(tmp_path: Path) -> None:
    """Set forward by a day while a window is shut, the run sees it within half a minute."""
    async with virtual_time() as clock:
        ours = campaign(tmp_path, clock, window=CallingWindow("09:00", "20:00", zone="Asia/Tokyo"))
        async with ours.run(Platform(), each(NUMBERS[:1]), reminder) as outcomes:
            await until(lambda: clock.elapsed > 0)
            clock.wall += 86_400 - 3600 * 10
            await anext(outcomes)
    assert clock.elapsed < 3600


async def test_who_is_skipped_is_looked_at_again_by_the_next_run(tmp_path: Path) -> None:
    """And told each time; nothing has rung."""
    listed = campaign(tmp_path, do_not_call=NUMBERS[:5])
    async with listed.run(Platform(), NUMBERS, reminder) as outcomes:
        given = [outcome async for outcome in outcomes]
    skipped = [outcome for outcome in given if outcome.state is ContactState.SKIPPED]
    assert {outcome.note for outcome in skipped} == {"on the do-not-call list"}
    assert len(skipped) == 5
    platform = Platform()
    async with campaign(tmp_path).run(platform, None, reminder, accept_changes=True) as outcomes:
        await outcomes.wait()
    assert {*platform.rang} == {*NUMBERS[:5]}


async def test_the_list_is_asked_again_right_before_the_claim(tmp_path: Path) -> None:
    """Who is put on it while waiting for a turn is not called."""
    platform, asked = Platform(), []

    def listed(number: str) -> bool:
        asked.append(number)
        return asked.count(number) > 1

    async with campaign(tmp_path, do_not_call=listed).run(platform, NUMBERS[:3], reminder) as outcomes:
        counts = await outcomes.wait()
    assert not platform.rang
    assert counts.states[ContactState.SKIPPED] == 3


async def test_who_was_being_dialled_when_a_run_ended_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The next run says how many are in doubt, and dials none of them."""
    ours, platform = campaign(tmp_path), Platform()
    async with ours:
        await ours.enqueue(NUMBERS[:2])
        await ours.journal.claim(Claim(number=NUMBERS[0], token="t", at=1.0, day="2026-11-25"))
    async with ours.run(platform, None, reminder) as outcomes:
        await outcomes.wait()
    assert {*platform.rang} == {NUMBERS[1]}
    assert "and are unknown now: 1" in caplog.text


async def test_a_list_that_cannot_be_asked_stops_the_campaign(tmp_path: Path) -> None:
    """Nobody is called on a guess."""

    async def broken(number: str) -> bool:
        raise OSError("no database")

    platform = Platform()
    with pytest.raises(CampaignError, match="do-not-call"):
        async with campaign(tmp_path, do_not_call=broken).run(platform, NUMBERS, reminder) as outcomes:
            await outcomes.wait()
    assert not platform.rang


async def test_a_template_with_a_missing_field(tmp_path: Path) -> None:
    """Skips that contact, says which field, and goes on."""
    contacts = [Contact(NUMBERS[0], fields={"name": "Ann"}), Contact(NUMBERS[1])]

    def callout(contact: Contact) -> TtsCallout:
        return TtsCallout(destination=contact.number, text=f"Hi {contact['name']}")

    async with campaign(tmp_path).run(Platform(), contacts, callout) as outcomes:
        given = {outcome.number: outcome async for outcome in outcomes}
    assert given[NUMBERS[0]].state is ContactState.ACCEPTED
    assert given[NUMBERS[1]].note == "no callout could be made: the contact has no field 'name'"


@pytest.mark.parametrize("problem", [KeyError("Ann"), ValueError("Ann"), IndexError("Ann")])
async def test_a_template_that_fails_is_told_without_the_row(tmp_path: Path, problem: Exception) -> None:
    """What the exception quotes is nobody's business."""

    def callout(contact: Contact) -> TtsCallout:
        raise problem

    async with campaign(tmp_path).run(Platform(), NUMBERS[:1], callout) as outcomes:
        (outcome,) = [outcome async for outcome in outcomes]
    assert outcome.note == f"no callout could be made: {type(problem).__name__}"


async def test_a_function_that_fails_for_one_row(tmp_path: Path) -> None:
    """Skips that contact, whatever it raises, and the others are called."""

    def callout(contact: Contact) -> TtsCallout:
        return TtsCallout(destination=contact.number, text=f"Hi {contact['name'].strip()}")

    people = [Contact(number, fields={"name": None if place == 2 else "Ann"}) for place, number in enumerate(NUMBERS)]
    ours, platform = campaign(tmp_path), Platform()
    async with ours.run(platform, people, callout) as outcomes:
        await outcomes.wait()
    assert (await ours.report()).skipped == {"no callout could be made: AttributeError": 1}
    assert {*platform.rang} == {*NUMBERS} - {NUMBERS[2]}


async def test_a_text_that_is_too_long_is_skipped(tmp_path: Path) -> None:
    """The client refuses it before sending; the contact is told, and the others are called."""
    ours, platform = campaign(tmp_path), Platform(InvalidRequestError("text must be at most 600 characters"))
    async with ours.run(platform, NUMBERS, reminder) as outcomes:
        skipped = [outcome async for outcome in outcomes if outcome.state is ContactState.SKIPPED]
    assert [outcome.note for outcome in skipped] == ["it cannot be sent: text must be at most 600 characters"]
    assert (skipped[0].attempt, platform.rang.total()) == (0, 19)


async def test_a_custom_without_room_is_skipped(tmp_path: Path) -> None:
    """Before anything is claimed."""

    def callout(contact: Contact) -> TtsCallout:
        return TtsCallout(destination=contact.number, text="x", custom="x" * 1024)

    async with campaign(tmp_path).run(Platform(), NUMBERS[:1], callout) as outcomes:
        (outcome,) = [outcome async for outcome in outcomes]
    assert (outcome.state, outcome.placed_at) == (ContactState.SKIPPED, None)


async def test_an_exception_of_an_unknown_kind_stops_the_campaign(tmp_path: Path) -> None:
    """It proves nothing about the request: one contact is in doubt, the others are still to do."""
    ours, platform = campaign(tmp_path), Platform(RuntimeError("what is this"))
    with pytest.raises(RuntimeError, match="what is this"):
        async with ours.run(platform, NUMBERS, reminder) as outcomes:
            await outcomes.wait()
    assert await states(ours) == {ContactState.UNKNOWN: 1, ContactState.TODO: 19}


async def test_a_client_that_is_not_asynchronous_stops_the_campaign(tmp_path: Path) -> None:
    """It is found out by the first callout, which it has placed."""
    rang: list[TtsCallout] = []

    def place(callout: TtsCallout, *, callback_headers: object) -> None:
        rang.append(callout)

    ours = campaign(tmp_path)
    with pytest.raises(CampaignError, match="client must place callouts asynchronously: it returned NoneType"):
        async with ours.run(place, NUMBERS, reminder) as outcomes:
            await outcomes.wait()
    assert (await states(ours))[ContactState.UNKNOWN] == len(rang) < 20


async def test_broken_rows_are_reported_and_the_rest_goes_on(tmp_path: Path) -> None:
    """By their line: those of a file, and items that are no contact."""
    rows = [NUMBERS[0], "0700000001", BrokenRow(7, "it has 1 cells"), 5, Contact(NUMBERS[1], fields={"x": object()})]
    ours = campaign(tmp_path)
    async with ours.run(Platform(), rows, reminder) as outcomes:  # type: ignore[arg-type]
        counts = await outcomes.wait()
    assert counts.broken == 4
    report = await ours.report()
    assert [row.line for row in report.broken] == [2, 4, 5, 7]
    assert "rows that could not be read: 4; the first is line 2" in str(report)


async def test_contacts_that_come_later_are_called_when_they_come(tmp_path: Path) -> None:
    """An async source does not hold back what it has given."""
    platform = Platform()

    async def slowly() -> AsyncIterator[str]:
        for number in NUMBERS[:3]:
            yield number
            while number not in platform.rang:
                await anyio.sleep(0.001)

    async with campaign(tmp_path).run(platform, slowly(), reminder) as outcomes:
        await outcomes.wait()
    assert platform.rang == dict.fromkeys(NUMBERS[:3], 1)


class BusyJournal(SqliteJournal):
    """One whose answer to who is due comes when it is old: everybody has been enqueued meanwhile."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.asked, self.filled = anyio.Event(), anyio.Event()

    async def next_due(self, *, listed: int | None = None) -> float | None:
        """Look, and answer later."""
        due = await super().next_due(listed=listed)
        self.asked.set()
        await self.filled.wait()
        await anyio.sleep(0.1)  # until the run knows that the source has ended
        return due

    async def add(self, rows: Sequence[Line], at: float, *, listed: int | None = None) -> Added:
        """Add contacts."""
        added = await super().add(rows, at, listed=listed)
        self.filled.set()
        return added


async def test_who_comes_while_the_journal_is_asked_who_is_left_is_not_forgotten(tmp_path: Path) -> None:
    """Nobody was left when it looked, and no more come when it answers: yet the run is not over."""
    platform, journal = Platform(), BusyJournal(tmp_path / "x.sqlite")

    async def numbers() -> AsyncIterator[str]:
        await journal.asked.wait()
        yield NUMBERS[0]

    ours = Campaign("x", journal=journal, calls_per_second=FAST)
    async with ours.run(platform, numbers(), reminder) as outcomes:
        await outcomes.wait()
    assert platform.rang == {NUMBERS[0]: 1}


async def test_a_source_that_is_slow_does_not_hold_back_its_contacts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is not async neither: who waited for a thousand rows would wait here for ever."""
    monkeypatch.setattr(batches, "_LONGEST_READING", 0.0)
    platform, rung = Platform(), threading.Event()

    async def ring() -> None:
        rung.set()

    platform.script.append(ring)

    def slowly() -> Iterator[str]:
        yield NUMBERS[0]
        assert rung.wait(300)
        yield NUMBERS[1]

    async with campaign(tmp_path).run(platform, slowly(), reminder) as outcomes:
        await outcomes.wait()
    assert platform.rang == dict.fromkeys(NUMBERS[:2], 1)


def failing() -> Iterator[str]:
    """Give one number, and then no more."""
    yield NUMBERS[0]
    raise OSError("the disk is gone")


async def failing_later() -> AsyncIterator[str]:
    """The same, async."""
    for number in failing():
        yield number


@pytest.mark.parametrize("source", [failing, failing_later])
async def test_a_source_that_fails_stops_the_campaign(tmp_path: Path, source: Any) -> None:
    """With its own exception, when those on their way have come to an end."""
    with pytest.raises(OSError, match="the disk is gone"):
        async with campaign(tmp_path).run(Platform(), source(), reminder) as outcomes:
            await outcomes.wait()


@pytest.mark.parametrize("contacts", ["+46700000001", {"number": "+46700000001"}, 5])
async def test_contacts_must_be_an_iterable_of_contacts(tmp_path: Path, contacts: Any) -> None:
    """One text would be taken for its characters."""
    with pytest.raises(ConfigurationError, match="contacts"):
        async with campaign(tmp_path).run(Platform(), contacts, reminder) as outcomes:
            await outcomes.wait()


async def test_a_disk_that_takes_nothing_more_stops_the_campaign(tmp_path: Path) -> None:
    """Nobody is dialled whose claim is not on the disk."""
    ours, platform = campaign(tmp_path, in_flight=5), Platform()
    with pytest.raises(JournalError, match="cannot be written"):
        async with ours.run(platform, NUMBERS, reminder) as outcomes:
            await anext(outcomes)
            journal: Any = ours.journal
            writer = journal._use().connections[0]
            outcomes.pause()
            await a_moment()
            writer.execute("PRAGMA query_only = ON")
            outcomes.resume()
            await outcomes.wait()
    claimed = {outcome.number async for outcome in ours.outcomes() if outcome.attempt}
    assert {*platform.rang} <= claimed


async def test_a_run_is_used_once_and_within_its_block(tmp_path: Path) -> None:
    """Anything else is one clear exception."""
    run = campaign(tmp_path).run(Platform(), NUMBERS[:1], reminder)
    with pytest.raises(CampaignError, match="within"):
        await anext(run)
    with pytest.raises(CampaignError, match="within"):
        run.pause()
    async with run:
        await run.wait()
        with pytest.raises(StopAsyncIteration):
            await anext(run)
        with pytest.raises(CampaignError, match="once"):
            await run.__aenter__()


async def test_a_second_run_leaves_the_first_alone(tmp_path: Path) -> None:
    """It is refused; the first keeps its right to dial, and a third is refused as well. Afterwards one may run."""
    ours, others, platform = campaign(tmp_path), campaign(tmp_path), Platform()
    async with ours.run(platform, NUMBERS, reminder) as outcomes:
        for another in (ours, others):
            with pytest.raises(JournalError, match="another run"):
                await another.run(platform, NUMBERS, reminder).__aenter__()
        with pytest.raises(JournalError, match="another run"):
            await others.run(platform, NUMBERS, reminder).__aenter__()
        await outcomes.wait()
    async with ours.run(platform, None, reminder) as outcomes:
        await outcomes.wait()
    assert platform.rang == dict.fromkeys(NUMBERS, 1)


async def later(contact: Contact) -> None:
    """What is no function for a callout: nobody awaits it."""


class Later:
    """Nor is this."""

    async def __call__(self, contact: Contact) -> None:
        """Do nothing."""


@pytest.mark.parametrize("callout", [None, "text", later, Later()], ids=["None", "text", "async", "async object"])
async def test_a_callout_must_be_a_plain_function(tmp_path: Path, callout: Any) -> None:
    """Before anybody is dialled, and not as the reason for which everybody was skipped."""
    ours = campaign(tmp_path)
    with pytest.raises(ConfigurationError, match="callout must be a function, not async"):
        await ours.run(Platform(), NUMBERS, callout).__aenter__()
    with pytest.raises(ConfigurationError, match="callout must be a function, not async"):
        await ours.preview(NUMBERS, callout)


async def test_whoever_listens_slowly_slows_the_campaign_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outcomes do not pile up; leaving without having read them all is no problem."""
    monkeypatch.setattr(outbox, "_BUFFER", 10)
    ours, platform = campaign(tmp_path, in_flight=2), Platform()
    async with ours.run(platform, NUMBERS, reminder) as outcomes:
        await until(lambda: platform.rang.total() >= 12)
        await anyio.sleep(0.02)
        assert platform.rang.total() <= 13
        assert isinstance(await anext(outcomes), Outcome)
    assert max(platform.rang.values()) == 1


@pytest.mark.parametrize("client", [None, "client", 5])
async def test_a_client_that_cannot_place_callouts_is_refused(tmp_path: Path, client: Any) -> None:
    """Before the journal is touched."""
    with pytest.raises(ConfigurationError, match="client"):
        async with campaign(tmp_path).run(client, NUMBERS, reminder):
            pass  # pragma: no cover - it does not come so far
    assert not (tmp_path / "x.sqlite").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"calls_per_second": 0},
        {"in_flight": 0},
        {"in_flight": True},
        {"window": "09:00"},
        {"until": "tomorrow"},
        {"until": datetime(2026, 11, 25)},  # noqa: DTZ001 - that is what is wrong with it
        {"redial": 3},
        {"spend_limit": "much"},
        {"spend_limit": -1},
        {"spend_limit": "nan"},
        {"spend_limit": "inf"},
        {"follow": "closely"},
        {"network_timeout": 0},
        {"max_call_duration": None},
        {"spend_limit": 5},
        {"do_not_call": ["nobody"]},
    ],
)
def test_settings_that_cannot_work_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    """When the campaign is made, by the name of the setting."""
    with pytest.raises(ConfigurationError):
        campaign(tmp_path, **changes)


@pytest.mark.parametrize("name", ["", "a\nb", None])
def test_a_campaign_has_a_name(tmp_path: Path, name: Any) -> None:
    """Printable, and not empty."""
    with pytest.raises(ConfigurationError, match="name"):
        Campaign(name, journal=tmp_path / "x.sqlite")
    assert repr(campaign(tmp_path)).startswith("Campaign('x', journal=SqliteJournal(")
