"""One connection to PostgreSQL that comes back: what waits for an answer waits through a restart of the server.

Rules:

- One statement is one transaction, and it has come through when ``run`` returns.
- Statements run in a worker thread, one at a time: that is how they run on asyncio and on trio alike.
- A statement whose connection broke is run again on the next one. Whoever writes a statement makes that harmless.
- Nobody waits for somebody else's lock for good: it is asked for again as long as patience lasts.
- What has begun is not cancelled: a claim of which nobody knows would ring nobody.
"""

from collections.abc import Callable, Generator
from contextlib import ExitStack, closing, contextmanager
from typing import Any, Final, TypeVar

import anyio
import anyio.to_thread
import psycopg
from attrs import define, field
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row

from sinch_voice_async.errors import JournalError

__all__ = ["Connection", "Database", "Operation", "connect", "translated", "where"]

T = TypeVar("T")
Connection = psycopg.Connection[DictRow]
Operation = Callable[[Connection], T]

# A peer that has gone without a word is noticed in seconds, not in the quarter of an hour that TCP would take.
_DEFAULTS: Final = {
    "application_name": "sinch_voice_async",
    "connect_timeout": 10,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
# Whoever was told to stop, to wait or to try again: deadlocks, locks, a server that starts or stops, too many
# connections. A full disk is not among them: nothing that waits here makes room on it.
_PASSING: Final = frozenset({"40001", "40P01", "53300", "55P03", "57P01", "57P02", "57P03"})
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 2.0
# Whoever has set a time for locks knows why.
_SETTINGS: Final = """
SELECT
    CASE WHEN current_setting('synchronous_commit') IN ('off', 'local')
        THEN set_config('synchronous_commit', 'on', false) END,
    CASE WHEN current_setting('lock_timeout') = '0' THEN set_config('lock_timeout', '10s', false) END
"""


def where(url: str) -> str:
    """Return which database a URL means, without the user and the password.

    :raises JournalError: it is no URL of PostgreSQL.
    """
    try:
        words = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise JournalError("the journal: its URL is none of PostgreSQL: postgresql://user@host/database") from None
    return f"{words.get('host', 'localhost')}/{words.get('dbname', '')}"


def connect(url: str) -> Connection:
    """Return a connection on which each statement is a transaction, durable when done; no lock is waited for long."""
    words: dict[str, Any] = {**_DEFAULTS, **conninfo_to_dict(url)}
    with ExitStack() as stack:
        connection = Connection.connect(**words, autocommit=True, row_factory=dict_row)
        stack.enter_context(closing(connection))
        connection.execute(_SETTINGS)
        stack.pop_all()
    return connection


@contextmanager
def translated(place: str) -> Generator[None]:
    """Let what PostgreSQL raises come out as ``JournalError``."""
    try:
        yield
    except psycopg.Error as problem:
        # The rest of the message shows rows, and rows have telephone numbers.
        said = problem.diag.message_primary or str(problem).splitlines()[0]
        raise JournalError(f"the journal at {place}: {said}") from problem


@define(eq=False)
class Database:
    """A connection that comes back, used in one event loop.

    ``patience`` is how many seconds a statement waits for a server that is gone, or that says to come again.
    """

    url: str
    patience: float
    _connection: Connection | None = None
    _turn: anyio.CapacityLimiter = field(factory=lambda: anyio.CapacityLimiter(1))

    async def open(self, operation: Operation[T]) -> T:
        """Connect and carry out an operation, without patience: what is wrong at the beginning is wrong for good."""
        return await anyio.to_thread.run_sync(self._carry_out, operation, limiter=self._turn)

    async def run(self, operation: Operation[T], *, again: Operation[T] | None = None) -> T:
        """Carry out an operation, on the next connection where this one breaks; ``again`` instead from then on."""
        deadline = anyio.current_time() + self.patience
        pause = _FIRST_PAUSE
        while True:
            try:
                return await self.open(operation)
            except psycopg.Error as problem:
                if not _passing(problem) or anyio.current_time() > deadline:
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

    def _carry_out(self, operation: Operation[T]) -> T:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self.url)
        return operation(self._connection)


def _passing(problem: psycopg.Error) -> bool:
    """Whether it may help to try again: the connection is lost, or the server said as much."""
    if problem.sqlstate is None:
        return isinstance(problem, psycopg.OperationalError)
    return problem.sqlstate in _PASSING
