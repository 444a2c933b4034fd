"""One connection to PostgreSQL that comes back, and the pacer that all machines of a campaign share there.

A statement waits through a restart of the server. Rules of the connection:

- One statement is one transaction, and it is durable when ``run`` returns.
- Statements run in a worker thread, one at a time, on asyncio and on trio alike.
- A statement whose connection broke is run again on the next connection. Each statement is written so that this is
  harmless.
- No lock is waited for without an end: it is asked for again until the time is over.
- A statement that has begun is not cancelled: its claim would be forgotten.
- The address with its password is opaque. Errors of the driver lose their frames, which hold it.

Rules of the pacer, which is columns of the campaign's row, and the clock of the database:

- Each caller gets an instant of its own. A process reserves a quarter of a second of them at most, and no more than it
  has callers.
- An instant that is more than a tenth of a second late is thrown away: what was held up does not go out at once.
- A request goes out at its instant and the time that most claims take, so that quick claims and slow ones are evenly
  spaced. A contact whose claim took much longer waits for another instant.
- A 429 anywhere slows all machines down, under the rules of ``dialer/pacing.py``.
- While the campaign is paused, cancelled or held, nothing goes out; a caller that waits meanwhile takes a new instant.
"""

import importlib
import math
import re
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeAlias, TypeVar

import anyio
import anyio.lowlevel
import anyio.to_thread
from attrs import define, field

from sinch_voice_async.dialer.pacing import Clock
from sinch_voice_async.dialer.sql import named_statements
from sinch_voice_async.errors import ConfigurationError, JournalError

if TYPE_CHECKING:
    import psycopg
    from psycopg.rows import DictRow

__all__ = [
    "SCHEMA",
    "STATEMENTS",
    "Address",
    "Connection",
    "Database",
    "Merging",
    "Operation",
    "SharedPacer",
    "Turn",
    "connect",
    "driver",
    "is_of_a_row",
    "make_or_check",
    "translated",
]

T = TypeVar("T")
Connection: TypeAlias = "psycopg.Connection[DictRow]"
Operation: TypeAlias = "Callable[[Connection], T]"

_FOLDER = files("sinch_voice_async.dialer.postgres")
# As bytes, which no type checker takes for text that was put together.
_VERSION_3: Final = _FOLDER.joinpath("version_3.sql").read_bytes()
SCHEMA: Final = _FOLDER.joinpath("schema.sql").read_bytes() + _VERSION_3
STATEMENTS: Final = {
    name: statement.encode()
    for name, statement in named_statements(_FOLDER.joinpath("statements.sql").read_text(encoding="utf-8")).items()
}

_VERSION: Final = 4
# The last version whose workers are written down: those that still live must end first.
_WITH_WORKERS: Final = 2
# Of two workers that come first, one makes the tables and the other waits: "SVDJ", as in the files of campaigns.
_LOCK: Final = 0x5356444A
# By the version from which each leads to the next one.
_MIGRATIONS: Final = {
    1: _FOLDER.joinpath("migrate_1.sql").read_bytes(),
    2: _FOLDER.joinpath("migrate_2.sql").read_bytes() + _VERSION_3,
    3: _FOLDER.joinpath("migrate_3.sql").read_bytes(),
}

# A peer that is gone without a word is noticed in seconds, not in the quarter of an hour that TCP would take.
_DEFAULTS: Final = {
    "application_name": "sinch_voice_async",
    "connect_timeout": 10,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
# Told to stop, to wait or to try again: deadlocks, locks, a server that starts or stops, too many connections. A full
# disk is not among them: nothing that waits here makes room on it.
_PASSING: Final = frozenset({"40001", "40P01", "53300", "55P03", "57P01", "57P02", "57P03"})
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 2.0
_MOST_MERGED: Final = 500
_DRIVER: Final = re.compile(r"^postgres(?:ql)?(?:\+\w+)?://", re.IGNORECASE)
# A time for locks that was set stays.
_SETTINGS: Final = """
SELECT
    CASE WHEN current_setting('synchronous_commit') IN ('off', 'local')
        THEN set_config('synchronous_commit', 'on', false) END,
    CASE WHEN current_setting('lock_timeout') = '0' THEN set_config('lock_timeout', '10s', false) END
"""


@cache
def driver() -> Any:
    """Return psycopg.

    :raises ConfigurationError: it is not installed.
    """
    try:
        psycopg = importlib.import_module("psycopg")
        importlib.import_module("psycopg.conninfo")
        importlib.import_module("psycopg.rows")
    except ImportError as error:
        raise ConfigurationError("for a journal in PostgreSQL, install sinch-voice-async[cluster]") from error
    return psycopg


class Address:
    """How to reach a database: a URL or a connection string. It shows the host and the database, never the password."""

    __slots__ = ("__words", "place")

    def __init__(self, words: dict[str, Any]) -> None:
        self.__words = words
        host = words.get("host") or words.get("hostaddr") or ("" if "service" in words else "localhost")
        self.place: str = f"{host}/{words.get('dbname', '')}" if host else f"service {words['service']}"

    @classmethod
    def of(cls, written: str) -> "Address | None":
        """Return the address that was written, None if it is not one of PostgreSQL."""
        if not written.strip():
            return None  # libpq would take the database of the user's name; it is rather a variable that is not set
        try:
            words = driver().conninfo.conninfo_to_dict(_DRIVER.sub("postgresql://", written.strip()))
        except (driver().ProgrammingError, UnicodeEncodeError):
            return None
        address = cls(words)
        # Words that a comma separates are one word to libpq, and the place is shown.
        return None if "password" in address.place.lower() else address

    def __repr__(self) -> str:
        return f"<{self.place}>"

    def __reduce__(self) -> Any:
        raise TypeError("the address of a database is not pickled: it may hold a password")

    def words(self) -> dict[str, Any]:
        """Return the words of the connection string, with those that are missing."""
        return {**_DEFAULTS, **self.__words}


def connect(address: Address) -> Connection:
    """Return a connection on which each statement is a transaction, durable when done; no lock is waited for long."""
    psycopg = driver()
    with ExitStack() as stack:
        connection: Connection = psycopg.Connection.connect(
            **address.words(),
            autocommit=True,
            # A pooler that gives each transaction another session does not know the statements that were prepared.
            prepare_threshold=None,
            row_factory=psycopg.rows.dict_row,
        )
        stack.enter_context(closing(connection))
        connection.execute(_SETTINGS)
        stack.pop_all()
    return connection


@contextmanager
def translated(place: str) -> Generator[None]:
    """Raise errors of PostgreSQL as ``JournalError``."""
    try:
        yield
    except driver().Error as error:
        # The rest of the message shows rows, and rows have telephone numbers.
        lines = str(error).splitlines() or [type(error).__name__]
        said = error.diag.message_primary or lines[0]
        # The frames of the driver have the password.
        error.__traceback__ = error.__context__ = error.__cause__ = None
        # So has what it keeps of the connection.
        error._pgconn = None  # noqa: SLF001  # psycopg has no other name for it
        raise JournalError(f"the journal at {place}: {said}") from error


@define(eq=False)
class Database:
    """A connection that comes back, used in one event loop.

    ``timeout`` is for how many seconds a statement waits for a server that is gone, or that says to try again.
    """

    address: Address
    timeout: float
    _connection: "Connection | None" = None
    _turn: anyio.CapacityLimiter = field(factory=lambda: anyio.CapacityLimiter(1))
    # A task that asyncio itself cancels leaves its turn at once, and its thread at work.
    _use: threading.Lock = field(factory=threading.Lock)

    async def open(self, operation: "Operation[T]") -> T:
        """Connect and carry out an operation once: what is wrong at the beginning is wrong for good."""
        return await anyio.to_thread.run_sync(self._carry_out, operation, limiter=self._turn)

    async def run(self, operation: "Operation[T]", *, again: "Operation[T] | None" = None) -> T:
        """Carry out an operation; if the connection breaks, carry out ``again``, or the operation, on the next one."""
        deadline = anyio.current_time() + self.timeout
        pause = _FIRST_PAUSE
        while True:
            try:
                return await self.open(operation)
            except driver().Error as error:
                if not _passing(error) or anyio.current_time() > deadline:
                    raise
            operation = again or operation
            await anyio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def close(self) -> None:
        """Close the connection, when the thread that uses it has ended."""
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._close, limiter=self._turn)

    def _carry_out(self, operation: "Operation[T]") -> T:
        with self._use:
            if self._connection is None or self._connection.closed:
                self._connection = connect(self.address)
            return operation(self._connection)

    def _close(self) -> None:
        with self._use:
            if self._connection is not None:
                self._connection.close()
            self._connection = None


def _passing(error: Any) -> bool:
    """Whether it may help to try again: the connection is lost, or the server said so."""
    if error.sqlstate is None:
        return isinstance(error, driver().OperationalError)
    return error.sqlstate in _PASSING


def is_of_a_row(error: JournalError) -> bool:
    """Say whether the values of a row were refused, and not the statement: another row may be right."""
    sqlstate = getattr(error.__cause__, "sqlstate", None) or ""
    return sqlstate[:2] in ("22", "23")


def make_or_check(connection: Connection, campaign: str, place: str, *, create: bool = True) -> int:
    """Return the number of a campaign; with ``create`` it is new if the database does not have it.

    :raises JournalError: the tables are of another version, workers of a former version are still there, or the
        database does not have the campaign.
    """
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        if not _found(connection, b"SELECT to_regclass('sinch_voice_dialer.version') IS NOT NULL AS found"):
            connection.execute(SCHEMA)
        version = _found(connection, b"SELECT version AS found FROM sinch_voice_dialer.version")
        if version in _MIGRATIONS:
            _migrate(connection, version, place)
        elif version != _VERSION:
            raise JournalError(f"the journal at {place}: it is of version {version}, and this program reads {_VERSION}")
        if create:
            connection.execute(STATEMENTS["add_campaign"], {"name": campaign})
        found = connection.execute(STATEMENTS["find_campaign"], {"name": campaign}).fetchone()
        if found is None:
            raise JournalError(f"the journal at {place}: no campaign {campaign!r}; enqueue its contacts first")
    number: int = found["found"]
    return number


def _migrate(connection: Connection, version: int, place: str) -> None:
    seen = (
        b"SELECT count(*) AS found FROM sinch_voice_dialer.worker WHERE seen_at > clock_timestamp() - interval '60 s'"
    )
    if version <= _WITH_WORKERS and _found(connection, seen):
        raise JournalError(f"the journal at {place}: workers of a former version use it; stop them first")
    for each in range(version, _VERSION):
        connection.execute(_MIGRATIONS[each])


def _found(connection: Connection, statement: bytes) -> Any:
    row = connection.execute(statement).fetchone()
    assert row is not None
    return row["found"]


class Keyed(Protocol):
    """A request that may be merged with others of another key."""

    @property
    def key(self) -> str:
        """What at most one request of a statement may have."""
        ...


R = TypeVar("R", bound=Keyed)
A = TypeVar("A")


@define(eq=False)
class _Entry(Generic[R, A]):
    request: R
    answer: A | None = None
    error: Exception | None = None
    is_done: bool = False


@define(eq=False)
class Merging(Generic[R, A]):
    """Sends the requests of many tasks as one statement: those that wait for the connection at the same moment.

    No timer is used: the first task that gets its turn sends for all, and a task that is alone waits for no other. Two
    requests with one key are never in one statement, since one of them would be lost. A request that has begun is not
    cancelled. If PostgreSQL refuses a value, each request is sent alone, so that one does not fail the others.

    ``turn`` is the lock of the connection. ``send`` gives the answers in the order of the requests.
    """

    send: Callable[[Sequence[R]], Awaitable[Sequence[A]]]
    turn: anyio.Lock
    _waiting: deque[_Entry[R, A]] = field(factory=deque)

    async def ask(self, request: R) -> A:
        """Send a request, and return its answer.

        :raises JournalError: the statement failed.
        """
        await anyio.lowlevel.checkpoint_if_cancelled()
        entry = _Entry[R, A](request)
        self._waiting.append(entry)
        try:
            with anyio.CancelScope(shield=True):
                while not entry.is_done:
                    async with self.turn:
                        if not entry.is_done:
                            await self._send_all(self._take())
        finally:
            if entry in self._waiting:
                self._waiting.remove(entry)
        if entry.error is not None:
            raise entry.error
        return entry.answer  # type: ignore[return-value]  # set with is_done

    def _take(self) -> list[_Entry[R, A]]:
        taken: dict[str, _Entry[R, A]] = {}
        left: deque[_Entry[R, A]] = deque()
        while self._waiting and len(taken) < _MOST_MERGED:
            entry = self._waiting.popleft()
            if entry.request.key in taken:
                left.append(entry)
            else:
                taken[entry.request.key] = entry
        self._waiting.extendleft(reversed(left))
        # In one order for all, so that two machines do not wait for each other's rows.
        return [taken[key] for key in sorted(taken)]

    async def _send_all(self, entries: list[_Entry[R, A]]) -> None:
        try:
            answers = await self.send([entry.request for entry in entries])
        except JournalError as error:
            if len(entries) > 1 and is_of_a_row(error):
                for entry in entries:
                    await self._send_all([entry])
            else:
                _fail(entries, error)
        except BaseException:
            _fail(entries, JournalError("the journal: a statement was cancelled, and its outcome is not known"))
            raise
        else:
            for entry, answer in zip(entries, answers, strict=True):
                entry.answer, entry.is_done = answer, True


def _fail(entries: Sequence[_Entry[Any, Any]], error: JournalError) -> None:
    for entry in entries:
        entry.error, entry.is_done = error, True


# How soon a process sees that a paused campaign goes on.
_LOOK: Final = 1.0
_LONGEST_HOLD: Final = 3600.0
_LATEST: Final = 0.1
# A request goes out so long after its instant that most claims are done by then. It is learned.
_FIRST_LEAD: Final = 0.02
_LEAD_GROWS: Final = 0.002
_LEAD_SHRINKS: Final = 0.0003
# So much later it is late.
_LATEST_CLAIM: Final = 0.06
# A process that is always late goes on after so many instants.
_MOST_INSTANTS: Final = 3
# An instant that is nearer was reserved a moment ago.
_FAR: Final = 0.25


@define(eq=False)
class Turn:
    """An instant at which a callout may go out. Made by ``SharedPacer.obtain``."""

    instant: float
    _pacer: "SharedPacer"

    async def is_in_time(self) -> bool:
        """Return True when the request may go out: in a moment, or at another instant if this one has passed.

        False says that nothing may go out: the campaign is paused, cancelled, or held for long.
        """
        return await self._pacer.is_in_time(self)


class SharedPacer:
    """Lets callouts of all machines out evenly, as ``Pacer`` does those of one process.

    ``rate`` is the callouts per second of all machines together, as this one saw it last. Made by
    ``PostgresJournal.pacer``.
    """

    def __init__(
        self, calls_per_second: float | None, clock: Clock, database: Database, campaign: Callable[[], int], place: str
    ) -> None:
        self.rate: float = calls_per_second or 1.0
        self._target = calls_per_second
        self._clock = clock
        self._database = database
        self._campaign = campaign
        self._place = place
        self._turn: anyio.Lock | None = None
        self._has_begun = calls_per_second is None
        self._instants: deque[float] = deque()
        self._wanted: float | None = None
        self._lead: float = _FIRST_LEAD

    async def wait(self) -> None:
        """Return when a callout may go out."""
        while await self.obtain() is None:
            await self._clock.sleep(_LOOK)

    async def obtain(self, callers: int = 1) -> Turn | None:
        """Wait for an instant, and return it; None if the campaign is paused, cancelled, or held for long.

        ``callers`` is how many instants are wanted soon.
        """
        self._turn = self._turn or anyio.Lock(fast_acquire=True)
        async with self._turn:
            await self._begin()
            while True:
                instant = self._next_instant()
                if instant is None:
                    instant = await self._reserve(callers + self._turn.statistics().tasks_waiting)
                if instant is None:
                    return None
                if await self._has_waited(instant):
                    return Turn(instant, self)

    async def is_in_time(self, turn: Turn) -> bool:
        """Return True when a contact that was claimed for an instant may be called; False if nothing may go out."""
        if math.isinf(self.rate):
            return True
        took = self._clock.monotonic() - turn.instant
        self._lead = max(self._lead + (_LEAD_GROWS if took > self._lead else -_LEAD_SHRINKS), 0.0)
        for _ in range(_MOST_INSTANTS):
            now = self._clock.monotonic()
            if not self._is_late(turn.instant, now):
                await self._clock.sleep(max(turn.instant + self._lead - now, 0.0))
                break
            another = await self.obtain()
            if another is None:
                return False
            turn.instant = another.instant
        return True

    def _is_late(self, instant: float, now: float) -> bool:
        return now - instant > self._lead + max(_LATEST_CLAIM, _LATEST_CLAIM / self.rate)

    def put_back(self, turn: Turn) -> None:
        """Let the next caller go instead of a callout that did not go out, if its instant has not passed."""
        now = self._clock.monotonic()
        if not self._is_late(turn.instant, now):
            self._instants.appendleft(now)

    async def slow_down(self, retry_after: float | None, sent_at: float) -> None:
        """Slow all machines down after a 429 for a callout that was sent at an instant of the monotonic clock."""
        await self._run("slow_down", age=self._clock.monotonic() - sent_at)
        await self.hold(min(max(retry_after or 0.0, 0.0), _LONGEST_HOLD))

    async def hold(self, seconds: float) -> None:
        """Let nothing out for so many seconds."""
        self._instants.clear()
        await self._run("hold", seconds=seconds)

    async def set_target(self, calls_per_second: float) -> None:
        """Change the wanted number of callouts per second of all machines together."""
        self._target = calls_per_second
        await self._run("set_target", target=calls_per_second)

    async def close(self) -> None:
        """Close the connection."""
        await self._database.close()

    async def _begin(self) -> None:
        if not self._has_begun:
            await self._run("set_target", target=self._target)
            self._has_begun = True

    def _next_instant(self) -> float | None:
        earliest = self._clock.monotonic() - _LATEST
        while self._instants:
            instant = self._instants.popleft()
            if instant >= earliest:
                return instant
        return None

    async def _reserve(self, callers: int) -> float | None:
        asked_at = self._clock.monotonic()
        reserved = await self._run("reserve", wanted=max(callers, 1))
        if reserved["is_open"] is None:
            raise JournalError(f"the journal at {self._place}: the campaign was deleted")
        if not reserved["is_open"]:
            return None
        gap: float = reserved["gap"]
        # The database has answered in between; on average, in the middle.
        first: float = (asked_at + self._clock.monotonic()) / 2 + reserved["wait"]
        self.rate, self._wanted = reserved["rate"], reserved["target"]
        self._instants.extend(first + gap * place for place in range(1, reserved["instants"]))
        return first

    async def _has_waited(self, instant: float) -> bool:
        """Wait for an instant; False if it passed unused."""
        left = instant - self._clock.monotonic()
        is_far = left > _FAR
        if left <= 0:
            await self._clock.sleep(left)
        while left > 0:
            await self._clock.sleep(min(left, _LOOK))
            left -= _LOOK
            if is_far and await self._has_changed():
                self._instants.clear()
                return False
        return True

    async def _has_changed(self) -> bool:
        now = await self._run("held")
        return now is None or now["is_held"] or now["target"] != self._wanted

    async def _run(self, name: str, **parameters: Any) -> Any:
        with translated(self._place):
            return await self._database.run(_row(name, parameters | {"campaign": self._campaign()}))


def _row(name: str, parameters: dict[str, Any]) -> "Operation[Any]":
    def operation(connection: Connection) -> Any:
        cursor = connection.execute(STATEMENTS[name], parameters)
        return None if cursor.description is None else cursor.fetchone()

    return operation
