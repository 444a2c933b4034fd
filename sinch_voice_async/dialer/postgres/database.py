"""One connection to PostgreSQL that comes back: a statement waits through a restart of the server.

Rules:

- One statement is one transaction, and it is durable when ``run`` returns.
- Statements run in a worker thread, one at a time, on asyncio and on trio alike.
- A statement whose connection broke is run again on the next connection. Each statement is written so that this is
  harmless.
- No lock is waited for without an end: it is asked for again until the time is over.
- A statement that has begun is not cancelled: its claim would be forgotten.
- The address with its password is opaque. Errors of the driver lose their frames, which hold it.
"""

import importlib
import re
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing, contextmanager
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import anyio
import anyio.to_thread
from attrs import define, field

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
    "Operation",
    "connect",
    "driver",
    "make_or_check",
    "translated",
]

T = TypeVar("T")
Connection: TypeAlias = "psycopg.Connection[DictRow]"
Operation: TypeAlias = "Callable[[Connection], T]"

_FOLDER = files("sinch_voice_async.dialer.postgres")
# As bytes, which no type checker takes for text that was put together.
SCHEMA: Final = _FOLDER.joinpath("schema.sql").read_bytes()
STATEMENTS: Final = {
    name: statement.encode()
    for name, statement in named_statements(_FOLDER.joinpath("statements.sql").read_text(encoding="utf-8")).items()
}

_VERSION: Final = 2
# Of two workers that come first, one makes the tables and the other waits: "SVDJ", as in the files of campaigns.
_LOCK: Final = 0x5356444A
_MIGRATION: Final = _FOLDER.joinpath("migrate_1.sql").read_bytes()

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
        try:
            words = driver().conninfo.conninfo_to_dict(_DRIVER.sub("postgresql://", written.strip()))
        except driver().ProgrammingError:
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
            **address.words(), autocommit=True, row_factory=psycopg.rows.dict_row
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
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(connection.close, limiter=self._turn)

    def _carry_out(self, operation: "Operation[T]") -> T:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self.address)
        return operation(self._connection)


def _passing(error: Any) -> bool:
    """Whether it may help to try again: the connection is lost, or the server said so."""
    if error.sqlstate is None:
        return isinstance(error, driver().OperationalError)
    return error.sqlstate in _PASSING


def make_or_check(connection: Connection, campaign: str, place: str) -> int:
    """Return the number of a campaign; it is new if the database does not have it.

    :raises JournalError: the tables are of another version, or workers of version 1 are still there.
    """
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        if not _found(connection, b"SELECT to_regclass('sinch_voice_dialer.version') IS NOT NULL AS found"):
            connection.execute(SCHEMA)
        version = _found(connection, b"SELECT version AS found FROM sinch_voice_dialer.version")
        if version == 1:
            _migrate(connection, place)
        elif version != _VERSION:
            raise JournalError(f"the journal at {place}: it is of version {version}, and this program reads {_VERSION}")
        connection.execute(STATEMENTS["add_campaign"], {"name": campaign})
        number: int = _found(connection, STATEMENTS["find_campaign"], campaign)
    return number


def _migrate(connection: Connection, place: str) -> None:
    seen = (
        b"SELECT count(*) AS found FROM sinch_voice_dialer.worker WHERE seen_at > clock_timestamp() - interval '60 s'"
    )
    if _found(connection, seen):
        raise JournalError(f"the journal at {place}: workers of a former version use it; stop them first")
    connection.execute(_MIGRATION)


def _found(connection: Connection, statement: bytes, name: str = "") -> Any:
    row = connection.execute(statement, {"name": name}).fetchone()
    assert row is not None
    return row["found"]
