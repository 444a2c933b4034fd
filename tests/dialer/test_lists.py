"""Every row of a list is accounted for, whatever happened to the list between two runs."""

import csv
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sinch_voice_async import ConfigurationError, PaymentRequiredError, TtsCallout
from sinch_voice_async.dialer import (
    BrokenRow,
    Campaign,
    Contact,
    ContactState,
    RedialRules,
    RowFate,
    SqliteJournal,
    read_csv,
)
from sinch_voice_async.dialer.journal import REMOVED
from sinch_voice_async.dialer.sql import Known, row_of, sort_rows
from tests.dialer.platforms import Platform, reminder

NUMBERS = [f"+467000000{last:02}" for last in range(20)]


def campaign(tmp_path: Path, **changes: Any) -> Campaign:
    """A campaign like any other."""
    return Campaign("x", journal=tmp_path / "x.sqlite", **({"calls_per_second": float("inf")} | changes))


def people(*names: str, first: int = 0) -> list[Contact]:
    """Contacts with a name each."""
    return [Contact(NUMBERS[first + place], fields={"name": name}) for place, name in enumerate(names)]


def greet(contact: Contact) -> TtsCallout:
    """Speak the name."""
    return TtsCallout(destination=contact.number, text=f"Hi {contact['name']}")


async def without_credit(ours: Campaign, contacts: Any) -> None:
    """Run a campaign that stops before anybody is called."""
    async with ours.run(Platform(*[PaymentRequiredError(status=402)] * 99), contacts, greet) as outcomes:
        while outcomes.paused is None:
            await anyio_sleep()


async def anyio_sleep() -> None:
    """Let the run go on."""
    import anyio

    await anyio.sleep(0.001)


class Hearing(Platform):
    """A platform that keeps what was said."""

    def __init__(self) -> None:
        super().__init__()
        self.said: dict[str, str] = {}

    async def _take(self, callout: Any) -> Any:
        self.said[callout.destination.endpoint] = callout.text
        return await super()._take(callout)


async def test_a_corrected_row_is_spoken_as_corrected(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The list that was given last wins, and who is not in it any more is not called; the report says both."""
    ours, platform = campaign(tmp_path), Hearing()
    await without_credit(ours, people("Ann", "Bo", "Cy"))
    preview = await ours.preview(people("Anna", "Bo"), greet)
    assert (preview.new, preview.changed, preview.removed, preview.to_call) == (0, 1, 1, 2)
    async with ours.run(platform, people("Anna", "Bo"), greet) as outcomes:
        counts = await outcomes.wait()
        assert outcomes.status().this_run.removed == 1
    assert platform.said == {NUMBERS[0]: "Hi Anna", NUMBERS[1]: "Hi Bo"}
    assert (counts.changed, counts.removed, counts.states[ContactState.SKIPPED]) == (1, 1, 1)
    report = await ours.report()
    assert report.skipped == {REMOVED: 1}
    assert report.fates == {"changed": 1, "removed": 1}
    assert [(row.line, row.fate, row.number) for row in report.rows] == [
        (1, "changed", NUMBERS[0]),
        (None, "removed", NUMBERS[2]),
    ]
    assert "no longer in the list, and are not dialled: 1" in caplog.text
    assert "contacts that the last list no longer has: 1 (line 3 of a former list)" in str(report)


async def test_who_was_removed_stays_away_until_a_list_has_them_again(tmp_path: Path) -> None:
    """A resume without a list does not bring them back; a list does."""
    ours, platform = campaign(tmp_path), Hearing()
    await without_credit(ours, people("Ann", "Bo"))
    await without_credit(ours, people("Ann"))
    assert (await ours.preview(None, greet)).to_call == 1
    async with ours.run(platform, None, greet) as outcomes:
        await outcomes.wait()
    assert {*platform.said} == {NUMBERS[0]}
    async with ours.run(platform, people("Ann", "Bo"), greet) as outcomes:
        await outcomes.wait()
    assert {*platform.said} == {*NUMBERS[:2]}


async def test_a_stream_adds_and_replaces(tmp_path: Path) -> None:
    """An iterator is no whole list: who was there before is called too."""
    ours, platform = campaign(tmp_path), Hearing()
    await without_credit(ours, people("Ann", "Bo"))
    assert (await ours.preview(iter(people("Anna")), greet)).to_call == 2
    async with ours.run(platform, iter(people("Anna")), greet) as outcomes:
        await outcomes.wait()
    assert platform.said == {NUMBERS[0]: "Hi Anna", NUMBERS[1]: "Hi Bo"}


async def test_what_is_enqueued_is_of_no_list(tmp_path: Path) -> None:
    """A list does not remove it, and the same row again is the same row."""
    ours, platform = campaign(tmp_path), Hearing()
    assert await ours.enqueue([*people("Ann", "Bo"), BrokenRow(9, "no number")]) == 2
    assert await ours.enqueue(people("Ann", "Bo")) == 0
    assert (await ours.report()).fates == {"broken": 1}
    assert await ours.enqueue([NUMBERS[5], NUMBERS[0]]) == 1
    assert [row.detail for row in (await ours.report()).rows] == ["no number", "duplicate of line 1"]
    async with ours.run(platform, people("Cy", first=2), greet) as outcomes:
        await outcomes.wait()
    assert {*platform.said} == {*NUMBERS[:3]}


async def test_two_people_with_one_telephone(tmp_path: Path) -> None:
    """The second is named by the line, in the text, in the files, and among the rejects."""
    path = tmp_path / "c.csv"
    path.write_text("number,name\n+46700000001,Ann\n+46700000002,Bo\n0046 70 000 00 01,Quentin\nx,Y\n", "utf-8")
    ours = campaign(tmp_path)
    async with ours.run(Platform(), read_csv(path), greet) as outcomes:
        counts = await outcomes.wait()
    assert (counts.duplicates, counts.broken) == (1, 1)
    report = await ours.report()
    assert "rows with the number of another row: 1 (line 4: duplicate of line 2)" in str(report)
    await report.write_json(tmp_path / "r.json")
    assert '"duplicate of line 2"' in (tmp_path / "r.json").read_text("utf-8")
    await report.write_rejects(tmp_path / "rejects.csv")
    with (tmp_path / "rejects.csv").open(encoding="utf-8", newline="") as file:
        rows = [*csv.DictReader(file)]
    assert [(row["line"], row["fate"]) for row in rows] == [("5", "broken"), ("4", "duplicate")] or [
        (row["line"], row["fate"]) for row in rows
    ] == [("4", "duplicate"), ("5", "broken")]


async def test_counts_are_exact_beyond_a_page(tmp_path: Path) -> None:
    """1,500 broken rows are 1,500, however many are shown."""
    ours = campaign(tmp_path)
    rows: list[Any] = [BrokenRow(line, "no number") for line in range(1, 1501)]
    async with ours.run(Platform(), [*rows, NUMBERS[0]], reminder) as outcomes:
        await outcomes.wait()
    report = await ours.report()
    assert (report.broken_rows, len(report.broken), len(report.rows)) == (1500, 1000, 1000)
    assert "rows that could not be read: 1500" in str(report)
    assert len([row async for row in ours.row_fates("broken")]) == 1500


async def test_a_number_belongs_to_one_contact(tmp_path: Path) -> None:
    """A further number that another contact has is dialled for that one alone, whatever the order and the list."""
    journal = SqliteJournal(tmp_path / "x.sqlite")
    await journal.open("x")
    first = Contact(NUMBERS[0], numbers=[NUMBERS[1], NUMBERS[2]])
    await journal.add([(1, first), (2, Contact(NUMBERS[3], numbers=[NUMBERS[1], NUMBERS[4]]))], 0.0, listed=1)
    added = await journal.add([(3, Contact(NUMBERS[2]))], 0.0, listed=2)
    assert added.fates == [RowFate(3, "duplicate", "duplicate of line 1", NUMBERS[2])]
    assert [outcome.contact.numbers for outcome in await journal.page(None)] == [
        (NUMBERS[0], NUMBERS[1], NUMBERS[2]),
        (NUMBERS[3], NUMBERS[4]),
    ]
    await journal.add([(1, Contact(NUMBERS[0])), (2, Contact(NUMBERS[3], numbers=[NUMBERS[1]]))], 0.0, listed=3)
    assert [outcome.contact.numbers for outcome in await journal.page(None)] == [
        (NUMBERS[0],),
        (NUMBERS[3], NUMBERS[1]),
    ]
    await journal.close()


ROWS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), max_size=12)


@given(before=ROWS, now=ROWS)
@settings(max_examples=200, deadline=None)
def test_each_row_is_accounted_for(before: list[tuple[int, int]], now: list[tuple[int, int]]) -> None:
    """A row is a contact of its own, replaces one of a former list, or is a duplicate of a row that stands above it."""

    def rows(given: list[tuple[int, int]], listed: int) -> Any:
        contacts = [Contact(NUMBERS[number], fields={"v": version}) for number, version in given]
        return [(line, row_of(contact, line, listed)) for line, contact in enumerate(contacts, 1)]

    first = sort_rows(rows(before, 1), {}, 1)
    known = {n: Known(n, row["line"], 1, row["fields"], None, None, 0) for n, row in first.new.items()}
    second = sort_rows(rows(now, 2), dict(known), 2)
    duplicates = [row for row in second.fates if row.fate == "duplicate"]
    assert len(second.new) + len(second.again) + len(duplicates) == len(now)
    assert {*second.new} | {row["number"] for row in second.again} == {NUMBERS[number] for number, _ in now}
    assert {*second.new}.isdisjoint(known)
    changed = {row.number for row in second.fates if row.fate == "changed"}
    assert changed == {row["number"] for row in second.again if known[row["number"]].fields != row["fields"]}


async def test_options_are_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A run that lost the list of whom not to call is refused by name; another rule is said and kept."""
    ours, platform = campaign(tmp_path, do_not_call=NUMBERS[:1], options={"text": "Hi"}), Platform()
    await without_credit(ours, people("Ann", "Bo"))
    bare = campaign(tmp_path)
    assert [(each.option, each.now) for each in await bare.differences()] == [
        ("do_not_call", None),
        ("options.text", None),
    ]
    with pytest.raises(ConfigurationError, match=r"do_not_call: not set now.*options.text: not set now"):
        await bare.run(platform, None, greet).__aenter__()
    other = campaign(tmp_path, do_not_call=NUMBERS[:1], options={"text": "x" * 99})
    with pytest.raises(ConfigurationError, match=r"options.text: x{57}\.\.\. now"):
        await other.run(platform, None, greet).__aenter__()
    also = campaign(tmp_path, do_not_call=NUMBERS[:2], options={"text": "Hi"}, follow="callbacks", redial=RedialRules())
    async with also.run(platform, [], reminder) as outcomes:
        outcomes.cancel()
    assert "with another option: do_not_call: 2 numbers" in caplog.text
    assert "with another option: callout: " in caplog.text
    assert await also.differences() == []
    async with bare.run(platform, None, greet, accept_changes=True) as outcomes:
        await outcomes.wait()
    assert await campaign(tmp_path / "none").differences() == []


def test_options_have_names() -> None:
    """By which the journal keeps them."""
    with pytest.raises(ConfigurationError, match="options"):
        Campaign("x", journal="x", options={1: 2})  # type: ignore[dict-item]
    with pytest.raises(ConfigurationError, match="do_not_call"):
        Campaign("x", journal="x", do_not_call="+46700000001")
