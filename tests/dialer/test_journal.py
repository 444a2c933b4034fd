"""The journal in a file: durable, of one campaign, and clear about what is wrong with it."""

import os
import sqlite3
import threading
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import pytest
from attrs import evolve

from sinch_voice_async import CampaignError, InvalidRequestError, JournalError, Price
from sinch_voice_async.dialer import (
    AttemptUpdate,
    BrokenRow,
    Change,
    Claim,
    Contact,
    ContactState,
    Outcome,
    RowFate,
    SqliteJournal,
)
from sinch_voice_async.dialer.journal import Counts, Listing
from sinch_voice_async.dialer.sqlite.file import STATEMENTS

ANN, BOB = "+46700000001", "+46700000002"


def claim(number: str, token: str = "a", day: str = "2026-11-25", at: float = 10.0) -> Claim:
    """A claim like any other."""
    return Claim(number=number, token=token, at=at, day=day)


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[SqliteJournal]:
    """An open journal with two contacts."""
    journal = SqliteJournal(tmp_path / "x.sqlite")
    await journal.open("x")
    await journal.enqueue([Contact(ANN, fields={"name": "Ann"}, zone="Europe/Stockholm"), Contact(BOB)], 5.0)
    yield journal
    await journal.close()


async def only(journal: SqliteJournal, number: str) -> Outcome:
    """Return how one contact stands."""
    (found,) = [outcome for outcome in await journal.page(None) if outcome.number == number]
    return found


async def test_contacts_come_back_as_they_were(journal: SqliteJournal) -> None:
    """Fields, zone and order are kept; a number that is there already is not added, whatever else it says."""
    assert await journal.enqueue([Contact(ANN, fields={"name": "Other"}), Contact("+46700000003")], 6.0) == 1
    page = await journal.page(None)
    assert [outcome.contact.get("name") for outcome in page] == ["Ann", None, None]
    assert page[0].contact == Contact(ANN, fields={"name": "Ann"}, zone="Europe/Stockholm")
    assert [outcome.number for outcome in await journal.due(0.0, limit=2)] == [ANN, BOB]
    assert await journal.next_due() == 0.0


async def test_one_claim_wins(journal: SqliteJournal) -> None:
    """Of any number of claims at the same time, one gets the contact."""
    won: list[Outcome] = []

    async def try_it(token: str) -> None:
        claimed = await journal.claim(claim(ANN, token))
        won.extend([claimed] if claimed else [])

    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(try_it, f"token {number}")
    assert [(outcome.state, outcome.attempt, outcome.today) for outcome in won] == [(ContactState.DIALING, 1, 1)]


async def test_a_claim_is_on_the_disk_when_it_is_told(journal: SqliteJournal) -> None:
    """Another connection sees it at once, and commits wait for the disk."""
    await journal.claim(claim(ANN))
    with sqlite3.connect(journal.path) as other:
        assert other.execute("SELECT state FROM contact WHERE number = ?", (ANN,)).fetchone() == ("dialing",)
    other.close()
    writer = journal._use().writer._connection
    assert writer.execute("PRAGMA synchronous").fetchone()[0] == 2
    assert writer.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


async def test_only_the_claimer_gives_back(journal: SqliteJournal) -> None:
    """Another token changes nothing; the claimer's puts the contact back and uncounts the attempt."""
    await journal.claim(claim(ANN))
    assert await journal.change("b", Change.GIVE_BACK, AttemptUpdate(), 11.0) is None
    given = await journal.change("a", Change.GIVE_BACK, AttemptUpdate(note="no network", due=30.0), 11.0)
    assert given is not None
    assert (given.state, given.attempt, given.today, given.returned) == (ContactState.TODO, 0, 0, 1)
    assert (given.token, given.due, given.note, given.placed_at) == (None, 30.0, "no network", None)
    assert await journal.change("a", Change.ACCEPT, AttemptUpdate(), 12.0) is None
    assert [outcome.number for outcome in await journal.due(29.0)] == [BOB]
    assert [outcome.number for outcome in await journal.due(30.0)] == [BOB, ANN]


async def test_attempts_are_counted_by_day(journal: SqliteJournal) -> None:
    """A new day begins with one attempt; the cost of all attempts is added up, exactly."""
    price = Price(amount=Decimal("0.0368"), currency_id="EUR")
    for number, day in enumerate(["2026-11-25", "2026-11-25", "2026-11-26"]):
        claimed = await journal.claim(claim(ANN, f"{number}", day, at=100.0 * number))
        assert claimed is not None
        assert (claimed.result, claimed.price, claimed.call_id) == (None, None, None)
        ended = await journal.change(
            f"{number}", Change.END, AttemptUpdate(call_id="c", result="BUSY", price=price), 1.0
        )
        assert ended is not None
        await journal.change(f"{number}", Change.REDIAL, AttemptUpdate(due=0.0), 2.0)
    outcome = await only(journal, ANN)
    assert (outcome.attempt, outcome.today, outcome.day) == (3, 1, "2026-11-26")
    assert outcome.price == price
    counts = Counts()
    counts.reach(evolve(outcome, state=ContactState.DONE, price=evolve(price, currency_id=None)))
    assert (counts.spent, counts.currencies) == (price.amount, set())
    assert outcome.spent == Decimal("0.1104")
    assert await journal.find_call("c") == outcome
    totals = {total.state: total for total in await journal.totals() if total.contacts and total.currency}
    assert totals[ContactState.TODO].spent == Decimal("0.1104")
    assert (totals[ContactState.TODO].first_placed_at, totals[ContactState.TODO].last_placed_at) == (0.0, 200.0)


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "1e30"])
async def test_an_amount_that_is_none_is_not_added(journal: SqliteJournal, amount: str) -> None:
    """Nonsense does not break the journal."""
    await journal.claim(claim(ANN))
    ended = await journal.change("a", Change.END, AttemptUpdate(price=Price(amount=Decimal(amount))), 1.0)
    assert ended is not None
    assert ended.price is None
    assert ended.spent == 0


async def test_putting_off_and_skipping(journal: SqliteJournal) -> None:
    """Only who is to do is put off; who was skipped can be taken up again, and be released by hand."""
    assert await journal.put_off(ANN, None, "closed", 50.0, 1.0)
    assert (await only(journal, ANN)).due == 50.0
    assert await journal.put_off(ANN, Change.SKIP, "listed", 0.0, 1.0)
    assert not await journal.put_off(ANN, Change.SKIP, "listed", 0.0, 1.0)
    assert await journal.claim(claim(ANN)) is None
    assert await journal.change_all(Change.REOPEN, None, 2.0, None) == 1
    assert (await only(journal, ANN)).state is ContactState.TODO
    await journal.put_off(BOB, Change.SKIP, "listed", 0.0, 1.0)
    assert await journal.change_all(Change.RELEASE, "by hand", 3.0, [BOB, "+46700000009"]) == 1
    await journal.claim(claim(BOB))
    assert await journal.change_all(Change.SKIP, "over", 3.0, None) == 1
    assert (await only(journal, BOB)).state is ContactState.DIALING


async def test_broken_rows_are_kept_by_line(journal: SqliteJournal) -> None:
    """The last word about a line counts; a listing gives all of them, page by page."""
    await journal.note_broken([BrokenRow(3, "old"), BrokenRow(2, "two")])
    await journal.note_broken([BrokenRow(3, "new")])

    async def fetch(last: tuple[int, RowFate] | None) -> Any:
        return await journal.row_fates(after=last[0] if last else 0, limit=1)

    assert [row async for _, row in Listing(fetch)] == [RowFate(3, "broken", "new"), RowFate(2, "broken", "two")]
    assert await journal.fate_counts() == {"broken": 2}


async def test_a_listing_gives_every_page(journal: SqliteJournal) -> None:
    """In some states or in any, from behind the last."""
    assert [outcome.number for outcome in await journal.page({ContactState.TODO}, limit=1)] == [ANN]
    assert [outcome.number for outcome in await journal.page({ContactState.TODO}, after=1)] == [BOB]
    assert not await journal.page({ContactState.DONE})


async def test_recovery_turns_what_was_on_its_way_into_doubt(journal: SqliteJournal) -> None:
    """A run that begins where another was killed leaves nobody ``dialing``, and dials nobody of them."""
    await journal.begin(5.0)
    await journal.claim(claim(ANN))
    await journal.end()
    assert await journal.begin(20.0) == 1
    outcome = await only(journal, ANN)
    assert outcome.state is ContactState.UNKNOWN
    assert outcome.note is not None
    assert "ended" in outcome.note
    settled = await journal.change("a", Change.ACCEPT, AttemptUpdate(call_id="c"), 21.0)
    assert settled is not None
    assert settled.note is None


async def test_another_run_is_refused_and_another_reader_is_not(journal: SqliteJournal) -> None:
    """Only one dials; whoever reads or settles may do so meanwhile."""
    other = SqliteJournal(journal.path)
    await journal.begin(1.0)
    await other.open("x")
    with pytest.raises(JournalError, match="another run dials"):
        await other.begin(1.0)
    assert len(await other.page(None)) == 2
    await journal.end()
    assert await other.begin(1.0) == 0
    await other.close()
    await journal.begin(1.0)


async def test_a_journal_is_of_one_campaign(journal: SqliteJournal) -> None:
    """Another name is refused, and told."""
    with pytest.raises(JournalError, match="of the campaign 'x', not 'y'"):
        await SqliteJournal(journal.path).open("y")


async def test_a_journal_is_of_one_version(journal: SqliteJournal) -> None:
    """What a later version has written is not touched."""
    await journal.close()
    with sqlite3.connect(journal.path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(JournalError, match="of version 99"):
        await journal.open("x")


async def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    """Nobody's address book is written over."""
    with sqlite3.connect(tmp_path / "x.sqlite") as connection:
        connection.execute("CREATE TABLE people (name TEXT)")
    connection.close()
    with pytest.raises(JournalError, match="another program"):
        await SqliteJournal(tmp_path / "x.sqlite").open("x")


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """So is a text, and a directory that is not there."""
    (tmp_path / "x.sqlite").write_text("number,name\n" * 1000)
    with pytest.raises(JournalError, match="it is not a journal"):
        await SqliteJournal(tmp_path / "x.sqlite").open("x")
    with pytest.raises(JournalError, match="does the directory exist"):
        await SqliteJournal(tmp_path / "none" / "x.sqlite").open("x")


async def test_a_damaged_journal_is_an_error_of_ours(journal: SqliteJournal) -> None:
    """Pages of garbage in the middle end in one clear exception."""
    await journal.enqueue([Contact(f"+4670001{last:04}", fields={"x": "y" * 500}) for last in range(500)], 1.0)
    await journal.close()
    size = journal.path.stat().st_size
    with journal.path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 8192))
    with pytest.raises(JournalError, match=r"damaged|malformed"):
        await look_into(journal)


async def look_into(journal: SqliteJournal) -> None:
    """Open a journal and read it; where the damage is found is SQLite's matter."""
    await journal.open("x")
    await journal.page(None)  # pragma: no cover - not where opening has found it


async def test_a_locked_journal_is_an_error_of_ours(tmp_path: Path) -> None:
    """Who keeps it locked for longer than we wait is named as the reason."""
    journal = SqliteJournal(tmp_path / "x.sqlite", wait=0.01)
    await journal.open("x")
    other = sqlite3.connect(journal.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalError, match="another process keeps it locked"):
        await journal.enqueue([Contact(ANN)], 1.0)
    other.execute("ROLLBACK")
    other.close()
    assert await journal.enqueue([Contact(ANN)], 1.0) == 1
    await journal.close()


async def test_a_full_disk_is_an_error_of_ours(journal: SqliteJournal) -> None:
    """Nothing is half written: what did not fit is not there, and what fits later is."""
    writer = journal._use().writer._connection
    pages = writer.execute("PRAGMA page_count").fetchone()[0]
    writer.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(JournalError, match="the disk is full"):
        await journal.enqueue([Contact(f"+4670001{last:04}", fields={"x": "y" * 500}) for last in range(500)], 1.0)
    writer.execute("PRAGMA max_page_count = 1000000")
    assert len(await journal.page(None)) == 2
    assert await journal.claim(claim(ANN)) is not None


async def test_what_json_cannot_hold_is_refused(journal: SqliteJournal) -> None:
    """By the name of the field, before anything is written."""
    with pytest.raises(InvalidRequestError, match="fields"):
        await journal.enqueue([Contact("+46700000003", fields={"x": object()})], 1.0)
    assert len(await journal.page(None)) == 2


async def test_a_journal_that_is_not_open_says_so(tmp_path: Path) -> None:
    """Closing twice is harmless, and using it then is one clear exception."""
    journal = SqliteJournal(tmp_path / "x.sqlite")
    await journal.close()
    assert repr(journal) == f"SqliteJournal({str(tmp_path / 'x.sqlite')!r})"
    with pytest.raises(CampaignError, match="not open"):
        await journal.page(None)
    with pytest.raises(CampaignError, match="not open"):
        await journal.note_broken([])
    with pytest.raises(CampaignError, match="not open"):
        await journal.claim(claim(ANN))


async def test_claims_at_one_time_share_a_commit(journal: SqliteJournal) -> None:
    """While one transaction is on its way to the disk, all who come wait in the next one."""
    writer = journal._use().writer
    sizes: list[int] = []
    commit, first = writer._commit, threading.Event()

    def counting(operations: list[Any]) -> list[Any]:
        sizes.append(len(operations))
        first.wait()
        return commit(operations)

    writer._commit = counting  # type: ignore[method-assign]
    async with anyio.create_task_group() as tasks:
        for number in range(50):
            tasks.start_soon(journal.claim, claim(ANN, f"{number}"))
        await anyio.wait_all_tasks_blocked()
        first.set()
    assert sum(sizes) == 50
    assert len(sizes) == 2


async def test_an_operation_that_fails_undoes_its_transaction(journal: SqliteJournal) -> None:
    """Nothing of it stays, and the next one begins anew."""
    writer = journal._use().writer
    with pytest.raises(sqlite3.OperationalError):
        await writer.run(lambda connection: connection.execute("UPDATE contact SET nonsense = 1"))
    assert await journal.claim(claim(ANN)) is not None


def test_each_statement_has_a_name() -> None:
    """The file of statements is read whole."""
    assert {"claim", "change", "due", "totals"} <= {*STATEMENTS}
    assert all(statement.endswith(";") for statement in STATEMENTS.values())


async def test_a_transaction_that_is_over_already(journal: SqliteJournal) -> None:
    """A full disk may end it by itself: there is nothing to roll back then."""

    def end(connection: sqlite3.Connection) -> None:
        connection.execute("ROLLBACK")
        raise sqlite3.OperationalError("the disk is full")

    with pytest.raises(sqlite3.OperationalError):
        await journal._use().writer.run(end)
    assert await journal.claim(claim(ANN)) is not None


async def test_a_run_that_cannot_recover_gives_up_its_right(
    journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another may dial then."""

    async def fail(*arguments: object) -> None:
        raise JournalError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(journal, "_write", fail)
        with pytest.raises(JournalError, match="full"):
            await journal.begin(1.0)
    other = SqliteJournal(journal.path)
    await other.open("x")
    assert await other.begin(1.0) == 0
    await other.close()
    await other.end()
