"""Who is called first: of the contacts that are due, those with the higher priority, in a file and in a database."""

import pickle
import random
import sqlite3
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from sinch_voice_async import ConfigurationError, InvalidRequestError
from sinch_voice_async.dialer import Campaign, Contact, RowFate, SqliteJournal, read_contacts
from sinch_voice_async.dialer.cluster import PostgresJournal
from sinch_voice_async.dialer.journal import Claim
from sinch_voice_async.dialer.postgres.database import STATEMENTS
from tests.dialer.clocks import PatientJournal, virtual_time
from tests.dialer.cluster.postgres import Postgres
from tests.dialer.platforms import Platform, reminder

Given = tuple[str, int, float]


def people(seed: int, count: int = 19) -> list[Given]:
    """Numbers, each with a priority and an instant, many of them equal."""
    chance = random.Random(seed)
    return [
        (f"+467000000{last:02}", chance.choice([0, 0, 1, 50, 100]), chance.choice([0, 3, 7])) for last in range(count)
    ]


def in_order(given: list[Given], at: float) -> list[str]:
    """The numbers that are due, in the order in which they are called: the higher priority, the earlier, the first."""
    due = [(-priority, due, place, number) for place, (number, priority, due) in enumerate(given) if due <= at]
    return [number for *_, number in sorted(due)]


@pytest.fixture(params=["file", "database"])
async def journal(
    request: pytest.FixtureRequest, tmp_path: Path, postgres: Postgres, url: str, campaign: str
) -> AsyncIterator[Any]:
    """An open journal in which a run has begun."""
    journal: Any = SqliteJournal(tmp_path / "x.sqlite") if request.param == "file" else PostgresJournal(url)
    await journal.open(campaign)
    await journal.begin(0.0)
    yield journal
    await journal.end()
    await journal.close()


@pytest.mark.parametrize("seed", range(4))
async def test_the_order_is_one_law(journal: Any, seed: int) -> None:
    """Priority, then due, then the order of the list, whatever the limit; and the next instant is that of anybody."""
    given = people(seed)
    await journal.enqueue([Contact(number, priority=priority) for number, priority, _ in given], 0.0)
    for number, _, due in given:
        assert await journal.put_off(number, None, "later", due, 0.0)
    left = [*given]
    for at, size in ((0.0, 3), (5.0, 4), (9.0, 19)):
        assert await journal.next_due() == min(due for *_, due in left)
        found = [outcome.number for outcome in await journal.due(at, limit=size)]
        assert found == in_order(left, at)[:size]
        for number in found:
            assert await journal.claim(Claim(number=number, token=uuid.uuid4().hex, at=at, day="2026-11-27"))
        left = [each for each in left if each[0] not in found]
    assert left == []
    assert await journal.next_due() is None
    assert await journal.due(99.0) == []


@pytest.mark.parametrize("in_flight", [1, 100])
async def test_a_run_calls_in_this_order(tmp_path: Path, in_flight: int) -> None:
    """One call a second; the callout function sees the priority. Of many at once, one may be ready before the rest."""
    given = [(number, priority, 0.0) for number, priority, _ in people(9)]
    seen: dict[str, int] = {}

    def callout(contact: Contact) -> Any:
        seen[contact.number] = contact.priority
        return reminder(contact)

    platform = Platform()
    async with virtual_time() as clock:
        ours = Campaign("x", journal=PatientJournal(tmp_path / "x.sqlite", clock), clock=clock, in_flight=in_flight)
        await ours.enqueue([Contact(number, priority=priority) for number, priority, _ in given])
        async with ours.run(platform, None, callout) as outcomes:
            await outcomes.wait()
    rang = [*platform.rang]
    first = 0 if in_flight == 1 else 1
    assert rang[first:] == [number for number in in_order(given, 0.0) if number not in rang[:first]]
    assert seen == {number: priority for number, priority, _ in given}


async def test_batches_are_in_this_order(url: str, campaign: str) -> None:
    """The first batch has those of the highest priority."""
    given = [(number, priority, 0.0) for number, priority, _ in people(9)]
    async with Campaign(campaign, journal=url, calls_per_second=500.0) as ours:
        await ours.enqueue([Contact(number, priority=priority) for number, priority, _ in given])
        plan = await ours.plan(size=5)
        assert [batch.size for batch in plan.batches] == [5, 5, 5, 4]
        journal: Any = ours.journal
        offered = [outcome.number for batch in plan.batches for outcome in await journal.of_batch(batch.id)]
    assert offered == in_order(given, 0.0)


async def test_another_priority_on_the_next_list(journal: Any) -> None:
    """It is a changed row, and applies to whoever was not called yet."""
    first = await journal.begin_list()
    ann, bo = "+46700000001", "+46700000002"
    await journal.add([(1, Contact(ann)), (2, Contact(bo, priority=7))], 0.0, listed=first)
    second = await journal.begin_list()
    added = await journal.add([(1, Contact(ann, priority=8)), (2, Contact(bo, priority=7))], 1.0, listed=second)
    assert added.fates == [RowFate(1, "changed", "the list has other fields now", ann)]
    assert [(each.number, each.contact.priority) for each in await journal.due(1.0)] == [(ann, 8), (bo, 7)]


async def test_every_level_is_one_look(postgres: Postgres) -> None:
    """A hundred priorities and thousands of contacts that are not due cost no scan and no sort."""
    url = postgres.database()
    await Campaign("x", journal=url).enqueue(["+46700000001"])
    with psycopg.connect(url, autocommit=True) as database:
        database.execute(
            """INSERT INTO sinch_voice_dialer.contact (campaign, number, fields, state, changed_at, due, attempt,
            returned, today, recent, spent, priority) SELECT campaign.id, '+4671' || n, '{}', 'todo', 0, 4e9, 0, 0, 0,
            '{}', 0, n % 101 FROM sinch_voice_dialer.campaign, generate_series(1, 20000) AS n"""
        )
        database.execute("ANALYZE sinch_voice_dialer.contact")
        given = {"campaign": 1, "run": uuid.uuid4(), "listed": None, "at": 1.0, "limit": 20, "lease": 9.0}
        given |= {"room": 10, "size": 5, "batches": [uuid.uuid4()] * 2}
        for name in ("due", "next_due", "offer"):
            rows = database.execute(b"EXPLAIN " + STATEMENTS[name], given).fetchall()
            plan = "\n".join(line for (line,) in rows)
            assert "Seq Scan on contact" not in plan, plan
        database.execute("BEGIN")
        [[analysis]] = database.execute(b"EXPLAIN (ANALYZE, FORMAT JSON) " + STATEMENTS["due"], given).fetchall()
    assert most_rows(analysis[0]["Plan"]) <= 102


def most_rows(plan: Any) -> float:
    """How many rows any step of a plan has given in all its turns."""
    own: float = plan["Actual Rows"] * plan["Actual Loops"]
    return max([own, *(most_rows(each) for each in plan.get("Plans", ()))])


async def test_a_journal_that_was_made_before(tmp_path: Path) -> None:
    """It gets the column and the index when it is opened; its contacts are of priority 0."""
    path = tmp_path / "x.sqlite"
    journal = SqliteJournal(path)
    await journal.open("x")
    await journal.enqueue([Contact("+46700000001"), Contact("+46700000002")], 0.0)
    writer = journal._use().writer._connection
    before = shape(writer)
    for statement in (
        "DROP INDEX contact_due",
        "ALTER TABLE contact DROP COLUMN priority",
        "CREATE INDEX contact_due ON contact (due, position) WHERE state = 'todo'",
    ):
        writer.execute(statement)
    await journal.close()
    await journal.open("x")
    assert shape(journal._use().writer._connection) == before
    await journal.enqueue([Contact("+46700000003", priority=1)], 0.0)
    assert [each.number[-1] for each in await journal.due(0.0)] == ["3", "1", "2"]
    await journal.close()


def shape(connection: sqlite3.Connection) -> Any:
    """The columns and the indices of contacts."""
    columns = [tuple(row)[1:] for row in connection.execute("PRAGMA table_info(contact)")]
    indices = "SELECT name, sql FROM sqlite_schema WHERE tbl_name = 'contact' AND type = 'index' ORDER BY name"
    return columns, [tuple(row) for row in connection.execute(indices)]


CELLS = [
    ("", 0),
    ("0", 0),
    (" 7 ", 7),
    ("100", 100),
    ("5.0", 5),
    ("101", None),
    ("-1", None),
    ("high", None),
    ("5.5", None),
]


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_column_of_a_file(tmp_path: Path, ending: str) -> None:
    """A whole number from 0 to 100; an empty cell is 0; anything else is a broken row that names the field."""
    path = tmp_path / f"c.{ending}"
    rows = [f"+467000000{place:02}" for place in range(len(CELLS))]
    if ending == "csv":
        lines = [f"{number},{cell}" for number, (cell, _) in zip(rows, CELLS, strict=True)]
        path.write_text("\n".join(["number,vip", *lines]))
    else:
        path.write_text(
            "\n".join(f'{{"number": "{n}", "vip": "{cell}"}}' for n, (cell, _) in zip(rows, CELLS, strict=True))
        )
    found = [*read_contacts(path, priority="vip")]
    assert [each.priority if isinstance(each, Contact) else None for each in found] == [wanted for _, wanted in CELLS]
    problems = {each.problem for each in found if not isinstance(each, Contact)}
    assert all(problem.startswith("priority must be a whole number from 0 to 100, not ") for problem in problems)


@pytest.mark.parametrize(
    ("value", "wanted"), [("7", 7), ("7.0", 7), ("null", 0), ("7.5", None), ("true", None), ("[]", None)]
)
def test_a_value_of_json(tmp_path: Path, value: str, wanted: int | None) -> None:
    """A number is a number, and nothing else is."""
    path = tmp_path / "c.json"
    path.write_text(f'[{{"number": "+46700000001", "vip": {value}}}]')
    [found] = read_contacts(path, priority="vip")
    assert (found.priority if isinstance(found, Contact) else None) == wanted


def test_a_column_that_is_not_there(tmp_path: Path) -> None:
    """Is named before any row is read, with the column that was probably meant."""
    path = tmp_path / "c.csv"
    path.write_text("number,priorities\n")
    with pytest.raises(ConfigurationError, match=r"no column 'priority'.*pass priority='priorities'"):
        read_contacts(path, priority="priority")


@pytest.mark.parametrize("priority", [-1, 101, True, 1.0, "1", None, float("nan")])
def test_what_a_priority_is(priority: Any) -> None:
    """A whole number from 0 to 100."""
    with pytest.raises(InvalidRequestError, match="priority must be a whole number from 0 to 100") as caught:
        Contact("+46700000001", priority=priority)
    assert caught.value.field == "priority"


def test_it_belongs_to_the_contact() -> None:
    """Contacts of other priorities are other contacts, and it travels with them."""
    contact, other = Contact("+46700000001", priority=3), Contact("+46700000001")
    assert contact != other
    assert pickle.loads(pickle.dumps(contact)) == contact
    assert (contact.priority, other.priority) == (3, 0)
