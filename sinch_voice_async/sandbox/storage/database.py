"""A SQLite file with values by kind and name, each a text and perhaps bytes.

One sandbox at a time has the file; a second one gets an error. What was written survives the end of the process, but
perhaps not a power failure.
"""

import os
import sqlite3
import stat
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

__all__ = ["Database", "Thing"]

APPLICATION = 0x53_56_41_53
SCHEMA = 1
TABLE = """CREATE TABLE kept (
    kind TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, content BLOB, PRIMARY KEY (kind, name)
)"""
SAVE = """INSERT INTO kept VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET value = excluded.value, content = excluded.content"""
NOT_A_DATABASE, DAMAGED, IN_USE = 26, 11, 5


class Thing(NamedTuple):
    """One value that is kept."""

    kind: str
    name: str
    value: str
    content: bytes | None = None


class Database:
    """An open file, which is created if it does not exist.

    Raises ValueError if the file is not that of a sandbox or has another version, and OSError if it cannot be opened.
    """

    def __init__(self, path: str | Path) -> None:
        self._lock = threading.Lock()
        self._connection = _open(path)

    def load(self, kind: str) -> list[Thing]:
        """Return the values of one kind, in the order in which they were first saved."""
        rows = self._connection.execute("SELECT * FROM kept WHERE kind = ? ORDER BY rowid", (kind,))
        return [Thing(*row) for row in rows]

    def write(self, *, save: Iterable[Thing] = (), forget: Iterable[tuple[str, str]] = ()) -> None:
        """Save values and delete others, by kind and name, in one transaction. Raises sqlite3.Error."""
        with self._lock, self._connection:
            self._connection.execute("BEGIN")
            self._connection.executemany("DELETE FROM kept WHERE kind = ? AND name = ?", forget)
            self._connection.executemany(SAVE, save)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()


def _open(path: str | Path) -> sqlite3.Connection:
    _make_private(path)
    connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        _prepare(connection, path)
    except (sqlite3.Error, ValueError) as error:
        connection.close()
        raise _explained(error, path) from None
    return connection


def _make_private(path: str | Path) -> None:
    """Create the file, or take an existing one, for its owner alone: it holds a secret and what was said in calls."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        file = os.open(path, flags, 0o600)
    except OSError as error:
        raise OSError(error.errno, f"{path} cannot be opened for writing: {error.strerror}") from None
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            raise OSError(f"{path} cannot be opened for writing: it is not a regular file with one name")
        if hasattr(os, "fchmod") and found.st_mode & 0o077:
            os.fchmod(file, 0o600)
    finally:
        os.close(file)


def _prepare(connection: sqlite3.Connection, path: str | Path) -> None:
    [application] = connection.execute("PRAGMA application_id").fetchone()
    [schema] = connection.execute("PRAGMA user_version").fetchone()
    [tables] = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION and (application or tables):
        raise ValueError(f"{path} is a database of something else than a sandbox")
    if application == APPLICATION and schema != SCHEMA:
        raise ValueError(f"{path} was written by another version of the sandbox: its schema is {schema}, not {SCHEMA}")
    for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = NORMAL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("BEGIN IMMEDIATE")
    if not tables:
        connection.execute(TABLE)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {SCHEMA}")
    connection.execute("COMMIT")


def _explained(error: sqlite3.Error | ValueError, path: str | Path) -> OSError | ValueError:
    if isinstance(error, ValueError):
        return error
    match error.sqlite_errorcode & 0xFF:
        case code if code == NOT_A_DATABASE:
            return ValueError(f"{path} is not a SQLite database")
        case code if code == DAMAGED:
            return ValueError(f"{path} is a damaged database")
        case code if code == IN_USE:
            return OSError(f"{path} is in use by another sandbox")
        case _:
            return OSError(f"{path} cannot be opened for writing: {error}")
