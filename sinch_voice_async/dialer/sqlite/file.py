"""The file of a journal: made privately and whole, locked by its inode, and watched as long as it is open.

Rules:

- A file appears under its name only when it is a journal. A file that is empty was not made by this module.
- Locks belong to the inode, so a hard link or a bind mount is the same journal. SQLite's own locks are dropped whenever
  the process closes a descriptor of the file; so one descriptor per inode stays open as long as a connection does.
- A mark in the file (``campaign.log``) says that the log beside it belongs to it. The mark is durable before the first
  change goes into the log, and it is taken back only when the file has everything and no other process has it open.
- A record in the file says how far that log reached (``log.py``), so that a log that was cut, or is older, is refused.
- A journal that is refused is left as it was found, with its log.
"""

import errno
import os
import sqlite3
import stat
import struct
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import ExitStack, closing, contextmanager, suppress
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from attrs import define, field

from sinch_voice_async import _files
from sinch_voice_async.dialer.sql import named_statements
from sinch_voice_async.dialer.sqlite.log import LogRecord
from sinch_voice_async.errors import JournalError

try:
    import fcntl
except ImportError:  # pragma: no cover  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["STATEMENTS", "JournalFile", "translated"]

_FOLDER = files("sinch_voice_async.dialer.sqlite")
STATEMENTS: Final = named_statements(_FOLDER.joinpath("statements.sql").read_text(encoding="utf-8"))

# "SVDJ": which program's file this is, for file(1) and for us.
_APPLICATION: Final = 0x5356444A
_VERSION: Final = 2
_SMALL: Final = 64 * 1024 * 1024
_SMALLEST_LOG: Final = 32 + 24 + 512
_PAUSE: Final = 0.02
_JUST_NOW: Final = 1_000_000_000
# Two bytes far behind the end of any journal, and away from those that SQLite locks.
_DIALING: Final = 1 << 60
_OPENED: Final = _DIALING + 1
_OPENING: Final = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
_LOCK_COMMAND: Any = getattr(fcntl, "F_OFD_SETLK", None)
_REASONS: Final = {
    "SQLITE_FULL": "the disk is full",
    "SQLITE_CORRUPT": "it is damaged; restore it from a backup",
    "SQLITE_NOTADB": "it is not a journal",
    "SQLITE_CANTOPEN": "it cannot be opened; does the directory exist?",
    "SQLITE_READONLY": "it cannot be written",
    "SQLITE_IOERR": "the disk cannot be read or written",
}
_LOG_MISSING: Final = (
    "that belongs to it is missing, and with it the last claims; move it here too, or use the name under which the "
    "journal is open. (If another program took the log into the journal, as sqlite3 does, set campaign.log to 0 in it.)"
)
_LOG_CUT: Final = (
    "ends before its last commits, or is older than the journal, so claims are missing; copy the journal and its log "
    "again, while no program has them open"
)
_ANOTHER_RUN: Final = "another run dials from it, and only one may"


@contextmanager
def translated(path: Path) -> Generator[None, None, None]:
    """Raise errors of SQLite and of the system as ``JournalError``."""
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", None) or ""
        primary = "_".join(name.split("_")[:2])
        reason = "another process keeps it locked" if primary == "SQLITE_BUSY" else _REASONS.get(primary, error)
        raise JournalError(f"the journal {path}: {reason}") from error
    except OSError as error:
        said = _REASONS["SQLITE_CANTOPEN"] if error.errno == errno.ENOENT else error.strerror
        raise JournalError(f"the journal {path}: {said}") from error


@define(eq=False)
class _Inode:
    """An open file of this process, shared by all journals on it."""

    key: tuple[int, int]
    descriptor: int
    users: int = 0
    is_checked: bool = False
    is_dialing: bool = False
    index: int | None = None
    guard: threading.RLock = field(factory=threading.RLock)


_INODES: Final[dict[tuple[int, int], _Inode]] = {}
_GUARD: Final = threading.RLock()


class JournalFile:
    """The file of one open journal. Its methods block; call them in a worker thread.

    :raises JournalError: see :meth:`open`.
    """

    def __init__(self, path: Path, *, wait: float) -> None:
        self.path = path
        self._wait = wait
        self._inode: _Inode | None = None
        self._log: Path = path
        self._log_inode: int | None = None
        self._record: LogRecord | None = None
        self._run: sqlite3.Connection | None = None
        self._is_dialing = False

    def open(self, campaign: str | None) -> tuple[sqlite3.Connection, sqlite3.Connection]:
        """Return a connection that writes and one that reads; make the file if it is missing.

        None opens the journal of whatever campaign it is, and makes none.

        :raises JournalError: the file is empty, damaged, incomplete, locked, or of another program or campaign.
        """
        if campaign is not None and not os.path.lexists(self.path):
            self._check_left_behind()
            self._create(campaign)
        # SQLite names the log after the real file, not after a symbolic link to it.
        self._log = Path(f"{os.path.realpath(self.path)}-wal")
        inode = self._inode = self._enter()
        opened: list[sqlite3.Connection] = []
        try:
            with inode.guard:
                opened.append(self._open_writer(inode, campaign))
                opened.append(self._connect("ro"))
        except BaseException:
            self.close(*opened)
            raise
        return opened[0], opened[1]

    def _connect(self, mode: str) -> sqlite3.Connection:
        """Return a connection that reads or writes, used from one thread at a time, whichever it is."""
        address = f"{self.path.as_uri()}?mode={mode}"
        connection = sqlite3.connect(
            address, uri=True, timeout=self._wait, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        return connection

    def close(self, *connections: sqlite3.Connection) -> None:
        """Close the connections, and leave one whole file if no other process has it open.

        SQLite takes the log into the file and removes it when the last connection closes, unless that one only reads.
        So the mark is taken back first; if that fails, the reader closes last, and the log stays.
        """
        self.unlock()
        inode = self._inode
        assert inode is not None
        with inode.guard:
            if len(connections) == 1:
                self._close_with_log(connections[0])
            else:
                is_whole = bool(connections) and self._unmark(inode, connections[0])
                for connection in reversed(connections) if is_whole else connections:
                    connection.close()
            self._leave(inode)
        self._inode = None

    def _unmark(self, inode: _Inode, writer: sqlite3.Connection) -> bool:
        """Take back the mark if this is the last user of the file; say whether that was done."""
        if inode.users > 1 or not self._lock(inode, _OPENED, exclusive=True, wait=0.0):
            return False
        try:
            self.verify()
            writer.execute("PRAGMA wal_checkpoint(RESTART)")
            writer.execute("UPDATE campaign SET log = 0")
            if self._record is not None:
                self._record.clear()
        except (sqlite3.Error, JournalError):
            return False
        return True

    def verify(self) -> None:
        """Check that the path still leads to the file that is open, with its log.

        :raises JournalError: it was moved, removed or replaced.
        """
        inode = self._inode
        assert inode is not None
        if _key_of(self.path) != inode.key:
            raise JournalError(f"the journal {self.path}: it was moved, removed or replaced while it was open")
        if not os.fstat(inode.descriptor).st_size:
            raise JournalError(f"the journal {self.path}: it was emptied while it was open")
        if self._log_inode is not None and _inode_of(self._log) != self._log_inode:
            raise JournalError(f"the journal {self.path}: its log {self._log.name} was moved, removed or replaced")

    def committed(self) -> None:
        """Write down how far the log reaches; call it when a commit is on the disk."""
        if self._record is not None:
            self._record.keep()

    def stamp(self) -> int | None:
        """Return when the log was last written, None if that was just now: a change may follow under the same time."""
        with suppress(OSError):
            written = self._log.stat().st_mtime_ns
            if time.time_ns() - written > _JUST_NOW:
                return written
        return None

    def lock(self) -> None:
        """Take the right to dial, which lasts until :meth:`unlock` or the end of the process.

        :raises JournalError: another run has it.
        """
        inode = self._inode
        assert inode is not None
        with inode.guard:
            if inode.is_dialing or not self._lock(inode, _DIALING, exclusive=True, wait=0.0):
                raise JournalError(f"the journal {self.path}: {_ANOTHER_RUN}")
            inode.is_dialing = self._is_dialing = True
            if _LOCK_COMMAND is None:
                self._run = self._lock_beside()

    def unlock(self) -> None:
        """Give up the right to dial."""
        if self._run is not None:
            self._run.close()
            self._run = None
        if self._inode is not None and self._is_dialing:
            self._set(self._inode, _DIALING, unlock=True)
            self._inode.is_dialing = self._is_dialing = False

    def is_dialing(self) -> bool | None:
        """Say whether a run of any process has the right to dial; None if this system cannot tell."""
        inode = self._inode
        assert inode is not None
        if inode.is_dialing or _LOCK_COMMAND is None:
            return inode.is_dialing or None
        assert fcntl is not None  # as its lock command is there
        # To ask takes no lock, so that a run that begins at this moment is not refused.
        wanted = struct.pack("@hhqqi0q", fcntl.F_WRLCK, os.SEEK_SET, _DIALING, 1, 0)
        held: int = struct.unpack_from("@h", fcntl.fcntl(inode.descriptor, fcntl.F_OFD_GETLK, wanted))[0]
        return held != fcntl.F_UNLCK

    def examine(self, connection: sqlite3.Connection) -> None:
        """Look for damage: indices are compared with their tables too if the file is not large.

        :raises JournalError: there is some.
        """
        check = "integrity_check" if self.path.stat().st_size < _SMALL else "quick_check"
        found = connection.execute(f"PRAGMA {check}(1)").fetchone()[0]
        if found != "ok":
            raise JournalError(f"the journal {self.path}: {_REASONS['SQLITE_CORRUPT']}")

    def _check_left_behind(self) -> None:
        """Look for the log of a journal that is gone: SQLite would take it for that of a new one.

        :raises JournalError: there is one.
        """
        log = Path(f"{self.path}-wal")
        with suppress(FileNotFoundError):
            # Another process may be making the journal right now.
            if log.stat().st_size and _key_of(self.path) is None:
                raise JournalError(
                    f"the journal {self.path}: it is gone, and its log {log.name} is still there; move the journal "
                    "back, or move the log away to begin anew"
                )

    def _create(self, campaign: str) -> None:
        """Make a whole journal under another name, and link it to its own: half of it is never seen."""
        descriptor, made = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.", suffix=".new")
        os.close(descriptor)
        try:
            connection = sqlite3.connect(made, isolation_level=None)
            try:
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("BEGIN IMMEDIATE")
                _make(connection, campaign)
                connection.execute("COMMIT")
            finally:
                connection.close()
            # Another process may have been first: then its file is the journal.
            with suppress(FileExistsError):
                _files.place(Path(made), self.path, overwrite=False)
        finally:
            with suppress(FileNotFoundError):
                Path(made).unlink()

    def _enter(self) -> _Inode:
        with _GUARD:
            key = _key_of(self.path)
            inode = _INODES.get(key) if key is not None else None
            if inode is None:
                descriptor = os.open(self.path, _OPENING)
                try:
                    self._check_header(descriptor)
                except BaseException:
                    os.close(descriptor)
                    raise
                found = os.fstat(descriptor)
                inode = _Inode((found.st_dev, found.st_ino), descriptor)
                _INODES[inode.key] = inode
                _files.OPEN_DATABASES[id(inode)] = inode.key
            inode.users += 1
        with inode.guard:
            if not self._lock(inode, _OPENED, exclusive=False, wait=self._wait):
                self._leave(inode)
                raise JournalError(f"the journal {self.path}: another process keeps it locked")
        return inode

    def _leave(self, inode: _Inode) -> None:
        with _GUARD:
            inode.users -= 1
            if not inode.users:
                del _INODES[inode.key]
                _files.OPEN_DATABASES.pop(id(inode))
                os.close(inode.descriptor)
                if inode.index is not None:
                    os.close(inode.index)

    def _check_header(self, descriptor: int) -> None:
        """Check whose file it is before SQLite opens it, and change nothing about the file of another program."""
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise JournalError(f"the journal {self.path}: it is not a regular file")
        if found.st_size == 0:
            raise JournalError(f"the journal {self.path}: the file is empty, so it is not a journal")
        header = _files.application_of(descriptor)
        if header is None:
            raise JournalError(f"the journal {self.path}: {_REASONS['SQLITE_NOTADB']}")
        if header[0] != _APPLICATION:
            raise JournalError(f"the journal {self.path}: it is a database of another program")

    def _open_writer(self, inode: _Inode, campaign: str | None) -> sqlite3.Connection:
        self._check_alone(inode, campaign)
        # A former version made journals that all users may read; SQLite gives the log the mode of the file.
        _files.make_private(inode.descriptor)
        connection = self._connect("rw")
        try:
            self._check(connection)
            self._check_reach(connection)
            self._check_name(connection, campaign)
            connection.execute("PRAGMA synchronous = FULL")
            self._migrate(connection)
            self._mark(connection)
        except BaseException:
            self._close_with_log(connection)
            raise
        inode.is_checked = True
        return connection

    def _close_with_log(self, connection: sqlite3.Connection) -> None:
        """Close a connection, and leave the log beside the file: a reader that closes last does not take it in."""
        with ExitStack() as after, suppress(sqlite3.Error):
            reader = after.enter_context(closing(self._connect("ro")))
            after.callback(connection.close)  # before the reader
            reader.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        connection.close()

    def _check_reach(self, connection: sqlite3.Connection) -> None:
        """Compare the log with the record of how far it reached.

        :raises JournalError: commits are missing from it.
        """
        if _LOCK_COMMAND is None or connection.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
            return
        needs_log = connection.execute("SELECT log FROM campaign").fetchone()[0]
        if (record := self._open_record(connection)) is None or not needs_log:
            return
        before, now = record.read(), record.now()
        if before is not None and now is not None and before.loses(now):
            raise JournalError(f"the journal {self.path}: its log {self._log.name} {_LOG_CUT}")

    def _open_record(self, connection: sqlite3.Connection) -> LogRecord | None:
        """Return the record, None if the file has no log now.

        Its descriptor of the index is shared like that of the file: to close it would drop the locks of SQLite.
        """
        inode, index = self._inode, Path(f"{os.path.realpath(self.path)}-shm")
        assert inode is not None
        key = _inode_of(index)
        if inode.index is not None and os.fstat(inode.index).st_ino != key:
            os.close(inode.index)
            inode.index = None
        if inode.index is None and key is not None:
            inode.index = os.open(index, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        return None if inode.index is None else LogRecord(connection, inode.descriptor, inode.index)

    def _check(self, connection: sqlite3.Connection) -> None:
        if (version := connection.execute("PRAGMA user_version").fetchone()[0]) not in (1, _VERSION):
            raise JournalError(
                f"the journal {self.path}: it is of version {version}, and this program reads {_VERSION}"
            )

    def _check_name(self, connection: sqlite3.Connection, campaign: str | None) -> None:
        name = connection.execute("SELECT name FROM campaign").fetchone()[0]
        if campaign is not None and name != campaign:
            raise JournalError(
                f"the journal {self.path}: it is of the campaign {name!r}, not {campaign!r}; give that name"
            )

    def _migrate(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            if connection.execute("PRAGMA user_version").fetchone()[0] == 1:
                script = _FOLDER.joinpath("migrate_1.sql").read_text(encoding="utf-8")
                schema = _FOLDER.joinpath("schema.sql").read_text(encoding="utf-8")
                _run(connection, script.replace("-- here: schema", schema))
                connection.execute(f"PRAGMA user_version = {_VERSION}")
            _add_later(connection)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def _check_alone(self, inode: _Inode, campaign: str | None) -> None:
        """Check the file by itself, and whether the log that it needs is there, without touching either."""
        # The mark itself went through the log: less than its header and a page is what a failed copy leaves.
        has_log = self._log.exists() and self._log.stat().st_size >= _SMALLEST_LOG
        if has_log and inode.is_checked:
            return
        connection = sqlite3.connect(f"{Path(os.path.realpath(self.path)).as_uri()}?immutable=1", uri=True)
        try:
            self._check(connection)
            self._check_name(connection, campaign)
            needs = connection.execute("PRAGMA user_version").fetchone()[0] == _VERSION
            if has_log or not needs or not connection.execute("SELECT log FROM campaign").fetchone()[0]:
                return
        except sqlite3.Error:
            if has_log:
                return  # the log may have what the file lacks: SQLite looks at both
            raise
        finally:
            connection.close()
        raise JournalError(f"the journal {self.path}: the file {self._log.name} {_LOG_MISSING}")

    def _mark(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("SELECT count(*) FROM field").fetchone()  # so that the log is there
        self._log_inode = _inode_of(self._log)
        if _LOCK_COMMAND is None:
            return
        record = self._open_record(connection)
        is_marked = connection.execute("SELECT log FROM campaign").fetchone()[0]
        if record is not None and not is_marked:
            record.clear()
        if not is_marked:
            connection.execute("UPDATE campaign SET log = 1")
        if not is_marked or record is None or not record.is_found:
            connection.execute("PRAGMA wal_checkpoint(FULL)")
        self._record = self._open_record(connection)
        self.committed()

    def _lock(self, inode: _Inode, byte: int, *, exclusive: bool, wait: float) -> bool:
        """Lock a byte of the file, and say whether it was free within so many seconds."""
        until = time.monotonic() + wait
        while not self._set(inode, byte, exclusive=exclusive):
            if time.monotonic() >= until:
                return False
            time.sleep(_PAUSE)
        return True

    def _set(self, inode: _Inode, byte: int, *, exclusive: bool = False, unlock: bool = False) -> bool:
        if _LOCK_COMMAND is None:
            return True
        assert fcntl is not None  # as its lock command is there
        kind = fcntl.F_UNLCK if unlock else fcntl.F_WRLCK if exclusive else fcntl.F_RDLCK
        try:
            fcntl.fcntl(inode.descriptor, _LOCK_COMMAND, struct.pack("@hhqqi0q", kind, os.SEEK_SET, byte, 1, 0))
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES):
                return False
            raise
        return True

    def _lock_beside(self) -> sqlite3.Connection:
        """Return a connection that holds the right to dial by a file beside the journal, for systems without locks."""
        connection = sqlite3.connect(f"{self.path}-run", timeout=0, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error:
            connection.close()
            raise JournalError(f"the journal {self.path}: {_ANOTHER_RUN}") from None
        return connection


def _make(connection: sqlite3.Connection, campaign: str) -> None:
    _run(connection, _FOLDER.joinpath("schema.sql").read_text(encoding="utf-8"))
    connection.execute("INSERT INTO campaign (name, listing, log) VALUES (?, 0, 0)", (campaign,))
    _add_later(connection)
    connection.execute(f"PRAGMA application_id = {_APPLICATION}")
    connection.execute(f"PRAGMA user_version = {_VERSION}")


def _add_later(connection: sqlite3.Connection) -> None:
    """Make what journals of this version got later."""
    if "priority" not in {name for _, name, *_ in connection.execute("PRAGMA table_info(contact)")}:
        _run(connection, _FOLDER.joinpath("add_priority.sql").read_text(encoding="utf-8"))
    _run(connection, _FOLDER.joinpath("additions.sql").read_text(encoding="utf-8"))


def _run(connection: sqlite3.Connection, script: str) -> None:
    # Not ``executescript``, which commits first.
    for statement in script.split(";\n\n"):
        connection.execute(statement)


def _key_of(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _inode_of(path: Path) -> int | None:
    key = _key_of(path)
    return None if key is None else key[1]
