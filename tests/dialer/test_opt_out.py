"""Opt-outs: durable, shared by campaigns, asked before each claim, filled by a key in a menu or an inbound call."""

import gc
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import anyio
import pytest

from sinch_voice_async import CampaignError, ConfigurationError, InvalidRequestError, _files, svaml
from sinch_voice_async.dialer import Campaign, ContactState, OptOutList, SharedCap
from sinch_voice_async.dialer.contacts import read_numbers
from sinch_voice_async.models.events import MenuResult
from sinch_voice_async.webhooks import AnsweredCall, IncomingCall, PromptInput
from tests.dialer.platforms import Platform, reminder

ANN, BO = "+46700000001", "+46700000002"


def test_it_is_durable_and_private(tmp_path: Path) -> None:
    """Another list of the same file has what was added, with the first reason; others cannot read the file."""
    first = OptOutList(tmp_path / "o.sqlite", country="SE")
    assert first.add(ANN, "letter of 3 May") == 1
    assert first.add(["070-000 00 01", BO], "again") == 1
    second = OptOutList(tmp_path / "o.sqlite")
    assert [(each.number, each.why) for each in second] == [(ANN, "letter of 3 May"), (BO, "again")]
    assert (len(second), second(ANN), ANN in second, "+46700000003" in second) == (2, True, True, False)
    assert stat.S_IMODE((tmp_path / "o.sqlite").stat().st_mode) == 0o600
    assert (str(second), repr(second)) == ("an opt-out list", f"OptOutList({str(tmp_path / 'o.sqlite')!r})")
    with pytest.raises(InvalidRequestError):
        second.add([ANN, "0700"], "unreadable")
    first.close()
    second.close()
    with pytest.raises(CampaignError, match="closed"):
        second(ANN)


def test_another_process_makes_it_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its list is used, and nothing of it is lost."""
    path = tmp_path / "o.sqlite"
    first = OptOutList(path)
    first.add(ANN, "letter")
    monkeypatch.setattr(os.path, "lexists", lambda _: False)
    second = OptOutList(path)
    assert ANN in second
    assert [each.name for each in tmp_path.iterdir()] == ["o.sqlite"]
    first.close()
    second.close()


def test_a_list_that_is_gone(tmp_path: Path) -> None:
    """A new one does not begin beside what a change left of the old one."""
    (tmp_path / "o.sqlite-journal").write_bytes(b"pages")
    with pytest.raises(CampaignError, match="it is gone"):
        OptOutList(tmp_path / "o.sqlite")
    assert not (tmp_path / "o.sqlite").exists()


def test_a_damaged_list(tmp_path: Path) -> None:
    """It is refused: nobody who opted out may be called because the table is gone."""
    path = tmp_path / "o.sqlite"
    opt_outs = OptOutList(path)
    opt_outs._database.execute("DROP TABLE opt_out")
    opt_outs.close()
    with pytest.raises(CampaignError, match="no such table"):
        OptOutList(path)


def test_threads_share_it(tmp_path: Path) -> None:
    """Handlers of a synchronous framework may add at once."""
    opt_outs = OptOutList(tmp_path / "o.sqlite")
    numbers = [f"+467000000{last:02}" for last in range(20)]
    threads = [threading.Thread(target=opt_outs.add, args=(number, "web")) for number in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {each.number for each in opt_outs} == {*numbers}
    opt_outs.close()


def test_another_list_of_the_process_leaves_the_locks(tmp_path: Path) -> None:
    """A process loses its locks on a file when it closes any descriptor of it: none is opened beside a connection."""
    path = tmp_path / "o.sqlite"
    first = OptOutList(path)
    first._database.execute("BEGIN IMMEDIATE")
    with pytest.raises(CampaignError, match="of another program"):
        SharedCap(path, attempts=1, days=1)
    second = OptOutList(path)
    second.close()
    second.close()
    with pytest.raises(ConfigurationError, match="it is a database that this program has open"):
        read_numbers(path)
    assert _files.is_database(path)
    with pytest.raises(OSError, match="a database or its log"):
        _files.check_target(path, overwrite=True)
    writing = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN IMMEDIATE')"
    other = subprocess.run([sys.executable, "-c", writing, str(path)], capture_output=True, text=True, check=False)
    assert "database is locked" in other.stderr
    first._database.execute("ROLLBACK")
    first.close()
    subprocess.run([sys.executable, "-c", writing, str(path)], check=True)


@pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")
def test_a_list_that_was_not_closed(tmp_path: Path) -> None:
    """It does not keep the number of its inode, which the next file may get."""
    opt_outs = OptOutList(tmp_path / "o.sqlite")
    key = (found := (tmp_path / "o.sqlite").stat()).st_dev, found.st_ino
    assert key in _files.OPEN_DATABASES.values()
    del opt_outs
    gc.collect()
    assert key not in _files.OPEN_DATABASES.values()


def test_a_file_of_something_else(tmp_path: Path) -> None:
    """It is refused, and so is a file that cannot be made."""
    journal = tmp_path / "x.sqlite"
    anyio.run(Campaign("x", journal=journal).enqueue, [ANN])
    with pytest.raises(CampaignError, match="another program"):
        OptOutList(journal)
    (tmp_path / "text").write_text("a letter " * 99)
    with pytest.raises(CampaignError, match="not a database"):
        OptOutList(tmp_path / "text")
    (tmp_path / "empty").touch()
    with pytest.raises(CampaignError, match="the file is empty; remove it"):
        OptOutList(tmp_path / "empty")
    with pytest.raises(CampaignError, match="No such file"):
        OptOutList(tmp_path / "none" / "o.sqlite")


async def test_an_opt_out_in_the_middle_of_a_campaign(tmp_path: Path) -> None:
    """A key in the menu of one call keeps the same person from the next campaign; the number comes from the journal."""
    opt_outs, platform = OptOutList(tmp_path / "o.sqlite"), Platform()
    ours = Campaign("x", journal=tmp_path / "x.sqlite", calls_per_second=float("inf"), do_not_call=opt_outs)
    async with ours.run(platform, [ANN, BO], reminder) as outcomes:
        await outcomes.wait()
    call_id = next(each for each in platform.custom)
    pressed = PromptInput(
        call_id=call_id, custom=platform.custom[call_id], menu_result=MenuResult(type="return", value="opt-out")
    )
    other = PromptInput(call_id=call_id, menu_result=MenuResult(type="return", value="sales"))
    assert opt_outs.take(pressed, await ours.number_of(pressed))
    assert not opt_outs.take(other, ANN)
    assert not opt_outs.take(AnsweredCall(call_id=call_id), ANN)
    with pytest.raises(ConfigurationError, match="number_of"):
        opt_outs.take(pressed)
    assert await ours.number_of(PromptInput(call_id="of another")) is None
    [opted_out] = [each.number for each in opt_outs]
    again = Campaign("y", journal=tmp_path / "y.sqlite", calls_per_second=float("inf"), do_not_call=opt_outs)
    async with again.run(Platform(), [ANN, BO], reminder) as outcomes:
        given = {outcome.number: outcome.state async for outcome in outcomes}
    assert given[opted_out] is ContactState.SKIPPED
    opt_outs.close()


def test_an_inbound_call(tmp_path: Path) -> None:
    """Its caller is added, whether the platform writes a plus or not."""
    opt_outs = OptOutList(tmp_path / "o.sqlite")
    assert opt_outs.take(IncomingCall(call_id="c", cli=ANN))
    assert opt_outs.take(IncomingCall(call_id="c", cli=BO[1:]))
    assert {each.number for each in opt_outs} == {ANN, BO}
    with pytest.raises(InvalidRequestError):
        opt_outs.take(IncomingCall(call_id="c", cli="private"))
    opt_outs.close()


def test_the_menu(tmp_path: Path) -> None:
    """It is an answer to ACE, with other keys beside the opt-out."""
    opt_outs = OptOutList(tmp_path / "o.sqlite")
    answer = svaml.Svaml(action=opt_outs.menu("To hear no more of us, press 9.", options={"1": "sales"}))
    answer.check("ace")
    text = svaml.dumps(answer)
    assert '"return(opt-out)"' in text
    assert '"return(sales)"' in text
    opt_outs.close()


def test_a_list_that_cannot_be_written(tmp_path: Path) -> None:
    """It says so, and nothing of it is half written."""
    opt_outs = OptOutList(tmp_path / "o.sqlite")
    opt_outs._database.execute("ALTER TABLE opt_out RENAME TO gone")
    with pytest.raises(CampaignError, match="no such table"):
        opt_outs.add([ANN, BO], "letter")
    opt_outs._database.execute("ALTER TABLE gone RENAME TO opt_out")
    assert opt_outs.add([ANN, BO], "letter") == 2
    opt_outs.close()


def test_a_file_that_is_refused_is_closed(tmp_path: Path) -> None:
    """What could not be used is not left open: it can be removed, also on Windows, and nothing warns of it."""
    path = tmp_path / "o.sqlite"
    path.write_bytes(b"no database" * 100)
    with pytest.raises(CampaignError):
        OptOutList(path)
    gc.collect()  # from Python 3.13 on, a connection that is left open warns here
