"""What a campaign costs that has a million contacts already: ``python -m benchmarks.scale --contacts 1000000``.

Seven of ten contacts are done, one is accepted, and two are to do; the rows are made in the database itself. It prints
the seconds of a restart until the first callout, of a report, of a start of a machine until its first claim, and of
plans. The journal is a file of SQLite, or a throw-away PostgreSQL with ``--postgres``.
"""

import argparse
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import anyio
import psycopg

from sinch_voice_async import CalloutReceipt, TtsCallout
from sinch_voice_async.dialer import Campaign, Contact
from tests.dialer.cluster.postgres import programs, server

_NAME: Final = "reminders"
_STATES: Final = """
    CASE WHEN n % 10 < 7 THEN 'done' WHEN n % 10 = 7 THEN 'accepted' ELSE 'todo' END,
    0, CASE WHEN n % 10 < 8 THEN 1 ELSE 0 END, 0, CASE WHEN n % 10 < 8 THEN 't' || n END, 0, {recent},
    CASE WHEN n % 10 < 8 THEN {now} END, CASE WHEN n % 10 < 8 THEN {now} END, {now},
    CASE WHEN n % 10 < 8 THEN 'c' || n END, CASE WHEN n % 10 < 7 THEN 'ANSWERED' END, 0
"""
_COLUMNS: Final = (
    "number, fields, state, due, attempt, returned, token, today, recent, "
    "first_placed_at, placed_at, changed_at, call_id, result, spent"
)


def callout(contact: Contact) -> TtsCallout:
    """Return what a contact hears."""
    return TtsCallout(destination=contact.number, text="See you tomorrow.", cli="+46700000000")


def fill_file(journal: Path, count: int) -> None:
    """Make the rows in a file of SQLite."""
    states = _STATES.format(recent="'[]'", now=time.time())
    rows = f"WITH RECURSIVE made (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM made WHERE n < {count - 1})"
    connection = sqlite3.connect(journal)
    with connection:
        select = f"SELECT printf('+4670%07d', n), '{{}}', {states} FROM made"
        connection.execute(f"INSERT INTO contact ({_COLUMNS}) {rows} {select}")
    connection.close()


def fill_database(url: str, count: int) -> None:
    """Make the rows in PostgreSQL."""
    states = _STATES.format(recent="'{}'::double precision[]", now=time.time())
    rows = f"SELECT 1, '+4670' || lpad(n::text, 7, '0'), '{{}}', {states} FROM generate_series(0, {count - 1}) AS n"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"INSERT INTO sinch_voice_dialer.contact (campaign, {_COLUMNS}) {rows}".encode())
        connection.execute("VACUUM ANALYZE sinch_voice_dialer.contact")
        connection.execute("CHECKPOINT")


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how many seconds something took."""
    begun = time.perf_counter()
    yield
    print(f"{what:34} {time.perf_counter() - begun:7.3f} s", flush=True)


async def restart(campaign: Campaign) -> None:
    """Run a campaign that was begun until its first callout."""
    asked = anyio.Event()

    async def place(_: Any, /, *, callback_headers: Mapping[str, str]) -> CalloutReceipt:
        asked.set()
        return CalloutReceipt(call_id=callback_headers["X-CB-Intent"])

    with timed("restart to the first callout"):
        run = campaign.run(place, None, callout)
        await run.__aenter__()
        await asked.wait()
    with timed("its end"):
        run.cancel()
        await run.__aexit__(None, None, None)


async def report(campaign: Campaign) -> None:
    """Make a report."""
    with timed("report"):
        await campaign.report()


async def plan(campaign: Campaign) -> None:
    """Begin as a machine does, plan, and dial the first batch."""

    async def place(_: Any, /, *, callback_headers: Mapping[str, str]) -> CalloutReceipt:
        return CalloutReceipt(call_id=callback_headers["X-CB-Intent"])

    begun = time.perf_counter()
    async with campaign.shift(place, callout) as shift:
        with timed("first plan"):
            planned = await campaign.plan()
        await shift.dial_batch(planned.batches[0].id)
        print(f"{'start to the end of a batch':34} {time.perf_counter() - begun:7.3f} s")
        with timed("a plan that offers nothing"):
            await campaign.plan()


def measure(journal: Any) -> None:
    """Measure a journal that was filled."""
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    make = {"journal": journal, "calls_per_second": 500.0}
    anyio.run(report, Campaign(_NAME, **make))
    anyio.run(restart, Campaign(_NAME, **make))
    anyio.run(report, Campaign(_NAME, **make))
    if isinstance(journal, str):
        anyio.run(plan, Campaign(_NAME, **make))


def main() -> int:
    """Make the rows, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--postgres", action="store_true")
    given = parser.parse_args()
    first = [Contact("+46709999999")]
    if not given.postgres:
        with tempfile.TemporaryDirectory() as folder:
            journal = Path(folder, "reminders.db")
            anyio.run(Campaign(_NAME, journal=journal).enqueue, first)
            with timed(f"{given.contacts:,} rows made"):
                fill_file(journal, given.contacts)
            measure(journal)
        return 0
    found = programs()
    if found is None:
        parser.error("PostgreSQL is not installed on this machine")
    with server(found) as postgres:
        url = postgres.database()
        anyio.run(Campaign(_NAME, journal=url).enqueue, first)
        with timed(f"{given.contacts:,} rows made"):
            fill_database(url, given.contacts)
        measure(url)
    return 0


if __name__ == "__main__":
    sys.exit(main())
