"""Opening a journal's file: made where it is missing, and refused where it is not this campaign's."""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sinch_voice_async.dialer.sqlite.statements import SCHEMA
from sinch_voice_async.errors import JournalError

__all__ = ["connect", "lock", "open_writer", "translated"]

# "SVDJ": which program's file this is, for file(1) and for us.
_APPLICATION: Final = 0x5356444A
_VERSION: Final = 1
_REASONS: Final = {
    "SQLITE_FULL": "the disk is full",
    "SQLITE_CORRUPT": "it is damaged",
    "SQLITE_NOTADB": "it is no journal",
    "SQLITE_CANTOPEN": "it cannot be opened; is there such a directory?",
    "SQLITE_READONLY": "it cannot be written",
}


@contextmanager
def translated(path: Path, *, busy: str = "another process keeps it locked") -> Generator[None, None, None]:
    """Let what SQLite raises come out as ``JournalError``; ``busy`` is what it means that somebody has locked it."""
    try:
        yield
    except sqlite3.Error as problem:
        name = getattr(problem, "sqlite_errorname", None) or ""
        primary = "_".join(name.split("_")[:2])
        reason = busy if primary == "SQLITE_BUSY" else _REASONS.get(primary, problem)
        raise JournalError(f"the journal {path}: {reason}") from problem


def connect(path: Path, *, wait: float) -> sqlite3.Connection:
    """Return a connection that waits so many seconds for a lock; used from one thread at a time, whichever it is."""
    connection = sqlite3.connect(path, timeout=wait, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    return connection


def open_writer(path: Path, campaign: str, *, wait: float) -> sqlite3.Connection:
    """Return a connection to this campaign's journal, whose commits are on the disk when they return.

    :raises JournalError: the file is another program's, another version's or another campaign's.
    """
    connection = connect(path, wait=wait)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        _make_or_check(connection, path, campaign)
    except BaseException:
        connection.close()
        raise
    return connection


def lock(path: Path) -> sqlite3.Connection:
    """Return a connection that holds the right to dial: as long as it is open, and the process alive.

    It is a lock on a file beside the journal, since the journal itself is read and settled by others meanwhile.
    """
    connection = sqlite3.connect(f"{path}-run", timeout=0, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _make_or_check(connection: sqlite3.Connection, path: Path, campaign: str) -> None:
    connection.execute("BEGIN IMMEDIATE")
    if not connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
        for statement in SCHEMA.split(";\n"):
            connection.execute(statement)
        connection.execute("INSERT INTO campaign (name) VALUES (?)", (campaign,))
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {_VERSION}")
    connection.execute("COMMIT")
    _check(connection, path, campaign)


def _check(connection: sqlite3.Connection, path: Path, campaign: str) -> None:
    if connection.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION:
        raise JournalError(f"the journal {path}: it is a database of another program")
    if (version := connection.execute("PRAGMA user_version").fetchone()[0]) != _VERSION:
        raise JournalError(f"the journal {path}: it is of version {version}, and this program reads {_VERSION}")
    if (name := connection.execute("SELECT name FROM campaign").fetchone()[0]) != campaign:
        raise JournalError(f"the journal {path}: it is of the campaign {name!r}, not {campaign!r}; name another file")
