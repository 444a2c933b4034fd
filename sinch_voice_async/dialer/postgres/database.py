"""One connection to PostgreSQL that comes back: a statement waits through a restart of the server.

Rules:

- One statement is one transaction, and it is durable when ``run`` returns.
- Statements run in a worker thread, one at a time, on asyncio and on trio alike.
- A statement whose connection broke is run again on the next connection. Each statement is written so that this is
  harmless.
- No lock is waited for without an end: it is asked for again until the time is over.
- A statement that has begun is not cancelled: nobody would know of its claim.
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

__all__ = ["SCHEMA", "STATEMENTS", "Address", "Connection", "Database", "Operation", "connect", "driver", "translated"]

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
# A time for locks that somebody set stays.
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
        return cls(words)

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
