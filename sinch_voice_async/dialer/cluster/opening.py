"""Opening a campaign in a database: the tables are made where they are missing, and refused where they are not ours."""

from typing import Final

from sinch_voice_async.dialer.cluster.database import Connection
from sinch_voice_async.dialer.cluster.statements import SCHEMA, STATEMENTS
from sinch_voice_async.errors import JournalError

__all__ = ["make_or_check"]

_VERSION: Final = 1
# Of two workers that come first, one makes the tables and the other waits: "SVDJ", as in the files of campaigns.
_LOCK: Final = 0x5356444A


def make_or_check(connection: Connection, campaign: str, place: str) -> int:
    """Return the number of a campaign, which is new where nobody has heard of it.

    :raises JournalError: the tables are of another version.
    """
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        if not _found(connection, b"SELECT to_regclass('sinch_voice_dialer.version') IS NOT NULL AS found"):
            connection.execute(SCHEMA)
        version = _found(connection, b"SELECT version AS found FROM sinch_voice_dialer.version")
        if version != _VERSION:
            raise JournalError(f"the journal at {place}: it is of version {version}, and this program reads {_VERSION}")
        connection.execute(STATEMENTS["add_campaign"], {"name": campaign})
        return _found(connection, STATEMENTS["find_campaign"], campaign)


def _found(connection: Connection, statement: bytes, name: str = "") -> int:
    row = connection.execute(statement, {"name": name}).fetchone()
    assert row is not None
    found: int = row["found"]
    return found
