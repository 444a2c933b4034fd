"""A journal knows when it is not itself: moved, removed, linked, empty, damaged, of a former version."""

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest

from sinch_voice_async import ConfigurationError, JournalError
from sinch_voice_async.dialer import Campaign, Claim, Contact, ContactState, KeptCampaign, Outcome, SqliteJournal, kept
from sinch_voice_async.dialer.sqlite import file as journal_file
from tests.dialer.platforms import Platform, reminder

NUMBERS = [f"+4670000{last:04}" for last in range(300)]
V1 = """
CREATE TABLE campaign (name TEXT NOT NULL);
CREATE TABLE contact (position INTEGER PRIMARY KEY, number TEXT NOT NULL UNIQUE, fields TEXT NOT NULL, zone TEXT,
    state TEXT NOT NULL DEFAULT 'todo', due REAL NOT NULL DEFAULT 0, attempt INTEGER NOT NULL DEFAULT 0,
    returned INTEGER NOT NULL DEFAULT 0, token TEXT UNIQUE, day TEXT, today INTEGER NOT NULL DEFAULT 0,
    first_placed_at REAL, placed_at REAL, changed_at REAL NOT NULL, call_id TEXT, result TEXT, reason TEXT,
    duration INTEGER, amount INTEGER, spent INTEGER NOT NULL DEFAULT 0, currency TEXT, note TEXT);
CREATE INDEX contact_due ON contact (due, position) WHERE state = 'todo';
CREATE INDEX contact_dialing ON contact (position) WHERE state = 'dialing';
CREATE INDEX contact_call ON contact (call_id) WHERE call_id IS NOT NULL;
CREATE TABLE broken (line INTEGER PRIMARY KEY, problem TEXT NOT NULL);
INSERT INTO campaign VALUES ('x');
INSERT INTO contact (number, fields, changed_at) VALUES ('+46700000001', '{"name": "Ann"}', 1);
INSERT INTO contact (number, fields, changed_at, state, attempt, placed_at, first_placed_at, spent, currency, amount)
    VALUES ('+46700000002', '{"ref": 7}', 1, 'done', 1, 5, 5, 1000000000, 'EUR', 1000000000);
INSERT INTO broken VALUES (7, 'no number');
PRAGMA application_id = 1398162506;
PRAGMA user_version = 1;
"""


def campaign(path: Path, **changes: Any) -> Campaign:
    """A campaign like any other."""
    return Campaign("x", journal=path, **({"calls_per_second": float("inf")} | changes))


def remove(journal: Path, spare: Path) -> None:
    """Remove it."""
    journal.unlink()


def move(journal: Path, spare: Path) -> None:
    """Move it."""
    journal.rename(spare)


def replace(journal: Path, spare: Path) -> None:
    """Put another in its place."""
    shutil.copy(journal, spare)
    spare.replace(journal)


def move_folder(journal: Path, spare: Path) -> None:
    """Move the whole folder."""
    journal.parent.rename(spare)


def remove_log(journal: Path, spare: Path) -> None:
    """Remove the log beside it."""
    Path(f"{journal}-wal").unlink()


@pytest.mark.parametrize("happens", [remove, move, replace, move_folder, remove_log])
@pytest.mark.parametrize("paused", [False, True])
async def test_a_file_that_changes_under_a_run(tmp_path: Path, happens: Callable[..., None], paused: bool) -> None:
    """The run stops before the next claim, and within a second if nobody is claimed."""
    folder = tmp_path / "work"
    folder.mkdir()
    ours, platform = campaign(folder / "x.sqlite", in_flight=2), Platform()

    async def step() -> None:
        await anyio.sleep(0.001)

    platform.script.extend([step] * 20)
    with pytest.raises(JournalError, match="moved, removed or replaced"):
        async with ours.run(platform, NUMBERS, reminder) as outcomes:
            for _ in range(5):
                await anext(outcomes)
            if paused:
                outcomes.pause()
            happens(folder / "x.sqlite", tmp_path / "spare")
            with anyio.fail_after(300):
                await outcomes.wait()
    assert platform.rang.total() < 40


async def test_a_journal_without_its_log(tmp_path: Path) -> None:
    """A file that was moved away from its log after a crash is refused, by the name of what is missing."""
    path, elsewhere = tmp_path / "x.sqlite", tmp_path / "elsewhere"
    elsewhere.mkdir()
    journal = SqliteJournal(path)
    await journal.open("x")
    await journal.enqueue([Contact(NUMBERS[0])], 0.0)
    shutil.copy(path, elsewhere / "x.sqlite")
    with pytest.raises(JournalError, match=r"x\.sqlite-wal that belongs to it is missing"):
        await campaign(elsewhere / "x.sqlite").report()
    # A copy that failed leaves an empty log, or the header of one.
    for length in (0, 32, 56):
        (elsewhere / "x.sqlite-wal").write_bytes(Path(f"{path}-wal").read_bytes()[:length])
        with pytest.raises(JournalError, match=r"x\.sqlite-wal that belongs to it is missing"):
            await campaign(elsewhere / "x.sqlite").report()
    shutil.copy(f"{path}-wal", elsewhere / "x.sqlite-wal")
    assert (await campaign(elsewhere / "x.sqlite").report()).contacts == 1
    await journal.close()
    assert not Path(f"{path}-wal").exists()
    shutil.copy(path, elsewhere / "y.sqlite")
    assert (await campaign(elsewhere / "y.sqlite").report()).contacts == 1


async def test_a_journal_by_a_second_name(tmp_path: Path) -> None:
    """A hard link is the same journal: refused while the first name is open; a symbolic link is refused to a run."""
    path, link, pointer = tmp_path / "x.sqlite", tmp_path / "hard.sqlite", tmp_path / "soft.sqlite"
    async with campaign(path).run(Platform(), iter(NUMBERS[:1]), reminder) as outcomes:
        os.link(path, link)
        pointer.symlink_to(path)
        with pytest.raises(JournalError, match="missing"):
            await campaign(link).run(Platform(), None, reminder).__aenter__()
        with pytest.raises(JournalError, match="another run dials"):
            await campaign(pointer).run(Platform(), None, reminder).__aenter__()
        assert (await campaign(pointer).report()).contacts <= 1
        await outcomes.wait()
    assert (await campaign(link).report()).contacts == 1


async def test_an_empty_file_is_no_journal(tmp_path: Path) -> None:
    """It may be a failed copy: it is not begun anew."""
    (tmp_path / "x.sqlite").touch()
    with pytest.raises(JournalError, match="the file is empty"):
        await campaign(tmp_path / "x.sqlite").run(Platform(), NUMBERS, reminder).__aenter__()
    with pytest.raises(JournalError, match="the file is empty"):
        await kept(tmp_path / "x.sqlite")
    assert (tmp_path / "x.sqlite").stat().st_size == 0


async def test_a_pipe_is_no_journal(tmp_path: Path) -> None:
    """It is refused at once: nothing waits for its other end."""
    os.mkfifo(tmp_path / "x.sqlite")
    with pytest.raises(JournalError, match="not a regular file"):
        await SqliteJournal(tmp_path / "x.sqlite").open("x")


KILLED = """
import anyio, os, sys
from sinch_voice_async.dialer import SqliteJournal

async def run():
    await SqliteJournal(sys.argv[1]).open("x")
    os._exit(0)

anyio.run(run)
"""


def killed(journal: Path) -> None:
    """Make a journal whose program was killed: it needs the log beside it."""
    subprocess.run([sys.executable, "-c", KILLED, str(journal)], check=True)
    assert Path(f"{journal}-wal").exists()


async def test_an_open_that_is_refused_leaves_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a crash a wrong name, or a disk that fails, costs nothing: the journal opens with its log afterwards."""
    path = tmp_path / "x.sqlite"
    killed(path)
    with pytest.raises(JournalError, match="it is of the campaign 'x', not 'y'"):
        await SqliteJournal(path).open("y")

    def refuse(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    for step in ("_mark", "_migrate"):
        with monkeypatch.context() as patched, pytest.raises(JournalError, match="disk I/O error"):
            patched.setattr(journal_file.JournalFile, step, refuse)
            await SqliteJournal(path).open("x")
    connect = journal_file.JournalFile._connect
    opened: list[str] = []

    def fail_once(file: journal_file.JournalFile, mode: str) -> sqlite3.Connection:
        opened.append(mode)
        if opened == ["rw", "ro"]:
            raise sqlite3.OperationalError("too many open files")
        return connect(file, mode)

    with monkeypatch.context() as patched, pytest.raises(JournalError, match="too many open files"):
        patched.setattr(journal_file.JournalFile, "_connect", fail_once)
        await SqliteJournal(path).open("x")
    journal = SqliteJournal(path)
    await journal.open("x")
    await journal.close()
    assert [each.name for each in tmp_path.iterdir()] == ["x.sqlite"]


async def test_a_log_that_was_left_behind(tmp_path: Path) -> None:
    """A journal that was moved away after a crash leaves its log: no new journal begins with the claims of another."""
    path = tmp_path / "x.sqlite"
    killed(path)
    path.rename(tmp_path / "kept.sqlite")
    with pytest.raises(JournalError, match=r"it is gone, and its log x\.sqlite-wal is still there"):
        await SqliteJournal(path).open("x")
    assert not path.exists()
    (tmp_path / "kept.sqlite").rename(path)
    journal = SqliteJournal(path)
    await journal.open("x")
    await journal.close()
    path.unlink()
    Path(f"{path}-wal").touch()  # an empty log has nothing of another
    await journal.open("x")
    await journal.close()


async def test_a_journal_that_is_emptied_under_a_run(tmp_path: Path) -> None:
    """The name and the inode are the same, and the content is gone."""
    path = tmp_path / "x.sqlite"
    journal = SqliteJournal(path)
    await journal.open("x")
    await journal.check()
    os.truncate(path, 0)
    with pytest.raises(JournalError, match="emptied while it was open"):
        await journal.check()
    await journal.close()


@pytest.mark.parametrize("has_log", [True, False])
async def test_a_log_has_what_the_file_lacks(tmp_path: Path, has_log: bool) -> None:
    """A file whose pages were being written when the machine stopped is read together with its log, if it has one."""
    path = tmp_path / "x.sqlite"
    killed(path)
    if not has_log:
        Path(f"{path}-wal").unlink()
    with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as connection:
        page = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'campaign'").fetchone()[0]
    content = bytearray(path.read_bytes())
    content[(page - 1) * 4096 : page * 4096] = bytes(4096)
    path.write_bytes(content)
    journal = SqliteJournal(path)
    if not has_log:
        with pytest.raises(JournalError, match="damaged"):
            await journal.open("x")
        return
    await journal.open("x")
    assert await journal.name() == "x"
    await journal.close()


async def test_files_are_private(tmp_path: Path) -> None:
    """The journal, its log, and a journal that a former version made for all to read."""
    path = tmp_path / "x.sqlite"
    async with campaign(path).run(Platform(), NUMBERS[:3], reminder) as outcomes:
        await outcomes.wait()
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()}
    assert {*modes.values()} == {0o600}, modes
    assert {*modes} == {"x.sqlite", "x.sqlite-wal", "x.sqlite-shm"}
    path.chmod(0o644)
    await campaign(path).report()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("table", ["contact", "contact_due", "sqlite_autoindex_contact_1"])
async def test_damage_is_found_before_anybody_is_called(tmp_path: Path, table: str) -> None:
    """Half a page of zeros in the table or in an index: neither report nor run nor preview believes it."""
    path, platform = tmp_path / "x.sqlite", Platform()
    await campaign(path).enqueue(NUMBERS[:3])
    with sqlite3.connect(path) as database:
        size = database.execute("PRAGMA page_size").fetchone()[0]
        root = database.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]
    database.close()
    with path.open("r+b") as file:
        file.seek(root * size - size // 2)
        file.write(bytes(size // 2))
    for look in (campaign(path).report, lambda: campaign(path).preview(None, reminder)):
        with pytest.raises(JournalError, match="damaged"):
            await look()
    with pytest.raises(JournalError, match="damaged"):
        await campaign(path).run(platform, None, reminder).__aenter__()
    assert not platform.headers


async def test_a_row_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """Whoever reads it: it does not count as one that may be dialled, and nothing of it is shown."""
    path = tmp_path / "x.sqlite"
    await campaign(path).enqueue(NUMBERS[:1])
    with sqlite3.connect(path) as database:
        database.execute("UPDATE contact SET fields = 'no JSON'")
    database.close()
    with pytest.raises(JournalError, match="a row cannot be read") as caught:
        [each async for each in campaign(path).outcomes()]
    assert "4670000" not in str(caught.value)


async def test_a_large_journal_is_looked_at_quickly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Indices are not compared with their table then; pages are."""
    monkeypatch.setattr(journal_file, "_SMALL", 1)
    await campaign(tmp_path / "x.sqlite").enqueue(NUMBERS)
    assert (await campaign(tmp_path / "x.sqlite").report()).contacts == 300


async def test_a_journal_of_version_1(tmp_path: Path) -> None:
    """It is brought to this version, with everything that it had."""
    path = tmp_path / "x.sqlite"
    with sqlite3.connect(path) as database:
        database.executescript(V1)
    database.close()
    assert await kept(path) == KeptCampaign("x", {})
    report = await campaign(path).report()
    assert report.states == {ContactState.TODO: 1, ContactState.DONE: 1}
    assert ({**report.spent}.popitem()[0], report.broken_rows) == ("EUR", 1)
    await report.write_csv(tmp_path / "r.csv")
    assert (tmp_path / "r.csv").read_text("utf-8").splitlines()[0].endswith("note,line,name,ref")
    platform = Platform()
    async with campaign(path).run(platform, NUMBERS[1:2], reminder) as outcomes:
        await outcomes.wait()
    assert {*platform.rang} == {NUMBERS[1]}


async def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    """The journal is of version 1 as before."""
    path = tmp_path / "x.sqlite"
    with sqlite3.connect(path) as database:
        database.executescript(V1 + "DROP TABLE broken;")
    database.close()
    with pytest.raises(JournalError, match="broken"):
        await campaign(path).report()
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM contact").fetchone() == (2,)
        assert database.execute("PRAGMA user_version").fetchone() == (1,)
    database.close()


async def test_what_a_journal_keeps(tmp_path: Path) -> None:
    """Its name and the options of its campaign; nothing is made by asking."""
    path = tmp_path / "x.sqlite"
    assert await kept(path) is None
    assert not path.exists()
    ours = campaign(path, options={"text": "Hi"}, until=None, spend_limit=5, follow="callbacks", country="SE")
    async with ours.run(Platform(), [], reminder) as outcomes:
        await outcomes.wait()
    found = await kept(str(path))
    assert found is not None
    assert found.name == "x"
    wanted = {"spend_limit": "5", "follow": "callbacks", "country": "SE", "options.text": "Hi"}
    assert {name: value for name, value in found.options.items() if name != "callout"} == wanted

    class Own:
        """A journal of the user's own."""

        async def claim(self, claim: Claim) -> Outcome | None:
            """Claim nobody."""

    assert await kept(Own()) is None  # type: ignore[arg-type]


async def test_a_program_may_change_its_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path means the same file as when the campaign was made."""
    monkeypatch.chdir(tmp_path)
    ours = campaign(Path("x.sqlite"))
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    await ours.enqueue(NUMBERS[:1])
    assert (tmp_path / "x.sqlite").exists()


async def test_two_programs_make_one_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes second takes the file of the first, and leaves nothing behind."""
    first, second = SqliteJournal(tmp_path / "x.sqlite"), SqliteJournal(tmp_path / "x.sqlite")
    await first.open("x")
    await first.enqueue([Contact(NUMBERS[0])], 0.0)
    monkeypatch.setattr(os.path, "lexists", lambda path: False)
    await second.open("x")
    assert len(await second.page(None)) == 1
    await first.close()
    await second.close()
    assert [each.name for each in tmp_path.iterdir()] == ["x.sqlite"]


async def test_whether_a_run_dials_is_asked_without_a_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Known of this process and of others, and to ask hinders no run."""
    first, second = SqliteJournal(tmp_path / "x.sqlite"), SqliteJournal(tmp_path / "x.sqlite")
    await first.open("x")
    inodes = {**journal_file._INODES}
    with monkeypatch.context() as another_process:
        another_process.setattr(journal_file, "_INODES", {})
        await second.open("x")
    assert (await first.is_dialing(), await second.is_dialing()) == (False, False)
    await first.begin(0.0)
    assert (await first.is_dialing(), await second.is_dialing()) == (True, True)
    await first.end()
    assert (await first.is_dialing(), await second.is_dialing()) == (False, False)
    await second.begin(0.0)
    with monkeypatch.context() as another_system:
        another_system.setattr(journal_file, "_LOCK_COMMAND", None)
        assert (await first.is_dialing(), await second.is_dialing()) == (None, True)
    assert inodes == journal_file._INODES
    await first.close()
    monkeypatch.setattr(journal_file, "_INODES", {each.key: each for each in [second._use().file._inode] if each})
    await second.close()


async def test_a_system_without_locks_of_inodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file beside the journal is the lock then."""
    monkeypatch.setattr(journal_file, "_LOCK_COMMAND", None)
    first, second = SqliteJournal(tmp_path / "x.sqlite"), SqliteJournal(tmp_path / "x.sqlite")
    await first.open("x")
    await second.open("x")
    await first.begin(0.0)
    with pytest.raises(JournalError, match="another run dials"):
        await second.begin(0.0)
    monkeypatch.setattr(journal_file, "_INODES", {})
    third = SqliteJournal(tmp_path / "x.sqlite")
    await third.open("x")
    with pytest.raises(JournalError, match="another run dials"):
        await third.begin(0.0)
    for each in (third, second, first):
        monkeypatch.setattr(journal_file, "_INODES", {each._use().file._inode.key: each._use().file._inode})  # type: ignore[union-attr]
        await each.close()


async def test_a_file_that_another_process_closes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is waited for, and then refused; a lock that the system refuses is an error of ours."""
    journal = SqliteJournal(tmp_path / "x.sqlite", wait=0.05)
    await journal.open("x")
    await journal.close()

    def busy(*arguments: object) -> None:
        raise BlockingIOError(11, "busy")

    def broken(*arguments: object) -> None:
        raise OSError(5, "input/output error")

    for fails, message in ((busy, "another process keeps it locked"), (broken, "input/output error")):
        monkeypatch.setattr("sinch_voice_async.dialer.sqlite.file.fcntl.fcntl", fails)
        with pytest.raises(JournalError, match=message):
            await journal.open("x")
    monkeypatch.undo()
    await journal.open("x")
    await journal.close()


@pytest.mark.parametrize(
    "journal",
    [
        "mysql://me:hunter2@db/calls",
        "sqlite:///x.sqlite",
        "me:hunter2@db/calls",
        "jdbc:postgresql://db/calls?password=hunter2",
        Path("postgresql://me:hunter2@db/calls"),
        "//me:hunter2@db/calls",
        "postgresql\uff1a//me:hunter2@db/calls",
        "'host=db password=hunter2'",
        "host:db password:hunter2",
        "Server=db;User Id=me;Pwd=hunter2",
        "Data Source=calls",
        "PGPASSWORD=hunter2 psql",
        "file:x.sqlite?mode=rwc",
        ":memory:",
        "  ",
        b"\0",
        "",
        7,
        None,
    ],
)
def test_what_is_no_journal(journal: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused before a file is made, and nothing of it is repeated."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        Campaign("x", journal=journal)
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ConfigurationError) as caught:
        SqliteJournal(journal)
    assert "hunter2" not in str(caught.value)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    "journal", ["host=db password=hunter2", "service=calls", "postgresql+psycopg://me:hunter2@db/c"]
)
def test_a_file_is_no_database(journal: str) -> None:
    """A journal in a file does not take the address of one for a name."""
    with pytest.raises(ConfigurationError, match="use PostgresJournal"):
        SqliteJournal(journal)


@pytest.mark.parametrize(
    "name", ["name=Ann.sqlite", "postgresql.sqlite", "a b.sqlite", "calls for host=x.sqlite", "c@d.sqlite"]
)
def test_names_of_files(name: str, tmp_path: Path) -> None:
    """A file may be named almost as an address is written."""
    assert SqliteJournal(tmp_path / name).path.name == name
