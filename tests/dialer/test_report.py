"""The report, and the preview before it."""

import csv
import json
import math
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sinch_voice_async import CampaignError, ConferenceCallout, ForbiddenError, Price, TransportError, TtsCallout
from sinch_voice_async.dialer import (
    BrokenRow,
    CallingWindow,
    Campaign,
    Contact,
    ContactState,
    DoNotCallFile,
    OptOutList,
    read_csv,
)
from sinch_voice_async.webhooks import DisconnectedCall
from tests.dialer.clocks import NOON, VirtualClock
from tests.dialer.platforms import Platform, reminder

NUMBERS = [f"+467000000{last:02}" for last in range(6)]


async def finished(tmp_path: Path) -> Campaign:
    """A campaign in which everything has happened."""
    ours = Campaign(
        "x", journal=tmp_path / "x.sqlite", calls_per_second=math.inf, in_flight=1, do_not_call=NUMBERS[4:5]
    )
    platform = Platform(None_, TransportError(), ForbiddenError(status=403, code=40300))
    contacts = [Contact(number, fields={"number": number, "name": "=cmd()", "note": "-"}) for number in NUMBERS[:5]]
    async with ours.run(platform, [*contacts, BrokenRow(7, "it has 1 cells")], reminder) as outcomes:
        await outcomes.wait()
    event = DisconnectedCall(
        call_id="call-1",
        custom=platform.custom["call-1"],
        result="ANSWERED",
        reason="CALLERHANGUP",
        duration=12,
        debit=Price(amount=Decimal("0.02"), currency_id="EUR"),
    )
    await ours.settle(event)
    return ours


async def None_() -> None:  # noqa: N802 - it stands in a script beside exceptions
    """Do nothing first."""


async def test_the_totals(tmp_path: Path) -> None:
    """What is unknown stands first; every contact is accounted for."""
    report = await (await finished(tmp_path)).report()
    assert report.contacts == sum(report.states.values()) == 5
    assert report.states == {
        ContactState.DONE: 1,
        ContactState.UNKNOWN: 1,
        ContactState.REJECTED: 1,
        ContactState.ACCEPTED: 1,
        ContactState.SKIPPED: 1,
    }
    assert report.results == {"ANSWERED": 1}
    assert report.rejected == {"403 (40300)": 1}
    assert report.skipped == {"on the do-not-call list": 1}
    assert (report.attempts, report.spent, report.broken) == (
        4,
        {"EUR": Decimal("0.02")},
        [BrokenRow(7, "it has 1 cells")],
    )
    assert report.rate is not None
    lines = str(report).splitlines()
    assert lines[0] == "x: 5 contacts, 4 callouts"
    assert lines[1].startswith("  1 unknown")
    assert "  1 done: 1 ANSWERED" in lines
    assert "  0.02 EUR spent" in lines
    assert any("line 7" in line for line in lines)


async def test_the_csv_is_safe_to_open(tmp_path: Path) -> None:
    """A row for each contact, unknown first; no cell is a formula; and the file serves as contacts again."""
    ours = await finished(tmp_path)
    await (await ours.report()).write_csv(tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = [*csv.DictReader(file)]
    assert [row["state"] for row in rows] == ["unknown", "done", "rejected", "accepted", "skipped"]
    assert {row["name"] for row in rows} == {"'=cmd()"}
    assert {row["contact.note"] for row in rows} == {"'-"}
    assert (rows[1]["result"], rows[1]["duration"], rows[1]["price"], rows[1]["spent"]) == (
        "ANSWERED",
        "12",
        "0.02",
        "0.02",
    )
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())
    assert {row.number for row in read_csv(tmp_path / "out.csv") if isinstance(row, Contact)} == {*NUMBERS[:5]}
    assert not (tmp_path / "out.csv.part").exists()


async def test_the_json(tmp_path: Path) -> None:
    """The totals, and every contact with its fields."""
    await (await (await finished(tmp_path)).report()).write_json(tmp_path / "out.json")
    document = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert document["states"]["unknown"] == 1
    assert document["spent"] == {"EUR": "0.02"}
    assert document["broken"] == [{"line": 7, "problem": "it has 1 cells"}]
    assert document["contacts"][0]["state"] == "unknown"
    assert document["contacts"][1]["fields"]["name"] == "=cmd()"
    assert document["contacts"][1]["placed_at"].endswith("+00:00")


async def test_a_campaign_without_contacts(tmp_path: Path) -> None:
    """Has a report too."""
    report = await Campaign("x", journal=tmp_path / "x.sqlite").report()
    assert str(report) == "x: 0 contacts, 0 callouts"
    assert report.rate is None
    await report.write_csv(tmp_path / "out.csv")
    await report.write_json(tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text())["contacts"] == []
    assert (tmp_path / "out.csv").read_text().startswith("number,state")


async def test_a_report_that_cannot_be_written(tmp_path: Path) -> None:
    """Is one of our errors."""
    report = await Campaign("x", journal=tmp_path / "x.sqlite").report()
    with pytest.raises(CampaignError, match="cannot be written"):
        await report.write_csv(tmp_path / "none" / "out.csv")


def to_everybody(contact: Contact) -> Any:
    """A conference for Ann, a long text for Bo, and a greeting by name for the rest."""
    match contact.get("name"):
        case "Ann":
            return ConferenceCallout(destination=contact.number, conference_id="c")
        case "Bo":
            return TtsCallout(destination=contact.number, text="x" * 601)
        case _:
            return TtsCallout(destination=contact.number, text=f"Hi {contact['name']}")


async def test_a_preview_rings_nobody(tmp_path: Path) -> None:
    """It says who would be called, who would not and why, and how long it takes; and leaves no file behind."""
    ours = Campaign(
        "x",
        journal=tmp_path / "x.sqlite",
        calls_per_second=2,
        window=CallingWindow("09:00", "20:00"),
        do_not_call=NUMBERS[3:4],
        clock=VirtualClock(),
    )
    zones = ["Europe/Stockholm", "Europe/Stockholm", None, "Europe/Stockholm", "Asia/Tokyo", "America/Halifax"]
    names = ["Ann", "Bo", "Cy", "Di", "Ed", "Flo"]
    contacts: list[Any] = [
        Contact.restored(number, {"name": name}, zone or "Mars/Crater")
        for number, name, zone in zip(NUMBERS, names, zones, strict=True)
    ]
    given = [*contacts, NUMBERS[0], Contact("+46700000099"), "nobody", BrokenRow(17, "x")]
    preview = await ours.preview(given, to_everybody)
    assert (preview.to_call, preview.waiting, preview.opens_at) == (3, 2, NOON + 3600)
    assert preview.seconds == 1.5
    assert preview.duplicates == 1
    assert (preview.broken_rows, [row.line for row in preview.broken]) == (2, [9, 17])
    assert preview.skipped == {
        "it cannot be sent: text must be at most 600 characters, and has 601": 1,
        "the time zone 'Mars/Crater' is not known": 1,
        "on the do-not-call list": 1,
        "no callout could be made: the contact has no field 'name'": 1,
    }
    assert not (tmp_path / "x.sqlite").exists()


async def test_a_preview_knows_who_has_been_called(tmp_path: Path) -> None:
    """Of a campaign that goes on, only the rest would be called."""
    await finished(tmp_path)
    ours = Campaign("x", journal=tmp_path / "x.sqlite")
    preview = await ours.preview(NUMBERS, reminder, max_text_length=None)
    assert preview.called == {
        ContactState.DONE: 1,
        ContactState.UNKNOWN: 1,
        ContactState.REJECTED: 1,
        ContactState.ACCEPTED: 1,
    }
    assert (preview.to_call, preview.duplicates) == (2, 0)
    assert (await ours.preview(None, reminder)).to_call == 1


@pytest.mark.parametrize("target", ["x.sqlite", "x.sqlite-wal", "x.sqlite-shm", "link", "contacts.csv", "stop.txt"])
async def test_no_report_replaces_what_the_campaign_needs(tmp_path: Path, target: str) -> None:
    """Not the journal, under any of its names, nor the files that it reads."""
    (tmp_path / "contacts.csv").write_text("number\n+46700000001\n")
    (tmp_path / "stop.txt").write_text("+46700000002\n")
    ours = Campaign("x", journal=tmp_path / "x.sqlite", do_not_call=DoNotCallFile(tmp_path / "stop.txt"))
    async with ours:
        await ours.enqueue(read_csv(tmp_path / "contacts.csv"))
        os.link(tmp_path / "x.sqlite", tmp_path / "link")
        report = await ours.report()
        before = (tmp_path / target).read_bytes() if target.endswith(("csv", "txt")) else b""
        for write in (report.write_csv, report.write_json, report.write_rejects):
            with pytest.raises(CampaignError, match="cannot be written"):
                await write(tmp_path / target)
        if before:
            assert (tmp_path / target).read_bytes() == before
        assert await ours.enqueue(["+46700000003"]) == 1  # the journal is the one that it was
    report = await Campaign("x", journal=tmp_path / "x.sqlite").report()
    assert report.contacts == 2


@pytest.mark.parametrize("target", ["other.sqlite", "other.sqlite-wal", "opt-outs.sqlite"])
async def test_no_report_replaces_another_database(tmp_path: Path, target: str) -> None:
    """A journal that no one has open is recognised by its content, and so is its log by its name."""
    await Campaign("x", journal=tmp_path / "other.sqlite").enqueue(["+46700000001"])
    OptOutList(tmp_path / "opt-outs.sqlite").close()
    (tmp_path / "other.sqlite-wal").touch()
    ours = Campaign("y", journal=tmp_path / "y.sqlite")
    await ours.enqueue(["+46700000001"])
    with pytest.raises(CampaignError, match="it is a database or its log"):
        await (await ours.report()).write_csv(tmp_path / target)
