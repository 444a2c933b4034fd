"""The calls and recordings of an exchange in a file, to outlive the process.

What changed is written after each step of the exchange, so that the process may be killed at any time. A call that was
ongoing then is over in the next process: FAILED if it was not answered, with the reason GENERALERROR, and without DiCE.

The file is a SQLite database with values by kind and name. One sandbox at a time has it; a second one gets an error.
What was written survives the end of the process, but perhaps not a power failure.
"""

import json
import logging
import os
import sqlite3
import stat
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from sinch_voice_async.sandbox.clock import Clock
from sinch_voice_async.sandbox.exchange.calls import Call, Calls, Ending, Entry, Handle, Heard, Party, Seat
from sinch_voice_async.sandbox.exchange.documents import Callout, read_callout
from sinch_voice_async.sandbox.exchange.recordings import Recording, Recordings
from sinch_voice_async.sandbox.requests import Fields

__all__ = ["CallStore", "Database", "Thing"]

APPLICATION = 0x53_56_41_53
MAGIC, HEADER_SIZE = b"SQLite format 3\0", 100
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
    _check_file(Path(path))
    connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        _prepare(connection)
    except sqlite3.Error as error:
        connection.close()
        raise _explained(error, path) from None
    return connection


def _check_file(path: Path) -> None:
    """Make sure of a file that only its owner reads: it holds a secret and what was said in calls.

    A file that is neither empty nor a sandbox's is refused before SQLite opens it, so that nothing about it changes.
    """
    # SQLite would take the log of a file that is gone for that of the new one.
    if os.path.lexists(f"{path}-wal") and not (path.exists() and path.stat().st_size):
        raise ValueError(f"{path}-wal is the log of a file that is gone: move or remove it, or name another file")
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        file = os.open(path, flags, 0o600)
    except OSError as error:
        raise OSError(error.errno, f"{path} cannot be opened for writing: {error.strerror}") from None
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            raise OSError(f"{path} cannot be opened for writing: it is not a regular file with one name")
        if hasattr(os, "geteuid") and found.st_uid != os.geteuid():
            raise OSError(f"{path} cannot be opened for writing: it belongs to another user")
        if found.st_size:
            _check_header(os.read(file, HEADER_SIZE), path)
        if hasattr(os, "fchmod") and found.st_mode & 0o077:
            os.fchmod(file, 0o600)
    finally:
        os.close(file)


def _check_header(head: bytes, path: Path) -> None:
    """Refuse what is not a database of this version. SQLite keeps both numbers in the header of a file."""
    if len(head) < HEADER_SIZE or not head.startswith(MAGIC):
        raise ValueError(f"{path} is not a SQLite database")
    application, schema = int.from_bytes(head[68:72]), int.from_bytes(head[60:64])
    if application != APPLICATION:
        raise ValueError(f"{path} is a database of something else than a sandbox")
    if schema != SCHEMA:
        raise ValueError(f"{path} was written by another version of the sandbox: its schema is {schema}, not {SCHEMA}")


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    [tables] = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if not tables:
        # Before the log begins: the header of the file itself must say whose it is, also after a crash.
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(TABLE)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {SCHEMA}")
        connection.execute("COMMIT")
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("COMMIT")


def _explained(error: sqlite3.Error, path: str | Path) -> OSError | ValueError:
    match error.sqlite_errorcode & 0xFF:
        case code if code in (NOT_A_DATABASE, DAMAGED):
            return ValueError(f"{path} is a damaged database")
        case code if code == IN_USE:
            return OSError(f"{path} is in use by another sandbox")
        case _:
            return OSError(f"{path} cannot be opened for writing: {error}")


logger: logging.Logger = logging.getLogger("sinch_voice_async.sandbox")

PLAIN = ("callback_headers", "cli", "domain", "custom", "placed_at", "updates", "cookies", "call_headers", "answered")


class CallStore:
    """Keeps calls, recordings and settings in one file. ``settings`` are those that were kept before.

    Raises ValueError or OSError as :class:`.Database` does. A file that cannot be written later is given up, and the
    log says so.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = path
        self._database: Database | None = Database(path)
        self.settings: dict[str, Any] = {each.name: json.loads(each.value) for each in self._load("setting")}
        self._recordings: dict[str, Recording] = {}
        self._version = 0
        self._sequence = 0

    def restore(self, calls: Calls, recordings: Recordings, clock: Clock) -> None:
        """Restore calls and recordings, and keep them from now on."""
        for each in self._load("recording"):
            recordings.restore(each.name, json.loads(each.value), each.content)
        self._recordings, self._version = {each.key: each for each in recordings}, recordings.version
        calls.forgotten = []
        for each in self._load("call"):
            calls.restore(_restored(each.name, json.loads(each.value), clock))

    def flush(
        self, calls: Calls, recordings: Recordings, clock: Clock, settings: Mapping[str, object] | None = None
    ) -> None:
        """Write what changed since the last time: calls, recordings, and these settings."""
        if not (settings or calls.forgotten or calls.sequence != self._sequence or recordings.version != self._version):
            return
        progress = {"began_on": clock.date(0.0).isoformat(), "now": clock.now(), "placed": calls.placed}
        changed, self._sequence = calls.changed_since(self._sequence), calls.sequence
        now = {each.key: each for each in recordings}
        stored = [_recording(each) for key, each in now.items() if self._recordings.get(key) is not each]
        gone = [("recording", key) for key in self._recordings if key not in now]
        forgotten, calls.forgotten = calls.forgotten or [], []
        self._recordings, self._version = now, recordings.version
        save = [_thing("setting", name, value) for name, value in {"progress": progress, **(settings or {})}.items()]
        self._write([*save, *stored, *_calls(changed)], [*gone, *(("call", call_id) for call_id in forgotten)])

    def close(self) -> None:
        """Close the file. Nothing is kept from then on."""
        database, self._database = self._database, None
        if database is not None:
            database.close()

    def _load(self, kind: str) -> list[Thing]:
        return [] if self._database is None else self._database.load(kind)

    def _write(self, save: list[Thing], forget: list[tuple[str, str]]) -> None:
        if self._database is None:
            return
        try:
            self._database.write(save=save, forget=forget)
        except sqlite3.Error as error:
            logger.error("%s is not written any more: %s", self._path, error)  # noqa: TRY400  # a traceback tells no more
            self.close()


def _thing(kind: str, name: str, value: Any) -> Thing:
    return Thing(kind, name, json.dumps(value))


def _recording(recording: Recording) -> Thing:
    value, content = recording.kept()
    return Thing("recording", recording.key, json.dumps(value), content)


def _calls(changed: list[Call]) -> Iterator[Thing]:
    for call in changed:
        try:
            yield _thing("call", call.call_id, _to_dict(call))
        except RecursionError:
            logger.warning("call %s is nested too deeply to be kept", call.call_id[:8])


def _to_dict(call: Call) -> dict[str, object]:
    parts = {name: getattr(call, name) for name in ("caller", "to", "connected_to", "seat", "ended")}
    return {
        "request": call.callout and call.callout.request,
        **{name: getattr(call, name) for name in PLAIN},
        **{name: part and asdict(part) for name, part in parts.items()},
        "log": [[entry.at, entry.kind, entry.text, entry.data] for entry in call.log],
        "heard": [asdict(heard) for heard in call.heard],
    }


def _restored(call_id: str, kept: Mapping[str, Any], clock: Clock) -> Call:
    """Return a call that is over, as it was kept or broken off."""
    call = Call(
        call_id=call_id,
        callout=_callout(kept["request"]),
        caller=_party(kept["caller"]),
        to=Party(**kept["to"]),
        connected_to=_party(kept["connected_to"]),
        seat=kept["seat"] and Seat(**kept["seat"]),
        ended=kept["ended"] and Ending(**kept["ended"]),
        log=[Entry(*entry) for entry in kept["log"]],
        heard=[Heard(**heard) for heard in kept["heard"]],
        clock=clock,
        **{name: kept[name] for name in PLAIN},
    )
    call.handle = Handle()
    if call.ended is None:
        _break_off(call)
    return call


def _break_off(call: Call) -> None:
    at = call.log[-1].at
    call.ended = Ending(at, "FAILED" if call.answered is None else "ANSWERED", "GENERALERROR")
    call.log.append(Entry(at, "note", "the sandbox ended during this call"))
    data = {"result": call.ended.result, "reason": call.ended.reason, "duration": call.duration}
    call.log.append(Entry(at, "state", "final", data))


def _callout(request: Mapping[str, object] | None) -> Callout | None:
    # The limit of texts may have been higher when the call was placed.
    return None if request is None else read_callout(Fields(request), max_text_length=len(json.dumps(request)))


def _party(kept: Mapping[str, str] | None) -> Party | None:
    return None if kept is None else Party(**kept)
