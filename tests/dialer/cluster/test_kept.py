"""What a database keeps beside contacts: options, lists, fates, control; its addresses; and the former version."""

import traceback
import uuid
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from sinch_voice_async import ConfigurationError, JournalError
from sinch_voice_async.dialer import (
    BrokenRow,
    Campaign,
    Contact,
    ContactState,
    Control,
    KeptCampaign,
    RowFate,
    kept,
)
from sinch_voice_async.dialer.cluster import PostgresJournal
from sinch_voice_async.dialer.journal import REMOVED, Line
from sinch_voice_async.dialer.postgres.database import STATEMENTS, Address
from tests.dialer.cluster.postgres import Postgres
from tests.dialer.platforms import Platform, reminder

NUMBERS = [f"+467000000{last:02}" for last in range(20)]


@pytest.fixture
async def journal(url: str, campaign: str) -> AsyncIterator[PostgresJournal]:
    """An open journal."""
    journal = PostgresJournal(url)
    await journal.open(campaign)
    await journal.begin(0.0)
    yield journal
    await journal.close()


def fast(url: str, name: str, **changes: Any) -> Campaign:
    """Return a campaign that calls everybody at once."""
    return Campaign(name, journal=url, calls_per_second=1000.0, **changes)


async def test_a_list_and_the_next(journal: PostgresJournal) -> None:
    """The same law as in a file: duplicates, changed and removed rows, numbers that belong to one contact."""
    first = await journal.begin_list()
    ann, bo = Contact(NUMBERS[0], numbers=[NUMBERS[1]]), Contact(NUMBERS[2], fields={"x": 1})
    rows: list[Line] = [
        (1, ann),
        (2, bo),
        (3, Contact(NUMBERS[1])),
        (4, BrokenRow(4, "no number")),
        (None, ann),
        (None, ann),
    ]
    added = await journal.add(rows, 1.0, listed=first)
    assert (added.added, [row.fate for row in added.fates]) == (2, ["duplicate", "broken", "duplicate", "duplicate"])
    assert await journal.fate_counts() == {"duplicate": 3, "broken": 1}
    second = await journal.begin_list()
    assert await journal.fate_counts() == {}
    bo = Contact(NUMBERS[2], fields={"x": 2, "y": 3}, numbers=[NUMBERS[3]])
    assert (await journal.add([(1, bo)], 2.0, listed=second)).fates == [
        RowFate(1, "changed", "the list has other fields now", NUMBERS[2])
    ]
    assert [outcome.number for outcome in await journal.due(9.0, listed=second)] == [NUMBERS[2]]
    assert await journal.next_due(listed=second) == 0.0
    assert await journal.end_list(second, 3.0) == 1
    assert await journal.end_list(second, 3.0) == 0
    [gone] = await journal.page({ContactState.SKIPPED})
    assert (gone.number, gone.note) == (NUMBERS[0], REMOVED)
    fates = [row for _, row in await journal.row_fates("removed")]
    assert fates == [RowFate(None, "removed", "line 1 of a former list", NUMBERS[0])]
    third = await journal.begin_list()
    await journal.add([(1, ann), (2, bo)], 4.0, listed=third)
    assert {outcome.state for outcome in await journal.page(None)} == {ContactState.TODO}
    assert await journal.field_names() == ["x", "y"]
    assert (await journal.find_number(NUMBERS[2]) or gone).contact.numbers == (NUMBERS[2], NUMBERS[3])


async def test_options_and_control(url: str, campaign: str) -> None:
    """They are kept by campaign, and a run that lost its list is refused."""
    ours = fast(url, campaign, do_not_call=NUMBERS[:1])
    await ours.enqueue(NUMBERS[:3])
    async with ours.run(Platform(), None, reminder) as outcomes:
        await outcomes.wait()
    found = await kept(url, campaign)
    assert found is not None
    assert (found.name, found.options["do_not_call"][:9]) == (campaign, "1 numbers")
    assert await kept(url, f"no {uuid.uuid4()}") is None
    with pytest.raises(ConfigurationError, match="do_not_call"):
        await fast(url, campaign).run(Platform(), None, reminder).__aenter__()
    await ours.set_pace(5)
    await ours.pause("lunch")
    assert await ours.control() == Control(pause="lunch", calls_per_second=5)
    assert await ours.releasable(NUMBERS[:3]) == 1


async def test_the_only_campaign_of_a_database(postgres: Postgres) -> None:
    """Its name may be left out; with two of them it must not be."""
    url = postgres.database()
    assert await kept(url) is None
    await fast(url, "one").enqueue(NUMBERS[:1])
    assert await kept(url) == KeptCampaign("one", {})
    async with fast(url, "one") as opened:
        assert await opened.journal.name() == "one"  # type: ignore[attr-defined]
    await fast(url, "two").enqueue(NUMBERS[:1])
    with pytest.raises(ConfigurationError, match="several campaigns"):
        await kept(url)


async def test_a_campaign_that_is_deleted(url: str, campaign: str) -> None:
    """Its runs end within seconds, and say why."""
    platform = Platform()
    await fast(url, campaign).enqueue(NUMBERS)
    with pytest.raises(JournalError):
        async with fast(url, campaign).run(platform, None, reminder, stay=True) as outcomes:
            await anext(outcomes)
            outcomes.pause()
            with psycopg.connect(url, autocommit=True) as database:
                database.execute("DELETE FROM sinch_voice_dialer.campaign WHERE name = %s", (campaign,))
            await outcomes.wait()


async def test_the_pace_changes_for_all(url: str, campaign: str) -> None:
    """A pace that was set through the journal is the pace of all workers."""
    ours = Campaign(campaign, journal=url, calls_per_second=0.001)
    await ours.enqueue(NUMBERS[:4])
    async with ours.run(Platform(), None, reminder) as outcomes:
        await anext(outcomes)
        await fast(url, campaign).set_pace(500)
        counts = await outcomes.wait()
    assert counts.states[ContactState.ACCEPTED] == 4


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("postgresql://me:hunter2@db/calls", "db/calls"),
        ("POSTGRES+psycopg://me:hunter2@db/calls", "db/calls"),
        (" host=db dbname=calls password=hunter2", "db/calls"),
        ("hostaddr = 10.0.0.1 dbname=calls", "10.0.0.1/calls"),
        ("service=calls", "service calls"),
        ("dbname=calls", "localhost/calls"),
    ],
)
def test_addresses(written: str, place: str) -> None:
    """Each spelling is a database, and shows no password."""
    assert repr(Campaign("x", journal=written).journal) == f"PostgresJournal({place!r})"


@pytest.mark.parametrize("written", ["postgresql://[::1/calls", "host=db hunter2"])
def test_an_address_that_is_none(written: str) -> None:
    """It is refused without being repeated, not even by a variable of a frame."""
    with pytest.raises(JournalError) as caught:
        Campaign("x", journal=written)
    frames = caught.value.__traceback__
    assert frames is not None
    assert frames.tb_next is not None
    text = "".join(traceback.StackSummary.extract(traceback.walk_tb(frames.tb_next), capture_locals=True).format())
    assert written not in text
    assert "hunter2" not in str(caught.value)


async def test_no_frame_has_the_password() -> None:
    """Of an error that a tracker shows with the variables of all frames, and of what caused it."""
    with pytest.raises(JournalError) as caught:
        await Campaign("x", journal="postgresql://me:CANARY@127.0.0.1:1/calls?connect_timeout=1").report()
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    assert "CANARY" not in "".join(line for line in shown if "test_no_frame" not in line)


def test_an_address_is_not_pickled() -> None:
    """It could hold a password."""
    address = Address.of("host=db")
    assert address is not None
    assert repr(address) == "<db/>"
    with pytest.raises(TypeError, match="not pickled"):
        address.__reduce__()


V3 = """
DROP FUNCTION sinch_voice_dialer.priorities;
DROP INDEX sinch_voice_dialer.contact_due;
ALTER TABLE sinch_voice_dialer.contact DROP COLUMN priority;
CREATE INDEX contact_due ON sinch_voice_dialer.contact (campaign, due, position)
    WHERE state = 'todo' AND batch IS NULL;
UPDATE sinch_voice_dialer.version SET version = 3;
"""

V2 = """
CREATE TABLE sinch_voice_dialer.pace (
    campaign integer PRIMARY KEY REFERENCES sinch_voice_dialer.campaign ON DELETE CASCADE,
    target double precision NOT NULL DEFAULT 1,
    instant timestamptz NOT NULL DEFAULT 'epoch',
    next_at timestamptz NOT NULL DEFAULT 'epoch',
    held_until timestamptz NOT NULL DEFAULT 'epoch',
    slowed_rate double precision NOT NULL DEFAULT 'infinity',
    slowed_at timestamptz NOT NULL DEFAULT 'epoch',
    paused boolean NOT NULL DEFAULT false
);
CREATE FUNCTION sinch_voice_dialer.rate_at(pace sinch_voice_dialer.pace, instant timestamptz) RETURNS double precision
    IMMUTABLE LANGUAGE sql AS 'SELECT pace.target';
CREATE TABLE sinch_voice_dialer.worker (
    id uuid PRIMARY KEY,
    campaign integer NOT NULL REFERENCES sinch_voice_dialer.campaign ON DELETE CASCADE,
    name text NOT NULL,
    seen_at timestamptz NOT NULL
);
CREATE FUNCTION sinch_voice_dialer.alive(gone_after double precision) RETURNS SETOF uuid
    STABLE LANGUAGE sql AS 'SELECT id FROM sinch_voice_dialer.worker';
DROP TABLE sinch_voice_dialer.result;
DROP FUNCTION sinch_voice_dialer.keep_result CASCADE;
ALTER TABLE sinch_voice_dialer.campaign DROP COLUMN result_states;
DROP FUNCTION sinch_voice_dialer.reserve;
DROP FUNCTION sinch_voice_dialer.rate_at(double precision, double precision, timestamptz, timestamptz);
DROP TABLE sinch_voice_dialer.spending;
DROP INDEX sinch_voice_dialer.contact_due, sinch_voice_dialer.contact_batch, sinch_voice_dialer.contact_offered,
    sinch_voice_dialer.contact_dialing;
ALTER TABLE sinch_voice_dialer.contact DROP COLUMN batch, DROP COLUMN offered_until, DROP COLUMN claimed_at,
    DROP COLUMN looked_at, ADD COLUMN worker uuid;
CREATE INDEX contact_due ON sinch_voice_dialer.contact (campaign, due, position) WHERE state = 'todo';
CREATE INDEX contact_offered ON sinch_voice_dialer.contact (campaign, worker)
    WHERE state = 'todo' AND worker IS NOT NULL;
CREATE INDEX contact_dialing ON sinch_voice_dialer.contact (campaign) WHERE state = 'dialing';
ALTER TABLE sinch_voice_dialer.campaign DROP COLUMN pause, DROP COLUMN is_cancelled, DROP COLUMN wanted_rate,
    DROP COLUMN target, DROP COLUMN instant, DROP COLUMN next_at, DROP COLUMN held_until, DROP COLUMN slowed_rate,
    DROP COLUMN slowed_at;
UPDATE sinch_voice_dialer.version SET version = 2;
"""

V1 = """
DROP TABLE sinch_voice_dialer.row, sinch_voice_dialer.field, sinch_voice_dialer.phone;
CREATE TABLE sinch_voice_dialer.broken (campaign integer NOT NULL REFERENCES sinch_voice_dialer.campaign
    ON DELETE CASCADE, line integer NOT NULL, problem text NOT NULL, PRIMARY KEY (campaign, line));
INSERT INTO sinch_voice_dialer.broken SELECT id, 7, 'no number' FROM sinch_voice_dialer.campaign;
DROP INDEX sinch_voice_dialer.contact_open, sinch_voice_dialer.contact_redial;
ALTER TABLE sinch_voice_dialer.contact DROP COLUMN others, DROP COLUMN line, DROP COLUMN listed, DROP COLUMN recent,
    DROP CONSTRAINT contact_state_check;
ALTER TABLE sinch_voice_dialer.campaign DROP COLUMN options, DROP COLUMN control, DROP COLUMN listing;
UPDATE sinch_voice_dialer.version SET version = 1;
"""


COLUMNS = """SELECT table_name, column_name, data_type, is_nullable, column_default
    FROM information_schema.columns WHERE table_schema = 'sinch_voice_dialer' ORDER BY 1, 2"""
INDICES = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'sinch_voice_dialer' ORDER BY 1"
PROGRAMS = """SELECT proname, pg_get_functiondef(oid) FROM pg_proc
    WHERE pronamespace = 'sinch_voice_dialer'::regnamespace ORDER BY 1"""
TRIGGERS = """SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger
    WHERE tgrelid = 'sinch_voice_dialer.contact'::regclass AND NOT tgisinternal ORDER BY 1"""
OBJECTS = (COLUMNS, INDICES, PROGRAMS, TRIGGERS)


async def test_a_database_of_version_3(postgres: Postgres) -> None:
    """Its contacts are of priority 0, a process that is still connected goes on, and then it is like a new one."""
    url = postgres.database()
    await fast(url, "x").enqueue(NUMBERS[:2])
    with psycopg.connect(url, autocommit=True) as database:
        new = [database.execute(each).fetchall() for each in OBJECTS]
        database.execute(V3)
        assert await fast(url, "x").enqueue([Contact(NUMBERS[2], priority=1)]) == 1
        assert [database.execute(each).fetchall() for each in OBJECTS] == new
        database.execute(
            """INSERT INTO sinch_voice_dialer.contact (campaign, number, fields, state, due, attempt, returned, today,
            recent, changed_at, spent) SELECT id, %s, '{}', 'todo', 0, 0, 0, 0, '{}', 0, 0
            FROM sinch_voice_dialer.campaign""",
            [NUMBERS[3]],
        )
    journal = PostgresJournal(url)
    await journal.open("x")
    await journal.begin(0.0)
    assert [each.number for each in await journal.due(1.0)] == [NUMBERS[place] for place in (2, 0, 1, 3)]
    await journal.close()


async def test_a_database_of_version_2(postgres: Postgres) -> None:
    """Its pace, pause, claims and costs are brought along, and then it is like a new one, object by object."""
    url = postgres.database()
    await fast(url, "x").enqueue(NUMBERS[:4])
    with psycopg.connect(url, autocommit=True) as database:
        new = [database.execute(each).fetchall() for each in OBJECTS]
        assert all(new)
        database.execute(V3 + V2)
        database.execute(
            """
            INSERT INTO sinch_voice_dialer.pace (campaign, target, paused)
                SELECT id, 7, false FROM sinch_voice_dialer.campaign;
            UPDATE sinch_voice_dialer.campaign
                SET control = '{"pause": "lunch", "calls_per_second": Infinity, "is_cancelled": false}';
            UPDATE sinch_voice_dialer.contact SET state = 'dialing', token = 'a' WHERE number = '+46700000000';
            UPDATE sinch_voice_dialer.contact SET state = 'done', spent = 5, amount = 3 WHERE number = '+46700000001';
            """
        )
        control = await fast(url, "x").control()
        assert control == Control(pause="lunch", calls_per_second=float("inf"))
        assert [database.execute(each).fetchall() for each in OBJECTS] == new
        assert database.execute(
            "SELECT target, spent, dearest FROM sinch_voice_dialer.campaign, sinch_voice_dialer.spending"
        ).fetchall() == [(7.0, 5, 3)]
    report = await fast(url, "x").report()
    assert report.states == {ContactState.UNKNOWN: 1, ContactState.DONE: 1, ContactState.TODO: 2}


async def test_a_database_of_version_1(postgres: Postgres) -> None:
    """It is brought to this version when its workers are gone."""
    url = postgres.database()
    await fast(url, "x").enqueue([Contact(NUMBERS[0], fields={"name": "Ann"}), Contact(NUMBERS[1])])
    with psycopg.connect(url, autocommit=True) as database:
        database.execute(V3 + V2 + V1)
        database.execute(
            "INSERT INTO sinch_voice_dialer.worker SELECT gen_random_uuid(), id, 'w', now() "
            "FROM sinch_voice_dialer.campaign"
        )
        with pytest.raises(JournalError, match="workers of a former version"):
            await fast(url, "x").report()
        database.execute("DELETE FROM sinch_voice_dialer.worker")
    report = await fast(url, "x").report()
    assert (report.contacts, report.broken_rows) == (2, 1)
    platform = Platform()
    async with fast(url, "x").run(platform, [Contact(NUMBERS[0])], reminder) as outcomes:
        await outcomes.wait()
    assert platform.rang == {NUMBERS[0]: 1}
    assert STATEMENTS["name"]
