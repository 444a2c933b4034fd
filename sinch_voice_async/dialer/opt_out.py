"""What campaigns of a machine share: the numbers that opted out, with who, when and why; and a cap on callouts.

Rules:

- A number is on the disk when ``add`` returns, and it is never removed by itself.
- Every campaign of the machine may use the list at once, as ``do_not_call=``: each claim asks it anew.
- An opt-out that cannot be written is an error, and so is a list that cannot be read: a campaign stops then.
"""

import os
import sqlite3
import threading
import time
import weakref
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import ClassVar, Final

import anyio.to_thread
from attrs import frozen

from sinch_voice_async import _bounds, _files
from sinch_voice_async.dialer.contacts import read_number
from sinch_voice_async.errors import CampaignError, ConfigurationError
from sinch_voice_async.models.events import CallEvent, IncomingCall, PromptInput
from sinch_voice_async.models.svaml.actions import RunMenu
from sinch_voice_async.models.svaml.menus import Menu, MenuOption, return_, tts

__all__ = ["OptOut", "OptOutList", "SharedCap"]

_VALUE: Final = "opt-out"
_LONGEST: Final = 300
_DAY: Final = 86_400.0
_LONGEST_CAP: Final = 366

_OPENING: Final = threading.Lock()


@frozen
class OptOut:
    """A number that must not be called, since when (seconds since 1970), why, and by whom it was added if known."""

    number: str
    at: float
    why: str
    who: str | None = None


class _SharedFile(ABC):
    """A small database in a private file that campaigns share. What is written is on the disk at once."""

    path: Path
    _kind: ClassVar[str]
    _application: ClassVar[int]
    _schema: ClassVar[str]
    _lock: threading.Lock
    _database: sqlite3.Connection

    def close(self) -> None:
        """Close the file; it cannot be used afterwards."""
        with self._lock:
            self._database.close()
            _files.OPEN_DATABASES.pop(id(self), None)

    @abstractmethod
    def _look(self, database: sqlite3.Connection) -> None:
        """Read from the table once, and add what a file of a former release has not."""

    def _open(self) -> sqlite3.Connection:
        if not os.path.lexists(self.path):
            self._create()
        database = self._connect()
        try:
            database.execute("PRAGMA synchronous = FULL")
            self._check_application(database.execute("PRAGMA application_id").fetchone()[0])
            self._look(database)
        except BaseException:
            database.close()
            _files.OPEN_DATABASES.pop(id(self))
            raise
        return database

    def _connect(self) -> sqlite3.Connection:
        # SQLite's locks on a file are lost when the process closes any descriptor of it, so none is opened beside it.
        with _OPENING:
            found = _files.check_own(self.path)
            key = found.st_dev, found.st_ino
            if key not in list(_files.OPEN_DATABASES.values()):
                self._check_file()
            database = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
            _files.OPEN_DATABASES[id(self)] = key
            # An object that was not closed does not keep the inode's number from the next file.
            weakref.finalize(self, _files.OPEN_DATABASES.pop, id(self), None)
        return database

    def _create(self) -> None:
        """Make an empty file, which appears under its name only when it is whole."""
        if os.path.lexists(f"{self.path}-journal"):
            # SQLite would put back into the new file what a change of the old one had replaced.
            problem = f"it is gone, and its journal {self.path.name}-journal is still there"
            raise CampaignError(f"{self._kind} {self.path}: {problem}")
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
            database.execute(self._schema)
            database.execute(f"PRAGMA application_id = {self._application}")
            content = database.serialize()
        # Another process may have been first: then its file is the one.
        with suppress(FileExistsError):
            _files.write_whole(self.path, content, overwrite=False)

    def _check_file(self) -> None:
        """Check whose file it is before SQLite opens it, and change nothing about the file of another program."""
        with _files.reopen(self.path) as file:
            found = _files.application_of(file.fileno())
            if found is None:
                is_empty = not os.fstat(file.fileno()).st_size
                problem = "the file is empty; remove it to begin a new list" if is_empty else "it is not a database"
                raise CampaignError(f"{self._kind} {self.path}: {problem}")
            self._check_application(found[0])
            _files.make_private(file.fileno())

    def _check_application(self, found: int) -> None:
        if found != self._application:
            raise CampaignError(f"{self._kind} {self.path}: it is a file of another program")

    @contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise CampaignError(f"{self._kind} {self.path}: {error}") from error
        except OSError as error:
            raise CampaignError(f"{self._kind} {self.path}: {error.strerror}") from error


class OptOutList(_SharedFile):
    """A file of numbers that must not be called; give it to campaigns as ``do_not_call=``.

    ::

        opt_outs = OptOutList("opt-outs.sqlite")
        campaign = Campaign("reminders", journal="reminders.sqlite", do_not_call=opt_outs)

    The file is private and made if it is missing. An empty file is refused: it may have been a list. ``country`` allows
    national numbers in :meth:`add`. Lookups take microseconds, so they may be made on the event loop; writing waits for
    the disk.

    :raises CampaignError: the file cannot be used, or is another program's.
    """

    _kind = "the opt-out list"
    _application = 0x53564F4F  # "SVOO"
    _schema = (
        "CREATE TABLE opt_out (number TEXT PRIMARY KEY, at REAL NOT NULL, why TEXT NOT NULL, who TEXT) WITHOUT ROWID"
    )

    def __init__(self, path: str | os.PathLike[str], *, country: str | None = None) -> None:
        self.path: Path = _bounds.path(path, "path").absolute()
        self._country = country
        self._lock = threading.Lock()
        with self._translated():
            self._database = self._open()

    def __repr__(self) -> str:
        return f"OptOutList({str(self.path)!r})"

    def __str__(self) -> str:
        return "an opt-out list"

    def __call__(self, number: str) -> bool:
        """Say whether a number is on the list."""
        return number in self

    def __contains__(self, number: object) -> bool:
        with self._translated(), self._lock:
            found = self._database.execute("SELECT 1 FROM opt_out WHERE number = ?", (number,)).fetchone()
        return found is not None

    def __len__(self) -> int:
        with self._translated(), self._lock:
            count: int = self._database.execute("SELECT count(*) FROM opt_out").fetchone()[0]
        return count

    def __iter__(self) -> Iterator[OptOut]:
        with self._translated(), self._lock:
            rows = self._database.execute("SELECT number, at, why, who FROM opt_out ORDER BY at, number").fetchall()
        return iter([OptOut(*row) for row in rows])

    def find(self, number: str) -> OptOut | None:
        """Return the entry of a number, None if it is not on the list.

        :raises InvalidRequestError: the number cannot be read with certainty.
        :raises CampaignError: the list cannot be read.
        """
        wanted = read_number(number, country=self._country, allow_premium=True)
        with self._translated(), self._lock:
            found = self._database.execute(
                "SELECT number, at, why, who FROM opt_out WHERE number = ?", (wanted,)
            ).fetchone()
        return None if found is None else OptOut(*found)

    def add(self, numbers: str | Iterable[str], why: str, *, who: str | None = None) -> int:
        """Add numbers, and return how many were not there; the first reason and time of a number stay.

        ``who`` is the person or program that adds them. Texts are kept up to 300 characters.

        :raises InvalidRequestError: a number cannot be read with certainty; none of them is added then.
        :raises CampaignError: the list cannot be written.
        """
        given = [numbers] if isinstance(numbers, str) else numbers
        read = [read_number(each, country=self._country, allow_premium=True) for each in given]
        texts = [None if text is None else _kept(text) for text in (why, who)]
        rows = [(number, time.time(), *texts) for number in dict.fromkeys(read)]
        statement = "INSERT INTO opt_out (number, at, why, who) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
        with self._translated(), self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                added = self._database.executemany(statement, rows).rowcount
                self._database.execute("COMMIT")
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
        return added

    def menu(self, prompt: str, *, key: str = "9", options: Mapping[str, str] | None = None) -> RunMenu:
        """Return a menu in which a key means an opt-out, such as ``menu("To hear no more of us, press 9.")``.

        ``options`` are other keys and the values that they return. Answer it to an ACE event, and give the PIE event
        to :meth:`take`.

        :raises InvalidRequestError: a key is not one digit, or the prompt cannot be spoken.
        """
        keys = {key: _VALUE, **(options or {})}
        choices = [MenuOption(each, return_(value)) for each, value in keys.items()]
        return RunMenu(menus=[Menu("main", main_prompt=tts(prompt), options=choices)])

    def take(self, event: CallEvent, number: str | None = None) -> bool:
        """Add the number of a call in which the callee opted out, and say whether the event was an opt-out.

        A PIE event is one if the key of :meth:`menu` was pressed; ``number`` is the number that was called, which
        ``campaign.number_of(event)`` knows. An ICE event, an inbound call, is one always: its caller is added, so give
        only events of calls to an opt-out number.

        :raises ConfigurationError: a PIE event needs ``number``.
        :raises CampaignError: the list cannot be written.
        """
        if isinstance(event, IncomingCall):
            caller = number or event.cli or ""
            self.add(caller if caller.startswith(("+", "00")) else f"+{caller}", "inbound call", who="callee")
            return True
        if not isinstance(event, PromptInput) or event.menu_result.value != _VALUE:
            return False
        if number is None:
            raise ConfigurationError("take needs the number that was called: await campaign.number_of(event)")
        self.add(number, "key in a menu", who="callee")
        return True

    def _look(self, database: sqlite3.Connection) -> None:
        database.execute("SELECT 1 FROM opt_out LIMIT 1").fetchone()
        columns = {row[1] for row in database.execute("PRAGMA table_info(opt_out)")}
        if "who" not in columns:  # a list of a former release
            with suppress(sqlite3.OperationalError):  # another process may be first
                database.execute("ALTER TABLE opt_out ADD COLUMN who TEXT")


class SharedCap(_SharedFile):
    """A cap on callouts to a number in so many days, over all campaigns that share its file.

    ::

        cap = SharedCap("attempts.sqlite", attempts=4, days=30)
        first = Campaign("offers", journal="offers.sqlite", shared_cap=cap)
        second = Campaign("reminders", journal="reminders.sqlite", shared_cap=cap)

    Each callout is written into the file right before it is made, in one step with the look at the cap: two campaigns
    that run at once cannot pass it. A callout that was certainly not made is taken out again. A crash in between counts
    as a callout. Campaigns may have other caps with the same file; it keeps callouts for 366 days. ``attempts`` is at
    least 1, and ``days`` 1 to 366, of 24 hours each.

    :raises ConfigurationError: a number is out of range.
    :raises CampaignError: the file cannot be used, or is another program's.
    """

    _kind = "the file of callouts"
    _application = 0x53564154  # "SVAT"
    _schema = "CREATE TABLE callout (number TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (number, at)) WITHOUT ROWID"

    def __init__(self, path: str | os.PathLike[str], *, attempts: int, days: int) -> None:
        self.path: Path = _bounds.path(path, "path").absolute()
        self._attempts: int = _bounds.whole(attempts, "attempts", least=1)
        self._seconds: float = _bounds.whole(days, "days", least=1, most=_LONGEST_CAP) * _DAY
        self._lock = threading.Lock()
        with self._translated():
            self._database = self._open()

    def __repr__(self) -> str:
        return f"SharedCap({str(self.path)!r}, attempts={self._attempts}, days={self._seconds / _DAY:g})"

    async def free_at(self, number: str, at: float) -> float:
        """Return from when a callout to a number is allowed; it is past if it is allowed now."""
        return await anyio.to_thread.run_sync(self._free_at, number, at)

    async def take(self, number: str, at: float) -> bool:
        """Write down a callout if it is allowed now, and say whether it is."""
        return await anyio.to_thread.run_sync(self._take, number, at)

    async def give_back(self, number: str, at: float) -> None:
        """Take out a callout that was not made."""
        await anyio.to_thread.run_sync(self._give_back, number, at)

    def _free_at(self, number: str, at: float) -> float:
        with self._translated(), self._lock:
            return self._end(number, at)

    def _end(self, number: str, at: float) -> float:
        statement = "SELECT at FROM callout WHERE number = ? AND at > ? ORDER BY at DESC LIMIT 1 OFFSET ?"
        known = self._database.execute(statement, (number, at - self._seconds, self._attempts - 1)).fetchone()
        return 0.0 if known is None else float(known[0]) + self._seconds

    def _take(self, number: str, at: float) -> bool:
        with self._translated(), self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                is_free = self._end(number, at) <= at
                if is_free:
                    self._database.execute("INSERT OR IGNORE INTO callout VALUES (?, ?)", (number, at))
                    forgotten = (number, at - _LONGEST_CAP * _DAY)
                    self._database.execute("DELETE FROM callout WHERE number = ? AND at < ?", forgotten)
                self._database.execute("COMMIT")
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
        return is_free

    def _give_back(self, number: str, at: float) -> None:
        with self._translated(), self._lock:
            self._database.execute("DELETE FROM callout WHERE number = ? AND at = ?", (number, at))

    def _look(self, database: sqlite3.Connection) -> None:
        database.execute("SELECT 1 FROM callout LIMIT 1").fetchone()


def _kept(text: str) -> str:
    # What no database takes is kept as an escape.
    return text[:_LONGEST].encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")
