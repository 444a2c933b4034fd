"""The journal in PostgreSQL: one winner, nothing lost, and what was offered or claimed and left comes to light."""

import asyncio
import itertools
import threading
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from typing import Any

import anyio
import psycopg
import pytest

from sinch_voice_async.dialer import AttemptUpdate, BrokenRow, Change, Claim, Contact, ContactState, Outcome, RowFate
from sinch_voice_async.dialer.cluster import PostgresJournal
from sinch_voice_async.dialer.postgres import database as database_module
from sinch_voice_async.dialer.postgres.database import Address, Connection, Database, Operation, connect
from sinch_voice_async.errors import InvalidRequestError, JournalError
from sinch_voice_async.models.calls import Price
from tests.dialer.cluster.postgres import Postgres

PEOPLE = [Contact(f"+4670000{last:04}", fields={"place": last}) for last in range(60)]


@asynccontextmanager
async def worker(url: str, campaign: str, **options: Any) -> AsyncIterator[PostgresJournal]:
    """Join a campaign for as long as the block lasts."""
    journal = PostgresJournal(url, **options)
    await journal.open(campaign)
    try:
        await journal.begin(time.time())
        yield journal
    finally:
        await journal.close()


@pytest.fixture
async def journal(url: str, campaign: str) -> AsyncIterator[PostgresJournal]:
    """A worker of a campaign that has nobody to call yet."""
    async with worker(url, campaign) as journal:
        yield journal


@pytest.fixture
async def other(url: str, campaign: str) -> AsyncIterator[PostgresJournal]:
    """A second worker of the same campaign."""
    async with worker(url, campaign) as journal:
        yield journal


def claim(number: str, token: str | None = None) -> Claim:
    """Return the wish to dial a number now."""
    return Claim(number=number, token=token or uuid.uuid4().hex, at=time.time(), day="2026-11-02")


def age(url: str, statement: str, journal: PostgresJournal) -> None:
    """Let an hour pass for the rows of a campaign."""
    assert journal._opened is not None
    with psycopg.connect(url) as connection:
        aged = f"UPDATE sinch_voice_dialer.contact SET {statement} WHERE campaign = %s"
        assert connection.execute(aged, (journal._opened.campaign,)).rowcount


async def collect(journal: PostgresJournal, *states: ContactState) -> list[Outcome]:
    """Return the contacts in these states."""
    return [*await journal.page(states or None)]


async def test_one_of_many_wins_a_claim(url: str, campaign: str) -> None:
    """However many workers want the same contact at once, one has it, and the others are told that they have not."""
    won: list[str] = []

    async def want(journal: PostgresJournal) -> None:
        for contact in PEOPLE[:10]:
            if (outcome := await journal.claim(claim(contact.number))) is not None:
                assert (outcome.state, outcome.attempt, outcome.today) == (ContactState.DIALING, 1, 1)
                won.append(outcome.number)

    async with AsyncExitStack() as stack:
        journals = [await stack.enter_async_context(worker(url, campaign)) for _ in range(4)]
        assert await journals[0].enqueue(PEOPLE[:10], time.time()) == 10
        async with anyio.create_task_group() as tasks:
            for journal in journals:
                tasks.start_soon(want, journal)
    assert sorted(won) == [contact.number for contact in PEOPLE[:10]]


async def test_everybody_may_enqueue_everybody(journal: PostgresJournal, other: PostgresJournal) -> None:
    """Contacts that two machines bring at once, in whatever order, are there once; a number keeps its first row."""
    added: list[int] = []

    async def bring(bringer: PostgresJournal, people: list[Contact]) -> None:
        added.append(await bringer.enqueue(people, time.time()))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bring, journal, PEOPLE)
        tasks.start_soon(bring, other, PEOPLE[::-1])
    assert sum(added) == len(PEOPLE)
    assert await journal.enqueue([Contact(PEOPLE[3].number, fields={"place": "new"}, zone="Asia/Tokyo")], 0.0) == 0
    everybody = await collect(other)
    assert sorted(outcome.number for outcome in everybody) == [contact.number for contact in PEOPLE]
    assert {outcome.contact["place"] for outcome in everybody} == set(range(len(PEOPLE)))


async def test_contacts_come_in_their_order(journal: PostgresJournal) -> None:
    """Who was enqueued first is due first, with fields and zone as they were; who is due later waits."""
    contacts = [Contact("+46700000009", fields={"name": "Åsa \0"}, zone="Europe/Stockholm"), *PEOPLE[:5]]
    await journal.enqueue(contacts, 1.0)
    await journal.put_off(PEOPLE[0].number, None, "not yet", 50.0, 2.0)
    assert [outcome.number for outcome in await journal.due(10.0)] == [
        each.number for each in (contacts[0], *PEOPLE[1:5])
    ]
    first = (await journal.due(10.0, limit=1))[0]
    assert (first.contact, first.changed_at) == (contacts[0], 1.0)
    assert (first.contact["name"], first.contact.zone) == ("Åsa \0", "Europe/Stockholm")
    assert [outcome.number for outcome in await journal.due(60.0)][-1] == PEOPLE[0].number


async def test_when_somebody_is_due(journal: PostgresJournal) -> None:
    """The journal says when the next contact is due, and that there is none."""
    assert await journal.next_due() is None
    await journal.enqueue(PEOPLE[:1], 0.0)
    await journal.put_off(PEOPLE[0].number, None, "not yet", 50.0, 2.0)
    assert await journal.next_due() == 50.0


async def test_no_two_are_offered_the_same(journal: PostgresJournal, other: PostgresJournal) -> None:
    """Workers are offered different contacts, so that none runs in vain; each is offered its own again."""
    await journal.enqueue(PEOPLE, 0.0)
    mine = [outcome.number for outcome in await journal.due(1.0)]
    others = [outcome.number for outcome in await other.due(1.0)]
    assert mine == [contact.number for contact in PEOPLE[:20]]
    assert others == [contact.number for contact in PEOPLE[20:40]]
    assert [outcome.number for outcome in await journal.due(1.0)] == mine


async def test_an_offer_ends(url: str, journal: PostgresJournal, other: PostgresJournal) -> None:
    """What was offered to a run goes to others when it ends, or when its lease does: it was never claimed."""
    await journal.enqueue(PEOPLE[:4], 0.0)
    await other.due(1.0)
    assert await journal.due(1.0) == []
    age(url, "offered_until = clock_timestamp() - interval '1 s'", journal)
    assert len(await journal.due(1.0)) == 4
    await journal.end()
    await other.begin(2.0)
    assert len(await other.due(1.0)) == 4


async def test_old_claims_become_unknown(url: str, journal: PostgresJournal, other: PostgresJournal) -> None:
    """A claim without an answer for two minutes becomes unknown, in whichever process looks; a new one does not."""
    await journal.enqueue(PEOPLE[:3], 0.0)
    await other.claim(claim(PEOPLE[0].number, "of the gone"))
    age(url, "claimed_at = claimed_at - interval '121 s'", journal)
    await journal.claim(claim(PEOPLE[1].number))
    assert await journal.begin(9.0) == 1
    assert await journal.begin(9.0) == 0
    [unknown] = await collect(journal, ContactState.UNKNOWN)
    assert (unknown.number, unknown.note) == (PEOPLE[0].number, "the worker was gone while this callout was on its way")
    assert time.time() - (unknown.changed_at or 0.0) < 60
    assert [outcome.number for outcome in await journal.due(9.0)] == [PEOPLE[2].number]
    # It was only slow: what it learns still counts, and what it did not send stays unknown.
    assert await other.change("of the gone", Change.GIVE_BACK, AttemptUpdate(), 10.0) is None
    settled = await other.change("of the gone", Change.ACCEPT, AttemptUpdate(call_id="its call"), 10.0)
    assert settled is not None
    assert settled.state is ContactState.ACCEPTED


async def test_a_contact_through_all_its_states(journal: PostgresJournal) -> None:
    """Claimed, given back, claimed, accepted, ended, dialled again: each counts what it should, by its token alone."""
    await journal.enqueue(PEOPLE[:1], 0.0)
    number = PEOPLE[0].number
    await journal.claim(claim(number, "first"))
    back = await journal.change("first", Change.GIVE_BACK, AttemptUpdate(note="too fast", due=3.0), 2.0)
    assert back is not None
    assert (back.state, back.attempt, back.returned, back.today, back.due) == (ContactState.TODO, 0, 1, 0, 3.0)
    assert (back.token, back.placed_at, back.note) == (None, None, "too fast")
    claimed = await journal.claim(claim(number, "second"))
    assert claimed is not None
    assert (claimed.attempt, claimed.today, claimed.note) == (1, 1, None)
    assert await journal.change("first", Change.ACCEPT, AttemptUpdate(), 4.0) is None
    await journal.change("second", Change.ACCEPT, AttemptUpdate(call_id="a call"), 4.0)
    assert await journal.change("second", Change.ACCEPT, AttemptUpdate(call_id="another"), 5.0) is None
    found = await journal.find_call("a call")
    assert found is not None
    assert await journal.look_up(["second", "nobody's"]) == [found]
    assert await journal.find_call("another") is None
    busy = await journal.change("second", Change.END, AttemptUpdate(result="BUSY", reason="NOANSWER", duration=0), 6.0)
    assert busy is not None
    assert (busy.result, busy.reason, busy.duration, busy.call_id) == ("BUSY", "NOANSWER", 0, "a call")
    again = await journal.change("second", Change.REDIAL, AttemptUpdate(due=99.0), 7.0)
    assert again is not None
    assert (again.state, again.due, again.token) == (ContactState.TODO, 99.0, None)


async def test_what_calls_cost(journal: PostgresJournal) -> None:
    """Prices are added up to the last digit; one that is no number adds nothing."""
    await journal.enqueue(PEOPLE[:1], 0.0)
    for token, amount in (("first", "0.1"), ("second", "0.2"), ("third", "NaN")):
        await journal.claim(claim(PEOPLE[0].number, token))
        price = Price(amount=Decimal(amount), currency_id="USD")
        await journal.change(token, Change.END, AttemptUpdate(result="BUSY", price=price), 1.0)
        await journal.change(token, Change.REDIAL, AttemptUpdate(), 1.0)
    [outcome] = await journal.page(None)
    assert (outcome.spent, outcome.price) == (Decimal("0.3"), None)
    [total] = await journal.totals()
    assert (total.spent, total.currency, total.attempts) == (Decimal("0.3"), "USD", 3)


async def test_many_at_once(journal: PostgresJournal) -> None:
    """What is to do can be skipped, all of it or some numbers, and opened again; what is being dialled stays."""
    await journal.enqueue(PEOPLE[:4], 0.0)
    await journal.claim(claim(PEOPLE[0].number))
    assert await journal.put_off(PEOPLE[1].number, Change.SKIP, "listed", 0.0, 1.0)
    assert not await journal.put_off(PEOPLE[1].number, Change.SKIP, "listed", 0.0, 1.0)
    assert await journal.change_all(Change.SKIP, "cancelled", 2.0, {PEOPLE[2].number, PEOPLE[0].number}) == 1
    assert await journal.change_all(Change.SKIP, "cancelled", 2.0, None) == 1
    assert [(total.state, total.note, total.contacts) for total in sorted(await journal.totals(), key=str)] == [
        (ContactState.DIALING, None, 1),
        (ContactState.SKIPPED, "cancelled", 2),
        (ContactState.SKIPPED, "listed", 1),
    ]
    assert await journal.change_all(Change.REOPEN, None, 3.0, None) == 3


async def test_all_can_be_read(journal: PostgresJournal) -> None:
    """More contacts than a page holds are all there, and so are the rows that nobody could read."""
    many = [Contact(f"+4671{last:07}") for last in range(1100)]
    await journal.enqueue(many, 0.0)
    page = await journal.page(None)
    rest = await journal.page(None, after=page[-1].position)
    assert [outcome.number for outcome in (*page, *rest)] == [contact.number for contact in many]
    await journal.note_broken([BrokenRow(3, "no number"), BrokenRow(1, "no zone"), BrokenRow(3, "no digit")])
    fates = await journal.row_fates()
    assert [row for _, row in fates] == [RowFate(3, "broken", "no digit"), RowFate(1, "broken", "no zone")]
    assert await journal.row_fates("broken", after=fates[0][0]) == fates[1:]


async def test_two_campaigns_in_one_database(url: str, journal: PostgresJournal) -> None:
    """The same number in two campaigns is two contacts, and what becomes of one is nothing to the other."""
    await journal.enqueue(PEOPLE[:1], 0.0)
    async with worker(url, f"another {uuid.uuid4()}") as another:
        assert await another.due(1.0) == []
        await another.enqueue(PEOPLE[:1], 0.0)
        await another.claim(claim(PEOPLE[0].number, "another's"))
        assert await journal.change("another's", Change.ACCEPT, AttemptUpdate(), 1.0) is None
    assert [outcome.state for outcome in await collect(journal)] == [ContactState.TODO]


async def test_opened_is_opened(url: str, campaign: str, journal: PostgresJournal) -> None:
    """Opening again does nothing, closing again neither; a closed journal says that it is not open."""
    await journal.open(campaign)
    await journal.close()
    await journal.close()
    with pytest.raises(JournalError, match="it is not open"):
        await journal.next_due()


async def test_a_journal_of_another_version(postgres: Postgres, campaign: str) -> None:
    """Tables of a version that this program does not know are left alone."""
    url = postgres.database()
    async with worker(url, campaign):
        pass
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE sinch_voice_dialer.version SET version = 7")
    with pytest.raises(JournalError, match="it is of version 7, and this program reads 4"):
        await PostgresJournal(url).open(campaign)


async def test_many_come_first(postgres: Postgres, campaign: str) -> None:
    """Workers that all find an empty database make its tables once."""
    url = postgres.database()

    async def come() -> None:
        async with worker(url, campaign) as journal:
            assert await journal.totals() == []

    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(come)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql://dialer:s3cret@127.0.0.1:1/calls", "the journal at 127.0.0.1/calls: .*refused"),
        ("reminders.sqlite", "not the address of a PostgreSQL"),
    ],
)
async def test_no_database(url: str, message: str) -> None:
    """Where there is no database the error says where none is, without the password; and at once."""
    with pytest.raises(JournalError, match=message) as refused:
        await PostgresJournal(url).open("reminders")
    assert "s3cret" not in str(refused.value)


def test_the_password_is_not_shown() -> None:
    """What a log may show of a journal is the database, and not how to get in."""
    assert repr(PostgresJournal("postgresql://dialer:s3cret@db/calls")) == "PostgresJournal('db/calls')"


@pytest.mark.parametrize("url", [True, 5, b"postgresql://h/d", None, "", "\ud800"], ids=range(6))
def test_what_is_no_address_is_refused(url: Any) -> None:
    """One error says what the address of a database looks like."""
    with pytest.raises(JournalError, match="use postgresql://user@host/database"):
        PostgresJournal(url)


async def test_what_json_cannot_hold(journal: PostgresJournal) -> None:
    """A contact whose fields are no JSON is refused before it comes to the database."""
    with pytest.raises(InvalidRequestError, match="fields must hold what JSON can"):
        await journal.enqueue([Contact("+46700000001", fields={"who": object()})], 0.0)


async def test_what_postgres_refuses(journal: PostgresJournal) -> None:
    """A row that PostgreSQL does not take ends in a JournalError that shows nothing of it."""
    with pytest.raises(JournalError) as refused:
        await journal.claim(Claim(number="+46700000001\0", token="t", at=0.0))
    assert "+467" not in str(refused.value)


async def test_commits_are_durable(postgres: Postgres, campaign: str) -> None:
    """A database that was told to be fast is told to be durable again, by whoever keeps a journal in it."""
    url = postgres.database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {url.split('?')[0].split('/')[-1]} SET synchronous_commit = off")
    async with worker(url, campaign) as journal:
        assert journal._opened is not None
        shown = await journal._opened.database.run(lambda c: c.execute("SHOW synchronous_commit").fetchone())
    assert shown == {"synchronous_commit": "on"}


def cut_off(journal: PostgresJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the connection break after the next statement has come through, and before anybody hears of it."""
    assert journal._opened is not None
    database = journal._opened.database
    carry_out, times = database._carry_out, itertools.count()

    def break_once(operation: "Operation[Any]") -> Any:
        result = carry_out(operation)
        if next(times) == 0:
            assert database._connection is not None
            database._connection.close()
            raise psycopg.OperationalError("the connection is lost")
        return result

    monkeypatch.setattr(type(database), "_carry_out", lambda _, operation: break_once(operation))


async def test_a_claim_that_was_cut_off(journal: PostgresJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever loses the connection while claiming learns that it came through: it is counted once, and theirs."""
    await journal.enqueue(PEOPLE[:1], 0.0)
    cut_off(journal, monkeypatch)
    claimed = await journal.claim(claim(PEOPLE[0].number, "mine"))
    assert claimed is not None
    assert (claimed.token, claimed.attempt) == ("mine", 1)


async def test_an_answer_that_was_cut_off(journal: PostgresJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement whose connection broke after its commit is found by its mark, and is not carried out twice."""
    await journal.enqueue(PEOPLE[:2], 0.0)
    await journal.claim(claim(PEOPLE[0].number, "mine"))
    cut_off(journal, monkeypatch)
    accepted = await journal.change("mine", Change.ACCEPT, AttemptUpdate(call_id="a call"), 1.0)
    assert accepted is not None
    assert (accepted.state, accepted.call_id) == (ContactState.ACCEPTED, "a call")
    await journal.claim(claim(PEOPLE[1].number, "another"))
    cut_off(journal, monkeypatch)
    # Its token is gone, and with it the mark: it was given back once.
    assert await journal.change("another", Change.GIVE_BACK, AttemptUpdate(), 1.0) is None
    back = await journal.find_number(PEOPLE[1].number)
    assert back is not None
    assert (back.state, back.returned) == (ContactState.TODO, 1)


async def test_a_claim_that_was_lost(
    journal: PostgresJournal, other: PostgresJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever loses the connection while losing a claim has lost it still."""
    await journal.enqueue(PEOPLE[:1], 0.0)
    await other.claim(claim(PEOPLE[0].number))
    cut_off(journal, monkeypatch)
    assert await journal.claim(claim(PEOPLE[0].number)) is None


async def test_a_server_that_restarts(postgres: Postgres, journal: PostgresJournal) -> None:
    """A worker goes on when the server has restarted under it, with everything that was claimed before."""
    await journal.enqueue(PEOPLE[:2], 0.0)
    await journal.claim(claim(PEOPLE[0].number, "before"))
    postgres.stop()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(anyio.to_thread.run_sync, postgres.start)
        accepted = await journal.change("before", Change.ACCEPT, AttemptUpdate(call_id="a call"), 1.0)
    assert accepted is not None
    assert accepted.state is ContactState.ACCEPTED
    assert await journal.claim(claim(PEOPLE[1].number)) is not None


async def test_a_server_that_stays_away(postgres: Postgres, url: str, campaign: str) -> None:
    """Patience ends: then the campaign does, and says why; whoever leaves meanwhile waits for nothing."""
    async with worker(url, campaign, patience=0.1) as journal:
        postgres.stop()
        try:
            with pytest.raises(JournalError, match="the journal at "):
                await journal.next_due()
            await journal.end()
        finally:
            postgres.start()


async def test_a_locked_journal(url: str, campaign: str) -> None:
    """Who keeps it locked for longer than our patience is told of; when the lock is gone, everything is as before."""
    async with worker(f"{url}&options=-c%20lock_timeout%3D20ms", campaign, patience=0.1) as journal:
        await journal.enqueue(PEOPLE[:1], 0.0)
        with psycopg.connect(url) as somebody:
            somebody.execute("LOCK TABLE sinch_voice_dialer.contact")
            with pytest.raises(JournalError, match="lock timeout"):
                await journal.claim(claim(PEOPLE[0].number))
        assert await journal.claim(claim(PEOPLE[0].number)) is not None


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_task_that_asyncio_cancels_leaves_no_connection(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its thread is still connecting when the database is closed: what it opens is closed too."""
    opened: list[Connection] = []
    begun, going = threading.Event(), threading.Event()

    def connect_late(address: Address) -> Connection:
        begun.set()
        assert going.wait(300)
        opened.append(connect(address))
        return opened[-1]

    monkeypatch.setattr(database_module, "connect", connect_late)
    address = Address.of(url)
    assert address is not None
    database = Database(address, timeout=1.0)
    task = asyncio.create_task(database.run(lambda connection: connection.execute("SELECT 1")))
    while not begun.is_set():
        await anyio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    closing = asyncio.create_task(database.close())
    await anyio.sleep(0.01)
    going.set()
    await closing
    assert [connection.closed for connection in opened] == [True]


async def test_no_lock_is_waited_for_forever(journal: PostgresJournal) -> None:
    """Where nobody has set a time for it, the journal does."""
    assert journal._opened is not None
    shown = await journal._opened.database.run(lambda c: c.execute("SHOW lock_timeout").fetchone())
    assert shown == {"lock_timeout": "10s"}


async def test_deadlocks_are_tried_again(url: str, journal: PostgresJournal) -> None:
    """What PostgreSQL says to try again is tried again."""
    assert journal._opened is not None
    states = iter(["40P01", "40001"])

    def deadlocked(connection: Connection) -> int:
        for state in states:
            connection.execute(f"DO $$ BEGIN RAISE EXCEPTION 'try again' USING ERRCODE = '{state}'; END $$")
        return 7

    assert await journal._opened.database.run(deadlocked) == 7
