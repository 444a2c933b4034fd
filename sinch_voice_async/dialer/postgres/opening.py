"""Opening a campaign in a database: the tables are made if they are missing, brought to this version, or refused."""

from importlib.resources import files
from typing import TYPE_CHECKING, Final

from sinch_voice_async.dialer.postgres.database import SCHEMA, STATEMENTS, Connection
from sinch_voice_async.errors import JournalError

if TYPE_CHECKING:
    from typing import Any

__all__ = ["make_or_check"]

_VERSION: Final = 2
# Of two workers that come first, one makes the tables and the other waits: "SVDJ", as in the files of campaigns.
_LOCK: Final = 0x5356444A
_MIGRATION: Final = files("sinch_voice_async.dialer.postgres").joinpath("migrate_1.sql").read_bytes()


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


def _found(connection: Connection, statement: bytes, name: str = "") -> "Any":
    row = connection.execute(statement, {"name": name}).fetchone()
    assert row is not None
    return row["found"]
