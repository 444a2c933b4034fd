"""A log that was cut, or is older than its journal, is refused: claims would be forgotten without a word."""

import os
import shutil
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinch_voice_async import JournalError
from sinch_voice_async.dialer import Claim, Contact, ContactState, SqliteJournal
from sinch_voice_async.dialer.sqlite import file as journal_file
from sinch_voice_async.dialer.sqlite import log as journal_log
from sinch_voice_async.dialer.sqlite.log import Reach

FRAME = 24 + 4096
CLAIMS = 6

pytestmark = pytest.mark.skipif(journal_file._LOCK_COMMAND is None, reason="no record without locks of inodes")


def number(at: int) -> str:
    """The number of a contact."""
    return f"+4670000{at:04}"


async def claim(journal: SqliteJournal, at: int) -> None:
    """Claim a contact."""
    assert await journal.claim(Claim(number=number(at), token=f"{at:032}", at=1.0))


def copied(journal: Path, name: str) -> Path:
    """A copy of a journal that is open, with its log: what a crash of the machine leaves."""
    copy = journal.with_name(name)
    shutil.copy(journal, copy)
    shutil.copy(f"{journal}-wal", f"{copy}-wal")
    return copy


async def crashed(folder: Path) -> Path:
    """A journal in which six contacts were claimed, one commit each, when the machine stopped."""
    folder.mkdir(exist_ok=True)
    journal = SqliteJournal(folder / "live.sqlite")
    await journal.open("x")
    await journal.add([(None, Contact(number(at))) for at in range(CLAIMS)], 1.0)
    for at in range(CLAIMS):
        await claim(journal, at)
    copy = copied(journal.path, "x.sqlite")
    await journal.close()
    return copy


async def claimed(path: Path) -> int:
    """How many contacts a journal knows as claimed."""
    journal = SqliteJournal(path)
    await journal.open("x")
    try:
        return sum(total.contacts for total in await journal.totals() if total.state is ContactState.DIALING)
    finally:
        await journal.close()


async def test_a_log_that_is_cut_anywhere(tmp_path: Path) -> None:
    """Wherever the log is cut: the journal is refused, left as it was, and whole again with the whole log."""
    path = await crashed(tmp_path)
    log = Path(f"{path}-wal")
    whole = log.read_bytes()
    frames = range(32, len(whole), FRAME)
    step = max(len(frames) // 6, 1)
    for length in [0, 31, *frames[::step], *(place + FRAME // 2 for place in frames[1::step]), len(whole) - 1]:
        log.write_bytes(whole[:length])
        with pytest.raises(JournalError, match=r"is missing|ends before its last commits"):
            await claimed(path)
        assert log.read_bytes() == whole[:length]
    log.write_bytes(whole)
    assert await claimed(path) == CLAIMS


async def test_a_log_that_is_damaged_inside(tmp_path: Path) -> None:
    """A page of zeros, or a header of them, ends the log for SQLite as a cut does."""
    path = await crashed(tmp_path)
    log = Path(f"{path}-wal")
    whole = log.read_bytes()
    middle = 32 + FRAME * (len(whole) // FRAME // 2)
    flipped = bytes([whole[middle + 24] ^ 1])
    for place, other in ((middle, bytes(FRAME)), (0, bytes(32)), (middle + 24, flipped)):
        log.write_bytes(whole[:place] + other + whole[place + len(other) :])
        with pytest.raises(JournalError, match="ends before its last commits"):
            await claimed(path)


async def test_a_log_of_another_time(tmp_path: Path) -> None:
    """An older log beside a newer journal is refused; a journal and a newer log fit."""
    journal = SqliteJournal(tmp_path / "live.sqlite")
    await journal.open("x")
    await journal.add([(None, Contact(number(at))) for at in range(CLAIMS)], 1.0)
    await claim(journal, 0)
    before = copied(journal.path, "before.sqlite")
    await claim(journal, 1)
    after = copied(journal.path, "after.sqlite")
    await journal.close()
    shutil.copy(f"{after}-wal", f"{before}-wal")
    assert await claimed(before) == 2

    again = await crashed(tmp_path / "again")
    old = tmp_path / "before.sqlite-wal"
    assert not old.exists()  # taken into the file when it was closed
    shutil.copy(f"{after}-wal", f"{again}-wal")
    with pytest.raises(JournalError, match="ends before its last commits"):
        await claimed(again)


async def test_the_log_begins_anew(tmp_path: Path) -> None:
    """SQLite reuses the log from its beginning; fewer pages in a newer log are no cut."""
    journal = SqliteJournal(tmp_path / "live.sqlite")
    await journal.open("x")
    await journal.add([(None, Contact(number(at))) for at in range(200)], 1.0)
    for at in range(150):
        await claim(journal, at)
    other = sqlite3.connect(journal.path)
    other.execute("PRAGMA wal_checkpoint(RESTART)")
    other.close()
    restarted = copied(journal.path, "restarted.sqlite")
    await claim(journal, 150)
    copy = copied(journal.path, "x.sqlite")
    await journal.close()
    assert await claimed(restarted) == 150
    assert await claimed(copy) == 151
    assert await claimed(journal.path) == 151


async def test_a_journal_of_a_former_release(tmp_path: Path) -> None:
    """A journal without the row gets it, and one whose row is elsewhere goes on without."""
    path = await crashed(tmp_path)
    assert await claimed(path) == CLAIMS  # and closes it: the file is whole now
    plain = sqlite3.connect(path, isolation_level=None)
    plain.execute("DROP TABLE log_record")
    plain.close()
    journal = SqliteJournal(path)
    await journal.open("x")
    copy = copied(path, "copy.sqlite")
    log = Path(f"{copy}-wal")
    await journal.close()
    os.truncate(log, log.stat().st_size - FRAME)
    with pytest.raises(JournalError, match="ends before its last commits"):
        await claimed(copy)


async def test_a_wrong_name_leaves_the_log(tmp_path: Path) -> None:
    """A journal that is refused for another reason keeps its log too, so that the right name finds everything."""
    path = await crashed(tmp_path)
    journal = SqliteJournal(path)
    with pytest.raises(JournalError, match="of the campaign 'x'"):
        await journal.open("another")
    assert Path(f"{path}-wal").stat().st_size
    assert await claimed(path) == CLAIMS


numbers = st.integers(0, 2**32 - 1)


@given(first=numbers, pages=st.integers(1, 10**6), fewer=st.integers(1, 10**6), steps=st.integers(1, 2**16 - 1))
def test_law_of_reaches(first: int, pages: int, fewer: int, steps: int) -> None:
    """A log loses something if it is older, or of the same time and shorter; it may begin anew again and again."""

    def salt(number: int) -> bytes:
        return (number % 2**32).to_bytes(4) + b"rest"

    before = Reach(salt(first), pages)
    assert not before.loses(before)
    assert before.loses(Reach(salt(first), max(pages - fewer, 0)))
    assert not before.loses(Reach(salt(first), pages + fewer))
    assert not before.loses(Reach(salt(first + steps), 0))
    assert before.loses(Reach(salt(first - steps), pages + fewer))
    assert before.loses(Reach(bytes(8), 0))


def test_what_cannot_be_read_is_no_record(tmp_path: Path) -> None:
    """A record that was torn, an index that is being changed, and a row that was moved are no information."""
    connection = sqlite3.connect(tmp_path / "x", isolation_level=None)
    connection.execute("CREATE TABLE contact (state TEXT, priority INTEGER)")
    journal_file._add_later(connection)
    index = tmp_path / "index"
    head = bytes(16) + (7).to_bytes(4, "little") + bytes(12) + b"saltsalt" + bytes(8)
    index.write_bytes(head + head)
    with (tmp_path / "x").open("r+b") as file, index.open("r+b") as shm:
        record = journal_log.LogRecord(connection, file.fileno(), shm.fileno())
        assert record.is_found
        assert record.read() is None
        record.keep()
        assert record.read() == Reach(b"saltsalt", 7)
        shm.seek(0)
        shm.write(b"x")
        shm.flush()
        assert record.now() is None
        record.keep()
        shm.truncate(10)
        assert record.now() is None
        place = record._place
        assert place is not None
        os.pwrite(file.fileno(), b"torn", place + 8)
        assert record.read() is None
        os.pwrite(file.fileno(), b"elsewhere", place)
        record.clear()
        assert os.pread(file.fileno(), 9, place) == b"elsewhere"
        assert not journal_log.LogRecord(connection, file.fileno(), shm.fileno()).is_found
        connection.execute("DROP TABLE log_record")
        nothing = journal_log.LogRecord(connection, file.fileno(), shm.fileno())
        assert nothing.read() is None
        nothing.clear()
    connection.close()


async def test_an_index_that_was_made_anew(tmp_path: Path) -> None:
    """The index goes with the last connection; the next one of this process looks at the new one."""
    journal = SqliteJournal(tmp_path / "x.sqlite")
    await journal.open("x")
    opened = journal._opened
    assert opened is not None
    inode = opened.file._inode
    assert inode is not None
    assert inode.index is not None
    former = os.open(tmp_path / "x.sqlite-wal", os.O_RDONLY)  # a descriptor of another file than the index
    kept, inode.index = inode.index, former
    assert opened.file._open_record(opened.connections[0]) is not None
    assert os.fstat(inode.index).st_ino == os.fstat(kept).st_ino
    await journal.close()
    os.close(kept)
